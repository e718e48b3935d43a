#include "group_field.h"

#define CONSTANT(a, b, c, d, e)                                                                    \
    {                                                                                              \
        {                                                                                          \
            UINT64_C(a), UINT64_C(b), UINT64_C(c), UINT64_C(d), UINT64_C(e)                        \
        }                                                                                          \
    }
#define ONE                                                                                        \
    {                                                                                              \
        {                                                                                          \
            1, 0, 0, 0, 0                                                                          \
        }                                                                                          \
    }

static const struct field one = ONE;
static const struct field edwards_d =
    CONSTANT(0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff);
static const struct field edwards_2d =
    CONSTANT(0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff);
/* RFC 9496 §4.1 */
static const struct field invsqrt_a_minus_d =
    CONSTANT(0x0fdaa805d40ea, 0x2eb482e57d339, 0x007610274bc58, 0x6510b613dc8ff, 0x786c8905cfaff);
static const struct field sqrt_ad_minus_one =
    CONSTANT(0x7f6a0497b2e1b, 0x1836f0a97afd2, 0x7d747f6be7638, 0x456079e7e6498, 0x376931bf2b834);
static const struct field one_minus_d_sq =
    CONSTANT(0x409c1945fc176, 0x719abc6a1fc4f, 0x1c37f90b20684, 0x06bccca55eedf, 0x029072a8b2b3e);
static const struct field d_minus_one_sq =
    CONSTANT(0x55aaa44ed4d20, 0x59603c3332635, 0x26d3baf4a7928, 0x120a66e6997a9, 0x5968b37af66c2);

const struct group_point group_identity = {.y = ONE, .z = ONE};
const struct group_point group_base = {
    .x = CONSTANT(0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe,
                  0x216936d3cd6e5),
    .y = CONSTANT(0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333,
                  0x6666666666666),
    .z = ONE,
    .t = CONSTANT(0x68ab3a5b7dda3, 0x00eea2a5eadbb, 0x2af8df483c27e, 0x332b375274732,
                  0x67875f0fd78b7)};

static void absolute(struct field *a)
{
    struct field minus;
    field_neg(&minus, a);
    field_select(a, &minus, field_negative_mask(a));
}

bool group_decode(struct group_point *out, const uint8_t in[static 32])
{
    struct field s, ss, u1, u2, u2_sq, v, invsqrt, den_x, den_y, t;
    uint8_t canonical[32], differ = 0;
    field_from_bytes(&s, in);
    field_to_bytes(canonical, &s);
    for (int i = 0; i < 32; i++)
        differ |= (uint8_t)(canonical[i] ^ in[i]);
    uint64_t bad = (uint64_t)differ | (in[0] & 1);

    field_square(&ss, &s);
    field_sub(&u1, &one, &ss);
    field_add(&u2, &one, &ss);
    field_square(&u2_sq, &u2);
    field_square(&v, &u1);
    field_mul(&v, &v, &edwards_d);
    field_add(&v, &v, &u2_sq);
    field_neg(&v, &v);
    field_mul(&t, &v, &u2_sq);
    uint64_t square = field_sqrt_ratio(&invsqrt, &one, &t);
    field_mul(&den_x, &invsqrt, &u2);
    field_mul(&den_y, &invsqrt, &den_x);
    field_mul(&den_y, &den_y, &v);
    field_add(&t, &s, &s);
    field_mul(&out->x, &t, &den_x);
    absolute(&out->x);
    field_mul(&out->y, &u1, &den_y);
    out->z = one;
    field_mul(&out->t, &out->x, &out->y);
    bad |= ~square | field_negative_mask(&out->t) | field_zero_mask(&out->y);
    return bad == 0;
}

void group_encode(uint8_t out[static 32], const struct group_point *p)
{
    struct field u1, u2, t, invsqrt, den1, den2, z_inv, x, y, den_inv, ix, iy;
    field_add(&u1, &p->z, &p->y);
    field_sub(&t, &p->z, &p->y);
    field_mul(&u1, &u1, &t);
    field_mul(&u2, &p->x, &p->y);
    field_square(&t, &u2);
    field_mul(&t, &t, &u1);
    field_sqrt_ratio(&invsqrt, &one, &t);
    field_mul(&den1, &invsqrt, &u1);
    field_mul(&den2, &invsqrt, &u2);
    field_mul(&z_inv, &den1, &den2);
    field_mul(&z_inv, &z_inv, &p->t);

    field_mul(&ix, &p->x, &field_sqrt_m1);
    field_mul(&iy, &p->y, &field_sqrt_m1);
    field_mul(&t, &p->t, &z_inv);
    uint64_t rotate = field_negative_mask(&t);
    x = p->x, y = p->y, den_inv = den2;
    field_select(&x, &iy, rotate);
    field_select(&y, &ix, rotate);
    field_mul(&t, &den1, &invsqrt_a_minus_d);
    field_select(&den_inv, &t, rotate);
    field_mul(&t, &x, &z_inv);
    uint64_t negate = field_negative_mask(&t);
    field_neg(&t, &y);
    field_select(&y, &t, negate);
    field_sub(&t, &p->z, &y);
    field_mul(&t, &t, &den_inv);
    absolute(&t);
    field_to_bytes(out, &t);
}

/* MAP of RFC 9496 §4.3.4. */
static void map_to_curve(struct group_point *out, const uint8_t in[static 32])
{
    struct field r, u, v, s, c, n, t, w0, w1, w2, w3, r0;
    field_from_bytes(&r0, in);
    field_square(&r, &r0);
    field_mul(&r, &r, &field_sqrt_m1);
    field_add(&u, &r, &one);
    field_mul(&u, &u, &one_minus_d_sq);
    field_mul(&t, &r, &edwards_d);
    field_add(&t, &t, &one);
    field_neg(&t, &t);
    field_add(&v, &r, &edwards_d);
    field_mul(&v, &t, &v);
    uint64_t square = field_sqrt_ratio(&s, &u, &v);
    field_mul(&t, &s, &r0);
    absolute(&t);
    field_neg(&t, &t);
    field_select(&s, &t, ~square);
    field_neg(&c, &one);
    field_select(&c, &r, ~square);
    field_sub(&n, &r, &one);
    field_mul(&n, &n, &c);
    field_mul(&n, &n, &d_minus_one_sq);
    field_sub(&n, &n, &v);
    field_add(&w0, &s, &s);
    field_mul(&w0, &w0, &v);
    field_mul(&w1, &n, &sqrt_ad_minus_one);
    field_square(&t, &s);
    field_sub(&w2, &one, &t);
    field_add(&w3, &one, &t);
    field_mul(&out->x, &w0, &w3);
    field_mul(&out->y, &w2, &w1);
    field_mul(&out->z, &w1, &w3);
    field_mul(&out->t, &w0, &w2);
}

void group_from_uniform(struct group_point *out, const uint8_t in[static 64])
{
    struct group_point b;
    map_to_curve(out, in);
    map_to_curve(&b, in + 32);
    group_add_to(out, &b);
}

/* The formulas of Hisil, Wong, Carter and Dawson (ePrint 2008/522 §3.1) for
 * a = -1: a = (Y1-X1)·m, b = (Y1+X1)·s, c = T1·2dT2, d = Z1·2Z2, where adding
 * takes m = Y2-X2 and s = Y2+X2, and subtracting exchanges them and c's sign. Second
 * factors are those whose multiples two products can share. */
#define FINISH(out, a, b, plus, minus)                                                             \
    do {                                                                                           \
        struct field e, h;                                                                         \
        field_sub(&e, &(b), &(a));                                                                 \
        field_add(&h, &(b), &(a));                                                                 \
        field_mul(&(out)->x, &(minus), &e);                                                        \
        field_mul(&(out)->t, &h, &e);                                                              \
        field_mul(&(out)->y, &h, &(plus));                                                         \
        field_mul(&(out)->z, &(minus), &(plus));                                                   \
    } while (0)

#define COMBINE(out, p, s, m, d_term, t2d, plus_is, minus_is)                                      \
    do {                                                                                           \
        struct field a, b, c, d, f, g;                                                             \
        field_sub(&a, &(p)->y, &(p)->x);                                                           \
        field_mul(&a, &a, &(m));                                                                   \
        field_add(&b, &(p)->y, &(p)->x);                                                           \
        field_mul(&b, &b, &(s));                                                                   \
        field_mul(&c, &(p)->t, &(t2d));                                                            \
        d_term;                                                                                    \
        field_sub(&f, &d, &c);                                                                     \
        field_add(&g, &d, &c);                                                                     \
        FINISH(out, a, b, plus_is, minus_is);                                                      \
    } while (0)

void group_add(struct group_point *out, const struct group_point *p, const struct group_cached *q)
{
    COMBINE(out, p, q->sum, q->difference, field_mul(&d, &p->z, &q->z2), q->t2d, g, f);
}

void group_add_to(struct group_point *sum, const struct group_point *p)
{
    struct group_cached cached;
    group_cache(&cached, p);
    group_add(sum, sum, &cached);
}

void group_sub(struct group_point *out, const struct group_point *p, const struct group_cached *q)
{
    COMBINE(out, p, q->difference, q->sum, field_mul(&d, &p->z, &q->z2), q->t2d, f, g);
}

void group_add_affine(struct group_point *out, const struct group_point *p,
                      const struct group_affine *q)
{
    COMBINE(out, p, q->sum, q->difference, field_add(&d, &p->z, &p->z), q->t2d, g, f);
}

void group_sub_affine(struct group_point *out, const struct group_point *p,
                      const struct group_affine *q)
{
    COMBINE(out, p, q->difference, q->sum, field_add(&d, &p->z, &p->z), q->t2d, f, g);
}

/* Without T, which a doubling does not read. */
static void double_xyz(struct field *e, struct field *f, struct field *g, struct field *h,
                       const struct group_point *p)
{
    struct field xx, yy, zz2;
    field_square(&xx, &p->x);
    field_square(&yy, &p->y);
    field_square(&zz2, &p->z);
    field_add(&zz2, &zz2, &zz2);
    field_add(h, &yy, &xx);
    field_sub(g, &yy, &xx);
    field_carry(g);
    field_add(e, &p->x, &p->y);
    field_square(e, e);
    field_sub(e, e, h);
    field_sub(f, &zz2, g);
}

void group_double_times(struct group_point *out, const struct group_point *p, unsigned n)
{
    struct field e, f, g, h;
    double_xyz(&e, &f, &g, &h, p);
    while (n-- > 1) {
        struct group_point q;
        field_mul(&q.x, &e, &f);
        field_mul(&q.y, &g, &h);
        field_mul(&q.z, &f, &g);
        double_xyz(&e, &f, &g, &h, &q);
    }
    field_mul(&out->x, &e, &f);
    field_mul(&out->y, &g, &h);
    field_mul(&out->z, &f, &g);
    field_mul(&out->t, &e, &h);
}

void group_double(struct group_point *out, const struct group_point *p)
{
    group_double_times(out, p, 1);
}

void group_neg(struct group_point *out, const struct group_point *p)
{
    field_neg(&out->x, &p->x);
    out->y = p->y;
    out->z = p->z;
    field_neg(&out->t, &p->t);
}

void group_cache(struct group_cached *out, const struct group_point *p)
{
    field_add(&out->sum, &p->y, &p->x);
    field_sub(&out->difference, &p->y, &p->x);
    field_add(&out->z2, &p->z, &p->z);
    field_mul(&out->t2d, &p->t, &edwards_2d);
}

void group_affine_of(struct group_affine *out, const struct group_point *p)
{
    struct field difference;
    field_sub(&difference, &p->y, &p->x);
    field_add(&out->sum, &p->y, &p->x);
    field_mul(&out->t2d, &p->t, &edwards_2d);
    out->difference = difference;
    field_carry(&out->sum);
    field_carry(&out->difference);
}

/* Montgomery's trick: out[i].t2d holds Z_0···Z_(i-1) on the way up, and on the
 * way down `inverse` is that of Z_0···Z_i. */
void group_affine_of_many(struct group_affine *out, const struct group_point *p, size_t n)
{
    struct field inverse = one, z_inverse;
    for (size_t i = 0; i < n; i++) {
        out[i].t2d = inverse;
        field_mul(&inverse, &inverse, &p[i].z);
    }
    field_invert(&inverse, &inverse);
    for (size_t i = n; i-- > 0;) {
        struct group_point q = {.z = one};
        field_mul(&z_inverse, &inverse, &out[i].t2d);
        field_mul(&inverse, &inverse, &p[i].z);
        field_mul(&q.x, &p[i].x, &z_inverse);
        field_mul(&q.y, &p[i].y, &z_inverse);
        field_mul(&q.t, &p[i].t, &z_inverse);
        group_affine_of(&out[i], &q);
    }
}

/* With Z = 2: X = 2x, Y = 2y, T = XY/2 = 2xy. */
void group_of_affine(struct group_point *out, const struct group_affine *p)
{
    static const struct field inverse_d = CONSTANT(
        0x0f276cdc9f843, 0x3084f2a85c4bc, 0x6e73d982d775a, 0x721958b108a66, 0x40907ed214d5c);
    field_sub(&out->x, &p->sum, &p->difference);
    field_add(&out->y, &p->sum, &p->difference);
    field_carry(&out->x);
    field_carry(&out->y);
    out->z = (struct field){{2, 0, 0, 0, 0}};
    field_mul(&out->t, &p->t2d, &inverse_d);
}

bool group_equal(const struct group_point *p, const struct group_point *q)
{
    struct field a, b, c, d;
    field_mul(&a, &p->x, &q->y);
    field_mul(&b, &p->y, &q->x);
    field_mul(&c, &p->y, &q->y);
    field_mul(&d, &p->x, &q->x);
    return (field_equal_mask(&a, &b) | field_equal_mask(&c, &d)) != 0;
}

bool group_is_identity(const struct group_point *p)
{
    return (field_zero_mask(&p->x) | field_zero_mask(&p->y)) != 0;
}
