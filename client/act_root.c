/* Acts of the root: policies, calendars, rotations, and who holds which role. */
#include "../core/calendar.h"
#include "../core/policy.h"
#include "internal.h"

#include <stdlib.h>

/* Acts that do not depend on what else just happened look at the log this often. */
#define RECENT_S 60

/* ---- texts ---- */

struct text_act {
    struct demur_actor *root;
    const char *name; /* of a calendar; NULL: a policy */
    struct span text;
    uint64_t seq;
};

static enum demur_err build_text(struct demur_client *c, void *ctx, struct buf *record,
                                 struct demur_diag *diag)
{
    struct text_act *t = ctx;
    struct demur_blob_ref blob;
    enum demur_err err = blob_put(c, t->text, &blob, diag);
    if (err)
        return err;
    t->seq = act_seq(c, t->root);
    demur_record_begin(record, t->name ? DEMUR_RECORD_CALENDAR : DEMUR_RECORD_POLICY,
                       c->options.channel);
    act_put_by(record, c, t->root);
    if (t->name)
        demur_put_text(record, DEMUR_FIELD_NAME, span_str(t->name));
    demur_put_blob(record, DEMUR_FIELD_TEXT, &blob);
    demur_put_signature(record, DEMUR_FIELD_SIG, t->root->keys.secret_key);
    return DEMUR_OK;
}

static enum demur_err send_text(struct demur_client *c, struct text_act *t, struct demur_sent *sent,
                                struct demur_diag *diag)
{
    enum demur_err err = act_run(c, RECENT_S, ACT_ONCE, build_text, t, sent, diag);
    if (!err)
        act_done(t->root, t->seq);
    return err;
}

enum demur_err demur_act_policy(struct demur_client *client, struct demur_actor *root,
                                struct span text, struct demur_sent *sent, struct demur_diag *diag)
{
    struct demur_policy *policy = malloc(sizeof *policy);
    if (!policy)
        return no_memory(diag);
    enum demur_err err = demur_policy_parse(policy, text, diag);
    if (!err)
        err = demur_policy_executable(policy, diag);
    free(policy);
    struct text_act t = {.root = root, .text = text};
    return err ? err : send_text(client, &t, sent, diag);
}

enum demur_err demur_act_calendar(struct demur_client *client, struct demur_actor *root,
                                  const char *name, struct span text, struct demur_sent *sent,
                                  struct demur_diag *diag)
{
    struct demur_calendar *calendar = malloc(sizeof *calendar);
    if (!calendar)
        return no_memory(diag);
    enum demur_err err = demur_calendar_parse(calendar, text, diag);
    free(calendar);
    struct text_act t = {.root = root, .name = name, .text = text};
    return err ? err : send_text(client, &t, sent, diag);
}

/* ---- rotations ---- */

struct rotation {
    struct demur_actor *actor;
    const uint8_t *log_key, *server_key, *next_root; /* next_root: the actor takes over */
    uint64_t seq;
};

static enum demur_err build_rotation(struct demur_client *c, void *ctx, struct buf *record,
                                     struct demur_diag *diag)
{
    struct rotation *t = ctx;
    uint8_t hash[32];
    (void)diag;
    t->seq = act_seq(c, t->actor);
    demur_record_begin(record, DEMUR_RECORD_ROTATE, c->options.channel);
    act_put_by(record, c, t->actor);
    if (t->log_key)
        demur_put_bytes(record, DEMUR_FIELD_LOG_KEY, span_of(t->log_key, 32));
    if (t->server_key)
        demur_put_bytes(record, DEMUR_FIELD_SERVER_KEY, span_of(t->server_key, 32));
    if (t->next_root) {
        struct demur_blob_ref next;
        blob_name(&next, span_of(t->next_root, 32));
        memcpy(hash, next.hash, 32);
        demur_put_bytes(record, DEMUR_FIELD_ROOT_KEY, span_of(t->actor->keys.public_key, 32));
        demur_put_hash(record, DEMUR_FIELD_NEXT_ROOT, hash);
    }
    demur_put_signature(record, DEMUR_FIELD_SIG, t->actor->keys.secret_key);
    return DEMUR_OK;
}

static enum demur_err send_rotation(struct demur_client *c, struct rotation *t,
                                    struct demur_sent *sent, struct demur_diag *diag)
{
    enum demur_err err = act_run(c, RECENT_S, ACT_ONCE, build_rotation, t, sent, diag);
    if (!err)
        act_done(t->actor, t->seq);
    return err;
}

enum demur_err demur_act_rotate(struct demur_client *client, struct demur_actor *root,
                                const uint8_t *log_key, const uint8_t *server_key,
                                struct demur_sent *sent, struct demur_diag *diag)
{
    struct rotation t = {.actor = root, .log_key = log_key, .server_key = server_key};
    return send_rotation(client, &t, sent, diag);
}

enum demur_err demur_act_rotate_root(struct demur_client *client, struct demur_actor *next,
                                     const uint8_t next_root[static 32], struct demur_sent *sent,
                                     struct demur_diag *diag)
{
    struct rotation t = {.actor = next, .next_root = next_root};
    return send_rotation(client, &t, sent, diag);
}

/* ---- roles ---- */

struct grant_act {
    struct demur_actor *actor;
    const struct demur_grant *grant;
    uint64_t seq;
};

static enum demur_err build_grant(struct demur_client *c, void *ctx, struct buf *record,
                                  struct demur_diag *diag)
{
    struct grant_act *t = ctx;
    const struct demur_grant *g = t->grant;
    (void)diag;
    t->seq = act_seq(c, t->actor);
    demur_record_begin(record, DEMUR_RECORD_ROLE, c->options.channel);
    act_put_by(record, c, t->actor);
    demur_put_text(record, DEMUR_FIELD_ROLE, span_str(g->role));
    demur_put_text(record, DEMUR_FIELD_CHANGE, span_str(g->ends ? "ends" : "holds"));
    demur_put_bytes(record, DEMUR_FIELD_HOLDER, span_of(g->officer.key, 32));
    if (!g->ends)
        demur_put_text(record, DEMUR_FIELD_RECIPIENT, span_str(g->officer.recipient));
    if (g->attribute)
        demur_put_text(record, DEMUR_FIELD_FOR, span_str(g->attribute));
    if (g->acting)
        demur_put_text(record, DEMUR_FIELD_ACTING, span_lit("yes"));
    if (g->until)
        demur_put_number(record, DEMUR_FIELD_UNTIL, g->until);
    demur_put_signature(record, DEMUR_FIELD_SIG, t->actor->keys.secret_key);
    return DEMUR_OK;
}

enum demur_err demur_act_grant(struct demur_client *client, struct demur_actor *actor,
                               const struct demur_grant *grant, struct demur_sent *sent,
                               struct demur_diag *diag)
{
    struct grant_act t = {.actor = actor, .grant = grant};
    enum demur_err err = act_run(client, RECENT_S, ACT_ONCE, build_grant, &t, sent, diag);
    if (!err)
        act_done(actor, t.seq);
    return err;
}
