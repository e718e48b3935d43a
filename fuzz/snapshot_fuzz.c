/* The fold's snapshot, of bytes that nobody vouches for: what is loaded saves as the
 * same bytes, answers every view at any time, and takes records as any other fold. */
#include "../core/walk.h"
#include "../tests/support/snapshot.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static void views(const struct demur_channel *c, uint64_t now)
{
    static uint8_t text[1 << 18];
    struct demur_dissent_info d;
    struct buf b = buf_over(text, sizeof text);
    enum demur_err err = demur_view_channel(c, now, &b);
    err = err ? err : demur_view_policy(c, &b);
    err = err ? err : demur_view_roster(c, now, &b);
    err = err ? err : demur_view_board(c, now, &b);
    for (size_t i = 0; i < 8 && demur_channel_dissent(c, i, now, &d); i++)
        err = err ? err : demur_view_dissent(c, span_str(d.id), now, &b, NULL);
    must(err == DEMUR_OK || err == DEMUR_ERR_SPACE || err == DEMUR_ERR_UNKNOWN);
}

static int try(const uint8_t *data, size_t size)
{
    enum demur_err err;
    struct demur_diag diag;
    struct demur_channel *c = snapshot_load(span_of(data, size), &err);
    must((c != NULL) == (err == DEMUR_OK));
    if (!c)
        return 0;
    struct span again = snapshot_take(c);
    must(span_eq(again, span_of(data, size)));
    free((void *)again.p);
    uint64_t last = demur_channel_last_at(c), entries = demur_channel_size(c);
    views(c, last);
    views(c, last + 90 * 86400);
    must(demur_channel_entry(c, span_lit("no entry\n"), span_of(NULL, 0), &diag) != DEMUR_OK);
    must(demur_channel_size(c) == entries + 1);
    demur_channel_free(c);
    return 0;
}

/* The versions are the present ones, whatever is there: else all seeds would be for nothing
 * once the fold has another. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint32_t versions[] = {DEMUR_FOLD_VERSION, DEMUR_SNAPSHOT_VERSION};
    uint8_t *bytes = malloc(size + 1);
    must(bytes != NULL);
    memcpy(bytes, data, size);
    for (size_t i = 0; i < 8 && i < size; i++)
        bytes[i] = (uint8_t)(versions[i / 4] >> 8 * (i % 4));
    int result = try(bytes, size);
    free(bytes);
    return result;
}
