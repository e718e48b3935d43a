/* Ed25519 signatures of 400 bytes verified many at once, in each way that this processor
 * can go, against libsodium one by one: time a signature, 64 of them, as many as lanes (or
 * as few as it takes lanes for), and one alone. Thread time, not the clock's. */
#define BENCH_CLOCK CLOCK_THREAD_CPUTIME_ID
#include "bench.h"

#include "../core/group_path.h"

#include <sodium.h>
#include <stdlib.h>

#define MANY 64
#define LEN 400

static struct {
    struct demur_ed25519_check checks[MANY];
    uint8_t messages[MANY][LEN];
    const struct group_path *path;
    size_t n;
} world;

static void many(void *unused)
{
    (void)unused;
    group_path_ed25519(world.path, world.checks, world.n);
}

static void one_by_one(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < world.n; i++) {
        struct demur_ed25519_check *c = &world.checks[i];
        c->good = crypto_sign_verify_detached(c->sig, c->message.p, LEN, c->key) == 0;
    }
}

static double per_signature_us(void (*run)(void *), size_t n)
{
    world.n = n;
    double ns = bench_run(run, NULL, 11, (unsigned)(MANY / n)).best_ns / (double)n;
    for (size_t i = 0; i < n; i++) {
        if (!world.checks[i].good) {
            fprintf(stderr, "ed25519_bench: a good signature was refused\n");
            exit(2);
        }
    }
    return ns / 1e3;
}

static void report(size_t n)
{
    char name[64];
    snprintf(name, sizeof name, "ed25519_many_%zu_%s", n, world.path->name);
    double us = per_signature_us(many, n);
    bench_report(name, us, "us", per_signature_us(one_by_one, n));
}

int main(void)
{
    if (sodium_init() < 0)
        return 2;
    for (size_t i = 0; i < MANY; i++) {
        struct demur_ed25519_check *c = &world.checks[i];
        uint8_t seed[32] = {(uint8_t)i, 9}, secret[64];
        world.messages[i][0] = (uint8_t)i;
        c->message = span_of(world.messages[i], LEN);
        crypto_sign_seed_keypair(c->key, secret, seed);
        crypto_sign_detached(c->sig, NULL, c->message.p, LEN, secret);
    }
    for (size_t p = 0; (world.path = group_path_at(p)); p++) {
        if (!world.path->equations)
            continue;
        report(MANY);
        report(world.path->equations_most);
        report(1);
    }
    return 0;
}
