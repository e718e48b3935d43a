/* nodes.h - the newest hashes of the log's tree, in memory: what receipts are made
 * of. Inside server/.
 *
 * A receipt needs a hash of every height, all of them near the right edge of the
 * tree. Out of tiles each would cost a read of the store and up to 255 hashes; this
 * keeps the newest complete subtrees of every height, and those above the tiles of level 0
 * for a million entries, so that the receipt of an old entry takes but one tile. Complete
 * subtrees never change, so nothing has to be taken back. Any thread.
 */
#ifndef DEMUR_SERVER_NODES_H
#define DEMUR_SERVER_NODES_H

#include <pthread.h>

#include "../core/merkle.h"

#define DEMUR_NODES_HEIGHTS 40
/* Of every height above these, half as many as of the one below; 16 at least. */
#define DEMUR_NODES_KEPT 1024  /* of height 0 */
#define DEMUR_NODES_TILES 4096 /* of height 8 */

struct demur_nodes; /* some 420 KiB */

struct demur_nodes *demur_nodes_new(void); /* NULL when memory is out */
void demur_nodes_free(struct demur_nodes *n);
/* The log grows by this leaf, and by every subtree that it completes. */
void demur_nodes_grow(struct demur_nodes *n, uint64_t index, const uint8_t leaf[static 32]);
void demur_nodes_put(struct demur_nodes *n, unsigned height, uint64_t index,
                     const uint8_t hash[static 32]);
bool demur_nodes_get(struct demur_nodes *n, unsigned height, uint64_t index,
                     uint8_t out[static 32]);

#endif
