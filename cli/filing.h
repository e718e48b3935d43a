/* filing.h - what the commands share by which a memo goes out: file, circulate, revise,
 * and those that sign.
 */
#ifndef DEMUR_CLI_FILING_H
#define DEMUR_CLI_FILING_H

#include "cli.h"

#define CLI_SUBSETS_MAX 16

/* --as grade=FS-01,bureau=EUR: is it as it must be, and the subsets in it. Whether the
 * policy and the roster have them is found out later. */
bool cli_subsets_ok(const struct cli *cli);
size_t cli_subsets(const struct cli *cli, struct span out[static CLI_SUBSETS_MAX]);
/* Named or anonymous, as told, else anonymous where the policy has it: that of the
 * dissent, or with NULL the one in force. */
enum demur_err cli_naming(struct cli *cli, const char *dissent, bool *named) DEMUR_CHECKED;
/* What the options say of a memo, of that dissent or of a new one; borrows it, and `subsets`. */
enum demur_err cli_filing(struct cli *cli, const char *dissent, struct span memo,
                          struct span subsets[static CLI_SUBSETS_MAX],
                          struct demur_filing *out) DEMUR_CHECKED;

struct cli_circulation {
    uint64_t until; /* 0: it is filed at once */
    enum demur_audience audience;
};
/* The whole of `demur file MEMO` and `demur circulate MEMO`. */
int cli_file_new(struct cli *cli, const struct cli_circulation *circulation);
/* --until DAY: noon of that day in UTC, which is the same day in all but a few inhabited time
 * zones; 0 without the option. */
enum demur_err cli_until(struct cli *cli, uint64_t *out) DEMUR_CHECKED;
/* Say what to do with a signing link; empty: how to get it. */
void cli_link_say(const struct cli *cli, struct span link);
/* The signing link that an argument is, or that `-` reads. */
enum demur_err cli_link(struct cli *cli, const char *given, struct demur_link *out) DEMUR_CHECKED;
/* Take the receipt out of the home, to --receipt, where that was given. */
enum demur_err cli_receipt_possible(struct cli *cli) DEMUR_CHECKED;
void cli_receipt_move(struct cli *cli, struct demur_sent *sent);

#endif
