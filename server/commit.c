/* commit.c - one turn of the sequencer: fold what waits, commit it, have it
 * signed, publish, answer. See engine.h and design.md's "The server". */
#include "engine.h"
#include "metrics.h"

struct turn {
    struct demur_engine *e;
    uint64_t at, first;             /* first: the index of the batch's first entry */
    struct demur_append **accepted; /* the engine's; n of them */
    size_t n;
    struct demur_append *again; /* retries of what is in the log or in this batch */
    struct demur_append *refused;
    struct demur_append *late;      /* refused, and perhaps because of what is accepted here */
    struct demur_list leaves, refs; /* of 32 bytes; of demur_store_ref */
    struct demur_store_entry *entries;
    uint8_t *bytes; /* the entries' bytes, one after the other */
    size_t bytes_cap;
};

static void reach(struct demur_engine *e, enum demur_server_point point)
{
    if (e->hooks && e->hooks->at)
        e->hooks->at(e->hooks->ctx, point);
}

static void push(struct demur_append **list, struct demur_append *a)
{
    a->next = *list;
    *list = a;
}

static bool find_retry(struct turn *t, struct demur_append *a)
{
    uint64_t index;
    for (size_t i = 0; i < t->n; i++) {
        if (memcmp(t->accepted[i]->hash, a->hash, 32) != 0)
            continue;
        a->index = t->first + i;
        return true;
    }
    /* All that the store holds is published once the turn before has ended. */
    if (demur_store_record_find(t->e->store, &index, a->hash, NULL))
        return false;
    a->index = index;
    return true;
}

/* A new log or server key takes effect at once: its secret half must be here. */
static enum demur_err rotation_check(struct demur_engine *e, const struct demur_record *r,
                                     struct demur_diag *diag)
{
    uint8_t key[32];
    if (r->type != DEMUR_RECORD_ROTATE && r->type != DEMUR_RECORD_CHANNEL)
        return DEMUR_OK;
    if (demur_record_key(r, DEMUR_FIELD_LOG_KEY, key) && !demur_signer_holds(e->signer, key))
        return demur_fail_at(diag, DEMUR_ERR_KEY, 0, 0, "log-key",
                             "the signer does not hold this log key: put a new one into "
                             "log.key.next and restart the server first");
    if (demur_record_key(r, DEMUR_FIELD_SERVER_KEY, key) &&
        memcmp(key, e->server_secrets[0] + 32, 32) != 0 &&
        memcmp(key, e->server_secrets[1] + 32, 32) != 0)
        return demur_fail_at(diag, DEMUR_ERR_KEY, 0, 0, "server-key",
                             "the server does not hold this server key: put a new one into "
                             "server.key.next and restart the server first");
    return DEMUR_OK;
}

static void latest_find(struct demur_engine *e, struct demur_append *a, uint64_t now)
{
    struct demur_dissent_info info;
    struct span id = demur_record_get(&a->record, DEMUR_FIELD_DISSENT);
    if (a->diag.code != DEMUR_ERR_STALE || !id.p ||
        !demur_channel_dissent_find(e->channel, id, now, &info))
        return;
    a->has_latest = true;
    memcpy(a->latest, info.latest, 32);
}

static enum demur_err fold_one(struct turn *t, struct demur_append *a)
{
    struct demur_store_bytes text = {0};
    enum demur_err err = rotation_check(t->e, &a->record, &a->diag);
    if (!err)
        err = demur_record_text(t->e, &a->record, &text, &a->diag);
    if (!err)
        err = demur_channel_apply(t->e->channel, t->at, &a->record, span_of(text.p, text.len),
                                  a->verdict.verified ? &a->verdict : NULL, &a->diag);
    demur_store_bytes_free(&text);
    if (err)
        a->diag.code = err;
    return err;
}

/* A refusal that may rest on records of this batch is told when those are in the log. */
static void refuse(struct turn *t, struct demur_append *a)
{
    push(t->n ? &t->late : &t->refused, a);
}

/* Sort one record into accepted, again or refused. An error is fatal. */
static enum demur_err sequence_one(struct turn *t, struct demur_append *a, struct demur_diag *diag)
{
    struct demur_blob_ref blobs[DEMUR_RECORD_FIELDS_MAX];
    if (a->state != DEMUR_APPEND_WAITING) {
        push(&t->refused, a);
        return DEMUR_OK;
    }
    if (find_retry(t, a)) {
        push(&t->again, a);
        return DEMUR_OK;
    }
    /* Checked before; but a blob may have been swept or deleted since. */
    if (!demur_blobs_check(t->e, a, true)) {
        refuse(t, a);
        return DEMUR_OK;
    }
    if (fold_one(t, a)) {
        a->state = DEMUR_APPEND_REFUSED;
        latest_find(t->e, a, t->at);
        refuse(t, a);
        return DEMUR_OK;
    }
    uint64_t index = t->first + t->n;
    t->accepted[t->n++] = a;
    size_t n = demur_record_blobs(&a->record, blobs, DEMUR_COUNT(blobs));
    for (size_t i = 0; i < n; i++) {
        struct demur_store_ref ref = {.entry = index};
        memcpy(ref.blob, blobs[i].hash, 32);
        if (!demur_list_add(&t->refs, &ref, sizeof ref))
            return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    }
    return demur_engine_note(t->e, &a->record, index, t->at, diag);
}

static enum demur_err entries_build(struct turn *t, struct demur_diag *diag)
{
    size_t total = 0;
    for (size_t i = 0; i < t->n; i++)
        total += t->accepted[i]->text.len + 32;
    t->entries = calloc(t->n, sizeof *t->entries);
    t->bytes = malloc(total);
    if (!t->entries || !t->bytes)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    struct buf all = buf_over(t->bytes, total);
    for (size_t i = 0; i < t->n; i++) {
        struct demur_store_entry *entry = &t->entries[i];
        size_t start = all.len;
        demur_entry_write(&all, t->at, t->accepted[i]->text);
        entry->bytes = span_of(all.p + start, all.len - start);
        demur_merkle_leaf(entry->leaf, entry->bytes);
        memcpy(entry->record, t->accepted[i]->hash, 32);
        if (!demur_list_add(&t->leaves, entry->leaf, 32))
            return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    }
    return buf_ok(&all) ? DEMUR_OK : demur_fail(diag, DEMUR_ERR_LIMIT, "an entry is too long");
}

/* Step 1: entries, tiles and the proposed root in one durable transaction. */
static enum demur_err store_commit(struct turn *t, struct demur_growth *growth,
                                   struct demur_diag *diag)
{
    struct demur_tile_write write;
    struct demur_list tiles = {0};
    /* For whoever copies the store's files: the newest checkpoint there is. */
    struct demur_published published;
    demur_engine_published(t->e, &published);
    struct demur_store_kv kept = {span_lit(DEMUR_STORE_CHECKPOINT),
                                  span_of(published.text, published.text_len)};
    enum demur_err err = DEMUR_OK;
    while (!err && demur_growth_next(growth, &write)) {
        struct demur_store_tile tile = {(uint8_t)write.tile.level, write.tile.index, write.bytes};
        if (!demur_list_add(&tiles, &tile, sizeof tile))
            err = demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    }
    if (!err) {
        struct demur_store_batch batch = {
            .before = {.size = t->first},
            .after = {.size = t->first + t->n},
            .entries = t->entries,
            .n_entries = t->n,
            .tiles = tiles.items,
            .n_tiles = tiles.len,
            .kvs = &kept,
            .n_kvs = published.size > 0,
            .refs = t->refs.items,
            .n_refs = t->refs.len,
        };
        demur_frontier_root(&t->e->edge.frontier, batch.before.root);
        demur_frontier_root(&growth->frontier, batch.after.root);
        err = demur_store_append(t->e->store, &batch, diag);
    }
    demur_list_free(&tiles);
    return err;
}

static enum demur_err grow(struct turn *t, struct demur_diag *diag)
{
    struct demur_growth growth;
    size_t space = demur_growth_space(t->first, t->first + t->n);
    uint8_t *work = space == SIZE_MAX ? NULL : malloc(space);
    if (!work)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    enum demur_err err =
        demur_growth_init(&growth, &t->e->edge, t->leaves.items, t->n, work, space, diag);
    if (!err)
        err = store_commit(t, &growth, diag);
    if (!err)
        demur_edge_advance(&t->e->edge, &growth);
    const uint8_t(*leaves)[32] = t->leaves.items;
    for (size_t i = 0; i < t->n && !err; i++)
        demur_nodes_grow(t->e->nodes, t->first + i, leaves[i]);
    free(work);
    return err;
}

static enum demur_err steps(struct turn *t, struct demur_diag *diag)
{
    struct demur_published published;
    uint8_t root[32];
    reach(t->e, DEMUR_POINT_FOLDED);
    enum demur_err err = entries_build(t, diag);
    if (!err)
        err = grow(t, diag);
    if (err)
        return err;
    reach(t->e, DEMUR_POINT_COMMITTED);
    demur_frontier_root(&t->e->edge.frontier, root);
    err = demur_engine_sign(t->e, t->e->edge.frontier.size, root, &published, diag);
    if (err)
        return err;
    reach(t->e, DEMUR_POINT_SIGNED);
    demur_engine_publish(t->e, &published);
    reach(t->e, DEMUR_POINT_PUBLISHED);
    return DEMUR_OK;
}

static uint64_t answer_all(struct demur_append *list)
{
    uint64_t n = 0;
    for (struct demur_append *a = list, *next; a; a = next, n++) {
        next = a->next; /* whoever is answered may free it */
        a->answer(a);
    }
    return n;
}

/* Answer all but the refused, who had theirs: accepted, or that nobody knows. How many of
 * them were refused. */
static uint64_t rest_answer(struct turn *t, struct demur_append *unseen,
                            enum demur_append_state state)
{
    for (size_t i = 0; i < t->n; i++) {
        t->accepted[i]->index = t->first + i;
        t->accepted[i]->at = t->at;
        t->accepted[i]->state = state;
        t->accepted[i]->answer(t->accepted[i]);
    }
    for (struct demur_append *a = t->again; a; a = a->next)
        a->state = state;
    for (struct demur_append *a = unseen; a; a = a->next)
        a->state = state;
    for (struct demur_append *a = t->late; a; a = a->next)
        a->state = state == DEMUR_APPEND_ACCEPTED ? a->state : state;
    answer_all(t->again);
    answer_all(unseen);
    return answer_all(t->late);
}

enum demur_err demur_engine_commit(struct demur_engine *e, struct demur_append *batch,
                                   struct demur_diag *diag)
{
    struct turn t = {.e = e, .accepted = e->accepted};
    enum demur_err err = DEMUR_OK;
    uint64_t started = demur_now_us();
    demur_engine_verify(e, batch); /* nobody but this thread writes the fold */
    pthread_rwlock_wrlock(&e->lock);
    t.at = demur_engine_now(e);
    t.first = e->edge.frontier.size;
    pthread_rwlock_wrlock(&e->fold_lock);
    while (batch && !err) {
        struct demur_append *a = batch;
        batch = a->next;
        err = sequence_one(&t, a, diag);
    }
    pthread_rwlock_unlock(&e->fold_lock);
    uint64_t refused = answer_all(t.refused);
    if (!err && t.n)
        err = steps(&t, diag);
    if (err) {
        pthread_rwlock_wrlock(&e->fold_lock);
        e->failed = true;
        pthread_rwlock_unlock(&e->fold_lock);
    }
    pthread_rwlock_unlock(&e->lock);
    uint64_t commit_us = demur_now_us() - started;
    refused += rest_answer(&t, batch, err ? DEMUR_APPEND_UNKNOWN : DEMUR_APPEND_ACCEPTED);
    e->figures = (struct demur_commit_figures){t.n, refused, commit_us};
    demur_list_free(&t.leaves);
    demur_list_free(&t.refs);
    free(t.entries);
    free(t.bytes);
    return err;
}
