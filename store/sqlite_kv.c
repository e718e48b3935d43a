/* Small values and release keys. */
#include <sodium.h>

#include "common.h"
#include "sqlite.h"

/* ---- small values ------------------------------------------------------ */

enum demur_err demur_store_kv_put(struct demur_store *store, const char *name, struct span value,
                                  struct demur_diag *diag)
{
    enum demur_err err = demur_store_kv_check(span_str(name), value, diag);
    if (err != DEMUR_OK)
        return err;
    struct db_conn *conn;
    err = demur_db_write_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = demur_db_run(conn, SQL_KV_PUT, DB_ARGS(db_text(span_str(name)), db_blob(value)));
    return demur_db_write_end(store, conn, demur_db_fail(store, conn->db, rc, diag), diag);
}

static enum demur_err kv_unknown(const char *name, struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the store has no value named %.100s", name);
}

enum demur_err demur_store_kv_get(struct demur_store *store, struct demur_store_bytes *out,
                                  const char *name, struct demur_diag *diag)
{
    struct db_conn *conn;
    enum demur_err err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = demur_db_first(conn, SQL_KV_GET, DB_ARGS(db_text(span_str(name))));
    err = demur_db_fail(store, conn->db, rc, diag);
    if (rc == SQLITE_ROW)
        err = demur_store_bytes_copy(out, demur_db_column(conn, SQL_KV_GET, 0), diag);
    else if (err == DEMUR_OK)
        err = kv_unknown(name, diag);
    demur_db_end(conn, SQL_KV_GET);
    demur_db_read_end(store, conn);
    return err;
}

enum demur_err demur_store_kv_delete(struct demur_store *store, const char *name,
                                     struct demur_diag *diag)
{
    struct db_conn *conn;
    enum demur_err err = demur_db_write_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = demur_db_run(conn, SQL_KV_DELETE, DB_ARGS(db_text(span_str(name))));
    err = demur_db_fail(store, conn->db, rc, diag);
    if (err == DEMUR_OK && sqlite3_changes(conn->db) == 0)
        err = kv_unknown(name, diag);
    return demur_db_write_end(store, conn, err, diag);
}

/* ---- release keys ------------------------------------------------------ */

/* The key is the tail of a value so long that SQLite puts the tail on a page of
 * its own. Shorter values are moved between pages as neighbours come and go,
 * and a move leaves a copy that no delete finds again. */

static enum demur_err release_unknown(const uint8_t blob[static 32], const char *what,
                                      struct demur_diag *diag)
{
    char hex[65];
    demur_db_hex(hex, blob);
    return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the store has no %s %s", what, hex);
}

static enum demur_err release_write(struct demur_store *store, struct db_conn *conn,
                                    const uint8_t blob[static 32], const uint8_t key[static 32],
                                    struct demur_diag *diag)
{
    int rc = demur_db_first(conn, SQL_BLOB_STAT, DB_ARGS(db_hash(blob)));
    demur_db_end(conn, SQL_BLOB_STAT);
    if (rc == SQLITE_DONE)
        return release_unknown(blob, "blob", diag);
    if (rc == SQLITE_ROW) {
        rc = demur_db_first(conn, SQL_RELEASE_GET, DB_ARGS(db_hash(blob)));
        store->scrub_due = store->scrub_due || rc == SQLITE_ROW; /* a replaced key is deleted */
        demur_db_end(conn, SQL_RELEASE_GET);
    }
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        uint8_t padded[DB_SECRET_LEN] = {0};
        memcpy(padded + sizeof padded - 32, key, 32);
        rc = demur_db_run(conn, SQL_RELEASE_PUT,
                          DB_ARGS(db_hash(blob), db_blob(span_of(padded, sizeof padded))));
        sodium_memzero(padded, sizeof padded);
    }
    return demur_db_fail(store, conn->db, rc, diag);
}

enum demur_err demur_store_release_put(struct demur_store *store, const uint8_t blob[static 32],
                                       const uint8_t key[static 32], struct demur_diag *diag)
{
    struct db_conn *conn;
    enum demur_err err = demur_db_write_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    err = release_write(store, conn, blob, key, diag);
    return demur_db_write_end(store, conn, err, diag);
}

enum demur_err demur_store_release_get(struct demur_store *store, uint8_t key[static 32],
                                       const uint8_t blob[static 32], struct demur_diag *diag)
{
    struct db_conn *conn;
    enum demur_err err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = demur_db_first(conn, SQL_RELEASE_GET, DB_ARGS(db_hash(blob)));
    struct span padded = span_of(NULL, 0);
    if (rc == SQLITE_ROW)
        padded = demur_db_column(conn, SQL_RELEASE_GET, 0);
    err = demur_db_fail(store, conn->db, rc, diag);
    if (padded.len == DB_SECRET_LEN)
        memcpy(key, padded.p + DB_SECRET_LEN - 32, 32);
    else if (err == DEMUR_OK)
        err = rc == SQLITE_ROW ? demur_db_fail(store, conn->db, SQLITE_CORRUPT, diag)
                               : release_unknown(blob, "release key for", diag);
    demur_db_end(conn, SQL_RELEASE_GET);
    demur_db_read_end(store, conn);
    return err;
}

enum demur_err demur_store_release_delete(struct demur_store *store, const uint8_t blob[static 32],
                                          struct demur_diag *diag)
{
    struct db_conn *conn;
    enum demur_err err = demur_db_write_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    store->scrub_due = true;
    int rc = demur_db_run(conn, SQL_RELEASE_DELETE, DB_ARGS(db_hash(blob)));
    err = demur_db_fail(store, conn->db, rc, diag);
    if (err == DEMUR_OK && sqlite3_changes(conn->db) == 0)
        err = release_unknown(blob, "release key for", diag);
    return demur_db_write_end(store, conn, err, diag);
}
