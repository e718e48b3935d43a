/* Blobs: fetched and stored by their hash. */
#include "../core/hash.h"
#include "internal.h"

void blob_name(struct demur_blob_ref *out, struct span bytes)
{
    demur_hash(out->hash, bytes);
    out->size = bytes.len;
}

static bool is_blob(const struct demur_blob_ref *blob, struct span bytes)
{
    struct demur_blob_ref got;
    blob_name(&got, bytes);
    return got.size == blob->size && memcmp(got.hash, blob->hash, 32) == 0;
}

static enum demur_err fetch(struct demur_client *c, const struct demur_blob_ref *blob,
                            struct demur_bytes *out, struct demur_diag *diag)
{
    char hex[65], path[80];
    struct demur_bytes bytes = {0};
    hex_text(hex, blob->hash);
    snprintf(path, sizeof path, "/blob/%s", hex);
    if (blob->size > DEMUR_BLOB_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a blob of that size is never fetched");
    enum demur_err err =
        http_want(c->http, HTTP_GET, path, span_of(NULL, 0), (size_t)blob->size, &bytes, diag);
    if (err == DEMUR_ERR_UNKNOWN)
        return demur_fail(
            diag, err,
            "the server has lost what a record in the log names (blob %.16s…): it may "
            "have been expunged, or withheld",
            hex);
    if (err)
        return err;
    if (!is_blob(blob, demur_bytes_span(&bytes))) {
        demur_bytes_free(&bytes);
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "what the server sent for blob %.16s… is not what the log names", hex);
    }
    *out = bytes;
    return DEMUR_OK;
}

static bool blob_path(char out[static PATH_LEN], const struct demur_client *c,
                      const struct demur_blob_ref *blob)
{
    char hex[65];
    hex_text(hex, blob->hash);
    int n = snprintf(out, PATH_LEN, "%s/blobs/%s", c->data, hex);
    return n > 0 && n < PATH_LEN;
}

bool blob_kept(const struct demur_client *c, const struct demur_blob_ref *blob,
               struct demur_bytes *out)
{
    char path[PATH_LEN];
    struct demur_bytes bytes = {0};
    if (!blob_path(path, c, blob) || blob->size > DEMUR_BLOB_MAX ||
        demur_path_read(path, (size_t)blob->size, &bytes, NULL) != DEMUR_OK)
        return false;
    bool is = is_blob(blob, demur_bytes_span(&bytes));
    if (is)
        *out = bytes;
    else
        demur_bytes_free(&bytes);
    return is;
}

enum demur_err demur_client_blob(struct demur_client *client, const struct demur_blob_ref *blob,
                                 struct demur_bytes *out, struct demur_diag *diag)
{
    return blob_kept(client, blob, out) ? DEMUR_OK : fetch(client, blob, out, diag);
}

enum demur_err blob_text(struct demur_client *c, const struct demur_blob_ref *blob,
                         struct demur_bytes *out, struct demur_diag *diag)
{
    char path[PATH_LEN];
    if (blob_kept(c, blob, out))
        return DEMUR_OK;
    enum demur_err err = fetch(c, blob, out, diag);
    if (!err && blob_path(path, c, blob))
        err = demur_path_write(path, demur_bytes_span(out), diag);
    if (err)
        demur_bytes_free(out);
    return err;
}

enum demur_err blob_put(struct demur_client *c, struct span bytes, struct demur_blob_ref *out,
                        struct demur_diag *diag)
{
    char hex[65], path[80];
    blob_name(out, bytes);
    hex_text(hex, out->hash);
    snprintf(path, sizeof path, "/blob/%s", hex);
    return http_want(c->http, HTTP_PUT, path, bytes, 4096, NULL, diag);
}
