/* note.c - see note.h. */
#include "note.h"

#include <sodium.h>

#include "encode.h"
#include "hash.h"
#include "lines.h"

#define DASH "\xE2\x80\x94 " /* U+2014 and a space */

/* ---- names and keys ------------------------------------------------------ */

/* Unicode's White_Space property, less the control characters among it. */
static bool unicode_space(uint32_t code)
{
    return code == ' ' || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
           code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool demur_note_name_ok(struct span name)
{
    if (name.len == 0 || name.len > DEMUR_NOTE_NAME_MAX)
        return false;
    while (name.len) {
        uint32_t code = 0;
        size_t len = demur_utf8_one(name, &code);
        if (len == 0 || code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == '+' ||
            unicode_space(code))
            return false;
        name = span_skip(name, len);
    }
    return true;
}

enum demur_err demur_note_key_init(struct demur_note_key *key, struct span name,
                                   enum demur_note_alg alg, const uint8_t public_key[static 32],
                                   struct demur_diag *diag)
{
    if (!demur_note_name_ok(name))
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "a key's name is 1 to %d bytes of UTF-8 without spaces, + or control "
                          "characters",
                          DEMUR_NOTE_NAME_MAX);
    struct demur_note_key made = {.name = name, .alg = alg};
    memcpy(made.public_key, public_key, sizeof made.public_key);
    /* signed-note: the first four bytes of SHA-256(name || LF || alg || key). */
    const uint8_t mark[2] = {'\n', (uint8_t)alg};
    const struct span parts[] = {name, span_of(mark, sizeof mark), span_of(public_key, 32)};
    uint8_t hash[DEMUR_HASH_LEN];
    demur_hash_spans(hash, "", parts, DEMUR_COUNT(parts));
    memcpy(made.id, hash, sizeof made.id);
    *key = made;
    return DEMUR_OK;
}

enum demur_err demur_note_key_parse(struct demur_note_key *key, struct span text,
                                    struct demur_diag *diag)
{
    bool plus_one, plus_two;
    struct span rest = text;
    struct span name = span_split(&rest, '+', &plus_one);
    struct span hex = span_split(&rest, '+', &plus_two);
    if (!plus_one || !plus_two)
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "a verifier key is a name, eight hex digits and base64, joined by +");
    uint8_t id[4], blob[33];
    enum demur_err err = demur_hex_exact(id, sizeof id, hex);
    if (err != DEMUR_OK)
        return demur_fail(diag, err, "a verifier key's id is eight lower-case hex digits");
    struct buf head = buf_over(blob, 3);
    err = demur_base64_check(rest);
    if (err != DEMUR_OK || rest.len == 0 || demur_base64_decode(&head, span_take(rest, 4)) != 0)
        return demur_fail(diag, err != DEMUR_OK ? err : DEMUR_ERR_SYNTAX,
                          "a verifier key ends in padded base64");
    uint8_t alg = blob[0];
    if (alg != DEMUR_NOTE_ED25519 && alg != DEMUR_NOTE_COSIGNATURE)
        return demur_fail(diag, DEMUR_ERR_UPGRADE,
                          "the verifier key is of type %u, and only 1 and 4 (Ed25519) are known",
                          alg);
    if (demur_base64_exact(blob, sizeof blob, rest) != DEMUR_OK)
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "an Ed25519 verifier key has 32 bytes");
    struct demur_note_key made;
    err = demur_note_key_init(&made, name, (enum demur_note_alg)alg, blob + 1, diag);
    if (err != DEMUR_OK)
        return err;
    if (memcmp(made.id, id, sizeof id) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the verifier key's id does not fit its name and key: copy it again");
    *key = made;
    return DEMUR_OK;
}

void demur_note_key_put(struct buf *out, const struct demur_note_key *key)
{
    uint8_t blob[33] = {(uint8_t)key->alg};
    memcpy(blob + 1, key->public_key, 32);
    buf_put_span(out, key->name);
    buf_put_byte(out, '+');
    demur_hex_encode(out, span_of(key->id, sizeof key->id));
    buf_put_byte(out, '+');
    demur_base64_encode(out, span_of(blob, sizeof blob));
}

/* ---- taking apart -------------------------------------------------------- */

/* UTF-8, no control character but LF, and an LF at the end. */
static enum demur_err check_characters(struct span bytes, struct demur_diag *diag)
{
    uint32_t line = 1, column = 1;
    if (bytes.len == 0 || bytes.p[bytes.len - 1] != '\n')
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "a note ends in LF");
    while (bytes.len) {
        uint32_t code = 0;
        size_t len = demur_utf8_one(bytes, &code);
        if (len == 0)
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, line, column, NULL,
                                 "the byte 0x%02X does not begin valid UTF-8 here",
                                 (unsigned)bytes.p[0]);
        if (code < 0x20 && code != '\n')
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, line, column, NULL,
                                 "the control character U+%04X is not allowed in a note",
                                 (unsigned)code);
        column = code == '\n' ? 1 : column + (uint32_t)len;
        line += code == '\n';
        bytes = span_skip(bytes, len);
    }
    return DEMUR_OK;
}

/* The text up to the last empty line and the signature lines after it. */
static bool split_text(struct span bytes, struct span *text, struct span *signatures)
{
    for (size_t i = bytes.len; i >= 2; i--)
        if (bytes.p[i - 1] == '\n' && bytes.p[i - 2] == '\n') {
            *text = span_take(bytes, i - 1);
            *signatures = span_skip(bytes, i);
            return true;
        }
    return false;
}

static uint32_t count_lines(struct span text)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.p[i] == '\n';
    return n;
}

static enum demur_err parse_signature(struct demur_note_signature *out, struct span line,
                                      uint32_t number, struct demur_diag *diag)
{
    bool found;
    struct span rest = span_skip(line, strlen(DASH));
    struct span name = span_split(&rest, ' ', &found);
    if (!span_starts(line, DASH) || !found)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, number, 1, NULL,
                             "a signature line is an em dash, a name and base64, with one space "
                             "between");
    if (!demur_note_name_ok(name))
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, number, 5, NULL,
                             "\"%.*s\" cannot be a key's name", SPAN_ARG(name));
    uint32_t column = (uint32_t)(5 + name.len + 1);
    enum demur_err err = demur_base64_check(rest);
    if (err != DEMUR_OK)
        return demur_fail_at(diag, err, number, column, NULL,
                             "a signature is padded base64 without stray bits");
    uint8_t start[6];
    struct buf b = buf_over(start, sizeof start);
    if (demur_base64_decode(&b, span_take(rest, 8)) != DEMUR_OK || b.len < 5)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, number, column, NULL,
                             "a signature is a key id of four bytes and at least one more");
    out->name = name;
    out->base64 = rest;
    memcpy(out->id, start, sizeof out->id);
    return DEMUR_OK;
}

enum demur_err demur_note_parse(struct demur_note *note, struct span bytes, struct demur_diag *diag)
{
    if (bytes.len > DEMUR_NOTE_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the note has more than %d bytes", DEMUR_NOTE_MAX);
    enum demur_err err = check_characters(bytes, diag);
    if (err != DEMUR_OK)
        return err;
    struct demur_note parsed = {.len = 0};
    struct span lines;
    if (!split_text(bytes, &parsed.text, &lines) || lines.len == 0)
        return demur_fail(diag, DEMUR_ERR_MISSING,
                          "a note ends in an empty line and signature lines, and there are none");
    uint32_t number = count_lines(parsed.text) + 1;
    while (lines.len) {
        bool found;
        struct span line = span_split(&lines, '\n', &found);
        number++;
        if (parsed.len == DEMUR_NOTE_SIGNATURES_MAX)
            return demur_fail_at(diag, DEMUR_ERR_LIMIT, number, 1, NULL,
                                 "the note has more than %d signatures", DEMUR_NOTE_SIGNATURES_MAX);
        err = parse_signature(&parsed.signature[parsed.len++], line, number, diag);
        if (err != DEMUR_OK)
            return err;
    }
    *note = parsed;
    return DEMUR_OK;
}

/* ---- signing and verifying ----------------------------------------------- */

/* tlog-cosignature: what an Ed25519 cosignature signs. */
struct cosigned {
    uint8_t bytes[DEMUR_COSIGNED_TEXT_MAX + 64];
    struct span message;
};

static enum demur_err cosigned_init(struct cosigned *c, struct span text, uint64_t time_s,
                                    struct demur_diag *diag)
{
    if (text.len > DEMUR_COSIGNED_TEXT_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a text to cosign has at most %d bytes",
                          DEMUR_COSIGNED_TEXT_MAX);
    struct buf b = buf_over(c->bytes, sizeof c->bytes);
    buf_put_str(&b, "cosignature/v1\ntime ");
    buf_put_u64(&b, time_s);
    buf_put_byte(&b, '\n');
    buf_put_span(&b, text);
    c->message = buf_span(&b);
    return DEMUR_OK;
}

static bool same_key(const struct demur_note_signature *signature, const struct demur_note_key *key)
{
    return span_eq(signature->name, key->name) &&
           memcmp(signature->id, key->id, sizeof key->id) == 0;
}

/* Check one signature that claims to be this key's. */
static enum demur_err verify_one(struct span text, const struct demur_note_signature *signature,
                                 const struct demur_note_key *key, uint64_t *time_s,
                                 struct demur_diag *diag)
{
    bool cosigns = key->alg == DEMUR_NOTE_COSIGNATURE;
    uint8_t blob[4 + 8 + 64];
    size_t len = cosigns ? sizeof blob : 4 + 64;
    bool good = demur_base64_exact(blob, len, signature->base64) == DEMUR_OK;
    if (good && cosigns) {
        struct cosigned c;
        *time_s = be64_load(blob + 4);
        enum demur_err err = cosigned_init(&c, text, *time_s, diag);
        if (err != DEMUR_OK)
            return err;
        good = *time_s <= (uint64_t)INT64_MAX &&
               crypto_sign_verify_detached(blob + 12, c.message.p, c.message.len,
                                           key->public_key) == 0;
    } else if (good) {
        *time_s = 0;
        good = crypto_sign_verify_detached(blob + 4, text.p, text.len, key->public_key) == 0;
    }
    if (!good)
        return demur_fail(diag, DEMUR_ERR_VERIFY, "the signature of \"%.*s\" does not verify",
                          SPAN_ARG(key->name));
    return DEMUR_OK;
}

enum demur_err demur_note_verify(const struct demur_note *note, const struct demur_note_key *keys,
                                 struct demur_note_seen *seen, size_t keys_len,
                                 struct demur_diag *diag)
{
    bool any = false;
    for (size_t k = 0; k < keys_len; k++) {
        seen[k] = (struct demur_note_seen){false, 0};
        for (size_t i = 0; i < note->len; i++) {
            uint64_t time_s = 0;
            if (!same_key(&note->signature[i], &keys[k]))
                continue;
            enum demur_err err =
                verify_one(note->text, &note->signature[i], &keys[k], &time_s, diag);
            if (err != DEMUR_OK)
                return err;
            any = seen[k].signed_by = true;
            if (time_s > seen[k].time_s)
                seen[k].time_s = time_s;
        }
    }
    if (!any)
        return demur_fail(diag, DEMUR_ERR_MISSING,
                          "the note is not signed by any key that is "
                          "expected to sign it");
    return DEMUR_OK;
}

enum demur_err demur_note_put_text(struct buf *out, struct span text, struct demur_diag *diag)
{
    enum demur_err err = check_characters(text, diag);
    if (err != DEMUR_OK)
        return err;
    buf_put_span(out, text);
    buf_put_byte(out, '\n');
    return DEMUR_OK;
}

enum demur_err demur_note_sign(struct buf *out, struct span text, const struct demur_note_key *key,
                               const uint8_t secret[static 64], uint64_t time_s,
                               struct demur_diag *diag)
{
    bool cosigns = key->alg == DEMUR_NOTE_COSIGNATURE;
    enum demur_err err = check_characters(text, diag);
    if (err != DEMUR_OK)
        return err;
    if (memcmp(secret + 32, key->public_key, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_KEY, "the secret key is not that of \"%.*s\"",
                          SPAN_ARG(key->name));
    if (time_s > (uint64_t)INT64_MAX || (!cosigns && time_s != 0))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the time of a signature is out of range");
    uint8_t signature[64];
    struct cosigned c = {.message = text};
    if (cosigns && (err = cosigned_init(&c, text, time_s, diag)) != DEMUR_OK)
        return err;
    crypto_sign_detached(signature, NULL, c.message.p, c.message.len, secret);
    uint8_t blob[4 + 8 + 64];
    struct buf b = buf_over(blob, sizeof blob);
    buf_put(&b, key->id, sizeof key->id);
    if (cosigns)
        buf_put_be64(&b, time_s);
    buf_put(&b, signature, sizeof signature);
    buf_put_str(out, DASH);
    buf_put_span(out, key->name);
    buf_put_byte(out, ' ');
    demur_base64_encode(out, buf_span(&b));
    buf_put_byte(out, '\n');
    if (!buf_ok(out))
        return demur_fail(diag, DEMUR_ERR_SPACE, "the buffer for the signed note is too small");
    return DEMUR_OK;
}
