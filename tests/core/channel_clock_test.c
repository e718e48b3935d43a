/* Clocks of a dissent: what an extension, a pause, a withdrawal, an end and a refused
 * record may do to them, and what not. */
#include "../support/town.h"

#define T0 1795186800u /* a Friday, 20 November 2026, 15:00 UTC */
#define DAY 86400u
enum { OFFICE, BOARD };

#define POLICY(reply_limit)                                                                        \
    "demur policy v1\n"                                                                            \
    "policy clocks\n  title Clocks\n  calendar plain\n"                                            \
    "role office\n  title Office\n"                                                                \
    "role keeper\n  title Keeper\n"                                                                \
    "role board\n  title Board\n"                                                                  \
    "eligible everyone\n"                                                                          \
    "roster\n  kept-by keeper\n"                                                                   \
    "ring\n  at-least 2 members\n"                                                                 \
    "filing\n  quota 9 each month\n  identity named\n  circulation at-most 60 days\n"              \
    "distribution\n  must office\n"                                                                \
    "stage filed\n  title Filed\n"                                                                 \
    "stage open\n  title Open\n"                                                                   \
    "stage asked\n  title Asked\n"                                                                 \
    "stage replied\n  title Replied\n  final replied\n"                                            \
    "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"                                      \
    "step acknowledge\n  title Acknowledge\n  by office\n  from filed\n  to open\n"                \
    "step ask\n  title Ask\n  by office\n  from filed or open\n  to asked\n  at-most 9 times\n"    \
    "step answer\n  title Answer\n  by author\n  taken-as say\n  from asked\n  to open\n"          \
    "step extend\n  title Extend\n  by office\n  from filed or open or asked\n"                    \
    "  until required\n  at-most 3 times\n"                                                        \
    "step longer\n  title Take longer\n  by office\n  from filed or open\n  at-most once\n"        \
    "step reply\n  title Reply\n  by office\n  from filed or open\n  to replied\n"                 \
    "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n  from filed or open\n"    \
    "  to withdrawn\n"                                                                             \
    "clock reply\n  title Reply\n  starts at filing\n  limit " reply_limit "\n  met-by reply\n"    \
    "  paused-in asked\n  extended-by extend by-up-to 10 days\n  at-limit show\n"                  \
    "clock plain\n  title Plain\n  starts at filing\n  limit 5 days\n  met-by reply\n"             \
    "  extended-by longer for 10 days\n"                                                           \
    "clock feedback\n  title Feedback\n  starts at step acknowledge\n"                             \
    "  otherwise 7 days after filing\n  limit 5 days\n  met-by reply\n"                            \
    "  at-limit escalate-to board\n"                                                               \
    "clock circulation\n  title Circulation\n  starts at opening\n  limit 20 days\n"               \
    "  met-by acknowledge\n  at-limit show\n"

static struct town *clock_town(const char *policy)
{
    struct town *w = town_plain(T0 - DAY, 4, policy);
    if (!w)
        return NULL;
    CHECK_ERR(town_grant(w, BOARD, "board"), DEMUR_OK);
    w->now = T0;
    return w;
}

static enum demur_err step(struct town *w, const struct town_case *k, const char *act,
                           uint64_t until)
{
    return town_step(w, k, OFFICE, "office", act, false, until);
}

static void check_clock(int line, struct town *w, const struct town_case *k, const char *name,
                        enum demur_clock_state state, int limit_day, uint32_t missed)
{
    struct demur_clock_info c;
    for (size_t i = 0; demur_channel_clock(w->c, span_str(k->id), w->now, i, &c); i++) {
        if (!span_eq_str(c.name, name))
            continue;
        int day = c.limit ? (int)((c.limit - (T0 - T0 % DAY)) / DAY) : -1;
        if (c.state != state || day != limit_day || c.missed != missed)
            test_failed(__FILE__, line, "%s: %s, limit on day %d, missed %u", name,
                        demur_clock_state_name(c.state), day, c.missed);
        return;
    }
    test_failed(__FILE__, line, "there is no clock %s", name);
}
#define CHECK_CLOCK(k, name, state, day, missed)                                                   \
    check_clock(__LINE__, w, k, name, DEMUR_CLOCK_##state, day, missed)

static bool board_may_open(const struct town *w, const struct town_case *k)
{
    return demur_channel_may_open(w->c, span_str(k->id), w->officers[BOARD].public_key,
                                  span_lit("board"), w->now);
}

static bool is_late(const struct town *w, const struct town_case *k)
{
    struct demur_dissent_info d;
    return demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d) && d.late;
}

TEST(clock_extended_to_a_date_survives_a_pause_past_it)
{
    struct town *w = clock_town(POLICY("10 days"));
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    CHECK_CLOCK(&k, "reply", RUNNING, 10, 0);
    w->now = T0 + 2 * DAY;
    CHECK_ERR(step(w, &k, "extend", T0 + 12 * DAY), DEMUR_OK);
    CHECK_CLOCK(&k, "reply", RUNNING, 12, 0);
    w->now = T0 + 3 * DAY;
    CHECK_ERR(step(w, &k, "ask", 0), DEMUR_OK);
    CHECK_CLOCK(&k, "reply", PAUSED, -1, 0);
    /* While it stands still there is no limit that a date could be later than. */
    CHECK_ERR(step(w, &k, "extend", T0 + 3000 * DAY), DEMUR_ERR_TIME);
    w->now = T0 + 7 * DAY;
    CHECK_ERR(town_say(w, &k, -1, NULL), DEMUR_OK);
    CHECK_CLOCK(&k, "reply", RUNNING, 14, 0); /* ten days and the four that it stood still */
    w->now = T0 + 15 * DAY;
    CHECK_CLOCK(&k, "reply", OVERDUE, 14, 1);
    CHECK(is_late(w, &k));
    town_free(w);
}

TEST(clock_extended_to_a_date_survives_a_calendar_that_closes_days)
{
    struct town *w = clock_town(POLICY("5 working-days"));
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK); /* on a Friday */
    CHECK_CLOCK(&k, "reply", RUNNING, 7, 0);
    w->now += 60;
    CHECK_ERR(step(w, &k, "extend", T0 + 8 * DAY), DEMUR_OK);
    CHECK_CLOCK(&k, "reply", RUNNING, 8, 0);
    CHECK_ERR(town_calendar(w, "plain",
                            span_lit("demur calendar v1\n"
                                     "calendar plain\n"
                                     "zone UTC\n"
                                     "  standard +00:00\n"
                                     "weekend saturday and sunday\n"
                                     "closed 2026-11-25 snow\n"
                                     "closed 2026-11-26 snow\n")),
              DEMUR_OK);
    CHECK_CLOCK(&k, "reply", RUNNING, 11, 0);
    w->now = T0 + 12 * DAY;
    CHECK_CLOCK(&k, "reply", OVERDUE, 11, 1);
    town_free(w);
}

TEST(clock_extended_too_late_stays_late)
{
    struct town *w = clock_town(POLICY("10 days"));
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    w->now = T0 + 9 * DAY;
    CHECK_CLOCK(&k, "plain", OVERDUE, 5, 1);
    CHECK_ERR(step(w, &k, "longer", 0), DEMUR_OK);
    CHECK_CLOCK(&k, "plain", OVERDUE, 15, 1);
    w->now += 5;
    CHECK_ERR(step(w, &k, "reply", 0), DEMUR_OK);
    CHECK_CLOCK(&k, "plain", MET_LATE, 15, 1);
    CHECK_CLOCK(&k, "reply", MET, 10, 0);
    town_free(w);
}

TEST(clock_stopped_too_late_says_so)
{
    struct town *w = clock_town(POLICY("10 days"));
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    w->now = T0 + 9 * DAY;
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    CHECK_CLOCK(&k, "plain", STOPPED, 5, 1);
    CHECK_CLOCK(&k, "reply", STOPPED, 10, 0);
    town_free(w);
}

TEST(clock_does_not_begin_after_the_end)
{
    struct town *w = clock_town(POLICY("10 days"));
    REQUIRE(w);
    struct town_case k, gone;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    CHECK_ERR(town_file(w, 1, 0, "office", &gone), DEMUR_OK);
    w->now = T0 + DAY;
    CHECK_ERR(step(w, &k, "reply", 0), DEMUR_OK);
    CHECK_ERR(town_withdraw(w, &gone), DEMUR_OK);
    w->now = T0 + 30 * DAY;
    CHECK_CLOCK(&k, "feedback", WAITING, -1, 0);
    CHECK_CLOCK(&gone, "feedback", WAITING, -1, 0);
    CHECK(!is_late(w, &k) && !is_late(w, &gone));
    CHECK(!board_may_open(w, &k) && !board_may_open(w, &gone));
    CHECK_ERR(town_open(w, &gone, BOARD, "board"), DEMUR_ERR_FORBIDDEN);
    /* It does begin where nothing has ended: on day 7, and runs out on day 12. */
    struct town_case open;
    CHECK_ERR(town_file(w, 2, 0, "office", &open), DEMUR_OK);
    w->now += 13 * DAY;
    CHECK_CLOCK(&open, "feedback", OVERDUE, 30 + 12, 1);
    CHECK(board_may_open(w, &open));
    town_free(w);
}

TEST(clock_of_a_circulation_ends_with_its_withdrawal)
{
    struct town *w = clock_town(POLICY("10 days"));
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 30 * DAY, &k), DEMUR_OK);
    CHECK_CLOCK(&k, "circulation", RUNNING, 20, 0);
    w->now = T0 + DAY;
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    w->now = T0 + 40 * DAY;
    CHECK_CLOCK(&k, "circulation", STOPPED, 20, 0);
    CHECK(!is_late(w, &k));
    town_free(w);
}

/* File what circulates. */
static enum demur_err file_circulated(struct town *w, const struct town_case *k)
{
    const uint8_t release[32] = {1};
    town_begin(w, DEMUR_RECORD_FILE);
    town_put_on(w, k);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, 1);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    town_put_random_blob(w, DEMUR_FIELD_MEMO, 8192);
    demur_put_hash(&w->out, DEMUR_FIELD_RELEASE, release);
    demur_put_text(&w->out, DEMUR_FIELD_TO, span_lit("office"));
    return town_sign_send(w, &k->key);
}

TEST(clock_waits_for_no_author_who_has_gone)
{
    struct town *w = clock_town(POLICY("10 days"));
    REQUIRE(w);
    for (int asked_before = 0; asked_before < 2; asked_before++) {
        struct town_case k;
        uint64_t filed = w->now;
        int day = (int)((filed - T0) / DAY);
        CHECK_ERR(town_circulate(w, 0, (unsigned)asked_before, w->now + 30 * DAY, &k), DEMUR_OK);
        CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
        CHECK_ERR(file_circulated(w, &k), DEMUR_OK);
        w->now = filed + DAY;
        if (asked_before)
            CHECK_ERR(step(w, &k, "ask", 0), DEMUR_OK);
        w->now = filed + 4 * DAY;
        CHECK_ERR(town_withdraw(w, &k), DEMUR_OK); /* the signer's dissent goes on */
        if (!asked_before)
            CHECK_ERR(step(w, &k, "ask", 0), DEMUR_OK);
        CHECK_CLOCK(&k, "reply", RUNNING, day + 10 + 3 * asked_before, 0);
        w->now = filed + 14 * DAY;
        CHECK_CLOCK(&k, "reply", OVERDUE, day + 10 + 3 * asked_before, 1);
    }
    town_free(w);
}

/* The stage that the clock stood still in may last longer than the author's part in it. */
TEST(clock_is_not_given_the_days_that_a_stage_lasts_after_the_author_has_gone)
{
    struct town *w = clock_town(POLICY("10 days"));
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 30 * DAY, &k), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(file_circulated(w, &k), DEMUR_OK);
    w->now = T0 + DAY;
    CHECK_ERR(step(w, &k, "ask", 0), DEMUR_OK);
    w->now = T0 + 4 * DAY;
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    CHECK_CLOCK(&k, "reply", RUNNING, 13, 0);
    w->now = T0 + 9 * DAY;
    CHECK_ERR(town_say(w, &k, -1, NULL), DEMUR_OK); /* the case leaves the stage */
    CHECK_CLOCK(&k, "reply", RUNNING, 13, 0);
    w->now = T0 + 14 * DAY;
    CHECK_CLOCK(&k, "reply", OVERDUE, 13, 1);
    town_free(w);
}

TEST(clock_is_not_moved_by_a_refused_record)
{
    struct town *w = clock_town(POLICY("10 days"));
    REQUIRE(w);
    struct town_case k;
    uint8_t before[32], after[32];
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    CHECK(demur_channel_state_hash(w->c, before));
    /* By a clock that was set wrong: by then the board would have been called in. */
    w->now = T0 + 40 * DAY;
    CHECK_ERR(town_step(w, &k, BOARD, "board", "reply", false, 0), DEMUR_ERR_FORBIDDEN);
    CHECK(demur_channel_state_hash(w->c, after));
    CHECK(memcmp(before, after, 32) == 0);
    w->now = T0 + DAY;
    CHECK_ERR(town_open(w, &k, BOARD, "board"), DEMUR_ERR_FORBIDDEN);
    CHECK_ERR(step(w, &k, "acknowledge", 0), DEMUR_OK);
    /* Accepted, what had run out until then stays so. */
    w->now = T0 + 40 * DAY;
    CHECK_ERR(town_open(w, &k, BOARD, "board"), DEMUR_OK);
    CHECK(is_late(w, &k) && board_may_open(w, &k));
    town_free(w);
}

TEST(case_talk_keeps_nobody_from_acting)
{
    struct town *w = clock_town(POLICY("10 days"));
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    /* The office writes its step; before it arrives the author has written twice. */
    town_begin_by(w, DEMUR_RECORD_STEP, &w->officers[OFFICE]);
    town_put_on(w, &k);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("office"));
    demur_put_text(&w->out, DEMUR_FIELD_ACT, span_lit("acknowledge"));
    uint8_t step_text[4096];
    struct buf waiting = buf_over(step_text, sizeof step_text);
    buf_put_span(&waiting, buf_span(&w->out));
    CHECK_ERR(town_say(w, &k, -1, NULL), DEMUR_OK);
    struct buf replay = buf_over((uint8_t[4096]){0}, 4096);
    buf_put_span(&replay, buf_span(&w->out));
    CHECK_ERR(town_say(w, &k, -1, NULL), DEMUR_OK);
    w->out.len = 0;
    buf_put_span(&w->out, buf_span(&waiting));
    CHECK_ERR(town_sign_send(w, &w->officers[OFFICE]), DEMUR_OK);
    /* A message that was taken is not taken again, however recent its `on`. */
    w->out.len = 0;
    buf_put_span(&w->out, buf_span(&replay));
    CHECK_ERR(town_send(w, span_of(NULL, 0)), DEMUR_ERR_STALE);
    /* A step is no talk: what was written before it has to be written anew. */
    town_begin(w, DEMUR_RECORD_WITHDRAW);
    town_put_on(w, &k);
    waiting.len = 0;
    buf_put_span(&waiting, buf_span(&w->out));
    CHECK_ERR(step(w, &k, "reply", 0), DEMUR_OK);
    w->out.len = 0;
    buf_put_span(&w->out, buf_span(&waiting));
    CHECK_ERR(town_sign_send(w, &k.key), DEMUR_ERR_STALE);
    town_free(w);
}
