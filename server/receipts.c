/* receipts.c - the proof that an entry is in the published log. See engine.h
 * and docs/formats/receipt.md. */
#include "../core/receipt.h"
#include "engine.h"

static enum demur_err entry_add(struct demur_list *bundle, struct span entry,
                                struct demur_diag *diag)
{
    uint8_t length[2];
    struct buf b = buf_over(length, sizeof length);
    buf_put_be16(&b, (uint16_t)entry.len);
    size_t before = bundle->len;
    bool ok = demur_list_add_all(bundle, length, sizeof length, 1) &&
              demur_list_add_all(bundle, entry.p, entry.len, 1);
    if (!ok)
        bundle->len = before;
    return ok ? DEMUR_OK : demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
}

static enum demur_err stored_add(struct demur_engine *e, struct demur_list *bundle, uint64_t index,
                                 struct demur_diag *diag)
{
    struct demur_store_bytes entry = {0};
    enum demur_err err = demur_store_entry_get(e->store, &entry, index, diag);
    if (!err)
        err = entry_add(bundle, span_of(entry.p, entry.len), diag);
    demur_store_bytes_free(&entry);
    return err;
}

static uint64_t rotate_at(struct demur_engine *e, size_t i)
{
    pthread_mutex_lock(&e->published_lock);
    uint64_t index = ((const uint64_t *)e->rotates.items)[i];
    pthread_mutex_unlock(&e->published_lock);
    return index;
}

/* Begin the bundle with entry 0 and the rotations that the published checkpoint covers:
 * a reader takes the log's keys from them. They are read once, and kept. */
static enum demur_err keys_add(struct demur_engine *e, struct demur_list *bundle,
                               struct demur_published *published, struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    pthread_mutex_lock(&e->keys_lock);
    demur_engine_published(e, published); /* under the lock: it only grows */
    if (!e->keys.len)
        err = stored_add(e, &e->keys, 0, diag);
    while (!err && e->keys_rotates < published->rotates)
        if (!(err = stored_add(e, &e->keys, rotate_at(e, e->keys_rotates), diag)))
            e->keys_rotates++;
    if (!err && !demur_list_add_all(bundle, e->keys.items, e->keys.len, 1))
        err = demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    pthread_mutex_unlock(&e->keys_lock);
    return err;
}

enum demur_err demur_engine_receipt(struct demur_engine *e, struct demur_store_bytes *out,
                                    uint64_t index, struct span entry, struct demur_diag *diag)
{
    struct demur_published published;
    struct demur_store_tiles tiles;
    struct demur_proof proof;
    struct demur_list bundle = {0};
    demur_engine_published(e, &published);
    if (index >= published.size)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the published log has no entry %llu",
                          (unsigned long long)index);
    enum demur_err err = keys_add(e, &bundle, &published, diag);
    struct demur_tree_reader reader = demur_engine_tree(e, &tiles, published.size);
    if (!err && !demur_inclusion_prove(&proof, index, published.size, &reader))
        err = demur_fail(diag, DEMUR_ERR_IO, "the store's tiles cannot be read");
    /* Last the entry itself, which may be one of the others: a reader finds it there. */
    if (!err)
        err = entry.len ? entry_add(&bundle, entry, diag) : stored_add(e, &bundle, index, diag);
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
