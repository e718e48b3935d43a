/* demur step: an officer's act: acknowledge, ask, extend, reply, ... */
#include <stdio.h>

#include "case.h"
#include "commands.h"
#include "filing.h"

/* After a refusal: what could have been done instead. */
static void explain(const struct cli *cli, enum demur_err err, const struct cli_hand *hand,
                    const char *id)
{
    if (err != DEMUR_ERR_STAGE && err != DEMUR_ERR_FORBIDDEN && err != DEMUR_ERR_UNKNOWN)
        return;
    struct span role, act;
    if (!demur_channel_act(demur_client_channel(cli->client), span_str(id),
                           hand->actor.keys.public_key, demur_client_view_time(cli->client), 0,
                           &role, &act)) {
        cli_note(cli, "There is nothing that you may do in dissent %.8s now.", id);
        return;
    }
    cli_note(cli, "You may do this in dissent %.8s now:", id);
    case_print_acts(cli, stderr, span_str(id), hand->actor.keys.public_key);
}

static enum demur_err take(struct cli *cli, struct cli_hand *hand, const char *id,
                           struct demur_sent *sent, bool *tried)
{
    const char *file = cli_option(cli, "document"), *text = cli_option(cli, "text"),
               *title = cli_option(cli, "title");
    struct demur_bytes body = {0};
    struct demur_writing document = {.title = span_str(title ? title : "")};
    struct demur_step step = {.dissent = id,
                              .role = cli_option(cli, "role"),
                              .act = cli->args[1],
                              .outcome = cli_option(cli, "outcome"),
                              .refer = cli_option(cli, "refer")};
    enum demur_err err = cli_until(cli, &step.until);
    if (!err && (file || text))
        err = cli_text(cli, file, text, "Type the document", &body);
    if (!err) {
        document.body = demur_bytes_span(&body);
        step.document = file || text ? &document : NULL;
        *tried = true;
        err = demur_act_step(cli->client, &hand->actor, &step, sent, &cli->diag);
    }
    demur_bytes_free(&body);
    return err;
}

/* Did they write `step acknowledge DISSENT`? */
static bool swapped(struct cli *cli)
{
    char id[33];
    struct demur_diag kept = cli->diag;
    bool yes = cli_dissent(cli, cli->args[1], id) == DEMUR_OK;
    cli->diag = kept;
    return yes;
}

static int run(struct cli *cli)
{
    struct cli_hand hand;
    struct demur_sent sent = {0};
    char id[33];
    if (cli->args_len != 2)
        return cli_usage(cli, "say which dissent and which act");
    if (cli_option(cli, "document") && cli_option(cli, "text"))
        return cli_usage(cli, "give --document or --text, not both");
    enum demur_err err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = cli_case_dissent(cli, &hand, cli->args[0], id);
    if (err == DEMUR_ERR_UNKNOWN && cli->client && swapped(cli))
        return cli_case_end(cli, &hand, cli_usage(cli, "the dissent comes first, then the act"));
    bool known = !err, tried = false;
    if (!err)
        err = take(cli, &hand, id, &sent, &tried);
    int code = cli_case_sent(cli, err, &sent, "Done: %s in dissent %.8s.", cli->args[1], id);
    if (tried && err == DEMUR_ERR_MISSING)
        cli_note(cli, "--document FILE or --text TEXT gives a document, --outcome an outcome,\n"
                      "--refer a role, --until a day.");
    if (known && tried && code)
        explain(cli, err, &hand, id);
    return cli_case_end(cli, &hand, code);
}

const struct cli_command command_step = {
    .name = "step",
    .usage = "DISSENT ACT [--role ROLE] [--document FILE | --text TEXT] ...",
    .summary = "Act in a dissent as an officer: acknowledge, ask, reply, ...",
    .details = "The policy says which acts there are, who may take them when, and which of them\n"
               "need a document; `demur inbox` lists what you may do now. A document is sealed\n"
               "to the author and to the offices that have the memo.\n\n"
               "Example:\n\n    demur step kibabu reply --role policy-planning --document reply.md",
    .options =
        (const struct cli_option[]){
            {"role", "ROLE", "act in this role"},
            {"document", "FILE", "the text that goes with the act; - is the standard input"},
            {"text", "TEXT", "the same, on the command line"},
            {"title", "TITLE", "the document's title"},
            {"outcome", "OUTCOME", "how the act turned out, where the policy wants one"},
            {"refer", "ROLE", "to whom the case is referred"},
            {"until", "YYYY-MM-DD", "the day to which the act extends"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
