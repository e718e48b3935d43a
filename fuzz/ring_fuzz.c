/* Rings, signatures, possession proofs and claims from hostile bytes. The first
 * byte says which. What is accepted as a ring is strictly ascending and made of
 * keys; accepted signatures carry a key as their tag; refusals say why. */
#include "../core/ring.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static const struct span scope = {(const uint8_t *)"scope", 5}, message = {(const uint8_t *)"m", 1};

static void rings(struct span in)
{
    static uint8_t keys[64][32];
    size_t n = in.len / 32 < 64 ? in.len / 32 : 64;
    if (n > 0)
        memcpy(keys, in.p, n * 32);
    const uint8_t(*k)[32] = (const uint8_t(*)[32])keys;
    struct demur_ring ring;
    struct demur_diag diag = {0};
    enum demur_err err = demur_ring_init(&ring, k, n, &diag);
    must(err == diag.code);
    for (size_t i = 0; err == DEMUR_OK && i < n; i++)
        must(demur_ring_key_ok(keys[i]) && (i == 0 || memcmp(keys[i - 1], keys[i], 32) < 0));
    demur_ring_sort(keys, n);
    err = demur_ring_init(&ring, k, n, &diag);
    for (size_t i = 1; i < n; i++) {
        int order = memcmp(keys[i - 1], keys[i], 32);
        must(order <= 0 && (order < 0 || err != DEMUR_OK));
    }
}

/* The ring of one key that the input begins with. */
static void signatures(struct span in)
{
    static uint8_t key[1][32];
    struct demur_ring ring;
    struct demur_diag diag = {0};
    uint8_t tag[32];
    memcpy(key[0], in.p, 32);
    if (demur_ring_init(&ring, (const uint8_t(*)[32])key, 1, NULL) != DEMUR_OK)
        return;
    enum demur_err err = demur_ring_verify(span_skip(in, 32), &ring, scope, message, tag, &diag);
    must(err == diag.code);
    must(err != DEMUR_OK || demur_ring_key_ok(tag));
}

static void possessions(struct span in)
{
    static uint8_t keys[20][32];
    struct demur_diag diag = {0};
    size_t n = (in.len - 64) / 32 < 20 ? (in.len - 64) / 32 : 20;
    memcpy(keys, in.p + 64, n * 32);
    enum demur_err err =
        demur_possession_verify(in.p, (const uint8_t(*)[32])keys, n, message, &diag);
    must(err == diag.code);
}

static void claims(struct span in)
{
    struct demur_diag diag = {0};
    enum demur_err err = demur_claim_verify(in.p, in.p + 64, in.p + 96, scope, message, &diag);
    must(err == diag.code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    if (data[0] == 'r')
        rings(in);
    else if (data[0] == 's' && in.len >= 32)
        signatures(in);
    else if (data[0] == 'p' && in.len >= 64)
        possessions(in);
    else if (data[0] == 'c' && in.len >= 128)
        claims(in);
    return 0;
}
