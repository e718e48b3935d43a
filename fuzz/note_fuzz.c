/* Signed notes and verifier keys: a note put together again from its parts is
 * the same bytes, a key likewise, and no input makes a signature verify. */
#include "../core/note.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static uint8_t again[DEMUR_NOTE_MAX];

static void note_comes_back(const struct demur_note *note, struct span bytes)
{
    struct buf out = buf_over(again, sizeof again);
    must(note->len >= 1 && note->len <= DEMUR_NOTE_SIGNATURES_MAX);
    must(demur_note_put_text(&out, note->text, NULL) == DEMUR_OK);
    for (size_t i = 0; i < note->len; i++) {
        must(demur_note_name_ok(note->signature[i].name));
        buf_put_str(&out, "\xE2\x80\x94 ");
        buf_put_span(&out, note->signature[i].name);
        buf_put_byte(&out, ' ');
        buf_put_span(&out, note->signature[i].base64);
        buf_put_byte(&out, '\n');
    }
    must(buf_ok(&out) && span_eq(buf_span(&out), bytes));
}

/* Ask about keys that claim the first signature, with its name and id, but a
 * public key that nobody has the secret of. */
static void nothing_verifies(const struct demur_note *note)
{
    struct demur_note_seen seen;
    struct demur_note_key key = {.name = note->signature[0].name, .alg = DEMUR_NOTE_ED25519};
    memcpy(key.id, note->signature[0].id, sizeof key.id);
    memset(key.public_key, 0x66, sizeof key.public_key);
    must(demur_note_verify(note, &key, &seen, 1, NULL) != DEMUR_OK);
    key.alg = DEMUR_NOTE_COSIGNATURE;
    must(demur_note_verify(note, &key, &seen, 1, NULL) != DEMUR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct demur_diag diag = {0};
    struct span bytes = span_of(data, size);
    struct demur_note note;
    enum demur_err err = demur_note_parse(&note, bytes, &diag);
    must(err == diag.code);
    if (err == DEMUR_OK) {
        note_comes_back(&note, bytes);
        nothing_verifies(&note);
    }
    struct demur_note_key key;
    if (demur_note_key_parse(&key, bytes, NULL) == DEMUR_OK) {
        struct buf out = buf_over(again, DEMUR_NOTE_KEY_TEXT_MAX);
        demur_note_key_put(&out, &key);
        must(buf_ok(&out) && span_eq(buf_span(&out), bytes));
    }
    return 0;
}
