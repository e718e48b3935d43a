/* Expunging: what an accepted `expunge` names is answered with 410 from then on
 * and is in no file of the channel any more, whatever interrupts the server. */
#define _GNU_SOURCE /* MAP_ANONYMOUS, pthread_timedjoin_np */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../core/age.h"
#include "../../core/merkle.h"
#include "../../store/store.h"
#include "fixture.h"

#define RETENTION_S (4ull * 366 * 86400) /* the policy says three years */
#define GONE_WITHIN_MS 20000             /* the server looks twice a second; valgrind is slow */

static struct fixture_answer a;
static const struct span no_body = {NULL, 0};

/* A dissent on the server, said something in, and withdrawn. */
struct ended {
    struct town_case k;
    struct demur_blob_ref memo, card, message;
    uint8_t release[32];
};

static void path_of(char *out, size_t cap, const char *before, const uint8_t hash[32])
{
    char hex[65];
    sodium_bin2hex(hex, sizeof hex, hash, 32);
    snprintf(out, cap, "%s%s", before, hex);
}

static long ask_blob(struct fixture *f, const char *method, const uint8_t hash[32],
                     struct span body)
{
    char path[96];
    path_of(path, sizeof path, "/blob/", hash);
    return fixture_ask(f, &a, method, path, body) ? a.status : -1;
}

static bool said(struct fixture *f, const struct ended *d, const struct demur_blob_ref *message)
{
    town_begin(f->w, DEMUR_RECORD_SAY);
    town_put_on(f->w, &d->k);
    demur_put_blob(&f->w->out, DEMUR_FIELD_MESSAGE, message);
    return !town_sign_send(f->w, &d->k.key) && fixture_send(f);
}

static bool ended_new(struct fixture *f, size_t member, unsigned slot, struct ended *d)
{
    static struct demur_record r;
    bool ok = !town_file(f->w, member, slot, "people-office", &d->k) &&
              !demur_record_parse(&r, fixture_record(f, f->w->entries_len - 1), NULL) &&
              fixture_put_blobs(f) && fixture_send(f);
    if (!ok) {
        test_failed(__FILE__, __LINE__, "file: %s", f->w->diag.text);
        return false;
    }
    memcpy(d->release, f->w->release, 32);
    demur_record_blob(&r, DEMUR_FIELD_MEMO, 0, &d->memo);
    demur_record_blob(&r, DEMUR_FIELD_CARD, 0, &d->card);
    ok = !town_say(f->w, &d->k, -1, NULL) &&
         !demur_record_parse(&r, fixture_record(f, f->w->entries_len - 1), NULL) &&
         fixture_put_blobs(f) && fixture_send(f);
    demur_record_blob(&r, DEMUR_FIELD_MESSAGE, 0, &d->message);
    return ok;
}

static bool withdrawn(struct fixture *f, const struct ended *d)
{
    return !town_withdraw(f->w, &d->k) && fixture_send(f);
}

/* Write `expunge` of two blobs (or of one, given twice) into the town's log, not
 * to the server. */
static enum demur_err expunge_try(struct fixture *f, const struct ended *d, const uint8_t one[32],
                                  const uint8_t two[32])
{
    struct town *w = f->w;
    int order = memcmp(one, two, 32); /* a record's repeated values increase */
    town_begin_by(w, DEMUR_RECORD_EXPUNGE, &w->keeper);
    town_put_on(w, &d->k);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("people-office"));
    demur_put_hash(&w->out, DEMUR_FIELD_BLOB, order < 0 ? one : two);
    if (order)
        demur_put_hash(&w->out, DEMUR_FIELD_BLOB, order < 0 ? two : one);
    enum demur_err err = town_sign_send(w, &w->keeper);
    if (err)
        w->keeper.seq--; /* a refused record used none up */
    return err;
}

static bool expunge_write(struct fixture *f, const struct ended *d, const uint8_t one[32],
                          const uint8_t two[32])
{
    if (!expunge_try(f, d, one, two))
        return true;
    test_failed(__FILE__, __LINE__, "expunge: %s", f->w->diag.text);
    return false;
}

static bool years_pass(struct fixture *f)
{
    f->w->now += RETENTION_S;
    return fixture_tick(f);
}

/* ---- what is on the disk ----------------------------------------------------- */

static bool file_holds(const char *path, const uint8_t needle[static 32])
{
    static uint8_t bytes[16 << 20];
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    CHECK(n < sizeof bytes);
    for (const uint8_t *p = bytes; n >= 32; p++, n--) {
        const uint8_t *at = memchr(p, needle[0], n - 31);
        if (!at)
            return false;
        n -= (size_t)(at - p);
        p = at;
        if (!memcmp(p, needle, 32))
            return true;
    }
    return false;
}

/* Is it in the store's files, in the database or in what is to go there? */
static bool on_disk(const struct fixture *f, const uint8_t needle[static 32])
{
    char path[128];
    snprintf(path, sizeof path, "%s/log.db", f->dir);
    bool there = file_holds(path, needle);
    snprintf(path, sizeof path, "%s/log.db-wal", f->dir);
    return there || file_holds(path, needle);
}

static void blob_start(const struct fixture *f, const struct demur_blob_ref *blob, uint8_t out[32])
{
    static uint8_t bytes[1 << 16];
    struct buf b = buf_over(bytes, sizeof bytes);
    CHECK(town_blob_bytes(f->w, blob->hash, &b));
    memcpy(out, bytes, 32);
}

static bool gone_from_disk(const struct fixture *f, const uint8_t needle[static 32])
{
    for (int ms = 0; ms < GONE_WITHIN_MS; ms += 100) {
        if (!on_disk(f, needle))
            return true;
        usleep(100000);
    }
    return false;
}

/* ---- tests ------------------------------------------------------------------- */

static bool officer_opens(struct fixture *f, const struct ended *d, char path[96])
{
    uint8_t leaf[32];
    if (town_open(f->w, &d->k, 0, "people-office") || !fixture_send(f)) {
        test_failed(__FILE__, __LINE__, "open: %s", f->w->diag.text);
        return false;
    }
    size_t last = f->w->entries_len - 1;
    demur_merkle_leaf(leaf, span_of(f->w->entries[last].bytes, f->w->entries[last].len));
    path_of(path, 96, "/release/", leaf);
    return fixture_ask(f, &a, "GET", path, no_body) && a.status == 200;
}

TEST(expunge_destroys_what_it_names)
{
    struct ended d;
    char open_path[96], release_path[96], key[65];
    uint8_t memo[32], card[32];
    static uint8_t bytes[1 << 16];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    REQUIRE(!town_grant(f->w, 0, "people-office"));
    REQUIRE(fixture_people(f, 6) && ended_new(f, 2, 0, &d) && officer_opens(f, &d, open_path));
    REQUIRE(withdrawn(f, &d) && years_pass(f));
    blob_start(f, &d.memo, memo);
    blob_start(f, &d.card, card);
    CHECK(on_disk(f, memo) && on_disk(f, d.release));

    REQUIRE(expunge_write(f, &d, d.memo.hash, d.message.hash) && fixture_send(f));
    CHECK(ask_blob(f, "GET", d.memo.hash, no_body) == 410);
    CHECK_PROBLEM(&a, 410, "expunged");
    CHECK(ask_blob(f, "GET", d.message.hash, no_body) == 410);
    CHECK(ask_blob(f, "HEAD", d.memo.hash, no_body) == 410);
    CHECK(ask_blob(f, "GET", d.card.hash, no_body) == 200); /* was not named */
    CHECK(fixture_ask(f, &a, "GET", open_path, no_body));
    CHECK_PROBLEM(&a, 410, "expunged");
    CHECK(gone_from_disk(f, memo) && gone_from_disk(f, d.release));
    CHECK(on_disk(f, card));

    /* It does not come back, neither by itself nor with a record. */
    struct buf b = buf_over(bytes, sizeof bytes);
    CHECK(town_blob_bytes(f->w, d.memo.hash, &b));
    CHECK(ask_blob(f, "PUT", d.memo.hash, buf_span(&b)) == 410);
    sodium_bin2hex(key, sizeof key, d.release, 32);
    path_of(release_path, sizeof release_path, "/release/", d.memo.hash);
    CHECK(fixture_ask(f, &a, "PUT", release_path, span_str(key)));
    CHECK_PROBLEM(&a, 410, "expunged");
    CHECK(!on_disk(f, memo) && !on_disk(f, d.release));

    CHECK(fixture_stop(f, SIGTERM) == 0);
    REQUIRE(fixture_start(f, NULL));
    CHECK(ask_blob(f, "GET", d.memo.hash, no_body) == 410);
    CHECK(ask_blob(f, "GET", d.card.hash, no_body) == 200);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    struct demur_store *store = NULL;
    struct demur_store_blob stat;
    REQUIRE(!demur_store_open(&store, f->dir, DEMUR_STORE_READ, NULL));
    CHECK_ERR(demur_store_blob_stat(store, &stat, d.memo.hash, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_blob_stat(store, &stat, d.message.hash, NULL), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_store_release_get(store, d.release, d.memo.hash, NULL), DEMUR_ERR_UNKNOWN);
    demur_store_close(store);
    fixture_free(f);
}

/* Whoever names somebody else's blob neither destroys it with a case of their own
 * nor keeps what its own case has had expunged. */
TEST(expunge_is_for_the_dissent_that_named_it_first)
{
    struct ended one, two;
    char open_path[96];
    struct demur_blob_ref policy = {.size = 0};
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    REQUIRE(!town_grant(f->w, 0, "people-office"));
    REQUIRE(fixture_people(f, 6) && ended_new(f, 2, 0, &one) && ended_new(f, 3, 0, &two));
    REQUIRE(officer_opens(f, &one, open_path));
    for (size_t i = 0; i < f->w->entries_len && !policy.size; i++) {
        static struct demur_record r;
        if (!demur_record_parse(&r, fixture_record(f, i), NULL) && r.type == DEMUR_RECORD_POLICY)
            demur_record_blob(&r, DEMUR_FIELD_TEXT, 0, &policy);
    }
    REQUIRE(said(f, &one, &policy) && said(f, &two, &one.memo));
    REQUIRE(withdrawn(f, &one) && withdrawn(f, &two) && years_pass(f));

    CHECK_ERR(expunge_try(f, &one, policy.hash, policy.hash), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(expunge_try(f, &two, one.memo.hash, one.memo.hash), DEMUR_ERR_UNKNOWN);
    REQUIRE(expunge_write(f, &one, one.memo.hash, one.memo.hash) && fixture_send(f));
    CHECK(ask_blob(f, "GET", one.memo.hash, no_body) == 410);
    CHECK(ask_blob(f, "GET", two.memo.hash, no_body) == 200);
    CHECK(fixture_ask(f, &a, "GET", open_path, no_body));
    CHECK_PROBLEM(&a, 410, "expunged");
    CHECK(gone_from_disk(f, one.release));
    CHECK(fixture_stop(f, SIGTERM) == 0);
    REQUIRE(fixture_start(f, NULL)); /* which needs the policy's text */
    CHECK(ask_blob(f, "GET", one.memo.hash, no_body) == 410);
    CHECK(ask_blob(f, "GET", policy.hash, no_body) == 200);
    fixture_free(f);
}

/* ---- interrupted ----------------------------------------------------------------- */

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
    if ((int)point == b->point && !--b->countdown)
        kill(getpid(), SIGKILL);
}

static void reap(struct fixture *f)
{
    int how = 0, ms = 0;
    while (waitpid(f->server, &how, WNOHANG) == 0 && ms++ < 60000)
        usleep(1000);
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    if (ms < 60000)
        f->server = -1;
}

/* Killed after the entry was published and before anything was deleted, between
 * two deletions, and then once more while that is mended at the next start. */
TEST(expunge_survives_being_killed)
{
    static const struct {
        int point, countdown;
        bool again;
    } cases[] = {{DEMUR_POINT_PUBLISHED, 1, false},
                 {DEMUR_POINT_DESTROYING, 1, false},
                 {DEMUR_POINT_DESTROYING, 2, true}};
    struct ended d[DEMUR_COUNT(cases)];
    uint8_t memo[32], message[32];
    struct bomb *bomb =
        mmap(NULL, sizeof *bomb, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL && bomb != MAP_FAILED);
    struct demur_server_hooks hooks = {bomb, bomb_at, bomb_clock, NULL};
    f->unconfined = true;
    *bomb = (struct bomb){f->clock_s, -1, 0};
    f->hooks = &hooks;
    CHECK(fixture_people(f, 6) && fixture_stop(f, SIGTERM) == 0);
    REQUIRE(fixture_start(f, NULL));
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++)
        REQUIRE(ended_new(f, i + 1, 0, &d[i]) && withdrawn(f, &d[i]));
    REQUIRE(years_pass(f));
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        blob_start(f, &d[i].memo, memo);
        blob_start(f, &d[i].message, message);
        REQUIRE(expunge_write(f, &d[i], d[i].memo.hash, d[i].message.hash));
        *bomb = (struct bomb){f->clock_s, cases[i].point, cases[i].countdown};
        /* Killed before it answers, or soon after. */
        struct span record = fixture_record(f, f->sent);
        bool answered = fixture_ask(f, &a, "POST", "/append", record) && a.status == 200;
        CHECK(answered == (cases[i].point == DEMUR_POINT_DESTROYING));
        reap(f);
        if (cases[i].again) {
            *bomb = (struct bomb){f->clock_s, DEMUR_POINT_DESTROYING, 1};
            if (fixture_start(f, NULL)) /* it may serve before it is killed */
                reap(f);
        }
        *bomb = (struct bomb){f->clock_s, -1, 0};
        CHECK(on_disk(f, memo) || on_disk(f, message));
        REQUIRE(fixture_start(f, NULL));
        /* The start does not wait for who reads the log again meanwhile. */
        CHECK(gone_from_disk(f, memo) && gone_from_disk(f, message) &&
              gone_from_disk(f, d[i].release));
        CHECK(ask_blob(f, "GET", d[i].memo.hash, no_body) == 410);
        REQUIRE(fixture_send(f)); /* the same record: the same entry */
    }
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
    munmap(bomb, sizeof *bomb);
}

/* ---- an upload at the same time ------------------------------------------------ */

/* Stands, once it is closed, before an upload is kept. */
struct gate {
    enum demur_server_point point;
    uint64_t *clock_s;
    bool closed, reached;
};

static uint64_t gate_clock(void *ctx)
{
    return __atomic_load_n(((struct gate *)ctx)->clock_s, __ATOMIC_SEQ_CST);
}

static void gate_at(void *ctx, enum demur_server_point point)
{
    struct gate *g = ctx;
    if (point != g->point || !__atomic_load_n(&g->closed, __ATOMIC_SEQ_CST))
        return;
    __atomic_store_n(&g->reached, true, __ATOMIC_SEQ_CST);
    for (int ms = 0; ms < 30000 && __atomic_load_n(&g->closed, __ATOMIC_SEQ_CST); ms += 10)
        usleep(10000);
}

static struct fixture *gated_new(struct gate **out, struct demur_server_hooks *hooks,
                                 enum demur_server_point point)
{
    struct gate *g =
        mmap(NULL, sizeof *g, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct fixture *f = g != MAP_FAILED ? fixture_new() : NULL;
    if (!f)
        return NULL;
    *g = (struct gate){.clock_s = f->clock_s, .point = point};
    *hooks = (struct demur_server_hooks){g, gate_at, gate_clock, NULL};
    *out = g;
    f->hooks = hooks;
    if (fixture_people(f, 6) && fixture_stop(f, SIGTERM) == 0 && fixture_start(f, NULL))
        return f;
    fixture_free(f);
    return NULL;
}

static bool gate_reached(struct gate *g)
{
    for (int ms = 0; ms < 20000 && !__atomic_load_n(&g->reached, __ATOMIC_SEQ_CST); ms += 10)
        usleep(10000);
    return __atomic_load_n(&g->reached, __ATOMIC_SEQ_CST);
}

struct putting {
    struct fixture *f;
    char path[96];
    struct span bytes;
    struct fixture_answer answer;
};

static void *put_blob(void *arg)
{
    struct putting *p = arg;
    p->answer.status = 0;
    return fixture_ask(p->f, &p->answer, "PUT", p->path, p->bytes) ? p : NULL;
}

/* The bytes are there when their end is published, and kept when they are destroyed. */
TEST(expunge_leaves_nothing_of_an_upload_at_the_same_time)
{
    static uint8_t bytes[1 << 16];
    static struct putting p;
    uint8_t memo[32];
    struct ended d;
    pthread_t thread;
    struct gate *g;
    struct demur_server_hooks hooks;
    struct fixture *f = gated_new(&g, &hooks, DEMUR_POINT_UPLOADED);
    REQUIRE(f != NULL);
    REQUIRE(ended_new(f, 1, 0, &d) && withdrawn(f, &d) && years_pass(f));
    blob_start(f, &d.memo, memo);
    struct buf b = buf_over(bytes, sizeof bytes);
    CHECK(town_blob_bytes(f->w, d.memo.hash, &b));
    p.f = f;
    p.bytes = buf_span(&b);
    path_of(p.path, sizeof p.path, "/blob/", d.memo.hash);
    __atomic_store_n(&g->closed, true, __ATOMIC_SEQ_CST);
    REQUIRE(pthread_create(&thread, NULL, put_blob, &p) == 0);
    CHECK(gate_reached(g));
    REQUIRE(expunge_write(f, &d, d.memo.hash, d.message.hash) && fixture_send(f));
    CHECK(gone_from_disk(f, memo));
    __atomic_store_n(&g->closed, false, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    CHECK_PROBLEM(&p.answer, 410, "expunged");
    CHECK(gone_from_disk(f, memo));
    CHECK(fixture_stop(f, SIGTERM) == 0);
    CHECK(!on_disk(f, memo));
    fixture_free(f);
    munmap(g, sizeof *g);
}

static void *send_record(void *f) { return fixture_send(f) ? f : NULL; }

/* A message of the author's in the blob that is being expunged, and what it is answered. */
static void *say_again(void *arg)
{
    struct putting *p = arg;
    return fixture_ask(p->f, &p->answer, "POST", "/append", p->bytes) ? p : NULL;
}

/* Until the end of a blob is in the published log it may never be: no record is refused for
 * it before that. */
TEST(expunge_refuses_nothing_for_what_may_be_lost)
{
    static struct putting p;
    static uint8_t text[8192];
    struct ended d;
    struct gate *g;
    struct demur_server_hooks hooks;
    pthread_t sending, saying;
    struct fixture *f = gated_new(&g, &hooks, DEMUR_POINT_FOLDED);
    struct buf again = buf_over(text, sizeof text);
    REQUIRE(f != NULL && ended_new(f, 1, 0, &d) && withdrawn(f, &d) && years_pass(f));
    struct town_key key = d.k.key;
    town_begin(f->w, DEMUR_RECORD_SAY);
    town_put_on(f->w, &d.k);
    demur_put_blob(&f->w->out, DEMUR_FIELD_MESSAGE, &d.message);
    demur_put_signature(&f->w->out, DEMUR_FIELD_SIG, key.secret);
    buf_put_span(&again, buf_span(&f->w->out));
    REQUIRE(expunge_write(f, &d, d.memo.hash, d.message.hash));
    __atomic_store_n(&g->closed, true, __ATOMIC_SEQ_CST);
    REQUIRE(pthread_create(&sending, NULL, send_record, f) == 0);
    CHECK(gate_reached(g));
    p.f = f;
    p.bytes = buf_span(&again);
    REQUIRE(pthread_create(&saying, NULL, say_again, &p) == 0);
    struct timespec soon;
    void *answered = NULL;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_sec++;
    CHECK(pthread_timedjoin_np(saying, &answered, &soon) == ETIMEDOUT);
    __atomic_store_n(&g->closed, false, __ATOMIC_SEQ_CST);
    if (!answered)
        pthread_join(saying, &answered);
    pthread_join(sending, NULL);
    CHECK(answered != NULL);
    CHECK_PROBLEM(&p.answer, 403, "forbidden");
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
    munmap(g, sizeof *g);
}
