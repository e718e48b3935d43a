/* ring_fixture.h - rings of made-up members, as in vectors/ring. */
#ifndef DEMUR_TESTS_RING_FIXTURE_H
#define DEMUR_TESTS_RING_FIXTURE_H

#include "../../core/ring.h"
#include "../test.h"

#include <sodium.h>

/* Member i's secret: SHA-512("demur v1 vector member" ‖ be64 i), reduced. */
static inline void fixture_member(uint8_t secret[static 32], uint8_t key[static 32], uint64_t i)
{
    uint8_t mem[64], seed[64];
    struct buf b = buf_over(mem, sizeof mem);
    buf_put_str(&b, "demur v1 vector member");
    buf_put_be64(&b, i);
    crypto_hash_sha512(seed, b.p, b.len);
    demur_ring_key_from_seed(secret, key, seed);
}

/* A ring of the members 0 to n - 1 over `keys`, which holds n of them. */
static inline void fixture_ring(struct demur_ring *ring, uint8_t (*keys)[32], size_t n)
{
    uint8_t secret[32];
    struct demur_diag diag = {0};
    for (size_t i = 0; i < n; i++)
        fixture_member(secret, keys[i], i);
    demur_ring_sort(keys, n);
    if (demur_ring_init(ring, (const uint8_t(*)[32])keys, n, &diag) != DEMUR_OK)
        test_failed(__FILE__, __LINE__, "a ring of %zu: %s", n, diag.text);
}

#endif
