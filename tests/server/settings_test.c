/* The server's config file: what it says, what it refuses, and where. */
#include "../../server/server.h"
#include "../test.h"

static struct demur_server_settings settings;
static struct demur_diag diag;

static enum demur_err parse(const char *text)
{
    diag = (struct demur_diag){0};
    return demur_server_settings_parse(&settings, span_str(text), &diag);
}

TEST(settings_full)
{
    CHECK_ERR(parse("demur server v1\n"
                    "# where\n"
                    "listen [::1]:8470\n"
                    "token new-one\n"
                    "token old-one\n"
                    "url https://dissent.example\n"
                    "tls-certificate /etc/demur/a chain.pem\n"
                    "tls-key /etc/demur/key.pem\n"
                    "behind-proxy yes\n"
                    "limit connections 32\n"
                    "limit blob-seconds 120\n"),
              DEMUR_OK);
    CHECK_SPAN(settings.listen, span_lit("[::1]:8470"));
    CHECK(settings.tokens_len == 2);
    CHECK_SPAN(settings.tokens[1], span_lit("old-one"));
    CHECK_SPAN(settings.url, span_lit("https://dissent.example"));
    CHECK_SPAN(settings.certificate, span_lit("/etc/demur/a chain.pem"));
    CHECK_SPAN(settings.key, span_lit("/etc/demur/key.pem"));
    CHECK(settings.behind_proxy);
    CHECK(settings.limits[DEMUR_LIMIT_CONNECTIONS] == 32);
    CHECK(settings.limits[DEMUR_LIMIT_BLOB_SECONDS] == 120);
    CHECK(settings.limits[DEMUR_LIMIT_IDLE_SECONDS] == 60);
}

TEST(settings_put_is_read_again)
{
    uint8_t text[4096];
    struct buf b = buf_over(text, sizeof text);
    struct demur_server_settings was;
    CHECK_ERR(parse("demur server v1\nlisten 127.0.0.1:0\ntoken t\nlimit memory 5000000\n"
                    "behind-proxy yes\nurl http://x\n"),
              DEMUR_OK);
    was = settings;
    demur_server_settings_put(&b, &was);
    REQUIRE(buf_ok(&b));
    CHECK_ERR(demur_server_settings_parse(&settings, buf_span(&b), &diag), DEMUR_OK);
    CHECK_SPAN(settings.listen, was.listen);
    CHECK_SPAN(settings.tokens[0], was.tokens[0]);
    CHECK_SPAN(settings.url, was.url);
    CHECK(settings.behind_proxy);
    CHECK(!memcmp(settings.limits, was.limits, sizeof was.limits));
}

TEST(settings_refusals)
{
    static const struct {
        const char *lines;
        enum demur_err want;
        uint32_t line;
    } cases[] = {
        {"", DEMUR_ERR_MISSING, 0},
        {"token t\n", DEMUR_ERR_MISSING, 0},
        {"listen 127.0.0.1:1\n", DEMUR_ERR_MISSING, 0},
        {"listen 127.0.0.1:1\ntoken t\ntls-key k\n", DEMUR_ERR_MISSING, 0},
        {"listen 127.0.0.1:1\nlisten 127.0.0.1:2\n", DEMUR_ERR_SYNTAX, 3},
        {"token Upper\n", DEMUR_ERR_SYNTAX, 2},
        {"token two words\n", DEMUR_ERR_SYNTAX, 2},
        {"token a\ntoken b\ntoken c\ntoken d\ntoken e\ntoken f\ntoken g\ntoken h\ntoken i\n",
         DEMUR_ERR_LIMIT, 10},
        {"port 80\n", DEMUR_ERR_SYNTAX, 2},
        {"listen\n", DEMUR_ERR_SYNTAX, 2},
        {"  listen 127.0.0.1:1\n", DEMUR_ERR_SYNTAX, 2},
        {"behind-proxy maybe\n", DEMUR_ERR_SYNTAX, 2},
        {"limit connections\n", DEMUR_ERR_SYNTAX, 2},
        {"limit connections 10 20\n", DEMUR_ERR_SYNTAX, 2},
        {"limit connections 0\n", DEMUR_ERR_LIMIT, 2},
        {"limit connections 010\n", DEMUR_ERR_LIMIT, 2},
        {"limit connections 10\nlimit connections 10\n", DEMUR_ERR_SYNTAX, 3},
        {"limit patience 10\n", DEMUR_ERR_SYNTAX, 2},
    };
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        char text[512];
        snprintf(text, sizeof text, "demur server v1\n%s", cases[i].lines);
        enum demur_err got = parse(text);
        if (got != cases[i].want || diag.line != cases[i].line || !diag.text[0])
            test_failed(__FILE__, __LINE__, "case %zu: %s at line %u", i, demur_err_name(got),
                        diag.line);
    }
    CHECK_ERR(parse("demur server v2\n"), DEMUR_ERR_UPGRADE);
    CHECK_ERR(parse("demur policy v1\n"), DEMUR_ERR_SYNTAX);
}
