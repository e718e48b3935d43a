/* What the subcommands share: the home, passphrases, the client, output. */
#define _GNU_SOURCE
#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../core/civil.h"
#include "../core/encode.h"
#include "../core/lines.h"
#include "cli.h"

#define SECRET_MAX 4096
#define TEXT_MAX (4u << 20)
#define SILENT_S (2 * 86400u) /* without a tick, which comes daily */
#define JSON_MAX ((size_t)256 << 20)

int cli_exit_code(enum demur_err err)
{
    switch (err) {
    case DEMUR_OK:
        return CLI_OK;
    case DEMUR_ERR_VERIFY:
        return CLI_UNVERIFIED;
    case DEMUR_ERR_IO:
    case DEMUR_ERR_MEMORY:
        return CLI_UNREACHABLE;
    case DEMUR_ERR_KEY:
        return CLI_LOCKED;
    case DEMUR_ERR_UPGRADE:
        return CLI_UPGRADE;
    default:
        return CLI_REFUSED;
    }
}

void cli_note(const struct cli *cli, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    (void)cli;
    fflush(stdout); /* so that what was printed before stands before it */
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    cli_put_lines(stderr, text);
}

int cli_fail(struct cli *cli, enum demur_err err)
{
    const struct demur_diag *d = &cli->diag;
    cli_hide_phrases(cli->diag.text);
    fflush(stdout);
    fprintf(stderr, "demur %s: %s", cli->command->name, d->text[0] ? d->text : demur_err_name(err));
    if (d->line)
        fprintf(stderr, " (line %u%s", d->line, d->column ? "" : ")");
    if (d->line && d->column)
        fprintf(stderr, ", column %u)", d->column);
    fputs(d->text[0] && d->text[strlen(d->text) - 1] == '?' ? "\n" : ".\n", stderr);
    if (cli->json) {
        uint8_t text[CLI_JSON_MAX];
        struct buf b = buf_over(text, sizeof text);
        struct demur_json j = demur_json_over(&b);
        demur_json_open(&j, NULL, '{');
        demur_json_text(&j, "error", span_str(demur_err_name(err)));
        demur_json_text(&j, "text", span_str(d->text));
        demur_json_text(&j, "field", span_str(d->field));
        demur_json_number(&j, "line", d->line);
        demur_json_number(&j, "column", d->column);
        demur_json_close(&j, '}');
        buf_put_byte(&b, '\n');
        cli_json(&b);
    }
    return cli_exit_code(err);
}

const char *cli_path(const struct cli *cli, const char *name)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/%s", cli->home, name);
    return path;
}

/* ---- asking ---------------------------------------------------------------- */

static void strip_newline(struct demur_bytes *b)
{
    while (b->len && (b->p[b->len - 1] == '\n' || b->p[b->len - 1] == '\r'))
        b->p[--b->len] = 0;
}

static enum demur_err copy_text(struct cli *cli, const char *text, struct demur_bytes *out)
{
    size_t len = strlen(text);
    out->p = malloc(len + 1);
    if (!out->p)
        return demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "out of memory");
    memcpy(out->p, text, len + 1);
    out->len = len;
    return DEMUR_OK;
}

/* A secret from its option's file, its variable, or the terminal. */
static enum demur_err secret(struct cli *cli, const char *option, const char *variable,
                             const char *prompt, struct demur_bytes *out, bool *asked)
{
    const char *file = cli_option(cli, option), *env = getenv(variable);
    *asked = false;
    if (file) {
        enum demur_err err = demur_path_read(file, SECRET_MAX, out, &cli->diag);
        if (!err)
            strip_newline(out);
        return err;
    }
    if (env)
        return copy_text(cli, env, out);
    *asked = true;
    enum demur_err err = cli_ask(cli, prompt, false, out);
    if (err == DEMUR_ERR_MISSING)
        err = demur_fail(&cli->diag, err,
                         "there is no terminal to ask at: give --%s FILE, or set $%s", option,
                         variable);
    return err;
}

enum demur_err cli_passphrase(struct cli *cli, const char *prompt, bool twice)
{
    bool asked;
    struct demur_bytes again = {0};
    if (cli->passphrase.p)
        return DEMUR_OK;
    enum demur_err err =
        secret(cli, "passphrase-file", "DEMUR_PASSPHRASE", prompt, &cli->passphrase, &asked);
    if (err || !twice)
        return err;
    if (cli->passphrase.len < 8)
        err = demur_fail(&cli->diag, DEMUR_ERR_LIMIT,
                         "a passphrase has at least 8 characters; several words are best");
    if (!err && asked)
        err = cli_ask(cli, "The same again: ", false, &again);
    if (!err && asked &&
        (again.len != cli->passphrase.len || memcmp(again.p, cli->passphrase.p, again.len) != 0))
        err = demur_fail(&cli->diag, DEMUR_ERR_KEY, "the two passphrases differ");
    demur_bytes_free(&again);
    if (err)
        demur_bytes_free(&cli->passphrase);
    return err;
}

enum demur_err cli_phrase(struct cli *cli, struct demur_actor *out)
{
    bool asked;
    struct demur_bytes text = {0};
    enum demur_err err = cli->profile.loaded ? DEMUR_OK : cli_profile_load(cli);
    if (!err)
        err = secret(cli, "phrase-file", "DEMUR_PHRASE", "Receipt phrase (nine words): ", &text,
                     &asked);
    if (!err)
        err =
            demur_actor_from_phrase(out, demur_bytes_span(&text), cli->profile.channel, &cli->diag);
    /* Whatever is wrong with it: the case stays locked, and the exit code says so. */
    if (err && text.p)
        err = DEMUR_ERR_KEY;
    demur_bytes_free(&text);
    return err;
}

static enum demur_err read_stdin(struct cli *cli, struct demur_bytes *out)
{
    size_t cap = 65536, len = 0;
    uint8_t *p = malloc(cap);
    while (p && len < TEXT_MAX) {
        size_t n = fread(p + len, 1, cap - len - 1, stdin);
        if (n == 0)
            break;
        len += n;
        if (cap - len < 4096) {
            uint8_t *more = realloc(p, cap * 2);
            if (!more)
                break;
            p = more;
            cap *= 2;
        }
    }
    if (!p || ferror(stdin) || len >= TEXT_MAX) {
        free(p);
        return demur_fail(&cli->diag, p && !ferror(stdin) ? DEMUR_ERR_LIMIT : DEMUR_ERR_IO,
                          "the text could not be read from the standard input");
    }
    p[len] = 0;
    *out = (struct demur_bytes){p, len};
    return DEMUR_OK;
}

enum demur_err cli_text(struct cli *cli, const char *file, const char *text, const char *prompt,
                        struct demur_bytes *out)
{
    if (text)
        return copy_text(cli, text, out);
    if (file && strcmp(file, "-") != 0)
        return demur_path_read(file, TEXT_MAX, out, &cli->diag);
    if (!file && isatty(0))
        cli_note(cli, "%s (end with Ctrl-D on a line of its own)", prompt);
    return read_stdin(cli, out);
}

bool cli_confirm(struct cli *cli, const char *question)
{
    struct demur_bytes answer = {0};
    char prompt[300];
    if (cli_flag(cli, "yes"))
        return true;
    snprintf(prompt, sizeof prompt, "%s [y/N] ", question);
    bool yes = cli_ask(cli, prompt, true, &answer) == DEMUR_OK && answer.len &&
               (answer.p[0] == 'y' || answer.p[0] == 'Y');
    demur_bytes_free(&answer);
    return yes;
}

/* ---- the home --------------------------------------------------------------- */

static enum demur_err profile_line(struct cli *cli, struct demur_lines *lines, const char *name,
                                   struct span *value)
{
    struct span line;
    size_t n = strlen(name);
    if (!demur_lines_next(lines, &line) || !span_starts(line, name) || line.len < n + 2 ||
        line.p[n] != ' ')
        return demur_fail_at(&cli->diag, DEMUR_ERR_SYNTAX, lines->line, 1, name,
                             "the profile wants \"%s <value>\" here", name);
    *value = span_skip(line, n + 1);
    return DEMUR_OK;
}

static void set_text(char *out, size_t cap, struct span value)
{
    snprintf(out, cap, "%.*s", (int)(value.len < cap ? value.len : cap - 1), (const char *)value.p);
}

static enum demur_err profile_parse(struct cli *cli, struct span text)
{
    struct demur_lines lines;
    struct span channel, url, token = span_of(NULL, 0);
    enum demur_err err = demur_lines_init(&lines, text, 8192, &cli->diag);
    if (!err)
        err = demur_lines_header(&lines, "profile", &cli->diag);
    if (!err)
        err = profile_line(cli, &lines, "channel", &channel);
    if (!err)
        err = profile_line(cli, &lines, "url", &url);
    if (!err && lines.rest.len)
        err = profile_line(cli, &lines, "token", &token);
    if (!err)
        err = demur_fingerprint_parse(cli->profile.channel, channel, &cli->diag);
    if (err)
        return err;
    set_text(cli->profile.url, sizeof cli->profile.url, url);
    if (token.len)
        set_text(cli->profile.token, sizeof cli->profile.token, token);
    return DEMUR_OK;
}

/* On this machine, or to an onion service, nobody is on the way. */
static bool is_private(struct span url)
{
    struct span rest = url;
    bool more;
    if (!span_starts(url, "http://"))
        return true;
    rest = span_skip(url, 7);
    struct span host = span_split(&rest, '/', &more);
    if (span_starts(host, "[::1]"))
        return true;
    rest = host;
    host = span_split(&rest, ':', &more);
    return span_eq_str(host, "localhost") || span_starts(host, "127.") ||
           (host.len > 6 && span_eq_str(span_skip(host, host.len - 6), ".onion"));
}

static void url_warn(struct cli *cli)
{
    const char *url = cli->profile.url;
    if (!cli->url_warned && !is_private(span_str(url)))
        cli_note(cli,
                 "warning: %s is not encrypted: whoever is on the way sees the reading token and "
                 "what you send, and when. Ask for an https:// address.",
                 url);
    cli->url_warned = true;
}

enum demur_err cli_profile_load(struct cli *cli)
{
    struct demur_bytes text = {0};
    const char *channel = cli_option(cli, "channel"), *url = cli_option(cli, "url"),
               *token = cli_option(cli, "token");
    enum demur_err err = demur_path_read(cli_path(cli, "profile"), 8192, &text, &cli->diag);
    if (!err)
        err = profile_parse(cli, demur_bytes_span(&text));
    demur_bytes_free(&text);
    if (err == DEMUR_ERR_UNKNOWN && channel && url)
        err = DEMUR_OK;
    if (err == DEMUR_ERR_UNKNOWN)
        return demur_fail(&cli->diag, DEMUR_ERR_MISSING,
                          "%s has no channel yet: run `demur join`, or give --channel and --url",
                          cli->home);
    if (!err && channel)
        err = demur_fingerprint_parse(cli->profile.channel, span_str(channel), &cli->diag);
    if (err)
        return err;
    if (url)
        set_text(cli->profile.url, sizeof cli->profile.url, span_str(url));
    if (token)
        set_text(cli->profile.token, sizeof cli->profile.token, span_str(token));
    cli->profile.loaded = true;
    url_warn(cli);
    return DEMUR_OK;
}

enum demur_err cli_fingerprint(struct cli *cli, uint8_t fingerprint[static 32],
                               const char *question)
{
    const char *given = cli_option(cli, "channel");
    enum demur_err err = given ? demur_fingerprint_parse(fingerprint, span_str(given), &cli->diag)
                               : cli_profile_load(cli);
    if (!err && !given)
        memcpy(fingerprint, cli->profile.channel, 32);
    if (err == DEMUR_ERR_MISSING)
        err = demur_fail(&cli->diag, err, "%s Give the channel's fingerprint with --channel",
                         question);
    return err;
}

enum demur_err cli_profile_save(struct cli *cli)
{
    uint8_t text[2048];
    struct buf b = buf_over(text, sizeof text);
    buf_put_str(&b, "demur profile v1\nchannel ");
    demur_hex_encode(&b, span_of(cli->profile.channel, 32));
    buf_put_str(&b, "\nurl ");
    buf_put_str(&b, cli->profile.url);
    if (cli->profile.token[0]) {
        buf_put_str(&b, "\ntoken ");
        buf_put_str(&b, cli->profile.token);
    }
    buf_put_byte(&b, '\n');
    enum demur_err err = demur_path_folder(cli->home, &cli->diag);
    return err ? err : demur_path_write(cli_path(cli, "profile"), buf_span(&b), &cli->diag);
}

enum demur_err cli_identity_load(struct cli *cli)
{
    bool exposed = false;
    if (cli->identity_loaded)
        return DEMUR_OK;
    if (access(cli_path(cli, "identity"), F_OK) != 0)
        return demur_fail(&cli->diag, DEMUR_ERR_MISSING,
                          "%s has no identity: run `demur join` as a member, or `demur identity "
                          "new` as an officer",
                          cli->home);
    enum demur_err err = cli_passphrase(cli, "Passphrase of your identity: ", false);
    if (!err)
        err = demur_identity_load(&cli->identity, cli_path(cli, "identity"),
                                  demur_bytes_span(&cli->passphrase), &exposed, &cli->diag);
    if (err)
        return err;
    if (exposed)
        cli_note(cli, "warning: others on this machine can read %s; run chmod 600 on it",
                 cli_path(cli, "identity"));
    cli->identity_loaded = true;
    return DEMUR_OK;
}

/* Work factor for identity files: the standard one. Tests and the demonstration lower
 * it by DEMUR_TEST_LOG2N, which counts only with their passphrases, known to everybody:
 * no variable that is set by accident weakens a file that protects something. */
static unsigned identity_log2n(const struct cli *cli)
{
    struct span passphrase = demur_bytes_span(&cli->passphrase);
    const char *text = getenv("DEMUR_TEST_LOG2N");
    uint64_t n = 0;
    bool known = span_eq_str(passphrase, "a passphrase for tests") ||
                 span_eq_str(passphrase, "a passphrase for the demonstration");
    return known && text && span_u64(span_str(text), 20, &n) ? (unsigned)n : 0;
}

enum demur_err cli_identity_save_as(struct cli *cli, const struct demur_identity *identity,
                                    const char *name)
{
    enum demur_err err = demur_path_folder(cli->home, &cli->diag);
    return err ? err
               : demur_identity_save(identity, cli_path(cli, name),
                                     demur_bytes_span(&cli->passphrase), identity_log2n(cli),
                                     &cli->diag);
}

enum demur_err cli_identity_save(struct cli *cli)
{
    return cli_identity_save_as(cli, &cli->identity, "identity");
}

/* ---- the client ----------------------------------------------------------------- */

/* Only what takes longer than a second is worth a line. */
void cli_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    struct cli *cli = ctx;
    time_t now = time(NULL);
    if (cli->progress_what != what) {
        cli->progress_what = what;
        cli->progress_since = now;
    }
    if (now - cli->progress_since < 2)
        return;
    if (!cli_overprint("%s: %llu of %llu%s", what, (unsigned long long)done,
                       (unsigned long long)total, done >= total ? "\n" : "") &&
        done >= total)
        fprintf(stderr, "%s: %llu\n", what, (unsigned long long)total);
}

static void warn(const struct cli *cli)
{
    uint64_t tick = demur_client_last_tick(cli->client), now = demur_client_now(cli->client);
    char apart[DEMUR_SKEW_TEXT];
    size_t found = demur_client_findings(cli->client);
    if (tick && now > tick + SILENT_S && !demur_client_skewed(cli->client, apart))
        cli_note(cli,
                 "warning: the server gave its last daily sign of life on %s; it stands still, or "
                 "hides what is newer.",
                 cli_time(tick));
    if (found)
        cli_note(cli,
                 "warning: %zu finding%s against the operator %s kept in this home; `demur "
                 "status` lists %s.",
                 found, found == 1 ? "" : "s", found == 1 ? "is" : "are",
                 found == 1 ? "it" : "them");
}

enum demur_err cli_client_open(struct cli *cli, bool sync)
{
    enum demur_err err = cli->profile.loaded ? DEMUR_OK : cli_profile_load(cli);
    if (err || cli->client)
        return err;
    struct demur_client_options options = {.url = cli->profile.url,
                                           .token = cli->profile.token,
                                           .proxy = cli->proxy,
                                           .ca_file = cli->ca_file,
                                           .progress = cli_progress,
                                           .ctx = cli};
    memcpy(options.channel, cli->profile.channel, 32);
    url_warn(cli);
    char data[4200];
    snprintf(data, sizeof data, "%s", cli_path(cli, "copy"));
    options.data = data;
    err = demur_path_folder(data, &cli->diag);
    if (!err)
        err = demur_client_open(&cli->client, &options, &cli->diag);
    if (!err && sync)
        err = demur_client_sync(cli->client, &cli->diag);
    if (!err && sync)
        warn(cli);
    return err;
}

void cli_finding(FILE *out, const struct demur_finding *finding)
{
    cli_say(out, 4, "  %s: %s", finding->kind, finding->text);
    if (finding->path[0])
        fprintf(out, "    evidence %s\n", finding->path);
}

int cli_hold(struct cli *cli, int code)
{
    struct demur_diag why = {0};
    if (!cli->client || !demur_client_promised(cli->client) ||
        demur_client_sync(cli->client, &why) != DEMUR_ERR_VERIFY)
        return code;
    cli_note(cli, "warning: %s.", why.text);
    return CLI_UNVERIFIED;
}

enum demur_err cli_actor(struct cli *cli, struct demur_actor *out)
{
    enum demur_err err = cli_identity_load(cli);
    if (!err)
        demur_actor_from_identity(out, &cli->identity);
    return err;
}

enum demur_err cli_dissent(struct cli *cli, const char *given, char id[static 33])
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    uint64_t now = demur_client_view_time(cli->client);
    size_t found = 0, len = strlen(given);
    struct demur_dissent_info d;
    for (size_t i = 0; len >= 6 && i < demur_channel_dissents(c); i++)
        if (demur_channel_dissent(c, i, now, &d) && strncmp(d.id, given, len) == 0) {
            memcpy(id, d.id, 33);
            found++;
        }
    if (found == 1)
        return DEMUR_OK;
    if (len > 32) /* a link or an invitation, which is a secret */
        return demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN,
                          "this is no dissent's id, which is shorter: `demur status` lists them");
    return demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN,
                      len < 6      ? "name a dissent by at least 6 characters of its id"
                      : found == 0 ? "no dissent begins with %s: `demur status` lists them"
                                   : "several dissents begin with %s: give more of the id",
                      given);
}

/* ---- output ------------------------------------------------------------------------ */

const char *cli_time(uint64_t unix_s)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static char text[4][40];
    static unsigned turn;
    char *out = text[turn++ % 4];
    int32_t day = demur_time_day((int64_t)unix_s);
    struct demur_date d = demur_day_date(day);
    unsigned s = (unsigned)(unix_s % 86400);
    if (!unix_s)
        return "-";
    snprintf(out, sizeof text[0], "%s %u %s %d %02u:%02u UTC", days[demur_day_weekday(day)], d.day,
             months[d.month - 1], d.year, s / 3600, s / 60 % 60);
    return out;
}

static bool json_failed;

void cli_json(const struct buf *out)
{
    if (buf_ok(out))
        fwrite(out->p, 1, out->len, stdout);
    else
        json_failed = true;
}

bool cli_json_failed(void) { return json_failed; }

enum demur_err cli_json_grow(struct cli *cli, void (*put)(struct demur_json *j, const void *ctx),
                             const void *ctx)
{
    for (size_t cap = CLI_JSON_MAX; cap <= JSON_MAX; cap *= 4) {
        uint8_t *p = malloc(cap);
        if (!p)
            break;
        struct buf b = buf_over(p, cap);
        struct demur_json j = demur_json_over(&b);
        put(&j, ctx);
        buf_put_byte(&b, '\n');
        bool fits = buf_ok(&b);
        if (fits)
            cli_json(&b);
        free(p);
        if (fits)
            return DEMUR_OK;
    }
    return demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "there is not enough memory to print this");
}

void cli_json_sent(struct demur_json *j, const struct demur_sent *sent)
{
    demur_json_number(j, "entry", sent->index);
    demur_json_time(j, "at", sent->at);
    demur_json_hex(j, "leaf", sent->leaf, 32);
    demur_json_text(j, "receipt", span_str(sent->receipt));
    demur_json_bool(j, "earlier", sent->earlier);
}

int cli_sent(struct cli *cli, const struct demur_sent *sent, const char *fmt, ...)
{
    char what[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    if (cli->json) {
        uint8_t text[CLI_JSON_MAX];
        struct buf b = buf_over(text, sizeof text);
        struct demur_json j = demur_json_over(&b);
        demur_json_open(&j, NULL, '{');
        demur_json_text(&j, "done", span_str(what));
        cli_json_sent(&j, sent);
        demur_json_close(&j, '}');
        buf_put_byte(&b, '\n');
        cli_json(&b);
        return CLI_OK;
    }
    cli_put_lines(stdout, what);
    printf("  entry %llu, %s%s\n", (unsigned long long)sent->index, cli_time(sent->at),
           sent->earlier ? ": it was there already, and nothing was sent" : "");
    if (sent->receipt[0])
        printf("  receipt %s\n", sent->receipt);
    return CLI_OK;
}

void cli_release(struct cli *cli)
{
    demur_client_close(cli->client);
    demur_identity_wipe(&cli->identity);
    demur_bytes_free(&cli->passphrase);
    cli->client = NULL;
}
