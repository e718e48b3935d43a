/* The proofs of a dissent's signatures. Those that are about one ring are verified together,
 * for a small part of what they cost one by one. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/channel_proof.h"
#include "filing.h"

#define TOGETHER 256

struct pending {
    struct demur_bytes entry;
    uint64_t index;
    struct demur_record record; /* borrows from entry */
    struct demur_verdict verdict;
    struct demur_ring_proofs proofs;
    bool settled[DEMUR_RING_PROOFS];
    enum demur_err err;
    struct demur_diag why;
};

static void forget(struct proofs *p)
{
    for (size_t i = 0; i < p->len; i++)
        demur_bytes_free(&p->list[i].entry);
    p->len = 0;
}

void proofs_free(struct proofs *p)
{
    forget(p);
    free(p->list);
    p->list = NULL;
}

/* One proof of one record. */
struct place {
    struct pending *of;
    size_t proof;
};

/* What is not settled yet and is about the ring of `first`. */
static size_t gather(struct proofs *p, const struct demur_ring_proof *first, struct place *out)
{
    size_t n = 0;
    for (size_t i = 0; i < p->len; i++)
        for (size_t k = 0; k < p->list[i].proofs.n; k++)
            if (!p->list[i].settled[k] &&
                memcmp(p->list[i].proofs.list[k].ring, first->ring, 32) == 0)
                out[n++] = (struct place){&p->list[i], k};
    return n;
}

static void settle(const struct place *at, const struct demur_ring *ring,
                   const struct demur_ring_item *item)
{
    struct pending *of = at->of;
    enum demur_err err = demur_ring_proof_settle(&of->proofs.list[at->proof], ring, item,
                                                 &of->verdict, of->err ? NULL : &of->why);
    of->err = of->err ? of->err : err;
}

static enum demur_err verify(const struct demur_ring *ring, struct place *places, size_t n,
                             struct demur_diag *diag)
{
    uint8_t entropy[32];
    size_t work_len = demur_ring_batch_work_len(ring, n);
    struct demur_ring_item *items = calloc(n, sizeof *items);
    void *work = malloc(work_len);
    enum demur_err err = items && work ? DEMUR_OK : no_memory(diag);
    for (size_t i = 0; !err && i < n; i++)
        items[i] = demur_ring_proof_item(&places[i].of->record,
                                         &places[i].of->proofs.list[places[i].proof]);
    randombytes_buf(entropy, sizeof entropy);
    if (!err) /* the items tell which is bad */
        (void)!demur_ring_verify_batch(items, n, ring, entropy, work, work_len);
    for (size_t i = 0; !err && i < n; i++)
        settle(&places[i], ring, &items[i]);
    free(items);
    free(work);
    return err;
}

/* Settle what is about the ring of this proof. */
static enum demur_err settle_ring(struct proofs *p, const struct pending *of,
                                  const struct demur_ring_proof *first, struct demur_diag *diag)
{
    struct place *places = malloc(p->len * DEMUR_RING_PROOFS * sizeof *places);
    struct demur_kept_ring *kept = NULL;
    struct demur_diag why = {0};
    if (!places)
        return no_memory(diag);
    size_t n = gather(p, first, places);
    enum demur_err bad = demur_channel_proof_ring(p->c->channel, &of->record, first, &kept, &why);
    if (!bad)
        bad = demur_kept_ring_load(kept, &why);
    enum demur_err err = bad == DEMUR_ERR_MEMORY ? no_memory(diag) : DEMUR_OK;
    if (!bad)
        err = verify(&kept->ring, places, n, diag);
    for (size_t i = 0; i < n; i++) {
        struct pending *each = places[i].of;
        each->settled[places[i].proof] = true;
        if (bad && !each->err) {
            each->err = bad;
            each->why = why;
        }
    }
    demur_kept_ring_free(kept);
    free(places);
    return err;
}

enum demur_err proofs_settle(struct proofs *p, struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; !err && i < p->len; i++)
        for (size_t k = 0; !err && k < p->list[i].proofs.n; k++)
            if (!p->list[i].settled[k])
                err = settle_ring(p, &p->list[i], &p->list[i].proofs.list[k], diag);
    for (size_t i = 0; !err && i < p->len; i++)
        if (p->list[i].err)
            err = demur_fail(diag, DEMUR_ERR_VERIFY,
                             "the signature in entry %llu does not hold: %.150s",
                             (unsigned long long)p->list[i].index, p->list[i].why.text);
    forget(p);
    return err;
}

enum demur_err proofs_add(struct proofs *p, struct demur_bytes *entry, uint64_t index,
                          struct demur_diag *diag)
{
    if (!p->list && !(p->list = calloc(TOGETHER, sizeof *p->list)))
        return no_memory(diag);
    struct pending *one = &p->list[p->len++];
    *one = (struct pending){.entry = *entry, .index = index, .record = *p->c->record};
    *entry = (struct demur_bytes){0};
    one->err = demur_channel_verify_apart(p->c->channel, &one->record, &one->verdict, &one->proofs,
                                          &one->why);
    if (one->err)
        one->proofs.n = 0;
    return p->len == TOGETHER ? proofs_settle(p, diag) : DEMUR_OK;
}
