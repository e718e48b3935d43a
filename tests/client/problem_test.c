/* Problem documents: what is taken from them, and what is refused as no JSON. */
#include "../../client/internal.h"
#include "../test.h"

TEST(problem_documents_become_errors)
{
    static const struct {
        long status;
        const char *body;
        enum demur_err want;
        uint32_t line;
        const char *text, *field;
    } cases[] = {
        {409,
         "{\"type\":\"about:blank#stale\",\"title\":\"x\",\"status\":409,\"detail\":\"read it "
         "first\",\"field\":\"on\",\"line\":3,\"latest\":\"00ff\"}\n",
         DEMUR_ERR_STALE, 3, "read it first", "on"},
        {403, "{\"type\":\"about:blank#forbidden\",\"detail\":\"no\"}", DEMUR_ERR_FORBIDDEN, 0,
         "no", ""},
        {400, "{\"detail\":\"\\u00e9\\\"\\\\ \\ud83d\\ude00\\n\"}", DEMUR_ERR_SYNTAX, 0,
         "\xC3\xA9\"\\ \xF0\x9F\x98\x80 ", ""},
        {413, " { \"detail\" : \"big\" , \"more\" : [1, {\"a\": [true,false,null]}, -1.5e3] } ",
         DEMUR_ERR_LIMIT, 0, "big", ""},
        {424, "{\"type\":\"about:blank#missing\",\"detail\":\"blob\"}", DEMUR_ERR_MISSING, 0,
         "blob", ""},
        {404, "{\"type\":\"about:blank#no-such-code\",\"detail\":\"gone\"}", DEMUR_ERR_UNKNOWN, 0,
         "gone", ""},
        {500, "{\"detail\":\"a\",\"line\":\"7\"}", DEMUR_ERR_IO, 0, "a", ""},
        {401, "{\"detail\":\"token\"}", DEMUR_ERR_FORBIDDEN, 0, "reading token", ""},
        {404, "<html>Not found</html>", DEMUR_ERR_UNKNOWN, 0, "is that address a channel's?", ""},
        {502, "", DEMUR_ERR_IO, 0, "did not say why: it, or a proxy before it", ""},
        {302, "", DEMUR_ERR_IO, 0, "points to another address", ""},
        {413, "<p>Too large", DEMUR_ERR_LIMIT, 0, "larger than it, or a proxy before it", ""},
        {429, "", DEMUR_ERR_IO, 0, "try again later", ""},
        {501, "", DEMUR_ERR_IO, 0, "is that address a channel's?", ""},
        {400, "{\"type\":\"about:blank#upgrade\",\"detail\":\"no such type\",\"line\":2}",
         DEMUR_ERR_UPGRADE, 2, "its operator has to upgrade it (no such type)", ""},
        {409, "<p>Conflict</p>", DEMUR_ERR_IO, 0, "did not say why", ""},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_diag diag = {0};
        enum demur_err got = problem_read(cases[i].status, span_str(cases[i].body), &diag);
        if (got != cases[i].want || diag.code != got || !strstr(diag.text, cases[i].text) ||
            strcmp(diag.field, cases[i].field) != 0 || diag.line != cases[i].line)
            test_failed(__FILE__, __LINE__, "case %zu: %s, %s:%u, %s", i, demur_err_name(got),
                        diag.field, diag.line, diag.text);
    }
}

/* What is known here alone, no server says. */
TEST(problem_names_of_our_own_are_not_taken)
{
    static const enum demur_err ours[] = {DEMUR_ERR_MEMORY, DEMUR_ERR_KEY, DEMUR_ERR_VERIFY,
                                          DEMUR_ERR_SPACE, DEMUR_ERR_TEXT};
    for (size_t i = 0; i < DEMUR_COUNT(ours); i++) {
        char body[80];
        struct demur_diag diag = {0};
        snprintf(body, sizeof body, "{\"type\":\"x#%s\",\"detail\":\"y\"}",
                 demur_err_name(ours[i]));
        CHECK_ERR(problem_read(403, span_str(body), &diag), DEMUR_ERR_FORBIDDEN);
        CHECK(diag.code == DEMUR_ERR_FORBIDDEN && strcmp(diag.text, "y") == 0);
    }
}

TEST(problem_what_is_no_json_says_nothing)
{
    static const char *const bad[] = {
        "{\"detail\":\"x\"",
        "{\"detail\":\"x\"} y",
        "{\"detail\":\"x\",}",
        "{\"detail\" \"x\"}",
        "{detail:\"x\"}",
        "{\"detail\":\"\\x\"}",
        "{\"detail\":\"\\ud800\"}",
        "{\"detail\":\"\\udc00\"}",
        "{\"detail\":\"\\ud800\\u0041\"}",
        "{\"detail\":\"\\u00g0\"}",
        "{\"detail\":\"a\nb\"}",
        "{\"detail\":\"\xFF\"}",
        "{\"detail\":\"x\",\"a\":tru}",
        "[\"x\"]",
        "{\"a\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],\"detail\":\"x\"}",
    };
    for (size_t i = 0; i < DEMUR_COUNT(bad); i++) {
        struct demur_diag diag = {0};
        enum demur_err got = problem_read(409, span_str(bad[i]), &diag);
        if (got != DEMUR_ERR_IO || !strstr(diag.text, "did not say why"))
            test_failed(__FILE__, __LINE__, "case %zu: %s, %s", i, demur_err_name(got), diag.text);
    }
}

TEST(problem_text_is_cut_and_harmless)
{
    static char body[2000];
    struct demur_diag diag = {0};
    struct buf b = buf_over(body, sizeof body);
    buf_put_str(&b, "{\"detail\":\"\\u001b\\u009b2J");
    for (int i = 0; i < 600; i++)
        buf_put_str(&b, "ab");
    buf_put_str(&b, "\"}");
    CHECK_ERR(problem_read(400, buf_span(&b), &diag), DEMUR_ERR_SYNTAX);
    CHECK(strncmp(diag.text, "   2Jabab", 9) == 0 && strlen(diag.text) == 255);
}
