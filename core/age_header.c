/* age_header.c - writing, parsing and opening headers; see age.h. */
#include <sodium.h>

#include "age_inner.h"
#include "encode.h"

#define VERSION_LINE "age-encryption.org/v1\n"
#define LINE_LEN 64 /* base64 characters in a body line that is not the last */
#define LINE_BYTES 48

static const uint8_t zero_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

static void body_put(struct buf *out, struct span body)
{
    for (bool more = true; more; body = span_skip(body, LINE_BYTES)) {
        demur_base64_bare_encode(out, span_take(body, LINE_BYTES));
        buf_put_byte(out, '\n');
        more = body.len >= LINE_BYTES;
    }
}

static void wrapped_put(struct buf *out, const uint8_t wrap_key[static 32],
                        const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN])
{
    uint8_t body[DEMUR_AGE_WRAPPED_KEY_LEN];
    crypto_aead_chacha20poly1305_ietf_encrypt(body, NULL, file_key, DEMUR_AGE_FILE_KEY_LEN, NULL, 0,
                                              NULL, zero_nonce, wrap_key);
    body_put(out, span_of(body, sizeof body));
}

static void x25519_put(struct buf *out, const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                       const struct demur_age_recipient *r,
                       const uint8_t ephemeral[static DEMUR_AGE_KEY_LEN])
{
    uint8_t share[DEMUR_AGE_KEY_LEN], wrap_key[32];
    (void)!crypto_scalarmult_base(share, ephemeral);
    demur_age_x25519_wrap_key(wrap_key, ephemeral, r->public, share, r->public);
    buf_put_str(out, "-> X25519 ");
    demur_base64_bare_encode(out, span_of(share, sizeof share));
    buf_put_byte(out, '\n');
    wrapped_put(out, wrap_key, file_key);
    sodium_memzero(wrap_key, sizeof wrap_key);
}

/* Append the MAC line to the header that begins at `start`; or undo it all. */
static enum demur_err header_end(struct buf *out, size_t start,
                                 const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                                 struct demur_diag *diag)
{
    uint8_t mac[32];
    buf_put_str(out, "---");
    if (buf_ok(out)) {
        demur_age_header_mac(mac, file_key, span_skip(buf_span(out), start));
        buf_put_byte(out, ' ');
        demur_base64_bare_encode(out, span_of(mac, sizeof mac));
        buf_put_byte(out, '\n');
    }
    size_t len = out->len - start;
    if (buf_ok(out) && len <= DEMUR_AGE_HEADER_MAX)
        return DEMUR_OK;
    out->len = start;
    if (!buf_ok(out))
        return demur_fail(diag, DEMUR_ERR_SPACE, "there is no room for the header");
    return demur_fail(diag, DEMUR_ERR_LIMIT, "the header has %zu bytes, more than the %d allowed",
                      len, DEMUR_AGE_HEADER_MAX);
}

/* One or more words of visible ASCII, single spaces between them. */
static bool args_ok(struct span args)
{
    bool in_word = false;
    for (size_t i = 0; i < args.len; i++) {
        bool space = args.p[i] == ' ';
        if ((space && !in_word) || (!space && (args.p[i] < 0x21 || args.p[i] > 0x7E)))
            return false;
        in_word = !space;
    }
    return in_word;
}

static struct span next_word(struct span *rest)
{
    bool found;
    return span_split(rest, ' ', &found);
}

static enum demur_err header_inputs(const struct demur_age_recipient *recipients, size_t n,
                                    struct span ephemerals, const struct demur_age_stanza *extra,
                                    size_t extra_n, struct demur_diag *diag)
{
    if (n == 0 && extra_n == 0)
        return demur_fail(diag, DEMUR_ERR_MISSING, "a sealed file needs at least one recipient");
    if (n > DEMUR_AGE_RECIPIENTS_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "%zu recipients are more than the %d allowed", n,
                          DEMUR_AGE_RECIPIENTS_MAX);
    if (ephemerals.len != n * DEMUR_AGE_KEY_LEN)
        return demur_fail(diag, DEMUR_ERR_MISSING,
                          "%zu recipients need %zu bytes of entropy, not %zu", n,
                          n * DEMUR_AGE_KEY_LEN, ephemerals.len);
    for (size_t i = 0; i < n; i++)
        if (demur_age_recipient_check(&recipients[i]) != DEMUR_OK)
            return demur_fail(diag, DEMUR_ERR_KEY,
                              "nothing can be sealed to recipient %zu: its key has small order",
                              i + 1);
    for (size_t i = 0; i < extra_n; i++) {
        struct span args = extra[i].args;
        if (!args_ok(args) || span_eq_str(next_word(&args), "scrypt"))
            return demur_fail(diag, DEMUR_ERR_SYNTAX, "extra stanza %zu cannot be written so",
                              i + 1);
    }
    return DEMUR_OK;
}

enum demur_err demur_age_header_write(struct buf *out,
                                      const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                                      const struct demur_age_recipient *recipients, size_t n,
                                      struct span ephemerals, const struct demur_age_stanza *extra,
                                      size_t extra_n, struct demur_diag *diag)
{
    enum demur_err err = header_inputs(recipients, n, ephemerals, extra, extra_n, diag);
    if (err != DEMUR_OK)
        return err;
    size_t start = out->len;
    buf_put_str(out, VERSION_LINE);
    for (size_t i = 0; i < n; i++)
        x25519_put(out, file_key, &recipients[i], ephemerals.p + i * DEMUR_AGE_KEY_LEN);
    for (size_t i = 0; i < extra_n; i++) {
        buf_put_str(out, "-> ");
        buf_put_span(out, extra[i].args);
        buf_put_byte(out, '\n');
        body_put(out, extra[i].body);
    }
    return header_end(out, start, file_key, diag);
}

enum demur_err demur_age_header_write_scrypt(struct buf *out,
                                             const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                                             struct span passphrase, unsigned log2n,
                                             const uint8_t salt[static DEMUR_AGE_SALT_LEN],
                                             struct demur_diag *diag)
{
    uint8_t wrap_key[32];
    enum demur_err err = demur_age_scrypt_wrap_key(wrap_key, passphrase, salt, log2n, diag);
    if (err != DEMUR_OK)
        return err;
    size_t start = out->len;
    buf_put_str(out, VERSION_LINE "-> scrypt ");
    demur_base64_bare_encode(out, span_of(salt, DEMUR_AGE_SALT_LEN));
    buf_put_byte(out, ' ');
    buf_put_u64(out, log2n);
    buf_put_byte(out, '\n');
    wrapped_put(out, wrap_key, file_key);
    sodium_memzero(wrap_key, sizeof wrap_key);
    return header_end(out, start, file_key, diag);
}

/* Where parsing stands: what is left of the bytes that may be header. */
struct cursor {
    struct span rest;
    uint32_t line; /* of the first byte of rest, from 1 */
    bool cut;      /* the file goes on beyond the limit */
};

enum stanza_kind { STANZA_OTHER, STANZA_X25519, STANZA_SCRYPT };
struct stanza {
    enum stanza_kind kind;
    uint32_t line;
    struct span args;
    size_t body_len;
    uint8_t body[LINE_BYTES];         /* the first bytes of it */
    uint8_t share[DEMUR_AGE_KEY_LEN]; /* X25519 */
    uint8_t salt[DEMUR_AGE_SALT_LEN]; /* scrypt */
    uint64_t log2n;
};

static enum demur_err take_line(struct cursor *c, struct span *line, struct demur_diag *diag)
{
    bool found;
    struct span rest = c->rest;
    *line = span_split(&rest, '\n', &found);
    if (!found && c->cut)
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, c->line, 0, NULL,
                             "the age header is longer than the limit");
    if (!found)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, c->line, 0, NULL,
                             "the file ends within its age header");
    c->rest = rest;
    c->line++;
    return DEMUR_OK;
}

static enum demur_err take_version(struct cursor *c, struct demur_diag *diag)
{
    struct span line, whole = c->rest;
    if (!span_starts(whole, "age-encryption.org/"))
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 1, 1, NULL,
                             span_starts(whole, "-----BEGIN AGE")
                                 ? "this age file is armored: decode it first"
                                 : "this is not an age file");
    enum demur_err err = take_line(c, &line, diag);
    if (err != DEMUR_OK)
        return err;
    if (!span_starts(whole, VERSION_LINE))
        return demur_fail_at(diag, DEMUR_ERR_UPGRADE, 1, 0, NULL,
                             "this file is of another version of age than \"v1\"");
    return DEMUR_OK;
}

static enum demur_err take_body(struct cursor *c, struct stanza *s, struct demur_diag *diag)
{
    struct span line;
    do {
        uint32_t at = c->line;
        enum demur_err err = take_line(c, &line, diag);
        if (err != DEMUR_OK)
            return err;
        uint8_t bytes[LINE_BYTES];
        struct buf b = buf_over(bytes, sizeof bytes);
        err = line.len > LINE_LEN ? DEMUR_ERR_SYNTAX : demur_base64_bare_decode(&b, line);
        if (err != DEMUR_OK)
            return demur_fail_at(diag, err, at, 0, NULL,
                                 "this line of a stanza's body is not canonical base64 of at most "
                                 "%d characters",
                                 LINE_LEN);
        if (s->body_len == 0)
            memcpy(s->body, bytes, b.len);
        s->body_len += b.len;
    } while (line.len == LINE_LEN);
    return DEMUR_OK;
}

static enum demur_err bad_stanza(const struct stanza *s, enum demur_err err, const char *why,
                                 struct demur_diag *diag)
{
    return demur_fail_at(diag, err, s->line, 0, NULL, "this stanza is malformed: %s", why);
}

static enum demur_err check_x25519(struct stanza *s, struct span args, struct demur_diag *diag)
{
    s->kind = STANZA_X25519;
    struct span share = next_word(&args);
    enum demur_err err = demur_base64_bare_exact(s->share, sizeof s->share, share);
    if (err != DEMUR_OK || args.len)
        return bad_stanza(s, err != DEMUR_OK ? err : DEMUR_ERR_SYNTAX,
                          "X25519 takes one argument, a share of 32 bytes", diag);
    struct demur_age_recipient point;
    memcpy(point.public, s->share, sizeof point.public);
    if (demur_age_recipient_check(&point) != DEMUR_OK)
        return bad_stanza(s, DEMUR_ERR_SYNTAX, "its share is a point of small order", diag);
    /* the length is checked before any key is tried: partitioning oracles */
    if (s->body_len != DEMUR_AGE_WRAPPED_KEY_LEN)
        return bad_stanza(s, DEMUR_ERR_SYNTAX, "its body must have 32 bytes", diag);
    return DEMUR_OK;
}

static enum demur_err check_scrypt(struct stanza *s, struct span args, struct demur_diag *diag)
{
    s->kind = STANZA_SCRYPT;
    struct span salt = next_word(&args), factor = next_word(&args);
    enum demur_err err = demur_base64_bare_exact(s->salt, sizeof s->salt, salt);
    if (err != DEMUR_OK || args.len)
        return bad_stanza(s, err != DEMUR_OK ? err : DEMUR_ERR_SYNTAX,
                          "scrypt takes two arguments, a salt of 16 bytes and a work factor", diag);
    if (!span_u64(factor, UINT64_MAX, &s->log2n) || s->log2n == 0)
        return bad_stanza(s, DEMUR_ERR_SYNTAX, "its work factor is not a decimal number above 0",
                          diag);
    if (s->body_len != DEMUR_AGE_WRAPPED_KEY_LEN)
        return bad_stanza(s, DEMUR_ERR_SYNTAX, "its body must have 32 bytes", diag);
    return DEMUR_OK;
}

static enum demur_err take_stanza(struct cursor *c, struct stanza *s, struct demur_diag *diag)
{
    *s = (struct stanza){.line = c->line};
    struct span line;
    enum demur_err err = take_line(c, &line, diag);
    if (err != DEMUR_OK)
        return err;
    s->args = span_skip(line, 3);
    if (!span_starts(line, "-> ") || !args_ok(s->args))
        return demur_fail_at(
            diag, DEMUR_ERR_SYNTAX, s->line, 0, NULL,
            "a stanza (\"-> \" and words) or the MAC (\"--- \") was expected here");
    err = take_body(c, s, diag);
    if (err != DEMUR_OK)
        return err;
    struct span args = s->args, kind = next_word(&args);
    if (span_eq_str(kind, "X25519"))
        return check_x25519(s, args, diag);
    if (span_eq_str(kind, "scrypt"))
        return check_scrypt(s, args, diag);
    return DEMUR_OK;
}

static enum demur_err take_mac(struct cursor *c, uint8_t mac[static 32], struct demur_diag *diag)
{
    struct span line;
    uint32_t at = c->line;
    enum demur_err err = take_line(c, &line, diag);
    if (err != DEMUR_OK)
        return err;
    err = demur_base64_bare_exact(mac, 32, span_skip(line, 4));
    if (!span_starts(line, "--- "))
        err = DEMUR_ERR_SYNTAX;
    if (err != DEMUR_OK)
        return demur_fail_at(diag, err, at, 0, NULL,
                             "the MAC line is malformed: it is \"--- \" and 43 characters");
    return DEMUR_OK;
}

enum demur_err demur_age_header_parse(struct demur_age_header *h, struct span file, size_t max_len,
                                      struct demur_diag *diag)
{
    struct cursor c = {span_take(file, max_len), 1, file.len > max_len};
    struct demur_age_header parsed = {0};
    enum demur_err err = take_version(&c, diag);
    if (err != DEMUR_OK)
        return err;
    const uint8_t *stanzas = c.rest.p;
    while (!span_starts(c.rest, "---")) {
        struct stanza s;
        err = take_stanza(&c, &s, diag);
        if (err != DEMUR_OK)
            return err;
        parsed.stanza_count++;
        parsed.x25519_count += s.kind == STANZA_X25519;
        parsed.scrypt |= s.kind == STANZA_SCRYPT;
        if (parsed.scrypt && parsed.stanza_count > 1)
            return bad_stanza(&s, DEMUR_ERR_SYNTAX, "one of a passphrase must be the only one",
                              diag);
        parsed.log2n = s.log2n;
    }
    if (parsed.stanza_count == 0)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, c.line, 0, NULL,
                             "the age header has no stanza");
    parsed.stanzas = span_of(stanzas, (size_t)(c.rest.p - stanzas));
    parsed.macced = span_of(file.p, (size_t)(c.rest.p - file.p) + 3);
    err = take_mac(&c, parsed.mac, diag);
    if (err != DEMUR_OK)
        return err;
    size_t header_len = (size_t)(c.rest.p - file.p);
    parsed.nonce = span_take(span_skip(file, header_len), DEMUR_AGE_NONCE_LEN);
    if (parsed.nonce.len != DEMUR_AGE_NONCE_LEN)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, c.line, 0, NULL,
                             "the file ends before its payload's nonce");
    parsed.payload_at = header_len + DEMUR_AGE_NONCE_LEN;
    *h = parsed;
    return DEMUR_OK;
}

static bool wrapped_open(uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN], const struct stanza *s,
                         const uint8_t wrap_key[static 32])
{
    return crypto_aead_chacha20poly1305_ietf_decrypt(file_key, NULL, NULL, s->body,
                                                     DEMUR_AGE_WRAPPED_KEY_LEN, NULL, 0, zero_nonce,
                                                     wrap_key) == 0;
}

static enum demur_err check_mac(uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                                const struct demur_age_header *h, struct demur_diag *diag)
{
    uint8_t mac[32];
    demur_age_header_mac(mac, file_key, h->macced);
    if (sodium_memcmp(mac, h->mac, sizeof mac) == 0)
        return DEMUR_OK;
    sodium_memzero(file_key, DEMUR_AGE_FILE_KEY_LEN);
    return demur_fail(diag, DEMUR_ERR_VERIFY,
                      "the age header was changed after sealing: its MAC does not fit");
}

/* Whether one of the identities opens the stanza. */
static bool x25519_open(uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN], const struct stanza *s,
                        const struct demur_age_identity *identities, size_t n)
{
    bool opened = false;
    uint8_t wrap_key[32];
    for (size_t i = 0; i < n && !opened; i++) {
        demur_age_x25519_wrap_key(wrap_key, identities[i].secret, s->share, s->share,
                                  identities[i].public);
        opened = wrapped_open(file_key, s, wrap_key);
    }
    sodium_memzero(wrap_key, sizeof wrap_key);
    return opened;
}

enum demur_err demur_age_header_unwrap(uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                                       const struct demur_age_header *h,
                                       const struct demur_age_identity *identities, size_t n,
                                       struct demur_diag *diag)
{
    struct cursor c = {h->stanzas, 1, false};
    memset(file_key, 0, DEMUR_AGE_FILE_KEY_LEN);
    while (c.rest.len) {
        struct stanza s;
        enum demur_err err = take_stanza(&c, &s, diag);
        if (err != DEMUR_OK)
            return err;
        if (s.kind == STANZA_X25519 && x25519_open(file_key, &s, identities, n))
            return check_mac(file_key, h, diag);
    }
    return demur_fail(diag, DEMUR_ERR_KEY,
                      h->scrypt ? "this file opens with a passphrase, not with a key"
                                : "this file is not sealed to any key at hand");
}

enum demur_err demur_age_header_unwrap_scrypt(uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                                              const struct demur_age_header *h,
                                              struct span passphrase, unsigned max_log2n,
                                              struct demur_diag *diag)
{
    memset(file_key, 0, DEMUR_AGE_FILE_KEY_LEN);
    if (!h->scrypt)
        return demur_fail(diag, DEMUR_ERR_KEY, "this file opens with a key, not with a passphrase");
    if (h->log2n > max_log2n)
        return demur_fail(diag, DEMUR_ERR_LIMIT,
                          "the scrypt work factor %llu is above the limit of %u",
                          (unsigned long long)h->log2n, max_log2n);
    struct cursor c = {h->stanzas, 1, false};
    struct stanza s;
    uint8_t wrap_key[32];
    enum demur_err err = take_stanza(&c, &s, diag);
    if (err == DEMUR_OK)
        err = demur_age_scrypt_wrap_key(wrap_key, passphrase, s.salt, (unsigned)s.log2n, diag);
    if (err != DEMUR_OK)
        return err;
    bool opened = wrapped_open(file_key, &s, wrap_key);
    sodium_memzero(wrap_key, sizeof wrap_key);
    if (!opened)
        return demur_fail(diag, DEMUR_ERR_KEY, "the passphrase is wrong");
    return check_mac(file_key, h, diag);
}
