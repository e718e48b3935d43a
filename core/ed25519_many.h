/* ed25519_many.h - many Ed25519 signatures verified at once, a signature in each
 * lane of a vector where the processor has it (docs/adr/0021-ed25519-many.md).
 *
 * Each is judged by itself, exactly as libsodium 1.0.18's
 * crypto_sign_verify_detached judges it: s below the group's order; A canonical,
 * on the curve and not of small order; R not of small order; and R the encoding
 * of sB - hA, no multiple of either side. So who verifies one by one and who
 * verifies many never differ, whatever a signer with a crooked key makes.
 *
 * Timing: variable in everything. Keys, signatures and messages are public.
 */
#ifndef DEMUR_CORE_ED25519_MANY_H
#define DEMUR_CORE_ED25519_MANY_H

#include "base.h"

struct demur_ed25519_check {
    uint8_t key[32], sig[64];
    struct span message; /* borrowed */
    bool good;           /* the verdict */
};

/* Set `good` in each. The more at a time the better, up to a few dozen; one alone
 * takes no longer than with libsodium. */
void demur_ed25519_verify_many(struct demur_ed25519_check *checks, size_t n);

#endif
