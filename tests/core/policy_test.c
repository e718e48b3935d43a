/* Policies: the files of policies/ executed as written, and the helpers of the fold. */
#include "../../core/policy.h"
#include "../test.h"

static struct demur_policy policy;
static struct demur_calendar calendars_parsed[2];
static struct demur_calendar_version versions[2];

static bool load(const char *name)
{
    struct demur_diag d = {0};
    if (demur_policy_parse(&policy, test_data(name), &d) == DEMUR_OK)
        return true;
    test_failed(__FILE__, __LINE__, "%s:%u:%u: %s", name, d.line, d.column, d.text);
    return false;
}

static struct demur_calendars calendars(void)
{
    static const char *const names[] = {"us-federal.calendar", "eu-weekdays.calendar"};
    for (size_t i = 0; i < 2; i++) {
        CHECK_ERR(demur_calendar_parse(&calendars_parsed[i], test_data(names[i]), NULL), DEMUR_OK);
        versions[i] = (struct demur_calendar_version){DEMUR_DAY_MIN, &calendars_parsed[i]};
    }
    return (struct demur_calendars){versions, 2};
}

static int64_t time_of(const char *text)
{
    int64_t t = 0;
    CHECK_ERR(demur_time_parse(&t, span_str(text), NULL), DEMUR_OK);
    return t;
}

static void check_time(int64_t got, const char *want, int line)
{
    char text[32] = "never";
    struct buf b = buf_over(text, sizeof text - 1);
    if (got != DEMUR_NEVER) {
        demur_time_put(&b, got, 0);
        text[b.len] = 0;
    }
    if (strcmp(text, want) != 0)
        test_failed(__FILE__, line, "%s, want %s", text, want);
}
#define CHECK_TIME(got, want) check_time(got, want, __LINE__)

static int role(const char *name) { return demur_policy_role(&policy, span_str(name)); }
static int stage(const char *name) { return demur_policy_stage(&policy, span_str(name)); }
static int step(const char *name) { return demur_policy_step(&policy, span_str(name)); }
static int clock_named(const char *name) { return demur_policy_clock(&policy, span_str(name)); }

#define ATTR(n, v)                                                                                 \
    {                                                                                              \
        span_lit(n), span_lit(v)                                                                   \
    }

TEST(policy_state_is_executable)
{
    REQUIRE(load("us-state-2-fam-070.policy"));
    CHECK_ERR(demur_policy_executable(&policy, NULL), DEMUR_OK);
    CHECK_SPAN(policy.name, span_lit("us-state-2-fam-070"));
    CHECK_SPAN(policy.calendar, span_lit("us-federal"));
    CHECK(policy.quota == 4 && policy.ring_min == 10 && policy.circulation);
    CHECK(policy.circulation_max.count == 60 && policy.circulation_max.unit == DEMUR_DAYS);
    CHECK(policy.identities ==
          (DEMUR_IDENTITY_NAMED | DEMUR_IDENTITY_OFFICE_ONLY | DEMUR_IDENTITY_ANONYMOUS));
    CHECK(policy.attachments_max == 10 && policy.attachment_bytes == 20u << 20);
    CHECK(policy.sections_len == 2 && policy.sections[0].need == DEMUR_NEED_OPTIONAL);
    CHECK_SPAN(policy.markings, span_lit("U or SBU"));
    CHECK(policy.marking == DEMUR_NEED_REQUIRED && policy.points == DEMUR_NEED_OPTIONAL);
    CHECK(policy.suppress_below == 5 && policy.keep_memo.count == 25);
    CHECK(policy.roster_kept_by == demur_set_of(role("roster-keeper")));
    CHECK(policy.expunge_by == demur_set_of(role("records-officer")));
    CHECK(policy.roles[role("agency-head")].for_each >= 0);
    CHECK(policy.roles[role("secretary")].for_each == -1 && policy.roles[role("secretary")].single);
    CHECK(policy.roles[role("secretary")].acting && !policy.roles[role("roster-keeper")].acting);
    CHECK(demur_policy_narrows_by(&policy, span_lit("bureau")));
    CHECK(!demur_policy_narrows_by(&policy, span_lit("citizenship")));
}

TEST(policy_state_eligibility)
{
    REQUIRE(load("us-state-2-fam-070.policy"));
    const struct demur_attribute officer[] = {ATTR("agency", "state"), ATTR("citizenship", "us"),
                                              ATTR("engagement", "employee"),
                                              ATTR("grade", "FS-01")},
                                 contractor[] = {ATTR("agency", "usaid"), ATTR("citizenship", "us"),
                                                 ATTR("engagement", "contractor")},
                                 local[] = {ATTR("agency", "state"), ATTR("citizenship", "other"),
                                            ATTR("engagement", "employee")};
    CHECK(demur_policy_eligible(&policy, officer, 4));
    CHECK(!demur_policy_eligible(&policy, contractor, 3));
    CHECK(!demur_policy_eligible(&policy, local, 3));
    CHECK(!demur_policy_eligible(&policy, NULL, 0));
    CHECK_ERR(demur_policy_attributes_check(&policy, officer, 4, NULL), DEMUR_OK);
    CHECK_ERR(demur_policy_attributes_check(&policy, officer, 2, NULL), DEMUR_ERR_MISSING);
    const struct demur_attribute twice[] = {ATTR("agency", "state"), ATTR("agency", "state")},
                                 unknown[] = {ATTR("rank", "high")},
                                 value[] = {ATTR("agency", "cia")},
                                 pattern[] = {ATTR("grade", "FS-1")},
                                 form[] = {ATTR("bureau", "-")};
    CHECK_ERR(demur_policy_attributes_check(&policy, twice, 2, NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_policy_attributes_check(&policy, unknown, 1, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_policy_attributes_check(&policy, value, 1, NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_policy_attributes_check(&policy, pattern, 1, NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_policy_attributes_check(&policy, form, 1, NULL), DEMUR_ERR_SYNTAX);
}

TEST(policy_state_distribution)
{
    REQUIRE(load("us-state-2-fam-070.policy"));
    const struct demur_attribute state[] = {ATTR("agency", "state")},
                                 usaid[] = {ATTR("agency", "usaid")};
    static const char *const five[] = {"secretary", "deputy-secretary", "under-secretary-p",
                                       "executive-secretary", "open-forum-chair"};
    for (size_t i = 0; i < DEMUR_COUNT(five); i++)
        CHECK(demur_policy_receives(&policy, role(five[i]), NULL, 0) == DEMUR_RECEIVES_MUST);
    CHECK(demur_policy_receives(&policy, role("policy-planning"), usaid, 1) == DEMUR_RECEIVES_MUST);
    CHECK(demur_policy_receives(&policy, role("agency-head"), usaid, 1) == DEMUR_RECEIVES_MUST);
    CHECK(demur_policy_receives(&policy, role("agency-head"), state, 1) == DEMUR_RECEIVES_NOT);
    CHECK(demur_policy_receives(&policy, role("agency-head"), NULL, 0) == DEMUR_RECEIVES_MAY);
    CHECK(demur_policy_receives(&policy, role("inspector-general"), NULL, 0) == DEMUR_RECEIVES_NOT);
    demur_set sp = demur_set_of(role("policy-planning")), taken = demur_set_of(step("refer"));
    CHECK(demur_policy_may_share(&policy, 0, true, role("secretary"), 0));
    CHECK(!demur_policy_may_share(&policy, 0, true, role("inspector-general"), taken));
    CHECK(demur_policy_may_share(&policy, sp, false, role("inspector-general"), taken));
    CHECK(!demur_policy_may_share(&policy, sp, false, role("inspector-general"), 0));
    CHECK(!demur_policy_may_share(&policy, ~sp, false, role("inspector-general"), taken));
    CHECK(!demur_policy_may_grant(&policy, ~(demur_set)0, role("secretary")));
}

/* Try a step with nothing but what is given. */
static enum demur_err try(const char *name, struct demur_act act, int *to, demur_set *entitled)
{
    act.step = step(name);
    return demur_policy_step_check(&policy, &act, to, entitled, NULL);
}

TEST(policy_state_steps)
{
    REQUIRE(load("us-state-2-fam-070.policy"));
    demur_set sp = demur_set_of(role("policy-planning")), entitled = 0;
    int to = -1;
    struct demur_act filed = {.roles = sp, .stage = stage("filed")};
    CHECK_ERR(try("acknowledge", filed, &to, &entitled), DEMUR_OK);
    CHECK(to == stage("acknowledged") && entitled == 0);
    filed.times_taken = 1;
    CHECK_ERR(try("acknowledge", filed, &to, &entitled), DEMUR_ERR_LIMIT);
    filed.times_taken = 0;
    CHECK_ERR(try("ask", filed, &to, &entitled), DEMUR_ERR_STAGE);
    CHECK_ERR(try("reply", filed, &to, &entitled), DEMUR_ERR_MISSING);
    filed.document = true;
    CHECK_ERR(try("reply", filed, &to, &entitled), DEMUR_OK);
    CHECK(to == stage("replied") && policy.stages[to].final == DEMUR_FINAL_REPLIED);
    CHECK_ERR(try("refer", filed, &to, &entitled), DEMUR_ERR_MISSING);
    filed.refer = span_lit("secretary");
    CHECK_ERR(try("refer", filed, &to, &entitled), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(try("reply", filed, &to, &entitled), DEMUR_ERR_SYNTAX);
    filed.refer = span_lit("inspector-general");
    CHECK_ERR(try("refer", filed, &to, &entitled), DEMUR_OK);
    CHECK(to == stage("referred") && entitled == demur_set_of(role("inspector-general")));
    filed.refer = (struct span){0};
    filed.until = true;
    CHECK_ERR(try("reply", filed, &to, &entitled), DEMUR_ERR_SYNTAX);
    filed.until = false;
    filed.outcome = span_lit("upheld");
    CHECK_ERR(try("reply", filed, &to, &entitled), DEMUR_ERR_SYNTAX);
    filed.outcome = (struct span){0};
    filed.roles = demur_set_of(role("secretary"));
    CHECK_ERR(try("reply", filed, &to, &entitled), DEMUR_ERR_FORBIDDEN);
    filed.author = true;
    CHECK_ERR(try("reply", filed, &to, &entitled), DEMUR_ERR_FORBIDDEN);
    CHECK_ERR(try("no-such-step", filed, &to, &entitled), DEMUR_ERR_UNKNOWN);
    struct demur_act asked = {.author = true, .stage = stage("asked")};
    CHECK_ERR(try("answer", asked, &to, &entitled), DEMUR_OK);
    CHECK(to == stage("acknowledged"));
    CHECK(demur_policy_step_as(&policy, DEMUR_AS_SAY, stage("asked"), 0) == step("answer"));
    CHECK(demur_policy_step_as(&policy, DEMUR_AS_SAY, stage("filed"), 0) == -1);
    CHECK(demur_policy_step_as(&policy, DEMUR_AS_WITHDRAW, stage("filed"), 0) == step("withdraw"));
    CHECK(demur_policy_step_as(&policy, DEMUR_AS_WITHDRAW, stage("replied"), 0) == -1);
}

TEST(policy_state_clocks)
{
    REQUIRE(load("us-state-2-fam-070.policy"));
    struct demur_calendars all = calendars();
    int64_t filed = time_of("2026-11-20T15:00:00Z"), target, limit;
    REQUIRE(demur_clock_due(&policy, clock_named("acknowledgement"), &all, filed, NULL, 0, NULL, 0,
                            &target, &limit, NULL) == DEMUR_OK);
    CHECK_TIME(target, "never");
    CHECK_TIME(limit, "2026-11-25T04:59:59Z"); /* the end of Tuesday the 24th in Washington */
    REQUIRE(demur_clock_due(&policy, clock_named("reply"), &all, filed, NULL, 0, NULL, 0, &target,
                            &limit, NULL) == DEMUR_OK);
    CHECK_TIME(target, "2027-01-07T04:59:59Z");
    CHECK_TIME(limit, "2027-02-20T04:59:59Z");
    struct demur_pause asked = {time_of("2026-12-01T15:00:00Z"), DEMUR_NEVER};
    REQUIRE(demur_clock_due(&policy, clock_named("reply"), &all, filed, &asked, 1, NULL, 0, &target,
                            &limit, NULL) == DEMUR_OK);
    CHECK_TIME(limit, "never");
    asked.until = time_of("2026-12-03T15:00:00Z"); /* the 1st and the 2nd do not count */
    REQUIRE(demur_clock_due(&policy, clock_named("reply"), &all, filed, &asked, 1, NULL, 0, &target,
                            &limit, NULL) == DEMUR_OK);
    CHECK_TIME(limit, "2027-02-24T04:59:59Z");
    int64_t start;
    CHECK_ERR(demur_clock_fallback(&policy, clock_named("reply"), &all, filed, &start),
              DEMUR_ERR_MISSING);
}

TEST(policy_company)
{
    REQUIRE(load("company.policy"));
    struct demur_calendars all = calendars();
    CHECK_ERR(demur_policy_executable(&policy, NULL), DEMUR_OK);
    CHECK(demur_policy_eligible(&policy, NULL, 0));
    int64_t filed = time_of("2026-04-01T10:00:00Z"), target, limit;
    REQUIRE(demur_clock_due(&policy, clock_named("acknowledgement"), &all, filed, NULL, 0, NULL, 0,
                            &target, &limit, NULL) == DEMUR_OK);
    CHECK_TIME(limit, "2026-04-07T21:59:59Z"); /* 2, 3 and 7 April: Easter lies between */
    REQUIRE(demur_clock_due(&policy, clock_named("reply"), &all, filed, NULL, 0, NULL, 0, &target,
                            &limit, NULL) == DEMUR_OK);
    CHECK_TIME(limit, "2026-05-15T21:59:59Z");
    struct demur_extension more = {.index = 0};
    REQUIRE(demur_clock_due(&policy, clock_named("reply"), &all, filed, NULL, 0, &more, 1, &target,
                            &limit, NULL) == DEMUR_OK);
    CHECK_TIME(limit, "2026-05-29T21:59:59Z");
    more.index = 1;
    CHECK_ERR(demur_clock_extension_check(&policy, clock_named("reply"), &all, NULL, 0, limit,
                                          &more, NULL),
              DEMUR_ERR_UNKNOWN);
    int appeal = demur_policy_step_as(&policy, DEMUR_AS_APPEAL, stage("answered"), 0);
    REQUIRE(appeal == step("appeal"));
    CHECK(policy.steps[appeal].only_before == clock_named("appeal-window"));
    CHECK(policy.steps[appeal].entitles == demur_set_of(role("board")));
    CHECK(policy.clocks[clock_named("appeal-window")].window);
}

/* Directive 2019/1937: three months from the acknowledgement, or from the end of
 * the seventh day after the report. */
TEST(policy_fallback)
{
    REQUIRE(load("eu-2019-1937.policy"));
    struct demur_calendars all = calendars();
    int64_t start, target, limit;
    REQUIRE(demur_clock_fallback(&policy, clock_named("feedback"), &all,
                                 time_of("2026-04-10T10:00:00Z"), &start) == DEMUR_OK);
    CHECK_TIME(start, "2026-04-17T21:59:59Z");
    REQUIRE(demur_clock_due(&policy, clock_named("feedback"), &all, start, NULL, 0, NULL, 0,
                            &target, &limit, NULL) == DEMUR_OK);
    CHECK_TIME(limit, "2026-07-17T21:59:59Z");
}

/* The NRC's EDO extends to a date: later than the limit, no later than allowed. */
TEST(policy_extension_to_a_date)
{
    REQUIRE(load("nrc-dpo.policy"));
    struct demur_calendars all = calendars();
    int64_t start = time_of("2026-01-05T15:00:00Z"), target, limit = 0;
    int clock = clock_named("disposition");
    REQUIRE(demur_clock_due(&policy, clock, &all, start, NULL, 0, NULL, 0, &target, &limit, NULL) ==
            DEMUR_OK);
    CHECK_TIME(limit, "2026-03-07T04:59:59Z");
    static const struct {
        const char *until;
        enum demur_err want;
        const char *limit;
    } cases[] = {
        {"2026-03-06T17:00:00Z", DEMUR_ERR_TIME, NULL}, /* the old limit's own day */
        {"2026-03-07T17:00:00Z", DEMUR_OK, "2026-03-08T04:59:59Z"},
        {"2026-07-04T17:00:00Z", DEMUR_OK, "2026-07-05T03:59:59Z"}, /* 120 days on */
        {"2026-07-05T17:00:00Z", DEMUR_ERR_TIME, NULL},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_extension e = {0, time_of(cases[i].until)};
        int64_t before = limit, after;
        CHECK_ERR(demur_clock_extension_check(&policy, clock, &all, NULL, 0, before, &e, NULL),
                  cases[i].want);
        CHECK_ERR(demur_clock_extension_check(&policy, clock, &all, NULL, 0, DEMUR_NEVER, &e, NULL),
                  DEMUR_ERR_TIME);
        if (!cases[i].limit)
            continue;
        REQUIRE(demur_clock_due(&policy, clock, &all, start, NULL, 0, &e, 1, &target, &after,
                                NULL) == DEMUR_OK);
        CHECK_TIME(after, cases[i].limit);
    }
    struct demur_extension two[] = {{0, time_of("2026-04-01T12:00:00Z")},
                                    {0, time_of("2026-07-30T12:00:00Z")}};
    REQUIRE(demur_clock_due(&policy, clock, &all, start, NULL, 0, two, 2, &target, &limit, NULL) ==
            DEMUR_OK);
    CHECK_TIME(limit, "2026-07-31T03:59:59Z");
}
