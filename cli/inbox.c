/* demur inbox: what waits for an officer, or for an author. */
#include <stdio.h>
#include <stdlib.h>

#include "case.h"
#include "commands.h"

static bool concerns(const struct cli *cli, struct span id, const uint8_t key[static 32])
{
    struct span role, act;
    return cli_case_opening(cli, id, key, 0, &role) ||
           demur_channel_act(demur_client_channel(cli->client), id, key,
                             demur_client_view_time(cli->client), 0, &role, &act);
}

static void print_case(const struct cli *cli, const struct demur_dissent_info *d,
                       const uint8_t key[static 32])
{
    struct span id = span_str(d->id), role, stage = cli_case_stage(cli, d->stage);
    bool opened = demur_channel_has_opened(demur_client_channel(cli->client), id, key);
    printf("%s  %.*s%s\n  filed %s%s\n", d->id, SPAN_ARG(stage), d->late ? " (late)" : "",
           cli_case_time(cli, span_lit(""), d->filed_at), opened ? "" : ", not opened by you yet");
    for (size_t i = 0; cli_case_opening(cli, id, key, i, &role); i++) {
        struct span title = cli_case_role(cli, role);
        cli_say(stdout, 4, "  sent to you as %.*s: %.*s", SPAN_ARG(role), SPAN_ARG(title));
    }
    case_print_clocks(cli, id, false);
    if (!d->final) {
        puts("  you may now:");
        if (!case_print_acts(cli, stdout, id, key))
            puts("    nothing but read and write messages");
    }
    putchar('\n');
}

static void put_case(struct demur_json *j, const struct cli *cli,
                     const struct demur_dissent_info *d, const uint8_t key[static 32])
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    uint64_t now = demur_client_view_time(cli->client);
    struct span id = span_str(d->id), role, act;
    struct demur_clock_info k;
    demur_json_open(j, NULL, '{');
    demur_json_text(j, "dissent", id);
    demur_json_text(j, "stage", d->stage);
    demur_json_time(j, "filed", d->filed_at);
    demur_json_bool(j, "late", d->late);
    demur_json_bool(j, "opened", demur_channel_has_opened(c, id, key));
    demur_json_open(j, "roles", '[');
    for (size_t i = 0; cli_case_opening(cli, id, key, i, &role); i++)
        demur_json_text(j, NULL, role);
    demur_json_close(j, ']');
    demur_json_open(j, "acts", '[');
    for (size_t i = 0; demur_channel_act(c, id, key, now, i, &role, &act); i++) {
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "role", role);
        demur_json_text(j, "act", act);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
    demur_json_open(j, "clocks", '[');
    for (size_t i = 0; demur_channel_clock(c, id, now, i, &k); i++) {
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "name", k.name);
        demur_json_text(j, "state", span_str(demur_clock_state_name(k.state)));
        demur_json_time(j, "limit", k.limit);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
    demur_json_close(j, '}');
}

/* The i-th dissent that can be signed now; false past the end. */
static bool signable(const struct cli *cli, size_t i, struct demur_dissent_info *out)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    uint64_t now = demur_client_view_time(cli->client);
    for (size_t k = 0; cli->identity.handle[0] && demur_channel_dissent(c, k, now, out); k++)
        if (!out->filed_at && !out->withdrawn && now <= out->until && i-- == 0)
            return true;
    return false;
}

static void print_signable(const struct cli *cli)
{
    struct demur_dissent_info d;
    for (size_t i = 0; signable(cli, i, &d); i++)
        printf("%s%s  revision %u, %llu signature%s, until %s\n",
               i ? ""
                 : "Going round for signatures: `demur sign` takes its link, or its name "
                   "where it\ngoes to all members\n",
               d.id, d.revision, (unsigned long long)d.signatures, d.signatures == 1 ? "" : "s",
               cli_case_time(cli, span_lit(""), d.until));
}

static void put_signable(struct demur_json *j, const struct cli *cli)
{
    struct demur_dissent_info d;
    demur_json_open(j, "circulating", '[');
    for (size_t i = 0; signable(cli, i, &d); i++) {
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "dissent", span_str(d.id));
        demur_json_number(j, "revision", d.revision);
        demur_json_number(j, "signatures", d.signatures);
        demur_json_time(j, "until", d.until);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
}

struct officer {
    const struct cli *cli;
    const uint8_t *key;
};

static void put_list(struct demur_json *j, const void *ctx)
{
    const struct officer *o = ctx;
    const struct demur_channel *c = demur_client_channel(o->cli->client);
    uint64_t now = demur_client_view_time(o->cli->client);
    struct demur_dissent_info d;
    demur_json_open(j, NULL, '{');
    demur_json_open(j, "dissents", '[');
    for (size_t i = 0; i < demur_channel_dissents(c); i++)
        if (demur_channel_dissent(c, i, now, &d) && d.filed_at &&
            concerns(o->cli, span_str(d.id), o->key))
            put_case(j, o->cli, &d, o->key);
    demur_json_close(j, ']');
    put_signable(j, o->cli);
    demur_json_close(j, '}');
}

static enum demur_err list(struct cli *cli, const uint8_t key[static 32])
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    uint64_t now = demur_client_view_time(cli->client);
    struct demur_dissent_info d;
    size_t shown = 0;
    if (cli->json)
        return cli_json_grow(cli, put_list, &(struct officer){cli, key});
    for (size_t i = 0; i < demur_channel_dissents(c); i++)
        if (demur_channel_dissent(c, i, now, &d) && d.filed_at &&
            concerns(cli, span_str(d.id), key)) {
            shown++;
            print_case(cli, &d, key);
        }
    if (!shown)
        puts("No dissent was sent to a role of yours.");
    print_signable(cli);
    return DEMUR_OK;
}

/* The author's own case: what stands, and what there is to read. */
static enum demur_err mine(struct cli *cli, const struct cli_hand *hand)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    struct demur_dissent_info d;
    struct demur_event e;
    char id[33];
    size_t n = 0;
    enum demur_err err = cli_case_dissent(cli, hand, NULL, id);
    if (err || cli->json)
        return err ? err : case_print_view(cli, id);
    if (!demur_channel_dissent_find(c, span_str(id), demur_client_view_time(cli->client), &d))
        return demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN, "there is no dissent %s", id);
    struct span stage = cli_case_stage(cli, d.stage);
    printf("Your dissent %s\n  stage %.*s%s\n", id, SPAN_ARG(stage), d.late ? " (late)" : "");
    if (!d.filed_at && !d.withdrawn)
        printf("  revision %u has %llu signature%s; it can be signed until %s\n"
               "  `demur invitation` shows the link, `demur file --circulated` files it\n",
               d.revision, (unsigned long long)d.signatures, d.signatures == 1 ? "" : "s",
               cli_case_time(cli, span_lit(""), d.until));
    case_print_clocks(cli, span_str(id), false);
    for (size_t i = 0; demur_channel_event(c, span_str(id), i, &e); i++)
        if (e.role.len && e.blob.size &&
            (e.type == DEMUR_RECORD_STEP || e.type == DEMUR_RECORD_SAY)) {
            struct span act = e.act.len ? e.act : span_lit("message");
            printf("%s  event %zu, %s: %.*s from %.*s\n", n++ ? "" : "To read:\n", i + 1,
                   cli_case_time(cli, span_lit(""), e.at), SPAN_ARG(act), SPAN_ARG(e.role));
        }
    puts(n ? "Read one with `demur read --mine --event N`,\nall with `demur read --mine --thread`."
           : "Nothing was written to you yet.");
    return DEMUR_OK;
}

static int run(struct cli *cli)
{
    struct cli_hand hand;
    bool author = cli_flag(cli, "mine");
    if (cli->args_len)
        return cli_usage(cli, "inbox takes options only");
    enum demur_err err = cli_case_begin(cli, &hand, author);
    if (!err) {
        cli_case_warn(cli);
        err = author ? mine(cli, &hand) : list(cli, hand.actor.keys.public_key);
    }
    return cli_case_end(cli, &hand, err ? cli_fail(cli, err) : CLI_OK);
}

const struct cli_command command_inbox = {
    .name = "inbox",
    .usage = "[--mine]",
    .summary = "List what waits for you: as an officer, or as an author.",
    .details =
        "An officer sees the dissents sent to a role of theirs, what they may do now, and\n"
        "what is due when. A member sees what goes round for signatures. An author says\n"
        "--mine and gives the receipt phrase. Listing opens nothing: `demur read` does, and\n"
        "the log shows that.\n\n"
        "Example:\n\n    demur inbox",
    .options =
        (const struct cli_option[]){
            {"mine", NULL, "the author's case, with the receipt phrase"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
