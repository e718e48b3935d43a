/* Destroying what a dissent's records name, when its time of retention is over. */
#include <stdlib.h>

#include "../core/encode.h"
#include "../core/policy.h"
#include "../core/table.h"
#include "internal.h"

#define BATCH 400 /* blobs in one record, which has at most 512 fields */

struct expunging {
    struct demur_client *c;
    struct demur_actor *officer;
    struct demur_dissent_info info;
    char role[DEMUR_WORD_MAX + 1];
    uint8_t (*hashes)[32];
    size_t len, cap, next; /* next: the first that this record does not name */
    size_t here;           /* how many it names */
    uint64_t seq;
};

static enum demur_err find_role(struct expunging *x, const char *wanted, struct demur_diag *diag)
{
    uint64_t now = demur_client_view_time(x->c);
    const struct demur_policy *p = demur_channel_policy_of(x->c->channel, x->info.policy_entry);
    for (int role = 0; p && role < p->roles_len; role++) {
        struct span name = p->roles[role].name;
        if (demur_set_has(p->expunge_by, role) && (!wanted || span_eq_str(name, wanted)) &&
            demur_channel_holds(x->c->channel, x->officer->keys.public_key, name, now) &&
            copy_text(x->role, sizeof x->role, name))
            return DEMUR_OK;
    }
    return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "role",
                         "your key holds no role that the policy lets expunge");
}

static int by_hash(const void *a, const void *b) { return memcmp(a, b, 32); }

static enum demur_err take_entry(struct expunging *x, uint64_t index, struct demur_diag *diag)
{
    struct demur_blob_ref blobs[CASE_BLOBS_MAX];
    struct demur_bytes entry = {0};
    uint64_t at;
    enum demur_err err = case_record(x->c, index, &entry, &at, diag);
    if (err)
        return err;
    size_t n = demur_record_blobs(x->c->record, blobs, DEMUR_COUNT(blobs));
    demur_bytes_free(&entry);
    for (size_t i = 0; i < n; i++) {
        if (!demur_grow(&x->hashes, &x->cap, x->len + 1, sizeof *x->hashes))
            return no_memory(diag);
        memcpy(x->hashes[x->len++], blobs[i].hash, 32);
    }
    return DEMUR_OK;
}

static enum demur_err find_blobs(struct expunging *x, struct demur_diag *diag)
{
    struct demur_event e;
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; !err && demur_channel_event(x->c->channel, span_str(x->info.id), i, &e); i++)
        err = take_entry(x, e.index, diag);
    if (err || !x->len)
        return err;
    qsort(x->hashes, x->len, 32, by_hash);
    size_t kept = 1;
    for (size_t i = 1; i < x->len; i++)
        if (memcmp(x->hashes[i], x->hashes[kept - 1], 32) != 0)
            memmove(x->hashes[kept++], x->hashes[i], 32);
    x->len = kept;
    return DEMUR_OK;
}

/* Does an expunge name this blob; when? */
static bool expunged(struct demur_client *c, const struct demur_dissent_info *info,
                     const uint8_t hash[static 32], uint64_t *at)
{
    struct demur_event e;
    bool found = false;
    for (size_t i = 0; !found && demur_channel_event(c->channel, span_str(info->id), i, &e); i++) {
        struct demur_bytes entry = {0};
        uint8_t named[32];
        if (e.type != DEMUR_RECORD_EXPUNGE || case_record(c, e.index, &entry, at, NULL) != DEMUR_OK)
            continue;
        size_t n = demur_record_count(c->record, DEMUR_FIELD_BLOB);
        for (size_t k = 0; k < n && !found; k++)
            found = demur_hex_exact(named, 32, demur_record_nth(c->record, DEMUR_FIELD_BLOB, k)) ==
                        DEMUR_OK &&
                    memcmp(named, hash, 32) == 0;
        demur_bytes_free(&entry);
    }
    return found;
}

enum demur_err case_not_expunged(struct demur_client *c, const struct demur_dissent_info *info,
                                 const uint8_t hash[static 32], struct demur_diag *diag)
{
    char day[32];
    uint64_t at;
    if (!expunged(c, info, hash, &at))
        return DEMUR_OK;
    time_text(day, at);
    return demur_fail(diag, DEMUR_ERR_STAGE,
                      "this was destroyed on %.10s under the policy's rule of retention: the log "
                      "shows that it was there, and nobody can read it any more",
                      day);
}

static enum demur_err build(struct demur_client *c, void *ctx, struct buf *record,
                            struct demur_diag *diag)
{
    struct expunging *x = ctx;
    enum demur_err err = case_find(c, x->info.id, &x->info, diag);
    if (err)
        return err;
    x->seq = act_seq(c, x->officer);
    x->here = x->len - x->next < BATCH ? x->len - x->next : BATCH;
    demur_record_begin(record, DEMUR_RECORD_EXPUNGE, c->options.channel);
    act_put_by(record, c, x->officer);
    demur_put_text(record, DEMUR_FIELD_DISSENT, span_str(x->info.id));
    demur_put_hash(record, DEMUR_FIELD_ON, x->info.latest);
    demur_put_text(record, DEMUR_FIELD_ROLE, span_str(x->role));
    for (size_t i = 0; i < x->here; i++)
        demur_put_hash(record, DEMUR_FIELD_BLOB, x->hashes[x->next + i]);
    demur_put_signature(record, DEMUR_FIELD_SIG, x->officer->keys.secret_key);
    return DEMUR_OK;
}

enum demur_err demur_act_expunge(struct demur_client *client, struct demur_actor *officer,
                                 const char *dissent, const char *role, size_t *blobs,
                                 struct demur_sent *sent, struct demur_diag *diag)
{
    struct expunging x = {.c = client, .officer = officer};
    enum demur_err err = act_begin(client, 0, diag);
    if (!err)
        err = case_find(client, dissent, &x.info, diag);
    if (!err)
        err = find_role(&x, role, diag);
    if (!err)
        err = find_blobs(&x, diag);
    while (!err && x.next < x.len) {
        err = act_run(client, 0, ACT_AGAIN, build, &x, sent, diag);
        if (!err) {
            act_done(officer, x.seq);
            x.next += x.here;
        }
    }
    *blobs = x.next;
    free(x.hashes);
    return err;
}
