/* Batched Schnorr (Gennaro, Leigh, Sundaram, Yerazunis, ASIACRYPT 2004):
 * R = k·G, z = k + Σ c^(i+1)·r_i, and z·G = R + Σ c^(i+1)·M_i. */
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
    uint8_t c[32], power[32], left[32], right[32];
    challenge(c, keys, n, context, proof);
    memcpy(power, c, 32);
    memcpy(right, proof, 32);
    for (size_t i = 0; i < n; i++) {
        point_mul_add(right, power, keys[i]);
        crypto_core_ristretto255_scalar_mul(power, power, c);
    }
    point_mul_base(left, proof + 32);
    if (memcmp(left, right, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the proof of possession does not hold for these keys");
    return DEMUR_OK;
}
