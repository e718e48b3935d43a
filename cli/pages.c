/* pages.c - what man pages and completion share; see pages.h. */
#include "pages.h"

#include <string.h>

#include "../embedded/embedded.h"
#include "commands.h"

enum cli_value cli_value_of(const struct cli_option *option)
{
    static const struct {
        const char *value;
        enum cli_value kind;
    } kinds[] = {{"FILE", CLI_VALUE_FILE}, {"DIR", CLI_VALUE_DIR}, {"NAME|FILE", CLI_VALUE_POLICY}};
    if (!option->value)
        return CLI_VALUE_NONE;
    for (size_t i = 0; i < DEMUR_COUNT(kinds); i++)
        if (strcmp(option->value, kinds[i].value) == 0)
            return kinds[i].kind;
    return CLI_VALUE_ANY;
}

static size_t word_len(const char *s)
{
    size_t n = 0;
    while (s[n] >= 'a' && s[n] <= 'z')
        n++;
    return s[n] == 0 || s[n] == ' ' ? n : 0;
}

void cli_actions(struct buf *out, const struct cli_command *command)
{
    int depth = 0;
    size_t before = out->len;
    for (const char *s = command->usage; *s; s++) {
        bool begins = s == command->usage || (!depth && s > command->usage + 1 && s[-2] == '|');
        size_t n = begins ? word_len(s) : 0;
        if (n) {
            buf_put_str(out, out->len > before ? " " : "");
            buf_put(out, s, n);
        }
        depth += (*s == '[') - (*s == ']');
    }
}

void cli_policies(struct buf *out)
{
    for (const struct demur_embedded *f = demur_embedded_files; f->name; f++) {
        struct span name = span_str(f->name);
        const struct span before = span_lit("policies/"), after = span_lit(".policy");
        if (name.len <= before.len + after.len || !span_starts(name, "policies/") ||
            !span_eq(span_skip(name, name.len - after.len), after))
            continue;
        name = span_skip(span_take(name, name.len - after.len), before.len);
        buf_put_str(out, out->len ? " " : "");
        buf_put(out, name.p, name.len);
    }
}

static int names(void)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (!cli_commands[i]->hidden)
            printf("%s\n", cli_commands[i]->name);
    return CLI_OK;
}

int cli_pages(int argc, char **argv)
{
    const char *what = argc ? argv[0] : "", *of = argc > 1 ? argv[1] : "";
    const struct cli_command *command = cli_command_find(of);
    if (strcmp(what, "--names") == 0 && argc == 1)
        return names();
    if (strcmp(what, "--man") == 0 && argc <= 2 && (!of[0] || command)) {
        cli_man(command);
        return CLI_OK;
    }
    if (strcmp(what, "--completion") == 0 && argc == 2 && strcmp(of, "bash") == 0) {
        cli_completion_bash();
        return CLI_OK;
    }
    if (strcmp(what, "--completion") == 0 && argc == 2 && strcmp(of, "zsh") == 0) {
        cli_completion_zsh();
        return CLI_OK;
    }
    return -1;
}
