/* refold.h - the process that folds the whole log again behind a server that started
 * from its snapshot, and holds the snapshot against it. Inside server/.
 *
 * A process of its own: its memory goes with it, it runs when nothing else wants to,
 * and nothing that happens to it happens to the server. It is forked before the store is
 * opened, confined as the server is, and ends when the server does.
 */
#ifndef DEMUR_SERVER_REFOLD_H
#define DEMUR_SERVER_REFOLD_H

#include "snapshot.h"

struct demur_refold;

enum demur_err demur_refold_start(struct demur_refold **out, const char *dir, bool confined,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* Once the store is open: fold what the snapshot holds. IO when it is gone. */
enum demur_err demur_refold_begin(struct demur_refold *r, const struct demur_snapshot *snapshot,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* A descriptor that becomes readable when it has come to an answer. */
int demur_refold_fd(const struct demur_refold *r);
/* That answer: OK when the log says what the snapshot says, VERIFY when it does not, and
 * IO when it could not be found out. */
enum demur_err demur_refold_answer(struct demur_refold *r, struct demur_diag *diag) DEMUR_CHECKED;
/* Let it end, and wait for that. NULL is fine. */
void demur_refold_stop(struct demur_refold *r);

#endif
