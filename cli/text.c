/* Text for a terminal of 80 columns. */
#include <stdarg.h>
#include <stdio.h>

#include "cli.h"

#define COLUMNS 78 /* of 80: some people put text into a frame */
#define SAY_MAX 2048

/* Columns that the bytes take: UTF-8 continuation bytes take none. */
static size_t width(struct span text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += (text.p[i] & 0xC0) != 0x80;
    return n;
}

static bool blank(uint8_t c) { return c == ' ' || c == '\n'; }

/* What may not be broken: up to a space that no bracket encloses. */
static struct span next_word(struct span *rest)
{
    int depth = 0;
    size_t n = 0;
    for (; n < rest->len && (depth > 0 || !blank(rest->p[n])); n++)
        depth += (rest->p[n] == '[') - (rest->p[n] == ']');
    struct span word = span_take(*rest, n);
    *rest = span_skip(*rest, n);
    while (rest->len && blank(rest->p[0]))
        *rest = span_skip(*rest, 1);
    return word;
}

void cli_put(FILE *out, size_t column, size_t indent, struct span text)
{
    bool first = true;
    while (text.len) {
        struct span word = next_word(&text);
        size_t wide = width(word);
        if (!first && column + 1 + wide > COLUMNS) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', out);
            column++;
        }
        fwrite(word.p, 1, word.len, out);
        column += wide;
        first = false;
    }
    fputc('\n', out);
}

void cli_say(FILE *out, size_t indent, const char *fmt, ...)
{
    char text[SAY_MAX];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n < 0)
        return;
    size_t before = strspn(text, " ");
    fprintf(out, "%*s", (int)before, "");
    cli_put(out, before, indent, span_str(text + before));
}

void cli_put_lines(FILE *out, const char *text)
{
    struct span rest = span_str(text);
    for (bool more = true; more;) {
        struct span line = span_split(&rest, '\n', &more);
        if (width(line) <= 80) {
            fprintf(out, "%.*s\n", SPAN_ARG(line));
            continue;
        }
        size_t before = 0;
        while (line.p[before] == ' ')
            before++;
        fprintf(out, "%*s", (int)before, "");
        cli_put(out, before, before, span_skip(line, before));
    }
}

void cli_put_paragraphs(FILE *out, const char *text)
{
    while (text) {
        const char *end = strstr(text, "\n\n");
        struct span paragraph = span_of(text, end ? (size_t)(end - text) : strlen(text));
        if (span_starts(paragraph, "    "))
            fprintf(out, "%.*s\n", SPAN_ARG(paragraph));
        else
            cli_put(out, 0, 0, paragraph);
        if (end)
            fputc('\n', out);
        text = end ? end + 2 : NULL;
    }
}

#define TELLING_WORDS 4 /* so many in a row are no accident */

void cli_hide_phrases(char *text)
{
    char *begin = text;
    size_t words = 0;
    for (char *at = text; *at;) {
        size_t len = 0;
        uint16_t value;
        while (at[len] && at[len] != '-' && at[len] != ' ')
            len++;
        /* A quotation mark or a full stop may stand before the first word or after the last. */
        size_t skip = len > DEMUR_PROQUINT_LEN && !words ? len - DEMUR_PROQUINT_LEN : 0;
        bool word =
            len >= DEMUR_PROQUINT_LEN &&
            demur_proquint_decode(&value, span_of(at + skip, DEMUR_PROQUINT_LEN)) == DEMUR_OK;
        if (word && !words++)
            begin = at + skip;
        for (char *p = begin; word && words >= TELLING_WORDS && p < at + skip + DEMUR_PROQUINT_LEN;
             p++)
            if (*p != '-' && *p != ' ')
                *p = '*';
        if (!word || len - skip > DEMUR_PROQUINT_LEN)
            words = 0;
        at += len;
        at += *at != 0;
    }
}
