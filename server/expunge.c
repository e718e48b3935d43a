/* expunge.c - see expunge.h. */
#include "expunge.h"

#include <sodium.h>

#include "../core/encode.h"
#include "engine.h"
#include "journal.h"

#define BUCKETS_FIRST 1024
#define DISSENT_LEN 32 /* characters of a dissent's id; a text's namings have NULs */

struct naming {
    uint8_t blob[32], dissent[DISSENT_LEN];
    uint32_t next; /* of the same bucket, as in buckets */
    bool text;     /* a policy's or calendar's */
    bool memo;     /* as the dissent's memo */
    bool expunged;
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
    demur_list_free(&x->namings);
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

/* The next naming of the blob: after n, or the first when n is NULL. */
static struct naming *naming_next(const struct demur_expunge *x, const uint8_t blob[static 32],
                                  const struct naming *n)
{
    struct naming *all = x->namings.items;
    for (uint32_t i = n ? n->next : *bucket_of(x, blob); i; i = all[i - 1].next)
        if (!memcmp(all[i - 1].blob, blob, 32))
            return &all[i - 1];
    return NULL;
}

static bool buckets_grow(struct demur_expunge *x)
{
    size_t len = 2 * x->buckets_len;
    uint32_t *buckets = calloc(len, sizeof *buckets);
    struct naming *all = x->namings.items;
    if (!buckets)
        return false;
    free(x->buckets);
    x->buckets = buckets;
    x->buckets_len = len;
    for (size_t i = 0; i < x->namings.len; i++) {
        uint32_t *bucket = bucket_of(x, all[i].blob);
        all[i].next = *bucket;
        *bucket = (uint32_t)i + 1;
    }
    return true;
}

static bool naming_add(struct demur_expunge *x, const struct naming *given)
{
    for (struct naming *n = naming_next(x, given->blob, NULL); n;
         n = naming_next(x, given->blob, n)) {
        if (n->text != given->text || memcmp(n->dissent, given->dissent, DISSENT_LEN) != 0)
            continue;
        n->memo |= given->memo;
        return true;
    }
    if (x->namings.len >= UINT32_MAX - 1 ||
        (x->namings.len >= x->buckets_len && !buckets_grow(x)) ||
        !demur_list_add(&x->namings, given, sizeof *given))
        return false;
    struct naming *added = (struct naming *)x->namings.items + x->namings.len - 1;
    uint32_t *bucket = bucket_of(x, given->blob);
    added->next = *bucket;
    *bucket = (uint32_t)x->namings.len;
    return true;
}

static bool namings_take(struct demur_expunge *x, const struct demur_record *r,
                         const struct naming *by)
{
    struct demur_blob_ref blobs[DEMUR_RECORD_FIELDS_MAX], memo;
    size_t n = demur_record_blobs(r, blobs, DEMUR_COUNT(blobs));
    bool has_memo = demur_record_blob(r, DEMUR_FIELD_MEMO, 0, &memo);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        struct naming naming = *by;
        memcpy(naming.blob, blobs[i].hash, 32);
        naming.memo = has_memo && !memcmp(memo.hash, blobs[i].hash, 32);
        ok = naming_add(x, &naming);
    }
    return ok;
}

static bool expunge_take(struct demur_expunge *x, const struct demur_record *r,
                         const struct naming *by)
{
    uint8_t blob[32];
    bool ok = true;
    for (size_t i = 0; i < demur_record_count(r, DEMUR_FIELD_BLOB) && ok; i++) {
        if (demur_hex_exact(blob, sizeof blob, demur_record_nth(r, DEMUR_FIELD_BLOB, i)))
            continue; /* the fold took none such */
        for (struct naming *n = naming_next(x, blob, NULL); n; n = naming_next(x, blob, n))
            n->expunged |= !n->text && !memcmp(n->dissent, by->dissent, DISSENT_LEN);
        ok = demur_list_add(&x->doomed, blob, sizeof blob);
    }
    return ok;
}

enum demur_err demur_expunge_note(struct demur_expunge *x, const struct demur_record *record,
                                  struct demur_diag *diag)
{
    struct naming by = {.text = false};
    struct span dissent = demur_record_get(record, DEMUR_FIELD_DISSENT);
    by.text = !dissent.p;
    if (dissent.len == DISSENT_LEN)
        memcpy(by.dissent, dissent.p, DISSENT_LEN);
    bool ok = record->type == DEMUR_RECORD_EXPUNGE ? expunge_take(x, record, &by)
                                                   : namings_take(x, record, &by);
    return ok ? DEMUR_OK : demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
}

bool demur_expunged_blob(const struct demur_expunge *x, const uint8_t blob[static 32])
{
    const struct naming *n = naming_next(x, blob, NULL);
    bool named = n != NULL, all = true;
    for (; n && all; n = naming_next(x, blob, n))
        all = n->expunged;
    return named && all;
}

bool demur_expunged_release(const struct demur_expunge *x, const uint8_t memo[static 32])
{
    bool filed = false, all = true;
    for (const struct naming *n = naming_next(x, memo, NULL); n && all;
         n = naming_next(x, memo, n)) {
        filed |= n->memo;
        all = n->expunged || !n->memo;
    }
    return (filed && all) || demur_expunged_blob(x, memo);
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
    uint8_t key[32];
    demur_engine_read(e);
    bool whole = demur_expunged_blob(&e->expunge, blob);
    bool release = demur_expunged_release(&e->expunge, blob);
    demur_engine_unread(e);
    enum demur_err err = DEMUR_ERR_UNKNOWN;
    if (whole && !(err = demur_store_blob_stat(e->store, &stat, blob, diag))) {
        reach_destroying(e);
        err = demur_store_blob_delete(e->store, blob, diag);
    } else if (!whole && release && !(err = demur_store_release_get(e->store, key, blob, diag))) {
        sodium_memzero(key, sizeof key);
        reach_destroying(e);
        err = demur_store_release_delete(e->store, blob, diag);
    }
    *n += !err;
    return err == DEMUR_ERR_UNKNOWN ? DEMUR_OK : err;
}

static void doomed_take(struct demur_engine *e, struct demur_list *out)
{
    pthread_rwlock_wrlock(&e->lock);
    *out = e->expunge.doomed;
    e->expunge.doomed = (struct demur_list){0};
    pthread_rwlock_unlock(&e->lock);
}

static bool doomed_any(struct demur_engine *e)
{
    demur_engine_read(e);
    bool any = e->expunge.doomed.len && !e->failed;
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
