/* Decoders of text: what one accepts, its encoder writes again, byte for byte.
 * The first byte says which. A phrase is forgiving, so there it is the secret
 * that comes back. */
#include "../core/age.h"
#include "../core/encode.h"
#include "../core/phrase.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t decoded[8192], text_again[8192];

static void must(bool so)
{
    if (!so)
        abort();
}

static void digits(struct span text, enum demur_err (*decode)(struct buf *, struct span),
                   void (*encode)(struct buf *, struct span))
{
    struct buf bytes = buf_over(decoded, sizeof decoded), again = buf_over(text_again, 8192);
    if (decode(&bytes, text) != DEMUR_OK) {
        must(bytes.len == 0);
        return;
    }
    encode(&again, buf_span(&bytes));
    must(buf_ok(&again) && span_eq(buf_span(&again), text));
}

static void bech32(struct span text)
{
    static const char *const hrps[] = {"age", "AGE-SECRET-KEY-", "a"};
    for (size_t i = 0; i < DEMUR_COUNT(hrps); i++) {
        struct buf bytes = buf_over(decoded, sizeof decoded), again = buf_over(text_again, 8192);
        if (demur_bech32_decode(&bytes, hrps[i], text) != DEMUR_OK) {
            must(bytes.len == 0);
            continue;
        }
        demur_bech32_encode(&again, hrps[i], buf_span(&bytes));
        must(buf_ok(&again) && span_eq(buf_span(&again), text));
    }
}

static void keys(struct span text)
{
    struct demur_age_recipient r;
    struct demur_age_identity id;
    struct demur_diag diag = {0};
    struct buf again = buf_over(text_again, sizeof text_again);
    enum demur_err err = demur_age_recipient_parse(&r, text, &diag);
    must(err == diag.code);
    if (err == DEMUR_OK) {
        demur_age_recipient_encode(&again, &r);
        must(span_eq(buf_span(&again), text));
    }
    diag = (struct demur_diag){0};
    err = demur_age_identity_parse(&id, text, &diag);
    must(err == diag.code);
    if (err == DEMUR_OK) {
        again.len = 0;
        demur_age_identity_encode(&again, &id);
        must(span_eq(buf_span(&again), text));
    }
}

static void phrase(struct span text)
{
    uint8_t secret[DEMUR_PHRASE_SECRET_LEN], back[DEMUR_PHRASE_SECRET_LEN];
    struct demur_diag diag = {0};
    enum demur_err err = demur_phrase_decode(secret, text, &diag);
    must(err == diag.code && (err == DEMUR_OK || diag.text[0]));
    if (err != DEMUR_OK) {
        for (const char *c = diag.text; *c; c++)
            must(*c >= ' ' && *c <= '~');
        return;
    }
    struct buf again = buf_over(text_again, DEMUR_PHRASE_LEN);
    demur_phrase_encode(&again, secret);
    must(buf_ok(&again) && demur_phrase_decode(back, buf_span(&again), NULL) == DEMUR_OK);
    must(memcmp(back, secret, sizeof back) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096)
        return 0;
    struct span text = span_of(data + 1, size - 1);
    switch (data[0]) {
    case 'h':
        digits(text, demur_hex_decode, demur_hex_encode);
        break;
    case 'b':
        digits(text, demur_base64_decode, demur_base64_encode);
        break;
    case 'u':
        digits(text, demur_base64_bare_decode, demur_base64_bare_encode);
        break;
    case 'i':
        digits(text, demur_base32_decode, demur_base32_encode);
        break;
    case 'c':
        bech32(text);
        break;
    case 'k':
        keys(text);
        break;
    case 'p':
        phrase(text);
        break;
    default:
        break;
    }
    return 0;
}
