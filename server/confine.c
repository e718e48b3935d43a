/* confine.c - see confine.h. */
#include "confine.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Landlock has no way to reach a thread that runs already. */
static enum demur_err one_thread(struct demur_diag *diag)
{
    DIR *tasks = opendir("/proc/self/task");
    size_t n = 0;
    if (!tasks)
        return demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                          "cannot count the threads that are to be confined, for /proc cannot be "
                          "read (%s): mount it, or " DEMUR_CONFINE_WITHOUT,
                          strerror(errno));
    for (struct dirent *e; (e = readdir(tasks));)
        n += e->d_name[0] != '.';
    closedir(tasks);
    return n == 1 ? DEMUR_OK
                  : demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                               "%zu threads run already and would stay unconfined: this is a "
                               "mistake in demur",
                               n);
}

enum demur_err demur_confine(enum demur_confine_role role, const char *dir, struct demur_diag *diag)
{
    enum demur_err err = one_thread(diag);
    /* Keys, and release keys on their way, are for no file. A program that takes cores in
     * a pipe heeds no limit. */
    if (!err && (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) || prctl(PR_SET_DUMPABLE, 0)))
        err = demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                         "cannot give up leaving core files: %s; " DEMUR_CONFINE_WITHOUT,
                         strerror(errno));
    if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        err = demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                         "cannot give up gaining privileges: %s; " DEMUR_CONFINE_WITHOUT,
                         strerror(errno));
    if (!err)
        err = demur_landlock(role, dir, diag);
    if (!err)
        err = demur_seccomp(role, diag);
    return err;
}

void demur_detach(int fd, const char *name)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT};
    for (size_t i = 0; i < DEMUR_COUNT(ignored); i++)
        signal(ignored[i], SIG_IGN);
    DIR *open_files = opendir("/proc/self/fd");
    for (struct dirent *e; open_files && (e = readdir(open_files));) {
        uint64_t number;
        if (span_u64(span_str(e->d_name), INT32_MAX, &number) && (int)number > STDERR_FILENO &&
            (int)number != fd && (int)number != dirfd(open_files))
            close((int)number);
    }
    if (open_files)
        closedir(open_files);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_NAME, name);
}
