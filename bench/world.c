/* world.c - see world.h. */
#define _GNU_SOURCE
#include "world.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/checkpoint.h"
#include "../core/encode.h"
#include "../core/hash.h"
#include "../core/merkle.h"
#include "../core/receipt.h"
#include "../core/record.h"
#include "../core/tile.h"
#include "../server/engine.h"
#include "../server/server.h"
#include "bench.h"

static const char calendar_text[] =
    "demur calendar v1\ncalendar plain\nzone UTC\n  standard +00:00\n"
    "weekend saturday and sunday\n";
static const char policy_text[] = "demur policy v1\n"
                                  "policy bench\n"
                                  "  title A channel for benchmarks\n"
                                  "  calendar plain\n"
                                  "eligible everyone\n"
                                  "role office\n"
                                  "  title The office\n"
                                  "roster\n"
                                  "  kept-by office\n"
                                  "ring\n"
                                  "  at-least 5 members\n"
                                  "filing\n"
                                  "  quota 2 each month\n"
                                  "  identity anonymous\n"
                                  "  circulation at-most 30 days\n"
                                  "distribution\n"
                                  "  must office\n"
                                  "stage filed\n"
                                  "  title Filed\n"
                                  "stage closed\n"
                                  "  title Closed\n"
                                  "  final resolved\n"
                                  "step close\n"
                                  "  title Close\n"
                                  "  by office\n"
                                  "  from filed\n"
                                  "  to closed\n";

void bench_need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

void bench_need_ok(enum demur_err err, const struct demur_diag *diag)
{
    bench_need(err == DEMUR_OK, diag->text);
}

static uint64_t same_keys; /* how many were made that are the same in every run; 0: none is */

void bench_key_make(struct bench_key *key)
{
    uint8_t seed[32] = {'b', 'e', 'n', 'c', 'h'};
    if (same_keys) {
        memcpy(seed + 8, &same_keys, sizeof same_keys);
        same_keys++;
    } else {
        randombytes_buf(seed, sizeof seed);
    }
    crypto_sign_seed_keypair(key->public_key, key->secret, seed);
    key->seq = 0;
}

/* ---- a channel -------------------------------------------------------------- */

enum { FOUNDING = 3 + BENCH_KEEPERS };

struct founding {
    uint8_t bytes[FOUNDING][2048];
    struct span records[FOUNDING];
    size_t n;
};

static struct buf begin(struct bench_world *w, struct founding *f, enum demur_record_type type)
{
    struct buf out = buf_over(f->bytes[f->n], sizeof f->bytes[0]);
    demur_record_begin(&out, type, type == DEMUR_RECORD_CHANNEL ? NULL : w->fingerprint);
    if (type != DEMUR_RECORD_CHANNEL) {
        demur_put_bytes(&out, DEMUR_FIELD_BY, span_of(w->root.public_key, 32));
        demur_put_number(&out, DEMUR_FIELD_SEQ, ++w->root.seq);
    }
    return out;
}

static void end(struct bench_world *w, struct founding *f, struct buf *out)
{
    demur_put_signature(out, DEMUR_FIELD_SIG, w->root.secret);
    bench_need(buf_ok(out), "a record is too long");
    f->records[f->n++] = buf_span(out);
}

static void put_text_blob(struct buf *out, struct span text)
{
    struct demur_blob_ref ref = {.size = text.len};
    demur_hash(ref.hash, text);
    demur_put_blob(out, DEMUR_FIELD_TEXT, &ref);
}

static void channel_put(struct bench_world *w, struct founding *f)
{
    uint8_t next[32], line[32];
    struct bench_key other;
    bench_key_make(&other);
    demur_hash(next, span_of(other.public_key, 32));
    struct buf out = begin(w, f, DEMUR_RECORD_CHANNEL), at = buf_over(line, sizeof line);
    demur_put_text(&out, DEMUR_FIELD_ORIGIN, span_lit(BENCH_ORIGIN));
    demur_put_bytes(&out, DEMUR_FIELD_LOG_KEY, span_of(w->log.public_key, 32));
    demur_put_bytes(&out, DEMUR_FIELD_SERVER_KEY, span_of(w->server.public_key, 32));
    demur_put_bytes(&out, DEMUR_FIELD_ROOT_KEY, span_of(w->root.public_key, 32));
    demur_put_hash(&out, DEMUR_FIELD_NEXT_ROOT, next);
    end(w, f, &out);
    static uint8_t entry[2100];
    struct buf b = buf_over(entry, sizeof entry);
    demur_entry_write(&b, w->at, f->records[0]);
    demur_merkle_leaf(w->fingerprint, buf_span(&b));
    (void)at;
}

static void keeper_put(struct bench_world *w, struct founding *f, unsigned i)
{
    struct bench_key *key = &w->keepers[i];
    uint8_t curve[32];
    char recipient[80];
    struct buf text = buf_over(recipient, sizeof recipient), out = begin(w, f, DEMUR_RECORD_ROLE);
    bench_need(!crypto_sign_ed25519_pk_to_curve25519(curve, key->public_key), "no recipient");
    demur_bech32_encode(&text, "age", span_of(curve, 32));
    demur_put_text(&out, DEMUR_FIELD_ROLE, span_lit("office"));
    demur_put_text(&out, DEMUR_FIELD_CHANGE, span_lit("holds"));
    demur_put_bytes(&out, DEMUR_FIELD_HOLDER, span_of(key->public_key, 32));
    demur_put_text(&out, DEMUR_FIELD_RECIPIENT, buf_span(&text));
    end(w, f, &out);
}

static void found(struct bench_world *w)
{
    static struct founding f;
    struct buf out;
    struct demur_diag diag = {0};
    f.n = 0;
    channel_put(w, &f);
    out = begin(w, &f, DEMUR_RECORD_CALENDAR);
    demur_put_text(&out, DEMUR_FIELD_NAME, span_lit("plain"));
    put_text_blob(&out, span_str(calendar_text));
    end(w, &f, &out);
    out = begin(w, &f, DEMUR_RECORD_POLICY);
    put_text_blob(&out, span_str(policy_text));
    end(w, &f, &out);
    for (unsigned i = 0; i < BENCH_KEEPERS; i++)
        keeper_put(w, &f, i);
    struct span blobs[] = {span_str(calendar_text), span_str(policy_text)};
    struct demur_server_settings settings;
    demur_server_settings_init(&settings);
    settings.listen = span_lit("127.0.0.1:0");
    settings.tokens[0] = span_lit(BENCH_TOKEN);
    settings.tokens_len = 1;
    struct demur_server_birth birth = {.dir = w->dir,
                                       .settings = &settings,
                                       .log_seed = w->log.secret,
                                       .server_seed = w->server.secret,
                                       .at = w->at,
                                       .records = f.records,
                                       .records_len = f.n,
                                       .blobs = blobs,
                                       .blobs_len = 2};
    bench_need_ok(demur_server_create(&birth, &diag), &diag);
}

static void make(struct bench_world *w, uint64_t at)
{
    const char *tmp = getenv("TMPDIR");
    *w = (struct bench_world){.pid = -1, .at = at};
    bench_need(sodium_init() >= 0, "libsodium does not start");
    snprintf(w->parent, sizeof w->parent, "%.200s/demur-bench-XXXXXX", tmp ? tmp : "/var/tmp");
    bench_need(mkdtemp(w->parent) != NULL, "cannot make a folder");
    snprintf(w->dir, sizeof w->dir, "%s/channel", w->parent);
    struct bench_key *all[] = {&w->root, &w->log, &w->server};
    for (size_t i = 0; i < DEMUR_COUNT(all); i++)
        bench_key_make(all[i]);
    for (unsigned i = 0; i < BENCH_KEEPERS; i++)
        bench_key_make(&w->keepers[i]);
    found(w);
}

void bench_world_make(struct bench_world *w) { make(w, (uint64_t)time(NULL)); }

void bench_world_make_same(struct bench_world *w)
{
    same_keys = 1;
    make(w, 1767261600); /* January 2026 */
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void bench_world_remove(struct bench_world *w)
{
    bench_world_stop(w);
    nftw(w->parent, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the server ------------------------------------------------------------- */

static void serve(struct bench_world *w, const int ends[2])
{
    const char *demur = getenv("DEMUR");
    char journal[320];
    snprintf(journal, sizeof journal, "%s/journal", w->parent);
    int fd = open(journal, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(ends[1], STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close(ends[0]);
    execl(demur ? demur : "build/release/demur", "demur", "serve", w->dir, (char *)NULL);
    _exit(127);
}

void bench_world_serve(struct bench_world *w)
{
    int ends[2];
    char line[256];
    size_t n = 0;
    unsigned port;
    bench_need(!pipe2(ends, O_CLOEXEC), "cannot make a pipe");
    fflush(NULL);
    uint64_t start = bench_now_ns();
    w->pid = fork();
    if (w->pid == 0)
        serve(w, ends);
    close(ends[1]);
    while (n < sizeof line - 1 && (!n || line[n - 1] != '\n') && read(ends[0], line + n, 1) == 1)
        n++;
    line[n] = 0;
    w->start_s = (double)(bench_now_ns() - start) / 1e9;
    const char *colon = strrchr(line, ':');
    bench_need(colon && sscanf(colon, ":%u", &port) == 1, "the server does not start");
    w->port = (uint16_t)port;
    close(ends[0]);
}

void bench_world_stop(struct bench_world *w)
{
    int how = 0;
    if (w->pid <= 0)
        return;
    kill(w->pid, SIGTERM);
    waitpid(w->pid, &how, 0);
    w->pid = -1;
    bench_need(WIFEXITED(how) && WEXITSTATUS(how) == 0, "the server did not end well");
}

static double process_cpu_s(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = 0;
    const char *after = strrchr(text, ')');
    if (after)
        sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double bench_world_cpu_s(const struct bench_world *w)
{
    char path[96];
    int child;
    double s = process_cpu_s(w->pid);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)w->pid, (int)w->pid);
    FILE *f = fopen(path, "r");
    while (f && fscanf(f, "%d", &child) == 1)
        s += process_cpu_s(child);
    if (f)
        fclose(f);
    return s;
}

void bench_world_settle(const struct bench_world *w)
{
    double before = -1, now = bench_world_cpu_s(w);
    for (int waited = 0; waited < 120 && now - before > 0.02; waited++) {
        before = now;
        nanosleep(&(struct timespec){1, 0}, NULL);
        now = bench_world_cpu_s(w);
    }
}

struct bench_answer bench_world_get(const struct bench_world *w, const char *path)
{
    struct bench_answer answer = {0};
    struct bench_request request = bench_request_make("GET", path, BENCH_TOKEN, NULL, 0);
    struct bench_load load = {.port = w->port,
                              .connections = 1,
                              .requests = &request,
                              .requests_len = 1,
                              .total = 1,
                              .keep = true,
                              .answers = &answer};
    bench_need(bench_load_run(&load), path);
    free(request.bytes);
    return answer;
}

uint64_t bench_world_size(const struct bench_world *w, struct buf *text)
{
    struct demur_checkpoint head;
    struct demur_diag diag = {0};
    struct bench_answer answer = bench_world_get(w, "/checkpoint");
    struct span bytes = span_of(answer.body, answer.len);
    bench_need_ok(
        demur_checkpoint_open(&head, NULL, bytes, span_lit(BENCH_ORIGIN), w->log.public_key, &diag),
        &diag);
    if (text)
        buf_put_span(text, bytes);
    free(answer.body);
    return head.size;
}

/* ---- records ---------------------------------------------------------------- */

void bench_invite(struct bench_world *w, struct buf *out, unsigned keeper)
{
    struct bench_key *by = &w->keepers[keeper % BENCH_KEEPERS], invitation;
    char handle[32];
    snprintf(handle, sizeof handle, "m%llu", (unsigned long long)w->handles++);
    bench_key_make(&invitation);
    demur_record_begin(out, DEMUR_RECORD_INVITE, w->fingerprint);
    demur_put_bytes(out, DEMUR_FIELD_BY, span_of(by->public_key, 32));
    demur_put_number(out, DEMUR_FIELD_SEQ, ++by->seq);
    demur_put_text(out, DEMUR_FIELD_HANDLE, span_str(handle));
    demur_put_bytes(out, DEMUR_FIELD_INVITATION, span_of(invitation.public_key, 32));
    demur_put_signature(out, DEMUR_FIELD_SIG, by->secret);
    bench_need(buf_ok(out), "a record is too long");
}

bool bench_receipt_holds(const struct bench_world *w, struct span receipt, struct span record)
{
    static uint8_t space[65536];
    struct demur_receipt r;
    struct demur_diag diag = {0};
    struct buf bundle = buf_over(space, sizeof space);
    struct span rest, entry = {0}, text;
    uint64_t at;
    uint8_t leaf[32];
    if (demur_receipt_parse(&r, receipt, &diag) || demur_receipt_bundle(&r, &bundle, &diag))
        return false;
    rest = buf_span(&bundle);
    while (demur_bundle_next(&rest, &entry))
        ;
    demur_merkle_leaf(leaf, entry);
    return !demur_entry_parse(&at, &text, entry, &diag) && span_eq(text, record) &&
           !demur_receipt_verify(&r, span_lit(BENCH_ORIGIN), w->log.public_key, leaf, NULL, &diag);
}

void bench_invites_make(struct bench_world *w, struct bench_invites *out, size_t n)
{
    *out = (struct bench_invites){.n = n,
                                  .records = calloc(n, sizeof *out->records),
                                  .requests = calloc(n, sizeof *out->requests),
                                  .answers = calloc(n, sizeof *out->answers)};
    bench_need(out->records && out->requests && out->answers, "out of memory");
    for (size_t i = 0; i < n; i++) {
        uint8_t *bytes = malloc(BENCH_RECORD_MAX);
        struct buf b = buf_over(bytes, bytes ? BENCH_RECORD_MAX : 0);
        bench_invite(w, &b, (unsigned)(i % BENCH_KEEPERS));
        out->records[i] = buf_span(&b);
        out->requests[i] = bench_request_make("POST", "/append", BENCH_TOKEN, b.p, b.len);
    }
}

void bench_invites_free(struct bench_invites *invites)
{
    for (size_t i = 0; i < invites->n; i++) {
        free((void *)(uintptr_t)invites->records[i].p);
        free(invites->requests[i].bytes);
        free(invites->answers[i].body);
    }
    free(invites->records);
    free(invites->requests);
    free(invites->answers);
}

void bench_invites_check(const struct bench_world *w, const struct bench_invites *invites,
                         uint64_t before)
{
    enum { SAMPLE = 97 };
    bench_need(bench_world_size(w, NULL) - before >= invites->n,
               "the log did not grow by that many");
    for (size_t i = 0; i < invites->n; i += SAMPLE)
        bench_need(bench_receipt_holds(w,
                                       span_of(invites->answers[i].body, invites->answers[i].len),
                                       invites->records[i]),
                   "a receipt does not verify");
}

static void filled(struct demur_append *a)
{
    bench_need(a->state == DEMUR_APPEND_ACCEPTED, a->diag.text);
}

static void batch_fill(struct bench_world *w, struct demur_engine *e, struct demur_append *appends,
                       uint8_t *bytes, size_t n)
{
    struct demur_diag diag = {0};
    for (size_t i = 0; i < n; i++) {
        struct demur_append *a = &appends[i];
        struct buf b = buf_over(bytes + i * BENCH_RECORD_MAX, BENCH_RECORD_MAX);
        bench_invite(w, &b, (unsigned)(w->handles % BENCH_KEEPERS));
        *a = (struct demur_append){
            .text = buf_span(&b), .answer = filled, .next = i + 1 < n ? a + 1 : NULL};
        bench_need_ok(demur_record_parse(&a->record, a->text, &diag), &diag);
        demur_hash(a->hash, a->text);
        a->verdict.verified = true;
        memcpy(a->verdict.record, a->hash, 32);
    }
    bench_need_ok(demur_engine_commit(e, appends, &diag), &diag);
}

void bench_world_fill(struct bench_world *w, uint64_t size)
{
    struct demur_diag diag = {0};
    struct demur_engine *e = NULL;
    struct demur_append *appends = calloc(DEMUR_BATCH_MAX, sizeof *appends);
    uint8_t *bytes = malloc((size_t)DEMUR_BATCH_MAX * BENCH_RECORD_MAX);
    bench_need(appends && bytes, "out of memory");
    bench_need_ok(demur_engine_open(&e, w->dir, false, NULL, &diag), &diag);
    while (e->edge.frontier.size < size) {
        uint64_t left = size - e->edge.frontier.size;
        batch_fill(w, e, appends, bytes, left < DEMUR_BATCH_MAX ? left : DEMUR_BATCH_MAX);
    }
    demur_engine_close(e);
    free(appends);
    free(bytes);
}

/* ---- the bound of signatures ------------------------------------------------- */

struct verifying {
    size_t len;
    uint64_t end_ns;
    uint64_t n;
    double seconds;
};

static void *verify_some(void *arg)
{
    struct verifying *v = arg;
    struct bench_key key;
    uint8_t signature[64], *message = calloc(1, v->len);
    bench_key_make(&key);
    bench_need(message != NULL, "out of memory");
    crypto_sign_detached(signature, NULL, message, v->len, key.secret);
    uint64_t start = bench_now_ns(), now = start;
    for (; now < v->end_ns; now = bench_now_ns())
        for (int i = 0; i < 32; i++, v->n++)
            bench_need(!crypto_sign_verify_detached(signature, message, v->len, key.public_key),
                       "a signature does not verify");
    v->seconds = (double)(now - start) / 1e9;
    free(message);
    return NULL;
}

double bench_ed25519_rate(size_t len, double seconds)
{
    enum { CPUS_MAX = 256 };
    static struct verifying all[CPUS_MAX];
    static pthread_t threads[CPUS_MAX];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    double rate = 0;
    if (cpus > CPUS_MAX)
        cpus = CPUS_MAX;
    for (long i = 0; i < cpus; i++) {
        all[i] =
            (struct verifying){.len = len, .end_ns = bench_now_ns() + (uint64_t)(seconds * 1e9)};
        bench_need(!pthread_create(&threads[i], NULL, verify_some, &all[i]), "no thread");
    }
    for (long i = 0; i < cpus; i++) {
        pthread_join(threads[i], NULL);
        rate += (double)all[i].n / all[i].seconds;
    }
    return rate;
}
