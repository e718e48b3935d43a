/* demur status: the board, or one dissent with its history and clocks. */
#include <stdio.h>

#include "case.h"
#include "commands.h"

static void print_board(const struct cli *cli)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    uint64_t now = demur_client_view_time(cli->client);
    struct demur_dissent_info d;
    size_t n = demur_channel_dissents(c);
    if (!n) {
        puts("No dissent has been filed yet.");
        return;
    }
    bool late = false;
    printf("%-10s%-32s%-24s%10s\n", "DISSENT", "STAGE", "FILED", "SIGNATURES");
    for (size_t i = 0; i < n; i++)
        if (demur_channel_dissent(c, i, now, &d)) {
            struct span stage = cli_case_cut(cli_case_stage(cli, d.stage), 30);
            printf("%-10.8s%-30.*s%s%-24s%10llu\n", d.id, SPAN_ARG(stage), d.late ? "! " : "  ",
                   cli_case_time(cli, span_lit(""), d.filed_at), (unsigned long long)d.signatures);
            if (!d.filed_at && !d.withdrawn)
                printf("    can be signed until %s\n", cli_case_time(cli, span_lit(""), d.until));
            case_print_clocks(cli, span_str(d.id), false);
            late = late || d.late;
        }
    printf("\n%s`demur status DISSENT` shows one.\n", late ? "! late. " : "");
}

static const char *event_actor(const struct demur_event *e, char text[static 80])
{
    static const uint8_t nobody[32];
    if (e->role.len)
        snprintf(text, 80, "%.*s", SPAN_ARG(e->role));
    else
        snprintf(text, 80, "%s", memcmp(e->by, nobody, 32) == 0 ? "the author" : "an officer");
    if (e->type == DEMUR_RECORD_COSIGN || e->type == DEMUR_RECORD_UNSIGN ||
        e->type == DEMUR_RECORD_DISCLOSE)
        snprintf(text, 80, "a member");
    return text;
}

static void print_history(const struct cli *cli, const char *id)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    struct demur_event e;
    char by[80];
    printf("\nHistory\n");
    for (size_t i = 0; demur_channel_event(c, span_str(id), i, &e); i++) {
        struct span act = e.act.len ? e.act : span_str(demur_record_type_name(e.type));
        printf("  %3zu  %-23s  %-16.*s by %s%s\n", i + 1, cli_case_time(cli, span_lit(""), e.at),
               SPAN_ARG(act), event_actor(&e, by), e.blob.size ? "  [sealed]" : "");
    }
}

static enum demur_err print_dissent(struct cli *cli, const char *id)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    struct demur_dissent_info d;
    struct span role;
    if (!demur_channel_dissent_find(c, span_str(id), demur_client_view_time(cli->client), &d))
        return demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN, "there is no dissent %s", id);
    printf("Dissent %s\n", d.id);
    struct span stage = cli_case_stage(cli, d.stage);
    printf("  stage       %.*s%s\n", SPAN_ARG(stage), d.late ? " (late)" : "");
    if (d.filed_at)
        printf("  filed       %s, entry %llu\n", cli_case_time(cli, span_lit(""), d.filed_at),
               (unsigned long long)d.filed_index);
    if (d.until)
        printf("  %-11s %s%s\n  revision    %u\n", "signing",
               d.filed_at || d.withdrawn || demur_client_view_time(cli->client) > d.until
                   ? "closed; it was open until "
                   : "open until ",
               cli_case_time(cli, span_lit(""), d.until), d.revision);
    printf("  signatures  %llu\n", (unsigned long long)d.signatures);
    for (size_t i = 0; demur_channel_dissent_to(c, span_str(id), i, &role); i++) {
        printf("  %-11s ", i ? "" : "sent to");
        cli_put(stdout, 14, 14, cli_case_role(cli, role));
    }
    printf("\nClocks\n");
    case_print_clocks(cli, span_str(id), true);
    print_history(cli, id);
    return DEMUR_OK;
}

/* What is held against the operator, beside the one object that JSON is. */
static size_t print_findings(const struct cli *cli)
{
    FILE *out = cli->json ? stderr : stdout;
    size_t n = cli->client ? demur_client_findings(cli->client) : 0;
    struct demur_finding f;
    if (n)
        fprintf(out, "\n%zu finding%s against the operator:\n", n, n == 1 ? "" : "s");
    for (size_t i = 0; i < n && demur_client_finding(cli->client, i, &f); i++)
        cli_finding(out, &f);
    if (n)
        cli_say(out, 0,
                "Show this to your auditor. A finding is told until its file is moved away.");
    return n;
}

static int run(struct cli *cli)
{
    char id[33];
    const char *given = cli->args_len ? cli->args[0] : NULL;
    if (cli->args_len > 1)
        return cli_usage(cli, "one dissent at a time");
    enum demur_err err = cli_client_open(cli, true);
    if (!err && given)
        err = cli_dissent(cli, given, id);
    if (!err)
        cli_case_warn(cli);
    if (!err && cli->json)
        err = case_print_view(cli, given ? id : NULL);
    else if (!err && given)
        err = print_dissent(cli, id);
    else if (!err)
        print_board(cli);
    size_t findings = print_findings(cli);
    if (err)
        return cli_fail(cli, err);
    return findings ? CLI_UNVERIFIED : CLI_OK;
}

const struct cli_command command_status = {
    .name = "status",
    .usage = "[DISSENT]",
    .summary = "Show the board, or one dissent with its history and clocks.",
    .details = "The board lists every dissent: at which stage it is, when it was filed, how many\n"
               "signed, and what is due when. Name one, by its id or the first 6 characters or\n"
               "more of it, to see who did what when, and every clock. All of it comes from the\n"
               "verified copy of the log. What is held against the operator is listed below it,\n"
               "with the exit code 3. No passphrase is needed.\n\n"
               "Example:\n\n    demur status kibabu",
    .run = run,
};
