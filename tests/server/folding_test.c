/* The server's fold of its log, which verifies signatures many at a time, against the
 * fold of one entry after the other. */
#include <stdlib.h>

#include "../../server/engine.h"
#include "../support/town.h"

#define T0 1795186800u /* a Friday, 20 November 2026, 15:00 UTC */

static const char policy[] =
    TOWN_POLICY "stage filed\n  title Filed\n"
                "stage replied\n  title Replied\n  final replied\n"
                "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"
                "step reply\n  title Reply\n  by office\n  from filed\n  to replied\n"
                "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n  from filed\n"
                "  to withdrawn\n"
                "clock reply\n  title Reply\n  starts at filing\n  limit 5 days\n  met-by reply\n";

struct twice {
    struct demur_engine engine;
    struct demur_folding folding;
    struct demur_channel *alone;
    struct demur_diag diag;
    uint64_t refused; /* by `alone` */
};

static void give(struct twice *t, struct span entry, struct span text)
{
    uint8_t leaf[32];
    uint64_t index = demur_channel_size(t->alone);
    t->refused += demur_channel_entry(t->alone, entry, text, NULL) != DEMUR_OK;
    demur_merkle_leaf(leaf, entry);
    if (text.len) { /* policies and calendars come out of the store: not here */
        CHECK_ERR(demur_channel_entry(t->engine.channel, entry, text, NULL), DEMUR_OK);
        CHECK(demur_frontier_append(&t->folding.frontier, leaf));
    } else {
        CHECK_ERR(demur_folding_entry(&t->folding, index, leaf, entry), DEMUR_OK);
    }
}

/* The entry with another signature; then with a line that no record has; then so long
 * that few of its kind wait at a time. */
static void give_spoilt(struct twice *t, struct span entry, size_t how)
{
    static uint8_t bytes[DEMUR_STORE_ENTRY_MAX];
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, entry.p, entry.len);
    if (how % 3 == 0)
        bytes[entry.len - 40] = bytes[entry.len - 40] == 'A' ? 'B' : 'A';
    give(t,
         span_of(bytes, how % 3 == 0   ? entry.len
                        : how % 3 == 1 ? entry.len - 9
                                       : sizeof bytes),
         span_of(NULL, 0));
}

static struct town *long_log(void)
{
    struct town *w = town_plain(T0, 20, policy);
    struct town_case k;
    if (!w)
        return NULL;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    CHECK_ERR(town_say(w, &k, 0, "office"), DEMUR_OK);
    CHECK_ERR(town_say(w, &k, -1, "office"), DEMUR_OK);
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    return w;
}

TEST(folding_many_at_a_time_means_what_folding_each_does)
{
    struct town *w = long_log();
    struct twice *t = calloc(1, sizeof *t);
    REQUIRE(w && t);
    t->alone = demur_channel_new();
    t->engine.channel = demur_channel_new();
    t->folding = (struct demur_folding){.engine = &t->engine, .quiet = true, .diag = &t->diag};
    demur_frontier_init(&t->folding.frontier);
    REQUIRE(t->alone && t->engine.channel && !demur_expunge_init(&t->engine.expunge, &t->diag));
    for (size_t i = 0; i < w->entries_len; i++) {
        struct span entry = span_of(w->entries[i].bytes, w->entries[i].len);
        if (w->entries[i].text.len)
            CHECK_ERR(demur_folding_end(&t->folding), DEMUR_OK);
        give(t, entry, w->entries[i].text);
        if (!w->entries[i].text.len && i % 3 == 2)
            give_spoilt(t, entry, i / 3);
    }
    CHECK_ERR(demur_folding_end(&t->folding), DEMUR_OK);
    CHECK_ERR(demur_folding_end(&t->folding), DEMUR_OK);
    CHECK(w->entries_len > 45 && t->refused > 12);
    uint8_t want[32], got[32];
    demur_channel_chain(t->alone, want);
    demur_channel_chain(t->engine.channel, got);
    CHECK(memcmp(want, got, 32) == 0);
    REQUIRE(demur_channel_state_hash(t->alone, want));
    REQUIRE(demur_channel_state_hash(t->engine.channel, got));
    CHECK(memcmp(want, got, 32) == 0);
    CHECK(demur_channel_refused(t->engine.channel) == t->refused);
    demur_folding_free(&t->folding);
    demur_expunge_free(&t->engine.expunge);
    demur_channel_free(t->engine.channel);
    demur_channel_free(t->alone);
    free(t);
    town_free(w);
}

TEST(folding_stops_at_a_damaged_entry)
{
    uint8_t leaf[32] = {0};
    struct demur_diag diag = {0};
    struct demur_folding f = {.quiet = true, .diag = &diag};
    demur_frontier_init(&f.frontier);
    CHECK_ERR(demur_folding_entry(&f, 7, leaf, span_lit("at 1\n")), DEMUR_ERR_VERIFY);
    CHECK(strstr(diag.text, "entry 7 of the store is damaged") != NULL);
    CHECK_ERR(demur_folding_end(&f), DEMUR_OK);
    demur_folding_free(&f);
}
