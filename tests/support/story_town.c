/* What happens to the channel and its roster in a story; and what is no record at all. */
#include <sodium.h>
#include <stdlib.h>

#include "../../core/civil.h"
#include "../../core/hash.h"
#include "../../core/policy.h"
#include "../../core/ring.h"
#include "story.h"

#define DAY 86400u
#define RING_KEYS 13

const char *story_role(struct story *s, char out[static 65])
{
    const struct demur_policy *p = demur_channel_policy(s->w->c, (uint8_t[32]){0});
    struct span name = p->roles[story_dice(s, p->roles_len)].name;
    snprintf(out, 65, "%.*s", SPAN_ARG(name));
    return out;
}

static struct town_key *root_or_stranger(struct story *s)
{
    return story_chance(s, 12) ? &s->w->officers[story_dice(s, TOWN_OFFICERS)] : &s->w->root;
}

static struct town_key *keeper_or_stranger(struct story *s)
{
    return story_chance(s, 12) ? &s->w->members[story_dice(s, s->invited)].key : &s->w->keeper;
}

/* ---- the root ---- */

static void put_text(struct story *s, struct span text)
{
    struct demur_blob_ref ref = {.size = text.len};
    demur_hash(ref.hash, text);
    demur_put_blob(&s->w->out, DEMUR_FIELD_TEXT, &ref);
    if (!story_chance(s, 12)) /* or it is not at hand */
        s->text = text;
}

static enum demur_err policy(struct story *s)
{
    struct town_key *by = root_or_stranger(s);
    town_begin_by(s->w, DEMUR_RECORD_POLICY, by);
    put_text(s, story_chance(s, 4) ? span_take(s->policy, s->policy.len / 2) : s->policy);
    return story_send(s, by);
}

/* The calendar again, with one more day on which nobody works. */
static enum demur_err calendar(struct story *s)
{
    size_t cap = s->calendar.len + 64;
    uint8_t *text = s->texts_len < STORY_TEXTS ? malloc(cap) : NULL;
    if (!text)
        return demur_fail(&s->w->diag, DEMUR_ERR_MEMORY, "the story has too many texts");
    struct buf b = buf_over(text, cap);
    s->texts[s->texts_len++] = text;
    buf_put_span(&b, s->calendar);
    buf_put_str(&b, story_chance(s, 4) ? "\nclosed 2027-02-30 " : "\nclosed ");
    demur_date_put(&b,
                   demur_day_date(demur_time_day((int64_t)s->w->now) + (int32_t)story_dice(s, 40)));
    buf_put_str(&b, " a storm\n");
    struct town_key *by = root_or_stranger(s);
    town_begin_by(s->w, DEMUR_RECORD_CALENDAR, by);
    demur_put_text(&s->w->out, DEMUR_FIELD_NAME, span_str(s->setting->calendar));
    put_text(s, buf_span(&b));
    return story_send(s, by);
}

static enum demur_err rotate_root(struct story *s)
{
    struct town *w = s->w;
    struct town_key next;
    uint8_t hash[32];
    town_key_make(w, &next);
    demur_hash(hash, span_of(next.public_key, 32));
    struct town_key *by = story_chance(s, 4) ? &w->root : &w->next_root;
    town_begin_by(w, DEMUR_RECORD_ROTATE, by);
    demur_put_bytes(&w->out, DEMUR_FIELD_ROOT_KEY, span_of(by->public_key, 32));
    demur_put_hash(&w->out, DEMUR_FIELD_NEXT_ROOT, hash);
    enum demur_err err = story_send(s, by);
    if (!err) {
        w->root = w->next_root;
        w->next_root = next;
    }
    return err;
}

static enum demur_err rotate(struct story *s)
{
    struct town *w = s->w;
    struct town_key log, server;
    if (story_chance(s, 2))
        return rotate_root(s);
    town_key_make(w, &log);
    town_key_make(w, &server);
    struct town_key *by = root_or_stranger(s);
    bool both = story_chance(s, 2);
    town_begin_by(w, DEMUR_RECORD_ROTATE, by);
    if (both)
        demur_put_bytes(&w->out, DEMUR_FIELD_LOG_KEY, span_of(log.public_key, 32));
    demur_put_bytes(&w->out, DEMUR_FIELD_SERVER_KEY, span_of(server.public_key, 32));
    enum demur_err err = story_send(s, by);
    if (!err)
        w->server = server;
    return err;
}

static enum demur_err tick(struct story *s)
{
    uint8_t text[16];
    struct buf b = buf_over(text, sizeof text);
    int32_t day = demur_time_day((int64_t)s->w->now) + (story_chance(s, 6) ? 1 : 0);
    demur_date_put(&b, demur_day_date(day));
    town_begin_by(s->w, DEMUR_RECORD_TICK, &s->w->server);
    demur_put_text(&s->w->out, DEMUR_FIELD_DAY, buf_span(&b));
    return story_send(s, &s->w->server);
}

/* ---- roles ---- */

static struct town_key *begin_role(struct story *s, char role[static 65], size_t officer,
                                   bool holds)
{
    struct town *w = s->w;
    struct town_key *by = story_chance(s, 6) ? &w->keeper : root_or_stranger(s);
    town_begin_by(w, DEMUR_RECORD_ROLE, by);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(story_role(s, role)));
    demur_put_text(&w->out, DEMUR_FIELD_CHANGE, span_str(holds ? "holds" : "ends"));
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->officers[officer].public_key, 32));
    if (holds ? !story_chance(s, 20) : story_chance(s, 20))
        demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(w->officers[officer].recipient));
    return by;
}

static bool for_each(const struct story *s, const char *role)
{
    const struct demur_policy *p = demur_channel_policy(s->w->c, (uint8_t[32]){0});
    return p->roles[demur_policy_role(p, span_str(role))].for_each >= 0;
}

static enum demur_err grant(struct story *s)
{
    static const char *const values[] = {"agency=state", "agency=usaid", "team=red"};
    char role[65];
    struct town_key *by = begin_role(s, role, story_dice(s, TOWN_OFFICERS), true);
    if (for_each(s, role) ? !story_chance(s, 8) : story_chance(s, 12))
        demur_put_text(&s->w->out, DEMUR_FIELD_FOR,
                       span_str(values[story_dice(s, DEMUR_COUNT(values))]));
    if (story_chance(s, 4))
        demur_put_text(&s->w->out, DEMUR_FIELD_ACTING, span_lit("yes"));
    if (story_chance(s, 3))
        demur_put_number(&s->w->out, DEMUR_FIELD_UNTIL, s->w->now + story_dice(s, 90 * DAY));
    return story_send(s, by);
}

static enum demur_err end_role(struct story *s)
{
    struct demur_holder h;
    char role[65];
    size_t officer = story_dice(s, TOWN_OFFICERS);
    struct town_key *by = begin_role(s, role, officer, false);
    for (size_t i = 0; demur_channel_holder(s->w->c, span_str(role), s->w->now, i, &h); i++)
        if (h.attribute.len && memcmp(h.key, s->w->officers[officer].public_key, 32) == 0) {
            demur_put_text(&s->w->out, DEMUR_FIELD_FOR, h.attribute);
            break;
        }
    return story_send(s, by);
}

/* ---- the roster ---- */

static enum demur_err invite(struct story *s)
{
    bool again = s->invited == TOWN_MEMBERS || story_chance(s, 8);
    size_t i = again ? story_dice(s, s->invited) : s->invited;
    struct town_member before = s->w->members[i];
    size_t which = story_chance(s, 4) ? 2 : story_dice(s, 2);
    enum demur_err err = town_invite(s->w, i, s->setting->attributes[which]);
    if (err)
        s->w->members[i] = before;
    else
        s->invited++;
    return err;
}

static enum demur_err join(struct story *s)
{
    size_t i = story_chance(s, 3) ? story_dice(s, s->invited) : s->invited - 1;
    struct town_member before = s->w->members[i];
    enum demur_err err = town_join(s->w, i);
    if (err)
        s->w->members[i] = before;
    return err;
}

/* New ring keys for the months that have not begun. */
static enum demur_err renew(struct story *s)
{
    struct town *w = s->w;
    struct town_member *m = &w->members[story_dice(s, s->invited)], before = *m;
    uint32_t month = demur_time_epoch((int64_t)w->now) + !story_chance(s, 6);
    uint8_t text[8], proof[64], entropy[64];
    struct buf b = buf_over(text, sizeof text);
    size_t first = month - m->first_epoch;
    if (month < m->first_epoch || first >= RING_KEYS)
        first = RING_KEYS - 1;
    for (size_t i = first; i < RING_KEYS; i++) {
        test_random(&w->seed, entropy, 64);
        demur_ring_key_from_seed(m->ring_secret[i], m->ring_key[i], entropy);
    }
    demur_epoch_put(&b, m->first_epoch + (uint32_t)first);
    town_begin_by(w, DEMUR_RECORD_RENEW, &m->key);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(m->handle));
    demur_put_text(&w->out, DEMUR_FIELD_EPOCH, buf_span(&b));
    demur_put_bytes(&w->out, DEMUR_FIELD_RING_KEYS,
                    span_of(m->ring_key[first], 32 * (RING_KEYS - first)));
    test_random(&w->seed, entropy, 64);
    enum demur_err err = demur_possession_prove(proof, (const uint8_t(*)[32])m->ring_secret + first,
                                                (const uint8_t(*)[32])m->ring_key + first,
                                                RING_KEYS - first, buf_span(&w->out), entropy);
    demur_put_bytes(&w->out, DEMUR_FIELD_POSSESSION, span_of(proof, 64));
    err = err ? err : story_send(s, &m->key);
    if (err)
        *m = before;
    return err;
}

static enum demur_err rekey(struct story *s)
{
    struct town *w = s->w;
    struct town_member *m = &w->members[story_dice(s, s->invited)];
    struct town_key fresh;
    town_key_make(w, &fresh);
    bool by_keeper = story_chance(s, 2);
    town_begin_by(w, DEMUR_RECORD_REKEY, by_keeper ? &w->keeper : &m->key);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(m->handle));
    if (by_keeper) {
        demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(fresh.public_key, 32));
        enum demur_err err = story_send(s, &w->keeper);
        if (!err)
            m->invitation = fresh;
        return err;
    }
    demur_put_bytes(&w->out, DEMUR_FIELD_KEY, span_of(fresh.public_key, 32));
    demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(fresh.recipient));
    demur_put_signature(&w->out, DEMUR_FIELD_KEY_SIG, fresh.secret);
    enum demur_err err = story_send(s, &m->key);
    if (!err)
        m->key = fresh;
    return err;
}

static enum demur_err revoke(struct story *s)
{
    struct town_key *by = keeper_or_stranger(s);
    size_t i = story_dice(s, s->invited);
    town_begin_by(s->w, DEMUR_RECORD_REVOKE, by);
    demur_put_text(&s->w->out, DEMUR_FIELD_HANDLE,
                   story_chance(s, 8) ? span_lit("nobody") : span_str(s->w->members[i].handle));
    return story_send(s, by);
}

/* ---- what is spoilt ---- */

static void replace(struct story *s, size_t at, size_t len, struct span with)
{
    struct span old = buf_span(&s->w->out);
    struct buf b = buf_over(s->out, sizeof s->out);
    buf_put_span(&b, span_take(old, at));
    buf_put_span(&b, with);
    buf_put_span(&b, span_skip(old, at + len));
    s->w->out = buf_over(s->w->record, sizeof s->w->record);
    buf_put_span(&s->w->out, buf_span(&b));
}

/* A record of the log once more: as it is, with a bit flipped, without a line, with one twice. */
static enum demur_err spoilt(struct story *s)
{
    struct town *w = s->w;
    size_t i = story_dice(s, w->entries_len);
    struct span record, entry = span_of(w->entries[i].bytes, w->entries[i].len);
    uint64_t ignored;
    if (demur_entry_parse(&ignored, &record, entry, NULL))
        record = entry;
    s->text = w->entries[i].text;
    w->out = buf_over(w->record, sizeof w->record);
    buf_put_span(&w->out, record);
    size_t at = story_dice(s, record.len), from = at, to = at;
    while (from && record.p[from - 1] != '\n')
        from--;
    while (to < record.len && record.p[to++] != '\n')
        ;
    switch (story_dice(s, 4)) {
    case 0:
        break;
    case 1:
        w->record[at] ^= (uint8_t)(1u << story_dice(s, 8));
        break;
    case 2:
        replace(s, from, to - from, span_of(NULL, 0));
        break;
    default:
        replace(s, from, 0, span_of(record.p + from, to - from));
    }
    return town_send(w, s->text);
}

static enum demur_err strange(struct story *s)
{
    static const char *const heads[] = {"demur wish v1\n", "demur say v2\n", "demur say v01\n", ""};
    struct town *w = s->w;
    uint8_t noise[64];
    size_t len = story_dice(s, sizeof noise);
    test_random(&w->seed, noise, len);
    w->out = buf_over(w->record, sizeof w->record);
    buf_put_str(&w->out, heads[story_dice(s, DEMUR_COUNT(heads))]);
    if (story_chance(s, 2))
        demur_put_hash(&w->out, DEMUR_FIELD_CHANNEL, w->fingerprint);
    else
        buf_put(&w->out, noise, len);
    return town_send(w, span_of(NULL, 0));
}

const struct story_act_row story_town_acts[] = {
    {story_file, 12}, {story_circulate, 6}, {grant, 14},  {end_role, 6}, {invite, 8}, {join, 8},
    {renew, 5},       {rekey, 5},           {revoke, 3},  {calendar, 4}, {policy, 2}, {rotate, 4},
    {tick, 8},        {spoilt, 14},         {strange, 4}, {NULL, 0},
};
