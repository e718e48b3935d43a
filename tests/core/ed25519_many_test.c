/* Signatures verified many at once, in each way that this processor can go: every
 * verdict is libsodium's, on signatures that are good, spoilt, or crooked on purpose. */
#include "../../core/ed25519_many.h"
#include "../../core/group_path.h"
#include "../test.h"

#include <sodium.h>

#define CHECKS_MAX 600
#define MESSAGE_MAX 300

static struct {
    struct demur_ed25519_check checks[CHECKS_MAX];
    uint8_t messages[CHECKS_MAX][MESSAGE_MAX];
    size_t n, good, bad; /* good and bad: as libsodium says, since `begin` */
} set;

static void begin(void) { set.n = set.good = set.bad = 0; }

/* Judge the set in every way, which must agree; then empty it. */
static void judge(const char *what)
{
    static bool want[CHECKS_MAX];
    const struct group_path *path;
    for (size_t i = 0; i < set.n; i++) {
        struct demur_ed25519_check *c = &set.checks[i];
        want[i] = crypto_sign_verify_detached(c->sig, c->message.p, c->message.len, c->key) == 0;
        set.good += want[i];
        set.bad += !want[i];
    }
    for (size_t p = 0; (path = group_path_at(p)); p++) {
        for (size_t i = 0; i < set.n; i++)
            set.checks[i].good = !want[i];
        group_path_ed25519(path, set.checks, set.n);
        for (size_t i = 0; i < set.n; i++)
            if (set.checks[i].good != want[i])
                test_failed(__FILE__, __LINE__, "%s: %s, signature %zu of %zu is %s", path->name,
                            what, i, set.n, want[i] ? "good and was refused" : "bad and was taken");
    }
    set.n = 0;
}

static struct demur_ed25519_check *next(size_t message_len)
{
    struct demur_ed25519_check *c = &set.checks[set.n];
    c->message = span_of(set.messages[set.n], message_len);
    if (++set.n == CHECKS_MAX) {
        set.n--;
        test_failed(__FILE__, __LINE__, "too many signatures in a set");
    }
    return c;
}

static struct demur_ed25519_check *next_signed(uint64_t *seed)
{
    uint8_t key_seed[32], secret[64];
    struct demur_ed25519_check *c = next(test_random_u64(seed) % MESSAGE_MAX);
    test_random(seed, set.messages[c - set.checks], c->message.len);
    test_random(seed, key_seed, sizeof key_seed);
    crypto_sign_seed_keypair(c->key, secret, key_seed);
    crypto_sign_detached(c->sig, NULL, c->message.p, c->message.len, secret);
    return c;
}

static void flip(uint8_t *bytes, size_t bit) { bytes[bit / 8] ^= (uint8_t)(1u << bit % 8); }

TEST(ed25519_many_judges_random_signatures_as_libsodium_does)
{
    uint64_t seed = 1;
    begin();
    for (int round = 0; round < (test_quick() ? 1 : 6); round++) {
        for (int i = 0; i < (test_quick() ? 24 : 400); i++) {
            struct demur_ed25519_check *c = next_signed(&seed);
            uint64_t r = test_random_u64(&seed);
            if (r % 8 == 0)
                flip(c->sig, r / 8 % 512);
            if (r % 8 == 1)
                flip(c->key, r / 8 % 256);
            if (r % 8 == 2 && c->message.len)
                c->message.len--;
            if (r % 64 == 3)
                test_random(&seed, c->key, 32);
            if (r % 64 == 11)
                test_random(&seed, c->sig, 64);
        }
        judge("random");
    }
    CHECK(set.good > set.bad && set.bad > 0);
}

TEST(ed25519_many_sees_each_flipped_bit)
{
    uint64_t seed = 2;
    size_t step = test_quick() ? 67 : 1;
    begin();
    for (size_t bit = 0; bit < 512; bit += step) {
        struct demur_ed25519_check *c = next_signed(&seed);
        flip(c->sig, bit);
    }
    judge("a bit of R or s flipped");
    for (size_t bit = 0; bit < 256; bit += step) {
        struct demur_ed25519_check *c = next_signed(&seed);
        flip(c->key, bit);
    }
    judge("a bit of the key flipped");
    for (size_t bit = 0; bit < 8 * 20; bit += step) {
        struct demur_ed25519_check *c = next_signed(&seed);
        size_t len = c->message.len;
        if (len)
            flip(set.messages[c - set.checks], bit % (8 * len));
    }
    judge("a bit of the message flipped");
    CHECK(set.bad > 10 && set.good < 8);
}

/* One bad, of each kind, in each place of a batch of each length. */
TEST(ed25519_many_names_the_bad_one_in_each_lane)
{
    static struct demur_ed25519_check all[2 * GROUP_EQUATIONS_MAX + 1];
    uint64_t seed = 3;
    begin();
    judge("none at all");
    for (size_t i = 0; i < DEMUR_COUNT(all); i++)
        all[i] = *next_signed(&seed);
    for (size_t n = 1; n <= DEMUR_COUNT(all); n += test_quick() ? 8 : 1) {
        for (size_t bad = 0; bad <= n; bad += test_quick() ? 5 : 1) {
            memcpy(set.checks, all, n * sizeof *all);
            set.n = n;
            if (bad < n && (n + bad) % 4 == 0)
                memset(set.checks[bad].key, 0xff, 32); /* not canonical */
            else if (bad < n && (n + bad) % 4 == 1)
                memset(set.checks[bad].key, 0, 32); /* of small order */
            else if (bad < n && (n + bad) % 4 == 2)
                set.checks[bad].sig[0] ^= 1;
            else if (bad < n)
                set.checks[bad].key[0] ^= 1; /* perhaps no point at all */
            set.bad = set.good = 0;
            judge("one bad");
            CHECK(set.bad == (bad < n) && set.good == n - (bad < n));
        }
    }
}

/* --- crooked signatures --- */

static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

/* i times the point of order 8; i in 0..7 */
static void small_point(uint8_t out[static 32], unsigned i)
{
    static const uint8_t eighth[32] = {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f,
                                       0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
                                       0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
                                       0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a};
    memset(out, 0, 32);
    out[0] = 1;
    while (i-- > 0)
        CHECK(crypto_core_ed25519_add(out, out, eighth) == 0);
}

/* Every encoding, canonical or not, of a point of small order: y of 0, 1, -1 and the
 * two of order 8, p and p + 1, and both signs. */
#define SMALL_ENCODINGS 14
static void small_encoding(uint8_t out[static 32], unsigned i)
{
    if (i < 10) {
        small_point(out, i / 2);
    } else {
        memset(out, 0xff, 32);
        out[0] = i < 12 ? 0xed : 0xee;
    }
    out[31] = (uint8_t)((out[31] & 0x7f) | (i % 2 ? 0x80 : 0));
}

static void challenge(uint8_t h[static 32], const struct demur_ed25519_check *c)
{
    uint8_t wide[64];
    crypto_hash_sha512_state state;
    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, c->sig, 32);
    crypto_hash_sha512_update(&state, c->key, 32);
    crypto_hash_sha512_update(&state, c->message.p, c->message.len);
    crypto_hash_sha512_final(&state, wide);
    crypto_core_ed25519_scalar_reduce(h, wide);
}

/* A signature by the key aB + i·E with R = rB + j·E, where E has order 8; s fits the
 * parts that are multiples of B. */
static struct demur_ed25519_check *next_mixed(uint64_t *seed, unsigned i, unsigned j)
{
    uint8_t a[32], r[32], wide[64], small[32], h[32];
    struct demur_ed25519_check *c = next(32);
    test_random(seed, set.messages[c - set.checks], 32);
    test_random(seed, wide, 64);
    crypto_core_ed25519_scalar_reduce(a, wide);
    test_random(seed, wide, 64);
    crypto_core_ed25519_scalar_reduce(r, wide);
    CHECK(crypto_scalarmult_ed25519_base_noclamp(c->key, a) == 0);
    CHECK(crypto_scalarmult_ed25519_base_noclamp(c->sig, r) == 0);
    small_point(small, i);
    CHECK(crypto_core_ed25519_add(c->key, c->key, small) == 0);
    small_point(small, j);
    CHECK(crypto_core_ed25519_add(c->sig, c->sig, small) == 0);
    challenge(h, c);
    crypto_core_ed25519_scalar_mul(c->sig + 32, h, a);
    crypto_core_ed25519_scalar_add(c->sig + 32, c->sig + 32, r);
    return c;
}

/* Such a one is good when j·E = -h·i·E, h an integer below the order: about one in
 * eight by luck. Who checked sums of many, or eight times the equation, would take all. */
TEST(ed25519_many_judges_points_of_mixed_order_as_libsodium_does)
{
    uint64_t seed = 4;
    begin();
    for (int round = 0; round < (test_quick() ? 1 : 6); round++) {
        for (unsigned k = 0; k < 64; k += test_quick() ? 5 : 1)
            next_mixed(&seed, k / 8, k % 8);
        judge("mixed order");
    }
    CHECK(set.bad > 8 && set.good > 1);
}

/* A small key with R = rB and s = r, or a small R with s = ha by the key aB + E; the
 * message is tried until the equation holds. */
static void next_small(uint64_t seed, unsigned encoding, bool in_key)
{
    uint8_t small[32], scalar[32] = {7, 1}, h[32];
    struct demur_ed25519_check *c = next(8);
    small_encoding(in_key ? c->key : c->sig, encoding);
    CHECK(crypto_scalarmult_ed25519_base_noclamp(in_key ? c->sig : c->key, scalar) == 0);
    small_point(small, 1);
    if (!in_key)
        CHECK(crypto_core_ed25519_add(c->key, c->key, small) == 0);
    /* No message will do for an R that is not canonical. */
    for (uint64_t k = 0; k < (encoding < 10 ? 300 : 1); k++) {
        uint64_t message = seed + k;
        memcpy(set.messages[c - set.checks], &message, 8);
        challenge(h, c);
        small_point(small, 8 - h[0] % 8); /* -hE */
        if (in_key ? h[0] % 8 == 0 : memcmp(small, c->sig, 32) == 0)
            break;
    }
    memcpy(c->sig + 32, scalar, 32);
    if (!in_key)
        crypto_core_ed25519_scalar_mul(c->sig + 32, h, scalar);
}

/* Refused for the small order alone. */
TEST(ed25519_many_refuses_points_of_small_order)
{
    uint64_t seed = 5;
    begin();
    for (unsigned i = 0; i < SMALL_ENCODINGS; i++) {
        struct demur_ed25519_check *c = next_signed(&seed);
        small_encoding(c->key, i);
        c = next_signed(&seed);
        small_encoding(c->sig, i);
        c = next_signed(&seed);
        small_encoding(c->key, i);
        small_encoding(c->sig, i);
        next_small(1000 * i, i, true);
        next_small(1000 * i + 500, i, false);
    }
    judge("small order");
    CHECK(set.good == 0);
}

/* In the key, and in R. */
TEST(ed25519_many_refuses_what_is_not_canonical)
{
    uint64_t seed = 6;
    begin();
    for (unsigned i = 0; i < 2 * 32; i += test_quick() ? 7 : 1) {
        for (int in_key = 0; in_key < 2; in_key++) {
            struct demur_ed25519_check *c = next_signed(&seed);
            uint8_t *at = in_key ? c->key : c->sig;
            memset(at, 0xff, 32);
            at[0] = (uint8_t)(0xe0 + i / 2);
            at[31] = i % 2 ? 0xff : 0x7f;
        }
    }
    judge("y near p");
    CHECK(set.good == 0);
}

TEST(ed25519_many_judges_s_at_the_order_as_libsodium_does)
{
    uint64_t seed = 7;
    begin();
    for (int i = 0; i < 26; i++) {
        struct demur_ed25519_check *c = next_signed(&seed);
        unsigned carry = 0;
        if (i < 20) { /* the same modulo the order */
            for (int k = 0; k < 32; k++) {
                carry += (unsigned)c->sig[32 + k] + order[k];
                c->sig[32 + k] = (uint8_t)carry;
                carry >>= 8;
            }
        } else if (i < 24) {
            memcpy(c->sig + 32, order, 32);
            c->sig[32] = (uint8_t)(c->sig[32] + i - 22); /* 2 below to 1 above */
        } else {
            memset(c->sig + 32, i % 2 ? 0xff : 0, 32);
        }
    }
    judge("s about 0 and the order");
    CHECK(set.good == 0);
    for (int i = 0; i < 8; i++)
        next_signed(&seed);
    judge("good ones");
    CHECK(set.good == 8);
}

TEST(demur_ed25519_verify_many_takes_any_number)
{
    uint64_t seed = 8;
    begin();
    for (int i = 0; i < 20; i++)
        next_signed(&seed);
    set.checks[13].sig[40] ^= 2;
    demur_ed25519_verify_many(set.checks, 0);
    demur_ed25519_verify_many(set.checks, set.n);
    for (size_t i = 0; i < set.n; i++)
        CHECK(set.checks[i].good == (i != 13));
}
