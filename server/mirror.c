/* mirror.c - see mirror.h. */
#define _GNU_SOURCE /* syncfs */
#include "mirror.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/checkpoint.h"
#include "files.h"

#define FRESH ".new"
#define BEGUN "checkpoint.new"

static enum demur_err refused(const struct demur_mirror *m, const char *act, const char *name,
                              struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_IO, "cannot %s %.120s/%.80s: %s", act, m->path, name,
                      strerror(errno));
}

/* ---- opening ------------------------------------------------------------------- */

static enum demur_err checkpoint_read(struct demur_mirror *m, struct demur_diag *diag)
{
    uint8_t text[DEMUR_NOTE_MAX];
    struct buf b = buf_over(text, sizeof text);
    struct demur_checkpoint head;
    struct demur_note *note = malloc(sizeof *note);
    if (!note)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    enum demur_err err = demur_file_read(&b, m->path, "checkpoint", diag);
    if (err == DEMUR_ERR_UNKNOWN) {
        free(note);
        return DEMUR_OK;
    }
    bool good = !err && !demur_note_parse(note, buf_span(&b), NULL) &&
                !demur_checkpoint_parse_text(&head, note->text, NULL);
    free(note);
    if (!good)
        return err == DEMUR_ERR_IO
                   ? err
                   : demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                                "%.150s/checkpoint is no checkpoint: if that is a damaged mirror, "
                                "remove that file, and everything is written anew",
                                m->path);
    m->size = head.size;
    memcpy(m->root, head.root, 32);
    return DEMUR_OK;
}

/* Without a checkpoint it is empty, or what an export that was broken off began. */
static enum demur_err content_check(const struct demur_mirror *m, struct demur_diag *diag)
{
    static const char *const ours[] = {".", "..", "tile", "blob", "receipt", "checkpoint", BEGUN};
    DIR *there = opendir(m->path);
    if (!there)
        return demur_fail(diag, DEMUR_ERR_IO, "cannot read %.150s: %s", m->path, strerror(errno));
    bool known = true;
    for (struct dirent *e; known && !m->size && (e = readdir(there));) {
        known = false;
        for (size_t i = 0; i < DEMUR_COUNT(ours); i++)
            known |= !strcmp(e->d_name, ours[i]);
    }
    closedir(there);
    return known
               ? DEMUR_OK
               : demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                            "%.150s is not empty and is no mirror: name a new directory", m->path);
}

enum demur_err demur_mirror_open(struct demur_mirror *m, const char *path, struct demur_diag *diag)
{
    *m = (struct demur_mirror){.path = path, .fd = -1};
    if (mkdir(path, 0755) && errno != EEXIST)
        return demur_fail(diag, DEMUR_ERR_IO, "cannot make %.150s: %s", path, strerror(errno));
    m->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->fd < 0)
        return demur_fail(diag, DEMUR_ERR_IO, "cannot open %.150s: %s", path, strerror(errno));
    if (faccessat(m->fd, ".", W_OK | X_OK, AT_EACCESS))
        return demur_fail(diag, DEMUR_ERR_IO, "cannot write in %.150s: %s", path, strerror(errno));
    if (flock(m->fd, LOCK_EX | LOCK_NB))
        return demur_fail(diag, DEMUR_ERR_IO, "another export is writing to %.150s: let it end",
                          path);
    enum demur_err err = checkpoint_read(m, diag);
    return err ? err : content_check(m, diag);
}

void demur_mirror_close(struct demur_mirror *m)
{
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
}

/* ---- writing ---------------------------------------------------------------------- */

/* A web server of another account reads them, whatever the umask is. */
static bool folders_make(const struct demur_mirror *m, const char *name)
{
    char folder[128];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - name), name);
        if (!mkdirat(m->fd, folder, 0755))
            (void)!fchmodat(m->fd, folder, 0755, 0);
        else if (errno != EEXIST)
            return false;
    }
    return true;
}

static enum demur_err put(struct demur_mirror *m, const char *name, struct span bytes, bool durably,
                          struct demur_diag *diag)
{
    char fresh[140];
    snprintf(fresh, sizeof fresh, "%s" FRESH, name);
    if (!folders_make(m, name))
        return refused(m, "make the folder of", name, diag);
    int fd = openat(m->fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return refused(m, "make", fresh, diag);
    bool ok = !fchmod(fd, 0644);
    while (ok && bytes.len) {
        ssize_t n = write(fd, bytes.p, bytes.len);
        ok = n >= 0 || errno == EINTR;
        bytes = span_skip(bytes, n > 0 ? (size_t)n : 0);
    }
    ok = ok && (!durably || !fsync(fd));
    int cause = errno;
    if (close(fd) && ok) {
        cause = errno;
        ok = false;
    }
    if (ok && renameat(m->fd, fresh, m->fd, name)) {
        cause = errno;
        ok = false;
    }
    if (!ok) {
        unlinkat(m->fd, fresh, 0);
        errno = cause;
        return refused(m, "write", name, diag);
    }
    m->written++;
    return DEMUR_OK;
}

enum demur_err demur_mirror_tile(struct demur_mirror *m, const struct demur_tile *tile,
                                 struct span bytes, struct demur_diag *diag)
{
    char name[DEMUR_TILE_PATH_MAX + 1];
    struct buf b = buf_over(name, DEMUR_TILE_PATH_MAX);
    demur_tile_put_path(&b, tile);
    name[b.len] = 0;
    return put(m, name, bytes, false, diag);
}

static void hash_name(char out[static 80], const char *folder, const uint8_t hash[static 32])
{
    char hex[65];
    snprintf(out, 80, "%s/%s", folder, sodium_bin2hex(hex, sizeof hex, hash, 32));
}

enum demur_err demur_mirror_blob(struct demur_mirror *m, const uint8_t hash[static 32],
                                 struct span bytes, struct demur_diag *diag)
{
    char name[80];
    hash_name(name, "blob", hash);
    return put(m, name, bytes, false, diag);
}

enum demur_err demur_mirror_receipt(struct demur_mirror *m, const uint8_t leaf[static 32],
                                    struct span text, struct demur_diag *diag)
{
    char name[80];
    hash_name(name, "receipt", leaf);
    return put(m, name, text, false, diag);
}

/* ---- showing ------------------------------------------------------------------------ */

/* A partial tile of a size that is shown no more, or a file that was broken off. */
static bool is_stale(struct span name, uint64_t before, uint64_t size)
{
    struct demur_tile tile;
    if (name.len > sizeof FRESH && span_eq_str(span_skip(name, name.len - 4), FRESH))
        return true;
    return !demur_tile_parse_path(&tile, name, NULL) && tile.width < DEMUR_TILE_WIDTH &&
           tile.width != demur_tile_width_at(tile.level, tile.index, before) &&
           tile.width != demur_tile_width_at(tile.level, tile.index, size);
}

static enum demur_err tidy(const struct demur_mirror *m, uint64_t size, struct demur_diag *diag)
{
    char folder[DEMUR_PATH_MAX];
    enum demur_err err = demur_path(folder, m->path, "tile", diag);
    char *roots[] = {folder, NULL};
    FTS *walk = err ? NULL : fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!walk)
        return err ? err : refused(m, "read", "tile", diag);
    for (FTSENT *e; !err && (e = fts_read(walk));) {
        struct span name = span_skip(span_str(e->fts_path), strlen(m->path) + 1);
        if (e->fts_info == FTS_DP)
            (void)!rmdir(e->fts_accpath); /* when it is empty now */
        else if (e->fts_info != FTS_D && is_stale(name, m->size, size) && unlink(e->fts_accpath))
            err = refused(m, "remove", (const char *)name.p, diag);
    }
    fts_close(walk);
    return err;
}

enum demur_err demur_mirror_show(struct demur_mirror *m, struct span checkpoint, uint64_t size,
                                 struct demur_diag *diag)
{
    if (syncfs(m->fd))
        return refused(m, "write", "tile", diag);
    enum demur_err err = put(m, "checkpoint", checkpoint, true, diag);
    if (!err && fsync(m->fd))
        err = refused(m, "write", "checkpoint", diag);
    return err ? err : tidy(m, size, diag);
}
