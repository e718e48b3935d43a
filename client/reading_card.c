/* Name cards: whose they are, held against the roster and the signature. */
#include <stdlib.h>

#include "../core/card.h"
#include "internal.h"

/* The record that brought the present revision's card and signature. */
static bool card_record(struct demur_client *c, const struct demur_dissent_info *info,
                        struct demur_blob_ref *card, uint8_t tag[static 32])
{
    struct demur_event event;
    bool found = false;
    for (size_t i = 0; demur_channel_event(c->channel, span_str(info->id), i, &event); i++) {
        struct demur_bytes entry = {0};
        uint64_t at;
        bool opens = event.type == DEMUR_RECORD_CIRCULATE || event.type == DEMUR_RECORD_REVISE ||
                     event.type == DEMUR_RECORD_FILE;
        if (!opens || case_record(c, event.index, &entry, &at, NULL) != DEMUR_OK)
            continue;
        if (!found && demur_record_number(c->record, DEMUR_FIELD_REVISION) == info->revision &&
            demur_record_blob(c->record, DEMUR_FIELD_CARD, 0, card))
            found = record_tag(c->record, DEMUR_FIELD_PROOF, tag);
        demur_bytes_free(&entry);
    }
    return found;
}

/* Taking a ring out of a large roster is work, and the cards of a dissent have one. */
static enum demur_err take_ring(struct demur_client *c, const struct demur_dissent_info *info,
                                struct demur_diag *diag)
{
    struct ring_of_cards *r = &c->ring;
    if (r->size == c->size && r->epoch == info->epoch && r->roster == info->roster &&
        memcmp(r->policy, info->policy_entry, 32) == 0)
        return DEMUR_OK;
    size_t n = 0;
    r->size = 0;
    free(r->keys);
    r->keys = NULL;
    enum demur_err err = demur_channel_ring(c->channel, info->policy_entry, info->epoch,
                                            info->roster, NULL, 0, NULL, 0, &n, diag);
    if (!err && !(r->keys = malloc((n ? n : 1) * sizeof *r->keys)))
        return no_memory(diag);
    if (!err)
        err = demur_channel_ring(c->channel, info->policy_entry, info->epoch, info->roster, NULL, 0,
                                 r->keys, n, &r->n, diag);
    if (err)
        return err;
    r->size = c->size;
    r->epoch = info->epoch;
    r->roster = info->roster;
    memcpy(r->policy, info->policy_entry, 32);
    return DEMUR_OK;
}

static int by_key(const void *a, const void *b) { return memcmp(a, b, 32); }

static enum demur_err in_ring(struct demur_client *c, const struct demur_dissent_info *info,
                              const uint8_t key[static 32], bool *in, struct demur_diag *diag)
{
    enum demur_err err = take_ring(c, info, diag);
    *in = !err && bsearch(key, c->ring.keys, c->ring.n, 32, by_key) != NULL;
    return err;
}

/* Are the identity key and the ring key the named member's, and is the latter in the
 * ring? Without the former two could swap their names. */
static enum demur_err check_roster(struct demur_client *c, const struct demur_dissent_info *info,
                                   const struct demur_card *card, struct demur_diag *diag)
{
    struct demur_member_info member, owner;
    if (!demur_channel_member_find(c->channel, card->handle, &member) || !member.joined)
        return demur_fail(diag, DEMUR_ERR_VERIFY, "the roster has no member %.*s",
                          SPAN_ARG(card->handle));
    /* An earlier key will do: the card was made when it was the member's. */
    if (!demur_channel_key_owner(c->channel, card->key, &owner) ||
        !span_eq(owner.handle, member.handle))
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "it is not signed by a key that the roster has for %.*s",
                          SPAN_ARG(card->handle));
    if (!demur_channel_ring_key_owner(c->channel, card->ring_key, &owner) ||
        !span_eq(owner.handle, member.handle))
        return demur_fail(diag, DEMUR_ERR_VERIFY, "its ring key is not one that %.*s ever gave",
                          SPAN_ARG(card->handle));
    bool in = false;
    enum demur_err err = in_ring(c, info, card->ring_key, &in, diag);
    return err || in ? err
                     : demur_fail(diag, DEMUR_ERR_VERIFY,
                                  "its ring key is not in the ring that the dissent pinned");
}

enum demur_err card_hold(struct demur_client *c, const struct demur_dissent_info *info,
                         const struct demur_card *card, const uint8_t tag[static 32],
                         struct demur_diag *diag)
{
    struct demur_card_about about = {c->options.channel, span_str(info->id), info->revision,
                                     info->commitment, tag};
    enum demur_err err = demur_card_check(card, &about, diag);
    return err ? err : check_roster(c, info, card, diag);
}

/* What an error of fetching a card says of it. */
static enum demur_card_state not_had(enum demur_err err)
{
    switch (err) {
    case DEMUR_OK:
        return DEMUR_CARD_CLOSED;
    case DEMUR_ERR_UNKNOWN:
        return DEMUR_CARD_ABSENT;
    case DEMUR_ERR_VERIFY:
        return DEMUR_CARD_OTHER;
    default:
        return DEMUR_CARD_UNREACHED;
    }
}

enum demur_err reading_card_of(struct demur_client *c, const struct demur_actor *actor,
                               const struct demur_dissent_info *info,
                               const struct demur_blob_ref *blob, const uint8_t tag[static 32],
                               struct demur_reading *out, struct demur_diag *diag)
{
    struct demur_bytes file = {0}, plain = {0};
    struct demur_card card;
    struct demur_diag why = {0};
    out->card = DEMUR_CARD_ABSENT;
    if (case_not_expunged(c, info, blob->hash, &why) != DEMUR_OK) {
        memcpy(out->card_text, why.text, sizeof out->card_text);
        return DEMUR_OK;
    }
    enum demur_err err = demur_client_blob(c, blob, &file, diag);
    out->card = not_had(err);
    if (err)
        return err;
    err = reading_open(&actor->keys.age, demur_bytes_span(&file), &plain, &why);
    demur_bytes_free(&file);
    if (err == DEMUR_ERR_KEY)
        return DEMUR_OK;
    /* Whatever else a signer has put there in place of a card is theirs to answer for. */
    if (!err)
        err = demur_card_parse(&card, demur_bytes_span(&plain), &why);
    if (!err)
        err = card_hold(c, info, &card, tag, &why);
    if (!err && (!copy_text(out->handle, sizeof out->handle, card.handle) ||
                 !copy_text(out->name, sizeof out->name, card.name)))
        err = demur_fail(&why, DEMUR_ERR_LIMIT, "its name is too long");
    out->card = err ? DEMUR_CARD_WORTHLESS : DEMUR_CARD_NAMED;
    memcpy(out->card_text, why.text, sizeof out->card_text);
    demur_bytes_free(&plain);
    return err == DEMUR_ERR_MEMORY ? no_memory(diag) : DEMUR_OK;
}

enum demur_err reading_card(struct demur_client *c, const struct demur_actor *actor,
                            const struct demur_dissent_info *info, struct demur_reading *out,
                            struct demur_diag *diag)
{
    struct demur_blob_ref blob;
    uint8_t tag[32];
    out->card = DEMUR_CARD_NONE;
    return card_record(c, info, &blob, tag) ? reading_card_of(c, actor, info, &blob, tag, out, diag)
                                            : DEMUR_OK;
}
