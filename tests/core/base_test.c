#include "../test.h"

TEST(span_u64_takes_canonical_decimal_only)
{
    uint64_t v = 7;
    CHECK(span_u64(span_lit("0"), 10, &v) && v == 0);
    CHECK(span_u64(span_lit("18446744073709551615"), UINT64_MAX, &v) && v == UINT64_MAX);
    static const char *const bad[] = {"", "00", "01", "+1", "-1", " 1", "1 ", "1x", "11",
                                      "18446744073709551616", "99999999999999999999"};
    for (size_t i = 0; i < DEMUR_COUNT(bad); i++) {
        v = 5;
        CHECK(!span_u64(span_str(bad[i]), 10, &v) && v == 5);
    }
}

TEST(buf_overflow_is_sticky)
{
    uint8_t mem[4];
    struct buf b = buf_over(mem, sizeof mem);
    buf_put_str(&b, "abc");
    CHECK(buf_ok(&b));
    buf_put_str(&b, "de");
    CHECK(!buf_ok(&b) && b.len == 3);
    buf_put_byte(&b, 'x');
    CHECK(!buf_ok(&b) && b.len == 3);
}

TEST(span_split_walks_a_list)
{
    struct span rest = span_lit("a,bc,");
    bool found;
    CHECK_SPAN(span_split(&rest, ',', &found), span_lit("a"));
    CHECK(found);
    CHECK_SPAN(span_split(&rest, ',', &found), span_lit("bc"));
    CHECK(found);
    CHECK_SPAN(span_split(&rest, ',', &found), span_lit(""));
    CHECK(!found);
}

TEST(integers_print_in_decimal)
{
    uint8_t mem[64];
    struct buf b = buf_over(mem, sizeof mem);
    buf_put_i64(&b, INT64_MIN);
    buf_put_byte(&b, ' ');
    buf_put_u64(&b, UINT64_MAX);
    CHECK_SPAN(buf_span(&b), span_lit("-9223372036854775808 18446744073709551615"));
}
