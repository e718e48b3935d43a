/* Hex, base64, base32, bech32: published vectors, every refusal, round trips. */
#include "../../core/encode.h"
#include "../test.h"

typedef void encoder(struct buf *out, struct span in);
typedef enum demur_err decoder(struct buf *out, struct span text);

static const struct codec {
    encoder *encode;
    decoder *decode;
    enum demur_err (*exact)(uint8_t *out, size_t len, struct span text);
    const char *foobar[7]; /* "", "f", "fo" ... (RFC 4648 §10, in our case) */
} codecs[] = {
    {demur_hex_encode,
     demur_hex_decode,
     demur_hex_exact,
     {"", "66", "666f", "666f6f", "666f6f62", "666f6f6261", "666f6f626172"}},
    {demur_base64_encode,
     demur_base64_decode,
     demur_base64_exact,
     {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"}},
    {demur_base64_bare_encode,
     demur_base64_bare_decode,
     demur_base64_bare_exact,
     {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"}},
    {demur_base32_encode,
     demur_base32_decode,
     demur_base32_exact,
     {"", "my", "mzxq", "mzxw6", "mzxw6yq", "mzxw6ytb", "mzxw6ytboi"}},
};

TEST(encode_rfc4648_vectors)
{
    for (size_t c = 0; c < DEMUR_COUNT(codecs); c++) {
        for (size_t n = 0; n <= 6; n++) {
            uint8_t room[64];
            struct buf out = buf_over(room, sizeof room);
            codecs[c].encode(&out, span_of("foobar", n));
            CHECK_SPAN(buf_span(&out), span_str(codecs[c].foobar[n]));
            out = buf_over(room, sizeof room);
            CHECK_ERR(codecs[c].decode(&out, span_str(codecs[c].foobar[n])), DEMUR_OK);
            CHECK_SPAN(buf_span(&out), span_of("foobar", n));
        }
    }
}

TEST(encode_every_byte_and_length_comes_back)
{
    uint64_t seed = 1;
    for (size_t c = 0; c < DEMUR_COUNT(codecs); c++) {
        for (size_t n = 0; n <= 300; n++) {
            uint8_t in[300], text[640], back[301];
            test_random(&seed, in, n);
            struct buf t = buf_over(text, sizeof text), b = buf_over(back, sizeof back);
            codecs[c].encode(&t, span_of(in, n));
            CHECK_ERR(codecs[c].decode(&b, buf_span(&t)), DEMUR_OK);
            CHECK(span_eq(buf_span(&b), span_of(in, n)));
            CHECK_ERR(codecs[c].exact(back, n, buf_span(&t)), DEMUR_OK);
            CHECK(span_eq(span_of(back, n), span_of(in, n)));
            CHECK_ERR(codecs[c].exact(back, n + 1, buf_span(&t)), DEMUR_ERR_SYNTAX);
            if (n) {
                CHECK_ERR(codecs[c].exact(back, n - 1, buf_span(&t)), DEMUR_ERR_SYNTAX);
            }
        }
    }
}

TEST(encode_lengths_are_as_the_macros_say)
{
    uint8_t in[64] = {0}, text[160];
    for (size_t n = 0; n <= sizeof in; n++) {
        const size_t want[] = {DEMUR_HEX_LEN(n), DEMUR_BASE64_LEN(n), DEMUR_BASE64_BARE_LEN(n),
                               DEMUR_BASE32_LEN(n)};
        for (size_t c = 0; c < DEMUR_COUNT(codecs); c++) {
            struct buf out = buf_over(text, want[c]);
            codecs[c].encode(&out, span_of(in, n));
            CHECK(buf_ok(&out) && out.len == want[c]);
            if (want[c] == 0)
                continue;
            out = buf_over(text, want[c] - 1);
            codecs[c].encode(&out, span_of(in, n));
            CHECK(!buf_ok(&out));
        }
    }
}

/* Which single characters a decoder takes, asked with texts that are whole
 * groups, so that nothing but the character can be wrong. */
static void check_alphabet(decoder *decode, size_t group, const char *alphabet)
{
    for (unsigned c = 0; c < 256; c++) {
        uint8_t text[8], room[8];
        memset(text, alphabet[0], sizeof text);
        text[group - 2] = (uint8_t)c;
        struct buf out = buf_over(room, sizeof room);
        bool in = c && strchr(alphabet, (int)c);
        CHECK_ERR(decode(&out, span_of(text, group)), in ? DEMUR_OK : DEMUR_ERR_SYNTAX);
        CHECK(in || out.len == 0);
    }
}

TEST(encode_alphabets_admit_nothing_else)
{
    static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    check_alphabet(demur_hex_decode, 2, "0123456789abcdef");
    check_alphabet(demur_base64_decode, 4, b64);
    check_alphabet(demur_base64_bare_decode, 4, b64);
    check_alphabet(demur_base32_decode, 8, "abcdefghijklmnopqrstuvwxyz234567");
}

TEST(encode_refusals)
{
    static const struct {
        decoder *decode;
        const char *text;
        enum demur_err want;
    } cases[] = {
        {demur_hex_decode, "0", DEMUR_ERR_SYNTAX},
        {demur_hex_decode, "0A", DEMUR_ERR_SYNTAX},
        {demur_base64_decode, "Zg", DEMUR_ERR_SYNTAX},
        {demur_base64_decode, "Zg=", DEMUR_ERR_SYNTAX},
        {demur_base64_decode, "Z===", DEMUR_ERR_SYNTAX},
        {demur_base64_decode, "====", DEMUR_ERR_SYNTAX},
        {demur_base64_decode, "Zm9v====", DEMUR_ERR_SYNTAX},
        {demur_base64_decode, "Zg==Zg==", DEMUR_ERR_SYNTAX},
        {demur_base64_decode, "Zh==", DEMUR_ERR_CANON},
        {demur_base64_decode, "Zm9=", DEMUR_ERR_CANON},
        {demur_base64_decode, "Zm9v\n", DEMUR_ERR_SYNTAX},
        {demur_base64_decode, "Zm9-", DEMUR_ERR_SYNTAX},
        {demur_base64_bare_decode, "Z", DEMUR_ERR_SYNTAX},
        {demur_base64_bare_decode, "Zg==", DEMUR_ERR_SYNTAX},
        {demur_base64_bare_decode, "Zh", DEMUR_ERR_CANON},
        {demur_base64_bare_decode, "Zm9", DEMUR_ERR_CANON},
        {demur_base32_decode, "m", DEMUR_ERR_SYNTAX},
        {demur_base32_decode, "mzx", DEMUR_ERR_SYNTAX},
        {demur_base32_decode, "mzxw6y", DEMUR_ERR_SYNTAX},
        {demur_base32_decode, "mz", DEMUR_ERR_CANON},
        {demur_base32_decode, "MY", DEMUR_ERR_SYNTAX},
        {demur_base32_decode, "my======", DEMUR_ERR_SYNTAX},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        uint8_t room[16] = "before";
        struct buf out = buf_over(room, sizeof room);
        out.len = 6;
        enum demur_err got = cases[i].decode(&out, span_str(cases[i].text));
        if (got != cases[i].want || out.len != 6 || memcmp(room, "before", 6) != 0)
            test_failed(__FILE__, __LINE__, "case %zu (%s): %s", i, cases[i].text,
                        demur_err_name(got));
    }
    uint8_t small[2];
    struct buf out = buf_over(small, sizeof small);
    CHECK_ERR(demur_hex_decode(&out, span_lit("010203")), DEMUR_ERR_SPACE);
    CHECK(!buf_ok(&out));
}

/* BIP 173's examples of valid texts; data as 5-bit groups need not be whole
 * bytes there, so only those that are can be decoded to bytes. */
TEST(bech32_published_vectors)
{
    uint8_t room[256];
    struct buf out = buf_over(room, sizeof room);
    CHECK_ERR(demur_bech32_decode(&out, "A", span_lit("A12UEL5L")), DEMUR_OK);
    CHECK_ERR(demur_bech32_decode(&out, "a", span_lit("a12uel5l")), DEMUR_OK);
    CHECK_ERR(demur_bech32_decode(&out, "?", span_lit("?1ezyfcl")), DEMUR_OK);
    CHECK_ERR(demur_bech32_decode(
                  &out,
                  "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcluded"
                  "charactersbio",
                  span_lit("an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcluded"
                           "charactersbio1tt5tgs")),
              DEMUR_OK);
    CHECK(out.len == 0);
    CHECK_ERR(demur_bech32_decode(&out, "abcdef",
                                  span_lit("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw")),
              DEMUR_OK);
    uint8_t want[20];
    test_unhex("00443214c74254b635cf84653a56d7c675be77df", want, sizeof want);
    CHECK(span_eq(buf_span(&out), span_of(want, sizeof want)));
    uint8_t again[64];
    struct buf text = buf_over(again, sizeof again);
    demur_bech32_encode(&text, "abcdef", span_of(want, sizeof want));
    CHECK_SPAN(buf_span(&text), span_lit("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"));
}

TEST(bech32_refusals)
{
    static const struct {
        const char *hrp, *text;
        enum demur_err want;
    } cases[] = {
        {"a", "a12uel5", DEMUR_ERR_SYNTAX},    /* short of a checksum */
        {"a", "A12UEL5L", DEMUR_ERR_SYNTAX},   /* the other case */
        {"A", "a12uel5l", DEMUR_ERR_SYNTAX},   /* the other case */
        {"a", "a12uEl5l", DEMUR_ERR_CANON},    /* both cases */
        {"A", "A12UeL5L", DEMUR_ERR_CANON},    /* both cases */
        {"a", "a12uel5m", DEMUR_ERR_VERIFY},   /* checksum */
        {"b", "a12uel5l", DEMUR_ERR_SYNTAX},   /* another prefix */
        {"a", "ax2uel5l", DEMUR_ERR_SYNTAX},   /* no separator */
        {"a", "a12ueb5l", DEMUR_ERR_SYNTAX},   /* not in the alphabet */
        {"a", "a12uel1l", DEMUR_ERR_SYNTAX},   /* not in the alphabet */
        {"x", "x1b4n0q5v", DEMUR_ERR_SYNTAX},  /* BIP 173: invalid data character */
        {"li", "li1dgmt3", DEMUR_ERR_SYNTAX},  /* BIP 173: too short checksum */
        {"A", "A1G7SGD8", DEMUR_ERR_VERIFY},   /* BIP 173: checksum of the other case */
        {"Aa", "Aa12uel5l", DEMUR_ERR_SYNTAX}, /* a prefix of both cases */
        {"", "12uel5l", DEMUR_ERR_SYNTAX},     /* no prefix */
        {"a", "a12uel5l ", DEMUR_ERR_SYNTAX},  /* something more */
        {"?", "?1v759aa", DEMUR_ERR_SYNTAX},   /* five stray bits are a digit too many */
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        uint8_t room[64];
        struct buf out = buf_over(room, sizeof room);
        enum demur_err got = demur_bech32_decode(&out, cases[i].hrp, span_str(cases[i].text));
        if (i + 1 == DEMUR_COUNT(cases) ? got == DEMUR_OK : got != cases[i].want)
            test_failed(__FILE__, __LINE__, "case %zu (%s): %s", i, cases[i].text,
                        demur_err_name(got));
        CHECK(out.len == 0);
    }
}

TEST(bech32_comes_back_and_sees_every_error_of_one_letter)
{
    uint64_t seed = 2;
    uint8_t in[64], text[256], back[64];
    static const char *const hrps[] = {"age", "AGE-SECRET-KEY-", "x1y"};
    for (size_t n = 0; n <= sizeof in; n++) {
        const char *hrp = hrps[n % DEMUR_COUNT(hrps)];
        test_random(&seed, in, n);
        struct buf t = buf_over(text, sizeof text), b = buf_over(back, sizeof back);
        demur_bech32_encode(&t, hrp, span_of(in, n));
        CHECK(buf_ok(&t) && t.len == DEMUR_BECH32_LEN(strlen(hrp), n));
        CHECK_ERR(demur_bech32_decode(&b, hrp, buf_span(&t)), DEMUR_OK);
        CHECK(span_eq(buf_span(&b), span_of(in, n)));
        for (size_t i = 0; i < t.len; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                text[i] ^= (uint8_t)(1u << bit);
                b.len = 0;
                CHECK(demur_bech32_decode(&b, hrp, buf_span(&t)) != DEMUR_OK);
                text[i] ^= (uint8_t)(1u << bit);
            }
        }
    }
}

TEST(bech32_limits)
{
    static uint8_t in[1000];
    uint8_t text[DEMUR_BECH32_MAX + 8];
    struct buf t = buf_over(text, sizeof text);
    demur_bech32_encode(&t, "age", span_of(in, 618)); /* 3 + 1 + 989 + 6 = 999 */
    CHECK(buf_ok(&t) && t.len == 999);
    struct buf b = buf_over(in, sizeof in);
    CHECK_ERR(demur_bech32_decode(&b, "age", buf_span(&t)), DEMUR_OK);
    t = buf_over(text, sizeof text);
    demur_bech32_encode(&t, "age", span_of(in, 619));
    CHECK(!buf_ok(&t));
    memset(text, 'q', sizeof text);
    CHECK_ERR(demur_bech32_decode(&b, "age", span_of(text, sizeof text)), DEMUR_ERR_LIMIT);
    t = buf_over(text, 12);
    demur_bech32_encode(&t, "age", span_of(in, 32));
    CHECK(!buf_ok(&t));
}

TEST(encode_base64_check_agrees_with_decode)
{
    uint64_t seed = 64;
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[200], decoded[200];
        char text[DEMUR_BASE64_LEN(200)];
        size_t n = test_random_u64(&seed) % (sizeof bytes + 1);
        test_random(&seed, bytes, n);
        struct buf b = buf_over(text, sizeof text);
        demur_base64_encode(&b, span_of(bytes, n));
        if (n && round % 4) {
            size_t at = test_random_u64(&seed) % b.len;
            b.p[at] = (uint8_t) "=A/ z"[test_random_u64(&seed) % 5];
        }
        struct span cut = span_take(buf_span(&b), round % 7 ? b.len : b.len - b.len / 3);
        struct buf out = buf_over(decoded, sizeof decoded);
        CHECK(demur_base64_check(cut) == demur_base64_decode(&out, cut));
    }
}
