#include "base.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const err_names[] = {
    [DEMUR_OK] = "ok",
    [DEMUR_ERR_SYNTAX] = "syntax",
    [DEMUR_ERR_CANON] = "not-canonical",
    [DEMUR_ERR_LIMIT] = "limit",
    [DEMUR_ERR_SPACE] = "space",
    [DEMUR_ERR_MEMORY] = "memory",
    [DEMUR_ERR_VERIFY] = "verification",
    [DEMUR_ERR_KEY] = "key",
    [DEMUR_ERR_UNKNOWN] = "unknown",
    [DEMUR_ERR_FORBIDDEN] = "forbidden",
    [DEMUR_ERR_REPLAY] = "replay",
    [DEMUR_ERR_STALE] = "stale",
    [DEMUR_ERR_STAGE] = "stage",
    [DEMUR_ERR_TIME] = "time",
    [DEMUR_ERR_MISSING] = "missing",
    [DEMUR_ERR_TEXT] = "text",
    [DEMUR_ERR_UPGRADE] = "upgrade",
    [DEMUR_ERR_IO] = "io",
};

const char *demur_err_name(enum demur_err code)
{
    size_t i = (size_t)code;
    return i < DEMUR_COUNT(err_names) && err_names[i] ? err_names[i] : "unnamed";
}

static void diag_fill(struct demur_diag *diag, enum demur_err code, uint32_t line, uint32_t column,
                      const char *field, const char *fmt, va_list args)
{
    if (!diag)
        return;
    diag->code = code;
    diag->line = line;
    diag->column = column;
    struct buf f = buf_over(diag->field, sizeof diag->field - 1);
    buf_put_span(&f, span_take(span_str(field ? field : ""), sizeof diag->field - 1));
    diag->field[f.len] = 0;
    vsnprintf(diag->text, sizeof diag->text, fmt, args);
}

enum demur_err demur_fail(struct demur_diag *diag, enum demur_err code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    diag_fill(diag, code, 0, 0, "", fmt, args);
    va_end(args);
    return code;
}

enum demur_err demur_fail_at(struct demur_diag *diag, enum demur_err code, uint32_t line,
                             uint32_t column, const char *field, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    diag_fill(diag, code, line, column, field, fmt, args);
    va_end(args);
    return code;
}

bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool span_eq_str(struct span a, const char *s) { return span_eq(a, span_str(s)); }

bool span_starts(struct span s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.len >= n && memcmp(s.p, prefix, n) == 0;
}

int span_cmp(struct span a, struct span b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

struct span span_skip(struct span s, size_t n)
{
    if (n > s.len)
        n = s.len;
    return n ? span_of(s.p + n, s.len - n) : s;
}

struct span span_take(struct span s, size_t n) { return span_of(s.p, n < s.len ? n : s.len); }

struct span span_split(struct span *rest, uint8_t sep, bool *found)
{
    struct span all = *rest;
    const uint8_t *at = all.len ? memchr(all.p, sep, all.len) : NULL;
    *found = at != NULL;
    if (!at) {
        *rest = span_of(NULL, 0);
        return all;
    }
    size_t n = (size_t)(at - all.p);
    *rest = span_of(at + 1, all.len - n - 1);
    return span_of(all.p, n);
}

bool span_u64(struct span s, uint64_t max, uint64_t *out)
{
    if (s.len == 0 || s.len > 20 || (s.len > 1 && s.p[0] == '0'))
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];
        if (c < '0' || c > '9')
            return false;
        if (v > (UINT64_MAX - (uint64_t)(c - '0')) / 10)
            return false;
        v = v * 10 + (uint64_t)(c - '0');
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    if (b->overflow || n > b->cap - b->len) {
        b->overflow = true;
        return NULL;
    }
    uint8_t *at = b->p + b->len;
    b->len += n;
    return at;
}

void buf_put(struct buf *b, const void *p, size_t len)
{
    if (len == 0)
        return;
    uint8_t *at = buf_reserve(b, len);
    if (at)
        memcpy(at, p, len);
}

void buf_put_span(struct buf *b, struct span s) { buf_put(b, s.p, s.len); }
void buf_put_str(struct buf *b, const char *s) { buf_put(b, s, strlen(s)); }
void buf_put_byte(struct buf *b, uint8_t c) { buf_put(b, &c, 1); }

void buf_put_u64(struct buf *b, uint64_t v)
{
    uint8_t digits[20];
    size_t n = 0;
    do {
        digits[sizeof digits - ++n] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_put(b, digits + sizeof digits - n, n);
}

void buf_put_i64(struct buf *b, int64_t v)
{
    if (v < 0)
        buf_put_byte(b, '-');
    buf_put_u64(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void buf_put_be64(struct buf *b, uint64_t v)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(v >> (56 - 8 * i));
    buf_put(b, bytes, sizeof bytes);
}

void buf_put_be16(struct buf *b, uint16_t v)
{
    uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    buf_put(b, bytes, sizeof bytes);
}

uint64_t be64_load(const uint8_t p[static 8])
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

uint16_t be16_load(const uint8_t p[static 2]) { return (uint16_t)(p[0] << 8 | p[1]); }
