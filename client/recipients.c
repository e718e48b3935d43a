/* Whom something is sealed to. To how many keys it is, everybody sees: so whoever could
 * be a reader and is none is stood in for by a key that nobody keeps. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/seal.h"
#include "../core/table.h"
#include "internal.h"

static bool add(struct demur_age_recipient **list, size_t *len, size_t *cap,
                const uint8_t point[static 32])
{
    if (!demur_grow(list, cap, *len + 1, sizeof **list))
        return false;
    memcpy((*list)[(*len)++].public, point, 32);
    return true;
}

bool recipients_add(struct recipients *r, const uint8_t point[static 32], bool reads)
{
    return add(&r->all, &r->all_len, &r->all_cap, point) &&
           (!reads || add(&r->readers, &r->len, &r->cap, point));
}

void strangers(struct demur_age_recipient *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t secret[32];
        randombytes_buf(secret, sizeof secret);
        crypto_scalarmult_base(out[i].public, secret);
        sodium_memzero(secret, sizeof secret);
    }
}

enum demur_err recipients_take(struct recipients *r, struct demur_age_recipient **out, size_t *n,
                               struct demur_diag *diag)
{
    size_t all = demur_recipients_order(r->all, r->all_len);
    size_t read = demur_recipients_order(r->readers, r->len);
    if (!demur_grow(&r->readers, &r->cap, all, sizeof *r->readers))
        return no_memory(diag);
    strangers(r->readers + read, all - read);
    *n = demur_recipients_order(r->readers, all);
    *out = r->readers;
    r->readers = NULL;
    return DEMUR_OK;
}

void recipients_free(struct recipients *r)
{
    free(r->readers);
    free(r->all);
}
