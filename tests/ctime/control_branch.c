/* A control: it branches on a secret, so valgrind has to object. */
#include "ctime.h"

static volatile unsigned calls;

int main(void)
{
    unsigned char secret[32] = {1, 2, 3};
    if (!ctime_watched())
        return 2;
    ctime_secret(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++)
        if (secret[i] & 1)
            calls = calls + 1;
    return 0;
}
