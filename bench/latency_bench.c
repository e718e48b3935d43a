/* How long a client waits for its receipt when 500 records a second come, evenly and
 * whatever the answers do: a latency counts from when its record was due. Held
 * against three times what a bare append and fsync of 4 KiB takes at its 99th
 * percentile, plus 10 ms; both are measured in turns.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "world.h"

enum { RATE = 500, ROUNDS = 5, ROUND = 1500, SYNCS = 400, CONNECTIONS = 256 };

static double receipts[ROUNDS * ROUND], syncs[ROUNDS * SYNCS];

static void sync_round(int fd, double *out)
{
    static const uint8_t page[4096] = {1};
    for (size_t i = 0; i < SYNCS; i++) {
        uint64_t start = bench_now_ns();
        bench_need(write(fd, page, sizeof page) == sizeof page && !fsync(fd), "cannot sync");
        out[i] = (double)(bench_now_ns() - start) / 1e6;
    }
}

static double load_round(struct bench_world *w, double *out)
{
    struct bench_invites all;
    bench_invites_make(w, &all, ROUND);
    struct bench_load load = {.port = w->port,
                              .connections = CONNECTIONS,
                              .requests = all.requests,
                              .requests_len = ROUND,
                              .total = ROUND,
                              .rate = RATE,
                              .keep = true,
                              .answers = all.answers};
    uint64_t before = bench_world_size(w, NULL);
    bench_need(bench_load_run(&load), "the load did not run");
    bench_invites_check(w, &all, before);
    for (size_t i = 0; i < ROUND; i++)
        out[i] = (double)all.answers[i].latency_ns / 1e6;
    bench_invites_free(&all);
    return ROUND / load.wall_s;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(void)
{
    static struct bench_world w;
    char path[320];
    double rate = 0;
    bench_world_make(&w);
    bench_world_serve(&w);
    snprintf(path, sizeof path, "%s/bare", w.parent);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (size_t i = 0; i < ROUNDS; i++) {
        sync_round(fd, syncs + i * SYNCS);
        rate += load_round(&w, receipts + i * ROUND) / ROUNDS;
    }
    close(fd);
    qsort(receipts, ROUNDS * ROUND, sizeof *receipts, by_size);
    qsort(syncs, ROUNDS * SYNCS, sizeof *syncs, by_size);
    double p99 = syncs[ROUNDS * SYNCS * 99 / 100];
    printf("# latency_500: %.0f receipts/s, median %.2f ms; a bare fsync: median %.2f ms, 99th "
           "percentile %.2f ms\n",
           rate, receipts[ROUNDS * ROUND / 2], syncs[ROUNDS * SYNCS / 2], p99);
    bench_report("latency_500_p99", receipts[ROUNDS * ROUND * 99 / 100], "ms", 3 * p99 + 10);
    bench_world_remove(&w);
    return 0;
}
