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

/* Holders of roles who may open the dissent now. */
static bool add_readers(const struct demur_client *c, struct span id, struct recipients *out)
{
    uint64_t now = demur_client_view_time(c);
    struct demur_holder holder;
    struct span role;
    for (size_t i = 0; case_role(c, id, i, &role); i++)
        for (size_t k = 0; demur_channel_holder(c->channel, role, now, k, &holder); k++)
            if (demur_channel_may_open(c->channel, id, holder.key, role, now) &&
                !add(out, holder.x25519))
                return false;
    return true;
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
    if (!err && (!add(&r, own.public) || !add_readers(c, id, &r)))
        err = no_memory(diag);
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
                         "your key holds no role to which this dissent was sent");
}

enum demur_err case_act_role(const struct demur_client *c, const struct demur_dissent_info *info,
                             const uint8_t key[static 32], struct span act,
                             char out[static DEMUR_WORD_MAX + 1], struct demur_diag *diag)
{
    uint64_t now = demur_client_view_time(c);
    struct span role, may, id = span_str(info->id);
    size_t fits = 0, any = 0;
    char first[DEMUR_WORD_MAX + 1] = "";
    for (size_t i = 0; demur_channel_act(c->channel, id, key, now, i, &role, &may); i++) {
        any++;
        if (!span_eq(may, act))
            continue;
        if (fits++ == 0)
            (void)copy_text(first, sizeof first, role);
        else if (!span_eq_str(role, first))
            return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "role",
                                 "you could do this as %.60s or as %.*s: say which", first,
                                 SPAN_ARG(role));
    }
    if (fits == 0)
        return demur_fail_at(
            diag, any ? DEMUR_ERR_STAGE : DEMUR_ERR_FORBIDDEN, 0, 0, "act",
            any ? "\"%.*s\" is not among what you may do in this dissent now, at "
                  "its stage \"%.*s\""
                : "there is nothing that your key may do in this dissent now, so not "
                  "\"%.*s\" either; its stage is \"%.*s\"",
            SPAN_ARG(act), SPAN_ARG(info->stage));
    memcpy(out, first, sizeof first);
    return DEMUR_OK;
}
