/* demur rekey, by the member: another identity key. What is to follow is saved beside the
 * identity before it is sent, and takes its place when the log has it: whatever ends the
 * program in between, running it again goes on. */
#include <stdio.h>
#include <unistd.h>

#include "../core/policy.h"
#include "case.h"
#include "homes.h"

bool cli_rekey_begun(const struct cli *cli)
{
    return access(cli_path(cli, "identity.next"), F_OK) == 0;
}

static enum demur_err take_next(struct cli *cli, struct demur_identity *next)
{
    struct span passphrase = demur_bytes_span(&cli->passphrase);
    if (cli_rekey_begun(cli))
        return demur_identity_load(next, cli_path(cli, "identity.next"), passphrase, NULL,
                                   &cli->diag);
    enum demur_err err = demur_client_clock_check(cli->client, &cli->diag);
    if (err)
        return err;
    demur_identity_replace(next, &cli->identity, cli->client);
    return cli_identity_save_as(cli, next, "identity.next");
}

static void say_of_roles(const struct cli *cli, const uint8_t key[static 32])
{
    uint8_t entry[32];
    const struct demur_channel *c = demur_client_channel(cli->client);
    const struct demur_policy *p = demur_channel_policy(c, entry);
    for (int i = 0; p && i < p->roles_len; i++)
        if (demur_channel_holds(c, key, p->roles[i].name, demur_client_view_time(cli->client)))
            cli_note(
                cli,
                "The role %.*s stays with the old key: have it ended there, and granted to the "
                "card that `demur whoami` shows now.",
                SPAN_ARG(p->roles[i].name));
}

/* The log has it: take the identity's place. */
static enum demur_err settle(struct cli *cli, struct cli_hand *hand,
                             const struct demur_identity *next)
{
    cli->identity = *next;
    enum demur_err err = cli_identity_save(cli);
    if (!err && unlink(cli_path(cli, "identity.next")) != 0)
        cli_note(cli, "warning: %s cannot be removed.", cli_path(cli, "identity.next"));
    say_of_roles(cli, hand->actor.keys.public_key);
    demur_actor_wipe(&hand->actor);
    demur_actor_from_identity(&hand->actor, &cli->identity);
    hand->seq = cli->identity.seq;
    return err;
}

int cli_rekey_own(struct cli *cli)
{
    struct cli_hand hand = {0};
    struct demur_identity next = {0};
    struct demur_sent sent = {0};
    enum demur_err err = cli_case_begin(cli, &hand, false);
    if (!err && !cli->identity.handle[0])
        err = demur_fail(&cli->diag, DEMUR_ERR_FORBIDDEN,
                         "this home is no member's: an officer makes a new identity, and has the "
                         "role granted to it");
    if (!err && !cli_rekey_begun(cli) &&
        !cli_confirm(cli, "Replace your identity key for good? What was sealed to it opens no "
                          "more.")) {
        cli_note(cli, "Nothing was replaced. Without a terminal, --yes confirms it.");
        return cli_case_end(cli, &hand, CLI_REFUSED);
    }
    if (!err)
        err = take_next(cli, &next);
    if (!err)
        err = demur_act_rekey(cli->client, &hand.actor, &next, &sent, &cli->diag);
    bool unsure = err == DEMUR_ERR_IO || err == DEMUR_ERR_VERIFY;
    bool stands = !err || (err == DEMUR_ERR_TIME && sent.receipt[0]);
    if (stands)
        err = settle(cli, &hand, &next);
    demur_identity_wipe(&next);
    if (stands && !err) {
        cli_note(cli, "Your identity key is replaced. Back the new one up: demur identity kit.");
        err = demur_act_renew(cli->client, &hand.actor, &sent, &cli->diag);
        if (err && err != DEMUR_ERR_LIMIT && sent.receipt[0] == 0)
            cli_note(cli, "Your ring keys are not replaced yet: run `demur renew`.");
    } else if (unsure && cli_rekey_begun(cli)) {
        cli_note(cli, "It is not known whether the log has your new key: `demur rekey` goes on.");
    }
    return cli_case_end(cli, &hand,
                        cli_case_sent(cli, err, &sent,
                                      "Your identity key is new, and your ring keys are from next "
                                      "month on."));
}
