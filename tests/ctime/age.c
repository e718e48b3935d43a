/* Keys in and out of age, of text and of phrases: no branch and no index may
 * hang on identities, ephemeral scalars, file keys or plaintext. (Passphrases
 * are left out: scrypt reads memory where they say, by design.)
 * Verdicts (does this stanza open, is this text well formed) are public, so the
 * parts before them are called by themselves. */
#include "ctime.h"

#include <sodium.h>

#include "../../core/age_inner.h"
#include "../../core/encode.h"
#include "../../core/hash.h"
#include "../../core/phrase.h"

static uint8_t room[DEMUR_AGE_HEADER_MAX];

/* Both sides of an X25519 stanza come to the same key. */
static bool wrap_keys(void)
{
    uint8_t ephemeral[32] = {1}, share[32], secret[32] = {2}, ours[32], theirs[32];
    struct demur_age_identity id;
    ctime_secret(secret, sizeof secret);
    demur_age_identity_init(&id, secret);
    ctime_public(id.public, sizeof id.public);
    ctime_secret(ephemeral, sizeof ephemeral);
    (void)!crypto_scalarmult_base(share, ephemeral);
    ctime_public(share, sizeof share);
    demur_age_x25519_wrap_key(ours, ephemeral, id.public, share, id.public);
    demur_age_x25519_wrap_key(theirs, id.secret, share, share, id.public);
    int differ = sodium_memcmp(ours, theirs, sizeof ours);
    ctime_public(&differ, sizeof differ);
    return differ == 0;
}

static bool seal_secretly(void)
{
    uint8_t entropy[DEMUR_AGE_ENTROPY_LEN(2)] = {3}, plain[1000] = {4};
    struct demur_age_recipient recipients[2] = {{{9}}, {{10}}};
    struct buf out = buf_over(room, sizeof room);
    ctime_secret(entropy, sizeof entropy);
    ctime_secret(plain, sizeof plain);
    return demur_age_seal(&out, span_of(plain, sizeof plain), recipients, 2,
                          span_of(entropy, sizeof entropy), NULL) == DEMUR_OK;
}

static bool wrap_secretly(void)
{
    uint8_t entropy[DEMUR_AGE_SYMMETRIC_ENTROPY_LEN] = {5}, key[32] = {6}, plain[100] = {7};
    struct buf out = buf_over(room, sizeof room);
    ctime_secret(entropy, DEMUR_AGE_FILE_KEY_LEN);
    ctime_secret(plain, sizeof plain);
    return demur_age_wrap(&out, span_of(plain, sizeof plain), key, span_of(entropy, sizeof entropy),
                          NULL) == DEMUR_OK;
}

static bool texts(void)
{
    uint8_t secret[16] = {8};
    struct demur_age_identity id = {{11}, {12}};
    struct buf out = buf_over(room, sizeof room);
    ctime_secret(secret, sizeof secret);
    ctime_secret(&id, sizeof id);
    struct span bytes = span_of(secret, sizeof secret);
    demur_phrase_encode(&out, secret);
    demur_age_identity_encode(&out, &id);
    demur_hex_encode(&out, bytes);
    demur_base64_encode(&out, bytes);
    demur_base64_bare_encode(&out, bytes);
    demur_base32_encode(&out, bytes);
    return buf_ok(&out);
}

static bool derive(void)
{
    uint8_t key[32] = {13}, out[100];
    ctime_secret(key, sizeof key);
    demur_hkdf(out, sizeof out, span_of(key, 32), span_of(key, 32), span_lit("info"));
    demur_hash(out, span_of(out, sizeof out));
    return true;
}

int main(void)
{
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    return !(wrap_keys() && seal_secretly() && wrap_secretly() && texts() && derive());
}
