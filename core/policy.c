/* policy.c - what the fold asks of a parsed policy. See policy.h. */
#include "policy.h"

#include "policy_parse.h"

const char *demur_final_name(enum demur_final kind)
{
    static const char *const names[] = {"",          "replied",  "resolved", "withdrawn", "upheld",
                                        "overruled", "remanded", "referred", "rejected"};
    return (size_t)kind < DEMUR_COUNT(names) ? names[kind] : "";
}

enum demur_err demur_policy_executable(const struct demur_policy *policy, struct demur_diag *diag)
{
    if (policy->later_len == 0)
        return DEMUR_OK;
    const struct demur_policy_later *l = &policy->later[0];
    char field[sizeof diag->field] = "";
    struct buf b = buf_over(field, sizeof field - 1);
    buf_put_span(&b, span_take(l->statement, sizeof field - 1));
    field[b.len] = 0;
    return demur_fail_at(diag, DEMUR_ERR_UPGRADE, l->line, 1, field,
                         "this version cannot execute \"%.*s%s%.*s\" (the first of %u such lines): "
                         "use a newer demur, or leave them out",
                         SPAN_ARG(l->statement), l->clause.len ? " " : "", SPAN_ARG(l->clause),
                         policy->later_len);
}

/* ---- names ---- */

#define FIND(array)                                                                                \
    for (int i = 0; i < policy->array##_len; i++)                                                  \
        if (span_eq(policy->array[i].name, name))                                                  \
            return i;                                                                              \
    return -1

int demur_policy_role(const struct demur_policy *policy, struct span name) { FIND(roles); }
int demur_policy_stage(const struct demur_policy *policy, struct span name) { FIND(stages); }
int demur_policy_step(const struct demur_policy *policy, struct span name) { FIND(steps); }
int demur_policy_clock(const struct demur_policy *policy, struct span name) { FIND(clocks); }
int demur_policy_attribute(const struct demur_policy *policy, struct span name)
{
    FIND(attributes);
}

int demur_policy_step_as(const struct demur_policy *policy, enum demur_taken_as as, int stage,
                         demur_set roles)
{
    for (int i = 0; i < policy->steps_len; i++) {
        const struct demur_policy_step *s = &policy->steps[i];
        if (as != DEMUR_AS_STEP && s->taken_as == as && demur_set_has(s->from, stage) &&
            (s->by_author || (s->by & roles)))
            return i;
    }
    return -1;
}

/* ---- attributes ---- */

static const struct demur_attribute *given(const struct demur_attribute *attributes, size_t len,
                                           struct span name)
{
    for (size_t i = 0; i < len; i++)
        if (span_eq(attributes[i].name, name))
            return &attributes[i];
    return NULL;
}

enum demur_err demur_policy_attribute_check(const struct demur_policy *policy,
                                            const struct demur_attribute *one,
                                            struct demur_diag *diag)
{
    int n = demur_policy_attribute(policy, one->name);
    if (n < 0)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the policy has no attribute \"%.*s\"",
                          SPAN_ARG(span_take(one->name, 40)));
    const struct demur_policy_attribute *a = &policy->attributes[n];
    if (demur_attribute_value_ok(one->value) &&
        (a->values.len == 0 || demur_policy_list_has(a->values, one->value)) &&
        (a->pattern.len == 0 || demur_policy_pattern_ok(a->pattern, one->value)))
        return DEMUR_OK;
    return demur_fail(diag, DEMUR_ERR_SYNTAX, "the attribute \"%.*s\" cannot be \"%.*s\"%s%.*s",
                      SPAN_ARG(one->name), SPAN_ARG(span_take(one->value, 64)),
                      a->values.len    ? ", only "
                      : a->pattern.len ? ", it has to look like "
                                       : ": no spaces, but letters, digits, \".\", \"_\", \"-\"",
                      SPAN_ARG(a->values.len ? a->values : a->pattern));
}

enum demur_err demur_policy_attributes_check(const struct demur_policy *policy,
                                             const struct demur_attribute *attributes, size_t len,
                                             struct demur_diag *diag)
{
    for (size_t i = 0; i < len; i++) {
        enum demur_err err = demur_policy_attribute_check(policy, &attributes[i], diag);
        if (err)
            return err;
        if (given(attributes, i, attributes[i].name))
            return demur_fail(diag, DEMUR_ERR_SYNTAX, "the attribute \"%.*s\" is given twice",
                              SPAN_ARG(attributes[i].name));
    }
    for (size_t i = 0; i < policy->attributes_len; i++)
        if (policy->attributes[i].required && !given(attributes, len, policy->attributes[i].name))
            return demur_fail(diag, DEMUR_ERR_MISSING, "the attribute \"%.*s\" is required",
                              SPAN_ARG(policy->attributes[i].name));
    return DEMUR_OK;
}

bool demur_condition_holds(const struct demur_policy *policy, const struct demur_condition *c,
                           const struct demur_attribute *attributes, size_t len)
{
    const struct demur_attribute *a = given(attributes, len, policy->attributes[c->attribute].name);
    uint64_t number;
    bool holds = false;
    switch (c->op) {
    case DEMUR_IS:
        holds = a && demur_policy_list_has(c->values, a->value);
        break;
    case DEMUR_IS_NOT:
        holds = !a || !demur_policy_list_has(c->values, a->value);
        break;
    case DEMUR_GIVEN:
        holds = a != NULL;
        break;
    case DEMUR_AT_LEAST:
        holds = a && span_u64(a->value, UINT64_MAX, &number) && number >= c->number;
        break;
    case DEMUR_AT_MOST:
        holds = a && span_u64(a->value, UINT64_MAX, &number) && number <= c->number;
        break;
    }
    return holds != c->unless;
}

bool demur_policy_eligible(const struct demur_policy *policy,
                           const struct demur_attribute *attributes, size_t len)
{
    for (size_t i = 0; i < policy->eligibles_len; i++) {
        const struct demur_policy_eligible *e = &policy->eligibles[i];
        bool all = true;
        for (size_t j = 0; j < e->conditions_len; j++)
            all = all && demur_condition_holds(policy, &e->conditions[j], attributes, len);
        if (all)
            return true;
    }
    return false;
}

bool demur_policy_narrows_by(const struct demur_policy *policy, struct span attribute)
{
    for (size_t i = 0; i < policy->narrows_len; i++)
        if (span_eq(policy->attributes[policy->narrows[i]].name, attribute))
            return true;
    return false;
}

/* ---- who receives, shares, grants ---- */

enum demur_receives demur_policy_receives(const struct demur_policy *policy, int role,
                                          const struct demur_attribute *attributes, size_t len)
{
    enum demur_receives best = DEMUR_RECEIVES_NOT;
    for (size_t i = 0; i < policy->receivers_len; i++) {
        const struct demur_policy_receiver *r = &policy->receivers[i];
        if (r->role != role)
            continue;
        enum demur_receives how = r->how;
        if (r->conditional && !attributes)
            how = how == DEMUR_RECEIVES_NEVER ? DEMUR_RECEIVES_NOT : DEMUR_RECEIVES_MAY;
        else if (r->conditional && !demur_condition_holds(policy, &r->when, attributes, len))
            how = DEMUR_RECEIVES_NOT;
        if (how > best)
            best = how;
    }
    return best;
}

bool demur_policy_may_share(const struct demur_policy *policy, demur_set roles, bool author, int to,
                            demur_set steps_taken)
{
    for (size_t i = 0; i < policy->shares_len; i++) {
        const struct demur_policy_share *s = &policy->shares[i];
        bool from = author ? s->from < 0 : demur_set_has(roles, s->from);
        if (from && demur_set_has(s->to, to) &&
            (s->after < 0 || demur_set_has(steps_taken, s->after)))
            return true;
    }
    return false;
}

bool demur_policy_may_grant(const struct demur_policy *policy, demur_set granter_roles, int role)
{
    return role >= 0 && role < policy->roles_len &&
           (policy->roles[role].granted_by & granter_roles) != 0;
}

/* ---- steps ---- */

/* "board or auditor", for a sentence; names that find no room in it are left out. */
#define LIST_MAX 120
static void list_add(struct buf *list, struct span name)
{
    const char *between = list->len ? " or " : "";
    if (list->len + strlen(between) + name.len > list->cap)
        return;
    buf_put_str(list, between);
    buf_put_span(list, name);
}

static enum demur_err check_outcome(const struct demur_policy_step *s, const struct demur_act *act,
                                    int *to, struct demur_diag *diag)
{
    *to = s->to >= 0 ? s->to : act->stage;
    if (s->outcomes_len == 0)
        return act->outcome.len == 0
                   ? DEMUR_OK
                   : demur_fail(diag, DEMUR_ERR_SYNTAX, "\"%.*s\" has no outcomes to choose from",
                                SPAN_ARG(s->name));
    char text[LIST_MAX];
    struct buf list = buf_over(text, sizeof text);
    for (size_t i = 0; i < s->outcomes_len; i++)
        list_add(&list, s->outcomes[i].name);
    if (act->outcome.len == 0)
        return demur_fail(diag, DEMUR_ERR_MISSING, "\"%.*s\" needs an outcome: %.*s",
                          SPAN_ARG(s->name), SPAN_ARG(buf_span(&list)));
    for (size_t i = 0; i < s->outcomes_len; i++) {
        if (span_eq(s->outcomes[i].name, act->outcome)) {
            *to = s->outcomes[i].to >= 0 ? s->outcomes[i].to : act->stage;
            return DEMUR_OK;
        }
    }
    return demur_fail(diag, DEMUR_ERR_UNKNOWN, "\"%.*s\" has no outcome \"%.*s\"; it has %.*s",
                      SPAN_ARG(s->name), SPAN_ARG(span_take(act->outcome, 64)),
                      SPAN_ARG(buf_span(&list)));
}

static enum demur_err check_refer(const struct demur_policy *policy,
                                  const struct demur_policy_step *s, const struct demur_act *act,
                                  demur_set *entitled, struct demur_diag *diag)
{
    *entitled = s->entitles;
    if (s->refers_to == 0)
        return act->refer.len == 0 ? DEMUR_OK
                                   : demur_fail(diag, DEMUR_ERR_SYNTAX, "\"%.*s\" refers to nobody",
                                                SPAN_ARG(s->name));
    char text[LIST_MAX];
    struct buf list = buf_over(text, sizeof text);
    for (int i = 0; i < policy->roles_len; i++)
        if (demur_set_has(s->refers_to, i))
            list_add(&list, policy->roles[i].name);
    if (act->refer.len == 0)
        return demur_fail(diag, DEMUR_ERR_MISSING,
                          "\"%.*s\" must name the role that it refers to: %.*s", SPAN_ARG(s->name),
                          SPAN_ARG(buf_span(&list)));
    int role = demur_policy_role(policy, act->refer);
    if (!demur_set_has(s->refers_to, role))
        return demur_fail(diag, DEMUR_ERR_UNKNOWN,
                          "\"%.*s\" does not refer to \"%.*s\", but to %.*s", SPAN_ARG(s->name),
                          SPAN_ARG(span_take(act->refer, 64)), SPAN_ARG(buf_span(&list)));
    *entitled |= demur_set_of(role);
    return DEMUR_OK;
}

static enum demur_err check_need(const struct demur_policy_step *s, enum demur_need need, bool has,
                                 const char *what, struct demur_diag *diag)
{
    if (need == DEMUR_NEED_REQUIRED && !has)
        return demur_fail(diag, DEMUR_ERR_MISSING, "\"%.*s\" needs %s", SPAN_ARG(s->name), what);
    if (need == DEMUR_NEED_NONE && has)
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "\"%.*s\" takes no such thing as %s",
                          SPAN_ARG(s->name), what);
    return DEMUR_OK;
}

enum demur_err demur_policy_step_check(const struct demur_policy *policy,
                                       const struct demur_act *act, int *to, demur_set *entitled,
                                       struct demur_diag *diag)
{
    if (act->step < 0 || act->step >= policy->steps_len || act->stage < 0 ||
        act->stage >= policy->stages_len)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the policy has no such step");
    const struct demur_policy_step *s = &policy->steps[act->step];
    if (act->author != s->by_author || (!act->author && !(s->by & act->roles)))
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN, "\"%.*s\" is not theirs to take",
                          SPAN_ARG(s->name));
    if (!demur_set_has(s->from, act->stage))
        return demur_fail(diag, DEMUR_ERR_STAGE, "\"%.*s\" cannot be taken while the case is %.*s",
                          SPAN_ARG(s->name), SPAN_ARG(policy->stages[act->stage].name));
    if (s->at_most && act->times_taken >= s->at_most)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "\"%.*s\" was taken %u times, which is all",
                          SPAN_ARG(s->name), act->times_taken);
    int stage_after = act->stage;
    demur_set gained = 0;
    /* A message and a withdrawal carry what they carry; only these two ask. */
    if (s->taken_as == DEMUR_AS_STEP || s->taken_as == DEMUR_AS_APPEAL)
        DEMUR_TRY(check_need(s, s->document, act->document, "a document", diag));
    DEMUR_TRY(check_need(s, s->date, act->until, "a date until", diag));
    DEMUR_TRY(check_outcome(s, act, &stage_after, diag));
    DEMUR_TRY(check_refer(policy, s, act, &gained, diag));
    *to = stage_after;
    *entitled = gained;
    return DEMUR_OK;
}

/* ---- clocks ---- */

static enum demur_err extension_fails(struct demur_diag *diag,
                                      const struct demur_calendars *calendars,
                                      const struct demur_policy_clock *c, int64_t bound,
                                      const char *why)
{
    uint8_t text[10];
    struct buf day = buf_over(text, sizeof text);
    demur_date_put(&day, demur_day_date(demur_local_day(calendars, c->calendar, bound)));
    return demur_fail_at(diag, DEMUR_ERR_TIME, 0, 0, "until", "%s, %.*s", why,
                         SPAN_ARG(buf_span(&day)));
}

/* The last second of the extension's period, counted from the limit so far. */
static enum demur_err extended_limit(const struct demur_policy_clock *c,
                                     const struct demur_calendars *calendars,
                                     const struct demur_policy_extension *e,
                                     const struct demur_pause *pauses, size_t pauses_len,
                                     int64_t limit, int64_t *out)
{
    /* The old limit's day has been counted, and it is no event that comes in. */
    struct demur_counting counting = c->counting;
    counting.event_day_counts = counting.received_on_working_day = false;
    return demur_due(calendars, c->calendar, limit, e->period, counting, pauses, pauses_len, out);
}

static int64_t day_end(const struct demur_policy_clock *c, const struct demur_calendars *calendars,
                       int64_t time)
{
    return demur_local_day_end(calendars, c->calendar,
                               demur_local_day(calendars, c->calendar, time));
}

enum demur_err demur_clock_extension_check(const struct demur_policy *policy, int clock,
                                           const struct demur_calendars *calendars,
                                           const struct demur_pause *pauses, size_t pauses_len,
                                           int64_t limit, const struct demur_extension *granted,
                                           struct demur_diag *diag)
{
    const struct demur_policy_clock *c = &policy->clocks[clock];
    if (granted->index >= c->extensions_len)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the clock has no such extension");
    const struct demur_policy_extension *e = &c->extensions[granted->index];
    int64_t latest, until = day_end(c, calendars, granted->until);
    if (!e->to_date)
        return DEMUR_OK;
    if (limit == DEMUR_NEVER)
        return demur_fail(
            diag, DEMUR_ERR_TIME,
            "the clock stands still and has no limit to move: extend it when it runs");
    DEMUR_TRY(extended_limit(c, calendars, e, pauses, pauses_len, limit, &latest));
    if (until <= limit)
        return extension_fails(diag, calendars, c, limit,
                               "the new date is no later than the old limit");
    if (until > latest)
        return extension_fails(diag, calendars, c, latest,
                               "the new date is later than the policy allows");
    return DEMUR_OK;
}

/* A date that was granted stands, whatever the limit before it has become since. */
static enum demur_err extend(const struct demur_policy_clock *c,
                             const struct demur_calendars *calendars,
                             const struct demur_extension *granted,
                             const struct demur_pause *pauses, size_t pauses_len, int64_t *limit)
{
    const struct demur_policy_extension *e = &c->extensions[granted->index];
    if (!e->to_date)
        return extended_limit(c, calendars, e, pauses, pauses_len, *limit, limit);
    int64_t until = day_end(c, calendars, granted->until);
    *limit = until > *limit ? until : *limit;
    return DEMUR_OK;
}

enum demur_err demur_clock_due(const struct demur_policy *policy, int clock,
                               const struct demur_calendars *calendars, int64_t start,
                               const struct demur_pause *pauses, size_t pauses_len,
                               const struct demur_extension *extensions, size_t extensions_len,
                               int64_t *target, int64_t *limit, struct demur_diag *diag)
{
    const struct demur_policy_clock *c = &policy->clocks[clock];
    int64_t target_at = DEMUR_NEVER, limit_at = DEMUR_NEVER;
    enum demur_err err = DEMUR_OK;
    if (c->target.count)
        err = demur_due(calendars, c->calendar, start, c->target, c->counting, pauses, pauses_len,
                        &target_at);
    if (err == DEMUR_OK)
        err = demur_due(calendars, c->calendar, start, c->limit, c->counting, pauses, pauses_len,
                        &limit_at);
    for (size_t i = 0; err == DEMUR_OK && i < extensions_len && limit_at != DEMUR_NEVER; i++)
        err = extend(c, calendars, &extensions[i], pauses, pauses_len, &limit_at);
    if (err != DEMUR_OK)
        return demur_fail(diag, err, "the clock \"%.*s\" never runs out by its calendar",
                          SPAN_ARG(c->name));
    *target = target_at;
    *limit = limit_at;
    return DEMUR_OK;
}

enum demur_err demur_clock_fallback(const struct demur_policy *policy, int clock,
                                    const struct demur_calendars *calendars, int64_t event,
                                    int64_t *start)
{
    const struct demur_policy_clock *c = &policy->clocks[clock];
    if (c->fallback_after.count == 0)
        return DEMUR_ERR_MISSING;
    return demur_due(calendars, c->calendar, event, c->fallback_after, c->counting, NULL, 0, start);
}
