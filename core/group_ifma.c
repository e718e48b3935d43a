/* Eight points at a time with AVX-512's multiply-adds of 52 bits. Limbs have 51
 * bits, as in group_field.h. A product's upper half then stands one bit above
 * the next limb, and counts twice. All functions below take limbs below 2^52 and,
 * but for the negated t2d, leave them below 2^51 + 2^15. */
#include "group_path.h"

#ifdef GROUP_PATHS_X86
#include <immintrin.h>

#define LANES 8
#define TARGET target("avx512f,avx512dq,avx512vl,avx512ifma")
/* With the sanitizers' own code in them, functions are too long to be inlined. */
#ifdef GROUP_SANITIZED
#define FN static inline __attribute__((TARGET))
#else
#define FN static inline __attribute__((always_inline, TARGET))
#endif
#define FN_OUT static __attribute__((noinline, TARGET))
#define UNROLL _Pragma("GCC unroll 16")

typedef uint64_t vec __attribute__((vector_size(64)));
struct lanes {
    vec v[5];
};

#include "group_field.h"

FN vec add_low(vec sum, vec a, vec b)
{
    return (vec)_mm512_madd52lo_epu64((__m512i)sum, (__m512i)a, (__m512i)b);
}
FN vec add_high(vec sum, vec a, vec b)
{
    return (vec)_mm512_madd52hi_epu64((__m512i)sum, (__m512i)a, (__m512i)b);
}

FN void lanes_of_words(struct lanes *out, const vec w[static 5])
{
    for (int i = 0; i < 5; i++)
        out->v[i] = w[i];
}
FN void lanes_to_words(vec w[static 5], const struct lanes *a)
{
    for (int i = 0; i < 5; i++)
        w[i] = a->v[i];
}
FN void lanes_pick(struct lanes *out, vec mask, const struct lanes *a, const struct lanes *b)
{
    for (int i = 0; i < 5; i++)
        out->v[i] = (a->v[i] & mask) | (b->v[i] & ~mask);
}

/* One pass for all limbs at once is enough for limbs below 2^63. */
FN void lanes_carry(struct lanes *out, const vec w[static 5])
{
    vec nineteen = (vec){0} + 19;
    out->v[0] = add_low(w[0] & FIELD_MASK, w[4] >> 51, nineteen);
    UNROLL
    for (int i = 1; i < 5; i++)
        out->v[i] = (w[i] & FIELD_MASK) + (w[i - 1] >> 51);
}

/* a·2^shift + b, and a·2^shift - b */
FN void lanes_sum_of(struct lanes *out, const struct lanes *a, unsigned shift,
                     const struct lanes *b)
{
    vec w[5];
    UNROLL
    for (int i = 0; i < 5; i++)
        w[i] = (a->v[i] << shift) + b->v[i];
    lanes_carry(out, w);
}

/* 2p's limb i */
FN uint64_t twice_p(int i)
{
    return i == 0 ? UINT64_C(0xfffffffffffda) : UINT64_C(0xffffffffffffe);
}

FN void lanes_difference_of(struct lanes *out, const struct lanes *a, unsigned shift,
                            const struct lanes *b)
{
    vec w[5];
    UNROLL
    for (int i = 0; i < 5; i++)
        w[i] = (a->v[i] << shift) + twice_p(i) - b->v[i];
    lanes_carry(out, w);
}

FN void lanes_tighten(struct lanes *a) { (void)a; }

FN void lanes_add(struct lanes *out, const struct lanes *a, const struct lanes *b)
{
    lanes_sum_of(out, a, 0, b);
}
FN void lanes_add_twice(struct lanes *out, const struct lanes *a, const struct lanes *b)
{
    lanes_sum_of(out, a, 1, b);
}
FN void lanes_sub(struct lanes *out, const struct lanes *a, const struct lanes *b)
{
    lanes_difference_of(out, a, 0, b);
}
FN void lanes_sub_twice(struct lanes *out, const struct lanes *a, const struct lanes *b)
{
    lanes_difference_of(out, a, 1, b);
}

/* Columns below 2^57: what stands above limb 4 counts 19 times. */
FN void lanes_fold(struct lanes *out, vec z[static 10])
{
    vec nineteen = (vec){0} + 19;
    UNROLL
    for (int i = 0; i < 5; i++)
        z[i] += (vec)_mm512_mullo_epi64((__m512i)z[i + 5], (__m512i)nineteen);
    lanes_carry(out, z);
}

FN void lanes_mul(struct lanes *out, const struct lanes *a, const struct lanes *b)
{
    vec low[10] = {{0}}, high[10] = {{0}};
    UNROLL
    for (int i = 0; i < 5; i++) {
        UNROLL
        for (int j = 0; j < 5; j++) {
            low[i + j] = add_low(low[i + j], a->v[i], b->v[j]);
            high[i + j + 1] = add_high(high[i + j + 1], a->v[i], b->v[j]);
        }
    }
    UNROLL
    for (int i = 0; i < 10; i++)
        low[i] += high[i] << 1;
    lanes_fold(out, low);
}

/* Products of two different limbs come twice. */
FN void lanes_square(struct lanes *out, const struct lanes *a)
{
    vec once[10] = {{0}}, twice[10] = {{0}}, four[10] = {{0}};
    UNROLL
    for (int i = 0; i < 5; i++) {
        once[2 * i] = add_low(once[2 * i], a->v[i], a->v[i]);
        twice[2 * i + 1] = add_high(twice[2 * i + 1], a->v[i], a->v[i]);
        UNROLL
        for (int j = i + 1; j < 5; j++) {
            twice[i + j] = add_low(twice[i + j], a->v[i], a->v[j]);
            four[i + j + 1] = add_high(four[i + j + 1], a->v[i], a->v[j]);
        }
    }
    UNROLL
    for (int i = 0; i < 10; i++)
        once[i] += (twice[i] + (four[i] << 1)) << 1;
    lanes_fold(out, once);
}

/* Rows become columns. */
FN void turn(vec r[static 8])
{
    vec pairs[8], fours[8];
    UNROLL
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        pairs[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) {
        UNROLL
        for (int j = 0; j < 2; j++) {
            fours[i + j] =
                __builtin_shufflevector(pairs[i + j], pairs[i + 2 + j], 0, 1, 4, 5, 8, 9, 12, 13);
            fours[i + 2 + j] =
                __builtin_shufflevector(pairs[i + j], pairs[i + 2 + j], 2, 3, 6, 7, 10, 11, 14, 15);
        }
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        r[i] = __builtin_shufflevector(fours[i], fours[i + 4], 0, 1, 4, 5, 8, 9, 12, 13);
        r[i + 4] = __builtin_shufflevector(fours[i], fours[i + 4], 2, 3, 6, 7, 10, 11, 14, 15);
    }
}

_Static_assert(sizeof(struct group_affine) == 15 * sizeof(uint64_t),
               "gather_affine reads 15 words");

/* The points that the references name, negated where these say so. */
FN void gather_affine(struct lanes *sum, struct lanes *difference, struct lanes *t2d,
                      const uint64_t from[static LANES])
{
    vec refs, a[8], b[8];
    memcpy(&refs, from, sizeof refs);
    UNROLL
    for (int l = 0; l < 8; l++) {
        const uint64_t *p = (const uint64_t *)(uintptr_t)(from[l] & ~UINT64_C(1));
        memcpy(&a[l], p, sizeof a[l]);
        memcpy(&b[l], p + 7, sizeof b[l]);
    }
    turn(a);
    turn(b);
    __mmask8 minus = _mm512_test_epi64_mask((__m512i)refs, _mm512_set1_epi64(1));
    const vec *const limb[15] = {&a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &a[6], &a[7],
                                 &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &b[7]};
    UNROLL
    for (int i = 0; i < 5; i++) {
        __m512i s = (__m512i)*limb[i], d = (__m512i)*limb[5 + i], t = (__m512i)*limb[10 + i];
        sum->v[i] = (vec)_mm512_mask_mov_epi64(s, minus, d);
        difference->v[i] = (vec)_mm512_mask_mov_epi64(d, minus, s);
        t2d->v[i] =
            (vec)_mm512_mask_sub_epi64(t, minus, _mm512_set1_epi64((long long)twice_p(i)), t);
    }
}

#include "ed25519_lanes.h"

/* Sums of limb products fit their lanes for 2^52·5·512 <= 2^64. */
#define PRODUCTS_MAX 4096

FN_OUT void some_products(struct group_products *sum, const uint64_t *a, const uint64_t *b,
                          size_t stride, size_t n)
{
    vec low[9] = {{0}}, high[9] = {{0}};
    for (size_t s = 0; s < n; s += LANES) {
        __mmask8 has = n - s < LANES ? (__mmask8)((1u << (n - s)) - 1) : 0xff;
        vec x[5], y[5];
        UNROLL
        for (size_t i = 0; i < 5; i++) {
            x[i] = (vec)_mm512_maskz_loadu_epi64(has, a + i * stride + s);
            y[i] = (vec)_mm512_maskz_loadu_epi64(has, b + i * stride + s);
        }
        UNROLL
        for (int i = 0; i < 5; i++) {
            UNROLL
            for (int j = 0; j < 5; j++) {
                low[i + j] = add_low(low[i + j], x[i], y[j]);
                high[i + j] = add_high(high[i + j], x[i], y[j]);
            }
        }
    }
    for (int i = 0; i < 9; i++) {
        for (int l = 0; l < LANES; l++) {
            sum->column[i] += low[i][l];
            sum->column[i] += (unsigned __int128)high[i][l] << 52;
        }
    }
}

static void ifma_products(struct group_products *sum, const uint64_t *a, const uint64_t *b,
                          size_t stride, size_t n)
{
    for (size_t s = 0; s < n; s += PRODUCTS_MAX)
        some_products(sum, a + s, b + s, stride, n - s < PRODUCTS_MAX ? n - s : PRODUCTS_MAX);
}

const struct group_path group_path_ifma = {
    "avx512ifma",  lanes_sum_work_len, lanes_sum, lanes_decode,
    ifma_products, lanes_equations, 2,         LANES};
#endif
