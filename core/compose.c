#include "compose.h"

#include <sodium.h>

#include "card.h"
#include "civil.h"

static void put_epoch(struct buf *out, uint32_t epoch)
{
    uint8_t text[8];
    struct buf b = buf_over(text, sizeof text);
    demur_epoch_put(&b, epoch);
    demur_put_text(out, DEMUR_FIELD_EPOCH, buf_span(&b));
}

static enum demur_err finish(const struct buf *out, struct demur_diag *diag)
{
    return buf_ok(out) ? DEMUR_OK : demur_fail(diag, DEMUR_ERR_SPACE, "the record is too long");
}

/* The ring keys and the proof that all of them are held. */
static enum demur_err put_ring_keys(struct buf *out, const struct demur_identity *identity,
                                    uint32_t epoch, uint32_t n, const uint8_t entropy[static 64],
                                    struct demur_diag *diag)
{
    uint8_t secrets[DEMUR_MEMBER_EPOCHS][32], keys[DEMUR_MEMBER_EPOCHS][32];
    uint8_t proof[DEMUR_POSSESSION_LEN];
    enum demur_err err = DEMUR_OK;
    for (uint32_t i = 0; !err && i < n; i++)
        err = demur_identity_ring_key(identity, epoch + i, secrets[i], keys[i], diag);
    if (!err) {
        demur_put_bytes(out, DEMUR_FIELD_RING_KEYS, span_of(keys, (size_t)n * 32));
        err = demur_possession_prove(proof, (const uint8_t(*)[32])secrets,
                                     (const uint8_t(*)[32])keys, n, buf_span(out), entropy);
        if (err)
            (void)demur_fail(diag, err, "the proof of possession could not be made");
    }
    if (!err)
        demur_put_bytes(out, DEMUR_FIELD_POSSESSION, span_of(proof, sizeof proof));
    sodium_memzero(secrets, sizeof secrets);
    return err;
}

enum demur_err demur_compose_member(struct buf *out, const struct demur_identity *identity,
                                    const struct demur_invitation *invitation, uint32_t epoch,
                                    uint64_t seq, const uint8_t entropy[static 64],
                                    struct demur_diag *diag)
{
    struct demur_keys keys;
    uint8_t invited_public[32], invited_secret[64];
    demur_keys_from_seed(&keys, identity->seed);
    crypto_sign_seed_keypair(invited_public, invited_secret, invitation->secret);
    demur_record_begin(out, DEMUR_RECORD_MEMBER, identity->channel);
    demur_put_bytes(out, DEMUR_FIELD_BY, span_of(keys.public_key, 32));
    demur_put_number(out, DEMUR_FIELD_SEQ, seq);
    demur_put_text(out, DEMUR_FIELD_HANDLE, span_str(identity->handle));
    demur_put_bytes(out, DEMUR_FIELD_INVITATION, span_of(invited_public, 32));
    demur_put_text(out, DEMUR_FIELD_RECIPIENT, span_str(keys.recipient));
    put_epoch(out, epoch);
    enum demur_err err = put_ring_keys(out, identity, epoch, DEMUR_MEMBER_EPOCHS, entropy, diag);
    if (!err) {
        demur_put_signature(out, DEMUR_FIELD_INVITATION_SIG, invited_secret);
        demur_put_signature(out, DEMUR_FIELD_SIG, keys.secret_key);
        err = finish(out, diag);
    }
    demur_keys_wipe(&keys);
    sodium_memzero(invited_secret, sizeof invited_secret);
    return err;
}

enum demur_err demur_compose_renew(struct buf *out, const struct demur_identity *identity,
                                   uint32_t epoch, uint32_t n, uint64_t seq,
                                   const uint8_t entropy[static 64], struct demur_diag *diag)
{
    struct demur_keys keys;
    if (n == 0 || n > DEMUR_MEMBER_EPOCHS)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a member renews for 1 to %d months",
                          DEMUR_MEMBER_EPOCHS);
    demur_keys_from_seed(&keys, identity->seed);
    demur_record_begin(out, DEMUR_RECORD_RENEW, identity->channel);
    demur_put_bytes(out, DEMUR_FIELD_BY, span_of(keys.public_key, 32));
    demur_put_number(out, DEMUR_FIELD_SEQ, seq);
    demur_put_text(out, DEMUR_FIELD_HANDLE, span_str(identity->handle));
    put_epoch(out, epoch);
    enum demur_err err = put_ring_keys(out, identity, epoch, n, entropy, diag);
    if (!err) {
        demur_put_signature(out, DEMUR_FIELD_SIG, keys.secret_key);
        err = finish(out, diag);
    }
    demur_keys_wipe(&keys);
    return err;
}

static void put_subsets(struct buf *out, const struct span *subsets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        demur_put_text(out, DEMUR_FIELD_SUBSET, subsets[i]);
}

static void put_opening(struct buf *out, const struct demur_filing_facts *f)
{
    demur_put_bytes(out, DEMUR_FIELD_CASE_KEY, span_of(f->case_keys->public_key, 32));
    demur_put_text(out, DEMUR_FIELD_CASE_RECIPIENT, span_str(f->case_keys->recipient));
    demur_put_hash(out, DEMUR_FIELD_POLICY, f->policy);
    put_epoch(out, f->epoch);
    demur_put_number(out, DEMUR_FIELD_ROSTER, f->roster);
    demur_put_hash(out, DEMUR_FIELD_RING, f->ring->digest);
    demur_put_number(out, DEMUR_FIELD_SLOT, f->slot);
    put_subsets(out, f->subsets, f->subsets_len);
    demur_put_blob(out, DEMUR_FIELD_CARD, &f->card);
}

static void put_text(struct buf *out, const struct demur_filing_facts *f, bool files)
{
    demur_put_number(out, DEMUR_FIELD_REVISION, f->revision);
    demur_put_hash(out, DEMUR_FIELD_COMMITMENT, f->commitment);
    demur_put_blob(out, DEMUR_FIELD_MEMO, &f->memo);
    if (files)
        demur_put_hash(out, DEMUR_FIELD_RELEASE, f->release);
    for (size_t i = 0; i < f->attachments_len; i++)
        demur_put_blob(out, DEMUR_FIELD_ATTACHMENT, &f->attachments[i]);
    if (!files && f->keys.size)
        demur_put_blob(out, DEMUR_FIELD_KEYS, &f->keys);
    for (size_t i = 0; files && i < f->to_len; i++)
        demur_put_text(out, DEMUR_FIELD_TO, f->to[i]);
}

static enum demur_err put_proof(struct buf *out, enum demur_field field,
                                const struct demur_ring *ring, const struct buf *scope,
                                const uint8_t ring_secret[static 32],
                                const uint8_t entropy[static 64], struct demur_diag *diag)
{
    uint8_t proof[DEMUR_RING_SIGNATURE_MAX];
    struct buf p = buf_over(proof, sizeof proof);
    if (!buf_ok(scope))
        return demur_fail(diag, DEMUR_ERR_SPACE, "the scope is too long");
    enum demur_err err =
        demur_ring_sign(&p, ring, ring_secret, buf_span(scope), buf_span(out), entropy);
    if (err == DEMUR_ERR_UNKNOWN)
        return demur_fail(diag, err,
                          "you are not among the members whom the policy lets sign this");
    if (err)
        return demur_fail(diag, err, "the ring signature could not be made");
    demur_put_bytes(out, field, buf_span(&p));
    return DEMUR_OK;
}

static enum demur_err put_slot_proof(struct buf *out, const struct demur_filing_facts *f,
                                     const uint8_t ring_secret[static 32],
                                     const uint8_t entropy[static 64], struct demur_diag *diag)
{
    uint8_t text[DEMUR_SCOPE_MAX];
    struct buf scope = buf_over(text, sizeof text);
    demur_scope_file(&scope, f->channel, f->epoch, f->slot);
    return put_proof(out, DEMUR_FIELD_SLOT_PROOF, f->ring, &scope, ring_secret, entropy, diag);
}

static enum demur_err put_own_proof(struct buf *out, const uint8_t *channel, struct span dissent,
                                    uint32_t revision, const struct demur_ring *signers,
                                    const uint8_t ring_secret[static 32],
                                    const uint8_t entropy[static 64], struct demur_diag *diag)
{
    uint8_t text[DEMUR_SCOPE_MAX];
    struct buf scope = buf_over(text, sizeof text);
    demur_scope_cosign(&scope, channel, dissent, revision);
    return put_proof(out, DEMUR_FIELD_PROOF, signers, &scope, ring_secret, entropy, diag);
}

static enum demur_err author_proof(struct buf *out, const struct demur_filing_facts *f,
                                   const char *id, const uint8_t ring_secret[static 32],
                                   const uint8_t entropy[static 64], struct demur_diag *diag)
{
    return put_own_proof(out, f->channel, span_str(id), f->revision, f->signers, ring_secret,
                         entropy, diag);
}

static enum demur_err sign_case(struct buf *out, const struct demur_filing_facts *f,
                                struct demur_diag *diag)
{
    demur_put_signature(out, DEMUR_FIELD_SIG, f->case_keys->secret_key);
    return finish(out, diag);
}

static void begin_case(struct buf *out, enum demur_record_type type,
                       const struct demur_filing_facts *f, char id[static 33])
{
    demur_dissent_id(id, f->case_keys->public_key);
    demur_record_begin(out, type, f->channel);
    demur_put_text(out, DEMUR_FIELD_DISSENT, span_str(id));
}

static enum demur_err compose_opening(struct buf *out, enum demur_record_type type,
                                      const struct demur_filing_facts *facts,
                                      const uint8_t ring_secret[static 32],
                                      const uint8_t entropy[static 128], struct demur_diag *diag)
{
    static const char *const audiences[] = {
        [DEMUR_AUDIENCE_INVITED] = "invited", [DEMUR_AUDIENCE_MEMBERS] = "members"};
    char id[33];
    begin_case(out, type, facts, id);
    put_opening(out, facts);
    put_text(out, facts, type == DEMUR_RECORD_FILE);
    if (type == DEMUR_RECORD_CIRCULATE) {
        demur_put_text(out, DEMUR_FIELD_AUDIENCE, span_str(audiences[facts->audience]));
        demur_put_number(out, DEMUR_FIELD_UNTIL, facts->until);
    }
    enum demur_err err = put_slot_proof(out, facts, ring_secret, entropy, diag);
    if (!err)
        err = author_proof(out, facts, id, ring_secret, entropy + 64, diag);
    return err ? err : sign_case(out, facts, diag);
}

enum demur_err demur_compose_file(struct buf *out, const struct demur_filing_facts *facts,
                                  const uint8_t ring_secret[static 32],
                                  const uint8_t entropy[static 128], struct demur_diag *diag)
{
    return compose_opening(out, DEMUR_RECORD_FILE, facts, ring_secret, entropy, diag);
}

enum demur_err demur_compose_circulate(struct buf *out, const struct demur_filing_facts *facts,
                                       const uint8_t ring_secret[static 32],
                                       const uint8_t entropy[static 128], struct demur_diag *diag)
{
    return compose_opening(out, DEMUR_RECORD_CIRCULATE, facts, ring_secret, entropy, diag);
}

enum demur_err demur_compose_revise(struct buf *out, const struct demur_filing_facts *facts,
                                    const uint8_t ring_secret[static 32],
                                    const uint8_t entropy[static 64], struct demur_diag *diag)
{
    char id[33];
    begin_case(out, DEMUR_RECORD_REVISE, facts, id);
    demur_put_hash(out, DEMUR_FIELD_ON, facts->on);
    put_subsets(out, facts->subsets, facts->subsets_len);
    demur_put_blob(out, DEMUR_FIELD_CARD, &facts->card);
    put_text(out, facts, false);
    enum demur_err err = author_proof(out, facts, id, ring_secret, entropy, diag);
    return err ? err : sign_case(out, facts, diag);
}

enum demur_err demur_compose_file_after(struct buf *out, const struct demur_filing_facts *facts,
                                        struct demur_diag *diag)
{
    char id[33];
    begin_case(out, DEMUR_RECORD_FILE, facts, id);
    demur_put_hash(out, DEMUR_FIELD_ON, facts->on);
    put_text(out, facts, true);
    return sign_case(out, facts, diag);
}

static enum demur_err compose_signature(struct buf *out, enum demur_record_type type,
                                        const struct demur_cosign_facts *facts,
                                        const uint8_t ring_secret[static 32],
                                        const uint8_t entropy[static 64], struct demur_diag *diag)
{
    demur_record_begin(out, type, facts->channel);
    demur_put_text(out, DEMUR_FIELD_DISSENT, facts->dissent);
    put_subsets(out, facts->subsets, facts->subsets_len);
    if (type == DEMUR_RECORD_COSIGN)
        demur_put_blob(out, DEMUR_FIELD_CARD, &facts->card);
    demur_put_number(out, DEMUR_FIELD_REVISION, facts->revision);
    if (type == DEMUR_RECORD_COSIGN)
        demur_put_hash(out, DEMUR_FIELD_COMMITMENT, facts->commitment);
    enum demur_err err = put_own_proof(out, facts->channel, facts->dissent, facts->revision,
                                       facts->signers, ring_secret, entropy, diag);
    return err ? err : finish(out, diag);
}

enum demur_err demur_compose_cosign(struct buf *out, const struct demur_cosign_facts *facts,
                                    const uint8_t ring_secret[static 32],
                                    const uint8_t entropy[static 64], struct demur_diag *diag)
{
    return compose_signature(out, DEMUR_RECORD_COSIGN, facts, ring_secret, entropy, diag);
}

enum demur_err demur_compose_unsign(struct buf *out, const struct demur_cosign_facts *facts,
                                    const uint8_t ring_secret[static 32],
                                    const uint8_t entropy[static 64], struct demur_diag *diag)
{
    return compose_signature(out, DEMUR_RECORD_UNSIGN, facts, ring_secret, entropy, diag);
}
