/* handout.h - the circulation key of a revision, handed out to every member of a ring:
 * docs/formats/memo.md section 4.
 *
 * A handout is age files one behind the other, one for every DEMUR_HANDOUT_PART members in
 * the order of the ring, the last for the rest. Each has a stanza for each of its members,
 * in that order too, and holds the key as the line that age tools take for an identity. So
 * the number of members alone tells how long each part is and where it begins.
 *
 * Nothing allocates. Timing: that of age.h.
 */
#ifndef DEMUR_CORE_HANDOUT_H
#define DEMUR_CORE_HANDOUT_H

#include "age.h"
#include "base.h"

#define DEMUR_HANDOUT_PART 600 /* whose stanzas fit DEMUR_AGE_HEADER_MAX */

/* The bytes of a handout to n members, and how many parts it has; 0 for none. */
uint64_t demur_handout_len(uint64_t n);
size_t demur_handout_parts(uint64_t n);

/* The part of one that has n members: its bytes in the handout and the members in it.
 * False past the last part, or when the handout is not as long as it must be. */
struct demur_handout_part {
    struct span file;
    uint64_t first; /* place in the ring of its first member */
    size_t members;
};
bool demur_handout_split(struct demur_handout_part *out, struct span handout, uint64_t n,
                         size_t part);

/* Append one part, to the 1 to DEMUR_HANDOUT_PART recipients whose turn it is. `entropy` is
 * DEMUR_AGE_ENTROPY_LEN(members) fresh bytes. Errors: those of demur_age_seal. */
enum demur_err demur_handout_put(struct buf *out, const struct demur_age_identity *key,
                                 const struct demur_age_recipient *recipients, size_t members,
                                 struct span entropy, struct demur_diag *diag) DEMUR_CHECKED;

/* The key out of the handout to n members, for the one at this place in the ring; at most
 * one part is tried. KEY when it was not sealed to them; VERIFY for what is no handout to
 * so many, or holds something else. *key is untouched on failure. */
enum demur_err demur_handout_open(struct demur_age_identity *key, struct span handout, uint64_t n,
                                  uint64_t place, const struct demur_age_identity *member,
                                  struct demur_diag *diag) DEMUR_CHECKED;

#endif
