/* demur invite: check a whole roster, then invite it row by row. A row is durable
 * before its invitation is sent, so that an interrupted run is simply run again: it
 * sends what the log does not have, and makes no second invitation for anybody. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/lines.h"
#include "../core/policy.h"
#include "commands.h"
#include "csv.h"

#define ROSTER_MAX (32u << 20)
#define COLUMNS_MAX (DEMUR_POLICY_ATTRIBUTES + 2)

#define FIRST_ROW "name,handle,invitation\n"

struct person {
    uint32_t line;
    struct span name, handle; /* no handle: a random one */
    struct demur_attribute attributes[DEMUR_POLICY_ATTRIBUTES];
    size_t attributes_len;
    struct span invitation; /* of an earlier run, from the output; empty: none */
    bool done;              /* that invitation is in the log */
};
struct roster {
    struct cli *cli;
    const char *path, *out_path;
    struct demur_bytes text, before; /* the roster; the output as it was */
    bool is_there;                   /* the output was there before */
    struct span columns[COLUMNS_MAX];
    size_t columns_len, name_column, handle_column; /* handle_column: columns_len when absent */
    struct person *people;
    size_t len, cap, skipped, invited, faults, warned;
    off_t out_len;
    int out;
};

/* ---- checking ----------------------------------------------------------------- */

/* All faults are told, each on a line of its own, up to a screenful. */
static void fault(struct roster *r, uint32_t line, struct span column, const char *text)
{
    if (++r->faults > 20)
        return;
    fprintf(stderr, "%s:%u: ", r->path, line);
    if (column.len)
        fprintf(stderr, "column \"%.*s\": ", SPAN_ARG(column));
    fprintf(stderr, "%s.\n", text);
}

/* The output is for spreadsheets, which would run such a cell. */
static bool is_formula(struct span cell) { return cell.len && memchr("=+-@", cell.p[0], 4); }

static bool name_ok(struct span name)
{
    bool clean =
        name.len && name.len <= DEMUR_NAME_MAX && name.p[0] != ' ' && name.p[name.len - 1] != ' ';
    for (size_t i = 0; i < name.len && clean; i++) {
        uint32_t code = 0;
        size_t n = demur_utf8_one(span_skip(name, i), &code);
        clean = n && code >= 0x20 && (code < 0x7f || code > 0x9f);
        i += n ? n - 1 : 0;
    }
    return clean;
}

static void header_check(struct roster *r, const struct demur_policy *policy)
{
    r->name_column = r->handle_column = r->columns_len;
    for (size_t i = 0; i < r->columns_len; i++) {
        struct span c = r->columns[i];
        for (size_t k = 0; k < i; k++)
            if (span_eq(c, r->columns[k]))
                fault(r, 1, c, "this column stands there twice");
        if (span_eq_str(c, "name"))
            r->name_column = i;
        else if (span_eq_str(c, "handle"))
            r->handle_column = i;
        else if (demur_policy_attribute(policy, c) < 0)
            fault(r, 1, c, "the policy knows no attribute of that name; `demur policy` lists them");
    }
    if (r->name_column == r->columns_len)
        fault(r, 1, span_lit(""), "the first row must name the columns, and one must be `name`");
}

static void person_check(struct roster *r, const struct demur_policy *policy,
                         const struct csv_row *row)
{
    struct person *p = &r->people[r->len++];
    struct demur_diag diag = {0};
    char text[120];
    *p = (struct person){.line = row->line};
    if (row->len != r->columns_len) {
        snprintf(text, sizeof text, "%zu cells where the first row has %zu", row->len,
                 r->columns_len);
        fault(r, row->line, span_lit(""), text);
        return;
    }
    for (size_t i = 0; i < row->len; i++) {
        if (i == r->name_column)
            p->name = row->cells[i];
        else if (i == r->handle_column)
            p->handle = row->cells[i];
        else if (row->cells[i].len && p->attributes_len < DEMUR_POLICY_ATTRIBUTES)
            p->attributes[p->attributes_len++] =
                (struct demur_attribute){r->columns[i], row->cells[i]};
    }
    if (!name_ok(p->name))
        fault(r, row->line, span_lit("name"),
              p->name.len ? "a name is one line of at most 200 bytes, without a space at its ends"
                          : "the name is empty");
    if (p->handle.len && (!demur_word_ok(p->handle) || p->handle.len > DEMUR_WORD_MAX))
        fault(r, row->line, span_lit("handle"),
              "a handle is made of small letters, digits, `.`, `_` and `-`");
    if (is_formula(p->name) || is_formula(p->handle))
        fault(r, row->line, is_formula(p->name) ? span_lit("name") : span_lit("handle"),
              "it begins with =, +, - or @, which a spreadsheet takes for a formula");
    if (demur_policy_attributes_check(policy, p->attributes, p->attributes_len, &diag))
        fault(r, row->line, span_str(diag.field), diag.text);
}

static int by_handle(const void *a, const void *b)
{
    const struct person *x = *(const struct person *const *)a,
                        *y = *(const struct person *const *)b;
    int order = span_cmp(x->handle, y->handle);
    return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

static enum demur_err handles_check(struct roster *r)
{
    const struct demur_channel *channel = demur_client_channel(r->cli->client);
    struct person **sorted = calloc(r->len + 1, sizeof(struct person *));
    struct demur_member_info info;
    if (!sorted)
        return demur_fail(&r->cli->diag, DEMUR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < r->len; i++)
        sorted[i] = &r->people[i];
    qsort(sorted, r->len, sizeof(struct person *), by_handle);
    for (size_t i = 0; i < r->len; i++) {
        char text[120];
        if (!sorted[i]->handle.len)
            continue;
        if (i && span_eq(sorted[i]->handle, sorted[i - 1]->handle)) {
            snprintf(text, sizeof text, "line %u has the same handle", sorted[i - 1]->line);
            fault(r, sorted[i]->line, span_lit("handle"), text);
        }
        if (!sorted[i]->done && demur_channel_member_find(channel, sorted[i]->handle, &info))
            fault(r, sorted[i]->line, span_lit("handle"),
                  "the roster has this handle already: choose another");
    }
    free(sorted);
    return DEMUR_OK;
}

static enum demur_err grow(struct roster *r)
{
    if (r->len < r->cap)
        return DEMUR_OK;
    size_t cap = r->cap ? r->cap * 2 : 256;
    struct person *more = realloc(r->people, cap * sizeof *more);
    if (!more)
        return demur_fail(&r->cli->diag, DEMUR_ERR_MEMORY, "out of memory");
    r->people = more;
    r->cap = cap;
    return DEMUR_OK;
}

static enum demur_err roster_read(struct roster *r, const struct demur_policy *policy)
{
    struct csv csv;
    struct csv_row row;
    struct span cells[COLUMNS_MAX];
    bool end;
    enum demur_err err = demur_path_read(r->path, ROSTER_MAX, &r->text, &r->cli->diag);
    if (err)
        return err;
    csv_over(&csv, r->text.p, r->text.len);
    err = csv_next(&csv, &row, r->columns, COLUMNS_MAX, &end, &r->cli->diag);
    if (err)
        return err;
    r->columns_len = row.len;
    header_check(r, policy);
    if (r->faults)
        return DEMUR_OK; /* which every row would only repeat */
    while (!(err = csv_next(&csv, &row, cells, COLUMNS_MAX, &end, &r->cli->diag)) && !end &&
           !(err = grow(r)))
        person_check(r, policy, &row);
    return err;
}

/* ---- the output ------------------------------------------------------------------ */

/* The person of this name who has no invitation yet; names may occur more than once. */
static struct person *person_named(struct roster *r, struct span name)
{
    for (size_t i = 0; i < r->len; i++)
        if (!r->people[i].invitation.len && span_eq(name, r->people[i].name))
            return &r->people[i];
    return NULL;
}

static void resume_row(struct roster *r, const struct csv_row *row)
{
    struct demur_member_info info;
    struct person *p = row->len == 3 ? person_named(r, row->cells[0]) : NULL;
    if (!p)
        return;
    p->handle = row->cells[1];
    p->invitation = row->cells[2];
    p->done = demur_channel_member_find(demur_client_channel(r->cli->client), p->handle, &info);
    r->skipped += p->done;
}

/* Take up what an earlier run has written. */
static enum demur_err resume(struct roster *r)
{
    struct csv csv;
    struct csv_row row;
    struct span cells[4];
    bool end;
    enum demur_err err = demur_path_read(r->out_path, ROSTER_MAX, &r->before, &r->cli->diag);
    if (err == DEMUR_ERR_UNKNOWN)
        return DEMUR_OK;
    r->is_there = true;
    /* Whatever begins otherwise is somebody's file. */
    struct span first = span_lit(FIRST_ROW), start = demur_bytes_span(&r->before);
    size_t same = start.len < first.len ? start.len : first.len;
    if (!err && !span_eq(span_take(start, same), span_take(first, same)))
        err = demur_fail(&r->cli->diag, DEMUR_ERR_SYNTAX,
                         "%.150s is there and no list of invitations: name another --out file",
                         r->out_path);
    /* A row that a power cut broke off was never sent. */
    while (!err && r->before.len && r->before.p[r->before.len - 1] != '\n')
        r->before.len--;
    csv_over(&csv, r->before.p, r->before.len);
    if (!err)
        err = csv_next(&csv, &row, cells, 4, &end, &r->cli->diag);
    while (!err && !(err = csv_next(&csv, &row, cells, 4, &end, &r->cli->diag)) && !end)
        resume_row(r, &row);
    return err;
}

static enum demur_err output_fails(const struct roster *r)
{
    return demur_fail(&r->cli->diag, DEMUR_ERR_IO, "%.150s cannot be written: %s", r->out_path,
                      strerror(errno));
}

/* The rows up to r->out_len are there to stay; append_row leaves it as it was. */
static enum demur_err append_row(struct roster *r, struct span name, struct span handle,
                                 struct span invitation)
{
    uint8_t text[2 * DEMUR_NAME_MAX + DEMUR_INVITATION_MAX + 200];
    struct buf b = buf_over(text, sizeof text);
    csv_put(&b, name);
    buf_put_byte(&b, ',');
    csv_put(&b, handle);
    buf_put_byte(&b, ',');
    csv_put(&b, invitation);
    buf_put_byte(&b, '\n');
    if (!buf_ok(&b) || pwrite(r->out, b.p, b.len, r->out_len) != (ssize_t)b.len ||
        fdatasync(r->out))
        return output_fails(r);
    return DEMUR_OK;
}

/* The last row stays: the log has its invitation, or may get it. */
static void keep_row(struct roster *r)
{
    off_t end = lseek(r->out, 0, SEEK_END);
    r->out_len = end < 0 ? r->out_len : end;
}

static enum demur_err output_open(struct roster *r)
{
    int made = r->is_there ? 0 : O_CREAT | O_EXCL;
    r->out = open(r->out_path, O_WRONLY | O_CLOEXEC | made, 0600);
    r->out_len = (off_t)r->before.len;
    if (r->out < 0 || fchmod(r->out, 0600) || ftruncate(r->out, r->out_len))
        return output_fails(r);
    if (r->before.len)
        return DEMUR_OK;
    struct span first = span_lit(FIRST_ROW);
    if (pwrite(r->out, first.p, first.len, 0) != (ssize_t)first.len || fdatasync(r->out))
        return output_fails(r);
    keep_row(r);
    return DEMUR_OK;
}

/* ---- inviting --------------------------------------------------------------------- */

/* Is the invitation in the log after all? Then an error only hid the answer. */
static bool arrived(struct roster *r, const char *handle)
{
    struct demur_member_info info;
    return !demur_client_sync(r->cli->client, NULL) &&
           demur_channel_member_find(demur_client_channel(r->cli->client), span_str(handle), &info);
}

/* Write the person's row, with a new invitation, unless an earlier run did. */
static enum demur_err row_ready(struct roster *r, const struct person *p, struct buf *line,
                                struct demur_invitation *parsed)
{
    char handle[DEMUR_WORD_MAX + 1];
    snprintf(handle, sizeof handle, "%.*s", SPAN_ARG(p->handle));
    enum demur_err err = DEMUR_OK;
    if (p->invitation.len)
        buf_put_span(line, p->invitation);
    else
        err = demur_invitation_new(r->cli->client, handle[0] ? handle : NULL, line, &r->cli->diag);
    if (!err)
        err = demur_invitation_parse(parsed, buf_span(line), &r->cli->diag);
    if (!err && !p->invitation.len)
        err = append_row(r, p->name, span_str(parsed->handle), buf_span(line));
    return err;
}

static enum demur_err invite_one(struct roster *r, struct demur_actor *keeper,
                                 const struct person *p)
{
    uint8_t text[DEMUR_INVITATION_MAX + 1], room[DEMUR_POLICY_ATTRIBUTES][160];
    struct span attributes[DEMUR_POLICY_ATTRIBUTES];
    struct demur_invitation parsed = {0};
    struct buf line = buf_over(text, sizeof text);
    for (size_t i = 0; i < p->attributes_len; i++) {
        struct buf b = buf_over(room[i], sizeof room[i]);
        buf_put_span(&b, p->attributes[i].name);
        buf_put_byte(&b, '=');
        buf_put_span(&b, p->attributes[i].value);
        attributes[i] = buf_span(&b);
    }
    enum demur_err err = row_ready(r, p, &line, &parsed);
    if (!err) {
        err = demur_act_invite(r->cli->client, keeper, buf_span(&line), attributes,
                               p->attributes_len, NULL, &r->cli->diag);
        bool unsure = err == DEMUR_ERR_IO || err == DEMUR_ERR_TIME;
        if (!err || unsure || p->invitation.len)
            keep_row(r);
        else if (ftruncate(r->out, r->out_len))
            cli_note(r->cli, "warning: the last row of %s was not sent", r->out_path);
        if (unsure && arrived(r, parsed.handle)) {
            if (err == DEMUR_ERR_TIME && !r->warned++)
                cli_note(r->cli, "warning: %s.", r->cli->diag.text);
            err = DEMUR_OK;
        }
    }
    demur_invitation_wipe(&parsed);
    return err;
}

static enum demur_err invite_all(struct roster *r, struct demur_actor *keeper)
{
    size_t total = r->len - r->skipped;
    enum demur_err err = output_open(r);
    for (size_t i = 0; i < r->len && !err; i++) {
        if (r->people[i].done)
            continue;
        err = invite_one(r, keeper, &r->people[i]);
        if (err)
            break;
        r->invited++;
        if (!cli_overprint("invited: %zu of %zu%s", r->invited, total,
                           r->invited == total ? "\n" : "") &&
            r->invited % 1000 == 0)
            fprintf(stderr, "invited: %zu of %zu\n", r->invited, total);
    }
    return err;
}

static int report(const struct roster *r)
{
    uint8_t text[CLI_JSON_MAX];
    struct buf b = buf_over(text, sizeof text);
    if (!r->cli->json) {
        printf("Invited %zu", r->invited);
        if (r->skipped)
            printf("; %zu stood in %s already", r->skipped, r->out_path);
        printf(".\nThe invitations are in %s. Each is a secret: give it to that person alone,\n"
               "and delete the file then. They join with: demur join INVITATION\n",
               r->out_path);
        return CLI_OK;
    }
    struct demur_json j = demur_json_over(&b);
    demur_json_open(&j, NULL, '{');
    demur_json_number(&j, "invited", r->invited);
    demur_json_number(&j, "skipped", r->skipped);
    demur_json_text(&j, "out", span_str(r->out_path));
    demur_json_close(&j, '}');
    buf_put_byte(&b, '\n');
    cli_json(&b);
    return CLI_OK;
}

static enum demur_err roster_check(struct roster *r)
{
    enum demur_err err = cli_client_open(r->cli, true);
    if (err)
        return err;
    const struct demur_policy *policy =
        demur_channel_policy(demur_client_channel(r->cli->client), (uint8_t[32]){0});
    if (!policy)
        return demur_fail(&r->cli->diag, DEMUR_ERR_STAGE, "the channel has no policy yet");
    err = roster_read(r, policy);
    if (!err && !r->faults)
        err = resume(r);
    if (!err && !r->faults)
        err = handles_check(r);
    if (!err && r->faults)
        err = demur_fail(&r->cli->diag, DEMUR_ERR_SYNTAX,
                         "nobody was invited: %zu thing%s to put right in %.150s", r->faults,
                         r->faults == 1 ? "" : "s", r->path);
    return err;
}

static int run(struct cli *cli)
{
    struct roster r = {.cli = cli, .out = -1};
    struct demur_actor keeper = {0};
    if (cli->args_len != 1)
        return cli_usage(cli, "name the one CSV file with the roster");
    if (!(r.out_path = cli_option(cli, "out")))
        return cli_usage(cli, "--out is missing: the file that the invitations go to");
    r.path = cli->args[0];
    enum demur_err err = roster_check(&r);
    if (!err)
        err = cli_actor(cli, &keeper);
    if (!err)
        err = invite_all(&r, &keeper);
    if (r.invited && cli_identity_save(cli) && !err)
        cli_note(cli, "warning: %s", cli->diag.text);
    if (err && r.invited)
        cli_note(cli, "%zu were invited before this; run the same again to go on.", r.invited);
    int code = err ? cli_fail(cli, err) : report(&r);
    if (r.out >= 0)
        close(r.out);
    demur_actor_wipe(&keeper);
    demur_bytes_free(&r.text);
    demur_bytes_free(&r.before);
    free(r.people);
    return code;
}

static const struct cli_option options[] = {
    {"out", "FILE", "the invitations: a CSV file of name, handle, invitation"},
    {NULL, NULL, NULL},
};

const struct cli_command command_invite = {
    .name = "invite",
    .usage = "ROSTER.csv --out FILE",
    .summary = "Invite everybody on a roster; for whoever keeps it.",
    .details =
        "The first row names the columns: `name` must be there, `handle` may be (random ones\n"
        "are made otherwise), and every other column is an attribute of the policy. The whole\n"
        "file is checked before anybody is invited. Names go to the output file only, never\n"
        "to the server. Run it again to go on after an interruption: whoever stands in the\n"
        "output is passed over.\n\n"
        "Example:\n\n    demur invite roster.csv --out invitations.csv --home "
        "/media/usb/keys/roster",
    .options = options,
    .run = run,
};
