/* The committed vectors: what they call valid verifies, and is made again byte
 * by byte; what they call bad is refused with the code of its check. */
#include "ring_fixture.h"
#include "ring_vectors.h"

#include "../../core/ring_parts.h"

static size_t keys_of(struct vector v, uint8_t (*keys)[32], size_t cap)
{
    struct span numbers;
    uint64_t n = 0;
    if (value_at(v, "numbers", 0, &numbers)) {
        CHECK(span_u64(numbers, cap, &n));
        for (uint64_t i = 0; i < n; i++) {
            struct buf number = buf_over(keys[i], 32);
            buf_put(&number, (const uint8_t[24]){0}, 24);
            buf_put_be64(&number, i + 1);
        }
        return (size_t)n;
    }
    for (struct span hex; n < cap && value_at(v, "key", n, &hex); n++)
        unhex_span(hex, keys[n], 32);
    return n;
}

static enum demur_err expected(struct vector v, struct span kind)
{
    static const struct {
        const char *kind, *name;
        enum demur_err err;
    } codes[] = {
        {"", "ok", DEMUR_OK},
        {"", "length", DEMUR_ERR_SYNTAX},
        {"", "key", DEMUR_ERR_SYNTAX},
        {"", "point", DEMUR_ERR_CANON},
        {"", "scalar", DEMUR_ERR_CANON},
        {"", "tag-identity", DEMUR_ERR_CANON},
        {"", "order", DEMUR_ERR_CANON},
        {"rings", "size", DEMUR_ERR_MISSING},
        {"", "size", DEMUR_ERR_LIMIT},
        {"", "digits", DEMUR_ERR_VERIFY},
        {"", "member", DEMUR_ERR_VERIFY},
        {"", "tag", DEMUR_ERR_VERIFY},
        {"", "possession", DEMUR_ERR_VERIFY},
        {"", "claim", DEMUR_ERR_VERIFY},
    };
    struct span want = text_of(v, "expect"), numbers;
    if (value_at(v, "numbers", 0, &numbers))
        kind = span_lit("large");
    for (size_t i = 0; i < DEMUR_COUNT(codes); i++) {
        if (span_eq_str(want, codes[i].name) && span_starts(kind, codes[i].kind))
            return codes[i].err;
    }
    test_failed(__FILE__, __LINE__, "no code for the expectation %.*s", SPAN_ARG(want));
    return DEMUR_OK;
}

static void check_outcome(struct vector v, struct span kind, enum demur_err got,
                          const struct demur_diag *diag)
{
    struct span name = text_of(v, "case");
    enum demur_err want = expected(v, kind);
    if (got != want)
        test_failed(__FILE__, __LINE__, "%.*s %.*s: got %s, want %s", SPAN_ARG(kind),
                    SPAN_ARG(name), demur_err_name(got), demur_err_name(want));
    if (got != diag->code || (got != DEMUR_OK && diag->text[0] == 0))
        test_failed(__FILE__, __LINE__, "%.*s %.*s: the diagnostic does not say so", SPAN_ARG(kind),
                    SPAN_ARG(name));
}

TEST(ring_points_are_those_of_the_vectors)
{
    struct span rest;
    struct vector v;
    size_t n = 0;
    for (bool ok = load("ring/points.txt", &rest); ok && next_vector(&rest, &v); n++) {
        uint8_t scope[512], want[32], got[32], encoded[32];
        struct group_point point;
        struct span hex, generator;
        bytes_of(v, "point", want, sizeof want);
        if (value_at(v, "scope", 0, &hex)) {
            struct span text = span_of(scope, unhex_span(hex, scope, sizeof scope));
            ring_scope_point(&point, text);
            ring_scope_encoded(encoded, text);
            CHECK_SPAN(span_of(encoded, 32), span_of(want, 32));
        } else {
            generator = text_of(v, "generator");
            REQUIRE(generator.len == 5);
            ring_generator(&point, (char)generator.p[0], generator.p[2] - '0',
                           generator.p[4] - '0');
        }
        group_encode(got, &point);
        CHECK_SPAN(span_of(got, 32), span_of(want, 32));
    }
    CHECK(n == 10 || !rest.p);
}

TEST(rings_are_judged_as_the_vectors_say)
{
    struct span rest;
    struct vector v;
    for (bool ok = load("ring/rings.txt", &rest); ok && next_vector(&rest, &v);) {
        static uint8_t keys[DEMUR_RING_MAX + 1][32];
        struct demur_ring ring = {.n = 77};
        struct demur_diag diag = {0};
        size_t n = keys_of(v, keys, DEMUR_COUNT(keys));
        enum demur_err err = demur_ring_init(&ring, (const uint8_t(*)[32])keys, n, &diag);
        check_outcome(v, span_lit("rings"), err, &diag);
        if (err != DEMUR_OK) {
            CHECK(ring.n == 77);
            continue;
        }
        uint8_t digest[32];
        bytes_of(v, "digest", digest, sizeof digest);
        CHECK_SPAN(span_of(ring.digest, 32), span_of(digest, 32));
    }
}

/* A vector that names its signer and entropy is made again. */
static void sign_again(struct vector v, const struct demur_ring *ring, struct span scope,
                       struct span message, struct span want)
{
    uint8_t secret[32], key[32], entropy[64], mem[DEMUR_RING_SIGNATURE_MAX];
    struct buf out = buf_over(mem, sizeof mem);
    fixture_member(secret, key, number_of(v, "signer"));
    bytes_of(v, "entropy", entropy, sizeof entropy);
    CHECK_ERR(demur_ring_sign(&out, ring, secret, scope, message, entropy), DEMUR_OK);
    CHECK_SPAN(buf_span(&out), want);
}

TEST(ring_signatures_are_judged_and_made_as_the_vectors_say)
{
    static uint8_t keys[5000][32];
    struct span rest;
    struct vector v;
    struct demur_ring ring = {0};
    for (bool ok = load("ring/signatures.txt", &rest); ok && next_vector(&rest, &v);) {
        static uint8_t scope[512], message[512], signature[2048];
        size_t members = number_of(v, "members");
        REQUIRE(members > 0 && members <= DEMUR_COUNT(keys));
        if (test_quick() && members > 300)
            continue;
        if (ring.n != members)
            fixture_ring(&ring, keys, members);
        struct span s = span_of(scope, bytes_of(v, "scope", scope, sizeof scope));
        struct span m = span_of(message, bytes_of(v, "message", message, sizeof message));
        struct span sig = span_of(signature, bytes_of(v, "signature", signature, sizeof signature));
        uint8_t tag[32] = {7};
        struct demur_diag diag = {0};
        struct span signer;
        enum demur_err err = demur_ring_verify(sig, &ring, s, m, tag, &diag);
        check_outcome(v, span_lit("signatures"), err, &diag);
        CHECK(err == DEMUR_OK ? memcmp(tag, signature, 32) == 0 : tag[0] == 7);
        if (value_at(v, "signer", 0, &signer))
            sign_again(v, &ring, s, m, sig);
    }
}

#define TOGETHER 128

/* All that are over the ring of six, verified at once: each gets the verdict that it gets alone. */
TEST(ring_signatures_are_judged_together_as_the_vectors_say)
{
    static uint8_t keys[6][32], scopes[TOGETHER][64], messages[TOGETHER][64];
    static uint8_t signatures[TOGETHER][1200];
    static uint64_t storage[4096], work[1 << 18];
    static struct demur_ring_item items[TOGETHER];
    static struct vector vectors[TOGETHER];
    const uint8_t entropy[32] = {6};
    struct demur_ring ring, loaded;
    struct span rest;
    struct vector v;
    size_t n = 0, bad = 0;
    fixture_ring(&ring, keys, 6);
    REQUIRE(demur_ring_storage_len(6) <= sizeof storage);
    CHECK_ERR(demur_ring_load(&loaded, (const uint8_t(*)[32])keys, 6, storage, NULL), DEMUR_OK);
    for (bool ok = load("ring/signatures.txt", &rest); ok && next_vector(&rest, &v);) {
        if (number_of(v, "members") != 6)
            continue;
        REQUIRE(n < TOGETHER);
        items[n] = (struct demur_ring_item){
            .signature = span_of(signatures[n], bytes_of(v, "signature", signatures[n], 1200)),
            .scope = span_of(scopes[n], bytes_of(v, "scope", scopes[n], 64)),
            .message = span_of(messages[n], bytes_of(v, "message", messages[n], 64))};
        vectors[n++] = v;
    }
    REQUIRE(demur_ring_batch_work_len(&loaded, TOGETHER) <= sizeof work);
    CHECK(demur_ring_verify_batch(items, n, &loaded, entropy, work, sizeof work) != DEMUR_OK);
    for (size_t i = 0; i < n; i++) {
        bad += items[i].err != DEMUR_OK;
        if (items[i].err != expected(vectors[i], span_lit("signatures")))
            test_failed(__FILE__, __LINE__, "%.*s: %s", SPAN_ARG(text_of(vectors[i], "case")),
                        demur_err_name(items[i].err));
    }
    CHECK(!rest.p || (n > 60 && n - bad == 1));
}

TEST(possessions_are_judged_and_made_as_the_vectors_say)
{
    struct span rest;
    struct vector v;
    for (bool ok = load("ring/possessions.txt", &rest); ok && next_vector(&rest, &v);) {
        uint8_t keys[32][32], secrets[16][32], key[32], mem[64], proof[64], again[64], entropy[64];
        struct demur_diag diag = {0};
        struct span hex;
        size_t n = keys_of(v, keys, DEMUR_COUNT(keys));
        struct span context = span_of(mem, bytes_of(v, "context", mem, sizeof mem));
        bytes_of(v, "proof", proof, sizeof proof);
        check_outcome(v, span_lit("possessions"),
                      demur_possession_verify(proof, (const uint8_t(*)[32])keys, n, context, &diag),
                      &diag);
        if (!value_at(v, "entropy", 0, &hex))
            continue;
        unhex_span(hex, entropy, sizeof entropy);
        for (size_t i = 0; i < n; i++)
            fixture_member(secrets[i], key, i);
        CHECK_ERR(demur_possession_prove(again, (const uint8_t(*)[32])secrets,
                                         (const uint8_t(*)[32])keys, n, context, entropy),
                  DEMUR_OK);
        CHECK_SPAN(span_of(again, 64), span_of(proof, 64));
    }
}

TEST(claims_are_judged_and_made_as_the_vectors_say)
{
    struct span rest;
    struct vector v;
    for (bool ok = load("ring/claims.txt", &rest); ok && next_vector(&rest, &v);) {
        uint8_t key[32], tag[32], mem[64], mem2[64], proof[64], again[64], entropy[64];
        uint8_t secret[32], own[32];
        struct demur_diag diag = {0};
        struct span hex;
        bytes_of(v, "key", key, sizeof key);
        bytes_of(v, "tag", tag, sizeof tag);
        bytes_of(v, "proof", proof, sizeof proof);
        struct span scope = span_of(mem, bytes_of(v, "scope", mem, sizeof mem));
        struct span context = span_of(mem2, bytes_of(v, "context", mem2, sizeof mem2));
        check_outcome(v, span_lit("claims"),
                      demur_claim_verify(proof, key, tag, scope, context, &diag), &diag);
        if (!value_at(v, "entropy", 0, &hex))
            continue;
        unhex_span(hex, entropy, sizeof entropy);
        fixture_member(secret, own, number_of(v, "signer"));
        demur_claim_prove(again, secret, scope, context, entropy);
        CHECK_SPAN(span_of(again, 64), span_of(proof, 64));
    }
}
