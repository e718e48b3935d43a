#include "ring_parts.h"

static const char not_held[] = "the ring signature does not hold for this ring, scope and message";

static enum demur_err check_encodings(const uint8_t *sig, struct ring_layout at,
                                      struct demur_diag *diag)
{
    for (size_t o = 0; o < at.f; o += 32) {
        if (!point_ok(sig + o))
            return demur_fail(diag, DEMUR_ERR_CANON,
                              "the ring signature has no valid point at byte %zu", o);
    }
    if (sodium_is_zero(sig + at.tag, 32))
        return demur_fail(diag, DEMUR_ERR_CANON, "the ring signature's tag is the identity");
    for (size_t o = at.f; o < at.len; o += 32) {
        if (!scalar_ok(sig + o))
            return demur_fail(diag, DEMUR_ERR_CANON,
                              "the ring signature has a scalar above the group order at byte %zu",
                              o);
    }
    return DEMUR_OK;
}

/* The responses f[j][i] with f[j][0] = x - Σ_{i>=1} f[j][i] put back. */
struct responses {
    uint8_t f[RING_DIGITS_MAX][RING_BASE_MAX][32];
};

static void read_responses(struct responses *r, struct ring_shape shape, const uint8_t x[static 32],
                           const uint8_t *f)
{
    for (uint32_t j = 0; j < shape.digits; j++) {
        memcpy(r->f[j][0], x, 32);
        for (uint32_t i = 1; i < shape.base; i++, f += 32) {
            memcpy(r->f[j][i], f, 32);
            crypto_core_ristretto255_scalar_sub(r->f[j][0], r->f[j][0], f);
        }
    }
}

/* A + x·B = Σ f·E + Σ f(x-f)·D + zA·F: the digits' f hide zeros and one one. */
static bool digits_hold(const struct responses *r, struct ring_shape shape, struct ring_layout at,
                        const uint8_t x[static 32], const uint8_t *sig)
{
    uint8_t left[32], right[32], point[32], scalar[32];
    memcpy(left, sig + at.a, 32);
    point_mul_add(left, x, sig + at.b);
    ring_generator(point, 'F', 0, 0);
    point_mul(right, sig + at.z_a, point);
    for (uint32_t j = 0; j < shape.digits; j++) {
        for (uint32_t i = 0; i < shape.base; i++) {
            ring_generator(point, 'E', j, i);
            point_mul_add(right, r->f[j][i], point);
            ring_generator(point, 'D', j, i);
            crypto_core_ristretto255_scalar_sub(scalar, x, r->f[j][i]);
            crypto_core_ristretto255_scalar_mul(scalar, scalar, r->f[j][i]);
            point_mul_add(right, scalar, point);
        }
    }
    return memcmp(left, right, 32) == 0;
}

/* Σ_t x^t·commitment[t], and x^digits in `power`. */
static void sum_commitments(uint8_t sum[static 32], uint8_t power[static 32], uint32_t digits,
                            const uint8_t x[static 32], const uint8_t *commitment)
{
    memset(sum, 0, 32);
    memset(power, 0, 32);
    power[0] = 1;
    for (uint32_t t = 0; t < digits; t++) {
        point_mul_add(sum, power, commitment + 32 * t);
        crypto_core_ristretto255_scalar_mul(power, power, x);
    }
}

/* Σ_k p_k(x)·M_k - Σ x^t·X[t] = z·G: the signer's secret opens a ring key.
 * Σ_k p_k(x) = Π_j Σ_i f[j][i] = x^digits, which gives the coefficient of the
 * last member, for which all positions from its own on stand. */
static bool member_holds(const struct responses *r, struct ring_shape shape, struct ring_layout at,
                         const struct demur_ring *ring, const uint8_t x[static 32],
                         const uint8_t *sig)
{
    uint8_t sum[32], last[32], left[32] = {0}, right[32], p[32];
    sum_commitments(sum, last, shape.digits, x, sig + at.x);
    for (uint32_t k = 0; k + 1 < ring->n; k++) {
        memcpy(p, r->f[0][ring_digit(shape, k, 0)], 32);
        for (uint32_t j = 1; j < shape.digits; j++)
            crypto_core_ristretto255_scalar_mul(p, p, r->f[j][ring_digit(shape, k, j)]);
        crypto_core_ristretto255_scalar_sub(last, last, p);
        point_mul_add(left, p, ring->keys[k]);
    }
    point_mul_add(left, last, ring->keys[ring->n - 1]);
    point_mul_base(right, sig + at.z);
    point_add(right, right, sum);
    return memcmp(left, right, 32) == 0;
}

/* x^m·T - Σ x^t·Y[t] = z·H: the same secret made the tag. */
static bool tag_holds(struct ring_shape shape, struct ring_layout at, struct span scope,
                      const uint8_t x[static 32], const uint8_t *sig)
{
    uint8_t sum[32], power[32], h[32], left[32], right[32];
    sum_commitments(sum, power, shape.digits, x, sig + at.y);
    ring_scope_point(h, scope);
    point_mul(left, power, sig + at.tag);
    point_mul(right, sig + at.z, h);
    point_add(right, right, sum);
    return !sodium_is_zero(h, 32) && memcmp(left, right, 32) == 0;
}

enum demur_err demur_ring_verify(struct span signature, const struct demur_ring *ring,
                                 struct span scope, struct span message, uint8_t tag[static 32],
                                 struct demur_diag *diag)
{
    struct ring_shape shape;
    if (!ring_shape_for(ring->n, &shape))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "no ring has %zu members", ring->n);
    struct ring_layout at = ring_layout_for(shape);
    if (signature.len != at.len)
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "the ring signature has %zu bytes; in a ring of %zu it has %zu",
                          signature.len, ring->n, at.len);
    const uint8_t *sig = signature.p;
    enum demur_err err = check_encodings(sig, at, diag);
    if (err != DEMUR_OK)
        return err;

    uint8_t x[32];
    struct responses r;
    ring_challenge(x, shape, ring, scope, message, sig);
    read_responses(&r, shape, x, sig + at.f);
    if (sodium_is_zero(x, sizeof x) || !digits_hold(&r, shape, at, x, sig))
        return demur_fail(diag, DEMUR_ERR_VERIFY, "%s (digits)", not_held);
    if (!member_holds(&r, shape, at, ring, x, sig))
        return demur_fail(diag, DEMUR_ERR_VERIFY, "%s (member)", not_held);
    if (!tag_holds(shape, at, scope, x, sig))
        return demur_fail(diag, DEMUR_ERR_VERIFY, "%s (tag)", not_held);
    memcpy(tag, sig + at.tag, 32);
    return DEMUR_OK;
}
