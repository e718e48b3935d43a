/* handle_blob.c - sealed blobs, and the release keys of memos. */
#include <sodium.h>

#include "../core/age.h"
#include "../core/encode.h"
#include "journal.h"
#include "service.h"

/* Free bytes that an upload leaves, and that a release key does, so that the blobs
 * which were let in get theirs and records go on being filed. */
#define DISK_KEPT ((uint64_t)192 << 20)
#define DISK_KEPT_BY_KEYS ((uint64_t)128 << 20)

/* Was the blob expunged, and its release key with it? Then the reply says so. */
static bool expunged(struct demur_service *s, struct demur_request *r,
                     const uint8_t hash[static 32])
{
    demur_engine_read(s->engine);
    bool is = !demur_engine_sound(s->engine, NULL) && demur_expunged(&s->engine->expunge, hash);
    demur_engine_unread(s->engine);
    if (is)
        demur_reply_problem(&r->reply, 410, "expunged",
                            "this was destroyed under the channel's retention rule, as a record in "
                            "the log says: nobody can have it any more",
                            NULL, NULL);
    return is;
}

bool demur_handle_blob_get(struct demur_service *s, struct demur_request *r)
{
    struct demur_store_blob blob;
    struct demur_diag diag = {0};
    if (!demur_request_hash(r, r->reply.blob) || expunged(s, r, r->reply.blob))
        return true;
    enum demur_err err = demur_store_blob_stat(s->engine->store, &blob, r->reply.blob, &diag);
    if (err) {
        demur_reply_error(&r->reply, err, &diag, NULL);
        return true;
    }
    if (!demur_request_memory(r, DEMUR_MEMORY_ANSWER, DEMUR_BLOB_BLOCK)) {
        demur_reply_busy(&r->reply);
        return true;
    }
    r->reply.status = 200;
    r->reply.type = "application/octet-stream";
    r->reply.immutable = true;
    r->reply.is_blob = true;
    r->reply.blob_size = blob.size;
    return true;
}

static bool disk_leaves(struct demur_request *r, uint64_t bytes)
{
    struct demur_diag diag = {0};
    if (!demur_engine_disk(r->service->engine, bytes, &diag))
        return true;
    demur_reply_problem(&r->reply, 507, "full", diag.text, NULL, NULL);
    return false;
}

bool demur_blob_fits(struct demur_request *r) { return disk_leaves(r, DISK_KEPT); }

static bool full(struct demur_request *r)
{
    demur_reply_problem(&r->reply, 507, "full",
                        "too many uploads wait for their records: try again in an hour", NULL,
                        NULL);
    return false;
}

/* Uploads that end move from the first figure into the second, so the second is
 * asked last: nothing is overlooked. */
static uint64_t waiting(struct demur_service *s)
{
    uint64_t arriving = atomic_load(&s->arriving);
    return arriving + demur_store_blob_waiting(s->engine->store);
}

bool demur_blob_arrives(struct demur_request *r, uint64_t n)
{
    struct demur_service *s = r->service;
    uint64_t seen = r->seen + n;
    uint64_t cost = seen > DEMUR_STORE_BLOB_FLOOR ? seen : DEMUR_STORE_BLOB_FLOOR;
    if (cost <= r->arriving)
        return true;
    atomic_fetch_add(&s->arriving, cost - r->arriving);
    r->arriving = cost;
    return waiting(s) <= s->limits[DEMUR_LIMIT_WAITING_BLOBS] || full(r);
}

bool demur_blob_admit(struct demur_service *s, struct demur_request *r)
{
    struct demur_diag diag = {0};
    uint8_t hash[32];
    if (!demur_request_hash(r, hash))
        return false;
    if (waiting(s) + r->declared > s->limits[DEMUR_LIMIT_WAITING_BLOBS])
        return full(r);
    if (!demur_blob_arrives(r, 0))
        return false;
    if (!disk_leaves(r, DISK_KEPT + r->declared))
        return false;
    enum demur_err err = demur_store_upload_new(s->engine->store, &r->upload, &diag);
    if (err)
        demur_reply_error(&r->reply, err, &diag, NULL);
    return !err;
}

bool demur_handle_blob_put(struct demur_service *s, struct demur_request *r)
{
    struct demur_store_blob blob;
    struct demur_diag diag = {0};
    uint8_t hash[32];
    if (!demur_request_hash(r, hash) || expunged(s, r, hash) || !demur_blob_fits(r))
        return true;
    bool was_there = !demur_store_blob_stat(s->engine->store, &blob, hash, NULL);
    struct demur_store_upload *upload = r->upload;
    r->upload = NULL;
    if (s->engine->hooks && s->engine->hooks->at)
        s->engine->hooks->at(s->engine->hooks->ctx, DEMUR_POINT_UPLOADED);
    enum demur_err err =
        demur_store_upload_finish(upload, hash, (int64_t)demur_engine_clock(s->engine), &diag);
    if (err == DEMUR_ERR_VERIFY) {
        demur_reply_problem(&r->reply, 409, demur_err_name(err),
                            "the bytes do not hash to the name in the path: send them again", NULL,
                            NULL);
        return true;
    }
    /* Expunged meanwhile: whoever destroys it may have come before it was kept. */
    if (!err && expunged(s, r, hash)) {
        demur_engine_doom(s->engine, hash);
        return true;
    }
    if (err) {
        demur_reply_error(&r->reply, err, &diag, NULL);
        return true;
    }
    r->reply.status = was_there ? 200 : 201;
    return true;
}

/* With the fold held, so that no commit comes between the question whether an
 * entry names the blob and the answer. */
static enum demur_err release_store(struct demur_service *s, const uint8_t blob[static 32],
                                    const uint8_t key[static 32], struct demur_diag *diag)
{
    struct demur_store_blob stored;
    uint8_t held[32];
    demur_engine_read(s->engine);
    enum demur_err err = demur_store_blob_stat(s->engine->store, &stored, blob, diag);
    if (!err && stored.referenced) {
        err = demur_store_release_get(s->engine->store, held, blob, diag);
        if (!err && sodium_memcmp(held, key, 32) != 0)
            err = demur_fail(diag, DEMUR_ERR_REPLAY,
                             "an entry names this memo already: its release key stays as it is");
        sodium_memzero(held, sizeof held);
    } else if (!err) {
        err = demur_store_release_put(s->engine->store, blob, key, diag);
    }
    demur_engine_unread(s->engine);
    return err;
}

bool demur_handle_release_put(struct demur_service *s, struct demur_request *r)
{
    struct demur_diag diag = {0};
    uint8_t blob[32], key[32];
    if (!demur_request_hash(r, blob) || expunged(s, r, blob) || !disk_leaves(r, DISK_KEPT_BY_KEYS))
        return true;
    struct span text = span_of(r->body, (size_t)r->seen);
    if (text.len == 65 && text.p[64] == '\n')
        text.len = 64;
    enum demur_err err = demur_hex_exact(key, 32, text);
    if (err)
        demur_fail(&diag, err, "a release key is 64 lower-case hex digits");
    else
        err = release_store(s, blob, key, &diag);
    sodium_memzero(key, sizeof key);
    sodium_memzero(r->body, (size_t)r->seen);
    if (err)
        demur_reply_error(&r->reply, err, &diag, NULL);
    else
        r->reply.status = 204;
    return true;
}

/* ---- opening -------------------------------------------------------------- */

struct opening {
    uint8_t memo[32];
    struct demur_age_recipient officer;
};

/* Did the fold accept this very entry as an `open` record? Its refused ones are
 * in the log too, and open nothing. */
static bool open_accepted(const struct demur_channel *c, struct span dissent,
                          const uint8_t leaf[static 32])
{
    struct demur_event event;
    for (size_t i = 0; demur_channel_event(c, dissent, i, &event); i++)
        if (event.type == DEMUR_RECORD_OPEN && !memcmp(event.leaf, leaf, 32))
            return true;
    return false;
}

/* Who holds the role now: it may have ended since the entry, with no record. */
static enum demur_err officer_find(const struct demur_engine *e, const struct demur_record *record,
                                   struct demur_age_recipient *out, struct demur_diag *diag)
{
    struct demur_holder holder;
    uint8_t key[32];
    struct span role = demur_record_get(record, DEMUR_FIELD_ROLE);
    uint64_t now = demur_engine_now(e);
    demur_record_key(record, DEMUR_FIELD_BY, key);
    for (size_t i = 0; demur_channel_holder(e->channel, role, now, i, &holder); i++) {
        if (memcmp(holder.key, key, 32) != 0)
            continue;
        memcpy(out->public, holder.x25519, 32);
        return DEMUR_OK;
    }
    return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                      "whoever signed this entry no longer holds the role");
}

static enum demur_err opening_find(struct demur_service *s, const uint8_t leaf[static 32],
                                   struct opening *out, struct demur_diag *diag)
{
    struct demur_engine *e = s->engine;
    struct demur_published published;
    struct demur_store_bytes entry = {0};
    struct demur_record *record = malloc(sizeof *record);
    struct span text;
    uint64_t index, at;
    demur_engine_published(e, &published);
    enum demur_err err = record ? demur_store_leaf_find(e->store, &index, leaf, diag)
                                : demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    if (!err && index >= published.size)
        err = demur_fail(diag, DEMUR_ERR_UNKNOWN, "the published log has no such entry");
    if (!err)
        err = demur_store_entry_get(e->store, &entry, index, diag);
    if (!err)
        err = demur_entry_parse(&at, &text, span_of(entry.p, entry.len), diag);
    if (!err)
        err = demur_record_parse(record, text, diag);
    if (!err) {
        demur_engine_read(e);
        err = demur_engine_sound(e, diag);
        if (!err &&
            (record->type != DEMUR_RECORD_OPEN ||
             !open_accepted(e->channel, demur_record_get(record, DEMUR_FIELD_DISSENT), leaf)))
            err = demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                             "this entry is no accepted `open` record: it opens nothing");
        if (!err)
            err = officer_find(e, record, &out->officer, diag);
        demur_engine_unread(e);
    }
    if (!err)
        demur_record_hash(record, DEMUR_FIELD_MEMO, out->memo);
    demur_store_bytes_free(&entry);
    free(record);
    return err;
}

/* The key as 64 hex digits and LF, sealed to the officer. */
static enum demur_err release_seal(struct demur_service *s, const struct opening *opening,
                                   struct buf *out, struct demur_diag *diag)
{
    uint8_t key[32], plain[65], entropy[DEMUR_AGE_ENTROPY_LEN(1)];
    struct buf text = buf_over(plain, sizeof plain);
    enum demur_err err = demur_store_release_get(s->engine->store, key, opening->memo, diag);
    if (err)
        return err;
    demur_hex_encode(&text, span_of(key, sizeof key));
    buf_put_byte(&text, '\n');
    randombytes_buf(entropy, sizeof entropy);
    err = demur_age_seal(out, buf_span(&text), &opening->officer, 1,
                         span_of(entropy, sizeof entropy), diag);
    sodium_memzero(key, sizeof key);
    sodium_memzero(plain, sizeof plain);
    sodium_memzero(entropy, sizeof entropy);
    return err;
}

bool demur_handle_release_get(struct demur_service *s, struct demur_request *r)
{
    struct opening opening;
    struct demur_diag diag = {0};
    uint8_t leaf[32], sealed[1024];
    struct buf out = buf_over(sealed, sizeof sealed);
    if (!demur_request_hash(r, leaf))
        return true;
    enum demur_err err = opening_find(s, leaf, &opening, &diag);
    if (!err && expunged(s, r, opening.memo))
        return true;
    if (!err)
        err = release_seal(s, &opening, &out, &diag);
    if (err) {
        demur_reply_error(&r->reply, err, &diag, NULL);
        return true;
    }
    demur_journal("gave out a release key for a logged open");
    demur_reply_copy(&r->reply, "application/octet-stream", buf_span(&out));
    return true;
}
