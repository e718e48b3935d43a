/* Tiles: paths, and that a log grown in batches of any size holds in its tiles
 * just what the definition says, at every size. */
#include "../../core/tile.h"
#include "../test.h"

/* ---- paths --------------------------------------------------------------- */

static struct span path_of(struct demur_tile tile)
{
    static uint8_t storage[DEMUR_TILE_PATH_MAX];
    struct buf b = buf_over(storage, sizeof storage);
    demur_tile_put_path(&b, &tile);
    CHECK(buf_ok(&b));
    return buf_span(&b);
}

TEST(tile_paths)
{
    static const struct {
        struct demur_tile tile;
        const char *path;
    } cases[] = {
        {{0, 0, 256}, "tile/0/000"},
        {{0, 273, 112}, "tile/0/273.p/112"},
        {{1, 999, 256}, "tile/1/999"},
        {{2, 1000, 1}, "tile/2/x001/000.p/1"},
        {{63, 1234067, 255}, "tile/63/x001/x234/067.p/255"},
        {{DEMUR_TILE_ENTRIES, 0, 7}, "tile/entries/000.p/7"},
        {{DEMUR_TILE_ENTRIES, 1000000, 256}, "tile/entries/x001/x000/000"},
        {{0, ((uint64_t)1 << 55) - 1, 255}, "tile/0/x036/x028/x797/x018/x963/967.p/255"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_tile got;
        CHECK_SPAN(path_of(cases[i].tile), span_str(cases[i].path));
        REQUIRE(demur_tile_parse_path(&got, span_str(cases[i].path), NULL) == DEMUR_OK);
        CHECK(got.level == cases[i].tile.level && got.index == cases[i].tile.index &&
              got.width == cases[i].tile.width);
    }
}

TEST(tile_paths_refused)
{
    static const struct {
        const char *path;
        enum demur_err want;
    } cases[] = {
        {"", DEMUR_ERR_SYNTAX},
        {"tile/", DEMUR_ERR_SYNTAX},
        {"tile/0", DEMUR_ERR_SYNTAX},
        {"tile/0/", DEMUR_ERR_SYNTAX},
        {"/tile/0/000", DEMUR_ERR_SYNTAX},
        {"tile/64/000", DEMUR_ERR_SYNTAX},
        {"tile/00/000", DEMUR_ERR_SYNTAX},
        {"tile/-1/000", DEMUR_ERR_SYNTAX},
        {"tile/data/000", DEMUR_ERR_SYNTAX},
        {"tile/8/0/000", DEMUR_ERR_SYNTAX},
        {"tile/0/00", DEMUR_ERR_SYNTAX},
        {"tile/0/0000", DEMUR_ERR_SYNTAX},
        {"tile/0/00a", DEMUR_ERR_SYNTAX},
        {"tile/0/x000", DEMUR_ERR_SYNTAX},
        {"tile/0/x001/", DEMUR_ERR_SYNTAX},
        {"tile/0/001/000", DEMUR_ERR_SYNTAX},
        {"tile/0/x000/001", DEMUR_ERR_CANON},
        {"tile/0/X001/000", DEMUR_ERR_SYNTAX},
        {"tile/0/000.p/0", DEMUR_ERR_SYNTAX},
        {"tile/0/000.p/256", DEMUR_ERR_SYNTAX},
        {"tile/0/000.p/01", DEMUR_ERR_SYNTAX},
        {"tile/0/000.p/", DEMUR_ERR_SYNTAX},
        {"tile/0/000.p", DEMUR_ERR_SYNTAX},
        {"tile/0/000.", DEMUR_ERR_SYNTAX},
        {"tile/0/000/", DEMUR_ERR_SYNTAX},
        {"tile/0/000.p/1/", DEMUR_ERR_SYNTAX},
        {"tile/0/000.p/1 ", DEMUR_ERR_SYNTAX},
        {"tile/0/x036/x028/x797/x018/x963/968", DEMUR_ERR_LIMIT},
        {"tile/0/x999/x999/x999/x999/x999/x999/999", DEMUR_ERR_LIMIT},
        {"tile/0/x001/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/000", DEMUR_ERR_LIMIT},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct demur_tile tile = {9, 9, 9};
        struct demur_diag diag;
        enum demur_err got = demur_tile_parse_path(&tile, span_str(cases[i].path), &diag);
        if (got != cases[i].want || got != diag.code)
            test_failed(__FILE__, __LINE__, "%s: %s", cases[i].path, demur_err_name(got));
        CHECK(tile.level == 9 && tile.index == 9 && tile.width == 9);
    }
}

TEST(tile_widths)
{
    CHECK(demur_tile_width_at(0, 0, 0) == 0);
    CHECK(demur_tile_width_at(0, 272, 70000) == 256);
    CHECK(demur_tile_width_at(0, 273, 70000) == 112);
    CHECK(demur_tile_width_at(DEMUR_TILE_ENTRIES, 273, 70000) == 112);
    CHECK(demur_tile_width_at(0, 274, 70000) == 0);
    CHECK(demur_tile_width_at(1, 0, 70000) == 256);
    CHECK(demur_tile_width_at(1, 1, 70000) == 17);
    CHECK(demur_tile_width_at(2, 0, 70000) == 1);
    CHECK(demur_tile_width_at(3, 0, 70000) == 0);
    CHECK(demur_tile_width_at(0, 1, 256) == 0);
    CHECK(demur_tile_width_at(7, 0, DEMUR_LOG_SIZE_MAX) == 127);
    CHECK(demur_tile_width_at(8, 0, DEMUR_LOG_SIZE_MAX) == 0);
    CHECK(demur_tile_width_at(0, UINT64_MAX, DEMUR_LOG_SIZE_MAX) == 0);
}

/* ---- growing ------------------------------------------------------------- */

enum { LOG = 66400, BATCH = 3000 };

static struct {
    uint8_t leaves[LOG * 32];
    uint8_t level0[LOG * 32], level1[LOG / 256 * 32], level2[32];
    uint8_t work[(BATCH + BATCH / 255 + 256 * DEMUR_TILE_LEVELS) * 32];
    struct demur_edge edge;
    uint64_t size;
} w;

static uint8_t *tile_at(const struct demur_tile *tile)
{
    uint8_t *const levels[] = {w.level0, w.level1, w.level2};
    return tile->level < 3 ? levels[tile->level] + tile->index * DEMUR_TILE_BYTES : NULL;
}

static bool fetch(void *ctx, const struct demur_tile *tile, struct span *bytes)
{
    (void)ctx;
    CHECK(tile->width == demur_tile_width_at(tile->level, tile->index, w.size));
    *bytes = span_of(tile_at(tile), tile->width * 32);
    return bytes->p != NULL;
}

static void leaf_at(uint8_t out[32], uint64_t i)
{
    uint8_t entry[8];
    struct buf b = buf_over(entry, sizeof entry);
    buf_put_be64(&b, i);
    demur_merkle_leaf(out, buf_span(&b));
}

/* Append n leaves through the public interface, as a store would. */
static void grow(size_t n)
{
    struct demur_growth growth;
    struct demur_tile_write write;
    size_t need = demur_growth_space(w.size, w.size + n);
    REQUIRE(need <= sizeof w.work);
    REQUIRE(demur_growth_init(&growth, &w.edge, w.leaves + w.size * 32, n, w.work, need, NULL) ==
            DEMUR_OK);
    while (demur_growth_next(&growth, &write)) {
        uint8_t *at = tile_at(&write.tile);
        REQUIRE(at && write.bytes.len == write.tile.width * 32);
        CHECK(write.kept < write.tile.width && memcmp(at, write.bytes.p, write.kept * 32) == 0);
        memcpy(at, write.bytes.p, write.bytes.len);
    }
    CHECK(growth.frontier.size == w.size + n && w.edge.frontier.size == w.size);
    demur_edge_advance(&w.edge, &growth);
    w.size += n;
}

static void check_root_from_tiles(const struct demur_frontier *want)
{
    struct demur_tile_source source = {fetch, NULL, w.size};
    struct demur_tree_reader reader = demur_tile_reader(&source);
    struct demur_frontier loaded;
    uint8_t a[32], b[32], c[32];
    demur_frontier_root(want, a);
    demur_frontier_root(&w.edge.frontier, b);
    CHECK(memcmp(a, b, 32) == 0);
    REQUIRE(demur_frontier_load(&loaded, w.size, &reader));
    demur_frontier_root(&loaded, c);
    CHECK(memcmp(a, c, 32) == 0);
}

static void start(void)
{
    memset(&w, 0, sizeof w);
    for (uint64_t i = 0; i < LOG; i++)
        leaf_at(w.leaves + 32 * i, i);
}

/* Sizes 0 to 600 one by one: the tree by appending, the tree out of tiles. */
TEST(tile_every_small_size)
{
    start();
    struct demur_frontier f;
    demur_frontier_init(&f);
    check_root_from_tiles(&f);
    while (w.size < 600) {
        REQUIRE(demur_frontier_append(&f, w.leaves + 32 * w.size));
        grow(1);
        check_root_from_tiles(&f);
    }
}

/* Any prefix of a log is a log: batches of any size, proofs out of tiles. */
TEST(tile_batches_and_proofs)
{
    start();
    uint64_t seed = 3, old_size = 0;
    struct demur_frontier f;
    demur_frontier_init(&f);
    uint8_t old_root[32], root[32];
    while (w.size < LOG) {
        size_t n = 1 + test_random_u64(&seed) % BATCH;
        n = n > LOG - w.size ? LOG - w.size : n;
        for (size_t i = 0; i < n; i++)
            REQUIRE(demur_frontier_append(&f, w.leaves + 32 * (w.size + i)));
        grow(n);
        check_root_from_tiles(&f);
        demur_frontier_root(&f, root);
        struct demur_tile_source source = {fetch, NULL, w.size};
        struct demur_tree_reader reader = demur_tile_reader(&source);
        struct demur_proof proof;
        uint64_t i = test_random_u64(&seed) % w.size;
        REQUIRE(demur_inclusion_prove(&proof, i, w.size, &reader));
        CHECK(demur_inclusion_verify(&proof, i, w.size, w.leaves + 32 * i, root));
        if (old_size) {
            REQUIRE(demur_consistency_prove(&proof, old_size, w.size, &reader));
            CHECK(demur_consistency_verify(&proof, old_size, w.size, old_root, root));
        }
        memcpy(old_root, root, 32);
        old_size = w.size;
    }
}

/* An edge loaded from tiles goes on as the one that never stopped. */
TEST(tile_edge_survives_a_restart)
{
    start();
    static struct demur_edge loaded;
    uint64_t seed = 4;
    struct demur_tile_source source = {fetch, NULL, 0};
    memset(&loaded, 0xA5, sizeof loaded);
    REQUIRE(demur_edge_load(&loaded, &source));
    for (int round = 0; round < 40; round++) {
        grow(1 + test_random_u64(&seed) % 1500);
        source.size = w.size;
        memset(&loaded, 0xA5, sizeof loaded);
        REQUIRE(demur_edge_load(&loaded, &source));
        for (int level = 0; level < 3; level++)
            CHECK(memcmp(loaded.tile[level], w.edge.tile[level],
                         (w.size >> 8 * level) % DEMUR_TILE_WIDTH * 32) == 0);
        w.edge = loaded;
    }
    struct demur_frontier f;
    demur_frontier_init(&f);
    for (uint64_t i = 0; i < w.size; i++)
        REQUIRE(demur_frontier_append(&f, w.leaves + 32 * i));
    check_root_from_tiles(&f);
}

TEST(tile_fill_agrees_with_growth)
{
    start();
    while (w.size < 1300)
        grow(260);
    struct demur_tile_source source = {fetch, NULL, w.size};
    struct demur_tree_reader reader = demur_tile_reader(&source);
    struct demur_tile_walk walk;
    struct demur_tile tile;
    unsigned kept, tiles = 0;
    demur_tile_walk_init(&walk, 0, w.size);
    while (demur_tile_walk_next(&walk, &tile, &kept)) {
        uint8_t bytes[DEMUR_TILE_BYTES];
        REQUIRE(demur_tile_fill(&tile, &reader, bytes));
        CHECK(kept == 0 && memcmp(bytes, tile_at(&tile), tile.width * 32) == 0);
        tiles++;
    }
    CHECK(tiles == 6 + 1);
}

TEST(tile_walk_tells_what_changed)
{
    static const struct {
        struct demur_tile tile;
        unsigned kept;
    } want[] = {
        {{0, 273, 256}, 112},
        {{0, 274, 44}, 0},
        {{1, 1, 18}, 17},
    };
    struct demur_tile_walk walk;
    struct demur_tile tile;
    unsigned kept;
    demur_tile_walk_init(&walk, 70000, 70188);
    for (size_t i = 0; i < DEMUR_COUNT(want); i++) {
        REQUIRE(demur_tile_walk_next(&walk, &tile, &kept));
        CHECK(tile.level == want[i].tile.level && tile.index == want[i].tile.index &&
              tile.width == want[i].tile.width && kept == want[i].kept);
    }
    CHECK(!demur_tile_walk_next(&walk, &tile, &kept));
    CHECK(!demur_tile_walk_next(&walk, &tile, &kept));
    demur_tile_walk_init(&walk, 5, 5);
    CHECK(!demur_tile_walk_next(&walk, &tile, &kept));
}

TEST(tile_growth_refusals)
{
    start();
    struct demur_growth growth;
    struct demur_tile_write write;
    CHECK(demur_growth_space(0, 5) == 5 * 32);
    CHECK_ERR(demur_growth_init(&growth, &w.edge, w.leaves, 5, w.work, 5 * 32 - 1, NULL),
              DEMUR_ERR_SPACE);
    REQUIRE(demur_growth_init(&growth, &w.edge, w.leaves, 0, NULL, 0, NULL) == DEMUR_OK);
    CHECK(!demur_growth_next(&growth, &write));
    w.edge.frontier.size = DEMUR_LOG_SIZE_MAX;
    CHECK_ERR(demur_growth_init(&growth, &w.edge, w.leaves, 1, w.work, sizeof w.work, NULL),
              DEMUR_ERR_LIMIT);
    CHECK(demur_growth_space(0, DEMUR_LOG_SIZE_MAX) == SIZE_MAX);
}

static bool short_tile(void *ctx, const struct demur_tile *tile, struct span *bytes)
{
    *bytes = span_of(ctx, (tile->width - 1) * 32);
    return true;
}

TEST(tile_reader_refuses_short_tiles)
{
    start();
    grow(10);
    struct demur_tile_source source = {short_tile, w.level0, 10};
    struct demur_tree_reader reader = demur_tile_reader(&source);
    uint8_t hash[32];
    CHECK(!reader.read(reader.ctx, 0, 0, hash));
    CHECK(!demur_edge_load(&w.edge, &source));
    source.tile = fetch;
    CHECK(reader.read(reader.ctx, 3, 0, hash));
    CHECK(!reader.read(reader.ctx, 3, 1, hash));
    CHECK(!reader.read(reader.ctx, 0, 10, hash));
    CHECK(!reader.read(reader.ctx, 8, 0, hash));
}

/* ---- bundles and cutting ------------------------------------------------- */

TEST(tile_bundles)
{
    static uint8_t storage[70000], entry_bytes[DEMUR_BUNDLE_ENTRY_MAX + 1];
    struct buf b = buf_over(storage, sizeof storage);
    demur_bundle_put(&b, span_lit("one"));
    demur_bundle_put(&b, span_of(NULL, 0));
    demur_bundle_put(&b, span_of(entry_bytes, DEMUR_BUNDLE_ENTRY_MAX));
    REQUIRE(buf_ok(&b) && b.len == 2 + 3 + 2 + 2 + DEMUR_BUNDLE_ENTRY_MAX);
    struct span all = buf_span(&b), rest = all, entry;
    size_t count = 0;
    REQUIRE(demur_bundle_check(all, 3, &count, NULL) == DEMUR_OK);
    CHECK(count == 3);
    CHECK_ERR(demur_bundle_check(all, 2, &count, NULL), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_bundle_check(span_take(all, all.len - 1), 3, &count, NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_bundle_check(span_take(all, 1), 3, &count, NULL), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_bundle_check(span_take(all, 0), 3, &count, NULL), DEMUR_ERR_MISSING);
    REQUIRE(demur_bundle_next(&rest, &entry));
    CHECK_SPAN(entry, span_lit("one"));
    REQUIRE(demur_bundle_next(&rest, &entry));
    CHECK(entry.len == 0);
    REQUIRE(demur_bundle_next(&rest, &entry));
    CHECK(entry.len == DEMUR_BUNDLE_ENTRY_MAX && rest.len == 0);
    CHECK(!demur_bundle_next(&rest, &entry));

    struct buf small = buf_over(storage, 6);
    demur_bundle_put(&small, span_lit("four5"));
    CHECK(!buf_ok(&small) && small.len == 0);
    b = buf_over(storage, sizeof storage);
    demur_bundle_put(&b, span_of(entry_bytes, sizeof entry_bytes));
    CHECK(!buf_ok(&b));
}

TEST(tile_cut)
{
    uint8_t storage[64] = {0};
    struct buf b = buf_over(storage, sizeof storage);
    struct span out;
    for (int i = 0; i < 3; i++)
        demur_bundle_put(&b, span_lit("abcd"));
    struct demur_tile tile = {DEMUR_TILE_ENTRIES, 0, 2};
    REQUIRE(demur_tile_cut(&tile, buf_span(&b), &out, NULL) == DEMUR_OK);
    CHECK_SPAN(out, span_lit("\0\4abcd\0\4abcd"));
    tile.width = 3;
    REQUIRE(demur_tile_cut(&tile, buf_span(&b), &out, NULL) == DEMUR_OK);
    CHECK_SPAN(out, buf_span(&b));
    tile.width = 4;
    CHECK_ERR(demur_tile_cut(&tile, buf_span(&b), &out, NULL), DEMUR_ERR_MISSING);
    CHECK_ERR(demur_tile_cut(&tile, span_take(buf_span(&b), 17), &out, NULL), DEMUR_ERR_SYNTAX);
    tile = (struct demur_tile){0, 0, 1};
    REQUIRE(demur_tile_cut(&tile, span_of(storage, 64), &out, NULL) == DEMUR_OK);
    CHECK(out.len == 32);
    tile.width = 3;
    CHECK_ERR(demur_tile_cut(&tile, span_of(storage, 64), &out, NULL), DEMUR_ERR_MISSING);
}
