#include "ring_check.h"

void ring_shared_points(struct group_affine out[static RING_SHARED_MAX], struct ring_shape shape)
{
    struct group_point points[RING_SHARED_MAX];
    size_t n = 2;
    points[0] = group_base;
    ring_generator(&points[1], 'F', 0, 0);
    for (uint32_t j = 0; j < shape.digits; j++) {
        for (uint32_t i = 0; i < shape.base; i++) {
            ring_generator(&points[n++], 'E', j, i);
            ring_generator(&points[n++], 'D', j, i);
        }
    }
    group_affine_of_many(out, points, n);
}

static enum demur_err read_points(const struct group_path *path, struct group_affine *own,
                                  const uint8_t *sig, struct ring_layout at,
                                  struct demur_diag *diag)
{
    size_t n = at.f / 32, good = path->decode(own, (const uint8_t(*)[32])sig, n);
    if (good < n)
        return demur_fail(diag, DEMUR_ERR_CANON,
                          "the ring signature has no valid point at byte %zu", 32 * good);
    if (sodium_is_zero(sig + at.tag, 32))
        return demur_fail(diag, DEMUR_ERR_CANON, "the ring signature's tag is the identity");
    return DEMUR_OK;
}

static enum demur_err read_scalars(struct ring_check *check, const uint8_t *sig,
                                   struct ring_layout at, struct demur_diag *diag)
{
    uint32_t i = 1, j = 0;
    for (size_t o = at.f; o < at.len; o += 32) {
        struct group_scalar *next = o == at.z_a ? &check->z_a
                                    : o == at.z ? &check->z
                                                : &check->f[j][i];
        if (!group_scalar_decode_vartime(next, sig + o))
            return demur_fail(diag, DEMUR_ERR_CANON,
                              "the ring signature has a scalar above the group order at byte %zu",
                              o);
        if (++i == check->shape.base)
            i = 1, j++;
    }
    return DEMUR_OK;
}

static enum demur_err read_scope(const struct ring_check *check, struct group_affine *own,
                                 struct span scope, const struct group_affine *same_scope,
                                 struct demur_diag *diag)
{
    size_t at = ring_own_count(check->shape) - 1;
    if (same_scope) {
        own[at] = same_scope[at];
        return DEMUR_OK;
    }
    struct group_point h;
    ring_scope_point(&h, scope);
    group_affine_of_many(&own[at], &h, 1);
    /* What no hash will ever give. */
    if (group_scalar_is_zero(&check->x) || group_is_identity(&h))
        return demur_fail(diag, DEMUR_ERR_VERIFY, "the ring signature has no challenge");
    return DEMUR_OK;
}

enum demur_err ring_check_read(struct ring_check *check, struct group_affine *own,
                               const struct demur_ring *ring, struct span signature,
                               struct span scope, struct span message,
                               const struct group_affine *same_scope, struct demur_diag *diag)
{
    if (!ring_shape_for(ring->n, &check->shape))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "no ring has %zu members", ring->n);
    struct ring_layout at = ring_layout_for(check->shape);
    if (signature.len != at.len)
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "the ring signature has %zu bytes; in a ring of %zu it has %zu",
                          signature.len, ring->n, at.len);
    enum demur_err err = read_points(ring_path(ring), own, signature.p, at, diag);
    if (err == DEMUR_OK)
        err = read_scalars(check, signature.p, at, diag);
    if (err != DEMUR_OK)
        return err;

    uint8_t x[32];
    ring_challenge(x, check->shape, ring, scope, message, signature.p);
    group_scalar_load(&check->x, x);
    for (uint32_t j = 0; j < check->shape.digits; j++) {
        check->f[j][0] = check->x;
        for (uint32_t i = 1; i < check->shape.base; i++)
            group_scalar_sub(&check->f[j][0], &check->f[j][0], &check->f[j][i]);
    }
    return read_scope(check, own, scope, same_scope, diag);
}

/* out[t] = -weight·x^t for t < digits; out[digits] = weight·x^digits. */
static void powers(const struct ring_check *check, const struct group_scalar *weight,
                   struct group_scalar *out)
{
    struct group_scalar power = *weight;
    for (uint32_t t = 0; t < check->shape.digits; t++) {
        group_scalar_neg(&out[t], &power);
        group_scalar_mul(&power, &power, &check->x);
    }
    out[check->shape.digits] = power;
}

void ring_check_own(const struct ring_check *check, struct group_scalar *own)
{
    uint32_t digits = check->shape.digits;
    struct group_scalar of[RING_DIGITS_MAX + 1];
    powers(check, &check->v, of);
    memcpy(own + 3, of, digits * sizeof *of);
    powers(check, &check->w, of);
    memcpy(own + 3 + digits, of, digits * sizeof *of);
    own[0] = of[digits];
    group_scalar_neg(&own[1], &check->u);
    group_scalar_mul(&own[2], &own[1], &check->x);
    group_scalar_mul(&own[3 + 2 * digits], &check->w, &check->z);
    group_scalar_neg(&own[3 + 2 * digits], &own[3 + 2 * digits]);
}

void ring_check_shared(const struct ring_check *check, struct group_scalar *shared)
{
    struct group_scalar term, uf;
    group_scalar_mul(&term, &check->v, &check->z);
    group_scalar_sub(&shared[0], &shared[0], &term);
    group_scalar_mul_add(&shared[1], &check->u, &check->z_a, &shared[1]);
    struct group_scalar *next = shared + 2;
    for (uint32_t j = 0; j < check->shape.digits; j++) {
        for (uint32_t i = 0; i < check->shape.base; i++, next += 2) {
            group_scalar_mul(&uf, &check->u, &check->f[j][i]);
            group_scalar_add(&next[0], &next[0], &uf);
            group_scalar_sub(&term, &check->x, &check->f[j][i]);
            group_scalar_mul_add(&next[1], &uf, &term, &next[1]);
        }
    }
}

/* The products of one f from each of the digits first..last, times `weight`. */
static void digit_products(const struct ring_check *check, uint32_t first, uint32_t last,
                           const struct group_scalar *weight, uint64_t *out, size_t stride)
{
    struct group_scalar products[RING_HIGH_MAX] = {*weight};
    size_t n = 1;
    for (uint32_t j = first; j <= last; j++, n <<= check->shape.log2_base) {
        for (uint32_t i = check->shape.base; i-- > 0;)
            for (size_t k = 0; k < n; k++)
                group_scalar_mul(&products[i * n + k], &products[k], &check->f[j][i]);
    }
    for (size_t k = 0; k < n; k++) {
        struct group_factor factor;
        group_factor_of(&factor, &products[k]);
        for (size_t i = 0; i < 5; i++)
            out[(5 * k + i) * stride] = factor.v[i];
    }
}

void ring_check_low(const struct ring_check *check, uint64_t *low, size_t stride)
{
    struct group_scalar one = group_scalar_of(1);
    digit_products(check, 0, 1, &one, low, stride);
}

void ring_check_high(const struct ring_check *check, uint64_t *high, size_t stride)
{
    digit_products(check, 2, check->shape.digits - 1, &check->v, high, stride);
}

void ring_check_total(const struct ring_check *check, struct group_scalar *total)
{
    struct group_scalar of[RING_DIGITS_MAX + 1];
    powers(check, &check->v, of);
    *total = of[check->shape.digits];
}
