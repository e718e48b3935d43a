/* refold.c - see refold.h. */
#include "refold.h"

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "engine.h"

#define NICE 19 /* after everything else */

struct demur_refold {
    int fd;
    pid_t pid;
};

/* Both messages are of one program to itself. */
struct answer {
    enum demur_err code;
    char text[256];
};

/* ---- the process ---- */

struct job {
    int fd;
    struct demur_snapshot snapshot;
    struct demur_folding folding;
    bool confined;
};

/* The server says nothing more: when the socket is readable, it has ended. */
static bool server_gone(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, 0) != 0;
}

static enum demur_err entry_fold(void *ctx, uint64_t index, const uint8_t leaf[static 32],
                                 struct span bytes)
{
    struct job *j = ctx;
    if (server_gone(j->fd))
        _exit(0);
    return demur_folding_entry(&j->folding, index, leaf, bytes);
}

static enum demur_err compare(struct job *j, struct demur_diag *diag)
{
    uint8_t root[32], chain[32], hash[32];
    struct demur_engine *e = j->folding.engine;
    enum demur_err err = demur_snapshot_hash(e, hash, diag);
    if (err)
        return err;
    demur_frontier_root(&j->folding.frontier, root);
    demur_channel_chain(e->channel, chain);
    if (memcmp(root, j->snapshot.root, 32) != 0 || memcmp(chain, j->snapshot.chain, 32) != 0 ||
        memcmp(hash, j->snapshot.hash, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the snapshot that this server started from does not say what the first "
                          "%llu entries of the log say",
                          (unsigned long long)j->snapshot.size);
    return DEMUR_OK;
}

static enum demur_err fold_again(struct job *j, const char *dir, struct demur_diag *diag)
{
    struct demur_engine *e = j->folding.engine;
    enum demur_err err = demur_expunge_init(&e->expunge, diag);
    if (!err)
        err = demur_store_open(&e->store, dir, DEMUR_STORE_READ, diag);
    if (!err && j->confined)
        err = demur_confine(DEMUR_CONFINE_SERVER, dir, diag);
    if (!err && !(e->channel = demur_channel_new()))
        err = demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    if (!err)
        err = demur_store_entries(e->store, 0, j->snapshot.size, entry_fold, j, diag);
    if (!err)
        err = demur_folding_end(&j->folding);
    return err ? err : compare(j, diag);
}

static int refold_main(int fd, const char *dir, bool confined)
{
    struct job j = {.fd = fd, .confined = confined};
    struct demur_diag diag = {0};
    demur_detach(fd, "demur-refold");
    (void)setpriority(PRIO_PROCESS, 0, NICE); /* where it may not, it runs as others do */
    if (recv(fd, &j.snapshot, sizeof j.snapshot, 0) != sizeof j.snapshot)
        return 0;
    demur_frontier_init(&j.folding.frontier);
    j.folding.quiet = true;
    j.folding.diag = &diag;
    j.folding.engine = calloc(1, sizeof *j.folding.engine);
    struct answer a = {.code = DEMUR_ERR_MEMORY};
    if (j.folding.engine)
        a.code = fold_again(&j, dir, &diag);
    snprintf(a.text, sizeof a.text, "%s", diag.text);
    return send(fd, &a, sizeof a, MSG_NOSIGNAL) != sizeof a;
}

/* ---- the server's side ---- */

enum demur_err demur_refold_start(struct demur_refold **out, const char *dir, bool confined,
                                  struct demur_diag *diag)
{
    int ends[2];
    struct demur_refold *r = calloc(1, sizeof *r);
    if (!r)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
        free(r);
        return demur_fail(diag, DEMUR_ERR_IO, "cannot make a socket pair: %s", strerror(errno));
    }
    r->fd = ends[0];
    r->pid = fork();
    if (r->pid == 0)
        _exit(refold_main(ends[1], dir, confined));
    close(ends[1]);
    if (r->pid < 0) {
        demur_refold_stop(r);
        return demur_fail(diag, DEMUR_ERR_IO, "cannot fork: %s", strerror(errno));
    }
    *out = r;
    return DEMUR_OK;
}

enum demur_err demur_refold_begin(struct demur_refold *r, const struct demur_snapshot *snapshot,
                                  struct demur_diag *diag)
{
    if (send(r->fd, snapshot, sizeof *snapshot, MSG_NOSIGNAL) != sizeof *snapshot)
        return demur_fail(diag, DEMUR_ERR_IO, "the process that folds the log again is gone");
    return DEMUR_OK;
}

int demur_refold_fd(const struct demur_refold *r) { return r->fd; }

enum demur_err demur_refold_answer(struct demur_refold *r, struct demur_diag *diag)
{
    struct answer a;
    if (recv(r->fd, &a, sizeof a, MSG_DONTWAIT) != sizeof a)
        return demur_fail(diag, DEMUR_ERR_IO, "the process that folds the log again has ended");
    a.text[sizeof a.text - 1] = 0;
    if (a.code && a.code != DEMUR_ERR_VERIFY)
        a.code = DEMUR_ERR_IO;
    return a.code ? demur_fail(diag, a.code, "%s", a.text) : DEMUR_OK;
}

void demur_refold_stop(struct demur_refold *r)
{
    if (!r)
        return;
    close(r->fd);
    if (r->pid > 0)
        while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    free(r);
}
