/* Files that others may get at: no server starts on them, and `check` names each. */
#include "../../server/modes.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../server/copy.h"
#include "../../server/files.h"
#include "fixture.h"

static const struct {
    const char *name; /* "": the directory itself */
    mode_t before, after;
    const char *mend;
} spoiled[] = {
    {"log.key", 0600, 0640, "chmod 600"},
    {"log.key", 0600, 0604, "chmod 600"},
    {"log.key.next", 0600, 0640, "chmod 600"},
    {"server.key", 0600, 0620, "chmod 600"},
    {"server.key.next", 0600, 0644, "chmod 600"},
    {"signer.state", 0600, 0602, "chmod 600"},
    {"config", 0600, 0644, "chmod 600"},
    {"", 0700, 0750, "chmod 700"},
    {"", 0700, 0701, "chmod 700"},
    /* the last, since a look at it leaves companions with its mode */
    {"log.db", 0600, 0666, "chmod 600"},
};

struct told {
    size_t n;
    char last[256];
};

static void tell(void *ctx, const char *text)
{
    struct told *t = ctx;
    t->n++;
    snprintf(t->last, sizeof t->last, "%s", text);
}

/* Exactly one thing is told: of this path, and what mends it. */
static void told_of(const struct told *t, const char *path, const char *mend, int line)
{
    if (t->n != 1 || strncmp(t->last, path, strlen(path)) != 0 || !strstr(t->last, mend))
        test_failed(__FILE__, line, "of %s %zu were told, the last: %s", path, t->n, t->last);
}

static bool server_refuses(struct fixture *f, const char *path, const char *mend)
{
    int status = 0;
    if (fixture_start(f, &status)) {
        fixture_stop(f, SIGTERM);
        return false;
    }
    return status == 2 && strstr(f->diag.text, path) && strstr(f->diag.text, mend);
}

static struct fixture *stopped_new(void)
{
    struct fixture *f = fixture_prepare();
    if (f && fixture_create(f) &&
        !demur_key_write(f->dir, "log.key.next", "log-key", f->w->log.secret, NULL) &&
        !demur_key_write(f->dir, "server.key.next", "server-key", f->w->server.secret, NULL))
        return f;
    fixture_free(f);
    return NULL;
}

TEST(files_that_others_may_read_are_refused)
{
    struct fixture *f = stopped_new();
    REQUIRE(f != NULL);
    for (size_t i = 0; i < DEMUR_COUNT(spoiled); i++) {
        char path[DEMUR_PATH_MAX];
        struct told t = {0};
        struct demur_check_report report;
        bool folder = !spoiled[i].name[0];
        snprintf(path, sizeof path, "%s%s%s", f->dir, folder ? "" : "/", spoiled[i].name);
        REQUIRE(chmod(path, spoiled[i].after) == 0);
        if (!server_refuses(f, path, spoiled[i].mend))
            test_failed(__FILE__, __LINE__, "%s with mode %o: %s", path, spoiled[i].after,
                        f->diag.text);
        CHECK_ERR(demur_server_check(f->dir, tell, &t, &report, NULL), DEMUR_OK);
        told_of(&t, path, spoiled[i].mend, __LINE__);
        CHECK(chmod(path, spoiled[i].before) == 0);
    }
    static const char *const left[] = {"log.db-wal", "log.db-shm"};
    for (size_t i = 0; i < DEMUR_COUNT(left); i++) {
        char path[DEMUR_PATH_MAX];
        CHECK(!demur_path(path, f->dir, left[i], NULL) && chmod(path, 0600) == 0);
    }
    CHECK(fixture_start(f, NULL));
    fixture_free(f);
}

TEST(files_of_somebody_else_are_refused)
{
    struct fixture *f = stopped_new();
    REQUIRE(f != NULL);
    if (geteuid() != 0) {
        fixture_free(f);
        test_skip("only root can give a file away");
        return;
    }
    char path[DEMUR_PATH_MAX];
    struct told t = {0};
    struct demur_check_report report;
    REQUIRE(!demur_path(path, f->dir, "log.key", NULL) && chown(path, 1, 0) == 0);
    CHECK(server_refuses(f, path, "chown 0 "));
    CHECK_ERR(demur_server_check(f->dir, tell, &t, &report, NULL), DEMUR_OK);
    told_of(&t, path, "chown 0 ", __LINE__);
    /* Root examines what the server's account owns: nothing is amiss. But no server of root's
     * is started there, whose files that account could not write. */
    REQUIRE(chown(f->dir, 1, 0) == 0);
    t.n = 0;
    CHECK_ERR(demur_server_check(f->dir, tell, &t, &report, NULL), DEMUR_OK);
    CHECK(t.n == 0);
    CHECK(server_refuses(f, f->dir, "belongs to another user"));
    fixture_free(f);
}

TEST(a_tls_key_that_everybody_may_read_is_refused)
{
    struct fixture *f = stopped_new();
    char path[DEMUR_PATH_MAX];
    REQUIRE(f != NULL && !demur_path(path, f->parent, "tls.key", NULL));
    CHECK_ERR(demur_file_write(f->parent, "tls.key", span_lit("a key\n"), 0640, NULL), DEMUR_OK);
    CHECK_ERR(demur_modes_tls_key(path, NULL), DEMUR_OK);
    CHECK(chmod(path, 0644) == 0);
    CHECK_ERR(demur_modes_tls_key(path, &f->diag), DEMUR_ERR_FORBIDDEN);
    CHECK(strstr(f->diag.text, "chmod 600 it") != NULL);
    fixture_free(f);
}
