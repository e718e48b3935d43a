/* A control for keys.c: the letters of a phrase looked up in a table, as a simple reader
 * of it would. */
#include "ctime.h"

#include <sodium.h>

#include "../../core/phrase.h"

int main(void)
{
    static const unsigned char table[256] = {['b'] = 1, ['d'] = 2, ['f'] = 3};
    volatile unsigned char sink;
    uint8_t secret[DEMUR_PHRASE_SECRET_LEN] = {1}, phrase[DEMUR_PHRASE_LEN];
    struct buf out = buf_over(phrase, sizeof phrase);
    if (!ctime_watched() || sodium_init() < 0)
        return 2;
    ctime_secret(secret, sizeof secret);
    demur_phrase_encode(&out, secret);
    sink = table[phrase[0]];
    (void)sink;
    return 0;
}
