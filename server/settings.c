/* settings.c - DIR/config: how a channel is served. See server.h. */
#include "server.h"

#include "../core/lines.h"

#define SETTINGS_MAX 16384

static const struct {
    const char *name;
    uint64_t usual, least, most;
} limit_table[DEMUR_LIMITS] = {
    [DEMUR_LIMIT_CONNECTIONS] = {"connections", 1024, 8, 100000},
    /* Thirty people with a browser's six connections each stay well below it. */
    [DEMUR_LIMIT_CONNECTIONS_PER_ADDRESS] = {"connections-per-address", 256, 1, 100000},
    [DEMUR_LIMIT_UPLOADS_PER_ADDRESS] = {"uploads-per-address", 64, 1, 100000},
    [DEMUR_LIMIT_WAITING_APPENDS] = {"waiting-appends", 1024, 1, 100000},
    [DEMUR_LIMIT_WAITING_BLOBS] = {"waiting-blobs", 1ull << 30, 1 << 20, 1ull << 50},
    [DEMUR_LIMIT_MEMORY] = {"memory", 256ull << 20, 1 << 20, 1ull << 40},
    [DEMUR_LIMIT_HEADER_SECONDS] = {"header-seconds", 20, 1, 3600},
    [DEMUR_LIMIT_BODY_SECONDS] = {"body-seconds", 60, 1, 3600},
    [DEMUR_LIMIT_IDLE_SECONDS] = {"idle-seconds", 60, 1, 3600},
    [DEMUR_LIMIT_BLOB_SECONDS] = {"blob-seconds", 3600, 60, 30 * 86400},
};

void demur_server_settings_init(struct demur_server_settings *settings)
{
    *settings = (struct demur_server_settings){0};
    for (size_t i = 0; i < DEMUR_LIMITS; i++)
        settings->limits[i] = limit_table[i].usual;
}

static enum demur_err wrong(const struct demur_statement_line *line, enum demur_err code,
                            struct demur_diag *diag, const char *what)
{
    char name[40];
    snprintf(name, sizeof name, "%.*s", SPAN_ARG(line->name));
    return demur_fail_at(diag, code, line->line, line->rest_column, name, "%s", what);
}

static enum demur_err read_limit(struct demur_server_settings *s, bool seen[static DEMUR_LIMITS],
                                 const struct demur_statement_line *line, struct demur_diag *diag)
{
    struct span rest = line->rest, name, number;
    uint32_t column = line->rest_column;
    if (!demur_words_next(&rest, &name, &column) || !demur_words_next(&rest, &number, &column) ||
        rest.len)
        return wrong(line, DEMUR_ERR_SYNTAX, diag, "`limit` wants a name and a number");
    for (size_t i = 0; i < DEMUR_LIMITS; i++) {
        uint64_t value;
        if (!span_eq_str(name, limit_table[i].name))
            continue;
        if (seen[i])
            return wrong(line, DEMUR_ERR_SYNTAX, diag, "this limit stands twice");
        if (!span_u64(number, limit_table[i].most, &value) || value < limit_table[i].least)
            return demur_fail_at(diag, DEMUR_ERR_LIMIT, line->line, line->rest_column, "limit",
                                 "`limit %s` wants a number from %llu to %llu", limit_table[i].name,
                                 (unsigned long long)limit_table[i].least,
                                 (unsigned long long)limit_table[i].most);
        seen[i] = true;
        s->limits[i] = value;
        return DEMUR_OK;
    }
    return wrong(line, DEMUR_ERR_SYNTAX, diag, "there is no limit of this name");
}

static enum demur_err read_token(struct demur_server_settings *s,
                                 const struct demur_statement_line *line, struct demur_diag *diag)
{
    if (!demur_word_ok(line->rest) || line->rest.len > 64)
        return wrong(line, DEMUR_ERR_SYNTAX, diag,
                     "a token is 1 to 64 of a-z, 0-9, `.`, `_`, `-`, the first no sign");
    if (s->tokens_len == DEMUR_SERVER_TOKENS_MAX)
        return wrong(line, DEMUR_ERR_LIMIT, diag, "there are too many tokens");
    s->tokens[s->tokens_len++] = line->rest;
    return DEMUR_OK;
}

static enum demur_err read_line(struct demur_server_settings *s, bool seen[static DEMUR_LIMITS],
                                const struct demur_statement_line *line, struct demur_diag *diag)
{
    const struct {
        const char *name;
        struct span *value;
    } texts[] = {{"listen", &s->listen},
                 {"url", &s->url},
                 {"tls-certificate", &s->certificate},
                 {"tls-key", &s->key}};
    if (line->clause)
        return wrong(line, DEMUR_ERR_SYNTAX, diag, "a line of this file is not indented");
    if (!line->rest.len)
        return wrong(line, DEMUR_ERR_SYNTAX, diag, "a value is missing");
    for (size_t i = 0; i < DEMUR_COUNT(texts); i++) {
        if (!span_eq_str(line->name, texts[i].name))
            continue;
        if (texts[i].value->len)
            return wrong(line, DEMUR_ERR_SYNTAX, diag, "this line stands twice");
        *texts[i].value = line->rest;
        return DEMUR_OK;
    }
    if (span_eq_str(line->name, "token"))
        return read_token(s, line, diag);
    if (span_eq_str(line->name, "limit"))
        return read_limit(s, seen, line, diag);
    if (!span_eq_str(line->name, "behind-proxy"))
        return wrong(line, DEMUR_ERR_SYNTAX, diag,
                     "this is none of listen, token, url, tls-certificate, tls-key, behind-proxy, "
                     "limit");
    if (!span_eq_str(line->rest, "yes") && !span_eq_str(line->rest, "no"))
        return wrong(line, DEMUR_ERR_SYNTAX, diag, "`behind-proxy` is yes or no");
    s->behind_proxy = span_eq_str(line->rest, "yes");
    return DEMUR_OK;
}

enum demur_err demur_server_settings_parse(struct demur_server_settings *out, struct span text,
                                           struct demur_diag *diag)
{
    struct demur_server_settings s;
    struct demur_lines lines;
    struct demur_statement_line line;
    bool end = false, seen[DEMUR_LIMITS] = {false};
    demur_server_settings_init(&s);
    enum demur_err err = demur_lines_init(&lines, text, SETTINGS_MAX, diag);
    if (!err)
        err = demur_lines_header(&lines, "server", diag);
    while (!err && !(err = demur_statement_next(&lines, &line, &end, diag)) && !end)
        err = read_line(&s, seen, &line, diag);
    if (err)
        return err;
    if (!s.listen.len)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "listen",
                             "a line `listen <address>:<port>` is missing");
    if (!s.tokens_len)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "token",
                             "a line `token <reading token>` is missing");
    if (!s.certificate.len != !s.key.len)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "tls-key",
                             "`tls-certificate` and `tls-key` come together");
    *out = s;
    return DEMUR_OK;
}

static void put_line(struct buf *out, const char *name, struct span value)
{
    if (!value.len)
        return;
    buf_put_str(out, name);
    buf_put_byte(out, ' ');
    buf_put_span(out, value);
    buf_put_byte(out, '\n');
}

void demur_server_settings_put(struct buf *out, const struct demur_server_settings *s)
{
    buf_put_str(out, "demur server v1\n");
    put_line(out, "listen", s->listen);
    for (size_t i = 0; i < s->tokens_len; i++)
        put_line(out, "token", s->tokens[i]);
    put_line(out, "url", s->url);
    put_line(out, "tls-certificate", s->certificate);
    put_line(out, "tls-key", s->key);
    if (s->behind_proxy)
        buf_put_str(out, "behind-proxy yes\n");
    for (size_t i = 0; i < DEMUR_LIMITS; i++) {
        if (s->limits[i] == limit_table[i].usual)
            continue;
        buf_put_str(out, "limit ");
        buf_put_str(out, limit_table[i].name);
        buf_put_byte(out, ' ');
        buf_put_u64(out, s->limits[i]);
        buf_put_byte(out, '\n');
    }
}
