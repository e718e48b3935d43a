/* The roster: invitations, members, their ring keys by epoch. */
#include "channel_state.h"
#include "encode.h"

#define ATTRIBUTES_MAX 64
#define RING_KEYS_MAX 13

struct member *channel_member_by(const struct demur_channel *c, struct span handle)
{
    uint8_t hash[32];
    channel_key_of(hash, handle);
    struct demur_probe p = demur_index_probe(&c->by.handles, hash);
    while (demur_index_next(&c->by.handles, &p))
        if (span_eq_str(handle, c->members[p.item].handle))
            return &c->members[p.item];
    return NULL;
}

size_t channel_member_attributes(const struct member *m, struct demur_attribute *out, size_t max)
{
    struct span rest = span_of(m->attributes, m->attributes_len);
    size_t n = 0;
    while (rest.len && n < max) {
        bool found;
        struct span value = span_split(&rest, '\n', &found);
        out[n].name = span_split(&value, '=', &found);
        out[n++].value = value;
    }
    return n;
}

struct member *channel_ring_key_owner(const struct demur_channel *c, const uint8_t key[static 32],
                                      uint32_t *place)
{
    uint8_t hash[32];
    channel_key_of(hash, span_of(key, 32));
    struct demur_probe p = demur_index_probe(&c->by.ring_keys, hash);
    while (demur_index_next(&c->by.ring_keys, &p)) {
        if (memcmp(c->ring_keys[p.item].key, key, 32) != 0)
            continue;
        *place = p.item;
        return &c->members[c->ring_keys[p.item].member];
    }
    return NULL;
}

struct member *channel_identity_owner(const struct demur_channel *c, const uint8_t key[static 32])
{
    const struct known_key *k = channel_known(c, key);
    return k && k->member ? &c->members[k->member - 1] : NULL;
}

static uint32_t place_of(const struct demur_channel *c, const struct member *m)
{
    return (uint32_t)(m - c->members);
}

static enum demur_err check_roster_role(struct applying *a)
{
    const struct policy_version *v = channel_policy_now(a->c);
    if (!v)
        return demur_fail(a->diag, DEMUR_ERR_STAGE, "the channel has no policy yet");
    if (!(channel_roles_of(a->c, v->policy, a->by, a->at) & v->policy->roster_kept_by))
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "by",
                             "the policy does not let this key keep the roster");
    return DEMUR_OK;
}

static enum demur_err find_member(struct applying *a, struct member **out)
{
    struct span handle = channel_field(a, DEMUR_FIELD_HANDLE);
    struct member *m = channel_member_by(a->c, handle);
    if (!m)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "handle",
                             "nobody with the handle %.*s was invited", SPAN_ARG(handle));
    if (m->revoked_index != NONE)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "handle",
                             "the member %.*s was removed from the roster", SPAN_ARG(handle));
    *out = m;
    return DEMUR_OK;
}

static enum demur_err copy_attributes(struct applying *a, struct member *m)
{
    struct demur_attribute list[ATTRIBUTES_MAX];
    size_t n = demur_record_count(a->r, DEMUR_FIELD_ATTRIBUTE), len = 0;
    if (n > ATTRIBUTES_MAX)
        return demur_fail_at(a->diag, DEMUR_ERR_LIMIT, 0, 0, "attribute",
                             "a member has at most %d attributes", ATTRIBUTES_MAX);
    for (size_t i = 0; i < n; i++)
        len += demur_record_nth(a->r, DEMUR_FIELD_ATTRIBUTE, i).len + 1;
    m->attributes = malloc(len + 1);
    if (!m->attributes)
        return demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    struct buf out = buf_over(m->attributes, len);
    for (size_t i = 0; i < n; i++) {
        buf_put_span(&out, demur_record_nth(a->r, DEMUR_FIELD_ATTRIBUTE, i));
        buf_put_byte(&out, '\n');
    }
    m->attributes_len = out.len;
    n = channel_member_attributes(m, list, ATTRIBUTES_MAX);
    return demur_policy_attributes_check(channel_policy_now(a->c)->policy, list, n, a->diag);
}

enum demur_err channel_apply_invite(struct applying *a)
{
    struct demur_channel *c = a->c;
    struct span handle = channel_field(a, DEMUR_FIELD_HANDLE);
    enum demur_err err = check_roster_role(a);
    if (err)
        return err;
    if (channel_member_by(c, handle))
        return demur_fail_at(a->diag, DEMUR_ERR_REPLAY, 0, 0, "handle",
                             "the handle %.*s was invited before", SPAN_ARG(handle));
    struct member m = {
        .invited = true, .invited_index = c->size, .joined_index = NONE, .revoked_index = NONE};
    err = copy_attributes(a, &m);
    if (!err && (!demur_index_reserve(&c->by.handles, 1) ||
                 !demur_grow(&c->members, &c->members_cap, (size_t)c->members_len + 1, sizeof m)))
        err = demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    if (err) {
        free(m.attributes);
        return err;
    }
    channel_copy(m.handle, sizeof m.handle, handle);
    demur_record_key(a->r, DEMUR_FIELD_INVITATION, m.invitation);
    uint8_t key[32];
    channel_key_of(key, handle);
    demur_index_put(&c->by.handles, key, c->members_len);
    c->members[c->members_len++] = m;
    return DEMUR_OK;
}

size_t channel_ring_keys(const struct demur_record *r, uint8_t keys[static 13][32])
{
    struct buf out = buf_over(keys, RING_KEYS_MAX * 32);
    if (!demur_record_bytes(r, DEMUR_FIELD_RING_KEYS, &out) || out.len % 32)
        return 0;
    return out.len / 32;
}

struct epoch_key *channel_month_key(const struct member *m, uint32_t epoch)
{
    for (size_t i = 0; i < m->keys_len; i++)
        if (m->keys[i].epoch == epoch)
            return &m->keys[i];
    return NULL;
}

/* Each key is kept for ever, so that no other member can give it. */
static enum demur_err check_renewals(struct applying *a, const struct member *m, size_t n,
                                     uint32_t first)
{
    for (uint32_t epoch = first; epoch < first + n; epoch++) {
        const struct epoch_key *known = channel_month_key(m, epoch);
        uint8_t month[8];
        struct buf b = buf_over(month, sizeof month);
        if (!known || known->renewed < RENEWALS_MAX || a->r->type != DEMUR_RECORD_RENEW)
            continue;
        demur_epoch_put(&b, epoch);
        return demur_fail_at(a->diag, DEMUR_ERR_LIMIT, 0, 0, "ring-keys",
                             "this member's ring key of %.*s was replaced %d times already: ask "
                             "the roster's keeper for a new invitation",
                             SPAN_ARG(buf_span(&b)), RENEWALS_MAX);
    }
    return DEMUR_OK;
}

/* Check the ring keys of a member or renew record, and reserve room for them. */
static enum demur_err check_ring_keys(struct applying *a, struct member *m,
                                      uint8_t keys[static 13][32], size_t *n, uint32_t *first)
{
    struct demur_channel *c = a->c;
    uint32_t now = demur_time_epoch((int64_t)a->at);
    uint32_t earliest = m->joined_index == NONE ? now : now + 1;
    uint32_t place;
    *n = channel_ring_keys(a->r, keys);
    if (*n == 0)
        return demur_fail_at(a->diag, DEMUR_ERR_SYNTAX, 0, 0, "ring-keys",
                             "ring-keys holds 1 to %d keys of 32 bytes", RING_KEYS_MAX);
    if (!demur_epoch_parse(channel_field(a, DEMUR_FIELD_EPOCH), first) || *first < earliest)
        return demur_fail_at(a->diag, DEMUR_ERR_TIME, 0, 0, "epoch",
                             "ring keys may be given for months that have not begun, and, by a "
                             "member who joins, for the present one");
    if (*first + *n > now + 1 + RING_KEYS_MAX)
        return demur_fail_at(a->diag, DEMUR_ERR_TIME, 0, 0, "epoch",
                             "ring keys may be given for at most a year ahead");
    enum demur_err err = check_renewals(a, m, *n, *first);
    if (err)
        return err;
    for (size_t i = 0; i < *n; i++) {
        bool twice = channel_ring_key_owner(c, keys[i], &place) != NULL;
        for (size_t k = 0; k < i; k++)
            twice |= memcmp(keys[i], keys[k], 32) == 0;
        if (twice)
            return demur_fail_at(a->diag, DEMUR_ERR_REPLAY, 0, 0, "ring-keys",
                                 "ring key %zu was used before", i + 1);
    }
    if (!demur_index_reserve(&c->by.ring_keys, *n) ||
        !demur_grow(&c->ring_keys, &c->ring_keys_cap, c->ring_keys_len + *n,
                    sizeof *c->ring_keys) ||
        !demur_grow(&m->keys, &m->keys_cap, m->keys_len + *n, sizeof *m->keys))
        return demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    return DEMUR_OK;
}

static void put_ring_keys(struct applying *a, struct member *m, uint8_t keys[static 13][32],
                          size_t n, uint32_t first)
{
    struct demur_channel *c = a->c;
    for (size_t i = 0; i < n; i++) {
        struct epoch_key k = {.epoch = first + (uint32_t)i,
                              .ring_key = c->ring_keys_len++,
                              .set_index = c->size,
                              .set_at = a->at};
        uint8_t hash[32];
        memcpy(c->ring_keys[k.ring_key].key, keys[i], 32);
        c->ring_keys[k.ring_key].member = place_of(c, m);
        channel_key_of(hash, span_of(keys[i], 32));
        demur_index_put(&c->by.ring_keys, hash, k.ring_key);
        struct epoch_key *known = channel_month_key(m, k.epoch);
        if (known && a->r->type == DEMUR_RECORD_RENEW)
            k.renewed = known->renewed + 1;
        if (!known)
            known = &m->keys[m->keys_len++];
        *known = k;
    }
    c->last_member = c->size + 1;
}

/* The member's identity key was nobody else's. */
static enum demur_err check_identity(struct applying *a, const struct member *m,
                                     enum demur_field field, const uint8_t key[static 32])
{
    const struct member *owner = channel_identity_owner(a->c, key);
    if (owner && owner != m)
        return demur_fail_at(a->diag, DEMUR_ERR_REPLAY, 0, 0, demur_field_name(field),
                             "this key is or was another member's: make a new one");
    return DEMUR_OK;
}

static void put_identity(struct applying *a, struct member *m, const uint8_t key[static 32])
{
    memcpy(m->key, key, 32);
    channel_copy(m->recipient, sizeof m->recipient, channel_field(a, DEMUR_FIELD_RECIPIENT));
    channel_known_add(a->c, key)->member = place_of(a->c, m) + 1;
}

/* Whoever had the keys before may have used up what they let do; a new invitation takes the
 * roster's keeper. */
static void begin_counts(struct demur_channel *c, struct member *m)
{
    for (size_t i = 0; i < m->keys_len; i++)
        m->keys[i].renewed = 0;
    channel_disclosures_forget(c, place_of(c, m));
}

enum demur_err channel_apply_member(struct applying *a)
{
    struct member *m;
    uint8_t invitation[32], keys[RING_KEYS_MAX][32];
    size_t n;
    uint32_t first;
    enum demur_err err = find_member(a, &m);
    if (err)
        return err;
    demur_record_key(a->r, DEMUR_FIELD_INVITATION, invitation);
    if (!m->invited || memcmp(invitation, m->invitation, 32) != 0)
        return demur_fail_at(a->diag, m->invited ? DEMUR_ERR_FORBIDDEN : DEMUR_ERR_REPLAY, 0, 0,
                             "invitation",
                             m->invited ? "this is not the invitation of that handle"
                                        : "this invitation was answered before: ask the roster's "
                                          "keeper for a new one");
    if ((err = check_identity(a, m, DEMUR_FIELD_BY, a->by)) ||
        (err = check_ring_keys(a, m, keys, &n, &first)))
        return err;
    m->invited = false;
    put_identity(a, m, a->by);
    put_ring_keys(a, m, keys, n, first);
    if (m->joined_index == NONE)
        m->joined_index = a->c->size;
    else
        begin_counts(a->c, m);
    return DEMUR_OK;
}

static enum demur_err find_own(struct applying *a, struct member **out)
{
    enum demur_err err = find_member(a, out);
    if (!err && ((*out)->joined_index == NONE || memcmp((*out)->key, a->by, 32) != 0))
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "by",
                             "this is not the present key of that member");
    return err;
}

enum demur_err channel_apply_renew(struct applying *a)
{
    struct member *m;
    uint8_t keys[RING_KEYS_MAX][32];
    size_t n;
    uint32_t first;
    enum demur_err err = find_own(a, &m);
    if (err || (err = check_ring_keys(a, m, keys, &n, &first)))
        return err;
    put_ring_keys(a, m, keys, n, first);
    return DEMUR_OK;
}

enum demur_err channel_apply_rekey(struct applying *a)
{
    struct member *m;
    bool fresh = demur_record_has(a->r, DEMUR_FIELD_INVITATION);
    bool key = demur_record_has(a->r, DEMUR_FIELD_KEY);
    bool whole = demur_record_has(a->r, DEMUR_FIELD_RECIPIENT) == key &&
                 demur_record_has(a->r, DEMUR_FIELD_KEY_SIG) == key;
    if (fresh == key || !whole)
        return demur_fail(a->diag, DEMUR_ERR_SYNTAX,
                          "a rekey names an invitation; or a key, a recipient and a key-sig");
    enum demur_err err = fresh ? check_roster_role(a) : DEMUR_OK;
    if (!err)
        err = fresh ? find_member(a, &m) : find_own(a, &m);
    if (err)
        return err;
    if (fresh) {
        demur_record_key(a->r, DEMUR_FIELD_INVITATION, m->invitation);
        m->invited = true;
        return DEMUR_OK;
    }
    uint8_t next[32];
    demur_record_key(a->r, DEMUR_FIELD_KEY, next);
    if ((err = check_identity(a, m, DEMUR_FIELD_KEY, next)))
        return err;
    put_identity(a, m, next);
    return DEMUR_OK;
}

enum demur_err channel_apply_revoke(struct applying *a)
{
    struct member *m;
    enum demur_err err = check_roster_role(a);
    if (err || (err = find_member(a, &m)))
        return err;
    m->revoked_index = a->c->size;
    a->c->last_revoke = a->c->last_member = a->c->size + 1;
    return DEMUR_OK;
}
