/* One member, one signature on a revision, by whichever key and ring it is tried; and
 * whatever else must not count. */
#include "../support/town.h"

#include "../../core/compose.h"

#define T0 1795186800u /* Friday 20 November 2026, 15:00 UTC */
#define DAY 86400u
#define MEMBERS 20
#define AUTHOR 19 /* team blue, grade b, as 16, 17 and 18; the others are red and a */
#define RING_MIN 4

static const char policy[] =
    "demur policy v1\n"
    "policy votes\n  title Votes\n  calendar plain\n"
    "attribute team\n  values red or blue or grey\n"
    "attribute grade\n  values a or b\n"
    "role office\n  title Office\n"
    "role keeper\n  title Keeper\n"
    "eligible everyone\n"
    "roster\n  kept-by keeper\n"
    "ring\n  at-least 4 members\n  narrow-by team\n  narrow-by grade\n"
    "filing\n  quota 9 each month\n  identity named\n  circulation at-most 60 days\n"
    "attachments\n  at-most 2\n  each 1 MiB\n  together 2 MiB\n"
    "distribution\n  must office\n"
    "stage filed\n  title Filed\n"
    "stage replied\n  title Replied\n  final replied\n"
    "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"
    "step reply\n  title Reply\n  by office\n  from filed\n  to replied\n"
    "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n  from filed\n"
    "  to withdrawn\n";

/* All members; those of a team, of either team, of a grade. Members 0 to 15 are in each. */
static const char *const parts[] = {"", "team=red", "team=blue,red", "grade=a"};

static struct town *a_town(void)
{
    struct town *w = town_plain(T0 - DAY, 0, policy);
    for (size_t i = 0; w && i < MEMBERS; i++) {
        CHECK_ERR(town_invite(w, i, i < 16 ? "grade=a team=red" : "grade=b team=blue"), DEMUR_OK);
        CHECK_ERR(town_join(w, i), DEMUR_OK);
    }
    if (w)
        w->now = T0;
    return w;
}

static bool circulate(struct town *w, struct town_case *k, unsigned slot)
{
    enum demur_err err = town_circulate(w, AUTHOR, slot, T0 + 40 * DAY, k);
    if (err)
        test_failed(__FILE__, __LINE__, "circulating: %s", w->diag.text);
    return !err;
}

static size_t place_of(uint8_t (*keys)[32], size_t n, const uint8_t key[static 32])
{
    size_t at = 0;
    while (at < n && memcmp(keys[at], key, 32) != 0)
        at++;
    return at;
}

/* Write the co-signature by the ring key of that secret, over the part of the dissent's ring.
 * Who is not in there puts the key in another's place, for there is no proof otherwise. */
static bool write_by(struct town *w, const struct town_case *k, const char *part,
                     enum demur_record_type type, const uint8_t secret[static 32])
{
    static uint8_t keys[TOWN_MEMBERS][32];
    uint8_t own[32], entropy[64];
    struct demur_dissent_info d;
    struct demur_ring ring;
    struct span subset = span_str(part);
    size_t n = 0;
    if (!demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d))
        return false;
    enum demur_err err = demur_channel_ring(w->c, d.policy_entry, d.epoch, d.roster, &subset,
                                            *part ? 1 : 0, keys, TOWN_MEMBERS, &n, &w->diag);
    demur_ring_key_public(own, secret);
    if (!err && place_of(keys, n, own) == n) {
        memcpy(keys[0], own, 32);
        demur_ring_sort(keys, n);
    }
    if (!err)
        err = demur_ring_init(&ring, (const uint8_t(*)[32])keys, n, &w->diag);
    struct demur_cosign_facts facts = {.channel = w->fingerprint,
                                       .dissent = span_str(k->id),
                                       .signers = &ring,
                                       .subsets = &subset,
                                       .subsets_len = *part ? 1 : 0,
                                       .revision = k->revision,
                                       .card = {.size = 4096},
                                       .commitment = k->commitment};
    test_random(&w->seed, facts.card.hash, 32);
    test_random(&w->seed, entropy, 64);
    w->out = buf_over(w->record, sizeof w->record);
    if (!err)
        err = type == DEMUR_RECORD_COSIGN
                  ? demur_compose_cosign(&w->out, &facts, secret, entropy, &w->diag)
                  : demur_compose_unsign(&w->out, &facts, secret, entropy, &w->diag);
    if (err)
        test_failed(__FILE__, __LINE__, "writing: %s", w->diag.text);
    return !err;
}

static enum demur_err sent(struct town *w) { return town_send(w, span_of(NULL, 0)); }

static enum demur_err by_key(struct town *w, const struct town_case *k, const char *part,
                             const uint8_t secret[static 32])
{
    return write_by(w, k, part, DEMUR_RECORD_COSIGN, secret) ? sent(w) : DEMUR_ERR_IO;
}

static const uint8_t *secret_of(const struct town *w, size_t i, uint32_t epoch)
{
    return w->members[i].ring_secret[epoch - w->members[i].first_epoch];
}

static enum demur_err by(struct town *w, const struct town_case *k, const char *part, size_t i)
{
    struct demur_dissent_info d;
    if (!demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d))
        return DEMUR_ERR_UNKNOWN;
    return by_key(w, k, part, secret_of(w, i, d.epoch));
}

static uint64_t count(const struct town *w, const struct town_case *k)
{
    struct demur_dissent_info d;
    return demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d) ? d.signatures : 0;
}

/* A device that was set up twice has the same keys: it is the same member who tries again. */
TEST(one_vote_in_whatever_part_of_the_ring)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k;
    REQUIRE(circulate(w, &k, 0));
    for (size_t i = 0; i < 16; i++) {
        if (test_quick() && i != 1 && i != 6)
            continue;
        uint64_t before = count(w, &k);
        CHECK_ERR(by(w, &k, parts[i / 4], i), DEMUR_OK);
        CHECK_ERR(by(w, &k, parts[i % 4], i), DEMUR_ERR_REPLAY);
        CHECK(count(w, &k) == before + 1);
    }
    /* Taken back in one part, it stays so in the others. */
    REQUIRE(write_by(w, &k, "grade=a", DEMUR_RECORD_UNSIGN,
                     secret_of(w, 1, w->members[1].first_epoch)));
    CHECK_ERR(sent(w), DEMUR_OK);
    CHECK_ERR(by(w, &k, "team=red", 1), DEMUR_ERR_REPLAY);
    CHECK_ERR(by(w, &k, "", AUTHOR), DEMUR_ERR_REPLAY);
    CHECK_ERR(by(w, &k, "team=blue", AUTHOR), DEMUR_ERR_REPLAY);
    town_free(w);
}

TEST(one_vote_before_and_after_renewal)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k, next;
    uint32_t month = demur_time_epoch(T0);
    REQUIRE(circulate(w, &k, 0));
    CHECK_ERR(by(w, &k, "", 0), DEMUR_OK);
    /* Nobody gives the month that has begun another key, nor the ones to come a used one. */
    CHECK_ERR(town_renew(w, 2, month), DEMUR_ERR_TIME);
    CHECK_ERR(town_renew(w, 0, month + 1), DEMUR_OK);
    CHECK_ERR(by_key(w, &k, "", secret_of(w, 0, month + 1)), DEMUR_ERR_VERIFY);
    w->now = T0 + 20 * DAY;
    REQUIRE(demur_time_epoch((int64_t)w->now) == month + 1);
    CHECK_ERR(town_renew(w, 0, month + 2), DEMUR_OK);
    CHECK_ERR(town_renew(w, 1, month + 2), DEMUR_OK);
    for (uint32_t e = month + 1; e <= month + 2; e++) {
        CHECK_ERR(by_key(w, &k, "", secret_of(w, 0, e)), DEMUR_ERR_VERIFY);
        CHECK_ERR(by_key(w, &k, "team=red", secret_of(w, 0, e)), DEMUR_ERR_VERIFY);
        CHECK_ERR(by_key(w, &k, "", secret_of(w, 1, e)), DEMUR_ERR_VERIFY);
    }
    CHECK_ERR(by(w, &k, "", 0), DEMUR_ERR_REPLAY);
    /* Who signs late does so with the key of the month in which it was opened. */
    CHECK_ERR(by(w, &k, "", 1), DEMUR_OK);
    CHECK_ERR(by(w, &k, "grade=a", 1), DEMUR_ERR_REPLAY);
    CHECK(count(w, &k) == 3);
    /* What opens now is signed with the new key, and not with the old one as well. */
    REQUIRE(circulate(w, &next, 0));
    CHECK_ERR(by(w, &next, "", 0), DEMUR_OK);
    CHECK_ERR(by_key(w, &next, "", secret_of(w, 0, month)), DEMUR_ERR_VERIFY);
    CHECK_ERR(by_key(w, &next, "team=red", secret_of(w, 0, month + 2)), DEMUR_ERR_VERIFY);
    CHECK(count(w, &next) == 2);
    town_free(w);
}

TEST(one_vote_with_another_identity_key)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k;
    struct town_key another;
    REQUIRE(circulate(w, &k, 0));
    CHECK_ERR(by(w, &k, "", 0), DEMUR_OK);
    town_key_make(w, &another);
    CHECK_ERR(town_rekey(w, 0, &another), DEMUR_OK);
    CHECK_ERR(by(w, &k, "", 0), DEMUR_ERR_REPLAY);
    CHECK_ERR(by(w, &k, "grade=a", 0), DEMUR_ERR_REPLAY);
    CHECK(count(w, &k) == 2);
    town_free(w);
}

/* The lost device has this month's keys, the new one those of the months to come. */
TEST(one_vote_with_two_devices)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k, later;
    static struct town_member lost[2];
    uint32_t month = demur_time_epoch(T0);
    REQUIRE(circulate(w, &k, 0));
    CHECK_ERR(by(w, &k, "", 0), DEMUR_OK);
    for (size_t i = 0; i < 2; i++) {
        lost[i] = w->members[i];
        CHECK_ERR(town_rejoin(w, i, month), DEMUR_ERR_TIME);
        CHECK_ERR(town_rejoin(w, i, month + 1), DEMUR_OK);
        CHECK_ERR(by_key(w, &k, "", secret_of(w, i, month + 1)), DEMUR_ERR_VERIFY);
        CHECK_ERR(by_key(w, &k, "grade=a", secret_of(w, i, month + 1)), DEMUR_ERR_VERIFY);
    }
    CHECK_ERR(by_key(w, &k, "", lost[0].ring_secret[0]), DEMUR_ERR_REPLAY);
    CHECK_ERR(by_key(w, &k, "", lost[1].ring_secret[0]), DEMUR_OK);
    CHECK(count(w, &k) == 3);
    w->now = T0 + 20 * DAY;
    REQUIRE(circulate(w, &later, 0));
    CHECK_ERR(by_key(w, &later, "", lost[0].ring_secret[1]), DEMUR_ERR_VERIFY);
    CHECK_ERR(by(w, &later, "", 0), DEMUR_OK);
    CHECK_ERR(by(w, &later, "", 0), DEMUR_ERR_REPLAY);
    CHECK_ERR(by_key(w, &later, "team=red", lost[0].ring_secret[1]), DEMUR_ERR_VERIFY);
    CHECK(count(w, &later) == 2);
    town_free(w);
}

TEST(one_vote_of_who_was_removed_and_came_back)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case before, after;
    const size_t was = 3, is = MEMBERS; /* the person, under two handles */
    uint32_t month = demur_time_epoch(T0);
    REQUIRE(circulate(w, &before, 0));
    CHECK_ERR(by(w, &before, "", was), DEMUR_OK);
    CHECK_ERR(town_revoke(w, was), DEMUR_OK);
    CHECK_ERR(town_rejoin(w, was, month + 1), DEMUR_ERR_FORBIDDEN);
    CHECK_ERR(town_invite(w, is, "grade=a team=red"), DEMUR_OK);
    CHECK_ERR(town_join(w, is), DEMUR_OK);
    REQUIRE(circulate(w, &after, 1));
    /* The ring of what was opened before has the first of the keys, the other's the second. */
    CHECK_ERR(by(w, &before, "", was), DEMUR_ERR_REPLAY);
    CHECK_ERR(by(w, &before, "", is), DEMUR_ERR_VERIFY);
    CHECK_ERR(by(w, &before, "team=red", is), DEMUR_ERR_VERIFY);
    CHECK_ERR(by(w, &after, "", was), DEMUR_ERR_VERIFY);
    CHECK_ERR(by(w, &after, "grade=a", was), DEMUR_ERR_VERIFY);
    CHECK_ERR(by(w, &after, "grade=a", is), DEMUR_OK);
    CHECK_ERR(by(w, &after, "", is), DEMUR_ERR_REPLAY);
    CHECK(count(w, &before) == 2 && count(w, &after) == 2);
    town_free(w);
}

/* ---- what was signed is this and nothing else ---- */

TEST(a_signature_is_for_one_text_of_one_dissent_in_one_channel)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k, other, twin;
    static const char hex[] = "00000000000000000000000000000000000000000000000000000000000000aa";
    const uint8_t *secret = secret_of(w, 0, demur_time_epoch(T0));
    uint8_t stranger[32], key[32], seed[64] = {77};
    demur_ring_key_from_seed(stranger, key, seed);
    REQUIRE(circulate(w, &k, 0) && circulate(w, &other, 1));
    CHECK_ERR(by_key(w, &k, "", stranger), DEMUR_ERR_VERIFY);
    CHECK_ERR(by_key(w, &k, "team=red", stranger), DEMUR_ERR_VERIFY);
    const struct {
        const char *field, *value;
        enum demur_err err;
    } moved[] = {
        {"dissent", other.id, DEMUR_ERR_VERIFY},
        {"revision", "2", DEMUR_ERR_VERIFY},
        {"commitment", hex, DEMUR_ERR_VERIFY},
        {"channel", hex, DEMUR_ERR_FORBIDDEN},
        {"card", "00000000000000000000000000000000000000000000000000000000000000aa 4096",
         DEMUR_ERR_VERIFY},
        {"subset", "team=blue,red", DEMUR_ERR_VERIFY},
    };
    for (size_t i = 0; i < DEMUR_COUNT(moved); i++) {
        REQUIRE(write_by(w, &k, "team=red", DEMUR_RECORD_COSIGN, secret));
        town_edit(w, moved[i].field, moved[i].value);
        enum demur_err err = sent(w);
        if (err != moved[i].err)
            test_failed(__FILE__, __LINE__, "%s: %s (%s)", moved[i].field, demur_err_name(err),
                        w->diag.text);
    }
    /* Rightly proven, but for what does not circulate. */
    twin = k;
    twin.commitment[31] ^= 1;
    CHECK_ERR(by(w, &twin, "", 0), DEMUR_ERR_FORBIDDEN);
    twin = k;
    twin.revision = 2;
    CHECK_ERR(by(w, &twin, "", 0), DEMUR_ERR_STALE);
    /* A signature is for no later text, and no taking back is one. */
    REQUIRE(write_by(w, &k, "", DEMUR_RECORD_COSIGN, secret));
    static uint8_t kept[DEMUR_RECORD_MAX];
    struct buf early = buf_over(kept, sizeof kept);
    buf_put_span(&early, buf_span(&w->out));
    CHECK_ERR(town_revise(w, AUTHOR, &twin), DEMUR_OK);
    w->out = buf_over(w->record, sizeof w->record);
    buf_put_span(&w->out, buf_span(&early));
    CHECK_ERR(sent(w), DEMUR_ERR_STALE);
    town_edit(w, "revision", "2");
    CHECK_ERR(sent(w), DEMUR_ERR_VERIFY);
    CHECK(count(w, &k) == 1);
    CHECK_ERR(by(w, &twin, "", 0), DEMUR_OK);
    CHECK(count(w, &k) == 2 && count(w, &other) == 1);
    town_free(w);
}

/* The same people, with the same keys, in two channels. */
TEST(a_signature_is_for_one_channel)
{
    struct town *w = a_town(), *elsewhere = a_town();
    REQUIRE(w && elsewhere);
    struct town_case k, there;
    REQUIRE(circulate(w, &k, 0) && circulate(elsewhere, &there, 0));
    uint32_t month = demur_time_epoch(T0);
    memcpy(elsewhere->fingerprint, w->fingerprint, 32);
    elsewhere->fingerprint[5] ^= 1;
    REQUIRE(strcmp(k.id, there.id) == 0 && memcmp(k.commitment, there.commitment, 32) == 0);
    REQUIRE(write_by(elsewhere, &there, "", DEMUR_RECORD_COSIGN, secret_of(w, 0, month)));
    w->out = buf_over(w->record, sizeof w->record);
    buf_put_span(&w->out, buf_span(&elsewhere->out));
    CHECK_ERR(sent(w), DEMUR_ERR_FORBIDDEN);
    char own[65];
    for (size_t i = 0; i < 32; i++)
        snprintf(own + 2 * i, 3, "%02x", w->fingerprint[i]);
    town_edit(w, "channel", own);
    CHECK_ERR(sent(w), DEMUR_ERR_VERIFY);
    elsewhere->fingerprint[5] ^= 1;
    REQUIRE(write_by(elsewhere, &there, "", DEMUR_RECORD_COSIGN, secret_of(w, 0, month)));
    w->out = buf_over(w->record, sizeof w->record);
    buf_put_span(&w->out, buf_span(&elsewhere->out));
    CHECK_ERR(sent(w), DEMUR_OK);
    town_free(elsewhere);
    town_free(w);
}

TEST(a_signature_is_in_time)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k, filed, withdrawn;
    REQUIRE(circulate(w, &k, 0) && circulate(w, &filed, 1) && circulate(w, &withdrawn, 2));
    CHECK_ERR(by(w, &filed, "", 0), DEMUR_OK);
    CHECK_ERR(town_file_circulated(w, &filed, "office"), DEMUR_OK);
    CHECK_ERR(town_withdraw(w, &withdrawn), DEMUR_OK);
    CHECK_ERR(by(w, &filed, "", 1), DEMUR_ERR_STAGE);
    CHECK_ERR(by(w, &withdrawn, "", 1), DEMUR_ERR_STAGE);
    REQUIRE(
        write_by(w, &filed, "", DEMUR_RECORD_UNSIGN, secret_of(w, 0, w->members[0].first_epoch)));
    CHECK_ERR(sent(w), DEMUR_ERR_STAGE);
    w->now = T0 + 40 * DAY;
    CHECK_ERR(by(w, &k, "", 0), DEMUR_OK);
    w->now++;
    CHECK_ERR(by(w, &k, "", 1), DEMUR_ERR_STAGE);
    REQUIRE(write_by(w, &k, "", DEMUR_RECORD_UNSIGN, secret_of(w, 0, w->members[0].first_epoch)));
    CHECK_ERR(sent(w), DEMUR_ERR_STAGE);
    CHECK(count(w, &k) == 2 && count(w, &filed) == 2);
    town_free(w);
}

TEST(a_part_of_the_ring_is_not_too_small)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k;
    static const char *const attributes = "grade=b team=grey";
    for (size_t i = MEMBERS; i < MEMBERS + RING_MIN - 1; i++) {
        CHECK_ERR(town_invite(w, i, attributes), DEMUR_OK);
        CHECK_ERR(town_join(w, i), DEMUR_OK);
    }
    REQUIRE(circulate(w, &k, 0));
    CHECK_ERR(by(w, &k, "team=grey", MEMBERS), DEMUR_ERR_FORBIDDEN);
    CHECK(strstr(w->diag.text, "only 3 members"));
    CHECK_ERR(by(w, &k, "team=blue", AUTHOR - 1), DEMUR_OK); /* four of them */
    CHECK_ERR(town_invite(w, MEMBERS + RING_MIN - 1, attributes), DEMUR_OK);
    CHECK_ERR(town_join(w, MEMBERS + RING_MIN - 1), DEMUR_OK);
    /* Whoever comes later is in no ring that was pinned before. */
    CHECK_ERR(by(w, &k, "team=grey", MEMBERS), DEMUR_ERR_FORBIDDEN);
    REQUIRE(circulate(w, &k, 1));
    CHECK_ERR(by(w, &k, "team=grey", MEMBERS), DEMUR_OK);
    CHECK_ERR(by(w, &k, "grade=b", MEMBERS + 1), DEMUR_OK);
    town_free(w);
}
