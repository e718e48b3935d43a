/* calendar_parse.c - the text of a calendar, statement by statement. The
 * grammar is docs/formats/calendar.md. */
#include "calendar_words.h"

struct parser {
    struct demur_calendar *out;
    enum { IN_OTHER, IN_CALENDAR, IN_ZONE, IN_HOLIDAY } in; /* whose clauses follow */
    uint32_t zone_line;
};

static const char *const weekday_names[] = {"monday", "tuesday",  "wednesday", "thursday",
                                            "friday", "saturday", "sunday"};
static const char *const month_names[] = {NULL,      "january",  "february", "march",  "april",
                                          "may",     "june",     "july",     "august", "september",
                                          "october", "november", "december"};
static const char *const nth_names[] = {"last", "first", "second", "third", "fourth"};

static enum demur_err full(const struct demur_words *w, const char *what, int max)
{
    return demur_words_fail(w, DEMUR_ERR_LIMIT, 1, "a calendar has at most %d %s", max, what);
}

static enum demur_err twice(const struct demur_words *w)
{
    return demur_words_fail(w, DEMUR_ERR_SYNTAX, w->column, "this is given a second time");
}

static enum demur_err take_weekday(struct demur_words *w, enum demur_weekday *weekday)
{
    size_t i;
    DEMUR_TRY(demur_words_choice(w, "a weekday", weekday_names, DEMUR_COUNT(weekday_names), &i));
    *weekday = (enum demur_weekday)i;
    return DEMUR_OK;
}

static enum demur_err take_month(struct demur_words *w, uint8_t *month)
{
    size_t i;
    DEMUR_TRY(demur_words_choice(w, "a month", month_names, DEMUR_COUNT(month_names), &i));
    *month = (uint8_t)i;
    return DEMUR_OK;
}

static enum demur_err take_month_day(struct demur_words *w, struct demur_day_rule *rule)
{
    uint64_t day;
    DEMUR_TRY(take_month(w, &rule->month));
    /* 2000 is a leap year: 29 February is a day of some years. */
    DEMUR_TRY(demur_words_number(w, "a day", 1, demur_month_days(2000, rule->month), &day));
    rule->day = (uint8_t)day;
    return DEMUR_OK;
}

/* `+1`, `-2` or nothing: days from Easter. */
static enum demur_err take_shift(struct demur_words *w, int16_t *shift)
{
    static const char expected[] = "days from Easter such as +1 or -2";
    struct demur_words ahead = *w;
    struct span word;
    uint64_t days;
    if (!demur_words_next(&ahead.rest, &word, &ahead.column) || word.len == 0 ||
        (word.p[0] != '+' && word.p[0] != '-'))
        return DEMUR_OK;
    *w = ahead;
    if (!span_u64(span_skip(word, 1), 200, &days) || days == 0)
        return demur_words_not(w, word, expected);
    *shift = (int16_t)(word.p[0] == '-' ? -(int)days : (int)days);
    return DEMUR_OK;
}

/* A rule that begins with a weekday: `sunday on-or-after march 8`. */
static enum demur_err take_near_rule(struct demur_words *w, struct demur_day_rule *rule)
{
    static const char *const sides[] = {"on-or-after", "on-or-before"};
    size_t side;
    DEMUR_TRY(take_weekday(w, &rule->weekday));
    DEMUR_TRY(demur_words_choice(w, "on-or-after or on-or-before", sides, 2, &side));
    rule->kind = side ? DEMUR_RULE_ON_OR_BEFORE : DEMUR_RULE_ON_OR_AFTER;
    return take_month_day(w, rule);
}

static bool in_table(struct span word, const char *const *table, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (table[i] && span_eq_str(word, table[i]))
            return true;
    return false;
}

static enum demur_err take_rule(struct demur_words *w, struct demur_day_rule *rule)
{
    static const char expected[] =
        "a day, such as march 15, second sunday march, sunday on-or-after march 8 or easter +1";
    struct demur_words ahead = *w;
    struct span word;
    DEMUR_TRY(demur_words_take(&ahead, expected, &word));
    *rule = (struct demur_day_rule){.kind = DEMUR_RULE_FIXED};
    if (in_table(word, month_names, DEMUR_COUNT(month_names)))
        return take_month_day(w, rule);
    if (in_table(word, weekday_names, DEMUR_COUNT(weekday_names)))
        return take_near_rule(w, rule);
    if (in_table(word, nth_names, DEMUR_COUNT(nth_names))) {
        size_t nth;
        DEMUR_TRY(demur_words_choice(w, expected, nth_names, DEMUR_COUNT(nth_names), &nth));
        rule->kind = DEMUR_RULE_NTH;
        rule->nth = (uint8_t)nth;
        DEMUR_TRY(take_weekday(w, &rule->weekday));
        return take_month(w, &rule->month);
    }
    bool western = span_eq_str(word, "easter");
    if (!western && !span_eq_str(word, "orthodox-easter"))
        return demur_words_not(&ahead, word, expected);
    rule->kind = western ? DEMUR_RULE_EASTER : DEMUR_RULE_ORTHODOX;
    *w = ahead;
    return take_shift(w, &rule->shift);
}

/* `hh:mm` in seconds, 00:00 to 24:00. */
static bool clock_time(struct span s, int32_t *seconds)
{
    if (s.len != 5 || s.p[2] != ':')
        return false;
    for (size_t i = 0; i < 5; i++)
        if (i != 2 && (s.p[i] < '0' || s.p[i] > '9'))
            return false;
    int32_t hours = (s.p[0] - '0') * 10 + s.p[1] - '0',
            minutes = (s.p[3] - '0') * 10 + s.p[4] - '0';
    *seconds = hours * 3600 + minutes * 60;
    return minutes < 60 && *seconds <= 86400;
}

static enum demur_err take_clock_time(struct demur_words *w, int32_t *seconds, bool *utc)
{
    struct span word;
    DEMUR_TRY(demur_words_take(w, "a time such as 02:00", &word));
    if (!clock_time(word, seconds))
        return demur_words_not(w, word, "a time such as 02:00");
    *utc = demur_words_if(w, "utc");
    return DEMUR_OK;
}

static enum demur_err take_offset(struct demur_words *w, int32_t *offset_s)
{
    static const char expected[] = "an offset from UTC such as -05:00";
    struct span word;
    int32_t size;
    DEMUR_TRY(demur_words_take(w, expected, &word));
    bool minus = word.len > 0 && word.p[0] == '-', plus = word.len > 0 && word.p[0] == '+';
    if ((!minus && !plus) || !clock_time(span_skip(word, 1), &size) || size > 15 * 3600 ||
        (minus && size == 0))
        return demur_words_not(w, word, expected);
    *offset_s = minus ? -size : size;
    return DEMUR_OK;
}

/* 1583 was the first whole year of the Gregorian calendar. */
static enum demur_err take_year(struct demur_words *w, int32_t *year)
{
    uint64_t v;
    DEMUR_TRY(demur_words_number(w, "a year", 1583, 9998, &v));
    *year = (int32_t)v;
    return DEMUR_OK;
}

/* ---- statements ---- */

static enum demur_err calendar_statement(struct parser *p, struct demur_words *w)
{
    if (p->out->name.len)
        return twice(w);
    p->in = IN_CALENDAR;
    return demur_words_id(w, "the calendar's name in lower-case letters", &p->out->name);
}

static enum demur_err zone_statement(struct parser *p, struct demur_words *w)
{
    struct demur_calendar *c = p->out;
    if (c->zone.len)
        return twice(w);
    p->zone_line = w->line;
    p->in = IN_ZONE;
    return demur_words_take(w, "the zone's name, such as Europe/Paris", &c->zone);
}

static enum demur_err weekend_statement(struct parser *p, struct demur_words *w)
{
    struct demur_calendar *c = p->out;
    size_t n = c->weekends_len;
    if (n == DEMUR_CALENDAR_WEEKENDS)
        return full(w, "weekends", DEMUR_CALENDAR_WEEKENDS);
    p->in = IN_OTHER;
    uint8_t days = 0;
    if (!demur_words_if(w, "none")) {
        do {
            enum demur_weekday day;
            DEMUR_TRY(take_weekday(w, &day));
            if (days >> day & 1)
                return demur_words_not(w, span_str(weekday_names[day]), "another weekday");
            days |= (uint8_t)(1u << day);
        } while (demur_words_if(w, "and"));
    }
    if (days == 0x7F)
        return demur_words_fail(w, DEMUR_ERR_SYNTAX, w->column, "a week needs a working day");
    int32_t from = DEMUR_DAY_MIN;
    uint32_t column = w->column;
    if (n > 0 || w->rest.len > 0) {
        DEMUR_TRY(demur_words_literal(w, "from"));
        DEMUR_TRY(demur_words_date(w, &from));
    }
    if (n == 0 && from != DEMUR_DAY_MIN)
        return demur_words_fail(
            w, DEMUR_ERR_SYNTAX, column,
            "the first weekend is in force from the start and takes no \"from\"");
    if (n > 0 && from <= c->weekends[n - 1].from_day)
        return demur_words_fail(w, DEMUR_ERR_CANON, column,
                                "weekends stand in the order of their dates");
    c->weekends[n].from_day = from;
    c->weekends[n].days = days;
    c->weekends_len++;
    return DEMUR_OK;
}

static enum demur_err holiday_statement(struct parser *p, struct demur_words *w)
{
    struct demur_calendar *c = p->out;
    if (c->holidays_len == DEMUR_CALENDAR_HOLIDAYS)
        return full(w, "holidays", DEMUR_CALENDAR_HOLIDAYS);
    p->in = IN_HOLIDAY;
    struct demur_holiday *h = &c->holidays[c->holidays_len++];
    *h = (struct demur_holiday){.line = w->line, .from_year = 1, .until_year = 9999};
    DEMUR_TRY(demur_words_id(w, "the holiday's name", &h->name));
    return take_rule(w, &h->rule);
}

static enum demur_err without_statement(struct parser *p, struct demur_words *w)
{
    struct demur_calendar *c = p->out;
    p->in = IN_OTHER;
    if (c->withouts_len == DEMUR_CALENDAR_WITHOUTS)
        return full(w, "holidays that it does without", DEMUR_CALENDAR_WITHOUTS);
    struct span *name = &c->withouts[c->withouts_len++];
    DEMUR_TRY(demur_words_id(w, "the name of an included holiday", name));
    for (size_t i = 0; i + 1 < c->withouts_len; i++)
        if (span_eq(c->withouts[i], *name))
            return demur_words_not(w, *name, "another holiday");
    return DEMUR_OK;
}

static enum demur_err edit_statement(struct parser *p, struct demur_words *w, bool closed)
{
    struct demur_calendar *c = p->out;
    p->in = IN_OTHER;
    if (c->edits_len == DEMUR_CALENDAR_EDITS)
        return full(w, "edits", DEMUR_CALENDAR_EDITS);
    int32_t day;
    uint32_t column = w->column;
    DEMUR_TRY(demur_words_date(w, &day));
    if (c->edits_len > 0 && day <= c->edits[c->edits_len - 1].day)
        return demur_words_fail(w, DEMUR_ERR_CANON, column,
                                "open and closed days stand in the order of their dates");
    c->edits[c->edits_len].day = day;
    c->edits[c->edits_len].closed = closed;
    c->edits_len++;
    struct span reason;
    return w->rest.len ? demur_words_text(w, &reason) : DEMUR_OK;
}

static enum demur_err statement(struct parser *p, struct demur_words *w)
{
    if (!p->out->name.len && !span_eq_str(w->name, "calendar"))
        return demur_words_fail(w, DEMUR_ERR_SYNTAX, 1,
                                "expected \"calendar\" and its name as the first statement");
    if (span_eq_str(w->name, "calendar"))
        return calendar_statement(p, w);
    if (span_eq_str(w->name, "zone"))
        return zone_statement(p, w);
    if (span_eq_str(w->name, "weekend"))
        return weekend_statement(p, w);
    if (span_eq_str(w->name, "holiday"))
        return holiday_statement(p, w);
    if (span_eq_str(w->name, "without"))
        return without_statement(p, w);
    if (span_eq_str(w->name, "closed") || span_eq_str(w->name, "open"))
        return edit_statement(p, w, span_eq_str(w->name, "closed"));
    return demur_words_fail(
        w, DEMUR_ERR_SYNTAX, 1,
        "expected zone, weekend, holiday, without, closed or open, not \"%.*s\"",
        SPAN_ARG(span_take(w->name, 40)));
}

/* ---- clauses ---- */

static enum demur_err include_clause(struct demur_calendar *c, struct demur_words *w)
{
    if (c->includes_len == DEMUR_CALENDAR_INCLUDES)
        return full(w, "included calendars", DEMUR_CALENDAR_INCLUDES);
    size_t n = c->includes_len++;
    c->includes[n].line = w->line;
    DEMUR_TRY(demur_words_id(w, "a calendar's name", &c->includes[n].name));
    for (size_t i = 0; i < n; i++)
        if (span_eq(c->includes[i].name, c->includes[n].name))
            return demur_words_not(w, c->includes[n].name, "another calendar");
    return DEMUR_OK;
}

static enum demur_err standard_clause(struct demur_calendar *c, struct demur_words *w)
{
    size_t n = c->standards_len;
    if (n == DEMUR_CALENDAR_STANDARDS)
        return full(w, "standard times", DEMUR_CALENDAR_STANDARDS);
    c->standards[n].from_day = DEMUR_DAY_MIN;
    DEMUR_TRY(take_offset(w, &c->standards[n].offset_s));
    if (n > 0) {
        DEMUR_TRY(demur_words_literal(w, "from"));
        uint32_t column = w->column;
        DEMUR_TRY(demur_words_date(w, &c->standards[n].from_day));
        if (c->standards[n].from_day <= c->standards[n - 1].from_day)
            return demur_words_fail(w, DEMUR_ERR_CANON, column,
                                    "standard times stand in the order of their dates");
    }
    c->standards_len++;
    return DEMUR_OK;
}

/* A day that daylight time begins or ends on: one that every year has. */
static enum demur_err take_yearly_rule(struct demur_words *w, struct demur_day_rule *rule)
{
    uint32_t column = w->column;
    DEMUR_TRY(take_rule(w, rule));
    return rule->month == 2 && rule->day == 29
               ? demur_words_fail(w, DEMUR_ERR_SYNTAX, column, "not every year has a 29 February")
               : DEMUR_OK;
}

static enum demur_err daylight_clause(struct demur_calendar *c, struct demur_words *w)
{
    if (c->daylights_len == DEMUR_CALENDAR_DAYLIGHTS)
        return full(w, "daylight rules", DEMUR_CALENDAR_DAYLIGHTS);
    struct demur_daylight *d = &c->daylights[c->daylights_len++];
    *d = (struct demur_daylight){.until_year = 9999};
    DEMUR_TRY(demur_words_literal(w, "from"));
    DEMUR_TRY(take_year(w, &d->from_year));
    if (demur_words_if(w, "until")) {
        uint32_t column = w->column;
        DEMUR_TRY(take_year(w, &d->until_year));
        if (d->until_year < d->from_year)
            return demur_words_fail(w, DEMUR_ERR_SYNTAX, column,
                                    "the last year lies before the first");
    }
    DEMUR_TRY(take_yearly_rule(w, &d->start));
    DEMUR_TRY(take_clock_time(w, &d->start_s, &d->start_utc));
    DEMUR_TRY(demur_words_literal(w, "to"));
    DEMUR_TRY(take_yearly_rule(w, &d->end));
    DEMUR_TRY(take_clock_time(w, &d->end_s, &d->end_utc));
    DEMUR_TRY(demur_words_literal(w, "offset"));
    return take_offset(w, &d->offset_s);
}

/* `observed saturday on friday before` */
static enum demur_err observed_clause(struct demur_holiday *h, struct demur_words *w)
{
    static const char *const sides[] = {"before", "after"};
    if (h->observed_len == DEMUR_CALENDAR_OBSERVED)
        return demur_words_fail(w, DEMUR_ERR_LIMIT, 1, "a holiday has at most %d observed clauses",
                                DEMUR_CALENDAR_OBSERVED);
    enum demur_weekday falls_on, kept_on;
    size_t side;
    uint32_t column = w->column;
    DEMUR_TRY(take_weekday(w, &falls_on));
    for (size_t i = 0; i < h->observed_len; i++)
        if (h->observed[i].falls_on == falls_on)
            return demur_words_fail(w, DEMUR_ERR_SYNTAX, column, "this weekday was given above");
    DEMUR_TRY(demur_words_literal(w, "on"));
    DEMUR_TRY(take_weekday(w, &kept_on));
    DEMUR_TRY(demur_words_choice(w, "before or after", sides, 2, &side));
    int forward = ((int)kept_on - (int)falls_on + 7) % 7;
    if (forward == 0)
        return demur_words_fail(w, DEMUR_ERR_SYNTAX, column,
                                "a holiday is observed on another weekday than it falls on");
    h->observed[h->observed_len].falls_on = falls_on;
    h->observed[h->observed_len].shift = (int8_t)(side ? forward : forward - 7);
    h->observed_len++;
    return DEMUR_OK;
}

static enum demur_err holiday_clause(struct demur_holiday *h, struct demur_words *w)
{
    if (span_eq_str(w->name, "title"))
        return h->title.len ? twice(w) : demur_words_text(w, &h->title);
    if (span_eq_str(w->name, "from"))
        return h->from_year != 1 ? twice(w) : take_year(w, &h->from_year);
    if (span_eq_str(w->name, "until"))
        return h->until_year != 9999 ? twice(w) : take_year(w, &h->until_year);
    if (span_eq_str(w->name, "observed"))
        return observed_clause(h, w);
    return demur_words_fail(w, DEMUR_ERR_SYNTAX, 3,
                            "expected title, from, until or observed, not \"%.*s\"",
                            SPAN_ARG(span_take(w->name, 40)));
}

static enum demur_err clause(struct parser *p, struct demur_words *w)
{
    struct demur_calendar *c = p->out;
    switch (p->in) {
    case IN_CALENDAR:
        if (span_eq_str(w->name, "title"))
            return c->title.len ? twice(w) : demur_words_text(w, &c->title);
        if (span_eq_str(w->name, "source"))
            return c->source.len ? twice(w) : demur_words_text(w, &c->source);
        if (span_eq_str(w->name, "include"))
            return include_clause(c, w);
        return demur_words_fail(w, DEMUR_ERR_SYNTAX, 3,
                                "expected title, source or include, not \"%.*s\"",
                                SPAN_ARG(span_take(w->name, 40)));
    case IN_ZONE:
        if (span_eq_str(w->name, "standard"))
            return standard_clause(c, w);
        if (span_eq_str(w->name, "daylight"))
            return daylight_clause(c, w);
        return demur_words_fail(w, DEMUR_ERR_SYNTAX, 3,
                                "expected standard or daylight, not \"%.*s\"",
                                SPAN_ARG(span_take(w->name, 40)));
    case IN_HOLIDAY:
        return holiday_clause(&c->holidays[c->holidays_len - 1], w);
    case IN_OTHER:
        break;
    }
    return demur_words_fail(w, DEMUR_ERR_SYNTAX, 1, "no clause is expected here");
}

/* What can be told only at the end of the text. */
static enum demur_err whole(const struct parser *p, struct demur_diag *diag)
{
    const struct demur_calendar *c = p->out;
    if (!c->name.len)
        return demur_fail(diag, DEMUR_ERR_MISSING,
                          "the calendar has no name: begin with "
                          "\"calendar\" and its name");
    if (c->zone.len && !c->standards_len)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, p->zone_line, 1, "zone",
                             "the zone has no standard time: add \"standard\" and its offset");
    for (size_t i = 0; i < c->holidays_len; i++) {
        const struct demur_holiday *a = &c->holidays[i];
        if (a->until_year < a->from_year)
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, a->line, 1, "holiday",
                                 "the last year of this holiday lies before its first");
        for (size_t j = 0; j < i; j++) {
            const struct demur_holiday *b = &c->holidays[j];
            if (span_eq(a->name, b->name) && a->from_year <= b->until_year &&
                b->from_year <= a->until_year)
                return demur_fail_at(diag, DEMUR_ERR_SYNTAX, a->line, 1, "holiday",
                                     "the holiday \"%.*s\" stands in line %u for the same years",
                                     SPAN_ARG(a->name), b->line);
        }
    }
    return DEMUR_OK;
}

static enum demur_err parse(struct demur_calendar *out, struct span text, struct demur_diag *diag)
{
    struct demur_lines lines;
    DEMUR_TRY(demur_lines_init(&lines, text, DEMUR_CALENDAR_TEXT_MAX, diag));
    DEMUR_TRY(demur_lines_header(&lines, "calendar", diag));
    struct parser p = {out, IN_OTHER, 0};
    for (;;) {
        struct demur_statement_line s;
        bool end = false;
        DEMUR_TRY(demur_statement_next(&lines, &s, &end, diag));
        if (end)
            return whole(&p, diag);
        struct demur_words w = demur_words_of(&s, diag);
        DEMUR_TRY(s.clause ? clause(&p, &w) : statement(&p, &w));
        DEMUR_TRY(demur_words_end(&w));
    }
}

enum demur_err demur_calendar_parse(struct demur_calendar *out, struct span text,
                                    struct demur_diag *diag)
{
    *out = (struct demur_calendar){0};
    enum demur_err err = parse(out, text, diag);
    if (err != DEMUR_OK)
        *out = (struct demur_calendar){0};
    return err;
}
