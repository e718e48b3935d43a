/* Signing, with the secret and the entropy secret: which member signs must not
 * show. Rings of one shape that is filled, and of one that is padded. */
#include "../../core/ring.h"
#include "ctime.h"

#include <sodium.h>

#define MEMBERS 150

static uint8_t secrets[MEMBERS][32], keys[MEMBERS][32];

static int sign_in(size_t n, size_t member)
{
    struct demur_ring ring;
    uint8_t mem[DEMUR_RING_SIGNATURE_MAX], entropy[64] = {3}, tag[32];
    struct buf out = buf_over(mem, sizeof mem);
    struct span scope = span_lit("scope"), message = span_lit("message");
    for (size_t i = 0; i < n; i++) {
        uint8_t seed[64] = {1, (uint8_t)i};
        demur_ring_key_from_seed(secrets[i], keys[i], seed);
    }
    uint8_t secret[32];
    memcpy(secret, secrets[member], sizeof secret);
    demur_ring_sort(keys, n);
    if (demur_ring_init(&ring, (const uint8_t(*)[32])keys, n, NULL) != DEMUR_OK)
        return 1;
    ctime_secret(secret, sizeof secret);
    ctime_secret(entropy, sizeof entropy);
    enum demur_err err = demur_ring_sign(&out, &ring, secret, scope, message, entropy);
    ctime_public(&err, sizeof err);
    ctime_public(&out, sizeof out);
    ctime_public(mem, sizeof mem);
    if (err != DEMUR_OK)
        return 1;
    return demur_ring_verify(buf_span(&out), &ring, scope, message, tag, NULL) != DEMUR_OK;
}

int main(void)
{
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    return sign_in(1, 0) || sign_in(6, 3) || sign_in(MEMBERS, 77);
}
