/* Many signatures in one ring. Their sums are added up, so that the ring's keys
 * are gone through once: key k's coefficient is Σ_s v_s·p_k(x_s), in which each
 * term is a product of two table entries, and one reduction is enough for all. */
#include "ring_check.h"

struct batch {
    const struct demur_ring *ring;
    struct ring_shape shape;
    size_t n; /* signatures that could be read */
    size_t own_count, low_count, high_count, sum_len;
    struct demur_ring_item **items;
    struct ring_check *checks;
    struct group_affine *own; /* own_count for each signature */
    struct group_scalar *own_scalars;
    uint64_t *low, *high; /* by table entry, within it by limb, then by signature */
    struct group_scalar *key_scalars;
    uint8_t *sum;
};

/* Take n entries of `size` bytes, all multiples of 8, off the work memory. */
static void *take(uint8_t **work, size_t *len, size_t n, size_t size)
{
    void *at = *work;
    *len += n * size;
    if (*work)
        *work += n * size;
    return at;
}

/* Lay the batch out in `work`, or only measure it when that is NULL. */
static size_t lay_out(struct batch *b, const struct demur_ring *ring, size_t n, uint8_t *work)
{
    size_t len = 0;
    *b = (struct batch){.ring = ring};
    if (!ring_shape_for(ring->n, &b->shape))
        return 0;
    b->own_count = ring_own_count(b->shape);
    b->low_count = ring_low_count(b->shape);
    b->high_count = ring_high_count(b->shape);
    b->sum_len = group_sum_work_len(ring->n + n * b->own_count + RING_SHARED_MAX);
    b->items = take(&work, &len, n, sizeof(uint64_t));
    b->checks = take(&work, &len, n, sizeof *b->checks);
    b->own = take(&work, &len, n * b->own_count, sizeof *b->own);
    b->own_scalars = take(&work, &len, n * b->own_count, sizeof *b->own_scalars);
    b->low = take(&work, &len, n * b->low_count, sizeof(struct group_factor));
    b->high = take(&work, &len, n * b->high_count, sizeof(struct group_factor));
    b->key_scalars = take(&work, &len, ring->n, sizeof *b->key_scalars);
    b->sum = take(&work, &len, b->sum_len, 1);
    return len;
}

size_t demur_ring_batch_work_len(const struct demur_ring *ring, size_t n)
{
    struct batch b;
    return lay_out(&b, ring, n, NULL);
}

/* What the weights hang on: the entropy, every challenge, which stands for the
 * statement and the commitments, and every response. */
static void read_items(struct batch *b, struct demur_ring_item *items, size_t n,
                       const uint8_t entropy[static 32], uint8_t seed[static 64])
{
    struct ring_layout at = ring_layout_for(b->shape);
    struct ring_transcript t;
    ring_transcript_start(&t, "demur v1 verifier's weights");
    ring_transcript_item(&t, entropy, 32);
    for (size_t i = 0; i < n; i++) {
        struct demur_ring_item *item = &items[i];
        struct group_affine *own = b->own + b->n * b->own_count;
        bool same = b->n > 0 && span_eq(item->scope, b->items[b->n - 1]->scope);
        item->costly = false;
        item->err = ring_check_read(&b->checks[b->n], own, b->ring, item->signature, item->scope,
                                    item->message, same ? own - b->own_count : NULL, NULL);
        if (item->err != DEMUR_OK)
            continue;
        uint8_t x[32];
        group_scalar_encode(x, &b->checks[b->n].x);
        ring_transcript_item(&t, x, sizeof x);
        ring_transcript_item(&t, item->signature.p + at.f, at.len - at.f);
        b->items[b->n++] = item;
    }
    ring_transcript_bytes(&t, seed);
}

/* 128 bits, not zero. */
static void weight_of(struct group_scalar *out, const uint8_t bytes[static 16])
{
    uint8_t wide[64] = {0};
    memcpy(wide, bytes, 16);
    wide[0] |= sodium_is_zero(wide, 16) == 1;
    group_scalar_wide(out, wide);
}

static void set_weights(struct batch *b, const uint8_t seed[static 64])
{
    for (size_t i = 0; i < b->n; i++) {
        struct ring_check *check = &b->checks[i];
        struct ring_transcript t;
        uint8_t bytes[64];
        ring_transcript_start(&t, "demur v1 verifier's weight");
        ring_transcript_item(&t, seed, 64);
        ring_transcript_u64(&t, i);
        ring_transcript_bytes(&t, bytes);
        weight_of(&check->u, bytes);
        weight_of(&check->v, bytes + 16);
        weight_of(&check->w, bytes + 32);
        ring_check_low(check, b->low + i, b->n);
        ring_check_high(check, b->high + i, b->n);
    }
}

/* The keys' coefficients for the signatures first .. last - 1. */
static void add_up_keys(struct batch *b, size_t first, size_t last)
{
    const struct group_path *path = ring_path(b->ring);
    size_t n = b->ring->n;
    struct group_scalar rest = group_scalar_of(0), total;
    for (size_t i = first; i < last; i++) {
        ring_check_total(&b->checks[i], &total);
        group_scalar_add(&rest, &rest, &total);
    }
    for (size_t k = 0; k + 1 < n; k++) {
        const uint64_t *high = b->high + 5 * b->n * (k / b->low_count);
        const uint64_t *low = b->low + 5 * b->n * (k % b->low_count);
        struct group_products sum = {{0}};
        path->products(&sum, high + first, low + first, b->n, last - first);
        group_products_reduce(&b->key_scalars[k], &sum);
        group_scalar_sub(&rest, &rest, &b->key_scalars[k]);
    }
    b->key_scalars[n - 1] = rest;
}

/* The weighted sum of the signatures first .. last - 1. */
static void sum_of(struct batch *b, size_t first, size_t last, struct group_point *sum)
{
    const struct ring_points *points = b->ring->points;
    struct group_scalar shared[RING_SHARED_MAX] = {{{0}}};
    for (size_t i = first; i < last; i++) {
        ring_check_own(&b->checks[i], b->own_scalars + i * b->own_count);
        ring_check_shared(&b->checks[i], shared);
    }
    add_up_keys(b, first, last);
    struct group_terms lists[3] = {{b->key_scalars, points->keys, b->ring->n, NULL},
                                   {b->own_scalars + first * b->own_count,
                                    b->own + first * b->own_count, (last - first) * b->own_count,
                                    NULL},
                                   {shared, points->shared, ring_shared_count(b->shape), NULL}};
    points->path->sum(sum, lists, 3, b->sum, b->sum_len);
}

/* Does a signature hold apart from the ring's keys? Two of its three equations have no
 * term for each key: whoever changes a byte of a signature, or of what it is about, fails
 * one of them, and is named for a small part of what a sum over the ring costs. */
static bool holds_apart(struct batch *b, size_t i)
{
    const struct ring_points *points = b->ring->points;
    const struct group_affine *at = b->own + i * b->own_count;
    struct group_scalar shared[RING_SHARED_MAX] = {{{0}}}, own[RING_OWN_MAX];
    struct group_point sum;
    size_t ys = 3 + b->shape.digits;
    ring_check_own(&b->checks[i], own);
    ring_check_shared(&b->checks[i], shared);
    /* the tag's, the shorter one, first: T, the Y_t and H */
    struct group_terms tag[2] = {{own, at, 1, NULL}, {own + ys, at + ys, b->own_count - ys, NULL}};
    points->path->sum(&sum, tag, 2, b->sum, b->sum_len);
    if (!group_is_identity(&sum))
        return false;
    /* that of the digits: A and B, and all that is shared but G */
    struct group_terms digits[2] = {
        {own + 1, at + 1, 2, NULL},
        {shared + 1, points->shared + 1, ring_shared_count(b->shape) - 1, NULL}};
    points->path->sum(&sum, digits, 2, b->sum, b->sum_len);
    return group_is_identity(&sum);
}

/* A signature that is judged already adds nothing to any sum. */
static void leave_out(struct batch *b, size_t i)
{
    struct ring_check *check = &b->checks[i];
    check->u = check->v = check->w = group_scalar_of(0);
    for (size_t k = 0; k < 5 * b->high_count; k++)
        b->high[k * b->n + i] = 0;
    b->items[i]->err = DEMUR_ERR_VERIFY;
}

/* Name those that do not hold apart from the keys. Returns how many are left. */
static size_t judge_apart(struct batch *b)
{
    size_t left = b->n;
    for (size_t i = 0; i < b->n; i++) {
        if (holds_apart(b, i))
            continue;
        leave_out(b, i);
        left--;
    }
    return left;
}

static bool any_left(const struct batch *b, size_t first, size_t last)
{
    while (first < last && b->items[first]->err != DEMUR_OK)
        first++;
    return first < last;
}

/* Name the bad among first .. last - 1, whose weighted sum is `sum`. One half is
 * summed anew; the other's sum is what is left. */
static void judge(struct batch *b, size_t first, size_t last, const struct group_point *sum)
{
    if (group_is_identity(sum)) {
        for (size_t i = first; i < last; i++)
            if (b->items[i]->err == DEMUR_OK)
                memcpy(b->items[i]->tag, b->items[i]->signature.p, 32);
        return;
    }
    if (last - first == 1) {
        b->items[first]->err = DEMUR_ERR_VERIFY;
        b->items[first]->costly = true;
        return;
    }
    size_t middle = first + (last - first) / 2;
    struct group_point lower, upper;
    struct group_cached cached;
    if (!any_left(b, first, middle) || !any_left(b, middle, last)) {
        bool up = any_left(b, middle, last);
        judge(b, up ? middle : first, up ? last : middle, sum);
        return;
    }
    sum_of(b, first, middle, &lower);
    group_cache(&cached, &lower);
    group_sub(&upper, sum, &cached);
    judge(b, first, middle, &lower);
    judge(b, middle, last, &upper);
}

static void judge_all(struct batch *b)
{
    struct group_point sum;
    sum_of(b, 0, b->n, &sum);
    if (!group_is_identity(&sum)) {
        size_t left = judge_apart(b);
        if (left == 0)
            return;
        if (left < b->n)
            sum_of(b, 0, b->n, &sum);
    }
    judge(b, 0, b->n, &sum);
}

enum demur_err demur_ring_verify_batch(struct demur_ring_item *items, size_t n,
                                       const struct demur_ring *ring,
                                       const uint8_t entropy[static 32], void *work,
                                       size_t work_len)
{
    struct batch b;
    uint8_t seed[64];
    if (!ring->points)
        return DEMUR_ERR_MISSING;
    if (work_len < demur_ring_batch_work_len(ring, n))
        return DEMUR_ERR_SPACE;
    if (n == 1 && ((const struct ring_points *)ring->points)->upper)
        return items->err = demur_ring_verify(items->signature, ring, items->scope, items->message,
                                              items->tag, NULL);
    lay_out(&b, ring, n, work);
    read_items(&b, items, n, entropy, seed);
    if (b.n > 0) {
        set_weights(&b, seed);
        judge_all(&b);
    }
    for (size_t i = 0; i < n; i++) {
        if (items[i].err != DEMUR_OK)
            return items[i].err;
    }
    return DEMUR_OK;
}

void demur_ring_item_explain(const struct demur_ring_item *item, const struct demur_ring *ring,
                             struct demur_diag *diag)
{
    struct ring_check check;
    struct group_affine own[RING_OWN_MAX];
    if (item->err == DEMUR_ERR_VERIFY ||
        ring_check_read(&check, own, ring, item->signature, item->scope, item->message, NULL,
                        diag) == DEMUR_OK)
        (void)demur_fail(diag, DEMUR_ERR_VERIFY, RING_DOES_NOT_HOLD);
}
