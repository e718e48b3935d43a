/* The line grammar: what is accepted, and where each fault is pointed out. */
#include "../test.h"
#include "../../core/lines.h"

static enum demur_err check(struct span text, struct demur_diag *diag)
{
    struct demur_lines lines;
    return demur_lines_init(&lines, text, 1000, diag);
}

TEST(lines_walk)
{
    struct demur_lines lines;
    REQUIRE(demur_lines_init(&lines, span_lit("one\n\n  three \xC3\xA9\n"), 100, NULL) == DEMUR_OK);
    struct span line;
    REQUIRE(demur_lines_next(&lines, &line));
    CHECK_SPAN(line, span_lit("one"));
    REQUIRE(demur_lines_next(&lines, &line));
    CHECK(line.len == 0 && lines.line == 2);
    REQUIRE(demur_lines_next(&lines, &line));
    CHECK_SPAN(line, span_lit("  three \xC3\xA9"));
    CHECK(!demur_lines_next(&lines, &line));
    CHECK(lines.line == 3);
}

TEST(lines_faults_are_placed)
{
    static const struct {
        const char *text;
        size_t len;
        enum demur_err want;
        uint32_t line, column;
    } cases[] = {
#define CASE(text, want, line, column) {text, sizeof(text) - 1, want, line, column}
        CASE("", DEMUR_ERR_MISSING, 0, 0),
        CASE("a", DEMUR_ERR_SYNTAX, 1, 2),
        CASE("a\nb", DEMUR_ERR_SYNTAX, 2, 2),
        CASE("a \n", DEMUR_ERR_CANON, 1, 2),
        CASE("a\n \n", DEMUR_ERR_CANON, 2, 1),
        CASE("a\tb\n", DEMUR_ERR_SYNTAX, 1, 2),
        CASE("a\r\n", DEMUR_ERR_SYNTAX, 1, 2),
        CASE("a\0b\n", DEMUR_ERR_SYNTAX, 1, 2),
        CASE("a\x7F\n", DEMUR_ERR_SYNTAX, 1, 2),
        CASE("a\xC2\x80\n", DEMUR_ERR_SYNTAX, 1, 2),         /* C1 */
        CASE("a\xC2\x9F\n", DEMUR_ERR_SYNTAX, 1, 2),
        CASE("a\xC2\xA0\n", DEMUR_OK, 0, 0),                 /* first after C1 */
        CASE("\xC1\xBF\n", DEMUR_ERR_SYNTAX, 1, 1),          /* overlong */
        CASE("ab\xE0\x9F\xBF\n", DEMUR_ERR_SYNTAX, 1, 3),
        CASE("\xE0\xA0\x80\n", DEMUR_OK, 0, 0),
        CASE("\xF0\x8F\xBF\xBF\n", DEMUR_ERR_SYNTAX, 1, 1),
        CASE("\xED\x9F\xBF\n", DEMUR_OK, 0, 0),
        CASE("\xED\xA0\x80\n", DEMUR_ERR_SYNTAX, 1, 1),      /* surrogate */
        CASE("\xF4\x8F\xBF\xBF\n", DEMUR_OK, 0, 0),          /* U+10FFFF */
        CASE("\xF4\x90\x80\x80\n", DEMUR_ERR_SYNTAX, 1, 1),
        CASE("\xF5\x80\x80\x80\n", DEMUR_ERR_SYNTAX, 1, 1),
        CASE("\x80\n", DEMUR_ERR_SYNTAX, 1, 1),
        CASE("x\n\xE2\x82\n", DEMUR_ERR_SYNTAX, 2, 1),       /* cut short */
        CASE("x\n\xE2\x82", DEMUR_ERR_SYNTAX, 2, 1),
#undef CASE
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_diag diag = {0};
        enum demur_err got = check(span_of(cases[i].text, cases[i].len), &diag);
        if (got != cases[i].want || diag.line != cases[i].line || diag.column != cases[i].column)
            test_failed(__FILE__, __LINE__, "case %zu: %s at %u:%u (%s)", i, demur_err_name(got),
                        diag.line, diag.column, diag.text);
    }
    struct demur_lines lines;
    CHECK_ERR(demur_lines_init(&lines, span_lit("abc\n"), 3, NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_lines_init(&lines, span_lit("abc\n"), 4, NULL), DEMUR_OK);
}

TEST(lines_header)
{
    static const struct {
        const char *text;
        enum demur_err want;
    } cases[] = {
        {"demur policy v1\n", DEMUR_OK},           {"demur policy v2\n", DEMUR_ERR_UPGRADE},
        {"demur policy v0\n", DEMUR_ERR_SYNTAX},   {"demur policy v01\n", DEMUR_ERR_SYNTAX},
        {"demur policyx v1\n", DEMUR_ERR_SYNTAX},  {"demur calendar v1\n", DEMUR_ERR_SYNTAX},
        {"demur policy v1 x\n", DEMUR_ERR_SYNTAX}, {"\ndemur policy v1\n", DEMUR_ERR_SYNTAX},
        {"demur\n", DEMUR_ERR_SYNTAX},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_lines lines;
        REQUIRE(demur_lines_init(&lines, span_str(cases[i].text), 100, NULL) == DEMUR_OK);
        CHECK_ERR(demur_lines_header(&lines, "policy", NULL), cases[i].want);
    }
}

TEST(lines_names_and_words)
{
    CHECK(demur_name_ok(span_lit("ring-min")) && demur_name_ok(span_lit("a")));
    CHECK(!demur_name_ok(span_lit("")) && !demur_name_ok(span_lit("-a")));
    CHECK(!demur_name_ok(span_lit("a1")) && !demur_name_ok(span_lit("A")));
    CHECK(demur_word_ok(span_lit("fs-01")) && demur_word_ok(span_lit("2.x_y")));
    CHECK(!demur_word_ok(span_lit("")) && !demur_word_ok(span_lit(".a")));
    CHECK(!demur_word_ok(span_lit("a b")) && !demur_word_ok(span_lit("aB")));

    struct span rest = span_lit("ab c"), word;
    uint32_t column = 7;
    REQUIRE(demur_words_next(&rest, &word, &column));
    CHECK_SPAN(word, span_lit("ab"));
    CHECK(column == 10);
    REQUIRE(demur_words_next(&rest, &word, &column));
    CHECK_SPAN(word, span_lit("c"));
    CHECK(column == 11);
    CHECK(!demur_words_next(&rest, &word, &column));
}

TEST(lines_statements)
{
    struct demur_lines lines;
    const char *text = "# head\n\nclock reply 60 days\n  # inner\n  pauses on leave\nalone\n\n";
    REQUIRE(demur_lines_init(&lines, span_str(text), 1000, NULL) == DEMUR_OK);
    struct demur_statement_line s = {0};
    bool end = true;
    REQUIRE(demur_statement_next(&lines, &s, &end, NULL) == DEMUR_OK && !end);
    CHECK(s.line == 3 && !s.clause && s.rest_column == 7);
    CHECK_SPAN(s.name, span_lit("clock"));
    CHECK_SPAN(s.rest, span_lit("reply 60 days"));
    REQUIRE(demur_statement_next(&lines, &s, &end, NULL) == DEMUR_OK && !end);
    CHECK(s.line == 5 && s.clause && s.rest_column == 10);
    CHECK_SPAN(s.name, span_lit("pauses"));
    CHECK_SPAN(s.rest, span_lit("on leave"));
    REQUIRE(demur_statement_next(&lines, &s, &end, NULL) == DEMUR_OK && !end);
    CHECK_SPAN(s.name, span_lit("alone"));
    CHECK(s.rest.len == 0 && s.rest_column == 6);
    REQUIRE(demur_statement_next(&lines, &s, &end, NULL) == DEMUR_OK && end);
}

TEST(lines_statement_faults)
{
    static const struct {
        const char *text;
        enum demur_err want;
        uint32_t column;
    } cases[] = {
        {" a\n", DEMUR_ERR_SYNTAX, 1},     {"   a\n", DEMUR_ERR_SYNTAX, 1},
        {"    # x\n", DEMUR_ERR_SYNTAX, 1}, {"a  b\n", DEMUR_ERR_CANON, 3},
        {"  a b  c\n", DEMUR_ERR_CANON, 7}, {"A b\n", DEMUR_ERR_SYNTAX, 1},
        {"  a1 b\n", DEMUR_ERR_SYNTAX, 3},  {"a# b\n", DEMUR_ERR_SYNTAX, 1},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_lines lines;
        struct demur_statement_line s;
        struct demur_diag diag = {0};
        bool end;
        REQUIRE(demur_lines_init(&lines, span_str(cases[i].text), 100, NULL) == DEMUR_OK);
        CHECK_ERR(demur_statement_next(&lines, &s, &end, &diag), cases[i].want);
        CHECK(diag.line == 1 && diag.column == cases[i].column);
    }
}
