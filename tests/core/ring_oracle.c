/* The ring signature written out as its page says, one libsodium call an
 * operation: what core/'s prover and verifier are held against. */
#include "ring_oracle.h"

#include "../../core/ring_parts.h"

static void generator(uint8_t point[static 32], char family, uint32_t j, uint32_t i)
{
    static const char domain[] = "demur v1 generator ";
    uint8_t name[sizeof domain + 2], uniform[64];
    memcpy(name, domain, sizeof domain - 1);
    name[sizeof domain - 1] = (uint8_t)family;
    name[sizeof domain] = (uint8_t)j;
    name[sizeof domain + 1] = (uint8_t)i;
    crypto_hash_sha512(uniform, name, sizeof name);
    crypto_core_ristretto255_from_hash(point, uniform);
}

struct prover {
    struct ring_shape shape;
    /* The signer's digits as scalars, sigma[j][i] = 1 where digit j is i, and
     * their masks a[j][i], which sum to zero over i. */
    uint8_t sigma[RING_DIGITS_MAX][RING_BASE_MAX][32];
    uint8_t a[RING_DIGITS_MAX][RING_BASE_MAX][32];
    uint8_t r_a[32], r_b[32], rho[RING_DIGITS_MAX][32];
};

/* 0xffffffff when equal, else 0. */
static uint32_t equal_mask(uint32_t a, uint32_t b)
{
    uint32_t d = a ^ b;
    return ((d | (0u - d)) >> 31) - 1;
}

/* The place of `key` in the ring, looked for in all of it; *found is a mask. */
static uint32_t find_member(const struct demur_ring *ring, const uint8_t key[static 32],
                            uint32_t *found)
{
    uint32_t at = 0;
    *found = 0;
    for (size_t k = 0; k < ring->n; k++) {
        uint32_t differ = 0;
        for (size_t b = 0; b < 32; b++)
            differ |= (uint32_t)(ring->keys[k][b] ^ key[b]);
        uint32_t same = equal_mask(differ, 0);
        at |= same & (uint32_t)k;
        *found |= same;
    }
    return at;
}

static void draw_seed(uint8_t seed[static 64], const struct demur_ring *ring,
                      const uint8_t secret[static 32], struct span scope, struct span message,
                      const uint8_t entropy[static 64])
{
    struct ring_transcript t;
    ring_transcript_start(&t, "demur v1 ring signature nonces");
    ring_transcript_item(&t, secret, 32);
    ring_transcript_item(&t, ring->digest, sizeof ring->digest);
    ring_transcript_item(&t, scope.p, scope.len);
    ring_transcript_item(&t, message.p, message.len);
    ring_transcript_item(&t, entropy, 64);
    ring_transcript_bytes(&t, seed);
}

static void prover_init(struct prover *p, struct ring_shape shape, uint32_t member,
                        const uint8_t seed[static 64])
{
    uint64_t drawn = 0;
    memset(p, 0, sizeof *p);
    p->shape = shape;
    for (uint32_t j = 0; j < shape.digits; j++) {
        uint32_t digit = ring_digit(shape, member, j);
        for (uint32_t i = 0; i < shape.base; i++)
            p->sigma[j][i][0] = (uint8_t)(equal_mask(digit, i) & 1);
        for (uint32_t i = 1; i < shape.base; i++) {
            ring_nonce(p->a[j][i], seed, drawn++);
            crypto_core_ristretto255_scalar_sub(p->a[j][0], p->a[j][0], p->a[j][i]);
        }
    }
    ring_nonce(p->r_a, seed, drawn++);
    ring_nonce(p->r_b, seed, drawn++);
    for (uint32_t t = 0; t < shape.digits; t++)
        ring_nonce(p->rho[t], seed, drawn++);
}

/* A = Σ a·E - Σ a²·D + rA·F and B = Σ σ·E + Σ a(1-2σ)·D + rB·F. */
static void commit_digits(const struct prover *p, uint8_t a_out[static 32],
                          uint8_t b_out[static 32])
{
    uint8_t e[32], d[32], square[32], product[32];
    generator(e, 'F', 0, 0);
    point_mul(a_out, p->r_a, e);
    point_mul(b_out, p->r_b, e);
    for (uint32_t j = 0; j < p->shape.digits; j++) {
        for (uint32_t i = 0; i < p->shape.base; i++) {
            const uint8_t *a = p->a[j][i], *sigma = p->sigma[j][i];
            generator(e, 'E', j, i);
            generator(d, 'D', j, i);
            point_mul_add(a_out, a, e);
            crypto_core_ristretto255_scalar_mul(square, a, a);
            crypto_core_ristretto255_scalar_negate(square, square);
            point_mul_add(a_out, square, d);
            point_mul_add(b_out, sigma, e);
            crypto_core_ristretto255_scalar_mul(product, a, sigma);
            crypto_core_ristretto255_scalar_add(product, product, product);
            crypto_core_ristretto255_scalar_sub(product, a, product);
            point_mul_add(b_out, product, d);
        }
    }
    sodium_memzero(square, sizeof square);
    sodium_memzero(product, sizeof product);
}

/* The coefficients of p_k(X) = Π_j (σ[j][k_j]·X + a[j][k_j]), t = 0..digits. */
static void member_polynomial(const struct prover *p, uint32_t k,
                              uint8_t c[static RING_DIGITS_MAX + 1][32])
{
    uint8_t product[32];
    memset(c, 0, (RING_DIGITS_MAX + 1) * sizeof c[0]);
    c[0][0] = 1;
    for (uint32_t j = 0; j < p->shape.digits; j++) {
        uint32_t i = ring_digit(p->shape, k, j);
        for (uint32_t t = j + 1; t > 0; t--) {
            crypto_core_ristretto255_scalar_mul(c[t], c[t], p->a[j][i]);
            crypto_core_ristretto255_scalar_mul(product, c[t - 1], p->sigma[j][i]);
            crypto_core_ristretto255_scalar_add(c[t], c[t], product);
        }
        crypto_core_ristretto255_scalar_mul(c[0], c[0], p->a[j][i]);
    }
    sodium_memzero(product, sizeof product);
}

/* X[t] = Σ_k p[k][t]·M_k + ρ[t]·G. Positions from the last member on all stand
 * for that member, and Σ_k p[k][t] = 0 for t < digits (Σ_i σ = 1, Σ_i a = 0),
 * so the last member's coefficient is what is missing to zero. */
static void commit_members(const struct prover *p, const struct demur_ring *ring, uint8_t *x_out)
{
    uint8_t c[RING_DIGITS_MAX + 1][32], last[RING_DIGITS_MAX][32] = {{0}};
    for (uint32_t t = 0; t < p->shape.digits; t++)
        point_mul_base(x_out + 32 * t, p->rho[t]);
    for (uint32_t k = 0; k + 1 < ring->n; k++) {
        member_polynomial(p, k, c);
        for (uint32_t t = 0; t < p->shape.digits; t++) {
            crypto_core_ristretto255_scalar_sub(last[t], last[t], c[t]);
            point_mul_add(x_out + 32 * t, c[t], ring->keys[k]);
        }
    }
    for (uint32_t t = 0; t < p->shape.digits; t++)
        point_mul_add(x_out + 32 * t, last[t], ring->keys[ring->n - 1]);
    sodium_memzero(c, sizeof c);
    sodium_memzero(last, sizeof last);
}

/* f = σ·x + a, zA = rA + x·rB, z = r·x^m - Σ ρ[t]·x^t. */
static void respond(const struct prover *p, const uint8_t secret[static 32],
                    const uint8_t x[static 32], struct ring_layout at, uint8_t *sig)
{
    uint8_t power[32] = {1}, product[32], z[32] = {0};
    uint8_t *f = sig + at.f;
    for (uint32_t j = 0; j < p->shape.digits; j++) {
        for (uint32_t i = 1; i < p->shape.base; i++, f += 32) {
            crypto_core_ristretto255_scalar_mul(f, p->sigma[j][i], x);
            crypto_core_ristretto255_scalar_add(f, f, p->a[j][i]);
        }
    }
    crypto_core_ristretto255_scalar_mul(product, x, p->r_b);
    crypto_core_ristretto255_scalar_add(sig + at.z_a, p->r_a, product);
    for (uint32_t t = 0; t < p->shape.digits; t++) {
        crypto_core_ristretto255_scalar_mul(product, p->rho[t], power);
        crypto_core_ristretto255_scalar_sub(z, z, product);
        crypto_core_ristretto255_scalar_mul(power, power, x);
    }
    crypto_core_ristretto255_scalar_mul(product, secret, power);
    crypto_core_ristretto255_scalar_add(sig + at.z, z, product);
    sodium_memzero(product, sizeof product);
    sodium_memzero(z, sizeof z);
}

enum demur_err ring_oracle_sign(struct buf *out, const struct demur_ring *ring,
                                const uint8_t secret[static 32], struct span scope,
                                struct span message, const uint8_t entropy[static 64])
{
    struct ring_shape shape;
    if (!ring_shape_for(ring->n, &shape))
        return DEMUR_ERR_LIMIT;
    struct ring_layout at = ring_layout_for(shape);
    if (!buf_ok(out) || out->cap - out->len < at.len)
        return DEMUR_ERR_SPACE;

    uint8_t sig[DEMUR_RING_SIGNATURE_MAX], seed[64], key[32], h[32], x[32];
    struct prover p;
    uint32_t found;
    point_mul_base(key, secret);
    uint32_t member = find_member(ring, key, &found);
    draw_seed(seed, ring, secret, scope, message, entropy);
    prover_init(&p, shape, member, seed);

    ring_scope_encoded(h, scope);
    point_mul(sig + at.tag, secret, h);
    commit_digits(&p, sig + at.a, sig + at.b);
    commit_members(&p, ring, sig + at.x);
    for (uint32_t t = 0; t < shape.digits; t++)
        point_mul(sig + at.y + 32 * t, p.rho[t], h);
    ring_challenge(x, shape, ring, scope, message, sig);
    respond(&p, secret, x, at, sig);

    /* Whether the secret belongs to the ring is not branched on: the caller
     * learns it from the code, the processor does not. */
    for (size_t i = 0; i < at.len; i++)
        sig[i] &= (uint8_t)found;
    size_t len = at.len & (size_t)(0 - (size_t)(found & 1));
    memcpy(out->p + out->len, sig, at.len);
    out->len += len;
    sodium_memzero(&p, sizeof p);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(key, sizeof key);
    sodium_memzero(sig, sizeof sig);
    return (enum demur_err)(DEMUR_ERR_UNKNOWN & ~found);
}

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
    generator(point, 'F', 0, 0);
    point_mul(right, sig + at.z_a, point);
    for (uint32_t j = 0; j < shape.digits; j++) {
        for (uint32_t i = 0; i < shape.base; i++) {
            generator(point, 'E', j, i);
            point_mul_add(right, r->f[j][i], point);
            generator(point, 'D', j, i);
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
    ring_scope_encoded(h, scope);
    point_mul(left, power, sig + at.tag);
    point_mul(right, sig + at.z, h);
    point_add(right, right, sum);
    return !sodium_is_zero(h, 32) && memcmp(left, right, 32) == 0;
}

enum demur_err ring_oracle_verify(struct span signature, const struct demur_ring *ring,
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
