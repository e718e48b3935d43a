/* Files and folders, written so that a power cut leaves the old or the new. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/encode.h"
#include "internal.h"

static enum demur_err refused(struct demur_diag *diag, const char *verb, const char *path)
{
    return demur_fail(diag, DEMUR_ERR_IO, "cannot %s %s: %s", verb, path, strerror(errno));
}

bool path_join(char out[static PATH_LEN], const char *dir, const char *name)
{
    int n = snprintf(out, PATH_LEN, "%s/%s", dir, name);
    return n > 0 && n < PATH_LEN;
}

/* ---- reading ---- */

static enum demur_err read_all(int fd, const char *path, size_t max, struct demur_bytes *out,
                               struct demur_diag *diag)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return refused(diag, "read", path);
    if (!S_ISREG(st.st_mode))
        return demur_fail(diag, DEMUR_ERR_IO, "%s is not a file", path);
    if ((uint64_t)st.st_size > max)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "%s has %lld bytes; at most %zu are taken", path,
                          (long long)st.st_size, max);
    struct buf b = heap_buf((size_t)st.st_size);
    if (!b.p)
        return no_memory(diag);
    while (b.len < b.cap) {
        ssize_t n = read(fd, b.p + b.len, b.cap - b.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            heap_buf_free(&b);
            return n ? refused(diag, "read", path)
                     : demur_fail(diag, DEMUR_ERR_IO, "%s became shorter while it was read", path);
        }
        b.len += (size_t)n;
    }
    *out = heap_buf_take(&b);
    return DEMUR_OK;
}

enum demur_err demur_path_read(const char *path, size_t max, struct demur_bytes *out,
                               struct demur_diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "there is no file %s", path);
    if (fd < 0)
        return refused(diag, "read", path);
    enum demur_err err = read_all(fd, path, max, out, diag);
    close(fd);
    return err;
}

/* ---- writing ---- */

bool demur_write_all(int fd, struct span bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.p, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = span_skip(bytes, (size_t)n);
    }
    return true;
}

static void folder_of(char out[static PATH_LEN], const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (!slash)
        snprintf(out, PATH_LEN, ".");
    else
        snprintf(out, PATH_LEN, "%.*s", (int)(len ? len : 1), path);
}

static enum demur_err sync_folder(const char *folder, struct demur_diag *diag)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refused(diag, "open the folder", folder);
    /* Some file systems cannot sync a folder, and say so; then there is no more to do. */
    bool good = fsync(fd) == 0 || errno == EINVAL;
    close(fd);
    return good ? DEMUR_OK : refused(diag, "write to the folder", folder);
}

static enum demur_err path_write(const char *path, struct span bytes, bool sync,
                                 struct demur_diag *diag)
{
    char temporary[PATH_LEN], folder[PATH_LEN];
    uint32_t salt = randombytes_random();
    if (snprintf(temporary, sizeof temporary, "%s.%08x.part", path, salt) >= PATH_LEN)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path %.100s… is too long", path);
    folder_of(folder, path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return refused(diag, "write", path);
    bool written = demur_write_all(fd, bytes) && (!sync || fsync(fd) == 0);
    written = close(fd) == 0 && written;
    if (!written || rename(temporary, path) != 0) {
        enum demur_err err = refused(diag, "write", path);
        unlink(temporary);
        return err;
    }
    return sync ? sync_folder(folder, diag) : DEMUR_OK;
}

enum demur_err demur_path_write(const char *path, struct span bytes, struct demur_diag *diag)
{
    return path_write(path, bytes, true, diag);
}

enum demur_err path_write_unsynced(const char *path, struct span bytes, struct demur_diag *diag)
{
    return path_write(path, bytes, false, diag);
}

enum demur_err demur_path_folder(const char *path, struct demur_diag *diag)
{
    char part[PATH_LEN];
    if (!copy_text(part, sizeof part, span_str(path)))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path %.100s… is too long", path);
    for (char *at = part + 1;; at++) {
        char was = *at;
        if (was != '/' && was != 0)
            continue;
        *at = 0;
        if (mkdir(part, 0700) == 0) {
            char above[PATH_LEN];
            folder_of(above, part);
            enum demur_err err = sync_folder(above, diag);
            if (err)
                return err;
        } else if (errno != EEXIST) {
            return refused(diag, "make the folder", part);
        }
        *at = was;
        if (was == 0)
            break;
    }
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return demur_fail(diag, DEMUR_ERR_IO, "%s is not a folder", path);
    return DEMUR_OK;
}

/* ---- folders ---- */

static int not_dots(const struct dirent *d)
{
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

enum demur_err path_list(const char *path, bool (*each)(void *ctx, const char *name), void *ctx,
                         struct demur_diag *diag)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, not_dots, alphasort);
    if (n < 0 && errno == ENOENT)
        return DEMUR_OK;
    if (n < 0)
        return refused(diag, "read the folder", path);
    bool more = true;
    for (int i = 0; i < n; i++) {
        more = more && each(ctx, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return DEMUR_OK;
}

struct removal {
    const char *folder;
    struct demur_diag *diag;
    enum demur_err err;
};

static bool remove_one(void *ctx, const char *name)
{
    struct removal *r = ctx;
    char path[PATH_LEN];
    r->err = path_join(path, r->folder, name)
                 ? path_remove_all(path, r->diag)
                 : demur_fail(r->diag, DEMUR_ERR_LIMIT, "a path below %s is too long", r->folder);
    return r->err == DEMUR_OK;
}

enum demur_err path_remove_all(const char *path, struct demur_diag *diag)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? DEMUR_OK : refused(diag, "remove", path);
    struct removal r = {path, diag, DEMUR_OK};
    if (S_ISDIR(st.st_mode)) {
        enum demur_err err = path_list(path, remove_one, &r, diag);
        if (err || r.err)
            return err ? err : r.err;
    }
    if ((S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path)) != 0 && errno != ENOENT)
        return refused(diag, "remove", path);
    return DEMUR_OK;
}

enum demur_err demur_path_data(const uint8_t fingerprint[static 32], struct demur_bytes *out,
                               struct demur_diag *diag)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    bool given = data && data[0] == '/'; /* the specification says: ignore relative ones */
    if (!given && (!home || !*home))
        return demur_fail(diag, DEMUR_ERR_MISSING,
                          "there is no home folder to keep the channel's copy in: say which one to "
                          "use");
    char hex[65];
    hex_text(hex, fingerprint);
    struct buf b = heap_buf(PATH_LEN);
    buf_put_str(&b, given ? data : home);
    buf_put_str(&b, given ? "/demur/" : "/.local/share/demur/");
    buf_put_str(&b, hex);
    if (!b.p || !buf_ok(&b)) {
        heap_buf_free(&b);
        return no_memory(diag);
    }
    *out = heap_buf_take(&b);
    return DEMUR_OK;
}

enum demur_err demur_fingerprint_parse(uint8_t out[static 32], struct span text,
                                       struct demur_diag *diag)
{
    uint8_t bytes[32];
    if (demur_hex_exact(bytes, sizeof bytes, text) != DEMUR_OK)
        return demur_fail(
            diag, DEMUR_ERR_SYNTAX,
            "a channel's fingerprint is 64 digits 0-9 and a-f; this has %zu characters", text.len);
    memcpy(out, bytes, sizeof bytes);
    return DEMUR_OK;
}
