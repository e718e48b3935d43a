/* pad.c - see pad.h. */
#include "pad.h"

static unsigned bit_length(size_t v)
{
    unsigned n = 0;
    for (; v; v >>= 1)
        n++;
    return n;
}

size_t demur_padme_len(size_t len)
{
    if (len < 2)
        return len;
    unsigned exponent = bit_length(len) - 1;
    unsigned kept = bit_length(exponent);
    size_t mask = ((size_t)1 << (exponent - kept)) - 1;
    return len > SIZE_MAX - mask ? len : (len + mask) & ~mask;
}
