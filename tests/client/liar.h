/* liar.h - a server that shows another log than the real one. What is not of the log
 * (blobs, appending) it hands on to the real server. Its log and its checkpoint are
 * changed between a client's calls, never during one. */
#ifndef DEMUR_TEST_CLIENT_LIAR_H
#define DEMUR_TEST_CLIENT_LIAR_H

#include <pthread.h>

#include "../../core/checkpoint.h"
#include "live.h"

#define LIAR_ENTRIES 1024

struct liar {
    struct live *l; /* NULL when there is no real server behind it */
    struct town *w; /* then this is whose log and texts it shows */
    char home[128];
    char url[64];
    struct demur_bytes entries[LIAR_ENTRIES];
    size_t len;
    uint8_t checkpoint[DEMUR_CHECKPOINT_MAX];
    size_t checkpoint_len, size;       /* the size that it claims, as far as there are entries */
    unsigned bundles;                  /* how many were asked for */
    size_t withheld;                   /* an entry that it leaves out of its bundles; 0: none */
    bool swaps;                        /* answer with another blob than was asked for */
    const struct demur_bytes *promise; /* what it answers to an append; NULL: the truth */
    int fd;
    pthread_t thread;
};

/* It begins with the log that l->c has seen, and the true checkpoint of it. */
struct liar *liar_new(struct live *l);
/* A channel for one: LIAR_MEMBERS members, officer 0 the people office and keeper of the
 * roster, officer 1 the board; NULL, and the test failed or skipped, when it cannot be. */
#define LIAR_FOUNDED 1790000000
#define LIAR_MEMBERS 6
struct town *liar_found(void);
/* One without a real server: the whole log of a town, and another clock than time's. */
struct liar *liar_of_town(struct town *w);
/* Show what the town's log has become, under a checkpoint that fits. */
void liar_catch_up(struct liar *liar);
void liar_free(struct liar *liar);
void liar_end(struct liar *liar); /* and its town */
/* Alter an entry that it shows. */
void liar_spoil(struct liar *liar, size_t entry);
/* Another client, whose copy is in the folder `name`, and who talks to the liar. */
struct demur_client *liar_open(struct liar *liar, const char *name);
void liar_add(struct liar *liar, uint64_t at, struct span record);
/* A receipt for an entry that it shows, under its own checkpoint; freed by the caller. */
struct demur_bytes liar_receipt(struct liar *liar, size_t subject);
/* Show the first `size` entries, under a checkpoint that fits them. */
void liar_sign(struct liar *liar, size_t size, const uint8_t secret[static 64]);
/* A checkpoint of anything. */
void liar_claim(struct liar *liar, uint64_t size, const uint8_t root[static 32],
                const uint8_t secret[static 64]);

#endif
