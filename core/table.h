/* table.h - a hash table from 32 bytes to a number, for the fold's indexes.
 *
 * Keys are hashes: what others may choose freely, such as a public key, is hashed
 * by the caller first. Grows by doubling. Nothing is ever removed.
 * Timing: variable; keys are public.
 */
#ifndef DEMUR_CORE_TABLE_H
#define DEMUR_CORE_TABLE_H

#include "base.h"

struct demur_table {
    struct demur_table_slot {
        uint8_t key[32];
        uint64_t value;
        bool used;
    } * slots;
    size_t cap, len;
};

/* All zero is an empty table. */
void demur_table_release(struct demur_table *t);
/* Make room for n more keys (or one), so that as many puts cannot fail. */
bool demur_table_reserve_more(struct demur_table *t, size_t n) DEMUR_CHECKED;
bool demur_table_reserve(struct demur_table *t) DEMUR_CHECKED;
/* Set a key's value, new or not. Needs a reserve before it for a new key. */
void demur_table_put(struct demur_table *t, const uint8_t key[static 32], uint64_t value);
bool demur_table_get(const struct demur_table *t, const uint8_t key[static 32], uint64_t *value);

/* Grow an array of elements of `size` bytes to hold `need`; false, with nothing
 * changed, when memory is out. */
bool demur_grow(void *array, size_t *cap, size_t need, size_t size) DEMUR_CHECKED;

#endif
