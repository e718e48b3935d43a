/* expunge.h - what the log says was destroyed, and destroying it. Inside server/.
 *
 * The fold lets a dissent expunge only what it was the first to name (fold.md), and
 * no policy's text: so what an accepted record expunges goes, whoever else names it,
 * and a memo's release key goes with the memo. What was expunged is not taken again.
 *
 * All of it is derived from the log: nothing here is stored. Functions on the
 * index are called as the fold's are (engine.h: read and unread).
 */
#ifndef DEMUR_SERVER_EXPUNGE_H
#define DEMUR_SERVER_EXPUNGE_H

#include "../core/record.h"
#include "list.h"

struct demur_engine;
struct demur_walk;

struct demur_expunge {
    struct demur_list gone; /* of struct gone: the blobs that are expunged */
    uint32_t *buckets;      /* by blob: 1 + the first of gone; 0: none */
    size_t buckets_len;
    uint8_t hash_key[16];     /* random: nobody chooses names that share a bucket */
    struct demur_list doomed; /* of 32 bytes: those to look at, deleted or not */
};

enum demur_err demur_expunge_init(struct demur_expunge *x, struct demur_diag *diag) DEMUR_CHECKED;
void demur_expunge_free(struct demur_expunge *x);
/* Take in an entry that the fold accepted. MEMORY. */
enum demur_err demur_expunge_note(struct demur_expunge *x, const struct demur_record *record,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* Of an engine's snapshot: all that is expunged, in the log's order. */
void demur_expunge_walk(struct demur_expunge *x, struct demur_walk *w);
bool demur_expunged(const struct demur_expunge *x, const uint8_t blob[static 32]);

/* An expunged blob has come again: it is to be destroyed once more. Waits for a commit. */
void demur_engine_doom(struct demur_engine *e, const uint8_t blob[static 32]);
/* Delete what the published log says is expunged and is still in the store, and
 * scrub. Nothing to do is fine; after an error the rest is tried again by the
 * next call. One thread at a time, the fold not held. */
enum demur_err demur_engine_destroy(struct demur_engine *e, struct demur_diag *diag) DEMUR_CHECKED;

#endif
