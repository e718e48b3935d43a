/* hash.h - SHA-2, HMAC and HKDF over spans (FIPS 180-4, RFC 2104, RFC 5869).
 *
 * The primitives are libsodium's. Nothing fails. Timing: constant in contents,
 * variable in lengths. Outputs must not overlap inputs unless a comment allows.
 *
 * Parts are concatenated as they are, without lengths between them. So every
 * use must be unambiguous by itself: give a domain that is no prefix of
 * another domain, and parts of fixed size, or at most one of free length, or
 * write the lengths as parts (buf_put_be64).
 */
#ifndef DEMUR_CORE_HASH_H
#define DEMUR_CORE_HASH_H

#include <sodium.h>

#include "base.h"

#define DEMUR_HASH_LEN 32
#define DEMUR_HASH_WIDE_LEN 64

/* SHA-256 of the bytes. `out` may overlap `in`. */
void demur_hash(uint8_t out[static DEMUR_HASH_LEN], struct span in);
/* SHA-256(domain || parts[0] || ... || parts[n-1]); domain may be "". `out` may
 * overlap the parts. */
void demur_hash_spans(uint8_t out[static DEMUR_HASH_LEN], const char *domain,
                      const struct span *parts, size_t n);
/* The same with SHA-512: 64 bytes, wide enough to be reduced to a scalar or
 * mapped to a group element without bias. */
void demur_hash_wide(uint8_t out[static DEMUR_HASH_WIDE_LEN], const char *domain,
                     const struct span *parts, size_t n);

/* SHA-256 in pieces. demur_hasher_final wipes the state, which must be
 * initialised again before another use. */
struct demur_hasher {
    crypto_hash_sha256_state sha256;
};
void demur_hasher_init(struct demur_hasher *h);
void demur_hasher_add(struct demur_hasher *h, struct span in);
void demur_hasher_final(struct demur_hasher *h, uint8_t out[static DEMUR_HASH_LEN]);

/* HMAC-SHA256 with a key of any length, over the concatenated parts. */
void demur_hmac_spans(uint8_t out[static DEMUR_HASH_LEN], struct span key, const struct span *parts,
                      size_t n);
void demur_hmac(uint8_t out[static DEMUR_HASH_LEN], struct span key, struct span in);

/* HKDF-SHA256. An absent salt is the empty span. `len` is at most
 * DEMUR_HKDF_MAX; a longer one is a bug of the caller's and stops the program. */
#define DEMUR_HKDF_MAX (255 * DEMUR_HASH_LEN)
void demur_hkdf_extract(uint8_t prk[static DEMUR_HASH_LEN], struct span salt, struct span ikm);
void demur_hkdf_expand(uint8_t *out, size_t len, const uint8_t prk[static DEMUR_HASH_LEN],
                       struct span info);
/* Both steps. */
void demur_hkdf(uint8_t *out, size_t len, struct span salt, struct span ikm, struct span info);

#endif
