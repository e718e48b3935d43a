/* Writes C that holds the named files, for embedded/embedded.h: embed FILE... */
#include <stdio.h>
#include <stdlib.h>

static void bytes_of(const char *path, int i)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "embed: cannot read %s\n", path);
        exit(1);
    }
    printf("static const uint8_t file_%d[] = {", i);
    size_t n = 0;
    for (int c; (c = getc(f)) != EOF; n++)
        printf("%s%d,", n % 24 ? "" : "\n", c);
    /* A NUL that no length counts: it keeps an empty file's array legal, and
     * lets a text be used as a string. */
    printf("0};\n");
    if (ferror(f) || fclose(f)) {
        fprintf(stderr, "embed: cannot read %s\n", path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    printf("#include \"embedded/embedded.h\"\n\n");
    for (int i = 1; i < argc; i++)
        bytes_of(argv[i], i);
    printf("\nconst struct demur_embedded demur_embedded_files[] = {\n");
    for (int i = 1; i < argc; i++)
        printf("    {\"%s\", file_%d, sizeof file_%d - 1},\n", argv[i], i, i);
    printf("    {NULL, NULL, 0},\n};\n");
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
