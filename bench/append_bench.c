/* Durable appends by 64 clients at once, through `demur serve` and over loopback,
 * every check on. Each client is an officer who keeps the roster and sends `invite`
 * records of its own key, each when it has the receipt of the one before: one
 * signature a record, as most records have. They are signed beforehand; the one
 * thread that sends them shares the processors with the server, and what it takes
 * of them is said.
 *
 * The bound is the lower of what the processors can verify of such signatures, and
 * what SQLite can commit of such entries in batches of 64 with the same durability
 * and nothing else. It is measured before and after each round.
 */
#define _GNU_SOURCE
#include <sodium.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "../core/record.h"
#include "bench.h"
#include "world.h"

enum { CLIENTS = BENCH_KEEPERS, ROUNDS = 6, ROUND = CLIENTS * 100, BATCH = 64 };

/* ---- bare SQLite ------------------------------------------------------------- */

struct bare {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *put;
    int64_t next;
};

static void bare_open(struct bare *b, const char *folder)
{
    char path[320];
    snprintf(path, sizeof path, "%s/bare.db", folder);
    bench_need(sqlite3_open(path, &b->db) == SQLITE_OK &&
                   sqlite3_exec(b->db,
                                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                "CREATE TABLE t (id INTEGER PRIMARY KEY, bytes BLOB)",
                                NULL, NULL, NULL) == SQLITE_OK &&
                   sqlite3_prepare_v2(b->db, "BEGIN IMMEDIATE", -1, &b->begin, NULL) == SQLITE_OK &&
                   sqlite3_prepare_v2(b->db, "COMMIT", -1, &b->commit, NULL) == SQLITE_OK &&
                   sqlite3_prepare_v2(b->db, "INSERT INTO t VALUES (?1, ?2)", -1, &b->put, NULL) ==
                       SQLITE_OK,
               "cannot set bare.db up");
}

static void bare_run(sqlite3_stmt *stmt)
{
    bench_need(sqlite3_step(stmt) == SQLITE_DONE, "bare SQLite refused");
    sqlite3_reset(stmt);
}

/* Entries a second of this round's entries. */
static double bare_rate(struct bare *b, const struct bench_invites *all)
{
    uint8_t entry[BENCH_RECORD_MAX + 32];
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < ROUND; i++) {
        struct buf e = buf_over(entry, sizeof entry);
        if (i % BATCH == 0)
            bare_run(b->begin);
        demur_entry_write(&e, 1790000000, all->records[i]);
        sqlite3_bind_int64(b->put, 1, b->next++);
        sqlite3_bind_blob64(b->put, 2, e.p, e.len, SQLITE_TRANSIENT);
        bare_run(b->put);
        if (i % BATCH == BATCH - 1)
            bare_run(b->commit);
    }
    return ROUND / ((double)(bench_now_ns() - start) / 1e9);
}

static void bare_close(struct bare *b)
{
    sqlite3_finalize(b->begin);
    sqlite3_finalize(b->commit);
    sqlite3_finalize(b->put);
    sqlite3_close(b->db);
}

/* ---- the figure --------------------------------------------------------------- */

struct sums {
    double wall_s, generator_s, server_s, signatures, commits; /* the last two: a second, summed */
    unsigned bounds;
};

static void bounds_take(struct sums *sums, struct bare *bare, const struct bench_invites *all)
{
    sums->signatures += bench_ed25519_rate(all->records[0].len, 0.25);
    sums->commits += bare_rate(bare, all);
    sums->bounds++;
}

static void round_run(struct bench_world *w, struct bare *bare, struct sums *sums)
{
    struct bench_invites all;
    bench_invites_make(w, &all, ROUND);
    struct bench_load load = {.port = w->port,
                              .connections = CLIENTS,
                              .requests = all.requests,
                              .requests_len = ROUND,
                              .total = ROUND,
                              .keep = true,
                              .answers = all.answers};
    bounds_take(sums, bare, &all);
    uint64_t before = bench_world_size(w, NULL);
    double cpu = bench_world_cpu_s(w);
    bench_need(bench_load_run(&load), "the load did not run");
    sums->wall_s += load.wall_s;
    sums->generator_s += load.cpu_s;
    sums->server_s += bench_world_cpu_s(w) - cpu;
    bench_invites_check(w, &all, before);
    bounds_take(sums, bare, &all);
    bench_invites_free(&all);
}

int main(void)
{
    static struct bench_world w;
    struct bare bare = {0};
    struct sums sums = {0};
    bench_world_make(&w);
    bare_open(&bare, w.parent);
    bench_world_serve(&w);
    for (int i = 0; i < ROUNDS; i++)
        round_run(&w, &bare, &sums);
    double signatures = sums.signatures / sums.bounds, commits = sums.commits / sums.bounds;
    printf("# append_64: bounds: %.0f signatures/s, %.0f entries/s committed bare; processors in "
           "use: generator %.2f, server %.2f\n",
           signatures, commits, sums.generator_s / sums.wall_s, sums.server_s / sums.wall_s);
    bench_report("append_64", ROUNDS * ROUND / sums.wall_s, "entries/s",
                 signatures < commits ? signatures : commits);
    bare_close(&bare);
    bench_world_remove(&w);
    return 0;
}
