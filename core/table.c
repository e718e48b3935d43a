#include "table.h"

static uint32_t tag_of(const uint8_t hash[static 32]) { return (uint32_t)(be64_load(hash) >> 32); }

static void place(struct demur_index_slot *slots, size_t cap, struct demur_index_slot slot)
{
    size_t i = slot.tag & (cap - 1);
    while (slots[i].item)
        i = (i + 1) & (cap - 1);
    slots[i] = slot;
}

void demur_index_release(struct demur_index *t)
{
    free(t->slots);
    *t = (struct demur_index){0};
}

bool demur_index_reserve(struct demur_index *t, size_t n)
{
    if (n > UINT32_MAX / 4 || t->len > UINT32_MAX / 4)
        return false;
    if ((t->len + n) * 4 <= t->cap * 3)
        return true;
    size_t cap = t->cap ? t->cap * 2 : 64;
    while ((t->len + n) * 4 > cap * 3)
        cap *= 2;
    struct demur_index_slot *slots = calloc(cap, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].item)
            place(slots, cap, t->slots[i]);
    free(t->slots);
    t->slots = slots;
    t->cap = cap;
    return true;
}

void demur_index_put(struct demur_index *t, const uint8_t hash[static 32], uint32_t item)
{
    place(t->slots, t->cap, (struct demur_index_slot){tag_of(hash), item + 1});
    t->len++;
}

struct demur_probe demur_index_probe(const struct demur_index *t, const uint8_t hash[static 32])
{
    uint32_t tag = tag_of(hash);
    return (struct demur_probe){.at = t->cap ? tag & (t->cap - 1) : 0, .tag = tag};
}

bool demur_index_next(const struct demur_index *t, struct demur_probe *probe)
{
    /* A quarter of the slots is free, so this ends. */
    while (t->cap && t->slots[probe->at].item) {
        struct demur_index_slot slot = t->slots[probe->at];
        probe->at = (probe->at + 1) & (t->cap - 1);
        if (slot.tag == probe->tag) {
            probe->item = slot.item - 1;
            return true;
        }
    }
    return false;
}

bool demur_grow(void *array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return true;
    size_t more = *cap ? *cap * 2 : 4;
    if (more < need)
        more = need;
    if (more > SIZE_MAX / size)
        return false;
    void **at = array;
    void *p = realloc(*at, more * size);
    if (!p)
        return false;
    *at = p;
    *cap = more;
    return true;
}
