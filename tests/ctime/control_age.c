/* A control for age.c: a branch on the key that an age stanza is wrapped with. */
#include "ctime.h"

#include <sodium.h>

#include "../../core/age_inner.h"

static volatile unsigned calls;

int main(void)
{
    uint8_t ephemeral[32] = {1}, share[32], key[32];
    struct demur_age_identity id;
    uint8_t theirs[32] = {2};
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    demur_age_identity_init(&id, theirs);
    ctime_secret(ephemeral, sizeof ephemeral);
    (void)!crypto_scalarmult_base(share, ephemeral);
    ctime_public(share, sizeof share);
    demur_age_x25519_wrap_key(key, ephemeral, id.public, share, id.public);
    if (key[0] & 1)
        calls = calls + 1;
    return 0;
}
