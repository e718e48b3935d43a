/* group_path.h - the ways in which sums of public terms are computed: portable C
 * everywhere, and vector code where the processor has it. Private to core/.
 * All of it is variable time and must never see a secret.
 *
 * Every path gives the same results; which one is taken is the caller's matter:
 * group_path_best asks the processor, group_path_portable is always there.
 */
#ifndef DEMUR_CORE_GROUP_PATH_H
#define DEMUR_CORE_GROUP_PATH_H

#include "ed25519_many.h"
#include "group.h"

/* Is r the encoding of sB - hA, on the Edwards curve itself? s and h are below the
 * group's order, a's y is below p. Multiples are of these very integers: a point
 * with a part of small order is no element of the group that the order speaks of. */
struct group_equation {
    uint8_t a[32], r[32], h[32], s[32];
};
#define GROUP_EQUATIONS_MAX 8

struct group_path {
    const char *name; /* "avx512ifma", "avx2", "portable" */
    /* Bytes that a sum of n terms can make use of. */
    size_t (*sum_work_len)(size_t n);
    /* group_sum_vartime. */
    void (*sum)(struct group_point *out, const struct group_terms *lists, size_t n_lists,
                void *work, size_t work_len);
    /* Decode n elements; returns the place of the first that is none, or n. What is
     * written from there on is garbage. */
    size_t (*decode)(struct group_affine *out, const uint8_t (*in)[32], size_t n);
    /* *sum += Σ a_s·b_s over s < n, where limb i of a factor stands at [i·stride + s]. */
    void (*products)(struct group_products *sum, const uint64_t *a, const uint64_t *b,
                     size_t stride, size_t n);
    /* Does each hold? n is at most equations_most; below equations_least libsodium is
     * quicker. NULL where it always is. */
    void (*equations)(bool *holds, const struct group_equation *in, size_t n);
    size_t equations_least, equations_most;
};

extern const struct group_path group_path_portable;
/* The i-th path that this processor can go, best first, or NULL past the end. */
const struct group_path *group_path_at(size_t i);
static inline const struct group_path *group_path_best(void) { return group_path_at(0); }
/* demur_ed25519_verify_many by that path. */
void group_path_ed25519(const struct group_path *path, struct demur_ed25519_check *checks,
                        size_t n);

#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
#define GROUP_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GROUP_SANITIZED 1
#endif
#endif

#ifdef __x86_64__
#define GROUP_PATHS_X86 1
extern const struct group_path group_path_ifma, group_path_avx2;
#endif

/* --- what the paths share --- */

/* A scalar is cut into `count` windows of `bits` bits, each a signed digit. */
struct group_windows {
    unsigned bits, count;
};
#define GROUP_WINDOW_MIN 4
#define GROUP_WINDOW_MAX 15

static inline struct group_windows group_windows_of(unsigned bits)
{
    return (struct group_windows){bits, (252 + bits - 1) / bits};
}
/* A digit is at most this, either sign. */
static inline size_t group_windows_buckets(struct group_windows w)
{
    return (size_t)1 << (w.bits - 1);
}
/* Overwrite the scalars with what group_digit_at reads. */
void group_windows_cut(const struct group_terms *lists, size_t n_lists, struct group_windows w);

/* Digit i, not yet negated for a scalar that group_minus names. */
static inline int32_t group_digit_at(const struct group_scalar *s, struct group_windows w,
                                     unsigned i)
{
    unsigned bit = i * w.bits, word = bit / 64, shift = bit % 64;
    uint64_t v = s->w[word] >> shift;
    if (word == 3)
        v = (s->w[3] & (UINT64_MAX >> 1)) >> shift;
    else if (shift + w.bits > 64)
        v |= s->w[word + 1] << (64 - shift);
    int32_t digit = (int32_t)(v & ((UINT64_C(1) << w.bits) - 1));
    return i + 1 < w.count ? digit - (1 << (w.bits - 1)) : digit;
}
static inline bool group_minus(const struct group_scalar *s) { return s->w[3] >> 63; }

static inline size_t group_terms_count(const struct group_terms *lists, size_t n_lists)
{
    size_t n = 0;
    for (size_t l = 0; l < n_lists; l++)
        n += lists[l].n;
    return n;
}

#endif
