/* duties.h - what the server does by itself: one tick a day, sweeping blobs that
 * no record came for, destroying what was expunged. Called from one thread.
 * Inside server/. */
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
};

void demur_duties_init(struct demur_duties *d, struct demur_service *service);
/* See what is due; about once a second. *d stays until the sequencer has ended. */
void demur_duties_run(struct demur_duties *d);
/* Write a snapshot when the log has grown enough since the last; at the end, when it has
 * grown at all. */
void demur_duties_snapshot(struct demur_duties *d, bool at_end);
/* Destroy what was expunged, now; for the last time when the server stops. */
void demur_duties_destroy(struct demur_duties *d);

#endif
