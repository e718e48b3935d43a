#include "keys.h"

#include <sodium.h>

#include "encode.h"
#include "hash.h"
#include "lines.h"
#include "ring.h"

static void derive(uint8_t *out, size_t len, struct span salt, const uint8_t *secret,
                   size_t secret_len, const char *info)
{
    demur_hkdf(out, len, salt, span_of(secret, secret_len), span_str(info));
}

static void keys_make(struct demur_keys *out, struct span salt, const uint8_t *secret,
                      size_t secret_len, const char *ed25519, const char *x25519)
{
    uint8_t seed[32];
    derive(seed, sizeof seed, salt, secret, secret_len, ed25519);
    crypto_sign_seed_keypair(out->public_key, out->secret_key, seed);
    sodium_memzero(seed, sizeof seed);
    derive(seed, sizeof seed, salt, secret, secret_len, x25519);
    demur_age_identity_init(&out->age, seed);
    sodium_memzero(seed, sizeof seed);
    struct demur_age_recipient recipient = demur_age_identity_recipient(&out->age);
    struct buf text = buf_over(out->recipient, DEMUR_RECIPIENT_LEN);
    demur_age_recipient_encode(&text, &recipient);
    out->recipient[DEMUR_RECIPIENT_LEN] = 0;
}

void demur_keys_from_seed(struct demur_keys *out, const uint8_t seed[static 32])
{
    keys_make(out, span_of(NULL, 0), seed, 32, "demur v1 identity ed25519",
              "demur v1 identity x25519");
}

void demur_keys_from_phrase(struct demur_keys *out,
                            const uint8_t secret[static DEMUR_PHRASE_SECRET_LEN],
                            const uint8_t fingerprint[static 32])
{
    keys_make(out, span_of(fingerprint, 32), secret, DEMUR_PHRASE_SECRET_LEN,
              "demur v1 case ed25519", "demur v1 case x25519");
}

void demur_keys_wipe(struct demur_keys *keys) { sodium_memzero(keys, sizeof *keys); }

/* A key of one revision of a dissent's memo. */
static void revision_key(uint8_t out[static 32],
                         const uint8_t secret[static DEMUR_PHRASE_SECRET_LEN],
                         const uint8_t fingerprint[static 32], const char *what, uint32_t revision)
{
    char text[40];
    struct buf info = buf_over(text, sizeof text);
    buf_put_str(&info, what);
    buf_put_u64(&info, revision);
    demur_hkdf(out, 32, span_of(fingerprint, 32), span_of(secret, DEMUR_PHRASE_SECRET_LEN),
               buf_span(&info));
}

void demur_release_key(uint8_t out[static 32], const uint8_t secret[static DEMUR_PHRASE_SECRET_LEN],
                       const uint8_t fingerprint[static 32], uint32_t revision)
{
    revision_key(out, secret, fingerprint, "demur v1 release ", revision);
}

void demur_circulation_key(struct demur_age_identity *out,
                           const uint8_t secret[static DEMUR_PHRASE_SECRET_LEN],
                           const uint8_t fingerprint[static 32], uint32_t revision)
{
    uint8_t key[32];
    revision_key(key, secret, fingerprint, "demur v1 circulation ", revision);
    demur_age_identity_init(out, key);
    sodium_memzero(key, sizeof key);
}

void demur_chain_ring_key(uint8_t secret[static 32], uint8_t public_key[static 32],
                          const uint8_t chain[static 32])
{
    uint8_t wide[64];
    derive(wide, sizeof wide, span_of(NULL, 0), chain, 32, "demur v1 ring key");
    demur_ring_key_from_seed(secret, public_key, wide);
    sodium_memzero(wide, sizeof wide);
}

void demur_chain_next(uint8_t out[static 32], const uint8_t chain[static 32])
{
    uint8_t next[32];
    derive(next, sizeof next, span_of(NULL, 0), chain, 32, "demur v1 ring chain");
    memcpy(out, next, sizeof next);
    sodium_memzero(next, sizeof next);
}

static const char officer_prefix[] = "demur-officer1:";

void demur_officer_put(struct buf *out, const struct demur_keys *keys)
{
    buf_put_str(out, officer_prefix);
    demur_base64_encode(out, span_of(keys->public_key, 32));
    buf_put_byte(out, ':');
    buf_put_str(out, keys->recipient);
}

enum demur_err demur_officer_parse(struct demur_officer *out, struct span text,
                                   struct demur_diag *diag)
{
    text = demur_trim(text);
    if (!span_starts(text, officer_prefix))
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "an officer's card begins with \"%s\": ask for the line that "
                          "\"demur whoami\" prints",
                          officer_prefix);
    bool parted;
    struct demur_officer officer;
    struct span rest = span_skip(text, sizeof officer_prefix - 1);
    struct span key = span_split(&rest, ':', &parted);
    struct demur_age_recipient recipient;
    if (!parted || demur_base64_exact(officer.key, 32, key) != DEMUR_OK ||
        crypto_core_ed25519_is_valid_point(officer.key) != 1)
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "the key in this officer's card is damaged: copy the whole line again");
    if (demur_age_recipient_parse(&recipient, rest, NULL) != DEMUR_OK)
        return demur_fail(
            diag, DEMUR_ERR_SYNTAX,
            "the recipient in this officer's card is damaged: copy the whole line again");
    memcpy(officer.recipient, rest.p, rest.len);
    officer.recipient[rest.len] = 0;
    *out = officer;
    return DEMUR_OK;
}
