/* A dissent as those see it who act in it. */
#include <stdlib.h>

#include "internal.h"

enum demur_err case_find(const struct demur_client *c, const char *dissent,
                         struct demur_dissent_info *out, struct demur_diag *diag)
{
    if (demur_channel_dissent_find(c->channel, span_str(dissent), demur_client_view_time(c), out))
        return DEMUR_OK;
    return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "dissent",
                         "this channel has no dissent %.40s", dissent);
}

bool case_role(const struct demur_client *c, const struct demur_dissent_info *info, size_t i,
               struct span *role)
{
    size_t filed_to = 0;
    struct span other;
    while (demur_channel_dissent_to(c->channel, span_str(info->id), filed_to, &other)) {
        if (filed_to++ == i) {
            *role = other;
            return true;
        }
    }
    const struct demur_policy *policy = demur_channel_policy_of(c->channel, info->policy_entry);
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

bool subset_shows(struct span subset, struct span part)
{
    bool found;
    struct span values = subset, rest = part, name = span_split(&values, '=', &found);
    return span_eq(span_split(&rest, '=', &found), name) && !memchr(values.p, ',', values.len);
}

/* Which part of the membership a memo was sealed to, of a role that is held for parts:
 * as far as whoever writes now can know it. */
struct part {
    char subsets[16][160]; /* that the ring was narrowed to */
    size_t subsets_len;
    char handle[DEMUR_WORD_MAX + 1]; /* the author, from the name card; else empty */
    bool unnamed;                    /* the author gave no name: it went to all parts */
};

static enum demur_err opening_subsets(struct demur_client *c, const struct demur_dissent_info *info,
                                      struct part *out, struct demur_diag *diag)
{
    struct demur_bytes entry = {0};
    uint64_t at;
    enum demur_err err = case_record(c, info->opened_index, &entry, &at, diag);
    for (size_t i = 0; !err && i < DEMUR_COUNT(out->subsets); i++) {
        struct span subset = demur_record_nth(c->record, DEMUR_FIELD_SUBSET, i);
        /* One that is longer has several values, and shows no part. */
        if (subset.len && copy_text(out->subsets[out->subsets_len], sizeof out->subsets[0], subset))
            out->subsets_len++;
    }
    demur_bytes_free(&entry);
    return err;
}

struct writer {
    const struct demur_actor *actor;
    const char *role;
};

/* Would a name card have been sealed to the writer: as the author, or since they held
 * a role that the memo went to already when it was filed? */
static bool sealed_to(const struct demur_client *c, const struct demur_dissent_info *info,
                      const struct writer *writer)
{
    struct span to;
    struct demur_holder holder;
    uint64_t now = demur_client_view_time(c);
    bool is = !writer->actor->identity;
    for (size_t i = 0; !is && demur_channel_dissent_to(c->channel, span_str(info->id), i, &to); i++)
        for (size_t k = 0; !is && span_eq_str(to, writer->role) &&
                           demur_channel_holder(c->channel, to, now, k, &holder);
             k++)
            is = memcmp(holder.key, writer->actor->keys.public_key, 32) == 0 &&
                 holder.granted_index < info->filed_index;
    return is;
}

static enum demur_err find_part(struct demur_client *c, const struct demur_dissent_info *info,
                                const struct writer *writer, struct part *out,
                                struct demur_diag *diag)
{
    struct demur_reading card = {0};
    *out = (struct part){0};
    enum demur_err err = opening_subsets(c, info, out, diag);
    if (!err)
        err = reading_card(c, writer->actor, info, &card, diag);
    if (err)
        return err;
    memcpy(out->handle, card.handle, sizeof out->handle);
    out->unnamed = (card.card == DEMUR_CARD_NONE || card.card == DEMUR_CARD_CLOSED ||
                    card.card == DEMUR_CARD_ABSENT) &&
                   sealed_to(c, info, writer);
    demur_reading_free(&card);
    return DEMUR_OK;
}

static bool member_is(const struct demur_client *c, const char *handle, struct span part)
{
    struct span one;
    for (size_t i = 0; (one = demur_channel_member_attribute(c->channel, span_str(handle), i)).len;
         i++)
        if (span_eq(one, part))
            return true;
    return false;
}

/* Was the memo sealed to those who hold a role for this part ("agency=usaid")? */
static bool part_has_it(const struct demur_client *c, const struct part *p, struct span part)
{
    for (size_t i = 0; i < p->subsets_len; i++)
        if (subset_shows(span_str(p->subsets[i]), part))
            return span_eq_str(part, p->subsets[i]);
    return p->handle[0] ? member_is(c, p->handle, part) : p->unnamed;
}

/* Holders of roles who may open the dissent now, and who have its memo. */
static enum demur_err add_readers(struct demur_client *c, const struct demur_dissent_info *info,
                                  const struct writer *writer, struct recipients *out,
                                  struct demur_diag *diag)
{
    uint64_t now = demur_client_view_time(c);
    struct demur_holder holder;
    struct part part;
    struct span role, id = span_str(info->id);
    bool known = false;
    for (size_t i = 0; case_role(c, info, i, &role); i++)
        for (size_t k = 0; demur_channel_holder(c->channel, role, now, k, &holder); k++) {
            if (!demur_channel_may_open(c->channel, id, holder.key, role, now))
                continue;
            enum demur_err err = DEMUR_OK;
            if (holder.attribute.len && !known)
                err = find_part(c, info, writer, &part, diag);
            if (err)
                return err;
            known = known || holder.attribute.len;
            bool reads = holder.attribute.len == 0 || part_has_it(c, &part, holder.attribute);
            if (!recipients_add(out, holder.x25519, reads))
                return no_memory(diag);
        }
    return DEMUR_OK;
}

/* The age recipient of an officer, whatever role they hold. */
static bool holder_by_key(const struct demur_client *c, const struct demur_dissent_info *info,
                          const uint8_t key[static 32], struct demur_holder *out)
{
    uint64_t now = demur_client_view_time(c);
    struct span role;
    for (size_t i = 0; case_role(c, info, i, &role); i++)
        for (size_t k = 0; demur_channel_holder(c->channel, role, now, k, out); k++)
            if (memcmp(out->key, key, 32) == 0)
                return true;
    return false;
}

/* Officers with whom the memo was shared. */
static enum demur_err add_shared(struct demur_client *c, const struct demur_dissent_info *info,
                                 struct recipients *out, struct demur_diag *diag)
{
    struct demur_event event;
    for (size_t i = 0; demur_channel_event(c->channel, span_str(info->id), i, &event); i++) {
        struct demur_bytes entry = {0};
        struct demur_holder holder;
        uint8_t key[32], source[32];
        uint64_t at;
        if (event.type != DEMUR_RECORD_SHARE)
            continue;
        enum demur_err err = case_record(c, event.index, &entry, &at, diag);
        if (err)
            return err;
        bool known = demur_record_hash(c->record, DEMUR_FIELD_SOURCE, source) &&
                     memcmp(source, info->memo.hash, 32) == 0 &&
                     demur_record_key(c->record, DEMUR_FIELD_HOLDER, key) &&
                     holder_by_key(c, info, key, &holder);
        demur_bytes_free(&entry);
        if (known && !recipients_add(out, holder.x25519, true))
            return no_memory(diag);
    }
    return DEMUR_OK;
}

enum demur_err case_recipients(struct demur_client *c, const struct demur_dissent_info *info,
                               const struct demur_actor *writer, const char *role,
                               struct demur_age_recipient **out, size_t *n, struct demur_diag *diag)
{
    struct recipients r = {0};
    struct demur_age_recipient own;
    struct writer by = {writer, role};
    enum demur_err err = demur_age_recipient_parse(&own, span_str(info->case_recipient), diag);
    if (!err && !recipients_add(&r, own.public, true))
        err = no_memory(diag);
    if (!err)
        err = add_readers(c, info, &by, &r, diag);
    if (!err)
        err = add_shared(c, info, &r, diag);
    if (!err)
        err = recipients_take(&r, out, n, diag);
    recipients_free(&r);
    return err;
}

enum demur_err case_filing_recipients(struct demur_client *c, const struct demur_dissent_info *info,
                                      const struct demur_actor *author, const struct span *to,
                                      size_t to_len, struct demur_age_recipient **out, size_t *n,
                                      struct demur_diag *diag)
{
    struct recipients r = {0};
    struct demur_age_recipient own;
    struct demur_holder holder;
    struct part part = {0};
    struct writer by = {author, ""};
    uint64_t now = demur_client_view_time(c);
    enum demur_err err = demur_age_recipient_parse(&own, span_str(info->case_recipient), diag);
    if (!err)
        err = find_part(c, info, &by, &part, diag);
    if (!err && !recipients_add(&r, own.public, true))
        err = no_memory(diag);
    for (size_t i = 0; !err && i < to_len; i++)
        for (size_t k = 0; !err && demur_channel_holder(c->channel, to[i], now, k, &holder); k++)
            if (!recipients_add(&r, holder.x25519,
                                holder.attribute.len == 0 ||
                                    part_has_it(c, &part, holder.attribute)))
                err = no_memory(diag);
    if (!err && r.len < 2)
        err = demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "to",
                            "nobody holds any of the roles that the memo goes to, so that nobody "
                            "could read it: tell the channel's root");
    if (!err)
        err = recipients_take(&r, out, n, diag);
    recipients_free(&r);
    return err;
}

enum demur_err case_holder(const struct demur_client *c, const struct demur_dissent_info *info,
                           const uint8_t key[static 32], struct demur_age_recipient *out,
                           struct demur_diag *diag)
{
    struct demur_holder holder;
    if (!holder_by_key(c, info, key, &holder))
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
    for (size_t i = 0; case_role(c, info, i, &role); i++)
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
