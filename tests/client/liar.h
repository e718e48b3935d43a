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
    struct live *l;
    char url[64];
    struct demur_bytes entries[LIAR_ENTRIES];
    size_t len;
    uint8_t checkpoint[DEMUR_CHECKPOINT_MAX];
    size_t checkpoint_len, size; /* the size that it claims, as far as there are entries */
    unsigned bundles;            /* how many were asked for */
    int fd;
    pthread_t thread;
};

/* It begins with the log that l->c has seen, and the true checkpoint of it. */
struct liar *liar_new(struct live *l);
void liar_free(struct liar *liar);
/* Another client, whose copy is in the folder `name`, and who talks to the liar. */
struct demur_client *liar_open(struct liar *liar, const char *name);
void liar_add(struct liar *liar, uint64_t at, struct span record);
/* Show the first `size` entries, under a checkpoint that fits them. */
void liar_sign(struct liar *liar, size_t size, const uint8_t secret[static 64]);
/* A checkpoint of anything. */
void liar_claim(struct liar *liar, uint64_t size, const uint8_t root[static 32],
                const uint8_t secret[static 64]);

#endif
