/* list.h - an array on the heap that grows. Inside server/. */
#ifndef DEMUR_SERVER_LIST_H
#define DEMUR_SERVER_LIST_H

#include "../core/base.h"

struct demur_list {
    void *items;
    size_t len, cap; /* in items */
};

/* Append a copy of one item of `size` bytes; false, and nothing done, when
 * memory is out. All items of a list have one size. */
bool demur_list_add(struct demur_list *list, const void *item, size_t size) DEMUR_CHECKED;
/* The same for n items that lie one after the other. */
bool demur_list_add_all(struct demur_list *list, const void *items, size_t n,
                        size_t size) DEMUR_CHECKED;
void demur_list_free(struct demur_list *list);

#endif
