/* check.c - examining a channel's directory; see copy.h. */
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <unistd.h>

#include "../core/checkpoint.h"
#include "copy.h"
#include "copy_state.h"
#include "engine.h"
#include "files.h"
#include "modes.h"
#include "server.h"

struct blob_named {
    uint8_t hash[32];
    uint64_t entry;
};

struct check {
    const char *dir;
    demur_fault_fn *fn;
    void *ctx;
    struct demur_check_report report;
    struct demur_engine engine; /* the store, the fold of it, what was expunged; nothing else */
    struct demur_record *record;
    struct demur_frontier frontier;
    struct demur_list missing; /* of struct blob_named */
    bool stuck;                /* an entry could not be folded, and so none after it */
    bool has_signed;
    struct demur_signed_head signed_head;
    uint8_t signed_key[32]; /* the log key in force at the signed head */
    struct demur_snapshot snapshots[DEMUR_SNAPSHOT_SLOTS]; /* size 0: none to hold to the log */
    struct demur_diag *diag;
};

static void fault(struct check *c, const char *fmt, ...) DEMUR_PRINTF(2, 3);
static void fault(struct check *c, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->report.faults++;
    if (c->fn)
        c->fn(c->ctx, text);
}

static void store_fault(void *ctx, const struct demur_store_finding *finding)
{
    fault(ctx, "%s", finding->text);
}

/* ---- the files ---- */

static void mode_fault(void *ctx, const char *text) { fault(ctx, "%s", text); }

static void check_files(struct check *c)
{
    static const char *const required[] = {"log.db", "log.key", "server.key", "signer.state",
                                           "config"};
    char path[DEMUR_PATH_MAX];
    unsigned owner;
    for (size_t i = 0; i < DEMUR_COUNT(required); i++)
        if (!demur_path(path, c->dir, required[i], NULL) && access(path, F_OK))
            fault(c, "%s is not there: put it back from a backup", required[i]);
    if (demur_modes_owner(c->dir, &owner))
        demur_modes_check(c->dir, owner, mode_fault, c);
}

static void check_config(struct check *c)
{
    uint8_t text[16384];
    struct buf b = buf_over(text, sizeof text);
    struct demur_server_settings settings;
    struct demur_diag why = {0};
    enum demur_err err = demur_file_read(&b, c->dir, "config", &why);
    if (err == DEMUR_ERR_UNKNOWN)
        return; /* told already */
    if (!err)
        err = demur_server_settings_parse(&settings, buf_span(&b), &why);
    if (err)
        fault(c, "config cannot be used: line %u: %s", why.line, why.text);
}

/* Does the file, or its .next, hold the secret half of the key that the log names? */
static void check_key(struct check *c, const char *name, const char *kind,
                      const uint8_t wanted[static 32])
{
    uint8_t secret[64];
    struct demur_diag why = {0};
    bool found = false;
    for (int next = 0; next < 2 && !found; next++) {
        char file[64];
        snprintf(file, sizeof file, "%s%s", name, next ? ".next" : "");
        enum demur_err err = demur_key_read(secret, c->dir, file, kind, &why);
        found = !err && memcmp(secret + 32, wanted, 32) == 0;
        if (err && err != DEMUR_ERR_UNKNOWN)
            fault(c, "%s cannot be used: %s", file, why.text);
    }
    sodium_memzero(secret, sizeof secret);
    if (!found)
        fault(c, "%s does not hold the %s that the log names: put the right one back", name, kind);
}

/* A server may be writing it just now: what is wrong stays wrong. */
static enum demur_err examine(struct demur_snapshot *out, const char *dir, int slot,
                              const uint8_t (*secrets)[64], size_t n, struct demur_diag *why)
{
    char path[DEMUR_PATH_MAX];
    enum demur_err err = demur_path(path, dir, demur_snapshot_names[slot], why);
    for (int again = 0; !err && again < 4; again++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        err = demur_snapshot_examine(out, fd, secrets, n, why);
        if (fd >= 0)
            close(fd);
        if (err != DEMUR_ERR_SYNTAX && err != DEMUR_ERR_VERIFY && err != DEMUR_ERR_IO)
            break;
        nanosleep(&(struct timespec){0, 500000000}, NULL);
        err = again < 3 ? DEMUR_OK : err;
    }
    return err;
}

/* The keys are told of by check_key; here they only have to vouch. */
static void check_snapshots(struct check *c)
{
    static const char *const names[] = {"server.key", "server.key.next"};
    uint8_t secrets[DEMUR_COUNT(names)][64] = {0};
    for (size_t i = 0; i < DEMUR_COUNT(names); i++)
        if (demur_key_read(secrets[i], c->dir, names[i], "server-key", NULL))
            sodium_memzero(secrets[i], 64);
    for (int i = 0; i < DEMUR_SNAPSHOT_SLOTS; i++) {
        struct demur_diag why = {0};
        enum demur_err err = examine(&c->snapshots[i], c->dir, i, (const uint8_t(*)[64])secrets,
                                     DEMUR_COUNT(names), &why);
        /* Of another key or version is of no use, and no harm: the log is folded whole. */
        if (err && err != DEMUR_ERR_UNKNOWN && err != DEMUR_ERR_KEY && err != DEMUR_ERR_UPGRADE)
            fault(c, "%s cannot be used: %s; remove it, and the log is folded whole",
                  demur_snapshot_names[i], why.text);
    }
    sodium_memzero(secrets, sizeof secrets);
}

/* ---- the log ---- */

/* Does a snapshot say what has been folded up to here? */
static void hold_snapshots(struct check *c)
{
    for (int i = 0; i < DEMUR_SNAPSHOT_SLOTS; i++) {
        const struct demur_snapshot *s = &c->snapshots[i];
        uint8_t root[32], chain[32], hash[32];
        if (!s->size || s->size != c->frontier.size)
            continue;
        demur_frontier_root(&c->frontier, root);
        demur_channel_chain(c->engine.channel, chain);
        if (memcmp(root, s->root, 32) != 0)
            fault(c, "%s is of another log: remove it", demur_snapshot_names[i]);
        else if (memcmp(chain, s->chain, 32) != 0 || demur_snapshot_hash(&c->engine, hash, NULL) ||
                 memcmp(hash, s->hash, 32) != 0)
            fault(c,
                  "%s does not say what the first %llu entries say: remove it, and start the "
                  "server again",
                  demur_snapshot_names[i], (unsigned long long)s->size);
    }
}

static bool note_entry(struct check *c, uint64_t index, uint64_t at)
{
    struct demur_blob_ref blobs[DEMUR_RECORD_FIELDS_MAX];
    bool ok = true;
    if (demur_engine_note(&c->engine, c->record, index, at, NULL))
        return false;
    if (c->record->type == DEMUR_RECORD_EXPUNGE)
        return true;
    size_t n = demur_record_blobs(c->record, blobs, DEMUR_COUNT(blobs));
    for (size_t i = 0; i < n && ok; i++) {
        struct demur_store_blob stat;
        struct blob_named named = {.entry = index};
        memcpy(named.hash, blobs[i].hash, 32);
        if (demur_store_blob_stat(c->engine.store, &stat, named.hash, NULL) == DEMUR_ERR_UNKNOWN)
            ok = demur_list_add(&c->missing, &named, sizeof named);
    }
    return ok;
}

static void check_signed(struct check *c)
{
    uint8_t root[32];
    if (!c->has_signed || c->signed_head.size != c->frontier.size)
        return;
    demur_frontier_root(&c->frontier, root);
    if (memcmp(root, c->signed_head.root, 32) != 0)
        fault(c,
              "the first %llu entries are not those that the signer signed: the store was altered "
              "or is of another channel; put a backup back",
              (unsigned long long)c->signed_head.size);
    demur_channel_log_key(c->engine.channel, c->signed_key);
}

static enum demur_err entry_fold(struct check *c, uint64_t index, struct span bytes)
{
    uint64_t at = 0, before = demur_channel_size(c->engine.channel);
    struct span text;
    struct demur_store_bytes policy = {0};
    struct demur_diag why = {0};
    enum demur_err err = DEMUR_OK;
    bool parsed =
        !demur_entry_parse(&at, &text, bytes, NULL) && !demur_record_parse(c->record, text, NULL);
    if (parsed)
        err = demur_record_text(&c->engine, c->record, &policy, &why);
    if (!err)
        err = demur_channel_entry(c->engine.channel, bytes, span_of(policy.p, policy.len), &why);
    demur_store_bytes_free(&policy);
    c->stuck = demur_channel_size(c->engine.channel) == before;
    if (c->stuck)
        fault(c, "entry %llu cannot be folded, nor what follows it: %s", (unsigned long long)index,
              why.text);
    else if (err)
        fault(c, "entry %llu has no effect, which is evidence against this server: %s",
              (unsigned long long)index, why.text);
    else if (!note_entry(c, index, at))
        return demur_fail(c->diag, DEMUR_ERR_MEMORY, "out of memory");
    return DEMUR_OK;
}

static enum demur_err entry_check(void *ctx, uint64_t index, const uint8_t stored[static 32],
                                  struct span bytes)
{
    struct check *c = ctx;
    uint8_t leaf[32];
    (void)stored; /* demur_store_check compares them */
    demur_merkle_leaf(leaf, bytes);
    if (!demur_frontier_append(&c->frontier, leaf))
        return demur_fail(c->diag, DEMUR_ERR_LIMIT, "the log is too long");
    enum demur_err err = c->stuck ? DEMUR_OK : entry_fold(c, index, bytes);
    if (!err)
        check_signed(c);
    if (!err && !c->stuck)
        hold_snapshots(c);
    return err;
}

static void check_missing(struct check *c)
{
    const struct blob_named *missing = c->missing.items;
    for (size_t i = 0; i < c->missing.len; i++) {
        char name[65];
        if (demur_expunged(&c->engine.expunge, missing[i].hash))
            continue;
        sodium_bin2hex(name, sizeof name, missing[i].hash, 32);
        fault(c, "the blob %s, which entry %llu names, is not there: put a backup back", name,
              (unsigned long long)missing[i].entry);
    }
}

static void check_signer(struct check *c)
{
    struct demur_checkpoint head;
    struct demur_diag why = {0};
    struct span origin = demur_channel_origin(c->engine.channel);
    if (!c->has_signed)
        return;
    if (c->signed_head.size > c->frontier.size)
        fault(c,
              "the signer has signed %llu entries and the store holds %llu: an old copy of the "
              "store was put back; find the newer one",
              (unsigned long long)c->signed_head.size, (unsigned long long)c->frontier.size);
    else if (demur_checkpoint_open(&head, NULL,
                                   span_of(c->signed_head.text, c->signed_head.text_len), origin,
                                   c->signed_key, &why))
        fault(c, "signer.state does not hold a head that the log's key signed: %s", why.text);
}

static enum demur_err check_log(struct check *c)
{
    struct demur_store_head head;
    uint8_t key[32];
    uint64_t n = 0;
    enum demur_err err = demur_store_check(c->engine.store, &n, store_fault, c, c->diag);
    if (!err)
        err = demur_store_head_get(c->engine.store, &head, c->diag);
    if (!err)
        err = demur_store_entries(c->engine.store, 0, head.size, entry_check, c, c->diag);
    if (err)
        return err;
    for (int i = 0; i < DEMUR_SNAPSHOT_SLOTS; i++)
        if (c->snapshots[i].size > head.size)
            fault(c, "%s holds %llu entries and the store %llu: it is of another log; remove it",
                  demur_snapshot_names[i], (unsigned long long)c->snapshots[i].size,
                  (unsigned long long)head.size);
    check_missing(c);
    c->report.entries = head.size;
    c->report.refused = demur_channel_refused(c->engine.channel);
    memcpy(c->report.root, head.root, 32);
    if (c->stuck)
        return DEMUR_OK; /* which keys the log names is not known */
    check_signer(c);
    demur_channel_log_key(c->engine.channel, key);
    check_key(c, "log.key", "log-key", key);
    demur_channel_server_key(c->engine.channel, key);
    check_key(c, "server.key", "server-key", key);
    return DEMUR_OK;
}

enum demur_err demur_server_check(const char *dir, demur_fault_fn *fn, void *ctx,
                                  struct demur_check_report *report, struct demur_diag *diag)
{
    struct demur_diag why = {0};
    struct check c = {.dir = dir, .fn = fn, .ctx = ctx, .diag = diag};
    demur_frontier_init(&c.frontier);
    c.record = malloc(sizeof *c.record);
    c.engine.channel = demur_channel_new();
    enum demur_err err = c.record && c.engine.channel
                             ? DEMUR_OK
                             : demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    if (!err)
        err = demur_expunge_init(&c.engine.expunge, diag);
    if (!err) {
        check_files(&c);
        check_config(&c);
        check_snapshots(&c);
        /* Read before the store, whose head may only be further on. */
        enum demur_err state = copy_signed_head(dir, &c.signed_head, &why);
        c.has_signed = !state;
        c.report.signed_size = state ? 0 : c.signed_head.size;
        if (state && state != DEMUR_ERR_UNKNOWN)
            fault(&c, "%s", why.text);
        err = demur_store_open(&c.engine.store, dir, DEMUR_STORE_READ, diag);
    }
    if (!err)
        err = check_log(&c);
    if (!err)
        *report = c.report;
    demur_store_close(c.engine.store);
    demur_channel_free(c.engine.channel);
    demur_list_free(&c.missing);
    demur_list_free(&c.engine.rotates);
    demur_list_free(&c.engine.calendars);
    demur_expunge_free(&c.engine.expunge);
    free(c.record);
    return err;
}
