/* A store's directory: making, locking, opening, migrating, copying it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"
#include "sqlite.h"

static enum demur_err refused(const char *path, const char *what, struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_IO, "%.140s: %s (%s); mend that and try again", path, what,
                      strerror(errno));
}

/* dir/name on the heap, or NULL. */
static char *path_in(const char *dir, const char *name)
{
    size_t cap = strlen(dir) + strlen(name) + 2;
    char *path = malloc(cap);
    if (path)
        snprintf(path, cap, "%s/%s", dir, name);
    return path;
}

/* Make a directory's own list of files durable. */
static bool dir_sync(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* ---- the lock ---------------------------------------------------------- */

static enum demur_err lock_busy(const char *dir, int fd, struct demur_diag *diag)
{
    char pid[16] = {0};
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    for (ssize_t i = 0; i < n; i++)
        if (pid[i] < '0' || pid[i] > '9')
            pid[i] = 0;
    return demur_fail(diag, DEMUR_ERR_IO,
                      "%.140s: another process (%s) has this store open for writing; "
                      "stop it first",
                      dir, pid[0] ? pid : "of unknown id");
}

/* Take dir/lock for writing and leave our process id in it, for lock_busy. */
static enum demur_err lock_take(int *out, const char *dir, struct demur_diag *diag)
{
    char *path = path_in(dir, "lock");
    if (!path)
        return demur_store_out_of_memory(diag);
    enum demur_err err = DEMUR_OK;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        err = refused(path, "cannot be opened", diag);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK ? lock_busy(dir, fd, diag)
                                   : refused(path, "cannot be locked", diag);
        close(fd);
    } else {
        /* on a full disk the id is missing, and the lock holds all the same */
        bool named = ftruncate(fd, 0) == 0 && dprintf(fd, "%ld\n", (long)getpid()) > 0;
        (void)named;
        *out = fd;
    }
    free(path);
    return err;
}

/* On a medium that cannot be written SQLite needs the promise that nobody else
 * writes either. The shared lock keeps writers out for as long as we read. */
static void lock_immutable(struct demur_store *store)
{
    if (access(store->dir, W_OK) == 0)
        return;
    char *lock = path_in(store->dir, "lock"), *wal = path_in(store->dir, "log.db-wal");
    struct stat st;
    if (lock && wal && (stat(wal, &st) != 0 || st.st_size == 0)) {
        int fd = open(lock, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0) {
            store->lock_fd = fd;
            store->immutable = true;
        } else if (fd >= 0) {
            close(fd);
        }
    }
    free(lock);
    free(wal);
}

/* ---- the schema -------------------------------------------------------- */

static int pragma_int(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int64(stmt, 0);
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(stmt);
    return rc;
}

/* Run the migrations from `version` on, each in a transaction of its own. */
static enum demur_err migrate(const struct demur_store *store, sqlite3 *db, int64_t version,
                              struct demur_diag *diag)
{
    int rc = SQLITE_OK;
    for (size_t i = (size_t)version; rc == SQLITE_OK && i < demur_db_version; i++) {
        rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(db, demur_db_migrations[i], NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    return demur_db_fail(store, db, rc, diag);
}

/* Check whose file it is and bring its schema to this program's version. */
static enum demur_err schema_open(const struct demur_store *store, sqlite3 *db,
                                  struct demur_diag *diag)
{
    int64_t id = 0, version = 0;
    int rc = pragma_int(db, "PRAGMA application_id", &id);
    if (rc == SQLITE_OK)
        rc = pragma_int(db, "PRAGMA user_version", &version);
    if (rc != SQLITE_OK)
        return demur_db_fail(store, db, rc, diag);
    if (id != DB_APPLICATION_ID || version < 1)
        return demur_db_fail(store, db, SQLITE_NOTADB, diag);
    if (version > (int64_t)demur_db_version)
        return demur_fail(diag, DEMUR_ERR_UPGRADE,
                          "%.140s has schema %lld and this demur knows %zu; upgrade demur",
                          store->path, (long long)version, demur_db_version);
    if (version < (int64_t)demur_db_version && store->mode == DEMUR_STORE_READ)
        return demur_fail(diag, DEMUR_ERR_IO,
                          "%.140s has the older schema %lld; open it once for writing", store->path,
                          (long long)version);
    return migrate(store, db, version, diag);
}

/* ---- life -------------------------------------------------------------- */

static void store_free(struct demur_store *store)
{
    if (!store)
        return;
    while (store->idle) {
        struct db_conn *next = store->idle->next;
        demur_db_conn_free(store->idle);
        store->idle = next;
    }
    /* last, since only a writer can fold the WAL into the file */
    demur_db_conn_free(store->writer);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->write_lock);
    pthread_mutex_destroy(&store->pool_lock);
    demur_db_finder_free(&store->finder);
    free(store->path);
    free(store->dir);
    free(store);
}

static struct demur_store *store_alloc(const char *real_dir, const char *file,
                                       enum demur_store_mode mode)
{
    struct demur_store *store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    store->lock_fd = -1;
    store->mode = mode;
    pthread_mutex_init(&store->write_lock, NULL);
    pthread_mutex_init(&store->pool_lock, NULL);
    demur_db_finder_init(&store->finder);
    store->dir = strdup(real_dir);
    store->path = path_in(real_dir, file);
    if (!store->dir || !store->path) {
        store_free(store);
        return NULL;
    }
    return store;
}

static enum demur_err open_writer(struct demur_store *store, struct demur_diag *diag)
{
    enum demur_err err = lock_take(&store->lock_fd, store->dir, diag);
    struct db_conn *conn = NULL;
    if (err == DEMUR_OK)
        err = demur_db_conn_new(store, &conn, true, diag);
    if (err == DEMUR_OK)
        err = schema_open(store, conn->db, diag);
    if (err == DEMUR_OK)
        err = demur_db_conn_prepare(store, conn, true, diag);
    if (err != DEMUR_OK) {
        demur_db_conn_free(conn);
        return err;
    }
    store->writer = conn;
    /* uploads that a crash cut off: no other process can be sending them */
    err = demur_db_write_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = demur_db_run(conn, SQL_OBJECT_ORPHANS, DB_NONE);
    if (rc == SQLITE_OK)
        rc = demur_db_first(conn, SQL_BLOB_WAITING, DB_ARGS(db_int(DEMUR_STORE_BLOB_FLOOR)));
    if (rc == SQLITE_ROW)
        atomic_store(&store->waiting,
                     (uint64_t)sqlite3_column_int64(conn->stmt[SQL_BLOB_WAITING], 0));
    demur_db_end(conn, SQL_BLOB_WAITING);
    /* and a WAL that it left may hold what was deleted */
    store->scrub_due = true;
    return demur_db_write_end(store, conn, demur_db_fail(store, conn->db, rc, diag), diag);
}

static enum demur_err open_reader(struct demur_store *store, struct demur_diag *diag)
{
    lock_immutable(store);
    struct db_conn *conn;
    enum demur_err err = demur_db_conn_new(store, &conn, false, diag);
    if (err != DEMUR_OK)
        return err;
    err = schema_open(store, conn->db, diag);
    if (err == DEMUR_OK)
        err = demur_db_conn_prepare(store, conn, false, diag);
    if (err == DEMUR_OK)
        demur_db_read_end(store, conn);
    else
        demur_db_conn_free(conn);
    return err;
}

enum demur_err demur_store_open(struct demur_store **out, const char *dir,
                                enum demur_store_mode mode, struct demur_diag *diag)
{
    char *real = realpath(dir, NULL);
    if (!real)
        return refused(dir, "there is no store here", diag);
    struct demur_store *store = store_alloc(real, "log.db", mode);
    free(real);
    if (!store)
        return demur_store_out_of_memory(diag);
    enum demur_err err = DEMUR_OK;
    if (access(store->path, R_OK) != 0)
        err = refused(store->path, "there is no store here that this user may read", diag);
    else
        err = mode == DEMUR_STORE_WRITE ? open_writer(store, diag) : open_reader(store, diag);
    if (err != DEMUR_OK) {
        store_free(store);
        return err;
    }
    *out = store;
    return DEMUR_OK;
}

void demur_store_close(struct demur_store *store) { store_free(store); }

/* ---- making one -------------------------------------------------------- */

/* Fills an empty database, file mode 0600, and closes it. `ctx` is fill's. */
typedef enum demur_err fill_fn(const struct demur_store *store, sqlite3 *db, void *ctx,
                               struct demur_diag *diag);

static enum demur_err fill_file(struct demur_store *store, fill_fn *fill, void *ctx,
                                struct demur_diag *diag)
{
    /* made here, since SQLite would make it readable to all */
    int fd = open(store->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return refused(store->path, "cannot be made", diag);
    close(fd);
    struct db_conn *conn;
    enum demur_err err = demur_db_conn_new(store, &conn, true, diag);
    if (err != DEMUR_OK)
        return err;
    err = fill(store, conn->db, ctx, diag);
    /* fold the WAL into the file, so that the file alone can be renamed */
    if (err == DEMUR_OK) {
        int rc = sqlite3_wal_checkpoint_v2(conn->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        err = demur_db_fail(store, conn->db, rc, diag);
    }
    demur_db_conn_free(conn);
    return err;
}

/* Make dir/log.db under another name, then give it its own: a crash in between
 * leaves no half-made store. */
static enum demur_err make(const char *real_dir, fill_fn *fill, void *ctx, struct demur_diag *diag)
{
    struct demur_store *fresh = store_alloc(real_dir, "log.db.new", DEMUR_STORE_WRITE);
    char *final = path_in(real_dir, "log.db");
    enum demur_err err = DEMUR_OK;
    if (!fresh || !final) {
        err = demur_store_out_of_memory(diag);
        goto out;
    }
    err = lock_take(&fresh->lock_fd, real_dir, diag);
    if (err != DEMUR_OK)
        goto out;
    if (access(final, F_OK) == 0) {
        err = demur_fail(diag, DEMUR_ERR_IO,
                         "%.140s: there is a store here already; name another folder", real_dir);
        goto out;
    }
    err = fill_file(fresh, fill, ctx, diag);
    if (err != DEMUR_OK)
        unlink(fresh->path);
    else if (rename(fresh->path, final) != 0 || !dir_sync(real_dir))
        err = refused(final, "cannot be made", diag);
out:
    free(final);
    store_free(fresh);
    return err;
}

static enum demur_err make_in(const char *dir, fill_fn *fill, void *ctx, struct demur_diag *diag)
{
    bool made = mkdir(dir, 0700) == 0;
    if (!made && errno != EEXIST)
        return refused(dir, "the folder cannot be made", diag);
    char *real = realpath(dir, NULL);
    if (!real)
        return refused(dir, "the folder cannot be entered", diag);
    enum demur_err err = make(real, fill, ctx, diag);
    char *parent = path_in(real, "..");
    if (err == DEMUR_OK && made && parent && !dir_sync(parent))
        err = refused(dir, "the folder cannot be made durable", diag);
    free(parent);
    free(real);
    return err;
}

static enum demur_err fill_empty(const struct demur_store *store, sqlite3 *db, void *ctx,
                                 struct demur_diag *diag)
{
    (void)ctx;
    char id[64];
    snprintf(id, sizeof id, "PRAGMA application_id = %d", DB_APPLICATION_ID);
    int rc = sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, id, NULL, NULL, NULL);
    enum demur_err err = demur_db_fail(store, db, rc, diag);
    return err == DEMUR_OK ? migrate(store, db, 0, diag) : err;
}

enum demur_err demur_store_create(const char *dir, struct demur_diag *diag)
{
    return make_in(dir, fill_empty, NULL, diag);
}

/* ---- copying one ------------------------------------------------------- */

/* One step over the whole file is one read transaction: the copy is of one
 * moment, and in WAL mode the writer is not held up by it. */
static enum demur_err fill_copy(const struct demur_store *store, sqlite3 *db, void *ctx,
                                struct demur_diag *diag)
{
    struct db_conn *from = ctx;
    sqlite3_backup *backup = sqlite3_backup_init(db, "main", from->db, "main");
    if (!backup)
        return demur_db_fail(store, db, sqlite3_errcode(db), diag);
    int rc = sqlite3_backup_step(backup, -1);
    int end = sqlite3_backup_finish(backup);
    if (rc == SQLITE_DONE)
        rc = end;
    return demur_db_fail(store, db, rc, diag);
}

enum demur_err demur_store_backup(struct demur_store *store, const char *dir,
                                  struct demur_diag *diag)
{
    struct db_conn *conn;
    enum demur_err err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    err = make_in(dir, fill_copy, conn, diag);
    demur_db_read_end(store, conn);
    return err;
}
