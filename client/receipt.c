/* Receipts, checked offline against nothing but the channel's fingerprint. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/receipt.h"
#include "../core/tile.h"
#include "internal.h"

/* The chain of keys that a receipt shows. */
struct shown {
    struct authority a;
    const struct demur_channel *since; /* whose keys must be among those; or NULL */
    bool passed;                       /* and they were */
};

static enum demur_err unsound(struct demur_diag *diag, const char *what)
{
    return demur_fail(diag, DEMUR_ERR_VERIFY, "this receipt does not hold: %s", what);
}

/* A chain that leaves out rotations which are known is one that a stolen key made. */
static void pass(struct shown *s)
{
    uint8_t log_key[32], root[32];
    if (!s->since)
        return;
    demur_channel_log_key(s->since, log_key);
    demur_channel_root_key(s->since, root);
    s->passed |= memcmp(log_key, s->a.log_key, 32) == 0 && memcmp(root, s->a.root, 32) == 0;
}

static enum demur_err chain(struct shown *s, const struct span *entries, size_t n,
                            const uint8_t fingerprint[static 32], struct demur_diag *diag)
{
    struct demur_diag why = {0};
    s->passed = !s->since;
    enum demur_err err = authority_found(&s->a, entries[0], fingerprint, &why);
    pass(s);
    for (size_t i = 1; !err && i < n; i++) {
        err = authority_rotate(&s->a, entries[i], &why);
        pass(s);
    }
    if (err)
        return unsound(diag, why.text);
    return s->passed ? DEMUR_OK : unsound(diag, "it leaves out rotations of keys that are known");
}

/* The bundle's entries but the last, to which the receipt is. Where that is a rotation
 * itself, some give it only there: then it belongs among the others by its time, and
 * within a second wherever the keys and their counting up let it stand. */
static enum demur_err establish(struct shown *s, struct span bundle,
                                const uint8_t fingerprint[static 32], struct span *subject,
                                struct demur_diag *diag)
{
    struct span entries[AUTHORITY_ROTATIONS_MAX + 2], rest = bundle;
    size_t n = 0;
    while (n < DEMUR_COUNT(entries) && demur_bundle_next(&rest, &entries[n]))
        n++;
    if (rest.len)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "this receipt holds too many entries");
    *subject = entries[n - 1];
    uint64_t at, other = 0;
    bool placed = n == 1 || !authority_rotates(*subject, &at);
    for (size_t i = 1; !placed && i + 1 < n; i++)
        placed = span_eq(entries[i], *subject);
    if (placed)
        return chain(s, entries, n > 1 ? n - 1 : 1, fingerprint, diag);
    enum demur_err err = chain(s, entries, n, fingerprint, diag);
    for (size_t place = n - 1; err && place > 1; place--) {
        if (!authority_rotates(entries[place - 1], &other) || other < at)
            break;
        entries[place] = entries[place - 1];
        entries[place - 1] = *subject;
        err = chain(s, entries, n, fingerprint, diag);
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
                            const uint8_t fingerprint[static 32], struct shown *s,
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
        err = establish(s, buf_span(&bundle), fingerprint, &subject, diag);
    if (!err) {
        demur_merkle_leaf(out->leaf, subject);
        if (demur_receipt_verify(receipt, span_str(s->a.origin), s->a.log_key, out->leaf, &head,
                                 &why))
            err = unsound(diag, why.text);
    }
    if (!err)
        err = report(out, s->a.record, subject, fingerprint, diag);
    if (!err) {
        memcpy(out->origin, s->a.origin, sizeof out->origin);
        out->index = receipt->index;
        out->size = head.size;
        memcpy(out->root, head.root, 32);
    }
    heap_buf_free(&bundle);
    return err;
}

enum demur_err receipt_check(struct demur_receipt_report *out, struct span text,
                             const uint8_t fingerprint[static 32],
                             const struct demur_channel *since, uint8_t *key,
                             struct demur_diag *diag)
{
    struct demur_receipt_report r = {0};
    struct shown s = {.a.record = malloc(sizeof *s.a.record), .since = since};
    struct demur_receipt *receipt = malloc(sizeof *receipt);
    enum demur_err err =
        s.a.record && receipt ? check(&r, text, fingerprint, &s, receipt, diag) : no_memory(diag);
    free(s.a.record);
    free(receipt);
    if (err) {
        demur_receipt_report_free(&r);
        return err;
    }
    *out = r;
    if (key)
        memcpy(key, s.a.log_key, 32);
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

const char *receipt_doubt(const struct demur_client *c, const uint8_t key[static 32])
{
    uint8_t now[32];
    demur_channel_log_key(c->channel, now);
    return memcmp(key, now, 32) == 0
               ? ""
               : "; the receipt's log key was replaced later, so whoever stole it could have made "
                 "the receipt too";
}

void demur_receipt_report_free(struct demur_receipt_report *report)
{
    demur_bytes_free(&report->entry);
}
