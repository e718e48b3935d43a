/* encode.h - bytes as text: hex, base64, base32, bech32.
 *
 * Every encoder appends to a struct buf, whose overflow is sticky: check
 * buf_ok() once at the end. Every decoder appends to a struct buf too, accepts
 * exactly what its encoder writes (no white space, no other case, no stray
 * bits), and leaves out->len as it was on failure; bytes past it may have been
 * written. `in` and `out` must not overlap.
 *
 * Errors of all decoders: SYNTAX for a character or a length that cannot be,
 * CANON for bits or a case that the encoder would not have written, SPACE when
 * `out` is too small (its overflow is set then).
 *
 * Timing: constant in the contents, variable in lengths and in whether a text
 * is well formed. Safe for secrets.
 */
#ifndef DEMUR_CORE_ENCODE_H
#define DEMUR_CORE_ENCODE_H

#include "base.h"

/* Room that an encoder needs for n bytes. */
#define DEMUR_HEX_LEN(n) (2 * (n))
#define DEMUR_BASE64_LEN(n) (((n) + 2) / 3 * 4)
#define DEMUR_BASE64_BARE_LEN(n) (((n)*4 + 2) / 3)
#define DEMUR_BASE32_LEN(n) (((n)*8 + 4) / 5)

/* Lowercase hexadecimal. */
void demur_hex_encode(struct buf *out, struct span in);
enum demur_err demur_hex_decode(struct buf *out, struct span text) DEMUR_CHECKED;

/* Base64, standard alphabet, padded (RFC 4648 §4): records and everything of
 * the transparency log. */
void demur_base64_encode(struct buf *out, struct span in);
enum demur_err demur_base64_decode(struct buf *out, struct span text) DEMUR_CHECKED;
/* What demur_base64_decode would say of the text, given room: for text of any
 * length that is kept as it is. */
enum demur_err demur_base64_check(struct span text) DEMUR_CHECKED;

/* The same alphabet without padding: age. */
void demur_base64_bare_encode(struct buf *out, struct span in);
enum demur_err demur_base64_bare_decode(struct buf *out, struct span text) DEMUR_CHECKED;

/* Base32 in lowercase without padding, a-z2-7 (RFC 4648 §6): identifiers. */
void demur_base32_encode(struct buf *out, struct span in);
enum demur_err demur_base32_decode(struct buf *out, struct span text) DEMUR_CHECKED;

/* Decode a text that must hold exactly `len` bytes, into out[0..len). SYNTAX
 * for any other length. `out` may be written on failure. */
enum demur_err demur_hex_exact(uint8_t *out, size_t len, struct span text) DEMUR_CHECKED;
enum demur_err demur_base64_exact(uint8_t *out, size_t len, struct span text) DEMUR_CHECKED;
enum demur_err demur_base64_bare_exact(uint8_t *out, size_t len, struct span text) DEMUR_CHECKED;
enum demur_err demur_base32_exact(uint8_t *out, size_t len, struct span text) DEMUR_CHECKED;

/* Bech32 (BIP 173) without its limit of 90 characters, as age uses it. The
 * whole text is in the case of `hrp`, which must be of one case; at most
 * DEMUR_BECH32_MAX characters. Decoding wants that very hrp. Errors besides
 * the common ones: VERIFY when the checksum is wrong, LIMIT when too long. An
 * hrp or length that cannot be encoded overflows `out`. */
#define DEMUR_BECH32_MAX 1000
#define DEMUR_BECH32_LEN(hrp_len, n) ((hrp_len) + 1 + ((n)*8 + 4) / 5 + 6)
void demur_bech32_encode(struct buf *out, const char *hrp, struct span in);
enum demur_err demur_bech32_decode(struct buf *out, const char *hrp,
                                   struct span text) DEMUR_CHECKED;

#endif
