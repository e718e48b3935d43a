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

struct bench_key {
    uint8_t public_key[32], secret[64];
    uint64_t seq;
};

struct bench_world {
    char parent[256], dir[288];
    struct bench_key root, log, server, keepers[BENCH_KEEPERS];
    uint8_t fingerprint[32];
    uint64_t at; /* of its first entries */
    pid_t pid;
    uint16_t port;
    double start_s; /* from the start of the process until it listened */
};

void bench_need(bool ok, const char *what);
void bench_need_ok(enum demur_err err, const struct demur_diag *diag);

void bench_world_make(struct bench_world *w);
void bench_world_serve(struct bench_world *w);
void bench_world_stop(struct bench_world *w);
void bench_world_remove(struct bench_world *w);

/* Seconds of processor time that the server and its signer have used. */
double bench_world_cpu_s(const struct bench_world *w);
/* Entries that the published checkpoint covers; its text into `text` (may be NULL). */
uint64_t bench_world_size(const struct bench_world *w, struct buf *text);
/* One GET with the token; free the body. */
struct bench_answer bench_world_get(const struct bench_world *w, const char *path);

/* Append to *out an `invite` record by a keeper: one signature, by that key's next
 * sequence number. `n` makes the handle; never the same twice. */
void bench_invite(struct bench_world *w, struct buf *out, unsigned keeper, uint64_t n);
/* Does the receipt prove that the log holds this record? Its entry into *entry
 * (at least DEMUR_ENTRY_MAX bytes; may be NULL). */
bool bench_receipt_holds(const struct bench_world *w, struct span receipt, struct span record);

/* Bytes of a fresh random seed's Ed25519 key. */
void bench_key_make(struct bench_key *key);
/* Verifications a second of Ed25519 signatures over `len` bytes on all processors,
 * measured for about `seconds`. */
double bench_ed25519_rate(size_t len, double seconds);

#endif
