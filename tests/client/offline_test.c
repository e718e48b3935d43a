/* Without a server: receipts across rotated keys, and a copy that holds what the
 * rules refuse. The logs are made here, entry by entry, and signed. */
#include "../../client/internal.h"
#include "../../core/hash.h"
#include "../../core/receipt.h"
#include "../../core/tile.h"
#include "../support/town.h"

#include <unistd.h>

#define FOUNDED 1790000000

static struct town *found(void) { return town_company(FOUNDED, 11); }

static struct span entry(const struct town *w, size_t i)
{
    return span_of(w->entries[i].bytes, w->entries[i].len);
}

/* ---- receipts ---- */

struct leaves {
    const struct town *w;
};

/* Complete subtrees, computed from the leaves each time: the logs are short. */
static bool read_tree(void *ctx, unsigned level, uint64_t index, uint8_t out[32])
{
    const struct leaves *l = ctx;
    if (level == 0) {
        demur_merkle_leaf(out, entry(l->w, index));
        return true;
    }
    uint8_t left[32], right[32];
    bool good = read_tree(ctx, level - 1, 2 * index, left) &&
                read_tree(ctx, level - 1, 2 * index + 1, right);
    demur_merkle_node(out, left, right);
    return good;
}

static struct span checkpoint(const struct town *w, size_t size, const struct town_key *log)
{
    static uint8_t bytes[DEMUR_CHECKPOINT_MAX];
    struct buf out = buf_over(bytes, sizeof bytes);
    struct demur_frontier tree;
    struct demur_checkpoint head = {.origin = demur_channel_origin(w->c), .size = size};
    demur_frontier_init(&tree);
    for (size_t i = 0; i < size; i++) {
        uint8_t leaf[32];
        demur_merkle_leaf(leaf, entry(w, i));
        CHECK(demur_frontier_append(&tree, leaf));
    }
    demur_frontier_root(&tree, head.root);
    CHECK_ERR(demur_checkpoint_sign(&out, &head, log->secret, NULL), DEMUR_OK);
    return buf_span(&out);
}

/* A receipt for the last entry of `extra`, which are indexes ended by -1. */
static struct span receipt(const struct town *w, const int *extra, const struct town_key *log)
{
    static uint8_t bytes[1 << 18], bundle_bytes[1 << 17];
    struct buf out = buf_over(bytes, sizeof bytes),
               bundle = buf_over(bundle_bytes, sizeof bundle_bytes);
    struct leaves l = {w};
    struct demur_tree_reader reader = {read_tree, &l};
    struct demur_proof proof;
    int subject = 0;
    for (; *extra >= 0; extra++) {
        subject = *extra;
        demur_bundle_put(&bundle, entry(w, (size_t)subject));
    }
    CHECK(demur_inclusion_prove(&proof, (uint64_t)subject, w->entries_len, &reader));
    demur_receipt_put(&out, buf_span(&bundle), (uint64_t)subject, &proof,
                      checkpoint(w, w->entries_len, log));
    CHECK(buf_ok(&out));
    return buf_span(&out);
}

static void says(const struct town *w, struct span text, enum demur_err want, const char *words,
                 int line)
{
    struct demur_receipt_report report;
    struct demur_diag diag = {0};
    enum demur_err got = demur_receipt_check(&report, text, w->fingerprint, &diag);
    if (got != want || (want && !strstr(diag.text, words)))
        test_failed(__FILE__, line, "%s: %s", demur_err_name(got), diag.text);
    if (!got)
        demur_receipt_report_free(&report);
}
#define SAYS(text, want, words) says(w, text, want, words, __LINE__)

static enum demur_err rotate_log(struct town *w, struct town_key *by, const struct town_key *to)
{
    town_begin_by(w, DEMUR_RECORD_ROTATE, by);
    demur_put_bytes(&w->out, DEMUR_FIELD_LOG_KEY, span_of(to->public_key, 32));
    return town_sign_send(w, by);
}

static enum demur_err rotate_root(struct town *w, struct town_key *next,
                                  const struct town_key *after)
{
    uint8_t hash[32];
    demur_hash(hash, span_of(after->public_key, 32));
    town_begin_by(w, DEMUR_RECORD_ROTATE, next);
    demur_put_bytes(&w->out, DEMUR_FIELD_ROOT_KEY, span_of(next->public_key, 32));
    demur_put_hash(&w->out, DEMUR_FIELD_NEXT_ROOT, hash);
    return town_sign_send(w, next);
}

static void receipts(struct town *w)
{
    struct town_key log[2], root3;
    town_key_make(w, &log[0]);
    town_key_make(w, &log[1]);
    town_key_make(w, &root3);
    /* 0 channel, 1 calendar, 2 policy */
    SAYS(receipt(w, (int[]){0, -1}, &w->log), DEMUR_OK, "");
    SAYS(receipt(w, (int[]){0, 2, -1}, &w->log), DEMUR_OK, "");
    SAYS(receipt(w, (int[]){0, 2, -1}, &log[0]), DEMUR_ERR_VERIFY, "does not hold");
    SAYS(receipt(w, (int[]){2, -1}, &w->log), DEMUR_ERR_VERIFY, "another channel");
    SAYS(receipt(w, (int[]){0, 1, 2, -1}, &w->log), DEMUR_ERR_VERIFY, "no rotation");
    w->now++;
    CHECK_ERR(rotate_log(w, &w->root, &log[0]), DEMUR_OK); /* 3 */
    w->now++;
    CHECK_ERR(rotate_root(w, &w->next_root, &root3), DEMUR_OK); /* 4 */
    w->now++;
    CHECK_ERR(rotate_log(w, &w->next_root, &log[1]), DEMUR_OK); /* 5 */
    SAYS(receipt(w, (int[]){0, 3, 4, 5, 2, -1}, &log[1]), DEMUR_OK, "");
    SAYS(receipt(w, (int[]){0, 3, 4, 5, 2, -1}, &log[0]), DEMUR_ERR_VERIFY, "");
    SAYS(receipt(w, (int[]){0, 3, 5, 2, -1}, &log[1]), DEMUR_ERR_VERIFY,
         "not by the channel's root");
    SAYS(receipt(w, (int[]){0, 5, 4, 3, 2, -1}, &log[1]), DEMUR_ERR_VERIFY, "");
    /* A receipt about a rotation itself: last in the bundle, not in the order. */
    SAYS(receipt(w, (int[]){0, 3, 4, 5, -1}, &log[1]), DEMUR_OK, "");
    SAYS(receipt(w, (int[]){0, 4, 5, 3, -1}, &log[1]), DEMUR_OK, "");
    SAYS(receipt(w, (int[]){0, 3, 5, 4, -1}, &log[1]), DEMUR_OK, "");
    SAYS(receipt(w, (int[]){0, 3, 4, 5, 0, -1}, &log[1]), DEMUR_OK, "");
    SAYS(receipt(w, (int[]){0, 3, 4, 5, 4, -1}, &log[1]), DEMUR_OK, "");
    SAYS(receipt(w, (int[]){0, 3, 5, 4, 5, -1}, &log[1]), DEMUR_ERR_VERIFY, "not by the channel");
    /* Two within the second of the last. */
    CHECK_ERR(rotate_log(w, &w->next_root, &log[0]), DEMUR_OK); /* 6 */
    CHECK_ERR(rotate_root(w, &root3, &w->next_root), DEMUR_OK); /* 7 */
    for (int i = 3; i <= 7; i++) {
        int extra[] = {0, 3, 4, 5, 6, 7, i, -1}, only_last[7] = {0}, n = 1;
        SAYS(receipt(w, extra, &log[0]), DEMUR_OK, "");
        for (int k = 3; k <= 7; k++)
            if (k != i)
                only_last[n++] = k;
        only_last[n++] = i;
        only_last[n] = -1;
        SAYS(receipt(w, only_last, &log[0]), DEMUR_OK, "");
    }
    SAYS(receipt(w, (int[]){0, 3, 4, 6, 5, 2, -1}, &log[1]), DEMUR_ERR_VERIFY, "in the order");
    SAYS(span_lit("not a receipt\n"), DEMUR_ERR_SYNTAX, "no receipt");
    SAYS(span_lit(""), DEMUR_ERR_SYNTAX, "no receipt");
}

TEST(offline_receipts_across_rotations)
{
    struct town *w = found();
    if (w)
        receipts(w);
    town_free(w);
}

/* A rotation by somebody who is not the root, in a log that holds it all the same. */
TEST(offline_receipt_with_a_stolen_rotation)
{
    struct town *w = found();
    if (!w)
        return;
    struct town_key thief, log;
    static uint8_t forged[4096];
    struct buf b = buf_over(forged, sizeof forged);
    town_key_make(w, &thief);
    town_key_make(w, &log);
    CHECK_ERR(rotate_log(w, &thief, &log), DEMUR_ERR_FORBIDDEN); /* the fold refuses it */
    demur_entry_write(&b, w->now, buf_span(&w->out));
    w->entries[w->entries_len].bytes = malloc(b.len);
    memcpy(w->entries[w->entries_len].bytes, forged, b.len);
    w->entries[w->entries_len++].len = b.len;
    SAYS(receipt(w, (int[]){0, 3, 2, -1}, &log), DEMUR_ERR_VERIFY, "not by the channel's root");
    SAYS(receipt(w, (int[]){0, 2, -1}, &w->log), DEMUR_OK, "");
    town_free(w);
}

/* ---- copies ---- */

static void write_file(const char *folder, const char *name, struct span bytes)
{
    char path[PATH_LEN], parent[PATH_LEN];
    struct demur_diag diag = {0};
    CHECK(path_join(path, folder, name));
    memcpy(parent, path, sizeof parent);
    *strrchr(parent, '/') = 0;
    CHECK_ERR(demur_path_folder(parent, &diag), DEMUR_OK);
    CHECK_ERR(demur_path_write(path, bytes, &diag), DEMUR_OK);
}

/* The town's log as the copy that a client would have kept of it. */
static void write_copy(const struct town *w, const char *folder)
{
    static uint8_t bundle_bytes[1 << 18];
    struct buf bundle = buf_over(bundle_bytes, sizeof bundle_bytes);
    for (size_t i = 0; i < w->entries_len; i++) {
        uint8_t hash[32];
        char name[80] = "blobs/";
        demur_bundle_put(&bundle, entry(w, i));
        if (!w->entries[i].text.len)
            continue;
        demur_hash(hash, w->entries[i].text);
        hex_text(name + 6, hash);
        write_file(folder, name, w->entries[i].text);
    }
    write_file(folder, "entries/00000000", buf_span(&bundle));
    write_file(folder, "checkpoint", checkpoint(w, w->entries_len, &w->log));
}

static void add_entry(struct town *w, uint64_t at, struct span record)
{
    static uint8_t bytes[DEMUR_ENTRY_MAX];
    struct buf b = buf_over(bytes, sizeof bytes);
    demur_entry_write(&b, at, record);
    w->entries[w->entries_len].bytes = malloc(b.len);
    memcpy(w->entries[w->entries_len].bytes, bytes, b.len);
    w->entries[w->entries_len++].len = b.len;
}

static uint64_t town_now(void *ctx) { return ((struct town *)ctx)->now; }

static struct demur_client *open_copy(struct town *w, const char *folder)
{
    struct demur_client *c = NULL;
    struct demur_diag diag = {0};
    struct demur_client_options o = {.data = folder, .now = town_now, .ctx = w};
    memcpy(o.channel, w->fingerprint, 32);
    if (demur_client_open(&c, &o, &diag) != DEMUR_OK)
        test_failed(__FILE__, __LINE__, "%s", diag.text);
    return c;
}

/* Files that a client of other rules kept: of an entry that these take, of one that these
 * refuse too, and of what no rules matter to. */
static void write_kept(const char *folder)
{
    write_file(folder, "evidence/refused-entry-2.txt",
               span_lit("demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind refused-entry\n"
                        "rules 1\ntext the operator put entry 2 into the log\n"));
    write_file(folder, "evidence/refused-entry-3.txt",
               span_lit("demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind refused-entry\n"
                        "rules 1\ntext the operator put entry 3 into the log, at a wrong hour\n"));
    write_file(folder, "evidence/fork-1.txt",
               span_lit("demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\n"
                        "rules 1\ntext the log signed two histories\n"));
    /* Of before files said what rules they are of. */
    write_file(folder, "evidence/broken-receipt-1.txt",
               span_lit("demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind broken-receipt\n"
                        "text the log does not hold what it gave a receipt for\n"));
    write_file(folder, "evidence/refused-entry-1.txt",
               span_lit("demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind refused-entry\n"
                        "text the operator put entry 1 into the log\n"));
}

static const struct demur_finding *kept(const struct demur_finding *f, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(f[i].text, text))
            return &f[i];
    return NULL;
}

static void upgraded(struct town *w, const char *folder)
{
    struct demur_finding f[4];
    write_kept(folder);
    struct demur_client *c = open_copy(w, folder);
    REQUIRE(c);
    REQUIRE(demur_client_findings(c) == 4);
    for (size_t i = 0; i < 4; i++)
        CHECK(demur_client_finding(c, i, &f[i]));
    const struct demur_finding *anew = kept(f, 4, "entry 3 "), *older = kept(f, 4, "a receipt for");
    CHECK(kept(f, 4, "two histories") && kept(f, 4, "entry 4 "));
    CHECK(older && older->rules == 0);
    CHECK(anew && anew->rules == DEMUR_FOLD_VERSION && !strstr(anew->text, "at a wrong hour"));
    demur_client_close(c);
}

static void refused(struct town *w, const char *folder)
{
    struct demur_finding f[3];
    struct demur_bytes evidence = {0};
    struct demur_diag diag = {0};
    write_copy(w, folder);
    for (int again = 0; again < 2; again++) { /* at first verified, then trusted */
        struct demur_client *c = open_copy(w, folder);
        REQUIRE(c);
        CHECK(demur_channel_size(demur_client_channel(c)) == w->entries_len);
        CHECK(demur_channel_refused(demur_client_channel(c)) == 4);
        REQUIRE(demur_client_findings(c) == 2);
        CHECK(demur_client_finding(c, 0, &f[0]) && demur_client_finding(c, 1, &f[1]));
        CHECK(!demur_client_finding(c, 2, &f[2]));
        CHECK(strcmp(f[0].kind, "refused-entry") == 0 && strstr(f[0].text, "entry 3 "));
        CHECK(strstr(f[1].text, "entry 4 ") && f[1].time_s == FOUNDED + 1);
        CHECK(act_begin(c, 0, &diag) == DEMUR_ERR_IO); /* no address */
        CHECK(c->upgrade);
        demur_client_close(c);
    }
    CHECK_ERR(demur_path_read(f[0].path, 1 << 20, &evidence, &diag), DEMUR_OK);
    CHECK(evidence.p && strstr((char *)evidence.p, "demur revoke v1\n") &&
          strstr((char *)evidence.p, "== checkpoint-now, "));
    demur_bytes_free(&evidence);
}

TEST(offline_refused_entries_are_kept_as_evidence)
{
    struct town *w = found();
    if (!w)
        return;
    char folder[64] = "/tmp/demur-copy-XXXXXX", command[128];
    struct town_key stranger;
    REQUIRE(mkdtemp(folder));
    w->now++;
    town_key_make(w, &stranger);
    /* Entry 3: not signed. Entry 4: by nobody who may. Entry 5: of a kind that is not
     * known, so that what comes after it may be right. */
    town_begin_by(w, DEMUR_RECORD_REVOKE, &stranger);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("m-1"));
    uint8_t sig[64] = {1};
    demur_put_bytes(&w->out, DEMUR_FIELD_SIG, span_of(sig, 64));
    add_entry(w, w->now, buf_span(&w->out));
    town_begin_by(w, DEMUR_RECORD_REVOKE, &stranger);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("m-1"));
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, stranger.secret);
    add_entry(w, w->now, buf_span(&w->out));
    add_entry(w, w->now, span_lit("demur jubilee v1\nyear 2030\n"));
    add_entry(w, w->now, buf_span(&w->out));
    refused(w, folder);
    upgraded(w, folder);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0);
    town_free(w);
}

/* ---- by whose word roles are held ---- */

static const char desks[] =
    "demur policy v1\n"
    "policy desks\n  title Desks\n  calendar plain\n"
    "role office\n  title Office\n"
    "role keeper\n  title Keeper\n"
    "role desk\n  title Desk\n"
    "role board\n  title Board\n"
    "role press\n  title Press\n  granted-by desk\n"
    "eligible everyone\n"
    "roster\n  kept-by keeper\n"
    "ring\n  at-least 2 members\n"
    "filing\n  quota 9 each month\n  identity named\n"
    "distribution\n  must office\n"
    "stage filed\n  title Filed\n"
    "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"
    "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n  from filed\n"
    "  to withdrawn\n";

/* Officer `by` grants a role to officer `to`; what comes next is a second later. */
static enum demur_err hand_on(struct town *w, size_t by, size_t to, const char *role)
{
    struct town_key root = w->root;
    w->root = w->officers[by];
    town_begin_role(w, to, role, "holds");
    w->officers[by] = w->root; /* its `seq` */
    w->root = root;
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->officers[by].secret);
    enum demur_err err = town_keep(w, w->now, span_of(NULL, 0));
    w->now++;
    return err;
}

static void root_grants(struct town *w, size_t to, const char *role)
{
    CHECK_ERR(town_grant(w, to, role), DEMUR_OK);
    w->now++;
}

static void check_granted(struct demur_client *c, uint64_t index, enum demur_granter by,
                          bool replaced, int line)
{
    struct demur_granted *list = NULL;
    size_t n = 0, i = 0;
    CHECK_ERR(demur_client_grants(c, &list, &n, NULL), DEMUR_OK);
    while (i < n && list[i].index != index)
        i++;
    if (i == n)
        test_failed(__FILE__, line, "entry %llu is not listed", (unsigned long long)index);
    else if (list[i].granter != by || list[i].replaced != replaced)
        test_failed(__FILE__, line, "%s of entry %llu: by %d, %d", list[i].role,
                    (unsigned long long)index, (int)list[i].granter, (int)list[i].replaced);
    free(list);
}
#define CHECK_GRANTED(index, by, replaced) check_granted(c, index, by, replaced, __LINE__)

TEST(offline_grants_rest_on_what_let_them_be_made)
{
    struct town *w = town_plain(FOUNDED, 2, desks);
    REQUIRE(w);
    char folder[64] = "/tmp/demur-copy-XXXXXX", command[128];
    struct town_key after;
    REQUIRE(mkdtemp(folder));
    town_key_make(w, &after);
    uint64_t old = w->entries_len;
    root_grants(w, 0, "board");
    root_grants(w, 1, "desk");
    CHECK_ERR(rotate_root(w, &w->next_root, &after), DEMUR_OK);
    w->root = w->next_root;
    w->now++;
    /* Neither a grant that the fold refused nor another role makes its holder's word good. */
    CHECK_ERR(hand_on(w, 3, 1, "desk"), DEMUR_ERR_FORBIDDEN);
    root_grants(w, 1, "board");
    uint64_t tainted = w->entries_len;
    CHECK_ERR(hand_on(w, 1, 2, "press"), DEMUR_OK);
    /* Whoever the operator calls a root, by an entry that the fold refused, was none. */
    root_grants(w, 4, "desk");
    CHECK_ERR(rotate_root(w, &w->officers[4], &after), DEMUR_ERR_FORBIDDEN);
    CHECK_ERR(town_keep(w, w->now, span_of(NULL, 0)), DEMUR_ERR_FORBIDDEN);
    uint64_t good = w->entries_len;
    CHECK_ERR(hand_on(w, 4, 5, "press"), DEMUR_OK);
    /* Granted anew, its word is as good as the new root's. */
    CHECK_ERR(town_end_role(w, 1, "desk"), DEMUR_OK);
    w->now++;
    root_grants(w, 1, "desk");
    uint64_t anew = w->entries_len;
    CHECK_ERR(hand_on(w, 1, 3, "press"), DEMUR_OK);
    write_copy(w, folder);
    struct demur_client *c = open_copy(w, folder);
    REQUIRE(c);
    CHECK(demur_channel_refused(demur_client_channel(c)) == 2);
    CHECK_GRANTED(old, DEMUR_GRANTED_BY_REPLACED_ROOT, true);
    CHECK_GRANTED(tainted, DEMUR_GRANTED_BY_OFFICER, true);
    CHECK_GRANTED(good, DEMUR_GRANTED_BY_OFFICER, false);
    CHECK_GRANTED(anew - 1, DEMUR_GRANTED_BY_ROOT, false);
    CHECK_GRANTED(anew, DEMUR_GRANTED_BY_OFFICER, false);
    demur_client_close(c);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0);
    town_free(w);
}
