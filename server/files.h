/* files.h - the small files of a channel's directory. */
#ifndef DEMUR_SERVER_FILES_H
#define DEMUR_SERVER_FILES_H

#include "../core/base.h"

#define DEMUR_PATH_MAX 4096

/* `dir`/`name`; LIMIT when it is too long. */
enum demur_err demur_path(char out[static DEMUR_PATH_MAX], const char *dir, const char *name,
                          struct demur_diag *diag) DEMUR_CHECKED;
/* Append a file to *out. UNKNOWN when it is not there, LIMIT when it does not
 * fit, IO. */
enum demur_err demur_file_read(struct buf *out, const char *dir, const char *name,
                               struct demur_diag *diag) DEMUR_CHECKED;
/* Replace a file, durably and all at once: a temporary file, fsync, rename,
 * fsync of the directory. */
enum demur_err demur_file_write(const char *dir, const char *name, struct span bytes, unsigned mode,
                                struct demur_diag *diag) DEMUR_CHECKED;

/* An Ed25519 key file: `demur <kind> v1`, `seed <base64>`. Buffers that held
 * the seed are wiped. */
enum demur_err demur_key_write(const char *dir, const char *name, const char *kind,
                               const uint8_t seed[static 32],
                               struct demur_diag *diag) DEMUR_CHECKED;
/* secret is libsodium's, seed || public key. UNKNOWN when there is no file. */
enum demur_err demur_key_read(uint8_t secret[static 64], const char *dir, const char *name,
                              const char *kind, struct demur_diag *diag) DEMUR_CHECKED;

#endif
