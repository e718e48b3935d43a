/* Making a draft: everything is checked, sealed and signed before anything leaves
 * this machine. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/civil.h"
#include "filing.h"

#define DAY_S 86400u
#define NOON_S 43200u

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

enum demur_err member_know(const struct demur_client *c, const struct demur_identity *id,
                           struct demur_attribute *attributes, size_t max, size_t *n,
                           struct demur_diag *diag)
{
    struct demur_member_info info;
    *n = 0;
    if (!id || !id->handle[0])
        return demur_fail(
            diag, DEMUR_ERR_FORBIDDEN,
            "only a member can file or sign: this identity did not join by an invitation");
    struct span handle = span_str(id->handle), one;
    if (!demur_channel_member_find(c->channel, handle, &info) || !info.joined)
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN, "you have not joined this channel yet");
    for (size_t i = 0; i < max; i++) {
        bool found;
        one = demur_channel_member_attribute(c->channel, handle, i);
        if (!one.p)
            break;
        attributes[i].name = span_split(&one, '=', &found);
        attributes[i].value = one;
        (*n)++;
    }
    return DEMUR_OK;
}

static enum demur_err know_author(struct making *m, struct demur_diag *diag)
{
    const struct demur_identity *id = m->member->identity;
    struct demur_member_info info;
    enum demur_err err =
        member_know(m->c, id, m->attributes, DEMUR_COUNT(m->attributes), &m->attributes_len, diag);
    if (!err && !m->draft->revises &&
        demur_channel_member_find(m->c->channel, span_str(id->handle), &info) && info.revoked)
        err = demur_fail(diag, DEMUR_ERR_FORBIDDEN, "you were removed from this channel's roster");
    return err;
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
    enum demur_err err = m->draft->revises ? DEMUR_OK : none_waits(m, diag);
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
    m->epoch = demur_time_epoch((int64_t)demur_client_now(m->c));
    m->roster = demur_channel_size(m->c->channel);
    return know_author(m, diag);
}

/* ---- circulation ---- */

/* The last noon that is not after it; 0: there is none. */
static uint64_t last_noon(uint64_t last)
{
    return last < NOON_S ? 0 : (last - NOON_S) / DAY_S * DAY_S + NOON_S;
}

/* What can be told beforehand of a window, which ends at noon: the fold has the last word. */
static enum demur_err check_window(const struct making *m, struct demur_diag *diag)
{
    if (!m->policy->circulation)
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                          "the policy does not let a memo circulate before it is filed: file it");
    uint64_t now = demur_client_now(m->c), until = m->filing->until;
    uint64_t last = demur_channel_circulation_last(m->c->channel, m->policy, now);
    if (until > now && until <= last)
        return DEMUR_OK;
    if (!last)
        return demur_fail_at(diag, DEMUR_ERR_TIME, 0, 0, "until",
                             "the policy's calendar does not reach far enough to tell how long a "
                             "memo may circulate: file it, or have the root put a newer calendar "
                             "in force");
    if (last_noon(last) <= now)
        return demur_fail_at(diag, DEMUR_ERR_TIME, 0, 0, "until",
                             "no day fits: the policy lets a memo circulate for so short a time "
                             "that it is over before the next noon (UTC), which is when a window "
                             "ends: try again shortly before a noon, or file the memo");
    if (until <= now)
        return demur_fail_at(diag, DEMUR_ERR_TIME, 0, 0, "until",
                             "the window for signatures would be over before it begins: name a "
                             "later day");
    char day[16];
    struct buf b = buf_over(day, sizeof day - 1);
    demur_date_put(&b, demur_day_date((int32_t)(last_noon(last) / DAY_S)));
    day[b.len] = 0;
    return demur_fail_at(diag, DEMUR_ERR_TIME, 0, 0, "until",
                         "the policy does not let a memo circulate that long: name %s at the "
                         "latest",
                         day);
}

/* The dissent that gets a new text, and what its opening pinned. */
static enum demur_err know_dissent(struct making *m, const struct demur_actor *author,
                                   struct demur_diag *diag)
{
    struct demur_dissent_info info;
    struct demur_draft *d = m->draft;
    enum demur_err err = case_find(m->c, author->dissent, &info, diag);
    if (!err && outbox_has_revision(m->c, author->dissent))
        err = demur_fail(diag, DEMUR_ERR_STAGE,
                         "a new text of dissent %.8s waits to be sent: send it with --resume, or "
                         "give it up with --drop, before you write another",
                         author->dissent);
    if (err)
        return err;
    if (info.filed_at || info.withdrawn)
        return demur_fail(diag, DEMUR_ERR_STAGE,
                          info.filed_at ? "this dissent is filed: what was filed stays as it is"
                                        : "this dissent was withdrawn");
    memcpy(d->secret, author->phrase, sizeof d->secret);
    d->keys = author->keys;
    memcpy(d->dissent, author->dissent, sizeof d->dissent);
    memcpy(m->policy_entry, info.policy_entry, 32);
    m->policy = demur_channel_policy_of(m->c->channel, m->policy_entry);
    memcpy(m->on, info.latest, 32);
    m->epoch = info.epoch;
    m->roster = info.roster;
    d->revision = info.revision + 1;
    d->to_members = info.keys.size;
    return DEMUR_OK;
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
    d->revision = 1;
}

static enum demur_err compose(struct making *m, struct buf *record, struct demur_diag *diag)
{
    struct demur_draft *d = m->draft;
    struct demur_blob_ref attachments[DEMUR_LETTER_ATTACHMENTS_MAX];
    uint8_t release[32], entropy[128];
    for (size_t i = 0; i < d->files_len; i++)
        attachments[i] = d->files[i].name;
    demur_release_commitment(release, d->release);
    const struct demur_filing_facts facts = {
        .channel = m->c->options.channel,
        .case_keys = &d->keys,
        .policy = m->policy_entry,
        .epoch = m->epoch,
        .roster = m->roster,
        .on = m->on,
        .audience = d->to_members ? DEMUR_AUDIENCE_MEMBERS : DEMUR_AUDIENCE_INVITED,
        .until = m->filing->until,
        .ring = &m->whole,
        .signers = &m->signers,
        .subsets = m->narrow.subsets,
        .subsets_len = m->narrow.len,
        .slot = m->slot,
        .card = d->card.name,
        .memo = d->memo.name,
        .keys = d->handout.name,
        .revision = d->revision,
        .commitment = m->commitment,
        .release = release,
        .attachments = attachments,
        .attachments_len = d->files_len,
        .to = d->to,
        .to_len = d->to_len,
    };
    randombytes_buf(entropy, sizeof entropy);
    enum demur_err err =
        d->revises      ? demur_compose_revise(record, &facts, m->ring_secret, entropy, diag)
        : d->circulates ? demur_compose_circulate(record, &facts, m->ring_secret, entropy, diag)
                        : demur_compose_file(record, &facts, m->ring_secret, entropy, diag);
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

/* `author`: of the dissent that gets a new text; NULL for a new dissent. */
static enum demur_err make(struct making *m, const struct demur_actor *author,
                           struct demur_diag *diag)
{
    struct demur_draft *d = m->draft;
    enum demur_err err = know_channel(m, diag);
    if (!err && d->circulates && !author)
        err = check_window(m, diag);
    if (!err && author)
        err = know_dissent(m, author, diag);
    else if (!err)
        make_phrase(d, m->c->options.channel);
    if (!err)
        err = check_naming(m, diag);
    if (!err)
        err = making_to(m, diag);
    if (!err)
        err = making_ring(m, diag);
    if (!err && d->circulates)
        making_readers(m);
    if (!err)
        err = making_letter(m, diag);
    if (!err && d->to_members)
        err = making_handout(m, diag);
    if (!err)
        err = making_card(m, diag);
    return err ? err : make_record(m, diag);
}

static enum demur_err draft_make(struct demur_draft **out, struct demur_client *client,
                                 const struct demur_actor *author, struct demur_actor *member,
                                 const struct demur_filing *filing, struct demur_diag *diag)
{
    struct making m = {.c = client, .member = member, .filing = filing};
    m.draft = calloc(1, sizeof *m.draft);
    if (!m.draft)
        return no_memory(diag);
    m.draft->client = client;
    m.draft->revises = author != NULL;
    m.draft->circulates = author || filing->until;
    m.draft->to_members = !author && filing->until && filing->audience == DEMUR_AUDIENCE_MEMBERS;
    enum demur_err err = make(&m, author, diag);
    if (err)
        demur_draft_free(m.draft);
    else
        *out = m.draft;
    making_wipe(&m);
    return err;
}

enum demur_err demur_draft_make(struct demur_draft **out, struct demur_client *client,
                                struct demur_actor *member, const struct demur_filing *filing,
                                struct demur_diag *diag)
{
    return draft_make(out, client, NULL, member, filing, diag);
}

enum demur_err demur_draft_revise(struct demur_draft **out, struct demur_client *client,
                                  const struct demur_actor *author, struct demur_actor *member,
                                  const struct demur_filing *filing, struct demur_diag *diag)
{
    if (author->identity || author->link_revision)
        return demur_fail(diag, DEMUR_ERR_KEY,
                          "this takes the dissent's receipt phrase, and nothing else");
    return draft_make(out, client, author, member, filing, diag);
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

bool demur_draft_link(const struct demur_draft *draft, struct demur_link *out)
{
    struct demur_age_identity key;
    if (!draft->circulates)
        return false;
    demur_circulation_key(&key, draft->secret, draft->client->options.channel, draft->revision);
    bool made = link_make(draft->client, draft->dissent, draft->revision, key.secret, out);
    sodium_memzero(&key, sizeof key);
    return made;
}

enum demur_err demur_draft_send(struct demur_draft *draft, struct demur_sent *sent,
                                struct demur_diag *diag)
{
    enum demur_err err = outbox_put(draft, diag);
    return err ? err : outbox_send(draft, sent, diag);
}

void demur_draft_free(struct demur_draft *draft)
{
    if (!draft)
        return;
    demur_bytes_free(&draft->memo.bytes);
    demur_bytes_free(&draft->card.bytes);
    demur_bytes_free(&draft->handout.bytes);
    demur_bytes_free(&draft->record);
    for (size_t i = 0; i < DEMUR_COUNT(draft->files); i++)
        demur_bytes_free(&draft->files[i].bytes);
    free(draft->recipients);
    sodium_memzero(draft, sizeof *draft);
    free(draft);
}
