/* ring_check.h - verification as one sum that must be the identity. Private to
 * core/ring_check.c, core/ring_verify.c and core/ring_batch.c.
 *
 * A signature's three equations are weighed with u, v, w and added up:
 *
 *     u·[Σ f·E + Σ f(x-f)·D + zA·F - A - x·B] + v·[Σ_k p_k·M_k - Σ x^t·X_t - z·G]
 *             + w·[x^m·T - Σ x^t·Y_t - z·H]
 *
 * Its own points are T, A, B, X_0.., Y_0.., H; G, F, E and D are shared by all
 * signatures, the keys M_k by all in one ring. Everything here is public and
 * variable time.
 */
#ifndef DEMUR_CORE_RING_CHECK_H
#define DEMUR_CORE_RING_CHECK_H

#include "group_path.h"
#include "ring_parts.h"

#define RING_DOES_NOT_HOLD "the ring signature does not hold for this ring, scope and message"
#define RING_OWN_MAX (3 + 2 * RING_DIGITS_MAX + 1)
/* G, F, then E and D in turn for each j and within it i. */
#define RING_SHARED_MAX (2 + 2 * 5 * RING_BASE_MAX)
/* Positions' lower two digits, and the others. */
#define RING_LOW_MAX (RING_BASE_MAX * RING_BASE_MAX)
#define RING_HIGH_MAX (RING_BASE_MAX * RING_BASE_MAX * RING_BASE_MAX)

/* Keys of the largest ring whose upper points are kept. */
#define RING_UPPER_MAX 4096
/* A loaded ring's keys that one signature's verification sums at a time. */
#ifdef __wasm__
#define RING_LOADED_CHUNK 1024
#else
#define RING_LOADED_CHUNK 16384
#endif

static inline size_t ring_own_count(struct ring_shape shape)
{
    return 4 + 2 * (size_t)shape.digits;
}
static inline size_t ring_shared_count(struct ring_shape shape)
{
    return 2 + 2 * (size_t)shape.digits * shape.base;
}
static inline uint32_t ring_low_count(struct ring_shape shape) { return shape.base * shape.base; }
static inline uint32_t ring_high_count(struct ring_shape shape)
{
    return UINT32_C(1) << (shape.log2_base * (shape.digits - 2));
}

/* What ring->points holds when demur_ring_load has filled it. */
struct ring_points {
    const struct group_path *path; /* how this ring's sums are computed */
    /* 2^GROUP_UPPER times the keys, then the shared points; or NULL, where the path makes
     * no use of it or the ring is so large that it gains little */
    const struct group_affine *upper;
    struct group_affine shared[RING_SHARED_MAX];
    struct group_affine keys[];
};
static inline const struct group_path *ring_path(const struct demur_ring *ring)
{
    const struct ring_points *points = ring->points;
    return points ? points->path : group_path_best();
}
/* demur_ring_load by a given path, and what it takes. */
enum demur_err ring_load_by(const struct group_path *path, struct demur_ring *ring,
                            const uint8_t (*keys)[32], size_t n, void *storage,
                            struct demur_diag *diag) DEMUR_CHECKED;
size_t ring_storage_len_by(const struct group_path *path, size_t n);
void ring_shared_points(struct group_affine out[static RING_SHARED_MAX], struct ring_shape shape);

struct ring_check {
    struct ring_shape shape;
    struct group_scalar x, z_a, z;
    struct group_scalar f[RING_DIGITS_MAX][RING_BASE_MAX]; /* f[j][0] put back */
    struct group_scalar u, v, w;
};

/* Read a signature: all checks but the three equations. Sets *check but for its
 * weights, and own[0 .. ring_own_count - 1]. When `same_scope` is given, it is a
 * check's own points whose scope this one shares. */
enum demur_err ring_check_read(struct ring_check *check, struct group_affine *own,
                               const struct demur_ring *ring, struct span signature,
                               struct span scope, struct span message,
                               const struct group_affine *same_scope, struct demur_diag *diag);

/* The coefficients of the signature's own points, and what it adds to those of
 * the shared ones. */
void ring_check_own(const struct ring_check *check, struct group_scalar *own);
void ring_check_shared(const struct ring_check *check, struct group_scalar *shared);
/* v·p_k = high[k's upper digits]·low[k's lower two], and their sum over all
 * positions, v·x^m. Limb i of factor k goes to out[(5k + i)·stride]. */
void ring_check_low(const struct ring_check *check, uint64_t *low, size_t stride);
void ring_check_high(const struct ring_check *check, uint64_t *high, size_t stride);
void ring_check_total(const struct ring_check *check, struct group_scalar *total);

#endif
