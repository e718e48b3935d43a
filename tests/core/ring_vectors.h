/* ring_vectors.h - reads vectors/ring: blocks of `name value` lines. */
#ifndef DEMUR_TESTS_RING_VECTORS_H
#define DEMUR_TESTS_RING_VECTORS_H

#include "../../core/ring.h"
#include "../test.h"

#include <sodium.h>

/* One block of `name value` lines. */
struct vector {
    struct span text;
};

static inline bool next_vector(struct span *rest, struct vector *v)
{
    while (rest->len > 0) {
        size_t end = 0;
        while (end < rest->len && !span_starts(span_skip(*rest, end), "\n\n"))
            end++;
        v->text = span_take(*rest, end);
        *rest = span_skip(*rest, end + 2);
        if (span_starts(v->text, "case "))
            return true;
    }
    return false;
}

/* The nth value called `name`; false when there is none. */
static inline bool value_at(struct vector v, const char *name, size_t nth, struct span *value)
{
    bool more = true;
    while (v.text.len > 0) {
        struct span line = span_split(&v.text, '\n', &more), rest = line;
        if (span_eq_str(span_split(&rest, ' ', &more), name) && nth-- == 0) {
            *value = rest;
            return true;
        }
    }
    return false;
}

static inline struct span text_of(struct vector v, const char *name)
{
    struct span value = span_lit("");
    if (!value_at(v, name, 0, &value))
        test_failed(__FILE__, __LINE__, "a vector has no %s: %.*s", name, SPAN_ARG(v.text));
    return value;
}

static inline size_t unhex_span(struct span hex, uint8_t *out, size_t cap)
{
    size_t len = 0;
    if (sodium_hex2bin(out, cap, (const char *)hex.p, hex.len, NULL, &len, NULL) != 0)
        test_failed(__FILE__, __LINE__, "not hex: %.*s", SPAN_ARG(hex));
    return len;
}

static inline size_t bytes_of(struct vector v, const char *name, uint8_t *out, size_t cap)
{
    return unhex_span(text_of(v, name), out, cap);
}

static inline size_t number_of(struct vector v, const char *name)
{
    uint64_t n = 0;
    if (!span_u64(text_of(v, name), DEMUR_RING_MAX, &n))
        test_failed(__FILE__, __LINE__, "%s is no number", name);
    return (size_t)n;
}

static inline bool load(const char *name, struct span *text)
{
    *text = test_data(name);
    if (!text->p)
        test_skip("no %s", name);
    return text->p != NULL;
}

#endif
