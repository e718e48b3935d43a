/* intake.c - see intake.h. */
#include "intake.h"

#include <microhttpd.h>
#include <sodium.h>

#include "../core/hash.h"

/* An upload keeps so much in memory at most (store.h). */
#define UPLOAD_MEMORY ((size_t)1 << 20)
/* A client on a poor line still sends this much in a second. */
#define BYTES_PER_SECOND 8192

bool demur_memory_take(struct demur_service *s, size_t n)
{
    size_t held = atomic_fetch_add(&s->memory, n);
    if (held + n <= s->limits[DEMUR_LIMIT_MEMORY])
        return true;
    atomic_fetch_sub(&s->memory, n);
    return false;
}

void demur_memory_give(struct demur_service *s, size_t n) { atomic_fetch_sub(&s->memory, n); }

static void refuse(struct demur_request *r, unsigned status, const char *code, const char *detail)
{
    demur_reply_problem(&r->reply, status, code, detail, NULL, NULL);
    r->refused = true;
}

static const char *header(const struct demur_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* Compares hashes, and all of them, so that the time tells nothing. */
static bool token_ok(const struct demur_request *r)
{
    const char *given = header(r, "Authorization");
    uint8_t hash[32];
    bool ok = false;
    if (!given || strncmp(given, "Bearer ", 7) != 0)
        return false;
    demur_hash(hash, span_str(given + 7));
    for (size_t i = 0; i < r->service->tokens_len; i++)
        ok |= sodium_memcmp(hash, r->service->tokens[i], 32) == 0;
    return ok;
}

static void route_find(struct demur_request *r, const char *method, const char *url)
{
    bool others;
    if (strlen(url) >= sizeof r->path) {
        refuse(r, 404, "not-found", "no path is that long");
        return;
    }
    memcpy(r->path, url, strlen(url) + 1);
    char allow[sizeof r->reply.allow] = "";
    r->route = demur_route_find(method, span_str(r->path), &r->arg, &others, allow);
    if ((!r->route || !r->route->open) && !token_ok(r)) {
        refuse(r, 401, "unauthorized",
               "send the channel's reading token: `Authorization: Bearer <token>`");
    } else if (!r->route && others) {
        refuse(r, 405, "method", "this path does not take this method");
        memcpy(r->reply.allow, allow, sizeof allow);
    } else if (!r->route) {
        refuse(r, 404, "not-found", "there is nothing at this path");
    } else if (MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) > 0) {
        refuse(r, 400, "query", "no path takes a query: ask your own copy of the log");
    }
}

/* Whether a body of the declared length may come. */
static void length_check(struct demur_request *r)
{
    const char *length = header(r, "Content-Length");
    bool chunked = header(r, "Transfer-Encoding") != NULL;
    if (length && !span_u64(span_str(length), INT64_MAX, &r->declared)) {
        refuse(r, 400, "syntax", "Content-Length is no decimal number");
    } else if (r->refused) {
        return;
    } else if (r->route->body == DEMUR_BODY_NONE) {
        if (r->declared || chunked)
            refuse(r, 400, "syntax", "this request takes no body");
    } else if (!length || chunked) {
        refuse(r, 411, "length", "say the body's length in Content-Length");
    } else if (r->declared > r->route->body_max) {
        struct demur_diag diag;
        demur_fail(&diag, DEMUR_ERR_LIMIT, "the body has %llu bytes, at most %zu are taken here",
                   (unsigned long long)r->declared, r->route->body_max);
        refuse(r, 413, "limit", diag.text);
    }
}

static void room_make(struct demur_request *r)
{
    size_t need = r->route->body == DEMUR_BODY_BLOB     ? UPLOAD_MEMORY
                  : r->route->body == DEMUR_BODY_MEMORY ? (size_t)r->declared + 1
                                                        : 0;
    if (!demur_memory_take(r->service, need)) {
        refuse(r, 503, "busy", "too many requests hold memory: send this again in a moment");
        return;
    }
    r->memory = need;
    if (r->route->body == DEMUR_BODY_MEMORY && !(r->body = malloc(need)))
        refuse(r, 503, "memory", "out of memory");
    if (r->route->body == DEMUR_BODY_BLOB && !demur_blob_admit(r->service, r))
        r->refused = true;
}

struct demur_request *demur_intake_begin(struct demur_service *s, struct MHD_Connection *connection,
                                         const char *method, const char *url)
{
    struct demur_request *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    atomic_fetch_add(&s->unfinished, 1);
    r->service = s;
    r->connection = connection;
    r->conn =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (atomic_load(&s->stopping))
        refuse(r, 503, "stopping", "the server is stopping: send this again in a moment");
    else
        route_find(r, method, url);
    length_check(r);
    if (!r->refused)
        room_make(r);
    demur_conn_allow(s->connections, r->conn,
                     s->limits[DEMUR_LIMIT_BODY_SECONDS] + r->declared / BYTES_PER_SECOND);
    return r;
}

void demur_intake_feed(struct demur_request *r, struct span bytes)
{
    struct demur_diag diag = {0};
    if (!r->refused && bytes.len > r->declared - r->seen)
        refuse(r, 400, "syntax", "the body is longer than Content-Length says");
    if (r->refused)
        return;
    if (r->body)
        memcpy(r->body + r->seen, bytes.p, bytes.len);
    r->seen += bytes.len;
    if (!r->upload)
        return;
    enum demur_err err = demur_store_upload_write(r->upload, bytes, &diag);
    if (err) {
        demur_reply_error(&r->reply, err, &diag, NULL);
        r->refused = true;
    }
}

bool demur_intake_complete(struct demur_request *r)
{
    if (r->seen == r->declared)
        return true;
    refuse(r, 400, "syntax", "the body is shorter than Content-Length says");
    return false;
}

void demur_intake_end(struct demur_request *r)
{
    struct demur_service *s = r->service;
    demur_store_upload_abort(r->upload);
    demur_reply_free(&r->reply);
    demur_memory_give(s, r->memory);
    free(r->append);
    free(r->body);
    free(r);
    atomic_fetch_sub(&s->unfinished, 1);
}
