/* Calendars: the files of policies/ and vectors/calendar, what is refused, and
 * when periods end. */
#include "../../core/calendar.h"
#include "../test.h"

#define MAX_LOADED 6

struct set {
    struct demur_calendar parsed[MAX_LOADED];
    struct demur_calendar_version versions[MAX_LOADED];
    struct demur_calendars all;
};

/* Add a version of a text, in force from a day on. */
static bool add(struct set *s, struct span text, int32_t from_day)
{
    size_t n = s->all.versions_len;
    struct demur_diag diag = {0};
    if (demur_calendar_parse(&s->parsed[n], text, &diag) != DEMUR_OK) {
        test_failed(__FILE__, __LINE__, "%u:%u %s", diag.line, diag.column, diag.text);
        return false;
    }
    s->versions[n] = (struct demur_calendar_version){from_day, &s->parsed[n]};
    s->all = (struct demur_calendars){s->versions, n + 1};
    return true;
}

static bool load(struct set *s)
{
    *s = (struct set){0};
    return add(s, test_data("us-federal.calendar"), DEMUR_DAY_MIN) &&
           add(s, test_data("eu-weekdays.calendar"), DEMUR_DAY_MIN) &&
           add(s, test_data("calendar/post-sunday-thursday.calendar"), DEMUR_DAY_MIN) &&
           add(s, test_data("calendar/midnight-jump.calendar"), DEMUR_DAY_MIN);
}

static int32_t day(const char *text)
{
    struct demur_date d = {1970, 1, 1};
    if (!demur_date_parse(span_str(text), &d))
        test_failed(__FILE__, __LINE__, "not a date: %s", text);
    return demur_date_day(d);
}

static int64_t time_of(const char *text)
{
    int64_t t = 0;
    if (demur_time_parse(&t, span_str(text), NULL) != DEMUR_OK)
        test_failed(__FILE__, __LINE__, "not a time: %s", text);
    return t;
}

static const char *time_text(int64_t t)
{
    static char text[32];
    struct buf b = buf_over(text, sizeof text - 1);
    if (t == DEMUR_NEVER)
        buf_put_str(&b, "never");
    else
        demur_time_put(&b, t, 0);
    text[b.len] = 0;
    return text;
}

static const struct span us = {(const uint8_t *)"us-federal", 10};
static const struct span eu = {(const uint8_t *)"eu-weekdays", 11};
static const struct span post = {(const uint8_t *)"post-sunday-thursday", 20};
static const struct span jump = {(const uint8_t *)"midnight-jump", 13};

TEST(calendar_us_holidays)
{
    static struct set s;
    REQUIRE(load(&s));
    CHECK_ERR(demur_calendars_check(&s.all, us, NULL), DEMUR_OK);
    static const char *const closed[] = {
        "2021-12-31", /* 1 Jan 2022, a Saturday, observed in the old year */
        "2021-06-18", "2022-06-20", "2023-06-19", "2021-07-05", "2026-07-03", "2022-12-26",
        "2026-01-01", "2026-01-19", "2026-02-16", "2026-05-25", "2026-06-19", "2026-09-07",
        "2026-10-12", "2026-11-11", "2026-11-26", "2026-12-25", "2027-01-01", "2027-02-15"};
    static const char *const worked[] = {"2022-01-03", "2020-06-19", "2026-11-27",
                                         "2026-12-24", "2026-07-06", "2021-12-30"};
    for (size_t i = 0; i < DEMUR_COUNT(closed); i++)
        if (demur_working_day(&s.all, us, day(closed[i])) ||
            demur_holiday_on(&s.all, us, day(closed[i])).len == 0)
            test_failed(__FILE__, __LINE__, "%s is worked", closed[i]);
    for (size_t i = 0; i < DEMUR_COUNT(worked); i++)
        if (!demur_working_day(&s.all, us, day(worked[i])))
            test_failed(__FILE__, __LINE__, "%s is not worked", worked[i]);
    CHECK_SPAN(demur_holiday_on(&s.all, us, day("2021-12-31")), span_lit("New Year's Day"));
    /* A Saturday holiday moves: the day itself is a Saturday like any other. */
    CHECK(demur_holiday_on(&s.all, us, day("2022-01-01")).len == 0);
}

/* Every federal holiday of 2011 to 2030, counted: 10 a year before Juneteenth,
 * 11 from then on; New Year's Day may be kept in the year before. */
TEST(calendar_us_holidays_are_counted)
{
    static struct set s;
    REQUIRE(load(&s));
    int count = 0;
    for (int32_t d = day("2011-01-01"); d <= day("2030-12-31"); d++)
        if (demur_holiday_on(&s.all, us, d).len > 0)
            count++;
    /* 10 years of 10, 10 of 11; 1 Jan 2011 was kept on 31 Dec 2010, outside. */
    CHECK(count == 10 * 10 + 10 * 11 - 1);
}

TEST(calendar_layers)
{
    static struct set s;
    REQUIRE(load(&s));
    CHECK_ERR(demur_calendars_check(&s.all, post, NULL), DEMUR_OK);
    static const struct {
        const char *day;
        bool worked;
    } cases[] =
        {
            {"2026-06-28", false},                       /* Sunday, before the week changed */
            {"2026-07-01", true},  {"2026-07-05", true}, /* Sundays are worked from then on */
            {"2026-07-10", false}, {"2026-07-11", false},
            {"2026-10-12", true},  /* Columbus Day, done without */
            {"2026-11-26", false}, /* included */
            {"2026-12-02", false}, /* its own */
            {"2026-03-19", false}, {"2026-11-22", false},
            {"2026-11-27", true},  {"2026-06-20", false},
            {"2026-05-18", false}, {"2026-05-25", false},
        };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++)
        if (demur_working_day(&s.all, post, day(cases[i].day)) != cases[i].worked)
            test_failed(__FILE__, __LINE__, "%s", cases[i].day);
    CHECK(demur_local_offset(&s.all, post, time_of("2026-12-31T19:59:59Z")) == 4 * 3600);
    CHECK(demur_local_offset(&s.all, post, time_of("2026-12-31T20:00:00Z")) == 3 * 3600);
}

TEST(calendar_daylight_edges)
{
    static struct set s;
    REQUIRE(load(&s));
    static const struct {
        const struct span *name;
        const char *time;
        int32_t offset_h;
    } cases[] = {
        {&us, "2026-03-08T06:59:59Z", -5},   {&us, "2026-03-08T07:00:00Z", -4},
        {&us, "2026-11-01T05:59:59Z", -4},   {&us, "2026-11-01T06:00:00Z", -5},
        {&us, "2006-04-02T07:00:00Z", -4},   {&us, "2006-10-29T06:00:00Z", -5},
        {&us, "2007-03-11T07:00:00Z", -4},   {&us, "1980-07-01T00:00:00Z", -5},
        {&eu, "2026-03-29T00:59:59Z", 1},    {&eu, "2026-03-29T01:00:00Z", 2},
        {&eu, "2026-10-25T00:59:59Z", 2},    {&eu, "2026-10-25T01:00:00Z", 1},
        {&jump, "2018-01-01T00:00:00Z", -2}, {&jump, "2018-02-18T01:59:59Z", -2},
        {&jump, "2018-02-18T02:00:00Z", -3}, {&jump, "2018-10-21T03:00:00Z", -2},
        {&jump, "2019-02-17T02:59:59Z", -2}, {&jump, "2019-02-17T03:00:00Z", -3},
        {&jump, "2020-01-01T00:00:00Z", -3},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        int32_t got = demur_local_offset(&s.all, *cases[i].name, time_of(cases[i].time));
        if (got != cases[i].offset_h * 3600)
            test_failed(__FILE__, __LINE__, "%s: %d", cases[i].time, got);
    }
}

TEST(calendar_midnight)
{
    static struct set s;
    REQUIRE(load(&s));
    CHECK(demur_local_midnight(&s.all, us, day("2026-03-08")) == time_of("2026-03-08T05:00:00Z"));
    CHECK(demur_local_day_end(&s.all, us, day("2026-03-08")) == time_of("2026-03-09T03:59:59Z"));
    CHECK(demur_local_day_end(&s.all, us, day("2026-11-01")) == time_of("2026-11-02T04:59:59Z"));
    /* 21 October 2018 begins at 01:00: there was no midnight. */
    CHECK(demur_local_midnight(&s.all, jump, day("2018-10-21")) == time_of("2018-10-21T03:00:00Z"));
    /* The evening of 17 February 2018 came twice; the 18th begins after the second. */
    CHECK(demur_local_midnight(&s.all, jump, day("2018-02-18")) == time_of("2018-02-18T03:00:00Z"));
    for (int32_t d = day("2009-01-01"); d < day("2020-01-01"); d++) {
        int64_t start = demur_local_midnight(&s.all, jump, d);
        if (demur_local_day(&s.all, jump, start) != d ||
            demur_local_day(&s.all, jump, start - 1) != d - 1)
            test_failed(__FILE__, __LINE__, "day %d", d);
    }
    CHECK(!demur_working_day(&s.all, jump, day("2028-02-29")));
    CHECK(demur_working_day(&s.all, jump, day("2027-02-28")));
    CHECK(demur_working_day(&s.all, jump, day("2027-03-01")));
}

struct due_case {
    const struct span *calendar;
    const char *start;
    uint32_t count;
    enum demur_unit unit;
    const char *due; /* the last second */
};

static void check_due(const struct set *s, const struct due_case *c, struct demur_counting counting)
{
    int64_t due = 0;
    enum demur_err err =
        demur_due(&s->all, *c->calendar, time_of(c->start),
                  (struct demur_period){c->count, c->unit}, counting, NULL, 0, &due);
    if (err != DEMUR_OK || strcmp(time_text(due), c->due) != 0)
        test_failed(__FILE__, __LINE__, "%s + %u of unit %d: %s, want %s", c->start, c->count,
                    (int)c->unit, time_text(due), c->due);
}

TEST(calendar_due)
{
    static struct set s;
    REQUIRE(load(&s));
    static const struct due_case cases[] = {
        /* The worked example: filed on Friday 20 November 2026. */
        {&us, "2026-11-20T15:00:00Z", 2, DEMUR_WORKING_DAYS, "2026-11-25T04:59:59Z"},
        {&us, "2026-11-20T15:00:00Z", 30, DEMUR_WORKING_DAYS, "2027-01-07T04:59:59Z"},
        {&us, "2026-11-20T15:00:00Z", 60, DEMUR_WORKING_DAYS, "2027-02-20T04:59:59Z"},
        /* Late in the evening of the 20th in Washington: the same. */
        {&us, "2026-11-21T04:59:59Z", 2, DEMUR_WORKING_DAYS, "2026-11-25T04:59:59Z"},
        /* A second later it is Saturday: Monday is day 1. */
        {&us, "2026-11-21T05:00:00Z", 2, DEMUR_WORKING_DAYS, "2026-11-25T04:59:59Z"},
        {&us, "2026-11-20T15:00:00Z", 7, DEMUR_DAYS, "2026-11-28T04:59:59Z"},
        {&us, "2026-10-30T15:00:00Z", 3, DEMUR_DAYS, "2026-11-03T04:59:59Z"},
        {&us, "2026-11-20T15:00:00Z", 72, DEMUR_HOURS, "2026-11-23T15:00:00Z"},
        {&us, "2026-11-20T15:00:00Z", 2, DEMUR_WEEKS, "2026-12-05T04:59:59Z"},
        {&us, "2026-11-30T15:00:00Z", 3, DEMUR_MONTHS, "2027-03-01T04:59:59Z"},
        {&us, "2028-02-29T15:00:00Z", 1, DEMUR_YEARS, "2029-03-01T04:59:59Z"},
        {&us, "2028-01-31T15:00:00Z", 1, DEMUR_MONTHS, "2028-03-01T04:59:59Z"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++)
        check_due(&s, &cases[i], (struct demur_counting){0});
}

TEST(calendar_due_by_other_rules)
{
    static struct set s;
    REQUIRE(load(&s));
    const struct demur_counting next = {.ending = DEMUR_ENDING_NEXT_WORKING_DAY},
                                back = {.ending = DEMUR_ENDING_PREVIOUS_WORKING_DAY},
                                same = {.event_day_counts = true},
                                received = {.received_on_working_day = true},
                                regulation = {.ending = DEMUR_ENDING_NEXT_WORKING_DAY,
                                              .two_working_days = true};
    static const struct due_case next_cases[] = {
        /* Regulation 1182/71: 3 days from Thursday 2 April 2026 end on Easter
         * Sunday, and so with Tuesday the 7th. */
        {&eu, "2026-04-02T10:00:00Z", 3, DEMUR_DAYS, "2026-04-07T21:59:59Z"},
        {&eu, "2026-01-25T10:00:00Z", 3, DEMUR_MONTHS, "2026-04-27T21:59:59Z"},
        {&eu, "2026-04-03T10:00:00Z", 24, DEMUR_HOURS, "2026-04-04T10:00:00Z"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(next_cases); i++)
        check_due(&s, &next_cases[i], next);
    static const struct due_case two_cases[] = {
        /* From Good Friday, 4 days hold one working day only: the 7th; the 8th is added. */
        {&eu, "2026-04-03T10:00:00Z", 4, DEMUR_DAYS, "2026-04-08T21:59:59Z"},
        {&eu, "2026-04-03T10:00:00Z", 1, DEMUR_DAYS, "2026-04-07T21:59:59Z"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(two_cases); i++)
        check_due(&s, &two_cases[i], regulation);
    static const struct due_case back_case = {&eu, "2026-04-02T10:00:00Z", 3, DEMUR_DAYS,
                                              "2026-04-03T21:59:59Z"};
    check_due(&s, &back_case, back);
    static const struct due_case same_cases[] = {
        {&us, "2026-11-20T15:00:00Z", 2, DEMUR_WORKING_DAYS, "2026-11-24T04:59:59Z"},
        {&us, "2026-11-20T15:00:00Z", 1, DEMUR_MONTHS, "2026-12-20T04:59:59Z"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(same_cases); i++)
        check_due(&s, &same_cases[i], same);
    static const struct due_case received_cases[] = {
        {&us, "2026-11-21T15:00:00Z", 2, DEMUR_WORKING_DAYS, "2026-11-26T04:59:59Z"},
        {&us, "2026-11-21T15:00:00Z", 24, DEMUR_HOURS, "2026-11-24T05:00:00Z"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(received_cases); i++)
        check_due(&s, &received_cases[i], received);
}

static void check_paused(const struct set *s, struct demur_period period, const char *from,
                         const char *until, const char *want)
{
    struct demur_pause pause = {time_of(from), until ? time_of(until) : DEMUR_NEVER};
    int64_t due = 0;
    enum demur_err err = demur_due(&s->all, us, time_of("2026-11-20T15:00:00Z"), period,
                                   (struct demur_counting){0}, &pause, 1, &due);
    if (err != DEMUR_OK || strcmp(time_text(due), want) != 0)
        test_failed(__FILE__, __LINE__, "paused from %s: %s, want %s", from, time_text(due), want);
}

TEST(calendar_pauses)
{
    static struct set s;
    REQUIRE(load(&s));
    const struct demur_period five = {5, DEMUR_WORKING_DAYS}, week = {7, DEMUR_DAYS},
                              hours = {48, DEMUR_HOURS}, month = {1, DEMUR_MONTHS};
    /* Without a pause: Monday 30 November (Thanksgiving lies between). */
    check_paused(&s, five, "2026-11-20T16:00:00Z", "2026-11-20T17:00:00Z", "2026-12-01T04:59:59Z");
    /* From Tuesday to Friday: Tuesday, Wednesday do not count, Friday does. */
    check_paused(&s, five, "2026-11-24T16:00:00Z", "2026-11-27T17:00:00Z", "2026-12-03T04:59:59Z");
    /* Nothing falls due while the clock stands still, not even on the last day. */
    check_paused(&s, five, "2026-11-30T16:00:00Z", NULL, "never");
    check_paused(&s, five, "2026-12-01T05:00:00Z", NULL, "2026-12-01T04:59:59Z");
    check_paused(&s, week, "2026-11-22T16:00:00Z", "2026-11-25T16:00:00Z", "2026-12-01T04:59:59Z");
    check_paused(&s, month, "2026-12-20T16:00:00Z", "2026-12-22T16:00:00Z", "2026-12-23T04:59:59Z");
    check_paused(&s, hours, "2026-11-21T00:00:00Z", "2026-11-21T06:30:00Z", "2026-11-22T21:30:00Z");
    check_paused(&s, hours, "2026-11-22T15:00:00Z", NULL, "never");
    check_paused(&s, hours, "2026-11-22T15:00:01Z", NULL, "2026-11-22T15:00:00Z");
    /* A pause that was over before the start does not matter. */
    check_paused(&s, hours, "2026-11-19T15:00:01Z", "2026-11-20T14:00:00Z", "2026-11-22T15:00:00Z");
}

TEST(calendar_versions)
{
    static struct set s;
    s = (struct set){0};
    REQUIRE(add(&s,
                span_lit("demur calendar v1\ncalendar c\nzone X\n  standard -05:00\n"
                         "weekend saturday and sunday\n"),
                DEMUR_DAY_MIN));
    struct span c = span_lit("c");
    CHECK(demur_calendar_from_day(&s.all, span_lit("d"), 0) == DEMUR_DAY_MIN);
    /* An order on the evening of the 23rd, local time, closes the 24th and the past. */
    int64_t at = time_of("2026-12-24T03:00:00Z");
    int32_t from = demur_calendar_from_day(&s.all, c, at);
    CHECK(from == day("2026-12-24"));
    REQUIRE(add(&s,
                span_lit("demur calendar v1\ncalendar c\nzone X\n  standard -05:00\n"
                         "weekend saturday and sunday\nclosed 2026-12-22\nclosed 2026-12-24\n"),
                from));
    CHECK(demur_working_day(&s.all, c, day("2026-12-22")));
    CHECK(!demur_working_day(&s.all, c, day("2026-12-24")));
    CHECK(demur_calendar_from_day(&s.all, c, time_of("2026-01-01T00:00:00Z")) == from);
}

/* A calendar of that name in a fixed zone; text must stay. */
static struct span zone_text(char text[static 160], const char *name, int32_t offset_s)
{
    unsigned m = (unsigned)(offset_s < 0 ? -offset_s : offset_s) / 60;
    snprintf(text, 160,
             "demur calendar v1\ncalendar %s\nzone X\n  standard %c%02u:%02u\nweekend none\n", name,
             offset_s < 0 ? '-' : '+', m / 60, m % 60);
    return span_str(text);
}

/* West of Greenwich the evening's UTC day is the next local day already: a new zone
 * must not begin with it. */
TEST(calendar_zone_edit_leaves_its_own_day)
{
    static struct set s;
    static char old[160], new[160];
    struct span c = span_lit("c");
    s = (struct set){0};
    REQUIRE(add(&s, zone_text(old, "c", -5 * 3600), DEMUR_DAY_MIN));
    int64_t filed = time_of("2026-11-21T00:30:00Z"), edit = time_of("2026-11-21T01:00:00Z");
    int32_t from = demur_calendar_from_day(&s.all, c, edit);
    CHECK(from == day("2026-11-21"));
    REQUIRE(add(&s, zone_text(new, "c", 0), from));
    CHECK(demur_local_day(&s.all, c, filed) == day("2026-11-20"));
    CHECK(demur_local_offset(&s.all, c, time_of("2026-11-21T04:59:59Z")) == -5 * 3600);
    CHECK(demur_local_offset(&s.all, c, time_of("2026-11-21T05:00:00Z")) == 0);
    CHECK(demur_local_midnight(&s.all, c, from) == time_of("2026-11-21T05:00:00Z"));
    CHECK(demur_local_day_end(&s.all, c, from) == time_of("2026-11-21T23:59:59Z"));
}

/* Any zone after any other, again and again: nothing up to the entry moves. */
TEST(calendar_edits_leave_what_was)
{
    static struct set s;
    static char texts[MAX_LOADED][160];
    struct span c = span_lit("c");
    uint64_t seed = 14;
    for (int round = 0; round < (test_quick() ? 40 : 400); round++) {
        s = (struct set){0};
        int64_t at = time_of("2026-11-20T00:00:00Z");
        for (size_t v = 0; v < MAX_LOADED; v++) {
            int32_t offsets[80], days[80], midnight_day = 0;
            int64_t midnight = 0;
            for (int k = 0; v > 0 && k < 80; k++) {
                offsets[k] = demur_local_offset(&s.all, c, at - k * 1801);
                days[k] = demur_local_day(&s.all, c, at - k * 1801);
            }
            if (v > 0) {
                midnight_day = demur_local_day(&s.all, c, at);
                midnight = demur_local_midnight(&s.all, c, midnight_day);
            }
            int32_t offset = (int32_t)(test_random_u64(&seed) % 61 * 1800) - 15 * 3600;
            REQUIRE(
                add(&s, zone_text(texts[v], "c", offset), demur_calendar_from_day(&s.all, c, at)));
            for (int k = 0; v > 0 && k < 80; k++)
                if (demur_local_offset(&s.all, c, at - k * 1801) != offsets[k] ||
                    demur_local_day(&s.all, c, at - k * 1801) != days[k])
                    test_failed(__FILE__, __LINE__, "round %d, edit %zu, %d", round, v, k);
            CHECK(v == 0 || demur_local_midnight(&s.all, c, midnight_day) == midnight);
            at += (int64_t)(test_random_u64(&seed) % (40 * 3600));
        }
    }
}

/* A layer is edited by a clock of its own: here none, elsewhere that of Washington.
 * Where a calendar further east counts by it, the edit waits for the morrow there. */
TEST(calendar_edit_of_a_layer_waits_for_every_morrow)
{
    static struct set s;
    static char east[160];
    s = (struct set){0};
    REQUIRE(add(&s, span_lit("demur calendar v1\ncalendar days\n"), DEMUR_DAY_MIN));
    struct span days = span_lit("days"), tokyo = span_lit("tokyo");
    int64_t at = time_of("2026-11-20T23:00:00Z"); /* 08:00 on the 21st in Tokyo */
    CHECK(demur_calendar_from_day(&s.all, days, at) == day("2026-11-21"));
    snprintf(east, sizeof east,
             "demur calendar v1\ncalendar tokyo\n  include days\nzone Japan\n  standard +09:00\n"
             "weekend none\n");
    REQUIRE(add(&s, span_str(east), DEMUR_DAY_MIN));
    int32_t from = demur_calendar_from_day(&s.all, days, at);
    CHECK(from == day("2026-11-22"));
    REQUIRE(add(
        &s, span_lit("demur calendar v1\ncalendar days\nclosed 2026-11-21\nclosed 2026-11-22\n"),
        from));
    CHECK(demur_working_day(&s.all, tokyo, day("2026-11-21")));
    CHECK(!demur_working_day(&s.all, tokyo, day("2026-11-22")));
}

TEST(calendar_check)
{
    static struct set s;
    struct demur_diag diag;
    s = (struct set){0};
    REQUIRE(add(&s, span_lit("demur calendar v1\ncalendar a\n  include b\nweekend none\n"),
                DEMUR_DAY_MIN));
    CHECK_ERR(demur_calendars_check(&s.all, span_lit("x"), &diag), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_calendars_check(&s.all, span_lit("a"), &diag), DEMUR_ERR_UNKNOWN);
    REQUIRE(add(&s, span_lit("demur calendar v1\ncalendar b\n"), DEMUR_DAY_MIN));
    CHECK_ERR(demur_calendars_check(&s.all, span_lit("a"), &diag), DEMUR_ERR_MISSING);
    CHECK(strstr(diag.text, "zone"));
    CHECK_ERR(demur_calendars_check(&s.all, span_lit("b"), &diag), DEMUR_ERR_MISSING);
    REQUIRE(add(&s, span_lit("demur calendar v1\ncalendar b\nzone Z\n  standard +02:00\n"), 100));
    CHECK_ERR(demur_calendars_check(&s.all, span_lit("a"), NULL), DEMUR_OK);
    CHECK_ERR(demur_calendars_check(&s.all, span_lit("b"), &diag), DEMUR_ERR_MISSING);
    CHECK(strstr(diag.text, "weekend"));
    CHECK(demur_local_offset(&s.all, span_lit("a"), 200 * 86400) == 7200);
    REQUIRE(add(&s, span_lit("demur calendar v1\ncalendar b\n  include a\n"), 200));
    CHECK_ERR(demur_calendars_check(&s.all, span_lit("a"), &diag), DEMUR_ERR_LIMIT);
    /* Questions about a circle still end. */
    CHECK(demur_working_day(&s.all, span_lit("a"), 300));
}

/* A calendar is asked on every day of a period, and everything below it too. */
TEST(calendar_layers_are_few)
{
    static struct set s;
    static char texts[MAX_LOADED][200];
    static const struct {
        const char *includes[4]; /* of the top, and of the three below it */
        enum demur_err want;
    } cases[] = {
        {{"b c d", "", "", ""}, DEMUR_OK},
        {{"b c d", "e", "e", "e e2"}, DEMUR_OK}, /* a, b, c, d, e thrice, e2: eight */
        {{"b c d", "e e2", "e", "e e2"}, DEMUR_ERR_LIMIT},
    };
    static const char *const names[] = {"a", "b", "c", "d", "e", "e2"};
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_diag diag = {0};
        s = (struct set){0};
        for (size_t n = 0; n < DEMUR_COUNT(names); n++) {
            struct buf b = buf_over(texts[n], sizeof texts[n]);
            buf_put_str(&b, "demur calendar v1\ncalendar ");
            buf_put_str(&b, names[n]);
            buf_put_str(&b, "\n");
            struct span rest = span_str(n < 4 ? cases[i].includes[n] : "");
            while (rest.len) {
                bool more;
                buf_put_str(&b, "  include ");
                buf_put_span(&b, span_split(&rest, ' ', &more));
                buf_put_str(&b, "\n");
            }
            buf_put_str(&b, n ? "" : "zone Z\n  standard +00:00\nweekend none\n");
            REQUIRE(add(&s, buf_span(&b), DEMUR_DAY_MIN));
        }
        CHECK_ERR(demur_calendars_check(&s.all, span_lit("a"), &diag), cases[i].want);
        CHECK(cases[i].want == DEMUR_OK || strstr(diag.text, "8"));
    }
}

/* A century with as many pauses as a case can have: each takes a day out. */
TEST(calendar_long_pauses)
{
    static struct set s;
    static struct demur_pause pauses[200];
    REQUIRE(load(&s));
    int64_t start = time_of("2026-11-20T15:00:00Z"), due;
    for (size_t i = 0; i < DEMUR_COUNT(pauses); i++) {
        pauses[i].from = start + (int64_t)(i + 1) * 180 * 86400;
        pauses[i].until = pauses[i].from + 86400;
    }
    struct demur_period century = {100, DEMUR_YEARS};
    struct demur_counting back = {.ending = DEMUR_ENDING_PREVIOUS_WORKING_DAY};
    REQUIRE(demur_due(&s.all, us, start, century, (struct demur_counting){0}, pauses, 200, &due) ==
            DEMUR_OK);
    CHECK_SPAN(span_str(time_text(due)), span_lit("2127-06-09T03:59:59Z"));
    REQUIRE(demur_due(&s.all, us, start, century, back, pauses, 200, &due) == DEMUR_OK);
    CHECK_SPAN(span_str(time_text(due)), span_lit("2127-06-07T03:59:59Z"));
}

TEST(calendar_due_limits)
{
    static struct set s;
    REQUIRE(load(&s));
    int64_t due;
    struct demur_counting none = {0};
    CHECK_ERR(demur_due(&s.all, us, DEMUR_TIME_MAX, (struct demur_period){1, DEMUR_DAYS}, none,
                        NULL, 0, &due),
              DEMUR_ERR_TIME);
    CHECK_ERR(
        demur_due(&s.all, us, 0, (struct demur_period){9999, DEMUR_YEARS}, none, NULL, 0, &due),
        DEMUR_ERR_TIME);
    CHECK_ERR(demur_due(&s.all, us, 0, (struct demur_period){0, DEMUR_DAYS}, none, NULL, 0, &due),
              DEMUR_ERR_TIME);
    CHECK_ERR(demur_due(&s.all, us, DEMUR_TIME_MAX - 10, (struct demur_period){9999, DEMUR_HOURS},
                        none, NULL, 0, &due),
              DEMUR_ERR_TIME);
    CHECK_ERR(demur_due(&s.all, us, INT64_MIN, (struct demur_period){1, DEMUR_HOURS}, none, NULL, 0,
                        &due),
              DEMUR_ERR_TIME);
    CHECK_ERR(demur_due(&s.all, us, 0, (struct demur_period){9999, DEMUR_WORKING_DAYS}, none, NULL,
                        0, &due),
              DEMUR_OK);
}

/* vectors/calendar/bad: NAME.want holds `line:column code sentence`. */
TEST(calendar_bad_files)
{
    static struct demur_calendar c;
    int seen = 0;
    const char *name;
    for (size_t i = 0; (name = test_data_name(i)); i++) {
        size_t len = strlen(name);
        if (strncmp(name, "calendar/bad/", 13) != 0 || strcmp(name + len - 9, ".calendar") != 0)
            continue;
        char want_name[120], got[400];
        struct demur_diag d = {0};
        CHECK(demur_calendar_parse(&c, test_data(name), &d) != DEMUR_OK);
        CHECK(c.name.len == 0 && c.holidays_len == 0 && c.edits_len == 0);
        snprintf(want_name, sizeof want_name, "%.*s.want", (int)(len - 9), name);
        snprintf(got, sizeof got, "%u:%u %s %s\n", d.line, d.column, demur_err_name(d.code),
                 d.text);
        if (!span_eq_str(test_data(want_name), got))
            test_failed(__FILE__, __LINE__, "%s: %s", name, got);
        seen++;
    }
    CHECK(seen > 40);
}
