/* Records verified many at once fare as they do one by one. */
#include "../../core/civil.h"
#include "../support/town.h"

#define T0 1795186800u /* a Friday, 20 November 2026, 15:00 UTC */
#define DAY 86400u
#define RECORDS_MAX 80

static const char policy[] =
    TOWN_POLICY "stage filed\n  title Filed\n"
                "stage replied\n  title Replied\n  final replied\n"
                "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"
                "step reply\n  title Reply\n  by office\n  from filed\n  to replied\n"
                "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n  from filed\n"
                "  to withdrawn\n"
                "clock reply\n  title Reply\n  starts at filing\n  limit 5 days\n  met-by reply\n";

static struct demur_record records[RECORDS_MAX];
static struct demur_verify_item items[RECORDS_MAX];
static struct demur_verdict verdicts[RECORDS_MAX];
static struct demur_diag diags[RECORDS_MAX];

/* One town in which every type of signature was made. */
static struct town *busy_town(void)
{
    struct town *w = town_plain(T0, 4, policy);
    struct town_case k, other;
    struct town_key key;
    if (!w)
        return NULL;
    CHECK_ERR(town_renew(w, 1, demur_time_epoch(T0) + 2), DEMUR_OK);
    town_key_make(w, &key);
    CHECK_ERR(town_rekey(w, 2, &key), DEMUR_OK);
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 20 * DAY, &k), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_UNSIGN), DEMUR_OK);
    k.revision++;
    test_random(&w->seed, k.commitment, 32);
    CHECK_ERR(town_revise(w, 0, &k), DEMUR_OK);
    CHECK_ERR(town_file_circulated(w, &k, "office"), DEMUR_OK);
    CHECK_ERR(town_file(w, 3, 1, "office", &other), DEMUR_OK);
    CHECK_ERR(town_open(w, &other, 0, "office"), DEMUR_OK);
    CHECK_ERR(town_say(w, &other, 0, "office"), DEMUR_OK);
    CHECK_ERR(town_say(w, &other, -1, "office"), DEMUR_OK);
    CHECK_ERR(town_withdraw(w, &other), DEMUR_OK);
    return w;
}

/* Another signature of the same length instead of the record's own; and back. */
static bool spoil(struct town *w, size_t i, enum demur_field field)
{
    struct span value = demur_record_get(&records[i], field);
    if (!value.p)
        return false;
    uint8_t *at = w->entries[i].bytes + (value.p - w->entries[i].bytes);
    *at ^= *at >= 'A' ? 'a' ^ 'A' : *at >= '0' ? '0' ^ '1' : '+' ^ '/';
    return true;
}

static void parse_all(const struct town *w)
{
    for (size_t i = 0; i < w->entries_len; i++) {
        uint64_t at;
        struct span record;
        struct span entry = span_of(w->entries[i].bytes, w->entries[i].len);
        CHECK_ERR(demur_entry_parse(&at, &record, entry, NULL), DEMUR_OK);
        CHECK_ERR(demur_record_parse(&records[i], record, NULL), DEMUR_OK);
    }
}

/* Verify the first n together and alone; how many hold. */
static size_t compare(const struct town *w, size_t n)
{
    size_t good = 0;
    for (size_t i = 0; i < n; i++) {
        verdicts[i] = (struct demur_verdict){.verified = false};
        diags[i] = (struct demur_diag){0};
        items[i] = (struct demur_verify_item){&records[i], &verdicts[i], &diags[i], DEMUR_OK};
    }
    demur_channel_verify_many(w->c, items, n);
    for (size_t i = 0; i < n; i++) {
        struct demur_verdict alone = {.verified = false};
        struct demur_diag why = {0};
        enum demur_err err = demur_channel_verify(w->c, &records[i], &alone, &why);
        const char *type = demur_record_type_name(records[i].type);
        if (items[i].err != err)
            test_failed(__FILE__, __LINE__, "%s: %s, alone %s", type, demur_err_name(items[i].err),
                        demur_err_name(err));
        CHECK(strcmp(diags[i].text, why.text) == 0 && strcmp(diags[i].field, why.field) == 0);
        CHECK(verdicts[i].verified == alone.verified && verdicts[i].verified == !err);
        CHECK(memcmp(verdicts[i].record, alone.record, 32) == 0);
        CHECK(memcmp(verdicts[i].tag, alone.tag, 32) == 0);
        CHECK(memcmp(verdicts[i].slot_tag, alone.slot_tag, 32) == 0);
        good += !err;
    }
    return good;
}

/* Spoil `field` of each third record, from the first-th on; how many had it. */
static size_t spoil_third(struct town *w, size_t first, enum demur_field field)
{
    size_t n = 0;
    for (size_t i = first; i < w->entries_len; i += 3)
        n += spoil(w, i, field);
    parse_all(w);
    return n;
}

/* Neither the channel nor what it holds is looked at for those that stand alone. */
static void check_alone(const struct town *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->entries_len; i++)
        if (demur_channel_verify_alone(&records[i]))
            items[n++] =
                (struct demur_verify_item){&records[i], &verdicts[i], NULL, DEMUR_ERR_VERIFY};
    CHECK(n > 10 && n < w->entries_len);
    demur_channel_verify_many(NULL, items, n);
    for (size_t i = 0; i < n; i++)
        CHECK_ERR(items[i].err, DEMUR_OK);
}

TEST(channel_records_verified_together_fare_as_alone)
{
    static const enum demur_field fields[] = {DEMUR_FIELD_SIG, DEMUR_FIELD_INVITATION_SIG,
                                              DEMUR_FIELD_KEY_SIG};
    struct town *w = busy_town();
    REQUIRE(w && w->entries_len > 20 && w->entries_len <= RECORDS_MAX);
    size_t n = w->entries_len, rounds = test_quick() ? 1 : 3, met = 0;
    parse_all(w);
    check_alone(w);
    for (size_t few = 0; few < 3; few++)
        CHECK(compare(w, few) == few);
    if (!test_quick())
        CHECK(compare(w, n) == n);
    /* one in three bad, by the one or the other of its signatures */
    for (size_t round = 0; round < rounds; round++) {
        size_t bad = 0;
        for (size_t f = 0; f < DEMUR_COUNT(fields); f++)
            bad += spoil_third(w, (round + f) % 3, fields[f]);
        size_t good = compare(w, n);
        CHECK(good >= n - bad && good < n - n / 4);
        met += bad;
        for (size_t f = 0; f < DEMUR_COUNT(fields); f++)
            spoil_third(w, (round + f) % 3, fields[f]);
    }
    /* all but a co-signature and its end are signed by a key; four joined, one took another */
    CHECK(rounds == 1 || met == n - 2 + 4 + 1);
    CHECK(compare(w, 3) == 3);
    town_free(w);
}
