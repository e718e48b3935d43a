/* compose.h - writing the two records that carry proofs: `member` and `file`.
 *
 * The other records are a few lines of record.h's demur_put_* and a signature.
 * Natively and in wasm the same: entropy is an argument, nothing allocates.
 * Timing: constant in the secrets.
 */
#ifndef DEMUR_CORE_COMPOSE_H
#define DEMUR_CORE_COMPOSE_H

#include "keys.h"
#include "record.h"
#include "ring.h"

/* Months of ring keys that a `member` record hands in: this one and twelve more. */
#define DEMUR_MEMBER_EPOCHS 13

/* Append the record with which `identity` answers an invitation: its keys, and
 * ring keys from `epoch` on, the present month. entropy: 64 bytes. UNKNOWN when
 * the identity has no ring key for that month, SPACE. */
enum demur_err demur_compose_member(struct buf *out, const struct demur_identity *identity,
                                    const struct demur_invitation *invitation, uint32_t epoch,
                                    uint64_t seq, const uint8_t entropy[static 64],
                                    struct demur_diag *diag) DEMUR_CHECKED;

/* What a `file` record that opens its dissent says. Pointers borrow. */
struct demur_filing_facts {
    const uint8_t *channel; /* 32 bytes */
    const struct demur_keys *case_keys;
    const uint8_t *policy; /* leaf hash of the policy's entry */
    uint32_t epoch;
    uint64_t roster;
    const struct demur_ring *ring;    /* the whole ring that is pinned */
    const struct demur_ring *signers; /* the part that the subsets select; or ring */
    const struct span *subsets;       /* increasing */
    size_t subsets_len;
    uint64_t slot;
    struct demur_blob_ref card, memo;
    uint32_t revision;
    const uint8_t *commitment;
    const uint8_t *release; /* its commitment, not the key */
    const struct demur_blob_ref *attachments;
    size_t attachments_len;
    const struct span *to; /* roles, increasing */
    size_t to_len;
};
/* Append it, with both proofs by the member who holds ring_secret, and the case
 * key's signature. entropy: 128 bytes. UNKNOWN when the member is not in one of
 * the rings, SPACE. */
enum demur_err demur_compose_file(struct buf *out, const struct demur_filing_facts *facts,
                                  const uint8_t ring_secret[static 32],
                                  const uint8_t entropy[static 128],
                                  struct demur_diag *diag) DEMUR_CHECKED;

#endif
