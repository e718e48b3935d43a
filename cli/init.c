/* demur init: found a channel. Everything is checked before anything is made, and
 * what was made is removed again when a later step fails. */
#define _GNU_SOURCE
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../core/encode.h"
#include "../core/hash.h"
#include "../core/merkle.h"
#include "../server/server.h"
#include "commands.h"
#include "sources.h"

#define CALENDARS_MAX 16
#define RECORDS_MAX (CALENDARS_MAX + 3) /* channel, calendars, policy, role */
#define RECORD_ROOM 1024                /* none of them is longer */
#define LISTEN_DEFAULT "127.0.0.1:8470"

enum key_home { HOME_ROOT, HOME_NEXT_ROOT, HOME_ROSTER, HOMES };
static const char *const home_names[HOMES] = {"root", "next-root", "roster"};

struct founding {
    struct cli *cli;
    struct cli_source policy_text, calendar_texts[CALENDARS_MAX];
    struct demur_policy policy;
    struct demur_calendar calendars[CALENDARS_MAX];
    size_t given, needed; /* the calendars of --calendar; those in `order` */
    size_t calendars_len;
    uint8_t order[CALENDARS_MAX]; /* included ones before those that include them */
    char url[DEMUR_URL_MAX + 1], token[DEMUR_WORD_MAX + 1];
    const char *listen, *dir, *keys;
    struct demur_identity homes[HOMES];
    struct demur_keys pairs[HOMES];
    uint8_t log_seed[32], server_seed[32], channel[32];
    uint64_t at;
    uint8_t records[RECORDS_MAX][RECORD_ROOM];
    struct span spans[RECORDS_MAX], blobs[RECORDS_MAX];
    size_t records_len, blobs_len;
};

/* ---- the texts -------------------------------------------------------------- */

/* 0, or an exit code after saying what is wrong. */
static int calendar_take(struct founding *f, struct cli_source *source)
{
    size_t n = f->calendars_len;
    enum demur_err err = demur_calendar_parse(&f->calendars[n], source->text, &f->cli->diag);
    f->calendar_texts[n] = *source;
    f->calendars_len++;
    return err ? cli_source_fail(f->cli, &f->calendar_texts[n], err) : 0;
}

static int calendars_given(struct founding *f)
{
    const char *const *files;
    size_t n = cli_values(f->cli, "calendar", &files);
    if (n > CALENDARS_MAX / 2)
        return cli_usage(f->cli, "at most %d calendars can be given", CALENDARS_MAX / 2);
    for (size_t i = 0; i < n; i++) {
        struct cli_source source;
        enum demur_err err = cli_source_file(f->cli, &source, files[i]);
        if (err) {
            cli_source_free(&source);
            return cli_fail(f->cli, err);
        }
        int code = calendar_take(f, &source);
        if (code)
            return code;
    }
    f->given = f->calendars_len;
    return 0;
}

static int calendar_place(const struct founding *f, struct span name)
{
    for (size_t i = 0; i < f->calendars_len; i++)
        if (span_eq(f->calendars[i].name, name))
            return (int)i;
    return -1;
}

/* Put a calendar, and before it what it includes, into the order. */
static int calendar_need(struct founding *f, struct span name, unsigned depth)
{
    int at = calendar_place(f, name), code = 0;
    if (at < 0) {
        char text[DEMUR_WORD_MAX + 1];
        struct cli_source source;
        snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.p);
        if (f->calendars_len == CALENDARS_MAX || !cli_source_embedded(&source, text, "calendar"))
            return cli_fail(f->cli, demur_fail(&f->cli->diag, DEMUR_ERR_UNKNOWN,
                                               "calendar %.64s is wanted and demur does not carry "
                                               "it: give its file with --calendar",
                                               text));
        at = (int)f->calendars_len;
        code = calendar_take(f, &source);
    }
    if (depth > DEMUR_CALENDAR_DEPTH)
        code = cli_fail(f->cli, demur_fail(&f->cli->diag, DEMUR_ERR_LIMIT,
                                           "calendar %.*s includes itself, or others too deeply",
                                           SPAN_ARG(name)));
    for (size_t i = 0; i < f->needed && !code; i++)
        if (f->order[i] == at)
            return 0;
    const struct demur_calendar *c = &f->calendars[at];
    for (size_t i = 0; i < c->includes_len && !code; i++)
        code = calendar_need(f, c->includes[i].name, depth + 1);
    if (!code)
        f->order[f->needed++] = (uint8_t)at;
    return code;
}

static int calendars_order(struct founding *f)
{
    int code = f->policy.calendar.len ? calendar_need(f, f->policy.calendar, 1) : 0;
    for (size_t i = 0; i < f->policy.clocks_len && !code; i++)
        if (f->policy.clocks[i].calendar.len)
            code = calendar_need(f, f->policy.clocks[i].calendar, 1);
    for (size_t i = 0; i < f->given && !code; i++)
        code = calendar_need(f, f->calendars[i].name, 1);
    return code;
}

static int policy_take(struct founding *f)
{
    const char *given = cli_option(f->cli, "policy");
    enum demur_err err = DEMUR_OK;
    if (!given)
        given = "us-state-2-fam-070";
    if (!cli_source_embedded(&f->policy_text, given, "policy")) {
        err = cli_source_file(f->cli, &f->policy_text, given);
        if (err == DEMUR_ERR_UNKNOWN)
            err = demur_fail(&f->cli->diag, DEMUR_ERR_UNKNOWN,
                             "there is no file %.100s, and demur carries no policy of that name; "
                             "us-state-2-fam-070 and company are two that it has",
                             given);
        if (err)
            return cli_fail(f->cli, err);
    }
    err = demur_policy_parse(&f->policy, f->policy_text.text, &f->cli->diag);
    if (!err)
        err = demur_policy_executable(&f->policy, &f->cli->diag);
    return err ? cli_source_fail(f->cli, &f->policy_text, err) : 0;
}

/* ---- where it will be ----------------------------------------------------------- */

/* `HOST:PORT`; whether the host exists is found out when it is served. */
static bool listen_ok(struct span listen)
{
    uint64_t port;
    size_t colon = listen.len;
    while (colon && listen.p[colon - 1] != ':')
        colon--;
    return colon > 1 && span_u64(span_skip(listen, colon), 65535, &port);
}

static int places_check(struct founding *f)
{
    struct cli *cli = f->cli;
    const char *url = cli_option(cli, "url"), *listen = cli_option(cli, "listen");
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one directory that the channel is to be made in");
    if (!cli_option(cli, "origin"))
        return cli_usage(cli, "--origin is missing: a name for the channel, such as "
                              "dissent.example.org/2026");
    if (!(f->keys = cli_option(cli, "keys")))
        return cli_usage(cli, "--keys is missing: a folder for the channel's keys, off the server");
    f->dir = cli->args[0];
    f->listen = listen ? listen : LISTEN_DEFAULT;
    size_t n = strlen(f->listen);
    if (!listen_ok(span_str(f->listen)))
        return cli_usage(cli, "--listen %s is no HOST:PORT, such as 127.0.0.1:8470", f->listen);
    if (!url && n > 2 && strcmp(f->listen + n - 2, ":0") == 0)
        return cli_usage(cli, "with port 0 the address is not known beforehand: give --url");
    int len = url ? snprintf(f->url, sizeof f->url, "%s", url)
                  : snprintf(f->url, sizeof f->url, "http://%s", f->listen);
    if (len >= (int)sizeof f->url || !demur_url_ok(span_str(f->url)))
        return cli_usage(cli,
                         "%s is no address of a channel: http:// or https://, a host, perhaps "
                         "a port and a path",
                         url ? url : f->listen);
    if (access(f->keys, F_OK) == 0)
        return cli_fail(cli, demur_fail(&cli->diag, DEMUR_ERR_REPLAY,
                                        "%.150s exists already: name a new folder for the keys",
                                        f->keys));
    enum demur_err err = demur_server_place_check(f->dir, &cli->diag);
    return err ? cli_fail(cli, err) : 0;
}

/* ---- the records ------------------------------------------------------------------ */

static enum demur_err keys_make(struct founding *f)
{
    static const uint8_t unknown[32]; /* entry 0 must be signed before it has a hash */
    uint8_t random[20];
    struct buf b = buf_over(f->token, sizeof f->token - 1);
    enum demur_err err = DEMUR_OK;
    randombytes_buf(random, sizeof random);
    demur_base32_encode(&b, span_of(random, sizeof random));
    randombytes_buf(f->log_seed, 32);
    randombytes_buf(f->server_seed, 32);
    for (size_t i = 0; i < HOMES && !err; i++) {
        err = demur_identity_new(&f->homes[i], unknown, f->url, f->token, &f->cli->diag);
        if (!err)
            demur_keys_from_seed(&f->pairs[i], f->homes[i].seed);
    }
    return err;
}

static void put_seed_key(struct buf *out, enum demur_field field, const uint8_t seed[static 32])
{
    uint8_t public_key[32], secret_key[64];
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    sodium_memzero(secret_key, sizeof secret_key);
    demur_put_bytes(out, field, span_of(public_key, 32));
}

static struct buf record_begin(struct founding *f, enum demur_record_type type)
{
    const struct demur_keys *root = &f->pairs[HOME_ROOT];
    struct buf b = buf_over(f->records[f->records_len], RECORD_ROOM);
    demur_record_begin(&b, type, type == DEMUR_RECORD_CHANNEL ? NULL : f->channel);
    if (type != DEMUR_RECORD_CHANNEL) {
        demur_put_bytes(&b, DEMUR_FIELD_BY, span_of(root->public_key, 32));
        demur_put_number(&b, DEMUR_FIELD_SEQ, ++f->homes[HOME_ROOT].seq);
    }
    return b;
}

static void record_end(struct founding *f, struct buf *b)
{
    demur_put_signature(b, DEMUR_FIELD_SIG, f->pairs[HOME_ROOT].secret_key);
    f->spans[f->records_len++] = buf_span(b);
}

static void put_channel(struct founding *f)
{
    uint8_t hash[32], text[RECORD_ROOM + 32];
    struct buf entry = buf_over(text, sizeof text), b = record_begin(f, DEMUR_RECORD_CHANNEL);
    demur_hash(hash, span_of(f->pairs[HOME_NEXT_ROOT].public_key, 32));
    demur_put_text(&b, DEMUR_FIELD_ORIGIN, span_str(cli_option(f->cli, "origin")));
    put_seed_key(&b, DEMUR_FIELD_LOG_KEY, f->log_seed);
    put_seed_key(&b, DEMUR_FIELD_SERVER_KEY, f->server_seed);
    demur_put_bytes(&b, DEMUR_FIELD_ROOT_KEY, span_of(f->pairs[HOME_ROOT].public_key, 32));
    demur_put_hash(&b, DEMUR_FIELD_NEXT_ROOT, hash);
    record_end(f, &b);
    demur_entry_write(&entry, f->at, f->spans[0]);
    demur_merkle_leaf(f->channel, buf_span(&entry));
    for (size_t i = 0; i < HOMES; i++)
        memcpy(f->homes[i].channel, f->channel, 32);
}

static void put_text_record(struct founding *f, enum demur_record_type type, struct span name,
                            struct span text)
{
    struct demur_blob_ref blob = {.size = text.len};
    struct buf b = record_begin(f, type);
    demur_hash(blob.hash, text);
    if (name.len)
        demur_put_text(&b, DEMUR_FIELD_NAME, name);
    demur_put_blob(&b, DEMUR_FIELD_TEXT, &blob);
    record_end(f, &b);
    f->blobs[f->blobs_len++] = text;
}

/* The role that keeps the roster; one for all of the membership if there is one. */
static struct span roster_role(const struct demur_policy *policy)
{
    int first = -1;
    for (int i = 0; i < policy->roles_len; i++)
        if (demur_set_has(policy->roster_kept_by, i)) {
            first = first < 0 ? i : first;
            if (policy->roles[i].for_each < 0)
                return policy->roles[i].name;
        }
    return first < 0 ? span_lit("") : policy->roles[first].name;
}

static void put_records(struct founding *f)
{
    put_channel(f);
    for (size_t i = 0; i < f->needed; i++)
        put_text_record(f, DEMUR_RECORD_CALENDAR, f->calendars[f->order[i]].name,
                        f->calendar_texts[f->order[i]].text);
    put_text_record(f, DEMUR_RECORD_POLICY, span_lit(""), f->policy_text.text);
    const struct demur_keys *roster = &f->pairs[HOME_ROSTER];
    struct buf b = record_begin(f, DEMUR_RECORD_ROLE);
    demur_put_text(&b, DEMUR_FIELD_ROLE, roster_role(&f->policy));
    demur_put_text(&b, DEMUR_FIELD_CHANGE, span_lit("holds"));
    demur_put_bytes(&b, DEMUR_FIELD_HOLDER, span_of(roster->public_key, 32));
    demur_put_text(&b, DEMUR_FIELD_RECIPIENT, span_str(roster->recipient));
    record_end(f, &b);
}

/* ---- writing it down ----------------------------------------------------------------- */

static void home_of(const struct founding *f, size_t i, char out[static 4096])
{
    snprintf(out, 4096, "%s/%s", f->keys, home_names[i]);
}

static enum demur_err homes_save(struct founding *f)
{
    struct cli *cli = f->cli;
    char home[4096];
    const char *before = cli->home;
    enum demur_err err = DEMUR_OK;
    memcpy(cli->profile.channel, f->channel, 32);
    snprintf(cli->profile.url, sizeof cli->profile.url, "%s", f->url);
    snprintf(cli->profile.token, sizeof cli->profile.token, "%s", f->token);
    for (size_t i = 0; i < HOMES && !err; i++) {
        home_of(f, i, home);
        cli->home = home;
        cli->identity = f->homes[i];
        err = cli_profile_save(cli);
        if (!err)
            err = cli_identity_save(cli);
    }
    cli->home = before;
    return err;
}

static void homes_remove(struct founding *f)
{
    char home[4096], path[4200];
    for (size_t i = 0; i < HOMES; i++) {
        home_of(f, i, home);
        snprintf(path, sizeof path, "%s/identity", home);
        unlink(path);
        snprintf(path, sizeof path, "%s/profile", home);
        unlink(path);
        rmdir(home);
    }
    rmdir(f->keys);
}

static enum demur_err channel_make(struct founding *f)
{
    struct demur_server_settings settings, parsed;
    uint8_t config[4096];
    struct buf b = buf_over(config, sizeof config);
    demur_server_settings_init(&settings);
    settings.listen = span_str(f->listen);
    settings.url = span_str(f->url);
    settings.tokens[0] = span_str(f->token);
    settings.tokens_len = 1;
    demur_server_settings_put(&b, &settings);
    /* What is wrong with --listen is to be found now, not when it is served. */
    enum demur_err err = demur_server_settings_parse(&parsed, buf_span(&b), &f->cli->diag);
    f->cli->diag.line = f->cli->diag.column = 0;
    const struct demur_server_birth birth = {.dir = f->dir,
                                             .settings = &settings,
                                             .log_seed = f->log_seed,
                                             .server_seed = f->server_seed,
                                             .at = f->at,
                                             .records = f->spans,
                                             .records_len = f->records_len,
                                             .blobs = f->blobs,
                                             .blobs_len = f->blobs_len};
    if (err)
        return err;
    err = homes_save(f);
    if (!err)
        err = demur_server_create(&birth, &f->cli->diag);
    if (err)
        homes_remove(f);
    return err;
}

static void report(const struct founding *f)
{
    char hex[65];
    uint8_t json[CLI_JSON_MAX];
    struct buf h = buf_over(hex, 64), b = buf_over(json, sizeof json);
    demur_hex_encode(&h, span_of(f->channel, 32));
    hex[64] = 0;
    if (f->cli->json) {
        struct demur_json j = demur_json_over(&b);
        demur_json_open(&j, NULL, '{');
        demur_json_text(&j, "channel", span_str(hex));
        demur_json_text(&j, "url", span_str(f->url));
        demur_json_text(&j, "token", span_str(f->token));
        demur_json_text(&j, "keys", span_str(f->keys));
        demur_json_close(&j, '}');
        buf_put_byte(&b, '\n');
        cli_json(&b);
        return;
    }
    printf("The channel is founded.\n\n  channel  %s\n  token    %s\n  address  %s\n\n"
           "Publish the channel's fingerprint, the first line, where everybody can compare\n"
           "it. The token lets people read the log: invitations carry it.\n\n",
           hex, f->token, f->url);
    printf("Serve it:     demur serve %s\n"
           "Take away:    %s -- these keys belong off the server, best on two media.\n"
           "              root changes the policy and grants roles, next-root replaces a\n"
           "              stolen root, roster invites and removes members.\n",
           f->dir, f->keys);
    struct span keeper = roster_role(&f->policy);
    printf("Grant roles:  demur grant ROLE OFFICER-CARD --home %s/root\n"
           "Invite:       demur invite ROSTER.csv --out FILE --home %s/roster\n"
           "              (the roster key holds the role %.*s)\n",
           f->keys, f->keys, SPAN_ARG(keeper));
}

static int found(struct founding *f)
{
    int code = places_check(f);
    if (!code)
        code = policy_take(f);
    if (!code)
        code = calendars_given(f);
    if (!code)
        code = calendars_order(f);
    if (code)
        return code;
    enum demur_err err = cli_passphrase(f->cli, "New passphrase for the channel's keys: ", true);
    if (!err)
        err = keys_make(f);
    if (!err) {
        put_records(f);
        err = channel_make(f);
    }
    if (err)
        return cli_fail(f->cli, err);
    report(f);
    return CLI_OK;
}

static int run(struct cli *cli)
{
    struct founding *f = calloc(1, sizeof *f);
    if (!f)
        return cli_fail(cli, demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "out of memory"));
    f->cli = cli;
    f->at = (uint64_t)time(NULL);
    int code = found(f);
    cli_source_free(&f->policy_text);
    for (size_t i = 0; i < f->calendars_len; i++)
        cli_source_free(&f->calendar_texts[i]);
    sodium_memzero(f, sizeof *f);
    free(f);
    return code;
}

static const struct cli_option options[] = {
    {"origin", "NAME", "the log's name, unique for ever, such as dissent.example.org/2026"},
    {"listen", "HOST:PORT",
     "where it is to be served (" LISTEN_DEFAULT "; --url: how it is reached)"},
    {"policy", "NAME|FILE", "us-state-2-fam-070 (the standard), company, or your own file"},
    {"calendar", "FILE", "a calendar that demur does not carry; may be repeated"},
    {"keys", "DIR", "a new folder for the keys of the channel, which do not stay on the server"},
    {NULL, NULL, NULL},
};

const struct cli_command command_init = {
    .name = "init",
    .usage = "DIR --origin NAME --keys KEYDIR [--policy NAME|FILE] [--url URL] ...",
    .summary = "Found a channel: its keys, its policy, its log.",
    .details =
        "Makes DIR, which `demur serve` serves, and three homes in KEYDIR, sealed under one\n"
        "passphrase: root, next-root and roster. Take KEYDIR off the server. The policy and\n"
        "the calendars that it names are checked first; a mistake is shown with its line,\n"
        "and nothing is made.\n\n"
        "Example:\n\n    demur init /srv/demur --origin dissent.example.org/2026 \\\n"
        "        --keys /media/usb/keys",
    .options = options,
    .run = run,
};
