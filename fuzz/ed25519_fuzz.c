/* Ed25519 verified many at once, on hostile bytes: whatever they are, each way that the
 * processor can go says of every signature what libsodium says.
 *
 * The input is rows of 128 bytes: key, R, s, the row's kind, three bytes for that, and the
 * message. Of kind 0 they are taken as they are. Else key and R are made from secrets that
 * stand in their place, with points of small order added or not, and s fits them: so there
 * are good signatures, and those that only nearly are.
 */
#include "../core/group_path.h"

#include <sodium.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROW 128
#define ROWS_MAX (2 * GROUP_EQUATIONS_MAX + 1)
#define SIGN 1
#define CROOKED_KEY 2 /* with SIGN */
#define CROOKED_R 4
#define FLIP 8 /* a bit of key or signature */

static void must(bool so)
{
    if (!so)
        abort();
}

/* i·E, of order 8 */
static void add_small(uint8_t point[static 32], unsigned i)
{
    static const uint8_t eighth[32] = {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f,
                                       0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
                                       0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
                                       0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a};
    for (i %= 8; i-- > 0;)
        must(crypto_core_ed25519_add(point, point, eighth) == 0);
}

static void scalar_of(uint8_t out[static 32], const uint8_t in[static 32])
{
    uint8_t wide[64] = {0};
    memcpy(wide, in, 32);
    crypto_core_ed25519_scalar_reduce(out, wide);
}

/* Signed by hand, since no signer makes crooked points. */
static void sign(struct demur_ed25519_check *c, uint8_t kind, uint8_t how)
{
    uint8_t a[32], r[32], h[32], wide[64];
    crypto_hash_sha512_state state;
    scalar_of(a, c->key);
    scalar_of(r, c->sig);
    a[0] |= sodium_is_zero(a, 32);
    r[0] |= sodium_is_zero(r, 32);
    must(crypto_scalarmult_ed25519_base_noclamp(c->key, a) == 0);
    must(crypto_scalarmult_ed25519_base_noclamp(c->sig, r) == 0);
    add_small(c->key, kind & CROOKED_KEY ? how : 0);
    add_small(c->sig, kind & CROOKED_R ? how / 8 : 0);
    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, c->sig, 32);
    crypto_hash_sha512_update(&state, c->key, 32);
    crypto_hash_sha512_update(&state, c->message.p, c->message.len);
    crypto_hash_sha512_final(&state, wide);
    crypto_core_ed25519_scalar_reduce(h, wide);
    crypto_core_ed25519_scalar_mul(c->sig + 32, h, a);
    crypto_core_ed25519_scalar_add(c->sig + 32, c->sig + 32, r);
}

static void take_row(struct demur_ed25519_check *c, const uint8_t row[static ROW])
{
    const uint8_t *rest = row + 96;
    memcpy(c->key, row, 32);
    memcpy(c->sig, row + 32, 64);
    c->message = span_of(rest + 4, rest[3] % 29);
    if (rest[0] & SIGN)
        sign(c, rest[0], rest[1]);
    if (rest[0] & FLIP) {
        unsigned bit = (rest[1] << 8 | rest[2]) % (8 * 96);
        uint8_t *at = bit < 256 ? c->key + bit / 8 : c->sig + (bit - 256) / 8;
        *at ^= (uint8_t)(1u << bit % 8);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct demur_ed25519_check checks[ROWS_MAX];
    bool want[ROWS_MAX];
    const struct group_path *path;
    size_t n = 0;
    for (; n < ROWS_MAX && size - n * ROW >= ROW; n++) {
        struct demur_ed25519_check *c = &checks[n];
        take_row(c, data + n * ROW);
        want[n] = crypto_sign_verify_detached(c->sig, c->message.p, c->message.len, c->key) == 0;
    }
    for (size_t i = 0; (path = group_path_at(i)); i++) {
        group_path_ed25519(path, checks, n);
        for (size_t k = 0; k < n; k++)
            must(checks[k].good == want[k]);
    }
    return 0;
}
