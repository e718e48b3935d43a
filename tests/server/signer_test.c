/* The signer process: growth only, never two heads of one size, durable. */
#define _GNU_SOURCE /* mkdtemp */
#include "../../server/signer.h"

#include <signal.h>
#include <sodium.h>
#include <unistd.h>

#include "../../core/tile.h"
#include "../../server/files.h"
#include "../test.h"

#define LEAVES 40

struct bench {
    char dir[64];
    uint8_t seed[32], key[32];
    uint8_t leaves[LEAVES][32];
    struct demur_signer *signer;
    struct demur_diag diag;
};

static bool leaf_read(void *ctx, unsigned level, uint64_t index, uint8_t out[32])
{
    struct bench *b = ctx;
    if (!level) {
        memcpy(out, b->leaves[index], 32);
        return true;
    }
    uint8_t left[32], right[32];
    leaf_read(ctx, level - 1, 2 * index, left);
    leaf_read(ctx, level - 1, 2 * index + 1, right);
    demur_merkle_node(out, left, right);
    return true;
}

static void root_of(struct bench *b, uint64_t size, uint8_t root[32])
{
    struct demur_frontier f;
    demur_frontier_init(&f);
    for (uint64_t i = 0; i < size; i++)
        CHECK(demur_frontier_append(&f, b->leaves[i]));
    demur_frontier_root(&f, root);
}

static bool start(struct bench *b)
{
    enum demur_err err = demur_signer_start(&b->signer, b->dir, true, NULL, &b->diag);
    if (err)
        test_failed(__FILE__, __LINE__, "signer: %s", b->diag.text);
    return !err;
}

static bool set_up(struct bench *b)
{
    uint64_t state = 3;
    uint8_t secret[64];
    memset(b, 0, sizeof *b);
    test_random(&state, b->leaves, sizeof b->leaves);
    test_random(&state, b->seed, 32);
    crypto_sign_seed_keypair(b->key, secret, b->seed);
    snprintf(b->dir, sizeof b->dir, "/tmp/demur-signer-XXXXXX");
    return mkdtemp(b->dir) &&
           !demur_signer_create(b->dir, span_lit("example.org/log"), b->seed, &b->diag) && start(b);
}

static void tear_down(struct bench *b)
{
    static const char *const names[] = {"log.key", "log.key.next", "signer.state", "signer.lock"};
    char path[DEMUR_PATH_MAX];
    demur_signer_stop(b->signer);
    for (size_t i = 0; i < DEMUR_COUNT(names); i++)
        if (!demur_path(path, b->dir, names[i], NULL))
            unlink(path);
    rmdir(b->dir);
}

/* Propose the first `size` leaves as they are now, with an honest proof. */
static enum demur_err propose(struct bench *b, uint64_t size, const uint8_t key[32])
{
    uint8_t root[32], text[DEMUR_CHECKPOINT_MAX];
    struct buf out = buf_over(text, sizeof text);
    struct demur_proof proof = {0};
    struct demur_tree_reader reader = {leaf_read, b};
    uint64_t old = demur_signer_size(b->signer);
    root_of(b, size, root);
    if (old && old <= size)
        CHECK(demur_consistency_prove(&proof, old, size, &reader));
    enum demur_err err = demur_signer_sign(b->signer, &out, size, root, key, &proof, &b->diag);
    if (!err) {
        struct demur_checkpoint head;
        CHECK_ERR(demur_checkpoint_open(&head, NULL, buf_span(&out), span_lit("example.org/log"),
                                        key, NULL),
                  DEMUR_OK);
        CHECK(head.size == size && !memcmp(head.root, root, 32));
    }
    return err;
}

TEST(signer_grows)
{
    struct bench b;
    REQUIRE(set_up(&b));
    CHECK(demur_signer_size(b.signer) == 0);
    static const uint64_t sizes[] = {1, 2, 2, 3, 7, 8, 8, 31, 32, 40, 40};
    for (size_t i = 0; i < DEMUR_COUNT(sizes); i++) {
        CHECK_ERR(propose(&b, sizes[i], b.key), DEMUR_OK);
        CHECK(demur_signer_size(b.signer) == sizes[i]);
    }
    tear_down(&b);
}

TEST(signer_refuses_all_but_growth)
{
    struct bench b;
    struct demur_proof none = {0};
    uint8_t text[DEMUR_CHECKPOINT_MAX], root[32];
    struct buf out = buf_over(text, sizeof text);
    REQUIRE(set_up(&b));
    CHECK_ERR(propose(&b, 5, b.key), DEMUR_OK);
    CHECK_ERR(propose(&b, 4, b.key), DEMUR_ERR_VERIFY); /* smaller */
    root_of(&b, 9, root);
    CHECK_ERR(demur_signer_sign(b.signer, &out, 9, root, b.key, &none, &b.diag),
              DEMUR_ERR_VERIFY); /* no proof */
    b.leaves[2][0] ^= 1;
    CHECK_ERR(propose(&b, 5, b.key), DEMUR_ERR_VERIFY); /* another head of the same size */
    CHECK_ERR(propose(&b, 9, b.key), DEMUR_ERR_VERIFY); /* a history rewritten */
    CHECK(strstr(b.diag.text, "does not extend"));
    b.leaves[2][0] ^= 1;
    CHECK_ERR(propose(&b, 9, b.key), DEMUR_OK); /* refusing has hurt nothing */
    tear_down(&b);
}

TEST(signer_remembers_after_a_restart)
{
    struct bench b;
    REQUIRE(set_up(&b));
    CHECK_ERR(propose(&b, 5, b.key), DEMUR_OK);
    demur_signer_stop(b.signer);
    b.signer = NULL;
    REQUIRE(start(&b));
    CHECK(demur_signer_size(b.signer) == 5);
    CHECK_ERR(propose(&b, 5, b.key), DEMUR_OK);
    b.leaves[4][9] ^= 1;
    CHECK_ERR(propose(&b, 5, b.key), DEMUR_ERR_VERIFY);
    b.leaves[4][9] ^= 1;
    CHECK_ERR(propose(&b, 6, b.key), DEMUR_OK);
    tear_down(&b);
}

TEST(signer_wants_a_state_that_its_key_signed)
{
    struct bench b;
    uint8_t other[32] = {7};
    REQUIRE(set_up(&b));
    demur_signer_stop(b.signer);
    b.signer = NULL;
    REQUIRE(!demur_key_write(b.dir, "log.key", "log-key", other, NULL));
    CHECK_ERR(demur_signer_start(&b.signer, b.dir, true, NULL, &b.diag), DEMUR_ERR_VERIFY);
    CHECK(strstr(b.diag.text, "signer.state"));
    REQUIRE(
        !demur_file_write(b.dir, "log.key", span_lit("demur log-key v1\nseed x\n"), 0600, NULL));
    CHECK_ERR(demur_signer_start(&b.signer, b.dir, true, NULL, &b.diag), DEMUR_ERR_SYNTAX);
    CHECK(strstr(b.diag.text, "log.key"));
    tear_down(&b);
}

TEST(signer_changes_its_key_when_told)
{
    struct bench b;
    uint8_t seed[32] = {9}, next[32], secret[64];
    REQUIRE(set_up(&b));
    crypto_sign_seed_keypair(next, secret, seed);
    CHECK_ERR(propose(&b, 5, next), DEMUR_ERR_KEY);
    demur_signer_stop(b.signer);
    b.signer = NULL;
    REQUIRE(!demur_key_write(b.dir, "log.key.next", "log-key", seed, NULL));
    REQUIRE(start(&b));
    CHECK(demur_signer_holds(b.signer, b.key) && demur_signer_holds(b.signer, next));
    CHECK_ERR(propose(&b, 5, b.key), DEMUR_OK);
    CHECK_ERR(propose(&b, 6, next), DEMUR_OK);
    CHECK_ERR(propose(&b, 6, next), DEMUR_OK);
    demur_signer_stop(b.signer);
    b.signer = NULL;
    REQUIRE(start(&b)); /* the state is signed by the new key now */
    CHECK(demur_signer_size(b.signer) == 6);
    tear_down(&b);
}

static uint8_t file[16384];

static bool state_read(struct bench *b, size_t *len)
{
    struct buf out = buf_over(file, sizeof file);
    bool ok = !demur_file_read(&out, b->dir, "signer.state", &b->diag);
    *len = out.len;
    return ok;
}

/* Restart on the state file as it is in `file` now; the size it then remembers, or
 * UINT64_MAX when it does not start. */
static uint64_t size_with(struct bench *b, size_t len)
{
    demur_signer_stop(b->signer);
    b->signer = NULL;
    if (demur_file_write(b->dir, "signer.state", span_of(file, len), 0600, NULL) ||
        demur_signer_start(&b->signer, b->dir, true, NULL, &b->diag))
        return UINT64_MAX;
    return demur_signer_size(b->signer);
}

/* A write of the state that a crash breaks off anywhere leaves what was signed before
 * or what was being signed, and the signer goes on from that. */
TEST(signer_survives_a_torn_state)
{
    struct bench b;
    static uint8_t before[sizeof file], after[sizeof file];
    size_t len, torn = 0;
    REQUIRE(set_up(&b));
    for (uint64_t size = 5; size <= 8; size++) { /* into either slot */
        CHECK_ERR(propose(&b, size, b.key), DEMUR_OK);
        REQUIRE(state_read(&b, &len) && len == 8192);
        memcpy(before, file, len);
        CHECK_ERR(propose(&b, size + 1, b.key), DEMUR_OK);
        REQUIRE(state_read(&b, &len) && len == 8192);
        memcpy(after, file, len);
        size_t first = 0;
        while (first < len && before[first] == after[first])
            first++;
        for (size_t at = first; at<len; at += at % 4096> 400 && at % 4096 < 4064 ? 1021 : 17) {
            memcpy(file, after, at);
            memcpy(file + at, before + at, len - at);
            uint64_t is = size_with(&b, len);
            if (is != size && is != size + 1)
                test_failed(__FILE__, __LINE__, "torn at %zu: %llu", at, (unsigned long long)is);
            torn += is == size;
        }
        memcpy(file, before, len);
        CHECK(size_with(&b, len) == size);
    }
    CHECK(torn > 40);
    tear_down(&b);
}

/* As an older version or a backup leaves it: the checkpoint alone. And nothing whole. */
TEST(signer_takes_a_bare_checkpoint)
{
    struct bench b;
    size_t len;
    REQUIRE(set_up(&b));
    CHECK_ERR(propose(&b, 5, b.key), DEMUR_OK);
    CHECK_ERR(propose(&b, 6, b.key), DEMUR_OK);
    REQUIRE(state_read(&b, &len) && len == 8192);
    CHECK(size_with(&b, strlen((char *)file)) == 6);
    CHECK_ERR(propose(&b, 7, b.key), DEMUR_OK);
    REQUIRE(state_read(&b, &len) && len == 8192);
    file[20] ^= 1;
    CHECK(size_with(&b, len) != UINT64_MAX);
    file[4096 + 20] ^= 1;
    CHECK(size_with(&b, len) == UINT64_MAX);
    CHECK(strstr(b.diag.text, "damaged"));
    tear_down(&b);
}

TEST(signer_alone)
{
    struct bench b;
    struct demur_signer *second = NULL;
    REQUIRE(set_up(&b));
    CHECK_ERR(demur_signer_start(&second, b.dir, true, NULL, &b.diag), DEMUR_ERR_IO);
    CHECK(strstr(b.diag.text, "another signer"));
    CHECK_ERR(propose(&b, 3, b.key), DEMUR_OK);
    tear_down(&b);
}
