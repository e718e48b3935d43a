#define _GNU_SOURCE /* strcasestr */
#include "liar.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/hash.h"
#include "../../core/receipt.h"
#include "../../core/tile.h"

#define REQUEST_MAX (1u << 17)

static struct span entry(const struct liar *liar, size_t i)
{
    return demur_bytes_span(&liar->entries[i]);
}

/* ---- a channel whose operator is the test ---- */

struct town *liar_found(void)
{
    struct town *w = town_company(LIAR_FOUNDED, 11);
    if (!w)
        return NULL;
    /* Officer 0 is the people office, which keeps the roster too; officer 1 the board. */
    w->keeper = w->officers[0];
    CHECK_ERR(town_grant(w, 0, "people-office"), DEMUR_OK);
    CHECK_ERR(town_grant(w, 1, "board"), DEMUR_OK);
    for (size_t i = 0; i < LIAR_MEMBERS; i++) {
        CHECK_ERR(town_invite(w, i, "team=blue"), DEMUR_OK);
        CHECK_ERR(town_join(w, i), DEMUR_OK);
    }
    w->officers[0].seq = w->keeper.seq;
    w->now += 7200;
    return w;
}

void liar_end(struct liar *liar)
{
    struct town *w = liar->w;
    liar_free(liar);
    town_free(w);
}

void liar_spoil(struct liar *liar, size_t entry)
{
    liar->entries[entry].p[liar->entries[entry].len - 5] ^= 1;
}

/* ---- the log ---- */

static bool read_tree(void *ctx, unsigned level, uint64_t index, uint8_t out[32])
{
    const struct liar *liar = ctx;
    if (level == 0) {
        demur_merkle_leaf(out, entry(liar, index));
        return true;
    }
    uint8_t left[32], right[32];
    bool good = read_tree(ctx, level - 1, 2 * index, left) &&
                read_tree(ctx, level - 1, 2 * index + 1, right);
    demur_merkle_node(out, left, right);
    return good;
}

static bool put(struct liar *liar, struct span bytes)
{
    uint8_t *copy = liar->len < LIAR_ENTRIES ? malloc(bytes.len + 1) : NULL;
    if (!copy)
        return false;
    memcpy(copy, bytes.p, bytes.len);
    copy[bytes.len] = 0;
    liar->entries[liar->len++] = (struct demur_bytes){copy, bytes.len};
    return true;
}

void liar_add(struct liar *liar, uint64_t at, struct span record)
{
    static uint8_t bytes[DEMUR_ENTRY_MAX];
    struct buf b = buf_over(bytes, sizeof bytes);
    demur_entry_write(&b, at, record);
    CHECK(put(liar, buf_span(&b)));
}

void liar_claim(struct liar *liar, uint64_t size, const uint8_t root[static 32],
                const uint8_t secret[static 64])
{
    struct buf b = buf_over(liar->checkpoint, sizeof liar->checkpoint);
    struct demur_checkpoint head = {.origin = demur_channel_origin(liar->w->c), .size = size};
    memcpy(head.root, root, 32);
    CHECK_ERR(demur_checkpoint_sign(&b, &head, secret, NULL), DEMUR_OK);
    liar->checkpoint_len = b.len;
    liar->size = size < liar->len ? size : liar->len;
}

void liar_sign(struct liar *liar, size_t size, const uint8_t secret[static 64])
{
    struct demur_frontier tree;
    uint8_t leaf[32], root[32];
    demur_frontier_init(&tree);
    for (size_t i = 0; i < size; i++) {
        demur_merkle_leaf(leaf, entry(liar, i));
        CHECK(demur_frontier_append(&tree, leaf));
    }
    demur_frontier_root(&tree, root);
    liar_claim(liar, size, root, secret);
}

/* ---- the server ---- */

static bool write_all(int fd, const void *p, size_t len)
{
    const uint8_t *at = p;
    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static void answer(int fd, const char *status, struct span body)
{
    char head[200];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
                     body.len);
    if (write_all(fd, head, (size_t)n))
        write_all(fd, body.p, body.len);
}

static void answer_bundle(int fd, struct liar *liar, const struct demur_tile *tile)
{
    static uint8_t bytes[DEMUR_TILE_WIDTH * (DEMUR_ENTRY_MAX + 2)];
    struct buf b = buf_over(bytes, sizeof bytes);
    liar->bundles++;
    for (uint64_t i = tile->index * DEMUR_TILE_WIDTH, end = i + tile->width;
         i < end && i < liar->len; i++)
        if (!liar->withheld || i != liar->withheld)
            demur_bundle_put(&b, entry(liar, i));
    answer(fd, "200 OK", buf_span(&b));
}

struct demur_bytes liar_receipt(struct liar *liar, size_t subject)
{
    static uint8_t bytes[1 << 20], bundle_bytes[1 << 19];
    struct buf out = buf_over(bytes, sizeof bytes),
               bundle = buf_over(bundle_bytes, sizeof bundle_bytes);
    struct demur_tree_reader reader = {read_tree, liar};
    struct demur_proof proof;
    struct demur_bytes receipt = {0};
    if (!demur_inclusion_prove(&proof, subject, liar->size, &reader))
        return receipt;
    demur_bundle_put(&bundle, entry(liar, 0));
    for (size_t i = 1; i < liar->size; i++)
        if (strstr((const char *)liar->entries[i].p, "\ndemur rotate v1\n"))
            demur_bundle_put(&bundle, entry(liar, i));
    demur_bundle_put(&bundle, entry(liar, subject));
    demur_receipt_put(&out, buf_span(&bundle), subject, &proof,
                      span_of(liar->checkpoint, liar->checkpoint_len));
    receipt.p = malloc(out.len + 1);
    if (receipt.p) {
        memcpy(receipt.p, out.p, out.len);
        receipt.p[receipt.len = out.len] = 0;
    }
    return receipt;
}

static void hex_of(char text[static 65], const uint8_t hash[static 32])
{
    for (size_t i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

static void answer_receipt(int fd, struct liar *liar, struct span hex)
{
    uint8_t leaf[32];
    char text[65];
    size_t subject = 0;
    struct demur_bytes receipt = {0};
    for (; subject < liar->size; subject++) {
        demur_merkle_leaf(leaf, entry(liar, subject));
        hex_of(text, leaf);
        if (span_eq_str(hex, text))
            break;
    }
    if (subject < liar->size)
        receipt = liar_receipt(liar, subject);
    answer(fd, receipt.p ? "200 OK" : "404 Not Found", demur_bytes_span(&receipt));
    demur_bytes_free(&receipt);
}

/* A town's text, or another than was asked for. */
static void answer_text(int fd, const struct liar *liar, struct span hex)
{
    static uint8_t other[1 << 17];
    uint8_t hash[32];
    char text[65];
    for (size_t i = 0; i < liar->w->entries_len; i++) {
        struct span is = liar->w->entries[i].text;
        demur_hash(hash, is);
        hex_of(text, hash);
        if (!is.p || !span_eq_str(hex, text))
            continue;
        if (liar->swaps && is.len <= sizeof other) {
            memcpy(other, is.p, is.len);
            other[is.len / 2] ^= 1;
            is.p = other;
        }
        answer(fd, "200 OK", is);
        return;
    }
    answer(fd, "404 Not Found", span_lit(""));
}

/* As many bytes as were asked for, and not those. */
static void answer_swapped(int fd, const struct liar *liar, struct span hex)
{
    static struct fixture_answer truth;
    char path[80];
    snprintf(path, sizeof path, "/blob/%.*s", SPAN_ARG(hex));
    if (fixture_ask(liar->l->f, &truth, "GET", path, span_of(NULL, 0)) && truth.len)
        truth.body[truth.len / 2] ^= 1;
    answer(fd, "200 OK", span_of(truth.body, truth.len));
}

/* To the real server, asking it to close afterwards. */
static void hand_on(int fd, const struct liar *liar, const char *request, size_t len)
{
    static const char close_line[] = "Connection: close\r\n";
    const char *line = memchr(request, '\n', len);
    int up = fixture_connect(liar->l->f);
    uint8_t piece[16384];
    ssize_t n;
    size_t first = line ? (size_t)(line - request) + 1 : 0;
    if (up >= 0 && first && write_all(up, request, first) &&
        write_all(up, close_line, sizeof close_line - 1) &&
        write_all(up, request + first, len - first))
        while ((n = read(up, piece, sizeof piece)) > 0 && write_all(fd, piece, (size_t)n))
            ;
    if (up >= 0)
        close(up);
}

/* A whole request: its head, and as much as the head says. */
static size_t receive(int fd, char *request)
{
    size_t len = 0, want = 0;
    ssize_t n = 1;
    while (n > 0 && len < REQUEST_MAX && (!want || len < want)) {
        n = read(fd, request + len, REQUEST_MAX - len);
        len += n > 0 ? (size_t)n : 0;
        request[len] = 0;
        const char *end = strstr(request, "\r\n\r\n"),
                   *length = strcasestr(request, "content-length: ");
        if (!want && end)
            want = (size_t)(end + 4 - request) +
                   (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
    }
    return len;
}

static void serve_one(struct liar *liar, int fd)
{
    static char request[REQUEST_MAX + 1];
    size_t len = receive(fd, request);
    struct span path = span_of(request, len);
    struct demur_tile tile;
    bool found;
    struct span method = span_split(&path, ' ', &found);
    bool get = span_eq_str(method, "GET"), post = span_eq_str(method, "POST");
    path = span_skip(span_split(&path, ' ', &found), 1);
    if (get && span_eq_str(path, "checkpoint"))
        answer(fd, "200 OK", span_of(liar->checkpoint, liar->checkpoint_len));
    else if (get && span_starts(path, "receipt/"))
        answer_receipt(fd, liar, span_skip(path, 8));
    else if (get && demur_tile_parse_path(&tile, path, NULL) == DEMUR_OK &&
             tile.level == DEMUR_TILE_ENTRIES)
        answer_bundle(fd, liar, &tile);
    else if (get && span_starts(path, "blob/") && !liar->l)
        answer_text(fd, liar, span_skip(path, 5));
    else if (get && span_starts(path, "blob/") && liar->swaps)
        answer_swapped(fd, liar, span_skip(path, 5));
    else if (post && liar->promise)
        answer(fd, "200 OK", demur_bytes_span(liar->promise));
    else if (found && liar->l)
        hand_on(fd, liar, request, len);
    else
        answer(fd, "404 Not Found", span_lit(""));
}

static void *serve(void *ctx)
{
    struct liar *liar = ctx;
    for (;;) {
        int fd = accept(liar->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        serve_one(liar, fd);
        close(fd);
    }
}

static bool begin(struct liar *liar)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t at_len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    liar->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (liar->fd < 0 || bind(liar->fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(liar->fd, 16) != 0 || getsockname(liar->fd, (struct sockaddr *)&at, &at_len) != 0)
        return false;
    snprintf(liar->url, sizeof liar->url, "http://127.0.0.1:%u", ntohs(at.sin_port));
    return pthread_create(&liar->thread, NULL, serve, liar) == 0;
}

struct liar *liar_new(struct live *l)
{
    struct liar *liar = calloc(1, sizeof *liar);
    if (!liar)
        return NULL;
    liar->l = l;
    liar->w = l->f->w;
    bool good = demur_client_sync(l->c, &l->diag) == DEMUR_OK;
    uint64_t size = demur_channel_size(demur_client_channel(l->c));
    for (uint64_t i = 0; good && i < size; i++) {
        struct demur_bytes bytes = {0};
        good = demur_client_entry(l->c, i, &bytes, &l->diag) == DEMUR_OK &&
               put(liar, demur_bytes_span(&bytes));
        demur_bytes_free(&bytes);
    }
    struct span checkpoint = demur_client_checkpoint(l->c);
    struct buf b = buf_over(liar->checkpoint, sizeof liar->checkpoint);
    buf_put_span(&b, checkpoint);
    liar->checkpoint_len = b.len;
    liar->size = liar->len;
    if (good && buf_ok(&b) && begin(liar))
        return liar;
    test_failed(__FILE__, __LINE__, "there is no liar: %s", l->diag.text);
    liar->thread = 0;
    liar_free(liar);
    return NULL;
}

struct liar *liar_of_town(struct town *w)
{
    struct liar *liar = calloc(1, sizeof *liar);
    char template[] = "/tmp/demur-liar-XXXXXX";
    struct demur_diag diag;
    if (!liar)
        return NULL;
    liar->w = w;
    if (mkdtemp(template))
        snprintf(liar->home, sizeof liar->home, "%s", template);
    liar_catch_up(liar);
    if (liar->home[0] && demur_http_init(&diag) == DEMUR_OK && begin(liar))
        return liar;
    test_failed(__FILE__, __LINE__, "there is no liar");
    liar->thread = 0;
    liar_free(liar);
    return NULL;
}

void liar_catch_up(struct liar *liar)
{
    const struct town *w = liar->w;
    for (size_t i = liar->len; i < w->entries_len; i++)
        CHECK(put(liar, span_of(w->entries[i].bytes, w->entries[i].len)));
    liar_sign(liar, liar->len, w->log.secret);
}

void liar_free(struct liar *liar)
{
    if (!liar)
        return;
    if (liar->home[0]) {
        char command[160];
        snprintf(command, sizeof command, "rm -r '%s'", liar->home);
        CHECK(system(command) == 0);
    }
    if (liar->fd > 0)
        shutdown(liar->fd, SHUT_RDWR);
    if (liar->thread)
        pthread_join(liar->thread, NULL);
    if (liar->fd > 0)
        close(liar->fd);
    for (size_t i = 0; i < liar->len; i++)
        demur_bytes_free(&liar->entries[i]);
    free(liar);
}

static uint64_t town_now(void *ctx) { return ((const struct liar *)ctx)->w->now; }

struct demur_client *liar_open(struct liar *liar, const char *name)
{
    struct demur_client *c = NULL;
    struct demur_diag own = {0}, *diag = liar->l ? &liar->l->diag : &own;
    struct demur_client_options o = {.now = town_now, .ctx = liar};
    char folder[256];
    if (liar->l) {
        o = live_options(liar->l, name);
    } else {
        snprintf(folder, sizeof folder, "%s/%s", liar->home, name);
        o.data = folder;
        memcpy(o.channel, liar->w->fingerprint, 32);
    }
    o.url = liar->url;
    enum demur_err err = demur_client_open(&c, &o, diag);
    if (err)
        test_failed(__FILE__, __LINE__, "the copy %s does not open: %s", name, diag->text);
    return c;
}
