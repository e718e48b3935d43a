/* A signature that its maker owns to later: once, whatever becomes of the answer; and no
 * card hides another. */
#include "../../client/filing.h"
#include "between.h"
#include "live.h"

#include <sodium.h>

static const char lost[] = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n"
                           "Connection: close\r\n\r\n<p>Bad gateway</p>";
static const char not_there[] =
    "HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\n"
    "Connection: close\r\n\r\n{\"type\":\"about:blank#unknown\",\"detail\":\"no such blob\"}";

static const char expunged[] = "HTTP/1.1 410 Gone\r\nConnection: close\r\n\r\n"
                               "{\"type\":\"about:blank#expunged\",\"detail\":\"destroyed\"}";
static const char other[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsomething else";
static const char no_memory_there[] = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n"
                                      "{\"type\":\"x#memory\",\"detail\":\"out of memory\"}";
static const char *const no_card[] = {lost, other, no_memory_there};

static size_t disclosures(struct live *l, const struct live_round *r)
{
    struct demur_event e;
    size_t n = 0;
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
    for (size_t i = 0; demur_channel_event(l->c->channel, span_str(r->id), i, &e); i++)
        n += e.type == DEMUR_RECORD_DISCLOSE;
    return n;
}

/* How many signatures have a card in that state for this reader. */
static size_t cards(struct live *l, struct demur_client *c, const struct demur_actor *reader,
                    const struct live_round *r, enum demur_card_state state)
{
    struct demur_signature *list = NULL;
    size_t n = 0, found = 0;
    CHECK_SAYS(demur_signatures(c, reader, r->id, false, &list, &n, &l->diag), DEMUR_OK, "");
    for (size_t i = 0; i < n; i++)
        found += list[i].card == state;
    free(list);
    return found;
}

static void a_lost_answer_discloses_once(struct live *l)
{
    struct between between = {0};
    struct live_round r;
    struct demur_sent sent = {0};
    struct demur_identity id;
    struct demur_actor officer, *member = &l->member[4];
    struct demur_client *c = live_behind(l, &between);
    if (c && live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r)) {
        CHECK_SAYS(live_sign(l, member, &r), DEMUR_OK, "");
        between.meddle = "POST /append";
        between.answer = lost;
        between.after = true;
        CHECK_SAYS(demur_act_disclose(c, member, r.id, &r.link, &sent, &l->diag), DEMUR_ERR_IO, "");
        CHECK(disclosures(l, &r) == 1);
        /* Again, and from another copy, and when it is filed. */
        CHECK_SAYS(demur_act_disclose(c, member, r.id, &r.link, &sent, &l->diag), DEMUR_OK, "");
        CHECK(sent.earlier && sent.receipt[0]);
        between.meddle = NULL;
        CHECK_SAYS(demur_act_disclose(l->c, member, r.id, &r.link, &sent, &l->diag), DEMUR_OK, "");
        CHECK_SAYS(demur_act_file(l->c, &r.author, NULL, &l->diag), DEMUR_OK, "");
        CHECK_SAYS(demur_act_disclose(l->c, member, r.id, NULL, &sent, &l->diag), DEMUR_OK, "");
        CHECK(sent.earlier && disclosures(l, &r) == 1);
        /* Who comes into office later has no card yet. */
        CHECK_SAYS(live_officer(l, &id, &officer, "people-office"), DEMUR_OK, "");
        CHECK(cards(l, l->c, &officer, &r, DEMUR_CARD_NAMED) == 0);
        CHECK_SAYS(demur_act_disclose(l->c, member, r.id, NULL, &sent, &l->diag), DEMUR_OK, "");
        CHECK(!sent.earlier && disclosures(l, &r) == 2);
        CHECK(cards(l, l->c, &officer, &r, DEMUR_CARD_NAMED) == 1);
        CHECK_SAYS(demur_act_disclose(l->c, member, r.id, NULL, &sent, &l->diag), DEMUR_OK, "");
        CHECK(sent.earlier && disclosures(l, &r) == 2);
        /* One that cannot be looked for is not replaced: there are only four. */
        between.meddle = "GET /blob/";
        between.after = false;
        for (size_t i = 0; i < DEMUR_COUNT(no_card); i++) {
            between.answer = no_card[i];
            CHECK(demur_act_disclose(c, member, r.id, NULL, &sent, &l->diag) != DEMUR_OK);
            CHECK(strstr(l->diag.text, "could not be looked for") && disclosures(l, &r) == 2);
        }
        /* A card that is not there any more may be replaced, but not for ever. */
        between.answer = not_there;
        for (size_t n = 3; n <= 4; n++) {
            CHECK_SAYS(demur_act_disclose(c, member, r.id, NULL, &sent, &l->diag), DEMUR_OK, "");
            CHECK(!sent.earlier && disclosures(l, &r) == n);
        }
        CHECK_SAYS(demur_act_disclose(c, member, r.id, NULL, &sent, &l->diag), DEMUR_ERR_LIMIT,
                   "give whoever has no card a proof of authorship");
    }
    demur_client_close(c);
    between_stop(&between);
}

TEST(disclose_a_lost_answer_discloses_once) { live_run(a_lost_answer_discloses_once); }

static void a_lost_answer_renews_once(struct live *l)
{
    struct between between = {0};
    struct demur_sent sent = {0};
    struct demur_actor *member = &l->member[3];
    struct demur_client *c = live_behind(l, &between);
    if (c) {
        CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
        uint64_t size = demur_channel_size(l->c->channel);
        between.meddle = "POST /append";
        between.answer = lost;
        between.after = true;
        CHECK_SAYS(demur_act_renew(c, member, &sent, &l->diag), DEMUR_ERR_IO, "");
        CHECK_SAYS(demur_act_renew(c, member, &sent, &l->diag), DEMUR_OK, "");
        CHECK(sent.earlier && sent.index == size && sent.receipt[0]);
        CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
        CHECK(demur_channel_size(l->c->channel) == size + 1);
        CHECK(demur_ring_months(l->c, &l->member_id[3]) == DEMUR_MEMBER_EPOCHS);
    }
    demur_client_close(c);
    between_stop(&between);
}

TEST(disclose_a_lost_answer_renews_once) { live_run(a_lost_answer_renews_once); }

/* ---- what there is in the place of cards ---- */

/* Member i, whoever has made the signature, calls this its card. */
static enum demur_err disclose_as(struct live *l, size_t i, const struct live_round *r,
                                  const uint8_t tag[static 32], const struct demur_blob_ref *card)
{
    struct buf record = heap_buf(DEMUR_RECORD_MAX);
    struct demur_actor *by = &l->member[i];
    demur_record_begin(&record, DEMUR_RECORD_DISCLOSE, l->f->w->fingerprint);
    act_put_by(&record, l->c, by);
    demur_put_text(&record, DEMUR_FIELD_DISSENT, span_str(r->id));
    demur_put_number(&record, DEMUR_FIELD_REVISION, 1);
    demur_put_bytes(&record, DEMUR_FIELD_TAG, span_of(tag, 32));
    demur_put_blob(&record, DEMUR_FIELD_CARD, card);
    demur_put_signature(&record, DEMUR_FIELD_SIG, by->keys.secret_key);
    enum demur_err err = demur_act_append(l->c, buf_span(&record), NULL, &l->diag);
    heap_buf_free(&record);
    return err ? err : demur_client_sync(l->c, &l->diag);
}

/* What the second member circulates and the third signs by this tag. */
static bool one_signs(struct live *l, struct live_round *r, uint8_t tag[static 32])
{
    struct demur_signature *list = NULL;
    size_t n = 0;
    if (!live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, r))
        return false;
    CHECK_SAYS(live_sign(l, &l->member[2], r), DEMUR_OK, "");
    CHECK_SAYS(demur_signatures(l->c, NULL, r->id, false, &list, &n, &l->diag), DEMUR_OK, "");
    CHECK(n == 2);
    if (n == 2)
        memcpy(tag, list[1].tag, 32);
    free(list);
    return n == 2;
}

static void a_strangers_disclosure_hides_nothing(struct live *l)
{
    struct between between = {0};
    struct live_round r;
    struct demur_blob_ref junk;
    char path[80] = "GET /blob/";
    uint8_t tag[32];
    REQUIRE(one_signs(l, &r, tag));
    struct demur_client *c = live_behind(l, &between);
    CHECK_SAYS(blob_put(l->c, span_lit("this is no card"), &junk, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(disclose_as(l, 3, &r, tag, &junk), DEMUR_OK, "");
    CHECK(cards(l, l->c, &l->office, &r, DEMUR_CARD_CLOSED) == 2);
    sodium_bin2hex(path + 10, sizeof path - 10, junk.hash, 32);
    between.meddle = path;
    between.answer = not_there;
    CHECK(c && cards(l, c, &l->office, &r, DEMUR_CARD_CLOSED) == 2);
    CHECK_SAYS(demur_act_disclose(l->c, &l->member[2], r.id, &r.link, NULL, &l->diag), DEMUR_OK,
               "");
    CHECK_SAYS(disclose_as(l, 4, &r, tag, &junk), DEMUR_OK, "");
    CHECK(cards(l, l->c, &l->office, &r, DEMUR_CARD_NAMED) == 1);
    demur_client_close(c);
    between_stop(&between);
}

TEST(disclose_a_strangers_hides_nothing) { live_run(a_strangers_disclosure_hides_nothing); }

/* The proof of authorship that a member has shown to somebody, sealed to the office. */
static enum demur_err seal_claim(struct live *l, size_t i, const struct live_round *r,
                                 struct demur_blob_ref *out)
{
    uint8_t plain[DEMUR_CARD_LEN] = {0};
    struct buf claim = buf_over(plain, sizeof plain);
    struct span role = span_lit("people-office");
    struct demur_dissent_info info;
    struct demur_age_recipient of_case, *to = NULL;
    struct sealed sealed = {0};
    size_t n = 0;
    enum demur_err err = demur_claim_write(l->c, &l->member[i], r->id, &claim, &l->diag);
    if (!err)
        err = case_find(l->c, r->id, &info, &l->diag);
    if (!err)
        err = demur_age_recipient_parse(&of_case, span_str(info.case_recipient), &l->diag);
    if (!err)
        err = card_recipients(l->c, &of_case, &role, 1, &to, &n, &l->diag);
    if (!err)
        err = card_seal(plain, to, n, &sealed, &l->diag);
    if (!err)
        err = sealed_put(l->c, &sealed, &l->diag);
    *out = sealed.name;
    demur_bytes_free(&sealed.bytes);
    free(to);
    return err;
}

/* Only its maker discloses a signature, whoever else was shown a proof of it. */
static void a_card_is_disclosed_by_whom_it_names(struct live *l)
{
    struct live_round r;
    struct demur_blob_ref card;
    uint8_t tag[32];
    REQUIRE(one_signs(l, &r, tag));
    CHECK_SAYS(seal_claim(l, 2, &r, &card), DEMUR_OK, "");
    CHECK_SAYS(disclose_as(l, 4, &r, tag, &card), DEMUR_OK, "");
    CHECK(cards(l, l->c, &l->office, &r, DEMUR_CARD_NAMED) == 0);
    CHECK_SAYS(disclose_as(l, 2, &r, tag, &card), DEMUR_OK, "");
    CHECK(cards(l, l->c, &l->office, &r, DEMUR_CARD_NAMED) == 1);
}

TEST(disclose_a_card_is_disclosed_by_whom_it_names)
{
    live_run(a_card_is_disclosed_by_whom_it_names);
}

/* One card that the server withholds, or sends something else for, or never sends. */
static void a_withheld_card_hides_no_other(struct live *l)
{
    struct between between = {0};
    struct live_round r;
    struct demur_blob_ref card;
    struct demur_signature_made made;
    char path[80] = "GET /blob/";
    struct demur_client *c = live_behind(l, &between);
    if (c && live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &r)) {
        const struct demur_signing g = {.dissent = r.id, .link = &r.link, .named = true};
        for (size_t i = 2; i < 6; i++) {
            CHECK_SAYS(demur_signature_make(l->c, &l->member[i], &g, &made, &l->diag), DEMUR_OK,
                       "");
            CHECK_SAYS(demur_signature_send(l->c, r.id, NULL, &l->diag), DEMUR_OK, "");
        }
        CHECK_SAYS(demur_act_file(l->c, &r.author, NULL, &l->diag), DEMUR_OK, "");
        CHECK(cards(l, c, &l->office, &r, DEMUR_CARD_NAMED) == 4);
        struct demur_event e;
        for (size_t i = 0; demur_channel_event(l->c->channel, span_str(r.id), i, &e); i++)
            if (e.type == DEMUR_RECORD_COSIGN)
                card = e.blob;
        sodium_bin2hex(path + 10, sizeof path - 10, card.hash, 32);
        static const struct {
            const char *answer;
            enum demur_card_state want;
        } answers[] = {{not_there, DEMUR_CARD_ABSENT},
                       {expunged, DEMUR_CARD_ABSENT},
                       {lost, DEMUR_CARD_UNREACHED},
                       {no_memory_there, DEMUR_CARD_UNREACHED},
                       {other, DEMUR_CARD_OTHER}};
        between.meddle = path;
        for (size_t i = 0; i < DEMUR_COUNT(answers); i++) {
            between.answer = answers[i].answer;
            CHECK(cards(l, c, &l->office, &r, DEMUR_CARD_NAMED) == 3);
            CHECK(cards(l, c, &l->office, &r, answers[i].want) == 1);
        }
        /* A server that answers for none is not asked a thousand times. */
        between.meddle = "GET /blob/";
        between.answer = lost;
        CHECK(cards(l, c, &l->office, &r, DEMUR_CARD_UNREACHED) == 5);
    }
    demur_client_close(c);
    between_stop(&between);
}

TEST(disclose_a_withheld_card_hides_no_other) { live_run(a_withheld_card_hides_no_other); }
