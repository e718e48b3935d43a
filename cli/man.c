/* man.c - man pages in the man(7) macros; see pages.h. */
#include <ctype.h>
#include <string.h>

#include "../core/version.h"
#include "commands.h"
#include "pages.h"

/* One character of text as roff: a hyphen that can be copied, nothing that is a command. */
static void put_char(char c)
{
    switch (c) {
    case '\\':
        fputs("\\e", stdout);
        break;
    case '-':
        fputs("\\-", stdout);
        break;
    case '\'':
        fputs("\\(aq", stdout);
        break;
    case '~':
        fputs("\\(ti", stdout);
        break;
    default:
        putchar(c);
    }
}

/* Running text, filled anew by whoever shows it; `words` like these are bold. */
static void put_text(struct span text)
{
    bool bold = false;
    if (text.len && (text.p[0] == '.' || text.p[0] == '\''))
        fputs("\\&", stdout);
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.p[i];
        if (c == '`') {
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fR", stdout);
        } else {
            put_char(c == '\n' ? ' ' : c);
        }
    }
    putchar('\n');
}

/* As it stands: an example. */
static void put_example(struct span text)
{
    bool more = true;
    fputs(".RS 4\n.nf\n", stdout);
    while (more) {
        struct span line = span_split(&text, '\n', &more);
        while (line.len && line.p[0] == ' ')
            line = span_skip(line, 1);
        if (line.len && (line.p[0] == '.' || line.p[0] == '\''))
            fputs("\\&", stdout);
        for (size_t i = 0; i < line.len; i++)
            put_char((char)line.p[i]);
        putchar('\n');
    }
    fputs(".fi\n.RE\n", stdout);
}

static void put_paragraphs(const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t len = end ? (size_t)(end - text) : strlen(text);
        while (len && text[len - 1] == '\n')
            len--;
        if (strncmp(text, "    ", 4) == 0) {
            put_example(span_of((const uint8_t *)text, len));
        } else {
            fputs(".PP\n", stdout);
            put_text(span_of((const uint8_t *)text, len));
        }
        text += end ? (size_t)(end - text) + 2 : strlen(text);
    }
}

static void put_options(const struct cli_option *list)
{
    for (; list && list->name; list++) {
        fputs(".TP\n\\fB\\-\\-", stdout);
        for (const char *c = list->name; *c; c++)
            put_char(*c);
        fputs("\\fR", stdout);
        if (list->value) {
            fputs(" \\fI", stdout);
            for (const char *c = list->value; *c; c++)
                put_char(*c);
            fputs("\\fR", stdout);
        }
        putchar('\n');
        put_text(span_str(list->help));
    }
}

static void put_title(const char *command)
{
    char name[64];
    size_t n = (size_t)snprintf(name, sizeof name, "demur%s%s", command ? "-" : "",
                                command ? command : "");
    printf(".TH \"");
    for (size_t i = 0; i < n; i++)
        put_char((char)toupper((unsigned char)name[i]));
    printf("\" \"1\" \"" DEMUR_RELEASED "\" \"demur " DEMUR_VERSION "\" \"demur\"\n"
           ".SH NAME\ndemur%s%s \\- ",
           command ? "\\-" : "", command ? command : "");
}

/* A summary without its full stop and with a small letter, as man pages have it. */
static void put_summary(const char *summary)
{
    size_t len = strlen(summary);
    if (len && summary[len - 1] == '.')
        len--;
    for (size_t i = 0; i < len; i++)
        put_char(i ? summary[i] : (char)tolower((unsigned char)summary[i]));
    putchar('\n');
}

static void man_command(const struct cli_command *command)
{
    put_title(command->name);
    put_summary(command->summary);
    printf(".SH SYNOPSIS\n\\fBdemur %s\\fR ", command->name);
    put_text(span_str(command->usage));
    fputs(".SH DESCRIPTION\n", stdout);
    put_text(span_str(command->summary));
    if (command->details)
        put_paragraphs(command->details);
    if (command->options) {
        fputs(".SH OPTIONS\n", stdout);
        put_options(command->options);
    }
    fputs(".SH \"SEE ALSO\"\n.BR demur (1)\n"
          "has the options that every command takes, and the exit codes.\n",
          stdout);
}

static void put_exits(void)
{
    fputs(".SH \"EXIT STATUS\"\n", stdout);
    for (int code = 0; cli_exits[code]; code++) {
        printf(".TP\n.B %d\n", code);
        put_text(span_str(cli_exits[code]));
    }
}

static void man_all(void)
{
    put_title(NULL);
    fputs("an organisation\\(aqs dissent channel\n"
          ".SH SYNOPSIS\n\\fBdemur\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
          ".br\n\\fBdemur \\-\\-version\\fR\n"
          ".SH DESCRIPTION\n",
          stdout);
    put_text(span_lit("demur runs the formal venue in which an organisation's people tell its "
                      "leadership that they disagree with a policy, and in which leadership has to "
                      "answer. The server is a notary: it checks signed records, puts them in "
                      "order in a transparency log, and publishes the log. Everything that it says "
                      "is checked by a client that does not trust it."));
    fputs(".SH COMMANDS\n", stdout);
    for (size_t i = 0; cli_commands[i]; i++) {
        if (cli_commands[i]->hidden)
            continue;
        printf(".TP\n.BR demur\\-%s (1)\n", cli_commands[i]->name);
        put_text(span_str(cli_commands[i]->summary));
    }
    fputs(".SH OPTIONS\nEvery command takes these.\n", stdout);
    put_options(cli_global_options);
    put_exits();
    fputs(".SH ENVIRONMENT\n"
          ".TP\n.B DEMUR_HOME\nThe home, as \\fB\\-\\-home\\fR.\n"
          ".TP\n.B DEMUR_PASSPHRASE\nThe identity\\(aqs passphrase.\n"
          ".TP\n.B DEMUR_PHRASE\nThe receipt phrase.\n"
          ".SH FILES\n"
          ".TP\n.I ~/.local/share/demur\n"
          "The home: who acts, in which channel, and a verified copy of its log.\n"
          ".TP\n.I /usr/share/doc/demur\nHow to use it, how to run a server, what it protects "
          "against, and every format.\n",
          stdout);
}

void cli_man(const struct cli_command *command)
{
    if (command)
        man_command(command);
    else
        man_all();
}
