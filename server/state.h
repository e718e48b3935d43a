/* state.h - DIR/signer.state: the checkpoint that the signer signed last. Inside server/.
 *
 * Two slots of 4 KiB, each a checkpoint, zeros, and in its last 32 bytes the SHA-256
 * of the checkpoint. The one that is not the newest is overwritten in place and
 * synced, which is one write to the disk, where a new file under the old name takes
 * three; and whatever a crash leaves of it, the other slot still holds what
 * was signed before. A file that holds one checkpoint and nothing else, as older
 * versions and backups leave it, is as good.
 */
#ifndef DEMUR_SERVER_STATE_H
#define DEMUR_SERVER_STATE_H

#include "../core/checkpoint.h"

#define DEMUR_STATE_SLOTS 2
#define DEMUR_STATE_SLOT 4096

/* What the slots hold; len 0: nothing that is whole. Signatures are not checked. */
struct demur_state {
    struct demur_state_slot {
        uint8_t text[DEMUR_CHECKPOINT_MAX];
        size_t len;
        uint64_t size; /* of the log under it: the newer slot's is larger */
        uint8_t root[32];
    } slots[DEMUR_STATE_SLOTS];
    bool slotted; /* else it has to be written anew before a slot can be */
};
/* UNKNOWN when there is no file, SYNTAX when no slot is whole, IO. */
enum demur_err demur_state_read(struct demur_state *out, const char *dir,
                                struct demur_diag *diag) DEMUR_CHECKED;
/* A new file with this checkpoint in slot 0. */
enum demur_err demur_state_write(const char *dir, struct span checkpoint,
                                 struct demur_diag *diag) DEMUR_CHECKED;
/* Open a slotted file for demur_state_put. */
enum demur_err demur_state_open(int *fd, const char *dir, struct demur_diag *diag) DEMUR_CHECKED;
/* Overwrite a slot, durably. After IO nobody knows what is in it. */
enum demur_err demur_state_put(int fd, unsigned slot, struct span checkpoint,
                               struct demur_diag *diag) DEMUR_CHECKED;

#endif
