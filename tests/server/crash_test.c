/* Killing the server, its signer or both, at every step of a commit and at any
 * moment: nothing that was promised is lost, nothing is filed twice, and no two
 * heads of one size are ever seen. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../core/receipt.h"
#include "fixture.h"

#define EACH 6 /* records a round */

/* Shared by the test, the server and the signer. */
struct bomb {
    uint64_t *clock_s;
    int point, countdown; /* -1: none */
};

static uint64_t bomb_clock(void *ctx)
{
    return __atomic_load_n(((struct bomb *)ctx)->clock_s, __ATOMIC_SEQ_CST);
}

static void bomb_at(void *ctx, enum demur_server_point point)
{
    struct bomb *b = ctx;
    if ((int)point != b->point || --b->countdown)
        return;
    if (point == DEMUR_POINT_PERSISTED)
        kill(getppid(), SIGKILL);
    kill(getpid(), SIGKILL);
}

static struct fixture_answer a;

/* The root that the town's own log has at that size. */
static void town_root(const struct fixture *f, uint64_t size, uint8_t root[32])
{
    struct demur_frontier frontier;
    uint8_t leaf[32];
    demur_frontier_init(&frontier);
    for (size_t i = 0; i < size; i++) {
        demur_merkle_leaf(leaf, span_of(f->w->entries[i].bytes, f->w->entries[i].len));
        CHECK(demur_frontier_append(&frontier, leaf));
    }
    demur_frontier_root(&frontier, root);
}

/* A receipt for entry i at its own index, under a head that is the town's. */
static bool receipt_fits(const struct fixture *f, size_t i)
{
    struct demur_receipt receipt;
    uint8_t root[32];
    if (!fixture_receipt_ok(f, &a, i) ||
        demur_receipt_parse(&receipt, span_of(a.body, a.len), NULL) || receipt.index != i ||
        receipt.head.size > f->w->entries_len)
        return false;
    town_root(f, receipt.head.size, root);
    return !memcmp(root, receipt.head.root, 32);
}

static void receipts_check(struct fixture *f, size_t from)
{
    for (size_t i = from; i < f->sent; i++) {
        uint8_t leaf[32];
        char hex[65], path[96];
        demur_merkle_leaf(leaf, span_of(f->w->entries[i].bytes, f->w->entries[i].len));
        sodium_bin2hex(hex, sizeof hex, leaf, 32);
        snprintf(path, sizeof path, "/receipt/%s", hex);
        if (!fixture_ask(f, &a, "GET", path, span_of(NULL, 0)) || !receipt_fits(f, i))
            test_failed(__FILE__, __LINE__, "the receipt of entry %zu is lost", i);
    }
}

static bool records_write(struct fixture *f, unsigned *serial)
{
    struct town *w = f->w;
    for (int i = 0; i < EACH; i++) {
        char handle[16];
        struct town_key invitation;
        town_key_make(w, &invitation);
        snprintf(handle, sizeof handle, "c%u", (*serial)++);
        town_begin_by(w, DEMUR_RECORD_INVITE, &w->keeper);
        demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(handle));
        demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(invitation.public_key, 32));
        if (town_sign_send(w, &w->keeper))
            return false;
    }
    return true;
}

/* Send until the server dies or everything is filed; says whether it died. */
static bool send_until_death(struct fixture *f)
{
    for (; f->sent < f->w->entries_len; f->sent++) {
        if (!fixture_ask(f, &a, "POST", "/append", fixture_record(f, f->sent)))
            return true;
        if (a.status == 503)
            return true;
        if (!receipt_fits(f, f->sent)) {
            test_failed(__FILE__, __LINE__, "entry %zu: %ld", f->sent, a.status);
            return false;
        }
    }
    return false;
}

static void reap(struct fixture *f)
{
    if (f->server > 0)
        waitpid(f->server, NULL, 0);
    f->server = -1;
}

static struct fixture *bombed_new(struct bomb **out, struct demur_server_hooks *hooks)
{
    struct fixture *f = fixture_new();
    struct bomb *b =
        mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!f || b == MAP_FAILED || !fixture_people(f, 1)) {
        fixture_free(f);
        return NULL;
    }
    *b = (struct bomb){f->clock_s, -1, 0};
    *hooks = (struct demur_server_hooks){b, bomb_at, bomb_clock, NULL};
    f->unconfined = true;
    f->hooks = hooks;
    CHECK(fixture_stop(f, SIGTERM) == 0);
    *out = b;
    return f;
}

TEST(crash_at_every_step)
{
    struct bomb *bomb;
    struct demur_server_hooks hooks;
    unsigned serial = 0, deaths = 0;
    int rounds = test_quick() ? 1 : 7;
    struct fixture *f = bombed_new(&bomb, &hooks);
    REQUIRE(f != NULL);
    for (int round = 0; round < rounds; round++) {
        for (int point = DEMUR_POINT_FOLDED; point <= DEMUR_POINT_PUBLISHED; point++) {
            size_t checked = f->sent > 12 ? f->sent - 12 : 0;
            if (!fixture_start(f, NULL) || !records_write(f, &serial)) {
                test_failed(__FILE__, __LINE__, "round %d point %d: %s", round, point,
                            f->diag.text);
                fixture_free(f);
                return;
            }
            receipts_check(f, checked);
            *bomb = (struct bomb){f->clock_s, point, 1 + (round + point) % EACH};
            deaths += send_until_death(f);
            reap(f);
            *bomb = (struct bomb){f->clock_s, -1, 0};
        }
    }
    CHECK(deaths == (unsigned)rounds * 5);
    CHECK(fixture_start(f, NULL));
    CHECK(!send_until_death(f) && f->sent == f->w->entries_len);
    receipts_check(f, 0);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
}

/* Committed, not signed; then killed again while that is mended. */
TEST(crash_while_recovering)
{
    struct bomb *bomb;
    struct demur_server_hooks hooks;
    unsigned serial = 0;
    struct fixture *f = bombed_new(&bomb, &hooks);
    REQUIRE(f != NULL);
    REQUIRE(fixture_start(f, NULL) && records_write(f, &serial));
    *bomb = (struct bomb){f->clock_s, DEMUR_POINT_COMMITTED, 2};
    CHECK(send_until_death(f));
    reap(f);
    for (int again = 0; again < 2; again++) {
        *bomb = (struct bomb){f->clock_s, DEMUR_POINT_PERSISTED, 1};
        /* The second time the signer has it already, and there is nothing to persist. */
        CHECK(fixture_start(f, NULL) == (again == 1));
    }
    CHECK(bomb->countdown == 1);
    bomb->point = -1;
    CHECK(!send_until_death(f) && f->sent == f->w->entries_len);
    receipts_check(f, 0);
    fixture_free(f);
}

TEST(crash_at_any_moment)
{
    struct bomb *bomb;
    struct demur_server_hooks hooks;
    unsigned serial = 0;
    uint64_t state = 11;
    int rounds = test_quick() ? 3 : 30;
    struct fixture *f = bombed_new(&bomb, &hooks);
    REQUIRE(f != NULL);
    for (int round = 0; round < rounds; round++) {
        if (!fixture_start(f, NULL) || !records_write(f, &serial)) {
            test_failed(__FILE__, __LINE__, "round %d: %s", round, f->diag.text);
            fixture_free(f);
            return;
        }
        pid_t killer = fork();
        if (!killer) {
            usleep((useconds_t)(test_random_u64(&state) % 60000));
            kill(f->server, SIGKILL);
            _exit(0);
        }
        test_random_u64(&state);
        send_until_death(f);
        waitpid(killer, NULL, 0);
        reap(f);
    }
    CHECK(fixture_start(f, NULL));
    CHECK(!send_until_death(f) && f->sent == f->w->entries_len);
    receipts_check(f, 0);
    fixture_free(f);
}

static pid_t signer_of(pid_t server)
{
    char path[96];
    int signer = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server, (int)server);
    FILE *children = fopen(path, "r");
    if (!children || fscanf(children, "%d", &signer) != 1)
        signer = 0;
    if (children)
        fclose(children);
    return signer;
}

/* Stands in each commit until so many may go on. */
struct gate {
    uint64_t *clock_s;
    int reached, open;
};

static uint64_t gate_clock(void *ctx)
{
    return __atomic_load_n(((struct gate *)ctx)->clock_s, __ATOMIC_SEQ_CST);
}

static bool gate_wait(const int *figure, int until)
{
    for (int ms = 0; ms < 20000 && __atomic_load_n(figure, __ATOMIC_SEQ_CST) < until; ms += 10)
        usleep(10000);
    return __atomic_load_n(figure, __ATOMIC_SEQ_CST) >= until;
}

static void gate_at(void *ctx, enum demur_server_point point)
{
    struct gate *g = ctx;
    if (point != DEMUR_POINT_COMMITTED)
        return;
    (void)gate_wait(&g->open, __atomic_add_fetch(&g->reached, 1, __ATOMIC_SEQ_CST));
}

/* A server that stands in its commits, with one person invited; `f->hooks` is `hooks`. */
static struct fixture *gated_new(struct gate **out, struct demur_server_hooks *hooks)
{
    struct gate *g =
        mmap(NULL, sizeof *g, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct fixture *f = g != MAP_FAILED ? fixture_new() : NULL;
    if (!f)
        return NULL;
    *g = (struct gate){.clock_s = f->clock_s};
    *hooks = (struct demur_server_hooks){g, gate_at, gate_clock, NULL};
    *out = g;
    CHECK(fixture_people(f, 1) && fixture_stop(f, SIGTERM) == 0);
    f->hooks = hooks;
    if (fixture_start(f, NULL))
        return f;
    fixture_free(f);
    return NULL;
}

/* A request, and the first `now` bytes of its body. */
static int ask_begun(struct fixture *f, const char *head, struct span body, size_t now)
{
    char text[512];
    int fd = fixture_connect(f);
    snprintf(text, sizeof text,
             "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n"
             "Authorization: Bearer " FIXTURE_TOKEN "\r\n\r\n",
             head, body.len);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(!now || write(fd, body.p, now) == (ssize_t)now);
    return fd;
}

static int ask_raw(struct fixture *f, const char *head, struct span body)
{
    return ask_begun(f, head, body, body.len);
}

/* The signer dies in the middle of a commit. Whoever waited for it to end is not
 * told what the log does not hold. */
TEST(crash_shows_nothing_uncommitted)
{
    static const char *const waiting[] = {"GET /api/roster", "GET /api/channel"};
    static char answer[1 << 16];
    int fds[DEMUR_COUNT(waiting)], how = 0;
    struct gate *g;
    struct demur_server_hooks hooks;
    struct fixture *f = gated_new(&g, &hooks);
    REQUIRE(f != NULL);
    pid_t signer = signer_of(f->server);
    if (!signer) {
        test_skip("/proc does not tell a process's children here");
    } else {
        CHECK(!town_invite(f->w, 1, ""));
        int append = ask_raw(f, "POST /append", fixture_record(f, f->sent));
        gate_wait(&g->reached, 1);
        for (size_t i = 0; i < DEMUR_COUNT(waiting); i++)
            fds[i] = ask_raw(f, waiting[i], span_of(NULL, 0));
        usleep(500000); /* so that they wait for the commit */
        kill(signer, SIGKILL);
        __atomic_store_n(&g->open, INT_MAX, __ATOMIC_SEQ_CST);
        for (size_t i = 0; i < DEMUR_COUNT(waiting); i++) {
            size_t n = 0;
            for (ssize_t got; n < sizeof answer - 1 &&
                              (got = read(fds[i], answer + n, sizeof answer - 1 - n)) > 0;)
                n += (size_t)got;
            answer[n] = 0;
            if (n && strncmp(answer, "HTTP/1.1 503 ", 13) != 0)
                test_failed(__FILE__, __LINE__, "%s: %.600s", waiting[i], answer);
            close(fds[i]);
        }
        close(append);
        waitpid(f->server, &how, 0);
        f->server = -1;
        CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 1);
        f->hooks = NULL;
        REQUIRE(fixture_start(f, NULL) && fixture_send(f));
    }
    fixture_free(f);
    munmap(g, sizeof *g);
}

/* The status of what comes within the time; 0 for nothing. */
static long answer_within(int fd, int ms)
{
    char text[64] = "";
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, ms) != 1 || read(fd, text, sizeof text - 1) < 13)
        return 0;
    return strtol(text + strlen("HTTP/1.1 "), NULL, 10);
}

/* A refusal that rests on another record of the same batch is not told before that one is
 * in the published log: it may never get there. */
TEST(crash_refuses_nothing_for_the_sake_of_what_may_be_lost)
{
    struct gate *g;
    struct demur_server_hooks hooks;
    struct fixture *f = gated_new(&g, &hooks);
    REQUIRE(f != NULL);
    struct town *w = f->w;
    struct town_key other;
    static uint8_t again[4096];
    struct buf record = buf_over(again, sizeof again);
    CHECK(!town_invite(w, 1, "") && !town_invite(w, 2, ""));
    town_key_make(w, &other); /* the same handle for somebody else */
    town_begin_by(w, DEMUR_RECORD_INVITE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("m2"));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(other.public_key, 32));
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->keeper.secret);
    buf_put_span(&record, buf_span(&w->out));
    int first = ask_raw(f, "POST /append", fixture_record(f, f->sent));
    CHECK(gate_wait(&g->reached, 1));
    int second = ask_raw(f, "POST /append", fixture_record(f, f->sent + 1));
    usleep(200000);
    int refused = ask_raw(f, "POST /append", buf_span(&record));
    usleep(200000);
    __atomic_store_n(&g->open, 1, __ATOMIC_SEQ_CST);
    CHECK(gate_wait(&g->reached, 2));
    CHECK(answer_within(refused, 500) == 0);
    __atomic_store_n(&g->open, INT_MAX, __ATOMIC_SEQ_CST);
    CHECK(answer_within(first, 20000) == 200);
    CHECK(answer_within(second, 20000) == 200);
    CHECK(answer_within(refused, 20000) == 409);
    close(first);
    close(second);
    close(refused);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
    munmap(g, sizeof *g);
}

/* The signer dies under the last commit of a server that was told to stop. */
TEST(crash_while_stopping_is_no_success)
{
    int how = 0;
    struct gate *g;
    struct demur_server_hooks hooks;
    struct fixture *f = gated_new(&g, &hooks);
    REQUIRE(f != NULL);
    pid_t signer = signer_of(f->server);
    if (!signer) {
        test_skip("/proc does not tell a process's children here");
    } else {
        CHECK(!town_invite(f->w, 1, ""));
        struct span record = fixture_record(f, f->sent);
        int append = ask_begun(f, "POST /append", record, record.len - 1);
        CHECK(fixture_ask(f, &a, "GET", "/healthz", span_of(NULL, 0)) && a.status == 200);
        usleep(200000); /* so that the request has begun */
        kill(f->server, SIGTERM);
        /* It is stopping once nobody is let in any more. */
        for (int fd, ms = 0; ms < 20000 && (fd = fixture_connect(f)) >= 0; ms += 10) {
            close(fd);
            usleep(10000);
        }
        CHECK(write(append, record.p + record.len - 1, 1) == 1);
        gate_wait(&g->reached, 1);
        CHECK(__atomic_load_n(&g->reached, __ATOMIC_SEQ_CST));
        kill(signer, SIGKILL);
        __atomic_store_n(&g->open, INT_MAX, __ATOMIC_SEQ_CST);
        waitpid(f->server, &how, 0);
        f->server = -1;
        close(append);
        CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 1);
        f->hooks = NULL;
        REQUIRE(fixture_start(f, NULL) && fixture_send(f));
    }
    fixture_free(f);
    munmap(g, sizeof *g);
}

/* The signer alone is killed: the server ends with a failure, and recovers. */
TEST(crash_of_the_signer)
{
    struct bomb *bomb;
    struct demur_server_hooks hooks;
    unsigned serial = 0;
    int how = 0;
    struct fixture *f = bombed_new(&bomb, &hooks);
    REQUIRE(f != NULL);
    REQUIRE(fixture_start(f, NULL) && records_write(f, &serial));
    pid_t signer = signer_of(f->server);
    if (!signer)
        test_skip("/proc does not tell a process's children here");
    else
        kill(signer, SIGKILL);
    if (signer) {
        waitpid(f->server, &how, 0);
        f->server = -1;
        CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 1);
        REQUIRE(fixture_start(f, NULL));
        CHECK(!send_until_death(f) && f->sent == f->w->entries_len);
    }
    fixture_free(f);
}

/* An old copy of the store, put back: the signer has seen more. */
TEST(crash_into_an_old_copy_is_refused)
{
    char store[128], copy[128];
    static uint8_t bytes[4 << 20];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    snprintf(store, sizeof store, "%s/log.db", f->dir);
    snprintf(copy, sizeof copy, "%s/log.db", f->parent);
    FILE *from = fopen(store, "rb");
    REQUIRE(from != NULL);
    size_t n = fread(bytes, 1, sizeof bytes, from);
    fclose(from);
    REQUIRE(fixture_start(f, NULL) && fixture_people(f, 1));
    CHECK(fixture_stop(f, SIGTERM) == 0);
    unlink(store);
    FILE *to = fopen(store, "wb");
    CHECK(fwrite(bytes, 1, n, to) == n && fchmod(fileno(to), 0600) == 0);
    fclose(to);
    int status = 0;
    CHECK(!fixture_start(f, &status));
    CHECK(status == 1);
    CHECK(strstr(f->diag.text, "an old copy of the store was put back"));
    fixture_free(f);
}

/* ---- a disk that fails while nobody appends --------------------------------------- */

static bool *disk_fails; /* shared with the server */
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

static ssize_t failing_pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (!__atomic_load_n(disk_fails, __ATOMIC_SEQ_CST))
        return real_pwrite(fd, p, n, at);
    errno = EIO;
    return -1;
}

/* In the server's process: SQLite writes through the function above. */
static void writes_may_fail(void)
{
    static const char *const names[] = {"pwrite", "pwrite64"};
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    for (size_t i = 0; i < DEMUR_COUNT(names); i++) {
        sqlite3_syscall_ptr real = vfs->xGetSystemCall(vfs, names[i]);
        if (!real)
            continue;
        real_pwrite = (ssize_t(*)(int, const void *, size_t, off_t))real;
        vfs->xSetSystemCall(vfs, names[i], (sqlite3_syscall_ptr)failing_pwrite);
    }
}

/* A write of a blob has an unknown outcome, after which the store refuses every other:
 * the server ends, so that whoever starts it anew ends that, too. */
TEST(crash_of_the_disk_under_an_upload)
{
    char path[96], hex[65];
    uint8_t hash[32];
    int how = 0;
    pid_t ended = 0;
    struct fixture *f = fixture_new();
    disk_fails =
        mmap(NULL, sizeof *disk_fails, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(f != NULL && disk_fails != MAP_FAILED);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    f->before = writes_may_fail;
    REQUIRE(fixture_start(f, NULL));
    crypto_hash_sha256(hash, (const uint8_t *)"blob", 4);
    sodium_bin2hex(hex, sizeof hex, hash, 32);
    snprintf(path, sizeof path, "/blob/%s", hex);
    __atomic_store_n(disk_fails, true, __ATOMIC_SEQ_CST);
    CHECK(fixture_ask(f, &a, "PUT", path, span_lit("blob")) && a.status == 503);
    __atomic_store_n(disk_fails, false, __ATOMIC_SEQ_CST);
    for (int ms = 0; ms < 20000 && !ended; ms += 20) {
        usleep(20000);
        ended = waitpid(f->server, &how, WNOHANG);
    }
    CHECK(ended == f->server && WIFEXITED(how) && WEXITSTATUS(how) == 1);
    if (ended)
        f->server = -1;
    else
        fixture_stop(f, SIGKILL);
    REQUIRE(fixture_start(f, NULL));
    CHECK(fixture_ask(f, &a, "PUT", path, span_lit("blob")) && a.status == 201);
    fixture_free(f);
    munmap(disk_fails, sizeof *disk_fails);
}
