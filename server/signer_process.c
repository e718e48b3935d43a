/* signer_process.c - the signer's own side. See signer.h. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <unistd.h>

#include "../core/tile.h"
#include "confine.h"
#include "files.h"
#include "signer_wire.h"
#include "state.h"

#define LOCK_WAIT_MS 5000

struct signer {
    int fd;
    const char *dir;
    const struct demur_server_hooks *hooks;
    uint8_t secrets[DEMUR_SIGNER_KEYS][64]; /* seed || public key; zero: none */
    bool held[DEMUR_SIGNER_KEYS];
    size_t key; /* which one signed last */
    int state_fd;
    unsigned slot;                      /* of signer.state that holds the last checkpoint */
    uint8_t text[DEMUR_CHECKPOINT_MAX]; /* the last checkpoint; the origin borrows from it */
    size_t text_len;
    char origin[DEMUR_NOTE_NAME_MAX + 1];
    struct demur_checkpoint last; /* its origin borrows from the array above */
};

enum demur_err demur_signer_create(const char *dir, struct span origin,
                                   const uint8_t seed[static 32], struct demur_diag *diag)
{
    uint8_t public_key[32], secret[64], text[DEMUR_CHECKPOINT_MAX];
    struct buf out = buf_over(text, sizeof text);
    struct demur_checkpoint head = {.origin = origin};
    demur_merkle_empty(head.root);
    crypto_sign_ed25519_seed_keypair(public_key, secret, seed);
    enum demur_err err = demur_checkpoint_sign(&out, &head, secret, diag);
    sodium_memzero(secret, sizeof secret);
    if (!err)
        err = demur_key_write(dir, "log.key", "log-key", seed, diag);
    if (!err)
        err = demur_state_write(dir, buf_span(&out), diag);
    return err;
}

static enum demur_err keys_load(struct signer *s, struct demur_diag *diag)
{
    static const char *const names[DEMUR_SIGNER_KEYS] = {"log.key", "log.key.next"};
    for (size_t i = 0; i < DEMUR_SIGNER_KEYS; i++) {
        enum demur_err err = demur_key_read(s->secrets[i], s->dir, names[i], "log-key", diag);
        if (err && !(i && err == DEMUR_ERR_UNKNOWN))
            return err;
        s->held[i] = !err;
    }
    return DEMUR_OK;
}

/* Take a slot's checkpoint as the last one, if one of the keys has signed it. */
static bool slot_take(struct signer *s, const struct demur_state *state, unsigned slot)
{
    struct span text = span_of(state->slots[slot].text, state->slots[slot].len), rest = text;
    bool found;
    struct span origin = span_split(&rest, '\n', &found);
    for (size_t i = 0; i < DEMUR_SIGNER_KEYS && origin.len < sizeof s->origin; i++) {
        if (!s->held[i] ||
            demur_checkpoint_open(&s->last, NULL, text, origin, s->secrets[i] + 32, NULL))
            continue;
        memcpy(s->origin, origin.p, origin.len);
        memcpy(s->text, text.p, text.len);
        s->text_len = text.len;
        s->last.origin = span_of((const uint8_t *)s->origin, origin.len);
        s->key = i;
        s->slot = slot;
        return true;
    }
    return false;
}

/* The newer slot has to be signed. The other may be from before a change of keys. */
static enum demur_err state_load(struct signer *s, struct demur_diag *diag)
{
    struct demur_state state;
    enum demur_err err = demur_state_read(&state, s->dir, diag);
    if (err)
        return err;
    uint64_t sizes[DEMUR_STATE_SLOTS] = {state.slots[0].size, state.slots[1].size};
    unsigned newer = !state.slots[0].len || (state.slots[1].len && sizes[1] > sizes[0]);
    bool equal = state.slots[newer ^ 1].len && sizes[0] == sizes[1];
    if (!slot_take(s, &state, newer) && !(equal && slot_take(s, &state, newer ^ 1)))
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "signer.state is not a checkpoint signed with the key in log.key; "
                          "restore both from one copy");
    if (!state.slotted) {
        err = demur_state_write(s->dir, span_of(s->text, s->text_len), diag);
        s->slot = 0;
    }
    return err ? err : demur_state_open(&s->state_fd, s->dir, diag);
}

/* Another signer, of a server that was just killed, may still be writing. */
static enum demur_err lock_take(const char *dir, struct demur_diag *diag)
{
    char path[DEMUR_PATH_MAX];
    enum demur_err err = demur_path(path, dir, "signer.lock", diag);
    if (err)
        return err;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return demur_fail(
            diag, DEMUR_ERR_IO,
            "cannot open %.150s (%s): make the directory writable for the account that "
            "serves it",
            path, strerror(errno));
    for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB); waited_ms += 50) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || waited_ms >= LOCK_WAIT_MS)
            return demur_fail(diag, DEMUR_ERR_IO,
                              "another signer holds %.150s: this channel is served already", path);
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return DEMUR_OK; /* the lock lives as long as the process: fd stays open */
}

static enum demur_err key_choose(const struct signer *s, const uint8_t log_key[static 32],
                                 size_t *out, struct demur_diag *diag)
{
    for (size_t i = 0; i < DEMUR_SIGNER_KEYS; i++) {
        if (!s->held[i] || memcmp(s->secrets[i] + 32, log_key, 32) != 0)
            continue;
        *out = i;
        return DEMUR_OK;
    }
    return demur_fail(diag, DEMUR_ERR_KEY,
                      "neither log.key nor log.key.next holds the log key that the channel names");
}

static enum demur_err growth_check(const struct signer *s, const struct demur_signer_request *r,
                                   struct demur_diag *diag)
{
    bool ok;
    if (r->size == s->last.size)
        ok = !memcmp(r->root, s->last.root, 32);
    else if (r->size < s->last.size || r->size > DEMUR_LOG_SIZE_MAX)
        ok = false;
    else if (!s->last.size)
        ok = !r->proof.len;
    else
        ok = demur_consistency_verify(&r->proof, s->last.size, r->size, s->last.root, r->root);
    if (!ok)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "a head of %llu entries was proposed that does not extend the signed one "
                          "of %llu: the store is not the one that was signed",
                          (unsigned long long)r->size, (unsigned long long)s->last.size);
    return DEMUR_OK;
}

static enum demur_err head_sign(struct signer *s, const struct demur_signer_request *r,
                                struct demur_diag *diag)
{
    size_t key = s->key;
    enum demur_err err = growth_check(s, r, diag);
    if (!err)
        err = key_choose(s, r->log_key, &key, diag);
    if (err || (r->size == s->last.size && key == s->key))
        return err;
    struct demur_checkpoint head = {.origin = s->last.origin, .size = r->size};
    memcpy(head.root, r->root, 32);
    uint8_t text[DEMUR_CHECKPOINT_MAX];
    struct buf out = buf_over(text, sizeof text);
    err = demur_checkpoint_sign(&out, &head, s->secrets[key], diag);
    if (!err)
        err = demur_state_put(s->state_fd, s->slot ^ 1, buf_span(&out), diag);
    if (err)
        return err;
    s->slot ^= 1;
    if (s->hooks && s->hooks->at)
        s->hooks->at(s->hooks->ctx, DEMUR_POINT_PERSISTED);
    s->last = head;
    s->key = key;
    memcpy(s->text, text, out.len);
    s->text_len = out.len;
    return DEMUR_OK;
}

static bool answer(const struct signer *s, enum demur_err code, const struct demur_diag *diag)
{
    struct demur_signer_reply reply = {.code = code, .size = s->last.size};
    memcpy(reply.root, s->last.root, 32);
    for (size_t i = 0; i < DEMUR_SIGNER_KEYS; i++)
        if (s->held[i])
            memcpy(reply.keys[i], s->secrets[i] + 32, 32);
    reply.checkpoint_len = s->text_len;
    memcpy(reply.checkpoint, s->text, s->text_len);
    if (code)
        snprintf(reply.text, sizeof reply.text, "%s", diag->text);
    return demur_signer_reply_send(s->fd, &reply);
}

int demur_signer_main(int fd, const char *dir, bool confined,
                      const struct demur_server_hooks *hooks)
{
    static struct signer s; /* one a process, and locked in memory */
    struct demur_signer_request request;
    struct demur_diag diag = {0};
    demur_detach(fd, "demur-signer");
    sodium_mlock(&s, sizeof s);
    s.fd = fd;
    s.dir = dir;
    s.hooks = hooks;
    enum demur_err err = lock_take(dir, &diag);
    if (!err)
        err = keys_load(&s, &diag);
    if (!err)
        err = state_load(&s, &diag);
    if (!err && confined)
        err = demur_confine(DEMUR_CONFINE_SIGNER, dir, &diag);
    bool going = answer(&s, err, &diag) && !err;
    while (going && demur_signer_request_receive(fd, &request)) {
        err = head_sign(&s, &request, &diag);
        /* A state file of unknown content is read again by a fresh process. */
        going = answer(&s, err, &diag) && err != DEMUR_ERR_IO;
    }
    sodium_memzero(&s, sizeof s);
    return err ? 1 : 0;
}
