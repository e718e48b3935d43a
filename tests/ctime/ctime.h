/* ctime.h - constant-time tests.
 *
 * A test is a program in tests/ctime/ that marks its secrets, calls the function
 * under test, and marks what the function may reveal. It runs under valgrind, for
 * which secret bytes are uninitialised ones: a branch or an index that depends on
 * them is an error, wherever in demur or libsodium it happens. `make ctime` runs
 * them all; a program whose name starts with `control` must be caught, or the
 * method does not work.
 *
 * What it cannot see: instructions whose time depends on their operands.
 */
#ifndef DEMUR_TEST_CTIME_H
#define DEMUR_TEST_CTIME_H

#include <stddef.h>
#include <valgrind/memcheck.h>

/* From here on these bytes, and all that is computed from them, are secret. */
static inline void ctime_secret(void *p, size_t len) { (void)VALGRIND_MAKE_MEM_UNDEFINED(p, len); }

/* These bytes may be known to anyone: an output, or a verdict. */
static inline void ctime_public(void *p, size_t len) { (void)VALGRIND_MAKE_MEM_DEFINED(p, len); }

/* False outside of valgrind, where a test would pass whatever it does. */
static inline int ctime_watched(void) { return RUNNING_ON_VALGRIND != 0; }

#endif
