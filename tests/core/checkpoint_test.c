/* Checkpoints: one form, one signer, no bit to spare. */
#include "../../core/checkpoint.h"
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

#define ROOT "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define EMPTY "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"

TEST(checkpoint_text)
{
    static const struct {
        const char *text;
        enum demur_err want;
        uint32_t line;
    } cases[] = {
        {"o\n1\n" ROOT, DEMUR_OK, 0},
        {"o\n0\n" EMPTY, DEMUR_OK, 0},
        {"o\n9223372036854775807\n" ROOT, DEMUR_OK, 0},
        {"o\n0\n" ROOT, DEMUR_ERR_VERIFY, 3},
        {"o\n9223372036854775808\n" ROOT, DEMUR_ERR_SYNTAX, 2},
        {"o\n01\n" ROOT, DEMUR_ERR_SYNTAX, 2},
        {"o\n-1\n" ROOT, DEMUR_ERR_SYNTAX, 2},
        {"o\n\n" ROOT, DEMUR_ERR_SYNTAX, 2},
        {"o\n1 \n" ROOT, DEMUR_ERR_SYNTAX, 2},
        {"\n1\n" ROOT, DEMUR_ERR_SYNTAX, 1},
        {"o o\n1\n" ROOT, DEMUR_ERR_SYNTAX, 1},
        {"o+\n1\n" ROOT, DEMUR_ERR_SYNTAX, 1},
        {"o\n1\n" ROOT "more\n", DEMUR_ERR_SYNTAX, 4},
        {"o\n1\n" ROOT "\n", DEMUR_ERR_SYNTAX, 4},
        {"o\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", DEMUR_ERR_SYNTAX, 3},
        {"o\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n", DEMUR_ERR_CANON, 3},
        {"o\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n", DEMUR_ERR_SYNTAX, 3},
        {"o\n1\n", DEMUR_ERR_SYNTAX, 3},
        {"o\n", DEMUR_ERR_SYNTAX, 2},
        {"", DEMUR_ERR_SYNTAX, 1},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_checkpoint head;
        struct demur_diag diag = {0};
        struct span text = span_str(cases[i].text);
        enum demur_err got = demur_checkpoint_parse_text(&head, text, &diag);
        if (got != cases[i].want || diag.line != cases[i].line)
            test_failed(__FILE__, __LINE__, "case %zu: %s, line %u", i, demur_err_name(got),
                        (unsigned)diag.line);
        if (got != DEMUR_OK)
            continue;
        uint8_t storage[DEMUR_CHECKPOINT_TEXT_MAX];
        struct buf b = buf_over(storage, sizeof storage);
        demur_checkpoint_put_text(&b, &head);
        CHECK(buf_ok(&b));
        CHECK_SPAN(buf_span(&b), text);
    }
}

static enum demur_err open_as(struct span bytes, const char *origin, const uint8_t *key)
{
    struct demur_checkpoint head = {.size = 12345};
    struct demur_diag diag = {0};
    enum demur_err err = demur_checkpoint_open(&head, NULL, bytes, span_str(origin), key, &diag);
    CHECK(err == diag.code);
    CHECK((head.size == 12345) == (err != DEMUR_OK));
    return err;
}

TEST(checkpoint_opens_for_its_log_only)
{
    if (!start())
        return;
    struct span plain = log_example_file(&example, "checkpoint");
    struct span cosigned = log_example_file(&example, "checkpoint.cosigned");
    const uint8_t *key = example.log.public_key;
    CHECK_ERR(open_as(plain, "demur.example/channel", key), DEMUR_OK);
    CHECK_ERR(open_as(cosigned, "demur.example/channel", key), DEMUR_OK);
    CHECK_ERR(open_as(plain, "demur.example/other", key), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(open_as(plain, "", key), DEMUR_ERR_SYNTAX);
    CHECK_ERR(open_as(plain, "demur.example/channel", example.witness.public_key),
              DEMUR_ERR_MISSING);
    struct demur_checkpoint head;
    struct demur_note note;
    struct demur_note_seen seen;
    REQUIRE(demur_checkpoint_open(&head, &note, cosigned, example.log.name, key, NULL) == DEMUR_OK);
    CHECK(head.size == LOG_EXAMPLE_ENTRIES && memcmp(head.root, example.head.root, 32) == 0);
    REQUIRE(demur_note_verify(&note, &example.witness, &seen, 1, NULL) == DEMUR_OK);
    CHECK(seen.signed_by && seen.time_s == 1767226000);
}

TEST(checkpoint_no_bit_can_change)
{
    if (!start())
        return;
    struct span good = log_example_file(&example, "checkpoint");
    uint8_t bytes[DEMUR_CHECKPOINT_MAX];
    REQUIRE(good.len <= sizeof bytes);
    memcpy(bytes, good.p, good.len);
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(open_as(span_of(bytes, good.len), "demur.example/channel", example.log.public_key) !=
              DEMUR_OK);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < good.len; len++)
        CHECK(open_as(span_of(bytes, len), "demur.example/channel", example.log.public_key) !=
              DEMUR_OK);
}

TEST(checkpoint_sign_refusals)
{
    if (!start())
        return;
    uint8_t storage[DEMUR_CHECKPOINT_MAX];
    struct buf b = buf_over(storage, sizeof storage);
    struct demur_checkpoint head = example.head;
    head.size = 0;
    CHECK_ERR(demur_checkpoint_sign(&b, &head, example.log_secret, NULL), DEMUR_ERR_LIMIT);
    head.size = DEMUR_LOG_SIZE_MAX + 1;
    CHECK_ERR(demur_checkpoint_sign(&b, &head, example.log_secret, NULL), DEMUR_ERR_LIMIT);
    head.size = 5;
    head.origin = span_lit("no space");
    CHECK_ERR(demur_checkpoint_sign(&b, &head, example.log_secret, NULL), DEMUR_ERR_SYNTAX);
    CHECK(b.len == 0);
    b = buf_over(storage, 100);
    CHECK_ERR(demur_checkpoint_sign(&b, &example.head, example.log_secret, NULL), DEMUR_ERR_SPACE);
    /* The longest one fits where the header says that it does. */
    uint8_t origin[DEMUR_NOTE_NAME_MAX];
    memset(origin, 'o', sizeof origin);
    head = (struct demur_checkpoint){.origin = span_of(origin, sizeof origin),
                                     .size = DEMUR_LOG_SIZE_MAX};
    b = buf_over(storage, sizeof storage);
    CHECK_ERR(demur_checkpoint_sign(&b, &head, example.log_secret, NULL), DEMUR_OK);
}
