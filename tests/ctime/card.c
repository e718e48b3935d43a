/* Making a name card, with the ring secret, the identity's secret key and the entropy secret:
 * until it is sealed nobody may know whose it is. (What a member types, the name, is read for
 * what it may hold as it was typed.) */
#include "../../core/card.h"
#include "../../core/ring.h"
#include "ctime.h"

#include <sodium.h>

int main(void)
{
    static const struct span offices[] = {{(const uint8_t *)"board", 5},
                                          {(const uint8_t *)"desk", 4}};
    uint8_t seed[64] = {1}, entropy[64] = {2}, ring_secret[32], ring_key[32], tag[32];
    uint8_t public_key[32], secret_key[64], hash[32] = {3}, scope_text[DEMUR_SCOPE_MAX];
    uint8_t plain[DEMUR_CARD_LEN];
    struct demur_card_about about = {hash, span_lit("abcdefghijklmnopqrstuvwxyz234567"), 1, hash,
                                     tag};
    struct demur_card card;
    struct buf scope = buf_over(scope_text, sizeof scope_text);
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    demur_ring_key_from_seed(ring_secret, ring_key, seed);
    demur_scope_cosign(&scope, hash, about.dissent, 1);
    demur_ring_tag(tag, buf_span(&scope), ring_secret);
    ctime_secret(ring_secret, sizeof ring_secret);
    ctime_secret(secret_key, 32);
    ctime_secret(entropy, sizeof entropy);
    enum demur_err err = demur_card_make(plain, &about, offices, 2, span_lit("m-1"),
                                         span_lit("Ana"), ring_secret, secret_key, entropy, NULL);
    ctime_public(&err, sizeof err);
    ctime_public(plain, sizeof plain);
    if (err != DEMUR_OK || demur_card_parse(&card, span_of(plain, sizeof plain), NULL) != DEMUR_OK)
        return 1;
    return demur_card_check(&card, &about, NULL) != DEMUR_OK;
}
