/* nodes.c - see nodes.h. */
#include "nodes.h"

struct node {
    uint64_t index; /* 1 + its own; 0: none */
    uint8_t hash[32];
};

struct demur_nodes {
    pthread_mutex_t lock;
    size_t kept[DEMUR_NODES_HEIGHTS]; /* a power of two */
    struct node *at[DEMUR_NODES_HEIGHTS];
    struct node all[];
};

static size_t kept_of(unsigned height)
{
    size_t kept = height < 8    ? (size_t)DEMUR_NODES_KEPT >> height
                  : height < 20 ? (size_t)DEMUR_NODES_TILES >> (height - 8)
                                : 0;
    return kept > 16 ? kept : 16;
}

struct demur_nodes *demur_nodes_new(void)
{
    size_t total = 0;
    for (unsigned h = 0; h < DEMUR_NODES_HEIGHTS; h++)
        total += kept_of(h);
    struct demur_nodes *n = calloc(1, sizeof *n + total * sizeof n->all[0]);
    if (!n)
        return NULL;
    pthread_mutex_init(&n->lock, NULL);
    struct node *at = n->all;
    for (unsigned h = 0; h < DEMUR_NODES_HEIGHTS; h++) {
        n->at[h] = at;
        n->kept[h] = kept_of(h);
        at += n->kept[h];
    }
    return n;
}

void demur_nodes_free(struct demur_nodes *n)
{
    if (!n)
        return;
    pthread_mutex_destroy(&n->lock);
    free(n);
}

static struct node *place(struct demur_nodes *n, unsigned height, uint64_t index)
{
    return &n->at[height][index & (n->kept[height] - 1)];
}

static const uint8_t *find(struct demur_nodes *n, unsigned height, uint64_t index)
{
    const struct node *node = place(n, height, index);
    return node->index == index + 1 ? node->hash : NULL;
}

static void put(struct demur_nodes *n, unsigned height, uint64_t index,
                const uint8_t hash[static 32])
{
    struct node *node = place(n, height, index);
    node->index = index + 1;
    memcpy(node->hash, hash, 32);
}

void demur_nodes_grow(struct demur_nodes *n, uint64_t index, const uint8_t leaf[static 32])
{
    uint8_t hash[32];
    const uint8_t *left;
    pthread_mutex_lock(&n->lock);
    memcpy(hash, leaf, 32);
    put(n, 0, index, hash);
    for (unsigned h = 1; h < DEMUR_NODES_HEIGHTS && index & 1; h++, index >>= 1) {
        if (!(left = find(n, h - 1, index - 1)))
            break;
        demur_merkle_node(hash, left, hash);
        put(n, h, index >> 1, hash);
    }
    pthread_mutex_unlock(&n->lock);
}

void demur_nodes_put(struct demur_nodes *n, unsigned height, uint64_t index,
                     const uint8_t hash[static 32])
{
    if (height >= DEMUR_NODES_HEIGHTS)
        return;
    pthread_mutex_lock(&n->lock);
    put(n, height, index, hash);
    pthread_mutex_unlock(&n->lock);
}

bool demur_nodes_get(struct demur_nodes *n, unsigned height, uint64_t index, uint8_t out[static 32])
{
    if (height >= DEMUR_NODES_HEIGHTS)
        return false;
    pthread_mutex_lock(&n->lock);
    const uint8_t *hash = find(n, height, index);
    if (hash)
        memcpy(out, hash, 32);
    pthread_mutex_unlock(&n->lock);
    return hash != NULL;
}
