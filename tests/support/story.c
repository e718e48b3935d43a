#include "story.h"

#include <stdlib.h>

#include "../../core/encode.h"
#include "../../core/hash.h"
#include "snapshot.h"

#define DAY 86400u
#define START 1795186800u  /* Friday 20 November 2026, 15:00 UTC */
#define MONTHS (300 * DAY) /* ring keys last thirteen months: stop before they end */
#define VIEWS ((size_t)1 << 20)

const struct story_setting story_settings[] = {
    {"fold/story.policy",
     "us-federal",
     "secretariat",
     {"agency=state bureau=nea years=10", "agency=usaid grade=FS-09", "agency=mars"},
     4,
     70,
     10},
    {"company.policy",
     "eu-weekdays",
     "people-office",
     {"team=red", "team=blue", "shoe=44"},
     6,
     60,
     4},
    {"us-state-2-fam-070.policy",
     "us-federal",
     "roster-keeper",
     {"agency=state citizenship=us engagement=employee grade=FS-02",
      "agency=usaid citizenship=us engagement=employee", "agency=nowhere"},
     11,
     60,
     2},
    {.policy = NULL},
};

size_t story_dice(struct story *s, size_t n) { return (size_t)(test_random_u64(&s->dice) % n); }
bool story_chance(struct story *s, size_t n) { return story_dice(s, n) == 0; }

enum demur_err story_send(struct story *s, const struct town_key *key)
{
    if (story_chance(s, 40))
        key = &s->w->officers[story_dice(s, TOWN_OFFICERS)];
    demur_put_signature(&s->w->out, DEMUR_FIELD_SIG, key->secret);
    return town_send(s->w, s->text);
}

/* ---- what came of it ---------------------------------------------------------------------- */

static bool add_views(struct story *s, struct demur_hasher *h, uint64_t now)
{
    const struct demur_channel *c = s->w->c;
    struct demur_dissent_info d;
    struct buf b = buf_over(s->views, VIEWS);
    bool good = !demur_view_channel(c, now, &b) && !demur_view_roster(c, now, &b) &&
                !demur_view_board(c, now, &b);
    for (size_t i = 0; good && demur_channel_dissent(c, i, now, &d); i++)
        good = !demur_view_dissent(c, span_str(d.id), now, &b, NULL);
    demur_hasher_add(h, buf_span(&b));
    return good && buf_ok(&b);
}

static bool note(struct story *s, enum demur_err err)
{
    struct demur_hasher h;
    uint8_t state[32];
    bool good = demur_channel_state_hash(s->w->c, state);
    demur_hasher_init(&h);
    demur_hasher_add(&h, span_of(s->chain, 32));
    demur_hasher_add(&h, span_str(demur_err_name(err)));
    demur_hasher_add(&h, span_of(state, 32));
    if (story_chance(s, 3))
        good = good && add_views(s, &h, s->w->now + story_dice(s, 120 * DAY));
    demur_hasher_final(&h, s->chain);
    return good;
}

static void count(struct story *s, enum demur_err err)
{
    struct span word = buf_span(&s->w->out);
    enum demur_record_type type;
    bool found;
    span_split(&word, ' ', &found);
    if (demur_record_type_find(span_split(&word, ' ', &found), &type))
        (err ? s->result->refused : s->result->accepted)[type]++;
}

/* A dishonest operator puts what the fold refused into the log all the same. */
static bool turn(struct story *s, story_act *act)
{
    s->text = span_of(NULL, 0);
    enum demur_err err = act(s);
    count(s, err);
    if (err && story_chance(s, 2)) {
        uint64_t at = s->w->now - (story_chance(s, 8) ? story_dice(s, DAY) : 0);
        err = town_keep(s->w, at, s->text);
    }
    return note(s, err);
}

/* ---- the telling --------------------------------------------------------------------------- */

static story_act *any_act(struct story *s)
{
    const struct story_act_row *tables[] = {story_town_acts, story_case_acts};
    const struct story_act_row *rows = tables[s->cases_len && !story_chance(s, 3)];
    size_t total = 0, at;
    if (story_chance(s, 3) && story_window_open(s))
        return story_cosign;
    for (const struct story_act_row *r = rows; r->act; r++)
        total += r->weight;
    for (at = story_dice(s, total); at >= rows->weight; rows++)
        at -= rows->weight;
    return rows->act;
}

static void time_passes(struct story *s)
{
    static const uint32_t steps[] = {1, 600, 3600, DAY, 2 * DAY, 6 * DAY, 25 * DAY};
    size_t kinds = story_window_open(s) ? DEMUR_COUNT(steps) - 2 : DEMUR_COUNT(steps);
    uint64_t step = steps[story_dice(s, kinds)];
    if (story_chance(s, 2) && s->w->now + step < START + MONTHS)
        s->w->now += step;
}

/* The keeper takes office, the members join, and every role has somebody who holds it. */
static bool settle(struct story *s)
{
    struct town *w = s->w;
    char role[65];
    town_begin_by(w, DEMUR_RECORD_ROLE, &w->root);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(s->setting->keeper));
    demur_put_text(&w->out, DEMUR_FIELD_CHANGE, span_lit("holds"));
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->keeper.public_key, 32));
    demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(w->keeper.recipient));
    bool good = !town_sign_send(w, &w->root);
    for (; good && s->invited < s->setting->members; s->invited++)
        good = !town_invite(w, s->invited, s->setting->attributes[0]) && !town_join(w, s->invited);
    for (size_t i = 0; good && i < TOWN_OFFICERS; i++)
        if (town_grant(w, i, story_role(s, role)))
            count(s, w->diag.code);
    w->now = START;
    return good && note(s, DEMUR_OK);
}

/* What was saved and loaded on the way is, byte for byte, what was folded at one go. */
static bool same_bytes(const struct demur_channel *a, const struct demur_channel *b)
{
    struct span first = snapshot_take(a), second = snapshot_take(b);
    bool same = first.p && span_eq(first, second);
    free((void *)first.p);
    free((void *)second.p);
    return same;
}

static bool fold_again(const struct story *s)
{
    struct demur_channel *c = demur_channel_new();
    uint8_t first[32], second[32];
    bool good = c != NULL;
    for (size_t i = 0; good && i < s->w->entries_len; i++) {
        struct demur_diag diag = {0};
        struct span bytes = span_of(s->w->entries[i].bytes, s->w->entries[i].len);
        (void)!demur_channel_entry(c, bytes, s->w->entries[i].text, &diag);
        good = demur_channel_size(c) == i + 1;
    }
    good = good && demur_channel_state_hash(s->w->c, first) &&
           demur_channel_state_hash(c, second) && memcmp(first, second, 32) == 0 &&
           same_bytes(s->w->c, c);
    demur_channel_free(c);
    return good;
}

static void result_take(struct story *s)
{
    struct buf hex = buf_over(s->result->digest, 64);
    demur_hex_encode(&hex, span_of(s->chain, 32));
    s->result->digest[64] = 0;
    s->result->entries = demur_channel_size(s->w->c);
    s->result->without_effect = demur_channel_refused(s->w->c);
}

static struct town *found(const struct story_setting *setting, uint64_t seed, struct span policy,
                          struct span calendar)
{
    char *text = calloc(1, calendar.len + 1);
    if (!text || !policy.p || !calendar.p) {
        test_failed(__FILE__, __LINE__, "policies/ is not loaded");
        free(text);
        return NULL;
    }
    memcpy(text, calendar.p, calendar.len);
    const char *const calendars[][2] = {{setting->calendar, text}};
    struct town *w = town_new(START - 10 * DAY, seed, calendars, 1, policy);
    if (w) /* the town keeps the span; the text itself is the caller's */
        w->entries[1].text = calendar;
    free(text);
    return w;
}

bool story_tell(struct story_result *out, const struct story_setting *setting, uint64_t seed,
                struct span policy, struct span calendar, bool again)
{
    struct story *s = calloc(1, sizeof *s);
    *out = (struct story_result){0};
    bool good = s && (s->w = found(setting, seed, policy, calendar)) && (s->views = malloc(VIEWS));
    if (good) {
        s->setting = setting;
        s->dice = seed;
        s->policy = policy;
        s->calendar = calendar;
        s->result = out;
        good = settle(s);
        for (size_t i = 0; i < setting->acts && good; i++) {
            time_passes(s);
            good = turn(s, any_act(s)) && (i % 8 != 7 || snapshot_renew(&s->w->c));
        }
        result_take(s);
        good = good && (!again || fold_again(s));
    }
    if (!good)
        test_failed(__FILE__, __LINE__, "the story %s %u cannot be told: %s", setting->policy,
                    (unsigned)seed, s && s->w ? s->w->diag.text : "");
    if (s) {
        town_free(s->w);
        for (size_t i = 0; i < s->texts_len; i++)
            free(s->texts[i]);
        free(s->views);
    }
    free(s);
    return good;
}

void story_line(char out[static STORY_LINE_MAX], const struct story_setting *setting, uint64_t seed,
                const struct story_result *result)
{
    snprintf(out, STORY_LINE_MAX, "%s %u %u entries, %u without effect %s", setting->policy,
             (unsigned)seed, (unsigned)result->entries, (unsigned)result->without_effect,
             result->digest);
}
