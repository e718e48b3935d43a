/* common.h - what every engine does the same way. Not for callers. */
#ifndef DEMUR_STORE_COMMON_H
#define DEMUR_STORE_COMMON_H

#include "store.h"

/* Checks of arguments: LIMIT with a sentence that names what is out of bounds. */
enum demur_err demur_store_batch_check(const struct demur_store_batch *batch,
                                       struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_store_name_check(struct span name, struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_store_kv_check(struct span name, struct span value,
                                    struct demur_diag *diag) DEMUR_CHECKED;

/* The bytes in fresh memory, which the caller owns. */
enum demur_err demur_store_bytes_copy(struct demur_store_bytes *out, struct span s,
                                      struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_store_out_of_memory(struct demur_diag *diag);

#endif
