/* copy.h - a channel's directory as a thing to examine, copy and put back.
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

#endif
