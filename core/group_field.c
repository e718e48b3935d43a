#include "group_field.h"

/* a's limbs carried, then below 2p; adding 19 carries into bit 255 just when
 * a >= p, and then that bit falls away. */
static void canonical(struct field *out, const struct field *a)
{
    *out = *a;
    field_carry(out);
    field_carry(out);
    uint64_t carry = 19;
    for (int i = 0; i < 5; i++) {
        carry += out->v[i];
        carry >>= 51;
    }
    carry *= 19;
    for (int i = 0; i < 5; i++) {
        out->v[i] += carry;
        carry = out->v[i] >> 51;
        out->v[i] &= FIELD_MASK;
    }
}

void field_to_bytes(uint8_t out[static 32], const struct field *a)
{
    struct field c;
    canonical(&c, a);
    const uint64_t words[4] = {c.v[0] | c.v[1] << 51, c.v[1] >> 13 | c.v[2] << 38,
                               c.v[2] >> 26 | c.v[3] << 25, c.v[3] >> 39 | c.v[4] << 12};
    for (int i = 0; i < 32; i++)
        out[i] = (uint8_t)(words[i / 8] >> (8 * (i % 8)));
}

uint64_t field_zero_mask(const struct field *a)
{
    struct field c;
    canonical(&c, a);
    uint64_t any = c.v[0] | c.v[1] | c.v[2] | c.v[3] | c.v[4];
    return ((any | (0 - any)) >> 63) - 1;
}

uint64_t field_negative_mask(const struct field *a)
{
    struct field c;
    canonical(&c, a);
    return 0 - (c.v[0] & 1);
}

uint64_t field_equal_mask(const struct field *a, const struct field *b)
{
    struct field d, tight = *b;
    field_carry(&tight);
    field_sub(&d, a, &tight);
    return field_zero_mask(&d);
}

static void square_times(struct field *out, const struct field *a, int n)
{
    field_square(out, a);
    while (--n > 0)
        field_square(out, out);
}

/* a^(2^250 - 1), and a^11 for field_invert: runs of ones double in length. */
static void power_2_250_1(struct field *out, struct field *a11, const struct field *a)
{
    struct field a9, ones5, ones10, ones20, ones50, t;
    square_times(&t, a, 3);
    field_mul(&a9, &t, a);
    field_square(&t, a);
    field_mul(a11, &a9, &t);
    field_square(&t, a11);
    field_mul(&ones5, &t, &a9);
    square_times(&t, &ones5, 5);
    field_mul(&ones10, &t, &ones5);
    square_times(&t, &ones10, 10);
    field_mul(&ones20, &t, &ones10);
    square_times(&t, &ones20, 20);
    field_mul(&t, &t, &ones20);
    square_times(&t, &t, 10);
    field_mul(&ones50, &t, &ones10);
    square_times(&t, &ones50, 50);
    field_mul(&ones10, &t, &ones50);
    square_times(&t, &ones10, 100);
    field_mul(&t, &t, &ones10);
    square_times(&t, &t, 50);
    field_mul(out, &t, &ones50);
}

/* a^(2^255 - 21) */
void field_invert(struct field *out, const struct field *a)
{
    struct field t, a11;
    power_2_250_1(&t, &a11, a);
    square_times(&t, &t, 5);
    field_mul(out, &t, &a11);
}

uint64_t field_sqrt_ratio(struct field *out, const struct field *u, const struct field *v)
{
    struct field v3, v7, r, t, check, minus_u, minus_ui, turned;
    field_square(&t, v);
    field_mul(&v3, &t, v);
    field_square(&t, &v3);
    field_mul(&v7, &t, v);
    field_mul(&t, u, &v7);
    /* t^((p-5)/8) = t^(2^252 - 3) */
    struct field a = t, a11;
    power_2_250_1(&t, &a11, &a);
    square_times(&t, &t, 2);
    field_mul(&t, &t, &a);
    field_mul(&r, u, &v3);
    field_mul(&r, &r, &t);

    field_square(&t, &r);
    field_mul(&check, v, &t);
    field_neg(&minus_u, u);
    field_mul(&minus_ui, &minus_u, &field_sqrt_m1);
    uint64_t right = field_equal_mask(&check, u);
    uint64_t flipped = field_equal_mask(&check, &minus_u);
    uint64_t flipped_i = field_equal_mask(&check, &minus_ui);
    field_mul(&turned, &r, &field_sqrt_m1);
    field_select(&r, &turned, flipped | flipped_i);
    field_neg(&t, &r);
    field_select(&r, &t, field_negative_mask(&r));
    *out = r;
    return right | flipped;
}

const struct field field_sqrt_m1 = {{UINT64_C(0x61b274a0ea0b0), UINT64_C(0x0d5a5fc8f189d),
                                     UINT64_C(0x7ef5e9cbd0c60), UINT64_C(0x78595a6804c9e),
                                     UINT64_C(0x2b8324804fc1d)}};
