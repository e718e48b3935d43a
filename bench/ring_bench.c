/* Ring signatures in rings of three sizes: proving, verifying one, and verifying
 * one of a batch, the latter two in each way that this processor can go; those
 * without a suffix are portable C. Thread time, not the clock's. Each figure is held against the
 * point additions and the multiplications modulo l that its sums cannot do without, at the price
 * that this run measures for one of them; and, as _vs_peer, against Tari's triptych 0.1.1 with
 * AVX-512 IFMA, measured on a 2-core Zen 4. */
#define BENCH_CLOCK CLOCK_THREAD_CPUTIME_ID
#include "bench.h"

#include "../core/ring_check.h"

#include <sodium.h>
#include <stdlib.h>

#define BATCH 256

static double add_ns, product_ns;

static struct {
    uint8_t (*keys)[32];
    struct demur_ring ring;
    uint8_t secret[32], signature[DEMUR_RING_SIGNATURE_MAX], tag[32];
    size_t len, work_len;
    struct demur_ring_item items[BATCH];
    void *storage, *work;
} world;

static const struct span scope = {(const uint8_t *)"scope", 5}, message = {(const uint8_t *)"m", 1};

static void *must_have(void *p)
{
    if (!p)
        exit(2);
    return p;
}

static void must_hold(enum demur_err err)
{
    if (err != DEMUR_OK) {
        fprintf(stderr, "ring_bench: %s\n", demur_err_name(err));
        exit(2);
    }
}

static void add(void *point)
{
    static struct group_affine base;
    group_affine_of(&base, &group_base);
    for (int i = 0; i < 1000; i++)
        group_add_affine(point, point, &base);
}

static void multiply(void *sum)
{
    static struct group_factor factors[16] = {{{1, 2, 3, 4, 5}}};
    for (int i = 0; i < 1000; i++)
        group_products_add(sum, &factors[i % 16], &factors[i / 16 % 16]);
    bench_keep(sum);
}

static void prove(void *unused)
{
    static const uint8_t entropy[64];
    struct buf out = buf_over(world.signature, sizeof world.signature);
    (void)unused;
    must_hold(demur_ring_sign(&out, &world.ring, world.secret, scope, message, entropy));
    world.len = out.len;
}

static void verify(void *unused)
{
    (void)unused;
    must_hold(demur_ring_verify(span_of(world.signature, world.len), &world.ring, scope, message,
                                world.tag, NULL));
}

static void verify_batch(void *unused)
{
    static const uint8_t entropy[32];
    (void)unused;
    must_hold(demur_ring_verify_batch(world.items, BATCH, &world.ring, entropy, world.work,
                                      world.work_len));
}

/* Additions that a sum of n terms takes with the best windows. */
static double sum_additions(double n)
{
    double best = 1e300;
    for (unsigned c = 4; c <= 15; c++) {
        double additions = (253.0 / c) * (n + (double)(1u << c));
        best = additions < best ? additions : best;
    }
    return best;
}

static void make_ring(size_t n)
{
    world.keys = must_have(calloc(n, 32));
    for (size_t i = 0; i < n; i++) {
        uint8_t seed[64] = {(uint8_t)i, (uint8_t)(i >> 8), 7};
        demur_ring_key_from_seed(world.secret, world.keys[i], seed);
    }
    demur_ring_sort(world.keys, n);
    world.storage = must_have(malloc(ring_storage_len_by(&group_path_portable, n)));
    must_hold(demur_ring_init(&world.ring, (const uint8_t(*)[32])world.keys, n, NULL));
    world.work_len = demur_ring_batch_work_len(&world.ring, BATCH);
    world.work = must_have(malloc(world.work_len));
}

static void report(const char *what, size_t n, const struct group_path *path, double ns,
                   double bound_ns, double peer_ms)
{
    char name[64];
    bool portable = path == &group_path_portable;
    snprintf(name, sizeof name, "ring_%s_%zu%s%s", what, n, portable ? "" : "_",
             portable ? "" : path->name);
    bench_report(name, ns / 1e6, "ms", bound_ns / 1e6);
    snprintf(name + strlen(name), sizeof name - strlen(name), "_vs_peer");
    bench_report(name, ns / 1e6, "ms", peer_ms);
}

int main(void)
{
    static const struct {
        size_t n;
        double base, digits, prove_ms, verify_ms, batch_ms; /* the peer's times */
    } sizes[] = {
        {1024, 4, 5, 28, 2.1, 0.52}, {4096, 4, 6, 95, 7.1, 1.70}, {32768, 8, 5, 1115, 57, 13.8}};
    struct group_point point = group_base;
    struct group_products sum = {{0}};
    if (sodium_init() < 0)
        return 2;
    add_ns = bench_run(add, &point, 21, 5).best_ns / 1000;
    product_ns = bench_run(multiply, &sum, 21, 5).best_ns / 1000;
    for (size_t i = 0; i < DEMUR_COUNT(sizes); i++) {
        double n = (double)sizes[i].n, own = 4 + 2 * sizes[i].digits;
        double terms = n * (1 + sizes[i].digits / sizes[i].base);
        unsigned rounds = sizes[i].n > 10000 ? 3 : sizes[i].n > 2000 ? 9 : 21;
        make_ring(sizes[i].n);
        report("prove", sizes[i].n, &group_path_portable, bench_run(prove, NULL, rounds, 1).best_ns,
               terms * 64 * add_ns, sizes[i].prove_ms);
        for (size_t k = 0; k < BATCH; k++)
            world.items[k] =
                (struct demur_ring_item){.signature = span_of(world.signature, world.len),
                                         .scope = scope,
                                         .message = message};
        const struct group_path *path;
        for (size_t p = 0; (path = group_path_at(p)); p++) {
            must_hold(ring_load_by(path, &world.ring, (const uint8_t(*)[32])world.keys, sizes[i].n,
                                   world.storage, NULL));
            report("verify", sizes[i].n, path, bench_run(verify, NULL, rounds, 1).best_ns,
                   sum_additions(n + own) * add_ns, sizes[i].verify_ms);
            report("batch", sizes[i].n, path,
                   bench_run(verify_batch, NULL, rounds, 1).best_ns / BATCH,
                   sum_additions(n + own * BATCH) / BATCH * add_ns + n * product_ns,
                   sizes[i].batch_ms);
        }
        free(world.keys);
        free(world.storage);
        free(world.work);
    }
    return 0;
}
