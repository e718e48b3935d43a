/* Signing links: what parses is written again, and parses to the same. The input is
 * also tried as the 88 bytes under a check that fits, which no mutation would find. */
#include "../core/encode.h"
#include "../core/hash.h"
#include "../core/link.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static void link_text(struct span text)
{
    struct demur_link link, back;
    struct demur_diag diag = {0};
    enum demur_err err = demur_link_parse(&link, text, &diag);
    must(err == diag.code);
    if (err != DEMUR_OK)
        return;
    uint8_t line[DEMUR_LINK_MAX];
    struct buf out = buf_over(line, sizeof line);
    demur_link_put(&out, &link);
    must(buf_ok(&out));
    must(demur_link_parse(&back, buf_span(&out), NULL) == DEMUR_OK);
    must(memcmp(back.channel, link.channel, 32) == 0 && memcmp(back.key, link.key, 32) == 0 &&
         strcmp(back.url, link.url) == 0 && strcmp(back.dissent, link.dissent) == 0 &&
         back.revision == link.revision);
}

static void checked(const uint8_t *data, size_t size)
{
    static const struct span url = {(const uint8_t *)"http://127.0.0.1:1", 18};
    uint8_t bytes[92] = {0}, check[32], line[400];
    memcpy(bytes, data, size < 88 ? size : 88);
    struct span parts[] = {span_of(bytes, 88), url};
    demur_hash_spans(check, "demur v1 link", parts, 2);
    memcpy(bytes + 88, check, 4);
    struct buf text = buf_over(line, sizeof line);
    buf_put_span(&text, url);
    buf_put_str(&text, "/sign#demur-sign1");
    demur_base32_encode(&text, span_of(bytes, sizeof bytes));
    link_text(buf_span(&text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    link_text(span_of(data, size));
    checked(data, size);
    return 0;
}
