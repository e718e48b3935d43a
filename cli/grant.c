/* demur grant: give a role to an officer, or end it. */
#include <stdio.h>
#include <stdlib.h>

#include "../core/policy.h"
#include "case.h"
#include "commands.h"

/* A role that is not the policy's: name those that are. */
static enum demur_err role_check(struct cli *cli, const char *role)
{
    const struct demur_policy *policy =
        demur_channel_policy(demur_client_channel(cli->client), (uint8_t[32]){0});
    char names[200] = "";
    size_t len = 0;
    if (!policy || demur_policy_role(policy, span_str(role)) >= 0)
        return DEMUR_OK;
    for (size_t i = 0; i < policy->roles_len && len < sizeof names; i++)
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%.*s", i ? ", " : "",
                                SPAN_ARG(policy->roles[i].name));
    return demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN, "the policy has no role %.64s; it has %s",
                      role, names);
}

static int until_take(struct cli *cli, uint64_t *until)
{
    const char *text = cli_option(cli, "until");
    uint64_t day;
    if (!text)
        return CLI_OK;
    if (!cli_day(text, &day))
        return cli_usage(cli, "--until wants a day such as 2027-06-30, not \"%.40s\"", text);
    /* The whole day counts. */
    *until = (day + 1) * 86400 - 1;
    return CLI_OK;
}

static enum demur_err grant(struct cli *cli, struct demur_grant *g, struct demur_sent *sent)
{
    struct demur_actor actor = {0};
    enum demur_err err = demur_officer_parse(&g->officer, span_str(cli->args[1]), &cli->diag);
    if (!err)
        err = cli_client_open(cli, true);
    if (!err)
        err = role_check(cli, g->role);
    if (!err && g->until && g->until < demur_client_now(cli->client))
        err =
            demur_fail(&cli->diag, DEMUR_ERR_TIME, "--until %s is past", cli_option(cli, "until"));
    if (!err)
        err = cli_actor(cli, &actor);
    if (!err)
        err = demur_act_grant(cli->client, &actor, g, sent, &cli->diag);
    struct demur_diag said = cli->diag;
    if (sent->receipt[0] && cli_identity_save(cli))
        cli_note(cli, "warning: %s.", cli->diag.text);
    cli->diag = said;
    demur_actor_wipe(&actor);
    return err;
}

static int run(struct cli *cli)
{
    struct demur_sent sent = {0};
    struct demur_grant g = {.ends = cli_flag(cli, "end"),
                            .acting = cli_flag(cli, "acting"),
                            .attribute = cli_option(cli, "for")};
    if (cli->args_len != 2)
        return cli_usage(cli, "give the role, then the officer card that `demur identity new` or "
                              "`demur whoami` printed");
    g.role = cli->args[0];
    if (strncmp(g.role, "demur-officer1:", 15) == 0)
        return cli_usage(cli, "the role comes first, then the officer card");
    if (g.ends && (g.acting || cli_option(cli, "until")))
        return cli_usage(cli, "--end takes neither --acting nor --until");
    int code = until_take(cli, &g.until);
    if (code)
        return code;
    enum demur_err err = grant(cli, &g, &sent);
    return cli_case_sent(cli, err, &sent,
                         g.ends ? "The role %s has ended for that key." : "The role %s is granted.",
                         g.role);
}

static const struct cli_option options[] = {
    {"end", NULL, "end the role instead of granting it"},
    {"acting", NULL, "the officer stands in for the office's holder"},
    {"for", "NAME=VALUE", "the part of the membership that the role is for, as agency=usaid"},
    {"until", "YYYY-MM-DD", "the role ends by itself with that day (UTC)"},
    {NULL, NULL, NULL},
};

const struct cli_command command_grant = {
    .name = "grant",
    .usage = "ROLE OFFICER-CARD [--end] [--acting] [--for NAME=VALUE] [--until YYYY-MM-DD]",
    .summary = "Grant a role to an officer, or end it.",
    .details =
        "By the channel's root key, or by whoever the policy lets grant the role. The\n"
        "officer card is the line that `demur identity new` printed; compare it with the\n"
        "officer over another channel than the one it came by.\n\n"
        "Example:\n\n    demur grant policy-planning OFFICER-CARD --home /media/usb/keys/root",
    .options = options,
    .run = run,
};
