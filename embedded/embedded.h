/* embedded.h - the files that the binary carries: policies, calendars, the API
 * description, the web app.
 *
 * The Makefile's EMBED lists them; tools/embed.c writes the table. Everything
 * is constant and lives as long as the program. Knows nothing of the rest.
 */
#ifndef DEMUR_EMBEDDED_H
#define DEMUR_EMBEDDED_H

#include <stddef.h>
#include <stdint.h>

struct demur_embedded {
    const char *name; /* its path in the source tree, "policies/company.policy" */
    const uint8_t *bytes;
    size_t len; /* in bytes; a NUL follows that it does not count */
};

/* All of them, ordered by name; the last has a NULL name. */
extern const struct demur_embedded demur_embedded_files[];

/* The file of that name, or NULL. */
const struct demur_embedded *demur_embedded_find(const char *name);

#endif
