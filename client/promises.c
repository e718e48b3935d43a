/* What receipts promise: this entry stands there, and the log has this root then.
 *
 * A receipt may come before the copy has grown so far, in this run of the program or in
 * an earlier one: what the copy has not come up to is read back from the receipts kept
 * beside it. While it grows, the log is held to each. */
#include <stdlib.h>

#include "../core/receipt.h"
#include "../core/table.h"
#include "internal.h"

static enum demur_err add(struct demur_client *c, uint64_t size, bool root,
                          const uint8_t hash[static 32], const char *path, struct demur_diag *diag)
{
    struct promise p = {.size = size, .root = root, .receipt = strdup(path)};
    memcpy(p.hash, hash, 32);
    if (!p.receipt || !demur_grow(&c->promises, &c->promises_cap, c->promises_len + 1, sizeof p)) {
        free(p.receipt);
        return no_memory(diag);
    }
    c->promises[c->promises_len++] = p;
    return DEMUR_OK;
}

/* Does the copy, which has come so far, keep it? */
static enum demur_err kept(struct demur_client *c, const struct promise *p, bool *keeps,
                           struct demur_diag *diag)
{
    uint8_t hash[32];
    struct demur_bytes entry = {0};
    enum demur_err err;
    if (p->root) {
        err = entries_root(c, p->size, hash, diag);
    } else if (!(err = demur_client_entry(c, p->size, &entry, diag))) {
        demur_merkle_leaf(hash, demur_bytes_span(&entry));
        demur_bytes_free(&entry);
    }
    *keeps = !err && memcmp(hash, p->hash, 32) == 0;
    return err;
}

static uint64_t size_of(struct span checkpoint)
{
    struct demur_checkpoint head = {0};
    struct demur_note *note = malloc(sizeof *note);
    if (!note || demur_note_parse(note, checkpoint, NULL) != DEMUR_OK ||
        demur_checkpoint_parse_text(&head, note->text, NULL) != DEMUR_OK)
        head.size = 0;
    free(note);
    return head.size;
}

/* The receipt, what is shown now, and the proof that the two cannot both be. An author may
 * have put the receipt elsewhere: then that is where it is to be had. */
static void keep_broken(struct demur_client *c, const struct promise *p, const char *name,
                        const char *text, struct span receipt, struct span entry,
                        struct span checkpoint)
{
    uint8_t bytes[HISTORY_PROOF_MAX];
    struct buf proof = buf_over(bytes, sizeof bytes);
    struct history now = {0};
    struct evidence_part parts[5] = {{EVIDENCE_CHECKPOINT_NOW, checkpoint}};
    size_t n = 1;
    if (entry.p)
        parts[n++] = (struct evidence_part){EVIDENCE_ENTRY_NOW, entry};
    if (receipt.p)
        parts[n++] = (struct evidence_part){EVIDENCE_RECEIPT, receipt};
    uint64_t size = size_of(checkpoint);
    if (receipt.p && p->size <= size && !history_read(&now, c, size, NULL) &&
        (p->root ? history_prefix(&now, p->size, &proof) : history_leaf(&now, p->size, &proof))) {
        if (!p->root || p->size < size)
            parts[n++] =
                (struct evidence_part){p->root ? EVIDENCE_PREFIX : EVIDENCE_LEAF, buf_span(&proof)};
        parts[n++] = (struct evidence_part){EVIDENCE_KEYS, demur_bytes_span(&now.keys)};
    }
    evidence_keep(c, "broken-receipt", name, text, parts, n);
    history_free(&now);
}

void promise_broken(struct demur_client *c, const struct promise *p, struct span receipt,
                    struct span entry, struct span checkpoint, char text[static DEMUR_FINDING_TEXT])
{
    struct demur_bytes file = {0};
    char name[80], hex[65];
    uint8_t key[32];
    const char *doubt = "";
    if (!receipt.p && demur_path_read(p->receipt, DEMUR_RECEIPT_MAX, &file, NULL) == DEMUR_OK)
        receipt = demur_bytes_span(&file);
    if (receipt.p && receipt_log_key(key, receipt, c->options.channel, NULL, NULL) == DEMUR_OK)
        doubt = receipt_doubt(c, key);
    hex_text(hex, p->hash);
    snprintf(name, sizeof name, "broken-receipt-%llu-%.16s", (unsigned long long)p->size, hex);
    if (p->root)
        snprintf(text, DEMUR_FINDING_TEXT,
                 "the log signed two different histories of its first %llu entries: one in a "
                 "receipt that it gave, and the one that it shows now%s",
                 (unsigned long long)p->size, doubt);
    else
        snprintf(text, DEMUR_FINDING_TEXT,
                 "the log gave a receipt for entry %llu and holds another entry there now: what "
                 "was in the log was taken out or changed%s",
                 (unsigned long long)p->size, doubt);
    if (!evidence_kept(c, name))
        keep_broken(c, p, name, text, receipt, entry, checkpoint);
    demur_bytes_free(&file);
}

static enum demur_err hold_now(struct demur_client *c, const struct promise *p,
                               struct demur_diag *diag)
{
    bool keeps;
    char text[DEMUR_FINDING_TEXT];
    struct demur_bytes entry = {0};
    enum demur_err err = kept(c, p, &keeps, diag);
    if (err || keeps)
        return err;
    if (!p->root && (err = demur_client_entry(c, p->size, &entry, diag)))
        return err;
    promise_broken(c, p, span_of(NULL, 0), demur_bytes_span(&entry),
                   demur_bytes_span(&c->checkpoint), text);
    demur_bytes_free(&entry);
    return demur_fail(diag, DEMUR_ERR_VERIFY, "%.180s; it is kept in %.60s/evidence", text,
                      c->data);
}

enum demur_err promise_take(struct demur_client *c, const struct demur_receipt_report *report,
                            const char *path, struct demur_diag *diag)
{
    char own[PATH_LEN];
    struct promise entry = {.size = report->index, .receipt = own},
                   head = {.size = report->size, .root = true, .receipt = own};
    (void)copy_text(own, sizeof own, span_str(path));
    memcpy(entry.hash, report->leaf, 32);
    memcpy(head.hash, report->root, 32);
    enum demur_err err = entry.size < c->size ? hold_now(c, &entry, diag)
                                              : add(c, entry.size, false, entry.hash, path, diag);
    if (err)
        return err;
    return head.size <= c->size ? hold_now(c, &head, diag)
                                : add(c, head.size, true, head.hash, path, diag);
}

/* ---- those of earlier runs ---- */

struct kept {
    const char *data;
    bool (*each)(void *ctx, const char *path);
    void *ctx;
};

static bool kept_one(void *ctx, const char *name)
{
    const struct kept *k = ctx;
    char path[PATH_LEN];
    int n = snprintf(path, sizeof path, "%s/receipts/%s", k->data, name);
    return n < 0 || n >= PATH_LEN || k->each(k->ctx, path);
}

enum demur_err demur_receipts_kept(const char *data, bool (*each)(void *ctx, const char *path),
                                   void *ctx, struct demur_diag *diag)
{
    char folder[PATH_LEN];
    struct kept k = {data, each, ctx};
    return path_join(folder, data, "receipts")
               ? path_list(folder, kept_one, &k, diag)
               : demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the copy's folder is too long");
}

struct loading {
    struct demur_client *c;
    struct demur_diag *diag;
    enum demur_err err;
};

/* Receipts are named by their entry, so that those which the copy was held to long ago
 * need not be read; any other name may stand for anything. */
static bool is_news(const struct demur_client *c, const char *name)
{
    uint64_t index = 0;
    size_t digits = strspn(name, "0123456789");
    for (size_t i = 0; i < digits; i++)
        index = index * 10 + (uint64_t)(name[i] - '0');
    return digits != 12 || name[digits] != '-' || index >= c->size;
}

static bool load_one(void *ctx, const char *path)
{
    struct loading *l = ctx;
    struct demur_client *c = l->c;
    struct demur_bytes text = {0};
    struct demur_receipt_report report;
    if (!is_news(c, strrchr(path, '/') + 1) ||
        demur_path_read(path, DEMUR_RECEIPT_MAX, &text, NULL) != DEMUR_OK)
        return true;
    /* One that is damaged, or of another channel, promises nothing: an audit says so. */
    enum demur_err err =
        demur_receipt_check(&report, demur_bytes_span(&text), c->options.channel, l->diag);
    demur_bytes_free(&text);
    if (err)
        return true;
    if (report.index >= c->size)
        l->err = add(c, report.index, false, report.leaf, path, l->diag);
    if (!l->err && report.size > c->size)
        l->err = add(c, report.size, true, report.root, path, l->diag);
    demur_receipt_report_free(&report);
    return !l->err;
}

enum demur_err promises_load(struct demur_client *c, struct demur_diag *diag)
{
    struct loading l = {.c = c, .diag = diag};
    enum demur_err err = demur_receipts_kept(c->data, load_one, &l, diag);
    return err ? err : l.err;
}

/* ---- while the copy grows ---- */

static int by_size(const void *a, const void *b)
{
    const struct promise *x = a, *y = b;
    return x->size < y->size ? -1 : x->size > y->size;
}

void promises_sort(struct demur_client *c)
{
    if (c->promises_len)
        qsort(c->promises, c->promises_len, sizeof *c->promises, by_size);
}

void promises_kept(struct demur_client *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->promises_len; i++) {
        struct promise *p = &c->promises[i];
        if (p->root ? p->size <= c->size : p->size < c->size)
            free(p->receipt);
        else
            c->promises[n++] = *p;
    }
    c->promises_len = n;
}

uint64_t promises_size(const struct demur_client *c)
{
    uint64_t size = 0;
    for (size_t i = 0; i < c->promises_len; i++)
        if (c->promises[i].root && c->promises[i].size > size)
            size = c->promises[i].size;
    return size;
}

bool demur_client_promised(const struct demur_client *client) { return client->promises_len > 0; }

void promises_free(struct demur_client *c)
{
    for (size_t i = 0; i < c->promises_len; i++)
        free(c->promises[i].receipt);
    free(c->promises);
}
