/* No byte of a signature, and none of the record that carries it, may be another. */
#include "../support/spoil.h"

TEST(spoilt_signatures_do_not_verify)
{
    if (test_quick())
        test_skip("every byte of a signature takes too long here");
    else
        CHECK(spoil_signature(1, 1) >= 960);
}

TEST(spoilt_records_do_not_count)
{
    CHECK(spoil_record(2, 1, test_quick() ? 97 : 23) > 700);
    CHECK(spoil_proof(3, 1, test_quick() ? 32 : 16) >= 30);
}
