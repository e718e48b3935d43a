/* Readers beside a writer, and writers beside each other. */
#include <pthread.h>
#include <stdatomic.h>

#include "world.h"

enum { READERS = 4, UPLOADERS = 3, FINAL = 4000 };

struct shared {
    struct demur_store *store;
    atomic_bool over;
    atomic_ullong faults, reads;
};

/* The head that a reader sees has all its entries, tiles and bundles. */
static bool head_is_whole(struct demur_store *store, uint64_t *seed)
{
    struct demur_store_head head;
    uint8_t tile[DEMUR_TILE_BYTES], leaf[32], entry[2048];
    struct demur_store_bytes bundle = {NULL, 0};
    if (demur_store_head_get(store, &head, NULL) != DEMUR_OK)
        return false;
    if (head.size == 0)
        return true;
    uint64_t index = test_random_u64(seed) % head.size, tile_index = index / 256;
    size_t width = demur_tile_width_at(0, tile_index, head.size), at = (size_t)(index % 256);
    if (demur_store_tile_get(store, tile, 0, tile_index, width, NULL) != DEMUR_OK)
        return false;
    demur_merkle_leaf(leaf, span_of(entry, world_entry(entry, index)));
    if (memcmp(tile + 32 * at, leaf, 32) != 0)
        return false;
    if (demur_store_bundle_get(store, &bundle, tile_index, width, NULL) != DEMUR_OK)
        return false;
    size_t count = 0;
    bool ok = demur_bundle_check(span_of(bundle.p, bundle.len), 256, &count, NULL) == DEMUR_OK &&
              count == width;
    demur_store_bytes_free(&bundle);
    uint64_t found = 0;
    return ok && demur_store_leaf_find(store, &found, leaf, NULL) == DEMUR_OK && found == index;
}

static void *reader(void *ctx)
{
    struct shared *shared = ctx;
    uint64_t seed = (uint64_t)(uintptr_t)&seed;
    while (!atomic_load(&shared->over)) {
        if (!head_is_whole(shared->store, &seed))
            atomic_fetch_add(&shared->faults, 1);
        atomic_fetch_add(&shared->reads, 1);
    }
    return NULL;
}

static void *uploader(void *ctx)
{
    struct shared *shared = ctx;
    uint64_t seed = (uint64_t)(uintptr_t)&seed;
    while (!atomic_load(&shared->over)) {
        uint8_t bytes[5000], hash[32];
        size_t len = (size_t)(test_random_u64(&seed) % sizeof bytes), got = 0;
        test_random(&seed, bytes, len);
        hash_of(hash, span_of(bytes, len));
        if (demur_store_blob_put(shared->store, hash, span_of(bytes, len), 1, NULL) != DEMUR_OK ||
            demur_store_release_put(shared->store, hash, hash, NULL) != DEMUR_OK ||
            demur_store_blob_read(shared->store, hash, 0, bytes, sizeof bytes, &got, NULL) !=
                DEMUR_OK ||
            got != len || demur_store_blob_delete(shared->store, hash, NULL) != DEMUR_OK)
            atomic_fetch_add(&shared->faults, 1);
    }
    return NULL;
}

TEST(store_threads)
{
    struct world w;
    world_init(&w);
    static struct shared shared;
    shared.store = world_open(&w);
    REQUIRE(shared.store);
    atomic_store(&shared.over, false);
    pthread_t thread[READERS + UPLOADERS];
    for (int i = 0; i < READERS + UPLOADERS; i++)
        CHECK(pthread_create(&thread[i], NULL, i < READERS ? reader : uploader, &shared) == 0);
    struct maker *m = maker_new();
    uint64_t seed = 6;
    while (m->edge.frontier.size < FINAL)
        maker_append(m, shared.store, (size_t)(test_random_u64(&seed) % 50 + 1));
    CHECK_ERR(demur_store_backup(shared.store, world_path(&w, "copy"), NULL), DEMUR_OK);
    atomic_store(&shared.over, true);
    for (int i = 0; i < READERS + UPLOADERS; i++)
        pthread_join(thread[i], NULL);
    CHECK(atomic_load(&shared.faults) == 0);
    CHECK(atomic_load(&shared.reads) > READERS);
    check_clean(shared.store);
    demur_store_close(shared.store);
    struct demur_store *copy = NULL;
    CHECK_ERR(demur_store_open(&copy, world_path(&w, "copy"), DEMUR_STORE_READ, NULL), DEMUR_OK);
    REQUIRE(copy);
    check_clean(copy);
    demur_store_close(copy);
    maker_free(m);
    world_end(&w);
}

static enum demur_err reads_inside(void *ctx, uint64_t index, const uint8_t leaf[static 32],
                                   struct span bytes)
{
    (void)bytes;
    uint64_t found = 0;
    enum demur_err err = demur_store_leaf_find(ctx, &found, leaf, NULL);
    return err == DEMUR_OK && found != index ? DEMUR_ERR_VERIFY : err;
}

TEST(store_callback_may_read)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct maker *m = maker_new();
    maker_append(m, store, 400);
    CHECK_ERR(demur_store_entries(store, 0, 400, reads_inside, store, NULL), DEMUR_OK);
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
}

static void *reclaim_run(void *arg)
{
    struct demur_store *store = arg;
    CHECK_ERR(demur_store_reclaim(store, UINT64_MAX, NULL, NULL), DEMUR_OK);
    return NULL;
}

/* Removing much does not keep other writers out until it is done. */
TEST(store_reclaim_lets_others_write)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    size_t size = test_quick() ? 8 << 20 : 48 << 20;
    uint8_t *bytes = calloc(1, size), hash[32];
    REQUIRE(bytes != NULL);
    hash_of(hash, span_of(bytes, size));
    CHECK_ERR(demur_store_blob_put(store, hash, span_of(bytes, size), 1, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_sweep(store, 2, 1, NULL, NULL), DEMUR_OK);
    uint64_t left = 1;
    unsigned puts = 0;
    pthread_t thread;
    REQUIRE(!pthread_create(&thread, NULL, reclaim_run, store));
    for (; left; puts++) {
        CHECK_ERR(demur_store_kv_put(store, "k", span_lit("v"), NULL), DEMUR_OK);
        REQUIRE(!demur_store_blob_pending(store, &left, NULL));
    }
    pthread_join(thread, NULL);
    if (puts < size >> 23)
        test_failed(__FILE__, __LINE__, "%u writes only while %zu bytes left", puts, size);
    check_clean(store);
    free(bytes);
    demur_store_close(store);
    world_end(&w);
}
