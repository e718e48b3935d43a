/* Opening and closing a channel's copy. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_WAIT_S 30

static void wait_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

static bool copy_string(const char **out, const char *in)
{
    *out = in ? strdup(in) : NULL;
    return !in || *out;
}

static enum demur_err copy_options(struct demur_client *c, const struct demur_client_options *o,
                                   struct demur_diag *diag)
{
    c->options = *o;
    c->options.data = NULL;
    bool good = copy_string(&c->options.url, o->url);
    good = copy_string(&c->options.token, o->token) && good;
    good = copy_string(&c->options.proxy, o->proxy) && good;
    good = copy_string(&c->options.ca_file, o->ca_file) && good;
    c->record = calloc(1, sizeof *c->record);
    return good && c->record ? DEMUR_OK : no_memory(diag);
}

static enum demur_err choose_folder(struct demur_client *c, const char *data,
                                    struct demur_diag *diag)
{
    struct demur_bytes standard = {0};
    if (!data) {
        enum demur_err err = demur_path_data(c->options.channel, &standard, diag);
        if (err)
            return err;
        data = (const char *)standard.p;
    }
    /* Room for what stands below it. */
    bool fits = strlen(data) < 380 && copy_text(c->data, sizeof c->data, span_str(data));
    demur_bytes_free(&standard);
    return fits ? DEMUR_OK
                : demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the copy's folder is too long");
}

static enum demur_err make_folders(const struct demur_client *c, struct demur_diag *diag)
{
    static const char *const names[] = {"entries", "blobs", "evidence", "receipts", "outbox"};
    char path[PATH_LEN];
    enum demur_err err = demur_path_folder(c->data, diag);
    for (size_t i = 0; !err && i < DEMUR_COUNT(names); i++) {
        if (!path_join(path, c->data, names[i]))
            return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the copy's folder is too long");
        err = demur_path_folder(path, diag);
    }
    return err;
}

/* Two programs at once would write over each other: the second one waits. */
static enum demur_err lock(struct demur_client *c, struct demur_diag *diag)
{
    char path[PATH_LEN];
    if (!path_join(path, c->data, "lock"))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of the copy's folder is too long");
    c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->lock < 0)
        return demur_fail(diag, DEMUR_ERR_IO, "cannot write in %.150s: %s", c->data,
                          strerror(errno));
    for (int tries = 0; flock(c->lock, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return demur_fail(diag, DEMUR_ERR_IO, "cannot lock %.150s: %s", path, strerror(errno));
        if (tries == LOCK_WAIT_S * 20)
            return demur_fail(diag, DEMUR_ERR_IO,
                              "another demur has been using %.150s for %d seconds: wait for it, or "
                              "use another folder",
                              c->data, LOCK_WAIT_S);
        wait_ms(50);
    }
    return DEMUR_OK;
}

enum demur_err demur_client_open(struct demur_client **out,
                                 const struct demur_client_options *options,
                                 struct demur_diag *diag)
{
    struct demur_client *c = calloc(1, sizeof *c);
    if (!c)
        return no_memory(diag);
    c->lock = -1;
    enum demur_err err = copy_options(c, options, diag);
    if (!err)
        err = choose_folder(c, options->data, diag);
    if (!err && c->options.url)
        err = http_new(&c->http, &c->options, diag);
    if (!err)
        err = make_folders(c, diag);
    if (!err)
        err = lock(c, diag);
    if (!err)
        err = evidence_load(c, diag);
    if (!err)
        err = fold_copy(c, diag);
    if (!err)
        err = promises_load(c, diag);
    if (!err)
        seen_load(c);
    if (err)
        demur_client_close(c);
    else
        *out = c;
    return err;
}

void demur_client_close(struct demur_client *c)
{
    if (!c)
        return;
    http_free(c->http);
    demur_channel_free(c->channel);
    demur_bytes_free(&c->checkpoint);
    demur_bytes_free(&c->bundle);
    free(c->ring.keys);
    free(c->record);
    free(c->bad);
    free(c->findings);
    free(c->refused);
    promises_free(c);
    free((char *)c->options.url);
    free((char *)c->options.token);
    free((char *)c->options.proxy);
    free((char *)c->options.ca_file);
    if (c->lock >= 0) {
        /* Said, and not left to close: a child of ours may hold the file open too. */
        (void)flock(c->lock, LOCK_UN);
        close(c->lock);
    }
    free(c);
}

void client_progress(const struct demur_client *c, const char *what, uint64_t done, uint64_t total)
{
    if (c->options.progress)
        c->options.progress(c->options.ctx, what, done, total);
}

const struct demur_channel *demur_client_channel(const struct demur_client *client)
{
    return client->channel;
}

const uint8_t *demur_client_fingerprint(const struct demur_client *client)
{
    return client->options.channel;
}

const char *demur_client_data(const struct demur_client *client) { return client->data; }

uint64_t demur_client_now(const struct demur_client *client)
{
    if (client->options.now)
        return client->options.now(client->options.ctx);
    time_t now = time(NULL);
    return now > 0 ? (uint64_t)now : 0;
}

uint64_t demur_client_view_time(const struct demur_client *client)
{
    uint64_t now = demur_client_now(client), last = demur_channel_last_at(client->channel);
    return now > last ? now : last;
}

bool demur_client_skewed(const struct demur_client *client, char text[static DEMUR_SKEW_TEXT])
{
    uint64_t now = demur_client_now(client);
    if (client->skew_s)
        skew_text(text, now, (uint64_t)((int64_t)now - client->skew_s));
    return client->skew_s != 0;
}

enum demur_err demur_client_clock_check(const struct demur_client *client, struct demur_diag *diag)
{
    char ours[32], apart[DEMUR_SKEW_TEXT];
    if (!demur_client_skewed(client, apart))
        return DEMUR_OK;
    time_text(ours, demur_client_now(client));
    return demur_fail(diag, DEMUR_ERR_TIME,
                      "nothing was sent, for this machine's clock, at %s, is %s the server's: set "
                      "the clock and try again or, if it is right, tell the operator",
                      ours, apart);
}

uint64_t demur_client_last_tick(const struct demur_client *client) { return client->last_tick; }

struct span demur_client_checkpoint(const struct demur_client *client)
{
    return demur_bytes_span(&client->checkpoint);
}
