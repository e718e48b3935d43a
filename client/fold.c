/* From the copy's entries to the channel that they mean. */
#include <stdlib.h>

#include "../core/encode.h"
#include "../core/hash.h"
#include "../core/lines.h"
#include "../core/ring.h"
#include "../core/table.h"
#include "../core/tile.h"
#include "internal.h"

#define VERIFIED_MAX (64u << 20)

/* ---- which signatures were verified before ---- */

static bool is_bad(const struct demur_client *c, uint64_t index)
{
    for (size_t i = 0; i < c->bad_len; i++)
        if (c->bad[i] == index)
            return true;
    return false;
}

static enum demur_err add_bad(struct demur_client *c, uint64_t index, struct demur_diag *diag)
{
    if (is_bad(c, index))
        return DEMUR_OK;
    if (!demur_grow(&c->bad, &c->bad_cap, c->bad_len + 1, sizeof *c->bad))
        return no_memory(diag);
    c->bad[c->bad_len++] = index;
    return DEMUR_OK;
}

static bool first_bytes(const struct demur_record *r, enum demur_field field, uint8_t out[32])
{
    uint8_t bytes[DEMUR_RING_SIGNATURE_MAX];
    struct buf b = buf_over(bytes, sizeof bytes);
    return demur_record_bytes(r, field, &b) && demur_ring_signature_tag(out, buf_span(&b)) == true;
}

/* The verdict of an earlier run on this record. */
static void recall(struct demur_verdict *out, const struct demur_record *r)
{
    *out = (struct demur_verdict){.verified = true};
    demur_hash(out->record, r->text);
    if (!first_bytes(r, DEMUR_FIELD_PROOF, out->tag))
        memset(out->tag, 0, 32);
    if (!first_bytes(r, DEMUR_FIELD_SLOT_PROOF, out->slot_tag))
        memset(out->slot_tag, 0, 32);
}

/* ---- one entry ---- */

static enum demur_err note_refused(struct demur_client *c, uint64_t index,
                                   const struct demur_diag *why, struct demur_diag *diag)
{
    struct refused r = {.index = index};
    if (!demur_grow(&c->refused, &c->refused_cap, c->refused_len + 1, sizeof r))
        return no_memory(diag);
    snprintf(r.why, sizeof r.why, "%.127s", why->text);
    c->refused[c->refused_len++] = r;
    return DEMUR_OK;
}

/* known: an earlier verdict, or NULL. */
static enum demur_err apply(struct demur_client *c, const struct demur_record *r, uint64_t at,
                            uint64_t index, const struct demur_verdict *known, bool *stops,
                            struct demur_diag *diag)
{
    struct demur_verdict verdict;
    struct demur_bytes text = {0};
    struct demur_blob_ref blob;
    enum demur_err err = DEMUR_OK;
    if (known) {
        verdict = *known;
    } else if ((err = demur_channel_verify(c->channel, r, &verdict, diag))) {
        enum demur_err full = err == DEMUR_ERR_MEMORY ? err : add_bad(c, index, diag);
        *stops = full != DEMUR_OK;
        return full ? full : err;
    }
    err = demur_channel_apply(c->channel, at, r, demur_bytes_span(&text), &verdict, diag);
    /* Only for what is rightful: nobody else can have something fetched, or waited for. */
    if (err == DEMUR_ERR_TEXT && demur_record_blob(r, DEMUR_FIELD_TEXT, 0, &blob)) {
        if ((err = blob_text(c, &blob, &text, diag))) {
            *stops = true;
            return err;
        }
        err = demur_channel_apply(c->channel, at, r, demur_bytes_span(&text), &verdict, diag);
        demur_bytes_free(&text);
    }
    *stops = err == DEMUR_ERR_MEMORY;
    return err;
}

/* What was parsed with this result, `why` telling of a refusal. */
static enum demur_err fold_parsed(struct demur_client *c, struct span entry,
                                  const uint8_t leaf[static 32], uint64_t at, enum demur_err parsed,
                                  struct demur_diag *why, const struct demur_record *r,
                                  const struct demur_verdict *known, struct demur_diag *diag)
{
    uint64_t index = demur_channel_size(c->channel);
    bool stops = false;
    enum demur_err err = parsed ? parsed : apply(c, r, at, index, known, &stops, why);
    if (stops) {
        if (diag)
            *diag = *why;
        return err;
    }
    if (!demur_frontier_append(&c->frontier, leaf))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the log is too long");
    if (err) {
        demur_channel_skip(c->channel, at, entry);
        c->upgrade |= err == DEMUR_ERR_UPGRADE;
        /* After what it does not understand, this version cannot tell what is right. */
        if (!c->upgrade)
            return note_refused(c, index, why, diag);
    } else if (r->type == DEMUR_RECORD_TICK) {
        c->last_tick = at;
    }
    return DEMUR_OK;
}

enum demur_err fold_checked(struct demur_client *c, const struct checked *k,
                            struct demur_diag *diag)
{
    struct demur_diag why = k->why;
    return fold_parsed(c, k->entry, k->leaf, k->at, k->err, &why, &k->record,
                       k->verdict.verified ? &k->verdict : NULL, diag);
}

enum demur_err fold_entry(struct demur_client *c, struct span entry, bool trusted,
                          struct demur_diag *diag)
{
    uint8_t leaf[32];
    uint64_t at = 0;
    struct span record;
    struct demur_diag why = {0};
    struct demur_verdict recalled;
    demur_merkle_leaf(leaf, entry);
    enum demur_err err = demur_entry_parse(&at, &record, entry, &why);
    if (!err)
        err = demur_record_parse(c->record, record, &why);
    bool known = !err && trusted && !is_bad(c, demur_channel_size(c->channel));
    if (known)
        recall(&recalled, c->record);
    return fold_parsed(c, entry, leaf, at, err, &why, c->record, known ? &recalled : NULL, diag);
}

/* ---- the whole copy ---- */

static enum demur_err damaged(const struct demur_client *c, const char *what,
                              struct demur_diag *diag)
{
    return demur_fail(
        diag, DEMUR_ERR_VERIFY,
        "the copy in %.120s was damaged (%s): remove the file checkpoint in it, so that "
        "the log is fetched again",
        c->data, what);
}

/* How many entries an earlier run has verified: all of this checkpoint's or none.
 * `verified` is `demur verified v1`, the root, and the entries that did not verify. */
static uint64_t read_verified(struct demur_client *c)
{
    char path[PATH_LEN];
    struct demur_bytes file = {0};
    uint8_t root[32] = {0};
    if (!path_join(path, c->data, "verified") ||
        demur_path_read(path, VERIFIED_MAX, &file, NULL) != DEMUR_OK)
        return 0;
    struct demur_lines lines;
    struct span line;
    bool good = demur_lines_init(&lines, demur_bytes_span(&file), VERIFIED_MAX, NULL) == DEMUR_OK &&
                demur_lines_header(&lines, "verified", NULL) == DEMUR_OK &&
                demur_lines_next(&lines, &line) && demur_hex_exact(root, 32, line) == DEMUR_OK &&
                memcmp(root, c->root, 32) == 0;
    uint64_t index;
    while (good && demur_lines_next(&lines, &line))
        good = span_u64(line, UINT64_MAX, &index) && add_bad(c, index, NULL) == DEMUR_OK;
    demur_bytes_free(&file);
    return good ? c->size : 0;
}

static enum demur_err write_verified(const struct demur_client *c, struct demur_diag *diag)
{
    char path[PATH_LEN];
    struct buf out = heap_buf(128 + 21 * c->bad_len);
    if (!out.p || !path_join(path, c->data, "verified"))
        return no_memory(diag);
    buf_put_str(&out, "demur verified v1\n");
    demur_hex_encode(&out, span_of(c->root, 32));
    buf_put_byte(&out, '\n');
    for (size_t i = 0; i < c->bad_len; i++) {
        buf_put_u64(&out, c->bad[i]);
        buf_put_byte(&out, '\n');
    }
    enum demur_err err = demur_path_write(path, buf_span(&out), diag);
    heap_buf_free(&out);
    return err;
}

static enum demur_err fold_bundle(struct demur_client *c, uint64_t bundle, uint64_t trusted,
                                  struct demur_diag *diag)
{
    struct demur_bytes bytes = {0};
    enum demur_err err = entries_read(c, bundle, &bytes, diag);
    if (err)
        return err == DEMUR_ERR_UNKNOWN ? damaged(c, "entries are missing", diag) : err;
    struct span rest = demur_bytes_span(&bytes), entry;
    uint64_t index = bundle * DEMUR_TILE_WIDTH, end = index + DEMUR_TILE_WIDTH;
    for (; !err && index < end && index < c->size; index++)
        err = demur_bundle_next(&rest, &entry) ? fold_entry(c, entry, index < trusted, diag)
                                               : damaged(c, "an entry is broken off", diag);
    demur_bytes_free(&bytes);
    return err;
}

/* Set size and root from the checkpoint on disk; its signature is checked later. */
static enum demur_err read_checkpoint(struct demur_client *c, struct demur_diag *diag)
{
    char path[PATH_LEN];
    static const size_t max = DEMUR_NOTE_MAX;
    struct demur_note *note = malloc(sizeof *note);
    struct demur_checkpoint head;
    demur_bytes_free(&c->checkpoint);
    c->size = 0;
    if (!note || !path_join(path, c->data, "checkpoint")) {
        free(note);
        return no_memory(diag);
    }
    enum demur_err err = demur_path_read(path, max, &c->checkpoint, diag);
    if (err == DEMUR_ERR_UNKNOWN) {
        free(note);
        return DEMUR_OK; /* nothing was fetched yet */
    }
    if (!err && (demur_note_parse(note, demur_bytes_span(&c->checkpoint), NULL) != DEMUR_OK ||
                 demur_checkpoint_parse_text(&head, note->text, NULL) != DEMUR_OK))
        err = damaged(c, "its checkpoint is none", diag);
    if (!err) {
        c->size = head.size;
        memcpy(c->root, head.root, 32);
    }
    free(note);
    return err;
}

static enum demur_err check_copy(const struct demur_client *c, struct demur_diag *diag)
{
    uint8_t root[32], fingerprint[32], log_key[32];
    struct demur_checkpoint head;
    demur_frontier_root(&c->frontier, root);
    if (memcmp(root, c->root, 32) != 0)
        return damaged(c, "its entries are not those of its checkpoint", diag);
    if (!demur_channel_fingerprint(c->channel, fingerprint) ||
        memcmp(fingerprint, c->options.channel, 32) != 0)
        return demur_fail(
            diag, DEMUR_ERR_VERIFY,
            "the copy in %.120s is of another channel than the one that was named: give "
            "another --home, or that channel's fingerprint",
            c->data);
    demur_channel_log_key(c->channel, log_key);
    if (demur_checkpoint_open(&head, NULL, demur_bytes_span(&c->checkpoint),
                              demur_channel_origin(c->channel), log_key, NULL) != DEMUR_OK)
        return damaged(c, "its checkpoint is not signed by the log", diag);
    return DEMUR_OK;
}

enum demur_err fold_copy(struct demur_client *c, struct demur_diag *diag)
{
    demur_channel_free(c->channel);
    c->channel = demur_channel_new();
    demur_frontier_init(&c->frontier);
    c->bad_len = 0;
    c->refused_len = 0;
    c->last_tick = 0;
    c->upgrade = false;
    if (!c->channel)
        return no_memory(diag);
    enum demur_err err = read_checkpoint(c, diag);
    if (err || c->size == 0)
        return err;
    c->head = demur_bytes_span(&c->checkpoint);
    uint64_t trusted = read_verified(c), bundles = (c->size - 1) / DEMUR_TILE_WIDTH + 1;
    for (uint64_t i = 0; !err && i < bundles; i++) {
        err = fold_bundle(c, i, trusted, diag);
        client_progress(c, "reading the copy", i + 1, bundles);
    }
    if (!err)
        err = check_copy(c, diag);
    if (!err)
        err = fold_evidence(c, diag);
    return err || trusted == c->size ? err : write_verified(c, diag);
}

enum demur_err fold_commit(struct demur_client *c, struct span checkpoint, struct demur_diag *diag)
{
    char path[PATH_LEN];
    struct buf copy = heap_buf(checkpoint.len);
    if (!copy.p || !path_join(path, c->data, "checkpoint"))
        return no_memory(diag);
    buf_put_span(&copy, checkpoint);
    enum demur_err err = demur_path_write(path, checkpoint, diag);
    if (err) {
        heap_buf_free(&copy);
        return err;
    }
    demur_bytes_free(&c->checkpoint);
    c->checkpoint = heap_buf_take(&copy);
    c->head = demur_bytes_span(&c->checkpoint);
    c->size = c->frontier.size;
    demur_frontier_root(&c->frontier, c->root);
    return write_verified(c, diag);
}
