/* Who holds which role by whose word: after the root key was replaced, which was perhaps
 * stolen, its owner has to know what rests on it. */
#include <stdlib.h>

#include "../core/encode.h"
#include "../core/table.h"
#include "../core/tile.h"
#include "internal.h"

struct granting {
    uint8_t holder[32];
    struct demur_granted g;
};

/* Every grant that was ever accepted, and every root, in the order of the log. */
struct granted_list {
    struct demur_client *c;
    struct granting *all;
    size_t len, cap;
    uint8_t (*roots)[32];
    size_t roots_len, roots_cap;
};

static enum demur_err take_root(struct granted_list *l, struct demur_diag *diag)
{
    uint8_t key[32];
    if (!demur_record_key(l->c->record, DEMUR_FIELD_ROOT_KEY, key))
        return DEMUR_OK;
    if (!demur_grow(&l->roots, &l->roots_cap, l->roots_len + 1, sizeof *l->roots))
        return no_memory(diag);
    memcpy(l->roots[l->roots_len++], key, 32);
    return DEMUR_OK;
}

static void put_card(struct demur_granted *g, const uint8_t holder[static 32],
                     struct span recipient)
{
    struct buf b = buf_over(g->officer, sizeof g->officer - 1);
    buf_put_str(&b, "demur-officer1:");
    demur_base64_encode(&b, span_of(holder, 32));
    buf_put_byte(&b, ':');
    buf_put_span(&b, recipient);
}

static enum demur_err take_grant(struct granted_list *l, uint64_t index, uint64_t at,
                                 struct demur_diag *diag)
{
    const struct demur_record *r = l->c->record;
    struct granting n = {.g = {.index = index, .at = at}};
    if (!span_eq_str(demur_record_get(r, DEMUR_FIELD_CHANGE), "holds"))
        return DEMUR_OK;
    if (!demur_grow(&l->all, &l->cap, l->len + 1, sizeof n))
        return no_memory(diag);
    demur_record_key(r, DEMUR_FIELD_HOLDER, n.holder);
    demur_record_key(r, DEMUR_FIELD_BY, n.g.by);
    (void)copy_text(n.g.role, sizeof n.g.role, demur_record_get(r, DEMUR_FIELD_ROLE));
    (void)copy_text(n.g.attribute, sizeof n.g.attribute, demur_record_get(r, DEMUR_FIELD_FOR));
    put_card(&n.g, n.holder, demur_record_get(r, DEMUR_FIELD_RECIPIENT));
    l->all[l->len++] = n;
    return DEMUR_OK;
}

static enum demur_err take_record(struct granted_list *l, uint64_t index, struct span entry,
                                  struct demur_diag *diag)
{
    uint64_t at;
    struct span record;
    if (demur_entry_parse(&at, &record, entry, NULL) != DEMUR_OK ||
        !(span_starts(record, "demur role ") || span_starts(record, "demur rotate ") ||
          span_starts(record, "demur channel ")) ||
        demur_record_parse(l->c->record, record, NULL) != DEMUR_OK)
        return DEMUR_OK;
    return l->c->record->type == DEMUR_RECORD_ROLE ? take_grant(l, index, at, diag)
                                                   : take_root(l, diag);
}

static enum demur_err take_all(struct granted_list *l, struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    for (uint64_t i = 0; !err && i < l->c->size;) {
        struct demur_bytes bundle = {0};
        struct span rest, entry;
        uint64_t first = i;
        err = entries_read(l->c, i / DEMUR_TILE_WIDTH, &bundle, diag);
        rest = demur_bytes_span(&bundle);
        for (; !err && i < l->c->size && demur_bundle_next(&rest, &entry); i++)
            err = take_record(l, i, entry, diag);
        if (!err && i == first)
            err = demur_fail(diag, DEMUR_ERR_IO, "the copy's entries cannot be read again");
        demur_bytes_free(&bundle);
    }
    return err;
}

/* By whom, and does it rest on a root that was replaced? An officer's word rests on what the
 * officer was granted last before. */
static void judge(const struct granted_list *l, size_t i)
{
    struct demur_granted *g = &l->all[i].g;
    uint8_t root[32];
    demur_channel_root_key(l->c->channel, root);
    if (memcmp(g->by, root, 32) == 0) {
        g->granter = DEMUR_GRANTED_BY_ROOT;
        return;
    }
    g->granter = DEMUR_GRANTED_BY_OFFICER;
    for (size_t k = 0; k < l->roots_len; k++)
        if (memcmp(g->by, l->roots[k], 32) == 0)
            g->granter = DEMUR_GRANTED_BY_REPLACED_ROOT;
    g->replaced = g->granter == DEMUR_GRANTED_BY_REPLACED_ROOT;
    for (size_t k = i; g->granter == DEMUR_GRANTED_BY_OFFICER && k-- > 0;)
        if (memcmp(l->all[k].holder, g->by, 32) == 0) {
            g->replaced = l->all[k].g.replaced;
            return;
        }
}

static bool in_force(const struct granted_list *l, struct granting *n)
{
    struct demur_holder h;
    uint64_t now = demur_client_view_time(l->c);
    for (size_t i = 0; demur_channel_holder(l->c->channel, span_str(n->g.role), now, i, &h); i++)
        if (h.granted_index == n->g.index) {
            n->g.acting = h.acting;
            return true;
        }
    return false;
}

enum demur_err demur_client_grants(struct demur_client *client, struct demur_granted **out,
                                   size_t *len, struct demur_diag *diag)
{
    struct granted_list l = {.c = client};
    struct demur_granted *list = NULL;
    size_t n = 0;
    enum demur_err err = take_all(&l, diag);
    if (!err && !(list = calloc(l.len + 1, sizeof *list)))
        err = no_memory(diag);
    for (size_t i = 0; !err && i < l.len; i++) {
        judge(&l, i);
        if (in_force(&l, &l.all[i]))
            list[n++] = l.all[i].g;
    }
    free(l.all);
    free(l.roots);
    *out = list;
    *len = n;
    return err;
}
