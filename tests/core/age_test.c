/* age: keys, sealing and opening, limits, and what a changed byte does. */
#include "../../core/age.h"
#include "../../core/encode.h"
#include "../test.h"

#define ROOM (4 * DEMUR_AGE_CHUNK_LEN)
static uint8_t plain_room[ROOM], file_room[ROOM], back_room[ROOM];

static struct demur_age_identity identity_of(uint8_t fill)
{
    uint8_t secret[DEMUR_AGE_KEY_LEN];
    struct demur_age_identity id;
    memset(secret, fill, sizeof secret);
    demur_age_identity_init(&id, secret);
    return id;
}

static struct span entropy_of(uint8_t *room, size_t len, uint64_t seed)
{
    test_random(&seed, room, len);
    return span_of(room, len);
}

/* Seal `len` bytes to identities 1..n; the file is in file_room. */
static struct span seal(size_t len, size_t n, uint64_t seed)
{
    static uint8_t entropy[DEMUR_AGE_ENTROPY_LEN(300)];
    static struct demur_age_recipient recipients[300];
    for (size_t i = 0; i < n; i++) {
        struct demur_age_identity id = identity_of((uint8_t)(i + 1));
        recipients[i] = demur_age_identity_recipient(&id);
    }
    test_random(&seed, plain_room, len);
    struct buf out = buf_over(file_room, demur_age_sealed_len(len, n));
    CHECK_ERR(demur_age_seal(&out, span_of(plain_room, len), recipients, n,
                             entropy_of(entropy, DEMUR_AGE_ENTROPY_LEN(n), seed), NULL),
              DEMUR_OK);
    CHECK(out.len == out.cap);
    return buf_span(&out);
}

static enum demur_err open_with(struct span file, uint8_t fill, struct buf *out)
{
    struct demur_age_identity id = identity_of(fill);
    *out = buf_over(back_room, sizeof back_room);
    return demur_age_open(out, file, &id, 1, NULL);
}

/* The specification's own example (c2sp.org/age): 32 bytes of 0x42. */
TEST(age_key_text_of_the_specification)
{
    static const char secret[] =
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    static const char public[] = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    struct demur_age_identity id = identity_of(0x42), parsed;
    struct demur_age_recipient r = demur_age_identity_recipient(&id), r_parsed;
    uint8_t room[80];
    struct buf out = buf_over(room, DEMUR_AGE_IDENTITY_TEXT_LEN);
    demur_age_identity_encode(&out, &id);
    CHECK_SPAN(buf_span(&out), span_str(secret));
    out = buf_over(room, DEMUR_AGE_RECIPIENT_TEXT_LEN);
    demur_age_recipient_encode(&out, &r);
    CHECK_SPAN(buf_span(&out), span_str(public));
    CHECK_ERR(demur_age_identity_parse(&parsed, span_str(secret), NULL), DEMUR_OK);
    CHECK(memcmp(&parsed, &id, sizeof id) == 0);
    CHECK_ERR(demur_age_recipient_parse(&r_parsed, span_str(public), NULL), DEMUR_OK);
    CHECK(memcmp(&r_parsed, &r, sizeof r) == 0);
}

TEST(age_key_text_refusals)
{
    static const struct {
        const char *text;
        enum demur_err want;
        const char *says;
    } cases[] = {
        {"age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwk", DEMUR_ERR_VERIFY,
         "the age recipient's checksum is wrong"},
        {"age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj ", DEMUR_ERR_SYNTAX,
         "has 62 characters"},
        {"AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ", DEMUR_ERR_SYNTAX,
         "begins with \"age1\""},
        {"", DEMUR_ERR_SYNTAX, "this is no age recipient"},
        {"age1", DEMUR_ERR_SYNTAX, "this is no age recipient"},
        {"AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
         DEMUR_ERR_SYNTAX, "this is no age recipient"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_age_recipient r;
        struct demur_diag diag = {0};
        CHECK_ERR(demur_age_recipient_parse(&r, span_str(cases[i].text), &diag), cases[i].want);
        if (!strstr(diag.text, cases[i].says))
            test_failed(__FILE__, __LINE__, "case %zu: %s", i, diag.text);
    }
    struct demur_age_identity id;
    CHECK_ERR(demur_age_identity_parse(
                  &id,
                  span_lit("age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4e"
                           "gaex"),
                  NULL),
              DEMUR_ERR_SYNTAX);
    /* well formed Bech32 of too few and too many bytes */
    for (size_t len = 31; len <= 33; len += 2) {
        uint8_t text[80];
        struct buf out = buf_over(text, sizeof text);
        struct demur_age_recipient r;
        demur_bech32_encode(&out, "age", span_of(plain_room, len));
        CHECK_ERR(demur_age_recipient_parse(&r, buf_span(&out), NULL), DEMUR_ERR_SYNTAX);
    }
}

TEST(age_nothing_is_sealed_to_points_of_small_order)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    struct demur_age_identity id = identity_of(7);
    struct demur_age_recipient pair[2] = {demur_age_identity_recipient(&id)}, parsed;
    uint8_t entropy[DEMUR_AGE_ENTROPY_LEN(2)] = {0}, text[64];
    CHECK_ERR(demur_age_recipient_check(&pair[0]), DEMUR_OK);
    for (size_t i = 0; i < DEMUR_COUNT(points); i++) {
        test_unhex(points[i], pair[1].public, sizeof pair[1].public);
        CHECK_ERR(demur_age_recipient_check(&pair[1]), DEMUR_ERR_KEY);
        struct buf t = buf_over(text, sizeof text), out = buf_over(file_room, sizeof file_room);
        demur_age_recipient_encode(&t, &pair[1]);
        CHECK_ERR(demur_age_recipient_parse(&parsed, buf_span(&t), NULL), DEMUR_ERR_KEY);
        struct demur_diag diag = {0};
        CHECK_ERR(
            demur_age_seal(&out, span_lit("x"), pair, 2, span_of(entropy, sizeof entropy), &diag),
            DEMUR_ERR_KEY);
        CHECK(strstr(diag.text, "recipient 2") && out.len == 0);
    }
}

TEST(age_round_trip_at_every_edge)
{
    static const size_t lengths[] = {0,     1,     15,     16,     65519,  65520, 65535,
                                     65536, 65537, 131071, 131072, 131073, 196608};
    for (size_t i = 0; i < DEMUR_COUNT(lengths); i++) {
        struct span file = seal(lengths[i], 1 + i % 3, i);
        struct buf out;
        CHECK_ERR(open_with(file, (uint8_t)(1 + i % (1 + i % 3)), &out), DEMUR_OK);
        CHECK(span_eq(buf_span(&out), span_of(plain_room, lengths[i])));
        CHECK_ERR(open_with(file, 99, &out), DEMUR_ERR_KEY);
        CHECK(out.len == 0);
    }
}

TEST(age_round_trip_of_random_lengths)
{
    uint64_t seed = 11;
    for (int i = 0; i < 40; i++) {
        size_t len = test_random_u64(&seed) % (i % 4 ? 3000 : 3 * DEMUR_AGE_CHUNK_LEN);
        size_t n = 1 + test_random_u64(&seed) % 8;
        struct span file = seal(len, n, seed);
        struct buf out;
        CHECK_ERR(open_with(file, (uint8_t)(1 + test_random_u64(&seed) % n), &out), DEMUR_OK);
        CHECK(span_eq(buf_span(&out), span_of(plain_room, len)));
    }
}

TEST(age_name_card_to_256_recipients)
{
    struct span file = seal(700, 256, 12);
    struct demur_age_header h;
    struct buf out;
    CHECK_ERR(demur_age_header_parse(&h, file, DEMUR_AGE_HEADER_MAX, NULL), DEMUR_OK);
    CHECK(h.x25519_count == 256 && h.stanza_count == 256 && !h.scrypt && h.log2n == 0);
    CHECK_ERR(open_with(file, 255, &out), DEMUR_OK); /* the 255th */
    CHECK(span_eq(buf_span(&out), span_of(plain_room, 700)));
    struct demur_age_identity several[3] = {identity_of(0), identity_of(200), identity_of(3)};
    out.len = 0;
    CHECK_ERR(demur_age_open(&out, file, several, 3, NULL), DEMUR_OK);
    out.len = 0;
    CHECK_ERR(demur_age_open(&out, file, NULL, 0, NULL), DEMUR_ERR_KEY);
}

TEST(age_seal_refuses_what_it_cannot_do)
{
    struct demur_age_identity id = identity_of(1);
    struct demur_age_recipient r = demur_age_identity_recipient(&id);
    uint8_t entropy[DEMUR_AGE_ENTROPY_LEN(1) + 1] = {0};
    size_t full = demur_age_sealed_len(5, 1);
    for (size_t cap = 0; cap < full; cap++) {
        struct buf out = buf_over(file_room, cap);
        CHECK_ERR(demur_age_seal(&out, span_lit("hello"), &r, 1,
                                 span_of(entropy, DEMUR_AGE_ENTROPY_LEN(1)), NULL),
                  DEMUR_ERR_SPACE);
        CHECK(out.len == 0);
    }
    struct buf out = buf_over(file_room, sizeof file_room);
    CHECK_ERR(demur_age_seal(&out, span_lit("x"), &r, 0, span_of(entropy, DEMUR_AGE_ENTROPY_LEN(0)),
                             NULL),
              DEMUR_ERR_MISSING);
    for (size_t len = 0; len <= sizeof entropy; len++)
        CHECK_ERR(demur_age_seal(&out, span_lit("x"), &r, 1, span_of(entropy, len), NULL),
                  len == DEMUR_AGE_ENTROPY_LEN(1) ? DEMUR_OK : DEMUR_ERR_MISSING);
    out.len = 0;
    CHECK_ERR(demur_age_seal(&out, span_lit("x"), &r, 669, span_of(entropy, sizeof entropy), NULL),
              DEMUR_ERR_LIMIT);
    CHECK(demur_age_sealed_len(SIZE_MAX - 10, 1) == SIZE_MAX);
    CHECK(demur_age_sealed_len(0, 669) == SIZE_MAX);
    CHECK(demur_age_sealed_len(0, 668) != SIZE_MAX);
    CHECK(demur_age_sealed_symmetric_len(SIZE_MAX, 1) == SIZE_MAX);
}

/* A file whose header was changed anywhere does not open; nothing is released
 * from one whose payload was. */
TEST(age_every_changed_bit_is_seen)
{
    struct span file = seal(40, 2, 13);
    for (size_t i = 0; i < file.len; i++) {
        for (unsigned bit = test_quick() ? i % 8 : 0; bit < 8; bit += test_quick() ? 8 : 1) {
            struct buf out;
            file_room[i] ^= (uint8_t)(1u << bit);
            enum demur_err err = open_with(file, 2, &out);
            if (err == DEMUR_OK || out.len)
                test_failed(__FILE__, __LINE__, "byte %zu bit %u", i, bit);
            file_room[i] ^= (uint8_t)(1u << bit);
        }
    }
}

TEST(age_every_truncation_and_addition_is_seen)
{
    struct span file = seal(40, 2, 14);
    struct buf out;
    for (size_t len = 0; len < file.len; len++)
        CHECK(open_with(span_take(file, len), 1, &out) != DEMUR_OK && out.len == 0);
    file_room[file.len] = 0;
    CHECK_ERR(open_with(span_of(file.p, file.len + 1), 1, &out), DEMUR_ERR_VERIFY);
    file = seal(2 * DEMUR_AGE_CHUNK_LEN, 1, 15);
    size_t payload = demur_age_sealed_len(0, 1) - DEMUR_AGE_TAG_LEN;
    const size_t cuts[] = {payload, payload + 1, payload + DEMUR_AGE_SEALED_CHUNK_LEN,
                           payload + DEMUR_AGE_SEALED_CHUNK_LEN + 1, file.len - 1};
    for (size_t i = 0; i < DEMUR_COUNT(cuts); i++)
        CHECK_ERR(open_with(span_take(file, cuts[i]), 1, &out), DEMUR_ERR_VERIFY);
    file_room[file.len] = 0;
    CHECK_ERR(open_with(span_of(file.p, file.len + 1), 1, &out), DEMUR_ERR_VERIFY);
    for (size_t i = 0; i < 2 * DEMUR_AGE_CHUNK_LEN; i++)
        CHECK(back_room[i] == 0); /* what was opened before the fault was wiped */
}

TEST(age_chunks_cannot_change_places)
{
    struct span file = seal(3 * DEMUR_AGE_CHUNK_LEN, 1, 16);
    uint8_t *first = file_room + demur_age_sealed_len(0, 1) - DEMUR_AGE_TAG_LEN;
    uint8_t *second = first + DEMUR_AGE_SEALED_CHUNK_LEN;
    for (size_t i = 0; i < DEMUR_AGE_SEALED_CHUNK_LEN; i++) {
        uint8_t c = first[i];
        first[i] = second[i];
        second[i] = c;
    }
    struct buf out;
    CHECK_ERR(open_with(file, 1, &out), DEMUR_ERR_VERIFY);
}

TEST(age_open_needs_room)
{
    struct span file = seal(100, 1, 17);
    struct demur_age_identity id = identity_of(1);
    for (size_t cap = 0; cap <= 100; cap++) {
        struct buf out = buf_over(back_room, cap);
        CHECK_ERR(demur_age_open(&out, file, &id, 1, NULL), cap < 100 ? DEMUR_ERR_SPACE : DEMUR_OK);
        CHECK(out.len == (cap < 100 ? 0 : 100));
    }
    file = seal(0, 1, 18);
    struct buf none = buf_over(NULL, 0);
    CHECK_ERR(demur_age_open(&none, file, &id, 1, NULL), DEMUR_OK);
}

TEST(age_symmetric_round_trip_and_refusals)
{
    uint8_t room[DEMUR_AGE_SYMMETRIC_ENTROPY_LEN];
    struct span pass = span_lit("correct horse battery staple"), plain = span_lit("the identity");
    for (unsigned log2n = 1; log2n <= 12; log2n += 1 + log2n / 4) {
        struct span entropy = entropy_of(room, sizeof room, log2n);
        struct buf file = buf_over(file_room, demur_age_sealed_symmetric_len(plain.len, log2n));
        CHECK_ERR(demur_age_seal_symmetric(&file, plain, pass, log2n, entropy, NULL), DEMUR_OK);
        CHECK(file.len == file.cap);
        struct buf out = buf_over(back_room, sizeof back_room);
        struct demur_diag diag = {0};
        CHECK_ERR(demur_age_open_symmetric(&out, buf_span(&file), pass, log2n, NULL), DEMUR_OK);
        CHECK_SPAN(buf_span(&out), plain);
        out.len = 0;
        CHECK_ERR(demur_age_open_symmetric(&out, buf_span(&file), pass, log2n - 1, &diag),
                  DEMUR_ERR_LIMIT);
        CHECK(strstr(diag.text, "above the limit of"));
        CHECK_ERR(demur_age_open_symmetric(&out, buf_span(&file), span_lit("wrong"), 22, &diag),
                  DEMUR_ERR_KEY);
        CHECK(strcmp(diag.text, "the passphrase is wrong") == 0 && out.len == 0);
        CHECK_ERR(demur_age_open_symmetric(&out, buf_span(&file), span_lit(""), 22, NULL),
                  DEMUR_ERR_KEY);
        CHECK_ERR(open_with(buf_span(&file), 1, &out), DEMUR_ERR_KEY);
    }
    struct buf out = buf_over(file_room, sizeof file_room);
    struct span entropy = entropy_of(room, sizeof room, 1);
    CHECK_ERR(demur_age_seal_symmetric(&out, plain, pass, 0, entropy, NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_age_seal_symmetric(&out, plain, pass, 23, entropy, NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_age_seal_symmetric(&out, plain, pass, 1, span_take(entropy, 47), NULL),
              DEMUR_ERR_MISSING);
    out = buf_over(file_room, 100);
    CHECK_ERR(demur_age_seal_symmetric(&out, plain, pass, 1, entropy, NULL), DEMUR_ERR_SPACE);
    struct span file = seal(3, 1, 19);
    out = buf_over(back_room, sizeof back_room);
    CHECK_ERR(demur_age_open_symmetric(&out, file, pass, 22, NULL), DEMUR_ERR_KEY);
}

TEST(age_release_wrap)
{
    uint8_t room[DEMUR_AGE_SYMMETRIC_ENTROPY_LEN], key[DEMUR_AGE_KEY_LEN];
    struct span entropy = entropy_of(room, sizeof room, 20), inner = seal(1000, 5, 21);
    memset(key, 0xC3, sizeof key);
    static uint8_t wrapped[4096];
    struct buf file = buf_over(wrapped, demur_age_wrapped_len(inner.len));
    CHECK_ERR(demur_age_wrap(&file, inner, key, entropy, NULL), DEMUR_OK);
    CHECK(file.len == file.cap);
    struct buf out = buf_over(back_room, sizeof back_room);
    CHECK_ERR(demur_age_unwrap(&out, buf_span(&file), key, NULL), DEMUR_OK);
    CHECK(span_eq(buf_span(&out), inner));
    /* it is nothing but a passphrase file, the passphrase being the hex */
    out.len = 0;
    CHECK_ERR(demur_age_open_symmetric(
                  &out, buf_span(&file),
                  span_lit("c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"), 1,
                  NULL),
              DEMUR_OK);
    CHECK(span_eq(buf_span(&out), inner));
    key[31] ^= 1;
    out.len = 0;
    CHECK_ERR(demur_age_unwrap(&out, buf_span(&file), key, NULL), DEMUR_ERR_KEY);
    file = buf_over(wrapped, sizeof wrapped);
    CHECK_ERR(demur_age_seal_symmetric(&file, inner, span_lit("p"), 2, entropy, NULL), DEMUR_OK);
    CHECK_ERR(demur_age_unwrap(&out, buf_span(&file), key, NULL), DEMUR_ERR_LIMIT);
}

TEST(age_extra_stanzas_are_kept_and_passed_over)
{
    static uint8_t body[97];
    struct demur_age_identity id = identity_of(1);
    struct demur_age_recipient r = demur_age_identity_recipient(&id);
    uint8_t file_key[16] = {1, 2, 3}, back[16], ephemeral[32] = {5};
    static const size_t bodies[] = {0, 1, 47, 48, 49, 96, 97};
    for (size_t i = 0; i < DEMUR_COUNT(bodies); i++) {
        struct demur_age_stanza extra[2] = {
            {span_lit("!grease arg~ment"), span_of(body, bodies[i])}, {span_lit("x"), {NULL, 0}}};
        struct buf out = buf_over(file_room, sizeof file_room);
        CHECK_ERR(
            demur_age_header_write(&out, file_key, &r, 1, span_of(ephemeral, 32), extra, 2, NULL),
            DEMUR_OK);
        size_t header_len = out.len;
        buf_put(&out, body, DEMUR_AGE_NONCE_LEN);
        struct demur_age_header h;
        CHECK_ERR(demur_age_header_parse(&h, buf_span(&out), header_len, NULL), DEMUR_OK);
        CHECK(h.stanza_count == 3 && h.x25519_count == 1 && h.payload_at == out.len);
        CHECK_ERR(demur_age_header_unwrap(back, &h, &id, 1, NULL), DEMUR_OK);
        CHECK(memcmp(back, file_key, sizeof back) == 0);
        CHECK_ERR(demur_age_header_parse(&h, buf_span(&out), header_len - 1, NULL),
                  DEMUR_ERR_LIMIT);
    }
    static const char *const bad[] = {"",    " ",        " x",     "x ",        "x  y",
                                      "x\n", "\xC3\xA9", "scrypt", "scrypt 1 2"};
    for (size_t i = 0; i < DEMUR_COUNT(bad); i++) {
        struct demur_age_stanza extra = {span_str(bad[i]), {NULL, 0}};
        struct buf out = buf_over(file_room, sizeof file_room);
        CHECK_ERR(
            demur_age_header_write(&out, file_key, &r, 1, span_of(ephemeral, 32), &extra, 1, NULL),
            DEMUR_ERR_SYNTAX);
    }
    static uint8_t huge[60000];
    struct demur_age_stanza extra = {span_lit("x"), span_of(huge, sizeof huge)};
    struct buf out = buf_over(file_room, sizeof file_room);
    CHECK_ERR(
        demur_age_header_write(&out, file_key, &r, 1, span_of(ephemeral, 32), &extra, 1, NULL),
        DEMUR_ERR_LIMIT);
    CHECK(out.len == 0 && buf_ok(&out));
}

TEST(age_header_faults_name_their_line)
{
    static const struct {
        const char *text;
        enum demur_err want;
        uint32_t line;
        const char *says;
    } cases[] = {
        {"", DEMUR_ERR_SYNTAX, 1, "not an age file"},
        {"age-encryption.org/v1", DEMUR_ERR_SYNTAX, 1, "ends within"},
        {"age-encryption.org/v2\n", DEMUR_ERR_UPGRADE, 1, "another version"},
        {"-----BEGIN AGE ENCRYPTED FILE-----\n", DEMUR_ERR_SYNTAX, 1, "armored"},
        {"age-encryption.org/v1\n--- \n", DEMUR_ERR_SYNTAX, 2, "no stanza"},
        {"age-encryption.org/v1\nhello\n", DEMUR_ERR_SYNTAX, 2, "was expected here"},
        {"age-encryption.org/v1\n-> x\nAB\n", DEMUR_ERR_CANON, 3, "not canonical base64"},
        {"age-encryption.org/v1\n-> x\n\n-> X25519 AA\n\n", DEMUR_ERR_SYNTAX, 4, "one argument"},
        {"age-encryption.org/v1\n-> x\n\n--- AA\n", DEMUR_ERR_SYNTAX, 4, "MAC line"},
        {"age-encryption.org/v1\n-> "
         "x\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
         "AAAAA\n",
         DEMUR_ERR_SYNTAX, 3, "at most 64 characters"},
        {"age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 0\n"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
         DEMUR_ERR_SYNTAX, 2, "above 0"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_age_header h;
        struct demur_diag diag = {0};
        enum demur_err err = demur_age_header_parse(&h, span_str(cases[i].text), 1000, &diag);
        if (err != cases[i].want || diag.line != cases[i].line || !strstr(diag.text, cases[i].says))
            test_failed(__FILE__, __LINE__, "case %zu: %s, line %u, %s", i, demur_err_name(err),
                        (unsigned)diag.line, diag.text);
    }
}

TEST(age_stream_misuse_is_refused)
{
    struct demur_age_stream w, r;
    uint8_t file_key[16] = {1}, nonce[16] = {2};
    static uint8_t sealed[2 * DEMUR_AGE_SEALED_CHUNK_LEN + 16];
    struct span chunk = span_of(plain_room, DEMUR_AGE_CHUNK_LEN);
    struct buf out = buf_over(sealed, sizeof sealed), small = buf_over(back_room, 100);
    demur_age_writer_init(&w, &out, file_key, nonce);
    CHECK_ERR(demur_age_writer_push(&w, &out, span_take(chunk, 65535)), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_age_writer_push(&w, &small, chunk), DEMUR_ERR_SPACE);
    CHECK(buf_ok(&small) && small.len == 0);
    CHECK_ERR(demur_age_writer_push(&w, &out, chunk), DEMUR_OK);
    CHECK_ERR(demur_age_writer_finish(&w, &out, span_of(NULL, 0)), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_age_writer_finish(&w, &out, span_of(plain_room, DEMUR_AGE_CHUNK_LEN + 1)),
              DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_age_writer_finish(&w, &out, span_take(chunk, 10)), DEMUR_OK);
    CHECK_ERR(demur_age_writer_finish(&w, &out, span_take(chunk, 10)), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_age_writer_push(&w, &out, chunk), DEMUR_ERR_LIMIT);

    struct span payload = span_skip(buf_span(&out), DEMUR_AGE_NONCE_LEN);
    struct span first = span_take(payload, DEMUR_AGE_SEALED_CHUNK_LEN);
    struct span last = span_skip(payload, DEMUR_AGE_SEALED_CHUNK_LEN);
    demur_age_reader_init(&r, file_key, nonce);
    struct buf plain = buf_over(back_room, sizeof back_room);
    CHECK_ERR(demur_age_reader_push(&r, &plain, last, NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_age_reader_push(&r, &small, first, NULL), DEMUR_ERR_SPACE);
    CHECK_ERR(demur_age_reader_push(&r, &plain, first, NULL), DEMUR_OK);
    small.cap = 9;
    CHECK_ERR(demur_age_reader_finish(&r, &small, last, NULL), DEMUR_ERR_SPACE);
    CHECK_ERR(demur_age_reader_finish(&r, &plain, last, NULL), DEMUR_OK);
    CHECK(plain.len == DEMUR_AGE_CHUNK_LEN + 10 && r.released == plain.len);
    CHECK_ERR(demur_age_reader_push(&r, &plain, first, NULL), DEMUR_ERR_VERIFY);
    CHECK_ERR(demur_age_reader_finish(&r, &plain, span_of(NULL, 0), NULL), DEMUR_ERR_VERIFY);
}
