/* What happens to the dissents of a story: by authors, co-signers and officers. */
#include <stdlib.h>

#include "../../core/card.h"
#include "../../core/civil.h"
#include "../../core/policy.h"
#include "../../core/ring.h"
#include "story.h"

#define DAY 86400u

/* Most of what happens concerns the latest cases. */
static struct story_case *any_case(struct story *s)
{
    size_t i = story_dice(s, s->cases_len);
    size_t k = story_dice(s, s->cases_len);
    return &s->cases[i > k ? i : k];
}

/* A case that waits for signatures, if a few looks find one. */
static struct story_case *open_for_signature(struct story *s)
{
    struct story_case *sc = any_case(s);
    struct demur_dissent_info d = {0};
    for (size_t tries = 0; tries < 12; tries++, sc = any_case(s))
        if (demur_channel_dissent_find(s->w->c, span_str(sc->k.id), s->w->now, &d) && !d.filed_at &&
            !d.withdrawn)
            break;
    return sc;
}

bool story_window_open(const struct story *s)
{
    struct demur_dissent_info d;
    for (size_t i = 0; i < s->cases_len; i++)
        if (demur_channel_dissent_find(s->w->c, span_str(s->cases[i].k.id), s->w->now, &d) &&
            !d.filed_at && !d.withdrawn && s->w->now <= d.until)
            return true;
    return false;
}

static void put_on(struct story *s, const struct story_case *sc)
{
    uint8_t stale[32];
    if (!story_chance(s, 16)) {
        town_put_on(s->w, &sc->k);
        return;
    }
    test_random(&s->dice, stale, sizeof stale);
    demur_put_text(&s->w->out, DEMUR_FIELD_DISSENT, span_str(sc->k.id));
    demur_put_hash(&s->w->out, DEMUR_FIELD_ON, stale);
}

/* May member i sign for this month? Beyond its keys there is nothing to sign with. */
static bool has_key(const struct story *s, size_t i, uint32_t epoch)
{
    const struct town_member *m = &s->w->members[i];
    return m->first_epoch && epoch >= m->first_epoch && epoch - m->first_epoch < 13;
}

static size_t signer_for(struct story *s, uint32_t epoch)
{
    size_t i;
    do
        i = story_dice(s, s->invited);
    while (!has_key(s, i, epoch));
    return i;
}

static uint32_t epoch_of(const struct story *s, const struct story_case *sc)
{
    struct demur_dissent_info d = {0};
    (void)!demur_channel_dissent_find(s->w->c, span_str(sc->k.id), s->w->now, &d);
    return d.epoch;
}

/* ---- opening ---- */

static int by_name(const void *a, const void *b)
{
    return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* The roles that a memo goes to, in order, joined by spaces: mostly as the policy wants. */
static const char *receivers(struct story *s, char out[static 4096])
{
    const struct demur_policy *p = demur_channel_policy(s->w->c, (uint8_t[32]){0});
    struct span names[DEMUR_POLICY_ROLES];
    struct buf b = buf_over(out, 4095);
    size_t n = 0;
    for (int i = 0; i < p->roles_len; i++) {
        enum demur_receives how = demur_policy_receives(p, i, NULL, 0);
        bool goes = how == DEMUR_RECEIVES_MUST  ? !story_chance(s, 40)
                    : how == DEMUR_RECEIVES_MAY ? story_chance(s, 3)
                                                : story_chance(s, 80);
        if (goes)
            names[n++] = p->roles[i].name;
    }
    qsort(names, n, sizeof names[0], by_name);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_put_byte(&b, ' ');
        buf_put_span(&b, names[i]);
    }
    out[b.len] = 0;
    return out;
}

static enum demur_err open_case(struct story *s, bool circulate)
{
    struct town *w = s->w;
    char to[4096];
    struct story_case fresh = {0};
    uint32_t epoch = demur_time_epoch((int64_t)w->now);
    fresh.author = fresh.signer = signer_for(s, epoch);
    unsigned slot = story_chance(s, 8) ? 0 : s->slots[fresh.author];
    enum demur_err err = circulate ? town_circulate(w, fresh.author, slot,
                                                    w->now + story_dice(s, 16 * DAY), &fresh.k)
                                   : town_file(w, fresh.author, slot, receivers(s, to), &fresh.k);
    if (err)
        return err;
    s->slots[fresh.author]++;
    if (s->cases_len == STORY_CASES) {
        memmove(s->cases, s->cases + 1, sizeof s->cases - sizeof s->cases[0]);
        s->cases_len--;
    }
    s->cases[s->cases_len++] = fresh;
    return DEMUR_OK;
}

enum demur_err story_file(struct story *s) { return open_case(s, false); }
enum demur_err story_circulate(struct story *s) { return open_case(s, true); }

/* ---- before filing ---- */

static enum demur_err sign(struct story *s, enum demur_record_type type, struct story_case *sc,
                           size_t signer)
{
    struct town_case k = sc->k;
    if (story_chance(s, 20))
        k.revision++;
    return has_key(s, signer, epoch_of(s, sc)) ? town_cosign(s->w, signer, &k, type)
                                               : DEMUR_ERR_KEY;
}

enum demur_err story_cosign(struct story *s)
{
    struct story_case *sc = open_for_signature(s);
    size_t signer = signer_for(s, epoch_of(s, sc));
    enum demur_err err = sign(s, DEMUR_RECORD_COSIGN, sc, signer);
    if (!err)
        sc->signer = signer;
    return err;
}

static enum demur_err unsign(struct story *s)
{
    struct story_case *sc = open_for_signature(s);
    return sign(s, DEMUR_RECORD_UNSIGN, sc, sc->signer);
}

static enum demur_err revise(struct story *s)
{
    struct town *w = s->w;
    struct story_case *sc = open_for_signature(s);
    struct town_case k = sc->k;
    k.revision++;
    test_random(&w->seed, k.commitment, 32);
    town_begin(w, DEMUR_RECORD_REVISE);
    put_on(s, sc);
    town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, k.revision);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k.commitment);
    town_put_random_blob(w, DEMUR_FIELD_MEMO, 8192);
    town_put_keys(w, &k);
    enum demur_err err = town_put_proof(w, DEMUR_FIELD_PROOF, sc->author, &k, 0);
    err = err ? err : story_send(s, &k.key);
    if (!err)
        sc->k = k;
    return err;
}

static enum demur_err file_circulated(struct story *s)
{
    struct town *w = s->w;
    struct story_case *sc = open_for_signature(s);
    struct demur_dissent_info d = {0};
    char to[4096];
    uint8_t release[32];
    if (!demur_channel_dissent_find(w->c, span_str(sc->k.id), w->now, &d))
        return DEMUR_ERR_UNKNOWN;
    test_random(&w->seed, w->release, 32);
    demur_release_commitment(release, w->release);
    town_begin(w, DEMUR_RECORD_FILE);
    put_on(s, sc);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, sc->k.revision);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, sc->k.commitment);
    town_put_random_blob(w, DEMUR_FIELD_MEMO, 8192);
    demur_put_hash(&w->out, DEMUR_FIELD_RELEASE, release);
    struct span rest = span_str(receivers(s, to));
    while (rest.len) {
        bool more;
        demur_put_text(&w->out, DEMUR_FIELD_TO, span_split(&rest, ' ', &more));
    }
    return story_send(s, &sc->k.key);
}

/* The tag that the author signed with, or another. */
static enum demur_err disclose(struct story *s)
{
    struct town *w = s->w;
    struct story_case *sc = any_case(s);
    struct town_member *m = &w->members[sc->author];
    uint8_t text[200], tag[32];
    struct buf scope = buf_over(text, sizeof text);
    uint32_t month = epoch_of(s, sc) - m->first_epoch;
    demur_scope_cosign(&scope, w->fingerprint, span_str(sc->k.id), sc->k.revision);
    demur_ring_tag(tag, buf_span(&scope),
                   m->ring_secret[story_chance(s, 4) ? (month + 1) % 13 : month]);
    town_begin_by(w, DEMUR_RECORD_DISCLOSE, &m->key);
    demur_put_text(&w->out, DEMUR_FIELD_DISSENT, span_str(sc->k.id));
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, sc->k.revision);
    demur_put_bytes(&w->out, DEMUR_FIELD_TAG, span_of(tag, 32));
    town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    return story_send(s, &m->key);
}

/* ---- officers ---- */

/* Somebody, in a role that may take the act named; or any role and act. */
static struct town_key *choose_act(struct story *s, const struct story_case *sc,
                                   char role[static 65], char act[static 65])
{
    const struct demur_policy *p = demur_channel_policy(s->w->c, (uint8_t[32]){0});
    struct town_key *by = &s->w->officers[story_dice(s, TOWN_OFFICERS)];
    struct span may_role, may_act;
    size_t n = 0;
    for (size_t tries = 0; !n && tries < TOWN_OFFICERS; tries++) {
        by = &s->w->officers[story_dice(s, TOWN_OFFICERS)];
        while (demur_channel_act(s->w->c, span_str(sc->k.id), by->public_key, s->w->now, n,
                                 &may_role, &may_act))
            n++;
    }
    story_role(s, role);
    may_act = p->steps[story_dice(s, p->steps_len)].name;
    snprintf(act, 65, "%.*s", SPAN_ARG(may_act));
    if (n && !story_chance(s, 6) &&
        demur_channel_act(s->w->c, span_str(sc->k.id), by->public_key, s->w->now, story_dice(s, n),
                          &may_role, &may_act)) {
        snprintf(role, 65, "%.*s", SPAN_ARG(may_role));
        snprintf(act, 65, "%.*s", SPAN_ARG(may_act));
    }
    return by;
}

static bool as_needed(struct story *s, enum demur_need need)
{
    return need == DEMUR_NEED_REQUIRED   ? !story_chance(s, 12)
           : need == DEMUR_NEED_OPTIONAL ? story_chance(s, 2)
                                         : story_chance(s, 20);
}

static enum demur_err step(struct story *s)
{
    struct town *w = s->w;
    const struct demur_policy *p = demur_channel_policy(w->c, (uint8_t[32]){0});
    struct story_case *sc = any_case(s);
    char role[65], act[65];
    struct town_key *by = choose_act(s, sc, role, act);
    int i = demur_policy_step(p, span_str(act)); /* -1: an act of the policy before this one */
    const struct demur_policy_step *st = &p->steps[i < 0 ? 0 : i];
    town_begin_by(w, DEMUR_RECORD_STEP, by);
    put_on(s, sc);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(role));
    demur_put_text(&w->out, DEMUR_FIELD_ACT, span_str(act));
    if (st->outcomes_len ? !story_chance(s, 12) : story_chance(s, 20))
        demur_put_text(&w->out, DEMUR_FIELD_OUTCOME,
                       st->outcomes_len ? st->outcomes[story_dice(s, st->outcomes_len)].name
                                        : span_lit("granted"));
    if (as_needed(s, st->document))
        town_put_random_blob(w, DEMUR_FIELD_DOCUMENT, 4096);
    if (as_needed(s, st->date))
        demur_put_number(&w->out, DEMUR_FIELD_UNTIL, w->now + story_dice(s, 40 * DAY));
    if (st->refers_to ? !story_chance(s, 12) : story_chance(s, 20))
        demur_put_text(&w->out, DEMUR_FIELD_REFER, span_str(story_role(s, role)));
    if (story_chance(s, 12))
        demur_put_bytes(&w->out, DEMUR_FIELD_ASSIGN,
                        span_of(w->officers[story_dice(s, TOWN_OFFICERS)].public_key, 32));
    return story_send(s, by);
}

/* Somebody who may open this memo, most of the time, and the role. */
static size_t choose_reader(struct story *s, const struct story_case *sc, char role[static 65])
{
    size_t officer = 0;
    for (size_t tries = 0; tries < 40; tries++) {
        officer = story_dice(s, TOWN_OFFICERS);
        story_role(s, role);
        if (demur_channel_may_open(s->w->c, span_str(sc->k.id), s->w->officers[officer].public_key,
                                   span_str(role), s->w->now))
            break;
    }
    return officer;
}

static enum demur_err open_memo(struct story *s)
{
    char role[65];
    struct story_case *sc = any_case(s);
    size_t officer = choose_reader(s, sc, role);
    return town_open(s->w, &sc->k, officer, role);
}

static enum demur_err say(struct story *s)
{
    char role[65];
    struct story_case *sc = any_case(s);
    bool author = story_chance(s, 2);
    return town_say(s->w, &sc->k, author ? -1 : (int)choose_reader(s, sc, role), role);
}

/* Something of the case is sealed anew for another officer. */
static enum demur_err share(struct story *s)
{
    struct town *w = s->w;
    char role[65];
    struct story_case *sc = any_case(s);
    struct town_key *by = &w->officers[choose_reader(s, sc, role)];
    struct demur_dissent_info d = {0};
    struct demur_event e = {0};
    size_t n = 0;
    bool author = story_chance(s, 3);
    if (!demur_channel_dissent_find(w->c, span_str(sc->k.id), w->now, &d))
        return DEMUR_ERR_UNKNOWN;
    while (demur_channel_event(w->c, span_str(sc->k.id), n, &e))
        n++;
    (void)!demur_channel_event(w->c, span_str(sc->k.id), story_dice(s, n), &e);
    if (author)
        town_begin(w, DEMUR_RECORD_SHARE);
    else
        town_begin_by(w, DEMUR_RECORD_SHARE, by);
    put_on(s, sc);
    if (!author)
        demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(role));
    demur_put_hash(&w->out, DEMUR_FIELD_SOURCE, story_chance(s, 2) ? e.blob.hash : d.memo.hash);
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER,
                    span_of(w->officers[story_dice(s, TOWN_OFFICERS)].public_key, 32));
    town_put_random_blob(w, DEMUR_FIELD_BLOB, 8192);
    return story_send(s, author ? &sc->k.key : by);
}

/* A case that has ended and an officer who may expunge it, if a few looks find them. */
static enum demur_err expunge(struct story *s)
{
    struct town *w = s->w;
    const struct demur_policy *p = demur_channel_policy(w->c, (uint8_t[32]){0});
    char role[65];
    struct story_case *sc = any_case(s);
    struct demur_dissent_info d = {0};
    struct town_key *by = &w->officers[0];
    for (size_t tries = 0; tries < 12 && !d.final; tries++) {
        sc = any_case(s);
        if (!demur_channel_dissent_find(w->c, span_str(sc->k.id), w->now, &d))
            return DEMUR_ERR_UNKNOWN;
    }
    for (size_t tries = 0; tries < 60; tries++) {
        int number = demur_policy_role(p, span_str(story_role(s, role)));
        by = &w->officers[story_dice(s, TOWN_OFFICERS)];
        if (demur_set_has(p->expunge_by, number) &&
            demur_channel_holds(w->c, by->public_key, span_str(role), w->now))
            break;
    }
    town_begin_by(w, DEMUR_RECORD_EXPUNGE, by);
    put_on(s, sc);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(role));
    demur_put_hash(&w->out, DEMUR_FIELD_BLOB, d.memo.hash);
    return story_send(s, by);
}

/* ---- the author ---- */

static enum demur_err withdraw(struct story *s)
{
    struct story_case *sc = any_case(s);
    town_begin(s->w, DEMUR_RECORD_WITHDRAW);
    put_on(s, sc);
    return story_send(s, &sc->k.key);
}

/* A case in a stage that may be appealed from, if a few looks find one. */
static struct story_case *appealable(struct story *s)
{
    const struct demur_policy *p = demur_channel_policy(s->w->c, (uint8_t[32]){0});
    struct story_case *sc = any_case(s);
    struct demur_dissent_info d = {0};
    for (size_t tries = 0; tries < 12; tries++, sc = any_case(s))
        if (demur_channel_dissent_find(s->w->c, span_str(sc->k.id), s->w->now, &d) &&
            demur_policy_step_as(p, DEMUR_AS_APPEAL, demur_policy_stage(p, d.stage), 0) >= 0)
            break;
    return sc;
}

static enum demur_err appeal(struct story *s)
{
    struct story_case *sc = appealable(s);
    town_begin(s->w, DEMUR_RECORD_APPEAL);
    put_on(s, sc);
    if (story_chance(s, 16))
        demur_put_text(&s->w->out, DEMUR_FIELD_GROUND, span_lit("facts"));
    if (story_chance(s, 2))
        town_put_random_blob(s->w, DEMUR_FIELD_DOCUMENT, 4096);
    return story_send(s, &sc->k.key);
}

const struct story_act_row story_case_acts[] = {
    {step, 30},           {open_memo, 10},      {say, 12},
    {share, 6},           {expunge, 3},         {withdraw, 4},
    {appeal, 6},          {story_cosign, 4},    {unsign, 4},
    {revise, 3},          {file_circulated, 6}, {disclose, 3},
    {story_circulate, 3}, {story_file, 5},      {NULL, 0},
};
