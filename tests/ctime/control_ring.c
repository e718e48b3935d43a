/* A control for ring.c and ring_sign.c: a branch on a claim before it is published, which
 * hangs on the ring secret and the nonce. */
#include "../../core/ring.h"
#include "ctime.h"

#include <sodium.h>

static volatile unsigned calls;

int main(void)
{
    uint8_t seed[64] = {1}, entropy[64] = {2}, secret[32], key[32], claim[DEMUR_CLAIM_LEN];
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    ctime_secret(seed, sizeof seed);
    demur_ring_key_from_seed(secret, key, seed);
    demur_claim_prove(claim, secret, span_lit("scope"), span_lit("context"), entropy);
    if (claim[DEMUR_CLAIM_LEN - 32] & 1)
        calls = calls + 1;
    return 0;
}
