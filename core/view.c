/* JSON views of the fold. They hold nothing that the log does not, so the
 * server's can be compared with anybody's own. Fields: docs/formats/fold.md. */
#include "channel_state.h"
#include "hash.h"
#include "json.h"

static enum demur_err done(struct demur_json *j, char bracket)
{
    demur_json_close(j, bracket);
    buf_put_byte(j->out, '\n');
    return buf_ok(j->out) ? DEMUR_OK : DEMUR_ERR_SPACE;
}

enum demur_err demur_view_channel(const struct demur_channel *c, uint64_t now, struct buf *out)
{
    struct demur_json j = demur_json_over(out);
    const struct policy_version *v = channel_policy_now(c);
    demur_json_open(&j, NULL, '{');
    demur_json_hex(&j, "channel", c->fingerprint, 32);
    demur_json_text(&j, "origin", span_str(c->origin));
    demur_json_number(&j, "size", c->size);
    demur_json_number(&j, "refused", c->refused);
    demur_json_time(&j, "last_entry", c->last_at);
    demur_json_time(&j, "now", now);
    demur_json_base64(&j, "log_key", c->log_key, 32);
    demur_json_base64(&j, "server_key", c->server_key, 32);
    demur_json_base64(&j, "root_key", c->root_key, 32);
    demur_json_hex(&j, "next_root", c->next_root, 32);
    if (v)
        demur_json_text(&j, "policy", v->policy->name);
    else
        demur_json_null(&j, "policy");
    demur_json_number(&j, "members", c->members_len);
    demur_json_number(&j, "dissents", c->dissents_len);
    return done(&j, '}');
}

static void view_calendars(struct demur_json *j, const struct demur_channel *c)
{
    demur_json_open(j, "calendars", '[');
    for (size_t i = 0; i < c->calendars_len; i++) {
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "name", span_str(c->calendars[i].name));
        if (c->versions[i].from_day == DEMUR_DAY_MIN) {
            demur_json_null(j, "from");
        } else {
            uint8_t day[10];
            struct buf b = buf_over(day, sizeof day);
            demur_date_put(&b, demur_day_date(c->versions[i].from_day));
            demur_json_text(j, "from", buf_span(&b));
        }
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
}

static void view_role(struct demur_json *j, const struct demur_channel *c,
                      const struct demur_policy_role *role)
{
    demur_json_open(j, NULL, '{');
    demur_json_text(j, "name", role->name);
    demur_json_text(j, "title", role->title);
    demur_json_open(j, "holders", '[');
    for (size_t i = 0; i < c->roles_len; i++) {
        const struct role_grant *g = &c->roles[i];
        if (!channel_grant_runs(g, c->last_at) || !span_eq_str(role->name, g->role))
            continue;
        demur_json_open(j, NULL, '{');
        demur_json_base64(j, "key", g->key, 32);
        demur_json_text(j, "recipient", span_str(g->recipient));
        if (g->attribute[0])
            demur_json_text(j, "for", span_str(g->attribute));
        demur_json_bool(j, "acting", g->acting);
        demur_json_time(j, "until", g->until);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
    demur_json_close(j, '}');
}

static void view_period(struct demur_json *j, const char *key, struct demur_period period)
{
    uint8_t text[40];
    struct buf b = buf_over(text, sizeof text);
    demur_period_put(&b, period);
    if (period.count)
        demur_json_text(j, key, buf_span(&b));
    else
        demur_json_null(j, key);
}

static void view_steps(struct demur_json *j, const struct demur_policy *p)
{
    demur_json_open(j, "stages", '[');
    for (int i = 0; i < p->stages_len; i++) {
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "name", p->stages[i].name);
        demur_json_text(j, "title", p->stages[i].title);
        demur_json_text(j, "ending", span_str(demur_final_name(p->stages[i].final)));
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
    demur_json_open(j, "steps", '[');
    for (int i = 0; i < p->steps_len; i++) {
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "name", p->steps[i].name);
        demur_json_text(j, "title", p->steps[i].title);
        demur_json_bool(j, "author", p->steps[i].by_author);
        demur_json_open(j, "by", '[');
        for (int r = 0; r < p->roles_len; r++)
            if (demur_set_has(p->steps[i].by, r))
                demur_json_text(j, NULL, p->roles[r].name);
        demur_json_close(j, ']');
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
    demur_json_open(j, "clocks", '[');
    for (int i = 0; i < p->clocks_len; i++) {
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "name", p->clocks[i].name);
        demur_json_text(j, "title", p->clocks[i].title);
        view_period(j, "target", p->clocks[i].target);
        view_period(j, "limit", p->clocks[i].limit);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
}

enum demur_err demur_view_policy(const struct demur_channel *c, struct buf *out)
{
    struct demur_json j = demur_json_over(out);
    const struct policy_version *v = channel_policy_now(c);
    if (!v)
        return DEMUR_ERR_UNKNOWN;
    demur_json_open(&j, NULL, '{');
    demur_json_text(&j, "name", v->policy->name);
    demur_json_text(&j, "title", v->policy->title);
    demur_json_hex(&j, "entry", v->entry, 32);
    demur_json_time(&j, "since", v->at);
    demur_json_number(&j, "version", c->policies_len);
    demur_json_text(&j, "calendar", v->policy->calendar);
    view_calendars(&j, c);
    demur_json_open(&j, "roles", '[');
    for (int i = 0; i < v->policy->roles_len; i++)
        view_role(&j, c, &v->policy->roles[i]);
    demur_json_close(&j, ']');
    view_steps(&j, v->policy);
    return done(&j, '}');
}

enum demur_err demur_view_roster(const struct demur_channel *c, uint64_t now, struct buf *out)
{
    struct demur_json j = demur_json_over(out);
    uint32_t epoch = demur_time_epoch((int64_t)now);
    demur_json_open(&j, NULL, '{');
    demur_json_open(&j, "members", '[');
    for (size_t i = 0; i < c->members_len; i++) {
        const struct member *m = &c->members[i];
        demur_json_open(&j, NULL, '{');
        demur_json_text(&j, "handle", span_str(m->handle));
        demur_json_text(&j, "state",
                        span_str(m->revoked_index != NONE  ? "removed"
                                 : m->joined_index != NONE ? "joined"
                                                           : "invited"));
        demur_json_open(&j, "attributes", '{');
        struct span rest = span_of(m->attributes, m->attributes_len);
        while (rest.len) {
            bool found;
            char name[40];
            struct span value = span_split(&rest, '\n', &found);
            channel_copy(name, sizeof name, span_split(&value, '=', &found));
            demur_json_text(&j, name, value);
        }
        demur_json_close(&j, '}');
        bool key = false;
        for (size_t k = 0; k < m->keys_len; k++)
            key |= m->keys[k].epoch == epoch;
        demur_json_bool(&j, "ring_key_this_month", key);
        demur_json_close(&j, '}');
    }
    demur_json_close(&j, ']');
    return done(&j, '}');
}

static void view_clocks(struct demur_json *j, const struct demur_channel *c,
                        const struct dissent *d, uint64_t now)
{
    struct demur_clock_info k;
    demur_json_open(j, "clocks", '[');
    for (size_t i = 0; channel_clock(c, d, now, i, &k); i++) {
        if (k.state == DEMUR_CLOCK_WAITING)
            continue;
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "name", k.name);
        demur_json_text(j, "state", span_str(demur_clock_state_name(k.state)));
        demur_json_time(j, "started", k.started);
        demur_json_time(j, "target", k.target);
        demur_json_time(j, "limit", k.limit);
        demur_json_time(j, "ended", k.ended);
        demur_json_number(j, "extensions", k.extensions);
        demur_json_number(j, "missed", k.missed);
        demur_json_bool(j, "target_missed", k.target_missed);
        demur_json_bool(j, "window", k.window);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
}

/* The fields that the board and a dissent's own page share. */
static void view_summary(struct demur_json *j, const struct demur_channel *c,
                         const struct dissent *d, const struct demur_dissent_info *info,
                         uint64_t now)
{
    demur_json_text(j, "dissent", span_str(info->id));
    demur_json_text(j, "stage", info->stage);
    demur_json_text(j, "ending", span_str(info->ending));
    demur_json_bool(j, "final", info->final);
    demur_json_bool(j, "withdrawn", info->withdrawn);
    demur_json_bool(j, "late", info->late);
    demur_json_time(j, "opened", info->opened_at);
    demur_json_time(j, "filed", info->filed_at);
    demur_json_number(j, "revision", info->revision);
    demur_json_number(j, "signatures", info->signatures);
    view_clocks(j, c, d, now);
}

enum demur_err demur_view_board(const struct demur_channel *c, uint64_t now, struct buf *out)
{
    struct demur_json j = demur_json_over(out);
    struct demur_dissent_info info;
    struct dissent copy;
    demur_json_open(&j, NULL, '{');
    demur_json_time(&j, "now", now);
    demur_json_open(&j, "dissents", '[');
    for (size_t i = 0; i < c->dissents_len; i++) {
        const struct dissent *d = channel_dissent_at(c, &c->dissents[i], now, &copy);
        if (!d)
            return DEMUR_ERR_MEMORY;
        demur_json_open(&j, NULL, '{');
        channel_dissent_info(c, d, &info);
        view_summary(&j, c, d, &info, now);
        demur_json_close(&j, '}');
        channel_dissent_done(d, &copy);
    }
    demur_json_close(&j, ']');
    return done(&j, '}');
}

static void view_blob(struct demur_json *j, const char *key, const struct demur_blob_ref *blob)
{
    demur_json_open(j, key, '{');
    demur_json_hex(j, "sha256", blob->hash, 32);
    demur_json_number(j, "size", blob->size);
    demur_json_close(j, '}');
}

enum { CACHE_LINE = 64 };

static void prefetch(const void *p, size_t len)
{
    const uint8_t *at = p;
    for (size_t i = 0; i < len; i += CACHE_LINE)
        __builtin_prefetch(at + i);
    if (len)
        __builtin_prefetch(at + len - 1);
}

/* What a dissent consists of lies all over the memory of a long log: ask for it some time
 * before it is needed, or each piece would be waited for alone. */
static void parts_prefetch(const struct demur_channel *c, const struct dissent *d)
{
    prefetch(d, sizeof *d);
    prefetch(d->events, d->events_len * sizeof *d->events);
    prefetch(d->clocks, channel_policy_of(c, d)->clocks_len * sizeof *d->clocks);
    prefetch(d->stages, d->stages_len * sizeof *d->stages);
    prefetch(d->attachments, d->attachments_len * sizeof *d->attachments);
}

static void blobs_prefetch(const struct demur_channel *c, const struct dissent *d)
{
    for (size_t i = 0; i < d->events_len; i++)
        if (d->events[i].blob.size)
            prefetch(c->blobs[d->events[i].blob.blob].hash, 32);
}

static void view_events(struct demur_json *j, const struct demur_channel *c,
                        const struct dissent *d)
{
    static const uint8_t nobody[32];
    struct demur_event e;
    demur_json_open(j, "events", '[');
    for (size_t i = 0; channel_event(c, d, i, &e); i++) {
        demur_json_open(j, NULL, '{');
        demur_json_number(j, "index", e.index);
        demur_json_time(j, "at", e.at);
        demur_json_text(j, "type", span_str(demur_record_type_name(e.type)));
        demur_json_hex(j, "leaf", e.leaf, 32);
        if (memcmp(e.by, nobody, 32) != 0)
            demur_json_base64(j, "by", e.by, 32);
        if (e.role.len)
            demur_json_text(j, "role", e.role);
        if (e.act.len)
            demur_json_text(j, "act", e.act);
        if (e.blob.size)
            view_blob(j, "blob", &e.blob);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
}

static enum demur_err view_dissent(const struct demur_channel *c, const struct dissent *d,
                                   uint64_t now, struct buf *out)
{
    struct demur_json j = demur_json_over(out);
    struct demur_dissent_info info;
    struct demur_blob_ref blob;
    struct span role;
    channel_dissent_info(c, d, &info);
    demur_json_open(&j, NULL, '{');
    view_summary(&j, c, d, &info, now);
    blobs_prefetch(c, d);
    demur_json_hex(&j, "policy", info.policy_entry, 32);
    demur_json_hex(&j, "latest", info.latest, 32);
    demur_json_hex(&j, "commitment", info.commitment, 32);
    demur_json_base64(&j, "case_key", info.case_key, 32);
    demur_json_text(&j, "case_recipient", span_str(info.case_recipient));
    demur_json_open(&j, "ring", '{');
    demur_json_hex(&j, "digest", info.ring, 32);
    demur_json_number(&j, "roster", info.roster);
    demur_json_number(&j, "members", c->rings[d->ring].n);
    demur_json_close(&j, '}');
    demur_json_open(&j, "to", '[');
    for (size_t i = 0; channel_dissent_to(c, d, i, &role); i++)
        demur_json_text(&j, NULL, role);
    demur_json_close(&j, ']');
    view_blob(&j, "memo", &info.memo);
    demur_json_open(&j, "attachments", '[');
    for (size_t i = 0; channel_dissent_attachment(c, d, i, &blob); i++)
        view_blob(&j, NULL, &blob);
    demur_json_close(&j, ']');
    view_events(&j, c, d);
    return done(&j, '}');
}

enum demur_err demur_view_dissent(const struct demur_channel *c, struct span id, uint64_t now,
                                  struct buf *out, struct demur_diag *diag)
{
    struct dissent copy;
    const struct dissent *base = channel_dissent_by(c, id);
    if (!base)
        return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "dissent", "there is no dissent %.*s",
                             SPAN_ARG(id));
    parts_prefetch(c, base);
    const struct dissent *d = channel_dissent_at(c, base, now, &copy);
    if (!d)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    enum demur_err err = view_dissent(c, d, now, out);
    channel_dissent_done(d, &copy);
    return err;
}
