/* How a dissent comes to be and who stands behind it: circulate, file, revise,
 * cosign, unsign. */
#include "channel_state.h"
#include "encode.h"
#include "handout.h"
#include "hash.h"

#define MEMO_MAX 2097152u
#define EPOCH_GRACE_S 3600  /* a filing made just before midnight on the month's last day */
#define ROSTER_GRACE_S 3600 /* and one made while others join */

uint64_t channel_dissent_index(const struct demur_channel *c, struct span id)
{
    uint8_t hash[32];
    channel_key_of(hash, id);
    struct demur_probe p = demur_index_probe(&c->by.ids, hash);
    while (demur_index_next(&c->by.ids, &p))
        if (span_eq_str(id, c->dissents[p.item].id))
            return p.item;
    return NONE;
}

struct dissent *channel_dissent_by(const struct demur_channel *c, struct span id)
{
    uint64_t i = channel_dissent_index(c, id);
    return i == NONE ? NULL : &c->dissents[i];
}

/* A tag is unique within its scope. Different scopes give different tags but
 * with negligible probability; the key binds both all the same. */
static void tag_key(uint8_t out[static 32], const struct demur_channel *c, struct span scope_rest,
                    const uint8_t tag[static 32])
{
    uint8_t scope[32];
    channel_key_of(scope, scope_rest);
    struct span parts[] = {span_of(c->fingerprint, 32), span_of(scope, 32), span_of(tag, 32)};
    demur_hash_spans(out, "demur v1 tag", parts, 3);
}

void channel_cosign_key(uint8_t out[static 32], const struct demur_channel *c, struct span id,
                        uint64_t revision, const uint8_t tag[static 32])
{
    uint8_t text[80];
    struct buf b = buf_over(text, sizeof text);
    buf_put_span(&b, id);
    buf_put_byte(&b, ' ');
    buf_put_u64(&b, revision);
    tag_key(out, c, buf_span(&b), tag);
}

static void slot_key(uint8_t out[static 32], const struct applying *a)
{
    uint8_t text[80];
    struct buf b = buf_over(text, sizeof text);
    buf_put_span(&b, channel_field(a, DEMUR_FIELD_EPOCH));
    buf_put_byte(&b, ' ');
    buf_put_span(&b, channel_field(a, DEMUR_FIELD_SLOT));
    tag_key(out, a->c, buf_span(&b), a->v->slot_tag);
}

static bool slot_spent(const struct demur_channel *c, const uint8_t slot[static 32])
{
    struct demur_probe p = demur_index_probe(&c->by.slots, slot);
    while (demur_index_next(&c->by.slots, &p))
        if (span_eq(span_of(c->dissents[p.item].slot, 32), span_of(slot, 32)))
            return true;
    return false;
}

static bool signature_room(struct demur_channel *c)
{
    return demur_index_reserve(&c->by.tags, 1) &&
           demur_grow(&c->tags, &c->tags_cap, (size_t)c->tags_len + 1, sizeof *c->tags);
}

struct signer_tag *channel_signature_by(const struct applying *a, const struct dissent *d,
                                        const uint8_t tag[static 32])
{
    const struct demur_channel *c = a->c;
    uint64_t revision = demur_record_number(a->r, DEMUR_FIELD_REVISION);
    uint32_t dissent = (uint32_t)(d - c->dissents);
    uint8_t key[32];
    channel_cosign_key(key, c, channel_field(a, DEMUR_FIELD_DISSENT), revision, tag);
    struct demur_probe p = demur_index_probe(&c->by.tags, key);
    while (demur_index_next(&c->by.tags, &p)) {
        struct signer_tag *t = &c->tags[p.item];
        if (t->dissent == dissent && t->revision == revision && memcmp(t->tag, tag, 32) == 0)
            return t;
    }
    return NULL;
}

static void signature_put(struct applying *a, struct dissent *d)
{
    uint8_t key[32];
    struct demur_channel *c = a->c;
    channel_cosign_key(key, c, channel_field(a, DEMUR_FIELD_DISSENT), d->revision, a->v->tag);
    struct signer_tag *t = &c->tags[c->tags_len];
    *t = (struct signer_tag){
        .dissent = (uint32_t)channel_dissent_index(c, channel_field(a, DEMUR_FIELD_DISSENT)),
        .revision = d->revision};
    memcpy(t->tag, a->v->tag, 32);
    demur_index_put(&c->by.tags, key, c->tags_len++);
    d->signatures++;
}

/* Padme adds at most an eighth; sealing adds headers and a tag per chunk. The clients
 * know the plain sizes and hold them to the byte. */
static uint64_t sealed_most(uint64_t plain, size_t blobs)
{
    return plain + plain / 8 + 65536 * (uint64_t)blobs;
}

static enum demur_err check_sizes(struct applying *a, const struct demur_policy *p)
{
    struct demur_blob_ref blob;
    if (demur_record_blob(a->r, DEMUR_FIELD_CARD, 0, &blob) && blob.size > CARD_MAX)
        return demur_fail_at(a->diag, DEMUR_ERR_LIMIT, 0, 0, "card",
                             "a name card has at most %u bytes", CARD_MAX);
    if (demur_record_blob(a->r, DEMUR_FIELD_MEMO, 0, &blob) && blob.size > MEMO_MAX)
        return demur_fail_at(a->diag, DEMUR_ERR_LIMIT, 0, 0, "memo",
                             "a sealed memo has at most %u bytes", MEMO_MAX);
    size_t n = demur_record_count(a->r, DEMUR_FIELD_ATTACHMENT);
    if (n > p->attachments_max)
        return demur_fail_at(a->diag, DEMUR_ERR_LIMIT, 0, 0, "attachment",
                             "the policy allows %u attachments, this names %zu", p->attachments_max,
                             n);
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++) {
        demur_record_blob(a->r, DEMUR_FIELD_ATTACHMENT, i, &blob);
        all += blob.size;
        if (blob.size > sealed_most(p->attachment_bytes, 1))
            return demur_fail_at(a->diag, DEMUR_ERR_LIMIT, 0, 0, "attachment",
                                 "attachment %zu is over the policy's %llu bytes", i + 1,
                                 (unsigned long long)p->attachment_bytes);
    }
    if (all > sealed_most(p->attachments_bytes, n + 1))
        return demur_fail_at(a->diag, DEMUR_ERR_LIMIT, 0, 0, "attachment",
                             "the attachments are over the policy's %llu bytes together",
                             (unsigned long long)p->attachments_bytes);
    return DEMUR_OK;
}

/* Its release key is given to whoever opens the memo: so no other dissent may name it,
 * where that would show as an opening of something else. */
static enum demur_err check_memo(struct applying *a)
{
    struct demur_blob_ref memo;
    uint32_t place;
    uint64_t here = channel_dissent_index(a->c, channel_field(a, DEMUR_FIELD_DISSENT));
    demur_record_blob(a->r, DEMUR_FIELD_MEMO, 0, &memo);
    if (!channel_blob_find(a->c, memo.hash, &place) ||
        (here != NONE && a->c->blobs[place].owner == here + 1))
        return DEMUR_OK;
    return demur_fail_at(a->diag, DEMUR_ERR_REPLAY, 0, 0, "memo",
                         "a record that is not of this dissent named this sealed memo before: "
                         "seal it anew");
}

/* The filing's distribution: every `to` is a role, must-receive roles are
 * there, never-receive roles are not. */
static enum demur_err check_to(struct applying *a, const struct demur_policy *p, demur_set *to)
{
    *to = 0;
    for (size_t i = 0; i < demur_record_count(a->r, DEMUR_FIELD_TO); i++) {
        struct span name = demur_record_nth(a->r, DEMUR_FIELD_TO, i);
        int role = demur_policy_role(p, name);
        if (role < 0)
            return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "to",
                                 "the policy knows no role %.*s", SPAN_ARG(name));
        *to |= demur_set_of(role);
    }
    for (int role = 0; role < p->roles_len; role++) {
        enum demur_receives how = demur_policy_receives(p, role, NULL, 0);
        bool in = demur_set_has(*to, role);
        if (how == DEMUR_RECEIVES_MUST && !in)
            return demur_fail_at(a->diag, DEMUR_ERR_MISSING, 0, 0, "to",
                                 "the policy wants the memo sealed to %.*s too",
                                 SPAN_ARG(p->roles[role].name));
        if (in && how != DEMUR_RECEIVES_MUST && how != DEMUR_RECEIVES_MAY)
            return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "to",
                                 "the policy does not let a filing go to %.*s",
                                 SPAN_ARG(p->roles[role].name));
    }
    return DEMUR_OK;
}

static enum demur_err check_pins(struct applying *a, const struct policy_version *v)
{
    struct demur_channel *c = a->c;
    uint8_t entry[32];
    uint32_t epoch = 0, now = demur_time_epoch((int64_t)a->at);
    demur_record_hash(a->r, DEMUR_FIELD_POLICY, entry);
    if (!v || memcmp(entry, v->entry, 32) != 0)
        return demur_fail_at(a->diag, DEMUR_ERR_STALE, 0, 0, "policy",
                             "a newer policy is in force: read it, then file again");
    bool grace =
        a->at >= EPOCH_GRACE_S && demur_time_epoch((int64_t)a->at - EPOCH_GRACE_S) == now - 1;
    if (!demur_epoch_parse(channel_field(a, DEMUR_FIELD_EPOCH), &epoch) ||
        (epoch != now && !(grace && epoch == now - 1))) {
        uint8_t month[8];
        struct buf b = buf_over(month, sizeof month);
        demur_epoch_put(&b, now);
        return demur_fail_at(a->diag, DEMUR_ERR_STALE, 0, 0, "epoch",
                             "this was made for the month %.*s and it is %.*s: make it anew, with "
                             "the clock set right",
                             SPAN_ARG(channel_field(a, DEMUR_FIELD_EPOCH)), SPAN_ARG(buf_span(&b)));
    }
    uint64_t roster = demur_record_number(a->r, DEMUR_FIELD_ROSTER);
    if (roster > c->size || roster < c->last_revoke)
        return demur_fail_at(a->diag, DEMUR_ERR_STALE, 0, 0, "roster",
                             "the roster has changed: take the ring again");
    /* Else its author could choose among whom the signature hides. */
    if (a->at >= ROSTER_GRACE_S &&
        channel_ring_leaves_out(c, c->policies_len - 1, epoch, roster, a->at - ROSTER_GRACE_S))
        return demur_fail_at(a->diag, DEMUR_ERR_STALE, 0, 0, "roster",
                             "this ring leaves out members who joined over an hour ago: take the "
                             "ring again");
    if (demur_record_number(a->r, DEMUR_FIELD_SLOT) >= v->policy->quota)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "slot",
                             "the policy gives each member %u filings a month", v->policy->quota);
    if (demur_record_number(a->r, DEMUR_FIELD_REVISION) != 1)
        return demur_fail_at(a->diag, DEMUR_ERR_SYNTAX, 0, 0, "revision",
                             "a dissent opens with revision 1");
    return DEMUR_OK;
}

/* The ring that the opening pins. A verdict may be older than a `renew` for a month
 * that had not begun: the digest is compared again. Released by the caller. */
static enum demur_err make_ring(struct applying *a, const struct dissent *d,
                                struct pinned_ring *out)
{
    uint8_t digest[32];
    uint32_t least = channel_policy_of(a->c, d)->ring_min;
    struct ring ring = {0};
    enum demur_err err =
        channel_ring_make(a->c, d->policy, d->epoch, d->roster, NULL, 0, &ring, a->diag);
    if (err)
        return err;
    demur_record_hash(a->r, DEMUR_FIELD_RING, digest);
    *out = (struct pinned_ring){.policy = d->policy,
                                .epoch = d->epoch,
                                .roster = d->roster,
                                .n = (uint32_t)ring.n,
                                .keys = channel_ring_places(a->c, &ring)};
    memcpy(out->digest, ring.digest, 32);
    channel_ring_release(&ring);
    if (!out->keys)
        return demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    if (memcmp(digest, out->digest, 32) != 0)
        return demur_fail_at(a->diag, DEMUR_ERR_STALE, 0, 0, "ring",
                             "the members' keys have changed since this was signed: take the ring "
                             "again");
    if (out->n < least)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "ring",
                             "the ring has %u members; the policy wants at least %u, so that "
                             "nobody is singled out",
                             out->n, least);
    return DEMUR_OK;
}

/* Keep the ring, or find it among the pinned: room was reserved. */
static uint32_t keep_ring(struct demur_channel *c, struct pinned_ring *ring)
{
    for (uint32_t i = 0; i < c->rings_len; i++) {
        if (memcmp(c->rings[i].digest, ring->digest, 32) == 0) {
            free(ring->keys);
            return i;
        }
    }
    c->rings[c->rings_len] = *ring;
    return c->rings_len++;
}

uint64_t demur_channel_circulation_last(const struct demur_channel *c, const struct demur_policy *p,
                                        uint64_t at)
{
    struct demur_calendars calendars = channel_calendars(c);
    struct demur_counting counting = {0};
    int64_t last;
    if (!p->circulation)
        return 0;
    if (!p->circulation_max.count)
        return UINT64_MAX;
    return demur_due(&calendars, p->calendar, (int64_t)at, p->circulation_max, counting, NULL, 0,
                     &last) == DEMUR_OK &&
                   last > 0
               ? (uint64_t)last
               : 0;
}

static enum demur_err check_circulation(struct applying *a, const struct demur_policy *p)
{
    uint64_t until = demur_record_number(a->r, DEMUR_FIELD_UNTIL);
    if (!p->circulation)
        return demur_fail(a->diag, DEMUR_ERR_FORBIDDEN,
                          "the policy does not let a memo circulate before it is filed");
    if (until <= a->at)
        return demur_fail_at(a->diag, DEMUR_ERR_TIME, 0, 0, "until",
                             "the window for signatures ends before it begins");
    if (until > demur_channel_circulation_last(a->c, p, a->at))
        return demur_fail_at(a->diag, DEMUR_ERR_TIME, 0, 0, "until",
                             "the policy does not let a memo circulate that long");
    return DEMUR_OK;
}

/* The circulation key reaches all of a ring of n members, or none of it: and so many bytes
 * it takes, whoever made it. */
static enum demur_err check_keys(struct applying *a, bool members, size_t n)
{
    struct demur_blob_ref keys;
    uint64_t due = demur_handout_len(n);
    bool named = demur_record_blob(a->r, DEMUR_FIELD_KEYS, 0, &keys);
    if (named && !members)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "keys",
                             "there are keys for the members only where they are the audience");
    if (members && !named)
        return demur_fail_at(a->diag, DEMUR_ERR_MISSING, 0, 0, "keys",
                             "it goes to all members, so it names the keys that are sealed to "
                             "them");
    if (named && keys.size != due)
        return demur_fail_at(a->diag, DEMUR_ERR_LIMIT, 0, 0, "keys",
                             "keys for a ring of %zu have %llu bytes, and these %llu", n,
                             (unsigned long long)due, (unsigned long long)keys.size);
    return DEMUR_OK;
}

/* Room for what put_memo takes over. */
static enum demur_err attachments_room(struct applying *a, struct blob_use **out)
{
    size_t n = demur_record_count(a->r, DEMUR_FIELD_ATTACHMENT);
    *out = malloc((n ? n : 1) * sizeof **out);
    return !*out ? demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory") : DEMUR_OK;
}

static struct blob_use use_blob(struct applying *a, enum demur_field field, size_t i)
{
    struct demur_blob_ref ref = {0};
    demur_record_blob(a->r, field, i, &ref);
    return (struct blob_use){channel_blob_name(a, ref.hash), (uint32_t)ref.size};
}

/* Take text, commitment and attachments from a circulate, revise or file. */
static void put_memo(struct applying *a, struct dissent *d, struct blob_use *attachments)
{
    d->revision = (uint32_t)demur_record_number(a->r, DEMUR_FIELD_REVISION);
    demur_record_hash(a->r, DEMUR_FIELD_COMMITMENT, d->commitment);
    d->memo = use_blob(a, DEMUR_FIELD_MEMO, 0);
    d->keys = demur_record_has(a->r, DEMUR_FIELD_KEYS) ? use_blob(a, DEMUR_FIELD_KEYS, 0)
                                                       : (struct blob_use){0};
    free(d->attachments);
    d->attachments = attachments;
    d->attachments_len = (uint32_t)demur_record_count(a->r, DEMUR_FIELD_ATTACHMENT);
    for (size_t i = 0; i < d->attachments_len; i++)
        attachments[i] = use_blob(a, DEMUR_FIELD_ATTACHMENT, i);
}

static void put_filing(struct applying *a, struct dissent *d, demur_set to)
{
    d->filed = true;
    d->filed_index = a->c->size;
    d->filed_at = a->at;
    d->to = to;
    d->entitled |= to;
    demur_record_hash(a->r, DEMUR_FIELD_RELEASE, d->release);
    channel_event_filed(a->c, d, a->at);
}

static enum demur_err opening_checks(struct applying *a, demur_set *to)
{
    struct demur_channel *c = a->c;
    const struct policy_version *v = channel_policy_now(c);
    bool files = a->r->type == DEMUR_RECORD_FILE;
    uint8_t key[32];
    enum demur_err err = check_pins(a, v);
    if (!err)
        err = check_sizes(a, v->policy);
    if (!err)
        err = check_memo(a);
    if (!err)
        err = files ? check_to(a, v->policy, to) : check_circulation(a, v->policy);
    if (err)
        return err;
    if (channel_dissent_by(c, channel_field(a, DEMUR_FIELD_DISSENT)))
        return demur_fail_at(a->diag, DEMUR_ERR_REPLAY, 0, 0, "dissent",
                             "this dissent was opened before");
    slot_key(key, a);
    if (slot_spent(c, key))
        return demur_fail_at(a->diag, DEMUR_ERR_REPLAY, 0, 0, "slot",
                             "this filing slot was used before: choose another");
    if (!demur_index_reserve(&c->by.slots, 1) || !demur_index_reserve(&c->by.ids, 1) ||
        !signature_room(c) ||
        !demur_grow(&c->rings, &c->rings_cap, (size_t)c->rings_len + 1, sizeof *c->rings) ||
        !demur_grow(&c->dissents, &c->dissents_cap, (size_t)c->dissents_len + 1,
                    sizeof *c->dissents))
        return demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    return DEMUR_OK;
}

/* A new dissent's own arrays. */
static bool parts_room(const struct demur_channel *c, struct dissent *d)
{
    size_t size = channel_clocks_size(channel_policy_of(c, d));
    d->clocks = calloc(1, size ? size : 1);
    return d->clocks && channel_stage_reserve(d) &&
           demur_grow(&d->events, &d->events_cap, 1, sizeof *d->events);
}

enum demur_err channel_apply_opening(struct applying *a)
{
    struct demur_channel *c = a->c;
    demur_set to = 0;
    enum demur_err err = opening_checks(a, &to);
    if (err)
        return err;
    struct dissent *d = &c->dissents[c->dissents_len];
    *d = (struct dissent){.policy = c->policies_len - 1,
                          .roster = demur_record_number(a->r, DEMUR_FIELD_ROSTER),
                          .opened_index = c->size,
                          .opened_at = a->at,
                          .filed_index = NONE,
                          .until = demur_record_number(a->r, DEMUR_FIELD_UNTIL),
                          .stage = -1,
                          .calendars_seen = c->calendars_len};
    struct pinned_ring ring = {0};
    uint8_t digest[32];
    if (!demur_epoch_parse(channel_field(a, DEMUR_FIELD_EPOCH), &d->epoch))
        return demur_fail_at(a->diag, DEMUR_ERR_SYNTAX, 0, 0, "epoch", "no month");
    demur_record_hash(a->r, DEMUR_FIELD_RING, digest);
    d->ring = channel_ring_pinned(c, d->policy, d->epoch, d->roster, digest);
    if (d->ring == c->rings_len)
        err = make_ring(a, d, &ring);
    if (!err)
        err = check_keys(a, span_eq(channel_field(a, DEMUR_FIELD_AUDIENCE), span_lit("members")),
                         d->ring == c->rings_len ? ring.n : c->rings[d->ring].n);
    struct blob_use *attachments = NULL;
    if (!err)
        err = attachments_room(a, &attachments);
    if (!err && !parts_room(c, d))
        err = demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    if (err) {
        free(ring.keys);
        free(attachments);
        free(d->clocks);
        free(d->stages);
        free(d->events);
        return err;
    }
    uint8_t key[32];
    if (d->ring == c->rings_len)
        d->ring = keep_ring(c, &ring);
    channel_copy(d->id, sizeof d->id, channel_field(a, DEMUR_FIELD_DISSENT));
    channel_copy(d->case_recipient, sizeof d->case_recipient,
                 channel_field(a, DEMUR_FIELD_CASE_RECIPIENT));
    demur_record_key(a->r, DEMUR_FIELD_CASE_KEY, d->case_key);
    memcpy(d->author_tag, a->v->tag, 32);
    slot_key(d->slot, a);
    demur_index_put(&c->by.slots, d->slot, c->dissents_len);
    channel_key_of(key, span_str(d->id));
    demur_index_put(&c->by.ids, key, c->dissents_len++);
    put_memo(a, d, attachments);
    signature_put(a, d);
    channel_event_opened(c, d, a->at);
    if (a->r->type == DEMUR_RECORD_FILE)
        put_filing(a, d, to);
    channel_case_event(a, d, -1, -1, DEMUR_FIELD_MEMO);
    return DEMUR_OK;
}

static enum demur_err check_not_filed(struct applying *a, const struct dissent *d)
{
    if (d->filed || d->withdrawn)
        return demur_fail(a->diag, DEMUR_ERR_STAGE,
                          d->filed ? "this dissent was filed already"
                                   : "this dissent was withdrawn");
    return DEMUR_OK;
}

static bool same_commitment(struct applying *a, const struct dissent *d)
{
    uint8_t commitment[32];
    demur_record_hash(a->r, DEMUR_FIELD_COMMITMENT, commitment);
    return memcmp(commitment, d->commitment, 32) == 0 &&
           demur_record_number(a->r, DEMUR_FIELD_REVISION) == d->revision;
}

enum demur_err channel_apply_file(struct applying *a)
{
    struct demur_channel *c = a->c;
    struct dissent *d;
    demur_set to;
    struct blob_use *attachments;
    if (!demur_record_has(a->r, DEMUR_FIELD_ON))
        return channel_apply_opening(a);
    enum demur_err err = channel_case_begin(a, &d);
    if (!err)
        err = check_not_filed(a, d);
    if (!err && !same_commitment(a, d))
        err = demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "commitment",
                            "what is filed must be what circulated");
    if (!err)
        err = check_sizes(a, channel_policy_of(c, d));
    if (!err)
        err = check_memo(a);
    if (!err)
        err = check_to(a, channel_policy_of(c, d), &to);
    if (!err)
        err = attachments_room(a, &attachments);
    if (err)
        return err;
    put_memo(a, d, attachments);
    put_filing(a, d, to);
    channel_case_event(a, d, -1, -1, DEMUR_FIELD_MEMO);
    return DEMUR_OK;
}

enum demur_err channel_apply_revise(struct applying *a)
{
    struct demur_channel *c = a->c;
    struct dissent *d;
    struct blob_use *attachments;
    enum demur_err err = channel_case_begin(a, &d);
    if (!err)
        err = check_not_filed(a, d);
    if (!err && demur_record_number(a->r, DEMUR_FIELD_REVISION) != d->revision + 1)
        err = demur_fail_at(a->diag, DEMUR_ERR_STALE, 0, 0, "revision", "the next revision is %u",
                            d->revision + 1);
    if (!err)
        err = check_sizes(a, channel_policy_of(c, d));
    if (!err)
        err = check_memo(a);
    if (!err)
        err = check_keys(a, d->keys.size, c->rings[d->ring].n);
    if (!err && !signature_room(c))
        err = demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    if (!err)
        err = attachments_room(a, &attachments);
    if (err)
        return err;
    memcpy(d->author_tag, a->v->tag, 32);
    put_memo(a, d, attachments);
    d->signatures = 0;
    signature_put(a, d);
    channel_case_event(a, d, -1, -1, DEMUR_FIELD_MEMO);
    return DEMUR_OK;
}

/* What cosign and unsign share: the dissent, its open window, the signature if there is one. */
static enum demur_err window_begin(struct applying *a, struct dissent **out,
                                   struct signer_tag **known)
{
    struct dissent *d = channel_dissent_by(a->c, channel_field(a, DEMUR_FIELD_DISSENT));
    if (!d)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "dissent",
                             "there is no such dissent");
    enum demur_err err = check_not_filed(a, d);
    if (err)
        return err;
    if (a->at > d->until)
        return demur_fail(a->diag, DEMUR_ERR_STAGE, "the window for signatures is closed");
    if (demur_record_number(a->r, DEMUR_FIELD_REVISION) != d->revision)
        return demur_fail_at(a->diag, DEMUR_ERR_STALE, 0, 0, "revision",
                             "the text has a newer revision: read it before you sign");
    if (!demur_grow(&d->events, &d->events_cap, (size_t)d->events_len + 1, sizeof *d->events) ||
        !signature_room(a->c))
        return demur_fail(a->diag, DEMUR_ERR_MEMORY, "out of memory");
    *known = channel_signature_by(a, d, a->v->tag);
    *out = d;
    return DEMUR_OK;
}

enum demur_err channel_apply_cosign(struct applying *a)
{
    struct dissent *d;
    struct signer_tag *known;
    enum demur_err err = window_begin(a, &d, &known);
    if (err)
        return err;
    if (!same_commitment(a, d))
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "commitment",
                             "the signature is for another text");
    if ((err = check_sizes(a, channel_policy_of(a->c, d))))
        return err;
    /* Taken back stays taken back: else anyone could send the old record again. */
    if (known)
        return demur_fail_at(a->diag, DEMUR_ERR_REPLAY, 0, 0, "proof",
                             known->taken_back
                                 ? "this member took the signature on this revision back"
                                 : "this member has signed already");
    signature_put(a, d);
    channel_case_event(a, d, -1, -1, DEMUR_FIELD_CARD);
    return DEMUR_OK;
}

enum demur_err channel_apply_unsign(struct applying *a)
{
    struct dissent *d;
    struct signer_tag *known;
    enum demur_err err = window_begin(a, &d, &known);
    if (err)
        return err;
    if (!known || known->taken_back)
        return demur_fail_at(a->diag, DEMUR_ERR_UNKNOWN, 0, 0, "proof",
                             "this member has no signature to take back");
    if (memcmp(a->v->tag, d->author_tag, 32) == 0)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "proof",
                             "the author withdraws with the receipt phrase instead");
    known->taken_back = true;
    d->signatures--;
    channel_case_event(a, d, -1, -1, DEMUR_FIELD_NONE);
    return DEMUR_OK;
}
