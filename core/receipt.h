/* receipt.h - proof, offline, that an entry is in a log: c2sp.org/tlog-proof@v1.
 *
 * A receipt is an inclusion proof, the checkpoint that it leads to, and in
 * `extra` an entry bundle (tile.h) with what a reader needs to make sense of
 * it: entry 0 of the channel, the `rotate` entries that changed a key since,
 * and last the entry that the receipt is about. The format does not authenticate
 * `extra`: demur_receipt_verify proves only the leaf hash that it is given, and
 * what the other entries are worth is for whoever reads records to establish.
 *
 * Public data, variable time, nothing allocates. Spans borrow from the text.
 */
#ifndef DEMUR_CORE_RECEIPT_H
#define DEMUR_CORE_RECEIPT_H

#include "checkpoint.h"

#define DEMUR_RECEIPT_MAX 1048576 /* bytes in a receipt */

struct demur_receipt {
    struct span extra; /* base64, its form checked; empty when there is none */
    uint64_t index;
    struct demur_proof proof;
    struct span checkpoint;       /* the signed note, as it is */
    struct demur_checkpoint head; /* what it claims, until verified */
};

/* Strict: what parses re-encodes to the same bytes. SYNTAX, CANON, LIMIT,
 * MISSING, with the line; *receipt is untouched on failure. */
enum demur_err demur_receipt_parse(struct demur_receipt *receipt, struct span text,
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* Append a receipt. An empty bundle leaves `extra` out. Overflow shows in *out. */
void demur_receipt_put(struct buf *out, struct span bundle, uint64_t index,
                       const struct demur_proof *proof, struct span checkpoint);
/* Append the bytes of `extra` to *out and check that they are an entry bundle;
 * read them with demur_bundle_next. `extra` is never longer than
 * receipt->extra.len / 4 * 3 bytes. MISSING without extra, SPACE, SYNTAX. */
enum demur_err demur_receipt_bundle(const struct demur_receipt *receipt, struct buf *out,
                                    struct demur_diag *diag) DEMUR_CHECKED;
/* Verify that the log `origin`, under log_key, holds the entry with this leaf
 * hash at receipt->index. *head is then what the log signed; may be NULL.
 * UNKNOWN for another origin, MISSING or VERIFY with the reason. */
enum demur_err demur_receipt_verify(const struct demur_receipt *receipt, struct span origin,
                                    const uint8_t log_key[static 32], const uint8_t leaf[static 32],
                                    struct demur_checkpoint *head,
                                    struct demur_diag *diag) DEMUR_CHECKED;

#endif
