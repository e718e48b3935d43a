/* The cryptography of one record, apart from its signer's right to act. It
 * rests only on facts that never change once they are in the channel, so a
 * verdict stays true while other records are applied. */
#include "card.h"
#include "channel_state.h"
#include "hash.h"

#define SUBSETS_MAX 16

struct verifying {
    const struct demur_channel *c;
    const struct demur_record *r;
    struct demur_verdict *out;
    struct demur_diag *diag;
};

static enum demur_err check_sig(struct verifying *v, enum demur_field field, const uint8_t *key)
{
    if (!demur_record_verify(v->r, field, key))
        return demur_fail_at(v->diag, DEMUR_ERR_VERIFY, 0, 0, demur_field_name(field),
                             "the signature in %s does not verify", demur_field_name(field));
    return DEMUR_OK;
}

static enum demur_err check_sig_by(struct verifying *v, enum demur_field signer)
{
    uint8_t key[32] = {0};
    demur_record_key(v->r, signer, key);
    return check_sig(v, DEMUR_FIELD_SIG, key);
}

static enum demur_err check_possession(struct verifying *v)
{
    uint8_t keys[13][32], proof[DEMUR_POSSESSION_LEN];
    size_t n = channel_ring_keys(v->r, keys);
    struct buf out = buf_over(proof, sizeof proof);
    if (n == 0 || !demur_record_bytes(v->r, DEMUR_FIELD_POSSESSION, &out))
        return demur_fail_at(v->diag, DEMUR_ERR_SYNTAX, 0, 0, "ring-keys",
                             "ring-keys holds 1 to 13 keys of 32 bytes");
    return demur_possession_verify(proof, (const uint8_t(*)[32])keys, n,
                                   demur_record_signed(v->r, DEMUR_FIELD_POSSESSION), v->diag);
}

static enum demur_err verify_member(struct verifying *v)
{
    uint8_t key[32];
    enum demur_err err = check_sig_by(v, DEMUR_FIELD_BY);
    if (err)
        return err;
    if (v->r->type == DEMUR_RECORD_MEMBER) {
        demur_record_key(v->r, DEMUR_FIELD_INVITATION, key);
        if ((err = check_sig(v, DEMUR_FIELD_INVITATION_SIG, key)))
            return err;
    }
    return check_possession(v);
}

static enum demur_err verify_rekey(struct verifying *v)
{
    uint8_t key[32];
    enum demur_err err = check_sig_by(v, DEMUR_FIELD_BY);
    if (err || !demur_record_key(v->r, DEMUR_FIELD_KEY, key))
        return err;
    return check_sig(v, DEMUR_FIELD_KEY_SIG, key);
}

/* Verify the ring signature in `field` over `ring` and give its tag. */
static enum demur_err check_proof(struct verifying *v, enum demur_field field,
                                  const struct ring *ring, struct span scope,
                                  uint8_t tag[static 32])
{
    uint8_t proof[DEMUR_RING_SIGNATURE_MAX];
    struct buf out = buf_over(proof, sizeof proof);
    if (!demur_record_bytes(v->r, field, &out))
        return demur_fail_at(v->diag, DEMUR_ERR_SYNTAX, 0, 0, demur_field_name(field),
                             "%s is no ring signature", demur_field_name(field));
    /* The members' keys were checked when they proved possession of them. */
    struct demur_ring checked = {.keys = (const uint8_t(*)[32])ring->keys, .n = ring->n};
    memcpy(checked.digest, ring->digest, 32);
    struct demur_diag diag = {0};
    enum demur_err err = ring->n == 0
                             ? DEMUR_ERR_MISSING
                             : demur_ring_verify(buf_span(&out), &checked, scope,
                                                 demur_record_signed(v->r, field), tag, &diag);
    if (err)
        return demur_fail_at(v->diag, DEMUR_ERR_VERIFY, 0, 0, demur_field_name(field),
                             "the ring signature in %s does not verify: %s",
                             demur_field_name(field), ring->n ? diag.text : "its ring is empty");
    return DEMUR_OK;
}

/* `proof` over the dissent's ring or the part that the record's subsets select. */
static enum demur_err check_cosign(struct verifying *v, size_t policy, uint32_t epoch,
                                   uint64_t roster, const struct ring *whole)
{
    uint8_t text[DEMUR_SCOPE_MAX];
    struct buf scope = buf_over(text, sizeof text);
    demur_scope_cosign(&scope, v->c->fingerprint, demur_record_get(v->r, DEMUR_FIELD_DISSENT),
                       demur_record_number(v->r, DEMUR_FIELD_REVISION));

    struct span subsets[SUBSETS_MAX];
    size_t n = channel_subsets(v->r, subsets, SUBSETS_MAX);
    if (n > SUBSETS_MAX)
        return demur_fail_at(v->diag, DEMUR_ERR_LIMIT, 0, 0, "subset", "at most %d subsets",
                             SUBSETS_MAX);
    if (n == 0)
        return check_proof(v, DEMUR_FIELD_PROOF, whole, buf_span(&scope), v->out->tag);
    struct ring part;
    enum demur_err err = channel_ring_make(v->c, policy, epoch, roster, subsets, n, &part, v->diag);
    if (err)
        return err;
    if (part.n < v->c->policies[policy].policy->ring_min)
        err = demur_fail_at(v->diag, DEMUR_ERR_FORBIDDEN, 0, 0, "subset",
                            "only %zu members are in this part of the ring; the policy wants at "
                            "least %u, so that nobody is singled out",
                            part.n, v->c->policies[policy].policy->ring_min);
    if (!err)
        err = check_proof(v, DEMUR_FIELD_PROOF, &part, buf_span(&scope), v->out->tag);
    channel_ring_release(&part);
    return err;
}

static enum demur_err check_slot(struct verifying *v, uint32_t epoch, const struct ring *ring)
{
    uint8_t text[DEMUR_SCOPE_MAX];
    struct buf scope = buf_over(text, sizeof text);
    demur_scope_file(&scope, v->c->fingerprint, epoch, demur_record_number(v->r, DEMUR_FIELD_SLOT));
    return check_proof(v, DEMUR_FIELD_SLOT_PROOF, ring, buf_span(&scope), v->out->slot_tag);
}

/* All ten fields of the opening group, or none: records.md section 4. */
static enum demur_err check_group(struct verifying *v, bool *opens)
{
    static const enum demur_field group[] = {
        DEMUR_FIELD_CASE_KEY,   DEMUR_FIELD_CASE_RECIPIENT, DEMUR_FIELD_POLICY, DEMUR_FIELD_EPOCH,
        DEMUR_FIELD_ROSTER,     DEMUR_FIELD_RING,           DEMUR_FIELD_SLOT,   DEMUR_FIELD_CARD,
        DEMUR_FIELD_SLOT_PROOF, DEMUR_FIELD_PROOF,
    };
    size_t have = 0;
    for (size_t i = 0; i < DEMUR_COUNT(group); i++)
        have += demur_record_has(v->r, group[i]);
    bool on = demur_record_has(v->r, DEMUR_FIELD_ON);
    *opens = have == DEMUR_COUNT(group);
    bool none = have == 0 && !demur_record_has(v->r, DEMUR_FIELD_SUBSET);
    if ((*opens && !on) || (none && on))
        return DEMUR_OK;
    return demur_fail(v->diag, DEMUR_ERR_SYNTAX,
                      "a file record has either every field that opens a dissent, or none of them "
                      "and an on");
}

static enum demur_err verify_opening(struct verifying *v)
{
    uint8_t key[32], entry[32], digest[32];
    char id[33];
    uint32_t epoch = 0;
    uint32_t policy;
    uint64_t roster = demur_record_number(v->r, DEMUR_FIELD_ROSTER);
    demur_record_key(v->r, DEMUR_FIELD_CASE_KEY, key);
    demur_dissent_id(id, key);
    if (!span_eq_str(demur_record_get(v->r, DEMUR_FIELD_DISSENT), id))
        return demur_fail_at(v->diag, DEMUR_ERR_VERIFY, 0, 0, "dissent",
                             "the dissent's id is not that of its case key");
    enum demur_err err = check_sig(v, DEMUR_FIELD_SIG, key);
    if (err)
        return err;
    demur_record_hash(v->r, DEMUR_FIELD_POLICY, entry);
    if (!channel_policy_by(v->c, entry, &policy))
        return demur_fail_at(v->diag, DEMUR_ERR_STALE, 0, 0, "policy",
                             "this channel has no such policy");
    if (!demur_epoch_parse(demur_record_get(v->r, DEMUR_FIELD_EPOCH), &epoch))
        return demur_fail_at(v->diag, DEMUR_ERR_SYNTAX, 0, 0, "epoch", "no month");
    struct ring ring;
    demur_record_hash(v->r, DEMUR_FIELD_RING, digest);
    uint32_t pinned = channel_ring_pinned(v->c, policy, epoch, roster, digest);
    err = pinned < v->c->rings_len
              ? channel_ring_load(v->c, &v->c->rings[pinned], &ring, v->diag)
              : channel_ring_make(v->c, policy, epoch, roster, NULL, 0, &ring, v->diag);
    if (err)
        return err;
    if (memcmp(digest, ring.digest, 32) != 0)
        err = demur_fail_at(v->diag, DEMUR_ERR_STALE, 0, 0, "ring",
                            "the ring's digest is not that of the log's members");
    if (!err)
        err = check_slot(v, epoch, &ring);
    if (!err)
        err = check_cosign(v, policy, epoch, roster, &ring);
    channel_ring_release(&ring);
    return err;
}

static enum demur_err find_case(struct verifying *v, const struct dissent **out)
{
    struct span id = demur_record_get(v->r, DEMUR_FIELD_DISSENT);
    *out = channel_dissent_by(v->c, id);
    if (!*out)
        return demur_fail_at(v->diag, DEMUR_ERR_UNKNOWN, 0, 0, "dissent",
                             "there is no dissent %.*s", SPAN_ARG(id));
    return DEMUR_OK;
}

static enum demur_err verify_case(struct verifying *v, bool with_sig, bool with_proof)
{
    const struct dissent *d;
    struct ring ring = {0};
    enum demur_err err = find_case(v, &d);
    if (!err && with_sig)
        err = check_sig(v, DEMUR_FIELD_SIG, d->case_key);
    if (err || !with_proof)
        return err;
    err = channel_ring_load(v->c, &v->c->rings[d->ring], &ring, v->diag);
    if (!err)
        err = check_cosign(v, d->policy, d->epoch, d->roster, &ring);
    channel_ring_release(&ring);
    return err;
}

static enum demur_err verify_by_type(struct verifying *v)
{
    bool opens = true;
    enum demur_err err;
    switch (v->r->type) {
    case DEMUR_RECORD_CHANNEL:
        return check_sig_by(v, DEMUR_FIELD_ROOT_KEY);
    case DEMUR_RECORD_MEMBER:
    case DEMUR_RECORD_RENEW:
        return verify_member(v);
    case DEMUR_RECORD_REKEY:
        return verify_rekey(v);
    case DEMUR_RECORD_CIRCULATE:
        return verify_opening(v);
    case DEMUR_RECORD_FILE:
        err = check_group(v, &opens);
        return err ? err : opens ? verify_opening(v) : verify_case(v, true, false);
    case DEMUR_RECORD_REVISE:
        return verify_case(v, true, true);
    case DEMUR_RECORD_COSIGN:
    case DEMUR_RECORD_UNSIGN:
        return verify_case(v, false, true);
    case DEMUR_RECORD_WITHDRAW:
    case DEMUR_RECORD_APPEAL:
        return verify_case(v, true, false);
    case DEMUR_RECORD_SAY:
    case DEMUR_RECORD_SHARE:
        if (!demur_record_has(v->r, DEMUR_FIELD_BY))
            return verify_case(v, true, false);
        return check_sig_by(v, DEMUR_FIELD_BY);
    default:
        return check_sig_by(v, DEMUR_FIELD_BY);
    }
}

enum demur_err demur_channel_verify(const struct demur_channel *c, const struct demur_record *r,
                                    struct demur_verdict *out, struct demur_diag *diag)
{
    struct demur_verdict verdict = {0};
    struct verifying v = {c, r, &verdict, diag};
    enum demur_err err = verify_by_type(&v);
    if (err)
        return err;
    demur_hash(verdict.record, r->text);
    verdict.verified = true;
    *out = verdict;
    return DEMUR_OK;
}

bool demur_channel_verify_alone(const struct demur_record *r)
{
    switch (r->type) {
    case DEMUR_RECORD_CIRCULATE:
    case DEMUR_RECORD_FILE:
    case DEMUR_RECORD_REVISE:
    case DEMUR_RECORD_COSIGN:
    case DEMUR_RECORD_UNSIGN:
    case DEMUR_RECORD_WITHDRAW:
    case DEMUR_RECORD_APPEAL:
        return false;
    case DEMUR_RECORD_SAY:
    case DEMUR_RECORD_SHARE:
        return demur_record_has(r, DEMUR_FIELD_BY);
    default:
        return true;
    }
}
