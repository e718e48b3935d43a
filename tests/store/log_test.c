/* Appending, and reading back what was appended. */
#include "world.h"

TEST(store_log_empty)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct demur_store_head head = {.size = 9};
    uint8_t empty[32], out[32];
    demur_merkle_empty(empty);
    CHECK_ERR(demur_store_head_get(store, &head, NULL), DEMUR_OK);
    CHECK(head.size == 0);
    CHECK_SPAN(span_of(head.root, 32), span_of(empty, 32));
    struct demur_store_bytes bytes = {NULL, 0};
    CHECK_ERR(demur_store_entry_get(store, &bytes, 0, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_tile_get(store, out, 0, 0, 1, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_bundle_get(store, &bytes, 0, 1, NULL), DEMUR_ERR_UNKNOWN);
    CHECK(bytes.p == NULL);
    check_clean(store);
    demur_store_close(store);
    world_end(&w);
}

struct walk {
    uint64_t next, stop;
    bool right;
};

static enum demur_err walk_entry(void *ctx, uint64_t index, const uint8_t leaf[static 32],
                                 struct span bytes)
{
    struct walk *walk = ctx;
    uint8_t want[2048], want_leaf[32];
    size_t len = world_entry(want, index);
    demur_merkle_leaf(want_leaf, bytes);
    walk->right = walk->right && index == walk->next && span_eq(bytes, span_of(want, len)) &&
                  memcmp(leaf, want_leaf, 32) == 0;
    walk->next++;
    return walk->next == walk->stop ? DEMUR_ERR_TIME : DEMUR_OK;
}

static void check_walks(struct demur_store *store, uint64_t size)
{
    static const uint64_t froms[] = {0, 1, 255, 256, 300};
    for (size_t i = 0; i < DEMUR_COUNT(froms); i++) {
        struct walk walk = {froms[i], UINT64_MAX, true};
        CHECK_ERR(demur_store_entries(store, froms[i], size, walk_entry, &walk, NULL), DEMUR_OK);
        CHECK(walk.right && walk.next == size);
    }
    struct walk none = {7, UINT64_MAX, true};
    CHECK_ERR(demur_store_entries(store, 7, 7, walk_entry, &none, NULL), DEMUR_OK);
    CHECK(none.next == 7);
    struct walk past = {size - 2, UINT64_MAX, true};
    CHECK_ERR(demur_store_entries(store, size - 2, size + 1, walk_entry, &past, NULL),
              DEMUR_ERR_UNKNOWN);
    CHECK(past.right && past.next == size);
    struct walk stop = {0, 300, true};
    CHECK_ERR(demur_store_entries(store, 0, size, walk_entry, &stop, NULL), DEMUR_ERR_TIME);
    CHECK(stop.next == 300);
}

static void check_finds(struct demur_store *store, uint64_t size)
{
    for (uint64_t i = 0; i < size; i += 97) {
        uint8_t bytes[2048], hash[32];
        uint64_t index = UINT64_MAX;
        struct span entry = span_of(bytes, world_entry(bytes, i)), record = entry;
        bool found;
        span_split(&record, '\n', &found);
        demur_merkle_leaf(hash, entry);
        CHECK_ERR(demur_store_leaf_find(store, &index, hash, NULL), DEMUR_OK);
        CHECK(index == i);
        index = UINT64_MAX;
        hash_of(hash, record);
        CHECK_ERR(demur_store_record_find(store, &index, hash, NULL), DEMUR_OK);
        CHECK(index == i);
        CHECK_ERR(demur_store_leaf_find(store, &index, hash, NULL), DEMUR_ERR_UNKNOWN);
    }
}

/* A bundle holds the made-up entries from 256 * index on, and only them. */
static void check_bundle(struct demur_store *store, uint64_t index, size_t width)
{
    struct demur_store_bytes bundle = {NULL, 0};
    CHECK_ERR(demur_store_bundle_get(store, &bundle, index, width, NULL), DEMUR_OK);
    struct span rest = span_of(bundle.p, bundle.len), entry;
    size_t n = 0;
    uint8_t want[2048];
    for (; demur_bundle_next(&rest, &entry); n++)
        CHECK_SPAN(entry, span_of(want, world_entry(want, 256 * index + n)));
    CHECK(rest.len == 0 && n == width);
    demur_store_bytes_free(&bundle);
    CHECK(bundle.p == NULL && bundle.len == 0);
}

/* Hash i of tile (level, index), computed from its leaves. */
static void subtree(uint8_t out[static 32], unsigned level, uint64_t n)
{
    struct demur_frontier f;
    demur_frontier_init(&f);
    uint64_t span = (uint64_t)1 << 8 * level;
    for (uint64_t i = n * span; i < (n + 1) * span; i++) {
        uint8_t bytes[2048], leaf[32];
        demur_merkle_leaf(leaf, span_of(bytes, world_entry(bytes, i)));
        CHECK(demur_frontier_append(&f, leaf));
    }
    demur_frontier_root(&f, out);
}

static void check_tiles(struct demur_store *store, uint64_t size)
{
    uint8_t tile[DEMUR_TILE_BYTES], want[32];
    for (uint8_t level = 0; level < 2; level++) {
        uint64_t hashes = size >> 8 * level;
        for (uint64_t i = 0; i < hashes; i += 61 - 58 * level) {
            size_t width = (size_t)(i % 256 + 1);
            CHECK_ERR(demur_store_tile_get(store, tile, level, i / 256, width, NULL), DEMUR_OK);
            subtree(want, level, i);
            CHECK_SPAN(span_of(tile + 32 * (width - 1), 32), span_of(want, 32));
        }
        size_t past = (size_t)(hashes % 256 + 1);
        CHECK_ERR(demur_store_tile_get(store, tile, level, hashes / 256, past, NULL),
                  DEMUR_ERR_UNKNOWN);
    }
}

TEST(store_log_reads_what_was_appended)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct maker *m = maker_new();
    static const size_t batches[] = {1, 2, 252, 1, 1, 255, 513, 40, 0, 700};
    for (size_t i = 0; i < DEMUR_COUNT(batches); i++)
        maker_append(m, store, batches[i]);
    uint64_t size = m->edge.frontier.size;
    for (int pass = 0; pass < 2; pass++) { /* before and after opening again */
        struct demur_store_head head;
        CHECK_ERR(demur_store_head_get(store, &head, NULL), DEMUR_OK);
        CHECK(head.size == size);
        CHECK_SPAN(span_of(head.root, 32), span_of(m->batch.after.root, 32));
        check_walks(store, size);
        check_finds(store, size);
        check_bundle(store, 0, 256);
        check_bundle(store, 1, 17);
        check_bundle(store, size / 256, (size_t)(size % 256));
        check_tiles(store, size);
        check_clean(store);
        demur_store_close(store);
        store = world_reopen(&w);
        REQUIRE(store);
    }
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
}

TEST(store_log_swap_refused)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct maker *m = maker_new(), *other = maker_new();
    maker_append(m, store, 5);
    struct demur_diag diag;
    maker_batch(other, 3); /* still from size 0 */
    struct demur_store_kv kv = {span_lit("k"), span_lit("v")};
    other->batch.kvs = &kv;
    other->batch.n_kvs = 1;
    CHECK_ERR(demur_store_append(store, &other->batch, &diag), DEMUR_ERR_STALE);
    CHECK(strstr(diag.text, "fold again"));
    maker_batch(m, 2); /* the right size, another root */
    m->batch.before.root[31] ^= 1;
    CHECK_ERR(demur_store_append(store, &m->batch, NULL), DEMUR_ERR_STALE);
    struct demur_store_head head;
    CHECK_ERR(demur_store_head_get(store, &head, NULL), DEMUR_OK);
    CHECK(head.size == 5);
    struct demur_store_bytes bytes;
    CHECK_ERR(demur_store_kv_get(store, &bytes, "k", NULL), DEMUR_ERR_UNKNOWN);
    m->batch.before.root[31] ^= 1;
    m->batch.kvs = &kv;
    m->batch.n_kvs = 1;
    CHECK_ERR(demur_store_append(store, &m->batch, NULL), DEMUR_OK);
    REQUIRE(demur_store_kv_get(store, &bytes, "k", NULL) == DEMUR_OK);
    CHECK_SPAN(span_of(bytes.p, bytes.len), span_lit("v"));
    demur_store_bytes_free(&bytes);
    check_clean(store);
    demur_store_close(store);
    maker_free(m);
    maker_free(other);
    world_end(&w);
}

TEST(store_log_bad_batches)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct maker *m = maker_new();
    maker_append(m, store, 300);
    maker_batch(m, 4);
    struct demur_store_batch good = m->batch, bad = good;
    static uint8_t large[DEMUR_STORE_ENTRY_MAX + 1];
    bad.after.size++;
    CHECK_ERR(demur_store_append(store, &bad, NULL), DEMUR_ERR_LIMIT);
    bad = good;
    bad.after.size = 2;
    CHECK_ERR(demur_store_append(store, &bad, NULL), DEMUR_ERR_LIMIT);
    bad = good;
    bad.before.size = (uint64_t)INT64_MAX - 1;
    bad.after.size = bad.before.size + 4;
    CHECK_ERR(demur_store_append(store, &bad, NULL), DEMUR_ERR_LIMIT);
    struct span bytes = m->entries[1].bytes;
    m->entries[1].bytes = span_of(large, sizeof large);
    CHECK_ERR(demur_store_append(store, &good, NULL), DEMUR_ERR_LIMIT);
    m->entries[1].bytes = bytes;
    struct demur_store_tile tile = m->tiles[0];
    static const size_t lengths[] = {0, 31, 33, 257 * 32};
    for (size_t i = 0; i < DEMUR_COUNT(lengths); i++) {
        m->tiles[0].bytes = span_of(large, lengths[i]);
        CHECK_ERR(demur_store_append(store, &good, NULL), DEMUR_ERR_LIMIT);
    }
    m->tiles[0].bytes = span_take(tile.bytes, 32); /* narrower than what is stored */
    CHECK_ERR(demur_store_append(store, &good, NULL), DEMUR_ERR_VERIFY);
    m->tiles[0].bytes = span_of(large, tile.bytes.len); /* other hashes */
    CHECK_ERR(demur_store_append(store, &good, NULL), DEMUR_ERR_VERIFY);
    m->tiles[0] = tile;
    struct demur_store_kv kv = {span_of("", 0), span_lit("v")};
    bad = good;
    bad.kvs = &kv;
    bad.n_kvs = 1;
    CHECK_ERR(demur_store_append(store, &bad, NULL), DEMUR_ERR_LIMIT);
    struct demur_store_ref ref = {.entry = 299};
    bad = good;
    bad.refs = &ref;
    bad.n_refs = 1;
    CHECK_ERR(demur_store_append(store, &bad, NULL), DEMUR_ERR_LIMIT);
    ref.entry = 304;
    CHECK_ERR(demur_store_append(store, &bad, NULL), DEMUR_ERR_LIMIT);
    check_clean(store);
    CHECK_ERR(demur_store_append(store, &good, NULL), DEMUR_OK);
    check_clean(store);
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
}

TEST(store_log_bounds_of_reads)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct maker *m = maker_new();
    maker_append(m, store, 3);
    uint8_t out[DEMUR_TILE_BYTES];
    struct demur_store_bytes bytes = {NULL, 0};
    CHECK_ERR(demur_store_tile_get(store, out, 0, 0, 0, NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_store_tile_get(store, out, 0, 0, 257, NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_store_tile_get(store, out, 8, 0, 1, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_tile_get(store, out, 0, UINT64_MAX, 1, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_bundle_get(store, &bytes, 0, 0, NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_store_bundle_get(store, &bytes, UINT64_MAX, 1, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_entry_get(store, &bytes, UINT64_MAX, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_entry_get(store, &bytes, INT64_MAX, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_entries(store, 0, UINT64_MAX, walk_entry, &(struct walk){0}, NULL),
              DEMUR_ERR_UNKNOWN);
    CHECK(bytes.p == NULL);
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
}

/* Whether it was there before the first look, came after it, was refused, or was
 * written by another process: a hash finds what is in the log, and the first of two. */
TEST(store_finds_by_hash)
{
    struct world w;
    struct maker *m = maker_new();
    uint64_t index;
    world_init(&w);
    struct demur_store *store = world_open(&w), *reader;
    REQUIRE(store != NULL && m != NULL);
    maker_append(m, store, 300);
    CHECK_ERR(demur_store_open(&reader, w.dir, DEMUR_STORE_READ, NULL), DEMUR_OK);
    check_finds(store, 300);
    check_finds(reader, 300);
    maker_append(m, store, 1400); /* the table grows */
    check_finds(store, 1700);
    check_finds(reader, 1700);

    maker_batch(m, 50);
    uint8_t fresh[32];
    memcpy(fresh, m->batch.entries[49].leaf, 32);
    m->batch.after.size++;
    CHECK_ERR(demur_store_append(store, &m->batch, NULL), DEMUR_ERR_LIMIT);
    m->batch.after.size--;
    struct demur_store_ref ref = {.entry = 1700, .blob = {1}};
    m->batch.refs = &ref;
    m->batch.n_refs = 1;
    CHECK_ERR(demur_store_append(store, &m->batch, NULL), DEMUR_ERR_MISSING);
    m->batch.n_refs = 0;
    CHECK_ERR(demur_store_leaf_find(store, &index, fresh, NULL), DEMUR_ERR_UNKNOWN);
    check_finds(store, 1700);
    /* the second half says that it is the records of the first */
    for (size_t i = 25; i < 50; i++)
        memcpy(m->entries[i].record, m->entries[i - 25].record, 32);
    CHECK_ERR(demur_store_append(store, &m->batch, NULL), DEMUR_OK);
    maker_accept(m);
    CHECK_ERR(demur_store_leaf_find(store, &index, fresh, NULL), DEMUR_OK);
    CHECK(index == 1749);
    for (size_t i = 0; i < 25; i++) {
        CHECK_ERR(demur_store_record_find(store, &index, m->entries[i].record, NULL), DEMUR_OK);
        CHECK(index == 1700 + i);
    }
    demur_store_close(reader);
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
}
