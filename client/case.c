/* A dissent as those see it who act in it. */
#include <stdlib.h>

#include "../core/seal.h"
#include "../core/table.h"
#include "internal.h"

enum demur_err case_find(const struct demur_client *c, const char *dissent,
                         struct demur_dissent_info *out, struct demur_diag *diag)
{
    if (demur_channel_dissent_find(c->channel, span_str(dissent), demur_client_view_time(c), out))
        return DEMUR_OK;
    return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "dissent",
                         "this channel has no dissent %.40s", dissent);
}

bool case_role(const struct demur_client *c, struct span id, size_t i, struct span *role)
{
    size_t filed_to = 0;
    uint8_t entry[32];
    struct span other;
    while (demur_channel_dissent_to(c->channel, id, filed_to, &other)) {
        if (filed_to++ == i) {
            *role = other;
            return true;
        }
    }
    const struct demur_policy *policy = demur_channel_policy(c->channel, entry);
    if (!policy || i - filed_to >= policy->roles_len)
        return false;
    *role = policy->roles[i - filed_to].name;
    return true;
}

enum demur_err case_record(struct demur_client *c, uint64_t index, struct demur_bytes *entry,
                           uint64_t *at, struct demur_diag *diag)
{
    struct span record;
    struct demur_bytes bytes = {0};
    enum demur_err err = demur_client_entry(c, index, &bytes, diag);
    if (!err)
        err = demur_entry_parse(at, &record, demur_bytes_span(&bytes), diag);
    if (!err)
        err = demur_record_parse(c->record, record, diag);
    if (err)
        demur_bytes_free(&bytes);
    else
        *entry = bytes;
    return err;
}

/* ---- recipients ---- */

struct recipients {
    struct demur_age_recipient *list;
    size_t len, cap;
};

static bool add(struct recipients *r, const uint8_t point[static 32])
{
    if (!demur_grow(&r->list, &r->cap, r->len + 1, sizeof *r->list))
        return false;
    memcpy(r->list[r->len++].public, point, 32);
    return true;
}

/* Does the filing itself say that it is by one of this part of the membership
 * (`agency=usaid`)? Narrowing the ring to that one value does. */
static enum demur_err proven_part(struct demur_client *c, const struct demur_dissent_info *info,
                                  struct span part, bool *proven, struct demur_diag *diag)
{
    struct demur_bytes entry = {0};
    uint64_t at;
    enum demur_err err = case_record(c, info->opened_index, &entry, &at, diag);
    *proven = false;
    for (size_t i = 0; !err && !*proven; i++) {
        struct span subset = demur_record_nth(c->record, DEMUR_FIELD_SUBSET, i);
        if (subset.len == 0)
            break;
        *proven = span_eq(subset, part);
    }
    demur_bytes_free(&entry);
    return err;
}

/* Opening is no part: any holder may, and not read. */
static bool took_part(const struct demur_client *c, struct span id, const uint8_t key[static 32])
{
    struct demur_event event;
    for (size_t i = 0; demur_channel_event(c->channel, id, i, &event); i++)
        if (event.type != DEMUR_RECORD_OPEN && memcmp(event.by, key, 32) == 0)
            return true;
    return false;
}

/* May we take it that the memo was sealed to this holder? Of a role that is held
 * for parts of the membership, only the author's was reached, and who that is the
 * record does not say: whomever the filing proves it of, or who has come forward. */
static enum demur_err concerns(struct demur_client *c, const struct demur_dissent_info *info,
                               const struct demur_holder *holder, bool *does,
                               struct demur_diag *diag)
{
    *does = holder->attribute.len == 0 || took_part(c, span_str(info->id), holder->key);
    return *does ? DEMUR_OK : proven_part(c, info, holder->attribute, does, diag);
}

/* Holders of roles who may open the dissent now, and whom it concerns. */
static enum demur_err add_readers(struct demur_client *c, const struct demur_dissent_info *info,
                                  struct recipients *out, struct demur_diag *diag)
{
    uint64_t now = demur_client_view_time(c);
    struct demur_holder holder;
    struct span role, id = span_str(info->id);
    for (size_t i = 0; case_role(c, id, i, &role); i++)
        for (size_t k = 0; demur_channel_holder(c->channel, role, now, k, &holder); k++) {
            bool does = false;
            if (!demur_channel_may_open(c->channel, id, holder.key, role, now))
                continue;
            enum demur_err err = concerns(c, info, &holder, &does, diag);
            if (err)
                return err;
            if (does && !add(out, holder.x25519))
                return no_memory(diag);
        }
    return DEMUR_OK;
}

/* The age recipient of an officer, whatever role they hold. */
static bool holder_by_key(const struct demur_client *c, struct span id,
                          const uint8_t key[static 32], struct demur_holder *out)
{
    uint64_t now = demur_client_view_time(c);
    struct span role;
    for (size_t i = 0; case_role(c, id, i, &role); i++)
        for (size_t k = 0; demur_channel_holder(c->channel, role, now, k, out); k++)
            if (memcmp(out->key, key, 32) == 0)
                return true;
    return false;
}

/* Officers with whom the memo was shared. */
static enum demur_err add_shared(struct demur_client *c, struct span id, struct recipients *out,
                                 struct demur_diag *diag)
{
    struct demur_event event;
    for (size_t i = 0; demur_channel_event(c->channel, id, i, &event); i++) {
        struct demur_bytes entry = {0};
        struct demur_holder holder;
        uint8_t key[32];
        uint64_t at;
        if (event.type != DEMUR_RECORD_SHARE)
            continue;
        enum demur_err err = case_record(c, event.index, &entry, &at, diag);
        if (err)
            return err;
        bool known = demur_record_key(c->record, DEMUR_FIELD_HOLDER, key) &&
                     holder_by_key(c, id, key, &holder);
        demur_bytes_free(&entry);
        if (known && !add(out, holder.x25519))
            return no_memory(diag);
    }
    return DEMUR_OK;
}

enum demur_err case_recipients(struct demur_client *c, const struct demur_dissent_info *info,
                               struct demur_age_recipient **out, size_t *n, struct demur_diag *diag)
{
    struct recipients r = {0};
    struct demur_age_recipient own;
    struct span id = span_str(info->id);
    enum demur_err err = demur_age_recipient_parse(&own, span_str(info->case_recipient), diag);
    if (!err && !add(&r, own.public))
        err = no_memory(diag);
    if (!err)
        err = add_readers(c, info, &r, diag);
    if (!err)
        err = add_shared(c, id, &r, diag);
    if (err) {
        free(r.list);
        return err;
    }
    *n = demur_recipients_order(r.list, r.len);
    *out = r.list;
    return DEMUR_OK;
}

enum demur_err case_holder(const struct demur_client *c, const struct demur_dissent_info *info,
                           const uint8_t key[static 32], struct demur_age_recipient *out,
                           struct demur_diag *diag)
{
    struct demur_holder holder;
    if (!holder_by_key(c, span_str(info->id), key, &holder))
        return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "holder",
                             "nobody with this key holds a role in the channel");
    memcpy(out->public, holder.x25519, 32);
    return DEMUR_OK;
}

/* ---- roles ---- */

enum demur_err case_reader_role(const struct demur_client *c, const struct demur_dissent_info *info,
                                const uint8_t key[static 32], const char *wanted,
                                char out[static DEMUR_WORD_MAX + 1], struct demur_diag *diag)
{
    uint64_t now = demur_client_view_time(c);
    struct span id = span_str(info->id), role;
    for (size_t i = 0; case_role(c, id, i, &role); i++)
        if ((!wanted || span_eq_str(role, wanted)) &&
            demur_channel_may_open(c->channel, id, key, role, now) &&
            copy_text(out, DEMUR_WORD_MAX + 1, role))
            return DEMUR_OK;
    if (wanted)
        return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "role",
                             "your key does not hold the role %.40s, or this dissent was not sent "
                             "to it",
                             wanted);
    return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "role",
                         "your key holds no role to which this dissent was sent; its author acts "
                         "with the receipt phrase");
}
