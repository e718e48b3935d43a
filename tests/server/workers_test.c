/* Workers to their end, and whoever comes after it. */
#include "../../server/workers.h"

#include <stdatomic.h>

#include "../test.h"

struct job {
    struct demur_work work; /* the first, so that one is found by the other */
    struct demur_workers *workers;
    struct job *next; /* to be added by this one */
    atomic_bool done;
};

static void job_run(struct demur_work *work)
{
    struct job *job = (struct job *)work;
    if (job->next)
        demur_workers_add(job->workers, &job->next->work);
    atomic_store(&job->done, true);
}

TEST(workers_finish_and_leave_nobody_waiting)
{
    struct demur_workers *w = NULL;
    static struct job jobs[3];
    REQUIRE(!demur_workers_start(&w, 2, NULL));
    for (size_t i = 0; i < 3; i++)
        jobs[i] = (struct job){.work = {.run = job_run}, .workers = w};
    jobs[0].next = &jobs[1];
    demur_workers_add(w, &jobs[0].work);
    demur_workers_end(w);
    CHECK(atomic_load(&jobs[0].done) && atomic_load(&jobs[1].done));
    /* libmicrohttpd ends later than they do, and may have an upload to drop still */
    demur_workers_add(w, &jobs[2].work);
    CHECK(atomic_load(&jobs[2].done));
    demur_workers_end(w);
    demur_workers_free(w);
    demur_workers_free(NULL);
}
