/* Problem documents (RFC 9457): a small, strict and bounded reader of JSON
 * (RFC 8259) that picks what it knows out of one object and passes over the rest. */
#include "internal.h"

#include "../core/encode.h"
#include "../core/lines.h"

#define PROBLEM_MAX 65536
#define DEPTH_MAX 16

struct reader {
    struct span rest;
    bool failed;
};

static void space(struct reader *r)
{
    while (r->rest.len && memchr(" \t\n\r", r->rest.p[0], 4))
        r->rest = span_skip(r->rest, 1);
}

static bool take(struct reader *r, char c)
{
    space(r);
    if (r->failed || r->rest.len == 0 || r->rest.p[0] != (uint8_t)c)
        return false;
    r->rest = span_skip(r->rest, 1);
    return true;
}

static void want(struct reader *r, char c)
{
    if (!take(r, c))
        r->failed = true;
}

static uint32_t hex4(struct reader *r)
{
    uint8_t bytes[2];
    struct span digits = span_take(r->rest, 4);
    uint8_t lower[4] = {0};
    for (size_t i = 0; i < digits.len; i++)
        lower[i] =
            digits.p[i] >= 'A' && digits.p[i] <= 'F' ? (uint8_t)(digits.p[i] + 32) : digits.p[i];
    if (digits.len != 4 || demur_hex_exact(bytes, 2, span_of(lower, 4)) != DEMUR_OK) {
        r->failed = true;
        return 0;
    }
    r->rest = span_skip(r->rest, 4);
    return be16_load(bytes);
}

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_put_byte(out, (uint8_t)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xC0, 0xE0, 0xF0};
    buf_put_byte(out, (uint8_t)(lead[more] | c >> (6 * more)));
    while (more--)
        buf_put_byte(out, (uint8_t)(0x80 | (c >> (6 * more) & 0x3F)));
}

/* What follows a backslash. */
static void escape(struct reader *r, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->rest.len == 0) {
        r->failed = true;
        return;
    }
    uint8_t c = r->rest.p[0];
    r->rest = span_skip(r->rest, 1);
    const char *at = memchr(from, c, sizeof from - 1);
    if (at) {
        buf_put_byte(out, (uint8_t)to[at - from]);
        return;
    }
    if (c != 'u') {
        r->failed = true;
        return;
    }
    uint32_t code = hex4(r);
    if (code >= 0xD800 && code < 0xDC00 && span_starts(r->rest, "\\u")) {
        r->rest = span_skip(r->rest, 2);
        uint32_t low = hex4(r);
        if (low < 0xDC00 || low > 0xDFFF)
            r->failed = true;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xD800 && code < 0xE000) {
        r->failed = true;
    }
    if (!r->failed)
        put_utf8(out, code);
}

/* A string's value into out, which may overflow: then it is cut. */
static void string(struct reader *r, struct buf *out)
{
    want(r, '"');
    while (!r->failed) {
        uint32_t code = 0;
        size_t n = demur_utf8_one(r->rest, &code);
        if (n == 0 || code < 0x20) {
            r->failed = true;
            return;
        }
        struct span one = span_take(r->rest, n);
        r->rest = span_skip(r->rest, n);
        if (code == '"')
            return;
        if (code == '\\')
            escape(r, out);
        else
            buf_put_span(out, one);
    }
}

static uint64_t number(struct reader *r)
{
    size_t n = 0;
    uint64_t value = 0;
    while (n < r->rest.len && memchr("+-.0123456789eE", r->rest.p[n], 15))
        n++;
    if (n == 0)
        r->failed = true;
    else if (!span_u64(span_take(r->rest, n), UINT32_MAX, &value))
        value = 0; /* a number of a kind that is of no use here */
    r->rest = span_skip(r->rest, n);
    return value;
}

/* Pass over any value. */
static void skip(struct reader *r, int depth)
{
    struct buf none = buf_over(NULL, 0);
    space(r);
    if (depth == DEPTH_MAX || r->rest.len == 0)
        r->failed = true;
    if (r->failed)
        return;
    uint8_t c = r->rest.p[0];
    if (c == '"') {
        string(r, &none);
    } else if (c == '{' || c == '[') {
        uint8_t end = c == '{' ? '}' : ']';
        want(r, (char)c);
        for (bool first = true; !r->failed && !take(r, (char)end); first = false) {
            if (!first)
                want(r, ',');
            if (c == '{') {
                space(r);
                string(r, &none);
                want(r, ':');
            }
            skip(r, depth + 1);
        }
    } else if (span_starts(r->rest, "true") || span_starts(r->rest, "null")) {
        r->rest = span_skip(r->rest, 4);
    } else if (span_starts(r->rest, "false")) {
        r->rest = span_skip(r->rest, 5);
    } else {
        (void)number(r);
    }
}

struct problem {
    char type[64], detail[256], field[40];
    uint64_t line;
};

static void string_into(struct reader *r, char *out, size_t cap)
{
    struct buf b = buf_over(out, cap - 1);
    string(r, &b);
    out[b.len] = 0;
}

static bool parse(struct problem *p, struct span body)
{
    struct reader r = {body, body.len > PROBLEM_MAX};
    want(&r, '{');
    for (bool first = true; !r.failed && !take(&r, '}'); first = false) {
        char name[16];
        if (!first)
            want(&r, ',');
        space(&r);
        string_into(&r, name, sizeof name);
        want(&r, ':');
        space(&r);
        bool text = r.rest.len && r.rest.p[0] == '"';
        if (text && strcmp(name, "type") == 0)
            string_into(&r, p->type, sizeof p->type);
        else if (text && strcmp(name, "detail") == 0)
            string_into(&r, p->detail, sizeof p->detail);
        else if (text && strcmp(name, "field") == 0)
            string_into(&r, p->field, sizeof p->field);
        else if (!text && strcmp(name, "line") == 0 && r.rest.len && r.rest.p[0] >= '0' &&
                 r.rest.p[0] <= '9')
            p->line = number(&r);
        else
            skip(&r, 0);
    }
    space(&r);
    return !r.failed && r.rest.len == 0;
}

/* What only this side can know: how its memory is, which keys it has, what verifies, what
 * it has room for, which text it wants. From a server it says no more than the status does:
 * it must not pass for what was found out here. */
static bool is_ours_to_say(enum demur_err code)
{
    return code == DEMUR_ERR_MEMORY || code == DEMUR_ERR_KEY || code == DEMUR_ERR_VERIFY ||
           code == DEMUR_ERR_SPACE || code == DEMUR_ERR_TEXT;
}

/* The error that a name or, without one, a status stands for. That something was
 * overtaken by the log, which is for good, only a server of ours says, by name: 409
 * comes from other programs in between too. */
static enum demur_err code_of(const struct problem *p, long status)
{
    const char *name = strchr(p->type, '#');
    for (int code = DEMUR_ERR_SYNTAX; name && code <= DEMUR_ERR_IO; code++)
        if (!is_ours_to_say((enum demur_err)code) &&
            strcmp(demur_err_name((enum demur_err)code), name + 1) == 0)
            return (enum demur_err)code;
    switch (status) {
    case 400:
        return DEMUR_ERR_SYNTAX;
    case 401:
    case 403:
        return DEMUR_ERR_FORBIDDEN;
    case 404:
    case 410:
        return DEMUR_ERR_UNKNOWN;
    case 413:
        return DEMUR_ERR_LIMIT;
    case 424:
        return DEMUR_ERR_MISSING;
    default:
        return DEMUR_ERR_IO;
    }
}

/* Text from a server goes to a terminal: no control characters, C0, DEL or C1. */
static void harmless(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7F)
            *c = ' ';
        if (c[0] == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0)
            c[0] = c[1] = ' ';
    }
}

/* What to do about an answer that explains nothing: it is hardly the server's own. */
static const char *advice(long status)
{
    if (status >= 300 && status < 400)
        return "it points to another address, which is not followed: give the channel's own, and "
               "log in to the network that you are in, if it wants that";
    if (status == 413)
        return "what was sent is larger than it, or a proxy before it, takes; tell the operator";
    if (status == 429)
        return "too much was asked of it at once; try again later";
    if (status >= 500 && status != 501)
        return "it, or a proxy before it, cannot answer now; try again later, and tell the "
               "operator if it stays so";
    return "is that address a channel's?";
}

enum demur_err problem_read(long status, struct span body, struct demur_diag *diag)
{
    struct problem p = {0};
    if (!parse(&p, body))
        p = (struct problem){0};
    harmless(p.detail);
    harmless(p.field);
    enum demur_err code = code_of(&p, status);
    if (status == 401 || (status == 403 && !p.detail[0]))
        return demur_fail(
            diag, code,
            "the server wants the channel's reading token, or another one: ask whoever "
            "invited you");
    if (!p.detail[0])
        return demur_fail(diag, code, "the server answered with status %ld and did not say why: %s",
                          status, advice(status));
    /* The server's version, not this one. */
    if (code == DEMUR_ERR_UPGRADE)
        return demur_fail_at(diag, code, (uint32_t)p.line, 0, p.field,
                             "the server's version of demur is older than yours, and does not "
                             "understand this; its operator has to upgrade it (%.100s)",
                             p.detail);
    return demur_fail_at(diag, code, (uint32_t)p.line, 0, p.field, "%s", p.detail);
}
