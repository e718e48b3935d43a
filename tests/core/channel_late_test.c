/* What an author may still do late: after the window for signatures, and after a withdrawal. */
#include "../support/town.h"

#define T0 1795186800u /* Friday 20 November 2026, 15:00 UTC */
#define DAY 86400u

static const char policy[] = TOWN_POLICY
    "stage filed\n  title Filed\n"
    "stage asked\n  title Asked\n"
    "stage replied\n  title Replied\n  final replied\n"
    "stage appealed\n  title Appealed\n"
    "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"
    "step ask\n  title Ask\n  by office\n  from filed\n  to asked\n  at-most 9 times\n"
    "step answer\n  title Answer\n  by author\n  taken-as say\n  from asked\n  to filed\n"
    "step reply\n  title Reply\n  by office\n  from filed\n  to replied\n  document required\n"
    "step appeal\n  title Appeal\n  by author\n  taken-as appeal\n  from replied\n  to appealed\n"
    "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n"
    "  from filed or asked or appealed\n  to withdrawn\n"
    "clock reply\n  title Reply\n  starts at filing\n  limit 10 days\n  met-by reply\n"
    "  paused-in asked\n";

static struct town *a_town(void) { return town_plain(T0, 4, policy); }

static bool stands(const struct town *w, const struct town_case *k, const char *stage,
                   unsigned signatures)
{
    struct demur_dissent_info d;
    return demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d) &&
           span_eq_str(d.stage, stage) && d.signatures == signatures;
}

/* The blob that the log named last. */
static const uint8_t *last_blob(const struct town *w) { return w->blobs[w->blobs_len - 1].hash; }

TEST(late_revision_has_nobodys_signature_but_the_authors)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 5 * DAY, &k), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    w->now += 6 * DAY;
    CHECK(stands(w, &k, "circulating", 2));
    k.revision = 2;
    k.commitment[0] ^= 1;
    CHECK_ERR(town_revise(w, 0, &k), DEMUR_OK);
    CHECK(stands(w, &k, "circulating", 1));
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_ERR_STAGE);
    CHECK_ERR(town_file_circulated(w, &k, "office"), DEMUR_OK);
    CHECK(stands(w, &k, "filed", 1));
    town_free(w);
}

TEST(late_words_in_what_was_withdrawn_unfiled)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 5 * DAY, &k), DEMUR_OK);
    const uint8_t *memo = last_blob(w);
    CHECK_ERR(town_say(w, &k, -1, NULL), DEMUR_ERR_STAGE);
    CHECK(strstr(w->diag.text, "not filed yet"));
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    enum demur_err late[] = {town_say(w, &k, -1, NULL), town_share(w, &k, memo, 0),
                             town_appeal(w, &k), town_open(w, &k, 0, "office"),
                             town_step(w, &k, 0, "office", "ask", false, 0)};
    for (size_t i = 0; i < DEMUR_COUNT(late); i++)
        CHECK_ERR(late[i], DEMUR_ERR_STAGE);
    CHECK(strstr(w->diag.text, "withdrawn before it was filed"));
    k.revision = 2;
    CHECK_ERR(town_revise(w, 0, &k), DEMUR_ERR_STAGE);
    town_free(w);
}

/* Nobody else has signed: the case is over, and talk moves it no more. */
TEST(late_words_in_what_was_withdrawn_alone)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    const uint8_t *memo = last_blob(w);
    CHECK_ERR(town_step(w, &k, 0, "office", "ask", false, 0), DEMUR_OK);
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    CHECK_ERR(town_say(w, &k, -1, NULL), DEMUR_OK);
    CHECK_ERR(town_say(w, &k, 0, "office"), DEMUR_OK);
    CHECK_ERR(town_share(w, &k, memo, 0), DEMUR_OK);
    CHECK_ERR(town_appeal(w, &k), DEMUR_ERR_STAGE);
    CHECK(stands(w, &k, "withdrawn", 1));
    town_free(w);
}

/* Others have signed: it goes on without its author, who alone could act for them and may. */
TEST(late_words_of_an_author_who_is_gone)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 5 * DAY, &k), DEMUR_OK);
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
    CHECK_ERR(town_file_circulated(w, &k, "office"), DEMUR_OK);
    CHECK_ERR(town_step(w, &k, 0, "office", "ask", false, 0), DEMUR_OK);
    CHECK_ERR(town_withdraw(w, &k), DEMUR_OK);
    CHECK(stands(w, &k, "asked", 2));
    CHECK_ERR(town_say(w, &k, -1, NULL), DEMUR_OK);
    CHECK(stands(w, &k, "filed", 2));
    CHECK_ERR(town_step(w, &k, 0, "office", "reply", true, 0), DEMUR_OK);
    CHECK_ERR(town_share(w, &k, last_blob(w), 0), DEMUR_OK);
    CHECK_ERR(town_appeal(w, &k), DEMUR_OK);
    CHECK(stands(w, &k, "appealed", 2));
    CHECK_ERR(town_withdraw(w, &k), DEMUR_ERR_STAGE);
    town_free(w);
}
