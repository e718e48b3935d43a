/* Records: every type round-trips; nothing but the canonical form is accepted. */
#include "../../core/encode.h"
#include "../../core/record.h"
#include "../test.h"

static struct demur_record record, again;

static void put_value(struct buf *out, const struct demur_record_rule *rule, uint64_t *seed,
                      unsigned nth)
{
    uint8_t raw[96];
    test_random(seed, raw, sizeof raw);
    raw[0] = (uint8_t)nth; /* repeated values increase */
    switch (rule->kind) {
    case DEMUR_KIND_HASH:
        demur_hex_encode(out, span_of(raw, 32));
        break;
    case DEMUR_KIND_BLOB:
        demur_hex_encode(out, span_of(raw, 32));
        buf_put_byte(out, ' ');
        buf_put_u64(out, test_random_u64(seed) % (DEMUR_BLOB_MAX + 1));
        break;
    case DEMUR_KIND_KEY:
    case DEMUR_KIND_POINT:
        demur_base64_encode(out, span_of(raw, 32));
        break;
    case DEMUR_KIND_SIGNATURE:
        demur_base64_encode(out, span_of(raw, 64));
        break;
    case DEMUR_KIND_BYTES:
        demur_base64_encode(out, span_of(raw, 1 + test_random_u64(seed) % 96));
        break;
    case DEMUR_KIND_RECIPIENT:
        demur_bech32_encode(out, "age", span_of(raw, 32));
        break;
    case DEMUR_KIND_NUMBER:
    case DEMUR_KIND_TIME:
        buf_put_u64(out, test_random_u64(seed) % (DEMUR_TIME_MAX + 1));
        break;
    case DEMUR_KIND_DAY:
        demur_date_put(out, demur_day_date((int32_t)(test_random_u64(seed) % 40000)));
        break;
    case DEMUR_KIND_EPOCH:
        demur_epoch_put(out, 2020 * 12 + (uint32_t)(test_random_u64(seed) % 1000));
        break;
    case DEMUR_KIND_WORD:
        buf_put_str(out, "w");
        buf_put_byte(out, (uint8_t)('a' + nth));
        break;
    case DEMUR_KIND_DISSENT:
        demur_base32_encode(out, span_of(raw, 20));
        break;
    case DEMUR_KIND_ATTRIBUTE:
        buf_put_str(out, "grade=FS-0");
        buf_put_byte(out, (uint8_t)('0' + nth));
        break;
    case DEMUR_KIND_SUBSET:
        buf_put_byte(out, (uint8_t)('a' + nth));
        buf_put_str(out, "=A,B.2,c");
        break;
    case DEMUR_KIND_ORIGIN:
        buf_put_str(out, "dissent.example.org/channel");
        break;
    case DEMUR_KIND_CHOICE: {
        bool found;
        struct span rest = span_str(rule->choices), one = span_split(&rest, '|', &found);
        buf_put_span(out, found && test_random_u64(seed) % 2 ? rest : one);
        break;
    }
    }
}

/* A random record of the type; extra: the share of optional lines, in tenths. */
static void make(struct buf *out, enum demur_record_type type, uint64_t *seed, unsigned extra)
{
    buf_put_str(out, "demur ");
    buf_put_str(out, demur_record_type_name(type));
    buf_put_str(out, " v1\n");
    for (const struct demur_record_rule *r = demur_record_rules(type); r->field; r++) {
        unsigned n = r->times == '1' || r->times == '+';
        if (!n)
            n = test_random_u64(seed) % 10 < extra;
        if (n && (r->times == '*' || r->times == '+'))
            n += (unsigned)(test_random_u64(seed) % 3);
        for (unsigned i = 0; i < n; i++) {
            buf_put_str(out, demur_field_name(r->field));
            buf_put_byte(out, ' ');
            put_value(out, r, seed, i);
            buf_put_byte(out, '\n');
        }
    }
}

/* Write a parsed record again, from its fields. */
static void rewrite(struct buf *out, const struct demur_record *r)
{
    buf_put_str(out, "demur ");
    buf_put_str(out, demur_record_type_name(r->type));
    buf_put_str(out, " v1\n");
    for (uint32_t i = 0; i < r->fields_len; i++)
        demur_put_text(out, r->fields[i].field, r->fields[i].value);
}

TEST(record_every_type_round_trips)
{
    uint64_t seed = 1;
    static uint8_t text[20000], copy[20000];
    for (int t = 0; t < DEMUR_RECORD_TYPES; t++)
        for (unsigned extra = 0; extra <= 10; extra++) {
            struct buf b = buf_over(text, sizeof text), c = buf_over(copy, sizeof copy);
            struct demur_diag diag = {0};
            make(&b, (enum demur_record_type)t, &seed, extra);
            enum demur_err err = demur_record_parse(&record, buf_span(&b), &diag);
            if (err) {
                test_failed(__FILE__, __LINE__, "%s: %s at %u: %s",
                            demur_record_type_name((enum demur_record_type)t), demur_err_name(err),
                            diag.line, diag.text);
                continue;
            }
            CHECK(record.type == (enum demur_record_type)t);
            rewrite(&c, &record);
            CHECK(span_eq(buf_span(&b), buf_span(&c)));
            CHECK(demur_record_parse(&again, buf_span(&c), NULL) == DEMUR_OK);
        }
}

TEST(record_every_missing_or_moved_line_is_refused)
{
    uint64_t seed = 2;
    static uint8_t text[20000], broken[20000];
    for (int t = 0; t < DEMUR_RECORD_TYPES; t++) {
        struct buf b = buf_over(text, sizeof text);
        make(&b, (enum demur_record_type)t, &seed, 0);
        REQUIRE(demur_record_parse(&record, buf_span(&b), NULL) == DEMUR_OK);
        for (uint32_t i = 0; i < record.fields_len; i++) {
            size_t from = record.fields[i].offset;
            size_t to = i + 1 < record.fields_len ? record.fields[i + 1].offset : b.len;
            struct buf out = buf_over(broken, sizeof broken);
            buf_put(&out, text, from);
            buf_put(&out, text + to, b.len - to);
            bool repeats = demur_record_count(&record, record.fields[i].field) > 1;
            CHECK(repeats || demur_record_parse(&again, buf_span(&out), NULL) != DEMUR_OK);
            if (i + 1 == record.fields_len)
                continue; /* the same line at the end is where it was */
            buf_put(&out, text + from, to - from);
            CHECK(demur_record_parse(&again, buf_span(&out), NULL) != DEMUR_OK);
        }
    }
}

TEST(record_mutated_bytes_stay_canonical)
{
    /* Whatever parses after a change of one byte is again its own encoding. */
    uint64_t seed = 3;
    static uint8_t text[20000], copy[20000];
    for (int t = 0; t < DEMUR_RECORD_TYPES; t++) {
        struct buf b = buf_over(text, sizeof text);
        make(&b, (enum demur_record_type)t, &seed, 5);
        for (int k = 0; k < 200; k++) {
            size_t at = test_random_u64(&seed) % b.len;
            uint8_t old = text[at];
            text[at] = (uint8_t)test_random_u64(&seed);
            if (demur_record_parse(&record, buf_span(&b), NULL) == DEMUR_OK) {
                struct buf c = buf_over(copy, sizeof copy);
                rewrite(&c, &record);
                CHECK(span_eq(buf_span(&b), buf_span(&c)));
            }
            text[at] = old;
        }
    }
}

#define H64 "0000000000000000000000000000000000000000000000000000000000000001"
#define H64B "0000000000000000000000000000000000000000000000000000000000000002"
#define K32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define S64                                                                                        \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define TICK "demur tick v1\nchannel " H64 "\nby " K32 "\n"

TEST(record_faults_are_placed)
{
    static const struct {
        const char *text;
        enum demur_err want;
        uint32_t line;
        const char *field;
    } cases[] = {
        {"", DEMUR_ERR_MISSING, 0, ""},
        {"hello\n", DEMUR_ERR_SYNTAX, 1, ""},
        {"demur tick v2\n", DEMUR_ERR_UPGRADE, 1, ""},
        {"demur tick v0\n", DEMUR_ERR_SYNTAX, 1, ""},
        {"demur novelty v1\n", DEMUR_ERR_UPGRADE, 1, ""},
        {TICK "seq 1\nday 2026-11-24\nsig " S64 "\n", DEMUR_OK, 0, ""},
        {TICK "seq 01\nday 2026-11-24\nsig " S64 "\n", DEMUR_ERR_SYNTAX, 4, "seq"},
        {TICK "seq -1\nday 2026-11-24\nsig " S64 "\n", DEMUR_ERR_SYNTAX, 4, "seq"},
        {TICK "seq 9223372036854775808\nday 2026-11-24\nsig " S64 "\n", DEMUR_ERR_SYNTAX, 4, "seq"},
        {TICK "seq 1\nday 2026-02-29\nsig " S64 "\n", DEMUR_ERR_SYNTAX, 5, "day"},
        {TICK "day 2026-11-24\nsig " S64 "\n", DEMUR_ERR_MISSING, 4, "seq"},
        {TICK "seq 1\nseq 2\nday 2026-11-24\nsig " S64 "\n", DEMUR_ERR_MISSING, 5, "day"},
        {TICK "seq 1\nday 2026-11-24\n", DEMUR_ERR_MISSING, 6, "sig"},
        {TICK "seq 1\nday 2026-11-24\nsig " S64 "\nsig " S64 "\n", DEMUR_ERR_SYNTAX, 7, ""},
        {TICK "seq  1\nday 2026-11-24\nsig " S64 "\n", DEMUR_ERR_SYNTAX, 4, ""},
        {TICK "seq\nday 2026-11-24\nsig " S64 "\n", DEMUR_ERR_SYNTAX, 4, ""},
        {TICK "seq 1 \nday 2026-11-24\nsig " S64 "\n", DEMUR_ERR_CANON, 4, ""},
        {TICK "seq 1\r\nday 2026-11-24\nsig " S64 "\n", DEMUR_ERR_SYNTAX, 4, ""},
        {TICK "seq 1\nday 2026-11-24\nsig " S64, DEMUR_ERR_SYNTAX, 6, ""},
        {TICK "seq 1\nday 2026-11-24\nsig " K32 "\n", DEMUR_ERR_SYNTAX, 6, "sig"},
        {TICK "seq 1\nDay 2026-11-24\nsig " S64 "\n", DEMUR_ERR_SYNTAX, 5, ""},
        {"demur tick v1\nchannel A" H64 "\n", DEMUR_ERR_SYNTAX, 2, "channel"},
        {"demur cosign v1\nchannel " H64 "\ndissent a\n", DEMUR_ERR_SYNTAX, 3, "dissent"},
        {"demur role v1\nchannel " H64 "\nby " K32 "\nseq 1\nrole a\nchange maybe\n",
         DEMUR_ERR_SYNTAX, 6, "change"},
        {"demur expunge v1\nchannel " H64 "\nby " K32 "\nseq 1\n"
         "dissent aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\non " H64 "\nrole a\nblob " H64B "\nblob " H64
         "\nsig " S64 "\n",
         DEMUR_ERR_CANON, 9, "blob"},
        {"demur expunge v1\nchannel " H64 "\nby " K32 "\nseq 1\n"
         "dissent aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\non " H64 "\nrole a\nsig " S64 "\n",
         DEMUR_ERR_MISSING, 8, "blob"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_diag diag = {0};
        enum demur_err got = demur_record_parse(&record, span_str(cases[i].text), &diag);
        if (got != cases[i].want || diag.line != cases[i].line ||
            strcmp(diag.field, cases[i].field) != 0)
            test_failed(__FILE__, __LINE__, "case %zu: %s at %u in \"%s\" (%s)", i,
                        demur_err_name(got), diag.line, diag.field, diag.text);
    }
}

TEST(record_limits)
{
    static uint8_t text[DEMUR_RECORD_MAX + 200];
    struct buf b = buf_over(text, sizeof text);
    buf_put_str(&b, "demur expunge v1\nchannel " H64 "\nby " K32 "\nseq 1\n"
                    "dissent aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\non " H64 "\nrole a\n");
    size_t head = b.len;
    for (unsigned n = 0; n < 600; n++) {
        uint8_t hash[32] = {(uint8_t)(n >> 8), (uint8_t)n};
        demur_put_hash(&b, DEMUR_FIELD_BLOB, hash);
    }
    buf_put_str(&b, "sig " S64 "\n");
    CHECK(buf_ok(&b) && b.len < DEMUR_RECORD_MAX);
    CHECK_ERR(demur_record_parse(&record, buf_span(&b), NULL), DEMUR_ERR_LIMIT);
    b.len = head;
    while (b.len <= DEMUR_RECORD_MAX)
        buf_put_byte(&b, 'x');
    CHECK_ERR(demur_record_parse(&record, buf_span(&b), NULL), DEMUR_ERR_LIMIT);
}

TEST(record_values_of_kinds)
{
    static const struct {
        const char *value;
        enum demur_field field;
        bool ok;
    } cases[] = {
        {"grade=FS-01", DEMUR_FIELD_ATTRIBUTE, true}, {"grade=", DEMUR_FIELD_ATTRIBUTE, false},
        {"grade", DEMUR_FIELD_ATTRIBUTE, false},      {"=x", DEMUR_FIELD_ATTRIBUTE, false},
        {"Grade=x", DEMUR_FIELD_ATTRIBUTE, false},    {"a=-x", DEMUR_FIELD_ATTRIBUTE, false},
        {"a=x,y", DEMUR_FIELD_ATTRIBUTE, false},      {"a=b=c", DEMUR_FIELD_ATTRIBUTE, false},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        uint8_t text[600];
        struct buf b = buf_over(text, sizeof text);
        buf_put_str(&b, "demur invite v1\nchannel " H64 "\nby " K32 "\nseq 1\nhandle h\n");
        demur_put_text(&b, cases[i].field, span_str(cases[i].value));
        buf_put_str(&b, "invitation " K32 "\nsig " S64 "\n");
        bool ok = demur_record_parse(&record, buf_span(&b), NULL) == DEMUR_OK;
        if (ok != cases[i].ok)
            test_failed(__FILE__, __LINE__, "%s", cases[i].value);
    }
}

/* A record names only recipients that a memo can be sealed to: age.md lists the others. */
TEST(record_recipients_can_be_sealed_to)
{
    static const struct {
        uint8_t first, middle, last; /* bytes 0, 1 to 30, 31 */
        bool ok;
    } cases[] = {
        {9, 0, 0, true},           {2, 0, 0, true},           {0xeb, 0xff, 0x7f, true},
        {0, 0, 0, false},          {1, 0, 0, false},          {0xec, 0xff, 0x7f, false},
        {0xed, 0xff, 0x7f, false}, {0xee, 0xff, 0x7f, false}, {0, 0, 0x80, false},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        uint8_t text[600], point[32];
        struct buf b = buf_over(text, sizeof text);
        memset(point, cases[i].middle, 32);
        point[0] = cases[i].first;
        point[31] = cases[i].last;
        buf_put_str(&b, "demur role v1\nchannel " H64 "\nby " K32 "\nseq 1\nrole a\n"
                        "change holds\nholder " K32 "\nrecipient ");
        demur_bech32_encode(&b, "age", span_of(point, 32));
        buf_put_str(&b, "\nsig " S64 "\n");
        struct demur_diag diag = {0};
        bool ok = demur_record_parse(&record, buf_span(&b), &diag) == DEMUR_OK;
        if (ok != cases[i].ok || (!ok && strcmp(diag.field, "recipient") != 0))
            test_failed(__FILE__, __LINE__, "case %zu: %s", i, diag.text);
    }
}

TEST(entry_frames_a_record)
{
    uint8_t text[200];
    struct buf b = buf_over(text, sizeof text);
    uint64_t at = 0;
    struct span inner;
    demur_entry_write(&b, 1790000000, span_lit("demur tick v1\n"));
    REQUIRE(demur_entry_parse(&at, &inner, buf_span(&b), NULL) == DEMUR_OK);
    CHECK(at == 1790000000);
    CHECK_SPAN(inner, span_lit("demur tick v1\n"));
    static const char *const bad[] = {
        "",          "at", "at 1", "at 01\nx\n", "at -1\nx\n", "At 1\nx\n", "at 253402300800\nx\n",
        "at  1\nx\n"};
    for (size_t i = 0; i < DEMUR_COUNT(bad); i++)
        CHECK(demur_entry_parse(&at, &inner, span_str(bad[i]), NULL) != DEMUR_OK);
    CHECK(at == 1790000000);
}
