/* recover.c - from a directory to a running engine: fold everything, believe
 * nothing, and take up again what a crash interrupted. See engine.h. */
#include "engine.h"
#include "journal.h"

struct folding {
    struct demur_engine *engine;
    struct demur_record *record; /* work area */
    struct demur_frontier frontier;
    uint64_t size;
    time_t told_s; /* of the last line of progress */
    struct demur_diag *diag;
};

static enum demur_err entry_fold(void *ctx, uint64_t index, const uint8_t leaf[static 32],
                                 struct span bytes)
{
    struct folding *f = ctx;
    struct demur_engine *e = f->engine;
    uint8_t computed[32];
    uint64_t at;
    struct span text;
    struct demur_store_bytes policy = {0};
    demur_merkle_leaf(computed, bytes);
    if (memcmp(computed, leaf, 32) != 0)
        return demur_fail(f->diag, DEMUR_ERR_VERIFY, "entry %llu of the store is damaged",
                          (unsigned long long)index);
    if (!demur_frontier_append(&f->frontier, computed))
        return demur_fail(f->diag, DEMUR_ERR_LIMIT, "the log is too long");

    bool parsed =
        !demur_entry_parse(&at, &text, bytes, NULL) && !demur_record_parse(f->record, text, NULL);
    enum demur_err err = DEMUR_OK;
    if (parsed)
        err = demur_record_text(e, f->record, &policy, f->diag);
    if (err)
        return err;
    struct demur_diag refusal = {0};
    err = demur_channel_entry(e->channel, bytes, span_of(policy.p, policy.len), &refusal);
    demur_store_bytes_free(&policy);
    if (demur_channel_size(e->channel) != index + 1)
        return demur_fail(f->diag, err ? err : DEMUR_ERR_MEMORY, "entry %llu cannot be folded: %s",
                          (unsigned long long)index, err ? refusal.text : "no reason given");
    if (!err)
        err = demur_engine_note(e, f->record, index, at, f->diag);
    else
        err = DEMUR_OK; /* without effect, counted by the fold, and evidence for readers */
    if (time(NULL) > f->told_s + 2) {
        f->told_s = time(NULL);
        demur_journal("folded %llu of %llu entries", (unsigned long long)index + 1,
                      (unsigned long long)f->size);
    }
    return err;
}

static enum demur_err fold_all(struct demur_engine *e, const struct demur_store_head *head,
                               struct demur_diag *diag)
{
    struct folding f = {.engine = e, .size = head->size, .told_s = time(NULL), .diag = diag};
    uint8_t root[32];
    f.record = malloc(sizeof *f.record);
    if (!f.record)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    demur_frontier_init(&f.frontier);
    enum demur_err err = demur_store_entries(e->store, 0, head->size, entry_fold, &f, diag);
    free(f.record);
    demur_frontier_root(&f.frontier, root);
    if (!err && memcmp(root, head->root, 32) != 0)
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the store's %llu entries do not hash to its root: it was altered; "
                         "put a copy back",
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

enum demur_err demur_engine_recover(struct demur_engine *e, struct demur_diag *diag)
{
    struct demur_store_head head;
    enum demur_err err = demur_store_head_get(e->store, &head, diag);
    if (!err)
        err = fold_all(e, &head, diag);
    if (!err)
        err = edge_load(e, &head, diag);
    if (err)
        return err;
    if (!head.size)
        return DEMUR_OK; /* being created: entry 0 names the log key */
    struct demur_published published;
    err = demur_engine_sign(e, head.size, head.root, &published, diag);
    if (err)
        return err;
    demur_engine_publish(e, &published);
    struct demur_diag cause = {0};
    if (demur_engine_destroy(e, &cause))
        demur_journal("not all that was expunged could be destroyed yet: %s", cause.text);
    uint64_t refused = demur_channel_refused(e->channel);
    if (refused)
        demur_journal("%llu entries of the log are without effect", (unsigned long long)refused);
    if (demur_engine_clock(e) + 300 < demur_channel_last_at(e->channel))
        demur_journal("this machine's clock is behind the log's last entry: set it right");
    return DEMUR_OK;
}
