/* sources.h - policy and calendar texts: a file, or one that the program carries. */
#ifndef DEMUR_CLI_SOURCES_H
#define DEMUR_CLI_SOURCES_H

#include "../core/policy.h"
#include "cli.h"

struct cli_source {
    char name[512];           /* for diagnostics */
    struct span text;         /* lives as long as this */
    struct demur_bytes owned; /* empty when the text is the program's own */
};
void cli_source_free(struct cli_source *source);
enum demur_err cli_source_file(struct cli *cli, struct cli_source *out,
                               const char *path) DEMUR_CHECKED;
/* The text that the program carries; kind is "policy" or "calendar". */
bool cli_source_embedded(struct cli_source *out, const char *name, const char *kind);
/* Is it a sound text of that kind, and one that this version can execute? */
enum demur_err cli_source_check(struct cli *cli, struct span text, const char *kind,
                                char name[static 201]) DEMUR_CHECKED;
/* Say what cli->diag holds about the text, with its place, the line and a caret;
 * returns the exit code. */
int cli_source_fail(struct cli *cli, const struct cli_source *source, enum demur_err err);

#endif
