/* What requests hold of the memory limit, counted from many threads. */
#include <pthread.h>
#include <sodium.h>

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
