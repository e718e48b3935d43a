/* The key chain: an identity's keys and its months' ring keys, a case's keys and its
 * release keys, and the receipt phrase that they come from. (Of a phrase that is typed
 * only the words are read without a branch: where they end is as it was typed.) */
#include "ctime.h"

#include <sodium.h>

#include "../../core/keys.h"

#define FIRST 24300 /* some month */

/* An Ed25519 secret key carries its public half, which is known to all. */
static void publish(struct demur_keys *keys)
{
    ctime_public(keys->public_key, sizeof keys->public_key);
    ctime_public(keys->secret_key + 32, 32);
    ctime_public(keys->age.public, sizeof keys->age.public);
    ctime_public(keys->recipient, sizeof keys->recipient);
}

static bool member(void)
{
    struct demur_keys keys;
    uint8_t seed[32] = {1}, signature[64];
    ctime_secret(seed, sizeof seed);
    demur_keys_from_seed(&keys, seed);
    publish(&keys);
    crypto_sign_detached(signature, NULL, seed, 8, keys.secret_key);
    demur_keys_wipe(&keys);
    return true;
}

static bool months(void)
{
    struct demur_identity identity = {.has_chain = true, .epoch = FIRST, .chain = {2}};
    uint8_t secret[32], public_key[32], next[32];
    ctime_secret(identity.chain, sizeof identity.chain);
    demur_chain_next(next, identity.chain);
    demur_chain_ring_key(secret, public_key, next);
    for (uint32_t month = FIRST; month < FIRST + 13; month++)
        if (demur_identity_ring_key(&identity, month, secret, public_key, NULL) != DEMUR_OK)
            return false;
    if (!demur_identity_erase_before(&identity, FIRST + 3) ||
        demur_identity_ring_key(&identity, FIRST + 2, secret, public_key, NULL) == DEMUR_OK)
        return false;
    demur_identity_wipe(&identity);
    return true;
}

static bool author(void)
{
    struct demur_keys keys;
    uint8_t secret[DEMUR_PHRASE_SECRET_LEN] = {3}, fingerprint[32] = {4}, release[32];
    char phrase[DEMUR_PHRASE_LEN];
    struct buf out = buf_over(phrase, sizeof phrase);
    uint16_t value = 0;
    ctime_secret(secret, sizeof secret);
    demur_phrase_encode(&out, secret);
    unsigned good = 0xFF;
    for (size_t i = 0; i < DEMUR_PHRASE_WORDS; i++)
        good &= demur_proquint_bits(&value, (const uint8_t *)phrase + i * (DEMUR_PROQUINT_LEN + 1));
    ctime_public(&good, sizeof good);
    demur_keys_from_phrase(&keys, secret, fingerprint);
    publish(&keys);
    demur_release_key(release, secret, fingerprint, 1);
    demur_keys_wipe(&keys);
    return good == 0xFF;
}

int main(void)
{
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    return !(member() && months() && author());
}
