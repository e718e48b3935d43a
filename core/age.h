/* age.h - sealing files: age v1 with X25519 or passphrase (scrypt) stanzas.
 *
 * The format is C2SP's age (c2sp.org/age, age-encryption.org/v1), binary only,
 * no armor. docs/formats/age.md tells which parts of it are used and how. Any
 * age tool opens what this writes.
 *
 * Nothing here draws randomness: entropy comes in as bytes of the caller's,
 * which must be fresh and uniform for every file, and wiped afterwards. Nothing
 * allocates, but for libsodium's scrypt, which takes 1 KiB << log2n while it
 * runs. Inputs and outputs must not overlap.
 *
 * Timing: constant in keys, shared secrets and plaintext. Lengths, the header,
 * and which stanza opens a file are not hidden. scrypt reads its memory where
 * the passphrase says (RFC 7914), so it is for a person's own machine.
 */
#ifndef DEMUR_CORE_AGE_H
#define DEMUR_CORE_AGE_H

#include "base.h"

#define DEMUR_AGE_KEY_LEN 32      /* X25519 keys and ephemeral scalars */
#define DEMUR_AGE_FILE_KEY_LEN 16 /* what every stanza of a header wraps */
#define DEMUR_AGE_NONCE_LEN 16    /* between the header and the first chunk */
#define DEMUR_AGE_SALT_LEN 16     /* of a scrypt stanza */
#define DEMUR_AGE_TAG_LEN 16
#define DEMUR_AGE_CHUNK_LEN 65536 /* plaintext of every chunk but the last */
#define DEMUR_AGE_SEALED_CHUNK_LEN (DEMUR_AGE_CHUNK_LEN + DEMUR_AGE_TAG_LEN)
/* The longest header written, and read where no other limit is given: room for
 * 668 X25519 recipients. */
#define DEMUR_AGE_HEADER_MAX 65536
/* Work factors. Other age tools refuse more than 22 (4 GiB). */
#define DEMUR_AGE_LOG2N_MAX 22
#define DEMUR_AGE_LOG2N_PASSPHRASE 18 /* for passphrases that people choose: 256 MiB */
#define DEMUR_AGE_LOG2N_KEY 1         /* for a passphrase that is a random key */

/* ---- keys: age_key.c ---- */

struct demur_age_recipient {
    uint8_t public[DEMUR_AGE_KEY_LEN];
};

/* Wipe with sodium_memzero after use. */
struct demur_age_identity {
    uint8_t secret[DEMUR_AGE_KEY_LEN];
    uint8_t public[DEMUR_AGE_KEY_LEN];
};

/* From 32 uniform or derived secret bytes. */
void demur_age_identity_init(struct demur_age_identity *id,
                             const uint8_t secret[static DEMUR_AGE_KEY_LEN]);
struct demur_age_recipient demur_age_identity_recipient(const struct demur_age_identity *id);

/* "age1..." and "AGE-SECRET-KEY-1...": Bech32 of the 32 bytes. Parsing accepts
 * these forms only, nothing around them. Errors: SYNTAX, CANON, and VERIFY when
 * the checksum shows a typing error; for a recipient KEY when the point is of
 * small order, so that nothing could be sealed to it. */
#define DEMUR_AGE_RECIPIENT_TEXT_LEN 62
#define DEMUR_AGE_IDENTITY_TEXT_LEN 74
void demur_age_recipient_encode(struct buf *out, const struct demur_age_recipient *r);
enum demur_err demur_age_recipient_parse(struct demur_age_recipient *r, struct span text,
                                         struct demur_diag *diag) DEMUR_CHECKED;
void demur_age_identity_encode(struct buf *out, const struct demur_age_identity *id);
enum demur_err demur_age_identity_parse(struct demur_age_identity *id, struct span text,
                                        struct demur_diag *diag) DEMUR_CHECKED;
/* Whether something can be sealed to these 32 bytes: KEY when not. */
enum demur_err demur_age_recipient_check(const struct demur_age_recipient *r) DEMUR_CHECKED;

/* ---- whole files in memory: age_file.c ---- */

/* Exact length of a sealed file; SIZE_MAX when it does not fit a size_t. */
size_t demur_age_sealed_len(size_t plain_len, size_t recipients);
size_t demur_age_sealed_symmetric_len(size_t plain_len, unsigned log2n);

/* Seal to n >= 1 recipients. `entropy` is DEMUR_AGE_ENTROPY_LEN(n) bytes: file
 * key, nonce, one ephemeral scalar a recipient. Errors: SPACE, MISSING for no
 * recipient or too little entropy, LIMIT for too many recipients, KEY for one
 * that nothing can be sealed to. out->len is as before on failure. */
#define DEMUR_AGE_ENTROPY_LEN(n)                                                                   \
    (DEMUR_AGE_FILE_KEY_LEN + DEMUR_AGE_NONCE_LEN + DEMUR_AGE_KEY_LEN * (size_t)(n))
enum demur_err demur_age_seal(struct buf *out, struct span plain,
                              const struct demur_age_recipient *recipients, size_t n,
                              struct span entropy, struct demur_diag *diag) DEMUR_CHECKED;
/* Open with whichever of the identities fits. The plaintext is never longer
 * than the file. Errors: those of demur_age_header_parse, _unwrap and the
 * reader; SPACE. On failure nothing is released: out->len is as before, and
 * what was written past it is zeroed. */
enum demur_err demur_age_open(struct buf *out, struct span file,
                              const struct demur_age_identity *identities, size_t n,
                              struct demur_diag *diag) DEMUR_CHECKED;

/* The same under a passphrase. `entropy` is DEMUR_AGE_SYMMETRIC_ENTROPY_LEN
 * bytes: file key, nonce, salt. log2n is 1 to DEMUR_AGE_LOG2N_MAX. Opening
 * refuses a work factor above max_log2n with LIMIT before any work, and a wrong
 * passphrase with KEY; MEMORY when scrypt gets none. */
#define DEMUR_AGE_SYMMETRIC_ENTROPY_LEN                                                            \
    (DEMUR_AGE_FILE_KEY_LEN + DEMUR_AGE_NONCE_LEN + DEMUR_AGE_SALT_LEN)
enum demur_err demur_age_seal_symmetric(struct buf *out, struct span plain, struct span passphrase,
                                        unsigned log2n, struct span entropy,
                                        struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_age_open_symmetric(struct buf *out, struct span file, struct span passphrase,
                                        unsigned max_log2n, struct demur_diag *diag) DEMUR_CHECKED;

/* The release wrap: symmetric under a random 32-byte key, whose lowercase hex
 * is the passphrase, at DEMUR_AGE_LOG2N_KEY. Entropy as for _seal_symmetric,
 * length demur_age_wrapped_len(). */
size_t demur_age_wrapped_len(size_t plain_len);
enum demur_err demur_age_wrap(struct buf *out, struct span plain,
                              const uint8_t key[static DEMUR_AGE_KEY_LEN], struct span entropy,
                              struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_age_unwrap(struct buf *out, struct span file,
                                const uint8_t key[static DEMUR_AGE_KEY_LEN],
                                struct demur_diag *diag) DEMUR_CHECKED;

/* ---- headers: age_header.c ---- */

/* A stanza of another kind, to be written as it is: `args` is one or more
 * words of visible ASCII with single spaces between them. */
struct demur_age_stanza {
    struct span args, body;
};

/* Append a header for n recipients, then `extra_n` raw stanzas; one of either at
 * least. `ephemerals` is 32 bytes a recipient. Errors as for demur_age_seal,
 * and SYNTAX for a raw stanza that cannot be written or says "scrypt". */
enum demur_err demur_age_header_write(struct buf *out,
                                      const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                                      const struct demur_age_recipient *recipients, size_t n,
                                      struct span ephemerals, const struct demur_age_stanza *extra,
                                      size_t extra_n, struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_age_header_write_scrypt(struct buf *out,
                                             const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                                             struct span passphrase, unsigned log2n,
                                             const uint8_t salt[static DEMUR_AGE_SALT_LEN],
                                             struct demur_diag *diag) DEMUR_CHECKED;

/* A checked header. Spans borrow from the parsed bytes. */
struct demur_age_header {
    struct span stanzas; /* the stanzas' lines */
    size_t stanza_count; /* of every kind */
    size_t x25519_count; /* X25519 stanzas: recipients, as far as anyone can see */
    bool scrypt;         /* the one stanza is a passphrase's */
    uint64_t log2n;      /* its work factor; 0 otherwise */
    struct span macced;  /* what the MAC covers */
    uint8_t mac[32];
    struct span nonce; /* the 16 bytes after the header */
    size_t payload_at; /* where the first chunk begins in the file */
};

/* Parse the header that `file` begins with, and its nonce. `file` may be only a
 * beginning of the file: all of it or max_len + DEMUR_AGE_NONCE_LEN bytes.
 * Errors, with the line: SYNTAX, CANON, UPGRADE for another version of age,
 * LIMIT when the header is longer than max_len. *h is untouched on failure.
 * Stanzas of a kind not known here are checked for form and passed over. */
enum demur_err demur_age_header_parse(struct demur_age_header *h, struct span file, size_t max_len,
                                      struct demur_diag *diag) DEMUR_CHECKED;

/* Recover the file key with whichever identity fits, and verify the header's
 * MAC. Errors: KEY when none fits, VERIFY when the MAC does not. file_key is
 * zeroed on failure. */
enum demur_err demur_age_header_unwrap(uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                                       const struct demur_age_header *h,
                                       const struct demur_age_identity *identities, size_t n,
                                       struct demur_diag *diag) DEMUR_CHECKED;
/* The same with a passphrase; LIMIT above max_log2n, MEMORY. */
enum demur_err demur_age_header_unwrap_scrypt(uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                                              const struct demur_age_header *h,
                                              struct span passphrase, unsigned max_log2n,
                                              struct demur_diag *diag) DEMUR_CHECKED;

/* ---- payloads, a chunk at a time: age_file.c ---- */

/* The state of writing or of reading one payload. Wiped by the last call. */
struct demur_age_stream {
    uint8_t key[32];
    uint64_t chunks;   /* sealed or opened so far */
    uint64_t released; /* bytes of plaintext so far */
    bool ended;        /* the last chunk is behind us */
    bool failed;       /* for good */
};

/* Start writing: appends the nonce. */
void demur_age_writer_init(struct demur_age_stream *w, struct buf *out,
                           const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                           const uint8_t nonce[static DEMUR_AGE_NONCE_LEN]);
/* Seal a chunk that is not the last: exactly DEMUR_AGE_CHUNK_LEN bytes, else
 * LIMIT. Appends DEMUR_AGE_SEALED_CHUNK_LEN bytes; or nothing, and SPACE, after
 * which it may be called again with a larger buffer. */
enum demur_err demur_age_writer_push(struct demur_age_stream *w, struct buf *out,
                                     struct span chunk) DEMUR_CHECKED;
/* Seal the last chunk: at most DEMUR_AGE_CHUNK_LEN bytes, and empty only when
 * nothing was pushed, else LIMIT. Hold a full chunk back until more follows. */
enum demur_err demur_age_writer_finish(struct demur_age_stream *w, struct buf *out,
                                       struct span chunk) DEMUR_CHECKED;

/* Start reading; `nonce` is that of the header. */
void demur_age_reader_init(struct demur_age_stream *r,
                           const uint8_t file_key[static DEMUR_AGE_FILE_KEY_LEN],
                           const uint8_t nonce[static DEMUR_AGE_NONCE_LEN]);
/* Open a full chunk of exactly DEMUR_AGE_SEALED_CHUNK_LEN bytes (else LIMIT),
 * last or not. Appends its plaintext: authentic, but only demur_age_reader_finish
 * tells that the file was whole. VERIFY when it is not authentic or follows the
 * last chunk; SPACE, with nothing consumed, when `out` lacks room for it. */
enum demur_err demur_age_reader_push(struct demur_age_stream *r, struct buf *out,
                                     struct span sealed, struct demur_diag *diag) DEMUR_CHECKED;
/* Open what remains, from 0 to DEMUR_AGE_SEALED_CHUNK_LEN bytes, and require
 * that the file ended in its last chunk: VERIFY when it was cut short. */
enum demur_err demur_age_reader_finish(struct demur_age_stream *r, struct buf *out,
                                       struct span sealed, struct demur_diag *diag) DEMUR_CHECKED;

#endif
