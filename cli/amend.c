/* demur amend: the root puts another policy or calendar in force. */
#include <stdio.h>

#include "case.h"
#include "commands.h"
#include "homes.h"
#include "sources.h"

struct amendment {
    const char *kind; /* "policy" or "calendar" */
    struct cli_source source;
    char name[201]; /* as its text says */
};

/* 0, or an exit code after saying what is wrong. */
static int text_take(struct cli *cli, struct amendment *a, const char *given)
{
    const char *other = a->kind[0] == 'p' ? "calendar" : "policy";
    char header[32];
    enum demur_err err = DEMUR_OK;
    snprintf(header, sizeof header, "demur %s ", other);
    if (!cli_source_embedded(&a->source, given, a->kind))
        err = cli_source_file(cli, &a->source, given);
    if (err == DEMUR_ERR_UNKNOWN)
        err = demur_fail(&cli->diag, err,
                         "there is no file %.100s, and demur carries no %s of that name", given,
                         a->kind);
    if (err)
        return cli_fail(cli, err);
    if (span_starts(a->source.text, header))
        return cli_usage(cli, "%s is a %s: say `demur amend %s`", given, other, other);
    err = cli_source_check(cli, a->source.text, a->kind, a->name);
    return err ? cli_source_fail(cli, &a->source, err) : CLI_OK;
}

/* The same again would only begin a version that says nothing new. */
static enum demur_err new_check(struct cli *cli, const struct amendment *a)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    struct span now = a->kind[0] == 'p' ? demur_channel_policy_text(c)
                                        : demur_channel_calendar_text(c, span_str(a->name));
    return span_eq(now, a->source.text)
               ? demur_fail(&cli->diag, DEMUR_ERR_REPLAY,
                            "the %s %s is in force already, with this very text", a->kind, a->name)
               : DEMUR_OK;
}

static bool confirmed(struct cli *cli, const struct amendment *a)
{
    return cli_confirm(cli, a->kind[0] == 'p'
                                ? "Put this policy in force? Every dissent that is opened from "
                                  "now on is under it."
                                : "Put this calendar in force? Deadlines count by it from the "
                                  "next day on.");
}

static int amend(struct cli *cli, const struct amendment *a)
{
    struct cli_hand hand = {0};
    struct demur_sent sent = {0};
    enum demur_err err = cli_root_begin(cli, &hand);
    if (!err)
        err = new_check(cli, a);
    if (!err && !confirmed(cli, a)) {
        cli_note(cli, "Nothing was changed. Without a terminal, --yes confirms it.");
        return cli_case_end(cli, &hand, CLI_REFUSED);
    }
    if (!err && a->kind[0] == 'p')
        err = demur_act_policy(cli->client, &hand.actor, a->source.text, &sent, &cli->diag);
    else if (!err)
        err = demur_act_calendar(cli->client, &hand.actor, a->name, a->source.text, &sent,
                                 &cli->diag);
    return cli_case_end(
        cli, &hand, cli_case_sent(cli, err, &sent, "The %s %s is in the log.", a->kind, a->name));
}

static int run(struct cli *cli)
{
    struct amendment a = {.kind = cli->args_len ? cli->args[0] : ""};
    if (strcmp(a.kind, "policy") != 0 && strcmp(a.kind, "calendar") != 0)
        return cli_usage(cli, "say `policy` or `calendar` after `amend`");
    if (cli->args_len != 2)
        return cli_usage(cli, "name the one file with the %s, or one that demur carries", a.kind);
    int code = text_take(cli, &a, cli->args[1]);
    if (!code)
        code = amend(cli, &a);
    cli_source_free(&a.source);
    return code;
}

const struct cli_command command_amend = {
    .name = "amend",
    .usage = "policy NAME|FILE | calendar NAME|FILE",
    .summary = "Put another policy or calendar in force; for the root.",
    .details =
        "A dissent keeps the policy under which it was opened; what is opened from now on is\n"
        "under the new one. Roles that the new policy adds are held by nobody until they are\n"
        "granted. A calendar takes the place of the one of its name, from the next day on:\n"
        "put one that a policy needs in force before the policy. A mistake in the text is\n"
        "shown with its line, and nothing is changed.\n\n"
        "Example:\n\n    demur amend policy our.policy --home /media/usb/keys/root",
    .run = run,
};
