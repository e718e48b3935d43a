#include "demo_liar.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core/checkpoint.h"
#include "../core/merkle.h"
#include "../core/tile.h"

#define REQUEST_MAX 8192
#define BUNDLE_MAX (256u * (DEMUR_ENTRY_MAX + 2u))

enum demur_err demo_log_add(struct demo_log *log, struct span entry, struct demur_diag *diag)
{
    if (log->len == log->cap) {
        size_t cap = log->cap ? log->cap * 2 : 256;
        struct demur_bytes *more = realloc(log->entries, cap * sizeof *more);
        if (!more)
            return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
        log->entries = more;
        log->cap = cap;
    }
    uint8_t *copy = malloc(entry.len + 1);
    if (!copy)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    memcpy(copy, entry.p, entry.len);
    copy[entry.len] = 0;
    log->entries[log->len++] = (struct demur_bytes){copy, entry.len};
    return DEMUR_OK;
}

enum demur_err demo_log_copy(struct demo_log *log, struct demur_client *client,
                             struct demur_diag *diag)
{
    struct span checkpoint = demur_client_checkpoint(client);
    uint64_t size = demur_channel_size(demur_client_channel(client));
    enum demur_err err = DEMUR_OK;
    for (uint64_t i = 0; !err && i < size; i++) {
        struct demur_bytes entry = {0};
        err = demur_client_entry(client, i, &entry, diag);
        if (!err)
            err = demo_log_add(log, demur_bytes_span(&entry), diag);
        demur_bytes_free(&entry);
    }
    struct buf b = buf_over(log->checkpoint, sizeof log->checkpoint);
    buf_put_span(&b, checkpoint);
    log->checkpoint_len = b.len;
    return err;
}

enum demur_err demo_log_sign(struct demo_log *log, struct span origin,
                             const uint8_t secret[static 64], struct demur_diag *diag)
{
    struct demur_frontier f;
    struct demur_checkpoint head = {.origin = origin, .size = log->len};
    struct buf b = buf_over(log->checkpoint, sizeof log->checkpoint);
    demur_frontier_init(&f);
    for (size_t i = 0; i < log->len; i++) {
        uint8_t leaf[32];
        demur_merkle_leaf(leaf, demur_bytes_span(&log->entries[i]));
        if (!demur_frontier_append(&f, leaf))
            return demur_fail(diag, DEMUR_ERR_LIMIT, "the log is full");
    }
    demur_frontier_root(&f, head.root);
    enum demur_err err = demur_checkpoint_sign(&b, &head, secret, diag);
    log->checkpoint_len = b.len;
    return err;
}

void demo_log_free(struct demo_log *log)
{
    for (size_t i = 0; i < log->len; i++)
        demur_bytes_free(&log->entries[i]);
    free(log->entries);
    *log = (struct demo_log){0};
}

static bool write_all(int fd, const void *p, size_t len)
{
    const uint8_t *at = p;
    while (len) {
        ssize_t n = write(fd, at, len);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static void answer(int fd, struct span body)
{
    char head[200];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                     body.len);
    if (write_all(fd, head, (size_t)n))
        write_all(fd, body.p, body.len);
}

/* A bundle of our entries, as wide as the tile asks. */
static void answer_bundle(int fd, const struct demo_log *log, const struct demur_tile *tile)
{
    uint8_t *p = malloc(BUNDLE_MAX);
    struct buf b = buf_over(p, p ? BUNDLE_MAX : 0);
    for (uint64_t i = 0; i < tile->width; i++)
        if (tile->index * 256 + i < log->len)
            demur_bundle_put(&b, demur_bytes_span(&log->entries[tile->index * 256 + i]));
    answer(fd, buf_span(&b));
    free(p);
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Hand the request to the real server, asking it to close afterwards. */
static void pass_on(int fd, uint16_t port, const char *request, size_t len)
{
    int up = dial(port);
    const char *line = memchr(request, '\n', len);
    static const char close_line[] = "Connection: close\r\n";
    uint8_t piece[16384];
    ssize_t n;
    if (up < 0 || !line)
        return;
    size_t first = (size_t)(line - request) + 1;
    if (write_all(up, request, first) && write_all(up, close_line, sizeof close_line - 1) &&
        write_all(up, request + first, len - first))
        while ((n = read(up, piece, sizeof piece)) > 0 && write_all(fd, piece, (size_t)n))
            ;
    close(up);
}

static void serve_one(int fd, const struct demo_log *log, uint16_t port)
{
    char request[REQUEST_MAX + 1];
    size_t len = 0;
    ssize_t n;
    do {
        n = read(fd, request + len, REQUEST_MAX - len);
        len += n > 0 ? (size_t)n : 0;
        request[len] = 0;
    } while (n > 0 && len < REQUEST_MAX && !strstr(request, "\r\n\r\n"));
    struct span path = span_of(request, len);
    bool found;
    (void)span_split(&path, ' ', &found);
    path = span_skip(span_split(&path, ' ', &found), 1);
    struct demur_tile tile;
    if (span_eq_str(path, "checkpoint"))
        answer(fd, span_of(log->checkpoint, log->checkpoint_len));
    else if (demur_tile_parse_path(&tile, path, NULL) == DEMUR_OK &&
             tile.level == DEMUR_TILE_ENTRIES)
        answer_bundle(fd, log, &tile);
    else if (found)
        pass_on(fd, port, request, len);
}

enum demur_err demo_liar_start(const struct demo_log *log, const char *upstream,
                               char url[static 64], pid_t *pid, struct demur_diag *diag)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t at_len = sizeof at;
    const char *colon = strrchr(upstream, ':');
    uint64_t port = 0;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (!colon || !span_u64(span_str(colon + 1), 65535, &port) || fd < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &at_len) != 0)
        return demur_fail(diag, DEMUR_ERR_IO, "no second server could be started: %s",
                          strerror(errno));
    snprintf(url, 64, "http://127.0.0.1:%u", ntohs(at.sin_port));
    *pid = fork();
    if (*pid < 0)
        return demur_fail(diag, DEMUR_ERR_IO, "no second server could be started: %s",
                          strerror(errno));
    if (*pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        for (;;) {
            int client = accept(fd, NULL, NULL);
            if (client < 0)
                _exit(0);
            serve_one(client, log, (uint16_t)port);
            close(client);
        }
    }
    close(fd);
    return DEMUR_OK;
}
