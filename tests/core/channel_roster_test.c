/* Who stands behind what: roles that policies drop, rings and their rosters, keys. */
#include "../../core/hash.h"
#include "../../core/policy.h"
#include "../support/town.h"

#define T0 1795186800u /* a Friday, 20 November 2026, 15:00 UTC */
#define DAY 86400u

#define POLICY(role)                                                                               \
    "demur policy v1\n"                                                                            \
    "policy roster\n  title Roster\n  calendar plain\n"                                            \
    "role office\n  title Office\n"                                                                \
    "role keeper\n  title Keeper\n" role "eligible everyone\n"                                     \
    "roster\n  kept-by keeper\n"                                                                   \
    "ring\n  at-least 2 members\n"                                                                 \
    "filing\n  quota 9 each month\n  identity named\n  circulation at-most 60 days\n"              \
    "distribution\n  must office\n"                                                                \
    "stage filed\n  title Filed\n"                                                                 \
    "stage replied\n  title Replied\n  final replied\n"                                            \
    "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"                                      \
    "step reply\n  title Reply\n  by office\n  from filed\n  to replied\n"                         \
    "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n  from filed\n"            \
    "  to withdrawn\n"                                                                             \
    "clock reply\n  title Reply\n  starts at filing\n  limit 5 days\n  met-by reply\n"
#define PLAIN POLICY("")

TEST(channel_root_ends_a_role_that_the_policy_dropped)
{
    struct town *w = town_plain(T0, 4, POLICY("role board\n  title Board\n"));
    REQUIRE(w);
    CHECK_ERR(town_grant(w, 1, "board"), DEMUR_OK);
    CHECK_ERR(town_policy(w, span_lit(PLAIN)), DEMUR_OK);
    CHECK(demur_channel_holds(w->c, w->officers[1].public_key, span_lit("board"), w->now));
    CHECK_ERR(town_grant(w, 2, "board"), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(town_end_role(w, 2, "board"), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(town_end_role(w, 1, "board"), DEMUR_OK);
    CHECK(!demur_channel_holds(w->c, w->officers[1].public_key, span_lit("board"), w->now));
    CHECK_ERR(town_end_role(w, 1, "board"), DEMUR_ERR_UNKNOWN);
    town_free(w);
}

/* Seconds do not tell who came first: a filing and a grant may fall into one. */
TEST(channel_tells_a_grant_before_a_filing_from_one_after_it)
{
    struct town *w = town_plain(T0, 4, PLAIN);
    REQUIRE(w);
    struct town_case k;
    struct demur_holder before, after;
    struct demur_dissent_info d;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    CHECK_ERR(town_grant(w, 1, "office"), DEMUR_OK);
    REQUIRE(demur_channel_dissent_find(w->c, span_str(k.id), w->now, &d));
    REQUIRE(demur_channel_holder(w->c, span_lit("office"), w->now, 0, &before));
    REQUIRE(demur_channel_holder(w->c, span_lit("office"), w->now, 1, &after));
    CHECK(before.granted_index < d.filed_index && d.filed_index < after.granted_index);
    town_free(w);
}

/* All that were granted, as they came and went, and what the policy was then. */
TEST(channel_lists_every_grant_that_was_accepted)
{
    struct town *w = town_plain(T0, 2, POLICY("role board\n  title Board\n"));
    REQUIRE(w);
    struct demur_role_grant g;
    size_t n = 0;
    while (demur_channel_grant(w->c, n, &g))
        n++;
    const struct demur_policy *first = demur_channel_policy_before(w->c, w->entries_len);
    uint64_t granted = w->entries_len;
    CHECK_ERR(town_grant(w, 1, "board"), DEMUR_OK);
    CHECK_ERR(town_grant(w, 1, "board"), DEMUR_ERR_REPLAY);
    REQUIRE(demur_channel_grant(w->c, n, &g));
    CHECK(g.holder.granted_index == granted && g.ended_at == UINT64_MAX && g.until == 0);
    CHECK(span_eq_str(g.holder.role, "board"));
    CHECK(memcmp(g.holder.key, w->officers[1].public_key, 32) == 0);
    uint64_t amended = w->entries_len;
    CHECK_ERR(town_policy(w, span_lit(PLAIN)), DEMUR_OK);
    CHECK_ERR(town_end_role(w, 1, "board"), DEMUR_OK);
    REQUIRE(demur_channel_grant(w->c, n, &g));
    CHECK(g.holder.granted_index == granted && g.ended_at == w->now);
    CHECK(!demur_channel_grant(w->c, n + 1, &g));
    REQUIRE(first != NULL);
    CHECK(demur_policy_role(first, span_lit("board")) >= 0);
    CHECK(demur_channel_policy_before(w->c, amended) == first);
    const struct demur_policy *then = demur_channel_policy_before(w->c, amended + 1);
    REQUIRE(then != NULL);
    CHECK(then != first && demur_policy_role(then, span_lit("board")) < 0);
    CHECK(demur_channel_policy_before(w->c, 0) == NULL);
    town_free(w);
}

/* Whoever keeps a role's name in a later policy revives nothing that was ended. */
TEST(channel_nobody_but_the_root_ends_a_dropped_role)
{
    struct town *w = town_plain(T0, 2, POLICY("role board\n  title Board\n"));
    REQUIRE(w);
    CHECK_ERR(town_grant(w, 1, "board"), DEMUR_OK);
    CHECK_ERR(town_policy(w, span_lit(PLAIN)), DEMUR_OK);
    town_begin_by(w, DEMUR_RECORD_ROLE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("board"));
    demur_put_text(&w->out, DEMUR_FIELD_CHANGE, span_lit("ends"));
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->officers[1].public_key, 32));
    CHECK_ERR(town_sign_send(w, &w->keeper), DEMUR_ERR_UNKNOWN);
    CHECK(demur_channel_holds(w->c, w->officers[1].public_key, span_lit("board"), w->now));
    town_free(w);
}

/* A policy that does not parse is refused and counted, even where the parser's
 * fault is called as the text that a reader may ask for. */
TEST(channel_entry_asks_for_a_text_only_when_it_lacks_it)
{
    struct town *w = town_plain(T0, 2, PLAIN);
    REQUIRE(w);
    static const char bad[] = PLAIN "rule x\n  title X\n  text\n";
    static uint8_t entry[DEMUR_ENTRY_MAX];
    struct buf b = buf_over(entry, sizeof entry);
    w->hold = true;
    CHECK_ERR(town_policy(w, span_str(bad)), DEMUR_OK);
    demur_entry_write(&b, w->now, buf_span(&w->out));
    uint64_t size = demur_channel_size(w->c);
    struct demur_diag diag = {0};
    CHECK_ERR(demur_channel_entry(w->c, buf_span(&b), span_of(NULL, 0), &diag), DEMUR_ERR_TEXT);
    CHECK(demur_channel_size(w->c) == size);
    CHECK_ERR(demur_channel_entry(w->c, buf_span(&b), span_lit(PLAIN), &diag), DEMUR_ERR_TEXT);
    CHECK(demur_channel_size(w->c) == size);
    CHECK_ERR(demur_channel_entry(w->c, buf_span(&b), span_str(bad), &diag), DEMUR_ERR_MISSING);
    CHECK(demur_channel_size(w->c) == size + 1 && demur_channel_refused(w->c) == 1);
    town_free(w);
}

/* A verdict rests on the ring of the time; before its month begins a ring may change. */
TEST(channel_opening_pins_the_ring_that_its_record_names)
{
    struct town *w = town_plain(T0, 4, PLAIN);
    REQUIRE(w);
    static struct demur_record r;
    static uint8_t bytes[DEMUR_RECORD_MAX];
    struct buf held = buf_over(bytes, sizeof bytes);
    struct town_case k;
    struct demur_verdict verdict, again;
    uint32_t next = demur_time_epoch(T0) + 1;
    uint64_t start = (uint64_t)demur_epoch_start(next);
    w->now = start; /* write for the month to come ... */
    w->hold = true;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    w->hold = false;
    buf_put_span(&held, buf_span(&w->out));
    CHECK_ERR(demur_record_parse(&r, buf_span(&held), &w->diag), DEMUR_OK);
    CHECK_ERR(demur_channel_verify(w->c, &r, &verdict, &w->diag), DEMUR_OK);
    w->now = start - 1; /* ... and change its ring in the last second of this one */
    CHECK_ERR(town_renew(w, 2, next), DEMUR_OK);
    w->now = start;
    CHECK_ERR(demur_channel_verify(w->c, &r, &again, &w->diag), DEMUR_ERR_STALE);
    CHECK_ERR(demur_channel_apply(w->c, w->now, &r, span_of(NULL, 0), &verdict, &w->diag),
              DEMUR_ERR_STALE);
    CHECK(demur_channel_dissents(w->c) == 0);
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    town_free(w);
}

/* An author may not choose whom the signature hides among. */
TEST(channel_opening_leaves_nobody_out_who_joined_an_hour_before)
{
    struct town *w = town_plain(T0, 4, PLAIN);
    REQUIRE(w);
    struct town_case k;
    struct demur_member_info m;
    REQUIRE(demur_channel_member(w->c, 1, &m));
    uint64_t of_two = m.joined_index + 1, of_four = demur_channel_size(w->c);
    w->now = T0 + 3599; /* taken the hour before: no author need hurry */
    w->roster = of_two;
    CHECK_ERR(town_circulate(w, 0, 0, T0 + 30 * DAY, &k), DEMUR_OK);
    w->now = T0 + 3600;
    CHECK_ERR(town_circulate(w, 0, 1, T0 + 30 * DAY, &k), DEMUR_ERR_STALE);
    CHECK(strcmp(w->diag.field, "roster") == 0);
    CHECK_ERR(town_file(w, 0, 1, "office", &k), DEMUR_ERR_STALE);
    w->roster = of_four;
    CHECK_ERR(town_file(w, 0, 1, "office", &k), DEMUR_OK);

    /* Who is not in the month's ring anyway, or has left, is not left out. */
    CHECK_ERR(town_invite(w, 4, ""), DEMUR_OK);
    w->now = T0 + 2 * DAY;
    CHECK_ERR(town_file(w, 0, 2, "office", &k), DEMUR_OK);
    CHECK_ERR(town_join(w, 4), DEMUR_OK);
    w->now += 3600;
    CHECK_ERR(town_file(w, 0, 3, "office", &k), DEMUR_ERR_STALE);
    w->roster = 0;
    CHECK_ERR(town_file(w, 0, 3, "office", &k), DEMUR_OK);
    town_free(w);
}

TEST(channel_opening_leaves_nobody_out_whose_key_is_an_hour_old)
{
    struct town *w = town_plain(T0, 4, PLAIN);
    REQUIRE(w);
    struct town_case k;
    uint32_t next = demur_time_epoch(T0) + 1;
    uint64_t start = (uint64_t)demur_epoch_start(next);
    w->roster = demur_channel_size(w->c);
    w->now = start - 60;
    CHECK_ERR(town_renew(w, 2, next), DEMUR_OK);
    w->now = start;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK); /* a ring of three */
    w->now = start - 60 + 3600;
    CHECK_ERR(town_file(w, 0, 1, "office", &k), DEMUR_ERR_STALE);
    w->roster = 0;
    CHECK_ERR(town_file(w, 0, 1, "office", &k), DEMUR_OK);
    town_free(w);
}

TEST(channel_keys_belong_to_one_member)
{
    struct town *w = town_plain(T0, 3, PLAIN);
    REQUIRE(w);
    struct demur_member_info m;
    struct town_key old = w->members[1].key, next;
    CHECK(demur_channel_ring_key_owner(w->c, w->members[1].ring_key[12], &m));
    CHECK(span_eq_str(m.handle, "m1"));
    CHECK(!demur_channel_ring_key_owner(w->c, w->members[1].ring_secret[0], &m));
    CHECK(demur_channel_key_owner(w->c, old.public_key, &m) && span_eq_str(m.handle, "m1"));
    CHECK(!demur_channel_key_owner(w->c, w->keeper.public_key, &m));

    /* A ring key that was replaced, and an identity key that was, stay theirs. */
    uint8_t replaced[32];
    memcpy(replaced, w->members[1].ring_key[5], 32);
    CHECK_ERR(town_renew(w, 1, w->members[1].first_epoch + 5), DEMUR_OK);
    CHECK(demur_channel_ring_key_owner(w->c, replaced, &m) && span_eq_str(m.handle, "m1"));
    town_key_make(w, &next);
    CHECK_ERR(town_rekey(w, 1, &next), DEMUR_OK);
    CHECK(demur_channel_key_owner(w->c, old.public_key, &m) && span_eq_str(m.handle, "m1"));
    CHECK(memcmp(m.key, next.public_key, 32) == 0);
    CHECK(demur_channel_key_owner(w->c, next.public_key, &m) && span_eq_str(m.handle, "m1"));

    /* Nobody else takes one of them; the member may go back to an earlier one. */
    CHECK_ERR(town_rekey(w, 2, &next), DEMUR_ERR_REPLAY);
    old.seq = w->members[2].key.seq + 10;
    CHECK_ERR(town_rekey(w, 2, &old), DEMUR_ERR_REPLAY);
    CHECK_ERR(town_invite(w, 3, ""), DEMUR_OK);
    struct town_key own = w->members[3].key;
    w->members[3].key = old;
    CHECK_ERR(town_join(w, 3), DEMUR_ERR_REPLAY);
    w->members[3].key = own;
    CHECK_ERR(town_join(w, 3), DEMUR_OK);
    CHECK_ERR(town_rekey(w, 1, &old), DEMUR_OK);
    town_free(w);
}
