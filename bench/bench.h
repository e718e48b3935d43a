/* bench.h - what the benchmarks share.
 *
 * A benchmark is a program bench/NAME_bench.c. It prints one line a figure,
 *     bench: <name> <figure> <unit> bound <figure> ratio <ratio>
 * where bound is what the figure is held against (a budget, another program's
 * figure on the same machine, a hardware limit) and ratio is figure over bound.
 * Times come from the monotonic clock. Native only.
 */
#ifndef DEMUR_BENCH_H
#define DEMUR_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* What computes alone may count its thread's own time, which stays the same on a
 * machine that does other work besides. */
#ifndef BENCH_CLOCK
#define BENCH_CLOCK CLOCK_MONOTONIC
#endif

/* Nanoseconds of BENCH_CLOCK. */
static inline uint64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(BENCH_CLOCK, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Keep the compiler from dropping the computation of what p points to. */
static inline void bench_keep(const void *p) { __asm__ volatile("" : : "r"(p) : "memory"); }

enum { BENCH_ROUNDS_MAX = 101 };

struct bench_times {
    double best_ns, median_ns; /* of one call */
};

/* Time run(arg): `rounds` rounds (odd, at most BENCH_ROUNDS_MAX) of `calls`
 * calls each, after one round that does not count. The best round is the least
 * disturbed one; the median says what to expect. */
static inline struct bench_times bench_run(void (*run)(void *arg), void *arg, unsigned rounds,
                                           unsigned calls)
{
    double ns[BENCH_ROUNDS_MAX];
    unsigned n = 0;
    if (rounds > BENCH_ROUNDS_MAX)
        rounds = BENCH_ROUNDS_MAX;
    for (unsigned round = 0; round <= rounds; round++) {
        uint64_t start = bench_now_ns();
        for (unsigned i = 0; i < calls; i++)
            run(arg);
        double took = (double)(bench_now_ns() - start) / calls;
        if (round == 0)
            continue;
        unsigned at = n++;
        for (; at > 0 && ns[at - 1] > took; at--)
            ns[at] = ns[at - 1];
        ns[at] = took;
    }
    return (struct bench_times){ns[0], ns[n / 2]};
}

/* Print the line of one figure. `bound` must not be 0. */
static inline void bench_report(const char *name, double figure, const char *unit, double bound)
{
    printf("bench: %s %.4g %s bound %.4g ratio %.3f\n", name, figure, unit, bound, figure / bound);
    fflush(stdout);
}

#endif
