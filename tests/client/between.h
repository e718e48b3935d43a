/* between.h - somebody between a client and its server: passes requests on, one a
 * connection, and meddles with some of them. */
#ifndef DEMUR_TEST_CLIENT_BETWEEN_H
#define DEMUR_TEST_CLIENT_BETWEEN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct between {
    char url[64];
    /* Requests that begin so ("PUT /blob") are answered with `answer`, a whole HTTP
     * response; `after`: the server gets them first, and its answer is lost. NULL: none.
     * To be changed between requests only. */
    const char *meddle, *answer;
    bool after;
    /* Bytes of a body that are taken in 100 ms; 0: as they come. */
    size_t pace;
    bool stall; /* take the head of one request, and nothing more from anybody */
    /* The first lines of the requests that begin with `note`, one behind the other. NULL: none.
     * To be read and changed between requests only, as above. */
    const char *note;
    char noted[4096];
    int listener;
    uint16_t port; /* the server's */
    pthread_t thread;
    bool running;
};

/* In front of the server at 127.0.0.1:port. False, and the test failed, when not. */
bool between_start(struct between *b, uint16_t port);
void between_stop(struct between *b);

#endif
