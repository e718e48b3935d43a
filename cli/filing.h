/* filing.h - what the commands share by which a memo goes out: file, circulate, revise,
 * and those that sign.
 */
#ifndef DEMUR_CLI_FILING_H
#define DEMUR_CLI_FILING_H

#include "cli.h"

#define CLI_SUBSETS_MAX 16

/* The options by which a memo is written and signed. */
#define CLI_OPTIONS_OF_A_MEMO                                                                      \
    {"title", "TITLE", "the title; else the memo's first \"# heading\""},                          \
        {"named", NULL, "with your name, sealed to the offices"},                                  \
        {"anonymous", NULL, "without your name"},                                                  \
        {"attach", "FILE", "a file that goes with it; may be repeated"},                           \
        {"to", "ROLE", "also to this role; may be repeated"},                                      \
        {"marking", "MARKING", "where the policy has markings"},                                   \
        {"points", "N", "how many numbered points the memo makes"},                                \
    {                                                                                              \
        "as", "NAME=VALUE,...", "sign as one of the members with these attributes"                 \
    }

/* --named or --anonymous, and --as grade=FS-01,bureau=EUR: are they as they must be? Else it
 * was said: CLI_USAGE. Whether policy and roster have what --as names is found out later. */
bool cli_signing_ok(struct cli *cli);
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
/* outbox.c: one kind of what waits there. */
struct cli_waiting {
    const char *what, *command; /* "filing"; whose --resume and --drop are for it */
    const char *kept;           /* said when it waits after an error, */
    const char *gone;           /* and when it does not; NULL: nothing */
    const char *question;       /* before it is dropped; NULL: none */
    bool (*next)(const struct demur_client *client, size_t i, char dissent[static 33]);
    enum demur_err (*drop)(struct demur_client *client, const char *dissent,
                           struct demur_diag *diag);
};
extern const struct cli_waiting cli_filings, cli_revisions, cli_signatures;
/* The one that --drop, or else the argument, begins; without either the only one. */
enum demur_err cli_waiting_find(struct cli *cli, const struct cli_waiting *w,
                                char id[static 33]) DEMUR_CHECKED;
int cli_waiting_drop(struct cli *cli, const struct cli_waiting *w, const char *id);
/* After an error in sending it. */
void cli_waiting_say(const struct cli *cli, const struct cli_waiting *w, const char *id);
/* Take the receipt out of the home, to --receipt, where that was given. */
enum demur_err cli_receipt_possible(struct cli *cli) DEMUR_CHECKED;
void cli_receipt_move(struct cli *cli, struct demur_sent *sent);

#endif
