/* duties.c - see duties.h. */
#include "duties.h"

#include <sodium.h>

#include "journal.h"

#define LOOK_MS 500
#define MINUTE_US ((uint64_t)60000000)
#define SWEEP_SLICE 256
#define RECLAIM_SLICE 16 /* transactions of 4 MiB */
/* Entries after which another snapshot is due, and which part of the last one's. */
#define SNAPSHOT_LEAST 10000
#define SNAPSHOT_PART 16

static void tick_answered(struct demur_append *a)
{
    struct demur_duties *d = a->owner;
    if (a->state != DEMUR_APPEND_ACCEPTED)
        demur_journal("the daily tick was refused: %s",
                      a->diag.text[0] ? a->diag.text : "no reason given");
    atomic_store(&d->ticking, false);
}

/* Write and sign today's tick; false when there is one, or the key is missing. */
static bool tick_write(struct demur_duties *d, struct buf *out)
{
    struct demur_engine *e = d->service->engine;
    struct demur_diag diag = {0};
    uint8_t secret[64], fingerprint[32];
    char day[16];
    demur_engine_read(e);
    uint64_t now = demur_engine_now(e);
    bool due = now / 86400 > e->tick_day;
    enum demur_err err = due ? demur_engine_server_secret(e, secret, &diag) : DEMUR_OK;
    uint64_t seq = due && !err ? demur_channel_seq(e->channel, secret + 32) + 1 : 0;
    bool has_entry = demur_channel_fingerprint(e->channel, fingerprint);
    demur_engine_unread(e);
    if (err)
        demur_journal("no tick today: %s", diag.text);
    if (!due || err || !has_entry)
        return false;
    struct tm utc;
    time_t now_s = (time_t)now;
    gmtime_r(&now_s, &utc);
    strftime(day, sizeof day, "%Y-%m-%d", &utc);
    demur_record_begin(out, DEMUR_RECORD_TICK, fingerprint);
    demur_put_bytes(out, DEMUR_FIELD_BY, span_of(secret + 32, 32));
    demur_put_number(out, DEMUR_FIELD_SEQ, seq);
    demur_put_text(out, DEMUR_FIELD_DAY, span_str(day));
    demur_put_signature(out, DEMUR_FIELD_SIG, secret);
    sodium_memzero(secret, sizeof secret);
    return buf_ok(out);
}

static void tick(struct demur_duties *d)
{
    struct buf out = buf_over(d->text, sizeof d->text);
    if (atomic_load(&d->ticking) || !tick_write(d, &out))
        return;
    d->tick = (struct demur_append){.text = buf_span(&out), .owner = d, .answer = tick_answered};
    atomic_store(&d->ticking, true);
    demur_engine_prepare(d->service->engine, &d->tick);
    if (d->tick.state != DEMUR_APPEND_WAITING ||
        !demur_sequencer_submit(d->service->sequencer, &d->tick))
        tick_answered(&d->tick);
}

/* Unnames a few at a time with the fold held, so that no commit comes between a
 * check of blobs and the batch; their bytes go while commits go on, and a few a look, so
 * that a stop need not wait for all of them. */
static enum demur_err sweep_all(struct demur_duties *d, int64_t before, uint64_t *total,
                                struct demur_diag *diag)
{
    struct demur_engine *e = d->service->engine;
    uint64_t n = SWEEP_SLICE;
    enum demur_err err = DEMUR_OK;
    while (!err && n == SWEEP_SLICE && !atomic_load(&d->ending)) {
        n = 0;
        demur_engine_read(e);
        err = demur_store_sweep(e->store, before, SWEEP_SLICE, &n, diag);
        demur_engine_unread(e);
        *total += n;
    }
    if (*total && e->hooks && e->hooks->at)
        e->hooks->at(e->hooks->ctx, DEMUR_POINT_SWEPT);
    return err;
}

static void reclaim(struct demur_duties *d)
{
    struct demur_diag diag = {0};
    bool failed =
        demur_store_reclaim(d->service->engine->store, RECLAIM_SLICE, &d->reclaiming, &diag) != 0;
    if (failed)
        demur_journal("not all that was swept could be removed yet: %s", diag.text);
    d->reclaiming &= !failed; /* the next sweep tries again */
}

static void sweep(struct demur_duties *d)
{
    struct demur_engine *e = d->service->engine;
    struct demur_diag diag = {0};
    uint64_t n = 0;
    int64_t before =
        (int64_t)(demur_engine_clock(e) - d->service->limits[DEMUR_LIMIT_BLOB_SECONDS]);
    if (sweep_all(d, before, &n, &diag))
        demur_journal("not all blobs were swept: %s", diag.text);
    d->reclaiming = true; /* also what an upload could not remove itself */
    if (n)
        demur_journal("swept %llu blobs that no record named", (unsigned long long)n);
}

void demur_duties_destroy(struct demur_duties *d)
{
    struct demur_diag diag = {0};
    d->destroy_next_us = 0;
    if (!demur_engine_destroy(d->service->engine, &diag))
        return;
    demur_journal("not all that was expunged could be destroyed yet: %s", diag.text);
    d->destroy_next_us = demur_now_us() + MINUTE_US / 6;
}

void demur_duties_snapshot(struct demur_duties *d, bool at_end)
{
    struct demur_engine *e = d->service->engine;
    struct demur_published published;
    struct demur_diag diag = {0};
    demur_engine_published(e, &published);
    uint64_t last = e->snapshots.last.size, grown = published.size - last;
    /* The longer the log, the longer a copy takes, and the rarer it is made. */
    if (at_end ? grown == 0 : grown < SNAPSHOT_LEAST || grown < last / SNAPSHOT_PART)
        return;
    if (demur_snapshot_write(e, &diag))
        demur_journal("no snapshot was written: %s", diag.text);
}

/* The first look for a record reads the whole log: better now than when somebody waits. */
static void warm_up(struct demur_duties *d)
{
    static const uint8_t nothing[32];
    struct demur_diag diag = {0};
    uint64_t index;
    d->warm = true;
    if (demur_store_record_find(d->service->engine->store, &index, nothing, &diag) == DEMUR_ERR_IO)
        demur_journal("the store cannot be searched: %s", diag.text);
}

static bool is_due(const struct demur_duties *d, uint64_t *next_us, uint64_t period_us)
{
    uint64_t now_us = demur_now_us();
    if (atomic_load(&d->ending) || now_us < *next_us)
        return false;
    *next_us = now_us + period_us;
    return true;
}

static void look(struct demur_duties *d)
{
    if (!d->warm)
        warm_up(d);
    if (is_due(d, &d->snapshot_next_us, MINUTE_US))
        demur_duties_snapshot(d, false);
    if (is_due(d, &d->destroy_next_us, 0))
        demur_duties_destroy(d);
    if (is_due(d, &d->tick_next_us, MINUTE_US / 6))
        tick(d);
    if (is_due(d, &d->sweep_next_us, MINUTE_US))
        sweep(d);
    if (d->reclaiming && !atomic_load(&d->ending))
        reclaim(d);
}

/* False when it is to end. */
static bool rest(struct demur_duties *d)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&d->lock);
    int timed_out = 0;
    while (!d->ending && !timed_out)
        timed_out = pthread_cond_timedwait(&d->end, &d->lock, &until);
    bool go_on = !d->ending;
    pthread_mutex_unlock(&d->lock);
    return go_on;
}

static void *run(void *arg)
{
    do
        look(arg);
    while (rest(arg));
    return NULL;
}

enum demur_err demur_duties_start(struct demur_duties *d, struct demur_service *service,
                                  struct demur_diag *diag)
{
    pthread_condattr_t attr;
    memset(d, 0, sizeof *d);
    d->service = service;
    d->reclaiming = true; /* what a stop left */
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->end, &attr);
    pthread_condattr_destroy(&attr);
    d->started = !pthread_create(&d->thread, NULL, run, d);
    return d->started ? DEMUR_OK : demur_fail(diag, DEMUR_ERR_IO, "cannot start a thread");
}

void demur_duties_stop(struct demur_duties *d)
{
    if (!d->started)
        return;
    pthread_mutex_lock(&d->lock);
    d->ending = true;
    pthread_cond_signal(&d->end);
    pthread_mutex_unlock(&d->lock);
}

void demur_duties_end(struct demur_duties *d)
{
    if (!d->started)
        return;
    demur_duties_stop(d);
    pthread_join(d->thread, NULL);
    d->started = false;
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->end);
}
