/* table.h - the fold's indexes: from 32 bytes to the places of items in an array.
 *
 * The items and their keys lie in the array; a slot holds 32 bits of the hashed key
 * and the item's place, so an entry costs some twelve bytes. A find walks the items
 * whose 32 bits agree, and its caller compares the keys themselves:
 *
 *     struct demur_probe p = demur_index_probe(&index, hash);
 *     while (demur_index_next(&index, &p))
 *         if (memcmp(items[p.item].key, key, 32) == 0) ...
 *
 * Keys are hashes: what others may choose freely, such as a public key, is hashed
 * by the caller first. Grows by doubling. Nothing is ever removed.
 * Timing: variable; keys are public.
 */
#ifndef DEMUR_CORE_TABLE_H
#define DEMUR_CORE_TABLE_H

#include "base.h"

struct demur_index {
    struct demur_index_slot {
        uint32_t tag, item; /* item: 1 + its place; 0: a free slot */
    } * slots;
    size_t cap, len;
};

/* All zero is an empty index. */
void demur_index_release(struct demur_index *t);
/* Make room for n more items, so that as many puts cannot fail. */
bool demur_index_reserve(struct demur_index *t, size_t n) DEMUR_CHECKED;
/* Add an item that is not there yet. Needs a reserve before it. */
void demur_index_put(struct demur_index *t, const uint8_t hash[static 32], uint32_t item);

struct demur_probe {
    size_t at;
    uint32_t tag, item;
};
struct demur_probe demur_index_probe(const struct demur_index *t, const uint8_t hash[static 32]);
/* The next item that may have the key, in probe->item; false when there is none. */
bool demur_index_next(const struct demur_index *t, struct demur_probe *probe);

/* Grow an array of elements of `size` bytes to hold `need`; false, with nothing
 * changed, when memory is out. */
bool demur_grow(void *array, size_t *cap, size_t need, size_t size) DEMUR_CHECKED;

#endif
