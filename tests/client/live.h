/* live.h - a channel with a real server, and honest clients for its people. */
#ifndef DEMUR_TEST_CLIENT_LIVE_H
#define DEMUR_TEST_CLIENT_LIVE_H

#include "../../client/client.h"
#include "../server/fixture.h"

#define LIVE_MEMBERS 6

struct live {
    struct fixture *f;
    char home[128]; /* folders of the copies */
    int64_t skew_s; /* of the clients' clock against the server's */
    struct demur_identity root_id, office_id, board_id, member_id[LIVE_MEMBERS];
    struct demur_actor root, office, board, member[LIVE_MEMBERS];
    struct demur_client *c; /* one copy for all of them */
    struct demur_diag diag;
};

/* The server runs, the office holds its role and has invited the members, and
 * they have joined. NULL, and the test failed or skipped, when that fails. */
struct live *live_new(void);
void live_free(struct live *l);
/* Run a test on a new channel, which is gone afterwards, whatever happened. */
void live_run(void (*test)(struct live *l));
/* A new officer, in that role from now on. */
enum demur_err live_officer(struct live *l, struct demur_identity *id, struct demur_actor *actor,
                            const char *role);
/* Options for another client of this channel, its copy in the folder `name`. */
struct demur_client_options live_options(struct live *l, const char *name);
/* Open the copy in that folder; NULL with l->diag. */
struct demur_client *live_open(struct live *l, const char *name);
/* Move both clocks. */
void live_wait(struct live *l, uint64_t seconds);
/* A filing that the company's policy takes. */
struct demur_filing live_filing(bool named);
/* File as member i: the dissent's id and, as the case itself, its author. */
bool live_file(struct live *l, size_t i, bool named, struct demur_actor *author);

/* CHECK_ERR that says why. */
#define CHECK_SAYS(expr, want, words)                                                              \
    do {                                                                                           \
        enum demur_err says_got_ = (expr), says_want_ = (want);                                    \
        const char *says_words_ = (words);                                                         \
        if (says_got_ != says_want_ ||                                                             \
            (says_want_ != DEMUR_OK && !strstr(l->diag.text, says_words_)))                        \
            test_failed(__FILE__, __LINE__, "%s: got %s: %s", #expr, demur_err_name(says_got_),    \
                        says_got_ ? l->diag.text : "");                                            \
    } while (0)

/* Somebody is invited, and joins with a new identity. */
enum demur_err live_join(struct live *l, struct demur_identity *id, const char *name);
/* A client in a home of its own, behind somebody who meddles; NULL after saying why not. */
struct between;
struct demur_client *live_behind(struct live *l, struct between *b);

/* A dissent that goes round, and who opened it. */
struct live_round {
    struct demur_actor author;
    struct demur_link link;
    char id[33];
};

/* A memo to be circulated among them for thirteen days. */
struct demur_filing live_memo(struct live *l, enum demur_audience audience);
/* The i-th member circulates it; false after saying why not. */
bool live_circulate(struct live *l, size_t i, enum demur_audience audience, struct live_round *out);
bool live_circulate_filing(struct live *l, size_t i, const struct demur_filing *filing,
                           struct live_round *out);
/* Make a signature by its link, and send it. */
enum demur_err live_sign(struct live *l, struct demur_actor *member, const struct live_round *r);
/* Its signatures, or UINT64_MAX. */
uint64_t live_signatures(struct live *l, const struct live_round *r);

#endif
