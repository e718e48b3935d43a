/* next_key.c - demur_server_key_next: the key that a channel is to change to. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "server.h"

/* The names of a key's file, of the next one's, and of what they hold. */
struct key_names {
    char now[32], next[32], kind[32];
};

static enum demur_err place_fits(const char *dir, const struct key_names *names,
                                 struct demur_diag *diag)
{
    struct stat folder, key;
    char path[DEMUR_PATH_MAX];
    enum demur_err err = demur_path(path, dir, names->now, diag);
    if (err)
        return err;
    if (stat(path, &key) || stat(dir, &folder))
        return demur_fail(diag, DEMUR_ERR_MISSING,
                          "there is no %.150s (%s): name the directory that the server serves",
                          path, strerror(errno));
    if (folder.st_uid != geteuid())
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                          "%.150s belongs to user %u, whose server has to read the new key: do "
                          "this as that user",
                          dir, (unsigned)folder.st_uid);
    err = demur_path(path, dir, names->next, diag);
    if (!err && access(path, F_OK) == 0)
        err = demur_fail(diag, DEMUR_ERR_REPLAY,
                         "%.150s is there already: change to that key or, where that is done, "
                         "stop the server and move it to %s",
                         path, names->now);
    return err;
}

enum demur_err demur_server_key_next(const char *dir, const char *which,
                                     uint8_t public_key[static 32], struct demur_diag *diag)
{
    struct key_names names;
    uint8_t seed[32], secret[64];
    snprintf(names.now, sizeof names.now, "%.10s.key", which);
    snprintf(names.next, sizeof names.next, "%.10s.key.next", which);
    snprintf(names.kind, sizeof names.kind, "%.10s-key", which);
    enum demur_err err = place_fits(dir, &names, diag);
    if (err)
        return err;
    randombytes_buf(seed, sizeof seed);
    crypto_sign_seed_keypair(public_key, secret, seed);
    err = demur_key_write(dir, names.next, names.kind, seed, diag);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    return err;
}
