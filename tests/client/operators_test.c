/* Fifteen ways in which an operator lies, each through a server that shows it: what the
 * client says, what it keeps, and whether that convinces somebody who trusts nobody. */
#include "liar.h"

#include <sodium.h>
#include <unistd.h>

#include "../../client/internal.h"
#include "../../core/hash.h"

static enum demur_err let_in(struct town *w, const struct town_key *signer)
{
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, signer->secret);
    return town_keep(w, w->now, span_of(NULL, 0));
}

/* What a client that looks once more says, and holds against the operator. */
struct look {
    enum demur_err err;
    struct demur_diag diag;
    size_t findings;
    struct demur_finding last;
};

static struct look look(struct liar *liar, const char *name)
{
    struct look l = {0};
    struct demur_client *c = liar_open(liar, name);
    if (!c)
        return l;
    l.err = demur_client_sync(c, &l.diag);
    l.findings = demur_client_findings(c);
    if (l.findings)
        CHECK(demur_client_finding(c, l.findings - 1, &l.last));
    demur_client_close(c);
    return l;
}

static enum demur_err judge(const struct town *w, struct span file,
                            struct demur_evidence_report *report, struct demur_diag *diag)
{
    return demur_evidence_check(report, file, w->fingerprint, diag);
}

/* Whatever byte of it is altered that counts, it no longer proves the same. */
static void altered_proves_nothing(const struct town *w, struct demur_bytes *file)
{
    struct evidence *e = malloc(sizeof *e);
    struct demur_evidence_report report;
    struct demur_diag diag;
    REQUIRE(e && !evidence_parse(e, demur_bytes_span(file), &diag));
    for (size_t i = 0; i < e->parts_len; i++) {
        struct span part = e->parts[i].bytes;
        if (e->parts[i].name == EVIDENCE_ENTRY_BEFORE || e->parts[i].name == EVIDENCE_ENTRY_NOW)
            continue; /* for people to read */
        for (size_t k = 0; k < 8; k++) {
            uint8_t *byte = (uint8_t *)part.p + k * part.len / 8;
            *byte ^= 1;
            if (judge(w, demur_bytes_span(file), &report, &diag) == DEMUR_OK)
                test_failed(__FILE__, __LINE__, "byte %zu of part %zu may be anything", k, i);
            *byte ^= 1;
        }
    }
    uint8_t other[32] = {1};
    CHECK_ERR(demur_evidence_check(&report, demur_bytes_span(file), other, &diag),
              DEMUR_ERR_VERIFY);
    free(e);
}

/* The file convinces a third party of `words`; or, with "not" before them, of nothing. */
static void convinces(const struct town *w, const char *path, bool wanted, const char *words,
                      int line)
{
    struct demur_evidence_report report = {0};
    struct demur_bytes file = {0};
    struct demur_diag diag = {0};
    REQUIRE(!demur_path_read(path, DEMUR_EVIDENCE_MAX, &file, &diag));
    enum demur_err err = judge(w, demur_bytes_span(&file), &report, &diag);
    const char *said = err ? diag.text : report.proves;
    if ((err == DEMUR_OK) != wanted || !strstr(said, words))
        test_failed(__FILE__, line, "%s: %s", demur_err_name(err), said);
    if (!err && !report.replaced)
        altered_proves_nothing(w, &file);
    demur_bytes_free(&file);
}
#define CONVINCES(w, path, words) convinces(w, path, true, words, __LINE__)
#define CONVINCES_NOT(w, path, words) convinces(w, path, false, words, __LINE__)

/* One lie: the client says `says` (or, where it goes on, holds a finding that says it). */
static void lies(struct liar *liar, const char *name, enum demur_err err, const char *kind,
                 const char *says, int line)
{
    struct look l = look(liar, name);
    const char *said = l.err ? l.diag.text : l.findings ? l.last.text : "";
    if (l.err != err || !strstr(said, says) || (kind[0] != 0) != (l.findings != 0) ||
        (l.findings && strcmp(l.last.kind, kind) != 0))
        test_failed(__FILE__, line, "%s: %s; %zu findings, %s", demur_err_name(l.err), said,
                    l.findings, l.last.kind);
    if (l.findings && strcmp(kind, "dated-back") != 0)
        convinces(liar->w, l.last.path, true, "", line);
}
#define LIES(liar, name, err, kind, says) lies(liar, name, err, kind, says, __LINE__)

/* A channel, its liar, and a client "seen" that has seen the true log. */
static struct liar *honest_so_far(void)
{
    struct town *w = liar_found();
    struct liar *liar = w ? liar_of_town(w) : NULL;
    if (liar)
        LIES(liar, "seen", DEMUR_OK, "", "");
    return liar;
}

/* ---- two histories ---- */

TEST(operator_forks)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    liar_spoil(liar, liar->len - 1);
    liar_sign(liar, liar->len, liar->w->log.secret);
    LIES(liar, "seen", DEMUR_ERR_VERIFY, "fork", "two different histories of the same length");
    /* And goes on from there. */
    liar_add(liar, liar->w->now, span_lit("demur jubilee v1\nyear 2030\n"));
    liar_sign(liar, liar->len, liar->w->log.secret);
    LIES(liar, "seen", DEMUR_ERR_VERIFY, "fork", "is another one now than it was before");
    liar_end(liar);
}

/* Entries are taken out, and the log goes on without them. */
TEST(operator_truncates)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    for (int i = 0; i < 4; i++)
        demur_bytes_free(&liar->entries[--liar->len]);
    liar_add(liar, liar->w->now, span_lit("demur jubilee v1\nyear 2030\n"));
    liar_sign(liar, liar->len, liar->w->log.secret);
    LIES(liar, "seen", DEMUR_ERR_VERIFY, "fork", "two different histories");
    for (int i = 0; i < 12; i++)
        liar_add(liar, liar->w->now, span_lit("demur jubilee v1\nyear 2031\n"));
    liar_sign(liar, liar->len, liar->w->log.secret);
    LIES(liar, "seen", DEMUR_ERR_VERIFY, "fork", "is another one now than it was before");
    liar_end(liar);
}

/* A head that is true, over an entry that is not. Whoever is in between can do that. */
TEST(operator_alters_an_entry)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    CHECK_ERR(town_invite(liar->w, LIAR_MEMBERS, "team=blue"), DEMUR_OK);
    liar_catch_up(liar);
    liar_spoil(liar, liar->len - 1);
    LIES(liar, "seen", DEMUR_ERR_VERIFY, "", "at least one of them was altered, by the server");
    LIES(liar, "new", DEMUR_ERR_VERIFY, "", "at least one of them was altered, by the server");
    liar_end(liar);
}

TEST(operator_withholds_an_entry)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    CHECK_ERR(town_invite(liar->w, LIAR_MEMBERS, "team=blue"), DEMUR_OK);
    liar_catch_up(liar);
    liar->withheld = liar->len - 1;
    LIES(liar, "seen", DEMUR_ERR_VERIFY, "", "entries");
    LIES(liar, "new", DEMUR_ERR_VERIFY, "", "entries");
    /* From the log as well: then it is what the author's receipt says is there. */
    liar_end(liar);
}

TEST(operator_shows_a_stale_checkpoint)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    liar_sign(liar, liar->len - 3, liar->w->log.secret);
    LIES(liar, "seen", DEMUR_ERR_VERIFY, "", "shows an older log than was seen before");
    liar_end(liar);
}

/* ---- times ---- */

TEST(operator_dates_back)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    struct town *w = liar->w;
    uint64_t seen = w->now;
    w->now += 3600;
    LIES(liar, "seen", DEMUR_OK, "", "");
    w->now = seen - 600; /* when it was, they say, that it came */
    CHECK_ERR(town_invite(w, LIAR_MEMBERS, "team=blue"), DEMUR_OK);
    liar_catch_up(liar);
    w->now = seen + 7200;
    LIES(liar, "seen", DEMUR_OK, "dated-back", "it was dated back, or held back");
    struct look l = look(liar, "seen");
    CONVINCES_NOT(w, l.last.path, "the clock and the word of whoever made the file");
    liar_end(liar);
}

/* To before the last entry: the rules refuse that, and everybody sees it. */
TEST(operator_turns_the_log_back)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    struct town *w = liar->w;
    struct town_key invitation;
    town_key_make(w, &invitation);
    town_begin_by(w, DEMUR_RECORD_INVITE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("late"));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(invitation.public_key, 32));
    uint64_t now = w->now;
    w->now = LIAR_FOUNDED - 60;
    CHECK(let_in(w, &w->keeper) != DEMUR_OK);
    w->now = now;
    liar_catch_up(liar);
    LIES(liar, "new", DEMUR_OK, "refused-entry", "this entry is back-dated");
    liar_end(liar);
}

static void stands_still(struct live *l)
{
    struct demur_sent sent;
    struct demur_audit_report report;
    bool silent = false;
    l->skew_s = 3600; /* everybody's clock but the server's */
    CHECK_SAYS(demur_act_revoke(l->c, &l->office, l->member_id[5].handle, &sent, &l->diag),
               DEMUR_ERR_TIME, "ahead of the log's");
    l->skew_s = 5 * 86400;
    struct demur_client_options o = live_options(l, "auditing");
    CHECK_SAYS(demur_audit(&report, &o, NULL, NULL, 0, &l->diag), DEMUR_ERR_VERIFY, "sign of life");
    for (size_t i = 0; i < report.findings_len; i++)
        silent |= strcmp(report.findings[i].kind, "silence") == 0 && !report.findings[i].path[0];
    CHECK(silent && report.skewed[0]);
    demur_audit_report_free(&report);
}

TEST(operator_freezes_time) { live_run(stands_still); }

/* ---- what the rules refuse ---- */

/* An acknowledgement in the office's name, by somebody else's hand; and by somebody who
 * holds no office. */
TEST(operator_forges_an_officers_step)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    struct town *w = liar->w;
    struct town_case k;
    struct town_key thief;
    CHECK_ERR(town_file(w, 0, 0, "people-office", &k), DEMUR_OK);
    liar_catch_up(liar);
    LIES(liar, "seen", DEMUR_OK, "", "");
    town_key_make(w, &thief);
    for (int own = 0; own < 2; own++) {
        struct town_key *by = own ? &thief : &w->officers[0];
        town_begin_by(w, DEMUR_RECORD_STEP, by);
        demur_put_text(&w->out, DEMUR_FIELD_DISSENT, span_str(k.id));
        town_put_on(w, &k);
        demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("people-office"));
        demur_put_text(&w->out, DEMUR_FIELD_ACT, span_lit("acknowledge"));
        CHECK(let_in(w, &thief) != DEMUR_OK);
        liar_catch_up(liar);
        LIES(liar, own ? "own" : "seen", DEMUR_OK, "refused-entry",
             "which the rules of the channel refuse");
        if (!own) { /* a copy of its own, so that its first finding is this one */
            demur_bytes_free(&liar->entries[--liar->len]);
            w->entries_len--;
            free(w->entries[w->entries_len].bytes);
        }
    }
    liar_end(liar);
}

TEST(operator_replays_a_role)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    struct town *w = liar->w;
    CHECK_ERR(town_grant(w, 2, "board"), DEMUR_OK);
    struct span grant =
        span_of(w->entries[w->entries_len - 1].bytes, w->entries[w->entries_len - 1].len);
    CHECK_ERR(town_end_role(w, 2, "board"), DEMUR_OK);
    uint64_t at;
    struct span record;
    CHECK_ERR(demur_entry_parse(&at, &record, grant, NULL), DEMUR_OK);
    w->out = buf_over(w->record, sizeof w->record);
    buf_put_span(&w->out, record);
    CHECK_ERR(town_keep(w, w->now, span_of(NULL, 0)), DEMUR_ERR_REPLAY);
    liar_catch_up(liar);
    LIES(liar, "seen", DEMUR_OK, "refused-entry", "which the rules of the channel refuse");
    CHECK(!demur_channel_holds(w->c, w->officers[2].public_key, span_lit("board"), w->now));
    liar_end(liar);
}

TEST(operator_invents_a_member)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    struct town *w = liar->w;
    struct town_key invitation;
    town_key_make(w, &invitation);
    town_begin_by(w, DEMUR_RECORD_INVITE, &w->server); /* the keys that an operator has */
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_lit("nobody"));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(invitation.public_key, 32));
    CHECK(let_in(w, &w->server) != DEMUR_OK);
    liar_catch_up(liar);
    LIES(liar, "seen", DEMUR_OK, "refused-entry", "which the rules of the channel refuse");
    liar_end(liar);
}

/* A filing, good in everything else, whose ring leaves out members who are there. */
TEST(operator_takes_a_wrong_ring)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    struct town *w = liar->w;
    struct town_case k;
    struct demur_member_info m;
    REQUIRE(demur_channel_member(w->c, LIAR_MEMBERS - 2, &m));
    w->roster = m.joined_index + 1; /* all but the last who joined */
    w->hold = true;
    CHECK_ERR(town_file(w, 0, 0, "people-office", &k), DEMUR_OK);
    w->hold = false;
    w->roster = 0;
    CHECK_ERR(town_keep(w, w->now, span_of(NULL, 0)), DEMUR_ERR_STALE);
    liar_catch_up(liar);
    LIES(liar, "seen", DEMUR_OK, "refused-entry", "which the rules of the channel refuse");
    liar_end(liar);
}

/* Another policy than the root's: put into the log; and shown in the place of the true one. */
TEST(operator_puts_a_wrong_policy_into_force)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    struct town *w = liar->w;
    static char other[65536];
    struct span text = test_data("company.policy");
    size_t len = (size_t)snprintf(other, sizeof other, "%.*s# so there\n", SPAN_ARG(text));
    text = span_of(other, len);
    struct demur_blob_ref ref = {.size = text.len};
    demur_hash(ref.hash, text);
    town_begin_by(w, DEMUR_RECORD_POLICY, &w->server);
    demur_put_blob(&w->out, DEMUR_FIELD_TEXT, &ref);
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->server.secret);
    CHECK(town_keep(w, w->now, text) != DEMUR_OK);
    liar_catch_up(liar);
    LIES(liar, "seen", DEMUR_OK, "refused-entry", "which the rules of the channel refuse");
    liar_end(liar);
}

/* The same, with a text that is nowhere to be had: nobody waits for it. */
TEST(operator_withholds_the_text_of_a_wrong_policy)
{
    struct liar *liar = honest_so_far();
    REQUIRE(liar);
    struct town *w = liar->w;
    const struct demur_blob_ref ref = {.size = 1000};
    town_begin_by(w, DEMUR_RECORD_POLICY, &w->server);
    demur_put_blob(&w->out, DEMUR_FIELD_TEXT, &ref);
    CHECK(let_in(w, &w->server) != DEMUR_OK);
    CHECK_ERR(town_invite(w, LIAR_MEMBERS, "team=blue"), DEMUR_OK);
    liar_catch_up(liar);
    LIES(liar, "seen", DEMUR_OK, "refused-entry", "which the rules of the channel refuse");
    LIES(liar, "new", DEMUR_OK, "refused-entry", "which the rules of the channel refuse");
    liar_end(liar);
}

TEST(operator_shows_a_wrong_policy)
{
    struct town *w = liar_found();
    struct liar *liar = w ? liar_of_town(w) : NULL;
    REQUIRE(liar);
    liar->swaps = true;
    LIES(liar, "new", DEMUR_ERR_VERIFY, "", "is not what the log names");
    liar->swaps = false;
    LIES(liar, "new", DEMUR_OK, "", "");
    liar_end(liar);
}

/* ---- what is answered ---- */

static void swaps_a_memo(struct live *l)
{
    struct demur_actor author;
    struct demur_reading reading;
    struct liar *liar = live_file(l, 0, true, &author) ? liar_new(l) : NULL;
    REQUIRE(liar);
    liar->swaps = true;
    struct demur_client *c = liar_open(liar, "reader");
    REQUIRE(c);
    liar->swaps = false;
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    liar->swaps = true;
    CHECK_SAYS(demur_read_memo(c, &author, author.dissent, NULL, &reading, &l->diag),
               DEMUR_ERR_VERIFY, "is not what the log names");
    CHECK(demur_client_findings(c) == 0);
    liar->swaps = false;
    CHECK_SAYS(demur_read_memo(c, &author, author.dissent, NULL, &reading, &l->diag), DEMUR_OK, "");
    demur_reading_free(&reading);
    demur_client_close(c);
    liar_free(liar);
}

TEST(operator_swaps_a_blob) { live_run(swaps_a_memo); }

/* For a record it answers with the receipt of another, and drops it. */
static void answers_wrongly(struct live *l)
{
    struct demur_sent sent;
    struct liar *liar = liar_new(l);
    REQUIRE(liar);
    struct demur_bytes other = liar_receipt(liar, liar->len - 1);
    liar->promise = &other;
    struct demur_client *c = liar_open(liar, "promised");
    REQUIRE(c);
    CHECK_SAYS(demur_act_revoke(c, &l->office, l->member_id[5].handle, &sent, &l->diag),
               DEMUR_ERR_VERIFY, "receipt");
    CHECK(demur_client_findings(c) == 0 && !demur_client_promised(c));
    /* One that is nobody's. */
    for (size_t i = 0; i < other.len; i += 97) {
        other.p[i] ^= 1;
        CHECK_SAYS(demur_act_revoke(c, &l->office, l->member_id[5].handle, &sent, &l->diag),
                   DEMUR_ERR_VERIFY, "receipt");
        other.p[i] ^= 1;
    }
    liar->promise = NULL;
    CHECK_SAYS(demur_act_revoke(c, &l->office, l->member_id[5].handle, &sent, &l->diag), DEMUR_OK,
               "");
    demur_client_close(c);
    demur_bytes_free(&other);
    liar_free(liar);
}

TEST(operator_gives_a_wrong_receipt) { live_run(answers_wrongly); }

/* It gives a good receipt, and shows a log that holds another entry there: as many, more. */
static void breaks_its_word(struct live *l)
{
    struct town *w = l->f->w;
    struct demur_finding f;
    struct liar *liar = liar_new(l);
    REQUIRE(liar);
    CHECK_SAYS(demur_act_revoke(l->c, &l->office, l->member_id[5].handle, NULL, &l->diag), DEMUR_OK,
               "");
    demur_client_close(l->c);
    l->c = NULL;
    for (int more = 1; more <= 2; more++) {
        liar_add(liar, *l->f->clock_s, span_lit("demur jubilee v1\nyear 2030\n"));
        liar_sign(liar, liar->len, w->log.secret);
        struct demur_client *c = liar_open(liar, "all");
        REQUIRE(c);
        CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, "gave a receipt for entry");
        REQUIRE(demur_client_finding(c, 0, &f));
        CONVINCES(w, f.path, "gave a receipt for entry");
        CHECK(unlink(f.path) == 0);
        demur_client_close(c);
    }
    /* The entry is there, but not what was before it. */
    struct demur_bytes file = {0};
    struct demur_client *c = live_open(l, "all");
    REQUIRE(c);
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_client_entry(c, liar->len - 2, &file, &l->diag), DEMUR_OK, "");
    demur_client_close(c);
    demur_bytes_free(&liar->entries[liar->len - 2]);
    liar->entries[liar->len - 2] = file;
    liar_spoil(liar, 2);
    liar_sign(liar, liar->len, w->log.secret);
    char path[256];
    snprintf(path, sizeof path, "%s/all/checkpoint", l->home);
    CHECK(unlink(path) == 0);
    REQUIRE((c = liar_open(liar, "all")));
    CHECK_SAYS(demur_client_sync(c, &l->diag), DEMUR_ERR_VERIFY, "two different histories");
    REQUIRE(demur_client_finding(c, 0, &f));
    CONVINCES(w, f.path, "two different histories");
    demur_client_close(c);
    liar_free(liar);
}

TEST(operator_breaks_a_receipt) { live_run(breaks_its_word); }
