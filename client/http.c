/* HTTP with libcurl: one connection, limits on everything, clear sentences. */
#include "internal.h"

#include <curl/curl.h>
#include <stdlib.h>

#define TRIES 3
#define SLOWEST 512 /* bytes a second: slower than that is silence */

struct http {
    CURL *curl;
    long patience_s;
    struct curl_slist *headers;
    bool proxied;
    char url[DEMUR_URL_MAX + 1];
    char why[CURL_ERROR_SIZE];
    uint64_t date_s;
};

enum demur_err demur_http_init(struct demur_diag *diag)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
               ? DEMUR_OK
               : demur_fail(diag, DEMUR_ERR_IO, "the HTTP library does not start");
}

static bool add_header(struct http *h, const char *line)
{
    struct curl_slist *list = curl_slist_append(h->headers, line);
    if (list)
        h->headers = list;
    return list != NULL;
}

static bool set_headers(struct http *h, const char *token)
{
    char line[128];
    /* No "Expect: 100-continue", which costs a second against some servers. */
    bool good = add_header(h, "Expect:") && add_header(h, "Content-Type: application/octet-stream");
    if (token && *token) {
        int n = snprintf(line, sizeof line, "Authorization: Bearer %s", token);
        good = good && n > 0 && (size_t)n < sizeof line && add_header(h, line);
    }
    return good;
}

static bool set_options(struct http *h, const struct demur_client_options *o)
{
    CURL *c = h->curl;
    long timeout = o->timeout_s ? (long)o->timeout_s : 60;
    bool good = set_headers(h, o->token);
    h->patience_s = timeout;
    /* NOPROXY "" and PROXY "" keep environment variables out of it: where a
     * person's requests go is said in one place only. */
    good = good && curl_easy_setopt(c, CURLOPT_PROXY, o->proxy ? o->proxy : "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOPROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, timeout < 20 ? timeout : 20L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->why) == CURLE_OK;
    if (o->ca_file)
        good = good && curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file) == CURLE_OK;
    return good;
}

enum demur_err http_new(struct http **out, const struct demur_client_options *options,
                        struct demur_diag *diag)
{
    struct span url = span_str(options->url);
    if (!demur_url_ok(url))
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 0, 0, "url",
                             "\"%.100s\" is no address of a channel: write it as "
                             "https://dissent.example.org, without a slash at its end",
                             options->url);
    if (options->proxy && strncmp(options->proxy, "socks5h://", 10) != 0)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 0, 0, "proxy",
                             "a proxy is given as socks5h://127.0.0.1:9050, so that names are "
                             "looked up beyond it too");
    struct http *h = calloc(1, sizeof *h);
    if (!h)
        return no_memory(diag);
    (void)copy_text(h->url, sizeof h->url, url);
    h->proxied = options->proxy != NULL;
    h->curl = curl_easy_init();
    if (!h->curl || !set_options(h, options)) {
        http_free(h);
        return demur_fail(diag, DEMUR_ERR_IO, "the HTTP library does not take its settings");
    }
    *out = h;
    return DEMUR_OK;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->curl);
    curl_slist_free_all(h->headers);
    free(h);
}

uint64_t http_date(const struct http *h) { return h ? h->date_s : 0; }

/* ---- one request ---- */

struct inflow {
    struct buf body; /* grows up to max */
    size_t max;
    bool too_long, no_memory;
};

static size_t receive(char *bytes, size_t one, size_t n, void *ctx)
{
    struct inflow *in = ctx;
    n *= one;
    if (n > in->max - in->body.len) {
        in->too_long = true;
        return 0;
    }
    if (n > in->body.cap - in->body.len) {
        size_t cap = in->body.cap * 2 + n;
        cap = cap > in->max ? in->max : cap;
        uint8_t *p = realloc(in->body.p, cap + 1);
        if (!p) {
            in->no_memory = true;
            return 0;
        }
        in->body.p = p;
        in->body.cap = cap;
    }
    buf_put(&in->body, bytes, n);
    return n;
}

/* What the answer says that the time is; 0 when it does not, or nothing that is one. */
static uint64_t date_of(CURL *c)
{
    struct curl_header *header;
    if (curl_easy_header(c, "Date", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return 0;
    time_t t = curl_getdate(header->value, NULL);
    return t > 0 ? (uint64_t)t : 0;
}

/* How long nothing may be seen to move. What is sent lies in this machine's and a
 * proxy's buffers at first, and leaves them unseen over a slow line. */
static long silence_s(const struct http *h, struct span body)
{
    size_t unseen = body.len / 16384;
    return h->patience_s + (long)(unseen < 240 ? unseen : 240);
}

static CURLcode perform(struct http *h, enum http_method method, const char *url, struct span body,
                        struct inflow *in, long *status)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET", [HTTP_PUT] = "PUT", [HTTP_POST] = "POST"};
    CURL *c = h->curl;
    h->why[0] = 0;
    bool set = curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, silence_s(h, body)) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_WRITEDATA, in) == CURLE_OK;
    if (method == HTTP_GET)
        set = set && curl_easy_setopt(c, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, NULL) == CURLE_OK;
    else
        set = set && curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, names[method]) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.len ? (const char *)body.p : "") ==
                  CURLE_OK;
    if (!set)
        return CURLE_FAILED_INIT;
    CURLcode code = curl_easy_perform(c);
    h->date_s = code == CURLE_OK ? date_of(c) : 0;
    if (code == CURLE_OK)
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
    return code;
}

static bool may_pass(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR: /* a handshake that broke off looks like this */
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static void wait_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

static enum demur_err unreachable(const struct http *h, CURLcode code, struct demur_diag *diag)
{
    const char *hint = "";
    if (h->proxied && code == CURLE_COULDNT_CONNECT)
        code = CURLE_PROXY; /* nothing else is connected to */
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        hint = ": nothing answers there; is the server running?";
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
        hint = ": that name is not known; is it spelled right, and is this machine online?";
        break;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        hint = ": the proxy does not answer or refuses; is it running?";
        break;
    case CURLE_OPERATION_TIMEDOUT:
        hint = ": it did not answer in time; try again later";
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        hint = ": its certificate is not trusted, so somebody may be in between; --ca-file names "
               "the certificate of an authority of your own";
        break;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        hint = ": the connection broke off; try again";
        break;
    case CURLE_SSL_CONNECT_ERROR:
        hint = ": the connection broke off before it was secure; try again, and see whether its "
               "address begins with https:// or http://";
        break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        hint = ": what answers there is no web server; is the port right?";
        break;
    default:
        return demur_fail(diag, DEMUR_ERR_IO, "cannot reach %.90s: %.120s", h->url,
                          h->why[0] ? h->why : curl_easy_strerror(code));
    }
    return demur_fail(diag, DEMUR_ERR_IO, "cannot reach %.100s%s", h->url, hint);
}

enum demur_err http_send(struct http *h, enum http_method method, const char *path,
                         struct span body, size_t max, struct http_answer *out,
                         struct demur_diag *diag)
{
    char url[DEMUR_URL_MAX + 256];
    int n = snprintf(url, sizeof url, "%s%s", h->url, path);
    if (n < 0 || (size_t)n >= sizeof url)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the address %.100s… is too long", url);
    for (int attempt = 0;; attempt++) {
        struct inflow in = {.body = buf_over(NULL, 0), .max = max};
        long status = 0;
        CURLcode code = perform(h, method, url, body, &in, &status);
        bool again = code == CURLE_OK ? status == 429 || status >= 500 : may_pass(code);
        if (again && status != 501 && attempt + 1 < TRIES) {
            heap_buf_free(&in.body);
            wait_ms(200L << (2 * attempt));
            continue;
        }
        if (code == CURLE_OK && !in.body.p)
            in.body = heap_buf(0);
        if (code == CURLE_OK && in.body.p) {
            *out = (struct http_answer){status, heap_buf_take(&in.body)};
            return DEMUR_OK;
        }
        heap_buf_free(&in.body);
        if (in.too_long)
            return demur_fail(diag, DEMUR_ERR_LIMIT,
                              "the server's answer to %.80s is longer than %zu bytes", path, max);
        return in.no_memory || code == CURLE_OK ? no_memory(diag) : unreachable(h, code, diag);
    }
}

enum demur_err http_want(struct http *h, enum http_method method, const char *path,
                         struct span body, size_t max, struct demur_bytes *out,
                         struct demur_diag *diag)
{
    struct http_answer answer = {0};
    if (!h)
        return demur_fail(diag, DEMUR_ERR_IO,
                          "this works on the local copy alone: give the channel's address");
    /* A refusal explains itself at more length than some answers have. */
    size_t room = max < 65536 ? 65536 : max;
    enum demur_err err = http_send(h, method, path, body, room, &answer, diag);
    if (err)
        return err;
    bool good = answer.status == 200 ||
                (method == HTTP_PUT && (answer.status == 201 || answer.status == 204));
    if (good && answer.body.len > max)
        err = demur_fail(diag, DEMUR_ERR_LIMIT,
                         "the server's answer to %.80s is longer than %zu bytes", path, max);
    else if (!good)
        err = problem_read(answer.status, demur_bytes_span(&answer.body), diag);
    if (!err && out)
        *out = answer.body;
    else
        demur_bytes_free(&answer.body);
    return err;
}
