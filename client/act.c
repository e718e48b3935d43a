/* What every act does: look at the log, build, send, verify the receipt, keep it. */
#include "../core/hash.h"
#include "../core/receipt.h"
#include "../core/table.h"
#include "internal.h"

#define TRIES 4

enum demur_err act_begin(struct demur_client *c, uint64_t max_age_s, struct demur_diag *diag)
{
    uint64_t now = demur_client_now(c);
    bool young = c->synced_at && now >= c->synced_at && now - c->synced_at < max_age_s;
    enum demur_err err = young ? DEMUR_OK : demur_client_sync(c, diag);
    if (!err && c->upgrade)
        return demur_fail(
            diag, DEMUR_ERR_UPGRADE,
            "the channel uses what this version of demur does not understand: upgrade "
            "before you act");
    return err;
}

uint64_t act_seq(const struct demur_client *c, const struct demur_actor *actor)
{
    uint64_t seen = demur_channel_seq(c->channel, actor->keys.public_key);
    uint64_t own = actor->identity ? actor->identity->seq : 0;
    return (seen > own ? seen : own) + 1;
}

void act_put_by(struct buf *out, const struct demur_client *c, const struct demur_actor *actor)
{
    demur_put_bytes(out, DEMUR_FIELD_BY, span_of(actor->keys.public_key, 32));
    demur_put_number(out, DEMUR_FIELD_SEQ, act_seq(c, actor));
}

void act_done(struct demur_actor *actor, uint64_t seq)
{
    if (actor->identity && actor->identity->seq < seq)
        actor->identity->seq = seq;
}

/* ---- receipts ---- */

/* Keep it, and hold the log to it. */
static enum demur_err keep_receipt(struct demur_client *c, struct span receipt,
                                   const struct demur_receipt_report *report,
                                   struct demur_sent *sent, struct demur_diag *diag)
{
    char hex[65];
    hex_text(hex, sent->leaf);
    int n = snprintf(sent->receipt, sizeof sent->receipt, "%s/receipts/%012llu-%.16s.tlog-proof",
                     c->data, (unsigned long long)sent->index, hex);
    if (n < 0 || (size_t)n >= sizeof sent->receipt)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the copy's folder is too long");
    enum demur_err err = demur_path_write(sent->receipt, receipt, diag);
    return err ? err : promise_take(c, report, sent->receipt, diag);
}

/* Does the receipt prove that this very record is in the log? Then take it. */
static enum demur_err take_receipt(struct demur_client *c, struct span receipt, struct span record,
                                   struct demur_sent *sent, struct demur_diag *diag)
{
    struct demur_receipt_report report;
    struct demur_diag why = {0};
    /* By a log key that the copy knows to be replaced nothing is promised any more. */
    enum demur_err err = receipt_check(&report, receipt, c->options.channel,
                                       c->size ? c->channel : NULL, NULL, &why);
    if (err == DEMUR_ERR_MEMORY)
        return no_memory(diag);
    if (err)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the server took the record and gave a receipt that is worth nothing: "
                          "%.120s",
                          why.text);
    struct span got = {0}, entry = demur_bytes_span(&report.entry);
    uint64_t at = 0;
    err = demur_entry_parse(&at, &got, entry, diag);
    if (!err && !span_eq(got, record))
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the server took the record and gave a receipt for another one");
    *sent = (struct demur_sent){.index = report.index, .at = at};
    memcpy(sent->leaf, report.leaf, 32);
    if (!err)
        err = keep_receipt(c, receipt, &report, sent, diag);
    demur_receipt_report_free(&report);
    return err;
}

static enum demur_err check_clock(const struct demur_client *c, const struct demur_sent *sent,
                                  bool fresh, struct demur_diag *diag)
{
    uint64_t now = demur_client_now(c);
    bool ahead = sent->at > now && sent->at - now > CLOCK_TOLERANCE_S;
    bool behind = fresh && now > sent->at && now - sent->at > CLOCK_TOLERANCE_S;
    if (!ahead && !behind)
        return DEMUR_OK;
    char theirs[32], ours[32], apart[DEMUR_SKEW_TEXT];
    time_text(theirs, sent->at);
    time_text(ours, now);
    skew_text(apart, now, sent->at);
    return demur_fail(diag, DEMUR_ERR_TIME,
                      "it is done and the receipt is kept, but this machine's clock is %s the "
                      "log's (%s here, %s there): set the clock or, if it is right, tell your "
                      "auditor",
                      apart, ours, theirs);
}

enum demur_err act_send(struct demur_client *c, struct span record, bool fresh,
                        struct demur_sent *sent, struct demur_diag *diag)
{
    struct demur_bytes receipt = {0};
    struct demur_sent own;
    sent = sent ? sent : &own;
    enum demur_err err =
        http_want(c->http, HTTP_POST, "/append", record, DEMUR_RECEIPT_MAX, &receipt, diag);
    if (err)
        return err;
    err = take_receipt(c, demur_bytes_span(&receipt), record, sent, diag);
    demur_bytes_free(&receipt);
    return err ? err : check_clock(c, sent, fresh, diag);
}

enum demur_err act_receipt(struct demur_client *c, uint64_t index, struct demur_sent *sent,
                           struct demur_diag *diag)
{
    struct demur_bytes entry = {0}, receipt = {0};
    struct demur_sent own;
    struct span record;
    uint8_t leaf[32];
    uint64_t at;
    char hex[65], path[80];
    sent = sent ? sent : &own;
    enum demur_err err = demur_client_entry(c, index, &entry, diag);
    if (err)
        return err;
    demur_merkle_leaf(leaf, demur_bytes_span(&entry));
    hex_text(hex, leaf);
    snprintf(path, sizeof path, "/receipt/%s", hex);
    err = demur_entry_parse(&at, &record, demur_bytes_span(&entry), diag);
    if (!err)
        err =
            http_want(c->http, HTTP_GET, path, span_of(NULL, 0), DEMUR_RECEIPT_MAX, &receipt, diag);
    if (!err)
        err = take_receipt(c, demur_bytes_span(&receipt), record, sent, diag);
    sent->earlier = true;
    demur_bytes_free(&receipt);
    demur_bytes_free(&entry);
    return err;
}

/* ---- one act ---- */

static bool try_again(enum demur_err err, const struct demur_diag *why, enum act_retry retry)
{
    bool seq = err == DEMUR_ERR_REPLAY && strcmp(why->field, "seq") == 0;
    return seq || (retry == ACT_AGAIN && err == DEMUR_ERR_STALE);
}

static enum demur_err act_once(struct demur_client *c, act_builder *build, void *ctx,
                               struct demur_sent *sent, struct demur_diag *diag)
{
    struct buf record = heap_buf(DEMUR_RECORD_MAX);
    if (!record.p)
        return no_memory(diag);
    enum demur_err err = build(c, ctx, &record, diag);
    if (!err && !buf_ok(&record))
        err = demur_fail(diag, DEMUR_ERR_LIMIT, "the record is too long");
    /* What this program would refuse in a log, it does not send. */
    if (!err)
        err = demur_record_parse(c->record, buf_span(&record), diag);
    if (!err)
        err = act_send(c, buf_span(&record), true, sent, diag);
    heap_buf_free(&record);
    return err;
}

enum demur_err act_run(struct demur_client *c, uint64_t max_age_s, enum act_retry retry,
                       act_builder *build, void *ctx, struct demur_sent *sent,
                       struct demur_diag *diag)
{
    struct demur_diag why = {0};
    for (int tries = 1;; tries++) {
        enum demur_err err = act_begin(c, tries == 1 ? max_age_s : 0, &why);
        if (!err)
            err = act_once(c, build, ctx, sent, &why);
        if (err && tries < TRIES && try_again(err, &why, retry))
            continue;
        if (err && diag)
            *diag = why;
        return err;
    }
}

enum demur_err demur_act_append(struct demur_client *client, struct span record,
                                struct demur_sent *sent, struct demur_diag *diag)
{
    return act_send(client, record, true, sent, diag);
}
