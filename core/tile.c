/* tile.c - see tile.h. */
#include "tile.h"

#define INDEX_LIMIT ((uint64_t)1 << 55)

/* ---- paths --------------------------------------------------------------- */

static void put_three(struct buf *out, unsigned value)
{
    const uint8_t digits[3] = {(uint8_t)('0' + value / 100), (uint8_t)('0' + value / 10 % 10),
                               (uint8_t)('0' + value % 10)};
    buf_put(out, digits, sizeof digits);
}

void demur_tile_put_path(struct buf *out, const struct demur_tile *tile)
{
    buf_put_str(out, "tile/");
    if (tile->level == DEMUR_TILE_ENTRIES)
        buf_put_str(out, "entries");
    else
        buf_put_u64(out, (uint64_t)tile->level);
    buf_put_byte(out, '/');
    uint64_t scale = 1;
    while (tile->index / scale >= 1000)
        scale *= 1000;
    for (; scale > 1; scale /= 1000) {
        buf_put_byte(out, 'x');
        put_three(out, (unsigned)(tile->index / scale % 1000));
        buf_put_byte(out, '/');
    }
    put_three(out, (unsigned)(tile->index % 1000));
    if (tile->width < DEMUR_TILE_WIDTH) {
        buf_put_str(out, ".p/");
        buf_put_u64(out, tile->width);
    }
}

static bool three_digits(struct span s, unsigned *value)
{
    if (s.len != 3)
        return false;
    *value = 0;
    for (size_t i = 0; i < 3; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        *value = *value * 10 + (unsigned)(s.p[i] - '0');
    }
    return true;
}

static enum demur_err parse_index(uint64_t *index, struct span groups, struct demur_diag *diag)
{
    uint64_t n = 0;
    bool more, first = true;
    do {
        struct span group = span_split(&groups, '/', &more);
        if (more && !span_starts(group, "x"))
            return demur_fail(diag, DEMUR_ERR_SYNTAX,
                              "a tile's number is groups of three digits, all but the last with an "
                              "x in front");
        unsigned value;
        if (!three_digits(more ? span_skip(group, 1) : group, &value))
            return demur_fail(diag, DEMUR_ERR_SYNTAX,
                              "a tile's number is groups of three digits, not \"%.*s\"",
                              SPAN_ARG(group));
        if (first && more && value == 0)
            return demur_fail(diag, DEMUR_ERR_CANON,
                              "a tile's number must not begin with the group x000");
        if (n > (INDEX_LIMIT - 1 - value) / 1000)
            return demur_fail(diag, DEMUR_ERR_LIMIT, "no log has a tile of so high a number");
        n = n * 1000 + value;
        first = false;
    } while (more);
    *index = n;
    return DEMUR_OK;
}

enum demur_err demur_tile_parse_path(struct demur_tile *tile, struct span path,
                                     struct demur_diag *diag)
{
    if (path.len > DEMUR_TILE_PATH_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of a tile is not longer than %d bytes",
                          DEMUR_TILE_PATH_MAX);
    if (!span_starts(path, "tile/"))
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "the path of a tile begins with tile/");
    bool found, partial;
    struct span rest = span_skip(path, 5);
    struct span level_text = span_split(&rest, '/', &found);
    struct demur_tile parsed = {.level = DEMUR_TILE_ENTRIES, .width = DEMUR_TILE_WIDTH};
    uint64_t level = 0, width = 0;
    if (!span_eq_str(level_text, "entries")) {
        if (!span_u64(level_text, 63, &level))
            return demur_fail(diag, DEMUR_ERR_SYNTAX,
                              "a tile's level is \"entries\" or a number from 0 to 63, not "
                              "\"%.*s\"",
                              SPAN_ARG(level_text));
        parsed.level = (int)level;
    }
    struct span groups = span_split(&rest, '.', &partial);
    enum demur_err err = parse_index(&parsed.index, groups, diag);
    if (err != DEMUR_OK)
        return err;
    if (partial) {
        if (!span_starts(rest, "p/") || !span_u64(span_skip(rest, 2), 255, &width) || width == 0)
            return demur_fail(diag, DEMUR_ERR_SYNTAX,
                              "the width of a partial tile is .p/ and a number from 1 to 255");
        parsed.width = (unsigned)width;
    }
    *tile = parsed;
    return DEMUR_OK;
}

/* ---- widths -------------------------------------------------------------- */

/* How many hashes tile level `level` has in a log of `size` leaves. */
static uint64_t hashes_at(int level, uint64_t size)
{
    return level < DEMUR_TILE_LEVELS ? size >> 8 * (level > 0 ? level : 0) : 0;
}

unsigned demur_tile_width_at(int level, uint64_t index, uint64_t size)
{
    uint64_t hashes = hashes_at(level, size);
    if (index > hashes / DEMUR_TILE_WIDTH)
        return 0;
    uint64_t left = hashes - index * DEMUR_TILE_WIDTH;
    return left < DEMUR_TILE_WIDTH ? (unsigned)left : DEMUR_TILE_WIDTH;
}

enum demur_err demur_tile_cut(const struct demur_tile *tile, struct span held, struct span *out,
                              struct demur_diag *diag)
{
    size_t want = tile->width * 32;
    if (tile->level == DEMUR_TILE_ENTRIES) {
        struct span rest = held, entry;
        unsigned n = 0;
        while (n < tile->width && demur_bundle_next(&rest, &entry))
            n++;
        if (n < tile->width && rest.len)
            return demur_fail(diag, DEMUR_ERR_SYNTAX, "the entry bundle breaks off in entry %u", n);
        want = n == tile->width ? held.len - rest.len : SIZE_MAX;
    }
    if (held.len < want)
        return demur_fail(diag, DEMUR_ERR_MISSING, "the tile is not %u wide yet", tile->width);
    *out = span_take(held, want);
    return DEMUR_OK;
}

bool demur_tile_fill(const struct demur_tile *tile, const struct demur_tree_reader *reader,
                     uint8_t *out)
{
    for (unsigned i = 0; i < tile->width; i++)
        if (!reader->read(reader->ctx, 8 * (unsigned)tile->level,
                          tile->index * DEMUR_TILE_WIDTH + i, out + 32 * i))
            return false;
    return true;
}

/* ---- which tiles change -------------------------------------------------- */

void demur_tile_walk_init(struct demur_tile_walk *walk, uint64_t from, uint64_t to)
{
    *walk = (struct demur_tile_walk){.from = from, .to = to, .level = 0, .next = from};
}

bool demur_tile_walk_next(struct demur_tile_walk *walk, struct demur_tile *tile, unsigned *kept)
{
    while (walk->next >= hashes_at(walk->level, walk->to)) {
        if (walk->level + 1 >= DEMUR_TILE_LEVELS)
            return false;
        walk->level++;
        walk->next = hashes_at(walk->level, walk->from);
    }
    uint64_t index = walk->next / DEMUR_TILE_WIDTH;
    *kept = (unsigned)(walk->next % DEMUR_TILE_WIDTH);
    *tile =
        (struct demur_tile){walk->level, index, demur_tile_width_at(walk->level, index, walk->to)};
    walk->next = index * DEMUR_TILE_WIDTH + tile->width;
    return true;
}

/* ---- reading hashes out of tiles ----------------------------------------- */

static bool read_from_tile(void *ctx, unsigned level, uint64_t index, uint8_t out[32])
{
    struct demur_tile_source *source = ctx;
    unsigned n = 1u << level % 8;
    uint64_t first = index << level % 8;
    struct demur_tile tile = {.level = (int)(level / 8), .index = first / DEMUR_TILE_WIDTH};
    tile.width = demur_tile_width_at(tile.level, tile.index, source->size);
    unsigned offset = (unsigned)(first % DEMUR_TILE_WIDTH);
    struct span bytes;
    if (offset + n > tile.width || !source->tile(source->ctx, &tile, &bytes) ||
        bytes.len < tile.width * 32)
        return false;
    uint8_t nodes[DEMUR_TILE_BYTES / 2];
    memcpy(nodes, bytes.p + offset * 32, n * 32);
    for (; n > 1; n /= 2)
        for (unsigned i = 0; i < n / 2; i++)
            demur_merkle_node(nodes + 32 * i, nodes + 64 * i, nodes + 64 * i + 32);
    memcpy(out, nodes, 32);
    return true;
}

struct demur_tree_reader demur_tile_reader(struct demur_tile_source *source)
{
    return (struct demur_tree_reader){read_from_tile, source};
}

/* ---- growing ------------------------------------------------------------- */

bool demur_edge_load(struct demur_edge *edge, struct demur_tile_source *source)
{
    struct demur_tree_reader reader = demur_tile_reader(source);
    if (!demur_frontier_load(&edge->frontier, source->size, &reader))
        return false;
    for (int level = 0; level < DEMUR_TILE_LEVELS; level++) {
        struct demur_tile tile = {.level = level};
        tile.index = hashes_at(level, source->size) / DEMUR_TILE_WIDTH;
        tile.width = demur_tile_width_at(level, tile.index, source->size);
        struct span bytes;
        if (tile.width == 0)
            continue;
        if (!source->tile(source->ctx, &tile, &bytes) || bytes.len < tile.width * 32)
            return false;
        memcpy(edge->tile[level], bytes.p, tile.width * 32);
    }
    return true;
}

/* A level's share of the work space, in hashes: those of its first changed
 * tile that stood before, and the new ones. */
static uint64_t growth_hashes(int level, uint64_t from, uint64_t to)
{
    uint64_t had = hashes_at(level, from), has = hashes_at(level, to);
    return has > had ? has - had + had % DEMUR_TILE_WIDTH : 0;
}

size_t demur_growth_space(uint64_t from, uint64_t to)
{
    uint64_t hashes = 0;
    for (int level = 0; level < DEMUR_TILE_LEVELS; level++) {
        uint64_t more = growth_hashes(level, from, to);
        if (more > SIZE_MAX / 32 - hashes)
            return SIZE_MAX;
        hashes += more;
    }
    return (size_t)hashes * 32;
}

enum demur_err demur_growth_init(struct demur_growth *growth, const struct demur_edge *edge,
                                 const uint8_t *leaves, size_t n, uint8_t *work, size_t work_cap,
                                 struct demur_diag *diag)
{
    uint64_t from = edge->frontier.size;
    if (n > DEMUR_LOG_SIZE_MAX - from)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the log is full");
    uint64_t to = from + n;
    if (demur_growth_space(from, to) > work_cap)
        return demur_fail(diag, DEMUR_ERR_SPACE,
                          "appending %zu entries needs %zu bytes of work space, not %zu", n,
                          demur_growth_space(from, to), work_cap);
    growth->frontier = edge->frontier;
    demur_tile_walk_init(&growth->walk, from, to);
    uint8_t *at[DEMUR_TILE_LEVELS];
    for (int level = 0; n && level < DEMUR_TILE_LEVELS; level++) {
        uint64_t hashes = growth_hashes(level, from, to);
        size_t kept = hashes ? hashes_at(level, from) % DEMUR_TILE_WIDTH * 32 : 0;
        growth->hashes[level] = work;
        if (kept)
            memcpy(work, edge->tile[level], kept);
        at[level] = work + kept;
        work += hashes * 32;
    }
    for (size_t i = 0; i < n; i++) {
        if (!demur_frontier_append(&growth->frontier, leaves + 32 * i))
            return demur_fail(diag, DEMUR_ERR_LIMIT, "the log is full");
        unsigned completed = (unsigned)__builtin_ctzll(growth->frontier.size);
        for (unsigned level = 0; 8 * level <= completed; level++) {
            memcpy(at[level], growth->frontier.hash[8 * level], 32);
            at[level] += 32;
        }
    }
    return DEMUR_OK;
}

bool demur_growth_next(struct demur_growth *growth, struct demur_tile_write *write)
{
    if (!demur_tile_walk_next(&growth->walk, &write->tile, &write->kept))
        return false;
    int level = write->tile.level;
    uint64_t first = hashes_at(level, growth->walk.from) / DEMUR_TILE_WIDTH;
    write->bytes = span_of(growth->hashes[level] + (write->tile.index - first) * DEMUR_TILE_BYTES,
                           write->tile.width * 32);
    return true;
}

void demur_edge_advance(struct demur_edge *edge, const struct demur_growth *growth)
{
    uint64_t from = growth->walk.from, to = growth->walk.to;
    for (int level = 0; level < DEMUR_TILE_LEVELS; level++) {
        uint64_t had = hashes_at(level, from), has = hashes_at(level, to);
        size_t width = has % DEMUR_TILE_WIDTH;
        if (has == had || width == 0)
            continue;
        uint64_t tiles = has / DEMUR_TILE_WIDTH - had / DEMUR_TILE_WIDTH;
        memcpy(edge->tile[level], growth->hashes[level] + tiles * DEMUR_TILE_BYTES, width * 32);
    }
    edge->frontier = growth->frontier;
}

/* ---- entry bundles ------------------------------------------------------- */

void demur_bundle_put(struct buf *out, struct span entry)
{
    if (entry.len > DEMUR_BUNDLE_ENTRY_MAX || entry.len + 2 > out->cap - out->len) {
        out->overflow = true;
        return;
    }
    buf_put_be16(out, (uint16_t)entry.len);
    buf_put_span(out, entry);
}

bool demur_bundle_next(struct span *rest, struct span *entry)
{
    if (rest->len < 2 || rest->len - 2 < be16_load(rest->p))
        return false;
    size_t len = be16_load(rest->p);
    *entry = span_of(rest->p + 2, len);
    *rest = span_skip(*rest, 2 + len);
    return true;
}

enum demur_err demur_bundle_check(struct span bundle, size_t max_entries, size_t *count,
                                  struct demur_diag *diag)
{
    if (bundle.len == 0)
        return demur_fail(diag, DEMUR_ERR_MISSING, "the entry bundle is empty");
    struct span rest = bundle, entry;
    size_t n = 0;
    while (demur_bundle_next(&rest, &entry))
        if (++n > max_entries)
            return demur_fail(diag, DEMUR_ERR_LIMIT, "the entry bundle has more than %zu entries",
                              max_entries);
    if (rest.len)
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "the entry bundle breaks off in entry %zu", n);
    *count = n;
    return DEMUR_OK;
}
