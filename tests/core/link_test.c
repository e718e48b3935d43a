/* Signing links against one made by another program from docs/formats/memo.md. */
#include "../../core/link.h"
#include "../test.h"

static const char told[] =
    "https://dissent.example.org/a/sign#demur-sign1aaaqeayeaudaocajbifqydiob4ibceqtcq"
    "krmfyydenbwha5dypqaaicamcakbqhbaequcymbuha6earcijqaaabalemtswlztg45t6q"
    "2hjnhvgv23l5rwo23pon3xw74dq6fy7e4xtop2slk63a";

static void counting(uint8_t *out, size_t len, uint8_t from)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(from + i);
}

static struct demur_link sample(void)
{
    struct demur_link link = {.dissent = "aaaqeayeaudaocajbifqydiob4ibceqt",
                              .revision = 258,
                              .url = "https://dissent.example.org/a"};
    counting(link.channel, 32, 0);
    counting(link.key, 32, 200);
    return link;
}

TEST(link_is_written_and_read_as_told)
{
    uint8_t text[DEMUR_LINK_MAX];
    struct buf b = buf_over(text, sizeof text);
    struct demur_link link = sample(), back;
    struct demur_diag diag;
    demur_link_put(&b, &link);
    CHECK(buf_ok(&b));
    CHECK_SPAN(buf_span(&b), span_str(told));
    CHECK_ERR(demur_link_parse(&back, span_str(told), &diag), DEMUR_OK);
    CHECK(memcmp(back.channel, link.channel, 32) == 0 && memcmp(back.key, link.key, 32) == 0);
    CHECK(strcmp(back.url, link.url) == 0 && strcmp(back.dissent, link.dissent) == 0);
    CHECK(back.revision == 258);
}

TEST(link_forgives_what_mail_does_to_it)
{
    char text[2 * sizeof told];
    struct demur_link back;
    struct demur_diag diag;
    size_t n = 0;
    bool behind = false;
    for (size_t i = 0; told[i]; i++) {
        behind = behind || told[i] == '#';
        if (i % 30 == 29) {
            text[n++] = '\n';
            text[n++] = ' ';
        }
        text[n++] =
            behind && told[i] >= 'a' && told[i] <= 'z' ? (char)(told[i] - 'a' + 'A') : told[i];
    }
    CHECK_ERR(demur_link_parse(&back, span_of(text, n), &diag), DEMUR_OK);
    CHECK(back.revision == 258);
}

TEST(link_every_character_counts)
{
    char text[sizeof told];
    struct demur_link back = {.revision = 7};
    struct demur_diag diag;
    for (size_t i = 0; told[i]; i++) {
        memcpy(text, told, sizeof told);
        text[i] = text[i] == 'b' ? 'c' : 'b';
        if (demur_link_parse(&back, span_str(text), &diag) == DEMUR_OK)
            test_failed(__FILE__, __LINE__, "accepted with character %zu changed", i);
        if (demur_link_parse(&back, span_of(told, i), &diag) == DEMUR_OK)
            test_failed(__FILE__, __LINE__, "accepted when cut to %zu characters", i);
    }
    CHECK(back.revision == 7); /* untouched */
    CHECK_ERR(demur_link_parse(&back, span_lit(""), &diag), DEMUR_ERR_SYNTAX);
    CHECK_ERR(demur_link_parse(&back, span_lit("demur-sign1aaaa"), &diag), DEMUR_ERR_SYNTAX);
}

TEST(link_is_not_written_from_nonsense)
{
    uint8_t text[DEMUR_LINK_MAX];
    struct demur_link link = sample();
    struct buf b = buf_over(text, sizeof text);
    link.revision = 0;
    demur_link_put(&b, &link);
    CHECK(!buf_ok(&b));
    link = sample();
    link.dissent[31] = 0;
    b = buf_over(text, sizeof text);
    demur_link_put(&b, &link);
    CHECK(!buf_ok(&b));
    link = sample();
    link.url[0] = 'x';
    b = buf_over(text, sizeof text);
    demur_link_put(&b, &link);
    CHECK(!buf_ok(&b));
    link = sample();
    b = buf_over(text, 100);
    demur_link_put(&b, &link);
    CHECK(!buf_ok(&b));
}
