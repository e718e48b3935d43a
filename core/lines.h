/* lines.h - the one line grammar of records, policies and calendars.
 *
 * A text is lines of strict UTF-8, each ended by LF, the last one too. No
 * control character (C0, DEL, C1), no tab, no space before an LF. Above that
 * lie two uses: records take every line as it is; policies and calendars are
 * statements, read with demur_statement_next:
 *
 *     # a comment, at any indentation of 0 or 2
 *     name value words
 *       clause its words        <- two spaces: belongs to the statement above
 *
 * All spans borrow from the text, which must outlive them. Nothing allocates.
 * Columns count bytes from 1. Timing: variable; never used on secrets.
 */
#ifndef DEMUR_CORE_LINES_H
#define DEMUR_CORE_LINES_H

#include "base.h"

struct demur_lines {
    struct span rest; /* what demur_lines_next has not returned yet */
    uint32_t line;    /* number of the line last returned; 0 before the first */
};

/* Check the whole text and set *lines to its start. Errors: SYNTAX with the
 * first fault's line and column, CANON for a space at the end of a line, LIMIT
 * above max_len bytes, MISSING when empty. *lines is untouched on failure. */
enum demur_err demur_lines_init(struct demur_lines *lines, struct span text, size_t max_len,
                                struct demur_diag *diag) DEMUR_CHECKED;
/* The next line without its LF; false at the end. Lines may be empty. */
bool demur_lines_next(struct demur_lines *lines, struct span *line);

/* Require that the next line is `demur <kind> v1`. Errors: MISSING at the end,
 * UPGRADE for a later version, SYNTAX for all else. */
enum demur_err demur_lines_header(struct demur_lines *lines, const char *kind,
                                  struct demur_diag *diag) DEMUR_CHECKED;

/* The length of the strict UTF-8 sequence that s begins with, and its scalar
 * value in *code; 0, and *code untouched, when there is none. */
size_t demur_utf8_one(struct span s, uint32_t *code);

/* [a-z][a-z-]* : what a field, statement or clause may be called. */
bool demur_name_ok(struct span s);
/* [a-z0-9][a-z0-9._-]* : an identifier as a value. */
bool demur_word_ok(struct span s);

/* White space in ASCII, which is forgiven around what people paste or type. */
bool demur_space_ok(uint8_t c);
struct span demur_trim(struct span s);

/* What a member's attribute may be called: demur_name_ok, at most 32 bytes. */
bool demur_attribute_name_ok(struct span s);
/* [A-Za-z0-9][A-Za-z0-9._-]*, at most 64 bytes: the value of an attribute. */
bool demur_attribute_value_ok(struct span s);

/* Take the next word off *rest, words being parted by single spaces; false
 * when nothing is left. *column is the column of rest's first byte, before and
 * after: save it before the call to know where the word stands. At the end it
 * is the column just past the last byte, where something more was expected.
 * Two adjacent spaces yield an empty word. */
bool demur_words_next(struct span *rest, struct span *word, uint32_t *column);

struct demur_statement_line {
    uint32_t line;
    bool clause;          /* indented by two spaces */
    struct span name;     /* obeys demur_name_ok */
    struct span rest;     /* after the one space; empty when there is only a name */
    uint32_t rest_column; /* of rest's first byte, or just past the name */
};

/* The next statement or clause, past blank lines and comments. *end is true,
 * and *out untouched, when there is none. Refuses (SYNTAX) an indentation other
 * than 0 or 2, a name that breaks the rule, and (CANON) two adjacent spaces.
 * That a clause has a statement above it is for the caller to check. */
enum demur_err demur_statement_next(struct demur_lines *lines, struct demur_statement_line *out,
                                    bool *end, struct demur_diag *diag) DEMUR_CHECKED;

#endif
