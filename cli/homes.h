/* homes.h - what the commands that make identities, or act with the root's, share. */
#ifndef DEMUR_CLI_HOMES_H
#define DEMUR_CLI_HOMES_H

#include "case.h"

/* REPLAY, with a sentence, when the home holds an identity already. */
enum demur_err cli_home_unused(struct cli *cli) DEMUR_CHECKED;
/* VERIFY when --channel is given and is another's: this `what` (an invitation, a kit) was
 * exchanged, or the fingerprint is wrong. */
enum demur_err cli_channel_check(struct cli *cli, const uint8_t channel[static 32],
                                 const char *what) DEMUR_CHECKED;
/* rotate.c: load the home's key and bring the copy up to date. VERIFY when the key is of
 * another channel than --channel, FORBIDDEN when it is not the channel's root. */
enum demur_err cli_root_begin(struct cli *cli, struct cli_hand *hand) DEMUR_CHECKED;
/* Put a person's name into cli->identity. SYNTAX for what is none. */
enum demur_err cli_name_set(struct cli *cli, const char *name) DEMUR_CHECKED;
/* The officer card of cli->identity: one line, without its end. */
void cli_card_put(const struct cli *cli, struct buf *out);
/* The channel, URL and token of cli->identity become the profile. */
void cli_profile_of_identity(struct cli *cli);
/* rekey.c: the member's own `demur rekey`; and was one begun here, and not finished? */
int cli_rekey_own(struct cli *cli);
bool cli_rekey_begun(const struct cli *cli);

#endif
