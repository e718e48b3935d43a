/* base.h - spans, bounded buffers, errors and diagnostics.
 *
 * Everything in core/ speaks these four types. No function here allocates,
 * reads a clock, or touches a file. All lengths are size_t and count bytes.
 * Timing: every function is variable time in lengths, never in contents,
 * unless its comment says otherwise.
 */
#ifndef DEMUR_CORE_BASE_H
#define DEMUR_CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "banned.h"

#define DEMUR_CHECKED __attribute__((warn_unused_result))
#define DEMUR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define DEMUR_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What can go wrong. Input errors are returned, never asserted. */
enum demur_err {
    DEMUR_OK = 0,
    DEMUR_ERR_SYNTAX,    /* the bytes are not of the format */
    DEMUR_ERR_CANON,     /* of the format, but not in its one canonical form */
    DEMUR_ERR_LIMIT,     /* over a stated limit (length, count, work factor) */
    DEMUR_ERR_SPACE,     /* the caller's buffer is too small */
    DEMUR_ERR_MEMORY,    /* an allocation failed */
    DEMUR_ERR_VERIFY,    /* a MAC, hash, signature or proof does not verify */
    DEMUR_ERR_KEY,       /* no key at hand opens this; a wrong passphrase or phrase */
    DEMUR_ERR_UNKNOWN,   /* names a key, case, role or entry that does not exist */
    DEMUR_ERR_FORBIDDEN, /* the signer has no right to this act */
    DEMUR_ERR_REPLAY,    /* a sequence number, tag or slot was used before */
    DEMUR_ERR_STALE,     /* `on`, ring or roster is not the latest */
    DEMUR_ERR_STAGE,     /* the case is not at a stage that allows this act */
    DEMUR_ERR_TIME,      /* a time is out of order or out of range */
    DEMUR_ERR_MISSING,   /* something required is absent */
    DEMUR_ERR_TEXT,      /* the text of a policy or calendar is wanted: give it, and try again */
    DEMUR_ERR_UPGRADE,   /* well formed, but this version cannot execute it */
    DEMUR_ERR_IO,        /* store, client and cli only: the system refused */
};

/* Stable lower-case name of a code, for logs, JSON and tests. Never NULL. */
const char *demur_err_name(enum demur_err code);

/* What a person needs to mend an error. `line` and `column` count from 1 and
 * are 0 where they make no sense. `text` is one sentence without a full stop. */
struct demur_diag {
    enum demur_err code;
    uint32_t line, column;
    char field[40];
    char text[256];
};

/* Fill *diag (may be NULL) and return `code`. The text is cut, never overrun.
 * Line, column and field are cleared by demur_fail. */
enum demur_err demur_fail(struct demur_diag *diag, enum demur_err code, const char *fmt, ...)
    DEMUR_PRINTF(3, 4);
enum demur_err demur_fail_at(struct demur_diag *diag, enum demur_err code, uint32_t line,
                             uint32_t column, const char *field, const char *fmt, ...)
    DEMUR_PRINTF(6, 7);

/* A borrowed run of bytes. Never owns. p may be NULL only when len is 0. */
struct span {
    const uint8_t *p;
    size_t len;
};

static inline struct span span_of(const void *p, size_t len)
{
    return (struct span){(const uint8_t *)p, len};
}
static inline struct span span_str(const char *s) { return span_of(s, strlen(s)); }
/* span_lit("text"): a string literal without its NUL. */
#define span_lit(s) span_of("" s "", sizeof(s) - 1)

/* printf arguments for "%.*s": SPAN_ARG(span). */
#define SPAN_ARG(s) (int)((s).len > 200 ? 200 : (s).len), (const char *)((s).p ? (s).p : (const uint8_t *)"")

bool span_eq(struct span a, struct span b);
bool span_eq_str(struct span a, const char *s);
bool span_starts(struct span s, const char *prefix);
/* Order of bytes, then of length: <0, 0, >0. */
int span_cmp(struct span a, struct span b);
/* Drop the first n bytes; n is cut to the length. */
struct span span_skip(struct span s, size_t n);
/* The first n bytes; n is cut to the length. */
struct span span_take(struct span s, size_t n);
/* Split *rest at the first `sep`: returns what precedes it, leaves what follows
 * in *rest. Without one, returns everything and sets *found to false. */
struct span span_split(struct span *rest, uint8_t sep, bool *found);
/* Canonical decimal: no sign, no leading zero, no empty text, at most `max`. */
bool span_u64(struct span s, uint64_t max, uint64_t *out) DEMUR_CHECKED;

/* A bounded writer into the caller's storage. Overflow is sticky: once a write
 * does not fit, nothing more is written and buf_ok() is false for good. */
struct buf {
    uint8_t *p;
    size_t len, cap;
    bool overflow;
};

static inline struct buf buf_over(void *p, size_t cap)
{
    return (struct buf){(uint8_t *)p, 0, cap, false};
}
static inline bool buf_ok(const struct buf *b) { return !b->overflow; }
static inline struct span buf_span(const struct buf *b) { return span_of(b->p, b->len); }

/* Append. All are no-ops after an overflow. */
void buf_put(struct buf *b, const void *p, size_t len);
void buf_put_span(struct buf *b, struct span s);
void buf_put_str(struct buf *b, const char *s);
void buf_put_byte(struct buf *b, uint8_t c);
void buf_put_u64(struct buf *b, uint64_t v);      /* decimal */
void buf_put_i64(struct buf *b, int64_t v);       /* decimal */
void buf_put_be64(struct buf *b, uint64_t v);     /* 8 bytes, big-endian */
void buf_put_be16(struct buf *b, uint16_t v);     /* 2 bytes, big-endian */
/* Reserve n bytes and return where they start, or NULL on overflow. */
uint8_t *buf_reserve(struct buf *b, size_t n);

/* Big-endian integers out of bytes. */
uint64_t be64_load(const uint8_t p[static 8]);
uint16_t be16_load(const uint8_t p[static 2]);

#endif
