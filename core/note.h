/* note.h - signed notes, verifier keys and Ed25519 cosignatures.
 *
 * C2SP signed-note v1.0.0 and tlog-cosignature v1.0.1. A note is a text, an
 * empty line, and lines `— <name> <base64 of key id (4) || signature>`. Only
 * two algorithms are executed: Ed25519 over the text, and the timestamped
 * Ed25519 cosignature. Signatures by other keys are carried and ignored.
 *
 * Spans borrow from what was parsed. Nothing allocates. Verification is
 * variable time (public data); signing is constant time in the secret.
 */
#ifndef DEMUR_CORE_NOTE_H
#define DEMUR_CORE_NOTE_H

#include "base.h"

#define DEMUR_NOTE_MAX 262144        /* bytes in a whole note */
#define DEMUR_NOTE_SIGNATURES_MAX 64 /* signature lines; the format asks for 16 at least */
#define DEMUR_NOTE_NAME_MAX 255      /* bytes in a key name */
#define DEMUR_COSIGNED_TEXT_MAX 4096 /* bytes in a text to cosign */
#define DEMUR_NOTE_KEY_TEXT_MAX (DEMUR_NOTE_NAME_MAX + 1 + 8 + 1 + 44)
/* A whole signature line, LF included, by one of our keys. */
#define DEMUR_NOTE_LINE_MAX (3 + 1 + DEMUR_NOTE_NAME_MAX + 1 + 104 + 1)

enum demur_note_alg {
    DEMUR_NOTE_ED25519 = 1,     /* over the text */
    DEMUR_NOTE_COSIGNATURE = 4, /* with a time, over `cosignature/v1`, the time and the text */
};

struct demur_note_key {
    struct span name;
    enum demur_note_alg alg;
    uint8_t id[4];
    uint8_t public_key[32];
};

/* May a key be called that? Not empty, at most DEMUR_NOTE_NAME_MAX bytes of
 * UTF-8, no Unicode space, no `+`, no control character. */
bool demur_note_name_ok(struct span name);
/* Make a key and compute its id. SYNTAX when the name does not do. *key
 * borrows the name, and is untouched on failure. */
enum demur_err demur_note_key_init(struct demur_note_key *key, struct span name,
                                   enum demur_note_alg alg, const uint8_t public_key[static 32],
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* Read `<name>+<8 hex digits>+<base64 of alg || public key>`. SYNTAX, CANON,
 * UPGRADE for another algorithm, VERIFY when the id does not fit the key. */
enum demur_err demur_note_key_parse(struct demur_note_key *key, struct span text,
                                    struct demur_diag *diag) DEMUR_CHECKED;
void demur_note_key_put(struct buf *out, const struct demur_note_key *key);

struct demur_note_signature {
    struct span name;
    uint8_t id[4];
    struct span base64; /* of id || signature, its form checked */
};
struct demur_note {
    struct span text; /* ends in LF */
    size_t len;       /* signatures, at least 1 */
    struct demur_note_signature signature[DEMUR_NOTE_SIGNATURES_MAX];
};

/* Take a note apart. That says nothing of who signed it. SYNTAX, CANON, LIMIT,
 * MISSING, with the line; *note is untouched on failure. */
enum demur_err demur_note_parse(struct demur_note *note, struct span bytes,
                                struct demur_diag *diag) DEMUR_CHECKED;

/* What verification found about one key. */
struct demur_note_seen {
    bool signed_by;  /* a signature of this key is there, and it verifies */
    uint64_t time_s; /* Unix time in its cosignature, the latest if there are several */
};
/* Check the signatures of the keys given, seen[i] telling about keys[i]; both
 * arrays have keys_len elements. Signatures of other keys, by name and id, are
 * passed over. VERIFY when a signature of a given key is false, MISSING when
 * none of the keys signed; seen is meaningless then. */
enum demur_err demur_note_verify(const struct demur_note *note, const struct demur_note_key *keys,
                                 struct demur_note_seen *seen, size_t keys_len,
                                 struct demur_diag *diag) DEMUR_CHECKED;

/* Write a note's text and the empty line after it: signature lines follow.
 * SYNTAX when the text is not UTF-8, has a control character other than LF, or
 * does not end in LF. */
enum demur_err demur_note_put_text(struct buf *out, struct span text,
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* Append the signature line of an Ed25519 or a cosignature key (alg decides)
 * over the text. `secret` is libsodium's 64 bytes, seed || public key, and must
 * belong to *key. time_s is for cosignatures, at most INT64_MAX; 0 otherwise.
 * SPACE, LIMIT, KEY when the secret is of another key. */
enum demur_err demur_note_sign(struct buf *out, struct span text, const struct demur_note_key *key,
                               const uint8_t secret[static 64], uint64_t time_s,
                               struct demur_diag *diag) DEMUR_CHECKED;

#endif
