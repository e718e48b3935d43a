/* Problem documents of a server that nobody has to trust: whatever comes, there is
 * an error, one sentence that ends, and nothing in it that steers a terminal. */
#include "../client/internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long statuses[] = {400, 401, 403, 404, 409, 413, 422, 424, 500, 503};
    long status = statuses[size % DEMUR_COUNT(statuses)];
    struct demur_diag diag;
    memset(&diag, 'x', sizeof diag);
    enum demur_err err = problem_read(status, span_of(data, size), &diag);
    must(err != DEMUR_OK && err == diag.code);
    must(err != DEMUR_ERR_MEMORY && err != DEMUR_ERR_KEY && err != DEMUR_ERR_VERIFY &&
         err != DEMUR_ERR_SPACE && err != DEMUR_ERR_TEXT);
    must(memchr(diag.text, 0, sizeof diag.text) && memchr(diag.field, 0, sizeof diag.field));
    must(diag.text[0] != 0);
    for (const char *c = diag.text; *c; c++)
        must((unsigned char)*c >= 0x20 && *c != 0x7F &&
             !((unsigned char)c[0] == 0xC2 && (unsigned char)c[1] < 0xA0));
    return 0;
}
