/* What the root says: the channel, its keys, policies, calendars; and roles. */
#include "age.h"
#include "channel_state.h"
#include "hash.h"

enum demur_err channel_apply_channel(struct applying *a)
{
    struct demur_channel *c = a->c;
    memcpy(c->fingerprint, a->leaf, 32);
    channel_copy(c->origin, sizeof c->origin, channel_field(a, DEMUR_FIELD_ORIGIN));
    demur_record_key(a->r, DEMUR_FIELD_LOG_KEY, c->log_key);
    demur_record_key(a->r, DEMUR_FIELD_SERVER_KEY, c->server_key);
    demur_record_key(a->r, DEMUR_FIELD_ROOT_KEY, c->root_key);
    demur_record_hash(a->r, DEMUR_FIELD_NEXT_ROOT, c->next_root);
    c->founded = true;
    return DEMUR_OK;
}

static enum demur_err check_root(struct applying *a)
{
    if (memcmp(a->by, a->c->root_key, 32) != 0)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "by",
                             "only the channel's root key may put this into force");
    return DEMUR_OK;
}

/* Own a copy of the text, checked against the record. Freed by the caller on a
 * later failure. */
static enum demur_err take_text(struct applying *a, uint8_t **out)
{
    struct demur_blob_ref ref;
    uint8_t hash[32];
    demur_record_blob(a->r, DEMUR_FIELD_TEXT, 0, &ref);
    demur_hash(hash, a->text);
    if (a->text.len != ref.size || memcmp(hash, ref.hash, 32) != 0)
        return demur_fail_at(a->diag, DEMUR_ERR_TEXT, 0, 0, "text",
                             "the text that this record names is not at hand");
    *out = malloc(a->text.len);
    if (!*out)
        return demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    memcpy(*out, a->text.p, a->text.len);
    return DEMUR_OK;
}

enum demur_err channel_policy_calendars_check(const struct demur_policy *p,
                                              const struct demur_calendars *calendars,
                                              struct demur_diag *diag)
{
    enum demur_err err = demur_calendars_check(calendars, p->calendar, diag);
    for (int i = 0; !err && i < p->clocks_len; i++)
        if (p->clocks[i].calendar.len)
            err = demur_calendars_check(calendars, p->clocks[i].calendar, diag);
    return err;
}

enum demur_err channel_apply_policy(struct applying *a)
{
    struct demur_channel *c = a->c;
    enum demur_err err = check_root(a);
    struct policy_version v = {.index = c->size, .at = a->at};
    if (err || (err = take_text(a, &v.text)))
        return err;
    v.text_len = a->text.len;
    memcpy(v.entry, a->leaf, 32);
    v.policy = malloc(sizeof *v.policy);
    struct demur_calendars calendars = channel_calendars(c);
    if (!v.policy ||
        !demur_grow(&c->policies, &c->policies_cap, (size_t)c->policies_len + 1, sizeof v))
        err = demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    if (!err)
        err = demur_policy_parse(v.policy, span_of(v.text, a->text.len), a->diag);
    if (!err)
        err = demur_policy_executable(v.policy, a->diag);
    if (!err)
        err = channel_policy_calendars_check(v.policy, &calendars, a->diag);
    if (err) {
        free(v.text);
        free(v.policy);
        return err;
    }
    c->policies[c->policies_len++] = v;
    return DEMUR_OK;
}

/* Would every policy that is or may still be executed find its calendars? */
static enum demur_err all_calendars_check(const struct demur_channel *c,
                                          const struct demur_calendars *calendars,
                                          struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; !err && i < c->policies_len; i++)
        err = channel_policy_calendars_check(c->policies[i].policy, calendars, diag);
    return err;
}

static bool calendar_room(struct demur_channel *c)
{
    size_t need = (size_t)c->calendars_len + 1;
    return demur_grow(&c->calendars, &c->calendars_cap, need, sizeof *c->calendars) &&
           demur_grow(&c->versions, &c->versions_cap, need, sizeof *c->versions);
}

enum demur_err channel_apply_calendar(struct applying *a)
{
    struct demur_channel *c = a->c;
    struct span name = channel_field(a, DEMUR_FIELD_NAME);
    enum demur_err err = check_root(a);
    struct calendar_text t = {0};
    if (err || (err = take_text(a, &t.text)))
        return err;
    t.text_len = a->text.len;
    channel_copy(t.name, sizeof t.name, name);
    t.calendar = malloc(sizeof *t.calendar);
    if (!t.calendar || !calendar_room(c))
        err = demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    if (!err)
        err = demur_calendar_parse(t.calendar, span_of(t.text, a->text.len), a->diag);
    if (!err && !span_eq(t.calendar->name, name))
        err = demur_fail_at(a->diag, DEMUR_ERR_SYNTAX, 0, 0, "name",
                            "the record calls the calendar %.*s, its text %.*s", SPAN_ARG(name),
                            SPAN_ARG(t.calendar->name));
    if (!err) {
        struct demur_calendars before = channel_calendars(c);
        c->versions[c->calendars_len] = (struct demur_calendar_version){
            demur_calendar_from_day(&before, t.calendar->name, (int64_t)a->at), t.calendar};
        struct demur_calendars after = {c->versions, c->calendars_len + 1};
        err = all_calendars_check(c, &after, a->diag);
    }
    if (err) {
        free(t.text);
        free(t.calendar);
        return err;
    }
    c->calendars[c->calendars_len++] = t;
    return DEMUR_OK;
}

enum demur_err channel_apply_rotate(struct applying *a)
{
    struct demur_channel *c = a->c;
    bool keys = demur_record_has(a->r, DEMUR_FIELD_LOG_KEY) ||
                demur_record_has(a->r, DEMUR_FIELD_SERVER_KEY);
    bool root = demur_record_has(a->r, DEMUR_FIELD_ROOT_KEY);
    if (keys == root || root != demur_record_has(a->r, DEMUR_FIELD_NEXT_ROOT))
        return demur_fail(a->diag, DEMUR_ERR_SYNTAX,
                          "a rotation names a log key, a server key or both; or a root key and "
                          "the hash of the next");
    if (keys) {
        enum demur_err err = check_root(a);
        if (err)
            return err;
        demur_record_key(a->r, DEMUR_FIELD_LOG_KEY, c->log_key);
        demur_record_key(a->r, DEMUR_FIELD_SERVER_KEY, c->server_key);
        return DEMUR_OK;
    }
    uint8_t key[32], hash[32];
    demur_record_key(a->r, DEMUR_FIELD_ROOT_KEY, key);
    demur_hash(hash, span_of(key, 32));
    if (memcmp(key, a->by, 32) != 0 || memcmp(hash, c->next_root, 32) != 0)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "root-key",
                             "this is not the next root key that the channel is bound to");
    memcpy(c->root_key, key, 32);
    demur_record_hash(a->r, DEMUR_FIELD_NEXT_ROOT, c->next_root);
    return DEMUR_OK;
}

const struct policy_version *channel_policy_now(const struct demur_channel *c)
{
    return c->policies_len ? &c->policies[c->policies_len - 1] : NULL;
}

bool channel_policy_by(const struct demur_channel *c, const uint8_t entry[static 32],
                       uint32_t *policy)
{
    for (uint32_t i = c->policies_len; i-- > 0;) {
        if (memcmp(c->policies[i].entry, entry, 32) != 0)
            continue;
        *policy = i;
        return true;
    }
    return false;
}

bool channel_grant_runs(const struct role_grant *g, uint64_t now)
{
    return g->ended_at == NONE && (g->until == 0 || now <= g->until);
}

demur_set channel_roles_of(const struct demur_channel *c, const struct demur_policy *p,
                           const uint8_t key[static 32], uint64_t now)
{
    demur_set set = 0;
    const struct known_key *k = channel_known(c, key);
    for (uint32_t i = k ? k->grants : 0; i; i = c->roles[i - 1].before)
        if (channel_grant_runs(&c->roles[i - 1], now))
            set |= demur_set_of(demur_policy_role(p, span_str(c->roles[i - 1].role)));
    return set;
}

/* The grant of a role to a key, for one part of the membership ("" when the role
 * is for all of it). */
static struct role_grant *grant_of(const struct demur_channel *c, struct span role,
                                   struct span part, const uint8_t key[static 32], uint64_t now)
{
    const struct known_key *k = channel_known(c, key);
    for (uint32_t i = k ? k->grants : 0; i; i = c->roles[i - 1].before) {
        struct role_grant *g = &c->roles[i - 1];
        if (channel_grant_runs(g, now) && span_eq_str(role, g->role) &&
            span_eq_str(part, g->attribute))
            return g;
    }
    return NULL;
}

static enum demur_err check_granter(struct applying *a, const struct demur_policy *p, int role)
{
    if (memcmp(a->by, a->c->root_key, 32) == 0)
        return DEMUR_OK;
    demur_set roles = channel_roles_of(a->c, p, a->by, a->at);
    if (!demur_policy_may_grant(p, roles, role))
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "by",
                             "the policy does not let this key grant or end the role %.*s",
                             SPAN_ARG(p->roles[role].name));
    return DEMUR_OK;
}

/* `for` names a value of the attribute that the policy gives the role for each of. */
static enum demur_err check_part(struct applying *a, const struct demur_policy *p, int role)
{
    struct span name = p->roles[role].name, part = channel_field(a, DEMUR_FIELD_FOR);
    int16_t each = p->roles[role].for_each;
    if (each < 0)
        return part.len == 0 ? DEMUR_OK
                             : demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "for",
                                             "the role %.*s is for all members: leave out %.*s",
                                             SPAN_ARG(name), SPAN_ARG(part));
    struct span want = p->attributes[each].name;
    if (part.len == 0)
        return demur_fail_at(a->diag, DEMUR_ERR_MISSING, 0, 0, "for",
                             "the role %.*s has a holder for each %.*s: say for which",
                             SPAN_ARG(name), SPAN_ARG(want));
    bool found;
    struct demur_attribute one = {.value = part};
    one.name = span_split(&one.value, '=', &found);
    if (!span_eq(one.name, want))
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "for",
                             "the role %.*s has a holder for each %.*s, not for each %.*s",
                             SPAN_ARG(name), SPAN_ARG(want), SPAN_ARG(one.name));
    return demur_policy_attribute_check(p, &one, a->diag);
}

/* `holders one`: nobody else has the role, for this part, in their own right. */
static enum demur_err check_single(struct applying *a, struct span name, struct span part)
{
    for (size_t i = 0; i < a->c->roles_len; i++) {
        const struct role_grant *g = &a->c->roles[i];
        if (channel_grant_runs(g, a->at) && !g->acting && span_eq_str(name, g->role) &&
            span_eq_str(part, g->attribute))
            return demur_fail_at(a->diag, DEMUR_ERR_STAGE, 0, 0, "role",
                                 "the role %.*s%s%.*s has one holder at a time: end that one first",
                                 SPAN_ARG(name), part.len ? " for " : "", SPAN_ARG(part));
    }
    return DEMUR_OK;
}

static enum demur_err check_grant(struct applying *a, const struct demur_policy *p, int role,
                                  const uint8_t holder[static 32])
{
    struct span name = p->roles[role].name, part = channel_field(a, DEMUR_FIELD_FOR);
    bool acting = demur_record_has(a->r, DEMUR_FIELD_ACTING);
    if (!demur_record_has(a->r, DEMUR_FIELD_RECIPIENT))
        return demur_fail_at(a->diag, DEMUR_ERR_MISSING, 0, 0, "recipient",
                             "a holder needs an age recipient, so that memos can be sealed to it");
    if (acting && !p->roles[role].acting)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "acting",
                             "the policy does not let anybody hold the role %.*s as acting",
                             SPAN_ARG(name));
    enum demur_err err = check_part(a, p, role);
    if (err)
        return err;
    if (grant_of(a->c, name, part, holder, a->at))
        return demur_fail_at(a->diag, DEMUR_ERR_REPLAY, 0, 0, "holder",
                             "this key holds the role %.*s%s%.*s already", SPAN_ARG(name),
                             part.len ? " for " : "", SPAN_ARG(part));
    if (demur_record_has(a->r, DEMUR_FIELD_UNTIL) &&
        demur_record_number(a->r, DEMUR_FIELD_UNTIL) <= a->at)
        return demur_fail_at(a->diag, DEMUR_ERR_TIME, 0, 0, "until",
                             "a role cannot end before it begins");
    return p->roles[role].single && !acting ? check_single(a, name, part) : DEMUR_OK;
}

static enum demur_err end_grant(struct applying *a, struct span name,
                                const uint8_t holder[static 32])
{
    static const enum demur_field absent[] = {DEMUR_FIELD_RECIPIENT, DEMUR_FIELD_ACTING,
                                              DEMUR_FIELD_UNTIL};
    for (size_t i = 0; i < DEMUR_COUNT(absent); i++)
        if (demur_record_has(a->r, absent[i]))
            return demur_fail_at(a->diag, DEMUR_ERR_SYNTAX, 0, 0, demur_field_name(absent[i]),
                                 "a record that ends a role has no %s",
                                 demur_field_name(absent[i]));
    struct span part = channel_field(a, DEMUR_FIELD_FOR);
    struct role_grant *g = grant_of(a->c, name, part, holder, a->at);
    if (!g)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "holder",
                             "this key does not hold the role %.*s%s%.*s", SPAN_ARG(name),
                             part.len ? " for " : "", SPAN_ARG(part));
    g->ended_at = a->at;
    return DEMUR_OK;
}

static void grant_put(struct applying *a, const uint8_t holder[static 32])
{
    struct role_grant g = {.ended_at = NONE, .granted_index = a->c->size};
    channel_copy(g.role, sizeof g.role, channel_field(a, DEMUR_FIELD_ROLE));
    channel_copy(g.recipient, sizeof g.recipient, channel_field(a, DEMUR_FIELD_RECIPIENT));
    channel_copy(g.attribute, sizeof g.attribute, channel_field(a, DEMUR_FIELD_FOR));
    struct demur_age_recipient recipient;
    if (demur_age_recipient_parse(&recipient, span_str(g.recipient), NULL) == DEMUR_OK)
        memcpy(g.x25519, recipient.public, 32); /* always: the parser checked it */
    memcpy(g.key, holder, 32);
    g.acting = demur_record_has(a->r, DEMUR_FIELD_ACTING);
    g.until = demur_record_number(a->r, DEMUR_FIELD_UNTIL);
    struct known_key *k = channel_known_add(a->c, holder);
    g.before = k->grants;
    a->c->roles[a->c->roles_len++] = g;
    k->grants = a->c->roles_len;
}

enum demur_err channel_apply_role(struct applying *a)
{
    struct demur_channel *c = a->c;
    const struct policy_version *v = channel_policy_now(c);
    struct span name = channel_field(a, DEMUR_FIELD_ROLE);
    int role = v ? demur_policy_role(v->policy, name) : -1;
    bool ends = span_eq_str(channel_field(a, DEMUR_FIELD_CHANGE), "ends");
    uint8_t holder[32];
    demur_record_key(a->r, DEMUR_FIELD_HOLDER, holder);
    /* Dissents live on under policies that are no longer in force, and so do the
     * roles in them: there must be a way to end every one. */
    if (ends && memcmp(a->by, c->root_key, 32) == 0)
        return end_grant(a, name, holder);
    if (role < 0)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "role",
                             "the policy in force knows no role %.*s", SPAN_ARG(name));
    enum demur_err err = check_granter(a, v->policy, role);
    if (err)
        return err;
    if (ends)
        return end_grant(a, name, holder);
    if ((err = check_grant(a, v->policy, role, holder)))
        return err;
    if (!demur_grow(&c->roles, &c->roles_cap, (size_t)c->roles_len + 1, sizeof *c->roles))
        return demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    grant_put(a, holder);
    return DEMUR_OK;
}

enum demur_err channel_apply_tick(struct applying *a)
{
    struct demur_channel *c = a->c;
    struct demur_date date;
    if (memcmp(a->by, c->server_key, 32) != 0)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "by",
                             "only the channel's server key ticks");
    int32_t today = demur_time_day((int64_t)a->at);
    if (!demur_date_parse(channel_field(a, DEMUR_FIELD_DAY), &date) ||
        demur_date_day(date) != today)
        return demur_fail_at(a->diag, DEMUR_ERR_TIME, 0, 0, "day",
                             "a tick names the UTC day of its entry");
    if (today <= c->last_tick_day)
        return demur_fail_at(a->diag, DEMUR_ERR_REPLAY, 0, 0, "day",
                             "this day has its tick already");
    c->last_tick_day = today;
    return DEMUR_OK;
}
