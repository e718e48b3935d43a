/* The keys that a channel's own entries establish: from entry 0, whose hash is the
 * fingerprint, through the rotations that its root has signed. */
#include "../core/hash.h"
#include "../core/tile.h"
#include "internal.h"

static enum demur_err unsound(struct demur_diag *diag, const char *what)
{
    return demur_fail(diag, DEMUR_ERR_VERIFY, "%s", what);
}

enum demur_err authority_found(struct authority *a, struct span entry,
                               const uint8_t fingerprint[static 32], struct demur_diag *diag)
{
    uint8_t leaf[32];
    uint64_t at;
    struct span text;
    demur_merkle_leaf(leaf, entry);
    if (memcmp(leaf, fingerprint, 32) != 0)
        return unsound(diag, "it is of another channel than the one with this fingerprint");
    if (demur_entry_parse(&at, &text, entry, NULL) != DEMUR_OK ||
        demur_record_parse(a->record, text, NULL) != DEMUR_OK ||
        a->record->type != DEMUR_RECORD_CHANNEL)
        return unsound(diag, "its first entry is no channel");
    memcpy(a->fingerprint, fingerprint, 32);
    a->seq = 0;
    demur_record_key(a->record, DEMUR_FIELD_LOG_KEY, a->log_key);
    demur_record_key(a->record, DEMUR_FIELD_ROOT_KEY, a->root);
    demur_record_hash(a->record, DEMUR_FIELD_NEXT_ROOT, a->next_root);
    (void)copy_text(a->origin, sizeof a->origin, demur_record_get(a->record, DEMUR_FIELD_ORIGIN));
    return demur_record_verify(a->record, DEMUR_FIELD_SIG, a->root)
               ? DEMUR_OK
               : unsound(diag, "the channel is not signed by its root key");
}

/* Does the rotation name the key that was to be the next root? */
static bool next_root_takes_over(struct authority *a, const uint8_t by[static 32])
{
    uint8_t key[32], hash[32];
    if (!demur_record_key(a->record, DEMUR_FIELD_ROOT_KEY, key))
        return false;
    demur_hash(hash, span_of(key, 32));
    return memcmp(key, by, 32) == 0 && memcmp(hash, a->next_root, 32) == 0;
}

enum demur_err authority_rotate(struct authority *a, struct span entry, struct demur_diag *diag)
{
    uint8_t by[32], channel[32];
    uint64_t at;
    struct span text;
    struct demur_record *r = a->record;
    if (demur_entry_parse(&at, &text, entry, NULL) != DEMUR_OK ||
        demur_record_parse(r, text, NULL) != DEMUR_OK || r->type != DEMUR_RECORD_ROTATE ||
        !demur_record_hash(r, DEMUR_FIELD_CHANNEL, channel) ||
        memcmp(channel, a->fingerprint, 32) != 0)
        return unsound(diag, "an entry in it is no rotation of this channel's keys");
    demur_record_key(r, DEMUR_FIELD_BY, by);
    bool root = next_root_takes_over(a, by);
    if (!root && (demur_record_has(r, DEMUR_FIELD_ROOT_KEY) || memcmp(by, a->root, 32) != 0))
        return unsound(diag, "a rotation of keys in it is not by the channel's root");
    uint64_t seq = demur_record_number(r, DEMUR_FIELD_SEQ);
    if (!root && seq <= a->seq)
        return unsound(diag, "the rotations of keys in it are not in the order of the log");
    if (!demur_record_verify(r, DEMUR_FIELD_SIG, by))
        return unsound(diag, "a rotation of keys in it is not signed");
    a->seq = seq;
    if (root) {
        memcpy(a->root, by, 32);
        demur_record_hash(r, DEMUR_FIELD_NEXT_ROOT, a->next_root);
    }
    demur_record_key(r, DEMUR_FIELD_LOG_KEY, a->log_key);
    return DEMUR_OK;
}

bool authority_rotates(struct span entry, uint64_t *at)
{
    struct span text;
    return demur_entry_parse(at, &text, entry, NULL) == DEMUR_OK &&
           span_starts(text, "demur rotate v1\n");
}
