/* Golden logs: what they mean is pinned, natively and in wasm alike. */
#include "../../core/channel.h"
#include "../../core/encode.h"
#include "../test.h"

static bool next(struct span *rest, struct span *item)
{
    if (rest->len < 2 || rest->len - 2 < be16_load(rest->p))
        return false;
    *item = span_take(span_skip(*rest, 2), be16_load(rest->p));
    *rest = span_skip(*rest, 2 + item->len);
    return true;
}

static void check_golden(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "fold/%s.log", name);
    struct span log = test_data(path), entry, text;
    snprintf(path, sizeof path, "fold/%s.hash", name);
    struct span want = test_data(path);
    uint8_t hash[32], hex[64];
    REQUIRE(log.p && want.len == 65);
    struct demur_channel *c = demur_channel_new();
    REQUIRE(c);
    while (next(&log, &entry)) {
        struct demur_diag diag = {0};
        struct span ahead = log;
        enum demur_err err = demur_channel_entry(c, entry, span_of(NULL, 0), &diag);
        if (err == DEMUR_ERR_MISSING && strcmp(diag.field, "text") == 0 && next(&ahead, &text)) {
            log = ahead;
            err = demur_channel_entry(c, entry, text, &diag);
        }
        if (err)
            test_failed(__FILE__, __LINE__, "%s, entry %u: %s (%s)", name,
                        (unsigned)demur_channel_size(c), demur_err_name(err), diag.text);
    }
    CHECK(log.len == 0 && demur_channel_size(c) > 30);
    CHECK(demur_channel_state_hash(c, hash));
    struct buf b = buf_over(hex, sizeof hex);
    demur_hex_encode(&b, span_of(hash, 32));
    CHECK_SPAN(buf_span(&b), span_take(want, 64));
    demur_channel_free(c);
}

TEST(golden_state) { check_golden("state"); }
TEST(golden_company) { check_golden("company"); }
