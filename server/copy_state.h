/* copy_state.h - what copy.c and check.c share: the last head that a signer signed,
 * as it stands in DIR/signer.state, its signature not checked. Inside server/.
 */
#ifndef DEMUR_SERVER_COPY_STATE_H
#define DEMUR_SERVER_COPY_STATE_H

#include "../core/checkpoint.h"

struct demur_signed_head {
    uint64_t size;
    uint8_t root[32];
    uint8_t text[DEMUR_CHECKPOINT_MAX];
    size_t text_len;
};
/* UNKNOWN when there is none, SYNTAX when it is no checkpoint, IO. */
enum demur_err copy_signed_head(const char *dir, struct demur_signed_head *out,
                                struct demur_diag *diag) DEMUR_CHECKED;

#endif
