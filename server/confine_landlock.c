/* confine_landlock.c - which files may still be opened; see confine.h.
 *
 * glibc has no functions for it, and the kernel's header is that of the machine that
 * compiles: what newer kernels know is named here, and used where the kernel that runs
 * has it (Documentation/userspace-api/landlock.rst; Debian 12 has ABI 2).
 */
#define _GNU_SOURCE /* O_PATH, syscall */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"
#include "files.h"

/* Rights of files by the ABI that brought them; those of ABI 1 are bits 0 to 12. */
#define FS_ABI_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)     /* ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_TCP UINT64_C(3)              /* ABI 4: to bind, to connect */
#define SCOPED UINT64_C(3)               /* ABI 6: abstract sockets, signals */

struct ruleset {
    uint64_t handled_fs, handled_net, scoped;
};

/* The ruleset that each ABI understands, with how much of the struct it knows. */
static size_t ruleset_for(struct ruleset *out, int abi)
{
    *out = (struct ruleset){.handled_fs = FS_ABI_1};
    if (abi >= 2)
        out->handled_fs |= FS_REFER;
    if (abi >= 3)
        out->handled_fs |= FS_TRUNCATE;
    if (abi >= 5)
        out->handled_fs |= FS_IOCTL_DEV;
    if (abi >= 4)
        out->handled_net = NET_TCP;
    if (abi >= 6)
        out->scoped = SCOPED;
    return abi >= 6   ? sizeof *out
           : abi >= 4 ? offsetof(struct ruleset, scoped)
                      : offsetof(struct ruleset, handled_net);
}

#define READ LANDLOCK_ACCESS_FS_READ_FILE
#define WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)
#define LIST LANDLOCK_ACCESS_FS_READ_DIR /* without which a directory cannot be synced */
#define REMOVE LANDLOCK_ACCESS_FS_REMOVE_FILE

/* Paths below the channel's directory; those that begin with `/` are what they say. Rights on a
 * directory hold for all that is in it. The server may neither read log.key nor write
 * signer.state: whoever takes it over can sign nothing, and cannot make the signer forget. */
struct rule {
    const char *path;
    uint64_t rights;
};
static const struct rule server_rules[] = {
    {".", LIST | REMOVE}, /* SQLite removes its companions when it closes */
    {"log.db", READ | WRITE}, {"log.db-wal", READ | WRITE}, {"log.db-shm", READ | WRITE}, {NULL, 0},
};
/* The signer opens nothing more: its state, its lock and its socket are open. */
static const struct rule signer_rules[] = {{NULL, 0}};
/* A sanitizer reads itself, to name the place of what it reports. */
static const struct rule sanitizer_rules[] = {
#ifdef __SANITIZE_ADDRESS__
    {"/proc", READ | LIST},
    {"/proc/self/exe", READ},
    {"/usr/lib", READ | LIST},
#endif
    {NULL, 0},
};

int demur_landlock_abi(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static enum demur_err refused(const char *what, struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_FORBIDDEN, "cannot confine to %.150s: %s", what,
                      strerror(errno));
}

static enum demur_err rules_add(int ruleset, const struct ruleset *known, const char *dir,
                                const struct rule *rules, struct demur_diag *diag)
{
    for (; rules->path; rules++) {
        char path[DEMUR_PATH_MAX];
        struct landlock_path_beneath_attr rule = {.allowed_access =
                                                      rules->rights & known->handled_fs};
        enum demur_err err = DEMUR_OK;
        if (rules->path[0] == '/')
            snprintf(path, sizeof path, "%s", rules->path);
        else
            err = demur_path(path, dir, rules->path, diag);
        if (err)
            return err;
        rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
        if (rule.parent_fd < 0)
            return refused(path, diag);
        long failed = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
        if (failed)
            err = refused(path, diag);
        close(rule.parent_fd);
        if (err)
            return err;
    }
    return DEMUR_OK;
}

enum demur_err demur_landlock(enum demur_confine_role role, const char *dir,
                              struct demur_diag *diag)
{
    struct ruleset attr;
    int abi = demur_landlock_abi();
    size_t len = ruleset_for(&attr, abi);
    int ruleset = abi < 1 ? -1 : (int)syscall(SYS_landlock_create_ruleset, &attr, len, 0);
    if (ruleset < 0)
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                          "this system cannot confine the server to its own files (%s): that takes "
                          "Linux 5.13 or later with Landlock switched on; " DEMUR_CONFINE_WITHOUT,
                          strerror(errno));
    enum demur_err err = rules_add(
        ruleset, &attr, dir, role == DEMUR_CONFINE_SERVER ? server_rules : signer_rules, diag);
    if (!err)
        err = rules_add(ruleset, &attr, dir, sanitizer_rules, diag);
    if (!err && syscall(SYS_landlock_restrict_self, ruleset, 0))
        err = refused(dir, diag);
    close(ruleset);
    return err;
}
