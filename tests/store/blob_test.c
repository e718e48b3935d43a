/* Blobs, release keys, small values. */
#include <sodium.h>
#include <stdlib.h>

#include "world.h"

/* `len` bytes that depend on the seed, on the heap. */
static uint8_t *some_bytes(uint64_t seed, size_t len)
{
    uint8_t *p = malloc(len + 1);
    if (!p)
        abort();
    test_random(&seed, p, len);
    return p;
}

static void check_blob(struct demur_store *store, const uint8_t hash[static 32], struct span want)
{
    struct demur_store_bytes got = {NULL, 0};
    struct demur_diag diag = {0};
    CHECK_ERR(demur_store_blob_get(store, &got, hash, &diag), DEMUR_OK);
    CHECK(span_eq(span_of(got.p, got.len), want));
    demur_store_bytes_free(&got);
}

TEST(store_blob_sizes)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    static const size_t sizes[] = {0,         1,           65535,         65536,  65537,
                                   (1 << 20), 1 << 20 | 1, (2 << 20) - 1, 3000001};
    uint64_t total = 0, pending = 1;
    for (size_t i = 0; i < DEMUR_COUNT(sizes); i++) {
        uint8_t *p = some_bytes(i, sizes[i]), hash[32];
        struct span bytes = span_of(p, sizes[i]);
        struct demur_store_blob stat;
        hash_of(hash, bytes);
        CHECK_ERR(demur_store_blob_stat(store, &stat, hash, NULL), DEMUR_ERR_UNKNOWN);
        CHECK_ERR(demur_store_blob_put(store, hash, bytes, 1000 + (int64_t)i, NULL), DEMUR_OK);
        total += sizes[i];
        check_blob(store, hash, bytes);
        CHECK_ERR(demur_store_blob_stat(store, &stat, hash, NULL), DEMUR_OK);
        CHECK(stat.size == sizes[i] && stat.put_s == 1000 + (int64_t)i && !stat.referenced);
        CHECK_ERR(demur_store_blob_put(store, hash, bytes, 5, NULL), DEMUR_OK);
        CHECK_ERR(demur_store_blob_stat(store, &stat, hash, NULL), DEMUR_OK);
        CHECK(stat.put_s == 1000 + (int64_t)i); /* never goes back */
        CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
        CHECK(pending == total);
        free(p);
    }
    check_clean(store);
    demur_store_close(store);
    world_end(&w);
}

TEST(store_blob_windows)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    size_t size = 5 * 65536 + 77;
    uint8_t *p = some_bytes(1, size), *out = some_bytes(2, size + 100), hash[32];
    hash_of(hash, span_of(p, size));
    CHECK_ERR(demur_store_blob_put(store, hash, span_of(p, size), 1, NULL), DEMUR_OK);
    uint64_t seed = 2;
    for (int i = 0; i < 300; i++) {
        size_t offset = (size_t)(test_random_u64(&seed) % (size + 50));
        size_t cap = (size_t)(test_random_u64(&seed) % (i % 2 ? 200 : size)), len = 1234567;
        size_t left = offset < size ? size - offset : 0, want = cap < left ? cap : left;
        CHECK_ERR(demur_store_blob_read(store, hash, offset, out, cap, &len, NULL), DEMUR_OK);
        CHECK(len == want && (len == 0 || memcmp(out, p + offset, len) == 0));
    }
    size_t len = 1;
    CHECK_ERR(demur_store_blob_read(store, hash, size, out, 9, &len, NULL), DEMUR_OK);
    CHECK(len == 0);
    CHECK_ERR(demur_store_blob_read(store, hash, UINT64_MAX, out, SIZE_MAX, &len, NULL), DEMUR_OK);
    CHECK(len == 0);
    hash[0] ^= 1;
    CHECK_ERR(demur_store_blob_read(store, hash, 0, out, 9, &len, NULL), DEMUR_ERR_UNKNOWN);
    free(p);
    free(out);
    demur_store_close(store);
    world_end(&w);
}

TEST(store_blob_largest_streams)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct demur_store_upload *upload = NULL;
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    CHECK_ERR(demur_store_upload_new(store, &upload, NULL), DEMUR_OK);
    static uint8_t piece[65521]; /* a prime: no boundary falls on another */
    uint64_t seed = 3, sent = 0, pending = 0;
    while (sent < DEMUR_STORE_BLOB_MAX) {
        uint64_t left = DEMUR_STORE_BLOB_MAX - sent;
        size_t n = left < sizeof piece ? (size_t)left : sizeof piece;
        test_random(&seed, piece, n);
        crypto_hash_sha256_update(&state, piece, n);
        REQUIRE(demur_store_upload_write(upload, span_of(piece, n), NULL) == DEMUR_OK);
        sent += n;
    }
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending >= DEMUR_STORE_BLOB_MAX - (1 << 20) && pending <= DEMUR_STORE_BLOB_MAX);
    CHECK_ERR(demur_store_upload_write(upload, span_of(piece, 1), NULL), DEMUR_ERR_LIMIT);
    uint8_t hash[32], again[32];
    crypto_hash_sha256_final(&state, hash);
    CHECK_ERR(demur_store_upload_finish(upload, hash, 50, NULL), DEMUR_OK);
    crypto_hash_sha256_init(&state);
    size_t len = 1;
    for (uint64_t at = 0; len; at += len) {
        CHECK_ERR(demur_store_blob_read(store, hash, at, piece, sizeof piece, &len, NULL),
                  DEMUR_OK);
        crypto_hash_sha256_update(&state, piece, len);
    }
    crypto_hash_sha256_final(&state, again);
    CHECK_SPAN(span_of(again, 32), span_of(hash, 32));
    CHECK_ERR(demur_store_blob_delete(store, hash, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_blob_delete(store, hash, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending == 0);
    check_clean(store);
    demur_store_close(store);
    world_end(&w);
}

TEST(store_blob_wrong_name)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    size_t size = 3 << 20;
    uint8_t *p = some_bytes(4, size), hash[32];
    hash_of(hash, span_of(p, size));
    hash[5] ^= 4;
    struct demur_diag diag;
    CHECK_ERR(demur_store_blob_put(store, hash, span_of(p, size), 1, &diag), DEMUR_ERR_VERIFY);
    CHECK(strstr(diag.text, "do not hash"));
    struct demur_store_blob stat;
    uint64_t pending = 1;
    CHECK_ERR(demur_store_blob_stat(store, &stat, hash, NULL), DEMUR_ERR_UNKNOWN);
    struct demur_store_upload *upload = NULL;
    CHECK_ERR(demur_store_upload_new(store, &upload, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_upload_write(upload, span_of(p, size), NULL), DEMUR_OK);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending == size - DEMUR_STORE_UPLOAD_MAX); /* the rest waits in memory */
    demur_store_upload_abort(upload);
    demur_store_upload_abort(NULL);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending == 0);
    free(p);
    demur_store_close(store);
    world_end(&w);
}

/* A blob of 200 bytes. */
static void small_blob(struct demur_store *store, uint8_t hash[static 32], uint64_t seed,
                       int64_t now_s)
{
    uint8_t *p = some_bytes(seed, 200);
    hash_of(hash, span_of(p, 200));
    CHECK_ERR(demur_store_blob_put(store, hash, span_of(p, 200), now_s, NULL), DEMUR_OK);
    free(p);
}

TEST(store_blob_references_and_sweep)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct maker *m = maker_new();
    maker_append(m, store, 10);
    uint8_t hash[4][32], absent[32] = {9};
    for (size_t i = 0; i < 4; i++)
        small_blob(store, hash[i], 10 + i, 100 * (int64_t)i);
    maker_batch(m, 3);
    struct demur_store_ref refs[3] = {{.entry = 11}, {.entry = 12}, {.entry = 12}};
    memcpy(refs[0].blob, hash[1], 32);
    memcpy(refs[1].blob, hash[1], 32);
    memcpy(refs[2].blob, absent, 32);
    m->batch.refs = refs;
    m->batch.n_refs = 3;
    struct demur_diag diag;
    CHECK_ERR(demur_store_append(store, &m->batch, &diag), DEMUR_ERR_MISSING);
    CHECK(strncmp(diag.field, "0900000000", 10) == 0);
    CHECK(strstr(diag.text, "entry 12 names the blob 09000000"));
    struct demur_store_blob stat;
    CHECK_ERR(demur_store_blob_stat(store, &stat, hash[1], NULL), DEMUR_OK);
    CHECK(!stat.referenced); /* rolled back with the rest */
    m->batch.n_refs = 2;
    CHECK_ERR(demur_store_append(store, &m->batch, &diag), DEMUR_OK);
    CHECK_ERR(demur_store_blob_stat(store, &stat, hash[1], NULL), DEMUR_OK);
    CHECK(stat.referenced && stat.entry == 11);
    uint64_t n = 99, pending = 0;
    CHECK_ERR(demur_store_sweep(store, 0, UINT64_MAX, &n, NULL), DEMUR_OK);
    CHECK(n == 0);
    CHECK_ERR(demur_store_sweep(store, 200, UINT64_MAX, &n, NULL),
              DEMUR_OK); /* 0 goes, 1 is kept, 2 is young */
    CHECK(n == 1);
    CHECK_ERR(demur_store_blob_stat(store, &stat, hash[0], NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_blob_stat(store, &stat, hash[1], NULL), DEMUR_OK);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending == 600); /* the bytes of 0 are not removed yet */
    CHECK_ERR(demur_store_reclaim(store, UINT64_MAX, NULL, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending == 400);
    small_blob(store, hash[2], 12, 900); /* sent again: young again */
    CHECK_ERR(demur_store_sweep(store, 500, UINT64_MAX, NULL, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_blob_stat(store, &stat, hash[2], NULL), DEMUR_OK);
    CHECK_ERR(demur_store_blob_stat(store, &stat, hash[3], NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_blob_delete(store, hash[1], NULL), DEMUR_OK); /* an expunction */
    check_clean(store);
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
}

/* However much is left of what was deleted, whoever opens a store has it at once. */
TEST(store_opens_before_it_removes)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    uint8_t hash[32];
    uint64_t pending = 0;
    struct demur_store_blob stat;
    small_blob(store, hash, 20, 300);
    CHECK_ERR(demur_store_sweep(store, INT64_MAX, UINT64_MAX, NULL, NULL), DEMUR_OK);
    demur_store_close(store);
    store = world_reopen(&w);
    REQUIRE(store);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending > 0);
    CHECK_ERR(demur_store_blob_stat(store, &stat, hash, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_reclaim(store, UINT64_MAX, NULL, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending == 0);
    check_clean(store);
    demur_store_close(store);
    world_end(&w);
}

TEST(store_release_keys)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    uint8_t hash[32], other[32] = {1}, key[32], got[32];
    uint64_t seed = 5;
    test_random(&seed, key, 32);
    small_blob(store, hash, 20, 10);
    CHECK_ERR(demur_store_release_put(store, other, key, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_release_get(store, got, hash, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_release_delete(store, hash, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_release_put(store, hash, key, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_release_get(store, got, hash, NULL), DEMUR_OK);
    CHECK_SPAN(span_of(got, 32), span_of(key, 32));
    key[0] ^= 1;
    CHECK_ERR(demur_store_release_put(store, hash, key, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_release_get(store, got, hash, NULL), DEMUR_OK);
    CHECK_SPAN(span_of(got, 32), span_of(key, 32));
    CHECK_ERR(demur_store_release_delete(store, hash, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_release_get(store, got, hash, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_release_put(store, hash, key, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_sweep(store, 11, UINT64_MAX, NULL, NULL),
              DEMUR_OK); /* the key goes with its blob */
    CHECK_ERR(demur_store_release_get(store, got, hash, NULL), DEMUR_ERR_UNKNOWN);
    demur_store_close(store);
    world_end(&w);
}

TEST(store_small_values)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    static uint8_t large[DEMUR_STORE_KV_MAX + 1];
    char name[DEMUR_STORE_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    name[DEMUR_STORE_NAME_MAX + 1] = 0;
    struct demur_store_bytes got = {NULL, 0};
    CHECK_ERR(demur_store_kv_get(store, &got, DEMUR_STORE_CHECKPOINT, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_kv_delete(store, "k", NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_kv_put(store, name, span_lit("v"), NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_store_kv_put(store, "", span_lit("v"), NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_store_kv_put(store, "k", span_of(large, sizeof large), NULL), DEMUR_ERR_LIMIT);
    static const size_t sizes[] = {0, 1, DEMUR_STORE_KV_MAX};
    for (size_t i = 0; i < DEMUR_COUNT(sizes); i++) {
        struct span value = span_of(large, sizes[i]);
        CHECK_ERR(demur_store_kv_put(store, DEMUR_STORE_CHECKPOINT, value, NULL), DEMUR_OK);
        REQUIRE(demur_store_kv_get(store, &got, DEMUR_STORE_CHECKPOINT, NULL) == DEMUR_OK);
        CHECK(span_eq(span_of(got.p, got.len), value));
        demur_store_bytes_free(&got);
    }
    CHECK_ERR(demur_store_kv_delete(store, DEMUR_STORE_CHECKPOINT, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_kv_get(store, &got, DEMUR_STORE_CHECKPOINT, NULL), DEMUR_ERR_UNKNOWN);
    demur_store_close(store);
    world_end(&w);
}

/* What waits is counted as it changes, and counted the same when it is added up. */
TEST(store_blob_waiting_is_a_figure)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct maker *m = maker_new();
    uint8_t hash[4][32], *large = some_bytes(20, 10000);
    const uint64_t floor = DEMUR_STORE_BLOB_FLOOR;
    CHECK(demur_store_blob_waiting(store) == 0);
    hash_of(hash[0], span_lit(""));
    hash_of(hash[1], span_of(large, 10000));
    CHECK_ERR(demur_store_blob_put(store, hash[0], span_lit(""), 1, NULL), DEMUR_OK);
    CHECK(demur_store_blob_waiting(store) == floor);
    CHECK_ERR(demur_store_blob_put(store, hash[1], span_of(large, 10000), 2, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_blob_put(store, hash[1], span_of(large, 10000), 2, NULL), DEMUR_OK);
    CHECK(demur_store_blob_waiting(store) == floor + 10000);
    small_blob(store, hash[2], 21, 3);
    small_blob(store, hash[3], 22, 4);
    CHECK(demur_store_blob_waiting(store) == 3 * floor + 10000);

    struct demur_store_ref refs[] = {{.entry = 0}, {.entry = 1}};
    memcpy(refs[0].blob, hash[1], 32);
    memcpy(refs[1].blob, hash[1], 32);
    maker_batch(m, 2);
    m->batch.refs = refs;
    m->batch.n_refs = 2;
    m->batch.before.size = 5;
    CHECK_ERR(demur_store_append(store, &m->batch, NULL), DEMUR_ERR_LIMIT);
    CHECK(demur_store_blob_waiting(store) == 3 * floor + 10000);
    m->batch.before.size = 0;
    CHECK_ERR(demur_store_append(store, &m->batch, NULL), DEMUR_OK);
    CHECK(demur_store_blob_waiting(store) == 3 * floor);
    CHECK_ERR(demur_store_blob_delete(store, hash[1], NULL), DEMUR_OK); /* referenced */
    CHECK_ERR(demur_store_blob_delete(store, hash[2], NULL), DEMUR_OK);
    CHECK(demur_store_blob_waiting(store) == 2 * floor);
    demur_store_close(store);
    store = world_reopen(&w);
    REQUIRE(store);
    CHECK(demur_store_blob_waiting(store) == 2 * floor);

    uint64_t n = 99;
    struct demur_store_blob stat;
    CHECK_ERR(demur_store_sweep(store, 9, 0, &n, NULL), DEMUR_OK);
    CHECK(n == 0);
    CHECK_ERR(demur_store_sweep(store, 9, 1, &n, NULL), DEMUR_OK); /* the oldest first */
    CHECK(n == 1 && demur_store_blob_waiting(store) == floor);
    CHECK_ERR(demur_store_blob_stat(store, &stat, hash[0], NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_blob_stat(store, &stat, hash[3], NULL), DEMUR_OK);
    CHECK_ERR(demur_store_sweep(store, 9, 7, &n, NULL), DEMUR_OK);
    CHECK(n == 1 && demur_store_blob_waiting(store) == 0);
    CHECK_ERR(demur_store_reclaim(store, UINT64_MAX, NULL, NULL), DEMUR_OK);
    check_clean(store);
    free(large);
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
}

/* Bytes that others left behind are removed by whoever reclaims, so much at a time as it
 * asks for: an upload that ends, in whatever way, does not wait for that. */
TEST(store_uploads_do_not_remove_for_others)
{
    enum { SIZE = 20 << 20, OWN = 300000, SMALL = 50 };
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    uint8_t hash[32], *large = some_bytes(30, SIZE), *own = some_bytes(31, OWN);
    uint64_t pending = 0;
    bool more = false;
    hash_of(hash, span_of(large, SIZE));
    CHECK_ERR(demur_store_blob_put(store, hash, span_of(large, SIZE), 1, NULL), DEMUR_OK);
    for (uint64_t i = 0; i < SMALL; i++)
        small_blob(store, hash, 40 + i, 1);
    CHECK_ERR(demur_store_sweep(store, 2, UINT64_MAX, NULL, NULL), DEMUR_OK);
    small_blob(store, hash, 32, 3);
    hash_of(hash, span_of(own, OWN));
    for (int again = 0; again < 2; again++) /* the second finds it there, and drops its copy */
        CHECK_ERR(demur_store_blob_put(store, hash, span_of(own, OWN), 4, NULL), DEMUR_OK);
    hash[0] ^= 1; /* and the last one is dropped as a whole */
    CHECK_ERR(demur_store_blob_put(store, hash, span_of(own, OWN), 4, NULL), DEMUR_ERR_VERIFY);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending == SIZE + 200 * SMALL + 200 + OWN);
    CHECK_ERR(demur_store_reclaim(store, 1, &more, NULL), DEMUR_OK);
    CHECK(more);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending == SIZE + 200 + OWN); /* small ones go together */
    CHECK_ERR(demur_store_reclaim(store, UINT64_MAX, &more, NULL), DEMUR_OK);
    CHECK(!more);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending == 200 + OWN);
    check_clean(store);
    free(large);
    free(own);
    demur_store_close(store);
    world_end(&w);
}

/* An upload says beforehand what it will hold, and never holds more. */
TEST(store_upload_tells_its_memory)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct demur_store_upload *upload = NULL;
    static uint8_t piece[DEMUR_STORE_UPLOAD_MAX];
    CHECK_ERR(demur_store_upload_new(store, &upload, NULL), DEMUR_OK);
    CHECK(demur_store_upload_memory(upload, 0) == 0);
    CHECK(demur_store_upload_room(upload) == DEMUR_STORE_UPLOAD_MAX);
    CHECK(demur_store_upload_memory(upload, 1) <= 65536);
    CHECK(demur_store_upload_memory(upload, DEMUR_STORE_UPLOAD_MAX) == DEMUR_STORE_UPLOAD_MAX);
    CHECK_ERR(demur_store_upload_write(upload, span_of(piece, 70000), NULL), DEMUR_OK);
    CHECK(demur_store_upload_memory(upload, 0) == 131072);
    CHECK(demur_store_upload_room(upload) == DEMUR_STORE_UPLOAD_MAX - 70000);
    CHECK_ERR(demur_store_upload_flush(upload, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_upload_flush(upload, NULL), DEMUR_OK); /* nothing to do */
    /* whole chunks have gone, the rest has not */
    CHECK(demur_store_upload_room(upload) == DEMUR_STORE_UPLOAD_MAX - 70000 % 65536);
    CHECK_ERR(
        demur_store_upload_write(upload, span_of(piece, demur_store_upload_room(upload)), NULL),
        DEMUR_OK);
    CHECK(demur_store_upload_room(upload) == 0);
    CHECK(demur_store_upload_memory(upload, 0) == DEMUR_STORE_UPLOAD_MAX);
    CHECK_ERR(demur_store_upload_write(upload, span_lit("x"), NULL), DEMUR_OK); /* by itself */
    uint8_t hash[32];
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, piece, 70000);
    crypto_hash_sha256_update(&state, piece, sizeof piece - 70000 % 65536);
    crypto_hash_sha256_update(&state, (const uint8_t *)"x", 1);
    crypto_hash_sha256_final(&state, hash);
    CHECK_ERR(demur_store_upload_finish(upload, hash, 1, NULL), DEMUR_OK);
    check_clean(store);
    demur_store_close(store);
    world_end(&w);
}
