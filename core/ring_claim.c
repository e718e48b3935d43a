/* Chaum and Pedersen (CRYPTO '92): R1 = k·G, R2 = k·H, z = k + c·r; the proof
 * is c ‖ z, from which R1 = z·G - c·M and R2 = z·H - c·T. */
#include "ring_parts.h"

static void challenge(uint8_t c[static 32], const uint8_t key[static 32],
                      const uint8_t tag[static 32], struct span scope, struct span context,
                      const uint8_t r1[static 32], const uint8_t r2[static 32])
{
    struct ring_transcript t;
    ring_transcript_start(&t, "demur v1 claim");
    ring_transcript_item(&t, key, 32);
    ring_transcript_item(&t, scope.p, scope.len);
    ring_transcript_item(&t, tag, 32);
    ring_transcript_item(&t, context.p, context.len);
    ring_transcript_item(&t, r1, 32);
    ring_transcript_item(&t, r2, 32);
    ring_transcript_scalar(&t, c);
}

void demur_claim_prove(uint8_t proof[static DEMUR_CLAIM_LEN], const uint8_t secret[static 32],
                       struct span scope, struct span context, const uint8_t entropy[static 64])
{
    uint8_t seed[64], nonce[32], h[32], key[32], tag[32], r1[32], r2[32];
    struct ring_transcript t;
    ring_transcript_start(&t, "demur v1 claim nonce");
    ring_transcript_item(&t, secret, 32);
    ring_transcript_item(&t, scope.p, scope.len);
    ring_transcript_item(&t, context.p, context.len);
    ring_transcript_item(&t, entropy, 64);
    ring_transcript_bytes(&t, seed);
    ring_nonce(nonce, seed, 0);

    ring_scope_encoded(h, scope);
    point_mul_base(key, secret);
    point_mul(tag, secret, h);
    point_mul_base(r1, nonce);
    point_mul(r2, nonce, h);
    challenge(proof, key, tag, scope, context, r1, r2);
    crypto_core_ristretto255_scalar_mul(proof + 32, proof, secret);
    crypto_core_ristretto255_scalar_add(proof + 32, proof + 32, nonce);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(nonce, sizeof nonce);
}

enum demur_err demur_claim_verify(const uint8_t proof[static DEMUR_CLAIM_LEN],
                                  const uint8_t key[static 32], const uint8_t tag[static 32],
                                  struct span scope, struct span context, struct demur_diag *diag)
{
    if (!demur_ring_key_ok(key) || !demur_ring_key_ok(tag))
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "the claim names a key or tag that is none");
    if (!scalar_ok(proof) || !scalar_ok(proof + 32))
        return demur_fail(diag, DEMUR_ERR_CANON, "the claim is not canonical");
    uint8_t h[32], r1[32], r2[32], product[32], c[32];
    ring_scope_encoded(h, scope);
    point_mul_base(r1, proof + 32);
    point_mul(product, proof, key);
    point_sub(r1, r1, product);
    point_mul(r2, proof + 32, h);
    point_mul(product, proof, tag);
    point_sub(r2, r2, product);
    challenge(c, key, tag, scope, context, r1, r2);
    if (sodium_is_zero(h, 32) || memcmp(c, proof, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the claim does not hold: this key did not make this tag");
    return DEMUR_OK;
}
