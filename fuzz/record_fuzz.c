/* Records: what parses, written again from its fields, is the same bytes, and
 * every accessor stays within it. */
#include "../core/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static void ask_everything(const struct demur_record *r)
{
    uint8_t hash[32];
    struct demur_blob_ref blobs[16];
    must(demur_record_blobs(r, blobs, 16) <= 16);
    for (int f = 1; f < DEMUR_FIELDS; f++) {
        enum demur_field field = (enum demur_field)f;
        must(demur_record_has(r, field) == (demur_record_count(r, field) > 0));
        must(demur_record_signed(r, field).len <= r->text.len);
        (void)demur_record_hash(r, field, hash);
        (void)demur_record_key(r, field, hash);
        (void)demur_record_number(r, field);
    }
    static const uint8_t key[32] = {1};
    must(!demur_record_verify(r, DEMUR_FIELD_SIG, key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct demur_record r;
    static uint8_t again[DEMUR_RECORD_MAX];
    struct span record = span_of(data, size);
    uint64_t at;
    struct demur_diag diag = {0};
    if (demur_entry_parse(&at, &record, span_of(data, size), NULL) != DEMUR_OK)
        record = span_of(data, size);
    enum demur_err err = demur_record_parse(&r, record, &diag);
    must(err == diag.code);
    if (err)
        return 0;
    struct buf out = buf_over(again, sizeof again);
    buf_put_str(&out, "demur ");
    buf_put_str(&out, demur_record_type_name(r.type));
    buf_put_str(&out, " v1\n");
    for (uint32_t i = 0; i < r.fields_len; i++)
        demur_put_text(&out, r.fields[i].field, r.fields[i].value);
    must(buf_ok(&out) && span_eq(buf_span(&out), record));
    ask_everything(&r);
    return 0;
}
