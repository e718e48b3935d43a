/* snapshot.c - see snapshot.h. */
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/walk.h"
#include "engine.h"
#include "files.h"
#include "journal.h"
#include "metrics.h"

#define MAGIC "demur snapshot 1"
#define HEAD_LEN 136
#define TAIL_LEN 64
/* Of the fold and of its form in bytes: another one of either is not read. */
#define VERSIONS ((uint64_t)DEMUR_SNAPSHOT_VERSION << 32 | DEMUR_FOLD_VERSION)
#define DISK_KEPT ((uint64_t)192 << 20)
#define ENTRY_GUESS 400 /* bytes of snapshot for an entry, with much to spare */

const char *const demur_snapshot_names[] = {"fold.snapshot-a", "fold.snapshot-b"};

/* ---- the files ---- */

void demur_snapshots_init(struct demur_snapshots *s)
{
    *s = (struct demur_snapshots){.fds = {-1, -1}, .lock = PTHREAD_MUTEX_INITIALIZER};
}

void demur_snapshots_open(struct demur_snapshots *s, const char *dir)
{
    for (size_t i = 0; i < DEMUR_SNAPSHOT_SLOTS; i++) {
        char path[DEMUR_PATH_MAX];
        s->fds[i] = -1;
        if (!demur_path(path, dir, demur_snapshot_names[i], NULL))
            s->fds[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (s->fds[i] >= 0 && fchmod(s->fds[i], 0600)) {
            close(s->fds[i]);
            s->fds[i] = -1;
        }
        if (s->fds[i] < 0)
            demur_journal("%s cannot be used: %s", demur_snapshot_names[i], strerror(errno));
    }
}

void demur_snapshots_close(struct demur_snapshots *s)
{
    for (size_t i = 0; i < DEMUR_SNAPSHOT_SLOTS; i++)
        if (s->fds[i] >= 0)
            close(s->fds[i]);
    pthread_mutex_destroy(&s->lock);
}

static uint64_t length_of(int fd)
{
    struct stat status;
    return fd >= 0 && !fstat(fd, &status) && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
}

bool demur_snapshots_any(const struct demur_snapshots *s)
{
    return length_of(s->fds[0]) || length_of(s->fds[1]);
}

void demur_snapshots_erase(struct demur_snapshots *s)
{
    for (size_t i = 0; i < DEMUR_SNAPSHOT_SLOTS; i++)
        if (s->fds[i] >= 0 && (ftruncate(s->fds[i], 0) || fsync(s->fds[i])))
            demur_journal("%s could not be emptied: remove it", demur_snapshot_names[i]);
}

void demur_snapshots_condemn(struct demur_snapshots *s)
{
    pthread_mutex_lock(&s->lock);
    s->wrong = true;
    demur_snapshots_erase(s);
    pthread_mutex_unlock(&s->lock);
}

/* A position in a file; *failed once the system refused. */
struct place {
    int fd;
    uint64_t at;
    crypto_generichash_state *hash; /* instead of writing; may be NULL */
};

static bool put(void *ctx, const uint8_t *p, size_t n)
{
    struct place *f = ctx;
    if (f->hash)
        return crypto_generichash_update(f->hash, p, n) == 0;
    while (n) {
        ssize_t done = pwrite(f->fd, p, n, (off_t)f->at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
        f->at += (uint64_t)done;
    }
    return true;
}

static bool get(void *ctx, uint8_t *p, size_t n, size_t *got)
{
    struct place *f = ctx;
    ssize_t done;
    do
        done = pread(f->fd, p, n, (off_t)f->at);
    while (done < 0 && errno == EINTR);
    if (done < 0)
        return false;
    f->at += (uint64_t)done;
    *got = (size_t)done;
    return true;
}

static bool get_exactly(int fd, uint64_t at, uint8_t *p, size_t n)
{
    struct place f = {.fd = fd, .at = at};
    for (size_t got; n; p += got, n -= got)
        if (!get(&f, p, n, &got) || !got)
            return false;
    return true;
}

/* BLAKE2b of the body. */
static bool body_hash(int fd, uint64_t len, uint8_t out[static 32])
{
    crypto_generichash_state state;
    struct place f = {.fd = fd, .at = HEAD_LEN};
    uint8_t chunk[65536];
    crypto_generichash_init(&state, NULL, 0, 32);
    for (size_t got; len; len -= got) {
        if (!get(&f, chunk, len < sizeof chunk ? (size_t)len : sizeof chunk, &got) || !got)
            return false;
        crypto_generichash_update(&state, chunk, got);
    }
    crypto_generichash_final(&state, out, 32);
    return true;
}

/* ---- the frame ---- */

static void le64_put(uint8_t out[static 8], uint64_t v)
{
    for (size_t i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t le64_get(const uint8_t p[static 8])
{
    uint64_t v = 0;
    for (size_t i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static void head_write(uint8_t out[static HEAD_LEN], const struct demur_snapshot *s,
                       const uint8_t server_key[static 32])
{
    memcpy(out, MAGIC, 16);
    memcpy(out + 16, server_key, 32);
    le64_put(out + 48, VERSIONS);
    le64_put(out + 56, s->size);
    memcpy(out + 64, s->root, 32);
    memcpy(out + 96, s->chain, 32);
    le64_put(out + 128, s->body_len);
}

static void mac_of(uint8_t out[static 32], const uint8_t secret[static 64],
                   const uint8_t head[static HEAD_LEN], const uint8_t body[static 32])
{
    static const char domain[] = "demur fold snapshot v1";
    crypto_generichash_state state;
    uint8_t key[32];
    crypto_generichash(key, sizeof key, (const uint8_t *)domain, sizeof domain - 1, secret, 32);
    crypto_generichash_init(&state, key, sizeof key, 32);
    crypto_generichash_update(&state, head, HEAD_LEN);
    crypto_generichash_update(&state, body, 32);
    crypto_generichash_final(&state, out, 32);
    sodium_memzero(key, sizeof key);
    sodium_memzero(&state, sizeof state);
}

static const uint8_t *secret_of(const uint8_t (*secrets)[64], size_t n, const uint8_t *key)
{
    for (size_t i = 0; i < n; i++)
        if (!sodium_is_zero(secrets[i], 64) && memcmp(secrets[i] + 32, key, 32) == 0)
            return secrets[i];
    return NULL;
}

enum demur_err demur_snapshot_examine(struct demur_snapshot *out, int fd,
                                      const uint8_t (*secrets)[64], size_t secrets_len,
                                      struct demur_diag *diag)
{
    uint8_t head[HEAD_LEN], tail[TAIL_LEN], mac[32];
    uint64_t len = length_of(fd);
    /* A write that was cut off has no head. */
    if (len < HEAD_LEN || !get_exactly(fd, 0, head, sizeof head) ||
        sodium_is_zero(head, sizeof head))
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "there is no snapshot in it");
    if (memcmp(head, MAGIC, 16) != 0 || len < HEAD_LEN + TAIL_LEN ||
        le64_get(head + 128) != len - HEAD_LEN - TAIL_LEN ||
        !get_exactly(fd, len - TAIL_LEN, tail, sizeof tail))
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "it is no whole snapshot");
    const uint8_t *secret = secret_of(secrets, secrets_len, head + 16);
    if (!secret)
        return demur_fail(diag, DEMUR_ERR_KEY, "another server key vouches for it");
    if (le64_get(head + 48) != VERSIONS)
        return demur_fail(diag, DEMUR_ERR_UPGRADE, "another version of demur wrote it");
    struct demur_snapshot s = {.size = le64_get(head + 56), .body_len = le64_get(head + 128)};
    memcpy(s.root, head + 64, 32);
    memcpy(s.chain, head + 96, 32);
    if (!body_hash(fd, s.body_len, s.hash))
        return demur_fail(diag, DEMUR_ERR_IO, "it cannot be read: %s", strerror(errno));
    mac_of(mac, secret, head, s.hash);
    if (memcmp(s.hash, tail, 32) != 0 || sodium_memcmp(mac, tail + 32, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY, "it was damaged or altered");
    *out = s;
    return DEMUR_OK;
}

/* ---- the body: what the engine notes, then the fold ---- */

static void walk_rotates(struct demur_walk *w, struct demur_list *list)
{
    uint32_t n = (uint32_t)list->len;
    demur_walk_array(w, &list->items, &n, &list->cap, sizeof(uint64_t), 8);
    list->len = n;
    for (uint32_t i = 0; i < n && !w->err; i++)
        demur_walk_u64(w, &((uint64_t *)list->items)[i]);
}

static void walk_calendars(struct demur_walk *w, struct demur_list *list)
{
    uint32_t n = (uint32_t)list->len;
    demur_walk_array(w, &list->items, &n, &list->cap, sizeof(struct demur_text_entry), 57);
    list->len = n;
    for (uint32_t i = 0; i < n && !w->err; i++) {
        struct demur_text_entry *t = &((struct demur_text_entry *)list->items)[i];
        demur_walk_u64(w, &t->index);
        demur_walk_u64(w, &t->at);
        demur_walk_text(w, t->name, sizeof t->name);
        demur_walk_bytes(w, t->text.hash, 32);
        demur_walk_u64(w, &t->text.size);
    }
}

static void walk_body(struct demur_walk *w, struct demur_engine *e)
{
    walk_rotates(w, &e->rotates);
    walk_calendars(w, &e->calendars);
    demur_expunge_walk(&e->expunge, w);
    if (w->loading)
        e->channel = w->err ? NULL : demur_channel_load(w);
    else
        demur_channel_save(e->channel, w);
}

static enum demur_err failed(enum demur_err err, struct demur_diag *diag)
{
    return demur_fail(diag, err,
                      err == DEMUR_ERR_UPGRADE  ? "another version of demur wrote it"
                      : err == DEMUR_ERR_MEMORY ? "there is no memory for it"
                      : err == DEMUR_ERR_IO     ? "the system refused to read or write it"
                                                : "it does not say what a fold can say");
}

/* Nothing folded, nothing noted. */
static enum demur_err empty(struct demur_engine *e, struct demur_diag *diag)
{
    demur_channel_free(e->channel);
    demur_list_free(&e->rotates);
    demur_list_free(&e->calendars);
    demur_expunge_free(&e->expunge);
    e->channel = demur_channel_new();
    if (!e->channel)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    return demur_expunge_init(&e->expunge, diag);
}

enum demur_err demur_snapshot_load(struct demur_engine *e, int fd,
                                   const struct demur_snapshot *snapshot, struct demur_diag *diag)
{
    struct place f = {.fd = fd, .at = HEAD_LEN};
    struct demur_walk *w = malloc(sizeof *w);
    uint8_t chain[32];
    enum demur_err err = w ? DEMUR_OK : DEMUR_ERR_MEMORY;
    if (w) {
        demur_channel_free(e->channel);
        demur_walk_load(w, get, &f, snapshot->body_len);
        walk_body(w, e);
        err = demur_walk_end(w);
    }
    free(w);
    if (!err) {
        demur_channel_chain(e->channel, chain);
        if (demur_channel_size(e->channel) != snapshot->size ||
            memcmp(chain, snapshot->chain, 32) != 0)
            err = DEMUR_ERR_SYNTAX;
    }
    if (!err) {
        e->tick_day = demur_channel_tick_day(e->channel);
        return DEMUR_OK;
    }
    enum demur_err worse = empty(e, diag);
    return worse ? worse : failed(err, diag);
}

enum demur_err demur_snapshot_hash(struct demur_engine *e, uint8_t out[static 32],
                                   struct demur_diag *diag)
{
    crypto_generichash_state state;
    struct place f = {.hash = &state};
    struct demur_walk *w = malloc(sizeof *w);
    if (!w)
        return failed(DEMUR_ERR_MEMORY, diag);
    crypto_generichash_init(&state, NULL, 0, 32);
    demur_walk_save(w, put, &f);
    walk_body(w, e);
    enum demur_err err = demur_walk_end(w);
    free(w);
    crypto_generichash_final(&state, out, 32);
    return err ? failed(err, diag) : DEMUR_OK;
}

/* ---- writing ---- */

/* The state as it is between two commits. */
static enum demur_err copy_out(struct demur_engine *e, struct demur_snapshot *s, struct place *f,
                               uint8_t secret[static 64], struct demur_diag *diag)
{
    struct demur_walk *w = malloc(sizeof *w);
    if (!w)
        return failed(DEMUR_ERR_MEMORY, diag);
    demur_walk_save(w, put, f);
    demur_engine_read(e);
    uint64_t started = demur_now_us();
    enum demur_err err = demur_engine_sound(e, diag);
    if (!err)
        err = demur_engine_server_secret(e, secret, diag);
    if (!err) {
        s->size = e->edge.frontier.size;
        demur_frontier_root(&e->edge.frontier, s->root);
        demur_channel_chain(e->channel, s->chain);
        walk_body(w, e);
        err = demur_walk_end(w);
        if (err)
            err = failed(err, diag);
    }
    e->snapshots.stood_us = demur_now_us() - started;
    demur_engine_unread(e);
    free(w);
    s->body_len = f->at - HEAD_LEN;
    return err;
}

/* What makes it one comes last. */
static bool frame_write(int fd, struct demur_snapshot *s, const uint8_t secret[static 64])
{
    uint8_t head[HEAD_LEN], tail[TAIL_LEN];
    struct place at_end = {.fd = fd, .at = HEAD_LEN + s->body_len}, at_start = {.fd = fd};
    if (!body_hash(fd, s->body_len, s->hash))
        return false;
    head_write(head, s, secret + 32);
    memcpy(tail, s->hash, 32);
    mac_of(tail + 32, secret, head, s->hash);
    return put(&at_end, tail, sizeof tail) && put(&at_start, head, sizeof head) && !fsync(fd);
}

static enum demur_err write_older(struct demur_engine *e, struct demur_diag *diag)
{
    struct demur_snapshot s = {.slot = e->snapshots.last.size ? !e->snapshots.last.slot : 0};
    struct place f = {.fd = e->snapshots.fds[s.slot], .at = HEAD_LEN};
    uint8_t secret[64];
    if (f.fd < 0)
        return failed(DEMUR_ERR_IO, diag);
    demur_engine_read(e);
    uint64_t guess = ENTRY_GUESS * demur_channel_size(e->channel);
    demur_engine_unread(e);
    enum demur_err err = demur_engine_disk(e, DISK_KEPT + guess, diag);
    if (!err && ftruncate(f.fd, 0))
        err = failed(DEMUR_ERR_IO, diag);
    if (!err)
        err = copy_out(e, &s, &f, secret, diag);
    if (!err && e->hooks && e->hooks->at)
        e->hooks->at(e->hooks->ctx, DEMUR_POINT_SNAPSHOT);
    if (!err && !frame_write(f.fd, &s, secret))
        err = failed(DEMUR_ERR_IO, diag);
    sodium_memzero(secret, sizeof secret);
    if (!err) {
        e->snapshots.last = s;
        demur_journal("snapshot of %llu entries, %llu bytes; appends stood still for %llu us",
                      (unsigned long long)s.size, (unsigned long long)s.body_len,
                      (unsigned long long)e->snapshots.stood_us);
    } else if (ftruncate(f.fd, 0)) {
        demur_journal("%s could not be emptied", demur_snapshot_names[s.slot]);
    }
    return err;
}

enum demur_err demur_snapshot_write(struct demur_engine *e, struct demur_diag *diag)
{
    pthread_mutex_lock(&e->snapshots.lock);
    enum demur_err err =
        e->snapshots.wrong
            ? demur_fail(diag, DEMUR_ERR_VERIFY, "the snapshot that this was started from is wrong")
            : write_older(e, diag);
    pthread_mutex_unlock(&e->snapshots.lock);
    return err;
}
