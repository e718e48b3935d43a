/* What `signatures` shows of small numbers: nothing, by difference neither. */
#include "../../cli/cells.h"
#include "../test.h"

#include <string.h>

#define KINDS 4
#define MOST 9    /* signatures of a kind */
#define ALL 10000 /* (MOST + 1) to the power of KINDS */
#define SUMS (KINDS * MOST + 1)

static const char *const kinds[KINDS] = {"", "grade=a", "grade=b", "bureau=c"};

/* What a reader sees: the number of each kind that is shown, else 0; and what is left. */
struct shown {
    uint8_t n[KINDS], rest;
};

static void split(size_t number, uint8_t out[static KINDS])
{
    for (size_t i = 0; i < KINDS; i++, number /= MOST + 1)
        out[i] = (uint8_t)(number % (MOST + 1));
}

static struct shown show(const uint8_t real[static KINDS])
{
    struct cli_cell cells[KINDS];
    struct shown out = {0};
    size_t n = 0, kind[KINDS];
    for (size_t i = 0; i < KINDS; i++)
        if (real[i]) {
            kind[n] = i;
            cells[n++] = (struct cli_cell){.as = kinds[i], .ring = 100, .n = real[i]};
        }
    out.rest = (uint8_t)cli_cells_hide(cells, n);
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += cells[i].hidden ? cells[i].n : 0;
        out.n[kind[i]] = cells[i].hidden ? 0 : (uint8_t)cells[i].n;
    }
    CHECK(sum == out.rest);
    return out;
}

static bool same(const struct shown *a, const struct shown *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* A kind's numbers with which the same is shown: bit i for the number i. */
static void could_be(const struct shown *all, const struct shown *seen, uint16_t out[static KINDS])
{
    uint8_t real[KINDS];
    memset(out, 0, KINDS * sizeof *out);
    for (size_t i = 0; i < ALL; i++)
        if (same(&all[i], seen)) {
            split(i, real);
            for (size_t k = 0; k < KINDS; k++)
                out[k] |= (uint16_t)(1 << real[k]);
        }
}

/* Somebody who knows the rule, and which kinds there may be, and all that is shown, cannot
 * tell of any kind that it has few signatures: it may have none as well. */
TEST(cells_small_numbers_follow_from_nothing)
{
    static struct shown all[ALL];
    static bool done[ALL];
    uint8_t real[KINDS];
    size_t classes = 0, step = test_quick() ? 97 : 1;
    for (size_t i = 0; i < ALL; i++) {
        split(i, real);
        all[i] = show(real);
    }
    for (size_t i = 0; i < ALL; i += step) {
        uint16_t may[KINDS];
        if (done[i])
            continue;
        classes++;
        for (size_t k = i; k < ALL; k++)
            done[k] |= same(&all[i], &all[k]);
        could_be(all, &all[i], may);
        for (size_t k = 0; k < KINDS; k++) {
            bool any_member = k == 0 && all[i].n[0] && !all[i].rest;
            bool few = !(may[k] & ~0x1eu); /* 1 to 4, and nothing else */
            if (few && !any_member)
                test_failed(__FILE__, __LINE__, "shown %d %d %d %d and %d more: %s has few",
                            all[i].n[0], all[i].n[1], all[i].n[2], all[i].n[3], all[i].rest,
                            kinds[k]);
        }
    }
    CHECK(classes > 100);
}

TEST(cells_are_shown_where_nobody_is_few)
{
    struct cli_cell cells[] = {
        {"", 9, 5, false}, {"grade=a", 9, 6, false}, {"grade=b", 9, 7, false}};
    CHECK(cli_cells_hide(cells, 3) == 0);
    CHECK(!cells[0].hidden && !cells[1].hidden && !cells[2].hidden);
    cells[2].n = 4;
    CHECK(cli_cells_hide(cells, 3) == 9);
    CHECK(cells[0].hidden && !cells[1].hidden && cells[2].hidden);
    /* As many of two kinds: both or none. */
    struct cli_cell ties[] = {
        {"", 9, 6, false}, {"grade=a", 9, 1, false}, {"grade=b", 9, 6, false}};
    CHECK(cli_cells_hide(ties, 3) == 13);
    /* One is not hidden from itself: the total says as much. */
    struct cli_cell one = {"", 9, 2, false}, proven = {"grade=a", 9, 2, false};
    CHECK(cli_cells_hide(&one, 1) == 0 && !one.hidden);
    CHECK(cli_cells_hide(&proven, 1) == 2 && proven.hidden);
}
