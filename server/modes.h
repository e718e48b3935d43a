/* modes.h - who else may get at a channel's files. Inside server/. */
#ifndef DEMUR_SERVER_MODES_H
#define DEMUR_SERVER_MODES_H

#include "../core/base.h"

/* Gets one sentence about one file: what is wrong, and the command that mends it. */
typedef void demur_mode_fn(void *ctx, const char *text);

/* Tell of the directory and of each secret file in it that users other than `owner` may read,
 * write or enter, or that belongs to somebody else (but root, who may do everything).
 * What is not there is passed over. Returns how many were told. */
size_t demur_modes_check(const char *dir, unsigned owner, demur_mode_fn *fn, void *ctx);
/* The user to whom the directory belongs; false when there is none. */
bool demur_modes_owner(const char *dir, unsigned *owner);
/* A private key outside the directory. A group may read it, as Debian's ssl-cert does;
 * everybody may not. FORBIDDEN. */
enum demur_err demur_modes_tls_key(const char *path, struct demur_diag *diag) DEMUR_CHECKED;

#endif
