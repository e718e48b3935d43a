/* Among whom the author signs, and which of this month's filing slots is free. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/card.h"
#include "filing.h"

/* ---- rings ---- */

enum demur_err ring_take(const struct demur_client *c, const struct ring_pins *pins,
                         const struct span *subsets, size_t subsets_len, uint8_t (**keys)[32],
                         struct demur_ring *ring, struct demur_diag *diag)
{
    const struct demur_channel *channel = c->channel;
    size_t n = 0;
    enum demur_err err = demur_channel_ring(channel, pins->policy_entry, pins->epoch, pins->roster,
                                            subsets, subsets_len, NULL, 0, &n, diag);
    if (err)
        return err;
    if (n == 0 && subsets_len)
        return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "subset",
                             "no member has what you narrow the ring to: narrow it less");
    if (n < pins->least)
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "ring",
                             "you would sign as one of %zu, and the policy wants %u at least, so "
                             "that nobody is singled out: %s",
                             n, pins->least,
                             subsets_len ? "narrow the ring less"
                                         : "more members have to join first");
    *keys = malloc((n ? n : 1) * 32);
    if (!*keys)
        return no_memory(diag);
    err = demur_channel_ring(channel, pins->policy_entry, pins->epoch, pins->roster, subsets,
                             subsets_len, *keys, n, &n, diag);
    return err ? err : demur_ring_init(ring, (const uint8_t(*)[32]) * keys, n, diag);
}

static enum demur_err take_ring(struct making *m, const struct span *subsets, size_t subsets_len,
                                uint8_t (**keys)[32], struct demur_ring *ring,
                                struct demur_diag *diag)
{
    struct ring_pins pins = {m->policy_entry, m->epoch, m->roster, m->policy->ring_min};
    return ring_take(m->c, &pins, subsets, subsets_len, keys, ring, diag);
}

bool ring_holds(const struct demur_ring *ring, const uint8_t ring_secret[static 32])
{
    uint8_t key[32];
    demur_ring_key_public(key, ring_secret);
    for (size_t i = 0; i < ring->n; i++)
        if (memcmp(ring->keys[i], key, 32) == 0)
            return true;
    return false;
}

static enum demur_err check_member_in(const struct making *m, const struct demur_ring *ring,
                                      struct demur_diag *diag)
{
    if (ring_holds(ring, m->ring_secret))
        return DEMUR_OK;
    if (ring != &m->whole)
        return narrowing_refuse(&m->narrow, m->attributes, m->attributes_len, diag);
    if (!demur_policy_eligible(m->policy, m->attributes, m->attributes_len))
        return demur_fail(
            diag, DEMUR_ERR_FORBIDDEN,
            "the policy does not let you file in this channel: your attributes in the "
            "roster are not those that it asks for");
    if (m->draft->revises)
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                          "the ring that this dissent pinned does not have your key: revise it "
                          "with the identity that opened it");
    return demur_fail(
        diag, DEMUR_ERR_UNKNOWN,
        "the log has no ring key of yours for this month: renew, and you can file from "
        "next month on");
}

/* ---- slots ---- */

static bool slot_tag_of(const struct demur_record *r, uint8_t out[32])
{
    uint8_t proof[DEMUR_RING_SIGNATURE_MAX];
    struct buf p = buf_over(proof, sizeof proof);
    return demur_record_bytes(r, DEMUR_FIELD_SLOT_PROOF, &p) &&
           demur_ring_signature_tag(out, buf_span(&p));
}

/* Mark the author's slots that the log shows as used. `tags` are the author's own,
 * one a slot. */
static enum demur_err mark_used(struct making *m, const uint8_t (*tags)[32], bool *used,
                                struct demur_diag *diag)
{
    struct demur_client *c = m->c;
    struct demur_dissent_info info;
    uint64_t now = demur_client_view_time(c);
    for (size_t i = 0; demur_channel_dissent(c->channel, i, now, &info); i++) {
        struct demur_bytes entry = {0};
        uint8_t tag[32];
        uint64_t at;
        if (info.epoch != m->epoch)
            continue;
        enum demur_err err = case_record(c, info.opened_index, &entry, &at, diag);
        if (err)
            return err;
        uint64_t slot = demur_record_number(c->record, DEMUR_FIELD_SLOT);
        if (slot < m->policy->quota && slot_tag_of(c->record, tag) &&
            memcmp(tag, tags[slot], 32) == 0)
            used[slot] = true;
        demur_bytes_free(&entry);
    }
    return DEMUR_OK;
}

static enum demur_err choose_slot(struct making *m, struct demur_diag *diag)
{
    uint32_t quota = m->policy->quota, left = 0;
    uint8_t(*tags)[32] = malloc((size_t)quota * 32);
    bool *used = calloc(quota, sizeof *used);
    enum demur_err err = tags && used ? DEMUR_OK : no_memory(diag);
    for (uint32_t slot = 0; !err && slot < quota; slot++) {
        uint8_t text[DEMUR_SCOPE_MAX];
        struct buf scope = buf_over(text, sizeof text);
        demur_scope_file(&scope, m->c->options.channel, m->epoch, slot);
        demur_ring_tag(tags[slot], buf_span(&scope), m->ring_secret);
    }
    if (!err)
        err = mark_used(m, (const uint8_t(*)[32])tags, used, diag);
    for (uint32_t slot = 0; !err && slot < quota; slot++)
        left += !used[slot];
    if (!err && left == 0)
        err = demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "slot",
                            "you have filed %u dissents this month, and the policy allows no more: "
                            "wait for the next month",
                            quota);
    /* Any slot that is free, so that its number does not tell how many went before. */
    uint32_t pick = err ? 0 : randombytes_uniform(left);
    for (uint32_t slot = 0; !err && slot < quota; slot++)
        if (!used[slot] && pick-- == 0)
            m->slot = slot;
    if (tags)
        sodium_memzero(tags, (size_t)quota * 32);
    free(tags);
    free(used);
    return err;
}

enum demur_err making_ring(struct making *m, struct demur_diag *diag)
{
    uint8_t public_key[32];
    const struct demur_filing *f = m->filing;
    enum demur_err err =
        demur_identity_ring_key(m->member->identity, m->epoch, m->ring_secret, public_key, diag);
    if (!err)
        err = narrowing_take(&m->narrow, m->policy, f->subsets, f->subsets_len, diag);
    if (!err)
        err = take_ring(m, NULL, 0, &m->whole_keys, &m->whole, diag);
    if (!err)
        err = check_member_in(m, &m->whole, diag);
    if (!err && m->narrow.len)
        err = take_ring(m, m->narrow.subsets, m->narrow.len, &m->signers_keys, &m->signers, diag);
    if (!err && m->narrow.len)
        err = check_member_in(m, &m->signers, diag);
    if (!err && !m->narrow.len)
        m->signers = m->whole;
    m->draft->ring = m->signers.n;
    return err || m->draft->revises ? err : choose_slot(m, diag);
}
