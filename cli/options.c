/* The command line: find the command, read its options, run it, show help. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../core/version.h"
#include "commands.h"
#include "pages.h"

const struct cli_option cli_global_options[] = {
    {"home", "DIR", "who acts: the folder with profile and identity (or $DEMUR_HOME)"},
    {"json", NULL, "print results as JSON"},
    {"proxy", "URL", "go through a SOCKS proxy, such as socks5h://127.0.0.1:9050"},
    {"ca-file", "FILE", "trust these certificates instead of the system's"},
    {"url", "URL", "the server, instead of the profile's"},
    {"channel", "FINGERPRINT", "the channel, instead of the profile's"},
    {"token", "TOKEN", "the reading token, instead of the profile's"},
    {"passphrase-file", "FILE", "read the identity's passphrase there (or $DEMUR_PASSPHRASE)"},
    {"phrase-file", "FILE", "read the receipt phrase there (or $DEMUR_PHRASE)"},
    {"yes", NULL, "do not ask before going on"},
    {"help", NULL, "show this help"},
    {NULL, NULL, NULL},
};

const char *const cli_exits[] = {
    [CLI_OK] = "done",
    [CLI_REFUSED] = "refused by the channel, its policy or for bad input",
    [CLI_USAGE] = "a mistake on the command line",
    [CLI_UNVERIFIED] = "something does not verify",
    [CLI_UNREACHABLE] = "the server or the disk cannot be reached",
    [CLI_LOCKED] = "a wrong passphrase, phrase or key",
    [CLI_UPGRADE] = "demur must be upgraded",
    NULL,
};

static size_t options_len(const struct cli_option *list)
{
    size_t n = 0;
    while (list && list[n].name)
        n++;
    return n;
}

/* The place of an option among the global ones, then the command's; -1. */
static int option_place(const struct cli *cli, struct span name)
{
    size_t globals = options_len(cli_global_options);
    for (size_t i = 0; i < globals; i++)
        if (span_eq_str(name, cli_global_options[i].name))
            return (int)i;
    const struct cli_option *own = cli->command ? cli->command->options : NULL;
    for (size_t i = 0; own && own[i].name; i++)
        if (span_eq_str(name, own[i].name))
            return (int)(globals + i);
    return -1;
}

static const struct cli_option *option_at(const struct cli *cli, int place)
{
    size_t globals = options_len(cli_global_options);
    return (size_t)place < globals ? &cli_global_options[place]
                                   : &cli->command->options[(size_t)place - globals];
}

const char *cli_option(const struct cli *cli, const char *name)
{
    int i = option_place(cli, span_str(name));
    return i < 0 || !cli->given[i].len ? NULL : cli->given[i].values[cli->given[i].len - 1];
}

bool cli_flag(const struct cli *cli, const char *name) { return cli_option(cli, name) != NULL; }

size_t cli_values(const struct cli *cli, const char *name, const char *const **values)
{
    int i = option_place(cli, span_str(name));
    *values = i < 0 ? NULL : cli->given[i].values;
    return i < 0 ? 0 : cli->given[i].len;
}

#define OPTION_COLUMNS 27 /* before an option's help */

static void print_options(const struct cli_option *list)
{
    for (size_t i = 0; i < options_len(list); i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", list[i].name, list[i].value ? " " : "",
                 list[i].value ? list[i].value : "");
        printf("  %-*s ", OPTION_COLUMNS - 3, left);
        cli_put(stdout, OPTION_COLUMNS, OPTION_COLUMNS, span_str(list[i].help));
    }
}

static int help_all(void)
{
    printf("demur: an organisation's dissent channel.\n\n"
           "usage: demur COMMAND [OPTION...] [ARGUMENT...]\n\n");
    for (size_t i = 0; cli_commands[i]; i++)
        if (!cli_commands[i]->hidden)
            printf("  %-10s  %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    printf("\n`demur COMMAND --help` explains one, `demur --version` says which demur this is.\n"
           "Options that every command takes:\n\n");
    print_options(cli_global_options);
    putchar('\n');
    char codes[512];
    struct buf b = buf_over(codes, sizeof codes - 1);
    buf_put_str(&b, "Exit codes:");
    for (int i = 0; cli_exits[i]; i++) {
        char number[16];
        snprintf(number, sizeof number, "%s %d ", i ? ";" : "", i);
        buf_put_str(&b, number);
        buf_put_str(&b, cli_exits[i]);
    }
    codes[b.len] = 0;
    cli_say(stdout, 0, "%s.", codes);
    return CLI_OK;
}

int cli_help(const struct cli_command *command)
{
    cli_say(stdout, 11, "usage: demur %s %s", command->name, command->usage);
    printf("\n%s\n", command->summary);
    if (command->details) {
        putchar('\n');
        cli_put_paragraphs(stdout, command->details);
    }
    if (options_len(command->options)) {
        printf("\nOptions:\n\n");
        print_options(command->options);
    }
    printf("\nOptions that every command takes:\n\n");
    print_options(cli_global_options);
    return CLI_OK;
}

const struct cli_command *cli_command_find(const char *name)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
    va_list args;
    char text[1024];
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    cli_hide_phrases(text);
    fprintf(stderr, "demur%s%s: %s", cli->command ? " " : "",
            cli->command ? cli->command->name : "", text);
    fprintf(stderr, "; `demur%s%s --help` shows how.\n", cli->command ? " " : "",
            cli->command ? cli->command->name : "");
    return CLI_USAGE;
}

/* One `--name`, `--name value` or `--name=value` at argv[*i]. */
static int take_option(struct cli *cli, int argc, char **argv, int *i)
{
    struct span rest = span_str(argv[*i] + 2);
    bool equals;
    struct span name = span_split(&rest, '=', &equals);
    int place = option_place(cli, name);
    if (place < 0)
        return cli_usage(cli, "there is no option --%.*s", SPAN_ARG(name));
    const char *value = "";
    if (option_at(cli, place)->value) {
        if (equals)
            value = (const char *)rest.p;
        else if (*i + 1 < argc)
            value = argv[++*i];
        else
            return cli_usage(cli, "--%.*s needs a value: %s", SPAN_ARG(name),
                             option_at(cli, place)->value);
    } else if (equals) {
        return cli_usage(cli, "--%.*s takes no value", SPAN_ARG(name));
    }
    if (cli->given[place].len == CLI_REPEAT_MAX)
        return cli_usage(cli, "--%.*s is given more than %d times", SPAN_ARG(name), CLI_REPEAT_MAX);
    cli->given[place].values[cli->given[place].len++] = value;
    return CLI_OK;
}

static int parse_options(struct cli *cli, int argc, char **argv)
{
    bool only_args = false;
    for (int i = 0; i < argc; i++) {
        if (!only_args && strcmp(argv[i], "-h") == 0)
            argv[i] = "--help";
        if (!only_args && strcmp(argv[i], "--") == 0) {
            only_args = true;
        } else if (!only_args && strncmp(argv[i], "--", 2) == 0) {
            int code = take_option(cli, argc, argv, &i);
            if (code)
                return code;
        } else if (!only_args && argv[i][0] == '-' && argv[i][1]) {
            return cli_usage(cli, "there is no option %s", argv[i]);
        } else {
            cli->args[cli->args_len++] = argv[i];
        }
    }
    return CLI_OK;
}

/* --home, $DEMUR_HOME, $XDG_DATA_HOME/demur, ~/.local/share/demur. */
static const char *resolve_home(const struct cli *cli)
{
    static char path[4096];
    const char *given = cli_option(cli, "home"), *base;
    if (!given)
        given = getenv("DEMUR_HOME");
    if (given && *given)
        snprintf(path, sizeof path, "%s", given);
    else if ((base = getenv("XDG_DATA_HOME")) && *base)
        snprintf(path, sizeof path, "%s/demur", base);
    else if ((base = getenv("HOME")) && *base)
        snprintf(path, sizeof path, "%s/.local/share/demur", base);
    else
        return NULL;
    return path;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
    int code = parse_options(cli, argc, argv);
    if (code)
        return code;
    if (cli_flag(cli, "help"))
        return cli_help(cli->command);
    cli->json = cli_flag(cli, "json");
    if (cli->json)
        cli_screen_json();
    cli->proxy = cli_option(cli, "proxy");
    cli->ca_file = cli_option(cli, "ca-file");
    cli->home = resolve_home(cli);
    if (!cli->home)
        return cli_usage(cli, "there is no home folder: give --home DIR");
    enum demur_err err = demur_http_init(&cli->diag);
    if (err)
        return cli_fail(cli, err);
    code = cli_hold(cli, cli->command->run(cli));
    if (cli_json_failed()) {
        cli_note(cli, "the result is too long to print");
        code = CLI_UNREACHABLE;
    }
    if (fflush(stdout) != 0 && code == CLI_OK) {
        cli_note(cli, "the output could not be written: %s", strerror(errno));
        code = CLI_UNREACHABLE;
    }
    return code;
}

int cli_main(int argc, char **argv)
{
    bool help = argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                strcmp(argv[1], "help") == 0;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("demur " DEMUR_VERSION);
        return CLI_OK;
    }
    int made = help && argc > 2 ? cli_pages(argc - 2, argv + 2) : -1;
    if (made >= 0)
        return made;
    const struct cli_command *about = help && argc > 2 ? cli_command_find(argv[2]) : NULL;
    if (about)
        return cli_help(about);
    if (help && argc < 3)
        return help_all();
    struct cli *cli = calloc(1, sizeof *cli);
    const char **args = calloc((size_t)argc, sizeof *args);
    if (!cli || !args) {
        fputs("demur: out of memory\n", stderr);
        free(cli);
        free(args);
        return CLI_UNREACHABLE;
    }
    cli->args = args;
    cli->command = help ? NULL : cli_command_find(argv[1]);
    int code = cli->command ? run_command(cli, argc - 2, argv + 2)
                            : cli_usage(cli, "there is no command %s", argv[help ? 2 : 1]);
    cli_release(cli);
    free(args);
    free(cli);
    return code;
}
