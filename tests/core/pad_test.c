/* Padmé lengths. */
#include "../../core/pad.h"
#include "../test.h"

TEST(padme_known_lengths)
{
    /* worked out by hand from the paper's algorithm 1 */
    static const size_t cases[][2] = {
        {0, 0},     {1, 1},     {2, 2},       {8, 8},       {9, 10},        {15, 16},      {17, 18},
        {100, 104}, {200, 208}, {1000, 1024}, {1025, 1088}, {65535, 65536}, {65537, 67584}};
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++)
        if (demur_padme_len(cases[i][0]) != cases[i][1])
            test_failed(__FILE__, __LINE__, "padme(%zu) = %zu", cases[i][0],
                        demur_padme_len(cases[i][0]));
}

static void check_length(size_t n)
{
    size_t padded = demur_padme_len(n);
    if (padded < n || padded - n > n * 12 / 100 || demur_padme_len(padded) != padded)
        test_failed(__FILE__, __LINE__, "padme(%zu) = %zu", n, padded);
}

TEST(padme_is_monotonic_idempotent_and_cheap)
{
    size_t last = 0;
    for (size_t n = 0; n < 300000; n++) {
        check_length(n);
        CHECK(demur_padme_len(n) >= last);
        last = demur_padme_len(n);
    }
    uint64_t seed = 4;
    for (int i = 0; i < 20000; i++)
        check_length((size_t)test_random_u64(&seed) >> (8 + i % 16) & SIZE_MAX / 256);
}

TEST(padme_lets_few_lengths_be)
{
    size_t distinct = 0, last = SIZE_MAX;
    for (size_t n = 1; n <= 1 << 20; n++) {
        distinct += demur_padme_len(n) != last;
        last = demur_padme_len(n);
    }
    CHECK(distinct < 320);
}

TEST(padme_at_the_end_of_the_range)
{
    CHECK(demur_padme_len(SIZE_MAX) == SIZE_MAX);
    CHECK(demur_padme_len(SIZE_MAX - 1) == SIZE_MAX - 1);
    CHECK(demur_padme_len(SIZE_MAX / 2 + 1) == SIZE_MAX / 2 + 1);
}
