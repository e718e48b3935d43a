/* keys.h - what a person's keys are made from, and the texts that carry them:
 * identity, recovery kit, invitation, officer's card. docs/formats/identity.md.
 *
 * Nothing allocates. Structures hold their texts themselves, NUL-ended, so that
 * they outlive what they were parsed from. All of them hold secrets: wipe them
 * with the function given. Timing: constant in the secrets; variable in names,
 * lengths, epochs and in whether a text is well formed.
 */
#ifndef DEMUR_CORE_KEYS_H
#define DEMUR_CORE_KEYS_H

#include "age.h"
#include "base.h"
#include "phrase.h"

#define DEMUR_WORD_MAX 64      /* a token, handle or role */
#define DEMUR_URL_MAX 400      /* bytes of a channel's address */
#define DEMUR_NAME_MAX 200     /* bytes of a person's name */
#define DEMUR_RECIPIENT_LEN 62 /* characters of an age X25519 recipient */
#define DEMUR_IDENTITY_TEXT_MAX 2048
#define DEMUR_INVITATION_MAX 1024  /* characters of an invitation */
#define DEMUR_OFFICER_CARD_MAX 128 /* characters */
#define DEMUR_IDENTITY_LOG2N 18    /* scrypt work of an identity file */
#define DEMUR_IDENTITY_LOG2N_MAX 20

/* ---- keys --------------------------------------------------------------- */

/* An actor's pair of key pairs: signing (Ed25519) and sealing (age X25519). */
struct demur_keys {
    uint8_t public_key[32];
    uint8_t secret_key[64]; /* libsodium's: seed || public key */
    struct demur_age_identity age;
    char recipient[DEMUR_RECIPIENT_LEN + 1]; /* `age1…` */
};

/* From an identity's 32-byte seed. */
void demur_keys_from_seed(struct demur_keys *out, const uint8_t seed[static 32]);
/* A dissent's case keys, from the secret of its receipt phrase. */
void demur_keys_from_phrase(struct demur_keys *out,
                            const uint8_t secret[static DEMUR_PHRASE_SECRET_LEN],
                            const uint8_t fingerprint[static 32]);
void demur_keys_wipe(struct demur_keys *keys);

/* The release key of one revision of a dissent's memo. */
void demur_release_key(uint8_t out[static 32], const uint8_t secret[static DEMUR_PHRASE_SECRET_LEN],
                       const uint8_t fingerprint[static 32], uint32_t revision);

/* The key that opens one revision of a memo that circulates, and that a signing link
 * carries (link.h). */
void demur_circulation_key(struct demur_age_identity *out,
                           const uint8_t secret[static DEMUR_PHRASE_SECRET_LEN],
                           const uint8_t fingerprint[static 32], uint32_t revision);

/* The ring key of the month that a chain value stands for, and the chain value
 * of the month after, which does not lead back. `chain` may be advanced in place. */
void demur_chain_ring_key(uint8_t secret[static 32], uint8_t public_key[static 32],
                          const uint8_t chain[static 32]);
void demur_chain_next(uint8_t out[static 32], const uint8_t chain[static 32]);

/* ---- the identity text -------------------------------------------------- */

struct demur_identity {
    uint8_t channel[32];
    char url[DEMUR_URL_MAX + 1];
    char token[DEMUR_WORD_MAX + 1];  /* empty: none */
    char handle[DEMUR_WORD_MAX + 1]; /* empty: no member's */
    char name[DEMUR_NAME_MAX + 1];   /* empty: none */
    uint8_t seed[32];
    bool has_chain;
    uint32_t epoch; /* the earliest month (civil.h) whose ring key can still be made */
    uint8_t chain[32];
    uint32_t later_epoch; /* with a chain: from this month on another one; 0: none */
    uint8_t later_chain[32];
    uint64_t seq; /* the last sequence number used */
};

/* Strict and canonical: what parses is what demur_identity_put writes. SYNTAX,
 * CANON, MISSING, LIMIT with line and field; *out is untouched on failure. */
enum demur_err demur_identity_parse(struct demur_identity *out, struct span text,
                                    struct demur_diag *diag) DEMUR_CHECKED;
void demur_identity_put(struct buf *out, const struct demur_identity *identity);
void demur_identity_wipe(struct demur_identity *identity);

/* The ring key of a month. UNKNOWN, with a sentence, when its month's key was
 * erased, or the identity has no chain (a recovery kit restores none). */
enum demur_err demur_identity_ring_key(const struct demur_identity *identity, uint32_t epoch,
                                       uint8_t secret[static 32], uint8_t public_key[static 32],
                                       struct demur_diag *diag) DEMUR_CHECKED;
/* From `epoch` on, ring keys come out of a new chain, which nobody knows who knew the one
 * before. Of earlier months those stay that come out of one chain. */
void demur_identity_new_chain(struct demur_identity *identity, uint32_t epoch,
                              const uint8_t chain[static 32]);
/* Erase the ring keys of the months before `epoch`. True when something was. */
bool demur_identity_erase_before(struct demur_identity *identity, uint32_t epoch);

/* Is it an http or https address that this program takes: a host, perhaps a
 * port and a path; no user, query, fragment, trailing slash or odd character? */
bool demur_url_ok(struct span url);

/* ---- the recovery kit: all of an identity but its ring keys --------------- */

/* The seed stands there as two phrases, with their check words. */
void demur_recovery_put(struct buf *out, const struct demur_identity *identity);
/* The whole text, or what was typed from it: surrounding white space, blank
 * lines and lines beginning with `#` are passed over. Errors name the line, and
 * the word, that is wrong. *out is untouched on failure. */
enum demur_err demur_recovery_parse(struct demur_identity *out, struct span text,
                                    struct demur_diag *diag) DEMUR_CHECKED;

/* ---- invitations -------------------------------------------------------- */

struct demur_invitation {
    uint8_t channel[32];
    uint8_t secret[32]; /* Ed25519 seed of the invitation's key */
    char handle[DEMUR_WORD_MAX + 1];
    char token[DEMUR_WORD_MAX + 1]; /* empty: none */
    char url[DEMUR_URL_MAX + 1];
};

void demur_invitation_put(struct buf *out, const struct demur_invitation *invitation);
/* White space around and within, and upper case, are forgiven: it is pasted out
 * of letters and mail. SYNTAX for what is no invitation, VERIFY when a character
 * was mistyped or lost. *out is untouched on failure. */
enum demur_err demur_invitation_parse(struct demur_invitation *out, struct span text,
                                      struct demur_diag *diag) DEMUR_CHECKED;
void demur_invitation_wipe(struct demur_invitation *invitation);

/* ---- an officer's card -------------------------------------------------- */

struct demur_officer {
    uint8_t key[32];
    char recipient[DEMUR_RECIPIENT_LEN + 1];
};
void demur_officer_put(struct buf *out, const struct demur_keys *keys);
/* SYNTAX; white space around it is forgiven. */
enum demur_err demur_officer_parse(struct demur_officer *out, struct span text,
                                   struct demur_diag *diag) DEMUR_CHECKED;

#endif
