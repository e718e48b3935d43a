/* demur renew, revoke, rekey, expunge: membership and records as time goes by. */
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "case.h"
#include "commands.h"
#include "homes.h"

/* ---- renew ---- */

static int run_renew(struct cli *cli)
{
    struct cli_hand hand = {0};
    struct demur_sent sent = {0};
    if (cli->args_len)
        return cli_usage(cli, "there is nothing to name after `renew`");
    enum demur_err err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = demur_client_clock_check(cli->client, &cli->diag);
    /* Before anybody is told of them. */
    if (!err && demur_identity_begin_chain(&cli->identity, cli->client))
        err = cli_identity_save(cli);
    if (!err)
        err = demur_act_renew(cli->client, &hand.actor, &sent, &cli->diag);
    return cli_case_end(
        cli, &hand,
        cli_case_sent(cli, err, &sent, "Your ring keys reach %d months ahead now.", 13));
}

const struct cli_command command_renew = {
    .name = "renew",
    .usage = "",
    .summary = "Register ring keys for the next 13 months.",
    .details = "Whoever joins brings the keys of 13 months, by which one signs and files without\n"
               "a name. Without a key for a month nothing can be filed or signed in it. You are\n"
               "told when fewer than four months are left. Nothing of you is shown by renewing\n"
               "but that you did. After `demur identity restore` it makes new keys, from next\n"
               "month on.\n\n"
               "Example:\n\n    demur renew",
    .run = run_renew,
};

/* ---- revoke ---- */

static int run_revoke(struct cli *cli)
{
    struct cli_hand hand = {0};
    struct demur_sent sent = {0};
    struct demur_member_info info;
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one member by the handle");
    const char *handle = cli->args[0];
    enum demur_err err = cli_case_begin(cli, &hand, false);
    if (!err &&
        !demur_channel_member_find(demur_client_channel(cli->client), span_str(handle), &info))
        err = demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN,
                         "the roster has no member %.64s: the invitations file has the handles",
                         handle);
    else if (!err && info.revoked)
        err = demur_fail(&cli->diag, DEMUR_ERR_REPLAY, "%.64s was removed before", handle);
    if (!err && !cli_confirm(cli, "Remove this member for good? The handle cannot come back.")) {
        cli_note(cli, "Nobody was removed. Without a terminal, --yes confirms it.");
        return cli_case_end(cli, &hand, CLI_REFUSED);
    }
    if (!err)
        err = demur_act_revoke(cli->client, &hand.actor, handle, &sent, &cli->diag);
    return cli_case_end(cli, &hand,
                        cli_case_sent(cli, err, &sent, "%s is removed from the roster.", handle));
}

const struct cli_command command_revoke = {
    .name = "revoke",
    .usage = "HANDLE",
    .summary = "Remove a member from the roster; for whoever keeps it.",
    .details = "The member is in no ring that is pinned from now on. What went round before can\n"
               "still be signed by them: its ring stands.\n\n"
               "Example:\n\n    demur revoke m-abc123 --home /media/usb/keys/roster",
    .run = run_revoke,
};

/* ---- rekey ---- */

static enum demur_err reinvite(struct cli *cli, struct cli_hand *hand, const char *handle,
                               const char *path, struct demur_sent *sent)
{
    char line[DEMUR_INVITATION_MAX + 1];
    struct buf b = buf_over(line, DEMUR_INVITATION_MAX);
    struct demur_member_info info;
    enum demur_err err = DEMUR_OK;
    if (access(path, F_OK) == 0)
        err = demur_fail(&cli->diag, DEMUR_ERR_REPLAY,
                         "%.200s is there already: choose another file for --out", path);
    if (!err &&
        (!demur_channel_member_find(demur_client_channel(cli->client), span_str(handle), &info) ||
         !info.joined || info.revoked))
        err = demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN,
                         "no member has the handle %.64s: the invitations file has the handles",
                         handle);
    if (!err)
        err = demur_invitation_new(cli->client, handle, &b, &cli->diag);
    if (!err) { /* first where nothing loses it */
        line[b.len] = '\n';
        err = demur_path_write(path, span_of(line, b.len + 1), &cli->diag);
    }
    if (!err)
        err = demur_act_reinvite(cli->client, &hand->actor, buf_span(&b), sent, &cli->diag);
    if (err && err != DEMUR_ERR_TIME && err != DEMUR_ERR_REPLAY && err != DEMUR_ERR_IO && b.len)
        (void)unlink(path);
    sodium_memzero(line, sizeof line);
    return err;
}

static int run_reinvite(struct cli *cli, const char *out)
{
    struct cli_hand hand = {0};
    struct demur_sent sent = {0};
    enum demur_err err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = reinvite(cli, &hand, cli->args[0], out, &sent);
    return cli_case_end(cli, &hand,
                        cli_case_sent(cli, err, &sent,
                                      "%s is invited anew; the invitation is in %s.", cli->args[0],
                                      out));
}

static int run_rekey(struct cli *cli)
{
    const char *out = cli_option(cli, "out");
    if (cli->args_len > 1)
        return cli_usage(cli, "name the one member by the handle; nobody, to replace your own key");
    if (!cli->args_len && out)
        return cli_usage(cli, "--out is for an invitation: name the member whom it is for");
    if (!cli->args_len)
        return cli_rekey_own(cli);
    if (!out)
        return cli_usage(cli, "--out is missing: the file that the new invitation goes to");
    return run_reinvite(cli, out);
}

const struct cli_command command_rekey = {
    .name = "rekey",
    .usage = "| HANDLE --out FILE",
    .summary = "Replace your key; or invite a lost device's owner anew.",
    .details =
        "As a member, when somebody may have read your laptop: you get a new identity key\n"
        "at once, and new ring keys from next month on. This month's ring key stays, for\n"
        "nobody gets a second one: until the month is over, whoever has it can file and\n"
        "sign as one of the members in your place, once for both of you. What was sealed\n"
        "to your old key opens no more, and roles stay with it until they are granted anew.\n\n"
        "As the roster's keeper, with HANDLE, for a member who has neither device nor\n"
        "recovery kit: they join again with the new invitation, on another device. Their\n"
        "identity key is replaced then, and their ring keys from next month on. So until\n"
        "then they can neither file nor sign.\n\n"
        "Example:\n\n    demur rekey\n    demur rekey m-abc123 --out again --home "
        "/media/usb/keys/roster",
    .options =
        (const struct cli_option[]){
            {"out", "FILE", "the new invitation, a secret until it is answered"},
            {NULL, NULL, NULL},
        },
    .run = run_rekey,
};

/* ---- expunge ---- */

static int run_expunge(struct cli *cli)
{
    struct cli_hand hand = {0};
    struct demur_sent sent = {0};
    size_t blobs = 0;
    char id[33];
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one dissent");
    enum demur_err err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = cli_case_dissent(cli, &hand, cli->args[0], id);
    if (!err && !cli_confirm(cli, "Destroy the memo and all that was written about it for good?")) {
        cli_note(cli, "Nothing was destroyed. Without a terminal, --yes confirms it.");
        return cli_case_end(cli, &hand, CLI_REFUSED);
    }
    if (!err)
        err = demur_act_expunge(cli->client, &hand.actor, id, cli_option(cli, "role"), &blobs,
                                &sent, &cli->diag);
    return cli_case_end(cli, &hand,
                        cli_case_sent(cli, err, &sent,
                                      "%zu sealed texts of dissent %.8s are to be "
                                      "destroyed.",
                                      blobs, id));
}

const struct cli_command command_expunge = {
    .name = "expunge",
    .usage = "DISSENT [--role ROLE]",
    .summary = "Destroy an old dissent's texts; for the records office.",
    .details = "Only a role that the policy names can, and only when the dissent has come to its\n"
               "end and the policy's time of retention is over. The server deletes every sealed\n"
               "text and the memo's release key; the log stays whole, and shows what happened.\n\n"
               "Example:\n\n    demur expunge kibabu",
    .options =
        (const struct cli_option[]){
            {"role", "ROLE", "in this role"},
            {NULL, NULL, NULL},
        },
    .run = run_expunge,
};
