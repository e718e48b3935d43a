/* Slow lines and dead ones. */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../client/internal.h"
#include "../test.h"
#include "between.h"

#define STORED "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

static enum demur_err put(struct between *b, size_t len, struct demur_diag *diag)
{
    struct demur_client_options o = {.url = b->url, .timeout_s = 1};
    struct http *h = NULL;
    struct buf body = heap_buf(len);
    if (!body.p || demur_http_init(diag) != DEMUR_OK)
        return DEMUR_ERR_MEMORY;
    memset(body.p, 'x', len);
    body.len = len;
    enum demur_err err = http_new(&h, &o, diag);
    if (!err)
        err = http_want(h, HTTP_PUT, "/blob/x", buf_span(&body), 4096, NULL, diag);
    http_free(h);
    heap_buf_free(&body);
    return err;
}

TEST(http_a_slow_line_takes_its_time)
{
    struct demur_diag diag = {0};
    struct between b;
    if (!between_start(&b, 1))
        return;
    b.meddle = "PUT /blob";
    b.answer = STORED;
    b.pace = 16384;
    CHECK_ERR(put(&b, 1 << 20, &diag), DEMUR_OK); /* over six seconds, of which none is silent */
    between_stop(&b);
}

TEST(http_a_dead_line_is_given_up)
{
    struct demur_diag diag = {0};
    struct between b;
    if (!between_start(&b, 1))
        return;
    b.meddle = "PUT /blob";
    b.answer = STORED;
    b.stall = true;
    CHECK_ERR(put(&b, 20000, &diag), DEMUR_ERR_IO);
    CHECK(strstr(diag.text, "did not answer in time"));
    between_stop(&b);
}

/* Closes whoever comes, and counts them. */
static void *hang_up(void *arg)
{
    int *state = arg, fd; /* the listening socket, then the count */
    while ((fd = accept(state[0], NULL, NULL)) >= 0) {
        state[1]++;
        close(fd);
    }
    return NULL;
}

/* A busy server may close a connection in the middle of the handshake: that passes. */
TEST(http_a_handshake_that_broke_off_is_tried_again)
{
    struct demur_diag diag = {0};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    pthread_t thread;
    char url[64];
    int state[2] = {socket(AF_INET, SOCK_STREAM, 0), 0};
    struct between b = {0};
    REQUIRE(state[0] >= 0 && !bind(state[0], (struct sockaddr *)&at, len) && !listen(state[0], 8) &&
            !getsockname(state[0], (struct sockaddr *)&at, &len));
    REQUIRE(!pthread_create(&thread, NULL, hang_up, state));
    snprintf(url, sizeof url, "https://127.0.0.1:%u", ntohs(at.sin_port));
    (void)copy_text(b.url, sizeof b.url, span_str(url));
    CHECK_ERR(put(&b, 10, &diag), DEMUR_ERR_IO);
    shutdown(state[0], SHUT_RDWR);
    pthread_join(thread, NULL);
    CHECK(state[1] == 3);
    CHECK(strstr(diag.text, "the connection broke off"));
    close(state[0]);
}
