/* What an evidence file proves to somebody who trusts nobody: neither the operator that it
 * accuses nor the client that made it. docs/formats/evidence.md.
 *
 * Whatever counts is signed by the log, or follows from what is by hashes. What the file
 * says of itself is shown and not believed. */
#include <stdlib.h>

#include "../core/encode.h"
#include "../core/hash.h"
#include "../core/receipt.h"
#include "../core/tile.h"
#include "internal.h"

struct checking {
    struct evidence e;
    const uint8_t *fingerprint;
    struct demur_evidence_report *report;
    struct demur_record record;
    uint8_t log_key[32]; /* the last that `keys` show */
};

/* A head that the log has signed. */
struct head {
    uint64_t size;
    uint8_t root[32], key[32];
};

static enum demur_err not_proven(struct demur_diag *diag, const char *what)
{
    return demur_fail(diag, DEMUR_ERR_VERIFY, "this proves nothing against the operator: %s", what);
}

/* An entry that one version of the rules refuses, another may take. */
static enum demur_err other_rules(const struct demur_finding *f, struct demur_diag *diag)
{
    if (f->rules > DEMUR_FOLD_VERSION)
        return demur_fail(diag, DEMUR_ERR_UPGRADE,
                          "this was found under version %u of a channel's rules, and this version "
                          "of demur knows them up to %u: it proves nothing here; upgrade before "
                          "you judge it",
                          f->rules, DEMUR_FOLD_VERSION);
    if (!f->rules)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "this proves nothing against the operator: it does not say under which "
                          "version of a channel's rules it was found, and under this one the entry "
                          "may be right; `demur audit` tells");
    return demur_fail(diag, DEMUR_ERR_VERIFY,
                      "this proves nothing against the operator: it was found under version %u of "
                      "a channel's rules, and this version of demur goes by %u, under which the "
                      "entry may be right; `demur audit` tells",
                      f->rules, DEMUR_FOLD_VERSION);
}

static enum demur_err part_missing(struct demur_diag *diag, const char *what)
{
    return demur_fail(diag, DEMUR_ERR_VERIFY,
                      "this proves nothing against the operator by itself: it does not hold %s",
                      what);
}

/* ---- heads ---- */

/* Has one of the channel's log keys signed it? `keys` is a bundle of entry 0 and rotations. */
static enum demur_err open_with(struct checking *k, struct span keys, struct span checkpoint,
                                struct head *out, struct demur_diag *diag)
{
    struct authority a = {.record = &k->record};
    struct demur_checkpoint head;
    struct demur_diag why = {0};
    struct span entry;
    bool found = false;
    for (size_t n = 0; demur_bundle_next(&keys, &entry); n++) {
        enum demur_err err = n > AUTHORITY_ROTATIONS_MAX ? DEMUR_ERR_LIMIT
                             : n                         ? authority_rotate(&a, entry, &why)
                                 : authority_found(&a, entry, k->fingerprint, &why);
        if (err)
            return not_proven(diag, why.text[0] ? why.text : "it holds too many keys");
        if (demur_checkpoint_open(&head, NULL, checkpoint, span_str(a.origin), a.log_key, NULL))
            continue;
        found = true;
        out->size = head.size;
        memcpy(out->root, head.root, 32);
        memcpy(out->key, a.log_key, 32);
        memcpy(k->report->origin, a.origin, sizeof k->report->origin);
    }
    if (keys.len)
        return not_proven(diag, "the keys in it are broken off");
    if (!found)
        return not_proven(diag, "a checkpoint in it is not signed by the channel's log");
    return DEMUR_OK;
}

static enum demur_err open_head(struct checking *k, enum evidence_name name, struct head *out,
                                struct demur_diag *diag)
{
    struct span keys, checkpoint;
    if (!evidence_has(&k->e, name, &checkpoint))
        return part_missing(diag, "the checkpoints");
    enum demur_err err = DEMUR_ERR_MISSING;
    if (name == EVIDENCE_CHECKPOINT_BEFORE && evidence_has(&k->e, EVIDENCE_KEYS_BEFORE, &keys))
        err = open_with(k, keys, checkpoint, out, diag);
    if (err && !evidence_has(&k->e, EVIDENCE_KEYS, &keys))
        return part_missing(diag, "the log's keys");
    if (err)
        err = open_with(k, keys, checkpoint, out, diag);
    k->report->replaced |= !err && memcmp(out->key, k->log_key, 32) != 0;
    return err;
}

/* ---- proofs ---- */

/* Lines of base64: a hash, and the hashes of a proof. */
static enum demur_err take_proof(struct checking *k, enum evidence_name name, uint8_t hash[32],
                                 struct demur_proof *proof, struct demur_diag *diag)
{
    struct span text, line;
    bool found = true, good = true;
    if (!evidence_has(&k->e, name, &text))
        return part_missing(diag, "the proof");
    line = span_split(&text, '\n', &found);
    good = found && demur_base64_exact(hash, 32, line) == DEMUR_OK;
    for (proof->len = 0; good && text.len; proof->len++) {
        line = span_split(&text, '\n', &found);
        good = found && proof->len < DEMUR_PROOF_MAX &&
               demur_base64_exact(proof->hash[proof->len], 32, line) == DEMUR_OK;
        if (!good)
            break;
    }
    return good ? DEMUR_OK : not_proven(diag, "a proof in it is not in its form");
}

/* Is `root` that of the first `size` entries of the log that `larger` is the head of? */
static bool begins(const struct head *larger, uint64_t size, const uint8_t root[32],
                   const struct demur_proof *proof)
{
    return size && demur_consistency_verify(proof, size, larger->size, root, larger->root);
}

/* Two heads, of which the smaller is not that of the larger one's beginning. */
static enum demur_err heads_contradict(struct checking *k, const struct head *one,
                                       const struct head *other, struct demur_diag *diag)
{
    struct demur_proof proof;
    uint8_t root[32];
    const struct head *smaller = one->size <= other->size ? one : other,
                      *larger = smaller == one ? other : one;
    if (smaller->size == larger->size) {
        memcpy(root, larger->root, 32);
    } else {
        enum demur_err err = take_proof(k, EVIDENCE_PREFIX, root, &proof, diag);
        if (err)
            return err;
        if (!begins(larger, smaller->size, root, &proof))
            return not_proven(diag, "the proof in it does not lead to the larger checkpoint");
    }
    if (memcmp(root, smaller->root, 32) == 0)
        return not_proven(diag, "the two checkpoints in it agree, as those of an honest log do");
    snprintf(k->report->proves, sizeof k->report->proves,
             "the log signed two different histories of its first %llu entries",
             (unsigned long long)smaller->size);
    return DEMUR_OK;
}

/* ---- receipts ---- */

static enum demur_err open_receipt(struct checking *k, struct demur_receipt_report *receipt,
                                   uint8_t *key, struct demur_diag *diag)
{
    struct span text;
    struct demur_diag why = {0};
    if (!evidence_has(&k->e, EVIDENCE_RECEIPT, &text))
        return part_missing(diag, "the receipt, which is where its owner put it");
    enum demur_err err = demur_receipt_check(receipt, text, k->fingerprint, &why);
    if (!err)
        err = receipt_log_key(key, text, k->fingerprint, NULL, &why);
    return err == DEMUR_ERR_MEMORY ? no_memory(diag) : err ? not_proven(diag, why.text) : DEMUR_OK;
}

/* The receipt says one entry, and the head that another stands there. */
static enum demur_err receipt_broken(struct checking *k, const struct demur_receipt_report *receipt,
                                     const struct head *now, struct demur_diag *diag)
{
    struct demur_proof proof;
    uint8_t leaf[32];
    enum demur_err err = take_proof(k, EVIDENCE_LEAF, leaf, &proof, diag);
    if (err)
        return err;
    if (!demur_inclusion_verify(&proof, receipt->index, now->size, leaf, now->root))
        return not_proven(diag, "the proof in it does not lead to the checkpoint");
    if (memcmp(leaf, receipt->leaf, 32) == 0)
        return not_proven(diag, "the log holds what the receipt is for");
    snprintf(k->report->proves, sizeof k->report->proves,
             "the log gave a receipt for entry %llu, and signed that another entry stands there",
             (unsigned long long)receipt->index);
    return DEMUR_OK;
}

static enum demur_err check_receipt(struct checking *k, const struct head *now,
                                    struct demur_diag *diag)
{
    struct demur_receipt_report receipt;
    struct span unused;
    uint8_t key[32];
    enum demur_err err = open_receipt(k, &receipt, key, diag);
    if (err)
        return err;
    struct head given = {.size = receipt.size};
    memcpy(given.root, receipt.root, 32);
    k->report->replaced |= memcmp(key, k->log_key, 32) != 0;
    err = evidence_has(&k->e, EVIDENCE_LEAF, &unused) ? receipt_broken(k, &receipt, now, diag)
                                                      : heads_contradict(k, &given, now, diag);
    demur_receipt_report_free(&receipt);
    return err;
}

/* ---- entries that the rules refuse ---- */

static struct span text_of(const struct checking *k, const struct demur_blob_ref *blob)
{
    uint8_t hash[32];
    for (size_t i = 0; i < k->e.parts_len; i++) {
        if (k->e.parts[i].name != EVIDENCE_TEXT || k->e.parts[i].bytes.len != blob->size)
            continue;
        demur_hash(hash, k->e.parts[i].bytes);
        if (memcmp(hash, blob->hash, 32) == 0)
            return k->e.parts[i].bytes;
    }
    return span_of(NULL, 0);
}

/* Fold one entry. OK, or the refusal; *stop is set where the file says too little, as it does
 * without a text that the rules ask for. */
static enum demur_err fold_one(struct checking *k, struct demur_channel *c, struct span entry,
                               bool *stop, struct demur_diag *why)
{
    uint64_t at, before = demur_channel_size(c);
    struct span record, text = {0};
    struct demur_blob_ref blob;
    if (demur_entry_parse(&at, &record, entry, NULL) == DEMUR_OK &&
        demur_record_parse(&k->record, record, NULL) == DEMUR_OK &&
        (k->record.type == DEMUR_RECORD_POLICY || k->record.type == DEMUR_RECORD_CALENDAR)) {
        demur_record_blob(&k->record, DEMUR_FIELD_TEXT, 0, &blob);
        text = text_of(k, &blob);
    }
    enum demur_err err = demur_channel_entry(c, entry, text, why);
    *stop = demur_channel_size(c) != before + 1 || err == DEMUR_ERR_UPGRADE;
    return err;
}

static enum demur_err fold_to_last(struct checking *k, struct demur_channel *c,
                                   struct demur_frontier *tree, struct span log,
                                   struct demur_diag *diag)
{
    struct demur_diag why = {0};
    struct span entry;
    enum demur_err err = DEMUR_OK;
    bool stop = false;
    while (!stop && demur_bundle_next(&log, &entry)) {
        uint8_t leaf[32];
        demur_merkle_leaf(leaf, entry);
        if (!demur_frontier_append(tree, leaf))
            return not_proven(diag, "its log is too long");
        err = fold_one(k, c, entry, &stop, &why);
    }
    if (stop && err == DEMUR_ERR_UPGRADE)
        return demur_fail(diag, err,
                          "the channel uses what this version of demur does not understand: "
                          "upgrade before you judge this");
    if (stop)
        return err == DEMUR_ERR_MEMORY ? no_memory(diag)
                                       : part_missing(diag, "all policies and calendars");
    if (log.len || !tree->size)
        return not_proven(diag, "the log in it is broken off");
    if (!err)
        return not_proven(diag, "the rules of the channel accept the entry");
    snprintf(k->report->proves, sizeof k->report->proves,
             "the operator put entry %llu into the log, which the rules of the channel refuse: "
             "%.150s",
             (unsigned long long)(tree->size - 1), why.text);
    return DEMUR_OK;
}

static enum demur_err check_refused(struct checking *k, const struct head *now,
                                    struct demur_diag *diag)
{
    struct span log = {0};
    struct demur_frontier tree;
    struct demur_proof proof;
    uint8_t said[32], root[32];
    (void)evidence_has(&k->e, EVIDENCE_LOG, &log);
    enum demur_err err = take_proof(k, EVIDENCE_PREFIX, said, &proof, diag);
    struct demur_channel *c = err ? NULL : demur_channel_new();
    if (!c)
        return err ? err : no_memory(diag);
    demur_frontier_init(&tree);
    err = fold_to_last(k, c, &tree, log, diag);
    demur_channel_free(c);
    demur_frontier_root(&tree, root);
    if (!err && (memcmp(root, said, 32) != 0 || !begins(now, tree.size, root, &proof)))
        err = not_proven(diag, "the log in it is not the one that the checkpoint is of");
    return err;
}

/* ---- all of it ---- */

/* The log key that the channel has at the end of `keys`. */
static void last_key(struct checking *k)
{
    struct authority a = {.record = &k->record};
    struct span keys = {0}, entry;
    bool first = true;
    (void)evidence_has(&k->e, EVIDENCE_KEYS, &keys);
    for (; demur_bundle_next(&keys, &entry); first = false)
        if (first ? authority_found(&a, entry, k->fingerprint, NULL)
                  : authority_rotate(&a, entry, NULL))
            break;
    memcpy(k->log_key, a.log_key, 32);
}

static enum demur_err check(struct checking *k, struct demur_diag *diag)
{
    const char *kind = k->e.finding.kind;
    struct head now, before;
    struct span unused;
    if (strcmp(kind, "dated-back") == 0)
        return not_proven(diag, "that an entry came later than it says rests on the clock and the "
                                "word of whoever made the file");
    bool refused = strcmp(kind, "refused-entry") == 0, fork = strcmp(kind, "fork") == 0;
    if (!refused && !fork && strcmp(kind, "broken-receipt") != 0)
        return demur_fail(diag, DEMUR_ERR_UPGRADE,
                          "this version of demur does not know evidence of the kind %s", kind);
    if (!evidence_judged_here(&k->e.finding))
        return other_rules(&k->e.finding, diag);
    if (refused && !evidence_has(&k->e, EVIDENCE_LOG, &unused))
        return part_missing(diag, "the log up to the entry, which another file of its kind may "
                                  "do; an audit shows the same");
    last_key(k);
    enum demur_err err = open_head(k, EVIDENCE_CHECKPOINT_NOW, &now, diag);
    if (err)
        return err;
    if (!fork)
        return refused ? check_refused(k, &now, diag) : check_receipt(k, &now, diag);
    err = open_head(k, EVIDENCE_CHECKPOINT_BEFORE, &before, diag);
    return err ? err : heads_contradict(k, &before, &now, diag);
}

enum demur_err demur_evidence_check(struct demur_evidence_report *out, struct span text,
                                    const uint8_t fingerprint[static 32], struct demur_diag *diag)
{
    struct demur_evidence_report r = {0};
    struct checking *k = calloc(1, sizeof *k);
    if (!k)
        return no_memory(diag);
    k->fingerprint = fingerprint;
    k->report = &r;
    enum demur_err err = evidence_parse(&k->e, text, diag);
    if (!err) {
        r.time_s = k->e.finding.time_s;
        r.rules = k->e.finding.rules;
        memcpy(r.kind, k->e.finding.kind, sizeof r.kind);
        memcpy(r.said, k->e.finding.text, sizeof r.said);
        err = check(k, diag);
    }
    if (!err)
        *out = r;
    free(k);
    return err;
}
