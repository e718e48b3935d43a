#include "group_field.h"

#include <sodium.h>

typedef unsigned __int128 wide;
#define INLINE static inline __attribute__((always_inline))

/* l = 2^252 + DELTA */
#define DELTA0 UINT64_C(0x5812631a5cf5d3ed)
#define DELTA1 UINT64_C(0x14def9dea2f79cd6)
static const uint64_t order[4] = {DELTA0, DELTA1, 0, UINT64_C(0x1000000000000000)};

/* out = a - b over n words; returns the borrow, 0 or 1. */
INLINE uint64_t sub_words(uint64_t *out, const uint64_t *a, const uint64_t *b, int n)
{
    uint64_t borrow = 0;
    for (int i = 0; i < n; i++) {
        wide d = (wide)a[i] - b[i] - borrow;
        out[i] = (uint64_t)d;
        borrow = (uint64_t)(d >> 64) & 1;
    }
    return borrow;
}

INLINE uint64_t add_words(uint64_t *out, const uint64_t *a, const uint64_t *b, int n)
{
    uint64_t carry = 0;
    for (int i = 0; i < n; i++) {
        wide s = (wide)a[i] + b[i] + carry;
        out[i] = (uint64_t)s;
        carry = (uint64_t)(s >> 64);
    }
    return carry;
}

/* a += l when borrow is 1 */
INLINE void put_order_back(uint64_t a[static 4], uint64_t borrow)
{
    uint64_t back[4];
    for (int i = 0; i < 4; i++)
        back[i] = order[i] & (0 - borrow);
    add_words(a, a, back, 4);
}

/* x, of `n` words above its fourth, becomes (x mod 2^252) + multiple -
 * (x >> 252)·DELTA, the same number modulo l, of n + 2 words. */
INLINE void fold(uint64_t *x, int n, const uint64_t *multiple)
{
    uint64_t product[8] = {0}, low[8] = {0};
    for (int i = 0; i < n; i++) {
        uint64_t high = x[3 + i] >> 60 | x[4 + i] << 4;
        wide sum = (wide)high * DELTA0 + product[i];
        product[i] = (uint64_t)sum;
        sum = (wide)high * DELTA1 + product[i + 1] + (uint64_t)(sum >> 64);
        product[i + 1] = (uint64_t)sum;
        product[i + 2] = (uint64_t)(sum >> 64);
    }
    memcpy(low, x, 4 * sizeof *low);
    low[3] &= UINT64_MAX >> 4;
    int words = n + 2 > 4 ? n + 2 : 4;
    add_words(low, low, multiple, words);
    sub_words(x, low, product, words);
}

/* x < 2^528, in 9 words. The three multiples of l are above the products that
 * fold subtracts: l·2^150 > 2^(276+125), then x < 2^403 and l·2^25 >
 * 2^(151+125), then x < 2^278 and l > 2^(26+125), then x < 2l. */
INLINE void reduce_words(struct group_scalar *out, uint64_t x[static 10])
{
    static const uint64_t first[7] = {0,
                                      0,
                                      UINT64_C(0xc6973d74fb400000),
                                      UINT64_C(0x77a8bde735960498),
                                      UINT64_C(0x537be),
                                      0,
                                      UINT64_C(0x40000)};
    static const uint64_t second[5] = {UINT64_C(0x34b9eba7da000000), UINT64_C(0xbd45ef39acb024c6),
                                       UINT64_C(0x29bdf3), 0, UINT64_C(0x200000)};
    fold(x, 5, first);
    fold(x, 3, second);
    fold(x, 1, order);
    memcpy(out->w, x, sizeof out->w);
    put_order_back(out->w, sub_words(out->w, out->w, order, 4));
}

bool group_scalar_decode_vartime(struct group_scalar *out, const uint8_t in[static 32])
{
    struct group_scalar a;
    uint64_t difference[4];
    group_scalar_load(&a, in);
    if (!sub_words(difference, a.w, order, 4))
        return false;
    *out = a;
    return true;
}

void group_scalar_load(struct group_scalar *out, const uint8_t in[static 32])
{
    for (int i = 0; i < 4; i++)
        out->w[i] = field_le64(in + 8 * i);
}

void group_scalar_encode(uint8_t out[static 32], const struct group_scalar *a)
{
    for (int i = 0; i < 32; i++)
        out[i] = (uint8_t)(a->w[i / 8] >> (8 * (i % 8)));
}

void group_scalar_wide(struct group_scalar *out, const uint8_t in[static 64])
{
    uint64_t x[10] = {0};
    for (int i = 0; i < 8; i++)
        x[i] = field_le64(in + 8 * i);
    reduce_words(out, x);
    sodium_memzero(x, sizeof x);
}

struct group_scalar group_scalar_of(uint64_t v) { return (struct group_scalar){{v, 0, 0, 0}}; }

void group_scalar_add(struct group_scalar *out, const struct group_scalar *a,
                      const struct group_scalar *b)
{
    add_words(out->w, a->w, b->w, 4);
    put_order_back(out->w, sub_words(out->w, out->w, order, 4));
}

void group_scalar_sub(struct group_scalar *out, const struct group_scalar *a,
                      const struct group_scalar *b)
{
    put_order_back(out->w, sub_words(out->w, a->w, b->w, 4));
}

void group_scalar_neg(struct group_scalar *out, const struct group_scalar *a)
{
    static const struct group_scalar zero = {{0}};
    group_scalar_sub(out, &zero, a);
}

void group_scalar_mul_add(struct group_scalar *out, const struct group_scalar *a,
                          const struct group_scalar *b, const struct group_scalar *c)
{
    uint64_t x[10] = {c->w[0], c->w[1], c->w[2], c->w[3]};
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 4; j++) {
            wide sum = (wide)a->w[i] * b->w[j] + x[i + j] + carry;
            x[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        x[i + 4] = carry;
    }
    reduce_words(out, x);
}

void group_scalar_mul(struct group_scalar *out, const struct group_scalar *a,
                      const struct group_scalar *b)
{
    static const struct group_scalar zero = {{0}};
    group_scalar_mul_add(out, a, b, &zero);
}

bool group_scalar_is_zero(const struct group_scalar *a)
{
    return (a->w[0] | a->w[1] | a->w[2] | a->w[3]) == 0;
}

void group_factor_of(struct group_factor *out, const struct group_scalar *a)
{
    const uint64_t *w = a->w;
    out->v[0] = w[0] & FIELD_MASK;
    out->v[1] = (w[0] >> 51 | w[1] << 13) & FIELD_MASK;
    out->v[2] = (w[1] >> 38 | w[2] << 26) & FIELD_MASK;
    out->v[3] = (w[2] >> 25 | w[3] << 39) & FIELD_MASK;
    out->v[4] = w[3] >> 12;
}

/* Columns are below 2^(20+3+102) before their carries are passed on. */
void group_products_reduce(struct group_scalar *out, const struct group_products *sum)
{
    uint64_t x[10] = {0}, limb[11];
    wide carry = 0;
    for (int i = 0; i < 9; i++) {
        carry += sum->column[i];
        limb[i] = (uint64_t)carry & FIELD_MASK;
        carry >>= 51;
    }
    limb[9] = (uint64_t)carry & FIELD_MASK;
    limb[10] = (uint64_t)(carry >> 51);
    for (int i = 0; i < 11; i++) {
        int word = 51 * i / 64, shift = 51 * i % 64;
        x[word] |= limb[i] << shift;
        if (shift > 13)
            x[word + 1] |= limb[i] >> (64 - shift);
    }
    reduce_words(out, x);
}
