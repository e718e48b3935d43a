/* Which Ed25519 signatures hold: records.md section 5, at its edges. */
#include <sodium.h>

#include "../../core/encode.h"
#include "../../core/record.h"
#include "../test.h"

/* L, little-endian, and a point of order 8. */
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
static const uint8_t torsion[32] = {
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05};

static struct demur_record record;
static uint8_t text[1000];
static struct buf out;

/* A tick by `key`, up to its signature. */
static void begin(const uint8_t key[static 32], uint64_t seq)
{
    static const uint8_t channel[32];
    out = buf_over(text, sizeof text);
    demur_record_begin(&out, DEMUR_RECORD_TICK, channel);
    demur_put_bytes(&out, DEMUR_FIELD_BY, span_of(key, 32));
    demur_put_number(&out, DEMUR_FIELD_SEQ, seq);
    demur_put_text(&out, DEMUR_FIELD_DAY, span_lit("2026-11-24"));
}

static bool holds(const uint8_t sig[static 64], const uint8_t key[static 32])
{
    size_t len = out.len;
    demur_put_bytes(&out, DEMUR_FIELD_SIG, span_of(sig, 64));
    CHECK_ERR(demur_record_parse(&record, buf_span(&out), NULL), DEMUR_OK);
    out.len = len;
    return demur_record_verify(&record, DEMUR_FIELD_SIG, key);
}

/* h = SHA-512(R || A || text) mod L */
static void challenge(uint8_t h[static 32], const uint8_t r[static 32], const uint8_t a[static 32])
{
    uint8_t wide[64];
    crypto_hash_sha512_state state;
    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, r, 32);
    crypto_hash_sha512_update(&state, a, 32);
    crypto_hash_sha512_update(&state, text, out.len);
    crypto_hash_sha512_final(&state, wide);
    crypto_core_ed25519_scalar_reduce(h, wide);
}

/* S = r + h·a */
static void respond(uint8_t s[static 32], const uint8_t r[static 32], const uint8_t h[static 32],
                    const uint8_t a[static 32])
{
    crypto_core_ed25519_scalar_mul(s, h, a);
    crypto_core_ed25519_scalar_add(s, s, r);
}

TEST(ed25519_s_is_below_the_order)
{
    uint8_t key[32], secret[64], sig[64], seed[32] = {1};
    unsigned carry = 0;
    crypto_sign_seed_keypair(key, secret, seed);
    begin(key, 1);
    crypto_sign_detached(sig, NULL, text, out.len, secret);
    CHECK(holds(sig, key));
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)sig[32 + i] + order[i];
        sig[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    CHECK(carry == 0 && !holds(sig, key)); /* S + L: as good by arithmetic, another text */
}

TEST(ed25519_keys_and_commitments_of_small_order_sign_nothing)
{
    /* With A or R of small order and S = 0 or r the equation can come out true. */
    static const uint8_t identity[32] = {1};
    uint8_t sig[64] = {1};
    begin(identity, 1);
    CHECK(!holds(sig, identity));
    uint8_t unreduced[32]; /* the identity as p + 1 */
    memset(unreduced, 0xff, 32);
    unreduced[0] = 0xee;
    unreduced[31] = 0x7f;
    CHECK(!holds(sig, unreduced));
    CHECK(!holds(sig, torsion));

    uint8_t a[32] = {5}, key[32], h[32];
    crypto_scalarmult_ed25519_base_noclamp(key, a);
    begin(key, 1);
    challenge(h, identity, key);
    crypto_core_ed25519_scalar_mul(sig + 32, h, a); /* R = 1, S = h·a */
    memcpy(sig, identity, 32);
    CHECK(!holds(sig, key));
}

/* A = a·B + T with T of order 8: [S]B - [h]A is R - [h]T, which is R only where 8
 * divides h, though eight times either side is always the same. */
TEST(ed25519_the_cofactor_is_not_multiplied_away)
{
    uint8_t a[32] = {5}, r[32] = {7}, key[32], sig[64], h[32];
    crypto_scalarmult_ed25519_base_noclamp(key, a);
    REQUIRE(crypto_core_ed25519_add(key, key, torsion) == 0);
    crypto_scalarmult_ed25519_base_noclamp(sig, r);
    unsigned held = 0, refused = 0;
    for (uint64_t seq = 1; seq <= 100; seq++) {
        begin(key, seq);
        challenge(h, sig, key);
        respond(sig + 32, r, h, a);
        bool whole = (h[0] & 7) == 0, ok = holds(sig, key);
        CHECK(ok == whole);
        held += ok;
        refused += !ok;
    }
    CHECK(held > 0 && refused > 50);
}
