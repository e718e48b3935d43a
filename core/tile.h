/* tile.h - a log as static files: C2SP tlog-tiles v0.1.0.
 *
 * A tile holds up to 256 consecutive hashes of one tree level: hash i of tile
 * `index` at tile level L is the complete subtree (8 * L, 256 * index + i) of
 * merkle.h. An entry bundle stands beside each tile of level 0 and holds its
 * 256 entries. Both only ever grow at their end, so whatever a narrower
 * partial tile held is a prefix of the wider one, and of the full one: a store
 * keeps one row a tile, appends to it, and serves every width up to the
 * present one by cutting.
 *
 * Public data, variable time, no allocation.
 */
#ifndef DEMUR_CORE_TILE_H
#define DEMUR_CORE_TILE_H

#include "merkle.h"

#define DEMUR_TILE_WIDTH 256
#define DEMUR_TILE_BYTES (DEMUR_TILE_WIDTH * 32)
#define DEMUR_TILE_ENTRIES (-1) /* the level of an entry bundle */
/* Levels that a log of DEMUR_LOG_SIZE_MAX leaves fills: 0 to 7. */
#define DEMUR_TILE_LEVELS 8
#define DEMUR_TILE_PATH_MAX 64
#define DEMUR_BUNDLE_ENTRY_MAX 65535

struct demur_tile {
    int level;      /* 0 to 63, or DEMUR_TILE_ENTRIES */
    uint64_t index; /* within its level */
    unsigned width; /* hashes or entries in it: 1 to 256, 256 being full */
};

/* Append `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`, at most
 * DEMUR_TILE_PATH_MAX bytes, no slash in front. The tile must be in range. */
void demur_tile_put_path(struct buf *out, const struct demur_tile *tile);
/* The inverse, strict: what parses is what demur_tile_put_path writes. An index
 * at or above 2^55 is refused, since no log of ours has it. SYNTAX, CANON,
 * LIMIT; *tile is untouched on failure. */
enum demur_err demur_tile_parse_path(struct demur_tile *tile, struct span path,
                                     struct demur_diag *diag) DEMUR_CHECKED;

/* How wide the tile (level, index) is in a log of `size` entries: 0 when it is
 * not there yet, 256 when it is full. */
unsigned demur_tile_width_at(int level, uint64_t index, uint64_t size);
/* Cut what a store holds of a tile or bundle down to tile->width. MISSING when
 * it is not that wide yet, SYNTAX when a bundle is broken. */
enum demur_err demur_tile_cut(const struct demur_tile *tile, struct span held, struct span *out,
                              struct demur_diag *diag) DEMUR_CHECKED;
/* Write the tile's hashes, 32 * width bytes. False when one cannot be read. */
bool demur_tile_fill(const struct demur_tile *tile, const struct demur_tree_reader *reader,
                     uint8_t *out) DEMUR_CHECKED;

/* ---- which tiles change ------------------------------------------------- */

/* Walks the hash tiles that change when a log grows from `from` to `to`
 * entries, level by level, each once and at its final width. A tile of level 0
 * stands for its entry bundle too. */
struct demur_tile_walk {
    uint64_t from, to;
    int level;
    uint64_t next; /* the next new hash at this level */
};
/* Requires from <= to <= DEMUR_LOG_SIZE_MAX. */
void demur_tile_walk_init(struct demur_tile_walk *walk, uint64_t from, uint64_t to);
/* False at the end. *kept is how many hashes the tile had before. */
bool demur_tile_walk_next(struct demur_tile_walk *walk, struct demur_tile *tile, unsigned *kept);

/* ---- reading hashes out of tiles ---------------------------------------- */

/* `tile` sets *bytes to a hash tile's content and returns true, or false when
 * it cannot be had. It may hand over more hashes than the width asked for (a
 * full tile for a partial one); fewer count as unreadable. The bytes must stay
 * valid until the next call. */
struct demur_tile_source {
    bool (*tile)(void *ctx, const struct demur_tile *tile, struct span *bytes);
    void *ctx;
    uint64_t size; /* of the log whose tiles these are: decides the widths */
};
/* A reader over *source, which must outlive it. What it reads is as true as
 * the tiles are: it is for making proofs, which their verifier checks. */
struct demur_tree_reader demur_tile_reader(struct demur_tile_source *source);

/* ---- growing ------------------------------------------------------------ */

/* The right edge of a tiled log: what a writer keeps between batches. About
 * 66 KiB, so it belongs on the heap or in a long-lived structure. */
struct demur_edge {
    struct demur_frontier frontier;
    uint8_t tile[DEMUR_TILE_LEVELS][(DEMUR_TILE_WIDTH - 1) * 32]; /* partial tiles */
};
/* The edge of the log that the source holds. False, and *edge unspecified, when
 * a tile cannot be had. An empty log's source is never asked. */
bool demur_edge_load(struct demur_edge *edge, struct demur_tile_source *source) DEMUR_CHECKED;

/* One batch of leaves, worked out but not yet taken over into the edge: the
 * root to propose is that of `frontier`. */
struct demur_growth {
    struct demur_frontier frontier; /* after the batch */
    struct demur_tile_walk walk;
    /* Each level's hashes from the start of its first changed tile on. */
    const uint8_t *hashes[DEMUR_TILE_LEVELS];
};
struct demur_tile_write {
    struct demur_tile tile; /* at its new width */
    unsigned kept;          /* hashes of it that stood before; they stay as they are */
    struct span bytes;      /* the whole tile, 32 * width bytes */
};

/* Bytes of work space for growing from `from` to `to` entries: at most
 * 32 * ((to - from) * 256 / 255 + 256 * DEMUR_TILE_LEVELS). SIZE_MAX when that
 * cannot be addressed. Requires from <= to <= DEMUR_LOG_SIZE_MAX. */
size_t demur_growth_space(uint64_t from, uint64_t to);
/* Work out what n leaf hashes (32 * n bytes) change. The cost is linear in n
 * whatever the log's size. `work` is borrowed until the walk is over and the
 * edge advanced; `leaves` is copied. SPACE when work_cap falls short of
 * demur_growth_space, LIMIT when the log would pass DEMUR_LOG_SIZE_MAX. */
enum demur_err demur_growth_init(struct demur_growth *growth, const struct demur_edge *edge,
                                 const uint8_t *leaves, size_t n, uint8_t *work, size_t work_cap,
                                 struct demur_diag *diag) DEMUR_CHECKED;
/* The next tile to write; false at the end. */
bool demur_growth_next(struct demur_growth *growth, struct demur_tile_write *write);
/* Take the batch over, once it is durable: *edge must be the one it was worked
 * out from. The walk may or may not be over. */
void demur_edge_advance(struct demur_edge *edge, const struct demur_growth *growth);

/* ---- entry bundles: (u16 big-endian length || entry), repeated ----------- */

/* Append one entry. One above DEMUR_BUNDLE_ENTRY_MAX bytes makes *out overflow. */
void demur_bundle_put(struct buf *out, struct span entry);
/* Take the next entry off *rest. False at the end, and where the bytes break
 * off in the middle: *rest is empty only in the former case. */
bool demur_bundle_next(struct span *rest, struct span *entry);
/* Check a whole bundle: at least 1 and at most max_entries entries and no
 * loose bytes. SYNTAX, LIMIT, MISSING; *count is untouched on failure. */
enum demur_err demur_bundle_check(struct span bundle, size_t max_entries, size_t *count,
                                  struct demur_diag *diag) DEMUR_CHECKED;

#endif
