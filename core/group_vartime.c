/* Pippenger's buckets. A window of c bits has a bucket for each absolute value
 * 1..2^(c-1) of its digit; a bucket's points are added up, and the buckets then
 * weighted by running sums. */
#include "group_field.h"

struct window {
    unsigned bits, count;
};

/* What a sum of n terms costs with windows of c bits, in additions. */
static size_t cost(size_t n, unsigned c) { return (253 / c + 1) * (n + ((size_t)2 << (c - 1))); }

static unsigned bits_for(size_t n, unsigned at_most)
{
    unsigned best = 4;
    for (unsigned c = 5; c <= at_most; c++) {
        if (cost(n, c) < cost(n, best))
            best = c;
    }
    return best;
}

size_t group_buckets_for(size_t n) { return (size_t)1 << (bits_for(n, 15) - 1); }

/* Add 2^(c-1) in every window but the last, so that a window's bits less
 * 2^(c-1) are its signed digit, without carries. The last window holds what is
 * above: at most 2^(c-1), as scalars are below 2^252 + 2^125. */
static void bias(struct group_scalar *s, struct window w)
{
    uint64_t add[4] = {0}, carry = 0;
    for (unsigned i = 0; i + 1 < w.count; i++) {
        unsigned bit = i * w.bits + w.bits - 1;
        add[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
    for (int i = 0; i < 4; i++) {
        unsigned __int128 sum = (unsigned __int128)s->w[i] + add[i] + carry;
        s->w[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
}

static int32_t digit_at(const struct group_scalar *s, struct window w, unsigned i)
{
    unsigned bit = i * w.bits, word = bit / 64, shift = bit % 64;
    uint64_t v = s->w[word] >> shift;
    if (shift + w.bits > 64 && word < 3)
        v |= s->w[word + 1] << (64 - shift);
    int32_t digit = (int32_t)(v & ((UINT64_C(1) << w.bits) - 1));
    return i + 1 < w.count ? digit - (1 << (w.bits - 1)) : digit;
}

/* An empty bucket has Z = 0, which no point has. */
static bool empty(const struct group_point *bucket)
{
    const uint64_t *z = bucket->z.v;
    return (z[0] | z[1] | z[2] | z[3] | z[4]) == 0;
}

static void fill(struct group_point *bucket, const struct group_affine *p, bool minus)
{
    if (empty(bucket)) {
        group_of_affine(bucket, p);
        if (minus)
            group_neg(bucket, bucket);
    } else if (minus) {
        group_sub_affine(bucket, bucket, p);
    } else {
        group_add_affine(bucket, bucket, p);
    }
}

/* Σ_i i·bucket[i - 1] */
static void weigh(struct group_point *out, const struct group_point *buckets, size_t n)
{
    struct group_point running = group_identity, sum = group_identity;
    bool any = false;
    for (size_t i = n; i-- > 0;) {
        if (!empty(&buckets[i])) {
            group_add_to(&running, &buckets[i]);
            any = true;
        }
        if (any)
            group_add_to(&sum, &running);
    }
    *out = sum;
}

void group_sum_vartime(struct group_point *out, const struct group_terms *lists, size_t n_lists,
                       struct group_point *buckets, size_t n_buckets)
{
    size_t n = 0;
    unsigned at_most = 4;
    for (size_t l = 0; l < n_lists; l++)
        n += lists[l].n;
    while (at_most < 15 && (size_t)1 << at_most <= n_buckets)
        at_most++;
    struct window w = {.bits = bits_for(n, at_most)};
    w.count = 253 / w.bits + 1;
    size_t used = (size_t)1 << (w.bits - 1);
    for (size_t l = 0; l < n_lists; l++)
        for (size_t i = 0; i < lists[l].n; i++)
            bias(&lists[l].scalars[i], w);

    struct group_point sum = group_identity, part;
    for (unsigned i = w.count; i-- > 0;) {
        memset(buckets, 0, used * sizeof *buckets);
        for (size_t l = 0; l < n_lists; l++) {
            for (size_t k = 0; k < lists[l].n; k++) {
                int32_t digit = digit_at(&lists[l].scalars[k], w, i);
                if (digit > 0)
                    fill(&buckets[digit - 1], &lists[l].points[k], false);
                else if (digit < 0)
                    fill(&buckets[-digit - 1], &lists[l].points[k], true);
            }
        }
        weigh(&part, buckets, used);
        if (i + 1 < w.count)
            group_double_times(&sum, &sum, w.bits);
        group_add_to(&sum, &part);
    }
    *out = sum;
}
