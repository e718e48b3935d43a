/* The fold: who may do what, in a channel under the State policy. */
#include "../support/town.h"

#include "../../core/encode.h"
#include "../../core/hash.h"

/* Friday 20 November 2026, 15:00 UTC, 10:00 in Washington. */
#define FILED 1795186800u
#define DAY 86400u
#define FIVE                                                                                       \
    "deputy-secretary executive-secretary open-forum-chair policy-planning secretary "             \
    "under-secretary-p"
#define EMPLOYEE "agency=state citizenship=us engagement=employee grade=FS-02"

enum { SP = 0, SECRETARY = 1, IG = 2 };

static struct town *state_town(void)
{
    struct span policy = test_data("us-state-2-fam-070.policy"),
                calendar = test_data("us-federal.calendar");
    static char text[20000];
    if (!policy.p || !calendar.p || calendar.len >= sizeof text) {
        test_failed(__FILE__, __LINE__, "policies/ is not loaded");
        return NULL;
    }
    memcpy(text, calendar.p, calendar.len);
    text[calendar.len] = 0;
    const char *const calendars[][2] = {{"us-federal", text}};
    struct town *w = town_new(FILED - 10 * DAY, 7, calendars, 1, policy);
    if (!w)
        return NULL;
    town_begin_by(w, DEMUR_RECORD_ROLE, &w->root);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("roster-keeper"));
    demur_put_text(&w->out, DEMUR_FIELD_CHANGE, span_lit("holds"));
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->keeper.public_key, 32));
    demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(w->keeper.recipient));
    CHECK_ERR(town_sign_send(w, &w->root), DEMUR_OK);
    CHECK_ERR(town_grant(w, SP, "policy-planning"), DEMUR_OK);
    CHECK_ERR(town_grant(w, SECRETARY, "secretary"), DEMUR_OK);
    CHECK_ERR(town_grant(w, IG, "inspector-general"), DEMUR_OK);
    for (size_t i = 0; i < 12; i++) {
        CHECK_ERR(town_invite(w, i, EMPLOYEE), DEMUR_OK);
        CHECK_ERR(town_join(w, i), DEMUR_OK);
    }
    w->now = FILED;
    return w;
}

static bool stage_is(const struct town *w, const struct town_case *k, const char *stage)
{
    struct demur_dissent_info d;
    return demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d) &&
           span_eq_str(d.stage, stage);
}

static bool clock_of(const struct town *w, const struct town_case *k, const char *name,
                     struct demur_clock_info *out)
{
    for (size_t i = 0; demur_channel_clock(w->c, span_str(k->id), w->now, i, out); i++)
        if (span_eq_str(out->name, name))
            return true;
    return false;
}

/* Seconds of the last second of a day in Washington; UTC day and offset given. */
static uint64_t day_end(const char *date, unsigned offset_h)
{
    struct demur_date d = {0};
    CHECK(demur_date_parse(span_str(date), &d));
    return (uint64_t)demur_date_day(d) * DAY + DAY - 1 + offset_h * 3600u;
}

TEST(channel_filing_starts_the_clocks_of_the_worked_example)
{
    struct town *w = state_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 3, 0, FIVE, &k), DEMUR_OK);
    struct demur_clock_info ack, reply;
    REQUIRE(clock_of(w, &k, "acknowledgement", &ack) && clock_of(w, &k, "reply", &reply));
    CHECK(ack.state == DEMUR_CLOCK_RUNNING && ack.limit == day_end("2026-11-24", 5));
    CHECK(reply.target == day_end("2027-01-06", 5) && reply.limit == day_end("2027-02-19", 5));
    CHECK(stage_is(w, &k, "filed"));

    w->now = ack.limit; /* the last second in time */
    REQUIRE(clock_of(w, &k, "acknowledgement", &ack));
    CHECK(ack.state == DEMUR_CLOCK_RUNNING);
    w->now++;
    REQUIRE(clock_of(w, &k, "acknowledgement", &ack));
    CHECK(ack.state == DEMUR_CLOCK_OVERDUE);
    CHECK_ERR(town_step(w, &k, SP, "policy-planning", "acknowledge", false, 0), DEMUR_OK);
    REQUIRE(clock_of(w, &k, "acknowledgement", &ack));
    CHECK(ack.state == DEMUR_CLOCK_MET_LATE); /* lateness is not erased */
    struct demur_dissent_info d;
    REQUIRE(demur_channel_dissent_find(w->c, span_str(k.id), w->now, &d));
    CHECK(d.late && d.signatures == 1);
    town_free(w);
}

TEST(channel_tells_the_local_time_of_a_clock)
{
    struct town *w = state_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 3, 0, FIVE, &k), DEMUR_OK);
    struct demur_clock_info ack;
    REQUIRE(clock_of(w, &k, "acknowledgement", &ack));
    CHECK(span_eq_str(ack.calendar, "us-federal"));
    CHECK(demur_channel_local_offset(w->c, ack.calendar, ack.limit) == -5 * 3600);
    CHECK(demur_channel_local_offset(w->c, ack.calendar, day_end("2027-07-01", 4)) == -4 * 3600);
    CHECK(demur_channel_local_offset(w->c, span_lit("nowhere"), ack.limit) == 0);
    town_free(w);
}

TEST(channel_question_pauses_the_reply_clock)
{
    struct town *w = state_town();
    REQUIRE(w);
    struct town_case k;
    struct demur_clock_info before, paused, after;
    CHECK_ERR(town_file(w, 0, 1, FIVE, &k), DEMUR_OK);
    w->now += 3600;
    CHECK_ERR(town_open(w, &k, SP, "policy-planning"), DEMUR_OK);
    CHECK_ERR(town_step(w, &k, SP, "policy-planning", "acknowledge", true, 0), DEMUR_OK);
    REQUIRE(clock_of(w, &k, "reply", &before));
    w->now = FILED + 4 * DAY; /* Tuesday */
    CHECK_ERR(town_step(w, &k, SP, "policy-planning", "ask", true, 0), DEMUR_OK);
    CHECK(stage_is(w, &k, "asked"));
    REQUIRE(clock_of(w, &k, "reply", &paused));
    CHECK(paused.state == DEMUR_CLOCK_PAUSED && paused.limit == 0);
    w->now = FILED + 11 * DAY; /* the Tuesday after, Thanksgiving between */
    CHECK_ERR(town_say(w, &k, -1, NULL), DEMUR_OK);
    CHECK(stage_is(w, &k, "acknowledged"));
    REQUIRE(clock_of(w, &k, "reply", &after));
    /* Wed, Fri, Mon, Tue did not count: four working days later. */
    CHECK(after.state == DEMUR_CLOCK_RUNNING && after.limit == day_end("2027-02-25", 5));
    CHECK(before.limit == day_end("2027-02-19", 5));
    CHECK_ERR(town_step(w, &k, SP, "policy-planning", "reply", true, 0), DEMUR_OK);
    CHECK(stage_is(w, &k, "replied"));
    REQUIRE(clock_of(w, &k, "reply", &after));
    CHECK(after.state == DEMUR_CLOCK_MET && after.ended == w->now);
    town_free(w);
}

/* Every cell of the stage table: each officers' step at each stage by each of
 * three officers is taken where the policy says so, and refused elsewhere. */
TEST(channel_every_cell_of_the_stage_table)
{
    static const struct {
        const char *stage, *act;
        bool document, may;
    } cells[] = {
        {"filed", "acknowledge", false, true},
        {"filed", "ask", true, false},
        {"filed", "reply", true, true},
        {"filed", "refer", true, true},
        {"filed", "cannot-open", false, true},
        {"acknowledged", "acknowledge", false, false},
        {"acknowledged", "ask", true, true},
        {"acknowledged", "reply", true, true},
        {"acknowledged", "refer", true, true},
        {"acknowledged", "cannot-open", false, false},
        {"asked", "acknowledge", false, false},
        {"asked", "ask", true, false},
        {"asked", "reply", true, true},
        {"asked", "refer", true, true},
        {"asked", "cannot-open", false, false},
        {"unreadable", "acknowledge", false, true},
        {"unreadable", "ask", true, false},
        {"unreadable", "reply", true, false},
        {"unreadable", "refer", true, false},
        {"unreadable", "cannot-open", false, false},
        {"replied", "acknowledge", false, false},
        {"replied", "ask", true, false},
        {"replied", "reply", true, false},
        {"replied", "refer", true, false},
        {"replied", "cannot-open", false, false},
        {"referred", "reply", true, false},
        {"referred", "acknowledge", false, false},
        {"withdrawn", "acknowledge", false, false},
        {"withdrawn", "reply", true, false},
        {"withdrawn", "ask", true, false},
        {"withdrawn", "refer", true, false},
        {"withdrawn", "cannot-open", false, false},
    };
    struct town *w = state_town();
    REQUIRE(w);
    for (size_t i = 0; i < DEMUR_COUNT(cells); i += test_quick() ? 3 : 1) {
        struct town_case k;
        const char *stage = cells[i].stage;
        REQUIRE(town_file(w, i % 12, (unsigned)(i / 12), FIVE, &k) == DEMUR_OK);
        if (strcmp(stage, "acknowledged") == 0 || strcmp(stage, "asked") == 0)
            CHECK_ERR(town_step(w, &k, SP, "policy-planning", "acknowledge", false, 0), DEMUR_OK);
        if (strcmp(stage, "asked") == 0)
            CHECK_ERR(town_step(w, &k, SP, "policy-planning", "ask", true, 0), DEMUR_OK);
        if (strcmp(stage, "unreadable") == 0)
            CHECK_ERR(town_step(w, &k, SP, "policy-planning", "cannot-open", false, 0), DEMUR_OK);
        if (strcmp(stage, "replied") == 0)
            CHECK_ERR(town_step(w, &k, SP, "policy-planning", "reply", true, 0), DEMUR_OK);
        if (strcmp(stage, "withdrawn") == 0)
            CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
        if (strcmp(stage, "referred") == 0) {
            town_begin_by(w, DEMUR_RECORD_STEP, &w->officers[SP]);
            town_put_on(w, &k);
            demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("policy-planning"));
            demur_put_text(&w->out, DEMUR_FIELD_ACT, span_lit("refer"));
            town_put_random_blob(w, DEMUR_FIELD_DOCUMENT, 4096);
            demur_put_text(&w->out, DEMUR_FIELD_REFER, span_lit("inspector-general"));
            CHECK_ERR(town_sign_send(w, &w->officers[SP]), DEMUR_OK);
        }
        if (!stage_is(w, &k, stage))
            test_failed(__FILE__, __LINE__, "cell %zu: not at %s", i, stage);
        CHECK_ERR(town_step(w, &k, SECRETARY, "secretary", cells[i].act, cells[i].document, 0),
                  DEMUR_ERR_FORBIDDEN);
        CHECK_ERR(town_step(w, &k, IG, "policy-planning", cells[i].act, cells[i].document, 0),
                  DEMUR_ERR_FORBIDDEN);
        if (strcmp(cells[i].act, "refer") == 0 && cells[i].may)
            continue; /* needs a role named: the record above */
        enum demur_err err =
            town_step(w, &k, SP, "policy-planning", cells[i].act, cells[i].document, 0);
        if ((err == DEMUR_OK) != cells[i].may)
            test_failed(__FILE__, __LINE__, "cell %zu, %s at %s: %s (%s)", i, cells[i].act, stage,
                        demur_err_name(err), w->diag.text);
    }
    town_free(w);
}

TEST(channel_frame_refuses_replays_and_strangers)
{
    struct town *w = state_town();
    REQUIRE(w);
    uint64_t size = demur_channel_size(w->c);
    /* The same role record again: its seq is used up. */
    w->officers[SP].seq = 0;
    w->root.seq--;
    CHECK_ERR(town_grant(w, 5, "deputy-secretary"), DEMUR_ERR_REPLAY);
    /* Back-dated by a second. */
    w->now = demur_channel_last_at(w->c) - 1;
    CHECK_ERR(town_grant(w, 5, "deputy-secretary"), DEMUR_ERR_TIME);
    w->now = FILED;
    /* For another channel. */
    w->fingerprint[0] ^= 1;
    CHECK_ERR(town_grant(w, 5, "deputy-secretary"), DEMUR_ERR_FORBIDDEN);
    w->fingerprint[0] ^= 1;
    /* By somebody else's key, signed by the root. */
    town_begin_by(w, DEMUR_RECORD_REVOKE, &w->officers[SP]);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("m0"));
    CHECK_ERR(town_sign_send(w, &w->root), DEMUR_ERR_VERIFY);
    town_begin_by(w, DEMUR_RECORD_REVOKE, &w->officers[SP]);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("m0"));
    CHECK_ERR(town_sign_send(w, &w->officers[SP]), DEMUR_ERR_FORBIDDEN);
    CHECK(demur_channel_size(w->c) == size); /* refusals leave nothing */
    CHECK_ERR(town_grant(w, 5, "deputy-secretary"), DEMUR_OK);
    CHECK_ERR(town_grant(w, 6, "secretary"), DEMUR_ERR_STAGE); /* one holder */
    CHECK_ERR(town_grant(w, 6, "emperor"), DEMUR_ERR_UNKNOWN);
    town_free(w);
}

/* A grant or end of `role` by the root, with what is not NULL of `for`, `acting`. */
static enum demur_err appoint(struct town *w, size_t officer, const char *role, const char *change,
                              const char *part, const char *acting)
{
    town_begin_role(w, officer, role, change);
    if (part)
        demur_put_text(&w->out, DEMUR_FIELD_FOR, span_str(part));
    if (acting)
        demur_put_text(&w->out, DEMUR_FIELD_ACTING, span_str(acting));
    enum demur_err err = town_sign_send(w, &w->root);
    if (err)
        w->root.seq--; /* a refused record used none up */
    return err;
}

TEST(channel_role_is_for_one_part_of_the_membership)
{
    struct town *w = state_town();
    REQUIRE(w);
    const char *role = "agency-head";
    CHECK_ERR(appoint(w, 5, role, "holds", NULL, NULL), DEMUR_ERR_MISSING);
    CHECK_ERR(appoint(w, 5, role, "holds", "bureau=eur", NULL), DEMUR_ERR_FORBIDDEN);
    CHECK_ERR(appoint(w, 5, role, "holds", "agency=nasa", NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(appoint(w, 5, "deputy-secretary", "holds", "agency=usaid", NULL),
              DEMUR_ERR_FORBIDDEN);
    CHECK_ERR(appoint(w, 5, role, "holds", "agency=usaid", NULL), DEMUR_OK);
    CHECK_ERR(appoint(w, 5, role, "holds", "agency=usaid", "yes"), DEMUR_ERR_REPLAY);
    /* One head for each agency: a second of the same one is refused, of another is not. */
    CHECK_ERR(appoint(w, 6, role, "holds", "agency=usaid", NULL), DEMUR_ERR_STAGE);
    CHECK_ERR(appoint(w, 6, role, "holds", "agency=usaid", "yes"), DEMUR_OK);
    CHECK_ERR(appoint(w, 7, role, "holds", "agency=state", NULL), DEMUR_OK);
    /* One key may have the role for two parts; each ends by itself. */
    CHECK_ERR(appoint(w, 7, role, "ends", "agency=usaid", NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(appoint(w, 5, role, "ends", NULL, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(appoint(w, 5, role, "ends", "agency=usaid", NULL), DEMUR_OK);
    CHECK_ERR(appoint(w, 7, role, "holds", "agency=usaid", NULL), DEMUR_OK);
    CHECK_ERR(appoint(w, 7, role, "ends", "agency=state", NULL), DEMUR_OK);
    CHECK(demur_channel_holds(w->c, w->officers[7].public_key, span_str(role), w->now));
    town_free(w);
}

TEST(channel_role_is_held_as_acting_only_where_the_policy_says)
{
    struct town *w = state_town();
    REQUIRE(w);
    CHECK_ERR(appoint(w, 5, "records-officer", "holds", NULL, "yes"), DEMUR_ERR_FORBIDDEN);
    CHECK_ERR(appoint(w, 5, "records-officer", "holds", NULL, NULL), DEMUR_OK);
    CHECK_ERR(appoint(w, 6, "secretary", "holds", NULL, "yes"), DEMUR_OK);
    CHECK_ERR(appoint(w, 6, "secretary", "ends", NULL, "yes"), DEMUR_ERR_SYNTAX);
    town_begin_role(w, 6, "secretary", "ends");
    demur_put_number(&w->out, DEMUR_FIELD_UNTIL, w->now + 1);
    CHECK_ERR(town_sign_send(w, &w->root), DEMUR_ERR_SYNTAX);
    CHECK_ERR(appoint(w, 6, "secretary", "ends", NULL, NULL), DEMUR_OK);
    town_free(w);
}

TEST(channel_roster_rules)
{
    struct town *w = state_town();
    REQUIRE(w);
    CHECK_ERR(town_invite(w, 13, "agency=state citizenship=us"), DEMUR_ERR_MISSING);
    CHECK_ERR(town_invite(w, 13, "agency=nasa citizenship=us engagement=employee"),
              DEMUR_ERR_SYNTAX);
    CHECK_ERR(town_invite(w, 13, EMPLOYEE " zodiac=leo"), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(town_invite(w, 13, EMPLOYEE), DEMUR_OK);
    CHECK_ERR(town_invite(w, 13, EMPLOYEE), DEMUR_ERR_REPLAY);
    /* invite made new keys for m13, so its join answers no invitation */
    CHECK_ERR(town_join(w, 13), DEMUR_ERR_FORBIDDEN);
    CHECK_ERR(town_invite(w, 14, EMPLOYEE), DEMUR_OK);
    CHECK_ERR(town_join(w, 14), DEMUR_OK);
    CHECK_ERR(town_join(w, 14), DEMUR_ERR_REPLAY); /* answered */
    CHECK_ERR(town_invite(w, 15, EMPLOYEE), DEMUR_OK);
    CHECK_ERR(town_join(w, 15), DEMUR_OK);
    town_begin_by(w, DEMUR_RECORD_REVOKE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("m15"));
    CHECK_ERR(town_sign_send(w, &w->keeper), DEMUR_OK);
    town_begin_by(w, DEMUR_RECORD_REVOKE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("m15"));
    CHECK_ERR(town_sign_send(w, &w->keeper), DEMUR_ERR_FORBIDDEN);
    /* Removed members are in no later ring. */
    struct town_case k;
    CHECK(town_file(w, 15, 0, FIVE, &k) != DEMUR_OK);
    CHECK_ERR(town_file(w, 0, 0, FIVE, &k), DEMUR_OK);
    town_free(w);
}

TEST(channel_contractors_are_in_no_ring)
{
    struct town *w = state_town();
    REQUIRE(w);
    CHECK_ERR(town_invite(w, 13, "agency=state citizenship=us engagement=contractor"), DEMUR_OK);
    CHECK_ERR(town_join(w, 13), DEMUR_OK);
    uint8_t entry[32];
    size_t n = 0;
    REQUIRE(demur_channel_policy(w->c, entry));
    CHECK_ERR(demur_channel_ring(w->c, entry, demur_time_epoch((int64_t)w->now),
                                 demur_channel_size(w->c), NULL, 0, NULL, 0, &n, NULL),
              DEMUR_OK);
    CHECK(n == 12);
    struct town_case k;
    CHECK(town_file(w, 13, 0, FIVE, &k) != DEMUR_OK);
    town_free(w);
}

TEST(channel_filing_rules)
{
    struct town *w = state_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 0, 0, "policy-planning secretary", &k), DEMUR_ERR_MISSING);
    CHECK_ERR(town_file(w, 0, 0, FIVE " secretary", &k), DEMUR_ERR_CANON);
    CHECK_ERR(town_file(w, 0, 0, "aa " FIVE, &k), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(town_file(w, 0, 4, FIVE, &k), DEMUR_ERR_FORBIDDEN); /* slots 0 to 3 */
    CHECK_ERR(town_file(w, 0, 3, FIVE, &k), DEMUR_OK);
    CHECK_ERR(town_file(w, 0, 3, FIVE, &k), DEMUR_ERR_REPLAY);
    CHECK_ERR(town_file(w, 1, 3, FIVE, &k), DEMUR_OK); /* another member's slot 3 */
    CHECK_ERR(town_file(w, 0, 2, FIVE, &k), DEMUR_OK);
    CHECK(demur_channel_dissents(w->c) == 3);
    town_free(w);
}

TEST(channel_stale_acts_are_refused)
{
    struct town *w = state_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 2, 0, FIVE, &k), DEMUR_OK);
    town_begin_by(w, DEMUR_RECORD_STEP, &w->officers[SP]);
    town_put_on(w, &k);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("policy-planning"));
    demur_put_text(&w->out, DEMUR_FIELD_ACT, span_lit("acknowledge"));
    static uint8_t kept[4096];
    struct buf copy = buf_over(kept, sizeof kept);
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->officers[SP].secret);
    buf_put_span(&copy, buf_span(&w->out));
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    w->out = buf_over(w->record, sizeof w->record);
    buf_put_span(&w->out, buf_span(&copy));
    CHECK_ERR(town_send(w, span_of(NULL, 0)), DEMUR_ERR_STALE);
    w->officers[SP].seq--; /* a refused record used none up */
    CHECK_ERR(town_file(w, 2, 1, FIVE, &k), DEMUR_OK);
    CHECK_ERR(town_step(w, &k, SP, "policy-planning", "acknowledge", false, 0), DEMUR_OK);
    CHECK_ERR(town_step(w, &k, SP, "policy-planning", "acknowledge", false, 0), DEMUR_ERR_STAGE);
    CHECK_ERR(town_open(w, &k, IG, "inspector-general"), DEMUR_ERR_FORBIDDEN);
    town_free(w);
}

TEST(channel_circulation)
{
    struct town *w = state_town();
    REQUIRE(w);
    struct town_case k;
    struct demur_dissent_info d;
    CHECK_ERR(town_circulate(w, 0, 0, FILED + 61 * DAY, &k), DEMUR_ERR_TIME);
    CHECK_ERR(town_circulate(w, 0, 0, FILED, &k), DEMUR_ERR_TIME);
    CHECK_ERR(town_circulate(w, 0, 0, FILED + 7 * DAY, &k), DEMUR_OK);
    CHECK(stage_is(w, &k, "circulating"));
    for (size_t i = 1; i < 5; i++)
        CHECK_ERR(town_cosign(w, i, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 2, &k, DEMUR_RECORD_COSIGN), DEMUR_ERR_REPLAY);
    CHECK_ERR(town_cosign(w, 0, &k, DEMUR_RECORD_COSIGN), DEMUR_ERR_REPLAY); /* the author */
    REQUIRE(demur_channel_dissent_find(w->c, span_str(k.id), w->now, &d));
    CHECK(d.signatures == 5 && !d.filed_at);
    CHECK_ERR(town_cosign(w, 3, &k, DEMUR_RECORD_UNSIGN), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 3, &k, DEMUR_RECORD_UNSIGN), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(town_cosign(w, 3, &k, DEMUR_RECORD_COSIGN), DEMUR_ERR_REPLAY);
    CHECK_ERR(town_cosign(w, 0, &k, DEMUR_RECORD_UNSIGN), DEMUR_ERR_FORBIDDEN);
    struct town_case other = k;
    other.commitment[0] ^= 1;
    CHECK_ERR(town_cosign(w, 6, &other, DEMUR_RECORD_COSIGN), DEMUR_ERR_FORBIDDEN);
    other = k;
    other.revision = 2;
    CHECK_ERR(town_cosign(w, 6, &other, DEMUR_RECORD_COSIGN), DEMUR_ERR_STALE);
    CHECK_ERR(town_step(w, &k, SP, "policy-planning", "acknowledge", false, 0), DEMUR_ERR_STAGE);
    REQUIRE(demur_channel_dissent_find(w->c, span_str(k.id), w->now, &d));
    CHECK(d.signatures == 4);
    w->now = FILED + 7 * DAY + 1;
    CHECK_ERR(town_cosign(w, 6, &k, DEMUR_RECORD_COSIGN), DEMUR_ERR_STAGE);
    town_free(w);
}

TEST(channel_withdrawal)
{
    struct town *w = state_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 4, 0, FIVE, &k), DEMUR_OK);
    struct town_case forged = k;
    forged.key = w->officers[SP];
    CHECK_ERR(town_withdraw(w, &forged), DEMUR_ERR_VERIFY);
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    CHECK(stage_is(w, &k, "withdrawn"));
    CHECK_ERR(town_withdraw(w, &k), DEMUR_ERR_STAGE);
    town_free(w);
}

/* Fold the town's entries again, up to `n`, with `twist` broken entries mixed in. */
static struct demur_channel *refold(const struct town *w, size_t n)
{
    struct demur_channel *c = demur_channel_new();
    for (size_t i = 0; c && i < n; i++) {
        struct demur_diag diag = {0};
        struct span entry = span_of(w->entries[i].bytes, w->entries[i].len);
        enum demur_err err = demur_channel_entry(c, entry, w->entries[i].text, &diag);
        if (err)
            test_failed(__FILE__, __LINE__, "entry %zu: %s (%s)", i, demur_err_name(err),
                        diag.text);
    }
    return c;
}

TEST(channel_any_prefix_is_a_log_and_folding_is_deterministic)
{
    struct town *w = state_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 0, 0, FIVE, &k), DEMUR_OK);
    CHECK_ERR(town_step(w, &k, SP, "policy-planning", "acknowledge", false, 0), DEMUR_OK);
    w->now += 100 * DAY;
    CHECK_ERR(town_step(w, &k, SP, "policy-planning", "reply", true, 0), DEMUR_OK);
    uint8_t whole[32], again[32];
    REQUIRE(demur_channel_state_hash(w->c, whole));
    for (size_t n = 1; n <= w->entries_len; n += 7) {
        struct demur_channel *c = refold(w, n);
        REQUIRE(c);
        CHECK(demur_channel_size(c) == n && demur_channel_refused(c) == 0);
        demur_channel_free(c);
    }
    struct demur_channel *c = refold(w, w->entries_len);
    REQUIRE(c && demur_channel_state_hash(c, again));
    CHECK(memcmp(whole, again, 32) == 0);
    /* The same entry once more is evidence, not effect. */
    size_t last = w->entries_len - 1;
    CHECK(demur_channel_entry(c, span_of(w->entries[last].bytes, w->entries[last].len),
                              span_of(NULL, 0), NULL) != DEMUR_OK);
    CHECK(demur_channel_refused(c) == 1 && demur_channel_size(c) == w->entries_len + 1);
    REQUIRE(demur_channel_state_hash(c, again));
    CHECK(memcmp(whole, again, 32) != 0);
    demur_channel_free(c);
    town_free(w);
}

TEST(channel_verdicts_serve_for_their_record_only)
{
    struct town *w = state_town();
    REQUIRE(w);
    static struct demur_record r;
    struct demur_verdict verdict = {.verified = true};
    /* A verdict made for nothing does not excuse a forged record. */
    town_begin_by(w, DEMUR_RECORD_REVOKE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("m1"));
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->root.secret);
    REQUIRE(demur_record_parse(&r, buf_span(&w->out), NULL) == DEMUR_OK);
    CHECK_ERR(demur_channel_apply(w->c, w->now, &r, span_of(NULL, 0), &verdict, NULL),
              DEMUR_ERR_VERIFY);
    town_free(w);
}

TEST(channel_root_rotates_to_the_bound_key_only)
{
    struct town *w = state_town();
    REQUIRE(w);
    struct town_key other;
    uint8_t hash[32] = {1};
    town_key_make(w, &other);
    town_begin_by(w, DEMUR_RECORD_ROTATE, &other);
    demur_put_bytes(&w->out, DEMUR_FIELD_ROOT_KEY, span_of(other.public_key, 32));
    demur_put_hash(&w->out, DEMUR_FIELD_NEXT_ROOT, hash);
    CHECK_ERR(town_sign_send(w, &other), DEMUR_ERR_FORBIDDEN);
    uint8_t bound[32], wanted[32];
    demur_hash(wanted, span_of(w->next_root.public_key, 32));
    demur_channel_next_root(w->c, bound);
    CHECK(memcmp(bound, wanted, 32) == 0);
    town_begin_by(w, DEMUR_RECORD_ROTATE, &w->next_root);
    demur_put_bytes(&w->out, DEMUR_FIELD_ROOT_KEY, span_of(w->next_root.public_key, 32));
    demur_put_hash(&w->out, DEMUR_FIELD_NEXT_ROOT, hash);
    CHECK_ERR(town_sign_send(w, &w->next_root), DEMUR_OK);
    demur_channel_next_root(w->c, bound);
    CHECK(memcmp(bound, hash, 32) == 0);
    CHECK_ERR(town_grant(w, 5, "deputy-secretary"), DEMUR_ERR_FORBIDDEN); /* the old root */
    town_begin_by(w, DEMUR_RECORD_ROTATE, &w->next_root);
    demur_put_bytes(&w->out, DEMUR_FIELD_LOG_KEY, span_of(other.public_key, 32));
    CHECK_ERR(town_sign_send(w, &w->next_root), DEMUR_OK);
    uint8_t key[32];
    demur_channel_log_key(w->c, key);
    CHECK(memcmp(key, other.public_key, 32) == 0);
    town_free(w);
}

TEST(channel_ticks)
{
    struct town *w = state_town();
    REQUIRE(w);
    for (int n = 0; n < 2; n++) {
        town_begin_by(w, DEMUR_RECORD_TICK, &w->server);
        demur_put_text(&w->out, DEMUR_FIELD_DAY, span_lit("2026-11-20"));
        CHECK_ERR(town_sign_send(w, &w->server), n == 0 ? DEMUR_OK : DEMUR_ERR_REPLAY);
    }
    town_begin_by(w, DEMUR_RECORD_TICK, &w->server);
    demur_put_text(&w->out, DEMUR_FIELD_DAY, span_lit("2026-11-21"));
    CHECK_ERR(town_sign_send(w, &w->server), DEMUR_ERR_TIME);
    town_begin_by(w, DEMUR_RECORD_TICK, &w->root);
    demur_put_text(&w->out, DEMUR_FIELD_DAY, span_lit("2026-11-20"));
    CHECK_ERR(town_sign_send(w, &w->root), DEMUR_ERR_FORBIDDEN);
    town_free(w);
}

TEST(channel_views_are_whole_and_bounded)
{
    struct town *w = state_town();
    REQUIRE(w);
    struct town_case k;
    static uint8_t text[65536];
    CHECK_ERR(town_file(w, 0, 0, FIVE, &k), DEMUR_OK);
    struct buf b = buf_over(text, sizeof text);
    CHECK_ERR(demur_view_dissent(w->c, span_str(k.id), w->now, &b, NULL), DEMUR_OK);
    CHECK(span_starts(buf_span(&b), "{\"dissent\":\"") && text[b.len - 1] == '\n');
    for (size_t cap = 0; cap < b.len; cap += 97) {
        struct buf small = buf_over(text, cap);
        CHECK_ERR(demur_view_dissent(w->c, span_str(k.id), w->now, &small, NULL), DEMUR_ERR_SPACE);
    }
    CHECK_ERR(demur_view_dissent(w->c, span_lit("nobody"), w->now, &b, NULL), DEMUR_ERR_UNKNOWN);
    town_free(w);
}
