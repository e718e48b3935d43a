/* calendar.h - which days are worked, in which zone, and when a period ends.
 *
 * docs/formats/calendar.md is the grammar and the meaning, complete for a second
 * implementation. A calendar is one text. The calendars of a channel, in all
 * their versions, are one demur_calendars; questions are put to that, by name:
 *
 *     parse each text -> fill versions[] in log order -> demur_calendars_check
 *     -> demur_working_day, demur_due, ...
 *
 * A calendar may `include` others: what it does not say itself (zone, weekend,
 * one day's fate) it takes from them, on each day from the version in force.
 * All spans borrow from the text, which must outlive the struct. No allocation.
 * Timing: variable; calendars are public.
 */
#ifndef DEMUR_CORE_CALENDAR_H
#define DEMUR_CORE_CALENDAR_H

#include "civil.h"

#define DEMUR_CALENDAR_TEXT_MAX 60000
enum {
    DEMUR_CALENDAR_INCLUDES = 4,
    DEMUR_CALENDAR_DEPTH = 4,   /* of calendars that include calendars, itself counted */
    DEMUR_CALENDAR_REACHED = 8, /* itself and all below it, each as often as it is included */
    DEMUR_CALENDAR_STANDARDS = 8,
    DEMUR_CALENDAR_DAYLIGHTS = 16,
    DEMUR_CALENDAR_WEEKENDS = 8,
    DEMUR_CALENDAR_HOLIDAYS = 64,
    DEMUR_CALENDAR_OBSERVED = 4, /* shifts of one holiday */
    DEMUR_CALENDAR_WITHOUTS = 32,
    DEMUR_CALENDAR_EDITS = 512,
};

/* A day of the year by rule. */
struct demur_day_rule {
    enum demur_day_rule_kind {
        DEMUR_RULE_FIXED,        /* march 15 */
        DEMUR_RULE_NTH,          /* second sunday march; nth 0 is `last` */
        DEMUR_RULE_ON_OR_AFTER,  /* sunday on-or-after march 8 */
        DEMUR_RULE_ON_OR_BEFORE, /* monday on-or-before may 24 */
        DEMUR_RULE_EASTER,       /* easter +1 */
        DEMUR_RULE_ORTHODOX,     /* orthodox-easter -2 */
    } kind;
    uint8_t month, day; /* 1..12, 1..31 */
    uint8_t nth;        /* 1..4, or 0 for the last */
    enum demur_weekday weekday;
    int16_t shift; /* days from Easter */
};

struct demur_holiday {
    struct span name, title; /* title may be empty */
    uint32_t line;
    struct demur_day_rule rule;
    int32_t from_year, until_year; /* of the rule's own day, both included */
    struct {
        enum demur_weekday falls_on; /* when the day falls on this weekday */
        int8_t shift;                /* it is kept this many days later (earlier) */
    } observed[DEMUR_CALENDAR_OBSERVED];
    uint8_t observed_len;
};

struct demur_daylight {
    int32_t from_year, until_year; /* both included */
    struct demur_day_rule start, end;
    int32_t start_s, end_s;  /* seconds after that day's midnight ... */
    bool start_utc, end_utc; /* ... in UTC, or on the clock as it is before the change */
    int32_t offset_s;        /* of local time from UTC while it lasts */
};

struct demur_calendar {
    struct span name, title, source;
    struct {
        struct span name;
        uint32_t line;
    } includes[DEMUR_CALENDAR_INCLUDES];
    uint8_t includes_len;

    struct span zone; /* empty: taken from an included calendar */
    struct {
        int32_t from_day; /* DEMUR_DAY_MIN for the first */
        int32_t offset_s;
    } standards[DEMUR_CALENDAR_STANDARDS];
    struct demur_daylight daylights[DEMUR_CALENDAR_DAYLIGHTS];
    uint8_t standards_len, daylights_len;

    struct {
        int32_t from_day;
        uint8_t days; /* bit w: weekday w is not worked */
    } weekends[DEMUR_CALENDAR_WEEKENDS];
    uint8_t weekends_len; /* 0: taken from an included calendar */

    struct demur_holiday holidays[DEMUR_CALENDAR_HOLIDAYS];
    struct span withouts[DEMUR_CALENDAR_WITHOUTS]; /* included holidays not kept */
    uint8_t holidays_len, withouts_len;

    struct {
        int32_t day;
        bool closed;               /* or open */
    } edits[DEMUR_CALENDAR_EDITS]; /* by day, ascending */
    uint16_t edits_len;
};

/* Parse a whole text. Errors: SYNTAX, CANON, LIMIT, MISSING, UPGRADE with line
 * and column. *out (about 12 KB) is the work area: after a failure it is all
 * zero, not what it was before. */
enum demur_err demur_calendar_parse(struct demur_calendar *out, struct span text,
                                    struct demur_diag *diag) DEMUR_CHECKED;

/* One version of one calendar. The first version of a name is in force on every
 * day before from_day too; each later one from from_day on. */
struct demur_calendar_version {
    int32_t from_day;
    const struct demur_calendar *calendar;
};
/* All versions of all calendars in the order of their log entries, so that
 * from_day never falls within one name. Borrows. */
struct demur_calendars {
    const struct demur_calendar_version *versions;
    size_t versions_len;
};

/* The version of `name` in force on a day, or NULL when there is none. */
const struct demur_calendar *demur_calendar_on(const struct demur_calendars *all, struct span name,
                                               int32_t day);
/* The from_day of a new version of `name` whose entry has the time `at`: the
 * local day after it by every calendar that counts by `name`, itself among them,
 * as they are until then. An edit thus touches only days after its entry.
 * DEMUR_DAY_MIN for a name not seen before. */
int32_t demur_calendar_from_day(const struct demur_calendars *all, struct span name, int64_t at);
/* May `name` be counted by? UNKNOWN names a calendar that is missing, itself or
 * included; LIMIT where the includes are circular, too deep or too many; MISSING when
 * neither it nor what it includes gives a zone, or a weekend. Call it whenever a
 * calendar or a policy comes into force; the functions below rely on it, and
 * answer as for UTC and a week without weekend where it was not heeded. */
enum demur_err demur_calendars_check(const struct demur_calendars *all, struct span name,
                                     struct demur_diag *diag) DEMUR_CHECKED;

/* Local time minus UTC, in seconds, at a time. A version's zone is in force from
 * the midnight with which its first day begins, by the clock before. */
int32_t demur_local_offset(const struct demur_calendars *all, struct span name, int64_t time);
/* The local day of a time. */
int32_t demur_local_day(const struct demur_calendars *all, struct span name, int64_t time);
/* The first second of a local day, its midnight; where the clocks jump over
 * midnight, the second at which they do. */
int64_t demur_local_midnight(const struct demur_calendars *all, struct span name, int32_t day);
/* The last second of a local day. */
int64_t demur_local_day_end(const struct demur_calendars *all, struct span name, int32_t day);

bool demur_working_day(const struct demur_calendars *all, struct span name, int32_t day);
/* For people: the title (or name) of the holiday kept on a day, empty when there
 * is none. */
struct span demur_holiday_on(const struct demur_calendars *all, struct span name, int32_t day);

enum demur_unit {
    DEMUR_HOURS,
    DEMUR_DAYS, /* calendar days */
    DEMUR_WORKING_DAYS,
    DEMUR_WEEKS,
    DEMUR_MONTHS,
    DEMUR_YEARS,
};
struct demur_period {
    uint32_t count; /* 0 means: no period */
    enum demur_unit unit;
};
#define DEMUR_PERIOD_MAX 9999 /* the highest count; texts have a bound for each unit */

/* How days are counted. All zero is the common rule: the day of the event does
 * not count, and the last day may be any day. */
struct demur_counting {
    bool event_day_counts;        /* the event's own day is day 1 */
    bool received_on_working_day; /* an event on another day counts as of the next working day */
    enum {
        DEMUR_ENDING_AS_IT_FALLS,
        DEMUR_ENDING_NEXT_WORKING_DAY,
        DEMUR_ENDING_PREVIOUS_WORKING_DAY,
    } ending;              /* when the last day is not worked; never applied to hours */
    bool two_working_days; /* periods of two days or more hold two (Reg. 1182/71, Art. 3(5)) */
};

/* A time at which a clock stood still: from <= t < until; DEMUR_NEVER while it
 * still does. */
#define DEMUR_NEVER INT64_MAX
struct demur_pause {
    int64_t from, until;
};

/* When the period that starts with the event at `start` is over: *due is the
 * last second in time, so a thing is overdue when now > *due. In hours that is
 * start + hours; in all other units the end of the last day in the zone. A day
 * counts when the clock runs at its last second (hours: a second, when it runs
 * in that second), so nothing falls due while a clock stands still: *due is
 * DEMUR_NEVER while a pause is open that begins before the period is over.
 * Pauses are in order and do not overlap. Errors: TIME when the end lies beyond
 * the year 9999, or when too few days are worked. */
enum demur_err demur_due(const struct demur_calendars *all, struct span name, int64_t start,
                         struct demur_period period, struct demur_counting counting,
                         const struct demur_pause *pauses, size_t pauses_len,
                         int64_t *due) DEMUR_CHECKED;

/* `2 working-days`, `1 month`. */
void demur_period_put(struct buf *b, struct demur_period period);

#endif
