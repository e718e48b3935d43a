/* state.c - see state.h. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../core/hash.h"
#include "files.h"

#define NAME "signer.state"
#define FILE_LEN ((size_t)DEMUR_STATE_SLOTS * DEMUR_STATE_SLOT)
#define TEXT_ROOM ((size_t)DEMUR_STATE_SLOT - DEMUR_HASH_LEN)

_Static_assert(DEMUR_CHECKPOINT_MAX < TEXT_ROOM, "a checkpoint fits into a slot");

/* What of a slot comes before its zeros, if it hashes to what the slot says. */
static struct span slot_text(const uint8_t *slot)
{
    uint8_t hash[DEMUR_HASH_LEN];
    struct span text = span_of(slot, strnlen((const char *)slot, TEXT_ROOM));
    demur_hash(hash, text);
    return memcmp(hash, slot + TEXT_ROOM, sizeof hash) == 0 ? text : span_of(NULL, 0);
}

/* A checkpoint goes into *out, anything else leaves it empty. */
static void take(struct demur_state_slot *out, struct span text)
{
    struct span rest = text, line = {0};
    struct demur_checkpoint head;
    bool found = text.len > 0 && text.len <= sizeof out->text;
    out->len = 0;
    for (size_t i = 0; i < 3 && found; i++)
        line = span_split(&rest, '\n', &found);
    if (!found || demur_checkpoint_parse_text(
                      &head, span_take(text, (size_t)(line.p - text.p) + line.len + 1), NULL))
        return;
    memcpy(out->text, text.p, text.len);
    out->len = text.len;
    out->size = head.size;
    memcpy(out->root, head.root, 32);
}

enum demur_err demur_state_read(struct demur_state *out, const char *dir, struct demur_diag *diag)
{
    uint8_t file[FILE_LEN];
    struct buf b = buf_over(file, sizeof file);
    enum demur_err err = demur_file_read(&b, dir, NAME, diag);
    if (err == DEMUR_ERR_UNKNOWN)
        err = demur_fail(diag, err, "%.150s has no " NAME ": it is no channel's directory", dir);
    if (err)
        return err;
    out->slotted = b.len == sizeof file;
    for (size_t i = 0; i < DEMUR_STATE_SLOTS; i++)
        take(&out->slots[i], out->slotted ? slot_text(file + i * DEMUR_STATE_SLOT)
                             : i          ? span_of(NULL, 0)
                                          : buf_span(&b));
    return out->slots[0].len || out->slots[1].len
               ? DEMUR_OK
               : demur_fail(diag, DEMUR_ERR_SYNTAX,
                            "%.150s/" NAME " is damaged: restore it from your latest copy", dir);
}

static void slot_fill(uint8_t slot[static DEMUR_STATE_SLOT], struct span checkpoint)
{
    memset(slot, 0, DEMUR_STATE_SLOT);
    memcpy(slot, checkpoint.p, checkpoint.len);
    demur_hash(slot + TEXT_ROOM, checkpoint);
}

static enum demur_err fits(struct span checkpoint, struct demur_diag *diag)
{
    return checkpoint.len && checkpoint.len <= DEMUR_CHECKPOINT_MAX
               ? DEMUR_OK
               : demur_fail(diag, DEMUR_ERR_LIMIT, "that is no checkpoint for " NAME);
}

enum demur_err demur_state_write(const char *dir, struct span checkpoint, struct demur_diag *diag)
{
    uint8_t file[FILE_LEN] = {0};
    enum demur_err err = fits(checkpoint, diag);
    if (err)
        return err;
    slot_fill(file, checkpoint);
    return demur_file_write(dir, NAME, span_of(file, sizeof file), 0600, diag);
}

static enum demur_err refused(struct demur_diag *diag, const char *act)
{
    return demur_fail(diag, DEMUR_ERR_IO, "cannot %s " NAME ": %s", act, strerror(errno));
}

enum demur_err demur_state_open(int *fd, const char *dir, struct demur_diag *diag)
{
    char path[DEMUR_PATH_MAX];
    enum demur_err err = demur_path(path, dir, NAME, diag);
    if (err)
        return err;
    *fd = open(path, O_WRONLY | O_CLOEXEC);
    return *fd < 0 ? refused(diag, "open") : DEMUR_OK;
}

enum demur_err demur_state_put(int fd, unsigned slot, struct span checkpoint,
                               struct demur_diag *diag)
{
    uint8_t bytes[DEMUR_STATE_SLOT];
    enum demur_err err = fits(checkpoint, diag);
    if (err)
        return err;
    slot_fill(bytes, checkpoint);
    if (lseek(fd, (off_t)slot * DEMUR_STATE_SLOT, SEEK_SET) < 0)
        return refused(diag, "write");
    for (size_t done = 0; done < sizeof bytes;) {
        ssize_t n = write(fd, bytes + done, sizeof bytes - done);
        if (n < 0 && errno != EINTR)
            return refused(diag, "write");
        done += n > 0 ? (size_t)n : 0;
    }
    /* Its length never changes, so its bytes are all that has to reach the disk. */
    return fdatasync(fd) ? refused(diag, "sync") : DEMUR_OK;
}
