/* proofs.h - proofs about rings, verified together: whatever waits for one ring when a
 * worker takes it up is one batch. Inside server/.
 *
 * One worker at a time is at one ring, and other work takes turns with it, so that batches
 * grow by themselves when much arrives, and nobody else waits for them. Nothing holds the
 * fold meanwhile: a ring's keys are copied out of it, and rings that were used last stay
 * loaded. docs/adr/0022 says what a flood of bad proofs can do.
 */
#ifndef DEMUR_SERVER_PROOFS_H
#define DEMUR_SERVER_PROOFS_H

#include "engine.h"
#include "metrics.h"
#include "workers.h"

struct demur_proofs;

/* `seats`: how many workers may be at proofs at a time; fewer than there are. */
enum demur_err demur_proofs_start(struct demur_proofs **out, struct demur_engine *engine,
                                  struct demur_workers *workers, struct demur_metrics *metrics,
                                  size_t seats, struct demur_diag *diag) DEMUR_CHECKED;
/* Verify the proofs of a prepared record that is WAITING and has some. append->proven is
 * called from a worker, perhaps before this returns: its verdict is verified then, or its
 * state REFUSED. `distrusted`: who sent it has sent a bad one before. Such are never in one
 * batch with others, and while others wait they get half of the time. */
void demur_proofs_add(struct demur_proofs *p, struct demur_append *append, bool distrusted);
/* The workers must have ended. NULL is fine. */
void demur_proofs_free(struct demur_proofs *p);

#endif
