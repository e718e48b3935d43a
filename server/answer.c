/* answer.c - see answer.h. */
#include "answer.h"

/* Whoever reads goes on having time as long as they read. The request outlives
 * the last call. */
static void read_on(struct demur_request *r, uint64_t offset)
{
    demur_conn_reads(r->conn);
    demur_request_progress(r, offset);
}

static ssize_t blob_read(void *cls, uint64_t offset, char *out, size_t max)
{
    struct demur_request *r = cls;
    size_t len;
    read_on(r, offset);
    if (demur_store_blob_read(r->service->engine->store, r->reply.blob, offset, (uint8_t *)out, max,
                              &len, NULL) ||
        !len)
        return MHD_CONTENT_READER_END_WITH_ERROR; /* deleted in the middle */
    return (ssize_t)len;
}

/* Handed out bit by bit, so that it shows whether the client reads on. */
static ssize_t body_read(void *cls, uint64_t offset, char *out, size_t max)
{
    struct demur_request *r = cls;
    size_t left = r->reply.body_len - (size_t)offset, n = max < left ? max : left;
    read_on(r, offset);
    memcpy(out, r->reply.body + offset, n);
    return (ssize_t)n;
}

static bool in_blocks(const struct demur_reply *reply)
{
    return reply->body_len > DEMUR_BLOB_BLOCK;
}

size_t demur_answer_memory(const struct demur_reply *reply)
{
    return reply->body_len + (in_blocks(reply) ? DEMUR_BLOB_BLOCK : 0);
}

static struct MHD_Response *response_make(struct demur_request *r)
{
    struct demur_reply *reply = &r->reply;
    r->marked = 0;
    if (reply->is_blob)
        return MHD_create_response_from_callback(reply->blob_size, DEMUR_BLOB_BLOCK, blob_read, r,
                                                 NULL);
    if (in_blocks(reply))
        return MHD_create_response_from_callback(reply->body_len, DEMUR_BLOB_BLOCK, body_read, r,
                                                 NULL);
    if (!reply->body)
        return MHD_create_response_from_buffer(
            reply->constant.len, (void *)(uintptr_t)reply->constant.p, MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body_len, reply->body, MHD_RESPMEM_MUST_FREE);
    if (response)
        reply->body = NULL;
    return response;
}

/* The server's own clock, and not the library's: clients compare theirs with it. */
static void date_put(char out[static 40], uint64_t now)
{
    time_t t = (time_t)now;
    struct tm tm;
    out[0] = 0;
    if (gmtime_r(&t, &tm))
        (void)strftime(out, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void headers_add(struct MHD_Response *response, const struct demur_request *r)
{
    const struct demur_reply *reply = &r->reply;
    char date[40];
    date_put(date, demur_engine_clock(r->service->engine));
    const struct {
        const char *name, *value;
        bool wanted;
    } headers[] = {
        {"Date", date, date[0] != 0},
        {"Content-Type", reply->type, reply->type != NULL},
        {"Cache-Control", reply->immutable ? "private, max-age=31536000, immutable" : "no-store",
         true},
        {"X-Content-Type-Options", "nosniff", true},
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'", true},
        {"WWW-Authenticate", "Bearer realm=\"demur\"", reply->challenge},
        {"Allow", reply->allow, reply->allow[0] != 0},
        {"Retry-After", "1", reply->retry},
        {"Connection", "close", r->close || atomic_load(&r->service->stopping)},
    };
    for (size_t i = 0; i < DEMUR_COUNT(headers); i++)
        if (headers[i].wanted)
            MHD_add_response_header(response, headers[i].name, headers[i].value);
}

enum MHD_Result demur_answer_send(struct demur_request *r)
{
    struct demur_service *s = r->service;
    struct demur_reply *reply = &r->reply;
    if (!reply->status)
        reply->status = 503; /* memory was out for saying why */
    struct MHD_Response *response = response_make(r);
    if (!response)
        return MHD_NO;
    headers_add(response, r);
    atomic_fetch_add(&s->metrics.answers[reply->status / 100 % DEMUR_METRIC_STATUSES], 1);
    demur_conn_allow(s->connections, r->conn, demur_request_turn(r),
                     s->limits[DEMUR_LIMIT_BODY_SECONDS]);
    enum MHD_Result result = MHD_queue_response(r->connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}
