/* checks.c - what must be stored before a record is appended. See engine.h. */
#include <sodium.h>

#include "../core/encode.h"
#include "engine.h"

/* Sizes of sealed blobs, memo.md section 5. Where the fold knows a tighter
 * limit, it says so itself. */
static const struct {
    enum demur_field field;
    uint64_t most;
} size_table[] = {
    {DEMUR_FIELD_TEXT, 65536},       {DEMUR_FIELD_CARD, 65536},
    {DEMUR_FIELD_MEMO, 2u << 20},    {DEMUR_FIELD_DOCUMENT, 2u << 20},
    {DEMUR_FIELD_MESSAGE, 2u << 20}, {DEMUR_FIELD_ATTACHMENT, DEMUR_BLOB_MAX},
    {DEMUR_FIELD_KEYS, 4u << 20},    {DEMUR_FIELD_BLOB, DEMUR_BLOB_MAX},
};

static void hex_of(char out[static 65], const uint8_t hash[static 32])
{
    sodium_bin2hex(out, 65, hash, 32);
}

static bool blob_check(struct demur_engine *e, struct demur_append *a,
                       const struct demur_blob_ref *blob, bool in_order)
{
    struct demur_store_blob stored;
    char name[65];
    hex_of(name, blob->hash);
    enum demur_err err = demur_store_blob_stat(e->store, &stored, blob->hash, &a->diag);
    /* Out of order, the record that expunged it may yet be lost; not if it is destroyed. */
    if ((in_order || err == DEMUR_ERR_UNKNOWN) && demur_expunged(&e->expunge, blob->hash)) {
        a->state = DEMUR_APPEND_REFUSED;
        demur_fail(&a->diag, DEMUR_ERR_FORBIDDEN,
                   "the blob %s was expunged: no record can name it any more", name);
        return false;
    }
    if (err == DEMUR_ERR_UNKNOWN) {
        a->state = DEMUR_APPEND_LACKS;
        demur_fail(&a->diag, DEMUR_ERR_MISSING,
                   "the blob %s is not stored: PUT it first, then append again", name);
        return false;
    }
    if (!err && stored.size != blob->size)
        err = demur_fail(&a->diag, DEMUR_ERR_VERIFY,
                         "the record says that the blob %s has %llu bytes, but it has %llu", name,
                         (unsigned long long)blob->size, (unsigned long long)stored.size);
    if (err)
        a->state = DEMUR_APPEND_REFUSED;
    return !err;
}

static bool sizes_check(struct demur_append *a)
{
    for (size_t i = 0; i < DEMUR_COUNT(size_table); i++) {
        struct demur_blob_ref blob;
        enum demur_field field = size_table[i].field;
        /* `expunge` names blobs by hash alone. */
        if (field == DEMUR_FIELD_BLOB && a->record.type == DEMUR_RECORD_EXPUNGE)
            continue;
        for (size_t n = 0; demur_record_blob(&a->record, field, n, &blob); n++) {
            if (blob.size <= size_table[i].most)
                continue;
            a->state = DEMUR_APPEND_REFUSED;
            demur_fail_at(&a->diag, DEMUR_ERR_LIMIT, 0, 0, demur_field_name(field),
                          "a blob named as %s may have %llu bytes at most, this has %llu",
                          demur_field_name(field), (unsigned long long)size_table[i].most,
                          (unsigned long long)blob.size);
            return false;
        }
    }
    return true;
}

static bool release_check(struct demur_engine *e, struct demur_append *a)
{
    struct demur_blob_ref memo;
    uint8_t key[32], wanted[32], commitment[32];
    char name[65];
    if (a->record.type != DEMUR_RECORD_FILE)
        return true;
    demur_record_blob(&a->record, DEMUR_FIELD_MEMO, 0, &memo);
    demur_record_hash(&a->record, DEMUR_FIELD_RELEASE, wanted);
    hex_of(name, memo.hash);
    enum demur_err err = demur_store_release_get(e->store, key, memo.hash, &a->diag);
    if (err == DEMUR_ERR_UNKNOWN) {
        a->state = DEMUR_APPEND_LACKS;
        demur_fail_at(&a->diag, DEMUR_ERR_MISSING, 0, 0, "release",
                      "the release key of the memo %s is not stored: PUT it first", name);
        return false;
    }
    if (!err) {
        demur_release_commitment(commitment, key);
        sodium_memzero(key, sizeof key);
        if (memcmp(commitment, wanted, 32) != 0)
            err = demur_fail_at(&a->diag, DEMUR_ERR_VERIFY, 0, 0, "release",
                                "the stored release key is not the one that the record commits to");
    }
    if (err)
        a->state = DEMUR_APPEND_REFUSED;
    return !err;
}

bool demur_blobs_check(struct demur_engine *e, struct demur_append *a, bool in_order)
{
    struct demur_blob_ref blobs[DEMUR_RECORD_FIELDS_MAX];
    size_t n = demur_record_blobs(&a->record, blobs, DEMUR_COUNT(blobs));
    if (!sizes_check(a))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!blob_check(e, a, &blobs[i], in_order))
            return false;
    return release_check(e, a);
}

enum demur_err demur_record_text(struct demur_engine *e, const struct demur_record *record,
                                 struct demur_store_bytes *out, struct demur_diag *diag)
{
    struct demur_blob_ref text;
    if ((record->type != DEMUR_RECORD_POLICY && record->type != DEMUR_RECORD_CALENDAR) ||
        !demur_record_blob(record, DEMUR_FIELD_TEXT, 0, &text))
        return DEMUR_OK;
    struct demur_diag cause = {0};
    enum demur_err err = demur_store_blob_get(e->store, out, text.hash, &cause);
    if (!err)
        return DEMUR_OK;
    char name[65];
    hex_of(name, text.hash);
    return demur_fail(diag, err == DEMUR_ERR_UNKNOWN ? DEMUR_ERR_MISSING : err,
                      "the text %s of a %s cannot be read: %.100s", name,
                      demur_record_type_name(record->type), cause.text);
}
