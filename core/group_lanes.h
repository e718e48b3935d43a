/* group_lanes.h - sums and decoding of points, a point in each lane of a vector.
 * Included by core/group_ifma.c and core/group_avx2.c, which bring
 *
 *   LANES, FN            how many; what stands before each function
 *   vec                  LANES words of 64 bits
 *   struct lanes         a field element in each lane
 *   lanes_of_words, lanes_to_words  from and to limbs of 51 bits (group_field.h)
 *   lanes_mul, lanes_square         operands as the next three and these leave them
 *   lanes_add, lanes_sub, lanes_add_twice, lanes_sub_twice
 *                        a + b, a - b, 2a + b, 2a - b, where b is tight
 *   lanes_tighten        bring limbs to where products leave them
 *   lanes_pick           a where the mask is set, else b
 *   gather_affine        y+x, y-x and 2dxy of the points that `from` names
 *   PATH_NAME            for messages
 *
 * A sum goes window by window. Terms are sorted by digit, so that a bucket's
 * points stand in a row; rows are cut into runs of bounded length, and runs of
 * about the same length go through the lanes together. A lane's points are read
 * where they lie: only their addresses move.
 */
#include "group_field.h"
#include "group_path.h"

struct lanes_point {
    struct lanes x, y, z, t;
};

/* A point's address, with its lowest bit set when the point is to be subtracted. */
typedef uint64_t term_ref;

/* LANES lanes a word, as they are stored. */
struct lanes_words {
    uint64_t w[5][LANES];
};

static const struct field two_d = {{UINT64_C(0x69b9426b2f159), UINT64_C(0x35050762add7a),
                                    UINT64_C(0x3cf44c0038052), UINT64_C(0x6738cc7407977),
                                    UINT64_C(0x2406d9dc56dff)}};
static const struct field minus_d = {{UINT64_C(0x4b235eca6874a), UINT64_C(0x657d7c4ea9142),
                                      UINT64_C(0x2185d9ffe3fd6), UINT64_C(0x0c6399c5fc344),
                                      UINT64_C(0x2dfc9311d4900)}};
static const struct field inverse_d = {{UINT64_C(0x0f276cdc9f843), UINT64_C(0x3084f2a85c4bc),
                                        UINT64_C(0x6e73d982d775a), UINT64_C(0x721958b108a66),
                                        UINT64_C(0x40907ed214d5c)}};
/* A term that changes nothing, for lanes whose run has ended. */
static const struct group_affine nothing = {{{1, 0, 0, 0, 0}}, {{1, 0, 0, 0, 0}}, {{0}}};

FN vec all_lanes(uint64_t v) { return (vec){0} + v; }
FN vec vec_load(const uint64_t *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
FN void vec_store(uint64_t *p, vec v) { memcpy(p, &v, sizeof v); }
FN vec vec_pick(vec mask, vec a, vec b) { return (a & mask) | (b & ~mask); }

FN void lanes_same(struct lanes *out, const struct field *a)
{
    vec w[5];
    for (int i = 0; i < 5; i++)
        w[i] = all_lanes(a->v[i]);
    lanes_of_words(out, w);
}

FN void lanes_store(struct lanes_words *out, const struct lanes *a)
{
    vec w[5];
    lanes_to_words(w, a);
    for (int i = 0; i < 5; i++)
        vec_store(out->w[i], w[i]);
}

FN void lanes_read(struct lanes *out, const struct lanes_words *in)
{
    vec w[5];
    for (int i = 0; i < 5; i++)
        w[i] = vec_load(in->w[i]);
    lanes_of_words(out, w);
}

/* --- points --- */

/* *p += the point that is ready but for zz, the product of both Z; by the formulas
 * of group.c. p->t is set only if asked for. */
FN void add_to(struct lanes_point *p, const struct lanes *sum, const struct lanes *difference,
               const struct lanes *zz, const struct lanes *t2d, bool with_t)
{
    struct lanes a, b, c, e, f, g, h;
    lanes_sub(&a, &p->y, &p->x);
    lanes_mul(&a, &a, difference);
    lanes_add(&b, &p->y, &p->x);
    lanes_mul(&b, &b, sum);
    lanes_mul(&c, &p->t, t2d);
    lanes_sub_twice(&f, zz, &c);
    lanes_add_twice(&g, zz, &c);
    lanes_sub(&e, &b, &a);
    lanes_add(&h, &b, &a);
    lanes_mul(&p->x, &f, &e);
    lanes_mul(&p->y, &g, &h);
    lanes_mul(&p->z, &f, &g);
    if (with_t)
        lanes_mul(&p->t, &h, &e);
}

/* *p += the affine point */
FN void add_affine(struct lanes_point *p, const struct lanes *sum, const struct lanes *difference,
                   const struct lanes *t2d)
{
    add_to(p, sum, difference, &p->z, t2d, true);
}

FN void add_point(struct lanes_point *p, const struct lanes_point *q)
{
    struct lanes a, b, c, d, e, f, g, h, k;
    lanes_sub(&a, &p->y, &p->x);
    lanes_sub(&k, &q->y, &q->x);
    lanes_mul(&a, &a, &k);
    lanes_add(&b, &p->y, &p->x);
    lanes_add(&k, &q->y, &q->x);
    lanes_mul(&b, &b, &k);
    lanes_same(&k, &two_d);
    lanes_mul(&c, &p->t, &q->t);
    lanes_mul(&c, &c, &k);
    lanes_mul(&d, &p->z, &q->z);
    lanes_sub_twice(&f, &d, &c);
    lanes_add_twice(&g, &d, &c);
    lanes_sub(&e, &b, &a);
    lanes_add(&h, &b, &a);
    lanes_mul(&p->x, &f, &e);
    lanes_mul(&p->y, &g, &h);
    lanes_mul(&p->z, &f, &g);
    lanes_mul(&p->t, &h, &e);
}

/* As group_of_affine. */
FN void of_affine(struct lanes_point *p, const struct lanes *sum, const struct lanes *difference,
                  const struct lanes *t2d)
{
    static const struct field two = {{2}};
    struct lanes k;
    lanes_sub(&p->x, sum, difference);
    lanes_tighten(&p->x);
    lanes_add(&p->y, sum, difference);
    lanes_tighten(&p->y);
    lanes_same(&p->z, &two);
    lanes_same(&k, &inverse_d);
    lanes_mul(&p->t, &k, t2d);
}

/* Point i of a row from each of LANES rows that are `apart`. */
FN void read_points(struct lanes_point *out, const struct group_point *from, size_t apart)
{
    struct lanes_words x, y, z, t;
    for (size_t l = 0; l < LANES; l++) {
        const struct group_point *p = from + l * apart;
        for (int i = 0; i < 5; i++) {
            x.w[i][l] = p->x.v[i];
            y.w[i][l] = p->y.v[i];
            z.w[i][l] = p->z.v[i];
            t.w[i][l] = p->t.v[i];
        }
    }
    lanes_read(&out->x, &x);
    lanes_read(&out->y, &y);
    lanes_read(&out->z, &z);
    lanes_read(&out->t, &t);
}

FN void write_points(struct group_point out[static LANES], const struct lanes_point *p)
{
    struct lanes_words x, y, z, t;
    lanes_store(&x, &p->x);
    lanes_store(&y, &p->y);
    lanes_store(&z, &p->z);
    lanes_store(&t, &p->t);
    for (size_t l = 0; l < LANES; l++) {
        for (int i = 0; i < 5; i++) {
            out[l].x.v[i] = x.w[i][l];
            out[l].y.v[i] = y.w[i][l];
            out[l].z.v[i] = z.w[i][l];
            out[l].t.v[i] = t.w[i][l];
        }
    }
}

/* --- sums --- */

struct run {
    uint32_t bucket, first, len;
};

struct lanes_sum {
    struct group_windows w;
    size_t n, n_buckets, n_runs, run_max;
    const struct group_terms *lists;
    size_t n_lists;
    struct group_point *buckets;
    term_ref *order;     /* n, by bucket */
    struct run *runs;    /* n_buckets + n / RUN_MIN, longest first */
    uint32_t *ends;      /* n_buckets + 1: where a bucket's row begins, then ends */
    uint32_t *by_length; /* run_max + 2 */
    int16_t *digits;     /* n */
};
#define RUN_MIN 32
#define RUN_MAX 1024

/* Lay the sum out in `work`, whose length is returned; NULL only measures. */
static size_t lay_out_sum(struct lanes_sum *s, size_t n, unsigned bits, uint8_t *work)
{
    size_t len = 0;
    s->w = group_windows_of(bits);
    s->n = n;
    s->n_buckets = group_windows_buckets(s->w);
    s->run_max = RUN_MIN + 2 * n / s->n_buckets;
    if (s->run_max > RUN_MAX)
        s->run_max = RUN_MAX;
#define TAKE(field, count)                                                                         \
    do {                                                                                           \
        s->field = work ? (void *)(work + len) : NULL;                                             \
        len += ((count) * sizeof *s->field + 7) & ~(size_t)7;                                      \
    } while (0)
    TAKE(buckets, s->n_buckets);
    TAKE(order, n);
    TAKE(runs, s->n_buckets + n / RUN_MIN + 1);
    TAKE(ends, s->n_buckets + 1);
    TAKE(by_length, s->run_max + 2);
    TAKE(digits, n);
#undef TAKE
    return len;
}

/* In additions of one lane: a bucket is read, weighed and added twice. */
static size_t lanes_cost(size_t n, unsigned bits)
{
    struct group_windows w = group_windows_of(bits);
    return w.count * (n + group_windows_buckets(w) * 5 / 2 + 40 * LANES);
}

static unsigned lanes_bits(size_t n, size_t work_len)
{
    struct lanes_sum s;
    unsigned best = 0;
    for (unsigned bits = GROUP_WINDOW_MIN; bits <= GROUP_WINDOW_MAX; bits++) {
        if (lay_out_sum(&s, n, bits, NULL) > work_len)
            break;
        if (best == 0 || lanes_cost(n, bits) < lanes_cost(n, best))
            best = bits;
    }
    return best;
}

static size_t lanes_sum_work_len(size_t n)
{
    struct lanes_sum s;
    return lay_out_sum(&s, n, lanes_bits(n, SIZE_MAX), NULL);
}

static uint32_t magnitude(int32_t digit) { return (uint32_t)(digit < 0 ? -digit : digit); }

/* Sort the terms by the bucket of their digit in `window`; zero digits fall away. */
static void sort_terms(struct lanes_sum *s, unsigned window)
{
    int16_t *digit = s->digits;
    memset(s->ends, 0, (s->n_buckets + 1) * sizeof *s->ends);
    for (size_t l = 0; l < s->n_lists; l++) {
        for (size_t k = 0; k < s->lists[l].n; k++, digit++) {
            int32_t d = group_digit_at(&s->lists[l].scalars[k], s->w, window);
            *digit = (int16_t)d;
            s->ends[magnitude(d)]++;
        }
    }
    /* ends[d] of digit d becomes where its row begins, and then where it ends */
    uint32_t at = 0;
    for (size_t d = 1; d <= s->n_buckets; d++) {
        uint32_t count = s->ends[d];
        s->ends[d] = at;
        at += count;
    }
    digit = s->digits;
    for (size_t l = 0; l < s->n_lists; l++) {
        for (size_t k = 0; k < s->lists[l].n; k++, digit++) {
            if (*digit == 0)
                continue;
            uint64_t minus = (*digit < 0) != group_minus(&s->lists[l].scalars[k]);
            s->order[s->ends[magnitude(*digit)]++] =
                (uint64_t)(uintptr_t)&s->lists[l].points[k] | minus;
        }
    }
}

static size_t run_len(const struct lanes_sum *s, uint32_t left)
{
    return left < s->run_max ? left : s->run_max;
}

/* Cut the rows into runs, and sort these by length. */
static void sort_runs(struct lanes_sum *s)
{
    uint32_t *at = s->by_length, total = 0;
    memset(at, 0, (s->run_max + 2) * sizeof *at);
    for (size_t d = 1; d <= s->n_buckets; d++) {
        uint32_t left = s->ends[d] - (d > 1 ? s->ends[d - 1] : 0);
        for (; left > 0; left -= (uint32_t)run_len(s, left))
            at[run_len(s, left)]++;
    }
    for (size_t len = s->run_max + 1; len-- > 0;) {
        uint32_t count = at[len];
        at[len] = total;
        total += count;
    }
    s->n_runs = total;
    for (size_t d = 1; d <= s->n_buckets; d++) {
        uint32_t first = d > 1 ? s->ends[d - 1] : 0;
        while (first < s->ends[d]) {
            uint32_t len = (uint32_t)run_len(s, s->ends[d] - first);
            s->runs[at[len]++] = (struct run){(uint32_t)d - 1, first, len};
            first += len;
        }
    }
}

/* Add up `n` runs, at most one a lane, of which the first is the longest. */
FN void add_runs(const struct lanes_sum *s, const struct run *runs, size_t n,
                 struct group_point sums[static LANES])
{
    term_ref refs[LANES];
    struct lanes_point p;
    struct lanes sum, difference, t2d;
    for (size_t l = 0; l < LANES; l++)
        refs[l] = l < n ? s->order[runs[l].first] : (uint64_t)(uintptr_t)&nothing;
    gather_affine(&sum, &difference, &t2d, refs);
    of_affine(&p, &sum, &difference, &t2d);
    for (uint32_t i = 1; i < runs[0].len; i++) {
        for (size_t l = 0; l < LANES; l++) {
            bool more = l < n && i < runs[l].len;
            refs[l] = more ? s->order[runs[l].first + i] : (uint64_t)(uintptr_t)&nothing;
        }
        gather_affine(&sum, &difference, &t2d, refs);
        add_affine(&p, &sum, &difference, &t2d);
    }
    write_points(sums, &p);
}

/* Runs of one bucket come in the order of its row, as all but its last are of the
 * greatest length. */
FN_OUT void fill_buckets(struct lanes_sum *s)
{
    struct group_point sums[LANES];
    for (size_t b = 0; b < s->n_buckets; b++)
        s->buckets[b] = group_identity;
    for (size_t r = 0; r < s->n_runs; r += LANES) {
        size_t n = s->n_runs - r < LANES ? s->n_runs - r : LANES;
        add_runs(s, s->runs + r, n, sums);
        for (size_t l = 0; l < n; l++) {
            const struct run *run = &s->runs[r + l];
            if (run->first == (run->bucket ? s->ends[run->bucket] : 0))
                s->buckets[run->bucket] = sums[l];
            else
                group_add_to(&s->buckets[run->bucket], &sums[l]);
        }
    }
}

/* Σ_i i·bucket[i - 1], from the lanes' shares: with m buckets a lane, lane l has
 * running[l] = Σ_i bucket[lm + i] and sums[l] = Σ_i (i + 1)·bucket[lm + i], and
 * the whole is Σ_l sums[l] + m·Σ_l l·running[l]. */
static void join_lanes(struct group_point *out, const struct group_point *running,
                       const struct group_point *sums, size_t m)
{
    struct group_point above = group_identity, weighed = group_identity;
    for (size_t l = LANES; l-- > 1;) {
        group_add_to(&above, &running[l]);
        group_add_to(&weighed, &above);
    }
    for (; m > 1; m /= 2)
        group_double(&weighed, &weighed);
    for (size_t l = 0; l < LANES; l++)
        group_add_to(&weighed, &sums[l]);
    *out = weighed;
}

FN_OUT void weigh_buckets(const struct lanes_sum *s, struct group_point *out)
{
    struct group_point running[LANES], sums[LANES];
    struct lanes_point run, sum, bucket;
    size_t m = s->n_buckets / LANES;
    read_points(&run, s->buckets + m - 1, m);
    sum = run;
    for (size_t i = m - 1; i-- > 0;) {
        read_points(&bucket, s->buckets + i, m);
        add_point(&run, &bucket);
        add_point(&sum, &run);
    }
    write_points(running, &run);
    write_points(sums, &sum);
    join_lanes(out, running, sums, m);
}

static void lanes_sum(struct group_point *out, const struct group_terms *lists, size_t n_lists,
                      void *work, size_t work_len)
{
    struct lanes_sum s = {.lists = lists, .n_lists = n_lists};
    size_t n = group_terms_count(lists, n_lists);
    unsigned bits = lanes_bits(n, work_len);
    if (bits == 0) {
        group_path_portable.sum(out, lists, n_lists, work, work_len);
        return;
    }
    lay_out_sum(&s, n, bits, work);
    group_windows_cut(lists, n_lists, s.w);
    struct group_point sum = group_identity, part;
    for (unsigned i = s.w.count; i-- > 0;) {
        if (i + 1 < s.w.count)
            group_double_times(&sum, &sum, s.w.bits);
        sort_terms(&s, i);
        sort_runs(&s);
        if (s.n_runs == 0)
            continue;
        fill_buckets(&s);
        weigh_buckets(&s, &part);
        group_add_to(&sum, &part);
    }
    *out = sum;
}

/* --- decoding: group_decode and field_sqrt_ratio of 1 and v, in each lane --- */

FN void carry_words(vec w[static 5])
{
    vec carry = {0};
    for (int i = 0; i < 5; i++) {
        w[i] += carry;
        carry = w[i] >> 51;
        w[i] &= FIELD_MASK;
    }
    w[0] += (carry << 4) + (carry << 1) + carry;
}

/* As group_field.c's canonical. */
FN void canonical_words(vec w[static 5], const struct lanes *a)
{
    lanes_to_words(w, a);
    carry_words(w);
    carry_words(w);
    vec carry = all_lanes(19);
    for (int i = 0; i < 5; i++)
        carry = (carry + w[i]) >> 51;
    carry = (carry << 4) + (carry << 1) + carry;
    for (int i = 0; i < 5; i++) {
        w[i] += carry;
        carry = w[i] >> 51;
        w[i] &= FIELD_MASK;
    }
}

FN vec negative_lanes(const struct lanes *a)
{
    vec w[5];
    canonical_words(w, a);
    return all_lanes(0) - (w[0] & 1);
}

/* Lanes that equal `is`, given in canonical words. */
FN vec equal_lanes(const struct lanes *a, const struct field *is)
{
    vec w[5], differ = {0};
    canonical_words(w, a);
    for (int i = 0; i < 5; i++)
        differ |= w[i] ^ is->v[i];
    return (vec)(differ == 0);
}

FN void negate_where(struct lanes *a, vec mask)
{
    static const struct field none = {{0}};
    struct lanes zero, minus;
    lanes_same(&zero, &none);
    lanes_sub(&minus, &zero, a);
    lanes_pick(a, mask, &minus, a);
}

FN void square_times(struct lanes *out, const struct lanes *a, int n)
{
    lanes_square(out, a);
    while (--n > 0)
        lanes_square(out, out);
}

/* a^(2^252 - 3) */
FN_OUT void power_252_3(struct lanes *out, const struct lanes *a)
{
    struct lanes a9, a11, ones5, ones10, ones20, ones50, t;
    square_times(&t, a, 3);
    lanes_mul(&a9, &t, a);
    lanes_square(&t, a);
    lanes_mul(&a11, &a9, &t);
    lanes_square(&t, &a11);
    lanes_mul(&ones5, &t, &a9);
    square_times(&t, &ones5, 5);
    lanes_mul(&ones10, &t, &ones5);
    square_times(&t, &ones10, 10);
    lanes_mul(&ones20, &t, &ones10);
    square_times(&t, &ones20, 20);
    lanes_mul(&t, &t, &ones20);
    square_times(&t, &t, 10);
    lanes_mul(&ones50, &t, &ones10);
    square_times(&t, &ones50, 50);
    lanes_mul(&ones10, &t, &ones50);
    square_times(&t, &ones10, 100);
    lanes_mul(&t, &t, &ones10);
    square_times(&t, &t, 50);
    lanes_mul(&t, &t, &ones50);
    square_times(&t, &t, 2);
    lanes_mul(out, &t, a);
}

/* out = 1/sqrt(v), or what field_sqrt_ratio gives; the mask names the squares. */
FN vec inverse_roots(struct lanes *out, const struct lanes *v)
{
    static const struct field one = {{1}};
    static const struct field minus_one = {
        {FIELD_MASK - 19, FIELD_MASK, FIELD_MASK, FIELD_MASK, FIELD_MASK}};
    struct lanes v3, v7, t, r, check, k;
    lanes_square(&t, v);
    lanes_mul(&v3, &t, v);
    lanes_square(&t, &v3);
    lanes_mul(&v7, &t, v);
    power_252_3(&t, &v7);
    lanes_mul(&r, &v3, &t);
    lanes_square(&t, &r);
    lanes_mul(&check, v, &t);
    vec right = equal_lanes(&check, &one), flipped = equal_lanes(&check, &minus_one);
    /* check = -i when it is neither, whose root of -1 is turned all the same */
    lanes_same(&k, &field_sqrt_m1);
    lanes_mul(&t, &check, &k);
    vec flipped_i = equal_lanes(&t, &one);
    lanes_mul(&t, &r, &k);
    lanes_pick(out, flipped | flipped_i, &t, &r);
    negate_where(out, negative_lanes(out));
    return right | flipped;
}

struct lanes_affine {
    struct lanes_words sum, difference, t2d;
};

/* The affine forms of the encodings' s; the mask names those that are elements,
 * provided that s is canonical and not negative. */
FN vec decode_lanes(struct lanes_affine *out, const struct lanes_words *in)
{
    static const struct field one = {{1}}, zero = {{0}};
    struct lanes s, ss, u1, u2, u2_sq, v, root, den, x, y, t, k;
    lanes_read(&s, in);
    lanes_square(&ss, &s);
    lanes_same(&k, &one);
    lanes_sub(&u1, &k, &ss);
    lanes_add(&u2, &k, &ss);
    lanes_square(&u2_sq, &u2);
    lanes_square(&v, &u1);
    lanes_same(&k, &minus_d);
    lanes_mul(&v, &v, &k);
    lanes_sub(&v, &v, &u2_sq);
    lanes_mul(&t, &v, &u2_sq);
    vec good = inverse_roots(&root, &t);
    lanes_mul(&den, &u2, &root);
    lanes_mul(&x, &s, &den);
    lanes_same(&k, &(const struct field){{2}});
    lanes_mul(&x, &x, &k);
    negate_where(&x, negative_lanes(&x));
    lanes_mul(&t, &root, &den);
    lanes_mul(&t, &v, &t);
    lanes_mul(&y, &u1, &t);
    lanes_tighten(&x);
    lanes_mul(&t, &x, &y);
    good &= ~negative_lanes(&t) & ~equal_lanes(&y, &zero);
    lanes_same(&k, &two_d);
    lanes_mul(&t, &t, &k);
    lanes_store(&out->t2d, &t);
    lanes_add(&u1, &y, &x);
    lanes_tighten(&u1);
    lanes_store(&out->sum, &u1);
    lanes_sub(&u1, &y, &x);
    lanes_tighten(&u1);
    lanes_store(&out->difference, &u1);
    return good;
}

static bool canonical_root(struct field *s, const uint8_t in[static 32])
{
    uint8_t again[32];
    field_from_bytes(s, in);
    field_to_bytes(again, s);
    return (in[0] & 1) == 0 && memcmp(again, in, 32) == 0;
}

FN_OUT void decode_group(struct lanes_affine *out, const struct lanes_words *in,
                         uint64_t good[static LANES])
{
    vec_store(good, decode_lanes(out, in));
}

static size_t lanes_decode(struct group_affine *out, const uint8_t (*in)[32], size_t n)
{
    for (size_t at = 0; at < n; at += LANES) {
        struct lanes_words s = {{{0}}};
        struct lanes_affine affine;
        bool canonical[LANES];
        uint64_t good[LANES];
        size_t count = n - at < LANES ? n - at : LANES;
        for (size_t l = 0; l < count; l++) {
            struct field root;
            canonical[l] = canonical_root(&root, in[at + l]);
            for (int i = 0; i < 5; i++)
                s.w[i][l] = root.v[i];
        }
        decode_group(&affine, &s, good);
        for (size_t l = 0; l < count; l++) {
            if (!canonical[l] || !good[l])
                return at + l;
            for (int i = 0; i < 5; i++) {
                out[at + l].sum.v[i] = affine.sum.w[i][l];
                out[at + l].difference.v[i] = affine.difference.w[i][l];
                out[at + l].t2d.v[i] = affine.t2d.w[i][l];
            }
        }
    }
    return n;
}
