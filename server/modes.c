/* modes.c - see modes.h. */
#include "modes.h"

#include <sys/stat.h>

#include "files.h"

static const char *const secret[] = {
    "log.key", "log.key.next", "server.key", "server.key.next", "signer.state",    "config",
    "log.db",  "log.db-wal",   "log.db-shm", "fold.snapshot-a", "fold.snapshot-b",
};

static size_t one_check(const char *path, unsigned owner, demur_mode_fn *fn, void *ctx)
{
    char text[256];
    struct stat status;
    size_t faults = 0;
    if (stat(path, &status))
        return 0;
    bool folder = S_ISDIR(status.st_mode);
    if (status.st_uid != owner && status.st_uid != 0) {
        snprintf(text, sizeof text, "%.90s belongs to another user: chown %u %.90s", path, owner,
                 path);
        fn(ctx, text);
        faults++;
    }
    if (status.st_mode & 077) {
        snprintf(text, sizeof text, "%.90s may be %s by other users: chmod %d %.90s", path,
                 folder ? "entered" : "read or written", folder ? 700 : 600, path);
        fn(ctx, text);
        faults++;
    }
    return faults;
}

size_t demur_modes_check(const char *dir, unsigned owner, demur_mode_fn *fn, void *ctx)
{
    size_t faults = one_check(dir, owner, fn, ctx);
    for (size_t i = 0; i < DEMUR_COUNT(secret); i++) {
        char path[DEMUR_PATH_MAX];
        if (!demur_path(path, dir, secret[i], NULL))
            faults += one_check(path, owner, fn, ctx);
    }
    return faults;
}

bool demur_modes_owner(const char *dir, unsigned *owner)
{
    struct stat status;
    if (stat(dir, &status))
        return false;
    *owner = status.st_uid;
    return true;
}

enum demur_err demur_modes_tls_key(const char *path, struct demur_diag *diag)
{
    struct stat status;
    if (stat(path, &status) || !(status.st_mode & 07))
        return DEMUR_OK; /* that it is not there is said by whoever reads it */
    return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "tls-key",
                         "the private key %.150s may be read by everybody: chmod 600 it", path);
}
