/* Bringing the copy up to date, and catching a server that lies.
 *
 * New entries are staged on disk as they come, so that an interrupted fetch goes on
 * where it stopped; they are believed only once their tree is the one that the log
 * signed. Nothing is folded before that, and nothing is evidence against the operator
 * that somebody in between could have made: but one finding, which says so itself. */
#include <stdlib.h>

#include "../core/tile.h"
#include "internal.h"

struct sync {
    struct demur_client *c;
    struct demur_bytes checkpoint;
    struct demur_checkpoint head;    /* of it: what the log signed */
    struct demur_frontier tree;      /* of the entries fetched so far */
    size_t promise;                  /* the next one that the tree comes to */
    const struct promise *broken;    /* the first that the entries break */
    struct demur_bytes broken_entry; /* what stands there instead */
    uint64_t late, late_index;       /* entries dated before the log was seen without them */
    struct demur_bytes late_entry;   /* the first of them */
    bool changed;                    /* entries seen before came out different */
    bool staged;                     /* what an earlier run had fetched was used */
    bool no_staged;                  /* and must not be */
};

/* ---- lies ---- */

/* Two heads, both signed by the log, that contradict each other. `larger` is the log of
 * the larger one, by which others see that it does not begin as the smaller one says. */
static enum demur_err lie(struct sync *s, const char *kind, const char *sentence,
                          const struct history *larger, const struct evidence_part *more,
                          size_t more_len, struct demur_diag *diag)
{
    struct demur_client *c = s->c;
    char name[128], root[65];
    uint8_t proof[HISTORY_PROOF_MAX];
    struct buf prefix = buf_over(proof, sizeof proof);
    struct history own = {0};
    hex_text(root, s->head.root);
    snprintf(name, sizeof name, "%s-%llu-%.16s", kind, (unsigned long long)s->head.size, root);
    struct evidence_part parts[7] = {
        {EVIDENCE_CHECKPOINT_BEFORE, demur_bytes_span(&c->checkpoint)},
        {EVIDENCE_CHECKPOINT_NOW, demur_bytes_span(&s->checkpoint)},
    };
    size_t n = 2;
    for (size_t i = 0; i < more_len && i < 2; i++)
        parts[n++] = more[i];
    uint64_t smaller = s->head.size < c->size ? s->head.size : c->size;
    if (!history_read(&own, c, c->size, NULL) &&
        history_prefix(larger ? larger : &own, smaller, &prefix)) {
        if (s->head.size != c->size)
            parts[n++] = (struct evidence_part){EVIDENCE_PREFIX, buf_span(&prefix)};
        struct span keys = demur_bytes_span(larger ? &larger->keys : &own.keys),
                    before = demur_bytes_span(&own.keys);
        parts[n++] = (struct evidence_part){EVIDENCE_KEYS, keys};
        if (!span_eq(keys, before))
            parts[n++] = (struct evidence_part){EVIDENCE_KEYS_BEFORE, before};
    }
    evidence_keep(c, kind, name, sentence, parts, n);
    history_free(&own);
    return demur_fail(diag, DEMUR_ERR_VERIFY, "%s; both signed checkpoints are kept in %s/evidence",
                      sentence, c->data);
}

/* An entry that the copy has and the log shows differently now. */
struct difference {
    bool found, signed_now; /* the log's head covers what it shows now */
    uint64_t index;
    struct demur_bytes ours, theirs;
    struct history now; /* the log as it is shown now */
};

static enum demur_err keep_bytes(struct demur_bytes *out, struct span bytes,
                                 struct demur_diag *diag)
{
    struct buf copy = heap_buf(bytes.len);
    if (!copy.p)
        return no_memory(diag);
    buf_put_span(&copy, bytes);
    *out = heap_buf_take(&copy);
    return DEMUR_OK;
}

/* Compare one bundle as it is shown with the copy's, and add it to the tree. */
static enum demur_err compare_bundle(struct sync *s, struct span theirs, struct span ours,
                                     struct difference *d, struct demur_diag *diag)
{
    struct span now, before;
    enum demur_err err = DEMUR_OK;
    while (!err && demur_bundle_next(&theirs, &now)) {
        err = history_add(&d->now, s->c, now, diag);
        if (err)
            return err;
        uint8_t *leaf = d->now.leaves[d->now.len - 1];
        if (s->tree.size < s->c->size && demur_bundle_next(&ours, &before) && !d->found &&
            !span_eq(now, before)) {
            d->found = true;
            d->index = s->tree.size;
            err = keep_bytes(&d->ours, before, diag);
            if (!err)
                err = keep_bytes(&d->theirs, now, diag);
        }
        if (!err && !demur_frontier_append(&s->tree, leaf))
            err = demur_fail(diag, DEMUR_ERR_LIMIT, "the log is too long");
    }
    return err;
}

/* Fetch the whole log anew, keeping none of it, to see where it differs from the copy. */
static enum demur_err find_difference(struct sync *s, struct difference *d, struct demur_diag *diag)
{
    struct demur_client *c = s->c;
    uint64_t to = s->head.size;
    uint8_t root[32];
    enum demur_err err = DEMUR_OK;
    demur_frontier_init(&s->tree);
    while (!err && s->tree.size < to) {
        uint64_t first = s->tree.size;
        unsigned width = (unsigned)(to - first < DEMUR_TILE_WIDTH ? to - first : DEMUR_TILE_WIDTH);
        struct demur_bytes theirs = {0}, ours = {0};
        err = entries_fetch(c, first / DEMUR_TILE_WIDTH, width, &theirs, diag);
        if (!err && first < c->size)
            err = entries_read(c, first / DEMUR_TILE_WIDTH, &ours, diag);
        if (!err)
            err = compare_bundle(s, demur_bytes_span(&theirs), demur_bytes_span(&ours), d, diag);
        demur_bytes_free(&theirs);
        demur_bytes_free(&ours);
        client_progress(c, "comparing entries", s->tree.size, to);
    }
    demur_frontier_root(&s->tree, root);
    d->signed_now = !err && memcmp(root, s->head.root, 32) == 0;
    return err;
}

/* The entries do not lead to the root that was signed. Whoever is in between can bring
 * that about by changing one. The operator is held to it only where what is shown does
 * lead there, from the first entry on, and differs from what was shown before. */
static enum demur_err not_leading(struct sync *s, struct demur_diag *diag)
{
    char sentence[DEMUR_FINDING_TEXT];
    struct difference d = {0};
    enum demur_err err = s->c->size ? find_difference(s, &d, diag) : DEMUR_OK;
    if (!err && d.found && d.signed_now) {
        snprintf(sentence, sizeof sentence,
                 "the log signed two different histories: entry %llu is another one now than it "
                 "was before",
                 (unsigned long long)d.index);
        struct evidence_part entries[] = {{EVIDENCE_ENTRY_BEFORE, demur_bytes_span(&d.ours)},
                                          {EVIDENCE_ENTRY_NOW, demur_bytes_span(&d.theirs)}};
        err = lie(s, "fork", sentence, &d.now, entries, 2, diag);
    } else if (!err || err == DEMUR_ERR_VERIFY) {
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the entries do not hash to the root that the log signed: at least one of "
                         "them was altered, by the server at %.60s or by somebody in between",
                         s->c->options.url);
    }
    demur_bytes_free(&d.ours);
    demur_bytes_free(&d.theirs);
    history_free(&d.now);
    return err;
}

/* Entries that came after the log was seen, and say that they came before. The operator
 * can do that, and so can whoever held them back. */
static enum demur_err note_late(struct sync *s, uint64_t at, struct span entry,
                                struct demur_diag *diag)
{
    if (!seen_before(s->c, s->tree.size - 1, at) || s->late++)
        return DEMUR_OK;
    s->late_index = s->tree.size - 1;
    return keep_bytes(&s->late_entry, entry, diag);
}

static void keep_late(struct sync *s)
{
    struct demur_client *c = s->c;
    char name[48], text[DEMUR_FINDING_TEXT], said[32], seen[32], more[48] = "";
    uint64_t at = 0;
    struct span record;
    if (!s->late ||
        demur_entry_parse(&at, &record, demur_bytes_span(&s->late_entry), NULL) != DEMUR_OK)
        return;
    time_text(said, at);
    time_text(seen, c->seen_at);
    if (s->late > 1)
        snprintf(more, sizeof more, ", as %llu after it do", (unsigned long long)(s->late - 1));
    snprintf(name, sizeof name, "dated-back-%llu", (unsigned long long)s->late_index);
    snprintf(text, sizeof text,
             "entry %llu says %.20s%.40s, and at %.20s by this machine's clock the log was shown "
             "without "
             "it: it was dated back, or held back by the server or by somebody in between",
             (unsigned long long)s->late_index, said, more, seen);
    struct evidence_part parts[] = {
        {EVIDENCE_ENTRY_NOW, demur_bytes_span(&s->late_entry)},
        {EVIDENCE_CHECKPOINT_BEFORE, demur_bytes_span(&c->checkpoint)},
        {EVIDENCE_CHECKPOINT_NOW, demur_bytes_span(&s->checkpoint)},
    };
    evidence_keep(c, "dated-back", name, text, parts, 3);
}

/* ---- entries ---- */

/* Hold the tree as it is now, and the entry that comes next, to what was promised. */
static enum demur_err hold(struct sync *s, const uint8_t *leaf, struct span entry,
                           struct demur_diag *diag)
{
    struct demur_client *c = s->c;
    for (; s->promise < c->promises_len; s->promise++) {
        const struct promise *p = &c->promises[s->promise];
        uint8_t root[32];
        if (p->size > s->tree.size || (p->size == s->tree.size && !p->root && !leaf))
            break;
        if (p->size < s->tree.size || s->broken)
            continue;
        demur_frontier_root(&s->tree, root);
        if (memcmp(p->root ? root : leaf, p->hash, 32) == 0)
            continue;
        s->broken = p;
        enum demur_err err = p->root ? DEMUR_OK : keep_bytes(&s->broken_entry, entry, diag);
        if (err)
            return err;
    }
    return DEMUR_OK;
}

/* A new entry: its place in the tree, what was promised of it, and its time. What it
 * means is for the fold. */
static enum demur_err take_entry(struct sync *s, struct span entry, struct demur_diag *diag)
{
    uint8_t leaf[32];
    uint64_t at = 0, now = demur_client_now(s->c);
    struct span record;
    demur_merkle_leaf(leaf, entry);
    enum demur_err err = hold(s, leaf, entry, diag);
    if (err)
        return err;
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
    return note_late(s, at, entry, diag);
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
    enum demur_err err = entries_fetch(c, index, width, &fresh, diag);
    if (!err && seen &&
        (!entries_take(demur_bytes_span(&kept), seen, &before) ||
         !entries_take(demur_bytes_span(&fresh), seen, &after) || !span_eq(before, after))) {
        s->changed = true;
        err = demur_fail(diag, DEMUR_ERR_VERIFY, "entries are shown differently than before");
    }
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

/* ---- the fold ---- */

/* Bundles that are about to be folded: their new entries. Several, so that the threads
 * seldom wait for the last of them. */
#define AHEAD_BUNDLES 4u
#define AHEAD_ENTRIES (AHEAD_BUNDLES * DEMUR_TILE_WIDTH)

struct ahead {
    struct demur_bytes bundles[AHEAD_BUNDLES];
    struct checked *list; /* of AHEAD_ENTRIES */
    size_t len;
};

static void ahead_add(struct ahead *a, struct span entry)
{
    struct checked *k = &a->list[a->len++];
    k->entry = entry;
    k->parsed = k->verdict.verified = false;
    k->proofs = NULL;
    k->at = 0;
    k->why = (struct demur_diag){0};
}

/* Take bundles from the one on in which entry `at` is; nothing when that is past the head. */
static enum demur_err look_ahead(struct sync *s, uint64_t at, struct ahead *a,
                                 struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    uint64_t to = s->head.size;
    a->len = 0;
    for (unsigned n = 0; n < AHEAD_BUNDLES && at < to && !err; n++) {
        uint64_t index = at / DEMUR_TILE_WIDTH, i = index * DEMUR_TILE_WIDTH;
        uint64_t end = to - i < DEMUR_TILE_WIDTH ? to : i + DEMUR_TILE_WIDTH;
        demur_bytes_free(&a->bundles[n]);
        err = get_bundle(s, index, (unsigned)(end - i), &a->bundles[n], diag);
        struct span rest = demur_bytes_span(&a->bundles[n]), entry;
        for (; !err && i < end && demur_bundle_next(&rest, &entry); i++)
            if (i >= at)
                ahead_add(a, entry);
        at = end;
    }
    return err;
}

static enum demur_err fold_ahead(struct sync *s, const struct ahead *a, struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; i < a->len && !err; i++)
        err = fold_checked(s->c, &a->list[i], diag);
    return err;
}

static bool needs_channel(const struct ahead *a)
{
    for (size_t i = 0; i < a->len; i++)
        if (!a->list[i].err && !a->list[i].verdict.verified)
            return true;
    return false;
}

/* While some are checked, those before are folded, and then the next are read. */
static enum demur_err fold_all(struct sync *s, struct verify_pool *pool, struct rings *rings,
                               struct ahead ahead[2], struct demur_diag *diag)
{
    uint64_t from = s->c->size, to = s->head.size, done = from;
    enum demur_err err = look_ahead(s, done, &ahead[0], diag);
    if (!err)
        verify_begin(pool, ahead[0].list, ahead[0].len, NULL);
    for (unsigned now = 0; !err && done < to; now ^= 1) {
        struct ahead *a = &ahead[now], *next = &ahead[now ^ 1];
        done += a->len;
        err = look_ahead(s, done, next, diag);
        verify_wait(pool);
        if (!err && needs_channel(a)) {
            verify_begin(pool, a->list, a->len, s->c->channel);
            verify_wait(pool);
            verify_rings(pool, rings, a->list, a->len, s->c->channel);
        }
        if (!err && next->len)
            verify_begin(pool, next->list, next->len, NULL);
        if (!err)
            err = fold_ahead(s, a, diag);
        client_progress(s->c, "checking entries", done - from, to - from);
    }
    return err;
}

static enum demur_err fold_new(struct sync *s, struct demur_diag *diag)
{
    struct ahead ahead[2] = {0};
    struct verify_pool *pool = verify_pool_new();
    struct rings *rings = rings_new();
    for (int i = 0; i < 2; i++)
        ahead[i].list = malloc(AHEAD_ENTRIES * sizeof *ahead[i].list);
    enum demur_err err = pool && rings && ahead[0].list && ahead[1].list
                             ? fold_all(s, pool, rings, ahead, diag)
                             : no_memory(diag);
    verify_pool_free(pool);
    rings_free(rings);
    for (int i = 0; i < 2; i++) {
        for (unsigned n = 0; n < AHEAD_BUNDLES; n++)
            demur_bytes_free(&ahead[i].bundles[n]);
        free(ahead[i].list);
    }
    return err;
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

/* ---- all of it ---- */

/* The log as it was signed before. Two honest heads prove nothing: nobody is accused. */
static enum demur_err stale(const struct sync *s, uint64_t seen, struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_VERIFY,
                      "%.60s shows an older log than was seen before, %llu entries instead of "
                      "%llu: an old state of it was put back, or somebody holds back what is newer",
                      s->c->options.url, (unsigned long long)s->head.size,
                      (unsigned long long)seen);
}

/* The head is no longer than the copy. */
static enum demur_err not_longer(struct sync *s, struct demur_diag *diag)
{
    uint8_t root[32];
    enum demur_err err = entries_root(s->c, s->head.size, root, diag);
    if (err)
        return err;
    if (memcmp(s->head.root, root, 32) != 0)
        return lie(s, "fork",
                   "the log signed two different histories of the same length, so it shows people "
                   "different things",
                   NULL, NULL, 0, diag);
    return s->head.size < s->c->size ? stale(s, s->c->size, diag) : DEMUR_OK;
}

/* Fetch what is new, and tell whether it leads to the root that was signed. */
static enum demur_err fetch_entries(struct sync *s, bool *leads, struct demur_diag *diag)
{
    uint8_t root[32];
    s->staged = s->changed = false;
    s->tree = s->c->frontier;
    s->promise = 0;
    s->broken = NULL;
    s->late = 0;
    demur_bytes_free(&s->broken_entry);
    demur_bytes_free(&s->late_entry);
    enum demur_err err = walk(s, "fetching entries", take_entry, diag);
    if (!err)
        err = hold(s, NULL, span_of(NULL, 0), diag);
    if (err && !s->changed && (err != DEMUR_ERR_VERIFY || !s->staged))
        return err;
    demur_frontier_root(&s->tree, root);
    *leads = !err && memcmp(root, s->head.root, 32) == 0;
    if (*leads)
        return DEMUR_OK;
    drop_staged(s);
    if (!s->staged)
        return DEMUR_OK;
    /* Before anybody is accused: what this machine had kept may be at fault. */
    s->no_staged = true;
    err = fetch_entries(s, leads, diag);
    s->no_staged = false;
    return err;
}

/* The head was signed by a key that the log had before: is it the one that it has? */
static enum demur_err check_key(struct sync *s, struct demur_diag *diag)
{
    uint8_t log_key[32];
    struct demur_checkpoint head;
    const struct demur_channel *c = s->c->channel;
    demur_channel_log_key(c, log_key);
    if (demur_checkpoint_open(&head, NULL, s->c->head, demur_channel_origin(c), log_key, NULL) ==
        DEMUR_OK)
        return DEMUR_OK;
    drop_staged(s);
    return demur_fail(diag, DEMUR_ERR_VERIFY,
                      "what %.100s sends is signed by a key that the log has had replaced: it was "
                      "stolen, or the server did not change it",
                      s->c->options.url);
}

static enum demur_err fold_entries(struct sync *s, struct demur_diag *diag)
{
    struct demur_client *c = s->c;
    c->head = demur_bytes_span(&s->checkpoint);
    enum demur_err err = fold_new(s, diag);
    if (!err)
        err = check_key(s, diag);
    if (!err) {
        keep_late(s);
        err = fold_commit(c, demur_bytes_span(&s->checkpoint), diag);
    }
    if (!err)
        return fold_evidence(c, diag);
    if (c->frontier.size != c->size) {
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

static enum demur_err longer(struct sync *s, struct demur_diag *diag)
{
    bool leads = false;
    enum demur_err err = fetch_entries(s, &leads, diag);
    if (err)
        return err;
    if (!leads)
        return not_leading(s, diag);
    if (s->broken) {
        char text[DEMUR_FINDING_TEXT];
        promise_broken(s->c, s->broken, span_of(NULL, 0), demur_bytes_span(&s->broken_entry),
                       demur_bytes_span(&s->checkpoint), text);
        drop_staged(s);
        return demur_fail(diag, DEMUR_ERR_VERIFY, "%.180s; both are kept in %.50s/evidence", text,
                          s->c->data);
    }
    return fold_entries(s, diag);
}

enum demur_err demur_client_sync(struct demur_client *client, struct demur_diag *diag)
{
    struct demur_client *c = client;
    struct sync s = {.c = c, .tree = c->frontier};
    promises_sort(c);
    uint64_t promised = promises_size(c), began = demur_client_now(c);
    enum demur_err err = head_fetch(c, &s.checkpoint, &s.head, diag);
    if (!err)
        err = s.head.size > c->size ? longer(&s, diag) : not_longer(&s, diag);
    if (!err && s.head.size < promised)
        err = stale(&s, promised, diag);
    if (!err) {
        promises_kept(c);
        entries_tidy(c);
        seen_keep(c, began);
        c->synced_at = demur_client_now(c);
    }
    demur_bytes_free(&s.checkpoint);
    demur_bytes_free(&s.broken_entry);
    demur_bytes_free(&s.late_entry);
    return err;
}
