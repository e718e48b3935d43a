/* Blobs that records name: how large, whose, and when they may go. */
#include "../../core/handout.h"
#include "../../core/hash.h"
#include "../support/town.h"

#define T0 1795186800u /* a Friday, 20 November 2026, 15:00 UTC */
#define DAY 86400u

static const char policy[] = TOWN_POLICY
    "stage filed\n  title Filed\n"
    "stage replied\n  title Replied\n  final replied\n"
    "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"
    "step reply\n  title Reply\n  by office\n  from filed\n  document required\n  to replied\n"
    "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n  from filed\n"
    "  to withdrawn\n"
    "clock reply\n  title Reply\n  starts at filing\n  limit 5 days\n  met-by reply\n"
    "retention\n  memo 10 days\n  expunged-by keeper\n";

static enum demur_err expunge(struct town *w, const struct town_case *k,
                              const uint8_t hash[static 32])
{
    town_begin_by(w, DEMUR_RECORD_EXPUNGE, &w->keeper);
    town_put_on(w, k);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("keeper"));
    demur_put_hash(&w->out, DEMUR_FIELD_BLOB, hash);
    return town_sign_send(w, &w->keeper);
}

static enum demur_err revise(struct town *w, size_t member, struct town_case *k)
{
    k->revision++;
    test_random(&w->seed, k->commitment, 32);
    town_begin(w, DEMUR_RECORD_REVISE);
    town_put_on(w, k);
    town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, k->revision);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    town_put_random_blob(w, DEMUR_FIELD_MEMO, 8192);
    town_put_random_blob(w, DEMUR_FIELD_ATTACHMENT, 5000);
    town_put_keys(w, k);
    enum demur_err err = town_put_proof(w, DEMUR_FIELD_PROOF, member, k, 0);
    return err ? err : town_sign_send(w, &k->key);
}

/* File what circulates, with n attachments of `size` sealed bytes. */
static enum demur_err file(struct town *w, const struct town_case *k, size_t n, uint64_t size)
{
    uint8_t release[32] = {1};
    town_begin(w, DEMUR_RECORD_FILE);
    town_put_on(w, k);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, k->revision);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    town_put_random_blob(w, DEMUR_FIELD_MEMO, 8192);
    demur_put_hash(&w->out, DEMUR_FIELD_RELEASE, release);
    while (n-- > 0)
        town_put_random_blob(w, DEMUR_FIELD_ATTACHMENT, size);
    demur_put_text(&w->out, DEMUR_FIELD_TO, span_lit("office"));
    return town_sign_send(w, &k->key);
}

TEST(channel_every_blob_of_a_dissent_may_go_in_the_end)
{
    struct town *w = town_plain(T0, 3, policy);
    REQUIRE(w);
    struct town_case k, other;
    CHECK_ERR(town_file(w, 2, 0, "office", &other), DEMUR_OK);
    size_t first = w->blobs_len;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 30 * DAY, &k), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(revise(w, 0, &k), DEMUR_OK);
    CHECK_ERR(file(w, &k, 2, 4096), DEMUR_OK);
    CHECK_ERR(town_say(w, &k, -1, NULL), DEMUR_OK);
    w->now += DAY;
    CHECK_ERR(town_step(w, &k, 0, "office", "reply", true, 0), DEMUR_OK);
    size_t end = w->blobs_len;
    CHECK(end - first == 3 + 1 + 4 + 3 + 1 + 1); /* the keys for the members too */
    w->now += 9 * DAY;
    CHECK_ERR(expunge(w, &k, w->blobs[first].hash), DEMUR_ERR_TIME);
    w->now += 2 * DAY;
    for (size_t i = first; i < end; i++)
        CHECK_ERR(expunge(w, &k, w->blobs[i].hash), DEMUR_OK);
    for (size_t i = 0; i < first; i++) /* the other dissent's */
        CHECK_ERR(expunge(w, &k, w->blobs[i].hash), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(expunge(w, &k, w->fingerprint), DEMUR_ERR_UNKNOWN);
    town_free(w);
}

/* What somebody wrote is shared; neither who they are nor what was sealed to one officer is. */
TEST(channel_what_was_written_is_shared_and_nothing_else)
{
    struct town *w = town_plain(T0, 3, policy);
    REQUIRE(w);
    struct town_case k;
    size_t first = w->blobs_len;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 30 * DAY, &k), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(revise(w, 0, &k), DEMUR_OK);
    CHECK_ERR(file(w, &k, 1, 4096), DEMUR_OK);
    CHECK_ERR(town_disclose(w, 0, &k), DEMUR_OK);
    CHECK_ERR(town_say(w, &k, -1, NULL), DEMUR_OK);
    CHECK_ERR(town_step(w, &k, 0, "office", "reply", true, 0), DEMUR_OK);
    size_t end = w->blobs_len, at = first;
    static const char *const kinds[] = {
        "card", "memo", "keys",       "card", "card",    "memo",    "attachment of an",
        "keys", "memo", "attachment", "card", "message", "document"};
    CHECK(end - first == DEMUR_COUNT(kinds));
    for (size_t i = 0; at < end && i < DEMUR_COUNT(kinds); i++, at++) {
        bool may = strcmp(kinds[i], "card") != 0 && strcmp(kinds[i], "keys") != 0 &&
                   strcmp(kinds[i], "attachment of an") != 0;
        enum demur_err err = town_share(w, &k, w->blobs[at].hash, 0);
        if (err != (may ? DEMUR_OK : DEMUR_ERR_UNKNOWN))
            test_failed(__FILE__, __LINE__, "%s (%zu): %s", kinds[i], i, demur_err_name(err));
        CHECK(may || strstr(w->diag.text, "no such memo, attachment, document or message"));
    }
    CHECK_ERR(town_share(w, &k, w->blobs[first + 1].hash, 0), DEMUR_OK);
    CHECK_ERR(town_share(w, &k, w->blobs[w->blobs_len - 1].hash, 0),
              DEMUR_ERR_UNKNOWN); /* the copy */
    town_free(w);
}

/* One who names another's memo as one's own, with the commitment to its release key that
 * the log shows, would have it opened there: the key is given out for the memo. */
TEST(channel_a_memo_is_no_other_dissents)
{
    struct town *w = town_plain(T0, 3, policy);
    REQUIRE(w);
    struct town_case k, thief, own;
    struct demur_blob_ref text = {.size = sizeof policy - 1}, memo = {.size = 8192};
    demur_hash(text.hash, span_str(policy));
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    memcpy(memo.hash, w->blobs[w->blobs_len - 1].hash, 32);
    CHECK_ERR(town_circulate(w, 1, 0, T0 + 30 * DAY, &thief), DEMUR_OK);
    const struct demur_blob_ref *stolen[] = {&text, &memo};
    for (size_t i = 0; i < 2 * DEMUR_COUNT(stolen); i++) {
        bool files = i % 2;
        const uint8_t release[32] = {1};
        town_begin(w, files ? DEMUR_RECORD_FILE : DEMUR_RECORD_REVISE);
        town_put_on(w, &thief);
        if (!files)
            town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
        demur_put_number(&w->out, DEMUR_FIELD_REVISION, thief.revision + !files);
        demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, thief.commitment);
        demur_put_blob(&w->out, DEMUR_FIELD_MEMO, stolen[i / 2]);
        if (files) {
            demur_put_hash(&w->out, DEMUR_FIELD_RELEASE, release);
            demur_put_text(&w->out, DEMUR_FIELD_TO, span_lit("office"));
        } else {
            town_put_keys(w, &thief);
            thief.revision++;
            CHECK_ERR(town_put_proof(w, DEMUR_FIELD_PROOF, 1, &thief, 0), DEMUR_OK);
            thief.revision--;
        }
        CHECK_ERR(town_sign_send(w, &thief.key), DEMUR_ERR_REPLAY);
        CHECK(strcmp(w->diag.field, "memo") == 0);
    }
    /* An opening is held to the same; and one's own may be named again. */
    size_t before = w->blobs_len;
    CHECK_ERR(town_circulate(w, 2, 0, T0 + 30 * DAY, &own), DEMUR_OK);
    const uint8_t release[32] = {1};
    town_begin(w, DEMUR_RECORD_FILE);
    town_put_on(w, &own);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, 1);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, own.commitment);
    memcpy(memo.hash, w->blobs[before + 1].hash, 32);
    memo.size = w->blobs[before + 1].size;
    demur_put_blob(&w->out, DEMUR_FIELD_MEMO, &memo);
    demur_put_hash(&w->out, DEMUR_FIELD_RELEASE, release);
    demur_put_text(&w->out, DEMUR_FIELD_TO, span_lit("office"));
    CHECK_ERR(town_sign_send(w, &own.key), DEMUR_OK);
    town_free(w);
}

/* The audience decides, and the size of the ring how many bytes. */
TEST(channel_keys_for_the_members_where_they_are_the_audience_and_only_there)
{
    struct town *w = town_plain(T0, 3, policy);
    REQUIRE(w);
    struct town_case k, invited;
    w->keys.none = true;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 30 * DAY, &k), DEMUR_ERR_MISSING);
    CHECK(strcmp(w->diag.field, "keys") == 0);
    w->keys.invited = true;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 30 * DAY, &invited), DEMUR_OK);
    w->keys.none = false;
    CHECK_ERR(town_circulate(w, 1, 0, T0 + 30 * DAY, &k), DEMUR_ERR_FORBIDDEN);
    CHECK(strcmp(w->diag.field, "keys") == 0);
    CHECK_ERR(revise(w, 0, &invited), DEMUR_ERR_FORBIDDEN);
    CHECK(strcmp(w->diag.field, "keys") == 0);
    invited.revision--;
    w->keys.none = true;
    CHECK_ERR(revise(w, 0, &invited), DEMUR_OK);
    w->keys.none = w->keys.invited = false;
    const int64_t wrong[] = {1, -1, 98, 2 << 20};
    for (size_t i = 0; i < DEMUR_COUNT(wrong); i++) {
        w->keys.more = wrong[i];
        CHECK_ERR(town_circulate(w, 1, 0, T0 + 30 * DAY, &k), DEMUR_ERR_LIMIT);
        CHECK(strcmp(w->diag.field, "keys") == 0);
    }
    w->keys.more = 0;
    CHECK_ERR(town_circulate(w, 1, 0, T0 + 30 * DAY, &k), DEMUR_OK);
    w->keys.none = true;
    CHECK_ERR(revise(w, 1, &k), DEMUR_ERR_MISSING);
    k.revision--;
    w->keys.none = false;
    w->keys.more = 98;
    CHECK_ERR(revise(w, 1, &k), DEMUR_ERR_LIMIT);
    k.revision--;
    w->keys.more = 0;
    CHECK_ERR(revise(w, 1, &k), DEMUR_OK);
    /* What is filed is for the offices. */
    struct demur_dissent_info info;
    CHECK(demur_channel_dissent_find(w->c, span_str(k.id), w->now, &info) &&
          info.keys.size == demur_handout_len(3));
    CHECK_ERR(file(w, &k, 0, 0), DEMUR_OK);
    CHECK(demur_channel_dissent_find(w->c, span_str(k.id), w->now, &info) && !info.keys.size);
    town_free(w);
}

/* Naming another's blob, or a policy's text, does not make it one's own to expunge. */
TEST(channel_a_blob_is_whose_record_named_it_first)
{
    struct town *w = town_plain(T0, 3, policy);
    REQUIRE(w);
    struct town_case k, thief;
    struct demur_blob_ref text = {.size = sizeof policy - 1}, memo = {.size = 8192};
    demur_hash(text.hash, span_str(policy));
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    memcpy(memo.hash, w->blobs[w->blobs_len - 1].hash, 32);
    CHECK_ERR(town_circulate(w, 1, 0, T0 + 30 * DAY, &thief), DEMUR_OK);
    town_begin(w, DEMUR_RECORD_REVISE);
    town_put_on(w, &thief);
    town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, ++thief.revision);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, thief.commitment);
    town_put_random_blob(w, DEMUR_FIELD_MEMO, 8192);
    demur_put_blob(&w->out, DEMUR_FIELD_ATTACHMENT, &text);
    demur_put_blob(&w->out, DEMUR_FIELD_ATTACHMENT, &memo);
    town_put_keys(w, &thief);
    CHECK_ERR(town_put_proof(w, DEMUR_FIELD_PROOF, 1, &thief, 0), DEMUR_OK);
    CHECK_ERR(town_sign_send(w, &thief.key), DEMUR_OK);
    CHECK_ERR(town_withdraw(w, &thief), DEMUR_OK);
    w->now += 20 * DAY;
    CHECK_ERR(expunge(w, &thief, text.hash), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(expunge(w, &thief, memo.hash), DEMUR_ERR_UNKNOWN);
    town_free(w);
}

TEST(channel_retention_of_what_was_never_filed_counts_from_its_withdrawal)
{
    struct town *w = town_plain(T0, 3, policy);
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 30 * DAY, &k), DEMUR_OK);
    const uint8_t *memo = w->blobs[w->blobs_len - 2].hash;
    w->now += 12 * DAY;
    CHECK_ERR(expunge(w, &k, memo), DEMUR_ERR_STAGE);
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    CHECK_ERR(expunge(w, &k, memo), DEMUR_ERR_TIME);
    w->now += 11 * DAY;
    CHECK_ERR(expunge(w, &k, memo), DEMUR_OK);
    town_free(w);
}

/* Sealed, an attachment may have an eighth and 64 KiB more than the policy's plain
 * bytes; all together an eighth, and 64 KiB for each and once more. */
TEST(channel_attachments_are_bounded_alone_and_together)
{
    static const uint64_t each = (1u << 20) + (1u << 17) + 65536;
    static const uint64_t together = (2u << 20) + (1u << 18) + 65536;
    static const struct {
        size_t n;
        uint64_t size;
        enum demur_err want;
    } cases[] = {
        {1, each, DEMUR_OK},
        {1, each + 1, DEMUR_ERR_LIMIT},
        {2, each, DEMUR_OK},
        {3, (together + 3 * 65536) / 3, DEMUR_OK},
        {3, (together + 3 * 65536) / 3 + 1, DEMUR_ERR_LIMIT},
        {4, 4096, DEMUR_ERR_LIMIT},
    };
    struct town *w = town_plain(T0, 3, policy);
    REQUIRE(w);
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        struct town_case k;
        CHECK_ERR(town_circulate(w, 0, (unsigned)i, T0 + 30 * DAY, &k), DEMUR_OK);
        enum demur_err err = file(w, &k, cases[i].n, cases[i].size);
        if (err != cases[i].want || (err && strcmp(w->diag.field, "attachment") != 0))
            test_failed(__FILE__, __LINE__, "case %zu: %s, %s", i, demur_err_name(err),
                        w->diag.text);
    }
    town_free(w);
}
