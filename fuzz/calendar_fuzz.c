/* Calendars: a refusal leaves nothing behind and says where; what parses is
 * ordered, means the same with a comment at its end, and answers every question
 * in bounded time and within the calendar. */
#include "../core/calendar.h"

#include <stdlib.h>

#define TEXT_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static struct demur_calendar parsed, again;
static uint8_t longer[TEXT_MAX + 16];

static bool same_rule(const struct demur_day_rule *a, const struct demur_day_rule *b)
{
    return a->kind == b->kind && a->month == b->month && a->day == b->day && a->nth == b->nth &&
           a->weekday == b->weekday && a->shift == b->shift;
}

static void same_with_a_comment(struct span text)
{
    struct buf b = buf_over(longer, sizeof longer);
    buf_put_span(&b, text);
    buf_put_str(&b, "\n  # more\n");
    must(buf_ok(&b) && demur_calendar_parse(&again, buf_span(&b), NULL) == DEMUR_OK);
    must(span_eq(parsed.name, again.name) && parsed.holidays_len == again.holidays_len &&
         parsed.edits_len == again.edits_len && parsed.daylights_len == again.daylights_len);
    for (size_t i = 0; i < parsed.holidays_len; i++)
        must(same_rule(&parsed.holidays[i].rule, &again.holidays[i].rule));
}

static void ordered(void)
{
    for (size_t i = 1; i < parsed.edits_len; i++)
        must(parsed.edits[i - 1].day < parsed.edits[i].day);
    for (size_t i = 1; i < parsed.standards_len; i++)
        must(parsed.standards[i - 1].from_day < parsed.standards[i].from_day);
    for (size_t i = 0; i < parsed.weekends_len; i++)
        must((parsed.weekends[i].days & 0x7F) != 0x7F);
}

static void answers(const struct demur_calendars *all)
{
    static const int64_t times[] = {0, 1795183509, 951782400, DEMUR_TIME_MIN, 250000000000};
    for (size_t i = 0; i < DEMUR_COUNT(times); i++) {
        int64_t t = times[i], due;
        int32_t offset = demur_local_offset(all, parsed.name, t);
        must(offset >= -15 * 3600 && offset <= 15 * 3600);
        int32_t day = demur_local_day(all, parsed.name, t);
        must(day - demur_time_day(t) <= 1 && demur_time_day(t) - day <= 1);
        int64_t midnight = demur_local_midnight(all, parsed.name, day);
        must(midnight - t <= 4 * 86400 && t - midnight <= 4 * 86400);
        for (int unit = DEMUR_HOURS; unit <= DEMUR_YEARS; unit++) {
            struct demur_period period = {1 + (uint32_t)i * 3, (enum demur_unit)unit};
            struct demur_counting counting = {.received_on_working_day = i & 1,
                                              .two_working_days = i & 2,
                                              .ending = DEMUR_ENDING_NEXT_WORKING_DAY};
            enum demur_err err = demur_due(all, parsed.name, t, period, counting, NULL, 0, &due);
            must(err == DEMUR_ERR_TIME || (err == DEMUR_OK && due > t - 4 * 86400));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > TEXT_MAX)
        return 0;
    struct span text = span_of(data, size);
    struct demur_diag diag = {0};
    enum demur_err err = demur_calendar_parse(&parsed, text, &diag);
    must(err == diag.code);
    if (err != DEMUR_OK) {
        must(parsed.name.len == 0 && parsed.holidays_len == 0 && parsed.standards_len == 0);
        must(diag.text[0] != 0);
        return 0;
    }
    ordered();
    same_with_a_comment(text);
    struct demur_calendar_version version = {DEMUR_DAY_MIN, &parsed};
    struct demur_calendars all = {&version, 1};
    enum demur_err check = demur_calendars_check(&all, parsed.name, &diag);
    must(check == DEMUR_OK || check == DEMUR_ERR_UNKNOWN || check == DEMUR_ERR_LIMIT ||
         check == DEMUR_ERR_MISSING);
    answers(&all);
    return 0;
}
