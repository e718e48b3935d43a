/* create.c - demur_server_create: a new channel, all of it or nothing. */
#define _GNU_SOURCE /* nftw */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/hash.h"
#include "engine.h"
#include "files.h"
#include "server.h"

#define CONFIG_MAX 16384

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

/* The directory without slashes at its end, and the name under which it is made. */
static enum demur_err names_make(const char *given, char dir[static DEMUR_PATH_MAX],
                                 char fresh[static DEMUR_PATH_MAX + 8], struct demur_diag *diag)
{
    int n = snprintf(dir, DEMUR_PATH_MAX, "%s", given);
    while (n > 1 && n < DEMUR_PATH_MAX && dir[n - 1] == '/')
        dir[--n] = 0;
    if (n < 1 || n >= DEMUR_PATH_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the directory is empty or too long");
    snprintf(fresh, DEMUR_PATH_MAX + 8, "%s.new", dir);
    return DEMUR_OK;
}

/* It is made beside its final place, in a folder that has to be there. */
static enum demur_err parent_check(const char *dir, struct demur_diag *diag)
{
    char parent[DEMUR_PATH_MAX];
    const char *slash = strrchr(dir, '/');
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - dir) + 1 : 1, slash ? dir : ".");
    return access(parent, W_OK | X_OK) == 0
               ? DEMUR_OK
               : demur_fail(diag, DEMUR_ERR_IO, "%.150s cannot be made in %.150s: %s", dir, parent,
                            strerror(errno));
}

static enum demur_err place_check(const char *dir, const char *fresh, struct demur_diag *diag)
{
    struct stat status;
    if (!lstat(fresh, &status))
        return demur_fail(diag, DEMUR_ERR_IO,
                          "%.150s is left over from an earlier attempt: remove it", fresh);
    DIR *there = opendir(dir);
    if (!there && errno == ENOENT)
        return parent_check(dir, diag);
    if (!there)
        return demur_fail(diag, DEMUR_ERR_IO, "cannot use %.150s: %s", dir, strerror(errno));
    size_t n = 0;
    for (struct dirent *e; (e = readdir(there));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(there);
    if (n)
        return demur_fail(diag, DEMUR_ERR_IO,
                          "%.150s is not empty: a channel is made in a new directory", dir);
    return DEMUR_OK;
}

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
    enum demur_err err = a ? demur_engine_open(&e, dir, &hooks, diag)
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

static enum demur_err put_in_place(const char *fresh, const char *dir, struct demur_diag *diag)
{
    char parent[DEMUR_PATH_MAX];
    snprintf(parent, sizeof parent, "%s", dir);
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = 0;
    int fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && !rename(fresh, dir) && !fsync(fd);
    int cause = errno;
    if (fd >= 0)
        close(fd);
    return ok ? DEMUR_OK
              : demur_fail(diag, DEMUR_ERR_IO, "cannot make %.150s: %s", dir, strerror(cause));
}

enum demur_err demur_server_place_check(const char *given, struct demur_diag *diag)
{
    char dir[DEMUR_PATH_MAX], fresh[DEMUR_PATH_MAX + 8];
    enum demur_err err = names_make(given, dir, fresh, diag);
    return err ? err : place_check(dir, fresh, diag);
}

enum demur_err demur_server_create(const struct demur_server_birth *birth, struct demur_diag *diag)
{
    char dir[DEMUR_PATH_MAX], fresh[DEMUR_PATH_MAX + 8];
    struct demur_diag ignored;
    if (!diag)
        diag = &ignored;
    if (sodium_init() < 0)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "libsodium does not start");
    enum demur_err err = names_make(birth->dir, dir, fresh, diag);
    if (!err)
        err = place_check(dir, fresh, diag);
    if (err)
        return err;
    err = files_make(birth, fresh, diag);
    if (!err)
        err = log_begin(birth, fresh, diag);
    if (!err)
        err = put_in_place(fresh, dir, diag);
    if (err)
        nftw(fresh, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return err;
}
