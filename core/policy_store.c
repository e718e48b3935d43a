/* policy_store.c - where what is executed goes in struct demur_policy. One
 * function a statement; each knows its clauses by their names in the grammar. */
#include "policy_parse.h"

typedef const struct demur_policy_clause_rule *rule_t;
typedef const struct demur_policy_arg *args_t;

static bool is(rule_t rule, const char *name) { return strcmp(rule->name, name) == 0; }
static bool form(rule_t rule, const char *first_word)
{
    size_t n = strlen(first_word);
    return strncmp(rule->spec, first_word, n) == 0 && (rule->spec[n] == 0 || rule->spec[n] == ' ');
}

/* What a store function returns for a clause that it does not know: the grammar
 * and this file have parted, which a test finds out. */
static enum demur_err unknown(const struct demur_words *w)
{
    return demur_words_fail(w, DEMUR_ERR_UPGRADE, 1, "the clause \"%.*s\" is not stored",
                            SPAN_ARG(w->name));
}

static enum demur_err full(const struct demur_words *w, int max)
{
    return demur_words_fail(w, DEMUR_ERR_LIMIT, 1, "there are more than %d of these", max);
}

static enum demur_err store_policy(struct demur_policy_parser *p, struct demur_words *w,
                                   rule_t rule, args_t args)
{
    if (is(rule, "title")) {
        p->out->title = args[0].text;
    } else if (is(rule, "calendar")) {
        p->out->calendar = args[0].text;
        p->out->calendar_line = w->line;
    } else {
        return unknown(w);
    }
    return DEMUR_OK;
}

static enum demur_err store_attribute(struct demur_policy_parser *p, struct demur_words *w,
                                      rule_t rule, args_t args)
{
    struct demur_policy_attribute *a = &p->out->attributes[p->element];
    if (is(rule, "title"))
        a->title = args[0].text;
    else if (is(rule, "values"))
        a->values = args[0].text;
    else if (is(rule, "pattern"))
        a->pattern = args[0].text;
    else if (is(rule, "required"))
        a->required = true;
    else
        return unknown(w);
    return DEMUR_OK;
}

static enum demur_err store_role(struct demur_policy_parser *p, struct demur_words *w, rule_t rule,
                                 args_t args)
{
    struct demur_policy_role *r = &p->out->roles[p->element];
    if (is(rule, "title"))
        r->title = args[0].text;
    else if (is(rule, "holders"))
        r->single = args[0].number == 0;
    else if (is(rule, "acting"))
        r->acting = args[0].number == 1;
    else if (is(rule, "for-each"))
        r->for_each = (int16_t)args[0].index;
    else if (is(rule, "granted-by"))
        r->granted_by = args[0].set;
    else
        return unknown(w);
    return DEMUR_OK;
}

static enum demur_err store_eligible(struct demur_policy_parser *p, struct demur_words *w,
                                     rule_t rule, args_t args)
{
    struct demur_policy_eligible *e = &p->out->eligibles[p->element];
    if (e->conditions_len == DEMUR_POLICY_CONDITIONS)
        return full(w, DEMUR_POLICY_CONDITIONS);
    struct demur_condition *c = &e->conditions[e->conditions_len++];
    *c = args[0].condition;
    c->unless = is(rule, "unless");
    return DEMUR_OK;
}

static enum demur_err store_ring(struct demur_policy_parser *p, struct demur_words *w, rule_t rule,
                                 args_t args)
{
    struct demur_policy *out = p->out;
    if (is(rule, "at-least")) {
        out->ring_min = (uint32_t)args[0].number;
    } else if (is(rule, "narrow-by")) {
        if (out->narrows_len == DEMUR_POLICY_NARROWS)
            return full(w, DEMUR_POLICY_NARROWS);
        for (size_t i = 0; i < out->narrows_len; i++)
            if (out->narrows[i] == args[0].index)
                return demur_words_fail(w, DEMUR_ERR_SYNTAX, 3, "this attribute was given above");
        out->narrows[out->narrows_len++] = (int16_t)args[0].index;
    } else {
        return unknown(w);
    }
    return DEMUR_OK;
}

static enum demur_err store_filing(struct demur_policy_parser *p, struct demur_words *w,
                                   rule_t rule, args_t args)
{
    struct demur_policy *out = p->out;
    if (is(rule, "quota")) {
        out->quota = (uint32_t)args[0].number;
    } else if (is(rule, "identity")) {
        uint32_t bit = 1u << args[0].number; /* in the order of DEMUR_IDENTITY_* */
        if (out->identities & bit)
            return demur_words_fail(w, DEMUR_ERR_SYNTAX, 3, "this identity was given above");
        out->identities |= bit;
    } else if (is(rule, "circulation")) {
        out->circulation = !form(rule, "none");
        if (out->circulation)
            out->circulation_max = args[0].period;
    } else {
        return unknown(w);
    }
    return DEMUR_OK;
}

static enum demur_err store_section(struct demur_policy_parser *p, struct demur_words *w,
                                    rule_t rule, args_t args)
{
    struct demur_policy_section *s = &p->out->sections[p->element];
    if (is(rule, "title"))
        s->title = args[0].text;
    else if (is(rule, "hint"))
        s->hint = args[0].text;
    else if (is(rule, "required"))
        s->need = DEMUR_NEED_REQUIRED;
    else
        return unknown(w);
    return DEMUR_OK;
}

static enum demur_err store_attachments(struct demur_policy_parser *p, struct demur_words *w,
                                        rule_t rule, args_t args)
{
    if (is(rule, "at-most"))
        p->out->attachments_max = (uint32_t)args[0].number;
    else if (is(rule, "each"))
        p->out->attachment_bytes = args[0].number;
    else if (is(rule, "together"))
        p->out->attachments_bytes = args[0].number;
    else
        return unknown(w);
    return DEMUR_OK;
}

static enum demur_err store_markings(struct demur_policy_parser *p, struct demur_words *w,
                                     rule_t rule, args_t args)
{
    if (is(rule, "allow"))
        p->out->markings = args[0].text;
    else if (is(rule, "required"))
        p->out->marking = DEMUR_NEED_REQUIRED;
    else
        return unknown(w);
    return DEMUR_OK;
}

static enum demur_err store_share(struct demur_policy *out, struct demur_words *w, args_t args,
                                  size_t len)
{
    if (out->shares_len == DEMUR_POLICY_SHARES)
        return full(w, DEMUR_POLICY_SHARES);
    out->shares[out->shares_len++] = (struct demur_policy_share){
        (int16_t)args[0].index, args[1].set, (int16_t)(len > 2 ? args[2].index : -1), w->line};
    return DEMUR_OK;
}

static enum demur_err store_distribution(struct demur_policy_parser *p, struct demur_words *w,
                                         rule_t rule, args_t args, size_t len)
{
    struct demur_policy *out = p->out;
    if (is(rule, "share"))
        return store_share(out, w, args, len);
    if (out->receivers_len == DEMUR_POLICY_RECEIVERS)
        return full(w, DEMUR_POLICY_RECEIVERS);
    struct demur_policy_receiver *r = &out->receivers[out->receivers_len++];
    *r = (struct demur_policy_receiver){
        .role = (int16_t)args[0].index,
        .how = is(rule, "must")  ? DEMUR_RECEIVES_MUST
               : is(rule, "may") ? DEMUR_RECEIVES_MAY
                                 : DEMUR_RECEIVES_NEVER,
        .conditional = len > 1,
        .line = w->line,
    };
    if (r->conditional)
        r->when = args[1].condition;
    for (size_t i = 0; i + 1 < out->receivers_len; i++)
        if (out->receivers[i].role == r->role && out->receivers[i].how == r->how)
            return demur_words_fail(w, DEMUR_ERR_SYNTAX, 3, "this role was given in line %u",
                                    out->receivers[i].line);
    return DEMUR_OK;
}

static enum demur_err store_stage(struct demur_policy_parser *p, struct demur_words *w, rule_t rule,
                                  args_t args)
{
    struct demur_policy_stage *s = &p->out->stages[p->element];
    if (is(rule, "title"))
        s->title = args[0].text;
    else if (is(rule, "final"))
        s->final = (enum demur_final)(args[0].number + 1); /* in the order of DEMUR_FINAL_* */
    else
        return unknown(w);
    return DEMUR_OK;
}

static enum demur_err store_outcome(struct demur_policy_step *s, struct demur_words *w, args_t args,
                                    size_t len)
{
    if (s->outcomes_len == DEMUR_POLICY_OUTCOMES)
        return full(w, DEMUR_POLICY_OUTCOMES);
    for (size_t i = 0; i < s->outcomes_len; i++)
        if (span_eq(s->outcomes[i].name, args[0].text))
            return demur_words_fail(w, DEMUR_ERR_SYNTAX, 3, "this outcome was given above");
    s->outcomes[s->outcomes_len].name = args[0].text;
    s->outcomes[s->outcomes_len].to = (int16_t)(len > 1 ? args[1].index : -1);
    s->outcomes_len++;
    return DEMUR_OK;
}

static enum demur_err store_step(struct demur_policy_parser *p, struct demur_words *w, rule_t rule,
                                 args_t args, size_t len)
{
    struct demur_policy_step *s = &p->out->steps[p->element];
    if (is(rule, "title")) {
        s->title = args[0].text;
    } else if (is(rule, "by")) {
        s->by = args[0].set;
        s->by_author = args[0].set == 0;
    } else if (is(rule, "taken-as")) {
        s->taken_as = (enum demur_taken_as)(args[0].number + 1); /* in the order of DEMUR_AS_* */
    } else if (is(rule, "from")) {
        s->from = args[0].set;
    } else if (is(rule, "to")) {
        s->to = (int16_t)args[0].index;
    } else if (is(rule, "document")) {
        s->document = (enum demur_need)args[0].number;
    } else if (is(rule, "until")) {
        s->date = (enum demur_need)args[0].number;
    } else if (is(rule, "at-most")) {
        s->at_most = form(rule, "once") ? 1 : (uint32_t)args[0].number;
    } else if (is(rule, "only-before")) {
        s->only_before = (int16_t)args[0].index;
    } else if (is(rule, "only-after")) {
        s->only_after = (int16_t)args[0].index;
    } else if (is(rule, "entitles")) {
        s->entitles = args[0].set;
    } else if (is(rule, "refers-to")) {
        s->refers_to = args[0].set;
    } else if (is(rule, "outcome")) {
        return store_outcome(s, w, args, len);
    } else {
        return unknown(w);
    }
    return DEMUR_OK;
}

static enum demur_err store_action(struct demur_policy_clock *c, struct demur_words *w, rule_t rule,
                                   args_t args)
{
    if (c->actions_len == DEMUR_POLICY_ACTIONS)
        return full(w, DEMUR_POLICY_ACTIONS);
    c->actions[c->actions_len++] = (struct demur_policy_action){
        .at_target = is(rule, "at-target"),
        .kind = form(rule, "show")          ? DEMUR_ACTION_SHOW
                : form(rule, "escalate-to") ? DEMUR_ACTION_ESCALATE
                                            : DEMUR_ACTION_MOVE,
        .index = (int16_t)(form(rule, "show") ? -1 : args[0].index),
        .from = form(rule, "move-to") ? args[1].set : 0,
        .line = w->line,
    };
    return DEMUR_OK;
}

static enum demur_err store_clock_steps(struct demur_policy_clock *c, struct demur_words *w,
                                        rule_t rule, args_t args)
{
    if (is(rule, "starts")) {
        if (c->starts_len == DEMUR_POLICY_STARTS)
            return full(w, DEMUR_POLICY_STARTS);
        c->starts[c->starts_len++] = args[0].event;
    } else if (is(rule, "otherwise")) {
        c->fallback_after = args[0].period;
        c->fallback = args[1].event;
    } else if (is(rule, "met-by")) {
        c->met_by = args[0].set;
    } else if (is(rule, "stopped-by")) {
        c->stopped_by = args[0].set;
    } else if (is(rule, "paused-in")) {
        c->paused_in = args[0].set;
    } else if (is(rule, "extended-by")) {
        if (c->extensions_len == DEMUR_POLICY_EXTENSIONS)
            return full(w, DEMUR_POLICY_EXTENSIONS);
        c->extensions[c->extensions_len++] = (struct demur_policy_extension){
            (int16_t)args[0].index, args[1].number == 1, args[2].period};
    } else if (is(rule, "at-target") || is(rule, "at-limit")) {
        return store_action(c, w, rule, args);
    } else {
        return unknown(w);
    }
    return DEMUR_OK;
}

static enum demur_err store_clock(struct demur_policy_parser *p, struct demur_words *w, rule_t rule,
                                  args_t args)
{
    struct demur_policy_clock *c = &p->out->clocks[p->element];
    if (is(rule, "title"))
        c->title = args[0].text;
    else if (is(rule, "restarts"))
        c->every_time = true;
    else if (is(rule, "target"))
        c->target = args[0].period;
    else if (is(rule, "limit"))
        c->limit = args[0].period;
    else if (is(rule, "window"))
        c->window = true;
    else if (is(rule, "calendar"))
        c->calendar = args[0].text;
    else if (is(rule, "first-day"))
        c->counting.event_day_counts = args[0].number == 1;
    else if (is(rule, "received"))
        c->counting.received_on_working_day = args[0].number == 1;
    else if (is(rule, "last-day"))
        c->counting.ending = (unsigned)args[0].number; /* in the order of DEMUR_ENDING_* */
    else if (is(rule, "two-working-days"))
        c->counting.two_working_days = true;
    else
        return store_clock_steps(c, w, rule, args);
    return DEMUR_OK;
}

static enum demur_err store_text(struct demur_policy_parser *p, struct demur_words *w, rule_t rule,
                                 args_t args)
{
    struct demur_policy_text *t = &p->out->texts[p->element];
    if (is(rule, "title"))
        t->title = args[0].text;
    else if (is(rule, "text"))
        t->text = args[0].text;
    else if (is(rule, "refer-to") || is(rule, "of"))
        t->role = (int16_t)args[0].index;
    else
        return unknown(w);
    return DEMUR_OK;
}

static enum demur_err store_retention(struct demur_policy_parser *p, struct demur_words *w,
                                      rule_t rule, args_t args)
{
    if (is(rule, "memo"))
        p->out->keep_memo = args[0].period;
    else if (is(rule, "expunged-by"))
        p->out->expunge_by = args[0].set;
    else
        return unknown(w);
    return DEMUR_OK;
}

enum demur_err demur_policy_store(struct demur_policy_parser *p, struct demur_words *w, rule_t rule,
                                  args_t args, size_t len)
{
    switch (rule->statement) {
    case DEMUR_ST_POLICY:
        return store_policy(p, w, rule, args);
    case DEMUR_ST_ATTRIBUTE:
        return store_attribute(p, w, rule, args);
    case DEMUR_ST_ROLE:
        return store_role(p, w, rule, args);
    case DEMUR_ST_ELIGIBLE:
        return store_eligible(p, w, rule, args);
    case DEMUR_ST_ROSTER:
        p->out->roster_kept_by = args[0].set;
        return DEMUR_OK;
    case DEMUR_ST_RING:
        return store_ring(p, w, rule, args);
    case DEMUR_ST_FILING:
        return store_filing(p, w, rule, args);
    case DEMUR_ST_SECTION:
        return store_section(p, w, rule, args);
    case DEMUR_ST_ATTACHMENTS:
        return store_attachments(p, w, rule, args);
    case DEMUR_ST_MARKINGS:
        return store_markings(p, w, rule, args);
    case DEMUR_ST_DISTRIBUTION:
        return store_distribution(p, w, rule, args, len);
    case DEMUR_ST_STAGE:
        return store_stage(p, w, rule, args);
    case DEMUR_ST_STEP:
        return store_step(p, w, rule, args, len);
    case DEMUR_ST_CLOCK:
        return store_clock(p, w, rule, args);
    case DEMUR_ST_STATISTICS:
        p->out->suppress_below = (uint32_t)args[0].number;
        return DEMUR_OK;
    case DEMUR_ST_RETENTION:
        return store_retention(p, w, rule, args);
    case DEMUR_ST_MATTER:
    case DEMUR_ST_DUTY:
    case DEMUR_ST_RULE:
        return store_text(p, w, rule, args);
    default:
        return unknown(w);
    }
}

static enum demur_err begin_text(struct demur_policy_parser *p, struct demur_words *w, args_t args)
{
    struct demur_policy *out = p->out;
    if (out->texts_len == DEMUR_POLICY_TEXTS)
        return full(w, DEMUR_POLICY_TEXTS);
    p->element = out->texts_len++;
    out->texts[p->element] = (struct demur_policy_text){
        .kind = w->name, .name = args[0].text, .line = w->line, .role = -1};
    return DEMUR_OK;
}

enum demur_err demur_policy_store_head(struct demur_policy_parser *p, struct demur_words *w,
                                       args_t args, size_t len)
{
    struct demur_policy *out = p->out;
    p->element = len > 0 && demur_policy_statements[p->in].named
                     ? demur_policy_find(p, p->in, args[0].text)
                     : -1;
    switch (p->in) {
    case DEMUR_ST_POLICY:
        out->name = args[0].text;
        return DEMUR_OK;
    case DEMUR_ST_ATTACHMENTS:
        out->attachments_line = w->line;
        return DEMUR_OK;
    case DEMUR_ST_RETENTION:
        out->retention_line = w->line;
        return DEMUR_OK;
    case DEMUR_ST_POINTS:
        out->points = (enum demur_need)(DEMUR_NEED_OPTIONAL + args[0].number);
        return DEMUR_OK;
    case DEMUR_ST_MARKINGS:
        out->marking = DEMUR_NEED_OPTIONAL;
        return DEMUR_OK;
    case DEMUR_ST_ROLE:
        out->roles[p->element].for_each = -1;
        return DEMUR_OK;
    case DEMUR_ST_SECTION:
        out->sections[p->element].need = DEMUR_NEED_OPTIONAL;
        return DEMUR_OK;
    case DEMUR_ST_CLOCK:
        out->clocks[p->element].calendar = out->calendar; /* unless it names its own */
        return DEMUR_OK;
    case DEMUR_ST_STEP:
        out->steps[p->element].to = -1;
        out->steps[p->element].only_before = out->steps[p->element].only_after = -1;
        return DEMUR_OK;
    case DEMUR_ST_MATTER:
    case DEMUR_ST_DUTY:
    case DEMUR_ST_RULE:
        return begin_text(p, w, args);
    default:
        return DEMUR_OK;
    }
}
