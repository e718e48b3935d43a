/* demur identity: make an officer's or key holder's identity, back it up, restore it. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../core/lines.h"
#include "commands.h"
#include "homes.h"

#define KIT_MAX 4096

enum demur_err cli_home_unused(struct cli *cli)
{
    if (access(cli_path(cli, "identity"), F_OK) != 0)
        return DEMUR_OK;
    return demur_fail(&cli->diag, DEMUR_ERR_REPLAY,
                      "%.120s holds an identity already: give another folder with --home",
                      cli->home);
}

enum demur_err cli_channel_check(struct cli *cli, const uint8_t channel[static 32],
                                 const char *what)
{
    uint8_t wanted[32];
    const char *given = cli_option(cli, "channel");
    enum demur_err err =
        given ? demur_fingerprint_parse(wanted, span_str(given), &cli->diag) : DEMUR_OK;
    if (given && !err && memcmp(wanted, channel, sizeof wanted) != 0)
        err = demur_fail_at(&cli->diag, DEMUR_ERR_VERIFY, 0, 0, "channel",
                            "this %s is of another channel than the one whose fingerprint you "
                            "gave: ask where each of them came from",
                            what);
    return err;
}

enum demur_err cli_name_set(struct cli *cli, const char *name)
{
    struct demur_lines lines;
    struct span s = span_str(name);
    char text[DEMUR_NAME_MAX + 2];
    bool ok = s.len && s.len <= DEMUR_NAME_MAX && s.p[0] != ' ' && !strchr(name, '\n');
    if (ok) {
        snprintf(text, sizeof text, "%s\n", name);
        ok = !demur_lines_init(&lines, span_str(text), sizeof text, NULL);
    }
    if (!ok)
        return demur_fail_at(&cli->diag, DEMUR_ERR_SYNTAX, 0, 0, "name",
                             "a name is one line of 1 to %d bytes, without a space at its ends",
                             DEMUR_NAME_MAX);
    memcpy(cli->identity.name, name, s.len + 1);
    return DEMUR_OK;
}

void cli_card_put(const struct cli *cli, struct buf *out)
{
    struct demur_keys keys;
    demur_keys_from_seed(&keys, cli->identity.seed);
    demur_officer_put(out, &keys);
    demur_keys_wipe(&keys);
}

static void print_card(const struct cli *cli, const char *what)
{
    uint8_t text[CLI_JSON_MAX], card[DEMUR_OFFICER_CARD_MAX + 1];
    struct buf b = buf_over(text, sizeof text), c = buf_over(card, sizeof card);
    cli_card_put(cli, &c);
    if (cli->json) {
        struct demur_json j = demur_json_over(&b);
        demur_json_open(&j, NULL, '{');
        demur_json_hex(&j, "channel", cli->identity.channel, 32);
        demur_json_text(&j, "handle", span_str(cli->identity.handle));
        demur_json_text(&j, "card", buf_span(&c));
        demur_json_close(&j, '}');
        buf_put_byte(&b, '\n');
        cli_json(&b);
        return;
    }
    printf("%s\n\n%.*s\n\n", what, (int)c.len, (const char *)c.p);
    printf("That line is the officer card. It is public: whoever grants a role needs it.\n"
           "Back the identity up now: demur identity kit --home %s\n",
           cli->home);
}

static int identity_new(struct cli *cli)
{
    const char *name = cli_option(cli, "name");
    if (cli->args_len != 1)
        return cli_usage(cli, "`identity new` takes no further argument");
    enum demur_err err = cli_home_unused(cli);
    if (!err)
        err = cli_profile_load(cli);
    /* A mistyped fingerprint or address shows here, before anything is kept. */
    if (!err)
        err = cli_client_open(cli, true);
    if (!err)
        err = demur_identity_new(&cli->identity, cli->profile.channel, cli->profile.url,
                                 cli->profile.token[0] ? cli->profile.token : NULL, &cli->diag);
    if (!err && name)
        err = cli_name_set(cli, name);
    if (!err)
        err = cli_passphrase(cli, "New passphrase for this identity: ", true);
    if (!err)
        err = cli_identity_save(cli);
    if (!err)
        err = cli_profile_save(cli);
    if (err)
        return cli_fail(cli, err);
    print_card(cli, "The identity is made.");
    return CLI_OK;
}

static int identity_kit(struct cli *cli)
{
    uint8_t text[KIT_MAX], json[2 * KIT_MAX];
    struct buf kit = buf_over(text, sizeof text), b = buf_over(json, sizeof json);
    enum demur_err err = cli_identity_load(cli);
    if (err)
        return cli_fail(cli, err);
    demur_recovery_put(&kit, &cli->identity);
    if (cli->json) {
        struct demur_json j = demur_json_over(&b);
        demur_json_open(&j, NULL, '{');
        demur_json_text(&j, "kit", buf_span(&kit));
        demur_json_close(&j, '}');
        buf_put_byte(&b, '\n');
        cli_json(&b);
    } else {
        cli_json(&kit);
        cli_note(cli, "Print this or write it down, and keep it where nobody else looks: whoever "
                      "has it has the identity.");
    }
    sodium_memzero(text, sizeof text);
    sodium_memzero(json, sizeof json);
    return CLI_OK;
}

/* A kit holds no reading token, and its address may have changed since. */
static enum demur_err where_now(struct cli *cli)
{
    const char *url = cli_option(cli, "url"), *token = cli_option(cli, "token");
    struct demur_identity *id = &cli->identity;
    if (url && !demur_url_ok(span_str(url)))
        return demur_fail(&cli->diag, DEMUR_ERR_SYNTAX, "--url %.100s is no address of a channel",
                          url);
    if (token && (!demur_word_ok(span_str(token)) || strlen(token) > DEMUR_WORD_MAX))
        return demur_fail(&cli->diag, DEMUR_ERR_SYNTAX, "--token is no reading token");
    if (url)
        snprintf(id->url, sizeof id->url, "%s", url);
    if (token)
        snprintf(id->token, sizeof id->token, "%s", token);
    if (!id->token[0])
        cli_note(cli, "No --token is given, and a kit holds none: if the channel wants one, give "
                      "it with every command.");
    return DEMUR_OK;
}

static int identity_restore(struct cli *cli)
{
    struct demur_bytes text = {0};
    if (cli->args_len != 2)
        return cli_usage(cli, "name the file with the recovery kit, or - to type it");
    enum demur_err err = cli_home_unused(cli);
    if (!err)
        err = cli_text(cli, cli->args[1], NULL, "Type the recovery kit", &text);
    if (!err)
        err = demur_recovery_parse(&cli->identity, demur_bytes_span(&text), &cli->diag);
    demur_bytes_free(&text);
    if (!err)
        err = cli_channel_check(cli, cli->identity.channel, "recovery kit");
    if (!err)
        err = where_now(cli);
    if (!err)
        err = cli_passphrase(cli, "New passphrase for this identity: ", true);
    if (!err) {
        cli_profile_of_identity(cli);
        err = cli_identity_save(cli);
    }
    if (!err)
        err = cli_profile_save(cli);
    if (err)
        return cli_fail(cli, err);
    if (!cli->json && cli->identity.handle[0])
        cli_say(stdout, 0,
                "The identity of %s is restored, all but its ring keys, which no kit holds. Run "
                "`demur renew` now: it gives you keys from next month on, and then you can file "
                "and sign again. This month's key was given to the lost device, and nobody gets a "
                "second one. If somebody else may have that device, run `demur rekey` as well.",
                cli->identity.handle);
    else
        print_card(cli, "The identity is restored.");
    return CLI_OK;
}

void cli_profile_of_identity(struct cli *cli)
{
    memcpy(cli->profile.channel, cli->identity.channel, 32);
    snprintf(cli->profile.url, sizeof cli->profile.url, "%s", cli->identity.url);
    snprintf(cli->profile.token, sizeof cli->profile.token, "%s", cli->identity.token);
    cli->profile.loaded = true;
}

static int run(struct cli *cli)
{
    const char *verb = cli->args_len ? cli->args[0] : "";
    if (strcmp(verb, "new") == 0)
        return identity_new(cli);
    if (strcmp(verb, "kit") == 0)
        return identity_kit(cli);
    if (strcmp(verb, "restore") == 0)
        return identity_restore(cli);
    return cli_usage(cli, "say `new`, `kit` or `restore` after `identity`");
}

static const struct cli_option options[] = {
    {"name", "NAME", "your name, kept in the identity file on this machine (new)"},
    {NULL, NULL, NULL},
};

const struct cli_command command_identity = {
    .name = "identity",
    .usage = "new [--name NAME] | kit | restore FILE|-",
    .summary = "Make an officer's identity, back an identity up, or restore it.",
    .details =
        "`new` makes keys for an officer, or for whoever keeps keys of the channel, and\n"
        "prints the officer card: the line that is needed to grant a role. It wants\n"
        "--channel, --url and --token once. Members use `demur join` instead. `kit` prints\n"
        "the recovery kit, which restores the identity on another machine: everything but\n"
        "a member's ring keys. `restore` reads it from a file, or with - from what you type;\n"
        "give --token with it, for the kit holds no reading token. With --channel a kit of\n"
        "another channel is refused.\n\n"
        "Example:\n\n    demur identity new --name 'Ana Silva' --channel FINGERPRINT \\\n"
        "        --url URL --token TOKEN",
    .options = options,
    .run = run,
};
