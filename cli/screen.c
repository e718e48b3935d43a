/* What is printed cannot steer the terminal. Titles, names, file names, letters and the
 * sentences of servers come from others, faulty lines from files: an escape sequence in
 * them could rewrite the screen, a direction override make a text read as another.
 * All output goes through one filter, so that no command can forget it. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "../core/lines.h"
#include "cli.h"

struct screen {
    int fd;
    bool json;       /* a harmful character stays what it is, as an escape of JSON's */
    uint8_t held[4]; /* the beginning of a character whose rest has not come yet */
    size_t held_len;
};

static struct screen screens[2] = {{.fd = STDOUT_FILENO}, {.fd = STDERR_FILENO}};

static bool harmful(uint32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c <= 0x9F) ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/* Could these bytes, fewer than four, be the beginning of a character? */
static bool unfinished(struct span rest)
{
    size_t want = rest.p[0] >= 0xF0 ? 4 : rest.p[0] >= 0xE0 ? 3 : rest.p[0] >= 0xC2 ? 2 : 1;
    bool is = rest.len < want && rest.p[0] < 0xF5;
    for (size_t i = 1; i < rest.len; i++)
        is = is && (rest.p[i] & 0xC0) == 0x80;
    return is;
}

static void put_harmless(const struct screen *s, struct span *rest, struct buf *out)
{
    uint32_t c = 0;
    char text[8];
    size_t n = demur_utf8_one(*rest, &c);
    if (n && !harmful(c)) {
        buf_put_span(out, span_take(*rest, n));
    } else if (n && s->json) {
        snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
        buf_put_str(out, text);
    } else {
        buf_put_str(out, "\xEF\xBF\xBD"); /* U+FFFD */
    }
    *rest = span_skip(*rest, n ? n : 1);
}

static ssize_t screen_write(void *ctx, const char *bytes, size_t len)
{
    struct screen *s = ctx;
    uint8_t text[1024], room[6 * sizeof text];
    for (size_t done = 0; done < len;) {
        struct buf in = buf_over(text, sizeof text), out = buf_over(room, sizeof room);
        buf_put(&in, s->held, s->held_len);
        size_t n = len - done < sizeof text - s->held_len ? len - done : sizeof text - s->held_len;
        buf_put(&in, bytes + done, n);
        done += n;
        struct span rest = buf_span(&in);
        while (rest.len && !(rest.len < 4 && unfinished(rest)))
            put_harmless(s, &rest, &out);
        memcpy(s->held, rest.p, rest.len);
        s->held_len = rest.len;
        if (!demur_write_all(s->fd, buf_span(&out)))
            return -1;
    }
    return (ssize_t)len;
}

void cli_screen_begin(void)
{
    cookie_io_functions_t io = {.write = screen_write};
    FILE *out = fopencookie(&screens[0], "w", io), *err = fopencookie(&screens[1], "w", io);
    if (!out || !err) /* nothing may be printed unfiltered */
        abort();
    setvbuf(out, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
    setvbuf(err, NULL, _IONBF, 0);
    stdout = out;
    stderr = err;
}

void cli_screen_json(void) { screens[0].json = true; }

bool cli_overprint(const char *fmt, ...)
{
    va_list args;
    if (!isatty(STDERR_FILENO))
        return false;
    fflush(stdout);
    dprintf(STDERR_FILENO, "\r");
    va_start(args, fmt);
    vdprintf(STDERR_FILENO, fmt, args);
    va_end(args);
    return true;
}
