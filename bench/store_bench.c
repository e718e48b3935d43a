/* What the store costs on top of SQLite, on the disk of /var/tmp
 * (or TMPDIR): durable appends against bare commits of the same bytes with the
 * same durability, and an entry bundle and a tile against one row that holds
 * the same bytes ready made. */
#define _GNU_SOURCE
#include <ftw.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "../core/tile.h"
#include "../store/store.h"
#include "bench.h"

enum { ENTRY = 1000, BATCH = 64, BATCHES = 300, TOTAL = BATCH * BATCHES };

static char root[300];
static uint8_t entry[TOTAL][ENTRY];

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "store_bench: %s\n", what);
    exit(1);
}

static void need_ok(enum demur_err err, const struct demur_diag *diag)
{
    need(err == DEMUR_OK, diag->text);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* ---- the store --------------------------------------------------------- */

/* A batch of entries with everything that the caller brings worked out. */
struct ready {
    struct demur_store_batch batch;
    struct demur_store_entry entries[BATCH];
    struct demur_store_tile tiles[16];
    uint8_t hashes[16][DEMUR_TILE_BYTES];
};

static void ready_make(struct ready *r, struct demur_edge *edge, size_t n)
{
    static uint8_t leaves[BATCH * 32], work[32 * (2 * BATCH + 256 * DEMUR_TILE_LEVELS)];
    r->batch = (struct demur_store_batch){.entries = r->entries,
                                          .n_entries = BATCH,
                                          .tiles = r->tiles,
                                          .before.size = n * BATCH,
                                          .after.size = (n + 1) * BATCH};
    demur_frontier_root(&edge->frontier, r->batch.before.root);
    for (size_t i = 0; i < BATCH; i++) {
        r->entries[i].bytes = span_of(entry[n * BATCH + i], ENTRY);
        demur_merkle_leaf(r->entries[i].leaf, r->entries[i].bytes);
        crypto_hash_sha256(r->entries[i].record, entry[n * BATCH + i], ENTRY);
        memcpy(leaves + 32 * i, r->entries[i].leaf, 32);
    }
    struct demur_growth growth;
    struct demur_tile_write write;
    need(demur_growth_init(&growth, edge, leaves, BATCH, work, sizeof work, NULL) == DEMUR_OK,
         "cannot grow the tree");
    while (demur_growth_next(&growth, &write)) {
        size_t at = r->batch.n_tiles++;
        memcpy(r->hashes[at], write.bytes.p, write.bytes.len);
        r->tiles[at] = (struct demur_store_tile){(uint8_t)write.tile.level, write.tile.index,
                                                 span_of(r->hashes[at], write.bytes.len)};
    }
    demur_frontier_root(&growth.frontier, r->batch.after.root);
    demur_edge_advance(edge, &growth);
}

/* ---- bare SQLite ------------------------------------------------------- */

struct bare {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *put, *get;
};

static void bare_open(struct bare *b)
{
    char path[320];
    snprintf(path, sizeof path, "%s/bare.db", root);
    need(sqlite3_open(path, &b->db) == SQLITE_OK, "cannot open bare.db");
    need(sqlite3_exec(b->db,
                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                      "CREATE TABLE t (id INTEGER PRIMARY KEY, bytes BLOB)",
                      NULL, NULL, NULL) == SQLITE_OK,
         "cannot set bare.db up");
    const struct {
        sqlite3_stmt **stmt;
        const char *sql;
    } all[] = {{&b->begin, "BEGIN IMMEDIATE"},
               {&b->commit, "COMMIT"},
               {&b->put, "INSERT INTO t (id, bytes) VALUES (?1, ?2)"},
               {&b->get, "SELECT bytes FROM t WHERE id = ?1"}};
    for (size_t i = 0; i < DEMUR_COUNT(all); i++)
        need(sqlite3_prepare_v2(b->db, all[i].sql, -1, all[i].stmt, NULL) == SQLITE_OK,
             "cannot prepare");
}

static void bare_run(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    need(rc == SQLITE_DONE || rc == SQLITE_ROW, "bare SQLite refused");
    sqlite3_reset(stmt);
}

static void bare_put(struct bare *b, int64_t id, const void *p, size_t len)
{
    sqlite3_bind_int64(b->put, 1, id);
    sqlite3_bind_blob64(b->put, 2, p, len, SQLITE_STATIC);
    bare_run(b->put);
}

static void bare_batch(struct bare *b, size_t n)
{
    bare_run(b->begin);
    for (size_t i = n * BATCH; i < (n + 1) * BATCH; i++)
        bare_put(b, (int64_t)i, entry[i], ENTRY);
    bare_run(b->commit);
}

/* ---- figures ----------------------------------------------------------- */

/* Taken in turns, so that a disk's moods fall on both alike. */
static void bench_append(struct demur_store *store, struct bare *bare)
{
    static struct demur_edge edge;
    static struct ready ready;
    struct demur_diag diag = {0};
    uint64_t ours = 0, theirs = 0;
    demur_frontier_init(&edge.frontier);
    for (size_t n = 0; n < BATCHES; n++) {
        ready_make(&ready, &edge, n);
        uint64_t start = bench_now_ns();
        need_ok(demur_store_append(store, &ready.batch, &diag), &diag);
        uint64_t middle = bench_now_ns();
        bare_batch(bare, n);
        ours += middle - start;
        theirs += bench_now_ns() - middle;
    }
    bench_report("store_append_64", TOTAL / (ours / 1e9), "entries/s", TOTAL / (theirs / 1e9));
}

struct reading {
    struct demur_store *store;
    struct bare *bare;
    int64_t row; /* of the ready-made copy; the rows run over all full tiles */
    uint64_t at;
};

enum { FULL_TILES = TOTAL / DEMUR_TILE_WIDTH };

static void read_bundle(void *ctx)
{
    struct reading *r = ctx;
    struct demur_store_bytes bytes;
    struct demur_diag diag = {0};
    need_ok(demur_store_bundle_get(r->store, &bytes, r->at++ % FULL_TILES, 256, &diag), &diag);
    bench_keep(bytes.p);
    demur_store_bytes_free(&bytes);
}

static void read_tile(void *ctx)
{
    struct reading *r = ctx;
    uint8_t tile[DEMUR_TILE_BYTES];
    struct demur_diag diag = {0};
    need_ok(demur_store_tile_get(r->store, tile, 0, r->at++ % FULL_TILES, 256, &diag), &diag);
    bench_keep(tile);
}

static void read_row(void *ctx)
{
    struct reading *r = ctx;
    sqlite3_bind_int64(r->bare->get, 1, r->row + (int64_t)(r->at++ % FULL_TILES));
    need(sqlite3_step(r->bare->get) == SQLITE_ROW, "a row is missing");
    size_t len = (size_t)sqlite3_column_bytes(r->bare->get, 0);
    uint8_t *copy = malloc(len);
    need(copy != NULL, "out of memory");
    memcpy(copy, sqlite3_column_blob(r->bare->get, 0), len);
    bench_keep(copy);
    free(copy);
    sqlite3_reset(r->bare->get);
}

static void bench_reads(struct demur_store *store, struct bare *bare)
{
    struct demur_diag diag = {0};
    enum { BUNDLES = 1 << 20, TILES = 1 << 21 };
    for (uint64_t i = 0; i < FULL_TILES; i++) {
        struct demur_store_bytes bytes;
        uint8_t tile[DEMUR_TILE_BYTES];
        need_ok(demur_store_bundle_get(store, &bytes, i, 256, &diag), &diag);
        need_ok(demur_store_tile_get(store, tile, 0, i, 256, &diag), &diag);
        bare_put(bare, BUNDLES + (int64_t)i, bytes.p, bytes.len);
        bare_put(bare, TILES + (int64_t)i, tile, sizeof tile);
        demur_store_bytes_free(&bytes);
    }
    struct reading ours = {.store = store}, bundles = {.bare = bare, .row = BUNDLES},
                   tiles = {.bare = bare, .row = TILES};
    bench_report("store_bundle_get", bench_run(read_bundle, &ours, 21, FULL_TILES).best_ns / 1e3,
                 "us", bench_run(read_row, &bundles, 21, FULL_TILES).best_ns / 1e3);
    bench_report("store_tile_get", bench_run(read_tile, &ours, 21, FULL_TILES).best_ns / 1e3, "us",
                 bench_run(read_row, &tiles, 21, FULL_TILES).best_ns / 1e3);
}

int main(void)
{
    need(sodium_init() >= 0, "libsodium");
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%.250s/store-bench-XXXXXX", tmp ? tmp : "/var/tmp");
    need(mkdtemp(root) != NULL, "cannot make a folder here");
    for (size_t i = 0; i < TOTAL; i++)
        randombytes_buf(entry[i], ENTRY);
    char dir[320];
    snprintf(dir, sizeof dir, "%s/store", root);
    struct demur_store *store = NULL;
    struct demur_diag diag = {0};
    struct bare bare = {0};
    need_ok(demur_store_create(dir, &diag), &diag);
    need_ok(demur_store_open(&store, dir, DEMUR_STORE_WRITE, &diag), &diag);
    bare_open(&bare);
    bench_append(store, &bare);
    bench_reads(store, &bare);
    demur_store_close(store);
    sqlite3_finalize(bare.begin);
    sqlite3_finalize(bare.commit);
    sqlite3_finalize(bare.put);
    sqlite3_finalize(bare.get);
    sqlite3_close(bare.db);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
