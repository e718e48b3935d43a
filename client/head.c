/* What the log says it is: its checkpoint, believed only under the log's own key.
 *
 * Nothing that a checkpoint claims is acted on before its signature holds. A new copy
 * learns the key from entry 0, whose hash is the fingerprint. When the key was changed
 * since, a receipt tells: it holds the rotations, each signed by the channel's root. */
#include <stdlib.h>

#include "../core/receipt.h"
#include "../core/tile.h"
#include "internal.h"

static void compare_clocks(struct demur_client *c)
{
    uint64_t ours = demur_client_now(c), theirs = http_date(c->http);
    bool ahead = theirs && ours > theirs && ours - theirs > CLOCK_TOLERANCE_S;
    bool behind = theirs > ours && theirs - ours > CLOCK_TOLERANCE_S;
    c->skew_s = ahead || behind ? (int64_t)(ours - theirs) : 0;
}

static enum demur_err fetch(struct demur_client *c, struct demur_bytes *out,
                            struct demur_checkpoint *head, struct demur_diag *diag)
{
    enum demur_err err =
        http_want(c->http, HTTP_GET, "/checkpoint", span_of(NULL, 0), DEMUR_NOTE_MAX, out, diag);
    compare_clocks(c);
    if (err)
        return err;
    struct demur_diag why = {0};
    struct demur_note *note = malloc(sizeof *note);
    if (!note)
        return no_memory(diag);
    err = demur_note_parse(note, demur_bytes_span(out), &why);
    if (!err)
        err = demur_checkpoint_parse_text(head, note->text, &why);
    free(note);
    if (err)
        return demur_fail(
            diag, DEMUR_ERR_VERIFY,
            "%.80s does not answer as a channel does (its checkpoint: %.50s): is the address "
            "right, and does no login page stand in between?",
            c->options.url, why.text);
    return head->size ? DEMUR_OK
                      : demur_fail(diag, DEMUR_ERR_UNKNOWN, "the log at %.100s is still empty",
                                   c->options.url);
}

/* ---- whose signature it takes ---- */

struct log {
    char origin[DEMUR_NOTE_NAME_MAX + 1];
    uint8_t key[32];
};

/* Entry 0 is the channel: its leaf hash is the fingerprint, and it names the log. */
static enum demur_err founded(struct demur_client *c, struct span bundle, struct log *log,
                              struct demur_diag *diag)
{
    uint8_t leaf[32];
    uint64_t at;
    struct span record, entry = {0};
    struct demur_record *r = c->record;
    if (demur_bundle_next(&bundle, &entry))
        demur_merkle_leaf(leaf, entry);
    if (!entry.p || memcmp(leaf, c->options.channel, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the server at %.100s runs another channel than the one with your "
                          "fingerprint: check both",
                          c->options.url);
    if (demur_entry_parse(&at, &record, entry, NULL) != DEMUR_OK ||
        demur_record_parse(r, record, NULL) != DEMUR_OK || r->type != DEMUR_RECORD_CHANNEL)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "that fingerprint is of something that is no channel");
    demur_record_key(r, DEMUR_FIELD_LOG_KEY, log->key);
    (void)copy_text(log->origin, sizeof log->origin, demur_record_get(r, DEMUR_FIELD_ORIGIN));
    return DEMUR_OK;
}

/* The key as the rotations in the server's receipt for entry 0 leave it. UNKNOWN when
 * there is no such receipt, or it proves nothing. */
static enum demur_err rotated(struct demur_client *c, uint8_t key[static 32],
                              struct demur_diag *diag)
{
    char hex[65], path[80];
    struct demur_bytes receipt = {0};
    hex_text(hex, c->options.channel);
    snprintf(path, sizeof path, "/receipt/%s", hex);
    enum demur_err err =
        http_want(c->http, HTTP_GET, path, span_of(NULL, 0), DEMUR_RECEIPT_MAX, &receipt, diag);
    if (err == DEMUR_ERR_IO || err == DEMUR_ERR_MEMORY)
        return err;
    if (!err)
        err = receipt_log_key(key, demur_bytes_span(&receipt), c->options.channel,
                              c->size ? c->channel : NULL, diag);
    demur_bytes_free(&receipt);
    return err && err != DEMUR_ERR_MEMORY ? DEMUR_ERR_UNKNOWN : err;
}

static bool signed_by(const struct demur_bytes *checkpoint, const struct log *log)
{
    struct demur_checkpoint head;
    return demur_checkpoint_open(&head, NULL, demur_bytes_span(checkpoint), span_str(log->origin),
                                 log->key, NULL) == DEMUR_OK;
}

enum demur_err head_fetch(struct demur_client *c, struct demur_bytes *out,
                          struct demur_checkpoint *head, struct demur_diag *diag)
{
    struct log log;
    struct demur_bytes first = {0};
    enum demur_err err = fetch(c, out, head, diag);
    if (!err && c->size) {
        demur_channel_log_key(c->channel, log.key);
        (void)copy_text(log.origin, sizeof log.origin, demur_channel_origin(c->channel));
    } else if (!err) {
        unsigned width = head->size < DEMUR_TILE_WIDTH ? (unsigned)head->size : DEMUR_TILE_WIDTH;
        err = entries_fetch(c, 0, width, &first, diag);
        if (!err)
            err = founded(c, demur_bytes_span(&first), &log, diag);
    }
    if (!err && !signed_by(out, &log)) {
        err = rotated(c, log.key, diag);
        if (err == DEMUR_ERR_UNKNOWN || (!err && !signed_by(out, &log)))
            err = demur_fail(diag, DEMUR_ERR_VERIFY,
                             "what %.100s sends is not signed by the channel's log: it is another "
                             "channel's server, or somebody is in between",
                             c->options.url);
    }
    if (!err && first.p)
        err = entries_write(c, 0, demur_bytes_span(&first), diag);
    demur_bytes_free(&first);
    return err;
}
