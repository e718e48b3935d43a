/* sqlite.h - what the files of the SQLite engine share. Not for callers.
 *
 * One writer connection, used under a mutex; reader connections are lent to one
 * call at a time and kept for the next (demur_db_read_begin/end). Every
 * statement stands in one table (sqlite_sql.c) and is prepared once for each
 * connection.
 */
#ifndef DEMUR_STORE_SQLITE_H
#define DEMUR_STORE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "store.h"

enum {
    DB_APPLICATION_ID = 0x646d7572, /* "dmur": tells a demur store from other databases */
    DB_CHUNK = 64 * 1024,           /* bytes of an object's chunk; the last may be shorter */
    DB_BUSY_MS = 2000,
    DB_SCRUB_MS = 100,          /* for readers to end, while nobody can write */
    DB_CHECKPOINT_PAGES = 1000, /* move the WAL into the file from this length on */
    DB_SECRET_LEN = 4600,       /* a padded release key: docs/adr/0012-store.md */
};

/* A stretch of stored bytes: `arriving` and `leaving` ones are invisible. */
enum db_object_state { DB_ARRIVING = 0, DB_WHOLE = 1, DB_LEAVING = 2 };

enum db_sql {
    SQL_HEAD_GET,
    SQL_ENTRY_RANGE,
    SQL_ENTRY_BYTES,
    SQL_ENTRY_HASHES,
    SQL_TILE_GET,
    SQL_BLOB_STAT,
    SQL_BLOB_CHUNKS,
    SQL_BLOB_LIST,
    SQL_BLOB_PENDING,
    SQL_BLOB_WAITING,
    SQL_BLOB_WAITS,
    SQL_RELEASE_GET,
    SQL_KV_GET,
    SQL_TILE_LIST,
    SQL_INTEGRITY,
    SQL_FOREIGN_KEYS,
    SQL_BEGIN_READ,
    SQL_COMMIT,
    SQL_ROLLBACK,
    /* from here on for the writer only */
    SQL_BEGIN_WRITE,
    SQL_HEAD_SWAP,
    SQL_ENTRY_PUT,
    SQL_TILE_PUT,
    SQL_OBJECT_NEW,
    SQL_OBJECT_GROW,
    SQL_OBJECT_STATE,
    SQL_OBJECT_ORPHANS,
    SQL_OBJECT_LEAVING,
    SQL_OBJECT_LEAVES,
    SQL_OBJECT_DELETE,
    SQL_CHUNK_PUT,
    SQL_CHUNK_DELETE,
    SQL_BLOB_PUT,
    SQL_BLOB_TOUCH,
    SQL_BLOB_REFER,
    SQL_BLOB_LEAVE,
    SQL_BLOB_DELETE,
    SQL_SWEEP_COUNT,
    SQL_SWEEP_LEAVE,
    SQL_SWEEP_DELETE,
    SQL_RELEASE_PUT,
    SQL_RELEASE_DELETE,
    SQL_KV_PUT,
    SQL_KV_DELETE,
    SQL_COUNT,
};

extern const char *const demur_db_sql[SQL_COUNT];
/* Migration i takes a file from user_version i to i + 1. */
extern const char *const demur_db_migrations[];
extern const size_t demur_db_version; /* how many there are */
extern const char *const demur_db_pragmas_reader, *const demur_db_pragmas_writer;

struct db_conn {
    sqlite3 *db;
    sqlite3_stmt *stmt[SQL_COUNT];
    struct db_conn *next; /* in the pool */
};

/* What an entry is found by; columns 1 and 2 of SQL_ENTRY_HASHES. */
enum db_hash_kind { DB_LEAF, DB_RECORD, DB_HASH_KINDS };

/* Where the entry of a hash may be, in memory: sqlite_find.c. */
struct db_finder {
    pthread_rwlock_t lock; /* of all that follows */
    uint8_t key[16];       /* random: nobody chooses hashes that share a slot */
    uint64_t size;         /* entries that are in; those of a batch before it is committed */
    struct db_slots {
        struct db_slot *slots;
        size_t cap; /* a power of two, or 0 */
    } of[DB_HASH_KINDS];
    bool loaded; /* all that this process has not appended itself */
};

struct demur_store {
    char *dir;  /* absolute, so that a later chdir changes nothing */
    char *path; /* dir/log.db */
    enum demur_store_mode mode;
    bool immutable;               /* nothing can write while we hold the shared lock */
    int lock_fd;                  /* -1 when no lock is held */
    atomic_uint_fast64_t waiting; /* demur_store_blob_waiting; changed under write_lock */
    atomic_bool broken;           /* a write's outcome is unknown: no more writes */
    pthread_mutex_t write_lock;
    struct db_conn *writer; /* this and what follows: under write_lock */
    bool scrub_due;         /* something deleted may still be in the WAL */
    int64_t waiting_change; /* of `waiting`, once the transaction at hand is committed */
    int wal_pages;          /* after the last commit */
    pthread_mutex_t pool_lock;
    struct db_conn *idle; /* under pool_lock */
    struct db_finder finder;
};

/* ---- statements -------------------------------------------------------- */

/* One parameter. DB_ARGS(db_int(3), db_hash(h)) makes an ended list of them. */
struct db_arg {
    enum { DB_END = 0, DB_INT, DB_BLOB, DB_TEXT } kind;
    int64_t i;
    struct span s;
};
#define DB_ARGS(...) ((const struct db_arg[]){__VA_ARGS__, {.kind = DB_END}})
#define DB_NONE ((const struct db_arg[]){{.kind = DB_END}})
static inline struct db_arg db_int(int64_t i) { return (struct db_arg){.kind = DB_INT, .i = i}; }
static inline struct db_arg db_blob(struct span s)
{
    return (struct db_arg){.kind = DB_BLOB, .s = s};
}
static inline struct db_arg db_text(struct span s)
{
    return (struct db_arg){.kind = DB_TEXT, .s = s};
}
static inline struct db_arg db_hash(const uint8_t hash[static 32])
{
    return db_blob(span_of(hash, 32));
}

/* Bind and step: SQLITE_ROW, SQLITE_DONE or an error. The spans must live until
 * demur_db_end, which every demur_db_first needs, whatever it answered. */
int demur_db_first(struct db_conn *conn, enum db_sql n, const struct db_arg *args);
void demur_db_end(struct db_conn *conn, enum db_sql n);
/* A statement whose rows do not matter: SQLITE_OK or an error. */
int demur_db_run(struct db_conn *conn, enum db_sql n, const struct db_arg *args);
/* A column's bytes, until the next step or end. */
struct span demur_db_column(struct db_conn *conn, enum db_sql n, int column);

/* ---- connections ------------------------------------------------------- */

enum demur_err demur_db_conn_new(struct demur_store *store, struct db_conn **out, bool writer,
                                 struct demur_diag *diag) DEMUR_CHECKED;
/* Take the statements of the schema at hand; after the schema is known good. */
enum demur_err demur_db_conn_prepare(const struct demur_store *store, struct db_conn *conn,
                                     bool writer, struct demur_diag *diag) DEMUR_CHECKED;
void demur_db_conn_free(struct db_conn *conn);

enum demur_err demur_db_read_begin(struct demur_store *store, struct db_conn **out,
                                   struct demur_diag *diag) DEMUR_CHECKED;
void demur_db_read_end(struct demur_store *store, struct db_conn *conn);

/* Take the writer and begin a transaction. */
enum demur_err demur_db_write_begin(struct demur_store *store, struct db_conn **out,
                                    struct demur_diag *diag) DEMUR_CHECKED;
/* Commit when `err` is OK, else roll back; give the writer back. Returns `err`,
 * or what went wrong with the commit. */
enum demur_err demur_db_write_end(struct demur_store *store, struct db_conn *conn,
                                  enum demur_err err, struct demur_diag *diag) DEMUR_CHECKED;

/* ---- errors ------------------------------------------------------------ */

/* What an SQLite result means to the caller; OK for OK, ROW and DONE. */
enum demur_err demur_db_fail(const struct demur_store *store, sqlite3 *db, int rc,
                             struct demur_diag *diag) DEMUR_CHECKED;
/* 64 hex digits and a NUL, for sentences that name a hash. */
void demur_db_hex(char out[static 65], const uint8_t hash[static 32]);

/* ---- parts of the engine ----------------------------------------------- */

/* What the blob counts for in demur_store_blob_waiting: 0 when it is not here, or
 * referenced. Within the transaction at hand; an SQLite result. */
int demur_db_blob_waits(struct db_conn *conn, const uint8_t hash[static 32], uint64_t *bytes);
void demur_db_finder_init(struct db_finder *finder);
void demur_db_finder_free(struct db_finder *finder);
/* Entries are about to be committed. MEMORY, LIMIT: nothing was taken in. */
enum demur_err demur_db_finder_add(struct demur_store *store, const struct demur_store_batch *batch,
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* They were not, after all. */
void demur_db_finder_forget(struct demur_store *store);
/* The lowest index of an entry with that hash; UNKNOWN. */
enum demur_err demur_db_find(struct demur_store *store, enum db_hash_kind kind,
                             const uint8_t hash[static 32], uint64_t *index,
                             struct demur_diag *diag) DEMUR_CHECKED;
/* Remove what is leaving, in transactions of a bounded size, so that other
 * writers get their turn between them. */
enum demur_err demur_db_drop_leaving(struct demur_store *store,
                                     struct demur_diag *diag) DEMUR_CHECKED;
/* A whole blob, within the read transaction at hand. An SQLite result; SQLITE_NOTFOUND when there
 * is none of that name, SQLITE_CORRUPT when it is not whole. */
int demur_db_object_get(struct db_conn *conn, enum db_sql n, struct db_arg key,
                        struct demur_store_bytes *out);

#endif
