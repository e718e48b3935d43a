/* Every write and every fsync fails once, and the store stays true to its word:
 * what was answered OK is there, and the rest is there whole or not at all.
 * A layer between SQLite and its own file layer counts the calls and fails one. */
#include <sqlite3.h>
#include <stdlib.h>

#include "world.h"

enum fault {
    FAULT_WRITE, /* one write fails, half of it done */
    FAULT_FULL,  /* one write meets a full disk */
    FAULT_SYNC,  /* one fsync or truncation fails */
    FAULT_DEAD,  /* from some call on, none succeeds */
};

static struct {
    bool armed;
    enum fault fault;
    int left; /* calls until the fault */
    int fired;
    int syncs; /* that went through, armed or not */
    bool sync_failed;
} plan;

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* in the bytes behind this struct */
};

static sqlite3_file *real_of(sqlite3_file *f) { return ((struct fault_file *)f)->real; }

/* Whether the call at hand, a write or one of the other kind, is to fail. */
static bool strikes(bool writes)
{
    bool counts = plan.fault == FAULT_DEAD || writes == (plan.fault != FAULT_SYNC);
    if (!plan.armed || !counts || (plan.fired && plan.fault != FAULT_DEAD))
        return false;
    if (plan.left > 0 && --plan.left > 0)
        return false;
    plan.fired++;
    return true;
}

static int fault_close(sqlite3_file *f) { return real_of(f)->pMethods->xClose(real_of(f)); }
static int fault_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}
static int fault_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    bool torn = strikes(true);
    int rc = real_of(f)->pMethods->xWrite(real_of(f), p, torn ? n / 2 : n, at);
    return !torn ? rc : plan.fault == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}
static int fault_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return strikes(false) ? SQLITE_IOERR_TRUNCATE
                          : real_of(f)->pMethods->xTruncate(real_of(f), size);
}
static int fault_sync(sqlite3_file *f, int flags)
{
    if (strikes(false)) {
        plan.sync_failed = true;
        return SQLITE_IOERR_FSYNC;
    }
    plan.syncs++;
    return real_of(f)->pMethods->xSync(real_of(f), flags);
}
static int fault_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}
static int fault_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}
static int fault_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}
static int fault_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
static int fault_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}
static int fault_sector(sqlite3_file *f) { return real_of(f)->pMethods->xSectorSize(real_of(f)); }
static int fault_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}
static int fault_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}
static int fault_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}
static void fault_shm_barrier(sqlite3_file *f) { real_of(f)->pMethods->xShmBarrier(real_of(f)); }
static int fault_shm_unmap(sqlite3_file *f, int delete_it)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), delete_it);
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_reserved,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector,
    .xDeviceCharacteristics = fault_device,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

static sqlite3_vfs *real_vfs, fault_vfs;

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct fault_file *file = (struct fault_file *)f;
    file->real = (sqlite3_file *)(file + 1);
    int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
    f->pMethods = file->real->pMethods ? &fault_methods : NULL;
    return rc;
}

static void faults_begin(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    fault_vfs = *real_vfs;
    fault_vfs.zName = "fault";
    fault_vfs.szOsFile = real_vfs->szOsFile + (int)sizeof(struct fault_file);
    fault_vfs.xOpen = fault_open;
    CHECK(sqlite3_vfs_register(&fault_vfs, 1) == SQLITE_OK);
}

static void faults_end(void)
{
    CHECK(sqlite3_vfs_unregister(&fault_vfs) == SQLITE_OK);
    CHECK(sqlite3_vfs_register(real_vfs, 1) == SQLITE_OK);
}

/* ---- the deeds --------------------------------------------------------- */

/* What the store answered OK to. */
struct deeds {
    struct maker *m;
    uint64_t tried; /* the largest size that was ever proposed */
    bool blob, key, value, gone;
    uint8_t hash[32];
};

static uint8_t blob[1050000];

static enum demur_err deed_append(struct deeds *d, struct demur_store *store, size_t n, bool refer)
{
    maker_batch(d->m, n);
    struct demur_store_ref ref = {.entry = d->m->batch.before.size};
    memcpy(ref.blob, d->hash, 32);
    d->m->batch.refs = &ref;
    d->m->batch.n_refs = refer;
    d->tried = d->m->batch.after.size;
    enum demur_err err = demur_store_append(store, &d->m->batch, NULL);
    if (err == DEMUR_OK)
        maker_accept(d->m);
    return err;
}

/* Do one thing of each kind, whatever becomes of the others. */
static void deeds_do(struct deeds *d, struct demur_store *store)
{
    (void)!deed_append(d, store, 30, false);
    d->blob = demur_store_blob_put(store, d->hash, span_of(blob, sizeof blob), 5, NULL) == DEMUR_OK;
    d->key = demur_store_release_put(store, d->hash, d->hash, NULL) == DEMUR_OK;
    (void)!deed_append(d, store, 40, d->blob);
    d->value = demur_store_kv_put(store, "k", span_lit("value"), NULL) == DEMUR_OK;
    d->gone = demur_store_blob_delete(store, d->hash, NULL) == DEMUR_OK;
    (void)!deed_append(d, store, 3, false);
}

static void deeds_check(const struct deeds *d, struct demur_store *store, bool exact)
{
    struct demur_store_head head = {0};
    CHECK_ERR(demur_store_head_get(store, &head, NULL), DEMUR_OK);
    uint64_t acked = d->m->edge.frontier.size;
    CHECK(head.size == acked || (!exact && head.size == d->tried));
    struct demur_store_bytes got = {NULL, 0};
    enum demur_err err = demur_store_kv_get(store, &got, "k", NULL);
    CHECK(err == DEMUR_OK || (!d->value && err == DEMUR_ERR_UNKNOWN));
    CHECK(err != DEMUR_OK || span_eq_str(span_of(got.p, got.len), "value"));
    demur_store_bytes_free(&got);
    struct demur_store_blob stat;
    err = demur_store_blob_stat(store, &stat, d->hash, NULL);
    CHECK(!d->gone || err == DEMUR_ERR_UNKNOWN);
    CHECK(err != DEMUR_OK || stat.size == sizeof blob);
    check_clean(store);
}

/* Whether the fault at call n came to pass. */
static bool fault_at(enum fault fault, int n)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    struct deeds d = {.m = maker_new()};
    hash_of(d.hash, span_of(blob, sizeof blob));
    maker_append(d.m, store, 300);
    plan.fault = fault;
    plan.left = n;
    plan.fired = 0;
    plan.sync_failed = false;
    plan.armed = true;
    deeds_do(&d, store);
    plan.armed = false;
    bool fired = plan.fired > 0, full = fault == FAULT_FULL;
    deeds_check(&d, store, true);
    struct demur_diag diag = {0};
    enum demur_err err = demur_store_kv_put(store, "later", span_lit("v"), &diag);
    CHECK(err == DEMUR_OK || strstr(diag.text, "could not say"));
    CHECK(err == DEMUR_OK || fired);
    CHECK(err != DEMUR_OK || !plan.sync_failed); /* no write after a failed fsync */
    demur_store_close(store);
    store = world_reopen(&w);
    if (store) {
        deeds_check(&d, store, full && err == DEMUR_OK);
        uint64_t pending = 1;
        CHECK_ERR(demur_store_sweep(store, 6, UINT64_MAX, NULL, NULL), DEMUR_OK);
        CHECK_ERR(demur_store_reclaim(store, UINT64_MAX, NULL, NULL), DEMUR_OK);
        CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
        CHECK(pending == 0); /* no upload is stranded */
        CHECK_ERR(demur_store_kv_put(store, "later", span_lit("v"), &diag), DEMUR_OK);
    }
    demur_store_close(store);
    maker_free(d.m);
    world_end(&w);
    return fired;
}

TEST(store_faults_everywhere)
{
    faults_begin();
    static const enum fault faults[] = {FAULT_WRITE, FAULT_FULL, FAULT_SYNC, FAULT_DEAD};
    /* every fsync; of the many writes, each of the first ones, then strides */
    for (size_t i = 0; i < DEMUR_COUNT(faults); i++) {
        int n = 1, fired = 0;
        while (fault_at(faults[i], n)) {
            fired++;
            n += n < 20 || faults[i] == FAULT_SYNC ? 1 : 43;
        }
        CHECK(fired > 10);
    }
    faults_end();
}

TEST(store_answers_after_fsync)
{
    faults_begin();
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    struct maker *m = maker_new();
    uint8_t hash[32];
    hash_of(hash, span_lit("x"));
    for (int i = 0; store && i < 5; i++) {
        int syncs = plan.syncs;
        maker_append(m, store, 2);
        CHECK(plan.syncs > syncs);
        syncs = plan.syncs;
        struct span value = span_of(hash, (size_t)i + 1);
        CHECK_ERR(demur_store_kv_put(store, "k", value, NULL), DEMUR_OK);
        CHECK(plan.syncs > syncs);
        syncs = plan.syncs;
        CHECK_ERR(demur_store_blob_put(store, hash, span_lit("x"), i, NULL), DEMUR_OK);
        CHECK(plan.syncs > syncs);
    }
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
    faults_end();
}
