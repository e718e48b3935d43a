#include "ring_check.h"

/* Keys that are decoded and summed at a time, which bounds the memory on the stack. */
#ifdef __wasm__
#define CHUNK 1024
#define SUM_LEN (28 * 1024)
#else
#define CHUNK 4096
#define SUM_LEN (384 * 1024)
#endif

/* A signature alone has weights from a hash of all of it: the challenge stands
 * for the statement and the commitments. */
static void weigh(struct ring_check *check, struct span signature)
{
    struct ring_layout at = ring_layout_for(check->shape);
    struct ring_transcript t;
    uint8_t seed[64], x[32], weight[32];
    group_scalar_encode(x, &check->x);
    ring_transcript_start(&t, "demur v1 verifier's weights");
    ring_transcript_item(&t, x, sizeof x);
    ring_transcript_item(&t, signature.p + at.f, at.len - at.f);
    ring_transcript_bytes(&t, seed);
    check->u = group_scalar_of(1);
    ring_nonce(weight, seed, 0);
    group_scalar_load(&check->v, weight);
    ring_nonce(weight, seed, 1);
    group_scalar_load(&check->w, weight);
}

struct key_sum {
    const struct demur_ring *ring;
    struct ring_shape shape;
    uint64_t low[5 * RING_LOW_MAX], high[5 * RING_HIGH_MAX];
    bool broken;              /* a key is none, whatever was promised: no signature holds */
    struct group_scalar rest; /* the last key's coefficient: what is missing to v·x^m */
    union {
        struct group_scalar loaded[RING_LOADED_CHUNK];
        struct {
            struct group_scalar scalars[CHUNK];
            struct group_affine points[CHUNK];
        } decoded;
    } of;
    uint64_t sum[SUM_LEN / sizeof(uint64_t)];
};

/* The coefficients of the n keys from `first` on, and their points. */
static struct group_terms next_terms(struct key_sum *s, size_t first, size_t n)
{
    const struct ring_points *points = s->ring->points;
    struct group_scalar *scalars = points ? s->of.loaded : s->of.decoded.scalars;
    uint32_t low = ring_low_count(s->shape);
    for (size_t i = 0; i < n; i++) {
        size_t k = first + i;
        struct group_products product = {{0}};
        group_path_portable.products(&product, s->high + 5 * (k / low), s->low + 5 * (k % low), 1,
                                     1);
        group_products_reduce(&scalars[i], &product);
        if (k + 1 == s->ring->n)
            scalars[i] = s->rest;
        else
            group_scalar_sub(&s->rest, &s->rest, &scalars[i]);
    }
    if (points)
        return (struct group_terms){scalars, points->keys + first, n,
                                    points->upper ? points->upper + first : NULL};
    s->broken |= ring_path(s->ring)->decode(s->of.decoded.points, s->ring->keys + first, n) < n;
    return (struct group_terms){scalars, s->of.decoded.points, n, NULL};
}

/* The signature's own points come without upper ones, and are too few to make them. */
static void sum_own(struct group_point *out, const struct group_scalar *scalars,
                    const struct group_affine *own, size_t n)
{
    struct group_point points[RING_OWN_MAX];
    struct group_table tables[RING_OWN_MAX];
    struct group_digits digits[RING_OWN_MAX];
    for (size_t i = 0; i < n; i++) {
        group_of_affine(&points[i], &own[i]);
        group_digits_of(&digits[i], &scalars[i]);
    }
    group_tables_of(tables, points, n);
    group_straus(out, digits, tables, n);
}

static bool sums_to_identity(const struct ring_check *check, const struct demur_ring *ring,
                             const struct group_affine *own)
{
    const struct ring_points *points = ring->points;
    struct group_affine made[RING_SHARED_MAX];
    struct group_scalar own_scalars[RING_OWN_MAX];
    struct group_scalar shared_scalars[RING_SHARED_MAX] = {{{0}}};
    size_t chunk = points ? RING_LOADED_CHUNK : CHUNK;
    struct key_sum s;
    s.ring = ring;
    s.shape = check->shape;
    s.broken = false;
    if (!points)
        ring_shared_points(made, check->shape);
    ring_check_own(check, own_scalars);
    ring_check_shared(check, shared_scalars);
    ring_check_low(check, s.low, 1);
    ring_check_high(check, s.high, 1);
    ring_check_total(check, &s.rest);

    struct group_point sum = group_identity, part;
    struct group_terms lists[3] = {
        {NULL, NULL, 0, NULL},
        {own_scalars, own, ring_own_count(check->shape), NULL},
        {shared_scalars, points ? points->shared : made, ring_shared_count(check->shape), NULL}};
    if (points && points->upper) {
        sum_own(&sum, own_scalars, own, lists[1].n);
        lists[1].n = 0;
        lists[2].upper = points->upper + ring->n;
    }
    for (size_t first = 0; first < ring->n; first += chunk) {
        size_t n = ring->n - first < chunk ? ring->n - first : chunk;
        lists[0] = next_terms(&s, first, n);
        ring_path(ring)->sum(&part, lists, first == 0 ? 3 : 1, s.sum, sizeof s.sum);
        group_add_to(&sum, &part);
    }
    return !s.broken && group_is_identity(&sum);
}

enum demur_err demur_ring_verify(struct span signature, const struct demur_ring *ring,
                                 struct span scope, struct span message, uint8_t tag[static 32],
                                 struct demur_diag *diag)
{
    struct ring_check check;
    struct group_affine own[RING_OWN_MAX];
    enum demur_err err = ring_check_read(&check, own, ring, signature, scope, message, NULL, diag);
    if (err != DEMUR_OK)
        return err;
    weigh(&check, signature);
    if (!sums_to_identity(&check, ring, own))
        return demur_fail(diag, DEMUR_ERR_VERIFY, RING_DOES_NOT_HOLD);
    memcpy(tag, signature.p, 32);
    return DEMUR_OK;
}
