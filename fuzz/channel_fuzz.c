/* The fold as a whole. The input chooses acts in a small channel, rightful and not,
 * and the times between them; every act is signed as it would be by its key. Then
 *
 *     a refused record has changed nothing, now or later,
 *     no record is accepted twice, and none that was touched,
 *     a fresh fold of what was accepted is the same, and so is one
 *     whose timers fire when they run out and not when somebody looks,
 *     and one that was saved and loaded on the way.
 *
 * For the last of these it reaches into the fold, which nobody else does. */
#include "../core/channel_state.h"
#include "../core/hash.h"
#include "../tests/support/snapshot.h"
#include "../tests/support/town.h"

#include <stdlib.h>

#define START 1795186800u /* Friday 20 November 2026, 15:00 UTC */
#define DAY 86400u
#define END (START + 330 * DAY) /* within the months that members have keys for */
#define BASE_MAX 64
#define ACTS_MAX 48
#define CASES_MAX 6
enum { OFFICE, BOARD, FOUNDERS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALENDAR(zone, weekend, more)                                                              \
    "demur calendar v1\ncalendar c\nzone X\n  standard " zone "\nweekend " weekend "\n" more
static const char *const calendars[] = {
    CALENDAR("-05:00", "saturday and sunday", ""),
    CALENDAR("-05:00", "saturday and sunday",
             "closed 2026-11-23\nclosed 2026-11-24\nclosed 2026-11-30\nclosed 2026-12-21\n"),
    CALENDAR("+09:00", "friday and saturday", "open 2026-12-25\n"),
    CALENDAR("-03:00", "none", "closed 2026-12-01\nclosed 2026-12-02\nclosed 2026-12-03\n"),
};
static const char *const roles[] = {"office", "board", "keeper"};
static const char *const steps[] = {"ask",  "extend", "longer", "convene",
                                    "back", "reply",  "close",  "no-such"};

#define POLICY(target, limit)                                                                      \
    "demur policy v1\npolicy p\n  title P\n  calendar c\n"                                         \
    "attribute team\n  values a or b\n"                                                            \
    "role office\n  title Office\nrole board\n  title Board\n  acting yes\n"                       \
    "  granted-by office\nrole keeper\n  title Keeper\n"                                           \
    "eligible everyone\nroster\n  kept-by keeper\nring\n  at-least 2 members\n"                    \
    "filing\n  quota 3 each month\n  identity named\n  circulation at-most 20 days\n"              \
    "attachments\n  at-most 1\n  each 1 MiB\n  together 1 MiB\n"                                   \
    "distribution\n  must office\n  share author with board\n  share office with board\n"          \
    "stage filed\n  title F\nstage open\n  title O\nstage asked\n  title A\n"                      \
    "stage panel\n  title P\nstage replied\n  title R\n  final replied\n"                          \
    "stage closed\n  title C\n  final resolved\nstage withdrawn\n  title W\n  final withdrawn\n"   \
    "step read\n  title R\n  by office\n  taken-as open\n  from filed\n  to open\n"                \
    "step ask\n  title A\n  by office\n  from filed or open\n  to asked\n  at-most 4 times\n"      \
    "step answer\n  title A\n  by author\n  taken-as say\n  from asked\n  to open\n"               \
    "step extend\n  title E\n  by office\n  from filed or open or asked\n  until required\n"       \
    "  at-most 3 times\n"                                                                          \
    "step longer\n  title L\n  by office\n  from filed or open\n  at-most 2 times\n"               \
    "  only-before reply\n"                                                                        \
    "step convene\n  title C\n  by office or board\n  from open\n  to panel\n"                     \
    "  at-most 3 times\n  entitles board\n"                                                        \
    "step back\n  title B\n  by board\n  from panel\n  to open\n  at-most 2 times\n"               \
    "step reply\n  title R\n  by office\n  from filed or open or panel\n  to replied\n"            \
    "  document optional\n"                                                                        \
    "step close\n  title C\n  by board\n  from panel\n  to closed\n"                               \
    "step complain\n  title C\n  by author\n  taken-as appeal\n  from open\n  to panel\n"          \
    "  at-most 2 times\n  only-after reply\n"                                                      \
    "step appeal\n  title A\n  by author\n  taken-as appeal\n  from replied\n  to panel\n"         \
    "  at-most 2 times\n  only-before window\n"                                                    \
    "step withdraw\n  title W\n  by author\n  taken-as withdraw\n"                                 \
    "  from filed or open or asked\n  to withdrawn\n"                                              \
    "clock ack\n  title A\n  starts at filing\n  limit 2 working-days\n  met-by read or ask\n"     \
    "  at-limit escalate-to board\n"                                                               \
    "clock reply\n  title R\n  starts at filing\n  target " target "\n  limit " limit "\n"         \
    "  last-day next-working-day\n  met-by reply\n  paused-in asked\n"                             \
    "  extended-by extend by-up-to 10 days\n  extended-by longer for 5 working-days\n"             \
    "  at-target show\n  at-limit show\n  at-limit move-to panel from open\n"                      \
    "clock feedback\n  title F\n  starts at step ask\n  restarts\n"                                \
    "  otherwise 7 days after filing\n  limit 36 hours\n  received working-day\n"                  \
    "  met-by answer\n  stopped-by convene\n  at-limit escalate-to board\n"                        \
    "clock circle\n  title C\n  starts at opening\n  limit 2 weeks\n  two-working-days\n"          \
    "  met-by read\n  at-limit show\n"                                                             \
    "clock window\n  title W\n  starts at stage replied\n  limit 6 days\n  window\n"               \
    "clock panel\n  title P\n  starts at stage panel\n  restarts\n  limit 1 month\n"               \
    "  first-day event-day\n  met-by close\n  at-limit show\n"                                     \
    "retention\n  memo 1 month\n  expunged-by keeper\n"
static const char *const policies[] = {POLICY("3 working-days", "10 days"),
                                       POLICY("2 weeks", "20 working-days")};

struct play {
    struct town *w;
    struct span input;
    struct town_case cases[CASES_MAX];
    size_t authors[CASES_MAX], cases_len, members;
};

static void must(bool so)
{
    if (!so)
        abort();
}

static size_t pick(struct play *g, size_t n)
{
    if (g->input.len == 0)
        return 0;
    size_t byte = g->input.p[0];
    g->input = span_skip(g->input, 1);
    return byte % n;
}

/* ---- what a channel means ---- */

/* Every view: at the last entry's time, to which a clock that was wrong may come back;
 * at this moment; and when most of the timers that run have run out. */
static void digest(const struct demur_channel *c, uint64_t now, uint8_t out[static 32])
{
    static uint8_t text[1 << 18];
    const uint64_t times[] = {c->last_at, now, now + 90 * DAY};
    struct demur_hasher h;
    demur_hasher_init(&h);
    demur_hasher_add(&h, span_of(c->chain, 32));
    for (size_t k = 0; k < DEMUR_COUNT(times); k++) {
        struct buf b = buf_over(text, sizeof text);
        must(demur_view_channel(c, times[k], &b) == DEMUR_OK);
        must(demur_view_policy(c, &b) == DEMUR_OK);
        must(demur_view_roster(c, times[k], &b) == DEMUR_OK);
        must(demur_view_board(c, times[k], &b) == DEMUR_OK);
        for (size_t i = 0; i < c->dissents_len; i++) {
            must(demur_view_dissent(c, span_str(c->dissents[i].id), times[k], &b, NULL) ==
                 DEMUR_OK);
            must(c->dissents[i].stages_len <= DEMUR_CASE_STAGES);
        }
        demur_hasher_add(&h, buf_span(&b));
    }
    demur_hasher_final(&h, out);
}

/* Let every timer fire that runs out on the way to `at`, a stretch at a time. */
static void fire_on_the_way(struct demur_channel *c, uint64_t at)
{
    uint64_t from = c->last_at;
    for (uint64_t k = 1; k <= 8; k++)
        for (size_t i = 0; i < c->dissents_len; i++) {
            must(channel_stages_reserve(c, &c->dissents[i]));
            channel_timers(c, &c->dissents[i], from + (at - from) * k / 8);
        }
}

/* Fold the town's entries from the first on. Verdicts are kept where they are not
 * there yet: the founding's are the same in every run. */
static struct demur_channel *fold(const struct town *w, struct demur_verdict *verdicts, bool eager)
{
    static struct demur_record r;
    struct demur_channel *c = demur_channel_new();
    must(c != NULL);
    for (size_t i = 0; i < w->entries_len; i++) {
        uint64_t at;
        struct span record, entry = span_of(w->entries[i].bytes, w->entries[i].len);
        must(demur_entry_parse(&at, &record, entry, NULL) == DEMUR_OK);
        must(demur_record_parse(&r, record, NULL) == DEMUR_OK);
        if (!verdicts[i].verified)
            must(demur_channel_verify(c, &r, &verdicts[i], NULL) == DEMUR_OK);
        if (eager)
            fire_on_the_way(c, at);
        must(demur_channel_apply(c, at, &r, w->entries[i].text, &verdicts[i], NULL) == DEMUR_OK);
    }
    return c;
}

/* ---- acts: each is given to the fold, which takes it or not ---- */

static struct town_case *pick_case(struct play *g, size_t *which)
{
    *which = g->cases_len ? pick(g, g->cases_len) : 0;
    return g->cases_len ? &g->cases[*which] : NULL;
}

/* Has the member a key for the months from `epoch` on? */
static bool has_key(const struct play *g, size_t member, uint32_t epoch)
{
    return g->w->members[member].first_epoch <= epoch;
}

static enum demur_err act_step(struct play *g)
{
    size_t which, what = pick(g, DEMUR_COUNT(steps)), by = pick(g, 9);
    struct town_case *k = pick_case(g, &which);
    uint64_t until = what == 1 || by > 7 ? g->w->now + pick(g, 40) * DAY : 0;
    return k ? town_step(g->w, k, by % 3, roles[by / 3], steps[what], pick(g, 4) == 1, until)
             : DEMUR_ERR_UNKNOWN;
}

static enum demur_err act_say(struct play *g)
{
    size_t which, by = pick(g, 10);
    struct town_case *k = pick_case(g, &which);
    return k ? town_say(g->w, k, by > 5 ? -1 : (int)(by % 3), roles[by / 3 % 2])
             : DEMUR_ERR_UNKNOWN;
}

static enum demur_err act_open(struct play *g)
{
    size_t which, by = pick(g, 6);
    struct town_case *k = pick_case(g, &which);
    return k ? town_open(g->w, k, by % 3, roles[by / 3]) : DEMUR_ERR_UNKNOWN;
}

static enum demur_err act_begin(struct play *g)
{
    static const char *const to[] = {"office", "board office", "board"};
    size_t author = pick(g, g->members), how = pick(g, 6);
    unsigned slot = (unsigned)pick(g, 4);
    struct town_case k;
    if (g->cases_len == CASES_MAX)
        return DEMUR_ERR_LIMIT;
    enum demur_err err =
        how < 3 ? town_file(g->w, author, slot, to[how], &k)
                : town_circulate(g->w, author, slot, g->w->now + pick(g, 22) * DAY, &k);
    if (!err) {
        g->authors[g->cases_len] = author;
        g->cases[g->cases_len++] = k;
    }
    return err;
}

static enum demur_err act_sign(struct play *g)
{
    size_t which, member = pick(g, g->members), how = pick(g, 2);
    struct town_case *k = pick_case(g, &which);
    struct demur_dissent_info d;
    if (!k || !demur_channel_dissent_find(g->w->c, span_str(k->id), g->w->now, &d) ||
        !has_key(g, member, d.epoch))
        return DEMUR_ERR_UNKNOWN;
    return town_cosign(g->w, member, k, how ? DEMUR_RECORD_UNSIGN : DEMUR_RECORD_COSIGN);
}

static enum demur_err act_file_circulated(struct play *g)
{
    size_t which;
    struct town_case *k = pick_case(g, &which);
    if (!k)
        return DEMUR_ERR_UNKNOWN;
    town_begin(g->w, DEMUR_RECORD_FILE);
    town_put_on(g->w, k);
    demur_put_number(&g->w->out, DEMUR_FIELD_REVISION, k->revision);
    demur_put_hash(&g->w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    town_put_random_blob(g->w, DEMUR_FIELD_MEMO, 8192);
    demur_put_hash(&g->w->out, DEMUR_FIELD_RELEASE, k->commitment);
    demur_put_text(&g->w->out, DEMUR_FIELD_TO, span_lit("office"));
    return town_sign_send(g->w, &k->key);
}

static enum demur_err act_revise(struct play *g)
{
    size_t which;
    struct town_case *k = pick_case(g, &which), next;
    if (!k)
        return DEMUR_ERR_UNKNOWN;
    next = *k;
    next.revision++;
    next.commitment[0]++;
    town_begin(g->w, DEMUR_RECORD_REVISE);
    town_put_on(g->w, k);
    town_put_random_blob(g->w, DEMUR_FIELD_CARD, 4096);
    demur_put_number(&g->w->out, DEMUR_FIELD_REVISION, next.revision);
    demur_put_hash(&g->w->out, DEMUR_FIELD_COMMITMENT, next.commitment);
    town_put_random_blob(g->w, DEMUR_FIELD_MEMO, 8192);
    town_put_keys(g->w, &next);
    enum demur_err err = town_put_proof(g->w, DEMUR_FIELD_PROOF, g->authors[which], &next, 0);
    if (!err)
        err = town_sign_send(g->w, &k->key);
    if (!err)
        *k = next;
    return err;
}

static enum demur_err act_leave(struct play *g)
{
    size_t which, how = pick(g, 3);
    struct town_case *k = pick_case(g, &which);
    if (!k)
        return DEMUR_ERR_UNKNOWN;
    if (how == 0)
        return town_withdraw(g->w, k);
    town_begin(g->w, DEMUR_RECORD_APPEAL);
    town_put_on(g->w, k);
    return town_sign_send(g->w, &k->key);
}

static const uint8_t *pick_blob(struct play *g)
{
    static const uint8_t none[32];
    size_t back = 1 + pick(g, 16);
    return back > g->w->blobs_len ? none : g->w->blobs[g->w->blobs_len - back].hash;
}

static enum demur_err act_share(struct play *g)
{
    size_t which, by = pick(g, 4);
    struct town_case *k = pick_case(g, &which);
    struct town *w = g->w;
    if (!k)
        return DEMUR_ERR_UNKNOWN;
    const uint8_t *source = pick_blob(g);
    if (by < 2)
        town_begin_by(w, DEMUR_RECORD_SHARE, &w->officers[by]);
    else
        town_begin(w, DEMUR_RECORD_SHARE);
    town_put_on(w, k);
    if (by < 2)
        demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(roles[by]));
    demur_put_hash(&w->out, DEMUR_FIELD_SOURCE, source);
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->officers[pick(g, 3)].public_key, 32));
    town_put_random_blob(w, DEMUR_FIELD_BLOB, 4096);
    return town_sign_send(w, by < 2 ? &w->officers[by] : &k->key);
}

static enum demur_err act_expunge(struct play *g)
{
    size_t which;
    struct town_case *k = pick_case(g, &which);
    struct town *w = g->w;
    if (!k)
        return DEMUR_ERR_UNKNOWN;
    const uint8_t *blob = pick_blob(g);
    town_begin_by(w, DEMUR_RECORD_EXPUNGE, &w->keeper);
    town_put_on(w, k);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("keeper"));
    demur_put_hash(&w->out, DEMUR_FIELD_BLOB, blob);
    return town_sign_send(w, &w->keeper);
}

/* The root's texts. */
static enum demur_err send_text(struct town *w, enum demur_record_type type, const char *text)
{
    struct demur_blob_ref ref = {.size = strlen(text)};
    demur_hash(ref.hash, span_str(text));
    town_begin_by(w, type, &w->root);
    if (type == DEMUR_RECORD_CALENDAR)
        demur_put_text(&w->out, DEMUR_FIELD_NAME, span_lit("c"));
    demur_put_blob(&w->out, DEMUR_FIELD_TEXT, &ref);
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->root.secret);
    return town_send(w, span_str(text));
}
static enum demur_err act_calendar(struct play *g)
{
    return send_text(g->w, DEMUR_RECORD_CALENDAR, calendars[pick(g, DEMUR_COUNT(calendars))]);
}
static enum demur_err act_policy(struct play *g)
{
    return send_text(g->w, DEMUR_RECORD_POLICY, policies[pick(g, DEMUR_COUNT(policies))]);
}

static enum demur_err act_role(struct play *g)
{
    size_t officer = pick(g, 3), what = pick(g, 6);
    struct town *w = g->w;
    const struct town_key *by = &w->root;
    town_begin_role(w, officer, roles[what % 3], what < 3 ? "holds" : "ends");
    if (what < 3 && pick(g, 2))
        demur_put_number(&w->out, DEMUR_FIELD_UNTIL, w->now + pick(g, 30) * DAY);
    return town_sign_send(w, by);
}

static enum demur_err act_roster(struct play *g)
{
    size_t what = pick(g, 3), member = pick(g, g->members);
    struct town *w = g->w;
    if (what < 2) {
        if (g->members == TOWN_MEMBERS)
            return DEMUR_ERR_LIMIT;
        enum demur_err err = town_invite(w, g->members, what ? "team=a" : "team=c");
        if (!err)
            err = town_join(w, g->members);
        g->members += !err;
        return err;
    }
    town_begin_by(w, DEMUR_RECORD_REVOKE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(w->members[member].handle));
    return town_sign_send(w, &w->keeper);
}

static enum demur_err act_tick(struct play *g)
{
    struct town *w = g->w;
    uint8_t text[10];
    struct buf b = buf_over(text, sizeof text);
    demur_date_put(&b, demur_day_date(demur_time_day((int64_t)w->now) + (pick(g, 8) == 1)));
    town_begin_by(w, DEMUR_RECORD_TICK, &w->server);
    demur_put_text(&w->out, DEMUR_FIELD_DAY, buf_span(&b));
    return town_sign_send(w, &w->server);
}

/* An entry that was accepted, as it was or with one bit turned: never again. */
static enum demur_err act_again(struct play *g)
{
    struct town *w = g->w;
    size_t i = w->entries_len - 1 - pick(g, w->entries_len < 200 ? w->entries_len : 200);
    size_t place = pick(g, 256), bit = pick(g, 9);
    uint64_t at;
    struct span record;
    must(demur_entry_parse(&at, &record, span_of(w->entries[i].bytes, w->entries[i].len), NULL) ==
         DEMUR_OK);
    w->out = buf_over(w->record, sizeof w->record);
    buf_put_span(&w->out, record);
    if (bit < 8)
        w->record[place * record.len / 256] ^= (uint8_t)(1u << bit);
    enum demur_err err = town_send(w, w->entries[i].text);
    must(err != DEMUR_OK);
    return err;
}

/* Time goes on: by a little, by days, or to a clock's last second or the one after. */
static enum demur_err act_wait(struct play *g)
{
    struct town *w = g->w;
    size_t how = pick(g, 6), much = pick(g, 32), which;
    struct town_case *k = pick_case(g, &which);
    struct demur_clock_info clock;
    uint64_t then = w->now + (how == 0 ? 1 : how == 1 ? much * 1800 : how == 2 ? much * DAY : 0);
    if (how > 2 && k && demur_channel_clock(w->c, span_str(k->id), w->now, much % 6, &clock)) {
        uint64_t due = how == 5 ? clock.target : clock.limit;
        then = due ? due + (how == 4) : w->now;
    }
    if (then > w->now && then < END)
        w->now = then;
    return DEMUR_ERR_TIME; /* no act */
}

static enum demur_err (*const acts[])(struct play *g) = {
    act_step,
    act_wait,
    act_begin,
    act_open,
    act_say,
    act_step,
    act_wait,
    act_sign,
    act_leave,
    act_revise,
    act_share,
    act_expunge,
    act_calendar,
    act_policy,
    act_role,
    act_roster,
    act_tick,
    act_again,
    act_wait,
    act_step,
    act_begin,
    act_wait,
    act_file_circulated,
};

/* ---- one run ---- */

static struct town *found(void)
{
    const char *const first[][2] = {{"c", calendars[0]}};
    struct town *w = town_new(START - DAY, 17, first, 1, span_str(policies[0]));
    must(w != NULL);
    town_begin_by(w, DEMUR_RECORD_ROLE, &w->root);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("keeper"));
    demur_put_text(&w->out, DEMUR_FIELD_CHANGE, span_lit("holds"));
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->keeper.public_key, 32));
    demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(w->keeper.recipient));
    must(town_sign_send(w, &w->root) == DEMUR_OK);
    must(town_grant(w, OFFICE, "office") == DEMUR_OK);
    must(town_grant(w, BOARD, "board") == DEMUR_OK);
    for (size_t i = 0; i < FOUNDERS; i++)
        must(town_invite(w, i, "team=b") == DEMUR_OK && town_join(w, i) == DEMUR_OK);
    w->now = START;
    return w;
}

static void same(const struct demur_channel *a, struct demur_channel *b, uint64_t now)
{
    uint8_t one[32], other[32];
    digest(a, now, one);
    digest(b, now, other);
    must(memcmp(one, other, 32) == 0);
    demur_channel_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct town *base, w;
    static struct demur_verdict verdicts[BASE_MAX + 2 * ACTS_MAX];
    static struct play g;
    if (!base)
        base = found();
    must(base->entries_len <= BASE_MAX);
    w = *base;
    memset(verdicts + w.entries_len, 0, sizeof verdicts - w.entries_len * sizeof *verdicts);
    w.c = fold(&w, verdicts, false);
    g = (struct play){.w = &w, .input = span_of(data, size), .members = FOUNDERS};
    for (int i = 0; i < ACTS_MAX && g.input.len; i++) {
        uint8_t before[32], after[32];
        size_t entries = w.entries_len;
        enum demur_err (*act)(struct play *) = acts[pick(&g, DEMUR_COUNT(acts))];
        if (act != act_wait)
            digest(w.c, w.now, before);
        if (act(&g) == DEMUR_OK || act == act_wait || w.entries_len > entries)
            continue;
        digest(w.c, w.now, after);
        must(memcmp(before, after, 32) == 0);
        if (i % 16 == 7)
            must(snapshot_renew(&w.c));
    }
    same(w.c, fold(&w, verdicts, false), w.now);
    same(w.c, fold(&w, verdicts, true), w.now);
    for (size_t i = base->entries_len; i < w.entries_len; i++)
        free(w.entries[i].bytes);
    demur_channel_free(w.c);
    return 0;
}
