/* Signatures verified by all processors at once, ahead of the fold.
 *
 * Entries mean something only in their order, but most signatures can be checked in
 * any: the thread that folds takes one bundle in while the others check the next.
 * What a proof about a ring rests on is in the channel, so those are checked between
 * two bundles, when nothing is folded. What could not be checked ahead, since what it
 * rests on came in the same bundle, the fold checks itself, and says what is wrong.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

#define THREADS_MAX 64

struct verify_pool {
    pthread_mutex_t lock;
    pthread_cond_t more, done;
    struct checked *batch;
    size_t len, threads_len, busy;
    uint64_t round; /* counts batches */
    bool ending;
    const struct demur_channel *channel; /* NULL: what stands alone */
    void (*task)(void *ctx, size_t i);   /* instead of checking a batch */
    void *ctx;
    atomic_size_t next;
    pthread_t threads[THREADS_MAX];
};

void checked_parse(struct checked *k)
{
    struct span record;
    demur_merkle_leaf(k->leaf, k->entry);
    k->err = demur_entry_parse(&k->at, &record, k->entry, &k->why);
    if (!k->err)
        k->err = demur_record_parse(&k->record, record, &k->why);
    k->parsed = true;
}

/* A thread takes so many entries at a time, whose signatures are verified together. */
#define TAKEN 32

/* A proof about a ring costs the more the larger that is, and many about one little more. */
static void set_apart(struct checked *k, const struct demur_channel *channel)
{
    k->proofs = malloc(sizeof *k->proofs);
    if (k->proofs && !demur_channel_verify_apart(channel, &k->record, &k->verdict, k->proofs, NULL))
        return;
    free(k->proofs);
    k->proofs = NULL;
}

static void check(struct checked *taken, size_t len, const struct demur_channel *channel)
{
    struct demur_verify_item items[TAKEN];
    struct checked *of[TAKEN];
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        struct checked *k = &taken[i];
        if (!k->parsed)
            checked_parse(k);
        if (k->err || k->verdict.verified || (!channel && !demur_channel_verify_alone(&k->record)))
            continue;
        if (demur_record_has(&k->record, DEMUR_FIELD_PROOF)) {
            set_apart(k, channel);
            continue;
        }
        of[n] = k;
        items[n++] = (struct demur_verify_item){.record = &k->record, .verdict = &k->verdict};
    }
    demur_channel_verify_many(channel, items, n);
    /* A refusal is the fold's to make, in its turn. */
    for (size_t i = 0; i < n; i++)
        of[i]->verdict.verified = !items[i].err;
}

static void work(struct verify_pool *p)
{
    for (size_t i; p->task && (i = atomic_fetch_add(&p->next, 1)) < p->len;)
        p->task(p->ctx, i);
    for (size_t i; !p->task && (i = atomic_fetch_add(&p->next, TAKEN)) < p->len;)
        check(&p->batch[i], p->len - i < TAKEN ? p->len - i : TAKEN, p->channel);
}

static void *run(void *arg)
{
    struct verify_pool *p = arg;
    uint64_t seen = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->round == seen && !p->ending)
            pthread_cond_wait(&p->more, &p->lock);
        if (p->ending)
            break;
        seen = p->round;
        pthread_mutex_unlock(&p->lock);
        work(p);
        pthread_mutex_lock(&p->lock);
        if (--p->busy == 0)
            pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct verify_pool *verify_pool_new(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t want = cpus < 1 ? 1 : cpus > THREADS_MAX ? THREADS_MAX : (size_t)cpus;
    struct verify_pool *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    pthread_cond_init(&p->done, NULL);
    /* As many as the system gives: the caller works along, so that none will do. */
    while (p->threads_len < want && !pthread_create(&p->threads[p->threads_len], NULL, run, p))
        p->threads_len++;
    return p;
}

void verify_pool_free(struct verify_pool *p)
{
    if (!p)
        return;
    verify_wait(p);
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->threads_len; i++)
        pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->more);
    pthread_cond_destroy(&p->done);
    free(p);
}

static void begin(struct verify_pool *p, size_t len)
{
    p->len = len;
    atomic_store(&p->next, 0);
    p->busy = p->threads_len;
    p->round++;
    pthread_cond_broadcast(&p->more);
}

void verify_begin(struct verify_pool *p, struct checked *batch, size_t len,
                  const struct demur_channel *channel)
{
    pthread_mutex_lock(&p->lock);
    p->batch = batch;
    p->channel = channel;
    p->task = NULL;
    begin(p, len);
    pthread_mutex_unlock(&p->lock);
}

void verify_tasks(struct verify_pool *p, size_t n, void (*task)(void *ctx, size_t i), void *ctx)
{
    pthread_mutex_lock(&p->lock);
    p->task = task;
    p->ctx = ctx;
    begin(p, n);
    pthread_mutex_unlock(&p->lock);
    verify_wait(p);
}

void verify_wait(struct verify_pool *p)
{
    work(p);
    pthread_mutex_lock(&p->lock);
    while (p->busy)
        pthread_cond_wait(&p->done, &p->lock);
    p->len = 0;
    pthread_mutex_unlock(&p->lock);
}
