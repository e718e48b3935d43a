/* calendar_words.c - see calendar_words.h. */
#include "calendar_words.h"

#include <stdarg.h>
#include <stdio.h>

#define WORD_MAX 64

struct demur_words demur_words_of(const struct demur_statement_line *s, struct demur_diag *diag)
{
    return (struct demur_words){s->name, s->rest, s->line, s->rest_column, diag};
}

enum demur_err demur_words_fail(const struct demur_words *w, enum demur_err code, uint32_t column,
                                const char *fmt, ...)
{
    char text[sizeof w->diag->text], field[sizeof w->diag->field];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    snprintf(field, sizeof field, "%.*s", SPAN_ARG(w->name));
    return demur_fail_at(w->diag, code, w->line, column, field, "%s", text);
}

enum demur_err demur_words_not(const struct demur_words *w, struct span word, const char *expected)
{
    if (word.len == 0)
        return demur_words_fail(w, DEMUR_ERR_MISSING, w->column, "expected %s here", expected);
    uint32_t column = w->column - (uint32_t)word.len - (w->rest.len > 0);
    return demur_words_fail(w, DEMUR_ERR_SYNTAX, column, "expected %s, not \"%.*s\"", expected,
                            SPAN_ARG(span_take(word, WORD_MAX)));
}

enum demur_err demur_words_take(struct demur_words *w, const char *expected, struct span *word)
{
    if (!demur_words_next(&w->rest, word, &w->column))
        return demur_words_not(w, (struct span){0}, expected);
    return DEMUR_OK;
}

bool demur_words_if(struct demur_words *w, const char *word)
{
    struct demur_words ahead = *w;
    struct span next;
    if (!demur_words_next(&ahead.rest, &next, &ahead.column) || !span_eq_str(next, word))
        return false;
    *w = ahead;
    return true;
}

enum demur_err demur_words_literal(struct demur_words *w, const char *word)
{
    char expected[WORD_MAX];
    snprintf(expected, sizeof expected, "\"%s\"", word);
    struct span next;
    DEMUR_TRY(demur_words_take(w, expected, &next));
    return span_eq_str(next, word) ? DEMUR_OK : demur_words_not(w, next, expected);
}

enum demur_err demur_words_choice(struct demur_words *w, const char *expected,
                                  const char *const *table, size_t table_len, size_t *index)
{
    struct span word;
    DEMUR_TRY(demur_words_take(w, expected, &word));
    for (size_t i = 0; i < table_len; i++) {
        if (table[i] && span_eq_str(word, table[i])) {
            *index = i;
            return DEMUR_OK;
        }
    }
    return demur_words_not(w, word, expected);
}

enum demur_err demur_words_id(struct demur_words *w, const char *expected, struct span *id)
{
    DEMUR_TRY(demur_words_take(w, expected, id));
    return demur_word_ok(*id) && id->len <= WORD_MAX ? DEMUR_OK : demur_words_not(w, *id, expected);
}

enum demur_err demur_words_number(struct demur_words *w, const char *expected, uint64_t min,
                                  uint64_t max, uint64_t *number)
{
    struct span word;
    DEMUR_TRY(demur_words_take(w, expected, &word));
    if (!span_u64(word, UINT64_MAX, number))
        return demur_words_not(w, word, expected);
    if (*number >= min && *number <= max)
        return DEMUR_OK;
    uint32_t column = w->column - (uint32_t)word.len - (w->rest.len > 0);
    return demur_words_fail(
        w, DEMUR_ERR_LIMIT, column, "expected %s from %llu to %llu, not \"%.*s\"", expected,
        (unsigned long long)min, (unsigned long long)max, SPAN_ARG(span_take(word, WORD_MAX)));
}

enum demur_err demur_words_date(struct demur_words *w, int32_t *day)
{
    static const char expected[] = "a date such as 2026-11-20";
    struct span word;
    struct demur_date date;
    DEMUR_TRY(demur_words_take(w, expected, &word));
    if (!demur_date_parse(word, &date))
        return demur_words_not(w, word, expected);
    *day = demur_date_day(date);
    return DEMUR_OK;
}

static const char *const units[2][6] = {
    {"hours", "days", "working-days", "weeks", "months", "years"},
    {"hour", "day", "working-day", "week", "month", "year"},
};
/* A century; of days that are asked one by one whether they are worked, ten years. */
static const uint64_t longest[6] = {9999, 9999, 2600, 5200, 1200, 100};

enum demur_err demur_words_period(struct demur_words *w, struct demur_period *period)
{
    uint64_t count;
    size_t unit = 0;
    uint32_t column = w->column;
    DEMUR_TRY(demur_words_number(w, "a number", 1, DEMUR_PERIOD_MAX, &count));
    DEMUR_TRY(demur_words_choice(w,
                                 count == 1 ? "hour, day, working-day, week, month or year"
                                            : "hours, days, working-days, weeks, months or years",
                                 units[count == 1], DEMUR_COUNT(units[0]), &unit));
    if (count > longest[unit])
        return demur_words_fail(w, DEMUR_ERR_SYNTAX, column, "no period has more than %llu %s",
                                (unsigned long long)longest[unit], units[0][unit]);
    *period = (struct demur_period){(uint32_t)count, (enum demur_unit)unit};
    return DEMUR_OK;
}

void demur_period_put(struct buf *b, struct demur_period period)
{
    buf_put_u64(b, period.count);
    buf_put_byte(b, ' ');
    buf_put_str(b, units[period.count == 1][period.unit]);
}

enum demur_err demur_words_text(struct demur_words *w, struct span *text)
{
    if (w->rest.len == 0)
        return demur_words_not(w, (struct span){0}, "some text");
    *text = w->rest;
    w->column += (uint32_t)w->rest.len;
    w->rest = (struct span){0};
    return DEMUR_OK;
}

enum demur_err demur_words_end(struct demur_words *w)
{
    struct span word;
    uint32_t column = w->column;
    if (!demur_words_next(&w->rest, &word, &w->column))
        return DEMUR_OK;
    return demur_words_fail(w, DEMUR_ERR_SYNTAX, column,
                            "expected the end of the line, not \"%.*s\"",
                            SPAN_ARG(span_take(word, WORD_MAX)));
}
