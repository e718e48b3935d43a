/* Which entry has that leaf hash, or is that record? Asked for every record that
 * arrives, and nearly always answered no.
 *
 * An index in the database would dirty a random page of it for every entry and hash:
 * more writing than the entry itself, and ever more as the log grows. So the answer
 * is looked for in memory: an open-addressed table of eight bytes a slot, a hash's
 * short fingerprint and the entry's index. What it finds is believed only when the
 * entry's row says the same, so what is not committed yet, or never was, is not found.
 *
 * It is filled from the database when something is first looked for, and by each
 * batch after that. A reader of a store that another process writes looks for newer
 * rows each time.
 */
#include <sodium.h>
#include <stdlib.h>

#include "common.h"
#include "sqlite.h"

#define SLOTS_FIRST 1024

struct db_slot {
    uint32_t index; /* 1 + the entry's; 0: empty */
    uint32_t print; /* of its hash; its low bits say where it would best be */
};

void demur_db_finder_init(struct db_finder *finder)
{
    *finder = (struct db_finder){.size = 0};
    randombytes_buf(finder->key, sizeof finder->key);
    pthread_rwlock_init(&finder->lock, NULL);
}

static void empty(struct db_finder *finder)
{
    for (size_t i = 0; i < DB_HASH_KINDS; i++) {
        free(finder->of[i].slots);
        finder->of[i] = (struct db_slots){0};
    }
    finder->size = 0;
    finder->loaded = false;
}

void demur_db_finder_free(struct db_finder *finder)
{
    empty(finder);
    pthread_rwlock_destroy(&finder->lock);
}

static uint32_t print_of(const struct db_finder *finder, const uint8_t hash[static 32])
{
    uint64_t h;
    crypto_shorthash((unsigned char *)&h, hash, 32, finder->key);
    return (uint32_t)h;
}

static void place(struct db_slots *t, struct db_slot slot)
{
    size_t i = slot.print & (t->cap - 1);
    while (t->slots[i].index)
        i = (i + 1) & (t->cap - 1);
    t->slots[i] = slot;
}

/* Room for `total` entries, at most three quarters full. */
static bool reserve(struct db_slots *t, uint64_t total)
{
    size_t cap = t->cap ? t->cap : SLOTS_FIRST;
    while (total > cap / 4 * 3)
        cap *= 2;
    if (cap == t->cap)
        return true;
    struct db_slots more = {calloc(cap, sizeof *more.slots), cap};
    if (!more.slots)
        return false;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].index)
            place(&more, t->slots[i]);
    free(t->slots);
    *t = more;
    return true;
}

static enum demur_err reserve_all(struct db_finder *finder, uint64_t total, struct demur_diag *diag)
{
    if (total >= UINT32_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a store holds 4294967294 entries at most");
    for (size_t i = 0; i < DB_HASH_KINDS; i++)
        if (!reserve(&finder->of[i], total))
            return demur_store_out_of_memory(diag);
    return DEMUR_OK;
}

/* The entry after the last that is in; room was reserved. */
static void take(struct db_finder *finder, const uint8_t *const hashes[DB_HASH_KINDS])
{
    uint32_t index = (uint32_t)++finder->size;
    for (size_t i = 0; i < DB_HASH_KINDS; i++)
        place(&finder->of[i], (struct db_slot){index, print_of(finder, hashes[i])});
}

enum demur_err demur_db_finder_add(struct demur_store *store, const struct demur_store_batch *batch,
                                   struct demur_diag *diag)
{
    struct db_finder *finder = &store->finder;
    pthread_rwlock_wrlock(&finder->lock);
    enum demur_err err = reserve_all(finder, batch->after.size, diag);
    for (size_t i = 0; err == DEMUR_OK && finder->loaded && i < batch->n_entries; i++)
        take(finder, (const uint8_t *const[]){batch->entries[i].leaf, batch->entries[i].record});
    pthread_rwlock_unlock(&finder->lock);
    return err;
}

void demur_db_finder_forget(struct demur_store *store)
{
    pthread_rwlock_wrlock(&store->finder.lock);
    empty(&store->finder);
    pthread_rwlock_unlock(&store->finder.lock);
}

/* ---- looking ------------------------------------------------------------- */

static int hashes_first(struct db_conn *conn, uint64_t from, uint64_t to)
{
    return demur_db_first(conn, SQL_ENTRY_HASHES,
                          DB_ARGS(db_int((int64_t)from), db_int((int64_t)to)));
}

/* Take in the rows that are newer than what is in. */
static enum demur_err load(struct demur_store *store, struct db_conn *conn, struct demur_diag *diag)
{
    struct db_finder *finder = &store->finder;
    sqlite3_stmt *stmt = conn->stmt[SQL_ENTRY_HASHES];
    int rc = hashes_first(conn, finder->size, INT64_MAX);
    enum demur_err err = DEMUR_OK;
    while (rc == SQLITE_ROW && err == DEMUR_OK) {
        struct span leaf = demur_db_column(conn, SQL_ENTRY_HASHES, 1);
        struct span record = demur_db_column(conn, SQL_ENTRY_HASHES, 2);
        if ((uint64_t)sqlite3_column_int64(stmt, 0) != finder->size || leaf.len != 32 ||
            record.len != 32) {
            rc = SQLITE_CORRUPT;
            break;
        }
        err = reserve_all(finder, finder->size + 1, diag);
        if (err == DEMUR_OK) {
            take(finder, (const uint8_t *const[]){leaf.p, record.p});
            rc = sqlite3_step(stmt);
        }
    }
    if (err == DEMUR_OK)
        err = demur_db_fail(store, conn->db, rc, diag);
    demur_db_end(conn, SQL_ENTRY_HASHES);
    finder->loaded = err == DEMUR_OK;
    return err;
}

static enum demur_err ready(struct demur_store *store, struct demur_diag *diag)
{
    struct db_finder *finder = &store->finder;
    struct db_conn *conn;
    pthread_rwlock_rdlock(&finder->lock);
    bool done = finder->loaded && store->mode == DEMUR_STORE_WRITE;
    pthread_rwlock_unlock(&finder->lock);
    if (done)
        return DEMUR_OK;
    enum demur_err err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    /* The writer's lock: a batch that is half-way in must not be taken in twice. */
    pthread_mutex_lock(&store->write_lock);
    pthread_rwlock_wrlock(&finder->lock);
    if (!finder->loaded || store->mode != DEMUR_STORE_WRITE)
        err = load(store, conn, diag);
    pthread_rwlock_unlock(&finder->lock);
    pthread_mutex_unlock(&store->write_lock);
    demur_db_read_end(store, conn);
    return err;
}

/* Does the row of that entry hold the hash? An SQLite result; *yes when it does. */
static int row_holds(struct db_conn *conn, uint64_t index, enum db_hash_kind kind,
                     const uint8_t hash[static 32], bool *yes)
{
    int rc = hashes_first(conn, index, index + 1);
    *yes = rc == SQLITE_ROW &&
           span_eq(demur_db_column(conn, SQL_ENTRY_HASHES, 1 + (int)kind), span_of(hash, 32));
    demur_db_end(conn, SQL_ENTRY_HASHES);
    return rc;
}

struct looking {
    struct demur_store *store;
    struct db_conn *conn; /* once it is needed */
    enum db_hash_kind kind;
    const uint8_t *hash;
    uint64_t best; /* UINT64_MAX: none */
};

static enum demur_err candidate(struct looking *l, uint64_t index, struct demur_diag *diag)
{
    bool yes = false;
    enum demur_err err = l->conn ? DEMUR_OK : demur_db_read_begin(l->store, &l->conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = row_holds(l->conn, index, l->kind, l->hash, &yes);
    if (yes)
        l->best = index;
    return demur_db_fail(l->store, l->conn->db, rc, diag);
}

enum demur_err demur_db_find(struct demur_store *store, enum db_hash_kind kind,
                             const uint8_t hash[static 32], uint64_t *index,
                             struct demur_diag *diag)
{
    struct db_finder *finder = &store->finder;
    struct looking l = {store, NULL, kind, hash, UINT64_MAX};
    enum demur_err err = ready(store, diag);
    if (err != DEMUR_OK)
        return err;
    pthread_rwlock_rdlock(&finder->lock);
    const struct db_slots *t = &finder->of[kind];
    uint32_t print = print_of(finder, hash);
    for (size_t i = print & (t->cap - 1); t->cap && t->slots[i].index && err == DEMUR_OK;
         i = (i + 1) & (t->cap - 1))
        if (t->slots[i].print == print && t->slots[i].index - 1 < l.best)
            err = candidate(&l, t->slots[i].index - 1, diag);
    pthread_rwlock_unlock(&finder->lock);
    if (l.conn)
        demur_db_read_end(store, l.conn);
    if (err == DEMUR_OK && l.best == UINT64_MAX)
        return DEMUR_ERR_UNKNOWN;
    if (err == DEMUR_OK)
        *index = l.best;
    return err;
}
