/* card.h - name cards: who made a signature, sealed to the offices that may know.
 * docs/formats/memo.md section 3.
 *
 * A card's plaintext has one fixed size. A card names a member, is signed by that
 * member's identity key, and proves that the ring key in it made the tag of one
 * signature on one revision of one memo: it is worth nothing elsewhere.
 * Nothing allocates. Timing: constant in the secrets when made; variable when read.
 */
#ifndef DEMUR_CORE_CARD_H
#define DEMUR_CORE_CARD_H

#include "base.h"

#define DEMUR_CARD_LEN 2048 /* bytes of every card's plaintext, a made-up one's too */
#define DEMUR_CARD_BLOB_MAX 65536u

/* Which signature a card is about. All of it is public or in the memo. */
struct demur_card_about {
    const uint8_t *channel; /* 32 bytes each */
    struct span dissent;
    uint32_t revision;
    const uint8_t *commitment;
    const uint8_t *tag;
};

struct demur_card {
    uint8_t channel[32];
    struct span dissent;
    uint32_t revision;
    uint8_t commitment[32], tag[32];
    struct span audience; /* roles joined by `,`, increasing */
    struct span handle, name;
    uint8_t ring_key[32], claim[64], key[32], sig[64];
    struct span claimed, signed_text; /* what `claim` and `sig` cover */
};

/* Write a card of DEMUR_CARD_LEN bytes. ring_secret and entropy (64 bytes) make
 * the claim, secret_key (64 bytes, libsodium's) the signature. Errors: LIMIT when
 * audience and name are too long for a card, SYNTAX when one breaks its rule. */
enum demur_err demur_card_make(uint8_t out[static DEMUR_CARD_LEN],
                               const struct demur_card_about *about, const struct span *audience,
                               size_t audience_len, struct span handle, struct span name,
                               const uint8_t ring_secret[static 32],
                               const uint8_t secret_key[static 64],
                               const uint8_t entropy[static 64],
                               struct demur_diag *diag) DEMUR_CHECKED;

/* Take a card's plaintext apart. Strict: what parses re-encodes to the same
 * bytes. SYNTAX, CANON, MISSING, LIMIT with the line; *out is untouched on
 * failure and borrows from the text. */
enum demur_err demur_card_parse(struct demur_card *out, struct span plain,
                                struct demur_diag *diag) DEMUR_CHECKED;
/* The inverse of demur_card_parse; no secret is needed. */
void demur_card_put(struct buf *out, const struct demur_card *card);

/* Does all of it hold: is it about this signature, did the ring key make the tag,
 * did the identity key sign? VERIFY with the reason. That `handle` has this
 * identity key and ring key is for the caller, who has the roster. */
enum demur_err demur_card_check(const struct demur_card *card, const struct demur_card_about *about,
                                struct demur_diag *diag) DEMUR_CHECKED;

/* The scope of a member's signature on a revision, docs/formats/records.md
 * section 5: `cosign <channel> <dissent> <revision>`; and that of a filing slot:
 * `file <channel> <epoch> <slot>`. */
#define DEMUR_SCOPE_MAX 160
void demur_scope_cosign(struct buf *out, const uint8_t channel[static 32], struct span dissent,
                        uint64_t revision);
void demur_scope_file(struct buf *out, const uint8_t channel[static 32], uint32_t epoch,
                      uint64_t slot);

#endif
