/* create.c - demur_server_create: a new channel, all of it or nothing. */
#include <sodium.h>

#include "../core/hash.h"
#include "engine.h"
#include "files.h"
#include "place.h"
#include "server.h"

#define CONFIG_MAX 16384

static enum demur_err files_make(const struct demur_server_birth *b, const char *dir,
                                 struct demur_diag *diag)
{
    struct demur_record *channel = malloc(sizeof *channel);
    uint8_t text[CONFIG_MAX];
    struct buf config = buf_over(text, sizeof text);
    demur_server_settings_put(&config, b->settings);
    enum demur_err err =
        !channel || !buf_ok(&config)
            ? demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory")
            : demur_record_parse(channel, b->records_len ? b->records[0] : span_lit(""), diag);
    if (!err && channel->type != DEMUR_RECORD_CHANNEL)
        err = demur_fail(diag, DEMUR_ERR_MISSING, "the first record is not a `channel` record");
    if (!err)
        err = demur_store_create(dir, diag);
    if (!err)
        err = demur_signer_create(dir, demur_record_get(channel, DEMUR_FIELD_ORIGIN), b->log_seed,
                                  diag);
    if (!err)
        err = demur_key_write(dir, "server.key", "server-key", b->server_seed, diag);
    if (!err)
        err = demur_file_write(dir, "config", buf_span(&config), 0600, diag);
    free(channel);
    return err;
}

static void answered(struct demur_append *a) { (void)a; }

static enum demur_err records_append(const struct demur_server_birth *b, struct demur_engine *e,
                                     struct demur_append *a, struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; i < b->records_len && !err; i++) {
        *a = (struct demur_append){.text = b->records[i], .answer = answered};
        demur_engine_prepare(e, a);
        if (a->state == DEMUR_APPEND_WAITING)
            err = demur_engine_commit(e, a, diag);
        if (!err && a->state != DEMUR_APPEND_ACCEPTED) {
            err = a->diag.code;
            *diag = a->diag;
        }
    }
    return err;
}

static uint64_t birth_clock(void *ctx)
{
    const struct demur_server_birth *b = ctx;
    return b->at;
}

static enum demur_err log_begin(const struct demur_server_birth *b, const char *dir,
                                struct demur_diag *diag)
{
    struct demur_engine *e = NULL;
    const struct demur_server_hooks hooks = {.ctx = (void *)(uintptr_t)b, .clock_s = birth_clock};
    struct demur_append *a = malloc(sizeof *a);
    enum demur_err err = a ? demur_engine_open(&e, dir, false, &hooks, diag)
                           : demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < b->blobs_len && !err; i++) {
        uint8_t hash[32];
        demur_hash(hash, b->blobs[i]);
        err =
            demur_store_blob_put(e->store, hash, b->blobs[i], (int64_t)demur_engine_clock(e), diag);
    }
    if (!err)
        err = records_append(b, e, a, diag);
    demur_engine_close(e);
    free(a);
    return err;
}

enum demur_err demur_server_place_check(const char *given, struct demur_diag *diag)
{
    struct demur_place place;
    return demur_place_check(&place, given, diag);
}

enum demur_err demur_server_create(const struct demur_server_birth *birth, struct demur_diag *diag)
{
    struct demur_place place;
    struct demur_diag ignored;
    if (!diag)
        diag = &ignored;
    if (sodium_init() < 0)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "libsodium does not start");
    enum demur_err err = demur_place_check(&place, birth->dir, diag);
    if (!err)
        err = demur_place_begin(&place, diag);
    if (err)
        return err;
    err = files_make(birth, place.fresh, diag);
    if (!err)
        err = log_begin(birth, place.fresh, diag);
    if (!err)
        err = demur_place_take(&place, diag);
    if (err)
        demur_place_drop(&place);
    return err;
}
