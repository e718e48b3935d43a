/* demur say: a sealed message in the thread of a dissent. */
#include "case.h"
#include "commands.h"

static int run(struct cli *cli)
{
    struct cli_hand hand;
    struct demur_sent sent = {0};
    struct demur_bytes text = {0};
    char id[33];
    const char *given = cli->args_len ? cli->args[0] : NULL;
    bool mine = cli_flag(cli, "mine");
    if (cli->args_len > 1)
        return cli_usage(cli, "one dissent at a time; the message goes into --text or --file");
    if (!given && !mine)
        return cli_usage(cli, "say which dissent, or --mine as its author");
    if (mine && cli_option(cli, "role"))
        return cli_usage(cli, "an author has no --role");
    if (cli_option(cli, "text") && cli_option(cli, "file"))
        return cli_usage(cli, "give --text or --file, not both");
    enum demur_err err = cli_case_begin(cli, &hand, mine);
    if (!err)
        err = cli_case_dissent(cli, &hand, given, id);
    if (!err)
        err = cli_text(cli, cli_option(cli, "file"), cli_option(cli, "text"), "Type the message",
                       &text);
    if (!err) {
        const struct demur_writing message = {.body = demur_bytes_span(&text)};
        err = demur_act_say(cli->client, &hand.actor, id, cli_option(cli, "role"), &message, &sent,
                            &cli->diag);
    }
    demur_bytes_free(&text);
    return cli_case_end(cli, &hand,
                        cli_case_sent(cli, err, &sent, "Sent, sealed to %s, in dissent %.8s.",
                                      mine ? "the offices that have the memo"
                                           : "the author and the offices that have the memo",
                                      id));
}

const struct cli_command command_say = {
    .name = "say",
    .usage = "[DISSENT] [--mine] [--role ROLE] [--text TEXT | --file FILE]",
    .summary = "Send a sealed message in the thread of a dissent.",
    .details = "An officer who has the memo names the dissent. The author says --mine and gives\n"
               "the receipt phrase: nobody learns more about the author by it. Without --text\n"
               "and --file the message is read from the standard input.\n\n"
               "Example:\n\n    demur say kibabu --role policy-planning --text \"Which cable do "
               "you mean?\"",
    .options =
        (const struct cli_option[]){
            {"mine", NULL, "write as the author, with the receipt phrase"},
            {"role", "ROLE", "write in this role"},
            {"text", "TEXT", "the message"},
            {"file", "FILE", "read the message there; - is the standard input"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
