#include "table.h"

static size_t place(const struct demur_table_slot *slots, size_t cap, const uint8_t key[static 32])
{
    size_t i = (size_t)be64_load(key) & (cap - 1);
    while (slots[i].used && memcmp(slots[i].key, key, 32) != 0)
        i = (i + 1) & (cap - 1);
    return i;
}

void demur_table_release(struct demur_table *t)
{
    free(t->slots);
    *t = (struct demur_table){0};
}

bool demur_table_reserve(struct demur_table *t) { return demur_table_reserve_more(t, 1); }

bool demur_table_reserve_more(struct demur_table *t, size_t n)
{
    if ((t->len + n) * 4 <= t->cap * 3)
        return true;
    size_t cap = t->cap ? t->cap * 2 : 64;
    while ((t->len + n) * 4 > cap * 3)
        cap *= 2;
    struct demur_table_slot *slots = calloc(cap, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].used)
            slots[place(slots, cap, t->slots[i].key)] = t->slots[i];
    free(t->slots);
    t->slots = slots;
    t->cap = cap;
    return true;
}

void demur_table_put(struct demur_table *t, const uint8_t key[static 32], uint64_t value)
{
    struct demur_table_slot *s = &t->slots[place(t->slots, t->cap, key)];
    if (!s->used) {
        memcpy(s->key, key, 32);
        s->used = true;
        t->len++;
    }
    s->value = value;
}

bool demur_table_get(const struct demur_table *t, const uint8_t key[static 32], uint64_t *value)
{
    if (!t->cap)
        return false;
    const struct demur_table_slot *s = &t->slots[place(t->slots, t->cap, key)];
    if (s->used)
        *value = s->value;
    return s->used;
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
