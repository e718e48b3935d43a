/* age_file.c - payloads and whole files; see age.h. */
#include <sodium.h>

#include "age_inner.h"
#include "encode.h"
#include "hash.h"

static void stream_init(struct demur_age_stream *s,
                        const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                        const uint8_t nonce[static DEMUR_AGE_NONCE_LEN])
{
    *s = (struct demur_age_stream){0};
    demur_hkdf(s->key, sizeof s->key, span_of(nonce, DEMUR_AGE_NONCE_LEN),
               span_of(file_key, DEMUR_AGE_FILE_KEY_LEN), span_lit("payload"));
}

static enum demur_err stream_end(struct demur_age_stream *s, enum demur_err err)
{
    s->failed |= err != DEMUR_OK;
    sodium_memzero(s->key, sizeof s->key);
    return err;
}

/* STREAM's nonce: an 11-byte counter, then whether this is the last chunk. No
 * file has the 2^64 chunks that would overflow ours. */
static void chunk_nonce(uint8_t nonce[static 12], uint64_t chunk, bool last)
{
    memset(nonce, 0, 12);
    struct buf counter = buf_over(nonce + 3, 8);
    buf_put_be64(&counter, chunk);
    nonce[11] = last;
}

/* Asked first, so that a buffer that is too small keeps its contents and state. */
static bool has_room(const struct buf *out, size_t len)
{
    return buf_ok(out) && len <= out->cap - out->len;
}

static enum demur_err chunk_seal(struct demur_age_stream *w, struct buf *out, struct span chunk,
                                 bool last)
{
    uint8_t nonce[12];
    if (!has_room(out, chunk.len + DEMUR_AGE_TAG_LEN))
        return DEMUR_ERR_SPACE;
    uint8_t *at = buf_reserve(out, chunk.len + DEMUR_AGE_TAG_LEN);
    chunk_nonce(nonce, w->chunks++, last);
    crypto_aead_chacha20poly1305_ietf_encrypt(at, NULL, chunk.p, chunk.len, NULL, 0, NULL, nonce,
                                              w->key);
    w->released += chunk.len;
    w->ended = last;
    return DEMUR_OK;
}

void demur_age_writer_init(struct demur_age_stream *w, struct buf *out,
                           const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                           const uint8_t nonce[static DEMUR_AGE_NONCE_LEN])
{
    stream_init(w, file_key, nonce);
    buf_put(out, nonce, DEMUR_AGE_NONCE_LEN);
}

enum demur_err demur_age_writer_push(struct demur_age_stream *w, struct buf *out, struct span chunk)
{
    if (w->ended || chunk.len != DEMUR_AGE_CHUNK_LEN)
        return DEMUR_ERR_LIMIT;
    return chunk_seal(w, out, chunk, false);
}

enum demur_err demur_age_writer_finish(struct demur_age_stream *w, struct buf *out,
                                       struct span chunk)
{
    if (w->ended || chunk.len > DEMUR_AGE_CHUNK_LEN || (chunk.len == 0 && w->chunks))
        return DEMUR_ERR_LIMIT;
    enum demur_err err = chunk_seal(w, out, chunk, true);
    return err == DEMUR_OK ? stream_end(w, err) : err;
}

void demur_age_reader_init(struct demur_age_stream *r,
                           const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                           const uint8_t nonce[static DEMUR_AGE_NONCE_LEN])
{
    stream_init(r, file_key, nonce);
}
/* Append the chunk's plaintext when it is authentic. Room was checked. */
static bool chunk_open(struct demur_age_stream *r, struct buf *out, struct span sealed, bool last)
{
    uint8_t nonce[12];
    size_t len = sealed.len - DEMUR_AGE_TAG_LEN;
    chunk_nonce(nonce, r->chunks, last);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out->p ? out->p + out->len : NULL, NULL, NULL,
                                                  sealed.p, sealed.len, NULL, 0, nonce,
                                                  r->key) != 0)
        return false;
    out->len += len;
    r->released += len;
    r->chunks++;
    r->ended = last;
    return true;
}

static enum demur_err reader_fail(struct demur_age_stream *r, const char *why,
                                  struct demur_diag *diag)
{
    return demur_fail(diag, stream_end(r, DEMUR_ERR_VERIFY),
                      "the sealed file is damaged: %s; its first %llu bytes are authentic", why,
                      (unsigned long long)r->released);
}

static const char after_failure[] = "an earlier part did not open";
static const char after_end[] = "there are bytes after its last chunk";

enum demur_err demur_age_reader_push(struct demur_age_stream *r, struct buf *out,
                                     struct span sealed, struct demur_diag *diag)
{
    if (sealed.len != DEMUR_AGE_SEALED_CHUNK_LEN)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a full chunk has %d bytes, not %zu",
                          DEMUR_AGE_SEALED_CHUNK_LEN, sealed.len);
    if (r->failed || r->ended)
        return reader_fail(r, r->failed ? after_failure : after_end, diag);
    if (!has_room(out, DEMUR_AGE_CHUNK_LEN))
        return demur_fail(diag, DEMUR_ERR_SPACE, "there is no room for a chunk");
    if (chunk_open(r, out, sealed, false) || chunk_open(r, out, sealed, true))
        return DEMUR_OK;
    return reader_fail(r, "a chunk is not authentic", diag);
}

enum demur_err demur_age_reader_finish(struct demur_age_stream *r, struct buf *out,
                                       struct span sealed, struct demur_diag *diag)
{
    if (sealed.len >= DEMUR_AGE_SEALED_CHUNK_LEN) {
        enum demur_err err = demur_age_reader_push(r, out, sealed, diag);
        if (err != DEMUR_OK)
            return err;
        sealed = span_of(NULL, 0);
    }
    if (r->failed || (r->ended && sealed.len))
        return reader_fail(r, r->failed ? after_failure : after_end, diag);
    if (r->ended)
        return stream_end(r, DEMUR_OK);
    if (sealed.len < DEMUR_AGE_TAG_LEN)
        return reader_fail(r, "it was cut short", diag);
    if (sealed.len == DEMUR_AGE_TAG_LEN && r->chunks)
        return reader_fail(r, "its last chunk is empty", diag);
    if (!has_room(out, sealed.len - DEMUR_AGE_TAG_LEN))
        return demur_fail(diag, DEMUR_ERR_SPACE, "there is no room for the last chunk");
    if (!chunk_open(r, out, sealed, true))
        return reader_fail(r, "its last chunk is not authentic, or it was cut short", diag);
    return stream_end(r, DEMUR_OK);
}

static size_t payload_len(size_t plain_len)
{
    size_t chunks = plain_len / DEMUR_AGE_CHUNK_LEN + (plain_len % DEMUR_AGE_CHUNK_LEN != 0);
    return DEMUR_AGE_NONCE_LEN + plain_len + (chunks ? chunks : 1) * DEMUR_AGE_TAG_LEN;
}

size_t demur_age_sealed_len(size_t plain_len, size_t recipients)
{
    if (recipients > DEMUR_AGE_RECIPIENTS_MAX || plain_len > SIZE_MAX / 2)
        return SIZE_MAX;
    return DEMUR_AGE_FRAME_LEN + recipients * DEMUR_AGE_X25519_LEN + payload_len(plain_len);
}

size_t demur_age_sealed_symmetric_len(size_t plain_len, unsigned log2n)
{
    if (plain_len > SIZE_MAX / 2)
        return SIZE_MAX;
    return DEMUR_AGE_FRAME_LEN + DEMUR_AGE_SCRYPT_LEN + (log2n > 9 ? 2 : 1) +
           payload_len(plain_len);
}

size_t demur_age_wrapped_len(size_t plain_len)
{
    return demur_age_sealed_symmetric_len(plain_len, DEMUR_AGE_LOG2N_KEY);
}

/* Append the payload after the header that begins at `start`; or undo both. */
static enum demur_err payload_write(struct buf *out, size_t start, struct span plain,
                                    const uint8_t *file_key, const uint8_t *nonce,
                                    struct demur_diag *diag)
{
    struct demur_age_stream w;
    demur_age_writer_init(&w, out, file_key, nonce);
    enum demur_err err = DEMUR_OK;
    for (; err == DEMUR_OK && plain.len > DEMUR_AGE_CHUNK_LEN;
         plain = span_skip(plain, DEMUR_AGE_CHUNK_LEN))
        err = demur_age_writer_push(&w, out, span_take(plain, DEMUR_AGE_CHUNK_LEN));
    if (err == DEMUR_OK)
        err = demur_age_writer_finish(&w, out, plain);
    sodium_memzero(&w, sizeof w);
    if (err == DEMUR_OK)
        return err;
    out->len = start;
    return demur_fail(diag, err, "there is no room for the sealed file");
}

enum demur_err demur_age_seal(struct buf *out, struct span plain,
                              const struct demur_age_recipient *recipients, size_t n,
                              struct span entropy, struct demur_diag *diag)
{
    if (entropy.len < DEMUR_AGE_FILE_KEY_LEN + DEMUR_AGE_NONCE_LEN)
        return demur_fail(diag, DEMUR_ERR_MISSING, "%zu bytes of entropy are too few", entropy.len);
    const uint8_t *file_key = entropy.p, *nonce = entropy.p + DEMUR_AGE_FILE_KEY_LEN;
    struct span ephemerals = span_skip(entropy, DEMUR_AGE_FILE_KEY_LEN + DEMUR_AGE_NONCE_LEN);
    size_t start = out->len;
    enum demur_err err =
        demur_age_header_write(out, file_key, recipients, n, ephemerals, NULL, 0, diag);
    return err == DEMUR_OK ? payload_write(out, start, plain, file_key, nonce, diag) : err;
}

enum demur_err demur_age_seal_symmetric(struct buf *out, struct span plain, struct span passphrase,
                                        unsigned log2n, struct span entropy,
                                        struct demur_diag *diag)
{
    if (entropy.len != DEMUR_AGE_SYMMETRIC_ENTROPY_LEN)
        return demur_fail(diag, DEMUR_ERR_MISSING, "%d bytes of entropy are needed, not %zu",
                          DEMUR_AGE_SYMMETRIC_ENTROPY_LEN, entropy.len);
    const uint8_t *file_key = entropy.p, *nonce = file_key + DEMUR_AGE_FILE_KEY_LEN;
    const uint8_t *salt = nonce + DEMUR_AGE_NONCE_LEN;
    size_t start = out->len;
    enum demur_err err =
        demur_age_header_write_scrypt(out, file_key, passphrase, log2n, salt, diag);
    return err == DEMUR_OK ? payload_write(out, start, plain, file_key, nonce, diag) : err;
}

/* Release the whole payload or nothing. */
static enum demur_err payload_read(struct buf *out, const uint8_t *file_key,
                                   const struct demur_age_header *h, struct span payload,
                                   struct demur_diag *diag)
{
    struct demur_age_stream r;
    demur_age_reader_init(&r, file_key, h->nonce.p);
    size_t start = out->len;
    enum demur_err err = DEMUR_OK;
    for (; err == DEMUR_OK && payload.len > DEMUR_AGE_SEALED_CHUNK_LEN;
         payload = span_skip(payload, DEMUR_AGE_SEALED_CHUNK_LEN))
        err = demur_age_reader_push(&r, out, span_take(payload, DEMUR_AGE_SEALED_CHUNK_LEN), diag);
    if (err == DEMUR_OK)
        err = demur_age_reader_finish(&r, out, payload, diag);
    if (err != DEMUR_OK && out->len > start)
        sodium_memzero(out->p + start, out->len - start);
    if (err != DEMUR_OK)
        out->len = start;
    sodium_memzero(&r, sizeof r);
    return err;
}

enum demur_err demur_age_open(struct buf *out, struct span file,
                              const struct demur_age_identity *identities, size_t n,
                              struct demur_diag *diag)
{
    struct demur_age_header h;
    uint8_t file_key[DEMUR_AGE_FILE_KEY_LEN];
    enum demur_err err = demur_age_header_parse(&h, file, DEMUR_AGE_HEADER_MAX, diag);
    if (err != DEMUR_OK)
        return err;
    err = demur_age_header_unwrap(file_key, &h, identities, n, diag);
    if (err == DEMUR_OK)
        err = payload_read(out, file_key, &h, span_skip(file, h.payload_at), diag);
    sodium_memzero(file_key, sizeof file_key);
    return err;
}

enum demur_err demur_age_open_symmetric(struct buf *out, struct span file, struct span passphrase,
                                        unsigned max_log2n, struct demur_diag *diag)
{
    struct demur_age_header h;
    uint8_t file_key[DEMUR_AGE_FILE_KEY_LEN];
    enum demur_err err = demur_age_header_parse(&h, file, DEMUR_AGE_HEADER_MAX, diag);
    if (err != DEMUR_OK)
        return err;
    err = demur_age_header_unwrap_scrypt(file_key, &h, passphrase, max_log2n, diag);
    if (err == DEMUR_OK)
        err = payload_read(out, file_key, &h, span_skip(file, h.payload_at), diag);
    sodium_memzero(file_key, sizeof file_key);
    return err;
}

#define WRAP_TEXT_LEN DEMUR_HEX_LEN(DEMUR_AGE_KEY_LEN)

static struct span wrap_passphrase(uint8_t text[static WRAP_TEXT_LEN],
                                   const uint8_t key[static DEMUR_AGE_KEY_LEN])
{
    struct buf hex = buf_over(text, WRAP_TEXT_LEN);
    demur_hex_encode(&hex, span_of(key, DEMUR_AGE_KEY_LEN));
    return buf_span(&hex);
}

enum demur_err demur_age_wrap(struct buf *out, struct span plain,
                              const uint8_t key[static DEMUR_AGE_KEY_LEN], struct span entropy,
                              struct demur_diag *diag)
{
    uint8_t text[WRAP_TEXT_LEN];
    enum demur_err err = demur_age_seal_symmetric(out, plain, wrap_passphrase(text, key),
                                                  DEMUR_AGE_LOG2N_KEY, entropy, diag);
    sodium_memzero(text, sizeof text);
    return err;
}

enum demur_err demur_age_unwrap(struct buf *out, struct span file,
                                const uint8_t key[static DEMUR_AGE_KEY_LEN],
                                struct demur_diag *diag)
{
    uint8_t text[WRAP_TEXT_LEN];
    enum demur_err err =
        demur_age_open_symmetric(out, file, wrap_passphrase(text, key), DEMUR_AGE_LOG2N_KEY, diag);
    sodium_memzero(text, sizeof text);
    return err;
}
