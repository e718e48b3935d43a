/* A dissent from filing to appeal between honest clients and a real server. */
#include "live.h"

static struct demur_bytes read_file(const char *path)
{
    struct demur_bytes b = {0};
    struct demur_diag diag;
    if (demur_path_read(path, 1 << 22, &b, &diag) != DEMUR_OK)
        test_failed(__FILE__, __LINE__, "%s", diag.text);
    return b;
}

static const struct demur_writing writing = {.body = {(const uint8_t *)"Thank you.\n", 11}};

/* The number of the dissent's last event. */
static size_t last_event(struct live *l, const char *id)
{
    struct demur_event e;
    size_t n = 0;
    while (demur_channel_event(demur_client_channel(l->c), span_str(id), n, &e))
        n++;
    return n - 1;
}

static void file_with_attachment(struct live *l, struct demur_actor *author, char *receipt)
{
    char path[256];
    struct demur_sent sent;
    struct demur_draft *draft = NULL;
    snprintf(path, sizeof path, "%s/plan of the bridge.pdf", l->home);
    REQUIRE(demur_path_write(path, span_lit("%PDF-1.4 not really"), &l->diag) == DEMUR_OK);
    const char *files[] = {path};
    struct demur_filing filing = live_filing(true);
    filing.files = files;
    filing.files_len = 1;
    CHECK_SAYS(demur_draft_make(&draft, l->c, &l->member[1], &filing, &l->diag), DEMUR_OK, "");
    REQUIRE(draft);
    size_t holders = 0;
    CHECK(demur_draft_ring(draft) == LIVE_MEMBERS);
    CHECK(strcmp(demur_draft_to(draft, 0, &holders, NULL), "people-office") == 0 && holders == 1);
    CHECK(!demur_draft_to(draft, 1, NULL, NULL));
    CHECK(demur_actor_from_phrase(author, span_str(demur_draft_phrase(draft)), l->f->w->fingerprint,
                                  &l->diag) == DEMUR_OK);
    CHECK(strcmp(author->dissent, demur_draft_dissent(draft)) == 0);
    CHECK_SAYS(demur_draft_send(draft, &sent, &l->diag), DEMUR_OK, "");
    snprintf(receipt, 512, "%s", sent.receipt);
    demur_draft_free(draft);
}

static void check_receipt(struct live *l, const char *path, const char *dissent)
{
    struct demur_receipt_report report;
    struct demur_bytes text = read_file(path);
    CHECK_SAYS(
        demur_receipt_check(&report, demur_bytes_span(&text), l->f->w->fingerprint, &l->diag),
        DEMUR_OK, "");
    CHECK(report.type == DEMUR_RECORD_FILE && report.has_commitment && report.revision == 1);
    CHECK(strcmp(report.dissent, dissent) == 0);
    CHECK(report.at == demur_client_now(l->c) && report.size > report.index);
    demur_receipt_report_free(&report);
    uint8_t other[32] = {1};
    CHECK_SAYS(demur_receipt_check(&report, demur_bytes_span(&text), other, &l->diag),
               DEMUR_ERR_VERIFY, "another channel");
    for (size_t i = 0; i < text.len; i += 97) { /* every byte of it counts */
        text.p[i] ^= 1;
        if (demur_receipt_check(&report, demur_bytes_span(&text), l->f->w->fingerprint, &l->diag) ==
            DEMUR_OK) {
            test_failed(__FILE__, __LINE__, "accepted with byte %zu changed", i);
            demur_receipt_report_free(&report);
        }
        text.p[i] ^= 1;
    }
    demur_bytes_free(&text);
}

static void office_reads(struct live *l, const char *id)
{
    struct demur_reading memo;
    struct demur_bytes file = {0};
    CHECK_SAYS(demur_read_memo(l->c, &l->board, id, NULL, &memo, &l->diag), DEMUR_ERR_FORBIDDEN,
               "no role to which this dissent was sent");
    CHECK_SAYS(demur_read_memo(l->c, &l->office, id, "board", &memo, &l->diag), DEMUR_ERR_FORBIDDEN,
               "board");
    CHECK(!demur_channel_has_opened(demur_client_channel(l->c), span_str(id),
                                    l->office.keys.public_key));
    CHECK_SAYS(demur_read_memo(l->c, &l->office, id, NULL, &memo, &l->diag), DEMUR_OK, "");
    CHECK(demur_channel_has_opened(demur_client_channel(l->c), span_str(id),
                                   l->office.keys.public_key));
    CHECK_SPAN(memo.letter.title, span_lit("The bridge"));
    CHECK_SPAN(memo.letter.body,
               span_lit("# Position\n\nIt will not hold.\n\n# Reasons\n\nRust.\n"));
    CHECK(memo.card == DEMUR_CARD_NAMED && strcmp(memo.name, "Member 1") == 0);
    CHECK(strcmp(memo.handle, l->member_id[1].handle) == 0);
    REQUIRE(memo.letter.files_len == 1);
    CHECK_SPAN(memo.letter.files[0].name, span_lit("plan of the bridge.pdf"));
    CHECK_SAYS(demur_read_attachment(l->c, &l->office, &memo, 0, &file, &l->diag), DEMUR_OK, "");
    CHECK_SPAN(demur_bytes_span(&file), span_lit("%PDF-1.4 not really"));
    demur_bytes_free(&file);
    CHECK_ERR(demur_read_attachment(l->c, &l->office, &memo, 1, &file, &l->diag),
              DEMUR_ERR_UNKNOWN);
    demur_reading_free(&memo);
}

static void thread_is_read(struct live *l, struct demur_actor *author)
{
    const char *id = author->dissent;
    struct demur_reading read;
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
    size_t last = last_event(l, id);
    for (size_t back = 0; back < 3; back++) {
        struct demur_actor *reader = back == 1 ? &l->office : author;
        enum demur_err err = demur_read_event(l->c, reader, id, last - back, &read, &l->diag);
        CHECK_SAYS(err, DEMUR_OK, "");
        if (err)
            continue;
        CHECK_SPAN(read.letter.body, writing.body);
        CHECK_SPAN(read.letter.from, span_str(back == 1 ? "" : "people-office"));
        CHECK_SPAN(read.letter.act, span_str(back == 0 ? "reply" : ""));
        demur_reading_free(&read);
    }
    CHECK_SAYS(demur_read_event(l->c, &l->board, id, last, &read, &l->diag), DEMUR_ERR_KEY,
               "was not sealed to you");
    CHECK_SAYS(demur_read_event(l->c, author, id, 0, &read, &l->diag), DEMUR_ERR_UNKNOWN, "");
}

static void office_answers(struct live *l, struct demur_actor *author)
{
    const char *id = author->dissent;
    struct demur_step step = {.dissent = id, .act = "decide"};
    CHECK_SAYS(demur_act_step(l->c, &l->office, &step, NULL, &l->diag), DEMUR_ERR_FORBIDDEN,
               "\"decide\" is done by board, and your key holds no such role");
    step.role = "people-office";
    CHECK_SAYS(demur_act_step(l->c, &l->office, &step, NULL, &l->diag), DEMUR_ERR_FORBIDDEN,
               "\"decide\" is done by board, and not by people-office");
    step.role = "board";
    CHECK_SAYS(demur_act_step(l->c, &l->office, &step, NULL, &l->diag), DEMUR_ERR_FORBIDDEN,
               "your key does not hold the role \"board\"");
    CHECK_SAYS(
        demur_act_step(l->c, &l->board, &step, NULL, &l->diag), DEMUR_ERR_STAGE,
        "\"decide\" is done at the stage appealed, and the dissent is at the stage \"filed\"");
    step = (struct demur_step){.dissent = id, .act = "appeal"};
    CHECK_SAYS(demur_act_step(l->c, &l->office, &step, NULL, &l->diag), DEMUR_ERR_FORBIDDEN,
               "\"appeal\" is for the author");
    step.act = "applaud";
    CHECK_SAYS(demur_act_step(l->c, &l->office, &step, NULL, &l->diag), DEMUR_ERR_UNKNOWN,
               "the policy knows no act \"applaud\"");
    step.act = "acknowledge";
    CHECK_SAYS(demur_act_step(l->c, &l->member[0], &step, NULL, &l->diag), DEMUR_ERR_FORBIDDEN,
               "\"acknowledge\" is done by people-office, and your key holds no such role");
    CHECK_SAYS(demur_act_step(l->c, &l->office, &step, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_act_step(l->c, &l->office, &step, NULL, &l->diag), DEMUR_ERR_STAGE,
               "\"acknowledge\" was done already, by people-office at 20");
    CHECK_SAYS(demur_act_say(l->c, &l->office, id, NULL, &writing, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_act_say(l->c, author, NULL, NULL, &writing, NULL, &l->diag), DEMUR_OK, "");
    step.act = "reply";
    CHECK_SAYS(demur_act_step(l->c, &l->office, &step, NULL, &l->diag), DEMUR_ERR_MISSING, "");
    step.document = &writing;
    CHECK_SAYS(demur_act_step(l->c, &l->office, &step, NULL, &l->diag), DEMUR_OK, "");
}

/* After the appeal the board may be given what it could not read before. */
static void board_decides(struct live *l, struct demur_actor *author)
{
    const char *id = author->dissent;
    struct demur_dissent_info info;
    struct demur_reading memo;
    CHECK_SAYS(demur_act_withdraw(l->c, author, NULL, &l->diag), DEMUR_ERR_STAGE, "");
    CHECK_SAYS(demur_act_appeal(l->c, author, NULL, NULL, &l->diag), DEMUR_OK, "");
    REQUIRE(demur_channel_dissent_find(demur_client_channel(l->c), span_str(id),
                                       demur_client_view_time(l->c), &info));
    CHECK_SAYS(demur_read_memo(l->c, &l->board, id, NULL, &memo, &l->diag), DEMUR_ERR_KEY,
               "ask somebody who can read it to share it");
    CHECK_SAYS(demur_act_share(l->c, author, NULL, NULL, info.memo.hash,
                               l->member[0].keys.public_key, NULL, &l->diag),
               DEMUR_ERR_UNKNOWN, "nobody with this key");
    CHECK_SAYS(demur_act_share(l->c, &l->office, id, NULL, info.memo.hash, l->board.keys.public_key,
                               NULL, &l->diag),
               DEMUR_OK, "");
    enum demur_err err = demur_read_memo(l->c, &l->board, id, NULL, &memo, &l->diag);
    CHECK_SAYS(err, DEMUR_OK, "");
    REQUIRE(!err);
    CHECK_SPAN(memo.letter.title, span_lit("The bridge"));
    demur_reading_free(&memo);
    struct demur_step step = {.dissent = id, .act = "decide", .document = &writing};
    CHECK_SAYS(demur_act_step(l->c, &l->board, &step, NULL, &l->diag), DEMUR_OK, "");
    err = demur_read_memo(l->c, author, NULL, NULL, &memo, &l->diag);
    CHECK_SAYS(err, DEMUR_OK, "");
    REQUIRE(!err);
    CHECK(memo.card == DEMUR_CARD_NAMED);
    demur_reading_free(&memo);
}

static void audit(struct live *l, const char *receipt)
{
    struct demur_audit_report report;
    struct demur_client_options o = live_options(l, "auditor");
    struct demur_bytes text = read_file(receipt);
    struct demur_audit_given receipts[] = {{"mine", demur_bytes_span(&text)},
                                           {"other", span_lit("no receipt\n")}};
    CHECK_SAYS(demur_audit(&report, &o, NULL, receipts, 2, &l->diag), DEMUR_ERR_VERIFY,
               "the receipt other proves nothing");
    REQUIRE(report.verdicts_len == 2 && report.findings_len == 1);
    CHECK(report.verdicts[0].verdict == DEMUR_RECEIPT_IN_LOG && report.verdicts[0].index > 0);
    CHECK(report.verdicts[0].dissent[0] && !report.verdicts[0].why[0]);
    CHECK(report.verdicts[1].verdict == DEMUR_RECEIPT_WORTHLESS && report.verdicts[1].why[0]);
    CHECK(report.receipts == 2 && report.receipts_good == 1);
    demur_audit_report_free(&report);
    CHECK_SAYS(demur_audit(&report, &o, demur_client_data(l->c), receipts, 1, &l->diag), DEMUR_OK,
               "");
    CHECK(report.entries == demur_channel_size(demur_client_channel(l->c)) && report.refused == 0);
    CHECK(report.members == LIVE_MEMBERS && report.joined == LIVE_MEMBERS);
    CHECK(report.dissents == 1 && report.filed == 1 && report.final == 1 && report.signatures == 1);
    CHECK(report.receipts == 1 && report.receipts_good == 1 && report.rings == 1);
    CHECK(report.findings_len == 0 && report.days_missing == 0 && report.blobs == 2);
    demur_audit_report_free(&report);
    demur_bytes_free(&text);
}

static void dissent_from_filing_to_decision(struct live *l)
{
    struct demur_actor author = {0};
    char receipt[512] = "";
    live_wait(l, 3600);
    file_with_attachment(l, &author, receipt);
    check_receipt(l, receipt, author.dissent);
    live_wait(l, 3600);
    office_reads(l, author.dissent);
    office_answers(l, &author);
    thread_is_read(l, &author);
    board_decides(l, &author);
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
    CHECK(demur_client_findings(l->c) == 0);
    audit(l, receipt);
}

TEST(live_dissent_from_filing_to_decision) { live_run(dissent_from_filing_to_decision); }

static void anonymous_filing_and_slots(struct live *l)
{
    struct demur_actor author[2];
    struct demur_reading memo;
    struct demur_draft *draft = NULL;
    struct demur_filing filing = live_filing(false);
    bool both = live_file(l, 2, false, &author[0]) && live_file(l, 2, false, &author[1]);
    CHECK(both && strcmp(author[0].dissent, author[1].dissent) != 0);
    CHECK_SAYS(demur_draft_make(&draft, l->c, &l->member[2], &filing, &l->diag), DEMUR_ERR_LIMIT,
               "2 dissents this month");
    CHECK(live_file(l, 3, false, &author[1]));
    enum demur_err err =
        demur_read_memo(l->c, &l->office, author[0].dissent, NULL, &memo, &l->diag);
    CHECK_SAYS(err, DEMUR_OK, "");
    if (!err) {
        CHECK(memo.card == DEMUR_CARD_CLOSED && memo.name[0] == 0);
        demur_reading_free(&memo);
    }
    /* The next month gives new slots. */
    live_wait(l, 31 * 86400);
    CHECK(live_file(l, 2, false, &author[0]));
    CHECK(!demur_identity_tidy(&l->member_id[2], l->c)); /* not before the log says so */
    CHECK_SAYS(demur_client_sync(l->c, &l->diag), DEMUR_OK, "");
    CHECK(demur_identity_tidy(&l->member_id[2], l->c));
    CHECK(!demur_identity_tidy(&l->member_id[2], l->c));
    CHECK_SAYS(demur_act_withdraw(l->c, &author[0], NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(demur_act_withdraw(l->c, &author[0], NULL, &l->diag), DEMUR_ERR_STAGE, "");
}

TEST(live_anonymous_filing_and_slots) { live_run(anonymous_filing_and_slots); }

static void cannot(struct live *l, size_t member, const struct demur_filing *filing,
                   enum demur_err want, const char *words)
{
    struct demur_draft *draft = NULL;
    struct demur_actor *actor = member < LIVE_MEMBERS ? &l->member[member] : &l->office;
    CHECK_SAYS(demur_draft_make(&draft, l->c, actor, filing, &l->diag), want, words);
    CHECK(!draft);
}

static void what_cannot_be_filed(struct live *l)
{
    struct demur_filing filing = live_filing(true);
    char big[256];
    static uint8_t bytes[10 * 1048576 + 1];
    snprintf(big, sizeof big, "%s/big", l->home);
    CHECK_SAYS(demur_path_write(big, span_of(bytes, sizeof bytes), &l->diag), DEMUR_OK, "");
    const char *files[] = {big, big, big, big}, *nowhere[] = {"/nowhere/at-all"};
    const char *to[] = {"board"}, *unknown[] = {"pope"};
    filing.files = files;
    filing.files_len = 1;
    cannot(l, 0, &filing, DEMUR_ERR_LIMIT,
           "\"big\" has 10485761 bytes: the policy allows 10485760");
    filing.files_len = 4;
    cannot(l, 0, &filing, DEMUR_ERR_LIMIT, "4 attachments: the policy allows 3");
    filing.files = nowhere;
    filing.files_len = 1;
    cannot(l, 0, &filing, DEMUR_ERR_UNKNOWN, "there is no file /nowhere/at-all");
    filing = live_filing(true);
    filing.marking = span_lit("SECRET");
    cannot(l, 0, &filing, DEMUR_ERR_UNKNOWN, "marking");
    filing = live_filing(true);
    filing.body = span_lit(" \n\n");
    cannot(l, 0, &filing, DEMUR_ERR_MISSING, "no text");
    filing.body = span_lit("fine\nbad \x01\n");
    cannot(l, 0, &filing, DEMUR_ERR_SYNTAX, "line 2 of the text has a control character");
    filing = live_filing(true);
    filing.title = span_lit("");
    cannot(l, 0, &filing, DEMUR_ERR_MISSING, "no title");
    filing = live_filing(true);
    filing.also_to = unknown;
    filing.also_to_len = 1;
    cannot(l, 0, &filing, DEMUR_ERR_UNKNOWN, "pope");
    filing.also_to = to;
    cannot(l, 0, &filing, DEMUR_ERR_FORBIDDEN, "board");
    filing = live_filing(true);
    cannot(l, LIVE_MEMBERS, &filing, DEMUR_ERR_FORBIDDEN, "only a member");
    l->member_id[0].name[0] = 0;
    cannot(l, 0, &filing, DEMUR_ERR_MISSING, "name");
    struct span subset = span_lit("team=blue");
    filing.subsets = &subset;
    filing.subsets_len = 1;
    cannot(l, 1, &filing, DEMUR_ERR_FORBIDDEN, "");
    CHECK_SAYS(demur_act_revoke(l->c, &l->office, l->member_id[1].handle, NULL, &l->diag), DEMUR_OK,
               "");
    filing = live_filing(true);
    cannot(l, 1, &filing, DEMUR_ERR_FORBIDDEN, "removed");
}

TEST(live_what_cannot_be_filed) { live_run(what_cannot_be_filed); }
