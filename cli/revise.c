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
    filing.audience = cli_flag(cli, "members") ? DEMUR_AUDIENCE_MEMBERS : DEMUR_AUDIENCE_INVITED;
    if (!err)
        cli_note(cli, "Sealing and signing ...");
    if (!err)
        err = demur_draft_revise(draft, cli->client, author, &hand->actor, &filing, &cli->diag);
    demur_bytes_free(&memo);
    return err;
}

static int done(struct cli *cli, enum demur_err err, const struct demur_draft *draft,
                struct demur_sent *sent)
{
    struct demur_link link = {0};
    char text[DEMUR_LINK_MAX];
    struct buf b = buf_over(text, sizeof text);
    int code =
        cli_case_sent(cli, err, sent, "Dissent %.8s has a new text.", demur_draft_dissent(draft));
    if (err && code)
        cli_note(cli, "`demur status %.8s` shows whether it arrived; revise again if it did not.",
                 demur_draft_dissent(draft));
    if (!code && demur_draft_link(draft, &link))
        demur_link_put(&b, &link);
    if (!code && !cli->json) {
        cli_note(cli,
                 "\nEarlier signatures no longer count, and the earlier link opens none of it.");
        cli_link_say(cli, buf_span(&b));
    }
    demur_link_wipe(&link);
    sodium_memzero(text, sizeof text);
    return code;
}

static int run(struct cli *cli)
{
    struct cli_hand hand = {0};
    struct demur_actor author = {0};
    struct demur_draft *draft = NULL;
    struct demur_sent sent = {0};
    if (cli_flag(cli, "named") && cli_flag(cli, "anonymous"))
        return cli_usage(cli, "give --named or --anonymous, not both");
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one file with the new text; - is the standard input");
    if (!cli_subsets_ok(cli))
        return cli_usage(cli, "--as wants an attribute and its value, such as grade=FS-01");
    enum demur_err err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = cli_phrase(cli, &author);
    if (!err)
        err = make(cli, &hand, &author, &draft);
    int code;
    if (err)
        code = cli_fail(cli, err);
    else
        code = done(cli, demur_draft_send(draft, &sent, &cli->diag), draft, &sent);
    if (draft)
        demur_draft_free(draft);
    demur_actor_wipe(&author);
    return cli_case_end(cli, &hand, code);
}

const struct cli_command command_revise = {
    .name = "revise",
    .usage = "MEMO.md [OPTION...]",
    .summary = "Change the text of your memo while it goes round.",
    .details = "It takes your identity, since you sign the new text as one of the members again,\n"
               "and the receipt phrase. Whoever signed the earlier text signs anew or not: what\n"
               "they signed was another text. Give all options as for `demur circulate`. You get\n"
               "a new link.\n\n"
               "Example:\n\n    demur revise memo.md --anonymous --phrase-file phrase",
    .options =
        (const struct cli_option[]){
            {"members", NULL, "sealed to every member too, not only to who has the link"},
            {"title", "TITLE", "the title; else the memo's first \"# heading\""},
            {"named", NULL, "with your name, sealed to the offices"},
            {"anonymous", NULL, "without your name"},
            {"attach", "FILE", "a file that goes with it; may be repeated"},
            {"to", "ROLE", "will also be filed to this role; may be repeated"},
            {"marking", "MARKING", "where the policy has markings"},
            {"points", "N", "how many numbered points the memo makes"},
            {"as", "NAME=VALUE,...", "sign as one of the members with these attributes"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
