/* Acts in a case: steps, messages, openings, shares, withdrawals. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/seal.h"
#include "internal.h"

struct case_act {
    struct demur_actor *actor;
    const char *dissent;
    const char *role; /* NULL: to be found, or none */
    char role_found[DEMUR_WORD_MAX + 1];
    uint64_t seq;
    const struct demur_step *step;
    const struct demur_writing *message;
    bool appeal; /* else it is withdrawn */
    const uint8_t *source, *holder;
    struct span shared; /* the plaintext that is re-sealed */
};

/* ---- sealing ---- */

static enum demur_err seal_to(struct demur_client *c, struct span plain,
                              const struct demur_age_recipient *to, size_t n,
                              struct demur_blob_ref *out, struct demur_diag *diag)
{
    struct buf entropy = heap_buf(DEMUR_AGE_ENTROPY_LEN(n));
    struct buf sealed = heap_buf(demur_age_sealed_len(plain.len, n));
    enum demur_err err = entropy.p && sealed.p ? DEMUR_OK : no_memory(diag);
    if (!err) {
        randombytes_buf(entropy.p, entropy.cap);
        entropy.len = entropy.cap;
        err = demur_age_seal(&sealed, plain, to, n, buf_span(&entropy), diag);
    }
    if (!err)
        err = blob_put(c, buf_span(&sealed), out, diag);
    heap_buf_free(&entropy);
    heap_buf_free(&sealed);
    return err;
}

/* Write a letter, check it, pad it. The caller frees *out. */
static enum demur_err write_letter(struct buf *out, const struct demur_letter *letter,
                                   struct demur_diag *diag)
{
    *out = heap_buf(demur_padded_len(letter->body.len + 8192));
    if (!out->p)
        return no_memory(diag);
    struct demur_letter again;
    demur_letter_put(out, letter);
    enum demur_err err = buf_ok(out) ? demur_letter_parse(&again, buf_span(out), diag)
                                     : demur_fail(diag, DEMUR_ERR_LIMIT, "the text is too long");
    if (!err) {
        demur_letter_pad(out);
        if (!buf_ok(out))
            err = demur_fail(diag, DEMUR_ERR_LIMIT, "the text is too long");
    }
    return err;
}

static enum demur_err tidy_body(const struct demur_writing *w, struct buf *body,
                                struct demur_diag *diag)
{
    if (w->body.len > DEMUR_LETTER_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a text may have at most %u bytes",
                          DEMUR_LETTER_MAX);
    *body = heap_buf(w->body.len + 1);
    if (!body->p)
        return no_memory(diag);
    buf_put_span(body, w->body);
    body->len = demur_letter_body_tidy((char *)body->p, body->len);
    return DEMUR_OK;
}

/* Seal what somebody writes to the case and everybody who may read it. */
static enum demur_err seal_writing(struct demur_client *c, const struct case_act *t,
                                   const struct demur_dissent_info *info,
                                   const struct demur_writing *w, struct span act, const char *role,
                                   struct demur_blob_ref *out, struct demur_diag *diag)
{
    struct buf body = {0}, text = {0};
    struct demur_age_recipient *to = NULL;
    size_t n = 0;
    enum demur_err err = tidy_body(w, &body, diag);
    struct demur_letter letter = {
        .kind = act.len ? DEMUR_LETTER_DOCUMENT : DEMUR_LETTER_MESSAGE,
        .dissent = span_str(info->id),
        .act = act,
        .from = span_str(t->actor->identity && role ? role : ""),
        .title = w->title,
        .marking = w->marking,
        .date_s = demur_client_now(c),
        .has_points = w->points > 0,
        .points = w->points,
        .body = buf_span(&body),
    };
    memcpy(letter.channel, c->options.channel, 32);
    if (!err)
        err = write_letter(&text, &letter, diag);
    if (!err)
        err = case_recipients(c, info, t->actor, role ? role : "", &to, &n, diag);
    if (!err)
        err = seal_to(c, buf_span(&text), to, n, out, diag);
    free(to);
    heap_buf_free(&body);
    heap_buf_free(&text);
    return err;
}

/* ---- records ---- */

/* `by seq` for an officer, nothing for the case key. */
static void put_actor(struct buf *record, struct demur_client *c, struct case_act *t)
{
    if (!t->actor->identity)
        return;
    t->seq = act_seq(c, t->actor);
    act_put_by(record, c, t->actor);
}

static void put_case(struct buf *record, const struct demur_dissent_info *info)
{
    demur_put_text(record, DEMUR_FIELD_DISSENT, span_str(info->id));
    demur_put_hash(record, DEMUR_FIELD_ON, info->latest);
}

static enum demur_err own_case(const struct case_act *t, struct demur_diag *diag)
{
    if (!t->actor->identity && strcmp(t->actor->dissent, t->dissent) != 0)
        return demur_fail(diag, DEMUR_ERR_KEY,
                          "this receipt phrase is of another dissent, %s, than %.40s",
                          t->actor->dissent, t->dissent);
    return DEMUR_OK;
}

static enum demur_err case_send(struct demur_client *c, struct case_act *t, enum act_retry retry,
                                act_builder *build, struct demur_sent *sent,
                                struct demur_diag *diag)
{
    if (!t->dissent && !t->actor->identity)
        t->dissent = t->actor->dissent;
    if (!t->dissent)
        return demur_fail(diag, DEMUR_ERR_MISSING, "say which dissent this is about");
    enum demur_err err = own_case(t, diag);
    if (!err)
        err = act_run(c, 0, retry, build, t, sent, diag);
    if (!err)
        act_done(t->actor, t->seq);
    return err;
}

static enum demur_err build_step(struct demur_client *c, void *ctx, struct buf *record,
                                 struct demur_diag *diag)
{
    struct case_act *t = ctx;
    const struct demur_step *s = t->step;
    struct demur_dissent_info info;
    struct demur_blob_ref document;
    struct span act = span_str(s->act);
    enum demur_err err = case_find(c, t->dissent, &info, diag);
    if (!err)
        err = case_act_role(c, &info, t->actor->keys.public_key, s->role, act, t->role_found, diag);
    if (!err && s->document)
        err = seal_writing(c, t, &info, s->document, act, t->role_found, &document, diag);
    if (err)
        return err;
    demur_record_begin(record, DEMUR_RECORD_STEP, c->options.channel);
    put_actor(record, c, t);
    put_case(record, &info);
    demur_put_text(record, DEMUR_FIELD_ROLE, span_str(t->role_found));
    demur_put_text(record, DEMUR_FIELD_ACT, act);
    if (s->outcome)
        demur_put_text(record, DEMUR_FIELD_OUTCOME, span_str(s->outcome));
    if (s->document)
        demur_put_blob(record, DEMUR_FIELD_DOCUMENT, &document);
    if (s->until)
        demur_put_number(record, DEMUR_FIELD_UNTIL, s->until);
    if (s->refer)
        demur_put_text(record, DEMUR_FIELD_REFER, span_str(s->refer));
    for (size_t i = 0; i < s->assign_len; i++)
        demur_put_bytes(record, DEMUR_FIELD_ASSIGN, span_of(s->assign[i], 32));
    demur_put_signature(record, DEMUR_FIELD_SIG, t->actor->keys.secret_key);
    return DEMUR_OK;
}

enum demur_err demur_act_step(struct demur_client *client, struct demur_actor *officer,
                              const struct demur_step *step, struct demur_sent *sent,
                              struct demur_diag *diag)
{
    struct case_act t = {.actor = officer, .dissent = step->dissent, .step = step};
    return case_send(client, &t, ACT_ONCE, build_step, sent, diag);
}

static enum demur_err find_reader(struct demur_client *c, struct case_act *t,
                                  struct demur_dissent_info *info, struct demur_diag *diag)
{
    enum demur_err err = case_find(c, t->dissent, info, diag);
    if (err || !t->actor->identity)
        return err;
    return case_reader_role(c, info, t->actor->keys.public_key, t->role, t->role_found, diag);
}

static enum demur_err build_say(struct demur_client *c, void *ctx, struct buf *record,
                                struct demur_diag *diag)
{
    struct case_act *t = ctx;
    struct demur_dissent_info info;
    struct demur_blob_ref message;
    enum demur_err err = find_reader(c, t, &info, diag);
    if (!err)
        err = seal_writing(c, t, &info, t->message, span_lit(""), t->role_found, &message, diag);
    if (err)
        return err;
    demur_record_begin(record, DEMUR_RECORD_SAY, c->options.channel);
    put_actor(record, c, t);
    put_case(record, &info);
    if (t->actor->identity)
        demur_put_text(record, DEMUR_FIELD_ROLE, span_str(t->role_found));
    demur_put_blob(record, DEMUR_FIELD_MESSAGE, &message);
    demur_put_signature(record, DEMUR_FIELD_SIG, t->actor->keys.secret_key);
    return DEMUR_OK;
}

enum demur_err demur_act_say(struct demur_client *client, struct demur_actor *actor,
                             const char *dissent, const char *role,
                             const struct demur_writing *message, struct demur_sent *sent,
                             struct demur_diag *diag)
{
    struct case_act t = {.actor = actor, .dissent = dissent, .role = role, .message = message};
    return case_send(client, &t, ACT_AGAIN, build_say, sent, diag);
}

static enum demur_err build_open(struct demur_client *c, void *ctx, struct buf *record,
                                 struct demur_diag *diag)
{
    struct case_act *t = ctx;
    struct demur_dissent_info info;
    enum demur_err err = find_reader(c, t, &info, diag);
    if (err)
        return err;
    demur_record_begin(record, DEMUR_RECORD_OPEN, c->options.channel);
    put_actor(record, c, t);
    put_case(record, &info);
    demur_put_text(record, DEMUR_FIELD_ROLE, span_str(t->role_found));
    demur_put_hash(record, DEMUR_FIELD_MEMO, info.memo.hash);
    demur_put_signature(record, DEMUR_FIELD_SIG, t->actor->keys.secret_key);
    return DEMUR_OK;
}

bool case_opened(const struct demur_client *c, const char *dissent, const uint8_t key[static 32],
                 struct demur_sent *out)
{
    struct demur_event event;
    for (size_t i = 0; demur_channel_event(c->channel, span_str(dissent), i, &event); i++)
        if (event.type == DEMUR_RECORD_OPEN && memcmp(event.by, key, 32) == 0) {
            *out = (struct demur_sent){.index = event.index, .at = event.at};
            memcpy(out->leaf, event.leaf, 32);
            return true;
        }
    return false;
}

enum demur_err demur_act_open(struct demur_client *client, struct demur_actor *officer,
                              const char *dissent, const char *role, struct demur_sent *sent,
                              struct demur_diag *diag)
{
    struct demur_sent before;
    if (!dissent)
        return demur_fail(diag, DEMUR_ERR_MISSING, "say which dissent this is about");
    enum demur_err err = act_begin(client, 0, diag);
    if (err)
        return err;
    if (case_opened(client, dissent, officer->keys.public_key, &before)) {
        if (sent)
            *sent = before;
        return DEMUR_OK;
    }
    struct case_act t = {.actor = officer, .dissent = dissent, .role = role};
    return case_send(client, &t, ACT_AGAIN, build_open, sent, diag);
}

/* `withdraw`, or `appeal`: by nobody but the case key. */
static enum demur_err build_author(struct demur_client *c, void *ctx, struct buf *record,
                                   struct demur_diag *diag)
{
    struct case_act *t = ctx;
    struct demur_dissent_info info;
    struct demur_blob_ref document;
    enum demur_err err = case_find(c, t->dissent, &info, diag);
    if (!err && t->message)
        err = seal_writing(c, t, &info, t->message, span_lit("appeal"), NULL, &document, diag);
    if (err)
        return err;
    demur_record_begin(record, t->appeal ? DEMUR_RECORD_APPEAL : DEMUR_RECORD_WITHDRAW,
                       c->options.channel);
    put_case(record, &info);
    if (t->message)
        demur_put_blob(record, DEMUR_FIELD_DOCUMENT, &document);
    demur_put_signature(record, DEMUR_FIELD_SIG, t->actor->keys.secret_key);
    return DEMUR_OK;
}

static enum demur_err author_send(struct demur_client *client, struct case_act *t,
                                  struct demur_sent *sent, struct demur_diag *diag)
{
    if (t->actor->identity)
        return demur_fail(diag, DEMUR_ERR_KEY,
                          "this takes the dissent's receipt phrase, and nothing else");
    return case_send(client, t, ACT_ONCE, build_author, sent, diag);
}

enum demur_err demur_act_withdraw(struct demur_client *client, struct demur_actor *author,
                                  struct demur_sent *sent, struct demur_diag *diag)
{
    struct case_act t = {.actor = author};
    return author_send(client, &t, sent, diag);
}

enum demur_err demur_act_appeal(struct demur_client *client, struct demur_actor *author,
                                const struct demur_writing *document, struct demur_sent *sent,
                                struct demur_diag *diag)
{
    struct case_act t = {.actor = author, .message = document, .appeal = true};
    return author_send(client, &t, sent, diag);
}

/* ---- sharing ---- */

static enum demur_err build_share(struct demur_client *c, void *ctx, struct buf *record,
                                  struct demur_diag *diag)
{
    struct case_act *t = ctx;
    struct demur_dissent_info info;
    struct demur_age_recipient to;
    struct demur_blob_ref blob;
    enum demur_err err = find_reader(c, t, &info, diag);
    if (!err)
        err = case_holder(c, &info, t->holder, &to, diag);
    if (!err)
        err = seal_to(c, t->shared, &to, 1, &blob, diag);
    if (err)
        return err;
    demur_record_begin(record, DEMUR_RECORD_SHARE, c->options.channel);
    put_actor(record, c, t);
    put_case(record, &info);
    if (t->actor->identity)
        demur_put_text(record, DEMUR_FIELD_ROLE, span_str(t->role_found));
    demur_put_hash(record, DEMUR_FIELD_SOURCE, t->source);
    demur_put_bytes(record, DEMUR_FIELD_HOLDER, span_of(t->holder, 32));
    demur_put_blob(record, DEMUR_FIELD_BLOB, &blob);
    demur_put_signature(record, DEMUR_FIELD_SIG, t->actor->keys.secret_key);
    return DEMUR_OK;
}

enum demur_err demur_act_share(struct demur_client *client, struct demur_actor *actor,
                               const char *dissent, const char *role,
                               const uint8_t source[static 32], const uint8_t holder[static 32],
                               struct demur_sent *sent, struct demur_diag *diag)
{
    struct demur_bytes plain = {0};
    struct demur_dissent_info info;
    if (!dissent && actor->identity)
        return demur_fail(diag, DEMUR_ERR_MISSING, "say which dissent this is about");
    dissent = dissent ? dissent : actor->dissent;
    enum demur_err err = read_begin(client, actor, dissent, &info, diag);
    bool memo = !err && memcmp(info.memo.hash, source, 32) == 0;
    struct reading_source from = {.dissent = dissent,
                                  .role = role,
                                  .hash = source,
                                  .check = memo ? reading_check_memo : NULL,
                                  .ctx = &info};
    if (!err)
        err = reading_plain(client, actor, &from, &plain, diag);
    struct case_act t = {.actor = actor,
                         .dissent = dissent,
                         .role = role,
                         .source = source,
                         .holder = holder,
                         .shared = demur_bytes_span(&plain)};
    if (!err)
        err = case_send(client, &t, ACT_AGAIN, build_share, sent, diag);
    demur_bytes_free(&plain);
    return err;
}
