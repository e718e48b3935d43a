/* intake.c - see intake.h. */
#include "intake.h"

#include <microhttpd.h>
#include <sodium.h>
#include <strings.h>

#include "../core/hash.h"

/* Who reads nothing for this part of `body-seconds` is passed over when memory is short. */
#define STILL_PART 12

static uint64_t still_us(const struct demur_service *s)
{
    return s->limits[DEMUR_LIMIT_BODY_SECONDS] * 1000000 / STILL_PART;
}

/* `given`: bytes that are counted, and that others have lost for its sake. */
static bool count(struct demur_service *s, uint64_t most, size_t n, uint64_t given)
{
    size_t held = atomic_load(&s->memory), rest;
    bool fits;
    /* Never more than is taken: whoever asks for too much would be in others' way. */
    do {
        rest = held - (size_t)given;
        fits = !n || (n <= most && rest <= most - n);
    } while (!atomic_compare_exchange_weak(&s->memory, &held, fits ? rest + n : rest));
    return fits;
}

bool demur_memory_take(struct demur_service *s, enum demur_memory_use use, size_t n)
{
    uint64_t all = s->limits[DEMUR_LIMIT_MEMORY];
    uint64_t most = use == DEMUR_MEMORY_UPLOAD   ? all / 2
                    : use == DEMUR_MEMORY_ANSWER ? all / 4 * 3
                                                 : all;
    if (count(s, most, n, 0))
        return true;
    if (use != DEMUR_MEMORY_ANSWER || n > most)
        return false;
    uint64_t held = atomic_load(&s->memory), lacks = held > most - n ? held - (most - n) : 0;
    return count(s, most, n, demur_connections_relieve(s->connections, lacks, still_us(s)));
}

void demur_memory_give(struct demur_service *s, size_t n) { atomic_fetch_sub(&s->memory, n); }

bool demur_request_memory(struct demur_request *r, enum demur_memory_use use, size_t n)
{
    struct demur_service *s = r->service;
    /* What is no more than a block is nobody's share: a checkpoint is there for all. */
    uint64_t share = n > DEMUR_BLOB_BLOCK ? s->answers_per_address : UINT64_MAX;
    if (!demur_memory_take(s, use, n))
        return false;
    if (use == DEMUR_MEMORY_ANSWER &&
        !demur_conn_hold(s->connections, r->conn, n, share, still_us(s))) {
        demur_memory_give(s, n);
        return false;
    }
    r->memory += n;
    return true;
}

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

/* libmicrohttpd hands the path over as a C string, out of the line in which the
 * version follows it: a NUL that a client sent would end the path early. */
static bool has_nul(const char *url, const char *version)
{
    const char *end = url + strlen(url);
    return version > end && (size_t)(version - end) < DEMUR_HEAD_MAX && version != end + 1;
}

static void route_find(struct demur_request *r, const char *method, const char *url,
                       const char *version)
{
    bool others;
    bool query = MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) > 0;
    if (!query && has_nul(url, version)) {
        refuse(r, 400, "syntax", "the path holds a byte that no path has");
        return;
    }
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
    } else if (query) {
        refuse(r, 400, "query", "no path takes a query: ask your own copy of the log");
    }
}

static enum MHD_Result length_count(void *cls, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    (void)kind;
    (void)value;
    *(unsigned *)cls += !strcasecmp(key, "Content-Length") || !strcasecmp(key, "Transfer-Encoding");
    return MHD_YES;
}

/* Whether a body of the declared length may come. Where two headers say how long
 * it is, a proxy may believe the other one, and what is the body to it would be
 * the next request to us: nothing more is read from such a connection. */
static void length_check(struct demur_request *r)
{
    const char *length = header(r, "Content-Length");
    bool chunked = header(r, "Transfer-Encoding") != NULL;
    unsigned lengths = 0;
    MHD_get_connection_values(r->connection, MHD_HEADER_KIND, length_count, &lengths);
    r->close = lengths > 1 || chunked;
    if (lengths > 1) {
        refuse(r, 400, "syntax", "the body's length is said more than once");
    } else if (length && !span_u64(span_str(length), INT64_MAX, &r->declared)) {
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

static void busy(struct demur_request *r)
{
    refuse(r, 503, "busy", "too many requests hold memory: send this again in a moment");
}

static void room_make(struct demur_request *r)
{
    struct demur_service *s = r->service;
    if (r->route->body == DEMUR_BODY_MEMORY) {
        size_t need = (size_t)r->declared + 1;
        if (!demur_request_memory(r, DEMUR_MEMORY_SMALL, need))
            busy(r);
        else if (!(r->body = malloc(need)))
            refuse(r, 503, "memory", "out of memory");
    } else if (r->route->body == DEMUR_BODY_BLOB) {
        if (!demur_conn_upload(s->connections, r->conn, s->uploads_per_address))
            refuse(r, 503, "busy",
                   "too many uploads come from this address: send this again in a moment");
        else if (!demur_blob_admit(s, r))
            r->refused = true;
    }
}

enum demur_conn_turn demur_request_turn(const struct demur_request *r)
{
    return r->refused ? DEMUR_CONN_IDLE : DEMUR_CONN_REQUEST;
}

struct demur_request *demur_intake_begin(struct demur_service *s, struct MHD_Connection *connection,
                                         const char *method, const char *url, const char *version)
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
        route_find(r, method, url, version);
    length_check(r);
    if (!r->refused)
        room_make(r);
    demur_conn_allow(s->connections, r->conn, demur_request_turn(r),
                     s->limits[DEMUR_LIMIT_BODY_SECONDS]);
    return r;
}

void demur_request_progress(struct demur_request *r, uint64_t done)
{
    struct demur_service *s = r->service;
    if (done - r->marked < DEMUR_PROGRESS)
        return;
    r->marked = done;
    demur_conn_allow(s->connections, r->conn, demur_request_turn(r),
                     s->limits[DEMUR_LIMIT_BODY_SECONDS]);
}

/* What of the bytes the upload takes without waiting for the disk. */
static size_t upload_take(struct demur_request *r, struct span bytes)
{
    struct demur_diag diag = {0};
    bytes = span_take(bytes, demur_store_upload_room(r->upload));
    size_t holds = demur_store_upload_memory(r->upload, bytes.len);
    if (holds > r->memory && !demur_request_memory(r, DEMUR_MEMORY_UPLOAD, holds - r->memory)) {
        busy(r);
        return bytes.len;
    }
    if (!demur_blob_arrives(r, bytes.len)) {
        /* at once, so that of many who are in each other's way some get through */
        atomic_fetch_sub(&r->service->arriving, r->arriving);
        r->arriving = 0;
        r->refused = true;
        return bytes.len;
    }
    enum demur_err err = demur_store_upload_write(r->upload, bytes, &diag);
    if (err) {
        demur_reply_error(&r->reply, err, &diag, NULL);
        r->refused = true;
    }
    return bytes.len;
}

size_t demur_intake_feed(struct demur_request *r, struct span bytes)
{
    size_t n = bytes.len;
    if (!r->refused && n > r->declared - r->seen)
        refuse(r, 400, "syntax", "the body is longer than Content-Length says");
    if (!r->refused && r->body)
        memcpy(r->body + r->seen, bytes.p, n);
    if (!r->refused && r->upload)
        n = upload_take(r, bytes);
    r->seen += n;
    demur_request_progress(r, r->seen);
    return n;
}

void demur_intake_flush(struct demur_request *r)
{
    struct demur_diag diag = {0};
    r->refused = !demur_blob_fits(r);
    enum demur_err err = r->refused ? DEMUR_OK : demur_store_upload_flush(r->upload, &diag);
    if (!err)
        return;
    demur_reply_error(&r->reply, err, &diag, NULL);
    r->refused = true;
}

void demur_intake_drop(struct demur_request *r)
{
    demur_store_upload_abort(r->upload);
    r->upload = NULL;
    demur_memory_give(r->service, r->memory);
    r->memory = 0;
    atomic_fetch_sub(&r->service->arriving, r->arriving);
    r->arriving = 0;
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
    atomic_fetch_sub(&s->arriving, r->arriving);
    free(r->append);
    free(r->body);
    free(r);
    atomic_fetch_sub(&s->unfinished, 1);
}
