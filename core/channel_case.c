/* What happens in a dissent: step, say, share, open, withdraw, appeal, expunge. */
#include "channel_state.h"
#include "encode.h"

/* Signatures and names come in beside a case without moving it. */
static bool moves(enum demur_record_type type)
{
    return type != DEMUR_RECORD_COSIGN && type != DEMUR_RECORD_UNSIGN &&
           type != DEMUR_RECORD_DISCLOSE;
}

/* Was nothing missed by whoever read the dissent up to `on`? Others may have written,
 * shared or opened since: talk must not keep anybody from acting. But what the same
 * key signed since then must be in `on`: that is what refuses a replay. */
static bool on_is_recent(const struct applying *a, const struct dissent *d,
                         const uint8_t on[static 32])
{
    if (memcmp(on, d->events[d->latest].leaf, 32) == 0)
        return true;
    for (size_t i = d->events_len; i-- > 0;) {
        const struct case_event *e = &d->events[i];
        if (!moves((enum demur_record_type)e->type))
            continue;
        if (memcmp(e->leaf, on, 32) == 0)
            return true;
        bool talk = e->type == DEMUR_RECORD_SAY || e->type == DEMUR_RECORD_SHARE ||
                    e->type == DEMUR_RECORD_OPEN;
        if (!talk || e->step >= 0 || memcmp(channel_event_by(a->c, e), a->by, 32) == 0)
            return false;
    }
    return false;
}

enum demur_err channel_case_begin(struct applying *a, struct dissent **out)
{
    struct span id = channel_field(a, DEMUR_FIELD_DISSENT);
    struct dissent *d = channel_dissent_by(a->c, id);
    uint8_t on[32];
    if (!d)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "dissent",
                             "there is no dissent %.*s", SPAN_ARG(id));
    demur_record_hash(a->r, DEMUR_FIELD_ON, on);
    if (!on_is_recent(a, d, on))
        return demur_fail_at(a->diag, DEMUR_ERR_STALE, 0, 0, "on",
                             "something newer happened in this dissent: read it first");
    if (!demur_grow(&d->events, &d->events_cap, (size_t)d->events_len + 1, sizeof *d->events) ||
        !channel_stage_reserve(d))
        return demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    const struct dissent *now = channel_dissent_at(a->c, d, a->at, &a->now);
    if (!now)
        return demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    a->base = now == &a->now ? d : NULL;
    *out = a->base ? &a->now : d;
    return DEMUR_OK;
}

/* Give back the room that timers might have needed; without memory for that, keep it. */
static void stages_fit(struct dissent *d)
{
    size_t fit = (size_t)d->stages_len + 2;
    if (d->stages_cap <= 2 * fit)
        return;
    struct stage_change *stages = realloc(d->stages, fit * sizeof *stages);
    if (!stages)
        return;
    d->stages = stages;
    d->stages_cap = fit;
}

void channel_case_settle(struct applying *a, bool accepted)
{
    struct dissent *d = a->base;
    if (!d)
        return;
    channel_dissent_done(accepted ? d : &a->now, accepted ? d : &a->now);
    if (accepted) {
        *d = a->now;
        stages_fit(d);
    }
    a->base = NULL;
}

const uint8_t *channel_event_by(const struct demur_channel *c, const struct case_event *e)
{
    static const uint8_t nobody[32];
    return e->by ? c->keys[e->by - 1].key : nobody;
}

void channel_case_event(struct applying *a, struct dissent *d, int role, int step,
                        enum demur_field blob)
{
    struct case_event *e = &d->events[d->events_len];
    struct demur_blob_ref ref;
    *e = (struct case_event){.index = a->c->size,
                             .at = a->at,
                             .type = (uint8_t)a->r->type,
                             .role = (int8_t)role,
                             .step = (int8_t)step};
    memcpy(e->leaf, a->leaf, 32);
    if (a->has_by)
        e->by = (uint32_t)(channel_known_add(a->c, a->by) - a->c->keys) + 1;
    if (blob && demur_record_blob(a->r, blob, 0, &ref))
        e->blob = (struct blob_use){channel_blob_name(a, ref.hash), (uint32_t)ref.size};
    if (moves(a->r->type))
        d->latest = d->events_len;
    d->events_len++;
}

/* channel_case_begin for what happens only in a dissent that is filed. */
static enum demur_err filed_case_begin(struct applying *a, struct dissent **out)
{
    enum demur_err err = channel_case_begin(a, out);
    if (!err && !(*out)->filed)
        err = demur_fail(a->diag, DEMUR_ERR_STAGE,
                         (*out)->withdrawn ? "this dissent was withdrawn before it was filed"
                                           : "this dissent is not filed yet");
    return err;
}

/* The role that the record names: it exists, the signer holds it, and it may
 * read this dissent. */
static enum demur_err check_role(struct applying *a, const struct dissent *d, int *out)
{
    const struct demur_policy *p = channel_policy_of(a->c, d);
    struct span name = channel_field(a, DEMUR_FIELD_ROLE);
    int role = demur_policy_role(p, name);
    if (role < 0)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "role",
                             "the policy knows no role %.*s", SPAN_ARG(name));
    if (!demur_set_has(channel_roles_of(a->c, p, a->by, a->at), role))
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "role",
                             "this key does not hold the role %.*s", SPAN_ARG(name));
    *out = role;
    return DEMUR_OK;
}

static enum demur_err check_entitled(struct applying *a, const struct dissent *d, int role)
{
    if (!demur_set_has(d->entitled, role))
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "role",
                             "this dissent was not sent to %.*s",
                             SPAN_ARG(channel_policy_of(a->c, d)->roles[role].name));
    return DEMUR_OK;
}

/* A step that is about to be taken. */
struct taking {
    int step, to;
    demur_set entitled;
};

/* May the step be taken now by the holder of `role` (or, for -1, the author)? */
static enum demur_err check_step(struct applying *a, const struct dissent *d, int role,
                                 struct taking *t)
{
    const struct demur_policy *p = channel_policy_of(a->c, d);
    const struct demur_policy_step *s = &p->steps[t->step];
    struct demur_act act = {
        .step = t->step,
        .author = role < 0,
        .roles = demur_set_of(role),
        .stage = d->stage,
        .times_taken = channel_times(p, d)[t->step],
        .document = demur_record_has(a->r, DEMUR_FIELD_DOCUMENT) ||
                    demur_record_has(a->r, DEMUR_FIELD_MESSAGE),
        .until = demur_record_has(a->r, DEMUR_FIELD_UNTIL),
        .outcome = channel_field(a, DEMUR_FIELD_OUTCOME),
        .refer = channel_field(a, DEMUR_FIELD_REFER),
    };
    enum demur_err err = demur_policy_step_check(p, &act, &t->to, &t->entitled, a->diag);
    if (err)
        return err;
    if (s->only_before >= 0 && channel_clock_passed(d, s->only_before, a->at))
        return demur_fail_at(a->diag, DEMUR_ERR_TIME, 0, 0, "act",
                             "%.*s may be taken only before the clock %.*s has run out",
                             SPAN_ARG(s->name), SPAN_ARG(p->clocks[s->only_before].name));
    if (s->only_after >= 0 && !channel_clock_passed(d, s->only_after, a->at))
        return demur_fail_at(a->diag, DEMUR_ERR_TIME, 0, 0, "act",
                             "%.*s may be taken only after the clock %.*s has run out",
                             SPAN_ARG(s->name), SPAN_ARG(p->clocks[s->only_after].name));
    return channel_step_check(a->c, d, t->step, t->to, demur_record_number(a->r, DEMUR_FIELD_UNTIL),
                              a->diag);
}

static void take_step(struct applying *a, struct dissent *d, int role, const struct taking *t,
                      enum demur_field blob)
{
    channel_case_event(a, d, role, t->step, blob);
    if (t->step >= 0)
        channel_event_step(a->c, d, t->step, t->to, t->entitled, a->at,
                           demur_record_number(a->r, DEMUR_FIELD_UNTIL));
}

enum demur_err channel_apply_step(struct applying *a)
{
    struct dissent *d;
    int role = -1;
    enum demur_err err = filed_case_begin(a, &d);
    if (!err)
        err = check_role(a, d, &role);
    if (err)
        return err;
    const struct demur_policy *p = channel_policy_of(a->c, d);
    struct span name = channel_field(a, DEMUR_FIELD_ACT);
    struct taking t = {.step = demur_policy_step(p, name)};
    if (t.step < 0 || p->steps[t.step].taken_as != DEMUR_AS_STEP)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "act",
                             "the policy knows no step %.*s", SPAN_ARG(name));
    if (demur_record_has(a->r, DEMUR_FIELD_ASSIGN))
        return demur_fail_at(a->diag, DEMUR_ERR_UPGRADE, 0, 0, "assign",
                             "this version of demur cannot execute panels");
    if ((err = check_step(a, d, role, &t)))
        return err;
    take_step(a, d, role, &t, DEMUR_FIELD_DOCUMENT);
    return DEMUR_OK;
}

/* The three fields of an officer come together, or the case key signs. */
static enum demur_err check_speaker(struct applying *a, const struct dissent *d, int *role)
{
    bool has_role = demur_record_has(a->r, DEMUR_FIELD_ROLE);
    *role = -1;
    if (a->has_by != has_role || a->has_by != demur_record_has(a->r, DEMUR_FIELD_SEQ))
        return demur_fail(a->diag, DEMUR_ERR_SYNTAX,
                          "an officer gives by, seq and role; the author none of them");
    if (!a->has_by)
        return DEMUR_OK;
    enum demur_err err = check_role(a, d, role);
    return err ? err : check_entitled(a, d, *role);
}

enum demur_err channel_apply_say(struct applying *a)
{
    struct dissent *d;
    int role = -1;
    struct taking t = {.step = -1};
    enum demur_err err = filed_case_begin(a, &d);
    if (!err)
        err = check_speaker(a, d, &role);
    if (err)
        return err;
    if (!a->has_by)
        t.step = demur_policy_step_as(channel_policy_of(a->c, d), DEMUR_AS_SAY, d->stage, 0);
    /* A message is always welcome; where it cannot be the step, it is just said. */
    if (t.step >= 0 && check_step(a, d, -1, &t) != DEMUR_OK)
        t.step = -1;
    take_step(a, d, role, &t, DEMUR_FIELD_MESSAGE);
    return DEMUR_OK;
}

bool demur_channel_names_writing(enum demur_record_type type)
{
    return type != DEMUR_RECORD_COSIGN && type != DEMUR_RECORD_DISCLOSE &&
           type != DEMUR_RECORD_SHARE;
}

static bool is_source(const struct demur_channel *c, const struct dissent *d,
                      const uint8_t hash[static 32])
{
    uint32_t blob;
    if (!channel_blob_find(c, hash, &blob))
        return false;
    if (d->memo.blob == blob)
        return true;
    for (size_t i = 0; i < d->attachments_len; i++)
        if (d->attachments[i].blob == blob)
            return true;
    for (size_t i = 0; i < d->events_len; i++)
        if (demur_channel_names_writing((enum demur_record_type)d->events[i].type) &&
            d->events[i].blob.size && d->events[i].blob.blob == blob)
            return true;
    return false;
}

enum demur_err channel_apply_share(struct applying *a)
{
    struct dissent *d;
    int role = -1;
    uint8_t source[32], holder[32];
    enum demur_err err = filed_case_begin(a, &d);
    if (!err)
        err = check_speaker(a, d, &role);
    if (err)
        return err;
    const struct demur_policy *p = channel_policy_of(a->c, d);
    demur_record_hash(a->r, DEMUR_FIELD_SOURCE, source);
    demur_record_key(a->r, DEMUR_FIELD_HOLDER, holder);
    if (!is_source(a->c, d, source))
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "source",
                             "this dissent has no such memo, attachment, document or message");
    demur_set theirs = channel_roles_of(a->c, p, holder, a->at);
    demur_set from = role < 0 ? 0 : demur_set_of(role);
    bool may = false;
    for (int to = 0; to < p->roles_len && !may; to++)
        may = demur_set_has(theirs, to) &&
              demur_policy_receives(p, to, NULL, 0) != DEMUR_RECEIVES_NEVER &&
              (demur_set_has(d->entitled, to) ||
               demur_policy_may_share(p, from, !a->has_by, to, d->taken));
    if (!may)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "holder",
                             "the policy does not let this be shared with that officer");
    channel_case_event(a, d, role, -1, DEMUR_FIELD_BLOB);
    return DEMUR_OK;
}

enum demur_err channel_apply_open(struct applying *a)
{
    struct dissent *d;
    int role = -1;
    uint8_t memo[32];
    enum demur_err err = filed_case_begin(a, &d);
    if (!err)
        err = check_role(a, d, &role);
    if (!err)
        err = check_entitled(a, d, role);
    if (err)
        return err;
    demur_record_hash(a->r, DEMUR_FIELD_MEMO, memo);
    if (memcmp(memo, a->c->blobs[d->memo.blob].hash, 32) != 0)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "memo",
                             "this is not the dissent's memo");
    const struct demur_policy *p = channel_policy_of(a->c, d);
    struct taking t = {.step =
                           demur_policy_step_as(p, DEMUR_AS_OPEN, d->stage, demur_set_of(role))};
    if (t.step >= 0 && check_step(a, d, role, &t) != DEMUR_OK)
        t.step = -1;
    take_step(a, d, role, &t, DEMUR_FIELD_NONE);
    return DEMUR_OK;
}

static bool is_final(const struct demur_channel *c, const struct dissent *d)
{
    return d->stage >= 0 && channel_policy_of(c, d)->stages[d->stage].final != DEMUR_FINAL_NO;
}

enum demur_err channel_apply_withdraw(struct applying *a)
{
    struct dissent *d;
    enum demur_err err = channel_case_begin(a, &d);
    if (err)
        return err;
    if (d->withdrawn || is_final(a->c, d))
        return demur_fail(a->diag, DEMUR_ERR_STAGE,
                          d->withdrawn ? "this dissent was withdrawn already"
                                       : "this dissent has come to its end");
    struct taking t = {.step = -1};
    /* Others stand behind it: withdrawing removes the author only. */
    if (d->filed && d->signatures <= 1) {
        t.step = demur_policy_step_as(channel_policy_of(a->c, d), DEMUR_AS_WITHDRAW, d->stage, 0);
        if (t.step < 0)
            return demur_fail(a->diag, DEMUR_ERR_STAGE,
                              "the policy does not let a dissent be withdrawn at this stage");
        if ((err = check_step(a, d, -1, &t)))
            return err;
    }
    take_step(a, d, -1, &t, DEMUR_FIELD_NONE);
    channel_event_withdrawn(a->c, d, a->at);
    return DEMUR_OK;
}

enum demur_err channel_apply_appeal(struct applying *a)
{
    struct dissent *d;
    enum demur_err err = filed_case_begin(a, &d);
    if (err)
        return err;
    struct taking t = {
        .step = demur_policy_step_as(channel_policy_of(a->c, d), DEMUR_AS_APPEAL, d->stage, 0)};
    if (t.step < 0)
        return demur_fail(a->diag, DEMUR_ERR_STAGE,
                          "the policy does not let this dissent be appealed at this stage");
    if (demur_record_has(a->r, DEMUR_FIELD_GROUND))
        return demur_fail_at(a->diag, DEMUR_ERR_UPGRADE, 0, 0, "ground",
                             "this version of demur cannot execute grounds of appeal");
    if ((err = check_step(a, d, -1, &t)))
        return err;
    take_step(a, d, -1, &t, DEMUR_FIELD_DOCUMENT);
    return DEMUR_OK;
}

/* Retention is counted from the dissent's end; a count of 0 is for good. */
static enum demur_err check_retention(struct applying *a, const struct dissent *d)
{
    const struct demur_policy *p = channel_policy_of(a->c, d);
    struct demur_calendars calendars = channel_calendars(a->c);
    struct demur_counting counting = {0};
    int64_t end = d->filed ? d->stages[d->stages_len - 1].at : (int64_t)d->withdrawn_at, keep;
    if (!p->keep_memo.count ||
        demur_due(&calendars, p->calendar, end, p->keep_memo, counting, NULL, 0, &keep) !=
            DEMUR_OK ||
        (int64_t)a->at <= keep)
        return demur_fail(a->diag, DEMUR_ERR_TIME,
                          "the policy's time of retention has not run out");
    return DEMUR_OK;
}

/* Are all the blobs to be expunged this dissent's? */
static enum demur_err check_owned(struct applying *a)
{
    uint64_t here = channel_dissent_index(a->c, channel_field(a, DEMUR_FIELD_DISSENT));
    for (size_t i = 0; i < demur_record_count(a->r, DEMUR_FIELD_BLOB); i++) {
        uint8_t hash[32];
        uint32_t blob;
        enum demur_err err = demur_hex_exact(hash, 32, demur_record_nth(a->r, DEMUR_FIELD_BLOB, i));
        if (err || !channel_blob_find(a->c, hash, &blob) || a->c->blobs[blob].owner != here + 1)
            return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "blob",
                                 "blob %zu does not belong to this dissent", i + 1);
    }
    return DEMUR_OK;
}

enum demur_err channel_apply_expunge(struct applying *a)
{
    struct dissent *d;
    int role = -1;
    enum demur_err err = channel_case_begin(a, &d);
    if (!err)
        err = check_role(a, d, &role);
    if (err)
        return err;
    const struct demur_policy *p = channel_policy_of(a->c, d);
    if (!demur_set_has(p->expunge_by, role))
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "role",
                             "the policy does not let %.*s expunge", SPAN_ARG(p->roles[role].name));
    if (!is_final(a->c, d) && !(d->withdrawn && !d->filed))
        return demur_fail(a->diag, DEMUR_ERR_STAGE,
                          "nothing is expunged before a dissent has come to its end");
    if ((err = check_retention(a, d)) || (err = check_owned(a)))
        return err;
    channel_case_event(a, d, role, -1, DEMUR_FIELD_NONE);
    return DEMUR_OK;
}
