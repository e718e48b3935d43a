#include "group_field.h"

#include <sodium.h>

/* That is, 16 KiB of tables, which stay in the fastest cache. */
#define TABLES_AT_A_TIME 16

void group_tables_of(struct group_table *out, const struct group_point *p, size_t n)
{
    struct group_point multiples[TABLES_AT_A_TIME][8];
    struct group_affine affine[TABLES_AT_A_TIME][8];
    for (size_t first = 0; first < n; first += TABLES_AT_A_TIME) {
        size_t count = n - first < TABLES_AT_A_TIME ? n - first : TABLES_AT_A_TIME;
        for (size_t k = 0; k < count; k++) {
            struct group_cached cached;
            multiples[k][0] = p[first + k];
            group_cache(&cached, &p[first + k]);
            for (int i = 1; i < 8; i++)
                group_add(&multiples[k][i], &multiples[k][i - 1], &cached);
        }
        group_affine_of_many(affine[0], multiples[0], 8 * count);
        for (size_t k = 0; k < count; k++) {
            for (int i = 0; i < 8; i++) {
                memcpy(out[first + k].multiple[i], &affine[k][i], sizeof affine[k][i]);
                out[first + k].multiple[i][15] = 0;
            }
        }
    }
    sodium_memzero(multiples, sizeof multiples);
    sodium_memzero(affine, sizeof affine);
}

/* Digits 0..15, then a carry out of every digit above 7. The last is at most 1
 * and a carry, since scalars are below 2^253. */
void group_digits_of(struct group_digits *out, const struct group_scalar *s)
{
    int carry = 0;
    for (int i = 0; i < GROUP_DIGITS; i++) {
        int digit = (int)(s->w[i / 16] >> (4 * (i % 16)) & 15) + carry;
        carry = (digit + 8) >> 4;
        out->d[i] = (int8_t)(digit - 16 * carry);
    }
}

typedef uint64_t pair __attribute__((vector_size(16), may_alias));

/* digit·P, by a look at every entry of the table. */
static void look_up(struct group_affine *out, const struct group_table *table, int8_t digit)
{
    uint64_t minus = (uint64_t)0 - ((uint8_t)digit >> 7);
    uint64_t wanted = ((uint64_t)(int64_t)digit ^ minus) - minus;
    pair p0 = {0}, p1 = {0}, p2 = {0}, p3 = {0}, p4 = {0}, p5 = {0}, p6 = {0}, p7 = {0};
    for (uint64_t i = 0; i < 8; i++) {
        uint64_t same = (uint64_t)0 - (((wanted ^ (i + 1)) - 1) >> 63);
        const pair mask = {same, same}, *entry = (const pair *)table->multiple[i];
        p0 |= mask & entry[0];
        p1 |= mask & entry[1];
        p2 |= mask & entry[2];
        p3 |= mask & entry[3];
        p4 |= mask & entry[4];
        p5 |= mask & entry[5];
        p6 |= mask & entry[6];
        p7 |= mask & entry[7];
    }
    const pair words[8] = {p0, p1, p2, p3, p4, p5, p6, p7};
    memcpy(out, words, sizeof *out);
    uint64_t none = (wanted - 1) >> 63;
    out->sum.v[0] |= none;
    out->difference.v[0] |= none;

    struct field turned = {{0}};
    field_sub(&turned, &turned, &out->t2d);
    field_select(&out->t2d, &turned, minus);
    turned = out->sum;
    field_select(&out->sum, &out->difference, minus);
    field_select(&out->difference, &turned, minus);
}

void group_sums_init(struct group_sums *sums)
{
    for (int w = 0; w < GROUP_DIGITS; w++)
        sums->at[w] = group_identity;
}

void group_sums_add(struct group_sums *sums, const struct group_digits *digits,
                    const struct group_table *tables, const uint16_t *places, size_t n)
{
    struct group_affine term;
    for (size_t first = 0; first < n; first += TABLES_AT_A_TIME) {
        size_t end = n - first < TABLES_AT_A_TIME ? n : first + TABLES_AT_A_TIME;
        for (int w = 0; w < GROUP_DIGITS; w++) {
            for (size_t i = first; i < end; i++) {
                size_t at = places ? places[i] : i;
                look_up(&term, &tables[at], digits[at].d[w]);
                group_add_affine(&sums->at[w], &sums->at[w], &term);
            }
        }
    }
    sodium_memzero(&term, sizeof term);
}

void group_sums_join(struct group_point *out, const struct group_sums *sums)
{
    struct group_point sum = sums->at[GROUP_DIGITS - 1];
    for (int w = GROUP_DIGITS - 1; w-- > 0;) {
        group_double_times(&sum, &sum, 4);
        group_add_to(&sum, &sums->at[w]);
    }
    *out = sum;
    sodium_memzero(&sum, sizeof sum);
}

void group_straus(struct group_point *out, const struct group_digits *digits,
                  const struct group_table *tables, size_t n)
{
    struct group_sums sums;
    group_sums_init(&sums);
    group_sums_add(&sums, digits, tables, NULL, n);
    group_sums_join(out, &sums);
    sodium_memzero(&sums, sizeof sums);
}

void group_mul(struct group_point *out, const struct group_scalar *s, const struct group_point *p)
{
    struct group_table table;
    struct group_digits digits;
    group_tables_of(&table, p, 1);
    group_digits_of(&digits, s);
    group_straus(out, &digits, &table, 1);
    sodium_memzero(&digits, sizeof digits);
}
