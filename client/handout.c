/* The key that opens what circulates, for every member of its ring: sealed to them by the
 * author, and opened by each. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/handout.h"
#include "filing.h"

/* The age key of the ring's i-th member as the roster has it; who was removed from it since
 * reads nothing new, and is stood in for by a key that nobody keeps. */
static void recipient_of(const struct making *m, size_t i, struct demur_age_recipient *out)
{
    struct demur_member_info member;
    if (!demur_channel_ring_key_owner(m->c->channel, m->whole.keys[i], &member) || member.revoked ||
        demur_age_recipient_parse(out, span_str(member.recipient), NULL) != DEMUR_OK)
        strangers(out, 1);
}

static enum demur_err put_part(const struct making *m, const struct demur_age_identity *key,
                               size_t first, size_t n, struct buf *out, struct demur_diag *diag)
{
    struct demur_age_recipient to[DEMUR_HANDOUT_PART];
    uint8_t entropy[DEMUR_AGE_ENTROPY_LEN(DEMUR_HANDOUT_PART)];
    for (size_t i = 0; i < n; i++)
        recipient_of(m, first + i, &to[i]);
    randombytes_buf(entropy, DEMUR_AGE_ENTROPY_LEN(n));
    enum demur_err err =
        demur_handout_put(out, key, to, n, span_of(entropy, DEMUR_AGE_ENTROPY_LEN(n)), diag);
    sodium_memzero(entropy, sizeof entropy);
    return err;
}

enum demur_err making_handout(struct making *m, struct demur_diag *diag)
{
    struct demur_draft *d = m->draft;
    struct demur_age_identity key;
    size_t n = m->whole.n;
    struct buf out = heap_buf((size_t)demur_handout_len(n));
    if (!out.p)
        return no_memory(diag);
    enum demur_err err = DEMUR_OK;
    demur_circulation_key(&key, d->secret, m->c->options.channel, d->revision);
    for (size_t at = 0; !err && at < n; at += DEMUR_HANDOUT_PART) {
        size_t part = n - at < DEMUR_HANDOUT_PART ? n - at : DEMUR_HANDOUT_PART;
        err = put_part(m, &key, at, part, &out, diag);
        client_progress(m->c, "sealing to the members", at + part, n);
    }
    sodium_memzero(&key, sizeof key);
    if (!err)
        sealed_take(&d->handout, &out);
    heap_buf_free(&out);
    return err;
}

/* ---- reading ---- */

/* An entry before which the present text cannot have been sealed: that of the text before it,
 * or for the first the one at which its ring was pinned. */
static uint64_t sealed_after(const struct demur_client *c, const struct demur_dissent_info *info)
{
    struct demur_event e;
    uint64_t before = info->roster, last = info->roster;
    for (size_t i = 0; demur_channel_event(c->channel, span_str(info->id), i, &e); i++)
        if (e.type == DEMUR_RECORD_CIRCULATE || e.type == DEMUR_RECORD_REVISE) {
            before = last;
            last = e.index;
        }
    return before;
}

/* Does the roster have this key for the member since an entry at or behind `from`? */
static enum demur_err is_new(struct demur_client *c, const uint8_t key[static 32], uint64_t from,
                             bool *is, struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    *is = false;
    for (uint64_t i = from; !err && !*is && i < c->size; i++) {
        struct demur_bytes entry = {0};
        uint8_t brought[32];
        uint64_t at;
        err = case_record(c, i, &entry, &at, diag);
        bool brings = !err && (c->record->type == DEMUR_RECORD_REKEY
                                   ? demur_record_key(c->record, DEMUR_FIELD_KEY, brought)
                                   : c->record->type == DEMUR_RECORD_MEMBER &&
                                         demur_record_key(c->record, DEMUR_FIELD_BY, brought));
        *is = brings && memcmp(brought, key, 32) == 0;
        demur_bytes_free(&entry);
    }
    return err;
}

/* Who asks for the link tells the author who they are: that is for a reader to decide who knows
 * why they are left out. */
static enum demur_err not_for_you(struct demur_client *c, const struct demur_actor *actor,
                                  const struct demur_dissent_info *info,
                                  const struct demur_member_info *member, struct demur_diag *diag)
{
    bool other = memcmp(member->key, actor->keys.public_key, 32) != 0;
    enum demur_err err = DEMUR_OK;
    if (member->revoked)
        return demur_fail(diag, DEMUR_ERR_KEY,
                          "this text was sealed to the members without you, who were removed from "
                          "the roster: you need the link that its author sends");
    if (!other)
        err = is_new(c, member->key, sealed_after(c, info), &other, diag);
    if (err)
        return err;
    return demur_fail(diag, DEMUR_ERR_KEY,
                      other ? "this text was sealed to another key of yours than this identity's: "
                              "the roster has changed yours; you need the link that its author "
                              "sends"
                            : "its author did not seal this text to you, as they should have: the "
                              "roster has had no other key of yours since; to ask for the link "
                              "would tell its author who you are");
}

/* The place of this identity in the ring, and how many are in it. */
static enum demur_err find_place(const struct demur_client *c, const struct demur_actor *actor,
                                 const struct demur_dissent_info *info,
                                 struct demur_member_info *member, uint32_t *place, uint32_t *n,
                                 struct demur_diag *diag)
{
    uint8_t key[32];
    struct span handle = span_str(actor->identity->handle);
    if (!handle.len || !demur_channel_member_find(c->channel, handle, member) || !member->joined)
        return demur_fail(diag, DEMUR_ERR_KEY,
                          "this memo circulates among the members, and this identity is none: you "
                          "need the link that its author sends");
    if (!demur_channel_member_ring_key(c->channel, handle, info->epoch, key) ||
        !demur_channel_dissent_place(c->channel, span_str(info->id), key, place, n))
        return demur_fail(diag, DEMUR_ERR_KEY,
                          "this memo circulates among those who were members when it was opened, "
                          "and you were not, or the policy leaves you out: you need the link that "
                          "its author sends");
    return DEMUR_OK;
}

enum demur_err handout_open(struct demur_client *c, struct demur_actor *actor,
                            const struct demur_dissent_info *info,
                            const struct demur_blob_ref *sealed, struct demur_bytes *file,
                            struct demur_diag *diag)
{
    struct demur_member_info member;
    struct demur_bytes blob = {0};
    uint32_t place = 0, n = 0;
    enum demur_err err = find_place(c, actor, info, &member, &place, &n, diag);
    if (!err)
        err = demur_client_blob(c, sealed, file, diag);
    if (err || sodium_memcmp(actor->handout, info->keys.hash, 32) == 0)
        return err;
    err = case_not_expunged(c, info, info->keys.hash, diag);
    /* All of it: which part somebody asked for would tell the server who reads. */
    if (!err)
        err = demur_client_blob(c, &info->keys, &blob, diag);
    if (err)
        return err;
    err = demur_handout_open(&actor->circulation, demur_bytes_span(&blob), n, place,
                             &actor->keys.age, diag);
    demur_bytes_free(&blob);
    if (!err)
        memcpy(actor->handout, info->keys.hash, 32);
    return err == DEMUR_ERR_KEY ? not_for_you(c, actor, info, &member, diag) : err;
}
