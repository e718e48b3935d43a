/* The group engine, operation by operation, against libsodium's ristretto255
 * and the vectors of RFC 9496. */
#include "../../core/group_path.h"
#include "ring_vectors.h"

#define ROUNDS (test_quick() ? 20 : 1000)

static const uint8_t edge_scalars[][32] = {
    {0},
    {1},
    {2},
    {[31] = 0x10}, /* 2^252 */
    /* l - 1, l - 2 */
    {0xec, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
     0x14, [31] = 0x10},
    {0xeb, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
     0x14, [31] = 0x10},
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f},
};

/* Mostly random scalars, now and then an edge. */
static void random_scalar(uint64_t *seed, uint8_t out[static 32])
{
    uint8_t wide[64];
    uint64_t r = test_random_u64(seed);
    if (r % 8 == 0) {
        memcpy(out, edge_scalars[(r >> 8) % DEMUR_COUNT(edge_scalars)], 32);
        return;
    }
    test_random(seed, wide, sizeof wide);
    crypto_core_ristretto255_scalar_reduce(out, wide);
}

static void random_point(uint64_t *seed, uint8_t out[static 32])
{
    uint8_t wide[64];
    uint64_t r = test_random_u64(seed);
    test_random(seed, wide, sizeof wide);
    crypto_core_ristretto255_from_hash(out, wide);
    if (r % 16 == 0)
        memset(out, 0, 32);
}

static struct group_point decoded(const uint8_t in[static 32])
{
    struct group_point p;
    if (!group_decode(&p, in))
        test_failed(__FILE__, __LINE__, "a valid point does not decode");
    return p;
}

static void check_encodes(const struct group_point *p, const uint8_t want[static 32])
{
    uint8_t got[32];
    group_encode(got, p);
    CHECK_SPAN(span_of(got, 32), span_of(want, 32));
}

static void check_scalar(const struct group_scalar *a, const uint8_t want[static 32])
{
    uint8_t got[32];
    group_scalar_encode(got, a);
    CHECK_SPAN(span_of(got, 32), span_of(want, 32));
}

TEST(group_agrees_with_rfc_9496)
{
    struct span rest, value;
    struct vector v;
    for (bool ok = load("ring/rfc9496.txt", &rest); ok && next_vector(&rest, &v);) {
        uint8_t bytes[128], point[32], hash[64];
        struct group_point p, sum = group_identity;
        struct group_affine base;
        if (value_at(v, "bad", 0, &value)) {
            unhex_span(value, bytes, sizeof bytes);
            CHECK(!group_decode(&p, bytes));
            continue;
        }
        bytes_of(v, "point", point, sizeof point);
        if (value_at(v, "text", 0, &value)) {
            crypto_hash_sha512(hash, bytes, unhex_span(value, bytes, sizeof bytes));
            group_from_uniform(&p, hash);
            check_encodes(&p, point);
            continue;
        }
        group_affine_of(&base, &group_base);
        for (size_t n = number_of(v, "multiple"); n > 0; n--)
            group_add_affine(&sum, &sum, &base);
        check_encodes(&sum, point);
        p = decoded(point);
        CHECK(group_equal(&p, &sum));
    }
}

TEST(group_scalars_agree_with_libsodium)
{
    uint64_t seed = 1;
    for (int round = 0; round < 20 * ROUNDS; round++) {
        uint8_t a[32], b[32], c[32], wide[64], want[32];
        struct group_scalar x, y, z, r;
        random_scalar(&seed, a);
        random_scalar(&seed, b);
        random_scalar(&seed, c);
        REQUIRE(group_scalar_decode_vartime(&x, a) && group_scalar_decode_vartime(&y, b));
        group_scalar_load(&z, c);
        group_scalar_add(&r, &x, &y);
        crypto_core_ristretto255_scalar_add(want, a, b);
        check_scalar(&r, want);
        group_scalar_sub(&r, &x, &y);
        crypto_core_ristretto255_scalar_sub(want, a, b);
        check_scalar(&r, want);
        group_scalar_neg(&r, &x);
        crypto_core_ristretto255_scalar_negate(want, a);
        check_scalar(&r, want);
        group_scalar_mul(&r, &x, &y);
        crypto_core_ristretto255_scalar_mul(want, a, b);
        check_scalar(&r, want);
        group_scalar_mul_add(&r, &x, &y, &z);
        crypto_core_ristretto255_scalar_add(want, want, c);
        check_scalar(&r, want);
        CHECK(group_scalar_is_zero(&x) == (sodium_is_zero(a, 32) == 1));
        test_random(&seed, wide, sizeof wide);
        if (round % 4 == 0)
            memset(wide + round % 64, round % 8 ? 0xff : 0, (size_t)(64 - round % 64));
        group_scalar_wide(&r, wide);
        crypto_core_ristretto255_scalar_reduce(want, wide);
        check_scalar(&r, want);
    }
}

TEST(group_scalars_have_one_encoding)
{
    uint8_t bytes[32];
    struct group_scalar s, l_minus_1, out = {{7}};
    memcpy(bytes, edge_scalars[4], 32);
    CHECK(group_scalar_decode_vartime(&l_minus_1, bytes));
    for (int add = 1; add < 20; add++) {
        bytes[0] = (uint8_t)(0xec + add); /* l - 1 + add, without a carry */
        CHECK(!group_scalar_decode_vartime(&out, bytes) && out.w[0] == 7);
    }
    memset(bytes, 0xff, sizeof bytes);
    CHECK(!group_scalar_decode_vartime(&s, bytes));
    bytes[31] = 0x10;
    CHECK(!group_scalar_decode_vartime(&s, bytes));
    s = group_scalar_of(1);
    group_scalar_add(&s, &s, &l_minus_1);
    CHECK(group_scalar_is_zero(&s));
}

/* The longest sum that group.h allows, of the largest factors. */
TEST(group_sums_of_products_do_not_overflow)
{
    struct group_factor f;
    struct group_products sum = {{0}};
    struct group_scalar largest, got, want, count = group_scalar_of(1 << 20);
    group_scalar_load(&largest, edge_scalars[4]);
    group_factor_of(&f, &largest);
    int rounds = test_quick() ? 1 << 10 : 1 << 20;
    for (int i = 0; i < rounds; i++)
        group_products_add(&sum, &f, &f);
    if (rounds < 1 << 20)
        for (int i = 0; i < 9; i++)
            sum.column[i] *= 1 << 10;
    group_products_reduce(&got, &sum);
    group_scalar_mul(&want, &largest, &largest);
    group_scalar_mul(&want, &want, &count);
    CHECK(memcmp(&got, &want, sizeof got) == 0);
}

TEST(group_sums_of_products_agree_with_products)
{
    uint64_t seed = 2;
    for (int round = 0; round < ROUNDS; round++) {
        struct group_products sum = {{0}};
        struct group_scalar want = group_scalar_of(0), got;
        for (int i = 0; i < 20; i++) {
            uint8_t a[32], b[32];
            struct group_scalar x, y;
            struct group_factor fx, fy;
            random_scalar(&seed, a);
            random_scalar(&seed, b);
            group_scalar_load(&x, a);
            group_scalar_load(&y, b);
            group_factor_of(&fx, &x);
            group_factor_of(&fy, &y);
            group_products_add(&sum, &fx, &fy);
            group_scalar_mul_add(&want, &x, &y, &want);
        }
        group_products_reduce(&got, &sum);
        CHECK(memcmp(&got, &want, sizeof got) == 0);
    }
}

TEST(group_points_agree_with_libsodium)
{
    uint64_t seed = 3;
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t a[32], b[32], want[32];
        struct group_cached qc;
        struct group_affine qa;
        random_point(&seed, a);
        random_point(&seed, b);
        struct group_point p = decoded(a), q = decoded(b), r;
        check_encodes(&p, a);
        group_affine_of(&qa, &q);
        /* so that Z is not 1 */
        group_cache(&qc, &p);
        group_double(&q, &q);
        group_add(&q, &q, &qc);
        group_sub(&q, &q, &qc);
        group_cache(&qc, &q);

        REQUIRE(crypto_core_ristretto255_add(want, a, b) == 0);
        group_add_affine(&r, &p, &qa);
        check_encodes(&r, want);
        REQUIRE(crypto_core_ristretto255_sub(want, a, b) == 0);
        group_sub_affine(&r, &p, &qa);
        check_encodes(&r, want);
        REQUIRE(crypto_core_ristretto255_add(b, b, b) == 0);
        check_encodes(&q, b);
        REQUIRE(crypto_core_ristretto255_add(want, a, b) == 0);
        group_add(&r, &p, &qc);
        check_encodes(&r, want);
        REQUIRE(crypto_core_ristretto255_sub(want, a, b) == 0);
        group_sub(&r, &p, &qc);
        check_encodes(&r, want);
        REQUIRE(crypto_core_ristretto255_sub(want, (const uint8_t[32]){0}, a) == 0);
        group_neg(&r, &p);
        check_encodes(&r, want);
        for (int i = 0; i < 5; i++)
            REQUIRE(crypto_core_ristretto255_add(b, b, b) == 0);
        group_double_times(&r, &q, 5);
        check_encodes(&r, b);
    }
}

/* Random strings are mostly no points; the rules for both must be the same. */
TEST(group_decoding_agrees_with_libsodium)
{
    uint64_t seed = 4;
    int points = 0;
    for (int round = 0; round < 4 * ROUNDS; round++) {
        uint8_t a[32];
        struct group_point p;
        test_random(&seed, a, sizeof a);
        a[31] &= 0x7f;
        if (round % 8)
            a[0] &= 0xfe;
        bool valid = crypto_core_ristretto255_is_valid_point(a) == 1;
        CHECK(group_decode(&p, a) == valid);
        a[31] |= 0x80; /* which libsodium 1.0.18 overlooks */
        CHECK(!group_decode(&p, a));
        points += valid;
    }
    CHECK(points > 0);
}

TEST(group_map_agrees_with_libsodium)
{
    uint64_t seed = 5;
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t uniform[64], want[32];
        struct group_point p;
        test_random(&seed, uniform, sizeof uniform);
        if (round % 8 == 0)
            memset(uniform, round % 16 ? 0 : 0xff, 32);
        crypto_core_ristretto255_from_hash(want, uniform);
        group_from_uniform(&p, uniform);
        check_encodes(&p, want);
    }
}

/* Each element of the group is four points of the curve (or eight, counting
 * those that never arise); adding one of small order changes none of it. */
TEST(group_equality_is_that_of_elements)
{
    uint64_t seed = 6;
    uint8_t a[32], b[32];
    do
        random_point(&seed, a);
    while (sodium_is_zero(a, 32));
    do
        random_point(&seed, b);
    while (memcmp(a, b, 32) == 0);
    struct group_point p = decoded(a), q = decoded(b), two_torsion = group_identity, moved;
    struct group_cached c;
    group_neg(&two_torsion, &two_torsion);
    two_torsion.y.v[0] = (UINT64_C(1) << 51) - 20; /* -1 */
    for (int i = 1; i < 5; i++)
        two_torsion.y.v[i] = (UINT64_C(1) << 51) - 1;
    group_cache(&c, &two_torsion);
    group_add(&moved, &p, &c);
    check_encodes(&moved, a);
    CHECK(group_equal(&p, &moved) && !group_equal(&p, &q));
    CHECK(group_is_identity(&two_torsion) && group_is_identity(&group_identity));
    CHECK(!group_is_identity(&p));
    group_cache(&c, &p);
    group_sub(&moved, &moved, &c);
    CHECK(group_is_identity(&moved));
}

TEST(group_products_agree_with_libsodium)
{
    uint64_t seed = 7;
    for (int round = 0; round < ROUNDS / 4; round++) {
        uint8_t a[32], s[32], want[32];
        struct group_scalar x;
        random_point(&seed, a);
        random_scalar(&seed, s);
        if (round < (int)DEMUR_COUNT(edge_scalars))
            memcpy(s, edge_scalars[round], 32);
        group_scalar_load(&x, s);
        struct group_point p = decoded(a), r;
        /* -1 for a product that is the identity, which it writes all the same */
        int identity = crypto_scalarmult_ristretto255(want, s, a);
        CHECK(identity == 0 || sodium_is_zero(want, 32));
        group_mul(&r, &x, &p);
        check_encodes(&r, want);
        struct group_affine affine;
        group_affine_of(&affine, &p);
        group_of_affine(&r, &affine);
        check_encodes(&r, a);
        struct group_terms terms = {&x, &affine, 1, NULL};
        uint64_t work[GROUP_SUM_WORK_MIN(1) / 8];
        group_sum_vartime(&r, &terms, 1, work, sizeof work);
        check_encodes(&r, want);
    }
}

#define SUM_MAX 700

/* Sums of all sizes up to a few, then some that take wider windows, in two
 * lists, with each number of buckets. */
TEST(group_sums_agree_with_one_another)
{
    static struct group_scalar scalars[SUM_MAX], spent[SUM_MAX];
    static struct group_affine affine[SUM_MAX];
    static struct group_point points[SUM_MAX];
    static struct group_table tables[SUM_MAX];
    static struct group_digits digits[SUM_MAX];
    static uint64_t work[1 << 15];
    static uint16_t places[SUM_MAX];
    static struct group_sums sums;
    uint64_t seed = 8;
    for (size_t n = 0; n <= SUM_MAX; n += n < 10 ? 1 : test_quick() ? 690 : 230) {
        struct group_point want = group_identity, got;
        for (size_t i = 0; i < n; i++) {
            uint8_t a[32], s[32];
            struct group_cached cached;
            random_point(&seed, a);
            random_scalar(&seed, s);
            group_scalar_load(&scalars[i], s);
            struct group_point p = decoded(a), product;
            group_affine_of(&affine[i], &p);
            points[n - 1 - i] = p;
            group_digits_of(&digits[n - 1 - i], &scalars[i]);
            places[i] = (uint16_t)(n - 1 - i);
            group_mul(&product, &scalars[i], &p);
            group_cache(&cached, &product);
            group_add(&want, &want, &cached);
        }
        group_tables_of(tables, points, n);
        group_straus(&got, digits, tables, n);
        CHECK(group_equal(&got, &want));
        group_sums_init(&sums);
        group_sums_add(&sums, digits, tables, places, n / 2);
        group_sums_add(&sums, digits, tables, places + n / 2, n - n / 2);
        group_sums_join(&got, &sums);
        CHECK(group_equal(&got, &want));
        const struct group_path *path;
        for (size_t i = 0; (path = group_path_at(i)); i++) {
            for (size_t len = GROUP_SUM_WORK_MIN(n); len <= sizeof work; len *= 2) {
                memcpy(spent, scalars, sizeof spent);
                struct group_terms lists[2] = {{spent, affine, n / 3, NULL},
                                               {spent + n / 3, affine + n / 3, n - n / 3, NULL}};
                path->sum(&got, lists, 2, work, len);
                if (!group_equal(&got, &want))
                    test_failed(__FILE__, __LINE__, "%s: a sum of %zu in %zu bytes", path->name, n,
                                len);
            }
        }
    }
}
