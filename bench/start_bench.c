/* A server's start and memory, empty and with a long log, and what one more entry and one
 * view cost as the log grows.
 *
 * Of a million entries 60,000 are those of 30,000 members with 13 ring keys each (invite,
 * member). Then come 62,666 dissents over eleven months, a hundred at a time, of 15 records
 * each: file (memo, card, an attachment), open, acknowledge, an extension with its document,
 * ten messages from either side, a reply with its document. DEMUR_BENCH_ENTRIES says how
 * many entries the longest log has; each shorter one has a tenth, of members too.
 *
 * An append is timed from the record's bytes on: parsed, one signature verified, folded.
 * What it costs besides (disk, signer, ring signatures) does not hang on the fold.
 *
 * Nobody signs: a million ring signatures would take hours. The fold is given verdicts, the
 * store what the server would give it, and the snapshot is the server's own. So the process
 * that folds the log again behind the server finds out, later than all that is measured
 * here, and the server is killed before. */
#define _GNU_SOURCE /* nftw */
#include "bench.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/encode.h"
#include "../core/hash.h"
#include "../core/policy.h"
#include "../core/ring.h"
#include "../server/engine.h"
#include "../server/server.h"

#define T0 1767261600u /* Thursday 1 January 2026, 10:00 UTC */
#define MONTHS_S (330 * 86400u)
#define BATCH 1000
#define RECORDS_EACH 15
#define DISSENTS_MAX 80000
#define UNDER_WAY 100 /* dissents at a time */
#define WINDOW 3000   /* entries over which an append is timed */

static const char policy_text[] =
    "demur policy v1\npolicy bench\n  title Bench\n  calendar plain\n"
    "role office\n  title Office\nrole keeper\n  title Keeper\n"
    "eligible everyone\nroster\n  kept-by keeper\nring\n  at-least 2 members\n"
    "filing\n  quota 1000 each month\n  identity named\n"
    "attachments\n  at-most 3\n  each 1 MiB\n  together 2 MiB\n"
    "distribution\n  must office\n"
    "stage filed\n  title Filed\nstage working\n  title Working\n"
    "stage replied\n  title Replied\n  final replied\n"
    "step acknowledge\n  title Acknowledge\n  by office\n  from filed\n  to working\n"
    "step longer\n  title Longer\n  by office\n  from working\n  document required\n"
    "  at-most 2 times\n"
    "step reply\n  title Reply\n  by office\n  from working\n  document required\n  to replied\n"
    "clock acknowledgement\n  title A\n  starts at filing\n  limit 2 working-days\n"
    "  met-by acknowledge\n  at-limit show\n"
    "clock reply\n  title R\n  starts at filing\n  limit 60 working-days\n  met-by reply\n"
    "  extended-by longer for 5 working-days\n  at-limit show\n";
static const char calendar_text[] = "demur calendar v1\ncalendar plain\nzone UTC\n"
                                    "  standard +00:00\nweekend saturday and sunday\n";

struct key {
    uint8_t public_key[32], secret[64];
    char recipient[64];
    uint64_t seq;
};

static struct {
    char dir[64];
    struct demur_engine *engine;
    struct key root, log, server, keeper, office;
    uint64_t at, total;
    uint8_t fingerprint[32], policy_entry[32], ring[32];
    uint32_t ring_epoch;
    uint64_t ring_roster;
    uint64_t serial; /* makes keys and hashes */
    uint8_t text[DEMUR_RECORD_MAX];
    struct buf out;
    struct demur_record record;
    /* the batch */
    uint8_t (*leaves)[32];
    uint8_t *entry_bytes;
    size_t entries_at;
    struct demur_store_entry entries[BATCH];
    size_t n;
    /* dissents under way */
    char ids[DISSENTS_MAX][33];
    uint64_t dissents;
    bool timed; /* the last entries: time stands still, and is taken */
    double apply_ns;
    uint64_t applied;
} world;

/* Of this thread alone: others on the machine do not count. */
static uint64_t cpu_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(bool so, const char *what)
{
    if (so)
        return;
    fprintf(stderr, "start_bench: %s\n", what);
    exit(2);
}

static void must_hold(enum demur_err err, const struct demur_diag *diag)
{
    if (err)
        fprintf(stderr, "start_bench: %s: %s %s\n", demur_err_name(err), diag->field, diag->text);
    must(!err, "stopped");
}

/* ---- records ---- */

static void bytes_make(void *out, size_t n)
{
    uint8_t seed[32] = {0};
    memcpy(seed, &world.serial, sizeof world.serial);
    world.serial++;
    randombytes_buf_deterministic(out, n, seed);
}

static void key_make(struct key *k)
{
    uint8_t seed[32], x[32];
    bytes_make(seed, sizeof seed);
    crypto_sign_seed_keypair(k->public_key, k->secret, seed);
    crypto_scalarmult_base(x, seed);
    struct buf b = buf_over(k->recipient, sizeof k->recipient - 1);
    demur_bech32_encode(&b, "age", span_of(x, 32));
    k->recipient[b.len] = 0;
}

static void begin(enum demur_record_type type)
{
    world.out = buf_over(world.text, sizeof world.text);
    demur_record_begin(&world.out, type, type == DEMUR_RECORD_CHANNEL ? NULL : world.fingerprint);
}

static void put_by(struct key *k)
{
    demur_put_bytes(&world.out, DEMUR_FIELD_BY, span_of(k->public_key, 32));
    demur_put_number(&world.out, DEMUR_FIELD_SEQ, ++k->seq);
}

static void begin_by(enum demur_record_type type, struct key *k)
{
    begin(type);
    put_by(k);
}

static void put_random(enum demur_field field, size_t n)
{
    uint8_t bytes[1024];
    bytes_make(bytes, n);
    demur_put_bytes(&world.out, field, span_of(bytes, n));
}

static void put_blob(enum demur_field field)
{
    struct demur_blob_ref ref = {.size = 8192};
    bytes_make(ref.hash, 32);
    demur_put_blob(&world.out, field, &ref);
}

static void put_text_blob(const char *text)
{
    struct demur_blob_ref ref = {.size = strlen(text)};
    demur_hash(ref.hash, span_str(text));
    demur_put_blob(&world.out, DEMUR_FIELD_TEXT, &ref);
}

static void put_on(uint64_t dissent)
{
    struct demur_dissent_info d;
    struct span id = span_str(world.ids[dissent]);
    must(demur_channel_dissent_find(world.engine->channel, id, world.at, &d), "no dissent");
    demur_put_text(&world.out, DEMUR_FIELD_DISSENT, id);
    demur_put_hash(&world.out, DEMUR_FIELD_ON, d.latest);
}

/* ---- appending: what the sequencer does, without the signatures ---- */

static void flush(void)
{
    struct demur_engine *e = world.engine;
    struct demur_growth growth;
    struct demur_diag diag = {0};
    uint64_t from = e->edge.frontier.size, to = from + world.n;
    size_t space = demur_growth_space(from, to), n = 0;
    uint8_t *work = malloc(space);
    struct demur_store_tile tiles[64];
    struct demur_tile_write write;
    must(work != NULL, "out of memory");
    must_hold(demur_growth_init(&growth, &e->edge, world.leaves[0], world.n, work, space, &diag),
              &diag);
    while (demur_growth_next(&growth, &write))
        tiles[n++] =
            (struct demur_store_tile){(uint8_t)write.tile.level, write.tile.index, write.bytes};
    struct demur_store_batch batch = {.before = {.size = from},
                                      .after = {.size = to},
                                      .entries = world.entries,
                                      .n_entries = world.n,
                                      .tiles = tiles,
                                      .n_tiles = n};
    demur_frontier_root(&e->edge.frontier, batch.before.root);
    demur_frontier_root(&growth.frontier, batch.after.root);
    must_hold(demur_store_append(e->store, &batch, &diag), &diag);
    demur_edge_advance(&e->edge, &growth);
    free(work);
    world.n = 0;
    world.entries_at = 0;
}

static void send_record(const uint8_t *tag)
{
    struct demur_engine *e = world.engine;
    struct demur_diag diag = {0};
    struct demur_verdict verdict = {.verified = true};
    uint64_t index = e->edge.frontier.size + world.n;
    if (world.timed)
        demur_put_signature(&world.out, DEMUR_FIELD_SIG, world.office.secret);
    else
        put_random(DEMUR_FIELD_SIG, 64);
    struct span text = buf_span(&world.out);
    must(buf_ok(&world.out), "a record is too long");
    uint64_t start = cpu_now_ns();
    must_hold(demur_record_parse(&world.record, text, &diag), &diag);
    must(!world.timed ||
             demur_record_verify(&world.record, DEMUR_FIELD_SIG, world.office.public_key),
         "a signature does not verify");
    demur_hash(verdict.record, text);
    if (tag) {
        memcpy(verdict.tag, tag, 32);
        memcpy(verdict.slot_tag, tag, 32);
    }
    must_hold(
        demur_channel_apply(e->channel, world.at, &world.record, span_of(NULL, 0), &verdict, &diag),
        &diag);
    if (world.timed) {
        world.apply_ns += (double)(cpu_now_ns() - start);
        world.applied++;
    }
    must_hold(demur_engine_note(e, &world.record, index, world.at, &diag), &diag);
    struct demur_store_entry *entry = &world.entries[world.n];
    struct buf b = buf_over(world.entry_bytes + world.entries_at, DEMUR_ENTRY_MAX);
    demur_entry_write(&b, world.at, text);
    entry->bytes = buf_span(&b);
    world.entries_at += b.len;
    demur_merkle_leaf(entry->leaf, entry->bytes);
    memcpy(world.leaves[world.n], entry->leaf, 32);
    memcpy(entry->record, verdict.record, 32);
    if (++world.n == BATCH)
        flush();
}

static uint64_t size_now(void) { return demur_channel_size(world.engine->channel); }

/* Time goes evenly over the months for which members have keys. */
static void time_go(void)
{
    if (!world.timed)
        world.at = T0 + (uint64_t)((double)size_now() / (double)world.total * MONTHS_S);
}

/* ---- people ---- */

static void grant(const char *role, const struct key *k)
{
    begin_by(DEMUR_RECORD_ROLE, &world.root);
    demur_put_text(&world.out, DEMUR_FIELD_ROLE, span_str(role));
    demur_put_text(&world.out, DEMUR_FIELD_CHANGE, span_lit("holds"));
    demur_put_bytes(&world.out, DEMUR_FIELD_HOLDER, span_of(k->public_key, 32));
    demur_put_text(&world.out, DEMUR_FIELD_RECIPIENT, span_str(k->recipient));
    send_record(NULL);
}

static void put_epoch(uint32_t epoch)
{
    uint8_t text[8];
    struct buf b = buf_over(text, sizeof text);
    demur_epoch_put(&b, epoch);
    demur_put_text(&world.out, DEMUR_FIELD_EPOCH, buf_span(&b));
}

static void enrol(size_t i)
{
    char handle[24];
    uint8_t invitation[32], keys[13 * 32];
    struct key k = {.seq = 0};
    key_make(&k);
    snprintf(handle, sizeof handle, "m%zu", i);
    bytes_make(invitation, sizeof invitation);
    bytes_make(keys, sizeof keys);
    begin_by(DEMUR_RECORD_INVITE, &world.keeper);
    demur_put_text(&world.out, DEMUR_FIELD_HANDLE, span_str(handle));
    demur_put_bytes(&world.out, DEMUR_FIELD_INVITATION, span_of(invitation, 32));
    send_record(NULL);
    begin_by(DEMUR_RECORD_MEMBER, &k);
    demur_put_text(&world.out, DEMUR_FIELD_HANDLE, span_str(handle));
    demur_put_bytes(&world.out, DEMUR_FIELD_INVITATION, span_of(invitation, 32));
    demur_put_text(&world.out, DEMUR_FIELD_RECIPIENT, span_str(k.recipient));
    put_epoch(demur_time_epoch((int64_t)world.at));
    demur_put_bytes(&world.out, DEMUR_FIELD_RING_KEYS, span_of(keys, sizeof keys));
    put_random(DEMUR_FIELD_POSSESSION, 64);
    put_random(DEMUR_FIELD_INVITATION_SIG, 64);
    send_record(NULL);
}

/* ---- dissents ---- */

/* The month's ring; the roster is as it was when the last member joined. */
static void ring_make(void)
{
    uint32_t epoch = demur_time_epoch((int64_t)world.at);
    size_t max = demur_channel_members(world.engine->channel), n;
    struct demur_diag diag = {0};
    if (epoch == world.ring_epoch)
        return;
    uint8_t(*keys)[32] = malloc((max ? max : 1) * 32);
    must(keys != NULL, "out of memory");
    must_hold(demur_channel_ring(world.engine->channel, world.policy_entry, epoch,
                                 world.ring_roster, NULL, 0, keys, max, &n, &diag),
              &diag);
    demur_ring_digest(world.ring, (const uint8_t(*)[32])keys, n);
    free(keys);
    world.ring_epoch = epoch;
}

static void file(uint64_t dissent)
{
    uint8_t random[32], tag[32];
    struct key k = {.seq = 0};
    key_make(&k);
    ring_make();
    bytes_make(tag, sizeof tag);
    bytes_make(random, sizeof random);
    demur_dissent_id(world.ids[dissent], k.public_key);
    begin(DEMUR_RECORD_FILE);
    demur_put_text(&world.out, DEMUR_FIELD_DISSENT, span_str(world.ids[dissent]));
    demur_put_bytes(&world.out, DEMUR_FIELD_CASE_KEY, span_of(k.public_key, 32));
    demur_put_text(&world.out, DEMUR_FIELD_CASE_RECIPIENT, span_str(k.recipient));
    demur_put_hash(&world.out, DEMUR_FIELD_POLICY, world.policy_entry);
    put_epoch(world.ring_epoch);
    demur_put_number(&world.out, DEMUR_FIELD_ROSTER, world.ring_roster);
    demur_put_hash(&world.out, DEMUR_FIELD_RING, world.ring);
    demur_put_number(&world.out, DEMUR_FIELD_SLOT, dissent % 1000);
    put_blob(DEMUR_FIELD_CARD);
    demur_put_number(&world.out, DEMUR_FIELD_REVISION, 1);
    demur_put_hash(&world.out, DEMUR_FIELD_COMMITMENT, random);
    put_blob(DEMUR_FIELD_MEMO);
    demur_put_hash(&world.out, DEMUR_FIELD_RELEASE, random);
    put_blob(DEMUR_FIELD_ATTACHMENT);
    demur_put_text(&world.out, DEMUR_FIELD_TO, span_lit("office"));
    put_random(DEMUR_FIELD_SLOT_PROOF, 800); /* of a ring of 30,000: ring-signature.md */
    put_random(DEMUR_FIELD_PROOF, 800);
    send_record(tag);
}

static void step(uint64_t dissent, const char *act, bool document)
{
    begin_by(DEMUR_RECORD_STEP, &world.office);
    put_on(dissent);
    demur_put_text(&world.out, DEMUR_FIELD_ROLE, span_lit("office"));
    demur_put_text(&world.out, DEMUR_FIELD_ACT, span_str(act));
    if (document)
        put_blob(DEMUR_FIELD_DOCUMENT);
    send_record(NULL);
}

static void say(uint64_t dissent, bool office)
{
    begin(DEMUR_RECORD_SAY);
    if (office)
        put_by(&world.office);
    put_on(dissent);
    if (office)
        demur_put_text(&world.out, DEMUR_FIELD_ROLE, span_lit("office"));
    put_blob(DEMUR_FIELD_MESSAGE);
    send_record(NULL);
}

static void open_memo(uint64_t dissent)
{
    struct demur_dissent_info d;
    demur_channel_dissent_find(world.engine->channel, span_str(world.ids[dissent]), world.at, &d);
    begin_by(DEMUR_RECORD_OPEN, &world.office);
    put_on(dissent);
    demur_put_text(&world.out, DEMUR_FIELD_ROLE, span_lit("office"));
    demur_put_hash(&world.out, DEMUR_FIELD_MEMO, d.memo.hash);
    send_record(NULL);
}

/* The k-th record of a dissent; many are under way at once. */
static void dissent_go(uint64_t dissent, int k)
{
    time_go();
    switch (k) {
    case 0:
        file(dissent);
        break;
    case 1:
        open_memo(dissent);
        break;
    case 2:
        step(dissent, "acknowledge", false);
        break;
    case 8:
        step(dissent, "longer", true);
        break;
    case 14:
        step(dissent, "reply", true);
        break;
    default:
        say(dissent, k % 2);
    }
}

/* ---- a whole channel ---- */

static void sign_last(const struct key *k)
{
    demur_put_signature(&world.out, DEMUR_FIELD_SIG, k->secret);
    must(buf_ok(&world.out), "a record is too long");
}

static void found(void)
{
    static uint8_t texts[3][4096];
    static struct demur_server_settings settings;
    struct demur_diag diag = {0};
    struct span records[3], blobs[] = {span_str(calendar_text), span_str(policy_text)};
    uint8_t next[32], entry[DEMUR_ENTRY_MAX];
    struct key *keys[] = {&world.root, &world.log, &world.server, &world.keeper, &world.office};
    for (size_t i = 0; i < DEMUR_COUNT(keys); i++) {
        *keys[i] = (struct key){.seq = 0};
        key_make(keys[i]);
    }
    bytes_make(next, sizeof next);
    for (int i = 0; i < 3; i++) {
        if (i == 0) {
            begin(DEMUR_RECORD_CHANNEL);
            demur_put_text(&world.out, DEMUR_FIELD_ORIGIN, span_lit("bench.example/1"));
            demur_put_bytes(&world.out, DEMUR_FIELD_LOG_KEY, span_of(world.log.public_key, 32));
            demur_put_bytes(&world.out, DEMUR_FIELD_SERVER_KEY,
                            span_of(world.server.public_key, 32));
            demur_put_bytes(&world.out, DEMUR_FIELD_ROOT_KEY, span_of(world.root.public_key, 32));
            demur_put_hash(&world.out, DEMUR_FIELD_NEXT_ROOT, next);
        } else {
            begin_by(i == 1 ? DEMUR_RECORD_CALENDAR : DEMUR_RECORD_POLICY, &world.root);
            if (i == 1)
                demur_put_text(&world.out, DEMUR_FIELD_NAME, span_lit("plain"));
            put_text_blob(i == 1 ? calendar_text : policy_text);
        }
        sign_last(&world.root);
        memcpy(texts[i], world.text, world.out.len);
        records[i] = span_of(texts[i], world.out.len);
        struct buf b = buf_over(entry, sizeof entry);
        demur_entry_write(&b, T0, records[i]);
        demur_merkle_leaf(i == 0 ? world.fingerprint : world.policy_entry, buf_span(&b));
    }
    demur_server_settings_init(&settings);
    settings.listen = span_lit("127.0.0.1:0");
    settings.tokens[settings.tokens_len++] = span_lit("bench");
    struct demur_server_birth birth = {.dir = world.dir,
                                       .settings = &settings,
                                       .log_seed = world.log.secret,
                                       .server_seed = world.server.secret,
                                       .at = T0,
                                       .records = records,
                                       .records_len = 3,
                                       .blobs = blobs,
                                       .blobs_len = 2};
    must_hold(demur_server_create(&birth, &diag), &diag);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

static void world_open(uint64_t total)
{
    struct demur_diag diag = {0};
    const char *tmp = getenv("TMPDIR");
    snprintf(world.dir, sizeof world.dir, "%.30s/demur-start-XXXXXX", tmp ? tmp : "/tmp");
    must(mkdtemp(world.dir) != NULL, "no temporary directory");
    world.total = total;
    world.at = T0;
    world.dissents = world.ring_epoch = 0;
    found();
    must_hold(demur_engine_open(&world.engine, world.dir, false, NULL, &diag), &diag);
}

static void world_close(void)
{
    demur_engine_close(world.engine);
    world.engine = NULL;
}

static void grow(void)
{
    size_t members = (size_t)(world.total * 3 / 100);
    grant("keeper", &world.keeper);
    grant("office", &world.office);
    for (size_t i = 0; i < members; i++)
        enrol(i);
    world.ring_roster = size_now();
    while (size_now() < world.total && world.dissents + UNDER_WAY <= DISSENTS_MAX) {
        world.timed = size_now() + WINDOW >= world.total;
        for (int k = 0; k < RECORDS_EACH; k++)
            for (uint64_t i = 0; i < UNDER_WAY && size_now() < world.total; i++)
                dissent_go(world.dissents + i, k);
        world.dissents += UNDER_WAY;
    }
    world.dissents -= UNDER_WAY;
    if (world.n)
        flush();
}

/* A channel to view, and the dissents in it. */
struct board {
    struct demur_channel *channel;
    char (*ids)[33];
    uint64_t n, next, at;
};

static double views_us(struct board *b)
{
    static uint8_t text[1 << 16];
    enum { VIEWS = 1000 };
    uint64_t start = cpu_now_ns();
    for (int i = 0; i < VIEWS; i++) {
        struct buf out = buf_over(text, sizeof text);
        const char *id = b->ids[b->next++ * 7919 % b->n];
        must(!demur_view_dissent(b->channel, span_str(id), b->at, &out, NULL), "no view");
    }
    return (double)(cpu_now_ns() - start) / VIEWS / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The medians of two boards, in turns, each time of other dissents: what else the machine
 * does takes processors and caches from both. */
static void views_compare(struct board *small, struct board *large, double *small_us,
                          double *large_us)
{
    enum { TURNS = 15 };
    double s[TURNS], l[TURNS];
    for (int i = 0; i < TURNS; i++) {
        s[i] = views_us(small);
        l[i] = views_us(large);
    }
    qsort(s, TURNS, sizeof *s, by_size);
    qsort(l, TURNS, sizeof *l, by_size);
    *small_us = s[TURNS / 2];
    *large_us = l[TURNS / 2];
}

/* The world's board; the first is kept, and the later ones are compared with it. */
static void views_report(const char *name, struct board *first)
{
    struct board now = {world.engine->channel, world.ids, world.dissents, 0, world.at};
    double bound, us;
    if (!first->channel) {
        *first = now;
        first->ids = malloc(world.dissents * sizeof *first->ids);
        must(first->ids != NULL, "out of memory");
        memcpy(first->ids, world.ids, world.dissents * sizeof *first->ids);
    }
    views_compare(first, &now, &bound, &us);
    bench_report(name, us, "us", bound * 1.2);
}

/* ---- the server ---- */

static double status_mb(pid_t pid, const char *what)
{
    char path[64], line[256];
    double kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    must(f != NULL, "the server has ended");
    while (fgets(line, sizeof line, f))
        if (strncmp(line, what, strlen(what)) == 0)
            kb = strtod(line + strlen(what) + 1, NULL);
    fclose(f);
    return kb * 1024 / 1e6;
}

/* Seconds of processor time that a process has had. */
static double cpu_s(pid_t pid)
{
    char path[64];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    must(f && fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                     &system) == 2,
         "the server has ended");
    fclose(f);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* A start: until it listens, and then a second of idling. */
struct start {
    double wall_s, cpu_s, rss_mb, peak_mb;
};

static struct start serve(void)
{
    const char *demur = getenv("DEMUR");
    char line[256] = "";
    int ends[2];
    must(!pipe(ends), "no pipe");
    uint64_t start = bench_now_ns();
    pid_t pid = fork();
    if (!pid) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        execl(demur ? demur : "build/release/demur", "demur", "serve", world.dir, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    bool listens = read(ends[0], line, sizeof line - 1) > 0 && strstr(line, "listening on");
    struct start s = {.wall_s = (double)(bench_now_ns() - start) / 1e9};
    must(listens, "the server does not start: make build first");
    s.cpu_s = cpu_s(pid);
    sleep(1);
    s.rss_mb = status_mb(pid, "VmRSS:");
    s.peak_mb = status_mb(pid, "VmHWM:");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ends[0]);
    return s;
}

static double larger(double a, double b) { return a > b ? a : b; }

/* The best of three starts, the most memory. What the processor did for it says more where
 * others are at work on the machine. */
static void serve_report(const char *name, double start_bound_s, double rss_bound_mb)
{
    char text[96];
    struct start all = serve();
    for (int i = 1; i < 3; i++) {
        struct start s = serve();
        all.wall_s = s.wall_s < all.wall_s ? s.wall_s : all.wall_s;
        all.cpu_s = s.cpu_s < all.cpu_s ? s.cpu_s : all.cpu_s;
        all.rss_mb = larger(all.rss_mb, s.rss_mb);
        all.peak_mb = larger(all.peak_mb, s.peak_mb);
    }
    snprintf(text, sizeof text, "start_%s", name);
    bench_report(text, all.wall_s * 1e3, "ms", start_bound_s * 1e3);
    snprintf(text, sizeof text, "start_cpu_%s", name);
    bench_report(text, all.cpu_s * 1e3, "ms", start_bound_s * 1e3);
    snprintf(text, sizeof text, "resident_%s", name);
    bench_report(text, all.rss_mb, "MB", rss_bound_mb);
    snprintf(text, sizeof text, "resident_peak_%s", name);
    bench_report(text, all.peak_mb, "MB", rss_bound_mb);
}

int main(void)
{
    const char *asked = getenv("DEMUR_BENCH_ENTRIES");
    uint64_t most = asked ? strtoull(asked, NULL, 10) : 1000000;
    double first_append = 0;
    struct board first = {0};
    must(sodium_init() >= 0 && most >= 10000 && most <= 1000000, "10000 to 1000000 entries");
    world.leaves = malloc(BATCH * sizeof *world.leaves);
    world.entry_bytes = malloc((size_t)BATCH * DEMUR_ENTRY_MAX);
    must(world.leaves && world.entry_bytes, "out of memory");
    world_open(1);
    world_close();
    serve_report("empty", 0.05, 20);
    nftw(world.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    for (uint64_t n = 10000; n <= most; n *= 10) {
        char name[64];
        struct demur_diag diag = {0};
        world.apply_ns = 0;
        world.applied = 0;
        world.timed = false;
        world_open(n);
        grow();
        double append = world.apply_ns / (double)world.applied / 1e3;
        first_append = first_append != 0 ? first_append : append;
        snprintf(name, sizeof name, "append_at_%llu", (unsigned long long)n);
        bench_report(name, append, "us", first_append * 1.2);
        snprintf(name, sizeof name, "view_at_%llu", (unsigned long long)n);
        views_report(name, &first);
        must_hold(demur_snapshot_write(world.engine, &diag), &diag);
        snprintf(name, sizeof name, "snapshot_stall_at_%llu", (unsigned long long)n);
        bench_report(name, (double)world.engine->snapshots.stood_us / (double)n, "us/entry", 1);
        snprintf(name, sizeof name, "snapshot_at_%llu", (unsigned long long)n);
        bench_report(name, (double)world.engine->snapshots.last.body_len / 1e6, "MB",
                     300 * (double)n / 1e6);
        if (world.engine->channel == first.channel)
            world.engine->channel = NULL; /* kept */
        world_close();
        snprintf(name, sizeof name, "%llu", (unsigned long long)n);
        serve_report(name, 2, 300);
        nftw(world.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    demur_channel_free(first.channel);
    free(first.ids);
    return 0;
}
