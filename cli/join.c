/* demur join: become a member with an invitation. The identity is saved before it
 * is registered; what was saved and not registered is taken up again. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "case.h"
#include "commands.h"
#include "homes.h"

/* A run before this one made the identity, and its record may not have arrived. */
static enum demur_err take_up(struct cli *cli, const struct demur_invitation *invitation)
{
    enum demur_err err = cli_identity_load(cli);
    if (!err && (memcmp(cli->identity.channel, invitation->channel, 32) != 0 ||
                 strcmp(cli->identity.handle, invitation->handle) != 0))
        err = demur_fail(&cli->diag, DEMUR_ERR_REPLAY,
                         "%.120s holds an identity of somebody else already: give another folder "
                         "with --home",
                         cli->home);
    return err;
}

static enum demur_err make(struct cli *cli, const struct demur_invitation *invitation)
{
    const char *name = cli_option(cli, "name");
    enum demur_err err = demur_identity_from_invitation(&cli->identity, invitation, NULL,
                                                        demur_client_now(cli->client), &cli->diag);
    if (!err && name)
        err = cli_name_set(cli, name);
    if (!err)
        err = cli_passphrase(cli, "New passphrase for your identity: ", true);
    if (!err)
        err = cli_profile_save(cli);
    if (!err)
        err = cli_identity_save(cli);
    return err;
}

static void profile_of_invitation(struct cli *cli, const struct demur_invitation *invitation)
{
    const char *url = cli_option(cli, "url"), *token = cli_option(cli, "token");
    struct cli_profile *p = &cli->profile;
    memcpy(p->channel, invitation->channel, 32);
    snprintf(p->url, sizeof p->url, "%s", url ? url : invitation->url);
    snprintf(p->token, sizeof p->token, "%s", token ? token : invitation->token);
    p->loaded = true;
}

/* Does the invitation still await its answer? And is it this identity's own? */
static enum demur_err standing(struct cli *cli, const struct demur_invitation *invitation,
                               bool *joined)
{
    struct demur_member_info info;
    struct demur_keys keys;
    *joined = false;
    if (!demur_channel_member_find(demur_client_channel(cli->client), span_str(invitation->handle),
                                   &info))
        return DEMUR_OK;
    if (info.revoked)
        return demur_fail(&cli->diag, DEMUR_ERR_FORBIDDEN,
                          "this membership was revoked: ask whoever keeps the roster");
    if (!info.joined)
        return DEMUR_OK;
    uint8_t public_key[32], secret_key[64];
    crypto_sign_seed_keypair(public_key, secret_key, invitation->secret);
    sodium_memzero(secret_key, sizeof secret_key);
    bool awaited = info.invited && memcmp(info.invitation, public_key, 32) == 0;
    if (!cli->identity_loaded && awaited) /* another device takes over */
        return DEMUR_OK;
    if (!cli->identity_loaded)
        return demur_fail(&cli->diag, DEMUR_ERR_REPLAY,
                          "this invitation was answered before: ask whoever keeps the roster for a "
                          "new one");
    demur_keys_from_seed(&keys, cli->identity.seed);
    *joined = memcmp(keys.public_key, info.key, 32) == 0;
    demur_keys_wipe(&keys);
    return DEMUR_OK;
}

static enum demur_err join(struct cli *cli, struct demur_invitation *invitation,
                           struct demur_sent *sent, bool *joined)
{
    struct demur_bytes text = {0};
    enum demur_err err =
        strcmp(cli->args[0], "-") == 0 ? cli_text(cli, "-", NULL, "", &text) : DEMUR_OK;
    if (!err)
        err = demur_invitation_parse(
            invitation, text.p ? demur_bytes_span(&text) : span_str(cli->args[0]), &cli->diag);
    demur_bytes_free(&text);
    if (!err)
        err = cli_channel_check(cli, invitation->channel, "invitation");
    if (err)
        return err;
    profile_of_invitation(cli, invitation);
    bool before = access(cli_path(cli, "identity"), F_OK) == 0;
    if (before)
        err = take_up(cli, invitation);
    if (!err)
        err = cli_client_open(cli, true);
    if (!err)
        err = standing(cli, invitation, joined);
    if (!err && !*joined)
        err = demur_client_clock_check(cli->client, &cli->diag);
    if (!err && !before)
        err = make(cli, invitation);
    if (!err && !*joined)
        err = demur_act_join(cli->client, &cli->identity, invitation, sent, &cli->diag);
    return err;
}

static int run(struct cli *cli)
{
    struct demur_invitation invitation = {0};
    struct demur_sent sent = {0};
    bool joined = false;
    if (cli->args_len != 1)
        return cli_usage(cli, "give the one line of your invitation, or - to read it from the "
                              "standard input");
    enum demur_err err = join(cli, &invitation, &sent, &joined);
    demur_invitation_wipe(&invitation);
    if (err && !(err == DEMUR_ERR_TIME && sent.receipt[0]))
        return cli_fail(cli, err);
    if (joined) {
        cli_note(cli, "You have joined before, as %s; nothing was to be done.",
                 cli->identity.handle);
        return CLI_OK;
    }
    if (cli_identity_save(cli))
        cli_note(cli, "warning: %s.", cli->diag.text);
    int code = cli_case_sent(cli, err, &sent, "You have joined as %s.", cli->identity.handle);
    cli_note(cli,
             "Back your identity up now, and keep it in a safe place:\n  demur identity kit%s%s",
             cli_option(cli, "home") ? " --home " : "", cli_option(cli, "home") ? cli->home : "");
    return code;
}

static const struct cli_option options[] = {
    {"name", "NAME",
     "your name, kept in the identity file; it goes out only on a memo that you "
     "choose to name yourself on"},
    {NULL, NULL, NULL},
};

const struct cli_command command_join = {
    .name = "join",
    .usage = "INVITATION|- [--name NAME]",
    .summary = "Join a channel with the invitation that you were given.",
    .details =
        "Makes your keys on this machine, sealed under a passphrase that you choose, and\n"
        "registers their public halves. An invitation works once. On a machine that others\n"
        "use, give - and paste it: what stands on a command line can be seen by them. If you\n"
        "know the channel's fingerprint from elsewhere, give it with --channel: an\n"
        "invitation to another channel is refused then.\n\n"
        "Example:\n\n    demur join - --name 'Ana Silva'",
    .options = options,
    .run = run,
};
