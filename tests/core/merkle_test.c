/* The Merkle tree: against the definition, against itself, against published
 * vectors, and against everything that a liar might change. */
#include "../../core/encode.h"
#include "../../core/merkle.h"
#include "../test.h"

enum { LEAVES = 600 };

/* Past a power of two either way. */
#define PROOF_SIZES (test_quick() ? 35u : 70u)

static uint8_t leaves[LEAVES][32];

static void make_leaves(void)
{
    for (unsigned i = 0; i < LEAVES; i++) {
        const uint8_t entry[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        demur_merkle_leaf(leaves[i], span_of(entry, i ? sizeof entry : 0));
    }
}

/* MTH as RFC 6962 section 2.1 defines it. */
static void naive_root(uint8_t out[32], size_t begin, size_t end)
{
    size_t n = end - begin, split = 1;
    if (n == 0) {
        demur_merkle_empty(out);
        return;
    }
    if (n == 1) {
        memcpy(out, leaves[begin], 32);
        return;
    }
    while (2 * split < n)
        split *= 2;
    uint8_t left[32], right[32];
    naive_root(left, begin, begin + split);
    naive_root(right, begin + split, end);
    demur_merkle_node(out, left, right);
}

/* Answers from the definition, and only for nodes inside the first *ctx leaves. */
static bool naive_read(void *ctx, unsigned level, uint64_t index, uint8_t out[32])
{
    const size_t *size = ctx;
    uint64_t end = (index + 1) << level;
    CHECK(end <= *size);
    naive_root(out, (size_t)(index << level), (size_t)end);
    return true;
}

static bool no_read(void *ctx, unsigned level, uint64_t index, uint8_t out[32])
{
    (void)ctx, (void)level, (void)index, (void)out;
    return false;
}

TEST(merkle_rfc6962_known_hashes)
{
    uint8_t got[32], want[32];
    demur_merkle_empty(got);
    test_unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", want, 32);
    CHECK(memcmp(got, want, 32) == 0);
    demur_merkle_leaf(got, span_of(NULL, 0));
    test_unhex("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", want, 32);
    CHECK(memcmp(got, want, 32) == 0);
}

TEST(merkle_frontier_follows_the_definition)
{
    make_leaves();
    struct demur_frontier f, loaded;
    demur_frontier_init(&f);
    for (size_t size = 0; size <= (test_quick() ? 260 : LEAVES); size++) {
        uint8_t want[32], got[32];
        naive_root(want, 0, size);
        demur_frontier_root(&f, got);
        CHECK(memcmp(got, want, 32) == 0);
        struct demur_tree_reader reader = {naive_read, &size};
        REQUIRE(demur_frontier_load(&loaded, size, &reader));
        demur_frontier_root(&loaded, got);
        CHECK(loaded.size == size && memcmp(got, want, 32) == 0);
        if (size < LEAVES)
            REQUIRE(demur_frontier_append(&f, leaves[size]));
    }
}

TEST(merkle_frontier_keeps_what_a_leaf_completed)
{
    make_leaves();
    struct demur_frontier f;
    demur_frontier_init(&f);
    for (size_t size = 1; size <= 300; size++) {
        REQUIRE(demur_frontier_append(&f, leaves[size - 1]));
        for (unsigned k = 0; k <= (unsigned)__builtin_ctzll(size); k++) {
            uint8_t want[32];
            naive_root(want, size - ((size_t)1 << k), size);
            CHECK(memcmp(f.hash[k], want, 32) == 0);
        }
    }
}

TEST(merkle_frontier_refuses_what_it_cannot_hold)
{
    struct demur_frontier f = {.size = DEMUR_LOG_SIZE_MAX};
    struct demur_tree_reader broken = {no_read, NULL};
    CHECK(!demur_frontier_append(&f, leaves[0]));
    CHECK(!demur_frontier_load(&f, 1, &broken));
    CHECK(!demur_frontier_load(&f, DEMUR_LOG_SIZE_MAX + 1, &broken));
    CHECK(f.size == DEMUR_LOG_SIZE_MAX);
    CHECK(demur_frontier_load(&f, 0, &broken) && f.size == 0);
}

/* Every single-bit change, removal and addition of a hash must be noticed. */
static void spoil(struct demur_proof *proof, uint64_t *seed, unsigned way)
{
    size_t at = proof->len ? test_random_u64(seed) % proof->len : 0;
    if (way == 0 && proof->len)
        proof->hash[at][test_random_u64(seed) % 32] ^= (uint8_t)(1 << test_random_u64(seed) % 8);
    else if (way == 1 && proof->len)
        proof->len--;
    else if (way == 2 && proof->len) {
        memmove(proof->hash[at], proof->hash[at + 1], (proof->len - at - 1) * 32);
        proof->len--;
    } else {
        test_random(seed, proof->hash[proof->len++], 32);
    }
}

TEST(merkle_inclusion_proofs)
{
    make_leaves();
    uint64_t seed = 1;
    for (size_t size = 1; size <= PROOF_SIZES; size++) {
        struct demur_tree_reader reader = {naive_read, &size};
        uint8_t root[32];
        naive_root(root, 0, size);
        for (size_t i = 0; i < size; i++) {
            struct demur_proof proof, bad;
            REQUIRE(demur_inclusion_prove(&proof, i, size, &reader));
            CHECK(demur_inclusion_verify(&proof, i, size, leaves[i], root));
            CHECK(!demur_inclusion_verify(&proof, i, size, leaves[i + 1], root));
            CHECK(!demur_inclusion_verify(&proof, i, size, leaves[i], leaves[LEAVES - 1]));
            for (size_t other = 0; other <= size; other++)
                CHECK(other == i || !demur_inclusion_verify(&proof, other, size, leaves[i], root));
            for (unsigned way = 0; way < 4; way++) {
                bad = proof;
                spoil(&bad, &seed, way);
                CHECK(!demur_inclusion_verify(&bad, i, size, leaves[i], root));
            }
        }
    }
}

TEST(merkle_consistency_proofs)
{
    make_leaves();
    uint64_t seed = 2;
    for (size_t new_size = 1; new_size <= PROOF_SIZES; new_size++) {
        struct demur_tree_reader reader = {naive_read, &new_size};
        uint8_t old_root[32], new_root[32];
        naive_root(new_root, 0, new_size);
        for (size_t old_size = 1; old_size <= new_size; old_size++) {
            struct demur_proof proof, bad;
            naive_root(old_root, 0, old_size);
            REQUIRE(demur_consistency_prove(&proof, old_size, new_size, &reader));
            CHECK(demur_consistency_verify(&proof, old_size, new_size, old_root, new_root));
            CHECK(!demur_consistency_verify(&proof, old_size, new_size, leaves[LEAVES - 1],
                                            new_root));
            CHECK(!demur_consistency_verify(&proof, old_size, new_size, old_root,
                                            leaves[LEAVES - 1]));
            CHECK(old_size == new_size ||
                  !demur_consistency_verify(&proof, new_size, old_size, new_root, old_root));
            for (unsigned way = 0; way < 4; way++) {
                bad = proof;
                spoil(&bad, &seed, way);
                CHECK(!demur_consistency_verify(&bad, old_size, new_size, old_root, new_root));
            }
        }
    }
}

TEST(merkle_proof_limits)
{
    make_leaves();
    size_t size = 10;
    struct demur_tree_reader reader = {naive_read, &size}, broken = {no_read, NULL};
    struct demur_proof proof = {0};
    uint8_t empty[32];
    demur_merkle_empty(empty);
    CHECK(!demur_inclusion_prove(&proof, 10, 10, &reader));
    CHECK(!demur_inclusion_prove(&proof, 0, 0, &reader));
    CHECK(!demur_inclusion_prove(&proof, 0, DEMUR_LOG_SIZE_MAX + 1, &reader));
    CHECK(!demur_inclusion_prove(&proof, 0, 10, &broken));
    CHECK(!demur_consistency_prove(&proof, 0, 10, &reader));
    CHECK(!demur_consistency_prove(&proof, 11, 10, &reader));
    CHECK(!demur_consistency_prove(&proof, 1, DEMUR_LOG_SIZE_MAX + 1, &reader));
    CHECK(!demur_consistency_prove(&proof, 7, 10, &broken));
    proof.len = 0;
    CHECK(!demur_consistency_verify(&proof, 0, 0, empty, empty));
    CHECK(!demur_inclusion_verify(&proof, 0, 0, empty, empty));
    proof.len = DEMUR_PROOF_MAX + 1;
    CHECK(!demur_inclusion_verify(&proof, 0, 1, leaves[0], leaves[0]));
    CHECK(!demur_consistency_verify(&proof, 1, 1, leaves[0], leaves[0]));
}

static bool any_read(void *ctx, unsigned level, uint64_t index, uint8_t out[32])
{
    (void)ctx;
    memset(out, (int)level, 32);
    out[0] = (uint8_t)index;
    return index < DEMUR_LOG_SIZE_MAX >> level;
}

/* The longest proofs there are fit, and lead to the root. (At 2^62 the root is
 * itself a complete subtree, which any_read makes up.) */
TEST(merkle_largest_log)
{
    struct demur_tree_reader reader = {any_read, NULL};
    struct demur_frontier f;
    struct demur_proof proof;
    uint8_t root[32], leaf[32], old_root[32];
    const uint64_t sizes[] = {DEMUR_LOG_SIZE_MAX, (uint64_t)1 << 62, ((uint64_t)1 << 62) + 1};
    for (size_t i = 0; i < DEMUR_COUNT(sizes); i++) {
        REQUIRE(demur_frontier_load(&f, sizes[i], &reader));
        demur_frontier_root(&f, root);
        REQUIRE(demur_inclusion_prove(&proof, sizes[i] - 1, sizes[i], &reader));
        CHECK(proof.len <= DEMUR_PROOF_MAX);
        any_read(NULL, 0, sizes[i] - 1, leaf);
        CHECK(i == 1 || demur_inclusion_verify(&proof, sizes[i] - 1, sizes[i], leaf, root));
        REQUIRE(demur_frontier_load(&f, sizes[i] - 2, &reader));
        demur_frontier_root(&f, old_root);
        REQUIRE(demur_consistency_prove(&proof, sizes[i] - 2, sizes[i], &reader));
        CHECK(proof.len <= DEMUR_PROOF_MAX);
    }
}

/* ---- published vectors --------------------------------------------------- */

/* Just enough JSON for these files: the text after `"name":`. */
static struct span json_value(struct span json, const char *name)
{
    struct span quoted = span_of(NULL, 0);
    while (json.len) {
        if (json.p[0] == '"' && span_starts(span_skip(json, 1), name) &&
            span_starts(span_skip(json, 1 + strlen(name)), "\":")) {
            quoted = span_skip(json, strlen(name) + 3);
            while (quoted.len && quoted.p[0] == ' ')
                quoted = span_skip(quoted, 1);
            return quoted;
        }
        json = span_skip(json, 1);
    }
    test_failed(__FILE__, __LINE__, "no \"%s\" in the vector", name);
    return quoted;
}

static uint64_t json_number(struct span json, const char *name)
{
    struct span at = json_value(json, name);
    size_t n = 0;
    while (n < at.len && at.p[n] >= '0' && at.p[n] <= '9')
        n++;
    uint64_t value = 0;
    if (!span_u64(span_take(at, n), UINT64_MAX, &value))
        test_failed(__FILE__, __LINE__, "\"%s\" is not a number", name);
    return value;
}

static bool json_true(struct span json, const char *name)
{
    return span_starts(json_value(json, name), "true");
}

/* A quoted base64 text at *at, which moves past it. The vectors hold texts that
 * are no hashes: shorter ones are padded with zeros, and *given tells whether
 * there was anything at all. */
static void json_hash(struct span *at, uint8_t out[32], bool *given)
{
    bool closed;
    uint8_t bytes[32];
    struct buf b = buf_over(bytes, sizeof bytes);
    *at = span_skip(*at, 1);
    struct span text = span_split(at, '"', &closed);
    if (!closed || demur_base64_decode(&b, text) != DEMUR_OK)
        test_failed(__FILE__, __LINE__, "not base64: %.*s", SPAN_ARG(text));
    memset(out, 0, 32);
    memcpy(out, bytes, b.len);
    *given = b.len > 0;
}

static bool json_hash_of(struct span json, const char *name, uint8_t out[32])
{
    bool given;
    struct span at = json_value(json, name);
    json_hash(&at, out, &given);
    return given;
}

static void json_proof(struct span json, struct demur_proof *proof)
{
    struct span at = json_value(json, "proof");
    proof->len = 0;
    if (!span_starts(at, "["))
        return;
    while (at.len && at.p[0] != ']') {
        bool given;
        if (at.p[0] == '"' && proof->len < DEMUR_PROOF_MAX)
            json_hash(&at, proof->hash[proof->len++], &given);
        else
            at = span_skip(at, 1);
    }
}

static bool inclusion_vector(struct span json)
{
    uint8_t leaf[32], root[32];
    struct demur_proof proof;
    bool leaf_given = json_hash_of(json, "leafHash", leaf);
    bool root_given = json_hash_of(json, "root", root);
    json_proof(json, &proof);
    return demur_inclusion_verify(&proof, json_number(json, "leafIdx"),
                                  json_number(json, "treeSize"), leaf, root) &&
           leaf_given && root_given;
}

static bool consistency_vector(struct span json)
{
    uint8_t old_root[32], new_root[32];
    struct demur_proof proof;
    bool old_given = json_hash_of(json, "root1", old_root);
    bool new_given = json_hash_of(json, "root2", new_root);
    json_proof(json, &proof);
    return demur_consistency_verify(&proof, json_number(json, "size1"), json_number(json, "size2"),
                                    old_root, new_root) &&
           old_given && new_given;
}

static void run_vectors(const char *folder, bool (*verify)(struct span json))
{
    const char *name;
    unsigned seen = 0, good = 0;
    for (size_t i = 0; (name = test_data_name(i)); i++) {
        if (!span_starts(span_str(name), folder))
            continue;
        struct span json = test_data(name);
        bool want = !json_true(json, "wantErr");
        seen++;
        good += want;
        if (verify(json) != want)
            test_failed(__FILE__, __LINE__, "%s: should %s", name, want ? "verify" : "fail");
    }
    if (seen == 0)
        test_skip("no vectors under %s", folder);
    else
        CHECK(seen >= 98 && good >= 5 && good < seen);
}

TEST(merkle_inclusion_vectors) { run_vectors("merkle/inclusion/", inclusion_vector); }

TEST(merkle_consistency_vectors) { run_vectors("merkle/consistency/", consistency_vector); }
