/* workers.h - threads that take work off one queue. Inside server/. */
#ifndef DEMUR_SERVER_WORKERS_H
#define DEMUR_SERVER_WORKERS_H

#include "../core/base.h"

struct demur_workers;

/* Lives in what it is about. */
struct demur_work {
    void (*run)(struct demur_work *work);
    struct demur_work *next;
};

enum demur_err demur_workers_start(struct demur_workers **out, size_t n,
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* Never fails: the queue is as long as there are requests, which are limited. Once they
 * have ended, whoever adds carries it out. */
void demur_workers_add(struct demur_workers *w, struct demur_work *work);
/* Finish everything, what work itself adds included; then end the threads. NULL is fine. */
void demur_workers_end(struct demur_workers *w);
/* End them, and nobody may add any more. NULL is fine. */
void demur_workers_free(struct demur_workers *w);

#endif
