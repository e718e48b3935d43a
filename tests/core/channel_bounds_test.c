/* What a member may repeat, and how often: the log and the fold keep all of it for ever. */
#include "../support/snapshot.h"
#include "../support/town.h"

#define T0 1795186800u /* a Friday, 20 November 2026, 15:00 UTC */
#define DAY 86400u
#define TIMES 4 /* fold.md: disclosures of a signature, renewals of a month's key */

static const char policy[] =
    TOWN_POLICY "stage filed\n  title Filed\n"
                "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"
                "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n  from filed\n"
                "  to withdrawn\n";

/* Refused, in these words, as often as it is tried, and after a restart from a snapshot. */
#define REFUSED(expr, code, words)                                                                 \
    for (int tries_ = 0; tries_ < 2; tries_++) {                                                   \
        CHECK_ERR(expr, code);                                                                     \
        CHECK(strstr(w->diag.text, words));                                                        \
        CHECK(snapshot_renew(&w->c));                                                              \
    }

static struct town *a_town(struct town_case *k)
{
    struct town *w = town_plain(T0, 4, policy);
    if (w) {
        CHECK_ERR(town_circulate(w, 0, 0, w->now + 30 * DAY, k), DEMUR_OK);
        CHECK_ERR(town_cosign(w, 1, k, DEMUR_RECORD_COSIGN), DEMUR_OK);
        CHECK_ERR(town_cosign(w, 2, k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    }
    return w;
}

TEST(bounds_a_signature_is_disclosed_four_times)
{
    struct town_case k;
    struct town_key another;
    struct town *w = a_town(&k);
    REQUIRE(w);
    for (int i = 0; i < TIMES - 1; i++) {
        CHECK_ERR(town_disclose(w, 1, &k), DEMUR_OK);
        CHECK(snapshot_renew(&w->c));
    }
    /* Another key is no other count. */
    town_key_make(w, &another);
    CHECK_ERR(town_rekey(w, 1, &another), DEMUR_OK);
    w->members[1].key = another;
    CHECK_ERR(town_disclose(w, 1, &k), DEMUR_OK);
    REFUSED(town_disclose(w, 1, &k), DEMUR_ERR_LIMIT, "disclosed this signature 4 times");
    /* The others have theirs. */
    CHECK_ERR(town_disclose(w, 2, &k), DEMUR_OK);
    CHECK_ERR(town_disclose(w, 0, &k), DEMUR_OK);
    /* And so has everybody on the next text, also while the earlier one is told of. */
    k.revision = 2;
    CHECK_ERR(town_revise(w, 0, &k), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(town_disclose(w, 1, &k), DEMUR_OK);
    k.revision = 1;
    REFUSED(town_disclose(w, 1, &k), DEMUR_ERR_LIMIT, "disclosed this signature 4 times");
    CHECK_ERR(town_disclose(w, 2, &k), DEMUR_OK);
    town_free(w);
}

/* Member i says that the signature of `whose` is theirs. */
static enum demur_err claim_anothers(struct town *w, size_t i, size_t whose,
                                     const struct town_case *k)
{
    struct town_member own = w->members[i];
    struct town_key key = own.key;
    w->members[i] = w->members[whose];
    w->members[i].key = key;
    enum demur_err err = town_disclose(w, i, k);
    own.key.seq = w->members[i].key.seq;
    w->members[i] = own;
    return err;
}

TEST(bounds_a_member_discloses_one_signature)
{
    struct town_case k;
    struct town *w = a_town(&k);
    REQUIRE(w);
    CHECK_ERR(town_disclose(w, 1, &k), DEMUR_OK);
    REFUSED(claim_anothers(w, 1, 2, &k), DEMUR_ERR_FORBIDDEN, "disclosed another signature");
    CHECK_ERR(town_disclose(w, 1, &k), DEMUR_OK);
    /* Somebody's lie takes nothing from the true signer; only from the liar. */
    for (int i = 0; i < TIMES; i++)
        CHECK_ERR(claim_anothers(w, 3, 2, &k), DEMUR_OK);
    REFUSED(claim_anothers(w, 3, 2, &k), DEMUR_ERR_LIMIT, "4 times");
    CHECK_ERR(town_cosign(w, 3, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    REFUSED(town_disclose(w, 3, &k), DEMUR_ERR_FORBIDDEN, "disclosed another signature");
    for (int i = 0; i < TIMES; i++)
        CHECK_ERR(town_disclose(w, 2, &k), DEMUR_OK);
    town_free(w);
}

/* Member i is invited anew, with ring keys for the next month alone, and still has those of
 * before. */
static void return_with_old_keys(struct town *w, size_t i)
{
    struct town_member was = w->members[i];
    CHECK_ERR(town_rejoin_for(w, i, was.first_epoch + 1, 1), DEMUR_OK);
    was.key = w->members[i].key;
    w->members[i] = was;
}

/* A thief calls another signature the member's, until it is told: the roster's keeper invites
 * the member anew, who can then disclose their own. */
TEST(bounds_a_new_invitation_forgets_what_a_thief_disclosed)
{
    struct town_case k;
    struct town *w = a_town(&k);
    REQUIRE(w);
    CHECK_ERR(claim_anothers(w, 1, 2, &k), DEMUR_OK);
    CHECK_ERR(town_disclose(w, 2, &k), DEMUR_OK);
    REFUSED(town_disclose(w, 1, &k), DEMUR_ERR_FORBIDDEN, "disclosed another signature");
    return_with_old_keys(w, 1);
    CHECK(snapshot_renew(&w->c));
    for (int i = 0; i < TIMES; i++)
        CHECK_ERR(town_disclose(w, 1, &k), DEMUR_OK);
    REFUSED(town_disclose(w, 1, &k), DEMUR_ERR_LIMIT, "disclosed this signature 4 times");
    REFUSED(claim_anothers(w, 1, 2, &k), DEMUR_ERR_FORBIDDEN, "disclosed another signature");
    for (int i = 0; i < TIMES - 1; i++)
        CHECK_ERR(town_disclose(w, 2, &k), DEMUR_OK);
    REFUSED(town_disclose(w, 2, &k), DEMUR_ERR_LIMIT, "disclosed this signature 4 times");
    town_free(w);
}

TEST(bounds_nothing_is_disclosed_of_what_was_withdrawn_unfiled)
{
    struct town_case k;
    struct town *w = a_town(&k);
    REQUIRE(w);
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    REFUSED(town_disclose(w, 1, &k), DEMUR_ERR_STAGE, "withdrawn before it was filed");
    town_free(w);
}

TEST(bounds_a_months_key_is_renewed_four_times)
{
    struct town_case k;
    struct town_key another;
    struct town *w = a_town(&k);
    REQUIRE(w);
    uint32_t month = w->members[1].first_epoch + 3;
    for (int i = 0; i < TIMES - 1; i++) {
        CHECK_ERR(town_renew(w, 1, month), DEMUR_OK);
        CHECK(snapshot_renew(&w->c));
    }
    town_key_make(w, &another);
    CHECK_ERR(town_rekey(w, 1, &another), DEMUR_OK);
    w->members[1].key = another;
    CHECK_ERR(town_renew(w, 1, month), DEMUR_OK);
    REFUSED(town_renew(w, 1, month), DEMUR_ERR_LIMIT,
            "ring key of 2027-02 was replaced 4 times already: ask the roster's keeper");
    /* Other months, other members. */
    CHECK_ERR(town_renew(w, 1, month + 1), DEMUR_OK);
    CHECK_ERR(town_renew(w, 2, month), DEMUR_OK);
    /* A lost device brings new keys for all months, and with them a new count. */
    CHECK_ERR(town_rejoin(w, 1, w->members[1].first_epoch + 1), DEMUR_OK);
    for (int i = 0; i < TIMES; i++)
        CHECK_ERR(town_renew(w, 1, month), DEMUR_OK);
    REFUSED(town_renew(w, 1, month), DEMUR_ERR_LIMIT, "was replaced 4 times already");
    /* And for months that it brings no keys for. */
    return_with_old_keys(w, 1);
    CHECK_ERR(town_renew(w, 1, month), DEMUR_OK);
    town_free(w);
}

/* Four devices lost within a year, and each time the kit restores the member: it renews all
 * the months to come. */
TEST(bounds_nobody_meets_them_who_loses_a_device_every_quarter)
{
    struct town_case k;
    struct town *w = a_town(&k);
    REQUIRE(w);
    uint32_t first = w->members[1].first_epoch;
    for (uint32_t quarter = 0; quarter < TIMES; quarter++) {
        for (uint32_t epoch = first + 3 * quarter + 1; epoch <= first + 12; epoch++)
            CHECK_ERR(town_renew(w, 1, epoch), DEMUR_OK);
        while (demur_time_epoch((int64_t)w->now) < first + 3 * quarter + 3)
            w->now += DAY;
    }
    town_free(w);
}
