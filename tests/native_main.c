/* Runs every registered unit test. Usage: unit [-q] [-t SUBSTRING] [DATA-FOLDER...]
 * -q: this is a slow place, be quick (test_quick).
 * A data folder's files are loaded under their paths below it; a folder that
 * is not there is passed over, and the tests that want it skip by name. */
#define _XOPEN_SOURCE 700
#include "harness.h"

#include <ftw.h>
#include <sodium.h>
#include <stdlib.h>

static size_t root_len;

static int load(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type != FTW_F)
        return 0;
    FILE *f = fopen(path, "rb");
    uint8_t *at = f ? test_data_add(path + root_len + 1, (size_t)st->st_size) : NULL;
    if (!at || fread(at, 1, (size_t)st->st_size, f) != (size_t)st->st_size) {
        fprintf(stderr, "unit: cannot load %s\n", path);
        exit(2);
    }
    fclose(f);
    return 0;
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0)
        return 2;
    const char *only = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-t") == 0 && i + 1 < argc) {
            only = argv[++i];
            continue;
        }
        if (strcmp(argv[i], "-q") == 0) {
            test_set_quick();
            continue;
        }
        root_len = strlen(argv[i]);
        nftw(argv[i], load, 16, FTW_PHYS);
    }
    int counts[3] = {0, 0, 0};
    const struct test_case *t;
    for (size_t i = 0; (t = test_at(i)); i++) {
        if (only && !strstr(t->name, only) && !strstr(t->file, only))
            continue;
        enum test_outcome r = test_run(i);
        counts[r]++;
        static const char *const words[] = {"ok", "FAIL", "skip"};
        printf("%s %s %s\n%s", words[r], t->file, t->name, test_message());
        fflush(stdout);
    }
    printf("%d passed, %d failed, %d skipped\n", counts[0], counts[1], counts[2]);
    return counts[1] != 0;
}
