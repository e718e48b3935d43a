/* router.c - every request that the server answers, one line each. */
#include "service.h"

const struct demur_route demur_routes[] = {
    {DEMUR_GET, "/checkpoint", demur_handle_checkpoint, DEMUR_BODY_NONE, 0, false, true},
    {DEMUR_GET, "/tile/{tile}", demur_handle_tile, DEMUR_BODY_NONE, 0, false, true},
    {DEMUR_GET, "/receipt/{leaf}", demur_handle_receipt, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_GET, "/blob/{hash}", demur_handle_blob_get, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_PUT, "/blob/{hash}", demur_handle_blob_put, DEMUR_BODY_BLOB, DEMUR_BLOB_MAX, false,
     false},
    {DEMUR_GET, "/release/{hash}", demur_handle_release_get, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_PUT, "/release/{hash}", demur_handle_release_put, DEMUR_BODY_MEMORY, 65, false, false},
    {DEMUR_POST, "/append", demur_handle_append, DEMUR_BODY_MEMORY, DEMUR_RECORD_MAX, false, true},
    {DEMUR_GET, "/api/channel", demur_handle_channel, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_GET, "/api/policy", demur_handle_policy, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_GET, "/api/calendars", demur_handle_calendars, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_GET, "/api/roster", demur_handle_roster, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_GET, "/api/board", demur_handle_board, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_GET, "/api/dissent/{id}", demur_handle_dissent, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_GET, "/openapi.yaml", demur_handle_openapi, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_GET, "/metrics", demur_handle_metrics, DEMUR_BODY_NONE, 0, false, false},
    {DEMUR_GET, "/healthz", demur_handle_health, DEMUR_BODY_NONE, 0, true, false},
    {.path = NULL},
};

static const char *const method_names[] = {
    [DEMUR_GET] = "GET", [DEMUR_PUT] = "PUT", [DEMUR_POST] = "POST"};

static bool path_match(const char *pattern, struct span path, struct span *arg)
{
    const char *open = strchr(pattern, '{');
    size_t fixed = open ? (size_t)(open - pattern) : strlen(pattern);
    if (path.len < fixed || memcmp(path.p, pattern, fixed) != 0)
        return false;
    *arg = span_skip(path, fixed);
    return open ? arg->len > 0 : !arg->len;
}

const struct demur_route *demur_route_find(const char *method, struct span path, struct span *arg,
                                           bool *others, char *allow)
{
    struct buf b = buf_over(allow, 31);
    *others = false;
    if (!strcmp(method, "HEAD"))
        method = "GET";
    for (const struct demur_route *r = demur_routes; r->path; r++) {
        if (!path_match(r->path, path, arg))
            continue;
        if (!strcmp(method_names[r->method], method))
            return r;
        if (*others)
            buf_put_str(&b, ", ");
        buf_put_str(&b, r->method == DEMUR_GET ? "GET, HEAD" : method_names[r->method]);
        *others = true;
    }
    allow[b.len] = 0;
    return NULL;
}
