/* A control for keys.c: what comes out of the chain, of a phrase and of a seed is as secret
 * as what went in, so valgrind has to object to a branch on it. */
#include "ctime.h"

#include <sodium.h>

#include "../../core/keys.h"

static volatile unsigned calls;

int main(void)
{
    uint8_t chain[32] = {1}, secret[32], public_key[32];
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    ctime_secret(chain, sizeof chain);
    for (int i = 0; i < 12; i++)
        demur_chain_next(chain, chain);
    demur_chain_ring_key(secret, public_key, chain);
    if (secret[5] & 1)
        calls = calls + 1;
    return 0;
}
