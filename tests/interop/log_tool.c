/* log_tool - writes and reads logs with demur's own code, for other programs to
 * check. Not a part of demur; tests/interop/go-tlog compiles it.
 *
 *   log_tool example DIR          write the worked example, vectors/log/
 *   log_tool log DIR ENTRIES      write a log in the layout of tlog-tiles
 *   log_tool open VKEY-FILE NOTE  verify a note and print its text
 */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../../core/encode.h"
#include "../support/log_example.h"
#include "../test.h"

static void die(const char *what, const char *why)
{
    fprintf(stderr, "log_tool: %s: %s\n", what, why);
    exit(1);
}

static void need(enum demur_err err, const struct demur_diag *diag)
{
    if (err != DEMUR_OK)
        die(demur_err_name(err), diag->text);
}

/* Write DIR/NAME, making the folders on the way. */
static void write_file(const char *dir, struct span name, struct span bytes)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%.*s", dir, (int)name.len, (const char *)name.p);
    if (n < 0 || (size_t)n >= sizeof path)
        die(dir, "path too long");
    for (char *slash = path + strlen(dir); (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        if (mkdir(path, 0777) && errno != EEXIST)
            die(path, strerror(errno));
    }
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes.p, 1, bytes.len, f) != bytes.len || fclose(f))
        die(path, strerror(errno));
}

static struct span read_file(const char *path)
{
    static uint8_t storage[2][DEMUR_RECEIPT_MAX];
    static unsigned turn;
    uint8_t *at = storage[turn++ % 2];
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path, strerror(errno));
    size_t n = fread(at, 1, DEMUR_RECEIPT_MAX, f);
    fclose(f);
    return span_of(at, n);
}

/* ---- a log of synthetic entries ------------------------------------------ */

enum { BATCH = 4096 };

static struct {
    const char *dir;
    struct log_example example; /* for its keys */
    uint64_t size, entries;
    uint8_t *leaves; /* 32 bytes an entry */
    uint8_t *level1; /* as much of it as any log here has */
    struct demur_edge edge;
    uint8_t work[(BATCH + BATCH / 255 + 256 * DEMUR_TILE_LEVELS) * 32];
} g;

static size_t make_entry(uint8_t out[1024], uint64_t i)
{
    uint64_t seed = i;
    struct buf b = buf_over(out, 1024);
    buf_put_str(&b, "at ");
    buf_put_u64(&b, 1767225600 + i);
    buf_put_str(&b, "\ndemur synthetic v1\nfill ");
    size_t fill = i % 500 ? test_random_u64(&seed) % 60 : 900;
    for (size_t k = 0; k < fill; k++)
        buf_put_byte(&b, (uint8_t)('a' + test_random_u64(&seed) % 26));
    buf_put_byte(&b, '\n');
    return b.len;
}

static void put_tile_path(struct buf *out, struct demur_tile tile, int level)
{
    tile.level = level;
    demur_tile_put_path(out, &tile);
}

static void write_tile(const struct demur_tile_write *write)
{
    uint8_t name[DEMUR_TILE_PATH_MAX];
    struct buf path = buf_over(name, sizeof name);
    put_tile_path(&path, write->tile, write->tile.level);
    write_file(g.dir, buf_span(&path), write->bytes);
    if (write->tile.level == 1)
        memcpy(g.level1 + write->tile.index * DEMUR_TILE_BYTES, write->bytes.p, write->bytes.len);
    if (write->tile.level != 0)
        return;
    static uint8_t storage[DEMUR_TILE_WIDTH * 1026], entry[1024];
    struct buf bundle = buf_over(storage, sizeof storage);
    for (unsigned i = 0; i < write->tile.width; i++)
        demur_bundle_put(&bundle, span_of(entry, make_entry(entry, write->tile.index * 256 + i)));
    path = buf_over(name, sizeof name);
    put_tile_path(&path, write->tile, DEMUR_TILE_ENTRIES);
    write_file(g.dir, buf_span(&path), buf_span(&bundle));
}

static void grow(size_t n)
{
    struct demur_growth growth;
    struct demur_tile_write write;
    struct demur_diag diag;
    uint8_t entry[1024];
    for (size_t i = 0; i < n; i++)
        demur_merkle_leaf(g.leaves + (g.size + i) * 32,
                          span_of(entry, make_entry(entry, g.size + i)));
    need(demur_growth_init(&growth, &g.edge, g.leaves + g.size * 32, n, g.work, sizeof g.work,
                           &diag),
         &diag);
    while (demur_growth_next(&growth, &write))
        write_tile(&write);
    demur_edge_advance(&g.edge, &growth);
    g.size += n;
}

static bool fetch(void *ctx, const struct demur_tile *tile, struct span *bytes)
{
    (void)ctx;
    const uint8_t *at = tile->level == 0   ? g.leaves + tile->index * DEMUR_TILE_BYTES
                        : tile->level == 1 ? g.level1 + tile->index * DEMUR_TILE_BYTES
                        : tile->level == 2 ? g.edge.tile[2]
                                           : NULL;
    *bytes = span_of(at, tile->width * 32);
    return at != NULL;
}

static struct span write_checkpoint(const char *name)
{
    static uint8_t storage[2][2 * DEMUR_CHECKPOINT_MAX];
    static unsigned turn;
    struct buf b = buf_over(storage[turn % 2], sizeof storage[0]);
    turn++;
    struct demur_checkpoint head = {.origin = g.example.log.name, .size = g.size};
    struct demur_diag diag;
    struct demur_note note;
    demur_frontier_root(&g.edge.frontier, head.root);
    need(demur_checkpoint_sign(&b, &head, g.example.log_secret, &diag), &diag);
    need(demur_note_parse(&note, buf_span(&b), &diag), &diag);
    need(demur_note_sign(&b, note.text, &g.example.witness, g.example.witness_secret, 1767300000,
                         &diag),
         &diag);
    write_file(g.dir, span_str(name), buf_span(&b));
    return buf_span(&b);
}

static void write_receipt(struct span checkpoint, uint64_t index)
{
    static uint8_t storage[16384];
    struct demur_tile_source source = {fetch, NULL, g.size};
    struct demur_tree_reader reader = demur_tile_reader(&source);
    struct demur_proof proof;
    if (!demur_inclusion_prove(&proof, index, g.size, &reader))
        die("receipt", "no proof");
    uint8_t entry[1024], extra[4096];
    struct buf bundle = buf_over(extra, sizeof extra), b = buf_over(storage, sizeof storage);
    demur_bundle_put(&bundle, span_of(entry, make_entry(entry, 0)));
    demur_bundle_put(&bundle, span_of(entry, make_entry(entry, index)));
    demur_receipt_put(&b, buf_span(&bundle), index, &proof, checkpoint);
    char name[64];
    snprintf(name, sizeof name, "receipt-%" PRIu64 ".tlog-proof", index);
    write_file(g.dir, span_str(name), buf_span(&b));
}

/* The body that tlog-witness defines for add-checkpoint: old size, consistency
 * proof, new checkpoint. */
static void write_growth(uint64_t old_size, struct span checkpoint)
{
    uint8_t storage[8192];
    struct demur_tile_source source = {fetch, NULL, g.size};
    struct demur_tree_reader reader = demur_tile_reader(&source);
    struct demur_proof proof;
    struct buf b = buf_over(storage, sizeof storage);
    if (!demur_consistency_prove(&proof, old_size, g.size, &reader))
        die("growth", "no proof");
    buf_put_str(&b, "old ");
    buf_put_u64(&b, old_size);
    buf_put_byte(&b, '\n');
    for (size_t i = 0; i < proof.len; i++) {
        demur_base64_encode(&b, span_of(proof.hash[i], 32));
        buf_put_byte(&b, '\n');
    }
    buf_put_byte(&b, '\n');
    buf_put_span(&b, checkpoint);
    write_file(g.dir, span_str("growth"), buf_span(&b));
}

static void write_log(const char *dir, const char *entries)
{
    if (!span_u64(span_str(entries), 10000000, &g.entries) || g.entries < 2)
        die(entries, "not a number of entries from 2 to 10000000");
    g.dir = dir;
    g.leaves = malloc(g.entries * 32);
    g.level1 = malloc(g.entries / 256 * 32 + 1);
    if (!g.leaves || !g.level1)
        die("log", "out of memory");
    uint64_t seed = g.entries, old_size = 0;
    while (g.size < g.entries) {
        uint64_t n = 1 + test_random_u64(&seed) % BATCH, left = g.entries - g.size;
        grow(n < left ? n : left);
        if (old_size == 0 && (g.size >= g.entries / 2 || g.size + BATCH >= g.entries)) {
            old_size = g.size;
            write_checkpoint("checkpoint.old");
        }
    }
    struct span checkpoint = write_checkpoint("checkpoint");
    write_growth(old_size, checkpoint);
    const uint64_t indexes[] = {0, 1, g.entries / 2, g.entries - 2, g.entries - 1};
    for (size_t i = 0; i < DEMUR_COUNT(indexes); i++)
        write_receipt(checkpoint, indexes[i]);
    write_file(dir, span_str("log.vkey"), log_example_file(&g.example, "log.vkey"));
    write_file(dir, span_str("witness.vkey"), log_example_file(&g.example, "witness.vkey"));
}

/* ---- the rest ------------------------------------------------------------ */

static void write_example(const char *dir)
{
    for (size_t i = 0; i < LOG_EXAMPLE_FILES; i++)
        write_file(dir, span_str(g.example.file[i].name), g.example.file[i].content);
}

static void open_note(const char *vkey_path, const char *note_path)
{
    bool found;
    struct demur_note_key key;
    struct demur_note note;
    struct demur_note_seen seen;
    struct demur_diag diag;
    struct span vkey = read_file(vkey_path);
    need(demur_note_key_parse(&key, span_split(&vkey, '\n', &found), &diag), &diag);
    need(demur_note_parse(&note, read_file(note_path), &diag), &diag);
    need(demur_note_verify(&note, &key, &seen, 1, &diag), &diag);
    fwrite(note.text.p, 1, note.text.len, stdout);
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0 || !log_example_make(&g.example))
        die("start", "the example log cannot be made");
    if (argc == 3 && strcmp(argv[1], "example") == 0)
        write_example(argv[2]);
    else if (argc == 4 && strcmp(argv[1], "log") == 0)
        write_log(argv[2], argv[3]);
    else if (argc == 4 && strcmp(argv[1], "open") == 0)
        open_note(argv[2], argv[3]);
    else
        die("usage", "log_tool example DIR | log DIR ENTRIES | open VKEY-FILE NOTE");
    return 0;
}
