/* engine.h - the channel that a server keeps: store, fold, signer, and the one
 * way by which records get into the log. Inside server/.
 *
 * Threads. demur_engine_commit is the sequencer's alone. Everything else may
 * run in any thread beside it. What the fold means is read between demur_engine_read
 * and demur_engine_unread; a commit waits for readers, so they are short, and they
 * see nothing that is not published. Signatures are verified between
 * demur_engine_check and demur_engine_uncheck, beside a commit that waits for the
 * disk: what they rest on is in the fold for good, or the server ends.
 */
#ifndef DEMUR_SERVER_ENGINE_H
#define DEMUR_SERVER_ENGINE_H

#include <pthread.h>

#include "../core/channel_proof.h"
#include "../core/checkpoint.h"
#include "../core/tile.h"
#include "../store/store.h"
#include "expunge.h"
#include "hooks.h"
#include "list.h"
#include "nodes.h"
#include "refold.h"
#include "signer.h"
#include "snapshot.h"

/* The last published checkpoint: what everyone outside may know of. */
struct demur_published {
    uint64_t size;
    uint8_t root[32];
    uint8_t text[DEMUR_CHECKPOINT_MAX];
    size_t text_len;
    size_t rotates; /* `rotate` entries that it covers */
};

struct demur_text_entry {
    uint64_t index, at;
    char name[65]; /* a calendar's */
    struct demur_blob_ref text;
};

/* Records in one batch at most, so that a commit's time and memory are bounded. */
#define DEMUR_BATCH_MAX 1024

/* What the last commit did. */
struct demur_commit_figures {
    uint64_t accepted, refused;
    uint64_t commit_us; /* steps 1 to 3, answers not counted */
};

struct demur_engine {
    const char *dir;
    const struct demur_server_hooks *hooks;
    struct demur_signer *signer;
    struct demur_store *store;
    uint8_t server_secrets[2][64]; /* server.key, server.key.next; zero: none */

    pthread_rwlock_t lock; /* of all that follows up to fold_lock: a commit's, to its end */
    struct demur_channel *channel;
    struct demur_edge edge;      /* of the tree: what the next batch grows from */
    struct demur_list rotates;   /* of uint64_t: accepted `rotate` entries */
    struct demur_list calendars; /* of demur_text_entry: accepted `calendar` entries */
    uint64_t tick_day;           /* days since 1970 of the last accepted tick; 0: none */
    struct demur_expunge expunge;
    bool failed; /* a commit did: the fold is ahead of the log, and to be believed no more */
    /* Taken after `lock`, and for writing only while a commit changes the channel, what
     * is expunged, or `failed`. */
    pthread_rwlock_t fold_lock;

    pthread_mutex_t published_lock; /* of this, and of reading `rotates` without `lock` */
    struct demur_published published;
    struct demur_nodes *nodes; /* of the published tree, or about to be */
    pthread_mutex_t keys_lock;
    struct demur_list keys; /* bytes: a bundle of entry 0 and the first `keys_rotates` rotations */
    size_t keys_rotates;

    struct demur_snapshots snapshots; /* of one thread at a time: duties.h */
    struct demur_refold *refold;      /* the main thread's; NULL: nothing to fold again, or done */

    struct demur_commit_figures figures;            /* the sequencer's */
    struct demur_append *accepted[DEMUR_BATCH_MAX]; /* a commit's; here, so that it cannot lack */
    bool scrub_due;                                 /* demur_engine_destroy's */
};

/* Start the signer, confined if it shall be (confine.h), open the store, take the snapshot
 * in, fold every entry that it does not hold (all, where there is none that can be
 * believed), compare the root, and publish what the store's head is after it was proposed
 * to the signer again. With a snapshot, another process folds the whole log again behind
 * this. Call it while the process has one thread. Errors as demur_server_run. */
enum demur_err demur_engine_open(struct demur_engine **out, const char *dir, bool confined,
                                 const struct demur_server_hooks *hooks,
                                 struct demur_diag *diag) DEMUR_CHECKED;
/* Nobody may use it any more. NULL is fine. */
void demur_engine_close(struct demur_engine *e);

uint64_t demur_engine_clock(const struct demur_engine *e);
/* The same, but never before the last entry. Call it between read and unread. */
uint64_t demur_engine_now(const struct demur_engine *e);
/* IO when less than `keep` bytes of the disk are free. A commit that does not fit
 * ends the server, since the fold is ahead then: so nothing gets that far. */
enum demur_err demur_engine_disk(const struct demur_engine *e, uint64_t keep,
                                 struct demur_diag *diag) DEMUR_CHECKED;
/* IO when a commit failed: the fold is ahead of the log then, and nothing of it is
 * to be told or acted on. Call it between read and unread, or check and uncheck,
 * before all else. */
enum demur_err demur_engine_sound(const struct demur_engine *e,
                                  struct demur_diag *diag) DEMUR_CHECKED;
void demur_engine_read(struct demur_engine *e);
void demur_engine_unread(struct demur_engine *e);
void demur_engine_check(struct demur_engine *e);
bool demur_engine_check_now(struct demur_engine *e) DEMUR_CHECKED; /* if it need not wait */
void demur_engine_uncheck(struct demur_engine *e);
void demur_engine_published(struct demur_engine *e, struct demur_published *out);
/* The secret of the server key in force; KEY when server.key does not hold it.
 * Call it between read and unread. */
enum demur_err demur_engine_server_secret(const struct demur_engine *e, uint8_t secret[static 64],
                                          struct demur_diag *diag) DEMUR_CHECKED;
/* Hashes of the tree of the first `size` entries, out of the store. The source
 * and its buffer outlive the reader. */
struct demur_store_tiles {
    struct demur_engine *engine;
    struct demur_tile_source source;
    struct demur_tile held; /* what bytes are of; width 0: nothing yet */
    uint8_t bytes[32 * 256];
};
struct demur_tree_reader demur_engine_tree(struct demur_engine *e, struct demur_store_tiles *tiles,
                                           uint64_t size);

/* ---- appending ---------------------------------------------------------- */

enum demur_append_state {
    DEMUR_APPEND_WAITING,
    DEMUR_APPEND_ACCEPTED, /* it is entry `index` of the published log; perhaps since long */
    DEMUR_APPEND_REFUSED,  /* diag says why */
    DEMUR_APPEND_LACKS,    /* a blob or release key must be stored first: diag */
    DEMUR_APPEND_UNKNOWN,  /* the server ends; nobody knows: send the same bytes again */
};

struct demur_append {
    struct span text; /* the record's bytes, the caller's, there until it is answered */
    uint8_t hash[32]; /* SHA-256 of text */
    struct demur_verdict verdict;
    bool unverified; /* its signatures are verified in its turn, with those of the others */
    struct demur_ring_proofs proofs; /* that are due, */
    size_t settled;                  /* and how many of them have been found good */
    enum demur_append_state state;
    struct demur_diag diag;
    bool has_latest; /* STALE: what `on` must be */
    uint8_t latest[32];
    uint64_t index;
    uint64_t at; /* of its entry, when this batch made it; else 0 */
    /* Called once by whoever verified the proofs. */
    void (*proven)(struct demur_append *append);
    /* Called once by the sequencer when state is no longer WAITING. */
    void (*answer)(struct demur_append *append);
    void *owner;
    struct demur_append *next;
    struct demur_record record; /* of text; it is large, and nothing of it need be set before */
};

/* What can be done beside others: parse, look for a retry, check the blobs, and every proof
 * but those about rings. Leaves state WAITING when the record is to be sequenced, once its
 * proofs about rings are verified (proofs.h); else the fold does that itself. */
void demur_engine_prepare(struct demur_engine *e, struct demur_append *append);
/* The same, for a thread that must not wait; false when it would have to, for the fold
 * or for what takes long: then it is to be prepared elsewhere. */
bool demur_engine_prepare_now(struct demur_engine *e, struct demur_append *append) DEMUR_CHECKED;
/* In the turn of a batch of prepared records, before it is folded: verify together what has
 * not been, and refuse what does not hold, and what the disk has no room for. */
void demur_engine_verify(struct demur_engine *e, struct demur_append *batch);
/* Verify, fold, commit, sign, publish and answer a batch of prepared records (linked by
 * next, DEMUR_BATCH_MAX at most): each is answered, refusals before the commit unless they may rest
 * on it. An error is fatal:
 * the fold is not to be used any more, and nobody knows what became of the batch. */
enum demur_err demur_engine_commit(struct demur_engine *e, struct demur_append *batch,
                                   struct demur_diag *diag) DEMUR_CHECKED;

/* Append the receipt of entry `index` under the published checkpoint. UNKNOWN
 * when that does not cover it. `entry`: its bytes, or empty to read them. */
enum demur_err demur_engine_receipt(struct demur_engine *e, struct demur_store_bytes *out,
                                    uint64_t index, struct span entry,
                                    struct demur_diag *diag) DEMUR_CHECKED;

/* ---- parts of the above, each in its file --------------------------------- */

/* checks.c: is every blob stored that the record names, and fits? And for
 * `file`, the release key? LACKS or REFUSED go into append; false then. What may yet be lost
 * with the batch under way is held against the record only `in_order`, in a batch itself. */
bool demur_blobs_check(struct demur_engine *e, struct demur_append *append, bool in_order);
/* The text of a policy or calendar record; empty for the rest. */
enum demur_err demur_record_text(struct demur_engine *e, const struct demur_record *record,
                                 struct demur_store_bytes *out,
                                 struct demur_diag *diag) DEMUR_CHECKED;
/* folding.c: fold the log's entries in their order. Signatures are verified many at a
 * time, so that the last few entries wait: the frontier is ahead of the channel by those
 * until the end. Start with the members above the line, and release it whatever happens. */
struct demur_folding {
    struct demur_engine *engine;
    struct demur_frontier frontier;
    uint64_t size; /* for lines of progress */
    time_t told_s; /* of the last of them */
    bool quiet;    /* none */
    struct demur_diag *diag;
    /* --- */
    struct demur_folding_ahead *ahead;
};
/* A demur_store_entry_fn: take the next entry. VERIFY when it is damaged. */
enum demur_err demur_folding_entry(void *ctx, uint64_t index, const uint8_t leaf[static 32],
                                   struct span bytes) DEMUR_CHECKED;
enum demur_err demur_folding_end(struct demur_folding *f) DEMUR_CHECKED; /* fold the rest */
void demur_folding_free(struct demur_folding *f);
/* recover.c */
/* e->refold has come to an answer: OK, or VERIFY when the snapshot was wrong: nothing of
 * this engine is to be believed then, and the snapshots are deleted. */
enum demur_err demur_engine_refolded(struct demur_engine *e, struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_engine_recover(struct demur_engine *e, struct demur_diag *diag) DEMUR_CHECKED;
/* engine.c: sign the store's head, and publish; note what an accepted entry means. */
enum demur_err demur_engine_sign(struct demur_engine *e, uint64_t size,
                                 const uint8_t root[static 32], struct demur_published *out,
                                 struct demur_diag *diag) DEMUR_CHECKED;
void demur_engine_publish(struct demur_engine *e, const struct demur_published *published);
enum demur_err demur_engine_note(struct demur_engine *e, const struct demur_record *record,
                                 uint64_t index, uint64_t at,
                                 struct demur_diag *diag) DEMUR_CHECKED;

#endif
