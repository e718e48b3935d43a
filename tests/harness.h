/* harness.h - what a host of the unit tests calls. See test.h for tests. */
#ifndef DEMUR_TEST_HARNESS_H
#define DEMUR_TEST_HARNESS_H

#include "test.h"

enum test_outcome { TEST_PASSED = 0, TEST_FAILED = 1, TEST_SKIPPED = 2 };

/* The i-th registered test, NULL past the end. */
const struct test_case *test_at(size_t i);
/* Its source file and its name, NULL past the end. */
const char *test_file(size_t i);
const char *test_name(size_t i);
/* Run it; its messages are in test_message() until the next run. */
enum test_outcome test_run(size_t i);
const char *test_message(void);
/* malloc, for a host in wasm; its linker may have wrapped the real one. */
void *test_alloc(size_t n);
/* Room for a data file's bytes, to be filled by the host; NULL when full. */
uint8_t *test_data_add(const char *name, size_t len);
/* Say that this run is under something slow: see test_quick(). */
void test_set_quick(void);

#endif
