/* http.c - see http.h. */
#include "http.h"

#include <microhttpd.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "answer.h"
#include "intake.h"

#define THREADS 4u
/* A refused body up to this size is read to its end, so that the client reads
 * the answer and not a reset. Above it the answer comes at once. */
#define DISCARD_MAX ((uint64_t)1 << 20)

struct demur_http {
    struct demur_service *service;
    struct MHD_Daemon *daemon;
    int listen_fd;
};

/* What the reply holds, unless it counts itself: a blob's block. */
static void reply_count(struct demur_request *r)
{
    enum demur_memory_use use =
        r->route->body == DEMUR_BODY_MEMORY ? DEMUR_MEMORY_SMALL : DEMUR_MEMORY_ANSWER;
    if (!demur_request_memory(r, use, demur_answer_memory(&r->reply)))
        demur_reply_busy(&r->reply);
}

void demur_request_finish(struct demur_request *r, void (*finish)(struct demur_request *r))
{
    r->finish = finish;
    MHD_resume_connection(r->connection);
}

void demur_request_answered(struct demur_request *r)
{
    reply_count(r);
    MHD_resume_connection(r->connection);
}

static struct demur_request *request_of(struct demur_work *work)
{
    return (struct demur_request *)(void *)((uint8_t *)work - offsetof(struct demur_request, work));
}

static void handle_run(struct demur_work *work)
{
    struct demur_request *r = request_of(work);
    if (r->route->handle(r->service, r))
        demur_request_answered(r);
}

/* Back to reading the body. */
static void go_on(struct demur_request *r)
{
    demur_conn_allow(r->service->connections, r->conn, demur_request_turn(r),
                     r->service->limits[DEMUR_LIMIT_BODY_SECONDS]);
    MHD_resume_connection(r->connection);
}

static void flush_run(struct demur_work *work)
{
    demur_intake_flush(request_of(work));
    go_on(request_of(work));
}

static void drop_run(struct demur_work *work)
{
    demur_intake_drop(request_of(work));
    go_on(request_of(work));
}

static void end_run(struct demur_work *work) { demur_intake_end(request_of(work)); }

void demur_request_park(struct demur_request *r)
{
    demur_conn_allow(r->service->connections, r->conn, DEMUR_CONN_SERVER, 0);
    MHD_suspend_connection(r->connection);
}

/* A worker goes on with the request; the connection waits for it. */
static enum MHD_Result hand_over(struct demur_request *r, void (*run)(struct demur_work *))
{
    r->work.run = run;
    demur_request_park(r);
    demur_workers_add(r->service->workers, &r->work);
    return MHD_YES;
}

/* All of the request came. */
static enum MHD_Result carry_out(struct demur_request *r)
{
    r->handed = true;
    r->complete_us = demur_now_us();
    if (!r->route->quick)
        return hand_over(r, handle_run);
    if (!r->route->handle(r->service, r))
        return MHD_YES;
    reply_count(r);
    return demur_answer_send(r);
}

static enum MHD_Result body_take(struct demur_request *r, struct span bytes, size_t *left)
{
    size_t n = demur_intake_feed(r, bytes);
    *left = bytes.len - n;
    if (!r->refused)
        return *left ? hand_over(r, flush_run) : MHD_YES;
    if (r->declared > r->seen && r->declared - r->seen > DISCARD_MAX)
        return MHD_NO; /* too much to read it to its end: close */
    return r->upload ? hand_over(r, drop_run) : MHD_YES;
}

/* No path of ours has anything to unescape, so `%` is a character that fits
 * nothing, and `%00` cannot end a path early. */
static size_t unescape_nothing(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

static enum MHD_Result access_handler(void *cls, struct MHD_Connection *connection, const char *url,
                                      const char *method, const char *version,
                                      const char *upload_data, size_t *upload_data_size,
                                      void **con_cls)
{
    struct demur_http *http = cls;
    struct demur_request *r = *con_cls;
    if (!r) {
        r = *con_cls = demur_intake_begin(http->service, connection, method, url, version);
        if (!r)
            return MHD_NO;
        return r->close || (r->refused && r->declared > DISCARD_MAX) ? demur_answer_send(r)
                                                                     : MHD_YES;
    }
    if (*upload_data_size)
        return body_take(r, span_of(upload_data, *upload_data_size), upload_data_size);
    if (!r->handed && !r->refused && demur_intake_complete(r))
        return carry_out(r);
    if (r->finish) {
        r->finish(r);
        r->finish = NULL;
        reply_count(r);
    }
    return demur_answer_send(r);
}

static void completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                      enum MHD_RequestTerminationCode how)
{
    struct demur_http *http = cls;
    struct demur_request *r = *con_cls;
    (void)connection;
    (void)how;
    if (!r)
        return;
    *con_cls = NULL;
    demur_conn_allow(http->service->connections, r->conn, DEMUR_CONN_IDLE,
                     http->service->limits[DEMUR_LIMIT_IDLE_SECONDS]);
    r->memory -= (size_t)demur_conn_over(http->service->connections, r->conn);
    if (!r->upload) {
        demur_intake_end(r);
        return;
    }
    /* To drop what arrived of an upload waits for the disk. */
    r->work.run = end_run;
    demur_workers_add(http->service->workers, &r->work);
}

static void connection_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
                              enum MHD_ConnectionNotificationCode what)
{
    struct demur_service *s = ((struct demur_http *)cls)->service;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        demur_conn_remove(s->connections, *socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *from =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    *socket_context = demur_conn_add(s->connections, fd->connect_fd, from->client_addr,
                                     s->limits[DEMUR_LIMIT_HEADER_SECONDS]);
}

enum demur_err demur_http_start(struct demur_http **out, struct demur_service *service,
                                const struct demur_http_config *config, struct demur_diag *diag)
{
    struct demur_http *http = calloc(1, sizeof *http);
    if (!http) {
        close(config->listen_fd);
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    }
    http->service = service;
    http->listen_fd = config->listen_fd;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)config->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)config->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    http->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
            (config->certificate ? (unsigned)MHD_USE_TLS : 0u),
        0, NULL, NULL, access_handler, http, MHD_OPTION_LISTEN_SOCKET, config->listen_fd,
        MHD_OPTION_THREAD_POOL_SIZE, THREADS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)service->limits[DEMUR_LIMIT_CONNECTIONS], MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        DEMUR_HEAD_MAX, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        completed, http, MHD_OPTION_NOTIFY_CONNECTION, connection_notify, http, MHD_OPTION_ARRAY,
        config->certificate ? tls : &tls[DEMUR_COUNT(tls) - 1], MHD_OPTION_END);
    if (!http->daemon) {
        demur_http_stop(http);
        return demur_fail(diag, DEMUR_ERR_IO,
                          config->certificate
                              ? "cannot start serving: the certificate and key may be no PEM pair"
                              : "cannot start serving");
    }
    *out = http;
    return DEMUR_OK;
}

void demur_http_quiesce(struct demur_http *http)
{
    if (http->listen_fd < 0)
        return;
    /* No connection comes any more: what its number stands for now is never ready, and
     * MHD_stop_daemon closes it. MHD_quiesce_daemon would take the socket out of the
     * threads' epolls; they do so themselves, and whoever comes second ends the program. */
    int never = eventfd(0, EFD_CLOEXEC);
    if (never < 0 || dup2(never, http->listen_fd) < 0) {
        MHD_quiesce_daemon(http->daemon);
        close(http->listen_fd);
    }
    if (never >= 0)
        close(never);
    http->listen_fd = -1;
}

void demur_http_stop(struct demur_http *http)
{
    if (!http)
        return;
    if (http->daemon) {
        demur_http_quiesce(http);
        MHD_stop_daemon(http->daemon);
    } else if (http->listen_fd >= 0) {
        close(http->listen_fd);
    }
    free(http);
}
