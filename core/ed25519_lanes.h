/* ed25519_lanes.h - the equation of an Ed25519 signature in each lane of a vector:
 * is R the encoding of sB - hA? Included by core/group_ifma.c and
 * core/group_avx2.c, on top of group_lanes.h.
 *
 * Each scalar is cut into 64 signed digits of four bits, for A and for B alike, and
 * every lane takes the same steps: four doublings, then a multiple of -A out of the
 * lane's own eight, and one of B out of eight that all share. Additions are complete:
 * they hold for every two points of the curve, those of small order included.
 */
#include "group_lanes.h"

#define MULTIPLES 8
#define DIGITS 64

/* B, 2B, ..., 8B */
static const struct group_affine base_multiples[MULTIPLES] = {
    {{{UINT64_C(0x493c6f58c3b85), UINT64_C(0x0df7181c325f7), UINT64_C(0x0f50b0b3e4cb7),
       UINT64_C(0x5329385a44c32), UINT64_C(0x07cf9d3a33d4b)}},
     {{UINT64_C(0x03905d740913e), UINT64_C(0x0ba2817d673a2), UINT64_C(0x23e2827f4e67c),
       UINT64_C(0x133d2e0c21a34), UINT64_C(0x44fd2f9298f81)}},
     {{UINT64_C(0x11205877aaa68), UINT64_C(0x479955893d579), UINT64_C(0x50d66309b67a0),
       UINT64_C(0x2d42d0dbee5ee), UINT64_C(0x6f117b689f0c6)}}},
    {{{UINT64_C(0x4e7fc933c71d7), UINT64_C(0x2cf41feb6b244), UINT64_C(0x7581c0a7d1a76),
       UINT64_C(0x7172d534d32f0), UINT64_C(0x590c063fa87d2)}},
     {{UINT64_C(0x1a56042b4d5a8), UINT64_C(0x189cc159ed153), UINT64_C(0x5b8deaa3cae04),
       UINT64_C(0x2aaf04f11b5d8), UINT64_C(0x6bb595a669c92)}},
     {{UINT64_C(0x2a8b3a59b7a5f), UINT64_C(0x3abb359ef087f), UINT64_C(0x4f5a8c4db05af),
       UINT64_C(0x5b9a807d04205), UINT64_C(0x701af5b13ea50)}}},
    {{{UINT64_C(0x5b0a84cee9730), UINT64_C(0x61d10c97155e4), UINT64_C(0x4059cc8096a10),
       UINT64_C(0x47a608da8014f), UINT64_C(0x7a164e1b9a80f)}},
     {{UINT64_C(0x11fe8a4fcd265), UINT64_C(0x7bcb8374faacc), UINT64_C(0x52f5af4ef4d4f),
       UINT64_C(0x5314098f98d10), UINT64_C(0x2ab91587555bd)}},
     {{UINT64_C(0x6933f0dd0d889), UINT64_C(0x44386bb4c4295), UINT64_C(0x3cb6d3162508c),
       UINT64_C(0x26368b872a2c6), UINT64_C(0x5a2826af12b9b)}}},
    {{{UINT64_C(0x351b98efc099f), UINT64_C(0x68fbfa4a7050e), UINT64_C(0x42a49959d971b),
       UINT64_C(0x393e51a469efd), UINT64_C(0x680e910321e58)}},
     {{UINT64_C(0x6050a056818bf), UINT64_C(0x62acc1f5532bf), UINT64_C(0x28141ccc9fa25),
       UINT64_C(0x24d61f471e683), UINT64_C(0x27933f4c7445a)}},
     {{UINT64_C(0x3fbe9c476ff09), UINT64_C(0x0af6b982e4b42), UINT64_C(0x0ad1251ba78e5),
       UINT64_C(0x715aeedee7c88), UINT64_C(0x7f9d0cbf63553)}}},
    {{{UINT64_C(0x2bc4408a5bb33), UINT64_C(0x078ebdda05442), UINT64_C(0x2ffb112354123),
       UINT64_C(0x375ee8df5862d), UINT64_C(0x2945ccf146e20)}},
     {{UINT64_C(0x182c3a447d6ba), UINT64_C(0x22964e536eff2), UINT64_C(0x192821f540053),
       UINT64_C(0x2f9f19e788e5c), UINT64_C(0x154a7e73eb1b5)}},
     {{UINT64_C(0x3dbf1812a8285), UINT64_C(0x0fa17ba3f9797), UINT64_C(0x6f69cb49c3820),
       UINT64_C(0x34d5a0db3858d), UINT64_C(0x43aabe696b3bb)}}},
    {{{UINT64_C(0x4eeeb77157131), UINT64_C(0x1201915f10741), UINT64_C(0x1669cda6c9c56),
       UINT64_C(0x45ec032db346d), UINT64_C(0x51e57bb6a2cc3)}},
     {{UINT64_C(0x006b67b7d8ca4), UINT64_C(0x084fa44e72933), UINT64_C(0x1154ee55d6f8a),
       UINT64_C(0x4425d842e7390), UINT64_C(0x38b64c41ae417)}},
     {{UINT64_C(0x4326702ea4b71), UINT64_C(0x06834376030b5), UINT64_C(0x0ef0512f9c380),
       UINT64_C(0x0f1a9f2512584), UINT64_C(0x10b8e91a9f0d6)}}},
    {{{UINT64_C(0x25cd0944ea3bf), UINT64_C(0x75673b81a4d63), UINT64_C(0x150b925d1c0d4),
       UINT64_C(0x13f38d9294114), UINT64_C(0x461bea69283c9)}},
     {{UINT64_C(0x72c9aaa3221b1), UINT64_C(0x267774474f74d), UINT64_C(0x064b0e9b28085),
       UINT64_C(0x3f04ef53b27c9), UINT64_C(0x1d6edd5d2e531)}},
     {{UINT64_C(0x36dc801b8b3a2), UINT64_C(0x0e0a7d4935e30), UINT64_C(0x1deb7cecc0d7d),
       UINT64_C(0x053a94e20dd2c), UINT64_C(0x7a9fbb1c6a0f9)}}},
    {{{UINT64_C(0x7596604dd3e8f), UINT64_C(0x6fc510e058b36), UINT64_C(0x3670c8db2cc0d),
       UINT64_C(0x297d899ce332f), UINT64_C(0x0915e76061bce)}},
     {{UINT64_C(0x75dedf39234d9), UINT64_C(0x01c36ab1f3c54), UINT64_C(0x0f08fee58f5da),
       UINT64_C(0x0e19613a0d637), UINT64_C(0x3a9024a1320e0)}},
     {{UINT64_C(0x1f5d9c9a2911a), UINT64_C(0x7117994fafcf8), UINT64_C(0x2d8a8cae28dc5),
       UINT64_C(0x74ab1b2090c87), UINT64_C(0x26907c5c2ecc4)}}},
};

/* A point made ready for adding it: y+x, y-x, Z and 2dT, five words each. */
#define READY_WORDS 20
struct ready {
    vec w[READY_WORDS];
};

FN void make_ready(struct ready *out, const struct lanes_point *p)
{
    struct lanes k;
    lanes_add(&k, &p->y, &p->x);
    lanes_tighten(&k);
    lanes_to_words(out->w, &k);
    lanes_sub(&k, &p->y, &p->x);
    lanes_tighten(&k);
    lanes_to_words(out->w + 5, &k);
    lanes_to_words(out->w + 10, &p->z);
    lanes_same(&k, &two_d);
    lanes_mul(&k, &p->t, &k);
    lanes_to_words(out->w + 15, &k);
}

FN_OUT void add_ready(struct lanes_point *p, const struct ready *q)
{
    struct lanes sum, difference, z, t2d;
    lanes_of_words(&sum, q->w);
    lanes_of_words(&difference, q->w + 5);
    lanes_of_words(&z, q->w + 10);
    lanes_of_words(&t2d, q->w + 15);
    lanes_mul(&z, &p->z, &z);
    add_to(p, &sum, &difference, &z, &t2d, true);
}

/* *p = 2^n·p; T is set, and not read. */
FN_OUT void double_times(struct lanes_point *p, int n)
{
    struct lanes xx, yy, zz, e, f, g, h;
    while (n-- > 0) {
        lanes_square(&xx, &p->x);
        lanes_square(&yy, &p->y);
        lanes_square(&zz, &p->z);
        lanes_add(&e, &p->x, &p->y);
        lanes_square(&e, &e);
        lanes_add(&h, &yy, &xx);
        lanes_tighten(&h);
        lanes_sub(&g, &yy, &xx);
        lanes_tighten(&g);
        lanes_sub(&e, &e, &h);
        lanes_sub_twice(&f, &zz, &g);
        lanes_mul(&p->x, &f, &e);
        lanes_mul(&p->y, &g, &h);
        lanes_mul(&p->z, &f, &g);
        if (n == 0)
            lanes_mul(&p->t, &h, &e);
    }
}

FN_OUT void make_multiples(struct ready out[static MULTIPLES], const struct lanes_point *p)
{
    struct lanes_point sum = *p;
    make_ready(&out[0], p);
    double_times(&sum, 1);
    make_ready(&out[1], &sum);
    for (int i = 2; i < MULTIPLES; i++) {
        add_ready(&sum, &out[0]);
        make_ready(&out[i], &sum);
    }
}

/* The multiple that each lane's digit, from -8 to 8, asks for. */
FN_OUT void pick_multiple(struct ready *out, const struct ready multiples[static MULTIPLES],
                          const int64_t digits[static LANES])
{
    vec digit, one = all_lanes(1);
    memcpy(&digit, digits, sizeof digit);
    vec minus = all_lanes(0) - (digit >> 63);
    vec magnitudes = (digit ^ minus) - minus;
    vec none = (vec)(magnitudes == 0);
    struct ready r;
    for (int i = 0; i < READY_WORDS; i++)
        r.w[i] = i == 0 || i == 5 || i == 10 ? none & one : all_lanes(0);
    for (unsigned k = 0; k < MULTIPLES; k++) {
        vec mask = (vec)(magnitudes == k + 1);
        UNROLL
        for (int i = 0; i < READY_WORDS; i++)
            r.w[i] |= multiples[k].w[i] & mask;
    }
    struct lanes t2d;
    lanes_of_words(&t2d, r.w + 15);
    negate_where(&t2d, minus);
    lanes_tighten(&t2d);
    lanes_to_words(out->w + 15, &t2d);
    for (int i = 0; i < 5; i++) {
        out->w[i] = vec_pick(minus, r.w[5 + i], r.w[i]);
        out->w[5 + i] = vec_pick(minus, r.w[i], r.w[5 + i]);
        out->w[10 + i] = r.w[10 + i];
    }
}

/* As add_ready, of B's multiples; T is not set. */
FN_OUT void add_base(struct lanes_point *p, const int64_t digits[static LANES])
{
    term_ref refs[LANES];
    struct lanes sum, difference, t2d;
    for (int l = 0; l < LANES; l++) {
        int64_t d = digits[l];
        const struct group_affine *m = d ? &base_multiples[(d < 0 ? -d : d) - 1] : &nothing;
        refs[l] = (uint64_t)(uintptr_t)m | (d < 0);
    }
    gather_affine(&sum, &difference, &t2d, refs);
    add_to(p, &sum, &difference, &p->z, &t2d, false);
}

/* -A in affine coordinates; the mask names the lanes whose y has a point. x is
 * u·sqrt(1/uv) = sqrt(u/v), where u = y^2 - 1 and v = dy^2 + 1 (RFC 8032 §5.1.3). */
FN vec decode_negated(struct lanes_point *out, const struct lanes *y, vec odd)
{
    static const struct field one = {{1}};
    struct lanes u, v, k, t;
    lanes_same(&k, &one);
    lanes_square(&t, y);
    lanes_sub(&u, &t, &k);
    lanes_same(&v, &minus_d);
    lanes_mul(&t, &t, &v);
    lanes_sub(&v, &k, &t);
    lanes_mul(&t, &u, &v);
    vec good = inverse_roots(&v, &t);
    lanes_mul(&t, &u, &v);
    negate_where(&t, ~(negative_lanes(&t) ^ odd));
    lanes_tighten(&t);
    out->x = t;
    out->y = *y;
    out->z = k;
    lanes_mul(&out->t, &t, y);
    return good;
}

/* Lanes where the point's encoding is y with this sign of x. */
FN vec encodes_to(const struct lanes_point *p, const vec y[static 5], vec odd)
{
    struct lanes inverse, t;
    vec w[5], differ;
    /* 1/Z = Z^(2^255 - 21) = (Z^(2^252 - 3))^8·Z^3 */
    power_252_3(&t, &p->z);
    square_times(&t, &t, 3);
    lanes_square(&inverse, &p->z);
    lanes_mul(&inverse, &inverse, &p->z);
    lanes_mul(&inverse, &inverse, &t);
    lanes_mul(&t, &p->x, &inverse);
    differ = negative_lanes(&t) ^ odd;
    lanes_mul(&t, &p->y, &inverse);
    canonical_words(w, &t);
    for (int i = 0; i < 5; i++)
        differ |= w[i] ^ y[i];
    return (vec)(differ == 0);
}

/* 64 digits from -8 to 7, but for the last, which is at most 2. */
static void cut_scalar(int64_t digits[static DIGITS][LANES], size_t lane,
                       const uint8_t s[static 32])
{
    int64_t carry = 0;
    for (int i = 0; i < DIGITS; i++) {
        int64_t d = (s[i / 2] >> (i % 2 * 4) & 15) + carry;
        carry = d >= 8 && i + 1 < DIGITS;
        digits[i][lane] = d - carry * 16;
    }
}

/* Points' encodings apart: y, and all ones for an odd x. */
struct lanes_encoded {
    struct lanes_words y;
    uint64_t odd[LANES];
};

static void set_encoded(struct lanes_encoded *out, size_t lane, const uint8_t in[static 32])
{
    struct field y;
    field_from_bytes(&y, in);
    for (int i = 0; i < 5; i++)
        out->y.w[i][lane] = y.v[i];
    out->odd[lane] = 0 - (uint64_t)(in[31] >> 7);
}

struct lanes_equation {
    struct lanes_encoded a, r;
    int64_t h[DIGITS][LANES], s[DIGITS][LANES];
};

FN_OUT void solve(const struct lanes_equation *e, uint64_t holds[static LANES])
{
    static const struct field one = {{1}}, zero = {{0}};
    struct lanes_point p;
    struct ready multiples[MULTIPLES], picked;
    struct lanes y;
    vec r[5];
    lanes_read(&y, &e->a.y);
    vec good = decode_negated(&p, &y, vec_load(e->a.odd));
    make_multiples(multiples, &p);
    lanes_same(&p.x, &zero);
    lanes_same(&p.y, &one);
    p.z = p.y;
    p.t = p.x;
    for (int i = DIGITS; i-- > 0;) {
        if (i + 1 < DIGITS)
            double_times(&p, 4);
        pick_multiple(&picked, multiples, e->h[i]);
        add_ready(&p, &picked);
        add_base(&p, e->s[i]);
    }
    for (int i = 0; i < 5; i++)
        r[i] = vec_load(e->r.y.w[i]);
    vec_store(holds, good & encodes_to(&p, r, vec_load(e->r.odd)));
}

static void lanes_equations(bool *holds, const struct group_equation *in, size_t n)
{
    struct lanes_equation e;
    uint64_t mask[LANES];
    memset(&e, 0, sizeof e);
    for (size_t l = 0; l < n; l++) {
        set_encoded(&e.a, l, in[l].a);
        set_encoded(&e.r, l, in[l].r);
        cut_scalar(e.h, l, in[l].h);
        cut_scalar(e.s, l, in[l].s);
    }
    solve(&e, mask);
    for (size_t l = 0; l < n; l++)
        holds[l] = mask[l] != 0;
}
