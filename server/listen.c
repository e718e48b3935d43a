/* listen.c - see listen.h. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#define BACKLOG 4096 /* the system may allow less */

static bool split(struct span text, char host[static 64], uint64_t *port)
{
    size_t colon = text.len;
    while (colon && text.p[colon - 1] != ':')
        colon--;
    if (!colon || !span_u64(span_skip(text, colon), 65535, port))
        return false;
    struct span name = span_take(text, colon - 1);
    if (name.len >= 2 && name.p[0] == '[' && name.p[name.len - 1] == ']')
        name = span_take(span_skip(name, 1), name.len - 2);
    if (!name.len || name.len >= 64)
        return false;
    memcpy(host, name.p, name.len);
    host[name.len] = 0;
    return true;
}

enum demur_err demur_address_parse(struct demur_address *out, struct span text,
                                   struct demur_diag *diag)
{
    char host[64];
    uint64_t port;
    struct demur_address a = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a.at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.at;
    bool ok = split(text, host, &port);
    if (ok && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        a.len = sizeof *v4;
        a.loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    } else if (ok && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        a.len = sizeof *v6;
        a.loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    } else {
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 0, 0, "listen",
                             "`%.*s` is no address to listen at: write a numeric one and a port, "
                             "127.0.0.1:8470 or [::1]:8470",
                             SPAN_ARG(span_take(text, 80)));
    }
    *out = a;
    return DEMUR_OK;
}

enum demur_err demur_address_listen(int *fd, const struct demur_address *address,
                                    struct demur_diag *diag)
{
    int one = 1;
    int s = socket(address->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return demur_fail(diag, DEMUR_ERR_IO, "cannot make a socket: %s", strerror(errno));
    if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(s, (const struct sockaddr *)&address->at, address->len) || listen(s, BACKLOG)) {
        int cause = errno;
        close(s);
        return demur_fail_at(diag, DEMUR_ERR_IO, 0, 0, "listen",
                             "cannot listen there: %s; another server may be running",
                             strerror(cause));
    }
    *fd = s;
    return DEMUR_OK;
}

void demur_address_url(char *out, size_t cap, int fd, bool tls)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    char host[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const char *scheme = tls ? "https" : "http";
    getsockname(fd, (struct sockaddr *)&at, &len);
    if (at.ss_family == AF_INET) {
        memcpy(&v4, &at, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
        snprintf(out, cap, "%s://%s:%u", scheme, host, ntohs(v4.sin_port));
    } else {
        memcpy(&v6, &at, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
        snprintf(out, cap, "%s://[%s]:%u", scheme, host, ntohs(v6.sin6_port));
    }
}
