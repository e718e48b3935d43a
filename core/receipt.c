/* receipt.c - see receipt.h. */
#include "receipt.h"

#include "encode.h"
#include "tile.h"

#define FIRST_LINE "c2sp.org/tlog-proof@v1"

/* Reads lines and knows where it is. */
struct reader {
    struct span rest, line;
    uint32_t number;
};

static bool next_line(struct reader *r)
{
    bool found;
    r->line = span_split(&r->rest, '\n', &found);
    r->number++;
    return found;
}

static enum demur_err fault(const struct reader *r, enum demur_err err, const char *field,
                            const char *text, struct demur_diag *diag)
{
    return demur_fail_at(diag, err, r->number, 1, field, "%s", text);
}

/* The line `extra`, if there is one, and the line `index`. */
static enum demur_err parse_head(struct demur_receipt *out, struct reader *r,
                                 struct demur_diag *diag)
{
    if (!next_line(r) || !span_eq_str(r->line, FIRST_LINE))
        return fault(r, DEMUR_ERR_SYNTAX, NULL, "a receipt begins with " FIRST_LINE, diag);
    bool more = next_line(r);
    if (more && span_starts(r->line, "extra ")) {
        out->extra = span_skip(r->line, 6);
        enum demur_err err = demur_base64_check(out->extra);
        if (err != DEMUR_OK)
            return fault(r, err, "extra", "extra is padded base64", diag);
        if (out->extra.len == 0)
            return fault(r, DEMUR_ERR_CANON, "extra", "without extra data its line is left out",
                         diag);
        more = next_line(r);
    }
    if (!more || !span_starts(r->line, "index ") ||
        !span_u64(span_skip(r->line, 6), DEMUR_LOG_SIZE_MAX - 1, &out->index))
        return fault(r, DEMUR_ERR_SYNTAX, "index",
                     "expected the line index and a decimal number without leading zeros", diag);
    return DEMUR_OK;
}

static enum demur_err parse_proof(struct demur_receipt *out, struct reader *r,
                                  struct demur_diag *diag)
{
    for (;;) {
        if (!next_line(r))
            return fault(r, DEMUR_ERR_SYNTAX, NULL, "the proof ends in an empty line", diag);
        if (r->line.len == 0)
            return DEMUR_OK;
        if (out->proof.len == DEMUR_PROOF_MAX)
            return fault(r, DEMUR_ERR_LIMIT, NULL, "the proof is longer than any log needs", diag);
        enum demur_err err = demur_base64_exact(out->proof.hash[out->proof.len++], 32, r->line);
        if (err != DEMUR_OK)
            return fault(r, err, NULL, "a line of the proof is 32 bytes in padded base64", diag);
    }
}

enum demur_err demur_receipt_parse(struct demur_receipt *receipt, struct span text,
                                   struct demur_diag *diag)
{
    if (text.len > DEMUR_RECEIPT_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the receipt has more than %d bytes",
                          DEMUR_RECEIPT_MAX);
    struct demur_receipt parsed = {.index = 0};
    struct reader r = {.rest = text};
    enum demur_err err = parse_head(&parsed, &r, diag);
    if (err == DEMUR_OK)
        err = parse_proof(&parsed, &r, diag);
    if (err != DEMUR_OK)
        return err;
    parsed.checkpoint = r.rest;
    struct demur_note note;
    err = demur_note_parse(&note, parsed.checkpoint, diag);
    if (err == DEMUR_OK)
        err = demur_checkpoint_parse_text(&parsed.head, note.text, diag);
    if (err != DEMUR_OK) {
        if (diag && diag->line)
            diag->line += r.number;
        return err;
    }
    *receipt = parsed;
    return DEMUR_OK;
}

void demur_receipt_put(struct buf *out, struct span bundle, uint64_t index,
                       const struct demur_proof *proof, struct span checkpoint)
{
    buf_put_str(out, FIRST_LINE "\n");
    if (bundle.len) {
        buf_put_str(out, "extra ");
        demur_base64_encode(out, bundle);
        buf_put_byte(out, '\n');
    }
    buf_put_str(out, "index ");
    buf_put_u64(out, index);
    buf_put_byte(out, '\n');
    for (size_t i = 0; i < proof->len; i++) {
        demur_base64_encode(out, span_of(proof->hash[i], 32));
        buf_put_byte(out, '\n');
    }
    buf_put_byte(out, '\n');
    buf_put_span(out, checkpoint);
}

enum demur_err demur_receipt_bundle(const struct demur_receipt *receipt, struct buf *out,
                                    struct demur_diag *diag)
{
    if (receipt->extra.len == 0)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 2, 1, "extra",
                             "the receipt holds no entries, so it does not say what it proves");
    size_t before = out->len, entries;
    enum demur_err err = demur_base64_decode(out, receipt->extra);
    if (err != DEMUR_OK)
        return demur_fail_at(diag, err, 2, 1, "extra",
                             err == DEMUR_ERR_SPACE ? "the buffer for the entries is too small"
                                                    : "extra is padded base64");
    err = demur_bundle_check(span_skip(buf_span(out), before), SIZE_MAX, &entries, diag);
    if (err != DEMUR_OK)
        out->len = before;
    return err;
}

enum demur_err demur_receipt_verify(const struct demur_receipt *receipt, struct span origin,
                                    const uint8_t log_key[static 32], const uint8_t leaf[static 32],
                                    struct demur_checkpoint *head, struct demur_diag *diag)
{
    struct demur_checkpoint signed_head;
    enum demur_err err =
        demur_checkpoint_open(&signed_head, NULL, receipt->checkpoint, origin, log_key, diag);
    if (err != DEMUR_OK)
        return err;
    if (receipt->index >= signed_head.size)
        return demur_fail_at(diag, DEMUR_ERR_VERIFY, 0, 0, "index",
                             "the receipt is for entry %llu, and its checkpoint covers only %llu "
                             "entries",
                             (unsigned long long)receipt->index,
                             (unsigned long long)signed_head.size);
    if (!demur_inclusion_verify(&receipt->proof, receipt->index, signed_head.size, leaf,
                                signed_head.root))
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the receipt does not prove that this entry is in the log");
    if (head)
        *head = signed_head;
    return DEMUR_OK;
}
