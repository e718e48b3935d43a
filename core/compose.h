/* compose.h - writing the records that carry proofs: `member`, `renew`, and those with
 * which a dissent comes to be and is signed.
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

/* The record with which a member goes on: n ring keys, from `epoch` on, of months that
 * have not begun. Errors as above; LIMIT for n of 0 or above DEMUR_MEMBER_EPOCHS. */
enum demur_err demur_compose_renew(struct buf *out, const struct demur_identity *identity,
                                   uint32_t epoch, uint32_t n, uint64_t seq,
                                   const uint8_t entropy[static 64],
                                   struct demur_diag *diag) DEMUR_CHECKED;

enum demur_audience { DEMUR_AUDIENCE_INVITED, DEMUR_AUDIENCE_MEMBERS };

/* What the records of an author say. Pointers borrow. What a type has no field for is
 * not used. */
struct demur_filing_facts {
    const uint8_t *channel; /* 32 bytes */
    const struct demur_keys *case_keys;
    const uint8_t *on;            /* `revise`, and `file` after circulation: the latest entry */
    enum demur_audience audience; /* `circulate` */
    uint64_t until;               /* `circulate`: end of the window */
    const uint8_t *policy;        /* leaf hash of the policy's entry */
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
    struct demur_blob_ref keys; /* `circulate`, `revise`, to members; size 0: none */
    const struct span *to;      /* roles, increasing */
    size_t to_len;
};
/* Append a `file` that opens its dissent, or a `circulate`, with both proofs by the
 * member who holds ring_secret, and the case key's signature. entropy: 128 bytes.
 * UNKNOWN when the member is not in one of the rings, SPACE. */
enum demur_err demur_compose_file(struct buf *out, const struct demur_filing_facts *facts,
                                  const uint8_t ring_secret[static 32],
                                  const uint8_t entropy[static 128],
                                  struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_compose_circulate(struct buf *out, const struct demur_filing_facts *facts,
                                       const uint8_t ring_secret[static 32],
                                       const uint8_t entropy[static 128],
                                       struct demur_diag *diag) DEMUR_CHECKED;
/* The same for `revise`, which has one proof. entropy: 64 bytes. */
enum demur_err demur_compose_revise(struct buf *out, const struct demur_filing_facts *facts,
                                    const uint8_t ring_secret[static 32],
                                    const uint8_t entropy[static 64],
                                    struct demur_diag *diag) DEMUR_CHECKED;
/* A `file` of what circulated: the case key's signature alone. SPACE. */
enum demur_err demur_compose_file_after(struct buf *out, const struct demur_filing_facts *facts,
                                        struct demur_diag *diag) DEMUR_CHECKED;

/* What a co-signature says. Pointers borrow. */
struct demur_cosign_facts {
    const uint8_t *channel; /* 32 bytes */
    struct span dissent;
    const struct demur_ring *signers; /* the part of the pinned ring that the subsets select */
    const struct span *subsets;       /* increasing */
    size_t subsets_len;
    uint32_t revision;
    struct demur_blob_ref card; /* `cosign` */
    const uint8_t *commitment;  /* `cosign` */
};
/* Append it. entropy: 64 bytes. UNKNOWN when the member is not in the ring, SPACE. */
enum demur_err demur_compose_cosign(struct buf *out, const struct demur_cosign_facts *facts,
                                    const uint8_t ring_secret[static 32],
                                    const uint8_t entropy[static 64],
                                    struct demur_diag *diag) DEMUR_CHECKED;
/* The same for `unsign`. */
enum demur_err demur_compose_unsign(struct buf *out, const struct demur_cosign_facts *facts,
                                    const uint8_t ring_secret[static 32],
                                    const uint8_t entropy[static 64],
                                    struct demur_diag *diag) DEMUR_CHECKED;

#endif
