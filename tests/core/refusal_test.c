/* What the fold refuses that honest programs never send: records that are well formed,
 * and well signed where that comes first, but wrong in one line. */
#include "../support/town.h"

#include <stdlib.h>

#include "../../core/card.h"
#include "../../core/encode.h"
#include "../../core/hash.h"
#include "../../core/ring.h"

#define T0 1795186800u /* Friday 20 November 2026, 15:00 UTC */
#define DAY 86400u

#define POLICY(ring, circulation)                                                                  \
    "demur policy v1\n"                                                                            \
    "policy refusals\n  title Refusals\n  calendar plain\n"                                        \
    "attribute team\n  values red or blue\n"                                                       \
    "role office\n  title Office\n"                                                                \
    "role keeper\n  title Keeper\n"                                                                \
    "role board\n  title Board\n"                                                                  \
    "eligible everyone\n"                                                                          \
    "roster\n  kept-by keeper\n"                                                                   \
    "ring\n  at-least " ring " members\n  narrow-by team\n"                                        \
    "filing\n  quota 9 each month\n  identity named\n  circulation " circulation "\n"              \
    "attachments\n  at-most 2\n  each 1 MiB\n  together 2 MiB\n"                                   \
    "distribution\n  must office\n"                                                                \
    "stage filed\n  title Filed\n"                                                                 \
    "stage asked\n  title Asked\n"                                                                 \
    "stage replied\n  title Replied\n  final replied\n"                                            \
    "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"                                      \
    "step ask\n  title Ask\n  by office\n  from filed\n  to asked\n"                               \
    "step again\n  title Go on\n  by office\n  from asked\n  to replied\n"                         \
    "step extend\n  title Extend\n  by office\n  from filed\n  until required\n  at-most 2 "       \
    "times\n"                                                                                      \
    "step complain\n  title Complain\n  by office\n  from filed\n  only-after reply\n"             \
    "step hurry\n  title Hurry\n  by office\n  from filed\n  only-before reply\n"                  \
    "step reply\n  title Reply\n  by office\n  from filed\n  to replied\n  document required\n"    \
    "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n  from filed\n"            \
    "  to withdrawn\n"                                                                             \
    "clock reply\n  title Reply\n  starts at filing\n  limit 10 days\n  met-by reply\n"            \
    "  extended-by extend by-up-to 10 days\n  at-limit show\n"

static const char policy[] = POLICY("2", "at-most 60 days");

/* The last call was refused with this code, and for this reason. */
#define REFUSED(call, want, reason)                                                                \
    do {                                                                                           \
        enum demur_err got_ = (call);                                                              \
        if (got_ != (want) || !strstr(w->diag.text, (reason)))                                     \
            test_failed(__FILE__, __LINE__, "%s: %s (%s), want %s (%s)", #call,                    \
                        demur_err_name(got_), w->diag.text, demur_err_name(want), (reason));       \
    } while (0)

/* ---- records spoilt after they were written ---- */

/* Sent with a good signature in place of the one that the edit spoilt. */
static enum demur_err signed_anew(struct town *w, const struct town_key *key)
{
    town_edit(w, "sig", NULL);
    return town_sign_send(w, key);
}

/* Apply what was written to c as if all its proofs had been found good: what a fold must
 * refuse even so. */
static enum demur_err apply_unproven(struct town *w, struct demur_channel *c)
{
    static struct demur_record r;
    struct demur_verdict v = {.verified = true};
    w->diag = (struct demur_diag){0};
    enum demur_err err = demur_record_parse(&r, buf_span(&w->out), &w->diag);
    demur_hash(v.record, r.text);
    test_random(&w->seed, v.tag, 32);
    test_random(&w->seed, v.slot_tag, 32);
    return err ? err : demur_channel_apply(c, w->now, &r, span_of(NULL, 0), &v, &w->diag);
}

static enum demur_err unproven(struct town *w) { return apply_unproven(w, w->c); }

/* Write what `call` sends, unsent. */
#define WRITE(call)                                                                                \
    do {                                                                                           \
        w->hold = true;                                                                            \
        CHECK_ERR(call, DEMUR_OK);                                                                 \
        w->hold = false;                                                                           \
    } while (0)

static struct town *a_town(void)
{
    struct town *w = town_plain(T0 - DAY, 4, policy);
    if (w)
        w->now = T0;
    return w;
}

static const char blob_of_64k[] =
    "00000000000000000000000000000000000000000000000000000000000000aa 65537";
static const char blob_of_2m[] =
    "00000000000000000000000000000000000000000000000000000000000000aa 2097153";
static const char hash[] = "00000000000000000000000000000000000000000000000000000000000000aa";

/* The id of a dissent that was never opened. */
static const char *another(const struct town *w)
{
    static char id[33];
    demur_dissent_id(id, w->next_root.public_key);
    return id;
}

TEST(refusals_of_the_frame)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct demur_diag *diag = &w->diag;
    struct span first = span_of(w->entries[0].bytes, w->entries[0].len);
    REFUSED(demur_channel_entry(w->c, first, span_of(NULL, 0), diag), DEMUR_ERR_REPLAY,
            "only entry 0 founds a channel");
    struct demur_channel *c = demur_channel_new();
    REQUIRE(c);
    struct span second = span_of(w->entries[1].bytes, w->entries[1].len);
    REFUSED(demur_channel_entry(c, second, w->entries[1].text, diag), DEMUR_ERR_MISSING,
            "entry 0 must found the channel");
    demur_channel_free(c);
    /* Founded, but without a policy there are no roles and nobody keeps a roster. */
    c = demur_channel_new();
    REQUIRE(c);
    CHECK_ERR(demur_channel_entry(c, first, span_of(NULL, 0), diag), DEMUR_OK);
    WRITE(town_invite(w, 9, ""));
    REFUSED(apply_unproven(w, c), DEMUR_ERR_STAGE, "no policy yet");
    WRITE(town_grant(w, 3, "board"));
    REFUSED(apply_unproven(w, c), DEMUR_ERR_UNKNOWN, "knows no role board");
    uint8_t room[4096];
    struct buf out = buf_over(room, sizeof room);
    CHECK_ERR(demur_view_policy(c, &out), DEMUR_ERR_UNKNOWN);
    demur_channel_free(c);
    town_free(w);
}

TEST(refusals_of_what_the_root_says)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct span text = span_str(policy);
    struct town_key root = w->root;
    w->root = w->officers[0];
    REFUSED(town_policy(w, text), DEMUR_ERR_FORBIDDEN, "only the channel's root key");
    w->root = root;
    REFUSED(town_calendar(w, "plane",
                          span_lit("demur calendar v1\ncalendar plain\nzone UTC\n"
                                   "  standard +00:00\nweekend sunday\n")),
            DEMUR_ERR_SYNTAX, "calls the calendar plane, its text plain");
    town_begin_by(w, DEMUR_RECORD_ROTATE, &w->root);
    REFUSED(town_sign_send(w, &w->root), DEMUR_ERR_SYNTAX, "a rotation names");
    town_begin_role(w, 2, "board", "holds");
    demur_put_number(&w->out, DEMUR_FIELD_UNTIL, w->now);
    REFUSED(town_sign_send(w, &w->root), DEMUR_ERR_TIME, "cannot end before it begins");
    town_free(w);
}

TEST(refusals_of_the_roster)
{
    struct town *w = a_town();
    REQUIRE(w);
    static char many[65 * 12];
    struct buf b = buf_over(many, sizeof many - 1);
    for (size_t i = 0; i < 65; i++) {
        buf_put_str(&b, i ? " t" : "t");
        buf_put_byte(&b, (uint8_t)('a' + i / 26));
        buf_put_byte(&b, (uint8_t)('a' + i % 26));
        buf_put_str(&b, "=blue");
    }
    many[b.len] = 0;
    REFUSED(town_invite(w, 5, many), DEMUR_ERR_LIMIT, "at most 64 attributes");
    CHECK_ERR(town_invite(w, 5, "team=red"), DEMUR_OK);

    WRITE(town_join(w, 5));
    town_edit(w, "ring-keys", "AAAA");
    REFUSED(unproven(w), DEMUR_ERR_SYNTAX, "1 to 13 keys of 32 bytes");
    REFUSED(signed_anew(w, &w->members[5].key), DEMUR_ERR_VERIFY, "invitation-sig");
    /* A year and a month ahead; and one key for two months. */
    WRITE(town_join(w, 5));
    town_edit(w, "epoch", "2027-01");
    REFUSED(unproven(w), DEMUR_ERR_TIME, "at most a year ahead");
    WRITE(town_join(w, 5));
    static uint8_t keys[600];
    struct town_member *m = &w->members[5];
    memcpy(m->ring_key[1], m->ring_key[0], 32);
    struct buf text = buf_over(keys, sizeof keys - 1);
    demur_base64_encode(&text, span_of(m->ring_key, sizeof m->ring_key));
    town_edit(w, "ring-keys", (const char *)keys);
    REFUSED(unproven(w), DEMUR_ERR_REPLAY, "ring key 2 was used before");
    CHECK_ERR(town_join(w, 5), DEMUR_OK);

    WRITE(town_renew(w, 5, m->first_epoch + 2));
    town_edit(w, "ring-keys", "AAAA");
    REFUSED(signed_anew(w, &m->key), DEMUR_ERR_SYNTAX, "1 to 13 keys of 32 bytes");
    town_begin_by(w, DEMUR_RECORD_REKEY, &m->key);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(m->handle));
    REFUSED(town_sign_send(w, &m->key), DEMUR_ERR_SYNTAX, "a rekey names an invitation; or");
    town_free(w);
}

TEST(refusals_of_an_opening)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k, twin;
    WRITE(town_file(w, 0, 0, "office", &k));
    static uint8_t kept[DEMUR_RECORD_MAX];
    size_t len = w->out.len;
    memcpy(kept, w->record, len);
    static const struct {
        const char *field, *value;
        enum demur_err err;
        const char *reason;
    } spoilt[] = {
        {"card", blob_of_64k, DEMUR_ERR_LIMIT, "a name card has at most"},
        {"memo", blob_of_2m, DEMUR_ERR_LIMIT, "a sealed memo has at most"},
        {"policy", hash, DEMUR_ERR_STALE, "a newer policy is in force"},
        {"roster", "10000", DEMUR_ERR_STALE, "the roster has changed"},
        {"epoch", "2027-03", DEMUR_ERR_STALE, "this was made for the month 2027-03"},
        {"slot", "9", DEMUR_ERR_FORBIDDEN, "9 filings a month"},
        {"revision", "2", DEMUR_ERR_SYNTAX, "opens with revision 1"},
        {"ring", hash, DEMUR_ERR_STALE, "the members' keys have changed"},
        {"to", "board", DEMUR_ERR_MISSING, "sealed to office too"},
        {"to", "nobody", DEMUR_ERR_UNKNOWN, "knows no role nobody"},
    };
    for (size_t i = 0; i < DEMUR_COUNT(spoilt); i++) {
        memcpy(w->record, kept, len);
        w->out.len = len;
        town_edit(w, spoilt[i].field, spoilt[i].value);
        REFUSED(unproven(w), spoilt[i].err, spoilt[i].reason);
    }
    CHECK(demur_channel_dissents(w->c) == 0);
    /* The same case key once more, by another slot. */
    memcpy(w->record, kept, len);
    w->out.len = len;
    CHECK_ERR(unproven(w), DEMUR_OK);
    town_edit(w, "slot", "1");
    REFUSED(unproven(w), DEMUR_ERR_REPLAY, "opened before");

    CHECK_ERR(town_policy(w, span_str(POLICY("5", "none"))), DEMUR_OK);
    REFUSED(town_file(w, 0, 1, "office", &twin), DEMUR_ERR_FORBIDDEN, "wants at least 5");
    REFUSED(town_circulate(w, 0, 1, w->now + DAY, &twin), DEMUR_ERR_FORBIDDEN,
            "does not let a memo circulate");
    town_free(w);
}

/* The checks that come before the fold's: of the proofs themselves. */
TEST(refusals_of_proofs)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k;
    static char long_proof[4 * 3000 + 1];
    memset(long_proof, 'A', sizeof long_proof - 1);
    WRITE(town_file(w, 0, 0, "office", &k));
    town_edit(w, "slot-proof", long_proof);
    REFUSED(signed_anew(w, &k.key), DEMUR_ERR_SYNTAX, "slot-proof is no ring signature");
    WRITE(town_file(w, 0, 0, "office", &k));
    town_edit(w, "dissent", another(w));
    REFUSED(signed_anew(w, &k.key), DEMUR_ERR_VERIFY, "not that of its case key");
    WRITE(town_file(w, 0, 0, "office", &k));
    town_edit(w, "policy", hash);
    REFUSED(signed_anew(w, &k.key), DEMUR_ERR_STALE, "no such policy");
    WRITE(town_file(w, 0, 0, "office", &k));
    town_edit(w, "slot", NULL);
    REFUSED(signed_anew(w, &k.key), DEMUR_ERR_SYNTAX, "either every field that opens a dissent");
    WRITE(town_file(w, 0, 0, "office", &k));
    town_edit(w, "ring", hash);
    REFUSED(signed_anew(w, &k.key), DEMUR_ERR_STALE, "not that of the log's members");
    WRITE(town_file(w, 0, 0, "office", &k));
    town_edit(w, "roster", "10000");
    REFUSED(signed_anew(w, &k.key), DEMUR_ERR_STALE, "the log has");
    /* Before anybody had joined the ring was empty: nobody signs in it. */
    uint8_t digest[32], hex[65] = {0};
    struct buf b = buf_over(hex, 64);
    demur_ring_digest(digest, NULL, 0);
    demur_hex_encode(&b, span_of(digest, 32));
    WRITE(town_file(w, 0, 0, "office", &k));
    town_edit(w, "roster", "1");
    town_edit(w, "ring", (const char *)hex);
    REFUSED(signed_anew(w, &k.key), DEMUR_ERR_VERIFY, "its ring is empty");
    town_free(w);
}

/* A co-signature with these subsets, in their order. */
static enum demur_err cosign_as(struct town *w, const struct town_case *k, const char *subset,
                                size_t times)
{
    town_begin(w, DEMUR_RECORD_COSIGN);
    demur_put_text(&w->out, DEMUR_FIELD_DISSENT, span_str(k->id));
    for (size_t i = 0; i < times; i++) {
        char text[40];
        snprintf(text, sizeof text, "%s%zu", subset, 10 + i);
        demur_put_text(&w->out, DEMUR_FIELD_SUBSET, times > 1 ? span_str(text) : span_str(subset));
    }
    town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, k->revision);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    enum demur_err err = town_put_proof(w, DEMUR_FIELD_PROOF, 1, k, 0);
    return err ? err : town_send(w, span_of(NULL, 0));
}

TEST(refusals_while_a_memo_circulates)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_circulate(w, 0, 0, w->now + 7 * DAY, &k), DEMUR_OK);
    REFUSED(cosign_as(w, &k, "team=t", 17), DEMUR_ERR_LIMIT, "at most 16 subsets");
    REFUSED(cosign_as(w, &k, "team=red", 1), DEMUR_ERR_FORBIDDEN,
            "only 0 members are in this part");
    REFUSED(cosign_as(w, &k, "bureau=eur", 1), DEMUR_ERR_FORBIDDEN, "its signer's bureau");
    WRITE(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN));
    town_edit(w, "dissent", another(w));
    REFUSED(unproven(w), DEMUR_ERR_UNKNOWN, "no such dissent");
    REFUSED(town_send(w, span_of(NULL, 0)), DEMUR_ERR_UNKNOWN, "there is no dissent");
    WRITE(town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN));
    town_edit(w, "card", blob_of_64k);
    REFUSED(unproven(w), DEMUR_ERR_LIMIT, "a name card has at most");

    struct town_case later = k;
    later.revision = 3;
    REFUSED(town_revise(w, 0, &later), DEMUR_ERR_STALE, "the next revision is 2");
    later = k;
    later.commitment[0] ^= 1;
    REFUSED(town_file_circulated(w, &later, "office"), DEMUR_ERR_FORBIDDEN,
            "must be what circulated");

    REFUSED(town_disclose(w, 1, &k), DEMUR_ERR_UNKNOWN, "no such signature");
    WRITE(town_disclose(w, 0, &k));
    town_edit(w, "dissent", another(w));
    REFUSED(signed_anew(w, &w->members[0].key), DEMUR_ERR_UNKNOWN, "no such dissent");
    WRITE(town_disclose(w, 0, &k));
    town_edit(w, "card", blob_of_64k);
    REFUSED(signed_anew(w, &w->members[0].key), DEMUR_ERR_LIMIT, "a name card has at most");
    struct town_key own = w->members[0].key;
    w->members[0].key = w->officers[0];
    REFUSED(town_disclose(w, 0, &k), DEMUR_ERR_FORBIDDEN, "only a member may disclose");
    w->members[0].key = own;
    w->members[0].key.seq += 2;
    CHECK_ERR(town_disclose(w, 0, &k), DEMUR_OK);
    town_free(w);
}

TEST(refusals_in_a_case)
{
    struct town *w = a_town();
    REQUIRE(w);
    struct town_case k;
    CHECK_ERR(town_file(w, 0, 0, "office", &k), DEMUR_OK);
    REFUSED(town_step(w, &k, 0, "nobody", "ask", false, 0), DEMUR_ERR_UNKNOWN,
            "knows no role nobody");
    REFUSED(town_step(w, &k, 0, "office", "complain", false, 0), DEMUR_ERR_TIME,
            "only after the clock reply has run out");
    WRITE(town_step(w, &k, 0, "office", "ask", false, 0));
    town_edit(w, "dissent", another(w));
    REFUSED(signed_anew(w, &w->officers[0]), DEMUR_ERR_UNKNOWN, "there is no dissent");
    WRITE(town_say(w, &k, 0, "office"));
    town_edit(w, "role", NULL);
    REFUSED(signed_anew(w, &w->officers[0]), DEMUR_ERR_SYNTAX, "an officer gives by, seq and role");
    WRITE(town_open(w, &k, 0, "office"));
    town_edit(w, "memo", hash);
    REFUSED(signed_anew(w, &w->officers[0]), DEMUR_ERR_UNKNOWN, "not the dissent's memo");
    w->now += 30 * DAY;
    CHECK_ERR(town_step(w, &k, 0, "office", "complain", false, 0), DEMUR_OK);
    REFUSED(town_step(w, &k, 0, "office", "hurry", false, 0), DEMUR_ERR_TIME,
            "only before the clock reply has run out");
    town_free(w);
}

TEST(refusals_of_a_ring)
{
    struct town *w = a_town();
    REQUIRE(w);
    uint8_t entry[32], keys[3][32];
    size_t n = 0;
    uint32_t epoch = demur_time_epoch((int64_t)w->now);
    uint64_t size = demur_channel_size(w->c);
    REQUIRE(demur_channel_policy(w->c, entry));
    REFUSED(demur_channel_ring(w->c, entry, epoch, size, NULL, 0, keys, 3, &n, &w->diag),
            DEMUR_ERR_SPACE, "the ring has 4 members");
    CHECK(n == 4);
    REFUSED(demur_channel_ring(w->c, entry, epoch, size + 1, NULL, 0, NULL, 0, &n, &w->diag),
            DEMUR_ERR_STALE, "the roster is taken at");
    entry[0] ^= 1;
    REFUSED(demur_channel_ring(w->c, entry, epoch, size, NULL, 0, NULL, 0, &n, &w->diag),
            DEMUR_ERR_UNKNOWN, "no such policy");
    town_free(w);
}
