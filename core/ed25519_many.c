#include "ed25519_many.h"

#include "group_path.h"
#include "hash.h"

/* The y of every point of small order, canonical: 0, 1, the two of order 8, p - 1. */
static const uint8_t small_orders[5][32] = {
    {0},
    {1},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

static bool of_small_order(const uint8_t point[static 32])
{
    for (size_t i = 0; i < DEMUR_COUNT(small_orders); i++)
        if (memcmp(point, small_orders[i], 31) == 0 && (point[31] & 0x7f) == small_orders[i][31])
            return true;
    return false;
}

/* y below p, whatever the sign */
static bool canonical(const uint8_t point[static 32])
{
    if (point[0] < 0xed || (point[31] & 0x7f) != 0x7f)
        return true;
    for (int i = 1; i < 31; i++)
        if (point[i] != 0xff)
            return true;
    return false;
}

/* Is the equation all that is left to check? What is out of the ordinary libsodium
 * judges itself: it refuses most of that before it computes anything. An R that is
 * not canonical needs no look here, since no encoding equals it. */
static bool ordinary(const struct demur_ed25519_check *c)
{
    struct group_scalar s;
    return group_scalar_decode_vartime(&s, c->sig + 32) && canonical(c->key) &&
           !of_small_order(c->key) && !of_small_order(c->sig);
}

static void set_equation(struct group_equation *out, const struct demur_ed25519_check *c)
{
    uint8_t wide[DEMUR_HASH_WIDE_LEN];
    const struct span parts[] = {span_of(c->sig, 32), span_of(c->key, 32), c->message};
    demur_hash_wide(wide, "", parts, DEMUR_COUNT(parts));
    crypto_core_ed25519_scalar_reduce(out->h, wide);
    memcpy(out->s, c->sig + 32, 32);
    memcpy(out->a, c->key, 32);
    memcpy(out->r, c->sig, 32);
}

static void verify_one(struct demur_ed25519_check *c)
{
    const uint8_t *message = c->message.len ? c->message.p : (const uint8_t *)"";
    c->good = crypto_sign_verify_detached(c->sig, message, c->message.len, c->key) == 0;
}

static void verify_group(const struct group_path *path, struct demur_ed25519_check *const *checks,
                         size_t n)
{
    struct group_equation equations[GROUP_EQUATIONS_MAX] = {{{0}, {0}, {0}, {0}}};
    bool holds[GROUP_EQUATIONS_MAX];
    if (n < path->equations_least) {
        for (size_t i = 0; i < n; i++)
            verify_one(checks[i]);
        return;
    }
    for (size_t i = 0; i < n; i++)
        set_equation(&equations[i], checks[i]);
    path->equations(holds, equations, n);
    for (size_t i = 0; i < n; i++)
        checks[i]->good = holds[i];
}

void group_path_ed25519(const struct group_path *path, struct demur_ed25519_check *checks, size_t n)
{
    struct demur_ed25519_check *group[GROUP_EQUATIONS_MAX];
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (!path->equations || !ordinary(&checks[i])) {
            verify_one(&checks[i]);
            continue;
        }
        group[len++] = &checks[i];
        if (len == path->equations_most) {
            verify_group(path, group, len);
            len = 0;
        }
    }
    if (len > 0)
        verify_group(path, group, len);
}

void demur_ed25519_verify_many(struct demur_ed25519_check *checks, size_t n)
{
    group_path_ed25519(group_path_best(), checks, n);
}
