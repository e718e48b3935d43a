/* snapshot.h - the server's own copy of its fold, from which it starts at once.
 * docs/formats/snapshot.md, docs/adr/0014-snapshot.md. Inside server/.
 *
 * Two files take turns, so that a write which is cut off spoils the older one only.
 * Each is bound to the log by size, root and the fold's chain, and vouched for with a
 * key that follows from the server's: whatever else lies there is not believed. They
 * are opened before the server is confined, and stay open.
 */
#ifndef DEMUR_SERVER_SNAPSHOT_H
#define DEMUR_SERVER_SNAPSHOT_H

#include <pthread.h>

#include "../core/base.h"

struct demur_engine;

#define DEMUR_SNAPSHOT_SLOTS 2

struct demur_snapshot {
    uint64_t size; /* entries; 0: there is none */
    uint8_t root[32], chain[32];
    uint8_t hash[32]; /* of its body: all that it says */
    uint64_t body_len;
    int slot;
};

struct demur_snapshots {
    int fds[DEMUR_SNAPSHOT_SLOTS]; /* -1: cannot be had */
    struct demur_snapshot last;    /* loaded, or written since */
    bool wrong;                    /* the log says something else: none is written any more */
    pthread_mutex_t lock;          /* while one is written, or they are emptied */
    uint64_t stood_us;             /* how long appends waited for the last write */
};

extern const char *const demur_snapshot_names[DEMUR_SNAPSHOT_SLOTS];

/* None open. */
void demur_snapshots_init(struct demur_snapshots *s);
/* Open both files of `dir`, and make them where they are not. Where the system refuses,
 * the server does without. */
void demur_snapshots_open(struct demur_snapshots *s, const char *dir);
void demur_snapshots_close(struct demur_snapshots *s);
bool demur_snapshots_any(const struct demur_snapshots *s); /* does either hold anything? */

/* Read a file through: is it whole, and does one of the keys (libsodium's secrets, zero:
 * none) vouch for it? UNKNOWN when there is nothing in it, SYNTAX when it is cut off or
 * no snapshot, KEY when another key vouches for it, VERIFY when it was altered, IO. */
enum demur_err demur_snapshot_examine(struct demur_snapshot *out, int fd,
                                      const uint8_t (*secrets)[64], size_t secrets_len,
                                      struct demur_diag *diag) DEMUR_CHECKED;
/* Take one that was examined into an engine that has folded nothing. After an error the
 * engine has folded nothing still. UPGRADE: another version of the fold wrote it. */
enum demur_err demur_snapshot_load(struct demur_engine *e, int fd,
                                   const struct demur_snapshot *snapshot,
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* What the hash of a snapshot of this engine would be. */
enum demur_err demur_snapshot_hash(struct demur_engine *e, uint8_t out[static 32],
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* Write the state as it is into the older file. Commits wait while it is copied out, not
 * while it is hashed and synced. One thread at a time. After an error the newer one stands.
 * VERIFY after demur_snapshots_condemn. */
enum demur_err demur_snapshot_write(struct demur_engine *e, struct demur_diag *diag) DEMUR_CHECKED;
/* Empty both, once no write is under way, and let none follow. */
void demur_snapshots_condemn(struct demur_snapshots *s);
/* Empty both. */
void demur_snapshots_erase(struct demur_snapshots *s);

#endif
