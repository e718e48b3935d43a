/* What a confined process can still do, tried by one: each deed in a process of its own,
 * once free and once in each role. Free, every deed succeeds, so that a refusal is the
 * sandbox's; then the real server, on a system that lacks one of the mechanisms. */
#define _GNU_SOURCE /* mkdtemp, syscall */
#include "../../server/confine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../server/files.h"
#include "fixture.h"

#define FREE (-1)
#define KILLED (128 + SIGSYS)
#define DID 0
#define DENIED 3 /* the system said no, and the process goes on */
#define BROKEN 4 /* the test could not be set up */

/* A channel's directory with the files that the rules name, and one outside. */
struct place {
    char parent[64], dir[80], outside[80];
    int listener, child_fd, state_fd;
};

static const struct place *here; /* of the deeds, in their process */

static const char *in_dir(const char *name)
{
    static char path[DEMUR_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", here->dir, name);
    return path;
}

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool read_outside(void) { return opens(here->outside, O_RDONLY); }
static bool write_outside(void) { return opens(here->outside, O_WRONLY); }
static bool make_outside(void)
{
    char path[96];
    snprintf(path, sizeof path, "%s/fresh", here->parent);
    return opens(path, O_WRONLY | O_CREAT | O_TRUNC);
}
static bool read_log_key(void) { return opens(in_dir("log.key"), O_RDONLY); }
static bool write_state(void) { return opens(in_dir("signer.state"), O_WRONLY); }
static bool rename_state(void)
{
    char to[DEMUR_PATH_MAX];
    snprintf(to, sizeof to, "%s/other", here->dir);
    return rename(in_dir("signer.state"), to) == 0;
}
static bool open_store(void) { return opens(in_dir("log.db"), O_RDWR); }
static bool write_held_state(void)
{
    return write(here->state_fd, "a newer head\n", 13) == 13 && !fdatasync(here->state_fd);
}
static bool replace_state(void)
{
    return !demur_file_write(here->dir, "signer.state", span_lit("a newer head\n"), 0600, NULL);
}
static bool make_socket(void) { return socket(AF_INET, SOCK_STREAM, 0) >= 0; }
static bool connect_out(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    getsockname(here->listener, (struct sockaddr *)&at, &len);
    return connect(here->child_fd, (struct sockaddr *)&at, len) == 0;
}
static bool execute(void)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL}, *const envp[] = {NULL};
    execve("/bin/true", argv, envp);
    return false;
}
static bool trace(void) { return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0; }
static bool fork_off(void)
{
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    return child > 0;
}
static bool make_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}
static bool kill_parent(void) { return kill(getppid(), 0) == 0; }

static void *idle(void *arg) { return arg; }
static bool start_thread(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, idle, NULL) == 0 && pthread_join(thread, NULL) == 0;
}
/* What a thread does that started after the sandbox did. */
static void *connects(void *arg)
{
    (void)arg;
    return connect_out() ? (void *)(uintptr_t)here : NULL;
}
static bool thread_connects(void)
{
    pthread_t thread;
    void *did = NULL;
    return pthread_create(&thread, NULL, connects, NULL) == 0 && pthread_join(thread, &did) == 0 &&
           did;
}

#ifdef __SANITIZE_ADDRESS__ /* which needs some calls itself (confine_seccomp.c) */
#define ROUGHLY(release) (-2)
#else
#define ROUGHLY(release) (release)
#endif

static const struct deed {
    const char *name;
    bool (*run)(void);
    int server, signer; /* how the process ends there; below 0: not asked */
} deeds[] = {
    {"read a file outside", read_outside, DENIED, ROUGHLY(KILLED)},
    {"write a file outside", write_outside, DENIED, ROUGHLY(KILLED)},
    {"make a file outside", make_outside, DENIED, ROUGHLY(KILLED)},
    {"read the log key", read_log_key, DENIED, ROUGHLY(KILLED)},
    {"write the signer's state", write_state, DENIED, ROUGHLY(KILLED)},
    {"put something in its place", rename_state, KILLED, KILLED},
    {"open the store", open_store, DID, ROUGHLY(KILLED)},
    {"replace the signer's state", replace_state, DENIED, ROUGHLY(KILLED)},
    {"write the state that is open", write_held_state, DID, DID},
    {"make a socket", make_socket, KILLED, KILLED},
    {"connect", connect_out, KILLED, KILLED},
    {"connect in a thread", thread_connects, KILLED, KILLED},
    {"run a program", execute, KILLED, KILLED},
    {"trace", trace, ROUGHLY(KILLED), ROUGHLY(KILLED)},
    {"fork", fork_off, ROUGHLY(KILLED), ROUGHLY(KILLED)},
    {"make memory that can be executed", make_code, KILLED, KILLED},
    {"signal another process", kill_parent, ROUGHLY(KILLED), ROUGHLY(KILLED)},
    {"start a thread", start_thread, DID, ROUGHLY(KILLED)},
};

static bool file_make(const char *dir, const char *name)
{
    return !demur_file_write(dir, name, span_lit("something\n"), 0600, NULL);
}

static bool place_make(struct place *p)
{
    static const char *const names[] = {"log.db", "log.db-wal", "log.db-shm", "log.key",
                                        "signer.state"};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    snprintf(p->parent, sizeof p->parent, "/tmp/demur-confine-XXXXXX");
    if (!mkdtemp(p->parent))
        return false;
    snprintf(p->dir, sizeof p->dir, "%s/ch", p->parent);
    snprintf(p->outside, sizeof p->outside, "%s/outside", p->parent);
    bool ok = !mkdir(p->dir, 0700) && file_make(p->parent, "outside");
    for (size_t i = 0; i < DEMUR_COUNT(names); i++)
        ok = ok && file_make(p->dir, names[i]);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ok && !bind(p->listener, (struct sockaddr *)&at, sizeof at) && !listen(p->listener, 64);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void place_remove(struct place *p)
{
    close(p->listener);
    nftw(p->parent, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int ended(pid_t child)
{
    int how = 0;
    waitpid(child, &how, 0);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

static int do_deed(const struct deed *deed, int role)
{
    static struct place p;
    if (!place_make(&p))
        return BROKEN;
    pid_t child = fork();
    if (child == 0) {
        here = &p;
        p.state_fd = open(in_dir("signer.state"), O_WRONLY | O_CLOEXEC);
        p.child_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (role != FREE && demur_confine((enum demur_confine_role)role, p.dir, NULL))
            _exit(BROKEN);
        _exit(deed->run() ? DID : DENIED);
    }
    int how = ended(child);
    place_remove(&p);
    return how;
}

TEST(what_a_confined_process_can_still_do)
{
    for (size_t i = 0; i < DEMUR_COUNT(deeds); i++) {
        const struct deed *d = &deeds[i];
        const struct {
            const char *as;
            int role, want;
        } tries[] = {{"free", FREE, DID},
                     {"the server", DEMUR_CONFINE_SERVER, d->server},
                     {"the signer", DEMUR_CONFINE_SIGNER, d->signer}};
        for (size_t k = 0; k < DEMUR_COUNT(tries); k++) {
            int how = tries[k].want < 0 ? tries[k].want : do_deed(d, tries[k].role);
            if (how != tries[k].want)
                test_failed(__FILE__, __LINE__, "%s, %s: it ended with %d, wanted %d", tries[k].as,
                            d->name, how, tries[k].want);
        }
    }
}

/* A thread that runs already would stay free. */
TEST(confining_wants_one_thread)
{
    struct place p;
    REQUIRE(place_make(&p));
    pid_t child = fork();
    if (child == 0) {
        struct demur_diag diag = {0};
        pthread_t thread;
        pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
        pthread_mutex_lock(&gate);
        pthread_create(&thread, NULL, (void *(*)(void *))(void (*)(void))pthread_mutex_lock, &gate);
        enum demur_err err = demur_confine(DEMUR_CONFINE_SERVER, p.dir, &diag);
        _exit(err == DEMUR_ERR_FORBIDDEN && strstr(diag.text, "2 threads") ? 0 : 1);
    }
    CHECK(ended(child) == 0);
    place_remove(&p);
}

/* ---- systems that lack it ------------------------------------------------------ */

/* As a kernel answers that was built without. */
static void lacks(const char *name, const struct scmp_arg_cmp *only, int error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((uint32_t)error),
                               seccomp_syscall_resolve_name(name), only ? 1 : 0, only) ||
        seccomp_load(filter))
        _exit(BROKEN);
    seccomp_release(filter);
}
static void lacks_landlock(void) { lacks("landlock_create_ruleset", NULL, ENOSYS); }
static void lacks_seccomp(void)
{
    /* SECCOMP_SET_MODE_FILTER, without which nobody can be filtered */
    struct scmp_arg_cmp set_mode = SCMP_A0_64(SCMP_CMP_EQ, 1);
    lacks("seccomp", &set_mode, EINVAL);
}

TEST(a_server_that_cannot_be_confined_does_not_serve)
{
    static const struct {
        void (*before)(void);
        const char *says;
    } cases[] = {{lacks_landlock, "confine the server to its own files"},
                 {lacks_seccomp, "system calls"}};
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        int status = 0;
        CHECK(fixture_stop(f, SIGTERM) == 0);
        f->before = cases[i].before;
        f->unconfined = false;
        CHECK(!fixture_start(f, &status) && status == 2);
        if (!strstr(f->diag.text, cases[i].says) || !strstr(f->diag.text, "serve --unconfined"))
            test_failed(__FILE__, __LINE__, "it said: %s", f->diag.text);
        f->unconfined = true;
        REQUIRE(fixture_start(f, &status));
    }
    fixture_free(f);
}

/* Of a server that crashes no file stays behind with keys in it. */
TEST(a_confined_server_leaves_no_core_file)
{
    char path[64], line[128];
    bool none = false;
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    snprintf(path, sizeof path, "/proc/%d/limits", (int)f->server);
    FILE *limits = fopen(path, "r");
    REQUIRE(limits != NULL);
    while (fgets(line, sizeof line, limits)) {
        char soft[32], hard[32];
        if (sscanf(line, "Max core file size %31s %31s", soft, hard) == 2)
            none = !strcmp(soft, "0") && !strcmp(hard, "0");
    }
    fclose(limits);
    CHECK(none);
    fixture_free(f);
}

TEST(metrics_say_whether_the_server_is_confined)
{
    static struct fixture_answer a;
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    for (int unconfined = 0; unconfined < 2; unconfined++) {
        f->unconfined = unconfined;
        CHECK(fixture_stop(f, SIGTERM) == 0);
        REQUIRE(fixture_start(f, NULL));
        CHECK(fixture_ask(f, &a, "GET", "/metrics", span_of(NULL, 0)) && a.len < sizeof a.body);
        a.body[a.len] = 0;
        CHECK(strstr((char *)a.body,
                     unconfined ? "\ndemur_confined 0\n" : "\ndemur_confined 1\n") != NULL);
    }
    fixture_free(f);
}
