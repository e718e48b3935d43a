/* age_wrap.c - the keys of a header: what wraps the file key, what makes the
 * MAC. See age_inner.h. */
#include "age_inner.h"

#include <sodium.h>

#include "hash.h"

void demur_age_x25519_wrap_key(uint8_t key[static 32],
                               const uint8_t scalar[static DEMUR_AGE_KEY_LEN],
                               const uint8_t point[static DEMUR_AGE_KEY_LEN],
                               const uint8_t share[static DEMUR_AGE_KEY_LEN],
                               const uint8_t recipient[static DEMUR_AGE_KEY_LEN])
{
    uint8_t shared[DEMUR_AGE_KEY_LEN], salt[2 * DEMUR_AGE_KEY_LEN];
    /* It reports a zero secret, which points of small order alone lead to and
     * the caller has ruled out; so no branch here hangs on a secret. */
    (void)!crypto_scalarmult(shared, scalar, point);
    memcpy(salt, share, DEMUR_AGE_KEY_LEN);
    memcpy(salt + DEMUR_AGE_KEY_LEN, recipient, DEMUR_AGE_KEY_LEN);
    demur_hkdf(key, 32, span_of(salt, sizeof salt), span_of(shared, sizeof shared),
               span_lit("age-encryption.org/v1/X25519"));
    sodium_memzero(shared, sizeof shared);
}

enum demur_err demur_age_scrypt_wrap_key(uint8_t key[static 32], struct span passphrase,
                                         const uint8_t salt[static DEMUR_AGE_SALT_LEN],
                                         unsigned log2n, struct demur_diag *diag)
{
    static const char label[] = "age-encryption.org/v1/scrypt";
    uint8_t labelled[sizeof label - 1 + DEMUR_AGE_SALT_LEN];
    if (log2n < 1 || log2n > DEMUR_AGE_LOG2N_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the scrypt work factor %u is not from 1 to %d",
                          log2n, DEMUR_AGE_LOG2N_MAX);
    memcpy(labelled, label, sizeof label - 1);
    memcpy(labelled + sizeof label - 1, salt, DEMUR_AGE_SALT_LEN);
    const uint8_t *text = passphrase.len ? passphrase.p : (const uint8_t *)"";
    if (crypto_pwhash_scryptsalsa208sha256_ll(text, passphrase.len, labelled, sizeof labelled,
                                              (uint64_t)1 << log2n, 8, 1, key, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_MEMORY,
                          "scrypt could not get the %llu MiB that the work factor %u takes",
                          (unsigned long long)((((uint64_t)1 << log2n) + 1023) >> 10), log2n);
    return DEMUR_OK;
}

void demur_age_header_mac(uint8_t mac[static 32],
                          const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN], struct span macced)
{
    uint8_t key[32];
    demur_hkdf(key, sizeof key, span_of(NULL, 0), span_of(file_key, DEMUR_AGE_FILE_KEY_LEN),
               span_lit("header"));
    demur_hmac(mac, span_of(key, sizeof key), macced);
    sodium_memzero(key, sizeof key);
}
