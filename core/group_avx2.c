/* Four points at a time with AVX2. Limbs have 26 and 25 bits in turn. Products
 * leave them below 2^26 + 2^18 and 2^25 + 2^18 ("tight"). Sums, and differences
 * from tight b, are not carried: limbs stay below 2^28 and 2^27. Of a product's
 * operands the second must be below 2^27.7 and 2^26.7, which all but
 * lanes_sub_twice keep to. */
#include "group_path.h"

#ifdef GROUP_PATHS_X86
#include <immintrin.h>

#define LANES 4
#define TARGET target("avx2")
/* With the sanitizers' own code in them, functions are too long to be inlined. */
#ifdef GROUP_SANITIZED
#define FN static inline __attribute__((TARGET))
#else
#define FN static inline __attribute__((always_inline, TARGET))
#endif
#define FN_OUT static __attribute__((noinline, TARGET))
#define UNROLL _Pragma("GCC unroll 16")

typedef uint64_t vec __attribute__((vector_size(32)));
struct lanes {
    vec v[10];
};

#include "group_field.h"

#define EVEN_MASK ((UINT64_C(1) << 26) - 1)
#define ODD_MASK ((UINT64_C(1) << 25) - 1)

FN vec times(vec a, vec b) { return (vec)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
FN vec nineteen_times(vec a) { return (a << 4) + (a << 1) + a; }

FN void lanes_of_words(struct lanes *out, const vec w[static 5])
{
    UNROLL
    for (int i = 0; i < 5; i++) {
        out->v[2 * i] = w[i] & EVEN_MASK;
        out->v[2 * i + 1] = w[i] >> 26;
    }
}
FN void lanes_to_words(vec w[static 5], const struct lanes *a)
{
    UNROLL
    for (int i = 0; i < 5; i++)
        w[i] = a->v[2 * i] + (a->v[2 * i + 1] << 26);
}
FN void lanes_pick(struct lanes *out, vec mask, const struct lanes *a, const struct lanes *b)
{
    UNROLL
    for (int i = 0; i < 10; i++)
        out->v[i] = (a->v[i] & mask) | (b->v[i] & ~mask);
}

/* 2p's limb i */
FN uint64_t twice_p(int i)
{
    return i == 0 ? UINT64_C(0x7ffffda) : i % 2 ? UINT64_C(0x3fffffe) : UINT64_C(0x7fffffe);
}

FN void lanes_add(struct lanes *out, const struct lanes *a, const struct lanes *b)
{
    UNROLL
    for (int i = 0; i < 10; i++)
        out->v[i] = a->v[i] + b->v[i];
}
FN void lanes_add_twice(struct lanes *out, const struct lanes *a, const struct lanes *b)
{
    UNROLL
    for (int i = 0; i < 10; i++)
        out->v[i] = a->v[i] + a->v[i] + b->v[i];
}
FN void lanes_sub(struct lanes *out, const struct lanes *a, const struct lanes *b)
{
    UNROLL
    for (int i = 0; i < 10; i++)
        out->v[i] = a->v[i] + twice_p(i) - b->v[i];
}
FN void lanes_sub_twice(struct lanes *out, const struct lanes *a, const struct lanes *b)
{
    UNROLL
    for (int i = 0; i < 10; i++)
        out->v[i] = a->v[i] + a->v[i] + twice_p(i) - b->v[i];
}

/* Columns below 2^63. The first pass leaves limbs below 2^43, the second tight. */
FN void lanes_carry(struct lanes *out, vec z[static 10])
{
    for (int pass = 0; pass < 2; pass++) {
        vec carry[10];
        UNROLL
        for (int i = 0; i < 10; i++) {
            carry[i] = z[i] >> (i % 2 ? 25 : 26);
            z[i] &= i % 2 ? ODD_MASK : EVEN_MASK;
        }
        z[0] += nineteen_times(carry[9]);
        UNROLL
        for (int i = 1; i < 10; i++)
            z[i] += carry[i - 1];
    }
    UNROLL
    for (int i = 0; i < 10; i++)
        out->v[i] = z[i];
}

FN void lanes_tighten(struct lanes *a) { lanes_carry(a, a->v); }

/* Products are not inlined: they take more than there are registers anyway. */

/* Two odd limbs' product stands one bit above its column: it counts twice. What
 * lies above limb 9 counts 19 times. */
FN_OUT void lanes_mul(struct lanes *out, const struct lanes *a, const struct lanes *b)
{
    vec z[10] = {{0}}, wrapped[10];
    UNROLL
    for (int j = 1; j < 10; j++)
        wrapped[j] = nineteen_times(b->v[j]);
    UNROLL
    for (int i = 0; i < 10; i++) {
        vec once = a->v[i], twice = once + once;
        UNROLL
        for (int j = 0; j < 10; j++) {
            vec x = i % 2 && j % 2 ? twice : once;
            if (i + j < 10)
                z[i + j] += times(x, b->v[j]);
            else
                z[i + j - 10] += times(x, wrapped[j]);
        }
    }
    lanes_carry(out, z);
}

/* The same, with each product of two different limbs made once. */
FN_OUT void lanes_square(struct lanes *out, const struct lanes *a)
{
    vec z[10] = {{0}}, wrapped[10];
    UNROLL
    for (int j = 1; j < 10; j++)
        wrapped[j] = nineteen_times(a->v[j]);
    UNROLL
    for (int i = 0; i < 10; i++) {
        vec once = a->v[i], twice = once + once, four = twice + twice;
        UNROLL
        for (int j = i; j < 10; j++) {
            vec x = i == j ? (i % 2 ? twice : once) : i % 2 && j % 2 ? four : twice;
            if (i + j < 10)
                z[i + j] += times(x, a->v[j]);
            else
                z[i + j - 10] += times(x, wrapped[j]);
        }
    }
    lanes_carry(out, z);
}

/* Rows become columns. */
FN void turn(vec r[static 4])
{
    vec low01 = __builtin_shufflevector(r[0], r[1], 0, 4, 2, 6);
    vec high01 = __builtin_shufflevector(r[0], r[1], 1, 5, 3, 7);
    vec low23 = __builtin_shufflevector(r[2], r[3], 0, 4, 2, 6);
    vec high23 = __builtin_shufflevector(r[2], r[3], 1, 5, 3, 7);
    r[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
    r[1] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
    r[2] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
    r[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
}

_Static_assert(sizeof(struct group_affine) == 15 * sizeof(uint64_t),
               "gather_affine reads 15 words");

/* The points that the references name, negated where these say so. */
FN void gather_affine(struct lanes *sum, struct lanes *difference, struct lanes *t2d,
                      const uint64_t from[static LANES])
{
    /* the last four words of 15 begin at the eleventh */
    static const size_t starts[4] = {0, 4, 8, 11};
    vec refs, limb[16];
    memcpy(&refs, from, sizeof refs);
    UNROLL
    for (int k = 0; k < 4; k++) {
        UNROLL
        for (int l = 0; l < 4; l++) {
            const uint64_t *p = (const uint64_t *)(uintptr_t)(from[l] & ~UINT64_C(1));
            memcpy(&limb[4 * k + l], p + starts[k], sizeof limb[0]);
        }
        turn(limb + 4 * k);
    }
    UNROLL
    for (int i = 11; i < 15; i++)
        limb[i] = limb[i + 1];
    vec minus = (vec){0} - (refs & 1);
    struct lanes s, d, t, negated;
    static const struct lanes none = {{{0}}};
    lanes_of_words(&s, limb);
    lanes_of_words(&d, limb + 5);
    lanes_of_words(&t, limb + 10);
    lanes_sub(&negated, &none, &t);
    lanes_pick(sum, minus, &d, &s);
    lanes_pick(difference, minus, &s, &d);
    lanes_pick(t2d, minus, &negated, &t);
}

#include "ed25519_lanes.h"

/* Sums of products modulo l are no faster with four products of 32 bits at a time
 * than with one of 64. */
static void avx2_products(struct group_products *sum, const uint64_t *a, const uint64_t *b,
                          size_t stride, size_t n)
{
    group_path_portable.products(sum, a, b, stride, n);
}

const struct group_path group_path_avx2 = {
    "avx2", lanes_sum_work_len, lanes_sum, lanes_decode, avx2_products, lanes_equations, 3, LANES};
#endif
