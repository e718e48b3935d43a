/* When this machine last saw the log, and how long it was: what comes after that and
 * says that it came before was dated back, or held back. */
#include "../core/lines.h"
#include "internal.h"

#define SEEN_MAX 256u

static bool number_line(struct demur_lines *lines, const char *name, uint64_t *out)
{
    struct span line;
    size_t n = strlen(name);
    return demur_lines_next(lines, &line) && span_starts(line, name) &&
           span_u64(span_skip(line, n), INT64_MAX, out);
}

void seen_load(struct demur_client *c)
{
    char path[PATH_LEN];
    struct demur_bytes file = {0};
    struct demur_lines lines;
    uint64_t size, at;
    if (!path_join(path, c->data, "seen") ||
        demur_path_read(path, SEEN_MAX, &file, NULL) != DEMUR_OK)
        return;
    if (demur_lines_init(&lines, demur_bytes_span(&file), SEEN_MAX, NULL) == DEMUR_OK &&
        demur_lines_header(&lines, "seen", NULL) == DEMUR_OK &&
        number_line(&lines, "size ", &size) && number_line(&lines, "at ", &at)) {
        c->seen_size = size;
        c->seen_at = at;
    }
    demur_bytes_free(&file);
}

void seen_keep(struct demur_client *c, uint64_t at)
{
    char path[PATH_LEN];
    uint8_t text[SEEN_MAX];
    struct buf b = buf_over(text, sizeof text);
    if (c->skew_s || !path_join(path, c->data, "seen"))
        return; /* by a clock that is wrong nobody is judged */
    c->seen_size = c->size;
    c->seen_at = at;
    buf_put_str(&b, "demur seen v1\nsize ");
    buf_put_u64(&b, c->seen_size);
    buf_put_str(&b, "\nat ");
    buf_put_u64(&b, c->seen_at);
    buf_put_byte(&b, '\n');
    /* Not worth failing a sync for: the next one remembers again. */
    (void)!demur_path_write(path, buf_span(&b), NULL);
}

bool seen_before(const struct demur_client *c, uint64_t index, uint64_t at)
{
    uint64_t now = demur_client_now(c);
    bool clock_went_back = c->seen_at > now && c->seen_at - now > CLOCK_TOLERANCE_S;
    return index >= c->seen_size && at < c->seen_at && c->seen_at - at > CLOCK_TOLERANCE_S &&
           !clock_went_back;
}
