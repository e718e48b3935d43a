/* demur receipt: check a receipt, offline. */
#include <stdio.h>

#include "../core/encode.h"
#include "../core/record.h"
#include "commands.h"

#define RECEIPT_MAX (16u << 20)

static void print_json(const struct demur_receipt_report *r)
{
    uint8_t text[CLI_JSON_MAX];
    struct buf b = buf_over(text, sizeof text);
    struct demur_json j = demur_json_over(&b);
    demur_json_open(&j, NULL, '{');
    demur_json_bool(&j, "holds", true);
    demur_json_text(&j, "origin", span_str(r->origin));
    demur_json_text(&j, "type", span_str(demur_record_type_name(r->type)));
    demur_json_text(&j, "dissent", span_str(r->dissent));
    demur_json_number(&j, "entry", r->index);
    demur_json_time(&j, "at", r->at);
    demur_json_hex(&j, "leaf", r->leaf, 32);
    demur_json_number(&j, "size", r->size);
    demur_json_hex(&j, "root", r->root, 32);
    if (r->has_commitment) {
        demur_json_number(&j, "revision", r->revision);
        demur_json_hex(&j, "commitment", r->commitment, 32);
    }
    demur_json_close(&j, '}');
    buf_put_byte(&b, '\n');
    cli_json(&b);
}

static void print_report(const struct demur_receipt_report *r)
{
    uint8_t hex[65] = {0};
    struct buf b = buf_over(hex, 64);
    cli_say(stdout, 0,
            "This receipt holds. The channel \"%s\" took a record of type \"%s\"%s%s into its log "
            "as entry %llu on %s. The log's operator signed for it: the log as it stood with %llu "
            "entries contains it, and it cannot be taken out, changed or dated back without "
            "contradicting that signature.",
            r->origin, demur_record_type_name(r->type), r->dissent[0] ? " of dissent " : "",
            r->dissent, (unsigned long long)r->index, cli_time(r->at), (unsigned long long)r->size);
    if (!r->has_commitment)
        return;
    demur_hex_encode(&b, span_of(r->commitment, 32));
    printf("It also fixes the memo's text, revision %u, without showing it. Commitment:\n%s\n",
           r->revision, (const char *)hex);
}

static int run(struct cli *cli)
{
    struct demur_receipt_report report = {0};
    struct demur_bytes text = {0};
    uint8_t fingerprint[32];
    if (cli->args_len != 2 || strcmp(cli->args[0], "verify") != 0)
        return cli_usage(cli, "what can be done with a receipt is `verify FILE`");
    enum demur_err err = cli_fingerprint(cli, fingerprint, "whose receipt is it?");
    if (!err)
        err = demur_path_read(cli->args[1], RECEIPT_MAX, &text, &cli->diag);
    if (err)
        return cli_fail(cli, err);
    err = demur_receipt_check(&report, demur_bytes_span(&text), fingerprint, &cli->diag);
    demur_bytes_free(&text);
    if (err) {
        int code = cli_fail(cli, err);
        return code == CLI_UNREACHABLE || code == CLI_UPGRADE ? code : CLI_UNVERIFIED;
    }
    if (cli->json)
        print_json(&report);
    else
        print_report(&report);
    demur_receipt_report_free(&report);
    return CLI_OK;
}

const struct cli_command command_receipt = {
    .name = "receipt",
    .usage = "verify FILE [--channel FINGERPRINT]",
    .summary = "Check a receipt offline, and say what it proves.",
    .details = "A receipt proves to anyone who knows the channel's fingerprint that a record is\n"
               "in the log, where, and since when. Nothing is asked of any server. The exit code\n"
               "is 3 when it does not hold.\n\n"
               "Example:\n\n    demur receipt verify 17.receipt --channel 5f0c...",
    .run = run,
};
