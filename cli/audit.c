/* demur audit: verify a whole channel from nothing but its fingerprint. */
#define _GNU_SOURCE /* basename */
#include <stdio.h>
#include <stdlib.h>

#include "../core/encode.h"
#include "../core/table.h"
#include "commands.h"

#define RECEIPT_MAX (16u << 20)

/* The receipts that the log is held to: those that were named, then the home's own. */
struct receipts {
    struct receipt_file {
        char *path;
        struct demur_bytes text;
    } * files;
    size_t len, cap, named;
    struct demur_diag *diag;
    enum demur_err err;
};

static bool add_receipt(void *ctx, const char *path)
{
    struct receipts *r = ctx;
    struct receipt_file f = {.path = strdup(path)};
    if (!f.path || !demur_grow(&r->files, &r->cap, r->len + 1, sizeof f) || !r->files) {
        r->err = demur_fail(r->diag, DEMUR_ERR_MEMORY, "out of memory");
        free(f.path);
        return false;
    }
    r->err = demur_path_read(path, RECEIPT_MAX, &f.text, r->diag);
    if (r->err)
        free(f.path);
    else
        r->files[r->len++] = f;
    return !r->err;
}

static enum demur_err collect_receipts(struct cli *cli, const char *copy, struct receipts *r)
{
    const char *const *named;
    size_t n = cli_values(cli, "receipt", &named);
    *r = (struct receipts){.diag = &cli->diag};
    for (size_t i = 0; i < n && !r->err; i++)
        add_receipt(r, named[i]);
    r->named = r->len;
    enum demur_err err = r->err ? r->err : demur_receipts_kept(copy, add_receipt, r, &cli->diag);
    return err ? err : r->err;
}

static void free_receipts(struct receipts *r)
{
    for (size_t i = 0; i < r->len; i++) {
        free(r->files[i].path);
        demur_bytes_free(&r->files[i].text);
    }
    free(r->files);
}

/* The counts of a report, in the order in which they are told. */
struct count {
    const char *name, *text;
    uint64_t value;
};
#define COUNTS 17
static void counts_of(const struct demur_audit_report *r, struct count out[static COUNTS])
{
    const struct count all[COUNTS] = {
        {"entries", "entries, each in its proven place", r->entries},
        {"refused", "  of them refused by the rules, without effect", r->refused},
        {"members", "members invited", r->members},
        {"joined", "  of them joined", r->joined},
        {"revoked", "  of them revoked", r->revoked},
        {"dissents", "dissents", r->dissents},
        {"filed", "  of them filed", r->filed},
        {"final", "  of them ended", r->final},
        {"signatures", "signatures", r->signatures},
        {"rings", "dissents' rings, made anew from the roster", r->rings},
        {"clocks_running", "clocks running", r->clocks_running},
        {"clocks_overdue", "clocks overdue", r->clocks_overdue},
        {"clocks_met_late", "clocks met late", r->clocks_met_late},
        {"texts", "policy and calendar texts, checked by hash", r->blobs},
        {"expunged", "sealed texts destroyed under the retention rule", r->expunged},
        {"receipts", "receipts, given or kept in this home", r->receipts},
        {"receipts_good", "  of them in this log", r->receipts_good},
    };
    memcpy(out, all, sizeof all);
}

static const char *const verdicts[] = {
    [DEMUR_RECEIPT_UNCHECKED] = "unchecked",
    [DEMUR_RECEIPT_IN_LOG] = "in-log",
    [DEMUR_RECEIPT_NOT_IN_LOG] = "not-in-log",
    [DEMUR_RECEIPT_WORTHLESS] = "worthless",
};

static void put_verdicts(struct demur_json *j, const struct demur_audit_report *r,
                         const struct receipts *given)
{
    demur_json_open(j, "verdicts", '[');
    for (size_t i = 0; i < r->verdicts_len; i++) {
        const struct demur_audit_receipt *v = &r->verdicts[i];
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "file", span_str(given->files[i].path));
        demur_json_text(j, "verdict", span_str(verdicts[v->verdict]));
        demur_json_number(j, "entry", v->index);
        demur_json_time(j, "at", v->at);
        demur_json_text(j, "dissent", span_str(v->dissent));
        demur_json_bool(j, "replaced_key", v->replaced);
        demur_json_text(j, "why", span_str(v->why));
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
}

static void put_expunges(struct demur_json *j, const struct demur_audit_report *r)
{
    demur_json_open(j, "expunges", '[');
    for (size_t i = 0; i < r->expunges_len; i++) {
        const struct demur_audit_expunged *x = &r->expunges[i];
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "dissent", span_str(x->dissent));
        demur_json_text(j, "role", span_str(x->role));
        demur_json_number(j, "entry", x->index);
        demur_json_time(j, "at", x->at);
        demur_json_number(j, "blobs", x->blobs);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
}

static void put_findings(struct demur_json *j, const struct demur_audit_report *r)
{
    demur_json_open(j, "findings", '[');
    for (size_t i = 0; i < r->findings_len; i++) {
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "kind", span_str(r->findings[i].kind));
        demur_json_text(j, "text", span_str(r->findings[i].text));
        demur_json_time(j, "at", r->findings[i].time_s);
        demur_json_text(j, "evidence", span_str(r->findings[i].path));
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
}

static enum demur_err print_json(struct cli *cli, const struct demur_audit_report *r,
                                 const struct receipts *given)
{
    struct count counts[COUNTS];
    size_t cap = 8192 + r->findings_len * 6 * sizeof *r->findings +
                 r->expunges_len * (200 + 6 * sizeof *r->expunges);
    for (size_t i = 0; i < r->verdicts_len; i++)
        cap += 6 * (strlen(given->files[i].path) + sizeof *r->verdicts);
    uint8_t *p = malloc(cap);
    if (!p)
        return demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "out of memory");
    struct buf b = buf_over(p, cap);
    struct demur_json j = demur_json_over(&b);
    demur_json_open(&j, NULL, '{');
    demur_json_text(&j, "origin", span_str(r->origin));
    counts_of(r, counts);
    for (size_t i = 0; i < COUNTS; i++)
        demur_json_number(&j, counts[i].name, counts[i].value);
    demur_json_number(&j, "days_without_tick", r->days_missing);
    demur_json_time(&j, "first_at", r->first_at);
    demur_json_time(&j, "last_at", r->last_at);
    demur_json_hex(&j, "root", r->root, 32);
    demur_json_text(&j, "state", span_str(r->state));
    put_expunges(&j, r);
    put_verdicts(&j, r, given);
    put_findings(&j, r);
    demur_json_close(&j, '}');
    buf_put_byte(&b, '\n');
    cli_json(&b);
    free(p);
    return DEMUR_OK;
}

static void print_counts(const struct demur_audit_report *r)
{
    struct count counts[COUNTS];
    uint8_t hex[65] = {0};
    struct buf b = buf_over(hex, 64);
    printf("Channel \"%s\"\nfrom %s to %s\n\n", r->origin, cli_time(r->first_at),
           cli_time(r->last_at));
    counts_of(r, counts);
    for (size_t i = 0; i < COUNTS; i++)
        if ((r->receipts || strncmp(counts[i].name, "receipts", 8) != 0) &&
            (r->expunged || strcmp(counts[i].name, "expunged") != 0))
            printf("  %-46s %10llu\n", counts[i].text, (unsigned long long)counts[i].value);
    if (r->days_missing)
        printf("  %-46s %10llu\n", "days without the server's sign of life",
               (unsigned long long)r->days_missing);
    demur_hex_encode(&b, span_of(r->root, 32));
    printf("\nroot   %s\nstate  %s\nTwo honest auditors of the same log get the same state.\n",
           (const char *)hex, r->state);
}

static void print_expunges(const struct demur_audit_report *r)
{
    if (r->expunges_len)
        puts("\nDestroyed when the policy's time of retention was over, as the log tells:");
    for (size_t i = 0; i < r->expunges_len; i++) {
        const struct demur_audit_expunged *x = &r->expunges[i];
        cli_say(stdout, 4, "  dissent %s: %llu sealed text%s, by %s on %s, entry %llu", x->dissent,
                (unsigned long long)x->blobs, x->blobs == 1 ? "" : "s", x->role, cli_time(x->at),
                (unsigned long long)x->index);
    }
}

/* Of the receipts that nobody named, only those that do not hold. */
static void print_verdicts(const struct demur_audit_report *r, const struct receipts *given)
{
    bool first = true;
    for (size_t i = 0; i < r->verdicts_len; i++) {
        const struct demur_audit_receipt *v = &r->verdicts[i];
        unsigned long long entry = v->index;
        const char *file = given->files[i].path;
        if (i >= given->named && v->verdict == DEMUR_RECEIPT_IN_LOG)
            continue;
        if (first)
            puts("\nReceipts:");
        first = false;
        if (v->verdict == DEMUR_RECEIPT_IN_LOG)
            cli_say(stdout, 4, "  %s: entry %llu of %s, and in this log", file, entry,
                    cli_time(v->at));
        else if (v->verdict == DEMUR_RECEIPT_NOT_IN_LOG)
            cli_say(stdout, 4, "  %s: entry %llu of %s, which is not in this log%s", file, entry,
                    cli_time(v->at),
                    v->replaced ? "; it may be forged, with a log key that was replaced later"
                                : "");
        else if (v->verdict == DEMUR_RECEIPT_WORTHLESS)
            cli_say(stdout, 4, "  %s: proves nothing: %s", file, v->why);
        else
            cli_say(stdout, 4, "  %s: not checked, for there is no log to believe", file);
    }
}

static void print_report(const struct demur_audit_report *r, const struct receipts *given)
{
    if (r->entries)
        print_counts(r);
    else
        printf("The log could not be believed at all.\n");
    print_expunges(r);
    print_verdicts(r, given);
    printf(r->findings_len ? "\n%zu finding%s:\n" : "\nNothing was found amiss.\n", r->findings_len,
           r->findings_len == 1 ? "" : "s");
    for (size_t i = 0; i < r->findings_len; i++)
        cli_finding(stdout, &r->findings[i]);
}

static enum demur_err audit(struct cli *cli, const char *copy, const struct receipts *r,
                            struct demur_audit_report *report)
{
    char data[4200];
    struct demur_client_options options = {.url = cli->profile.url,
                                           .token = cli->profile.token,
                                           .proxy = cli->proxy,
                                           .ca_file = cli->ca_file,
                                           .progress = cli_progress,
                                           .ctx = cli};
    struct demur_audit_given *given = calloc(r->len + 1, sizeof *given);
    if (!given)
        return demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < r->len; i++)
        given[i] = (struct demur_audit_given){basename(r->files[i].path),
                                              demur_bytes_span(&r->files[i].text)};
    memcpy(options.channel, cli->profile.channel, 32);
    snprintf(data, sizeof data, "%s", cli_path(cli, "audit"));
    options.data = data;
    enum demur_err err = demur_path_folder(data, &cli->diag);
    if (!err)
        err = demur_audit(report, &options, copy, given, r->len, &cli->diag);
    free(given);
    return err;
}

/* What came of it, and the exit code. */
static int tell(struct cli *cli, enum demur_err err, const struct demur_audit_report *report,
                const struct receipts *given)
{
    bool believed = report->entries && (!err || (err == DEMUR_ERR_VERIFY && report->findings_len));
    if (believed && report->skewed[0])
        cli_note(cli,
                 "warning: this machine's clock is %s the server's, so what is overdue or missing "
                 "here may be wrong: set the clock or, if it is right, tell the operator.",
                 report->skewed);
    if (!cli->json && (believed || report->findings_len))
        print_report(report, given);
    if (!believed)
        return cli_fail(cli, err);
    enum demur_err printed = cli->json ? print_json(cli, report, given) : DEMUR_OK;
    if (printed)
        return cli_fail(cli, printed);
    return err ? CLI_UNVERIFIED : CLI_OK;
}

static int run(struct cli *cli)
{
    struct demur_audit_report report = {0};
    struct receipts receipts = {0};
    char copy[4200];
    if (cli->args_len)
        return cli_usage(cli,
                         "audit takes options only: --channel before the fingerprint, --receipt "
                         "before each receipt");
    snprintf(copy, sizeof copy, "%s", cli_path(cli, "copy"));
    enum demur_err err = cli_profile_load(cli);
    if (!err)
        err = collect_receipts(cli, copy, &receipts);
    if (!err)
        err = audit(cli, copy, &receipts, &report);
    int code = tell(cli, err, &report, &receipts);
    demur_audit_report_free(&report);
    free_receipts(&receipts);
    return code;
}

const struct cli_command command_audit = {
    .name = "audit",
    .usage = "--channel FINGERPRINT --url URL [--token TOKEN] [--receipt FILE]...",
    .summary = "Verify the whole channel from nothing but its fingerprint.",
    .details = "Fetches everything afresh and checks it: every signature and ring proof, every\n"
               "entry's place in the tree, every act against the policy, every clock, and that\n"
               "each of the receipts given, and of those that this home keeps, is in this log. It\n"
               "tells what earlier commands found as well. The exit code is 3 with findings. A\n"
               "member needs no options: the profile says where the channel is.\n\n"
               "Example:\n\n    demur audit --channel 5f0c... --url https://dissent.example \\\n"
               "        --receipt 17.receipt",
    .options =
        (const struct cli_option[]){
            {"receipt", "FILE", "another receipt that must be in this log"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
