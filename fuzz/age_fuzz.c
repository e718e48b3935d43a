/* age files. A header that parses is written again from its stanzas to the same
 * bytes; a payload that opens is sealed again to the same bytes, and does not
 * open once a bit of the file is changed. Identity and passphrase are known, so
 * that mutations of the seeds get past them. */
#include "../core/age.h"
#include "../core/encode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX 200000
#define PASSPHRASE span_lit("demur")
static uint8_t plain_room[FILE_MAX], again_room[FILE_MAX], changed_room[FILE_MAX];
static uint8_t body_room[FILE_MAX];

static void must(bool so)
{
    if (!so)
        abort();
}

/* Take a stanza, already known to be well formed, off *text. */
static struct demur_age_stanza stanza_next(struct span *text, struct buf *bodies)
{
    bool found;
    struct span args = span_skip(span_split(text, '\n', &found), 3), line;
    size_t start = bodies->len;
    do {
        line = span_split(text, '\n', &found);
        must(found && line.len <= 64);
        must(demur_base64_bare_decode(bodies, line) == DEMUR_OK);
    } while (line.len == 64);
    return (struct demur_age_stanza){args, span_of(bodies->p + start, bodies->len - start)};
}

static void header_again(const struct demur_age_header *h)
{
    static struct demur_age_stanza stanzas[DEMUR_AGE_HEADER_MAX / 6];
    static const uint8_t file_key[DEMUR_AGE_FILE_KEY_LEN];
    struct buf bodies = buf_over(body_room, sizeof body_room);
    struct buf again = buf_over(again_room, sizeof again_room);
    struct span text = h->stanzas;
    size_t n = 0;
    while (text.len)
        stanzas[n++] = stanza_next(&text, &bodies);
    must(n == h->stanza_count);
    enum demur_err err =
        demur_age_header_write(&again, file_key, NULL, 0, span_of(NULL, 0), stanzas, n, NULL);
    if (h->scrypt) {
        must(err == DEMUR_ERR_SYNTAX);
        return;
    }
    must(err == DEMUR_OK && span_eq(span_take(buf_span(&again), h->macced.len), h->macced));
}

static void payload_again(const uint8_t *file_key, const struct demur_age_header *h,
                          struct span plain, struct span payload)
{
    struct demur_age_stream w;
    struct buf again = buf_over(again_room, sizeof again_room);
    demur_age_writer_init(&w, &again, file_key, h->nonce.p);
    for (; plain.len > DEMUR_AGE_CHUNK_LEN; plain = span_skip(plain, DEMUR_AGE_CHUNK_LEN))
        must(demur_age_writer_push(&w, &again, span_take(plain, DEMUR_AGE_CHUNK_LEN)) == DEMUR_OK);
    must(demur_age_writer_finish(&w, &again, plain) == DEMUR_OK);
    must(span_eq(span_skip(buf_span(&again), DEMUR_AGE_NONCE_LEN), payload));
}

static enum demur_err open_file(struct buf *out, struct span file, bool scrypt,
                                const struct demur_age_identity *id, struct demur_diag *diag)
{
    return scrypt ? demur_age_open_symmetric(out, file, PASSPHRASE, 4, diag)
                  : demur_age_open(out, file, id, 1, diag);
}

static void changed(struct span file, bool scrypt, const struct demur_age_identity *id)
{
    struct buf out = buf_over(plain_room, sizeof plain_room);
    size_t at = 0;
    for (size_t i = 0; i < file.len; i++)
        at = (at * 31 + file.p[i]) % file.len;
    memcpy(changed_room, file.p, file.len);
    changed_room[at] ^= (uint8_t)(1u << at % 8);
    must(open_file(&out, span_of(changed_room, file.len), scrypt, id, NULL) != DEMUR_OK);
    must(out.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[DEMUR_AGE_KEY_LEN] = {0x42};
    struct span file = span_of(data, size);
    struct demur_age_header h;
    struct demur_diag diag = {0};
    if (size > FILE_MAX / 2)
        return 0;
    enum demur_err err = demur_age_header_parse(&h, file, DEMUR_AGE_HEADER_MAX, &diag);
    must(err == diag.code);
    if (err != DEMUR_OK) {
        must(diag.line > 0);
        return 0;
    }
    must(h.payload_at <= size && h.nonce.len == DEMUR_AGE_NONCE_LEN);
    header_again(&h);
    struct demur_age_identity id;
    demur_age_identity_init(&id, secret);
    struct buf out = buf_over(plain_room, sizeof plain_room);
    err = open_file(&out, file, h.scrypt, &id, &diag);
    must(err == diag.code && (err == DEMUR_OK || out.len == 0));
    if (err != DEMUR_OK)
        return 0;
    uint8_t file_key[DEMUR_AGE_FILE_KEY_LEN];
    err = h.scrypt ? demur_age_header_unwrap_scrypt(file_key, &h, PASSPHRASE, 4, NULL)
                   : demur_age_header_unwrap(file_key, &h, &id, 1, NULL);
    must(err == DEMUR_OK);
    payload_again(file_key, &h, buf_span(&out), span_skip(file, h.payload_at));
    changed(file, h.scrypt, &id);
    return 0;
}
