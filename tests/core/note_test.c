/* Signed notes: keys, the form of a note, and who is believed. */
#include <sodium.h>

#include "../../core/encode.h"
#include "../../core/note.h"
#include "../support/log_example.h"
#include "../test.h"

static struct log_example example;

static bool start(void)
{
    bool made = log_example_make(&example);
    if (!made)
        test_failed(__FILE__, __LINE__, "the example log cannot be made");
    return made;
}

TEST(note_names)
{
    static const struct {
        struct span name;
        bool ok;
    } cases[] = {
#define CASE(text, ok) {{(const uint8_t *)(text), sizeof(text) - 1}, ok}
        CASE("a", true),
        CASE("demur.example/channel", true),
        CASE("caf\xC3\xA9", true),
        CASE("", false),
        CASE("a b", false),
        CASE("a+b", false),
        CASE("a\tb", false),
        CASE("a\nb", false),
        CASE("a\x7F", false),
        CASE("a\xC2\x85", false),    /* next line */
        CASE("a\xC2\xA0", false),    /* no-break space */
        CASE("\xE1\x9A\x80", false), /* ogham space mark */
        CASE("\xE2\x80\x80", false), /* en quad */
        CASE("\xE2\x80\x8A", false), /* hair space */
        CASE("\xE2\x80\x8B", true),  /* zero width space: not White_Space */
        CASE("\xE2\x80\xA8", false), /* line separator */
        CASE("\xE2\x80\xAF", false), /* narrow no-break space */
        CASE("\xE2\x81\x9F", false), /* medium mathematical space */
        CASE("\xE3\x80\x80", false), /* ideographic space */
        CASE("\xFF", false),
        CASE("\xC3", false),
#undef CASE
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++)
        if (demur_note_name_ok(cases[i].name) != cases[i].ok)
            test_failed(__FILE__, __LINE__, "case %zu", i);
    uint8_t longest[DEMUR_NOTE_NAME_MAX + 1];
    memset(longest, 'n', sizeof longest);
    CHECK(demur_note_name_ok(span_of(longest, DEMUR_NOTE_NAME_MAX)));
    CHECK(!demur_note_name_ok(span_of(longest, DEMUR_NOTE_NAME_MAX + 1)));
}

TEST(note_keys)
{
    if (!start())
        return;
    uint8_t storage[DEMUR_NOTE_KEY_TEXT_MAX];
    const struct demur_note_key *const keys[] = {&example.log, &example.witness};
    for (size_t i = 0; i < DEMUR_COUNT(keys); i++) {
        struct buf b = buf_over(storage, sizeof storage);
        struct demur_note_key got;
        demur_note_key_put(&b, keys[i]);
        REQUIRE(buf_ok(&b));
        REQUIRE(demur_note_key_parse(&got, buf_span(&b), NULL) == DEMUR_OK);
        CHECK_SPAN(got.name, keys[i]->name);
        CHECK(got.alg == keys[i]->alg && memcmp(got.id, keys[i]->id, 4) == 0 &&
              memcmp(got.public_key, keys[i]->public_key, 32) == 0);
        for (size_t at = 0; at < b.len; at++) {
            b.p[at] ^= 1;
            struct demur_note_key other;
            CHECK(demur_note_key_parse(&other, buf_span(&b), NULL) != DEMUR_OK);
            b.p[at] ^= 1;
        }
    }
}

/* A vkey with this alg and this many key bytes, its id left as zeros. */
static struct span odd_key(uint8_t alg, size_t len)
{
    static uint8_t text[200];
    uint8_t blob[100] = {alg};
    struct buf b = buf_over(text, sizeof text);
    buf_put_str(&b, "name+00000000+");
    demur_base64_encode(&b, span_of(blob, 1 + len));
    return buf_span(&b);
}

TEST(note_keys_refused)
{
    struct demur_note_key key;
    CHECK_ERR(demur_note_key_parse(&key, odd_key(1, 32), NULL), DEMUR_ERR_VERIFY);
    CHECK_ERR(demur_note_key_parse(&key, odd_key(1, 31), NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_note_key_parse(&key, odd_key(4, 33), NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_note_key_parse(&key, odd_key(6, 50), NULL), DEMUR_ERR_UPGRADE);
    CHECK_ERR(demur_note_key_parse(&key, odd_key(0, 0), NULL), DEMUR_ERR_UPGRADE);
    static const struct {
        const char *text;
        enum demur_err want;
    } cases[] = {
        {"", DEMUR_ERR_SYNTAX},
        {"name", DEMUR_ERR_SYNTAX},
        {"name+00000000", DEMUR_ERR_SYNTAX},
        {"name+00000000+", DEMUR_ERR_SYNTAX},
        {"name+0000000+AQ==", DEMUR_ERR_SYNTAX},
        {"name+0000000g+AQ==", DEMUR_ERR_SYNTAX},
        {"name+0000000A+AQ==", DEMUR_ERR_SYNTAX},
        {"name+00000000+AQ=", DEMUR_ERR_SYNTAX},
        {"name+00000000+AR==", DEMUR_ERR_CANON},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++)
        CHECK_ERR(demur_note_key_parse(&key, span_str(cases[i].text), NULL), cases[i].want);
}

#define DASH "\xE2\x80\x94 "
#define SIG DASH "a AAAAAAA=\n" /* an id and one more byte */

TEST(note_form)
{
    static const struct {
        const char *text;
        enum demur_err want;
        uint32_t line;
    } cases[] = {
        {"t\n\n" SIG, DEMUR_OK, 0},
        {"\n\n" SIG, DEMUR_OK, 0},
        {"a\n\nb\n\n" SIG SIG, DEMUR_OK, 0},
        {"", DEMUR_ERR_SYNTAX, 0},
        {"t", DEMUR_ERR_SYNTAX, 0},
        {"t\n", DEMUR_ERR_MISSING, 0},
        {"t\n\n", DEMUR_ERR_MISSING, 0},
        {"t\n" SIG, DEMUR_ERR_MISSING, 0},
        {"\n" SIG, DEMUR_ERR_MISSING, 0},
        {"t\n\n" SIG "\n", DEMUR_ERR_MISSING, 0},
        {"t\n\n" SIG "x", DEMUR_ERR_SYNTAX, 0},
        {"t\n\n" SIG "x\n", DEMUR_ERR_SYNTAX, 4},
        {"a\tb\n\n" SIG, DEMUR_ERR_SYNTAX, 1},
        {"a\r\n\n" SIG, DEMUR_ERR_SYNTAX, 1},
        {"a\n\xFF\n\n" SIG, DEMUR_ERR_SYNTAX, 2},
        {"t\n\n- a AAAAAAA=\n", DEMUR_ERR_SYNTAX, 3},
        {"t\n\n\xE2\x80\x94"
         "a AAAAAAA=\n",
         DEMUR_ERR_SYNTAX, 3},
        {"t\n\n" DASH "AAAAAAA=\n", DEMUR_ERR_SYNTAX, 3},
        {"t\n\n" DASH " AAAAAAA=\n", DEMUR_ERR_SYNTAX, 3},
        {"t\n\n" DASH "a+ AAAAAAA=\n", DEMUR_ERR_SYNTAX, 3},
        {"t\n\n" DASH "a  AAAAAAA=\n", DEMUR_ERR_SYNTAX, 3},
        {"t\n\n" DASH "a AAAAAAA= \n", DEMUR_ERR_SYNTAX, 3},
        {"t\n\n" DASH "a AAAAAAA\n", DEMUR_ERR_SYNTAX, 3},
        {"t\n\n" DASH "a AAAAAA==\n", DEMUR_ERR_SYNTAX, 3}, /* an id and nothing */
        {"t\n\n" DASH "a AAAAAAB=\n", DEMUR_ERR_CANON, 3},
        {"t\n\n" DASH "a \n", DEMUR_ERR_SYNTAX, 3},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_note note;
        struct demur_diag diag = {0};
        enum demur_err got = demur_note_parse(&note, span_str(cases[i].text), &diag);
        if (got != cases[i].want || diag.line != cases[i].line || diag.code != got)
            test_failed(__FILE__, __LINE__, "case %zu: %s, line %u", i, demur_err_name(got),
                        (unsigned)diag.line);
    }
    struct demur_note note;
    CHECK_ERR(demur_note_parse(&note, span_lit("a\0b\n\n" SIG), NULL), DEMUR_ERR_SYNTAX);
    REQUIRE(demur_note_parse(&note, span_lit("a\n\nb\n\n" SIG SIG), NULL) == DEMUR_OK);
    CHECK_SPAN(note.text, span_lit("a\n\nb\n"));
    CHECK(note.len == 2);
    CHECK_SPAN(note.signature[1].name, span_lit("a"));
    CHECK_SPAN(note.signature[1].base64, span_lit("AAAAAAA="));
}

TEST(note_counts_signatures)
{
    static uint8_t storage[DEMUR_NOTE_MAX + 1];
    struct buf b = buf_over(storage, sizeof storage);
    struct demur_note note;
    buf_put_str(&b, "t\n\n");
    for (unsigned n = 1; n <= DEMUR_NOTE_SIGNATURES_MAX; n++) {
        buf_put_str(&b, SIG);
        CHECK(demur_note_parse(&note, buf_span(&b), NULL) == DEMUR_OK && note.len == n);
    }
    buf_put_str(&b, SIG);
    CHECK_ERR(demur_note_parse(&note, buf_span(&b), NULL), DEMUR_ERR_LIMIT);
    memset(storage, '\n', sizeof storage);
    CHECK_ERR(demur_note_parse(&note, span_of(storage, sizeof storage), NULL), DEMUR_ERR_LIMIT);
}

/* A note by the log, the witness and a stranger, in `storage`. */
static struct span signed_by_three(struct demur_note_key *stranger)
{
    static uint8_t storage[1024];
    uint8_t secret[64], seed[32] = {7}, public_key[32];
    struct buf b = buf_over(storage, sizeof storage);
    struct span text = span_lit("a text\n");
    crypto_sign_seed_keypair(public_key, secret, seed);
    /* The stranger goes by the log's name: only the id tells them apart. */
    if (demur_note_key_init(stranger, example.log.name, DEMUR_NOTE_ED25519, public_key, NULL) ||
        demur_note_put_text(&b, text, NULL) ||
        demur_note_sign(&b, text, stranger, secret, 0, NULL) ||
        demur_note_sign(&b, text, &example.log, example.log_secret, 0, NULL) ||
        demur_note_sign(&b, text, &example.witness, example.witness_secret, 1000, NULL) ||
        demur_note_sign(&b, text, &example.witness, example.witness_secret, 2000, NULL))
        test_failed(__FILE__, __LINE__, "cannot sign");
    return buf_span(&b);
}

TEST(note_verifies_whom_it_is_asked_about)
{
    if (!start())
        return;
    struct demur_note_key stranger, unheard;
    struct demur_note note;
    struct demur_note_seen seen[3];
    REQUIRE(demur_note_parse(&note, signed_by_three(&stranger), NULL) == DEMUR_OK);
    CHECK(note.len == 4);
    REQUIRE(demur_note_key_init(&unheard, span_lit("unheard"), DEMUR_NOTE_ED25519,
                                example.log.public_key, NULL) == DEMUR_OK);
    const struct demur_note_key keys[] = {example.witness, unheard, example.log};
    REQUIRE(demur_note_verify(&note, keys, seen, 3, NULL) == DEMUR_OK);
    CHECK(seen[0].signed_by && seen[0].time_s == 2000);
    CHECK(!seen[1].signed_by && seen[2].signed_by && seen[2].time_s == 0);
    CHECK_ERR(demur_note_verify(&note, &unheard, seen, 1, NULL), DEMUR_ERR_MISSING);
    CHECK_ERR(demur_note_verify(&note, NULL, NULL, 0, NULL), DEMUR_ERR_MISSING);
    /* One key in two roles: the id holds the algorithm, so it is another key. */
    struct demur_note_key as_log;
    REQUIRE(demur_note_key_init(&as_log, example.witness.name, DEMUR_NOTE_ED25519,
                                example.witness.public_key, NULL) == DEMUR_OK);
    CHECK_ERR(demur_note_verify(&note, &as_log, seen, 1, NULL), DEMUR_ERR_MISSING);
}

TEST(note_refuses_a_false_signature_of_a_known_key)
{
    if (!start())
        return;
    struct demur_note_key stranger;
    struct demur_note note;
    struct demur_note_seen seen[2];
    uint8_t bytes[1024];
    struct span good = signed_by_three(&stranger);
    REQUIRE(good.len > 2);
    memcpy(bytes, good.p, good.len);
    bytes[2] ^= 1; /* the text */
    REQUIRE(demur_note_parse(&note, span_of(bytes, good.len), NULL) == DEMUR_OK);
    CHECK_ERR(demur_note_verify(&note, &example.log, seen, 1, NULL), DEMUR_ERR_VERIFY);
    CHECK_ERR(demur_note_verify(&note, &example.witness, seen, 1, NULL), DEMUR_ERR_VERIFY);
    bytes[2] ^= 1;
    REQUIRE(demur_note_parse(&note, span_of(bytes, good.len), NULL) == DEMUR_OK);
    /* Spoil the witness's last signature: whoever knows it refuses, although
     * its other one is good; whoever does not, does not care. */
    uint8_t *last = bytes + good.len - 10;
    *last = *last == 'A' ? 'B' : 'A';
    const struct demur_note_key keys[] = {example.log, example.witness};
    REQUIRE(demur_note_parse(&note, span_of(bytes, good.len), NULL) == DEMUR_OK);
    CHECK_ERR(demur_note_verify(&note, keys, seen, 2, NULL), DEMUR_ERR_VERIFY);
    CHECK_ERR(demur_note_verify(&note, keys, seen, 1, NULL), DEMUR_OK);
}

/* A signature by a known key whose bytes are too few or whose time is none. */
TEST(note_refuses_odd_signatures)
{
    if (!start())
        return;
    for (size_t len = 60; len <= 80; len++) {
        uint8_t blob[80] = {0}, storage[300];
        struct buf b = buf_over(storage, sizeof storage);
        struct demur_note note;
        struct demur_note_seen seen;
        memcpy(blob, example.witness.id, 4);
        memset(blob + 4, 0xFF, 8);
        buf_put_str(&b, "t\n\n" DASH);
        buf_put_span(&b, example.witness.name);
        buf_put_byte(&b, ' ');
        demur_base64_encode(&b, span_of(blob, len));
        buf_put_byte(&b, '\n');
        REQUIRE(demur_note_parse(&note, buf_span(&b), NULL) == DEMUR_OK);
        CHECK_ERR(demur_note_verify(&note, &example.witness, &seen, 1, NULL), DEMUR_ERR_VERIFY);
    }
}

/* The format ends times at 2^63 - 1: a later one is refused even when signed. */
TEST(note_refuses_a_time_out_of_range)
{
    if (!start())
        return;
    const uint64_t times[] = {(uint64_t)INT64_MAX, (uint64_t)INT64_MAX + 1};
    for (size_t i = 0; i < DEMUR_COUNT(times); i++) {
        uint8_t message[100], signature[64], blob[76], storage[300];
        struct buf m = buf_over(message, sizeof message);
        buf_put_str(&m, "cosignature/v1\ntime ");
        buf_put_u64(&m, times[i]);
        buf_put_str(&m, "\nt\n");
        crypto_sign_detached(signature, NULL, m.p, m.len, example.witness_secret);
        struct buf s = buf_over(blob, sizeof blob), b = buf_over(storage, sizeof storage);
        buf_put(&s, example.witness.id, 4);
        buf_put_be64(&s, times[i]);
        buf_put(&s, signature, sizeof signature);
        buf_put_str(&b, "t\n\n" DASH);
        buf_put_span(&b, example.witness.name);
        buf_put_byte(&b, ' ');
        demur_base64_encode(&b, buf_span(&s));
        buf_put_byte(&b, '\n');
        struct demur_note note;
        struct demur_note_seen seen;
        REQUIRE(demur_note_parse(&note, buf_span(&b), NULL) == DEMUR_OK);
        CHECK_ERR(demur_note_verify(&note, &example.witness, &seen, 1, NULL),
                  i ? DEMUR_ERR_VERIFY : DEMUR_OK);
    }
}

TEST(note_sign_refusals)
{
    if (!start())
        return;
    static uint8_t storage[DEMUR_COSIGNED_TEXT_MAX + 1024], text[DEMUR_COSIGNED_TEXT_MAX + 1];
    struct buf b = buf_over(storage, sizeof storage);
    struct span t = span_lit("t\n");
    CHECK_ERR(demur_note_put_text(&b, span_lit("t"), NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_note_put_text(&b, span_lit("\t\n"), NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_note_sign(&b, span_lit("t"), &example.log, example.log_secret, 0, NULL),
              DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_note_sign(&b, t, &example.log, example.witness_secret, 0, NULL), DEMUR_ERR_KEY);
    CHECK_ERR(demur_note_sign(&b, t, &example.log, example.log_secret, 5, NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_note_sign(&b, t, &example.witness, example.witness_secret,
                              (uint64_t)INT64_MAX + 1, NULL),
              DEMUR_ERR_LIMIT);
    memset(text, '\n', sizeof text);
    CHECK_ERR(demur_note_sign(&b, span_of(text, sizeof text), &example.witness,
                              example.witness_secret, 5, NULL),
              DEMUR_ERR_LIMIT);
    CHECK(b.len == 0);
    CHECK_ERR(demur_note_sign(&b, span_of(text, sizeof text - 1), &example.witness,
                              example.witness_secret, 5, NULL),
              DEMUR_OK);
    struct buf small = buf_over(storage, 100);
    CHECK_ERR(demur_note_sign(&small, t, &example.log, example.log_secret, 0, NULL),
              DEMUR_ERR_SPACE);
}
