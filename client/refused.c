/* Entries that the operator let into the log though the rules refuse them: kept so that
 * others see it for themselves. docs/formats/evidence.md. */
#include <stdlib.h>

#include "../core/tile.h"
#include "internal.h"

/* What others need to see for themselves that the rules refuse an entry: the log up to
 * it, the texts that are in force in it, and that the head holds just that. */
struct showing {
    struct demur_client *c;
    uint64_t index;
    struct buf log;
    struct demur_bytes texts[EVIDENCE_TEXTS_MAX];
    size_t texts_len;
    struct evidence_part parts[EVIDENCE_TEXTS_MAX + 6];
    size_t n;
};

static void show_part(struct showing *s, enum evidence_name name, struct span bytes)
{
    s->parts[s->n++] = (struct evidence_part){name, bytes};
}

/* False when it has more texts than fit. What the rules ask for is in the copy. */
static bool show_text(struct showing *s, struct span entry)
{
    uint64_t at;
    struct span record;
    struct demur_blob_ref blob;
    struct demur_record *r = s->c->record;
    if (demur_entry_parse(&at, &record, entry, NULL) != DEMUR_OK ||
        demur_record_parse(r, record, NULL) != DEMUR_OK ||
        (r->type != DEMUR_RECORD_POLICY && r->type != DEMUR_RECORD_CALENDAR))
        return true;
    demur_record_blob(r, DEMUR_FIELD_TEXT, 0, &blob);
    if (s->texts_len == EVIDENCE_TEXTS_MAX)
        return false;
    if (!blob_kept(s->c, &blob, &s->texts[s->texts_len]))
        return true;
    show_part(s, EVIDENCE_TEXT, demur_bytes_span(&s->texts[s->texts_len++]));
    return true;
}

static bool show_log(struct showing *s)
{
    bool whole = true;
    for (uint64_t i = 0; whole && i <= s->index; i += DEMUR_TILE_WIDTH) {
        struct demur_bytes bundle = {0};
        whole = entries_read(s->c, i / DEMUR_TILE_WIDTH, &bundle, NULL) == DEMUR_OK;
        struct span rest = demur_bytes_span(&bundle), entry;
        for (uint64_t k = i; whole && k <= s->index && k < i + DEMUR_TILE_WIDTH; k++) {
            whole = demur_bundle_next(&rest, &entry) && show_text(s, entry);
            if (whole)
                demur_bundle_put(&s->log, entry);
        }
        demur_bytes_free(&bundle);
        whole = whole && buf_ok(&s->log);
    }
    return whole;
}

static void keep_refused(struct demur_client *c, const struct refused *r, const char *name,
                         struct span entry)
{
    char text[DEMUR_FINDING_TEXT];
    uint8_t bytes[HISTORY_PROOF_MAX];
    struct buf prefix = buf_over(bytes, sizeof bytes);
    struct history log = {0};
    struct showing *s = calloc(1, sizeof *s);
    struct evidence_part plain[] = {{EVIDENCE_ENTRY_NOW, entry},
                                    {EVIDENCE_CHECKPOINT_NOW, c->head}};
    snprintf(text, sizeof text,
             "the operator put entry %llu into the log, which the rules of the channel refuse: "
             "%.120s",
             (unsigned long long)r->index, r->why);
    if (!s) {
        evidence_keep(c, "refused-entry", name, text, plain, 2);
        return;
    }
    *s = (struct showing){.c = c, .index = r->index};
    show_part(s, EVIDENCE_ENTRY_NOW, entry);
    show_part(s, EVIDENCE_CHECKPOINT_NOW, c->head);
    /* One of them shows what the operator does; ten thousand would fill the disk. */
    if (!evidence_of(c, "refused-entry"))
        s->log = heap_buf(EVIDENCE_LOG_MAX);
    if (s->log.p && show_log(s) && !history_read(&log, c, c->size, NULL) &&
        history_prefix(&log, r->index + 1, &prefix)) {
        show_part(s, EVIDENCE_LOG, buf_span(&s->log));
        show_part(s, EVIDENCE_PREFIX, buf_span(&prefix));
        show_part(s, EVIDENCE_KEYS, demur_bytes_span(&log.keys));
    } else {
        s->n = 2;
    }
    evidence_keep(c, "refused-entry", name, text, s->parts, s->n);
    for (size_t i = 0; i < s->texts_len; i++)
        demur_bytes_free(&s->texts[i]);
    heap_buf_free(&s->log);
    history_free(&log);
    free(s);
}

enum demur_err fold_evidence(struct demur_client *c, struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; !err && i < c->refused_len; i++) {
        const struct refused *r = &c->refused[i];
        struct demur_bytes entry = {0};
        char name[48];
        snprintf(name, sizeof name, "refused-entry-%llu", (unsigned long long)r->index);
        if (evidence_kept(c, name))
            continue;
        err = demur_client_entry(c, r->index, &entry, diag);
        if (!err)
            keep_refused(c, r, name, demur_bytes_span(&entry));
        demur_bytes_free(&entry);
    }
    c->refused_len = 0;
    return err;
}
