/* server.h - the notary: what `demur serve` runs and what `demur init` calls.
 *
 * One directory holds one channel (docs/operate.md):
 *     log.db        the store (store/store.h)
 *     log.key       the log's Ed25519 seed, read by the signer process only
 *     server.key    the server's Ed25519 seed: signs daily ticks
 *     signer.state  the last checkpoint that the signer signed
 *     config        how to serve (below)
 *     fold.snapshot-a, -b  what the server starts from (snapshot.h); may be lost
 *     url           where the server listens, written at every start
 *
 * Both calls fork the signer process, so they are made while the process has
 * one thread. Errors are core's; IO stands for whatever the system refused.
 */
#ifndef DEMUR_SERVER_SERVER_H
#define DEMUR_SERVER_SERVER_H

#include "../core/base.h"

#define DEMUR_SERVER_TOKENS_MAX 8

/* DIR/config, a text in the line grammar of core/lines.h:
 *
 *     demur server v1
 *     listen 127.0.0.1:8470
 *     token <word>                  the reading token; more lines while it changes
 *     url https://dissent.example   where people reach it; for whoever writes invitations
 *     tls-certificate /path/chain.pem
 *     tls-key /path/key.pem
 *     behind-proxy yes              plain HTTP although `listen` is no loopback address
 *     limit <name> <number>         see server/config.c
 *
 * `listen` and one `token` are required; only `token` and `limit` may repeat. */
enum demur_server_limit {
    DEMUR_LIMIT_CONNECTIONS,             /* open at once */
    DEMUR_LIMIT_CONNECTIONS_PER_ADDRESS, /* one address's share; none behind a proxy */
    DEMUR_LIMIT_UPLOADS_PER_ADDRESS,     /* of these, bodies of blobs on their way */
    DEMUR_LIMIT_WAITING_APPENDS,         /* records that wait for the sequencer */
    DEMUR_LIMIT_WAITING_BLOBS,           /* bytes of blobs that no entry names yet */
    DEMUR_LIMIT_MEMORY,                  /* bytes of requests and answers in memory */
    DEMUR_LIMIT_HEADER_SECONDS,          /* for a request's head, from the first byte on */
    DEMUR_LIMIT_BODY_SECONDS,            /* for each 256 KiB of a body or a blob; http.md */
    DEMUR_LIMIT_IDLE_SECONDS,            /* between requests */
    DEMUR_LIMIT_BLOB_SECONDS,            /* how long an unnamed blob is kept */
    DEMUR_LIMITS,
};

struct demur_server_settings {
    struct span listen, url, certificate, key; /* empty: not given */
    struct span tokens[DEMUR_SERVER_TOKENS_MAX];
    size_t tokens_len;
    bool behind_proxy;
    uint64_t limits[DEMUR_LIMITS];
};
/* Read a config; spans borrow from the text. Errors with line and column:
 * SYNTAX, CANON, MISSING, LIMIT, UPGRADE. *out is untouched on failure. */
enum demur_err demur_server_settings_parse(struct demur_server_settings *out, struct span text,
                                           struct demur_diag *diag) DEMUR_CHECKED;
/* Write one. Limits that have their default are left out. */
void demur_server_settings_put(struct buf *out, const struct demur_server_settings *settings);
/* Every limit at its default, all else empty. */
void demur_server_settings_init(struct demur_server_settings *settings);

struct demur_server_hooks; /* hooks.h: for tests */

struct demur_server_config {
    const char *dir;
    const char *listen;                     /* instead of the config's; NULL: as it says */
    bool behind_proxy;                      /* as if the config said so */
    bool unconfined;                        /* without what confine.h does */
    int announce_fd;                        /* gets `listening on <url>` LF; -1: nobody */
    const struct demur_server_hooks *hooks; /* NULL but in tests */
};

/* Serve until SIGTERM or SIGINT, which this call takes over: what is in flight
 * is finished, then OK is returned. Any failure ends it too: IO for a write or
 * signature whose outcome is unknown, VERIFY for a store that does not hash to
 * its root or that the signer has outrun, FORBIDDEN for plain HTTP where it may
 * not be, and on a system that cannot confine it. A program ends with a non-zero status then, and
 * is started anew. */
enum demur_err demur_server_run(const struct demur_server_config *config,
                                struct demur_diag *diag) DEMUR_CHECKED;

/* A new channel. `records` are signed, in order, entry 0 (`channel`) first;
 * `blobs` are what they name. Those after entry 0 name its leaf hash, in which
 * its time stands: so the caller says what time it is. */
struct demur_server_birth {
    const char *dir; /* does not exist, or is an empty directory */
    const struct demur_server_settings *settings;
    const uint8_t *log_seed, *server_seed; /* 32 bytes each; entry 0 names their public keys */
    uint64_t at;                           /* unix seconds: the `at` of all these entries */
    const struct span *records;
    size_t records_len;
    const struct span *blobs;
    size_t blobs_len;
};
/* Could a channel be made in that directory? For asking before anything is made;
 * demur_server_create asks again. Errors: IO, LIMIT. */
enum demur_err demur_server_place_check(const char *dir, struct demur_diag *diag) DEMUR_CHECKED;
/* Make DIR/<which>.key.next, `which` being "log" or "server": the key that the channel is
 * to change to, whose public half goes into the root's `rotate` record once the server was
 * started again. Errors: MISSING when DIR is no channel's; REPLAY when there is one already;
 * FORBIDDEN when this account is not the directory's, for its server could not read it; IO. */
enum demur_err demur_server_key_next(const char *dir, const char *which,
                                     uint8_t public_key[static 32],
                                     struct demur_diag *diag) DEMUR_CHECKED;
/* Make the directory, all of it or nothing, and put the records in through the
 * sequencer and the signer. Errors: IO; whatever the fold refuses a record
 * with; KEY when entry 0 names other keys; MISSING when a blob is not there. */
enum demur_err demur_server_create(const struct demur_server_birth *birth,
                                   struct demur_diag *diag) DEMUR_CHECKED;

#endif
