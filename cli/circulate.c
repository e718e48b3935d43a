/* demur circulate: send a memo round for signatures, before it is filed; and the link to it. */
#include <sodium.h>

#include "../core/civil.h"
#include "case.h"
#include "commands.h"
#include "filing.h"

bool cli_day(const char *text, uint64_t *out)
{
    struct demur_date date;
    if (!demur_date_parse(span_str(text), &date) || demur_date_day(date) < 0)
        return false;
    *out = (uint64_t)demur_date_day(date);
    return true;
}

enum demur_err cli_until(struct cli *cli, uint64_t *out)
{
    const char *text = cli_option(cli, "until");
    uint64_t day;
    *out = 0;
    if (!text)
        return DEMUR_OK;
    if (!cli_day(text, &day))
        return demur_fail(&cli->diag, DEMUR_ERR_SYNTAX,
                          "--until wants a day such as 2026-12-31, not \"%.40s\"", text);
    *out = day * 86400 + 43200;
    return DEMUR_OK;
}

enum demur_err cli_link(struct cli *cli, const char *given, struct demur_link *out)
{
    struct demur_bytes text = {0};
    enum demur_err err = strcmp(given, "-") == 0 ? cli_text(cli, "-", NULL, "", &text) : DEMUR_OK;
    if (!err)
        err = demur_link_parse(out, text.p ? demur_bytes_span(&text) : span_str(given), &cli->diag);
    demur_bytes_free(&text);
    return err;
}

void cli_link_say(const struct cli *cli, struct span link)
{
    if (!link.len) {
        cli_note(cli, "`demur invitation` shows the link to it, with the receipt phrase.");
        return;
    }
    printf("\n%.*s\n\n", (int)link.len, (const char *)link.p);
    cli_note(cli,
             "This link opens the memo. Send it, by a way that you trust, to those who are to\n"
             "sign; the server never sees what stands behind the #. Who has the link can read\n"
             "the memo, and only members can sign: demur sign -");
}

static int run_circulate(struct cli *cli)
{
    struct cli_circulation how = {.audience = cli_flag(cli, "members") ? DEMUR_AUDIENCE_MEMBERS
                                                                       : DEMUR_AUDIENCE_INVITED};
    if (!cli_signing_ok(cli))
        return CLI_USAGE;
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one file with the memo; - is the standard input");
    if (!cli_option(cli, "until"))
        return cli_usage(cli, "say --until which day it can be signed, such as 2026-12-31");
    enum demur_err err = cli_until(cli, &how.until);
    return err ? cli_fail(cli, err) : cli_file_new(cli, &how);
}

const struct cli_command command_circulate = {
    .name = "circulate",
    .usage = "MEMO.md --until DAY [--members] [OPTION...]",
    .summary = "Send a memo round for signatures, before it is filed.",
    .details = "It is sealed and signed as for `demur file`, and no office can read it yet: only\n"
               "whoever has the link that you get, or with --members every member too. It can be\n"
               "signed until noon (UTC) of the day that you name, or until you file it, with\n"
               "`demur file --circulated` and the receipt phrase. `demur revise` changes the\n"
               "text, and then earlier signatures no longer count.\n\n"
               "Example:\n\n    demur circulate memo.md --until 2026-12-31 --anonymous",
    .options =
        (const struct cli_option[]){
            {"until", "DAY", "until when it can be signed"},
            {"members", NULL, "sealed to every member too, not only to who has the link"},
            CLI_OPTIONS_OF_A_MEMO,
            {"phrase-out", "FILE", "write the receipt phrase there instead of showing it"},
            {"receipt", "FILE", "keep the receipt there, and none of it in the home"},
            {NULL, NULL, NULL},
        },
    .run = run_circulate,
};

/* ---- the link ---- */

static int run_invitation(struct cli *cli)
{
    struct cli_hand hand;
    struct demur_link link = {0};
    char id[33], text[DEMUR_LINK_MAX];
    struct buf b = buf_over(text, sizeof text);
    if (cli->args_len > 1)
        return cli_usage(cli, "one dissent at a time");
    enum demur_err err = cli_case_begin(cli, &hand, true);
    if (!err)
        err = cli_case_dissent(cli, &hand, cli->args_len ? cli->args[0] : NULL, id);
    if (!err)
        err = demur_link_of(cli->client, &hand.actor, &link, &cli->diag);
    if (!err)
        demur_link_put(&b, &link);
    if (!err && cli->json)
        printf("{\"dissent\":\"%s\",\"revision\":%u,\"link\":\"%.*s\"}\n", id, link.revision,
               (int)b.len, text);
    else if (!err)
        cli_link_say(cli, buf_span(&b));
    demur_link_wipe(&link);
    sodium_memzero(text, sizeof text);
    return cli_case_end(cli, &hand, err ? cli_fail(cli, err) : CLI_OK);
}

const struct cli_command command_invitation = {
    .name = "invitation",
    .usage = "[DISSENT]",
    .summary = "Show the link by which others read and sign your memo.",
    .details = "It takes the receipt phrase. Each revision has a link of its own: after `demur\n"
               "revise`, send the new one to those who are to sign the new text.\n\n"
               "Example:\n\n    demur invitation --phrase-file phrase",
    .run = run_invitation,
};
