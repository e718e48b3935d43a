/* The table of subcommands; each is in the file of its name. */
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "commands.h"

/* One a line. */
/* clang-format off */
const struct cli_command *const cli_commands[] = {
    &command_init,
    &command_serve,
    &command_identity,
    &command_invite,
    &command_grant,
    &command_amend,
    &command_rotate,
    &command_join,
    &command_whoami,
    &command_policy,
    &command_file,
    &command_circulate,
    &command_invitation,
    &command_revise,
    &command_sign,
    &command_unsign,
    &command_disclose,
    &command_signatures,
    &command_claim,
    &command_renew,
    &command_revoke,
    &command_rekey,
    &command_expunge,
    &command_status,
    &command_say,
    &command_withdraw,
    &command_inbox,
    &command_read,
    &command_step,
    &command_share,
    &command_receipt,
    &command_audit,
    &command_evidence,
    &command_demo,
    &command_check,
    &command_backup,
    &command_restore,
    &command_export,
    NULL,
};
/* clang-format on */

/* Passphrases, receipt phrases and memos are in this memory: no core file gets them,
 * and no debugger of the same user. The server and the signer are forks, and inherit
 * both. The leak checker of a sanitized build is such a debugger. */
static void keep_memory(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#ifndef __SANITIZE_ADDRESS__
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

int main(int argc, char **argv)
{
    keep_memory();
    cli_screen_begin();
    if (sodium_init() < 0) {
        fputs("demur: the cryptography library does not start\n", stderr);
        return CLI_UNREACHABLE;
    }
    return cli_main(argc, argv);
}
