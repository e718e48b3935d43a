/* load.c - see load.h. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { HEAD_MAX = 4096, SCRATCH = 65536, EVENTS = 256 };
#define NOBODY SIZE_MAX

struct conn {
    int fd;
    size_t request; /* which is under way; NOBODY: none */
    size_t sent;    /* bytes of it */
    uint64_t due_ns;
    char head[HEAD_MAX]; /* of the answer, as far as it came */
    size_t head_len;
    bool in_body;
    size_t body_len, body_seen;
    uint8_t *body;
    struct conn *next_idle;
};

struct run {
    struct bench_load *load;
    struct conn *conns, *idle;
    int epoll;
    size_t next, done; /* next: open loop's next request to send */
    uint64_t start_ns;
    bool failed;
};

static uint8_t scratch[SCRATCH];

struct bench_request bench_request_make(const char *method, const char *path, const char *token,
                                        const void *body, size_t body_len)
{
    char head[512];
    int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, path);
    if (token)
        n += snprintf(head + n, sizeof head - (size_t)n, "Authorization: Bearer %s\r\n", token);
    if (body)
        n += snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %zu\r\n", body_len);
    n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
    struct bench_request r = {malloc((size_t)n + body_len), (size_t)n + body_len};
    if (!r.bytes)
        exit(2);
    memcpy(r.bytes, head, (size_t)n);
    if (body)
        memcpy(r.bytes + n, body, body_len);
    return r;
}

static void fail(struct run *r, const char *what)
{
    if (!r->failed)
        fprintf(stderr, "load: %s\n", what);
    r->failed = true;
}

static bool conn_open(struct run *r, struct conn *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(r->load->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;
    c->request = NOBODY;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return c->fd >= 0 && !connect(c->fd, (struct sockaddr *)&to, sizeof to) &&
           !setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) &&
           !epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &event);
}

/* Requests are small against a socket's buffer, so this does not wait in practice. */
static void request_send(struct run *r, struct conn *c, size_t i, uint64_t due_ns)
{
    const struct bench_request *request = &r->load->requests[i % r->load->requests_len];
    c->request = i;
    c->due_ns = due_ns;
    c->head_len = 0;
    c->in_body = false;
    for (c->sent = 0; c->sent < request->len;) {
        ssize_t n = send(c->fd, request->bytes + c->sent, request->len - c->sent, MSG_NOSIGNAL);
        if (n <= 0) {
            fail(r, "a request could not be sent");
            return;
        }
        c->sent += (size_t)n;
    }
}

static void next_closed(struct run *r, struct conn *c)
{
    size_t i = c->request == NOBODY ? (size_t)(c - r->conns) : c->request + r->load->connections;
    c->request = NOBODY;
    if (i < r->load->total)
        request_send(r, c, i, bench_now_ns());
}

static void answered(struct run *r, struct conn *c)
{
    struct bench_load *load = r->load;
    load->body_bytes += c->body_len;
    r->done++;
    if (load->answers)
        load->answers[c->request] =
            (struct bench_answer){c->body, c->body_len, bench_now_ns() - c->due_ns};
    c->body = NULL;
    if (load->rate == 0) {
        next_closed(r, c);
        return;
    }
    c->request = NOBODY;
    c->next_idle = r->idle;
    r->idle = c;
}

/* The answer's head is whole: is it what it is to be, and how long is its body? */
static void head_read(struct run *r, struct conn *c, size_t head_end)
{
    static const char name[] = "\r\nContent-Length: ";
    c->head[head_end - 2] = 0;
    const char *length = strcasestr(c->head, name);
    unsigned status = (unsigned)strtoul(c->head + sizeof "HTTP/1.1", NULL, 10);
    bool fine = r->load->status ? status == r->load->status : status == 200 || status == 201;
    if (!fine || !length) {
        fprintf(stderr, "load: %.12s: %.*s\n", c->head, (int)(c->head_len - head_end),
                c->head + head_end);
        fail(r, "an answer has another status");
        return;
    }
    c->body_len = strtoul(length + sizeof name - 1, NULL, 10);
    c->in_body = true;
    c->body = r->load->keep ? malloc(c->body_len + 1) : NULL;
    c->body_seen = c->head_len - head_end;
    if (c->body && c->body_seen <= c->body_len)
        memcpy(c->body, c->head + head_end, c->body_seen);
}

static void head_take(struct run *r, struct conn *c)
{
    ssize_t n = recv(c->fd, c->head + c->head_len, HEAD_MAX - 1 - c->head_len, MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            fail(r, "a connection ended");
        return;
    }
    c->head_len += (size_t)n;
    const char *end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
    if (end)
        head_read(r, c, (size_t)(end - c->head) + 4);
    else if (c->head_len == HEAD_MAX - 1)
        fail(r, "an answer's head is too long");
}

/* Bodies that nobody keeps are dropped in the kernel. */
static bool body_take(struct run *r, struct conn *c)
{
    size_t want = c->body_len - c->body_seen;
    ssize_t n =
        c->body ? recv(c->fd, c->body + c->body_seen, want, MSG_DONTWAIT)
                : recv(c->fd, scratch, want < SCRATCH ? want : SCRATCH, MSG_DONTWAIT | MSG_TRUNC);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            fail(r, "a connection ended in an answer");
        return false;
    }
    c->body_seen += (size_t)n;
    return true;
}

static void readable(struct run *r, struct conn *c)
{
    if (c->request == NOBODY) {
        fail(r, "a connection ended, or an answer came that nobody asked for");
        return;
    }
    if (!c->in_body)
        head_take(r, c);
    while (!r->failed && c->in_body && c->body_seen < c->body_len)
        if (!body_take(r, c))
            return;
    if (!r->failed && c->in_body) {
        c->in_body = false;
        answered(r, c);
    }
}

static uint64_t due_at(const struct run *r, size_t i)
{
    return r->start_ns + (uint64_t)((double)i * 1e9 / r->load->rate);
}

/* Open loop: send what is due as far as connections are idle. What is left waits,
 * and its latency grows. */
static void send_due(struct run *r)
{
    uint64_t now = bench_now_ns();
    while (!r->failed && r->next < r->load->total && r->idle && due_at(r, r->next) <= now) {
        struct conn *c = r->idle;
        r->idle = c->next_idle;
        request_send(r, c, r->next, due_at(r, r->next));
        r->next++;
    }
}

static void wait_some(struct run *r)
{
    struct epoll_event events[EVENTS];
    struct timespec wait = {5, 0};
    if (r->load->rate > 0 && r->next < r->load->total && r->idle) {
        uint64_t due = due_at(r, r->next), now = bench_now_ns(), ns = due > now ? due - now : 0;
        wait = (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    }
    int n = epoll_pwait2(r->epoll, events, EVENTS, &wait, NULL);
    if (n == 0 && wait.tv_sec == 5)
        fail(r, "no answer came for five seconds");
    for (int i = 0; i < n && !r->failed; i++)
        readable(r, events[i].data.ptr);
}

static double thread_cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool bench_load_run(struct bench_load *load)
{
    struct run r = {.load = load, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    r.conns = calloc(load->connections, sizeof *r.conns);
    for (unsigned i = 0; i < load->connections && r.conns; i++)
        if (!conn_open(&r, &r.conns[i]))
            fail(&r, "cannot connect");
    load->body_bytes = 0;
    double cpu = thread_cpu_s();
    r.start_ns = bench_now_ns();
    for (unsigned i = load->connections; i-- > 0 && !r.failed;) {
        r.conns[i].next_idle = r.idle;
        r.idle = &r.conns[i];
    }
    for (unsigned i = 0; i < load->connections && load->rate == 0 && !r.failed; i++)
        next_closed(&r, &r.conns[i]);
    while (!r.failed && r.done < load->total) {
        if (load->rate > 0)
            send_due(&r);
        wait_some(&r);
    }
    load->wall_s = (double)(bench_now_ns() - r.start_ns) / 1e9;
    load->cpu_s = thread_cpu_s() - cpu;
    for (unsigned i = 0; i < load->connections && r.conns; i++)
        close(r.conns[i].fd);
    close(r.epoll);
    free(r.conns);
    return !r.failed;
}
