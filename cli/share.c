/* demur share: give what was sealed to you to one more officer. */
#include "case.h"
#include "commands.h"

static enum demur_err parse_card(struct cli *cli, struct demur_officer *officer)
{
    struct demur_diag why = {0};
    return demur_officer_parse(officer, span_str(cli_option(cli, "with")), &why)
               ? demur_fail(&cli->diag, DEMUR_ERR_SYNTAX, "--with: %.200s", why.text)
               : DEMUR_OK;
}

static int run(struct cli *cli)
{
    struct cli_hand hand;
    struct demur_officer officer;
    struct demur_dissent_info d;
    struct demur_sent sent = {0};
    uint8_t source[32];
    char id[33];
    const char *given = cli->args_len ? cli->args[0] : NULL, *hash = cli_option(cli, "source");
    bool mine = cli_flag(cli, "mine");
    if (cli->args_len > 1)
        return cli_usage(cli, "one dissent at a time");
    if (!given && !mine)
        return cli_usage(cli, "say which dissent, or --mine as its author");
    if (!cli_option(cli, "with"))
        return cli_usage(cli, "say --with whom, by the officer's card");
    enum demur_err err = parse_card(cli, &officer);
    if (!err && hash)
        err = cli_case_hash(cli, hash, source);
    if (err)
        return cli_fail(cli, err);
    err = cli_case_begin(cli, &hand, mine);
    if (!err)
        err = cli_case_dissent(cli, &hand, given, id);
    if (!err && !hash &&
        demur_channel_dissent_find(demur_client_channel(cli->client), span_str(id),
                                   demur_client_view_time(cli->client), &d))
        memcpy(source, d.memo.hash, 32);
    if (!err)
        err = demur_act_share(cli->client, &hand.actor, id, cli_option(cli, "role"), source,
                              officer.key, &sent, &cli->diag);
    return cli_case_end(cli, &hand,
                        cli_case_sent(cli, err, &sent,
                                      "Shared %s of dissent %.8s; the log shows with whom.",
                                      hash ? "a document" : "the memo", id));
}

const struct cli_command command_share = {
    .name = "share",
    .usage = "DISSENT --with OFFICER-CARD [--role ROLE] [--mine] [--source HASH]",
    .summary = "Give a memo or document to one more officer.",
    .details =
        "The policy says who may share with whom. What is shared is sealed anew to that\n"
        "officer, and the log shows that it was. Without --source it is the memo.\n\n"
        "Example:\n\n    demur share kibabu --with demur-officer1:... --role policy-planning",
    .options =
        (const struct cli_option[]){
            {"with", "OFFICER-CARD", "who is to have it; `demur whoami` shows one's card"},
            {"role", "ROLE", "share in this role"},
            {"mine", NULL, "share as the author, with the receipt phrase"},
            {"source", "HASH", "what to share, as `demur status DISSENT --json` names it"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
