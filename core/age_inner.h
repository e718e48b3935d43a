/* age_inner.h - what the age_*.c files share, and their constant-time test. */
#ifndef DEMUR_CORE_AGE_INNER_H
#define DEMUR_CORE_AGE_INNER_H

#include "age.h"

/* The key that wraps the file key in an X25519 stanza. The two sides differ in
 * the scalar and the point: ephemeral scalar and recipient, or identity and
 * share. The point must have passed demur_age_recipient_check. */
void demur_age_x25519_wrap_key(uint8_t key[static 32],
                               const uint8_t scalar[static DEMUR_AGE_KEY_LEN],
                               const uint8_t point[static DEMUR_AGE_KEY_LEN],
                               const uint8_t share[static DEMUR_AGE_KEY_LEN],
                               const uint8_t recipient[static DEMUR_AGE_KEY_LEN]);

/* The one for passphrases. LIMIT for a work factor out of range, MEMORY. */
enum demur_err demur_age_scrypt_wrap_key(uint8_t key[static 32], struct span passphrase,
                                         const uint8_t salt[static DEMUR_AGE_SALT_LEN],
                                         unsigned log2n, struct demur_diag *diag) DEMUR_CHECKED;

/* Length of a header with n X25519 stanzas, or with one of scrypt. */
#define DEMUR_AGE_FRAME_LEN (22 + 48) /* version line and MAC line */
#define DEMUR_AGE_X25519_LEN (10 + 44 + 44)
#define DEMUR_AGE_SCRYPT_LEN (10 + 22 + 1 + 1 + 44) /* without the work factor's digits */
#define DEMUR_AGE_RECIPIENTS_MAX                                                                   \
    ((DEMUR_AGE_HEADER_MAX - DEMUR_AGE_FRAME_LEN) / DEMUR_AGE_X25519_LEN)

#define DEMUR_AGE_WRAPPED_KEY_LEN (DEMUR_AGE_FILE_KEY_LEN + DEMUR_AGE_TAG_LEN)

void demur_age_header_mac(uint8_t mac[static 32],
                          const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                          struct span macced);

#endif
