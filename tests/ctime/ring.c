/* Ring keys, tags, possession proofs and claims, with the seed, the secrets and
 * the entropy secret. */
#include "../../core/ring.h"
#include "ctime.h"

#include <sodium.h>

int main(void)
{
    uint8_t seed[64] = {1}, entropy[64] = {2}, secrets[2][32], keys[2][32], tag[32];
    uint8_t possession[DEMUR_POSSESSION_LEN], claim[DEMUR_CLAIM_LEN];
    struct span scope = span_lit("scope"), context = span_lit("context");
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    ctime_secret(entropy, sizeof entropy);
    for (size_t i = 0; i < 2; i++) {
        seed[1] = (uint8_t)i;
        ctime_secret(seed, sizeof seed);
        demur_ring_key_from_seed(secrets[i], keys[i], seed);
        ctime_public(keys[i], sizeof keys[i]);
        ctime_public(seed, sizeof seed);
    }
    demur_ring_tag(tag, scope, secrets[1]);
    ctime_public(tag, sizeof tag);
    if (demur_possession_prove(possession, (const uint8_t(*)[32])secrets,
                               (const uint8_t(*)[32])keys, 2, context, entropy) != DEMUR_OK)
        return 1;
    demur_claim_prove(claim, secrets[1], scope, context, entropy);
    ctime_public(possession, sizeof possession);
    ctime_public(claim, sizeof claim);

    if (demur_possession_verify(possession, (const uint8_t(*)[32])keys, 2, context, NULL) !=
        DEMUR_OK)
        return 1;
    return demur_claim_verify(claim, keys[1], tag, scope, context, NULL) != DEMUR_OK;
}
