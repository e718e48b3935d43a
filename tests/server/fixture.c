/* fixture.c - see fixture.h. */
#define _GNU_SOURCE /* nftw, mkdtemp */
#include "fixture.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../core/hash.h"
#include "../../core/receipt.h"
#include "../../core/tile.h"

#define START_WAIT_MS 60000 /* valgrind is slow */
#define FOUNDED 1790000000  /* 2026-09-21, a Monday */

static uint64_t shared_clock(void *ctx)
{
    return __atomic_load_n((uint64_t *)ctx, __ATOMIC_SEQ_CST);
}

static void clock_sync(struct fixture *f)
{
    __atomic_store_n(f->clock_s, f->w->now, __ATOMIC_SEQ_CST);
}

struct fixture *fixture_prepare(void)
{
    static const char *names[] = {"eu-weekdays.calendar", "company.policy"};
    static char texts[2][65536];
    for (size_t i = 0; i < 2; i++) {
        struct span text = test_data(names[i]);
        if (!text.p) {
            test_skip("%s is not loaded", names[i]);
            return NULL;
        }
        memcpy(texts[i], text.p, text.len);
        texts[i][text.len] = 0;
    }
    struct fixture *f = calloc(1, sizeof *f);
    const char *const calendars[][2] = {{"eu-weekdays", texts[0]}};
    if (!f || !(f->w = town_new(FOUNDED, 7, calendars, 1, span_str(texts[1])))) {
        free(f);
        return NULL;
    }
    f->server = -1;
    f->said_fd = -1;
    f->clock_s =
        mmap(NULL, sizeof *f->clock_s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    clock_sync(f);
    snprintf(f->parent, sizeof f->parent, "/tmp/demur-test-XXXXXX");
    if (!mkdtemp(f->parent))
        test_failed(__FILE__, __LINE__, "no temporary directory");
    snprintf(f->dir, sizeof f->dir, "%s/channel", f->parent);
    demur_server_settings_init(&f->settings);
    f->settings.listen = span_lit("127.0.0.1:0");
    f->settings.tokens[0] = span_lit(FIXTURE_TOKEN);
    f->settings.tokens_len = 1;
    return f;
}

struct span fixture_record(const struct fixture *f, size_t i)
{
    struct span entry = span_of(f->w->entries[i].bytes, f->w->entries[i].len);
    bool found;
    span_split(&entry, '\n', &found);
    return entry;
}

bool fixture_create(struct fixture *f)
{
    static struct span records[TOWN_ENTRIES], blobs[TOWN_ENTRIES];
    struct demur_server_birth birth = {.dir = f->dir,
                                       .settings = &f->settings,
                                       .log_seed = f->w->log.secret,
                                       .server_seed = f->w->server.secret,
                                       .at = f->w->now,
                                       .records = records,
                                       .blobs = blobs};
    for (size_t i = 0; i < f->w->entries_len; i++) {
        records[birth.records_len++] = fixture_record(f, i);
        if (f->w->entries[i].text.len)
            blobs[birth.blobs_len++] = f->w->entries[i].text;
    }
    if (demur_server_create(&birth, &f->diag)) {
        test_failed(__FILE__, __LINE__, "create: %s", f->diag.text);
        return false;
    }
    f->sent = f->w->entries_len;
    return true;
}

/* In the child: serve, and end with 0, 1 for an error, 2 for FORBIDDEN. */
static void serve(struct fixture *f, int announce_fd)
{
    struct demur_server_hooks hooks = {.ctx = f->clock_s, .clock_s = shared_clock};
    struct demur_server_config config = {.dir = f->dir,
                                         .listen = f->listen,
                                         .announce_fd = announce_fd,
                                         .unconfined = f->unconfined,
                                         .hooks = &hooks};
    struct demur_diag diag = {0};
    if (f->hooks)
        config.hooks = f->hooks;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    if (f->files_soft)
        files.rlim_cur = f->files_soft;
    if (f->files_hard)
        files.rlim_max = f->files_hard;
    setrlimit(RLIMIT_NOFILE, &files);
    if (!getenv("DEMUR_TEST_JOURNAL")) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO);
        close(null);
    }
    if (f->before)
        f->before();
    enum demur_err err = demur_server_run(&config, &diag);
    if (err)
        dprintf(announce_fd, "%s: %s\n", demur_err_name(err), diag.text);
    _exit(err == DEMUR_OK ? 0 : err == DEMUR_ERR_FORBIDDEN ? 2 : 1);
}

static bool announced(struct fixture *f)
{
    char line[512];
    size_t n = 0;
    struct pollfd p = {f->said_fd, POLLIN, 0};
    unsigned port;
    while (n < sizeof line - 1 && (!n || line[n - 1] != '\n')) {
        if (poll(&p, 1, START_WAIT_MS) != 1 || read(f->said_fd, line + n, 1) != 1)
            break;
        n++;
    }
    line[n] = 0;
    if (sscanf(line, "listening on %127s", f->url) != 1) {
        snprintf(f->diag.text, sizeof f->diag.text, "%.200s", line);
        return false;
    }
    const char *colon = strrchr(f->url, ':');
    if (!colon || sscanf(colon, ":%u", &port) != 1)
        return false;
    f->port = (uint16_t)port;
    return true;
}

bool fixture_start(struct fixture *f, int *status)
{
    int ends[2];
    if (pipe(ends))
        return false;
    fflush(NULL);
    f->server = fork();
    if (f->server == 0) {
        close(ends[0]);
        serve(f, ends[1]);
    }
    close(ends[1]);
    if (f->said_fd >= 0)
        close(f->said_fd);
    f->said_fd = ends[0];
    if (announced(f))
        return true;
    int how = 0;
    waitpid(f->server, &how, 0);
    f->server = -1;
    if (status)
        *status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    return false;
}

int fixture_stop(struct fixture *f, int signal)
{
    int how = 0;
    if (f->server <= 0)
        return -1;
    kill(f->server, signal);
    waitpid(f->server, &how, 0);
    f->server = -1;
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

struct fixture *fixture_new(void)
{
    int status = 0;
    struct fixture *f = fixture_prepare();
    if (!f)
        return NULL;
    if (fixture_create(f) && fixture_start(f, &status) && fixture_tick(f))
        return f;
    test_failed(__FILE__, __LINE__, "the server does not start (%d): %s", status, f->diag.text);
    fixture_free(f);
    return NULL;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

void fixture_free(struct fixture *f)
{
    if (!f)
        return;
    fixture_stop(f, SIGKILL);
    if (f->said_fd >= 0)
        close(f->said_fd);
    nftw(f->parent, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    munmap(f->clock_s, sizeof *f->clock_s);
    town_free(f->w);
    free(f);
}

/* ---- requests --------------------------------------------------------------- */

static size_t body_take(char *p, size_t size, size_t n, void *ctx)
{
    struct fixture_answer *a = ctx;
    if (size * n > sizeof a->body - a->len)
        return 0;
    memcpy(a->body + a->len, p, size * n);
    a->len += size * n;
    return size * n;
}

static size_t head_take(char *p, size_t size, size_t n, void *ctx)
{
    struct fixture_answer *a = ctx;
    size_t len = strlen(a->head);
    if (size * n < sizeof a->head - len) {
        memcpy(a->head + len, p, size * n);
        a->head[len + size * n] = 0;
    }
    return size * n;
}

bool fixture_ask_as(struct fixture *f, struct fixture_answer *a, const char *token,
                    const char *method, const char *path, struct span body)
{
    char url[512], bearer[256];
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    snprintf(url, sizeof url, "%s%s", f->url, path);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token ? token : "");
    if (token)
        headers = curl_slist_append(headers, bearer);
    a->status = 0;
    a->len = 0;
    a->head[0] = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, head_take);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, a);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (!strcmp(method, "HEAD"))
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (body.p) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body.p);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a->status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return code == CURLE_OK;
}

bool fixture_ask(struct fixture *f, struct fixture_answer *a, const char *method, const char *path,
                 struct span body)
{
    return fixture_ask_as(f, a, FIXTURE_TOKEN, method, path, body);
}

int fixture_connect(struct fixture *f)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool fixture_problem(const struct fixture_answer *a, long status, const char *code, int line)
{
    char want[96];
    snprintf(want, sizeof want, "{\"type\":\"about:blank#%s\",", code);
    if (a->status == status && a->len > strlen(want) && !memcmp(a->body, want, strlen(want)) &&
        strstr(a->head, "application/problem+json"))
        return true;
    test_failed(__FILE__, line, "want %ld %s, got %ld %.*s", status, code, a->status,
                (int)(a->len > 300 ? 300 : a->len), (const char *)a->body);
    return false;
}

/* ---- the two logs ------------------------------------------------------------- */

bool fixture_receipt_ok(const struct fixture *f, const struct fixture_answer *a, size_t i)
{
    struct demur_receipt receipt;
    struct demur_checkpoint head;
    struct demur_diag diag = {0};
    uint8_t leaf[32];
    static uint8_t extra[1 << 18];
    struct buf bundle = buf_over(extra, sizeof extra);
    struct span entry = span_of(f->w->entries[i].bytes, f->w->entries[i].len), rest, last, first;
    demur_merkle_leaf(leaf, entry);
    enum demur_err err =
        a->status == 200 ? demur_receipt_parse(&receipt, span_of(a->body, a->len), &diag)
                         : demur_fail(&diag, DEMUR_ERR_IO, "status %ld: %.*s", a->status,
                                      (int)(a->len > 200 ? 200 : a->len), (const char *)a->body);
    if (!err)
        err = demur_receipt_verify(&receipt, demur_channel_origin(f->w->c), f->w->log.public_key,
                                   leaf, &head, &diag);
    if (!err)
        err = demur_receipt_bundle(&receipt, &bundle, &diag);
    if (err) {
        test_failed(__FILE__, __LINE__, "receipt of entry %zu: %s", i, diag.text);
        return false;
    }
    rest = buf_span(&bundle);
    bool any = demur_bundle_next(&rest, &first);
    last = first;
    while (any && demur_bundle_next(&rest, &last))
        ;
    return any && span_eq(last, entry) &&
           span_eq(first, span_of(f->w->entries[0].bytes, f->w->entries[0].len));
}

bool fixture_send(struct fixture *f)
{
    static struct fixture_answer a;
    clock_sync(f);
    for (; f->sent < f->w->entries_len; f->sent++) {
        if (!fixture_ask(f, &a, "POST", "/append", fixture_record(f, f->sent)) ||
            !fixture_receipt_ok(f, &a, f->sent)) {
            test_failed(__FILE__, __LINE__, "entry %zu was not taken: %ld %.*s", f->sent, a.status,
                        (int)(a.len > 200 ? 200 : a.len), (const char *)a.body);
            return false;
        }
    }
    return true;
}

bool fixture_tick(struct fixture *f)
{
    static struct fixture_answer a;
    time_t now = (time_t)f->w->now;
    struct tm utc;
    char day[16];
    gmtime_r(&now, &utc);
    strftime(day, sizeof day, "%Y-%m-%d", &utc);
    clock_sync(f);
    town_begin_by(f->w, DEMUR_RECORD_TICK, &f->w->server);
    demur_put_text(&f->w->out, DEMUR_FIELD_DAY, span_str(day));
    if (town_sign_send(f->w, &f->w->server)) {
        test_failed(__FILE__, __LINE__, "tick: %s", f->w->diag.text);
        return false;
    }
    size_t i = f->w->entries_len - 1;
    /* The same bytes as the server's own: whoever comes first, one entry. */
    bool ok =
        fixture_ask(f, &a, "POST", "/append", fixture_record(f, i)) && fixture_receipt_ok(f, &a, i);
    f->sent = f->w->entries_len;
    return ok;
}

static void hex_path(char *out, size_t cap, const char *before, const uint8_t hash[32])
{
    char hex[65];
    sodium_bin2hex(hex, sizeof hex, hash, 32);
    snprintf(out, cap, "%s%s", before, hex);
}

bool fixture_put_blobs(struct fixture *f)
{
    static struct fixture_answer a;
    static struct demur_record r;
    static uint8_t bytes[1 << 20];
    struct demur_blob_ref refs[16];
    char path[96], hex[65];
    if (demur_record_parse(&r, fixture_record(f, f->w->entries_len - 1), NULL))
        return false;
    size_t n = demur_record_blobs(&r, refs, DEMUR_COUNT(refs));
    for (size_t i = 0; i < n; i++) {
        struct buf b = buf_over(bytes, sizeof bytes);
        hex_path(path, sizeof path, "/blob/", refs[i].hash);
        if (!town_blob_bytes(f->w, refs[i].hash, &b) ||
            !fixture_ask(f, &a, "PUT", path, buf_span(&b)) || a.status != 201) {
            test_failed(__FILE__, __LINE__, "PUT blob: %ld %.*s", a.status,
                        (int)(a.len > 200 ? 200 : a.len), (const char *)a.body);
            return false;
        }
    }
    if (r.type != DEMUR_RECORD_FILE)
        return true;
    demur_record_blob(&r, DEMUR_FIELD_MEMO, 0, &refs[0]);
    hex_path(path, sizeof path, "/release/", refs[0].hash);
    sodium_bin2hex(hex, sizeof hex, f->w->release, 32);
    return fixture_ask(f, &a, "PUT", path, span_str(hex)) && a.status == 204;
}

enum demur_err fixture_keeper(struct fixture *f)
{
    struct town *w = f->w;
    town_begin_by(w, DEMUR_RECORD_ROLE, &w->root);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("people-office"));
    demur_put_text(&w->out, DEMUR_FIELD_CHANGE, span_lit("holds"));
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->keeper.public_key, 32));
    demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(w->keeper.recipient));
    return town_sign_send(w, &w->root);
}

bool fixture_people(struct fixture *f, size_t n)
{
    struct town *w = f->w;
    enum demur_err err = fixture_keeper(f);
    for (size_t i = 0; i < n && !err; i++) {
        err = town_invite(w, i, "");
        if (!err)
            err = town_join(w, i);
    }
    if (err)
        test_failed(__FILE__, __LINE__, "people: %s", w->diag.text);
    return !err && fixture_send(f);
}
