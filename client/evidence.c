/* Evidence against the operator: what is held, and why, in files that outlive us. */
#include <stdlib.h>
#include <unistd.h>

#include "../core/civil.h"
#include "../core/table.h"
#include "internal.h"

#define HEAD "demur evidence v1\n"

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

static void write_file(const struct demur_finding *f, const struct evidence_part *parts, size_t n)
{
    char when[32];
    size_t len = 1024;
    for (size_t i = 0; i < n; i++)
        len += parts[i].bytes.len + strlen(parts[i].title) + 40;
    struct buf out = heap_buf(len);
    time_text(when, f->time_s);
    buf_put_str(&out, HEAD);
    put_field(&out, "time", when);
    put_field(&out, "kind", f->kind);
    put_field(&out, "text", f->text);
    for (size_t i = 0; i < n; i++) {
        buf_put_str(&out, "\n== ");
        buf_put_str(&out, parts[i].title);
        buf_put_str(&out, ", ");
        buf_put_u64(&out, parts[i].bytes.len);
        buf_put_str(&out, " bytes\n");
        buf_put_span(&out, parts[i].bytes);
    }
    /* The finding is reported in any case; where the disk is full, without a file. */
    if (out.p && buf_ok(&out))
        (void)!demur_path_write(f->path, buf_span(&out), NULL);
    heap_buf_free(&out);
}

void evidence_keep(struct demur_client *c, const char *kind, const char *name, const char *text,
                   const struct evidence_part *parts, size_t parts_len)
{
    struct demur_finding f = {.time_s = demur_client_now(c)};
    (void)copy_text(f.kind, sizeof f.kind, span_str(kind));
    snprintf(f.text, sizeof f.text, "%s", text);
    int n = snprintf(f.path, sizeof f.path, "%s/evidence/%s.txt", c->data, name);
    if (n < 0 || (size_t)n >= sizeof f.path)
        f.path[0] = 0;
    if (f.path[0] && known(c, f.path))
        return;
    if (f.path[0])
        write_file(&f, parts, parts_len);
    (void)!add(c, &f);
}

/* ---- reading it back ---- */

static bool take_field(struct span *rest, const char *name, struct span *value)
{
    bool found;
    *value = span_split(rest, '\n', &found);
    if (!found || !span_starts(*value, name))
        return false;
    *value = span_skip(*value, strlen(name));
    return true;
}

static bool parse(struct demur_finding *f, struct span text)
{
    struct span when, kind, sentence;
    int64_t time = 0;
    if (!span_starts(text, HEAD))
        return false;
    text = span_skip(text, sizeof HEAD - 1);
    if (!take_field(&text, "time ", &when) || !take_field(&text, "kind ", &kind) ||
        !take_field(&text, "text ", &sentence) || demur_time_parse(&time, when, NULL) != DEMUR_OK)
        return false;
    f->time_s = (uint64_t)time;
    return copy_text(f->kind, sizeof f->kind, kind) && copy_text(f->text, sizeof f->text, sentence);
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
    bool more = !parse(&f, demur_bytes_span(&file)) || r->each(r->ctx, &f);
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
