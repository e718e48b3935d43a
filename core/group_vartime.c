/* Pippenger's buckets. A window of c bits has a bucket for each absolute value
 * 1..2^(c-1) of its digit; a bucket's points are added up, and the buckets then
 * weighted by running sums. */
#include "group_field.h"
#include "group_path.h"

/* What a sum of n terms costs with windows of c bits, in additions of affine points;
 * a bucket takes two of others, of which each costs a quarter more. */
static size_t cost(size_t n, unsigned c)
{
    struct group_windows w = group_windows_of(c);
    return w.count * (n + group_windows_buckets(w) * 5 / 2);
}

static unsigned bits_for(size_t n, unsigned at_most)
{
    unsigned best = GROUP_WINDOW_MIN;
    for (unsigned c = best + 1; c <= at_most; c++) {
        if (cost(n, c) < cost(n, best))
            best = c;
    }
    return best;
}

/* What lies above 2^251 is replaced by its negative, noted in the top bit, so
 * that windows that divide 252 need not be one more. */
static void halve(struct group_scalar *s)
{
    if (s->w[3] >> 59) {
        group_scalar_neg(s, s);
        s->w[3] |= UINT64_C(1) << 63;
    }
}

/* Add 2^(c-1) in every window but the last, so that a window's bits less
 * 2^(c-1) are its signed digit, without carries. The last window holds what is
 * above: at most 2^(c-1), as halved scalars are below 2^251 + 2^126 and the last
 * window begins at bit 252 - c or above. */
static void bias(struct group_scalar *s, const uint64_t add[static 4])
{
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
        unsigned __int128 sum = (unsigned __int128)s->w[i] + add[i] + carry;
        s->w[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
}

void group_windows_cut(const struct group_terms *lists, size_t n_lists, struct group_windows w)
{
    uint64_t add[4] = {0};
    for (unsigned i = 0; i + 1 < w.count; i++) {
        unsigned bit = i * w.bits + w.bits - 1;
        add[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
    for (size_t l = 0; l < n_lists; l++) {
        for (size_t i = 0; i < lists[l].n; i++) {
            halve(&lists[l].scalars[i]);
            bias(&lists[l].scalars[i], add);
        }
    }
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

static void fill_all(struct group_point *buckets, const struct group_terms *terms,
                     struct group_windows w, unsigned i)
{
    for (size_t k = 0; k < terms->n; k++) {
        const struct group_scalar *s = &terms->scalars[k];
        int32_t digit = group_digit_at(s, w, i);
        if (digit != 0)
            fill(&buckets[(digit < 0 ? -digit : digit) - 1], &terms->points[k],
                 (digit < 0) != group_minus(s));
    }
}

static size_t work_len_portable(size_t n)
{
    return group_windows_buckets(group_windows_of(bits_for(n, GROUP_WINDOW_MAX))) *
           sizeof(struct group_point);
}

static void sum_portable(struct group_point *out, const struct group_terms *lists, size_t n_lists,
                         void *work, size_t work_len)
{
    struct group_point *buckets = work;
    unsigned at_most = GROUP_WINDOW_MIN;
    while (at_most < GROUP_WINDOW_MAX && sizeof *buckets << at_most <= work_len)
        at_most++;
    struct group_windows w = group_windows_of(bits_for(group_terms_count(lists, n_lists), at_most));
    size_t used = group_windows_buckets(w);
    group_windows_cut(lists, n_lists, w);

    struct group_point sum = group_identity, part;
    for (unsigned i = w.count; i-- > 0;) {
        memset(buckets, 0, used * sizeof *buckets);
        for (size_t l = 0; l < n_lists; l++)
            fill_all(buckets, &lists[l], w, i);
        weigh(&part, buckets, used);
        if (i + 1 < w.count)
            group_double_times(&sum, &sum, w.bits);
        group_add_to(&sum, &part);
    }
    *out = sum;
}

static size_t decode_portable(struct group_affine *out, const uint8_t (*in)[32], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct group_point p;
        if (!group_decode(&p, in[i]))
            return i;
        group_affine_of(&out[i], &p);
    }
    return n;
}

static void products_portable(struct group_products *sum, const uint64_t *a, const uint64_t *b,
                              size_t stride, size_t n)
{
    for (size_t s = 0; s < n; s++) {
        struct group_factor fa, fb;
        for (size_t i = 0; i < 5; i++) {
            fa.v[i] = a[i * stride + s];
            fb.v[i] = b[i * stride + s];
        }
        group_products_add(sum, &fa, &fb);
    }
}

const struct group_path group_path_portable = {
    "portable", work_len_portable, sum_portable, decode_portable, products_portable, NULL, 0, 0};

/* Asked at every call: __builtin_cpu_supports reads what the program's start-up
 * code has found out from cpuid. */
const struct group_path *group_path_at(size_t i)
{
#ifdef GROUP_PATHS_X86
    if (__builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && i-- == 0)
        return &group_path_ifma;
    if (__builtin_cpu_supports("avx2") && i-- == 0)
        return &group_path_avx2;
#endif
    return i == 0 ? &group_path_portable : NULL;
}

size_t group_sum_work_len(size_t n)
{
    const struct group_path *path;
    size_t most = 0;
    for (size_t i = 0; (path = group_path_at(i)); i++) {
        size_t len = path->sum_work_len(n);
        most = len > most ? len : most;
    }
    return most;
}

void group_sum_vartime(struct group_point *out, const struct group_terms *lists, size_t n_lists,
                       void *work, size_t work_len)
{
    group_path_best()->sum(out, lists, n_lists, work, work_len);
}
