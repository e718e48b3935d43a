/* A control: it reads a table at a secret index, so valgrind has to object. */
#include "ctime.h"

int main(void)
{
    static const unsigned char table[256] = {1, 2, 3};
    volatile unsigned char sink;
    unsigned char secret[32] = {1, 2, 3};
    if (!ctime_watched())
        return 2;
    ctime_secret(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++)
        sink = table[secret[i]];
    (void)sink;
    return 0;
}
