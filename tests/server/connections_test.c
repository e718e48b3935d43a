/* Which connection gives way when the places are taken. The sockets are pairs: a
 * connection that was shut down has the end of the stream at its other end. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../server/connections.h"
#include "../test.h"

#define MOST 64

struct crowd {
    struct demur_connections *all;
    struct demur_conn *conn[MOST];
    int ours[MOST], theirs[MOST];
    size_t n;
};

static bool crowd_init(struct crowd *c, size_t max, size_t per_address)
{
    *c = (struct crowd){.all = demur_connections_new(max, per_address)};
    return c->all != NULL;
}

static void come(struct crowd *c, const char *address)
{
    int ends[2];
    struct sockaddr_in from = {.sin_family = AF_INET};
    CHECK(inet_pton(AF_INET, address, &from.sin_addr) == 1);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    c->ours[c->n] = ends[0];
    c->theirs[c->n] = ends[1];
    c->conn[c->n++] = demur_conn_add(c->all, ends[0], (const struct sockaddr *)&from, 60);
}

static bool is_open(const struct crowd *c, size_t i)
{
    char byte;
    struct pollfd p = {c->theirs[i], POLLIN, 0};
    return poll(&p, 1, 0) == 0 || recv(c->theirs[i], &byte, 1, 0) > 0;
}

static void leave(struct crowd *c, size_t i)
{
    demur_conn_remove(c->all, c->conn[i]);
    c->conn[i] = NULL;
    close(c->ours[i]);
    close(c->theirs[i]);
}

static void crowd_end(struct crowd *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->conn[i])
            leave(c, i);
    CHECK(demur_connections_count(c->all) == 0);
    demur_connections_free(c->all);
}

/* Which of the first n are open, as a text of `o` and `.`. */
static bool open_are(const struct crowd *c, const char *want)
{
    char got[MOST + 1] = "";
    for (size_t i = 0; i < c->n; i++)
        got[i] = is_open(c, i) ? 'o' : '.';
    if (!strcmp(got, want))
        return true;
    test_failed(__FILE__, __LINE__, "open are %s, wanted %s", got, want);
    return false;
}

TEST(connections_the_oldest_idle_gives_way)
{
    struct crowd c;
    REQUIRE(crowd_init(&c, 8, 0)); /* six places, and two for whoever is being closed */
    for (int i = 0; i < 6; i++)
        come(&c, "10.0.0.1");
    open_are(&c, "oooooo");
    come(&c, "10.0.0.2");
    open_are(&c, ".oooooo");
    /* The second made a request and is idle again: now the third is the oldest. */
    demur_conn_allow(c.all, c.conn[1], DEMUR_CONN_REQUEST, 60);
    demur_conn_allow(c.all, c.conn[1], DEMUR_CONN_IDLE, 60);
    come(&c, "10.0.0.2");
    open_are(&c, ".o.ooooo");
    CHECK(demur_connections_displaced(c.all) == 2);
    CHECK(demur_connections_displaced(c.all) == 0);
    leave(&c, 7);
    come(&c, "10.0.0.3"); /* into the place that was left */
    CHECK(demur_connections_displaced(c.all) == 0);
    crowd_end(&c);
}

TEST(connections_a_request_outlasts_whoever_is_idle)
{
    struct crowd c;
    REQUIRE(crowd_init(&c, 8, 0));
    come(&c, "10.0.0.1");
    demur_conn_allow(c.all, c.conn[0], DEMUR_CONN_REQUEST, 60);
    come(&c, "10.0.0.1");
    demur_conn_allow(c.all, c.conn[1], DEMUR_CONN_SERVER, 0);
    for (int i = 0; i < 20; i++)
        come(&c, "10.0.0.2");
    open_are(&c, "oo................oooo");
    crowd_end(&c);
}

/* So that whoever sends bodies slowly, with the token, leaves room for others. */
TEST(connections_requests_get_half_of_the_places)
{
    struct crowd c;
    REQUIRE(crowd_init(&c, 8, 0));
    for (size_t i = 0; i < 6; i++) {
        come(&c, "10.0.0.1");
        demur_conn_allow(c.all, c.conn[i], DEMUR_CONN_REQUEST, 60);
    }
    open_are(&c, "..oooo");
    demur_conn_allow(c.all, c.conn[2], DEMUR_CONN_REQUEST, 60); /* it gets on */
    come(&c, "10.0.0.1");
    demur_conn_allow(c.all, c.conn[6], DEMUR_CONN_REQUEST, 60);
    open_are(&c, "..o.ooo");
    /* Those with whom the server is busy are not for anybody to end. */
    for (size_t i = 2; i < 7; i++)
        demur_conn_allow(c.all, c.conn[i], DEMUR_CONN_SERVER, 0);
    for (int i = 0; i < 4; i++)
        come(&c, "10.0.0.1");
    open_are(&c, "..o.ooo..oo");
    crowd_end(&c);
}

/* An address over its share makes room among its own: who sits in the same office as
 * somebody who holds hundreds of connections is served, and so is everybody else. */
TEST(connections_of_one_address)
{
    struct crowd c;
    REQUIRE(crowd_init(&c, 60, 4));
    come(&c, "10.0.0.9");
    for (int i = 0; i < 8; i++)
        come(&c, "10.0.0.1");
    open_are(&c, "o....oooo");
    for (size_t i = 5; i < 9; i++)
        demur_conn_allow(c.all, c.conn[i], DEMUR_CONN_REQUEST, 60);
    come(&c, "10.0.0.1");
    open_are(&c, "o.....oooo"); /* one's own request gives way to one's own newcomer */
    for (size_t i = 6; i < 10; i++)
        demur_conn_allow(c.all, c.conn[i], DEMUR_CONN_SERVER, 0);
    come(&c, "10.0.0.1");
    come(&c, "10.0.0.2");
    open_are(&c, "o.....oooo.o"); /* nobody is left to give way but the newcomer */
    crowd_end(&c);
}

TEST(connections_whose_time_is_over)
{
    struct crowd c;
    REQUIRE(crowd_init(&c, 60, 0));
    for (int i = 0; i < 3; i++)
        come(&c, "10.0.0.1");
    demur_conn_allow(c.all, c.conn[1], DEMUR_CONN_SERVER, 0);
    CHECK(demur_connections_reap(c.all) == 0);
    demur_conn_allow(c.all, c.conn[0], DEMUR_CONN_IDLE, 1);
    demur_conn_allow(c.all, c.conn[1], DEMUR_CONN_SERVER, 1); /* never by time */
    struct timespec more = {1, 100000000};
    nanosleep(&more, NULL);
    CHECK(demur_connections_reap(c.all) == 1 && demur_connections_reap(c.all) == 0);
    open_are(&c, ".oo");
    demur_connections_drop(c.all);
    open_are(&c, "...");
    crowd_end(&c);
}

#define HOUR ((uint64_t)3600000000)

/* Nobody has stood still for so long. */
static bool hold(struct crowd *c, size_t i, uint64_t bytes, uint64_t share)
{
    return demur_conn_hold(c->all, c->conn[i], bytes, share, HOUR);
}

TEST(connections_of_one_address_hold_their_part)
{
    struct crowd c;
    REQUIRE(crowd_init(&c, 16, 0));
    for (int i = 0; i < 3; i++)
        come(&c, "10.0.0.1");
    come(&c, "10.0.0.2");
    CHECK(hold(&c, 0, 60, 100));
    CHECK(!hold(&c, 1, 41, 100));
    CHECK(hold(&c, 1, 40, 100));
    CHECK(!hold(&c, 0, 1, 100));
    CHECK(hold(&c, 0, 1, UINT64_MAX)); /* of nobody's share */
    CHECK(hold(&c, 0, 0, 100));
    CHECK(hold(&c, 3, 100, 100));
    CHECK(demur_conn_over(c.all, c.conn[0]) == 0);
    CHECK(hold(&c, 2, 60, 100));
    CHECK(demur_conn_over(c.all, c.conn[1]) == 0);
    CHECK(demur_conn_over(c.all, c.conn[2]) == 0);
    CHECK(hold(&c, 1, 500, 100)); /* one alone may hold any one answer */
    CHECK(!hold(&c, 2, 1, 100));
    CHECK(!hold(&c, 2, UINT64_MAX - 1, 100));
    crowd_end(&c);
}

TEST(connections_make_room_among_those_of_their_address)
{
    struct crowd c;
    REQUIRE(crowd_init(&c, 32, 0));
    come(&c, "10.0.0.2");
    for (int i = 1; i < 5; i++)
        come(&c, "10.0.0.1");
    for (size_t i = 0; i < 4; i++) {
        demur_conn_allow(c.all, c.conn[i], DEMUR_CONN_REQUEST, 60);
        CHECK(hold(&c, i, 30, 100));
    }
    CHECK(!hold(&c, 4, 30, 100));
    open_are(&c, "ooooo");
    CHECK(demur_conn_hold(c.all, c.conn[4], 30, 100, 0));
    open_are(&c, "o.ooo");
    CHECK(demur_conn_hold(c.all, c.conn[4], 200, 100, 0)); /* only as the only one */
    open_are(&c, "o...o");
    crowd_end(&c);
}

TEST(connections_that_read_nothing_lose_their_answers)
{
    struct crowd c;
    REQUIRE(crowd_init(&c, 32, 0));
    for (int i = 0; i < 6; i++) {
        come(&c, "10.0.0.1");
        demur_conn_allow(c.all, c.conn[i], DEMUR_CONN_REQUEST, 60);
    }
    for (size_t i = 1; i < 5; i++)
        CHECK(hold(&c, i, 10, UINT64_MAX));
    CHECK(demur_connections_relieve(c.all, 15, HOUR) == 0); /* nobody stood still for so long */
    open_are(&c, "oooooo");
    demur_conn_allow(c.all, c.conn[1], DEMUR_CONN_REQUEST, 60); /* it reads */
    demur_conn_allow(c.all, c.conn[2], DEMUR_CONN_SERVER, 0);   /* it waits for us */
    CHECK(demur_connections_relieve(c.all, 31, 0) == 0);        /* more than they hold */
    open_are(&c, "oooooo");
    CHECK(demur_connections_relieve(c.all, 15, 0) == 15);
    open_are(&c, "ooo..o");
    CHECK(demur_connections_displaced(c.all) == 2);
    CHECK(demur_connections_relieve(c.all, 5, 0) == 5); /* what is left of those */
    open_are(&c, "ooo..o");
    CHECK(demur_connections_relieve(c.all, 5, 0) == 5);
    open_are(&c, "o.o..o");
    uint64_t given = 0;
    for (size_t i = 0; i < 6; i++)
        given += demur_conn_over(c.all, c.conn[i]);
    CHECK(given == 25);
    CHECK(demur_connections_relieve(c.all, 1, 0) == 0);
    crowd_end(&c);
}

/* Who gets little of an answer in a long time, but has read just now, is the last to lose it. */
TEST(connections_that_read_slowly_lose_their_answers_last)
{
    struct crowd c;
    const uint64_t still = 300000;
    REQUIRE(crowd_init(&c, 32, 0));
    for (size_t i = 0; i < 2; i++) {
        come(&c, "10.0.0.1");
        demur_conn_allow(c.all, c.conn[i], DEMUR_CONN_REQUEST, 60);
        CHECK(hold(&c, i, 10, UINT64_MAX));
    }
    usleep((unsigned)still * 4);
    demur_conn_reads(c.conn[0]);
    CHECK(demur_connections_relieve(c.all, 10, still) == 10);
    open_are(&c, "o.");
    CHECK(demur_connections_relieve(c.all, 10, still) == 10);
    open_are(&c, "..");
    crowd_end(&c);
}
