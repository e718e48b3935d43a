#include "harness.h"

#include <stdarg.h>
#include <stdlib.h>

static struct test_case *cases, **cases_tail = &cases;
static char message[8192];
static struct buf log_buf;
static bool failed, skipped, quick;

static struct {
    char *name;
    uint8_t *bytes;
    size_t len;
} files[4096];
static size_t files_len;

void test_register(struct test_case *t)
{
    *cases_tail = t;
    cases_tail = &t->next;
}

static void say(const char *fmt, va_list args)
{
    char line[700];
    int n = vsnprintf(line, sizeof line, fmt, args);
    if (n < 0)
        return;
    size_t len = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    if (log_buf.cap - log_buf.len > len + 1) {
        buf_put(&log_buf, line, len);
        buf_put_byte(&log_buf, '\n');
    }
}

void test_failed(const char *file, int line, const char *fmt, ...)
{
    char where[700];
    va_list args;
    va_start(args, fmt);
    vsnprintf(where, sizeof where, fmt, args);
    va_end(args);
    failed = true;
    char text[800];
    snprintf(text, sizeof text, "  %s:%d: %s", file, line, where);
    struct span s = span_str(text);
    if (log_buf.cap - log_buf.len > s.len + 1) {
        buf_put_span(&log_buf, s);
        buf_put_byte(&log_buf, '\n');
    }
}

void test_skip(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    skipped = true;
    say(fmt, args);
    va_end(args);
}

const struct test_case *test_at(size_t i)
{
    const struct test_case *t = cases;
    while (t && i--)
        t = t->next;
    return t;
}

const char *test_file(size_t i)
{
    const struct test_case *t = test_at(i);
    return t ? t->file : NULL;
}

const char *test_name(size_t i)
{
    const struct test_case *t = test_at(i);
    return t ? t->name : NULL;
}

void test_set_quick(void) { quick = true; }
bool test_quick(void) { return quick; }

enum test_outcome test_run(size_t i)
{
    const struct test_case *t = test_at(i);
    log_buf = buf_over(message, sizeof message - 1);
    failed = skipped = false;
    if (t)
        t->run();
    message[log_buf.len] = 0;
    return failed ? TEST_FAILED : skipped ? TEST_SKIPPED : TEST_PASSED;
}

const char *test_message(void) { return message; }

void *test_alloc(size_t n) { return malloc(n); }

uint8_t *test_data_add(const char *name, size_t len)
{
    if (files_len == DEMUR_COUNT(files))
        return NULL;
    size_t n = strlen(name) + 1;
    files[files_len].name = malloc(n);
    files[files_len].bytes = malloc(len ? len : 1);
    files[files_len].len = len;
    if (!files[files_len].name || !files[files_len].bytes)
        return NULL;
    memcpy(files[files_len].name, name, n);
    return files[files_len++].bytes;
}

struct span test_data(const char *name)
{
    for (size_t i = 0; i < files_len; i++)
        if (strcmp(files[i].name, name) == 0)
            return span_of(files[i].bytes, files[i].len);
    return span_of(NULL, 0);
}

const char *test_data_name(size_t i) { return i < files_len ? files[i].name : NULL; }

uint64_t test_random_u64(uint64_t *state)
{
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void test_random(uint64_t *state, void *out, size_t len)
{
    uint8_t *p = out;
    while (len) {
        uint64_t v = test_random_u64(state);
        size_t n = len < 8 ? len : 8;
        memcpy(p, &v, n);
        p += n;
        len -= n;
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void test_unhex(const char *hex, uint8_t *out, size_t len)
{
    if (strlen(hex) != 2 * len) {
        test_failed(__FILE__, __LINE__, "hex of %zu digits, want %zu", strlen(hex), 2 * len);
        memset(out, 0, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);
        if (hi < 0 || lo < 0) {
            test_failed(__FILE__, __LINE__, "not hex: %s", hex);
            hi = lo = 0;
        }
        out[i] = (uint8_t)(hi << 4 | lo);
    }
}
