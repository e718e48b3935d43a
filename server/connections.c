/* connections.c - see connections.h. */
#include "connections.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/socket.h>

#include "metrics.h"

struct demur_conn {
    int fd;
    bool uploading;
    uint64_t from;   /* a keyed hash of the address */
    uint64_t end_us; /* 0: none */
    struct demur_conn *next, **link;
};

struct demur_connections {
    pthread_mutex_t lock;
    struct demur_conn *first;
    size_t n;
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
};

struct demur_connections *demur_connections_new(void)
{
    struct demur_connections *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
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

struct demur_conn *demur_conn_add(struct demur_connections *all, int fd,
                                  const struct sockaddr *from, uint64_t seconds)
{
    struct demur_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return NULL;
    conn->fd = fd;
    conn->from = from_hash(all, from);
    conn->end_us = end_after(seconds);
    pthread_mutex_lock(&all->lock);
    conn->next = all->first;
    conn->link = &all->first;
    if (conn->next)
        conn->next->link = &conn->next;
    all->first = conn;
    all->n++;
    pthread_mutex_unlock(&all->lock);
    return conn;
}

void demur_conn_remove(struct demur_connections *all, struct demur_conn *conn)
{
    if (!conn)
        return;
    pthread_mutex_lock(&all->lock);
    *conn->link = conn->next;
    if (conn->next)
        conn->next->link = conn->link;
    all->n--;
    pthread_mutex_unlock(&all->lock);
    free(conn);
}

void demur_conn_allow(struct demur_connections *all, struct demur_conn *conn, uint64_t seconds)
{
    if (!conn)
        return;
    pthread_mutex_lock(&all->lock);
    conn->end_us = end_after(seconds);
    pthread_mutex_unlock(&all->lock);
}

bool demur_conn_upload(struct demur_connections *all, struct demur_conn *conn, uint64_t max)
{
    uint64_t others = 0;
    if (!conn)
        return true;
    pthread_mutex_lock(&all->lock);
    for (struct demur_conn *c = all->first; c; c = c->next)
        others += c != conn && c->uploading && c->from == conn->from;
    conn->uploading = others < max;
    pthread_mutex_unlock(&all->lock);
    return others < max;
}

void demur_conn_uploaded(struct demur_connections *all, struct demur_conn *conn)
{
    if (!conn)
        return;
    pthread_mutex_lock(&all->lock);
    conn->uploading = false;
    pthread_mutex_unlock(&all->lock);
}

size_t demur_connections_reap(struct demur_connections *all)
{
    size_t n = 0;
    uint64_t now = demur_now_us();
    pthread_mutex_lock(&all->lock);
    for (struct demur_conn *c = all->first; c; c = c->next) {
        if (!c->end_us || now < c->end_us)
            continue;
        /* libmicrohttpd sees the end of the stream and closes it itself. */
        shutdown(c->fd, SHUT_RDWR);
        c->end_us = 0;
        n++;
    }
    pthread_mutex_unlock(&all->lock);
    return n;
}

void demur_connections_drop(struct demur_connections *all)
{
    pthread_mutex_lock(&all->lock);
    for (struct demur_conn *c = all->first; c; c = c->next)
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
