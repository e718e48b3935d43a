/* journal.h - what the server says of itself: one line an event, to stderr.
 * Never an address, a token, a key or what a record says. Thread-safe. */
#ifndef DEMUR_SERVER_JOURNAL_H
#define DEMUR_SERVER_JOURNAL_H

#include "../core/base.h"

void demur_journal(const char *fmt, ...) DEMUR_PRINTF(1, 2);

#endif
