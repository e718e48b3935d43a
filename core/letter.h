/* letter.h - the texts that people write: memo, document, message.
 * Format: docs/formats/memo.md.
 *
 * One grammar: a first line, header fields in one order, an empty line, a body
 * in CommonMark. What parses re-encodes to the same bytes. A parsed letter
 * borrows from its text. Nothing allocates. Timing: variable; a letter is the
 * reader's own secret, and who measures this machine has it anyway.
 */
#ifndef DEMUR_CORE_LETTER_H
#define DEMUR_CORE_LETTER_H

#include "base.h"

#define DEMUR_LETTER_MAX 1048576u
#define DEMUR_LETTER_TITLE_MAX 200u /* characters, not bytes */
#define DEMUR_LETTER_TO_MAX 32u     /* roles */
#define DEMUR_LETTER_ATTACHMENTS_MAX 32u
#define DEMUR_LETTER_FILE_NAME_MAX 255u /* bytes */
#define DEMUR_LETTER_POINTS_MAX 9999u

enum demur_letter_kind {
    DEMUR_LETTER_MEMO,
    DEMUR_LETTER_DOCUMENT,
    DEMUR_LETTER_MESSAGE,
};

struct demur_letter_file {
    uint8_t hash[32]; /* SHA-256 of the plain file */
    uint64_t size;
    struct span name;
};

struct demur_letter {
    enum demur_letter_kind kind;
    uint8_t channel[32];
    struct span dissent;
    uint32_t revision; /* memo; 0 otherwise */
    uint8_t salt[32];  /* memo */
    struct span act;   /* document */
    struct span from;  /* the role of an officer who writes; empty: the author */
    struct span title; /* empty: none */
    struct span marking;
    uint64_t date_s; /* Unix time */
    size_t to_len;
    struct span to[DEMUR_LETTER_TO_MAX]; /* memo: roles, increasing */
    bool has_points;
    uint32_t points;
    size_t files_len;
    struct demur_letter_file files[DEMUR_LETTER_ATTACHMENTS_MAX]; /* memo */
    struct span body;                                             /* empty for a document at most */
};

/* Parse a whole letter, without padding. SYNTAX, CANON, MISSING, LIMIT with line
 * and field. *out is untouched on failure. */
enum demur_err demur_letter_parse(struct demur_letter *out, struct span text,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* Append a letter. The result may break a rule of the grammar when a value
 * does (a title with a line end): parse it to know. Overflow shows in *out. */
void demur_letter_put(struct buf *out, const struct demur_letter *letter);
/* What a person typed, as a body: CR LF and CR become LF, spaces and line ends
 * at its end become one LF. Strict UTF-8 and control characters are still for
 * the parser. In place; returns the new length; room for one byte more than
 * `len` is needed. 0 for nothing but white space. */
size_t demur_letter_body_tidy(char *text, size_t len);

/* Take the padding off a letter's plaintext: the run of LFs at its end, but one. */
struct span demur_letter_unpad(struct span padded);

/* Does the body have a heading (CommonMark, ATX or setext, outside fenced code)
 * whose text, without regard to ASCII case, begins with `title`? */
bool demur_letter_has_section(struct span body, struct span title);

struct demur_policy;
/* Check a memo against the form of a policy: required sections, marking,
 * points, how many attachments and how large. The first thing amiss is named,
 * with what to do. MISSING, LIMIT, UNKNOWN (a marking), CANON. */
enum demur_err demur_memo_check(const struct demur_letter *memo, const struct demur_policy *policy,
                                struct demur_diag *diag) DEMUR_CHECKED;

#endif
