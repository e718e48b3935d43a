/* A thousand co-signatures on one dissent, in a ring of 4,096, from 64 clients at once, each
 * of which sends the next when it has the receipt for the one before; what a flood of bad ones
 * costs beside good ones; how long a client takes to verify the thousand, and `demur signatures`
 * to count them and to verify them once more; and an audit of a
 * roster of 30,000 members (or N of them), each with thirteen ring keys and a proof that it
 * holds them. The bounds are the budgets that the project set itself.
 *
 * The proofs are made beforehand, which takes minutes, and kept in build/cosign.cache.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../client/client.h"
#include "../core/hash.h"
#include "bench.h"
#include "crowd.h"

enum {
    MEMBERS = 4096,
    CLIENTS = 64,
    SIGNED = 1000,
    ALONE = 40,  /* more, sent one after the other */
    BESIDE = 20, /* more, sent beside a flood */
    MADE = 128,  /* bad ones that took care to make */
    FLOOD = 512, /* of these, to send others beside */
    ALL = SIGNED + ALONE + BESIDE
};

static struct {
    struct bench_world w;
    struct bench_crowd crowd;
    struct bench_signature *good; /* of ALL */
    struct bench_signature made;
    size_t next; /* to be made */
} world;

/* ---- proofs ----------------------------------------------------------------------- */

static void *sign_some(void *arg)
{
    (void)arg;
    for (size_t i; (i = __atomic_fetch_add(&world.next, 1, __ATOMIC_SEQ_CST)) < ALL;)
        bench_crowd_sign(&world.crowd, 1 + i, false, &world.good[i]);
    return NULL;
}

static void sign_all(void)
{
    enum { CPUS_MAX = 64 };
    pthread_t threads[CPUS_MAX];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    printf("# cosign: making %d proofs, once\n", ALL);
    fflush(stdout);
    cpus = cpus > CPUS_MAX ? CPUS_MAX : cpus;
    for (long i = 0; i < cpus; i++)
        bench_need(!pthread_create(&threads[i], NULL, sign_some, NULL), "no thread");
    for (long i = 0; i < cpus; i++)
        pthread_join(threads[i], NULL);
}

/* What they were made for. */
static void cache_key(uint8_t key[static 32])
{
    struct span parts[] = {span_of(world.w.fingerprint, 32), span_of(world.crowd.ring.digest, 32),
                           span_str(world.crowd.dissent), span_of(world.crowd.commitment, 32)};
    demur_hash_spans(key, "cosign_bench 1", parts, DEMUR_COUNT(parts));
}

static void proofs_have(void)
{
    static const char name[] = "build/cosign.cache";
    uint8_t key[32], kept[32];
    world.good = calloc(ALL, sizeof *world.good);
    bench_need(world.good != NULL, "out of memory");
    cache_key(key);
    FILE *f = fopen(name, "rb");
    bool found = f && fread(kept, sizeof kept, 1, f) == 1 && memcmp(key, kept, 32) == 0 &&
                 fread(world.good, sizeof *world.good, ALL, f) == ALL;
    if (f)
        fclose(f);
    bench_crowd_sign(&world.crowd, 0, true, &world.made);
    if (found)
        return;
    sign_all();
    f = fopen(name, "wb");
    if (f && (fwrite(key, sizeof key, 1, f) != 1 ||
              fwrite(world.good, sizeof *world.good, ALL, f) != ALL))
        fprintf(stderr, "bench: the proofs could not be kept\n");
    if (f)
        fclose(f);
}

/* ---- sending ---------------------------------------------------------------------- */

struct sending {
    struct bench_request *requests;
    struct bench_answer *answers;
    struct bench_load load;
    double cpu_s; /* the server's */
};

static struct sending sending_new(size_t n, unsigned clients, unsigned status)
{
    struct sending s = {.requests = calloc(n, sizeof *s.requests),
                        .answers = calloc(n, sizeof *s.answers)};
    bench_need(s.requests && s.answers, "out of memory");
    s.load = (struct bench_load){.port = world.w.port,
                                 .connections = clients,
                                 .requests = s.requests,
                                 .requests_len = n,
                                 .total = n,
                                 .keep = true,
                                 .answers = s.answers,
                                 .status = status};
    return s;
}

static void run(struct sending *s)
{
    double before = bench_world_cpu_s(&world.w);
    bench_need(bench_load_run(&s->load), "the load did not run");
    s->cpu_s = bench_world_cpu_s(&world.w) - before;
}

static void sending_free(struct sending *s)
{
    for (size_t i = 0; i < s->load.total; i++) {
        free(s->requests[i].bytes);
        free(s->answers[i].body);
    }
    free(s->requests);
    free(s->answers);
}

static struct bench_request put_card(const struct bench_signature *s)
{
    uint8_t hash[32];
    char path[80] = "/blob/";
    demur_hash(hash, span_of(s->card, sizeof s->card));
    sodium_bin2hex(path + 6, sizeof path - 6, hash, 32);
    return bench_request_make("PUT", path, BENCH_TOKEN, s->card, sizeof s->card);
}

static struct bench_request post(const struct bench_signature *s)
{
    return bench_request_make("POST", "/append", BENCH_TOKEN, s->record, s->len);
}

static double put_cards(void)
{
    struct sending s = sending_new(ALL + 1, CLIENTS, 0);
    for (size_t i = 0; i < ALL; i++)
        s.requests[i] = put_card(&world.good[i]);
    s.requests[ALL] = put_card(&world.made);
    run(&s);
    double wall_s = s.load.wall_s;
    sending_free(&s);
    return wall_s * SIGNED / (ALL + 1);
}

/* The good ones from `first` on; milliseconds of the server's processors for each. */
static double send_good(size_t first, size_t n, unsigned clients, double *wall_s)
{
    struct sending s = sending_new(n, clients, 200);
    uint64_t before = bench_world_size(&world.w, NULL);
    for (size_t i = 0; i < n; i++)
        s.requests[i] = post(&world.good[first + i]);
    run(&s);
    bench_need(bench_world_size(&world.w, NULL) - before >= n, "the log did not grow by that many");
    for (size_t i = 0; i < n; i++)
        bench_need(
            bench_receipt_holds(&world.w, span_of(s.answers[i].body, s.answers[i].len),
                                span_of(world.good[first + i].record, world.good[first + i].len)),
            "a receipt does not verify");
    double each = s.cpu_s * 1000 / (double)n;
    *wall_s = s.load.wall_s;
    sending_free(&s);
    return each;
}

/* Good ones that say another commitment than was signed. */
static double send_altered(void)
{
    struct sending s = sending_new(SIGNED, CLIENTS, 403);
    for (size_t i = 0; i < SIGNED; i++) {
        struct bench_signature bad = world.good[i];
        char *at = memmem(bad.record, bad.len, "\ncommitment ", 12);
        bench_need(at != NULL, "no commitment");
        at[12] = at[12] == '1' ? '2' : '1';
        s.requests[i] = post(&bad);
    }
    run(&s);
    double each = s.cpu_s * 1000 / SIGNED;
    sending_free(&s);
    return each;
}

static struct sending made_new(size_t n)
{
    struct sending s = sending_new(n, CLIENTS, 403);
    for (size_t i = 0; i < n; i++)
        s.requests[i] = post(&world.made);
    return s;
}

static double send_made(void)
{
    struct sending s = made_new(MADE);
    run(&s);
    double each = s.cpu_s * 1000 / MADE;
    sending_free(&s);
    return each;
}

static void *flood(void *arg)
{
    struct sending *s = arg;
    bench_need(bench_load_run(&s->load), "the flood did not run");
    return NULL;
}

/* The longest that one of those beside a flood waits for its receipt. */
static double wait_beside(void)
{
    struct sending bad = made_new(FLOOD), good = sending_new(BESIDE, 1, 200);
    pthread_t thread;
    uint64_t most = 0;
    for (size_t i = 0; i < BESIDE; i++)
        good.requests[i] = post(&world.good[SIGNED + ALONE + i]);
    bench_need(!pthread_create(&thread, NULL, flood, &bad), "no thread");
    nanosleep(&(struct timespec){0, 200000000}, NULL);
    run(&good);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < BESIDE; i++)
        most = good.answers[i].latency_ns > most ? good.answers[i].latency_ns : most;
    printf("# cosign: %d beside a flood of %d took %.2f s, the flood %.2f s\n", BESIDE, FLOOD,
           good.load.wall_s, bad.load.wall_s);
    sending_free(&bad);
    sending_free(&good);
    return (double)most / 1e9;
}

/* ---- the other side ------------------------------------------------------------------ */

static double own_cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct demur_client_options options_for(const struct bench_world *w, char url[static 64],
                                               char data[static 320])
{
    snprintf(url, 64, "http://127.0.0.1:%u", w->port);
    snprintf(data, 320, "%s/copy", w->parent);
    struct demur_client_options options = {.url = url, .token = BENCH_TOKEN, .data = data};
    memcpy(options.channel, w->fingerprint, 32);
    return options;
}

/* Bring a copy up to date; seconds of this process's processors. */
static double sync_s(struct demur_client *c)
{
    struct demur_diag diag = {0};
    double before = own_cpu_s();
    bench_need_ok(demur_client_sync(c, &diag), &diag);
    return own_cpu_s() - before;
}

/* How long `demur signatures` takes on a copy that is up to date, from its start to its end. */
static double signatures_s(const struct bench_world *w, const char *dissent, const char *flag)
{
    char url[64], home[320], channel[65];
    int status = 0;
    const char *demur = getenv("DEMUR");
    snprintf(url, sizeof url, "http://127.0.0.1:%u", w->port);
    snprintf(home, sizeof home, "%s/home", w->parent);
    sodium_bin2hex(channel, sizeof channel, w->fingerprint, 32);
    fflush(NULL);
    uint64_t start = bench_now_ns();
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execl(demur ? demur : "build/release/demur", "demur", "signatures", dissent, "--home", home,
              "--url", url, "--token", BENCH_TOKEN, "--channel", channel, flag, NULL);
        _exit(127);
    }
    bench_need(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0,
               "`demur signatures` did not end well");
    return (double)(bench_now_ns() - start) / 1e9;
}

/* The copy is made by one that does not count. */
static void signatures_report(const struct bench_world *w, const char *dissent)
{
    (void)signatures_s(w, dissent, "--json");
    bench_report("signatures_1000", signatures_s(w, dissent, "--json"), "s", 2);
    bench_report("signatures_verify_1000", signatures_s(w, dissent, "--verify"), "s", 2);
}

/* The same by a reader, who has every card fetched and looks into it: none is for them. */
static double names_s(struct demur_client *c, const char *dissent)
{
    struct demur_diag diag = {0};
    struct demur_identity id;
    struct demur_actor reader;
    struct demur_signature *list = NULL;
    size_t n = 0;
    bench_need_ok(demur_identity_new(&id, demur_client_fingerprint(c), "http://127.0.0.1",
                                     BENCH_TOKEN, &diag),
                  &diag);
    demur_actor_from_identity(&reader, &id);
    uint64_t start = bench_now_ns();
    bench_need_ok(demur_signatures(c, &reader, dissent, false, &list, &n, &diag), &diag);
    double s = (double)(bench_now_ns() - start) / 1e9;
    free(list);
    return s;
}

static double audit_s(const struct bench_world *w, size_t members, size_t signatures)
{
    char url[64], data[320];
    struct demur_diag diag = {0};
    struct demur_audit_report report;
    struct demur_client_options options = options_for(w, url, data);
    double before = own_cpu_s();
    bench_need_ok(demur_audit(&report, &options, NULL, NULL, 0, &diag), &diag);
    double s = own_cpu_s() - before;
    bench_need(!report.refused && !report.findings_len && report.joined == members &&
                   report.signatures == signatures,
               "the audit did not see the whole log");
    demur_audit_report_free(&report);
    return s;
}

static void signatures_run(void)
{
    char url[64], data[320];
    struct demur_diag diag = {0};
    struct demur_client *client = NULL;
    double alone_s, wall_s;
    bench_world_make_same(&world.w);
    bench_crowd_enrol(&world.crowd, &world.w, MEMBERS);
    bench_crowd_circulate(&world.crowd);
    bench_crowd_close(&world.crowd);
    proofs_have();
    bench_world_serve(&world.w);
    bench_world_settle(&world.w);
    struct demur_client_options options = options_for(&world.w, url, data);
    bench_need_ok(demur_client_open(&client, &options, &diag), &diag);
    sync_s(client);
    double cards_s = put_cards();
    double alone = send_good(SIGNED, ALONE, 1, &alone_s);
    double altered = send_altered(), made = send_made();
    sync_s(client);
    double each = send_good(0, SIGNED, CLIENTS, &wall_s);
    double verified_s = sync_s(client);
    double beside_s = wait_beside();
    printf("# cosign: the server's ms for one: %.3f among others, %.3f alone\n", each, alone);
    bench_report("cosign_1000", wall_s, "s", 3);
    bench_report("cosign_1000_and_cards", wall_s + cards_s, "s", 3);
    bench_report("cosign_verify_1000", verified_s, "s", 1);
    bench_report("cosign_flood_altered", altered, "ms", 2 * each);
    bench_report("cosign_flood_made", made, "ms", 2 * alone);
    bench_report("cosign_beside_flood", beside_s, "s", 3);
    double whole_s = audit_s(&world.w, MEMBERS, SIGNED + ALONE + BESIDE + 1);
    signatures_report(&world.w, world.crowd.dissent);
    bench_report("signatures_cards_1000", names_s(client, world.crowd.dissent), "s", 2);
    printf("# cosign: the audit of all that took %.2f s of processors\n", whole_s);
    demur_client_close(client);
    bench_world_remove(&world.w);
    bench_crowd_free(&world.crowd);
    free(world.good);
}

static void roster_run(size_t members)
{
    struct bench_world w;
    struct bench_crowd crowd;
    bench_world_make(&w);
    bench_crowd_enrol(&crowd, &w, members);
    bench_crowd_close(&crowd);
    bench_world_serve(&w);
    bench_world_settle(&w);
    char name[40];
    snprintf(name, sizeof name, "audit_roster_%zu", members);
    bench_report(name, audit_s(&w, members, 0), "s", 10.0 * (double)members / 30000);
    bench_world_remove(&w);
    bench_crowd_free(&crowd);
}

int main(int argc, char **argv)
{
    struct demur_diag diag = {0};
    bench_need_ok(demur_http_init(&diag), &diag);
    signatures_run();
    roster_run(argc > 1 ? strtoul(argv[1], NULL, 10) : 30000);
    return 0;
}
