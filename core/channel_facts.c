/* What others may ask of a channel: channel.h's accessors. */
#include "channel_state.h"

const struct demur_policy *demur_channel_policy(const struct demur_channel *c,
                                                uint8_t entry[static 32])
{
    const struct policy_version *v = channel_policy_now(c);
    if (v)
        memcpy(entry, v->entry, 32);
    return v ? v->policy : NULL;
}

struct span demur_channel_policy_text(const struct demur_channel *c)
{
    const struct policy_version *v = channel_policy_now(c);
    return v ? span_of(v->text, v->text_len) : span_of(NULL, 0);
}

struct span demur_channel_calendar_text(const struct demur_channel *c, struct span name)
{
    for (uint32_t i = c->calendars_len; i-- > 0;)
        if (span_eq_str(name, c->calendars[i].name))
            return span_of(c->calendars[i].text, c->calendars[i].text_len);
    return span_of(NULL, 0);
}

const struct demur_policy *demur_channel_policy_of(const struct demur_channel *c,
                                                   const uint8_t entry[static 32])
{
    uint32_t policy;
    return channel_policy_by(c, entry, &policy) ? c->policies[policy].policy : NULL;
}

const struct demur_policy *demur_channel_policy_before(const struct demur_channel *c,
                                                       uint64_t index)
{
    for (uint32_t i = c->policies_len; i-- > 0;)
        if (c->policies[i].index < index)
            return c->policies[i].policy;
    return NULL;
}

static void holder_fill(const struct role_grant *g, struct demur_holder *out)
{
    memcpy(out->key, g->key, 32);
    memcpy(out->x25519, g->x25519, 32);
    memcpy(out->recipient, g->recipient, sizeof out->recipient);
    out->role = span_str(g->role);
    out->attribute = span_str(g->attribute);
    out->acting = g->acting;
    out->granted_index = g->granted_index;
}

bool demur_channel_holder(const struct demur_channel *c, struct span role, uint64_t now, size_t i,
                          struct demur_holder *out)
{
    for (size_t k = 0; k < c->roles_len; k++) {
        const struct role_grant *g = &c->roles[k];
        if (!channel_grant_runs(g, now) || !span_eq_str(role, g->role) || i-- > 0)
            continue;
        holder_fill(g, out);
        return true;
    }
    return false;
}

bool demur_channel_holds(const struct demur_channel *c, const uint8_t key[static 32],
                         struct span role, uint64_t now)
{
    const struct known_key *k = channel_known(c, key);
    for (uint32_t i = k ? k->grants : 0; i; i = c->roles[i - 1].before)
        if (channel_grant_runs(&c->roles[i - 1], now) && span_eq_str(role, c->roles[i - 1].role))
            return true;
    return false;
}

bool demur_channel_grant(const struct demur_channel *c, size_t i, struct demur_role_grant *out)
{
    if (i >= c->roles_len)
        return false;
    const struct role_grant *g = &c->roles[i];
    *out = (struct demur_role_grant){.ended_at = g->ended_at, .until = g->until};
    holder_fill(g, &out->holder);
    return true;
}

size_t demur_channel_members(const struct demur_channel *c) { return c->members_len; }

static void member_fill(const struct member *m, struct demur_member_info *out)
{
    *out = (struct demur_member_info){.handle = span_str(m->handle),
                                      .joined = m->joined_index != NONE,
                                      .revoked = m->revoked_index != NONE,
                                      .invited_index = m->invited_index,
                                      .joined_index = m->joined_index,
                                      .invited = m->invited};
    memcpy(out->invitation, m->invitation, 32);
    memcpy(out->key, m->key, 32);
    memcpy(out->recipient, m->recipient, sizeof out->recipient);
}

bool demur_channel_member(const struct demur_channel *c, size_t i, struct demur_member_info *out)
{
    if (i >= c->members_len)
        return false;
    member_fill(&c->members[i], out);
    return true;
}

bool demur_channel_member_find(const struct demur_channel *c, struct span handle,
                               struct demur_member_info *out)
{
    const struct member *m = channel_member_by(c, handle);
    if (m)
        member_fill(m, out);
    return m != NULL;
}

bool demur_channel_ring_key_owner(const struct demur_channel *c, const uint8_t ring_key[static 32],
                                  struct demur_member_info *out)
{
    uint32_t place;
    const struct member *m = channel_ring_key_owner(c, ring_key, &place);
    if (m)
        member_fill(m, out);
    return m != NULL;
}

bool demur_channel_member_ring_key(const struct demur_channel *c, struct span handle,
                                   uint32_t epoch, uint8_t key[static 32])
{
    const struct member *m = channel_member_by(c, handle);
    const struct epoch_key *k = m ? channel_month_key(m, epoch) : NULL;
    if (k)
        memcpy(key, c->ring_keys[k->ring_key].key, 32);
    return k != NULL;
}

bool demur_channel_member_ring_entry(const struct demur_channel *c, struct span handle,
                                     uint32_t epoch, uint64_t *index)
{
    const struct member *m = channel_member_by(c, handle);
    const struct epoch_key *k = m ? channel_month_key(m, epoch) : NULL;
    if (k)
        *index = k->set_index;
    return k != NULL;
}

bool demur_channel_key_owner(const struct demur_channel *c, const uint8_t key[static 32],
                             struct demur_member_info *out)
{
    const struct member *m = channel_identity_owner(c, key);
    if (m)
        member_fill(m, out);
    return m != NULL;
}

struct span demur_channel_member_attribute(const struct demur_channel *c, struct span handle,
                                           size_t i)
{
    const struct member *m = channel_member_by(c, handle);
    struct span rest = m ? span_of(m->attributes, m->attributes_len) : span_of(NULL, 0);
    while (rest.len) {
        bool found;
        struct span one = span_split(&rest, '\n', &found);
        if (i-- == 0)
            return one;
    }
    return span_of(NULL, 0);
}

size_t demur_channel_dissents(const struct demur_channel *c) { return c->dissents_len; }

static struct demur_blob_ref blob_ref(const struct demur_channel *c, struct blob_use use)
{
    struct demur_blob_ref ref = {.size = use.size};
    if (use.size)
        memcpy(ref.hash, c->blobs[use.blob].hash, 32);
    return ref;
}

void channel_dissent_info(const struct demur_channel *c, const struct dissent *d,
                          struct demur_dissent_info *out)
{
    const struct policy_version *v = &c->policies[d->policy];
    *out = (struct demur_dissent_info){.latest_index = d->events[d->latest].index,
                                       .opened_index = d->opened_index,
                                       .opened_at = d->opened_at,
                                       .filed_index = d->filed_index,
                                       .filed_at = d->filed_at,
                                       .epoch = d->epoch,
                                       .roster = d->roster,
                                       .revision = d->revision,
                                       .memo = blob_ref(c, d->memo),
                                       .keys = blob_ref(c, d->keys),
                                       .ending = "",
                                       .withdrawn = d->withdrawn,
                                       .late = d->late,
                                       .until = d->until,
                                       .signatures = d->signatures};
    if (d->stage >= 0) {
        const struct demur_policy_stage *s = &v->policy->stages[d->stage];
        out->stage = s->name;
        out->final = s->final != DEMUR_FINAL_NO;
        out->ending = demur_final_name(s->final);
    } else {
        out->stage = span_str(d->withdrawn ? "withdrawn" : "circulating");
        out->final = d->withdrawn;
    }
    memcpy(out->id, d->id, sizeof out->id);
    memcpy(out->case_recipient, d->case_recipient, sizeof out->case_recipient);
    memcpy(out->case_key, d->case_key, 32);
    memcpy(out->policy_entry, v->entry, 32);
    memcpy(out->latest, d->events[d->latest].leaf, 32);
    memcpy(out->ring, c->rings[d->ring].digest, 32);
    memcpy(out->commitment, d->commitment, 32);
    memcpy(out->release, d->release, 32);
}

static bool dissent_info_at(const struct demur_channel *c, const struct dissent *base, uint64_t now,
                            struct demur_dissent_info *out)
{
    struct dissent copy;
    const struct dissent *d = channel_dissent_at(c, base, now, &copy);
    if (!d)
        return false;
    channel_dissent_info(c, d, out);
    channel_dissent_done(d, &copy);
    return true;
}

bool demur_channel_dissent(const struct demur_channel *c, size_t i, uint64_t now,
                           struct demur_dissent_info *out)
{
    return i < c->dissents_len && dissent_info_at(c, &c->dissents[i], now, out);
}

bool demur_channel_dissent_find(const struct demur_channel *c, struct span id, uint64_t now,
                                struct demur_dissent_info *out)
{
    const struct dissent *d = channel_dissent_by(c, id);
    return d && dissent_info_at(c, d, now, out);
}

bool channel_dissent_to(const struct demur_channel *c, const struct dissent *d, size_t i,
                        struct span *role)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    for (int k = 0; k < p->roles_len; k++)
        if (demur_set_has(d->to, k) && i-- == 0) {
            *role = p->roles[k].name;
            return true;
        }
    return false;
}

bool demur_channel_dissent_to(const struct demur_channel *c, struct span id, size_t i,
                              struct span *role)
{
    const struct dissent *d = channel_dissent_by(c, id);
    return d && channel_dissent_to(c, d, i, role);
}

bool channel_dissent_attachment(const struct demur_channel *c, const struct dissent *d, size_t i,
                                struct demur_blob_ref *out)
{
    if (i >= d->attachments_len)
        return false;
    *out = blob_ref(c, d->attachments[i]);
    return true;
}

bool demur_channel_dissent_attachment(const struct demur_channel *c, struct span id, size_t i,
                                      struct demur_blob_ref *out)
{
    const struct dissent *d = channel_dissent_by(c, id);
    return d && channel_dissent_attachment(c, d, i, out);
}

bool demur_channel_dissent_place(const struct demur_channel *c, struct span id,
                                 const uint8_t ring_key[static 32], uint32_t *place, uint32_t *n)
{
    const struct dissent *d = channel_dissent_by(c, id);
    if (!d)
        return false;
    const struct pinned_ring *ring = &c->rings[d->ring];
    uint32_t low = 0, high = ring->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(c->ring_keys[ring->keys[middle]].key, ring_key, 32) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *place = low;
    *n = ring->n;
    return low < ring->n && memcmp(c->ring_keys[ring->keys[low]].key, ring_key, 32) == 0;
}

bool demur_channel_may_open(const struct demur_channel *c, struct span id,
                            const uint8_t key[static 32], struct span role, uint64_t now)
{
    struct dissent copy;
    const struct dissent *base = channel_dissent_by(c, id);
    const struct dissent *d = base ? channel_dissent_at(c, base, now, &copy) : NULL;
    if (!d)
        return false;
    const struct demur_policy *p = channel_policy_of(c, d);
    bool may = d->filed && demur_set_has(d->entitled, demur_policy_role(p, role)) &&
               demur_channel_holds(c, key, role, now);
    channel_dissent_done(d, &copy);
    return may;
}

bool demur_channel_has_opened(const struct demur_channel *c, struct span id,
                              const uint8_t key[static 32])
{
    const struct dissent *d = channel_dissent_by(c, id);
    for (size_t i = 0; d && i < d->events_len; i++)
        if (d->events[i].type == DEMUR_RECORD_OPEN &&
            memcmp(channel_event_by(c, &d->events[i]), key, 32) == 0)
            return true;
    return false;
}

static bool act_open(const struct demur_policy *p, const struct dissent *d, int step, int role,
                     uint64_t now)
{
    const struct demur_policy_step *s = &p->steps[step];
    return s->taken_as == DEMUR_AS_STEP && demur_set_has(s->by, role) &&
           demur_set_has(s->from, d->stage) &&
           (!s->at_most || channel_times(p, d)[step] < s->at_most) &&
           (s->only_before < 0 || !channel_clock_passed(d, s->only_before, now)) &&
           (s->only_after < 0 || channel_clock_passed(d, s->only_after, now));
}

bool demur_channel_act(const struct demur_channel *c, struct span id, const uint8_t key[static 32],
                       uint64_t now, size_t i, struct span *role, struct span *act)
{
    struct dissent copy;
    const struct dissent *base = channel_dissent_by(c, id);
    const struct dissent *d = base ? channel_dissent_at(c, base, now, &copy) : NULL;
    if (!d)
        return false;
    const struct demur_policy *p = channel_policy_of(c, d);
    demur_set roles = channel_roles_of(c, p, key, now);
    bool found = false;
    for (int s = 0; d->filed && s < p->steps_len && !found; s++)
        for (int r = 0; r < p->roles_len && !found; r++)
            if (demur_set_has(roles, r) && act_open(p, d, s, r, now) && i-- == 0) {
                *role = p->roles[r].name;
                *act = p->steps[s].name;
                found = true;
            }
    channel_dissent_done(d, &copy);
    return found;
}

bool channel_event(const struct demur_channel *c, const struct dissent *d, size_t i,
                   struct demur_event *out)
{
    if (i >= d->events_len)
        return false;
    const struct case_event *e = &d->events[i];
    const struct demur_policy *p = channel_policy_of(c, d);
    *out = (struct demur_event){.index = e->index,
                                .at = e->at,
                                .type = (enum demur_record_type)e->type,
                                .blob = blob_ref(c, e->blob)};
    memcpy(out->leaf, e->leaf, 32);
    memcpy(out->by, channel_event_by(c, e), 32);
    if (e->role >= 0)
        out->role = p->roles[e->role].name;
    if (e->step >= 0)
        out->act = p->steps[e->step].name;
    return true;
}

bool demur_channel_event(const struct demur_channel *c, struct span id, size_t i,
                         struct demur_event *out)
{
    const struct dissent *d = channel_dissent_by(c, id);
    return d && channel_event(c, d, i, out);
}

static enum demur_clock_state clock_state(const struct dissent *d, const struct clock_run *run,
                                          const struct demur_policy_clock *pc, uint64_t now)
{
    if (!run->started)
        return DEMUR_CLOCK_WAITING;
    bool late = pc->window ? (run->met ? run->end : (int64_t)now) > run->limit : run->missed;
    if (run->met)
        return late ? DEMUR_CLOCK_MET_LATE : DEMUR_CLOCK_MET;
    if (run->stopped)
        return DEMUR_CLOCK_STOPPED;
    if (!late && demur_set_has(pc->paused_in, d->stage) && run->limit == DEMUR_NEVER)
        return DEMUR_CLOCK_PAUSED;
    return late ? DEMUR_CLOCK_OVERDUE : DEMUR_CLOCK_RUNNING;
}

static uint64_t known_time(int64_t t) { return t == DEMUR_NEVER || t < 0 ? 0 : (uint64_t)t; }

bool channel_clock(const struct demur_channel *c, const struct dissent *d, uint64_t now, size_t i,
                   struct demur_clock_info *out)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    if (i >= p->clocks_len)
        return false;
    const struct demur_policy_clock *pc = &p->clocks[i];
    const struct clock_run *run = &d->clocks[i];
    int64_t until = run->met || run->stopped ? run->end : (int64_t)now;
    *out = (struct demur_clock_info){.name = pc->name,
                                     .calendar = pc->calendar.len ? pc->calendar : p->calendar,
                                     .state = clock_state(d, run, pc, now),
                                     .started = run->started ? known_time(run->start) : 0,
                                     .ended = run->met || run->stopped ? known_time(run->end) : 0,
                                     .extensions = run->extensions_len,
                                     .missed = run->missed_runs,
                                     .window = pc->window};
    if (run->started) {
        out->target = pc->target.count ? known_time(run->target) : 0;
        out->limit = pc->limit.count ? known_time(run->limit) : 0;
        out->target_missed = out->target && until > run->target;
    }
    return true;
}

bool demur_channel_clock(const struct demur_channel *c, struct span id, uint64_t now, size_t i,
                         struct demur_clock_info *out)
{
    struct dissent copy;
    const struct dissent *base = channel_dissent_by(c, id);
    const struct dissent *d = base ? channel_dissent_at(c, base, now, &copy) : NULL;
    if (!d)
        return false;
    bool found = channel_clock(c, d, now, i, out);
    channel_dissent_done(d, &copy);
    return found;
}

const char *demur_clock_state_name(enum demur_clock_state state)
{
    static const char *const names[] = {
        [DEMUR_CLOCK_WAITING] = "waiting", [DEMUR_CLOCK_STOPPED] = "stopped",
        [DEMUR_CLOCK_RUNNING] = "running", [DEMUR_CLOCK_PAUSED] = "paused",
        [DEMUR_CLOCK_MET] = "met",         [DEMUR_CLOCK_MET_LATE] = "met-late",
        [DEMUR_CLOCK_OVERDUE] = "overdue",
    };
    return (size_t)state < DEMUR_COUNT(names) ? names[state] : "";
}

int32_t demur_channel_local_offset(const struct demur_channel *c, struct span calendar, uint64_t at)
{
    struct demur_calendars calendars = channel_calendars(c);
    return demur_local_offset(&calendars, calendar, (int64_t)at);
}
