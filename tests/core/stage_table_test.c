/* Every cell of every stage table: for each step of a policy at each of its stages, by each of
 * its roles and by the author, what the policy says is what its text says, read here line by
 * line without any of the parser. */
#include "../../core/policy.h"
#include "../test.h"

#include <stdlib.h>

#define NAMES 64

struct names {
    struct span name[NAMES];
    size_t len;
};

/* A step as its block in the text has it. */
struct told {
    struct span name, to, document, until, outcome, outcome_to, refer, at_most;
    struct names by, from, entitles;
};

static void add(struct names *list, struct span name)
{
    if (list->len < NAMES)
        list->name[list->len++] = name;
    else
        test_failed(__FILE__, __LINE__, "too many names");
}

static bool has(const struct names *list, struct span name)
{
    for (size_t i = 0; i < list->len; i++)
        if (span_eq(list->name[i], name))
            return true;
    return false;
}

static struct span word(struct span *rest)
{
    bool found;
    return span_split(rest, ' ', &found);
}

/* `a or b or c` */
static struct names or_list(struct span rest)
{
    struct names list = {.len = 0};
    while (rest.len) {
        struct span one = word(&rest);
        if (!span_eq_str(one, "or"))
            add(&list, one);
    }
    return list;
}

/* The next step's block, from *rest on. */
static bool next_step(struct span *rest, struct told *out)
{
    bool inside = false, more = true;
    *out = (struct told){.document = span_lit("none"), .until = span_lit("none")};
    while (rest->len && more) {
        struct span before = *rest, line = span_split(rest, '\n', &more);
        if (line.len == 0 || line.p[0] == '#')
            continue;
        if (inside && !span_starts(line, "  ")) {
            *rest = before;
            return true;
        }
        if (!inside && !(inside = span_starts(line, "step ")))
            continue;
        if (span_starts(line, "step ")) {
            out->name = span_skip(line, 5);
            continue;
        }
        line = span_skip(line, 2);
        struct span key = word(&line), first = line;
        first = word(&first);
        if (span_eq_str(key, "by"))
            out->by = or_list(line);
        else if (span_eq_str(key, "from"))
            out->from = or_list(line);
        else if (span_eq_str(key, "entitles"))
            out->entitles = or_list(line);
        else if (span_eq_str(key, "to"))
            out->to = first;
        else if (span_eq_str(key, "document"))
            out->document = first;
        else if (span_eq_str(key, "until"))
            out->until = first;
        else if (span_eq_str(key, "at-most"))
            out->at_most = first;
        else if (span_eq_str(key, "refers-to"))
            out->refer = first;
        else if (span_eq_str(key, "outcome") && !out->outcome.len) {
            out->outcome = word(&line);
            word(&line);
            out->outcome_to = line;
        }
    }
    return inside;
}

static uint32_t times(struct span at_most)
{
    uint64_t n = 0;
    if (span_eq_str(at_most, "once"))
        return 1;
    return span_u64(at_most, 1000, &n) ? (uint32_t)n : 0;
}

/* One cell, role -1 being the author. */
static void check_cell(const char *policy, const struct demur_policy *p, const struct told *told,
                       int step, int stage, int role)
{
    struct span who = role < 0 ? span_lit("author") : p->roles[role].name;
    struct span at = p->stages[stage].name,
                stage_after = told->outcome.len ? told->outcome_to : told->to;
    enum demur_err want = !has(&told->by, who)    ? DEMUR_ERR_FORBIDDEN
                          : !has(&told->from, at) ? DEMUR_ERR_STAGE
                                                  : DEMUR_OK;
    bool carries =
        p->steps[step].taken_as == DEMUR_AS_STEP || p->steps[step].taken_as == DEMUR_AS_APPEAL;
    struct demur_act act = {.step = step,
                            .author = role < 0,
                            .roles = demur_set_of(role),
                            .stage = stage,
                            .document = span_eq_str(told->document, "required"),
                            .until = span_eq_str(told->until, "required"),
                            .outcome = told->outcome,
                            .refer = told->refer};
    struct demur_diag diag = {0};
    demur_set entitled = 0;
    int to = -1;
    enum demur_err got = demur_policy_step_check(p, &act, &to, &entitled, &diag);
    if (got != want)
        test_failed(__FILE__, __LINE__, "%s: %.*s at %.*s by %.*s: %s (%s), want %s", policy,
                    SPAN_ARG(told->name), SPAN_ARG(at), SPAN_ARG(who), demur_err_name(got),
                    diag.text, demur_err_name(want));
    if (want || got)
        return;
    if (!span_eq(p->stages[to].name, stage_after.len ? stage_after : at))
        test_failed(__FILE__, __LINE__, "%s: %.*s at %.*s leads to %.*s", policy,
                    SPAN_ARG(told->name), SPAN_ARG(at), SPAN_ARG(p->stages[to].name));
    for (int r = 0; r < p->roles_len; r++) {
        struct span name = p->roles[r].name;
        CHECK(demur_set_has(entitled, r) ==
              (has(&told->entitles, name) || (told->refer.len && span_eq(told->refer, name))));
    }
    /* The same with one thing wrong at a time. */
    uint32_t most = times(told->at_most);
    struct demur_act bad = act;
    bad.times_taken = most;
    CHECK(!most || demur_policy_step_check(p, &bad, &to, &entitled, &diag) == DEMUR_ERR_LIMIT);
    bad = act;
    bad.document = !act.document;
    bool free_document = span_eq_str(told->document, "optional") || !carries;
    CHECK((demur_policy_step_check(p, &bad, &to, &entitled, &diag) == DEMUR_OK) == free_document);
    bad = act;
    bad.until = !act.until;
    CHECK((demur_policy_step_check(p, &bad, &to, &entitled, &diag) == DEMUR_OK) ==
          span_eq_str(told->until, "optional"));
    bad = act;
    bad.outcome = act.outcome.len ? span_of(NULL, 0) : span_lit("chosen");
    CHECK(demur_policy_step_check(p, &bad, &to, &entitled, &diag) != DEMUR_OK);
    bad = act;
    bad.refer = act.refer.len ? span_of(NULL, 0) : p->roles[0].name;
    CHECK(demur_policy_step_check(p, &bad, &to, &entitled, &diag) != DEMUR_OK);
}

static size_t check_table(const char *name, struct span text)
{
    struct demur_policy *p = malloc(sizeof *p);
    struct demur_diag diag = {0};
    struct told told;
    size_t cells = 0;
    int steps = 0;
    if (!p || demur_policy_parse(p, text, &diag)) {
        test_failed(__FILE__, __LINE__, "%s: %s", name, diag.text);
        free(p);
        return 0;
    }
    for (struct span rest = text; next_step(&rest, &told); steps++) {
        int step = demur_policy_step(p, told.name);
        if (step < 0) {
            test_failed(__FILE__, __LINE__, "%s: no step %.*s", name, SPAN_ARG(told.name));
            continue;
        }
        for (int stage = 0; stage < p->stages_len; stage++)
            for (int role = -1; role < p->roles_len; role++, cells++)
                check_cell(name, p, &told, step, stage, role);
    }
    if (steps != p->steps_len)
        test_failed(__FILE__, __LINE__, "%s: %d steps in the text, %d in the policy", name, steps,
                    p->steps_len);
    free(p);
    return cells;
}

TEST(every_cell_of_every_stage_table)
{
    const char *name;
    size_t policies = 0, cells = 0;
    for (size_t i = 0; (name = test_data_name(i)); i++) {
        size_t len = strlen(name), end = strlen(".policy");
        bool shipped = !strchr(name, '/') || strcmp(name, "fold/story.policy") == 0;
        if (len <= end || strcmp(name + len - end, ".policy") != 0 || !shipped)
            continue;
        policies++;
        cells += check_table(name, test_data(name));
    }
    CHECK(policies > 5 && cells > 2000);
}
