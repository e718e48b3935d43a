/* A control for ring_sign.c: a multiple read from a table at the place that a nonce's digit
 * names, as a prover would who looked at one entry only. */
#include "../../core/group.h"
#include "ctime.h"

#include <sodium.h>

int main(void)
{
    uint8_t nonce[64] = {5};
    struct group_table table;
    struct group_scalar s;
    struct group_digits digits;
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    ctime_secret(nonce, sizeof nonce);
    group_scalar_wide(&s, nonce);
    group_digits_of(&digits, &s);
    group_tables_of(&table, &group_base, 1);
    const volatile uint64_t *entry = table.multiple[digits.d[0] & 7];
    return entry[15] != 0;
}
