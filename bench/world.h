/* world.h - a channel of their own for benchmarks, and `demur serve` on it in a
 * process of its own. In a fresh folder below TMPDIR, or /var/tmp: where there is
 * a real disk. Whatever fails ends the benchmark with a sentence. */
#ifndef DEMUR_BENCH_WORLD_H
#define DEMUR_BENCH_WORLD_H

#include <sys/types.h>

#include "../core/base.h"
#include "load.h"

#define BENCH_TOKEN "bench-token"
#define BENCH_ORIGIN "bench.example.org/dissent"
/* So many officers keep the roster, each with a key of its own. */
#define BENCH_KEEPERS 64
#define BENCH_RECORD_MAX 512 /* bytes of an invite */

struct bench_key {
    uint8_t public_key[32], secret[64];
    uint64_t seq;
};

struct bench_world {
    char parent[256], dir[288];
    struct bench_key root, log, server, keepers[BENCH_KEEPERS];
    uint8_t fingerprint[32];
    uint64_t at;      /* of its first entries */
    uint64_t handles; /* given so far */
    pid_t pid;
    uint16_t port;
    double start_s; /* from the start of the process until it listened */
};

void bench_need(bool ok, const char *what);
void bench_need_ok(enum demur_err err, const struct demur_diag *diag);

void bench_world_make(struct bench_world *w);
/* The same channel in every run, and every bench_key_make after it gives the same key: what
 * was made for it once holds the next time. */
void bench_world_make_same(struct bench_world *w);
void bench_world_serve(struct bench_world *w);
void bench_world_stop(struct bench_world *w);
void bench_world_remove(struct bench_world *w);

/* Seconds of processor time that the server and its signer have used. */
double bench_world_cpu_s(const struct bench_world *w);
/* Wait until the server has nothing more to do by itself, as after its start: it reads
 * the log's hashes, and writes a snapshot. Two minutes at most. */
void bench_world_settle(const struct bench_world *w);
/* Entries that the published checkpoint covers; its text into `text` (may be NULL). */
uint64_t bench_world_size(const struct bench_world *w, struct buf *text);
/* One GET with the token; free the body. */
struct bench_answer bench_world_get(const struct bench_world *w, const char *path);

/* Append to *out an `invite` record by a keeper: one signature, by that key's next
 * sequence number. */
void bench_invite(struct bench_world *w, struct buf *out, unsigned keeper);
/* n of them ready to be sent, keeper after keeper; request i is for record i. */
struct bench_invites {
    size_t n;
    struct span *records;
    struct bench_request *requests;
    struct bench_answer *answers; /* empty */
};
void bench_invites_make(struct bench_world *w, struct bench_invites *out, size_t n);
void bench_invites_free(struct bench_invites *invites);
/* The log grew from `before` by all of them at least, and a sample of the answers are
 * receipts, each for its own record; else the benchmark ends. */
void bench_invites_check(const struct bench_world *w, const struct bench_invites *invites,
                         uint64_t before);
/* Bring the log of a channel that is not served to `size` entries with invites, by the
 * server's own commits, but for the check of the signatures (which are good). */
void bench_world_fill(struct bench_world *w, uint64_t size);

/* Does the receipt prove that the log holds this record? */
bool bench_receipt_holds(const struct bench_world *w, struct span receipt, struct span record);

/* Bytes of a fresh random seed's Ed25519 key. */
void bench_key_make(struct bench_key *key);
/* Verifications a second of Ed25519 signatures over `len` bytes on all processors,
 * measured for about `seconds`. */
double bench_ed25519_rate(size_t len, double seconds);

#endif
