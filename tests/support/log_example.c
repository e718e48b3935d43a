#include "log_example.h"

#include <sodium.h>

#include "../../core/encode.h"

#define ORIGIN "demur.example/channel"
#define WITNESS "witness.example/w1"
#define COSIGNED_AT 1767226000

static bool make_key(struct demur_note_key *key, const char *name, enum demur_note_alg alg,
                     uint8_t first, uint8_t secret[64])
{
    uint8_t seed[32], public_key[32];
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)(first + i);
    crypto_sign_seed_keypair(public_key, secret, seed);
    return demur_note_key_init(key, span_str(name), alg, public_key, NULL) == DEMUR_OK;
}

static void make_entries(struct log_example *e)
{
    for (unsigned i = 0; i < LOG_EXAMPLE_ENTRIES; i++) {
        struct buf b = buf_over(e->entry_bytes[i], sizeof e->entry_bytes[i]);
        buf_put_str(&b, "at ");
        buf_put_u64(&b, 1767225600 + 60 * i);
        buf_put_str(&b, "\ndemur example v1\nnumber ");
        buf_put_u64(&b, i);
        buf_put_str(&b, "\n");
        e->entry[i] = buf_span(&b);
        demur_merkle_leaf(e->leaf[i], e->entry[i]);
    }
}

static bool read_leaves(void *ctx, const struct demur_tile *tile, struct span *bytes)
{
    const struct log_example *e = ctx;
    *bytes = span_of(e->leaf, sizeof e->leaf);
    return tile->level == 0 && tile->index == 0;
}

static bool make_head(struct log_example *e)
{
    struct demur_tile_source source = {read_leaves, e, LOG_EXAMPLE_ENTRIES};
    struct demur_tree_reader reader = demur_tile_reader(&source);
    struct demur_frontier frontier;
    demur_frontier_init(&frontier);
    for (unsigned i = 0; i < LOG_EXAMPLE_ENTRIES; i++)
        if (!demur_frontier_append(&frontier, e->leaf[i]))
            return false;
    e->head = (struct demur_checkpoint){.origin = e->log.name, .size = frontier.size};
    demur_frontier_root(&frontier, e->head.root);
    return demur_inclusion_prove(&e->proof, LOG_EXAMPLE_INDEX, e->head.size, &reader);
}

static struct buf open_file(struct log_example *e, size_t i, const char *name)
{
    e->file[i].name = name;
    return buf_over(e->file[i].bytes, sizeof e->file[i].bytes);
}

static bool close_file(struct log_example *e, size_t i, const struct buf *b)
{
    e->file[i].content = buf_span(b);
    return buf_ok(b);
}

static void put_hex_line(struct buf *out, struct span bytes)
{
    demur_hex_encode(out, bytes);
    buf_put_byte(out, '\n');
}

static bool make_plain_files(struct log_example *e)
{
    struct buf log_key = open_file(e, 0, "log.vkey");
    demur_note_key_put(&log_key, &e->log);
    buf_put_byte(&log_key, '\n');
    struct buf witness_key = open_file(e, 1, "witness.vkey");
    demur_note_key_put(&witness_key, &e->witness);
    buf_put_byte(&witness_key, '\n');
    struct buf leaves = open_file(e, 2, "leaves.hex");
    for (unsigned i = 0; i < LOG_EXAMPLE_ENTRIES; i++)
        put_hex_line(&leaves, span_of(e->leaf[i], 32));
    uint8_t bundle_bytes[512];
    struct buf bundle = buf_over(bundle_bytes, sizeof bundle_bytes);
    for (unsigned i = 0; i < LOG_EXAMPLE_ENTRIES; i++)
        demur_bundle_put(&bundle, e->entry[i]);
    struct buf hex = open_file(e, 3, "bundle.hex");
    put_hex_line(&hex, buf_span(&bundle));
    return close_file(e, 0, &log_key) && close_file(e, 1, &witness_key) &&
           close_file(e, 2, &leaves) && close_file(e, 3, &hex) && buf_ok(&bundle);
}

static bool make_signed_files(struct log_example *e)
{
    struct buf plain = open_file(e, 4, "checkpoint");
    if (demur_checkpoint_sign(&plain, &e->head, e->log_secret, NULL) != DEMUR_OK)
        return false;
    struct demur_note note;
    if (demur_note_parse(&note, buf_span(&plain), NULL) != DEMUR_OK)
        return false;
    struct buf cosigned = open_file(e, 5, "checkpoint.cosigned");
    buf_put_span(&cosigned, buf_span(&plain));
    if (demur_note_sign(&cosigned, note.text, &e->witness, e->witness_secret, COSIGNED_AT, NULL) !=
        DEMUR_OK)
        return false;
    uint8_t bundle_bytes[256];
    struct buf bundle = buf_over(bundle_bytes, sizeof bundle_bytes);
    demur_bundle_put(&bundle, e->entry[0]);
    demur_bundle_put(&bundle, e->entry[LOG_EXAMPLE_INDEX]);
    struct buf receipt = open_file(e, 6, "receipt.tlog-proof");
    demur_receipt_put(&receipt, buf_span(&bundle), LOG_EXAMPLE_INDEX, &e->proof, buf_span(&plain));
    return close_file(e, 4, &plain) && close_file(e, 5, &cosigned) && close_file(e, 6, &receipt);
}

bool log_example_make(struct log_example *e)
{
    memset(e, 0, sizeof *e);
    make_entries(e);
    return make_key(&e->log, ORIGIN, DEMUR_NOTE_ED25519, 0, e->log_secret) &&
           make_key(&e->witness, WITNESS, DEMUR_NOTE_COSIGNATURE, 32, e->witness_secret) &&
           make_head(e) && make_plain_files(e) && make_signed_files(e);
}

struct span log_example_file(const struct log_example *e, const char *name)
{
    for (size_t i = 0; i < LOG_EXAMPLE_FILES; i++)
        if (strcmp(e->file[i].name, name) == 0)
            return e->file[i].content;
    return span_of(NULL, 0);
}
