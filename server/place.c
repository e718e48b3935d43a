/* place.c - see place.h. */
#define _GNU_SOURCE /* nftw */
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

/* The directory without slashes at its end, and the name under which it is made. */
static enum demur_err names_make(struct demur_place *p, const char *given, struct demur_diag *diag)
{
    int n = snprintf(p->dir, DEMUR_PATH_MAX, "%s", given);
    while (n > 1 && n < DEMUR_PATH_MAX && p->dir[n - 1] == '/')
        p->dir[--n] = 0;
    if (n < 1 || n >= DEMUR_PATH_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the directory is empty or too long");
    snprintf(p->fresh, sizeof p->fresh, "%s.new", p->dir);
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

static enum demur_err left_over(const char *fresh, struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_IO, "%.150s is left over from an earlier attempt: remove it",
                      fresh);
}

enum demur_err demur_place_begin(const struct demur_place *p, struct demur_diag *diag)
{
    if (!mkdir(p->fresh, 0700))
        return DEMUR_OK;
    return errno == EEXIST ? left_over(p->fresh, diag)
                           : demur_fail(diag, DEMUR_ERR_IO, "cannot make %.150s: %s", p->fresh,
                                        strerror(errno));
}

enum demur_err demur_place_check(struct demur_place *p, const char *given, struct demur_diag *diag)
{
    enum demur_err err = names_make(p, given, diag);
    if (err)
        return err;
    const char *dir = p->dir, *fresh = p->fresh;
    struct stat status;
    if (!lstat(fresh, &status))
        return left_over(fresh, diag);
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

enum demur_err demur_place_take(const struct demur_place *p, struct demur_diag *diag)
{
    char parent[DEMUR_PATH_MAX];
    snprintf(parent, sizeof parent, "%s", p->dir);
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = 0;
    int fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && !rename(p->fresh, p->dir) && !fsync(fd);
    int cause = errno;
    if (fd >= 0)
        close(fd);
    return ok ? DEMUR_OK
              : demur_fail(diag, DEMUR_ERR_IO, "cannot make %.150s: %s", p->dir, strerror(cause));
}

void demur_place_drop(const struct demur_place *p)
{
    nftw(p->fresh, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
