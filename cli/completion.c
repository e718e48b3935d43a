/* completion.c - completion for bash and zsh; see pages.h. */
#include <string.h>

#include "commands.h"
#include "pages.h"

static const struct cli_option *next(const struct cli_option *list, size_t i)
{
    return list && list[i].name ? &list[i] : NULL;
}

/* ---- bash --------------------------------------------------------------------- */

/* `'COMMAND --option') `, for options of that kind; any command's where it is NULL. */
static void bash_patterns(const char *command, const struct cli_option *list, enum cli_value kind,
                          bool *any)
{
    for (size_t i = 0; next(list, i); i++) {
        if (cli_value_of(&list[i]) != kind)
            continue;
        printf("%s%s'%s --%s'", *any ? " | " : "    ", command ? "" : "*", command ? command : "",
               list[i].name);
        *any = true;
    }
}

static void bash_values(enum cli_value kind, const char *what)
{
    bool any = false;
    for (size_t i = 0; cli_commands[i]; i++)
        bash_patterns(cli_commands[i]->name, cli_commands[i]->options, kind, &any);
    bash_patterns(NULL, cli_global_options, kind, &any);
    if (any)
        printf(")\n        %s\n        return\n        ;;\n", what);
}

static void bash_flags(const struct cli_option *list)
{
    for (size_t i = 0; next(list, i); i++)
        printf(" --%s", list[i].name);
}

void cli_completion_bash(void)
{
    char text[512] = "", what[768];
    struct buf policies = buf_over(text, sizeof text - 1);
    cli_policies(&policies);
    text[policies.len] = 0;
    fputs("# bash completion for demur; `demur help --completion bash` printed it.\n"
          "_demur() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command=${COMP_WORDS[1]} actions='' options=''\n"
          "    COMPREPLY=()\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          stdout);
    for (size_t i = 0; cli_commands[i]; i++)
        if (!cli_commands[i]->hidden)
            printf("%s ", cli_commands[i]->name);
    fputs("help --help --version' -- \"$cur\")\n"
          "        return\n"
          "    fi\n"
          "    # --option=value: bash takes the = for a word of its own\n"
          "    if [[ $cur == = ]]; then\n"
          "        cur=''\n"
          "    elif [[ $prev == = ]]; then\n"
          "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    case \"$command $prev\" in\n",
          stdout);
    bash_values(CLI_VALUE_FILE, "compopt -o filenames\n"
                                "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")");
    bash_values(CLI_VALUE_DIR, "compopt -o filenames\n"
                               "        mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")");
    snprintf(what, sizeof what,
             "compopt -o filenames\n"
             "        mapfile -t COMPREPLY < <(compgen -f -W '%s' -- \"$cur\")",
             text);
    bash_values(CLI_VALUE_POLICY, what);
    bash_values(CLI_VALUE_ANY, ":");
    fputs("    esac\n    case $command in\n", stdout);
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];
        char words[128] = "";
        struct buf actions = buf_over(words, sizeof words - 1);
        cli_actions(&actions, c);
        words[actions.len] = 0;
        printf("    %s) actions='%s' options='", c->name, words);
        bash_flags(c->options);
        fputs("' ;;\n", stdout);
    }
    fputs("    esac\n    if [[ $cur == -* ]]; then\n        options+='", stdout);
    bash_flags(cli_global_options);
    fputs("'\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
          "    elif [[ -n $actions ]] && ((COMP_CWORD == 2)); then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$actions\" -- \"$cur\")\n"
          "    else\n"
          "        compopt -o filenames\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
          "    fi\n"
          "}\n"
          "complete -F _demur demur\n",
          stdout);
}

/* ---- zsh ---------------------------------------------------------------------- */

/* Within single quotes, and within the brackets or colons of a specification. */
static void zsh_put(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_options(const struct cli_option *list, const char *policies)
{
    for (size_t i = 0; next(list, i); i++) {
        enum cli_value kind = cli_value_of(&list[i]);
        /* `*`: it may be given again. */
        printf("        '*--%s%s[", list[i].name, kind == CLI_VALUE_NONE ? "" : "=");
        zsh_put(list[i].help);
        putchar(']');
        if (kind != CLI_VALUE_NONE) {
            putchar(':');
            zsh_put(list[i].value);
            putchar(':');
        }
        if (kind == CLI_VALUE_FILE)
            fputs("_files", stdout);
        else if (kind == CLI_VALUE_DIR)
            fputs("_files -/", stdout);
        else if (kind == CLI_VALUE_POLICY)
            printf("_alternative \"policies\\:policy\\:(%s)\" \"files\\:file\\:_files\"", policies);
        fputs("'\n", stdout);
    }
}

void cli_completion_zsh(void)
{
    char text[512] = "";
    struct buf policies = buf_over(text, sizeof text - 1);
    cli_policies(&policies);
    text[policies.len] = 0;
    fputs("#compdef demur\n"
          "# zsh completion for demur; `demur help --completion zsh` printed it.\n"
          "_demur() {\n"
          "    local -a commands=(\n",
          stdout);
    for (size_t i = 0; cli_commands[i]; i++) {
        if (cli_commands[i]->hidden)
            continue;
        printf("        '%s:", cli_commands[i]->name);
        zsh_put(cli_commands[i]->summary);
        fputs("'\n", stdout);
    }
    fputs("    )\n    local -a specs=(\n", stdout);
    zsh_options(cli_global_options, text);
    fputs("    )\n"
          "    if ((CURRENT == 2)); then\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    ((CURRENT--))\n"
          "    case $words[1] in\n",
          stdout);
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];
        char words[128] = "";
        struct buf actions = buf_over(words, sizeof words - 1);
        cli_actions(&actions, c);
        words[actions.len] = 0;
        printf("    %s)\n        specs+=(\n", c->name);
        zsh_options(c->options, text);
        if (words[0])
            printf("        '1:action:(%s)'\n", words);
        fputs("        '*:file:_files'\n        )\n        ;;\n", stdout);
    }
    fputs("    esac\n"
          "    _arguments $specs\n"
          "}\n"
          "if [[ $funcstack[1] == _demur ]]; then _demur \"$@\"; else compdef _demur demur; fi\n",
          stdout);
}
