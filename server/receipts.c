/* receipts.c - the proof that an entry is in the published log. See engine.h
 * and docs/formats/receipt.md. */
#include "../core/receipt.h"
#include "engine.h"

static enum demur_err bundle_add(struct demur_engine *e, struct demur_list *bundle, uint64_t index,
                                 struct demur_diag *diag)
{
    struct demur_store_bytes entry = {0};
    enum demur_err err = demur_store_entry_get(e->store, &entry, index, diag);
    if (err)
        return err;
    uint8_t length[2];
    struct buf b = buf_over(length, sizeof length);
    buf_put_be16(&b, (uint16_t)entry.len);
    bool ok = demur_list_add_all(bundle, length, sizeof length, 1) &&
              demur_list_add_all(bundle, entry.p, entry.len, 1);
    demur_store_bytes_free(&entry);
    return ok ? DEMUR_OK : demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
}

/* Entry 0, the rotations that the checkpoint covers, and last the entry, which may be
 * one of these: a reader takes the keys from the others, whatever it is. */
static enum demur_err bundle_build(struct demur_engine *e, struct demur_list *bundle,
                                   uint64_t index, uint64_t size, struct demur_diag *diag)
{
    enum demur_err err = bundle_add(e, bundle, 0, diag);
    demur_engine_read(e);
    const uint64_t *rotates = e->rotates.items;
    for (size_t i = 0; i < e->rotates.len && !err; i++)
        if (rotates[i] < size)
            err = bundle_add(e, bundle, rotates[i], diag);
    demur_engine_unread(e);
    return err ? err : bundle_add(e, bundle, index, diag);
}

enum demur_err demur_engine_receipt(struct demur_engine *e, struct demur_store_bytes *out,
                                    uint64_t index, struct demur_diag *diag)
{
    struct demur_published published;
    struct demur_store_tiles tiles;
    struct demur_proof proof;
    struct demur_list bundle = {0};
    demur_engine_published(e, &published);
    if (index >= published.size)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the published log has no entry %llu",
                          (unsigned long long)index);
    struct demur_tree_reader reader = demur_engine_tree(e, &tiles, published.size);
    if (!demur_inclusion_prove(&proof, index, published.size, &reader))
        return demur_fail(diag, DEMUR_ERR_IO, "the store's tiles cannot be read");
    enum demur_err err = bundle_build(e, &bundle, index, published.size, diag);
    if (!err) {
        size_t cap = bundle.len / 3 * 4 + sizeof proof.hash * 2 + sizeof published.text + 256;
        uint8_t *text = malloc(cap);
        struct buf b = buf_over(text, text ? cap : 0);
        demur_receipt_put(&b, span_of(bundle.items, bundle.len), index, &proof,
                          span_of(published.text, published.text_len));
        if (text && buf_ok(&b)) {
            *out = (struct demur_store_bytes){text, b.len};
        } else {
            free(text);
            err = demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
        }
    }
    demur_list_free(&bundle);
    return err;
}
