/* Filings on their way. One folder for each, named by the dissent:
 *
 *     blobs/<hash>   what the record names, sealed
 *     release        the release key, 64 hex digits and LF; of a `file` only
 *     record         the record, byte for byte; written last: without it there was
 *                    no filing
 *
 * A signature's folder has ".sign" behind the dissent's name, a new text's ".revise". The
 * receipt phrase is not there. Sending the same bytes twice files once. */
#include <errno.h>
#include <sodium.h>
#include <unistd.h>

#include "../core/receipt.h"
#include "filing.h"

#define RELEASE_LEN 65

static bool outbox_path(char out[static PATH_LEN], const struct demur_client *c,
                        const char *dissent, const char *name)
{
    int n = snprintf(out, PATH_LEN, "%s/outbox/%s%s%s", c->data, dissent, *name ? "/" : "", name);
    return n > 0 && n < PATH_LEN;
}

static enum demur_err bad_path(struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the copy's folder is too long");
}

static enum demur_err write_part(const struct demur_client *c, const char *dissent,
                                 const char *name, struct span bytes, struct demur_diag *diag)
{
    char path[PATH_LEN];
    return outbox_path(path, c, dissent, name) ? demur_path_write(path, bytes, diag)
                                               : bad_path(diag);
}

static enum demur_err write_blob(const struct demur_client *c, const char *folder,
                                 const struct sealed *s, struct demur_diag *diag)
{
    char name[80] = "blobs/";
    hex_text(name + 6, s->name.hash);
    return write_part(c, folder, name, demur_bytes_span(&s->bytes), diag);
}

static enum demur_err write_release(const struct demur_draft *d, struct demur_diag *diag)
{
    char release[RELEASE_LEN + 1];
    hex_text(release, d->release);
    release[64] = '\n';
    enum demur_err err =
        write_part(d->client, d->dissent, "release", span_of(release, RELEASE_LEN), diag);
    sodium_memzero(release, sizeof release);
    return err;
}

/* What an ended program left half written, or half removed: the client has the outbox to itself. */
static bool sweep(void *ctx, const char *name)
{
    char path[PATH_LEN];
    const struct demur_client *c = ctx;
    if (outbox_path(path, c, name, "record") && access(path, F_OK) != 0 && errno == ENOENT &&
        outbox_path(path, c, name, ""))
        (void)!path_remove_all(path, NULL);
    return true;
}

static enum demur_err make_folder(struct demur_client *c, const char *folder,
                                  struct demur_diag *diag)
{
    char path[PATH_LEN];
    if (path_join(path, c->data, "outbox"))
        (void)!path_list(path, sweep, c, NULL);
    return outbox_path(path, c, folder, "blobs") ? demur_path_folder(path, diag) : bad_path(diag);
}

/* Remove what waited, the record first: without it the rest is nothing, whenever this ends. */
static enum demur_err remove_folder(const struct demur_client *c, const char *folder,
                                    struct demur_diag *diag)
{
    char path[PATH_LEN];
    if (!outbox_path(path, c, folder, "record"))
        return bad_path(diag);
    enum demur_err err = path_remove_all(path, diag);
    return err || !outbox_path(path, c, folder, "") ? err : path_remove_all(path, diag);
}

/* What may wait, by what stands behind the dissent in its folder's name. */
enum waits { FILING, SIGNATURE, REVISION };
static const char *const tails[] = {[FILING] = "", [SIGNATURE] = ".sign", [REVISION] = ".revise"};
static const char *const words[] = {
    [FILING] = "filing", [SIGNATURE] = "signature", [REVISION] = "new text"};
#define FOLDER_LEN (33 + sizeof ".revise")

static void folder_name(char out[static FOLDER_LEN], const char *dissent, enum waits what)
{
    snprintf(out, FOLDER_LEN, "%.32s%s", dissent, tails[what]);
}

enum demur_err outbox_put(const struct demur_draft *draft, struct demur_diag *diag)
{
    struct demur_client *c = draft->client;
    char folder[FOLDER_LEN];
    folder_name(folder, draft->dissent, draft->revises ? REVISION : FILING);
    enum demur_err err = make_folder(c, folder, diag);
    if (!err)
        err = write_blob(c, folder, &draft->memo, diag);
    if (!err)
        err = write_blob(c, folder, &draft->card, diag);
    if (!err && draft->to_members)
        err = write_blob(c, folder, &draft->handout, diag);
    for (size_t i = 0; !err && i < draft->files_len; i++)
        err = write_blob(c, folder, &draft->files[i], diag);
    if (!err && !draft->circulates)
        err = write_release(draft, diag);
    return err ? err : write_part(c, folder, "record", demur_bytes_span(&draft->record), diag);
}

enum demur_err outbox_put_signature(struct demur_client *client, const char *dissent,
                                    const struct sealed *card, struct span record,
                                    struct demur_diag *diag)
{
    char folder[FOLDER_LEN];
    folder_name(folder, dissent, SIGNATURE);
    enum demur_err err = make_folder(client, folder, diag);
    if (!err)
        err = write_blob(client, folder, card, diag);
    return err ? err : write_part(client, folder, "record", record, diag);
}

/* ---- sending ---- */

static enum demur_err read_part(const struct demur_client *c, const char *dissent, const char *name,
                                size_t max, struct demur_bytes *out, struct demur_diag *diag)
{
    char path[PATH_LEN];
    return outbox_path(path, c, dissent, name) ? demur_path_read(path, max, out, diag)
                                               : bad_path(diag);
}

static enum demur_err put_release(struct demur_client *c, const char *dissent,
                                  const struct demur_blob_ref *memo, struct demur_diag *diag)
{
    char hex[65], path[80];
    struct demur_bytes key = {0};
    hex_text(hex, memo->hash);
    snprintf(path, sizeof path, "/release/%s", hex);
    enum demur_err err = read_part(c, dissent, "release", RELEASE_LEN, &key, diag);
    if (!err)
        err = http_want(c->http, HTTP_PUT, path, span_take(demur_bytes_span(&key), 64), 4096, NULL,
                        diag);
    demur_bytes_free(&key);
    return err;
}

static enum demur_err put_blobs(struct demur_client *c, const char *dissent,
                                struct demur_diag *diag)
{
    struct demur_blob_ref blobs[CASE_BLOBS_MAX], stored;
    size_t n = demur_record_blobs(c->record, blobs, DEMUR_COUNT(blobs));
    for (size_t i = 0; i < n; i++) {
        char name[80] = "blobs/";
        struct demur_bytes bytes = {0};
        hex_text(name + 6, blobs[i].hash);
        enum demur_err err = read_part(c, dissent, name, (size_t)blobs[i].size, &bytes, diag);
        if (!err)
            err = blob_put(c, demur_bytes_span(&bytes), &stored, diag);
        demur_bytes_free(&bytes);
        if (err)
            return err;
        client_progress(c, "sending", i + 1, n);
    }
    return DEMUR_OK;
}

/* Does the server say that the log has moved on, so that these very bytes can never be
 * filed? Every other refusal can be mended: a wrong token, a full disk, a clock. */
static bool for_good(enum demur_err err)
{
    return err == DEMUR_ERR_STALE || err == DEMUR_ERR_REPLAY || err == DEMUR_ERR_STAGE;
}

static enum demur_err send_parts(struct demur_client *c, const char *folder, struct span record,
                                 bool fresh, struct demur_sent *sent, struct demur_diag *diag)
{
    struct demur_blob_ref memo;
    enum demur_err err = demur_record_parse(c->record, record, diag);
    if (err)
        return err;
    bool files = c->record->type == DEMUR_RECORD_FILE &&
                 demur_record_blob(c->record, DEMUR_FIELD_MEMO, 0, &memo);
    err = put_blobs(c, folder, diag);
    if (!err && files)
        err = put_release(c, folder, &memo, diag);
    return err ? err : act_send(c, record, fresh, sent, diag);
}

/* The entry that holds this very record, in the dissent that it is about. */
static bool find_record(struct demur_client *c, const char *dissent, struct span record,
                        uint64_t *index)
{
    struct demur_event event;
    bool found = false;
    for (size_t i = 0; !found && demur_channel_event(c->channel, span_str(dissent), i, &event);
         i++) {
        struct demur_bytes entry = {0};
        struct span other = {0};
        uint64_t at;
        if (demur_client_entry(c, event.index, &entry, NULL) != DEMUR_OK)
            continue;
        found = demur_entry_parse(&at, &other, demur_bytes_span(&entry), NULL) == DEMUR_OK &&
                span_eq(other, record);
        *index = event.index;
        demur_bytes_free(&entry);
    }
    return found;
}

/* The server refused for good, it says. It may have taken the record all the same, now
 * or before: the log tells, and has the receipt. *lost: it is not there, so that these
 * bytes are worth nothing any more. When the log cannot be seen, nothing is lost yet. */
static enum demur_err look_in_log(struct demur_client *c, const char *dissent, struct span record,
                                  enum demur_err refusal, bool *lost, struct demur_sent *sent,
                                  struct demur_diag *diag)
{
    uint64_t index;
    if (demur_client_sync(c, NULL) != DEMUR_OK)
        return refusal;
    *lost = !find_record(c, dissent, record, &index);
    return *lost ? refusal : act_receipt(c, index, sent, diag);
}

static enum demur_err nothing_waits(enum waits what, const char *dissent, struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_UNKNOWN, "no %s of dissent %.40s is waiting here",
                      words[what], dissent);
}

/* Send what waits, and remove it when it is in the log or can never be. */
static enum demur_err send_waiting(struct demur_client *client, enum waits what,
                                   const char *dissent, bool fresh, struct demur_sent *sent,
                                   struct demur_diag *diag)
{
    struct demur_bytes record = {0};
    struct demur_diag why = {0};
    struct demur_sent own;
    char folder[FOLDER_LEN];
    folder_name(folder, dissent, what);
    sent = sent ? sent : &own;
    *sent = (struct demur_sent){0};
    if (!demur_dissent_id_ok(span_str(dissent)) ||
        read_part(client, folder, "record", DEMUR_RECORD_MAX, &record, NULL) != DEMUR_OK)
        return nothing_waits(what, dissent, diag);
    struct span bytes = demur_bytes_span(&record);
    enum demur_err err = send_parts(client, folder, bytes, fresh, sent, &why);
    bool lost = false;
    if (for_good(err))
        err = look_in_log(client, dissent, bytes, err, &lost, sent, &why);
    demur_bytes_free(&record);
    bool filed = !err || (err == DEMUR_ERR_TIME && sent->receipt[0]);
    if (err && diag)
        *diag = why;
    if (filed || lost) {
        struct demur_diag rest;
        enum demur_err removed = remove_folder(client, folder, &rest);
        if (removed && filed && !err && diag)
            *diag = rest;
        return err ? err : removed;
    }
    return err;
}

enum demur_err outbox_send(const struct demur_draft *draft, struct demur_sent *sent,
                           struct demur_diag *diag)
{
    return send_waiting(draft->client, draft->revises ? REVISION : FILING, draft->dissent, true,
                        sent, diag);
}

enum demur_err demur_outbox_send(struct demur_client *client, const char *dissent,
                                 struct demur_sent *sent, struct demur_diag *diag)
{
    return send_waiting(client, FILING, dissent, false, sent, diag);
}

enum demur_err demur_revision_send(struct demur_client *client, const char *dissent,
                                   struct demur_sent *sent, struct demur_diag *diag)
{
    return send_waiting(client, REVISION, dissent, false, sent, diag);
}

enum demur_err demur_signature_send(struct demur_client *client, const char *dissent,
                                    struct demur_sent *sent, struct demur_diag *diag)
{
    return send_waiting(client, SIGNATURE, dissent, false, sent, diag);
}

enum demur_err demur_receipt_move(struct demur_sent *sent, const char *path,
                                  struct demur_diag *diag)
{
    struct demur_bytes receipt = {0};
    if (access(path, F_OK) == 0)
        return demur_fail(diag, DEMUR_ERR_REPLAY, "%.200s is there already", path);
    enum demur_err err = demur_path_read(sent->receipt, DEMUR_RECEIPT_MAX, &receipt, diag);
    if (!err)
        err = demur_path_write(path, demur_bytes_span(&receipt), diag);
    demur_bytes_free(&receipt);
    if (!err)
        err = path_remove_all(sent->receipt, diag);
    if (!err && !copy_text(sent->receipt, sizeof sent->receipt, span_str(path)))
        sent->receipt[0] = 0; /* too long to tell */
    return err;
}

/* ---- what is waiting ---- */

struct waiting {
    const struct demur_client *c;
    size_t left;
    const char *tail; /* what the folder's name has behind the dissent's */
    char *out;
    bool found;
};

static bool look(void *ctx, const char *name)
{
    struct waiting *w = ctx;
    struct demur_bytes record = {0};
    struct span id = span_take(span_str(name), 32);
    if (!demur_dissent_id_ok(id) || !span_eq_str(span_skip(span_str(name), 32), w->tail) ||
        read_part(w->c, name, "record", DEMUR_RECORD_MAX, &record, NULL) != DEMUR_OK)
        return true;
    demur_bytes_free(&record);
    if (w->left-- > 0)
        return true;
    w->found = copy_text(w->out, 33, id);
    return false;
}

static bool next(const struct demur_client *client, size_t i, enum waits what,
                 char dissent[static 33])
{
    char path[PATH_LEN];
    struct waiting w = {client, i, tails[what], dissent, false};
    if (!path_join(path, client->data, "outbox") || path_list(path, look, &w, NULL) != DEMUR_OK)
        return false;
    return w.found;
}

bool demur_outbox_next(const struct demur_client *client, size_t i, char dissent[static 33])
{
    return next(client, i, FILING, dissent);
}

bool demur_revision_next(const struct demur_client *client, size_t i, char dissent[static 33])
{
    return next(client, i, REVISION, dissent);
}

bool demur_signature_next(const struct demur_client *client, size_t i, char dissent[static 33])
{
    return next(client, i, SIGNATURE, dissent);
}

static bool has(const struct demur_client *client, const char *dissent, enum waits what)
{
    char each[33];
    bool found = false;
    for (size_t i = 0; !found && next(client, i, what, each); i++)
        found = strcmp(each, dissent) == 0;
    return found;
}

bool outbox_has_signature(const struct demur_client *client, const char *dissent)
{
    return has(client, dissent, SIGNATURE);
}

bool outbox_has_revision(const struct demur_client *client, const char *dissent)
{
    return has(client, dissent, REVISION);
}

enum demur_err demur_outbox_drop(struct demur_client *client, const char *dissent,
                                 struct demur_diag *diag)
{
    struct demur_dissent_info info;
    if (!demur_dissent_id_ok(span_str(dissent)))
        return nothing_waits(FILING, dissent, diag);
    enum demur_err err = act_begin(client, 0, diag);
    if (err)
        return err;
    if (demur_channel_dissent_find(client->channel, span_str(dissent),
                                   demur_client_view_time(client), &info))
        return demur_fail(diag, DEMUR_ERR_STALE,
                          "this dissent is in the log already: send it again for its receipt");
    return remove_folder(client, dissent, diag);
}

/* Give up what is not in the log; `instead` is what can be done when it is. */
static enum demur_err drop(struct demur_client *client, enum waits what, const char *dissent,
                           const char *instead, struct demur_diag *diag)
{
    char folder[FOLDER_LEN];
    struct demur_bytes record = {0};
    uint64_t index;
    folder_name(folder, dissent, what);
    if (!has(client, dissent, what))
        return nothing_waits(what, dissent, diag);
    enum demur_err err = read_part(client, folder, "record", DEMUR_RECORD_MAX, &record, diag);
    if (!err)
        err = act_begin(client, 0, diag);
    if (!err && find_record(client, dissent, demur_bytes_span(&record), &index))
        err = demur_fail(diag, DEMUR_ERR_STALE,
                         "this %s is in the log already: send it again for its receipt, or %s",
                         words[what], instead);
    demur_bytes_free(&record);
    return err ? err : remove_folder(client, folder, diag);
}

enum demur_err demur_revision_drop(struct demur_client *client, const char *dissent,
                                   struct demur_diag *diag)
{
    return drop(client, REVISION, dissent, "revise it once more", diag);
}

enum demur_err demur_signature_drop(struct demur_client *client, const char *dissent,
                                    struct demur_diag *diag)
{
    return drop(client, SIGNATURE, dissent, "take it back with `demur unsign`", diag);
}
