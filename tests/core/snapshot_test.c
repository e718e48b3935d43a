/* The fold as bytes. That a fold which was saved and loaded goes on as if nothing had
 * happened, every story of golden_test.c tells (tests/support/story.c). Here: what is
 * refused, and that what is not refused is what was written. */
#include "../support/snapshot.h"

#include <stdlib.h>

#include "../../core/walk.h"
#include "../support/town.h"

#define T0 1795186800u /* a Friday, 20 November 2026, 15:00 UTC */
#define DAY 86400u

static const char policy[] = TOWN_POLICY
    "stage filed\n  title Filed\n"
    "stage late\n  title Late\n"
    "stage replied\n  title Replied\n  final replied\n"
    "step longer\n  title Longer\n  by office\n  from filed\n  at-most 3 times\n"
    "step reply\n  title Reply\n  by office\n  from filed or late\n  document required\n"
    "  to replied\n"
    "clock reply\n  title Reply\n  starts at filing\n  limit 5 days\n  met-by reply\n"
    "  extended-by longer for 5 days\n  at-limit move-to late from filed\n";

/* A little of everything that the fold keeps. */
static struct town *busy_town(void)
{
    struct town_case k, late;
    struct town *w = town_plain(T0, 4, policy);
    if (!w)
        return NULL;
    CHECK_ERR(town_grant(w, 1, "office"), DEMUR_OK);
    CHECK_ERR(town_end_role(w, 0, "office"), DEMUR_OK);
    CHECK_ERR(town_circulate(w, 0, 0, T0 + DAY, &k), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 2, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 2, &k, DEMUR_RECORD_UNSIGN), DEMUR_OK);
    CHECK_ERR(town_disclose(w, 1, &k), DEMUR_OK);
    CHECK_ERR(town_disclose(w, 1, &k), DEMUR_OK);
    CHECK_ERR(town_renew(w, 3, w->members[3].first_epoch + 1), DEMUR_OK);
    CHECK_ERR(town_file(w, 1, 3, "office", &late), DEMUR_OK);
    CHECK_ERR(town_step(w, &late, 1, "office", "longer", false, 0), DEMUR_OK);
    w->now += 20 * DAY;
    CHECK_ERR(town_say(w, &late, -1, NULL), DEMUR_OK);
    CHECK_ERR(town_step(w, &late, 1, "office", "longer", false, 0), DEMUR_ERR_STAGE);
    return w;
}

static bool same_state(const struct demur_channel *a, const struct demur_channel *b)
{
    uint8_t one[32], other[32];
    return demur_channel_state_hash(a, one) && demur_channel_state_hash(b, other) &&
           memcmp(one, other, 32) == 0;
}

TEST(snapshot_is_the_same_state)
{
    enum demur_err err;
    struct town *w = busy_town();
    REQUIRE(w);
    struct span bytes = snapshot_take(w->c);
    struct demur_channel *c = snapshot_load(bytes, &err);
    REQUIRE(bytes.p && c);
    CHECK(same_state(w->c, c));
    CHECK(demur_channel_seq(c, w->keeper.public_key) == w->keeper.seq);
    CHECK(demur_channel_holds(c, w->officers[1].public_key, span_lit("office"), w->now));
    CHECK(!demur_channel_holds(c, w->officers[0].public_key, span_lit("office"), w->now));
    demur_channel_free(c);
    free((void *)bytes.p);
    town_free(w);
}

TEST(snapshot_of_nothing)
{
    enum demur_err err;
    struct demur_channel *c = demur_channel_new();
    REQUIRE(c);
    CHECK(snapshot_renew(&c));
    CHECK(demur_channel_size(c) == 0);
    demur_channel_free(c);
    CHECK(!snapshot_load(span_lit(""), &err) && err == DEMUR_ERR_SYNTAX);
}

TEST(snapshot_of_another_version)
{
    for (size_t place = 0; place < 8; place += 4) {
        enum demur_err err;
        struct demur_channel *c = demur_channel_new();
        REQUIRE(c);
        struct span bytes = snapshot_take(c);
        REQUIRE(bytes.p);
        ((uint8_t *)bytes.p)[place]++;
        CHECK(!snapshot_load(bytes, &err) && err == DEMUR_ERR_UPGRADE);
        demur_channel_free(c);
        free((void *)bytes.p);
    }
}

TEST(snapshot_cut_or_longer)
{
    enum demur_err err;
    struct town *w = busy_town();
    REQUIRE(w);
    struct span bytes = snapshot_take(w->c);
    REQUIRE(bytes.p);
    size_t step = test_quick() ? 211 : 3;
    for (size_t len = 0; len < bytes.len; len += step)
        CHECK(!snapshot_load(span_take(bytes, len), &err) && err == DEMUR_ERR_SYNTAX);
    uint8_t *more = calloc(1, bytes.len + 1);
    REQUIRE(more);
    memcpy(more, bytes.p, bytes.len);
    CHECK(!snapshot_load(span_of(more, bytes.len + 1), &err) && err == DEMUR_ERR_SYNTAX);
    free(more);
    free((void *)bytes.p);
    town_free(w);
}

/* Whatever one byte becomes: refused, or a state that says just that. */
TEST(snapshot_spoilt)
{
    enum demur_err err;
    struct town *w = busy_town();
    size_t refused = 0;
    REQUIRE(w);
    struct span bytes = snapshot_take(w->c);
    static uint8_t spoilt[1 << 16];
    REQUIRE(bytes.p && bytes.len <= sizeof spoilt);
    size_t step = test_quick() ? 97 : 1;
    for (size_t i = 0; i < bytes.len; i += step) {
        memcpy(spoilt, bytes.p, bytes.len);
        spoilt[i] ^= (uint8_t)(i % 3 == 0 ? 0xff : i % 3 == 1 ? 1 : 0x80);
        struct demur_channel *c = snapshot_load(span_of(spoilt, bytes.len), &err);
        refused += c == NULL;
        if (!c)
            continue;
        struct span again = snapshot_take(c);
        CHECK_SPAN(again, span_of(spoilt, bytes.len));
        demur_channel_free(c);
        free((void *)again.p);
    }
    CHECK(refused > bytes.len / step / 10);
    free((void *)bytes.p);
    town_free(w);
}

static bool no_room(void *ctx, const uint8_t *p, size_t n)
{
    (void)ctx;
    (void)p;
    (void)n;
    return false;
}

static bool no_file(void *ctx, uint8_t *p, size_t n, size_t *got)
{
    (void)ctx;
    (void)p;
    (void)n;
    (void)got;
    return false;
}

TEST(snapshot_where_the_system_refuses)
{
    struct demur_channel *c = demur_channel_new();
    static struct demur_walk walk;
    struct demur_walk *w = &walk;
    REQUIRE(c);
    demur_walk_save(w, no_room, NULL);
    demur_channel_save(c, w);
    CHECK_ERR(demur_walk_end(w), DEMUR_ERR_IO);
    demur_walk_load(w, no_file, NULL, 1000);
    CHECK(!demur_channel_load(w));
    CHECK_ERR(demur_walk_end(w), DEMUR_ERR_IO);
    demur_channel_free(c);
}
