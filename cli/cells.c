/* Small numbers are not shown, nor what they would follow from. */
#include "cells.h"

static size_t least_shown(const struct cli_cell *cells, size_t n)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < n; i++)
        if (!cells[i].hidden && cells[i].n < least)
            least = cells[i].n;
    return least;
}

static size_t hide(struct cli_cell *cells, size_t n, size_t most)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        cells[i].hidden = cells[i].hidden || cells[i].n <= most;
        sum += cells[i].hidden ? cells[i].n : 0;
    }
    return sum;
}

size_t cli_cells_hide(struct cli_cell *cells, size_t n)
{
    bool alone = n == 1 && !cells[0].as[0];
    size_t sum = alone ? 0 : hide(cells, n, CLI_CELL_SMALL - 1);
    size_t least = least_shown(cells, n);
    /* All of that number, not one: else the order of ties would tell. */
    return sum && least != SIZE_MAX ? hide(cells, n, least) : sum;
}
