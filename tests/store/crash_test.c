/* A writer is killed at random moments; what it was told is durable must be. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

enum { KILLS = 25, UPLOAD = (1 << 20) + 1 };

/* What the child tells through the pipe once it is durable, or, while half of
 * an upload is on the disk, once more. */
struct ack {
    uint64_t size; /* of the log */
    uint64_t blob; /* the seed of a blob, 0 for none */
};

static void blob_bytes(uint8_t out[static 3000], uint8_t hash[static 32], uint64_t seed)
{
    test_random(&seed, out, 3000);
    hash_of(hash, span_of(out, 3000));
}

static bool ack(int fd, uint64_t size, uint64_t blob)
{
    struct ack a = {size, blob};
    return write(fd, &a, sizeof a) == sizeof a;
}

/* Put a blob, append a batch that names it, send a large blob half-way. */
static bool child_round(struct demur_store *store, struct maker *m, uint64_t *seed, int fd)
{
    static uint8_t large[UPLOAD];
    uint8_t bytes[3000];
    uint64_t blob = test_random_u64(seed) | 1;
    struct demur_store_ref ref = {.entry = m->edge.frontier.size};
    blob_bytes(bytes, ref.blob, blob);
    if (demur_store_blob_put(store, ref.blob, span_of(bytes, sizeof bytes), 1, NULL) != DEMUR_OK ||
        !ack(fd, ref.entry, blob))
        return false;
    maker_batch(m, (size_t)(test_random_u64(seed) % 60 + 1));
    m->batch.refs = &ref;
    m->batch.n_refs = 1;
    if (demur_store_append(store, &m->batch, NULL) != DEMUR_OK ||
        !ack(fd, m->batch.after.size, blob))
        return false;
    maker_accept(m);
    struct demur_store_upload *upload = NULL;
    if (demur_store_upload_new(store, &upload, NULL) != DEMUR_OK ||
        demur_store_upload_write(upload, span_of(large, sizeof large), NULL) != DEMUR_OK ||
        !ack(fd, m->edge.frontier.size, blob))
        return false;
    usleep(2000);
    demur_store_upload_abort(upload);
    return true;
}

static void child_main(struct world *w, uint64_t seed, int fd)
{
    struct demur_store *store = NULL;
    struct maker *m = maker_new();
    if (demur_store_open(&store, w->dir, DEMUR_STORE_WRITE, NULL) != DEMUR_OK ||
        !maker_load(m, store))
        _exit(3);
    while (child_round(store, m, &seed, fd))
        ;
    _exit(4); /* only a refusal or a signal ends the loop */
}

static enum demur_err same_entry(void *ctx, uint64_t index, const uint8_t leaf[static 32],
                                 struct span bytes)
{
    (void)ctx;
    (void)leaf;
    uint8_t want[2048];
    return span_eq(bytes, span_of(want, world_entry(want, index))) ? DEMUR_OK : DEMUR_ERR_VERIFY;
}

/* Everything acknowledged is there, and nothing is broken or left over. */
static void check_survivor(struct world *w, const struct ack *acks, size_t n)
{
    struct demur_store *store = world_reopen(w);
    REQUIRE(store);
    struct demur_store_head head = {0};
    CHECK_ERR(demur_store_head_get(store, &head, NULL), DEMUR_OK);
    for (size_t i = 0; i < n; i++) {
        CHECK(head.size >= acks[i].size);
        uint8_t bytes[3000], hash[32];
        blob_bytes(bytes, hash, acks[i].blob);
        struct demur_store_bytes got = {NULL, 0};
        CHECK_ERR(demur_store_blob_get(store, &got, hash, NULL), DEMUR_OK);
        CHECK(span_eq(span_of(got.p, got.len), span_of(bytes, sizeof bytes)));
        demur_store_bytes_free(&got);
    }
    CHECK_ERR(demur_store_entries(store, 0, head.size, same_entry, NULL, NULL), DEMUR_OK);
    uint64_t pending = 0;
    CHECK_ERR(demur_store_reclaim(store, UINT64_MAX, NULL, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending <= 3000); /* the cut-off upload is gone; one small blob may wait */
    CHECK_ERR(demur_store_sweep(store, 2, UINT64_MAX, NULL, NULL), DEMUR_OK);
    check_clean(store);
    demur_store_close(store);
}

TEST(store_survives_kill)
{
    struct world w;
    world_init(&w);
    demur_store_close(world_open(&w));
    uint64_t seed = (uint64_t)getpid() << 20 | 1;
    size_t total = 0;
    for (int round = 0; round < KILLS; round++) {
        static struct ack acks[4000];
        int fds[2];
        REQUIRE(pipe(fds) == 0);
        uint64_t child_seed = test_random_u64(&seed);
        pid_t child = fork();
        if (child == 0)
            child_main(&w, child_seed, fds[1]);
        REQUIRE(child > 0); /* kill(-1) would end every process there is */
        close(fds[1]);
        size_t n = 0;
        /* a number of acknowledgements first; without any, the kill may fall
         * into the opening */
        size_t wait = (size_t)(test_random_u64(&seed) % 8);
        while (n < wait && read(fds[0], &acks[n], sizeof *acks) == sizeof *acks)
            n++;
        usleep((useconds_t)(test_random_u64(&seed) % (wait ? 5000 : 40000)));
        kill(child, SIGKILL);
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        while (n < DEMUR_COUNT(acks) && read(fds[0], &acks[n], sizeof *acks) == sizeof *acks)
            n++;
        close(fds[0]);
        check_survivor(&w, acks, n);
        total += n;
    }
    CHECK(total >= KILLS); /* the kills fell into work, not before it */
    world_end(&w);
}
