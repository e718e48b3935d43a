/* What an append, a receipt, a tile and a view cost in a log of ten thousand entries and
 * in longer ones: they should cost the same. 10^5 entries by default; `make bench T=flat
 * N=1000000` goes to 10^6, which takes some minutes. All logs are served at the same time and
 * asked in turns, and the best round of each counts, so that all see the same machine.
 */
#define _GNU_SOURCE
#include <sodium.h>
#include <stdlib.h>

#include "../store/store.h"
#include "bench.h"
#include "world.h"

enum { SIZES_MAX = 3, ROUNDS = 7, READS = 400, APPENDS = BENCH_KEEPERS * 12, PATH = 96 };
enum what { APPEND, RECEIPT, TILE, VIEW, WHATS };

static const char *const names[WHATS] = {"append", "receipt", "tile", "view"};

struct sized {
    uint64_t size;
    struct bench_world world;
    struct bench_request reads[WHATS][READS]; /* not of APPEND */
    double best_us[WHATS];                    /* for one */
};

static struct sized all[SIZES_MAX];

static struct bench_request get(const char *path)
{
    return bench_request_make("GET", path, BENCH_TOKEN, NULL, 0);
}

/* Requests all over the log. */
static void reads_make(struct sized *s)
{
    struct demur_store *store;
    struct demur_diag diag = {0};
    uint8_t tile[32 * 256];
    char path[PATH], hex[65];
    bench_need_ok(demur_store_open(&store, s->world.dir, DEMUR_STORE_READ, &diag), &diag);
    for (size_t i = 0; i < READS; i++) {
        uint64_t index = (uint64_t)randombytes_uniform((uint32_t)(s->size / 256));
        bench_need_ok(demur_store_tile_get(store, tile, 0, index, 256, &diag), &diag);
        sodium_bin2hex(hex, sizeof hex, tile + 32 * randombytes_uniform(256), 32);
        snprintf(path, sizeof path, "/receipt/%s", hex);
        s->reads[RECEIPT][i] = get(path);
        if (index < 1000)
            snprintf(path, sizeof path, "/tile/0/%03u", (unsigned)index);
        else
            snprintf(path, sizeof path, "/tile/0/x%03u/%03u", (unsigned)(index / 1000),
                     (unsigned)(index % 1000));
        s->reads[TILE][i] = get(path);
        s->reads[VIEW][i] = get("/api/channel");
    }
    demur_store_close(store);
}

static void note(struct sized *s, enum what what, const struct bench_load *load)
{
    double us = load->wall_s * 1e6 / (double)load->total;
    if (s->best_us[what] == 0 || us < s->best_us[what])
        s->best_us[what] = us;
}

static void append_round(struct sized *s)
{
    struct bench_invites invites;
    bench_invites_make(&s->world, &invites, APPENDS);
    struct bench_load load = {.port = s->world.port,
                              .connections = BENCH_KEEPERS,
                              .requests = invites.requests,
                              .requests_len = APPENDS,
                              .total = APPENDS,
                              .keep = true,
                              .answers = invites.answers};
    uint64_t before = bench_world_size(&s->world, NULL);
    bench_need(bench_load_run(&load), "the load did not run");
    bench_invites_check(&s->world, &invites, before);
    note(s, APPEND, &load);
    bench_invites_free(&invites);
}

static void read_round(struct sized *s, enum what what)
{
    struct bench_load load = {.port = s->world.port,
                              .connections = 1,
                              .requests = s->reads[what],
                              .requests_len = READS,
                              .total = READS};
    bench_need(bench_load_run(&load) && load.body_bytes, "the load did not run");
    note(s, what, &load);
}

static void report(size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (int what = 0; what < WHATS; what++) {
            char name[64];
            snprintf(name, sizeof name, "flat_%s_%llu", names[what],
                     (unsigned long long)all[i].size);
            bench_report(name, all[i].best_us[what], "us", all[0].best_us[what]);
        }
}

int main(int argc, char **argv)
{
    uint64_t largest = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    size_t n = 0;
    for (uint64_t size = 10000; size <= largest && n < SIZES_MAX; size *= 10)
        all[n++].size = size;
    for (size_t i = 0; i < n; i++) {
        bench_world_make(&all[i].world);
        bench_world_fill(&all[i].world, all[i].size);
        reads_make(&all[i]);
        bench_world_serve(&all[i].world);
    }
    for (size_t i = 0; i < n; i++)
        bench_world_settle(&all[i].world);
    for (int round = 0; round < ROUNDS; round++)
        for (int what = 0; what < WHATS; what++)
            for (size_t i = 0; i < n; i++)
                what == APPEND ? append_round(&all[i]) : read_round(&all[i], (enum what)what);
    report(n);
    for (size_t i = 0; i < n; i++)
        bench_world_remove(&all[i].world);
    return 0;
}
