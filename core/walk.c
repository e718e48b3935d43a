/* walk.c - see walk.h. */
#include "walk.h"

#define ROOM_MAX 4096u

void demur_walk_save(struct demur_walk *w, demur_walk_put_fn *put, void *ctx)
{
    w->loading = false;
    w->err = DEMUR_OK;
    w->put = put;
    w->get = NULL;
    w->ctx = ctx;
    w->left = 0;
    w->at = w->len = 0;
}

void demur_walk_load(struct demur_walk *w, demur_walk_get_fn *get, void *ctx, uint64_t size)
{
    w->loading = true;
    w->err = DEMUR_OK;
    w->put = NULL;
    w->get = get;
    w->ctx = ctx;
    w->left = size;
    w->at = w->len = 0;
}

static void flush(struct demur_walk *w)
{
    if (!w->err && w->at && !w->put(w->ctx, w->buffer, w->at))
        demur_walk_fail(w, DEMUR_ERR_IO);
    w->at = 0;
}

/* As much of what is left as the buffer holds, the rest of it first. */
static void refill(struct demur_walk *w)
{
    memmove(w->buffer, w->buffer + w->at, w->len - w->at);
    w->len -= w->at;
    w->at = 0;
    size_t want = w->left < sizeof w->buffer ? (size_t)w->left : sizeof w->buffer;
    while (!w->err && w->len < want) {
        size_t got = 0;
        if (!w->get(w->ctx, w->buffer + w->len, want - w->len, &got))
            demur_walk_fail(w, DEMUR_ERR_IO);
        else if (!got || got > want - w->len)
            demur_walk_fail(w, DEMUR_ERR_SYNTAX);
        else
            w->len += got;
    }
}

uint8_t *demur_walk_room(struct demur_walk *w, size_t n)
{
    if (!w->loading && sizeof w->buffer - w->at < n)
        flush(w);
    if (w->loading && n > w->left)
        demur_walk_fail(w, DEMUR_ERR_SYNTAX);
    if (w->loading && !w->err && w->len - w->at < n)
        refill(w);
    if (w->err) {
        w->at = w->len = 0;
        memset(w->buffer, 0, n);
        return w->buffer;
    }
    uint8_t *p = w->buffer + w->at;
    w->at += n;
    w->left -= w->loading ? n : 0;
    return p;
}

void demur_walk_bytes(struct demur_walk *w, void *p, size_t n)
{
    for (uint8_t *at = p; n;) {
        size_t part = n < ROOM_MAX ? n : ROOM_MAX;
        uint8_t *room = demur_walk_room(w, part);
        if (w->loading)
            memcpy(at, room, part);
        else
            memcpy(room, at, part);
        at += part;
        n -= part;
    }
}

void demur_walk_bool(struct demur_walk *w, bool *v)
{
    uint8_t byte = *v;
    demur_walk_u8(w, &byte);
    demur_walk_require(w, byte <= 1);
    *v = byte == 1;
}

void demur_walk_text(struct demur_walk *w, char *text, size_t cap)
{
    uint8_t len = w->loading ? 0 : (uint8_t)strnlen(text, cap - 1);
    demur_walk_u8(w, &len);
    demur_walk_require(w, len < cap);
    if (w->err)
        return;
    demur_walk_bytes(w, text, len);
    if (!w->loading)
        return;
    demur_walk_require(w, !memchr(text, 0, len));
    memset(text + len, 0, cap - len);
}

void demur_walk_heap(struct demur_walk *w, uint8_t **p, size_t *len, size_t most)
{
    uint32_t n = (uint32_t)*len;
    demur_walk_u32(w, &n);
    demur_walk_require(w, n <= most && n <= w->left);
    if (w->loading) {
        *len = 0;
        *p = w->err || !n ? NULL : malloc(n);
        if (!w->err && n && !*p)
            demur_walk_fail(w, DEMUR_ERR_MEMORY);
    }
    if (w->err)
        return;
    demur_walk_bytes(w, *p, n);
    *len = n;
}

void demur_walk_array(struct demur_walk *w, void *array, uint32_t *len, size_t *cap, size_t size,
                      size_t least)
{
    void **at = array;
    uint32_t n = *len;
    demur_walk_u32(w, &n);
    demur_walk_require(w, n <= w->left / least);
    if (!w->loading)
        return;
    *len = 0;
    *cap = 0;
    *at = w->err || !n ? NULL : calloc(n, size);
    if (w->err || !n)
        return;
    if (!*at) {
        demur_walk_fail(w, DEMUR_ERR_MEMORY);
        return;
    }
    *len = n;
    *cap = n;
}

enum demur_err demur_walk_end(struct demur_walk *w)
{
    if (!w->loading)
        flush(w);
    demur_walk_require(w, w->left == 0);
    return w->err;
}
