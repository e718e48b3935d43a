/* Records composed by a member's own program, put before the fold. */
#include "../../core/compose.h"
#include "../../core/handout.h"
#include "../../core/policy.h"
#include "../support/town.h"

#include <sodium.h>

#define MEMBERS 6
#define FOUNDED 1790000000

struct people {
    struct town *w;
    struct demur_identity id[MEMBERS + 1];
    uint32_t epoch;
    bool members; /* what circulates goes to all of them */
};

static struct town *found(void) { return town_company(FOUNDED, 23); }

static enum demur_err join(struct people *p, size_t i)
{
    struct town *w = p->w;
    struct demur_identity *id = &p->id[i];
    struct demur_invitation in = {.url = "http://127.0.0.1:1"};
    uint8_t public_key[32], secret[64], entropy[64];
    memcpy(in.channel, w->fingerprint, 32);
    test_random(&w->seed, in.secret, 32);
    crypto_sign_seed_keypair(public_key, secret, in.secret);
    snprintf(in.handle, sizeof in.handle, "m-%zu", i);
    town_begin_by(w, DEMUR_RECORD_INVITE, &w->officers[0]);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(in.handle));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(public_key, 32));
    enum demur_err err = town_sign_send(w, &w->officers[0]);
    *id = (struct demur_identity){.has_chain = true, .epoch = p->epoch};
    memcpy(id->channel, w->fingerprint, 32);
    memcpy(id->handle, in.handle, sizeof id->handle);
    test_random(&w->seed, id->seed, 32);
    test_random(&w->seed, id->chain, 32);
    test_random(&w->seed, entropy, 64);
    w->out = buf_over(w->record, sizeof w->record);
    if (!err)
        err = demur_compose_member(&w->out, id, &in, p->epoch, 1, entropy, &w->diag);
    return err ? err : town_send(w, span_of(NULL, 0));
}

static bool settle(struct people *p)
{
    p->w = found();
    if (!p->w)
        return false;
    p->epoch = demur_time_epoch(FOUNDED);
    enum demur_err err = town_grant(p->w, 0, "people-office");
    for (size_t i = 0; !err && i < MEMBERS; i++)
        err = join(p, i);
    if (err)
        test_failed(__FILE__, __LINE__, "%s: %s", demur_err_name(err), p->w->diag.text);
    return !err;
}

/* A case of one author's, and all that its records have in common. */
struct writing {
    struct demur_keys case_keys;
    char id[33];
    uint8_t policy[32], keys[MEMBERS][32], some_keys[MEMBERS][32], on[32], hash[32];
    struct demur_ring ring, some;
    struct span to, subset;
    struct demur_blob_ref blob;
    struct demur_filing_facts facts;
};

static struct demur_blob_ref new_blob(struct people *p)
{
    struct demur_blob_ref blob = {.size = 4096};
    test_random(&p->w->seed, blob.hash, 32);
    return blob;
}

static enum demur_err begin(struct people *p, uint64_t slot, size_t subsets, struct writing *x)
{
    struct town *w = p->w;
    uint8_t phrase[16];
    size_t n = 0;
    *x = (struct writing){.to = span_lit("people-office"), .subset = span_lit("team=blue")};
    x->hash[0] = 7;
    x->blob = new_blob(p);
    test_random(&w->seed, phrase, sizeof phrase);
    demur_keys_from_phrase(&x->case_keys, phrase, w->fingerprint);
    demur_dissent_id(x->id, x->case_keys.public_key);
    (void)demur_channel_policy(w->c, x->policy);
    uint64_t roster = demur_channel_size(w->c);
    enum demur_err err = demur_channel_ring(w->c, x->policy, p->epoch, roster, NULL, 0, x->keys,
                                            MEMBERS, &n, &w->diag);
    if (!err)
        err = demur_ring_init(&x->ring, (const uint8_t(*)[32])x->keys, n, &w->diag);
    x->facts = (struct demur_filing_facts){.channel = w->fingerprint,
                                           .case_keys = &x->case_keys,
                                           .on = x->on,
                                           .audience = DEMUR_AUDIENCE_INVITED,
                                           .until = w->now + 86400,
                                           .policy = x->policy,
                                           .epoch = p->epoch,
                                           .roster = roster,
                                           .ring = &x->ring,
                                           .signers = &x->ring,
                                           .subsets = &x->subset,
                                           .subsets_len = subsets,
                                           .slot = slot,
                                           .card = x->blob,
                                           .memo = x->blob,
                                           .revision = 1,
                                           .commitment = x->hash,
                                           .release = x->hash,
                                           .attachments = &x->blob,
                                           .attachments_len = 1,
                                           .to = &x->to,
                                           .to_len = 1};
    if (p->members) {
        x->facts.audience = DEMUR_AUDIENCE_MEMBERS;
        x->facts.keys = new_blob(p);
        x->facts.keys.size = demur_handout_len(n);
    }
    return err;
}

typedef enum demur_err opening(struct buf *out, const struct demur_filing_facts *facts,
                               const uint8_t ring_secret[static 32],
                               const uint8_t entropy[static 128], struct demur_diag *diag);

static enum demur_err open_as(struct people *p, size_t author, uint64_t slot, size_t subsets,
                              opening *compose, struct writing *x)
{
    struct town *w = p->w;
    uint8_t entropy[128], secret[32], public_key[32];
    test_random(&w->seed, entropy, sizeof entropy);
    enum demur_err err = begin(p, slot, subsets, x);
    if (!err)
        err = demur_identity_ring_key(&p->id[author], p->epoch, secret, public_key, &w->diag);
    w->out = buf_over(w->record, sizeof w->record);
    if (!err)
        err = compose(&w->out, &x->facts, secret, entropy, &w->diag);
    return err ? err : town_send(w, span_of(NULL, 0));
}

static enum demur_err file(struct people *p, size_t author, uint64_t slot, size_t subsets)
{
    struct writing x;
    return open_as(p, author, slot, subsets, demur_compose_file, &x);
}

/* The latest entry of the case, that the next record is `on`. */
static void read_on(struct people *p, struct writing *x)
{
    struct demur_dissent_info info;
    REQUIRE(demur_channel_dissent_find(p->w->c, span_str(x->id), p->w->now, &info));
    memcpy(x->on, info.latest, 32);
    x->facts.on = x->on; /* it may be a copy */
    x->facts.commitment = x->hash;
}

static enum demur_err revise(struct people *p, size_t author, struct writing *x)
{
    struct town *w = p->w;
    uint8_t entropy[64], secret[32], public_key[32];
    test_random(&w->seed, entropy, sizeof entropy);
    read_on(p, x);
    x->facts.revision++;
    x->hash[1]++;
    x->facts.card = new_blob(p);
    x->facts.memo = new_blob(p);
    enum demur_err err =
        demur_identity_ring_key(&p->id[author], p->epoch, secret, public_key, &w->diag);
    w->out = buf_over(w->record, sizeof w->record);
    if (!err)
        err = demur_compose_revise(&w->out, &x->facts, secret, entropy, &w->diag);
    return err ? err : town_send(w, span_of(NULL, 0));
}

static enum demur_err file_after(struct people *p, struct writing *x)
{
    struct town *w = p->w;
    read_on(p, x);
    x->facts.memo = new_blob(p);
    w->out = buf_over(w->record, sizeof w->record);
    enum demur_err err = demur_compose_file_after(&w->out, &x->facts, &w->diag);
    return err ? err : town_send(w, span_of(NULL, 0));
}

static enum demur_err sign(struct people *p, size_t member, const struct writing *x, bool back)
{
    struct town *w = p->w;
    uint8_t entropy[64], secret[32], public_key[32];
    const struct demur_cosign_facts facts = {.channel = w->fingerprint,
                                             .dissent = span_str(x->id),
                                             .signers = &x->ring,
                                             .revision = x->facts.revision,
                                             .card = new_blob(p),
                                             .commitment = x->hash};
    test_random(&w->seed, entropy, sizeof entropy);
    enum demur_err err =
        demur_identity_ring_key(&p->id[member], p->epoch, secret, public_key, &w->diag);
    w->out = buf_over(w->record, sizeof w->record);
    if (!err)
        err = back ? demur_compose_unsign(&w->out, &facts, secret, entropy, &w->diag)
                   : demur_compose_cosign(&w->out, &facts, secret, entropy, &w->diag);
    return err ? err : town_send(w, span_of(NULL, 0));
}

static uint64_t signatures(const struct people *p, const struct writing *x)
{
    struct demur_dissent_info info;
    return demur_channel_dissent_find(p->w->c, span_str(x->id), p->w->now, &info) ? info.signatures
                                                                                  : UINT64_MAX;
}

static void a_whole_circulation(struct people *p)
{
    struct writing x;
    CHECK_ERR(open_as(p, 1, p->members, 0, demur_compose_circulate, &x), DEMUR_OK);
    CHECK_ERR(sign(p, 2, &x, false), DEMUR_OK);
    CHECK_ERR(sign(p, 3, &x, false), DEMUR_OK);
    CHECK_ERR(sign(p, 2, &x, false), DEMUR_ERR_REPLAY);
    CHECK_ERR(sign(p, 1, &x, false), DEMUR_ERR_REPLAY); /* the author has signed */
    CHECK_ERR(sign(p, 3, &x, true), DEMUR_OK);
    CHECK_ERR(sign(p, 3, &x, true), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(sign(p, 4, &x, true), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(sign(p, 1, &x, true), DEMUR_ERR_FORBIDDEN);
    CHECK(signatures(p, &x) == 2);
    CHECK_ERR(sign(p, MEMBERS, &x, false), DEMUR_ERR_UNKNOWN); /* a stranger makes none */
    const struct writing earlier = x;
    CHECK_ERR(revise(p, 1, &x), DEMUR_OK);
    CHECK(signatures(p, &x) == 1);
    CHECK_ERR(sign(p, 5, &earlier, false), DEMUR_ERR_STALE);
    CHECK_ERR(sign(p, 3, &x, false), DEMUR_OK);
    struct writing other = x;
    other.hash[5] ^= 1; /* another text */
    CHECK_ERR(sign(p, 5, &other, false), DEMUR_ERR_FORBIDDEN);
    CHECK_ERR(file_after(p, &other), DEMUR_ERR_FORBIDDEN);
    CHECK_ERR(file_after(p, &x), DEMUR_OK);
    CHECK_ERR(sign(p, 5, &x, false), DEMUR_ERR_STAGE);
    CHECK_ERR(revise(p, 1, &x), DEMUR_ERR_STAGE);
    CHECK(signatures(p, &x) == 2);
}

TEST(compose_a_whole_circulation)
{
    struct people p = {0};
    if (settle(&p)) {
        p.id[MEMBERS] = p.id[0];
        p.id[MEMBERS].chain[0] ^= 1;
        a_whole_circulation(&p);
        p.members = true;
        a_whole_circulation(&p);
    }
    town_free(p.w);
}

TEST(compose_renew_gives_the_months_after)
{
    struct people p = {0};
    uint8_t entropy[64] = {3};
    if (settle(&p)) {
        struct town *w = p.w;
        struct demur_identity *id = &p.id[2];
        w->out = buf_over(w->record, sizeof w->record);
        CHECK_ERR(demur_compose_renew(&w->out, id, p.epoch + 13, 0, 2, entropy, &w->diag),
                  DEMUR_ERR_LIMIT);
        CHECK_ERR(demur_compose_renew(&w->out, id, p.epoch + 13, 14, 2, entropy, &w->diag),
                  DEMUR_ERR_LIMIT);
        w->now += 40u * 86400;
        CHECK_ERR(demur_compose_renew(&w->out, id, p.epoch + 13, 2, 2, entropy, &w->diag),
                  DEMUR_OK);
        CHECK_ERR(town_send(w, span_of(NULL, 0)), DEMUR_OK);
        uint8_t secret[32], key[32];
        struct demur_member_info owner;
        CHECK_ERR(demur_identity_ring_key(id, p.epoch + 14, secret, key, &w->diag), DEMUR_OK);
        CHECK(demur_channel_ring_key_owner(w->c, key, &owner) &&
              span_eq_str(owner.handle, id->handle));
        w->out = buf_over(w->record, sizeof w->record); /* nobody gets a second key */
        CHECK_ERR(demur_compose_renew(&w->out, id, p.epoch + 14, 1, 3, entropy, &w->diag),
                  DEMUR_OK);
        CHECK(town_send(w, span_of(NULL, 0)) != DEMUR_OK);
    }
    town_free(p.w);
}

TEST(compose_member_and_file_are_what_the_fold_takes)
{
    struct people p = {0};
    if (settle(&p)) {
        CHECK_ERR(file(&p, 2, 0, 0), DEMUR_OK);
        CHECK_ERR(file(&p, 2, 0, 0), DEMUR_ERR_REPLAY); /* the slot is spent */
        CHECK_ERR(file(&p, 2, 1, 0), DEMUR_OK);
        CHECK_ERR(file(&p, 3, 0, 0), DEMUR_OK); /* another member's slot is another */
        CHECK_ERR(file(&p, 3, 2, 0), DEMUR_ERR_FORBIDDEN);
        CHECK(demur_channel_dissents(p.w->c) == 3);
        /* A ring that the proofs were not made over. */
        CHECK_ERR(file(&p, 4, 0, 1), DEMUR_ERR_FORBIDDEN);
        /* Somebody who never joined. */
        p.id[MEMBERS] = p.id[0];
        p.id[MEMBERS].chain[0] ^= 1;
        CHECK_ERR(file(&p, MEMBERS, 0, 0), DEMUR_ERR_UNKNOWN);
        CHECK(strstr(p.w->diag.text, "not among the members"));
        CHECK(demur_channel_dissents(p.w->c) == 3);
    }
    town_free(p.w);
}

TEST(compose_member_needs_its_ring_keys_and_room)
{
    struct demur_identity id = {.handle = "m-1"};
    struct demur_invitation in = {.handle = "m-1"};
    uint8_t entropy[64] = {1}, small[200];
    struct demur_diag diag;
    struct buf out = buf_over(small, sizeof small);
    CHECK_ERR(demur_compose_member(&out, &id, &in, 24320, 1, entropy, &diag), DEMUR_ERR_UNKNOWN);
    id.has_chain = true;
    id.epoch = 24320;
    out = buf_over(small, sizeof small);
    CHECK_ERR(demur_compose_member(&out, &id, &in, 24320, 1, entropy, &diag), DEMUR_ERR_SPACE);
}
