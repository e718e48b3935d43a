/* demur policy: show the policy in force, or check a text before it is used. */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "sources.h"

#define VIEW_FIRST 65536u
#define VIEW_MAX (64u << 20)

/* ---- checking a file -------------------------------------------------------- */

static int check(struct cli *cli, const char *path)
{
    struct cli_source source;
    const char *kind = "policy";
    char title[201] = "";
    enum demur_err err = cli_source_file(cli, &source, path);
    int code = err ? cli_fail(cli, err) : CLI_OK;
    if (span_starts(source.text, "demur calendar"))
        kind = "calendar";
    if (!err && (err = cli_source_check(cli, source.text, kind, title)))
        code = cli_source_fail(cli, &source, err);
    cli_source_free(&source);
    if (code)
        return code;
    if (cli->json) {
        uint8_t text[CLI_JSON_MAX];
        struct buf b = buf_over(text, sizeof text);
        struct demur_json j = demur_json_over(&b);
        demur_json_open(&j, NULL, '{');
        demur_json_text(&j, "kind", span_str(kind));
        demur_json_text(&j, "name", span_str(title));
        demur_json_bool(&j, "good", true);
        demur_json_close(&j, '}');
        buf_put_byte(&b, '\n');
        cli_json(&b);
    } else {
        printf("%s: a good %s, %s.\n", path, kind, title);
    }
    return CLI_OK;
}

/* ---- the policy in force -------------------------------------------------------- */

static enum demur_err print_view(struct cli *cli)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    enum demur_err err = DEMUR_ERR_SPACE;
    for (size_t cap = VIEW_FIRST; err == DEMUR_ERR_SPACE && cap <= VIEW_MAX; cap *= 4) {
        uint8_t *p = malloc(cap);
        struct buf b = buf_over(p, cap);
        if (!p)
            return demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "out of memory");
        err = demur_view_policy(c, &b);
        if (!err)
            cli_json(&b);
        free(p);
    }
    return err;
}

/* One line of a table, its last column wrapped. */
static void row(struct span name, const char *middle, struct span last)
{
    int n = printf("  %-22.*s %s", SPAN_ARG(name), middle);
    cli_put(stdout, (size_t)n, (size_t)n, last);
}

static void print_roles(const struct cli *cli, const struct demur_policy *p)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    uint64_t now = demur_client_view_time(cli->client);
    printf("\nRoles (and how many hold them now)\n");
    for (size_t i = 0; i < p->roles_len; i++) {
        struct demur_holder h;
        char held[32];
        size_t n = 0;
        while (demur_channel_holder(c, p->roles[i].name, now, n, &h))
            n++;
        snprintf(held, sizeof held, "%2zu  ", n);
        row(p->roles[i].name, held, p->roles[i].title);
    }
}

static void print_attributes(const struct demur_policy *p)
{
    if (p->attributes_len)
        printf("\nAttributes of members (columns of a roster)\n");
    for (size_t i = 0; i < p->attributes_len; i++) {
        const struct demur_policy_attribute *a = &p->attributes[i];
        struct span form = a->values.len ? a->values : a->pattern;
        const char *need = a->required ? "required" : "optional";
        if (form.len)
            row(a->name, a->required ? "required: " : "optional: ", form);
        else
            row(a->name, "", span_str(need));
    }
}

static void put_identities(struct buf *b, uint32_t kinds)
{
    static const struct {
        uint32_t kind;
        const char *name;
    } all[] = {{DEMUR_IDENTITY_NAMED, "named"},
               {DEMUR_IDENTITY_OFFICE_ONLY, "office-only"},
               {DEMUR_IDENTITY_ANONYMOUS, "anonymous"}};
    for (size_t i = 0; i < DEMUR_COUNT(all); i++)
        if (kinds & all[i].kind) {
            buf_put_str(b, b->len ? " or " : "");
            buf_put_str(b, all[i].name);
        }
}

static void put_size(struct buf *b, uint64_t bytes)
{
    bool whole = bytes % (1u << 20) == 0;
    buf_put_u64(b, bytes >> (whole ? 20 : 10));
    buf_put_str(b, whole ? " MiB" : " KiB");
}

static void put_attachments(struct buf *b, const struct demur_policy *p)
{
    if (!p->attachments_max) {
        buf_put_str(b, "none");
        return;
    }
    buf_put_str(b, "at most ");
    buf_put_u64(b, p->attachments_max);
    buf_put_str(b, ", each ");
    put_size(b, p->attachment_bytes);
    buf_put_str(b, ", together ");
    put_size(b, p->attachments_bytes);
}

static void put_circulation(struct buf *b, const struct demur_policy *p)
{
    buf_put_str(b, p->circulation ? "gathered before it is filed" : "the author's alone");
    if (p->circulation && p->circulation_max.count) {
        buf_put_str(b, ", for at most ");
        demur_period_put(b, p->circulation_max);
    }
}

static void print_memo(const struct demur_policy *p)
{
    uint8_t text[200];
    struct buf b = buf_over(text, sizeof text);
    printf("\nMemos\n");
    put_identities(&b, p->identities);
    row(span_lit("signed"), "", buf_span(&b));
    if (p->marking != DEMUR_NEED_NONE)
        row(span_lit("marking"),
            p->marking == DEMUR_NEED_REQUIRED ? "required: " : "optional: ", p->markings);
    for (size_t i = 0; i < p->sections_len; i++)
        row(i ? span_lit("") : span_lit("sections"),
            p->sections[i].need == DEMUR_NEED_REQUIRED ? "required: " : "optional: ",
            p->sections[i].title);
    b.len = 0;
    put_attachments(&b, p);
    row(span_lit("attachments"), "", buf_span(&b));
    b.len = 0;
    put_circulation(&b, p);
    row(span_lit("signatures"), "", buf_span(&b));
}

static void print_clocks(const struct demur_policy *p)
{
    printf("\nClocks\n");
    for (size_t i = 0; i < p->clocks_len; i++) {
        uint8_t text[64];
        char limit[32];
        struct buf b = buf_over(text, sizeof text);
        demur_period_put(&b, p->clocks[i].limit);
        snprintf(limit, sizeof limit, "%-16.*s ", (int)b.len, (const char *)b.p);
        row(p->clocks[i].name, limit, p->clocks[i].title);
    }
}

/* Who may take the step, and where it leads, as one sentence in *out. */
static void put_step(struct buf *out, const struct demur_policy *p,
                     const struct demur_policy_step *s)
{
    bool after = false;
    buf_put_str(out, s->by_author ? "by the author" : "by ");
    for (int r = 0; r < p->roles_len; r++)
        if (demur_set_has(s->by, r)) {
            buf_put_str(out, after ? ", " : "");
            buf_put_span(out, p->roles[r].name);
            after = true;
        }
    if (s->to >= 0) {
        buf_put_str(out, ", to ");
        buf_put_span(out, p->stages[s->to].name);
    }
}

static void print_steps(const struct demur_policy *p)
{
    printf("\nSteps\n");
    for (size_t i = 0; i < p->steps_len; i++) {
        uint8_t text[DEMUR_POLICY_ROLES * 70 + 200];
        struct buf b = buf_over(text, sizeof text);
        put_step(&b, p, &p->steps[i]);
        row(p->steps[i].name, "", buf_span(&b));
    }
}

struct grants {
    struct demur_granted *list;
    size_t len;
};

static void put_grants(struct demur_json *j, const void *ctx)
{
    static const char *const granters[] = {[DEMUR_GRANTED_BY_ROOT] = "root",
                                           [DEMUR_GRANTED_BY_REPLACED_ROOT] = "replaced-root",
                                           [DEMUR_GRANTED_BY_OFFICER] = "officer"};
    const struct grants *all = ctx;
    demur_json_open(j, NULL, '{');
    demur_json_open(j, "grants", '[');
    for (size_t i = 0; i < all->len; i++) {
        const struct demur_granted *g = &all->list[i];
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "role", span_str(g->role));
        if (g->attribute[0])
            demur_json_text(j, "for", span_str(g->attribute));
        demur_json_bool(j, "acting", g->acting);
        demur_json_text(j, "officer", span_str(g->officer));
        demur_json_number(j, "entry", g->index);
        demur_json_time(j, "at", g->at);
        demur_json_text(j, "granted_by", span_str(granters[g->granter]));
        demur_json_hex(j, "key", g->by, 32);
        demur_json_bool(j, "replaced_root", g->replaced);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
    demur_json_close(j, '}');
}

static void print_grant(const struct demur_granted *g)
{
    const char *by = g->granter == DEMUR_GRANTED_BY_ROOT            ? "the root key"
                     : g->granter == DEMUR_GRANTED_BY_REPLACED_ROOT ? "a root key that was replaced"
                     : g->replaced ? "an officer, by a root key that was replaced"
                                   : "an officer";
    printf("%s%s%s%s\n", g->role, g->attribute[0] ? " for " : "", g->attribute,
           g->acting ? ", acting" : "");
    cli_say(stdout, 4, "    entry %llu, %s, by %s", (unsigned long long)g->index, cli_time(g->at),
            by);
    printf("    %s\n", g->officer);
}

static enum demur_err grants(struct cli *cli)
{
    struct grants all = {0};
    size_t replaced = 0;
    enum demur_err err = cli_client_open(cli, true);
    if (!err)
        err = demur_client_grants(cli->client, &all.list, &all.len, &cli->diag);
    if (!err && cli->json)
        err = cli_json_grow(cli, put_grants, &all);
    for (size_t i = 0; !err && !cli->json && i < all.len; i++) {
        print_grant(&all.list[i]);
        replaced += all.list[i].replaced;
    }
    if (replaced)
        cli_note(cli,
                 "\n%zu of %zu rest on a root key that was replaced. If that was stolen, end those "
                 "that its owner did not grant: `demur grant ROLE CARD --end`, with --for where "
                 "it says for.",
                 replaced, all.len);
    free(all.list);
    return err;
}

static enum demur_err show(struct cli *cli)
{
    uint8_t entry[32];
    enum demur_err err = cli_client_open(cli, true);
    if (err)
        return err;
    const struct demur_policy *p = demur_channel_policy(demur_client_channel(cli->client), entry);
    if (!p)
        return demur_fail(&cli->diag, DEMUR_ERR_MISSING, "the channel has no policy yet");
    if (cli->json)
        return print_view(cli);
    if (cli_flag(cli, "text")) {
        struct span text = demur_channel_policy_text(demur_client_channel(cli->client));
        fwrite(text.p, 1, text.len, stdout);
        return DEMUR_OK;
    }
    printf("%.*s\n  policy %.*s, calendar %.*s\n", SPAN_ARG(p->title), SPAN_ARG(p->name),
           SPAN_ARG(p->calendar));
    printf("  at most %u filing%s a month by one member, each signed among at least %u\n", p->quota,
           p->quota == 1 ? "" : "s", p->ring_min);
    print_roles(cli, p);
    print_attributes(p);
    print_memo(p);
    print_clocks(p);
    print_steps(p);
    return DEMUR_OK;
}

static int run(struct cli *cli)
{
    const char *path = cli_option(cli, "check");
    if (cli->args_len)
        return cli_usage(cli, "to check a file, write --check before its name");
    if (path)
        return check(cli, path);
    enum demur_err err = cli_flag(cli, "grants") ? grants(cli) : show(cli);
    return err ? cli_fail(cli, err) : CLI_OK;
}

static const struct cli_option options[] = {
    {"text", NULL, "print the policy's own text"},
    {"grants", NULL, "list who holds which role, by whose word and since when"},
    {"check", "FILE", "check a policy or calendar file; no channel is needed"},
    {NULL, NULL, NULL},
};

const struct cli_command command_policy = {
    .name = "policy",
    .usage = "[--text | --grants | --check FILE]",
    .summary = "Show the rules in force, or check a policy or calendar file.",
    .details = "Without an option it lists the roles, what members' attributes may hold, what a\n"
               "memo needs, the clocks and the steps. --grants lists the holders of roles, and\n"
               "which of them rest on a root key that was replaced. --check shows a mistake with "
               "its line and "
               "column.\n\n"
               "Example:\n\n    demur policy --check our.policy",
    .options = options,
    .run = run,
};
