/* What the commands about one dissent share. */
#include <stdarg.h>
#include <stdlib.h>

#include "../core/civil.h"
#include "../core/encode.h"
#include "../core/policy.h"
#include "case.h"
#include "homes.h"

#define VIEW_MAX ((size_t)256 << 20)

#define FEW_MONTHS 4

/* A member who forgets to renew cannot sign one day. */
static void warn_of_months(const struct cli *cli)
{
    struct demur_member_info info;
    const struct demur_identity *id = &cli->identity;
    if (!id->handle[0] ||
        !demur_channel_member_find(demur_client_channel(cli->client), span_str(id->handle),
                                   &info) ||
        !info.joined || info.revoked)
        return;
    if (cli_rekey_begun(cli))
        cli_note(cli, "A change of your key was begun here and not finished: `demur rekey` goes "
                      "on with it.");
    int months = demur_ring_months(cli->client, id);
    if (months < 0 && demur_ring_next(cli->client, id))
        cli_note(cli, "You have no ring key for this month: you can file, sign and open anything\n"
                      "from next month on.");
    else if (months < 0)
        cli_note(cli, "You have no ring key for this month, so you can neither file nor open "
                      "anything: `demur renew` gives you keys from next month on.");
    else if (months < FEW_MONTHS)
        cli_note(cli,
                 "Your ring keys reach %d more month%s: run `demur renew`, so that you can file "
                 "and sign then.",
                 months, months == 1 ? "" : "s");
}

enum demur_err cli_case_begin(struct cli *cli, struct cli_hand *hand, bool mine)
{
    *hand = (struct cli_hand){.mine = mine};
    enum demur_err err = mine ? cli_phrase(cli, &hand->actor) : cli_actor(cli, &hand->actor);
    if (!err && !mine)
        hand->seq = cli->identity.seq;
    if (!err)
        err = cli_client_open(cli, true);
    if (!err && !mine)
        warn_of_months(cli);
    return err;
}

int cli_case_end(struct cli *cli, struct cli_hand *hand, int code)
{
    bool moved = false;
    if (cli->identity_loaded && cli->client && code == CLI_OK)
        moved = demur_identity_tidy(&cli->identity, cli->client);
    if (cli->identity_loaded && !hand->mine)
        moved = moved || cli->identity.seq != hand->seq;
    enum demur_err err = moved ? cli_identity_save(cli) : DEMUR_OK;
    demur_actor_wipe(&hand->actor);
    return err ? cli_fail(cli, err) : code;
}

enum demur_err cli_case_dissent(struct cli *cli, const struct cli_hand *hand, const char *given,
                                char id[static 33])
{
    struct demur_dissent_info d;
    enum demur_err err;
    if (given && (err = cli_dissent(cli, given, id)))
        return err;
    if (!hand->mine)
        return given ? DEMUR_OK
                     : demur_fail(&cli->diag, DEMUR_ERR_MISSING,
                                  "say which dissent, by its id: `demur inbox` lists those sent "
                                  "to you; or add --mine and give your receipt phrase");
    if (given && strcmp(id, hand->actor.dissent) != 0)
        return demur_fail(&cli->diag, DEMUR_ERR_KEY,
                          "the phrase belongs to another dissent than %s", given);
    if (!demur_channel_dissent_find(demur_client_channel(cli->client),
                                    span_str(hand->actor.dissent),
                                    demur_client_view_time(cli->client), &d))
        return demur_fail(&cli->diag, DEMUR_ERR_UNKNOWN,
                          "no dissent in this channel has this phrase: check it word for word, "
                          "or send what waits with `demur file --resume`");
    memcpy(id, hand->actor.dissent, 33);
    return DEMUR_OK;
}

int cli_case_sent(struct cli *cli, enum demur_err err, const struct demur_sent *sent,
                  const char *fmt, ...)
{
    char what[400];
    va_list args;
    if (err && !(err == DEMUR_ERR_TIME && sent->receipt[0]))
        return cli_fail(cli, err);
    if (err)
        cli_note(cli, "warning: %s.", cli->diag.text);
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return cli_sent(cli, sent, "%s", what);
}

static const struct demur_policy *policy_of(const struct cli *cli)
{
    uint8_t entry[32];
    return demur_channel_policy(demur_client_channel(cli->client), entry);
}

const char *cli_case_time(const struct cli *cli, struct span calendar, uint64_t unix_s)
{
    static char text[4][40];
    static unsigned turn;
    char *out = text[turn++ % 4];
    const struct demur_policy *p = policy_of(cli);
    if (!unix_s)
        return "-";
    if (!calendar.len && p)
        calendar = p->calendar;
    int32_t offset =
        demur_channel_local_offset(demur_client_channel(cli->client), calendar, unix_s) / 60;
    int64_t local = (int64_t)unix_s + offset * 60;
    struct demur_date d = demur_day_date(demur_time_day(local));
    unsigned minute = (unsigned)(local / 60 % 1440), away = (unsigned)abs(offset);
    int n = snprintf(out, sizeof text[0], "%04d-%02u-%02u %02u:%02u ", d.year, d.month, d.day,
                     minute / 60, minute % 60);
    if (away)
        snprintf(out + n, sizeof text[0] - (size_t)n, "%c%02u:%02u", offset < 0 ? '-' : '+',
                 away / 60, away % 60);
    else
        snprintf(out + n, sizeof text[0] - (size_t)n, "UTC");
    return out;
}

struct span cli_case_stage(const struct cli *cli, struct span stage)
{
    const struct demur_policy *p = policy_of(cli);
    int i = p ? demur_policy_stage(p, stage) : -1;
    return i >= 0 && p->stages[i].title.len ? p->stages[i].title : stage;
}

struct span cli_case_role(const struct cli *cli, struct span role)
{
    const struct demur_policy *p = policy_of(cli);
    int i = p ? demur_policy_role(p, role) : -1;
    return i >= 0 && p->roles[i].title.len ? p->roles[i].title : role;
}

bool cli_case_opening(const struct cli *cli, struct span id, const uint8_t key[static 32], size_t i,
                      struct span *role)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    struct demur_dissent_info d;
    uint64_t now = demur_client_view_time(cli->client);
    if (!demur_channel_dissent_find(c, id, now, &d))
        return false;
    /* Of the policy that it was opened under: the one in force may not know the role. */
    const struct demur_policy *p = demur_channel_policy_of(c, d.policy_entry);
    for (size_t r = 0; p && r < p->roles_len; r++)
        if (demur_channel_may_open(c, id, key, p->roles[r].name, now) && i-- == 0) {
            *role = p->roles[r].name;
            return true;
        }
    return false;
}

struct span cli_case_cut(struct span title, size_t max)
{
    static char text[100];
    if (title.len <= max || max < 4 || max > sizeof text)
        return title;
    size_t n = max - 3;
    while (n && (title.p[n] & 0xC0) == 0x80)
        n--;
    while (n && title.p[n - 1] == ' ')
        n--;
    memcpy(text, title.p, n);
    memcpy(text + n, "...", 3);
    return span_of(text, n + 3);
}

static void print_clock(const struct cli *cli, const struct demur_clock_info *k, bool all)
{
    printf("    %-20.*s ", SPAN_ARG(k->name));
    if (k->limit)
        printf("%-6s %-25s", k->window ? "until" : "due",
               cli_case_time(cli, k->calendar, k->limit));
    else
        printf("%-32s", "");
    printf("%s%s\n", demur_clock_state_name(k->state),
           k->target_missed && k->state != DEMUR_CLOCK_OVERDUE ? ", target missed" : "");
    if (!all)
        return;
    if (k->target)
        printf("    %-20s target %s\n", "", cli_case_time(cli, k->calendar, k->target));
    if (k->ended)
        printf("    %-20s ended  %s\n", "", cli_case_time(cli, k->calendar, k->ended));
    if (k->extensions)
        printf("    %-20s extended %u time%s\n", "", k->extensions, k->extensions == 1 ? "" : "s");
    if (k->missed)
        printf("    %-20s ran past its limit %u time%s\n", "", k->missed,
               k->missed == 1 ? "" : "s");
}

void case_print_clocks(const struct cli *cli, struct span id, bool all)
{
    struct demur_clock_info k;
    uint64_t now = demur_client_view_time(cli->client);
    const struct demur_channel *c = demur_client_channel(cli->client);
    for (size_t i = 0; demur_channel_clock(c, id, now, i, &k); i++)
        if (all || k.state == DEMUR_CLOCK_RUNNING || k.state == DEMUR_CLOCK_PAUSED ||
            k.state == DEMUR_CLOCK_OVERDUE)
            print_clock(cli, &k, all);
}

size_t case_print_acts(const struct cli *cli, FILE *out, struct span id,
                       const uint8_t key[static 32])
{
    struct span role, act;
    size_t n = 0;
    while (demur_channel_act(demur_client_channel(cli->client), id, key,
                             demur_client_view_time(cli->client), n, &role, &act)) {
        fprintf(out, "    %-22.*s as %.*s\n", SPAN_ARG(act), SPAN_ARG(role));
        n++;
    }
    return n;
}

enum demur_err case_print_view(struct cli *cli, const char *id)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    uint64_t now = demur_client_view_time(cli->client);
    for (size_t cap = 65536; cap <= VIEW_MAX; cap *= 4) {
        uint8_t *p = malloc(cap);
        if (!p)
            break;
        struct buf out = buf_over(p, cap);
        enum demur_err err = id ? demur_view_dissent(c, span_str(id), now, &out, &cli->diag)
                                : demur_view_board(c, now, &out);
        if (!err)
            cli_json(&out);
        free(p);
        if (err != DEMUR_ERR_SPACE)
            return err;
    }
    return demur_fail(&cli->diag, DEMUR_ERR_MEMORY, "there is not enough memory for this view");
}

void cli_case_warn(const struct cli *cli)
{
    char apart[DEMUR_SKEW_TEXT];
    if (demur_client_skewed(cli->client, apart))
        cli_note(cli,
                 "warning: this machine's clock is %s the server's, so what is due or late here "
                 "may be wrong: set the clock or, if it is right, tell the operator.",
                 apart);
}

enum demur_err cli_case_hash(struct cli *cli, const char *text, uint8_t out[static 32])
{
    struct demur_diag why = {0};
    return demur_fingerprint_parse(out, span_str(text), &why)
               ? demur_fail(&cli->diag, DEMUR_ERR_SYNTAX,
                            "\"%.80s\" is no hash: it has 64 hex digits, as `demur status "
                            "DISSENT` shows it",
                            text)
               : DEMUR_OK;
}
