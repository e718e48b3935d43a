/* http.h - libmicrohttpd's side of the service: reading requests within their
 * limits, sending answers. Inside server/. */
#ifndef DEMUR_SERVER_HTTP_H
#define DEMUR_SERVER_HTTP_H

#include "service.h"

struct demur_http;

struct demur_http_config {
    int listen_fd;           /* bound and listening; http's from here on */
    const char *certificate; /* PEM text; NULL: plain HTTP */
    const char *key;
};

enum demur_err demur_http_start(struct demur_http **out, struct demur_service *service,
                                const struct demur_http_config *config,
                                struct demur_diag *diag) DEMUR_CHECKED;
/* Accept no more connections; those that are there go on. */
void demur_http_quiesce(struct demur_http *http);
/* End it: no request may be with a worker or the sequencer. NULL is fine. */
void demur_http_stop(struct demur_http *http);

#endif
