/* Making, opening, refusing, locking and copying stores. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

/* Open w->dir and expect this refusal, with this in its sentence. */
static void check_refused(struct world *w, enum demur_store_mode mode, enum demur_err want,
                          const char *text)
{
    struct demur_store *store = NULL;
    struct demur_diag diag = {0};
    CHECK_ERR(demur_store_open(&store, w->dir, mode, &diag), want);
    CHECK(store == NULL);
    if (!strstr(diag.text, text))
        test_failed(__FILE__, __LINE__, "\"%s\" lacks \"%s\"", diag.text, text);
    demur_store_close(store);
}

static void check_refused_both(struct world *w, enum demur_err want, const char *text)
{
    check_refused(w, DEMUR_STORE_WRITE, want, text);
    check_refused(w, DEMUR_STORE_READ, want, text);
}

/* One SQL statement on log.db, behind the store's back. */
static void sql(struct world *w, const char *text)
{
    sqlite3 *db = NULL;
    CHECK(sqlite3_open(w->db, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

TEST(store_files_are_private)
{
    struct world w;
    world_init(&w);
    mode_t old = umask(0);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    CHECK_ERR(demur_store_kv_put(store, "k", span_lit("v"), NULL), DEMUR_OK);
    umask(old);
    static const char *const names[] = {"s/log.db", "s/log.db-wal", "s/log.db-shm", "s/lock"};
    struct stat st;
    CHECK(stat(w.dir, &st) == 0 && (st.st_mode & 0777) == 0700);
    for (size_t i = 0; i < DEMUR_COUNT(names); i++)
        CHECK(stat(world_path(&w, names[i]), &st) == 0 && (st.st_mode & 0777) == 0600);
    demur_store_close(store);
    CHECK(stat(world_path(&w, "s/log.db-wal"), &st) != 0); /* all of it is in one file now */
    world_end(&w);
}

/* What a long day appends goes into log.db meanwhile: the WAL starts over. */
TEST(store_wal_stays_short)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    struct maker *m = maker_new();
    struct stat wal, db;
    REQUIRE(store);
    for (int i = 0; i < 60; i++)
        maker_append(m, store, 256);
    REQUIRE(stat(world_path(&w, "s/log.db-wal"), &wal) == 0 && stat(w.db, &db) == 0);
    CHECK(db.st_size > 10 << 20);
    CHECK(wal.st_size < 8 << 20);
    check_clean(store);
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
}

TEST(store_create_refuses)
{
    struct world w;
    world_init(&w);
    struct demur_diag diag;
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    CHECK_ERR(demur_store_create(w.dir, &diag), DEMUR_ERR_IO); /* in use */
    CHECK(strstr(diag.text, "open for writing"));
    demur_store_close(store);
    CHECK_ERR(demur_store_create(w.dir, &diag), DEMUR_ERR_IO);
    CHECK(strstr(diag.text, "already"));
    CHECK_ERR(demur_store_create(world_path(&w, "a/b"), &diag), DEMUR_ERR_IO);
    CHECK(strstr(diag.text, "No such file"));
    CHECK_ERR(demur_store_create(w.db, &diag), DEMUR_ERR_IO); /* a file */
    /* what a crash left half-made is in nobody's way */
    CHECK(mkdir(world_path(&w, "half"), 0700) == 0);
    FILE *f = fopen(world_path(&w, "half/log.db.new"), "w");
    REQUIRE(f);
    fputs("half a database", f);
    fclose(f);
    CHECK_ERR(demur_store_create(world_path(&w, "half"), NULL), DEMUR_OK);
    CHECK(access(world_path(&w, "half/log.db.new"), F_OK) != 0);
    world_end(&w);
}

TEST(store_open_refuses_what_is_none)
{
    struct world w;
    world_init(&w);
    check_refused_both(&w, DEMUR_ERR_IO, "no store here");
    CHECK(mkdir(w.dir, 0700) == 0);
    check_refused_both(&w, DEMUR_ERR_IO, "no store here");
    FILE *f = fopen(w.db, "w");
    REQUIRE(f);
    check_refused_both(&w, DEMUR_ERR_IO, "not a demur store"); /* empty */
    for (int i = 0; i < 500; i++)
        fputs("This is a letter, not a database.\n", f);
    fclose(f);
    check_refused_both(&w, DEMUR_ERR_IO, "not a demur store");
    CHECK(unlink(w.db) == 0);
    sql(&w, "CREATE TABLE cats (name TEXT)");
    check_refused_both(&w, DEMUR_ERR_IO, "not a demur store");
    sql(&w, "PRAGMA application_id = 1684895090; PRAGMA user_version = 2");
    check_refused_both(&w, DEMUR_ERR_IO, "tables are not those");
    world_end(&w);
}

TEST(store_open_refuses_a_newer_schema)
{
    struct world w;
    world_init(&w);
    demur_store_close(world_open(&w));
    sql(&w, "PRAGMA user_version = 3");
    check_refused_both(&w, DEMUR_ERR_UPGRADE, "upgrade demur");
    sql(&w, "PRAGMA user_version = 2");
    demur_store_close(world_reopen(&w));
    world_end(&w);
}

TEST(store_one_writer)
{
    struct world w;
    world_init(&w);
    int ready[2], quit[2];
    demur_store_close(world_open(&w));
    REQUIRE(pipe(ready) == 0 && pipe(quit) == 0);
    pid_t child = fork();
    if (child == 0) { /* holds the store open until told, or until the test is gone */
        close(quit[1]);
        struct demur_store *held = NULL;
        char c = demur_store_open(&held, w.dir, DEMUR_STORE_WRITE, NULL) == DEMUR_OK ? 'y' : 'n';
        if (write(ready[1], &c, 1) == 1 && read(quit[0], &c, 1) >= 0)
            demur_store_close(held);
        _exit(0);
    }
    char c = 'n', pid[32];
    CHECK(read(ready[0], &c, 1) == 1 && c == 'y');
    snprintf(pid, sizeof pid, "process (%ld)", (long)child);
    check_refused(&w, DEMUR_STORE_WRITE, DEMUR_ERR_IO, pid);
    struct demur_store *reader = NULL;
    struct demur_store_head head = {.size = 1};
    CHECK_ERR(demur_store_open(&reader, w.dir, DEMUR_STORE_READ, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_head_get(reader, &head, NULL), DEMUR_OK);
    CHECK(head.size == 0);
    demur_store_close(reader);
    CHECK(write(quit[1], "q", 1) == 1);
    CHECK(waitpid(child, NULL, 0) == child);
    demur_store_close(world_reopen(&w));
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(quit[i]);
    }
    world_end(&w);
}

TEST(store_read_mode_refuses_writes)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w), *reader = NULL;
    REQUIRE(store);
    struct maker *m = maker_new();
    maker_append(m, store, 3);
    CHECK_ERR(demur_store_open(&reader, w.dir, DEMUR_STORE_READ, NULL), DEMUR_OK);
    maker_append(m, store, 4);
    maker_batch(m, 1);
    struct demur_diag diag;
    struct demur_store_head head;
    uint8_t hash[32] = {0};
    CHECK_ERR(demur_store_append(reader, &m->batch, &diag), DEMUR_ERR_IO);
    CHECK(strstr(diag.text, "reading only"));
    CHECK_ERR(demur_store_kv_put(reader, "k", span_lit("v"), NULL), DEMUR_ERR_IO);
    CHECK_ERR(demur_store_blob_put(reader, hash, span_lit(""), 1, NULL), DEMUR_ERR_VERIFY);
    hash_of(hash, span_lit(""));
    CHECK_ERR(demur_store_blob_put(reader, hash, span_lit(""), 1, NULL), DEMUR_ERR_IO);
    CHECK_ERR(demur_store_sweep(reader, 5, UINT64_MAX, NULL, NULL), DEMUR_ERR_IO);
    CHECK_ERR(demur_store_scrub(reader, NULL), DEMUR_ERR_IO);
    CHECK_ERR(demur_store_head_get(reader, &head, NULL), DEMUR_OK);
    CHECK(head.size == 7); /* a reader sees the writer's latest */
    check_clean(reader);
    demur_store_close(reader);
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
}

/* In a child without the right to write here: read everything, write nothing.
 * Answers the line of the first thing that is not so. */
static int read_only_child(struct world *w)
{
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return __LINE__;
    struct demur_store *store = NULL;
    struct demur_diag diag = {0};
    struct demur_store_head head;
    uint64_t n = 1;
    if (demur_store_open(&store, w->dir, DEMUR_STORE_WRITE, &diag) != DEMUR_ERR_IO ||
        !strstr(diag.text, "ermission denied"))
        return __LINE__;
    if (demur_store_open(&store, w->dir, DEMUR_STORE_READ, &diag) != DEMUR_OK)
        return __LINE__;
    if (demur_store_head_get(store, &head, NULL) != DEMUR_OK || head.size != 300)
        return __LINE__;
    if (demur_store_check(store, &n, NULL, NULL, NULL) != DEMUR_OK || n != 0)
        return __LINE__;
    if (demur_store_kv_put(store, "k", span_lit("v"), NULL) != DEMUR_ERR_IO)
        return __LINE__;
    demur_store_close(store);
    return 0;
}

TEST(store_read_only_folder)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct maker *m = maker_new();
    maker_append(m, store, 300);
    demur_store_close(store);
    maker_free(m);
    CHECK(chmod(w.root, 0755) == 0 && chmod(w.dir, 0555) == 0);
    CHECK(chmod(w.db, 0444) == 0 && chmod(world_path(&w, "s/lock"), 0444) == 0);
    pid_t child = fork();
    if (child == 0)
        _exit(read_only_child(&w) != 0);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(chmod(w.dir, 0700) == 0);
    world_end(&w);
}

/* Append until refused; the refusal's sentence goes into diag. */
static enum demur_err fill(struct demur_store *store, struct maker *m, struct demur_diag *diag)
{
    enum demur_err err = DEMUR_OK;
    for (int i = 0; i < 400 && err == DEMUR_OK; i++) {
        maker_batch(m, 20);
        err = demur_store_append(store, &m->batch, diag);
        if (err == DEMUR_OK)
            maker_accept(m);
    }
    return err;
}

TEST(store_full_disk)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    struct maker *m = maker_new();
    maker_append(m, store, 100);
    struct rlimit old, tight;
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    tight = old;
    tight.rlim_cur = 2 << 20;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    struct demur_diag diag = {0};
    CHECK_ERR(fill(store, m, &diag), DEMUR_ERR_IO);
    CHECK(strstr(diag.text, "disk is full"));
    static uint8_t large[4 << 20];
    uint8_t hash[32];
    hash_of(hash, span_of(large, sizeof large));
    CHECK_ERR(demur_store_blob_put(store, hash, span_of(large, sizeof large), 1, &diag),
              DEMUR_ERR_IO);
    CHECK(strstr(diag.text, "disk is full"));
    struct demur_store_head head;
    CHECK_ERR(demur_store_head_get(store, &head, NULL), DEMUR_OK);
    CHECK(head.size == m->edge.frontier.size && head.size > 100);
    check_clean(store);
    /* with room again, the same batch goes in without opening anew */
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    signal(SIGXFSZ, handler);
    maker_append(m, store, 20);
    CHECK_ERR(demur_store_blob_put(store, hash, span_of(large, sizeof large), 1, NULL), DEMUR_OK);
    check_clean(store);
    demur_store_close(store);
    store = world_reopen(&w);
    REQUIRE(store);
    uint64_t pending = 0;
    CHECK_ERR(demur_store_blob_pending(store, &pending, NULL), DEMUR_OK);
    CHECK(pending == sizeof large);
    check_clean(store);
    demur_store_close(store);
    maker_free(m);
    world_end(&w);
}

TEST(store_locked_by_a_stranger)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w);
    REQUIRE(store);
    sqlite3 *db = NULL;
    CHECK(sqlite3_open(w.db, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
    struct demur_diag diag = {0};
    CHECK_ERR(demur_store_kv_put(store, "k", span_lit("v"), &diag), DEMUR_ERR_IO);
    CHECK(strstr(diag.text, "holds it locked"));
    sqlite3_close(db);
    CHECK_ERR(demur_store_kv_put(store, "k", span_lit("v"), NULL), DEMUR_OK);
    demur_store_close(store);
    world_end(&w);
}

TEST(store_survives_a_chdir)
{
    struct world w;
    world_init(&w);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    REQUIRE(here >= 0 && chdir(w.root) == 0);
    struct demur_store *store = NULL;
    CHECK_ERR(demur_store_create("s", NULL), DEMUR_OK);
    CHECK_ERR(demur_store_open(&store, "s", DEMUR_STORE_WRITE, NULL), DEMUR_OK);
    CHECK(fchdir(here) == 0);
    close(here);
    REQUIRE(store);
    struct demur_store_head head;
    CHECK_ERR(demur_store_head_get(store, &head, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_kv_put(store, "k", span_lit("v"), NULL), DEMUR_OK);
    demur_store_close(store);
    world_end(&w);
}

TEST(store_backup_is_a_store)
{
    struct world w;
    world_init(&w);
    struct demur_store *store = world_open(&w), *copy = NULL;
    REQUIRE(store);
    struct maker *m = maker_new();
    maker_append(m, store, 700);
    uint8_t hash[32], key[32] = {3}, got[32];
    hash_of(hash, span_lit("a memo"));
    CHECK_ERR(demur_store_blob_put(store, hash, span_lit("a memo"), 5, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_release_put(store, hash, key, NULL), DEMUR_OK);
    struct demur_store_upload *upload = NULL; /* in progress: not part of the copy's blobs */
    CHECK_ERR(demur_store_upload_new(store, &upload, NULL), DEMUR_OK);
    static uint8_t large[3 << 20];
    CHECK_ERR(demur_store_upload_write(upload, span_of(large, sizeof large), NULL), DEMUR_OK);
    struct demur_diag diag = {0};
    CHECK_ERR(demur_store_backup(store, world_path(&w, "copy"), &diag), DEMUR_OK);
    CHECK_ERR(demur_store_backup(store, world_path(&w, "copy"), &diag), DEMUR_ERR_IO);
    CHECK(strstr(diag.text, "already"));
    CHECK_ERR(demur_store_backup(store, w.dir, &diag), DEMUR_ERR_IO);
    maker_append(m, store, 5); /* after the copy */
    struct stat st;
    CHECK(stat(world_path(&w, "copy/log.db"), &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(access(world_path(&w, "copy/log.db.new"), F_OK) != 0);
    CHECK(access(world_path(&w, "copy/log.db.new-wal"), F_OK) != 0);
    CHECK_ERR(demur_store_open(&copy, world_path(&w, "copy"), DEMUR_STORE_WRITE, &diag), DEMUR_OK);
    REQUIRE(copy);
    check_clean(copy);
    struct demur_store_head head;
    uint64_t pending = 0;
    CHECK_ERR(demur_store_head_get(copy, &head, NULL), DEMUR_OK);
    CHECK(head.size == 700);
    CHECK_ERR(demur_store_release_get(copy, got, hash, NULL), DEMUR_OK);
    CHECK_SPAN(span_of(got, 32), span_of(key, 32));
    CHECK_ERR(demur_store_reclaim(copy, UINT64_MAX, NULL, NULL), DEMUR_OK);
    CHECK_ERR(demur_store_blob_pending(copy, &pending, NULL), DEMUR_OK);
    CHECK(pending == 6);
    struct maker *again = maker_new();
    maker_skip(again, 700);
    maker_append(again, copy, 30); /* a copy goes on as a store of its own */
    check_clean(copy);
    demur_store_close(copy);
    demur_store_upload_abort(upload);
    demur_store_close(store);
    maker_free(m);
    maker_free(again);
    world_end(&w);
}
