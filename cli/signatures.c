/* demur signatures, claim: who stands behind a dissent, as far as it is shown. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "case.h"
#include "cells.h"
#include "commands.h"

#define MISSED_TOLD 5 /* by their entries; of many, the number says more */

/* Cards that were not to be had: a name may be missing. */
static const struct {
    enum demur_card_state state;
    const char *what, *json, *why;
} missed[] = {
    {DEMUR_CARD_ABSENT, "not there", "cards_not_there",
     "A card that is not there was destroyed, or the server withholds it."},
    {DEMUR_CARD_OTHER, "not as logged", "cards_not_as_logged",
     "For a card that is not as logged, the server sent something else than the log names: it, or "
     "somebody in between, is broken or lies."},
    {DEMUR_CARD_UNREACHED, "not fetched", "cards_not_fetched",
     "A card that was not fetched may be there: the server did not answer for it. Try again "
     "later."},
};

struct signatures {
    struct demur_dissent_info info;
    struct demur_signature *list;
    size_t len;
    bool verified, names;
};

static size_t count_cells(const struct signatures *s, struct cli_cell *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s->len; i++) {
        size_t k = 0;
        while (k < n && strcmp(out[k].as, s->list[i].as) != 0)
            k++;
        if (k == n)
            out[n++] = (struct cli_cell){.as = s->list[i].as, .ring = s->list[i].ring};
        out[k].n++;
    }
    return n;
}

struct printing {
    const struct signatures *s;
    const struct cli_cell *cells;
    size_t n, unshown;
};

static void print_cell(const char *as, size_t n) { printf("  %-46s %12zu", as, n); }

/* A card that may name somebody, of a signature of which all others do not. */
static bool is_in(const struct demur_signature *s, enum demur_card_state state)
{
    bool nameless = s->card == DEMUR_CARD_CLOSED || s->card == DEMUR_CARD_WORTHLESS;
    return (s->unsure && nameless ? DEMUR_CARD_UNREACHED : s->card) == state;
}

static size_t count_cards(const struct signatures *s, enum demur_card_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < s->len; i++)
        n += is_in(&s->list[i], state);
    return n;
}

static size_t print_missed(const struct signatures *s, size_t m)
{
    size_t n = count_cards(s, missed[m].state);
    for (size_t i = 0, told = 0; i < s->len && told < MISSED_TOLD; i++)
        if (is_in(&s->list[i], missed[m].state)) {
            told++;
            printf("  card %s, of the signature in entry %llu\n", missed[m].what,
                   (unsigned long long)s->list[i].index);
        }
    if (n > MISSED_TOLD)
        printf("  cards %s, of %zu more signatures\n", missed[m].what, n - MISSED_TOLD);
    return n;
}

static void print_names(const struct signatures *s)
{
    size_t told = count_cards(s, DEMUR_CARD_NAMED), n[DEMUR_COUNT(missed)];
    puts("\nNames on the cards that are sealed to you");
    for (size_t i = 0; i < s->len; i++)
        if (s->list[i].card == DEMUR_CARD_NAMED)
            printf("  %s (%s)%s%s\n", s->list[i].name, s->list[i].handle,
                   s->list[i].author ? ", the author" : "",
                   s->list[i].disclosed ? ", disclosed later" : "");
    for (size_t m = 0; m < DEMUR_COUNT(missed); m++)
        told += n[m] = print_missed(s, m);
    printf("  %zu %swithout a name that you can read\n", s->len - told, told ? "more " : "");
    for (size_t m = 0; m < DEMUR_COUNT(missed); m++)
        if (n[m])
            cli_say(stdout, 2, "  %s", missed[m].why);
}

static void print_text(struct cli *cli, const struct printing *p)
{
    const struct signatures *s = p->s;
    printf("Dissent %s, revision %u\n%zu signature%s%s\n\n", s->info.id, s->info.revision, s->len,
           s->len == 1 ? "" : "s", s->verified ? ", every proof of which holds" : "");
    printf("  %-46s %12s\n", "SIGNED AS", "SIGNATURES");
    for (size_t i = 0; i < p->n; i++) {
        const struct cli_cell *c = &p->cells[i];
        if (c->hidden)
            continue;
        print_cell(c->as[0] ? c->as : "any member", c->n);
        printf("  out of %llu\n", (unsigned long long)c->ring);
    }
    if (p->unshown) {
        print_cell("not shown apart", p->unshown);
        puts("");
        cli_say(stdout, 2, "  Small numbers are not shown, nor what they would follow from.");
    }
    if (!s->info.filed_at)
        printf("\nIt can be signed until %s.\n", cli_case_time(cli, span_lit(""), s->info.until));
    if (s->names)
        print_names(s);
}

static void put_names(struct demur_json *j, const struct signatures *s)
{
    demur_json_open(j, "names", '[');
    for (size_t i = 0; i < s->len; i++) {
        if (s->list[i].card != DEMUR_CARD_NAMED)
            continue;
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "handle", span_str(s->list[i].handle));
        demur_json_text(j, "name", span_str(s->list[i].name));
        demur_json_bool(j, "author", s->list[i].author);
        demur_json_bool(j, "disclosed", s->list[i].disclosed);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
    for (size_t m = 0; m < DEMUR_COUNT(missed); m++) {
        demur_json_open(j, missed[m].json, '['); /* the entries of their signatures */
        for (size_t i = 0; i < s->len; i++)
            if (is_in(&s->list[i], missed[m].state))
                demur_json_number(j, NULL, s->list[i].index);
        demur_json_close(j, ']');
    }
}

static void put_json(struct demur_json *j, const void *ctx)
{
    const struct printing *p = ctx;
    demur_json_open(j, NULL, '{');
    demur_json_text(j, "dissent", span_str(p->s->info.id));
    demur_json_number(j, "revision", p->s->info.revision);
    demur_json_number(j, "signatures", p->s->len);
    demur_json_bool(j, "verified", p->s->verified);
    if (!p->s->info.filed_at)
        demur_json_time(j, "until", p->s->info.until);
    demur_json_open(j, "cells", '[');
    for (size_t i = 0; i < p->n; i++) {
        if (p->cells[i].hidden)
            continue;
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "as", span_str(p->cells[i].as));
        demur_json_number(j, "signatures", p->cells[i].n);
        demur_json_number(j, "ring", p->cells[i].ring);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
    demur_json_number(j, "not_shown_apart", p->unshown);
    if (p->s->names)
        put_names(j, p->s);
    demur_json_close(j, '}');
}

static enum demur_err show(struct cli *cli, const struct signatures *s)
{
    struct cli_cell *cells = calloc(s->len + 1, sizeof *cells);
    if (!cells)
        return demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "out of memory");
    struct printing p = {.s = s, .cells = cells, .n = count_cells(s, cells)};
    p.unshown = cli_cells_hide(cells, p.n);
    enum demur_err err = DEMUR_OK;
    if (cli->json)
        err = cli_json_grow(cli, put_json, &p);
    else
        print_text(cli, &p);
    free(cells);
    return err;
}

/* Names that are there, and could not be read, are no success. */
static enum demur_err all_had(struct cli *cli, const struct signatures *s)
{
    size_t other = count_cards(s, DEMUR_CARD_OTHER), late = count_cards(s, DEMUR_CARD_UNREACHED);
    if (other)
        return demur_fail(&cli->diag, DEMUR_ERR_VERIFY,
                          "%zu of the name cards are not what the log names", other);
    if (late)
        return demur_fail(&cli->diag, DEMUR_ERR_IO,
                          "%zu of the name cards could not be fetched: try again later", late);
    return DEMUR_OK;
}

static int run_signatures(struct cli *cli)
{
    struct cli_hand hand = {0};
    struct signatures s = {.verified = cli_flag(cli, "verify")};
    char id[33];
    bool mine = cli_flag(cli, "mine");
    s.names = mine || cli_flag(cli, "names");
    if (cli->args_len > 1 || (!cli->args_len && !mine))
        return cli_usage(cli, "name one dissent, or --mine as its author");
    enum demur_err err = s.names ? cli_case_begin(cli, &hand, mine) : cli_client_open(cli, true);
    if (!err)
        err = s.names ? cli_case_dissent(cli, &hand, cli->args_len ? cli->args[0] : NULL, id)
                      : cli_dissent(cli, cli->args[0], id);
    if (!err)
        err = demur_signatures(cli->client, s.names ? &hand.actor : NULL, id, s.verified, &s.list,
                               &s.len, &cli->diag);
    if (!err && !demur_channel_dissent_find(demur_client_channel(cli->client), span_str(id),
                                            demur_client_view_time(cli->client), &s.info))
        err = demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN, "there is no dissent %s", id);
    if (!err)
        err = show(cli, &s);
    bool shown = !err;
    if (!err && s.names)
        err = all_had(cli, &s);
    free(s.list);
    int code = err ? cli_exit_code(err) : CLI_OK;
    if (err && shown)
        cli_note(cli, "demur signatures: %s.", cli->diag.text);
    else if (err)
        code = cli_fail(cli, err);
    return s.names ? cli_case_end(cli, &hand, code) : code;
}

const struct cli_command command_signatures = {
    .name = "signatures",
    .usage = "DISSENT|--mine [--verify] [--names]",
    .summary = "Count the signatures behind a dissent, by what they prove.",
    .details =
        "Anybody can: the log has a proof with each signature that one of the members\n"
        "made it, and that no member made two. --verify checks every one of them once\n"
        "more. Numbers below 5 are not shown, nor what they would follow from: this spares\n"
        "people, and hides nothing from who reads the log itself. --names opens the name cards\n"
        "that are sealed to you, as an officer; --mine, as the author.\n\n"
        "Example:\n\n    demur signatures kibabu --verify",
    .options =
        (const struct cli_option[]){
            {"verify", NULL, "check the proof of every signature"},
            {"names", NULL, "as an officer: the names on the cards that you can open"},
            {"mine", NULL, "the same as the author, with the receipt phrase"},
            {NULL, NULL, NULL},
        },
    .run = run_signatures,
};

/* ---- proofs of authorship ---- */

static enum demur_err write_claim(struct cli *cli, struct cli_hand *hand, const char *given)
{
    char id[33];
    uint8_t text[4096];
    struct buf b = buf_over(text, sizeof text);
    enum demur_err err = cli_dissent(cli, given, id);
    if (!err)
        err = demur_claim_write(cli->client, &hand->actor, id, &b, &cli->diag);
    if (!err)
        err = demur_path_write(cli_option(cli, "out"), buf_span(&b), &cli->diag);
    if (err)
        return err;
    if (cli->json)
        printf("{\"done\":\"written\",\"dissent\":\"%s\"}\n", id);
    else
        printf("The proof is in %s. Whoever sees it knows that you signed.\n",
               cli_option(cli, "out"));
    return DEMUR_OK;
}

static enum demur_err check_claim(struct cli *cli, const char *path)
{
    struct demur_bytes text = {0};
    struct demur_signature s;
    enum demur_err err = cli_text(cli, path, NULL, "", &text);
    if (!err)
        err = demur_claim_check(cli->client, demur_bytes_span(&text), &s, &cli->diag);
    demur_bytes_free(&text);
    if (err)
        return err;
    if (cli->json)
        printf(
            "{\"holds\":true,\"dissent\":\"%s\",\"handle\":\"%s\",\"entry\":%llu,\"author\":%s}\n",
            s.dissent, s.handle, (unsigned long long)s.index, s.author ? "true" : "false");
    else
        printf("This proof holds: member %s (%s) %s the dissent\n%s, entry %llu.\n", s.handle,
               s.name, s.author ? "opened" : "signed", s.dissent, (unsigned long long)s.index);
    return DEMUR_OK;
}

/* It may be another proof, or what cannot be had again. */
static enum demur_err out_is_free(struct cli *cli)
{
    const char *path = cli_option(cli, "out");
    return access(path, F_OK) != 0
               ? DEMUR_OK
               : demur_fail(&cli->diag, DEMUR_ERR_REPLAY,
                            "%.200s is there already: choose another file for --out", path);
}

static int run_claim(struct cli *cli)
{
    struct cli_hand hand = {0};
    const char *check = cli_option(cli, "check");
    if (check && !cli->args_len && !cli_option(cli, "out")) {
        enum demur_err err = cli_client_open(cli, true);
        if (!err)
            err = check_claim(cli, check);
        return err ? cli_fail(cli, err) : CLI_OK;
    }
    if (check || cli->args_len != 1 || !cli_option(cli, "out"))
        return cli_usage(cli, "name the dissent and --out FILE to prove that you signed it, or "
                              "--check FILE to check such a proof");
    enum demur_err err = out_is_free(cli);
    if (!err)
        err = cli_case_begin(cli, &hand, false);
    if (!err)
        err = write_claim(cli, &hand, cli->args[0]);
    return cli_case_end(cli, &hand, err ? cli_fail(cli, err) : CLI_OK);
}

const struct cli_command command_claim = {
    .name = "claim",
    .usage = "DISSENT --out FILE | --check FILE",
    .summary = "Prove that a signature is yours, or check such a proof.",
    .details =
        "Only who made a signature can prove it, and only while the ring key of that\n"
        "month is not erased. The file says in clear who you are: nothing is sent, and\n"
        "you alone decide who sees it. Anybody in the channel can check it.\n\n"
        "Example:\n\n    demur claim kibabu --out proof.txt\n    demur claim --check proof.txt",
    .options =
        (const struct cli_option[]){
            {"out", "FILE", "where the proof goes"},
            {"check", "FILE", "the proof to check; - is the standard input"},
            {NULL, NULL, NULL},
        },
    .run = run_claim,
};
