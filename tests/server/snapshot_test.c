/* The server's snapshot: what is started from it serves the same, and goes on as before;
 * what cannot be believed is not, and the log is folded whole; and one that says another
 * thing than the log, whoever vouches for it, ends the server. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../core/hash.h"
#include "../../server/copy.h"
#include "../../server/engine.h"
#include "../../server/files.h"
#include "../../server/refold.h"
#include "fixture.h"

#define FOUND_WITHIN_MS 60000 /* the log is folded again when nothing else runs */

static struct fixture_answer a;

static void view_add(struct fixture *f, struct demur_hasher *h, const char *path)
{
    CHECK(fixture_ask(f, &a, "GET", path, span_of(NULL, 0)) && a.status == 200);
    demur_hasher_add(h, span_of(a.body, a.len));
}

/* All that the server says of its fold. */
static void views(struct fixture *f, const struct town_case *k, uint8_t out[static 32])
{
    static const char *const paths[] = {"/api/channel", "/api/policy", "/api/calendars",
                                        "/api/roster", "/api/board"};
    struct demur_hasher h;
    char path[80];
    demur_hasher_init(&h);
    for (size_t i = 0; i < DEMUR_COUNT(paths); i++)
        view_add(f, &h, paths[i]);
    snprintf(path, sizeof path, "/api/dissent/%s", k->id);
    view_add(f, &h, path);
    demur_hasher_final(&h, out);
}

static bool slot_path(const struct fixture *f, int slot, char path[static DEMUR_PATH_MAX])
{
    return !demur_path(path, f->dir, demur_snapshot_names[slot], NULL);
}

static uint64_t slot_size(const struct fixture *f, int slot)
{
    struct demur_snapshot s = {0};
    char path[DEMUR_PATH_MAX];
    uint8_t secret[1][64];
    int fd = slot_path(f, slot, path) ? open(path, O_RDONLY) : -1;
    bool good = !demur_key_read(secret[0], f->dir, "server.key", "server-key", NULL) &&
                !demur_snapshot_examine(&s, fd, (const uint8_t(*)[64])secret, 1, NULL);
    close(fd);
    return good ? s.size : 0;
}

/* A channel with people and a dissent; its views. */
static struct fixture *busy_new(struct town_case *k, uint8_t seen[static 32])
{
    struct fixture *f = fixture_new();
    if (!f)
        return NULL;
    bool ok = fixture_people(f, 6) && !town_file(f->w, 0, 0, "people-office", k) &&
              fixture_put_blobs(f) && fixture_send(f);
    CHECK(ok);
    views(f, k, seen);
    return f;
}

static bool invite(struct fixture *f, const char *handle)
{
    struct town *w = f->w;
    struct town_key invitation;
    town_key_make(w, &invitation);
    town_begin_by(w, DEMUR_RECORD_INVITE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(handle));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(invitation.public_key, 32));
    return !town_sign_send(w, &w->keeper) && fixture_send(f);
}

static void check_same(struct fixture *f, const struct town_case *k, const uint8_t seen[static 32],
                       int line)
{
    uint8_t now[32];
    views(f, k, now);
    if (memcmp(seen, now, 32) != 0)
        test_failed(__FILE__, line, "the server says something else than before");
}
#define CHECK_SAME(f, k, seen) check_same(f, k, seen, __LINE__)

TEST(snapshot_start_serves_the_same)
{
    struct town_case k;
    uint8_t seen[32];
    struct fixture *f = busy_new(&k, seen);
    REQUIRE(f);
    for (int round = 0; round < 3; round++) {
        char handle[24];
        CHECK(fixture_stop(f, SIGTERM) == 0);
        CHECK(slot_size(f, round % 2) == f->w->entries_len);
        REQUIRE(fixture_start(f, NULL));
        CHECK_SAME(f, &k, seen);
        snprintf(handle, sizeof handle, "later%d", round);
        CHECK(invite(f, handle)); /* whose receipt is checked */
        CHECK_PROBLEM((fixture_ask(f, &a, "POST", "/append", span_lit("demur say v1\n")), &a), 400,
                      "missing");
        views(f, &k, seen);
    }
    /* What came after the snapshot is folded on top of it. */
    CHECK(fixture_stop(f, SIGKILL) == 128 + SIGKILL);
    REQUIRE(fixture_start(f, NULL));
    CHECK_SAME(f, &k, seen);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
}

/* Put `n` bytes at a place of both files; n 0: cut them there. */
static void spoil(const struct fixture *f, long at, const void *p, size_t n)
{
    for (int slot = 0; slot < DEMUR_SNAPSHOT_SLOTS; slot++) {
        char path[DEMUR_PATH_MAX];
        int fd = slot_path(f, slot, path) ? open(path, O_RDWR) : -1;
        CHECK(fd >= 0 && (n ? pwrite(fd, p, n, at) == (ssize_t)n : ftruncate(fd, (off_t)at) == 0));
        close(fd);
    }
}

TEST(snapshot_that_cannot_be_believed)
{
    static const struct {
        long at;
        size_t n;
    } spoilt[] = {
        {0, 1},   /* no snapshot */
        {20, 1},  /* of another key */
        {48, 1},  /* of another version */
        {60, 1},  /* of another size */
        {70, 1},  /* of another log */
        {100, 1}, /* of another fold */
        {500, 8}, /* altered */
        {900, 0}, /* cut off */
        {0, 0},   /* emptied */
    };
    struct town_case k;
    uint8_t seen[32];
    struct fixture *f = busy_new(&k, seen);
    REQUIRE(f);
    for (size_t i = 0; i < DEMUR_COUNT(spoilt); i += test_quick() ? 4 : 1) {
        CHECK(fixture_stop(f, SIGTERM) == 0);
        CHECK(slot_size(f, 0) || slot_size(f, 1));
        spoil(f, spoilt[i].at, "\xff\xff\xff\xff\xff\xff\xff\xff", spoilt[i].n);
        CHECK(!slot_size(f, 0) && !slot_size(f, 1));
        REQUIRE(fixture_start(f, NULL));
        CHECK_SAME(f, &k, seen);
        CHECK(invite(f, (char[]){'x', (char)('a' + i), 0}));
        views(f, &k, seen);
    }
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
}

/* A snapshot with the right key, size and root, whose last entry has no effect. */
static bool forge(const struct fixture *f)
{
    struct demur_diag diag = {0};
    struct demur_store_head head;
    struct demur_store_bytes last = {0};
    struct demur_engine *e = calloc(1, sizeof *e);
    if (!e)
        return false;
    struct demur_folding folding = {.engine = e, .diag = &diag, .quiet = true};
    demur_frontier_init(&folding.frontier);
    pthread_rwlock_init(&e->lock, NULL);
    e->dir = f->dir;
    e->channel = demur_channel_new();
    demur_snapshots_init(&e->snapshots);
    demur_snapshots_open(&e->snapshots, f->dir);
    demur_snapshots_erase(&e->snapshots);
    bool ok =
        e->channel && !demur_expunge_init(&e->expunge, &diag) &&
        !demur_key_read(e->server_secrets[0], f->dir, "server.key", "server-key", &diag) &&
        !demur_store_open(&e->store, f->dir, DEMUR_STORE_READ, &diag) &&
        !demur_store_head_get(e->store, &head, &diag) &&
        !demur_store_entries(e->store, 0, head.size - 1, demur_folding_entry, &folding, &diag) &&
        !demur_folding_end(&folding) &&
        !demur_store_entry_get(e->store, &last, head.size - 1, &diag);
    if (ok) {
        uint8_t leaf[32];
        demur_merkle_leaf(leaf, span_of(last.p, last.len));
        ok = demur_frontier_append(&folding.frontier, leaf);
        demur_channel_skip(e->channel, demur_channel_last_at(e->channel),
                           span_of(last.p, last.len));
        e->edge.frontier = folding.frontier;
        ok = ok && !demur_snapshot_write(e, &diag);
    }
    if (!ok)
        test_failed(__FILE__, __LINE__, "no forgery: %s", diag.text);
    demur_store_bytes_free(&last);
    demur_store_close(e->store);
    demur_snapshots_close(&e->snapshots);
    demur_channel_free(e->channel);
    demur_list_free(&e->rotates);
    demur_list_free(&e->calendars);
    demur_expunge_free(&e->expunge);
    pthread_rwlock_destroy(&e->lock);
    demur_folding_free(&folding);
    free(e);
    return ok;
}

static void fault_take(void *ctx, const char *text)
{
    if (strstr(text, demur_snapshot_names[0]) && strstr(text, "does not say what"))
        ++*(unsigned *)ctx;
}

TEST(snapshot_of_another_state_ends_the_server)
{
    struct town_case k;
    uint8_t seen[32];
    unsigned told = 0;
    int how = 0;
    pid_t ended = 0;
    struct demur_check_report report;
    struct fixture *f = busy_new(&k, seen);
    REQUIRE(f);
    CHECK(invite(f, "unlucky"));
    views(f, &k, seen);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    REQUIRE(forge(f));
    CHECK_ERR(demur_server_check(f->dir, fault_take, &told, &report, NULL), DEMUR_OK);
    CHECK(told == 1);
    REQUIRE(fixture_start(f, NULL));
    for (int ms = 0; ms < FOUND_WITHIN_MS && !ended; ms += 20) {
        usleep(20000);
        ended = waitpid(f->server, &how, WNOHANG);
    }
    CHECK(ended == f->server && WIFEXITED(how) && WEXITSTATUS(how) != 0);
    if (ended)
        f->server = -1;
    CHECK(!slot_size(f, 0) && !slot_size(f, 1));
    REQUIRE(fixture_start(f, NULL));
    CHECK_SAME(f, &k, seen);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    told = 0;
    CHECK_ERR(demur_server_check(f->dir, fault_take, &told, &report, NULL), DEMUR_OK);
    CHECK(told == 0 && report.faults == 0);
    fixture_free(f);
}

/* Deleted when it is said to be: whoever kills the server while it ends must not find it
 * there at the next start. */
TEST(snapshot_of_another_state_is_deleted_at_once)
{
    struct town_case k;
    uint8_t seen[32];
    struct demur_engine *e = NULL;
    struct demur_diag diag = {0};
    struct fixture *f = busy_new(&k, seen);
    REQUIRE(f);
    CHECK(invite(f, "unlucky"));
    CHECK(fixture_stop(f, SIGTERM) == 0);
    REQUIRE(forge(f));
    CHECK(slot_size(f, 0) == f->w->entries_len);
    REQUIRE(!demur_engine_open(&e, f->dir, false, NULL, &diag) && e->refold);
    struct pollfd p = {demur_refold_fd(e->refold), POLLIN, 0};
    CHECK(poll(&p, 1, FOUND_WITHIN_MS) == 1);
    CHECK_ERR(demur_engine_refolded(e, &diag), DEMUR_ERR_VERIFY);
    CHECK(strstr(diag.text, "it is deleted") != NULL);
    CHECK(!demur_snapshots_any(&e->snapshots));
    /* Nor does the state that was started from it get there again. */
    CHECK_ERR(demur_snapshot_write(e, &diag), DEMUR_ERR_VERIFY);
    CHECK(!demur_snapshots_any(&e->snapshots));
    demur_engine_close(e);
    fixture_free(f);
}

/* Dies while a snapshot is written, when it is told to. */
struct bomb {
    uint64_t *clock_s;
    bool armed;
};

static uint64_t bomb_clock(void *ctx)
{
    return __atomic_load_n(((struct bomb *)ctx)->clock_s, __ATOMIC_SEQ_CST);
}

static void bomb_at(void *ctx, enum demur_server_point point)
{
    if (point == DEMUR_POINT_SNAPSHOT && ((struct bomb *)ctx)->armed)
        kill(getpid(), SIGKILL);
}

TEST(snapshot_cut_off_by_a_crash)
{
    struct town_case k;
    uint8_t seen[32];
    struct bomb *bomb =
        mmap(NULL, sizeof *bomb, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(bomb != MAP_FAILED);
    struct demur_server_hooks hooks = {.ctx = bomb, .at = bomb_at, .clock_s = bomb_clock};
    struct fixture *f = busy_new(&k, seen);
    REQUIRE(f);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    uint64_t first = slot_size(f, 0);
    CHECK(first == f->w->entries_len);
    bomb->clock_s = f->clock_s;
    f->unconfined = true; /* else it may not kill itself */
    f->hooks = &hooks;
    for (int round = 0; round < 2; round++) {
        REQUIRE(fixture_start(f, NULL));
        CHECK(invite(f, round ? "one" : "two"));
        views(f, &k, seen);
        bomb->armed = true;
        CHECK(fixture_stop(f, SIGTERM) == 128 + SIGKILL);
        bomb->armed = false;
        CHECK(slot_size(f, 0) == first && slot_size(f, 1) == 0);
        REQUIRE(fixture_start(f, NULL));
        CHECK_SAME(f, &k, seen);
        CHECK(fixture_stop(f, SIGKILL) == 128 + SIGKILL);
    }
    REQUIRE(fixture_start(f, NULL));
    CHECK(fixture_stop(f, SIGTERM) == 0);
    CHECK(slot_size(f, 0) == first && slot_size(f, 1) == f->w->entries_len);
    fixture_free(f);
    munmap(bomb, sizeof *bomb);
}
