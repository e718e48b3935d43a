/* Making a draft: everything is checked, sealed and signed before anything leaves
 * this machine. */
#include <sodium.h>
#include <stdlib.h>

#include "filing.h"

/* ---- who files ---- */

static enum demur_err check_naming(const struct making *m, struct demur_diag *diag)
{
    bool named = m->filing->named;
    uint32_t wanted =
        named ? DEMUR_IDENTITY_NAMED | DEMUR_IDENTITY_OFFICE_ONLY : DEMUR_IDENTITY_ANONYMOUS;
    if (m->policy->identities & wanted)
        return DEMUR_OK;
    return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                      named ? "the policy takes no filings under a name"
                            : "the policy takes no anonymous filings: file under your name, which "
                              "only the offices will read");
}

static enum demur_err know_member(struct making *m, struct demur_diag *diag)
{
    const struct demur_identity *id = m->member->identity;
    struct demur_member_info info;
    if (!id || !id->handle[0])
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                          "only a member can file: this identity did not join by an invitation");
    struct span handle = span_str(id->handle), one;
    if (!demur_channel_member_find(m->c->channel, handle, &info) || !info.joined)
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN, "you have not joined this channel yet");
    if (info.revoked)
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN, "you were removed from this channel's roster");
    for (size_t i = 0; i < DEMUR_COUNT(m->attributes); i++) {
        bool found;
        one = demur_channel_member_attribute(m->c->channel, handle, i);
        if (!one.p)
            break;
        m->attributes[i].name = span_split(&one, '=', &found);
        m->attributes[i].value = one;
        m->attributes_len++;
    }
    return DEMUR_OK;
}

/* A filing that is not confirmed may be in the log already, or get there: a second one
 * beside it would be another dissent. */
static enum demur_err none_waits(const struct making *m, struct demur_diag *diag)
{
    char waiting[33];
    return demur_outbox_next(m->c, 0, waiting)
               ? demur_fail(diag, DEMUR_ERR_STAGE,
                            "the filing of dissent %.8s is not confirmed yet: send it again, or "
                            "give it up, before you file another",
                            waiting)
               : DEMUR_OK;
}

static enum demur_err know_channel(struct making *m, struct demur_diag *diag)
{
    enum demur_err err = none_waits(m, diag);
    if (!err)
        err = act_begin(m->c, 0, diag);
    /* The memo tells its readers the date, and the ring key is that of the month: a wrong
     * clock would be sealed in, and could tell the machine from others. */
    if (!err)
        err = demur_client_clock_check(m->c, diag);
    if (err)
        return err;
    m->policy = demur_channel_policy(m->c->channel, m->policy_entry);
    if (!m->policy)
        return demur_fail(diag, DEMUR_ERR_STAGE, "the channel has no policy yet");
    err = know_member(m, diag);
    return err ? err : check_naming(m, diag);
}

/* ---- the record ---- */

static void make_phrase(struct demur_draft *d, const uint8_t fingerprint[static 32])
{
    struct buf phrase = buf_over(d->phrase, DEMUR_PHRASE_LEN);
    randombytes_buf(d->secret, sizeof d->secret);
    demur_phrase_encode(&phrase, d->secret);
    d->phrase[phrase.len] = 0;
    demur_keys_from_phrase(&d->keys, d->secret, fingerprint);
    demur_dissent_id(d->dissent, d->keys.public_key);
    demur_release_key(d->release, d->secret, fingerprint, 1);
}

static enum demur_err compose(struct making *m, struct buf *record, struct demur_diag *diag)
{
    struct demur_draft *d = m->draft;
    struct demur_blob_ref attachments[DEMUR_LETTER_ATTACHMENTS_MAX];
    uint8_t release[32], entropy[128];
    for (size_t i = 0; i < d->files_len; i++)
        attachments[i] = d->files[i].name;
    demur_release_commitment(release, d->release);
    struct demur_filing_facts facts = {
        .channel = m->c->options.channel,
        .case_keys = &d->keys,
        .policy = m->policy_entry,
        .epoch = m->epoch,
        .roster = demur_channel_size(m->c->channel),
        .ring = &m->whole,
        .signers = &m->signers,
        .subsets = m->subsets,
        .subsets_len = m->subsets_len,
        .slot = m->slot,
        .card = d->card.name,
        .memo = d->memo.name,
        .revision = 1,
        .commitment = m->commitment,
        .release = release,
        .attachments = attachments,
        .attachments_len = d->files_len,
        .to = d->to,
        .to_len = d->to_len,
    };
    randombytes_buf(entropy, sizeof entropy);
    enum demur_err err = demur_compose_file(record, &facts, m->ring_secret, entropy, diag);
    sodium_memzero(entropy, sizeof entropy);
    return err;
}

static enum demur_err make_record(struct making *m, struct demur_diag *diag)
{
    struct buf record = heap_buf(DEMUR_RECORD_MAX);
    struct demur_verdict verdict;
    if (!record.p)
        return no_memory(diag);
    enum demur_err err = compose(m, &record, diag);
    if (!err)
        err = demur_record_parse(m->c->record, buf_span(&record), diag);
    if (!err)
        err = demur_channel_verify(m->c->channel, m->c->record, &verdict, diag);
    if (!err)
        m->draft->record = heap_buf_take(&record);
    heap_buf_free(&record);
    return err;
}

static void making_wipe(struct making *m)
{
    for (size_t i = 0; i < DEMUR_COUNT(m->files); i++)
        demur_bytes_free(&m->files[i]);
    free(m->whole_keys);
    free(m->signers_keys);
    sodium_memzero(m, sizeof *m);
}

enum demur_err demur_draft_make(struct demur_draft **out, struct demur_client *client,
                                struct demur_actor *member, const struct demur_filing *filing,
                                struct demur_diag *diag)
{
    struct making m = {.c = client, .member = member, .filing = filing};
    m.draft = calloc(1, sizeof *m.draft);
    if (!m.draft)
        return no_memory(diag);
    m.draft->client = client;
    enum demur_err err = know_channel(&m, diag);
    if (!err) {
        make_phrase(m.draft, client->options.channel);
        err = making_to(&m, diag);
    }
    if (!err)
        err = making_ring(&m, diag);
    if (!err)
        err = making_letter(&m, diag);
    if (!err)
        err = making_card(&m, diag);
    if (!err)
        err = make_record(&m, diag);
    if (err)
        demur_draft_free(m.draft);
    else
        *out = m.draft;
    making_wipe(&m);
    return err;
}

const char *demur_draft_phrase(const struct demur_draft *draft) { return draft->phrase; }
const char *demur_draft_dissent(const struct demur_draft *draft) { return draft->dissent; }
uint64_t demur_draft_ring(const struct demur_draft *draft) { return draft->ring; }

const char *demur_draft_to(const struct demur_draft *draft, size_t i, size_t *holders, bool *whole)
{
    if (i >= draft->to_len)
        return NULL;
    if (holders)
        *holders = draft->holders[i];
    if (whole)
        *whole = draft->whole[i];
    return draft->to_names[i];
}

enum demur_err demur_draft_send(struct demur_draft *draft, struct demur_sent *sent,
                                struct demur_diag *diag)
{
    enum demur_err err = outbox_put(draft, diag);
    return err ? err : outbox_send(draft->client, draft->dissent, true, sent, diag);
}

void demur_draft_free(struct demur_draft *draft)
{
    if (!draft)
        return;
    demur_bytes_free(&draft->memo.bytes);
    demur_bytes_free(&draft->card.bytes);
    demur_bytes_free(&draft->record);
    for (size_t i = 0; i < DEMUR_COUNT(draft->files); i++)
        demur_bytes_free(&draft->files[i].bytes);
    free(draft->recipients);
    sodium_memzero(draft, sizeof *draft);
    free(draft);
}
