/* The check names what was changed behind the store's back. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "world.h"

enum { SIZE = 600 };

/* A store of 600 entries with one blob of 200,000 bytes. */
static void damage_setup(struct world *w, uint8_t hash[static 32], uint8_t *blob, size_t len)
{
    world_init(w);
    struct demur_store *store = world_open(w);
    struct maker *m = maker_new();
    maker_append(m, store, SIZE);
    uint64_t seed = 8;
    test_random(&seed, blob, len);
    hash_of(hash, span_of(blob, len));
    CHECK_ERR(demur_store_blob_put(store, hash, span_of(blob, len), 1, NULL), DEMUR_OK);
    check_clean(store);
    demur_store_close(store);
    maker_free(m);
}

/* Run SQL behind the store's back, then expect this finding first. */
static void check_sql(struct world *w, const char *text, enum demur_store_part part, uint64_t index,
                      const char *want)
{
    sqlite3 *db = NULL;
    CHECK(sqlite3_open(w->db, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    struct demur_store *store = world_reopen(w);
    REQUIRE(store);
    struct demur_store_finding first;
    uint64_t n = 0;
    check_first(store, &n, &first);
    if (n == 0 || first.part != part || first.index != index || !strstr(first.text, want))
        test_failed(__FILE__, __LINE__, "%s: found \"%s\" (%d, %llu)", text, first.text,
                    (int)first.part, (unsigned long long)first.index);
    demur_store_close(store);
}

static const struct {
    const char *sql;
    enum demur_store_part part;
    uint64_t index;
    const char *text;
} cases[] = {
    {"UPDATE entry SET bytes = x'00' WHERE idx = 77", DEMUR_STORE_PART_ENTRY, 77,
     "entry 77 does not hash to its leaf hash"},
    {"UPDATE entry SET record = zeroblob(32) WHERE idx = 5", DEMUR_STORE_PART_ENTRY, 5,
     "entry 5 holds a record that does not hash"},
    {"UPDATE entry SET leaf = zeroblob(32) WHERE idx = 300", DEMUR_STORE_PART_ENTRY, 300,
     "entry 300 does not hash"},
    {"DELETE FROM entry WHERE idx = 599", DEMUR_STORE_PART_TILE, 2, "tile 0/2 is not what"},
    {"DELETE FROM entry WHERE idx = 123", DEMUR_STORE_PART_ENTRY, 123, "entry 123 is missing"},
    {"UPDATE tile SET hashes = zeroblob(8192) WHERE key = 1", DEMUR_STORE_PART_TILE, 1,
     "tile 0/1 is not what the entries make it"},
    {"DELETE FROM tile WHERE key = 1 << 56", DEMUR_STORE_PART_TILE, 0, "tile 1/0 is missing"},
    {"INSERT INTO tile VALUES (9, zeroblob(32))", DEMUR_STORE_PART_TILE, 9,
     "tile 0/9 is beyond the log's end"},
    {"UPDATE head SET root = zeroblob(32)", DEMUR_STORE_PART_HEAD, 0, "root is not that"},
    {"UPDATE head SET size = 601", DEMUR_STORE_PART_HEAD, 0, "says 601 entries, and 600"},
    {"DELETE FROM head", DEMUR_STORE_PART_HEAD, 0, "no head"},
    {"UPDATE chunk SET bytes = x'11' WHERE n = 3", DEMUR_STORE_PART_BLOB, 0,
     "cannot be read whole"},
    {"DELETE FROM chunk WHERE n = 2", DEMUR_STORE_PART_BLOB, 0, "cannot be read whole"},
    {"UPDATE chunk SET bytes = zeroblob(65536) WHERE n = 2", DEMUR_STORE_PART_BLOB, 0,
     "does not hash to its name"},
    {"UPDATE blob SET entry = 5000", DEMUR_STORE_PART_FILE, 0, "table blob names one"},
};

TEST(store_check_names_changes)
{
    static uint8_t blob[200000];
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct world w;
        uint8_t hash[32];
        damage_setup(&w, hash, blob, sizeof blob);
        check_sql(&w, cases[i].sql, cases[i].part, cases[i].index, cases[i].text);
        world_end(&w);
    }
}

/* Where the bytes lie in log.db. */
static off_t find_in_file(struct world *w, struct span what)
{
    FILE *f = fopen(w->db, "rb");
    static uint8_t all[8 << 20];
    size_t n = f ? fread(all, 1, sizeof all, f) : 0;
    if (f)
        fclose(f);
    const uint8_t *at = n ? memmem(all, n, what.p, what.len) : NULL;
    return at ? at - all : -1;
}

static void flip_at(struct world *w, off_t at)
{
    int fd = open(w->db, O_RDWR | O_CLOEXEC);
    uint8_t c = 0;
    CHECK(fd >= 0 && pread(fd, &c, 1, at) == 1);
    c ^= 0x10;
    CHECK(pwrite(fd, &c, 1, at) == 1);
    close(fd);
}

TEST(store_check_names_flipped_bytes)
{
    static uint8_t blob[200000];
    struct world w;
    uint8_t hash[32], entry[2048];
    damage_setup(&w, hash, blob, sizeof blob);
    size_t len = world_entry(entry, 41);
    flip_at(&w, find_in_file(&w, span_of(blob + 150000, 100)));
    flip_at(&w, find_in_file(&w, span_of(entry, len < 40 ? len : 40)));
    struct demur_store *store = world_reopen(&w);
    REQUIRE(store);
    struct demur_store_finding first;
    uint64_t n = 0;
    CHECK(strstr(check_first(store, &n, &first), "entry 41 does not hash"));
    CHECK(n == 2); /* and the blob */
    demur_store_close(store);
    world_end(&w);
}

/* Bytes flipped anywhere: a store either refuses to open, with a sentence, or
 * opens and its check says so; it never crashes. Pages whose every byte is
 * free say nothing, so most flips must be found, not all. */
TEST(store_flips_anywhere)
{
    static uint8_t blob[200000];
    struct world w;
    uint8_t hash[32];
    damage_setup(&w, hash, blob, sizeof blob);
    FILE *f = fopen(w.db, "rb");
    REQUIRE(f);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    fclose(f);
    uint64_t seed = 1234;
    int told = 0, rounds = 80;
    for (int i = 0; i < rounds; i++) {
        off_t at = (off_t)(test_random_u64(&seed) % (uint64_t)(i % 2 ? size : 4096));
        flip_at(&w, at);
        struct demur_store *store = NULL;
        struct demur_diag diag = {0};
        uint64_t n = 0;
        if (demur_store_open(&store, w.dir, DEMUR_STORE_READ, &diag) != DEMUR_OK)
            told += diag.text[0] != 0;
        else if (demur_store_check(store, &n, NULL, NULL, &diag) != DEMUR_OK)
            told += diag.text[0] != 0;
        else
            told += n > 0;
        demur_store_close(store);
        flip_at(&w, at); /* back */
    }
    CHECK(told > rounds / 4);
    struct demur_store *store = world_reopen(&w);
    REQUIRE(store);
    check_clean(store);
    demur_store_close(store);
    world_end(&w);
}
