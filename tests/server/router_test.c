/* The table of routes, the description that names them all, and problems. */
#include "../../embedded/embedded.h"
#include "../../server/service.h"
#include "../test.h"

static const struct demur_route *find(const char *method, const char *path, struct span *arg,
                                      bool *others)
{
    static char allow[32];
    return demur_route_find(method, span_str(path), arg, others, allow);
}

TEST(router_finds)
{
    static const struct {
        const char *method, *path, *pattern, *arg;
    } cases[] = {
        {"GET", "/checkpoint", "/checkpoint", ""},
        {"HEAD", "/checkpoint", "/checkpoint", ""},
        {"GET", "/tile/0/x001/002.p/3", "/tile/{tile}", "0/x001/002.p/3"},
        {"GET", "/tile/entries/000", "/tile/{tile}", "entries/000"},
        {"PUT", "/blob/ab", "/blob/{hash}", "ab"},
        {"GET", "/api/dissent/xyz", "/api/dissent/{id}", "xyz"},
        {"POST", "/append", "/append", ""},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct span arg;
        bool others;
        const struct demur_route *r = find(cases[i].method, cases[i].path, &arg, &others);
        if (!r || strcmp(r->path, cases[i].pattern) != 0)
            test_failed(__FILE__, __LINE__, "%s is not found", cases[i].path);
        else
            CHECK_SPAN(arg, span_str(cases[i].arg));
    }
}

TEST(router_refuses)
{
    static const char *const none[] = {
        "",       "/",    "/checkpoint/", "/Checkpoint",  "/blob/",
        "/tile/", "/api", "/append/x",    "//checkpoint", "/healthz "};
    struct span arg;
    bool others;
    char allow[32];
    for (size_t i = 0; i < DEMUR_COUNT(none); i++) {
        CHECK(!find("GET", none[i], &arg, &others));
        CHECK(!others);
    }
    CHECK(!demur_route_find("DELETE", span_lit("/blob/ab"), &arg, &others, allow));
    CHECK(others);
    CHECK(!strcmp(allow, "GET, HEAD, PUT"));
    CHECK(!demur_route_find("HEAD", span_lit("/append"), &arg, &others, allow));
    CHECK(!strcmp(allow, "POST"));
}

/* Does the description name this path, and below it, before the next path, the method? */
static bool described(struct span yaml, const struct demur_route *route)
{
    static const char *const methods[] = {"    get:", "    put:", "    post:"};
    char path[80];
    bool inside = false, found = true;
    snprintf(path, sizeof path, "  %s:", route->path);
    while (yaml.len) {
        struct span line = span_split(&yaml, '\n', &found);
        if (span_starts(line, "  /"))
            inside = span_eq_str(line, path);
        else if (inside && span_eq_str(line, methods[route->method]))
            return true;
    }
    return false;
}

TEST(router_openapi_names_every_route)
{
    const struct demur_embedded *file = demur_embedded_find("docs/api/openapi.yaml");
    REQUIRE(file != NULL);
    struct span yaml = span_of(file->bytes, file->len);
    CHECK(span_starts(yaml, "openapi: 3.1"));
    size_t routes = 0, operations = 0;
    for (const struct demur_route *r = demur_routes; r->path; r++, routes++)
        if (!described(yaml, r))
            test_failed(__FILE__, __LINE__, "openapi.yaml lacks %s", r->path);
    while (yaml.len) {
        bool found;
        operations += span_starts(span_split(&yaml, '\n', &found), "      operationId: ");
    }
    CHECK(operations == routes);
}

TEST(problem_has_its_fields)
{
    struct demur_reply reply = {0};
    struct demur_diag diag;
    uint8_t latest[32] = {0xab};
    CHECK_ERR(demur_fail_at(&diag, DEMUR_ERR_STALE, 3, 1, "on", "say \"this\"\nor \xc3\xa9"),
              DEMUR_ERR_STALE);
    demur_reply_error(&reply, DEMUR_ERR_STALE, &diag, latest);
    CHECK(reply.status == 409 && !reply.retry);
    CHECK_SPAN(
        span_of(reply.body, reply.body_len),
        span_lit("{\"type\":\"about:blank#stale\",\"title\":\"Not the latest\",\"status\":409,"
                 "\"detail\":\"say \\\"this\\\"?or ??\",\"field\":\"on\",\"line\":3,"
                 "\"latest\":\"ab000000000000000000000000000000"
                 "00000000000000000000000000000000\"}\n"));
    demur_reply_free(&reply);
    demur_reply_error(&reply, DEMUR_ERR_IO, NULL, NULL);
    CHECK(reply.status == 503 && reply.retry);
    demur_reply_free(&reply);
}

TEST(problem_status_of_every_error)
{
    static const unsigned want[] = {
        [DEMUR_ERR_SYNTAX] = 400,  [DEMUR_ERR_CANON] = 400,   [DEMUR_ERR_LIMIT] = 413,
        [DEMUR_ERR_SPACE] = 503,   [DEMUR_ERR_MEMORY] = 503,  [DEMUR_ERR_VERIFY] = 403,
        [DEMUR_ERR_KEY] = 403,     [DEMUR_ERR_UNKNOWN] = 404, [DEMUR_ERR_FORBIDDEN] = 403,
        [DEMUR_ERR_REPLAY] = 409,  [DEMUR_ERR_STALE] = 409,   [DEMUR_ERR_STAGE] = 409,
        [DEMUR_ERR_TIME] = 422,    [DEMUR_ERR_MISSING] = 400, [DEMUR_ERR_TEXT] = 424,
        [DEMUR_ERR_UPGRADE] = 501, [DEMUR_ERR_IO] = 503};
    for (size_t i = 1; i < DEMUR_COUNT(want); i++) {
        struct demur_reply reply = {0};
        demur_reply_error(&reply, (enum demur_err)i, NULL, NULL);
        if (reply.status != want[i])
            test_failed(__FILE__, __LINE__, "%s: %u", demur_err_name((enum demur_err)i),
                        reply.status);
        demur_reply_free(&reply);
    }
}
