/* demur check: examine a channel's directory. */
#include <stdio.h>

#include "../core/encode.h"
#include "../server/copy.h"
#include "commands.h"

#define FAULTS_SHOWN 1000

struct faults {
    const struct cli *cli;
    struct demur_json *json;
    size_t n;
};

static void fault(void *ctx, const char *text)
{
    struct faults *f = ctx;
    if (++f->n > FAULTS_SHOWN)
        return;
    if (f->cli->json)
        demur_json_text(f->json, NULL, span_str(text));
    else
        cli_say(stdout, 2, "- %s.", text);
}

static int run(struct cli *cli)
{
    static uint8_t text[600 * FAULTS_SHOWN];
    struct buf b = buf_over(text, sizeof text);
    struct demur_json j = demur_json_over(&b);
    struct demur_check_report report;
    struct faults faults = {.cli = cli, .json = &j};
    char root[65];
    struct buf hex = buf_over(root, 64);
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one directory that `demur init` made");
    demur_json_open(&j, NULL, '{');
    demur_json_open(&j, "faults", '[');
    enum demur_err err = demur_server_check(cli->args[0], fault, &faults, &report, &cli->diag);
    if (err)
        return cli_fail(cli, err);
    demur_hex_encode(&hex, span_of(report.root, 32));
    if (cli->json) {
        demur_json_close(&j, ']');
        demur_json_number(&j, "found", report.faults);
        demur_json_number(&j, "entries", report.entries);
        demur_json_number(&j, "signed", report.signed_size);
        demur_json_text(&j, "root", buf_span(&hex));
        demur_json_close(&j, '}');
        buf_put_byte(&b, '\n');
        cli_json(&b);
    } else {
        printf("%llu entries, root %.64s.\n", (unsigned long long)report.entries, root);
        printf(report.faults ? "%llu thing%s to put right.\n" : "Nothing was found amiss.\n",
               (unsigned long long)report.faults, report.faults == 1 ? "" : "s");
    }
    return report.faults ? CLI_UNVERIFIED : CLI_OK;
}

const struct cli_command command_check = {
    .name = "check",
    .usage = "DIR",
    .summary = "Examine a channel's directory, on the server's own machine.",
    .details =
        "Computes again everything that a hash covers: entries, tiles, the root, every blob.\n"
        "Folds the log, and holds what the signer signed, the keys, the config and the files'\n"
        "modes against it. Changes nothing; it may run beside the server. Ends with 3 when\n"
        "something is amiss.\n\n"
        "Example:\n\n    demur check /srv/demur",
    .run = run,
};
