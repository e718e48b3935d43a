/* proofs.c - see proofs.h. */
#include "proofs.h"

#include <sodium.h>

/* Proofs of a batch: more make a proof hardly cheaper. */
#define BATCH_MAX 256
/* What a batch shrinks to while it takes sums over the ring to find the bad ones in it. */
#define BATCH_LEAST 16
#define BATCH_MEMORY ((size_t)32 << 20)
/* Rings that stay loaded: eight of the largest. */
#define RINGS_MEMORY ((size_t)40 << 20)

enum lane { TRUSTED, DISTRUSTED, LANES };

/* What waits for one ring. */
struct turns {
    uint8_t name[32];
    struct demur_append *first[LANES], **last[LANES];
    bool busy;                    /* a worker is at it */
    size_t most[LANES];           /* proofs of the next batch */
    struct demur_kept_ring *kept; /* its worker's; nobody's while it is not busy */
    struct turns *next;           /* whose turn was the longest ago comes first */
};

/* One turn. */
struct batch {
    struct turns *of;
    enum lane lane;
    struct demur_append *list; /* linked by next */
    size_t n, bad;
    bool costly;
    struct demur_ring_item items[BATCH_MAX + DEMUR_RING_PROOFS];
    struct demur_append *owners[BATCH_MAX + DEMUR_RING_PROOFS];
};

/* A worker's, while it is at proofs. */
struct seat {
    struct demur_work work;
    struct demur_proofs *p;
    bool taken;
    struct batch batch;
};

struct demur_proofs {
    struct demur_engine *engine;
    struct demur_workers *workers;
    struct demur_metrics *metrics;
    pthread_mutex_t lock; /* of all that follows, but for a taken seat's batch */
    struct turns *first, **last;
    size_t kept; /* bytes of rings */
    uint64_t spent_us[LANES];
    size_t seats_len;
    struct seat seats[];
};

static struct demur_ring_proof *next_proof(struct demur_append *a)
{
    return &a->proofs.list[a->settled];
}

/* ---- what waits; all of it under the lock ------------------------------------------ */

static void put_last(struct demur_proofs *p, struct turns *t)
{
    t->next = NULL;
    *p->last = t;
    p->last = &t->next;
}

static void unlink_turns(struct demur_proofs *p, struct turns **at)
{
    struct turns *t = *at;
    *at = t->next;
    if (!*at)
        p->last = at;
}

static struct turns *turns_of(struct demur_proofs *p, const uint8_t name[static 32])
{
    struct turns *t = p->first;
    while (t && memcmp(t->name, name, 32) != 0)
        t = t->next;
    if (t || !(t = calloc(1, sizeof *t)))
        return t;
    memcpy(t->name, name, 32);
    for (int lane = 0; lane < LANES; lane++) {
        t->last[lane] = &t->first[lane];
        t->most[lane] = BATCH_MAX;
    }
    put_last(p, t);
    return t;
}

/* Whose turn is it in this lane? */
static struct turns **waiting(struct demur_proofs *p, enum lane lane)
{
    struct turns **at = &p->first;
    while (*at && ((*at)->busy || !(*at)->first[lane]))
        at = &(*at)->next;
    return *at ? at : NULL;
}

static void take_batch(struct batch *b, struct turns *t, enum lane lane)
{
    struct demur_append **end = &t->first[lane];
    b->of = t;
    b->lane = lane;
    b->list = *end;
    for (size_t n = 0; *end && n < t->most[lane]; end = &(*end)->next)
        n += (*end)->proofs.n - (*end)->settled;
    t->first[lane] = *end;
    *end = NULL;
    if (!t->first[lane])
        t->last[lane] = &t->first[lane];
    t->busy = true;
}

/* While both lanes wait, each gets as much time as the other. */
static bool take_turn(struct demur_proofs *p, struct batch *b)
{
    struct turns **of[LANES] = {waiting(p, TRUSTED), waiting(p, DISTRUSTED)};
    enum lane lane = of[TRUSTED] ? TRUSTED : DISTRUSTED;
    if (!of[lane])
        return false;
    if (!of[TRUSTED] || !of[DISTRUSTED])
        memset(p->spent_us, 0, sizeof p->spent_us);
    else if (p->spent_us[DISTRUSTED] < p->spent_us[TRUSTED])
        lane = DISTRUSTED;
    struct turns *t = *of[lane];
    unlink_turns(p, of[lane]);
    put_last(p, t);
    take_batch(b, t, lane);
    return true;
}

/* Forget what nobody waits for: the rings beyond what may be kept, longest unused first. */
static void forget_some(struct demur_proofs *p)
{
    for (struct turns **at = &p->first; *at;) {
        struct turns *t = *at;
        bool idle = !t->busy && !t->first[TRUSTED] && !t->first[DISTRUSTED];
        if (!idle || (t->kept && p->kept <= RINGS_MEMORY)) {
            at = &t->next;
            continue;
        }
        p->kept -= t->kept ? t->kept->size : 0;
        unlink_turns(p, at);
        demur_kept_ring_free(t->kept);
        free(t);
    }
}

/* ---- a batch ------------------------------------------------------------------------ */

static void refuse(struct demur_append *a, enum demur_err err, const struct demur_diag *diag)
{
    a->state = DEMUR_APPEND_REFUSED;
    a->diag = *diag;
    a->diag.code = err;
}

static void refuse_all(struct batch *b, enum demur_err err, const struct demur_diag *diag)
{
    for (struct demur_append *a = b->list; a; a = a->next)
        refuse(a, err, diag);
}

static enum demur_err ring_load(struct demur_proofs *p, struct batch *b, struct demur_diag *diag)
{
    struct demur_engine *e = p->engine;
    struct demur_kept_ring *kept = NULL;
    demur_engine_check(e);
    enum demur_err err =
        demur_channel_proof_ring(e->channel, &b->list->record, next_proof(b->list), &kept, diag);
    demur_engine_uncheck(e);
    if (!err)
        err = demur_kept_ring_load(kept, diag);
    if (err) {
        demur_kept_ring_free(kept);
        return err;
    }
    pthread_mutex_lock(&p->lock);
    b->of->kept = kept;
    p->kept += kept->size;
    pthread_mutex_unlock(&p->lock);
    return DEMUR_OK;
}

/* Of an opening both proofs, when they are about the same ring. */
static void items_make(struct batch *b)
{
    for (struct demur_append *a = b->list; a; a = a->next)
        for (size_t i = a->settled; i < a->proofs.n; i++) {
            if (memcmp(a->proofs.list[i].ring, b->of->name, 32) != 0)
                break;
            b->owners[b->n] = a;
            b->items[b->n++] = demur_ring_proof_item(&a->record, &a->proofs.list[i]);
        }
}

static enum demur_err items_verify(struct demur_proofs *p, struct batch *b, struct demur_diag *diag)
{
    const struct demur_ring *ring = &b->of->kept->ring;
    uint8_t entropy[32];
    size_t most = BATCH_MAX + DEMUR_RING_PROOFS;
    while (most > 1 && demur_ring_batch_work_len(ring, most) > BATCH_MEMORY)
        most /= 2;
    most = b->n < most ? b->n : most;
    size_t len = demur_ring_batch_work_len(ring, most);
    void *work = malloc(len);
    if (!work)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    for (size_t done = 0; done < b->n; done += most) {
        size_t n = b->n - done < most ? b->n - done : most;
        randombytes_buf(entropy, sizeof entropy);
        (void)!demur_ring_verify_batch(b->items + done, n, ring, entropy, work, len);
        demur_histogram_add(&p->metrics->proofs, DEMUR_METRIC_COUNT, n);
    }
    free(work);
    return DEMUR_OK;
}

static void items_settle(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct demur_append *a = b->owners[i];
        struct demur_diag diag = {0};
        b->bad += b->items[i].err != DEMUR_OK;
        b->costly |= b->items[i].costly;
        if (a->state != DEMUR_APPEND_WAITING)
            continue; /* its other proof was bad */
        enum demur_err err = demur_ring_proof_settle(next_proof(a), &b->of->kept->ring,
                                                     &b->items[i], &a->verdict, &diag);
        if (err)
            refuse(a, err, &diag);
        else
            a->settled++;
    }
}

static void batch_verify(struct demur_proofs *p, struct batch *b)
{
    struct demur_diag diag = {0};
    enum demur_err err = b->of->kept ? DEMUR_OK : ring_load(p, b, &diag);
    if (!err) {
        items_make(b);
        err = items_verify(p, b, &diag);
    }
    if (err)
        refuse_all(b, err, &diag);
    else
        items_settle(b);
}

static void answer_all(struct demur_proofs *p, struct batch *b)
{
    for (struct demur_append *a = b->list, *next; a; a = next) {
        next = a->next;
        if (a->state == DEMUR_APPEND_WAITING && a->settled < a->proofs.n) {
            demur_proofs_add(p, a, b->lane == DISTRUSTED); /* the next is about another ring */
            continue;
        }
        a->verdict.verified = a->state == DEMUR_APPEND_WAITING;
        a->proven(a);
    }
}

/* ---- turns -------------------------------------------------------------------------- */

static void turn_end(struct demur_proofs *p, struct batch *b, uint64_t took_us)
{
    size_t *most = &b->of->most[b->lane];
    if (b->costly)
        *most = *most / 2 > BATCH_LEAST ? *most / 2 : BATCH_LEAST;
    else if (!b->bad && *most < BATCH_MAX)
        *most *= 2;
    p->spent_us[b->lane] += took_us;
    b->of->busy = false;
    forget_some(p);
}

/* A turn; then whatever else the workers have to do; then the next. */
static void seat_run(struct demur_work *work)
{
    struct seat *s = (struct seat *)(void *)work;
    struct demur_proofs *p = s->p;
    struct batch *b = &s->batch;
    uint64_t start = demur_now_us();
    pthread_mutex_lock(&p->lock);
    b->n = b->bad = 0;
    b->costly = false;
    s->taken = take_turn(p, b);
    pthread_mutex_unlock(&p->lock);
    if (!s->taken)
        return;
    batch_verify(p, b);
    atomic_fetch_add(&p->metrics->proofs_bad, b->bad);
    pthread_mutex_lock(&p->lock);
    turn_end(p, b, demur_now_us() - start);
    pthread_mutex_unlock(&p->lock);
    answer_all(p, b);
    demur_workers_add(p->workers, &s->work);
}

static struct seat *seat_take(struct demur_proofs *p)
{
    for (size_t i = 0; i < p->seats_len; i++) {
        if (p->seats[i].taken)
            continue;
        p->seats[i].taken = true;
        return &p->seats[i];
    }
    return NULL;
}

void demur_proofs_add(struct demur_proofs *p, struct demur_append *a, bool distrusted)
{
    enum lane lane = distrusted ? DISTRUSTED : TRUSTED;
    struct seat *seat = NULL;
    a->next = NULL;
    pthread_mutex_lock(&p->lock);
    struct turns *t = turns_of(p, next_proof(a)->ring);
    if (t) {
        *t->last[lane] = a;
        t->last[lane] = &a->next;
        seat = t->busy ? NULL : seat_take(p);
    }
    pthread_mutex_unlock(&p->lock);
    if (seat)
        demur_workers_add(p->workers, &seat->work);
    if (t)
        return;
    struct demur_diag diag = {0};
    refuse(a, demur_fail(&diag, DEMUR_ERR_MEMORY, "out of memory"), &diag);
    a->proven(a);
}

enum demur_err demur_proofs_start(struct demur_proofs **out, struct demur_engine *engine,
                                  struct demur_workers *workers, struct demur_metrics *metrics,
                                  size_t seats, struct demur_diag *diag)
{
    struct demur_proofs *p = calloc(1, sizeof *p + seats * sizeof p->seats[0]);
    if (!p)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    p->engine = engine;
    p->workers = workers;
    p->metrics = metrics;
    p->last = &p->first;
    p->seats_len = seats;
    for (size_t i = 0; i < seats; i++) {
        p->seats[i].p = p;
        p->seats[i].work.run = seat_run;
    }
    pthread_mutex_init(&p->lock, NULL);
    *out = p;
    return DEMUR_OK;
}

void demur_proofs_free(struct demur_proofs *p)
{
    if (!p)
        return;
    for (struct turns *t = p->first, *next; t; t = next) {
        next = t->next;
        demur_kept_ring_free(t->kept);
        free(t);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}
