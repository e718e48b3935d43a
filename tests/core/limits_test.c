/* Limits and ends of core's formats that no test of one module comes to: too long, too
 * many, too late, cut short. */
#include "../../core/calendar.h"
#include "../../core/card.h"
#include "../../core/channel.h"
#include "../../core/compose.h"
#include "../../core/encode.h"
#include "../../core/hash.h"
#include "../../core/keys.h"
#include "../../core/letter.h"
#include "../../core/lines.h"
#include "../../core/link.h"
#include "../../core/policy.h"
#include "../../core/ring.h"
#include "../../core/walk.h"
#include "../test.h"

#include <stdlib.h>

#define DAY 86400

static const char plain[] = "demur calendar v1\ncalendar plain\nzone UTC\n  standard +00:00\n"
                            "weekend saturday and sunday\n";

TEST(limits_of_time)
{
    static struct demur_calendar calendar;
    const struct demur_calendar_version version = {DEMUR_DAY_MIN, &calendar};
    const struct demur_calendars all = {&version, 1};
    const struct demur_counting common = {0};
    struct span name = span_lit("plain");
    int64_t due = 0, ten_before = DEMUR_TIME_MAX - 10 * DAY;
    REQUIRE(demur_calendar_parse(&calendar, span_str(plain), NULL) == DEMUR_OK);
    CHECK_ERR(demur_due(&all, name, ten_before, (struct demur_period){8, DEMUR_DAYS}, common, NULL,
                        0, &due),
              DEMUR_OK);
    CHECK(due == DEMUR_TIME_MAX - 2 * DAY);
    /* To the very last day, which has no day after it, and beyond. */
    CHECK_ERR(demur_due(&all, name, ten_before, (struct demur_period){10, DEMUR_DAYS}, common, NULL,
                        0, &due),
              DEMUR_ERR_TIME);
    CHECK_ERR(demur_due(&all, name, ten_before, (struct demur_period){9999, DEMUR_DAYS}, common,
                        NULL, 0, &due),
              DEMUR_ERR_TIME);
    const struct demur_pause endless = {0, DEMUR_TIME_MAX + 1};
    CHECK_ERR(demur_due(&all, name, 1000, (struct demur_period){1, DEMUR_HOURS}, common, &endless,
                        1, &due),
              DEMUR_ERR_TIME);
    CHECK(due == DEMUR_TIME_MAX - 2 * DAY);
}

TEST(limits_of_a_policys_clock)
{
    struct demur_diag diag = {0};
    struct span text = test_data("company.policy"), days = test_data("us-federal.calendar");
    struct demur_policy *p = malloc(sizeof *p);
    struct demur_calendar *calendar = malloc(sizeof *calendar);
    int64_t target = 7, limit = 7;
    if (!p || !calendar || demur_policy_parse(p, text, &diag) ||
        demur_calendar_parse(calendar, days, &diag) || !p->clocks_len) {
        test_failed(__FILE__, __LINE__, "company.policy: %s", diag.text);
    } else {
        const struct demur_calendar_version version = {DEMUR_DAY_MIN, calendar};
        const struct demur_calendars all = {&version, 1};
        CHECK_ERR(demur_clock_due(p, 0, &all, DEMUR_TIME_MAX - DAY, NULL, 0, NULL, 0, &target,
                                  &limit, &diag),
                  DEMUR_ERR_TIME);
        CHECK(strstr(diag.text, "never runs out") && target == 7 && limit == 7);
    }
    free(p);
    free(calendar);
}

/* A calendar whose last lines are these; a zone and a weekend stand above unless `bare`. */
static enum demur_err calendar_of(const char *lines, bool bare, struct demur_diag *diag)
{
    static struct demur_calendar calendar;
    static char text[2000];
    snprintf(text, sizeof text, "demur calendar v1\ncalendar plain\n%s%s",
             bare ? "" : "zone UTC\n  standard +00:00\nweekend saturday and sunday\n", lines);
    *diag = (struct demur_diag){0};
    return demur_calendar_parse(&calendar, span_str(text), diag);
}

TEST(limits_of_a_calendar)
{
    struct demur_diag diag;
    CHECK_ERR(calendar_of("  include a\n  include b\n  include c\n  include d\n  include e\n", true,
                          &diag),
              DEMUR_ERR_LIMIT);
    CHECK(strstr(diag.text, "at most 4 included calendars"));
    CHECK_ERR(calendar_of("  colour blue\n", true, &diag), DEMUR_ERR_SYNTAX);
    CHECK(strstr(diag.text, "expected title, source or include"));
    CHECK_ERR(calendar_of("holiday feast july 4\n"
                          "  observed saturday on friday before\n"
                          "  observed sunday on monday after\n"
                          "  observed tuesday on monday before\n"
                          "  observed thursday on friday after\n"
                          "  observed wednesday on friday after\n",
                          false, &diag),
              DEMUR_ERR_LIMIT);
    CHECK(strstr(diag.text, "at most 4 observed clauses"));
}

TEST(limits_of_a_name_card)
{
    static uint8_t card[DEMUR_CARD_LEN];
    struct demur_card out;
    struct demur_diag diag = {0};
    struct buf b = buf_over(card, sizeof card);
    buf_put_str(&b, "demur card v1\nchannel "
                    "00000000000000000000000000000000000000000000000000000000000000aa\n");
    CHECK_ERR(demur_card_parse(&out, span_of(card, sizeof card), &diag), DEMUR_ERR_MISSING);
    CHECK(strstr(diag.text, "the name card has no \"dissent\""));
}

TEST(limits_of_an_identity)
{
    static uint8_t text[DEMUR_IDENTITY_TEXT_MAX + 1];
    struct demur_identity identity = {.has_chain = true, .epoch = 9999 * 12}, read = {0};
    struct demur_diag diag = {0};
    uint8_t secret[32], public_key[32];
    CHECK_ERR(demur_identity_ring_key(&identity, 9999 * 12 + 11, secret, public_key, &diag),
              DEMUR_OK);
    CHECK_ERR(demur_identity_ring_key(&identity, 9999 * 12 + 12, secret, public_key, &diag),
              DEMUR_ERR_LIMIT);
    memset(text, '#', sizeof text);
    CHECK_ERR(demur_recovery_parse(&read, span_of(text, sizeof text), &diag), DEMUR_ERR_LIMIT);
}

TEST(limits_of_an_invitation)
{
    static uint8_t text[2 * DEMUR_INVITATION_MAX];
    struct demur_invitation invitation = {.url = "http://127.0.0.1:1"}, read;
    struct demur_diag diag = {0};
    struct buf b = buf_over(text, sizeof text);
    /* Whole to its check bytes, but it invites nobody. */
    demur_invitation_put(&b, &invitation);
    CHECK_ERR(demur_invitation_parse(&read, buf_span(&b), &diag), DEMUR_ERR_SYNTAX);
    CHECK(strstr(diag.text, "not made by this program"));
    while (buf_ok(&b))
        buf_put_byte(&b, 'a');
    CHECK_ERR(demur_invitation_parse(&read, buf_span(&b), &diag), DEMUR_ERR_LIMIT);
}

TEST(limits_of_a_signing_link)
{
    static uint8_t text[DEMUR_LINK_MAX + 2];
    uint8_t bytes[32 + 20 + 4 + 32 + 4] = {1}, check[32];
    struct span url = span_lit("http://127.0.0.1:1");
    struct demur_link link;
    struct demur_diag diag = {0};
    struct buf b = buf_over(text, sizeof text);
    /* Whole to its check bytes, for revision 0. */
    struct span parts[] = {span_of(bytes, sizeof bytes - 4), url};
    demur_hash_spans(check, "demur v1 link", parts, 2);
    memcpy(bytes + sizeof bytes - 4, check, 4);
    buf_put_span(&b, url);
    buf_put_str(&b, "/sign#demur-sign1");
    demur_base32_encode(&b, span_of(bytes, sizeof bytes));
    CHECK_ERR(demur_link_parse(&link, buf_span(&b), &diag), DEMUR_ERR_SYNTAX);
    CHECK(strstr(diag.text, "not made by this program"));
    while (buf_ok(&b))
        buf_put_byte(&b, 'a');
    CHECK_ERR(demur_link_parse(&link, buf_span(&b), &diag), DEMUR_ERR_LIMIT);
}

TEST(limits_of_texts)
{
    static uint8_t text[DEMUR_LETTER_MAX + 1];
    struct demur_diag diag = {0};
    struct demur_letter letter;
    struct demur_lines lines;
    struct span line, record;
    uint64_t at;
    memset(text, 'a', sizeof text);
    CHECK_ERR(demur_letter_parse(&letter, span_of(text, sizeof text), &diag), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_entry_parse(&at, &record, span_of(text, DEMUR_ENTRY_MAX + 1), &diag),
              DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_lines_init(&lines, span_lit("one\n"), 100, &diag), DEMUR_OK);
    CHECK(demur_lines_next(&lines, &line));
    CHECK_ERR(demur_lines_header(&lines, "record", &diag), DEMUR_ERR_MISSING);
}

/* There is no ring of nobody: it is refused wherever one is handed in. */
TEST(limits_of_a_ring)
{
    static const struct demur_ring ring;
    static uint8_t mem[DEMUR_RECORD_MAX];
    static const uint8_t secret[32] = {1}, entropy[128], hash[32];
    struct buf out = buf_over(mem, sizeof mem);
    struct demur_diag diag = {0};
    struct demur_keys case_keys = {0};
    uint8_t tag[32];
    struct span role = span_lit("office");
    CHECK_ERR(demur_ring_sign(&out, &ring, secret, role, role, entropy), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_ring_verify(role, &ring, role, role, tag, &diag), DEMUR_ERR_LIMIT);
    struct demur_filing_facts facts = {.channel = hash,
                                       .case_keys = &case_keys,
                                       .policy = hash,
                                       .epoch = 2026 * 12,
                                       .ring = &ring,
                                       .signers = &ring,
                                       .revision = 1,
                                       .commitment = hash,
                                       .release = hash,
                                       .to = &role,
                                       .to_len = 1};
    CHECK_ERR(demur_compose_file(&out, &facts, secret, entropy, &diag), DEMUR_ERR_LIMIT);
    CHECK(strstr(diag.text, "could not be made"));
}

static bool give_nothing(void *ctx, uint8_t *p, size_t n, size_t *got)
{
    (void)ctx;
    (void)p;
    (void)n;
    *got = 0;
    return true;
}

TEST(limits_of_a_snapshot_cut_short)
{
    struct demur_walk *w = malloc(sizeof *w);
    REQUIRE(w);
    demur_walk_load(w, give_nothing, NULL, 4096);
    struct demur_channel *c = demur_channel_load(w);
    CHECK(!c);
    CHECK_ERR(demur_walk_end(w), DEMUR_ERR_SYNTAX);
    free(w);
}
