/* What requests hold of the memory limit, counted from many threads. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../server/service.h"
#include "../test.h"

#define LIMIT ((uint64_t)1 << 20)

struct greedy {
    struct demur_service *service;
    atomic_bool over;
    atomic_size_t asked;
    size_t taken;
};

/* Asks for more than there will ever be. */
static void *ask_for_too_much(void *arg)
{
    struct greedy *g = arg;
    while (!atomic_load(&g->over)) {
        for (size_t i = 0; i < 100; i++)
            g->taken += demur_memory_take(g->service, DEMUR_MEMORY_SMALL, (size_t)LIMIT + 1);
        atomic_fetch_add(&g->asked, 100);
    }
    return NULL;
}

TEST(memory_that_is_there_is_refused_to_nobody)
{
    struct demur_service *s = calloc(1, sizeof *s);
    REQUIRE(s != NULL);
    s->limits[DEMUR_LIMIT_MEMORY] = LIMIT;
    struct greedy g = {.service = s};
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, ask_for_too_much, &g) == 0);
    size_t refused = 0, rounds = 0;
    while (rounds < 1000000 || atomic_load(&g.asked) < 1000000) {
        rounds++;
        if (demur_memory_take(s, DEMUR_MEMORY_SMALL, 1))
            demur_memory_give(s, 1);
        else
            refused++;
    }
    atomic_store(&g.over, true);
    pthread_join(thread, NULL);
    CHECK(refused == 0);
    CHECK(g.taken == 0);
    CHECK(atomic_load(&s->memory) == 0);
    free(s);
}

TEST(memory_has_a_part_for_each_use)
{
    struct demur_service *s = calloc(1, sizeof *s);
    REQUIRE(s != NULL);
    s->connections = demur_connections_new(8, 0);
    REQUIRE(s->connections != NULL);
    s->limits[DEMUR_LIMIT_MEMORY] = LIMIT;
    CHECK(!demur_memory_take(s, DEMUR_MEMORY_UPLOAD, LIMIT / 2 + 1));
    CHECK(demur_memory_take(s, DEMUR_MEMORY_UPLOAD, LIMIT / 2));
    CHECK(!demur_memory_take(s, DEMUR_MEMORY_ANSWER, LIMIT / 4 + 1));
    CHECK(demur_memory_take(s, DEMUR_MEMORY_ANSWER, LIMIT / 4));
    CHECK(!demur_memory_take(s, DEMUR_MEMORY_ANSWER, 1));
    CHECK(!demur_memory_take(s, DEMUR_MEMORY_UPLOAD, 1));
    CHECK(!demur_memory_take(s, DEMUR_MEMORY_SMALL, SIZE_MAX));
    CHECK(demur_memory_take(s, DEMUR_MEMORY_SMALL, LIMIT / 4));
    CHECK(!demur_memory_take(s, DEMUR_MEMORY_SMALL, 1));
    CHECK(demur_memory_take(s, DEMUR_MEMORY_SMALL, 0)); /* what needs none has it */
    demur_memory_give(s, LIMIT);
    CHECK(atomic_load(&s->memory) == 0);
    demur_connections_free(s->connections);
    free(s);
}

/* ---- answers ------------------------------------------------------------------ */

#define MIB ((size_t)1 << 20)
#define READERS 4

/* Clients of whom everybody stands still from the start: `body-seconds` is 0. */
struct readers {
    struct demur_service *service;
    struct demur_request by[READERS];
    int ends[READERS][2];
};

static bool readers_init(struct readers *r, uint64_t memory, uint64_t per_address)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    *r = (struct readers){.service = calloc(1, sizeof *r->service)};
    if (!r->service || !(r->service->connections = demur_connections_new(64, 0)))
        return false;
    r->service->limits[DEMUR_LIMIT_MEMORY] = memory;
    r->service->answers_per_address = per_address;
    from.sin_addr.s_addr = htonl(0x0a000001);
    for (size_t i = 0; i < READERS; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, r->ends[i]))
            return false;
        r->by[i] = (struct demur_request){
            .service = r->service,
            .conn = demur_conn_add(r->service->connections, r->ends[i][0],
                                   (const struct sockaddr *)&from, 60),
        };
        demur_conn_allow(r->service->connections, r->by[i].conn, DEMUR_CONN_REQUEST, 60);
    }
    return true;
}

static bool answer_to(struct readers *r, size_t i, size_t n)
{
    return demur_request_memory(&r->by[i], DEMUR_MEMORY_ANSWER, n);
}

static size_t displaced(struct readers *r)
{
    return demur_connections_displaced(r->service->connections);
}

/* As when their requests are over, whoever has given way. */
static void readers_over(struct readers *r)
{
    for (size_t i = 0; i < READERS; i++) {
        r->by[i].memory -= (size_t)demur_conn_over(r->service->connections, r->by[i].conn);
        demur_memory_give(r->service, r->by[i].memory);
        r->by[i].memory = 0;
    }
    CHECK(atomic_load(&r->service->memory) == 0);
}

static void readers_end(struct readers *r)
{
    readers_over(r);
    for (size_t i = 0; i < READERS; i++) {
        demur_conn_remove(r->service->connections, r->by[i].conn);
        close(r->ends[i][0]);
        close(r->ends[i][1]);
    }
    demur_connections_free(r->service->connections);
    free(r->service);
}

TEST(memory_for_answers_is_made_within_an_address)
{
    struct readers r;
    REQUIRE(readers_init(&r, 256 * MIB, 48 * MIB));
    CHECK(answer_to(&r, 0, 24 * MIB) && answer_to(&r, 1, 24 * MIB));
    CHECK(answer_to(&r, 2, 300) && answer_to(&r, 2, DEMUR_BLOB_BLOCK)); /* of nobody's share */
    CHECK(displaced(&r) == 0);
    CHECK(answer_to(&r, 3, 24 * MIB));
    CHECK(displaced(&r) == 1);
    readers_end(&r);
    REQUIRE(readers_init(&r, 256 * MIB, 48 * MIB));
    CHECK(answer_to(&r, 0, 49 * MIB)); /* alone it may have any answer */
    CHECK(answer_to(&r, 1, 0) && answer_to(&r, 1, 300));
    CHECK(displaced(&r) == 0);
    CHECK(answer_to(&r, 2, MIB));
    CHECK(displaced(&r) == 1);
    readers_end(&r);
}

TEST(memory_that_somebody_loses_is_theirs_for_whom_it_is_taken)
{
    struct readers r;
    REQUIRE(readers_init(&r, 64 * MIB, UINT64_MAX));
    for (size_t i = 0; i < 3; i++)
        CHECK(answer_to(&r, i, 16 * MIB));
    CHECK(answer_to(&r, 3, 10 * MIB)); /* the first loses 16, and 6 of them are over */
    CHECK(displaced(&r) == 1);
    CHECK(atomic_load(&r.service->memory) == 48 * MIB);
    CHECK(answer_to(&r, 3, 6 * MIB)); /* nobody else loses anything for those */
    CHECK(displaced(&r) == 0);
    CHECK(answer_to(&r, 3, MIB));
    CHECK(displaced(&r) == 1);
    readers_end(&r);
}

TEST(memory_that_would_not_do_is_taken_from_nobody)
{
    struct readers r;
    REQUIRE(readers_init(&r, 64 * MIB, UINT64_MAX));
    for (size_t i = 0; i < 3; i++)
        CHECK(answer_to(&r, i, 1000));
    CHECK(!answer_to(&r, 3, 64 * MIB)); /* more than answers ever have */
    CHECK(demur_memory_take(r.service, DEMUR_MEMORY_UPLOAD, 31 * MIB));
    CHECK(!answer_to(&r, 3, 18 * MIB)); /* what they hold is not what is lacking */
    CHECK(displaced(&r) == 0);
    demur_memory_give(r.service, 31 * MIB);
    readers_end(&r);
}
