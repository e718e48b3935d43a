/* calendar_tool - answers questions about calendars with demur's own code, for
 * tests/interop/calendar to compare. Not a part of demur.
 *
 *     calendar_tool NAME CALENDAR-FILE...    reads questions, one a line:
 *     offset SECONDS                         local time minus UTC
 *     day YYYY-MM-DD                         1 when worked, else 0
 *     midnight YYYY-MM-DD                    its first second
 *     due SECONDS COUNT UNIT RULE            the period's last second; UNIT and RULE
 *                                            are numbers of enum demur_unit and of
 *                                            counting() below
 */
#include "../../core/calendar.h"

#include <stdlib.h>

#define MAX_FILES 8

static struct demur_calendar parsed[MAX_FILES];
static struct demur_calendar_version versions[MAX_FILES];
static char texts[MAX_FILES][DEMUR_CALENDAR_TEXT_MAX];

static struct demur_counting counting(int rule)
{
    return (struct demur_counting){
        .event_day_counts = rule == 1,
        .received_on_working_day = rule == 2,
        .ending = rule == 3 || rule == 5 ? DEMUR_ENDING_NEXT_WORKING_DAY
                  : rule == 4            ? DEMUR_ENDING_PREVIOUS_WORKING_DAY
                                         : DEMUR_ENDING_AS_IT_FALLS,
        .two_working_days = rule == 5,
    };
}

static int load(char **paths, int n)
{
    for (int i = 0; i < n; i++) {
        FILE *f = fopen(paths[i], "rb");
        struct demur_diag diag = {0};
        if (!f)
            return fprintf(stderr, "cannot open %s\n", paths[i]);
        size_t len = fread(texts[i], 1, sizeof texts[i], f);
        fclose(f);
        if (demur_calendar_parse(&parsed[i], span_of(texts[i], len), &diag) != DEMUR_OK)
            return fprintf(stderr, "%s:%u:%u: %s\n", paths[i], diag.line, diag.column, diag.text);
        versions[i] = (struct demur_calendar_version){DEMUR_DAY_MIN, &parsed[i]};
    }
    return 0;
}

static bool answer(const struct demur_calendars *all, struct span name, const char *line)
{
    char text[16];
    long long seconds;
    unsigned count;
    int unit, rule;
    struct demur_date date;
    if (sscanf(line, "offset %lld", &seconds) == 1) {
        printf("%d\n", demur_local_offset(all, name, seconds));
    } else if (sscanf(line, "day %10s", text) == 1) {
        if (!demur_date_parse(span_str(text), &date))
            return false;
        printf("%d\n", demur_working_day(all, name, demur_date_day(date)));
    } else if (sscanf(line, "midnight %10s", text) == 1) {
        if (!demur_date_parse(span_str(text), &date))
            return false;
        printf("%lld\n", (long long)demur_local_midnight(all, name, demur_date_day(date)));
    } else if (sscanf(line, "due %lld %u %d %d", &seconds, &count, &unit, &rule) == 4) {
        int64_t due;
        struct demur_period period = {count, (enum demur_unit)unit};
        if (demur_due(all, name, seconds, period, counting(rule), NULL, 0, &due) != DEMUR_OK)
            return false;
        printf("%lld\n", (long long)due);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc - 2 > MAX_FILES || load(argv + 2, argc - 2) != 0)
        return 2;
    struct demur_calendars all = {versions, (size_t)argc - 2};
    if (demur_calendars_check(&all, span_str(argv[1]), NULL) != DEMUR_OK)
        return 2;
    char line[200];
    while (fgets(line, sizeof line, stdin))
        if (!answer(&all, span_str(argv[1]), line))
            return 1;
    return 0;
}
