/* files.c - see files.h. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/encode.h"
#include "../core/lines.h"

#define KEY_TEXT_MAX 256

static enum demur_err refused(struct demur_diag *diag, const char *act, const char *path)
{
    return demur_fail(diag, DEMUR_ERR_IO, "cannot %s %.150s: %s", act, path, strerror(errno));
}

enum demur_err demur_path(char out[static DEMUR_PATH_MAX], const char *dir, const char *name,
                          struct demur_diag *diag)
{
    int n = snprintf(out, DEMUR_PATH_MAX, "%s/%s", dir, name);
    if (n < 0 || n >= DEMUR_PATH_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the channel's directory is too long");
    return DEMUR_OK;
}

enum demur_err demur_file_read(struct buf *out, const char *dir, const char *name,
                               struct demur_diag *diag)
{
    char path[DEMUR_PATH_MAX];
    enum demur_err err = demur_path(path, dir, name, diag);
    if (err)
        return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN, "there is no %.150s", path);
    if (fd < 0)
        return refused(diag, "read", path);
    for (;;) {
        uint8_t chunk[4096];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n > 0)
            buf_put(out, chunk, (size_t)n);
        sodium_memzero(chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = refused(diag, "read", path);
        if (n <= 0 || !buf_ok(out))
            break;
    }
    close(fd);
    if (!err && !buf_ok(out))
        err = demur_fail(diag, DEMUR_ERR_LIMIT, "%.150s is too long", path);
    return err;
}

static bool write_all(int fd, struct span bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.p, bytes.len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            bytes = span_skip(bytes, (size_t)n);
    }
    return true;
}

static enum demur_err directory_sync(const char *dir, struct demur_diag *diag)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refused(diag, "open", dir);
    enum demur_err err = fsync(fd) ? refused(diag, "sync", dir) : DEMUR_OK;
    close(fd);
    return err;
}

enum demur_err demur_file_write(const char *dir, const char *name, struct span bytes, unsigned mode,
                                struct demur_diag *diag)
{
    char path[DEMUR_PATH_MAX], temporary[DEMUR_PATH_MAX], fresh[64];
    snprintf(fresh, sizeof fresh, "%.50s.new", name);
    enum demur_err err = demur_path(path, dir, name, diag);
    if (!err)
        err = demur_path(temporary, dir, fresh, diag);
    if (err)
        return err;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return refused(diag, "make", temporary);
    /* The mode again: the umask or an older file may have given another. */
    if (fchmod(fd, mode) || !write_all(fd, bytes) || fsync(fd))
        err = refused(diag, "write", temporary);
    if (close(fd) && !err)
        err = refused(diag, "write", temporary);
    if (!err && rename(temporary, path))
        err = refused(diag, "replace", path);
    if (err) {
        unlink(temporary);
        return err;
    }
    return directory_sync(dir, diag);
}

enum demur_err demur_key_write(const char *dir, const char *name, const char *kind,
                               const uint8_t seed[static 32], struct demur_diag *diag)
{
    uint8_t text[KEY_TEXT_MAX];
    struct buf b = buf_over(text, sizeof text);
    buf_put_str(&b, "demur ");
    buf_put_str(&b, kind);
    buf_put_str(&b, " v1\nseed ");
    demur_base64_encode(&b, span_of(seed, 32));
    buf_put_str(&b, "\n");
    enum demur_err err = demur_file_write(dir, name, buf_span(&b), 0600, diag);
    sodium_memzero(text, sizeof text);
    return err;
}

static enum demur_err key_parse(uint8_t seed[static 32], struct span text, const char *kind,
                                struct demur_diag *diag)
{
    struct demur_lines lines;
    struct span line, more;
    enum demur_err err = demur_lines_init(&lines, text, KEY_TEXT_MAX, diag);
    if (!err)
        err = demur_lines_header(&lines, kind, diag);
    if (err)
        return err;
    if (!demur_lines_next(&lines, &line) || !span_starts(line, "seed ") ||
        demur_base64_exact(seed, 32, span_skip(line, 5)) || demur_lines_next(&lines, &more))
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "the key file does not hold one line `seed`");
    return DEMUR_OK;
}

enum demur_err demur_key_read(uint8_t secret[static 64], const char *dir, const char *name,
                              const char *kind, struct demur_diag *diag)
{
    uint8_t text[KEY_TEXT_MAX], seed[32], public_key[32];
    struct buf b = buf_over(text, sizeof text);
    struct demur_diag cause = {0};
    enum demur_err err = demur_file_read(&b, dir, name, diag);
    if (!err) {
        err = key_parse(seed, buf_span(&b), kind, &cause);
        if (err)
            demur_fail(diag, err, "%s is damaged: %.150s; restore it from your copy", name,
                       cause.text);
    }
    if (!err)
        crypto_sign_ed25519_seed_keypair(public_key, secret, seed);
    sodium_memzero(text, sizeof text);
    sodium_memzero(seed, sizeof seed);
    return err;
}
