/* Padding, the order of recipients, the two layers of a memo, and name cards. */
#include "../../core/card.h"
#include "../../core/keys.h"
#include "../../core/ring.h"
#include "../../core/seal.h"
#include "../test.h"

#include <sodium.h>

TEST(seal_padding)
{
    CHECK(demur_padded_len(0) == 4096 && demur_padded_len(4096) == 4096);
    CHECK(demur_padded_len(4097) == 4352);
    static uint8_t bytes[5000];
    struct buf b = buf_over(bytes, sizeof bytes);
    buf_put_str(&b, "abc\n");
    demur_letter_pad(&b);
    CHECK(buf_ok(&b) && b.len == 4096 && bytes[4] == '\n' && bytes[4095] == '\n');
    b = buf_over(bytes, sizeof bytes);
    buf_put_str(&b, "abc");
    demur_attachment_pad(&b);
    CHECK(buf_ok(&b) && b.len == 4096 && bytes[3] == 0 && bytes[4095] == 0);
    b = buf_over(bytes, 4095);
    demur_letter_pad(&b);
    CHECK(!buf_ok(&b));
}

TEST(seal_recipients_order)
{
    struct demur_age_recipient r[6] = {{{9}}, {{5}}, {{3}}, {{5}}, {{9}}, {{4}}};
    CHECK(demur_recipients_order(r, 6) == 4);
    CHECK(r[0].public[0] == 9 && r[1].public[0] == 3 && r[2].public[0] == 4 && r[3].public[0] == 5);
    CHECK(demur_recipients_order(r, 1) == 1);
    CHECK(demur_recipients_order(r, 0) == 0);
}

TEST(seal_memo_in_two_layers)
{
    enum { N = 3, PLAIN = 4096 };
    uint64_t state = 7;
    struct demur_age_identity people[N];
    struct demur_age_recipient to[N];
    for (size_t i = 0; i < N; i++) {
        uint8_t secret[32];
        test_random(&state, secret, sizeof secret);
        demur_age_identity_init(&people[i], secret);
        to[i] = demur_age_identity_recipient(&people[i]);
    }
    static uint8_t plain[PLAIN], outer[8192], inner[8192], opened[8192];
    uint8_t entropy[DEMUR_MEMO_ENTROPY_LEN(N)], key[32];
    test_random(&state, plain, sizeof plain);
    test_random(&state, entropy, sizeof entropy);
    test_random(&state, key, sizeof key);
    struct buf out = buf_over(outer, sizeof outer), work = buf_over(inner, sizeof inner);
    struct demur_diag diag = {0};
    REQUIRE(demur_memo_seal(&out, &work, span_of(plain, PLAIN), to, N, key,
                            span_of(entropy, sizeof entropy), &diag) == DEMUR_OK);
    CHECK(out.len == demur_memo_outer_len(PLAIN, N) && work.len == demur_memo_inner_len(PLAIN, N));
    for (size_t i = 0; i < N; i++) {
        struct buf got = buf_over(opened, sizeof opened), scratch = buf_over(inner, sizeof inner);
        CHECK_ERR(demur_memo_open(&got, &scratch, buf_span(&out), key, &people[i], &diag),
                  DEMUR_OK);
        CHECK(span_eq(buf_span(&got), span_of(plain, PLAIN)));
    }
    struct buf got = buf_over(opened, sizeof opened), scratch = buf_over(inner, sizeof inner);
    key[0] ^= 1;
    CHECK_ERR(demur_memo_open(&got, &scratch, buf_span(&out), key, &people[0], &diag),
              DEMUR_ERR_KEY);
    key[0] ^= 1;
    uint8_t other[32] = {1};
    demur_age_identity_init(&people[0], other);
    scratch = buf_over(inner, sizeof inner);
    CHECK_ERR(demur_memo_open(&got, &scratch, buf_span(&out), key, &people[0], &diag),
              DEMUR_ERR_KEY);
    out = buf_over(outer, sizeof outer);
    work = buf_over(inner, sizeof inner);
    CHECK_ERR(demur_memo_seal(&out, &work, span_of(plain, PLAIN), to, N, key,
                              span_of(entropy, sizeof entropy - 1), &diag),
              DEMUR_ERR_MISSING);
}

struct cardholder {
    uint8_t ring_secret[32], ring_key[32], channel[32], commitment[32], tag[32];
    struct demur_keys keys;
    struct demur_card_about about;
};

static void cardholder(struct cardholder *h, uint64_t state)
{
    uint8_t seed[64], scope_text[DEMUR_SCOPE_MAX];
    test_random(&state, seed, sizeof seed);
    demur_ring_key_from_seed(h->ring_secret, h->ring_key, seed);
    test_random(&state, seed, 32);
    demur_keys_from_seed(&h->keys, seed);
    memset(h->channel, 0xC1, 32);
    memset(h->commitment, 0xC2, 32);
    h->about = (struct demur_card_about){h->channel, span_lit("abcdefghijklmnopqrstuvwxyz234567"),
                                         3, h->commitment, h->tag};
    struct buf scope = buf_over(scope_text, sizeof scope_text);
    demur_scope_cosign(&scope, h->channel, h->about.dissent, 3);
    demur_ring_tag(h->tag, buf_span(&scope), h->ring_secret);
}

static const struct span offices[] = {{(const uint8_t *)"director", 8},
                                      {(const uint8_t *)"secretary", 9}};

TEST(card_holds_for_its_own_signature_only)
{
    struct cardholder h, other;
    cardholder(&h, 1);
    cardholder(&other, 2);
    uint8_t plain[DEMUR_CARD_LEN], again[DEMUR_CARD_LEN], entropy[64] = {5};
    struct demur_diag diag = {0};
    REQUIRE(demur_card_make(plain, &h.about, offices, 2, span_lit("m-1"), span_lit("Ana Example"),
                            h.ring_secret, h.keys.secret_key, entropy, &diag) == DEMUR_OK);
    struct demur_card card;
    REQUIRE(demur_card_parse(&card, span_of(plain, sizeof plain), &diag) == DEMUR_OK);
    CHECK_SPAN(card.name, span_lit("Ana Example"));
    CHECK_SPAN(card.audience, span_lit("director,secretary"));
    CHECK(memcmp(card.ring_key, h.ring_key, 32) == 0);
    struct buf out = buf_over(again, sizeof again);
    demur_card_put(&out, &card);
    CHECK(buf_ok(&out) && memcmp(plain, again, sizeof plain) == 0);
    CHECK_ERR(demur_card_check(&card, &h.about, &diag), DEMUR_OK);

    struct demur_card_about moved = h.about;
    moved.tag = other.tag;
    CHECK_ERR(demur_card_check(&card, &moved, &diag), DEMUR_ERR_VERIFY);
    moved = h.about;
    moved.revision = 4;
    CHECK_ERR(demur_card_check(&card, &moved, &diag), DEMUR_ERR_VERIFY);
    moved = h.about;
    moved.dissent = span_lit("bbcdefghijklmnopqrstuvwxyz234567");
    CHECK_ERR(demur_card_check(&card, &moved, &diag), DEMUR_ERR_VERIFY);
    moved = h.about;
    moved.commitment = h.channel;
    CHECK_ERR(demur_card_check(&card, &moved, &diag), DEMUR_ERR_VERIFY);
    moved = h.about;
    moved.channel = h.commitment;
    CHECK_ERR(demur_card_check(&card, &moved, &diag), DEMUR_ERR_VERIFY);
}

TEST(card_cannot_claim_anothers_signature)
{
    struct cardholder h, other;
    cardholder(&h, 1);
    cardholder(&other, 2);
    uint8_t plain[DEMUR_CARD_LEN], entropy[64] = {5};
    struct demur_diag diag = {0};
    struct demur_card card;
    /* Another member's ring key and name over this signature's tag. */
    REQUIRE(demur_card_make(plain, &h.about, offices, 2, span_lit("m-2"), span_lit("Bob"),
                            other.ring_secret, other.keys.secret_key, entropy, &diag) == DEMUR_OK);
    REQUIRE(demur_card_parse(&card, span_of(plain, sizeof plain), &diag) == DEMUR_OK);
    CHECK_ERR(demur_card_check(&card, &h.about, &diag), DEMUR_ERR_VERIFY);
    CHECK(strstr(diag.text, "proof of authorship"));
    /* The right ring key, and a name put in afterwards. */
    REQUIRE(demur_card_make(plain, &h.about, offices, 2, span_lit("m-1"), span_lit("Ana"),
                            h.ring_secret, h.keys.secret_key, entropy, &diag) == DEMUR_OK);
    uint8_t *name = plain;
    while (memcmp(name, "name Ana", 8) != 0)
        name++;
    memcpy(name, "name Bob", 8);
    REQUIRE(demur_card_parse(&card, span_of(plain, sizeof plain), &diag) == DEMUR_OK);
    CHECK_ERR(demur_card_check(&card, &h.about, &diag), DEMUR_ERR_VERIFY);
    memcpy(name, "name Ana", 8);
    REQUIRE(demur_card_parse(&card, span_of(plain, sizeof plain), &diag) == DEMUR_OK);
    CHECK_ERR(demur_card_check(&card, &h.about, &diag), DEMUR_OK);
    card.key[0] ^= 1;
    CHECK_ERR(demur_card_check(&card, &h.about, &diag), DEMUR_ERR_VERIFY);
}

TEST(card_faults)
{
    struct cardholder h;
    cardholder(&h, 1);
    uint8_t plain[DEMUR_CARD_LEN], entropy[64] = {5};
    struct demur_diag diag = {0};
    struct demur_card card;
    CHECK_ERR(demur_card_parse(&card, span_of(plain, 100), &diag), DEMUR_ERR_SYNTAX);
    memset(plain, 0, sizeof plain);
    CHECK_ERR(demur_card_parse(&card, span_of(plain, sizeof plain), &diag), DEMUR_ERR_MISSING);
    REQUIRE(demur_card_make(plain, &h.about, offices, 2, span_lit("m-1"), span_lit("Ana"),
                            h.ring_secret, h.keys.secret_key, entropy, &diag) == DEMUR_OK);
    plain[DEMUR_CARD_LEN - 1] = 'x'; /* a byte that no line holds */
    CHECK_ERR(demur_card_parse(&card, span_of(plain, sizeof plain), &diag), DEMUR_ERR_SYNTAX);
    static const struct span wrong[] = {{(const uint8_t *)"secretary", 9},
                                        {(const uint8_t *)"director", 8}};
    CHECK_ERR(demur_card_make(plain, &h.about, wrong, 2, span_lit("m-1"), span_lit("Ana"),
                              h.ring_secret, h.keys.secret_key, entropy, &diag),
              DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_card_make(plain, &h.about, offices, 2, span_lit("m-1"), span_lit("A\nb"),
                              h.ring_secret, h.keys.secret_key, entropy, &diag),
              DEMUR_ERR_SYNTAX);
    static char longest[3000];
    memset(longest, 'n', sizeof longest);
    CHECK_ERR(demur_card_make(plain, &h.about, offices, 2, span_lit("m-1"),
                              span_of(longest, sizeof longest), h.ring_secret, h.keys.secret_key,
                              entropy, &diag),
              DEMUR_ERR_LIMIT);
}
