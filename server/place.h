/* place.h - a directory that is made whole or not at all: filled under another
 * name beside its place, then renamed. Inside server/.
 */
#ifndef DEMUR_SERVER_PLACE_H
#define DEMUR_SERVER_PLACE_H

#include "files.h"

struct demur_place {
    char dir[DEMUR_PATH_MAX];       /* without slashes at its end */
    char fresh[DEMUR_PATH_MAX + 8]; /* where it is filled */
};

/* Could `given` be made: is it absent, or an empty directory? Fills *p. IO, LIMIT. */
enum demur_err demur_place_check(struct demur_place *p, const char *given,
                                 struct demur_diag *diag) DEMUR_CHECKED;
/* Make what is to be filled, for this account alone. IO also when somebody has made one
 * since the check, as whoever may write beside it can: keys would go into their folder. */
enum demur_err demur_place_begin(const struct demur_place *p,
                                 struct demur_diag *diag) DEMUR_CHECKED;
/* What was filled takes its place, durably. */
enum demur_err demur_place_take(const struct demur_place *p, struct demur_diag *diag) DEMUR_CHECKED;
/* What was filled goes away. */
void demur_place_drop(const struct demur_place *p);

#endif
