/* signer_wire.c - see signer_wire.h. */
#include "signer_wire.h"

#include <errno.h>
#include <sys/socket.h>

static bool packet_send(int fd, const struct buf *b)
{
    ssize_t n;
    do
        n = send(fd, b->p, b->len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return buf_ok(b) && n == (ssize_t)b->len;
}

static bool packet_receive(int fd, uint8_t *p, size_t len)
{
    ssize_t n;
    do
        n = recv(fd, p, len, MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)len;
}

static void take(void *out, size_t len, const uint8_t **p)
{
    memcpy(out, *p, len);
    *p += len;
}

static uint64_t take_be64(const uint8_t **p)
{
    uint64_t v = be64_load(*p);
    *p += 8;
    return v;
}

bool demur_signer_request_send(int fd, const struct demur_signer_request *r)
{
    uint8_t bytes[DEMUR_SIGNER_REQUEST_LEN];
    struct buf b = buf_over(bytes, sizeof bytes);
    buf_put_be64(&b, r->size);
    buf_put(&b, r->root, 32);
    buf_put(&b, r->log_key, 32);
    buf_put_be64(&b, r->proof.len);
    buf_put(&b, r->proof.hash, sizeof r->proof.hash);
    return packet_send(fd, &b);
}

bool demur_signer_request_receive(int fd, struct demur_signer_request *r)
{
    uint8_t bytes[DEMUR_SIGNER_REQUEST_LEN];
    const uint8_t *p = bytes;
    if (!packet_receive(fd, bytes, sizeof bytes))
        return false;
    r->size = take_be64(&p);
    take(r->root, 32, &p);
    take(r->log_key, 32, &p);
    r->proof.len = take_be64(&p);
    take(r->proof.hash, sizeof r->proof.hash, &p);
    return r->proof.len <= DEMUR_PROOF_MAX;
}

bool demur_signer_reply_send(int fd, const struct demur_signer_reply *r)
{
    uint8_t bytes[DEMUR_SIGNER_REPLY_LEN];
    struct buf b = buf_over(bytes, sizeof bytes);
    buf_put_be64(&b, (uint64_t)r->code);
    buf_put_be64(&b, r->size);
    buf_put(&b, r->root, 32);
    buf_put(&b, r->keys, sizeof r->keys);
    buf_put_be64(&b, r->checkpoint_len);
    buf_put(&b, r->checkpoint, sizeof r->checkpoint);
    buf_put(&b, r->text, sizeof r->text);
    return packet_send(fd, &b);
}

bool demur_signer_reply_receive(int fd, struct demur_signer_reply *r)
{
    uint8_t bytes[DEMUR_SIGNER_REPLY_LEN];
    const uint8_t *p = bytes;
    if (!packet_receive(fd, bytes, sizeof bytes))
        return false;
    r->code = (enum demur_err)take_be64(&p);
    r->size = take_be64(&p);
    take(r->root, 32, &p);
    take(r->keys, sizeof r->keys, &p);
    r->checkpoint_len = take_be64(&p);
    take(r->checkpoint, sizeof r->checkpoint, &p);
    take(r->text, sizeof r->text, &p);
    r->text[sizeof r->text - 1] = 0;
    return r->code <= DEMUR_ERR_IO && r->checkpoint_len <= sizeof r->checkpoint;
}
