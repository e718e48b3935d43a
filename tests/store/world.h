/* world.h - what the store's tests share: folders of their own, made-up logs. */
#ifndef DEMUR_TESTS_STORE_WORLD_H
#define DEMUR_TESTS_STORE_WORLD_H

#include "../../core/tile.h"
#include "../../store/store.h"
#include "../test.h"

/* A fresh folder (below TMPDIR when that is set) and the path of a store to be made in it. */
struct world {
    char root[200], dir[240], db[260];
};
void world_init(struct world *w);
/* Remove all of it. */
void world_end(struct world *w);
/* root/name, valid until the next call. */
const char *world_path(struct world *w, const char *name);
/* Create and open w->dir; NULL, and the test failed, when that cannot be. */
struct demur_store *world_open(struct world *w);
/* Open w->dir again, for writing. */
struct demur_store *world_reopen(struct world *w);

/* Entry `index` of the made-up log: the same bytes every time, 20 to about
 * 1,500 of them. */
size_t world_entry(uint8_t out[static 2048], uint64_t index);

/* A writer of the made-up log: batches, and the edge that their tiles need. */
struct maker {
    struct demur_edge edge;
    struct demur_store_batch batch;
    struct demur_store_entry *entries;
    struct demur_store_tile *tiles;
    struct demur_growth growth;
    uint8_t *bytes, *work, *leaves;
};
/* The maker of an empty log, on the heap. */
struct maker *maker_new(void);
void maker_free(struct maker *m);
/* Fill m->batch with the next n entries and the tiles they change. Refs and kvs
 * are the caller's to add. */
void maker_batch(struct maker *m, size_t n);
/* The batch is in the store: take it over. */
void maker_accept(struct maker *m);
/* maker_batch, append, maker_accept; fails the test when refused. */
void maker_append(struct maker *m, struct demur_store *store, size_t n);
/* Bring a fresh maker to `size` without a store. */
void maker_skip(struct maker *m, uint64_t size);
/* Bring a fresh maker to the store's head by its tiles. False when they are not
 * all there or do not make the head's root. */
bool maker_load(struct maker *m, struct demur_store *store) DEMUR_CHECKED;

/* The store's check finds nothing; what it finds fails the test. */
void check_clean(struct demur_store *store);
/* The first finding's text, or "" when there is none; *n counts them. */
const char *check_first(struct demur_store *store, uint64_t *n, struct demur_store_finding *first);
/* SHA-256 of a span. */
void hash_of(uint8_t out[static 32], struct span s);

#endif
