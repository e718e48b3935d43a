/* duties.h - what the server does by itself: one tick a day, sweeping blobs that
 * no record came for, destroying what was expunged, snapshots. In a thread of its own:
 * any of it may wait for a commit or the disk, and whoever looks after connections and
 * signals must not. Inside server/. */
#ifndef DEMUR_SERVER_DUTIES_H
#define DEMUR_SERVER_DUTIES_H

#include "service.h"

struct demur_duties {
    bool warm;
    bool reclaiming; /* something swept may still be in the file */
    struct demur_service *service;
    atomic_bool ticking; /* a tick is with the sequencer */
    uint64_t tick_next_us, sweep_next_us, destroy_next_us, snapshot_next_us;
    uint8_t text[1024];
    struct demur_append tick;
    /* --- */
    pthread_t thread;
    bool started;
    atomic_bool ending;
    pthread_mutex_t lock; /* held when `ending` is set */
    pthread_cond_t end;
};

/* Look what is due, twice a second, until demur_duties_end. *d stays until the sequencer
 * has ended. */
enum demur_err demur_duties_start(struct demur_duties *d, struct demur_service *service,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* Begin nothing more; then, wait for what is under way. Fine when it never started. */
void demur_duties_stop(struct demur_duties *d);
void demur_duties_end(struct demur_duties *d);
/* After the end: write a snapshot when the log has grown enough since the last; at the end, when it
 * has grown at all. */
void demur_duties_snapshot(struct demur_duties *d, bool at_end);
/* After the end: destroy what was expunged, for the last time. */
void demur_duties_destroy(struct demur_duties *d);

#endif
