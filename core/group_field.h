/* group_field.h - integers modulo p = 2^255 - 19. Private to core/group*.c.
 *
 * Five limbs of 51 bits. "Tight" limbs are below 2^51 + 2^15: what products,
 * squares and field_carry give. Sums and differences are left uncarried, and
 * products take them: both operands' limbs must be below 2^54.
 * Timing: constant in all contents.
 */
#ifndef DEMUR_CORE_GROUP_FIELD_H
#define DEMUR_CORE_GROUP_FIELD_H

#include "group.h"

typedef unsigned __int128 field_wide;
#define FIELD_MASK ((UINT64_C(1) << 51) - 1)

static inline void field_add(struct field *out, const struct field *a, const struct field *b)
{
    out->v[0] = a->v[0] + b->v[0];
    out->v[1] = a->v[1] + b->v[1];
    out->v[2] = a->v[2] + b->v[2];
    out->v[3] = a->v[3] + b->v[3];
    out->v[4] = a->v[4] + b->v[4];
}

/* The lowest limb of 4p, and each other. */
#define FIELD_4P_0 UINT64_C(0x1fffffffffffb4)
#define FIELD_4P UINT64_C(0x1ffffffffffffc)

/* a - b + 4p: b's limbs must be below 2^53 - 2^7. */
static inline void field_sub(struct field *out, const struct field *a, const struct field *b)
{
    out->v[0] = a->v[0] + FIELD_4P_0 - b->v[0];
    out->v[1] = a->v[1] + FIELD_4P - b->v[1];
    out->v[2] = a->v[2] + FIELD_4P - b->v[2];
    out->v[3] = a->v[3] + FIELD_4P - b->v[3];
    out->v[4] = a->v[4] + FIELD_4P - b->v[4];
}

static inline void field_carry(struct field *a)
{
    uint64_t v1 = a->v[1] + (a->v[0] >> 51);
    uint64_t v2 = a->v[2] + (v1 >> 51);
    uint64_t v3 = a->v[3] + (v2 >> 51);
    uint64_t v4 = a->v[4] + (v3 >> 51);
    a->v[0] = (a->v[0] & FIELD_MASK) + 19 * (v4 >> 51);
    a->v[1] = v1 & FIELD_MASK;
    a->v[2] = v2 & FIELD_MASK;
    a->v[3] = v3 & FIELD_MASK;
    a->v[4] = v4 & FIELD_MASK;
}

static inline void field_neg(struct field *out, const struct field *a)
{
    static const struct field zero = {{0}};
    field_sub(out, &zero, a);
    field_carry(out);
}

/* r >> 51, which fits. Said thus, compilers do not make a double shift of it, which is slow on
 * some processors. */
static inline uint64_t field_high(field_wide r)
{
    return ((uint64_t)(r >> 64) << 13) + ((uint64_t)r >> 51);
}

static inline __attribute__((always_inline)) void field_reduce(struct field *out, field_wide r0,
                                                               field_wide r1, field_wide r2,
                                                               field_wide r3, field_wide r4)
{
    r1 += field_high(r0);
    r2 += field_high(r1);
    r3 += field_high(r2);
    r4 += field_high(r3);
    uint64_t v0 = ((uint64_t)r0 & FIELD_MASK) + 19 * field_high(r4);
    uint64_t v1 = ((uint64_t)r1 & FIELD_MASK) + (v0 >> 51);
    out->v[0] = v0 & FIELD_MASK;
    out->v[1] = v1;
    out->v[2] = (uint64_t)r2 & FIELD_MASK;
    out->v[3] = (uint64_t)r3 & FIELD_MASK;
    out->v[4] = (uint64_t)r4 & FIELD_MASK;
}

static inline __attribute__((always_inline)) void
field_mul(struct field *out, const struct field *a, const struct field *b)
{
    field_wide a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3], a4 = a->v[4];
    uint64_t b0 = b->v[0], b1 = b->v[1], b2 = b->v[2], b3 = b->v[3], b4 = b->v[4];
    uint64_t c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4;
    field_wide r0 = a0 * b0 + a1 * c4 + a2 * c3 + a3 * c2 + a4 * c1;
    field_wide r1 = a0 * b1 + a1 * b0 + a2 * c4 + a3 * c3 + a4 * c2;
    field_wide r2 = a0 * b2 + a1 * b1 + a2 * b0 + a3 * c4 + a4 * c3;
    field_wide r3 = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 + a4 * c4;
    field_wide r4 = a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0;
    field_reduce(out, r0, r1, r2, r3, r4);
}

static inline __attribute__((always_inline)) void field_square(struct field *out,
                                                               const struct field *a)
{
    uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3], a4 = a->v[4];
    field_wide d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2, c3 = 19 * a3, c4 = 19 * a4;
    field_wide r0 = (field_wide)a0 * a0 + d1 * (uint64_t)c4 + d2 * (uint64_t)c3;
    field_wide r1 = d0 * a1 + d2 * (uint64_t)c4 + c3 * a3;
    field_wide r2 = d0 * a2 + (field_wide)a1 * a1 + c4 * (2 * a3);
    field_wide r3 = d0 * a3 + d1 * a2 + c4 * a4;
    field_wide r4 = d0 * a4 + d1 * a3 + (field_wide)a2 * a2;
    field_reduce(out, r0, r1, r2, r3, r4);
}

/* out = mask ? a : out, for a mask of all ones or none. */
static inline void field_select(struct field *out, const struct field *a, uint64_t mask)
{
    for (int i = 0; i < 5; i++)
        out->v[i] ^= mask & (out->v[i] ^ a->v[i]);
}

/* 32 bytes little-endian; the top bit is ignored, the value not reduced. */
static inline uint64_t field_le64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static inline void field_from_bytes(struct field *out, const uint8_t in[static 32])
{
    out->v[0] = field_le64(in) & FIELD_MASK;
    out->v[1] = (field_le64(in + 6) >> 3) & FIELD_MASK;
    out->v[2] = (field_le64(in + 12) >> 6) & FIELD_MASK;
    out->v[3] = (field_le64(in + 19) >> 1) & FIELD_MASK;
    out->v[4] = (field_le64(in + 24) >> 12) & FIELD_MASK;
}

/* The canonical bytes, below p. */
void field_to_bytes(uint8_t out[static 32], const struct field *a);
/* Masks: all ones when so, else 0. `negative` is RFC 9496's: canonical and odd. */
uint64_t field_zero_mask(const struct field *a);
uint64_t field_negative_mask(const struct field *a);
uint64_t field_equal_mask(const struct field *a, const struct field *b);
/* RFC 9496 §4.2: *out = sqrt(u/v), or sqrt(i·u/v) when u/v is no square, never
 * negative; the mask tells whether it was one. */
uint64_t field_sqrt_ratio(struct field *out, const struct field *u, const struct field *v);
void field_invert(struct field *out, const struct field *a);

extern const struct field field_sqrt_m1;

#endif
