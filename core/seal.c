#include "seal.h"

#include <sodium.h>

#include "pad.h"

size_t demur_padded_len(size_t len)
{
    size_t padded = demur_padme_len(len);
    return padded < DEMUR_PAD_MIN ? DEMUR_PAD_MIN : padded;
}

static void pad(struct buf *bytes, uint8_t with)
{
    size_t more = demur_padded_len(bytes->len) - bytes->len;
    uint8_t *at = buf_reserve(bytes, more);
    if (at)
        memset(at, with, more);
}

void demur_letter_pad(struct buf *text) { pad(text, '\n'); }
void demur_attachment_pad(struct buf *bytes) { pad(bytes, 0); }

size_t demur_recipients_order(struct demur_age_recipient *recipients, size_t n)
{
    size_t kept = n ? 1 : 0;
    for (size_t i = 1; i < n; i++) {
        struct demur_age_recipient next = recipients[i];
        if (memcmp(next.public, recipients[0].public, sizeof next.public) == 0)
            continue;
        size_t at = kept;
        while (at > 1 && memcmp(recipients[at - 1].public, next.public, sizeof next.public) > 0)
            at--;
        if (at > 1 && memcmp(recipients[at - 1].public, next.public, sizeof next.public) == 0)
            continue;
        memmove(&recipients[at + 1], &recipients[at], (kept - at) * sizeof next);
        recipients[at] = next;
        kept++;
    }
    return kept;
}

size_t demur_memo_inner_len(size_t padded_len, size_t recipients)
{
    return demur_age_sealed_len(padded_len, recipients);
}

size_t demur_memo_outer_len(size_t padded_len, size_t recipients)
{
    size_t inner = demur_memo_inner_len(padded_len, recipients);
    return inner == SIZE_MAX ? inner : demur_age_wrapped_len(inner);
}

enum demur_err demur_memo_seal(struct buf *out, struct buf *inner, struct span padded,
                               const struct demur_age_recipient *recipients, size_t n,
                               const uint8_t release_key[static 32], struct span entropy,
                               struct demur_diag *diag)
{
    if (entropy.len < DEMUR_MEMO_ENTROPY_LEN(n))
        return demur_fail(diag, DEMUR_ERR_MISSING, "too little entropy to seal a memo with");
    enum demur_err err = demur_age_seal(inner, padded, recipients, n,
                                        span_take(entropy, DEMUR_AGE_ENTROPY_LEN(n)), diag);
    if (err)
        return err;
    return demur_age_wrap(out, buf_span(inner), release_key,
                          span_skip(entropy, DEMUR_AGE_ENTROPY_LEN(n)), diag);
}

enum demur_err demur_memo_open(struct buf *out, struct buf *inner, struct span file,
                               const uint8_t release_key[static 32],
                               const struct demur_age_identity *identity, struct demur_diag *diag)
{
    enum demur_err err = demur_age_unwrap(inner, file, release_key, diag);
    return err ? err : demur_age_open(out, buf_span(inner), identity, 1, diag);
}
