/* Receipts, and the committed vectors of the whole log format. */
#include "../../core/encode.h"
#include "../../core/receipt.h"
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

/* vectors/log/ is what the code writes: tests/interop/log_tool example DIR. */
TEST(log_vectors_are_what_the_code_writes)
{
    if (!start())
        return;
    for (size_t i = 0; i < LOG_EXAMPLE_FILES; i++) {
        char name[64];
        snprintf(name, sizeof name, "log/%s", example.file[i].name);
        CHECK_SPAN(test_data(name), example.file[i].content);
    }
}

static enum demur_err verify(struct span text, const char *origin, const uint8_t *key,
                             const uint8_t *leaf)
{
    struct demur_receipt receipt;
    struct demur_checkpoint head = {.size = 0};
    struct demur_diag diag = {0};
    enum demur_err err = demur_receipt_parse(&receipt, text, &diag);
    if (err == DEMUR_OK)
        err = demur_receipt_verify(&receipt, span_str(origin), key, leaf, &head, &diag);
    CHECK(err == diag.code);
    CHECK((head.size == LOG_EXAMPLE_ENTRIES) == (err == DEMUR_OK));
    return err;
}

TEST(receipt_proves_one_entry_of_one_log)
{
    if (!start())
        return;
    const char *origin = "demur.example/channel";
    const uint8_t *key = example.log.public_key, *leaf = example.leaf[LOG_EXAMPLE_INDEX];
    struct span text = log_example_file(&example, "receipt.tlog-proof");
    CHECK_ERR(verify(text, origin, key, leaf), DEMUR_OK);
    CHECK_ERR(verify(text, origin, key, example.leaf[0]), DEMUR_ERR_VERIFY);
    CHECK_ERR(verify(text, "demur.example/other", key, leaf), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(verify(text, origin, example.witness.public_key, leaf), DEMUR_ERR_MISSING);
}

TEST(receipt_carries_its_entries)
{
    if (!start())
        return;
    struct demur_receipt receipt;
    struct span text = log_example_file(&example, "receipt.tlog-proof"), entry;
    REQUIRE(demur_receipt_parse(&receipt, text, NULL) == DEMUR_OK);
    CHECK(receipt.index == LOG_EXAMPLE_INDEX && receipt.head.size == LOG_EXAMPLE_ENTRIES);
    uint8_t storage[256];
    struct buf b = buf_over(storage, sizeof storage);
    REQUIRE(demur_receipt_bundle(&receipt, &b, NULL) == DEMUR_OK);
    CHECK(b.len <= receipt.extra.len / 4 * 3);
    struct span rest = buf_span(&b);
    REQUIRE(demur_bundle_next(&rest, &entry));
    CHECK_SPAN(entry, example.entry[0]);
    REQUIRE(demur_bundle_next(&rest, &entry));
    CHECK_SPAN(entry, example.entry[LOG_EXAMPLE_INDEX]);
    CHECK(rest.len == 0);
    b = buf_over(storage, 20);
    CHECK_ERR(demur_receipt_bundle(&receipt, &b, NULL), DEMUR_ERR_SPACE);
    receipt.extra = span_lit("AAAA"); /* one empty entry and a loose byte */
    b = buf_over(storage, sizeof storage);
    CHECK_ERR(demur_receipt_bundle(&receipt, &b, NULL), DEMUR_ERR_SYNTAX);
    CHECK(b.len == 0);
    receipt.extra = span_lit("");
    CHECK_ERR(demur_receipt_bundle(&receipt, &b, NULL), DEMUR_ERR_MISSING);
}

TEST(receipt_bare)
{
    if (!start())
        return;
    uint8_t storage[1024];
    struct buf b = buf_over(storage, sizeof storage);
    demur_receipt_put(&b, span_of(NULL, 0), LOG_EXAMPLE_INDEX, &example.proof,
                      log_example_file(&example, "checkpoint.cosigned"));
    REQUIRE(buf_ok(&b));
    CHECK(span_starts(buf_span(&b), "c2sp.org/tlog-proof@v1\nindex 4\n"));
    CHECK_ERR(verify(buf_span(&b), "demur.example/channel", example.log.public_key,
                     example.leaf[LOG_EXAMPLE_INDEX]),
              DEMUR_OK);
}

/* Nothing but `extra`, which the format leaves open, can change by one bit. */
TEST(receipt_no_bit_can_change)
{
    if (!start())
        return;
    struct span good = log_example_file(&example, "receipt.tlog-proof");
    struct demur_receipt receipt;
    uint8_t bytes[2048];
    REQUIRE(demur_receipt_parse(&receipt, good, NULL) == DEMUR_OK);
    memcpy(bytes, good.p, good.len);
    size_t extra_at = (size_t)(receipt.extra.p - good.p);
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        if (bit / 8 >= extra_at && bit / 8 < extra_at + receipt.extra.len)
            continue;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(verify(span_of(bytes, good.len), "demur.example/channel", example.log.public_key,
                     example.leaf[LOG_EXAMPLE_INDEX]) != DEMUR_OK);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < good.len; len++)
        CHECK(verify(span_of(bytes, len), "demur.example/channel", example.log.public_key,
                     example.leaf[LOG_EXAMPLE_INDEX]) != DEMUR_OK);
}

/* Another index whose path has the same shape must not pass either. */
TEST(receipt_index_is_proved)
{
    if (!start())
        return;
    for (uint64_t index = 0; index < 20; index++) {
        uint8_t storage[1024];
        struct buf b = buf_over(storage, sizeof storage);
        demur_receipt_put(&b, span_lit("\0\1x"), index, &example.proof,
                          log_example_file(&example, "checkpoint"));
        CHECK_ERR(verify(buf_span(&b), "demur.example/channel", example.log.public_key,
                         example.leaf[LOG_EXAMPLE_INDEX]),
                  index == LOG_EXAMPLE_INDEX ? DEMUR_OK : DEMUR_ERR_VERIFY);
        struct demur_receipt receipt;
        struct demur_diag diag = {0};
        REQUIRE(demur_receipt_parse(&receipt, buf_span(&b), NULL) == DEMUR_OK);
        bool so = demur_receipt_verify(&receipt, example.log.name, example.log.public_key,
                                       example.leaf[LOG_EXAMPLE_INDEX], NULL, &diag) == DEMUR_OK;
        CHECK(so == (index == LOG_EXAMPLE_INDEX));
        CHECK((index >= LOG_EXAMPLE_ENTRIES) == (strcmp(diag.field, "index") == 0));
    }
}

#define HASH "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define NOTE "o\n1\n" HASH "\n\xE2\x80\x94 o AAAAAAA=\n"
#define V1 "c2sp.org/tlog-proof@v1\n"

TEST(receipt_form)
{
    static const struct {
        const char *text;
        enum demur_err want;
        uint32_t line;
    } cases[] = {
        {V1 "index 0\n\n" NOTE, DEMUR_OK, 0},
        {V1 "extra AAAB\nindex 7\n" HASH HASH "\n" NOTE, DEMUR_OK, 0},
        {"", DEMUR_ERR_SYNTAX, 1},
        {"c2sp.org/tlog-proof@v2\nindex 0\n\n" NOTE, DEMUR_ERR_SYNTAX, 1},
        {V1, DEMUR_ERR_SYNTAX, 2},
        {V1 "extra \nindex 0\n\n" NOTE, DEMUR_ERR_CANON, 2},
        {V1 "extra AAA\nindex 0\n\n" NOTE, DEMUR_ERR_SYNTAX, 2},
        {V1 "extra AAB=\nindex 0\n\n" NOTE, DEMUR_ERR_CANON, 2},
        {V1 "extra AAAB\nextra AAAB\nindex 0\n\n" NOTE, DEMUR_ERR_SYNTAX, 3},
        {V1 "index 00\n\n" NOTE, DEMUR_ERR_SYNTAX, 2},
        {V1 "index\n\n" NOTE, DEMUR_ERR_SYNTAX, 2},
        {V1 "index 9223372036854775807\n\n" NOTE, DEMUR_ERR_SYNTAX, 2},
        {V1 "index 0\n" NOTE, DEMUR_ERR_SYNTAX, 3},
        {V1 "index 0\n" HASH "AAAA\n\n" NOTE, DEMUR_ERR_SYNTAX, 4},
        {V1 "index 0\n" HASH, DEMUR_ERR_SYNTAX, 4},
        {V1 "index 0\n" HASH "\n", DEMUR_ERR_SYNTAX, 0},
        {V1 "index 0\n\no\nx\n" HASH "\n\xE2\x80\x94 o AAAAAAA=\n", DEMUR_ERR_SYNTAX, 5},
        {V1 "index 0\n\n" NOTE "x", DEMUR_ERR_SYNTAX, 0},
        {V1 "index 0\n\n" NOTE "x\n", DEMUR_ERR_SYNTAX, 9},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_receipt receipt;
        struct demur_diag diag = {0};
        enum demur_err got = demur_receipt_parse(&receipt, span_str(cases[i].text), &diag);
        if (got != cases[i].want || diag.line != cases[i].line)
            test_failed(__FILE__, __LINE__, "case %zu: %s, line %u", i, demur_err_name(got),
                        (unsigned)diag.line);
    }
}

TEST(receipt_limits)
{
    static uint8_t storage[DEMUR_RECEIPT_MAX + 1];
    struct buf b = buf_over(storage, sizeof storage);
    struct demur_receipt receipt;
    buf_put_str(&b, V1 "index 0\n");
    for (unsigned i = 0; i < DEMUR_PROOF_MAX; i++)
        buf_put_str(&b, HASH);
    size_t full = b.len;
    buf_put_str(&b, "\n" NOTE);
    CHECK_ERR(demur_receipt_parse(&receipt, buf_span(&b), NULL), DEMUR_OK);
    CHECK(receipt.proof.len == DEMUR_PROOF_MAX);
    b.len = full;
    buf_put_str(&b, HASH "\n" NOTE);
    CHECK_ERR(demur_receipt_parse(&receipt, buf_span(&b), NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_receipt_parse(&receipt, span_of(storage, sizeof storage), NULL),
              DEMUR_ERR_LIMIT);
}
