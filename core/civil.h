/* civil.h - dates without clocks: day numbers, weekdays, RFC 3339, epochs.
 *
 * A day number counts days since 1970-01-01 in the proleptic Gregorian
 * calendar; a time counts seconds since 1970-01-01T00:00:00Z, without leap
 * seconds. Both are good for the years 1 to 9999; what lies outside is clamped
 * to the nearest bound, so that no arithmetic here can overflow.
 * Timing: variable; dates are public.
 */
#ifndef DEMUR_CORE_CIVIL_H
#define DEMUR_CORE_CIVIL_H

#include "base.h"

#define DEMUR_DAY_MIN (-719162)       /* 0001-01-01 */
#define DEMUR_DAY_MAX 2932896         /* 9999-12-31 */
#define DEMUR_TIME_MIN (-62135596800) /* 0001-01-01T00:00:00Z */
#define DEMUR_TIME_MAX 253402300799   /* 9999-12-31T23:59:59Z */

struct demur_date {
    int32_t year;       /* 1..9999 */
    uint8_t month, day; /* 1..12, 1..31 */
};

/* ISO 8601's order. */
enum demur_weekday {
    DEMUR_MONDAY = 0,
    DEMUR_TUESDAY,
    DEMUR_WEDNESDAY,
    DEMUR_THURSDAY,
    DEMUR_FRIDAY,
    DEMUR_SATURDAY,
    DEMUR_SUNDAY,
};

bool demur_leap_year(int32_t year);
/* 28..31; month is 1..12. */
uint8_t demur_month_days(int32_t year, uint8_t month);
bool demur_date_ok(struct demur_date date);
/* Both ways between a date that is ok and its day number. */
int32_t demur_date_day(struct demur_date date);
struct demur_date demur_day_date(int32_t day);
enum demur_weekday demur_day_weekday(int32_t day);
/* The same day of the month `months` later (or earlier), or that month's last
 * day where there is no such day (31 January + 1 month = 28 or 29 February). */
int32_t demur_day_add_months(int32_t day, int32_t months);
/* Easter Sunday of the year: Gregorian, or the Orthodox (Julian) one. */
int32_t demur_easter_day(int32_t year, bool orthodox);

/* The UTC day that a time falls on, rounding towards the past. */
int32_t demur_time_day(int64_t time);

/* `YYYY-MM-DD`. The parse is exact: ten bytes, a date that exists. */
bool demur_date_parse(struct span text, struct demur_date *out) DEMUR_CHECKED;
void demur_date_put(struct buf *b, struct demur_date date);

/* RFC 3339 in whole seconds: `2026-11-20T14:05:09Z`, or with the offset
 * `-05:00` of the wall clock that is to be shown. Offset 0 prints Z. The offset
 * is in seconds, cut to whole minutes within a day. */
void demur_time_put(struct buf *b, int64_t time, int32_t offset_s);
/* The same form back: upper-case T and Z, no fraction, seconds to 59. Errors:
 * SYNTAX, TIME outside the years 1 to 9999. *out is untouched on failure. */
enum demur_err demur_time_parse(int64_t *out, struct span text,
                                struct demur_diag *diag) DEMUR_CHECKED;

/* An epoch is a calendar month in UTC, numbered year * 12 + month - 1, so that
 * epochs can be compared and added to. Text: `YYYY-MM`. */
uint32_t demur_time_epoch(int64_t time);
/* Its first second. The epoch after it starts where it ends. */
int64_t demur_epoch_start(uint32_t epoch);
void demur_epoch_put(struct buf *b, uint32_t epoch);
bool demur_epoch_parse(struct span text, uint32_t *out) DEMUR_CHECKED;

#endif
