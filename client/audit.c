/* The audit: everything again from nothing but the fingerprint, and a count. */
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>

#include "../core/encode.h"
#include "../core/ring.h"
#include "../core/table.h"
#include "internal.h"

#define DAY_S 86400u

struct audit {
    struct demur_client *c;
    struct demur_audit_report *report;
    size_t findings_cap;
};

static enum demur_err add(struct audit *a, const struct demur_finding *f, struct demur_diag *diag)
{
    struct demur_audit_report *r = a->report;
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
        client_progress(a->c, "recomputing rings", i + 1, total);
    }
    return err;
}

/* ---- entries: times, texts, daily signs of life ---- */

struct days {
    uint64_t first_tick, last_tick, ticks; /* days since 1970 */
};

static enum demur_err count_entry(struct audit *a, uint64_t index, struct days *days,
                                  struct demur_diag *diag)
{
    struct demur_bytes entry = {0};
    uint64_t at = 0;
    struct demur_audit_report *r = a->report;
    struct demur_diag why;
    enum demur_err err = case_record(a->c, index, &entry, &at, &why);
    if (err == DEMUR_ERR_IO || err == DEMUR_ERR_MEMORY) {
        if (diag)
            *diag = why;
        return err;
    }
    r->first_at = index == 0 ? at : r->first_at;
    r->last_at = at > r->last_at ? at : r->last_at;
    if (err)
        return DEMUR_OK; /* refused by the fold, and among the findings already */
    r->blobs +=
        a->c->record->type == DEMUR_RECORD_POLICY || a->c->record->type == DEMUR_RECORD_CALENDAR;
    if (a->c->record->type == DEMUR_RECORD_TICK && (!days->ticks || at / DAY_S > days->last_tick)) {
        days->last_tick = at / DAY_S;
        days->first_tick = days->ticks++ ? days->first_tick : days->last_tick;
    }
    demur_bytes_free(&entry);
    return DEMUR_OK;
}

static enum demur_err count_entries(struct audit *a, struct demur_diag *diag)
{
    struct days days = {0};
    enum demur_err err = DEMUR_OK;
    for (uint64_t i = 0; !err && i < a->c->size; i++) {
        err = count_entry(a, i, &days, diag);
        if (i % 1024 == 0)
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

static enum demur_err check_receipt(struct audit *a, struct span text, size_t i,
                                    struct demur_diag *diag)
{
    struct demur_audit_receipt *v = &a->report->verdicts[i];
    struct demur_receipt_report receipt;
    struct demur_diag why = {0};
    struct demur_bytes entry = {0};
    a->report->receipts++;
    enum demur_err err = demur_receipt_check(&receipt, text, a->c->options.channel, &why);
    if (err == DEMUR_ERR_MEMORY)
        return no_memory(diag);
    if (err) {
        v->verdict = DEMUR_RECEIPT_WORTHLESS;
        (void)copy_text(v->why, sizeof v->why, span_str(why.text));
        return find_fault(a, "bad-receipt", diag, "receipt %zu proves nothing: %.150s", i + 1,
                          why.text);
    }
    bool there = demur_client_entry(a->c, receipt.index, &entry, NULL) == DEMUR_OK &&
                 span_eq(demur_bytes_span(&entry), demur_bytes_span(&receipt.entry));
    v->verdict = there ? DEMUR_RECEIPT_IN_LOG : DEMUR_RECEIPT_NOT_IN_LOG;
    v->index = receipt.index;
    v->at = receipt.at;
    memcpy(v->dissent, receipt.dissent, sizeof v->dissent);
    a->report->receipts_good += there;
    if (!there)
        err = find_fault(a, "broken-receipt", diag,
                         "receipt %zu proves that entry %llu was in the log, and the log that the "
                         "server shows does not hold it: entries were changed or taken out",
                         i + 1, (unsigned long long)receipt.index);
    demur_bytes_free(&entry);
    demur_receipt_report_free(&receipt);
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

static enum demur_err audit_copy(struct audit *a, const struct span *receipts, size_t receipts_len,
                                 struct demur_diag *diag)
{
    struct demur_diag why = {0};
    enum demur_err synced = demur_client_sync(a->c, &why), err = DEMUR_OK;
    struct demur_finding f;
    for (size_t i = 0; !err && demur_client_finding(a->c, i, &f); i++)
        err = add(a, &f, diag);
    if (err)
        return err;
    if (synced) {
        if (diag)
            *diag = why;
        return synced;
    }
    if (a->c->upgrade)
        return demur_fail(
            diag, DEMUR_ERR_UPGRADE,
            "the channel uses what this version of demur does not understand: upgrade "
            "before you audit");
    (void)demur_client_skewed(a->c, a->report->skewed);
    err = sum_up(a, diag);
    if (!err)
        err = count_entries(a, diag);
    if (!err)
        err = count_dissents(a, diag);
    for (size_t i = 0; !err && i < receipts_len; i++)
        err = check_receipt(a, receipts[i], i, diag);
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
                                        "lock",    "checkpoint", "verified"};
    char path[PATH_LEN];
    if (!keep_evidence)
        return path_remove_all(folder, diag);
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; !err && i < DEMUR_COUNT(parts); i++)
        err = path_join(path, folder, parts[i]) ? path_remove_all(path, diag) : DEMUR_OK;
    return err;
}

enum demur_err demur_audit(struct demur_audit_report *out,
                           const struct demur_client_options *options, const struct span *receipts,
                           size_t receipts_len, struct demur_diag *diag)
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
    err = demur_client_open(&a.c, &own, diag);
    if (!err)
        err = audit_copy(&a, receipts, receipts_len, diag);
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
    report->findings = NULL;
    report->verdicts = NULL;
    report->findings_len = report->verdicts_len = 0;
}
