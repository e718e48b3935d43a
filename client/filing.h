/* filing.h - a memo on its way from a person's file to the log. Internal. */
#ifndef DEMUR_CLIENT_FILING_H
#define DEMUR_CLIENT_FILING_H

#include "../core/card.h"
#include "../core/compose.h"
#include "internal.h"

/* A sealed blob: its bytes and the name by which the record knows it. */
struct sealed {
    struct demur_bytes bytes;
    struct demur_blob_ref name;
};

struct demur_draft {
    struct demur_client *client;
    char phrase[DEMUR_PHRASE_LEN + 1], dissent[33];
    uint8_t secret[DEMUR_PHRASE_SECRET_LEN], release[32];
    struct demur_keys keys; /* the case's */
    bool circulates;        /* it is not filed yet: there is no release key, and `readers` are
                             * whom it is sealed to; `recipients` are its cards' */
    bool to_members;        /* and they get the key that opens it: `handout` */
    bool revises;           /* it is a new text of a dissent that circulates */
    uint32_t revision;
    uint64_t ring; /* members in the part of the ring that signs */
    size_t to_len;
    char to_names[DEMUR_LETTER_TO_MAX][DEMUR_WORD_MAX + 1];
    struct span to[DEMUR_LETTER_TO_MAX]; /* increasing */
    size_t holders[DEMUR_LETTER_TO_MAX];
    bool whole[DEMUR_LETTER_TO_MAX]; /* its holders for other parts of the membership too */
    struct demur_age_recipient *recipients;
    size_t recipients_len;
    struct demur_age_recipient readers[2]; /* the case, and the link's key */
    struct sealed memo, card, handout, files[DEMUR_LETTER_ATTACHMENTS_MAX];
    size_t files_len;
    struct demur_bytes record;
};

/* The part of a ring in which somebody signs. */
#define NARROWINGS_MAX 16
struct narrowing {
    uint8_t text[4096];
    struct span subsets[NARROWINGS_MAX]; /* into text: increasing */
    size_t len;
};

/* What is known while a draft is made. */
struct making {
    struct demur_client *c;
    struct demur_actor *member;
    const struct demur_filing *filing;
    struct demur_draft *draft;
    const struct demur_policy *policy;
    uint8_t policy_entry[32];
    struct demur_attribute attributes[64]; /* the author's own, as the roster has them */
    size_t attributes_len;
    uint32_t epoch;
    uint64_t roster;
    uint8_t ring_secret[32];
    uint64_t slot;
    uint8_t on[32]; /* of a revision */
    struct narrowing narrow;
    struct demur_ring whole, signers;
    uint8_t (*whole_keys)[32], (*signers_keys)[32];
    struct demur_bytes files[DEMUR_LETTER_ATTACHMENTS_MAX]; /* plain */
    uint8_t commitment[32], tag[32];
};

/* filing.c: FORBIDDEN when this identity is no member's. At most `max` of what the
 * roster says of them go into `attributes`. */
enum demur_err member_know(const struct demur_client *c, const struct demur_identity *id,
                           struct demur_attribute *attributes, size_t max, size_t *n,
                           struct demur_diag *diag);

/* filing_ring.c: the author's ring key, the rings, and a filing slot that is free. */
enum demur_err making_ring(struct making *m, struct demur_diag *diag);
/* Of which ring: what an opening pins. */
struct ring_pins {
    const uint8_t *policy_entry;
    uint32_t epoch;
    uint64_t roster;
    uint32_t least; /* members that the policy wants */
};
/* Fill *keys (freed by the caller) and *ring, narrowed by the subsets. LIMIT when it is
 * smaller than the policy allows. */
enum demur_err ring_take(const struct demur_client *c, const struct ring_pins *pins,
                         const struct span *subsets, size_t subsets_len, uint8_t (**keys)[32],
                         struct demur_ring *ring, struct demur_diag *diag);
bool ring_holds(const struct demur_ring *ring, const uint8_t ring_secret[static 32]);
/* narrow.c: take what is asked for ("grade=FS-02,FS-01") in the order of the format. The
 * policy's own sentences for what it does not let be shown, or does not have. */
enum demur_err narrowing_take(struct narrowing *out, const struct demur_policy *p,
                              const struct span *given, size_t len, struct demur_diag *diag);
/* Say what keeps somebody with these attributes out of it. */
enum demur_err narrowing_refuse(const struct narrowing *n, const struct demur_attribute *own,
                                size_t own_len, struct demur_diag *diag);
/* filing_to.c: the roles that the memo goes to, and their holders' keys. */
enum demur_err making_to(struct making *m, struct demur_diag *diag);
/* Whom a memo that circulates is sealed to. */
void making_readers(struct making *m);
/* Whom name cards are sealed to: the case, and every holder of the roles. The caller
 * frees *out. */
enum demur_err card_recipients(const struct demur_client *c,
                               const struct demur_age_recipient *case_recipient,
                               const struct span *roles, size_t roles_len,
                               struct demur_age_recipient **out, size_t *n,
                               struct demur_diag *diag);
/* handout.c: the link's key, sealed to every member of the ring. */
enum demur_err making_handout(struct making *m, struct demur_diag *diag);
/* filing_seal.c: memo, attachments and name card, checked and sealed. */
enum demur_err making_letter(struct making *m, struct demur_diag *diag);
enum demur_err making_card(struct making *m, struct demur_diag *diag);
/* Name a sealed file, and take it out of its buffer. */
void sealed_take(struct sealed *out, struct buf *file);
/* Seal a plaintext to recipients, in one layer. */
enum demur_err seal_once(struct span plain, const struct demur_age_recipient *to, size_t n,
                         struct sealed *out, struct demur_diag *diag);
/* And in two, under a release key. */
enum demur_err seal_twice(struct span padded, const struct demur_age_recipient *to, size_t n,
                          const uint8_t release[static 32], struct sealed *out,
                          struct demur_diag *diag);
/* Seal a name card; or, without a plaintext, what looks like one. */
enum demur_err card_seal(const uint8_t *plain, const struct demur_age_recipient *to, size_t n,
                         struct sealed *out, struct demur_diag *diag);
/* The plaintext of the card of a member with this ring key. */
enum demur_err card_write(uint8_t out[static DEMUR_CARD_LEN], const struct demur_actor *member,
                          const struct demur_card_about *about, const struct span *roles,
                          size_t roles_len, const uint8_t ring_secret[static 32],
                          struct demur_diag *diag);

/* proofs.c: the proofs of records, checked once more: those about one ring together. */
struct pending;
struct proofs {
    struct demur_client *c;
    struct pending *list;
    size_t len;
};
/* Take over the entry whose record c->record is. VERIFY, with the entry, when one of those
 * that were added does not hold; it may be told now or by proofs_settle. */
enum demur_err proofs_add(struct proofs *p, struct demur_bytes *entry, uint64_t index,
                          struct demur_diag *diag);
enum demur_err proofs_settle(struct proofs *p, struct demur_diag *diag);
void proofs_free(struct proofs *p);

/* outbox.c */
enum demur_err outbox_put(const struct demur_draft *draft, struct demur_diag *diag);
/* Send what outbox_put has put there. It was made in this run, so its entry's time must
 * agree with this machine's clock. */
enum demur_err outbox_send(const struct demur_draft *draft, struct demur_sent *sent,
                           struct demur_diag *diag);
/* A signature on its way, in the outbox under the dissent's id and ".sign": its card
 * and its record. */
enum demur_err outbox_put_signature(struct demur_client *client, const char *dissent,
                                    const struct sealed *card, struct span record,
                                    struct demur_diag *diag);
bool outbox_has_signature(const struct demur_client *client, const char *dissent);
bool outbox_has_revision(const struct demur_client *client, const char *dissent);
/* Store a sealed blob on the server. */
static inline enum demur_err sealed_put(struct demur_client *c, const struct sealed *s,
                                        struct demur_diag *diag)
{
    struct demur_blob_ref stored;
    return blob_put(c, demur_bytes_span(&s->bytes), &stored, diag);
}

#endif
