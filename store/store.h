/* store.h - the server's durable memory: the log, its blobs, a few small values.
 *
 * One directory holds one channel. The store orders nothing and judges nothing:
 * it keeps what the sequencer hands it, all of a batch or none of it, and
 * durably so before the call returns. Today's engine is SQLite (one file,
 * DIR/log.db, beside DIR/lock); callers see these functions only, so that an
 * engine with several nodes can stand behind the same header.
 *
 * Threads. Every function may be called from any thread at any time on one
 * store, open and close excepted. Writers take turns; readers run beside the
 * writer and each other, and a read sees one committed state. One struct
 * demur_store_upload belongs to one thread at a time. Callbacks run on the
 * calling thread, may read from the store, and must not write to it.
 *
 * Processes. One process at a time has a store open for writing; any number
 * may read. The lock is inherited by fork (not by exec): fork helpers before
 * demur_store_open, and never use a store in a forked child.
 *
 * Errors, besides those that a function names:
 *   IO       the system refused: disk full, read-only, locked, damaged, not a
 *            demur store. The sentence says the path, the cause and the cure.
 *            A refused write left nothing behind. If the system could not say
 *            whether a write reached the disk, every later write is refused
 *            too: close the store, open it again and read the head.
 *   MEMORY   malloc failed
 *   UNKNOWN  a read names something that is not here
 *   LIMIT    over one of the limits below
 * `diag` may be NULL. Outputs are untouched on failure.
 *
 * Timing: variable. Release keys are compared and indexed nowhere; buffers that
 * held one are wiped.
 */
#ifndef DEMUR_STORE_STORE_H
#define DEMUR_STORE_STORE_H

#include "../core/base.h"

struct demur_store;

enum {
    DEMUR_STORE_ENTRY_MAX = 65535,      /* bytes: a bundle's length prefix is a u16 (tlog-tiles) */
    DEMUR_STORE_KV_MAX = 64 * 1024,     /* bytes of one small value */
    DEMUR_STORE_NAME_MAX = 100,         /* bytes of a small value's name */
    DEMUR_STORE_BLOB_MAX = 64 << 20,    /* bytes of one blob */
    DEMUR_STORE_TILE_WIDTH = 256,       /* hashes or entries in a full tile */
    DEMUR_STORE_BLOB_FLOOR = 4096,      /* what a waiting blob counts for at least, in bytes */
    DEMUR_STORE_UPLOAD_MAX = 256 << 10, /* bytes of one upload in memory */
};

/* Bytes on the heap, made by the store, ended by the caller. */
struct demur_store_bytes {
    uint8_t *p;
    size_t len;
};
/* Frees and empties; fine on an empty one. */
void demur_store_bytes_free(struct demur_store_bytes *bytes);

/* ---- a store's life ---------------------------------------------------- */

enum demur_store_mode {
    DEMUR_STORE_WRITE, /* reads and writes; one process at a time */
    DEMUR_STORE_READ,  /* every write is refused with IO */
};

/* Make an empty store in `dir`, which is created (mode 0700) or is an empty
 * directory. Its head is size 0 and the hash of nothing. All or nothing, also
 * when the machine stops half-way: then call it again. */
enum demur_err demur_store_create(const char *dir, struct demur_diag *diag) DEMUR_CHECKED;
/* Open it. For writing, an older schema is brought up to date; what a crash or a stop left
 * of uploads and deleted blobs waits for demur_store_reclaim. UPGRADE when a newer demur wrote the
 * store. */
enum demur_err demur_store_open(struct demur_store **out, const char *dir,
                                enum demur_store_mode mode, struct demur_diag *diag) DEMUR_CHECKED;
/* Is every later write refused, as said above? */
bool demur_store_broken(const struct demur_store *store);
/* End it; no other call may be running or follow, no upload be open. NULL is fine. */
void demur_store_close(struct demur_store *store);

/* Write a copy, as of one moment, to `dir` (as demur_store_create wants it),
 * while the store is in use. The copy is a store; it holds the release keys,
 * so whoever expunges must also let old copies go. */
enum demur_err demur_store_backup(struct demur_store *store, const char *dir,
                                  struct demur_diag *diag) DEMUR_CHECKED;

/* ---- the log ----------------------------------------------------------- */

struct demur_store_head {
    uint64_t size;    /* entries */
    uint8_t root[32]; /* RFC 6962 root of them */
};

struct demur_store_entry {
    struct span bytes;  /* what the leaf hash covers: `at` line and record */
    uint8_t leaf[32];   /* SHA-256(0x00 || bytes), RFC 6962 section 2.1 */
    uint8_t record[32]; /* SHA-256 of bytes after the first LF: finds a retry */
};

/* A hash tile (tlog-tiles) as wide as the new size makes it. Narrower widths
 * are its prefixes, so only the widest is kept. */
struct demur_store_tile {
    uint8_t level; /* 0 to 7 */
    uint64_t index;
    struct span bytes; /* 1 to 256 hashes of 32 bytes */
};

struct demur_store_kv {
    struct span name;  /* 1 to DEMUR_STORE_NAME_MAX bytes of text */
    struct span value; /* at most DEMUR_STORE_KV_MAX bytes; may be empty */
};

/* A blob that one of the batch's entries names. */
struct demur_store_ref {
    uint64_t entry; /* index in the log, before.size <= entry < after.size */
    uint8_t blob[32];
};

/* Everything borrowed; arrays may be NULL when their count is 0. */
struct demur_store_batch {
    struct demur_store_head before; /* what the caller believes the head is */
    struct demur_store_head after;
    const struct demur_store_entry *entries; /* entry i becomes index before.size + i */
    size_t n_entries;                        /* after.size - before.size */
    const struct demur_store_tile *tiles;    /* every tile that the entries changed */
    size_t n_tiles;
    const struct demur_store_kv *kvs; /* put with the batch */
    size_t n_kvs;
    const struct demur_store_ref *refs; /* these blobs are kept from now on */
    size_t n_refs;
};

/* Append a batch in one durable transaction, if the head is still `before`.
 * Errors: STALE when it is not (read the head, refold, try again); MISSING when
 * a referenced blob is not here, *diag's field holding its first 39 hex digits;
 * VERIFY when a tile contradicts what is stored of it; LIMIT for an entry, tile
 * or value of a wrong length. Nothing is written on any error. Leaf hashes and
 * the root are taken as given: demur_store_check recomputes them. */
enum demur_err demur_store_append(struct demur_store *store, const struct demur_store_batch *batch,
                                  struct demur_diag *diag) DEMUR_CHECKED;

enum demur_err demur_store_head_get(struct demur_store *store, struct demur_store_head *out,
                                    struct demur_diag *diag) DEMUR_CHECKED;

/* Called with each entry in turn; the span is valid during the call. Any other
 * answer than OK ends the walk, which then returns that answer. */
typedef enum demur_err demur_store_entry_fn(void *ctx, uint64_t index,
                                            const uint8_t leaf[static 32], struct span bytes);
/* Walk the entries [from, to). UNKNOWN when `to` is beyond the head (what is
 * there has been walked then). Holds no state open for longer than 256 entries. */
enum demur_err demur_store_entries(struct demur_store *store, uint64_t from, uint64_t to,
                                   demur_store_entry_fn *fn, void *ctx,
                                   struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_store_entry_get(struct demur_store *store, struct demur_store_bytes *out,
                                     uint64_t index, struct demur_diag *diag) DEMUR_CHECKED;
/* The lowest index that has this leaf hash, or this record (see above). */
enum demur_err demur_store_leaf_find(struct demur_store *store, uint64_t *index,
                                     const uint8_t leaf[static 32],
                                     struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_store_record_find(struct demur_store *store, uint64_t *index,
                                       const uint8_t record[static 32],
                                       struct demur_diag *diag) DEMUR_CHECKED;

/* The first `width` (1 to 256) hashes of a tile, 32 * width bytes into `out`.
 * UNKNOWN when that much of it is not there. The store may be ahead of the last
 * published checkpoint: the server serves widths of published sizes only. */
enum demur_err demur_store_tile_get(struct demur_store *store, uint8_t *out, uint8_t level,
                                    uint64_t index, size_t width,
                                    struct demur_diag *diag) DEMUR_CHECKED;
/* An entry bundle of `width` (1 to 256) entries from 256 * index on, each with
 * its u16 big-endian length, as /tile/entries/ serves it. Errors as above. */
enum demur_err demur_store_bundle_get(struct demur_store *store, struct demur_store_bytes *out,
                                      uint64_t index, size_t width,
                                      struct demur_diag *diag) DEMUR_CHECKED;

/* ---- blobs ------------------------------------------------------------- */

/* A blob is named by its SHA-256. It arrives unreferenced, and is referenced
 * from the batch on that names it. */
struct demur_store_blob {
    uint64_t size;
    int64_t put_s; /* when it last arrived, unix seconds, as the caller said */
    bool referenced;
    uint64_t entry; /* the first entry that names it; 0 unless referenced */
};

/* An upload in progress: at most DEMUR_STORE_UPLOAD_MAX of it in memory, the rest
 * already on disk, nothing of it visible. Ended by finish or abort. */
struct demur_store_upload;
enum demur_err demur_store_upload_new(struct demur_store *store, struct demur_store_upload **out,
                                      struct demur_diag *diag) DEMUR_CHECKED;
/* How many bytes a write takes before it has to flush; and how many bytes of
 * memory the upload holds once it has taken n of these. */
size_t demur_store_upload_room(const struct demur_store_upload *upload);
size_t demur_store_upload_memory(const struct demur_store_upload *upload, size_t n);
/* Write what is in memory, but for less than 64 KiB of it, to the disk. A write
 * does so by itself when there is no room; this is for a thread that may wait.
 * Errors as a write's. */
enum demur_err demur_store_upload_flush(struct demur_store_upload *upload,
                                        struct demur_diag *diag) DEMUR_CHECKED;
/* After an error only abort makes sense. LIMIT above DEMUR_STORE_BLOB_MAX in all. */
enum demur_err demur_store_upload_write(struct demur_store_upload *upload, struct span bytes,
                                        struct demur_diag *diag) DEMUR_CHECKED;
/* Make the blob visible, durably, and free the upload, also on failure. VERIFY
 * when the bytes do not hash to `hash`: nothing is kept then. A blob that is
 * already here stays, and counts as put at now_s. */
enum demur_err demur_store_upload_finish(struct demur_store_upload *upload,
                                         const uint8_t hash[static 32], int64_t now_s,
                                         struct demur_diag *diag) DEMUR_CHECKED;
/* Drop what arrived and free the upload. NULL is fine. */
void demur_store_upload_abort(struct demur_store_upload *upload);

/* The same for bytes at hand. */
enum demur_err demur_store_blob_put(struct demur_store *store, const uint8_t hash[static 32],
                                    struct span bytes, int64_t now_s,
                                    struct demur_diag *diag) DEMUR_CHECKED;
/* Whether it is here (else UNKNOWN), its size and state. */
enum demur_err demur_store_blob_stat(struct demur_store *store, struct demur_store_blob *out,
                                     const uint8_t hash[static 32],
                                     struct demur_diag *diag) DEMUR_CHECKED;
/* Copy up to cap bytes from `offset` on; *len is 0 at or past the end only, and
 * may fall short of cap before. Holds nothing open between calls, so a slow
 * reader costs nothing; UNKNOWN when the blob was deleted meanwhile. */
enum demur_err demur_store_blob_read(struct demur_store *store, const uint8_t hash[static 32],
                                     uint64_t offset, uint8_t *out, size_t cap, size_t *len,
                                     struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_store_blob_get(struct demur_store *store, struct demur_store_bytes *out,
                                    const uint8_t hash[static 32],
                                    struct demur_diag *diag) DEMUR_CHECKED;
/* Delete a blob, referenced or not, and its release key. On IO the blob may be
 * gone from every answer already while some of its bytes are still in the file:
 * demur_store_scrub or demur_store_reclaim removes the rest. */
enum demur_err demur_store_blob_delete(struct demur_store *store, const uint8_t hash[static 32],
                                       struct demur_diag *diag) DEMUR_CHECKED;
/* Bytes of unreferenced blobs and of uploads in progress. Adds them up: slow
 * when there are many. */
enum demur_err demur_store_blob_pending(struct demur_store *store, uint64_t *bytes,
                                        struct demur_diag *diag) DEMUR_CHECKED;
/* What a limit on strangers' uploads has to count: bytes of unreferenced blobs,
 * each taken for DEMUR_STORE_BLOB_FLOOR at least. A figure that is kept, so asking
 * is cheap; of a store that is open for writing. */
uint64_t demur_store_blob_waiting(struct demur_store *store);
/* Take at most `max` of the unreferenced blobs put before `before_s`, the oldest
 * first, out of every answer, with their release keys. *n (may be NULL) gets how
 * many. Short: their bytes stay until demur_store_reclaim. */
enum demur_err demur_store_sweep(struct demur_store *store, int64_t before_s, uint64_t max,
                                 uint64_t *n, struct demur_diag *diag) DEMUR_CHECKED;
/* Remove bytes of what was swept, in at most `max` transactions of 4 MiB; other writers
 * get their turn in between. *more (may be NULL): something is left. */
enum demur_err demur_store_reclaim(struct demur_store *store, uint64_t max, bool *more,
                                   struct demur_diag *diag) DEMUR_CHECKED;

/* ---- release keys ------------------------------------------------------ */

/* One key of 32 bytes for a blob that is here (else UNKNOWN). It goes with its
 * blob. Put replaces; deleting what is not there is UNKNOWN. */
enum demur_err demur_store_release_put(struct demur_store *store, const uint8_t blob[static 32],
                                       const uint8_t key[static 32],
                                       struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_store_release_get(struct demur_store *store, uint8_t key[static 32],
                                       const uint8_t blob[static 32],
                                       struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_store_release_delete(struct demur_store *store, const uint8_t blob[static 32],
                                          struct demur_diag *diag) DEMUR_CHECKED;

/* Overwrite the last traces of what was deleted in the store's own files, not
 * in the file system's or the disk's spare blocks. Deleting tries it by itself,
 * and again with later writes while a reader is in the way; call this to know
 * that it is done. IO when readers stay in the way for the busy timeout (2 s). */
enum demur_err demur_store_scrub(struct demur_store *store, struct demur_diag *diag) DEMUR_CHECKED;

/* ---- small values ------------------------------------------------------ */

/* The name that the published checkpoint goes by. */
#define DEMUR_STORE_CHECKPOINT "checkpoint"

enum demur_err demur_store_kv_put(struct demur_store *store, const char *name, struct span value,
                                  struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_store_kv_get(struct demur_store *store, struct demur_store_bytes *out,
                                  const char *name, struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_store_kv_delete(struct demur_store *store, const char *name,
                                     struct demur_diag *diag) DEMUR_CHECKED;

/* ---- integrity --------------------------------------------------------- */

enum demur_store_part {
    DEMUR_STORE_PART_FILE,  /* the engine's own structure */
    DEMUR_STORE_PART_ENTRY, /* index: the entry's */
    DEMUR_STORE_PART_TILE,  /* level and index */
    DEMUR_STORE_PART_HEAD,
    DEMUR_STORE_PART_BLOB, /* text has the blob's name */
};

struct demur_store_finding {
    enum demur_store_part part;
    uint8_t level;
    uint64_t index;
    char text[256]; /* one sentence, without a full stop */
};

typedef void demur_store_finding_fn(void *ctx, const struct demur_store_finding *finding);

/* Recompute everything that can be: entries contiguous, their hashes, every
 * tile, the root, every blob's name. Each fault is told to `fn`; *n counts them.
 * OK means that the check ran to its end, not that *n is 0. Small values and
 * release keys carry no hash: of them only the file's structure is checked. */
enum demur_err demur_store_check(struct demur_store *store, uint64_t *n, demur_store_finding_fn *fn,
                                 void *ctx, struct demur_diag *diag) DEMUR_CHECKED;

#endif
