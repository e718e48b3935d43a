/* Dates: both ways over every day there is, and the exact texts. */
#include "../../core/civil.h"
#include "../test.h"

TEST(civil_every_day_round_trips)
{
    struct demur_date want = {1, 1, 1};
    for (int32_t day = DEMUR_DAY_MIN; day <= DEMUR_DAY_MAX; day++) {
        struct demur_date got = demur_day_date(day);
        if (got.year != want.year || got.month != want.month || got.day != want.day ||
            demur_date_day(want) != day || !demur_date_ok(want)) {
            test_failed(__FILE__, __LINE__, "day %d", day);
            return;
        }
        if (++want.day > demur_month_days(want.year, want.month)) {
            want.day = 1;
            if (++want.month > 12) {
                want.month = 1;
                want.year++;
            }
        }
    }
    CHECK(want.year == 10000);
}

TEST(civil_known_days)
{
    CHECK(demur_date_day((struct demur_date){1970, 1, 1}) == 0);
    CHECK(demur_date_day((struct demur_date){2000, 3, 1}) == 11017);
    CHECK(demur_day_weekday(0) == DEMUR_THURSDAY);
    CHECK(demur_day_weekday(-1) == DEMUR_WEDNESDAY);
    CHECK(demur_day_weekday(demur_date_day((struct demur_date){2026, 11, 20})) == DEMUR_FRIDAY);
    CHECK(demur_leap_year(2000) && demur_leap_year(2028) && !demur_leap_year(1900) &&
          !demur_leap_year(2026));
    CHECK(demur_month_days(2028, 2) == 29 && demur_month_days(2100, 2) == 28);
    CHECK(demur_month_days(2028, 0) == 0 && demur_month_days(2028, 13) == 0);
}

TEST(civil_out_of_range_is_clamped)
{
    CHECK(demur_time_day(INT64_MIN) == DEMUR_DAY_MIN && demur_time_day(INT64_MAX) == DEMUR_DAY_MAX);
    CHECK(demur_day_date(INT32_MIN).year == 1 && demur_day_date(INT32_MAX).year == 9999);
    CHECK(demur_day_weekday(INT32_MAX) == DEMUR_FRIDAY);
    CHECK(demur_day_add_months(0, INT32_MAX) == DEMUR_DAY_MAX);
    CHECK(demur_day_add_months(0, INT32_MIN) == DEMUR_DAY_MIN);
    CHECK(demur_epoch_start(0) == DEMUR_TIME_MIN);
    CHECK(demur_time_day(-1) == -1 && demur_time_day(-86400) == -1 && demur_time_day(-86401) == -2);
}

static int32_t plus_months(const char *from, int32_t months)
{
    struct demur_date d = {1970, 1, 1};
    CHECK(demur_date_parse(span_str(from), &d));
    return demur_day_add_months(demur_date_day(d), months);
}

static bool is_date(int32_t day, const char *want)
{
    char text[16];
    struct buf b = buf_over(text, sizeof text);
    demur_date_put(&b, demur_day_date(day));
    return span_eq_str(buf_span(&b), want);
}

TEST(civil_months)
{
    CHECK(is_date(plus_months("2027-01-31", 1), "2027-02-28"));
    CHECK(is_date(plus_months("2028-01-31", 1), "2028-02-29"));
    CHECK(is_date(plus_months("2026-11-30", 3), "2027-02-28"));
    CHECK(is_date(plus_months("2026-12-15", 1), "2027-01-15"));
    CHECK(is_date(plus_months("2028-02-29", 12), "2029-02-28"));
    CHECK(is_date(plus_months("2028-03-31", -1), "2028-02-29"));
    CHECK(is_date(plus_months("2026-01-10", -13), "2024-12-10"));
}

/* Easter by another road: the Gregorian one by Butcher's steps of 1876. */
static int32_t butcher(int32_t y)
{
    int32_t a = y % 19, b = y / 100, c = y % 100, d = b / 4, e = b % 4, f = (b + 8) / 25,
            g = (b - f + 1) / 3, h = (19 * a + b - d - g + 15) % 30, i = c / 4, k = c % 4,
            l = (32 + 2 * e + 2 * i - h - k) % 7, m = (a + 11 * h + 22 * l) / 451,
            n = h + l - 7 * m + 114;
    return demur_date_day((struct demur_date){y, (uint8_t)(n / 31), (uint8_t)(n % 31 + 1)});
}

TEST(civil_easter)
{
    for (int32_t y = 1583; y <= 9999; y++)
        if (demur_easter_day(y, false) != butcher(y)) {
            test_failed(__FILE__, __LINE__, "Easter %d", y);
            return;
        }
    CHECK(is_date(demur_easter_day(2026, false), "2026-04-05"));
    CHECK(is_date(demur_easter_day(2025, true), "2025-04-20"));
    CHECK(is_date(demur_easter_day(2024, true), "2024-05-05"));
    CHECK(is_date(demur_easter_day(2021, true), "2021-05-02"));
    CHECK(is_date(demur_easter_day(2016, true), "2016-05-01"));
    CHECK(is_date(demur_easter_day(2010, true), "2010-04-04"));
}

TEST(civil_date_text)
{
    static const char *const bad[] = {"",           "2026-2-01",   "2026-02-29", "2026-13-01",
                                      "0000-01-01", "2026-00-10",  "2026-01-00", "2026-01-32",
                                      "2026/01/01", "2026-01-011", "+026-01-01"};
    struct demur_date d;
    for (size_t i = 0; i < DEMUR_COUNT(bad); i++)
        if (demur_date_parse(span_str(bad[i]), &d))
            test_failed(__FILE__, __LINE__, "took %s", bad[i]);
    REQUIRE(demur_date_parse(span_lit("2028-02-29"), &d));
    CHECK(d.year == 2028 && d.month == 2 && d.day == 29);
}

TEST(civil_time_text)
{
    static const struct {
        int64_t time;
        int32_t offset_s;
        const char *text;
    } cases[] = {
        {0, 0, "1970-01-01T00:00:00Z"},
        {1795183509, 0, "2026-11-20T14:05:09Z"},
        {1795183509, -18000, "2026-11-20T09:05:09-05:00"},
        {1795183509, 20700, "2026-11-20T19:50:09+05:45"},
        {-1, 0, "1969-12-31T23:59:59Z"},
        {DEMUR_TIME_MIN, 0, "0001-01-01T00:00:00Z"},
        {DEMUR_TIME_MAX, 0, "9999-12-31T23:59:59Z"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        char text[32];
        struct buf b = buf_over(text, sizeof text);
        demur_time_put(&b, cases[i].time, cases[i].offset_s);
        CHECK_SPAN(buf_span(&b), span_str(cases[i].text));
        int64_t back = 1;
        CHECK_ERR(demur_time_parse(&back, span_str(cases[i].text), NULL), DEMUR_OK);
        CHECK(back == cases[i].time);
    }
}

TEST(civil_time_text_refused)
{
    static const char *const bad[] = {
        "2026-11-20T14:05:09",       "2026-11-20t14:05:09Z",      "2026-11-20T14:05:09z",
        "2026-11-20 14:05:09Z",      "2026-11-20T24:00:00Z",      "2026-11-20T14:60:00Z",
        "2026-11-20T14:05:60Z",      "2026-11-20T14:05:09.5Z",    "2026-11-20T14:05:09+00:00",
        "2026-11-20T14:05:09-00:00", "2026-11-20T14:05:09+24:00", "2026-11-20T14:05:09+0500",
        "2026-02-30T14:05:09Z",      "2026-11-20T1a:05:09Z",      ""};
    int64_t time = 7;
    for (size_t i = 0; i < DEMUR_COUNT(bad); i++)
        CHECK_ERR(demur_time_parse(&time, span_str(bad[i]), NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_time_parse(&time, span_lit("0001-01-01T00:00:00+01:00"), NULL), DEMUR_ERR_TIME);
    CHECK_ERR(demur_time_parse(&time, span_lit("9999-12-31T23:59:59-01:00"), NULL), DEMUR_ERR_TIME);
    CHECK(time == 7);
}

TEST(civil_epochs)
{
    uint32_t epoch = demur_time_epoch(1795183509), other;
    char text[16];
    struct buf b = buf_over(text, sizeof text);
    demur_epoch_put(&b, epoch);
    CHECK_SPAN(buf_span(&b), span_lit("2026-11"));
    REQUIRE(demur_epoch_parse(span_lit("2026-11"), &other));
    CHECK(other == epoch);
    CHECK(demur_time_epoch(demur_epoch_start(epoch)) == epoch);
    CHECK(demur_time_epoch(demur_epoch_start(epoch) - 1) == epoch - 1);
    CHECK(demur_time_epoch(demur_epoch_start(epoch + 2) - 1) == epoch + 1);
    CHECK(!demur_epoch_parse(span_lit("2026-13"), &other));
    CHECK(!demur_epoch_parse(span_lit("2026-00"), &other));
    CHECK(!demur_epoch_parse(span_lit("0000-01"), &other));
    CHECK(!demur_epoch_parse(span_lit("2026-1"), &other));
    CHECK(!demur_epoch_parse(span_lit("2026-011"), &other));
}
