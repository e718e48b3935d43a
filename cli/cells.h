/* cells.h - signatures by what they prove, and which of the numbers are shown. */
#ifndef DEMUR_CLI_CELLS_H
#define DEMUR_CLI_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_CELL_SMALL 5 /* a number below this may point at people */

struct cli_cell {
    const char *as; /* what its signatures prove; empty: nothing but membership */
    uint64_t ring;  /* among how many they hide their makers */
    size_t n;
    bool hidden;
};

/* Decide which are shown: none that is small, unless all signatures are any member's. What
 * is hidden is summed up under no name. That sum follows from the total, so the least of the
 * others are always in it too: nobody can tell which kinds are the small ones, or that there
 * are any of a kind. Returns the sum. */
size_t cli_cells_hide(struct cli_cell *cells, size_t n);

#endif
