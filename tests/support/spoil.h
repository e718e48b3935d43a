/* spoil.h - good signatures altered a byte at a time: none may be accepted. What
 * tests/core/spoil_test.c does with a few alterations of each byte, and
 * tests/tools/spoil_soak.c with all of them.
 * Each returns how many alterations were tried; those that were accepted failed the test. */
#ifndef DEMUR_TEST_SPOIL_H
#define DEMUR_TEST_SPOIL_H

#include "../test.h"

#define SPOIL_ALL 255 /* values that a byte can be altered to */

/* Every byte of a ring signature, to `values` others, before the verifier. */
size_t spoil_signature(uint64_t seed, size_t values);
/* Every `step`-th byte of a `cosign` record, its proof among them, and every byte of each
 * other line, to `values` others; the same places with a byte left out and one put in; and
 * the record cut there: before the fold. */
size_t spoil_record(uint64_t seed, size_t values, size_t step);
/* Every `step`-th byte of the proof in a `cosign` record that stays well formed. */
size_t spoil_proof(uint64_t seed, size_t values, size_t step);

#endif
