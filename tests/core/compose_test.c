/* Records composed by a member's own program, put before the fold. */
#include "../../core/compose.h"
#include "../../core/policy.h"
#include "../support/town.h"

#include <sodium.h>

#define MEMBERS 6
#define FOUNDED 1790000000

struct people {
    struct town *w;
    struct demur_identity id[MEMBERS + 1];
    uint32_t epoch;
};

static struct town *found(void)
{
    static char texts[2][65536];
    static const char *const names[] = {"eu-weekdays.calendar", "company.policy"};
    for (size_t i = 0; i < 2; i++) {
        struct span text = test_data(names[i]);
        if (!text.p) {
            test_skip("%s is not loaded", names[i]);
            return NULL;
        }
        memcpy(texts[i], text.p, text.len);
        texts[i][text.len] = 0;
    }
    const char *const calendars[][2] = {{"eu-weekdays", texts[0]}};
    return town_new(FOUNDED, 23, calendars, 1, span_str(texts[1]));
}

static enum demur_err join(struct people *p, size_t i)
{
    struct town *w = p->w;
    struct demur_identity *id = &p->id[i];
    struct demur_invitation in = {.url = "http://127.0.0.1:1"};
    uint8_t public_key[32], secret[64], entropy[64];
    memcpy(in.channel, w->fingerprint, 32);
    test_random(&w->seed, in.secret, 32);
    crypto_sign_seed_keypair(public_key, secret, in.secret);
    snprintf(in.handle, sizeof in.handle, "m-%zu", i);
    town_begin_by(w, DEMUR_RECORD_INVITE, &w->officers[0]);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(in.handle));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(public_key, 32));
    enum demur_err err = town_sign_send(w, &w->officers[0]);
    *id = (struct demur_identity){.has_chain = true, .epoch = p->epoch};
    memcpy(id->channel, w->fingerprint, 32);
    memcpy(id->handle, in.handle, sizeof id->handle);
    test_random(&w->seed, id->seed, 32);
    test_random(&w->seed, id->chain, 32);
    test_random(&w->seed, entropy, 64);
    w->out = buf_over(w->record, sizeof w->record);
    if (!err)
        err = demur_compose_member(&w->out, id, &in, p->epoch, 1, entropy, &w->diag);
    return err ? err : town_send(w, span_of(NULL, 0));
}

static bool settle(struct people *p)
{
    p->w = found();
    if (!p->w)
        return false;
    p->epoch = demur_time_epoch(FOUNDED);
    enum demur_err err = town_grant(p->w, 0, "people-office");
    for (size_t i = 0; !err && i < MEMBERS; i++)
        err = join(p, i);
    if (err)
        test_failed(__FILE__, __LINE__, "%s: %s", demur_err_name(err), p->w->diag.text);
    return !err;
}

static enum demur_err file(struct people *p, size_t author, uint64_t slot, size_t subsets)
{
    static uint8_t keys[MEMBERS][32];
    struct town *w = p->w;
    struct demur_ring ring;
    struct demur_keys case_keys;
    uint8_t phrase[16], policy[32], entropy[128], secret[32], public_key[32], hash[32] = {7};
    size_t n = 0;
    struct span to = span_lit("people-office"), subset = span_lit("team=blue");
    struct demur_blob_ref blob = {.size = 4096};
    test_random(&w->seed, phrase, sizeof phrase);
    test_random(&w->seed, entropy, sizeof entropy);
    test_random(&w->seed, blob.hash, 32);
    demur_keys_from_phrase(&case_keys, phrase, w->fingerprint);
    (void)demur_channel_policy(w->c, policy);
    uint64_t roster = demur_channel_size(w->c);
    enum demur_err err =
        demur_channel_ring(w->c, policy, p->epoch, roster, NULL, 0, keys, MEMBERS, &n, &w->diag);
    if (!err)
        err = demur_ring_init(&ring, (const uint8_t(*)[32])keys, n, &w->diag);
    if (!err)
        err = demur_identity_ring_key(&p->id[author], p->epoch, secret, public_key, &w->diag);
    struct demur_filing_facts facts = {.channel = w->fingerprint,
                                       .case_keys = &case_keys,
                                       .policy = policy,
                                       .epoch = p->epoch,
                                       .roster = roster,
                                       .ring = &ring,
                                       .signers = &ring,
                                       .subsets = &subset,
                                       .subsets_len = subsets,
                                       .slot = slot,
                                       .card = blob,
                                       .memo = blob,
                                       .revision = 1,
                                       .commitment = hash,
                                       .release = hash,
                                       .attachments = &blob,
                                       .attachments_len = 1,
                                       .to = &to,
                                       .to_len = 1};
    w->out = buf_over(w->record, sizeof w->record);
    if (!err)
        err = demur_compose_file(&w->out, &facts, secret, entropy, &w->diag);
    return err ? err : town_send(w, span_of(NULL, 0));
}

TEST(compose_member_and_file_are_what_the_fold_takes)
{
    struct people p = {0};
    if (settle(&p)) {
        CHECK_ERR(file(&p, 2, 0, 0), DEMUR_OK);
        CHECK_ERR(file(&p, 2, 0, 0), DEMUR_ERR_REPLAY); /* the slot is spent */
        CHECK_ERR(file(&p, 2, 1, 0), DEMUR_OK);
        CHECK_ERR(file(&p, 3, 0, 0), DEMUR_OK); /* another member's slot is another */
        CHECK_ERR(file(&p, 3, 2, 0), DEMUR_ERR_FORBIDDEN);
        CHECK(demur_channel_dissents(p.w->c) == 3);
        /* A ring that the proofs were not made over. */
        CHECK_ERR(file(&p, 4, 0, 1), DEMUR_ERR_FORBIDDEN);
        /* Somebody who never joined. */
        p.id[MEMBERS] = p.id[0];
        p.id[MEMBERS].chain[0] ^= 1;
        CHECK_ERR(file(&p, MEMBERS, 0, 0), DEMUR_ERR_UNKNOWN);
        CHECK(strstr(p.w->diag.text, "not among the members"));
        CHECK(demur_channel_dissents(p.w->c) == 3);
    }
    town_free(p.w);
}

TEST(compose_member_needs_its_ring_keys_and_room)
{
    struct demur_identity id = {.handle = "m-1"};
    struct demur_invitation in = {.handle = "m-1"};
    uint8_t entropy[64] = {1}, small[200];
    struct demur_diag diag;
    struct buf out = buf_over(small, sizeof small);
    CHECK_ERR(demur_compose_member(&out, &id, &in, 24320, 1, entropy, &diag), DEMUR_ERR_UNKNOWN);
    id.has_chain = true;
    id.epoch = 24320;
    out = buf_over(small, sizeof small);
    CHECK_ERR(demur_compose_member(&out, &id, &in, 24320, 1, entropy, &diag), DEMUR_ERR_SPACE);
}
