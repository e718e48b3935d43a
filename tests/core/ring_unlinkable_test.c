/* Tags and proofs of one member over many scopes look no more alike than those of
 * two members. Bits of each 32 bytes of neighbouring signatures are compared: how
 * often they agree must be what coins give. The seed is fixed, so that the test
 * either always passes or never. */
#include "ring_fixture.h"

#define MEMBERS 2
#define SCOPES 120
#define SIGNATURE_LEN 960
/* All components of a signature, and what an observer who knows how scopes are
 * hashed could make of its tag. */
#define COMPONENTS (SIGNATURE_LEN / 32 + 1)
/* Bits that are uniform in scalars and in points: not the sign, nor those at the
 * top that the order or the field bounds. */
#define FIRST_BIT 8
#define LAST_BIT 247

static uint8_t made[MEMBERS][SCOPES][COMPONENTS][32], good[MEMBERS][SCOPES][COMPONENTS][32];

static void scope_scalar(uint8_t h[static 32], struct span scope)
{
    uint8_t hash[64];
    crypto_hash_sha512(hash, scope.p, scope.len);
    crypto_core_ristretto255_scalar_reduce(h, hash);
}

/* The tag freed from its scope, if the scope's point were its hash times the base. */
static void free_tag(uint8_t out[static 32], const uint8_t tag[static 32], struct span scope)
{
    uint8_t h[32], inverse[32];
    scope_scalar(h, scope);
    CHECK(crypto_core_ristretto255_scalar_invert(inverse, h) == 0);
    CHECK(crypto_scalarmult_ristretto255(out, inverse, tag) == 0);
}

static void make_all(size_t scopes)
{
    static uint8_t keys[MEMBERS][32];
    struct demur_ring ring;
    uint64_t seed = 20;
    fixture_ring(&ring, keys, MEMBERS);
    for (uint64_t m = 0; m < MEMBERS; m++) {
        uint8_t secret[32], key[32];
        fixture_member(secret, key, m);
        for (size_t s = 0; s < scopes; s++) {
            uint8_t name[2] = {(uint8_t)s, (uint8_t)(s >> 8)}, entropy[64];
            struct buf out = buf_over(made[m][s], SIGNATURE_LEN);
            test_random(&seed, entropy, sizeof entropy);
            CHECK_ERR(
                demur_ring_sign(&out, &ring, secret, span_of(name, 2), span_lit("text"), entropy),
                DEMUR_OK);
            free_tag(made[m][s][COMPONENTS - 1], made[m][s][0], span_of(name, 2));
        }
    }
}

static unsigned bit_of(const uint8_t bytes[static 32], unsigned bit)
{
    return bytes[bit / 8] >> bit % 8 & 1;
}

struct likeness {
    double total;   /* Σ z² over all components and bits */
    double freedom; /* how many there are */
    double worst;   /* the largest z² */
};

/* Signatures in neighbouring scopes, by the same member or by the two. */
static struct likeness compare(size_t scopes, bool same)
{
    struct likeness l = {0, 0, 0};
    for (size_t c = 0; c < COMPONENTS; c++) {
        for (unsigned bit = FIRST_BIT; bit <= LAST_BIT; bit++) {
            double agree = 0, pairs = 0;
            for (size_t m = 0; m < MEMBERS; m++) {
                for (size_t s = 0; s + 1 < scopes; s++, pairs++)
                    agree +=
                        bit_of(made[m][s][c], bit) == bit_of(made[same ? m : 1 - m][s + 1][c], bit);
            }
            double off = agree - pairs / 2, z2 = off * off / (pairs / 4);
            l.total += z2;
            l.freedom++;
            l.worst = z2 > l.worst ? z2 : l.worst;
        }
    }
    return l;
}

/* Chi-squared within five of its standard deviations, sqrt(2·freedom), of its mean,
 * and no single bit off by more than five. (Neighbouring pairs share a signature,
 * but their agreements are independent all the same.) */
static bool like_coins(struct likeness l)
{
    double off = l.total - l.freedom;
    return off * off < 25 * 2 * l.freedom && l.worst < 25;
}

TEST(ring_signatures_of_a_member_do_not_look_alike)
{
    size_t scopes = test_quick() ? 60 : SCOPES;
    make_all(scopes);
    memcpy(good, made, sizeof good);
    struct likeness same = compare(scopes, true), other = compare(scopes, false);
    if (!like_coins(same) || !like_coins(other))
        test_failed(__FILE__, __LINE__,
                    "chi-squared %.0f (worst %.1f) of one member, %.0f (%.1f) of two, freedom %.0f",
                    same.total, same.worst, other.total, other.worst, same.freedom);

    /* Controls: what would link signatures must be seen. A single bit of one
     * component that is the member's own; */
    for (size_t m = 0; m < MEMBERS; m++)
        for (size_t s = 0; s < scopes; s++)
            made[m][s][7][4] = (uint8_t)((made[m][s][7][4] & 0xfe) | m);
    CHECK(!like_coins(compare(scopes, true)) && !like_coins(compare(scopes, false)));

    /* a mask that is used again; */
    memcpy(made, good, sizeof made);
    for (size_t m = 0; m < MEMBERS; m++)
        for (size_t s = 1; s < scopes; s++)
            memcpy(made[m][s][1], made[m][0][1], 32);
    CHECK(!like_coins(compare(scopes, true)));

    /* and a scope's point of known logarithm, T = h·M. */
    memcpy(made, good, sizeof made);
    for (uint64_t m = 0; m < MEMBERS; m++) {
        uint8_t secret[32], key[32], h[32];
        fixture_member(secret, key, m);
        for (size_t s = 0; s < scopes; s++) {
            uint8_t name[2] = {(uint8_t)s, (uint8_t)(s >> 8)};
            scope_scalar(h, span_of(name, 2));
            CHECK(crypto_scalarmult_ristretto255(made[m][s][0], h, key) == 0);
            free_tag(made[m][s][COMPONENTS - 1], made[m][s][0], span_of(name, 2));
        }
    }
    CHECK(!like_coins(compare(scopes, true)));
}
