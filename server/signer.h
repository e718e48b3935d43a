/* signer.h - the process that holds the log key.
 *
 * It signs a checkpoint only when it grows from the last one that it signed,
 * proved by a consistency proof, and makes that durable (DIR/signer.state, the
 * checkpoint itself) before it tells. So no two different heads of one size
 * ever get a signature, whatever happens to the server. The same head again
 * gets the same checkpoint again.
 *
 * It is forked from the server, gives up every file but its socket, its state
 * and its lock, and ends when the server does. One thread at a time may call.
 */
#ifndef DEMUR_SERVER_SIGNER_H
#define DEMUR_SERVER_SIGNER_H

#include "../core/checkpoint.h"
#include "hooks.h"

struct demur_signer;

/* Write DIR/log.key, and DIR/signer.state with the empty log's checkpoint. */
enum demur_err demur_signer_create(const char *dir, struct span origin,
                                   const uint8_t seed[static 32],
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* Fork it. Returns once it is ready: its state read and verified, its lock held, and, if it
 * shall be, it is confined (confine.h). Errors: what it met, IO above all. */
enum demur_err demur_signer_start(struct demur_signer **out, const char *dir, bool confined,
                                  const struct demur_server_hooks *hooks,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* What it signed last. */
uint64_t demur_signer_size(const struct demur_signer *s);
void demur_signer_root(const struct demur_signer *s, uint8_t out[static 32]);
/* Does it hold the secret half of this log key (log.key or log.key.next)? */
bool demur_signer_holds(const struct demur_signer *s, const uint8_t log_key[static 32]);
/* Append the checkpoint of (size, root), signed with log_key, to *out; `proof`
 * leads from demur_signer_size, and is empty when that is 0. Errors: VERIFY
 * when it is no growth, KEY, IO when it is gone or could not write. After IO
 * nobody knows whether it signed: start anew, and propose the same head. */
enum demur_err demur_signer_sign(struct demur_signer *s, struct buf *out, uint64_t size,
                                 const uint8_t root[static 32], const uint8_t log_key[static 32],
                                 const struct demur_proof *proof,
                                 struct demur_diag *diag) DEMUR_CHECKED;
/* A descriptor that becomes readable when the signer is gone. */
int demur_signer_fd(const struct demur_signer *s);
/* Let it end, and wait for that. NULL is fine. */
void demur_signer_stop(struct demur_signer *s);

#endif
