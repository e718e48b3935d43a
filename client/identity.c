/* Identity files, and who acts. */
#include <sodium.h>
#include <sys/stat.h>

#include "../core/age.h"
#include "../core/civil.h"
#include "internal.h"

#define FILE_MAX 16384

enum demur_err demur_identity_new(struct demur_identity *out, const uint8_t channel[static 32],
                                  const char *url, const char *token, struct demur_diag *diag)
{
    struct demur_identity id = {0};
    memcpy(id.channel, channel, 32);
    if (!demur_url_ok(span_str(url)) || !copy_text(id.url, sizeof id.url, span_str(url)))
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 0, 0, "url",
                             "\"%.100s\" is no address of a channel: write it as "
                             "https://dissent.example.org, without a slash at its end",
                             url);
    if (token && !copy_text(id.token, sizeof id.token, span_str(token)))
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "token", "the reading token is too long");
    randombytes_buf(id.seed, sizeof id.seed);
    *out = id;
    demur_identity_wipe(&id);
    return DEMUR_OK;
}

enum demur_err demur_identity_from_invitation(struct demur_identity *out,
                                              const struct demur_invitation *invitation,
                                              const char *name, uint64_t now_s,
                                              struct demur_diag *diag)
{
    struct demur_identity id;
    enum demur_err err =
        demur_identity_new(&id, invitation->channel, invitation->url, invitation->token, diag);
    if (err)
        return err;
    (void)copy_text(id.handle, sizeof id.handle, span_str(invitation->handle));
    if (name && !copy_text(id.name, sizeof id.name, span_str(name)))
        err = demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "name", "a name may have %d bytes",
                            DEMUR_NAME_MAX);
    id.has_chain = true;
    id.epoch = demur_time_epoch((int64_t)now_s);
    randombytes_buf(id.chain, sizeof id.chain);
    if (!err)
        *out = id;
    demur_identity_wipe(&id);
    return err;
}

static void fresh_chain(struct demur_identity *identity, const struct demur_client *client)
{
    uint8_t chain[32];
    randombytes_buf(chain, sizeof chain);
    demur_identity_new_chain(identity,
                             demur_time_epoch((int64_t)demur_client_view_time(client)) + 1, chain);
    sodium_memzero(chain, sizeof chain);
}

bool demur_identity_begin_chain(struct demur_identity *identity, const struct demur_client *client)
{
    if (identity->has_chain || !identity->handle[0])
        return false;
    fresh_chain(identity, client);
    return true;
}

void demur_identity_replace(struct demur_identity *out, const struct demur_identity *old,
                            const struct demur_client *client)
{
    *out = *old;
    out->seq = 0;
    randombytes_buf(out->seed, sizeof out->seed);
    fresh_chain(out, client);
}

/* ---- the file ---- */

static enum demur_err open_file(struct demur_identity *out, const char *path, struct span file,
                                struct span passphrase, struct demur_diag *diag)
{
    struct buf text = heap_buf(file.len);
    if (!text.p)
        return no_memory(diag);
    struct demur_diag why = {0};
    enum demur_err err =
        demur_age_open_symmetric(&text, file, passphrase, DEMUR_IDENTITY_LOG2N_MAX, &why);
    if (!err)
        err = demur_identity_parse(out, buf_span(&text), &why);
    heap_buf_free(&text);
    switch (err) {
    case DEMUR_OK:
        return DEMUR_OK;
    case DEMUR_ERR_KEY:
        return demur_fail(diag, err, "this passphrase does not open %s", path);
    case DEMUR_ERR_MEMORY:
        return demur_fail(diag, err, "opening %s takes 256 MiB of memory, and there is less", path);
    case DEMUR_ERR_LIMIT:
    case DEMUR_ERR_UPGRADE:
        return demur_fail(diag, err, "%s: %.150s", path, why.text);
    default:
        return demur_fail(diag, err,
                          "%s is no identity file, or it is broken off or damaged (%.80s): take "
                          "your backup, or the recovery kit",
                          path, why.text);
    }
}

enum demur_err demur_identity_load(struct demur_identity *out, const char *path,
                                   struct span passphrase, bool *exposed, struct demur_diag *diag)
{
    struct demur_bytes file = {0};
    enum demur_err err = demur_path_read(path, FILE_MAX, &file, diag);
    if (err)
        return err;
    struct stat st;
    if (exposed)
        *exposed = stat(path, &st) == 0 && (st.st_mode & 077) != 0;
    struct demur_identity id;
    err = open_file(&id, path, demur_bytes_span(&file), passphrase, diag);
    if (!err)
        *out = id;
    demur_identity_wipe(&id);
    demur_bytes_free(&file);
    return err;
}

enum demur_err demur_identity_save(const struct demur_identity *identity, const char *path,
                                   struct span passphrase, unsigned log2n, struct demur_diag *diag)
{
    if (passphrase.len == 0)
        return demur_fail(diag, DEMUR_ERR_MISSING, "an identity file needs a passphrase");
    uint8_t text_bytes[DEMUR_IDENTITY_TEXT_MAX], entropy[DEMUR_AGE_SYMMETRIC_ENTROPY_LEN];
    struct buf text = buf_over(text_bytes, sizeof text_bytes);
    demur_identity_put(&text, identity);
    struct demur_identity again;
    /* What cannot be read back must not replace what can. */
    enum demur_err err = demur_identity_parse(&again, buf_span(&text), diag);
    demur_identity_wipe(&again);
    log2n = log2n ? log2n : DEMUR_IDENTITY_LOG2N;
    struct buf file = heap_buf(FILE_MAX);
    if (!err && !file.p)
        err = no_memory(diag);
    randombytes_buf(entropy, sizeof entropy);
    if (!err)
        err = demur_age_seal_symmetric(&file, buf_span(&text), passphrase, log2n,
                                       span_of(entropy, sizeof entropy), diag);
    if (!err)
        err = demur_path_write(path, buf_span(&file), diag);
    heap_buf_free(&file);
    sodium_memzero(text_bytes, sizeof text_bytes);
    sodium_memzero(entropy, sizeof entropy);
    return err;
}

bool demur_identity_tidy(struct demur_identity *identity, const struct demur_client *client)
{
    if (!identity->has_chain || client->size == 0)
        return false;
    /* The earlier of two clocks: a wrong one must not erase what is still needed. */
    uint64_t now = demur_client_now(client), logged = demur_channel_last_at(client->channel);
    now = now < logged ? now : logged;
    uint32_t keep = demur_time_epoch((int64_t)now);
    const struct demur_channel *channel = client->channel;
    struct demur_dissent_info d;
    for (size_t i = 0; demur_channel_dissent(channel, i, logged, &d); i++) {
        bool signable = d.filed_at == 0 && !d.withdrawn && !d.final && now <= d.until;
        if (signable && d.epoch < keep)
            keep = d.epoch;
    }
    return demur_identity_erase_before(identity, keep);
}

/* ---- who acts ---- */

void demur_actor_from_identity(struct demur_actor *out, struct demur_identity *identity)
{
    *out = (struct demur_actor){.identity = identity};
    demur_keys_from_seed(&out->keys, identity->seed);
}

enum demur_err demur_actor_from_phrase(struct demur_actor *out, struct span phrase,
                                       const uint8_t channel[static 32], struct demur_diag *diag)
{
    struct demur_actor actor = {0};
    enum demur_err err = demur_phrase_decode(actor.phrase, phrase, diag);
    if (err)
        return err;
    demur_keys_from_phrase(&actor.keys, actor.phrase, channel);
    demur_dissent_id(actor.dissent, actor.keys.public_key);
    *out = actor;
    demur_actor_wipe(&actor);
    return DEMUR_OK;
}

void demur_actor_from_link(struct demur_actor *out, const struct demur_link *link)
{
    *out = (struct demur_actor){.link_revision = link->revision};
    demur_age_identity_init(&out->keys.age, link->key);
    memcpy(out->dissent, link->dissent, sizeof out->dissent);
}

void demur_actor_wipe(struct demur_actor *actor) { sodium_memzero(actor, sizeof *actor); }
