/* Entries verified ahead of the fold: whatever is found good there the fold takes as good. */
#include <stdlib.h>

#include "../../client/internal.h"
#include "../support/town.h"

#define T0 1795186800u /* Friday 20 November 2026, 15:00 UTC */
#define DAY 86400u
#define LOT 24

static const char policy[] = "demur policy v1\n"
                             "policy ahead\n  title Ahead\n  calendar plain\n"
                             "role office\n  title Office\n"
                             "role keeper\n  title Keeper\n"
                             "eligible everyone\n"
                             "roster\n  kept-by keeper\n"
                             "ring\n  at-least 2 members\n"
                             "filing\n  quota 9 each month\n  identity named\n"
                             "  circulation at-most 60 days\n"
                             "distribution\n  must office\n"
                             "stage filed\n  title Filed\n"
                             "stage closed\n  title Closed\n  final resolved\n"
                             "step close\n  title Close\n  by office\n  from filed\n  to closed\n";

struct lot {
    struct town *w;
    struct checked *list;
    uint8_t (*bytes)[16384];
    size_t n;
};

/* What the town has written; with `spoilt`, the first digit after that is another. */
static void add(struct lot *lot, const char *spoilt)
{
    struct buf b = buf_over(lot->bytes[lot->n], sizeof lot->bytes[0] - 1);
    demur_entry_write(&b, lot->w->now, buf_span(&lot->w->out));
    lot->bytes[lot->n][b.len] = 0;
    char *at = spoilt ? strstr((char *)b.p, spoilt) : NULL;
    if (at) {
        at += strlen(spoilt);
        *at = *at == '1' ? '2' : '1';
    }
    lot->list[lot->n++].entry = buf_span(&b);
}

static void check_lot(struct lot *lot, struct verify_pool *pool, struct rings *rings)
{
    size_t good = 0;
    verify_begin(pool, lot->list, lot->n, NULL);
    verify_wait(pool);
    for (size_t i = 0; i < lot->n; i++)
        CHECK(lot->list[i].parsed && !lot->list[i].proofs);
    verify_begin(pool, lot->list, lot->n, lot->w->c);
    verify_wait(pool);
    verify_rings(pool, rings, lot->list, lot->n, lot->w->c);
    for (size_t i = 0; i < lot->n; i++) {
        struct checked *k = &lot->list[i];
        struct demur_verdict alone = {0};
        CHECK_ERR(k->err, DEMUR_OK);
        bool want = !demur_channel_verify(lot->w->c, &k->record, &alone, NULL);
        if (k->verdict.verified != want)
            test_failed(__FILE__, __LINE__, "entry %zu: %d, alone %d", i, k->verdict.verified,
                        want);
        if (want)
            CHECK(memcmp(&k->verdict, &alone, sizeof alone) == 0);
        CHECK(!k->proofs);
        good += want;
    }
    CHECK(good >= 10 && lot->n - good >= 8);
}

TEST(entries_verified_ahead_are_judged_as_the_fold_judges_them)
{
    struct town *w = town_plain(T0 - DAY, 10, policy);
    struct verify_pool *pool = verify_pool_new();
    struct rings *rings = rings_new();
    struct lot lot = {
        .w = w, .list = calloc(LOT, sizeof *lot.list), .bytes = calloc(LOT, sizeof *lot.bytes)};
    struct town_case k, twin, other, unknown;
    REQUIRE(w && pool && rings && lot.list && lot.bytes);
    w->now = T0;
    CHECK_ERR(town_circulate(w, 0, 0, w->now + 7 * DAY, &k), DEMUR_OK);
    CHECK_ERR(town_circulate(w, 1, 0, w->now + 7 * DAY, &twin), DEMUR_OK);
    w->hold = true;
    for (size_t i = 1; i < 10; i++) {
        CHECK_ERR(town_cosign(w, i, i % 2 ? &k : &twin, DEMUR_RECORD_COSIGN), DEMUR_OK);
        add(&lot, i % 3 ? NULL : "\ncard ");
    }
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_UNSIGN), DEMUR_OK);
    add(&lot, "\nproof ");
    k.revision = 2;
    CHECK_ERR(town_revise(w, 0, &k), DEMUR_OK);
    add(&lot, NULL);
    add(&lot, "\nmemo ");
    CHECK_ERR(town_file(w, 2, 0, "office", &other), DEMUR_OK);
    add(&lot, NULL);
    add(&lot, "\nslot-proof ");
    unknown = other;
    CHECK_ERR(town_cosign(w, 1, &unknown, DEMUR_RECORD_COSIGN), DEMUR_OK);
    add(&lot, NULL); /* its dissent is not there yet */
    CHECK_ERR(town_invite(w, 20, ""), DEMUR_OK);
    add(&lot, NULL);
    add(&lot, "\ninvitation ");
    CHECK_ERR(town_renew(w, 1, w->members[1].first_epoch + 3), DEMUR_OK);
    add(&lot, NULL);
    add(&lot, "\nring-keys ");
    check_lot(&lot, pool, rings);
    /* Once more, with the ring that is loaded. */
    for (size_t i = 0; i < lot.n; i++)
        lot.list[i] = (struct checked){.entry = lot.list[i].entry};
    check_lot(&lot, pool, rings);
    verify_pool_free(pool);
    rings_free(rings);
    free(lot.list);
    free(lot.bytes);
    town_free(w);
}
