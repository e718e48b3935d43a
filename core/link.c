#include "link.h"

#include <sodium.h>

#include "encode.h"
#include "hash.h"
#include "lines.h"
#include "record.h"

static const char path[] = "/sign#", prefix[] = "demur-sign1";
#define ID_LEN 20
#define BODY_LEN (32 + ID_LEN + 4 + 32)
#define CHECK_LEN 4
#define BYTES_LEN (BODY_LEN + CHECK_LEN)

static void check_of(uint8_t out[static 32], const uint8_t body[static BODY_LEN], struct span url)
{
    struct span parts[] = {span_of(body, BODY_LEN), url};
    demur_hash_spans(out, "demur v1 link", parts, 2);
}

void demur_link_put(struct buf *out, const struct demur_link *link)
{
    uint8_t bytes[BYTES_LEN], check[32];
    struct span url = span_str(link->url);
    struct buf b = buf_over(bytes, sizeof bytes);
    buf_put(&b, link->channel, 32);
    if (!demur_url_ok(url) || link->revision == 0 ||
        demur_base32_decode(&b, span_str(link->dissent)) != DEMUR_OK || b.len != 32 + ID_LEN) {
        out->overflow = true;
        return;
    }
    buf_put_be16(&b, (uint16_t)(link->revision >> 16));
    buf_put_be16(&b, (uint16_t)link->revision);
    buf_put(&b, link->key, 32);
    check_of(check, bytes, url);
    buf_put(&b, check, CHECK_LEN);
    buf_put_span(out, url);
    buf_put_str(out, path);
    buf_put_str(out, prefix);
    demur_base32_encode(out, buf_span(&b));
    sodium_memzero(bytes, sizeof bytes);
}

static enum demur_err no_link(struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_SYNTAX,
                      "this is no signing link: one has \"%s%s\" in it and begins with the "
                      "channel's address",
                      path, prefix);
}

/* Without white space, and in lower case from the `#` on. */
static enum demur_err normalise(struct buf *out, struct span text, struct demur_diag *diag)
{
    bool behind = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.p[i];
        if (demur_space_ok(c))
            continue;
        if (behind && c >= 'A' && c <= 'Z')
            c = (uint8_t)(c - 'A' + 'a');
        behind = behind || c == '#';
        buf_put_byte(out, c);
        if (!buf_ok(out))
            return demur_fail(diag, DEMUR_ERR_LIMIT, "this is too long for a signing link");
    }
    return DEMUR_OK;
}

static enum demur_err take_apart(struct demur_link *out, const uint8_t bytes[static BYTES_LEN],
                                 struct span url, struct demur_diag *diag)
{
    uint8_t check[32];
    check_of(check, bytes, url);
    out->revision =
        (uint32_t)be16_load(bytes + 32 + ID_LEN) << 16 | be16_load(bytes + 32 + ID_LEN + 2);
    if (memcmp(check, bytes + BODY_LEN, CHECK_LEN) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "a part of this signing link is missing or was mistyped: copy the whole "
                          "link again");
    if (out->revision == 0)
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "this signing link was not made by this program or is of a later "
                          "version: ask for another");
    struct buf id = buf_over(out->dissent, 32);
    demur_base32_encode(&id, span_of(bytes + 32, ID_LEN));
    out->dissent[id.len] = 0;
    memcpy(out->channel, bytes, 32);
    memcpy(out->key, bytes + 32 + ID_LEN + 4, 32);
    memcpy(out->url, url.p, url.len);
    out->url[url.len] = 0;
    return DEMUR_OK;
}

enum demur_err demur_link_parse(struct demur_link *out, struct span text, struct demur_diag *diag)
{
    uint8_t clean[DEMUR_LINK_MAX], bytes[BYTES_LEN];
    struct demur_link link = {0};
    struct buf line = buf_over(clean, sizeof clean);
    enum demur_err err = normalise(&line, text, diag);
    struct span rest = buf_span(&line), url;
    bool found = false;
    if (!err) {
        url = span_split(&rest, '#', &found);
        size_t tail = sizeof path - 2; /* without the `#` and the NUL */
        bool sign = found && url.len > tail && span_starts(rest, prefix) &&
                    memcmp(url.p + url.len - tail, path, tail) == 0;
        url = span_take(url, sign ? url.len - tail : 0);
        if (!sign || !demur_url_ok(url))
            err = no_link(diag);
    }
    if (!err && demur_base32_exact(bytes, sizeof bytes, span_skip(rest, sizeof prefix - 1)))
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "a part of this signing link is missing or was mistyped: copy the whole "
                         "link again");
    if (!err)
        err = take_apart(&link, bytes, url, diag);
    if (!err)
        *out = link;
    demur_link_wipe(&link);
    sodium_memzero(clean, sizeof clean);
    sodium_memzero(bytes, sizeof bytes);
    return err;
}

void demur_link_wipe(struct demur_link *link) { sodium_memzero(link, sizeof *link); }
