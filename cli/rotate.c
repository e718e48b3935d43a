/* demur rotate: change the channel's log key, server key or root key. */
#include <stdio.h>

#include "../core/encode.h"
#include "../core/hash.h"
#include "../server/server.h"
#include "case.h"
#include "commands.h"
#include "homes.h"

/* ---- the root's home (homes.h) -------------------------------------------------- */

/* Load the key of the home, and see that it is of the channel that is meant. */
static enum demur_err home_begin(struct cli *cli, struct cli_hand *hand)
{
    *hand = (struct cli_hand){0};
    enum demur_err err = cli_identity_load(cli);
    if (!err)
        err = cli_channel_check(cli, cli->identity.channel, "key");
    return err ? err : cli_case_begin(cli, hand, false);
}

enum demur_err cli_root_begin(struct cli *cli, struct cli_hand *hand)
{
    uint8_t root[32];
    enum demur_err err = home_begin(cli, hand);
    if (err)
        return err;
    demur_channel_root_key(demur_client_channel(cli->client), root);
    return memcmp(root, hand->actor.keys.public_key, 32) == 0
               ? DEMUR_OK
               : demur_fail(&cli->diag, DEMUR_ERR_FORBIDDEN,
                            "the key in %.120s is not the channel's root: name the root's home "
                            "with --home",
                            cli->home);
}

/* ---- on the server: prepare ------------------------------------------------------- */

static int prepare(struct cli *cli)
{
    uint8_t key[32], json[CLI_JSON_MAX];
    char hex[65] = "", file[4200];
    struct buf h = buf_over(hex, 64), b = buf_over(json, sizeof json);
    const char *which = cli->args_len > 1 ? cli->args[1] : "";
    if (cli->args_len != 3 || (strcmp(which, "log") != 0 && strcmp(which, "server") != 0))
        return cli_usage(cli, "say `prepare log DIR` or `prepare server DIR`, with the directory "
                              "that the server serves");
    enum demur_err err = demur_server_key_next(cli->args[2], which, key, &cli->diag);
    if (err)
        return cli_fail(cli, err);
    demur_hex_encode(&h, span_of(key, 32));
    snprintf(file, sizeof file, "%.4000s/%s.key.next", cli->args[2], which);
    if (cli->json) {
        struct demur_json j = demur_json_over(&b);
        demur_json_open(&j, NULL, '{');
        demur_json_text(&j, "key", span_str(hex));
        demur_json_text(&j, "file", span_str(file));
        demur_json_close(&j, '}');
        buf_put_byte(&b, '\n');
        cli_json(&b);
        return CLI_OK;
    }
    printf("%s is made. Its public key:\n\n%s\n\n", file, hex);
    printf("Start the server again, so that it reads it; then, where the root key is:\n"
           "demur rotate %s KEY --home /media/usb/keys/root\n",
           which);
    return CLI_OK;
}

/* ---- by the root: log, server ------------------------------------------------------- */

static enum demur_err key_take(struct cli *cli, const char *text, uint8_t key[static 32])
{
    return demur_hex_exact(key, 32, span_str(text)) == DEMUR_OK
               ? DEMUR_OK
               : demur_fail_at(&cli->diag, DEMUR_ERR_SYNTAX, 0, 0, "key",
                               "the key is 64 hexadecimal digits, which `demur rotate prepare` "
                               "printed on the server's machine");
}

/* The question, asked once everything else is known to be right. */
static int asked(struct cli *cli, const char *question)
{
    if (cli_confirm(cli, question))
        return CLI_OK;
    cli_note(cli, "Nothing was changed. Without a terminal, --yes confirms it.");
    return CLI_REFUSED;
}

static int rotate_key(struct cli *cli, bool log)
{
    struct cli_hand hand = {0};
    struct demur_sent sent = {0};
    uint8_t key[32], now[32];
    int code = CLI_OK;
    enum demur_err err = key_take(cli, cli->args[1], key);
    if (err)
        return cli_fail(cli, err);
    err = cli_root_begin(cli, &hand);
    if (!err) {
        const struct demur_channel *c = demur_client_channel(cli->client);
        (log ? demur_channel_log_key : demur_channel_server_key)(c, now);
        if (memcmp(now, key, 32) == 0)
            err = demur_fail(&cli->diag, DEMUR_ERR_REPLAY, "that is the channel's %s key already",
                             log ? "log" : "server");
    }
    if (!err)
        code =
            asked(cli, log ? "Change the log's key? The present one then signs nothing more."
                           : "Change the server's key? The present one then signs nothing more.");
    if (code)
        return cli_case_end(cli, &hand, code);
    if (!err)
        err = demur_act_rotate(cli->client, &hand.actor, log ? key : NULL, log ? NULL : key, &sent,
                               &cli->diag);
    return cli_case_end(
        cli, &hand,
        cli_case_sent(cli, err, &sent, "The channel has its new %s key.", log ? "log" : "server"));
}

/* ---- by the next root: root ------------------------------------------------------------ */

static enum demur_err next_check(struct cli *cli, const struct cli_hand *hand,
                                 const uint8_t follows[static 32])
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    const uint8_t *own = hand->actor.keys.public_key;
    uint8_t root[32], bound[32], hash[32];
    demur_channel_root_key(c, root);
    demur_channel_next_root(c, bound);
    demur_hash(hash, span_of(own, 32));
    if (memcmp(hash, bound, 32) != 0)
        return demur_fail(&cli->diag, DEMUR_ERR_FORBIDDEN,
                          "the key in %.120s is not the next root that the channel is bound to: "
                          "name the home of next-root with --home",
                          cli->home);
    if (memcmp(follows, own, 32) == 0 || memcmp(follows, root, 32) == 0)
        return demur_fail(&cli->diag, DEMUR_ERR_KEY,
                          "the card is of the %s root, which cannot be the one that follows: make "
                          "a new identity for it",
                          memcmp(follows, own, 32) == 0 ? "next" : "present");
    return DEMUR_OK;
}

static int rotate_root(struct cli *cli)
{
    struct cli_hand hand = {0};
    struct demur_sent sent = {0};
    struct demur_officer follows;
    int code = CLI_OK;
    enum demur_err err = demur_officer_parse(&follows, span_str(cli->args[1]), &cli->diag);
    if (err)
        return cli_fail(cli, err);
    err = home_begin(cli, &hand);
    if (!err)
        err = next_check(cli, &hand, follows.key);
    if (!err)
        code = asked(cli, "Make this key the channel's root for good? The present root then does "
                          "nothing more.");
    if (code)
        return cli_case_end(cli, &hand, code);
    if (!err)
        err = demur_act_rotate_root(cli->client, &hand.actor, follows.key, &sent, &cli->diag);
    code = cli_case_sent(cli, err, &sent, "%s is the channel's root now.", cli->home);
    if (!err && !cli->json)
        cli_note(cli, "What the old root granted stays: `demur policy --grants` lists it. End what "
                      "its owner did not grant. Other things that it put into force stay too: read "
                      "`demur policy --text`, put right with `demur amend` what is wrong, and "
                      "change the log's and the server's key with `demur rotate`.");
    return cli_case_end(cli, &hand, code);
}

static int run(struct cli *cli)
{
    const char *what = cli->args_len ? cli->args[0] : "";
    bool log = strcmp(what, "log") == 0, root = strcmp(what, "root") == 0;
    if (strcmp(what, "prepare") == 0)
        return prepare(cli);
    if (!log && !root && strcmp(what, "server") != 0)
        return cli_usage(cli, "say `prepare`, `log`, `server` or `root` after `rotate`");
    if (cli->args_len != 2)
        return cli_usage(cli, root ? "give the card of the key that is to be the next root after "
                                     "this one, which `demur identity new` printed"
                                   : "give the new key, which `demur rotate prepare` printed");
    return root ? rotate_root(cli) : rotate_key(cli, log);
}

const struct cli_command command_rotate = {
    .name = "rotate",
    .usage = "prepare log|server DIR | log KEY | server KEY | root CARD",
    .summary = "Change the channel's log key, server key or root key.",
    .details =
        "`prepare`, on the server's machine and as its user, makes DIR/log.key.next or\n"
        "DIR/server.key.next and prints the public key. Start the server again; then `log`\n"
        "or `server`, with the root's home, lets the channel change to that key at once. At\n"
        "a later stop of the server the file takes the place of the one without `.next`.\n"
        "`root` is for a root key that is lost or stolen: with the home of next-root, whose\n"
        "key becomes the root. CARD is of a new identity, made by `demur identity new` where\n"
        "nothing else is kept: the next root after this one.\n\n"
        "Example:\n\n    demur rotate root CARD --home /media/safe/keys/next-root",
    .run = run,
};
