/* walk.h - one description of a structure that both writes and reads it.
 *
 * A function walks over a structure and names its fields in order; the walk puts
 * their bytes, or fills them in from bytes. So what is written and what is read
 * cannot drift apart. Integers are little-endian, of the width that is named.
 *
 * Failure is sticky: from then on nothing is written, and everything read is zero.
 * Reading is of bytes that nobody vouches for: demur_walk_require says what must
 * hold of them, and a count is believed only where as many bytes are left. The
 * struct is a work area of 64 KiB, the caller's. Timing: variable.
 */
#ifndef DEMUR_CORE_WALK_H
#define DEMUR_CORE_WALK_H

#include "base.h"

/* Take n bytes; or give up to n of them, 0 at the end. False: the system refused. */
typedef bool demur_walk_put_fn(void *ctx, const uint8_t *p, size_t n);
typedef bool demur_walk_get_fn(void *ctx, uint8_t *p, size_t n, size_t *got);

#define DEMUR_WALK_BUFFER 65536u

struct demur_walk {
    bool loading;
    enum demur_err err; /* SYNTAX: not what was written; MEMORY; IO: put or get failed */
    demur_walk_put_fn *put;
    demur_walk_get_fn *get;
    void *ctx;
    uint64_t left;  /* loading: bytes that are still to come, those in the buffer with them */
    size_t at, len; /* in the buffer; len: loading only */
    uint8_t buffer[DEMUR_WALK_BUFFER];
};

void demur_walk_save(struct demur_walk *w, demur_walk_put_fn *put, void *ctx);
/* `size` bytes are there to be read. */
void demur_walk_load(struct demur_walk *w, demur_walk_get_fn *get, void *ctx, uint64_t size);
/* Hand over what is in the buffer; loading, nothing may be left. Returns w->err. */
enum demur_err demur_walk_end(struct demur_walk *w) DEMUR_CHECKED;

static inline void demur_walk_fail(struct demur_walk *w, enum demur_err err)
{
    if (!w->err)
        w->err = err;
}
/* What must hold of what was read. */
static inline void demur_walk_require(struct demur_walk *w, bool holds)
{
    if (w->loading && !holds)
        demur_walk_fail(w, DEMUR_ERR_SYNTAX);
}

/* n (at most 4096) bytes in the buffer, to be written or read; zeros after a failure. */
uint8_t *demur_walk_room(struct demur_walk *w, size_t n);

#define DEMUR_WALK_INT(name, type, width)                                                          \
    static inline void demur_walk_##name(struct demur_walk *w, type *v)                            \
    {                                                                                              \
        uint8_t *p = demur_walk_room(w, width);                                                    \
        uint64_t n = (uint64_t)*v;                                                                 \
        if (!w->loading) {                                                                         \
            for (size_t i = 0; i < width; i++)                                                     \
                p[i] = (uint8_t)(n >> 8 * i);                                                      \
            return;                                                                                \
        }                                                                                          \
        n = 0;                                                                                     \
        for (size_t i = 0; i < width; i++)                                                         \
            n |= (uint64_t)p[i] << 8 * i;                                                          \
        *v = (type)n;                                                                              \
    }
DEMUR_WALK_INT(u8, uint8_t, 1)
DEMUR_WALK_INT(i8, int8_t, 1)
DEMUR_WALK_INT(i16, int16_t, 2)
DEMUR_WALK_INT(u32, uint32_t, 4)
DEMUR_WALK_INT(i32, int32_t, 4)
DEMUR_WALK_INT(u64, uint64_t, 8)
DEMUR_WALK_INT(i64, int64_t, 8)

/* One byte, 0 or 1. */
void demur_walk_bool(struct demur_walk *w, bool *v);
void demur_walk_bytes(struct demur_walk *w, void *p, size_t n);
/* A text of less than `cap` bytes in an array of `cap`, NUL-ended and zero beyond. */
void demur_walk_text(struct demur_walk *w, char *text, size_t cap);
/* Bytes on the heap, at most `most`; made, and the caller's, when loading. NULL stays
 * NULL: an empty one is never made. */
void demur_walk_heap(struct demur_walk *w, uint8_t **p, size_t *len, size_t most);
/* The count of an array whose elements take `size` bytes in memory and `least` at least
 * here. Loading, the array is made, all zero, of just that size (NULL for none), and is
 * the caller's whatever fails after. */
void demur_walk_array(struct demur_walk *w, void *array, uint32_t *len, size_t *cap, size_t size,
                      size_t least);

#endif
