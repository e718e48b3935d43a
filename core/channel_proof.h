/* channel_proof.h - proofs about rings, apart from the rest of what a record's check
 * is made of, so that those of many records about one ring are verified together.
 *
 * A record is checked without its proofs, which stand out; whoever has some that are
 * about the same ring makes an item of each, verifies these with
 * demur_ring_verify_batch, and settles each record. It comes to the verdicts, errors
 * and words of demur_channel_verify.
 *
 * The ring is on the heap, for it is kept from one batch to the next.
 */
#ifndef DEMUR_CORE_CHANNEL_PROOF_H
#define DEMUR_CORE_CHANNEL_PROOF_H

#include "card.h"
#include "channel.h"
#include "ring.h"

#define DEMUR_RING_PROOFS 2 /* of one record at most */

struct demur_ring_proof {
    enum demur_field field; /* PROOF or SLOT_PROOF */
    bool part;              /* it is about what the record's subsets leave of the ring */
    uint8_t ring[32];       /* names the ring: proofs with the same name are about the same one */
    uint8_t bytes[DEMUR_RING_SIGNATURE_MAX], scope[DEMUR_SCOPE_MAX];
    size_t len, scope_len;
};
struct demur_ring_proofs { /* in the order in which they are to be settled */
    struct demur_ring_proof list[DEMUR_RING_PROOFS];
    size_t n;
};

/* demur_channel_verify, but for the proofs that are put into *out. The verdict is
 * `verified` when there are none. */
enum demur_err demur_channel_verify_apart(const struct demur_channel *c,
                                          const struct demur_record *r,
                                          struct demur_verdict *verdict,
                                          struct demur_ring_proofs *out,
                                          struct demur_diag *diag) DEMUR_CHECKED;

/* A ring that stays, whatever becomes of the channel. */
struct demur_kept_ring {
    struct demur_ring ring; /* loaded, once demur_kept_ring_load has been called */
    uint8_t name[32];
    size_t size; /* bytes that it takes */
    uint8_t (*keys)[32];
    void *storage;
};
/* The ring that a proof is about. Errors, which are of every record whose proof has this
 * ring's name: MEMORY; VERIFY when it is empty; FORBIDDEN for a part that is too small,
 * or of a kind that the policy does not allow. */
enum demur_err demur_channel_proof_ring(const struct demur_channel *c, const struct demur_record *r,
                                        const struct demur_ring_proof *p,
                                        struct demur_kept_ring **out,
                                        struct demur_diag *diag) DEMUR_CHECKED;
/* Compute what verifying needs of the keys. Needs no channel, and takes some microseconds
 * a key. VERIFY when a key is none, which no channel lets in. */
enum demur_err demur_kept_ring_load(struct demur_kept_ring *kept,
                                    struct demur_diag *diag) DEMUR_CHECKED;
void demur_kept_ring_free(struct demur_kept_ring *kept); /* NULL is fine */

/* What demur_ring_verify_batch takes; borrows from the record and the proof. */
struct demur_ring_item demur_ring_proof_item(const struct demur_record *r,
                                             const struct demur_ring_proof *p);
/* Put what became of the item into the verdict; the caller sets `verified` when all of the
 * record's proofs have been settled. */
enum demur_err demur_ring_proof_settle(const struct demur_ring_proof *p,
                                       const struct demur_ring *ring,
                                       const struct demur_ring_item *item,
                                       struct demur_verdict *verdict,
                                       struct demur_diag *diag) DEMUR_CHECKED;

#endif
