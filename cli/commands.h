/* commands.h - the subcommands, one file each. */
#ifndef DEMUR_CLI_COMMANDS_H
#define DEMUR_CLI_COMMANDS_H

#include "cli.h"

extern const struct cli_command command_init, command_serve, command_identity, command_invite,
    command_grant, command_join, command_whoami, command_file, command_status, command_say,
    command_withdraw, command_inbox, command_read, command_step, command_share, command_receipt,
    command_audit, command_policy, command_demo, command_check, command_backup, command_restore,
    command_evidence, command_export, command_circulate, command_invitation, command_sign,
    command_unsign, command_disclose, command_signatures, command_claim, command_revise,
    command_renew, command_revoke, command_rekey, command_expunge, command_amend, command_rotate;

/* options.c: parse the command line, find the command, run it. */
int cli_main(int argc, char **argv);

#endif
