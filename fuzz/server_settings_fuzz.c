/* The server's config: what parses is written and read again as the same. */
#include "../server/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text[65536];
    struct buf out = buf_over(text, sizeof text);
    struct demur_server_settings one, two;
    struct demur_diag diag = {0};
    if (demur_server_settings_parse(&one, span_of(data, size), &diag)) {
        require(diag.text[0] != 0);
        return 0;
    }
    demur_server_settings_put(&out, &one);
    require(buf_ok(&out));
    require(!demur_server_settings_parse(&two, buf_span(&out), &diag));
    require(span_eq(one.listen, two.listen) && span_eq(one.url, two.url));
    require(span_eq(one.certificate, two.certificate) && span_eq(one.key, two.key));
    require(one.behind_proxy == two.behind_proxy && one.tokens_len == two.tokens_len);
    for (size_t i = 0; i < one.tokens_len; i++)
        require(span_eq(one.tokens[i], two.tokens[i]));
    require(!memcmp(one.limits, two.limits, sizeof one.limits));
    return 0;
}
