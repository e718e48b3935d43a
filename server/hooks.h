/* hooks.h - where tests reach into a running server. Production passes none. */
#ifndef DEMUR_SERVER_HOOKS_H
#define DEMUR_SERVER_HOOKS_H

#include <stdint.h>

/* Places at which a crash must lose nothing that was promised. */
enum demur_server_point {
    DEMUR_POINT_FOLDED,     /* accepted by the fold, nothing written */
    DEMUR_POINT_COMMITTED,  /* in the store, not signed */
    DEMUR_POINT_PERSISTED,  /* in the signer process: its state written, nothing told */
    DEMUR_POINT_SIGNED,     /* signed, not published */
    DEMUR_POINT_PUBLISHED,  /* published, nobody answered */
    DEMUR_POINT_UPLOADED,   /* a blob is whole, and about to be kept */
    DEMUR_POINT_SWEPT,      /* waiting blobs are out of every answer, their bytes are there */
    DEMUR_POINT_SNAPSHOT,   /* a snapshot's body is written, and it is none yet */
    DEMUR_POINT_DESTROYING, /* an expunged blob or release key is about to be deleted */
};

struct demur_server_hooks {
    void *ctx;
    void (*at)(void *ctx, enum demur_server_point point); /* may be NULL */
    uint64_t (*clock_s)(void *ctx);                       /* may be NULL: the real one */
    uint64_t (*disk_free)(void *ctx);                     /* bytes; may be NULL: the real ones */
};

#endif
