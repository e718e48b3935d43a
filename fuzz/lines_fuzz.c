/* The line grammar: what demur_lines_init accepts, put together again from its
 * lines, is the same bytes; statements stay inside the text and keep its rules. */
#include "../core/lines.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static void statements(struct demur_lines lines)
{
    for (bool end = false; !end;) {
        struct demur_statement_line s = {0};
        if (demur_statement_next(&lines, &s, &end, NULL) != DEMUR_OK || end)
            return;
        must(demur_name_ok(s.name) && s.line == lines.line);
        uint32_t column = s.rest_column;
        struct span rest = s.rest, word;
        while (demur_words_next(&rest, &word, &column))
            must(word.len > 0);
        must(column == s.rest_column + s.rest.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct demur_lines lines;
    struct demur_diag diag = {0};
    enum demur_err err = demur_lines_init(&lines, span_of(data, size), 4096, &diag);
    must(err == diag.code);
    if (err != DEMUR_OK)
        return 0;
    statements(lines);
    static uint8_t again[4096];
    struct buf out = buf_over(again, sizeof again);
    struct span line;
    while (demur_lines_next(&lines, &line)) {
        buf_put_span(&out, line);
        buf_put_byte(&out, '\n');
    }
    must(buf_ok(&out) && span_eq(buf_span(&out), span_of(data, size)));
    return 0;
}
