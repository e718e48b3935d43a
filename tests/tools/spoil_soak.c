/* The long run of tests/support/spoil.h: every byte of a ring signature, and of a record that
 * carries one, altered to every other value. */
#include "../support/spoil.h"

TEST(every_alteration_of_a_signature) { CHECK(spoil_signature(1, SPOIL_ALL) == 960 * SPOIL_ALL); }

TEST(every_alteration_of_a_record) { CHECK(spoil_record(2, SPOIL_ALL, 1) > 1500 * SPOIL_ALL); }

TEST(every_alteration_of_a_proof) { CHECK(spoil_proof(3, SPOIL_ALL, 1) == 960 * SPOIL_ALL); }
