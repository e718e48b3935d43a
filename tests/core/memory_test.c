/* Memory that is not to be had. The linker leads every allocation of this program's own
 * objects through here (--wrap in the Makefile), so that any of them can be made to fail:
 * the fold says so, is as it was before, and takes the same entry the next time. */
#include "../support/snapshot.h"
#include "../support/town.h"

#include <stdlib.h>

#include "../../core/channel_proof.h"

#define T0 1795186800u
#define DAY 86400u

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static size_t until_failure; /* 1: the next allocation fails; 0: none does */
static bool failed;

static bool fails(void)
{
    if (until_failure == 0 || --until_failure)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t n) { return fails() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return fails() ? NULL : __real_realloc(p, n); }

static void arm(size_t n)
{
    until_failure = n;
    failed = false;
}

/* Whether the allocation that was to fail was asked for. */
static bool disarm(void)
{
    until_failure = 0;
    return failed;
}

static const char policy[] =
    TOWN_POLICY "stage filed\n  title Filed\n"
                "stage late\n  title Late\n"
                "stage replied\n  title Replied\n  final replied\n"
                "step reply\n  title Reply\n  by office\n  from filed or late\n  to replied\n"
                "  document required\n"
                "clock reply\n  title Reply\n  starts at filing\n  limit 10 days\n  met-by reply\n"
                "  at-limit move-to late from filed\n";

/* A channel in which each kind of thing that takes memory has happened. */
static struct town *busy_town(void)
{
    struct town *w = town_plain(T0 - DAY, 6, policy);
    if (!w)
        return NULL;
    struct town_case a, b, more;
    struct town_key key;
    w->now = T0;
    CHECK_ERR(town_circulate(w, 0, 0, w->now + 7 * DAY, &a), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 1, &a, DEMUR_RECORD_COSIGN), DEMUR_OK);
    a.revision = 2;
    CHECK_ERR(town_revise(w, 0, &a), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 2, &a, DEMUR_RECORD_COSIGN), DEMUR_OK);
    /* Until the arrays of signatures and of events have grown, by either kind of record. */
    for (size_t i = 3; i < 6; i++)
        CHECK_ERR(town_cosign(w, i, &a, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(town_circulate(w, 1, 0, w->now + 7 * DAY, &more), DEMUR_OK);
    more.revision = 2;
    CHECK_ERR(town_revise(w, 1, &more), DEMUR_OK);
    for (size_t i = 2; i < 4; i++)
        CHECK_ERR(town_disclose(w, i, &a), DEMUR_OK);
    CHECK_ERR(town_file_circulated(w, &a, "office"), DEMUR_OK);
    town_key_make(w, &key);
    CHECK_ERR(town_rekey(w, 3, &key), DEMUR_OK);
    CHECK_ERR(town_invite(w, 6, ""), DEMUR_OK);
    CHECK_ERR(town_join(w, 6), DEMUR_OK);
    CHECK_ERR(town_renew(w, 6, w->members[6].first_epoch + 2), DEMUR_OK);
    CHECK_ERR(town_file(w, 6, 0, "office", &b), DEMUR_OK);
    for (size_t i = 0; i < 4; i++)
        CHECK_ERR(town_say(w, &b, 0, "office"), DEMUR_OK);
    CHECK_ERR(town_open(w, &b, 0, "office"), DEMUR_OK);
    w->now += 20 * DAY; /* a timer has moved both */
    CHECK_ERR(town_step(w, &a, 0, "office", "reply", true, 0), DEMUR_OK);
    CHECK_ERR(town_grant(w, 1, "office"), DEMUR_OK);
    return w;
}

/* Give the fold an entry; each allocation that it asks for fails once before. Returns how
 * many did. */
static size_t hard_way(struct demur_channel *c, struct span entry, struct span text)
{
    uint8_t before[32], after[32];
    uint64_t size = demur_channel_size(c);
    demur_channel_chain(c, before);
    for (size_t n = 1;; n++) {
        struct demur_diag diag = {0};
        arm(n);
        enum demur_err err = demur_channel_entry(c, entry, text, &diag);
        bool missed = disarm();
        if (err == DEMUR_OK) /* all were there, or it could do without the one that was not */
            return n - 1;
        if (!missed || err != DEMUR_ERR_MEMORY || !diag.text[0]) {
            test_failed(__FILE__, __LINE__, "entry %u, allocation %zu: %s (%s)", (unsigned)size, n,
                        demur_err_name(err), diag.text);
            return n - 1;
        }
        demur_channel_chain(c, after);
        CHECK(demur_channel_size(c) == size && memcmp(before, after, 32) == 0);
    }
}

TEST(memory_that_fails_leaves_the_fold_as_it_was)
{
    struct town *w = busy_town();
    REQUIRE(w);
    struct demur_channel *c = demur_channel_new();
    REQUIRE(c);
    size_t failures = 0, step = test_quick() ? 4 : 1;
    for (size_t i = 0; i < w->entries_len; i++) {
        struct span entry = span_of(w->entries[i].bytes, w->entries[i].len);
        if (i % step == 0)
            failures += hard_way(c, entry, w->entries[i].text);
        else
            CHECK_ERR(demur_channel_entry(c, entry, w->entries[i].text, NULL), DEMUR_OK);
    }
    CHECK(failures > 2 * (w->entries_len / step));
    uint8_t want[32], got[32];
    REQUIRE(demur_channel_state_hash(w->c, want) && demur_channel_state_hash(c, got));
    CHECK_SPAN(span_of(got, 32), span_of(want, 32));
    demur_channel_free(c);
    town_free(w);
}

/* At a later time a dissent is looked at as its timers will leave it: in a copy. What is
 * told without memory for that is not a part of it. */
TEST(memory_that_fails_gives_no_view)
{
    static uint8_t room[1 << 16];
    struct town *w = town_plain(T0 - DAY, 4, policy);
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    uint64_t later = w->now + 30 * DAY;
    size_t failures = 0;
    for (int board = 0; board < 2; board++) {
        for (size_t n = 1;; n++) {
            struct demur_diag diag = {0};
            struct buf out = buf_over(room, sizeof room);
            arm(n);
            enum demur_err err = board
                                     ? demur_view_board(w->c, later, &out)
                                     : demur_view_dissent(w->c, span_str(k.id), later, &out, &diag);
            if (!disarm()) {
                CHECK_ERR(err, DEMUR_OK);
                break;
            }
            CHECK_ERR(err, DEMUR_ERR_MEMORY);
            failures++;
        }
    }
    CHECK(failures > 2);
    town_free(w);
}

TEST(memory_that_fails_gives_no_hash_of_the_state)
{
    struct town *w = busy_town();
    REQUIRE(w);
    /* Time has gone on, and with it a timer, without an entry in that dissent. */
    CHECK_ERR(town_grant(w, 2, "office"), DEMUR_OK);
    uint8_t hash[32];
    size_t n;
    for (n = 1; n < 1000; n++) {
        arm(n);
        bool done = demur_channel_state_hash(w->c, hash);
        if (!disarm()) {
            CHECK(done);
            break;
        }
        CHECK(!done);
    }
    CHECK(n > 2 && n < 1000);
    town_free(w);
}

TEST(memory_that_fails_reads_no_snapshot)
{
    struct town *w = busy_town();
    REQUIRE(w);
    struct span bytes = snapshot_take(w->c);
    REQUIRE(bytes.p);
    struct demur_channel *c = NULL;
    enum demur_err err = DEMUR_OK;
    size_t n;
    for (n = 1; n < 1000; n++) {
        arm(n);
        c = snapshot_load(bytes, &err);
        if (!disarm())
            break;
        CHECK(!c);
        CHECK_ERR(err, DEMUR_ERR_MEMORY);
    }
    CHECK(n > 20 && n < 1000);
    CHECK_ERR(err, DEMUR_OK);
    REQUIRE(c);
    uint8_t want[32], got[32];
    REQUIRE(demur_channel_state_hash(w->c, want) && demur_channel_state_hash(c, got));
    CHECK_SPAN(span_of(got, 32), span_of(want, 32));
    demur_channel_free(c);
    free((void *)bytes.p);
    town_free(w);
}

/* And a key that is none, which no channel lets into a ring, is found when the ring is loaded. */
TEST(memory_that_fails_keeps_no_ring)
{
    static struct demur_record r;
    static struct demur_ring_proofs proofs;
    struct town *w = town_plain(T0 - DAY, 6, policy);
    struct town_case k;
    struct demur_verdict verdict = {0};
    struct demur_kept_ring *kept = NULL;
    REQUIRE(w);
    w->now = T0;
    CHECK_ERR(town_circulate(w, 0, 0, w->now + 7 * DAY, &k), DEMUR_OK);
    w->hold = true;
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(demur_record_parse(&r, buf_span(&w->out), &w->diag), DEMUR_OK);
    CHECK_ERR(demur_channel_verify_apart(w->c, &r, &verdict, &proofs, &w->diag), DEMUR_OK);
    REQUIRE(proofs.n == 1);
    for (size_t n = 1; !kept && n < 10; n++) {
        arm(n);
        enum demur_err err = demur_channel_proof_ring(w->c, &r, &proofs.list[0], &kept, &w->diag);
        CHECK_ERR(err, disarm() ? DEMUR_ERR_MEMORY : DEMUR_OK);
        CHECK(n > 2 || !kept); /* the channel's ring, and the one that stays */
    }
    REQUIRE(kept);
    CHECK_ERR(demur_kept_ring_load(kept, &w->diag), DEMUR_OK);
    memset(kept->keys[3], 0xff, 32);
    CHECK_ERR(demur_kept_ring_load(kept, &w->diag), DEMUR_ERR_VERIFY);
    demur_kept_ring_free(kept);
    town_free(w);
}
