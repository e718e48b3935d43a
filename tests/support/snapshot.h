/* snapshot.h - the fold's bytes in memory, for tests. */
#ifndef DEMUR_TEST_SNAPSHOT_H
#define DEMUR_TEST_SNAPSHOT_H

#include "../../core/channel.h"

/* On the heap, the caller's; p NULL when memory is out. */
struct span snapshot_take(const struct demur_channel *c);
/* NULL, and *err says why, when they are refused. */
struct demur_channel *snapshot_load(struct span bytes, enum demur_err *err);
/* Save and load: the channel comes back as another object, and the first is freed. False,
 * and it stays, when it was not read or does not give the same bytes again. */
bool snapshot_renew(struct demur_channel **c);

#endif
