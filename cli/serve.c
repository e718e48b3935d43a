/* demur serve: run the notary of one channel. */
#include <stdio.h>
#include <unistd.h>

#include "../server/server.h"
#include "commands.h"

static int run(struct cli *cli)
{
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one directory that `demur init` made");
    const struct demur_server_config config = {.dir = cli->args[0],
                                               .listen = cli_option(cli, "listen"),
                                               .behind_proxy = cli_flag(cli, "behind-proxy"),
                                               .unconfined = cli_flag(cli, "unconfined"),
                                               .announce_fd = 1};
    char path[4200];
    snprintf(path, sizeof path, "%s/config", cli->args[0]);
    if (access(path, F_OK) != 0)
        return cli_fail(cli, demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN,
                                        "%.150s is no channel's directory, for it has no file "
                                        "config: `demur init` makes one",
                                        cli->args[0]));
    enum demur_err err = demur_server_run(&config, &cli->diag);
    return err ? cli_fail(cli, err) : CLI_OK;
}

static const struct cli_option options[] = {
    {"listen", "HOST:PORT", "listen there instead of where the config says; port 0: any free one"},
    {"behind-proxy", NULL, "plain HTTP on any address: a proxy or onion service stands in front"},
    {"unconfined", NULL, "do without Landlock and seccomp, on a system that lacks them"},
    {NULL, NULL, NULL},
};

const struct cli_command command_serve = {
    .name = "serve",
    .usage = "DIR [--listen HOST:PORT] [--behind-proxy] [--unconfined]",
    .summary = "Serve a channel until it is stopped with SIGTERM or Ctrl-C.",
    .details =
        "Prints one line, `listening on URL`, as soon as it serves, and writes the same\n"
        "address to DIR/url. Requests in flight are finished before it ends. Without a\n"
        "certificate in DIR/config it listens on this machine only, unless --behind-proxy\n"
        "says that something else keeps the connection private. It gives up, before it\n"
        "serves, whatever it does not need: it opens no files but the channel's own, connects\n"
        "to nobody and starts no program. --unconfined leaves that out.\n\n"
        "Example:\n\n    demur serve /srv/demur",
    .options = options,
    .run = run,
};
