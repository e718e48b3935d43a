/* demur withdraw: the author takes the dissent back. */
#include "case.h"
#include "commands.h"

static int run(struct cli *cli)
{
    struct cli_hand hand;
    struct demur_sent sent = {0};
    struct demur_dissent_info d;
    bool goes_on = false;
    char id[33];
    const char *given = cli->args_len ? cli->args[0] : NULL;
    if (cli->args_len > 1)
        return cli_usage(cli, "one dissent at a time");
    enum demur_err err = cli_case_begin(cli, &hand, true);
    if (!err)
        err = cli_case_dissent(cli, &hand, given, id);
    if (!err) {
        goes_on = demur_channel_dissent_find(demur_client_channel(cli->client), span_str(id),
                                             demur_client_view_time(cli->client), &d) &&
                  d.filed_at && d.signatures > 1;
        cli_note(cli,
                 goes_on ? "Others have signed dissent %s: it goes on without you."
                         : "This ends dissent %s. What was sent stays with the offices that "
                           "have it.",
                 id);
        if (!cli_confirm(cli, "Withdraw it for good?")) {
            cli_note(cli, "Nothing was withdrawn. Without a terminal, --yes confirms it.");
            return cli_case_end(cli, &hand, CLI_REFUSED);
        }
        err = demur_act_withdraw(cli->client, &hand.actor, &sent, &cli->diag);
    }
    return cli_case_end(cli, &hand,
                        cli_case_sent(cli, err, &sent,
                                      goes_on ? "You have withdrawn from dissent %.8s."
                                              : "Dissent %.8s is withdrawn.",
                                      id));
}

const struct cli_command command_withdraw = {
    .name = "withdraw",
    .usage = "[DISSENT]",
    .summary = "Take your dissent back, with its receipt phrase.",
    .details = "Only the holder of the receipt phrase can, and only while the policy allows it.\n"
               "One that is filed and that others have signed goes on without its author. You are\n"
               "asked first; --yes answers for scripts.\n\n"
               "Example:\n\n    demur withdraw",
    .run = run,
};
