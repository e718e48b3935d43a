/* Rings: whose keys stand behind a dissent. records.md section 5. */
#include "channel_state.h"

#define ATTRIBUTES_MAX 64

void channel_ring_release(struct ring *ring)
{
    free(ring->keys);
    ring->keys = NULL;
    ring->n = 0;
}

size_t channel_subsets(const struct demur_record *r, struct span *out, size_t max)
{
    size_t n = demur_record_count(r, DEMUR_FIELD_SUBSET);
    for (size_t i = 0; i < n && i < max; i++)
        out[i] = demur_record_nth(r, DEMUR_FIELD_SUBSET, i);
    return n;
}

/* `grade=FS-01,FS-02`: does one of the attributes have one of the values? */
static bool subset_selects(struct span subset, const struct demur_attribute *list, size_t n)
{
    bool found;
    struct span name = span_split(&subset, '=', &found);
    for (size_t i = 0; i < n; i++) {
        if (!span_eq(list[i].name, name))
            continue;
        struct span rest = subset;
        do {
            if (span_eq(span_split(&rest, ',', &found), list[i].value))
                return true;
        } while (found);
    }
    return false;
}

static const struct epoch_key *key_at(const struct member *m, uint32_t epoch, uint64_t roster)
{
    for (size_t i = 0; i < m->keys_len; i++)
        if (m->keys[i].epoch == epoch)
            return m->keys[i].set_index < roster ? &m->keys[i] : NULL;
    return NULL;
}

static bool in_ring(const struct demur_policy *p, const struct member *m, uint64_t roster,
                    const struct span *subsets, size_t subsets_len)
{
    if (m->joined_index >= roster || m->revoked_index < roster)
        return false;
    struct demur_attribute list[ATTRIBUTES_MAX];
    size_t n = channel_member_attributes(m, list, ATTRIBUTES_MAX);
    if (!demur_policy_eligible(p, list, n))
        return false;
    for (size_t i = 0; i < subsets_len; i++)
        if (!subset_selects(subsets[i], list, n))
            return false;
    return true;
}

static enum demur_err check_subsets(const struct demur_policy *p, const struct span *subsets,
                                    size_t n, struct demur_diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        bool found;
        struct span rest = subsets[i], name = span_split(&rest, '=', &found);
        if (!demur_policy_narrows_by(p, name))
            return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "subset",
                                 "the policy does not let a signature name its signer's %.*s",
                                 SPAN_ARG(name));
    }
    return DEMUR_OK;
}

bool channel_ring_leaves_out(const struct demur_channel *c, size_t policy, uint32_t epoch,
                             uint64_t roster, uint64_t before)
{
    if (roster >= c->last_member)
        return false; /* nobody came or changed keys since */
    for (size_t i = 0; i < c->members_len; i++) {
        const struct member *m = &c->members[i];
        const struct epoch_key *k = key_at(m, epoch, NONE);
        if (k && k->set_index >= roster && k->set_at <= before &&
            in_ring(c->policies[policy].policy, m, c->size, NULL, 0))
            return true;
    }
    return false;
}

enum demur_err channel_ring_make(const struct demur_channel *c, size_t policy, uint32_t epoch,
                                 uint64_t roster, const struct span *subsets, size_t subsets_len,
                                 struct ring *out, struct demur_diag *diag)
{
    const struct demur_policy *p = c->policies[policy].policy;
    enum demur_err err = check_subsets(p, subsets, subsets_len, diag);
    if (err)
        return err;
    if (roster > c->size)
        return demur_fail_at(diag, DEMUR_ERR_STALE, 0, 0, "roster",
                             "the roster is taken at %llu entries, the log has %llu",
                             (unsigned long long)roster, (unsigned long long)c->size);
    *out = (struct ring){.keys = malloc(c->members_len ? (size_t)c->members_len * 32 : 1)};
    if (!out->keys)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < c->members_len; i++) {
        const struct member *m = &c->members[i];
        const struct epoch_key *k = key_at(m, epoch, roster);
        if (k && in_ring(p, m, roster, subsets, subsets_len))
            memcpy(out->keys[out->n++], c->ring_keys[k->ring_key].key, 32);
    }
    demur_ring_sort(out->keys, out->n);
    demur_ring_digest(out->digest, (const uint8_t(*)[32])out->keys, out->n);
    return DEMUR_OK;
}

uint32_t channel_ring_pinned(const struct demur_channel *c, size_t policy, uint32_t epoch,
                             uint64_t roster, const uint8_t digest[static 32])
{
    if (roster < c->last_member)
        return c->rings_len;
    for (uint32_t i = c->rings_len; i-- > 0;)
        if (c->rings[i].policy == policy && c->rings[i].epoch == epoch &&
            c->rings[i].roster >= c->last_member && memcmp(c->rings[i].digest, digest, 32) == 0)
            return i;
    return c->rings_len;
}

enum demur_err channel_ring_load(const struct demur_channel *c, const struct pinned_ring *pinned,
                                 struct ring *out, struct demur_diag *diag)
{
    *out = (struct ring){.n = pinned->n, .keys = malloc(pinned->n ? (size_t)pinned->n * 32 : 1)};
    if (!out->keys)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    memcpy(out->digest, pinned->digest, 32);
    for (size_t i = 0; i < pinned->n; i++)
        memcpy(out->keys[i], c->ring_keys[pinned->keys[i]].key, 32);
    return DEMUR_OK;
}

uint32_t *channel_ring_places(const struct demur_channel *c, const struct ring *ring)
{
    uint32_t *places = calloc(ring->n ? ring->n : 1, sizeof *places);
    for (size_t i = 0; places && i < ring->n; i++)
        channel_ring_key_owner(c, ring->keys[i], &places[i]);
    return places;
}

enum demur_err demur_channel_ring(const struct demur_channel *c,
                                  const uint8_t policy_entry[static 32], uint32_t epoch,
                                  uint64_t roster, const struct span *subsets, size_t subsets_len,
                                  uint8_t (*keys)[32], size_t max, size_t *n,
                                  struct demur_diag *diag)
{
    uint32_t policy;
    struct ring ring;
    if (!channel_policy_by(c, policy_entry, &policy))
        return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "policy",
                             "no such policy was put into force");
    enum demur_err err =
        channel_ring_make(c, policy, epoch, roster, subsets, subsets_len, &ring, diag);
    if (err)
        return err;
    *n = ring.n;
    if (keys && ring.n > max)
        err = demur_fail(diag, DEMUR_ERR_SPACE, "the ring has %zu members", ring.n);
    else if (keys && ring.n)
        memcpy(keys, ring.keys, ring.n * 32);
    channel_ring_release(&ring);
    return err;
}
