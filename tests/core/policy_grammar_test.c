/* The policy language as such: files that parse, files that must not, and
 * whether between them every line of the grammar was used. */
#include "../../core/policy_parse.h"
#include "../test.h"

static struct demur_policy policy;

static bool ends(const char *name, const char *ending)
{
    size_t len = strlen(name), end = strlen(ending);
    return len > end && strcmp(name + len - end, ending) == 0;
}
static bool starts(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

/* Every byte, padding too: nothing of the text may be left behind. */
static bool all_zero(const void *p, size_t len)
{
    const uint8_t *bytes = p;
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* vectors/policy/bad: NAME.want holds `line:column code sentence`. */
TEST(policy_bad_files)
{
    int seen = 0;
    const char *name;
    for (size_t i = 0; (name = test_data_name(i)); i++) {
        if (!starts(name, "policy/bad/") || !ends(name, ".policy"))
            continue;
        char want_name[120], got[400];
        struct demur_diag d = {0};
        CHECK(demur_policy_parse(&policy, test_data(name), &d) == d.code && d.code != DEMUR_OK);
        CHECK(all_zero(&policy, sizeof policy));
        snprintf(want_name, sizeof want_name, "%.*s.want", (int)strlen(name) - 7, name);
        snprintf(got, sizeof got, "%u:%u %s %s\n", d.line, d.column, demur_err_name(d.code),
                 d.text);
        if (!span_eq_str(test_data(want_name), got))
            test_failed(__FILE__, __LINE__, "%s: %s", name, got);
        seen++;
    }
    CHECK(seen > 100);
}

/* Policies that parse and cannot be executed yet say so, with their first line. */
TEST(policy_later_files)
{
    static const struct {
        const char *name, *field;
        uint32_t line, later;
    } cases[] = {
        {"nrc-dpo.policy", "scope", 70, 14},
        {"w3c-objection.policy", "signatures", 37, 13},
        {"eu-2019-1937.policy", "filing", 39, 4},
        {"policy/every-clause.policy", "role", 28, 0},
        {"policy/other-forms.policy", "signatures", 17, 3},
        {"policy/more-forms.policy", "signatures", 17, 2},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_diag d = {0};
        if (demur_policy_parse(&policy, test_data(cases[i].name), &d) != DEMUR_OK) {
            test_failed(__FILE__, __LINE__, "%s:%u:%u: %s", cases[i].name, d.line, d.column,
                        d.text);
            continue;
        }
        CHECK_ERR(demur_policy_executable(&policy, &d), DEMUR_ERR_UPGRADE);
        CHECK(d.line == cases[i].line && strcmp(d.field, cases[i].field) == 0);
        CHECK(policy.later[0].line == d.line);
        if (cases[i].later && policy.later_len != cases[i].later)
            test_failed(__FILE__, __LINE__, "%s: %u", cases[i].name, policy.later_len);
    }
    REQUIRE(demur_policy_parse(&policy, test_data("policy/least.policy"), NULL) == DEMUR_OK);
    CHECK_ERR(demur_policy_executable(&policy, NULL), DEMUR_OK);
}

/* Mark the statements and clauses of a file. */
static void mark(struct span text, bool *statements, bool *clauses)
{
    struct demur_lines lines;
    int in = -1;
    bool end = false;
    struct demur_statement_line s = {0};
    REQUIRE(demur_lines_init(&lines, text, DEMUR_POLICY_TEXT_MAX, NULL) == DEMUR_OK);
    REQUIRE(demur_lines_header(&lines, "policy", NULL) == DEMUR_OK);
    while (demur_statement_next(&lines, &s, &end, NULL) == DEMUR_OK && !end) {
        if (!s.clause)
            for (in = DEMUR_ST_COUNT - 1; in >= 0; in--)
                if (span_eq_str(s.name, demur_policy_statements[in].name))
                    break;
        if (!s.clause && in >= 0)
            statements[in] = true;
        for (size_t i = 0; s.clause && i < demur_policy_clauses_len; i++) {
            const struct demur_policy_clause_rule *rule = &demur_policy_clauses[i];
            struct span spec = span_str(rule->spec), rest = s.rest;
            bool more;
            struct span first = span_split(&spec, ' ', &more), word = span_split(&rest, ' ', &more);
            bool literal = first.len > 0 && first.p[0] != '<' && !memchr(first.p, '|', first.len);
            if ((int)rule->statement == in && span_eq_str(s.name, rule->name) &&
                (!literal || span_eq(first, word)))
                clauses[i] = true;
        }
    }
}

TEST(policy_grammar_is_covered)
{
    static bool statements[DEMUR_ST_COUNT], clauses[512];
    const char *name;
    REQUIRE(demur_policy_clauses_len <= DEMUR_COUNT(clauses));
    for (size_t i = 0; (name = test_data_name(i)); i++)
        if (starts(name, "policy/") && !starts(name, "policy/bad/") && ends(name, ".policy")) {
            CHECK_ERR(demur_policy_parse(&policy, test_data(name), NULL), DEMUR_OK);
            mark(test_data(name), statements, clauses);
        }
    for (size_t i = 0; i < DEMUR_ST_COUNT; i++)
        if (!statements[i])
            test_failed(__FILE__, __LINE__, "unused: %s", demur_policy_statements[i].name);
    for (size_t i = 0; i < demur_policy_clauses_len; i++)
        if (!clauses[i])
            test_failed(__FILE__, __LINE__, "unused: %s %s %s",
                        demur_policy_statements[demur_policy_clauses[i].statement].name,
                        demur_policy_clauses[i].name, demur_policy_clauses[i].spec);
}

/* What a line of every-clause.policy says is found in the struct. */
TEST(policy_every_clause_is_stored)
{
    REQUIRE(demur_policy_parse(&policy, test_data("policy/every-clause.policy"), NULL) == DEMUR_OK);
    const struct demur_policy_role *head =
        &policy.roles[demur_policy_role(&policy, span_lit("head"))];
    CHECK(head->single && head->acting && head->for_each == 0 && head->granted_by == 5);
    CHECK(policy.eligibles_len == 2 && policy.eligibles[0].conditions_len == 5);
    CHECK(policy.eligibles[0].conditions[1].number == 3 &&
          policy.eligibles[0].conditions[4].unless);
    CHECK(policy.narrows_len == 2 && policy.narrows[1] == 3);
    CHECK(policy.attachment_bytes == 512 << 10 && policy.attachments_bytes == 2 << 20);
    CHECK(policy.points == DEMUR_NEED_REQUIRED && policy.sections[0].need == DEMUR_NEED_REQUIRED);
    CHECK(policy.sections[0].hint.len > 0 && policy.sections[1].need == DEMUR_NEED_OPTIONAL);
    CHECK(policy.receivers_len == 5 && policy.receivers[4].conditional);
    CHECK(policy.shares[0].from == -1 && policy.shares[1].after >= 0);
    const struct demur_policy_step *decide =
        &policy.steps[demur_policy_step(&policy, span_lit("decide"))];
    CHECK(decide->outcomes_len == 5 && decide->outcomes[4].to == -1 && decide->to == -1);
    const struct demur_policy_clock *c = &policy.clocks[0];
    CHECK(c->starts_len == 2 && c->every_time && c->fallback.kind == DEMUR_EVENT_OPENING);
    CHECK(c->fallback_after.count == 7 && c->target.count == 30 && c->limit.count == 60);
    CHECK(c->counting.event_day_counts && c->counting.received_on_working_day &&
          c->counting.two_working_days && c->counting.ending == DEMUR_ENDING_PREVIOUS_WORKING_DAY);
    CHECK(c->extensions_len == 2 && c->extensions[0].to_date && !c->extensions[1].to_date);
    CHECK(c->actions_len == 6 && c->actions[1].kind == DEMUR_ACTION_ESCALATE &&
          c->actions[1].at_target && c->actions[5].kind == DEMUR_ACTION_MOVE);
    CHECK(policy.texts_len == 3 && policy.texts[0].role >= 0);
    CHECK_SPAN(policy.texts[2].kind, span_lit("rule"));
    for (int i = 1; i <= DEMUR_FINAL_REJECTED; i++)
        CHECK_SPAN(policy.stages[3 + i].name, span_str(demur_final_name((enum demur_final)i)));
}

/* The act takes the way of its outcome. */
TEST(policy_outcomes)
{
    REQUIRE(demur_policy_parse(&policy, test_data("policy/every-clause.policy"), NULL) == DEMUR_OK);
    struct demur_act act = {.step = demur_policy_step(&policy, span_lit("decide")),
                            .roles = demur_set_of(demur_policy_role(&policy, span_lit("expert"))),
                            .stage = demur_policy_stage(&policy, span_lit("panel")),
                            .document = true};
    int to = -1;
    demur_set entitled;
    struct demur_diag diag = {0};
    CHECK_ERR(demur_policy_step_check(&policy, &act, &to, &entitled, &diag), DEMUR_ERR_MISSING);
    CHECK(strstr(diag.text,
                 "needs an outcome: upheld or overruled or remanded or resolved or later"));
    act.outcome = span_lit("maybe");
    CHECK_ERR(demur_policy_step_check(&policy, &act, &to, &entitled, &diag), DEMUR_ERR_UNKNOWN);
    CHECK(strstr(
        diag.text,
        "no outcome \"maybe\"; it has upheld or overruled or remanded or resolved or later"));
    act.outcome = span_lit("overruled");
    CHECK_ERR(demur_policy_step_check(&policy, &act, &to, &entitled, NULL), DEMUR_OK);
    CHECK(to == demur_policy_stage(&policy, span_lit("overruled")));
    act.outcome = span_lit("later");
    CHECK_ERR(demur_policy_step_check(&policy, &act, &to, &entitled, NULL), DEMUR_OK);
    CHECK(to == act.stage);
}

TEST(policy_patterns)
{
    static const struct {
        const char *pattern, *value;
        bool fits;
    } cases[] = {
        {"FS-##", "FS-01", true},  {"FS-##", "FS-1", false}, {"FS-##", "FS-011", false},
        {"FS-##", "fs-01", false}, {"@@", "aZ", true},       {"@@", "a1", false},
        {"*", "anything", true},   {"a*", "a", true},        {"a*c", "abcbc", true},
        {"a*c", "abcb", false},    {"*-*-#", "a-b-1", true}, {"*-*-#", "a-1", false},
        {"**a", "ba", true},       {"a", "", false},         {"*", "", true},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++)
        if (demur_policy_pattern_ok(span_str(cases[i].pattern), span_str(cases[i].value)) !=
            cases[i].fits)
            test_failed(__FILE__, __LINE__, "%s %s", cases[i].pattern, cases[i].value);
    struct span list = span_lit("or-else or b");
    CHECK(demur_policy_list_has(list, span_lit("or-else")) &&
          demur_policy_list_has(list, span_lit("b")));
    CHECK(!demur_policy_list_has(list, span_lit("or")));
}

/* Law 20 counts the longest case exactly: asked and answered so often, it is still
 * short of its last change. */
TEST(policy_stage_changes_are_bounded)
{
    static char text[2000];
    struct span least = test_data("policy/least.policy");
    static const enum demur_err want[] = {DEMUR_OK, DEMUR_ERR_SYNTAX};
    for (int more = 0; more < 2; more++) {
        struct demur_diag d = {0};
        snprintf(text, sizeof text,
                 "%.*sstage asked\n  title Asked\n"
                 "step ask\n  title Ask\n  by office\n  from filed\n  to asked\n"
                 "  at-most %d times\n"
                 "step answer\n  title Answer\n  by author\n  taken-as say\n"
                 "  from asked\n  to filed\n",
                 (int)least.len, (const char *)least.p, 132 + more);
        CHECK_ERR(demur_policy_parse(&policy, span_str(text), &d), want[more]);
        CHECK(!more || strstr(d.text, "402 times"));
    }
}

/* A period can be as long as its unit allows, and no longer. */
TEST(policy_periods_are_bounded)
{
    static const struct {
        const char *longest, *longer;
    } cases[] = {
        {"9999 hours", "10000 hours"},
        {"9999 days", "10000 days"},
        {"2600 working-days", "2601 working-days"},
        {"5200 weeks", "5201 weeks"},
        {"1200 months", "1201 months"},
        {"100 years", "101 years"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_diag d = {0};
        struct demur_period period = {0};
        struct demur_words w = {span_lit("limit"), span_str(cases[i].longest), 3, 9, &d};
        CHECK_ERR(demur_words_period(&w, &period), DEMUR_OK);
        CHECK(period.unit == (enum demur_unit)i);
        w = (struct demur_words){span_lit("limit"), span_str(cases[i].longer), 3, 9, &d};
        CHECK(demur_words_period(&w, &period) != DEMUR_OK && d.line == 3 && d.column == 9);
    }
}
