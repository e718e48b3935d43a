/* merkle.h - the Merkle tree of RFC 6962 section 2.1, over SHA-256.
 *
 * A tree of `size` leaves is described by its complete subtrees: the node
 * (level, index) covers the leaves [index << level, (index + 1) << level) and
 * exists once all of them do. Level 0 holds the leaf hashes. Whatever is
 * ragged at the right edge is computed from complete subtrees, never stored.
 *
 * Everything here is public data: variable time. Nothing allocates. Output
 * hashes may alias input hashes.
 */
#ifndef DEMUR_CORE_MERKLE_H
#define DEMUR_CORE_MERKLE_H

#include "base.h"

#define DEMUR_HASH_BYTES 32
/* The largest log: sizes are signed 64-bit in other implementations. */
#define DEMUR_LOG_SIZE_MAX ((uint64_t)INT64_MAX)
#define DEMUR_PROOF_MAX 64

/* SHA-256(00 || entry), SHA-256(01 || left || right), SHA-256(""). */
void demur_merkle_leaf(uint8_t out[static 32], struct span entry);
void demur_merkle_node(uint8_t out[static 32], const uint8_t left[static 32],
                       const uint8_t right[static 32]);
void demur_merkle_empty(uint8_t out[static 32]);

/* The right edge of a growing tree: all it takes to append and to know the
 * root. hash[k] is the last complete subtree of 2^k leaves. It is always held
 * where bit k of size is set; right after an append it is held for every k up
 * to the number of trailing zero bits of size as well, so that a caller can
 * collect the subtrees which that leaf completed. */
struct demur_frontier {
    uint64_t size;
    uint8_t hash[64][32];
};

/* Where hashes of complete subtrees come from. `read` returns false when the
 * hash cannot be had; it is only asked for nodes that exist in the tree. */
struct demur_tree_reader {
    bool (*read)(void *ctx, unsigned level, uint64_t index, uint8_t out[32]);
    void *ctx;
};

void demur_frontier_init(struct demur_frontier *f);
/* Append one leaf hash. False, and nothing done, at DEMUR_LOG_SIZE_MAX. */
bool demur_frontier_append(struct demur_frontier *f, const uint8_t leaf[static 32]) DEMUR_CHECKED;
/* The root of the tree as it stands; of the empty tree when size is 0. */
void demur_frontier_root(const struct demur_frontier *f, uint8_t out[static 32]);
/* The frontier of the first `size` leaves of a stored tree. False, and *f
 * untouched, when size is out of range or a hash cannot be read. */
bool demur_frontier_load(struct demur_frontier *f, uint64_t size,
                         const struct demur_tree_reader *reader) DEMUR_CHECKED;

/* An inclusion or consistency proof, in the order of RFC 6962: nearest to the
 * leaves first. A log of at most DEMUR_LOG_SIZE_MAX leaves never needs more
 * than DEMUR_PROOF_MAX hashes. */
struct demur_proof {
    size_t len;
    uint8_t hash[DEMUR_PROOF_MAX][32];
};

/* Make the proof that leaf `index` is in the tree of `size` leaves (RFC 6962
 * section 2.1.1). False, and *proof unspecified, unless index < size <=
 * DEMUR_LOG_SIZE_MAX and every hash can be read. */
bool demur_inclusion_prove(struct demur_proof *proof, uint64_t index, uint64_t size,
                           const struct demur_tree_reader *reader) DEMUR_CHECKED;
/* Make the proof that the tree of new_size leaves extends the tree of old_size
 * (section 2.1.2); empty when the sizes are equal. False, and *proof
 * unspecified, unless 0 < old_size <= new_size <= DEMUR_LOG_SIZE_MAX and every
 * hash can be read. */
bool demur_consistency_prove(struct demur_proof *proof, uint64_t old_size, uint64_t new_size,
                             const struct demur_tree_reader *reader) DEMUR_CHECKED;

/* Does the proof lead from this leaf hash, at this index, to the root of the
 * tree of `size` leaves? A proof that is too long or too short does not. */
bool demur_inclusion_verify(const struct demur_proof *proof, uint64_t index, uint64_t size,
                            const uint8_t leaf[static 32],
                            const uint8_t root[static 32]) DEMUR_CHECKED;
/* Is the tree of old_size leaves with old_root a prefix of the tree of new_size
 * with new_root? An old_size of 0 is refused, since there is nothing to prove:
 * every tree extends the empty one, and a caller that starts from it accepts
 * the empty proof, and no other, without asking here. */
bool demur_consistency_verify(const struct demur_proof *proof, uint64_t old_size, uint64_t new_size,
                              const uint8_t old_root[static 32],
                              const uint8_t new_root[static 32]) DEMUR_CHECKED;

#endif
