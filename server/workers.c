/* workers.c - see workers.h. */
#include "workers.h"

#include <pthread.h>

struct demur_workers {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct demur_work *first, **last;
    size_t busy; /* workers that carry something out, and may add to the queue */
    bool ending, ended;
    size_t n;
    pthread_t threads[];
};

static void *run(void *arg)
{
    struct demur_workers *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->first && !(w->ending && !w->busy))
            pthread_cond_wait(&w->more, &w->lock);
        struct demur_work *work = w->first;
        if (!work)
            break;
        w->first = work->next;
        if (!w->first)
            w->last = &w->first;
        w->busy++;
        pthread_mutex_unlock(&w->lock);
        work->run(work);
        pthread_mutex_lock(&w->lock);
        w->busy--;
    }
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

enum demur_err demur_workers_start(struct demur_workers **out, size_t n, struct demur_diag *diag)
{
    struct demur_workers *w = calloc(1, sizeof *w + n * sizeof w->threads[0]);
    if (!w)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    for (; w->n < n; w->n++) {
        if (!pthread_create(&w->threads[w->n], NULL, run, w))
            continue;
        demur_workers_free(w);
        return demur_fail(diag, DEMUR_ERR_IO, "cannot start a thread");
    }
    *out = w;
    return DEMUR_OK;
}

void demur_workers_add(struct demur_workers *w, struct demur_work *work)
{
    work->next = NULL;
    pthread_mutex_lock(&w->lock);
    bool alone = w->ended;
    if (!alone) {
        *w->last = work;
        w->last = &work->next;
        pthread_cond_signal(&w->more);
    }
    pthread_mutex_unlock(&w->lock);
    if (alone)
        work->run(work);
}

void demur_workers_end(struct demur_workers *w)
{
    if (!w || w->ended)
        return;
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->n; i++)
        pthread_join(w->threads[i], NULL);
    pthread_mutex_lock(&w->lock);
    w->ended = true;
    struct demur_work *rest = w->first;
    w->first = NULL;
    pthread_mutex_unlock(&w->lock);
    for (struct demur_work *next; rest; rest = next) {
        next = rest->next; /* whoever runs may free it */
        rest->run(rest);
    }
}

void demur_workers_free(struct demur_workers *w)
{
    if (!w)
        return;
    demur_workers_end(w);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->more);
    free(w);
}
