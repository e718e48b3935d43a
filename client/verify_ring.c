/* Proofs about rings, verified many at a time: those of all the entries that are about to
 * be folded, ring by ring, a thread at each. What does not hold here the fold verifies once
 * more, in its turn, and says what is wrong.
 */
#include <sodium.h>
#include <stdlib.h>

#include "../core/table.h"
#include "internal.h"

/* Proofs of a batch: more make a proof hardly cheaper, and take memory. */
#define BATCH 256
/* Rings that stay loaded from one lot of entries to the next. */
#define KEPT 8

struct rings {
    struct demur_kept_ring *kept[KEPT]; /* the last used first */
};

/* What one ring has to do with a lot of entries. */
struct ring_task {
    uint8_t name[32];
    const struct demur_channel *channel;
    struct demur_kept_ring *kept; /* NULL: to be loaded */
    struct checked **of;          /* an entry for each proof, in their order */
    struct demur_ring_proof **proofs;
    size_t n, cap;
    bool failed;
};

struct ring_tasks {
    struct ring_task *list;
    size_t n, cap;
};

struct rings *rings_new(void) { return calloc(1, sizeof(struct rings)); }

void rings_free(struct rings *r)
{
    for (size_t i = 0; r && i < KEPT; i++)
        demur_kept_ring_free(r->kept[i]);
    free(r);
}

static struct demur_kept_ring *take_kept(struct rings *r, const uint8_t name[static 32])
{
    for (size_t i = 0; i < KEPT && r->kept[i]; i++) {
        struct demur_kept_ring *found = r->kept[i];
        if (memcmp(found->name, name, 32) != 0)
            continue;
        memmove(&r->kept[i], &r->kept[i + 1], (KEPT - 1 - i) * sizeof r->kept[0]);
        r->kept[KEPT - 1] = NULL;
        return found;
    }
    return NULL;
}

static void put_kept(struct rings *r, struct demur_kept_ring *kept)
{
    if (!kept)
        return;
    demur_kept_ring_free(r->kept[KEPT - 1]);
    memmove(&r->kept[1], &r->kept[0], (KEPT - 1) * sizeof r->kept[0]);
    r->kept[0] = kept;
}

static struct ring_task *task_of(struct ring_tasks *tasks, const uint8_t name[static 32])
{
    for (size_t i = 0; i < tasks->n; i++)
        if (memcmp(tasks->list[i].name, name, 32) == 0)
            return &tasks->list[i];
    if (!demur_grow(&tasks->list, &tasks->cap, tasks->n + 1, sizeof *tasks->list))
        return NULL;
    struct ring_task *t = &tasks->list[tasks->n++];
    *t = (struct ring_task){.n = 0};
    memcpy(t->name, name, 32);
    return t;
}

static bool task_add(struct ring_task *t, struct checked *k, struct demur_ring_proof *proof)
{
    size_t cap = t->cap;
    if (!demur_grow(&t->of, &cap, t->n + 1, sizeof *t->of) ||
        !demur_grow(&t->proofs, &t->cap, t->n + 1, sizeof *t->proofs))
        return false;
    t->of[t->n] = k;
    t->proofs[t->n++] = proof;
    return true;
}

static void verify_some(struct ring_task *t, size_t first, size_t n, void *work, size_t work_len)
{
    struct demur_ring_item items[BATCH];
    uint8_t entropy[32];
    for (size_t i = 0; i < n; i++)
        items[i] = demur_ring_proof_item(&t->of[first + i]->record, t->proofs[first + i]);
    randombytes_buf(entropy, sizeof entropy);
    (void)!demur_ring_verify_batch(items, n, &t->kept->ring, entropy, work, work_len);
    for (size_t i = 0; i < n; i++) {
        struct checked *k = t->of[first + i];
        if (demur_ring_proof_settle(t->proofs[first + i], &t->kept->ring, &items[i], &k->verdict,
                                    NULL))
            t->proofs[first + i] = NULL;
    }
}

static void run_task(void *ctx, size_t i)
{
    struct ring_task *t = &((struct ring_tasks *)ctx)->list[i];
    if (!t->kept &&
        (demur_channel_proof_ring(t->channel, &t->of[0]->record, t->proofs[0], &t->kept, NULL) ||
         demur_kept_ring_load(t->kept, NULL))) {
        demur_kept_ring_free(t->kept);
        t->kept = NULL;
        t->failed = true;
        return;
    }
    size_t most = t->n < BATCH ? t->n : BATCH,
           len = demur_ring_batch_work_len(&t->kept->ring, most);
    void *work = malloc(len);
    t->failed = !work;
    for (size_t done = 0; work && done < t->n; done += most)
        verify_some(t, done, t->n - done < most ? t->n - done : most, work, len);
    free(work);
}

static bool collect(struct ring_tasks *tasks, struct checked *list, size_t len)
{
    for (size_t i = 0; i < len; i++)
        for (size_t p = 0; list[i].proofs && p < list[i].proofs->n; p++) {
            struct demur_ring_proof *proof = &list[i].proofs->list[p];
            struct ring_task *t = task_of(tasks, proof->ring);
            if (!t || !task_add(t, &list[i], proof))
                return false;
        }
    return true;
}

/* An entry is verified when all of its proofs are. */
static void conclude(struct ring_tasks *tasks, struct checked *list, size_t len)
{
    for (size_t i = 0; i < len; i++)
        list[i].verdict.verified |= list[i].proofs != NULL;
    for (size_t i = 0; i < tasks->n; i++)
        for (size_t p = 0; p < tasks->list[i].n; p++)
            if (tasks->list[i].failed || !tasks->list[i].proofs[p])
                tasks->list[i].of[p]->verdict.verified = false;
}

void verify_rings(struct verify_pool *pool, struct rings *rings, struct checked *list, size_t len,
                  const struct demur_channel *channel)
{
    struct ring_tasks tasks = {.n = 0};
    if (collect(&tasks, list, len)) {
        for (size_t i = 0; i < tasks.n; i++) {
            tasks.list[i].channel = channel;
            tasks.list[i].kept = take_kept(rings, tasks.list[i].name);
        }
        verify_tasks(pool, tasks.n, run_task, &tasks);
        conclude(&tasks, list, len);
    }
    for (size_t i = 0; i < tasks.n; i++) {
        put_kept(rings, tasks.list[i].kept);
        free(tasks.list[i].of);
        free(tasks.list[i].proofs);
    }
    free(tasks.list);
    for (size_t i = 0; i < len; i++) {
        free(list[i].proofs);
        list[i].proofs = NULL;
    }
}
