/* signer_wire.h - the two fixed-size messages between server and signer. One
 * packet each over a SOCK_SEQPACKET pair; integers big-endian. Inside server/. */
#ifndef DEMUR_SERVER_SIGNER_WIRE_H
#define DEMUR_SERVER_SIGNER_WIRE_H

#include "signer.h"

#define DEMUR_SIGNER_KEYS 2 /* log.key and log.key.next */

struct demur_signer_request {
    uint64_t size;
    uint8_t root[32], log_key[32];
    struct demur_proof proof;
};
/* The first reply comes unasked: what the state says. */
struct demur_signer_reply {
    enum demur_err code;
    uint64_t size; /* signed last */
    uint8_t root[32];
    uint8_t keys[DEMUR_SIGNER_KEYS][32]; /* zero: none */
    size_t checkpoint_len;
    uint8_t checkpoint[DEMUR_CHECKPOINT_MAX];
    char text[256]; /* of a refusal */
};

#define DEMUR_SIGNER_REQUEST_LEN (8 + 32 + 32 + 8 + 32 * DEMUR_PROOF_MAX)
#define DEMUR_SIGNER_REPLY_LEN                                                                     \
    (8 + 8 + 32 + 32 * DEMUR_SIGNER_KEYS + 8 + DEMUR_CHECKPOINT_MAX + 256)

/* Whole packets; false at the end of the stream or for a packet that is none. */
bool demur_signer_request_send(int fd, const struct demur_signer_request *r) DEMUR_CHECKED;
bool demur_signer_request_receive(int fd, struct demur_signer_request *r) DEMUR_CHECKED;
bool demur_signer_reply_send(int fd, const struct demur_signer_reply *r) DEMUR_CHECKED;
bool demur_signer_reply_receive(int fd, struct demur_signer_reply *r) DEMUR_CHECKED;

/* The signer process's whole life; returns its exit status. */
int demur_signer_main(int fd, const char *dir, bool confined,
                      const struct demur_server_hooks *hooks);

#endif
