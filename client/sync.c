/* Bringing the copy up to date, and catching a server that lies.
 *
 * New entries are staged on disk as they come, so that an interrupted fetch goes on
 * where it stopped; they are believed only once their tree is the one that the log
 * signed. Nothing is folded before that. */
#include <stdlib.h>

#include "../core/table.h"
#include "../core/tile.h"
#include "internal.h"

#define KEYS_MAX 16

struct sync {
    struct demur_client *c;
    struct demur_bytes checkpoint;
    struct demur_note *note;
    struct demur_checkpoint head; /* what it claims */
    struct demur_frontier tree;   /* of the entries fetched so far */
    uint8_t keys[KEYS_MAX][32];   /* that may be the log's */
    size_t keys_len;
    char origin[DEMUR_NOTE_NAME_MAX + 1];
    bool staged;    /* what an earlier run had fetched was used */
    bool no_staged; /* and must not be */
};

/* ---- what the server says the time and the log are ---- */

static void compare_clocks(struct demur_client *c)
{
    uint64_t ours = demur_client_now(c), theirs = http_date(c->http);
    bool ahead = theirs && ours > theirs && ours - theirs > CLOCK_TOLERANCE_S;
    bool behind = theirs > ours && theirs - ours > CLOCK_TOLERANCE_S;
    c->skew_s = ahead || behind ? (int64_t)(ours - theirs) : 0;
}

static enum demur_err fetch_checkpoint(struct sync *s, struct demur_diag *diag)
{
    enum demur_err err = http_want(s->c->http, HTTP_GET, "/checkpoint", span_of(NULL, 0),
                                   DEMUR_NOTE_MAX, &s->checkpoint, diag);
    compare_clocks(s->c);
    if (err)
        return err;
    struct demur_diag why = {0};
    err = demur_note_parse(s->note, demur_bytes_span(&s->checkpoint), &why);
    if (!err)
        err = demur_checkpoint_parse_text(&s->head, s->note->text, &why);
    if (err)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "%.100s does not answer as a channel does (its checkpoint: %.80s)",
                          s->c->options.url, why.text);
    if (s->head.size == 0)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the log at %.100s is still empty",
                          s->c->options.url);
    return DEMUR_OK;
}

/* Is the checkpoint signed by one of the keys that may be the log's? */
static bool signed_by_log(const struct sync *s)
{
    struct demur_checkpoint head;
    for (size_t i = 0; i < s->keys_len; i++)
        if (demur_checkpoint_open(&head, NULL, demur_bytes_span(&s->checkpoint),
                                  span_str(s->origin), s->keys[i], NULL) == DEMUR_OK)
            return true;
    return false;
}

/* Two heads that contradict each other, or a head and entries that do. Only what
 * the log signed is evidence; all else may be the work of whoever is in between. */
static enum demur_err lie(struct sync *s, const char *kind, const char *sentence,
                          struct demur_diag *diag)
{
    struct demur_client *c = s->c;
    char name[128], root[65];
    if (!signed_by_log(s))
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "what %.100s sends is not signed by the channel's log: it is another "
                          "channel's server, or somebody is in between",
                          c->options.url);
    hex_text(root, s->head.root);
    snprintf(name, sizeof name, "%s-%llu-%.16s", kind, (unsigned long long)s->head.size, root);
    struct evidence_part parts[] = {
        {"the checkpoint seen before", demur_bytes_span(&c->checkpoint)},
        {"the checkpoint shown now", demur_bytes_span(&s->checkpoint)},
    };
    evidence_keep(c, kind, name, sentence, parts, 2);
    return demur_fail(diag, DEMUR_ERR_VERIFY, "%s; both signed checkpoints are kept in %s/evidence",
                      sentence, c->data);
}

/* ---- entries ---- */

static void may_sign(struct sync *s, const uint8_t key[static 32])
{
    if (s->keys_len < KEYS_MAX)
        memcpy(s->keys[s->keys_len++], key, 32);
}

/* Entry 0 is the channel: its leaf hash is the fingerprint, and it names the log. */
static enum demur_err begin_channel(struct sync *s, struct span entry, struct demur_diag *diag)
{
    uint8_t leaf[32], key[32];
    uint64_t at;
    struct span record;
    struct demur_record *r = s->c->record;
    demur_merkle_leaf(leaf, entry);
    if (memcmp(leaf, s->c->options.channel, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the server at %.100s runs another channel than the one with your "
                          "fingerprint: check both",
                          s->c->options.url);
    if (demur_entry_parse(&at, &record, entry, NULL) != DEMUR_OK ||
        demur_record_parse(r, record, NULL) != DEMUR_OK || r->type != DEMUR_RECORD_CHANNEL)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "that fingerprint is of something that is no channel");
    demur_record_key(r, DEMUR_FIELD_LOG_KEY, key);
    may_sign(s, key);
    (void)copy_text(s->origin, sizeof s->origin, demur_record_get(r, DEMUR_FIELD_ORIGIN));
    return DEMUR_OK;
}

/* A new entry: its place in the tree, its time, and whether it changes the log's
 * key. What it means is for the fold. */
static enum demur_err take_entry(struct sync *s, struct span entry, struct demur_diag *diag)
{
    uint8_t leaf[32], key[32];
    uint64_t at = 0, now = demur_client_now(s->c);
    struct span record;
    if (s->tree.size == 0) {
        enum demur_err err = begin_channel(s, entry, diag);
        if (err)
            return err;
    }
    demur_merkle_leaf(leaf, entry);
    if (!demur_frontier_append(&s->tree, leaf))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the log is too long");
    if (demur_entry_parse(&at, &record, entry, NULL) != DEMUR_OK)
        return DEMUR_OK; /* the fold refuses it, and keeps it */
    if (at > now && at - now > CLOCK_TOLERANCE_S) {
        char theirs[32], ours[32], apart[DEMUR_SKEW_TEXT];
        time_text(theirs, at);
        time_text(ours, now);
        skew_text(apart, now, at);
        return demur_fail(
            diag, DEMUR_ERR_TIME,
            "this machine's clock is %s the log, whose entry %llu says %s while it is %s here: "
            "set the clock or, if it is right, tell your auditor",
            apart, (unsigned long long)(s->tree.size - 1), theirs, ours);
    }
    struct demur_record *r = s->c->record;
    if (span_starts(record, "demur rotate v1\n") &&
        demur_record_parse(r, record, NULL) == DEMUR_OK &&
        demur_record_key(r, DEMUR_FIELD_LOG_KEY, key))
        may_sign(s, key);
    return DEMUR_OK;
}

/* A bundle of `width` entries: staged before, or fetched now. What of it was seen
 * before must be there unchanged. */
static enum demur_err get_bundle(struct sync *s, uint64_t index, unsigned width,
                                 struct demur_bytes *out, struct demur_diag *diag)
{
    struct demur_client *c = s->c;
    struct demur_bytes kept = {0}, fresh = {0};
    struct span cut, before = {0}, after;
    uint64_t first = index * DEMUR_TILE_WIDTH;
    size_t seen = c->size > first ? (size_t)(c->size - first) : 0;
    if (entries_read(c, index, &kept, NULL) == DEMUR_OK && !s->no_staged &&
        entries_take(demur_bytes_span(&kept), width, &cut)) {
        s->staged = true;
        kept.len = cut.len;
        *out = kept;
        return DEMUR_OK;
    }
    char path[DEMUR_TILE_PATH_MAX + 2] = "/";
    struct buf b = buf_over(path + 1, sizeof path - 2);
    struct demur_tile tile = {DEMUR_TILE_ENTRIES, index, width};
    demur_tile_put_path(&b, &tile);
    path[1 + b.len] = 0;
    enum demur_err err = http_want(c->http, HTTP_GET, path, span_of(NULL, 0),
                                   (size_t)width * (DEMUR_ENTRY_MAX + 2), &fresh, diag);
    size_t count = 0;
    if (!err && (demur_bundle_check(demur_bytes_span(&fresh), width, &count, NULL) != DEMUR_OK ||
                 count != width))
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the server sent entries from %llu on that are no entry bundle",
                         (unsigned long long)first);
    if (!err && seen &&
        (!entries_take(demur_bytes_span(&kept), seen, &before) ||
         !entries_take(demur_bytes_span(&fresh), seen, &after) || !span_eq(before, after)))
        err = lie(s, "changed-entries",
                  "the log shows other entries now than it did before, so its history was changed",
                  diag);
    if (!err)
        err = entries_write(c, index, demur_bytes_span(&fresh), diag);
    if (!err)
        *out = fresh;
    else
        demur_bytes_free(&fresh);
    demur_bytes_free(&kept);
    return err;
}

typedef enum demur_err entry_step(struct sync *s, struct span entry, struct demur_diag *diag);

/* Walk the entries from c->size up to the head's size. */
static enum demur_err walk(struct sync *s, const char *what, entry_step *step,
                           struct demur_diag *diag)
{
    uint64_t from = s->c->size, to = s->head.size, at = from;
    enum demur_err err = DEMUR_OK;
    while (!err && at < to) {
        uint64_t index = at / DEMUR_TILE_WIDTH, first = index * DEMUR_TILE_WIDTH;
        unsigned width = (unsigned)(to - first < DEMUR_TILE_WIDTH ? to - first : DEMUR_TILE_WIDTH);
        struct demur_bytes bundle = {0};
        err = get_bundle(s, index, width, &bundle, diag);
        struct span rest = demur_bytes_span(&bundle), entry;
        for (uint64_t i = first; !err && demur_bundle_next(&rest, &entry); i++)
            if (i >= at)
                err = step(s, entry, diag);
        demur_bytes_free(&bundle);
        at = first + width;
        client_progress(s->c, what, at - from, to - from);
    }
    return err;
}

static enum demur_err fold_step(struct sync *s, struct span entry, struct demur_diag *diag)
{
    return fold_entry(s->c, entry, false, diag);
}

/* Entries that turned out not to be the log's must not be taken for it next time. */
static void drop_staged(struct sync *s)
{
    struct demur_client *c = s->c;
    char path[PATH_LEN];
    for (uint64_t i = (c->size + DEMUR_TILE_WIDTH - 1) / DEMUR_TILE_WIDTH;
         i <= s->head.size / DEMUR_TILE_WIDTH; i++) {
        int n = snprintf(path, sizeof path, "%s/entries/%08llu", c->data, (unsigned long long)i);
        if (n > 0 && n < PATH_LEN)
            (void)!path_remove_all(path, NULL);
    }
    uint64_t last = c->size / DEMUR_TILE_WIDTH;
    struct demur_bytes bundle = {0};
    struct span kept;
    if (c->size % DEMUR_TILE_WIDTH && entries_read(c, last, &bundle, NULL) == DEMUR_OK &&
        entries_take(demur_bytes_span(&bundle), c->size % DEMUR_TILE_WIDTH, &kept))
        (void)!entries_write(c, last, kept, NULL);
    demur_bytes_free(&bundle);
}

/* ---- the receipts that were given ---- */

static enum demur_err check_expected(struct sync *s, struct demur_diag *diag)
{
    struct demur_client *c = s->c;
    for (size_t i = 0; i < c->expected_len; i++) {
        struct demur_bytes entry = {0};
        uint8_t leaf[32];
        if (c->expected[i].index >= c->size)
            continue;
        enum demur_err err = demur_client_entry(c, c->expected[i].index, &entry, diag);
        if (err)
            return err;
        demur_merkle_leaf(leaf, demur_bytes_span(&entry));
        demur_bytes_free(&entry);
        if (memcmp(leaf, c->expected[i].leaf, 32) != 0)
            return lie(s, "broken-receipt", "the log does not hold what it gave you a receipt for",
                       diag);
        c->expected[i--] = c->expected[--c->expected_len];
    }
    return DEMUR_OK;
}

/* ---- all of it ---- */

/* The head is no longer than the copy. */
static enum demur_err not_longer(struct sync *s, struct demur_diag *diag)
{
    if (s->head.size < s->c->size)
        return lie(s, "shrunk", "the log has become shorter than it was, so entries were taken out",
                   diag);
    if (memcmp(s->head.root, s->c->root, 32) != 0)
        return lie(s, "fork",
                   "the log signed two different histories of the same length, so it shows people "
                   "different things",
                   diag);
    if (!signed_by_log(s))
        return lie(s, "signature", "", diag);
    return DEMUR_OK;
}

/* Fetch what is new, and tell whether it leads to the root that was signed. */
static enum demur_err fetch_entries(struct sync *s, bool *leads, struct demur_diag *diag)
{
    uint8_t root[32];
    size_t keys = s->keys_len;
    s->staged = false;
    s->tree = s->c->frontier;
    enum demur_err err = walk(s, "fetching entries", take_entry, diag);
    if (err && (err != DEMUR_ERR_VERIFY || !s->staged))
        return err;
    demur_frontier_root(&s->tree, root);
    *leads = !err && memcmp(root, s->head.root, 32) == 0;
    if (*leads)
        return DEMUR_OK;
    drop_staged(s);
    if (!s->staged)
        return DEMUR_OK;
    /* Before anybody is accused: what this machine had kept may be at fault. */
    s->keys_len = keys;
    s->no_staged = true;
    err = fetch_entries(s, leads, diag);
    s->no_staged = false;
    return err;
}

static enum demur_err longer(struct sync *s, struct demur_diag *diag)
{
    struct demur_client *c = s->c;
    uint8_t log_key[32];
    struct demur_checkpoint head;
    bool leads = false;
    enum demur_err err = fetch_entries(s, &leads, diag);
    if (err)
        return err;
    if (!leads)
        return lie(s, c->size ? "fork" : "altered",
                   c->size ? "the history that the log signed does not continue the one seen before"
                           : "the entries do not hash to the root that the log signed: at least "
                             "one of them was altered",
                   diag);
    if (!signed_by_log(s)) {
        drop_staged(s);
        return lie(s, "signature", "", diag);
    }
    c->head = demur_bytes_span(&s->checkpoint);
    err = walk(s, "checking entries", fold_step, diag);
    if (!err) {
        demur_channel_log_key(c->channel, log_key);
        err = demur_checkpoint_open(&head, NULL, c->head, demur_channel_origin(c->channel), log_key,
                                    diag);
    }
    if (!err)
        err = fold_commit(c, demur_bytes_span(&s->checkpoint), diag);
    if (err && c->frontier.size != c->size) {
        /* Half folded: go back to what is on disk. */
        struct demur_diag damage;
        enum demur_err again = fold_copy(c, &damage);
        if (again) {
            c->size = 0;
            demur_frontier_init(&c->frontier);
            if (diag)
                *diag = damage;
            err = again;
        }
    }
    return err;
}

enum demur_err demur_client_sync(struct demur_client *client, struct demur_diag *diag)
{
    struct demur_client *c = client;
    struct sync s = {.c = c, .tree = c->frontier};
    s.note = malloc(sizeof *s.note);
    if (!s.note)
        return no_memory(diag);
    if (c->size) {
        uint8_t key[32];
        demur_channel_log_key(c->channel, key);
        may_sign(&s, key);
        (void)copy_text(s.origin, sizeof s.origin, demur_channel_origin(c->channel));
    }
    enum demur_err err = fetch_checkpoint(&s, diag);
    if (!err)
        err = s.head.size > c->size ? longer(&s, diag) : not_longer(&s, diag);
    if (!err)
        err = check_expected(&s, diag);
    if (!err)
        c->synced_at = demur_client_now(c);
    demur_bytes_free(&s.checkpoint);
    free(s.note);
    return err;
}
