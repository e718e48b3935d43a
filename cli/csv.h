/* csv.h - tables as spreadsheets write them: RFC 4180, with LF as well as CRLF,
 * and a byte order mark at the start passed over. */
#ifndef DEMUR_CLI_CSV_H
#define DEMUR_CLI_CSV_H

#include "../core/base.h"

struct csv {
    uint8_t *text; /* the caller's; cells are unquoted in place */
    size_t len, at;
    uint32_t line; /* of the next byte */
};
struct csv_row {
    uint32_t line; /* of its first cell */
    struct span *cells;
    size_t len;
};

/* Borrows the bytes and changes them. */
void csv_over(struct csv *csv, uint8_t *text, size_t len);
/* The next row into cells[max]; blank lines are passed over. *end when there is
 * none. SYNTAX with line for a broken quote, LIMIT for more cells than max. */
enum demur_err csv_next(struct csv *csv, struct csv_row *row, struct span *cells, size_t max,
                        bool *end, struct demur_diag *diag) DEMUR_CHECKED;
/* Append a cell, quoted when it must be. */
void csv_put(struct buf *out, struct span cell);

#endif
