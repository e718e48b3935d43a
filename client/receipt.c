/* Receipts, checked offline against nothing but the channel's fingerprint. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/hash.h"
#include "../core/receipt.h"
#include "../core/tile.h"
#include "internal.h"

#define ROTATIONS_MAX 256

/* The keys that the channel's own entries establish, one entry after the other. */
struct authority {
    struct demur_record *record; /* work space */
    uint8_t log_key[32], root[32], next_root[32];
    uint64_t seq; /* of the root's last rotation: they count up, also within a second */
    char origin[DEMUR_NOTE_NAME_MAX + 1];
    const struct demur_channel *since; /* whose keys must be among those; or NULL */
    bool passed;                       /* and they were */
};

/* A chain that leaves out rotations which are known is one that a stolen key made. */
static void pass(struct authority *a)
{
    uint8_t log_key[32], root[32];
    if (!a->since)
        return;
    demur_channel_log_key(a->since, log_key);
    demur_channel_root_key(a->since, root);
    a->passed |= memcmp(log_key, a->log_key, 32) == 0 && memcmp(root, a->root, 32) == 0;
}

static enum demur_err unsound(struct demur_diag *diag, const char *what)
{
    return demur_fail(diag, DEMUR_ERR_VERIFY, "this receipt does not hold: %s", what);
}

static enum demur_err found(struct authority *a, struct span entry,
                            const uint8_t fingerprint[static 32], struct demur_diag *diag)
{
    uint8_t leaf[32];
    uint64_t at;
    struct span text;
    demur_merkle_leaf(leaf, entry);
    if (memcmp(leaf, fingerprint, 32) != 0)
        return unsound(diag, "it is of another channel than the one with this fingerprint");
    if (demur_entry_parse(&at, &text, entry, NULL) != DEMUR_OK ||
        demur_record_parse(a->record, text, NULL) != DEMUR_OK ||
        a->record->type != DEMUR_RECORD_CHANNEL)
        return unsound(diag, "its first entry is no channel");
    demur_record_key(a->record, DEMUR_FIELD_LOG_KEY, a->log_key);
    demur_record_key(a->record, DEMUR_FIELD_ROOT_KEY, a->root);
    demur_record_hash(a->record, DEMUR_FIELD_NEXT_ROOT, a->next_root);
    (void)copy_text(a->origin, sizeof a->origin, demur_record_get(a->record, DEMUR_FIELD_ORIGIN));
    return demur_record_verify(a->record, DEMUR_FIELD_SIG, a->root)
               ? DEMUR_OK
               : unsound(diag, "the channel is not signed by its root key");
}

/* Does the rotation name the key that was to be the next root? */
static bool next_root_takes_over(struct authority *a, const uint8_t by[static 32])
{
    uint8_t key[32], hash[32];
    if (!demur_record_key(a->record, DEMUR_FIELD_ROOT_KEY, key))
        return false;
    demur_hash(hash, span_of(key, 32));
    return memcmp(key, by, 32) == 0 && memcmp(hash, a->next_root, 32) == 0;
}

static enum demur_err rotate(struct authority *a, struct span entry,
                             const uint8_t fingerprint[static 32], struct demur_diag *diag)
{
    uint8_t by[32], channel[32];
    uint64_t at;
    struct span text;
    struct demur_record *r = a->record;
    if (demur_entry_parse(&at, &text, entry, NULL) != DEMUR_OK ||
        demur_record_parse(r, text, NULL) != DEMUR_OK || r->type != DEMUR_RECORD_ROTATE ||
        !demur_record_hash(r, DEMUR_FIELD_CHANNEL, channel) ||
        memcmp(channel, fingerprint, 32) != 0)
        return unsound(diag, "an entry in it is no rotation of this channel's keys");
    demur_record_key(r, DEMUR_FIELD_BY, by);
    bool root = next_root_takes_over(a, by);
    if (!root && (demur_record_has(r, DEMUR_FIELD_ROOT_KEY) || memcmp(by, a->root, 32) != 0))
        return unsound(diag, "a rotation of keys in it is not by the channel's root");
    uint64_t seq = demur_record_number(r, DEMUR_FIELD_SEQ);
    if (!root && seq <= a->seq)
        return unsound(diag, "the rotations of keys in it are not in the order of the log");
    if (!demur_record_verify(r, DEMUR_FIELD_SIG, by))
        return unsound(diag, "a rotation of keys in it is not signed");
    a->seq = seq;
    if (root) {
        memcpy(a->root, by, 32);
        demur_record_hash(r, DEMUR_FIELD_NEXT_ROOT, a->next_root);
    }
    demur_record_key(r, DEMUR_FIELD_LOG_KEY, a->log_key);
    return DEMUR_OK;
}

static bool is_rotation(struct span entry, uint64_t *at)
{
    struct span text;
    return demur_entry_parse(at, &text, entry, NULL) == DEMUR_OK &&
           span_starts(text, "demur rotate v1\n");
}

static enum demur_err chain(struct authority *a, const struct span *entries, size_t n,
                            const uint8_t fingerprint[static 32], struct demur_diag *diag)
{
    a->seq = 0;
    a->passed = !a->since;
    enum demur_err err = found(a, entries[0], fingerprint, diag);
    pass(a);
    for (size_t i = 1; !err && i < n; i++) {
        err = rotate(a, entries[i], fingerprint, diag);
        pass(a);
    }
    if (!err && !a->passed)
        err = unsound(diag, "it leaves out rotations of keys that are known");
    return err;
}

/* The bundle's entries but the last, to which the receipt is. Where that is a rotation
 * itself, some give it only there: then it belongs among the others by its time, and
 * within a second wherever the keys and their counting up let it stand. */
static enum demur_err establish(struct authority *a, struct span bundle,
                                const uint8_t fingerprint[static 32], struct span *subject,
                                struct demur_diag *diag)
{
    struct span entries[ROTATIONS_MAX + 2], rest = bundle;
    size_t n = 0;
    while (n < DEMUR_COUNT(entries) && demur_bundle_next(&rest, &entries[n]))
        n++;
    if (rest.len)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "this receipt holds too many entries");
    *subject = entries[n - 1];
    uint64_t at, other = 0;
    bool placed = n == 1 || !is_rotation(*subject, &at);
    for (size_t i = 1; !placed && i + 1 < n; i++)
        placed = span_eq(entries[i], *subject);
    if (placed)
        return chain(a, entries, n > 1 ? n - 1 : 1, fingerprint, diag);
    enum demur_err err = chain(a, entries, n, fingerprint, diag);
    for (size_t place = n - 1; err && place > 1; place--) {
        if (!is_rotation(entries[place - 1], &other) || other < at)
            break;
        entries[place] = entries[place - 1];
        entries[place - 1] = *subject;
        err = chain(a, entries, n, fingerprint, diag);
    }
    return err;
}

static enum demur_err report(struct demur_receipt_report *out, struct demur_record *r,
                             struct span entry, const uint8_t fingerprint[static 32],
                             struct demur_diag *diag)
{
    struct span text;
    uint8_t channel[32];
    if (demur_entry_parse(&out->at, &text, entry, diag) != DEMUR_OK ||
        demur_record_parse(r, text, diag) != DEMUR_OK)
        return unsound(diag,
                       "what it proves to be in the log is no record that this version knows");
    if (r->type != DEMUR_RECORD_CHANNEL && (!demur_record_hash(r, DEMUR_FIELD_CHANNEL, channel) ||
                                            memcmp(channel, fingerprint, 32) != 0))
        return unsound(diag, "the record in it is of another channel");
    out->type = r->type;
    (void)copy_text(out->dissent, sizeof out->dissent, demur_record_get(r, DEMUR_FIELD_DISSENT));
    out->has_commitment = demur_record_hash(r, DEMUR_FIELD_COMMITMENT, out->commitment);
    out->revision = (uint32_t)demur_record_number(r, DEMUR_FIELD_REVISION);
    struct buf copy = heap_buf(entry.len);
    if (!copy.p)
        return no_memory(diag);
    buf_put_span(&copy, entry);
    out->entry = heap_buf_take(&copy);
    return DEMUR_OK;
}

static enum demur_err check(struct demur_receipt_report *out, struct span text,
                            const uint8_t fingerprint[static 32], struct authority *a,
                            struct demur_receipt *receipt, struct demur_diag *diag)
{
    struct demur_diag why = {0};
    struct span subject = {0};
    struct demur_checkpoint head;
    if (demur_receipt_parse(receipt, text, &why) != DEMUR_OK)
        return demur_fail_at(diag, why.code, why.line, 0, why.field,
                             "this is no receipt, or it is damaged: %.150s", why.text);
    struct buf bundle = heap_buf(receipt->extra.len);
    if (!bundle.p)
        return no_memory(diag);
    enum demur_err err = demur_receipt_bundle(receipt, &bundle, &why);
    if (err)
        err = demur_fail(diag, err, "this receipt lacks the entries that explain it: %.120s",
                         why.text);
    if (!err)
        err = establish(a, buf_span(&bundle), fingerprint, &subject, diag);
    if (!err) {
        demur_merkle_leaf(out->leaf, subject);
        if (demur_receipt_verify(receipt, span_str(a->origin), a->log_key, out->leaf, &head, &why))
            err = unsound(diag, why.text);
    }
    if (!err)
        err = report(out, a->record, subject, fingerprint, diag);
    if (!err) {
        memcpy(out->origin, a->origin, sizeof out->origin);
        out->index = receipt->index;
        out->size = head.size;
        memcpy(out->root, head.root, 32);
    }
    heap_buf_free(&bundle);
    return err;
}

/* *key may be NULL, and so may since. */
static enum demur_err receipt_check(struct demur_receipt_report *out, struct span text,
                                    const uint8_t fingerprint[static 32],
                                    const struct demur_channel *since, uint8_t *key,
                                    struct demur_diag *diag)
{
    struct demur_receipt_report r = {0};
    struct authority a = {.record = malloc(sizeof *a.record), .since = since};
    struct demur_receipt *receipt = malloc(sizeof *receipt);
    enum demur_err err =
        a.record && receipt ? check(&r, text, fingerprint, &a, receipt, diag) : no_memory(diag);
    free(a.record);
    free(receipt);
    if (err) {
        demur_receipt_report_free(&r);
        return err;
    }
    *out = r;
    if (key)
        memcpy(key, a.log_key, 32);
    return DEMUR_OK;
}

enum demur_err demur_receipt_check(struct demur_receipt_report *out, struct span text,
                                   const uint8_t fingerprint[static 32], struct demur_diag *diag)
{
    return receipt_check(out, text, fingerprint, NULL, NULL, diag);
}

enum demur_err receipt_log_key(uint8_t key[static 32], struct span text,
                               const uint8_t fingerprint[static 32],
                               const struct demur_channel *since, struct demur_diag *diag)
{
    struct demur_receipt_report report;
    enum demur_err err = receipt_check(&report, text, fingerprint, since, key, diag);
    if (!err)
        demur_receipt_report_free(&report);
    return err;
}

void demur_receipt_report_free(struct demur_receipt_report *report)
{
    demur_bytes_free(&report->entry);
}
