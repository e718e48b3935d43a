/* The server over real sockets: who may ask, what is answered, every limit. */
#define _DEFAULT_SOURCE /* usleep */
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../core/tile.h"
#include "../../embedded/embedded.h"
#include "../../server/service.h"
#include "fixture.h"

static struct fixture_answer a;
static const struct span no_body = {NULL, 0};

TEST(serve_token)
{
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    static const char *const wrong[] = {"", "reading-toke", "reading-token2", "Reading-token",
                                        "reading-token x"};
    for (size_t i = 0; i < DEMUR_COUNT(wrong); i++) {
        CHECK(fixture_ask_as(f, &a, wrong[i], "GET", "/checkpoint", no_body));
        CHECK_PROBLEM(&a, 401, "unauthorized");
    }
    CHECK(fixture_ask_as(f, &a, NULL, "GET", "/checkpoint", no_body));
    CHECK_PROBLEM(&a, 401, "unauthorized");
    CHECK(strstr(a.head, "WWW-Authenticate: Bearer"));
    CHECK(fixture_ask_as(f, &a, NULL, "GET", "/nowhere", no_body));
    CHECK_PROBLEM(&a, 401, "unauthorized");
    CHECK(fixture_ask_as(f, &a, NULL, "GET", "/healthz", no_body));
    CHECK(a.status == 200);
    CHECK_SPAN(span_of(a.body, a.len), span_lit("ok\n"));
    CHECK(fixture_ask(f, &a, "GET", "/checkpoint", no_body));
    CHECK(a.status == 200 && strstr(a.head, "no-store"));
    CHECK(!strstr(a.head, "Set-Cookie"));
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
}

TEST(serve_tokens_while_they_change)
{
    struct fixture *f = fixture_prepare();
    if (!f)
        return;
    f->settings.tokens[1] = span_lit("the-next-one");
    f->settings.tokens_len = 2;
    if (fixture_create(f) && fixture_start(f, NULL)) {
        CHECK(fixture_ask_as(f, &a, "the-next-one", "GET", "/checkpoint", no_body));
        CHECK(a.status == 200);
        CHECK(fixture_ask(f, &a, "GET", "/checkpoint", no_body));
        CHECK(a.status == 200);
    }
    fixture_free(f);
}

TEST(serve_refuses_what_is_no_request)
{
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    char path[400] = "/";
    memset(path + 1, 'x', 300);
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK_PROBLEM(&a, 404, "not-found");
    CHECK(fixture_ask(f, &a, "GET", "/nowhere", no_body));
    CHECK_PROBLEM(&a, 404, "not-found");
    CHECK(fixture_ask(f, &a, "DELETE", "/append", no_body));
    CHECK_PROBLEM(&a, 405, "method");
    CHECK(strstr(a.head, "Allow: POST"));
    CHECK(fixture_ask(f, &a, "GET", "/api/board?now=5", no_body));
    CHECK_PROBLEM(&a, 400, "query");
    CHECK(fixture_ask(f, &a, "GET", "/checkpoint", span_lit("body")));
    CHECK_PROBLEM(&a, 400, "syntax");
    CHECK(fixture_ask(f, &a, "GET", "/blob/XYZ", no_body));
    CHECK_PROBLEM(&a, 404, "not-found");
    CHECK(fixture_ask(f, &a, "GET", "/tile/0/0", no_body));
    CHECK_PROBLEM(&a, 404, "not-found");
    CHECK(fixture_ask(f, &a, "GET", "/api/dissent/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", no_body));
    CHECK_PROBLEM(&a, 404, "unknown");
    fixture_free(f);
}

TEST(serve_oversize)
{
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    static uint8_t big[3 << 20];
    memset(big, 'a', sizeof big);
    CHECK(fixture_ask(f, &a, "POST", "/append", span_of(big, 60001)));
    CHECK_PROBLEM(&a, 413, "limit");
    CHECK(fixture_ask(f, &a, "POST", "/append", span_of(big, 60000)));
    CHECK_PROBLEM(&a, 400, "syntax");
    CHECK(fixture_ask(f, &a, "PUT",
                      "/release/00000000000000000000000000000000000000000000000000000000000000ab",
                      span_of(big, 66)));
    CHECK_PROBLEM(&a, 413, "limit");
    /* Over what is read to its end: the answer may be cut off by a reset. */
    if (fixture_ask(f, &a, "POST", "/append", span_of(big, sizeof big)))
        CHECK_PROBLEM(&a, 413, "limit");
    CHECK(fixture_ask(f, &a, "GET", "/healthz", no_body));
    CHECK(a.status == 200);
    fixture_free(f);
}

/* Raw bytes; what comes back within two seconds. Says whether the server closed. */
static bool raw_bytes(struct fixture *f, struct span bytes, char *out, size_t cap)
{
    int fd = fixture_connect(f);
    size_t n = 0;
    bool closed = false;
    struct pollfd p = {fd, POLLIN, 0};
    CHECK(send(fd, bytes.p, bytes.len, MSG_NOSIGNAL) == (ssize_t)bytes.len);
    while (n < cap - 1 && poll(&p, 1, 2000) == 1) {
        ssize_t got = recv(fd, out + n, cap - 1 - n, 0);
        closed = got <= 0;
        if (closed)
            break;
        n += (size_t)got;
    }
    out[n] = 0;
    close(fd);
    return closed;
}

static bool raw(struct fixture *f, const char *text, char *out, size_t cap)
{
    return raw_bytes(f, span_str(text), out, cap);
}

TEST(serve_odd_requests)
{
    static char out[65536], head[40000];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
#define AUTH "Host: x\r\nConnection: close\r\nAuthorization: Bearer " FIXTURE_TOKEN "\r\n"
    raw(f, "POST /append HTTP/1.1\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        out, sizeof out);
    CHECK(strstr(out, " 411 ") && strstr(out, "#length"));
    raw(f, "POST /append HTTP/1.1\r\n" AUTH "Content-Length: 99999999999999999999999\r\n\r\n", out,
        sizeof out);
    CHECK(strstr(out, "HTTP/1.1 4"));
    raw(f, "GET /checkpoint%00x HTTP/1.1\r\n" AUTH "\r\n", out, sizeof out);
    CHECK(strstr(out, "HTTP/1.1 4"));
    CHECK(raw(f, "NONSENSE\r\n\r\n", out, sizeof out)); /* it hangs up */
    CHECK(!strstr(out, " 200 "));
    snprintf(head, sizeof head, "GET /checkpoint HTTP/1.1\r\n" AUTH "X: ");
    memset(head + strlen(head), 'y', sizeof head - 100 - strlen(head));
    memcpy(head + sizeof head - 100, "\r\n\r\n", 5);
    raw(f, head, out, sizeof out);
    CHECK(!strstr(out, " 200 "));
    raw(f, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", out, sizeof out);
    CHECK(strstr(out, " 200 "));
    fixture_free(f);
}

/* Where a body ends must not be a matter of opinion: what a proxy takes for the
 * body and the server for the next request is somebody else's request. */
TEST(serve_ends_what_has_two_lengths)
{
#define OPEN "Host: x\r\nAuthorization: Bearer " FIXTURE_TOKEN "\r\n"
#define NEXT "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    static const char *const requests[] = {
        "POST /append HTTP/1.1\r\n" OPEN "Content-Length: 40\r\nContent-Length: 0\r\n\r\n" NEXT,
        "POST /append HTTP/1.1\r\n" OPEN "Content-Length: 0\r\nContent-Length: 40\r\n\r\n" NEXT,
        "POST /append HTTP/1.1\r\n" OPEN "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" NEXT,
        "POST /append HTTP/1.1\r\n" OPEN
        "Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT,
        "POST /append HTTP/1.1\r\n" OPEN
        "Transfer-Encoding: gzip, chunked\r\nContent-Length: 0\r\n\r\n" NEXT,
        "POST /append HTTP/1.1\r\n" OPEN "Transfer-Encoding: odd\r\n\r\n" NEXT,
        "GET /checkpoint HTTP/1.1\r\n" OPEN "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT,
        "GET /checkpoint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT,
        "GET /nowhere HTTP/1.1\r\n" OPEN "Content-Length: 0\r\nContent-Length: 4\r\n\r\n" NEXT,
        "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\n" NEXT,
    };
    static char out[65536];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    for (size_t i = 0; i < DEMUR_COUNT(requests); i++) {
        bool closed = raw(f, requests[i], out, sizeof out);
        const char *first = strstr(out, "HTTP/1.1 4");
        if (!closed || first != out || strstr(out + 1, "HTTP/1.1 "))
            test_failed(__FILE__, __LINE__, "request %zu: %s %.300s", i,
                        closed ? "closed" : "left open", out);
    }
    fixture_free(f);
}

TEST(serve_takes_no_nul_in_a_path)
{
    static char out[65536];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    raw_bytes(f, span_lit("GET /checkpoint\0 HTTP/1.1\r\n" AUTH "\r\n"), out, sizeof out);
    CHECK(strstr(out, "HTTP/1.1 4") == out);
    raw_bytes(f, span_lit("GET /checkpoint\0x HTTP/1.1\r\n" AUTH "\r\n"), out, sizeof out);
    CHECK(strstr(out, "HTTP/1.1 4") == out);
    raw_bytes(f, span_lit("GET /healthz\0?x HTTP/1.1\r\n" AUTH "\r\n"), out, sizeof out);
    CHECK(strstr(out, "HTTP/1.1 4") == out);
    raw_bytes(f, span_lit("GET /checkpoint HTTP/1.1\r\n" AUTH "\r\n"), out, sizeof out);
    CHECK(strstr(out, "HTTP/1.1 200") == out);
    fixture_free(f);
}

/* Does the server end a connection that sends `text` and then a byte a second? */
static double slow_life_s(struct fixture *f, const char *text, const char *drip)
{
    int fd = fixture_connect(f);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    for (int i = 0; i < 15; i++) {
        char bytes[4096];
        struct pollfd p = {fd, POLLIN, 0};
        if (poll(&p, 1, 1000) == 1 && recv(fd, bytes, sizeof bytes, 0) <= 0)
            break;
        if (drip && send(fd, drip, 1, MSG_NOSIGNAL) < 0)
            break;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    close(fd);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

TEST(serve_slow_clients_are_dropped)
{
    struct fixture *f = fixture_prepare();
    if (!f)
        return;
    f->settings.limits[DEMUR_LIMIT_HEADER_SECONDS] = 2;
    f->settings.limits[DEMUR_LIMIT_BODY_SECONDS] = 2;
    f->settings.limits[DEMUR_LIMIT_IDLE_SECONDS] = 2;
    if (fixture_create(f) && fixture_start(f, NULL)) {
        double head = slow_life_s(f, "GET /checkpoint HTTP/1.1\r\nHost: x\r\nX: ", "y");
        double silent = slow_life_s(f, "", NULL);
        double body =
            slow_life_s(f, "POST /append HTTP/1.1\r\n" AUTH "Content-Length: 50\r\n\r\ndemur", "x");
        double idle = slow_life_s(f, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", NULL);
        if (head < 1 || head > 8 || silent > 8 || body > 8 || idle > 8)
            test_failed(__FILE__, __LINE__, "seconds: head %f silent %f body %f idle %f", head,
                        silent, body, idle);
        CHECK(fixture_ask(f, &a, "GET", "/metrics", no_body));
        a.body[a.len < sizeof a.body ? a.len : sizeof a.body - 1] = 0;
        CHECK(strstr((char *)a.body, "demur_connections_dropped_total 4\n"));
        CHECK(fixture_stop(f, SIGTERM) == 0);
    }
    fixture_free(f);
}

/* ---- uploads that stand still ------------------------------------------------- */

#define STILL 64
#define UPLOAD(path, length)                                                                       \
    "PUT /blob/" path " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " FIXTURE_TOKEN               \
    "\r\nContent-Length: " length "\r\n\r\n"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static uint64_t metric(struct fixture *f, const char *name)
{
    unsigned long long value = UINT64_MAX;
    char line[64];
    snprintf(line, sizeof line, "\n%s ", name);
    if (!fixture_ask(f, &a, "GET", "/metrics", no_body))
        return UINT64_MAX;
    a.body[a.len < sizeof a.body ? a.len : sizeof a.body - 1] = 0;
    const char *at = strstr((char *)a.body, line);
    if (at)
        sscanf(at + strlen(line), "%llu", &value);
    return value;
}

/* Wait until it has that value; the one it has then. What the last request held
 * is given back after its answer. */
static uint64_t metric_becomes(struct fixture *f, const char *name, uint64_t want)
{
    uint64_t value = metric(f, name);
    for (int i = 0; i < 600 && value != want; i++) {
        usleep(50000);
        value = metric(f, name);
    }
    return value;
}

/* Uploads are counted for what they hold, not for what they say; and however
 * many there are, a record finds room. */
TEST(serve_idle_uploads_keep_nobody_from_filing)
{
    static const char head[] = UPLOAD(ZEROS, "30000000");
    static uint8_t some[200000];
    int fds[STILL];
    struct fixture *f = fixture_prepare();
    if (!f)
        return;
    f->settings.limits[DEMUR_LIMIT_MEMORY] = 8 << 20;
    f->settings.limits[DEMUR_LIMIT_WAITING_BLOBS] = 4ull << 30;
    f->settings.limits[DEMUR_LIMIT_BODY_SECONDS] = 8;
    if (fixture_create(f) && fixture_start(f, NULL) && fixture_tick(f)) {
        for (size_t i = 0; i < STILL; i++) {
            fds[i] = fixture_connect(f);
            CHECK(send(fds[i], head, strlen(head), MSG_NOSIGNAL) == (ssize_t)strlen(head));
        }
        CHECK(metric_becomes(f, "demur_connections", STILL + 1) == STILL + 1);
        CHECK(metric_becomes(f, "demur_memory_bytes", 0) == 0);
        CHECK(fixture_people(f, 1));
        for (size_t i = 0; i < STILL; i++)
            (void)send(fds[i], some, sizeof some, MSG_NOSIGNAL | MSG_DONTWAIT);
        /* the half of 8 MiB and an answer of some KiB: whoever wants more is cut off */
        for (int i = 0; i < 20; i++) {
            CHECK(metric(f, "demur_memory_bytes") <= (4 << 20) + 65536);
            usleep(20000);
        }
        CHECK(metric(f, "demur_memory_bytes") >= 1 << 20);
        CHECK(!town_invite(f->w, 1, "") && fixture_send(f));
        CHECK(fixture_ask(f, &a, "GET", "/checkpoint", no_body) && a.status == 200);
        for (size_t i = 0; i < STILL; i++)
            close(fds[i]);
        /* libmicrohttpd may overlook an end that comes with the last bytes: the deadline does not
         */
        CHECK(metric_becomes(f, "demur_memory_bytes", 0) == 0);
        CHECK(fixture_stop(f, SIGTERM) == 0);
    }
    fixture_free(f);
}

TEST(serve_uploads_have_to_go_on)
{
    struct fixture *f = fixture_prepare();
    if (!f)
        return;
    f->settings.limits[DEMUR_LIMIT_BODY_SECONDS] = 2;
    if (fixture_create(f) && fixture_start(f, NULL)) {
        double still = slow_life_s(f, UPLOAD(ZEROS, "67108864"), NULL);
        double drip = slow_life_s(f, UPLOAD(ZEROS, "67108864"), "x");
        if (still > 8 || drip > 8)
            test_failed(__FILE__, __LINE__, "seconds: still %f drip %f", still, drip);
    }
    fixture_free(f);
}

/* ---- readers that stand still ------------------------------------------------- */

#define READERS 2

/* Asks and reads nothing: with small segments and a small window, little of a large answer
 * leaves the server's memory. */
static int ask_and_read_nothing(struct fixture *f, const char *path)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    char request[300];
    int segment = 536, window = 4096, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" AUTH "\r\n", path);
    CHECK(!setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment));
    CHECK(!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window));
    CHECK(!connect(fd, (struct sockaddr *)&at, sizeof at));
    CHECK(send(fd, request, strlen(request), 0) == (ssize_t)strlen(request));
    return fd;
}

/* So many invitations that a view of the roster is no small answer. */
static bool invite_many(struct town *w, size_t n)
{
    struct town_key invitation;
    char text[80];
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; i < n && !err; i++) {
        town_key_make(w, &invitation);
        town_begin_by(w, DEMUR_RECORD_INVITE, &w->keeper);
        snprintf(text, sizeof text, "invited-%050zu", i);
        demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(text));
        snprintf(text, sizeof text, "team=%060zu", i);
        demur_put_text(&w->out, DEMUR_FIELD_ATTRIBUTE, span_str(text));
        demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(invitation.public_key, 32));
        err = town_sign_send(w, &w->keeper);
    }
    CHECK_ERR(err, DEMUR_OK);
    return !err;
}

/* What is asked for, in a body of its own: the fixture's has no room for it. */
static size_t drain(void *p, size_t size, size_t n, void *ctx)
{
    (void)p;
    *(size_t *)ctx += size * n;
    return size * n;
}

static long ask_large(struct fixture *f, const char *path, size_t *len)
{
    char url[300];
    long status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Authorization: Bearer " FIXTURE_TOKEN);
    snprintf(url, sizeof url, "%s%s", f->url, path);
    *len = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drain);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, len);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (!curl_easy_perform(curl))
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return status;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Does it grow above that within 20 seconds? */
static bool metric_passes(struct fixture *f, const char *name, uint64_t than)
{
    double until = seconds() + 20;
    while (metric(f, name) <= than && seconds() < until)
        usleep(50000);
    uint64_t is = metric(f, name);
    return is != UINT64_MAX && is > than;
}

/* A server that has 1.5 MiB for answers, and a view that is a third of it at most. */
static struct fixture *crowded(uint64_t body_seconds, size_t *len)
{
    struct fixture *f = fixture_prepare();
    if (!f)
        return NULL;
    f->settings.limits[DEMUR_LIMIT_MEMORY] = 2 << 20;
    f->settings.limits[DEMUR_LIMIT_BODY_SECONDS] = body_seconds;
    if (!fixture_keeper(f) && invite_many(f->w, 1400) && fixture_create(f) &&
        fixture_start(f, NULL) && ask_large(f, "/api/roster", len) == 200 &&
        *len > DEMUR_PROGRESS && *len < (512 << 10) - DEMUR_BLOB_BLOCK)
        return f;
    test_failed(__FILE__, __LINE__, "no server, or an answer of %zu bytes", *len);
    fixture_free(f);
    return NULL;
}

/* A few of them would hold all that answers get: they lose it when it is wanted. */
TEST(serve_readers_that_stand_still_keep_no_answer_from_others)
{
    int fds[READERS];
    size_t len = 0;
    struct fixture *f = crowded(36, &len);
    if (!f)
        return;
    size_t held = len + DEMUR_BLOB_BLOCK;
    for (size_t i = 0; i < READERS; i++) {
        fds[i] = ask_and_read_nothing(f, "/api/roster");
        CHECK(metric_becomes(f, "demur_memory_bytes", (i + 1) * held) == (i + 1) * held);
    }
    double until = seconds() + 30;
    while (ask_large(f, "/api/roster", &len) != 200 && seconds() < until)
        usleep(50000);
    CHECK(seconds() < until);
    CHECK(metric_passes(f, "demur_connections_displaced_total", 0)); /* it was short */
    CHECK(metric(f, "demur_connections_dropped_total") == 0);
    for (size_t i = 0; i < READERS; i++)
        close(fds[i]);
    CHECK(metric_becomes(f, "demur_memory_bytes", 0) == 0);
    fixture_free(f);
}

/* And in any case they have no longer for it than for a body. */
TEST(serve_readers_that_stand_still_are_dropped)
{
    size_t len = 0;
    struct fixture *f = crowded(2, &len);
    if (!f)
        return;
    int fd = ask_and_read_nothing(f, "/api/roster");
    CHECK(metric_passes(f, "demur_connections_dropped_total", 0));
    close(fd);
    fixture_free(f);
}

TEST(serve_connections_are_limited_and_come_back)
{
    struct fixture *f = fixture_prepare();
    int fds[40];
    if (!f)
        return;
    f->settings.limits[DEMUR_LIMIT_CONNECTIONS] = 8;
    f->settings.limits[DEMUR_LIMIT_HEADER_SECONDS] = 2;
    if (fixture_create(f) && fixture_start(f, NULL)) {
        for (size_t i = 0; i < DEMUR_COUNT(fds); i++)
            fds[i] = fixture_connect(f);
        /* Whoever waits is served once the idle ones have been dropped. */
        CHECK(fixture_ask(f, &a, "GET", "/healthz", no_body));
        CHECK(a.status == 200);
        for (size_t i = 0; i < DEMUR_COUNT(fds); i++)
            if (fds[i] >= 0)
                close(fds[i]);
    }
    fixture_free(f);
}

/* As many connections as it promises, or no start. */
TEST(serve_has_a_descriptor_for_each_connection)
{
    int status = 0, fds[150];
    struct fixture *f = fixture_prepare();
    if (!f)
        return;
    f->settings.limits[DEMUR_LIMIT_CONNECTIONS] = 300;
    if (fixture_create(f)) {
        f->files_soft = 100;
        f->files_hard = 299;
        CHECK(!fixture_start(f, &status) && status == 1);
        CHECK(strstr(f->diag.text, "`limit connections 300` wants") &&
              strstr(f->diag.text, "the system allows 299"));
        f->files_hard = 0;
        CHECK(fixture_start(f, NULL));
        for (size_t i = 0; i < DEMUR_COUNT(fds); i++)
            fds[i] = fixture_connect(f);
        CHECK(fixture_ask(f, &a, "GET", "/checkpoint", no_body) && a.status == 200);
        CHECK(fixture_ask(f, &a, "GET", "/metrics", no_body) && a.status == 200);
        for (size_t i = 0; i < DEMUR_COUNT(fds); i++)
            close(fds[i]);
    }
    fixture_free(f);
}

TEST(serve_plain_http_only_on_loopback)
{
    int status = 0;
    struct fixture *f = fixture_prepare();
    if (!f)
        return;
    f->listen = "0.0.0.0:0";
    if (fixture_create(f)) {
        CHECK(!fixture_start(f, &status));
        CHECK(status == 2);
        CHECK(strstr(f->diag.text, "plain HTTP is only served on a loopback address"));
        f->listen = "localhost:0";
        CHECK(!fixture_start(f, &status));
        CHECK(strstr(f->diag.text, "no address to listen at"));
        f->listen = "[::1]:0";
        if (fixture_start(f, &status)) {
            CHECK(!strncmp(f->url, "http://[::1]:", 13));
            CHECK(fixture_stop(f, SIGINT) == 0);
        }
    }
    fixture_free(f);
}

TEST(serve_behind_a_proxy)
{
    struct fixture *f = fixture_prepare();
    if (!f)
        return;
    f->settings.behind_proxy = true;
    f->settings.listen = span_lit("0.0.0.0:0");
    if (fixture_create(f)) {
        CHECK(fixture_start(f, NULL));
        CHECK(fixture_stop(f, SIGTERM) == 0);
    }
    fixture_free(f);
}

TEST(serve_tiles_and_caching)
{
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    char path[64];
    size_t n = f->w->entries_len;
    snprintf(path, sizeof path, "/tile/entries/000.p/%zu", n);
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK(a.status == 200 && strstr(a.head, "immutable"));
    struct span rest = span_of(a.body, a.len), entry;
    for (size_t i = 0; i < n; i++) {
        REQUIRE(demur_bundle_next(&rest, &entry));
        CHECK_SPAN(entry, span_of(f->w->entries[i].bytes, f->w->entries[i].len));
    }
    CHECK(!rest.len);
    snprintf(path, sizeof path, "/tile/0/000.p/%zu", n);
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK(a.status == 200 && a.len == 32 * n);
    CHECK(fixture_ask(f, &a, "GET", "/tile/0/000.p/1", no_body)); /* of an earlier size */
    CHECK(a.status == 200 && a.len == 32 && !memcmp(a.body, f->w->fingerprint, 32));
    CHECK(fixture_ask(f, &a, "HEAD", "/tile/0/000.p/1", no_body));
    CHECK(a.status == 200 && !a.len && strstr(a.head, "Content-Length: 32"));
    snprintf(path, sizeof path, "/tile/0/000.p/%zu", n + 1);
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK_PROBLEM(&a, 404, "unknown");
    CHECK(fixture_ask(f, &a, "GET", "/tile/0/000", no_body));
    CHECK_PROBLEM(&a, 404, "unknown");
    CHECK(fixture_ask(f, &a, "GET", "/tile/1/000.p/1", no_body));
    CHECK_PROBLEM(&a, 404, "unknown");
    CHECK(fixture_ask(f, &a, "GET", "/tile/63/000.p/1", no_body));
    CHECK(a.status == 404);
    fixture_free(f);
}

TEST(serve_views)
{
    static const char *const paths[] = {"/api/channel", "/api/policy", "/api/calendars",
                                        "/api/roster", "/api/board"};
    static uint8_t view[65536];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    for (size_t i = 0; i < DEMUR_COUNT(paths); i++) {
        CHECK(fixture_ask(f, &a, "GET", paths[i], no_body));
        CHECK(a.status == 200 && a.len > 2 && a.body[0] == '{' && a.body[a.len - 1] == '\n');
        CHECK(strstr(a.head, "application/json") && strstr(a.head, "no-store"));
    }
    struct buf out = buf_over(view, sizeof view);
    CHECK_ERR(demur_view_channel(f->w->c, f->w->now, &out), DEMUR_OK);
    CHECK(fixture_ask(f, &a, "GET", "/api/channel", no_body));
    CHECK_SPAN(span_of(a.body, a.len), buf_span(&out)); /* the town's own view of its copy */
    CHECK(fixture_ask(f, &a, "GET", "/openapi.yaml", no_body));
    const struct demur_embedded *file = demur_embedded_find("docs/api/openapi.yaml");
    CHECK_SPAN(span_of(a.body, a.len), span_of(file->bytes, file->len));
    CHECK(fixture_ask(f, &a, "GET", "/metrics", no_body));
    CHECK(a.status == 200);
    fixture_free(f);
}

TEST(serve_create_is_all_or_nothing)
{
    struct fixture *f = fixture_prepare();
    if (!f)
        return;
    uint8_t other[64] = {5};
    struct span records[8];
    struct demur_server_birth birth = {.dir = f->dir,
                                       .settings = &f->settings,
                                       .log_seed = other,
                                       .server_seed = f->w->server.secret,
                                       .at = f->w->now,
                                       .records = records};
    for (size_t i = 0; i < f->w->entries_len; i++)
        records[birth.records_len++] = fixture_record(f, i);
    CHECK_ERR(demur_server_create(&birth, &f->diag), DEMUR_ERR_KEY);
    CHECK(access(f->dir, F_OK) != 0);
    birth.log_seed = f->w->log.secret;
    CHECK_ERR(demur_server_create(&birth, &f->diag), DEMUR_ERR_MISSING); /* no blobs */
    CHECK(access(f->dir, F_OK) != 0);
    CHECK(fixture_create(f)); /* and nothing of it is in the way */
    birth.records_len = 1;
    CHECK_ERR(demur_server_create(&birth, &f->diag), DEMUR_ERR_IO);
    CHECK(strstr(f->diag.text, "not empty"));
    CHECK(fixture_start(f, NULL)); /* nor has it hurt what is there */
    fixture_free(f);
}
