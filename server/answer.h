/* answer.h - from a reply to libmicrohttpd's response. Inside server/. */
#ifndef DEMUR_SERVER_ANSWER_H
#define DEMUR_SERVER_ANSWER_H

#include <microhttpd.h>

#include "service.h"

/* Bytes that the reply takes until it is sent, but for a blob's block. */
size_t demur_answer_memory(const struct demur_reply *reply);
/* Queue the reply; its body changes hands. */
enum MHD_Result demur_answer_send(struct demur_request *r);

#endif
