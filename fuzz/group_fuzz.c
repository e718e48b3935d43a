/* The group's arithmetic on hostile bytes, against libsodium: two scalars, and two
 * encodings of points unless the input ends before them. What one accepts as a scalar or a point
 * the other does; sums, products and multiples are the same, in each way that the processor can go.
 */
#include "../core/group_path.h"

#include <sodium.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static void must_be_scalar(const struct group_scalar *a, const uint8_t want[static 32])
{
    uint8_t got[32];
    group_scalar_encode(got, a);
    must(memcmp(got, want, 32) == 0);
}

static void must_be_point(const struct group_point *p, const uint8_t want[static 32])
{
    uint8_t got[32];
    group_encode(got, p);
    must(memcmp(got, want, 32) == 0);
}

static bool below_order(const uint8_t s[static 32])
{
    uint8_t wide[64] = {0}, reduced[32];
    memcpy(wide, s, 32);
    crypto_core_ristretto255_scalar_reduce(reduced, wide);
    return memcmp(reduced, s, 32) == 0;
}

static void scalars(struct group_scalar s[2], uint8_t in[2][32], const uint8_t wide[static 64])
{
    uint8_t want[32];
    struct group_scalar r;
    for (int i = 0; i < 2; i++) {
        bool ok = group_scalar_decode_vartime(&s[i], in[i]);
        must(ok == below_order(in[i]));
        if (!ok) {
            group_scalar_wide(&s[i], wide);
            crypto_core_ristretto255_scalar_reduce(in[i], wide);
            must_be_scalar(&s[i], in[i]);
        }
    }
    group_scalar_add(&r, &s[0], &s[1]);
    crypto_core_ristretto255_scalar_add(want, in[0], in[1]);
    must_be_scalar(&r, want);
    group_scalar_sub(&r, &s[0], &s[1]);
    crypto_core_ristretto255_scalar_sub(want, in[0], in[1]);
    must_be_scalar(&r, want);
    group_scalar_mul(&r, &s[0], &s[1]);
    crypto_core_ristretto255_scalar_mul(want, in[0], in[1]);
    must_be_scalar(&r, want);
}

/* s0·P + s1·Q */
static void sums(const struct group_scalar s[2], uint8_t s_bytes[2][32],
                 const struct group_affine points[2], uint8_t p_bytes[2][32])
{
    static uint64_t work[1 << 14];
    uint8_t want[2][32];
    const struct group_path *path;
    for (int i = 0; i < 2; i++) {
        int identity = crypto_scalarmult_ristretto255(want[i], s_bytes[i], p_bytes[i]);
        must(identity == 0 || sodium_is_zero(want[i], 32));
    }
    must(crypto_core_ristretto255_add(want[0], want[0], want[1]) == 0);
    for (size_t i = 0; (path = group_path_at(i)); i++) {
        struct group_scalar spent[2] = {s[0], s[1]};
        struct group_terms terms = {spent, points, 2, NULL};
        struct group_point sum;
        path->sum(&sum, &terms, 1, work, sizeof work);
        must_be_point(&sum, want[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t s_bytes[2][32], p_bytes[2][32];
    struct group_scalar s[2];
    struct group_affine points[2];
    const struct group_path *path;
    if (size < 64)
        return 0;
    memcpy(s_bytes, data, 64);
    scalars(s, s_bytes, data);
    if (size < 128)
        return 0;
    memcpy(p_bytes, data + 64, 64);
    for (int i = 0; i < 2; i++) {
        bool valid =
            !(p_bytes[i][31] & 0x80) && crypto_core_ristretto255_is_valid_point(p_bytes[i]);
        for (size_t k = 0; (path = group_path_at(k)); k++)
            must((path->decode(&points[i], (const uint8_t(*)[32]) & p_bytes[i], 1) == 1) == valid);
        if (!valid) {
            struct group_point p;
            group_from_uniform(&p, data + 64 * i);
            crypto_core_ristretto255_from_hash(p_bytes[i], data + 64 * i);
            must_be_point(&p, p_bytes[i]);
            must(group_path_best()->decode(&points[i], (const uint8_t(*)[32]) & p_bytes[i], 1) ==
                 1);
        }
    }
    sums(s, s_bytes, points, p_bytes);
    return 0;
}
