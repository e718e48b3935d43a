/* calendar.c - versions, zones and working days. See calendar.h. */
#include "calendar.h"

#define DAY_S 86400
#define OFFSET_MAX_S (15 * 3600)
#define STEP_S 900

/* ---- versions ---- */

const struct demur_calendar *demur_calendar_on(const struct demur_calendars *all, struct span name,
                                               int32_t day)
{
    const struct demur_calendar *first = NULL;
    for (size_t i = all->versions_len; i-- > 0;) {
        const struct demur_calendar_version *v = &all->versions[i];
        if (!span_eq(v->calendar->name, name))
            continue;
        if (v->from_day <= day)
            return v->calendar;
        first = v->calendar;
    }
    return first;
}

/* The calendar on that day whose own text gives the zone (or the weekend), or NULL. */
static const struct demur_calendar *giver(const struct demur_calendars *all, struct span name,
                                          int32_t day, bool weekend, int depth)
{
    const struct demur_calendar *c = demur_calendar_on(all, name, day);
    if (!c || depth == 0)
        return NULL;
    if (weekend ? c->weekends_len > 0 : c->standards_len > 0)
        return c;
    for (size_t i = 0; i < c->includes_len; i++) {
        const struct demur_calendar *found =
            giver(all, c->includes[i].name, day, weekend, depth - 1);
        if (found)
            return found;
    }
    return NULL;
}

/* *reached counts the calendars, each as often as it is asked. */
static enum demur_err check_includes(const struct demur_calendars *all, struct span name, int depth,
                                     int *reached, struct demur_diag *diag)
{
    const struct demur_calendar *c = demur_calendar_on(all, name, DEMUR_DAY_MAX);
    if (!c)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "there is no calendar \"%.*s\": add it first",
                          SPAN_ARG(name));
    if (depth == 0)
        return demur_fail(diag, DEMUR_ERR_LIMIT,
                          "calendars include each other in a circle, or more than %d deep",
                          DEMUR_CALENDAR_DEPTH);
    if (++*reached > DEMUR_CALENDAR_REACHED)
        return demur_fail(
            diag, DEMUR_ERR_LIMIT,
            "a calendar and what it includes are more than %d calendars, each counted "
            "as often as it is included",
            DEMUR_CALENDAR_REACHED);
    for (size_t i = 0; i < c->includes_len; i++) {
        enum demur_err err = check_includes(all, c->includes[i].name, depth - 1, reached, diag);
        if (err != DEMUR_OK)
            return err;
    }
    return DEMUR_OK;
}

enum demur_err demur_calendars_check(const struct demur_calendars *all, struct span name,
                                     struct demur_diag *diag)
{
    int reached = 0;
    enum demur_err err = check_includes(all, name, DEMUR_CALENDAR_DEPTH, &reached, diag);
    if (err != DEMUR_OK)
        return err;
    for (int weekend = 0; weekend < 2; weekend++)
        if (!giver(all, name, DEMUR_DAY_MAX, weekend, DEMUR_CALENDAR_DEPTH))
            return demur_fail(diag, DEMUR_ERR_MISSING,
                              "neither the calendar \"%.*s\" nor one that it includes gives a %s",
                              SPAN_ARG(name), weekend ? "weekend" : "zone");
    return DEMUR_OK;
}

/* ---- days by rule ---- */

/* The rule's day in a year; false when it has none (29 February). */
static bool rule_day(const struct demur_day_rule *r, int32_t year, int32_t *day)
{
    if (r->kind == DEMUR_RULE_EASTER || r->kind == DEMUR_RULE_ORTHODOX) {
        *day = demur_easter_day(year, r->kind == DEMUR_RULE_ORTHODOX) + r->shift;
        return true;
    }
    uint8_t month_days = demur_month_days(year, r->month);
    bool nth = r->kind == DEMUR_RULE_NTH;
    uint8_t anchor_day = !nth ? r->day : r->nth ? 1 : month_days;
    if (anchor_day > month_days)
        return false;
    int32_t anchor = demur_date_day((struct demur_date){year, r->month, anchor_day});
    int32_t ahead = ((int32_t)r->weekday - (int32_t)demur_day_weekday(anchor) + 7) % 7;
    int32_t back = (7 - ahead) % 7;
    if (r->kind == DEMUR_RULE_FIXED)
        *day = anchor;
    else if (r->kind == DEMUR_RULE_ON_OR_AFTER || (nth && r->nth > 0))
        *day = anchor + ahead + (nth ? 7 * (r->nth - 1) : 0);
    else
        *day = anchor - back;
    return true;
}

static int32_t year_of(int32_t day) { return demur_day_date(day).year; }

/* Is the holiday kept on this day? The rule's own day may lie in the year before
 * or after: 1 January 2022, a Saturday, was observed on 31 December 2021. */
static bool kept_on(const struct demur_holiday *h, int32_t day, struct demur_date date)
{
    /* It is kept less than a week from its rule's day, which may be far from Easter. */
    bool easter = h->rule.kind == DEMUR_RULE_EASTER || h->rule.kind == DEMUR_RULE_ORTHODOX;
    int32_t first = date.year - (easter || (date.month == 1 && date.day < 7)),
            last = date.year + (easter || (date.month == 12 && date.day > 25));
    for (int32_t y = first; y <= last; y++) {
        int32_t kept;
        if (y < h->from_year || y > h->until_year || !rule_day(&h->rule, y, &kept))
            continue;
        enum demur_weekday weekday = demur_day_weekday(kept);
        for (size_t i = 0; i < h->observed_len; i++) {
            if (h->observed[i].falls_on == weekday) {
                kept += h->observed[i].shift;
                break;
            }
        }
        if (kept == day)
            return true;
    }
    return false;
}

/* ---- working days ---- */

/* The calendars on the way down to an included one: what any of them does
 * `without` is not kept. */
struct chain {
    const struct demur_calendar *calendar;
    const struct chain *above;
};

static bool done_without(const struct chain *above, struct span holiday)
{
    for (; above; above = above->above)
        for (size_t i = 0; i < above->calendar->withouts_len; i++)
            if (span_eq(above->calendar->withouts[i], holiday))
                return true;
    return false;
}

enum verdict { VERDICT_NONE, VERDICT_OPEN, VERDICT_CLOSED };

/* A calendar's own edit, then its own holidays, then the calendars that it
 * includes in their order: the first that says anything decides. */
static enum verdict verdict_on(const struct demur_calendars *all, struct span name, int32_t day,
                               const struct chain *above, int depth,
                               const struct demur_holiday **holiday)
{
    const struct demur_calendar *c = demur_calendar_on(all, name, day);
    if (!c || depth == 0)
        return VERDICT_NONE;
    size_t low = 0, high = c->edits_len;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c->edits[mid].day < day)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < c->edits_len && c->edits[low].day == day)
        return c->edits[low].closed ? VERDICT_CLOSED : VERDICT_OPEN;
    struct demur_date date = demur_day_date(day);
    for (size_t i = 0; i < c->holidays_len; i++) {
        if (kept_on(&c->holidays[i], day, date) && !done_without(above, c->holidays[i].name)) {
            *holiday = &c->holidays[i];
            return VERDICT_CLOSED;
        }
    }
    struct chain link = {c, above};
    for (size_t i = 0; i < c->includes_len; i++) {
        enum verdict v = verdict_on(all, c->includes[i].name, day, &link, depth - 1, holiday);
        if (v != VERDICT_NONE)
            return v;
    }
    return VERDICT_NONE;
}

static bool weekend_day(const struct demur_calendars *all, struct span name, int32_t day)
{
    const struct demur_calendar *c = giver(all, name, day, true, DEMUR_CALENDAR_DEPTH);
    if (!c)
        return false;
    size_t i = c->weekends_len - 1u;
    while (i > 0 && c->weekends[i].from_day > day)
        i--;
    return c->weekends[i].days >> demur_day_weekday(day) & 1;
}

bool demur_working_day(const struct demur_calendars *all, struct span name, int32_t day)
{
    const struct demur_holiday *holiday = NULL;
    enum verdict v = verdict_on(all, name, day, NULL, DEMUR_CALENDAR_DEPTH, &holiday);
    return v == VERDICT_NONE ? !weekend_day(all, name, day) : v == VERDICT_OPEN;
}

struct span demur_holiday_on(const struct demur_calendars *all, struct span name, int32_t day)
{
    const struct demur_holiday *holiday = NULL;
    verdict_on(all, name, day, NULL, DEMUR_CALENDAR_DEPTH, &holiday);
    if (!holiday)
        return (struct span){0};
    return holiday->title.len ? holiday->title : holiday->name;
}

/* ---- zones ---- */

/* When the i-th standard time begins: midnight by the one before it. */
static int64_t standard_start(const struct demur_calendar *c, size_t i)
{
    return i == 0 ? INT64_MIN
                  : (int64_t)c->standards[i].from_day * DAY_S - c->standards[i - 1].offset_s;
}

static size_t standard_at(const struct demur_calendar *c, int64_t time)
{
    size_t i = c->standards_len - 1u;
    while (i > 0 && standard_start(c, i) > time)
        i--;
    return i;
}

/* The times at which daylight time begins and ends in a year; false where its
 * rules have no day then. */
static bool daylight_times(const struct demur_calendar *c, const struct demur_daylight *d,
                           int32_t year, int64_t *start, int64_t *end)
{
    int32_t start_day, end_day;
    if (!rule_day(&d->start, year, &start_day) || !rule_day(&d->end, year, &end_day))
        return false;
    *start = (int64_t)start_day * DAY_S + d->start_s;
    if (!d->start_utc)
        *start -= c->standards[standard_at(c, *start)].offset_s;
    *end = (int64_t)end_day * DAY_S + d->end_s - (d->end_utc ? 0 : d->offset_s);
    return true;
}

/* The latest change at or before `time` decides: the start of a standard time,
 * or the start or end of daylight time. Rules without a change in the current
 * year had their last one in their last year, so three years at most are tried. */
static int32_t offset_of(const struct demur_calendar *c, int64_t time)
{
    size_t standard = standard_at(c, time);
    int64_t latest = standard_start(c, standard);
    int32_t offset_s = c->standards[standard].offset_s, year = year_of(demur_time_day(time));
    for (size_t i = 0; i < c->daylights_len; i++) {
        const struct demur_daylight *d = &c->daylights[i];
        int32_t last = d->until_year < year + 1 ? d->until_year : year + 1;
        for (int32_t y = last; y >= d->from_year && y > last - 3; y--) {
            int64_t start, end;
            if (!daylight_times(c, d, y, &start, &end))
                continue;
            if (start <= time && start >= latest) {
                latest = start;
                offset_s = d->offset_s;
            }
            if (end <= time && end >= latest) {
                latest = end;
                offset_s = c->standards[standard].offset_s;
            }
        }
    }
    return offset_s;
}

/* The clock that shows a time: it is that of the version in force on `day`. */
struct clock {
    int32_t day, offset_s;
    const struct demur_calendar *giver; /* NULL: none, so UTC */
};

/* That day is the first which its own clock does not show to be over. So a new
 * version's clock takes over at the midnight with which its first day begins by the
 * clock before. */
static struct clock clock_at(const struct demur_calendars *all, struct span name, int64_t time)
{
    int32_t utc_day = demur_time_day(time);
    struct clock clock = {.day = utc_day - 1};
    for (;; clock.day++) {
        const struct demur_calendar *c = giver(all, name, clock.day, false, DEMUR_CALENDAR_DEPTH);
        if (c != clock.giver)
            clock.offset_s = c ? offset_of(c, time) : 0;
        clock.giver = c;
        if (clock.day > utc_day || demur_time_day(time + clock.offset_s) <= clock.day)
            return clock;
    }
}

int32_t demur_local_offset(const struct demur_calendars *all, struct span name, int64_t time)
{
    return clock_at(all, name, time).offset_s;
}

/* Does one calendar count by another, itself or by what it includes, on that day? */
static bool reaches(const struct demur_calendars *all, struct span from, struct span name,
                    int32_t day, int depth)
{
    if (span_eq(from, name))
        return true;
    const struct demur_calendar *c = depth > 0 ? demur_calendar_on(all, from, day) : NULL;
    for (size_t i = 0; c && i < c->includes_len; i++)
        if (reaches(all, c->includes[i].name, name, day, depth - 1))
            return true;
    return false;
}

int32_t demur_calendar_from_day(const struct demur_calendars *all, struct span name, int64_t at)
{
    int32_t from = DEMUR_DAY_MIN;
    bool known = false;
    for (size_t i = 0; i < all->versions_len; i++) {
        const struct demur_calendar_version *v = &all->versions[i];
        if (span_eq(v->calendar->name, name)) {
            known = true;
            from = v->from_day > from ? v->from_day : from;
        }
        int32_t day = clock_at(all, v->calendar->name, at).day;
        if (day >= from &&
            (reaches(all, v->calendar->name, name, day, DEMUR_CALENDAR_DEPTH) ||
             reaches(all, v->calendar->name, name, DEMUR_DAY_MAX, DEMUR_CALENDAR_DEPTH)))
            from = day + 1;
    }
    return known ? from : DEMUR_DAY_MIN;
}

/* A time moved onto the local clock. */
static int64_t local_time(const struct demur_calendars *all, struct span name, int64_t time)
{
    int64_t in = time < DEMUR_TIME_MIN   ? DEMUR_TIME_MIN
                 : time > DEMUR_TIME_MAX ? DEMUR_TIME_MAX
                                         : time;
    return in + demur_local_offset(all, name, in);
}

int32_t demur_local_day(const struct demur_calendars *all, struct span name, int64_t time)
{
    return demur_time_day(local_time(all, name, time));
}

int64_t demur_local_midnight(const struct demur_calendars *all, struct span name, int32_t day)
{
    int64_t wall = (int64_t)day * DAY_S, early = wall - OFFSET_MAX_S, late = wall + OFFSET_MAX_S;
    struct clock before = clock_at(all, name, early), after = clock_at(all, name, late);
    if (before.giver == after.giver && before.offset_s == after.offset_s)
        return wall - before.offset_s;
    /* The clock changes near by: go up to where it shows 00:00 or later, in steps that
     * no two changes fall in, and back to the first moment at which it does. */
    int64_t low = early, left;
    while (early < late && (left = wall - local_time(all, name, early)) > 0) {
        low = early;
        early += left < STEP_S ? left : STEP_S;
    }
    while (low + 1 < early) {
        int64_t mid = low + (early - low) / 2;
        if (local_time(all, name, mid) < wall)
            low = mid;
        else
            early = mid;
    }
    return early;
}

int64_t demur_local_day_end(const struct demur_calendars *all, struct span name, int32_t day)
{
    return demur_local_midnight(all, name, day + 1) - 1;
}
