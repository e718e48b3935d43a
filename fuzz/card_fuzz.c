/* Name cards: what parses is written again as the same bytes. The input is the
 * text; zero bytes fill the card up, as on a real one. */
#include "../core/card.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > DEMUR_CARD_LEN)
        return 0;
    uint8_t plain[DEMUR_CARD_LEN] = {0}, again[DEMUR_CARD_LEN];
    if (size)
        memcpy(plain, data, size);
    struct demur_card card;
    struct demur_diag diag = {0};
    enum demur_err err = demur_card_parse(&card, span_of(plain, sizeof plain), &diag);
    must(err == diag.code);
    if (err != DEMUR_OK)
        return 0;
    must(card.claimed.len < card.signed_text.len && card.signed_text.len < DEMUR_CARD_LEN);
    struct buf out = buf_over(again, sizeof again);
    demur_card_put(&out, &card);
    must(buf_ok(&out) && memcmp(plain, again, sizeof plain) == 0);
    return 0;
}
