/* metrics.h - figures for Prometheus: sums and histograms, nothing about anyone.
 * Thread-safe. Inside server/. */
#ifndef DEMUR_SERVER_METRICS_H
#define DEMUR_SERVER_METRICS_H

#include <stdatomic.h>

#include "../core/base.h"

#define DEMUR_METRIC_CODES (DEMUR_ERR_IO + 1)
#define DEMUR_METRIC_STATUSES 6 /* 1xx to 5xx */
#define DEMUR_METRIC_BUCKETS 16

struct demur_histogram {
    atomic_uint_fast64_t buckets[DEMUR_METRIC_BUCKETS + 1]; /* the last: above all bounds */
    atomic_uint_fast64_t sum;
};

struct demur_metrics {
    atomic_uint_fast64_t appended, retried;
    atomic_uint_fast64_t refused[DEMUR_METRIC_CODES];    /* appends, by core's error */
    atomic_uint_fast64_t answers[DEMUR_METRIC_STATUSES]; /* by hundreds of the status */
    atomic_uint_fast64_t dropped;                        /* connections that took too long */
    atomic_uint_fast64_t displaced;                      /* and that gave way to others */
    struct demur_histogram batch;                        /* entries in a commit */
    struct demur_histogram commit_us;                    /* store, signer, publishing */
    struct demur_histogram proofs;                       /* about rings, verified together */
    atomic_uint_fast64_t proofs_bad;                     /* of them */
    struct demur_histogram append_us;                    /* from the body's end to the answer */
};

enum demur_metric_unit { DEMUR_METRIC_COUNT, DEMUR_METRIC_US };
void demur_histogram_add(struct demur_histogram *h, enum demur_metric_unit unit, uint64_t value);

struct demur_gauges { /* what holds at this moment */
    uint64_t log_size, without_effect, blobs_waiting, connections, memory, appends_waiting;
    bool confined;
};
void demur_metrics_put(struct buf *out, struct demur_metrics *m, const struct demur_gauges *now);

/* Microseconds of a clock that only goes forward. */
uint64_t demur_now_us(void);

#endif
