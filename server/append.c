/* append.c - the part of an append that runs beside others. See engine.h. */
#include "../core/hash.h"
#include "engine.h"

/* Free bytes that are left when a batch is committed, for its tiles, the signer's state and
 * whatever else is written at the time. */
#define DISK_KEPT ((uint64_t)64 << 20)
/* What a record takes: a place in the WAL and one in the store, in whole pages both. */
#define DISK_FOR(len) (2 * ((uint64_t)(len) + 4096))

static void refuse(struct demur_append *a, enum demur_err err, const struct demur_diag *diag)
{
    a->state = DEMUR_APPEND_REFUSED;
    a->diag = *diag;
    a->diag.code = err;
}

/* A record that is in the published log already is answered as it was then. */
static bool find_published(struct demur_engine *e, struct demur_append *a)
{
    struct demur_published published;
    uint64_t index;
    demur_engine_published(e, &published);
    if (demur_store_record_find(e->store, &index, a->hash, NULL) || index >= published.size)
        return false;
    a->index = index;
    a->state = DEMUR_APPEND_ACCEPTED;
    return true;
}

/* Has it proofs? Those are verified in parallel; the signatures of the rest in their turn. */
static bool proves(const struct demur_record *r)
{
    return demur_record_has(r, DEMUR_FIELD_PROOF) || demur_record_has(r, DEMUR_FIELD_SLOT_PROOF) ||
           demur_record_has(r, DEMUR_FIELD_POSSESSION);
}

/* To make a ring, or to look at thirteen keys, takes milliseconds. To set a proof about a
 * ring apart, and all there is to do for the rest, is a matter of microseconds. */
static bool takes_long(const struct demur_record *r)
{
    return demur_record_has(r, DEMUR_FIELD_SLOT_PROOF) ||
           demur_record_has(r, DEMUR_FIELD_POSSESSION);
}

static bool prepare(struct demur_engine *e, struct demur_append *a, bool wait)
{
    struct demur_diag diag = {0};
    a->state = DEMUR_APPEND_WAITING;
    a->settled = 0;
    demur_hash(a->hash, a->text);
    enum demur_err err = demur_record_parse(&a->record, a->text, &diag);
    if (err) {
        refuse(a, err, &diag);
        return true;
    }
    if (find_published(e, a))
        return true;
    if (wait)
        demur_engine_check(e);
    else if (takes_long(&a->record) || !demur_engine_check_now(e))
        return false;
    if (demur_engine_sound(e, &a->diag)) {
        a->state = DEMUR_APPEND_UNKNOWN;
    } else if (demur_blobs_check(e, a, false)) {
        a->unverified = !proves(&a->record);
        if (!a->unverified)
            err =
                demur_channel_verify_apart(e->channel, &a->record, &a->verdict, &a->proofs, &diag);
        if (!err && !a->unverified)
            err = demur_engine_disk(e, DISK_KEPT, &diag);
        if (err)
            refuse(a, err, &diag);
    }
    demur_engine_uncheck(e);
    return true;
}

void demur_engine_prepare(struct demur_engine *e, struct demur_append *a)
{
    (void)prepare(e, a, true);
}

bool demur_engine_prepare_now(struct demur_engine *e, struct demur_append *a)
{
    return prepare(e, a, false);
}

/* A group's worth; a few dozen is as good as all. */
#define AT_ONCE 64
struct group {
    struct demur_append *appends[AT_ONCE];
    struct demur_verify_item items[AT_ONCE];
    struct demur_diag diags[AT_ONCE];
    size_t n;
};

static void group_verify(struct demur_engine *e, struct group *g)
{
    demur_channel_verify_many(e->channel, g->items, g->n);
    for (size_t i = 0; i < g->n; i++) {
        g->appends[i]->unverified = false;
        if (g->items[i].err)
            refuse(g->appends[i], g->items[i].err, &g->diags[i]);
    }
    g->n = 0;
}

/* A commit that does not fit ends the server: there was room for each record when it came,
 * but a thousand of them wait together. */
static void room_check(struct demur_engine *e, struct demur_append *batch)
{
    struct demur_diag full = {0};
    uint64_t need = DISK_KEPT;
    for (struct demur_append *a = batch; a; a = a->next)
        need += DISK_FOR(a->text.len);
    if (!demur_engine_disk(e, need, NULL))
        return;
    need = DISK_KEPT;
    for (struct demur_append *a = batch; a; a = a->next) {
        enum demur_err err = a->state == DEMUR_APPEND_WAITING
                                 ? demur_engine_disk(e, need + DISK_FOR(a->text.len), &full)
                                 : DEMUR_OK;
        if (err)
            refuse(a, err, &full);
        else if (a->state == DEMUR_APPEND_WAITING)
            need += DISK_FOR(a->text.len);
    }
}

void demur_engine_verify(struct demur_engine *e, struct demur_append *batch)
{
    struct group g = {.n = 0};
    room_check(e, batch);
    for (struct demur_append *a = batch; a; a = a->next) {
        if (!a->unverified || a->state != DEMUR_APPEND_WAITING)
            continue;
        g.diags[g.n] = (struct demur_diag){0};
        g.items[g.n] = (struct demur_verify_item){&a->record, &a->verdict, &g.diags[g.n], DEMUR_OK};
        g.appends[g.n++] = a;
        if (g.n == AT_ONCE)
            group_verify(e, &g);
    }
    group_verify(e, &g);
}
