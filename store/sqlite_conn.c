/* Statements, connections, transactions, and what SQLite's results mean. */
#include <errno.h>
#include <pthread.h>
#include <sodium.h>

#include "common.h"
#include "sqlite.h"

/* ---- errors ------------------------------------------------------------ */

static const struct {
    int rc;
    enum demur_err err;
    const char *text;
} meanings[] = {
    {SQLITE_FULL, DEMUR_ERR_IO, "the disk is full; make room and try again"},
    {SQLITE_READONLY, DEMUR_ERR_IO,
     "it is read-only here; make the folder and its files writable for this user"},
    {SQLITE_BUSY, DEMUR_ERR_IO, "another process holds it locked; end that process or try again"},
    {SQLITE_LOCKED, DEMUR_ERR_IO, "another process holds it locked; end that process or try again"},
    {SQLITE_PROTOCOL, DEMUR_ERR_IO,
     "another process holds it locked; end that process or try again"},
    {SQLITE_CORRUPT, DEMUR_ERR_IO, "it is damaged; check the store and restore a backup"},
    {SQLITE_NOTADB, DEMUR_ERR_IO,
     "it is not a demur store, or is damaged; name the folder of one or restore a backup"},
    {SQLITE_NOMEM, DEMUR_ERR_MEMORY, "out of memory"},
    {SQLITE_TOOBIG, DEMUR_ERR_LIMIT, "a value is larger than the database takes"},
};

/* The errno of the last failure on a file of the connection; 0 for none. What
 * sqlite3_system_errno answers may have been overwritten by the rollback. */
static int file_errno(sqlite3 *db, int which)
{
    sqlite3_file *file = NULL;
    int answer = 0;
    if (!db || sqlite3_file_control(db, "main", which, &file) != SQLITE_OK)
        return 0;
    if (file && file->pMethods)
        (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &answer);
    return answer;
}

static bool means_full(int errno_then)
{
    return errno_then == ENOSPC || errno_then == EDQUOT || errno_then == EFBIG;
}

/* SQLite knows ENOSPC only; a quota and a limit on file sizes mean the same. */
static bool is_full(sqlite3 *db, int rc)
{
    /* The index beside the log could not grow; of that SQLite keeps no errno. */
    if (rc == SQLITE_IOERR_SHMSIZE)
        return true;
    return rc == SQLITE_IOERR_WRITE && (means_full(file_errno(db, SQLITE_FCNTL_JOURNAL_POINTER)) ||
                                        means_full(file_errno(db, SQLITE_FCNTL_FILE_POINTER)));
}

/* A disk that the system has made read-only since the file was opened. */
static bool is_readonly(sqlite3 *db)
{
    return file_errno(db, SQLITE_FCNTL_JOURNAL_POINTER) == EROFS ||
           file_errno(db, SQLITE_FCNTL_FILE_POINTER) == EROFS;
}

/* The system's own words when it refused to open a file, else SQLite's. */
static const char *refusal(sqlite3 *db, int rc)
{
    if (!db)
        return sqlite3_errstr(rc);
    int system = (rc & 0xff) == SQLITE_CANTOPEN ? sqlite3_system_errno(db) : 0;
    return system ? strerror(system) : sqlite3_errmsg(db);
}

enum demur_err demur_db_fail(const struct demur_store *store, sqlite3 *db, int rc,
                             struct demur_diag *diag)
{
    int primary = rc & 0xff;
    if (primary == SQLITE_OK || primary == SQLITE_ROW || primary == SQLITE_DONE)
        return DEMUR_OK;
    if (is_full(db, rc))
        primary = SQLITE_FULL;
    else if (primary == SQLITE_IOERR && is_readonly(db))
        primary = SQLITE_READONLY;
    for (size_t i = 0; i < DEMUR_COUNT(meanings); i++)
        if (meanings[i].rc == primary)
            return demur_fail(diag, meanings[i].err, "%.140s: %s", store->path, meanings[i].text);
    return demur_fail(diag, DEMUR_ERR_IO,
                      "%.140s: the system refused it (%.60s); mend that and try again", store->path,
                      refusal(db, rc));
}

void demur_db_hex(char out[static 65], const uint8_t hash[static 32])
{
    sodium_bin2hex(out, 65, hash, 32);
}

/* ---- statements -------------------------------------------------------- */

static int bind(sqlite3_stmt *stmt, int at, const struct db_arg *arg)
{
    const void *p = arg->s.len ? (const void *)arg->s.p : "";
    switch (arg->kind) {
    case DB_INT:
        return sqlite3_bind_int64(stmt, at, arg->i);
    case DB_TEXT:
        return sqlite3_bind_text64(stmt, at, p, arg->s.len, SQLITE_STATIC, SQLITE_UTF8);
    default:
        return sqlite3_bind_blob64(stmt, at, p, arg->s.len, SQLITE_STATIC);
    }
}

int demur_db_first(struct db_conn *conn, enum db_sql n, const struct db_arg *args)
{
    sqlite3_stmt *stmt = conn->stmt[n];
    for (int i = 0; args[i].kind != DB_END; i++) {
        int rc = bind(stmt, i + 1, &args[i]);
        if (rc != SQLITE_OK)
            return rc;
    }
    return sqlite3_step(stmt);
}

void demur_db_end(struct db_conn *conn, enum db_sql n)
{
    /* reset repeats the error of the step, which its caller has seen */
    (void)sqlite3_reset(conn->stmt[n]);
    (void)sqlite3_clear_bindings(conn->stmt[n]);
}

int demur_db_run(struct db_conn *conn, enum db_sql n, const struct db_arg *args)
{
    int rc = demur_db_first(conn, n, args);
    demur_db_end(conn, n);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

struct span demur_db_column(struct db_conn *conn, enum db_sql n, int column)
{
    const void *p = sqlite3_column_blob(conn->stmt[n], column);
    return span_of(p, p ? (size_t)sqlite3_column_bytes(conn->stmt[n], column) : 0);
}

/* ---- connections ------------------------------------------------------- */

/* The path as a URI that promises SQLite that nobody writes. */
static char *immutable_uri(const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t cap = strlen("file:") + 3 * strlen(path) + sizeof "?immutable=1";
    char *uri = malloc(cap);
    if (!uri)
        return NULL;
    struct buf b = buf_over(uri, cap);
    buf_put_str(&b, "file:");
    for (const char *p = path; *p; p++) {
        uint8_t c = (uint8_t)*p;
        if (c == '%' || c == '?' || c == '#') {
            buf_put_byte(&b, '%');
            buf_put_byte(&b, (uint8_t)digits[c >> 4]);
            buf_put_byte(&b, (uint8_t)digits[c & 15]);
        } else {
            buf_put_byte(&b, c);
        }
    }
    buf_put_str(&b, "?immutable=1");
    buf_put_byte(&b, 0);
    return uri;
}

static int note_wal_pages(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    *(int *)ctx = pages;
    return SQLITE_OK;
}

enum demur_err demur_db_conn_new(struct demur_store *store, struct db_conn **out, bool writer,
                                 struct demur_diag *diag)
{
    enum demur_err err = DEMUR_ERR_MEMORY;
    char *uri = store->immutable ? immutable_uri(store->path) : NULL;
    struct db_conn *conn = calloc(1, sizeof *conn);
    if (!conn || (store->immutable && !uri)) {
        err = demur_store_out_of_memory(diag);
        goto out;
    }
    int flags = SQLITE_OPEN_NOMUTEX | (uri ? SQLITE_OPEN_URI : 0) |
                (writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    int rc = sqlite3_open_v2(uri ? uri : store->path, &conn->db, flags, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(conn->db, 1);
        (void)sqlite3_busy_timeout(conn->db, DB_BUSY_MS);
        rc = sqlite3_exec(conn->db, writer ? demur_db_pragmas_writer : demur_db_pragmas_reader,
                          NULL, NULL, NULL);
        /* after the pragmas: wal_autocheckpoint takes any hook away */
        (void)sqlite3_wal_hook(conn->db, note_wal_pages, &store->wal_pages);
    }
    err = demur_db_fail(store, conn->db, rc, diag);
out:
    free(uri);
    if (err != DEMUR_OK) {
        demur_db_conn_free(conn);
        return err;
    }
    *out = conn;
    return DEMUR_OK;
}

enum demur_err demur_db_conn_prepare(const struct demur_store *store, struct db_conn *conn,
                                     bool writer, struct demur_diag *diag)
{
    int end = writer ? SQL_COUNT : SQL_BEGIN_WRITE;
    for (int i = 0; i < end; i++) {
        int rc = sqlite3_prepare_v3(conn->db, demur_db_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &conn->stmt[i], NULL);
        if (rc == SQLITE_ERROR) /* the statements are right, so the tables are not */
            return demur_fail(diag, DEMUR_ERR_IO,
                              "%.140s: its tables are not those of a demur store; "
                              "name the folder of one, or restore a backup",
                              store->path);
        if (rc != SQLITE_OK)
            return demur_db_fail(store, conn->db, rc, diag);
    }
    return DEMUR_OK;
}

void demur_db_conn_free(struct db_conn *conn)
{
    if (!conn)
        return;
    for (size_t i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize(conn->stmt[i]);
    (void)sqlite3_close(conn->db);
    free(conn);
}

/* Never waits for another reader: a callback may read while its caller holds a
 * connection, so a fixed number of them could deadlock. */
enum demur_err demur_db_read_begin(struct demur_store *store, struct db_conn **out,
                                   struct demur_diag *diag)
{
    pthread_mutex_lock(&store->pool_lock);
    struct db_conn *conn = store->idle;
    if (conn)
        store->idle = conn->next;
    pthread_mutex_unlock(&store->pool_lock);
    if (!conn) {
        enum demur_err err = demur_db_conn_new(store, &conn, false, diag);
        if (err != DEMUR_OK)
            return err;
        err = demur_db_conn_prepare(store, conn, false, diag);
        if (err != DEMUR_OK) {
            demur_db_conn_free(conn);
            return err;
        }
    }
    *out = conn;
    return DEMUR_OK;
}

void demur_db_read_end(struct demur_store *store, struct db_conn *conn)
{
    pthread_mutex_lock(&store->pool_lock);
    conn->next = store->idle;
    store->idle = conn;
    pthread_mutex_unlock(&store->pool_lock);
}

/* ---- the writer -------------------------------------------------------- */

bool demur_store_broken(const struct demur_store *store) { return atomic_load(&store->broken); }

static enum demur_err writable(struct demur_store *store, struct demur_diag *diag)
{
    if (store->mode != DEMUR_STORE_WRITE)
        return demur_fail(diag, DEMUR_ERR_IO,
                          "%.140s was opened for reading only; open it for writing", store->dir);
    if (demur_store_broken(store))
        return demur_fail(diag, DEMUR_ERR_IO,
                          "%.140s: the system could not say whether an earlier write reached the "
                          "disk; close the store and open it again",
                          store->path);
    return DEMUR_OK;
}

enum demur_err demur_db_write_begin(struct demur_store *store, struct db_conn **out,
                                    struct demur_diag *diag)
{
    pthread_mutex_lock(&store->write_lock);
    enum demur_err err = writable(store, diag);
    if (err == DEMUR_OK) {
        struct db_conn *conn = store->writer;
        err = demur_db_fail(store, conn->db, demur_db_run(conn, SQL_BEGIN_WRITE, DB_NONE), diag);
        *out = conn;
    }
    if (err != DEMUR_OK)
        pthread_mutex_unlock(&store->write_lock);
    return err;
}

/* An I/O error other than a full disk leaves open whether the bytes will be on
 * the disk after a crash, and a later fsync may lie about them. */
static void note_outcome(struct demur_store *store, int rc)
{
    if ((rc & 0xff) == SQLITE_IOERR && !is_full(store->writer->db, rc))
        atomic_store(&store->broken, true);
}

static int checkpoint(struct demur_store *store, int mode)
{
    sqlite3 *db = store->writer->db;
    int rc = sqlite3_wal_checkpoint_v2(db, "main", mode, NULL, NULL);
    note_outcome(store, rc);
    if (rc == SQLITE_OK)
        store->wal_pages = 0;
    return rc;
}

/* The commit stands whatever happens here; a failure shows at the next write. */
static void tidy(struct demur_store *store)
{
    sqlite3 *db = store->writer->db;
    if (store->scrub_due) {
        (void)sqlite3_busy_timeout(db, 0);
        if (checkpoint(store, SQLITE_CHECKPOINT_TRUNCATE) == SQLITE_OK)
            store->scrub_due = false;
        (void)sqlite3_busy_timeout(db, DB_BUSY_MS);
    } else if (store->wal_pages >= DB_CHECKPOINT_PAGES) {
        (void)checkpoint(store, SQLITE_CHECKPOINT_PASSIVE);
    }
}

enum demur_err demur_db_write_end(struct demur_store *store, struct db_conn *conn,
                                  enum demur_err err, struct demur_diag *diag)
{
    if (err == DEMUR_OK) {
        int rc = demur_db_run(conn, SQL_COMMIT, DB_NONE);
        if (rc != SQLITE_OK)
            note_outcome(store, rc);
        err = demur_db_fail(store, conn->db, rc, diag);
    }
    if (!sqlite3_get_autocommit(conn->db))
        (void)demur_db_run(conn, SQL_ROLLBACK, DB_NONE);
    /* Before the next writer, who may take off again what this one added. */
    if (err == DEMUR_OK)
        atomic_fetch_add(&store->waiting, (uint64_t)store->waiting_change);
    store->waiting_change = 0;
    if (err == DEMUR_OK)
        tidy(store);
    pthread_mutex_unlock(&store->write_lock);
    return err;
}

enum demur_err demur_store_scrub(struct demur_store *store, struct demur_diag *diag)
{
    enum demur_err err = demur_db_drop_leaving(store, diag);
    if (err != DEMUR_OK)
        return err;
    pthread_mutex_lock(&store->write_lock);
    err = writable(store, diag);
    if (err == DEMUR_OK) {
        (void)sqlite3_busy_timeout(store->writer->db, DB_SCRUB_MS);
        int rc = checkpoint(store, SQLITE_CHECKPOINT_TRUNCATE);
        (void)sqlite3_busy_timeout(store->writer->db, DB_BUSY_MS);
        if (rc == SQLITE_BUSY)
            err = demur_fail(diag, DEMUR_ERR_IO,
                             "%.140s: a reader is in the way of overwriting what was deleted; "
                             "end it or try again",
                             store->path);
        else
            err = demur_db_fail(store, store->writer->db, rc, diag);
        store->scrub_due = store->scrub_due && err != DEMUR_OK;
    }
    pthread_mutex_unlock(&store->write_lock);
    return err;
}
