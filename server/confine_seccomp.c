/* confine_seccomp.c - which system calls may still be made; see confine.h.
 *
 * A list says what is allowed; anything else ends the process. The C library chooses
 * among calls that do the same (stat, newfstatat, statx), differently on Debian 12 and
 * 13, on amd64 and arm64, so each list names all of a kind. A name that this
 * machine's architecture or libseccomp does not have cannot be called and is passed over.
 */
#define _GNU_SOURCE /* CLONE_* */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "confine.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* a name for a mapping: glibc 2.38 and later */
#endif

/* All that the signer has: memory, clocks, its own descriptors, ending, and what abort() does when
 * an assertion fails. Memory that can be executed is made by nobody: see memory_allow. */
static const char *const for_all[] = {
    "brk",
    "munmap",
    "mremap",
    "madvise",
    "mlock",
    "mlock2",
    "munlock",
    "futex",
    "futex_waitv",
    "futex_wait",
    "futex_wake",
    "sched_yield",
    "getrandom",
    "clock_gettime",
    "clock_getres",
    "gettimeofday",
    "time",
    "clock_nanosleep",
    "nanosleep",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "getpid",
    "gettid",
    "exit",
    "exit_group",
    "read",
    "readv",
    "write",
    "writev",
    "close",
    "lseek",
    "fsync",
    "fdatasync",
    "fstat",
    "newfstatat",
    "stat",
    "lstat",
    "statx",
    "recvfrom",
    "recvmsg",
    "sendto",
    "sendmsg",
    "poll",
    "ppoll",
    "rseq",
    "set_robust_list",
    NULL,
};
static const char *const for_server[] = {
    /* SQLite. Landlock says which files it may open. */
    "openat",
    "open",
    "pread64",
    "pwrite64",
    "access",
    "faccessat",
    "faccessat2",
    "ftruncate",
    "fallocate",
    "unlink",
    "unlinkat",
    "fcntl",
    "flock",
    "fchmod",
    "fchown",
    "readlink",
    "readlinkat",
    "getcwd",
    "statfs",
    "fstatfs",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "uname",
    "sysinfo",
    /* libmicrohttpd and GnuTLS, on sockets that they are given or accept */
    "accept4",
    "accept",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "shutdown",
    "sendfile",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd2",
    "dup2",
    "select",
    "pselect6",
    "getrusage",
    "getppid",
    /* threads, and the end of the signer */
    "sched_getaffinity",
    "set_tid_address",
    "membarrier",
    "wait4",
    "waitid",
    NULL,
};
/* The leak checker stops this process from a clone of it; reports look things up. */
static const char *const for_sanitizers[] = {
#ifdef __SANITIZE_ADDRESS__
    "clone",      "ptrace",
    "wait4",      "getdents64",
    "readlink",   "readlinkat",
    "openat",     "open",
    "access",     "prctl",
    "kill",       "tgkill",
    "getppid",    "sched_getaffinity",
    "dup",        "dup2",
    "pipe2",      "getuid",
    "geteuid",    "sysinfo",
    "getrusage",  "process_vm_readv",
    "uname",      "ioctl",
    "fcntl",      "prlimit64",
    "arch_prctl",
#endif
    NULL,
};

static int names_allow(scmp_filter_ctx filter, const char *const *names)
{
    for (; *names; names++) {
        int number = seccomp_syscall_resolve_name(*names);
        if (number == __NR_SCMP_ERROR)
            continue;
        int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
        if (failed)
            return failed;
    }
    return 0;
}

static int call_allow(scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp only)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(name), 1,
                                  &only);
}

/* No memory that can be executed, so that no code of a stranger's can be. */
static int memory_allow(scmp_filter_ctx filter)
{
    struct scmp_arg_cmp not_executable = SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    int failed = call_allow(filter, "mmap", not_executable);
    if (!failed)
        failed = call_allow(filter, "mprotect", not_executable);
    /* abort() */
    if (!failed)
        failed = call_allow(filter, "tgkill", SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    return failed;
}

/* Threads but no processes. clone3's flags are in memory, where no filter can look: told
 * that there is none, the C library uses clone. */
static int threads_allow(scmp_filter_ctx filter)
{
    const scmp_datum_t flags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
    int failed = call_allow(filter, "clone", SCMP_A0_64(SCMP_CMP_MASKED_EQ, flags, flags));
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
                                  seccomp_syscall_resolve_name("clone3"), 0);
    if (!failed)
        failed = call_allow(filter, "prctl", SCMP_A0_64(SCMP_CMP_EQ, PR_SET_NAME, 0));
    if (!failed)
        failed = call_allow(filter, "prctl", SCMP_A0_64(SCMP_CMP_EQ, PR_SET_VMA, 0));
    if (!failed) /* limits may be read, not set */
        failed = call_allow(filter, "prlimit64", SCMP_A2_64(SCMP_CMP_EQ, 0, 0));
    if (!failed) /* is this a terminal? */
        failed = call_allow(filter, "ioctl", SCMP_A1_64(SCMP_CMP_EQ, TCGETS, 0));
    return failed;
}

enum demur_err demur_seccomp(enum demur_confine_role role, struct demur_diag *diag)
{
    bool server = role == DEMUR_CONFINE_SERVER;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int failed = filter ? 0 : -ENOMEM;
    if (!failed) /* the kernel's own word for a failure */
        failed = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    if (!failed) /* of one thread, and if there were more, of all */
        failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!failed)
        failed = names_allow(filter, for_all);
    if (!failed)
        failed = memory_allow(filter);
    if (!failed && server)
        failed = names_allow(filter, for_server);
    if (!failed && server)
        failed = threads_allow(filter);
    if (!failed)
        failed = names_allow(filter, for_sanitizers);
    if (!failed)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return !failed ? DEMUR_OK
                   : demur_fail(diag, DEMUR_ERR_FORBIDDEN,
                                "this system cannot confine the server to the system calls that it "
                                "needs (%s): that takes a kernel with seccomp "
                                "filters; " DEMUR_CONFINE_WITHOUT,
                                strerror(-failed));
}
