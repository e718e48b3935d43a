/* seal.h - how letters and attachments are padded, sealed to many, and wrapped
 * under a release key. docs/formats/memo.md section 2.
 *
 * Nothing allocates: callers bring storage of the sizes given, and wipe it.
 * Entropy is fresh uniform bytes for every call. Timing: that of age.h.
 */
#ifndef DEMUR_CORE_SEAL_H
#define DEMUR_CORE_SEAL_H

#include "age.h"
#include "base.h"

#define DEMUR_PAD_MIN 4096

/* Padme length of `len` bytes, at least DEMUR_PAD_MIN. */
size_t demur_padded_len(size_t len);
/* Lengthen what is in *text to that: a letter with LFs, an attachment with zero
 * bytes. Overflow shows in *text. */
void demur_letter_pad(struct buf *text);
void demur_attachment_pad(struct buf *bytes);

/* Put recipients in the order of the format: the case's own first, where it is;
 * the others behind it sorted, without duplicates. Returns how many are left. */
size_t demur_recipients_order(struct demur_age_recipient *recipients, size_t n);

/* Sealing a memo or one of its attachments in two layers. Lengths of the inner
 * and the outer file for a padded plaintext; SIZE_MAX when they cannot be. */
size_t demur_memo_inner_len(size_t padded_len, size_t recipients);
size_t demur_memo_outer_len(size_t padded_len, size_t recipients);
#define DEMUR_MEMO_ENTROPY_LEN(n) (DEMUR_AGE_ENTROPY_LEN(n) + DEMUR_AGE_SYMMETRIC_ENTROPY_LEN)
/* `inner` is work space of demur_memo_inner_len bytes, *out takes the outer file.
 * Errors: those of demur_age_seal and demur_age_wrap. */
enum demur_err demur_memo_seal(struct buf *out, struct buf *inner, struct span padded,
                               const struct demur_age_recipient *recipients, size_t n,
                               const uint8_t release_key[static 32], struct span entropy,
                               struct demur_diag *diag) DEMUR_CHECKED;
/* The reverse: `inner` is work space as large as the file. *out receives the
 * plaintext with its padding. Errors: KEY when the release key or all of the
 * identities are wrong ones, SYNTAX, VERIFY, SPACE. */
enum demur_err demur_memo_open(struct buf *out, struct buf *inner, struct span file,
                               const uint8_t release_key[static 32],
                               const struct demur_age_identity *identity,
                               struct demur_diag *diag) DEMUR_CHECKED;

#endif
