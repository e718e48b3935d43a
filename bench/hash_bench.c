/* What the spans and domains of core/hash.h cost on top of libsodium's SHA-256,
 * for inputs of a tree node's size and of a tile's. */
#include "bench.h"

#include "../core/hash.h"

static const uint8_t input[8192];
static uint8_t out[DEMUR_HASH_LEN];

static void ours(void *len)
{
    struct span part = span_of(input, *(size_t *)len);
    demur_hash_spans(out, "", &part, 1);
    bench_keep(out);
}

static void libsodium(void *len)
{
    crypto_hash_sha256(out, input, *(size_t *)len);
    bench_keep(out);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    size_t node = 65, tile = sizeof input;
    bench_report("hash_node", bench_run(ours, &node, 21, 2000).best_ns, "ns",
                 bench_run(libsodium, &node, 21, 2000).best_ns);
    bench_report("hash_tile", bench_run(ours, &tile, 21, 50).best_ns, "ns",
                 bench_run(libsodium, &tile, 21, 50).best_ns);
    return 0;
}
