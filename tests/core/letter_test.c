/* Letters: the grammar, its faults, headings, padding, and the policy's form. */
#include "../../core/letter.h"
#include "../../core/policy.h"
#include "../../core/seal.h"
#include "../test.h"

#define FP "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define B64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define ID "abcdefghijklmnopqrstuvwxyz234567"
#define HEAD "Channel: " FP "\nDissent: " ID "\n"
#define MEMO "demur memo v1\n" HEAD "Revision: 1\nSalt: " B64 "\n"

static const char *const good[] = {
    MEMO "Title: On the bridge\nMarking: SBU\nDate: 2026-11-20T14:05:09Z\n"
         "To: deputy, secretary\nPoints: 3\n"
         "Attachment: " FP " 12 a b.pdf\nAttachment: " FP " 0 \xC3\xA9.txt\n"
         "\n# Summary\n\tcode  \n\ntext\n",
    MEMO "Title: T\nDate: 2026-11-20T14:05:09Z\nTo: secretary\n\nx\n",
    "demur document v1\n" HEAD "Act: acknowledge\nFrom: director\nDate: 1970-01-01T00:00:00Z\n",
    "demur document v1\n" HEAD "Act: reply\nFrom: director\nTitle: Our reply\n"
    "Date: 2026-11-20T14:05:09Z\nPoints: 9999\n\n\nbegins with an empty line\n",
    "demur message v1\n" HEAD "Date: 2026-11-20T14:05:09Z\n\nhello\n",
    "demur message v1\n" HEAD "From: director\nMarking: U\nDate: 2026-11-20T14:05:09Z\n\nhello\n",
};

TEST(letter_round_trip)
{
    for (size_t i = 0; i < DEMUR_COUNT(good); i++) {
        struct demur_letter letter;
        struct demur_diag diag = {0};
        if (demur_letter_parse(&letter, span_str(good[i]), &diag) != DEMUR_OK) {
            test_failed(__FILE__, __LINE__, "case %zu: %s", i, diag.text);
            continue;
        }
        static uint8_t again[8192];
        struct buf out = buf_over(again, sizeof again);
        demur_letter_put(&out, &letter);
        CHECK_SPAN(buf_span(&out), span_str(good[i]));
        /* Padding and its removal give the same letter back. */
        demur_letter_pad(&out);
        REQUIRE(buf_ok(&out));
        CHECK(out.len == 4096);
        CHECK_SPAN(demur_letter_unpad(buf_span(&out)), span_str(good[i]));
    }
    struct demur_letter letter;
    REQUIRE(demur_letter_parse(&letter, span_str(good[0]), NULL) == DEMUR_OK);
    CHECK(letter.date_s == 1795183509 && letter.to_len == 2 && letter.points == 3);
    CHECK_SPAN(letter.files[0].name, span_lit("a b.pdf"));
    CHECK(letter.files_len == 2 && letter.files[0].size == 12);
}

TEST(letter_faults)
{
#define TAIL "Title: T\nDate: 2026-11-20T14:05:09Z\nTo: a\n"
    static const struct {
        const char *text;
        enum demur_err want;
        uint32_t line;
    } cases[] = {
        {"", DEMUR_ERR_SYNTAX, 0},
        {"demur memo v1", DEMUR_ERR_SYNTAX, 0},
        {"demur memo v2\n\nx\n", DEMUR_ERR_UPGRADE, 1},
        {"demur poem v1\n\nx\n", DEMUR_ERR_SYNTAX, 1},
        {MEMO TAIL "\nx\n\n", DEMUR_ERR_CANON, 0},
        {MEMO TAIL, DEMUR_ERR_MISSING, 0},
        {"demur memo v1\nDissent: " ID "\n\nx\n", DEMUR_ERR_MISSING, 2},
        {MEMO "Title: T\nTo: a\n\nx\n", DEMUR_ERR_MISSING, 7},
        {MEMO "Title: T\nTitle: T\n\nx\n", DEMUR_ERR_CANON, 7},
        {MEMO "Title:T\n\nx\n", DEMUR_ERR_SYNTAX, 6},
        {MEMO "Title:  T\n\nx\n", DEMUR_ERR_SYNTAX, 6},
        {MEMO "Title: \n\nx\n", DEMUR_ERR_CANON, 6},
        {MEMO "Act: reply\n\nx\n", DEMUR_ERR_SYNTAX, 6},
        {MEMO "Title: T\nDate: 2026-11-20T14:05:09+00:00\nTo: a\n\nx\n", DEMUR_ERR_SYNTAX, 7},
        {MEMO "Title: T\nDate: 2026-02-30T14:05:09Z\nTo: a\n\nx\n", DEMUR_ERR_SYNTAX, 7},
        {MEMO "Title: T\nDate: 2026-11-20T14:05:09Z\nTo: b, a\n\nx\n", DEMUR_ERR_SYNTAX, 8},
        {MEMO "Title: T\nDate: 2026-11-20T14:05:09Z\nTo: a,b\n\nx\n", DEMUR_ERR_SYNTAX, 8},
        {MEMO "Title: T\nDate: 2026-11-20T14:05:09Z\nTo: a, \n\nx\n", DEMUR_ERR_CANON, 8},
        {MEMO TAIL "Points: 0\n\nx\n", DEMUR_ERR_SYNTAX, 9},
        {MEMO TAIL "Points: 10000\n\nx\n", DEMUR_ERR_SYNTAX, 9},
        {MEMO TAIL "Zeta: x\n\nx\n", DEMUR_ERR_SYNTAX, 9},
        {MEMO TAIL "Attachment: " FP " 1 a\nPoints: 1\n\nx\n", DEMUR_ERR_CANON, 10},
        {MEMO TAIL "Attachment: " FP " 1 a/b\n\nx\n", DEMUR_ERR_SYNTAX, 9},
        {MEMO TAIL "Attachment: " FP " 1 ..\n\nx\n", DEMUR_ERR_SYNTAX, 9},
        {MEMO TAIL "Attachment: " FP " 01 a\n\nx\n", DEMUR_ERR_SYNTAX, 9},
        {MEMO TAIL "Attachment: " FP " 1\n\nx\n", DEMUR_ERR_SYNTAX, 9},
        {MEMO TAIL "\nfine\nbad \x01\n", DEMUR_ERR_SYNTAX, 2},
        {MEMO TAIL "\nfine\rbad\n", DEMUR_ERR_SYNTAX, 1},
        {MEMO TAIL "\n\n\nbad \xFF\n", DEMUR_ERR_SYNTAX, 3},
        {"demur message v1\n" HEAD "Title: T\nDate: 2026-11-20T14:05:09Z\n\nx\n", DEMUR_ERR_SYNTAX,
         4},
        {"demur document v1\n" HEAD "Act: A\nFrom: a\nDate: 2026-11-20T14:05:09Z\n",
         DEMUR_ERR_SYNTAX, 4},
        {"demur document v1\n" HEAD "Act: a\nFrom: a\nZeta: x\n", DEMUR_ERR_SYNTAX, 6},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_letter letter = {.points = 77};
        struct demur_diag diag = {0};
        enum demur_err got = demur_letter_parse(&letter, span_str(cases[i].text), &diag);
        if (got != cases[i].want || diag.line != cases[i].line || letter.points != 77)
            test_failed(__FILE__, __LINE__, "case %zu: %s at %u (%s)", i, demur_err_name(got),
                        diag.line, diag.text);
    }
}

TEST(letter_title_counts_characters)
{
    char text[2048];
    for (int n = 200; n <= 201; n++) {
        struct buf b = buf_over(text, sizeof text);
        buf_put_str(&b, MEMO "Title: ");
        for (int i = 0; i < n; i++)
            buf_put_str(&b, "\xE2\x82\xAC");
        buf_put_str(&b, "\nDate: 2026-11-20T14:05:09Z\nTo: a\n\nx\n");
        struct demur_letter letter;
        CHECK_ERR(demur_letter_parse(&letter, buf_span(&b), NULL),
                  n == 200 ? DEMUR_OK : DEMUR_ERR_SYNTAX);
    }
}

TEST(letter_body_tidy)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"a", "a\n"},
        {"a\n", "a\n"},
        {"a\n\n \t\n", "a\n"},
        {"a\r\nb\rc", "a\nb\nc\n"},
        {"a\n\r\nb", "a\n\nb\n"},
        {"\xEF\xBB\xBF# x\n", "# x\n"},
        {"\n\r\n \n# x  \ny\n", "# x  \ny\n"},
        {"    code\n", "    code\n"},
        {" \n\t\r\n", ""},
        {"", ""},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        char text[64];
        size_t len = strlen(cases[i].in);
        memcpy(text, cases[i].in, len);
        len = demur_letter_body_tidy(text, len);
        CHECK_SPAN(span_of(text, len), span_str(cases[i].want));
    }
}

TEST(letter_sections)
{
    static const struct {
        const char *body;
        bool has;
    } cases[] = {
        {"# Recommendation\n", true},
        {"x\n\n## RECOMMENDATION to the Secretary ##\n", true},
        {"   ###### recommendation\n", true},
        {"#\tRecommendation\n", true},
        {"# **Recommendation**\n", true},
        {"Recommendation\n===\n", true},
        {"Recommendation for\nall\n---\n", true},
        {"#Recommendation\n", false},
        {"####### Recommendation\n", false},
        {"    # Recommendation\n", false},
        {"\t# Recommendation\n", false},
        {"Recommendation\n", false},
        {"Recommendation\n\n---\n", false},
        {"x\nRecommendation\n---\n", false},
        {"```\n# Recommendation\n```\n", false},
        {"````\n```\n# Recommendation\n````\n", false},
        {"~~~ # Recommendation\n~~~\n# Recommendation\n", true},
        {"```\nx\n```\n# Recommendation\n", true},
        {"``` a`b\n# Recommendation\n", true},
        {"> # Recommendation\n", false},
        {"- Recommendation\n---\n", false},
        {"# The recommendation\n", false},
        {"# Recommend\n", false},
        {"#\n", false},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++)
        if (demur_letter_has_section(span_str(cases[i].body), span_lit("recommendation")) !=
            cases[i].has)
            test_failed(__FILE__, __LINE__, "case %zu: %s", i, cases[i].body);
}

static struct demur_policy policy; /* some tens of KB */

static void form(void)
{
    memset(&policy, 0, sizeof policy);
    policy.sections[0] = (struct demur_policy_section){
        .name = span_lit("summary"), .title = span_lit("Summary"), .need = DEMUR_NEED_REQUIRED};
    policy.sections[1] = (struct demur_policy_section){
        .name = span_lit("history"), .title = span_lit("History"), .need = DEMUR_NEED_OPTIONAL};
    policy.sections_len = 2;
    policy.points = DEMUR_NEED_REQUIRED;
    policy.markings = span_lit("U or SBU");
    policy.marking = DEMUR_NEED_REQUIRED;
    policy.attachments_max = 2;
    policy.attachment_bytes = 12;
    policy.attachments_bytes = 20;
}

static enum demur_err check(const struct demur_letter *memo, const char *says)
{
    struct demur_diag diag = {0};
    enum demur_err err = demur_memo_check(memo, &policy, &diag);
    if (says && !strstr(diag.text, says))
        test_failed(__FILE__, __LINE__, "said: %s", diag.text);
    return err;
}

TEST(letter_against_the_policys_form)
{
    form();
    struct demur_letter memo, broken;
    REQUIRE(demur_letter_parse(&memo, span_str(good[0]), NULL) == DEMUR_OK);
    CHECK_ERR(check(&memo, NULL), DEMUR_OK);
    broken = memo;
    broken.body = span_lit("Summary\n");
    CHECK_ERR(check(&broken, "the memo has no section \"Summary\", which the policy requires: "
                             "add a heading with that title"),
              DEMUR_ERR_MISSING);
    broken = memo;
    broken.has_points = false;
    CHECK_ERR(check(&broken, "numbered points"), DEMUR_ERR_MISSING);
    policy.points = DEMUR_NEED_NONE;
    CHECK_ERR(check(&broken, NULL), DEMUR_OK);
    CHECK_ERR(check(&memo, "no numbered points"), DEMUR_ERR_UNKNOWN);
    policy.points = DEMUR_NEED_OPTIONAL;
    broken = memo;
    broken.marking = span_lit("SB");
    CHECK_ERR(check(&broken, "it knows U or SBU"), DEMUR_ERR_UNKNOWN);
    broken.marking = span_lit("");
    CHECK_ERR(check(&broken, "no marking"), DEMUR_ERR_MISSING);
    policy.marking = DEMUR_NEED_OPTIONAL;
    CHECK_ERR(check(&broken, NULL), DEMUR_OK);
    broken = memo;
    broken.files_len = 3;
    CHECK_ERR(check(&broken, "3 attachments: the policy allows 2"), DEMUR_ERR_LIMIT);
    broken = memo;
    broken.files[1].size = 13;
    CHECK_ERR(check(&broken, "13 bytes"), DEMUR_ERR_LIMIT);
    broken.files[1].size = 9;
    CHECK_ERR(check(&broken, "21 bytes together"), DEMUR_ERR_LIMIT);
    broken.files[1].size = 8;
    CHECK_ERR(check(&broken, NULL), DEMUR_OK);
}
