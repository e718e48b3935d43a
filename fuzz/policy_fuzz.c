/* Policies: a refusal leaves nothing behind and says where; in what parses every
 * number is in range, the laws hold, and every question has an answer. */
#include "../core/policy.h"

#include <stdlib.h>

#define TEXT_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static struct demur_policy policy, again;
static uint8_t longer[TEXT_MAX + 16];

/* Every byte, padding too: nothing of the text may be left behind. */
static bool all_zero(const void *p, size_t len)
{
    const uint8_t *bytes = p;
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void same_with_a_comment(struct span text)
{
    struct buf b = buf_over(longer, sizeof longer);
    buf_put_span(&b, text);
    buf_put_str(&b, "\n  # more\n");
    must(buf_ok(&b) && demur_policy_parse(&again, buf_span(&b), NULL) == DEMUR_OK);
    must(span_eq(policy.name, again.name) && policy.steps_len == again.steps_len &&
         policy.roles_len == again.roles_len && policy.later_len == again.later_len);
}

static bool within(demur_set set, int len) { return len == 64 || (set >> len) == 0; }

static void in_range(const struct demur_policy *p)
{
    must(p->roles_len > 0 && p->roles_len <= DEMUR_POLICY_ROLES && p->stages_len > 0 &&
         p->stages_len <= DEMUR_POLICY_STAGES && p->steps_len > 0 &&
         p->steps_len <= DEMUR_POLICY_STEPS && p->receivers_len > 0);
    must(p->quota >= 1 && p->ring_min >= 2 && p->identities && p->roster_kept_by);
    for (size_t i = 0; i < p->steps_len; i++) {
        const struct demur_policy_step *s = &p->steps[i];
        must(within(s->by, p->roles_len) && within(s->from, p->stages_len) && s->from);
        must(s->to >= -1 && s->to < p->stages_len && s->by_author == (s->by == 0));
        must(s->only_before < p->clocks_len && s->only_after < p->clocks_len);
        must(within(s->entitles | s->refers_to, p->roles_len));
    }
    for (size_t i = 0; i < p->clocks_len; i++) {
        const struct demur_policy_clock *c = &p->clocks[i];
        must(c->limit.count > 0 && c->starts_len > 0 && c->calendar.len > 0);
        must(within(c->met_by | c->stopped_by, p->steps_len) &&
             within(c->paused_in, p->stages_len));
        for (size_t j = 0; j < c->actions_len; j++)
            must(c->actions[j].kind != DEMUR_ACTION_MOVE ||
                 p->stages[c->actions[j].index].final == DEMUR_FINAL_NO);
    }
}

static void answers(const struct demur_policy *p)
{
    struct demur_attribute a = {span_lit("agency"), span_lit("state")};
    (void)!demur_policy_attributes_check(p, &a, 1, NULL);
    demur_policy_eligible(p, &a, 1);
    for (int role = 0; role < p->roles_len; role++) {
        must(demur_policy_role(p, p->roles[role].name) == role);
        enum demur_receives unknown = demur_policy_receives(p, role, NULL, 0);
        enum demur_receives known = demur_policy_receives(p, role, &a, 1);
        must(unknown != DEMUR_RECEIVES_MUST || known >= DEMUR_RECEIVES_MUST);
        demur_policy_may_share(p, ~(demur_set)0, false, role, 0);
        demur_policy_may_grant(p, ~(demur_set)0, role);
    }
    for (int step = 0; step < p->steps_len; step++) {
        for (int stage = 0; stage < p->stages_len; stage++) {
            struct demur_act act = {.step = step,
                                    .author = p->steps[step].by_author,
                                    .roles = ~(demur_set)0,
                                    .stage = stage,
                                    .document = p->steps[step].document == DEMUR_NEED_REQUIRED};
            int to = -1;
            demur_set entitled;
            if (demur_policy_step_check(p, &act, &to, &entitled, NULL) == DEMUR_OK)
                must(demur_set_has(p->steps[step].from, stage) && to >= 0 && to < p->stages_len);
        }
    }
    const struct demur_calendars none = {NULL, 0};
    for (int clock = 0; clock < p->clocks_len; clock++) {
        int64_t target, limit;
        if (demur_clock_due(p, clock, &none, 1795183509, NULL, 0, NULL, 0, &target, &limit, NULL) ==
            DEMUR_OK)
            must(limit >= 1795183509 - 86400 && target >= 1795183509 - 86400);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > TEXT_MAX)
        return 0;
    struct span text = span_of(data, size);
    struct demur_diag diag = {0};
    enum demur_err err = demur_policy_parse(&policy, text, &diag);
    must(err == diag.code);
    if (err != DEMUR_OK) {
        must(all_zero(&policy, sizeof policy) && diag.text[0] != 0);
        return 0;
    }
    in_range(&policy);
    same_with_a_comment(text);
    answers(&policy);
    enum demur_err later = demur_policy_executable(&policy, &diag);
    must((later == DEMUR_OK) == (policy.later_len == 0));
    return 0;
}
