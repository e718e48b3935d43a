/* policy_laws.c - what a policy must keep to as a whole, whatever else it says.
 * docs/formats/policy.md, "Laws", has them in the same order and with reasons. */
#include "policy_parse.h"

#define ATTACHMENT_MAX ((uint64_t)64 << 20) /* memo.md, section 4 */

/* Refuse at the statement of `at`, which has a line. */
#define REFUSE(at, field, ...)                                                                     \
    return demur_fail_at(diag, DEMUR_ERR_SYNTAX, (at).line, 1, field, __VA_ARGS__)

static demur_set step_targets(const struct demur_policy_step *s)
{
    demur_set set = demur_set_of(s->to);
    for (size_t i = 0; i < s->outcomes_len; i++)
        set |= demur_set_of(s->outcomes[i].to);
    return set;
}

static bool leads_to(const struct demur_policy *p, const struct demur_policy_step *s,
                     enum demur_final final)
{
    for (int i = 0; i < p->stages_len; i++)
        if (demur_set_has(step_targets(s), i) && p->stages[i].final == final)
            return true;
    return false;
}

static bool leads_to_an_end(const struct demur_policy *p, const struct demur_policy_step *s)
{
    for (int i = 0; i < p->stages_len; i++)
        if (demur_set_has(step_targets(s), i) && p->stages[i].final != DEMUR_FINAL_NO)
            return true;
    return false;
}

/* ---- steps ---- */

static enum demur_err check_step(const struct demur_policy *p, const struct demur_policy_step *s,
                                 struct demur_diag *diag)
{
    enum demur_taken_as as = s->taken_as;
    if (s->by_author && (as == DEMUR_AS_STEP || as == DEMUR_AS_OPEN))
        REFUSE(*s, "step", "the author's step \"%.*s\" is taken-as say, withdraw or appeal",
               SPAN_ARG(s->name));
    if (!s->by_author && as != DEMUR_AS_STEP && as != DEMUR_AS_OPEN)
        REFUSE(*s, "step", "only the author says, withdraws or appeals: let \"%.*s\" be by author",
               SPAN_ARG(s->name));
    bool plain = s->date == DEMUR_NEED_NONE && !s->outcomes_len && !s->refers_to &&
                 (s->document == DEMUR_NEED_NONE || as == DEMUR_AS_APPEAL);
    if (as != DEMUR_AS_STEP && !plain)
        REFUSE(*s, "step", "the record that \"%.*s\" is taken as has no place for what it asks for",
               SPAN_ARG(s->name));
    if (s->outcomes_len && s->to >= 0)
        REFUSE(*s, "step", "\"%.*s\" has outcomes, which say where each leads: leave out \"to\"",
               SPAN_ARG(s->name));
    if (as == DEMUR_AS_WITHDRAW && !leads_to(p, s, DEMUR_FINAL_WITHDRAWN))
        REFUSE(*s, "step", "\"%.*s\" withdraws, so it leads to a stage that is final withdrawn",
               SPAN_ARG(s->name));
    if (as != DEMUR_AS_WITHDRAW && leads_to(p, s, DEMUR_FINAL_WITHDRAWN))
        REFUSE(*s, "step", "only the author withdraws: \"%.*s\" cannot lead to a withdrawn stage",
               SPAN_ARG(s->name));
    if (as == DEMUR_AS_OPEN && leads_to_an_end(p, s))
        REFUSE(*s, "step", "reading closes nothing: \"%.*s\" cannot lead to a final stage",
               SPAN_ARG(s->name));
    if (leads_to(p, s, DEMUR_FINAL_REJECTED) && s->document != DEMUR_NEED_REQUIRED)
        REFUSE(*s, "step", "\"%.*s\" rejects, so it needs a document with the reason",
               SPAN_ARG(s->name));
    return DEMUR_OK;
}

/* One record must never mean two steps. */
static enum demur_err check_step_pairs(const struct demur_policy *p, struct demur_diag *diag)
{
    for (size_t i = 0; i < p->steps_len; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct demur_policy_step *a = &p->steps[i], *b = &p->steps[j];
            if (a->taken_as == DEMUR_AS_STEP || a->taken_as != b->taken_as || !(a->from & b->from))
                continue;
            if (a->by_author || (a->by & b->by))
                REFUSE(*a, "step",
                       "\"%.*s\" and \"%.*s\" are taken as the same record in one stage",
                       SPAN_ARG(a->name), SPAN_ARG(b->name));
        }
    }
    return DEMUR_OK;
}

/* ---- stages ---- */

struct moves {
    demur_set by_people[DEMUR_POLICY_STAGES], by_time[DEMUR_POLICY_STAGES];
};

static void collect_moves(const struct demur_policy *p, struct moves *m)
{
    *m = (struct moves){0};
    for (int s = 0; s < p->stages_len; s++) {
        for (size_t i = 0; i < p->steps_len; i++)
            if (demur_set_has(p->steps[i].from, s))
                m->by_people[s] |= step_targets(&p->steps[i]);
        for (size_t c = 0; c < p->clocks_len; c++)
            for (size_t i = 0; i < p->clocks[c].actions_len; i++) {
                const struct demur_policy_action *a = &p->clocks[c].actions[i];
                if (a->kind == DEMUR_ACTION_MOVE && demur_set_has(a->from, s))
                    m->by_time[s] |= demur_set_of(a->index);
            }
    }
}

/* Grow a set by whatever its members lead to, until it stays. */
static demur_set reached_from(demur_set set, const demur_set *a, const demur_set *b, int stages)
{
    demur_set before;
    do {
        before = set;
        for (int s = 0; s < stages; s++)
            if (demur_set_has(set, s))
                set |= a[s] | (b ? b[s] : 0);
    } while (set != before);
    return set;
}

static demur_set final_stages(const struct demur_policy *p)
{
    demur_set set = 0;
    for (int s = 0; s < p->stages_len; s++)
        if (p->stages[s].final != DEMUR_FINAL_NO)
            set |= demur_set_of(s);
    return set;
}

/* Has the author a step out of the stage to one that is not to be avoided? Giving
 * up is none. With `always`, no count and no clock may keep the author from it. */
static bool author_leaves(const struct demur_policy *p, int stage, demur_set avoiding, bool always)
{
    for (size_t i = 0; i < p->steps_len; i++) {
        const struct demur_policy_step *s = &p->steps[i];
        bool bound = s->at_most > 0 || s->only_before >= 0 || s->only_after >= 0;
        if (s->by_author && s->taken_as != DEMUR_AS_WITHDRAW && !(always && bound) &&
            demur_set_has(s->from, stage) && (step_targets(s) & ~avoiding & ~demur_set_of(stage)))
            return true;
    }
    return false;
}

static enum demur_err check_stages(const struct demur_policy *p, struct demur_diag *diag)
{
    struct moves m;
    collect_moves(p, &m);
    if (p->stages[0].final != DEMUR_FINAL_NO)
        REFUSE(p->stages[0], "stage", "filing leads to the first stage, which cannot be final");
    demur_set ends = final_stages(p),
              reached = reached_from(1, m.by_people, m.by_time, p->stages_len);
    for (int s = 0; s < p->stages_len; s++) {
        const struct demur_policy_stage *stage = &p->stages[s];
        if (!demur_set_has(reached, s))
            REFUSE(*stage, "stage", "no step and no clock leads to the stage \"%.*s\"",
                   SPAN_ARG(stage->name));
        if (stage->final == DEMUR_FINAL_NO &&
            !(reached_from(demur_set_of(s), m.by_people, NULL, p->stages_len) & ends))
            REFUSE(*stage, "stage", "no steps lead from the stage \"%.*s\" to a final one",
                   SPAN_ARG(stage->name));
        if (stage->final == DEMUR_FINAL_REJECTED && !author_leaves(p, s, 0, false))
            REFUSE(*stage, "stage", "the author must be able to appeal from \"%.*s\"",
                   SPAN_ARG(stage->name));
    }
    return DEMUR_OK;
}

/* Time moves a case on, never to an end and never in a circle. */
static enum demur_err check_time_moves(const struct demur_policy *p, struct demur_diag *diag)
{
    struct moves m;
    collect_moves(p, &m);
    for (size_t c = 0; c < p->clocks_len; c++) {
        for (size_t i = 0; i < p->clocks[c].actions_len; i++) {
            const struct demur_policy_action *a = &p->clocks[c].actions[i];
            if (a->kind != DEMUR_ACTION_MOVE)
                continue;
            const struct demur_policy_stage *to = &p->stages[a->index];
            if (to->final != DEMUR_FINAL_NO)
                REFUSE(*a, "at-limit", "nothing closes by silence: \"%.*s\" is final",
                       SPAN_ARG(to->name));
            if (reached_from(demur_set_of(a->index), m.by_time, NULL, p->stages_len) & a->from)
                REFUSE(*a, "at-limit", "clocks move a case in a circle through \"%.*s\"",
                       SPAN_ARG(to->name));
        }
    }
    return DEMUR_OK;
}

static bool changes_stage(const struct demur_policy *p, const struct demur_policy_step *s)
{
    for (int i = 0; i < p->stages_len; i++)
        if (demur_set_has(s->from, i) && (step_targets(s) & ~demur_set_of(i)))
            return true;
    return false;
}

/* The moves that nothing counts: those of clocks, and of steps without at-most. */
static void collect_free_moves(const struct demur_policy *p, demur_set *free_moves)
{
    struct moves m;
    collect_moves(p, &m);
    for (int s = 0; s < p->stages_len; s++) {
        free_moves[s] = m.by_time[s];
        for (size_t i = 0; i < p->steps_len; i++)
            if (p->steps[i].at_most == 0 && demur_set_has(p->steps[i].from, s))
                free_moves[s] |= step_targets(&p->steps[i]);
        free_moves[s] &= ~demur_set_of(s);
    }
}

/* How many moves the longest way has; there is no circle. */
static uint64_t longest_way(const demur_set *moves, int stages)
{
    uint64_t ahead[DEMUR_POLICY_STAGES] = {0}, longest = 0;
    bool grew = true;
    while (grew) {
        grew = false;
        for (int s = 0; s < stages; s++)
            for (int t = 0; t < stages; t++)
                if (demur_set_has(moves[s], t) && ahead[s] < ahead[t] + 1) {
                    ahead[s] = ahead[t] + 1;
                    grew = true;
                }
    }
    for (int s = 0; s < stages; s++)
        longest = ahead[s] > longest ? ahead[s] : longest;
    return longest;
}

/* No case goes round without end. Between two steps that are counted it takes the
 * longest way at most. */
static enum demur_err check_stage_changes(const struct demur_policy *p, struct demur_diag *diag)
{
    demur_set free_moves[DEMUR_POLICY_STAGES];
    collect_free_moves(p, free_moves);
    for (int s = 0; s < p->stages_len; s++)
        if (demur_set_has(reached_from(free_moves[s], free_moves, NULL, p->stages_len), s))
            REFUSE(p->stages[s], "stage",
                   "a case can go round through \"%.*s\" without end: say at-most in a step on "
                   "the way",
                   SPAN_ARG(p->stages[s].name));
    uint64_t counted = 0, way = longest_way(free_moves, p->stages_len);
    const struct demur_policy_step *most = &p->steps[0];
    for (size_t i = 0; i < p->steps_len; i++) {
        counted += changes_stage(p, &p->steps[i]) ? p->steps[i].at_most : 0;
        most = p->steps[i].at_most > most->at_most ? &p->steps[i] : most;
    }
    uint64_t changes = 1 + counted + (counted + 1) * way;
    if (changes > DEMUR_CASE_STAGES)
        REFUSE(*most, "step",
               "a case could change its stage %llu times, and %d is the most: lower "
               "at-most",
               (unsigned long long)changes, DEMUR_CASE_STAGES);
    return DEMUR_OK;
}

/* ---- clocks ---- */

static bool has_action_at_target(const struct demur_policy_clock *c)
{
    for (size_t i = 0; i < c->actions_len; i++)
        if (c->actions[i].at_target)
            return true;
    return false;
}

static enum demur_err check_extensions(const struct demur_policy *p,
                                       const struct demur_policy_clock *c, struct demur_diag *diag)
{
    uint32_t times = 0;
    for (size_t i = 0; i < c->extensions_len; i++) {
        const struct demur_policy_extension *e = &c->extensions[i];
        const struct demur_policy_step *s = &p->steps[e->step];
        if (s->at_most == 0)
            REFUSE(*s, "step", "\"%.*s\" extends a clock, so say at-most how often",
                   SPAN_ARG(s->name));
        if (e->to_date != (s->date == DEMUR_NEED_REQUIRED) ||
            (!e->to_date && s->date != DEMUR_NEED_NONE))
            REFUSE(*s, "step", "\"%.*s\" %s", SPAN_ARG(s->name),
                   e->to_date ? "extends a clock to a date, so \"until\" is required"
                              : "extends a clock by a fixed time and takes no \"until\"");
        for (size_t j = 0; j < i; j++)
            if (c->extensions[j].step == e->step)
                REFUSE(*c, "clock", "\"%.*s\" extends the clock \"%.*s\" twice", SPAN_ARG(s->name),
                       SPAN_ARG(c->name));
        times += s->at_most;
    }
    if (times > DEMUR_CLOCK_EXTENSIONS)
        REFUSE(*c, "clock",
               "\"%.*s\" could be extended %u times, and %d is the most: lower at-most",
               SPAN_ARG(c->name), times, DEMUR_CLOCK_EXTENSIONS);
    return DEMUR_OK;
}

static enum demur_err check_clock(const struct demur_policy *p, const struct demur_policy_clock *c,
                                  struct demur_diag *diag)
{
    if (c->window && (c->met_by || c->target.count || c->actions_len))
        REFUSE(*c, "clock",
               "the clock \"%.*s\" is a window: it has no target, met-by, at-target or at-limit",
               SPAN_ARG(c->name));
    if (!c->window && !c->met_by)
        REFUSE(*c, "clock", "no step meets the clock \"%.*s\": say met-by, or that it is a window",
               SPAN_ARG(c->name));
    if (c->target.count && c->target.unit == c->limit.unit && c->target.count > c->limit.count)
        REFUSE(*c, "clock", "the target of the clock \"%.*s\" lies beyond its limit",
               SPAN_ARG(c->name));
    if (!c->target.count && has_action_at_target(c))
        REFUSE(*c, "clock", "the clock \"%.*s\" has no target that anything could happen at",
               SPAN_ARG(c->name));
    for (int s = 0; s < p->stages_len; s++)
        if (demur_set_has(c->paused_in, s) &&
            !author_leaves(p, s, c->paused_in | final_stages(p), true))
            REFUSE(*c, "clock",
                   "no step of the author's can always end the pause of \"%.*s\" in the stage "
                   "\"%.*s\"",
                   SPAN_ARG(c->name), SPAN_ARG(p->stages[s].name));
    return check_extensions(p, c, diag);
}

/* ---- distribution ---- */

/* Roles that get the memo when it is filed, and those that can get it at all. */
static void collect_readers(const struct demur_policy *p, demur_set *at_filing, demur_set *ever,
                            demur_set *never)
{
    *at_filing = *never = 0;
    for (size_t i = 0; i < p->receivers_len; i++) {
        const struct demur_policy_receiver *r = &p->receivers[i];
        if (r->how != DEMUR_RECEIVES_NEVER)
            *at_filing |= demur_set_of(r->role);
        else if (!r->conditional)
            *never |= demur_set_of(r->role);
    }
    *ever = *at_filing;
    for (size_t i = 0; i < p->steps_len; i++)
        *ever |= p->steps[i].entitles | p->steps[i].refers_to;
    for (size_t i = 0; i < p->shares_len; i++)
        *ever |= p->shares[i].to;
    for (size_t c = 0; c < p->clocks_len; c++)
        for (size_t i = 0; i < p->clocks[c].actions_len; i++)
            if (p->clocks[c].actions[i].kind == DEMUR_ACTION_ESCALATE)
                *ever |= demur_set_of(p->clocks[c].actions[i].index);
}

static enum demur_err check_distribution(const struct demur_policy *p, struct demur_diag *diag)
{
    demur_set at_filing, ever, never;
    collect_readers(p, &at_filing, &ever, &never);
    bool always = false;
    for (size_t i = 0; i < p->receivers_len; i++)
        always |= p->receivers[i].how == DEMUR_RECEIVES_MUST && !p->receivers[i].conditional;
    if (!always)
        REFUSE(p->receivers[0], "must",
               "one role at least must receive every memo, without \"when\"");
    for (int r = 0; r < p->roles_len; r++)
        if (demur_set_has(never & ever, r))
            REFUSE(p->roles[r], "role", "\"%.*s\" must never receive a memo and yet can get it",
                   SPAN_ARG(p->roles[r].name));
    for (size_t i = 0; i < p->steps_len; i++)
        for (int r = 0; r < p->roles_len; r++)
            if (demur_set_has(p->steps[i].by & ~ever, r))
                REFUSE(p->steps[i], "step",
                       "\"%.*s\" may take the step \"%.*s\" but has no way to get the memo",
                       SPAN_ARG(p->roles[r].name), SPAN_ARG(p->steps[i].name));
    for (size_t i = 0; i < p->shares_len; i++)
        if (p->shares[i].from >= 0 && !demur_set_has(ever, p->shares[i].from))
            REFUSE(p->shares[i], "share", "\"%.*s\" has no way to get the memo that it would share",
                   SPAN_ARG(p->roles[p->shares[i].from].name));
    return DEMUR_OK;
}

static enum demur_err check_attachments(const struct demur_policy *p, struct demur_diag *diag)
{
    if (p->attachment_bytes > ATTACHMENT_MAX)
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, p->attachments_line, 1, "attachments",
                             "an attachment has at most 64 MiB: lower \"each\"");
    if (p->attachment_bytes > p->attachments_bytes)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, p->attachments_line, 1, "attachments",
                             "attachments together must be allowed as much as each of them");
    return DEMUR_OK;
}

static enum demur_err check_retention(const struct demur_policy *p, struct demur_diag *diag)
{
    if (p->expunge_by && p->keep_memo.count == 0)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, p->retention_line, 1, "retention",
                             "nothing is expunged that need not be kept: say with \"memo\" how "
                             "long, or leave out \"expunged-by\"");
    return DEMUR_OK;
}

enum demur_err demur_policy_laws(const struct demur_policy *policy, struct demur_diag *diag)
{
    for (size_t i = 0; i < policy->steps_len; i++)
        DEMUR_TRY(check_step(policy, &policy->steps[i], diag));
    DEMUR_TRY(check_step_pairs(policy, diag));
    DEMUR_TRY(check_stages(policy, diag));
    DEMUR_TRY(check_time_moves(policy, diag));
    for (size_t i = 0; i < policy->clocks_len; i++)
        DEMUR_TRY(check_clock(policy, &policy->clocks[i], diag));
    DEMUR_TRY(check_stage_changes(policy, diag));
    DEMUR_TRY(check_distribution(policy, diag));
    DEMUR_TRY(check_attachments(policy, diag));
    return check_retention(policy, diag);
}
