/* crowd.h - a channel with many members, and a dissent that they sign, for benchmarks. */
#ifndef DEMUR_BENCH_CROWD_H
#define DEMUR_BENCH_CROWD_H

#include "../core/ring.h"
#include "../server/engine.h"
#include "world.h"

struct bench_crowd {
    struct bench_world *w;
    struct demur_engine *engine; /* while it is made; nobody serves it then */
    size_t members;
    uint8_t (*secrets)[32]; /* of this month's ring key */
    uint8_t (*keys)[32];    /* of the ring */
    struct demur_ring ring;
    char dissent[33];
    uint8_t commitment[32];
};
struct bench_signature {
    uint8_t card[4096], record[4096];
    size_t len; /* of the record */
};

/* Enrol n members, each with real keys and proofs; but the server does not check them. */
void bench_crowd_enrol(struct bench_crowd *c, struct bench_world *w, size_t n);
/* The first of them opens a dissent for signatures, which all may sign. */
void bench_crowd_circulate(struct bench_crowd *c);
void bench_crowd_close(struct bench_crowd *c); /* the engine, so that it can be served */
void bench_crowd_free(struct bench_crowd *c);

/* Member i signs; or with `outside` somebody does who is in no ring, and makes it so that only
 * the sum over all keys tells. Thread-safe. */
void bench_crowd_sign(const struct bench_crowd *c, size_t i, bool outside,
                      struct bench_signature *out);

#endif
