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
    return c->options.throwaway ? path_write_unsynced(path, bytes, diag)
                                : demur_path_write(path, bytes, diag);
}

enum demur_err entries_fetch(const struct demur_client *c, uint64_t bundle, unsigned width,
                             struct demur_bytes *out, struct demur_diag *diag)
{
    char path[DEMUR_TILE_PATH_MAX + 2] = "/";
    struct buf b = buf_over(path + 1, sizeof path - 2);
    struct demur_tile tile = {DEMUR_TILE_ENTRIES, bundle, width};
    struct demur_bytes bytes = {0};
    size_t count = 0;
    demur_tile_put_path(&b, &tile);
    path[1 + b.len] = 0;
    enum demur_err err = http_want(c->http, HTTP_GET, path, span_of(NULL, 0),
                                   (size_t)width * (DEMUR_ENTRY_MAX + 2), &bytes, diag);
    if (err)
        return err;
    if (demur_bundle_check(demur_bytes_span(&bytes), width, &count, NULL) != DEMUR_OK ||
        count != width) {
        demur_bytes_free(&bytes);
        return demur_fail(
            diag, DEMUR_ERR_VERIFY,
            "the server sent entries from %llu on that are no entry bundle: it, or a proxy "
            "before it, is broken; tell the operator",
            (unsigned long long)(bundle * DEMUR_TILE_WIDTH));
    }
    *out = bytes;
    return DEMUR_OK;
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

static enum demur_err damaged(const struct demur_client *c, struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_VERIFY,
                      "the copy in %.120s was damaged: remove the file checkpoint in it, so that "
                      "the log is fetched again",
                      c->data);
}

enum demur_err entries_root(const struct demur_client *c, uint64_t size, uint8_t root[static 32],
                            struct demur_diag *diag)
{
    struct demur_frontier tree;
    enum demur_err err = DEMUR_OK;
    if (size == c->size) {
        memcpy(root, c->root, 32);
        return DEMUR_OK;
    }
    demur_frontier_init(&tree);
    while (!err && tree.size < size) {
        struct demur_bytes bundle = {0};
        uint64_t before = tree.size;
        uint8_t leaf[32];
        err = entries_read(c, tree.size / DEMUR_TILE_WIDTH, &bundle, diag);
        struct span rest = demur_bytes_span(&bundle), entry;
        while (!err && tree.size < size && demur_bundle_next(&rest, &entry)) {
            demur_merkle_leaf(leaf, entry);
            if (!demur_frontier_append(&tree, leaf))
                err = damaged(c, diag);
        }
        if (!err && (tree.size == before || (tree.size < size && tree.size % DEMUR_TILE_WIDTH)))
            err = damaged(c, diag);
        demur_bytes_free(&bundle);
    }
    demur_frontier_root(&tree, root);
    return err;
}

/* ---- what is beyond the copy ---- */

static bool tidy_one(void *ctx, const char *name)
{
    const struct demur_client *c = ctx;
    uint64_t bundle = 0;
    char path[PATH_LEN];
    int n = snprintf(path, sizeof path, "%s/entries/%s", c->data, name);
    bool number =
        span_u64(span_str(name + strspn(name, "0")), UINT64_MAX / DEMUR_TILE_WIDTH, &bundle) ||
        name[strspn(name, "0")] == 0;
    if (n > 0 && n < PATH_LEN && (!number || bundle * DEMUR_TILE_WIDTH >= c->size))
        (void)!path_remove_all(path, NULL);
    return true;
}

void entries_tidy(const struct demur_client *c)
{
    char folder[PATH_LEN];
    if (path_join(folder, c->data, "entries"))
        (void)!path_list(folder, tidy_one, (void *)c, NULL);
}

/* Whoever reads a case's entries reads many of one bundle. */
static enum demur_err take_bundle(struct demur_client *c, uint64_t bundle, struct demur_diag *diag)
{
    struct demur_bytes bytes = {0};
    if (c->bundle_size == c->size && c->bundle_at == bundle)
        return DEMUR_OK;
    enum demur_err err = entries_read(c, bundle, &bytes, diag);
    if (err)
        return err;
    demur_bytes_free(&c->bundle);
    c->bundle = bytes;
    c->bundle_at = bundle;
    c->bundle_size = c->size;
    return DEMUR_OK;
}

enum demur_err demur_client_entry(struct demur_client *client, uint64_t index,
                                  struct demur_bytes *out, struct demur_diag *diag)
{
    if (index >= client->size)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the copy has no entry %llu",
                          (unsigned long long)index);
    enum demur_err err = take_bundle(client, index / DEMUR_TILE_WIDTH, diag);
    if (err)
        return err;
    struct span rest = demur_bytes_span(&client->bundle), entry = {0};
    bool found = true;
    for (uint64_t i = 0; found && i <= index % DEMUR_TILE_WIDTH; i++)
        found = demur_bundle_next(&rest, &entry);
    struct buf copy = heap_buf(found ? entry.len : 0);
    buf_put_span(&copy, entry);
    if (found && copy.p)
        *out = heap_buf_take(&copy);
    else
        err = found ? no_memory(diag) : damaged(client, diag);
    heap_buf_free(&copy);
    return err;
}
