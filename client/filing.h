/* filing.h - a memo on its way from a person's file to the log. Internal. */
#ifndef DEMUR_CLIENT_FILING_H
#define DEMUR_CLIENT_FILING_H

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
    uint64_t ring;          /* members in the part of the ring that signs */
    size_t to_len;
    char to_names[DEMUR_LETTER_TO_MAX][DEMUR_WORD_MAX + 1];
    struct span to[DEMUR_LETTER_TO_MAX]; /* increasing */
    size_t holders[DEMUR_LETTER_TO_MAX];
    bool whole[DEMUR_LETTER_TO_MAX]; /* its holders for other parts of the membership too */
    struct demur_age_recipient *recipients;
    size_t recipients_len;
    struct sealed memo, card, files[DEMUR_LETTER_ATTACHMENTS_MAX];
    size_t files_len;
    struct demur_bytes record;
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
    uint8_t ring_secret[32];
    uint64_t slot;
    struct span subsets[16]; /* increasing */
    size_t subsets_len;
    struct demur_ring whole, signers;
    uint8_t (*whole_keys)[32], (*signers_keys)[32];
    struct demur_bytes files[DEMUR_LETTER_ATTACHMENTS_MAX]; /* plain */
    uint8_t commitment[32], tag[32];
};

/* filing_ring.c: the author's ring key, the rings, and a filing slot that is free. */
enum demur_err making_ring(struct making *m, struct demur_diag *diag);
/* filing_to.c: the roles that the memo goes to, and their holders' keys. */
enum demur_err making_to(struct making *m, struct demur_diag *diag);
/* filing_seal.c: memo, attachments and name card, checked and sealed. */
enum demur_err making_letter(struct making *m, struct demur_diag *diag);
enum demur_err making_card(struct making *m, struct demur_diag *diag);

/* outbox.c */
enum demur_err outbox_put(const struct demur_draft *draft, struct demur_diag *diag);
/* demur_outbox_send; `fresh`: it was made in this run, so that its entry's time must
 * agree with this machine's clock. */
enum demur_err outbox_send(struct demur_client *client, const char *dissent, bool fresh,
                           struct demur_sent *sent, struct demur_diag *diag);

#endif
