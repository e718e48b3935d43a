/* ring_prover.h - what the two halves of the prover share. Private to
 * core/ring_sign.c and core/ring_commit.c. Everything in it is secret but the
 * shape. */
#ifndef DEMUR_CORE_RING_PROVER_H
#define DEMUR_CORE_RING_PROVER_H

#include "ring_parts.h"

struct ring_prover {
    struct ring_shape shape;
    uint32_t member;
    /* The signer's digits as scalars, sigma[j][i] = 1 where digit j is i, and
     * their masks a[j][i], which sum to zero over i. */
    struct group_scalar sigma[RING_DIGITS_MAX][RING_BASE_MAX];
    struct group_scalar a[RING_DIGITS_MAX][RING_BASE_MAX];
    struct group_scalar r_a, r_b, rho[RING_DIGITS_MAX];
};

/* X[t] = Σ_k p[k][t]·M_k + ρ[t]·G, encoded, for each t < digits. */
void ring_commit_members(const struct ring_prover *p, const struct demur_ring *ring,
                         uint8_t *x_out);

#endif
