/* checkpoint.h - signed tree heads: C2SP tlog-checkpoint v1.0.0.
 *
 * The text is three lines: the origin, the size in decimal, the root in base64.
 * Extension lines are refused, and so is a size of 0 with another root than the
 * empty tree's. The log key's name is the origin. Public data, variable time,
 * except that signing is constant time in the secret. Nothing allocates.
 */
#ifndef DEMUR_CORE_CHECKPOINT_H
#define DEMUR_CORE_CHECKPOINT_H

#include "merkle.h"
#include "note.h"

#define DEMUR_CHECKPOINT_TEXT_MAX (DEMUR_NOTE_NAME_MAX + 1 + 20 + 1 + 44 + 1)
/* A checkpoint with the log's own signature and no other. */
#define DEMUR_CHECKPOINT_MAX (DEMUR_CHECKPOINT_TEXT_MAX + 1 + DEMUR_NOTE_LINE_MAX)

struct demur_checkpoint {
    struct span origin; /* obeys demur_note_name_ok */
    uint64_t size;      /* at most DEMUR_LOG_SIZE_MAX */
    uint8_t root[32];
};

void demur_checkpoint_put_text(struct buf *out, const struct demur_checkpoint *head);
/* The inverse, strict. SYNTAX, CANON, LIMIT, with the line; *head borrows the
 * text and is untouched on failure. */
enum demur_err demur_checkpoint_parse_text(struct demur_checkpoint *head, struct span text,
                                           struct demur_diag *diag) DEMUR_CHECKED;

/* Append the whole checkpoint, signed by the log key `secret` (64 bytes, seed
 * || public key). SYNTAX for an origin that does not do, LIMIT, SPACE. Whoever
 * calls this makes sure that the head extends everything signed before. */
enum demur_err demur_checkpoint_sign(struct buf *out, const struct demur_checkpoint *head,
                                     const uint8_t secret[static 64],
                                     struct demur_diag *diag) DEMUR_CHECKED;
/* Parse a checkpoint and verify that the log `origin` signed it with log_key.
 * *note may be NULL; else it receives the note, for the cosignatures. SYNTAX,
 * CANON, LIMIT; UNKNOWN for another origin; MISSING and VERIFY of
 * demur_note_verify. *head and *note are untouched on failure. */
enum demur_err demur_checkpoint_open(struct demur_checkpoint *head, struct demur_note *note,
                                     struct span bytes, struct span origin,
                                     const uint8_t log_key[static 32],
                                     struct demur_diag *diag) DEMUR_CHECKED;

#endif
