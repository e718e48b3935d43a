/* listen.h - addresses to listen at. Inside server/. */
#ifndef DEMUR_SERVER_LISTEN_H
#define DEMUR_SERVER_LISTEN_H

#include <sys/socket.h>

#include "../core/base.h"

struct demur_address {
    struct sockaddr_storage at;
    socklen_t len;
    bool loopback; /* reached from this machine only */
};

/* `127.0.0.1:8470`, `[::1]:8470`: a numeric address and a port. SYNTAX. */
enum demur_err demur_address_parse(struct demur_address *out, struct span text,
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* A listening socket, non-blocking, closed by exec. IO says who may be in the way. */
enum demur_err demur_address_listen(int *fd, const struct demur_address *address,
                                    struct demur_diag *diag) DEMUR_CHECKED;
/* `http://127.0.0.1:40123`: where a listening socket is reached. */
void demur_address_url(char *out, size_t cap, int fd, bool tls);

#endif
