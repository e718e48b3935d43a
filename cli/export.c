/* demur export: the log as static files for any web server. */
#include <stdio.h>

#include "../server/copy.h"
#include "commands.h"

static int run(struct cli *cli)
{
    struct demur_export_report report;
    uint8_t text[8192];
    struct buf b = buf_over(text, sizeof text);
    struct demur_json j = demur_json_over(&b);
    if (cli->args_len != 2)
        return cli_usage(cli, "name the channel's directory, then the one for the mirror");
    enum demur_err err = demur_server_export(cli->args[0], cli->args[1], &report, &cli->diag);
    if (err)
        return cli_fail(cli, err);
    if (!cli->json) {
        printf("%s shows %llu entries, %llu of them new; %llu files written.\n", cli->args[1],
               (unsigned long long)report.entries,
               (unsigned long long)(report.entries - report.before),
               (unsigned long long)report.written);
        return CLI_OK;
    }
    demur_json_open(&j, NULL, '{');
    demur_json_text(&j, "dir", span_str(cli->args[1]));
    demur_json_number(&j, "entries", report.entries);
    demur_json_number(&j, "new", report.entries - report.before);
    demur_json_number(&j, "files", report.written);
    demur_json_close(&j, '}');
    buf_put_byte(&b, '\n');
    cli_json(&b);
    return CLI_OK;
}

const struct cli_command command_export = {
    .name = "export",
    .usage = "DIR MIRROR",
    .summary = "Write the log as static files, for any web server.",
    .details =
        "MIRROR is a new directory, or one that an earlier export made: then only what is new\n"
        "is written. It may run beside the server. Whoever serves MIRROR gives everybody with\n"
        "the fingerprint a log that they can audit, without the server and its reading token.\n"
        "It holds entries, tiles, and the texts of policies and calendars; no sealed memo or\n"
        "message and no key, since what others have copied cannot be expunged.\n\n"
        "Example:\n\n    demur export /srv/demur /var/www/mirror\n"
        "    demur audit --channel FINGERPRINT --url https://mirror.example.org",
    .run = run,
};
