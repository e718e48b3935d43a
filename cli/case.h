/* case.h - what the commands about one dissent share: who acts in it, which
 * dissent is meant, its clocks and history as people read them.
 */
#ifndef DEMUR_CLI_CASE_H
#define DEMUR_CLI_CASE_H

#include <stdio.h>

#include "cli.h"

/* Who acts: the identity of the home or, with --mine, the holder of the phrase. */
struct cli_hand {
    struct demur_actor actor;
    bool mine;
    uint64_t seq; /* the identity's when it was loaded: it is saved when it moved */
};

/* Load who acts and bring the copy up to date. */
enum demur_err cli_case_begin(struct cli *cli, struct cli_hand *hand, bool mine) DEMUR_CHECKED;
/* Save what moved on, wipe, and return `code`, or the exit code of a failed save. */
int cli_case_end(struct cli *cli, struct cli_hand *hand, int code);
/* The dissent meant by `given` (may be NULL with --mine). */
enum demur_err cli_case_dissent(struct cli *cli, const struct cli_hand *hand, const char *given,
                                char id[static 33]) DEMUR_CHECKED;
/* What an act came to: its outcome, or why not. An entry whose time is off by this
 * machine's clock stands all the same: the sentence is a warning then. */
int cli_case_sent(struct cli *cli, enum demur_err err, const struct demur_sent *sent,
                  const char *fmt, ...) DEMUR_PRINTF(4, 5);

/* "2026-11-24 09:05 -05:00", the local time of a calendar (empty: the policy's),
 * in a static buffer out of four; "-" for 0. */
const char *cli_case_time(const struct cli *cli, struct span calendar, uint64_t unix_s);
/* The policy's title of a stage or role, or its name where it has none. */
struct span cli_case_stage(const struct cli *cli, struct span stage);
struct span cli_case_role(const struct cli *cli, struct span role);
/* The i-th role by which `key` may open this dissent; false past the end. */
bool cli_case_opening(const struct cli *cli, struct span id, const uint8_t key[static 32], size_t i,
                      struct span *role);
/* A title for a table, cut to `max` bytes and "..." where it is longer; in one
 * static buffer. */
struct span cli_case_cut(struct span title, size_t max);
/* The clocks of a dissent, a line each; only those that run unless `all`. */
void case_print_clocks(const struct cli *cli, struct span id, bool all);
/* "ROLE may ACT" lines of what `key` may do now; how many there are. */
size_t case_print_acts(const struct cli *cli, FILE *out, struct span id,
                       const uint8_t key[static 32]);
/* The view of a dissent, or of the board when id is NULL, as JSON. */
enum demur_err case_print_view(struct cli *cli, const char *id) DEMUR_CHECKED;
/* Say on stderr when times shown may be wrong, since the clocks differ. */
void cli_case_warn(const struct cli *cli);
/* A person's word for a blob's hash: 64 hex digits. */
enum demur_err cli_case_hash(struct cli *cli, const char *text,
                             uint8_t out[static 32]) DEMUR_CHECKED;

#endif
