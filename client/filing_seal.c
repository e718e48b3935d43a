/* A memo, its attachments and its author's name card: written, checked, sealed. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/card.h"
#include "../core/seal.h"
#include "filing.h"

static struct span base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return span_str(slash ? slash + 1 : path);
}

static enum demur_err read_files(struct making *m, struct demur_letter *letter,
                                 struct demur_diag *diag)
{
    const struct demur_filing *f = m->filing;
    if (f->files_len > DEMUR_LETTER_ATTACHMENTS_MAX)
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "Attachment",
                             "a memo has %u attachments at most", DEMUR_LETTER_ATTACHMENTS_MAX);
    for (size_t i = 0; i < f->files_len; i++) {
        struct demur_blob_ref name;
        enum demur_err err = demur_path_read(f->files[i], DEMUR_BLOB_MAX, &m->files[i], diag);
        if (err)
            return err;
        blob_name(&name, demur_bytes_span(&m->files[i]));
        struct demur_letter_file *file = &letter->files[letter->files_len++];
        memcpy(file->hash, name.hash, 32);
        file->size = name.size;
        file->name = base_name(f->files[i]);
    }
    return DEMUR_OK;
}

static struct buf fresh(size_t len)
{
    struct buf entropy = heap_buf(len);
    if (entropy.p) {
        randombytes_buf(entropy.p, entropy.cap);
        entropy.len = entropy.cap;
    }
    return entropy;
}

void sealed_take(struct sealed *out, struct buf *file)
{
    out->bytes = heap_buf_take(file);
    blob_name(&out->name, demur_bytes_span(&out->bytes));
}

enum demur_err seal_once(struct span plain, const struct demur_age_recipient *to, size_t n,
                         struct sealed *out, struct demur_diag *diag)
{
    struct buf entropy = fresh(DEMUR_AGE_ENTROPY_LEN(n));
    struct buf file = heap_buf(demur_age_sealed_len(plain.len, n));
    enum demur_err err = entropy.p && file.p ? DEMUR_OK : no_memory(diag);
    if (!err)
        err = demur_age_seal(&file, plain, to, n, buf_span(&entropy), diag);
    if (!err)
        sealed_take(out, &file);
    heap_buf_free(&entropy);
    heap_buf_free(&file);
    return err;
}

enum demur_err seal_twice(struct span padded, const struct demur_age_recipient *to, size_t n,
                          const uint8_t release[static 32], struct sealed *out,
                          struct demur_diag *diag)
{
    struct buf entropy = fresh(DEMUR_MEMO_ENTROPY_LEN(n));
    struct buf inner = heap_buf(demur_memo_inner_len(padded.len, n));
    struct buf outer = heap_buf(demur_memo_outer_len(padded.len, n));
    enum demur_err err = entropy.p && inner.p && outer.p ? DEMUR_OK : no_memory(diag);
    if (!err)
        err = demur_memo_seal(&outer, &inner, padded, to, n, release, buf_span(&entropy), diag);
    if (!err)
        sealed_take(out, &outer);
    heap_buf_free(&entropy);
    heap_buf_free(&inner);
    heap_buf_free(&outer);
    return err;
}

static enum demur_err seal_padded(const struct demur_draft *d, struct span padded,
                                  struct sealed *out, struct demur_diag *diag)
{
    return d->circulates
               ? seal_once(padded, d->readers, DEMUR_COUNT(d->readers), out, diag)
               : seal_twice(padded, d->recipients, d->recipients_len, d->release, out, diag);
}

static enum demur_err seal_files(struct making *m, struct demur_diag *diag)
{
    struct demur_draft *d = m->draft;
    for (size_t i = 0; i < m->filing->files_len; i++) {
        struct buf padded = heap_buf(demur_padded_len(m->files[i].len));
        if (!padded.p)
            return no_memory(diag);
        buf_put_span(&padded, demur_bytes_span(&m->files[i]));
        demur_attachment_pad(&padded);
        enum demur_err err = seal_padded(d, buf_span(&padded), &d->files[i], diag);
        heap_buf_free(&padded);
        if (err)
            return err;
        d->files_len++;
        client_progress(m->c, "sealing attachments", i + 1, m->filing->files_len);
    }
    return DEMUR_OK;
}

static void describe(struct making *m, struct span body, struct demur_letter *letter)
{
    const struct demur_filing *f = m->filing;
    letter->kind = DEMUR_LETTER_MEMO;
    memcpy(letter->channel, m->c->options.channel, 32);
    letter->dissent = span_str(m->draft->dissent);
    letter->revision = m->draft->revision;
    randombytes_buf(letter->salt, sizeof letter->salt);
    letter->title = f->title;
    letter->marking = f->marking;
    letter->date_s = demur_client_now(m->c);
    letter->to_len = m->draft->to_len;
    memcpy(letter->to, m->draft->to, sizeof letter->to);
    letter->has_points = f->points > 0;
    letter->points = f->points;
    letter->body = body;
}

/* The letter's text, checked against the grammar and the policy's form, into *text,
 * which has room for the padding. */
static enum demur_err write_memo(struct making *m, struct span body, struct buf *text,
                                 struct demur_diag *diag)
{
    struct demur_letter letter = {0}, again;
    describe(m, body, &letter);
    enum demur_err err = read_files(m, &letter, diag);
    if (err)
        return err;
    if (body.len == 0)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "body", "the memo has no text");
    if (letter.title.len == 0)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "Title", "the memo has no title");
    demur_letter_put(text, &letter);
    if (!buf_ok(text))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the memo is too long");
    err = demur_letter_parse(&again, buf_span(text), diag);
    if (!err)
        err = demur_memo_check(&again, m->policy, diag);
    if (!err)
        demur_commitment(m->commitment, letter.salt, buf_span(text));
    return err;
}

enum demur_err making_letter(struct making *m, struct demur_diag *diag)
{
    struct span given = m->filing->body;
    if (given.len > DEMUR_LETTER_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a memo may have at most %u bytes",
                          DEMUR_LETTER_MAX);
    struct buf body = heap_buf(given.len + 1);
    struct buf text = heap_buf(demur_padded_len(given.len + 32768));
    enum demur_err err = body.p && text.p ? DEMUR_OK : no_memory(diag);
    if (!err) {
        buf_put_span(&body, given);
        body.len = demur_letter_body_tidy((char *)body.p, body.len);
        err = write_memo(m, buf_span(&body), &text, diag);
    }
    if (!err) {
        demur_letter_pad(&text);
        err = buf_ok(&text) ? seal_padded(m->draft, buf_span(&text), &m->draft->memo, diag)
                            : demur_fail(diag, DEMUR_ERR_LIMIT, "the memo is too long");
    }
    heap_buf_free(&body);
    heap_buf_free(&text);
    return err ? err : seal_files(m, diag);
}

/* ---- the name card ---- */

enum demur_err card_write(uint8_t out[static DEMUR_CARD_LEN], const struct demur_actor *member,
                          const struct demur_card_about *about, const struct span *roles,
                          size_t roles_len, const uint8_t ring_secret[static 32],
                          struct demur_diag *diag)
{
    const struct demur_identity *id = member->identity;
    uint8_t entropy[64];
    if (!id->name[0])
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "name",
                             "your identity holds no name to sign under: add one, or sign without");
    randombytes_buf(entropy, sizeof entropy);
    enum demur_err err =
        demur_card_make(out, about, roles, roles_len, span_str(id->handle), span_str(id->name),
                        ring_secret, member->keys.secret_key, entropy, diag);
    sodium_memzero(entropy, sizeof entropy);
    return err;
}

enum demur_err card_seal(const uint8_t *plain, const struct demur_age_recipient *to, size_t n,
                         struct sealed *out, struct demur_diag *diag)
{
    uint8_t noise[DEMUR_CARD_LEN];
    if (plain)
        return seal_once(span_of(plain, DEMUR_CARD_LEN), to, n, out, diag);
    struct demur_age_recipient *nobody = malloc(n * sizeof *nobody);
    if (!nobody)
        return no_memory(diag);
    strangers(nobody, n);
    randombytes_buf(noise, sizeof noise);
    enum demur_err err = seal_once(span_of(noise, sizeof noise), nobody, n, out, diag);
    sodium_memzero(noise, sizeof noise);
    free(nobody);
    return err;
}

enum demur_err making_card(struct making *m, struct demur_diag *diag)
{
    struct demur_draft *d = m->draft;
    uint8_t plain[DEMUR_CARD_LEN], scope_text[DEMUR_SCOPE_MAX];
    struct buf scope = buf_over(scope_text, sizeof scope_text);
    demur_scope_cosign(&scope, m->c->options.channel, span_str(d->dissent), d->revision);
    demur_ring_tag(m->tag, buf_span(&scope), m->ring_secret);
    struct demur_card_about about = {m->c->options.channel, span_str(d->dissent), d->revision,
                                     m->commitment, m->tag};
    enum demur_err err = DEMUR_OK;
    if (m->filing->named)
        err = card_write(plain, m->member, &about, d->to, d->to_len, m->ring_secret, diag);
    if (!err)
        err = card_seal(m->filing->named ? plain : NULL, d->recipients, d->recipients_len, &d->card,
                        diag);
    sodium_memzero(plain, sizeof plain);
    return err;
}
