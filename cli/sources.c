/* Policy and calendar texts: where they come from, and showing what is wrong in one. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "../embedded/embedded.h"
#include "commands.h"
#include "sources.h"

#define SHOWN_MAX 200 /* characters of a faulty line */

void cli_source_free(struct cli_source *source)
{
    demur_bytes_free(&source->owned);
    *source = (struct cli_source){0};
}

enum demur_err cli_source_file(struct cli *cli, struct cli_source *out, const char *path)
{
    *out = (struct cli_source){0};
    snprintf(out->name, sizeof out->name, "%s", path);
    enum demur_err err = demur_path_read(path, DEMUR_POLICY_TEXT_MAX, &out->owned, &cli->diag);
    out->text = demur_bytes_span(&out->owned);
    return err;
}

bool cli_source_embedded(struct cli_source *out, const char *name, const char *kind)
{
    *out = (struct cli_source){0};
    snprintf(out->name, sizeof out->name, "policies/%s.%s", name, kind);
    const struct demur_embedded *file = demur_embedded_find(out->name);
    if (file)
        out->text = span_of(file->bytes, file->len);
    return file != NULL;
}

enum demur_err cli_source_check(struct cli *cli, struct span text, const char *kind,
                                char name[static 201])
{
    struct demur_policy *policy = calloc(1, sizeof *policy);
    struct demur_calendar *calendar = calloc(1, sizeof *calendar);
    enum demur_err err = DEMUR_OK;
    if (!policy || !calendar) {
        err = demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "out of memory");
    } else if (kind[0] == 'c') {
        err = demur_calendar_parse(calendar, text, &cli->diag);
        snprintf(name, 201, "%.*s", SPAN_ARG(calendar->name));
    } else {
        err = demur_policy_parse(policy, text, &cli->diag);
        if (!err)
            err = demur_policy_executable(policy, &cli->diag);
        snprintf(name, 201, "%.*s", SPAN_ARG(policy->name));
    }
    free(policy);
    free(calendar);
    return err;
}

/* The line of that number, without its end. */
static struct span line_of(struct span text, uint32_t number)
{
    bool found = true;
    struct span line = span_split(&text, '\n', &found);
    while (found && --number)
        line = span_split(&text, '\n', &found);
    return line;
}

int cli_source_fail(struct cli *cli, const struct cli_source *source, enum demur_err err)
{
    const struct demur_diag *d = &cli->diag;
    if (!d->line || !source->text.len || cli->json)
        return cli_fail(cli, err);
    fprintf(stderr, "%s:%u:%u: %s.\n", source->name, d->line, d->column ? d->column : 1, d->text);
    struct span line = span_take(line_of(source->text, d->line), SHOWN_MAX);
    fprintf(stderr, "    %.*s\n", (int)line.len, (const char *)line.p);
    if (d->column && d->column <= line.len + 1)
        fprintf(stderr, "    %*s\n", (int)d->column, "^");
    return cli_exit_code(err);
}
