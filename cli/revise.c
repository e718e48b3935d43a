/* demur revise: the next text of a memo that goes round. */
#include <sodium.h>

#include "case.h"
#include "commands.h"
#include "filing.h"

static enum demur_err make(struct cli *cli, struct cli_hand *hand, const struct demur_actor *author,
                           struct demur_draft **draft)
{
    struct demur_bytes memo = {0};
    struct span subsets[CLI_SUBSETS_MAX];
    struct demur_filing filing = {0};
    enum demur_err err = cli_text(cli, cli->args[0], NULL, "Type the memo", &memo);
    if (!err)
        err = cli_filing(cli, author->dissent, demur_bytes_span(&memo), subsets, &filing);
    if (!err)
        cli_note(cli, "Sealing and signing ...");
    if (!err)
        err = demur_draft_revise(draft, cli->client, author, &hand->actor, &filing, &cli->diag);
    demur_bytes_free(&memo);
    return err;
}

/* After the window the signatures of the present text are lost for good with it. */
static bool meant(struct cli *cli, const char *dissent)
{
    struct demur_dissent_info d;
    uint64_t now = demur_client_view_time(cli->client);
    if (!demur_channel_dissent_find(demur_client_channel(cli->client), span_str(dissent), now,
                                    &d) ||
        d.filed_at || d.withdrawn || now <= d.until || d.signatures < 2)
        return true;
    cli_note(cli,
             "The time to sign dissent %.8s is over. A new text has your signature alone: the "
             "other%s on this one would be lost, and nobody can sign any more. `demur file "
             "--circulated` files the text that they signed.",
             dissent, d.signatures == 2 ? "" : "s");
    if (cli_confirm(cli, "Give them up for a new text?"))
        return true;
    cli_note(cli, "Nothing was changed. Without a terminal, --yes confirms it.");
    return false;
}

/* `link`: empty where only the phrase could make it. */
static int done(struct cli *cli, enum demur_err err, const char *id, struct span link,
                struct demur_sent *sent)
{
    int code = cli_case_sent(cli, err, sent, "Dissent %.8s has a new text.", id);
    if (err && code)
        cli_waiting_say(cli, &cli_revisions, id);
    if (code || cli->json)
        return code;
    cli_note(cli, "\nEarlier signatures no longer count, and the earlier link opens none of it.");
    cli_link_say(cli, link);
    return code;
}

static int send(struct cli *cli, struct demur_draft *draft)
{
    struct demur_sent sent = {0};
    struct demur_link link = {0};
    char text[DEMUR_LINK_MAX];
    struct buf b = buf_over(text, sizeof text);
    enum demur_err err = demur_draft_send(draft, &sent, &cli->diag);
    if (demur_draft_link(draft, &link))
        demur_link_put(&b, &link);
    int code = done(cli, err, demur_draft_dissent(draft), buf_span(&b), &sent);
    demur_link_wipe(&link);
    sodium_memzero(text, sizeof text);
    return code;
}

static int resume_or_drop(struct cli *cli)
{
    struct demur_sent sent = {0};
    char id[33];
    enum demur_err err = cli_client_open(cli, true);
    if (!err)
        err = cli_waiting_find(cli, &cli_revisions, id);
    if (err)
        return cli_fail(cli, err);
    if (cli_option(cli, "drop"))
        return cli_waiting_drop(cli, &cli_revisions, id);
    err = demur_revision_send(cli->client, id, &sent, &cli->diag);
    return done(cli, err, id, span_lit(""), &sent);
}

static int run(struct cli *cli)
{
    struct cli_hand hand = {0};
    struct demur_actor author = {0};
    struct demur_draft *draft = NULL;
    if (!cli_signing_ok(cli))
        return CLI_USAGE;
    if (cli_option(cli, "drop") || cli_flag(cli, "resume"))
        return cli->args_len > 1 ? cli_usage(cli, "one dissent at a time") : resume_or_drop(cli);
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one file with the new text; - is the standard input");
    enum demur_err err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = cli_phrase(cli, &author);
    if (!err && !meant(cli, author.dissent)) {
        demur_actor_wipe(&author);
        return cli_case_end(cli, &hand, CLI_REFUSED);
    }
    if (!err)
        err = make(cli, &hand, &author, &draft);
    int code = err ? cli_fail(cli, err) : send(cli, draft);
    if (draft)
        demur_draft_free(draft);
    demur_actor_wipe(&author);
    return cli_case_end(cli, &hand, code);
}

const struct cli_command command_revise = {
    .name = "revise",
    .usage = "MEMO.md [OPTION...]",
    .summary = "Change the text of your memo while it goes round.",
    .details =
        "It takes your identity, since you sign the new text as one of the members again,\n"
        "and the receipt phrase. Whoever signed the earlier text signs anew or not: what\n"
        "they signed was another text. Give all options as for `demur circulate`; who can\n"
        "read it and until when it can be signed stay as they were. You get a new link. When\n"
        "it cannot be sent it waits in the outbox: --resume sends the same bytes again, and\n"
        "they count once.\n\n"
        "Example:\n\n    demur revise memo.md --anonymous --phrase-file phrase",
    .options =
        (const struct cli_option[]){
            CLI_OPTIONS_OF_A_MEMO,
            {"resume", NULL, "send the new text that waits in the outbox again"},
            {"drop", "DISSENT", "give up the new text that waits in the outbox"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
