/* What it takes to seal the key of what circulates to each of 30,000 members (or of N), and
 * to take it out for one of them. Sealing is held against the two X25519 of each stanza, on
 * libsodium's own, in the same run; reading against those of 600 stanzas, which is one part.
 * Times are the thread's own. */
#include <stdint.h>
#include <time.h>
#define BENCH_CLOCK CLOCK_THREAD_CPUTIME_ID
#include "bench.h"

#include <sodium.h>
#include <stdlib.h>

#include "../core/handout.h"

static struct {
    size_t n;
    struct demur_age_identity key, last; /* the last member's */
    struct demur_age_recipient *to;
    uint8_t *entropy;
    struct buf out;
    uint8_t point[32], scalar[32];
} world;

static void need(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void seal(void *arg)
{
    struct demur_diag diag;
    (void)arg;
    world.out.len = 0;
    for (size_t at = 0; at < world.n; at += DEMUR_HANDOUT_PART) {
        size_t n = world.n - at < DEMUR_HANDOUT_PART ? world.n - at : DEMUR_HANDOUT_PART;
        struct span entropy = span_of(world.entropy + 32 * at, DEMUR_AGE_ENTROPY_LEN(n));
        need(!demur_handout_put(&world.out, &world.key, world.to + at, n, entropy, &diag),
             "a part is not sealed");
    }
}

static void read_last(void *arg)
{
    struct demur_age_identity key;
    struct demur_diag diag;
    (void)arg;
    need(!demur_handout_open(&key, buf_span(&world.out), world.n, world.n - 1, &world.last, &diag),
         "the last member does not read it");
    bench_keep(&key);
}

static void one_exchange(void *arg)
{
    (void)arg;
    need(!crypto_scalarmult(world.point, world.scalar, world.point), "no X25519");
}

static void one_base(void *arg)
{
    (void)arg;
    crypto_scalarmult_base(world.point, world.scalar);
}

int main(int argc, char **argv)
{
    need(sodium_init() >= 0, "no libsodium");
    world.n = argc > 1 ? strtoul(argv[1], NULL, 10) : 30000;
    need(world.n > 0, "a ring has members");
    size_t len = (size_t)demur_handout_len(world.n);
    world.to = calloc(world.n, sizeof *world.to);
    world.entropy = malloc(DEMUR_AGE_ENTROPY_LEN(world.n));
    world.out = buf_over(malloc(len), len);
    need(world.to && world.entropy && world.out.p, "out of memory");
    randombytes_buf(world.entropy, DEMUR_AGE_ENTROPY_LEN(world.n));
    randombytes_buf(world.scalar, sizeof world.scalar);
    demur_age_identity_init(&world.key, world.scalar);
    for (size_t i = 0; i < world.n; i++) {
        world.scalar[0]++;
        world.scalar[1] = (uint8_t)(i >> 8);
        demur_age_identity_init(&world.last, world.scalar);
        world.to[i] = demur_age_identity_recipient(&world.last);
    }
    crypto_scalarmult_base(world.point, world.scalar);
    double exchange = bench_run(one_exchange, NULL, 9, 200).best_ns;
    double base = bench_run(one_base, NULL, 9, 200).best_ns;
    crypto_scalarmult_base(world.point, world.scalar);
    double sealed = bench_run(seal, NULL, 1, 1).best_ns;
    need(world.out.len == len, "the handout is not as long as it must be");
    size_t part = world.n % DEMUR_HANDOUT_PART ? world.n % DEMUR_HANDOUT_PART : DEMUR_HANDOUT_PART;
    double read = bench_run(read_last, NULL, 5, 1).best_ns;
    printf("# handout: %zu bytes to %zu members, in %zu parts\n", len, world.n,
           demur_handout_parts(world.n));
    bench_report("handout_seal", sealed / 1e9, "s", (double)world.n * (exchange + base) / 1e9);
    bench_report("handout_read_last", read / 1e6, "ms", (double)part * exchange / 1e6);
    return 0;
}
