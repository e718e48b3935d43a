/* Evidence as somebody judges it who trusts nobody: what is forged to look like it
 * convinces of nothing. What is true does, in operators_test.c. */
#include "../../client/internal.h"
#include "../../core/tile.h"
#include "liar.h"

#include <sodium.h>

struct forgery {
    struct liar *liar;
    struct history log;
    uint8_t proof[HISTORY_PROOF_MAX];
    struct buf proof_text;
};

static struct span keys_of(struct forgery *f, size_t size)
{
    struct demur_client c = {0};
    memcpy(c.options.channel, f->liar->w->fingerprint, 32);
    history_free(&f->log);
    for (size_t i = 0; i < size; i++)
        CHECK_ERR(history_add(&f->log, &c, demur_bytes_span(&f->liar->entries[i]), NULL), DEMUR_OK);
    return demur_bytes_span(&f->log.keys);
}

static void not_fooled(struct forgery *f, const char *kind, const struct evidence_part *parts,
                       size_t n, const char *words, int line)
{
    static uint8_t bytes[1 << 20];
    struct buf out = buf_over(bytes, sizeof bytes);
    struct demur_evidence_report report;
    struct demur_diag diag = {0};
    struct demur_finding finding = {.time_s = LIAR_FOUNDED, .rules = DEMUR_FOLD_VERSION};
    snprintf(finding.kind, sizeof finding.kind, "%s", kind);
    snprintf(finding.text, sizeof finding.text, "the operator is a thief");
    evidence_put(&out, &finding, parts, n);
    CHECK(buf_ok(&out));
    enum demur_err err =
        demur_evidence_check(&report, buf_span(&out), f->liar->w->fingerprint, &diag);
    if (err != DEMUR_ERR_VERIFY || !strstr(diag.text, words))
        test_failed(__FILE__, line, "%s: %s", demur_err_name(err), err ? diag.text : report.proves);
}
#define NOT_FOOLED(f, kind, parts, words)                                                          \
    not_fooled(f, kind, parts, DEMUR_COUNT(parts), words, __LINE__)

static struct span proof(struct forgery *f, bool prefix, uint64_t of)
{
    f->proof_text = buf_over(f->proof, sizeof f->proof);
    CHECK(prefix ? history_prefix(&f->log, of, &f->proof_text)
                 : history_leaf(&f->log, of, &f->proof_text));
    return buf_span(&f->proof_text);
}

static struct span checkpoint_of(struct liar *liar, size_t size, const uint8_t secret[64])
{
    static uint8_t kept[4][DEMUR_CHECKPOINT_MAX];
    static size_t next;
    uint8_t *p = kept[next++ % 4];
    liar_sign(liar, size, secret);
    memcpy(p, liar->checkpoint, liar->checkpoint_len);
    return span_of(p, liar->checkpoint_len);
}

/* Whoever wants to blame an honest server has its true heads, receipts and entries. */
TEST(evidence_does_not_blame_the_honest)
{
    struct town *w = liar_found();
    struct liar *liar = w ? liar_of_town(w) : NULL;
    REQUIRE(liar);
    struct forgery *f = calloc(1, sizeof *f);
    REQUIRE(f);
    f->liar = liar;
    size_t n = liar->len;
    struct span now = checkpoint_of(liar, n, w->log.secret), keys = keys_of(f, n),
                before = checkpoint_of(liar, n - 3, w->log.secret);
    struct evidence_part fork[] = {{EVIDENCE_CHECKPOINT_BEFORE, before},
                                   {EVIDENCE_CHECKPOINT_NOW, now},
                                   {EVIDENCE_KEYS, keys},
                                   {EVIDENCE_PREFIX, proof(f, true, n - 3)}};
    NOT_FOOLED(f, "fork", fork, "agree, as those of an honest log do");
    fork[3].bytes = proof(f, true, n - 4);
    NOT_FOOLED(f, "fork", fork, "does not lead to the larger checkpoint");
    fork[3].bytes = span_lit("rubbish\n");
    NOT_FOOLED(f, "fork", fork, "not in its form");
    not_fooled(f, "fork", fork, 3, "does not hold the proof", __LINE__);
    fork[0].bytes = now;
    not_fooled(f, "fork", fork, 3, "agree, as those of an honest log do", __LINE__);
    /* A head of one's own making. */
    struct town_key thief;
    town_key_make(w, &thief);
    liar_spoil(liar, 3);
    fork[0].bytes = checkpoint_of(liar, n - 3, thief.secret);
    liar_spoil(liar, 3);
    fork[3].bytes = proof(f, true, n - 3);
    NOT_FOOLED(f, "fork", fork, "not signed by the channel's log");

    /* A true receipt, and where its entry stands. */
    liar_sign(liar, n - 2, w->log.secret);
    struct demur_bytes receipt = liar_receipt(liar, 5);
    struct evidence_part broken[] = {{EVIDENCE_CHECKPOINT_NOW, now},
                                     {EVIDENCE_RECEIPT, demur_bytes_span(&receipt)},
                                     {EVIDENCE_KEYS, keys},
                                     {EVIDENCE_LEAF, proof(f, false, 5)}};
    NOT_FOOLED(f, "broken-receipt", broken, "holds what the receipt is for");
    broken[3].bytes = proof(f, false, 6);
    NOT_FOOLED(f, "broken-receipt", broken, "does not lead to the checkpoint");
    broken[3] = (struct evidence_part){EVIDENCE_PREFIX, proof(f, true, n - 2)};
    NOT_FOOLED(f, "broken-receipt", broken, "agree, as those of an honest log do");
    demur_bytes_free(&receipt);

    /* An entry that the rules take; and one that they refuse since an earlier is left out,
     * altered, or its policy is not shown. */
    static uint8_t bytes[1 << 18];
    struct buf log = buf_over(bytes, sizeof bytes);
    struct evidence_part refused[8] = {{EVIDENCE_CHECKPOINT_NOW, now}, {EVIDENCE_KEYS, keys}};
    size_t parts = 4;
    for (size_t i = 0; i < n - 1; i++) {
        demur_bundle_put(&log, demur_bytes_span(&liar->entries[i]));
        if (w->entries[i].text.p && parts < DEMUR_COUNT(refused))
            refused[parts++] = (struct evidence_part){EVIDENCE_TEXT, w->entries[i].text};
    }
    refused[2] = (struct evidence_part){EVIDENCE_LOG, buf_span(&log)};
    refused[3] = (struct evidence_part){EVIDENCE_PREFIX, proof(f, true, n - 1)};
    not_fooled(f, "refused-entry", refused, parts, "accept the entry", __LINE__);
    not_fooled(f, "refused-entry", refused, 4, "does not hold all policies", __LINE__);
    log.len = 0;
    for (size_t i = 0; i < n; i++)
        if (i != n - 2) /* the invitation with which the last member joined */
            demur_bundle_put(&log, demur_bytes_span(&liar->entries[i]));
    refused[2].bytes = buf_span(&log);
    refused[3].bytes = proof(f, true, n - 1);
    not_fooled(f, "refused-entry", refused, parts, "not the one that the checkpoint is of",
               __LINE__);
    history_free(&f->log);
    free(f);
    liar_end(liar);
}

/* A file of some other kind or form is no evidence, and says so. */
TEST(evidence_is_read_strictly)
{
    struct town *w = liar_found();
    struct liar *liar = w ? liar_of_town(w) : NULL;
    REQUIRE(liar);
    struct demur_evidence_report report;
    struct demur_diag diag;
    static const struct {
        const char *text;
        enum demur_err err;
    } files[] = {
        {"", DEMUR_ERR_SYNTAX},
        {"demur evidence v2\n", DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\n", DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-1-01T00:00:00Z\nkind fork\nrules 4\ntext x\n",
         DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind Fork\nrules 4\ntext x\n",
         DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules 4\ntext x\x1b[2J\n",
         DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules 4\ntext x\n",
         DEMUR_ERR_VERIFY},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules 4\ntext x\n\n== gold, 1 "
         "bytes\nx",
         DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules 4\ntext x\n\n== keys, 2 "
         "bytes\nx",
         DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules 4\ntext x\n\n== keys, 01 "
         "bytes\nx",
         DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules 4\ntext x\n\n== keys, 1 "
         "bytes\nxy",
         DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules 4\ntext x\n\n== keys, 1 "
         "bytes\nx",
         DEMUR_ERR_VERIFY},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\ntext x\n", DEMUR_ERR_VERIFY},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules\ntext x\n",
         DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules 0\ntext x\n",
         DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules 04\ntext x\n",
         DEMUR_ERR_SYNTAX},
        {"demur evidence v1\ntime 2026-01-01T00:00:00Z\nkind fork\nrules 4294967296\ntext x\n",
         DEMUR_ERR_SYNTAX},
    };
    for (size_t i = 0; i < DEMUR_COUNT(files); i++) {
        enum demur_err err =
            demur_evidence_check(&report, span_str(files[i].text), w->fingerprint, &diag);
        if (err != files[i].err)
            test_failed(__FILE__, __LINE__, "file %zu: %s", i, demur_err_name(err));
    }
    liar_end(liar);
}

/* What other rules refuse, these may take: it proves nothing, and neither does it to the
 * client that kept it. What rests on signatures alone is left to them. */
TEST(evidence_under_other_rules)
{
    static const struct {
        const char *kind;
        uint32_t rules;
        enum demur_err err;
        const char *words;
    } cases[] = {
        {"refused-entry", DEMUR_FOLD_VERSION, DEMUR_ERR_VERIFY, "does not hold the log"},
        {"refused-entry", DEMUR_FOLD_VERSION - 1, DEMUR_ERR_VERIFY, "found under version"},
        {"refused-entry", DEMUR_FOLD_VERSION + 1, DEMUR_ERR_UPGRADE, "upgrade before you judge it"},
        {"fork", DEMUR_FOLD_VERSION + 1, DEMUR_ERR_VERIFY, "does not hold the checkpoints"},
        {"broken-receipt", 1, DEMUR_ERR_VERIFY, "does not hold the checkpoints"},
        /* Of before files said what they were judged by. */
        {"refused-entry", 0, DEMUR_ERR_VERIFY, "does not say under which version"},
        {"fork", 0, DEMUR_ERR_VERIFY, "does not hold the checkpoints"},
        {"broken-receipt", 0, DEMUR_ERR_VERIFY, "does not hold the checkpoints"},
    };
    static const uint8_t fingerprint[32] = {1};
    for (size_t i = 0; i < DEMUR_COUNT(cases); i++) {
        uint8_t bytes[512];
        struct buf out = buf_over(bytes, sizeof bytes);
        struct demur_finding f = {.rules = cases[i].rules, .text = "the operator is a thief"};
        struct demur_evidence_report report;
        struct demur_diag diag = {0};
        snprintf(f.kind, sizeof f.kind, "%s", cases[i].kind);
        evidence_put(&out, &f, NULL, 0);
        enum demur_err err = demur_evidence_check(&report, buf_span(&out), fingerprint, &diag);
        if (err != cases[i].err || !strstr(diag.text, cases[i].words))
            test_failed(__FILE__, __LINE__, "case %zu: %s: %s", i, demur_err_name(err), diag.text);
        CHECK(evidence_judged_here(&f) == (cases[i].rules == DEMUR_FOLD_VERSION ||
                                           strcmp(cases[i].kind, "refused-entry") != 0));
    }
}

/* The log's key is changed, and what was before the change is another history now. The
 * older head is signed with the old key, which a thief may have had: the judge says so. */
TEST(evidence_across_a_change_of_the_logs_key)
{
    struct town *w = liar_found();
    struct liar *liar = w ? liar_of_town(w) : NULL;
    REQUIRE(liar);
    struct demur_client *c = liar_open(liar, "seen");
    REQUIRE(c);
    CHECK_ERR(demur_client_sync(c, NULL), DEMUR_OK);
    struct town_key next;
    town_key_make(w, &next);
    town_begin_by(w, DEMUR_RECORD_ROTATE, &w->root);
    demur_put_bytes(&w->out, DEMUR_FIELD_LOG_KEY, span_of(next.public_key, 32));
    CHECK_ERR(town_sign_send(w, &w->root), DEMUR_OK);
    liar_catch_up(liar);
    liar_spoil(liar, liar->len - 2);
    liar_sign(liar, liar->len, next.secret);
    struct demur_diag diag = {0};
    struct demur_finding finding = {0};
    CHECK_ERR(demur_client_sync(c, &diag), DEMUR_ERR_VERIFY);
    CHECK(strstr(diag.text, "is another one now than it was before"));
    REQUIRE(demur_client_finding(c, 0, &finding));
    demur_client_close(c);
    struct demur_bytes file = {0};
    struct demur_evidence_report report = {0};
    REQUIRE(!demur_path_read(finding.path, DEMUR_EVIDENCE_MAX, &file, &diag));
    CHECK_ERR(demur_evidence_check(&report, demur_bytes_span(&file), w->fingerprint, &diag),
              DEMUR_OK);
    CHECK(report.replaced && strstr(report.proves, "two different histories"));
    demur_bytes_free(&file);
    liar_end(liar);
}

/* Ten thousand refused entries are ten thousand findings, and one proof. */
TEST(evidence_of_one_kind_is_whole_once)
{
    struct town *w = liar_found();
    struct liar *liar = w ? liar_of_town(w) : NULL;
    REQUIRE(liar);
    for (int i = 0; i < 3; i++)
        liar_add(liar, w->now, span_lit("rubbish\n"));
    liar_sign(liar, liar->len, w->log.secret);
    struct demur_client *c = liar_open(liar, "seen");
    REQUIRE(c);
    CHECK_ERR(demur_client_sync(c, NULL), DEMUR_OK);
    CHECK(demur_client_findings(c) == 3);
    for (size_t i = 0; i < 3; i++) {
        struct demur_finding finding = {0};
        struct demur_bytes file = {0};
        struct demur_evidence_report report;
        struct demur_diag diag = {0};
        REQUIRE(demur_client_finding(c, i, &finding));
        REQUIRE(!demur_path_read(finding.path, DEMUR_EVIDENCE_MAX, &file, &diag));
        CHECK_ERR(demur_evidence_check(&report, demur_bytes_span(&file), w->fingerprint, &diag),
                  i ? DEMUR_ERR_VERIFY : DEMUR_OK);
        CHECK(!i || strstr(diag.text, "does not hold the log up to the entry"));
        demur_bytes_free(&file);
    }
    demur_client_close(c);
    liar_end(liar);
}
