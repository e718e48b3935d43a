/* A control for card.c: a branch on a card that was made and not sealed yet, where its proof of
 * authorship stands. */
#include "../../core/card.h"
#include "../../core/ring.h"
#include "ctime.h"

#include <sodium.h>

static volatile unsigned calls;

int main(void)
{
    static const struct span office = {(const uint8_t *)"desk", 4};
    uint8_t secret[32] = {1}, secret_key[64] = {2}, entropy[64] = {3}, hash[32] = {4};
    uint8_t plain[DEMUR_CARD_LEN];
    struct demur_card_about about = {hash, span_lit("abcdefghijklmnopqrstuvwxyz234567"), 1, hash,
                                     hash};
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    ctime_secret(secret, sizeof secret);
    enum demur_err err = demur_card_make(plain, &about, &office, 1, span_lit("m-1"),
                                         span_lit("Ana"), secret, secret_key, entropy, NULL);
    ctime_public(&err, sizeof err);
    size_t at = 0;
    while (at < sizeof plain - 6 && memcmp(plain + at, "claim ", 6) != 0)
        at++;
    if (plain[at + 20] == 'A')
        calls = calls + 1;
    return 0;
}
