/* handle_log.c - the log as anyone may mirror it, and receipts. */
#include "../core/encode.h"
#include "service.h"

bool demur_request_hash(struct demur_request *r, uint8_t out[static 32])
{
    if (!demur_hex_exact(out, 32, r->arg))
        return true;
    demur_reply_problem(&r->reply, 404, "not-found",
                        "the last part of this path is not 64 lower-case hex digits", NULL, NULL);
    return false;
}

bool demur_handle_checkpoint(struct demur_service *s, struct demur_request *r)
{
    struct demur_published published;
    demur_engine_published(s->engine, &published);
    demur_reply_copy(&r->reply, "text/plain; charset=utf-8",
                     span_of(published.text, published.text_len));
    return true;
}

/* Only what a published checkpoint covers; the store may be ahead of it. */
static bool tile_published(struct demur_service *s, const struct demur_tile *tile)
{
    struct demur_published published;
    demur_engine_published(s->engine, &published);
    return tile->level < DEMUR_TILE_LEVELS &&
           tile->width <= demur_tile_width_at(tile->level, tile->index, published.size);
}

bool demur_handle_tile(struct demur_service *s, struct demur_request *r)
{
    struct demur_tile tile;
    struct demur_store_bytes bytes = {0};
    struct demur_diag diag = {0};
    if (demur_tile_parse_path(&tile, span_of(r->path + 1, strlen(r->path) - 1), &diag)) {
        demur_reply_problem(&r->reply, 404, "not-found", diag.text, NULL, NULL);
        return true;
    }
    if (!tile_published(s, &tile)) {
        demur_reply_problem(&r->reply, 404, "unknown", "the log has not grown to this tile yet",
                            NULL, NULL);
        return true;
    }
    enum demur_err err;
    if (tile.level == DEMUR_TILE_ENTRIES) {
        err = demur_store_bundle_get(s->engine->store, &bytes, tile.index, tile.width, &diag);
    } else {
        bytes.len = 32 * (size_t)tile.width;
        bytes.p = malloc(bytes.len);
        err = bytes.p ? demur_store_tile_get(s->engine->store, bytes.p, (uint8_t)tile.level,
                                             tile.index, tile.width, &diag)
                      : demur_fail(&diag, DEMUR_ERR_MEMORY, "out of memory");
    }
    if (err) {
        demur_store_bytes_free(&bytes);
        demur_reply_error(&r->reply, err, &diag, NULL);
        return true;
    }
    r->reply.immutable = true;
    demur_reply_body(&r->reply, "application/octet-stream", bytes.p, bytes.len);
    return true;
}

bool demur_handle_receipt(struct demur_service *s, struct demur_request *r)
{
    uint8_t leaf[32];
    uint64_t index;
    struct demur_diag diag = {0};
    struct demur_store_bytes receipt = {0};
    if (!demur_request_hash(r, leaf))
        return true;
    enum demur_err err = demur_store_leaf_find(s->engine->store, &index, leaf, &diag);
    if (!err)
        err = demur_engine_receipt(s->engine, &receipt, index, span_of(NULL, 0), &diag);
    if (err)
        demur_reply_error(&r->reply, err, &diag, NULL);
    else
        demur_reply_body(&r->reply, "text/plain; charset=utf-8", receipt.p, receipt.len);
    return true;
}
