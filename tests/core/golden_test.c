/* Golden logs: what they mean is pinned, natively and in wasm alike. Two are kept whole,
 * many more as the digest of what folding them gave (vectors/fold/stories.txt): both builds
 * must come to it, so they agree. `make golden` writes all of it anew. */
#include "../../core/channel.h"
#include "../../core/encode.h"
#include "../support/story.h"

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
        if (err == DEMUR_ERR_TEXT && next(&ahead, &text)) {
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

static const struct story_setting *setting_of(struct span policy)
{
    for (const struct story_setting *t = story_settings; t->policy; t++)
        if (span_eq_str(policy, t->policy))
            return t;
    return NULL;
}

static void check_story(struct span line, uint32_t *accepted, uint32_t *refused)
{
    char got[STORY_LINE_MAX], path[80];
    struct story_result result;
    struct span rest = line;
    bool more;
    uint64_t seed = 0;
    const struct story_setting *t = setting_of(span_split(&rest, ' ', &more));
    REQUIRE(t && span_u64(span_split(&rest, ' ', &more), UINT32_MAX, &seed));
    snprintf(path, sizeof path, "%s.calendar", t->calendar);
    if (!story_tell(&result, t, seed, test_data(t->policy), test_data(path), seed % 4 == 1))
        return;
    story_line(got, t, seed, &result);
    CHECK_SPAN(span_str(got), line);
    for (size_t i = 0; i < DEMUR_RECORD_TYPES; i++) {
        accepted[i] += result.accepted[i];
        refused[i] += result.refused[i];
    }
}

TEST(golden_stories)
{
    uint32_t accepted[DEMUR_RECORD_TYPES] = {0}, refused[DEMUR_RECORD_TYPES] = {0};
    struct span rest = test_data("fold/stories.txt");
    size_t n = 0;
    bool more = rest.len != 0;
    for (; more && rest.len; n++) {
        struct span line = span_split(&rest, '\n', &more);
        if (!test_quick() || n % 16 == 0)
            check_story(line, accepted, refused);
    }
    CHECK(n >= 16);
    /* Each type stands for itself and for what it is refused for; entry 0 but once. */
    for (size_t i = 1; i < DEMUR_RECORD_TYPES && !test_quick(); i++)
        if (!accepted[i] || !refused[i])
            test_failed(__FILE__, __LINE__, "%s: %u accepted and %u refused in all stories",
                        demur_record_type_name((enum demur_record_type)i), accepted[i], refused[i]);
}
