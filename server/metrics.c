/* metrics.c - see metrics.h. The text format is Prometheus's, version 0.0.4. */
#include "metrics.h"

static const uint64_t bounds[][DEMUR_METRIC_BUCKETS] = {
    [DEMUR_METRIC_COUNT] = {1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 640, 768, 1024},
    [DEMUR_METRIC_US] = {250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
                         1000000, 2500000, 5000000, 10000000, 60000000},
};

uint64_t demur_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void demur_histogram_add(struct demur_histogram *h, enum demur_metric_unit unit, uint64_t value)
{
    size_t i = 0;
    while (i < DEMUR_METRIC_BUCKETS && value > bounds[unit][i])
        i++;
    atomic_fetch_add(&h->buckets[i], 1);
    atomic_fetch_add(&h->sum, value);
}

static void put_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_put_str(out, "# HELP ");
    buf_put_str(out, name);
    buf_put_byte(out, ' ');
    buf_put_str(out, help);
    buf_put_str(out, "\n# TYPE ");
    buf_put_str(out, name);
    buf_put_byte(out, ' ');
    buf_put_str(out, type);
    buf_put_byte(out, '\n');
}

static void put_value(struct buf *out, const char *name, const char *label, const char *value,
                      uint64_t figure)
{
    buf_put_str(out, name);
    if (label) {
        buf_put_byte(out, '{');
        buf_put_str(out, label);
        buf_put_str(out, "=\"");
        buf_put_str(out, value);
        buf_put_str(out, "\"}");
    }
    buf_put_byte(out, ' ');
    buf_put_u64(out, figure);
    buf_put_byte(out, '\n');
}

/* Seconds with six digits, since Prometheus counts in seconds. */
static void figure_text(char out[static 32], enum demur_metric_unit unit, uint64_t figure)
{
    if (unit == DEMUR_METRIC_US)
        snprintf(out, 32, "%llu.%06llu", (unsigned long long)(figure / 1000000),
                 (unsigned long long)(figure % 1000000));
    else
        snprintf(out, 32, "%llu", (unsigned long long)figure);
}

static void put_histogram(struct buf *out, const char *name, const char *help,
                          enum demur_metric_unit unit, struct demur_histogram *h)
{
    char series[64], figure[32];
    uint64_t n = 0;
    put_head(out, name, "histogram", help);
    snprintf(series, sizeof series, "%s_bucket", name);
    for (size_t i = 0; i < DEMUR_METRIC_BUCKETS; i++) {
        n += atomic_load(&h->buckets[i]);
        figure_text(figure, unit, bounds[unit][i]);
        put_value(out, series, "le", figure, n);
    }
    n += atomic_load(&h->buckets[DEMUR_METRIC_BUCKETS]);
    put_value(out, series, "le", "+Inf", n);
    figure_text(figure, unit, atomic_load(&h->sum));
    buf_put_str(out, name);
    buf_put_str(out, "_sum ");
    buf_put_str(out, figure);
    buf_put_byte(out, '\n');
    snprintf(series, sizeof series, "%s_count", name);
    put_value(out, series, NULL, NULL, n);
}

static void put_one(struct buf *out, const char *name, const char *type, const char *help,
                    uint64_t figure)
{
    put_head(out, name, type, help);
    put_value(out, name, NULL, NULL, figure);
}

void demur_metrics_put(struct buf *out, struct demur_metrics *m, const struct demur_gauges *now)
{
    put_one(out, "demur_log_size", "gauge", "Entries in the published log.", now->log_size);
    put_one(out, "demur_log_without_effect", "gauge", "Entries that the fold refused.",
            now->without_effect);
    put_one(out, "demur_blobs_waiting_bytes", "gauge", "Bytes of blobs that no entry names yet.",
            now->blobs_waiting);
    put_one(out, "demur_connections", "gauge", "Open connections.", now->connections);
    put_one(out, "demur_memory_bytes", "gauge", "Bytes of requests and answers held in memory.",
            now->memory);
    put_one(out, "demur_appends_waiting", "gauge", "Records that wait for the sequencer.",
            now->appends_waiting);
    put_one(out, "demur_confined", "gauge",
            "Whether Landlock and seccomp confine the server: 1 or 0.", now->confined);
    put_one(out, "demur_appended_total", "counter", "Records accepted since the start.",
            atomic_load(&m->appended));
    put_one(out, "demur_retried_total", "counter", "Records that were in the log already.",
            atomic_load(&m->retried));
    put_one(out, "demur_connections_dropped_total", "counter",
            "Connections closed because they took too long.", atomic_load(&m->dropped));
    put_one(out, "demur_connections_displaced_total", "counter",
            "Connections closed to make room for others.", atomic_load(&m->displaced));
    put_head(out, "demur_refused_total", "counter", "Records refused, by code.");
    for (size_t i = 1; i < DEMUR_METRIC_CODES; i++)
        put_value(out, "demur_refused_total", "code", demur_err_name((enum demur_err)i),
                  atomic_load(&m->refused[i]));
    put_head(out, "demur_answers_total", "counter", "Answers, by class of status.");
    for (size_t i = 2; i < DEMUR_METRIC_STATUSES; i++) {
        char status[4] = {(char)('0' + i), 'x', 'x', 0};
        put_value(out, "demur_answers_total", "status", status, atomic_load(&m->answers[i]));
    }
    put_histogram(out, "demur_batch_entries", "Entries of one commit.", DEMUR_METRIC_COUNT,
                  &m->batch);
    put_one(out, "demur_proofs_bad_total", "counter", "Proofs about rings that did not hold.",
            atomic_load(&m->proofs_bad));
    put_histogram(out, "demur_batch_proofs", "Proofs about one ring, verified together.",
                  DEMUR_METRIC_COUNT, &m->proofs);
    put_histogram(out, "demur_commit_seconds", "Time of one commit with its signature.",
                  DEMUR_METRIC_US, &m->commit_us);
    put_histogram(out, "demur_append_seconds", "Time from a record's last byte to its answer.",
                  DEMUR_METRIC_US, &m->append_us);
}
