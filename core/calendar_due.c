/* calendar_due.c - when a period is over. See calendar.h. */
#include "calendar.h"

/* No calendar closes more days in a row than this and is still one to count by. */
#define IDLE_MAX 4000

struct count {
    const struct demur_calendars *all;
    struct span name;
    const struct demur_pause *pauses;
    size_t pauses_len, at; /* pauses[at] is near the day that was asked last */
};

/* Does the clock stand still at the end of this day? If so *until is the first
 * day on which it may run again at the end, or DEMUR_DAY_MAX + 1. */
static bool paused_on(struct count *c, int32_t day, int32_t *until)
{
    if (c->pauses_len == 0)
        return false;
    int64_t end = demur_local_day_end(c->all, c->name, day);
    while (c->at > 0 && c->pauses[c->at - 1].until > end)
        c->at--;
    while (c->at < c->pauses_len && c->pauses[c->at].until <= end)
        c->at++;
    if (c->at == c->pauses_len || c->pauses[c->at].from > end)
        return false;
    const struct demur_pause *p = &c->pauses[c->at];
    *until =
        p->until == DEMUR_NEVER ? DEMUR_DAY_MAX + 1 : demur_local_day(c->all, c->name, p->until);
    if (*until <= day)
        *until = day + 1;
    return true;
}

/* The first day from `day` on that counts: worked, if it must be, and without a
 * pause. DEMUR_DAY_MAX + 1 while paused for good; TIME when there is none. */
static enum demur_err counted_day(struct count *c, bool worked, int32_t day, int32_t *out)
{
    for (int idle = 0; day < DEMUR_DAY_MAX && idle < IDLE_MAX; idle++) {
        int32_t until;
        if (paused_on(c, day, &until)) {
            day = until;
            if (until > DEMUR_DAY_MAX) {
                *out = until;
                return DEMUR_OK;
            }
        } else if (worked && !demur_working_day(c->all, c->name, day)) {
            day++;
        } else {
            *out = day;
            return DEMUR_OK;
        }
    }
    return DEMUR_ERR_TIME;
}

/* The n-th day that counts, from `first` on. */
static enum demur_err nth_day(struct count *c, bool worked, int32_t first, int64_t n, int32_t *out)
{
    int32_t day = first;
    for (int64_t i = 0; i < n; i++) {
        if (i > 0)
            day++;
        enum demur_err err = counted_day(c, worked, day, &day);
        if (err != DEMUR_OK)
            return err;
        if (day > DEMUR_DAY_MAX)
            break;
        if (!worked && c->pauses_len == 0) {
            if (n - 1 > DEMUR_DAY_MAX - day)
                return DEMUR_ERR_TIME;
            day += (int32_t)(n - 1);
            break;
        }
    }
    *out = day;
    return DEMUR_OK;
}

/* How many calendar days from `first` on a period has; 0 beyond the year 9999. */
static int64_t days_of(struct demur_period p, int32_t first, bool event_day_counts)
{
    if (p.unit == DEMUR_DAYS)
        return p.count;
    if (p.unit == DEMUR_WEEKS)
        return (int64_t)p.count * 7;
    int64_t months = (int64_t)p.count * (p.unit == DEMUR_YEARS ? 12 : 1);
    int32_t event = event_day_counts ? first : first - 1;
    int32_t last = demur_day_add_months(event, (int32_t)months) - (event_day_counts ? 1 : 0);
    return last >= DEMUR_DAY_MAX - 1 ? 0 : last - first + 1;
}

/* Move the last day as the ending rules want it. */
static enum demur_err mend_ending(struct count *c, struct demur_period period,
                                  struct demur_counting rules, int32_t first, int32_t *last)
{
    enum demur_err err = DEMUR_OK;
    int32_t until;
    bool several =
        period.count >= 2 || (period.unit != DEMUR_DAYS && period.unit != DEMUR_WORKING_DAYS);
    if (rules.two_working_days && several) {
        int32_t second = 0;
        err = nth_day(c, true, first, 2, &second);
        if (err == DEMUR_OK && second > *last)
            *last = second;
    }
    if (err != DEMUR_OK || *last > DEMUR_DAY_MAX)
        return err;
    if (rules.ending == DEMUR_ENDING_NEXT_WORKING_DAY)
        return counted_day(c, true, *last, last);
    if (rules.ending == DEMUR_ENDING_PREVIOUS_WORKING_DAY)
        while (*last > first &&
               (paused_on(c, *last, &until) || !demur_working_day(c->all, c->name, *last)))
            (*last)--;
    return DEMUR_OK;
}

static enum demur_err due_in_hours(int64_t start, uint32_t hours, const struct demur_pause *pauses,
                                   size_t pauses_len, int64_t *due)
{
    int64_t end = start + (int64_t)hours * 3600;
    for (size_t i = 0; i < pauses_len; i++) {
        const struct demur_pause *p = &pauses[i];
        int64_t from = p->from > start ? p->from : start;
        if (p->until <= from)
            continue;
        if (from > end)
            break;
        if (p->until == DEMUR_NEVER) {
            *due = DEMUR_NEVER;
            return DEMUR_OK;
        }
        if (p->until > DEMUR_TIME_MAX)
            return DEMUR_ERR_TIME;
        end += p->until - from;
    }
    if (end > DEMUR_TIME_MAX)
        return DEMUR_ERR_TIME;
    *due = end;
    return DEMUR_OK;
}

enum demur_err demur_due(const struct demur_calendars *all, struct span name, int64_t start,
                         struct demur_period period, struct demur_counting counting,
                         const struct demur_pause *pauses, size_t pauses_len, int64_t *due)
{
    if (start < DEMUR_TIME_MIN || start > DEMUR_TIME_MAX || period.count > DEMUR_PERIOD_MAX)
        return DEMUR_ERR_TIME;
    struct count running = {all, name, NULL, 0, 0}, c = {all, name, pauses, pauses_len, 0};
    int32_t event = demur_local_day(all, name, start), received = event, last = 0;
    enum demur_err err = DEMUR_OK;
    if (counting.received_on_working_day)
        err = counted_day(&running, true, event, &received);
    if (err != DEMUR_OK)
        return err;
    if (period.unit == DEMUR_HOURS) {
        if (received > event)
            start = demur_local_midnight(all, name, received);
        return due_in_hours(start, period.count, pauses, pauses_len, due);
    }
    bool worked = period.unit == DEMUR_WORKING_DAYS;
    int32_t first = received + !counting.event_day_counts;
    int64_t n = worked ? period.count : days_of(period, first, counting.event_day_counts);
    if (n <= 0)
        return DEMUR_ERR_TIME;
    err = nth_day(&c, worked, first, n, &last);
    if (err == DEMUR_OK && last <= DEMUR_DAY_MAX)
        err = mend_ending(&c, period, counting, first, &last);
    if (err != DEMUR_OK)
        return err;
    if (last == DEMUR_DAY_MAX)
        return DEMUR_ERR_TIME;
    *due = last > DEMUR_DAY_MAX ? DEMUR_NEVER : demur_local_day_end(all, name, last);
    return DEMUR_OK;
}
