/* The prover. Every step is the same whichever member signs: digits are spread
 * into masks, and keys are fetched by looks at the whole ring. The sums over
 * the ring's keys, in which nearly all the time goes, stand in
 * ring_commit.c. */
#include "ring_prover.h"

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

static void draw(struct group_scalar *out, const uint8_t seed[static 64], uint64_t *drawn)
{
    uint8_t bytes[32];
    ring_nonce(bytes, seed, (*drawn)++);
    group_scalar_load(out, bytes);
    sodium_memzero(bytes, sizeof bytes);
}

static void prover_init(struct ring_prover *p, struct ring_shape shape, uint32_t member,
                        const uint8_t seed[static 64])
{
    uint64_t drawn = 0;
    memset(p, 0, sizeof *p);
    p->shape = shape;
    p->member = member;
    for (uint32_t j = 0; j < shape.digits; j++) {
        uint32_t digit = ring_digit(shape, member, j);
        for (uint32_t i = 0; i < shape.base; i++)
            p->sigma[j][i].w[0] = equal_mask(digit, i) & 1;
        for (uint32_t i = 1; i < shape.base; i++) {
            draw(&p->a[j][i], seed, &drawn);
            group_scalar_sub(&p->a[j][0], &p->a[j][0], &p->a[j][i]);
        }
    }
    draw(&p->r_a, seed, &drawn);
    draw(&p->r_b, seed, &drawn);
    for (uint32_t t = 0; t < shape.digits; t++)
        draw(&p->rho[t], seed, &drawn);
}

/* sum += Σ scalars[i]·tables[i] */
static void add_products(struct group_point *sum, const struct group_scalar *scalars,
                         const struct group_table *tables, size_t n)
{
    struct group_digits digits[2 * RING_BASE_MAX];
    struct group_point part;
    struct group_cached cached;
    for (size_t i = 0; i < n; i++)
        group_digits_of(&digits[i], &scalars[i]);
    group_straus(&part, digits, tables, n);
    group_cache(&cached, &part);
    group_add(sum, sum, &cached);
    sodium_memzero(digits, sizeof digits);
}

/* A = Σ a·E - Σ a²·D + rA·F and B = Σ σ·E + Σ a(1-2σ)·D + rB·F. */
static void commit_digits(const struct ring_prover *p, uint8_t a_out[static 32],
                          uint8_t b_out[static 32])
{
    struct group_point points[2 * RING_BASE_MAX];
    struct group_table tables[2 * RING_BASE_MAX];
    struct group_scalar for_a[2 * RING_BASE_MAX], for_b[2 * RING_BASE_MAX];
    struct group_point a_sum = group_identity, b_sum = group_identity;
    ring_generator(&points[0], 'F', 0, 0);
    group_tables_of(tables, points, 1);
    add_products(&a_sum, &p->r_a, tables, 1);
    add_products(&b_sum, &p->r_b, tables, 1);
    for (uint32_t j = 0; j < p->shape.digits; j++) {
        for (uint32_t i = 0; i < p->shape.base; i++) {
            const struct group_scalar *a = &p->a[j][i], *sigma = &p->sigma[j][i];
            struct group_scalar *a_d = &for_a[2 * i + 1], *b_d = &for_b[2 * i + 1];
            ring_generator(&points[2 * i], 'E', j, i);
            ring_generator(&points[2 * i + 1], 'D', j, i);
            for_a[2 * i] = *a;
            group_scalar_mul(a_d, a, a);
            group_scalar_neg(a_d, a_d);
            for_b[2 * i] = *sigma;
            group_scalar_mul(b_d, a, sigma);
            group_scalar_add(b_d, b_d, b_d);
            group_scalar_sub(b_d, a, b_d);
        }
        group_tables_of(tables, points, 2 * p->shape.base);
        add_products(&a_sum, for_a, tables, 2 * p->shape.base);
        add_products(&b_sum, for_b, tables, 2 * p->shape.base);
    }
    group_encode(a_out, &a_sum);
    group_encode(b_out, &b_sum);
    sodium_memzero(for_a, sizeof for_a);
    sodium_memzero(for_b, sizeof for_b);
}

/* T = r·H and Y[t] = ρ[t]·H. */
static void commit_tag(const struct ring_prover *p, const struct group_scalar *secret,
                       struct span scope, uint8_t *tag_out, uint8_t *y_out)
{
    struct group_table table;
    struct group_point h, sum = group_identity;
    ring_scope_point(&h, scope);
    group_tables_of(&table, &h, 1);
    add_products(&sum, secret, &table, 1);
    group_encode(tag_out, &sum);
    for (uint32_t t = 0; t < p->shape.digits; t++) {
        sum = group_identity;
        add_products(&sum, &p->rho[t], &table, 1);
        group_encode(y_out + 32 * t, &sum);
    }
}

/* f = σ·x + a, zA = rA + x·rB, z = r·x^m - Σ ρ[t]·x^t. */
static void respond(const struct ring_prover *p, const struct group_scalar *secret,
                    const struct group_scalar *x, struct ring_layout at, uint8_t *sig)
{
    struct group_scalar power = group_scalar_of(1), z = group_scalar_of(0), term;
    uint8_t *f = sig + at.f;
    for (uint32_t j = 0; j < p->shape.digits; j++) {
        for (uint32_t i = 1; i < p->shape.base; i++, f += 32) {
            group_scalar_mul_add(&term, &p->sigma[j][i], x, &p->a[j][i]);
            group_scalar_encode(f, &term);
        }
    }
    group_scalar_mul_add(&term, x, &p->r_b, &p->r_a);
    group_scalar_encode(sig + at.z_a, &term);
    for (uint32_t t = 0; t < p->shape.digits; t++) {
        group_scalar_mul(&term, &p->rho[t], &power);
        group_scalar_sub(&z, &z, &term);
        group_scalar_mul(&power, &power, x);
    }
    group_scalar_mul_add(&z, secret, &power, &z);
    group_scalar_encode(sig + at.z, &z);
    sodium_memzero(&term, sizeof term);
    sodium_memzero(&z, sizeof z);
}

enum demur_err demur_ring_sign(struct buf *out, const struct demur_ring *ring,
                               const uint8_t secret[static 32], struct span scope,
                               struct span message, const uint8_t entropy[static 64])
{
    struct ring_shape shape;
    if (!ring_shape_for(ring->n, &shape))
        return DEMUR_ERR_LIMIT;
    struct ring_layout at = ring_layout_for(shape);
    if (!buf_ok(out) || out->cap - out->len < at.len)
        return DEMUR_ERR_SPACE;

    uint8_t sig[DEMUR_RING_SIGNATURE_MAX], seed[64], key[32], challenge[32];
    struct ring_prover p;
    struct group_scalar r, x;
    uint32_t found;
    group_scalar_load(&r, secret);
    point_mul_base(key, secret);
    uint32_t member = find_member(ring, key, &found);
    draw_seed(seed, ring, secret, scope, message, entropy);
    prover_init(&p, shape, member, seed);

    commit_tag(&p, &r, scope, sig + at.tag, sig + at.y);
    commit_digits(&p, sig + at.a, sig + at.b);
    ring_commit_members(&p, ring, sig + at.x);
    ring_challenge(challenge, shape, ring, scope, message, sig);
    group_scalar_load(&x, challenge);
    respond(&p, &r, &x, at, sig);

    /* Whether the secret belongs to the ring is not branched on: the caller
     * learns it from the code, the processor does not. */
    for (size_t i = 0; i < at.len; i++)
        sig[i] &= (uint8_t)found;
    size_t len = at.len & (size_t)(0 - (size_t)(found & 1));
    memcpy(out->p + out->len, sig, at.len);
    out->len += len;
    sodium_memzero(&p, sizeof p);
    sodium_memzero(&r, sizeof r);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(key, sizeof key);
    sodium_memzero(sig, sizeof sig);
    return (enum demur_err)(DEMUR_ERR_UNKNOWN & ~found);
}
