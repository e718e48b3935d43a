/* What was deleted is gone from the store's files, not only from its answers. */
#define _GNU_SOURCE /* memmem */
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>

#include "world.h"

enum { KEYS = 400 };

struct traces {
    uint8_t key[KEYS][32], blob[KEYS][32];
    bool gone[KEYS];
};

/* The file's bytes on the heap; an absent file is empty. */
static struct demur_store_bytes slurp(const char *path)
{
    struct demur_store_bytes all = {NULL, 0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return all;
    fseek(f, 0, SEEK_END);
    long len = ftell(f);
    rewind(f);
    all.p = malloc((size_t)len + 1);
    if (all.p)
        all.len = fread(all.p, 1, (size_t)len, f);
    fclose(f);
    return all;
}

/* How often 8 bytes of each of the hashes lie in log.db or its WAL. */
static void count_traces(struct world *w, const struct traces *t, size_t *live, size_t *dead)
{
    static const char *const names[] = {"s/log.db", "s/log.db-wal"};
    *live = *dead = 0;
    for (size_t i = 0; i < DEMUR_COUNT(names); i++) {
        struct demur_store_bytes all = slurp(world_path(w, names[i]));
        for (size_t k = 0; all.p && k < KEYS; k++)
            if (memmem(all.p, all.len, t->key[k] + 12, 8))
                ++*(t->gone[k] ? dead : live);
        free(all.p);
    }
}

TEST(store_release_keys_leave_no_trace)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    static struct traces t;
    REQUIRE(store);
    uint64_t seed = 77;
    size_t live, dead, alive = 0;
    /* keys come and go in a random order, so that pages split and merge */
    for (size_t i = 0; i < KEYS; i++) {
        uint8_t bytes[40];
        test_random(&seed, bytes, sizeof bytes);
        test_random(&seed, t.key[i], 32);
        hash_of(t.blob[i], span_of(bytes, sizeof bytes));
        CHECK_ERR(demur_store_blob_put(store, t.blob[i], span_of(bytes, sizeof bytes), 1, NULL),
                  DEMUR_OK);
        CHECK_ERR(demur_store_release_put(store, t.blob[i], t.key[i], NULL), DEMUR_OK);
        size_t k = (size_t)(test_random_u64(&seed) % (i + 1));
        if (i % 3 == 0 || t.gone[k])
            continue;
        CHECK_ERR(i % 2 ? demur_store_release_delete(store, t.blob[k], NULL)
                        : demur_store_blob_delete(store, t.blob[k], NULL),
                  DEMUR_OK);
        t.gone[k] = true;
    }
    /* and at last some go whose pages nothing takes over */
    for (size_t k = 0; k < KEYS; k += 5) {
        if (!t.gone[k])
            CHECK_ERR(demur_store_release_delete(store, t.blob[k], NULL), DEMUR_OK);
        t.gone[k] = true;
    }
    CHECK_ERR(demur_store_scrub(store, NULL), DEMUR_OK);
    for (size_t i = 0; i < KEYS; i++)
        alive += !t.gone[i];
    count_traces(&w, &t, &live, &dead);
    CHECK(alive > 60 && live == alive); /* the search finds what is there */
    CHECK(dead == 0);
    demur_store_close(store);
    world_end(&w);
}

TEST(store_scrub_waits_for_readers)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    CHECK_ERR(demur_store_kv_put(store, "k", span_lit("v"), NULL), DEMUR_OK);
    sqlite3 *db = NULL;
    CHECK(sqlite3_open(w.db, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "BEGIN; SELECT * FROM kv", NULL, NULL, NULL) == SQLITE_OK);
    CHECK_ERR(demur_store_kv_put(store, "k", span_lit("w"), NULL), DEMUR_OK);
    struct demur_diag diag = {0};
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    CHECK_ERR(demur_store_scrub(store, &diag), DEMUR_ERR_IO);
    clock_gettime(CLOCK_MONOTONIC, &to);
    CHECK(strstr(diag.text, "a reader is in the way"));
    /* not for long, since nobody can write meanwhile */
    CHECK(test_quick() ||
          (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 < 1900);
    sqlite3_close(db);
    CHECK_ERR(demur_store_scrub(store, NULL), DEMUR_OK);
    struct demur_store_bytes wal = slurp(world_path(&w, "s/log.db-wal"));
    CHECK(wal.len == 0);
    free(wal.p);
    demur_store_close(store);
    world_end(&w);
}
