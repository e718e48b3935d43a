/* merkle.c - see merkle.h. */
#include "merkle.h"

#include <sodium.h>

void demur_merkle_leaf(uint8_t out[static 32], struct span entry)
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t[1]){0}, 1);
    if (entry.len)
        crypto_hash_sha256_update(&state, entry.p, entry.len);
    crypto_hash_sha256_final(&state, out);
}

void demur_merkle_node(uint8_t out[static 32], const uint8_t left[static 32],
                       const uint8_t right[static 32])
{
    uint8_t both[65];
    both[0] = 1;
    memcpy(both + 1, left, 32);
    memcpy(both + 33, right, 32);
    crypto_hash_sha256(out, both, sizeof both);
}

void demur_merkle_empty(uint8_t out[static 32]) { crypto_hash_sha256(out, NULL, 0); }

void demur_frontier_init(struct demur_frontier *f) { memset(f, 0, sizeof *f); }

bool demur_frontier_append(struct demur_frontier *f, const uint8_t leaf[static 32])
{
    if (f->size >= DEMUR_LOG_SIZE_MAX)
        return false;
    uint8_t done[32], parent[32];
    memcpy(done, leaf, sizeof done);
    unsigned k = 0;
    for (; f->size >> k & 1; k++) {
        demur_merkle_node(parent, f->hash[k], done);
        memcpy(f->hash[k], done, sizeof done);
        memcpy(done, parent, sizeof done);
    }
    memcpy(f->hash[k], done, sizeof done);
    f->size++;
    return true;
}

void demur_frontier_root(const struct demur_frontier *f, uint8_t out[static 32])
{
    if (f->size == 0) {
        demur_merkle_empty(out);
        return;
    }
    unsigned k = (unsigned)__builtin_ctzll(f->size);
    uint8_t root[32];
    memcpy(root, f->hash[k], sizeof root);
    for (k++; k < 64; k++)
        if (f->size >> k & 1)
            demur_merkle_node(root, f->hash[k], root);
    memcpy(out, root, sizeof root);
}

bool demur_frontier_load(struct demur_frontier *f, uint64_t size,
                         const struct demur_tree_reader *reader)
{
    if (size > DEMUR_LOG_SIZE_MAX)
        return false;
    struct demur_frontier loaded = {.size = size};
    for (unsigned k = 0; k < 63; k++)
        if (size >> k & 1 && !reader->read(reader->ctx, k, (size >> k) - 1, loaded.hash[k]))
            return false;
    *f = loaded;
    return true;
}

/* The root over the leaves [begin, end), where begin is a multiple of 2^level
 * and at most 2^level leaves follow: the right edge of a tree, ragged or not. */
static bool edge_root(uint8_t out[static 32], uint64_t begin, uint64_t end,
                      const struct demur_tree_reader *reader)
{
    bool first = true;
    for (unsigned k = 0; k < 63; k++) {
        if (!((end - begin) >> k & 1))
            continue;
        uint8_t left[32];
        if (!reader->read(reader->ctx, k, (end >> k) - 1, left))
            return false;
        if (first)
            memcpy(out, left, sizeof left);
        else
            demur_merkle_node(out, left, out);
        first = false;
    }
    return true;
}

/* Append to *proof the siblings on the way from the node (level, index) up to
 * the root of the tree of `size` leaves. */
static bool climb(struct demur_proof *proof, unsigned level, uint64_t index, uint64_t size,
                  const struct demur_tree_reader *reader)
{
    for (uint64_t last = (size - 1) >> level; last; level++, index >>= 1, last >>= 1) {
        uint64_t sibling = index ^ 1;
        if (sibling > last)
            continue;
        uint8_t *at = proof->hash[proof->len++];
        if (sibling < last ? !reader->read(reader->ctx, level, sibling, at)
                           : !edge_root(at, sibling << level, size, reader))
            return false;
    }
    return true;
}

bool demur_inclusion_prove(struct demur_proof *proof, uint64_t index, uint64_t size,
                           const struct demur_tree_reader *reader)
{
    if (index >= size || size > DEMUR_LOG_SIZE_MAX)
        return false;
    proof->len = 0;
    return climb(proof, 0, index, size, reader);
}

bool demur_consistency_prove(struct demur_proof *proof, uint64_t old_size, uint64_t new_size,
                             const struct demur_tree_reader *reader)
{
    if (old_size == 0 || old_size > new_size || new_size > DEMUR_LOG_SIZE_MAX)
        return false;
    proof->len = 0;
    if (old_size == new_size)
        return true;
    /* The proof starts at the last complete subtree of the old tree. When that
     * is the whole old tree, the verifier knows its hash already. */
    unsigned level = (unsigned)__builtin_ctzll(old_size);
    uint64_t index = (old_size >> level) - 1;
    if (index != 0 && !reader->read(reader->ctx, level, index, proof->hash[proof->len++]))
        return false;
    return climb(proof, level, index, new_size, reader);
}

/* RFC 9162 section 2.1.3.2: the same tree as RFC 6962, with the algorithm
 * written out. */
bool demur_inclusion_verify(const struct demur_proof *proof, uint64_t index, uint64_t size,
                            const uint8_t leaf[static 32], const uint8_t root[static 32])
{
    if (index >= size || size > DEMUR_LOG_SIZE_MAX || proof->len > DEMUR_PROOF_MAX)
        return false;
    uint8_t node[32];
    memcpy(node, leaf, sizeof node);
    uint64_t last = size - 1;
    for (size_t i = 0; i < proof->len; i++) {
        if (last == 0)
            return false;
        if (index & 1 || index == last) {
            demur_merkle_node(node, proof->hash[i], node);
            while (!(index & 1) && index) {
                index >>= 1;
                last >>= 1;
            }
        } else {
            demur_merkle_node(node, node, proof->hash[i]);
        }
        index >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(node, root, sizeof node) == 0;
}

/* RFC 9162 section 2.1.4.2: one walk rebuilds both roots. */
bool demur_consistency_verify(const struct demur_proof *proof, uint64_t old_size, uint64_t new_size,
                              const uint8_t old_root[static 32], const uint8_t new_root[static 32])
{
    if (old_size == 0 || old_size > new_size || new_size > DEMUR_LOG_SIZE_MAX ||
        proof->len > DEMUR_PROOF_MAX)
        return false;
    if (old_size == new_size)
        return proof->len == 0 && memcmp(old_root, new_root, 32) == 0;
    unsigned level = (unsigned)__builtin_ctzll(old_size);
    uint64_t index = (old_size >> level) - 1, last = (new_size - 1) >> level;
    bool whole = index == 0;
    if (!whole && proof->len == 0)
        return false;
    uint8_t old_node[32], new_node[32];
    memcpy(old_node, whole ? old_root : proof->hash[0], sizeof old_node);
    memcpy(new_node, old_node, sizeof new_node);
    for (size_t i = whole ? 0 : 1; i < proof->len; i++) {
        if (last == 0)
            return false;
        if (index & 1 || index == last) {
            demur_merkle_node(old_node, proof->hash[i], old_node);
            demur_merkle_node(new_node, proof->hash[i], new_node);
            while (!(index & 1) && index) {
                index >>= 1;
                last >>= 1;
            }
        } else {
            demur_merkle_node(new_node, new_node, proof->hash[i]);
        }
        index >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(old_node, old_root, 32) == 0 && memcmp(new_node, new_root, 32) == 0;
}
