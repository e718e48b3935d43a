/* The integrity check: everything that a hash covers is computed again. */
#include <sodium.h>
#include <stdarg.h>

#include "../core/tile.h"
#include "common.h"
#include "sqlite.h"

/* One read transaction on one connection: the log is checked as of one moment. */
struct check {
    struct demur_store *store;
    struct db_conn *conn;
    demur_store_finding_fn *fn;
    void *ctx;
    uint64_t found;
    struct demur_store_head head;
    struct demur_frontier frontier;
    uint8_t tile[DEMUR_TILE_LEVELS][DEMUR_TILE_BYTES]; /* being recomputed */
    size_t width[DEMUR_TILE_LEVELS];
};

static void tell(struct check *c, enum demur_store_part part, uint8_t level, uint64_t index,
                 const char *fmt, ...) DEMUR_PRINTF(5, 6);
static void tell(struct check *c, enum demur_store_part part, uint8_t level, uint64_t index,
                 const char *fmt, ...)
{
    struct demur_store_finding finding = {.part = part, .level = level, .index = index};
    va_list args;
    va_start(args, fmt);
    vsnprintf(finding.text, sizeof finding.text, fmt, args);
    va_end(args);
    c->found++;
    if (c->fn)
        c->fn(c->ctx, &finding);
}

/* Damage is a finding; any other refusal ends the check. */
static enum demur_err damage(struct check *c, int rc, enum demur_store_part part, uint64_t index,
                             const char *what, struct demur_diag *diag)
{
    int primary = rc & 0xff;
    if (primary != SQLITE_CORRUPT && primary != SQLITE_NOTADB)
        return demur_db_fail(c->store, c->conn->db, rc, diag);
    tell(c, part, 0, index, "%s %llu and on cannot be read: the file is damaged; restore a backup",
         what, (unsigned long long)index);
    return DEMUR_OK;
}

/* ---- the engine's own structure ---------------------------------------- */

static enum demur_err check_file(struct check *c, struct demur_diag *diag)
{
    int rc = demur_db_first(c->conn, SQL_INTEGRITY, DB_NONE);
    for (; rc == SQLITE_ROW; rc = sqlite3_step(c->conn->stmt[SQL_INTEGRITY])) {
        struct span line = demur_db_column(c->conn, SQL_INTEGRITY, 0);
        if (!span_eq_str(line, "ok"))
            tell(c, DEMUR_STORE_PART_FILE, 0, 0, "log.db is damaged (%.*s); restore a backup",
                 SPAN_ARG(line));
    }
    demur_db_end(c->conn, SQL_INTEGRITY);
    enum demur_err err = damage(c, rc, DEMUR_STORE_PART_FILE, 0, "page", diag);
    if (err != DEMUR_OK)
        return err;
    rc = demur_db_first(c->conn, SQL_FOREIGN_KEYS, DB_NONE);
    for (; rc == SQLITE_ROW; rc = sqlite3_step(c->conn->stmt[SQL_FOREIGN_KEYS]))
        tell(c, DEMUR_STORE_PART_FILE, 0, 0,
             "a row of the table %s names one that is not there; restore a backup",
             (const char *)sqlite3_column_text(c->conn->stmt[SQL_FOREIGN_KEYS], 0));
    demur_db_end(c->conn, SQL_FOREIGN_KEYS);
    return damage(c, rc, DEMUR_STORE_PART_FILE, 0, "row", diag);
}

/* ---- entries and tiles ------------------------------------------------- */

/* Compare the tile that was recomputed last at this level, and start anew. */
static enum demur_err tile_compare(struct check *c, uint8_t level, uint64_t index,
                                   struct demur_diag *diag)
{
    int64_t key = (int64_t)((uint64_t)level << 56 | index);
    struct span want = span_of(c->tile[level], 32 * c->width[level]);
    int rc = demur_db_first(c->conn, SQL_TILE_GET, DB_ARGS(db_int(key)));
    if (rc == SQLITE_DONE)
        tell(c, DEMUR_STORE_PART_TILE, level, index, "tile %u/%llu is missing", level,
             (unsigned long long)index);
    else if (rc == SQLITE_ROW && !span_eq(demur_db_column(c->conn, SQL_TILE_GET, 0), want))
        tell(c, DEMUR_STORE_PART_TILE, level, index, "tile %u/%llu is not what the entries make it",
             level, (unsigned long long)index);
    demur_db_end(c->conn, SQL_TILE_GET);
    c->width[level] = 0;
    return damage(c, rc, DEMUR_STORE_PART_TILE, index, "tile", diag);
}

/* Add the subtrees that this leaf completed to their tiles. */
static enum demur_err leaf_add(struct check *c, const uint8_t leaf[static 32],
                               struct demur_diag *diag)
{
    if (!demur_frontier_append(&c->frontier, leaf))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the log is larger than a log may be");
    enum demur_err err = DEMUR_OK;
    for (uint8_t level = 0; err == DEMUR_OK && level < DEMUR_TILE_LEVELS; level++) {
        unsigned bits = 8U * level;
        uint64_t n = c->frontier.size >> bits;
        if (n << bits != c->frontier.size)
            break;
        memcpy(c->tile[level] + 32 * c->width[level]++, c->frontier.hash[bits], 32);
        if (c->width[level] == DEMUR_TILE_WIDTH)
            err = tile_compare(c, level, (n - 1) / DEMUR_TILE_WIDTH, diag);
    }
    return err;
}

/* Check the row at hand as entry `index`. The stored leaf hash goes into the
 * tree even when the bytes do not match it, so that the fault is told once. */
static enum demur_err check_entry(struct check *c, uint64_t index, struct demur_diag *diag)
{
    struct span leaf = demur_db_column(c->conn, SQL_ENTRY_RANGE, 1);
    struct span record = demur_db_column(c->conn, SQL_ENTRY_RANGE, 2);
    struct span bytes = demur_db_column(c->conn, SQL_ENTRY_RANGE, 3);
    uint8_t hash[32];
    demur_merkle_leaf(hash, bytes);
    if (!span_eq(leaf, span_of(hash, 32)))
        tell(c, DEMUR_STORE_PART_ENTRY, 0, index, "entry %llu does not hash to its leaf hash",
             (unsigned long long)index);
    bool found;
    struct span rest = bytes;
    span_split(&rest, '\n', &found);
    crypto_hash_sha256(hash, rest.len ? rest.p : (const uint8_t *)"", rest.len);
    if (!span_eq(record, span_of(hash, 32)))
        tell(c, DEMUR_STORE_PART_ENTRY, 0, index,
             "entry %llu holds a record that does not hash to its record hash",
             (unsigned long long)index);
    return leaf.len == 32 ? leaf_add(c, leaf.p, diag) : DEMUR_OK;
}

static enum demur_err check_entries(struct check *c, struct demur_diag *diag)
{
    sqlite3_stmt *stmt = c->conn->stmt[SQL_ENTRY_RANGE];
    enum demur_err err = DEMUR_OK;
    uint64_t next = 0;
    int rc = demur_db_first(c->conn, SQL_ENTRY_RANGE, DB_ARGS(db_int(0), db_int(INT64_MAX)));
    while (rc == SQLITE_ROW && err == DEMUR_OK) {
        uint64_t index = (uint64_t)sqlite3_column_int64(stmt, 0);
        if (index != next) {
            tell(c, DEMUR_STORE_PART_ENTRY, 0, next, "entry %llu is missing",
                 (unsigned long long)next);
            break;
        }
        err = check_entry(c, index, diag);
        next++;
        if (err == DEMUR_OK)
            rc = sqlite3_step(stmt);
    }
    demur_db_end(c->conn, SQL_ENTRY_RANGE);
    return err == DEMUR_OK ? damage(c, rc, DEMUR_STORE_PART_ENTRY, next, "entry", diag) : err;
}

/* What is left when the entries are through: the partial tiles and the head. */
static enum demur_err check_edge(struct check *c, struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    uint64_t size = c->frontier.size;
    for (uint8_t level = 0; err == DEMUR_OK && level < DEMUR_TILE_LEVELS; level++)
        if (c->width[level])
            err = tile_compare(c, level, (size >> 8 * level) / DEMUR_TILE_WIDTH, diag);
    uint8_t root[32];
    demur_frontier_root(&c->frontier, root);
    if (size != c->head.size)
        tell(c, DEMUR_STORE_PART_HEAD, 0, 0, "the head says %llu entries, and %llu are whole",
             (unsigned long long)c->head.size, (unsigned long long)size);
    else if (memcmp(root, c->head.root, 32) != 0)
        tell(c, DEMUR_STORE_PART_HEAD, 0, 0, "the head's root is not that of the entries");
    return err;
}

/* Tiles that the log should not have. */
static enum demur_err check_strays(struct check *c, struct demur_diag *diag)
{
    sqlite3_stmt *stmt = c->conn->stmt[SQL_TILE_LIST];
    int rc = demur_db_first(c->conn, SQL_TILE_LIST, DB_NONE);
    for (; rc == SQLITE_ROW; rc = sqlite3_step(stmt)) {
        uint64_t key = (uint64_t)sqlite3_column_int64(stmt, 0);
        uint8_t level = (uint8_t)(key >> 56);
        uint64_t index = key & (((uint64_t)1 << 56) - 1);
        if (level >= DEMUR_TILE_LEVELS || !demur_tile_width_at(level, index, c->head.size))
            tell(c, DEMUR_STORE_PART_TILE, level, index, "tile %u/%llu is beyond the log's end",
                 level, (unsigned long long)index);
    }
    demur_db_end(c->conn, SQL_TILE_LIST);
    return damage(c, rc, DEMUR_STORE_PART_TILE, 0, "tile", diag);
}

static enum demur_err check_log(struct check *c, struct demur_diag *diag)
{
    int rc = demur_db_first(c->conn, SQL_HEAD_GET, DB_NONE);
    if (rc == SQLITE_ROW && demur_db_column(c->conn, SQL_HEAD_GET, 1).len == 32) {
        c->head.size = (uint64_t)sqlite3_column_int64(c->conn->stmt[SQL_HEAD_GET], 0);
        memcpy(c->head.root, demur_db_column(c->conn, SQL_HEAD_GET, 1).p, 32);
    } else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        tell(c, DEMUR_STORE_PART_HEAD, 0, 0, "the log has no head; restore a backup");
    }
    demur_db_end(c->conn, SQL_HEAD_GET);
    enum demur_err err = damage(c, rc, DEMUR_STORE_PART_HEAD, 0, "head", diag);
    demur_frontier_init(&c->frontier);
    if (err == DEMUR_OK)
        err = check_entries(c, diag);
    if (err == DEMUR_OK)
        err = check_edge(c, diag);
    if (err == DEMUR_OK)
        err = check_strays(c, diag);
    return err;
}

/* ---- blobs ------------------------------------------------------------- */

/* The next name after *name in its table, or an empty one at the end. */
static int name_next(struct check *c, enum db_sql list, struct db_arg *name,
                     uint8_t room[static DEMUR_STORE_NAME_MAX])
{
    int rc = demur_db_first(c->conn, list, DB_ARGS(*name));
    struct span next = span_of(NULL, 0);
    if (rc == SQLITE_ROW)
        next = span_take(demur_db_column(c->conn, list, 0), DEMUR_STORE_NAME_MAX);
    if (next.len)
        memcpy(room, next.p, next.len);
    name->s = span_of(room, next.len);
    demur_db_end(c->conn, list);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static enum demur_err check_blob(struct check *c, const uint8_t hash[static 32],
                                 struct demur_diag *diag)
{
    struct demur_store_bytes bytes = {NULL, 0};
    char hex[65];
    demur_db_hex(hex, hash);
    int rc = demur_db_object_get(c->conn, SQL_BLOB_CHUNKS, db_hash(hash), &bytes);
    if ((rc & 0xff) == SQLITE_CORRUPT) {
        tell(c, DEMUR_STORE_PART_BLOB, 0, 0, "blob %s cannot be read whole", hex);
        return DEMUR_OK;
    }
    if (rc != SQLITE_OK)
        return demur_db_fail(c->store, c->conn->db, rc, diag);
    uint8_t got[32];
    crypto_hash_sha256(got, bytes.p, bytes.len);
    demur_store_bytes_free(&bytes);
    if (memcmp(got, hash, 32) != 0)
        tell(c, DEMUR_STORE_PART_BLOB, 0, 0, "blob %s does not hash to its name", hex);
    return DEMUR_OK;
}

static enum demur_err check_blobs(struct check *c, struct demur_diag *diag)
{
    uint8_t room[DEMUR_STORE_NAME_MAX];
    struct db_arg name = db_blob(span_of(NULL, 0));
    for (uint64_t n = 0;; n++) {
        int rc = name_next(c, SQL_BLOB_LIST, &name, room);
        if (rc != SQLITE_OK)
            return damage(c, rc, DEMUR_STORE_PART_BLOB, n, "blob", diag);
        if (name.s.len != 32)
            return DEMUR_OK;
        enum demur_err err = check_blob(c, room, diag);
        if (err != DEMUR_OK)
            return err;
    }
}

/* ---- all of it --------------------------------------------------------- */

static enum demur_err check_all(struct check *c, struct demur_diag *diag)
{
    int rc = demur_db_run(c->conn, SQL_BEGIN_READ, DB_NONE);
    enum demur_err err = demur_db_fail(c->store, c->conn->db, rc, diag);
    if (err != DEMUR_OK)
        return err;
    err = check_file(c, diag);
    if (err == DEMUR_OK)
        err = check_log(c, diag);
    if (err == DEMUR_OK)
        err = check_blobs(c, diag);
    (void)demur_db_run(c->conn, SQL_ROLLBACK, DB_NONE);
    return err;
}

enum demur_err demur_store_check(struct demur_store *store, uint64_t *n, demur_store_finding_fn *fn,
                                 void *ctx, struct demur_diag *diag)
{
    struct check *c = calloc(1, sizeof *c);
    if (!c)
        return demur_store_out_of_memory(diag);
    *c = (struct check){.store = store, .fn = fn, .ctx = ctx};
    enum demur_err err = demur_db_read_begin(store, &c->conn, diag);
    if (err == DEMUR_OK) {
        err = check_all(c, diag);
        demur_db_read_end(store, c->conn);
    }
    if (err == DEMUR_OK)
        *n = c->found;
    free(c);
    return err;
}
