/* Signatures on what circulates, between honest clients and a real server; and those
 * that must not come about. */
#include "../../client/filing.h"
#include "between.h"
#include "live.h"

#include <sodium.h>

#define DAY 86400u

static enum demur_err make(struct live *l, struct demur_client *c, struct demur_actor *member,
                           const struct live_round *r)
{
    struct demur_signature_made made;
    const struct demur_signing g = {.dissent = r->id, .link = &r->link};
    return demur_signature_make(c, member, &g, &made, &l->diag);
}

static bool waits(struct demur_client *c)
{
    char id[33];
    return demur_signature_next(c, 0, id);
}

/* ---- one member, one signature ---- */

static void one_member_signs_once(struct live *l)
{
    struct live_round r;
    struct demur_sent sent = {0};
    struct demur_client *other = live_open(l, "other device");
    REQUIRE(other && live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r));
    /* Two devices with one identity, neither of which knows of the other. */
    CHECK_SAYS(make(l, l->c, &l->member[2], &r), DEMUR_OK, "");
    CHECK_SAYS(make(l, other, &l->member[2], &r), DEMUR_OK, "");
    CHECK_SAYS(make(l, l->c, &l->member[2], &r), DEMUR_ERR_STAGE, "waits to be sent");
    CHECK_SAYS(demur_signature_send(l->c, r.id, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_signature_send(other, r.id, NULL, &l->diag), DEMUR_ERR_REPLAY,
               "this member has signed already");
    CHECK(!waits(l->c) && !waits(other));
    CHECK_SAYS(make(l, other, &l->member[2], &r), DEMUR_ERR_REPLAY,
               "you have signed this revision already");
    CHECK_SAYS(make(l, l->c, &l->member[1], &r), DEMUR_ERR_REPLAY, "you opened this dissent");
    CHECK(live_signatures(l, &r) == 2);
    /* A month later, under the key of the month in which it was opened. */
    live_wait(l, 12 * DAY);
    uint32_t opened = l->member_id[2].epoch;
    CHECK_SAYS(demur_act_renew(l->c, &l->member[2], NULL, &l->diag), DEMUR_OK, "");
    CHECK(demur_client_sync(l->c, &l->diag) == DEMUR_OK);
    CHECK(demur_ring_months(l->c, &l->member_id[2]) == 13);
    CHECK(!demur_identity_tidy(&l->member_id[2], l->c)); /* it can still be signed */
    CHECK(l->member_id[2].epoch == opened);
    CHECK_SAYS(demur_act_renew(l->c, &l->member[2], &sent, &l->diag), DEMUR_OK, "");
    CHECK(sent.earlier);
    CHECK_SAYS(make(l, l->c, &l->member[2], &r), DEMUR_ERR_REPLAY, "signed this revision already");
    CHECK_SAYS(live_sign(l, &l->member[3], &r), DEMUR_OK, "");
    CHECK(live_signatures(l, &r) == 3);
    CHECK_SAYS(demur_act_file(l->c, &r.author, NULL, &l->diag), DEMUR_OK, "");
    CHECK(demur_client_sync(l->c, &l->diag) == DEMUR_OK);
    CHECK(demur_identity_tidy(&l->member_id[2], l->c)); /* and now no more */
    CHECK(l->member_id[2].epoch == opened + 1);
    demur_client_close(other);
}

TEST(signing_one_member_signs_once) { live_run(one_member_signs_once); }

static bool refuse(void *ctx, const struct demur_signature_made *made)
{
    *(uint64_t *)ctx = made->ring;
    return false;
}

/* Whoever says no, or ends the program at the question, has signed nothing: nor has
 * anything been kept that could be sent later. */
static void nothing_is_kept_before_consent(struct live *l)
{
    struct live_round r;
    uint64_t ring = 0;
    struct demur_signature_made made;
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r));
    const struct demur_signing g = {
        .dissent = r.id, .link = &r.link, .confirm = refuse, .ctx = &ring};
    CHECK_SAYS(demur_signature_make(l->c, &l->member[2], &g, &made, &l->diag), DEMUR_ERR_MISSING,
               "nothing was signed");
    CHECK(ring == LIVE_MEMBERS && !waits(l->c));
    CHECK_SAYS(demur_signature_send(l->c, r.id, NULL, &l->diag), DEMUR_ERR_UNKNOWN, "");
    CHECK(live_signatures(l, &r) == 1);
}

TEST(signing_nothing_is_kept_before_consent) { live_run(nothing_is_kept_before_consent); }

static void a_lost_answer_signs_once(struct live *l)
{
    struct between between = {0};
    struct live_round r;
    struct demur_sent sent = {0};
    struct demur_client *c = NULL;
    if (!between_start(&between, l->f->port))
        return;
    struct demur_client_options o = live_options(l, "meddled");
    o.url = between.url;
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_OK, "");
    if (c && live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r)) {
        CHECK_SAYS(make(l, c, &l->member[4], &r), DEMUR_OK, "");
        between.meddle = "POST /append";
        between.answer = "HTTP/1.1 409 Conflict\r\nContent-Type: text/html\r\nConnection: "
                         "close\r\n\r\n<p>Conflict</p>";
        between.after = true;
        CHECK_SAYS(demur_signature_send(c, r.id, NULL, &l->diag), DEMUR_ERR_IO, "did not say why");
        CHECK(waits(c) && live_signatures(l, &r) == 2);
        CHECK_SAYS(demur_signature_drop(c, r.id, &l->diag), DEMUR_ERR_STALE, "in the log already");
        /* Whatever is answered now, the log has these very bytes. */
        between.answer = "HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\n"
                         "Connection: close\r\n\r\n{\"type\":\"about:blank#stale\"}";
        CHECK_SAYS(demur_signature_send(c, r.id, &sent, &l->diag), DEMUR_OK, "");
        CHECK(!waits(c) && sent.receipt[0] && live_signatures(l, &r) == 2);
    }
    demur_client_close(c);
    between_stop(&between);
}

TEST(signing_a_lost_answer_signs_once) { live_run(a_lost_answer_signs_once); }

#define CONFLICT                                                                                   \
    "HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nConnection: close\r\n\r\n" \
    "{\"type\":\"about:blank#stale\",\"detail\":\"the log has moved on\"}"

static uint32_t revision(struct live *l, const struct live_round *r)
{
    struct demur_dissent_info info;
    return demur_client_sync(l->c, &l->diag) == DEMUR_OK &&
                   case_find(l->c, r->id, &info, &l->diag) == DEMUR_OK
               ? info.revision
               : 0;
}

static void a_lost_answer_revises_once(struct live *l)
{
    struct between between = {0};
    struct live_round r;
    struct demur_sent sent = {0};
    struct demur_client *c = NULL;
    struct demur_draft *draft = NULL, *other = NULL;
    struct demur_filing filing = live_memo(l, DEMUR_AUDIENCE_INVITED);
    char id[33];
    if (!between_start(&between, l->f->port))
        return;
    struct demur_client_options o = live_options(l, "meddled");
    o.url = between.url;
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_OK, "");
    if (c && live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r)) {
        CHECK_SAYS(demur_draft_revise(&draft, c, &r.author, &l->member[1], &filing, &l->diag),
                   DEMUR_OK, "");
        between.meddle = "POST /append";
        between.answer = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n";
        between.after = true;
        CHECK_SAYS(demur_draft_send(draft, NULL, &l->diag), DEMUR_ERR_IO, "");
        CHECK(demur_revision_next(c, 0, id) && strcmp(id, r.id) == 0 && revision(l, &r) == 2);
        CHECK_SAYS(demur_draft_revise(&other, c, &r.author, &l->member[1], &filing, &l->diag),
                   DEMUR_ERR_STAGE, "waits to be sent");
        CHECK_SAYS(demur_revision_drop(c, r.id, &l->diag), DEMUR_ERR_STALE, "in the log already");
        /* Whatever is answered now, the log has these very bytes. */
        between.answer = CONFLICT;
        CHECK_SAYS(demur_revision_send(c, r.id, &sent, &l->diag), DEMUR_OK, "");
        CHECK(!demur_revision_next(c, 0, id) && sent.receipt[0] && revision(l, &r) == 2);
        CHECK(live_signatures(l, &r) == 1); /* the author's own, on the new text */
        /* What never arrived, and what can never be. */
        demur_draft_free(draft);
        draft = NULL;
        between.meddle = NULL;
        CHECK_SAYS(demur_draft_revise(&draft, c, &r.author, &l->member[1], &filing, &l->diag),
                   DEMUR_OK, "");
        between.meddle = "PUT /blob";
        between.answer = "HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n";
        between.after = false;
        CHECK_SAYS(demur_draft_send(draft, NULL, &l->diag), DEMUR_ERR_IO, "");
        between.meddle = NULL;
        CHECK(demur_revision_next(c, 0, id) && revision(l, &r) == 2);
        CHECK_SAYS(demur_act_file(l->c, &r.author, NULL, &l->diag), DEMUR_OK, "");
        CHECK_SAYS(demur_revision_send(c, r.id, NULL, &l->diag), DEMUR_ERR_STALE, "newer happened");
        CHECK(!demur_revision_next(c, 0, id) && revision(l, &r) == 2);
    }
    demur_draft_free(draft);
    demur_client_close(c);
    between_stop(&between);
}

TEST(signing_a_lost_answer_revises_once) { live_run(a_lost_answer_revises_once); }

/* ---- who may ---- */

static enum demur_err rejoin(struct live *l, size_t i, struct demur_identity *id)
{
    char line[DEMUR_INVITATION_MAX];
    struct buf b = buf_over(line, sizeof line);
    struct demur_invitation invitation;
    enum demur_err err = demur_invitation_new(l->c, l->member_id[i].handle, &b, &l->diag);
    if (!err)
        err = demur_act_reinvite(l->c, &l->office, buf_span(&b), NULL, &l->diag);
    if (!err)
        err = demur_invitation_parse(&invitation, buf_span(&b), &l->diag);
    if (!err)
        err =
            demur_identity_from_invitation(id, &invitation, NULL, demur_client_now(l->c), &l->diag);
    return err ? err : demur_act_join(l->c, id, &invitation, NULL, &l->diag);
}

static void the_ring_is_the_openings(struct live *l)
{
    struct live_round before, after;
    struct demur_identity again = {0};
    struct demur_actor device;
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_MEMBERS, &before));
    CHECK_SAYS(demur_act_revoke(l->c, &l->office, l->member_id[5].handle, NULL, &l->diag), DEMUR_OK,
               "");
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &after));
    CHECK_SAYS(live_sign(l, &l->member[5], &after), DEMUR_ERR_FORBIDDEN,
               "not among the members who may sign this");
    CHECK_SAYS(live_sign(l, &l->member[5], &before), DEMUR_OK, ""); /* its ring has them */
    CHECK_SAYS(live_sign(l, &l->office, &before), DEMUR_ERR_FORBIDDEN, "only a member");
    /* A lost device: the new one has no key of this month, so the member has one vote. */
    CHECK_SAYS(rejoin(l, 4, &again), DEMUR_OK, "");
    demur_actor_from_identity(&device, &again);
    CHECK_SAYS(live_sign(l, &device, &before), DEMUR_ERR_FORBIDDEN, "not among the members");
    CHECK_SAYS(live_sign(l, &l->member[4], &before), DEMUR_OK, "");
    CHECK(live_signatures(l, &before) == 3 && live_signatures(l, &after) == 1);
    live_wait(l, 12 * DAY); /* in the month that the new keys begin with */
    CHECK(demur_client_sync(l->c, &l->diag) == DEMUR_OK);
    CHECK(demur_ring_months(l->c, &again) == 12);
    /* Where it goes to all members, no link is needed. */
    struct demur_signature_made made;
    struct demur_signing g = {.dissent = before.id};
    CHECK_SAYS(demur_signature_make(l->c, &l->member[2], &g, &made, &l->diag), DEMUR_OK, "");
    CHECK(strcmp(made.title, "The bridge") == 0 && made.ring == LIVE_MEMBERS);
    CHECK_SAYS(demur_signature_drop(l->c, before.id, &l->diag), DEMUR_OK, "");
    g.dissent = after.id;
    CHECK_SAYS(demur_signature_make(l->c, &l->member[2], &g, &made, &l->diag), DEMUR_ERR_KEY,
               "you need the link");
}

TEST(signing_the_ring_is_the_openings) { live_run(the_ring_is_the_openings); }

static void links_windows_and_subsets(struct live *l)
{
    struct live_round r, other, wrong;
    struct demur_signature_made made;
    const struct span team = span_lit("team=blue");
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r));
    REQUIRE(live_circulate(l, 2, DEMUR_AUDIENCE_INVITED, &other));
    wrong = r;
    wrong.link.key[7] ^= 1;
    CHECK_SAYS(make(l, l->c, &l->member[3], &wrong), DEMUR_ERR_KEY, "does not open the memo");
    wrong.link = other.link;
    CHECK_SAYS(make(l, l->c, &l->member[3], &wrong), DEMUR_ERR_FORBIDDEN, "to another dissent");
    wrong.link = r.link;
    memcpy(wrong.link.key, other.link.key, 32);
    CHECK_SAYS(make(l, l->c, &l->member[3], &wrong), DEMUR_ERR_KEY, "does not open the memo");
    wrong.link = r.link;
    wrong.link.channel[0] ^= 1;
    CHECK_SAYS(make(l, l->c, &l->member[3], &wrong), DEMUR_ERR_FORBIDDEN, "to another channel");
    struct demur_signing g = {.dissent = r.id, .link = &r.link, .subsets = &team, .subsets_len = 1};
    CHECK_SAYS(demur_signature_make(l->c, &l->member[3], &g, &made, &l->diag), DEMUR_ERR_FORBIDDEN,
               "does not let a signature name its signer's team");
    CHECK(!waits(l->c));
    /* One that was made in time and sent too late. */
    CHECK_SAYS(make(l, l->c, &l->member[3], &r), DEMUR_OK, "");
    live_wait(l, 13 * DAY + 1);
    CHECK_SAYS(demur_signature_send(l->c, r.id, NULL, &l->diag), DEMUR_ERR_STAGE,
               "the window for signatures is closed");
    CHECK(!waits(l->c));
    CHECK_SAYS(make(l, l->c, &l->member[3], &r), DEMUR_ERR_STAGE, "closed at");
    CHECK_SAYS(demur_act_unsign(l->c, &l->member[3], r.id, NULL, &l->diag), DEMUR_ERR_UNKNOWN,
               "no signature on this revision");
    CHECK_SAYS(demur_act_file(l->c, &r.author, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_act_withdraw(l->c, &other.author, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_act_file(l->c, &other.author, NULL, &l->diag), DEMUR_ERR_STAGE,
               "was withdrawn");
}

TEST(signing_links_windows_and_subsets) { live_run(links_windows_and_subsets); }

/* Put the policy in force with `was` made into `becomes`. */
static bool amend(struct live *l, const char *was, const char *becomes)
{
    static char out[16384];
    struct span text = test_data("company.policy");
    char *at = NULL;
    if (!text.p || text.len + strlen(becomes) >= sizeof out)
        return false;
    memcpy(out, text.p, text.len);
    out[text.len] = 0;
    if (!(at = strstr(out, was)))
        return false;
    memmove(at + strlen(becomes), at + strlen(was), strlen(at + strlen(was)) + 1);
    memcpy(at, becomes, strlen(becomes));
    return demur_act_policy(l->c, &l->root, span_str(out), NULL, &l->diag) == DEMUR_OK;
}

static void a_policy_that_went_out_of_force(struct live *l)
{
    struct demur_draft *draft = NULL;
    struct demur_filing filing = live_memo(l, DEMUR_AUDIENCE_INVITED);
    CHECK_SAYS(demur_draft_make(&draft, l->c, &l->member[1], &filing, &l->diag), DEMUR_OK, "");
    REQUIRE(amend(l, "at-most 14 days", "at-most 12 days"));
    CHECK_SAYS(demur_draft_send(draft, NULL, &l->diag), DEMUR_ERR_STALE, "a newer policy");
    demur_draft_free(draft);
    draft = NULL;
    CHECK_SAYS(demur_draft_make(&draft, l->c, &l->member[1], &filing, &l->diag), DEMUR_ERR_TIME,
               "circulate that long: name 20");
    CHECK(!draft);
}

TEST(signing_a_policy_that_went_out_of_force) { live_run(a_policy_that_went_out_of_force); }

/* What the rules were when it was opened, they stay for it, whatever is in force since. */
static void the_policy_is_the_openings(struct live *l)
{
    struct live_round before, after;
    struct demur_draft *draft = NULL;
    struct demur_signature_made made;
    struct demur_filing filing = live_memo(l, DEMUR_AUDIENCE_INVITED);
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &before));
    REQUIRE(amend(l, "  identity anonymous\n", ""));
    struct demur_signing g = {.dissent = before.id, .link = &before.link};
    CHECK_SAYS(demur_signature_make(l->c, &l->member[2], &g, &made, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_signature_send(l->c, before.id, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_draft_revise(&draft, l->c, &before.author, &l->member[1], &filing, &l->diag),
               DEMUR_OK, "");
    demur_draft_free(draft);
    draft = NULL;
    CHECK_SAYS(demur_draft_make(&draft, l->c, &l->member[1], &filing, &l->diag),
               DEMUR_ERR_FORBIDDEN, "takes no anonymous filings");
    /* And the other way: what it forbade when this was opened, it forbids. */
    REQUIRE(amend(l, "  identity named\n", ""));
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &after));
    REQUIRE(amend(l, "at-least 5 members", "at-least 7 members"));
    g = (struct demur_signing){.dissent = after.id, .link = &after.link, .named = true};
    CHECK_SAYS(demur_signature_make(l->c, &l->member[2], &g, &made, &l->diag), DEMUR_ERR_FORBIDDEN,
               "takes no signatures under a name");
    g.named = false; /* six will do, as they did */
    CHECK_SAYS(demur_signature_make(l->c, &l->member[2], &g, &made, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_signature_send(l->c, after.id, NULL, &l->diag), DEMUR_OK, "");
    CHECK(live_signatures(l, &before) == 2 && live_signatures(l, &after) == 2);
}

TEST(signing_the_policy_is_the_openings) { live_run(the_policy_is_the_openings); }

static enum demur_err until(struct live *l, uint64_t when)
{
    struct demur_draft *draft = NULL;
    struct demur_filing filing = live_memo(l, DEMUR_AUDIENCE_INVITED);
    filing.until = when;
    enum demur_err err = demur_draft_make(&draft, l->c, &l->member[1], &filing, &l->diag);
    demur_draft_free(draft);
    return err;
}

/* A window ends at a noon: where the policy's is shorter than the way there, none is named. */
static void a_window_of_hours(struct live *l)
{
    REQUIRE(amend(l, "circulation at-most 14 days", "circulation at-most 6 hours"));
    uint64_t now = demur_client_now(l->c), day = now / DAY * DAY + DAY, noon = day + DAY / 2;
    live_wait(l, day + 20 * 3600 - now);
    CHECK_SAYS(until(l, noon), DEMUR_ERR_TIME, "no day fits");
    CHECK_SAYS(until(l, noon + DAY), DEMUR_ERR_TIME, "no day fits");
    live_wait(l, 14 * 3600); /* ten in the morning */
    CHECK_SAYS(until(l, noon + 2 * DAY), DEMUR_ERR_TIME, "at the latest");
    CHECK_SAYS(until(l, noon), DEMUR_ERR_TIME, "name a later day");
    CHECK_SAYS(until(l, noon + DAY), DEMUR_OK, "");
}

TEST(signing_a_window_of_hours) { live_run(a_window_of_hours); }

/* A policy may name its offices in any order; a card names them in their own. */
static void disclosed_to_many_offices(struct live *l)
{
    struct live_round r;
    struct demur_signature claimed;
    uint8_t room[DEMUR_CARD_LEN];
    struct buf proof = buf_over(room, sizeof room);
    REQUIRE(amend(l, "  must people-office\n", "  must people-office\n  must board\n"));
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r));
    CHECK_SAYS(live_sign(l, &l->member[2], &r), DEMUR_OK, "");
    CHECK_SAYS(demur_act_disclose(l->c, &l->member[2], r.id, &r.link, NULL, &l->diag), DEMUR_OK,
               "");
    CHECK_SAYS(live_sign(l, &l->member[3], &r), DEMUR_OK, "");
    CHECK_SAYS(demur_act_file(l->c, &r.author, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_act_disclose(l->c, &l->member[3], r.id, NULL, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_claim_write(l->c, &l->member[3], r.id, &proof, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_claim_check(l->c, buf_span(&proof), &claimed, &l->diag), DEMUR_OK, "");
}

TEST(signing_disclosed_to_many_offices) { live_run(disclosed_to_many_offices); }

/* ---- lies ---- */

struct ring_of {
    uint8_t keys[LIVE_MEMBERS][32], secret[32];
    struct demur_ring ring;
};

static enum demur_err take_ring(struct live *l, size_t i, const struct demur_dissent_info *info,
                                struct ring_of *out)
{
    uint8_t public_key[32];
    size_t n = 0;
    enum demur_err err =
        demur_channel_ring(demur_client_channel(l->c), info->policy_entry, info->epoch,
                           info->roster, NULL, 0, out->keys, LIVE_MEMBERS, &n, &l->diag);
    if (!err)
        err = demur_ring_init(&out->ring, (const uint8_t(*)[32])out->keys, n, &l->diag);
    return err ? err
               : demur_identity_ring_key(&l->member_id[i], info->epoch, out->secret, public_key,
                                         &l->diag);
}

/* Where the name card of a member's signature stands in somebody else's record. */
static enum demur_err sign_with_card(struct live *l, size_t i, const struct live_round *r,
                                     const struct demur_blob_ref *card)
{
    uint8_t entropy[64];
    struct demur_dissent_info info;
    struct ring_of ring;
    struct buf record = heap_buf(DEMUR_RECORD_MAX);
    enum demur_err err = case_find(l->c, r->id, &info, &l->diag);
    if (!err)
        err = take_ring(l, i, &info, &ring);
    const struct demur_cosign_facts facts = {.channel = l->f->w->fingerprint,
                                             .dissent = span_str(r->id),
                                             .signers = &ring.ring,
                                             .revision = 1,
                                             .card = *card,
                                             .commitment = info.commitment};
    randombytes_buf(entropy, sizeof entropy);
    if (!err)
        err = demur_compose_cosign(&record, &facts, ring.secret, entropy, &l->diag);
    if (!err)
        err = demur_act_append(l->c, buf_span(&record), NULL, &l->diag);
    heap_buf_free(&record);
    return err;
}

static bool card_of_entry(struct live *l, uint64_t index, struct demur_blob_ref *out)
{
    struct demur_bytes entry = {0};
    uint64_t at;
    bool found = case_record(l->c, index, &entry, &at, &l->diag) == DEMUR_OK &&
                 demur_record_blob(l->c->record, DEMUR_FIELD_CARD, 0, out);
    demur_bytes_free(&entry);
    return found;
}

static void a_card_belongs_to_one_signature(struct live *l)
{
    struct live_round r;
    struct demur_signature_made made;
    struct demur_signature *list = NULL;
    struct demur_blob_ref card = {.size = 0}, unnamed = {.size = 0};
    size_t n = 0, named = 0, worthless = 0;
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r));
    const struct demur_signing g = {.dissent = r.id, .link = &r.link, .named = true};
    CHECK_SAYS(demur_signature_make(l->c, &l->member[3], &g, &made, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_signature_send(l->c, r.id, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(live_sign(l, &l->member[2], &r), DEMUR_OK, "");
    CHECK_SAYS(demur_signatures(l->c, NULL, r.id, false, &list, &n, &l->diag), DEMUR_OK, "");
    REQUIRE(n == 3);
    CHECK(card_of_entry(l, list[1].index, &card) && card_of_entry(l, list[2].index, &unnamed));
    CHECK(card.size == unnamed.size); /* nobody can tell the named from the unnamed */
    free(list);
    list = NULL;
    CHECK_SAYS(sign_with_card(l, 4, &r, &card), DEMUR_OK, "");
    CHECK_SAYS(demur_act_file(l->c, &r.author, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_signatures(l->c, &l->office, r.id, true, &list, &n, &l->diag), DEMUR_OK, "");
    for (size_t i = 0; i < n; i++) {
        named += list[i].card == DEMUR_CARD_NAMED;
        worthless += list[i].card == DEMUR_CARD_WORTHLESS;
    }
    CHECK(n == 4 && named == 1 && worthless == 1);
    free(list);
}

TEST(signing_a_card_belongs_to_one_signature) { live_run(a_card_belongs_to_one_signature); }

/* Whoever signs may put anything in the place of a card: that is between them and the
 * offices, and keeps nobody from reading the others. */
static void a_broken_card_hides_no_other(struct live *l)
{
    struct live_round r;
    struct demur_signature_made made;
    struct demur_signature *list = NULL;
    struct demur_blob_ref card, broken;
    struct demur_bytes bytes = {0};
    size_t n = 0;
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r));
    const struct demur_signing g = {.dissent = r.id, .link = &r.link, .named = true};
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(blob_put(l->c, span_lit("this is no card"), &broken, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(sign_with_card(l, 4, &r, &broken), DEMUR_OK, "");
    CHECK_SAYS(demur_signature_make(l->c, &l->member[3], &g, &made, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_signature_send(l->c, r.id, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_signatures(l->c, NULL, r.id, false, &list, &n, &l->diag), DEMUR_OK, "");
    REQUIRE(n == 3 && card_of_entry(l, list[2].index, &card));
    free(list);
    list = NULL;
    /* Sealed to the office as it should be, but for its last byte. */
    REQUIRE(demur_client_blob(l->c, &card, &bytes, &l->diag) == DEMUR_OK);
    bytes.p[bytes.len - 1] ^= 1;
    CHECK_SAYS(blob_put(l->c, demur_bytes_span(&bytes), &broken, &l->diag), DEMUR_OK, "");
    demur_bytes_free(&bytes);
    CHECK_SAYS(sign_with_card(l, 5, &r, &broken), DEMUR_OK, "");
    CHECK_SAYS(demur_act_file(l->c, &r.author, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_signatures(l->c, &l->office, r.id, true, &list, &n, &l->diag), DEMUR_OK, "");
    REQUIRE(n == 4);
    CHECK(list[1].card == DEMUR_CARD_WORTHLESS && list[2].card == DEMUR_CARD_NAMED &&
          list[3].card == DEMUR_CARD_WORTHLESS);
    free(list);
}

TEST(signing_a_broken_card_hides_no_other) { live_run(a_broken_card_hides_no_other); }

/* One bad proof among good ones is told by its entry; the good ones hold. */
static void bad_proofs_are_named(struct live *l)
{
    struct live_round r;
    struct proofs proofs = {.c = l->c};
    struct demur_signature *list = NULL;
    size_t n = 0;
    char words[40];
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r));
    for (size_t i = 2; i < 5; i++)
        CHECK_SAYS(live_sign(l, &l->member[i], &r), DEMUR_OK, "");
    CHECK_SAYS(demur_signatures(l->c, NULL, r.id, true, &list, &n, &l->diag), DEMUR_OK, "");
    REQUIRE(n == 4);
    for (size_t bad = 1; bad <= n; bad++) { /* the last time none is */
        for (size_t i = 1; i < n; i++) {
            struct demur_bytes entry = {0};
            uint64_t at;
            REQUIRE(case_record(l->c, list[i].index, &entry, &at, &l->diag) == DEMUR_OK);
            if (i == bad) { /* the proof is of another text then */
                char *commitment = strstr((char *)entry.p, "\ncommitment ");
                REQUIRE(commitment);
                commitment[12] = commitment[12] == 'a' ? 'b' : 'a';
            }
            CHECK_SAYS(proofs_add(&proofs, &entry, list[i].index, &l->diag), DEMUR_OK, "");
            demur_bytes_free(&entry);
        }
        snprintf(words, sizeof words, "in entry %d does", bad < n ? (int)list[bad].index : 0);
        CHECK_SAYS(proofs_settle(&proofs, &l->diag), bad < n ? DEMUR_ERR_VERIFY : DEMUR_OK, words);
    }
    proofs_free(&proofs);
    free(list);
}

TEST(signing_bad_proofs_are_named) { live_run(bad_proofs_are_named); }

/* An author who signs another text than the one that is shown to those who are to sign. */
static enum demur_err circulate_a_lie(struct live *l, size_t i, struct live_round *out)
{
    struct demur_draft *d = NULL;
    struct demur_filing filing = live_memo(l, DEMUR_AUDIENCE_INVITED);
    uint8_t entropy[128], lie[32] = {9};
    struct ring_of ring;
    struct demur_dissent_info pins = {.epoch = 0};
    enum demur_err err = demur_draft_make(&d, l->c, &l->member[i], &filing, &l->diag);
    if (err)
        return err;
    (void)demur_channel_policy(demur_client_channel(l->c), pins.policy_entry);
    pins.roster = demur_channel_size(demur_client_channel(l->c));
    pins.epoch = l->member_id[i].epoch;
    err = take_ring(l, i, &pins, &ring);
    const struct demur_filing_facts facts = {.channel = l->f->w->fingerprint,
                                             .case_keys = &d->keys,
                                             .until = filing.until,
                                             .policy = pins.policy_entry,
                                             .epoch = pins.epoch,
                                             .roster = pins.roster,
                                             .ring = &ring.ring,
                                             .signers = &ring.ring,
                                             .card = d->card.name,
                                             .memo = d->memo.name,
                                             .revision = 1,
                                             .commitment = lie};
    struct buf record = heap_buf(DEMUR_RECORD_MAX);
    randombytes_buf(entropy, sizeof entropy);
    if (!err)
        err = demur_compose_circulate(&record, &facts, ring.secret, entropy, &l->diag);
    demur_bytes_free(&d->record);
    d->record = heap_buf_take(&record);
    CHECK(demur_draft_link(d, &out->link));
    memcpy(out->id, d->dissent, sizeof out->id);
    if (!err)
        err = demur_draft_send(d, NULL, &l->diag);
    demur_draft_free(d);
    heap_buf_free(&record);
    return err;
}

static void what_is_shown_is_what_is_signed(struct live *l)
{
    struct live_round r;
    struct demur_reading reading;
    struct demur_actor reader;
    CHECK_SAYS(circulate_a_lie(l, 1, &r), DEMUR_OK, "");
    CHECK_SAYS(live_sign(l, &l->member[2], &r), DEMUR_ERR_VERIFY, "does not match the commitment");
    demur_actor_from_link(&reader, &r.link);
    CHECK_SAYS(demur_read_memo(l->c, &reader, r.id, NULL, &reading, &l->diag), DEMUR_ERR_VERIFY,
               "does not match the commitment");
    CHECK(!waits(l->c) && live_signatures(l, &r) == 1);
}

TEST(signing_what_is_shown_is_what_is_signed) { live_run(what_is_shown_is_what_is_signed); }
