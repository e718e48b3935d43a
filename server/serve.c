/* serve.c - demur_server_run: from a directory to a served channel, and back. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../core/hash.h"
#include "confine.h"
#include "duties.h"
#include "files.h"
#include "http.h"
#include "journal.h"
#include "listen.h"
#include "modes.h"

#define CONFIG_MAX 16384
#define PEM_MAX 262144
#define KEPT_FREE (1 << 20) /* bytes, at the end of each of the allocator's arenas */
#define LOOK_MS 500         /* how often the main thread looks around */
#define FINISH_MS 30000     /* how long a stop waits for what is in flight */
#define FINISH_FAILED_MS 2000
#define DROP_S 10 /* and then for those that it cut off; MHD_stop_daemon ends the rest */
/* Sockets to the signer, epolls, and a few for each thread that is no worker. */
#define OWN_DESCRIPTORS 240
/* A worker's connections to the store: its file and its WAL, for a read within a read. */
#define WORKER_DESCRIPTORS 4

struct server {
    const struct demur_server_config *config;
    struct demur_server_settings settings;
    uint8_t config_text[CONFIG_MAX], certificate[PEM_MAX], key[PEM_MAX];
    struct demur_address address;
    struct demur_service service;
    struct demur_duties duties;
    struct demur_http *http;
    int listen_fd, signals_fd, alarm_fd;
    char url[128];
    sigset_t mask_before;
    struct sigaction pipe_before;
};

static enum demur_err settings_load(struct server *s, struct demur_diag *diag)
{
    struct buf text = buf_over(s->config_text, sizeof s->config_text);
    struct demur_diag cause = {0};
    enum demur_err err = demur_file_read(&text, s->config->dir, "config", diag);
    if (err)
        return err;
    err = demur_server_settings_parse(&s->settings, buf_span(&text), &cause);
    if (err)
        return demur_fail_at(diag, err, cause.line, cause.column, cause.field, "%.100s/config: %s",
                             s->config->dir, cause.text);
    struct span listen = s->config->listen ? span_str(s->config->listen) : s->settings.listen;
    err = demur_address_parse(&s->address, listen, diag);
    if (err)
        return err;
    s->settings.behind_proxy |= s->config->behind_proxy;
    if (!s->settings.certificate.len && !s->address.loopback && !s->settings.behind_proxy)
        return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "listen",
                             "plain HTTP is only served on a loopback address: give "
                             "tls-certificate and tls-key, or say behind-proxy when a proxy or an "
                             "onion service stands in front");
    return DEMUR_OK;
}

static void mode_fault(void *ctx, const char *text)
{
    struct demur_diag *first = ctx;
    if (!first->text[0])
        snprintf(first->text, sizeof first->text, "%s", text);
}

/* A key that others can read is no key any more, so nothing is signed with it. */
static enum demur_err modes_check(const struct server *s, struct demur_diag *diag)
{
    struct demur_diag first = {0};
    if (!demur_modes_check(s->config->dir, geteuid(), mode_fault, &first))
        return DEMUR_OK;
    return demur_fail(diag, DEMUR_ERR_FORBIDDEN, "%s", first.text);
}

/* One more than may be at proofs about rings, which take longest. */
static size_t workers_wanted(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return (cpus > 2 ? (size_t)cpus : 2) + 1;
}

/* A descriptor for each connection and for what the server opens itself: it would
 * otherwise run out of them at the worst of times, in the middle of a commit. */
static enum demur_err descriptors_take(const struct server *s, struct demur_diag *diag)
{
    struct rlimit files;
    uint64_t connections = s->settings.limits[DEMUR_LIMIT_CONNECTIONS];
    rlim_t need =
        (rlim_t)connections + OWN_DESCRIPTORS + WORKER_DESCRIPTORS * (rlim_t)workers_wanted();
    if (getrlimit(RLIMIT_NOFILE, &files))
        return demur_fail(diag, DEMUR_ERR_IO, "cannot ask for the limit of file descriptors: %s",
                          strerror(errno));
    if (files.rlim_cur >= need)
        return DEMUR_OK;
    if (files.rlim_max < need)
        return demur_fail(diag, DEMUR_ERR_LIMIT,
                          "`limit connections %llu` wants %llu file descriptors, but the system "
                          "allows %llu: raise that (LimitNOFILE=, ulimit -n) or lower the limit",
                          (unsigned long long)connections, (unsigned long long)need,
                          (unsigned long long)files.rlim_max);
    files.rlim_cur = need;
    return setrlimit(RLIMIT_NOFILE, &files)
               ? demur_fail(diag, DEMUR_ERR_IO, "cannot raise the limit of file descriptors: %s",
                            strerror(errno))
               : DEMUR_OK;
}

/* PEM texts, NUL-ended as libmicrohttpd wants them. */
static enum demur_err pem_load(uint8_t *out, struct span path, bool secret, struct demur_diag *diag)
{
    char name[DEMUR_PATH_MAX];
    struct buf b = buf_over(out, PEM_MAX - 1);
    if (path.len >= sizeof name)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the path of a certificate or key is too long");
    memcpy(name, path.p, path.len);
    name[path.len] = 0;
    if (secret && demur_modes_tls_key(name, diag))
        return DEMUR_ERR_FORBIDDEN;
    char *slash = strrchr(name, '/');
    if (slash)
        *slash = 0;
    enum demur_err err = slash ? demur_file_read(&b, name[0] ? name : "/", slash + 1, diag)
                               : demur_file_read(&b, ".", name, diag);
    out[b.len] = 0;
    return err;
}

static enum demur_err threads_start(struct server *s, struct demur_diag *diag)
{
    struct demur_service *v = &s->service;
    size_t workers = workers_wanted();
    /* A proxy, and loopback, are one address for many. */
    bool per_address = !s->settings.behind_proxy && !s->address.loopback;
    v->uploads_per_address = per_address ? v->limits[DEMUR_LIMIT_UPLOADS_PER_ADDRESS] : UINT64_MAX;
    v->answers_per_address = per_address ? v->limits[DEMUR_LIMIT_MEMORY] / 16 * 3 : UINT64_MAX;
    enum demur_err err = DEMUR_OK;
    if (!(v->connections = demur_connections_new(
              (size_t)v->limits[DEMUR_LIMIT_CONNECTIONS],
              per_address ? (size_t)v->limits[DEMUR_LIMIT_CONNECTIONS_PER_ADDRESS] : 0)))
        err = demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    if (!err)
        err = demur_sequencer_start(&v->sequencer, v->engine, &v->metrics,
                                    v->limits[DEMUR_LIMIT_WAITING_APPENDS], s->alarm_fd, diag);
    if (!err)
        err = demur_workers_start(&v->workers, workers, diag);
    if (!err)
        err = demur_proofs_start(&v->proofs, v->engine, v->workers, &v->metrics, workers - 1, diag);
    if (!err)
        err = demur_duties_start(&s->duties, v, diag);
    return err;
}

/* Whatever the server has to open or bind that it may not once it is confined. */
static enum demur_err all_open(struct server *s, struct demur_diag *diag)
{
    bool tls = s->settings.certificate.len > 0;
    char line[160];
    enum demur_err err =
        tls ? pem_load(s->certificate, s->settings.certificate, false, diag) : DEMUR_OK;
    if (tls && !err)
        err = pem_load(s->key, s->settings.key, true, diag);
    if (!err)
        err = demur_address_listen(&s->listen_fd, &s->address, diag);
    if (err)
        return err;
    demur_address_url(s->url, sizeof s->url, s->listen_fd, tls);
    snprintf(line, sizeof line, "%s\n", s->url);
    /* On a full disk people can still read: the file is a help and no more. */
    struct demur_diag cause = {0};
    if (demur_file_write(s->config->dir, "url", span_str(line), 0644, &cause))
        demur_journal("the file url does not tell where the server listens: %s", cause.text);
    return DEMUR_OK;
}

static enum demur_err confine(struct server *s, struct demur_diag *diag)
{
    int abi = demur_landlock_abi(); /* nobody may ask afterwards */
    s->service.confined = !s->config->unconfined;
    enum demur_err err =
        s->service.confined ? demur_confine(DEMUR_CONFINE_SERVER, s->config->dir, diag) : DEMUR_OK;
    if (!err && s->service.confined)
        demur_journal("server and signer are confined by seccomp and Landlock (ABI %d)", abi);
    else if (!err)
        demur_journal("server and signer are NOT confined, as --unconfined says");
    return err;
}

static enum demur_err listening_start(struct server *s, struct demur_diag *diag)
{
    bool tls = s->settings.certificate.len > 0;
    struct demur_http_config http = {
        .listen_fd = s->listen_fd,
        .certificate = tls ? (const char *)s->certificate : NULL,
        .key = tls ? (const char *)s->key : NULL,
    };
    char line[160];
    s->listen_fd = -1;
    enum demur_err err = demur_http_start(&s->http, &s->service, &http, diag);
    sodium_memzero(s->key, sizeof s->key);
    if (err)
        return err;
    demur_journal("listening on %s", s->url);
    snprintf(line, sizeof line, "listening on %s\n", s->url);
    if (s->config->announce_fd >= 0 &&
        write(s->config->announce_fd, line, strlen(line)) != (ssize_t)strlen(line))
        demur_journal("nobody reads where the server listens");
    return DEMUR_OK;
}

static enum demur_err signals_take(struct server *s, struct demur_diag *diag)
{
    sigset_t set;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, &s->mask_before);
    sigaction(SIGPIPE, &ignore, &s->pipe_before);
    s->signals_fd = signalfd(-1, &set, SFD_CLOEXEC);
    s->alarm_fd = eventfd(0, EFD_CLOEXEC);
    if (s->signals_fd < 0 || s->alarm_fd < 0)
        return demur_fail(diag, DEMUR_ERR_IO, "cannot wait for signals: %s", strerror(errno));
    return DEMUR_OK;
}

static void signals_return(struct server *s)
{
    /* A signal that is still pending was about this server, not its caller. */
    struct signalfd_siginfo info;
    struct pollfd p = {s->signals_fd, POLLIN, 0};
    while (s->signals_fd >= 0 && poll(&p, 1, 0) == 1 &&
           read(s->signals_fd, &info, sizeof info) == sizeof info)
        ;
    close(s->signals_fd);
    close(s->alarm_fd);
    sigaction(SIGPIPE, &s->pipe_before, NULL);
    pthread_sigmask(SIG_SETMASK, &s->mask_before, NULL);
}

static void connections_look(struct demur_service *v)
{
    size_t late = demur_connections_reap(v->connections);
    size_t displaced = demur_connections_displaced(v->connections);
    atomic_fetch_add(&v->metrics.dropped, late);
    atomic_fetch_add(&v->metrics.displaced, displaced);
    if (late)
        demur_journal("dropped %zu connections that took too long", late);
    if (displaced)
        demur_journal("closed %zu connections to make room for others", displaced);
}

static int refold_fd(const struct demur_engine *e)
{
    return e->refold ? demur_refold_fd(e->refold) : -1;
}

/* Until a signal (OK) or something fatal. */
static enum demur_err watch(struct server *s, struct demur_diag *diag)
{
    for (;;) {
        struct pollfd p[] = {{s->signals_fd, POLLIN, 0},
                             {s->alarm_fd, POLLIN, 0},
                             {demur_signer_fd(s->service.engine->signer), 0, 0},
                             {refold_fd(s->service.engine), POLLIN, 0}};
        if (poll(p, DEMUR_COUNT(p), LOOK_MS) < 0 && errno != EINTR)
            return demur_fail(diag, DEMUR_ERR_IO, "cannot poll: %s", strerror(errno));
        if (p[1].revents)
            return demur_sequencer_state(s->service.sequencer, diag);
        if (p[2].revents)
            return demur_fail(diag, DEMUR_ERR_IO, "the signer process has ended");
        if (demur_store_broken(s->service.engine->store))
            return demur_fail(diag, DEMUR_ERR_IO,
                              "the system could not say whether a write reached the disk: nothing "
                              "more is written before the next start");
        if (p[0].revents)
            return DEMUR_OK;
        enum demur_err err =
            p[3].revents ? demur_engine_refolded(s->service.engine, diag) : DEMUR_OK;
        if (err)
            return err;
        connections_look(&s->service);
    }
}

static bool finished_within(struct server *s, int ms)
{
    for (; ms > 0 && atomic_load(&s->service.unfinished); ms -= 10) {
        nanosleep(&(struct timespec){0, 10000000}, NULL);
        demur_connections_reap(s->service.connections);
    }
    return !atomic_load(&s->service.unfinished);
}

/* What went before, or what went wrong now with the last commits. */
static enum demur_err stop(struct server *s, enum demur_err err, struct demur_diag *diag)
{
    struct demur_service *v = &s->service;
    bool failed = err != DEMUR_OK;
    atomic_store(&v->stopping, true);
    demur_duties_stop(&s->duties);
    if (s->http) {
        demur_journal("stopping");
        demur_http_quiesce(s->http);
        if (!finished_within(s, failed ? FINISH_FAILED_MS : FINISH_MS)) {
            /* Cut off whoever is still sending or reading. What remains is with
             * the workers and the sequencer, and they always end. */
            demur_connections_drop(v->connections);
            demur_sequencer_drain(v->sequencer);
            for (int left_s = DROP_S; left_s && !finished_within(s, 1000); left_s--)
                demur_connections_drop(v->connections);
        }
    }
    demur_duties_end(&s->duties); /* it may wait for the sequencer */
    if (v->sequencer)
        demur_sequencer_drain(v->sequencer);
    demur_workers_end(v->workers);
    demur_http_stop(s->http); /* which may have an upload to drop still */
    demur_workers_free(v->workers);
    demur_proofs_free(v->proofs);
    if (v->sequencer && !failed)
        err = demur_sequencer_state(v->sequencer, diag);
    if (v->engine && !err) {
        demur_duties_destroy(&s->duties);
        demur_duties_snapshot(&s->duties, true);
    }
    demur_sequencer_free(v->sequencer);
    demur_connections_free(v->connections);
    demur_engine_close(v->engine);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    return err;
}

static enum demur_err serve(struct server *s, struct demur_diag *diag)
{
    struct demur_service *v = &s->service;
    enum demur_err err = settings_load(s, diag);
    if (!err)
        err = modes_check(s, diag);
    if (!err)
        err = descriptors_take(s, diag);
    if (!err)
        err = demur_engine_open(&v->engine, s->config->dir, !s->config->unconfined,
                                s->config->hooks, diag);
    if (!err && !demur_channel_size(v->engine->channel))
        err = demur_fail(diag, DEMUR_ERR_MISSING, "the log of this directory is empty");
    if (!err) {
        memcpy(v->limits, s->settings.limits, sizeof v->limits);
        v->tokens_len = s->settings.tokens_len;
        for (size_t i = 0; i < v->tokens_len; i++)
            demur_hash(v->tokens[i], s->settings.tokens[i]);
        err = all_open(s, diag);
    }
    if (!err)
        err = confine(s, diag);
    if (!err)
        err = threads_start(s, diag);
    if (!err)
        err = listening_start(s, diag);
    if (!err)
        err = watch(s, diag);
    return stop(s, err, diag);
}

enum demur_err demur_server_run(const struct demur_server_config *config, struct demur_diag *diag)
{
    struct server *s = calloc(1, sizeof *s);
    if (!s || sodium_init() < 0) {
        free(s);
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    }
    s->config = config;
    s->listen_fd = -1;
    /* What a thread's last requests held is kept for its next ones: to give pages back and
     * fault them in again was a tenth of what an append took. */
    mallopt(M_TRIM_THRESHOLD, KEPT_FREE);
    enum demur_err err = signals_take(s, diag);
    if (!err)
        err = serve(s, diag);
    signals_return(s);
    sodium_memzero(s, sizeof *s);
    free(s);
    if (!err)
        demur_journal("stopped");
    return err;
}
