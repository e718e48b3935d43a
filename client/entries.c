/* The log's entries in the copy: one file for each bundle of 256, as a server
 * serves them (core/tile.h). */
#include "../core/tile.h"
#include "internal.h"

#define BUNDLE_MAX ((size_t)DEMUR_TILE_WIDTH * (DEMUR_ENTRY_MAX + 2))

static bool bundle_path(char out[static PATH_LEN], const struct demur_client *c, uint64_t bundle)
{
    int n = snprintf(out, PATH_LEN, "%s/entries/%08llu", c->data, (unsigned long long)bundle);
    return n > 0 && n < PATH_LEN;
}

enum demur_err entries_read(const struct demur_client *c, uint64_t bundle, struct demur_bytes *out,
                            struct demur_diag *diag)
{
    char path[PATH_LEN];
    if (!bundle_path(path, c, bundle))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the copy's folder is too long");
    return demur_path_read(path, BUNDLE_MAX, out, diag);
}

enum demur_err entries_write(const struct demur_client *c, uint64_t bundle, struct span bytes,
                             struct demur_diag *diag)
{
    char path[PATH_LEN];
    if (!bundle_path(path, c, bundle))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the copy's folder is too long");
    return demur_path_write(path, bytes, diag);
}

bool entries_take(struct span bundle, size_t n, struct span *out)
{
    struct span rest = bundle, entry;
    for (size_t i = 0; i < n; i++)
        if (!demur_bundle_next(&rest, &entry))
            return false;
    *out = span_take(bundle, bundle.len - rest.len);
    return true;
}

enum demur_err demur_client_entry(struct demur_client *client, uint64_t index,
                                  struct demur_bytes *out, struct demur_diag *diag)
{
    struct demur_bytes bundle = {0};
    if (index >= client->size)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the copy has no entry %llu",
                          (unsigned long long)index);
    enum demur_err err = entries_read(client, index / DEMUR_TILE_WIDTH, &bundle, diag);
    if (err)
        return err;
    struct span rest = demur_bytes_span(&bundle), entry = {0};
    bool found = true;
    for (uint64_t i = 0; found && i <= index % DEMUR_TILE_WIDTH; i++)
        found = demur_bundle_next(&rest, &entry);
    struct buf copy = heap_buf(found ? entry.len : 0);
    buf_put_span(&copy, entry);
    if (found && copy.p)
        *out = heap_buf_take(&copy);
    else
        err = found ? no_memory(diag)
                    : demur_fail(diag, DEMUR_ERR_VERIFY,
                                 "the copy in %s was damaged: remove that folder, so that the log "
                                 "is fetched again",
                                 client->data);
    heap_buf_free(&copy);
    demur_bytes_free(&bundle);
    return err;
}
