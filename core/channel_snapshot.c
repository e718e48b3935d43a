/* The fold as bytes, and back: docs/formats/snapshot.md.
 *
 * Each structure is described once, for both ways (walk.h). Read, every place that
 * one part has of another is checked before anything follows it, and what can be
 * derived is derived anew: indexes, chains of grants, parsed policies and calendars. */
#include "channel_state.h"
#include "walk.h"

#define ATTRIBUTES_LEN_MAX DEMUR_RECORD_MAX

/* ---- values ---- */

static bool time_ok(uint64_t t) { return t <= DEMUR_TIME_MAX; }

static void walk_time(struct demur_walk *w, uint64_t *t)
{
    demur_walk_u64(w, t);
    demur_walk_require(w, time_ok(*t));
}

static void walk_when(struct demur_walk *w, int64_t *t)
{
    demur_walk_i64(w, t);
    demur_walk_require(w, *t == DEMUR_NEVER || (*t >= DEMUR_TIME_MIN && *t <= DEMUR_TIME_MAX));
}

/* An entry's index, or NONE. */
static void walk_index(struct demur_walk *w, const struct demur_channel *c, uint64_t *index)
{
    demur_walk_u64(w, index);
    demur_walk_require(w, *index < c->size || *index == NONE);
}

/* A place in an array of `len`. */
static void walk_place(struct demur_walk *w, uint32_t *place, size_t len)
{
    demur_walk_u32(w, place);
    demur_walk_require(w, *place < len);
}

static void walk_set(struct demur_walk *w, demur_set *set, int len)
{
    demur_walk_u64(w, set);
    demur_walk_require(w, len >= 64 || !(*set >> len));
}

static void walk_blob_use(struct demur_walk *w, const struct demur_channel *c, struct blob_use *use)
{
    demur_walk_u32(w, &use->blob);
    demur_walk_u32(w, &use->size);
    demur_walk_require(w, use->size <= DEMUR_BLOB_MAX &&
                              (use->blob < c->blobs_len || (!use->blob && !use->size)));
}

/* ---- what the root said ---- */

static void walk_head(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_u64(w, &c->size);
    demur_walk_u64(w, &c->refused);
    demur_walk_require(w, c->refused <= c->size);
    walk_time(w, &c->last_at);
    demur_walk_bytes(w, c->chain, 32);
    demur_walk_bool(w, &c->founded);
    demur_walk_bytes(w, c->fingerprint, 32);
    demur_walk_bytes(w, c->log_key, 32);
    demur_walk_bytes(w, c->server_key, 32);
    demur_walk_bytes(w, c->root_key, 32);
    demur_walk_bytes(w, c->next_root, 32);
    demur_walk_text(w, c->origin, sizeof c->origin);
    demur_walk_i32(w, &c->last_tick_day);
    demur_walk_require(w, c->last_tick_day >= DEMUR_DAY_MIN && c->last_tick_day <= DEMUR_DAY_MAX);
    demur_walk_u64(w, &c->last_revoke);
    demur_walk_u64(w, &c->last_member);
    demur_walk_require(w, c->last_revoke <= c->size && c->last_member <= c->size);
}

static void walk_calendar(struct demur_walk *w, struct calendar_text *t,
                          struct demur_calendar_version *v)
{
    demur_walk_heap(w, &t->text, &t->text_len, DEMUR_CALENDAR_TEXT_MAX);
    demur_walk_i32(w, &v->from_day);
    demur_walk_require(w, v->from_day >= DEMUR_DAY_MIN && v->from_day <= DEMUR_DAY_MAX);
    if (!w->loading || w->err)
        return;
    if (!(t->calendar = calloc(1, sizeof *t->calendar))) {
        demur_walk_fail(w, DEMUR_ERR_MEMORY);
        return;
    }
    demur_walk_require(w, !demur_calendar_parse(t->calendar, span_of(t->text, t->text_len), NULL) &&
                              t->calendar->name.len < sizeof t->name);
    if (!w->err)
        channel_copy(t->name, sizeof t->name, t->calendar->name);
    v->calendar = t->calendar;
}

static void walk_calendars(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->calendars, &c->calendars_len, &c->calendars_cap, sizeof *c->calendars,
                     8);
    if (w->loading && c->calendars_len) {
        c->versions = calloc(c->calendars_len, sizeof *c->versions);
        c->versions_cap = c->versions ? c->calendars_len : 0;
        if (!c->versions)
            demur_walk_fail(w, DEMUR_ERR_MEMORY);
    }
    for (size_t i = 0; i < c->calendars_len && !w->err; i++)
        walk_calendar(w, &c->calendars[i], &c->versions[i]);
}

static void walk_policy(struct demur_walk *w, const struct demur_channel *c,
                        struct policy_version *v)
{
    struct demur_calendars calendars = channel_calendars(c);
    demur_walk_bytes(w, v->entry, 32);
    walk_index(w, c, &v->index);
    walk_time(w, &v->at);
    demur_walk_heap(w, &v->text, &v->text_len, DEMUR_POLICY_TEXT_MAX);
    if (!w->loading || w->err)
        return;
    if (!(v->policy = calloc(1, sizeof *v->policy))) {
        demur_walk_fail(w, DEMUR_ERR_MEMORY);
        return;
    }
    demur_walk_require(w, !demur_policy_parse(v->policy, span_of(v->text, v->text_len), NULL) &&
                              !demur_policy_executable(v->policy, NULL) &&
                              !channel_policy_calendars_check(v->policy, &calendars, NULL));
}

static void walk_policies(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->policies, &c->policies_len, &c->policies_cap, sizeof *c->policies, 52);
    for (size_t i = 0; i < c->policies_len && !w->err; i++)
        walk_policy(w, c, &c->policies[i]);
}

/* ---- people ---- */

static void index_key(struct demur_walk *w, struct demur_index *index, struct span key,
                      uint32_t item)
{
    uint8_t hash[32];
    if (w->err)
        return;
    channel_key_of(hash, key);
    demur_index_put(index, hash, item);
}

/* Room for as many items as were counted. */
static void index_room(struct demur_walk *w, struct demur_index *index, size_t n)
{
    if (w->loading && !w->err && !demur_index_reserve(index, n))
        demur_walk_fail(w, DEMUR_ERR_MEMORY);
}

static void walk_keys(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->keys, &c->keys_len, &c->keys_cap, sizeof *c->keys, 45);
    index_room(w, &c->by.keys, c->keys_len);
    for (uint32_t i = 0; i < c->keys_len && !w->err; i++) {
        struct known_key *k = &c->keys[i];
        demur_walk_bytes(w, k->key, 32);
        demur_walk_bool(w, &k->has_seq);
        demur_walk_u64(w, &k->seq);
        demur_walk_u32(w, &k->member); /* checked once the members are there */
        if (w->loading)
            index_key(w, &c->by.keys, span_of(k->key, 32), i);
    }
}

static void walk_role(struct demur_walk *w, struct demur_channel *c, uint32_t i)
{
    struct role_grant *g = &c->roles[i];
    demur_walk_text(w, g->role, sizeof g->role);
    demur_walk_bytes(w, g->key, 32);
    demur_walk_bytes(w, g->x25519, 32);
    demur_walk_text(w, g->recipient, sizeof g->recipient);
    demur_walk_text(w, g->attribute, sizeof g->attribute);
    demur_walk_bool(w, &g->acting);
    walk_time(w, &g->until);
    demur_walk_u64(w, &g->ended_at);
    demur_walk_require(w, time_ok(g->ended_at) || g->ended_at == NONE);
    walk_index(w, c, &g->granted_index);
    struct known_key *k = w->loading && !w->err ? channel_known(c, g->key) : NULL;
    demur_walk_require(w, k != NULL);
    if (k) {
        g->before = k->grants;
        k->grants = i + 1;
    }
}

static void walk_roles(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->roles, &c->roles_len, &c->roles_cap, sizeof *c->roles, 92);
    for (uint32_t i = 0; i < c->roles_len && !w->err; i++)
        walk_role(w, c, i);
}

static void walk_ring_keys(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->ring_keys, &c->ring_keys_len, &c->ring_keys_cap, sizeof *c->ring_keys,
                     36);
    index_room(w, &c->by.ring_keys, c->ring_keys_len);
    for (uint32_t i = 0; i < c->ring_keys_len && !w->err; i++) {
        struct ring_key *k = &c->ring_keys[i];
        demur_walk_bytes(w, k->key, 32);
        demur_walk_u32(w, &k->member); /* checked once the members are there */
        if (w->loading)
            index_key(w, &c->by.ring_keys, span_of(k->key, 32), i);
    }
}

static void walk_member(struct demur_walk *w, struct demur_channel *c, uint32_t place)
{
    struct member *m = &c->members[place];
    demur_walk_text(w, m->handle, sizeof m->handle);
    demur_walk_heap(w, (uint8_t **)&m->attributes, &m->attributes_len, ATTRIBUTES_LEN_MAX);
    demur_walk_bytes(w, m->key, 32);
    demur_walk_text(w, m->recipient, sizeof m->recipient);
    demur_walk_bytes(w, m->invitation, 32);
    demur_walk_bool(w, &m->invited);
    walk_index(w, c, &m->invited_index);
    walk_index(w, c, &m->joined_index);
    walk_index(w, c, &m->revoked_index);
    demur_walk_array(w, &m->keys, &m->keys_len, &m->keys_cap, sizeof *m->keys, 25);
    for (size_t i = 0; i < m->keys_len && !w->err; i++) {
        struct epoch_key *k = &m->keys[i];
        demur_walk_u32(w, &k->epoch);
        walk_place(w, &k->ring_key, c->ring_keys_len);
        walk_index(w, c, &k->set_index);
        walk_time(w, &k->set_at);
        demur_walk_u8(w, &k->renewed);
        demur_walk_require(w, k->renewed <= RENEWALS_MAX);
    }
}

static void walk_members(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->members, &c->members_len, &c->members_cap, sizeof *c->members, 99);
    index_room(w, &c->by.handles, c->members_len);
    for (uint32_t i = 0; i < c->members_len && !w->err; i++) {
        walk_member(w, c, i);
        if (w->loading)
            index_key(w, &c->by.handles, span_str(c->members[i].handle), i);
    }
    for (size_t i = 0; i < c->keys_len; i++)
        demur_walk_require(w, c->keys[i].member <= c->members_len);
    for (size_t i = 0; i < c->ring_keys_len; i++)
        demur_walk_require(w, c->ring_keys[i].member < c->members_len);
}

static void walk_rings(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->rings, &c->rings_len, &c->rings_cap, sizeof *c->rings, 52);
    for (size_t i = 0; i < c->rings_len && !w->err; i++) {
        struct pinned_ring *r = &c->rings[i];
        size_t cap;
        demur_walk_bytes(w, r->digest, 32);
        walk_place(w, &r->policy, c->policies_len);
        demur_walk_u32(w, &r->epoch);
        demur_walk_u64(w, &r->roster);
        demur_walk_require(w, r->roster <= c->size);
        demur_walk_array(w, &r->keys, &r->n, &cap, sizeof *r->keys, 4);
        for (size_t k = 0; k < r->n && !w->err; k++)
            walk_place(w, &r->keys[k], c->ring_keys_len);
    }
}

/* ---- dissents ---- */

static void walk_blobs(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->blobs, &c->blobs_len, &c->blobs_cap, sizeof *c->blobs, 36);
    index_room(w, &c->by.blobs, c->blobs_len);
    for (uint32_t i = 0; i < c->blobs_len && !w->err; i++) {
        struct named_blob *b = &c->blobs[i];
        demur_walk_bytes(w, b->hash, 32);
        demur_walk_u32(w, &b->owner); /* checked once the dissents are there */
        if (w->loading)
            index_key(w, &c->by.blobs, span_of(b->hash, 32), i);
    }
}

static void walk_clock(struct demur_walk *w, const struct demur_policy *p, struct dissent *d, int i)
{
    struct clock_run *run = &d->clocks[i];
    struct clock_extensions *more = channel_extensions(p, d, i);
    demur_walk_bool(w, &run->started);
    demur_walk_bool(w, &run->met);
    demur_walk_bool(w, &run->stopped);
    demur_walk_bool(w, &run->missed);
    demur_walk_u32(w, &run->missed_runs);
    walk_when(w, &run->start);
    demur_walk_require(w, run->start != DEMUR_NEVER);
    walk_when(w, &run->end);
    walk_when(w, &run->target);
    walk_when(w, &run->limit);
    demur_walk_u8(w, &run->fired);
    demur_walk_u8(w, &run->extensions_len);
    demur_walk_require(w, run->extensions_len <= (more ? EXTENSIONS_MAX : 0));
    for (size_t k = 0; more && k < run->extensions_len && !w->err; k++) {
        demur_walk_u8(w, &more->index[k]);
        demur_walk_require(w, more->index[k] < p->clocks[i].extensions_len);
        walk_when(w, &more->until[k]);
        demur_walk_require(w, more->until[k] != DEMUR_NEVER);
    }
}

static void walk_clocks(struct demur_walk *w, const struct demur_channel *c, struct dissent *d)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    size_t size = channel_clocks_size(p);
    if (w->loading && !(d->clocks = calloc(1, size ? size : 1))) {
        demur_walk_fail(w, DEMUR_ERR_MEMORY);
        return;
    }
    walk_place(w, &d->calendars_seen, (size_t)c->calendars_len + 1);
    for (int i = 0; i < p->clocks_len; i++)
        walk_clock(w, p, d, i);
    for (int i = 0; i < p->steps_len; i++)
        demur_walk_u32(w, &channel_times(p, d)[i]);
}

static void walk_stages(struct demur_walk *w, const struct demur_policy *p, struct dissent *d)
{
    demur_walk_array(w, &d->stages, &d->stages_len, &d->stages_cap, sizeof *d->stages, 10);
    demur_walk_require(w, d->stages_len <= STAGES_MAX && (d->stages_len || !d->filed));
    for (size_t i = 0; i < d->stages_len && !w->err; i++) {
        walk_when(w, &d->stages[i].at);
        demur_walk_i16(w, &d->stages[i].stage);
        demur_walk_require(w, d->stages[i].stage >= 0 && d->stages[i].stage < p->stages_len &&
                                  d->stages[i].at != DEMUR_NEVER);
    }
}

static void walk_event(struct demur_walk *w, const struct demur_channel *c,
                       const struct demur_policy *p, struct case_event *e)
{
    walk_index(w, c, &e->index);
    walk_time(w, &e->at);
    demur_walk_bytes(w, e->leaf, 32);
    walk_place(w, &e->by, (size_t)c->keys_len + 1);
    walk_blob_use(w, c, &e->blob);
    demur_walk_u8(w, &e->type);
    demur_walk_i8(w, &e->role);
    demur_walk_i8(w, &e->step);
    demur_walk_require(w, e->type < DEMUR_RECORD_TYPES && e->role >= -1 && e->role < p->roles_len &&
                              e->step >= -1 && e->step < p->steps_len);
}

static void walk_events(struct demur_walk *w, const struct demur_channel *c, struct dissent *d)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    demur_walk_array(w, &d->events, &d->events_len, &d->events_cap, sizeof *d->events, 63);
    walk_place(w, &d->latest, d->events_len);
    for (size_t i = 0; i < d->events_len && !w->err; i++)
        walk_event(w, c, p, &d->events[i]);
}

static void walk_text(struct demur_walk *w, const struct demur_channel *c, struct dissent *d)
{
    size_t cap;
    demur_walk_u32(w, &d->revision);
    demur_walk_u32(w, &d->signatures);
    demur_walk_bytes(w, d->commitment, 32);
    demur_walk_bytes(w, d->release, 32);
    demur_walk_bytes(w, d->author_tag, 32);
    walk_blob_use(w, c, &d->memo);
    demur_walk_require(w, d->memo.blob < c->blobs_len);
    walk_blob_use(w, c, &d->keys);
    demur_walk_array(w, &d->attachments, &d->attachments_len, &cap, sizeof *d->attachments, 8);
    for (size_t i = 0; i < d->attachments_len && !w->err; i++)
        walk_blob_use(w, c, &d->attachments[i]);
}

static void walk_dissent(struct demur_walk *w, const struct demur_channel *c, struct dissent *d)
{
    demur_walk_text(w, d->id, sizeof d->id);
    demur_walk_bytes(w, d->case_key, 32);
    demur_walk_text(w, d->case_recipient, sizeof d->case_recipient);
    demur_walk_bytes(w, d->slot, 32);
    walk_place(w, &d->policy, c->policies_len);
    walk_place(w, &d->ring, c->rings_len);
    if (w->err)
        return;
    const struct demur_policy *p = channel_policy_of(c, d);
    demur_walk_u32(w, &d->epoch);
    demur_walk_u64(w, &d->roster);
    walk_index(w, c, &d->opened_index);
    walk_time(w, &d->opened_at);
    walk_index(w, c, &d->filed_index);
    walk_time(w, &d->filed_at);
    demur_walk_bool(w, &d->filed);
    demur_walk_bool(w, &d->withdrawn);
    demur_walk_bool(w, &d->late);
    walk_time(w, &d->withdrawn_at);
    walk_time(w, &d->until);
    walk_set(w, &d->to, p->roles_len);
    walk_set(w, &d->entitled, p->roles_len);
    walk_set(w, &d->taken, p->steps_len);
    demur_walk_i16(w, &d->stage);
    demur_walk_require(w,
                       d->stage >= -1 && d->stage < p->stages_len && (d->stage >= 0) == d->filed);
    walk_text(w, c, d);
    if (!w->err)
        walk_clocks(w, c, d);
    walk_stages(w, p, d);
    walk_events(w, c, d);
}

static void walk_dissents(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->dissents, &c->dissents_len, &c->dissents_cap, sizeof *c->dissents, 358);
    index_room(w, &c->by.ids, c->dissents_len);
    index_room(w, &c->by.slots, c->dissents_len);
    for (uint32_t i = 0; i < c->dissents_len && !w->err; i++) {
        struct dissent *d = &c->dissents[i];
        walk_dissent(w, c, d);
        if (!w->loading || w->err)
            continue;
        index_key(w, &c->by.ids, span_str(d->id), i);
        demur_index_put(&c->by.slots, d->slot, i);
    }
    for (size_t i = 0; i < c->blobs_len; i++)
        demur_walk_require(w, c->blobs[i].owner <= c->dissents_len);
}

static void walk_tags(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->tags, &c->tags_len, &c->tags_cap, sizeof *c->tags, 41);
    index_room(w, &c->by.tags, c->tags_len);
    for (uint32_t i = 0; i < c->tags_len && !w->err; i++) {
        struct signer_tag *t = &c->tags[i];
        uint8_t key[32];
        demur_walk_bytes(w, t->tag, 32);
        walk_place(w, &t->dissent, c->dissents_len);
        demur_walk_u32(w, &t->revision);
        demur_walk_bool(w, &t->taken_back);
        if (!w->loading || w->err)
            continue;
        channel_cosign_key(key, c, span_str(c->dissents[t->dissent].id), t->revision, t->tag);
        demur_index_put(&c->by.tags, key, i);
    }
}

static void walk_disclosures(struct demur_walk *w, struct demur_channel *c)
{
    demur_walk_array(w, &c->disclosures, &c->disclosures_len, &c->disclosures_cap,
                     sizeof *c->disclosures, 12);
    index_room(w, &c->by.disclosures, c->disclosures_len);
    for (uint32_t i = 0; i < c->disclosures_len && !w->err; i++) {
        struct disclosure *d = &c->disclosures[i];
        uint8_t key[32];
        walk_place(w, &d->signature, c->tags_len);
        walk_place(w, &d->member, c->members_len);
        demur_walk_u32(w, &d->times);
        demur_walk_require(w, d->times <= DISCLOSURES_MAX);
        if (!w->loading || w->err)
            continue;
        channel_disclosure_key(key, c, d);
        demur_index_put(&c->by.disclosures, key, i);
    }
}

/* ---- all of it, in an order in which each part finds what it names ---- */

static void walk_channel(struct demur_walk *w, struct demur_channel *c)
{
    uint32_t fold = DEMUR_FOLD_VERSION, format = DEMUR_SNAPSHOT_VERSION;
    demur_walk_u32(w, &fold);
    demur_walk_u32(w, &format);
    if (w->loading && !w->err && (fold != DEMUR_FOLD_VERSION || format != DEMUR_SNAPSHOT_VERSION))
        demur_walk_fail(w, DEMUR_ERR_UPGRADE);
    walk_head(w, c);
    walk_calendars(w, c);
    walk_policies(w, c);
    walk_keys(w, c);
    walk_roles(w, c);
    walk_ring_keys(w, c);
    walk_members(w, c);
    walk_rings(w, c);
    walk_blobs(w, c);
    walk_dissents(w, c);
    walk_tags(w, c);
    walk_disclosures(w, c);
}

void demur_channel_save(const struct demur_channel *c, struct demur_walk *w)
{
    walk_channel(w, (struct demur_channel *)c); /* saving changes nothing */
}

struct demur_channel *demur_channel_load(struct demur_walk *w)
{
    struct demur_channel *c = demur_channel_new();
    if (!c)
        demur_walk_fail(w, DEMUR_ERR_MEMORY);
    if (c && !w->err)
        walk_channel(w, c);
    if (!w->err)
        return c;
    demur_channel_free(c);
    return NULL;
}
