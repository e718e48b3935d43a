/* demur evidence: judge an evidence file, offline, trusting nobody. */
#include <stdio.h>

#include "commands.h"

static void print_json(const struct demur_evidence_report *r)
{
    uint8_t text[CLI_JSON_MAX];
    struct buf b = buf_over(text, sizeof text);
    struct demur_json j = demur_json_over(&b);
    demur_json_open(&j, NULL, '{');
    demur_json_bool(&j, "proves", true);
    demur_json_text(&j, "origin", span_str(r->origin));
    demur_json_text(&j, "kind", span_str(r->kind));
    demur_json_text(&j, "what", span_str(r->proves));
    demur_json_bool(&j, "replaced_key", r->replaced);
    demur_json_text(&j, "said", span_str(r->said));
    demur_json_time(&j, "said_at", r->time_s);
    demur_json_number(&j, "rules", r->rules);
    demur_json_close(&j, '}');
    buf_put_byte(&b, '\n');
    cli_json(&b);
}

static void print_report(const struct demur_evidence_report *r)
{
    cli_say(stdout, 0,
            "This proves that the operator of the channel \"%s\" broke its rules: %s. It rests on "
            "signatures of the log's own key and on nothing that the maker of this file says.",
            r->origin, r->proves);
    if (r->replaced)
        cli_say(stdout, 0,
                "One of the signatures is by a log key that was replaced later. If that key was "
                "stolen, whoever has it could have made this too: ask the operator when and why it "
                "was replaced.");
}

static int run(struct cli *cli)
{
    struct demur_evidence_report report;
    struct demur_bytes text = {0};
    uint8_t fingerprint[32];
    if (cli->args_len != 1)
        return cli_usage(cli, "evidence takes one file");
    enum demur_err err = cli_fingerprint(cli, fingerprint, "against whose operator is it?");
    if (!err)
        err = demur_path_read(cli->args[0], DEMUR_EVIDENCE_MAX, &text, &cli->diag);
    if (err)
        return cli_fail(cli, err);
    err = demur_evidence_check(&report, demur_bytes_span(&text), fingerprint, &cli->diag);
    demur_bytes_free(&text);
    if (err) {
        int code = cli_fail(cli, err);
        return code == CLI_UNREACHABLE || code == CLI_UPGRADE ? code : CLI_UNVERIFIED;
    }
    if (cli->json)
        print_json(&report);
    else
        print_report(&report);
    return CLI_OK;
}

const struct cli_command command_evidence = {
    .name = "evidence",
    .usage = "FILE [--channel FINGERPRINT]",
    .summary = "Judge evidence against an operator offline, trusting nobody.",
    .details =
        "What a client holds against a channel's operator it keeps in copy/evidence of its\n"
        "home. This tells anyone who knows the channel's fingerprint whether such a file\n"
        "proves that the operator broke the rules, whoever made it: it believes the log's\n"
        "signatures and hashes only. Nothing is asked of any server. The exit code is 3 when\n"
        "the file proves nothing. An entry that another version of demur found to be against\n"
        "the rules proves nothing under this version's: then it says so.\n\n"
        "Example:\n\n    demur evidence refused-entry-17.txt --channel 5f0c...",
    .run = run,
};
