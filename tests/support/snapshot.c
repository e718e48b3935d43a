#include "snapshot.h"

#include <stdlib.h>

#include "../../core/table.h"
#include "../../core/walk.h"

struct bytes {
    uint8_t *p;
    size_t len, cap;
};

static bool take(void *ctx, const uint8_t *p, size_t n)
{
    struct bytes *b = ctx;
    if (!demur_grow(&b->p, &b->cap, b->len + n, 1))
        return false;
    memcpy(b->p + b->len, p, n);
    b->len += n;
    return true;
}

/* In pieces that fit nothing, as a file may come. */
static bool give(void *ctx, uint8_t *p, size_t n, size_t *got)
{
    struct span *rest = ctx;
    struct span part = span_take(*rest, n < 1021 ? n : 1021);
    memcpy(p, part.p, part.len);
    *rest = span_skip(*rest, part.len);
    *got = part.len;
    return true;
}

struct span snapshot_take(const struct demur_channel *c)
{
    struct bytes b = {0};
    struct demur_walk *w = malloc(sizeof *w);
    if (w) {
        demur_walk_save(w, take, &b);
        demur_channel_save(c, w);
    }
    if (!w || demur_walk_end(w)) {
        free(b.p);
        b = (struct bytes){0};
    }
    free(w);
    return span_of(b.p, b.len);
}

struct demur_channel *snapshot_load(struct span bytes, enum demur_err *err)
{
    struct span rest = bytes;
    struct demur_walk *w = malloc(sizeof *w);
    *err = DEMUR_ERR_MEMORY;
    if (!w)
        return NULL;
    demur_walk_load(w, give, &rest, bytes.len);
    struct demur_channel *c = demur_channel_load(w);
    *err = demur_walk_end(w);
    if (*err) {
        demur_channel_free(c);
        c = NULL;
    }
    free(w);
    return c;
}

bool snapshot_renew(struct demur_channel **c)
{
    enum demur_err err;
    struct span first = snapshot_take(*c), second = {0};
    struct demur_channel *again = first.p ? snapshot_load(first, &err) : NULL;
    if (again)
        second = snapshot_take(again);
    bool same = again && second.p && span_eq(first, second);
    if (same) {
        demur_channel_free(*c);
        *c = again;
    } else {
        demur_channel_free(again);
    }
    free((void *)first.p);
    free((void *)second.p);
    return same;
}
