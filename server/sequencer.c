/* sequencer.c - see sequencer.h. */
#include "sequencer.h"

#include <sys/eventfd.h>

#include "journal.h"

#define IDLE_MS 100

struct demur_sequencer {
    struct demur_engine *engine;
    struct demur_metrics *metrics;
    size_t max_waiting;
    int alarm_fd;
    pthread_t thread;
    bool joined;

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t more;
    struct demur_append *first, **last;
    size_t waiting;
    bool ending;
    enum demur_err err;
    struct demur_diag diag;
};

/* The head of the queue, linked by next. NULL when the thread is to end, or when
 * nothing came for a while after a commit. */
static struct demur_append *batch_take(struct demur_sequencer *s, bool committed)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += IDLE_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int timed_out = 0;
    pthread_mutex_lock(&s->lock);
    while (!s->first && !s->ending && !timed_out)
        timed_out = committed ? pthread_cond_timedwait(&s->more, &s->lock, &until)
                              : pthread_cond_wait(&s->more, &s->lock);
    struct demur_append *batch = s->first, **end = &s->first;
    size_t n = 0;
    for (; *end && n < DEMUR_BATCH_MAX; n++)
        end = &(*end)->next;
    s->first = *end;
    if (batch)
        *end = NULL;
    s->waiting -= n;
    if (!s->first)
        s->last = &s->first;
    pthread_mutex_unlock(&s->lock);
    return batch;
}

/* For whoever copies the store's files. The next batch would take it along; when none
 * comes, this does. */
static void checkpoint_keep(struct demur_engine *e)
{
    struct demur_published published;
    struct demur_diag diag = {0};
    demur_engine_published(e, &published);
    if (published.size && demur_store_kv_put(e->store, DEMUR_STORE_CHECKPOINT,
                                             span_of(published.text, published.text_len), &diag))
        demur_journal("the checkpoint was not kept in the store: %s", diag.text);
}

static void count(struct demur_sequencer *s)
{
    const struct demur_commit_figures *f = &s->engine->figures;
    if (!f->accepted)
        return;
    atomic_fetch_add(&s->metrics->appended, f->accepted);
    demur_histogram_add(&s->metrics->batch, DEMUR_METRIC_COUNT, f->accepted);
    demur_histogram_add(&s->metrics->commit_us, DEMUR_METRIC_US, f->commit_us);
    demur_journal("appended %llu, log size %llu, %llu us", (unsigned long long)f->accepted,
                  (unsigned long long)s->engine->edge.frontier.size,
                  (unsigned long long)f->commit_us);
}

static void give_up(struct demur_sequencer *s, enum demur_err err, const struct demur_diag *diag)
{
    demur_journal("fatal: %s", diag->text);
    pthread_mutex_lock(&s->lock);
    s->err = err;
    s->diag = *diag;
    s->ending = true;
    struct demur_append *rest = s->first;
    s->first = NULL;
    s->last = &s->first;
    s->waiting = 0;
    pthread_mutex_unlock(&s->lock);
    for (struct demur_append *a = rest, *next; a; a = next) {
        next = a->next;
        a->state = DEMUR_APPEND_UNKNOWN;
        a->answer(a);
    }
    eventfd_write(s->alarm_fd, 1);
}

static void *run(void *arg)
{
    struct demur_sequencer *s = arg;
    bool committed = false; /* since the checkpoint was kept */
    for (;;) {
        struct demur_append *batch = batch_take(s, committed);
        if (!batch && committed) {
            checkpoint_keep(s->engine);
            committed = false;
            continue;
        }
        if (!batch)
            return NULL;
        struct demur_diag diag = {0};
        enum demur_err err = demur_engine_commit(s->engine, batch, &diag);
        if (err) {
            give_up(s, err, &diag);
            return NULL;
        }
        count(s);
        committed |= s->engine->figures.accepted > 0;
    }
}

enum demur_err demur_sequencer_start(struct demur_sequencer **out, struct demur_engine *engine,
                                     struct demur_metrics *metrics, size_t max_waiting,
                                     int alarm_fd, struct demur_diag *diag)
{
    struct demur_sequencer *s = calloc(1, sizeof *s);
    if (!s)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    s->engine = engine;
    s->metrics = metrics;
    s->max_waiting = max_waiting;
    s->alarm_fd = alarm_fd;
    s->last = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->more, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&s->thread, NULL, run, s)) {
        s->joined = true;
        demur_sequencer_free(s);
        return demur_fail(diag, DEMUR_ERR_IO, "cannot start a thread");
    }
    *out = s;
    return DEMUR_OK;
}

bool demur_sequencer_submit(struct demur_sequencer *s, struct demur_append *append)
{
    pthread_mutex_lock(&s->lock);
    bool taken = !s->ending && s->waiting < s->max_waiting;
    if (taken) {
        append->next = NULL;
        *s->last = append;
        s->last = &append->next;
        s->waiting++;
        pthread_cond_signal(&s->more);
    }
    pthread_mutex_unlock(&s->lock);
    return taken;
}

size_t demur_sequencer_waiting(struct demur_sequencer *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->waiting;
    pthread_mutex_unlock(&s->lock);
    return n;
}

enum demur_err demur_sequencer_state(struct demur_sequencer *s, struct demur_diag *diag)
{
    pthread_mutex_lock(&s->lock);
    enum demur_err err = s->err;
    if (err && diag)
        *diag = s->diag;
    pthread_mutex_unlock(&s->lock);
    return err;
}

void demur_sequencer_drain(struct demur_sequencer *s)
{
    if (s->joined)
        return;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    s->joined = true;
}

void demur_sequencer_free(struct demur_sequencer *s)
{
    if (!s)
        return;
    demur_sequencer_drain(s);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->more);
    free(s);
}
