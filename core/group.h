/* group.h - the ristretto255 group (RFC 9496) and its scalars, for proofs with
 * thousands of points. Private to core/: what it is for stands in ring.h.
 *
 * Points are computed on the Edwards curve below the group; two of them are
 * equal when group_equal or their encodings say so. Every function here is
 * constant time in all its contents, but those whose names end in _vartime,
 * which must never see a secret. Outputs may alias inputs.
 */
#ifndef DEMUR_CORE_GROUP_H
#define DEMUR_CORE_GROUP_H

#include "base.h"

/* --- scalars: integers modulo l = 2^252 + 27742317777372353535851937790883648493,
 * always fully reduced; 64-bit words, least first --- */
struct group_scalar {
    uint64_t w[4];
};

/* False, and *out untouched, when the 32 bytes are not below l. */
bool group_scalar_decode_vartime(struct group_scalar *out,
                                 const uint8_t in[static 32]) DEMUR_CHECKED;
/* 32 bytes below l, by the caller's promise. */
void group_scalar_load(struct group_scalar *out, const uint8_t in[static 32]);
void group_scalar_encode(uint8_t out[static 32], const struct group_scalar *a);
/* 64 bytes little-endian, modulo l. */
void group_scalar_wide(struct group_scalar *out, const uint8_t in[static 64]);
struct group_scalar group_scalar_of(uint64_t v);
void group_scalar_add(struct group_scalar *out, const struct group_scalar *a,
                      const struct group_scalar *b);
void group_scalar_sub(struct group_scalar *out, const struct group_scalar *a,
                      const struct group_scalar *b);
void group_scalar_neg(struct group_scalar *out, const struct group_scalar *a);
void group_scalar_mul(struct group_scalar *out, const struct group_scalar *a,
                      const struct group_scalar *b);
/* out = c + a·b */
void group_scalar_mul_add(struct group_scalar *out, const struct group_scalar *a,
                          const struct group_scalar *b, const struct group_scalar *c);

bool group_scalar_is_zero(const struct group_scalar *a);

/* A sum of products, reduced once at its end. Factors are scalars spread over
 * limbs of 51 bits; a sum takes up to 2^20 products. */
struct group_factor {
    uint64_t v[5];
};
struct group_products {
    unsigned __int128 column[9];
};
void group_factor_of(struct group_factor *out, const struct group_scalar *a);
static inline void group_products_add(struct group_products *sum, const struct group_factor *a,
                                      const struct group_factor *b)
{
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            sum->column[i + j] += (unsigned __int128)a->v[i] * b->v[j];
}
void group_products_reduce(struct group_scalar *out, const struct group_products *sum);

/* --- points --- */
struct field {
    uint64_t v[5]; /* group_field.h */
};
/* Extended coordinates: x = X/Z, y = Y/Z, xy = T/Z. */
struct group_point {
    struct field x, y, z, t;
};
/* A point made ready for adding it: y+x, y-x, 2Z, 2dT. */
struct group_cached {
    struct field sum, difference, z2, t2d;
};
/* The same with Z = 1. */
struct group_affine {
    struct field sum, difference, t2d;
};

extern const struct group_point group_identity, group_base;

/* False when the bytes are not the canonical encoding of an element; *out is
 * then garbage. Takes the same time whichever they are. */
bool group_decode(struct group_point *out, const uint8_t in[static 32]) DEMUR_CHECKED;
void group_encode(uint8_t out[static 32], const struct group_point *p);
/* The one-way map of RFC 9496 §4.3.4. */
void group_from_uniform(struct group_point *out, const uint8_t in[static 64]);

void group_add(struct group_point *out, const struct group_point *p, const struct group_cached *q);
/* *sum += p */
void group_add_to(struct group_point *sum, const struct group_point *p);
void group_sub(struct group_point *out, const struct group_point *p, const struct group_cached *q);
void group_add_affine(struct group_point *out, const struct group_point *p,
                      const struct group_affine *q);
void group_sub_affine(struct group_point *out, const struct group_point *p,
                      const struct group_affine *q);
void group_double(struct group_point *out, const struct group_point *p);
/* out = 2^n·p, n >= 1 */
void group_double_times(struct group_point *out, const struct group_point *p, unsigned n);
void group_neg(struct group_point *out, const struct group_point *p);
void group_cache(struct group_cached *out, const struct group_point *p);
/* p->z must be 1, as group_decode leaves it. */
void group_affine_of(struct group_affine *out, const struct group_point *p);
/* The same for any Z, at the price of one inversion for all n. */
void group_affine_of_many(struct group_affine *out, const struct group_point *p, size_t n);
/* out = p as a sum to go on from: the affine form back in extended coordinates. */
void group_of_affine(struct group_point *out, const struct group_affine *p);
/* As ristretto elements. */
bool group_equal(const struct group_point *p, const struct group_point *q);
bool group_is_identity(const struct group_point *p);

/* --- sums of multiples, constant time (Straus): every digit takes the same
 * look at the whole table, zero digits and zero scalars like all others --- */

/* P, 2P, ..., 8P in affine form; the sixteenth word is there for a multiple to be
 * read in pairs of words. */
struct group_table {
    _Alignas(16) uint64_t multiple[8][16];
};
/* A scalar in base 16 with digits -8..8, least first. */
#define GROUP_DIGITS 64
struct group_digits {
    int8_t d[GROUP_DIGITS];
};
/* The tables of n points: many together are cheaper. */
void group_tables_of(struct group_table *out, const struct group_point *p, size_t n);
void group_digits_of(struct group_digits *out, const struct group_scalar *s);
/* A sum that is not done yet, by the place of the digit: all its doublings are
 * left for the end. */
struct group_sums {
    struct group_point at[GROUP_DIGITS];
};
void group_sums_init(struct group_sums *sums);
/* *sums += Σ digits[i]·tables[i] over the n places i that `places` lists, or over
 * 0..n-1 when it is NULL. */
void group_sums_add(struct group_sums *sums, const struct group_digits *digits,
                    const struct group_table *tables, const uint16_t *places, size_t n);
void group_sums_join(struct group_point *out, const struct group_sums *sums);
/* out = Σ digits[i]·tables[i] over 0..n-1 */
void group_straus(struct group_point *out, const struct group_digits *digits,
                  const struct group_table *tables, size_t n);
/* out = s·p */
void group_mul(struct group_point *out, const struct group_scalar *s, const struct group_point *p);

/* --- sums of multiples of public points by public scalars (Pippenger) --- */

struct group_terms {
    struct group_scalar *scalars; /* overwritten by the sum */
    const struct group_affine *points;
    size_t n;
    const struct group_affine *upper; /* 2^GROUP_UPPER·points, or NULL */
};
/* A sum all of whose lists have them is quicker in portable C: half as many windows. */
#define GROUP_UPPER 126
/* out = 2^GROUP_UPPER·p, each. */
void group_upper_of_many(struct group_affine *out, const struct group_affine *p, size_t n);
/* Bytes of working memory that a sum of n terms can make use of; less make it
 * slower, down to GROUP_SUM_WORK_MIN(n). */
size_t group_sum_work_len(size_t n);
#define GROUP_SUM_WORK_MIN(n) (10 * sizeof(struct group_point) + (n)*10)
/* out = Σ scalar·point over all terms of `lists`. `work` is aligned for uint64_t. */
void group_sum_vartime(struct group_point *out, const struct group_terms *lists, size_t n_lists,
                       void *work, size_t work_len);

#endif
