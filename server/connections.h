/* connections.h - open connections, how long each may go on as it does, and which
 * of them gives way when there are too many. Inside server/.
 *
 * libmicrohttpd's own timeout counts from the last byte, so that a client which
 * sends one byte now and then is never done. Here every phase (a request's
 * head, its body, the answer, the pause between requests) has an end.
 *
 * Nobody is turned away because others are there: whoever comes when the places
 * are taken gets that of the connection which has not got on for longest. A
 * quarter of `max` stays free, so that the listening socket is always served. Who
 * has no request under way gives way before who has one, and who has one may
 * take half of the places at most. The same holds within one address's share. Where
 * memory for answers is short, or an address' share of it, who reads one and does not get
 * on loses it: who stands still for longest first, and who reads slowly last.
 *
 * Of the address it keeps a keyed hash, as long as the connection lasts. Thread-safe.
 */
#ifndef DEMUR_SERVER_CONNECTIONS_H
#define DEMUR_SERVER_CONNECTIONS_H

#include "../core/base.h"

struct demur_connections;
struct demur_conn;
struct sockaddr;

enum demur_conn_turn {
    DEMUR_CONN_IDLE,    /* the client's, who has no request that was taken */
    DEMUR_CONN_REQUEST, /* the client's, who sends a body that is wanted, or reads */
    DEMUR_CONN_SERVER,  /* ours: it has no end, and does not give way */
};
#define DEMUR_CONN_TURNS 3

/* `max` open ones, at least 4 of them, `per_address` of one address (of an IPv6
 * network of 64 bits); 0: no such limit. NULL when memory is out. */
struct demur_connections *demur_connections_new(size_t max, size_t per_address);
/* Every connection must be gone. NULL is fine. */
void demur_connections_free(struct demur_connections *all);

/* Register an open socket, IDLE for so many seconds; NULL when memory is out. It may
 * have shut down another, or itself when all the others of its address have the
 * server working. Remove it before the socket is closed. NULL is fine for all but _add. */
struct demur_conn *demur_conn_add(struct demur_connections *all, int fd,
                                  const struct sockaddr *from, uint64_t seconds);
void demur_conn_remove(struct demur_connections *all, struct demur_conn *conn);
/* It got on: from now on it is that one's turn, and the client has so many seconds. */
void demur_conn_allow(struct demur_connections *all, struct demur_conn *conn,
                      enum demur_conn_turn turn, uint64_t seconds);

/* An upload begins; false, and nothing done, when `max` others of the same address
 * are under way. It ends with demur_conn_over. */
bool demur_conn_upload(struct demur_connections *all, struct demur_conn *conn,
                       uint64_t max) DEMUR_CHECKED;
/* Some more of its answer was taken. Does not move its end, and takes no lock. */
void demur_conn_reads(struct demur_conn *conn);
/* Its answer holds so many bytes more, of its address' share, or of none (UINT64_MAX).
 * Where others of its address have too much of the share for that, those who have read
 * nothing for so long are shut down; false, and nothing done, when that would not do.
 * Whoever is the only one that has some of the share may have any answer. */
bool demur_conn_hold(struct demur_connections *all, struct demur_conn *conn, uint64_t bytes,
                     uint64_t share, uint64_t still_us) DEMUR_CHECKED;
/* Its request is over: it uploads nothing any more, and holds nothing. Returns how many
 * of the bytes that it held demur_connections_relieve has given to others. */
uint64_t demur_conn_over(struct demur_connections *all, struct demur_conn *conn);
/* Answers lack so many bytes: returns them, as of those that connections still hold which
 * have been shut down, if need be now, since they have read nothing for so long. 0, and
 * nothing done, when that would not do. */
uint64_t demur_connections_relieve(struct demur_connections *all, uint64_t bytes,
                                   uint64_t still_us) DEMUR_CHECKED;

/* What it sent did not hold: until it ends, what else it sends is looked at apart. */
void demur_conn_distrust(struct demur_connections *all, struct demur_conn *conn);
bool demur_conn_distrusted(struct demur_connections *all, struct demur_conn *conn);

/* Shut those down whose time is over; returns how many. */
size_t demur_connections_reap(struct demur_connections *all);
/* Shut all of them down. */
void demur_connections_drop(struct demur_connections *all);
size_t demur_connections_count(struct demur_connections *all);
/* How many gave way since the last call. */
size_t demur_connections_displaced(struct demur_connections *all);

#endif
