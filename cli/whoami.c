/* demur whoami: who this home is in its channel. */
#include <stdio.h>
#include <stdlib.h>

#include "../core/civil.h"
#include "../core/encode.h"
#include "../core/policy.h"
#include "commands.h"
#include "homes.h"

/* The i-th role that the key holds now; false past the end. */
static bool role_held(const struct cli *cli, const uint8_t key[static 32], size_t i,
                      struct demur_holder *out)
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    const struct demur_policy *policy = demur_channel_policy(c, (uint8_t[32]){0});
    uint64_t now = demur_client_view_time(cli->client);
    for (size_t r = 0; policy && r < policy->roles_len; r++)
        for (size_t h = 0; demur_channel_holder(c, policy->roles[r].name, now, h, out); h++)
            if (memcmp(out->key, key, 32) == 0 && i-- == 0)
                return true;
    return false;
}

static const char *standing(const struct cli *cli, const uint8_t key[static 32])
{
    const struct demur_channel *c = demur_client_channel(cli->client);
    struct demur_member_info info;
    uint8_t root[32];
    demur_channel_root_key(c, root);
    if (memcmp(root, key, 32) == 0)
        return "root";
    if (!cli->identity.handle[0])
        return "no member";
    if (!demur_channel_member_find(c, span_str(cli->identity.handle), &info))
        return "not invited";
    if (info.revoked)
        return "revoked";
    if (!info.joined)
        return "invited, not joined yet";
    return memcmp(info.key, key, 32) == 0 ? "member" : "replaced by a newer identity";
}

/* The i-th thing that the roster says of the member, "grade=FS-01"; no p past the end. */
static struct span attribute(const struct cli *cli, size_t i)
{
    const char *handle = cli->identity.handle;
    return handle[0] ? demur_channel_member_attribute(demur_client_channel(cli->client),
                                                      span_str(handle), i)
                     : span_of(NULL, 0);
}

/* From which month on: who joined anew has keys of this month too, but not in the log. */
static void ring_months(const struct cli *cli, struct buf *out)
{
    uint32_t from = cli->identity.epoch;
    uint32_t next = demur_time_epoch((int64_t)demur_client_view_time(cli->client)) + 1;
    if (!cli->identity.has_chain)
        return;
    if (from < next && demur_ring_months(cli->client, &cli->identity) < 0)
        from = next;
    demur_epoch_put(out, from);
}

struct who {
    const struct cli *cli;
    const uint8_t *key;
    struct span card;
};

static void put_json(struct demur_json *j, const void *ctx)
{
    const struct who *who = ctx;
    const struct cli *cli = who->cli;
    uint8_t month[16];
    struct buf m = buf_over(month, sizeof month);
    struct demur_holder h;
    struct span one;
    ring_months(cli, &m);
    demur_json_open(j, NULL, '{');
    demur_json_hex(j, "channel", cli->profile.channel, 32);
    demur_json_text(j, "url", span_str(cli->profile.url));
    demur_json_text(j, "handle", span_str(cli->identity.handle));
    demur_json_text(j, "name", span_str(cli->identity.name));
    demur_json_text(j, "standing", span_str(standing(cli, who->key)));
    demur_json_open(j, "attributes", '[');
    for (size_t i = 0; (one = attribute(cli, i)).p; i++)
        demur_json_text(j, NULL, one);
    demur_json_close(j, ']');
    demur_json_base64(j, "key", who->key, 32);
    demur_json_open(j, "roles", '[');
    for (size_t i = 0; role_held(cli, who->key, i, &h); i++) {
        demur_json_open(j, NULL, '{');
        demur_json_text(j, "role", h.role);
        demur_json_text(j, "for", h.attribute);
        demur_json_bool(j, "acting", h.acting);
        demur_json_close(j, '}');
    }
    demur_json_close(j, ']');
    demur_json_text(j, "ring_keys_from", buf_span(&m));
    demur_json_text(j, "card", who->card);
    demur_json_close(j, '}');
}

static void print_text(const struct cli *cli, const uint8_t key[static 32], struct span card)
{
    uint8_t text[256];
    struct buf b = buf_over(text, sizeof text);
    struct demur_holder h;
    struct span one;
    demur_hex_encode(&b, span_of(cli->profile.channel, 32));
    printf("channel    %.*s\n", (int)b.len, (const char *)b.p);
    b.len = 0;
    demur_base64_encode(&b, span_of(key, 32));
    printf("key        %.*s\n", (int)b.len, (const char *)b.p);
    if (cli->identity.handle[0])
        printf("handle     %s\n", cli->identity.handle);
    if (cli->identity.name[0])
        printf("name       %s (on this machine only)\n", cli->identity.name);
    printf("standing   %s\n", standing(cli, key));
    for (size_t i = 0; (one = attribute(cli, i)).p; i++)
        printf("%s %.*s\n", i ? "          " : "attributes", SPAN_ARG(one));
    for (size_t i = 0; role_held(cli, key, i, &h); i++)
        printf("%s %.*s%s%.*s%s\n", i ? "          " : "roles     ", SPAN_ARG(h.role),
               h.attribute.len ? ", for " : "", SPAN_ARG(h.attribute), h.acting ? ", acting" : "");
    b.len = 0;
    ring_months(cli, &b);
    if (b.len)
        printf("ring keys  from %.*s on\n", (int)b.len, (const char *)b.p);
    else if (cli->identity.handle[0])
        printf("ring keys  none: a recovery kit restores none; `demur renew` gives new ones\n");
    printf("card       %.*s\n", (int)card.len, (const char *)card.p);
}

static int run(struct cli *cli)
{
    uint8_t card_text[DEMUR_OFFICER_CARD_MAX + 1];
    struct buf card = buf_over(card_text, sizeof card_text);
    struct demur_keys keys;
    if (cli->args_len)
        return cli_usage(cli, "there is nothing to name after `whoami`");
    enum demur_err err = cli_profile_load(cli);
    if (!err)
        err = cli_identity_load(cli);
    if (!err)
        err = cli_client_open(cli, false);
    if (err)
        return cli_fail(cli, err);
    err = demur_client_sync(cli->client, &cli->diag);
    if (err == DEMUR_ERR_IO && demur_channel_size(demur_client_channel(cli->client)))
        cli_note(cli, "warning: %s\nThis is how it stood when the server was last seen:",
                 cli->diag.text);
    else if (err)
        return cli_fail(cli, err);
    demur_keys_from_seed(&keys, cli->identity.seed);
    cli_card_put(cli, &card);
    if (cli->json)
        err = cli_json_grow(cli, put_json, &(struct who){cli, keys.public_key, buf_span(&card)});
    else
        print_text(cli, keys.public_key, buf_span(&card));
    demur_keys_wipe(&keys);
    return err == DEMUR_ERR_MEMORY ? cli_fail(cli, err) : CLI_OK;
}

const struct cli_command command_whoami = {
    .name = "whoami",
    .usage = "",
    .summary = "Show who you are in the channel: handle, roles, keys, card.",
    .details = "Example:\n\n    demur whoami --home ~/office",
    .run = run,
};
