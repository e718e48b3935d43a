/* copy.h - a channel's directory as a thing to examine, copy, put back and mirror.
 *
 * All of it works beside a server that runs, except restoring over its directory,
 * which the store's lock refuses. Errors are core's; IO stands for whatever the
 * system refused. Public data, but for the key files, which are copied and never shown.
 */
#ifndef DEMUR_SERVER_COPY_H
#define DEMUR_SERVER_COPY_H

#include "../core/base.h"

/* One fault: a sentence that says what is wrong and what to do, without a full stop. */
typedef void demur_fault_fn(void *ctx, const char *text);

struct demur_check_report {
    uint64_t entries, refused, signed_size, faults;
    uint8_t root[32];
};
/* Examine the store (everything that a hash covers), fold the log, and hold the
 * signer's last head, the keys, the files' modes and every named blob against it.
 * Each fault is told to fn. OK means that the examination came to its end, not that
 * there were none. *report is untouched on failure. */
enum demur_err demur_server_check(const char *dir, demur_fault_fn *fn, void *ctx,
                                  struct demur_check_report *report,
                                  struct demur_diag *diag) DEMUR_CHECKED;

/* Copy the channel as of one moment to `to`, which does not exist or is an empty
 * directory: the store, the keys, the signer's state, the config. All or nothing.
 * *entries is how many it holds. */
enum demur_err demur_server_backup(const char *dir, const char *to, uint64_t *entries,
                                   struct demur_diag *diag) DEMUR_CHECKED;

/* Put a backup back as `dir`: one that does not exist, or whose store is lost while
 * its signer's state may be newer than the backup's. FORBIDDEN when that signer has
 * signed more than the backup holds, for it could only begin a second history. A store
 * that is there is kept beside it as log.db.before-restore. */
enum demur_err demur_server_restore(const char *from, const char *dir, uint64_t *entries,
                                    struct demur_diag *diag) DEMUR_CHECKED;

/* ---- a mirror: the log as static files, for any web server ---------------------
 *
 * Every client can follow and audit it (docs/formats/log.md section 2). It holds what
 * the fold reads and nothing else: entries, tiles, the texts of policies and calendars,
 * the checkpoint, and entry 0's receipt, out of which a client learns a changed log key.
 * Never a sealed blob or a release key: what was copied cannot be expunged. */
struct demur_export_report {
    uint64_t entries; /* of the head that the mirror now shows */
    uint64_t before;  /* of the one that it showed before; 0: none */
    uint64_t written; /* files */
};
/* Bring the mirror up to what the signer of the channel's directory last signed,
 * beside a server that runs. `mirror` does not exist, is empty, or holds a mirror of
 * this channel. Only what is new is written; all of it is on the disk before the
 * checkpoint that needs it takes its place, and what the checkpoint before needs
 * stays until the next time, for whoever is reading. So a mirror is whole at every
 * moment, whenever this is broken off.
 *
 * FORBIDDEN when the directory is no mirror or is further on than the channel;
 * VERIFY when it shows another history, or the store is damaged; UNKNOWN when `dir`
 * is no channel's; MISSING when its log is empty; IO, MEMORY. */
enum demur_err demur_server_export(const char *dir, const char *mirror,
                                   struct demur_export_report *report,
                                   struct demur_diag *diag) DEMUR_CHECKED;

#endif
