/* Proofs about a log, made from its entries: for evidence, which others have to be able
 * to check. Rare, so the tree is computed as it is asked for. */
#include <stdlib.h>

#include "../core/encode.h"
#include "../core/table.h"
#include "../core/tile.h"
#include "internal.h"

void history_free(struct history *h)
{
    free(h->leaves);
    free(h->record);
    demur_bytes_free(&h->keys);
    *h = (struct history){0};
}

static enum demur_err keep_key(struct history *h, struct span entry, struct demur_diag *diag)
{
    struct buf grown = heap_buf(h->keys.len + entry.len + 2);
    if (!grown.p)
        return no_memory(diag);
    buf_put_span(&grown, demur_bytes_span(&h->keys));
    demur_bundle_put(&grown, entry);
    demur_bytes_free(&h->keys);
    h->keys = heap_buf_take(&grown);
    return DEMUR_OK;
}

enum demur_err history_add(struct history *h, const struct demur_client *c, struct span entry,
                           struct demur_diag *diag)
{
    uint64_t at;
    if (!h->record && !(h->record = malloc(sizeof *h->record)))
        return no_memory(diag);
    h->keys_of.record = h->record;
    if (!demur_grow(&h->leaves, &h->cap, h->len + 1, sizeof *h->leaves))
        return no_memory(diag);
    demur_merkle_leaf(h->leaves[h->len], entry);
    bool key = h->len == 0
                   ? authority_found(&h->keys_of, entry, c->options.channel, NULL) == DEMUR_OK
                   : authority_rotates(entry, &at) && h->rotations < AUTHORITY_ROTATIONS_MAX &&
                         authority_rotate(&h->keys_of, entry, NULL) == DEMUR_OK;
    h->rotations += key && h->len;
    h->len++;
    return key ? keep_key(h, entry, diag) : DEMUR_OK;
}

enum demur_err history_read(struct history *h, const struct demur_client *c, uint64_t size,
                            struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    while (!err && h->len < size) {
        struct demur_bytes bundle = {0};
        size_t before = h->len;
        err = entries_read(c, h->len / DEMUR_TILE_WIDTH, &bundle, diag);
        struct span rest = demur_bytes_span(&bundle), entry;
        while (!err && h->len < size && demur_bundle_next(&rest, &entry))
            err = history_add(h, c, entry, diag);
        demur_bytes_free(&bundle);
        if (!err && h->len < size && (h->len == before || h->len % DEMUR_TILE_WIDTH))
            err = demur_fail(diag, DEMUR_ERR_UNKNOWN, "the copy does not go so far");
    }
    return err;
}

/* ---- the tree ---- */

static bool read_node(void *ctx, unsigned level, uint64_t index, uint8_t out[32])
{
    const struct history *h = ctx;
    uint8_t right[32];
    if (level == 0) {
        memcpy(out, h->leaves[index], 32);
        return true;
    }
    bool good = read_node(ctx, level - 1, 2 * index, out) &&
                read_node(ctx, level - 1, 2 * index + 1, right);
    demur_merkle_node(out, out, right);
    return good;
}

static void put_hash(struct buf *out, const uint8_t hash[static 32])
{
    demur_base64_encode(out, span_of(hash, 32));
    buf_put_byte(out, '\n');
}

static void put_proof(struct buf *out, const struct demur_proof *proof)
{
    for (size_t i = 0; i < proof->len; i++)
        put_hash(out, proof->hash[i]);
}

bool history_prefix(const struct history *h, uint64_t size, struct buf *out)
{
    struct demur_tree_reader reader = {read_node, (void *)h};
    struct demur_frontier first;
    struct demur_proof proof;
    uint8_t root[32];
    demur_frontier_init(&first);
    for (uint64_t i = 0; i < size && i < h->len; i++)
        if (!demur_frontier_append(&first, h->leaves[i]))
            return false;
    if (!demur_consistency_prove(&proof, size, h->len, &reader))
        return false;
    demur_frontier_root(&first, root);
    put_hash(out, root);
    put_proof(out, &proof);
    return buf_ok(out);
}

bool history_leaf(const struct history *h, uint64_t index, struct buf *out)
{
    struct demur_tree_reader reader = {read_node, (void *)h};
    struct demur_proof proof;
    if (!demur_inclusion_prove(&proof, index, h->len, &reader))
        return false;
    put_hash(out, h->leaves[index]);
    put_proof(out, &proof);
    return buf_ok(out);
}
