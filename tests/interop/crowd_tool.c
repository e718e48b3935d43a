/* Fills a channel that nobody serves meanwhile, for tests/interop/served-log: usage
 *   crowd_tool DIR KEEPER-IDENTITY N NEXT
 * The keeper of the roster (its passphrase in DEMUR_PASSPHRASE) invites N people of the State
 * policy, by the server's own way into the log: each record checked and folded, the batches
 * committed, signed and published as for POST /append, only without HTTP, which would take as
 * long again. One more invitation is left in the file NEXT, for whoever wants to send it.
 * Prints `INDEX LEAF-HASH` of some entries from all over the log. */
#include <sodium.h>
#include <stdlib.h>

#include "../../client/client.h"
#include "../../core/merkle.h"
#include "../../server/engine.h"

#define BATCH 1024
#define RECORD 1024

struct crowd {
    struct demur_engine *engine;
    struct demur_identity keeper;
    struct demur_keys keys;
    uint64_t seq;
    struct demur_append *appends;
    uint8_t (*records)[RECORD];
};

static struct span write_invitation(struct crowd *c, uint8_t out[static RECORD])
{
    static const char *const attributes[] = {"agency=state", "citizenship=us",
                                             "engagement=employee", "grade=FS-02"};
    uint8_t seed[32], public_key[32], secret_key[64];
    char handle[32];
    struct buf b = buf_over(out, RECORD);
    randombytes_buf(seed, sizeof seed);
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    snprintf(handle, sizeof handle, "crowd-%llu", (unsigned long long)++c->seq);
    demur_record_begin(&b, DEMUR_RECORD_INVITE, c->keeper.channel);
    demur_put_bytes(&b, DEMUR_FIELD_BY, span_of(c->keys.public_key, 32));
    demur_put_number(&b, DEMUR_FIELD_SEQ, c->seq);
    demur_put_text(&b, DEMUR_FIELD_HANDLE, span_str(handle));
    for (size_t i = 0; i < DEMUR_COUNT(attributes); i++)
        demur_put_text(&b, DEMUR_FIELD_ATTRIBUTE, span_str(attributes[i]));
    demur_put_bytes(&b, DEMUR_FIELD_INVITATION, span_of(public_key, 32));
    demur_put_signature(&b, DEMUR_FIELD_SIG, c->keys.secret_key);
    return buf_span(&b);
}

static void answered(struct demur_append *append) { (void)append; }

static enum demur_err commit(struct crowd *c, size_t n, struct demur_diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        struct demur_append *a = &c->appends[i];
        *a = (struct demur_append){.text = write_invitation(c, c->records[i]), .answer = answered};
        demur_engine_prepare(c->engine, a);
        if (a->state != DEMUR_APPEND_WAITING) {
            *diag = a->diag;
            return a->diag.code;
        }
        a->next = i + 1 < n ? a + 1 : NULL;
    }
    enum demur_err err = demur_engine_commit(c->engine, c->appends, diag);
    for (size_t i = 0; i < n && !err; i++) {
        *diag = c->appends[i].diag;
        err = c->appends[i].state == DEMUR_APPEND_ACCEPTED ? DEMUR_OK : diag->code;
    }
    return err;
}

static enum demur_err print_leaf(struct crowd *c, uint64_t index, struct demur_diag *diag)
{
    struct demur_store_bytes entry = {0};
    uint8_t leaf[32];
    char hex[65];
    enum demur_err err = demur_store_entry_get(c->engine->store, &entry, index, diag);
    if (err)
        return err;
    demur_merkle_leaf(leaf, span_of(entry.p, entry.len));
    demur_store_bytes_free(&entry);
    printf("%llu %s\n", (unsigned long long)index, sodium_bin2hex(hex, sizeof hex, leaf, 32));
    return DEMUR_OK;
}

/* Either side of every tile's edge that is near a power of 256, and a few in between. */
static enum demur_err print_leaves(struct crowd *c, struct demur_diag *diag)
{
    static const uint64_t near[] = {0, 1, 255, 256, 511, 1000, 32767, 65535, 65536, 65791, 65792};
    struct demur_published head;
    enum demur_err err = DEMUR_OK;
    demur_engine_published(c->engine, &head);
    for (size_t i = 0; i < DEMUR_COUNT(near) && !err; i++)
        if (near[i] + 1 < head.size)
            err = print_leaf(c, near[i], diag);
    return err ? err : print_leaf(c, head.size - 1, diag);
}

static enum demur_err keeper_open(struct crowd *c, const char *path, struct demur_diag *diag)
{
    const char *passphrase = getenv("DEMUR_PASSPHRASE");
    enum demur_err err =
        demur_identity_load(&c->keeper, path, span_str(passphrase ? passphrase : ""), NULL, diag);
    if (err)
        return err;
    demur_keys_from_seed(&c->keys, c->keeper.seed);
    c->seq = demur_channel_seq(c->engine->channel, c->keys.public_key);
    c->appends = calloc(BATCH, sizeof *c->appends);
    c->records = calloc(BATCH, sizeof *c->records);
    return c->appends && c->records ? DEMUR_OK
                                    : demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
}

int main(int argc, char **argv)
{
    struct crowd c = {0};
    struct demur_diag diag = {0};
    uint8_t next[RECORD];
    if (argc != 5 || sodium_init() < 0)
        return 2;
    enum demur_err err = demur_engine_open(&c.engine, argv[1], false, NULL, &diag);
    if (!err)
        err = keeper_open(&c, argv[2], &diag);
    for (size_t left = strtoull(argv[3], NULL, 10); left && !err;) {
        size_t n = left < BATCH ? left : BATCH;
        err = commit(&c, n, &diag);
        left -= n;
    }
    if (!err)
        err = print_leaves(&c, &diag);
    if (!err)
        err = demur_path_write(argv[4], write_invitation(&c, next), &diag);
    demur_engine_close(c.engine);
    demur_keys_wipe(&c.keys);
    demur_identity_wipe(&c.keeper);
    free(c.appends);
    free(c.records);
    if (err)
        fprintf(stderr, "%s: %s\n", demur_err_name(err), diag.text);
    return err ? 1 : 0;
}
