/* confine.h - what the server and its signer give up before they hear a stranger.
 *
 * Two mechanisms of Linux, a file each. Landlock (confine_landlock.c) says which files
 * may still be opened, and that no TCP port may be bound or connected to. seccomp
 * (confine_seccomp.c) says which system calls may be made at all: another one ends the
 * process with SIGSYS. Neither can be taken back, and threads and children inherit both.
 * docs/adr/0015-confinement.md says why these two, and what each role keeps.
 *
 * Whoever calls has one thread, and has opened all that it may not open any more.
 */
#ifndef DEMUR_SERVER_CONFINE_H
#define DEMUR_SERVER_CONFINE_H

#include "../core/base.h"

enum demur_confine_role {
    DEMUR_CONFINE_SERVER, /* keeps its sockets, and log.db with its companions */
    DEMUR_CONFINE_SIGNER, /* keeps the descriptors that it has, and opens none */
};

/* Both, for the channel's directory `dir`, and no core files any more. FORBIDDEN when this
 * system lacks one of them, or when a second thread runs, which would stay free: the caller
 * must not go on. */
enum demur_err demur_confine(enum demur_confine_role role, const char *dir,
                             struct demur_diag *diag) DEMUR_CHECKED;

/* First of all in a process that was forked: close every file of the caller's but `fd` and
 * the standard ones, ignore its signals, and keep memory out of core files and debuggers. */
void demur_detach(int fd, const char *name);

/* What a refusal ends with, so that people know how to go on without. */
#define DEMUR_CONFINE_WITHOUT "`demur serve --unconfined` serves without being confined"

/* The Landlock ABI that this kernel has; 0 or less: none. */
int demur_landlock_abi(void);
/* Inside confine*.c. */
enum demur_err demur_landlock(enum demur_confine_role role, const char *dir,
                              struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_seccomp(enum demur_confine_role role, struct demur_diag *diag) DEMUR_CHECKED;

#endif
