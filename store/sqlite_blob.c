/* Objects: stretches of bytes too large for one row, kept in chunks. A blob is
 * an object with a hash. */
#include <sodium.h>

#include "common.h"
#include "sqlite.h"

enum {
    FLUSH_MAX = DEMUR_STORE_UPLOAD_MAX, /* also what one transaction writes of it */
    DROP_CHUNKS = 64,                   /* chunks removed in one transaction */
    FLUSH_FIRST = 64 << 10              /* what an upload's buffer starts with */
};

/* ---- leaving ----------------------------------------------------------- */

/* That object if it is leaving, or any that is when it is 0; else *object is 0. */
static int leaving_next(struct db_conn *conn, int64_t *object)
{
    enum db_sql look = *object ? SQL_OBJECT_LEAVES : SQL_OBJECT_LEAVING;
    int rc = demur_db_first(conn, look, *object ? DB_ARGS(db_int(*object)) : DB_NONE);
    *object = rc == SQLITE_ROW ? sqlite3_column_int64(conn->stmt[look], 0) : 0;
    demur_db_end(conn, look);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* One transaction's worth, which may be many small objects; *more is false when nothing
 * is left. */
static int drop_some(struct db_conn *conn, int64_t only, bool *more)
{
    int rc = SQLITE_OK;
    for (int left = DROP_CHUNKS; rc == SQLITE_OK && *more && left > 0;) {
        int64_t object = only;
        rc = leaving_next(conn, &object);
        *more = rc != SQLITE_OK || object;
        if (!object)
            break;
        rc = demur_db_run(conn, SQL_CHUNK_DELETE, DB_ARGS(db_int(object), db_int(left)));
        int gone = sqlite3_changes(conn->db);
        if (rc == SQLITE_OK && gone < left)
            rc = demur_db_run(conn, SQL_OBJECT_DELETE, DB_ARGS(db_int(object)));
        left -= gone ? gone : 1;
    }
    return rc;
}

static enum demur_err drop(struct demur_store *store, int64_t object, uint64_t max, bool *more,
                           struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    *more = true;
    for (uint64_t n = 0; *more && n < max && err == DEMUR_OK; n++) {
        struct db_conn *conn;
        /* the lock goes to whoever asks first, which is this loop unless it rests */
        if (n)
            (void)nanosleep(&(struct timespec){0, 500000}, NULL);
        err = demur_db_write_begin(store, &conn, diag);
        if (err != DEMUR_OK)
            break;
        err = demur_db_fail(store, conn->db, drop_some(conn, object, more), diag);
        err = demur_db_write_end(store, conn, err, diag);
    }
    return err;
}

enum demur_err demur_db_drop_leaving(struct demur_store *store, struct demur_diag *diag)
{
    bool more;
    return drop(store, 0, UINT64_MAX, &more, diag);
}

/* An upload's own: whoever sends a blob does not wait for what others left. What cannot be
 * removed now goes with the next removal. */
static void object_drop(struct demur_store *store, int64_t object)
{
    bool more, dropped = drop(store, object, UINT64_MAX, &more, NULL) == DEMUR_OK;
    (void)dropped;
}

/* ---- arriving ---------------------------------------------------------- */

struct demur_store_upload {
    struct demur_store *store;
    int64_t object; /* 0 before the first flush */
    uint64_t size;  /* flushed and buffered */
    int64_t chunks; /* flushed */
    crypto_hash_sha256_state hash;
    uint8_t *buffer;
    size_t len, cap;
    bool copy; /* of a blob that is here: to be dropped */
};

static struct demur_store_upload *upload_alloc(struct demur_store *store)
{
    struct demur_store_upload *upload = calloc(1, sizeof *upload);
    if (!upload)
        return NULL;
    upload->store = store;
    crypto_hash_sha256_init(&upload->hash);
    return upload;
}

enum demur_err demur_store_upload_new(struct demur_store *store, struct demur_store_upload **out,
                                      struct demur_diag *diag)
{
    struct demur_store_upload *upload = upload_alloc(store);
    if (!upload)
        return demur_store_out_of_memory(diag);
    *out = upload;
    return DEMUR_OK;
}

static void upload_free(struct demur_store_upload *upload)
{
    free(upload->buffer);
    free(upload);
}

/* Write the buffer's first n bytes as chunks of the object, which is made when
 * there is none. */
static int chunks_put(struct demur_store_upload *upload, struct db_conn *conn, size_t n)
{
    int rc = SQLITE_OK;
    if (!upload->object) {
        rc = demur_db_run(conn, SQL_OBJECT_NEW, DB_NONE);
        if (rc != SQLITE_OK)
            return rc;
        upload->object = sqlite3_last_insert_rowid(conn->db);
    }
    struct span rest = span_of(upload->buffer, n);
    for (; rc == SQLITE_OK && rest.len; rest = span_skip(rest, DB_CHUNK))
        rc = demur_db_run(conn, SQL_CHUNK_PUT,
                          DB_ARGS(db_int(upload->object), db_int(upload->chunks++),
                                  db_blob(span_take(rest, DB_CHUNK))));
    if (rc == SQLITE_OK)
        rc = demur_db_run(conn, SQL_OBJECT_GROW,
                          DB_ARGS(db_int(upload->object), db_int((int64_t)n)));
    return rc;
}

/* Whole chunks only: the object's last one alone may be shorter. */
enum demur_err demur_store_upload_flush(struct demur_store_upload *upload, struct demur_diag *diag)
{
    struct db_conn *conn;
    size_t n = upload->len - upload->len % DB_CHUNK;
    if (!n)
        return DEMUR_OK;
    enum demur_err err = demur_db_write_begin(upload->store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int64_t object = upload->object;
    int rc = chunks_put(upload, conn, n);
    err = demur_db_write_end(upload->store, conn, demur_db_fail(upload->store, conn->db, rc, diag),
                             diag);
    if (err != DEMUR_OK)
        upload->object = object; /* rolled back */
    upload->len -= n;
    memmove(upload->buffer, upload->buffer + n, upload->len);
    return err;
}

static size_t cap_after(size_t cap) { return cap ? 2 * cap : FLUSH_FIRST; }

size_t demur_store_upload_room(const struct demur_store_upload *upload)
{
    return FLUSH_MAX - upload->len;
}

size_t demur_store_upload_memory(const struct demur_store_upload *upload, size_t n)
{
    size_t cap = upload->cap;
    while (cap < upload->len + n)
        cap = cap_after(cap);
    return cap;
}

/* Room for at least one more byte. */
static enum demur_err buffer_grow(struct demur_store_upload *upload, struct demur_diag *diag)
{
    size_t cap = cap_after(upload->cap);
    uint8_t *p = realloc(upload->buffer, cap);
    if (!p)
        return demur_store_out_of_memory(diag);
    upload->buffer = p;
    upload->cap = cap;
    return DEMUR_OK;
}

static enum demur_err object_write(struct demur_store_upload *upload, struct span bytes,
                                   struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    while (err == DEMUR_OK && bytes.len) {
        if (upload->len == FLUSH_MAX)
            err = demur_store_upload_flush(upload, diag);
        else if (upload->len == upload->cap)
            err = buffer_grow(upload, diag);
        if (err != DEMUR_OK)
            break;
        struct span now = span_take(bytes, upload->cap - upload->len);
        memcpy(upload->buffer + upload->len, now.p, now.len);
        upload->len += now.len;
        upload->size += now.len;
        bytes = span_skip(bytes, now.len);
    }
    return err;
}

enum demur_err demur_store_upload_write(struct demur_store_upload *upload, struct span bytes,
                                        struct demur_diag *diag)
{
    if (bytes.len > DEMUR_STORE_BLOB_MAX - upload->size)
        return demur_fail(diag, DEMUR_ERR_LIMIT,
                          "the blob is larger than %d bytes, the most a blob may have",
                          DEMUR_STORE_BLOB_MAX);
    if (bytes.len)
        crypto_hash_sha256_update(&upload->hash, bytes.p, bytes.len);
    return object_write(upload, bytes, diag);
}

void demur_store_upload_abort(struct demur_store_upload *upload)
{
    if (!upload)
        return;
    struct db_conn *conn;
    if (upload->object && demur_db_write_begin(upload->store, &conn, NULL) == DEMUR_OK) {
        int rc = demur_db_run(conn, SQL_OBJECT_STATE,
                              DB_ARGS(db_int(upload->object), db_int(DB_LEAVING)));
        enum demur_err err = demur_db_fail(upload->store, conn->db, rc, NULL);
        if (demur_db_write_end(upload->store, conn, err, NULL) == DEMUR_OK)
            object_drop(upload->store, upload->object);
    }
    upload_free(upload);
}

int demur_db_blob_waits(struct db_conn *conn, const uint8_t hash[static 32], uint64_t *bytes)
{
    int rc = demur_db_first(conn, SQL_BLOB_WAITS,
                            DB_ARGS(db_hash(hash), db_int(DEMUR_STORE_BLOB_FLOOR)));
    *bytes = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(conn->stmt[SQL_BLOB_WAITS], 0) : 0;
    demur_db_end(conn, SQL_BLOB_WAITS);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

uint64_t demur_store_blob_waiting(struct demur_store *store)
{
    return atomic_load(&store->waiting);
}

/* In one transaction: the last chunks, and the object's name. */
static int blob_name(struct demur_store_upload *upload, struct db_conn *conn,
                     const uint8_t hash[static 32], int64_t now_s)
{
    uint64_t waits = 0;
    int rc = demur_db_run(conn, SQL_BLOB_TOUCH, DB_ARGS(db_hash(hash), db_int(now_s)));
    if (rc != SQLITE_OK)
        return rc;
    upload->copy = sqlite3_changes(conn->db) > 0; /* it is here already */
    if (upload->copy)
        return upload->object ? demur_db_run(conn, SQL_OBJECT_STATE,
                                             DB_ARGS(db_int(upload->object), db_int(DB_LEAVING)))
                              : SQLITE_OK;
    rc = chunks_put(upload, conn, upload->len);
    if (rc == SQLITE_OK)
        rc =
            demur_db_run(conn, SQL_OBJECT_STATE, DB_ARGS(db_int(upload->object), db_int(DB_WHOLE)));
    if (rc == SQLITE_OK)
        rc = demur_db_run(conn, SQL_BLOB_PUT,
                          DB_ARGS(db_hash(hash), db_int(upload->object), db_int(now_s)));
    if (rc == SQLITE_OK)
        rc = demur_db_blob_waits(conn, hash, &waits);
    upload->store->waiting_change = (int64_t)waits;
    return rc;
}

/* End the upload after its naming transaction. */
static enum demur_err named(struct demur_store_upload *upload, struct db_conn *conn, int rc,
                            int64_t object, struct demur_diag *diag)
{
    struct demur_store *store = upload->store;
    enum demur_err err =
        demur_db_write_end(store, conn, demur_db_fail(store, conn->db, rc, diag), diag);
    if (err != DEMUR_OK) {
        upload->object = object;
        demur_store_upload_abort(upload);
        return err;
    }
    if (upload->copy && upload->object)
        object_drop(store, upload->object);
    upload_free(upload);
    return DEMUR_OK;
}

enum demur_err demur_store_upload_finish(struct demur_store_upload *upload,
                                         const uint8_t hash[static 32], int64_t now_s,
                                         struct demur_diag *diag)
{
    uint8_t got[32];
    crypto_hash_sha256_final(&upload->hash, got);
    enum demur_err err = DEMUR_OK;
    struct db_conn *conn;
    if (memcmp(got, hash, 32) != 0) {
        char hex[65];
        demur_db_hex(hex, hash);
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the bytes of the blob do not hash to its name %s; send it again", hex);
    } else {
        err = demur_db_write_begin(upload->store, &conn, diag);
    }
    if (err != DEMUR_OK) {
        demur_store_upload_abort(upload);
        return err;
    }
    int64_t object = upload->object;
    return named(upload, conn, blob_name(upload, conn, hash, now_s), object, diag);
}

enum demur_err demur_store_blob_put(struct demur_store *store, const uint8_t hash[static 32],
                                    struct span bytes, int64_t now_s, struct demur_diag *diag)
{
    struct demur_store_upload *upload = upload_alloc(store);
    if (!upload)
        return demur_store_out_of_memory(diag);
    enum demur_err err = demur_store_upload_write(upload, bytes, diag);
    if (err == DEMUR_OK)
        return demur_store_upload_finish(upload, hash, now_s, diag);
    demur_store_upload_abort(upload);
    return err;
}

/* ---- unnaming ---------------------------------------------------------- */

static enum demur_err blob_unknown(const uint8_t hash[static 32], struct demur_diag *diag)
{
    char hex[65];
    demur_db_hex(hex, hash);
    return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the store has no blob %s", hex);
}

/* Unname what `leave` and `delete` select, of which `waits` bytes waited for a
 * record; 0 rows is *n = 0, not an error. */
static enum demur_err unname(struct demur_store *store, struct db_conn *conn, enum db_sql leave,
                             enum db_sql delete, const struct db_arg *args, uint64_t waits,
                             uint64_t *n, struct demur_diag *diag)
{
    int rc = demur_db_run(conn, leave, args);
    if (rc == SQLITE_OK)
        rc = demur_db_run(conn, delete, args);
    *n = (uint64_t)sqlite3_changes64(conn->db);
    store->scrub_due = store->scrub_due || *n > 0;
    store->waiting_change = -(int64_t)waits;
    return demur_db_write_end(store, conn, demur_db_fail(store, conn->db, rc, diag), diag);
}

enum demur_err demur_store_blob_delete(struct demur_store *store, const uint8_t hash[static 32],
                                       struct demur_diag *diag)
{
    uint64_t n = 0, waits = 0;
    struct db_conn *conn;
    enum demur_err err = demur_db_write_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = demur_db_blob_waits(conn, hash, &waits);
    if (rc != SQLITE_OK)
        return demur_db_write_end(store, conn, demur_db_fail(store, conn->db, rc, diag), diag);
    err = unname(store, conn, SQL_BLOB_LEAVE, SQL_BLOB_DELETE, DB_ARGS(db_hash(hash)), waits, &n,
                 diag);
    if (err == DEMUR_OK && n == 0)
        return blob_unknown(hash, diag);
    return err == DEMUR_OK ? demur_db_drop_leaving(store, diag) : err;
}

enum demur_err demur_store_sweep(struct demur_store *store, int64_t before_s, uint64_t max,
                                 uint64_t *n, struct demur_diag *diag)
{
    uint64_t swept = 0, waits = 0;
    struct db_conn *conn;
    if (max > INT64_MAX)
        max = INT64_MAX;
    enum demur_err err = demur_db_write_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    const struct db_arg range[] = {db_int(before_s), db_int((int64_t)max), {.kind = DB_END}};
    int rc = demur_db_first(conn, SQL_SWEEP_COUNT,
                            DB_ARGS(range[0], range[1], db_int(DEMUR_STORE_BLOB_FLOOR)));
    if (rc == SQLITE_ROW)
        waits = (uint64_t)sqlite3_column_int64(conn->stmt[SQL_SWEEP_COUNT], 0);
    demur_db_end(conn, SQL_SWEEP_COUNT);
    if (rc != SQLITE_ROW)
        return demur_db_write_end(store, conn, demur_db_fail(store, conn->db, rc, diag), diag);
    err = unname(store, conn, SQL_SWEEP_LEAVE, SQL_SWEEP_DELETE, range, waits, &swept, diag);
    if (err == DEMUR_OK && n)
        *n = swept;
    return err;
}

enum demur_err demur_store_reclaim(struct demur_store *store, uint64_t max, bool *more,
                                   struct demur_diag *diag)
{
    bool left;
    enum demur_err err = drop(store, 0, max, &left, diag);
    if (more)
        *more = left;
    return err;
}

/* ---- reading ----------------------------------------------------------- */

enum demur_err demur_store_blob_stat(struct demur_store *store, struct demur_store_blob *out,
                                     const uint8_t hash[static 32], struct demur_diag *diag)
{
    struct db_conn *conn;
    enum demur_err err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    sqlite3_stmt *stmt = conn->stmt[SQL_BLOB_STAT];
    int rc = demur_db_first(conn, SQL_BLOB_STAT, DB_ARGS(db_hash(hash)));
    err = demur_db_fail(store, conn->db, rc, diag);
    if (rc == SQLITE_ROW)
        *out = (struct demur_store_blob){
            (uint64_t)sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
            sqlite3_column_int(stmt, 2) != 0, (uint64_t)sqlite3_column_int64(stmt, 3)};
    else if (err == DEMUR_OK)
        err = blob_unknown(hash, diag);
    demur_db_end(conn, SQL_BLOB_STAT);
    demur_db_read_end(store, conn);
    return err;
}

enum demur_err demur_store_blob_pending(struct demur_store *store, uint64_t *bytes,
                                        struct demur_diag *diag)
{
    struct db_conn *conn;
    enum demur_err err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = demur_db_first(conn, SQL_BLOB_PENDING, DB_NONE);
    if (rc == SQLITE_ROW)
        *bytes = (uint64_t)sqlite3_column_int64(conn->stmt[SQL_BLOB_PENDING], 0);
    err = demur_db_fail(store, conn->db, rc, diag);
    demur_db_end(conn, SQL_BLOB_PENDING);
    demur_db_read_end(store, conn);
    return err;
}

/* Where a chunk's bytes go: a window of the object, from `offset` on. */
struct window {
    uint64_t offset, size; /* size: of the whole object, once known */
    uint8_t *out;
    size_t cap, len;
};

/* Copy what a row has for the window, which must be what comes next. */
static int window_row(struct window *w, struct db_conn *conn, enum db_sql n)
{
    sqlite3_stmt *stmt = conn->stmt[n];
    w->size = (uint64_t)sqlite3_column_int64(stmt, 0);
    if (w->cap == 0 || w->offset >= w->size || sqlite3_column_type(stmt, 1) == SQLITE_NULL)
        return SQLITE_OK; /* only the size was asked for, or no chunk is there */
    uint64_t start = (uint64_t)sqlite3_column_int64(stmt, 1) * DB_CHUNK, at = w->offset + w->len;
    struct span bytes = demur_db_column(conn, n, 2);
    if (at < start || at - start > bytes.len || bytes.len > DB_CHUNK)
        return SQLITE_CORRUPT;
    struct span part = span_take(span_skip(bytes, (size_t)(at - start)), w->cap - w->len);
    if (part.len)
        memcpy(w->out + w->len, part.p, part.len);
    w->len += part.len;
    return SQLITE_OK;
}

/* Fill the window. SQLITE_NOTFOUND when there is no such object. */
static int window_fill(struct window *w, struct db_conn *conn, enum db_sql n, struct db_arg key)
{
    int64_t first = (int64_t)(w->offset / DB_CHUNK);
    int64_t end = (int64_t)((w->offset + w->cap + DB_CHUNK - 1) / DB_CHUNK);
    int rc = demur_db_first(conn, n, DB_ARGS(key, db_int(first), db_int(end)));
    int answer = rc == SQLITE_DONE ? SQLITE_NOTFOUND : rc;
    while (rc == SQLITE_ROW) {
        rc = window_row(w, conn, n);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(conn->stmt[n]);
        answer = rc;
    }
    demur_db_end(conn, n);
    if (answer == SQLITE_DONE && w->len < w->cap && w->offset + w->len < w->size)
        return SQLITE_CORRUPT; /* a chunk is missing or short */
    return answer == SQLITE_DONE ? SQLITE_OK : answer;
}

enum demur_err demur_store_blob_read(struct demur_store *store, const uint8_t hash[static 32],
                                     uint64_t offset, uint8_t *out, size_t cap, size_t *len,
                                     struct demur_diag *diag)
{
    if (offset > DEMUR_STORE_BLOB_MAX)
        offset = DEMUR_STORE_BLOB_MAX; /* past every end */
    if (cap > DEMUR_STORE_BLOB_MAX)
        cap = DEMUR_STORE_BLOB_MAX;
    struct db_conn *conn;
    enum demur_err err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    struct window w = {.offset = offset, .out = out, .cap = cap};
    int rc = window_fill(&w, conn, SQL_BLOB_CHUNKS, db_hash(hash));
    err =
        rc == SQLITE_NOTFOUND ? blob_unknown(hash, diag) : demur_db_fail(store, conn->db, rc, diag);
    demur_db_read_end(store, conn);
    if (err == DEMUR_OK)
        *len = w.len;
    return err;
}

int demur_db_object_get(struct db_conn *conn, enum db_sql n, struct db_arg key,
                        struct demur_store_bytes *out)
{
    struct window w = {.offset = 0};
    int rc = window_fill(&w, conn, n, key);
    if (rc != SQLITE_OK)
        return rc;
    if (w.size > SIZE_MAX / 2)
        return SQLITE_CORRUPT;
    size_t size = (size_t)w.size;
    uint8_t *p = malloc(size ? size : 1);
    if (!p)
        return SQLITE_NOMEM;
    w = (struct window){.out = p, .cap = size};
    rc = window_fill(&w, conn, n, key);
    if (rc != SQLITE_OK)
        free(p);
    else
        *out = (struct demur_store_bytes){p, size};
    return rc;
}

enum demur_err demur_store_blob_get(struct demur_store *store, struct demur_store_bytes *out,
                                    const uint8_t hash[static 32], struct demur_diag *diag)
{
    struct db_conn *conn;
    enum demur_err err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = demur_db_run(conn, SQL_BEGIN_READ, DB_NONE);
    if (rc == SQLITE_OK)
        rc = demur_db_object_get(conn, SQL_BLOB_CHUNKS, db_hash(hash), out);
    err =
        rc == SQLITE_NOTFOUND ? blob_unknown(hash, diag) : demur_db_fail(store, conn->db, rc, diag);
    (void)demur_db_run(conn, SQL_ROLLBACK, DB_NONE);
    demur_db_read_end(store, conn);
    return err;
}
