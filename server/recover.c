/* recover.c - from a directory to a running engine: start from the server's own
 * snapshot where it has one, fold the rest, and take up again what a crash
 * interrupted. See engine.h. */
#include <string.h>

#include "engine.h"
#include "journal.h"

/* Fold what the snapshot, of which this is the frontier, does not hold. */
static enum demur_err fold_rest(struct demur_engine *e, const struct demur_store_head *head,
                                const struct demur_frontier *frontier, struct demur_diag *diag)
{
    struct demur_folding f = {
        .engine = e, .frontier = *frontier, .size = head->size, .told_s = time(NULL), .diag = diag};
    uint8_t root[32];
    enum demur_err err =
        demur_store_entries(e->store, frontier->size, head->size, demur_folding_entry, &f, diag);
    if (!err)
        err = demur_folding_end(&f);
    demur_folding_free(&f);
    demur_frontier_root(&f.frontier, root);
    if (!err && memcmp(root, head->root, 32) != 0)
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the store's %llu entries do not hash to its root: it was altered; "
                         "put a copy back",
                         (unsigned long long)head->size);
    return err;
}

/* Is it of this log, as its tiles have it? Then *frontier is the log's at its size. */
static bool snapshot_fits(struct demur_engine *e, const struct demur_store_head *head,
                          const struct demur_snapshot *snapshot, struct demur_frontier *frontier)
{
    struct demur_store_tiles tiles;
    uint8_t root[32];
    struct demur_edge *edge = snapshot->size <= head->size ? malloc(sizeof *edge) : NULL;
    demur_engine_tree(e, &tiles, snapshot->size);
    bool fits = edge && demur_edge_load(edge, &tiles.source);
    if (fits) {
        *frontier = edge->frontier;
        demur_frontier_root(frontier, root);
        fits = memcmp(root, snapshot->root, 32) == 0;
    }
    free(edge);
    return fits;
}

/* Take one in, or say why not. MEMORY only when the engine is not as it was. */
static enum demur_err snapshot_take(struct demur_engine *e, const struct demur_store_head *head,
                                    const struct demur_snapshot *snapshot,
                                    struct demur_frontier *frontier, struct demur_diag *diag)
{
    struct demur_diag why = {0};
    const char *name = demur_snapshot_names[snapshot->slot];
    if (!snapshot_fits(e, head, snapshot, frontier)) {
        demur_frontier_init(frontier);
        demur_journal("%s is not used: it is not of this log", name);
        return DEMUR_OK;
    }
    if (!demur_snapshot_load(e, e->snapshots.fds[snapshot->slot], snapshot, &why)) {
        e->snapshots.last = *snapshot;
        return DEMUR_OK;
    }
    demur_frontier_init(frontier);
    demur_journal("%s is not used: %s", name, why.text);
    return e->channel ? DEMUR_OK : demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
}

/* The newest snapshot that is good for anything; else a frontier of nothing. */
static enum demur_err snapshot_start(struct demur_engine *e, const struct demur_store_head *head,
                                     struct demur_frontier *frontier, struct demur_diag *diag)
{
    struct demur_snapshot found[DEMUR_SNAPSHOT_SLOTS] = {0};
    enum demur_err err = DEMUR_OK;
    demur_frontier_init(frontier);
    for (int i = 0; i < DEMUR_SNAPSHOT_SLOTS; i++) {
        struct demur_diag why = {0};
        enum demur_err bad =
            demur_snapshot_examine(&found[i], e->snapshots.fds[i], e->server_secrets,
                                   DEMUR_COUNT(e->server_secrets), &why);
        found[i].slot = i;
        if (bad && bad != DEMUR_ERR_UNKNOWN)
            demur_journal("%s is not used: %s", demur_snapshot_names[i], why.text);
    }
    int first = found[1].size > found[0].size;
    for (int k = 0; k < DEMUR_SNAPSHOT_SLOTS && !err && !e->snapshots.last.size; k++)
        if (found[first ^ k].size)
            err = snapshot_take(e, head, &found[first ^ k], frontier, diag);
    if (e->snapshots.last.size)
        demur_journal("started from the snapshot of %llu entries; the log is folded again behind "
                      "this",
                      (unsigned long long)e->snapshots.last.size);
    else if (head->size)
        demur_journal("there is no snapshot to start from: folding all %llu entries",
                      (unsigned long long)head->size);
    return err;
}

/* The tiles have to say the same as the entries, since proofs are made of them. */
static enum demur_err edge_load(struct demur_engine *e, const struct demur_store_head *head,
                                struct demur_diag *diag)
{
    struct demur_store_tiles tiles;
    uint8_t root[32];
    demur_engine_tree(e, &tiles, head->size);
    if (!demur_edge_load(&e->edge, &tiles.source))
        return demur_fail(diag, DEMUR_ERR_IO, "the store's tiles cannot be read");
    demur_frontier_root(&e->edge.frontier, root);
    if (memcmp(root, head->root, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the store's tiles do not hash to its root: it was altered; put a copy "
                          "back");
    return DEMUR_OK;
}

static enum demur_err state_load(struct demur_engine *e, const struct demur_store_head *head,
                                 struct demur_diag *diag)
{
    struct demur_frontier frontier;
    enum demur_err err = snapshot_start(e, head, &frontier, diag);
    if (!err)
        err = fold_rest(e, head, &frontier, diag);
    if (!err)
        err = edge_load(e, head, diag);
    if (!err && e->refold && e->snapshots.last.size)
        return demur_refold_begin(e->refold, &e->snapshots.last, diag);
    demur_refold_stop(e->refold); /* everything was folded just now */
    e->refold = NULL;
    return err;
}

enum demur_err demur_engine_refolded(struct demur_engine *e, struct demur_diag *diag)
{
    struct demur_diag why = {0};
    enum demur_err err = demur_refold_answer(e->refold, &why);
    demur_refold_stop(e->refold);
    e->refold = NULL;
    if (err == DEMUR_ERR_VERIFY) {
        demur_snapshots_condemn(&e->snapshots);
        return demur_fail(diag, err,
                          "%.160s: it is deleted; start the server again, and it folds them all",
                          why.text);
    }
    if (err)
        demur_journal("the snapshot could not be held against the log: %s", why.text);
    else
        demur_journal("the log was folded again, and says what the snapshot says");
    return DEMUR_OK;
}

enum demur_err demur_engine_recover(struct demur_engine *e, struct demur_diag *diag)
{
    struct demur_store_head head;
    enum demur_err err = demur_store_head_get(e->store, &head, diag);
    if (!err)
        err = state_load(e, &head, diag);
    if (err)
        return err;
    if (!head.size)
        return DEMUR_OK; /* being created: entry 0 names the log key */
    struct demur_published published;
    err = demur_engine_sign(e, head.size, head.root, &published, diag);
    if (err)
        return err;
    demur_engine_publish(e, &published);
    uint64_t refused = demur_channel_refused(e->channel);
    if (refused)
        demur_journal("%llu entries of the log are without effect", (unsigned long long)refused);
    if (demur_engine_clock(e) + 300 < demur_channel_last_at(e->channel))
        demur_journal("this machine's clock is behind the log's last entry: set it right");
    return DEMUR_OK;
}
