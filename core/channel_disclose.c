/* Who owns to a signature: disclose. */
#include "channel_state.h"

/* The fold cannot know whose a tag is. But a member has one signature on a revision, so the
 * first that they call theirs is the only one. */
void channel_disclosure_key(uint8_t out[static 32], const struct demur_channel *c,
                            const struct disclosure *d)
{
    uint8_t text[64];
    struct buf b = buf_over(text, sizeof text);
    buf_put_u64(&b, c->tags[d->signature].dissent);
    buf_put_byte(&b, ' ');
    buf_put_u64(&b, c->tags[d->signature].revision);
    buf_put_byte(&b, ' ');
    buf_put_u64(&b, d->member);
    channel_key_of(out, buf_span(&b));
}

static bool same_revision(const struct demur_channel *c, const struct disclosure *a,
                          const struct disclosure *b)
{
    const struct signer_tag *one = &c->tags[a->signature], *other = &c->tags[b->signature];
    return a->member == b->member && one->dissent == other->dissent &&
           one->revision == other->revision;
}

/* What the same member disclosed on the same revision, or NULL. */
static struct disclosure *find(const struct demur_channel *c, const struct disclosure *like)
{
    uint8_t key[32];
    channel_disclosure_key(key, c, like);
    struct demur_probe p = demur_index_probe(&c->by.disclosures, key);
    while (demur_index_next(&c->by.disclosures, &p))
        if (same_revision(c, &c->disclosures[p.item], like))
            return &c->disclosures[p.item];
    return NULL;
}

/* By the member, whatever key they have now: another key is not another count. */
static enum demur_err find_member(const struct applying *a, uint32_t *place)
{
    const struct member *m = channel_identity_owner(a->c, a->by);
    if (!m || memcmp(m->key, a->by, 32) != 0)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "by",
                             "only a member may disclose a signature");
    *place = (uint32_t)(m - a->c->members);
    return DEMUR_OK;
}

static enum demur_err check_bounds(const struct applying *a, const struct disclosure *new,
                                   const struct disclosure *known)
{
    struct demur_blob_ref card;
    demur_record_blob(a->r, DEMUR_FIELD_CARD, 0, &card);
    if (card.size > CARD_MAX)
        return demur_fail_at(a->diag, DEMUR_ERR_LIMIT, 0, 0, "card",
                             "a name card has at most %u bytes", CARD_MAX);
    if (known && known->times && known->signature != new->signature)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "tag",
                             "this member has disclosed another signature on this revision, and a "
                             "member has only one");
    if (known && known->times >= DISCLOSURES_MAX)
        return demur_fail_at(a->diag, DEMUR_ERR_LIMIT, 0, 0, "tag",
                             "this member has disclosed this signature %d times, and may no more: "
                             "give whoever has no card a proof of authorship",
                             DISCLOSURES_MAX);
    return DEMUR_OK;
}

static enum demur_err room(struct applying *a, struct dissent *d)
{
    struct demur_channel *c = a->c;
    return demur_grow(&d->events, &d->events_cap, (size_t)d->events_len + 1, sizeof *d->events) &&
                   demur_index_reserve(&c->by.disclosures, 1) &&
                   demur_grow(&c->disclosures, &c->disclosures_cap, (size_t)c->disclosures_len + 1,
                              sizeof *c->disclosures)
               ? DEMUR_OK
               : demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
}

void channel_disclosures_forget(struct demur_channel *c, uint32_t member)
{
    for (uint32_t i = 0; i < c->disclosures_len; i++)
        if (c->disclosures[i].member == member)
            c->disclosures[i].times = 0;
}

enum demur_err channel_apply_disclose(struct applying *a)
{
    struct demur_channel *c = a->c;
    uint8_t tag[32], key[32];
    struct disclosure new = {.times = 1};
    struct dissent *d = channel_dissent_by(c, channel_field(a, DEMUR_FIELD_DISSENT));
    if (!d)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "dissent",
                             "there is no such dissent");
    enum demur_err err = find_member(a, &new.member);
    if (!err && d->withdrawn && !d->filed)
        err =
            demur_fail(a->diag, DEMUR_ERR_STAGE, "this dissent was withdrawn before it was filed");
    if (err)
        return err;
    demur_record_key(a->r, DEMUR_FIELD_TAG, tag);
    const struct signer_tag *signature = channel_signature_by(a, d, tag);
    if (!signature || signature->taken_back)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "tag",
                             "this revision has no such signature");
    new.signature = (uint32_t)(signature - c->tags);
    struct disclosure *known = find(c, &new);
    if ((err = check_bounds(a, &new, known)) || (err = room(a, d)))
        return err;
    if (known) {
        known = find(c, &new); /* `room` may have moved it */
        known->signature = new.signature;
        known->times++;
    } else {
        channel_disclosure_key(key, c, &new);
        demur_index_put(&c->by.disclosures, key, c->disclosures_len);
        c->disclosures[c->disclosures_len++] = new;
    }
    channel_case_event(a, d, -1, -1, DEMUR_FIELD_CARD);
    return DEMUR_OK;
}
