/* ring.h - anonymous signatures of one member of a ring, with a tag that is
 * unique per member and scope; proofs of possession; proofs of authorship.
 *
 * docs/formats/ring-signature.md specifies every byte. The proof is the
 * one-out-of-many proof of Groth and Kohlweiss (ePrint 2014/764) in the shape
 * of Triptych (ePrint 2020/018), over ristretto255 (RFC 9496).
 *
 * A key, a tag and a point are 32 bytes, a scalar 32 bytes little-endian below
 * the group's order. Nothing here allocates or keeps state. Entropy is always
 * an argument: fresh random bytes for every call. It is hashed together with
 * the secret and the statement, so that repeated or weak entropy gives nothing
 * away beyond the equality of two calls.
 *
 * Timing: where an argument is called secret, neither branches nor addresses
 * depend on it, nor on which member signs. All else, verification too, is
 * variable time in public data.
 */
#ifndef DEMUR_CORE_RING_H
#define DEMUR_CORE_RING_H

#include "base.h"

#define DEMUR_RING_KEY_LEN 32
#define DEMUR_RING_MAX 32768          /* members of a ring, at least 1 */
#define DEMUR_RING_SIGNATURE_MAX 1600 /* bytes, for the largest ring */
#define DEMUR_POSSESSION_LEN 64
#define DEMUR_POSSESSION_MAX 16 /* keys under one proof of possession */
#define DEMUR_CLAIM_LEN 64

/* A member's key pair for one epoch: `seed` (secret, uniform) reduced to a
 * scalar, and that scalar times the base point. A zero scalar, whose public
 * key every check below refuses, has probability 2^-252. */
void demur_ring_key_from_seed(uint8_t secret[static 32], uint8_t public_key[static 32],
                              const uint8_t seed[static 64]);
/* The public key of `secret`, a canonical scalar. */
void demur_ring_key_public(uint8_t public_key[static 32], const uint8_t secret[static 32]);
/* Is it the canonical encoding of a point other than the identity? */
bool demur_ring_key_ok(const uint8_t key[static 32]);

/* Sort keys into ring order (bytewise), in place. Duplicates stay. */
void demur_ring_sort(uint8_t (*keys)[32], size_t n);

/* A checked ring. Borrows the keys, which must outlive it. */
struct demur_ring {
    const uint8_t (*keys)[32];
    size_t n;
    uint8_t digest[32]; /* what records pin: demur_ring_digest */
    const void *points; /* what demur_ring_load computed, or NULL */
};

/* Check n keys and set *ring (untouched on failure). The keys must be strictly
 * ascending; each must satisfy demur_ring_key_ok. Errors, which name the first
 * bad key by its index from 0: MISSING for an empty ring, LIMIT above
 * DEMUR_RING_MAX, CANON for order or repetition, SYNTAX for what is no key. */
enum demur_err demur_ring_init(struct demur_ring *ring, const uint8_t (*keys)[32], size_t n,
                               struct demur_diag *diag) DEMUR_CHECKED;
/* The same, and keep what verifying needs of the keys in `storage`, which has
 * demur_ring_storage_len(n) bytes, aligned for uint64_t, and must outlive *ring.
 * A loaded ring verifies faster, and in batches; it may be used by many threads
 * at once. Loading takes as long as decoding the keys; and where there is no vector
 * code, as verifying four signatures more, for rings of up to 4,096. */
enum demur_err demur_ring_load(struct demur_ring *ring, const uint8_t (*keys)[32], size_t n,
                               void *storage, struct demur_diag *diag) DEMUR_CHECKED;
size_t demur_ring_storage_len(size_t n);
/* SHA-256("demur v1 ring" ‖ be64 n ‖ keys). Checks nothing. */
void demur_ring_digest(uint8_t digest[static 32], const uint8_t (*keys)[32], size_t n);

/* Length of every signature in a ring of n members, fixed by n alone; 0 when n
 * is 0 or above DEMUR_RING_MAX. */
size_t demur_ring_signature_len(size_t n);

/* The tag of the member who holds `secret` in `scope`: the same for every ring
 * and message, unrelated between scopes. */
void demur_ring_tag(uint8_t tag[static 32], struct span scope, const uint8_t secret[static 32]);
/* The tag that a signature carries, unverified. False when it is too short. */
bool demur_ring_signature_tag(uint8_t tag[static 32], struct span signature) DEMUR_CHECKED;

/* Append a signature on (scope, message) by the member who holds `secret`, a
 * canonical scalar. The member's place in the ring is found in constant time.
 * Nothing is appended on failure. Errors: SPACE; UNKNOWN when the secret
 * belongs to nobody in the ring. */
enum demur_err demur_ring_sign(struct buf *out, const struct demur_ring *ring,
                               const uint8_t secret[static 32], struct span scope,
                               struct span message, const uint8_t entropy[static 64]) DEMUR_CHECKED;

/* Verify, and set `tag` (untouched on failure). Errors: SYNTAX for a wrong
 * length, CANON for an encoding that is not canonical or a tag that is the
 * identity, VERIFY when the proof does not hold for this ring, scope and
 * message. */
enum demur_err demur_ring_verify(struct span signature, const struct demur_ring *ring,
                                 struct span scope, struct span message, uint8_t tag[static 32],
                                 struct demur_diag *diag) DEMUR_CHECKED;

/* One of a batch's signatures. `tag` and `err` are set as demur_ring_verify would
 * set and return them. */
struct demur_ring_item {
    struct span signature, scope, message;
    uint8_t tag[32];
    enum demur_err err;
    bool costly; /* bad, and it took sums over the ring to find out: somebody made it so */
};

/* Verify n signatures in one loaded ring together: far cheaper than one by one
 * when all hold. When they do not, those are named first that fail whatever the keys are, as
 * everything does that was altered, which costs about as much again; then halves are tried,
 * which costs what verifying one by one does should all the rest be bad. `entropy`
 * are fresh random bytes that the signatures' makers could not foresee. `work`
 * has demur_ring_batch_work_len(ring, n) bytes, aligned for uint64_t. Errors:
 * MISSING when the ring is not loaded; SPACE for too little work memory; else the
 * first error among the items. */
enum demur_err demur_ring_verify_batch(struct demur_ring_item *items, size_t n,
                                       const struct demur_ring *ring,
                                       const uint8_t entropy[static 32], void *work,
                                       size_t work_len) DEMUR_CHECKED;
size_t demur_ring_batch_work_len(const struct demur_ring *ring, size_t n);
/* Why an item of a batch did not hold, in the words of demur_ring_verify: what it did not
 * cost to find out does not cost more now. */
void demur_ring_item_explain(const struct demur_ring_item *item, const struct demur_ring *ring,
                             struct demur_diag *diag);

/* One proof that the maker holds the secrets of all n keys (1 <= n <=
 * DEMUR_POSSESSION_MAX), bound to `context`. secrets[i] is the canonical
 * scalar of keys[i]. Error: LIMIT for n out of range. */
enum demur_err demur_possession_prove(uint8_t proof[static DEMUR_POSSESSION_LEN],
                                      const uint8_t (*secrets)[32], const uint8_t (*keys)[32],
                                      size_t n, struct span context,
                                      const uint8_t entropy[static 64]) DEMUR_CHECKED;
/* Errors: LIMIT for n out of range; SYNTAX for what is no key (demur_ring_key_ok),
 * by index; CANON for a proof that is not canonical; VERIFY. */
enum demur_err demur_possession_verify(const uint8_t proof[static DEMUR_POSSESSION_LEN],
                                       const uint8_t (*keys)[32], size_t n, struct span context,
                                       struct demur_diag *diag) DEMUR_CHECKED;

/* Many at once, which is cheaper: `good` says of each whether it holds. */
struct demur_possession_check {
    const uint8_t (*keys)[32];
    size_t n;
    struct span context;
    uint8_t proof[DEMUR_POSSESSION_LEN];
    bool good;
};
void demur_possession_verify_many(struct demur_possession_check *checks, size_t n);

/* Proof of authorship: the holder of `key` made `tag` in `scope` (the two have
 * the same logarithm, to the base point and to the scope's point; Chaum and
 * Pedersen, CRYPTO '92). Bound to `context`. It names its maker: it belongs
 * inside a sealed name card. `secret` is a canonical scalar. */
void demur_claim_prove(uint8_t proof[static DEMUR_CLAIM_LEN], const uint8_t secret[static 32],
                       struct span scope, struct span context, const uint8_t entropy[static 64]);
/* Errors: SYNTAX for a key or tag that is none (demur_ring_key_ok); CANON for
 * a proof that is not canonical; VERIFY. */
enum demur_err demur_claim_verify(const uint8_t proof[static DEMUR_CLAIM_LEN],
                                  const uint8_t key[static 32], const uint8_t tag[static 32],
                                  struct span scope, struct span context,
                                  struct demur_diag *diag) DEMUR_CHECKED;

#endif
