/* The terminal: questions, and what may be shown at it. */
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"

#define ANSWER_MAX 4096

/* ---- asking ---- */

static volatile sig_atomic_t caught;

static void catch (int sig) { caught = sig; }

/* What may end or stop the program while the echo is off. */
static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};

static void handlers_set(struct sigaction old[static DEMUR_COUNT(signals)])
{
    struct sigaction ours = {.sa_handler = catch};
    caught = 0;
    for (size_t i = 0; i < DEMUR_COUNT(signals); i++)
        sigaction(signals[i], &ours, &old[i]);
}

static void handlers_put_back(const struct sigaction old[static DEMUR_COUNT(signals)])
{
    for (size_t i = 0; i < DEMUR_COUNT(signals); i++)
        sigaction(signals[i], &old[i], NULL);
}

/* One line without echo; a signal that came meanwhile takes effect when the echo is
 * back, and where the program goes on after it, *again asks once more. */
static ssize_t read_hidden(int fd, const char *prompt, uint8_t *line, size_t max, bool *again)
{
    struct termios old, quiet;
    struct sigaction before[DEMUR_COUNT(signals)];
    if (tcgetattr(fd, &old) != 0)
        return -1;
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    handlers_set(before);
    dprintf(fd, "%s", prompt);
    tcsetattr(fd, TCSAFLUSH, &quiet);
    ssize_t n = caught ? -1 : read(fd, line, max);
    int sig = caught;
    tcsetattr(fd, TCSAFLUSH, &old);
    dprintf(fd, "\n");
    handlers_put_back(before);
    *again = sig != 0;
    if (sig)
        raise(sig);
    return sig ? -1 : n;
}

enum demur_err cli_ask(struct cli *cli, const char *prompt, bool echo, struct demur_bytes *out)
{
    uint8_t line[ANSWER_MAX];
    struct termios is_terminal;
    ssize_t n = -1;
    bool again = true;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &is_terminal) != 0) {
        if (fd >= 0)
            close(fd);
        return demur_fail(&cli->diag, DEMUR_ERR_MISSING, "there is no terminal to ask at");
    }
    if (echo) {
        dprintf(fd, "%s", prompt);
        n = read(fd, line, sizeof line - 1);
    }
    while (!echo && again)
        n = read_hidden(fd, prompt, line, sizeof line - 1, &again);
    close(fd);
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    out->p = n >= 0 ? malloc((size_t)n + 1) : NULL;
    if (out->p) {
        memcpy(out->p, line, (size_t)n);
        out->p[n] = 0;
        out->len = (size_t)n;
    }
    sodium_memzero(line, sizeof line);
    return out->p ? DEMUR_OK : demur_fail(&cli->diag, DEMUR_ERR_IO, "nothing could be read");
}
