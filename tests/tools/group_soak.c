/* The long run of the group's arithmetic: group_soak [OPERATIONS], by default 10^6,
 * of random inputs through fuzz/group_fuzz.c, which ends the program at the first
 * that libsodium does otherwise. */
#include "../../core/group_path.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two scalars are read, added, subtracted and multiplied: five operations. Two
 * points are read and one sum made in each way, and both read or mapped again. */
#define SCALAR_OPERATIONS 5
#define POINTS_EVERY 16 /* inputs */

int main(int argc, char **argv)
{
    unsigned long wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000, done = 0, points = 0;
    unsigned long paths = 0;
    if (sodium_init() < 0)
        return 2;
    while (group_path_at(paths))
        paths++;
    for (uint64_t round = 0; done < wanted; round++) {
        uint8_t in[128];
        crypto_hash_sha512(in, (const uint8_t *)&round, sizeof round);
        crypto_hash_sha512(in + 64, in, 64);
        in[31] &= 0x1f; /* half of them below the order */
        in[63] &= 0x0f;
        bool all = round % POINTS_EVERY == 0;
        LLVMFuzzerTestOneInput(in, all ? 128 : 64);
        done += SCALAR_OPERATIONS;
        if (all) {
            done += 3 * paths + 2;
            points += 3 * paths + 2;
        }
    }
    printf("ok %lu operations, %lu of them on points\n", done, points);
    return 0;
}
