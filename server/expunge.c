/* expunge.c - see expunge.h. */
#include "expunge.h"

#include <sodium.h>

#include "../core/encode.h"
#include "../core/walk.h"
#include "engine.h"
#include "journal.h"

#define BUCKETS_FIRST 1024

struct gone {
    uint8_t blob[32];
    uint32_t next; /* of the same bucket, as in buckets */
};

enum demur_err demur_expunge_init(struct demur_expunge *x, struct demur_diag *diag)
{
    *x = (struct demur_expunge){.buckets_len = BUCKETS_FIRST};
    randombytes_buf(x->hash_key, sizeof x->hash_key);
    x->buckets = calloc(BUCKETS_FIRST, sizeof *x->buckets);
    return x->buckets ? DEMUR_OK : demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
}

void demur_expunge_free(struct demur_expunge *x)
{
    demur_list_free(&x->gone);
    demur_list_free(&x->doomed);
    free(x->buckets);
    x->buckets = NULL;
}

/* ---- the index --------------------------------------------------------------- */

static uint32_t *bucket_of(const struct demur_expunge *x, const uint8_t blob[static 32])
{
    uint64_t h;
    crypto_shorthash((unsigned char *)&h, blob, 32, x->hash_key);
    return &x->buckets[h % x->buckets_len];
}

static struct gone *gone_of(const struct demur_expunge *x, const uint8_t blob[static 32])
{
    struct gone *all = x->gone.items;
    for (uint32_t i = *bucket_of(x, blob); i; i = all[i - 1].next)
        if (!memcmp(all[i - 1].blob, blob, 32))
            return &all[i - 1];
    return NULL;
}

static bool buckets_grow(struct demur_expunge *x)
{
    size_t len = 2 * x->buckets_len;
    uint32_t *buckets = calloc(len, sizeof *buckets);
    struct gone *all = x->gone.items;
    if (!buckets)
        return false;
    free(x->buckets);
    x->buckets = buckets;
    x->buckets_len = len;
    for (size_t i = 0; i < x->gone.len; i++) {
        uint32_t *bucket = bucket_of(x, all[i].blob);
        all[i].next = *bucket;
        *bucket = (uint32_t)i + 1;
    }
    return true;
}

static bool expunged_add(struct demur_expunge *x, const uint8_t blob[static 32])
{
    struct gone added = {.next = 0};
    memcpy(added.blob, blob, 32);
    if (gone_of(x, blob))
        return true;
    if (x->gone.len >= UINT32_MAX - 1 || (x->gone.len >= x->buckets_len && !buckets_grow(x)) ||
        !demur_list_add(&x->gone, &added, sizeof added))
        return false;
    uint32_t *bucket = bucket_of(x, blob);
    ((struct gone *)x->gone.items)[x->gone.len - 1].next = *bucket;
    *bucket = (uint32_t)x->gone.len;
    return demur_list_add(&x->doomed, blob, 32);
}

enum demur_err demur_expunge_note(struct demur_expunge *x, const struct demur_record *record,
                                  struct demur_diag *diag)
{
    uint8_t blob[32];
    if (record->type != DEMUR_RECORD_EXPUNGE)
        return DEMUR_OK;
    for (size_t i = 0; i < demur_record_count(record, DEMUR_FIELD_BLOB); i++) {
        if (demur_hex_exact(blob, sizeof blob, demur_record_nth(record, DEMUR_FIELD_BLOB, i)))
            continue; /* the fold took none such */
        if (!expunged_add(x, blob))
            return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    }
    return DEMUR_OK;
}

void demur_expunge_walk(struct demur_expunge *x, struct demur_walk *w)
{
    uint32_t n = (uint32_t)x->gone.len;
    demur_walk_u32(w, &n);
    for (uint32_t i = 0; i < n && !w->err; i++) {
        uint8_t blob[32];
        if (!w->loading)
            memcpy(blob, ((struct gone *)x->gone.items)[i].blob, 32);
        demur_walk_bytes(w, blob, 32);
        if (w->loading && !w->err && !expunged_add(x, blob))
            demur_walk_fail(w, DEMUR_ERR_MEMORY);
    }
}

bool demur_expunged(const struct demur_expunge *x, const uint8_t blob[static 32])
{
    return gone_of(x, blob) != NULL;
}

/* ---- destroying ---------------------------------------------------------------- */

static void reach_destroying(struct demur_engine *e)
{
    if (e->hooks && e->hooks->at)
        e->hooks->at(e->hooks->ctx, DEMUR_POINT_DESTROYING);
}

/* OK also when there was nothing; *n counts what there was. */
static enum demur_err destroy_one(struct demur_engine *e, const uint8_t blob[static 32], size_t *n,
                                  struct demur_diag *diag)
{
    struct demur_store_blob stat;
    enum demur_err err = demur_store_blob_stat(e->store, &stat, blob, diag);
    if (!err) {
        reach_destroying(e);
        err = demur_store_blob_delete(e->store, blob, diag); /* and its release key */
    }
    *n += !err;
    return err == DEMUR_ERR_UNKNOWN ? DEMUR_OK : err;
}

/* Not what a commit noted that failed: no record of it is in the log. */
static void doomed_take(struct demur_engine *e, struct demur_list *out)
{
    pthread_rwlock_wrlock(&e->lock);
    if (!e->failed) {
        *out = e->expunge.doomed;
        e->expunge.doomed = (struct demur_list){0};
    }
    pthread_rwlock_unlock(&e->lock);
}

void demur_engine_doom(struct demur_engine *e, const uint8_t blob[static 32])
{
    pthread_rwlock_wrlock(&e->lock);
    if (!demur_list_add(&e->expunge.doomed, blob, 32))
        demur_journal("what is to be destroyed is destroyed at the next start");
    pthread_rwlock_unlock(&e->lock);
}

static bool doomed_any(struct demur_engine *e)
{
    demur_engine_read(e);
    bool any = e->expunge.doomed.len > 0;
    demur_engine_unread(e);
    return any;
}

enum demur_err demur_engine_destroy(struct demur_engine *e, struct demur_diag *diag)
{
    struct demur_list doomed = {0};
    enum demur_err err = DEMUR_OK;
    size_t done = 0, n = 0;
    if (doomed_any(e))
        doomed_take(e, &doomed);
    const uint8_t(*blobs)[32] = doomed.items;
    while (done < doomed.len && !err)
        if (!(err = destroy_one(e, blobs[done], &n, diag)))
            done++;
    e->scrub_due = e->scrub_due || n || err;
    if (done < doomed.len) {
        pthread_rwlock_wrlock(&e->lock);
        if (!demur_list_add_all(&e->expunge.doomed, blobs[done], doomed.len - done, 32))
            demur_journal("what is to be destroyed is destroyed at the next start");
        pthread_rwlock_unlock(&e->lock);
    }
    demur_list_free(&doomed);
    if (!err && e->scrub_due && !(err = demur_store_scrub(e->store, diag)))
        e->scrub_due = false;
    if (n)
        demur_journal("destroyed %zu expunged blobs or release keys", n);
    return err;
}
