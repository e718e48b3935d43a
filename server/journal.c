/* journal.c - see journal.h. */
#include "journal.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

void demur_journal(const char *fmt, ...)
{
    int saved = errno;
    char line[512];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", &utc);
    va_list args;
    va_start(args, fmt);
    int said = vsnprintf(line + n, sizeof line - 1 - n, fmt, args);
    va_end(args);
    if (said < 0)
        said = 0;
    n += (size_t)said < sizeof line - 1 - n ? (size_t)said : sizeof line - 2 - n;
    line[n++] = '\n';
    /* One write, so that lines of several threads do not mix. A journal that
     * cannot be written is no reason to stop. */
    ssize_t written = write(STDERR_FILENO, line, n);
    (void)written;
    errno = saved;
}
