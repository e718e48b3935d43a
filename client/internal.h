/* internal.h - what the files of client/ share. Nobody else includes it. */
#ifndef DEMUR_CLIENT_INTERNAL_H
#define DEMUR_CLIENT_INTERNAL_H

#include "../core/card.h"
#include "../core/channel_proof.h"
#include "../core/checkpoint.h"
#include "../core/merkle.h"
#include "../core/policy.h"
#include "client.h"

#define CLOCK_TOLERANCE_S 300u
#define PATH_LEN 1024

/* ---- bytes.c ---- */

/* A buffer of `cap` bytes on the heap; p is NULL when memory is out. A NUL fits
 * behind it. Released with demur_bytes_free, or handed on as demur_bytes. */
struct buf heap_buf(size_t cap);
void heap_buf_free(struct buf *b);
/* Take over what was written. */
struct demur_bytes heap_buf_take(struct buf *b);
static inline enum demur_err no_memory(struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_MEMORY, "this machine is out of memory");
}
/* For qsort over struct span: the order of their bytes. */
int by_bytes(const void *a, const void *b);
/* Copy text into an array and end it with a NUL; false when it is too long. */
bool copy_text(char *out, size_t cap, struct span text);
void hex_text(char out[static 65], const uint8_t bytes[static 32]);
/* "2026-11-20T14:05:09Z" */
void time_text(char out[static 32], uint64_t unix_s);
/* How this machine's clock (`ours`) differs from another: "2 hours 5 minutes ahead of". */
void skew_text(char out[static DEMUR_SKEW_TEXT], uint64_t ours, uint64_t theirs);

/* ---- file.c ---- */

/* dir/name, NUL-ended; false when it does not fit. */
bool path_join(char out[static PATH_LEN], const char *dir, const char *name);
/* demur_path_write for what need not outlast a power cut. */
enum demur_err path_write_unsynced(const char *path, struct span bytes, struct demur_diag *diag);
enum demur_err path_remove_all(const char *path, struct demur_diag *diag);
/* Names in a folder, sorted, each but "." and ".." handed to `each` until it
 * returns false. A folder that is absent is empty. */
enum demur_err path_list(const char *path, bool (*each)(void *ctx, const char *name), void *ctx,
                         struct demur_diag *diag);

/* ---- http.c ---- */

struct http;
enum http_method { HTTP_GET, HTTP_PUT, HTTP_POST };
struct http_answer {
    long status;
    struct demur_bytes body;
};
enum demur_err http_new(struct http **out, const struct demur_client_options *options,
                        struct demur_diag *diag);
void http_free(struct http *h);
/* The server's clock as its last answer told it (the Date header); 0: not known. */
uint64_t http_date(const struct http *h);
/* One request, repeated a few times when the network or the server falters, which
 * does no harm: every request of ours may be repeated. `path` begins with a slash.
 * Any answer that came is OK; IO when none did, LIMIT when the body is longer than
 * `max`. The caller frees out->body. */
enum demur_err http_send(struct http *h, enum http_method method, const char *path,
                         struct span body, size_t max, struct http_answer *out,
                         struct demur_diag *diag);
/* http_send that wants status 200 (for PUT 200, 201 or 204): anything else is
 * turned into the error that the problem document tells. */
enum demur_err http_want(struct http *h, enum http_method method, const char *path,
                         struct span body, size_t max, struct demur_bytes *out,
                         struct demur_diag *diag);

/* ---- problem.c ---- */

/* Set *diag from a refusal of the server's, and return its code. */
enum demur_err problem_read(long status, struct span body, struct demur_diag *diag);

/* ---- the client ---- */

/* What a receipt promises of the log, of which the copy does not hold so much yet. */
struct promise {
    uint64_t size; /* the entry that comes after so many, or the tree of so many */
    bool root;     /* hash is that tree's root, else that entry's leaf hash */
    uint8_t hash[32];
    char *receipt; /* its path */
};

/* An entry that the fold refuses, found before the log's head was held to be true. */
struct refused {
    uint64_t index;
    char why[128];
};

struct demur_client {
    struct demur_client_options options; /* strings are owned */
    struct http *http;                   /* NULL: offline */
    char data[PATH_LEN];
    int lock;
    struct demur_channel *channel;
    struct demur_frontier frontier;
    struct demur_bytes checkpoint; /* last verified */
    struct span head;              /* the checkpoint that is being folded towards */
    uint64_t size;                 /* entries under `checkpoint` */
    uint8_t root[32];
    uint64_t synced_at;          /* own clock at the last successful sync; 0: not in this run */
    uint64_t last_tick;          /* `at` of the last accepted tick */
    uint64_t seen_size, seen_at; /* the log's size when it was last seen, and own clock; or 0 */
    int64_t skew_s;              /* by which now is ahead of the server's clock; 0: near enough */
    bool upgrade;                /* an entry that this version does not understand */
    struct demur_record *record; /* work space */
    struct ring_of_cards {       /* the ring that the last card was held against */
        uint64_t size;           /* of the copy then; 0: none */
        uint8_t policy[32];
        uint32_t epoch;
        uint64_t roster;
        uint8_t (*keys)[32]; /* sorted */
        size_t n;
    } ring;
    struct demur_bytes bundle;       /* the one last read for an entry, ... */
    uint64_t bundle_at, bundle_size; /* ... its number, and the copy's size then; 0: none */
    uint64_t *bad;                   /* entries whose signatures or proofs do not verify */
    size_t bad_len, bad_cap;
    struct demur_finding *findings;
    size_t findings_len, findings_cap;
    struct refused *refused;
    size_t refused_len, refused_cap;
    struct promise *promises;
    size_t promises_len, promises_cap;
};

/* client.c */
void client_progress(const struct demur_client *c, const char *what, uint64_t done, uint64_t total);

/* entries.c: the entries on disk, in bundles of 256. UNKNOWN when there is none. */
enum demur_err entries_read(const struct demur_client *c, uint64_t bundle, struct demur_bytes *out,
                            struct demur_diag *diag);
enum demur_err entries_write(const struct demur_client *c, uint64_t bundle, struct span bytes,
                             struct demur_diag *diag);
/* The first n entries of a bundle; false when it has fewer or is broken. */
bool entries_take(struct span bundle, size_t n, struct span *out);
/* A bundle as the server shows it: VERIFY unless it is one of `width` entries. */
enum demur_err entries_fetch(const struct demur_client *c, uint64_t bundle, unsigned width,
                             struct demur_bytes *out, struct demur_diag *diag);
/* The root of the copy's first `size` entries, at most c->size. */
enum demur_err entries_root(const struct demur_client *c, uint64_t size, uint8_t root[static 32],
                            struct demur_diag *diag);
/* Remove bundles that are beyond the copy: what was fetched for nothing. */
void entries_tidy(const struct demur_client *c);

/* head.c */
/* Fetch the checkpoint, and see that the channel's log signed it, before anything is
 * done that it asks for. *head borrows *out, which the caller frees in any case. */
enum demur_err head_fetch(struct demur_client *c, struct demur_bytes *out,
                          struct demur_checkpoint *head, struct demur_diag *diag);

/* authority.c: the keys that the channel's entries establish, one after the other. */
#define AUTHORITY_ROTATIONS_MAX 256
struct authority {
    struct demur_record *record; /* work space, the caller's */
    uint8_t fingerprint[32];
    uint8_t log_key[32], root[32], next_root[32];
    uint64_t seq; /* of the root's last rotation: they count up, also within a second */
    char origin[DEMUR_NOTE_NAME_MAX + 1];
};
/* Begin with entry 0. VERIFY, with what is wrong with "it". */
enum demur_err authority_found(struct authority *a, struct span entry,
                               const uint8_t fingerprint[static 32], struct demur_diag *diag);
/* Take a rotation; *a is as before when it is VERIFY. */
enum demur_err authority_rotate(struct authority *a, struct span entry, struct demur_diag *diag);
/* Does the entry say that it is one? *at is its time then. */
bool authority_rotates(struct span entry, uint64_t *at);

/* history.c: a log's leaves and keys, from which others are proven something. */
struct history {
    uint8_t (*leaves)[32];
    size_t len, cap;
    struct demur_bytes keys; /* a bundle: entry 0, and the rotations that hold */
    size_t rotations;
    struct authority keys_of;
    struct demur_record *record;
};
void history_free(struct history *h);
/* Its next entry. MEMORY. */
enum demur_err history_add(struct history *h, const struct demur_client *c, struct span entry,
                           struct demur_diag *diag);
/* The entries on disk, up to `size`. UNKNOWN when there are not so many. */
enum demur_err history_read(struct history *h, const struct demur_client *c, uint64_t size,
                            struct demur_diag *diag);
/* What `PROOF` parts hold (docs/formats/evidence.md): the root of the first `size`
 * entries, 1 to h->len, and the proof that they begin the tree; the leaf hash of an
 * entry, and the proof that it stands there. False when out has no room. */
#define HISTORY_PROOF_MAX (45 * (DEMUR_PROOF_MAX + 1))
bool history_prefix(const struct history *h, uint64_t size, struct buf *out);
bool history_leaf(const struct history *h, uint64_t index, struct buf *out);

/* receipt.c: demur_receipt_check; the rotations in the receipt must go on from the keys in
 * `since`, when that is given, and leave the log's key in *key, which may be NULL. */
enum demur_err receipt_check(struct demur_receipt_report *out, struct span text,
                             const uint8_t fingerprint[static 32],
                             const struct demur_channel *since, uint8_t *key,
                             struct demur_diag *diag);
/* The end of a sentence that holds a receipt against the log: a warning where the key that
 * signed it is not the log's any more, as far as the copy has come; else nothing. */
const char *receipt_doubt(const struct demur_client *c, const uint8_t key[static 32]);
/* That key alone. */
enum demur_err receipt_log_key(uint8_t key[static 32], struct span text,
                               const uint8_t fingerprint[static 32],
                               const struct demur_channel *since, struct demur_diag *diag);

/* promises.c: c->promises holds what receipts say of the log beyond the copy. */
/* Read what the receipts in the copy's folder promise: those that the copy was not
 * held to yet. */
enum demur_err promises_load(struct demur_client *c, struct demur_diag *diag);
/* Hold the log to a receipt that was checked and stands in the file `path`: at once as
 * far as the copy goes, else when it has grown. VERIFY, and evidence, when it breaks it. */
enum demur_err promise_take(struct demur_client *c, const struct demur_receipt_report *report,
                            const char *path, struct demur_diag *diag);
/* Keep evidence of a broken one: the receipt (no p: read from its path), the entry shown
 * instead, the checkpoint over that. `text` is the sentence. */
void promise_broken(struct demur_client *c, const struct promise *p, struct span receipt,
                    struct span entry, struct span checkpoint,
                    char text[static DEMUR_FINDING_TEXT]);
void promises_sort(struct demur_client *c); /* by size */
void promises_kept(struct demur_client *c); /* forget those that the copy has come to */
/* The size of the largest tree that the log signed in a receipt; 0 when there is none. */
uint64_t promises_size(const struct demur_client *c);
void promises_free(struct demur_client *c);

/* verify.c: signatures, ahead of the fold. */
struct checked {
    struct span entry; /* the caller's */
    bool parsed;       /* the rest holds */
    uint8_t leaf[32];
    uint64_t at;
    enum demur_err err; /* of parsing; `why` says it */
    struct demur_diag why;
    struct demur_record record;
    struct demur_verdict verdict;
    struct demur_ring_proofs *proofs; /* on the heap: set apart for verify_rings */
};
void checked_parse(struct checked *k);
struct verify_pool;
struct verify_pool *verify_pool_new(void); /* NULL when memory is out */
void verify_pool_free(struct verify_pool *p);
/* Parse and check a batch in the background: without a channel those records that stand
 * alone, with one what is not checked yet, but for proofs about rings, which it sets apart;
 * it must not be folded until verify_wait. The batch is not to be touched before that, and
 * one runs at a time. */
void verify_begin(struct verify_pool *p, struct checked *batch, size_t len,
                  const struct demur_channel *channel);
void verify_wait(struct verify_pool *p);
/* Call task(ctx, i) for every i < n, on all processors, and wait until all are done. */
void verify_tasks(struct verify_pool *p, size_t n, void (*task)(void *ctx, size_t i), void *ctx);

/* verify_ring.c: proofs about rings, many at a time. */
struct rings;                  /* those used last, loaded */
struct rings *rings_new(void); /* NULL when memory is out */
void rings_free(struct rings *r);
/* Verify what was set apart, and free it. */
void verify_rings(struct verify_pool *pool, struct rings *rings, struct checked *list, size_t len,
                  const struct demur_channel *channel);

/* fold.c: from entries to the channel. */
/* Fold what the copy's last checkpoint covers, and check that it is what was
 * signed. Signatures that were verified in an earlier run are not verified again. */
enum demur_err fold_copy(struct demur_client *c, struct demur_diag *diag);
/* Fold one more entry: the channel and the frontier grow, c->size does not yet.
 * What the channel refuses goes into c->refused. Errors: those that stop the fold. */
enum demur_err fold_entry(struct demur_client *c, struct span entry, bool trusted,
                          struct demur_diag *diag);
/* The same for what was parsed, and perhaps checked, already. */
enum demur_err fold_checked(struct demur_client *c, const struct checked *k,
                            struct demur_diag *diag);
/* Make a checkpoint, whose entries are folded and on disk, the copy's own. */
enum demur_err fold_commit(struct demur_client *c, struct span checkpoint, struct demur_diag *diag);

/* refused.c */
/* Make what c->refused holds findings, now that the log has signed the copy that they are in. */
enum demur_err fold_evidence(struct demur_client *c, struct demur_diag *diag);

/* seen.c */
/* What an earlier run remembers of the log: nothing, when there is none. */
void seen_load(struct demur_client *c);
/* The copy is the whole log as it was shown at `at`, by this machine's clock. */
void seen_keep(struct demur_client *c, uint64_t at);
/* Entry `index` says `at`: had the log been seen without it, later than that by more
 * than clocks may differ? */
bool seen_before(const struct demur_client *c, uint64_t index, uint64_t at);

/* evidence.c: docs/formats/evidence.md */
enum evidence_name {
    EVIDENCE_CHECKPOINT_BEFORE,
    EVIDENCE_CHECKPOINT_NOW,
    EVIDENCE_ENTRY_BEFORE,
    EVIDENCE_ENTRY_NOW,
    EVIDENCE_KEYS,
    EVIDENCE_KEYS_BEFORE,
    EVIDENCE_LEAF,
    EVIDENCE_LOG,
    EVIDENCE_PREFIX,
    EVIDENCE_RECEIPT,
    EVIDENCE_TEXT,
    EVIDENCE_PARTS
};
struct evidence_part {
    enum evidence_name name;
    struct span bytes;
};
#define EVIDENCE_TEXTS_MAX 240       /* policies and calendars in one file */
#define EVIDENCE_LOG_MAX (32u << 20) /* bytes of entries in one file */
struct evidence {
    struct demur_finding finding; /* its path is empty */
    struct evidence_part parts[256];
    size_t parts_len;
};
/* Append an evidence file. What parses re-encodes to the same bytes. */
void evidence_put(struct buf *out, const struct demur_finding *f, const struct evidence_part *parts,
                  size_t n);
/* SYNTAX, LIMIT; *out borrows the text, and is untouched on failure. */
enum demur_err evidence_parse(struct evidence *out, struct span text, struct demur_diag *diag);
/* Does it rest on the rules that this version of the fold goes by, if on any? */
bool evidence_judged_here(const struct demur_finding *f);
/* The first part of that name. */
bool evidence_has(const struct evidence *e, enum evidence_name name, struct span *out);
/* Is it kept already under that name; is anything kept of that kind? */
bool evidence_kept(const struct demur_client *c, const char *name);
bool evidence_of(const struct demur_client *c, const char *kind);
/* Keep evidence against the operator: a file in the copy's folder, and a finding.
 * `name` makes the file's name, so that the same thing is kept once. `text` is the
 * sentence; `parts` are what proves it. */
void evidence_keep(struct demur_client *c, const char *kind, const char *name, const char *text,
                   const struct evidence_part *parts, size_t parts_len);
enum demur_err evidence_load(struct demur_client *c, struct demur_diag *diag);
/* Hand what is kept in the folder of a copy to `each`, until it returns false. */
enum demur_err evidence_each(const char *data,
                             bool (*each)(void *ctx, const struct demur_finding *finding),
                             void *ctx, struct demur_diag *diag);

/* blob.c */
void blob_name(struct demur_blob_ref *out, struct span bytes);
/* Is it in the copy? The caller frees *out then. */
bool blob_kept(const struct demur_client *c, const struct demur_blob_ref *blob,
               struct demur_bytes *out);
/* The text of a policy or calendar: kept in the copy once it was fetched. */
enum demur_err blob_text(struct demur_client *c, const struct demur_blob_ref *blob,
                         struct demur_bytes *out, struct demur_diag *diag);
enum demur_err blob_put(struct demur_client *c, struct span bytes, struct demur_blob_ref *out,
                        struct demur_diag *diag);

/* act.c: what every act does. */
/* Make a record: sync is done, what it names is stored. Called anew on a retry. */
typedef enum demur_err act_builder(struct demur_client *c, void *ctx, struct buf *record,
                                   struct demur_diag *diag);
enum act_retry {
    ACT_ONCE,  /* what is newer must be read first */
    ACT_AGAIN, /* a newer entry in the case changes nothing about this act */
};
/* Sync (unless the copy is younger than max_age_s), build, send. A sequence number
 * that was overtaken is always tried again. */
enum demur_err act_run(struct demur_client *c, uint64_t max_age_s, enum act_retry retry,
                       act_builder *build, void *ctx, struct demur_sent *sent,
                       struct demur_diag *diag);
/* Sync, and refuse when the channel holds what this version does not understand. */
enum demur_err act_begin(struct demur_client *c, uint64_t max_age_s, struct demur_diag *diag);
/* The sequence number for the actor's next record; the lines `by` and `seq`; and,
 * once it was sent, the identity's new figure. */
uint64_t act_seq(const struct demur_client *c, const struct demur_actor *actor);
void act_put_by(struct buf *out, const struct demur_client *c, const struct demur_actor *actor);
void act_done(struct demur_actor *actor, uint64_t seq);
/* Send a record, verify the receipt and keep it. A fresh record's time must agree
 * with this machine's clock. */
enum demur_err act_send(struct demur_client *c, struct span record, bool fresh,
                        struct demur_sent *sent, struct demur_diag *diag);

/* Fetch the receipt of an entry that the copy holds, and keep it. */
enum demur_err act_receipt(struct demur_client *c, uint64_t index, struct demur_sent *sent,
                           struct demur_diag *diag);

/* circulating.c: the link to a revision, from this client's address; false without one. */
bool link_make(const struct demur_client *c, const char *dissent, uint32_t revision,
               const uint8_t key[static 32], struct demur_link *out);
/* The tag of a ring signature in a record. */
bool record_tag(const struct demur_record *r, enum demur_field field, uint8_t out[static 32]);

/* recipients.c: those who can read something, and all whom it could have been sealed to:
 * both have the case's own key first, and the former are among the latter. */
struct recipients {
    struct demur_age_recipient *readers, *all;
    size_t len, cap, all_len, all_cap; /* len, cap: of readers */
};
bool recipients_add(struct recipients *r, const uint8_t point[static 32], bool reads);
/* The readers in the format's order, freed by the caller, and among them as many strangers
 * as there are others: the number is that of all. MEMORY. */
enum demur_err recipients_take(struct recipients *r, struct demur_age_recipient **out, size_t *n,
                               struct demur_diag *diag);
void recipients_free(struct recipients *r);
/* Keys that nobody keeps. */
void strangers(struct demur_age_recipient *out, size_t n);

/* expunge.c: STAGE when an `expunge` in the log names this blob of the dissent. */
enum demur_err case_not_expunged(struct demur_client *c, const struct demur_dissent_info *info,
                                 const uint8_t hash[static 32], struct demur_diag *diag);
/* Blobs that a record of a dissent can name: attachments, memo, card and keys. */
#define CASE_BLOBS_MAX (DEMUR_LETTER_ATTACHMENTS_MAX + 3)
/* case.c: a dissent as those see it who act in it. */
/* Does a ring subset ("agency=usaid") show everybody the author's value of the
 * attribute in this "name=value"? It does when it has one value. */
bool subset_shows(struct span subset, struct span part);
enum demur_err case_find(const struct demur_client *c, const char *dissent,
                         struct demur_dissent_info *out, struct demur_diag *diag);
/* The i-th role that may matter in a dissent: those it was filed to, then the
 * policy's others; false past the end. */
bool case_role(const struct demur_client *c, const struct demur_dissent_info *info, size_t i,
               struct span *role);
/* Recipients of what `writer` says in the dissent, as `role` (of an officer): the case
 * first, then every officer who may read it; of a role that is held for parts of the
 * membership, whom the memo went to (docs/formats/memo.md section 2). The caller
 * frees *out. */
enum demur_err case_recipients(struct demur_client *c, const struct demur_dissent_info *info,
                               const struct demur_actor *writer, const char *role,
                               struct demur_age_recipient **out, size_t *n,
                               struct demur_diag *diag);
/* Recipients of a memo that is filed after it circulated: the case first, then the holders
 * of the roles that it goes to. The caller frees *out. */
enum demur_err case_filing_recipients(struct demur_client *c, const struct demur_dissent_info *info,
                                      const struct demur_actor *author, const struct span *to,
                                      size_t to_len, struct demur_age_recipient **out, size_t *n,
                                      struct demur_diag *diag);
/* The age recipient of the officer with this key. */
enum demur_err case_holder(const struct demur_client *c, const struct demur_dissent_info *info,
                           const uint8_t key[static 32], struct demur_age_recipient *out,
                           struct demur_diag *diag);
/* The entry in which this officer opened the dissent's memo. */
bool case_opened(const struct demur_client *c, const char *dissent, const uint8_t key[static 32],
                 struct demur_sent *out);
/* A role under which key may open the dissent: `wanted`, or when NULL the first. */
enum demur_err case_reader_role(const struct demur_client *c, const struct demur_dissent_info *info,
                                const uint8_t key[static 32], const char *wanted,
                                char out[static DEMUR_WORD_MAX + 1], struct demur_diag *diag);
/* turn.c: the one role under which key may take this act now: `wanted`, or when
 * NULL any. The refusal says who may, when, or who did it already. */
enum demur_err case_act_role(const struct demur_client *c, const struct demur_dissent_info *info,
                             const uint8_t key[static 32], const char *wanted, struct span act,
                             char out[static DEMUR_WORD_MAX + 1], struct demur_diag *diag);
/* Parse the record of entry `index` into c->record; *entry holds its bytes and is
 * freed by the caller after the record's last use. */
enum demur_err case_record(struct demur_client *c, uint64_t index, struct demur_bytes *entry,
                           uint64_t *at, struct demur_diag *diag);

/* handout.c: for an identity that is one of the members among whom a memo circulates, a blob of
 * it, sealed, into *file, and the key that opens it into actor->circulation. The blob is fetched
 * before the key is looked for, so that the server cannot tell who has none: *file may be there,
 * and is the caller's to free, after an error too. KEY, in words that say what to do, when the
 * key was not sealed to them; VERIFY. */
enum demur_err handout_open(struct demur_client *c, struct demur_actor *actor,
                            const struct demur_dissent_info *info,
                            const struct demur_blob_ref *sealed, struct demur_bytes *file,
                            struct demur_diag *diag);
/* reading.c: sync, find the dissent, and see that a phrase is its own. */
enum demur_err read_begin(struct demur_client *c, const struct demur_actor *actor,
                          const char *dissent, struct demur_dissent_info *info,
                          struct demur_diag *diag);
/* Open an age file. KEY; VERIFY for whatever was put there in its place. */
enum demur_err reading_open(const struct demur_age_identity *key, struct span file,
                            struct demur_bytes *out, struct demur_diag *diag);
/* reading_card.c */
/* What the name card of the filing comes to for this actor: card, handle, name,
 * card_text of *out. Errors: those of fetching it; card of *out tells then what became of it. */
enum demur_err reading_card(struct demur_client *c, const struct demur_actor *actor,
                            const struct demur_dissent_info *info, struct demur_reading *out,
                            struct demur_diag *diag);
/* The same of any card and signature on the present revision. */
enum demur_err reading_card_of(struct demur_client *c, const struct demur_actor *actor,
                               const struct demur_dissent_info *info,
                               const struct demur_blob_ref *blob, const uint8_t tag[static 32],
                               struct demur_reading *out, struct demur_diag *diag);
/* Does a card hold for that signature and this roster? VERIFY. */
enum demur_err card_hold(struct demur_client *c, const struct demur_dissent_info *info,
                         const struct demur_card *card, const uint8_t tag[static 32],
                         struct demur_diag *diag);
/* Does this plaintext hold for what it is said to be? VERIFY. */
typedef enum demur_err reading_check(const struct demur_client *c, void *ctx, struct span plain,
                                     struct demur_diag *diag);
/* A memo's plaintext against its commitment; ctx: its struct demur_dissent_info. */
reading_check reading_check_memo;
/* What is to be read: a memo, attachment, document or message of a dissent. */
struct reading_source {
    const char *dissent;
    const char *role;     /* to open a memo in; NULL: any */
    const uint8_t *hash;  /* of its blob */
    reading_check *check; /* of a shared copy; NULL: only the sharer's word is there */
    void *ctx;
    /* Set by reading_plain. */
    char role_found[DEMUR_WORD_MAX + 1]; /* in which the memo was opened; else empty */
    bool shared;                         /* it is a copy that somebody shared */
    char shared_by[DEMUR_WORD_MAX + 1];  /* in which role; empty: the author */
    bool handed; /* it circulates among the members, and was fetched as one of them, whatever came
                  * of it */
};
/* The plaintext of the source, with its padding. An officer's opening is logged
 * first where the memo or an attachment is asked for. The log names the original, so
 * that is read whenever it is sealed to the actor, and not checked further here; else
 * the first shared copy that passes the check. */
enum demur_err reading_plain(struct demur_client *c, struct demur_actor *actor,
                             struct reading_source *source, struct demur_bytes *out,
                             struct demur_diag *diag);

#endif
