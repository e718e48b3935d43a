/* age_key.c - X25519 keys and their text; see age.h. */
#include "age.h"

#include <sodium.h>

#include "encode.h"

#define HRP_RECIPIENT "age"
#define HRP_IDENTITY "AGE-SECRET-KEY-"

/* Every encoding, but for the top bit that X25519 ignores, of a point whose
 * order divides 8, on Curve25519 or its twist: the shared secret with any of
 * them would be zero. The u are 0, 1, -1, the two that double to 1, and the
 * unreduced 0 and 1. */
static const uint8_t small_order[][DEMUR_AGE_KEY_LEN] = {
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
    {0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
     0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
     0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
     0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
     0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

void demur_age_identity_init(struct demur_age_identity *id,
                             const uint8_t secret[static DEMUR_AGE_KEY_LEN])
{
    memmove(id->secret, secret, sizeof id->secret);
    /* fails for no scalar: the base point has large order */
    (void)crypto_scalarmult_base(id->public, id->secret);
}

struct demur_age_recipient demur_age_identity_recipient(const struct demur_age_identity *id)
{
    struct demur_age_recipient r;
    memcpy(r.public, id->public, sizeof r.public);
    return r;
}

enum demur_err demur_age_recipient_check(const struct demur_age_recipient *r)
{
    uint8_t u[DEMUR_AGE_KEY_LEN];
    memcpy(u, r->public, sizeof u);
    u[31] &= 0x7F;
    for (size_t i = 0; i < DEMUR_COUNT(small_order); i++)
        if (memcmp(u, small_order[i], sizeof u) == 0)
            return DEMUR_ERR_KEY;
    return DEMUR_OK;
}

void demur_age_recipient_encode(struct buf *out, const struct demur_age_recipient *r)
{
    demur_bech32_encode(out, HRP_RECIPIENT, span_of(r->public, sizeof r->public));
}

void demur_age_identity_encode(struct buf *out, const struct demur_age_identity *id)
{
    demur_bech32_encode(out, HRP_IDENTITY, span_of(id->secret, sizeof id->secret));
}

static enum demur_err key_parse(uint8_t key[static DEMUR_AGE_KEY_LEN], const char *hrp,
                                const char *what, struct span text, struct demur_diag *diag)
{
    struct buf out = buf_over(key, DEMUR_AGE_KEY_LEN);
    enum demur_err err = demur_bech32_decode(&out, hrp, text);
    if (err == DEMUR_ERR_VERIFY)
        return demur_fail(diag, err, "the %s's checksum is wrong: compare it letter by letter",
                          what);
    if (err == DEMUR_OK && out.len == DEMUR_AGE_KEY_LEN)
        return DEMUR_OK;
    if (err != DEMUR_ERR_CANON)
        err = DEMUR_ERR_SYNTAX;
    return demur_fail(diag, err, "this is no %s, which begins with \"%s1\" and has %d characters",
                      what, hrp, (int)DEMUR_BECH32_LEN(strlen(hrp), DEMUR_AGE_KEY_LEN));
}

enum demur_err demur_age_recipient_parse(struct demur_age_recipient *r, struct span text,
                                         struct demur_diag *diag)
{
    struct demur_age_recipient parsed;
    enum demur_err err = key_parse(parsed.public, HRP_RECIPIENT, "age recipient", text, diag);
    if (err != DEMUR_OK)
        return err;
    if (demur_age_recipient_check(&parsed) != DEMUR_OK)
        return demur_fail(diag, DEMUR_ERR_KEY,
                          "this age recipient is a point of small order, to which nothing can be "
                          "sealed");
    *r = parsed;
    return DEMUR_OK;
}

enum demur_err demur_age_identity_parse(struct demur_age_identity *id, struct span text,
                                        struct demur_diag *diag)
{
    uint8_t secret[DEMUR_AGE_KEY_LEN];
    enum demur_err err = key_parse(secret, HRP_IDENTITY, "age identity", text, diag);
    if (err == DEMUR_OK)
        demur_age_identity_init(id, secret);
    sodium_memzero(secret, sizeof secret);
    return err;
}
