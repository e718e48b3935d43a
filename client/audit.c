/* The audit: everything again from nothing but the fingerprint, and a count. */
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>

#include "../core/encode.h"
#include "../core/ring.h"
#include "../core/table.h"
#include "../core/tile.h"
#include "internal.h"

#define DAY_S 86400u

/* What the log had signed when it gave a receipt. */
struct signed_head {
    uint64_t size;
    uint8_t root[32];
    const struct demur_audit_given *receipt;
    const char *doubt; /* receipt_doubt */
};

struct audit {
    struct demur_client *c;
    struct demur_audit_report *report;
    size_t findings_cap;
    struct signed_head *heads;
    size_t heads_len, heads_cap;
    uint8_t (*gone)[32]; /* blobs of the dissent at hand that an `expunge` named, sorted */
    size_t gone_len, gone_cap, expunges_cap;
};

static enum demur_err add(struct audit *a, const struct demur_finding *f, struct demur_diag *diag)
{
    struct demur_audit_report *r = a->report;
    for (size_t i = 0; i < r->findings_len; i++)
        if (strcmp(r->findings[i].text, f->text) == 0)
            return DEMUR_OK; /* the copy that is kept holds it too */
    if (!demur_grow(&r->findings, &a->findings_cap, r->findings_len + 1, sizeof *f))
        return no_memory(diag);
    r->findings[r->findings_len++] = *f;
    return DEMUR_OK;
}

static enum demur_err find_fault(struct audit *a, const char *kind, struct demur_diag *diag,
                                 const char *fmt, ...) DEMUR_PRINTF(4, 5);
static enum demur_err find_fault(struct audit *a, const char *kind, struct demur_diag *diag,
                                 const char *fmt, ...)
{
    struct demur_finding f = {.time_s = demur_client_now(a->c)};
    va_list args;
    (void)copy_text(f.kind, sizeof f.kind, span_str(kind));
    va_start(args, fmt);
    vsnprintf(f.text, sizeof f.text, fmt, args);
    va_end(args);
    return add(a, &f, diag);
}

/* ---- counting ---- */

static void count_members(struct audit *a)
{
    struct demur_member_info m;
    for (size_t i = 0; demur_channel_member(a->c->channel, i, &m); i++) {
        a->report->members++;
        a->report->joined += m.joined;
        a->report->revoked += m.revoked;
    }
}

static void count_clocks(struct audit *a, struct span id, uint64_t now)
{
    struct demur_clock_info clock;
    for (size_t i = 0; demur_channel_clock(a->c->channel, id, now, i, &clock); i++) {
        if (clock.window)
            continue;
        a->report->clocks_running += clock.state == DEMUR_CLOCK_RUNNING;
        a->report->clocks_overdue += clock.state == DEMUR_CLOCK_OVERDUE;
        a->report->clocks_met_late += clock.state == DEMUR_CLOCK_MET_LATE;
    }
}

/* The ring of a dissent once more, from the roster. */
static enum demur_err check_ring(struct audit *a, const struct demur_dissent_info *d,
                                 struct demur_diag *diag)
{
    size_t n = 0;
    uint8_t digest[32];
    const struct demur_channel *c = a->c->channel;
    enum demur_err err =
        demur_channel_ring(c, d->policy_entry, d->epoch, d->roster, NULL, 0, NULL, 0, &n, diag);
    if (err)
        return err;
    uint8_t(*keys)[32] = malloc((n ? n : 1) * 32);
    if (!keys)
        return no_memory(diag);
    err = demur_channel_ring(c, d->policy_entry, d->epoch, d->roster, NULL, 0, keys, n, &n, diag);
    if (!err)
        demur_ring_digest(digest, (const uint8_t(*)[32])keys, n);
    free(keys);
    a->report->rings += !err;
    if (!err && memcmp(digest, d->ring, 32) != 0)
        err = find_fault(a, "ring", diag,
                         "the ring that dissent %s pinned is not the one that the roster gives",
                         d->id);
    return err;
}

static int by_hash(const void *x, const void *y) { return memcmp(x, y, 32); }

static enum demur_err count_expunge(struct audit *a, const char *dissent,
                                    const struct demur_event *e, struct demur_diag *diag)
{
    struct demur_audit_report *r = a->report;
    struct demur_audit_expunged x = {.index = e->index, .at = e->at};
    struct demur_bytes entry = {0};
    uint64_t at;
    uint8_t hash[32];
    (void)copy_text(x.dissent, sizeof x.dissent, span_str(dissent));
    (void)copy_text(x.role, sizeof x.role, e->role);
    enum demur_err err = case_record(a->c, e->index, &entry, &at, diag);
    size_t n = err ? 0 : demur_record_count(a->c->record, DEMUR_FIELD_BLOB), before = a->gone_len;
    if (!err && (!demur_grow(&a->gone, &a->gone_cap, before + n, sizeof *a->gone) ||
                 !demur_grow(&r->expunges, &a->expunges_cap, r->expunges_len + 1, sizeof x)))
        err = no_memory(diag);
    for (size_t i = 0; !err && i < n; i++) {
        if (demur_hex_exact(hash, 32, demur_record_nth(a->c->record, DEMUR_FIELD_BLOB, i)) ||
            (before && bsearch(hash, a->gone, before, 32, by_hash)))
            continue;
        memcpy(a->gone[a->gone_len++], hash, 32);
        x.blobs++;
    }
    demur_bytes_free(&entry);
    if (err)
        return err;
    if (a->gone_len > before)
        qsort(a->gone, a->gone_len, 32, by_hash);
    r->expunged += x.blobs;
    r->expunges[r->expunges_len++] = x;
    return DEMUR_OK;
}

static enum demur_err count_expunges(struct audit *a, const char *dissent, struct demur_diag *diag)
{
    struct demur_event e;
    enum demur_err err = DEMUR_OK;
    a->gone_len = 0;
    for (size_t i = 0; !err && demur_channel_event(a->c->channel, span_str(dissent), i, &e); i++)
        if (e.type == DEMUR_RECORD_EXPUNGE)
            err = count_expunge(a, dissent, &e, diag);
    return err;
}

static enum demur_err count_dissents(struct audit *a, struct demur_diag *diag)
{
    struct demur_dissent_info d;
    uint64_t now = demur_client_view_time(a->c);
    enum demur_err err = DEMUR_OK;
    size_t total = demur_channel_dissents(a->c->channel);
    for (size_t i = 0; !err && demur_channel_dissent(a->c->channel, i, now, &d); i++) {
        a->report->dissents++;
        a->report->filed += d.filed_at != 0;
        a->report->final += d.final;
        a->report->signatures += d.signatures;
        count_clocks(a, span_str(d.id), now);
        err = check_ring(a, &d, diag);
        if (!err)
            err = count_expunges(a, d.id, diag);
        client_progress(a->c, "recomputing rings", i + 1, total);
    }
    return err;
}

/* ---- entries: times, texts, daily signs of life ---- */

struct days {
    uint64_t first_tick, last_tick, ticks; /* days since 1970 */
};

/* Only these are counted by what they say; what the fold refused is among the findings. */
static bool counts(struct span record)
{
    return span_starts(record, "demur policy ") || span_starts(record, "demur calendar ") ||
           span_starts(record, "demur tick ");
}

static void count_entry(struct audit *a, uint64_t index, struct span entry, struct days *days)
{
    uint64_t at = 0;
    struct span record;
    struct demur_audit_report *r = a->report;
    struct demur_record *parsed = a->c->record;
    if (demur_entry_parse(&at, &record, entry, NULL) != DEMUR_OK)
        return;
    r->first_at = index == 0 ? at : r->first_at;
    r->last_at = at > r->last_at ? at : r->last_at;
    if (!counts(record) || demur_record_parse(parsed, record, NULL) != DEMUR_OK)
        return;
    r->blobs += parsed->type != DEMUR_RECORD_TICK;
    if (parsed->type == DEMUR_RECORD_TICK && (!days->ticks || at / DAY_S > days->last_tick)) {
        days->last_tick = at / DAY_S;
        days->first_tick = days->ticks++ ? days->first_tick : days->last_tick;
    }
}

static enum demur_err count_entries(struct audit *a, struct demur_diag *diag)
{
    struct days days = {0};
    enum demur_err err = DEMUR_OK;
    for (uint64_t i = 0; !err && i < a->c->size;) {
        struct demur_bytes bundle = {0};
        struct span rest, entry;
        err = entries_read(a->c, i / DEMUR_TILE_WIDTH, &bundle, diag);
        rest = demur_bytes_span(&bundle);
        uint64_t first = i;
        for (; !err && i < a->c->size && demur_bundle_next(&rest, &entry); i++)
            count_entry(a, i, entry, &days);
        if (!err && i == first)
            err = demur_fail(diag, DEMUR_ERR_IO, "the copy's entries cannot be read again");
        demur_bytes_free(&bundle);
        client_progress(a->c, "counting", i, a->c->size);
    }
    uint64_t today = demur_client_now(a->c) / DAY_S;
    /* Today's and yesterday's may still come. */
    uint64_t due = days.ticks && today > days.first_tick ? today - days.first_tick : 0;
    a->report->days_missing = due > days.ticks ? due - days.ticks : 0;
    if (!err && days.ticks && today > days.last_tick + 2)
        err = find_fault(a, "silence", diag,
                         "the channel has given no sign of life for %llu days: it stands still, or "
                         "hides what is newer",
                         (unsigned long long)(today - days.last_tick));
    return err;
}

/* ---- receipts ---- */

static enum demur_err note_head(struct audit *a, const struct demur_receipt_report *receipt,
                                const struct demur_audit_given *given, const char *doubt,
                                struct demur_diag *diag)
{
    struct signed_head head = {.size = receipt->size, .receipt = given, .doubt = doubt};
    if (!demur_grow(&a->heads, &a->heads_cap, a->heads_len + 1, sizeof head))
        return no_memory(diag);
    memcpy(head.root, receipt->root, 32);
    a->heads[a->heads_len++] = head;
    return DEMUR_OK;
}

/* The entry that a good receipt is for: in the log, as it should be? */
static enum demur_err check_entry(struct audit *a, const struct demur_receipt_report *receipt,
                                  const struct demur_audit_given *given, const char *doubt,
                                  bool *there, struct demur_diag *diag)
{
    char text[DEMUR_FINDING_TEXT];
    struct demur_bytes entry = {0};
    struct promise p = {.size = receipt->index};
    memcpy(p.hash, receipt->leaf, 32);
    *there = false;
    if (receipt->index >= a->c->size)
        return find_fault(a, "broken-receipt", diag,
                          "the receipt %.40s proves that entry %llu was in the log, and the log "
                          "that the server shows does not reach so far: it was taken out, or is "
                          "held back%s",
                          given->name, (unsigned long long)receipt->index, doubt);
    enum demur_err err = demur_client_entry(a->c, receipt->index, &entry, diag);
    *there = !err && span_eq(demur_bytes_span(&entry), demur_bytes_span(&receipt->entry));
    if (!err && !*there)
        promise_broken(a->c, &p, given->text, demur_bytes_span(&entry),
                       demur_client_checkpoint(a->c), text);
    demur_bytes_free(&entry);
    return err;
}

static enum demur_err check_receipt(struct audit *a, const struct demur_audit_given *given,
                                    struct demur_audit_receipt *v, struct demur_diag *diag)
{
    struct demur_receipt_report receipt;
    struct demur_diag why = {0};
    bool there;
    a->report->receipts++;
    uint8_t key[32];
    enum demur_err err =
        receipt_check(&receipt, given->text, a->c->options.channel, NULL, key, &why);
    if (err == DEMUR_ERR_MEMORY)
        return no_memory(diag);
    if (err) {
        v->verdict = DEMUR_RECEIPT_WORTHLESS;
        (void)copy_text(v->why, sizeof v->why, span_str(why.text));
        return find_fault(a, "bad-receipt", diag, "the receipt %.60s proves nothing: %.150s",
                          given->name, why.text);
    }
    const char *doubt = receipt_doubt(a->c, key);
    v->replaced = doubt[0] != 0;
    err = check_entry(a, &receipt, given, doubt, &there, diag);
    if (!err)
        err = note_head(a, &receipt, given, doubt, diag);
    v->verdict = there ? DEMUR_RECEIPT_IN_LOG : DEMUR_RECEIPT_NOT_IN_LOG;
    v->index = receipt.index;
    v->at = receipt.at;
    memcpy(v->dissent, receipt.dissent, sizeof v->dissent);
    a->report->receipts_good += there;
    demur_receipt_report_free(&receipt);
    return err;
}

static int by_size(const void *x, const void *y)
{
    const struct signed_head *a = x, *b = y;
    return a->size < b->size ? -1 : a->size > b->size;
}

static void hold_head(struct audit *a, const struct signed_head *head,
                      const struct demur_frontier *tree)
{
    uint8_t root[32];
    char text[DEMUR_FINDING_TEXT];
    struct promise p = {.size = head->size, .root = true};
    memcpy(p.hash, head->root, 32);
    demur_frontier_root(tree, root);
    if (memcmp(root, head->root, 32) != 0)
        promise_broken(a->c, &p, head->receipt->text, span_of(NULL, 0),
                       demur_client_checkpoint(a->c), text);
}

/* Every head that a receipt holds, against the tree as it was when it had that size. */
static enum demur_err check_heads(struct audit *a, struct demur_diag *diag)
{
    struct demur_frontier tree;
    enum demur_err err = DEMUR_OK;
    size_t next = 0;
    if (a->heads_len)
        qsort(a->heads, a->heads_len, sizeof *a->heads, by_size);
    demur_frontier_init(&tree);
    for (uint64_t i = 0; !err && next < a->heads_len && tree.size < a->c->size; i++) {
        struct demur_bytes bundle = {0};
        struct span rest, entry;
        uint8_t leaf[32];
        err = entries_read(a->c, i, &bundle, diag);
        rest = demur_bytes_span(&bundle);
        while (!err && tree.size < a->c->size && demur_bundle_next(&rest, &entry)) {
            demur_merkle_leaf(leaf, entry);
            if (!demur_frontier_append(&tree, leaf))
                err = demur_fail(diag, DEMUR_ERR_LIMIT, "the log is too long");
            for (; next < a->heads_len && a->heads[next].size == tree.size; next++)
                hold_head(a, &a->heads[next], &tree);
        }
        demur_bytes_free(&bundle);
    }
    if (!err && next < a->heads_len)
        err = find_fault(a, "older-log", diag,
                         "the receipt %.30s is of a log of %llu entries, and %llu are shown now: "
                         "an old state was put back, or what is newer is held back%s",
                         a->heads[a->heads_len - 1].receipt->name,
                         (unsigned long long)a->heads[a->heads_len - 1].size,
                         (unsigned long long)a->c->size, a->heads[a->heads_len - 1].doubt);
    return err;
}

/* ---- all of it ---- */

static enum demur_err sum_up(struct audit *a, struct demur_diag *diag)
{
    struct demur_audit_report *r = a->report;
    uint8_t state[32];
    r->entries = a->c->size;
    r->refused = demur_channel_refused(a->c->channel);
    memcpy(r->root, a->c->root, 32);
    (void)copy_text(r->origin, sizeof r->origin, demur_channel_origin(a->c->channel));
    if (!demur_channel_state_hash(a->c->channel, state))
        return no_memory(diag);
    hex_text(r->state, state);
    count_members(a);
    return DEMUR_OK;
}

struct taking {
    struct audit *a;
    struct demur_diag *diag;
    enum demur_err err;
};

static bool take_kept(void *ctx, const struct demur_finding *finding)
{
    struct taking *t = ctx;
    t->err = add(t->a, finding, t->diag);
    return !t->err;
}

/* What is held against the operator: in the copy that is kept, and in this one. */
static enum demur_err take_findings(struct audit *a, const char *kept, struct demur_diag *diag)
{
    struct taking t = {.a = a, .diag = diag};
    struct demur_finding f;
    enum demur_err err = kept ? evidence_each(kept, take_kept, &t, diag) : DEMUR_OK;
    err = err ? err : t.err;
    for (size_t i = 0; !err && demur_client_finding(a->c, i, &f); i++)
        err = add(a, &f, diag);
    return err;
}

static enum demur_err check_log(struct audit *a, const struct demur_audit_given *receipts,
                                size_t receipts_len, struct demur_diag *diag)
{
    if (a->c->upgrade)
        return demur_fail(
            diag, DEMUR_ERR_UPGRADE,
            "the channel uses what this version of demur does not understand: upgrade "
            "before you audit");
    (void)demur_client_skewed(a->c, a->report->skewed);
    enum demur_err err = sum_up(a, diag);
    if (!err)
        err = count_entries(a, diag);
    if (!err)
        err = count_dissents(a, diag);
    for (size_t i = 0; !err && i < receipts_len; i++) {
        err = check_receipt(a, &receipts[i], &a->report->verdicts[i], diag);
        client_progress(a->c, "checking receipts", i + 1, receipts_len);
    }
    return err ? err : check_heads(a, diag);
}

static enum demur_err audit_copy(struct audit *a, const char *kept,
                                 const struct demur_audit_given *receipts, size_t receipts_len,
                                 struct demur_diag *diag)
{
    enum demur_err err = demur_client_sync(a->c, diag);
    if (!err)
        err = check_log(a, receipts, receipts_len, diag);
    struct demur_diag why = {0};
    enum demur_err taken = take_findings(a, kept, &why);
    if (!err && taken && diag)
        *diag = why;
    err = err ? err : taken;
    if (!err && a->report->findings_len)
        err = demur_fail(diag, DEMUR_ERR_VERIFY, "%zu finding%s, the first: %.180s",
                         a->report->findings_len, a->report->findings_len == 1 ? "" : "s",
                         a->report->findings[0].text);
    return err;
}

static enum demur_err audit_folder(char out[static PATH_LEN],
                                   const struct demur_client_options *options,
                                   struct demur_diag *diag)
{
    struct demur_bytes standard = {0};
    const char *data = options->data;
    if (!data) {
        enum demur_err err = demur_path_data(options->channel, &standard, diag);
        if (err)
            return err;
        data = (const char *)standard.p;
    }
    int n = snprintf(out, PATH_LEN, "%s/audit-%08x", data, randombytes_random());
    demur_bytes_free(&standard);
    return n > 0 && n < PATH_LEN ? DEMUR_OK
                                 : demur_fail(diag, DEMUR_ERR_LIMIT, "that path is too long");
}

/* The copy goes, but evidence against the operator stays. */
static enum demur_err tidy_up(const char *folder, bool keep_evidence, struct demur_diag *diag)
{
    static const char *const parts[] = {"entries", "blobs",      "receipts", "outbox",
                                        "lock",    "checkpoint", "verified", "seen"};
    char path[PATH_LEN];
    if (!keep_evidence)
        return path_remove_all(folder, diag);
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; !err && i < DEMUR_COUNT(parts); i++)
        err = path_join(path, folder, parts[i]) ? path_remove_all(path, diag) : DEMUR_OK;
    return err;
}

enum demur_err demur_audit(struct demur_audit_report *out,
                           const struct demur_client_options *options, const char *kept,
                           const struct demur_audit_given *receipts, size_t receipts_len,
                           struct demur_diag *diag)
{
    char folder[PATH_LEN];
    *out = (struct demur_audit_report){0};
    struct audit a = {.report = out};
    struct demur_client_options own = *options;
    out->verdicts = calloc(receipts_len ? receipts_len : 1, sizeof *out->verdicts);
    if (!out->verdicts)
        return no_memory(diag);
    out->verdicts_len = receipts_len;
    enum demur_err err = audit_folder(folder, options, diag);
    if (err)
        return err;
    own.data = folder;
    own.throwaway = true;
    err = demur_client_open(&a.c, &own, diag);
    if (!err)
        err = audit_copy(&a, kept, receipts, receipts_len, diag);
    free(a.heads);
    free(a.gone);
    bool evidence = a.c && demur_client_findings(a.c) > 0;
    demur_client_close(a.c);
    struct demur_diag rest;
    enum demur_err removed = tidy_up(folder, evidence, &rest);
    if (!err && removed && diag)
        *diag = rest;
    return err ? err : removed;
}

void demur_audit_report_free(struct demur_audit_report *report)
{
    free(report->findings);
    free(report->verdicts);
    free(report->expunges);
    report->findings = NULL;
    report->verdicts = NULL;
    report->expunges = NULL;
    report->findings_len = report->verdicts_len = report->expunges_len = 0;
}
