/* What every engine does the same way: the shape of a batch, owned bytes. */
#include "common.h"

void demur_store_bytes_free(struct demur_store_bytes *bytes)
{
    free(bytes->p);
    *bytes = (struct demur_store_bytes){NULL, 0};
}

enum demur_err demur_store_out_of_memory(struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
}

enum demur_err demur_store_bytes_copy(struct demur_store_bytes *out, struct span s,
                                      struct demur_diag *diag)
{
    uint8_t *p = malloc(s.len ? s.len : 1);
    if (!p)
        return demur_store_out_of_memory(diag);
    if (s.len)
        memcpy(p, s.p, s.len);
    *out = (struct demur_store_bytes){p, s.len};
    return DEMUR_OK;
}

static enum demur_err entries_check(const struct demur_store_batch *batch, struct demur_diag *diag)
{
    uint64_t before = batch->before.size, after = batch->after.size;
    if (after < before || after - before != batch->n_entries || after > INT64_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT,
                          "the batch goes from size %llu to %llu but has %zu entries; "
                          "give one entry for each index",
                          (unsigned long long)before, (unsigned long long)after, batch->n_entries);
    for (size_t i = 0; i < batch->n_entries; i++)
        if (batch->entries[i].bytes.len > DEMUR_STORE_ENTRY_MAX)
            return demur_fail(diag, DEMUR_ERR_LIMIT,
                              "entry %llu has %zu bytes; an entry has at most %d",
                              (unsigned long long)(before + i), batch->entries[i].bytes.len,
                              DEMUR_STORE_ENTRY_MAX);
    return DEMUR_OK;
}

static enum demur_err tiles_check(const struct demur_store_batch *batch, struct demur_diag *diag)
{
    for (size_t i = 0; i < batch->n_tiles; i++) {
        const struct demur_store_tile *t = &batch->tiles[i];
        if (t->level > 7 || t->index >> 56 || t->bytes.len == 0 || t->bytes.len % 32 ||
            t->bytes.len > 32 * DEMUR_STORE_TILE_WIDTH)
            return demur_fail(diag, DEMUR_ERR_LIMIT,
                              "tile %u/%llu has %zu bytes; a tile is 1 to %d hashes of 32 bytes "
                              "at a level up to 7",
                              t->level, (unsigned long long)t->index, t->bytes.len,
                              DEMUR_STORE_TILE_WIDTH);
    }
    return DEMUR_OK;
}

enum demur_err demur_store_name_check(struct span name, struct demur_diag *diag)
{
    if (name.len == 0 || name.len > DEMUR_STORE_NAME_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a name of %zu bytes; a name has 1 to %d",
                          name.len, DEMUR_STORE_NAME_MAX);
    return DEMUR_OK;
}

enum demur_err demur_store_kv_check(struct span name, struct span value, struct demur_diag *diag)
{
    enum demur_err err = demur_store_name_check(name, diag);
    if (err == DEMUR_OK && value.len > DEMUR_STORE_KV_MAX)
        err =
            demur_fail(diag, DEMUR_ERR_LIMIT, "the value of %.*s has %zu bytes; it has at most %d",
                       SPAN_ARG(name), value.len, DEMUR_STORE_KV_MAX);
    return err;
}

enum demur_err demur_store_batch_check(const struct demur_store_batch *batch,
                                       struct demur_diag *diag)
{
    enum demur_err err = entries_check(batch, diag);
    if (err == DEMUR_OK)
        err = tiles_check(batch, diag);
    for (size_t i = 0; err == DEMUR_OK && i < batch->n_kvs; i++)
        err = demur_store_kv_check(batch->kvs[i].name, batch->kvs[i].value, diag);
    for (size_t i = 0; err == DEMUR_OK && i < batch->n_refs; i++)
        if (batch->refs[i].entry < batch->before.size || batch->refs[i].entry >= batch->after.size)
            err = demur_fail(diag, DEMUR_ERR_LIMIT,
                             "a blob is referenced by entry %llu, which is not in the batch",
                             (unsigned long long)batch->refs[i].entry);
    return err;
}
