/* When things go wrong between a client and its server: it is gone in the middle,
 * it lies, the clocks differ, the token or the fingerprint is another. */
#include "live.h"

#include <signal.h>
#include <unistd.h>

static bool copy_folder(const char *from, const char *to)
{
    char command[2048];
    snprintf(command, sizeof command, "cp -r '%s' '%s'", from, to);
    return system(command) == 0;
}

static bool restart(struct live *l)
{
    static char listen[64]; /* where it listened before, so that clients find it again */
    int status;
    snprintf(listen, sizeof listen, "127.0.0.1:%u", l->f->port);
    l->f->listen = listen;
    return fixture_start(l->f, &status);
}

static uint64_t dissents(struct live *l)
{
    return demur_client_sync(l->c, &l->diag) == DEMUR_OK
               ? demur_channel_dissents(demur_client_channel(l->c))
               : UINT64_MAX;
}

/* A draft, its server killed, and the attempt to send it: waiting in the outbox. */
static void leave_in_outbox(struct live *l, char id[static 33])
{
    struct demur_draft *draft = NULL;
    struct demur_filing filing = live_filing(true);
    char grep[1024];
    CHECK_SAYS(demur_draft_make(&draft, l->c, &l->member[0], &filing, &l->diag), DEMUR_OK, "");
    REQUIRE(draft);
    fixture_stop(l->f, SIGKILL);
    CHECK_SAYS(demur_draft_send(draft, NULL, &l->diag), DEMUR_ERR_IO, "is the server running?");
    CHECK(demur_outbox_next(l->c, 0, id) && strcmp(id, demur_draft_dissent(draft)) == 0);
    char other[33];
    CHECK(!demur_outbox_next(l->c, 1, other));
    /* What is on disk does not hold the phrase. */
    snprintf(grep, sizeof grep, "grep -rqF '%s' '%s'", demur_draft_phrase(draft), l->home);
    CHECK(system(grep) != 0);
    demur_draft_free(draft);
}

static void server_gone_in_the_middle_files_once(struct live *l)
{
    struct demur_sent first, again;
    char id[33] = "", outbox[512], kept[512];
    leave_in_outbox(l, id);
    demur_client_close(l->c);
    CHECK(restart(l));
    l->c = live_open(l, "all");
    REQUIRE(l->c && demur_outbox_next(l->c, 0, id));
    snprintf(outbox, sizeof outbox, "%s/outbox/%s", demur_client_data(l->c), id);
    snprintf(kept, sizeof kept, "%s/kept", l->home);
    CHECK(copy_folder(outbox, kept));
    CHECK_SAYS(demur_outbox_send(l->c, id, &first, &l->diag), DEMUR_OK, "");
    CHECK(!demur_outbox_next(l->c, 0, id));
    CHECK_SAYS(demur_outbox_send(l->c, id, &again, &l->diag), DEMUR_ERR_UNKNOWN, "waiting");

    /* The answer was lost: the folder is still there, and time went by. */
    CHECK(copy_folder(kept, outbox));
    live_wait(l, 7200);
    CHECK_SAYS(demur_outbox_drop(l->c, id, &l->diag), DEMUR_ERR_STALE, "in the log already");
    CHECK_SAYS(demur_outbox_send(l->c, id, &again, &l->diag), DEMUR_OK, "");
    CHECK(again.index == first.index && memcmp(again.leaf, first.leaf, 32) == 0);
    CHECK(dissents(l) == 1);
}

TEST(trouble_server_gone_in_the_middle_files_once)
{
    live_run(server_gone_in_the_middle_files_once);
}

static void outbox_can_be_dropped(struct live *l)
{
    char id[33] = "";
    leave_in_outbox(l, id);
    CHECK(restart(l));
    CHECK_SAYS(demur_outbox_drop(l->c, id, &l->diag), DEMUR_OK, "");
    CHECK(!demur_outbox_next(l->c, 0, id) && dissents(l) == 0);
    CHECK_SAYS(demur_outbox_drop(l->c, "../../etc", &l->diag), DEMUR_ERR_UNKNOWN, "waiting");
}

TEST(trouble_outbox_can_be_dropped) { live_run(outbox_can_be_dropped); }

static void clocks(struct live *l)
{
    struct demur_sent sent = {0};
    l->skew_s = 301; /* this machine is fast */
    CHECK_SAYS(demur_act_revoke(l->c, &l->office, l->member_id[5].handle, &sent, &l->diag),
               DEMUR_ERR_TIME, "clock is 5 minutes ahead of the log's");
    char apart[DEMUR_SKEW_TEXT] = "";
    CHECK(sent.receipt[0] && demur_client_skewed(l->c, apart));
    CHECK(strcmp(apart, "5 minutes ahead of") == 0);
    struct demur_filing filing = live_filing(true);
    struct demur_draft *draft = NULL;
    CHECK_SAYS(demur_draft_make(&draft, l->c, &l->member[0], &filing, &l->diag), DEMUR_ERR_TIME,
               "is 5 minutes ahead of the server's: set the clock and try again");
    CHECK(!draft);
    l->skew_s = -400 * 86400;
    CHECK_SAYS(demur_draft_make(&draft, l->c, &l->member[0], &filing, &l->diag), DEMUR_ERR_TIME,
               "400 days behind");
    l->skew_s = 300;
    CHECK_SAYS(demur_act_revoke(l->c, &l->office, l->member_id[4].handle, NULL, &l->diag), DEMUR_OK,
               "");
    CHECK(!demur_client_skewed(l->c, apart));
    l->skew_s = -3600;
    struct demur_client *slow = live_open(l, "slow");
    REQUIRE(slow);
    CHECK_SAYS(demur_client_sync(slow, &l->diag), DEMUR_ERR_TIME,
               "this machine's clock is 1 hour behind the log");
    CHECK(demur_client_findings(slow) == 0 && demur_channel_size(demur_client_channel(slow)) == 0);
    l->skew_s = 0;
    CHECK_SAYS(demur_client_sync(slow, &l->diag), DEMUR_OK, "");
    CHECK(demur_client_last_tick(slow) > 0);
    demur_client_close(slow);
}

TEST(trouble_clocks) { live_run(clocks); }

static void sync_says(struct live *l, const struct demur_client_options *o, enum demur_err want,
                      const char *words)
{
    struct demur_client *c = NULL;
    CHECK_SAYS(demur_client_open(&c, o, &l->diag), DEMUR_OK, "");
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), want, words);
    demur_client_close(c);
}

static void wrong_token_fingerprint_or_address(struct live *l)
{
    struct demur_client *c = NULL;
    struct demur_client_options o = live_options(l, "wrong");
    o.token = "another";
    sync_says(l, &o, DEMUR_ERR_FORBIDDEN, "reading token");
    o = live_options(l, "wrong");
    o.channel[0] ^= 1;
    sync_says(l, &o, DEMUR_ERR_VERIFY, "runs another channel");
    o = live_options(l, "wrong");
    o.url = "http://127.0.0.1:1";
    sync_says(l, &o, DEMUR_ERR_IO,
              "cannot reach http://127.0.0.1:1: nothing answers there; is the server running?");
    o.url = "http://name.invalid";
    sync_says(l, &o, DEMUR_ERR_IO, "that name is not known");
    o = live_options(l, "wrong");
    o.proxy = "socks5h://127.0.0.1:1";
    sync_says(l, &o, DEMUR_ERR_IO, "the proxy does not answer or refuses; is it running?");
    o.proxy = "http://127.0.0.1:1";
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_ERR_SYNTAX, "socks5h");
    o.proxy = NULL;
    o.url = "127.0.0.1:8470";
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_ERR_SYNTAX, "no address");
    o.url = NULL;
    sync_says(l, &o, DEMUR_ERR_IO, "local copy");
}

TEST(trouble_wrong_token_fingerprint_or_address) { live_run(wrong_token_fingerprint_or_address); }

static void send_revoke(struct live *l, struct demur_client *c, size_t member)
{
    CHECK_SAYS(demur_act_revoke(c, &l->office, l->member_id[member].handle, NULL, &l->diag),
               DEMUR_OK, "");
}

/* The operator puts back an old state of the server, and goes on from there. */
static void a_forked_log_is_caught(struct live *l)
{
    char old[sizeof l->f->dir], mine[sizeof l->f->dir];
    struct demur_finding finding = {0};
    fixture_stop(l->f, SIGTERM);
    snprintf(old, sizeof old, "%s/old", l->f->parent);
    memcpy(mine, l->f->dir, sizeof mine);
    CHECK(copy_folder(mine, old) && restart(l));
    send_revoke(l, l->c, 5);
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
    uint64_t size = demur_channel_size(demur_client_channel(l->c));
    fixture_stop(l->f, SIGTERM);

    memcpy(l->f->dir, old, sizeof old);
    CHECK(restart(l));
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_ERR_VERIFY, "shows an older log");
    CHECK(demur_client_findings(l->c) == 0);
    struct demur_client *other = live_open(l, "other");
    REQUIRE(other); /* its folder goes with the channel */
    send_revoke(l, other, 4);
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_ERR_VERIFY, "two different histories");
    CHECK(demur_client_finding(l->c, 0, &finding));
    CHECK(strcmp(finding.kind, "fork") == 0 && access(finding.path, R_OK) == 0);
    send_revoke(l, other, 3);
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_ERR_VERIFY, "is another one now");
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_ERR_VERIFY, "is another one now");
    CHECK(demur_client_findings(l->c) == 2);
    CHECK(demur_channel_size(demur_client_channel(l->c)) == size);
    demur_client_close(other);

    /* The evidence outlives the program; so does the copy. */
    demur_client_close(l->c);
    l->c = NULL;
    struct demur_client_options o = live_options(l, "all");
    CHECK_SAYS(demur_client_open(&l->c, &o, &l->diag), DEMUR_OK, "");
    REQUIRE(l->c);
    CHECK(demur_client_findings(l->c) == 2);
    CHECK(demur_channel_size(demur_client_channel(l->c)) == size);
    memcpy(l->f->dir, mine, sizeof mine);
}

TEST(trouble_a_forked_log_is_caught) { live_run(a_forked_log_is_caught); }

static void copies_are_checked_when_opened(struct live *l)
{
    char path[512];
    struct demur_bytes file = {0};
    uint8_t state[2][32];
    struct demur_client *c = live_open(l, "copy");
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    CHECK(demur_channel_state_hash(demur_client_channel(c), state[0]));
    demur_client_close(c);
    struct demur_client_options o = live_options(l, "copy");
    o.url = NULL;
    c = NULL;
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_OK, "");
    REQUIRE(c);
    CHECK(demur_channel_state_hash(demur_client_channel(c), state[1]));
    CHECK(memcmp(state[0], state[1], 32) == 0);
    demur_client_close(c);

    snprintf(path, sizeof path, "%s/copy/entries/00000000", l->home);
    CHECK_SAYS(demur_path_read(path, 1 << 20, &file, &l->diag), DEMUR_OK, "");
    REQUIRE(file.p);
    struct span whole = demur_bytes_span(&file);
    c = NULL;
    file.p[file.len - 20] ^= 1;
    CHECK_SAYS(demur_path_write(path, whole, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_ERR_VERIFY, "was damaged");
    file.p[file.len - 20] ^= 1;
    CHECK_SAYS(demur_path_write(path, span_take(whole, file.len - 9), &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_ERR_VERIFY, "was damaged");
    CHECK_SAYS(demur_path_write(path, whole, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_OK, "");
    demur_client_close(c);
    c = NULL;
    o.channel[3] ^= 1;
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_ERR_VERIFY, "another channel");
    demur_bytes_free(&file);
}

TEST(trouble_copies_are_checked_when_opened) { live_run(copies_are_checked_when_opened); }

/* More entries than one bundle holds, so that some are staged before the rest. */
static void interrupted_fetch_goes_on(struct live *l)
{
    char path[512], target[512];
    struct demur_bytes file = {0};
    for (int i = 0; i < 260; i++) {
        char line[DEMUR_INVITATION_MAX];
        struct buf b = buf_over(line, sizeof line);
        enum demur_err err = demur_invitation_new(l->c, NULL, &b, &l->diag);
        if (!err)
            err = demur_act_invite(l->c, &l->office, buf_span(&b), NULL, 0, NULL, &l->diag);
        CHECK_SAYS(err, DEMUR_OK, "");
        if (err)
            return;
    }
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
    /* A bundle that an earlier run had fetched is used; a damaged one accuses nobody. */
    for (int damaged = 0; damaged < 2; damaged++) {
        const char *name = damaged ? "damaged" : "staged";
        struct demur_client *c = live_open(l, name);
        REQUIRE(c);
        snprintf(path, sizeof path, "%s/all/entries/00000000", l->home);
        snprintf(target, sizeof target, "%s/%s/entries/00000000", l->home, name);
        CHECK_SAYS(demur_path_read(path, 1 << 22, &file, &l->diag), DEMUR_OK, "");
        REQUIRE(file.p);
        file.p[file.len / 2] ^= (uint8_t)damaged;
        CHECK_SAYS(demur_path_write(target, demur_bytes_span(&file), &l->diag), DEMUR_OK, "");
        demur_bytes_free(&file);
        CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
        CHECK(demur_client_findings(c) == 0);
        CHECK(demur_channel_size(demur_client_channel(c)) ==
              demur_channel_size(demur_client_channel(l->c)));
        demur_client_close(c);
    }
}

TEST(trouble_interrupted_fetch_goes_on) { live_run(interrupted_fetch_goes_on); }
