/* folding.c - entries from the store into the channel. See engine.h. */
#include "engine.h"
#include "journal.h"

#define AHEAD 32

struct waiting {
    uint64_t index, at;
    size_t offset, len; /* in `bytes` */
    enum demur_err err; /* of parsing */
    struct demur_record record;
    struct demur_verdict verdict;
};

struct demur_folding_ahead {
    struct waiting entries[AHEAD];
    size_t n, used;
    uint8_t bytes[4 * DEMUR_STORE_ENTRY_MAX];
};

static struct span bytes_of(const struct demur_folding_ahead *a, const struct waiting *w)
{
    return span_of(a->bytes + w->offset, w->len);
}

/* Only what rests on nothing in the channel: it is behind by the entries that wait. A
 * refusal is the fold's to make. */
static void verify(struct demur_folding_ahead *a)
{
    struct demur_verify_item items[AHEAD];
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++) {
        struct waiting *w = &a->entries[i];
        if (!w->err && demur_channel_verify_alone(&w->record))
            items[n++] = (struct demur_verify_item){.record = &w->record, .verdict = &w->verdict};
    }
    demur_channel_verify_many(NULL, items, n);
}

static void tell(struct demur_folding *f, uint64_t index)
{
    if (f->quiet || time(NULL) <= f->told_s + 2)
        return;
    f->told_s = time(NULL);
    demur_journal("folded %llu of %llu entries", (unsigned long long)index + 1,
                  (unsigned long long)f->size);
}

/* What the fold refuses is without effect, counted by it, and evidence for readers. */
static enum demur_err fold(struct demur_folding *f, const struct waiting *w)
{
    struct demur_engine *e = f->engine;
    struct demur_store_bytes text = {0};
    struct demur_diag refusal = {0};
    enum demur_err err = w->err ? DEMUR_OK : demur_record_text(e, &w->record, &text, f->diag);
    if (err)
        return err;
    enum demur_err refused =
        w->err ? w->err
               : demur_channel_apply(e->channel, w->at, &w->record, span_of(text.p, text.len),
                                     &w->verdict, &refusal);
    demur_store_bytes_free(&text);
    if (refused == DEMUR_ERR_MEMORY || refused == DEMUR_ERR_TEXT)
        return demur_fail(f->diag, refused, "entry %llu cannot be folded: %s",
                          (unsigned long long)w->index, refusal.text);
    if (refused)
        demur_channel_skip(e->channel, w->at, bytes_of(f->ahead, w));
    else
        err = demur_engine_note(e, &w->record, w->index, w->at, f->diag);
    tell(f, w->index);
    return err;
}

enum demur_err demur_folding_end(struct demur_folding *f)
{
    struct demur_folding_ahead *a = f->ahead;
    enum demur_err err = DEMUR_OK;
    if (!a)
        return DEMUR_OK;
    verify(a);
    for (size_t i = 0; i < a->n && !err; i++)
        err = fold(f, &a->entries[i]);
    a->n = a->used = 0;
    return err;
}

static void keep(struct demur_folding_ahead *a, uint64_t index, struct span entry)
{
    struct waiting *w = &a->entries[a->n++];
    struct span record;
    memcpy(a->bytes + a->used, entry.p, entry.len);
    w->index = index;
    w->at = 0;
    w->offset = a->used;
    w->len = entry.len;
    w->verdict.verified = false;
    a->used += entry.len;
    w->err = demur_entry_parse(&w->at, &record, bytes_of(a, w), NULL);
    if (!w->err)
        w->err = demur_record_parse(&w->record, record, NULL);
}

enum demur_err demur_folding_entry(void *ctx, uint64_t index, const uint8_t leaf[static 32],
                                   struct span bytes)
{
    struct demur_folding *f = ctx;
    uint8_t computed[32];
    demur_merkle_leaf(computed, bytes);
    if (memcmp(computed, leaf, 32) != 0 || bytes.len > DEMUR_STORE_ENTRY_MAX)
        return demur_fail(f->diag, DEMUR_ERR_VERIFY, "entry %llu of the store is damaged",
                          (unsigned long long)index);
    if (!demur_frontier_append(&f->frontier, computed))
        return demur_fail(f->diag, DEMUR_ERR_LIMIT, "the log is too long");
    if (!f->ahead && !(f->ahead = calloc(1, sizeof *f->ahead)))
        return demur_fail(f->diag, DEMUR_ERR_MEMORY, "out of memory");
    enum demur_err err = DEMUR_OK;
    if (f->ahead->n == AHEAD || sizeof f->ahead->bytes - f->ahead->used < bytes.len)
        err = demur_folding_end(f);
    if (!err)
        keep(f->ahead, index, bytes);
    return err;
}

void demur_folding_free(struct demur_folding *f)
{
    free(f->ahead);
    f->ahead = NULL;
}
