#include "embedded.h"

#include <string.h>

const struct demur_embedded *demur_embedded_find(const char *name)
{
    for (const struct demur_embedded *f = demur_embedded_files; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}
