/* Reading what is sealed: memos, attachments, documents, messages, shared copies. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/encode.h"
#include "../core/seal.h"
#include "internal.h"

#define RELEASE_ANSWER_MAX 8192

void demur_reading_free(struct demur_reading *reading)
{
    demur_bytes_free(&reading->text);
    sodium_memzero(reading, sizeof *reading);
}

/* ---- the release key ---- */

/* The server's answer: 64 hex digits and LF, sealed to the officer. */
static enum demur_err fetch_release(struct demur_client *c, const struct demur_actor *actor,
                                    const uint8_t open_leaf[static 32], uint8_t out[static 32],
                                    struct demur_diag *diag)
{
    char hex[65], path[80];
    uint8_t text[RELEASE_ANSWER_MAX];
    struct demur_bytes sealed = {0};
    hex_text(hex, open_leaf);
    snprintf(path, sizeof path, "/release/%s", hex);
    enum demur_err err =
        http_want(c->http, HTTP_GET, path, span_of(NULL, 0), RELEASE_ANSWER_MAX, &sealed, diag);
    if (err)
        return err;
    struct buf plain = buf_over(text, sizeof text);
    if (demur_age_open(&plain, demur_bytes_span(&sealed), &actor->keys.age, 1, NULL) != DEMUR_OK ||
        plain.len != 65 || text[64] != '\n' ||
        demur_hex_exact(out, 32, span_of(text, 64)) != DEMUR_OK)
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the server did not hand over the key that opens this memo: what it sent "
                         "is something else");
    sodium_memzero(text, sizeof text);
    demur_bytes_free(&sealed);
    return err;
}

static enum demur_err release_key(struct demur_client *c, const struct demur_actor *actor,
                                  const struct demur_dissent_info *info, uint8_t out[static 32],
                                  struct demur_diag *diag)
{
    uint8_t commitment[32];
    enum demur_err err = DEMUR_OK;
    if (actor->identity) {
        struct demur_sent opened;
        if (!case_opened(c, info->id, actor->keys.public_key, &opened))
            return demur_fail(diag, DEMUR_ERR_STAGE, "your opening of this memo is not logged yet");
        err = fetch_release(c, actor, opened.leaf, out, diag);
    } else {
        demur_release_key(out, actor->phrase, c->options.channel, info->revision);
    }
    demur_release_commitment(commitment, out);
    if (!err && memcmp(commitment, info->release, 32) != 0) {
        sodium_memzero(out, 32);
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the server handed over another key than the one to which the author "
                         "committed");
    }
    return err;
}

/* ---- opening blobs ---- */

enum demur_err reading_open(const struct demur_age_identity *key, struct span file,
                            struct demur_bytes *out, struct demur_diag *diag)
{
    struct demur_diag why = {0};
    struct buf plain = heap_buf(file.len);
    enum demur_err err = plain.p ? demur_age_open(&plain, file, key, 1, &why) : no_memory(&why);
    if (!err)
        *out = heap_buf_take(&plain);
    heap_buf_free(&plain);
    if (!err || err == DEMUR_ERR_MEMORY || err == DEMUR_ERR_KEY)
        return err ? demur_fail(diag, err, "%s", why.text) : DEMUR_OK;
    return demur_fail(diag, DEMUR_ERR_VERIFY, "what was sealed here does not open: %.150s",
                      why.text);
}

static enum demur_err open_direct(struct demur_client *c, const struct demur_age_identity *key,
                                  const struct demur_blob_ref *blob, struct demur_bytes *out,
                                  struct demur_diag *diag)
{
    struct demur_bytes file = {0};
    enum demur_err err = demur_client_blob(c, blob, &file, diag);
    if (err)
        return err;
    err = reading_open(key, demur_bytes_span(&file), out, diag);
    if (err == DEMUR_ERR_KEY)
        err = demur_fail(diag, err,
                         "this was not sealed to you: ask somebody who can read it to share it");
    demur_bytes_free(&file);
    return err;
}

static enum demur_err open_wrapped(struct demur_client *c, const struct demur_actor *actor,
                                   const struct demur_blob_ref *blob,
                                   const uint8_t release[static 32], struct demur_bytes *out,
                                   struct demur_diag *diag)
{
    struct demur_bytes file = {0};
    enum demur_err err = demur_client_blob(c, blob, &file, diag);
    if (err)
        return err;
    struct buf inner = heap_buf(file.len);
    if (!inner.p)
        err = no_memory(diag);
    else if ((err = demur_age_unwrap(&inner, demur_bytes_span(&file), release, diag)) &&
             err != DEMUR_ERR_MEMORY)
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the memo does not open with the key that its author gave the server");
    if (!err)
        err = reading_open(&actor->keys.age, buf_span(&inner), out, diag);
    if (err == DEMUR_ERR_KEY)
        err =
            demur_fail(diag, err,
                       "this memo was not sealed to you: you came into office after it was filed, "
                       "or hold it for other members; ask somebody who can read it to share it");
    heap_buf_free(&inner);
    demur_bytes_free(&file);
    return err;
}

/* The blob of the dissent that has this hash; *wrapped tells a memo's or its
 * attachments' from others. */
static bool find_blob(const struct demur_client *c, const struct demur_dissent_info *info,
                      const uint8_t hash[static 32], struct demur_blob_ref *out, bool *wrapped)
{
    struct span id = span_str(info->id);
    struct demur_event event;
    *wrapped = true;
    if (memcmp(info->memo.hash, hash, 32) == 0) {
        *out = info->memo;
        return true;
    }
    for (size_t i = 0; demur_channel_dissent_attachment(c->channel, id, i, out); i++)
        if (memcmp(out->hash, hash, 32) == 0)
            return true;
    *wrapped = false;
    for (size_t i = 0; demur_channel_event(c->channel, id, i, &event); i++) {
        if (demur_channel_names_writing(event.type) && event.blob.size &&
            memcmp(event.blob.hash, hash, 32) == 0) {
            *out = event.blob;
            return true;
        }
    }
    return false;
}

/* The next copy of the source, from event *i on, that somebody shared with this
 * officer; and the role of who did, empty for the author. False past the last. */
static bool next_shared(struct demur_client *c, const struct demur_actor *actor,
                        const struct reading_source *s, size_t *i, struct demur_blob_ref *out,
                        char by[static DEMUR_WORD_MAX + 1])
{
    struct demur_event event;
    bool found = false;
    while (!found && actor->identity &&
           demur_channel_event(c->channel, span_str(s->dissent), (*i)++, &event)) {
        struct demur_bytes entry = {0};
        uint8_t hash[32], holder[32];
        uint64_t at;
        if (event.type != DEMUR_RECORD_SHARE ||
            case_record(c, event.index, &entry, &at, NULL) != DEMUR_OK)
            continue;
        found = demur_record_hash(c->record, DEMUR_FIELD_SOURCE, hash) &&
                demur_record_key(c->record, DEMUR_FIELD_HOLDER, holder) &&
                memcmp(hash, s->hash, 32) == 0 && memcmp(holder, actor->keys.public_key, 32) == 0 &&
                demur_record_blob(c->record, DEMUR_FIELD_BLOB, 0, out) &&
                copy_text(by, DEMUR_WORD_MAX + 1, event.role);
        demur_bytes_free(&entry);
    }
    return found;
}

/* A shared copy is what its sharer says: any of them may be false, or broken. The
 * first that holds is taken; *diag stays as it is when there is none at all. */
static enum demur_err read_shared(struct demur_client *c, const struct demur_actor *actor,
                                  struct reading_source *s, enum demur_err without,
                                  struct demur_bytes *out, struct demur_diag *diag)
{
    struct demur_blob_ref blob;
    enum demur_err err = without;
    for (size_t i = 0; next_shared(c, actor, s, &i, &blob, s->shared_by);) {
        struct demur_bytes plain = {0};
        struct demur_diag why = {0};
        err = open_direct(c, &actor->keys.age, &blob, &plain, &why);
        if (!err && s->check)
            err = s->check(c, s->ctx, demur_bytes_span(&plain), &why);
        if (!err) {
            s->shared = true;
            *out = plain;
            return DEMUR_OK;
        }
        demur_bytes_free(&plain);
        err = demur_fail(diag, err, "the copy that %.60s shared with you does not hold: %.150s",
                         s->shared_by[0] ? s->shared_by : "the author", why.text);
    }
    return err;
}

static enum demur_err read_wrapped(struct demur_client *c, struct demur_actor *actor,
                                   struct reading_source *s, const struct demur_blob_ref *blob,
                                   const struct demur_dissent_info *info, struct demur_bytes *out,
                                   struct demur_diag *diag)
{
    uint8_t release[32];
    enum demur_err err = DEMUR_OK;
    if (actor->identity) {
        struct demur_sent opened = {0};
        err = case_reader_role(c, info, actor->keys.public_key, s->role, s->role_found, diag);
        if (!err)
            err = demur_act_open(c, actor, s->dissent, s->role_found, &opened, diag);
        if (!err || (err == DEMUR_ERR_TIME && opened.receipt[0])) /* a wrong clock opens too */
            err = act_begin(c, 0, diag); /* so that the opening is in the copy */
    }
    if (!err)
        err = release_key(c, actor, info, release, diag);
    if (!err)
        err = open_wrapped(c, actor, blob, release, out, diag);
    sodium_memzero(release, sizeof release);
    return err;
}

/* What circulates among the members, for one of them. */
static enum demur_err read_handed(struct demur_client *c, struct demur_actor *actor,
                                  struct reading_source *s, const struct demur_dissent_info *info,
                                  const struct demur_blob_ref *blob, struct demur_bytes *out,
                                  struct demur_diag *diag)
{
    struct demur_bytes file = {0};
    enum demur_err err = handout_open(c, actor, info, blob, &file, diag);
    s->handed = file.p != NULL;
    if (!err && (err = reading_open(&actor->circulation, demur_bytes_span(&file), out, diag)) ==
                    DEMUR_ERR_KEY)
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the key that its author sealed to you does not open this text");
    demur_bytes_free(&file);
    return err;
}

enum demur_err reading_plain(struct demur_client *c, struct demur_actor *actor,
                             struct reading_source *s, struct demur_bytes *out,
                             struct demur_diag *diag)
{
    struct demur_dissent_info info;
    struct demur_blob_ref blob;
    bool wrapped;
    enum demur_err err = case_find(c, s->dissent, &info, diag);
    if (err)
        return err;
    if (!find_blob(c, &info, s->hash, &blob, &wrapped))
        return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "source",
                             "this dissent has no such memo, attachment, document or message; a "
                             "name card or a shared copy cannot be shared");
    err = case_not_expunged(c, &info, s->hash, diag);
    if (err)
        return err;
    if (wrapped && info.filed_at)
        err = read_wrapped(c, actor, s, &blob, &info, out, diag);
    else if (wrapped && actor->identity && info.keys.size)
        err = read_handed(c, actor, s, &info, &blob, out, diag);
    else
        err = open_direct(c, &actor->keys.age, &blob, out, diag);
    /* Not sealed to this officer, or not theirs to open. */
    bool closed = err == DEMUR_ERR_KEY || (err == DEMUR_ERR_FORBIDDEN && !s->role_found[0]);
    return closed ? read_shared(c, actor, s, err, out, diag) : err;
}

/* ---- letters ---- */

/* A letter of this dissent, which borrows from `text`. */
static enum demur_err parse_letter(const struct demur_client *c, const char *dissent,
                                   struct span text, struct demur_letter *out,
                                   struct demur_diag *diag)
{
    struct demur_diag why = {0};
    if (demur_letter_parse(out, text, &why) != DEMUR_OK)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "what was sealed here is not a letter of this channel: %.150s", why.text);
    if (memcmp(out->channel, c->options.channel, 32) != 0 || !span_eq_str(out->dissent, dissent))
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "what was sealed here was written for another dissent");
    return DEMUR_OK;
}

enum demur_err reading_check_memo(const struct demur_client *c, void *ctx, struct span plain,
                                  struct demur_diag *diag)
{
    const struct demur_dissent_info *info = ctx;
    struct demur_letter letter;
    uint8_t commitment[32];
    struct span text = demur_letter_unpad(plain);
    enum demur_err err = parse_letter(c, info->id, text, &letter, diag);
    if (err)
        return err;
    demur_commitment(commitment, letter.salt, text);
    if (letter.kind != DEMUR_LETTER_MEMO || letter.revision != info->revision ||
        memcmp(commitment, info->commitment, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "this is not the memo that was signed: its text does not match the "
                          "commitment in the log");
    return DEMUR_OK;
}

struct event_letter {
    const char *dissent;
    struct span role;
};

/* The role that a letter claims must be the one that the log knows. */
static enum demur_err check_event(const struct demur_client *c, void *ctx, struct span plain,
                                  struct demur_diag *diag)
{
    const struct event_letter *e = ctx;
    struct demur_letter letter;
    enum demur_err err = parse_letter(c, e->dissent, demur_letter_unpad(plain), &letter, diag);
    if (!err && !span_eq(letter.from, e->role))
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the letter says that \"%.*s\" wrote it, the log says \"%.*s\"",
                         SPAN_ARG(letter.from), SPAN_ARG(e->role));
    return err;
}

/* Read the letter that is the source, checked, into *out. */
static enum demur_err read_letter(struct demur_client *c, struct demur_actor *actor,
                                  struct reading_source *s, struct demur_reading *out,
                                  struct demur_diag *diag)
{
    enum demur_err err = reading_plain(c, actor, s, &out->text, diag);
    if (!err)
        err = s->check(c, s->ctx, demur_bytes_span(&out->text), diag);
    if (err)
        return err;
    out->text.len = demur_letter_unpad(demur_bytes_span(&out->text)).len;
    out->shared = s->shared;
    memcpy(s->shared ? out->shared_by : out->role, s->shared ? s->shared_by : s->role_found,
           sizeof out->role);
    return parse_letter(c, s->dissent, demur_bytes_span(&out->text), &out->letter, diag);
}

/* ---- what people read ---- */

static void reading_begin(struct demur_reading *out, const struct demur_dissent_info *info)
{
    memset(out, 0, sizeof *out);
    memcpy(out->dissent, info->id, sizeof out->dissent);
}

enum demur_err read_begin(struct demur_client *client, const struct demur_actor *actor,
                          const char *dissent, struct demur_dissent_info *info,
                          struct demur_diag *diag)
{
    enum demur_err err = act_begin(client, 0, diag);
    if (!err && !actor->identity && strcmp(dissent, actor->dissent) != 0)
        err = demur_fail(diag, DEMUR_ERR_KEY, "this %s is of another dissent, %s, than %.40s",
                         actor->link_revision ? "signing link" : "receipt phrase", actor->dissent,
                         dissent);
    return err ? err : case_find(client, dissent, info, diag);
}

/* May it be read while nobody has filed it; with a link, as long as nobody has? */
static enum demur_err check_circulates(const struct demur_actor *actor,
                                       const struct demur_dissent_info *info,
                                       struct demur_diag *diag)
{
    if (actor->link_revision && info->filed_at)
        return demur_fail(diag, DEMUR_ERR_STAGE,
                          "this dissent is filed: a signing link opens it no more");
    if (actor->link_revision && actor->link_revision != info->revision)
        return demur_fail_at(diag, DEMUR_ERR_STALE, 0, 0, "revision",
                             "this link is to revision %u and the text has revision %u now: ask "
                             "its author for a new link",
                             actor->link_revision, info->revision);
    return DEMUR_OK;
}

/* Why it does not open, for one that circulates. */
static enum demur_err say_closed(const struct demur_actor *actor,
                                 const struct demur_dissent_info *info, enum demur_err err,
                                 struct demur_diag *diag)
{
    if (err != DEMUR_ERR_KEY || info->filed_at || (actor->identity && info->keys.size))
        return err;
    return demur_fail(diag, err,
                      actor->identity ? "this memo circulates by invitation: you need the link "
                                        "that its author sends"
                                      : "the key in this link does not open the memo: copy the "
                                        "whole link again, or ask its author for another");
}

enum demur_err demur_read_memo(struct demur_client *client, struct demur_actor *actor,
                               const char *dissent, const char *role, struct demur_reading *out,
                               struct demur_diag *diag)
{
    struct demur_dissent_info info;
    struct demur_reading r;
    dissent = dissent ? dissent : actor->dissent;
    enum demur_err err = read_begin(client, actor, dissent, &info, diag);
    if (err)
        return err;
    err = check_circulates(actor, &info, diag);
    if (err)
        return err;
    reading_begin(&r, &info);
    r.at = info.filed_at ? info.filed_at : info.opened_at;
    struct reading_source source = {.dissent = r.dissent,
                                    .role = role,
                                    .hash = info.memo.hash,
                                    .check = reading_check_memo,
                                    .ctx = &info};
    err = read_letter(client, actor, &source, &r, diag);
    err = say_closed(actor, &info, err, diag);
    struct demur_diag why = {0};
    /* A member to whom it does not open asks for the card like those to whom it does. */
    bool ask = !err || (source.handed && (err == DEMUR_ERR_KEY || err == DEMUR_ERR_VERIFY));
    if (ask && reading_card(client, actor, &info, &r, &why) != DEMUR_OK)
        memcpy(r.card_text, why.text, sizeof r.card_text);
    if (err)
        demur_reading_free(&r);
    else
        *out = r;
    return err;
}

enum demur_err demur_read_event(struct demur_client *client, struct demur_actor *actor,
                                const char *dissent, size_t event, struct demur_reading *out,
                                struct demur_diag *diag)
{
    struct demur_dissent_info info;
    struct demur_event e;
    struct demur_reading r;
    dissent = dissent ? dissent : actor->dissent;
    enum demur_err err = read_begin(client, actor, dissent, &info, diag);
    if (err)
        return err;
    bool letter = demur_channel_event(client->channel, span_str(info.id), event, &e) &&
                  e.blob.size &&
                  (e.type == DEMUR_RECORD_STEP || e.type == DEMUR_RECORD_SAY ||
                   e.type == DEMUR_RECORD_APPEAL);
    if (!letter)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "there is no document or message there");
    reading_begin(&r, &info);
    r.at = e.at;
    memcpy(r.by, e.by, 32);
    struct event_letter letter_of = {r.dissent, e.role};
    struct reading_source source = {
        .dissent = r.dissent, .hash = e.blob.hash, .check = check_event, .ctx = &letter_of};
    err = read_letter(client, actor, &source, &r, diag);
    if (err)
        demur_reading_free(&r);
    else
        *out = r;
    return err;
}

/* Is this, without its padding, the file that the memo lists? */
static enum demur_err check_file(const struct demur_client *c, void *ctx, struct span plain,
                                 struct demur_diag *diag)
{
    const struct demur_letter_file *file = ctx;
    struct demur_blob_ref name;
    (void)c;
    blob_name(&name, span_take(plain, (size_t)file->size));
    return name.size == file->size && memcmp(name.hash, file->hash, 32) == 0
               ? DEMUR_OK
               : demur_fail(diag, DEMUR_ERR_VERIFY,
                            "the attachment \"%.*s\" is not the one that was signed",
                            SPAN_ARG(file->name));
}

enum demur_err demur_read_attachment(struct demur_client *client, struct demur_actor *actor,
                                     const struct demur_reading *memo, size_t i,
                                     struct demur_bytes *out, struct demur_diag *diag)
{
    struct demur_blob_ref blob;
    struct demur_bytes plain = {0};
    if (i >= memo->letter.files_len ||
        !demur_channel_dissent_attachment(client->channel, span_str(memo->dissent), i, &blob))
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "the memo has no attachment %zu", i + 1);
    struct demur_letter_file file = memo->letter.files[i];
    struct reading_source source = {.dissent = memo->dissent,
                                    .role = memo->role[0] ? memo->role : NULL,
                                    .hash = blob.hash,
                                    .check = check_file,
                                    .ctx = &file};
    enum demur_err err = reading_plain(client, actor, &source, &plain, diag);
    if (!err)
        err = check_file(client, &file, demur_bytes_span(&plain), diag);
    if (err) {
        demur_bytes_free(&plain);
        return err;
    }
    plain.len = (size_t)file.size;
    plain.p[plain.len] = 0;
    *out = plain;
    return DEMUR_OK;
}
