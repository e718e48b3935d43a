/* Runs every registered unit test. Usage:
 *     unit [-q] [-s K/N] [-t SUBSTRING] [DATA-FOLDER...]
 * -q: this is a slow place, be quick (test_quick). -s: only each N-th test,
 * from the K-th on (from 0), so that N processes share the work.
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
    unsigned share = 0, shares = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-t") == 0 && i + 1 < argc) {
            only = argv[++i];
            continue;
        }
        if (strcmp(argv[i], "-q") == 0) {
            test_set_quick();
            continue;
        }
        if (strcmp(argv[i], "-s") == 0 && i + 1 < argc) {
            if (sscanf(argv[++i], "%u/%u", &share, &shares) != 2 || share >= shares) {
                fprintf(stderr, "unit: -s takes K/N with K below N\n");
                return 2;
            }
            continue;
        }
        root_len = strlen(argv[i]);
        nftw(argv[i], load, 16, FTW_PHYS);
    }
    int counts[3] = {0, 0, 0};
    const struct test_case *t;
    for (size_t i = 0; (t = test_at(i)); i++) {
        if (i % shares != share)
            continue;
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
