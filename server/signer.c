/* signer.c - the server's side of the signer process. See signer.h. */
#include "signer.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer_wire.h"

/* Longer than any disk that is worth waiting for takes to sync. */
#define ANSWER_WAIT_MS 60000

struct demur_signer {
    int fd;
    pid_t pid;
    struct demur_signer_reply said; /* its last good answer */
};

static enum demur_err gone(struct demur_diag *diag)
{
    return demur_fail(diag, DEMUR_ERR_IO, "the signer process does not answer");
}

static enum demur_err hear(struct demur_signer *s, struct demur_diag *diag)
{
    struct pollfd p = {s->fd, POLLIN, 0};
    struct demur_signer_reply reply;
    int n;
    do
        n = poll(&p, 1, ANSWER_WAIT_MS);
    while (n < 0 && errno == EINTR);
    if (n != 1 || !demur_signer_reply_receive(s->fd, &reply))
        return gone(diag);
    if (reply.code)
        return demur_fail(diag, reply.code, "%s", reply.text);
    s->said = reply;
    return DEMUR_OK;
}

enum demur_err demur_signer_start(struct demur_signer **out, const char *dir, bool confined,
                                  const struct demur_server_hooks *hooks, struct demur_diag *diag)
{
    int ends[2];
    struct demur_signer *s = calloc(1, sizeof *s);
    if (!s)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
        free(s);
        return demur_fail(diag, DEMUR_ERR_IO, "cannot make a socket pair: %s", strerror(errno));
    }
    s->fd = ends[0];
    s->pid = fork();
    if (s->pid == 0)
        _exit(demur_signer_main(ends[1], dir, confined, hooks));
    close(ends[1]);
    enum demur_err err = s->pid < 0
                             ? demur_fail(diag, DEMUR_ERR_IO, "cannot fork: %s", strerror(errno))
                             : hear(s, diag);
    if (err) {
        demur_signer_stop(s);
        return err;
    }
    *out = s;
    return DEMUR_OK;
}

uint64_t demur_signer_size(const struct demur_signer *s) { return s->said.size; }

void demur_signer_root(const struct demur_signer *s, uint8_t out[static 32])
{
    memcpy(out, s->said.root, 32);
}

bool demur_signer_holds(const struct demur_signer *s, const uint8_t log_key[static 32])
{
    for (size_t i = 0; i < DEMUR_SIGNER_KEYS; i++)
        if (!memcmp(s->said.keys[i], log_key, 32))
            return true;
    return false;
}

enum demur_err demur_signer_sign(struct demur_signer *s, struct buf *out, uint64_t size,
                                 const uint8_t root[static 32], const uint8_t log_key[static 32],
                                 const struct demur_proof *proof, struct demur_diag *diag)
{
    struct demur_signer_request request = {.size = size};
    memcpy(request.root, root, 32);
    memcpy(request.log_key, log_key, 32);
    request.proof.len = proof->len;
    memcpy(request.proof.hash, proof->hash, 32 * proof->len);
    if (!demur_signer_request_send(s->fd, &request))
        return gone(diag);
    enum demur_err err = hear(s, diag);
    if (err)
        return err;
    buf_put(out, s->said.checkpoint, s->said.checkpoint_len);
    if (!buf_ok(out))
        return demur_fail(diag, DEMUR_ERR_SPACE, "no room for the checkpoint");
    return DEMUR_OK;
}

int demur_signer_fd(const struct demur_signer *s) { return s->fd; }

void demur_signer_stop(struct demur_signer *s)
{
    if (!s)
        return;
    close(s->fd);
    if (s->pid > 0)
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    free(s);
}
