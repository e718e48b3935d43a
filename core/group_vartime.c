/* Pippenger's buckets. A window of c bits has a bucket for each absolute value
 * 1..2^(c-1) of its digit; a bucket's points are added up, and the buckets then
 * weighted by running sums. Terms are sorted by bucket and sign first: then one
 * row after the other is added up, with the sum in reach, the next point on its way
 * from memory, and no branches that nobody can foretell. */
#include "group_field.h"
#include "group_path.h"

/* How a sum is laid out. Where every point has an upper one, digit i of a scalar's
 * lower half and digit i of its upper half are dealt with in one step. */
struct plan {
    const struct group_terms *lists;
    size_t n_lists, n, n_buckets;
    unsigned halves, steps;
    struct group_windows w;
    struct group_point *buckets;
    const struct group_affine **order; /* by row, and two more */
    uint32_t *ends;                    /* of row 2d + 1 for digits d, row 2d for digits -d */
    uint16_t *rows;                    /* each term's */
};

/* Lay a sum out in `work`, whose length is returned; NULL only measures. */
static size_t lay_out(struct plan *p, size_t n, unsigned halves, unsigned bits, uint8_t *work)
{
    size_t len = 0;
    p->n = n;
    p->w = group_windows_of(bits);
    p->n_buckets = group_windows_buckets(p->w);
    p->halves = halves;
    p->steps = p->w.count / halves;
#define TAKE(field, count)                                                                         \
    do {                                                                                           \
        p->field = work ? (void *)(work + len) : NULL;                                             \
        len += ((count) * sizeof *p->field + 7) & ~(size_t)7;                                      \
    } while (0)
    TAKE(buckets, p->n_buckets);
    TAKE(order, halves * n + 2); /* NOLINT(bugprone-sizeof-expression): it holds pointers */
    TAKE(ends, 2 * (p->n_buckets + 1));
    TAKE(rows, halves * n);
#undef TAKE
    return len;
}

/* What a sum takes, in additions. */
static size_t cost(const struct plan *p)
{
    return p->steps * (p->halves * p->n + 2 * p->n_buckets);
}

/* The best windows that fit in the memory, or 0. */
static unsigned bits_for(size_t n, unsigned halves, size_t work_len)
{
    struct plan p;
    unsigned best = 0;
    size_t least = SIZE_MAX;
    for (unsigned c = GROUP_WINDOW_MIN; c <= GROUP_WINDOW_MAX; c++) {
        bool parts = halves == 1 || GROUP_UPPER % c == 0;
        if (parts && lay_out(&p, n, halves, c, NULL) <= work_len && cost(&p) < least) {
            best = c;
            least = cost(&p);
        }
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

static uint16_t row_of(const struct group_scalar *s, struct group_windows w, unsigned window)
{
    int32_t digit = group_digit_at(s, w, window);
    int32_t magnitude = digit < 0 ? -digit : digit;
    return (uint16_t)(2 * magnitude + ((digit < 0) == group_minus(s)));
}

/* Sort a step's terms into rows; rows 0 and 1, of the digit 0, are never read. */
static void sort_terms(struct plan *p, unsigned step)
{
    size_t n_rows = 2 * (p->n_buckets + 1);
    uint16_t *row = p->rows;
    memset(p->ends, 0, n_rows * sizeof *p->ends);
    for (size_t l = 0; l < p->n_lists; l++) {
        for (unsigned half = 0; half < p->halves; half++) {
            unsigned window = step + half * p->steps;
            for (size_t k = 0; k < p->lists[l].n; k++, row++) {
                *row = row_of(&p->lists[l].scalars[k], p->w, window);
                p->ends[*row]++;
            }
        }
    }
    uint32_t at = 0;
    for (size_t i = 0; i < n_rows; i++) {
        uint32_t count = p->ends[i];
        p->ends[i] = at;
        at += count;
    }
    row = p->rows;
    for (size_t l = 0; l < p->n_lists; l++) {
        for (unsigned half = 0; half < p->halves; half++) {
            const struct group_affine *points = half ? p->lists[l].upper : p->lists[l].points;
            for (size_t k = 0; k < p->lists[l].n; k++, row++)
                p->order[p->ends[*row]++] = &points[k];
        }
    }
    p->order[at] = p->order[at + 1] = at > 0 ? p->order[0] : NULL;
}

/* Have the point after next brought nearer. */
static inline void fetch(const struct group_affine *const *at)
{
    __builtin_prefetch(&at[2]->sum);
    __builtin_prefetch(&at[2]->difference.v[3]);
}

/* The sum of one bucket's two rows, of which one at least has points. */
static void add_rows(struct group_point *out, const struct group_affine *const *at,
                     const struct group_affine *const *minus_end,
                     const struct group_affine *const *plus_end)
{
    struct group_point sum;
    bool minus = at < minus_end;
    group_of_affine(&sum, *at++);
    for (; at < minus_end; at++) {
        fetch(at);
        group_add_affine(&sum, &sum, *at);
    }
    if (minus)
        group_neg(&sum, &sum);
    for (; at < plus_end; at++) {
        fetch(at);
        group_add_affine(&sum, &sum, *at);
    }
    *out = sum;
}

static void fill_buckets(struct plan *p)
{
    for (size_t d = 1; d <= p->n_buckets; d++) {
        uint32_t first = p->ends[2 * d - 1], minus_end = p->ends[2 * d], end = p->ends[2 * d + 1];
        if (first == end)
            memset(&p->buckets[d - 1], 0, sizeof *p->buckets);
        else
            add_rows(&p->buckets[d - 1], p->order + first, p->order + minus_end, p->order + end);
    }
}

static size_t work_len_portable(size_t n)
{
    struct plan p;
    size_t whole = lay_out(&p, n, 1, bits_for(n, 1, SIZE_MAX), NULL);
    size_t halved = lay_out(&p, n, 2, bits_for(n, 2, SIZE_MAX), NULL);
    return whole > halved ? whole : halved;
}

static void make_plan(struct plan *p, void *work, size_t work_len)
{
    size_t n = group_terms_count(p->lists, p->n_lists);
    unsigned halves = 2, bits = 0;
    for (size_t l = 0; l < p->n_lists; l++)
        if (p->lists[l].n > 0 && !p->lists[l].upper)
            halves = 1;
    if (halves == 2)
        bits = bits_for(n, 2, work_len);
    if (bits == 0) {
        halves = 1;
        bits = bits_for(n, 1, work_len);
    }
    lay_out(p, n, halves, bits, work);
}

static void sum_portable(struct group_point *out, const struct group_terms *lists, size_t n_lists,
                         void *work, size_t work_len)
{
    struct plan p = {.lists = lists, .n_lists = n_lists};
    make_plan(&p, work, work_len);
    group_windows_cut(lists, n_lists, p.w);

    struct group_point sum = group_identity, part;
    for (unsigned i = p.steps; i-- > 0;) {
        sort_terms(&p, i);
        fill_buckets(&p);
        weigh(&part, p.buckets, p.n_buckets);
        if (i + 1 < p.steps)
            group_double_times(&sum, &sum, p.w.bits);
        group_add_to(&sum, &part);
    }
    *out = sum;
}

#define UPPER_AT_A_TIME 32

void group_upper_of_many(struct group_affine *out, const struct group_affine *p, size_t n)
{
    struct group_point points[UPPER_AT_A_TIME];
    for (size_t first = 0; first < n; first += UPPER_AT_A_TIME) {
        size_t count = n - first < UPPER_AT_A_TIME ? n - first : UPPER_AT_A_TIME;
        for (size_t i = 0; i < count; i++) {
            group_of_affine(&points[i], &p[first + i]);
            group_double_times(&points[i], &points[i], GROUP_UPPER);
        }
        group_affine_of_many(out + first, points, count);
    }
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
