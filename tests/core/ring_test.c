/* Properties of ring signatures, possession proofs and claims. */
#include "../../core/ring_check.h"
#include "ring_fixture.h"
#include "ring_oracle.h"

static uint8_t keys[1100][32];
static struct demur_ring ring;

struct signature {
    uint8_t mem[DEMUR_RING_SIGNATURE_MAX];
    size_t len;
};

static struct signature sign(uint64_t member, struct span scope, struct span message, uint64_t seed)
{
    struct signature s = {.len = 0};
    uint8_t secret[32], key[32], entropy[64];
    struct buf out = buf_over(s.mem, sizeof s.mem);
    test_random(&seed, entropy, sizeof entropy);
    fixture_member(secret, key, member);
    CHECK_ERR(demur_ring_sign(&out, &ring, secret, scope, message, entropy), DEMUR_OK);
    s.len = out.len;
    return s;
}

static enum demur_err verify(const struct signature *s, struct span scope, struct span message)
{
    uint8_t tag[32], carried[32];
    enum demur_err err =
        demur_ring_verify(span_of(s->mem, s->len), &ring, scope, message, tag, NULL);
    if (err == DEMUR_OK) {
        CHECK(demur_ring_signature_tag(carried, span_of(s->mem, s->len)));
        CHECK_SPAN(span_of(tag, 32), span_of(carried, 32));
    }
    return err;
}

static void check_member(uint64_t member)
{
    struct span scope = span_lit("cosign"), message = span_lit("text");
    struct signature s = sign(member, scope, message, member);
    CHECK(s.len == demur_ring_signature_len(ring.n));
    CHECK_ERR(verify(&s, scope, message), DEMUR_OK);
}

TEST(ring_signatures_are_complete_in_small_rings)
{
    for (size_t n = 1; n <= 20; n += test_quick() ? 6 : 1) {
        fixture_ring(&ring, keys, n);
        check_member(n - 1);
        check_member(n / 2);
    }
}

TEST(ring_signatures_are_complete_where_a_digit_begins)
{
    static const size_t sizes[] = {63, 64, 65, 255, 256, 257};
    for (size_t i = 0; i < DEMUR_COUNT(sizes); i += test_quick() ? 3 : 1) {
        fixture_ring(&ring, keys, sizes[i]);
        check_member(i);
    }
}

/* Members sit at positions that sorting gives them; all 64 together take every
 * value of the three digits that a ring of 64 uses. */
TEST(ring_signatures_are_complete_at_every_position)
{
    fixture_ring(&ring, keys, 64);
    for (uint64_t i = 0; i < 64; i += test_quick() ? 21 : 1)
        check_member(i);
}

TEST(ring_signatures_are_complete_in_a_full_ring)
{
    fixture_ring(&ring, keys, 1024);
    check_member(1023);
}

/* With the same entropy the prover and the one written out as the page says make
 * the same bytes, in rings that fill a power of two, just miss it, or exceed it,
 * and in one of more digits. */
TEST(ring_signatures_are_those_of_the_oracle)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 16, 31, 127, 129, 200, 1025};
    struct span scope = span_lit("scope"), message = span_lit("message");
    for (size_t i = 0; i < DEMUR_COUNT(sizes); i++) {
        if (test_quick() && sizes[i] > 31 && sizes[i] != 129)
            continue;
        uint8_t secret[32], key[32], tag[32], entropy[64] = {(uint8_t)i};
        struct signature fast, slow;
        struct buf out = buf_over(fast.mem, sizeof fast.mem);
        struct buf slow_out = buf_over(slow.mem, sizeof slow.mem);
        fixture_ring(&ring, keys, sizes[i]);
        fixture_member(secret, key, sizes[i] * 2 / 3);
        CHECK_ERR(demur_ring_sign(&out, &ring, secret, scope, message, entropy), DEMUR_OK);
        CHECK_ERR(ring_oracle_sign(&slow_out, &ring, secret, scope, message, entropy), DEMUR_OK);
        CHECK_SPAN(buf_span(&out), buf_span(&slow_out));
        CHECK_ERR(ring_oracle_verify(buf_span(&out), &ring, scope, message, tag, NULL), DEMUR_OK);
    }
}

/* With and without a loaded ring, the verifier and the oracle give every altered
 * signature the same verdict. */
TEST(ring_verifiers_agree)
{
    struct span scope = span_lit("s"), message = span_lit("m");
    fixture_ring(&ring, keys, 5);
    struct demur_ring loaded;
    static uint64_t storage[4096];
    REQUIRE(demur_ring_storage_len(5) <= sizeof storage);
    CHECK_ERR(demur_ring_load(&loaded, (const uint8_t(*)[32])keys, 5, storage, NULL), DEMUR_OK);
    struct signature s = sign(1, scope, message, 1);
    uint64_t seed = 9;
    for (size_t i = 0; i < s.len; i += 1 + test_random_u64(&seed) % (test_quick() ? 64 : 8)) {
        uint8_t held = s.mem[i], tag[32];
        if (i)
            s.mem[i] ^= (uint8_t)(1 << test_random_u64(&seed) % 8);
        struct span bytes = span_of(s.mem, s.len);
        enum demur_err want = ring_oracle_verify(bytes, &ring, scope, message, tag, NULL);
        CHECK((want == DEMUR_OK) == (i == 0));
        CHECK_ERR(demur_ring_verify(bytes, &ring, scope, message, tag, NULL), want);
        CHECK_ERR(demur_ring_verify(bytes, &loaded, scope, message, tag, NULL), want);
        s.mem[i] = held;
    }
}

#define BATCH 9

/* By somebody who is not in the ring, and proves it of another one: of the three equations
 * only that of the keys does not hold. */
static struct signature sign_outside(struct span scope, struct span message)
{
    static uint8_t others[DEMUR_COUNT(keys)][32];
    struct signature s = {.len = 0};
    struct demur_ring other = ring;
    uint8_t secret[32];
    const uint8_t entropy[64] = {3};
    struct buf out = buf_over(s.mem, sizeof s.mem);
    memcpy(others, keys, ring.n * 32);
    fixture_member(secret, others[0], 5000);
    other.keys = (const uint8_t(*)[32])others;
    CHECK_ERR(demur_ring_sign(&out, &other, secret, scope, message, entropy), DEMUR_OK);
    s.len = out.len;
    return s;
}

/* A loaded ring that is summed in two parts, the second a single key. */
TEST(ring_signatures_are_complete_in_a_large_loaded_ring)
{
    enum { N = RING_LOADED_CHUNK + 1 };
    static uint8_t many[N][32];
    static uint64_t storage[(sizeof(struct ring_points) + N * sizeof(struct group_affine)) * 3 / 8];
    struct span scope = span_lit("s"), message = span_lit("m");
    uint8_t tag[32];
    if (test_quick()) {
        test_skip("a large ring takes too long here");
        return;
    }
    fixture_ring(&ring, many, N);
    struct signature s = sign(N - 1, scope, message, 1);
    for (size_t i = 0; group_path_at(i); i++) {
        struct demur_ring loaded;
        REQUIRE(ring_storage_len_by(group_path_at(i), N) <= sizeof storage);
        CHECK_ERR(
            ring_load_by(group_path_at(i), &loaded, (const uint8_t(*)[32])many, N, storage, NULL),
            DEMUR_OK);
        struct span bytes = span_of(s.mem, s.len);
        CHECK_ERR(demur_ring_verify(bytes, &loaded, scope, message, tag, NULL), DEMUR_OK);
        s.mem[s.len - 1] ^= 1; /* z */
        CHECK_ERR(demur_ring_verify(bytes, &loaded, scope, message, tag, NULL), DEMUR_ERR_VERIFY);
        s.mem[s.len - 1] ^= 1;
    }
}

/* In batches of every size, with bad ones of every kind at every place, in each
 * way that this processor can go: each signature gets the verdict, the words and the tag
 * that it gets alone. */
TEST(ring_batches_name_the_bad_ones)
{
    static uint64_t storage[3][8192], work[65536];
    static struct signature s[BATCH], outside, altered[BATCH];
    struct demur_ring_item items[BATCH];
    struct demur_ring rings[3], loaded;
    const uint8_t entropy[32] = {5};
    const struct span scopes[] = {span_lit("b"), span_lit("a"), span_lit("a")};
    fixture_ring(&ring, keys, 17);
    for (size_t i = 0; i < 3; i++) {
        const struct group_path *path = group_path_at(i) ? group_path_at(i) : &group_path_portable;
        REQUIRE(ring_storage_len_by(path, 17) <= sizeof storage[i]);
        CHECK_ERR(ring_load_by(path, &rings[i], (const uint8_t(*)[32])keys, 17, storage[i], NULL),
                  DEMUR_OK);
    }
    REQUIRE(demur_ring_batch_work_len(&rings[0], BATCH) <= sizeof work);
    outside = sign_outside(span_lit("a"), span_lit("m"));
    for (size_t i = 0; i < BATCH; i++) {
        altered[i] = s[i] = sign(i, scopes[i % 3], span_lit("m"), i);
        altered[i].mem[s[i].len - 96] ^= 1; /* a response: the challenge stays what it was */
    }
    for (size_t bad = 0; bad < 1 << BATCH; bad += test_quick() ? 73 : 7) {
        size_t n = bad % (BATCH + 1);
        loaded = rings[bad / 7 % 3];
        enum demur_err first = DEMUR_OK;
        for (size_t i = 0; i < n; i++) {
            items[i] = (struct demur_ring_item){.signature = span_of(s[i].mem, s[i].len),
                                                .scope = scopes[i % 3],
                                                .message = span_lit("m"),
                                                .tag = {9}};
            if (!(bad >> i & 1))
                continue;
            switch ((i + bad / 7) % 5) {
            case 0:
                items[i].message = span_lit("n");
                break;
            case 1:
                items[i].signature.len--;
                break;
            case 2:
                items[i].signature = span_of(altered[i].mem, s[i].len);
                break;
            case 3:
                items[i].scope = span_lit("c");
                break;
            default:
                items[i].scope = span_lit("a");
                items[i].signature = span_of(outside.mem, outside.len);
            }
        }
        enum demur_err err = demur_ring_verify_batch(items, n, &loaded, entropy, work, sizeof work);
        for (size_t i = 0; i < n; i++) {
            uint8_t tag[32] = {9};
            struct demur_diag alone = {0}, together = {0};
            CHECK_ERR(items[i].err, demur_ring_verify(items[i].signature, &loaded, items[i].scope,
                                                      items[i].message, tag, &alone));
            CHECK((items[i].err != DEMUR_OK) == (bad >> i & 1));
            CHECK_SPAN(span_of(items[i].tag, 32), span_of(tag, 32));
            if (items[i].err)
                demur_ring_item_explain(&items[i], &loaded, &together);
            CHECK_SPAN(span_str(together.text), span_str(alone.text));
            first = first ? first : items[i].err;
        }
        CHECK_ERR(err, first);
    }
    CHECK_ERR(demur_ring_verify_batch(items, 1, &ring, entropy, work, sizeof work),
              DEMUR_ERR_MISSING);
    CHECK_ERR(demur_ring_verify_batch(items, 1, &loaded, entropy, work,
                                      demur_ring_batch_work_len(&loaded, 1) - 1),
              DEMUR_ERR_SPACE);
}

/* A ring that was not made by demur_ring_init, against its contract, and holds what
 * is no key: nothing verifies in it, whichever way sums are computed. */
TEST(ring_signatures_do_not_hold_where_a_key_is_none)
{
    struct span scope = span_lit("s"), message = span_lit("m");
    fixture_ring(&ring, keys, 3);
    struct signature s = sign(1, scope, message, 1);
    for (size_t i = 0; i < 3; i++) {
        uint8_t held[32];
        memcpy(held, keys[i], 32);
        memset(keys[i], 0xff, 32);
        CHECK_ERR(verify(&s, scope, message), DEMUR_ERR_VERIFY);
        s.mem[700] ^= 1;
        CHECK_ERR(verify(&s, scope, message), DEMUR_ERR_VERIFY);
        s.mem[700] ^= 1;
        memcpy(keys[i], held, 32);
    }
}

TEST(ring_signature_lengths_follow_the_table)
{
    static const size_t want[][2] = {{0, 0},       {1, 960},     {1024, 960},   {1025, 1120},
                                     {4096, 1120}, {4097, 1600}, {32768, 1600}, {32769, 0}};
    for (size_t i = 0; i < DEMUR_COUNT(want); i++)
        CHECK(demur_ring_signature_len(want[i][0]) == want[i][1]);
}

TEST(a_member_has_one_tag_per_scope)
{
    struct span message = span_lit("text"), other = span_lit("another text");
    uint8_t secret[32], key[32], tag[32];
    fixture_member(secret, key, 4);
    demur_ring_tag(tag, span_lit("scope a"), secret);

    fixture_ring(&ring, keys, 9);
    struct signature first = sign(4, span_lit("scope a"), message, 1);
    struct signature again = sign(4, span_lit("scope a"), other, 2);
    struct signature elsewhere = sign(4, span_lit("scope b"), message, 3);
    struct signature neighbour = sign(5, span_lit("scope a"), message, 4);
    fixture_ring(&ring, keys, 33);
    struct signature wider = sign(4, span_lit("scope a"), message, 5);

    CHECK_SPAN(span_of(first.mem, 32), span_of(tag, 32));
    CHECK_SPAN(span_of(again.mem, 32), span_of(tag, 32));
    CHECK_SPAN(span_of(wider.mem, 32), span_of(tag, 32));
    CHECK(memcmp(elsewhere.mem, tag, 32) != 0);
    CHECK(memcmp(neighbour.mem, tag, 32) != 0);
}

/* With the same entropy, another statement must not meet the same nonces: two
 * responses to one nonce would give the secret away. */
TEST(ring_signature_nonces_depend_on_the_statement)
{
    fixture_ring(&ring, keys, 3);
    struct signature a = sign(1, span_lit("s"), span_lit("m"), 1);
    struct signature b = sign(1, span_lit("s"), span_lit("n"), 1);
    struct signature c = sign(1, span_lit("s"), span_lit("m"), 2);
    for (size_t o = 32; o < a.len; o += 32) {
        CHECK(memcmp(a.mem + o, b.mem + o, 32) != 0);
        CHECK(memcmp(a.mem + o, c.mem + o, 32) != 0);
    }
}

TEST(ring_signing_refuses_who_is_no_member)
{
    uint8_t secret[32], key[32], entropy[64] = {1}, mem[DEMUR_RING_SIGNATURE_MAX];
    fixture_ring(&ring, keys, 5);
    fixture_member(secret, key, 5);
    struct buf out = buf_over(mem, sizeof mem);
    buf_put_str(&out, "proof ");
    CHECK_ERR(demur_ring_sign(&out, &ring, secret, span_lit("s"), span_lit("m"), entropy),
              DEMUR_ERR_UNKNOWN);
    CHECK_SPAN(buf_span(&out), span_lit("proof "));
}

TEST(ring_signing_needs_room)
{
    uint8_t secret[32], key[32], entropy[64] = {1}, mem[960];
    fixture_ring(&ring, keys, 5);
    fixture_member(secret, key, 0);
    struct buf out = buf_over(mem, sizeof mem - 1);
    CHECK_ERR(demur_ring_sign(&out, &ring, secret, span_lit("s"), span_lit("m"), entropy),
              DEMUR_ERR_SPACE);
    CHECK(out.len == 0 && buf_ok(&out));
    out = buf_over(mem, sizeof mem);
    CHECK_ERR(demur_ring_sign(&out, &ring, secret, span_lit("s"), span_lit("m"), entropy),
              DEMUR_OK);
}

TEST(rings_are_limited)
{
    struct demur_diag diag = {0};
    CHECK_ERR(demur_ring_init(&ring, (const uint8_t(*)[32])keys, DEMUR_RING_MAX + 1, &diag),
              DEMUR_ERR_LIMIT);
    CHECK_ERR(diag.code, DEMUR_ERR_LIMIT);
}

TEST(ring_sort_sorts)
{
    uint64_t seed = 3;
    for (size_t n = 0; n < 130; n++) {
        uint8_t sum[32] = {0}, after[32] = {0};
        test_random(&seed, keys, n * 32);
        for (size_t i = 0; i < n; i++) {
            keys[i][0] %= 4; /* so that first bytes repeat */
            if (i % 5 == 4)
                memcpy(keys[i], keys[i - 1], 32);
            for (size_t b = 0; b < 32; b++)
                sum[b] = (uint8_t)(sum[b] + keys[i][b]);
        }
        demur_ring_sort(keys, n);
        for (size_t i = 0; i < n; i++) {
            CHECK(i == 0 || memcmp(keys[i - 1], keys[i], 32) <= 0);
            for (size_t b = 0; b < 32; b++)
                after[b] = (uint8_t)(after[b] + keys[i][b]);
        }
        CHECK_SPAN(span_of(sum, 32), span_of(after, 32));
    }
}

TEST(ring_keys_have_one_encoding)
{
    uint8_t secret[32], key[32], again[32];
    fixture_member(secret, key, 1);
    demur_ring_key_public(again, secret);
    CHECK_SPAN(span_of(key, 32), span_of(again, 32));
    CHECK(demur_ring_key_ok(key));
    key[31] |= 0x80;
    CHECK(!demur_ring_key_ok(key));
    CHECK(!demur_ring_key_ok((const uint8_t[32]){0}));
}

TEST(possession_proofs_refuse_a_change_in_any_byte)
{
    uint8_t secrets[3][32], own[3][32], proof[64], entropy[64] = {1};
    for (uint64_t i = 0; i < 3; i++)
        fixture_member(secrets[i], own[i], i);
    const uint8_t(*k)[32] = (const uint8_t(*)[32])own;
    CHECK_ERR(
        demur_possession_prove(proof, (const uint8_t(*)[32])secrets, k, 3, span_lit("c"), entropy),
        DEMUR_OK);
    CHECK_ERR(demur_possession_verify(proof, k, 3, span_lit("c"), NULL), DEMUR_OK);
    for (size_t i = 0; i < sizeof proof; i++) {
        proof[i] ^= 0x10;
        CHECK(demur_possession_verify(proof, k, 3, span_lit("c"), NULL) != DEMUR_OK);
        proof[i] ^= 0x10;
    }
    CHECK_ERR(
        demur_possession_prove(proof, (const uint8_t(*)[32])secrets, k, 0, span_lit("c"), entropy),
        DEMUR_ERR_LIMIT);
}

/* Of any number at once, each is judged as it is alone. */
TEST(possession_proofs_verified_together_fare_as_alone)
{
    enum { PROOFS = 37 };
    static uint8_t secrets[PROOFS][13][32], owned[PROOFS][13][32];
    struct demur_possession_check checks[PROOFS];
    const uint8_t entropy[64] = {4};
    for (size_t i = 0; i < PROOFS; i++) {
        size_t n = 1 + i % 13;
        for (size_t j = 0; j < n; j++)
            fixture_member(secrets[i][j], owned[i][j], 13 * i + j);
        checks[i] = (struct demur_possession_check){
            .keys = (const uint8_t(*)[32])owned[i], .n = n, .context = span_lit("context")};
        CHECK_ERR(demur_possession_prove(checks[i].proof, (const uint8_t(*)[32])secrets[i],
                                         checks[i].keys, n, checks[i].context, entropy),
                  DEMUR_OK);
    }
    for (size_t n = 0; n <= PROOFS; n += test_quick() ? 12 : 1) {
        demur_possession_verify_many(checks, n);
        for (size_t i = 0; i < n; i++)
            CHECK(checks[i].good);
    }
    /* A response, a commitment, a context, no key, another's key, the identity, too many. */
    checks[3].proof[40] ^= 1;
    checks[5].proof[1] ^= 1;
    checks[20].context = span_lit("contexts");
    memset(owned[21][0], 0xff, 32);
    memcpy(owned[22][1], owned[0][0], 32);
    memset(owned[23][0], 0, 32);
    memset(checks[24].proof + 32, 0xff, 32);
    checks[36].n = DEMUR_POSSESSION_MAX + 1;
    demur_possession_verify_many(checks, PROOFS);
    for (size_t i = 0; i < PROOFS; i++) {
        enum demur_err alone = demur_possession_verify(checks[i].proof, checks[i].keys, checks[i].n,
                                                       checks[i].context, NULL);
        CHECK(checks[i].good == !alone);
        CHECK(checks[i].good != (i == 3 || i == 5 || (i >= 20 && i <= 24) || i == 36));
    }
}

TEST(claims_refuse_a_change_in_any_byte)
{
    uint8_t secret[32], key[32], tag[32], proof[64], entropy[64] = {1};
    fixture_member(secret, key, 2);
    demur_ring_tag(tag, span_lit("s"), secret);
    demur_claim_prove(proof, secret, span_lit("s"), span_lit("c"), entropy);
    CHECK_ERR(demur_claim_verify(proof, key, tag, span_lit("s"), span_lit("c"), NULL), DEMUR_OK);
    for (size_t i = 0; i < sizeof proof; i++) {
        proof[i] ^= 0x20;
        CHECK(demur_claim_verify(proof, key, tag, span_lit("s"), span_lit("c"), NULL) != DEMUR_OK);
        proof[i] ^= 0x20;
    }
}
