/* The log: append by compare-and-swap; the head, entries, tiles and bundles. */
#include "../core/tile.h"
#include "common.h"
#include "sqlite.h"

/* ---- append ------------------------------------------------------------ */

static enum demur_err head_swap(struct demur_store *store, struct db_conn *conn,
                                const struct demur_store_batch *batch, struct demur_diag *diag)
{
    int rc = demur_db_run(conn, SQL_HEAD_SWAP,
                          DB_ARGS(db_int((int64_t)batch->before.size), db_hash(batch->before.root),
                                  db_int((int64_t)batch->after.size), db_hash(batch->after.root)));
    if (rc == SQLITE_OK && sqlite3_changes(conn->db) == 0)
        return demur_fail(diag, DEMUR_ERR_STALE,
                          "the log's head is no longer size %llu with the root given; "
                          "read the head and fold again",
                          (unsigned long long)batch->before.size);
    return demur_db_fail(store, conn->db, rc, diag);
}

static enum demur_err entries_put(struct demur_store *store, struct db_conn *conn,
                                  const struct demur_store_batch *batch, struct demur_diag *diag)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < batch->n_entries; i++) {
        const struct demur_store_entry *e = &batch->entries[i];
        rc = demur_db_run(conn, SQL_ENTRY_PUT,
                          DB_ARGS(db_int((int64_t)(batch->before.size + i)), db_hash(e->leaf),
                                  db_hash(e->record), db_blob(e->bytes)));
    }
    return demur_db_fail(store, conn->db, rc, diag);
}

static int64_t tile_key(uint8_t level, uint64_t index)
{
    return (int64_t)((uint64_t)level << 56 | index);
}

/* A published tile never changes: what is stored must begin what replaces it. */
static enum demur_err tile_put(struct demur_store *store, struct db_conn *conn,
                               const struct demur_store_tile *tile, struct demur_diag *diag)
{
    struct db_arg key = db_int(tile_key(tile->level, tile->index));
    int rc = demur_db_first(conn, SQL_TILE_GET, DB_ARGS(key));
    bool grows = true;
    if (rc == SQLITE_ROW) {
        struct span old = demur_db_column(conn, SQL_TILE_GET, 0);
        grows = old.len <= tile->bytes.len && span_eq(old, span_take(tile->bytes, old.len));
    }
    demur_db_end(conn, SQL_TILE_GET);
    if (!grows)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "tile %u/%llu contradicts what the store has of it; "
                          "nothing was appended",
                          tile->level, (unsigned long long)tile->index);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        rc = demur_db_run(conn, SQL_TILE_PUT, DB_ARGS(key, db_blob(tile->bytes)));
    return demur_db_fail(store, conn->db, rc, diag);
}

static enum demur_err blob_refer(struct demur_store *store, struct db_conn *conn,
                                 const struct demur_store_ref *ref, struct demur_diag *diag)
{
    uint64_t waits = 0;
    int rc = demur_db_blob_waits(conn, ref->blob, &waits);
    store->waiting_change -= (int64_t)waits; /* something names it now */
    if (rc == SQLITE_OK)
        rc = demur_db_run(conn, SQL_BLOB_REFER,
                          DB_ARGS(db_hash(ref->blob), db_int((int64_t)ref->entry)));
    if (rc == SQLITE_OK && sqlite3_changes(conn->db) == 0) {
        char hex[65];
        demur_db_hex(hex, ref->blob);
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, hex,
                             "entry %llu names the blob %s, which is not here; "
                             "send the blob before the record",
                             (unsigned long long)ref->entry, hex);
    }
    return demur_db_fail(store, conn->db, rc, diag);
}

static enum demur_err batch_put(struct demur_store *store, struct db_conn *conn,
                                const struct demur_store_batch *batch, struct demur_diag *diag)
{
    enum demur_err err = head_swap(store, conn, batch, diag);
    if (err == DEMUR_OK)
        err = entries_put(store, conn, batch, diag);
    for (size_t i = 0; err == DEMUR_OK && i < batch->n_tiles; i++)
        err = tile_put(store, conn, &batch->tiles[i], diag);
    for (size_t i = 0; err == DEMUR_OK && i < batch->n_refs; i++)
        err = blob_refer(store, conn, &batch->refs[i], diag);
    for (size_t i = 0; err == DEMUR_OK && i < batch->n_kvs; i++) {
        int rc = demur_db_run(conn, SQL_KV_PUT,
                              DB_ARGS(db_text(batch->kvs[i].name), db_blob(batch->kvs[i].value)));
        err = demur_db_fail(store, conn->db, rc, diag);
    }
    return err;
}

enum demur_err demur_store_append(struct demur_store *store, const struct demur_store_batch *batch,
                                  struct demur_diag *diag)
{
    enum demur_err err = demur_store_batch_check(batch, diag);
    if (err != DEMUR_OK)
        return err;
    struct db_conn *conn;
    err = demur_db_write_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    err = batch_put(store, conn, batch, diag);
    if (err == DEMUR_OK)
        err = demur_db_finder_add(store, batch, diag);
    err = demur_db_write_end(store, conn, err, diag);
    if (err != DEMUR_OK)
        demur_db_finder_forget(store);
    return err;
}

/* ---- reads ------------------------------------------------------------- */

enum demur_err demur_store_head_get(struct demur_store *store, struct demur_store_head *out,
                                    struct demur_diag *diag)
{
    struct db_conn *conn;
    enum demur_err err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = demur_db_first(conn, SQL_HEAD_GET, DB_NONE);
    struct span root = span_of(NULL, 0);
    if (rc == SQLITE_ROW)
        root = demur_db_column(conn, SQL_HEAD_GET, 1);
    if (root.len == 32) {
        out->size = (uint64_t)sqlite3_column_int64(conn->stmt[SQL_HEAD_GET], 0);
        memcpy(out->root, root.p, 32);
    } else {
        err = demur_db_fail(store, conn->db,
                            rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, diag);
    }
    demur_db_end(conn, SQL_HEAD_GET);
    demur_db_read_end(store, conn);
    return err;
}

static enum demur_err entry_unknown(uint64_t index, struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the log has no entry %llu",
                      (unsigned long long)index);
}

/* Walk [from, to), a range short enough to hold one read transaction for. */
static enum demur_err entries_some(struct demur_store *store, struct db_conn *conn, uint64_t from,
                                   uint64_t to, demur_store_entry_fn *fn, void *ctx,
                                   struct demur_diag *diag)
{
    sqlite3_stmt *stmt = conn->stmt[SQL_ENTRY_RANGE];
    enum demur_err err = DEMUR_OK;
    uint64_t next = from;
    int rc =
        demur_db_first(conn, SQL_ENTRY_RANGE, DB_ARGS(db_int((int64_t)from), db_int((int64_t)to)));
    while (rc == SQLITE_ROW && err == DEMUR_OK && (uint64_t)sqlite3_column_int64(stmt, 0) == next) {
        struct span leaf = demur_db_column(conn, SQL_ENTRY_RANGE, 1);
        struct span bytes = demur_db_column(conn, SQL_ENTRY_RANGE, 3);
        err = leaf.len == 32 ? fn(ctx, next, leaf.p, bytes)
                             : demur_db_fail(store, conn->db, SQLITE_CORRUPT, diag);
        next++;
        if (err == DEMUR_OK)
            rc = sqlite3_step(stmt);
    }
    if (err == DEMUR_OK)
        err = demur_db_fail(store, conn->db, rc, diag);
    demur_db_end(conn, SQL_ENTRY_RANGE);
    if (err == DEMUR_OK && next < to)
        err = entry_unknown(next, diag);
    return err;
}

enum demur_err demur_store_entries(struct demur_store *store, uint64_t from, uint64_t to,
                                   demur_store_entry_fn *fn, void *ctx, struct demur_diag *diag)
{
    if (to > INT64_MAX)
        return entry_unknown(to, diag);
    struct db_conn *conn;
    enum demur_err err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    while (err == DEMUR_OK && from < to) {
        uint64_t end = to - from > 256 ? from + 256 : to;
        err = entries_some(store, conn, from, end, fn, ctx, diag);
        from = end;
    }
    demur_db_read_end(store, conn);
    return err;
}

struct copy {
    struct demur_store_bytes *out;
    struct demur_diag *diag;
};

static enum demur_err entry_copy(void *ctx, uint64_t index, const uint8_t leaf[static 32],
                                 struct span bytes)
{
    (void)index;
    (void)leaf;
    struct copy *copy = ctx;
    return demur_store_bytes_copy(copy->out, bytes, copy->diag);
}

enum demur_err demur_store_entry_get(struct demur_store *store, struct demur_store_bytes *out,
                                     uint64_t index, struct demur_diag *diag)
{
    if (index >= INT64_MAX)
        return entry_unknown(index, diag);
    struct copy copy = {out, diag};
    return demur_store_entries(store, index, index + 1, entry_copy, &copy, diag);
}

static enum demur_err find(struct demur_store *store, enum db_hash_kind kind, uint64_t *index,
                           const uint8_t hash[static 32], const char *what, struct demur_diag *diag)
{
    char hex[65];
    enum demur_err err = demur_db_find(store, kind, hash, index, diag);
    if (err != DEMUR_ERR_UNKNOWN)
        return err;
    demur_db_hex(hex, hash);
    return demur_fail(diag, err, "the log has no entry with the %s %s", what, hex);
}

enum demur_err demur_store_leaf_find(struct demur_store *store, uint64_t *index,
                                     const uint8_t leaf[static 32], struct demur_diag *diag)
{
    return find(store, DB_LEAF, index, leaf, "leaf hash", diag);
}

enum demur_err demur_store_record_find(struct demur_store *store, uint64_t *index,
                                       const uint8_t record[static 32], struct demur_diag *diag)
{
    return find(store, DB_RECORD, index, record, "record hash", diag);
}

static enum demur_err width_check(size_t width, struct demur_diag *diag)
{
    if (width < 1 || width > DEMUR_STORE_TILE_WIDTH)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a tile of width %zu; a width is 1 to %d", width,
                          DEMUR_STORE_TILE_WIDTH);
    return DEMUR_OK;
}

static enum demur_err tile_unknown(uint8_t level, uint64_t index, size_t width,
                                   struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the log has no tile %u/%llu of width %zu", level,
                      (unsigned long long)index, width);
}

static enum demur_err bundle_unknown(uint64_t index, size_t width, struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the log has no entry bundle %llu of width %zu",
                      (unsigned long long)index, width);
}

enum demur_err demur_store_tile_get(struct demur_store *store, uint8_t *out, uint8_t level,
                                    uint64_t index, size_t width, struct demur_diag *diag)
{
    enum demur_err err = width_check(width, diag);
    if (err != DEMUR_OK)
        return err;
    if (level > 7 || index >> 56)
        return tile_unknown(level, index, width, diag);
    struct db_conn *conn;
    err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int rc = demur_db_first(conn, SQL_TILE_GET, DB_ARGS(db_int(tile_key(level, index))));
    bool there = false;
    if (rc == SQLITE_ROW) {
        struct span hashes = demur_db_column(conn, SQL_TILE_GET, 0);
        there = hashes.len >= 32 * width;
        if (there)
            memcpy(out, hashes.p, 32 * width);
    }
    err = demur_db_fail(store, conn->db, rc, diag);
    if (err == DEMUR_OK && !there)
        err = tile_unknown(level, index, width, diag);
    demur_db_end(conn, SQL_TILE_GET);
    demur_db_read_end(store, conn);
    return err;
}

/* Add an entry and its length to a bundle that has room for `cap` bytes. */
static int bundle_add(struct demur_store_bytes *bundle, size_t *cap, struct span bytes)
{
    if (bytes.len > DEMUR_STORE_ENTRY_MAX)
        return SQLITE_CORRUPT;
    if (*cap - bundle->len < bytes.len + 2) {
        size_t more = 2 * *cap + bytes.len + 2;
        uint8_t *p = realloc(bundle->p, more);
        if (!p)
            return SQLITE_NOMEM;
        bundle->p = p;
        *cap = more;
    }
    struct buf b = buf_over(bundle->p + bundle->len, *cap - bundle->len);
    demur_bundle_put(&b, bytes);
    bundle->len += b.len;
    return SQLITE_OK;
}

enum demur_err demur_store_bundle_get(struct demur_store *store, struct demur_store_bytes *out,
                                      uint64_t index, size_t width, struct demur_diag *diag)
{
    enum demur_err err = width_check(width, diag);
    if (err != DEMUR_OK)
        return err;
    if (index >> 54)
        return bundle_unknown(index, width, diag);
    struct db_conn *conn;
    err = demur_db_read_begin(store, &conn, diag);
    if (err != DEMUR_OK)
        return err;
    int64_t from = (int64_t)(index * DEMUR_STORE_TILE_WIDTH);
    struct demur_store_bytes bundle = {NULL, 0};
    size_t cap = 0, count = 0;
    int rc =
        demur_db_first(conn, SQL_ENTRY_BYTES, DB_ARGS(db_int(from), db_int(from + (int64_t)width)));
    while (rc == SQLITE_ROW) {
        rc = bundle_add(&bundle, &cap, demur_db_column(conn, SQL_ENTRY_BYTES, 0));
        count++;
        if (rc == SQLITE_OK)
            rc = sqlite3_step(conn->stmt[SQL_ENTRY_BYTES]);
    }
    err = demur_db_fail(store, conn->db, rc, diag);
    demur_db_end(conn, SQL_ENTRY_BYTES);
    demur_db_read_end(store, conn);
    if (err == DEMUR_OK && count != width)
        err = bundle_unknown(index, width, diag);
    if (err == DEMUR_OK)
        *out = bundle;
    else
        demur_store_bytes_free(&bundle);
    return err;
}
