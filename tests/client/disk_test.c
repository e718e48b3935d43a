/* Files written durably, and identity files under a passphrase. */
#include "../../client/client.h"
#include "../test.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG2N 8 /* quick, for tests alone */

struct place {
    char folder[64], path[128];
    struct demur_diag diag;
};

static bool place_make(struct place *p)
{
    snprintf(p->folder, sizeof p->folder, "/tmp/demur-disk-XXXXXX");
    if (!mkdtemp(p->folder))
        return false;
    snprintf(p->path, sizeof p->path, "%s/file", p->folder);
    return true;
}

static void place_remove(struct place *p)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", p->folder);
    CHECK(system(command) == 0);
}

/* How many files there are: no temporary one may be left. */
static int files(const struct place *p)
{
    char command[256];
    int n = -1;
    snprintf(command, sizeof command, "find '%s' -type f | wc -l", p->folder);
    FILE *f = popen(command, "r");
    if (f && fscanf(f, "%d", &n) != 1)
        n = -1;
    if (f)
        pclose(f);
    return n;
}

TEST(disk_files_are_replaced_whole_and_private)
{
    struct place p;
    struct demur_bytes back = {0};
    struct stat st;
    REQUIRE(place_make(&p));
    CHECK_ERR(demur_path_write(p.path, span_lit("one"), &p.diag), DEMUR_OK);
    CHECK(chmod(p.path, 0644) == 0);
    CHECK_ERR(demur_path_write(p.path, span_lit("two, longer"), &p.diag), DEMUR_OK);
    CHECK(stat(p.path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK_ERR(demur_path_read(p.path, 11, &back, &p.diag), DEMUR_OK);
    CHECK_SPAN(demur_bytes_span(&back), span_lit("two, longer"));
    CHECK(back.p[back.len] == 0);
    demur_bytes_free(&back);
    CHECK(!back.p && back.len == 0 && files(&p) == 1);
    CHECK_ERR(demur_path_read(p.path, 10, &back, &p.diag), DEMUR_ERR_LIMIT);
    CHECK_ERR(demur_path_read(p.folder, 10, &back, &p.diag), DEMUR_ERR_IO);
    char other[160];
    snprintf(other, sizeof other, "%s/none", p.folder);
    CHECK_ERR(demur_path_read(other, 10, &back, &p.diag), DEMUR_ERR_UNKNOWN);
    snprintf(other, sizeof other, "%s/none/deep", p.folder);
    CHECK_ERR(demur_path_write(other, span_lit("x"), &p.diag), DEMUR_ERR_IO);
    CHECK(strstr(p.diag.text, other));
    CHECK_ERR(demur_path_write(p.folder, span_lit("x"), &p.diag), DEMUR_ERR_IO);
    CHECK(files(&p) == 1);
    CHECK_ERR(demur_path_folder(other, &p.diag), DEMUR_OK);
    CHECK_ERR(demur_path_folder(other, &p.diag), DEMUR_OK);
    CHECK(stat(other, &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK_ERR(demur_path_folder(p.path, &p.diag), DEMUR_ERR_IO);
    CHECK(!back.p);
    place_remove(&p);
}

TEST(disk_copy_is_kept_where_the_desktop_says)
{
    uint8_t fingerprint[32] = {0xab};
    struct demur_bytes path = {0};
    struct demur_diag diag;
    char was[512] = "";
    const char *home = getenv("XDG_DATA_HOME");
    if (home)
        snprintf(was, sizeof was, "%s", home);
    setenv("XDG_DATA_HOME", "/data", 1);
    CHECK_ERR(demur_path_data(fingerprint, &path, &diag), DEMUR_OK);
    CHECK(strcmp((char *)path.p,
                 "/data/demur/ab"
                 "00000000000000000000000000000000000000000000000000000000000000") == 0);
    demur_bytes_free(&path);
    setenv("XDG_DATA_HOME", "relative", 1);
    CHECK_ERR(demur_path_data(fingerprint, &path, &diag), DEMUR_OK);
    CHECK(strstr((char *)path.p, "/.local/share/demur/ab00"));
    demur_bytes_free(&path);
    if (home)
        setenv("XDG_DATA_HOME", was, 1);
    else
        unsetenv("XDG_DATA_HOME");
}

static bool same(const struct demur_identity *a, const struct demur_identity *b)
{
    char text[2][DEMUR_IDENTITY_TEXT_MAX];
    struct buf one = buf_over(text[0], sizeof text[0]), two = buf_over(text[1], sizeof text[1]);
    demur_identity_put(&one, a);
    demur_identity_put(&two, b);
    return span_eq(buf_span(&one), buf_span(&two));
}

TEST(disk_identity_file)
{
    struct place p;
    struct demur_identity id, back;
    struct demur_invitation in = {.handle = "m-1", .token = "word", .url = "http://127.0.0.1:1"};
    bool exposed = true;
    REQUIRE(place_make(&p));
    CHECK_ERR(demur_identity_from_invitation(&id, &in, "Ana", 1790000000, &p.diag), DEMUR_OK);
    CHECK(id.has_chain && id.epoch == 2026 * 12 + 8);
    CHECK_ERR(demur_identity_save(&id, p.path, span_lit(""), LOG2N, &p.diag), DEMUR_ERR_MISSING);
    CHECK_ERR(demur_identity_save(&id, p.path, span_lit("right"), LOG2N, &p.diag), DEMUR_OK);
    CHECK_ERR(demur_identity_load(&back, p.path, span_lit("right"), &exposed, &p.diag), DEMUR_OK);
    CHECK(!exposed && same(&id, &back));
    CHECK(chmod(p.path, 0640) == 0);
    CHECK_ERR(demur_identity_load(&back, p.path, span_lit("right"), &exposed, &p.diag), DEMUR_OK);
    CHECK(exposed);
    CHECK_ERR(demur_identity_load(&back, p.path, span_lit("wrong"), NULL, &p.diag), DEMUR_ERR_KEY);
    CHECK(strstr(p.diag.text, "this passphrase does not open"));
    id.name[0] = '\n'; /* what could not be read back is not written */
    CHECK_ERR(demur_identity_save(&id, p.path, span_lit("right"), LOG2N, &p.diag), DEMUR_ERR_CANON);
    CHECK_ERR(demur_identity_load(&back, p.path, span_lit("right"), NULL, &p.diag), DEMUR_OK);
    place_remove(&p);
}

TEST(disk_identity_file_damaged)
{
    struct place p;
    struct demur_identity id, back;
    struct demur_bytes file = {0};
    uint8_t channel[32] = {1};
    REQUIRE(place_make(&p));
    CHECK_ERR(demur_identity_new(&id, channel, "https://a.example/", NULL, &p.diag),
              DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_identity_new(&id, channel, "https://a.example", NULL, &p.diag), DEMUR_OK);
    CHECK(!id.has_chain && !id.handle[0] && !sodium_is_zero(id.seed, 32));
    CHECK_ERR(demur_identity_load(&back, p.path, span_lit("x"), NULL, &p.diag), DEMUR_ERR_UNKNOWN);
    CHECK_ERR(demur_identity_save(&id, p.path, span_lit("x"), LOG2N, &p.diag), DEMUR_OK);
    REQUIRE(demur_path_read(p.path, 1 << 16, &file, &p.diag) == DEMUR_OK);
    struct span whole = demur_bytes_span(&file);
    for (size_t len = 0; len < whole.len; len += 13) {
        CHECK_ERR(demur_path_write(p.path, span_take(whole, len), &p.diag), DEMUR_OK);
        enum demur_err err = demur_identity_load(&back, p.path, span_lit("x"), NULL, &p.diag);
        if (err == DEMUR_OK || err == DEMUR_ERR_KEY || !strstr(p.diag.text, "broken off"))
            test_failed(__FILE__, __LINE__, "cut to %zu: %s, %s", len, demur_err_name(err),
                        p.diag.text);
    }
    file.p[file.len - 5] ^= 1;
    CHECK_ERR(demur_path_write(p.path, whole, &p.diag), DEMUR_OK);
    CHECK_ERR(demur_identity_load(&back, p.path, span_lit("x"), NULL, &p.diag), DEMUR_ERR_VERIFY);
    demur_bytes_free(&file);
    place_remove(&p);
}
