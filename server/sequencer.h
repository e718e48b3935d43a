/* sequencer.h - one thread that puts records in order, everything that waits at
 * a time. Inside server/. */
#ifndef DEMUR_SERVER_SEQUENCER_H
#define DEMUR_SERVER_SEQUENCER_H

#include "engine.h"
#include "metrics.h"

struct demur_sequencer;

/* `alarm_fd`, an eventfd, is written to when a commit fails for good. */
enum demur_err demur_sequencer_start(struct demur_sequencer **out, struct demur_engine *engine,
                                     struct demur_metrics *metrics, size_t max_waiting,
                                     int alarm_fd, struct demur_diag *diag) DEMUR_CHECKED;
/* Queue a prepared record that is WAITING; it is answered from the sequencer's
 * thread. False, and nothing done, when too many wait or it has ended. */
bool demur_sequencer_submit(struct demur_sequencer *s, struct demur_append *append) DEMUR_CHECKED;
size_t demur_sequencer_waiting(struct demur_sequencer *s);
/* OK, or what went wrong for good. */
enum demur_err demur_sequencer_state(struct demur_sequencer *s, struct demur_diag *diag);
/* Finish what waits, take nothing more, end the thread. */
void demur_sequencer_drain(struct demur_sequencer *s);
void demur_sequencer_free(struct demur_sequencer *s); /* drains; NULL is fine */

#endif
