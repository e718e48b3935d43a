/* Derivations against figures from another HKDF; identity, kit, invitation, card. */
#include "../../core/encode.h"
#include "../../core/keys.h"
#include "../../core/ring.h"
#include "../test.h"

#include <sodium.h>

static void counting(uint8_t *out, size_t len, uint8_t from)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(from + i);
}

static void check_hex(const uint8_t *got, size_t len, const char *want)
{
    char text[200];
    struct buf b = buf_over(text, sizeof text);
    demur_hex_encode(&b, span_of(got, len));
    CHECK_SPAN(buf_span(&b), span_str(want));
}

TEST(keys_are_derived_as_written)
{
    uint8_t seed[32], phrase[16], fingerprint[32];
    counting(seed, 32, 0);
    counting(phrase, 16, 0);
    counting(fingerprint, 32, 100);
    struct demur_keys keys;
    demur_keys_from_seed(&keys, seed);
    check_hex(keys.secret_key, 32,
              "0fb36bb7fcb6382e6c4096c823b69844536de08997e7f337849a05ac34731254");
    check_hex(keys.age.secret, 32,
              "9823e12d19ed88b25484a65b21a3c505be32a2563eb03352d9ec677516964e2d");
    CHECK(memcmp(keys.secret_key + 32, keys.public_key, 32) == 0);
    struct demur_age_recipient recipient;
    REQUIRE(demur_age_recipient_parse(&recipient, span_str(keys.recipient), NULL) == DEMUR_OK);
    CHECK(memcmp(recipient.public, keys.age.public, 32) == 0);
    demur_keys_from_phrase(&keys, phrase, fingerprint);
    check_hex(keys.secret_key, 32,
              "0c24442997894f511283c242ad3e2b12037faf24c2c86452cf1b8ed823a0bb01");
    check_hex(keys.age.secret, 32,
              "ea83483cba56cafd9a04d124177654a9cb4b69f8c975f27ee9eefdb7c96788d0");
    uint8_t release[32];
    demur_release_key(release, phrase, fingerprint, 1);
    check_hex(release, 32, "cbc83e1f5bb4c252cb33a1d99c0850d294af3f76b3d07536fe691b1c11835c62");
    demur_release_key(release, phrase, fingerprint, 12);
    check_hex(release, 32, "339e56b506cbb59fecbd3f65742f13d2725346a99ec3e0f8c73ea230d684eab9");
    struct demur_age_identity circulation;
    demur_circulation_key(&circulation, phrase, fingerprint, 1);
    check_hex(circulation.secret, 32,
              "dbb52c869d7d58a7c969d47d036687d758112fe3ebe401fdef84a28203ef9842");
    demur_circulation_key(&circulation, phrase, fingerprint, 12);
    check_hex(circulation.secret, 32,
              "c93381f7c60af0c442b0b88b76b4590c17d62856cbfbbf689bd6861fe8fd7454");
}

TEST(keys_chain_goes_forward_only)
{
    static const char *const wide[] = {
        "24f500d69fd46260b916dd7b06f66b9f3fd7f67ec1582da4bb650182380ef561"
        "a770d9161f4960f10e09279a01aa5b92250c8628cbdf9e27d49e510fce52317a",
        "63f05ec05134d583d146121f5afb8caad27be7b48e4f6637ef3548178a2104e8"
        "d040df3b5663eb6b8a61301f44ea4ed7c0bbfa33acdc3cacf7e3872a55cf1bfb",
        "25058f0d04c4c5a7d4d7bf0b5c66c520153591f70ce7d8b9581b570822914335"
        "85ac2f85778dc2caca6e8458e2af8a3e3b29198c109e831a0557063caab10650",
    };
    struct demur_identity id = {.has_chain = true, .epoch = 24322};
    counting(id.chain, 32, 200);
    uint8_t secret[32], public[32], want_secret[32], want_public[32], seed[64];
    for (uint32_t i = 0; i < DEMUR_COUNT(wide); i++) {
        test_unhex(wide[i], seed, sizeof seed);
        demur_ring_key_from_seed(want_secret, want_public, seed);
        CHECK_ERR(demur_identity_ring_key(&id, 24322 + i, secret, public, NULL), DEMUR_OK);
        CHECK(memcmp(secret, want_secret, 32) == 0 && memcmp(public, want_public, 32) == 0);
    }
    CHECK(!demur_identity_erase_before(&id, 24322));
    CHECK(demur_identity_erase_before(&id, 24324));
    CHECK(id.epoch == 24324);
    check_hex(id.chain, 32, "f01af69b8ecec3f76ed0739289430eb1063060ce66a0319c7fdf65f751f35510");
    CHECK_ERR(demur_identity_ring_key(&id, 24324, secret, public, NULL), DEMUR_OK);
    CHECK(memcmp(secret, want_secret, 32) == 0);
    struct demur_diag diag;
    CHECK_ERR(demur_identity_ring_key(&id, 24323, secret, public, &diag), DEMUR_ERR_UNKNOWN);
    id.has_chain = false;
    CHECK_ERR(demur_identity_ring_key(&id, 24324, secret, public, &diag), DEMUR_ERR_UNKNOWN);
    CHECK(strstr(diag.text, "sign from next month on"));
    CHECK(!demur_identity_erase_before(&id, 24325));
}

/* A new chain from some month on: before it the old one's keys, from it on others, and what
 * is erased does not come back. */
TEST(keys_a_new_chain)
{
    struct demur_identity id = {.has_chain = true, .epoch = 24322}, fresh = {0}, old, read;
    uint8_t next[32], other[32], secret[32], key[5][32], was[5][32];
    counting(id.chain, 32, 200);
    counting(next, 32, 7);
    counting(other, 32, 9);
    old = id;
    demur_identity_new_chain(&id, 24324, next);
    CHECK(id.epoch == 24322 && id.later_epoch == 24324);
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_ERR(demur_identity_ring_key(&id, 24322 + i, secret, key[i], NULL), DEMUR_OK);
        CHECK_ERR(demur_identity_ring_key(&old, 24322 + i, secret, was[i], NULL), DEMUR_OK);
        CHECK((memcmp(key[i], was[i], 32) == 0) == (i < 2));
    }
    demur_identity_new_chain(&fresh, 24324, next);
    CHECK(fresh.has_chain && fresh.epoch == 24324 && !fresh.later_epoch);
    CHECK_ERR(demur_identity_ring_key(&fresh, 24326, secret, was[4], NULL), DEMUR_OK);
    CHECK(memcmp(key[4], was[4], 32) == 0);
    /* As text, and back. */
    char text[DEMUR_IDENTITY_TEXT_MAX];
    struct buf b = buf_over(text, sizeof text);
    snprintf(id.url, sizeof id.url, "http://a.example");
    demur_identity_put(&b, &id);
    CHECK_ERR(demur_identity_parse(&read, buf_span(&b), NULL), DEMUR_OK);
    CHECK(read.later_epoch == 24324 && memcmp(read.later_chain, next, 32) == 0);
    char copy[DEMUR_IDENTITY_TEXT_MAX];
    struct buf again = buf_over(copy, sizeof copy);
    demur_identity_put(&again, &read);
    CHECK_SPAN(buf_span(&again), buf_span(&b));
    /* Once more in the same month: the second takes the place of the first. */
    demur_identity_new_chain(&id, 24324, other);
    CHECK_ERR(demur_identity_ring_key(&id, 24323, secret, was[1], NULL), DEMUR_OK);
    CHECK(memcmp(key[1], was[1], 32) == 0);
    CHECK(demur_identity_erase_before(&id, 24323) && id.later_epoch == 24324);
    CHECK(demur_identity_erase_before(&id, 24324) && !id.later_epoch);
    CHECK(memcmp(id.chain, other, 32) == 0 && sodium_is_zero(id.later_chain, 32));
    /* In a later month, while the earlier one's keys are still there: those go. */
    demur_identity_new_chain(&old, 24324, next);
    demur_identity_new_chain(&old, 24326, other);
    CHECK(old.epoch == 24324 && old.later_epoch == 24326 && memcmp(old.chain, next, 32) == 0);
}

TEST(keys_urls)
{
    static const char *const good[] = {
        "http://127.0.0.1:8080",        "https://dissent.example.org",
        "https://example.org/demur",    "http://[::1]:9",
        "https://[2001:db8::1]",        "http://abc.onion/a/b-c_d~e.f",
        "https://example.org:443/%7Ex",
    };
    static const char *const bad[] = {
        "",
        "http://",
        "https:///path",
        "ftp://example.org",
        "http://example.org/",
        "http://user@example.org",
        "http://example.org:0",
        "http://example.org:65536",
        "http://example.org:",
        "http://example.org:80a",
        "http://exa mple.org",
        "http://example.org?x",
        "http://example.org/a#b",
        "http://[::1",
        "http://ex\xC3\xA4mple.org",
        "HTTP://example.org",
        "http://a:1:2",
    };
    for (size_t i = 0; i < DEMUR_COUNT(good); i++)
        if (!demur_url_ok(span_str(good[i])))
            test_failed(__FILE__, __LINE__, "refused %s", good[i]);
    for (size_t i = 0; i < DEMUR_COUNT(bad); i++)
        if (demur_url_ok(span_str(bad[i])))
            test_failed(__FILE__, __LINE__, "accepted %s", bad[i]);
}

#define FP "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define B64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
static const char full[] =
    "demur identity v1\nchannel " FP "\nurl http://127.0.0.1:1\ntoken abc\n"
    "handle m-1\nname Ana \xC3\x89.\nseed " B64 "\nepoch 2026-11\nchain " B64 "\nseq 41\n";
static const char bare[] =
    "demur identity v1\nchannel " FP "\nurl http://127.0.0.1:1\nseed " B64 "\nseq 0\n";

TEST(identity_round_trip)
{
    const char *const texts[] = {full, bare};
    for (size_t i = 0; i < DEMUR_COUNT(texts); i++) {
        struct demur_identity id;
        struct demur_diag diag = {0};
        enum demur_err err = demur_identity_parse(&id, span_str(texts[i]), &diag);
        if (err)
            test_failed(__FILE__, __LINE__, "%s", diag.text);
        uint8_t again[DEMUR_IDENTITY_TEXT_MAX];
        struct buf out = buf_over(again, sizeof again);
        demur_identity_put(&out, &id);
        CHECK_SPAN(buf_span(&out), span_str(texts[i]));
    }
}

TEST(identity_faults)
{
    static const struct {
        const char *text, *field;
        enum demur_err want;
        uint32_t line;
    } cases[] = {
        {"demur identity v2\n", "", DEMUR_ERR_UPGRADE, 1},
        {"demur identity v1\n", "channel", DEMUR_ERR_MISSING, 2},
        {"demur identity v1\nchannel x\n", "channel", DEMUR_ERR_SYNTAX, 2},
        {"demur identity v1\nchannel " FP "\nseed " B64 "\n", "url", DEMUR_ERR_MISSING, 3},
        {"demur identity v1\nchannel " FP "\nurl http://a\nseed " B64 "\n", "seq",
         DEMUR_ERR_MISSING, 5},
        {"demur identity v1\nchannel " FP "\nurl http://a\nseed " B64 "\nseq 01\n", "seq",
         DEMUR_ERR_SYNTAX, 5},
        {"demur identity v1\nchannel " FP "\nurl http://a\nseed " B64 "\nepoch 2026-11\nseq 1\n",
         "chain", DEMUR_ERR_MISSING, 0},
        {"demur identity v1\nchannel " FP "\nurl http://a\nseed " B64 "\nchain " B64 "\nseq 1\n",
         "epoch", DEMUR_ERR_MISSING, 0},
        {"demur identity v1\nchannel " FP "\nurl http://a\nseed " B64 "\nepoch 2019-12\n", "epoch",
         DEMUR_ERR_SYNTAX, 5},
        {"demur identity v1\nchannel " FP "\nurl http://a\nseed " B64 "\nlater-epoch 2026-11\n",
         "later-epoch", DEMUR_ERR_SYNTAX, 5},
        {"demur identity v1\nchannel " FP "\nurl http://a\nseed " B64 "\nepoch 2026-11\nchain " B64
         "\nlater-epoch 2026-11\n",
         "later-epoch", DEMUR_ERR_SYNTAX, 7},
        {"demur identity v1\nchannel " FP "\nurl http://a\nseed " B64 "\nepoch 2026-11\nchain " B64
         "\nlater-epoch 2026-12\nseq 1\n",
         "later-chain", DEMUR_ERR_MISSING, 0},
        {"demur identity v1\nchannel " FP "\nurl http://a\nseed " B64 "\nepoch 2026-11\nchain " B64
         "\nlater-chain " B64 "\nseq 1\n",
         "later-chain", DEMUR_ERR_SYNTAX, 7},
        {"demur identity v1\nchannel " FP "\nurl http://a\ntoken a\ntoken a\n", "token",
         DEMUR_ERR_SYNTAX, 5},
        {"demur identity v1\nchannel " FP "\nurl http://a\nhandle a\ntoken a\n", "token",
         DEMUR_ERR_SYNTAX, 5},
        {"demur identity v1\ncolour red\n", "", DEMUR_ERR_SYNTAX, 2},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_identity id = {.seq = 77};
        struct demur_diag diag = {0};
        enum demur_err got = demur_identity_parse(&id, span_str(cases[i].text), &diag);
        if (got != cases[i].want || diag.line != cases[i].line ||
            strcmp(diag.field, cases[i].field) != 0 || id.seq != 77)
            test_failed(__FILE__, __LINE__, "case %zu: %s at %u, %s (%s)", i, demur_err_name(got),
                        diag.line, diag.field, diag.text);
    }
}

TEST(recovery_kit)
{
    struct demur_identity id, back;
    REQUIRE(demur_identity_parse(&id, span_str(full), NULL) == DEMUR_OK);
    char kit[1024];
    struct buf out = buf_over(kit, sizeof kit);
    demur_recovery_put(&out, &id);
    REQUIRE(buf_ok(&out));
    REQUIRE(demur_recovery_parse(&back, buf_span(&out), NULL) == DEMUR_OK);
    CHECK(memcmp(back.seed, id.seed, 32) == 0 && memcmp(back.channel, id.channel, 32) == 0);
    CHECK(strcmp(back.handle, "m-1") == 0 && strcmp(back.url, id.url) == 0);
    CHECK(!back.has_chain && back.token[0] == 0 && back.name[0] == 0);

    /* As somebody types it: comments, blank lines, CR LF, spaces for dashes. */
    char typed[2048];
    struct buf t = buf_over(typed, sizeof typed);
    buf_put_str(&t, "# my kit\r\n\r\n  ");
    size_t words = 0; /* where the phrase of this line begins */
    for (size_t i = 0; i < out.len; i++) {
        if (span_starts(span_of(kit + i, out.len - i), "-half "))
            words = i + 6;
        if (kit[i] == '\n')
            buf_put_str(&t, "  \r\n\r\n");
        else
            buf_put_byte(&t, words && i > words && kit[i] == '-' ? ' ' : (uint8_t)kit[i]);
        words = kit[i] == '\n' ? 0 : words;
    }
    struct demur_diag diag = {0};
    CHECK_ERR(demur_recovery_parse(&back, buf_span(&t), &diag), DEMUR_OK);
    CHECK(memcmp(back.seed, id.seed, 32) == 0);

    /* A mistyped word is named, with its line. */
    char *word = strstr(kit, "second-half ") + 12 + 6; /* the second word */
    word[0] = 'x';
    CHECK_ERR(demur_recovery_parse(&back, buf_span(&out), &diag), DEMUR_ERR_SYNTAX);
    CHECK(diag.line == 6 && diag.column == 2 && strstr(diag.text, "second-half"));
    CHECK_ERR(demur_recovery_parse(&back, span_lit("# nothing\n"), &diag), DEMUR_ERR_MISSING);
    CHECK_ERR(demur_recovery_parse(&back, span_lit("demur recovery v1\n"), &diag),
              DEMUR_ERR_MISSING);
    CHECK_ERR(demur_recovery_parse(&back, span_lit("demur identity v1\n"), &diag),
              DEMUR_ERR_SYNTAX);
}

static void sample(struct demur_invitation *in, bool token)
{
    memset(in, 0, sizeof *in);
    counting(in->channel, 32, 3);
    counting(in->secret, 32, 90);
    struct buf h = buf_over(in->handle, DEMUR_WORD_MAX), t = buf_over(in->token, DEMUR_WORD_MAX),
               u = buf_over(in->url, DEMUR_URL_MAX);
    buf_put_str(&h, "h-7f3a");
    if (token)
        buf_put_str(&t, "reading-token-1");
    buf_put_str(&u, "https://dissent.example.org/demur");
}

TEST(invitation_round_trip)
{
    for (int token = 0; token < 2; token++) {
        struct demur_invitation in, back;
        sample(&in, token);
        char text[DEMUR_INVITATION_MAX];
        struct buf out = buf_over(text, sizeof text);
        demur_invitation_put(&out, &in);
        REQUIRE(buf_ok(&out));
        CHECK(span_starts(buf_span(&out), "demur-invite1"));
        REQUIRE(demur_invitation_parse(&back, buf_span(&out), NULL) == DEMUR_OK);
        CHECK(memcmp(&in, &back, sizeof in) == 0);
        /* Wrapped by a mail program, and shouted. */
        char mail[2 * DEMUR_INVITATION_MAX];
        struct buf m = buf_over(mail, sizeof mail);
        for (size_t i = 0; i < out.len; i++) {
            buf_put_byte(&m, (uint8_t)(text[i] >= 'a' ? text[i] - 32 : text[i]));
            if (i % 20 == 19)
                buf_put_str(&m, "\r\n ");
        }
        CHECK_ERR(demur_invitation_parse(&back, buf_span(&m), NULL), DEMUR_OK);
        CHECK(memcmp(&in, &back, sizeof in) == 0);
    }
}

TEST(invitation_typing_errors_are_seen)
{
    struct demur_invitation in, back;
    sample(&in, true);
    char text[DEMUR_INVITATION_MAX];
    struct buf out = buf_over(text, sizeof text);
    demur_invitation_put(&out, &in);
    REQUIRE(buf_ok(&out));
    struct demur_diag diag;
    for (size_t i = 13; i < out.len; i++) {
        char was = text[i];
        text[i] = was == 'a' ? 'b' : 'a';
        enum demur_err err = demur_invitation_parse(&back, buf_span(&out), &diag);
        text[i] = was;
        if (err != DEMUR_ERR_VERIFY)
            test_failed(__FILE__, __LINE__, "place %zu: %s", i, demur_err_name(err));
    }
    for (size_t len = 14; len < out.len; len++)
        CHECK_ERR(demur_invitation_parse(&back, span_of(text, len), &diag), DEMUR_ERR_VERIFY);
    text[40] = '1'; /* no letter of base32 */
    CHECK_ERR(demur_invitation_parse(&back, buf_span(&out), &diag), DEMUR_ERR_SYNTAX);
    CHECK(diag.column == 41 && strstr(diag.text, "place 41"));
    CHECK_ERR(demur_invitation_parse(&back, span_lit("hello"), &diag), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_invitation_parse(&back, span_lit(""), &diag), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_invitation_parse(&back, span_lit("demur-invite1"), &diag), DEMUR_ERR_SYNTAX);
}

TEST(officer_card)
{
    uint8_t seed[32];
    counting(seed, 32, 5);
    struct demur_keys keys;
    demur_keys_from_seed(&keys, seed);
    char text[DEMUR_OFFICER_CARD_MAX];
    struct buf out = buf_over(text, sizeof text);
    demur_officer_put(&out, &keys);
    REQUIRE(buf_ok(&out));
    struct demur_officer officer;
    char spaced[DEMUR_OFFICER_CARD_MAX + 4];
    struct buf s = buf_over(spaced, sizeof spaced);
    buf_put_str(&s, " ");
    buf_put_span(&s, buf_span(&out));
    buf_put_str(&s, "\r\n");
    REQUIRE(demur_officer_parse(&officer, buf_span(&s), NULL) == DEMUR_OK);
    CHECK(memcmp(officer.key, keys.public_key, 32) == 0);
    CHECK(strcmp(officer.recipient, keys.recipient) == 0);
    struct demur_diag diag;
    for (size_t i = 15; i < out.len; i += 7) {
        char was = text[i];
        text[i] = '!';
        CHECK_ERR(demur_officer_parse(&officer, buf_span(&out), &diag), DEMUR_ERR_SYNTAX);
        text[i] = was;
    }
    CHECK_ERR(demur_officer_parse(&officer, span_lit("age1abc"), &diag), DEMUR_ERR_SYNTAX);
    CHECK(strstr(diag.text, "whoami"));
}
