/* Tile paths and entry bundles: what parses re-encodes to the same bytes, and a
 * bundle cut to each width is a bundle of that many entries. */
#include "../core/tile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static void path(struct span text)
{
    struct demur_tile tile;
    struct demur_diag diag = {0};
    enum demur_err err = demur_tile_parse_path(&tile, text, &diag);
    must(err == diag.code);
    if (err != DEMUR_OK)
        return;
    must(tile.level >= DEMUR_TILE_ENTRIES && tile.level <= 63);
    must(tile.width >= 1 && tile.width <= DEMUR_TILE_WIDTH);
    uint8_t again[DEMUR_TILE_PATH_MAX];
    struct buf out = buf_over(again, sizeof again);
    demur_tile_put_path(&out, &tile);
    must(buf_ok(&out) && span_eq(buf_span(&out), text));
}

static void bundle(struct span bytes)
{
    size_t count = 0, n = 0;
    enum demur_err err = demur_bundle_check(bytes, DEMUR_TILE_WIDTH, &count, NULL);
    if (err != DEMUR_OK)
        return;
    must(count >= 1 && count <= DEMUR_TILE_WIDTH);
    static uint8_t again[1 << 20];
    struct buf out = buf_over(again, sizeof again);
    struct span rest = bytes, entry, cut;
    while (demur_bundle_next(&rest, &entry)) {
        struct demur_tile tile = {DEMUR_TILE_ENTRIES, 0, (unsigned)++n};
        demur_bundle_put(&out, entry);
        must(demur_tile_cut(&tile, bytes, &cut, NULL) == DEMUR_OK);
        must(buf_ok(&out) && span_eq(buf_span(&out), cut));
    }
    must(n == count && span_eq(buf_span(&out), bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    path(span_of(data, size));
    bundle(span_of(data, size));
    return 0;
}
