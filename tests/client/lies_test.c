/* What is shown to a client that is not true, or not the latest: who is accused of
 * it, on what evidence, and that nobody else can be made to look guilty. */
#include "liar.h"

#include <sodium.h>
#include <unistd.h>

#include "../../core/encode.h"
#include "../../core/hash.h"

static void with_liar(struct live *l, void (*test)(struct live *l, struct liar *liar))
{
    struct liar *liar = liar_new(l);
    if (liar)
        test(l, liar);
    liar_free(liar);
}

/* Both a copy that has seen the true log, and a new one, are shown the liar's: what
 * they say, and how many findings they then keep. */
static void shown(struct liar *liar, enum demur_err want, const char *words, size_t findings,
                  int line)
{
    struct live *l = liar->l;
    static unsigned number;
    for (int fresh = 0; fresh < 2; fresh++) {
        char name[32];
        snprintf(name, sizeof name, "shown-%u", number++);
        struct demur_client *c = live_open(l, name);
        REQUIRE(c);
        if (!fresh)
            CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
        uint64_t before = demur_channel_size(demur_client_channel(c));
        demur_client_close(c);
        c = liar_open(liar, name);
        REQUIRE(c);
        enum demur_err got = demur_client_sync(c, &l->diag);
        if (got != want || (want && !strstr(l->diag.text, words)) ||
            demur_client_findings(c) != findings)
            test_failed(__FILE__, line, "%s: %s: %s; %zu findings", fresh ? "new" : "seen",
                        demur_err_name(got), got ? l->diag.text : "", demur_client_findings(c));
        CHECK(!want || demur_channel_size(demur_client_channel(c)) == before);
        demur_client_close(c);
    }
}
#define SHOWN(liar, want, words, findings) shown(liar, want, words, findings, __LINE__)

/* ---- somebody in between, without the log's key ---- */

/* A rotation to `log`'s key in the root's name, signed by nobody's. */
static struct span forged_rotation(struct town *w, const struct town_key *log)
{
    struct town_key thief;
    town_key_make(w, &thief);
    town_begin_by(w, DEMUR_RECORD_ROTATE, &w->root);
    demur_put_bytes(&w->out, DEMUR_FIELD_LOG_KEY, span_of(log->public_key, 32));
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, thief.secret);
    return buf_span(&w->out);
}

static void nothing_sticks(struct live *l, struct liar *liar)
{
    struct town *w = l->f->w;
    struct town_key thief;
    uint8_t root[32] = {1};
    town_key_make(w, &thief);
    size_t n = liar->len;
    liar_sign(liar, n, thief.secret); /* the true log, another's signature */
    SHOWN(liar, DEMUR_ERR_VERIFY, "not signed by the channel's log", 0);
    liar_claim(liar, n, root, thief.secret);
    SHOWN(liar, DEMUR_ERR_VERIFY, "not signed by the channel's log", 0);
    liar_add(liar, w->now, forged_rotation(w, &thief));
    liar_sign(liar, n + 1, thief.secret);
    SHOWN(liar, DEMUR_ERR_VERIFY, "not signed by the channel's log", 0);
    liar_claim(liar, n + 1, root, thief.secret);
    SHOWN(liar, DEMUR_ERR_VERIFY, "not signed by the channel's log", 0);
}

static void no_key_no_evidence(struct live *l) { with_liar(l, nothing_sticks); }
TEST(lies_without_the_logs_key_are_no_evidence) { live_run(no_key_no_evidence); }

/* The log's own heads, with entries altered on the way. */
static void alters_entries(struct live *l, struct liar *liar)
{
    struct demur_bytes *victim = &liar->entries[liar->len - 1];
    victim->p[victim->len - 5] ^= 1;
    CHECK_SAYS(demur_act_revoke(l->c, &l->office, l->member_id[5].handle, NULL, &l->diag), DEMUR_OK,
               "");
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
    struct liar *now = liar_new(l);
    REQUIRE(now);
    for (size_t place = 1; place <= 2; place++) { /* a new one; then one that was seen */
        victim = &now->entries[now->len - place];
        victim->p[victim->len - 5] ^= 1;
        struct demur_client *c = liar_open(liar, "seen-before");
        REQUIRE(c);
        victim = &liar->entries[liar->len - 1];
        victim->p[victim->len - 5] ^= place == 1;
        CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
        demur_client_close(c);
        c = liar_open(now, "seen-before");
        REQUIRE(c);
        CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, "one of them was altered");
        CHECK(demur_client_findings(c) == 0);
        demur_client_close(c);
        c = liar_open(now, place == 1 ? "new-1" : "new-2");
        REQUIRE(c);
        CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, "one of them was altered");
        CHECK(demur_client_findings(c) == 0);
        demur_client_close(c);
    }
    liar_free(now);
}

static void altered_on_the_way(struct live *l) { with_liar(l, alters_entries); }
TEST(lies_altered_entries_accuse_nobody) { live_run(altered_on_the_way); }

/* A checkpoint of the log's own that is not the latest. */
static void replays(struct live *l, struct liar *liar)
{
    const uint8_t *secret = l->f->w->log.secret;
    struct demur_client *c = liar_open(liar, "replayed");
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    uint64_t size = demur_channel_size(demur_client_channel(c));
    liar_sign(liar, liar->len - 3, secret);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, "shows an older log");
    CHECK(demur_client_findings(c) == 0);
    CHECK(demur_channel_size(demur_client_channel(c)) == size);
    liar_sign(liar, liar->len, secret);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    /* One that is shorter and not the beginning of what was seen is another matter. */
    liar->entries[4].p[3] ^= 1;
    liar_sign(liar, liar->len - 3, secret);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, "two different histories");
    CHECK(demur_client_findings(c) == 1);
    demur_client_close(c);
}

static void older_head(struct live *l) { with_liar(l, replays); }
TEST(lies_an_older_head_accuses_nobody) { live_run(older_head); }

/* What is fetched is bounded by what the log signed. */
static void floods(struct live *l, struct liar *liar)
{
    char command[512];
    uint8_t root[32] = {1};
    struct town_key thief;
    town_key_make(l->f->w, &thief);
    liar_claim(liar, (uint64_t)1 << 40, root, thief.secret);
    SHOWN(liar, DEMUR_ERR_VERIFY, "", 0);
    CHECK(liar->bundles <= 1);
    snprintf(command, sizeof command,
             "test $(ls '%s'/shown-*/entries | grep -cx '[0-9][0-9]*') -le 1", l->home);
    CHECK(system(command) == 0);
    /* What was left of such a time goes with the next sync. */
    struct demur_client *c = live_open(l, "strays");
    REQUIRE(c);
    snprintf(command, sizeof command, "cd '%s'/strays/entries && touch 00000001 00000777 odd.part",
             l->home);
    CHECK(system(command) == 0);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    snprintf(command, sizeof command, "test \"$(ls '%s'/strays/entries)\" = 00000000", l->home);
    CHECK(system(command) == 0);
    demur_client_close(c);
}

static void unsigned_sizes(struct live *l) { with_liar(l, floods); }
TEST(lies_unsigned_sizes_fetch_nothing) { live_run(unsigned_sizes); }

/* ---- the log's key, changed ---- */

static struct span rotation(struct town *w, struct town_key *root, const struct town_key *log)
{
    town_begin_by(w, DEMUR_RECORD_ROTATE, root);
    demur_put_bytes(&w->out, DEMUR_FIELD_LOG_KEY, span_of(log->public_key, 32));
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, root->secret);
    return buf_span(&w->out);
}

static struct span root_rotation(struct town *w, struct town_key *next,
                                 const struct town_key *after)
{
    uint8_t hash[32];
    demur_hash(hash, span_of(after->public_key, 32));
    town_begin_by(w, DEMUR_RECORD_ROTATE, next);
    demur_put_bytes(&w->out, DEMUR_FIELD_ROOT_KEY, span_of(next->public_key, 32));
    demur_put_hash(&w->out, DEMUR_FIELD_NEXT_ROOT, hash);
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, next->secret);
    return buf_span(&w->out);
}

static void rotates(struct live *l, struct liar *liar)
{
    struct town *w = l->f->w;
    struct town_key log[3], after, root = w->root;
    struct demur_client *c;
    for (size_t i = 0; i < 3; i++)
        town_key_make(w, &log[i]);
    town_key_make(w, &after);
    w->root.seq = l->root_id.seq;
    w->now = demur_client_now(l->c);
    size_t n = liar->len;
    liar_add(liar, w->now, rotation(w, &w->root, &log[0]));
    liar_sign(liar, n + 1, w->log.secret); /* by the key that has just gone */
    SHOWN(liar, DEMUR_ERR_VERIFY, "has had replaced", 0);
    liar_sign(liar, n + 1, log[0].secret);
    SHOWN(liar, DEMUR_OK, "", 0);
    liar_add(liar, w->now, root_rotation(w, &w->next_root, &after));
    liar_add(liar, w->now, rotation(w, &w->next_root, &log[1]));
    liar_sign(liar, n + 3, log[1].secret);
    SHOWN(liar, DEMUR_OK, "", 0);
    CHECK((c = liar_open(liar, "rotated")) != NULL);
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    /* The thief of a root key that has gone: the chain leaves out its going. */
    demur_bytes_free(&liar->entries[n + 2]);
    demur_bytes_free(&liar->entries[n + 1]);
    liar->len = n + 1;
    root.seq = w->root.seq;
    liar_add(liar, w->now, rotation(w, &root, &log[2]));
    liar_sign(liar, n + 2, log[2].secret);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, "not signed by the channel's log");
    CHECK(demur_client_findings(c) == 0);
    demur_client_close(c);
}

static void changed_keys(struct live *l) { with_liar(l, rotates); }
TEST(lies_and_honest_changes_of_the_logs_key) { live_run(changed_keys); }

/* An audit that is handed a receipt by a key that was changed since does not say that the
 * operator broke it, without saying who else may have made it. */
static void forged_is_doubted(struct live *l, struct liar *liar, const struct demur_bytes *receipt,
                              const char *words)
{
    struct demur_audit_report report;
    struct demur_client_options o = live_options(l, "auditor");
    struct demur_audit_given given = {"given.receipt", demur_bytes_span(receipt)};
    o.url = liar->url;
    CHECK_SAYS(demur_audit(&report, &o, NULL, &given, 1, &l->diag), DEMUR_ERR_VERIFY, "");
    REQUIRE(report.verdicts_len == 1 && report.findings_len >= 1);
    CHECK(report.verdicts[0].verdict == DEMUR_RECEIPT_NOT_IN_LOG && report.verdicts[0].replaced);
    for (size_t i = 0; i < report.findings_len; i++)
        if (!strstr(report.findings[i].text, "whoever stole it could have made the receipt too"))
            test_failed(__FILE__, __LINE__, "%s", report.findings[i].text);
    CHECK(strstr(report.findings[0].text, words));
    demur_audit_report_free(&report);
}

/* Who has stolen a log key that was changed for that swallows a record, with a receipt that
 * holds by itself. A copy that knows of the change does not take it. */
static void swallows(struct live *l, struct liar *liar)
{
    struct town *w = l->f->w;
    struct town_key next;
    struct liar *thief = liar_new(l);
    uint8_t text[1024];
    struct buf record = buf_over(text, sizeof text);
    struct demur_receipt_report report;
    struct demur_sent sent;
    REQUIRE(thief);
    size_t n = liar->len;
    town_key_make(w, &next);
    w->root.seq = l->root_id.seq;
    w->now = demur_client_now(l->c);
    liar_add(liar, w->now, rotation(w, &w->root, &next));
    liar_sign(liar, n + 1, next.secret);
    struct demur_client *c = liar_open(liar, "swallowed");
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");

    town_begin_by(w, DEMUR_RECORD_REVOKE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("nobody"));
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->keeper.secret);
    buf_put_span(&record, buf_span(&w->out));
    liar_add(thief, w->now, buf_span(&record));
    liar_sign(thief, n + 1, w->log.secret);
    struct demur_bytes receipt = liar_receipt(thief, n);
    CHECK_SAYS(demur_receipt_check(&report, demur_bytes_span(&receipt), w->fingerprint, &l->diag),
               DEMUR_OK, "");
    demur_receipt_report_free(&report);
    liar->promise = &receipt;
    CHECK_SAYS(demur_act_append(c, buf_span(&record), &sent, &l->diag), DEMUR_ERR_VERIFY,
               "leaves out rotations");
    CHECK(!demur_client_promised(c));
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    CHECK(demur_client_findings(c) == 0);
    demur_client_close(c);
    forged_is_doubted(l, liar, &receipt, "and holds another entry there now");
    demur_bytes_free(&receipt);
    liar_add(thief, w->now, buf_span(&record));
    liar_sign(thief, n + 2, w->log.secret);
    receipt = liar_receipt(thief, n + 1);
    forged_is_doubted(l, liar, &receipt, "does not reach so far");
    demur_bytes_free(&receipt);
    liar_free(thief);
}

static void stolen_key(struct live *l) { with_liar(l, swallows); }
TEST(lies_receipt_by_a_key_that_was_replaced) { live_run(stolen_key); }

/* ---- the operator ---- */

static void finding_is(struct demur_client *c, size_t i, const char *kind, const char *words)
{
    struct demur_finding f;
    if (!demur_client_finding(c, i, &f) || strcmp(f.kind, kind) != 0 || !strstr(f.text, words) ||
        access(f.path, R_OK) != 0)
        test_failed(__FILE__, __LINE__, "finding %zu is not \"%s\" of %s", i, words, kind);
}

static void forks(struct live *l, struct liar *liar)
{
    const uint8_t *secret = l->f->w->log.secret;
    struct demur_client *c = liar_open(liar, "forked");
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    size_t n = liar->len;
    liar->entries[n - 1].p[liar->entries[n - 1].len - 5] ^= 1;
    liar_sign(liar, n, secret);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, "of the same length");
    finding_is(c, 0, "fork", "of the same length");
    liar_add(liar, l->f->w->now, span_lit("demur jubilee v1\nyear 2030\n"));
    liar_sign(liar, n + 1, secret);
    char words[64];
    snprintf(words, sizeof words, "entry %zu is another one now", n - 1);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, words);
    finding_is(c, 1, "fork", words);
    CHECK(demur_client_findings(c) == 2);
    demur_client_close(c);
}

static void forked(struct live *l) { with_liar(l, forks); }
TEST(lies_two_histories_are_evidence) { live_run(forked); }

/* A refused entry is the operator's only under a head that the log signed. */
static void admits(struct live *l, struct liar *liar)
{
    struct town *w = l->f->w;
    size_t n = liar->len;
    w->now = demur_client_now(l->c);
    liar_add(liar, w->now, forged_rotation(w, &w->log));
    liar_sign(liar, n + 1, w->log.secret);
    SHOWN(liar, DEMUR_OK, "", 1);
}

static void refused_entry(struct live *l) { with_liar(l, admits); }
TEST(lies_a_refused_entry_is_evidence_under_a_signed_head) { live_run(refused_entry); }

/* ---- receipts ---- */

/* A receipt is kept, and the program ends before it has looked at the log again. */
static void breaks_receipts(struct live *l, struct liar *liar)
{
    struct town *w = l->f->w;
    const uint8_t *secret = w->log.secret;
    struct demur_sent sent;
    struct demur_client *c;
    char words[96], path[256];
    size_t n = liar->len;
    CHECK_SAYS(demur_act_revoke(l->c, &l->office, l->member_id[5].handle, &sent, &l->diag),
               DEMUR_OK, "");
    CHECK(sent.index == n && demur_client_promised(l->c));
    demur_client_close(l->c);
    l->c = NULL;

    c = liar_open(liar, "all"); /* the older state, put back */
    REQUIRE(c);
    CHECK(demur_client_promised(c));
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, "shows an older log");
    CHECK(demur_client_findings(c) == 0);
    /* Another entry in the place of the one that was filed. */
    w->now = demur_client_now(c);
    liar_add(liar, w->now, span_lit("demur jubilee v1\nyear 2030\n"));
    liar_sign(liar, n + 1, secret);
    snprintf(words, sizeof words, "gave a receipt for entry %zu and holds another", n);
    for (int again = 0; again < 2; again++) {
        CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, words);
        finding_is(c, 0, "broken-receipt", words);
        CHECK(demur_client_findings(c) == 1);
        CHECK(demur_channel_size(demur_client_channel(c)) == n);
        demur_client_close(c);
        c = liar_open(liar, "all");
        REQUIRE(c);
    }
    demur_client_close(c);

    /* The entry is there, but the founding before it is another, for a copy that has lost
     * all: the receipts' heads tell. */
    l->c = live_open(l, "all");
    REQUIRE(l->c);
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
    CHECK(!demur_client_promised(l->c));
    struct demur_bytes entry = {0};
    CHECK_SAYS(demur_client_entry(l->c, n, &entry, &l->diag), DEMUR_OK, "");
    demur_bytes_free(&liar->entries[n]);
    liar->entries[n] = entry;
    liar->entries[1].p[liar->entries[1].len - 5] ^= 1;
    liar_sign(liar, n + 1, secret);
    demur_client_close(l->c);
    l->c = NULL;
    snprintf(path, sizeof path, "%s/all/checkpoint", l->home);
    CHECK(unlink(path) == 0);
    c = liar_open(liar, "all");
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, "two different histories");
    CHECK(demur_client_findings(c) == 2);
    demur_client_close(c);
}

static void broken_receipts(struct live *l) { with_liar(l, breaks_receipts); }
TEST(lies_receipts_of_earlier_runs_are_held_against_the_log) { live_run(broken_receipts); }

/* ---- times ---- */

/* The operator puts an entry in and dates it back to before this machine saw the log
 * without it. */
static void dates_back(struct live *l, struct liar *liar)
{
    struct town *w = l->f->w;
    char words[64], path[256];
    struct demur_client *c = liar_open(liar, "dated");
    size_t n = liar->len;
    REQUIRE(c);
    w->root.seq = l->root_id.seq;
    live_wait(l, 3600);
    uint64_t seen = demur_client_now(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    demur_client_close(c);
    live_wait(l, 600);
    for (uint64_t early = 302; early >= 300; early--)
        liar_add(liar, seen - early, rotation(w, &w->root, &w->log));
    liar_sign(liar, n + 3, w->log.secret);
    c = liar_open(liar, "dated");
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    CHECK(demur_channel_size(demur_client_channel(c)) == n + 3);
    snprintf(words, sizeof words, "entry %zu says ", n);
    finding_is(c, 0, "dated-back", words);
    finding_is(c, 0, "dated-back", ", as 1 after it do, and at ");
    /* What is late in the log's own order, and not too early for what was seen. */
    liar_add(liar, seen + 300, rotation(w, &w->root, &w->log));
    liar_sign(liar, n + 4, w->log.secret);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    CHECK(demur_client_findings(c) == 1);
    demur_client_close(c);
    /* A new copy has seen nothing; and one whose clock is wrong remembers nothing. */
    c = liar_open(liar, "not-dated");
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    CHECK(demur_client_findings(c) == 0);
    demur_client_close(c);
    l->skew_s = 3600;
    c = live_open(l, "skewed");
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    demur_client_close(c);
    snprintf(path, sizeof path, "%s/skewed/seen", l->home);
    CHECK(access(path, F_OK) != 0);
    l->skew_s = 0;
}

static void dated_back(struct live *l) { with_liar(l, dates_back); }
TEST(lies_entries_dated_back_are_reported) { live_run(dated_back); }
