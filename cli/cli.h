/* cli.h - what the subcommands share: options, the home folder, passphrases,
 * output, exit codes. One subcommand a file; main.c has the table of them.
 *
 * A home is a folder that stands for one person (or key) in one channel:
 *
 *     HOME/profile     where the channel is: fingerprint, URL, reading token
 *     HOME/identity    the identity file, sealed under a passphrase
 *     HOME/copy/       the verified copy of the log, receipts, outbox, evidence
 *
 * It is --home, else $DEMUR_HOME, else $XDG_DATA_HOME/demur, else
 * ~/.local/share/demur. Results go to stdout, all else to stderr.
 */
#ifndef DEMUR_CLI_CLI_H
#define DEMUR_CLI_CLI_H

#include <stdio.h>

#include "../client/client.h"
#include "../core/json.h"

/* Documented in `demur --help` and docs/cli.md. Scripts rely on them. */
enum cli_exit {
    CLI_OK = 0,
    CLI_REFUSED = 1,     /* the channel, the policy or the input refuses it */
    CLI_USAGE = 2,       /* the command line is wrong */
    CLI_UNVERIFIED = 3,  /* something does not verify: a lie, a forgery, damage */
    CLI_UNREACHABLE = 4, /* the server or the disk */
    CLI_LOCKED = 5,      /* a wrong passphrase or phrase, or no key for it */
    CLI_UPGRADE = 6,     /* this version of demur is too old */
};

struct cli_option {
    const char *name;  /* without the dashes */
    const char *value; /* what stands for it in the help; NULL: a flag */
    const char *help;
};

#define CLI_OPTIONS_MAX 24
#define CLI_REPEAT_MAX 64

struct cli_command;
struct cli {
    const struct cli_command *command;
    bool json;
    const char *home; /* resolved; owned by the cli */
    const char *proxy, *ca_file;
    /* The command's options as given: for each, its values in order. */
    struct {
        const char *values[CLI_REPEAT_MAX];
        size_t len;
    } given[CLI_OPTIONS_MAX];
    const char **args; /* positional */
    size_t args_len;
    /* Filled by cli_profile and cli_identity. */
    struct cli_profile {
        bool loaded;
        uint8_t channel[32];
        char url[512], token[128];
    } profile;
    bool url_warned;
    struct demur_identity identity;
    bool identity_loaded;
    struct demur_bytes passphrase;
    struct demur_client *client;
    const char *progress_what; /* what the client is about, and since when */
    int64_t progress_since;
    struct demur_diag diag;
};

struct cli_command {
    const char *name, *usage, *summary;
    const char *details;              /* paragraphs for --help; may be NULL */
    const struct cli_option *options; /* ended by a NULL name; may be NULL */
    int (*run)(struct cli *cli);      /* an exit code */
    bool hidden;
};

/* Options by name: the last value, or NULL; a flag's presence; all values. */
const char *cli_option(const struct cli *cli, const char *name);
bool cli_flag(const struct cli *cli, const char *name);
size_t cli_values(const struct cli *cli, const char *name, const char *const **values);

/* The exit code for an error. */
int cli_exit_code(enum demur_err err);
/* Say what went wrong (cli->diag) on stderr, and return its exit code. */
int cli_fail(struct cli *cli, enum demur_err err);
/* Star out what reads like a receipt phrase, four of its words or more: it was given in
 * the place of something else, and what is said of that goes into logs and letters. */
void cli_hide_phrases(char *text);
/* A mistake on the command line, one sentence; returns CLI_USAGE. */
int cli_usage(struct cli *cli, const char *fmt, ...) DEMUR_PRINTF(2, 3);
/* Lines on stderr, the long ones broken as by cli_put. */
void cli_note(const struct cli *cli, const char *fmt, ...) DEMUR_PRINTF(2, 3);

/* HOME/name in a static buffer that the next call overwrites. */
const char *cli_path(const struct cli *cli, const char *name);

/* A line from the terminal, echoed or not; MISSING without a terminal. */
enum demur_err cli_ask(struct cli *cli, const char *prompt, bool echo,
                       struct demur_bytes *out) DEMUR_CHECKED;
/* Ask without echo, or take it from --passphrase-file or $DEMUR_PASSPHRASE.
 * twice: a new one, asked for again and refused under 8 characters. */
enum demur_err cli_passphrase(struct cli *cli, const char *prompt, bool twice) DEMUR_CHECKED;
/* The receipt phrase from --phrase-file, $DEMUR_PHRASE or the terminal. */
enum demur_err cli_phrase(struct cli *cli, struct demur_actor *out) DEMUR_CHECKED;
/* Text of an option's file ("-": stdin), an option's own text, or, with neither,
 * what the person types until the end of input. */
enum demur_err cli_text(struct cli *cli, const char *file, const char *text, const char *prompt,
                        struct demur_bytes *out) DEMUR_CHECKED;
/* Yes or no; false without a terminal, unless --yes. */
bool cli_confirm(struct cli *cli, const char *question);

enum demur_err cli_profile_load(struct cli *cli) DEMUR_CHECKED;
/* The fingerprint to trust: --channel, else the profile's. MISSING asks `question`. */
enum demur_err cli_fingerprint(struct cli *cli, uint8_t fingerprint[static 32],
                               const char *question) DEMUR_CHECKED;
enum demur_err cli_profile_save(struct cli *cli) DEMUR_CHECKED;
/* Load HOME/identity, asking for its passphrase. */
enum demur_err cli_identity_load(struct cli *cli) DEMUR_CHECKED;
/* Save it again (seq, erased keys), with the passphrase that is known. */
enum demur_err cli_identity_save(struct cli *cli) DEMUR_CHECKED;
/* The same of another identity of theirs, as HOME/name. */
enum demur_err cli_identity_save_as(struct cli *cli, const struct demur_identity *identity,
                                    const char *name) DEMUR_CHECKED;
/* Open the client of the profile (--url, --channel and --token win over it) and
 * bring the copy up to date, with progress on stderr, and a warning there when the
 * server is silent or something is held against it. */
enum demur_err cli_client_open(struct cli *cli, bool sync) DEMUR_CHECKED;
/* A finding, and where its evidence is. */
void cli_finding(FILE *out, const struct demur_finding *finding);
/* After a command: hold the log to the receipts that it gave meanwhile. CLI_UNVERIFIED
 * when it does not hold what they are for; else `code`. */
int cli_hold(struct cli *cli, int code);
/* How far the client is, on stderr; ctx is the cli. */
void cli_progress(void *ctx, const char *what, uint64_t done, uint64_t total);
/* The identity as an actor; loads it when it is not loaded yet. */
enum demur_err cli_actor(struct cli *cli, struct demur_actor *out) DEMUR_CHECKED;

/* A dissent named by its id or the first 6 or more characters of it. */
enum demur_err cli_dissent(struct cli *cli, const char *given, char id[static 33]) DEMUR_CHECKED;
/* An act's entry, time, leaf and receipt as fields of an object. */
void cli_json_sent(struct demur_json *j, const struct demur_sent *sent);
/* Print an act's outcome: what was done, entry, time, where the receipt is. */
int cli_sent(struct cli *cli, const struct demur_sent *sent, const char *fmt, ...)
    DEMUR_PRINTF(3, 4);
/* circulate.c: a day such as 2026-12-31, since 1970; false when the text is none. */
bool cli_day(const char *text, uint64_t *out);
/* "Tue 24 Nov 2026 14:05 UTC" in a static buffer out of four. */
const char *cli_time(uint64_t unix_s);
/* screen.c: from here on nothing that is printed steers the terminal: control
 * characters but LF and TAB, and direction overrides, become U+FFFD, or on the
 * standard output an escape of JSON's once cli_screen_json was called. */
void cli_screen_begin(void);
void cli_screen_json(void);
/* Our own figures over the line where the cursor is, on stderr; false, and nothing
 * is printed, when that is no terminal. */
bool cli_overprint(const char *fmt, ...) DEMUR_PRINTF(1, 2);
/* text.c: lines of at most 80 columns, broken between words but not within
 * [brackets], and ended. The first begins at `column`, where something may stand
 * already; the others are indented. A word that is longer than a line stays whole. */
void cli_put(FILE *out, size_t column, size_t indent, struct span text);
void cli_say(FILE *out, size_t indent, const char *fmt, ...) DEMUR_PRINTF(3, 4);
/* Lines that stand as they are, but that those above 80 columns are broken as by cli_put. */
void cli_put_lines(FILE *out, const char *text);
/* Paragraphs apart by an empty line. One that begins with four spaces, an
 * example, is printed as it stands. */
void cli_put_paragraphs(FILE *out, const char *text);
/* Print a JSON buffer that a view or demur_json filled: all of it or, where it was
 * too small, nothing; then the command fails with exit code 4. */
void cli_json(const struct buf *out);
bool cli_json_failed(void);
/* Room for the object of one act or one failure, whatever its paths and names are. */
#define CLI_JSON_MAX 65536
/* Print what `put` puts, however long it gets. MEMORY. */
enum demur_err cli_json_grow(struct cli *cli, void (*put)(struct demur_json *j, const void *ctx),
                             const void *ctx) DEMUR_CHECKED;

/* Everything that the cli holds, wiped. */
void cli_release(struct cli *cli);

/* main.c */
extern const struct cli_command *const cli_commands[];
/* options.c: what every command takes, ended by a NULL name; what each exit code stands for,
 * ended by NULL; the command of that name, or NULL. */
extern const struct cli_option cli_global_options[];
extern const char *const cli_exits[];
const struct cli_command *cli_command_find(const char *name);
int cli_help(const struct cli_command *command);

#endif
