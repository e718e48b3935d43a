/* Each way of computing sums that this processor can go, operation by operation,
 * against libsodium and the portable one. */
#include "../../core/group_path.h"
#include "../test.h"

#include <sodium.h>

#define TERMS_MAX 3000

/* The path of that name; skips the test when the processor does not have it. */
static const struct group_path *path_named(const char *name)
{
    const struct group_path *path;
    for (size_t i = 0; (path = group_path_at(i)); i++) {
        if (strcmp(path->name, name) == 0)
            return path;
    }
    test_skip("this processor has no %s", name);
    return NULL;
}

static void random_point(uint64_t *seed, uint8_t out[static 32])
{
    uint8_t wide[64];
    test_random(seed, wide, sizeof wide);
    crypto_core_ristretto255_from_hash(out, wide);
    if (wide[0] % 16 == 0)
        memset(out, 0, 32);
}

/* Mostly random; now and then within a few of 0, l, 2^251 or a power of two. */
static void random_scalar(uint64_t *seed, uint8_t out[static 32])
{
    uint8_t wide[64] = {0}, small[32] = {0};
    uint64_t r = test_random_u64(seed);
    if (r % 4) {
        test_random(seed, wide, sizeof wide);
    } else {
        unsigned bit = r % 16 == 0 ? 251 : (unsigned)(r >> 8) % 253;
        wide[bit / 8] = (uint8_t)(r % 8 ? 1u << bit % 8 : 0);
    }
    crypto_core_ristretto255_scalar_reduce(out, wide);
    small[0] = (uint8_t)(r >> 16) % 3;
    if (r >> 24 & 1)
        crypto_core_ristretto255_scalar_add(out, out, small);
    else
        crypto_core_ristretto255_scalar_sub(out, out, small);
}

/* A sum's terms, and what libsodium makes of them. */
static struct {
    struct group_scalar scalars[TERMS_MAX], spent[TERMS_MAX];
    struct group_affine points[TERMS_MAX], upper[TERMS_MAX];
    uint64_t work[1 << 17];
    uint8_t want[32];
    size_t n;
} sum;

static void product_of(uint8_t out[static 32], const uint8_t scalar[static 32],
                       const uint8_t point[static 32])
{
    int identity = crypto_scalarmult_ristretto255(out, scalar, point);
    CHECK(identity == 0 || sodium_is_zero(out, 32));
}

static void add_known_term(const uint8_t scalar[static 32], const uint8_t point[static 32],
                           const uint8_t product[static 32])
{
    if (sum.n == 0)
        memcpy(sum.want, product, 32);
    else
        CHECK(crypto_core_ristretto255_add(sum.want, sum.want, product) == 0);
    group_scalar_load(&sum.scalars[sum.n], scalar);
    CHECK(group_path_portable.decode(&sum.points[sum.n], (const uint8_t(*)[32])point, 1) == 1);
    group_upper_of_many(&sum.upper[sum.n], &sum.points[sum.n], 1);
    sum.n++;
}

static void add_term(const uint8_t scalar[static 32], const uint8_t point[static 32])
{
    uint8_t product[32];
    product_of(product, scalar, point);
    add_known_term(scalar, point, product);
}

static void check_sum_with(const struct group_path *path, const struct group_affine *upper,
                           size_t work_len, const char *what)
{
    struct group_point got;
    uint8_t bytes[32];
    size_t n = sum.n, k = n / 3;
    REQUIRE(work_len <= sizeof sum.work);
    memcpy(sum.spent, sum.scalars, n * sizeof *sum.scalars);
    struct group_terms lists[3] = {{sum.spent, sum.points, k, upper},
                                   {sum.spent + k, sum.points + k, 0, NULL},
                                   {sum.spent + k, sum.points + k, n - k, upper}};
    if (upper)
        lists[2].upper = upper + k;
    path->sum(&got, lists, 3, sum.work, work_len);
    group_encode(bytes, &got);
    if (memcmp(bytes, sum.want, 32) != 0)
        test_failed(__FILE__, __LINE__, "%s: a sum of %zu %s%s", path->name, n, what,
                    upper ? " with upper ones" : "");
}

static void check_sum(const struct group_path *path, size_t work_len, const char *what)
{
    check_sum_with(path, NULL, work_len, what);
    check_sum_with(path, sum.upper, work_len, what);
}

/* s·P, P + Q, P - Q, P - P, 2P */
static void check_small_sums(const struct group_path *path)
{
    uint64_t seed = 1;
    uint8_t p[32], q[32], s[32], one[32] = {1}, minus_one[32];
    crypto_core_ristretto255_scalar_negate(minus_one, one);
    for (int round = 0; round < (test_quick() ? 10 : 100); round++) {
        random_point(&seed, p);
        random_point(&seed, q);
        random_scalar(&seed, s);
        sum.n = 0;
        add_term(s, p);
        check_sum(path, path->sum_work_len(1), "term");
        for (int kind = 0; kind < 4; kind++) {
            sum.n = 0;
            add_term(one, p);
            add_term(kind % 2 ? minus_one : one, kind / 2 ? p : q);
            check_sum(path, path->sum_work_len(2), "terms");
        }
    }
}

/* Of all sizes up to a few, and of some that take wider windows, in all the memory
 * that they can use and in less. */
static void check_large_sums(const struct group_path *path)
{
    uint64_t seed = 2;
    uint8_t p[32], s[32];
    for (size_t n = 0; n <= 700; n += n < 20 ? 1 : test_quick() ? 680 : 170) {
        sum.n = 0;
        memset(sum.want, 0, 32);
        for (size_t i = 0; i < n; i++) {
            random_point(&seed, p);
            random_scalar(&seed, s);
            add_term(s, p);
        }
        check_sum(path, path->sum_work_len(n), "terms");
        for (size_t len = GROUP_SUM_WORK_MIN(n); len < path->sum_work_len(n); len *= 4)
            check_sum(path, len, "terms in little memory");
    }
}

/* Many equal digits make rows that are cut into runs; equal and opposite points
 * meet in one bucket. */
static void check_uneven_sums(const struct group_path *path)
{
    uint64_t seed = 3;
    uint8_t p[2][32], s[3][32] = {{3}, {3, 1}, {0}}, product[3][2][32];
    random_point(&seed, p[0]);
    random_point(&seed, p[1]);
    crypto_core_ristretto255_scalar_negate(s[2], s[0]);
    for (int i = 0; i < 6; i++)
        product_of(product[i / 2][i % 2], s[i / 2], p[i % 2]);
    for (size_t n = 100; n <= TERMS_MAX; n += test_quick() ? 2900 : 1450) {
        sum.n = 0;
        for (size_t i = 0; i < n; i++) {
            int scalar = i % 7 == 0 ? 1 : i % 97 == 0 ? 2 : 0, point = i % 3 == 0;
            add_known_term(s[scalar], p[point], product[scalar][point]);
        }
        check_sum(path, path->sum_work_len(n), "terms of few kinds");
    }
}

/* 2^126·P, by doublings that libsodium makes. */
static void check_upper(void)
{
    static struct group_affine points[40], upper[40];
    static uint8_t bytes[40][32];
    uint64_t seed = 6;
    for (size_t i = 0; i < DEMUR_COUNT(bytes); i++)
        random_point(&seed, bytes[i]);
    CHECK(group_path_portable.decode(points, (const uint8_t(*)[32])bytes, DEMUR_COUNT(bytes)) ==
          DEMUR_COUNT(bytes));
    group_upper_of_many(upper, points, DEMUR_COUNT(points));
    for (size_t i = 0; i < DEMUR_COUNT(bytes); i++) {
        uint8_t got[32];
        struct group_point p;
        for (int k = 0; k < GROUP_UPPER; k++)
            CHECK(crypto_core_ristretto255_add(bytes[i], bytes[i], bytes[i]) == 0);
        group_of_affine(&p, &upper[i]);
        group_encode(got, &p);
        CHECK_SPAN(span_of(got, 32), span_of(bytes[i], 32));
    }
}

/* Points, strings that are none, and points spoilt in one bit, in rows of every
 * length. */
static void check_decoding(const struct group_path *path)
{
    static uint8_t in[40][32];
    static struct group_affine got[40], want[40];
    uint64_t seed = 4;
    size_t refused = 0;
    for (int round = 0; round < (test_quick() ? 40 : 600); round++) {
        size_t n = (size_t)round % (DEMUR_COUNT(in) + 1);
        uint64_t r = test_random_u64(&seed);
        for (size_t i = 0; i < n; i++)
            random_point(&seed, in[i]);
        if (n > 0 && r % 2) {
            size_t at = r / 2 % n, bit = r / 128 % 256;
            in[at][bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (r % 8 == 1)
                test_random(&seed, in[at], 32);
            if (r % 8 == 3)
                memset(in[at], 0xff, 32);
        }
        size_t good = path->decode(got, (const uint8_t(*)[32])in, n);
        CHECK(good == group_path_portable.decode(want, (const uint8_t(*)[32])in, n));
        refused += good < n;
        if (good < n)
            CHECK(in[good][31] & 0x80 || !crypto_core_ristretto255_is_valid_point(in[good]));
        for (size_t i = 0; i < good; i++) {
            struct group_point p;
            uint8_t bytes[32];
            group_of_affine(&p, &got[i]);
            group_encode(bytes, &p);
            CHECK_SPAN(span_of(bytes, 32), span_of(in[i], 32));
            group_add_affine(&p, &group_identity, &got[i]);
            group_encode(bytes, &p);
            CHECK_SPAN(span_of(bytes, 32), span_of(in[i], 32));
        }
    }
    CHECK(refused > 0);
}

/* Every encoding just above p and below it, and the least strings. */
static void check_refused(const struct group_path *path)
{
    struct group_affine got, want;
    for (unsigned top = 0; top < 2; top++) {
        for (unsigned low = 0; low < 256; low++) {
            uint8_t in[1][32];
            memset(in, top ? 0xff : 0, sizeof in);
            in[0][0] = (uint8_t)low;
            if (top)
                in[0][31] = 0x7f;
            CHECK(path->decode(&got, (const uint8_t(*)[32])in, 1) ==
                  group_path_portable.decode(&want, (const uint8_t(*)[32])in, 1));
            CHECK(path->decode(&got, (const uint8_t(*)[32])in, 1) ==
                  (size_t)(crypto_core_ristretto255_is_valid_point(in[0]) == 1));
        }
    }
}

static void check_products(const struct group_path *path)
{
    static uint64_t a[5 * 5000], b[5 * 5000];
    uint64_t seed = 5;
    for (size_t n = 0; n <= 5000; n += n < 40 ? 1 : 1240) {
        struct group_products got = {{0}};
        struct group_scalar want = group_scalar_of(0), reduced;
        size_t stride = n < 40 ? n + 3 : n;
        for (size_t s = 0; s < n; s++) {
            struct group_scalar x, y;
            struct group_factor fx, fy;
            uint8_t bytes[32];
            random_scalar(&seed, bytes);
            group_scalar_load(&x, bytes);
            random_scalar(&seed, bytes);
            group_scalar_load(&y, bytes);
            if (n > 4000) {
                group_scalar_neg(&x, &(struct group_scalar){{1}}); /* the largest sum */
                y = x;
            }
            group_factor_of(&fx, &x);
            group_factor_of(&fy, &y);
            for (size_t i = 0; i < 5; i++) {
                a[i * stride + s] = fx.v[i];
                b[i * stride + s] = fy.v[i];
            }
            group_scalar_mul_add(&want, &x, &y, &want);
        }
        path->products(&got, a, b, stride, n);
        group_products_reduce(&reduced, &got);
        if (memcmp(&reduced, &want, sizeof want) != 0)
            test_failed(__FILE__, __LINE__, "%s: %zu products", path->name, n);
    }
}

static void check_path(const char *name)
{
    const struct group_path *path = path_named(name);
    if (!path)
        return;
    check_small_sums(path);
    check_large_sums(path);
    check_uneven_sums(path);
    check_decoding(path);
    check_refused(path);
    check_products(path);
}

TEST(group_upper_points_agree_with_libsodium) { check_upper(); }
TEST(group_path_portable_agrees_with_libsodium) { check_path("portable"); }
TEST(group_path_avx2_agrees_with_libsodium) { check_path("avx2"); }
TEST(group_path_avx512ifma_agrees_with_libsodium) { check_path("avx512ifma"); }

TEST(group_paths_end_with_the_portable_one)
{
    size_t n = 0;
    while (group_path_at(n))
        n++;
    REQUIRE(n > 0);
    CHECK(group_path_at(n - 1) == &group_path_portable && !group_path_at(n + 5));
    CHECK(group_path_best() == group_path_at(0));
}
