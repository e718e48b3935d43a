/* Appending over HTTP: receipts, retries, what must be stored before, what is
 * refused and with which words, and many clients at a time. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/age.h"
#include "../../core/hash.h"
#include "../../core/receipt.h"
#include "fixture.h"

static struct fixture_answer a, b;
static const struct span no_body = {NULL, 0};

static void path_of(char *out, size_t cap, const char *before, const uint8_t hash[32])
{
    char hex[65];
    sodium_bin2hex(hex, sizeof hex, hash, 32);
    snprintf(out, cap, "%s%s", before, hex);
}

static bool post(struct fixture *f, size_t i)
{
    return fixture_ask(f, &a, "POST", "/append", fixture_record(f, i));
}

static size_t last(const struct fixture *f) { return f->w->entries_len - 1; }

/* The root key gives way to the next: a rotation that the server holds no key for. */
static bool rotate_root(struct fixture *f, struct town_key *next, const struct town_key *after)
{
    uint8_t hash[32];
    demur_hash(hash, span_of(after->public_key, 32));
    town_begin_by(f->w, DEMUR_RECORD_ROTATE, next);
    demur_put_bytes(&f->w->out, DEMUR_FIELD_ROOT_KEY, span_of(next->public_key, 32));
    demur_put_hash(&f->w->out, DEMUR_FIELD_NEXT_ROOT, hash);
    return town_sign_send(f->w, next) == DEMUR_OK && fixture_send(f);
}

TEST(append_receipts)
{
    char path[96];
    uint8_t leaf[32] = {0};
    struct town_key third;
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    REQUIRE(fixture_people(f, 6));
    town_key_make(f->w, &third);
    REQUIRE(rotate_root(f, &f->w->next_root, &third));
    REQUIRE(rotate_root(f, &third, &f->w->root)); /* within a second */
    for (size_t i = 0; i < f->w->entries_len; i++) {
        demur_merkle_leaf(leaf, span_of(f->w->entries[i].bytes, f->w->entries[i].len));
        path_of(path, sizeof path, "/receipt/", leaf);
        CHECK(fixture_ask(f, &a, "GET", path, no_body));
        CHECK(fixture_receipt_ok(f, &a, i));
    }
    leaf[0] ^= 1;
    path_of(path, sizeof path, "/receipt/", leaf);
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK_PROBLEM(&a, 404, "unknown");
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
}

TEST(append_again_is_the_same_entry)
{
    struct demur_receipt one, two;
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    REQUIRE(fixture_people(f, 2));
    size_t n = f->w->entries_len;
    for (size_t i = 0; i < n; i++) {
        CHECK(post(f, i));
        CHECK(fixture_receipt_ok(f, &a, i));
        REQUIRE(!demur_receipt_parse(&one, span_of(a.body, a.len), NULL));
        CHECK(one.index == i && one.head.size == n);
    }
    /* Also after a restart, which the retry does not know of. */
    CHECK(fixture_stop(f, SIGTERM) == 0);
    REQUIRE(fixture_start(f, NULL));
    CHECK(post(f, n - 1));
    CHECK(fixture_receipt_ok(f, &a, n - 1));
    REQUIRE(!demur_receipt_parse(&two, span_of(a.body, a.len), NULL));
    CHECK(two.index == n - 1 && two.head.size == n);
    fixture_free(f);
}

TEST(append_refusals)
{
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    REQUIRE(fixture_people(f, 2));
    struct town *w = f->w;
    CHECK(fixture_ask(f, &a, "POST", "/append", span_lit("demur dance v1\nchannel x\n")));
    CHECK_PROBLEM(&a, 501, "upgrade");
    CHECK(fixture_ask(f, &a, "POST", "/append", span_lit("hello\n")));
    CHECK_PROBLEM(&a, 400, "syntax");
    CHECK(fixture_ask(f, &a, "POST", "/append", span_lit("")));
    CHECK(a.status == 400);

    /* A replayed sequence number, a false signature, somebody without the right. */
    w->keeper.seq--;
    town_begin_by(w, DEMUR_RECORD_INVITE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("zed"));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(w->root.public_key, 32));
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->keeper.secret);
    CHECK(fixture_ask(f, &a, "POST", "/append", buf_span(&w->out)));
    CHECK_PROBLEM(&a, 409, "replay");
    town_begin_by(w, DEMUR_RECORD_INVITE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("zed"));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(w->root.public_key, 32));
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->root.secret);
    CHECK(fixture_ask(f, &a, "POST", "/append", buf_span(&w->out)));
    CHECK_PROBLEM(&a, 403, "verification");
    town_begin_by(w, DEMUR_RECORD_INVITE, &w->officers[3]);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("zed"));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(w->root.public_key, 32));
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->officers[3].secret);
    CHECK(fixture_ask(f, &a, "POST", "/append", buf_span(&w->out)));
    CHECK_PROBLEM(&a, 403, "forbidden");

    CHECK(fixture_ask(f, &a, "GET", "/metrics", no_body));
    a.body[a.len] = 0;
    CHECK(strstr((char *)a.body, "demur_refused_total{code=\"replay\"} 1\n"));
    CHECK(strstr((char *)a.body, "demur_refused_total{code=\"forbidden\"} 1\n"));
    fixture_free(f);
}

TEST(append_a_log_key_that_nobody_holds)
{
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    struct town *w = f->w;
    town_begin_by(w, DEMUR_RECORD_ROTATE, &w->root);
    demur_put_bytes(&w->out, DEMUR_FIELD_LOG_KEY, span_of(w->officers[0].public_key, 32));
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->root.secret);
    CHECK(fixture_ask(f, &a, "POST", "/append", buf_span(&w->out)));
    CHECK_PROBLEM(&a, 403, "key");
    fixture_free(f);
}

/* ---- blobs ------------------------------------------------------------------- */

TEST(blob_put_and_get)
{
    static uint8_t bytes[200000];
    uint8_t hash[32];
    char path[96];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    memset(bytes, 'b', sizeof bytes);
    crypto_hash_sha256(hash, bytes, sizeof bytes);
    path_of(path, sizeof path, "/blob/", hash);
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK_PROBLEM(&a, 404, "unknown");
    CHECK(fixture_ask(f, &a, "PUT", path, span_of(bytes, sizeof bytes - 1)));
    CHECK_PROBLEM(&a, 409, "verification");
    CHECK(fixture_ask(f, &a, "PUT", path, span_of(bytes, sizeof bytes)));
    CHECK(a.status == 201);
    CHECK(fixture_ask(f, &a, "PUT", path, span_of(bytes, sizeof bytes)));
    CHECK(a.status == 200);
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK(a.status == 200 && strstr(a.head, "immutable"));
    CHECK_SPAN(span_of(a.body, a.len), span_of(bytes, sizeof bytes));
    CHECK(fixture_ask(f, &a, "HEAD", path, no_body));
    CHECK(a.status == 200 && strstr(a.head, "Content-Length: 200000"));
    fixture_free(f);
}

TEST(blob_waiting_is_limited)
{
    static uint8_t bytes[700000];
    uint8_t hash[32];
    char path[96];
    struct fixture *f = fixture_prepare();
    if (!f)
        return;
    f->settings.limits[DEMUR_LIMIT_WAITING_BLOBS] = 1 << 20;
    if (fixture_create(f) && fixture_start(f, NULL)) {
        for (int i = 0; i < 2; i++) {
            bytes[0] = (uint8_t)i;
            crypto_hash_sha256(hash, bytes, sizeof bytes);
            path_of(path, sizeof path, "/blob/", hash);
            CHECK(fixture_ask(f, &a, "PUT", path, span_of(bytes, sizeof bytes)));
            if (i)
                CHECK_PROBLEM(&a, 507, "full");
            else
                CHECK(a.status == 201);
        }
    }
    fixture_free(f);
}

/* Larger than what an upload keeps in memory, so that it is flushed on its way. */
TEST(blob_large)
{
    static uint8_t bytes[5 * 1000 * 1000 + 7];
    uint8_t hash[32];
    uint64_t seed = 5;
    char path[96];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    test_random(&seed, bytes, sizeof bytes);
    crypto_hash_sha256(hash, bytes, sizeof bytes);
    path_of(path, sizeof path, "/blob/", hash);
    CHECK(fixture_ask(f, &a, "PUT", path, span_of(bytes, sizeof bytes - 1)));
    CHECK_PROBLEM(&a, 409, "verification");
    CHECK(fixture_ask(f, &a, "PUT", path, span_of(bytes, sizeof bytes)));
    CHECK(a.status == 201);
    CHECK(fixture_ask(f, &a, "HEAD", path, no_body));
    CHECK(a.status == 200 && strstr(a.head, "Content-Length: 5000007"));
    fixture_free(f);
}

/* Uploads at the same time, none of which is over the limit alone. */
TEST(blob_waiting_is_limited_at_a_time)
{
    enum { UPLOADS = 12, SIZE = 200000 };
    static uint8_t bytes[UPLOADS][SIZE];
    int fds[UPLOADS];
    unsigned stored = 0;
    struct fixture *f = fixture_prepare();
    if (!f)
        return;
    f->settings.limits[DEMUR_LIMIT_WAITING_BLOBS] = 1 << 20;
    if (fixture_create(f) && fixture_start(f, NULL)) {
        for (size_t i = 0; i < UPLOADS; i++) {
            uint8_t hash[32];
            char path[96], head[512];
            bytes[i][0] = (uint8_t)i;
            crypto_hash_sha256(hash, bytes[i], SIZE);
            path_of(path, sizeof path, "/blob/", hash);
            snprintf(head, sizeof head,
                     "PUT %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "Authorization: Bearer " FIXTURE_TOKEN "\r\nContent-Length: %d\r\n\r\n",
                     path, SIZE);
            fds[i] = fixture_connect(f);
            CHECK(send(fds[i], head, strlen(head), MSG_NOSIGNAL) == (ssize_t)strlen(head));
        }
        for (size_t i = 0; i < UPLOADS; i++) /* all but the last byte of each */
            (void)send(fds[i], bytes[i], SIZE - 1, MSG_NOSIGNAL);
        for (size_t i = 0; i < UPLOADS; i++) {
            char answer[64] = "";
            (void)send(fds[i], "", 1, MSG_NOSIGNAL);
            if (recv(fds[i], answer, sizeof answer - 1, MSG_WAITALL) > 0)
                stored += strstr(answer, " 201 ") != NULL;
            close(fds[i]);
        }
        CHECK(stored >= 1 && stored <= (1 << 20) / SIZE);
        /* and small ones count for more than their bytes */
        for (unsigned i = 0; i < 300 && a.status != 507; i++) {
            uint8_t byte[2] = {(uint8_t)i, (uint8_t)(i >> 8)}, hash[32];
            char path[96];
            crypto_hash_sha256(hash, byte, 2);
            path_of(path, sizeof path, "/blob/", hash);
            CHECK(fixture_ask(f, &a, "PUT", path, span_of(byte, 2)));
        }
        CHECK_PROBLEM(&a, 507, "full");
    }
    fixture_free(f);
}

/* File a dissent in the town, and nothing of it on the server. */
static bool filed(struct fixture *f, struct town_case *k)
{
    if (!fixture_people(f, 6))
        return false;
    enum demur_err err = town_file(f->w, 2, 0, "people-office", k);
    if (err)
        test_failed(__FILE__, __LINE__, "file: %s", f->w->diag.text);
    return !err;
}

TEST(file_wants_its_blobs_and_release_key_first)
{
    static struct demur_record r;
    struct demur_blob_ref memo;
    struct town_case k;
    char path[96], name[65];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    REQUIRE(filed(f, &k));
    REQUIRE(!demur_record_parse(&r, fixture_record(f, last(f)), NULL));
    demur_record_blob(&r, DEMUR_FIELD_MEMO, 0, &memo);
    CHECK(post(f, last(f)));
    CHECK_PROBLEM(&a, 424, "missing");

    /* A release key has no place before its blob. */
    path_of(path, sizeof path, "/release/", memo.hash);
    static const char wrong[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    CHECK(fixture_ask(f, &a, "PUT", path, span_str(wrong)));
    CHECK_PROBLEM(&a, 404, "unknown");
    REQUIRE(fixture_put_blobs(f));
    CHECK(fixture_ask(f, &a, "PUT", path, span_lit("AA")));
    CHECK_PROBLEM(&a, 400, "syntax");
    CHECK(fixture_ask(f, &a, "PUT", path, span_str(wrong))); /* may be replaced until it is named */
    CHECK(a.status == 204);
    CHECK(post(f, last(f)));
    CHECK_PROBLEM(&a, 403, "verification");
    sodium_bin2hex(name, sizeof name, f->w->release, 32);
    CHECK(fixture_ask(f, &a, "PUT", path, span_str(name)));
    CHECK(a.status == 204);
    CHECK(post(f, last(f)));
    CHECK(fixture_receipt_ok(f, &a, last(f)));
    CHECK(fixture_ask(f, &a, "PUT", path, span_str(wrong)));
    CHECK_PROBLEM(&a, 409, "replay");
    CHECK(fixture_ask(f, &a, "PUT", path, span_str(name)));
    CHECK(a.status == 204);
    fixture_free(f);
}

TEST(stale_on_says_what_is_latest)
{
    struct town_case k;
    struct demur_dissent_info d;
    char hex[65], want[96];
    static uint8_t early[4096];
    struct buf record = buf_over(early, sizeof early);
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    REQUIRE(filed(f, &k) && fixture_put_blobs(f) && fixture_send(f));
    /* Two records on the same entry: the second is late. */
    town_begin(f->w, DEMUR_RECORD_WITHDRAW);
    town_put_on(f->w, &k);
    demur_put_signature(&f->w->out, DEMUR_FIELD_SIG, k.key.secret);
    buf_put_span(&record, buf_span(&f->w->out));
    REQUIRE(!town_say(f->w, &k, -1, NULL));
    REQUIRE(fixture_put_blobs(f) && fixture_send(f));
    CHECK(fixture_ask(f, &a, "POST", "/append", buf_span(&record)));
    CHECK_PROBLEM(&a, 409, "stale");
    REQUIRE(demur_channel_dissent_find(f->w->c, span_str(k.id), f->w->now, &d));
    sodium_bin2hex(hex, sizeof hex, d.latest, 32);
    snprintf(want, sizeof want, "\"latest\":\"%s\"", hex);
    a.body[a.len] = 0;
    CHECK(strstr((char *)a.body, want));
    fixture_free(f);
}

TEST(release_only_through_a_logged_open)
{
    struct town_case k;
    char path[96], hex[65];
    uint8_t leaf[32], plain[256], want[66];
    struct demur_age_identity officer;
    struct buf out = buf_over(plain, sizeof plain);
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    /* An officer whose age secret the test knows. */
    uint8_t secret[32] = {1, 2, 3};
    demur_age_identity_init(&officer, secret);
    struct demur_age_recipient recipient = demur_age_identity_recipient(&officer);
    struct buf text = buf_over(f->w->officers[0].recipient, sizeof f->w->officers[0].recipient - 1);
    demur_age_recipient_encode(&text, &recipient);
    REQUIRE(!town_grant(f->w, 0, "people-office"));
    REQUIRE(fixture_send(f) && filed(f, &k) && fixture_put_blobs(f) && fixture_send(f));
    demur_merkle_leaf(leaf, span_of(f->w->entries[last(f)].bytes, f->w->entries[last(f)].len));
    path_of(path, sizeof path, "/release/", leaf); /* the `file` entry itself opens nothing */
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK_PROBLEM(&a, 403, "forbidden");

    if (town_open(f->w, &k, 0, "people-office")) {
        test_failed(__FILE__, __LINE__, "open: %s", f->w->diag.text);
        fixture_free(f);
        return;
    }
    demur_merkle_leaf(leaf, span_of(f->w->entries[last(f)].bytes, f->w->entries[last(f)].len));
    path_of(path, sizeof path, "/release/", leaf);
    CHECK(fixture_ask(f, &a, "GET", path, no_body)); /* not logged yet */
    CHECK_PROBLEM(&a, 404, "unknown");
    REQUIRE(fixture_send(f));
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK(a.status == 200 && strstr(a.head, "no-store"));
    CHECK_ERR(demur_age_open(&out, span_of(a.body, a.len), &officer, 1, NULL), DEMUR_OK);
    sodium_bin2hex(hex, sizeof hex, f->w->release, 32);
    snprintf((char *)want, sizeof want, "%s\n", hex);
    CHECK_SPAN(buf_span(&out), span_of(want, 65));
    CHECK(fixture_ask(f, &b, "GET", path, no_body));
    CHECK(a.len == b.len && memcmp(a.body, b.body, a.len) != 0); /* fresh entropy each time */
    fixture_free(f);
}

/* An office that was given until a date ends with it, without any record. */
TEST(release_ends_with_the_office)
{
    struct town_case k;
    char path[96];
    uint8_t leaf[32];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    town_begin_role(f->w, 0, "people-office", "holds");
    demur_put_number(&f->w->out, DEMUR_FIELD_UNTIL, f->w->now + 5000);
    REQUIRE(!town_sign_send(f->w, &f->w->root) && fixture_send(f) && filed(f, &k));
    REQUIRE(fixture_put_blobs(f) && fixture_send(f) && !town_open(f->w, &k, 0, "people-office"));
    REQUIRE(fixture_send(f));
    demur_merkle_leaf(leaf, span_of(f->w->entries[last(f)].bytes, f->w->entries[last(f)].len));
    path_of(path, sizeof path, "/release/", leaf);
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK(a.status == 200);
    __atomic_store_n(f->clock_s, f->w->now + 6000, __ATOMIC_SEQ_CST);
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK_PROBLEM(&a, 403, "forbidden");
    fixture_free(f);
}

/* ---- many at a time ------------------------------------------------------------ */

#define CLIENTS 8
#define EACH 24

struct client {
    struct fixture *f;
    size_t from;
    unsigned ok;
    struct fixture_answer answer;
};

/* The record with another signature, which is refused among all that are verified with it. */
static bool forged_is_refused(struct client *c, size_t i)
{
    uint8_t text[2048];
    struct span record = fixture_record(c->f, i);
    if (record.len > sizeof text)
        return false;
    memcpy(text, record.p, record.len);
    uint8_t *digit = &text[record.len - 60]; /* of the signature's 88, at the end */
    *digit = *digit == 'A' ? 'B' : 'A';
    return fixture_ask(c->f, &c->answer, "POST", "/append", span_of(text, record.len)) &&
           CHECK_PROBLEM(&c->answer, 403, "verification");
}

static void *client_run(void *arg)
{
    static const char *const views[] = {"/api/roster", "/metrics", "/api/board", "/checkpoint"};
    struct client *c = arg;
    for (size_t i = c->from; i < c->from + EACH; i++) {
        c->ok += forged_is_refused(c, i);
        for (int again = 0; again < 2; again++)
            c->ok += fixture_ask(c->f, &c->answer, "POST", "/append", fixture_record(c->f, i)) &&
                     c->answer.status == 200;
        c->ok += fixture_ask(c->f, &c->answer, "GET", views[i % DEMUR_COUNT(views)], no_body) &&
                 c->answer.status == 200;
    }
    return NULL;
}

/* Invitations by many keepers, each with its own numbers, in any order. */
TEST(append_many_at_a_time)
{
    static struct client clients[CLIENTS];
    pthread_t threads[CLIENTS];
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL);
    struct town *w = f->w;
    for (size_t i = 0; i < CLIENTS; i++)
        REQUIRE(!town_grant(w, i, "people-office"));
    REQUIRE(fixture_send(f));
    size_t first = w->entries_len;
    for (size_t i = 0; i < CLIENTS * EACH; i++) {
        char handle[16];
        struct town_key invitation;
        struct town_key *keeper = &w->officers[i / EACH];
        town_key_make(w, &invitation);
        snprintf(handle, sizeof handle, "h%zu", i);
        town_begin_by(w, DEMUR_RECORD_INVITE, keeper);
        demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(handle));
        demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(invitation.public_key, 32));
        REQUIRE(!town_sign_send(w, keeper));
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i].f = f;
        clients[i].from = first + i * EACH;
        clients[i].ok = 0;
        REQUIRE(!pthread_create(&threads[i], NULL, client_run, &clients[i]));
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        if (clients[i].ok != 4 * EACH)
            test_failed(__FILE__, __LINE__, "client %zu: %u of %d, last %ld %.200s", i,
                        clients[i].ok, 4 * EACH, clients[i].answer.status,
                        (const char *)clients[i].answer.body);
    }
    /* Same clock, so each entry's bytes are the town's, at whatever index. */
    for (size_t i = first; i < w->entries_len; i += 7) {
        uint8_t leaf[32];
        char path[96];
        demur_merkle_leaf(leaf, span_of(w->entries[i].bytes, w->entries[i].len));
        path_of(path, sizeof path, "/receipt/", leaf);
        CHECK(fixture_ask(f, &a, "GET", path, no_body));
        CHECK(fixture_receipt_ok(f, &a, i));
    }
    CHECK(fixture_ask(f, &a, "GET", "/metrics", no_body));
    a.body[a.len] = 0;
    char want[64];
    snprintf(want, sizeof want, "demur_log_size %zu\n", w->entries_len);
    CHECK(strstr((char *)a.body, want));
    CHECK(fixture_stop(f, SIGTERM) == 0);
    REQUIRE(fixture_start(f, NULL)); /* and it folds to the same */
    fixture_free(f);
}

/* ---- on a full disk -------------------------------------------------------------- */

struct disk {
    uint64_t *clock_s, free;
};

static uint64_t disk_clock(void *ctx)
{
    return __atomic_load_n(((struct disk *)ctx)->clock_s, __ATOMIC_SEQ_CST);
}

static uint64_t disk_free(void *ctx)
{
    return __atomic_load_n(&((struct disk *)ctx)->free, __ATOMIC_SEQ_CST);
}

static uint64_t last_len(const struct fixture *f)
{
    return fixture_record(f, f->w->entries_len - 1).len;
}

/* What does not fit is refused before it is folded, uploads before records; and
 * the server goes on. */
TEST(append_on_a_full_disk)
{
    uint8_t hash[32];
    char path[96];
    struct disk *d =
        mmap(NULL, sizeof *d, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL && d != MAP_FAILED);
    struct demur_server_hooks hooks = {.ctx = d, .clock_s = disk_clock, .disk_free = disk_free};
    *d = (struct disk){f->clock_s, 100 << 20};
    CHECK(fixture_people(f, 1) && fixture_stop(f, SIGTERM) == 0);
    f->hooks = &hooks;
    REQUIRE(fixture_start(f, NULL));
    crypto_hash_sha256(hash, (const uint8_t *)"blob", 4);
    path_of(path, sizeof path, "/blob/", hash);
    CHECK(fixture_ask(f, &a, "PUT", path, span_lit("blob")));
    CHECK_PROBLEM(&a, 507, "full");
    CHECK(!town_invite(f->w, 1, "") && fixture_send(f));
    CHECK(!town_invite(f->w, 2, ""));
    /* Room for what else is written, but not for the record, twice. */
    __atomic_store_n(&d->free, (64 << 20) + 8192 + last_len(f), __ATOMIC_SEQ_CST);
    CHECK(post(f, last(f)));
    CHECK_PROBLEM(&a, 503, "io");
    __atomic_store_n(&d->free, 10 << 20, __ATOMIC_SEQ_CST);
    CHECK(post(f, last(f)));
    CHECK_PROBLEM(&a, 503, "io");
    CHECK(post(f, last(f) - 1)); /* is in the log already */
    CHECK(fixture_receipt_ok(f, &a, last(f) - 1));
    __atomic_store_n(&d->free, 1ull << 30, __ATOMIC_SEQ_CST);
    CHECK(fixture_send(f));
    CHECK(fixture_ask(f, &a, "PUT", path, span_lit("blob")) && a.status == 201);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
    munmap(d, sizeof *d);
}

/* Send `text` and keep the connection. */
static int begin_raw(struct fixture *f, const char *text, struct span body)
{
    int fd = fixture_connect(f);
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    (void)send(fd, body.p, body.len, MSG_NOSIGNAL);
    return fd;
}

/* The first line of the answer to what was begun, once the rest has come. */
static void end_raw(int fd, struct span rest, char *answer, size_t cap)
{
    (void)send(fd, rest.p, rest.len, MSG_NOSIGNAL);
    ssize_t n = recv(fd, answer, cap - 1, 0);
    answer[n > 0 ? n : 0] = 0;
    close(fd);
}

/* There was room for each alone when they began, but not for all: whoever goes on
 * when the disk has become nearly full is refused, a large body in its middle. */
TEST(blobs_leave_room_on_a_disk_that_fills)
{
    static uint8_t large[1 << 20];
    static const char key[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const struct span bodies[] = {span_of(large, sizeof large), span_lit("small")};
    const size_t first[] = {700000, 2};
    int fds[2];
    uint8_t hash[32];
    char path[96], head[512], answer[512];
    struct disk *d =
        mmap(NULL, sizeof *d, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct fixture *f = fixture_new();
    REQUIRE(f != NULL && d != MAP_FAILED);
    struct demur_server_hooks hooks = {.ctx = d, .clock_s = disk_clock, .disk_free = disk_free};
    *d = (struct disk){f->clock_s, 1ull << 30};
    CHECK(fixture_stop(f, SIGTERM) == 0);
    f->hooks = &hooks;
    REQUIRE(fixture_start(f, NULL));
    for (size_t i = 0; i < 2; i++) {
        crypto_hash_sha256(hash, bodies[i].p, bodies[i].len);
        path_of(path, sizeof path, "/blob/", hash);
        snprintf(head, sizeof head,
                 "PUT %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                 "Authorization: Bearer " FIXTURE_TOKEN "\r\nContent-Length: %zu\r\n\r\n",
                 path, bodies[i].len);
        fds[i] = begin_raw(f, head, span_take(bodies[i], first[i]));
    }
    crypto_hash_sha256(hash, (const uint8_t *)"blob", 4);
    path_of(path, sizeof path, "/blob/", hash);
    CHECK(fixture_ask(f, &a, "PUT", path, span_lit("blob")) && a.status == 201);
    usleep(500000); /* so that what was sent has been read */
    __atomic_store_n(&d->free, 100 << 20, __ATOMIC_SEQ_CST);
    for (size_t i = 0; i < 2; i++) {
        end_raw(fds[i], span_skip(bodies[i], first[i]), answer, sizeof answer);
        if (strncmp(answer, "HTTP/1.1 507 ", 13) != 0)
            test_failed(__FILE__, __LINE__, "blob %zu: %.40s", i, answer);
    }
    path_of(path, sizeof path, "/release/", hash);
    CHECK(fixture_ask(f, &a, "PUT", path, span_str(key)));
    CHECK_PROBLEM(&a, 507, "full");
    __atomic_store_n(&d->free, 150 << 20, __ATOMIC_SEQ_CST); /* of a blob that was let in */
    CHECK(fixture_ask(f, &a, "PUT", path, span_str(key)) && a.status == 204);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
    munmap(d, sizeof *d);
}

/* ---- while blobs are swept ---------------------------------------------------------- */

struct gate {
    uint64_t *clock_s;
    bool reached, open, left;
};

static uint64_t gate_clock(void *ctx)
{
    return __atomic_load_n(((struct gate *)ctx)->clock_s, __ATOMIC_SEQ_CST);
}

static void gate_at(void *ctx, enum demur_server_point point)
{
    struct gate *g = ctx;
    if (point != DEMUR_POINT_SWEPT)
        return;
    __atomic_store_n(&g->reached, true, __ATOMIC_SEQ_CST);
    for (int ms = 0; ms < 60000 && !__atomic_load_n(&g->open, __ATOMIC_SEQ_CST); ms += 10)
        usleep(10000);
    __atomic_store_n(&g->left, true, __ATOMIC_SEQ_CST);
}

/* Does the server end a connection that says nothing? And, once told to stop, its listening? */
static bool ends_the_silent(struct fixture *f)
{
    char byte;
    int fd = fixture_connect(f);
    struct pollfd p = {fd, POLLIN, 0};
    bool ended = fd >= 0 && poll(&p, 1, 10000) == 1 && recv(fd, &byte, 1, 0) <= 0;
    close(fd);
    return ended;
}

static bool listens_no_more(struct fixture *f)
{
    int fd = 0;
    for (int ms = 0; ms < 8000 && fd >= 0; ms += 10) {
        usleep(10000);
        fd = fixture_connect(f);
        if (fd >= 0)
            close(fd);
    }
    return fd < 0;
}

/* A sweep that takes long holds nothing up. */
TEST(append_goes_on_while_blobs_are_swept)
{
    static uint8_t bytes[100000];
    uint8_t hash[32];
    char path[96];
    struct gate *g =
        mmap(NULL, sizeof *g, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct fixture *f = fixture_prepare();
    REQUIRE(f != NULL && g != MAP_FAILED);
    struct demur_server_hooks hooks = {g, gate_at, gate_clock, NULL};
    f->settings.limits[DEMUR_LIMIT_HEADER_SECONDS] = 3;
    REQUIRE(fixture_create(f) && fixture_start(f, NULL));
    *g = (struct gate){.clock_s = f->clock_s};
    CHECK(fixture_people(f, 1));
    crypto_hash_sha256(hash, bytes, sizeof bytes);
    path_of(path, sizeof path, "/blob/", hash);
    CHECK(fixture_ask(f, &a, "PUT", path, span_of(bytes, sizeof bytes)) && a.status == 201);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    f->w->now += 7200;
    f->hooks = &hooks;
    __atomic_store_n(f->clock_s, f->w->now, __ATOMIC_SEQ_CST);
    REQUIRE(fixture_start(f, NULL));
    for (int ms = 0; ms < 20000 && !__atomic_load_n(&g->reached, __ATOMIC_SEQ_CST); ms += 10)
        usleep(10000);
    CHECK(__atomic_load_n(&g->reached, __ATOMIC_SEQ_CST));
    CHECK(fixture_ask(f, &a, "GET", path, no_body));
    CHECK_PROBLEM(&a, 404, "unknown");
    CHECK(!town_invite(f->w, 1, "") && fixture_send(f));
    CHECK(ends_the_silent(f));
    CHECK(kill(f->server, SIGTERM) == 0 && listens_no_more(f));
    CHECK(!__atomic_load_n(&g->left, __ATOMIC_SEQ_CST)); /* the sweep still stood there */
    __atomic_store_n(&g->open, true, __ATOMIC_SEQ_CST);
    CHECK(fixture_stop(f, SIGTERM) == 0);
    fixture_free(f);
    munmap(g, sizeof *g);
}
