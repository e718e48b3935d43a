/* demur backup and demur restore: copy a channel's directory, and put it back. */
#include <stdio.h>

#include "../server/copy.h"
#include "commands.h"

static int told(struct cli *cli, const char *what, const char *where, uint64_t entries)
{
    uint8_t text[8192];
    struct buf b = buf_over(text, sizeof text);
    struct demur_json j = demur_json_over(&b);
    if (!cli->json) {
        printf("%s %s: %llu entries.\n", what, where, (unsigned long long)entries);
        return CLI_OK;
    }
    demur_json_open(&j, NULL, '{');
    demur_json_text(&j, "dir", span_str(where));
    demur_json_number(&j, "entries", entries);
    demur_json_close(&j, '}');
    buf_put_byte(&b, '\n');
    cli_json(&b);
    return CLI_OK;
}

static int run_backup(struct cli *cli)
{
    uint64_t entries;
    if (cli->args_len != 2)
        return cli_usage(cli, "name the channel's directory, then the new one for the copy");
    enum demur_err err = demur_server_backup(cli->args[0], cli->args[1], &entries, &cli->diag);
    return err ? cli_fail(cli, err) : told(cli, "Backed up to", cli->args[1], entries);
}

static int run_restore(struct cli *cli)
{
    uint64_t entries;
    if (cli->args_len != 2)
        return cli_usage(cli, "name the backup, then the directory to put it back as");
    enum demur_err err = demur_server_restore(cli->args[0], cli->args[1], &entries, &cli->diag);
    return err ? cli_fail(cli, err) : told(cli, "Restored to", cli->args[1], entries);
}

const struct cli_command command_backup = {
    .name = "backup",
    .usage = "DIR COPY",
    .summary = "Copy a channel's directory, also while it is served.",
    .details =
        "COPY is a new directory, and a whole channel: log, blobs, keys, config, as of one\n"
        "moment. It holds the release keys of its time and the log's secret key, so guard it\n"
        "like the server, and let old copies go as the retention rule says.\n\n"
        "Example:\n\n    demur backup /srv/demur /backup/demur-2026-11-24",
    .run = run_backup,
};

const struct cli_command command_restore = {
    .name = "restore",
    .usage = "COPY DIR",
    .summary = "Put a backup back, unless that would begin a second history.",
    .details =
        "Where DIR is not there, it becomes the copy. Where its signer.state has survived the\n"
        "store, the store is put back and the signer stays; a store that is there is set\n"
        "aside as log.db.before-restore. When that signer has signed more than the copy\n"
        "holds, people hold receipts for what the copy lacks: then nothing is changed.\n\n"
        "Example:\n\n    demur restore /backup/demur-2026-11-24 /srv/demur",
    .run = run_restore,
};
