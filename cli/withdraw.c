/* demur withdraw: the author takes the dissent back. */
#include "case.h"
#include "commands.h"

static int run(struct cli *cli)
{
    struct cli_hand hand;
    struct demur_sent sent = {0};
    char id[33];
    const char *given = cli->args_len ? cli->args[0] : NULL;
    if (cli->args_len > 1)
        return cli_usage(cli, "one dissent at a time");
    enum demur_err err = cli_case_begin(cli, &hand, true);
    if (!err)
        err = cli_case_dissent(cli, &hand, given, id);
    if (!err) {
        cli_note(cli, "This ends dissent %s. What was sent stays with the offices that have it.",
                 id);
        if (!cli_confirm(cli, "Withdraw it for good?")) {
            cli_note(cli, "Nothing was withdrawn. Without a terminal, --yes confirms it.");
            return cli_case_end(cli, &hand, CLI_REFUSED);
        }
        err = demur_act_withdraw(cli->client, &hand.actor, &sent, &cli->diag);
    }
    return cli_case_end(cli, &hand,
                        cli_case_sent(cli, err, &sent, "Dissent %.8s is withdrawn.", id));
}

const struct cli_command command_withdraw = {
    .name = "withdraw",
    .usage = "[DISSENT]",
    .summary = "Take your dissent back, with its receipt phrase.",
    .details = "Only the holder of the receipt phrase can, and only while the policy allows it.\n"
               "You are asked first; --yes answers for scripts.\n\n"
               "Example:\n\n    demur withdraw",
    .run = run,
};
