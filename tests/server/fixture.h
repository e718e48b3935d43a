/* fixture.h - a served channel for tests: a town (tests/support/town.h) whose
 * records go to a real server in a process of its own, over real sockets. The
 * server's clock is the town's, so that both logs are the same. */
#ifndef DEMUR_TEST_SERVER_FIXTURE_H
#define DEMUR_TEST_SERVER_FIXTURE_H

#include <sys/types.h>

#include "../../server/hooks.h"
#include "../../server/server.h"
#include "../support/town.h"

#define FIXTURE_TOKEN "reading-token"

struct fixture {
    char parent[64], dir[96], url[128];
    uint16_t port;
    uint64_t *clock_s; /* shared with the server's processes */
    struct town *w;
    pid_t server;
    int said_fd; /* what the server announces */
    size_t sent; /* entries of the town that the server has */
    struct demur_server_settings settings;
    bool unconfined;      /* for hooks that kill, which a confined process may not */
    void (*before)(void); /* in the server's process, before it starts; may be NULL */
    const struct demur_server_hooks *hooks; /* of the next start; may be NULL */
    const char *listen;                     /* of the next start; NULL: the config's */
    unsigned long files_soft, files_hard;   /* descriptors it may have; 0: as they are */
    struct demur_diag diag;                 /* of create */
};

struct fixture_answer {
    long status;
    uint8_t body[1 << 18];
    size_t len;
    char head[4096]; /* the answer's header lines */
};

/* A channel under policies/company.policy, made by demur_server_create, and
 * served. NULL, and the test failed or skipped, when that does not work. */
struct fixture *fixture_new(void);
/* Prepare it: `settings` may be changed, and the town grow, before it is made. */
struct fixture *fixture_prepare(void);
/* With all entries that the town has by now, DEMUR_BATCH_MAX at most. */
bool fixture_create(struct fixture *f);
/* Start serving; false when the server ended at once (its exit status in *status). */
bool fixture_start(struct fixture *f, int *status);
/* Send a signal and wait: the exit status, or 128 and the signal. */
int fixture_stop(struct fixture *f, int signal);
void fixture_free(struct fixture *f);

/* One request with the token. body.p NULL: none. False: no answer came. */
bool fixture_ask(struct fixture *f, struct fixture_answer *a, const char *method, const char *path,
                 struct span body);
/* The same without sending the token, or another one (`token` may be NULL). */
bool fixture_ask_as(struct fixture *f, struct fixture_answer *a, const char *token,
                    const char *method, const char *path, struct span body);
/* A connected socket; -1 when the server does not take it. */
int fixture_connect(struct fixture *f);

/* Is the answer a problem of that status and code? Fails the test if not. */
bool fixture_problem(const struct fixture_answer *a, long status, const char *code, int line);
#define CHECK_PROBLEM(a, status, code) fixture_problem(a, status, code, __LINE__)

/* The record in the town's entry i, and everything not sent yet: POSTed in
 * order, each of which must be answered with a receipt. */
struct span fixture_record(const struct fixture *f, size_t i);
bool fixture_send(struct fixture *f);
/* Take the server's tick of today into the town, so that both logs agree. */
bool fixture_tick(struct fixture *f);
/* Does the receipt in *a verify for the town's entry i? */
bool fixture_receipt_ok(const struct fixture *f, const struct fixture_answer *a, size_t i);
/* PUT the blobs and the release key that the town's last record names. */
bool fixture_put_blobs(struct fixture *f);
/* The roster's keeper takes office; not sent. */
enum demur_err fixture_keeper(struct fixture *f) DEMUR_CHECKED;
/* The roster's keeper is in office, and n members have joined; all sent. */
bool fixture_people(struct fixture *f, size_t n);

#endif
