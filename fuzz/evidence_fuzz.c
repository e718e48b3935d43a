/* Evidence files, which come from anybody: what parses re-encodes to the same bytes, and
 * judging it, for the channel that it says it is about, ends in a verdict with a sentence. */
#include "../client/internal.h"
#include "../core/tile.h"

#include <sodium.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

/* The channel of entry 0 in its keys: a reader has the fingerprint from elsewhere. */
static void fingerprint_of(const struct evidence *e, uint8_t out[32])
{
    struct span keys = {0}, entry;
    memset(out, 1, 32);
    if (evidence_has(e, EVIDENCE_KEYS, &keys) && demur_bundle_next(&keys, &entry))
        demur_merkle_leaf(out, entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct evidence e;
    struct demur_diag diag = {0};
    struct demur_evidence_report report = {0};
    struct span text = span_of(data, size);
    uint8_t fingerprint[32];
    if (sodium_init() < 0)
        abort();
    enum demur_err err = evidence_parse(&e, text, &diag);
    must(err == diag.code);
    if (err) {
        must(diag.text[0] != 0);
        return 0;
    }
    struct buf again = heap_buf(size + 1);
    must(again.p != NULL);
    evidence_put(&again, &e.finding, e.parts, e.parts_len);
    must(buf_ok(&again) && span_eq(buf_span(&again), text));
    heap_buf_free(&again);
    fingerprint_of(&e, fingerprint);
    diag = (struct demur_diag){0};
    err = demur_evidence_check(&report, text, fingerprint, &diag);
    must(err == diag.code && (err ? diag.text[0] && !report.proves[0]
                                  : report.proves[0] && report.origin[0]));
    return 0;
}
