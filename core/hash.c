/* hash.c - see hash.h. */
#include "hash.h"

#include <assert.h>

void demur_hash(uint8_t out[static DEMUR_HASH_LEN], struct span in)
{
    demur_hash_spans(out, "", &in, 1);
}

void demur_hash_spans(uint8_t out[static DEMUR_HASH_LEN], const char *domain,
                      const struct span *parts, size_t n)
{
    struct demur_hasher h;
    demur_hasher_init(&h);
    demur_hasher_add(&h, span_str(domain));
    for (size_t i = 0; i < n; i++)
        demur_hasher_add(&h, parts[i]);
    demur_hasher_final(&h, out);
}

void demur_hash_wide(uint8_t out[static DEMUR_HASH_WIDE_LEN], const char *domain,
                     const struct span *parts, size_t n)
{
    crypto_hash_sha512_state state;
    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, (const uint8_t *)domain, strlen(domain));
    for (size_t i = 0; i < n; i++)
        if (parts[i].len)
            crypto_hash_sha512_update(&state, parts[i].p, parts[i].len);
    crypto_hash_sha512_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

void demur_hasher_init(struct demur_hasher *h) { crypto_hash_sha256_init(&h->sha256); }

void demur_hasher_add(struct demur_hasher *h, struct span in)
{
    if (in.len)
        crypto_hash_sha256_update(&h->sha256, in.p, in.len);
}

void demur_hasher_final(struct demur_hasher *h, uint8_t out[static DEMUR_HASH_LEN])
{
    crypto_hash_sha256_final(&h->sha256, out);
    sodium_memzero(h, sizeof *h);
}

void demur_hmac_spans(uint8_t out[static DEMUR_HASH_LEN], struct span key, const struct span *parts,
                      size_t n)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key.len ? key.p : (const uint8_t *)"", key.len);
    for (size_t i = 0; i < n; i++)
        if (parts[i].len)
            crypto_auth_hmacsha256_update(&state, parts[i].p, parts[i].len);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

void demur_hmac(uint8_t out[static DEMUR_HASH_LEN], struct span key, struct span in)
{
    demur_hmac_spans(out, key, &in, 1);
}

void demur_hkdf_extract(uint8_t prk[static DEMUR_HASH_LEN], struct span salt, struct span ikm)
{
    demur_hmac(prk, salt, ikm);
}

void demur_hkdf_expand(uint8_t *out, size_t len, const uint8_t prk[static DEMUR_HASH_LEN],
                       struct span info)
{
    assert(len <= DEMUR_HKDF_MAX);
    uint8_t block[DEMUR_HASH_LEN];
    struct span previous = {NULL, 0};
    uint8_t counter = 0;
    for (size_t done = 0; done < len;) {
        counter++;
        struct span parts[] = {previous, info, span_of(&counter, 1)};
        demur_hmac_spans(block, span_of(prk, DEMUR_HASH_LEN), parts, DEMUR_COUNT(parts));
        previous = span_of(block, sizeof block);
        size_t n = len - done < sizeof block ? len - done : sizeof block;
        memcpy(out + done, block, n);
        done += n;
    }
    sodium_memzero(block, sizeof block);
}

void demur_hkdf(uint8_t *out, size_t len, struct span salt, struct span ikm, struct span info)
{
    uint8_t prk[DEMUR_HASH_LEN];
    demur_hkdf_extract(prk, salt, ikm);
    demur_hkdf_expand(out, len, prk, info);
    sodium_memzero(prk, sizeof prk);
}
