/* The table of subcommands; each is in the file of its name. */
#include <sodium.h>

#include "commands.h"

const struct cli_command *const cli_commands[] = {
    &command_init,  &command_serve,    &command_identity, &command_invite, &command_grant,
    &command_join,  &command_whoami,   &command_policy,   &command_file,   &command_status,
    &command_say,   &command_withdraw, &command_inbox,    &command_read,   &command_step,
    &command_share, &command_receipt,  &command_audit,    &command_demo,   NULL,
};

int main(int argc, char **argv)
{
    if (sodium_init() < 0) {
        fputs("demur: the cryptography library does not start\n", stderr);
        return CLI_UNREACHABLE;
    }
    return cli_main(argc, argv);
}
