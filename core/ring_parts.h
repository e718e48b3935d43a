/* ring_parts.h - what signing, verifying, possession and claim share. Private
 * to core/ring*.c. Points and scalars are 32 canonical bytes. Timing: constant
 * in all contents unless said otherwise. */
#ifndef DEMUR_CORE_RING_PARTS_H
#define DEMUR_CORE_RING_PARTS_H

#include "group.h"
#include "ring.h"

#include <sodium.h>

/* Ring positions are written with `digits` digits base `base`, a power of two:
 * position k has digit j = (k >> j*log2_base) & (base - 1). */
struct ring_shape {
    uint32_t base, digits, log2_base;
};
#define RING_BASE_MAX 8
#define RING_DIGITS_MAX 6

/* The shape for a ring of `n` members; false when n is out of range. */
bool ring_shape_for(size_t n, struct ring_shape *shape);

static inline uint32_t ring_digit(struct ring_shape shape, uint32_t k, uint32_t j)
{
    return (k >> (j * shape.log2_base)) & (shape.base - 1);
}

/* A signature's fields, in the order of their bytes. */
struct ring_layout {
    size_t tag, a, b, x, y, f, z_a, z, len;
};
struct ring_layout ring_layout_for(struct ring_shape shape);

/* The independent generators: family 'F' (j = i = 0), 'E' or 'D' (the second
 * family, which takes the squares). */
void ring_generator(struct group_point *out, char family, uint32_t j, uint32_t i);
/* H of a scope. */
void ring_scope_point(struct group_point *out, struct span scope);
void ring_scope_encoded(uint8_t out[static 32], struct span scope);

/* A transcript hashes items, each behind its length as 8 bytes big-endian. */
struct ring_transcript {
    crypto_hash_sha512_state sha;
};
void ring_transcript_start(struct ring_transcript *t, const char *domain);
void ring_transcript_item(struct ring_transcript *t, const void *p, size_t len);
void ring_transcript_u64(struct ring_transcript *t, uint64_t v);
void ring_transcript_bytes(struct ring_transcript *t, uint8_t out[static 64]);
/* The hash reduced to a scalar. Wipes the transcript, as the above does. */
void ring_transcript_scalar(struct ring_transcript *t, uint8_t scalar[static 32]);

/* The `counter`-th secret scalar that grows from a hedged seed. */
void ring_nonce(uint8_t scalar[static 32], const uint8_t seed[static 64], uint64_t counter);

/* The challenge of a signature whose commitments stand in `signature`. */
void ring_challenge(uint8_t x[static 32], struct ring_shape shape, const struct demur_ring *ring,
                    struct span scope, struct span message, const uint8_t *signature);

/* out may alias the operands. Products of a zero scalar are the identity. */
void point_mul(uint8_t out[static 32], const uint8_t s[static 32], const uint8_t p[static 32]);
void point_mul_base(uint8_t out[static 32], const uint8_t s[static 32]);
/* Both operands must be valid encodings; the check of that is their only branch. */
void point_add(uint8_t out[static 32], const uint8_t p[static 32], const uint8_t q[static 32]);
void point_sub(uint8_t out[static 32], const uint8_t p[static 32], const uint8_t q[static 32]);
/* *sum += s·p */
void point_mul_add(uint8_t sum[static 32], const uint8_t s[static 32], const uint8_t p[static 32]);
/* Below the order? Variable time. */
bool scalar_ok(const uint8_t s[static 32]);
/* Canonical point, the identity included? Variable time. */
bool point_ok(const uint8_t p[static 32]);

#endif
