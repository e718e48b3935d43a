/* demur sign, unsign, disclose: a member's signature on what somebody else wrote. */
#include <sodium.h>
#include <time.h>

#include "case.h"
#include "commands.h"
#include "filing.h"

#define WAIT_S 900 /* at most, unless told otherwise */

/* ---- which dissent ---- */

/* A dissent's id, or a link to it; *linked tells which. */
static enum demur_err find(struct cli *cli, const char *given, char id[static 33],
                           struct demur_link *link, bool *linked)
{
    *linked = strcmp(given, "-") == 0 || strchr(given, '#');
    enum demur_err err = *linked ? cli_link(cli, given, link) : DEMUR_OK;
    if (!err && *linked)
        memcpy(id, link->dissent, 33);
    return err;
}

/* The same, once the copy is up to date. */
static enum demur_err find_here(struct cli *cli, const char *given, bool linked, char id[static 33])
{
    return linked ? DEMUR_OK : cli_dissent(cli, given, id);
}

/* ---- sending ---- */

static int send(struct cli *cli, const char *id)
{
    struct demur_sent sent = {0};
    enum demur_err err = demur_signature_send(cli->client, id, &sent, &cli->diag);
    if (!err || (err == DEMUR_ERR_TIME && sent.receipt[0]))
        cli_receipt_move(cli, &sent);
    int code = cli_case_sent(cli, err, &sent, "Your signature stands behind dissent %.8s.", id);
    if (err && code)
        cli_waiting_say(cli, &cli_signatures, id);
    return code;
}

/* So that the time of a signature tells nobody when who sat at a machine. */
static enum demur_err wait_a_while(struct cli *cli, uint64_t most)
{
    uint64_t wait = most ? randombytes_uniform((uint32_t)most + 1) : 0;
    if (!wait)
        return DEMUR_OK;
    cli_note(cli,
             "It is sent in %llu minutes %llu seconds, so that its time tells nothing of you. "
             "Ctrl-C leaves it in the outbox: `demur sign --resume` sends it then. --wait 0 does "
             "not wait.",
             (unsigned long long)wait / 60, (unsigned long long)wait % 60);
    /* Meanwhile others may use the home. */
    demur_client_close(cli->client);
    cli->client = NULL;
    struct timespec left = {.tv_sec = (time_t)wait};
    nanosleep(&left, NULL);
    return cli_client_open(cli, false);
}

static enum demur_err wait_parse(struct cli *cli, uint64_t *out)
{
    const char *text = cli_option(cli, "wait");
    *out = WAIT_S;
    return !text || span_u64(span_str(text), 86400, out)
               ? DEMUR_OK
               : demur_fail(&cli->diag, DEMUR_ERR_SYNTAX,
                            "--wait wants a number of seconds, at most a day: 0 does not wait");
}

/* ---- signing ---- */

struct asking {
    struct cli *cli;
    bool named, refused;
};

static bool confirm(void *ctx, const struct demur_signature_made *made)
{
    struct asking *a = ctx;
    cli_note(a->cli, "\nYou sign revision %u of dissent %.8s:\n\n    %s\n", made->revision,
             made->dissent, made->title);
    cli_note(a->cli, "It is signed as one of %llu members: the log does not tell which. %s",
             (unsigned long long)made->ring,
             a->named ? "Your name goes\nwith it, sealed to the offices that will read the memo."
                      : "Nobody\nis told your name.");
    a->refused = !cli_confirm(a->cli, "Have you read it, and do you sign it?");
    return !a->refused;
}

static enum demur_err make(struct cli *cli, struct cli_hand *hand, const char *id,
                           const struct demur_link *link, bool *refused)
{
    struct span subsets[CLI_SUBSETS_MAX];
    struct demur_signature_made made;
    struct asking asking = {.cli = cli};
    struct demur_signing g = {
        .dissent = id, .link = link, .subsets = subsets, .confirm = confirm, .ctx = &asking};
    g.subsets_len = cli_subsets(cli, subsets);
    enum demur_err err = cli_naming(cli, id, &g.named);
    asking.named = g.named;
    if (!err)
        err = demur_signature_make(cli->client, &hand->actor, &g, &made, &cli->diag);
    *refused = asking.refused;
    return err;
}

static int sign(struct cli *cli, const char *given)
{
    struct cli_hand hand = {0};
    struct demur_link link = {0};
    char id[33];
    bool linked, refused = false;
    uint64_t most;
    enum demur_err err = wait_parse(cli, &most);
    if (!err)
        err = cli_receipt_possible(cli);
    if (!err)
        err = find(cli, given, id, &link, &linked);
    if (!err)
        err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = find_here(cli, given, linked, id);
    if (!err)
        err = make(cli, &hand, id, linked ? &link : NULL, &refused);
    demur_link_wipe(&link);
    if (refused) {
        cli_note(cli,
                 "Nothing was signed. `demur read %s` shows the text. Without a terminal, --yes "
                 "confirms it.",
                 linked ? "--link -" : given);
        return cli_case_end(cli, &hand, CLI_REFUSED);
    }
    if (err)
        return cli_case_end(cli, &hand, cli_fail(cli, err));
    err = wait_a_while(cli, most);
    return cli_case_end(cli, &hand, err ? cli_fail(cli, err) : send(cli, id));
}

static int resume_or_drop(struct cli *cli)
{
    char id[33];
    enum demur_err err = cli_receipt_possible(cli);
    if (!err)
        err = cli_client_open(cli, true);
    if (!err)
        err = cli_waiting_find(cli, &cli_signatures, id);
    if (err)
        return cli_fail(cli, err);
    return cli_option(cli, "drop") ? cli_waiting_drop(cli, &cli_signatures, id) : send(cli, id);
}

static int run_sign(struct cli *cli)
{
    if (!cli_signing_ok(cli))
        return CLI_USAGE;
    if (cli_option(cli, "drop") || cli_flag(cli, "resume"))
        return cli->args_len > 1 ? cli_usage(cli, "one signature at a time") : resume_or_drop(cli);
    if (cli->args_len != 1)
        return cli_usage(cli, "give the one link that you were sent, or - to read it from the "
                              "standard input; or a dissent that goes to all members");
    return sign(cli, cli->args[0]);
}

const struct cli_command command_sign = {
    .name = "sign",
    .usage = "LINK|-|DISSENT [--named | --anonymous] [--as NAME=VALUE,...]",
    .summary = "Put your signature behind a memo that goes round.",
    .details = "The memo and its attachments are read and checked first: what you sign is what\n"
               "will be filed. The signature proves that one of the members signed, and not\n"
               "which; one member has one. It is sent after a random while. On a machine that\n"
               "others use, give - and paste the link: a command line can be seen by them.\n\n"
               "When it cannot be sent it waits in the outbox: --resume sends the same bytes\n"
               "again, and they sign once. The receipt tells whoever finds it in your home what\n"
               "you signed, unless --receipt puts it elsewhere.\n\n"
               "Example:\n\n    demur sign - --anonymous --as grade=FS-01,FS-02",
    .options =
        (const struct cli_option[]){
            {"named", NULL, "with your name, sealed to the offices"},
            {"anonymous", NULL, "without your name"},
            {"as", "NAME=VALUE,...", "sign as one of the members with these attributes"},
            {"wait", "SECONDS", "wait a random while, at most this long; 900 unless told"},
            {"receipt", "FILE", "keep the receipt there, and none of it in the home"},
            {"resume", NULL, "send the signature that waits in the outbox"},
            {"drop", "DISSENT", "give up the signature that waits in the outbox"},
            {NULL, NULL, NULL},
        },
    .run = run_sign,
};

/* ---- taking it back ---- */

static int run_unsign(struct cli *cli)
{
    struct cli_hand hand;
    struct demur_sent sent = {0};
    char id[33];
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one dissent that you signed");
    enum demur_err err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = cli_dissent(cli, cli->args[0], id);
    if (!err && !cli_confirm(cli, "Take your signature on this revision back for good?")) {
        cli_note(cli, "It stands. Without a terminal, --yes confirms it.");
        return cli_case_end(cli, &hand, CLI_REFUSED);
    }
    if (!err)
        err = demur_act_unsign(cli->client, &hand.actor, id, &sent, &cli->diag);
    return cli_case_end(
        cli, &hand,
        cli_case_sent(cli, err, &sent, "Your signature on dissent %.8s is taken back.", id));
}

const struct cli_command command_unsign = {
    .name = "unsign",
    .usage = "DISSENT",
    .summary = "Take your signature back, while it can still be signed.",
    .details = "The log shows that one of the members did, and not which. This revision cannot\n"
               "be signed again by you; a later one can.\n\n"
               "Example:\n\n    demur unsign kibabu",
    .run = run_unsign,
};

/* ---- disclosing it ---- */

static int run_disclose(struct cli *cli)
{
    struct cli_hand hand = {0};
    struct demur_sent sent = {0};
    struct demur_link link = {0};
    char id[33];
    bool linked;
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one dissent that you signed, or give its link");
    enum demur_err err = find(cli, cli->args[0], id, &link, &linked);
    if (!err)
        err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = find_here(cli, cli->args[0], linked, id);
    if (!err && !cli_confirm(cli, "Tell the offices for good that you signed? The log shows to "
                                  "everybody that you did.")) {
        cli_note(cli, "Nothing was disclosed. Without a terminal, --yes confirms it.");
        demur_link_wipe(&link);
        return cli_case_end(cli, &hand, CLI_REFUSED);
    }
    if (!err)
        err = demur_act_disclose(cli->client, &hand.actor, id, linked ? &link : NULL, &sent,
                                 &cli->diag);
    demur_link_wipe(&link);
    return cli_case_end(
        cli, &hand,
        cli_case_sent(cli, err, &sent, "Your signature on dissent %.8s is disclosed.", id));
}

const struct cli_command command_disclose = {
    .name = "disclose",
    .usage = "DISSENT|LINK|-",
    .summary = "Tell the offices that an unnamed signature is yours.",
    .details = "Your name card is sealed to the offices that the memo goes to. The record is\n"
               "signed with your own key: the log shows to everybody that your handle disclosed\n"
               "a signature on this dissent. Nothing takes that back. While it still circulates\n"
               "by invitation, give the link.\n\n"
               "Example:\n\n    demur disclose kibabu",
    .run = run_disclose,
};
