/* load.h - a cheap HTTP/1.1 load generator for benchmarks: one thread, one epoll,
 * keep-alive connections over loopback, requests that are bytes made beforehand.
 *
 * Closed loop: each connection sends its next request when it has its answer.
 * Open loop (rate > 0): request i is due at a fixed time whatever the answers do,
 * and its latency counts from then, so that a server that stalls is not spared
 * the requests that would have come meanwhile.
 */
#ifndef DEMUR_BENCH_LOAD_H
#define DEMUR_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_request {
    uint8_t *bytes; /* a whole HTTP request */
    size_t len;
};

/* Makes a request; `body` may be NULL. Free its bytes. */
struct bench_request bench_request_make(const char *method, const char *path, const char *token,
                                        const void *body, size_t body_len);

struct bench_answer {
    uint8_t *body; /* on the heap, when bodies are kept */
    size_t len;
    uint64_t latency_ns;
};

struct bench_load {
    uint16_t port;
    unsigned connections;                 /* open ones need as many as requests may be in flight */
    const struct bench_request *requests; /* request i is requests[i % requests_len] */
    size_t requests_len, total;
    double rate;                  /* requests a second; 0: closed loop, in which connection c
                                     sends requests c, c + connections, ... in order */
    bool keep;                    /* the bodies */
    struct bench_answer *answers; /* of `total`; NULL: only counted */
    unsigned status;              /* what an answer's is to be; 0: 200, or 201 */
    /* What came of it: */
    double wall_s, cpu_s; /* cpu_s: of the generator's thread */
    uint64_t body_bytes;
};

/* Sends them all and waits for the answers. False, with a line on stderr, when a
 * connection fails or an answer has another status. */
bool bench_load_run(struct bench_load *load);

#endif
