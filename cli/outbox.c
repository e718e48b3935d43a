/* What waits in the outbox: filings, new texts, signatures. The commands that put it there
 * send it again with --resume, and give it up with --drop. */
#include "filing.h"

const struct cli_waiting cli_filings = {
    .what = "filing",
    .command = "file",
    .kept = "The memo is kept in the outbox; it is filed once. Keep the phrase.",
    .gone = "It is not in the log, and nothing waits in the outbox: begin anew, with a new phrase.",
    .question = "Give this filing up for good?",
    .next = demur_outbox_next,
    .drop = demur_outbox_drop,
};
const struct cli_waiting cli_revisions = {
    .what = "new text",
    .command = "revise",
    .kept = "The new text is kept in the outbox; it counts once.",
    .gone = "The log does not have the new text, and nothing waits in the outbox: look with `demur "
            "status`, and revise again.",
    .next = demur_revision_next,
    .drop = demur_revision_drop,
};
const struct cli_waiting cli_signatures = {
    .what = "signature",
    .command = "sign",
    .kept = "The signature is kept in the outbox; it signs once.",
    .next = demur_signature_next,
    .drop = demur_signature_drop,
};

enum demur_err cli_waiting_find(struct cli *cli, const struct cli_waiting *w, char id[static 33])
{
    const char *drop = cli_option(cli, "drop"), *given = drop            ? drop
                                                         : cli->args_len ? cli->args[0]
                                                                         : NULL;
    char each[33];
    size_t found = 0;
    if (given && strlen(given) < 6)
        return demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN,
                          "name a %s by at least 6 characters of its id", w->what);
    for (size_t i = 0; w->next(cli->client, i, each); i++)
        if (!given || strncmp(each, given, strlen(given)) == 0) {
            memcpy(id, each, 33);
            found++;
        }
    if (found == 1)
        return DEMUR_OK;
    return demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN,
                      found ? "several %ss wait in the outbox: name one by its dissent, such as "
                              "%.8s"
                            : "no such %s waits in the outbox%.0s",
                      w->what, found ? id : "");
}

int cli_waiting_drop(struct cli *cli, const struct cli_waiting *w, const char *id)
{
    if (w->question && !cli_confirm(cli, w->question)) {
        cli_note(cli, "It stays in the outbox. Without a terminal, --yes confirms it.");
        return CLI_REFUSED;
    }
    enum demur_err err = w->drop(cli->client, id, &cli->diag);
    if (err)
        return cli_fail(cli, err);
    if (cli->json)
        printf("{\"done\":\"dropped\",\"dissent\":\"%s\"}\n", id);
    else
        printf("The %s on %s is given up; it never reached the log.\n", w->what, id);
    return CLI_OK;
}

void cli_waiting_say(const struct cli *cli, const struct cli_waiting *w, const char *id)
{
    char each[33];
    bool waits = false;
    for (size_t i = 0; !waits && w->next(cli->client, i, each); i++)
        waits = strcmp(each, id) == 0;
    if (waits)
        cli_say(stderr, 0,
                "%s `demur %s --resume` sends the same again; `demur %s --drop %.8s` gives it up.",
                w->kept, w->command, w->command, id);
    else if (w->gone)
        cli_say(stderr, 0, "%s", w->gone);
}
