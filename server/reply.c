/* reply.c - answers and problems. See service.h and docs/formats/http.md. */
#include "../core/json.h"
#include "service.h"

static const struct {
    unsigned status;
    const char *title;
} error_table[] = {
    [DEMUR_OK] = {500, "Internal"},
    [DEMUR_ERR_SYNTAX] = {400, "Not of the format"},
    [DEMUR_ERR_CANON] = {400, "Not in canonical form"},
    [DEMUR_ERR_LIMIT] = {413, "Over a limit"},
    [DEMUR_ERR_SPACE] = {503, "Too large to answer now"},
    [DEMUR_ERR_MEMORY] = {503, "Out of memory"},
    [DEMUR_ERR_VERIFY] = {403, "Does not verify"},
    [DEMUR_ERR_KEY] = {403, "No such key at hand"},
    [DEMUR_ERR_UNKNOWN] = {404, "Unknown"},
    [DEMUR_ERR_FORBIDDEN] = {403, "Not allowed"},
    [DEMUR_ERR_REPLAY] = {409, "Used before"},
    [DEMUR_ERR_STALE] = {409, "Not the latest"},
    [DEMUR_ERR_STAGE] = {409, "Not at this stage"},
    [DEMUR_ERR_TIME] = {422, "Time out of order"},
    [DEMUR_ERR_MISSING] = {400, "Something is missing"},
    [DEMUR_ERR_TEXT] = {424, "A text is not at hand"},
    [DEMUR_ERR_UPGRADE] = {501, "Not understood by this version"},
    [DEMUR_ERR_IO] = {503, "The system refused"},
};

/* Problems that are HTTP's own, not core's. */
static const struct {
    const char *code, *title;
} code_table[] = {
    {"unauthorized", "No reading token"},
    {"not-found", "No such page"},
    {"method", "Not with this method"},
    {"length", "No length given"},
    {"expunged", "Expunged"},
    {"full", "Too much is waiting"},
    {"busy", "Busy"},
    {"stopping", "Stopping"},
    {"outcome-unknown", "Outcome unknown"},
    {"query", "No query here"},
};

static const char *title_of(const char *code)
{
    for (size_t i = 0; i < DEMUR_COUNT(code_table); i++)
        if (!strcmp(code_table[i].code, code))
            return code_table[i].title;
    for (size_t i = 1; i < DEMUR_COUNT(error_table); i++)
        if (!strcmp(demur_err_name((enum demur_err)i), code))
            return error_table[i].title;
    return "Refused";
}

void demur_reply_body(struct demur_reply *reply, const char *type, uint8_t *body, size_t len)
{
    if (!reply->status)
        reply->status = 200;
    reply->type = type;
    reply->body = body;
    reply->body_len = len;
}

void demur_reply_copy(struct demur_reply *reply, const char *type, struct span body)
{
    uint8_t *copy = malloc(body.len + 1);
    if (!copy) {
        reply->status = 503;
        return;
    }
    if (body.len)
        memcpy(copy, body.p, body.len);
    demur_reply_body(reply, type, copy, body.len);
}

/* Texts are ours or echo what a client sent, perhaps cut in the middle of a
 * character: what is not printable ASCII becomes `?`, so that the document is
 * always valid. */
static void put_text(struct demur_json *j, const char *key, const char *text)
{
    uint8_t clean[512];
    size_t n = 0;
    for (; text[n] && n < sizeof clean; n++)
        clean[n] = text[n] >= 0x20 && text[n] < 0x7f ? (uint8_t)text[n] : '?';
    demur_json_text(j, key, span_of(clean, n));
}

void demur_reply_problem(struct demur_reply *reply, unsigned status, const char *code,
                         const char *detail, const struct demur_diag *diag, const uint8_t *latest)
{
    uint8_t text[2048];
    char type[64];
    struct buf b = buf_over(text, sizeof text);
    struct demur_json j = demur_json_over(&b);
    snprintf(type, sizeof type, "about:blank#%s", code);
    demur_json_open(&j, NULL, '{');
    put_text(&j, "type", type);
    put_text(&j, "title", title_of(code));
    demur_json_number(&j, "status", status);
    put_text(&j, "detail", detail);
    if (diag && diag->field[0])
        put_text(&j, "field", diag->field);
    if (diag && diag->line)
        demur_json_number(&j, "line", diag->line);
    if (latest)
        demur_json_hex(&j, "latest", latest, 32);
    demur_json_close(&j, '}');
    buf_put_byte(&b, '\n');
    demur_reply_free(reply);
    *reply =
        (struct demur_reply){.status = status, .retry = status == 503, .challenge = status == 401};
    demur_reply_copy(reply, "application/problem+json", buf_span(&b));
}

void demur_reply_error(struct demur_reply *reply, enum demur_err err, const struct demur_diag *diag,
                       const uint8_t *latest)
{
    size_t i = (size_t)err < DEMUR_COUNT(error_table) ? (size_t)err : 0;
    demur_reply_problem(reply, error_table[i].status, demur_err_name(err),
                        diag && diag->text[0] ? diag->text : error_table[i].title, diag, latest);
}

void demur_reply_busy(struct demur_reply *reply)
{
    demur_reply_problem(reply, 503, "busy", "too many answers hold memory: ask again in a moment",
                        NULL, NULL);
}

void demur_reply_free(struct demur_reply *reply)
{
    free(reply->body);
    reply->body = NULL;
    reply->body_len = 0;
}
