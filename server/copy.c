/* copy.c - backing up and putting back; see copy.h. */
#define _GNU_SOURCE
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <unistd.h>

#include "../core/checkpoint.h"
#include "../store/store.h"
#include "copy_state.h"
#include "place.h"
#include "state.h"

#define SMALL_MAX 16384

/* The small files beside the store; the first must be there. */
static const char *const small[] = {"signer.state", "log.key",      "server.key",
                                    "config",       "log.key.next", "server.key.next"};

static enum demur_err small_read(struct buf *out, const char *dir, const char *name, bool *there,
                                 struct demur_diag *diag)
{
    enum demur_err err = demur_file_read(out, dir, name, diag);
    *there = !err;
    if (err == DEMUR_ERR_UNKNOWN && strstr(name, ".next"))
        return DEMUR_OK;
    return err == DEMUR_ERR_UNKNOWN
               ? demur_fail(diag, err, "%.150s has no %s: it is no channel's directory", dir, name)
               : err;
}

/* Copy what is not in `to` yet. */
static enum demur_err small_copy(const char *from, const char *to, struct demur_diag *diag)
{
    uint8_t text[SMALL_MAX];
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; i < DEMUR_COUNT(small) && !err; i++) {
        struct buf b = buf_over(text, sizeof text);
        char path[DEMUR_PATH_MAX];
        bool there = false;
        err = demur_path(path, to, small[i], diag);
        if (err || access(path, F_OK) == 0)
            continue;
        err = small_read(&b, from, small[i], &there, diag);
        if (!err && there)
            err = demur_file_write(to, small[i], buf_span(&b), 0600, diag);
    }
    sodium_memzero(text, sizeof text);
    return err;
}

enum demur_err copy_signed_head(const char *dir, struct demur_signed_head *out,
                                struct demur_diag *diag)
{
    struct demur_state state;
    enum demur_err err = demur_state_read(&state, dir, diag);
    if (err)
        return err;
    const struct demur_state_slot *newer = &state.slots[0];
    if (!newer->len || (state.slots[1].len && state.slots[1].size > newer->size))
        newer = &state.slots[1];
    *out = (struct demur_signed_head){.size = newer->size, .text_len = newer->len};
    memcpy(out->root, newer->root, 32);
    memcpy(out->text, newer->text, newer->len);
    return DEMUR_OK;
}

static enum demur_err prefix_add(void *ctx, uint64_t index, const uint8_t leaf[static 32],
                                 struct span bytes)
{
    uint8_t computed[32];
    (void)leaf;
    (void)index;
    demur_merkle_leaf(computed, bytes);
    return demur_frontier_append(ctx, computed) ? DEMUR_OK : DEMUR_ERR_LIMIT;
}

/* Does the store begin with what the signer has signed? */
static enum demur_err holds_signed(struct demur_store *store, const char *name,
                                   const struct demur_signed_head *head, uint64_t *size,
                                   struct demur_diag *diag)
{
    struct demur_store_head now;
    struct demur_frontier frontier;
    uint8_t root[32];
    enum demur_err err = demur_store_head_get(store, &now, diag);
    if (err)
        return err;
    *size = now.size;
    if (head->size > now.size)
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                          "the signer has signed %llu entries and %.100s holds %llu: served, it "
                          "could only begin a second history; look for a newer copy of log.db",
                          (unsigned long long)head->size, name, (unsigned long long)now.size);
    demur_frontier_init(&frontier);
    err = demur_store_entries(store, 0, head->size, prefix_add, &frontier, diag);
    demur_frontier_root(&frontier, root);
    if (!err && head->size && memcmp(root, head->root, 32) != 0)
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the first %llu entries of %.100s are not those that the signer signed: "
                         "they are of another channel, or were altered",
                         (unsigned long long)head->size, name);
    return err;
}

/* The signer's head is read before the store is: what the store's copy holds is then
 * at least what that head covers, however much is appended meanwhile. */
enum demur_err demur_server_backup(const char *dir, const char *to, uint64_t *entries,
                                   struct demur_diag *diag)
{
    struct demur_place place;
    struct demur_signed_head head;
    struct demur_store *store = NULL, *copy = NULL;
    enum demur_err err = copy_signed_head(dir, &head, diag);
    if (!err)
        err = demur_store_open(&store, dir, DEMUR_STORE_READ, diag);
    if (!err)
        err = demur_place_check(&place, to, diag);
    if (!err)
        err = demur_place_begin(&place, diag);
    if (err) {
        demur_store_close(store);
        return err;
    }
    err = demur_store_backup(store, place.fresh, diag);
    demur_store_close(store);
    if (!err)
        err = demur_state_write(place.fresh, span_of(head.text, head.text_len), diag);
    if (!err)
        err = small_copy(dir, place.fresh, diag);
    if (!err)
        err = demur_store_open(&copy, place.fresh, DEMUR_STORE_READ, diag);
    if (!err)
        err = holds_signed(copy, dir, &head, entries, diag);
    demur_store_close(copy);
    if (!err)
        err = demur_place_take(&place, diag);
    if (err)
        demur_place_drop(&place);
    return err;
}

/* Nobody serves the directory, and nobody will before this descriptor is closed. */
static enum demur_err served_by_nobody(const char *dir, int *fd, struct demur_diag *diag)
{
    char path[DEMUR_PATH_MAX];
    enum demur_err err = demur_path(path, dir, "signer.lock", diag);
    if (err)
        return err;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return DEMUR_OK;
    int cause = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return demur_fail(diag, DEMUR_ERR_IO, "%.150s: %s", dir,
                      cause == EWOULDBLOCK ? "a server runs on it: stop that first"
                                           : strerror(cause));
}

static enum demur_err set_aside(const char *dir, struct demur_diag *diag)
{
    static const char *const names[] = {"log.db", "log.db-wal", "log.db-shm"};
    for (size_t i = 0; i < DEMUR_COUNT(names); i++) {
        char path[DEMUR_PATH_MAX], aside[DEMUR_PATH_MAX + 32];
        enum demur_err err = demur_path(path, dir, names[i], diag);
        if (err)
            return err;
        snprintf(aside, sizeof aside, "%s.before-restore", path);
        if (access(path, F_OK) != 0)
            continue;
        if (i == 0 && access(aside, F_OK) == 0)
            return demur_fail(diag, DEMUR_ERR_IO,
                              "%.150s is there from an earlier restore: move it away first", aside);
        if (rename(path, aside) != 0)
            return demur_fail(diag, DEMUR_ERR_IO, "%.150s cannot be set aside: %s", path,
                              strerror(errno));
    }
    return DEMUR_OK;
}

/* Over a directory whose signer lives on. */
static enum demur_err restore_over(struct demur_store *backup, const char *from, const char *dir,
                                   uint64_t *entries, struct demur_diag *diag)
{
    struct demur_signed_head head;
    int fd = -1;
    enum demur_err err = served_by_nobody(dir, &fd, diag);
    if (!err)
        err = copy_signed_head(dir, &head, diag);
    if (!err)
        err = holds_signed(backup, from, &head, entries, diag);
    if (!err)
        err = set_aside(dir, diag);
    if (!err)
        err = demur_store_backup(backup, dir, diag);
    if (!err)
        err = small_copy(from, dir, diag);
    if (fd >= 0)
        close(fd);
    return err;
}

enum demur_err demur_server_restore(const char *from, const char *dir, uint64_t *entries,
                                    struct demur_diag *diag)
{
    char state[DEMUR_PATH_MAX];
    struct demur_store *backup = NULL;
    enum demur_err err = demur_path(state, dir, "signer.state", diag);
    if (!err && access(state, F_OK) != 0)
        return demur_server_backup(from, dir, entries, diag);
    if (!err)
        err = demur_store_open(&backup, from, DEMUR_STORE_READ, diag);
    if (!err)
        err = restore_over(backup, from, dir, entries, diag);
    demur_store_close(backup);
    return err;
}
