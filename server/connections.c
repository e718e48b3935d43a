/* connections.c - see connections.h. */
#include "connections.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "metrics.h"

#define BUCKETS 1024
/* Who reads is slow when what moves their deadline takes so many times as long as they
 * may stand still. */
#define SLOW_PARTS 3

struct demur_conn {
    int fd;
    bool uploading, distrusted, ended; /* ended: shut down, and soon removed */
    enum demur_conn_turn turn;
    uint64_t from;                       /* a keyed hash of the address */
    uint64_t got_on_us, end_us;          /* end: 0 for none */
    atomic_uint_fast64_t read_us;        /* when some of its answer was last taken */
    uint64_t holds, shares;              /* bytes of answers, and those in its address' share */
    uint64_t left;                       /* what it held when it ended */
    struct demur_conn *older, *newer;    /* among those of its turn */
    struct demur_conn *neighbour, **way; /* in its bucket */
};

/* Ordered by when each last got on. */
struct queue {
    struct demur_conn *oldest, *newest;
    size_t n;
};

struct demur_connections {
    pthread_mutex_t lock;
    size_t max, per_address;
    size_t n, displaced;
    uint64_t spare;                        /* left by the ended, and given to nobody yet */
    struct queue queues[DEMUR_CONN_TURNS]; /* of those that have not ended */
    struct demur_conn *buckets[BUCKETS];   /* all, by address */
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
};

struct demur_connections *demur_connections_new(size_t max, size_t per_address)
{
    struct demur_connections *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->max = max;
    all->per_address = per_address;
    pthread_mutex_init(&all->lock, NULL);
    randombytes_buf(all->hash_key, sizeof all->hash_key);
    return all;
}

void demur_connections_free(struct demur_connections *all)
{
    if (!all)
        return;
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static uint64_t end_after(uint64_t seconds)
{
    return seconds ? demur_now_us() + seconds * 1000000 : 0;
}

static uint64_t from_hash(const struct demur_connections *all, const struct sockaddr *from)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
    struct span bytes = span_of(NULL, 0);
    if (from && from->sa_family == AF_INET)
        bytes = span_of(&v4->sin_addr, 4);
    else if (from && from->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        bytes = span_of(v6->sin6_addr.s6_addr + 12, 4);
    else if (from && from->sa_family == AF_INET6)
        bytes = span_of(v6->sin6_addr.s6_addr, 8);
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, bytes.p, bytes.len, all->hash_key);
    return hash;
}

/* ---- order; all of it under the lock ------------------------------------------- */

static void leave_queue(struct demur_connections *all, struct demur_conn *c)
{
    struct queue *q = &all->queues[c->turn];
    *(c->older ? &c->older->newer : &q->oldest) = c->newer;
    *(c->newer ? &c->newer->older : &q->newest) = c->older;
    q->n--;
}

static void join_queue(struct demur_connections *all, struct demur_conn *c,
                       enum demur_conn_turn turn)
{
    struct queue *q = &all->queues[turn];
    c->turn = turn;
    c->newer = NULL;
    c->older = q->newest;
    *(q->newest ? &q->newest->newer : &q->oldest) = c;
    q->newest = c;
    q->n++;
}

/* libmicrohttpd sees the end of the stream, and closes it itself. */
static void end(struct demur_connections *all, struct demur_conn *c)
{
    shutdown(c->fd, SHUT_RDWR);
    leave_queue(all, c);
    c->ended = true;
    c->left = c->holds;
    all->spare += c->holds;
    c->holds = c->shares = 0;
}

static void displace(struct demur_connections *all, struct demur_conn *c)
{
    if (!c)
        return;
    end(all, c);
    all->displaced++;
}

/* The one of that address, or of any when `of` is NULL, that is to give way to
 * `newcomer`, which it is itself only when all the others of its address are the
 * server's. */
static struct demur_conn *who_gives_way(struct demur_connections *all, const uint64_t *of,
                                        struct demur_conn *newcomer)
{
    for (int turn = DEMUR_CONN_IDLE; turn <= DEMUR_CONN_REQUEST; turn++)
        for (struct demur_conn *c = all->queues[turn].oldest; c; c = c->newer)
            if (c != newcomer && (!of || c->from == *of))
                return c;
    return of ? newcomer : NULL;
}

/* What others of that address have of its share. */
static uint64_t shared_from(const struct demur_connections *all, const struct demur_conn *but)
{
    uint64_t bytes = 0;
    for (const struct demur_conn *c = all->buckets[but->from % BUCKETS]; c; c = c->neighbour)
        bytes += c != but && c->from == but->from ? c->shares : 0;
    return bytes;
}

/* What it would lose to one of its address, or to anybody when `to` is NULL: nothing if it
 * has read something, and a block, lately enough. */
static uint64_t loses(struct demur_conn *c, const struct demur_conn *to, uint64_t still_until,
                      uint64_t slow_until)
{
    if (to && (c == to || c->from != to->from))
        return 0;
    if (atomic_load(&c->read_us) > still_until && c->got_on_us > slow_until)
        return 0;
    return to ? c->shares : c->holds;
}

static uint64_t before(uint64_t now, uint64_t us) { return now > us ? now - us : 0; }

/* Who stands still for longest goes first, to a factor of two, and who reads slowly last;
 * nobody if all of them would not do. */
static bool answers_displace(struct demur_connections *all, const struct demur_conn *to,
                             uint64_t bytes, uint64_t still_us)
{
    const struct queue *q = &all->queues[DEMUR_CONN_REQUEST];
    uint64_t now = demur_now_us(), there = 0, n;
    uint64_t still = before(now, still_us), slow = before(now, still_us * SLOW_PARTS);
    for (struct demur_conn *c = q->oldest; c; c = c->newer)
        there += loses(c, to, still, slow);
    if (there < bytes)
        return false;
    for (int part = 8; part >= 0; part = part ? part / 2 : -1) {
        uint64_t stood = part ? before(now, still_us * (unsigned)part) : still;
        for (struct demur_conn *c = q->oldest, *newer; c && bytes; c = newer) {
            newer = c->newer;
            if (!(n = loses(c, to, stood, part ? 0 : slow)))
                continue;
            displace(all, c);
            bytes -= n < bytes ? n : bytes;
        }
    }
    return !bytes;
}

static size_t count_from(const struct demur_connections *all, uint64_t from, bool uploading)
{
    size_t n = 0;
    for (const struct demur_conn *c = all->buckets[from % BUCKETS]; c; c = c->neighbour)
        n += c->from == from && !c->ended && (!uploading || c->uploading);
    return n;
}

static void make_room(struct demur_connections *all, struct demur_conn *newcomer)
{
    size_t open = 0;
    if (all->per_address && count_from(all, newcomer->from, false) > all->per_address) {
        displace(all, who_gives_way(all, &newcomer->from, newcomer));
        return;
    }
    for (size_t i = 0; i < DEMUR_CONN_TURNS; i++)
        open += all->queues[i].n;
    if (open > all->max - all->max / 4)
        displace(all, who_gives_way(all, NULL, newcomer));
}

/* ---- what is called -------------------------------------------------------------- */

struct demur_conn *demur_conn_add(struct demur_connections *all, int fd,
                                  const struct sockaddr *from, uint64_t seconds)
{
    struct demur_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return NULL;
    conn->fd = fd;
    conn->from = from_hash(all, from);
    conn->got_on_us = demur_now_us();
    atomic_init(&conn->read_us, conn->got_on_us);
    conn->end_us = end_after(seconds);
    pthread_mutex_lock(&all->lock);
    struct demur_conn **bucket = &all->buckets[conn->from % BUCKETS];
    conn->neighbour = *bucket;
    conn->way = bucket;
    if (conn->neighbour)
        conn->neighbour->way = &conn->neighbour;
    *bucket = conn;
    all->n++;
    join_queue(all, conn, DEMUR_CONN_IDLE);
    make_room(all, conn);
    pthread_mutex_unlock(&all->lock);
    return conn;
}

void demur_conn_remove(struct demur_connections *all, struct demur_conn *conn)
{
    if (!conn)
        return;
    pthread_mutex_lock(&all->lock);
    if (!conn->ended)
        leave_queue(all, conn);
    *conn->way = conn->neighbour;
    if (conn->neighbour)
        conn->neighbour->way = conn->way;
    all->n--;
    pthread_mutex_unlock(&all->lock);
    free(conn);
}

void demur_conn_allow(struct demur_connections *all, struct demur_conn *conn,
                      enum demur_conn_turn turn, uint64_t seconds)
{
    if (!conn)
        return;
    pthread_mutex_lock(&all->lock);
    if (!conn->ended) {
        leave_queue(all, conn);
        join_queue(all, conn, turn);
        conn->got_on_us = demur_now_us();
        atomic_store(&conn->read_us, conn->got_on_us);
        conn->end_us = turn == DEMUR_CONN_SERVER ? 0 : end_after(seconds);
        if (all->queues[DEMUR_CONN_REQUEST].n > all->max / 2)
            displace(all, all->queues[DEMUR_CONN_REQUEST].oldest);
    }
    pthread_mutex_unlock(&all->lock);
}

bool demur_conn_upload(struct demur_connections *all, struct demur_conn *conn, uint64_t max)
{
    if (!conn)
        return true;
    pthread_mutex_lock(&all->lock);
    conn->uploading = false;
    conn->uploading = count_from(all, conn->from, true) < max;
    bool taken = conn->uploading;
    pthread_mutex_unlock(&all->lock);
    return taken;
}

void demur_conn_reads(struct demur_conn *conn)
{
    if (conn)
        atomic_store(&conn->read_us, demur_now_us());
}

/* How many bytes others of its address have to give up for it to have so many more. */
static uint64_t share_lacks(const struct demur_connections *all, const struct demur_conn *conn,
                            uint64_t bytes, uint64_t share)
{
    uint64_t others = shared_from(all, conn),
             room = share > conn->shares ? share - conn->shares : 0;
    room = room > bytes ? room - bytes : 0;
    return others > room ? others - room : 0;
}

bool demur_conn_hold(struct demur_connections *all, struct demur_conn *conn, uint64_t bytes,
                     uint64_t share, uint64_t still_us)
{
    if (!conn || !bytes)
        return true;
    pthread_mutex_lock(&all->lock);
    bool shared = share != UINT64_MAX;
    uint64_t lacks = shared ? share_lacks(all, conn, bytes, share) : 0;
    bool taken = !lacks || answers_displace(all, conn, lacks, still_us);
    if (taken) {
        conn->holds += bytes;
        conn->shares += shared ? bytes : 0;
    }
    pthread_mutex_unlock(&all->lock);
    return taken;
}

uint64_t demur_conn_over(struct demur_connections *all, struct demur_conn *conn)
{
    if (!conn)
        return 0;
    pthread_mutex_lock(&all->lock);
    uint64_t spare = conn->left < all->spare ? conn->left : all->spare;
    uint64_t given = conn->left - spare;
    all->spare -= spare;
    conn->uploading = false;
    conn->holds = conn->shares = conn->left = 0;
    pthread_mutex_unlock(&all->lock);
    return given;
}

uint64_t demur_connections_relieve(struct demur_connections *all, uint64_t bytes, uint64_t still_us)
{
    pthread_mutex_lock(&all->lock);
    uint64_t given = 0;
    if (all->spare >= bytes || answers_displace(all, NULL, bytes - all->spare, still_us))
        given = bytes;
    all->spare -= given;
    pthread_mutex_unlock(&all->lock);
    return given;
}

void demur_conn_distrust(struct demur_connections *all, struct demur_conn *conn)
{
    if (!conn)
        return;
    pthread_mutex_lock(&all->lock);
    conn->distrusted = true;
    pthread_mutex_unlock(&all->lock);
}

bool demur_conn_distrusted(struct demur_connections *all, struct demur_conn *conn)
{
    if (!conn)
        return false;
    pthread_mutex_lock(&all->lock);
    bool distrusted = conn->distrusted;
    pthread_mutex_unlock(&all->lock);
    return distrusted;
}

size_t demur_connections_reap(struct demur_connections *all)
{
    size_t n = 0;
    uint64_t now = demur_now_us();
    pthread_mutex_lock(&all->lock);
    for (int turn = DEMUR_CONN_IDLE; turn <= DEMUR_CONN_REQUEST; turn++) {
        for (struct demur_conn *c = all->queues[turn].oldest, *newer; c; c = newer) {
            newer = c->newer;
            if (now < c->end_us)
                continue;
            end(all, c);
            n++;
        }
    }
    pthread_mutex_unlock(&all->lock);
    return n;
}

void demur_connections_drop(struct demur_connections *all)
{
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct demur_conn *c = all->buckets[i]; c; c = c->neighbour)
            shutdown(c->fd, SHUT_RDWR);
    pthread_mutex_unlock(&all->lock);
}

size_t demur_connections_count(struct demur_connections *all)
{
    pthread_mutex_lock(&all->lock);
    size_t n = all->n;
    pthread_mutex_unlock(&all->lock);
    return n;
}

size_t demur_connections_displaced(struct demur_connections *all)
{
    pthread_mutex_lock(&all->lock);
    size_t n = all->displaced;
    all->displaced = 0;
    pthread_mutex_unlock(&all->lock);
    return n;
}
