/* A device that is lost, or that others may have read: what its member does, and that nobody
 * gets a second vote by it. */
#include "live.h"

#include <sodium.h>

#define DAY 86400u

/* What a recovery kit brings back: no ring keys. The old device may be in other hands. */
static void a_restored_member(struct live *l)
{
    char text[1024];
    struct buf kit = buf_over(text, sizeof text);
    struct live_round now, later;
    struct demur_identity again;
    struct demur_actor device;
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &now));
    demur_recovery_put(&kit, &l->member_id[2]);
    REQUIRE(demur_recovery_parse(&again, buf_span(&kit), &l->diag) == DEMUR_OK);
    demur_actor_from_identity(&device, &again);
    CHECK_SAYS(live_sign(l, &device, &now), DEMUR_ERR_UNKNOWN,
               "renew, and sign from next month on");
    CHECK_SAYS(demur_act_renew(l->c, &device, NULL, &l->diag), DEMUR_ERR_UNKNOWN, "no ring keys");
    CHECK(demur_identity_begin_chain(&again, l->c) && !demur_identity_begin_chain(&again, l->c));
    CHECK_SAYS(demur_act_renew(l->c, &device, NULL, &l->diag), DEMUR_OK, "");
    CHECK(demur_client_sync(l->c, &l->diag) == DEMUR_OK && demur_ring_next(l->c, &again));
    CHECK(demur_ring_months(l->c, &again) == -1); /* this month's was given */
    CHECK_SAYS(live_sign(l, &device, &now), DEMUR_ERR_UNKNOWN, "no ring key of that month");
    CHECK_SAYS(live_sign(l, &l->member[2], &now), DEMUR_OK, "");
    CHECK(live_signatures(l, &now) == 2);
    live_wait(l, 12 * DAY); /* into the next month */
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &later));
    CHECK_SAYS(live_sign(l, &l->member[2], &later), DEMUR_ERR_FORBIDDEN, "not among the members");
    CHECK_SAYS(live_sign(l, &device, &later), DEMUR_OK, "");
    CHECK_SAYS(live_sign(l, &device, &later), DEMUR_ERR_REPLAY, "you have signed");
    CHECK(live_signatures(l, &later) == 2);
}

TEST(device_a_restored_member) { live_run(a_restored_member); }

/* A device that was read: the thief has its identity file, opened. */
static void a_member_with_another_key(struct live *l)
{
    struct live_round now, later;
    struct demur_identity next;
    struct demur_actor device, *thief = &l->member[2];
    struct demur_sent sent = {0};
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &now));
    demur_identity_replace(&next, &l->member_id[2], l->c);
    CHECK(sodium_memcmp(next.seed, l->member_id[2].seed, 32) != 0);
    demur_actor_from_identity(&device, &next);
    CHECK_SAYS(demur_act_renew(l->c, &device, NULL, &l->diag), DEMUR_ERR_FORBIDDEN,
               "not the present key");
    CHECK_SAYS(demur_act_rekey(l->c, thief, &next, &sent, &l->diag), DEMUR_OK, "");
    CHECK(sent.receipt[0]);
    sent.receipt[0] = 0;
    /* The answer was lost: nothing is sent again. */
    CHECK_SAYS(demur_act_rekey(l->c, thief, &next, &sent, &l->diag), DEMUR_OK, "");
    CHECK(!sent.receipt[0]);
    CHECK_SAYS(demur_act_renew(l->c, &device, NULL, &l->diag), DEMUR_OK, "");
    CHECK(demur_client_sync(l->c, &l->diag) == DEMUR_OK);
    CHECK(demur_ring_months(l->c, &next) == 13 && demur_ring_months(l->c, &l->member_id[2]) == 0);
    /* The thief cannot take it back, nor give the coming months other keys. */
    struct demur_identity back;
    demur_identity_replace(&back, &l->member_id[2], l->c);
    CHECK_SAYS(demur_act_rekey(l->c, thief, &back, NULL, &l->diag), DEMUR_ERR_FORBIDDEN,
               "not the present key");
    CHECK_SAYS(demur_act_renew(l->c, thief, NULL, &l->diag), DEMUR_ERR_FORBIDDEN,
               "not the present key");
    /* This month there is one vote for both of them. */
    CHECK_SAYS(live_sign(l, &device, &now), DEMUR_OK, "");
    CHECK_SAYS(live_sign(l, thief, &now), DEMUR_ERR_REPLAY, "you have signed");
    CHECK(live_signatures(l, &now) == 2);
    live_wait(l, 12 * DAY);
    REQUIRE(live_circulate(l, 1, DEMUR_AUDIENCE_INVITED, &later));
    CHECK_SAYS(live_sign(l, thief, &later), DEMUR_ERR_FORBIDDEN, "not among the members");
    CHECK_SAYS(live_sign(l, &device, &later), DEMUR_OK, "");
    CHECK(live_signatures(l, &later) == 2);
}

TEST(device_a_member_with_another_key) { live_run(a_member_with_another_key); }
