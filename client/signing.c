/* A member's signature on what somebody else wrote: made, sent, taken back, disclosed. */
#include <sodium.h>
#include <stdlib.h>

#include "filing.h"

/* What is known while a member acts on a signature. */
struct signer {
    struct demur_client *c;
    struct demur_actor *member;
    struct demur_dissent_info info;
    const struct demur_policy *policy;
    uint8_t ring_secret[32], tag[32];
    struct demur_attribute attributes[64]; /* the member's own, as the roster has them */
    size_t attributes_len;
    struct narrowing narrow;
    uint8_t (*whole_keys)[32], (*signers_keys)[32];
    struct demur_ring whole, signers;
    struct demur_reading memo;
    uint64_t seq;
};

static void signer_wipe(struct signer *s)
{
    free(s->whole_keys);
    free(s->signers_keys);
    demur_reading_free(&s->memo);
    sodium_memzero(s, sizeof *s);
}

/* ---- who, and on what ---- */

static enum demur_err check_window(const struct signer *s, struct demur_diag *diag)
{
    if (s->info.filed_at)
        return demur_fail(diag, DEMUR_ERR_STAGE,
                          "this dissent is filed: its signatures stay as they are");
    if (s->info.withdrawn)
        return demur_fail(diag, DEMUR_ERR_STAGE, "this dissent was withdrawn");
    if (demur_client_view_time(s->c) > s->info.until) {
        char text[32];
        time_text(text, s->info.until);
        return demur_fail(diag, DEMUR_ERR_STAGE, "the window for signatures closed at %s", text);
    }
    return DEMUR_OK;
}

static enum demur_err take_ring(struct signer *s, const struct span *subsets, size_t n,
                                uint8_t (**keys)[32], struct demur_ring *ring,
                                struct demur_diag *diag)
{
    struct ring_pins pins = {s->info.policy_entry, s->info.epoch, s->info.roster,
                             s->policy->ring_min};
    return ring_take(s->c, &pins, subsets, n, keys, ring, diag);
}

/* The tag that the member's signature on the present revision has, in the whole ring
 * as in any part of it. */
static enum demur_err know_key(struct signer *s, struct demur_diag *diag)
{
    uint8_t public_key[32], text[DEMUR_SCOPE_MAX];
    struct buf scope = buf_over(text, sizeof text);
    enum demur_err err = demur_identity_ring_key(s->member->identity, s->info.epoch, s->ring_secret,
                                                 public_key, diag);
    if (!err)
        err = take_ring(s, NULL, 0, &s->whole_keys, &s->whole, diag);
    if (err)
        return err;
    s->signers = s->whole;
    if (!ring_holds(&s->whole, s->ring_secret))
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                          "you are not among the members who may sign this: its ring was pinned "
                          "when it was opened, and your key of that month is not in it");
    demur_scope_cosign(&scope, s->c->options.channel, span_str(s->info.id), s->info.revision);
    demur_ring_tag(s->tag, buf_span(&scope), s->ring_secret);
    return DEMUR_OK;
}

static enum demur_err signer_begin(struct signer *s, const char *dissent, struct demur_diag *diag)
{
    enum demur_err err = act_begin(s->c, 0, diag);
    if (!err)
        err = member_know(s->c, s->member->identity, s->attributes, DEMUR_COUNT(s->attributes),
                          &s->attributes_len, diag);
    if (!err)
        err = case_find(s->c, dissent, &s->info, diag);
    if (err)
        return err;
    /* Not the one in force: that may be a later one. */
    s->policy = demur_channel_policy_of(s->c->channel, s->info.policy_entry);
    return s->policy ? know_key(s, diag)
                     : demur_fail(diag, DEMUR_ERR_STAGE, "the channel has no policy yet");
}

/* What the log has of the member's own signature on the present revision. */
struct own {
    bool stands, author, taken_back;
    uint64_t index, back_index;
};

static enum demur_err find_own(struct signer *s, struct own *out, struct demur_diag *diag)
{
    struct demur_event e;
    *out = (struct own){0};
    for (size_t i = 0; demur_channel_event(s->c->channel, span_str(s->info.id), i, &e); i++) {
        struct demur_bytes entry = {0};
        uint8_t tag[32];
        uint64_t at;
        bool opens = e.type == DEMUR_RECORD_CIRCULATE || e.type == DEMUR_RECORD_REVISE ||
                     e.type == DEMUR_RECORD_FILE;
        if (!opens && e.type != DEMUR_RECORD_COSIGN && e.type != DEMUR_RECORD_UNSIGN)
            continue;
        enum demur_err err = case_record(s->c, e.index, &entry, &at, diag);
        if (err)
            return err;
        bool own = demur_record_number(s->c->record, DEMUR_FIELD_REVISION) == s->info.revision &&
                   record_tag(s->c->record, DEMUR_FIELD_PROOF, tag) && memcmp(tag, s->tag, 32) == 0;
        demur_bytes_free(&entry);
        if (own && e.type == DEMUR_RECORD_UNSIGN) {
            out->taken_back = true;
            out->back_index = e.index;
        } else if (own) {
            out->stands = true;
            out->author = opens;
            out->index = e.index;
        }
    }
    out->stands = out->stands && !out->taken_back;
    return DEMUR_OK;
}

static enum demur_err check_fresh(struct signer *s, struct demur_diag *diag)
{
    struct own own;
    if (outbox_has_signature(s->c, s->info.id))
        return demur_fail(diag, DEMUR_ERR_STAGE,
                          "a signature of yours on dissent %.8s waits to be sent: send it with "
                          "--resume, or give it up with --drop",
                          s->info.id);
    enum demur_err err = find_own(s, &own, diag);
    if (err || (!own.stands && !own.taken_back))
        return err;
    return demur_fail_at(diag, DEMUR_ERR_REPLAY, 0, 0, "proof",
                         own.taken_back ? "you took your signature on this revision back, and can "
                                          "sign the next one"
                         : own.author   ? "you opened this dissent, and signed it so"
                                        : "you have signed this revision already");
}

/* ---- making one ---- */

static enum demur_err check_naming(const struct signer *s, bool named, struct demur_diag *diag)
{
    uint32_t wanted =
        named ? DEMUR_IDENTITY_NAMED | DEMUR_IDENTITY_OFFICE_ONLY : DEMUR_IDENTITY_ANONYMOUS;
    if (s->policy->identities & wanted)
        return DEMUR_OK;
    return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                      named ? "the policy takes no signatures under a name"
                            : "the policy takes no anonymous signatures: sign under your name, "
                              "which only the offices will read");
}

static enum demur_err narrow(struct signer *s, const struct demur_signing *g,
                             struct demur_diag *diag)
{
    enum demur_err err = narrowing_take(&s->narrow, s->policy, g->subsets, g->subsets_len, diag);
    if (err || !s->narrow.len)
        return err;
    err = take_ring(s, s->narrow.subsets, s->narrow.len, &s->signers_keys, &s->signers, diag);
    return err || ring_holds(&s->signers, s->ring_secret)
               ? err
               : narrowing_refuse(&s->narrow, s->attributes, s->attributes_len, diag);
}

/* To whom the memo does not open asks for its attachments all the same, as those to whom it
 * does: the server must not see whom the author left out. */
static void ask_alike(const struct signer *s)
{
    struct demur_blob_ref blob;
    for (size_t i = 0;
         demur_channel_dissent_attachment(s->c->channel, span_str(s->info.id), i, &blob); i++) {
        struct demur_bytes sealed = {0};
        if (demur_client_blob(s->c, &blob, &sealed, NULL) != DEMUR_OK)
            return;
        demur_bytes_free(&sealed);
    }
}

/* Read what is signed, and every attachment of it, as the holder of the link or as one of the
 * members that it was sealed to. */
static enum demur_err read_all(struct signer *s, const struct demur_link *link,
                               struct demur_diag *diag)
{
    struct demur_actor reader = *s->member;
    if (link)
        demur_actor_from_link(&reader, link);
    enum demur_err err = demur_read_memo(s->c, &reader, s->info.id, NULL, &s->memo, diag);
    if (!link && (err == DEMUR_ERR_KEY || err == DEMUR_ERR_VERIFY))
        ask_alike(s);
    for (size_t i = 0; !err && i < s->memo.letter.files_len; i++) {
        struct demur_bytes plain = {0};
        err = demur_read_attachment(s->c, &reader, &s->memo, i, &plain, diag);
        demur_bytes_free(&plain);
    }
    demur_actor_wipe(&reader);
    return err;
}

/* A card about the member's signature, for these roles. */
static enum demur_err make_card(struct signer *s, bool named, const struct span *roles,
                                size_t roles_len, struct sealed *out, struct demur_diag *diag)
{
    uint8_t plain[DEMUR_CARD_LEN];
    struct demur_age_recipient of_case, *to = NULL;
    size_t n = 0;
    struct demur_card_about about = {s->c->options.channel, span_str(s->info.id), s->info.revision,
                                     s->info.commitment, s->tag};
    enum demur_err err =
        demur_age_recipient_parse(&of_case, span_str(s->info.case_recipient), diag);
    if (!err)
        err = card_recipients(s->c, &of_case, roles, roles_len, &to, &n, diag);
    if (!err && named)
        err = card_write(plain, s->member, &about, roles, roles_len, s->ring_secret, diag);
    if (!err)
        err = card_seal(named ? plain : NULL, to, n, out, diag);
    sodium_memzero(plain, sizeof plain);
    free(to);
    return err;
}

static enum demur_err compose(struct signer *s, enum demur_record_type type,
                              const struct demur_blob_ref *card, struct buf *record,
                              struct demur_diag *diag)
{
    uint8_t entropy[64];
    struct demur_cosign_facts facts = {.channel = s->c->options.channel,
                                       .dissent = span_str(s->info.id),
                                       .signers = &s->signers,
                                       .subsets = s->narrow.subsets,
                                       .subsets_len = s->narrow.len,
                                       .revision = s->info.revision,
                                       .commitment = s->info.commitment};
    randombytes_buf(entropy, sizeof entropy);
    if (card)
        facts.card = *card;
    enum demur_err err = type == DEMUR_RECORD_COSIGN
                             ? demur_compose_cosign(record, &facts, s->ring_secret, entropy, diag)
                             : demur_compose_unsign(record, &facts, s->ring_secret, entropy, diag);
    sodium_memzero(entropy, sizeof entropy);
    return err;
}

static enum demur_err put_signature(struct signer *s, const struct sealed *card,
                                    struct demur_diag *diag)
{
    struct buf record = heap_buf(DEMUR_RECORD_MAX);
    struct demur_verdict verdict;
    enum demur_err err = record.p ? DEMUR_OK : no_memory(diag);
    if (!err)
        err = compose(s, DEMUR_RECORD_COSIGN, &card->name, &record, diag);
    if (!err)
        err = demur_record_parse(s->c->record, buf_span(&record), diag);
    if (!err)
        err = demur_channel_verify(s->c->channel, s->c->record, &verdict, diag);
    if (!err)
        err = outbox_put_signature(s->c, s->info.id, card, buf_span(&record), diag);
    heap_buf_free(&record);
    return err;
}

static enum demur_err check_link(const struct demur_client *c, const struct demur_signing *g,
                                 struct demur_diag *diag)
{
    if (g->link && memcmp(g->link->channel, c->options.channel, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN, "this signing link is to another channel");
    if (g->link && strcmp(g->link->dissent, g->dissent) != 0)
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                          "this signing link is to another dissent, %s, than %.40s",
                          g->link->dissent, g->dissent);
    return DEMUR_OK;
}

enum demur_err demur_signature_make(struct demur_client *client, struct demur_actor *member,
                                    const struct demur_signing *signing,
                                    struct demur_signature_made *made, struct demur_diag *diag)
{
    struct signer s = {.c = client, .member = member};
    struct sealed card = {0};
    enum demur_err err = check_link(client, signing, diag);
    if (!err)
        err = signer_begin(&s, signing->dissent, diag);
    if (!err)
        err = check_window(&s, diag);
    if (!err)
        err = check_naming(&s, signing->named, diag);
    if (!err)
        err = check_fresh(&s, diag);
    if (!err)
        err = narrow(&s, signing, diag);
    if (!err)
        err = read_all(&s, signing->link, diag);
    if (!err)
        err = make_card(&s, signing->named, s.memo.letter.to, s.memo.letter.to_len, &card, diag);
    if (!err) {
        *made = (struct demur_signature_made){.revision = s.info.revision, .ring = s.signers.n};
        memcpy(made->dissent, s.info.id, sizeof made->dissent);
        (void)copy_text(made->title, sizeof made->title, s.memo.letter.title);
        if (signing->confirm && !signing->confirm(signing->ctx, made))
            err = demur_fail(diag, DEMUR_ERR_MISSING, "it was not confirmed: nothing was signed");
    }
    if (!err)
        err = put_signature(&s, &card, diag);
    demur_bytes_free(&card.bytes);
    signer_wipe(&s);
    return err;
}

/* ---- taking it back ---- */

static enum demur_err build_unsign(struct demur_client *c, void *ctx, struct buf *record,
                                   struct demur_diag *diag)
{
    (void)c;
    return compose(ctx, DEMUR_RECORD_UNSIGN, NULL, record, diag);
}

static enum demur_err unsign(struct signer *s, struct demur_sent *sent, struct demur_diag *diag)
{
    struct own own;
    enum demur_err err = find_own(s, &own, diag);
    if (!err && own.taken_back)
        return act_receipt(s->c, own.back_index, sent, diag);
    if (!err && !own.stands)
        err = demur_fail(diag, DEMUR_ERR_UNKNOWN,
                         "you have no signature on this revision to take back");
    if (!err && own.author)
        err = demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                         "you opened this dissent: its author withdraws with the receipt phrase");
    if (!err)
        err = check_window(s, diag);
    return err ? err : act_run(s->c, 60, ACT_ONCE, build_unsign, s, sent, diag);
}

enum demur_err demur_act_unsign(struct demur_client *client, struct demur_actor *member,
                                const char *dissent, struct demur_sent *sent,
                                struct demur_diag *diag)
{
    struct signer s = {.c = client, .member = member};
    enum demur_err err = signer_begin(&s, dissent, diag);
    if (!err)
        err = unsign(&s, sent, diag);
    signer_wipe(&s);
    return err;
}

/* ---- disclosing it ---- */

#define ROLES_MAX DEMUR_LETTER_TO_MAX

/* The roles that it was filed to, none before that: the record has them in the policy's
 * order, and a card in their own. */
static size_t filed_to(const struct signer *s, struct span out[static ROLES_MAX])
{
    size_t n = 0;
    while (n < ROLES_MAX &&
           demur_channel_dissent_to(s->c->channel, span_str(s->info.id), n, &out[n]))
        n++;
    qsort(out, n, sizeof out[0], by_bytes);
    return n;
}

/* The offices that may know: those that it was filed to, or will be. */
static enum demur_err find_roles(struct signer *s, const struct demur_link *link,
                                 struct span out[static ROLES_MAX], size_t *n,
                                 struct demur_diag *diag)
{
    *n = 0;
    if (s->info.filed_at) {
        *n = filed_to(s, out);
        return DEMUR_OK;
    }
    enum demur_err err = read_all(s, link, diag);
    for (; !err && *n < s->memo.letter.to_len; (*n)++)
        out[*n] = s->memo.letter.to[*n];
    return err;
}

/* Does everybody who may read such a card now have this one, from an entry of that index? */
static bool holders_have(const struct demur_client *c, const struct span *roles, size_t n,
                         uint64_t index)
{
    uint64_t now = demur_client_view_time(c);
    struct demur_holder holder;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; demur_channel_holder(c->channel, roles[i], now, k, &holder); k++)
            if (holder.granted_index > index)
                return false;
    return true;
}

/* A disclosure of this very signature by the member, by whichever key they then had. */
static enum demur_err is_own_disclosure(struct signer *s, const struct demur_event *e, bool *own,
                                        struct demur_diag *diag)
{
    struct demur_bytes entry = {0};
    struct demur_member_info by;
    uint8_t tag[32];
    uint64_t at;
    *own = e->type == DEMUR_RECORD_DISCLOSE && demur_channel_key_owner(s->c->channel, e->by, &by) &&
           span_eq_str(by.handle, s->member->identity->handle);
    if (!*own)
        return DEMUR_OK;
    enum demur_err err = case_record(s->c, e->index, &entry, &at, diag);
    *own = !err && demur_record_number(s->c->record, DEMUR_FIELD_REVISION) == s->info.revision &&
           demur_record_key(s->c->record, DEMUR_FIELD_TAG, tag) && memcmp(tag, s->tag, 32) == 0;
    demur_bytes_free(&entry);
    return err;
}

/* Is it disclosed already, to those who hold the roles now, in a card that is there? The
 * entry then. Only so many can be sent: none is, unless the server says that it is gone. */
static enum demur_err find_disclosed(struct signer *s, const struct span *roles, size_t n,
                                     bool *found, uint64_t *index, struct demur_diag *diag)
{
    struct demur_event e;
    struct demur_diag why = {0};
    enum demur_err err = DEMUR_OK;
    *found = false;
    for (size_t i = 0; !err && demur_channel_event(s->c->channel, span_str(s->info.id), i, &e);
         i++) {
        struct demur_bytes card = {0};
        bool own;
        err = is_own_disclosure(s, &e, &own, diag);
        if (err || !own || !holders_have(s->c, roles, n, e.index))
            continue;
        if ((err = case_not_expunged(s->c, &s->info, e.blob.hash, diag)))
            return err;
        err = demur_client_blob(s->c, &e.blob, &card, &why);
        *found = !err;
        *index = e.index;
        demur_bytes_free(&card);
        if (*found)
            return DEMUR_OK;
        if (err != DEMUR_ERR_UNKNOWN)
            return demur_fail(diag, err,
                              "your card in entry %llu could not be looked for, and no other is "
                              "sent before that: %.120s",
                              (unsigned long long)e.index, why.text);
        err = DEMUR_OK;
    }
    return err;
}

struct disclosure {
    struct signer *signer;
    struct sealed card;
};

static enum demur_err build_disclose(struct demur_client *c, void *ctx, struct buf *record,
                                     struct demur_diag *diag)
{
    struct disclosure *d = ctx;
    struct signer *s = d->signer;
    (void)diag;
    s->seq = act_seq(c, s->member);
    demur_record_begin(record, DEMUR_RECORD_DISCLOSE, c->options.channel);
    act_put_by(record, c, s->member);
    demur_put_text(record, DEMUR_FIELD_DISSENT, span_str(s->info.id));
    demur_put_number(record, DEMUR_FIELD_REVISION, s->info.revision);
    demur_put_bytes(record, DEMUR_FIELD_TAG, span_of(s->tag, 32));
    demur_put_blob(record, DEMUR_FIELD_CARD, &d->card.name);
    demur_put_signature(record, DEMUR_FIELD_SIG, s->member->keys.secret_key);
    return DEMUR_OK;
}

static enum demur_err check_own(struct signer *s, struct demur_diag *diag)
{
    struct own own;
    enum demur_err err = find_own(s, &own, diag);
    if (err || own.stands)
        return err;
    return demur_fail(diag, DEMUR_ERR_UNKNOWN,
                      own.taken_back ? "you took your signature on the present revision back, so "
                                       "there is none to own to"
                                     : "you have no signature on the present revision of this "
                                       "dissent: only who made one can own to it");
}

static enum demur_err disclose(struct signer *s, const struct span *roles, size_t n,
                               struct demur_sent *sent, struct demur_diag *diag)
{
    struct disclosure d = {.signer = s};
    enum demur_err err = make_card(s, true, roles, n, &d.card, diag);
    if (!err)
        err = sealed_put(s->c, &d.card, diag);
    if (!err)
        err = act_run(s->c, 60, ACT_ONCE, build_disclose, &d, sent, diag);
    if (!err)
        act_done(s->member, s->seq);
    demur_bytes_free(&d.card.bytes);
    return err;
}

enum demur_err demur_act_disclose(struct demur_client *client, struct demur_actor *member,
                                  const char *dissent, const struct demur_link *link,
                                  struct demur_sent *sent, struct demur_diag *diag)
{
    struct signer s = {.c = client, .member = member};
    struct demur_signing signing = {.dissent = dissent, .link = link};
    struct span roles[ROLES_MAX];
    size_t n = 0;
    bool done = false;
    uint64_t index = 0;
    enum demur_err err = check_link(client, &signing, diag);
    if (!err)
        err = signer_begin(&s, dissent, diag);
    if (!err)
        err = check_own(&s, diag);
    if (!err)
        err = find_roles(&s, link, roles, &n, diag);
    if (!err)
        err = find_disclosed(&s, roles, n, &done, &index, diag);
    if (!err)
        err = done ? act_receipt(client, index, sent, diag) : disclose(&s, roles, n, sent, diag);
    signer_wipe(&s);
    return err;
}

/* ---- proving it ---- */

/* The audience of a claim is whoever is shown it; a card names one, so: the roles that
 * the dissent goes to, or the one that keeps the roster. */
static size_t claim_roles(const struct signer *s, struct span out[static ROLES_MAX])
{
    size_t n = filed_to(s, out);
    for (int role = 0; n == 0 && role < s->policy->roles_len; role++)
        if (demur_policy_receives(s->policy, role, NULL, 0) == DEMUR_RECEIVES_MUST)
            out[n++] = s->policy->roles[role].name;
    if (n == 0 && s->policy->roles_len)
        out[n++] = s->policy->roles[0].name;
    return n;
}

enum demur_err demur_claim_write(struct demur_client *client, const struct demur_actor *member,
                                 const char *dissent, struct buf *out, struct demur_diag *diag)
{
    struct demur_actor self = *member;
    struct signer s = {.c = client, .member = &self};
    uint8_t plain[DEMUR_CARD_LEN];
    struct span roles[ROLES_MAX];
    enum demur_err err = signer_begin(&s, dissent, diag);
    if (!err)
        err = check_own(&s, diag);
    struct demur_card_about about = {client->options.channel, span_str(s.info.id), s.info.revision,
                                     s.info.commitment, s.tag};
    if (!err)
        err = card_write(plain, &self, &about, roles, claim_roles(&s, roles), s.ring_secret, diag);
    size_t len = sizeof plain;
    while (!err && len && plain[len - 1] == 0)
        len--;
    if (!err)
        buf_put(out, plain, len);
    demur_actor_wipe(&self);
    signer_wipe(&s);
    return err;
}
