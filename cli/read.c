/* demur read: a memo, a document, a message, or the whole thread. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "case.h"
#include "commands.h"
#include "filing.h"

static const char *const kinds[] = {"memo", "document", "message"};
static const char *const cards[] = {
    [DEMUR_CARD_NONE] = "none",          [DEMUR_CARD_CLOSED] = "closed",
    [DEMUR_CARD_NAMED] = "named",        [DEMUR_CARD_WORTHLESS] = "worthless",
    [DEMUR_CARD_ABSENT] = "absent",      [DEMUR_CARD_OTHER] = "other",
    [DEMUR_CARD_UNREACHED] = "unreached"};

/* Who wrote it, as far as the reader can know. */
static void print_author(const struct demur_reading *r)
{
    if (r->letter.from.len)
        printf("From:        %.*s\n", SPAN_ARG(r->letter.from));
    else if (r->card == DEMUR_CARD_NAMED)
        printf("From:        %s (member %s; the name card holds)\n", r->name, r->handle);
    else if (r->card == DEMUR_CARD_WORTHLESS)
        printf("From:        the author; the name card is worthless: %s\n", r->card_text);
    else if (r->card_text[0])
        printf("From:        the author; the name card was not to be had: %s\n", r->card_text);
    else
        printf("From:        the author%s\n",
               r->letter.kind == DEMUR_LETTER_MEMO ? ", a member who is not named to you" : "");
}

static void print_letter(const struct demur_reading *r)
{
    const struct demur_letter *l = &r->letter;
    printf("Dissent:     %s\n", r->dissent);
    if (l->kind == DEMUR_LETTER_MEMO)
        printf("Memo:        revision %u\n", l->revision);
    if (l->act.len)
        printf("Act:         %.*s\n", SPAN_ARG(l->act));
    print_author(r);
    if (r->shared)
        printf("Copy:        as shared by %s%s\n", r->shared_by[0] ? r->shared_by : "the author",
               l->kind == DEMUR_LETTER_MEMO ? "; it is what was signed"
                                            : ", on whose word alone this text rests");
    for (size_t i = 0; i < l->to_len; i++)
        printf("%-12s %.*s\n", i ? "" : "To:", SPAN_ARG(l->to[i]));
    printf("Written:     %s\nIn the log:  %s\n", cli_time(l->date_s), cli_time(r->at));
    if (l->title.len)
        printf("Title:       %.*s\n", (int)l->title.len, (const char *)l->title.p);
    if (l->marking.len)
        printf("Marking:     %.*s\n", SPAN_ARG(l->marking));
    if (l->has_points)
        printf("Points:      %u\n", l->points);
    for (size_t i = 0; i < l->files_len; i++)
        printf("Attachment:  %.*s, %llu bytes\n", (int)l->files[i].name.len,
               (const char *)l->files[i].name.p, (unsigned long long)l->files[i].size);
    putchar('\n');
    fwrite(l->body.p, 1, l->body.len, stdout);
}

static void put_letter(struct demur_json *j, const struct demur_reading *r)
{
    const struct demur_letter *l = &r->letter;
    demur_json_open(j, NULL, '{');
    demur_json_text(j, "dissent", span_str(r->dissent));
    demur_json_text(j, "kind", span_str(kinds[l->kind]));
    demur_json_time(j, "at", r->at);
    demur_json_time(j, "date", l->date_s);
    demur_json_text(j, "from", l->from.len ? l->from : span_lit("author"));
    demur_json_text(j, "role", span_str(r->role));
    if (r->shared)
        demur_json_text(j, "shared_by", span_str(r->shared_by[0] ? r->shared_by : "author"));
    demur_json_text(j, "act", l->act);
    demur_json_number(j, "revision", l->revision);
    demur_json_text(j, "title", l->title);
    demur_json_text(j, "marking", l->marking);
    if (l->has_points)
        demur_json_number(j, "points", l->points);
    demur_json_text(j, "card", span_str(cards[r->card]));
    demur_json_text(j, "handle", span_str(r->handle));
    demur_json_text(j, "name", span_str(r->name));
    demur_json_text(j, "card_text", span_str(r->card_text));
    demur_json_open(j, "to", '[');
    for (size_t i = 0; i < l->to_len; i++)
        demur_json_text(j, NULL, l->to[i]);
    demur_json_close(j, ']');
    demur_json_open(j, "attachments", '[');
    for (size_t i = 0; i < l->files_len; i++) {
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "name", l->files[i].name);
        demur_json_number(j, "size", l->files[i].size);
        demur_json_hex(j, "sha256", l->files[i].hash, 32);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
    demur_json_text(j, "body", l->body);
    demur_json_close(j, '}');
}

/* As JSON behind what is in *json, which grows; else at once. */
static enum demur_err show(struct cli *cli, const struct demur_reading *r, struct demur_bytes *json)
{
    if (!cli->json) {
        print_letter(r);
        return DEMUR_OK;
    }
    size_t cap = json->len + r->text.len * 6 + 65536;
    uint8_t *p = malloc(cap);
    if (!p)
        return demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "out of memory");
    struct buf b = buf_over(p, cap);
    buf_put_span(&b, demur_bytes_span(json));
    if (json->len)
        buf_put_byte(&b, ',');
    struct demur_json j = demur_json_over(&b);
    put_letter(&j, r);
    demur_bytes_free(json);
    *json = (struct demur_bytes){p, b.len};
    return buf_ok(&b) ? DEMUR_OK
                      : demur_fail(&cli->diag, DEMUR_ERR_SPACE, "the letter is too long to print");
}

static enum demur_err save_attachment(struct cli *cli, struct cli_hand *hand,
                                      const struct demur_reading *r, size_t i, const char *folder)
{
    struct demur_bytes plain = {0};
    char path[4500];
    const struct span name = r->letter.files[i].name;
    int n = snprintf(path, sizeof path, "%s/%.*s", folder, (int)name.len, (const char *)name.p);
    if (n < 0 || (size_t)n >= sizeof path)
        return demur_fail(&cli->diag, DEMUR_ERR_LIMIT, "the path of --out is too long");
    if (access(path, F_OK) == 0)
        return demur_fail(&cli->diag, DEMUR_ERR_REPLAY,
                          "%.200s is there already: choose another folder for --out", path);
    enum demur_err err = demur_read_attachment(cli->client, &hand->actor, r, i, &plain, &cli->diag);
    if (!err)
        err = demur_path_write(path, demur_bytes_span(&plain), &cli->diag);
    if (!err)
        cli_note(cli, "saved %s", path);
    demur_bytes_free(&plain);
    return err;
}

static enum demur_err read_memo(struct cli *cli, struct cli_hand *hand, const char *id,
                                struct demur_bytes *json)
{
    struct demur_reading r;
    const char *folder = cli_option(cli, "out");
    struct span role;
    if (hand->actor.identity &&
        cli_case_opening(cli, span_str(id), hand->actor.keys.public_key, 0, &role) &&
        !demur_channel_has_opened(demur_client_channel(cli->client), span_str(id),
                                  hand->actor.keys.public_key))
        cli_note(cli, "Opening the memo is written into the log, for everyone to see.");
    enum demur_err err =
        demur_read_memo(cli->client, &hand->actor, id, cli_option(cli, "role"), &r, &cli->diag);
    if (err)
        return err;
    err = show(cli, &r, json);
    if (!err && folder && r.letter.files_len)
        err = demur_path_folder(folder, &cli->diag);
    for (size_t i = 0; !err && folder && i < r.letter.files_len; i++)
        err = save_attachment(cli, hand, &r, i, folder);
    if (!err && !folder && r.letter.files_len)
        cli_note(cli, "\n--out DIR saves the attachment%s.", r.letter.files_len == 1 ? "" : "s");
    demur_reading_free(&r);
    return err;
}

static enum demur_err read_event(struct cli *cli, struct cli_hand *hand, const char *id, size_t i,
                                 struct demur_bytes *json)
{
    struct demur_reading r;
    enum demur_err err = demur_read_event(cli->client, &hand->actor, id, i, &r, &cli->diag);
    if (err)
        return err;
    err = show(cli, &r, json);
    demur_reading_free(&r);
    return err;
}

static bool is_letter(const struct demur_event *e)
{
    return e->blob.size && (e->type == DEMUR_RECORD_STEP || e->type == DEMUR_RECORD_SAY ||
                            e->type == DEMUR_RECORD_APPEAL);
}

/* One that does not hold, or that the server withholds: told in its place. */
static enum demur_err show_bad(struct cli *cli, size_t event, enum demur_err err,
                               struct demur_bytes *json)
{
    size_t cap = json->len + 8192;
    uint8_t *p = cli->json ? malloc(cap) : NULL;
    if (!cli->json) {
        fprintf(stderr, "This letter cannot be read: %s.\n", cli->diag.text);
        return DEMUR_OK;
    }
    if (!p)
        return demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "out of memory");
    struct buf b = buf_over(p, cap);
    buf_put_span(&b, demur_bytes_span(json));
    buf_put_byte(&b, ',');
    struct demur_json j = demur_json_over(&b);
    demur_json_open(&j, NULL, '{');
    demur_json_number(&j, "event", event + 1);
    demur_json_text(&j, "error", span_str(demur_err_name(err)));
    demur_json_text(&j, "text", span_str(cli->diag.text));
    demur_json_close(&j, '}');
    demur_bytes_free(json);
    *json = (struct demur_bytes){p, b.len};
    return DEMUR_OK;
}

/* The memo, then everything that was written about it. A letter that does not hold or is
 * withheld is the error at the end, when all others were read and *whole is set. */
static enum demur_err read_thread(struct cli *cli, struct cli_hand *hand, const char *id,
                                  struct demur_bytes *json, bool *whole)
{
    struct demur_event e;
    size_t closed = 0, bad = 0;
    enum demur_err bad_err = DEMUR_OK, err = read_memo(cli, hand, id, json);
    for (size_t i = 0;
         !err && demur_channel_event(demur_client_channel(cli->client), span_str(id), i, &e); i++) {
        if (!is_letter(&e))
            continue;
        struct demur_reading r;
        err = demur_read_event(cli->client, &hand->actor, id, i, &r, &cli->diag);
        if (!cli->json && err != DEMUR_ERR_KEY) {
            printf("\n---- event %zu ----\n", i + 1);
            fflush(stdout);
        }
        if (err == DEMUR_ERR_KEY) {
            closed++;
            err = DEMUR_OK;
        } else if (err == DEMUR_ERR_VERIFY || err == DEMUR_ERR_UNKNOWN) {
            bad++;
            bad_err = bad_err == DEMUR_ERR_VERIFY ? bad_err : err;
            err = show_bad(cli, i, err, json);
        } else if (!err) {
            err = show(cli, &r, json);
            demur_reading_free(&r);
        }
    }
    *whole = !err;
    if (closed)
        cli_note(cli, "%zu more %s not sealed to you.", closed, closed == 1 ? "is" : "are");
    return err || !bad
               ? err
               : demur_fail(&cli->diag, bad_err, "%zu of the letters could not be read", bad);
}

/* What was read, as one object. */
static void print_json(const struct demur_bytes *json, bool thread)
{
    if (thread)
        fputs("{\"letters\":[", stdout);
    fwrite(json->p, 1, json->len, stdout);
    puts(thread ? "]}" : "");
}

/* What a signing link opens; no identity is needed. */
static int read_link(struct cli *cli, const char *given)
{
    struct cli_hand hand = {.mine = true};
    struct demur_link link = {0};
    struct demur_bytes json = {0};
    enum demur_err err = cli_link(cli, given, &link);
    if (!err)
        err = cli_client_open(cli, true);
    if (!err && memcmp(link.channel, demur_client_fingerprint(cli->client), 32) != 0)
        err =
            demur_fail(&cli->diag, DEMUR_ERR_FORBIDDEN, "this signing link is to another channel");
    if (!err) {
        demur_actor_from_link(&hand.actor, &link);
        err = read_memo(cli, &hand, link.dissent, &json);
    }
    if (!err && cli->json)
        print_json(&json, false);
    demur_link_wipe(&link);
    demur_bytes_free(&json);
    return cli_case_end(cli, &hand, err ? cli_fail(cli, err) : CLI_OK);
}

static int run(struct cli *cli)
{
    struct cli_hand hand;
    char id[33];
    uint64_t event = 0;
    struct demur_bytes json = {0};
    bool whole = false;
    const char *given = cli->args_len ? cli->args[0] : NULL, *n = cli_option(cli, "event");
    bool mine = cli_flag(cli, "mine"), thread = cli_flag(cli, "thread");
    if (cli->args_len > 1)
        return cli_usage(cli, "one dissent at a time");
    if (cli_option(cli, "link"))
        return given || mine || n || thread
                   ? cli_usage(cli, "--link says which memo: nothing but --out goes with it")
                   : read_link(cli, cli_option(cli, "link"));
    if (!given && !mine)
        return cli_usage(cli, "say which dissent, or --mine as its author");
    if (n && thread)
        return cli_usage(cli, "give --event or --thread, not both");
    if (n && (!span_u64(span_str(n), 1000000, &event) || !event))
        return cli_usage(cli, "--event wants a number of the history that `demur status` shows");
    enum demur_err err = cli_case_begin(cli, &hand, mine);
    if (!err)
        cli_case_warn(cli);
    if (!err)
        err = cli_case_dissent(cli, &hand, given, id);
    if (!err && n)
        err = read_event(cli, &hand, id, (size_t)event - 1, &json);
    else if (!err && thread)
        err = read_thread(cli, &hand, id, &json, &whole);
    else if (!err)
        err = read_memo(cli, &hand, id, &json);
    int code = err ? cli_exit_code(err) : CLI_OK;
    if (cli->json && err && whole)
        cli_note(cli, "demur read: %s.", cli->diag.text);
    if (cli->json && (!err || whole))
        print_json(&json, thread);
    else if (err)
        code = cli_fail(cli, err);
    demur_bytes_free(&json);
    return cli_case_end(cli, &hand, code);
}

const struct cli_command command_read = {
    .name = "read",
    .usage = "[DISSENT] [--mine] [--role ROLE] [--out DIR] [--event N | --thread]",
    .summary = "Read a memo, a document or a message that is sealed to you.",
    .details = "An officer's first reading of a memo is written into the log before anything is\n"
               "shown. The memo is checked against its commitment, and a name card against the\n"
               "roster. --event N reads the N-th event of the history that `demur status\n"
               "DISSENT` shows; --thread reads everything.\n\n"
               "While a memo goes round for signatures, --link reads it, and a member needs no\n"
               "link where it goes to all of them.\n\n"
               "Example:\n\n    demur read kibabu --role policy-planning --out attachments",
    .options =
        (const struct cli_option[]){
            {"mine", NULL, "read as the author, with the receipt phrase"},
            {"link", "LINK|-", "read what a signing link opens; - is the standard input"},
            {"role", "ROLE", "open the memo in this role"},
            {"out", "DIR", "save the attachments there"},
            {"event", "N", "a document or message, by its number in the history"},
            {"thread", NULL, "the memo and all that was written about it"},
            {NULL, NULL, NULL},
        },
    .run = run,
};
