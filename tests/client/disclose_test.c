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

/* A client behind somebody who meddles. */
static struct demur_client *behind(struct live *l, struct between *b)
{
    struct demur_client *c = NULL;
    if (!between_start(b, l->f->port))
        return NULL;
    struct demur_client_options o = live_options(l, "meddled");
    o.url = b->url;
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_OK, "");
    return c;
}

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
    struct demur_client *c = behind(l, &between);
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
        /* A card that is not there any more may be replaced, but not for ever. */
        between.meddle = "GET /blob/";
        between.answer = not_there;
        between.after = false;
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
    struct demur_client *c = behind(l, &between);
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
