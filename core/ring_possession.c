/* Batched Schnorr (Gennaro, Leigh, Sundaram, Yerazunis, ASIACRYPT 2004):
 * R = k·G, z = k + Σ c^(i+1)·r_i, and z·G = R + Σ c^(i+1)·M_i. */
#include "group_path.h"
#include "ring_parts.h"

static void challenge(uint8_t c[static 32], const uint8_t (*keys)[32], size_t n,
                      struct span context, const uint8_t commitment[static 32])
{
    struct ring_transcript t;
    ring_transcript_start(&t, "demur v1 possession");
    ring_transcript_u64(&t, n);
    ring_transcript_item(&t, keys, n * sizeof keys[0]);
    ring_transcript_item(&t, context.p, context.len);
    ring_transcript_item(&t, commitment, 32);
    ring_transcript_scalar(&t, c);
}

enum demur_err demur_possession_prove(uint8_t proof[static DEMUR_POSSESSION_LEN],
                                      const uint8_t (*secrets)[32], const uint8_t (*keys)[32],
                                      size_t n, struct span context,
                                      const uint8_t entropy[static 64])
{
    if (n == 0 || n > DEMUR_POSSESSION_MAX)
        return DEMUR_ERR_LIMIT;
    uint8_t seed[64], nonce[32], c[32], power[32], product[32];
    struct ring_transcript t;
    ring_transcript_start(&t, "demur v1 possession nonce");
    ring_transcript_item(&t, secrets, n * sizeof secrets[0]);
    ring_transcript_item(&t, context.p, context.len);
    ring_transcript_item(&t, entropy, 64);
    ring_transcript_bytes(&t, seed);
    ring_nonce(nonce, seed, 0);

    point_mul_base(proof, nonce);
    challenge(c, keys, n, context, proof);
    memcpy(power, c, 32);
    for (size_t i = 0; i < n; i++) {
        crypto_core_ristretto255_scalar_mul(product, power, secrets[i]);
        crypto_core_ristretto255_scalar_add(nonce, nonce, product);
        crypto_core_ristretto255_scalar_mul(power, power, c);
    }
    memcpy(proof + 32, nonce, 32);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(nonce, sizeof nonce);
    sodium_memzero(product, sizeof product);
    return DEMUR_OK;
}

/* Proofs whose equations, weighed, are one sum; more of them make it little cheaper. */
#define AT_ONCE 16
#define TERMS_MAX (AT_ONCE * (DEMUR_POSSESSION_MAX + 1))
#define SUM_LEN (128 * sizeof(struct group_point))

struct together {
    struct group_scalar c[AT_ONCE], z[AT_ONCE];
    size_t n; /* terms */
    struct group_scalar scalars[TERMS_MAX], base_scalar;
    struct group_affine points[TERMS_MAX];
    uint64_t sum[SUM_LEN / sizeof(uint64_t)];
};

/* R and the keys of one proof, its challenge and its response. */
static bool read_one(struct together *t, size_t i, const struct demur_possession_check *k)
{
    const struct group_path *path = group_path_best();
    uint8_t c[32];
    if (k->n == 0 || k->n > DEMUR_POSSESSION_MAX ||
        !group_scalar_decode_vartime(&t->z[i], k->proof + 32) ||
        path->decode(t->points + t->n, (const uint8_t(*)[32])k->proof, 1) < 1 ||
        path->decode(t->points + t->n + 1, k->keys, k->n) < k->n)
        return false;
    for (size_t key = 0; key < k->n; key++)
        if (sodium_is_zero(k->keys[key], 32))
            return false;
    challenge(c, k->keys, k->n, k->context, k->proof);
    group_scalar_load(&t->c[i], c);
    t->n += 1 + k->n;
    return true;
}

/* Weights hang on every challenge, which stands for all but the response, and on that. */
static void weights_seed(uint8_t seed[static 64], const struct together *t,
                         const struct demur_possession_check *checks, size_t n)
{
    struct ring_transcript hash;
    ring_transcript_start(&hash, "demur v1 verifier's weights");
    for (size_t i = 0; i < n; i++) {
        uint8_t c[32];
        group_scalar_encode(c, &t->c[i]);
        ring_transcript_item(&hash, c, sizeof c);
        ring_transcript_item(&hash, checks[i].proof + 32, 32);
    }
    ring_transcript_bytes(&hash, seed);
}

static void weight_of(struct group_scalar *out, const uint8_t seed[static 64], size_t i)
{
    struct ring_transcript hash;
    uint8_t bytes[64];
    ring_transcript_start(&hash, "demur v1 verifier's weight");
    ring_transcript_item(&hash, seed, 64);
    ring_transcript_u64(&hash, i);
    ring_transcript_bytes(&hash, bytes);
    memset(bytes + 16, 0, sizeof bytes - 16);
    bytes[0] |= sodium_is_zero(bytes, 16) == 1;
    group_scalar_wide(out, bytes);
}

/* Is Σ w·(R + Σ c^(i+1)·M_i - z·G) the identity? */
static bool hold_together(const struct demur_possession_check *checks, size_t n)
{
    struct together t;
    struct group_scalar *next = t.scalars, power, term;
    struct group_affine base;
    struct group_point sum;
    uint8_t seed[64];
    t.n = 0;
    for (size_t i = 0; i < n; i++)
        if (!read_one(&t, i, &checks[i]))
            return false;
    weights_seed(seed, &t, checks, n);
    t.base_scalar = group_scalar_of(0);
    for (size_t i = 0; i < n; i++) {
        weight_of(&power, seed, i);
        group_scalar_mul(&term, &power, &t.z[i]);
        group_scalar_sub(&t.base_scalar, &t.base_scalar, &term);
        *next++ = power;
        for (size_t key = 0; key < checks[i].n; key++) {
            group_scalar_mul(&power, &power, &t.c[i]);
            *next++ = power;
        }
    }
    group_affine_of(&base, &group_base);
    struct group_terms lists[2] = {{t.scalars, t.points, t.n, NULL},
                                   {&t.base_scalar, &base, 1, NULL}};
    group_path_best()->sum(&sum, lists, 2, t.sum, sizeof t.sum);
    return group_is_identity(&sum);
}

void demur_possession_verify_many(struct demur_possession_check *checks, size_t n)
{
    for (size_t first = 0; first < n; first += AT_ONCE) {
        size_t count = n - first < AT_ONCE ? n - first : AT_ONCE;
        bool all = hold_together(checks + first, count);
        for (size_t i = first; i < first + count; i++)
            checks[i].good = all || hold_together(checks + i, 1);
    }
}

enum demur_err demur_possession_verify(const uint8_t proof[static DEMUR_POSSESSION_LEN],
                                       const uint8_t (*keys)[32], size_t n, struct span context,
                                       struct demur_diag *diag)
{
    if (n == 0 || n > DEMUR_POSSESSION_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT,
                          "a proof of possession is for 1 to %d keys, not %zu",
                          DEMUR_POSSESSION_MAX, n);
    for (size_t i = 0; i < n; i++) {
        if (!demur_ring_key_ok(keys[i]))
            return demur_fail(diag, DEMUR_ERR_SYNTAX, "ring key %zu is not a valid key", i);
    }
    if (!point_ok(proof) || !scalar_ok(proof + 32))
        return demur_fail(diag, DEMUR_ERR_CANON, "the proof of possession is not canonical");
    struct demur_possession_check check = {.keys = keys, .n = n, .context = context};
    memcpy(check.proof, proof, sizeof check.proof);
    if (!hold_together(&check, 1))
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the proof of possession does not hold for these keys");
    return DEMUR_OK;
}
