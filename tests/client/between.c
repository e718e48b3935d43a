#define _GNU_SOURCE
#include "between.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../test.h"

#define REQUEST_MAX (8u << 20)

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Read up to `want` bytes in all; false when the peer went away. */
static bool read_to(int fd, char *text, size_t *len, size_t want)
{
    ssize_t n = recv(fd, text + *len, want - *len, 0);
    *len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* A whole request: its length, 0 when none came. *head is the length of its head. */
static size_t read_request(struct between *b, int fd, char *text, size_t *head)
{
    size_t len = 0, body = 0;
    char *end = NULL;
    while (!end && len < 65536 && read_to(fd, text, &len, 65536)) {
        text[len] = 0;
        end = strstr(text, "\r\n\r\n");
    }
    while (end && b->stall && __atomic_load_n(&b->running, __ATOMIC_SEQ_CST))
        pause_ms(20);
    if (!end || b->stall)
        return 0;
    *head = (size_t)(end - text) + 4;
    const char *at = strcasestr(text, "content-length:");
    body = at && at < end ? strtoul(at + 15, NULL, 10) : 0;
    size_t all = *head + body;
    if (all >= REQUEST_MAX)
        return 0;
    while (len < all) {
        size_t more = b->pace && len + b->pace < all ? len + b->pace : all;
        if (!read_to(fd, text, &len, more))
            return 0;
        if (b->pace)
            pause_ms(100);
    }
    text[len] = 0;
    return len;
}

/* The server's answer to the request goes to fd, or nowhere when it is negative. */
static void pass_on(struct between *b, const char *text, size_t len, int fd)
{
    char answer[65536];
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(b->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *line = strstr(text, "\r\n");
    static const char close_it[] = "\r\nConnection: close";
    bool good = connect(server, (struct sockaddr *)&to, sizeof to) == 0 &&
                send_all(server, text, (size_t)(line - text)) &&
                send_all(server, close_it, sizeof close_it - 1) &&
                send_all(server, line, len - (size_t)(line - text));
    for (ssize_t n; good && (n = recv(server, answer, sizeof answer, 0)) > 0;)
        if (fd >= 0)
            good = send_all(fd, answer, (size_t)n);
    close(server);
}

static void serve_one(struct between *b, int fd, char *text)
{
    size_t head, len = read_request(b, fd, text, &head);
    if (!len)
        return;
    size_t at = strlen(b->noted), line = strcspn(text, "\r\n");
    if (b->note && strncmp(text, b->note, strlen(b->note)) == 0)
        snprintf(b->noted + at, sizeof b->noted - at, "%.*s\n", (int)line, text);
    bool meddle = b->meddle && strncmp(text, b->meddle, strlen(b->meddle)) == 0;
    if (!meddle || b->after)
        pass_on(b, text, len, meddle ? -1 : fd);
    if (meddle)
        send_all(fd, b->answer, strlen(b->answer));
    shutdown(fd, SHUT_WR);
}

static void *serve(void *ctx)
{
    struct between *b = ctx;
    char *text = malloc(REQUEST_MAX);
    while (text && __atomic_load_n(&b->running, __ATOMIC_SEQ_CST)) {
        struct pollfd p = {b->listener, POLLIN, 0};
        int fd = poll(&p, 1, 100) == 1 ? accept(b->listener, NULL, NULL) : -1;
        if (fd < 0)
            continue;
        serve_one(b, fd, text);
        close(fd);
    }
    free(text);
    return NULL;
}

bool between_start(struct between *b, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int small = 16384;
    *b = (struct between){.port = port, .running = true};
    b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Inherited by what is accepted: a slow line has no large buffer at its far end. */
    setsockopt(b->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    bool good = bind(b->listener, (struct sockaddr *)&at, sizeof at) == 0 &&
                listen(b->listener, 16) == 0 &&
                getsockname(b->listener, (struct sockaddr *)&at, &len) == 0 &&
                pthread_create(&b->thread, NULL, serve, b) == 0;
    snprintf(b->url, sizeof b->url, "http://127.0.0.1:%u", ntohs(at.sin_port));
    if (!good) {
        close(b->listener);
        b->running = false;
        test_failed(__FILE__, __LINE__, "nobody can stand in between");
    }
    return good;
}

void between_stop(struct between *b)
{
    if (!b->running)
        return;
    __atomic_store_n(&b->running, false, __ATOMIC_SEQ_CST);
    pthread_join(b->thread, NULL);
    close(b->listener);
}
