/* calendar_words.h - the words of one statement, taken one at a time.
 *
 * What the calendar and the policy parser share: every taker either succeeds,
 * or fills the diagnostic with the word's line and column, the statement's name
 * and what was expected. Spans borrow from the text.
 */
#ifndef DEMUR_CORE_CALENDAR_WORDS_H
#define DEMUR_CORE_CALENDAR_WORDS_H

#include "calendar.h"
#include "lines.h"

struct demur_words {
    struct span name; /* of the statement or clause */
    struct span rest;
    uint32_t line, column; /* of rest's first byte */
    struct demur_diag *diag;
};

struct demur_words demur_words_of(const struct demur_statement_line *s, struct demur_diag *diag);
/* Fail at the given column of this statement. */
enum demur_err demur_words_fail(const struct demur_words *w, enum demur_err code, uint32_t column,
                                const char *fmt, ...) DEMUR_PRINTF(4, 5);
/* Fail (SYNTAX) saying that `expected` was expected and not `word`, which ends
 * just before the words that are left. An empty word: nothing was left. */
enum demur_err demur_words_not(const struct demur_words *w, struct span word, const char *expected);

/* The next word; MISSING when there is none. `expected` is for the message. */
enum demur_err demur_words_take(struct demur_words *w, const char *expected,
                                struct span *word) DEMUR_CHECKED;
/* Is the next word this one? Takes it if so. */
bool demur_words_if(struct demur_words *w, const char *word);
/* This very word, or SYNTAX. */
enum demur_err demur_words_literal(struct demur_words *w, const char *word) DEMUR_CHECKED;
/* One of a table of words; *index says which. */
enum demur_err demur_words_choice(struct demur_words *w, const char *expected,
                                  const char *const *table, size_t table_len,
                                  size_t *index) DEMUR_CHECKED;
/* An identifier (demur_word_ok, at most 64 bytes). */
enum demur_err demur_words_id(struct demur_words *w, const char *expected,
                              struct span *id) DEMUR_CHECKED;
/* A canonical decimal between min and max. */
enum demur_err demur_words_number(struct demur_words *w, const char *expected, uint64_t min,
                                  uint64_t max, uint64_t *number) DEMUR_CHECKED;
enum demur_err demur_words_date(struct demur_words *w, int32_t *day) DEMUR_CHECKED;
/* `2 working-days`: a number and a unit that agrees with it. */
enum demur_err demur_words_period(struct demur_words *w, struct demur_period *period) DEMUR_CHECKED;
/* All that is left, which must not be nothing: free text. */
enum demur_err demur_words_text(struct demur_words *w, struct span *text) DEMUR_CHECKED;
/* Nothing may be left. */
enum demur_err demur_words_end(struct demur_words *w) DEMUR_CHECKED;

/* Return what went wrong, if anything did. */
#define DEMUR_TRY(expr)                                                                            \
    do {                                                                                           \
        enum demur_err try_err_ = (expr);                                                          \
        if (try_err_ != DEMUR_OK)                                                                  \
            return try_err_;                                                                       \
    } while (0)

#endif
