#include "group_field.h"

#include <sodium.h>

void group_table_of(struct group_table *out, const struct group_point *p)
{
    struct group_point sum = *p;
    group_cache(&out->multiple[0], p);
    for (int i = 1; i < 8; i++) {
        group_add(&sum, &sum, &out->multiple[0]);
        group_cache(&out->multiple[i], &sum);
    }
}

/* Digits 0..15, then a carry out of every digit above 7. The last is at most 1
 * and a carry, since scalars are below 2^253. */
void group_digits_of(struct group_digits *out, const struct group_scalar *s)
{
    int carry = 0;
    for (int i = 0; i < 64; i++) {
        int digit = (int)(s->w[i / 16] >> (4 * (i % 16)) & 15) + carry;
        carry = (digit + 8) >> 4;
        out->d[i] = (int8_t)(digit - 16 * carry);
    }
}

/* digit·P, by a look at every entry of the table. */
static void look_up(struct group_cached *out, const struct group_table *table, int8_t digit)
{
    uint64_t minus = (uint64_t)0 - ((uint8_t)digit >> 7);
    uint64_t wanted = ((uint64_t)(int64_t)digit ^ minus) - minus;
    struct field turned;
    *out = (struct group_cached){
        .sum = {{1, 0, 0, 0, 0}}, .difference = {{1, 0, 0, 0, 0}}, .z2 = {{2, 0, 0, 0, 0}}};
    for (uint64_t i = 0; i < 8; i++) {
        uint64_t mask = ((wanted ^ (i + 1)) - 1) >> 63;
        mask = 0 - mask;
        field_select(&out->sum, &table->multiple[i].sum, mask);
        field_select(&out->difference, &table->multiple[i].difference, mask);
        field_select(&out->z2, &table->multiple[i].z2, mask);
        field_select(&out->t2d, &table->multiple[i].t2d, mask);
    }
    turned = out->sum;
    field_select(&out->sum, &out->difference, minus);
    field_select(&out->difference, &turned, minus);
    turned = (struct field){{0}};
    field_sub(&turned, &turned, &out->t2d);
    field_select(&out->t2d, &turned, minus);
}

void group_straus(struct group_point *out, const struct group_digits *digits,
                  const struct group_table *tables, const uint16_t *places, size_t n)
{
    struct group_point sum = group_identity;
    struct group_cached term;
    for (int w = 63; w >= 0; w--) {
        if (w < 63)
            group_double_times(&sum, &sum, 4);
        for (size_t i = 0; i < n; i++) {
            size_t at = places ? places[i] : i;
            look_up(&term, &tables[at], digits[at].d[w]);
            group_add(&sum, &sum, &term);
        }
    }
    *out = sum;
    sodium_memzero(&sum, sizeof sum);
    sodium_memzero(&term, sizeof term);
}

void group_mul(struct group_point *out, const struct group_scalar *s, const struct group_point *p)
{
    struct group_table table;
    struct group_digits digits;
    group_table_of(&table, p);
    group_digits_of(&digits, s);
    group_straus(out, &digits, &table, NULL, 1);
    sodium_memzero(&digits, sizeof digits);
}
