/* Acts about the membership: inviting, removing, joining. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/civil.h"
#include "../core/compose.h"
#include "../core/encode.h"
#include "../core/lines.h"
#include "internal.h"

#define RECENT_S 60
#define ATTRIBUTES_MAX 64

/* `invite`, or `rekey` with an invitation: the member's device is lost. */
struct invite_act {
    struct demur_actor *actor;
    enum demur_record_type type;
    struct demur_invitation invitation;
    struct span attributes[ATTRIBUTES_MAX];
    size_t attributes_len;
    uint64_t seq;
};

static enum demur_err build_invite(struct demur_client *c, void *ctx, struct buf *record,
                                   struct demur_diag *diag)
{
    struct invite_act *t = ctx;
    uint8_t public_key[32], secret_key[64];
    (void)diag;
    crypto_sign_seed_keypair(public_key, secret_key, t->invitation.secret);
    sodium_memzero(secret_key, sizeof secret_key);
    t->seq = act_seq(c, t->actor);
    demur_record_begin(record, t->type, c->options.channel);
    act_put_by(record, c, t->actor);
    demur_put_text(record, DEMUR_FIELD_HANDLE, span_str(t->invitation.handle));
    for (size_t i = 0; i < t->attributes_len; i++)
        demur_put_text(record, DEMUR_FIELD_ATTRIBUTE, t->attributes[i]);
    demur_put_bytes(record, DEMUR_FIELD_INVITATION, span_of(public_key, 32));
    demur_put_signature(record, DEMUR_FIELD_SIG, t->actor->keys.secret_key);
    return DEMUR_OK;
}

/* Six random bytes: opaque, and short enough to be read out. */
static void random_handle(char out[static DEMUR_WORD_MAX + 1])
{
    uint8_t bytes[6];
    struct buf b = buf_over(out, DEMUR_WORD_MAX);
    randombytes_buf(bytes, sizeof bytes);
    buf_put_str(&b, "m-");
    demur_base32_encode(&b, span_of(bytes, sizeof bytes));
    out[b.len] = 0;
}

enum demur_err demur_invitation_new(const struct demur_client *client, const char *handle,
                                    struct buf *line, struct demur_diag *diag)
{
    const struct demur_client_options *o = &client->options;
    struct demur_invitation in = {0};
    enum demur_err err = DEMUR_OK;
    memcpy(in.channel, o->channel, 32);
    randombytes_buf(in.secret, sizeof in.secret);
    if (!handle)
        random_handle(in.handle);
    else if (!demur_word_ok(span_str(handle)) ||
             !copy_text(in.handle, sizeof in.handle, span_str(handle)))
        err = demur_fail_at(diag, DEMUR_ERR_SYNTAX, 0, 0, "handle",
                            "\"%.80s\" is no handle: small letters, digits, \".\", \"_\" and "
                            "\"-\", at most %d of them",
                            handle, DEMUR_WORD_MAX);
    if (!err && (!o->url || !copy_text(in.url, sizeof in.url, span_str(o->url))))
        err = demur_fail(diag, DEMUR_ERR_IO, "an invitation needs the channel's address");
    if (!err && o->token && !copy_text(in.token, sizeof in.token, span_str(o->token)))
        err = demur_fail(diag, DEMUR_ERR_LIMIT, "the reading token is too long");
    if (!err) {
        demur_invitation_put(line, &in);
        err = buf_ok(line) ? DEMUR_OK
                           : demur_fail(diag, DEMUR_ERR_SPACE, "no room for an invitation");
    }
    demur_invitation_wipe(&in);
    return err;
}

static enum demur_err invite_send(struct demur_client *client, struct invite_act *t,
                                  struct span invitation, struct demur_sent *sent,
                                  struct demur_diag *diag)
{
    enum demur_err err = demur_invitation_parse(&t->invitation, invitation, diag);
    if (!err && memcmp(t->invitation.channel, client->options.channel, 32) != 0)
        err = demur_fail(diag, DEMUR_ERR_FORBIDDEN, "this invitation is to another channel");
    if (!err)
        err = act_run(client, RECENT_S, ACT_ONCE, build_invite, t, sent, diag);
    if (!err)
        act_done(t->actor, t->seq);
    demur_invitation_wipe(&t->invitation);
    return err;
}

enum demur_err demur_act_invite(struct demur_client *client, struct demur_actor *actor,
                                struct span invitation, const struct span *attributes,
                                size_t attributes_len, struct demur_sent *sent,
                                struct demur_diag *diag)
{
    struct invite_act t = {
        .actor = actor, .type = DEMUR_RECORD_INVITE, .attributes_len = attributes_len};
    if (attributes_len > ATTRIBUTES_MAX)
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "attribute",
                             "a member has at most %d attributes", ATTRIBUTES_MAX);
    for (size_t i = 0; i < attributes_len; i++)
        t.attributes[i] = attributes[i];
    qsort(t.attributes, attributes_len, sizeof t.attributes[0], by_bytes);
    return invite_send(client, &t, invitation, sent, diag);
}

/* ---- a lost device ---- */

enum demur_err demur_act_reinvite(struct demur_client *client, struct demur_actor *actor,
                                  struct span invitation, struct demur_sent *sent,
                                  struct demur_diag *diag)
{
    struct invite_act t = {.actor = actor, .type = DEMUR_RECORD_REKEY};
    return invite_send(client, &t, invitation, sent, diag);
}

/* ---- removing ---- */

struct revoke_act {
    struct demur_actor *actor;
    const char *handle;
    uint64_t seq;
};

static enum demur_err build_revoke(struct demur_client *c, void *ctx, struct buf *record,
                                   struct demur_diag *diag)
{
    struct revoke_act *t = ctx;
    (void)diag;
    t->seq = act_seq(c, t->actor);
    demur_record_begin(record, DEMUR_RECORD_REVOKE, c->options.channel);
    act_put_by(record, c, t->actor);
    demur_put_text(record, DEMUR_FIELD_HANDLE, span_str(t->handle));
    demur_put_signature(record, DEMUR_FIELD_SIG, t->actor->keys.secret_key);
    return DEMUR_OK;
}

enum demur_err demur_act_revoke(struct demur_client *client, struct demur_actor *actor,
                                const char *handle, struct demur_sent *sent,
                                struct demur_diag *diag)
{
    struct revoke_act t = {.actor = actor, .handle = handle};
    enum demur_err err = act_run(client, RECENT_S, ACT_ONCE, build_revoke, &t, sent, diag);
    if (!err)
        act_done(actor, t.seq);
    return err;
}

/* ---- joining ---- */

struct join_act {
    struct demur_identity *identity;
    const struct demur_invitation *invitation;
    uint64_t seq;
    bool again;
};

static enum demur_err build_join(struct demur_client *c, void *ctx, struct buf *record,
                                 struct demur_diag *diag)
{
    struct join_act *t = ctx;
    uint8_t entropy[64];
    uint32_t now = demur_time_epoch((int64_t)demur_client_now(c));
    /* A month may have ended since the identity was made. */
    uint32_t epoch = now > t->identity->epoch ? now : t->identity->epoch;
    /* Who joined before has a key for this month, and gets none beside it. */
    if (t->again && epoch == now)
        epoch++;
    struct demur_actor self;
    demur_actor_from_identity(&self, t->identity);
    t->seq = act_seq(c, &self);
    demur_actor_wipe(&self);
    randombytes_buf(entropy, sizeof entropy);
    enum demur_err err =
        demur_compose_member(record, t->identity, t->invitation, epoch, t->seq, entropy, diag);
    sodium_memzero(entropy, sizeof entropy);
    return err;
}

enum demur_err demur_act_join(struct demur_client *client, struct demur_identity *identity,
                              const struct demur_invitation *invitation, struct demur_sent *sent,
                              struct demur_diag *diag)
{
    struct join_act t = {.identity = identity, .invitation = invitation};
    struct demur_member_info info;
    enum demur_err err = act_begin(client, 0, diag);
    if (err)
        return err;
    struct span handle = span_str(invitation->handle);
    if (!demur_channel_member_find(client->channel, handle, &info))
        return demur_fail(
            diag, DEMUR_ERR_UNKNOWN,
            "this invitation is not in the log: whoever sent it did not finish inviting "
            "you, or meant another channel");
    struct demur_actor self;
    demur_actor_from_identity(&self, identity);
    bool done = info.joined && memcmp(info.key, self.keys.public_key, 32) == 0;
    demur_actor_wipe(&self);
    if (done)
        return act_receipt(client, info.joined_index, sent, diag);
    t.again = info.joined;
    err = demur_client_clock_check(client, diag);
    if (err)
        return err;
    err = act_run(client, RECENT_S, ACT_ONCE, build_join, &t, sent, diag);
    if (!err || err == DEMUR_ERR_TIME)
        identity->seq = t.seq;
    return err;
}

/* ---- going on ---- */

/* Is the member's ring key of that month, in the log, this identity's? */
static bool month_given(const struct demur_client *c, const struct demur_identity *id,
                        uint32_t epoch)
{
    uint8_t secret[32], key[32], logged[32];
    bool given = demur_identity_ring_key(id, epoch, secret, key, NULL) == DEMUR_OK &&
                 demur_channel_member_ring_key(c->channel, span_str(id->handle), epoch, logged) &&
                 memcmp(key, logged, 32) == 0;
    sodium_memzero(secret, sizeof secret);
    return given;
}

int demur_ring_months(const struct demur_client *client, const struct demur_identity *identity)
{
    uint32_t now = demur_time_epoch((int64_t)demur_client_view_time(client));
    int months = -1;
    while (months <= DEMUR_MEMBER_EPOCHS &&
           month_given(client, identity, now + (uint32_t)(months + 1)))
        months++;
    return months;
}

bool demur_ring_next(const struct demur_client *client, const struct demur_identity *identity)
{
    return month_given(client, identity,
                       demur_time_epoch((int64_t)demur_client_view_time(client)) + 1);
}

struct renew_act {
    struct demur_actor *member;
    uint32_t epoch, months;
    uint64_t seq;
};

static enum demur_err build_renew(struct demur_client *c, void *ctx, struct buf *record,
                                  struct demur_diag *diag)
{
    struct renew_act *t = ctx;
    uint8_t entropy[64];
    t->seq = act_seq(c, t->member);
    randombytes_buf(entropy, sizeof entropy);
    enum demur_err err = demur_compose_renew(record, t->member->identity, t->epoch, t->months,
                                             t->seq, entropy, diag);
    sodium_memzero(entropy, sizeof entropy);
    return err;
}

/* The receipt of the entry that brought the latest of these months' keys. */
static enum demur_err last_renewal(struct demur_client *c, const struct demur_identity *id,
                                   uint32_t first, uint32_t last, struct demur_sent *sent,
                                   struct demur_diag *diag)
{
    uint64_t latest = 0, index;
    for (uint32_t epoch = first; epoch <= last; epoch++)
        if (demur_channel_member_ring_entry(c->channel, span_str(id->handle), epoch, &index) &&
            index > latest)
            latest = index;
    return act_receipt(c, latest, sent, diag);
}

enum demur_err demur_act_renew(struct demur_client *client, struct demur_actor *member,
                               struct demur_sent *sent, struct demur_diag *diag)
{
    struct renew_act t = {.member = member};
    struct demur_member_info info;
    const struct demur_identity *id = member->identity;
    enum demur_err err = act_begin(client, 0, diag);
    if (!err)
        err = demur_client_clock_check(client, diag);
    if (!err && (!id->handle[0] ||
                 !demur_channel_member_find(client->channel, span_str(id->handle), &info) ||
                 !info.joined || info.revoked))
        err = demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                         "only a member renews: you have not joined this channel, or were removed");
    if (err)
        return err;
    /* The month under way has its key, or gets none any more. */
    uint32_t now = demur_time_epoch((int64_t)demur_client_view_time(client));
    uint32_t last = now + DEMUR_MEMBER_EPOCHS;
    for (t.epoch = now + 1; t.epoch <= last && month_given(client, id, t.epoch);)
        t.epoch++;
    t.months = last + 1 - t.epoch;
    if (t.months == 0)
        return last_renewal(client, id, now + 1, last, sent, diag);
    err = act_run(client, RECENT_S, ACT_ONCE, build_renew, &t, sent, diag);
    if (!err)
        act_done(member, t.seq);
    return err;
}

/* ---- another key, by the member ---- */

struct rekey_act {
    struct demur_actor *member;
    const struct demur_keys *next;
    uint64_t seq;
};

static enum demur_err build_rekey(struct demur_client *c, void *ctx, struct buf *record,
                                  struct demur_diag *diag)
{
    struct rekey_act *t = ctx;
    (void)diag;
    t->seq = act_seq(c, t->member);
    demur_record_begin(record, DEMUR_RECORD_REKEY, c->options.channel);
    act_put_by(record, c, t->member);
    demur_put_text(record, DEMUR_FIELD_HANDLE, span_str(t->member->identity->handle));
    demur_put_bytes(record, DEMUR_FIELD_KEY, span_of(t->next->public_key, 32));
    demur_put_text(record, DEMUR_FIELD_RECIPIENT, span_str(t->next->recipient));
    demur_put_signature(record, DEMUR_FIELD_KEY_SIG, t->next->secret_key);
    demur_put_signature(record, DEMUR_FIELD_SIG, t->member->keys.secret_key);
    return DEMUR_OK;
}

enum demur_err demur_act_rekey(struct demur_client *client, struct demur_actor *member,
                               const struct demur_identity *next, struct demur_sent *sent,
                               struct demur_diag *diag)
{
    struct demur_keys keys;
    struct rekey_act t = {.member = member, .next = &keys};
    struct demur_member_info info = {0};
    const char *handle = member->identity->handle;
    enum demur_err err = act_begin(client, 0, diag);
    if (!err &&
        (!handle[0] || !demur_channel_member_find(client->channel, span_str(handle), &info) ||
         !info.joined || info.revoked))
        err = demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                         "only a member has a key to replace: you have not joined this channel, "
                         "or were removed");
    if (err)
        return err;
    demur_keys_from_seed(&keys, next->seed);
    if (memcmp(info.key, keys.public_key, 32) != 0)
        err = act_run(client, 60, ACT_ONCE, build_rekey, &t, sent, diag);
    if (!err)
        act_done(member, t.seq);
    demur_keys_wipe(&keys);
    return err;
}
