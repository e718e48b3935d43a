/* demo_liar.h - a lying server, for the demonstration: it passes everything on
 * to the real one but the log, for which it serves one of its own making. */
#ifndef DEMUR_CLI_DEMO_LIAR_H
#define DEMUR_CLI_DEMO_LIAR_H

#include <sys/types.h>

#include "cli.h"

/* A log: its entries in order, and the checkpoint shown for it. */
struct demo_log {
    struct demur_bytes *entries;
    size_t len, cap;
    uint8_t checkpoint[2048];
    size_t checkpoint_len;
};

/* Copy the client's verified log. */
enum demur_err demo_log_copy(struct demo_log *log, struct demur_client *client,
                             struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demo_log_add(struct demo_log *log, struct span entry,
                            struct demur_diag *diag) DEMUR_CHECKED;
/* Sign a checkpoint that fits the entries, with the operator's own log key. */
enum demur_err demo_log_sign(struct demo_log *log, struct span origin,
                             const uint8_t secret[static 64],
                             struct demur_diag *diag) DEMUR_CHECKED;
void demo_log_free(struct demo_log *log);

/* Serve the log on loopback in a process of its own, in front of `upstream`
 * (http://127.0.0.1:PORT). The caller kills *pid. */
enum demur_err demo_liar_start(const struct demo_log *log, const char *upstream,
                               char url[static 64], pid_t *pid,
                               struct demur_diag *diag) DEMUR_CHECKED;

#endif
