/* append.c - the part of an append that runs beside others. See engine.h. */
#include "../core/hash.h"
#include "engine.h"

/* Free bytes that a batch, its tiles and the signer's state find at least. */
#define DISK_KEPT ((uint64_t)64 << 20)

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

/* Proofs about rings take up to a tenth of a second, everything else some fifty
 * microseconds a signature. */
static bool takes_long(const struct demur_record *r)
{
    return demur_record_has(r, DEMUR_FIELD_PROOF) || demur_record_has(r, DEMUR_FIELD_SLOT_PROOF) ||
           demur_record_has(r, DEMUR_FIELD_POSSESSION);
}

static bool prepare(struct demur_engine *e, struct demur_append *a, bool wait)
{
    struct demur_diag diag = {0};
    a->state = DEMUR_APPEND_WAITING;
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
    } else if (demur_blobs_check(e, a)) {
        err = demur_channel_verify(e->channel, &a->record, &a->verdict, &diag);
        if (!err)
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
