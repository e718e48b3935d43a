/* A directory is filled where nobody else has put one. */
#define _GNU_SOURCE /* mkdtemp */
#include "../../server/place.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../test.h"

TEST(place_is_filled_in_no_folder_of_a_stranger)
{
    char parent[64] = "/tmp/demur-place-XXXXXX", dir[96];
    struct demur_place place;
    struct demur_diag diag = {0};
    struct stat status;
    REQUIRE(mkdtemp(parent) != NULL);
    snprintf(dir, sizeof dir, "%s/copy", parent);
    CHECK_ERR(demur_place_check(&place, dir, &diag), DEMUR_OK);
    CHECK(mkdir(place.fresh, 0777) == 0); /* between the check and the making */
    CHECK_ERR(demur_place_begin(&place, &diag), DEMUR_ERR_IO);
    CHECK(strstr(diag.text, "left over") != NULL);
    CHECK(rmdir(place.fresh) == 0); /* nothing went in */
    CHECK(symlink(parent, place.fresh) == 0);
    CHECK_ERR(demur_place_begin(&place, &diag), DEMUR_ERR_IO);
    CHECK(unlink(place.fresh) == 0);
    mode_t mask = umask(0);
    CHECK_ERR(demur_place_begin(&place, &diag), DEMUR_OK);
    umask(mask);
    CHECK(stat(place.fresh, &status) == 0 && (status.st_mode & 0777) == 0700);
    CHECK_ERR(demur_place_take(&place, &diag), DEMUR_OK);
    CHECK(stat(dir, &status) == 0 && rmdir(dir) == 0 && rmdir(parent) == 0);
}
