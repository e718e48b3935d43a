/* Identities: what parses is written again as the same bytes. Recovery kits: what
 * parses, in whatever white space, comes back the same from its own form. */
#include "../core/keys.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static void recovery(struct span text)
{
    struct demur_identity id, back;
    struct demur_diag diag = {0};
    enum demur_err err = demur_recovery_parse(&id, text, &diag);
    must(err == diag.code);
    if (err != DEMUR_OK)
        return;
    uint8_t kit[DEMUR_IDENTITY_TEXT_MAX];
    struct buf out = buf_over(kit, sizeof kit);
    demur_recovery_put(&out, &id);
    must(buf_ok(&out) && demur_recovery_parse(&back, buf_span(&out), NULL) == DEMUR_OK);
    must(memcmp(id.seed, back.seed, 32) == 0 && strcmp(id.url, back.url) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    recovery(span_of(data, size));
    struct demur_identity id;
    struct demur_diag diag = {0};
    enum demur_err err = demur_identity_parse(&id, span_of(data, size), &diag);
    must(err == diag.code);
    if (err != DEMUR_OK)
        return 0;
    uint8_t again[DEMUR_IDENTITY_TEXT_MAX];
    struct buf out = buf_over(again, sizeof again);
    demur_identity_put(&out, &id);
    must(buf_ok(&out) && span_eq(buf_span(&out), span_of(data, size)));
    return 0;
}
