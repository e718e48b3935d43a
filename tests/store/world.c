#define _GNU_SOURCE /* nftw */
#include <ftw.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "world.h"

/* Memory, where there is plenty, since no test here pulls the plug; else a disk. */
static const char *world_parent(void)
{
    const char *tmp = getenv("TMPDIR");
    struct statvfs fs;
    if (tmp)
        return tmp;
    bool roomy = statvfs("/dev/shm", &fs) == 0 && access("/dev/shm", W_OK) == 0 &&
                 (uint64_t)fs.f_bavail * fs.f_frsize > (uint64_t)1 << 30;
    return roomy ? "/dev/shm" : "/tmp";
}

void world_init(struct world *w)
{
    snprintf(w->root, sizeof w->root, "%.150s/demur-store-XXXXXX", world_parent());
    if (!mkdtemp(w->root))
        test_failed(__FILE__, __LINE__, "no folder %s", w->root);
    snprintf(w->dir, sizeof w->dir, "%s/s", w->root);
    snprintf(w->db, sizeof w->db, "%s/log.db", w->dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void world_end(struct world *w) { nftw(w->root, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

const char *world_path(struct world *w, const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", w->root, name);
    return path;
}

struct demur_store *world_reopen(struct world *w)
{
    struct demur_store *store = NULL;
    struct demur_diag diag = {0};
    if (demur_store_open(&store, w->dir, DEMUR_STORE_WRITE, &diag) != DEMUR_OK)
        test_failed(__FILE__, __LINE__, "cannot open: %s", diag.text);
    return store;
}

struct demur_store *world_open(struct world *w)
{
    struct demur_diag diag = {0};
    if (demur_store_create(w->dir, &diag) != DEMUR_OK)
        test_failed(__FILE__, __LINE__, "cannot create: %s", diag.text);
    return world_reopen(w);
}

size_t world_entry(uint8_t out[static 2048], uint64_t index)
{
    struct buf b = buf_over(out, 2048);
    buf_put_str(&b, "at ");
    buf_put_u64(&b, 1700000000 + index);
    buf_put_str(&b, "\nrecord ");
    buf_put_u64(&b, index);
    buf_put_byte(&b, '\n');
    uint64_t seed = index;
    size_t more = (size_t)(test_random_u64(&seed) % 1400);
    test_random(&seed, buf_reserve(&b, more), more);
    return b.len;
}

void hash_of(uint8_t out[static 32], struct span s)
{
    crypto_hash_sha256(out, s.len ? s.p : (const uint8_t *)"", s.len);
}

/* ---- the maker --------------------------------------------------------- */

struct maker *maker_new(void)
{
    struct maker *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    demur_frontier_init(&m->edge.frontier);
    demur_frontier_root(&m->edge.frontier, m->batch.after.root);
    return m;
}

static void maker_clear(struct maker *m)
{
    free(m->bytes);
    free(m->work);
    free(m->leaves);
    free(m->entries);
    free(m->tiles);
    m->bytes = m->work = m->leaves = NULL;
    m->entries = NULL;
    m->tiles = NULL;
}

void maker_free(struct maker *m)
{
    maker_clear(m);
    free(m);
}

static void maker_entries(struct maker *m, uint64_t from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t *p = m->bytes + 2048 * i;
        struct span bytes = span_of(p, world_entry(p, from + i)), record = bytes;
        bool found;
        span_split(&record, '\n', &found);
        m->entries[i].bytes = bytes;
        demur_merkle_leaf(m->entries[i].leaf, bytes);
        hash_of(m->entries[i].record, record);
        memcpy(m->leaves + 32 * i, m->entries[i].leaf, 32);
    }
}

void maker_batch(struct maker *m, size_t n)
{
    maker_clear(m);
    uint64_t from = m->edge.frontier.size;
    size_t space = demur_growth_space(from, from + n);
    m->bytes = malloc(2048 * n + 1);
    m->leaves = malloc(32 * n + 1);
    m->work = malloc(space + 1);
    m->entries = calloc(n + 1, sizeof *m->entries);
    m->tiles = calloc(2 * n + 16, sizeof *m->tiles);
    if (!m->bytes || !m->leaves || !m->work || !m->entries || !m->tiles)
        abort();
    maker_entries(m, from, n);
    if (demur_growth_init(&m->growth, &m->edge, m->leaves, n, m->work, space, NULL) != DEMUR_OK)
        abort();
    size_t tiles = 0;
    struct demur_tile_write write;
    while (demur_growth_next(&m->growth, &write))
        m->tiles[tiles++] =
            (struct demur_store_tile){(uint8_t)write.tile.level, write.tile.index, write.bytes};
    m->batch = (struct demur_store_batch){
        .entries = m->entries, .n_entries = n, .tiles = m->tiles, .n_tiles = tiles};
    m->batch.before.size = from;
    demur_frontier_root(&m->edge.frontier, m->batch.before.root);
    m->batch.after.size = from + n;
    demur_frontier_root(&m->growth.frontier, m->batch.after.root);
}

void maker_accept(struct maker *m) { demur_edge_advance(&m->edge, &m->growth); }

void maker_append(struct maker *m, struct demur_store *store, size_t n)
{
    struct demur_diag diag = {0};
    maker_batch(m, n);
    if (demur_store_append(store, &m->batch, &diag) != DEMUR_OK)
        test_failed(__FILE__, __LINE__, "append refused: %s", diag.text);
    else
        maker_accept(m);
}

void maker_skip(struct maker *m, uint64_t size)
{
    while (m->edge.frontier.size < size) {
        uint64_t left = size - m->edge.frontier.size;
        maker_batch(m, left < 256 ? (size_t)left : 256);
        maker_accept(m);
    }
}

struct source {
    struct demur_store *store;
    uint8_t tile[DEMUR_TILE_BYTES];
};

static bool source_tile(void *ctx, const struct demur_tile *tile, struct span *bytes)
{
    struct source *source = ctx;
    *bytes = span_of(source->tile, 32 * (size_t)tile->width);
    return demur_store_tile_get(source->store, source->tile, (uint8_t)tile->level, tile->index,
                                tile->width, NULL) == DEMUR_OK;
}

bool maker_load(struct maker *m, struct demur_store *store)
{
    struct demur_store_head head;
    if (demur_store_head_get(store, &head, NULL) != DEMUR_OK)
        return false;
    struct source source = {.store = store};
    struct demur_tile_source tiles = {source_tile, &source, head.size};
    uint8_t root[32];
    if (!demur_edge_load(&m->edge, &tiles))
        return false;
    demur_frontier_root(&m->edge.frontier, root);
    return memcmp(root, head.root, 32) == 0;
}

/* ---- checks ------------------------------------------------------------ */

static void fail_on(void *ctx, const struct demur_store_finding *finding)
{
    (void)ctx;
    test_failed(__FILE__, __LINE__, "found: %s", finding->text);
}

void check_clean(struct demur_store *store)
{
    uint64_t n = 1;
    struct demur_diag diag = {0};
    if (demur_store_check(store, &n, fail_on, NULL, &diag) != DEMUR_OK)
        test_failed(__FILE__, __LINE__, "check stopped: %s", diag.text);
    CHECK(n == 0);
}

static void keep_first(void *ctx, const struct demur_store_finding *finding)
{
    struct demur_store_finding *first = ctx;
    if (!first->text[0])
        *first = *finding;
}

const char *check_first(struct demur_store *store, uint64_t *n, struct demur_store_finding *first)
{
    struct demur_diag diag = {0};
    *first = (struct demur_store_finding){0};
    if (demur_store_check(store, n, keep_first, first, &diag) != DEMUR_OK)
        test_failed(__FILE__, __LINE__, "check stopped: %s", diag.text);
    return first->text;
}
