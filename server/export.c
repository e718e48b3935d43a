/* export.c - making a mirror; see copy.h. The mirror's files are written by mirror.c. */
#include "copy.h"

#include "../core/receipt.h"
#include "../core/record.h"
#include "../core/tile.h"
#include "../store/store.h"
#include "copy_state.h"
#include "list.h"
#include "mirror.h"

struct export
{
    struct demur_store *store;
    struct demur_signed_head head;
    struct demur_mirror mirror;
    struct demur_list texts; /* of 32-byte names: blobs that the fold reads, and are new */
    struct demur_list keys;  /* bytes: a bundle of entry 0 and every rotation */
    struct demur_record *record;
    uint8_t tile[DEMUR_TILE_BYTES];
    struct demur_diag *diag;
};

/* ---- the tree out of the store's tiles ---------------------------------------- */

static bool tile_read(void *ctx, const struct demur_tile *tile, struct span *bytes)
{
    struct export *x = ctx;
    *bytes = span_of(x->tile, 32 * (size_t)tile->width);
    return !demur_store_tile_get(x->store, x->tile, (uint8_t)tile->level, tile->index, tile->width,
                                 NULL);
}

static enum demur_err root_at(struct export *x, uint64_t size, uint8_t root[static 32])
{
    struct demur_tile_source source = {tile_read, x, size};
    struct demur_edge *edge = malloc(sizeof *edge);
    enum demur_err err = DEMUR_OK;
    if (!edge)
        err = demur_fail(x->diag, DEMUR_ERR_MEMORY, "out of memory");
    else if (!demur_edge_load(edge, &source))
        err = demur_fail(x->diag, DEMUR_ERR_IO, "the store's tiles cannot be read");
    else
        demur_frontier_root(&edge->frontier, root);
    free(edge);
    return err;
}

static enum demur_err heads_check(struct export *x, const char *dir, const char *mirror)
{
    uint8_t root[32];
    enum demur_err err = root_at(x, x->head.size, root);
    if (err)
        return err;
    if (memcmp(root, x->head.root, 32) != 0)
        return demur_fail(x->diag, DEMUR_ERR_VERIFY,
                          "%.100s does not hold what its signer signed: run `demur check` on it",
                          dir);
    if (x->mirror.size > x->head.size)
        return demur_fail(x->diag, DEMUR_ERR_FORBIDDEN,
                          "the mirror %.100s shows %llu entries and the signer of %.100s has "
                          "signed %llu: that is an older copy of the channel, or another one",
                          mirror, (unsigned long long)x->mirror.size, dir,
                          (unsigned long long)x->head.size);
    if (!x->mirror.size)
        return DEMUR_OK;
    err = root_at(x, x->mirror.size, root);
    if (!err && memcmp(root, x->mirror.root, 32) != 0)
        err = demur_fail(x->diag, DEMUR_ERR_VERIFY,
                         "the mirror %.100s shows another history than %.100s: name another "
                         "directory for this channel",
                         mirror, dir);
    return err;
}

/* ---- what the entries name ------------------------------------------------------ */

static enum demur_err entry_note(void *ctx, uint64_t index, const uint8_t leaf[static 32],
                                 struct span bytes)
{
    struct export *x = ctx;
    struct demur_blob_ref text;
    uint64_t at;
    struct span record;
    bool ok = true;
    (void)leaf;
    if (demur_entry_parse(&at, &record, bytes, NULL))
        return DEMUR_OK;
    bool text_named =
        span_starts(record, "demur policy v1\n") || span_starts(record, "demur calendar v1\n");
    if (!index || span_starts(record, "demur rotate v1\n")) {
        uint8_t length[2];
        struct buf b = buf_over(length, sizeof length);
        buf_put_be16(&b, (uint16_t)bytes.len);
        ok = demur_list_add_all(&x->keys, length, sizeof length, 1) &&
             demur_list_add_all(&x->keys, bytes.p, bytes.len, 1);
    } else if (text_named && index >= x->mirror.size &&
               !demur_record_parse(x->record, record, NULL) &&
               demur_record_blob(x->record, DEMUR_FIELD_TEXT, 0, &text)) {
        ok = demur_list_add(&x->texts, text.hash, sizeof text.hash);
    }
    return ok ? DEMUR_OK : demur_fail(x->diag, DEMUR_ERR_MEMORY, "out of memory");
}

/* ---- files ------------------------------------------------------------------------ */

/* The entries of a bundle hash to the tile beside it. */
static bool bundle_fits(struct span bundle, const uint8_t *hashes, unsigned width)
{
    struct span entry;
    uint8_t leaf[32];
    for (unsigned i = 0; i < width; i++) {
        if (!demur_bundle_next(&bundle, &entry))
            return false;
        demur_merkle_leaf(leaf, entry);
        if (memcmp(leaf, hashes + 32 * (size_t)i, 32) != 0)
            return false;
    }
    return !bundle.len;
}

static enum demur_err tile_put(struct export *x, const struct demur_tile *tile)
{
    struct span hashes;
    struct demur_store_bytes bundle = {0};
    struct demur_tile entries = {DEMUR_TILE_ENTRIES, tile->index, tile->width};
    if (!tile_read(x, tile, &hashes))
        return demur_fail(x->diag, DEMUR_ERR_IO, "the store's tiles cannot be read");
    enum demur_err err = demur_mirror_tile(&x->mirror, tile, hashes, x->diag);
    if (err || tile->level)
        return err;
    err = demur_store_bundle_get(x->store, &bundle, tile->index, tile->width, x->diag);
    if (!err && !bundle_fits(span_of(bundle.p, bundle.len), hashes.p, tile->width))
        err = demur_fail(x->diag, DEMUR_ERR_VERIFY,
                         "entries from %llu on do not hash to their tile: run `demur check`",
                         (unsigned long long)tile->index * DEMUR_TILE_WIDTH);
    if (!err)
        err = demur_mirror_tile(&x->mirror, &entries, span_of(bundle.p, bundle.len), x->diag);
    demur_store_bytes_free(&bundle);
    return err;
}

static enum demur_err tiles_put(struct export *x)
{
    struct demur_tile_walk walk;
    struct demur_tile tile;
    unsigned kept;
    enum demur_err err = DEMUR_OK;
    demur_tile_walk_init(&walk, x->mirror.size, x->head.size);
    while (!err && demur_tile_walk_next(&walk, &tile, &kept))
        err = tile_put(x, &tile);
    return err;
}

static enum demur_err texts_put(struct export *x)
{
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; i < x->texts.len && !err; i++) {
        const uint8_t *hash = (const uint8_t *)x->texts.items + 32 * i;
        struct demur_store_bytes text = {0};
        err = demur_store_blob_get(x->store, &text, hash, x->diag);
        if (!err)
            err = demur_mirror_blob(&x->mirror, hash, span_of(text.p, text.len), x->diag);
        demur_store_bytes_free(&text);
    }
    return err;
}

/* Of entry 0, in the form of docs/formats/receipt.md: the entry itself comes last. */
static enum demur_err receipt_put(struct export *x)
{
    struct demur_tile_source source = {tile_read, x, x->head.size};
    struct demur_tree_reader reader = demur_tile_reader(&source);
    struct demur_proof proof;
    uint8_t leaf[32];
    struct span rest = span_of(x->keys.items, x->keys.len), first;
    if (!demur_bundle_next(&rest, &first) ||
        !demur_inclusion_prove(&proof, 0, x->head.size, &reader))
        return demur_fail(x->diag, DEMUR_ERR_IO, "the store's tiles cannot be read");
    demur_merkle_leaf(leaf, first);
    size_t bundle_len = x->keys.len + 2 + first.len;
    size_t cap = bundle_len + bundle_len / 3 * 4 + sizeof proof.hash * 2 + x->head.text_len + 256;
    uint8_t *work = malloc(cap);
    if (!work)
        return demur_fail(x->diag, DEMUR_ERR_MEMORY, "out of memory");
    struct buf bundle = buf_over(work, bundle_len);
    struct buf out = buf_over(work + bundle_len, cap - bundle_len);
    buf_put(&bundle, x->keys.items, x->keys.len);
    demur_bundle_put(&bundle, first);
    demur_receipt_put(&out, buf_span(&bundle), 0, &proof, span_of(x->head.text, x->head.text_len));
    enum demur_err err = buf_ok(&out)
                             ? demur_mirror_receipt(&x->mirror, leaf, buf_span(&out), x->diag)
                             : demur_fail(x->diag, DEMUR_ERR_SPACE, "no room for a receipt");
    free(work);
    return err;
}

static enum demur_err export_run(struct export *x, const char *dir, const char *mirror)
{
    enum demur_err err = heads_check(x, dir, mirror);
    if (!err)
        err = demur_store_entries(x->store, 0, x->head.size, entry_note, x, x->diag);
    if (!err)
        err = tiles_put(x);
    if (!err)
        err = texts_put(x);
    if (!err)
        err = receipt_put(x);
    if (!err)
        err = demur_mirror_show(&x->mirror, span_of(x->head.text, x->head.text_len), x->head.size,
                                x->diag);
    return err;
}

enum demur_err demur_server_export(const char *dir, const char *mirror,
                                   struct demur_export_report *report, struct demur_diag *diag)
{
    struct export *x = calloc(1, sizeof *x);
    if (!x || !(x->record = malloc(sizeof *x->record))) {
        free(x);
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    }
    x->diag = diag;
    x->mirror.fd = -1;
    enum demur_err err = copy_signed_head(dir, &x->head, diag);
    if (!err && !x->head.size)
        err = demur_fail(diag, DEMUR_ERR_MISSING, "the log of %.150s is empty", dir);
    if (!err)
        err = demur_store_open(&x->store, dir, DEMUR_STORE_READ, diag);
    if (!err)
        err = demur_mirror_open(&x->mirror, mirror, diag);
    if (!err) {
        uint64_t before = x->mirror.size;
        err = export_run(x, dir, mirror);
        if (!err)
            *report = (struct demur_export_report){x->head.size, before, x->mirror.written};
    }
    demur_mirror_close(&x->mirror);
    demur_store_close(x->store);
    demur_list_free(&x->texts);
    demur_list_free(&x->keys);
    free(x->record);
    free(x);
    return err;
}
