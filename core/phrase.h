/* phrase.h - 128 secret bits as nine words that can be spoken and written down.
 *
 * A word is a proquint (Wilkerson 2009): 16 bits as five letters, consonant,
 * vowel, consonant, vowel, consonant, of "bdfghjklmnprstvz" (4 bits each) and
 * "aiou" (2 bits each), the high bits first. A phrase is the secret's eight
 * words, and a ninth: the first 16 bits of SHA-256("demur v1 phrase" || secret).
 * docs/formats/age.md has the format.
 *
 * Timing: constant in the secret. Decoding is variable in the separators and
 * case that the user typed, and in which word is wrong.
 */
#ifndef DEMUR_CORE_PHRASE_H
#define DEMUR_CORE_PHRASE_H

#include "base.h"

#define DEMUR_PHRASE_SECRET_LEN 16
#define DEMUR_PHRASE_WORDS 9
#define DEMUR_PROQUINT_LEN 5
#define DEMUR_PHRASE_LEN 53 /* characters: nine words of five and eight dashes */

/* Append one word of five lowercase letters. */
void demur_proquint_encode(struct buf *out, uint16_t value);
/* The 16 bits that five letters stand for, without a branch on them: 0xFF, or 0 when
 * they are no word (*value is then of no meaning). */
unsigned demur_proquint_bits(uint16_t *value, const uint8_t word[static DEMUR_PROQUINT_LEN]);
/* One word of five letters, of either case. SYNTAX when it is none. */
enum demur_err demur_proquint_decode(uint16_t *value, struct span word) DEMUR_CHECKED;

/* Append the phrase: lowercase words with '-' between them. */
void demur_phrase_encode(struct buf *out, const uint8_t secret[static DEMUR_PHRASE_SECRET_LEN]);

/* Read a phrase as people type and paste it: either case; words parted by any
 * run of spaces, tabs, line ends and dashes (also no-break spaces and the
 * dashes U+2010 to U+2015 that word processors put in).
 * Errors, field "phrase": SYNTAX, with the word's number in diag->column and
 * its text, when a word is none; MISSING when words are missing; SYNTAX when
 * there are too many; KEY when the check word does not fit.
 * `secret` is untouched on failure. The caller wipes secret and text. */
enum demur_err demur_phrase_decode(uint8_t secret[static DEMUR_PHRASE_SECRET_LEN], struct span text,
                                   struct demur_diag *diag) DEMUR_CHECKED;

#endif
