/* test.h - the unit test harness, the same natively and in wasm.
 *
 * A test file holds TEST(name) { ... } functions that use CHECK and friends.
 * Nothing here does I/O: messages go into a buffer that the host prints
 * (tests/native_main.c, or tests/wasm_run.mjs through exported functions).
 * Data files reach tests through test_data(), loaded by the host.
 */
#ifndef DEMUR_TEST_H
#define DEMUR_TEST_H

#include "../core/base.h"

struct test_case {
    const char *file, *name;
    void (*run)(void);
    struct test_case *next;
};

void test_register(struct test_case *t);

/* Record a failure of the running test (it goes on). */
void test_failed(const char *file, int line, const char *fmt, ...) DEMUR_PRINTF(3, 4);
/* Mark the running test as skipped, with a reason that names what is missing. */
void test_skip(const char *fmt, ...) DEMUR_PRINTF(1, 2);
/* The bytes of a data file that the host loaded under `name` (its path below
 * the folder that the host was given, "merkle/inclusion/0/happy-path.json").
 * A NULL p when it is absent. */
struct span test_data(const char *name);
/* The i-th loaded file's name, or NULL past the end: to walk a folder. */
const char *test_data_name(size_t i);
/* A deterministic stream of bytes for property tests; *state is the seed. */
void test_random(uint64_t *state, void *out, size_t len);
uint64_t test_random_u64(uint64_t *state);
/* True when the host runs the tests under something slow (valgrind): a property
 * test then does fewer rounds, but every kind of case still. */
bool test_quick(void);
/* Hex text to bytes; fails the test when it is not hex or not `len` bytes. */
void test_unhex(const char *hex, uint8_t *out, size_t len);

#define TEST(test_name)                                                                            \
    static void test_run_##test_name(void);                                                        \
    static struct test_case test_case_##test_name = {__FILE__, #test_name,                         \
                                                     test_run_##test_name, NULL};                  \
    __attribute__((constructor)) static void test_reg_##test_name(void)                            \
    {                                                                                              \
        test_register(&test_case_##test_name);                                                     \
    }                                                                                              \
    static void test_run_##test_name(void)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            test_failed(__FILE__, __LINE__, "not so: %s", #cond);                                  \
    } while (0)
/* Like CHECK, and return from the test function when it fails. */
#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            test_failed(__FILE__, __LINE__, "not so: %s", #cond);                                  \
            return;                                                                                \
        }                                                                                          \
    } while (0)
#define CHECK_ERR(expr, want)                                                                      \
    do {                                                                                           \
        enum demur_err test_got_ = (expr), test_want_ = (want);                                    \
        if (test_got_ != test_want_)                                                               \
            test_failed(__FILE__, __LINE__, "%s: got %s, want %s", #expr,                          \
                        demur_err_name(test_got_), demur_err_name(test_want_));                    \
    } while (0)
#define CHECK_SPAN(got, want)                                                                      \
    do {                                                                                           \
        struct span test_a_ = (got), test_b_ = (want);                                             \
        if (!span_eq(test_a_, test_b_))                                                            \
            test_failed(__FILE__, __LINE__, "%s: got \"%.*s\", want \"%.*s\"", #got,                \
                        SPAN_ARG(test_a_), SPAN_ARG(test_b_));                                     \
    } while (0)

#endif
