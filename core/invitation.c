/* Invitations: one line that carries everything a person needs to join. */
#include <sodium.h>

#include "encode.h"
#include "hash.h"
#include "keys.h"
#include "lines.h"

static const char prefix[] = "demur-invite1";
#define PREFIX_LEN (sizeof prefix - 1)
#define CHECK_LEN 4
#define BYTES_MAX (32 + 32 + 1 + DEMUR_WORD_MAX + 1 + DEMUR_WORD_MAX + DEMUR_URL_MAX + CHECK_LEN)

static void put_short(struct buf *out, const char *text)
{
    buf_put_byte(out, (uint8_t)strlen(text));
    buf_put_str(out, text);
}

void demur_invitation_put(struct buf *out, const struct demur_invitation *invitation)
{
    uint8_t bytes[BYTES_MAX], check[32];
    struct buf b = buf_over(bytes, sizeof bytes);
    buf_put(&b, invitation->channel, 32);
    buf_put(&b, invitation->secret, 32);
    put_short(&b, invitation->handle);
    put_short(&b, invitation->token);
    buf_put_str(&b, invitation->url);
    demur_hash(check, buf_span(&b));
    buf_put(&b, check, CHECK_LEN);
    buf_put_str(out, prefix);
    demur_base32_encode(out, buf_span(&b));
    sodium_memzero(bytes, sizeof bytes);
}

static enum demur_err bad_character(bool in_prefix, size_t place, struct demur_diag *diag)
{
    if (in_prefix)
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "this is no invitation: one begins with \"%s\"",
                          prefix);
    return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 0, (uint32_t)place, "",
                         "the character at place %zu cannot stand in an invitation: copy the whole "
                         "line again",
                         place);
}

/* Lower case without white space, into out. Errors name the character. */
static enum demur_err normalise(struct buf *out, struct span text, struct demur_diag *diag)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.p[i];
        if (demur_space_ok(c))
            continue;
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c - 'A' + 'a');
        bool base32 = (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
        if (out->len < PREFIX_LEN ? c != (uint8_t)prefix[out->len] : !base32)
            return bad_character(out->len < PREFIX_LEN, i + 1, diag);
        buf_put_byte(out, c);
        if (!buf_ok(out))
            return demur_fail(diag, DEMUR_ERR_LIMIT, "this is too long for an invitation");
    }
    if (out->len <= PREFIX_LEN)
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "this is no invitation: one begins with \"%s\" and goes on", prefix);
    return DEMUR_OK;
}

static bool take_short(struct span *rest, char out[static DEMUR_WORD_MAX + 1], bool may_be_empty)
{
    size_t len = rest->len ? rest->p[0] : 0;
    if (rest->len < 1 + len || len > DEMUR_WORD_MAX)
        return false;
    struct span word = span_take(span_skip(*rest, 1), len);
    *rest = span_skip(*rest, 1 + len);
    memcpy(out, word.p, len);
    out[len] = 0;
    return len ? demur_word_ok(word) : may_be_empty;
}

static enum demur_err take_apart(struct demur_invitation *out, struct span bytes,
                                 struct demur_diag *diag)
{
    uint8_t check[32];
    struct span body = span_take(bytes, bytes.len < CHECK_LEN ? 0 : bytes.len - CHECK_LEN);
    demur_hash(check, body);
    if (bytes.len < 64 + CHECK_LEN || memcmp(check, body.p + body.len, CHECK_LEN) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "a part of this invitation is missing or was mistyped: copy the whole "
                          "line again");
    memcpy(out->channel, body.p, 32);
    memcpy(out->secret, body.p + 32, 32);
    struct span rest = span_skip(body, 64);
    if (!take_short(&rest, out->handle, false) || !take_short(&rest, out->token, true) ||
        !demur_url_ok(rest))
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "this invitation was not made by this program or is of a later version: "
                          "ask for another");
    memcpy(out->url, rest.p, rest.len);
    out->url[rest.len] = 0;
    return DEMUR_OK;
}

enum demur_err demur_invitation_parse(struct demur_invitation *out, struct span text,
                                      struct demur_diag *diag)
{
    uint8_t clean[DEMUR_INVITATION_MAX], bytes[BYTES_MAX];
    struct demur_invitation invitation = {0};
    struct buf line = buf_over(clean, sizeof clean), decoded = buf_over(bytes, sizeof bytes);
    enum demur_err err = normalise(&line, text, diag);
    /* What cannot be base32 at its end was cut: the check below says so. */
    if (!err && demur_base32_decode(&decoded, span_skip(buf_span(&line), PREFIX_LEN)) != DEMUR_OK)
        decoded.len = 0;
    if (!err)
        err = take_apart(&invitation, buf_span(&decoded), diag);
    if (!err)
        *out = invitation;
    demur_invitation_wipe(&invitation);
    sodium_memzero(clean, sizeof clean);
    sodium_memzero(bytes, sizeof bytes);
    return err;
}

void demur_invitation_wipe(struct demur_invitation *invitation)
{
    sodium_memzero(invitation, sizeof *invitation);
}
