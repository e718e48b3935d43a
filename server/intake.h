/* intake.h - a request from its head to its last byte. Inside server/. */
#ifndef DEMUR_SERVER_INTAKE_H
#define DEMUR_SERVER_INTAKE_H

#include "service.h"

/* What a request's head may have, and an answer's. */
#define DEMUR_HEAD_MAX ((size_t)32 << 10)

/* The head is there: find the route, judge token and length, make room for the
 * body. Refusals are set in the reply. NULL when memory is out. */
struct demur_request *demur_intake_begin(struct demur_service *s, struct MHD_Connection *connection,
                                         const char *method, const char *url, const char *version);
/* Take bytes of the body: all of them, or fewer when an upload has to be flushed
 * first, which waits for the disk. Refused requests take everything. */
size_t demur_intake_feed(struct demur_request *r, struct span bytes);
void demur_intake_flush(struct demur_request *r);
/* Drop what arrived of a refused upload; waits for the disk too. */
void demur_intake_drop(struct demur_request *r);
/* All of it came? Else the reply is set. */
bool demur_intake_complete(struct demur_request *r) DEMUR_CHECKED;
/* The request is over, in whatever way. Waits for the disk when there is an upload. */
void demur_intake_end(struct demur_request *r);

#endif
