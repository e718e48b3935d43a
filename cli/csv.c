#include "csv.h"

void csv_over(struct csv *csv, uint8_t *text, size_t len)
{
    bool marked = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
    *csv = (struct csv){text, len, marked ? 3 : 0, 1};
}

static bool at_end_of_line(const struct csv *c)
{
    return c->at == c->len || c->text[c->at] == '\n' ||
           (c->text[c->at] == '\r' && c->at + 1 < c->len && c->text[c->at + 1] == '\n');
}

static void skip_end_of_line(struct csv *c)
{
    if (c->at < c->len && c->text[c->at] == '\r')
        c->at++;
    if (c->at < c->len)
        c->at++;
    c->line++;
}

static enum demur_err quoted(struct csv *c, struct span *cell, struct demur_diag *diag)
{
    uint32_t line = c->line;
    size_t from = ++c->at, to = from;
    for (; c->at < c->len; c->at++) {
        if (c->text[c->at] == '"' && (c->at + 1 == c->len || c->text[c->at + 1] != '"'))
            break;
        if (c->text[c->at] == '"')
            c->at++;
        c->line += c->text[c->at] == '\n';
        c->text[to++] = c->text[c->at];
    }
    if (c->at == c->len)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, line, 0, "",
                             "a quote is opened and not closed");
    c->at++;
    *cell = span_of(c->text + from, to - from);
    if (!at_end_of_line(c) && c->text[c->at] != ',')
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, c->line, 0, "",
                             "after a closing quote a comma or the end of the line must follow");
    return DEMUR_OK;
}

static enum demur_err bare(struct csv *c, struct span *cell, struct demur_diag *diag)
{
    size_t from = c->at;
    for (; !at_end_of_line(c) && c->text[c->at] != ','; c->at++)
        if (c->text[c->at] == '"')
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, c->line, 0, "",
                                 "a quote stands within a cell: put the whole cell in quotes and "
                                 "double the one within");
    *cell = span_of(c->text + from, c->at - from);
    return DEMUR_OK;
}

enum demur_err csv_next(struct csv *csv, struct csv_row *row, struct span *cells, size_t max,
                        bool *end, struct demur_diag *diag)
{
    while (csv->at < csv->len && at_end_of_line(csv))
        skip_end_of_line(csv);
    *row = (struct csv_row){csv->line, cells, 0};
    *end = csv->at == csv->len;
    for (bool more = !*end; more;) {
        if (row->len == max)
            return demur_fail_at(diag, DEMUR_ERR_LIMIT, csv->line, 0, "",
                                 "there are more than %zu cells in this row", max);
        enum demur_err err = csv->at < csv->len && csv->text[csv->at] == '"'
                                 ? quoted(csv, &cells[row->len], diag)
                                 : bare(csv, &cells[row->len], diag);
        if (err)
            return err;
        row->len++;
        more = csv->at < csv->len && csv->text[csv->at] == ',';
        if (more)
            csv->at++;
        else
            skip_end_of_line(csv);
    }
    return DEMUR_OK;
}

void csv_put(struct buf *out, struct span cell)
{
    bool plain = true;
    for (size_t i = 0; i < cell.len; i++)
        plain = plain && !strchr(",\"\r\n", cell.p[i]);
    if (plain) {
        buf_put_span(out, cell);
        return;
    }
    buf_put_byte(out, '"');
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.p[i] == '"')
            buf_put_byte(out, '"');
        buf_put_byte(out, cell.p[i]);
    }
    buf_put_byte(out, '"');
}
