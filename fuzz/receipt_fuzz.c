/* Receipts: what parses re-encodes to the same bytes, and its extra data either
 * is an entry bundle or is refused. */
#include "../core/encode.h"
#include "../core/receipt.h"
#include "../core/tile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static uint8_t extra_bytes[DEMUR_RECEIPT_MAX], again[DEMUR_RECEIPT_MAX];

static void bundle_is_whole(const struct demur_receipt *receipt)
{
    struct buf bundle = buf_over(extra_bytes, sizeof extra_bytes);
    enum demur_err err = demur_receipt_bundle(receipt, &bundle, NULL);
    must(err != DEMUR_ERR_SPACE && (err == DEMUR_OK) == (bundle.len > 0));
    struct span rest = buf_span(&bundle), entry;
    while (demur_bundle_next(&rest, &entry))
        must(entry.len <= DEMUR_BUNDLE_ENTRY_MAX);
    must(rest.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct demur_receipt receipt;
    struct demur_diag diag = {0};
    struct span text = span_of(data, size);
    enum demur_err err = demur_receipt_parse(&receipt, text, &diag);
    must(err == diag.code);
    if (err != DEMUR_OK)
        return 0;
    bundle_is_whole(&receipt);
    struct buf extra = buf_over(extra_bytes, sizeof extra_bytes);
    must(demur_base64_decode(&extra, receipt.extra) == DEMUR_OK);
    struct buf out = buf_over(again, sizeof again);
    demur_receipt_put(&out, buf_span(&extra), receipt.index, &receipt.proof, receipt.checkpoint);
    must(buf_ok(&out) && span_eq(buf_span(&out), text));
    const uint8_t nobody[32] = {1}, leaf[32] = {2};
    must(demur_receipt_verify(&receipt, receipt.head.origin, nobody, leaf, NULL, NULL) != DEMUR_OK);
    return 0;
}
