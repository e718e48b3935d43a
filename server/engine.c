/* engine.c - see engine.h. */
#include "engine.h"

#include <sodium.h>
#include <sys/statvfs.h>

#include "files.h"
#include "journal.h"

enum demur_err demur_engine_open(struct demur_engine **out, const char *dir, bool confined,
                                 const struct demur_server_hooks *hooks, struct demur_diag *diag)
{
    static const char *const keys[] = {"server.key", "server.key.next"};
    struct demur_engine *e = calloc(1, sizeof *e);
    if (!e)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    e->dir = dir;
    e->hooks = hooks;
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    /* A steady stream of readers must not keep the sequencer out. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&e->lock, &attr);
    pthread_rwlock_init(&e->fold_lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    pthread_mutex_init(&e->published_lock, NULL);
    pthread_mutex_init(&e->keys_lock, NULL);

    demur_snapshots_init(&e->snapshots);
    /* Processes first: a fork must inherit neither the store nor a key. */
    enum demur_err err = demur_signer_start(&e->signer, dir, confined, hooks, diag);
    if (!err)
        demur_snapshots_open(&e->snapshots, dir);
    if (!err && demur_snapshots_any(&e->snapshots))
        err = demur_refold_start(&e->refold, dir, confined, diag);
    if (!err)
        err = demur_expunge_init(&e->expunge, diag);
    for (size_t i = 0; i < DEMUR_COUNT(keys) && !err; i++) {
        err = demur_key_read(e->server_secrets[i], dir, keys[i], "server-key", diag);
        if (i && err == DEMUR_ERR_UNKNOWN)
            err = DEMUR_OK;
    }
    if (!err)
        err = demur_store_open(&e->store, dir, DEMUR_STORE_WRITE, diag);
    if (!err && (!(e->channel = demur_channel_new()) || !(e->nodes = demur_nodes_new())))
        err = demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    if (!err)
        err = demur_engine_recover(e, diag);
    if (err) {
        demur_engine_close(e);
        return err;
    }
    *out = e;
    return DEMUR_OK;
}

void demur_engine_close(struct demur_engine *e)
{
    if (!e)
        return;
    demur_signer_stop(e->signer);
    demur_refold_stop(e->refold);
    demur_snapshots_close(&e->snapshots);
    demur_channel_free(e->channel);
    demur_store_close(e->store);
    demur_list_free(&e->rotates);
    demur_list_free(&e->calendars);
    demur_expunge_free(&e->expunge);
    demur_list_free(&e->keys);
    demur_nodes_free(e->nodes);
    pthread_rwlock_destroy(&e->lock);
    pthread_rwlock_destroy(&e->fold_lock);
    pthread_mutex_destroy(&e->published_lock);
    pthread_mutex_destroy(&e->keys_lock);
    sodium_memzero(e->server_secrets, sizeof e->server_secrets);
    free(e);
}

uint64_t demur_engine_clock(const struct demur_engine *e)
{
    if (e->hooks && e->hooks->clock_s)
        return e->hooks->clock_s(e->hooks->ctx);
    return (uint64_t)time(NULL);
}

uint64_t demur_engine_now(const struct demur_engine *e)
{
    uint64_t clock = demur_engine_clock(e), last = demur_channel_last_at(e->channel);
    return clock > last ? clock : last;
}

enum demur_err demur_engine_disk(const struct demur_engine *e, uint64_t keep,
                                 struct demur_diag *diag)
{
    struct statvfs disk;
    uint64_t bytes = UINT64_MAX; /* where the system does not say, a write will */
    if (e->hooks && e->hooks->disk_free)
        bytes = e->hooks->disk_free(e->hooks->ctx);
    else if (!statvfs(e->dir, &disk))
        bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return bytes >= keep ? DEMUR_OK
                         : demur_fail(diag, DEMUR_ERR_IO,
                                      "the server's disk is nearly full: its operator has to make "
                                      "room, and then this can be sent again");
}

enum demur_err demur_engine_sound(const struct demur_engine *e, struct demur_diag *diag)
{
    return e->failed ? demur_fail(diag, DEMUR_ERR_IO,
                                  "a commit failed and the server ends: ask again in a moment")
                     : DEMUR_OK;
}

void demur_engine_read(struct demur_engine *e) { pthread_rwlock_rdlock(&e->lock); }
void demur_engine_unread(struct demur_engine *e) { pthread_rwlock_unlock(&e->lock); }
void demur_engine_check(struct demur_engine *e) { pthread_rwlock_rdlock(&e->fold_lock); }
bool demur_engine_check_now(struct demur_engine *e)
{
    return !pthread_rwlock_tryrdlock(&e->fold_lock);
}
void demur_engine_uncheck(struct demur_engine *e) { pthread_rwlock_unlock(&e->fold_lock); }

void demur_engine_published(struct demur_engine *e, struct demur_published *out)
{
    pthread_mutex_lock(&e->published_lock);
    *out = e->published;
    pthread_mutex_unlock(&e->published_lock);
}

void demur_engine_publish(struct demur_engine *e, const struct demur_published *published)
{
    pthread_mutex_lock(&e->published_lock);
    e->published = *published;
    e->published.rotates = e->rotates.len;
    pthread_mutex_unlock(&e->published_lock);
}

enum demur_err demur_engine_server_secret(const struct demur_engine *e, uint8_t secret[static 64],
                                          struct demur_diag *diag)
{
    uint8_t wanted[32];
    demur_channel_server_key(e->channel, wanted);
    for (size_t i = 0; i < DEMUR_COUNT(e->server_secrets); i++) {
        if (memcmp(e->server_secrets[i] + 32, wanted, 32) != 0)
            continue;
        memcpy(secret, e->server_secrets[i], 64);
        return DEMUR_OK;
    }
    return demur_fail(diag, DEMUR_ERR_KEY,
                      "server.key does not hold the server key that the channel names");
}

static bool tile_from_store(void *ctx, const struct demur_tile *tile, struct span *bytes)
{
    struct demur_store_tiles *t = ctx;
    /* A proof takes up to eight hashes out of each tile that it needs, one after the other. */
    if (t->held.level != tile->level || t->held.index != tile->index ||
        t->held.width < tile->width) {
        t->held.width = 0;
        if (demur_store_tile_get(t->engine->store, t->bytes, (uint8_t)tile->level, tile->index,
                                 tile->width, NULL))
            return false;
        t->held = *tile;
    }
    *bytes = span_of(t->bytes, 32 * (size_t)tile->width);
    return true;
}

static bool node_read(void *ctx, unsigned level, uint64_t index, uint8_t out[32])
{
    struct demur_store_tiles *t = ctx;
    struct demur_tree_reader from_tiles = demur_tile_reader(&t->source);
    if (demur_nodes_get(t->engine->nodes, level, index, out))
        return true;
    if (!from_tiles.read(from_tiles.ctx, level, index, out))
        return false;
    /* Below the tiles' tops there is room for the newest only. */
    if (level >= 8)
        demur_nodes_put(t->engine->nodes, level, index, out);
    return true;
}

struct demur_tree_reader demur_engine_tree(struct demur_engine *e, struct demur_store_tiles *tiles,
                                           uint64_t size)
{
    tiles->engine = e;
    tiles->held.width = 0;
    tiles->source = (struct demur_tile_source){tile_from_store, tiles, size};
    return (struct demur_tree_reader){node_read, tiles};
}

enum demur_err demur_engine_sign(struct demur_engine *e, uint64_t size,
                                 const uint8_t root[static 32], struct demur_published *out,
                                 struct demur_diag *diag)
{
    struct demur_store_tiles tiles;
    struct demur_tree_reader reader = demur_engine_tree(e, &tiles, size);
    struct demur_proof proof = {0};
    uint8_t log_key[32];
    uint64_t signed_size = demur_signer_size(e->signer);
    if (signed_size > size)
        return demur_fail(
            diag, DEMUR_ERR_VERIFY,
            "the signer has signed %llu entries but the store holds %llu: an old copy "
            "of the store was put back; find the newer one",
            (unsigned long long)signed_size, (unsigned long long)size);
    if (signed_size && !demur_consistency_prove(&proof, signed_size, size, &reader))
        return demur_fail(diag, DEMUR_ERR_IO, "the store's tiles cannot be read");
    demur_channel_log_key(e->channel, log_key);
    struct buf text = buf_over(out->text, sizeof out->text);
    enum demur_err err = demur_signer_sign(e->signer, &text, size, root, log_key, &proof, diag);
    out->size = size;
    memcpy(out->root, root, 32);
    out->text_len = text.len;
    return err;
}

enum demur_err demur_engine_note(struct demur_engine *e, const struct demur_record *record,
                                 uint64_t index, uint64_t at, struct demur_diag *diag)
{
    bool ok = true;
    if (record->type == DEMUR_RECORD_TICK) {
        e->tick_day = at / 86400;
    } else if (record->type == DEMUR_RECORD_ROTATE) {
        pthread_mutex_lock(&e->published_lock);
        ok = demur_list_add(&e->rotates, &index, sizeof index);
        pthread_mutex_unlock(&e->published_lock);
    } else if (record->type == DEMUR_RECORD_CALENDAR) {
        struct demur_text_entry entry = {.index = index, .at = at};
        struct span name = demur_record_get(record, DEMUR_FIELD_NAME);
        snprintf(entry.name, sizeof entry.name, "%.*s", SPAN_ARG(name));
        demur_record_blob(record, DEMUR_FIELD_TEXT, 0, &entry.text);
        ok = demur_list_add(&e->calendars, &entry, sizeof entry);
    }
    return ok ? demur_expunge_note(&e->expunge, record, diag)
              : demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
}
