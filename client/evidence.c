/* Evidence against the operator: what is held, and why, in files that outlive us.
 * docs/formats/evidence.md. */
#include <stdlib.h>
#include <unistd.h>

#include "../core/civil.h"
#include "../core/lines.h"
#include "../core/table.h"
#include "internal.h"

#define HEAD "demur evidence v1\n"

static const char *const part_names[EVIDENCE_PARTS] = {
    [EVIDENCE_CHECKPOINT_BEFORE] = "checkpoint-before",
    [EVIDENCE_CHECKPOINT_NOW] = "checkpoint-now",
    [EVIDENCE_ENTRY_BEFORE] = "entry-before",
    [EVIDENCE_ENTRY_NOW] = "entry-now",
    [EVIDENCE_KEYS] = "keys",
    [EVIDENCE_KEYS_BEFORE] = "keys-before",
    [EVIDENCE_LEAF] = "leaf",
    [EVIDENCE_LOG] = "log",
    [EVIDENCE_PREFIX] = "prefix",
    [EVIDENCE_RECEIPT] = "receipt",
    [EVIDENCE_TEXT] = "text",
};

static bool add(struct demur_client *c, const struct demur_finding *finding)
{
    if (!demur_grow(&c->findings, &c->findings_cap, c->findings_len + 1, sizeof *finding))
        return false;
    c->findings[c->findings_len++] = *finding;
    return true;
}

static bool known(const struct demur_client *c, const char *path)
{
    for (size_t i = 0; i < c->findings_len; i++)
        if (strcmp(c->findings[i].path, path) == 0)
            return true;
    return false;
}

static void put_field(struct buf *out, const char *name, const char *value)
{
    buf_put_str(out, name);
    buf_put_byte(out, ' ');
    buf_put_str(out, value);
    buf_put_byte(out, '\n');
}

void evidence_put(struct buf *out, const struct demur_finding *f, const struct evidence_part *parts,
                  size_t n)
{
    char when[32];
    time_text(when, f->time_s);
    buf_put_str(out, HEAD);
    put_field(out, "time", when);
    put_field(out, "kind", f->kind);
    if (f->rules) {
        buf_put_str(out, "rules ");
        buf_put_u64(out, f->rules);
        buf_put_byte(out, '\n');
    }
    put_field(out, "text", f->text);
    for (size_t i = 0; i < n; i++) {
        buf_put_str(out, "\n== ");
        buf_put_str(out, part_names[parts[i].name]);
        buf_put_str(out, ", ");
        buf_put_u64(out, parts[i].bytes.len);
        buf_put_str(out, " bytes\n");
        buf_put_span(out, parts[i].bytes);
    }
}

static void write_file(const struct demur_finding *f, const struct evidence_part *parts, size_t n)
{
    size_t len = 1024;
    for (size_t i = 0; i < n; i++)
        len += parts[i].bytes.len + 64;
    struct buf out = heap_buf(len);
    if (out.p)
        evidence_put(&out, f, parts, n);
    /* The finding is reported in any case; where the disk is full, without a file. */
    if (out.p && buf_ok(&out))
        (void)!demur_path_write(f->path, buf_span(&out), NULL);
    heap_buf_free(&out);
}

static bool file_name(const struct demur_client *c, const char *name, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s/evidence/%s.txt", c->data, name);
    return n >= 0 && (size_t)n < cap;
}

bool evidence_kept(const struct demur_client *c, const char *name)
{
    char path[sizeof((struct demur_finding *)0)->path];
    return file_name(c, name, path, sizeof path) && known(c, path);
}

bool evidence_of(const struct demur_client *c, const char *kind)
{
    for (size_t i = 0; i < c->findings_len; i++)
        if (strcmp(c->findings[i].kind, kind) == 0)
            return true;
    return false;
}

void evidence_keep(struct demur_client *c, const char *kind, const char *name, const char *text,
                   const struct evidence_part *parts, size_t parts_len)
{
    struct demur_finding f = {.time_s = demur_client_now(c), .rules = DEMUR_FOLD_VERSION};
    (void)copy_text(f.kind, sizeof f.kind, span_str(kind));
    snprintf(f.text, sizeof f.text, "%s", text);
    if (!file_name(c, name, f.path, sizeof f.path))
        f.path[0] = 0;
    if (f.path[0] && known(c, f.path))
        return;
    if (f.path[0])
        write_file(&f, parts, parts_len);
    (void)!add(c, &f);
}

/* ---- reading it back ---- */

static enum demur_err unreadable(struct demur_diag *diag, const char *what)
{
    return demur_fail(diag, DEMUR_ERR_SYNTAX, "this is no evidence file, or it is damaged: %s",
                      what);
}

/* A line of text, without control characters, short enough for a finding. */
static bool take_line(struct span *rest, const char *name, char *out, size_t cap)
{
    bool found;
    struct demur_lines lines;
    struct span all = *rest, line = span_split(rest, '\n', &found);
    if (!found || !span_starts(line, name))
        return false;
    if (demur_lines_init(&lines, span_take(all, line.len + 1), cap + 64, NULL) != DEMUR_OK)
        return false;
    return copy_text(out, cap, span_skip(line, strlen(name)));
}

/* Files of before this line was there have none: 0, of rules that nobody knows. */
static bool take_rules(struct demur_finding *f, struct span *rest)
{
    char rules[16];
    uint64_t version = 0;
    if (span_starts(*rest, "rules ") &&
        (!take_line(rest, "rules ", rules, sizeof rules) ||
         !span_u64(span_str(rules), UINT32_MAX, &version) || version == 0))
        return false;
    f->rules = (uint32_t)version;
    return true;
}

static bool take_head(struct demur_finding *f, struct span *rest)
{
    char when[32], again[32];
    int64_t time = 0;
    if (!span_starts(*rest, HEAD))
        return false;
    *rest = span_skip(*rest, sizeof HEAD - 1);
    if (!take_line(rest, "time ", when, sizeof when) ||
        !take_line(rest, "kind ", f->kind, sizeof f->kind) || !demur_name_ok(span_str(f->kind)) ||
        !take_rules(f, rest) || !take_line(rest, "text ", f->text, sizeof f->text) ||
        demur_time_parse(&time, span_str(when), NULL) != DEMUR_OK || time < 0)
        return false;
    f->time_s = (uint64_t)time;
    time_text(again, f->time_s);
    return strcmp(again, when) == 0;
}

static bool take_part(struct evidence_part *part, struct span *rest)
{
    bool found;
    uint64_t len;
    size_t name = 0;
    if (!span_starts(*rest, "\n== "))
        return false;
    *rest = span_skip(*rest, 4);
    struct span line = span_split(rest, '\n', &found), title = span_split(&line, ',', &found);
    while (name < EVIDENCE_PARTS && !span_eq_str(title, part_names[name]))
        name++;
    if (!found || name == EVIDENCE_PARTS || !span_starts(line, " ") || line.len < 7 ||
        !span_eq_str(span_skip(line, line.len - 6), " bytes") ||
        !span_u64(span_take(span_skip(line, 1), line.len - 7), SIZE_MAX, &len) || len > rest->len)
        return false;
    *part = (struct evidence_part){(enum evidence_name)name, span_take(*rest, (size_t)len)};
    *rest = span_skip(*rest, (size_t)len);
    return true;
}

enum demur_err evidence_parse(struct evidence *out, struct span text, struct demur_diag *diag)
{
    struct evidence e = {0};
    if (text.len > DEMUR_EVIDENCE_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "that is too long to be an evidence file");
    if (!take_head(&e.finding, &text))
        return unreadable(diag, "its first lines are not what they should be");
    while (text.len) {
        if (e.parts_len == DEMUR_COUNT(e.parts))
            return demur_fail(diag, DEMUR_ERR_LIMIT, "this evidence file has too many parts");
        if (!take_part(&e.parts[e.parts_len++], &text))
            return unreadable(diag, "one of its parts is unknown or broken off");
    }
    *out = e;
    return DEMUR_OK;
}

bool evidence_has(const struct evidence *e, enum evidence_name name, struct span *out)
{
    for (size_t i = 0; i < e->parts_len; i++)
        if (e->parts[i].name == name) {
            *out = e->parts[i].bytes;
            return true;
        }
    return false;
}

bool evidence_judged_here(const struct demur_finding *f)
{
    return f->rules == DEMUR_FOLD_VERSION || strcmp(f->kind, "refused-entry") != 0;
}

struct reading {
    const char *data;
    bool (*each)(void *ctx, const struct demur_finding *finding);
    void *ctx;
};

static bool read_one(void *ctx, const char *name)
{
    const struct reading *r = ctx;
    struct demur_finding f = {0};
    struct demur_bytes file = {0};
    int n = snprintf(f.path, sizeof f.path, "%s/evidence/%s", r->data, name);
    if (n < 0 || (size_t)n >= sizeof f.path ||
        demur_path_read(f.path, SIZE_MAX / 2, &file, NULL) != DEMUR_OK)
        return true;
    struct span text = demur_bytes_span(&file);
    /* What other rules refused may be right by these: folding the copy tells. */
    bool more = !take_head(&f, &text) || !evidence_judged_here(&f) || r->each(r->ctx, &f);
    demur_bytes_free(&file);
    return more;
}

enum demur_err evidence_each(const char *data,
                             bool (*each)(void *ctx, const struct demur_finding *finding),
                             void *ctx, struct demur_diag *diag)
{
    char folder[PATH_LEN];
    struct reading r = {data, each, ctx};
    return path_join(folder, data, "evidence")
               ? path_list(folder, read_one, &r, diag)
               : demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the copy's folder is too long");
}

struct loading {
    struct demur_client *c;
    bool out_of_memory;
};

static bool load_one(void *ctx, const struct demur_finding *finding)
{
    struct loading *l = ctx;
    l->out_of_memory = !add(l->c, finding);
    return !l->out_of_memory;
}

enum demur_err evidence_load(struct demur_client *c, struct demur_diag *diag)
{
    struct loading l = {c, false};
    enum demur_err err = evidence_each(c->data, load_one, &l, diag);
    return l.out_of_memory ? no_memory(diag) : err;
}

size_t demur_client_findings(const struct demur_client *client) { return client->findings_len; }

bool demur_client_finding(const struct demur_client *client, size_t i, struct demur_finding *out)
{
    if (i >= client->findings_len)
        return false;
    *out = client->findings[i];
    return true;
}
