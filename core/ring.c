#include "ring_check.h"

void demur_ring_key_from_seed(uint8_t secret[static 32], uint8_t public_key[static 32],
                              const uint8_t seed[static 64])
{
    crypto_core_ristretto255_scalar_reduce(secret, seed);
    point_mul_base(public_key, secret);
}

void demur_ring_key_public(uint8_t public_key[static 32], const uint8_t secret[static 32])
{
    point_mul_base(public_key, secret);
}

bool demur_ring_key_ok(const uint8_t key[static 32])
{
    return point_ok(key) && !sodium_is_zero(key, DEMUR_RING_KEY_LEN);
}

static void swap_keys(uint8_t a[static 32], uint8_t b[static 32])
{
    uint8_t held[32];
    memcpy(held, a, 32);
    memcpy(a, b, 32);
    memcpy(b, held, 32);
}

static void sift_down(uint8_t (*keys)[32], size_t top, size_t n)
{
    for (size_t child; (child = 2 * top + 1) < n; top = child) {
        if (child + 1 < n && memcmp(keys[child], keys[child + 1], 32) < 0)
            child++;
        if (memcmp(keys[top], keys[child], 32) >= 0)
            return;
        swap_keys(keys[top], keys[child]);
    }
}

/* A heapsort: the libraries' qsort may allocate. */
void demur_ring_sort(uint8_t (*keys)[32], size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(keys, i, n);
    for (size_t last = n; last-- > 1;) {
        swap_keys(keys[0], keys[last]);
        sift_down(keys, 0, last);
    }
}

void demur_ring_digest(uint8_t digest[static 32], const uint8_t (*keys)[32], size_t n)
{
    static const char domain[] = "demur v1 ring";
    uint8_t mem[8];
    struct buf count = buf_over(mem, sizeof mem);
    buf_put_be64(&count, n);
    crypto_hash_sha256_state sha;
    crypto_hash_sha256_init(&sha);
    crypto_hash_sha256_update(&sha, (const uint8_t *)domain, sizeof domain - 1);
    crypto_hash_sha256_update(&sha, mem, sizeof mem);
    crypto_hash_sha256_update(&sha, (const uint8_t *)keys, n * sizeof keys[0]);
    crypto_hash_sha256_final(&sha, digest);
}

static enum demur_err check_key(const uint8_t (*keys)[32], size_t i, bool valid,
                                struct demur_diag *diag)
{
    int order = i ? memcmp(keys[i - 1], keys[i], 32) : -1;
    if (order == 0)
        return demur_fail(diag, DEMUR_ERR_CANON, "ring key %zu repeats the one before it", i);
    if (order > 0)
        return demur_fail(diag, DEMUR_ERR_CANON, "ring key %zu is out of order; sort the keys", i);
    if (!valid || sodium_is_zero(keys[i], 32))
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "ring key %zu is not a valid key", i);
    return DEMUR_OK;
}

#define KEYS_AT_A_TIME 64

static bool wants_upper(const struct group_path *path, size_t n)
{
    return path == &group_path_portable && n <= RING_UPPER_MAX;
}

static enum demur_err make_ring(const struct group_path *path, struct demur_ring *ring,
                                const uint8_t (*keys)[32], size_t n, struct ring_points *points,
                                struct demur_diag *diag)
{
    struct ring_shape shape;
    if (n == 0)
        return demur_fail(diag, DEMUR_ERR_MISSING, "the ring has no members");
    if (!ring_shape_for(n, &shape))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the ring has %zu members; at most %d are allowed",
                          n, DEMUR_RING_MAX);
    for (size_t first = 0; first < n; first += KEYS_AT_A_TIME) {
        struct group_affine here[KEYS_AT_A_TIME], *out = points ? points->keys + first : here;
        size_t count = n - first < KEYS_AT_A_TIME ? n - first : KEYS_AT_A_TIME;
        size_t valid = path->decode(out, keys + first, count);
        for (size_t i = 0; i < count; i++) {
            enum demur_err err = check_key(keys, first + i, i < valid, diag);
            if (err != DEMUR_OK)
                return err;
        }
    }
    if (points) {
        points->path = path;
        points->upper = NULL;
        ring_shared_points(points->shared, shape);
        if (wants_upper(path, n)) {
            group_upper_of_many(points->keys + n, points->keys, n);
            group_upper_of_many(points->keys + 2 * n, points->shared, ring_shared_count(shape));
            points->upper = points->keys + n;
        }
    }
    *ring = (struct demur_ring){.keys = keys, .n = n, .points = points};
    demur_ring_digest(ring->digest, keys, n);
    return DEMUR_OK;
}

enum demur_err demur_ring_init(struct demur_ring *ring, const uint8_t (*keys)[32], size_t n,
                               struct demur_diag *diag)
{
    return make_ring(group_path_best(), ring, keys, n, NULL, diag);
}

enum demur_err ring_load_by(const struct group_path *path, struct demur_ring *ring,
                            const uint8_t (*keys)[32], size_t n, void *storage,
                            struct demur_diag *diag)
{
    return make_ring(path, ring, keys, n, storage, diag);
}

size_t ring_storage_len_by(const struct group_path *path, size_t n)
{
    size_t upper = wants_upper(path, n) ? n + RING_SHARED_MAX : 0;
    return sizeof(struct ring_points) + (n + upper) * sizeof(struct group_affine);
}

enum demur_err demur_ring_load(struct demur_ring *ring, const uint8_t (*keys)[32], size_t n,
                               void *storage, struct demur_diag *diag)
{
    return ring_load_by(group_path_best(), ring, keys, n, storage, diag);
}

size_t demur_ring_storage_len(size_t n) { return ring_storage_len_by(group_path_best(), n); }

size_t demur_ring_signature_len(size_t n)
{
    struct ring_shape shape;
    return ring_shape_for(n, &shape) ? ring_layout_for(shape).len : 0;
}

void demur_ring_tag(uint8_t tag[static 32], struct span scope, const uint8_t secret[static 32])
{
    uint8_t h[32];
    ring_scope_encoded(h, scope);
    point_mul(tag, secret, h);
}

bool demur_ring_signature_tag(uint8_t tag[static 32], struct span signature)
{
    if (signature.len < 32)
        return false;
    memcpy(tag, signature.p, 32);
    return true;
}
