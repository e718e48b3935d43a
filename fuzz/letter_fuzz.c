/* Letters: what parses is written again as the same bytes, survives padding, and
 * tidying a body twice is tidying it once. */
#include "../core/letter.h"
#include "../core/seal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static void tidy(const uint8_t *data, size_t size)
{
    static char text[8193];
    memcpy(text, data, size);
    size_t once = demur_letter_body_tidy(text, size);
    must(once <= size + 1);
    must(once == 0 || (text[once - 1] == '\n' && !memchr(text, '\r', once)));
    must(demur_letter_body_tidy(text, once) == once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 8192)
        return 0;
    tidy(data, size);
    struct span text = span_of(data, size);
    (void)demur_letter_has_section(text, span_lit("s"));
    static struct demur_letter letter;
    struct demur_diag diag = {0};
    enum demur_err err = demur_letter_parse(&letter, text, &diag);
    must(err == diag.code);
    if (err != DEMUR_OK)
        return 0;
    static uint8_t again[16384];
    struct buf out = buf_over(again, sizeof again);
    demur_letter_put(&out, &letter);
    must(buf_ok(&out) && span_eq(buf_span(&out), text));
    demur_letter_pad(&out);
    must(buf_ok(&out) && span_eq(demur_letter_unpad(buf_span(&out)), text));
    return 0;
}
