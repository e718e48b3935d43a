/* A key handed out to all members of a ring: its parts, who opens them, and what is none. */
#include "../../core/handout.h"

#include <sodium.h>
#include <stdlib.h>

#include "../test.h"

#define PART DEMUR_HANDOUT_PART
#define LINE (DEMUR_AGE_IDENTITY_TEXT_LEN + 1)

/* A ring of strangers, but for the members whom a test names. */
struct handed {
    struct demur_age_identity key, *members; /* all of them, so that each can try */
    struct demur_age_recipient *to;
    struct buf out;
    size_t n;
};

static void fresh(uint64_t *seed, struct demur_age_identity *id)
{
    uint8_t secret[32];
    test_random(seed, secret, sizeof secret);
    demur_age_identity_init(id, secret);
}

static enum demur_err put_all(struct handed *h, uint64_t seed)
{
    static uint8_t entropy[DEMUR_AGE_ENTROPY_LEN(PART)];
    struct demur_diag diag;
    enum demur_err err = DEMUR_OK;
    h->out.len = 0;
    for (size_t at = 0; !err && at < h->n; at += PART) {
        size_t n = h->n - at < PART ? h->n - at : PART;
        test_random(&seed, entropy, sizeof entropy);
        err = demur_handout_put(&h->out, &h->key, h->to + at, n,
                                span_of(entropy, DEMUR_AGE_ENTROPY_LEN(n)), &diag);
    }
    return err;
}

static struct handed hand_out(size_t n)
{
    uint64_t seed = n;
    size_t len = (size_t)demur_handout_len(n);
    struct handed h = {.members = calloc(n, sizeof *h.members),
                       .to = calloc(n, sizeof *h.to),
                       .out = buf_over(malloc(len), len),
                       .n = n};
    fresh(&seed, &h.key);
    for (size_t i = 0; i < n; i++) {
        fresh(&seed, &h.members[i]);
        h.to[i] = demur_age_identity_recipient(&h.members[i]);
    }
    CHECK_ERR(put_all(&h, seed), DEMUR_OK);
    CHECK(buf_ok(&h.out) && h.out.len == len);
    return h;
}

static void handed_free(struct handed *h)
{
    free(h->members);
    free(h->to);
    free(h->out.p);
}

static enum demur_err open_at(const struct handed *h, uint64_t n, uint64_t place,
                              const struct demur_age_identity *who)
{
    struct demur_age_identity key = {0};
    struct demur_diag diag;
    enum demur_err err = demur_handout_open(&key, buf_span(&h->out), n, place, who, &diag);
    struct demur_age_identity none = {0};
    CHECK(memcmp(&key, err ? &none : &h->key, sizeof key) == 0);
    return err;
}

static void check_places(const struct handed *h)
{
    struct demur_age_identity stranger;
    uint64_t seed = 99;
    fresh(&seed, &stranger);
    const size_t places[] = {0, PART - 1, PART, 2 * PART - 1, 2 * PART, h->n - 1};
    for (size_t i = 0; i < DEMUR_COUNT(places); i++) {
        size_t at = places[i];
        if (at >= h->n)
            continue;
        CHECK_ERR(open_at(h, h->n, at, &h->members[at]), DEMUR_OK);
        CHECK_ERR(open_at(h, h->n, at, &stranger), DEMUR_ERR_KEY);
        if (at >= PART) /* only one's own part is tried */
            CHECK_ERR(open_at(h, h->n, at - PART, &h->members[at]), DEMUR_ERR_KEY);
    }
    CHECK_ERR(open_at(h, h->n, h->n, &h->members[0]), DEMUR_ERR_VERIFY);
    CHECK_ERR(open_at(h, h->n + 1, 0, &h->members[0]), DEMUR_ERR_VERIFY);
    CHECK_ERR(open_at(h, h->n - 1, 0, &h->members[0]), DEMUR_ERR_VERIFY);
}

/* Every part is an age file of its own with as many stanzas, and they are the whole. */
static void check_parts(const struct handed *h)
{
    struct demur_handout_part part;
    size_t at = 0, members = 0, i = 0;
    for (; demur_handout_split(&part, buf_span(&h->out), h->n, i); i++) {
        struct demur_age_header header;
        struct demur_diag diag;
        CHECK(part.file.p == h->out.p + at && part.first == members);
        REQUIRE(!demur_age_header_parse(&header, part.file, DEMUR_AGE_HEADER_MAX, &diag));
        CHECK(header.x25519_count == part.members && header.stanza_count == part.members);
        CHECK(header.payload_at == 70 + 98 * part.members + 16);
        CHECK(part.file.len == header.payload_at + LINE + 16);
        at += part.file.len;
        members += part.members;
    }
    CHECK(at == h->out.len && members == h->n && i == demur_handout_parts(h->n));
}

TEST(handout_reaches_every_place_of_a_ring)
{
    static const size_t sizes[] = {1, PART - 1, PART, PART + 1, 2 * PART + 1};
    for (size_t i = 0; i < DEMUR_COUNT(sizes); i++) {
        if (test_quick() && i != 0 && i != 3)
            continue;
        struct handed h = hand_out(sizes[i]);
        check_parts(&h);
        check_places(&h);
        uint8_t before[32], after[32];
        crypto_generichash(before, 32, h.out.p, h.out.len, NULL, 0);
        CHECK_ERR(put_all(&h, 5), DEMUR_OK);
        crypto_generichash(after, 32, h.out.p, h.out.len, NULL, 0);
        CHECK(memcmp(before, after, 32) != 0); /* other entropy, another file */
        check_parts(&h);
        handed_free(&h);
    }
}

TEST(handout_has_the_length_that_its_members_tell)
{
    struct demur_handout_part part;
    CHECK(demur_handout_len(0) == 0 && demur_handout_parts(0) == 0);
    CHECK(!demur_handout_split(&part, span_of(NULL, 0), 0, 0));
    for (uint64_t n = 1; n <= 32768; n += n % 7 + 1) {
        uint64_t parts = (n + PART - 1) / PART; /* memo.md section 4 */
        CHECK(demur_handout_parts(n) == parts);
        CHECK(demur_handout_len(n) == 98 * n + (70 + 16 + LINE + 16) * parts);
    }
    CHECK(demur_handout_len(32768) < 4u << 20);
}

/* A part for one, whose payload is `text`, in the place of a handout to n. */
static enum demur_err open_other(struct span text, uint64_t n, struct demur_diag *diag)
{
    uint64_t seed = 3;
    static uint8_t file[512];
    uint8_t entropy[DEMUR_AGE_ENTROPY_LEN(1)];
    struct demur_age_identity member, key;
    fresh(&seed, &member);
    struct demur_age_recipient to = demur_age_identity_recipient(&member);
    test_random(&seed, entropy, sizeof entropy);
    struct buf out = buf_over(file, sizeof file);
    if (demur_age_seal(&out, text, &to, 1, span_of(entropy, sizeof entropy), diag) != DEMUR_OK)
        return DEMUR_ERR_SPACE;
    return demur_handout_open(&key, buf_span(&out), n, 0, &member, diag);
}

TEST(handout_of_something_else_is_none)
{
    uint8_t text[LINE + 98];
    uint64_t seed = 4;
    struct demur_age_identity key;
    struct demur_diag diag;
    struct buf line = buf_over(text, sizeof text);
    fresh(&seed, &key);
    demur_age_identity_encode(&line, &key);
    buf_put_byte(&line, '\n');
    CHECK_ERR(open_other(buf_span(&line), 1, &diag), DEMUR_OK);
    CHECK_ERR(open_other(buf_span(&line), 2, &diag), DEMUR_ERR_VERIFY);
    text[LINE - 1] = ' ';
    CHECK_ERR(open_other(buf_span(&line), 1, &diag), DEMUR_ERR_VERIFY);
    text[LINE - 1] = '\n';
    text[40] ^= 1;
    CHECK_ERR(open_other(buf_span(&line), 1, &diag), DEMUR_ERR_VERIFY);
    CHECK_ERR(open_other(span_take(buf_span(&line), LINE - 1), 1, &diag), DEMUR_ERR_VERIFY);
    /* As long as for two, and for one: with a longer text in it. */
    memset(text, 'x', sizeof text);
    CHECK_ERR(open_other(span_of(text, sizeof text), 2, &diag), DEMUR_ERR_VERIFY);
    CHECK(strstr(diag.text, "do not open"));
}

TEST(handout_altered_anywhere_is_refused)
{
    struct handed h = hand_out(3);
    for (size_t at = 0; at < h.out.len; at += test_quick() ? 7 : 1) {
        h.out.p[at] ^= 4;
        CHECK(open_at(&h, 3, 1, &h.members[1]) != DEMUR_OK);
        h.out.p[at] ^= 4;
    }
    CHECK_ERR(open_at(&h, 3, 1, &h.members[1]), DEMUR_OK);
    h.out.len--;
    CHECK_ERR(open_at(&h, 3, 1, &h.members[1]), DEMUR_ERR_VERIFY);
    handed_free(&h);
}

TEST(handout_parts_are_for_so_many)
{
    static struct demur_age_recipient to[PART + 1];
    static uint8_t entropy[DEMUR_AGE_ENTROPY_LEN(PART + 1)], room[70000];
    struct demur_age_identity key;
    struct demur_diag diag;
    uint64_t seed = 6;
    struct buf out = buf_over(room, sizeof room);
    fresh(&seed, &key);
    CHECK_ERR(demur_handout_put(&out, &key, to, PART + 1, span_of(entropy, sizeof entropy), &diag),
              DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_handout_put(&out, &key, to, 0, span_of(entropy, sizeof entropy), &diag),
              DEMUR_ERR_MISSING);
    CHECK(out.len == 0);
}
