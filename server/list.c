/* list.c - see list.h. */
#include "list.h"

bool demur_list_add_all(struct demur_list *list, const void *items, size_t n, size_t size)
{
    if (n > list->cap - list->len) {
        size_t cap = list->cap ? list->cap : 16;
        while (cap - list->len < n && cap <= SIZE_MAX / 2)
            cap *= 2;
        if (cap - list->len < n || cap > SIZE_MAX / size)
            return false;
        void *grown = realloc(list->items, cap * size);
        if (!grown)
            return false;
        list->items = grown;
        list->cap = cap;
    }
    if (n)
        memcpy((uint8_t *)list->items + list->len * size, items, n * size);
    list->len += n;
    return true;
}

bool demur_list_add(struct demur_list *list, const void *item, size_t size)
{
    return demur_list_add_all(list, item, 1, size);
}

void demur_list_free(struct demur_list *list)
{
    free(list->items);
    *list = (struct demur_list){0};
}
