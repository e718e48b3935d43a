/* Whose turn it is: the role under which an officer acts, or why they may not. */
#include "internal.h"

/* An act that its officer may not take now. */
struct refusal {
    const struct demur_client *c;
    const struct demur_dissent_info *info;
    const struct demur_policy *policy;
    const struct demur_policy_step *step;
    const uint8_t *key;
    const char *role; /* NULL: any of theirs */
    uint64_t now;
};

/* "desk or board"; a list that is too long for a sentence ends in an ellipsis. */
struct names {
    char text[100];
    size_t len;
};

static void add_name(struct names *n, struct span name)
{
    const char *between = n->len ? " or " : "";
    size_t left = sizeof n->text - n->len;
    if (name.len + 8 < left)
        n->len += (size_t)snprintf(n->text + n->len, left, "%s%.*s", between, SPAN_ARG(name));
    else if (n->len + 4 < sizeof n->text && n->text[n->len - 1] != '.')
        n->len += (size_t)snprintf(n->text + n->len, left, " ...");
}

/* All that can be said without knowing more. */
static enum demur_err not_open(const struct demur_dissent_info *info, struct span act,
                               struct demur_diag *diag)
{
    return demur_fail_at(diag, DEMUR_ERR_STAGE, 0, 0, "act",
                         info->filed_at ? "\"%.*s\" is not among what your key may do in this "
                                          "dissent now, at its stage \"%.*s\""
                                        : "\"%.*s\" has to wait until this dissent is filed%.*s",
                         SPAN_ARG(span_take(act, 64)), SPAN_ARG(info->stage));
}

static enum demur_err not_theirs(const struct refusal *r, struct demur_diag *diag)
{
    struct names may = {0};
    for (int i = 0; i < r->policy->roles_len; i++)
        if (demur_set_has(r->step->by, i))
            add_name(&may, r->policy->roles[i].name);
    if (r->role && !demur_channel_holds(r->c->channel, r->key, span_str(r->role), r->now))
        return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "role",
                             "your key does not hold the role \"%.60s\"; \"%.*s\" is done by %s",
                             r->role, SPAN_ARG(r->step->name), may.text);
    return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "role",
                         r->role ? "\"%.*s\" is done by %s, and not by %.60s"
                                 : "\"%.*s\" is done by %s, and your key holds no such role%.0s",
                         SPAN_ARG(r->step->name), may.text, r->role ? r->role : "");
}

/* How often the act was taken, and when last. */
static unsigned taken(const struct refusal *r, struct demur_event *last)
{
    struct demur_event e;
    unsigned n = 0;
    struct span id = span_str(r->info->id);
    for (size_t i = 0; demur_channel_event(r->c->channel, id, i, &e); i++)
        if (e.type == DEMUR_RECORD_STEP && span_eq(e.act, r->step->name)) {
            *last = e;
            n++;
        }
    return n;
}

static enum demur_err not_now(const struct refusal *r, struct demur_diag *diag)
{
    const struct demur_policy_step *s = r->step;
    struct demur_event last = {0};
    unsigned times = taken(r, &last);
    bool at_stage = demur_set_has(s->from, demur_policy_stage(r->policy, r->info->stage));
    if (times && (!at_stage || (s->at_most && times >= s->at_most))) {
        char when[32];
        time_text(when, last.at);
        return demur_fail_at(diag, DEMUR_ERR_STAGE, 0, 0, "act",
                             "\"%.*s\" was done already, by %.*s at %s; the dissent is at the "
                             "stage \"%.*s\" now",
                             SPAN_ARG(s->name), SPAN_ARG(last.role), when,
                             SPAN_ARG(r->info->stage));
    }
    struct names from = {0};
    for (int i = 0; i < r->policy->stages_len; i++)
        if (demur_set_has(s->from, i))
            add_name(&from, r->policy->stages[i].name);
    if (!at_stage)
        return demur_fail_at(diag, DEMUR_ERR_STAGE, 0, 0, "act",
                             "\"%.*s\" is done at the stage %s, and the dissent is at the stage "
                             "\"%.*s\" now",
                             SPAN_ARG(s->name), from.text, SPAN_ARG(r->info->stage));
    int clock = s->only_before >= 0 ? s->only_before : s->only_after;
    if (clock < 0)
        return not_open(r->info, s->name, diag);
    return demur_fail_at(diag, DEMUR_ERR_TIME, 0, 0, "act",
                         "\"%.*s\" may be done only %s the clock %.*s has run out",
                         SPAN_ARG(s->name), s->only_before >= 0 ? "before" : "after",
                         SPAN_ARG(r->policy->clocks[clock].name));
}

static bool may_ever(const struct refusal *r)
{
    for (int i = 0; i < r->policy->roles_len; i++) {
        struct span role = r->policy->roles[i].name;
        if (demur_set_has(r->step->by, i) && (!r->role || span_eq_str(role, r->role)) &&
            demur_channel_holds(r->c->channel, r->key, role, r->now))
            return true;
    }
    return false;
}

static enum demur_err refuse(const struct demur_client *c, const struct demur_dissent_info *info,
                             const uint8_t key[static 32], const char *role, struct span act,
                             struct demur_diag *diag)
{
    struct refusal r = {c,
                        info,
                        demur_channel_policy_of(c->channel, info->policy_entry),
                        NULL,
                        key,
                        role,
                        demur_client_view_time(c)};
    if (!info->filed_at || !r.policy)
        return not_open(info, act, diag);
    int step = demur_policy_step(r.policy, act);
    if (step < 0)
        return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "act",
                             "the policy knows no act \"%.*s\"", SPAN_ARG(span_take(act, 64)));
    r.step = &r.policy->steps[step];
    if (r.step->by_author)
        return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "act",
                             "\"%.*s\" is for the author, who acts with the receipt phrase",
                             SPAN_ARG(act));
    return may_ever(&r) ? not_now(&r, diag) : not_theirs(&r, diag);
}

enum demur_err case_act_role(const struct demur_client *c, const struct demur_dissent_info *info,
                             const uint8_t key[static 32], const char *wanted, struct span act,
                             char out[static DEMUR_WORD_MAX + 1], struct demur_diag *diag)
{
    uint64_t now = demur_client_view_time(c);
    struct span role, may, id = span_str(info->id);
    char first[DEMUR_WORD_MAX + 1] = "";
    for (size_t i = 0; demur_channel_act(c->channel, id, key, now, i, &role, &may); i++) {
        if (!span_eq(may, act) || (wanted && !span_eq_str(role, wanted)))
            continue;
        if (!first[0])
            (void)copy_text(first, sizeof first, role);
        else if (!span_eq_str(role, first))
            return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "role",
                                 "you could do this as %.60s or as %.*s: say which", first,
                                 SPAN_ARG(role));
    }
    if (!first[0])
        return refuse(c, info, key, wanted, act, diag);
    memcpy(out, first, sizeof first);
    return DEMUR_OK;
}
