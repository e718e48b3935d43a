/* ring_oracle.h - the slow prover and verifier, with the contracts of
 * demur_ring_sign and demur_ring_verify. */
#ifndef DEMUR_TESTS_RING_ORACLE_H
#define DEMUR_TESTS_RING_ORACLE_H

#include "../../core/ring.h"

enum demur_err ring_oracle_sign(struct buf *out, const struct demur_ring *ring,
                                const uint8_t secret[static 32], struct span scope,
                                struct span message,
                                const uint8_t entropy[static 64]) DEMUR_CHECKED;
enum demur_err ring_oracle_verify(struct span signature, const struct demur_ring *ring,
                                  struct span scope, struct span message, uint8_t tag[static 32],
                                  struct demur_diag *diag) DEMUR_CHECKED;

#endif
