/* The prover's sums over the ring, X[t] = Σ_k p[k][t]·M_k + ρ[t]·G.
 *
 * p_k(X) = Π_j (σ[j][k_j]·X + a[j][k_j]) has a degree that tells how many digits
 * k shares with the signer's position l. To leave out the coefficients that are
 * zero, the ring is turned so that l comes to 0: position k holds what was at
 * k xor l. Then σ[j][i] is 1 just where i is 0, so that which coefficients are
 * zero is the same for everybody, and N(1 + m/n) multiples are left of N·m.
 * Turning takes a look at every key for each chunk of the ring, and swaps that
 * are all made, under masks.
 *
 * Positions from the last member on all stand for that member. Those within the
 * power of two that covers the ring are turned with it; what the others weigh
 * together follows from Σ_k p[k][t] = 0 for t < m (Σ_i σ = 1, Σ_i a = 0).
 */
#include "ring_prover.h"

#define CHUNK 128

/* The products of the digits from j on, for j = 0..m, at one position. */
struct path {
    struct group_scalar c[RING_DIGITS_MAX + 1][RING_DIGITS_MAX + 1];
    uint32_t degree[RING_DIGITS_MAX + 1];
};

struct members {
    const struct ring_prover *p;
    const struct demur_ring *ring;
    uint32_t n;                 /* a power of two >= ring->n, at most base^digits */
    uint32_t chunk, log2_chunk; /* keys at a time: min(n, CHUNK) */
    struct group_scalar a[RING_DIGITS_MAX][RING_BASE_MAX]; /* turned */
    struct group_scalar sum[RING_DIGITS_MAX];              /* Σ_k p[k][t] so far */
    struct group_sums x[RING_DIGITS_MAX];
    struct path path;
    uint64_t keys[CHUNK][4];
    struct group_point points[CHUNK];
    struct group_table tables[CHUNK];
    struct group_digits digits[RING_DIGITS_MAX][CHUNK];
    uint16_t places[RING_DIGITS_MAX][CHUNK];
    uint16_t count[RING_DIGITS_MAX];
};

static void swap_masked(uint64_t *a, uint64_t *b, uint64_t mask)
{
    for (size_t i = 0; i < 4; i++) {
        uint64_t d = mask & (a[i] ^ b[i]);
        a[i] ^= d;
        b[i] ^= d;
    }
}

/* Entry i of the 2^bits entries goes to i xor by, of which `bits` bits count. */
static void turn(uint64_t (*entries)[4], uint32_t n, uint32_t by)
{
    for (uint32_t bit = 1; bit < n; bit <<= 1) {
        uint64_t mask = (uint64_t)0 - ((by & bit) != 0);
        for (uint32_t i = 0; i < n; i++) {
            if (!(i & bit))
                swap_masked(entries[i], entries[i | bit], mask);
        }
    }
}

/* The keys of the turned positions first .. first + chunk - 1. */
static void fetch_keys(struct members *s, uint32_t first)
{
    const struct demur_ring *ring = s->ring;
    uint32_t wanted = (first ^ s->p->member) >> s->log2_chunk;
    memset(s->keys, 0, sizeof s->keys);
    for (uint32_t block = 0; block < s->n >> s->log2_chunk; block++) {
        uint64_t differ = block ^ wanted, mask = ((differ | (0 - differ)) >> 63) - 1;
        for (uint32_t i = 0; i < s->chunk; i++) {
            uint32_t k = block * s->chunk + i;
            uint64_t words[4];
            memcpy(words, ring->keys[k < ring->n ? k : ring->n - 1], sizeof words);
            for (size_t w = 0; w < 4; w++)
                s->keys[i][w] |= mask & words[w];
        }
    }
    turn(s->keys, s->chunk, s->p->member & (s->chunk - 1));
}

/* The polynomial of turned position k, its products with k's upper digits being
 * those of position k - 1 as far as the digits are the same. */
static void step_path(struct members *s, uint32_t k)
{
    struct ring_shape shape = s->p->shape;
    struct path *path = &s->path;
    uint32_t top = 0;
    if (k == 0) {
        path->c[shape.digits][0] = group_scalar_of(1);
        path->degree[shape.digits] = 0;
        top = shape.digits - 1;
    } else {
        while (ring_digit(shape, k, top) == 0)
            top++;
    }
    for (uint32_t j = top + 1; j-- > 0;) {
        const struct group_scalar *from = path->c[j + 1];
        uint32_t i = ring_digit(shape, k, j), degree = path->degree[j + 1];
        for (uint32_t t = 0; t <= degree; t++)
            group_scalar_mul(&path->c[j][t], &from[t], &s->a[j][i]);
        path->degree[j] = degree;
        if (i == 0) {
            for (uint32_t t = 1; t <= degree; t++)
                group_scalar_add(&path->c[j][t], &path->c[j][t], &from[t - 1]);
            path->c[j][degree + 1] = from[degree];
            path->degree[j]++;
        }
    }
}

/* The coefficients below X^m of the chunk's positions. */
static void set_digits(struct members *s, uint32_t first)
{
    memset(s->count, 0, sizeof s->count);
    for (uint32_t i = 0; i < s->chunk; i++) {
        step_path(s, first + i);
        for (uint32_t t = 0; t <= s->path.degree[0] && t < s->p->shape.digits; t++) {
            const struct group_scalar *c = &s->path.c[0][t];
            group_scalar_add(&s->sum[t], &s->sum[t], c);
            group_digits_of(&s->digits[t][i], c);
            s->places[t][s->count[t]++] = (uint16_t)i;
        }
    }
}

static void add_chunk(struct members *s, uint32_t first)
{
    fetch_keys(s, first);
    set_digits(s, first);
    for (uint32_t i = 0; i < s->chunk; i++) {
        uint8_t bytes[32];
        memcpy(bytes, s->keys[i], sizeof bytes);
        /* The ring's keys were checked when it was made. */
        bool valid = group_decode(&s->points[i], bytes);
        (void)valid;
    }
    group_tables_of(s->tables, s->points, s->chunk);
    for (uint32_t t = 0; t < s->p->shape.digits; t++)
        group_sums_add(&s->x[t], s->digits[t], s->tables, s->places[t], s->count[t]);
}

/* *sums += scalar·p */
static void add_one(struct group_sums *sums, const struct group_scalar *scalar,
                    const struct group_table *table)
{
    struct group_digits digits;
    group_digits_of(&digits, scalar);
    group_sums_add(sums, &digits, table, NULL, 1);
    sodium_memzero(&digits, sizeof digits);
}

/* The positions above n, all of them the last member's. */
static void add_padding(struct members *s)
{
    struct group_point last;
    struct group_table table;
    struct group_scalar rest;
    bool valid = group_decode(&last, s->ring->keys[s->ring->n - 1]);
    (void)valid;
    group_tables_of(&table, &last, 1);
    for (uint32_t t = 0; t < s->p->shape.digits; t++) {
        group_scalar_neg(&rest, &s->sum[t]);
        add_one(&s->x[t], &rest, &table);
    }
    sodium_memzero(&rest, sizeof rest);
}

static void members_init(struct members *s, const struct ring_prover *p,
                         const struct demur_ring *ring)
{
    memset(s, 0, sizeof *s);
    s->p = p;
    s->ring = ring;
    s->n = 1;
    while (s->n < ring->n)
        s->n *= 2;
    s->chunk = s->n < CHUNK ? s->n : CHUNK;
    while (s->chunk >> s->log2_chunk > 1)
        s->log2_chunk++;
    memcpy(s->a, p->a, sizeof s->a);
    for (uint32_t j = 0; j < p->shape.digits; j++) {
        uint64_t entries[RING_BASE_MAX][4];
        memcpy(entries, s->a[j], sizeof entries);
        turn(entries, p->shape.base, ring_digit(p->shape, p->member, j));
        memcpy(s->a[j], entries, sizeof entries);
        sodium_memzero(entries, sizeof entries);
    }
}

void ring_commit_members(const struct ring_prover *p, const struct demur_ring *ring, uint8_t *x_out)
{
    struct members s;
    members_init(&s, p, ring);
    struct group_table base;
    group_tables_of(&base, &group_base, 1);
    for (uint32_t t = 0; t < p->shape.digits; t++) {
        group_sums_init(&s.x[t]);
        add_one(&s.x[t], &p->rho[t], &base);
    }
    for (uint32_t first = 0; first < s.n; first += s.chunk)
        add_chunk(&s, first);
    if (s.n < UINT32_C(1) << (p->shape.digits * p->shape.log2_base))
        add_padding(&s);
    for (uint32_t t = 0; t < p->shape.digits; t++) {
        struct group_point x;
        group_sums_join(&x, &s.x[t]);
        group_encode(x_out + 32 * t, &x);
    }
    sodium_memzero(&s, sizeof s);
}
