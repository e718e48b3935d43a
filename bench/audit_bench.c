/* A whole audit from nothing but the fingerprint: everything fetched from `demur serve`
 * over loopback, every signature verified, everything folded. Held against the
 * Ed25519 verifications that all processors can do, for each entry has one signature;
 * measured in turns.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/resource.h>

#include "../client/client.h"
#include "bench.h"
#include "world.h"

enum { ENTRIES = 60000, ROUNDS = 2 };

static double audit_s(const struct bench_world *w)
{
    char url[64], data[320];
    struct demur_diag diag = {0};
    struct demur_audit_report report;
    snprintf(url, sizeof url, "http://127.0.0.1:%u", w->port);
    snprintf(data, sizeof data, "%s/audits", w->parent);
    struct demur_client_options options = {.url = url, .token = BENCH_TOKEN, .data = data};
    memcpy(options.channel, w->fingerprint, 32);
    uint64_t start = bench_now_ns();
    bench_need_ok(demur_audit(&report, &options, NULL, NULL, 0, &diag), &diag);
    double s = (double)(bench_now_ns() - start) / 1e9;
    bench_need(report.entries >= ENTRIES && !report.refused && !report.findings_len &&
                   report.members == w->handles,
               "the audit did not see the whole log");
    demur_audit_report_free(&report);
    return s;
}

int main(void)
{
    static struct bench_world w;
    struct demur_diag diag = {0};
    double seconds = 0, signatures = 0;
    struct rusage before, after;
    bench_need_ok(demur_http_init(&diag), &diag);
    bench_world_make(&w);
    bench_world_fill(&w, ENTRIES);
    bench_world_serve(&w);
    signatures += bench_ed25519_rate(400, 0.5);
    getrusage(RUSAGE_SELF, &before);
    double server = bench_world_cpu_s(&w), own = 0;
    for (int i = 0; i < ROUNDS; i++) {
        getrusage(RUSAGE_SELF, &before);
        seconds += audit_s(&w);
        getrusage(RUSAGE_SELF, &after);
        own += (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
               (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
               (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6 +
               (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
        signatures += bench_ed25519_rate(400, 0.5);
    }
    printf("# audit: %d entries; processors in use: audit %.2f, server %.2f\n", ENTRIES,
           own / seconds, (bench_world_cpu_s(&w) - server) / seconds);
    bench_report("audit", ENTRIES * ROUNDS / seconds, "entries/s", signatures / (ROUNDS + 1));
    bench_world_remove(&w);
    return 0;
}
