/* Heap bytes and small texts. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/civil.h"
#include "../core/encode.h"
#include "internal.h"

void demur_bytes_free(struct demur_bytes *b)
{
    if (b->p)
        sodium_memzero(b->p, b->len);
    free(b->p);
    *b = (struct demur_bytes){0};
}

struct buf heap_buf(size_t cap)
{
    uint8_t *p = cap < SIZE_MAX ? malloc(cap + 1) : NULL;
    return buf_over(p, p ? cap : 0);
}

void heap_buf_free(struct buf *b)
{
    if (b->p)
        sodium_memzero(b->p, b->len);
    free(b->p);
    *b = buf_over(NULL, 0);
}

struct demur_bytes heap_buf_take(struct buf *b)
{
    struct demur_bytes out = {b->p, b->len};
    if (b->p)
        b->p[b->len] = 0;
    *b = buf_over(NULL, 0);
    return out;
}

int by_bytes(const void *a, const void *b)
{
    return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

bool copy_text(char *out, size_t cap, struct span text)
{
    if (text.len >= cap)
        return false;
    if (text.len)
        memcpy(out, text.p, text.len);
    out[text.len] = 0;
    return true;
}

void hex_text(char out[static 65], const uint8_t bytes[static 32])
{
    struct buf b = buf_over(out, 64);
    demur_hex_encode(&b, span_of(bytes, 32));
    out[64] = 0;
}

void time_text(char out[static 32], uint64_t unix_s)
{
    struct buf b = buf_over(out, 31);
    demur_time_put(&b, (int64_t)unix_s, 0);
    out[b.len] = 0;
}

void skew_text(char out[static DEMUR_SKEW_TEXT], uint64_t ours, uint64_t theirs)
{
    static const struct {
        uint64_t s;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    uint64_t apart = ours > theirs ? ours - theirs : theirs - ours;
    size_t i = 0, len;
    while (i < 3 && apart < units[i].s)
        i++;
    uint64_t n = apart / units[i].s, rest = apart % units[i].s, m = 0;
    len = (size_t)snprintf(out, DEMUR_SKEW_TEXT, "%llu %s%s", (unsigned long long)n, units[i].name,
                           n == 1 ? "" : "s");
    if (i < 2 && n < 10 && (m = rest / units[i + 1].s) > 0)
        len += (size_t)snprintf(out + len, DEMUR_SKEW_TEXT - len, " %llu %s%s",
                                (unsigned long long)m, units[i + 1].name, m == 1 ? "" : "s");
    snprintf(out + len, DEMUR_SKEW_TEXT - len, "%s", ours > theirs ? " ahead of" : " behind");
}
