/* The fold's frame: an entry comes in, is checked, and changes the state. */
#include "channel.h"

#include "channel_state.h"
#include "hash.h"
#include "merkle.h"

struct demur_channel *demur_channel_new(void)
{
    struct demur_channel *c = calloc(1, sizeof *c);
    if (c)
        c->last_tick_day = DEMUR_DAY_MIN;
    return c;
}

void demur_channel_free(struct demur_channel *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->policies_len; i++) {
        free(c->policies[i].text);
        free(c->policies[i].policy);
    }
    for (size_t i = 0; i < c->calendars_len; i++) {
        free(c->calendars[i].text);
        free(c->calendars[i].calendar);
    }
    for (size_t i = 0; i < c->members_len; i++) {
        free(c->members[i].attributes);
        free(c->members[i].keys);
    }
    for (size_t i = 0; i < c->rings_len; i++)
        free(c->rings[i].keys);
    for (size_t i = 0; i < c->dissents_len; i++) {
        free(c->dissents[i].attachments);
        free(c->dissents[i].clocks);
        free(c->dissents[i].stages);
        free(c->dissents[i].events);
    }
    free(c->policies);
    free(c->calendars);
    free(c->versions);
    free(c->roles);
    free(c->keys);
    free(c->members);
    free(c->ring_keys);
    free(c->rings);
    free(c->dissents);
    free(c->blobs);
    free(c->tags);
    free(c->disclosures);
    demur_index_release(&c->by.keys);
    demur_index_release(&c->by.handles);
    demur_index_release(&c->by.ring_keys);
    demur_index_release(&c->by.ids);
    demur_index_release(&c->by.slots);
    demur_index_release(&c->by.blobs);
    demur_index_release(&c->by.tags);
    demur_index_release(&c->by.disclosures);
    free(c);
}

void channel_key_of(uint8_t out[static 32], struct span text) { demur_hash(out, text); }

struct known_key *channel_known(const struct demur_channel *c, const uint8_t key[static 32])
{
    uint8_t hash[32];
    channel_key_of(hash, span_of(key, 32));
    struct demur_probe p = demur_index_probe(&c->by.keys, hash);
    while (demur_index_next(&c->by.keys, &p))
        if (memcmp(c->keys[p.item].key, key, 32) == 0)
            return &c->keys[p.item];
    return NULL;
}

bool channel_known_room(struct demur_channel *c, size_t n)
{
    return demur_index_reserve(&c->by.keys, n) &&
           demur_grow(&c->keys, &c->keys_cap, c->keys_len + n, sizeof *c->keys);
}

struct known_key *channel_known_add(struct demur_channel *c, const uint8_t key[static 32])
{
    uint8_t hash[32];
    struct known_key *k = channel_known(c, key);
    if (k)
        return k;
    k = &c->keys[c->keys_len];
    *k = (struct known_key){0};
    memcpy(k->key, key, 32);
    channel_key_of(hash, span_of(key, 32));
    demur_index_put(&c->by.keys, hash, c->keys_len++);
    return k;
}

static bool seq_of(const struct demur_channel *c, const uint8_t by[static 32], uint64_t *seq)
{
    const struct known_key *k = channel_known(c, by);
    if (!k || !k->has_seq)
        return false;
    *seq = k->seq;
    return true;
}

struct demur_calendars channel_calendars(const struct demur_channel *c)
{
    return (struct demur_calendars){c->versions, c->calendars_len};
}

struct span channel_field(const struct applying *a, enum demur_field field)
{
    return demur_record_get(a->r, field);
}

void channel_copy(char *out, size_t cap, struct span value)
{
    struct buf b = buf_over(out, cap - 1);
    buf_put_span(&b, span_take(value, cap - 1));
    out[b.len] = 0;
}

static enum demur_err back_dated(const struct applying *a)
{
    char before[40], now[40];
    struct buf b = buf_over(before, sizeof before - 1), n = buf_over(now, sizeof now - 1);
    demur_time_put(&b, (int64_t)a->c->last_at, 0);
    demur_time_put(&n, (int64_t)a->at, 0);
    return demur_fail_at(a->diag, DEMUR_ERR_TIME, 0, 0, "at",
                         "the time goes back from %.*s to %.*s: this entry is back-dated",
                         SPAN_ARG(buf_span(&b)), SPAN_ARG(buf_span(&n)));
}

/* What every record but entry 0 must satisfy, whatever its type. */
static enum demur_err check_frame(struct applying *a)
{
    const struct demur_channel *c = a->c;
    uint8_t channel[32];
    uint64_t seq;
    if (a->r->type == DEMUR_RECORD_CHANNEL)
        return c->size == 0
                   ? DEMUR_OK
                   : demur_fail(a->diag, DEMUR_ERR_REPLAY, "only entry 0 founds a channel");
    if (!c->founded)
        return demur_fail(a->diag, DEMUR_ERR_MISSING, "entry 0 must found the channel");
    demur_record_hash(a->r, DEMUR_FIELD_CHANNEL, channel);
    if (memcmp(channel, c->fingerprint, 32) != 0)
        return demur_fail_at(a->diag, DEMUR_ERR_FORBIDDEN, 2, 0, "channel",
                             "this record was made for another channel");
    if (a->at < c->last_at)
        return back_dated(a);
    if (a->has_by && seq_of(c, a->by, &seq) && demur_record_number(a->r, DEMUR_FIELD_SEQ) <= seq)
        return demur_fail_at(a->diag, DEMUR_ERR_REPLAY, 0, 0, "seq",
                             "this key has used the sequence number %llu already: the next is %llu",
                             (unsigned long long)demur_record_number(a->r, DEMUR_FIELD_SEQ),
                             (unsigned long long)seq + 1);
    return DEMUR_OK;
}

typedef enum demur_err (*apply_fn)(struct applying *a);

static const apply_fn appliers[DEMUR_RECORD_TYPES] = {
    [DEMUR_RECORD_CHANNEL] = channel_apply_channel,
    [DEMUR_RECORD_POLICY] = channel_apply_policy,
    [DEMUR_RECORD_CALENDAR] = channel_apply_calendar,
    [DEMUR_RECORD_ROTATE] = channel_apply_rotate,
    [DEMUR_RECORD_ROLE] = channel_apply_role,
    [DEMUR_RECORD_INVITE] = channel_apply_invite,
    [DEMUR_RECORD_MEMBER] = channel_apply_member,
    [DEMUR_RECORD_RENEW] = channel_apply_renew,
    [DEMUR_RECORD_REKEY] = channel_apply_rekey,
    [DEMUR_RECORD_REVOKE] = channel_apply_revoke,
    [DEMUR_RECORD_CIRCULATE] = channel_apply_opening,
    [DEMUR_RECORD_REVISE] = channel_apply_revise,
    [DEMUR_RECORD_FILE] = channel_apply_file,
    [DEMUR_RECORD_COSIGN] = channel_apply_cosign,
    [DEMUR_RECORD_UNSIGN] = channel_apply_unsign,
    [DEMUR_RECORD_DISCLOSE] = channel_apply_disclose,
    [DEMUR_RECORD_STEP] = channel_apply_step,
    [DEMUR_RECORD_SAY] = channel_apply_say,
    [DEMUR_RECORD_SHARE] = channel_apply_share,
    [DEMUR_RECORD_OPEN] = channel_apply_open,
    [DEMUR_RECORD_WITHDRAW] = channel_apply_withdraw,
    [DEMUR_RECORD_APPEAL] = channel_apply_appeal,
    [DEMUR_RECORD_EXPUNGE] = channel_apply_expunge,
    [DEMUR_RECORD_TICK] = channel_apply_tick,
};

/* Count the entry in, effect or not. */
static void chain_add(struct demur_channel *c, const uint8_t leaf[static 32], bool accepted)
{
    uint8_t effect = accepted;
    struct span parts[] = {span_of(c->chain, 32), span_of(leaf, 32), span_of(&effect, 1)};
    demur_hash_spans(c->chain, "demur v1 fold", parts, 3);
    c->size++;
}

bool channel_blob_find(const struct demur_channel *c, const uint8_t hash[static 32],
                       uint32_t *place)
{
    uint8_t key[32];
    channel_key_of(key, span_of(hash, 32));
    struct demur_probe p = demur_index_probe(&c->by.blobs, key);
    while (demur_index_next(&c->by.blobs, &p)) {
        if (memcmp(c->blobs[p.item].hash, hash, 32) != 0)
            continue;
        *place = p.item;
        return true;
    }
    return false;
}

uint32_t channel_blob_name(struct applying *a, const uint8_t hash[static 32])
{
    struct demur_channel *c = a->c;
    uint32_t place = c->blobs_len;
    uint8_t key[32];
    if (channel_blob_find(c, hash, &place))
        return place;
    uint64_t of = channel_dissent_index(c, channel_field(a, DEMUR_FIELD_DISSENT));
    c->blobs[place].owner = of == NONE ? 0 : (uint32_t)of + 1;
    memcpy(c->blobs[place].hash, hash, 32);
    channel_key_of(key, span_of(hash, 32));
    demur_index_put(&c->by.blobs, key, place);
    c->blobs_len++;
    return place;
}

/* Every blob belongs to the dissent whose record names it first. */
static void own_blobs(struct applying *a)
{
    for (const struct demur_record_rule *rule = demur_record_rules(a->r->type); rule->field;
         rule++) {
        struct demur_blob_ref blob;
        for (size_t i = 0;
             rule->kind == DEMUR_KIND_BLOB && demur_record_blob(a->r, rule->field, i, &blob); i++)
            channel_blob_name(a, blob.hash);
    }
}

/* Room for whatever any record adds to the tables that they share. */
static bool make_room(struct demur_channel *c, const struct demur_record *r)
{
    return channel_known_room(c, KNOWN_MORE) && demur_index_reserve(&c->by.blobs, r->fields_len) &&
           demur_grow(&c->blobs, &c->blobs_cap, c->blobs_len + (size_t)r->fields_len,
                      sizeof *c->blobs);
}

/* Was the verdict, where there is one, reached on this very record? */
static bool serves(const struct demur_verdict *verdict, const struct demur_record *r)
{
    uint8_t hash[32];
    if (!verdict || !verdict->verified)
        return false;
    demur_hash(hash, r->text);
    return memcmp(verdict->record, hash, 32) == 0;
}

enum demur_err demur_channel_apply(struct demur_channel *c, uint64_t at,
                                   const struct demur_record *r, struct span text,
                                   const struct demur_verdict *verdict, struct demur_diag *diag)
{
    struct applying a = {.c = c, .r = r, .diag = diag, .text = text, .at = at};
    a.has_by = demur_record_key(r, DEMUR_FIELD_BY, a.by);
    uint8_t head[32];
    struct buf line = buf_over(head, sizeof head);
    demur_entry_write(&line, at, span_of(NULL, 0));
    uint8_t zero = 0;
    struct span parts[] = {span_of(&zero, 1), buf_span(&line), r->text};
    demur_hash_spans(a.leaf, "", parts, 3);

    enum demur_err err = check_frame(&a);
    if (err)
        return err;
    struct demur_verdict own;
    if (!serves(verdict, r)) {
        if ((err = demur_channel_verify(c, r, &own, diag)))
            return err;
        verdict = &own;
    }
    a.v = verdict;
    if (!make_room(c, r))
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    err = appliers[r->type](&a);
    channel_case_settle(&a, !err);
    if (err)
        return err;
    if (a.has_by) {
        struct known_key *by = channel_known_add(c, a.by);
        by->seq = demur_record_number(r, DEMUR_FIELD_SEQ);
        by->has_seq = true;
    }
    own_blobs(&a);
    c->last_at = at;
    chain_add(c, a.leaf, true);
    return DEMUR_OK;
}

void demur_channel_skip(struct demur_channel *c, uint64_t at, struct span entry)
{
    uint8_t leaf[32];
    demur_merkle_leaf(leaf, entry);
    if (at > c->last_at)
        c->last_at = at;
    c->refused++;
    chain_add(c, leaf, false);
}

enum demur_err demur_channel_entry(struct demur_channel *c, struct span entry, struct span text,
                                   struct demur_diag *diag)
{
    struct demur_diag own = {0};
    struct demur_record *r = malloc(sizeof *r);
    uint64_t at = 0;
    struct span record;
    if (!r)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    enum demur_err err = demur_entry_parse(&at, &record, entry, &own);
    if (!err)
        err = demur_record_parse(r, record, &own);
    if (!err)
        err = demur_channel_apply(c, at, r, text, NULL, &own);
    free(r);
    if (err && diag)
        *diag = own;
    if (err && err != DEMUR_ERR_MEMORY && err != DEMUR_ERR_TEXT)
        demur_channel_skip(c, at, entry);
    return err;
}

uint64_t demur_channel_size(const struct demur_channel *c) { return c->size; }
uint64_t demur_channel_refused(const struct demur_channel *c) { return c->refused; }
uint64_t demur_channel_last_at(const struct demur_channel *c) { return c->last_at; }

void demur_channel_chain(const struct demur_channel *c, uint8_t out[static 32])
{
    memcpy(out, c->chain, 32);
}

uint64_t demur_channel_tick_day(const struct demur_channel *c)
{
    return c->last_tick_day > 0 ? (uint64_t)c->last_tick_day : 0;
}

bool demur_channel_fingerprint(const struct demur_channel *c, uint8_t out[static 32])
{
    if (c->founded)
        memcpy(out, c->fingerprint, 32);
    return c->founded;
}

struct span demur_channel_origin(const struct demur_channel *c) { return span_str(c->origin); }

void demur_channel_log_key(const struct demur_channel *c, uint8_t out[static 32])
{
    memcpy(out, c->log_key, 32);
}

void demur_channel_server_key(const struct demur_channel *c, uint8_t out[static 32])
{
    memcpy(out, c->server_key, 32);
}

void demur_channel_root_key(const struct demur_channel *c, uint8_t out[static 32])
{
    memcpy(out, c->root_key, 32);
}

void demur_channel_next_root(const struct demur_channel *c, uint8_t out[static 32])
{
    memcpy(out, c->next_root, 32);
}

uint64_t demur_channel_seq(const struct demur_channel *c, const uint8_t key[static 32])
{
    uint64_t seq = 0;
    return seq_of(c, key, &seq) ? seq : 0;
}
