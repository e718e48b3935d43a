/* What circulates among all members: who of them reads it, and what the others are told. */
#include "../../client/filing.h"
#include "../../core/handout.h"
#include "between.h"
#include "live.h"

#include <sodium.h>

/* As this actor, memo and attachments; the error of the first that does not open. */
static enum demur_err read_all(struct live *l, struct demur_actor *actor, const char *id)
{
    struct demur_reading memo = {0};
    enum demur_err err = demur_read_memo(l->c, actor, id, NULL, &memo, &l->diag);
    for (size_t i = 0; !err && i < memo.letter.files_len; i++) {
        struct demur_bytes plain = {0};
        err = demur_read_attachment(l->c, actor, &memo, i, &plain, &l->diag);
        demur_bytes_free(&plain);
    }
    demur_reading_free(&memo);
    return err;
}

static enum demur_err revise(struct live *l, const struct live_round *r, struct demur_link *link)
{
    struct demur_draft *draft = NULL;
    /* The audience is the opening's, whatever is said here. */
    struct demur_filing filing = live_memo(l, DEMUR_AUDIENCE_INVITED);
    enum demur_err err =
        demur_draft_revise(&draft, l->c, &r->author, &l->member[1], &filing, &l->diag);
    if (!err && demur_draft_link(draft, link))
        err = demur_draft_send(draft, NULL, &l->diag);
    demur_draft_free(draft);
    return err;
}

/* A dissent with an attachment, of the second member's. */
static bool circulate(struct live *l, struct live_round *out)
{
    char path[256];
    const char *files[] = {path};
    struct demur_filing filing = live_memo(l, DEMUR_AUDIENCE_MEMBERS);
    snprintf(path, sizeof path, "%s/plan.txt", l->home);
    filing.files = files;
    filing.files_len = 1;
    CHECK_SAYS(demur_path_write(path, span_lit("a plan"), &l->diag), DEMUR_OK, "");
    return live_circulate_filing(l, 1, &filing, out);
}

static void all_members_read_it(struct live *l)
{
    struct live_round r;
    struct demur_actor linked;
    struct demur_dissent_info info;
    REQUIRE(circulate(l, &r));
    for (size_t i = 0; i < LIVE_MEMBERS; i++) {
        struct demur_actor reader = l->member[i];
        CHECK_SAYS(read_all(l, &reader, r.id), DEMUR_OK, "");
        demur_actor_wipe(&reader);
    }
    CHECK_SAYS(read_all(l, &r.author, r.id), DEMUR_OK, "");
    demur_actor_from_link(&linked, &r.link);
    CHECK_SAYS(read_all(l, &linked, r.id), DEMUR_OK, "");
    CHECK_SAYS(read_all(l, &l->office, r.id), DEMUR_ERR_KEY, "this identity is none");
    /* The memo is sealed to two, whoever the audience is. */
    CHECK_SAYS(case_find(l->c, r.id, &info, &l->diag), DEMUR_OK, "");
    CHECK(info.memo.size == demur_age_sealed_len(4096, 2));
    CHECK(info.keys.size == demur_handout_len(LIVE_MEMBERS));
    /* It is filed to the offices, as ever. */
    CHECK_SAYS(demur_act_file(l->c, &r.author, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(read_all(l, &l->office, r.id), DEMUR_OK, "");
    CHECK(read_all(l, &l->member[2], r.id) != DEMUR_OK);
}

TEST(handout_all_members_read_it) { live_run(all_members_read_it); }

/* A member who signs the present text by its name alone. */
static enum demur_err sign(struct live *l, struct demur_actor *member, const char *id)
{
    struct demur_signature_made made;
    const struct demur_signing g = {.dissent = id};
    enum demur_err err = demur_signature_make(l->c, member, &g, &made, &l->diag);
    return err ? err : demur_signature_send(l->c, id, NULL, &l->diag);
}

static void the_roster_moves_on(struct live *l)
{
    struct live_round r;
    struct demur_identity late_id, next_id;
    struct demur_actor late, next, removed = l->member[5], linked;
    REQUIRE(circulate(l, &r));
    CHECK_SAYS(live_join(l, &late_id, "Late"), DEMUR_OK, "");
    demur_actor_from_identity(&late, &late_id);
    demur_identity_replace(&next_id, &l->member_id[4], l->c);
    demur_actor_from_identity(&next, &next_id);
    CHECK_SAYS(demur_act_revoke(l->c, &l->office, l->member_id[5].handle, NULL, &l->diag), DEMUR_OK,
               "");
    CHECK_SAYS(demur_act_rekey(l->c, &l->member[4], &next_id, NULL, &l->diag), DEMUR_OK, "");
    /* What was sealed to them before stays theirs. */
    CHECK_SAYS(read_all(l, &removed, r.id), DEMUR_OK, "");
    CHECK_SAYS(read_all(l, &l->member[4], r.id), DEMUR_OK, "");
    CHECK_SAYS(read_all(l, &next, r.id), DEMUR_ERR_KEY, "another key of yours");
    CHECK_SAYS(read_all(l, &late, r.id), DEMUR_ERR_KEY, "members when it was opened");
    CHECK_SAYS(sign(l, &l->member[2], r.id), DEMUR_OK, "");
    /* The next text is sealed to the same ring, by the keys of now. */
    CHECK_SAYS(revise(l, &r, &r.link), DEMUR_OK, "");
    CHECK_SAYS(read_all(l, &removed, r.id), DEMUR_ERR_KEY, "removed");
    CHECK_SAYS(read_all(l, &l->member[4], r.id), DEMUR_ERR_KEY, "another key of yours");
    CHECK_SAYS(read_all(l, &next, r.id), DEMUR_OK, "");
    CHECK_SAYS(read_all(l, &late, r.id), DEMUR_ERR_KEY, "members when it was opened");
    CHECK_SAYS(read_all(l, &l->member[2], r.id), DEMUR_OK, "");
    demur_actor_from_link(&linked, &r.link);
    CHECK_SAYS(read_all(l, &linked, r.id), DEMUR_OK, "");
    CHECK_SAYS(sign(l, &l->member[2], r.id), DEMUR_OK, "");
    CHECK_SAYS(live_sign(l, &removed, &r), DEMUR_OK,
               ""); /* its ring has them, and the link helps */
    CHECK(live_signatures(l, &r) == 3);
}

TEST(handout_the_roster_moves_on) { live_run(the_roster_moves_on); }

/* Its blobs wait in the outbox, all of them, and are sent from there. */
static void what_waits_is_whole(struct live *l)
{
    struct between between = {0};
    struct demur_draft *draft = NULL;
    struct demur_filing filing = live_memo(l, DEMUR_AUDIENCE_MEMBERS);
    char id[33] = "";
    struct demur_client *c = live_behind(l, &between);
    if (c) {
        CHECK_SAYS(demur_draft_make(&draft, c, &l->member[1], &filing, &l->diag), DEMUR_OK, "");
        between.meddle = "POST /append";
        between.answer = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n";
        CHECK_SAYS(demur_draft_send(draft, NULL, &l->diag), DEMUR_ERR_IO, "");
        between.meddle = NULL;
        CHECK(demur_outbox_next(c, 0, id));
        CHECK_SAYS(demur_outbox_send(c, id, NULL, &l->diag), DEMUR_OK, "");
        CHECK_SAYS(read_all(l, &l->member[3], id), DEMUR_OK, "");
    }
    demur_draft_free(draft);
    demur_client_close(c);
    between_stop(&between);
}

TEST(handout_what_waits_is_whole) { live_run(what_waits_is_whole); }

/* What of the dissent's blobs is asked for by a member who reads it, or signs it. */
static enum demur_err note(struct live *l, struct demur_client *c, struct between *b,
                           const struct demur_actor *member, const char *id, bool signs)
{
    struct demur_actor reader = *member;
    struct demur_reading memo = {0};
    struct demur_signature_made made;
    const struct demur_signing g = {.dissent = id};
    b->noted[0] = 0;
    enum demur_err err = signs ? demur_signature_make(c, &reader, &g, &made, &l->diag)
                               : demur_read_memo(c, &reader, id, NULL, &memo, &l->diag);
    if (!err && signs)
        err = demur_signature_drop(c, id, &l->diag);
    demur_reading_free(&memo);
    demur_actor_wipe(&reader);
    return err;
}

/* Whose stanza does not open asks the server for the same as the others. */
static void the_server_sees_nobody_left_out(struct live *l)
{
    struct between between = {0};
    struct live_round r;
    struct demur_identity next_id;
    struct demur_actor next;
    char asked[4096];
    struct demur_client *c = live_behind(l, &between);
    if (c && circulate(l, &r)) {
        demur_identity_replace(&next_id, &l->member_id[4], l->c);
        demur_actor_from_identity(&next, &next_id);
        CHECK_SAYS(demur_act_rekey(l->c, &l->member[4], &next_id, NULL, &l->diag), DEMUR_OK, "");
        CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
        between.note = "GET /blob/";
        for (int signs = 0; signs < 2; signs++) {
            CHECK_SAYS(note(l, c, &between, &l->member[3], r.id, signs), DEMUR_OK, "");
            memcpy(asked, between.noted, sizeof asked);
            CHECK_SAYS(note(l, c, &between, &next, r.id, signs), DEMUR_ERR_KEY, "another key");
            if (!asked[0] || strcmp(asked, between.noted) != 0)
                test_failed(__FILE__, __LINE__, "who reads it:\n%swho does not:\n%s", asked,
                            between.noted);
        }
        demur_actor_wipe(&next);
    }
    demur_client_close(c);
    between_stop(&between);
}

TEST(handout_the_server_sees_nobody_left_out) { live_run(the_server_sees_nobody_left_out); }

/* Who was left out though their key has not changed learns that, and no false reason. */
static void who_is_left_out_is_told(struct live *l)
{
    struct live_round r;
    struct demur_identity left_id;
    struct demur_actor left;
    REQUIRE(circulate(l, &r));
    left_id = l->member_id[3];
    demur_actor_from_identity(&left, &left_id);
    /* As if the author had sealed it to another key. */
    const uint8_t secret[32] = {2};
    demur_age_identity_init(&left.keys.age, secret);
    CHECK_SAYS(read_all(l, &left, r.id), DEMUR_ERR_KEY, "would tell its author who you are");
    demur_actor_wipe(&left);
}

TEST(handout_who_is_left_out_is_told) { live_run(who_is_left_out_is_told); }

/* The key that a member was handed opens this text, or its author has handed out another. */
static void a_false_key_is_seen(struct live *l)
{
    struct live_round r;
    uint8_t secret[32] = {1};
    struct demur_actor reader = l->member[3];
    REQUIRE(circulate(l, &r));
    CHECK_SAYS(read_all(l, &reader, r.id), DEMUR_OK, "");
    CHECK(sodium_memcmp(reader.circulation.secret, r.link.key, 32) == 0);
    demur_age_identity_init(&reader.circulation, secret);
    CHECK_SAYS(read_all(l, &reader, r.id), DEMUR_ERR_VERIFY, "does not open this text");
}

TEST(handout_a_false_key_is_seen) { live_run(a_false_key_is_seen); }

/* A server that answers as if the member's key had not opened what it never sent. */
static void a_server_frames_nobody(struct live *l)
{
    struct between between = {0};
    struct live_round r;
    struct demur_dissent_info info;
    struct demur_reading memo = {0};
    struct demur_actor reader = l->member[3];
    char path[80] = "GET /blob/";
    struct demur_client *c = live_behind(l, &between);
    if (c && circulate(l, &r)) {
        CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
        CHECK_SAYS(case_find(l->c, r.id, &info, &l->diag), DEMUR_OK, "");
        between.answer = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\n"
                         "Connection: close\r\n\r\n{\"type\":\"x#key\",\"detail\":\"no\"}";
        sodium_bin2hex(path + 10, sizeof path - 10, info.memo.hash, 32);
        between.meddle = path;
        CHECK_SAYS(demur_read_memo(c, &reader, r.id, NULL, &memo, &l->diag), DEMUR_ERR_FORBIDDEN,
                   "no");
        sodium_bin2hex(path + 10, sizeof path - 10, info.keys.hash, 32);
        demur_actor_wipe(&reader);
        reader = l->member[3];
        CHECK_SAYS(demur_read_memo(c, &reader, r.id, NULL, &memo, &l->diag), DEMUR_ERR_FORBIDDEN,
                   "no");
    }
    demur_actor_wipe(&reader);
    demur_client_close(c);
    between_stop(&between);
}

TEST(handout_a_server_frames_nobody) { live_run(a_server_frames_nobody); }
