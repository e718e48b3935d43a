/* pad.h - how long a sealed blob is made, so that its length says little.
 *
 * Padmé (Nikitin, Barman, Lueks, Underwood, Hubaux, Ford: "Reducing Metadata
 * Leakage from Encrypted Files and Communication with PURBs", PoPETs 2019):
 * a length may differ only in its first floor(log2(log2 n)) + 1 significant
 * bits, so a length up to n leaks O(log log n) bits, for at most 12 % overhead.
 */
#ifndef DEMUR_CORE_PAD_H
#define DEMUR_CORE_PAD_H

#include "base.h"

/* The padded length of `len` bytes: the smallest one allowed that is >= len.
 * Monotonic; demur_padme_len(demur_padme_len(n)) == demur_padme_len(n). Near
 * SIZE_MAX, where the sum would not fit, `len` itself. Timing: variable. */
size_t demur_padme_len(size_t len);

#endif
