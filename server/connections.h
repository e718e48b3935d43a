/* connections.h - open connections and how long each may go on as it does.
 *
 * libmicrohttpd's own timeout counts from the last byte, so that a client which
 * sends one byte now and then is never done. Here every phase (a request's
 * head, its body, the answer, the pause between requests) has an end. Of the
 * address it keeps a keyed hash, as long as the connection lasts, to tell whose
 * uploads are whose. Thread-safe. Inside server/.
 */
#ifndef DEMUR_SERVER_CONNECTIONS_H
#define DEMUR_SERVER_CONNECTIONS_H

#include "../core/base.h"

struct demur_connections;
struct demur_conn;
struct sockaddr;

struct demur_connections *demur_connections_new(void); /* NULL when memory is out */
/* Every connection must be gone. NULL is fine. */
void demur_connections_free(struct demur_connections *all);

/* Register an open socket; NULL when memory is out. Remove it before the
 * socket is closed. NULL is fine for all but _add. */
struct demur_conn *demur_conn_add(struct demur_connections *all, int fd,
                                  const struct sockaddr *from, uint64_t seconds);
void demur_conn_remove(struct demur_connections *all, struct demur_conn *conn);
/* From now on it has so many seconds; 0: no end, while the server works on it. */
void demur_conn_allow(struct demur_connections *all, struct demur_conn *conn, uint64_t seconds);

/* An upload begins; false, and nothing done, when `max` others of the same address
 * (of an IPv6 network of 64 bits) are under way. It ends with demur_conn_uploaded. */
bool demur_conn_upload(struct demur_connections *all, struct demur_conn *conn,
                       uint64_t max) DEMUR_CHECKED;
void demur_conn_uploaded(struct demur_connections *all, struct demur_conn *conn);

/* Shut those down whose time is over; returns how many. */
size_t demur_connections_reap(struct demur_connections *all);
/* Shut all of them down. */
void demur_connections_drop(struct demur_connections *all);
size_t demur_connections_count(struct demur_connections *all);

#endif
