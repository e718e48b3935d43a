/* What is destroyed when a dissent's time of retention is over, between an honest client
 * and a real server. */
#include "live.h"

#include <stdlib.h>

#define YEAR (366ull * 86400)

/* The policy in force, but that the board expunges. */
static bool board_expunges(struct live *l)
{
    static const char was[] = "expunged-by people-office", is[] = "expunged-by board";
    static char out[16384];
    struct span text = test_data("company.policy");
    if (!text.p || text.len >= sizeof out)
        return false;
    memcpy(out, text.p, text.len);
    out[text.len] = 0;
    char *at = strstr(out, was);
    if (!at)
        return false;
    memcpy(at, is, sizeof is - 1);
    memmove(at + sizeof is - 1, at + sizeof was - 1, strlen(at + sizeof was - 1) + 1);
    return demur_act_policy(l->c, &l->root, span_str(out), NULL, &l->diag) == DEMUR_OK;
}

static bool is_there(struct live *l, const struct demur_blob_ref *blob)
{
    struct demur_bytes bytes = {0};
    enum demur_err err = demur_client_blob(l->c, blob, &bytes, &l->diag);
    demur_bytes_free(&bytes);
    return err == DEMUR_OK;
}

static void by_the_policy_of_the_dissent(struct live *l)
{
    struct demur_actor author;
    struct demur_dissent_info info;
    size_t blobs = 99;
    REQUIRE(live_file(l, 1, false, &author));
    const char *id = author.dissent;
    CHECK_SAYS(demur_act_withdraw(l->c, &author, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_act_expunge(l->c, &l->office, id, NULL, &blobs, NULL, &l->diag),
               DEMUR_ERR_TIME, "time of retention");
    REQUIRE(blobs == 0 && board_expunges(l));
    REQUIRE(demur_channel_dissent_find(demur_client_channel(l->c), span_str(id),
                                       demur_client_view_time(l->c), &info));
    CHECK(is_there(l, &info.memo));
    live_wait(l, 3 * YEAR);
    CHECK_SAYS(demur_act_expunge(l->c, &l->board, id, NULL, &blobs, NULL, &l->diag),
               DEMUR_ERR_FORBIDDEN, "no role that the policy lets expunge");
    CHECK_SAYS(demur_act_expunge(l->c, &l->office, id, NULL, &blobs, NULL, &l->diag), DEMUR_OK, "");
    CHECK(blobs == 2 && !is_there(l, &info.memo)); /* with its card */
}

TEST(expunge_by_the_policy_of_the_dissent) { live_run(by_the_policy_of_the_dissent); }
