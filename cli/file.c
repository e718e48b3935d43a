/* demur file: file a dissent; also resume or drop one that was not confirmed. */
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../core/policy.h"
#include "case.h"
#include "commands.h"
#include "filing.h"

/* ---- what is asked for -------------------------------------------------------- */

/* The text of the first line that begins with "# ", or nothing. */
static struct span first_heading(struct span memo)
{
    bool found = true;
    while (found) {
        struct span line = span_split(&memo, '\n', &found);
        if (span_starts(line, "# ")) {
            line = span_skip(line, 2);
            while (line.len && (isspace(line.p[line.len - 1]) || line.p[line.len - 1] == '#'))
                line.len--;
            while (line.len && line.p[0] == ' ')
                line = span_skip(line, 1);
            return line;
        }
    }
    return span_of(NULL, 0);
}

enum demur_err cli_naming(struct cli *cli, const char *dissent, bool *named)
{
    uint8_t entry[32];
    struct demur_dissent_info d;
    const struct demur_channel *c = demur_client_channel(cli->client);
    const struct demur_policy *p = demur_channel_policy(c, entry);
    if (dissent &&
        demur_channel_dissent_find(c, span_str(dissent), demur_client_view_time(cli->client), &d))
        p = demur_channel_policy_of(c, d.policy_entry);
    bool told = cli_flag(cli, "named") || cli_flag(cli, "anonymous");
    if (!p)
        return demur_fail(&cli->diag, DEMUR_ERR_MISSING, "this channel has no policy yet");
    bool may_name = p->identities & (DEMUR_IDENTITY_NAMED | DEMUR_IDENTITY_OFFICE_ONLY);
    bool may_hide = p->identities & DEMUR_IDENTITY_ANONYMOUS;
    *named = told ? cli_flag(cli, "named") : !may_hide;
    if (*named && !may_name)
        return demur_fail(&cli->diag, DEMUR_ERR_FORBIDDEN,
                          "this channel's policy takes anonymous dissents only: use --anonymous");
    if (!*named && !may_hide)
        return demur_fail(&cli->diag, DEMUR_ERR_FORBIDDEN,
                          "this channel's policy takes named dissents only: use --named");
    if (!told)
        cli_note(cli, *named ? "The policy wants a name: this goes out with yours."
                             : "Neither --named nor --anonymous was given: this goes out "
                               "without your name.");
    return DEMUR_OK;
}

/* --as grade=FS-01,bureau=EUR narrows by two attributes; a value may hold commas
 * ("grade=FS-01,FS-02"): a part without "=" belongs to the attribute before it. */
size_t cli_subsets(const struct cli *cli, struct span out[static CLI_SUBSETS_MAX])
{
    const char *const *values;
    size_t n = cli_values(cli, "as", &values), len = 0;
    for (size_t i = 0; i < n; i++) {
        struct span rest = span_str(values[i]);
        bool found = true, fresh = true;
        while (found) {
            struct span part = span_split(&rest, ',', &found);
            if (!fresh && !memchr(part.p, '=', part.len) && len)
                out[len - 1].len = (size_t)(part.p + part.len - out[len - 1].p);
            else if (len < CLI_SUBSETS_MAX)
                out[len++] = part;
            fresh = false;
        }
    }
    return len;
}

bool cli_signing_ok(struct cli *cli)
{
    const char *const *values;
    if (cli_flag(cli, "named") && cli_flag(cli, "anonymous"))
        return cli_usage(cli, "give --named or --anonymous, not both") == CLI_OK;
    size_t n = cli_values(cli, "as", &values);
    for (size_t i = 0; i < n; i++) {
        const char *equals = strchr(values[i], '=');
        if (!equals || equals == values[i] || !equals[1])
            return cli_usage(cli, "--as wants an attribute and its value, such as grade=FS-01") ==
                   CLI_OK;
    }
    return true;
}

enum demur_err cli_filing(struct cli *cli, const char *dissent, struct span memo,
                          struct span subsets[static CLI_SUBSETS_MAX], struct demur_filing *out)
{
    const char *title = cli_option(cli, "title"), *marking = cli_option(cli, "marking"),
               *points = cli_option(cli, "points");
    uint64_t n = 0;
    struct demur_filing filing = {
        .title = title ? span_str(title) : first_heading(memo),
        .body = memo,
        .marking = span_str(marking ? marking : ""),
        .subsets = subsets,
        .subsets_len = cli_subsets(cli, subsets),
    };
    if (!filing.title.len)
        return demur_fail(&cli->diag, DEMUR_ERR_MISSING,
                          "the memo has no title: give --title, or begin it with a line such as "
                          "\"# Title\"");
    if (points && (!span_u64(span_str(points), DEMUR_LETTER_POINTS_MAX, &n) || n == 0))
        return demur_fail(&cli->diag, DEMUR_ERR_SYNTAX, "--points wants a number from 1 to %u",
                          DEMUR_LETTER_POINTS_MAX);
    enum demur_err err = cli_naming(cli, dissent, &filing.named);
    if (err)
        return err;
    filing.points = (uint32_t)n;
    filing.files_len = cli_values(cli, "attach", &filing.files);
    filing.also_to_len = cli_values(cli, "to", &filing.also_to);
    *out = filing;
    return DEMUR_OK;
}

static enum demur_err make_draft(struct cli *cli, struct cli_hand *hand,
                                 const struct demur_bytes *memo,
                                 const struct cli_circulation *circulation,
                                 struct demur_draft **draft, bool *named)
{
    struct span subsets[CLI_SUBSETS_MAX];
    struct demur_filing filing = {0};
    enum demur_err err = cli_filing(cli, NULL, demur_bytes_span(memo), subsets, &filing);
    if (err)
        return err;
    filing.until = circulation->until;
    filing.audience = circulation->audience;
    *named = filing.named;
    cli_note(cli, "Sealing and signing ...");
    return demur_draft_make(draft, cli->client, &hand->actor, &filing, &cli->diag);
}

/* ---- what the person sees before anything leaves -------------------------------- */

static void explain(const struct cli *cli, const struct demur_draft *draft,
                    const struct cli_circulation *circulation, bool named)
{
    const char *role;
    size_t holders;
    bool whole;
    if (circulation->until)
        cli_note(cli,
                 "\nThe memo is sealed on this machine. Until you file it, %s can read it; "
                 "afterwards these:",
                 circulation->audience == DEMUR_AUDIENCE_MEMBERS
                     ? "every member, and whoever has the link,"
                     : "nobody but whoever has the link");
    else
        cli_note(cli, "\nThe memo is sealed on this machine, and only these can read it:");
    for (size_t i = 0; (role = demur_draft_to(draft, i, &holders, &whole)); i++) {
        fprintf(stderr, "  %-20s %zu holder%s  ", role, holders, holders == 1 ? " " : "s");
        cli_put(stderr, 34, 34, cli_case_role(cli, span_str(role)));
        if (whole)
            cli_say(stderr, 34,
                    "                                  every holder of it, for one alone would "
                    "tell which part of the membership you belong to");
    }
    cli_note(cli, "It is signed as one of %llu members: the log does not tell which.",
             (unsigned long long)demur_draft_ring(draft));
    if (named)
        cli_note(cli, "Your name goes with it, sealed to the same offices.");
    else
        cli_note(cli, "Nobody is told your name. %s",
                 cli->proxy ? "The server is reached through the proxy."
                            : "The server sees your network address, unless you go\nthrough a "
                              "proxy such as Tor: --proxy.");
}

/* The n-th word (from 1) of the phrase. */
static struct span phrase_word(const char *phrase, unsigned n)
{
    struct span rest = span_str(phrase), word = rest;
    bool found = true;
    while (n-- && found)
        word = span_split(&rest, '-', &found);
    return word;
}

static bool same_word(struct span typed, struct span word)
{
    while (typed.len && isspace(typed.p[0]))
        typed = span_skip(typed, 1);
    while (typed.len && isspace(typed.p[typed.len - 1]))
        typed.len--;
    if (typed.len != word.len)
        return false;
    for (size_t i = 0; i < word.len; i++)
        if (tolower(typed.p[i]) != word.p[i])
            return false;
    return true;
}

static enum demur_err ask_word(struct cli *cli, const char *phrase, unsigned n)
{
    char prompt[80];
    snprintf(prompt, sizeof prompt, "Word %u of the phrase, from your paper: ", n);
    for (int tries = 0; tries < 3; tries++) {
        struct demur_bytes typed = {0};
        enum demur_err err = cli_ask(cli, prompt, true, &typed);
        bool same = !err && same_word(demur_bytes_span(&typed), phrase_word(phrase, n));
        demur_bytes_free(&typed);
        if (err || same)
            return err;
        cli_note(cli, "That is not word %u.", n);
    }
    return demur_fail(&cli->diag, DEMUR_ERR_KEY,
                      "the phrase was not written down right, so nothing was sent: file again, "
                      "with a new phrase");
}

/* Nothing is sent before the phrase is safe: it is stored nowhere else. */
static enum demur_err keep_phrase(struct cli *cli, const char *phrase)
{
    const char *path = cli_option(cli, "phrase-out");
    if (path) {
        char line[400];
        int n = snprintf(line, sizeof line, "%s\n", phrase);
        enum demur_err err = demur_path_write(path, span_of(line, (size_t)n), &cli->diag);
        sodium_memzero(line, sizeof line);
        if (!err)
            cli_note(cli, "The receipt phrase is in %s: keep it as you would a key.", path);
        return err;
    }
    cli_note(cli, "\nYour receipt phrase:\n\n    %s\n", phrase);
    cli_note(cli, "Write it on paper. It is the only way to read the answers, to write, or to\n"
                  "withdraw. It is stored nowhere, and nobody can give it to you again. Who has\n"
                  "it can act as the author.\n");
    if (cli_flag(cli, "yes"))
        return DEMUR_OK;
    unsigned first = randombytes_uniform(DEMUR_PHRASE_WORDS),
             step = randombytes_uniform(DEMUR_PHRASE_WORDS - 1);
    enum demur_err err = ask_word(cli, phrase, first + 1);
    return err ? err : ask_word(cli, phrase, (first + 1 + step) % DEMUR_PHRASE_WORDS + 1);
}

enum demur_err cli_receipt_possible(struct cli *cli)
{
    const char *path = cli_option(cli, "receipt");
    return path && access(path, F_OK) == 0
               ? demur_fail(&cli->diag, DEMUR_ERR_REPLAY,
                            "%.200s is there already: choose another file for --receipt", path)
               : DEMUR_OK;
}

void cli_receipt_move(struct cli *cli, struct demur_sent *sent)
{
    const char *to = cli_option(cli, "receipt");
    struct demur_diag why = {0};
    if (to && sent->receipt[0] && demur_receipt_move(sent, to, &why) != DEMUR_OK)
        cli_note(cli, "warning: the receipt stays at %s, which names the dissent: %s.",
                 sent->receipt, why.text);
}

static enum demur_err phrase_possible(struct cli *cli)
{
    const char *path = cli_option(cli, "phrase-out");
    if (path && access(path, F_OK) == 0)
        return demur_fail(&cli->diag, DEMUR_ERR_REPLAY,
                          "%.200s is there already, perhaps with the phrase of another dissent: "
                          "choose another file for --phrase-out",
                          path);
    if (!path && !cli_flag(cli, "yes") && !isatty(0))
        return demur_fail(&cli->diag, DEMUR_ERR_MISSING,
                          "there is no terminal to show the receipt phrase at: give --phrase-out "
                          "FILE, or --yes to have it printed");
    return DEMUR_OK;
}

/* ---- sending ----------------------------------------------------------------------- */

/* Is it one that goes round for signatures? The copy may be older than the filing. */
static bool circulates(struct cli *cli, const char *id)
{
    struct demur_dissent_info d;
    struct demur_diag why;
    return demur_client_sync(cli->client, &why) == DEMUR_OK &&
           demur_channel_dissent_find(demur_client_channel(cli->client), span_str(id),
                                      demur_client_view_time(cli->client), &d) &&
           !d.filed_at;
}

/* `link`: of a draft that circulates, else empty. */
static int filed(struct cli *cli, enum demur_err err, const char *id, struct span link,
                 struct demur_sent *sent)
{
    bool stands = !err || (err == DEMUR_ERR_TIME && sent->receipt[0]);
    if (stands)
        cli_receipt_move(cli, sent);
    bool round = stands && (link.len || circulates(cli, id));
    if (!stands || !cli->json) {
        int code = cli_case_sent(
            cli, err, sent,
            round ? "Dissent %s goes round for signatures." : "Dissent %s is filed.", id);
        if (!stands)
            cli_waiting_say(cli, &cli_filings, id);
        else if (!code && !round)
            printf("  follow it with `demur status %.8s` and `demur inbox --mine`\n", id);
        else if (!code)
            cli_link_say(cli, link);
        return code;
    }
    if (err)
        cli_note(cli, "warning: %s.", cli->diag.text);
    uint8_t text[CLI_JSON_MAX];
    struct buf b = buf_over(text, sizeof text);
    struct demur_json j = demur_json_over(&b);
    demur_json_open(&j, NULL, '{');
    demur_json_text(&j, "done", span_str(round ? "circulating" : "filed"));
    demur_json_text(&j, "dissent", span_str(id));
    if (link.len)
        demur_json_text(&j, "link", link);
    cli_json_sent(&j, sent);
    demur_json_close(&j, '}');
    buf_put_byte(&b, '\n');
    cli_json(&b);
    return CLI_OK;
}

static void put_link(const struct demur_draft *draft, struct buf *out)
{
    struct demur_link link;
    if (demur_draft_link(draft, &link))
        demur_link_put(out, &link);
    demur_link_wipe(&link);
}

int cli_file_new(struct cli *cli, const struct cli_circulation *circulation)
{
    struct cli_hand hand = {0};
    struct demur_bytes memo = {0};
    struct demur_draft *draft = NULL;
    struct demur_sent sent = {0};
    bool named = false;
    enum demur_err err = phrase_possible(cli);
    if (!err)
        err = cli_receipt_possible(cli);
    if (!err)
        err = cli_text(cli, cli->args[0], NULL, "Type the memo", &memo);
    if (!err)
        err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = make_draft(cli, &hand, &memo, circulation, &draft, &named);
    if (!err) {
        explain(cli, draft, circulation, named);
        err = keep_phrase(cli, demur_draft_phrase(draft));
    }
    char waiting[33], text[DEMUR_LINK_MAX];
    struct buf link = buf_over(text, sizeof text);
    int code;
    if (err) {
        code = cli_fail(cli, err);
        if (err == DEMUR_ERR_STAGE && demur_outbox_next(cli->client, 0, waiting))
            cli_note(cli,
                     "`demur file --resume` sends it again, `demur file --drop %.8s` gives it up.",
                     waiting);
    } else {
        char id[33];
        memcpy(id, demur_draft_dissent(draft), 33);
        if (circulation->until)
            put_link(draft, &link);
        code = filed(cli, demur_draft_send(draft, &sent, &cli->diag), id, buf_span(&link), &sent);
    }
    sodium_memzero(text, sizeof text);
    if (draft)
        demur_draft_free(draft);
    demur_bytes_free(&memo);
    return cli_case_end(cli, &hand, code);
}

/* ---- the outbox ---------------------------------------------------------------------- */

static int resume_or_drop(struct cli *cli)
{
    struct demur_sent sent = {0};
    char id[33];
    enum demur_err err = cli_receipt_possible(cli);
    if (!err)
        err = cli_client_open(cli, true);
    if (!err)
        err = cli_waiting_find(cli, &cli_filings, id);
    if (err)
        return cli_fail(cli, err);
    if (cli_option(cli, "drop"))
        return cli_waiting_drop(cli, &cli_filings, id);
    err = demur_outbox_send(cli->client, id, &sent, &cli->diag);
    return filed(cli, err, id, span_lit(""), &sent);
}

/* ---- filing what circulated ------------------------------------------------------------ */

static int file_circulating(struct cli *cli)
{
    struct cli_hand hand;
    struct demur_sent sent = {0};
    char id[33];
    enum demur_err err = cli_receipt_possible(cli);
    if (!err)
        err = cli_case_begin(cli, &hand, true);
    if (!err)
        err = cli_case_dissent(cli, &hand, cli->args_len ? cli->args[0] : NULL, id);
    if (!err) {
        cli_note(cli, "Sealing it to the offices ...");
        err = demur_act_file(cli->client, &hand.actor, &sent, &cli->diag);
    }
    bool stands = !err || (err == DEMUR_ERR_TIME && sent.receipt[0]);
    int code = stands ? filed(cli, err, id, span_lit(""), &sent) : cli_fail(cli, err);
    return cli_case_end(cli, &hand, code);
}

/* What was signed is filed as it is: whoever gives something with it expects another thing. */
static const char *of_another_text(const struct cli *cli)
{
    static const char *const options[] = {"title", "attach",     "to",    "marking",   "points",
                                          "as",    "phrase-out", "named", "anonymous", NULL};
    const char *const *values;
    size_t i = 0;
    while (options[i] && !cli_values(cli, options[i], &values) && !cli_flag(cli, options[i]))
        i++;
    return options[i];
}

static int run(struct cli *cli)
{
    const char *other;
    if (!cli_signing_ok(cli))
        return CLI_USAGE;
    if (cli->args_len > 1)
        return cli_usage(cli, "one memo at a time; other files go with --attach");
    if (cli_option(cli, "drop") || cli_flag(cli, "resume"))
        return resume_or_drop(cli);
    if (cli_flag(cli, "circulated") && (other = of_another_text(cli)))
        return cli_usage(cli,
                         "--circulated files the text that was signed, as it is: leave --%s away, "
                         "or change the text with `demur revise`",
                         other);
    if (cli_flag(cli, "circulated"))
        return file_circulating(cli);
    if (!cli->args_len)
        return cli_usage(cli, "name the file with the memo; - is the standard input");
    return cli_file_new(cli, &(struct cli_circulation){0});
}

const struct cli_command command_file = {
    .name = "file",
    .usage = "MEMO.md [--named | --anonymous] [--attach FILE]... [OPTION...]",
    .summary = "File a dissent, and get a receipt and a receipt phrase.",
    .details = "The memo is sealed and signed on this machine. You see to whom it goes and among\n"
               "how many members the signature hides you, and you write the receipt phrase down,\n"
               "before anything is sent. When the server cannot be reached the memo stays in the\n"
               "outbox: --resume sends the same bytes again, and it is filed once.\n\n"
               "What went round for signatures (`demur circulate`) is filed with --circulated and\n"
               "the receipt phrase: the text that was signed, sealed anew to the offices.\n\n"
               "The receipt names the dissent, in clear. Whoever finds it in your home knows\n"
               "which one you filed, unless --receipt puts it elsewhere.\n\n"
               "Example:\n\n    demur file memo.md --anonymous --attach figures.pdf --marking U",
    .options =
        (const struct cli_option[]){
            CLI_OPTIONS_OF_A_MEMO,
            {"phrase-out", "FILE", "write the receipt phrase there instead of showing it"},
            {"receipt", "FILE", "keep the receipt there, and none of it in the home"},
            {"circulated", NULL, "file the dissent that circulates, with its receipt phrase"},
            {"resume", NULL, "send what waits in the outbox again"},
            {"drop", "DISSENT", "give up what waits in the outbox"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
