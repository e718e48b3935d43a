/* mirror.h - the files of a mirror (copy.h). Everything is written under another
 * name first and renamed; demur_mirror_show makes all of it durable, and only then
 * replaces the checkpoint. Inside server/.
 */
#ifndef DEMUR_SERVER_MIRROR_H
#define DEMUR_SERVER_MIRROR_H

#include "../core/tile.h"

struct demur_mirror {
    const char *path;
    int fd;           /* of the directory, locked; -1: not open */
    uint64_t size;    /* what its checkpoint shows; 0: it has none */
    uint8_t root[32]; /* of that */
    uint64_t written; /* files since it was opened */
};

/* Make or take the directory, and keep others from writing to it. FORBIDDEN when it
 * holds what no mirror holds, IO. Close it also after an error. */
enum demur_err demur_mirror_open(struct demur_mirror *m, const char *path,
                                 struct demur_diag *diag) DEMUR_CHECKED;
void demur_mirror_close(struct demur_mirror *m);

enum demur_err demur_mirror_tile(struct demur_mirror *m, const struct demur_tile *tile,
                                 struct span bytes, struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_mirror_blob(struct demur_mirror *m, const uint8_t hash[static 32],
                                 struct span bytes, struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_mirror_receipt(struct demur_mirror *m, const uint8_t leaf[static 32],
                                    struct span text, struct demur_diag *diag) DEMUR_CHECKED;
/* Show this checkpoint, of that size; then remove the partial tiles that neither it
 * nor the one before names. */
enum demur_err demur_mirror_show(struct demur_mirror *m, struct span checkpoint, uint64_t size,
                                 struct demur_diag *diag) DEMUR_CHECKED;

#endif
