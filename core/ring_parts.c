#include "ring_parts.h"

bool ring_shape_for(size_t n, struct ring_shape *shape)
{
    static const struct {
        size_t up_to;
        struct ring_shape shape;
    } shapes[] = {{1024, {4, 5, 2}}, {4096, {4, 6, 2}}, {DEMUR_RING_MAX, {8, 5, 3}}};
    for (size_t i = 0; n > 0 && i < DEMUR_COUNT(shapes); i++) {
        if (n <= shapes[i].up_to) {
            *shape = shapes[i].shape;
            return true;
        }
    }
    return false;
}

struct ring_layout ring_layout_for(struct ring_shape shape)
{
    struct ring_layout at = {.tag = 0, .a = 32, .b = 64, .x = 96};
    at.y = at.x + 32 * (size_t)shape.digits;
    at.f = at.y + 32 * (size_t)shape.digits;
    at.z_a = at.f + 32 * (size_t)shape.digits * (shape.base - 1);
    at.z = at.z_a + 32;
    at.len = at.z + 32;
    return at;
}

static void hash_domain(uint8_t uniform[static 64], const char *domain, struct span text)
{
    crypto_hash_sha512_state sha;
    crypto_hash_sha512_init(&sha);
    crypto_hash_sha512_update(&sha, (const uint8_t *)domain, strlen(domain));
    crypto_hash_sha512_update(&sha, text.p, text.len);
    crypto_hash_sha512_final(&sha, uniform);
}

void ring_generator(struct group_point *out, char family, uint32_t j, uint32_t i)
{
    const uint8_t name[3] = {(uint8_t)family, (uint8_t)j, (uint8_t)i};
    uint8_t uniform[64];
    hash_domain(uniform, "demur v1 generator ", span_of(name, sizeof name));
    group_from_uniform(out, uniform);
}

void ring_scope_point(struct group_point *out, struct span scope)
{
    uint8_t uniform[64];
    hash_domain(uniform, "demur v1 scope", scope);
    group_from_uniform(out, uniform);
}

void ring_scope_encoded(uint8_t out[static 32], struct span scope)
{
    uint8_t uniform[64];
    hash_domain(uniform, "demur v1 scope", scope);
    crypto_core_ristretto255_from_hash(out, uniform);
}

void ring_transcript_start(struct ring_transcript *t, const char *domain)
{
    crypto_hash_sha512_init(&t->sha);
    ring_transcript_item(t, domain, strlen(domain));
}

void ring_transcript_item(struct ring_transcript *t, const void *p, size_t len)
{
    uint8_t mem[8];
    struct buf prefix = buf_over(mem, sizeof mem);
    buf_put_be64(&prefix, len);
    crypto_hash_sha512_update(&t->sha, mem, sizeof mem);
    crypto_hash_sha512_update(&t->sha, p, len);
}

void ring_transcript_u64(struct ring_transcript *t, uint64_t v)
{
    uint8_t mem[8];
    struct buf b = buf_over(mem, sizeof mem);
    buf_put_be64(&b, v);
    ring_transcript_item(t, mem, sizeof mem);
}

void ring_transcript_bytes(struct ring_transcript *t, uint8_t out[static 64])
{
    crypto_hash_sha512_final(&t->sha, out);
    sodium_memzero(t, sizeof *t);
}

void ring_transcript_scalar(struct ring_transcript *t, uint8_t scalar[static 32])
{
    uint8_t wide[64];
    ring_transcript_bytes(t, wide);
    crypto_core_ristretto255_scalar_reduce(scalar, wide);
    sodium_memzero(wide, sizeof wide);
}

void ring_nonce(uint8_t scalar[static 32], const uint8_t seed[static 64], uint64_t counter)
{
    struct ring_transcript t;
    ring_transcript_start(&t, "demur v1 nonce");
    ring_transcript_item(&t, seed, 64);
    ring_transcript_u64(&t, counter);
    ring_transcript_scalar(&t, scalar);
}

void ring_challenge(uint8_t x[static 32], struct ring_shape shape, const struct demur_ring *ring,
                    struct span scope, struct span message, const uint8_t *signature)
{
    struct ring_layout at = ring_layout_for(shape);
    struct ring_transcript t;
    ring_transcript_start(&t, "demur v1 ring signature");
    ring_transcript_u64(&t, shape.base);
    ring_transcript_u64(&t, shape.digits);
    ring_transcript_u64(&t, ring->n);
    ring_transcript_item(&t, ring->digest, sizeof ring->digest);
    ring_transcript_item(&t, scope.p, scope.len);
    ring_transcript_item(&t, signature + at.tag, 32);
    ring_transcript_item(&t, message.p, message.len);
    for (size_t o = at.a; o < at.f; o += 32)
        ring_transcript_item(&t, signature + o, 32);
    ring_transcript_scalar(&t, x);
}

/* libsodium reports an identity as an error but has written it all the same,
 * which is what the proofs need. Its one other error, an invalid operand, does
 * not happen: the operands were checked or computed. */
void point_mul(uint8_t out[static 32], const uint8_t s[static 32], const uint8_t p[static 32])
{
    uint8_t product[32];
    int identity = crypto_scalarmult_ristretto255(product, s, p);
    (void)identity;
    memcpy(out, product, sizeof product);
}

void point_mul_base(uint8_t out[static 32], const uint8_t s[static 32])
{
    uint8_t product[32];
    int identity = crypto_scalarmult_ristretto255_base(product, s);
    (void)identity;
    memcpy(out, product, sizeof product);
}

void point_add(uint8_t out[static 32], const uint8_t p[static 32], const uint8_t q[static 32])
{
    int invalid = crypto_core_ristretto255_add(out, p, q);
    (void)invalid;
}

void point_sub(uint8_t out[static 32], const uint8_t p[static 32], const uint8_t q[static 32])
{
    int invalid = crypto_core_ristretto255_sub(out, p, q);
    (void)invalid;
}

void point_mul_add(uint8_t sum[static 32], const uint8_t s[static 32], const uint8_t p[static 32])
{
    uint8_t product[32];
    point_mul(product, s, p);
    point_add(sum, sum, product);
}

bool scalar_ok(const uint8_t s[static 32])
{
    uint8_t wide[64] = {0}, reduced[32];
    memcpy(wide, s, 32);
    crypto_core_ristretto255_scalar_reduce(reduced, wide);
    return memcmp(reduced, s, 32) == 0;
}

/* libsodium 1.0.18 overlooks the top bit, which would give each point a second
 * encoding and each member a second tag. */
bool point_ok(const uint8_t p[static 32])
{
    return (p[31] & 0x80) == 0 && crypto_core_ristretto255_is_valid_point(p) == 1;
}
