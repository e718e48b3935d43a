/* pages.h - what is made out of the tables of commands and options, so that it says what
 * they say: man pages, and completion for two shells. `make pages` writes the files.
 */
#ifndef DEMUR_CLI_PAGES_H
#define DEMUR_CLI_PAGES_H

#include "cli.h"

/* `demur help --names`, `--man [COMMAND]`, `--completion bash|zsh`: print it, and return the exit
 * code; -1 when the arguments after `help` are none of these. */
int cli_pages(int argc, char **argv);

/* A man page in the man(7) macros: of one command, or of the program (NULL). */
void cli_man(const struct cli_command *command);
void cli_completion_bash(void);
void cli_completion_zsh(void);

/* What may follow an option, as far as a shell can help with it. */
enum cli_value { CLI_VALUE_NONE, CLI_VALUE_ANY, CLI_VALUE_FILE, CLI_VALUE_DIR, CLI_VALUE_POLICY };
enum cli_value cli_value_of(const struct cli_option *option);
/* The words with which the forms in a usage begin ("new [--name NAME] | kit | ..."), apart
 * by spaces; empty for a command that has none. */
void cli_actions(struct buf *out, const struct cli_command *command);
/* The names of the policies that the program carries, apart by spaces. */
void cli_policies(struct buf *out);

#endif
