/* Checkpoint texts: what parses re-encodes to the same bytes. */
#include "../core/checkpoint.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct demur_checkpoint head = {.size = 1};
    struct demur_diag diag = {0};
    struct span text = span_of(data, size);
    enum demur_err err = demur_checkpoint_parse_text(&head, text, &diag);
    must(err == diag.code);
    must(err == DEMUR_OK || (head.size == 1 && head.origin.len == 0));
    if (err != DEMUR_OK)
        return 0;
    uint8_t again[DEMUR_CHECKPOINT_TEXT_MAX];
    struct buf out = buf_over(again, sizeof again);
    must(demur_note_name_ok(head.origin) && head.size <= DEMUR_LOG_SIZE_MAX);
    demur_checkpoint_put_text(&out, &head);
    must(buf_ok(&out) && span_eq(buf_span(&out), text));
    return 0;
}
