/* link.h - the link by which an author asks for a signature: where the channel is,
 * which revision of which dissent, and the key that opens it.
 * docs/formats/memo.md section 4.
 *
 * Nothing allocates. The structure holds a secret: wipe it. Timing: constant in
 * the key; variable in all else.
 */
#ifndef DEMUR_CORE_LINK_H
#define DEMUR_CORE_LINK_H

#include "keys.h"

#define DEMUR_LINK_MAX 640 /* characters */

struct demur_link {
    uint8_t channel[32];
    char dissent[33];
    uint32_t revision; /* at least 1 */
    uint8_t key[32];   /* X25519: demur_circulation_key */
    char url[DEMUR_URL_MAX + 1];
};

/* An id that is none, a bad address or revision 0 overflows *out. */
void demur_link_put(struct buf *out, const struct demur_link *link);
/* White space around and within is forgiven, and upper case in what follows the
 * `#`: it is pasted out of letters and mail. SYNTAX for what is no link, VERIFY when
 * a character was mistyped or lost. *out is untouched on failure. */
enum demur_err demur_link_parse(struct demur_link *out, struct span text,
                                struct demur_diag *diag) DEMUR_CHECKED;
void demur_link_wipe(struct demur_link *link);

#endif
