/* Who holds which role by whose word: after the root key was replaced, which was perhaps
 * stolen, its owner has to know what rests on it. */
#include <stdlib.h>

#include "../core/encode.h"
#include "../core/policy.h"
#include "internal.h"

/* One that the fold accepted: what it refused grants nothing and vouches for nobody. */
struct granting {
    struct demur_role_grant grant;
    struct demur_granted g;
};

struct granted_list {
    struct demur_client *c;
    struct granting *all; /* in the order of the log */
    size_t len;
};

static void put_card(struct demur_granted *g, const struct demur_holder *holder)
{
    struct buf b = buf_over(g->officer, sizeof g->officer - 1);
    buf_put_str(&b, "demur-officer1:");
    demur_base64_encode(&b, span_of(holder->key, 32));
    buf_put_byte(&b, ':');
    buf_put_str(&b, holder->recipient);
}

/* When, and by whom, is in its entry. */
static enum demur_err take_entry(struct demur_client *c, struct demur_granted *g,
                                 struct demur_diag *diag)
{
    struct demur_bytes entry = {0};
    struct span record;
    enum demur_err err = demur_client_entry(c, g->index, &entry, diag);
    if (!err)
        err = demur_entry_parse(&g->at, &record, demur_bytes_span(&entry), diag);
    if (!err)
        err = demur_record_parse(c->record, record, diag);
    if (!err)
        demur_record_key(c->record, DEMUR_FIELD_BY, g->by);
    demur_bytes_free(&entry);
    return err;
}

static enum demur_err take_all(struct granted_list *l, struct demur_diag *diag)
{
    struct demur_role_grant one;
    size_t n = 0;
    enum demur_err err = DEMUR_OK;
    while (demur_channel_grant(l->c->channel, n, &one))
        n++;
    if (!(l->all = calloc(n + 1, sizeof *l->all)))
        return no_memory(diag);
    for (; !err && l->len < n; l->len++) {
        struct granting *to = &l->all[l->len];
        const struct demur_holder *h = &to->grant.holder;
        (void)demur_channel_grant(l->c->channel, l->len, &to->grant);
        to->g.index = h->granted_index;
        to->g.acting = h->acting;
        (void)copy_text(to->g.role, sizeof to->g.role, h->role);
        (void)copy_text(to->g.attribute, sizeof to->g.attribute, h->attribute);
        put_card(&to->g, h);
        err = take_entry(l->c, &to->g, diag);
    }
    return err;
}

/* In doubt, in the very second in which it was ended, it counts. */
static bool ran(const struct demur_role_grant *g, uint64_t at)
{
    return g->ended_at >= at && (g->until == 0 || at <= g->until);
}

/* Did `before` let its holder make the grant `g`? */
static bool lets(const struct granted_list *l, const struct granting *before,
                 const struct demur_granted *g)
{
    if (memcmp(before->grant.holder.key, g->by, 32) != 0 || !ran(&before->grant, g->at))
        return false;
    const struct demur_policy *p = demur_channel_policy_before(l->c->channel, g->index);
    return p &&
           demur_policy_may_grant(p, demur_set_of(demur_policy_role(p, span_str(before->g.role))),
                                  demur_policy_role(p, span_str(g->role)));
}

/* By whom, and does it rest on a root that was replaced? An officer's word rests on every
 * grant that let the officer give it; who had none that did was the root then. */
static void judge(const struct granted_list *l, size_t i)
{
    struct demur_granted *g = &l->all[i].g;
    uint8_t root[32];
    demur_channel_root_key(l->c->channel, root);
    if (memcmp(g->by, root, 32) == 0) {
        g->granter = DEMUR_GRANTED_BY_ROOT;
        return;
    }
    g->granter = DEMUR_GRANTED_BY_REPLACED_ROOT;
    for (size_t k = 0; k < i; k++)
        if (lets(l, &l->all[k], g)) {
            g->granter = DEMUR_GRANTED_BY_OFFICER;
            g->replaced |= l->all[k].g.replaced;
        }
    g->replaced |= g->granter == DEMUR_GRANTED_BY_REPLACED_ROOT;
}

enum demur_err demur_client_grants(struct demur_client *client, struct demur_granted **out,
                                   size_t *len, struct demur_diag *diag)
{
    struct granted_list l = {.c = client};
    struct demur_granted *list = NULL;
    size_t n = 0;
    uint64_t now = demur_client_view_time(client);
    enum demur_err err = take_all(&l, diag);
    if (!err && !(list = calloc(l.len + 1, sizeof *list)))
        err = no_memory(diag);
    for (size_t i = 0; !err && i < l.len; i++) {
        judge(&l, i);
        if (l.all[i].grant.ended_at == UINT64_MAX && ran(&l.all[i].grant, now))
            list[n++] = l.all[i].g;
    }
    free(l.all);
    *out = list;
    *len = n;
    return err;
}
