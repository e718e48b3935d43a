/* Proofs set apart, and verified together with those of other records: each record gets the
 * verdict, the error and the words that it gets alone. */
#include "../../core/channel_proof.h"
#include "../support/town.h"

#include <stdlib.h>

#define T0 1795186800u /* Friday 20 November 2026, 15:00 UTC */
#define DAY 86400u
#define RECORDS 24

static const char policy[] = "demur policy v1\n"
                             "policy proofs\n  title Proofs\n  calendar plain\n"
                             "attribute team\n  values red or blue\n"
                             "attribute floor\n"
                             "role office\n  title Office\n"
                             "role keeper\n  title Keeper\n"
                             "eligible everyone\n"
                             "roster\n  kept-by keeper\n"
                             "ring\n  at-least 2 members\n  narrow-by team\n"
                             "filing\n  quota 9 each month\n  identity named\n"
                             "  circulation at-most 60 days\n"
                             "distribution\n  must office\n"
                             "stage filed\n  title Filed\n"
                             "stage closed\n  title Closed\n  final resolved\n"
                             "step close\n  title Close\n  by office\n  from filed\n  to closed\n";

struct written {
    uint8_t bytes[12000];
    struct demur_record record;
    struct demur_ring_proofs proofs;
    struct demur_verdict verdict;
    enum demur_err err;
    struct demur_diag diag;
};

struct pile {
    struct town *w;
    struct written *list; /* of RECORDS */
    size_t n;
};

/* Lay what the town has written on the pile. With `spoilt`, one byte of its proof, or of
 * what it is about, is another. */
static void lay(struct pile *p, const char *spoilt)
{
    struct written *x = &p->list[p->n++];
    struct span text = buf_span(&p->w->out);
    CHECK(p->n <= RECORDS && text.len <= sizeof x->bytes);
    memcpy(x->bytes, text.p, text.len);
    if (spoilt) {
        char *at = strstr((char *)x->bytes, spoilt);
        REQUIRE(at);
        at += strlen(spoilt);
        *at = *at == '1' ? '2' : '1';
    }
    CHECK_ERR(demur_record_parse(&x->record, span_of(x->bytes, text.len), &x->diag), DEMUR_OK);
}

/* A co-signature by member i on behalf of `said` (a subset; NULL: of all), made in the ring
 * that `within` leaves. */
static void lay_part(struct pile *p, size_t i, const struct town_case *k, const char *said,
                     const char *within)
{
    struct town *w = p->w;
    static uint8_t keys[TOWN_MEMBERS][32];
    uint8_t text[DEMUR_SCOPE_MAX], proof[DEMUR_RING_SIGNATURE_MAX], entropy[64];
    struct demur_dissent_info d = {0};
    struct demur_ring ring;
    struct buf scope = buf_over(text, sizeof text), out = buf_over(proof, sizeof proof);
    struct span subset = span_str(within ? within : "");
    size_t n = 0;
    CHECK(demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d));
    CHECK_ERR(demur_channel_ring(w->c, d.policy_entry, d.epoch, d.roster, &subset, within != NULL,
                                 keys, TOWN_MEMBERS, &n, &w->diag),
              DEMUR_OK);
    CHECK_ERR(demur_ring_init(&ring, (const uint8_t(*)[32])keys, n, &w->diag), DEMUR_OK);
    town_begin(w, DEMUR_RECORD_COSIGN);
    demur_put_text(&w->out, DEMUR_FIELD_DISSENT, span_str(k->id));
    demur_put_text(&w->out, DEMUR_FIELD_SUBSET, span_str(said));
    town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, k->revision);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    demur_scope_cosign(&scope, w->fingerprint, span_str(k->id), k->revision);
    test_random(&w->seed, entropy, sizeof entropy);
    CHECK_ERR(demur_ring_sign(&out, &ring,
                              w->members[i].ring_secret[d.epoch - w->members[i].first_epoch],
                              buf_span(&scope), buf_span(&w->out), entropy),
              DEMUR_OK);
    demur_put_bytes(&w->out, DEMUR_FIELD_PROOF, buf_span(&out));
    lay(p, NULL);
}

/* Every kind of record that carries proofs, good and bad. */
static void write_all(struct pile *p)
{
    struct town *w = p->w;
    struct town_case k, twin, other, unknown;
    CHECK_ERR(town_circulate(w, 0, 0, w->now + 7 * DAY, &k), DEMUR_OK);
    CHECK_ERR(town_circulate(w, 1, 0, w->now + 7 * DAY, &twin), DEMUR_OK); /* the same ring */
    w->hold = true;
    for (size_t i = 1; i < 6; i++) {
        CHECK_ERR(town_cosign(w, i, i % 2 ? &k : &twin, DEMUR_RECORD_COSIGN), DEMUR_OK);
        lay(p, i == 3 ? "\nproof " : i == 4 ? "\ncard " : NULL);
    }
    CHECK_ERR(town_cosign(w, 1, &k, DEMUR_RECORD_UNSIGN), DEMUR_OK);
    lay(p, NULL);
    lay_part(p, 1, &k, "team=red", "team=red");
    lay_part(p, 2, &k, "team=red", "team=red");
    lay_part(p, 2, &twin, "team=red", "team=red");
    lay_part(p, 2, &k, "team=red", "team=red,blue"); /* of more than it says */
    lay_part(p, 2, &k, "team=red", NULL);
    lay_part(p, 5, &k, "team=blue", "team=blue");
    lay_part(p, 7, &k, "team=blue", "team=red,blue");
    lay_part(p, 0, &k, "floor=9", NULL);   /* the policy names no signer's floor */
    lay_part(p, 0, &k, "team=none", NULL); /* too few */
    k.revision = 2;
    CHECK_ERR(town_revise(w, 0, &k), DEMUR_OK);
    lay(p, NULL);
    CHECK_ERR(town_file(w, 2, 0, "office", &other), DEMUR_OK);
    lay(p, NULL);
    lay(p, "\nslot-proof ");
    lay(p, "\nslot ");
    unknown = other;
    CHECK_ERR(town_invite(w, 20, "team=red"), DEMUR_OK); /* no proof at all */
    lay(p, NULL);
    CHECK_ERR(town_cosign(w, 1, &unknown, DEMUR_RECORD_COSIGN), DEMUR_OK);
    lay(p, NULL);
    w->hold = false;
}

/* Verify the n-th proof of everything whose n-th is about this ring. */
static size_t together(struct pile *p, size_t nth, const struct written *like)
{
    static struct demur_ring_item items[RECORDS];
    struct written *of[RECORDS];
    const uint8_t entropy[32] = {7};
    size_t n = 0;
    const uint8_t *name = like->proofs.list[nth].ring;
    struct demur_kept_ring *kept = NULL;
    struct demur_diag diag = {0};
    enum demur_err err =
        demur_channel_proof_ring(p->w->c, &like->record, &like->proofs.list[nth], &kept, &diag);
    for (size_t i = 0; i < p->n; i++) {
        struct written *x = &p->list[i];
        if (x->err || x->proofs.n <= nth || memcmp(x->proofs.list[nth].ring, name, 32) != 0)
            continue;
        items[n] = demur_ring_proof_item(&x->record, &x->proofs.list[nth]);
        of[n++] = x;
    }
    if (!err) {
        CHECK(memcmp(kept->name, name, 32) == 0);
        err = demur_kept_ring_load(kept, &diag);
    }
    for (size_t i = 0; err && i < n; i++) {
        of[i]->err = err;
        of[i]->diag = diag;
    }
    if (err)
        return 0;
    size_t len = demur_ring_batch_work_len(&kept->ring, n);
    void *work = malloc(len);
    CHECK(work != NULL);
    (void)!demur_ring_verify_batch(items, n, &kept->ring, entropy, work, len);
    free(work);
    for (size_t i = 0; i < n; i++)
        of[i]->err = demur_ring_proof_settle(&of[i]->proofs.list[nth], &kept->ring, &items[i],
                                             &of[i]->verdict, &of[i]->diag);
    demur_kept_ring_free(kept);
    return n;
}

TEST(proofs_verified_together_come_to_what_each_comes_to_alone)
{
    struct town *w = town_plain(T0 - DAY, 0, policy);
    REQUIRE(w);
    struct pile p = {.w = w, .list = calloc(RECORDS, sizeof *p.list)};
    REQUIRE(p.list);
    for (size_t i = 0; i < 8; i++) {
        CHECK_ERR(town_invite(w, i, i < 4 ? "team=red" : "team=blue"), DEMUR_OK);
        CHECK_ERR(town_join(w, i), DEMUR_OK);
    }
    w->now = T0;
    write_all(&p);
    for (size_t i = 0; i < p.n; i++)
        p.list[i].err = demur_channel_verify_apart(w->c, &p.list[i].record, &p.list[i].verdict,
                                                   &p.list[i].proofs, &p.list[i].diag);
    size_t most = 0;
    for (size_t nth = 0; nth < DEMUR_RING_PROOFS; nth++) {
        bool done[RECORDS] = {false};
        for (size_t i = 0; i < p.n; i++) {
            if (done[i] || p.list[i].err || p.list[i].proofs.n <= nth)
                continue;
            for (size_t j = i; j < p.n; j++)
                done[j] |=
                    p.list[j].proofs.n > nth && memcmp(p.list[j].proofs.list[nth].ring,
                                                       p.list[i].proofs.list[nth].ring, 32) == 0;
            size_t n = together(&p, nth, &p.list[i]);
            most = n > most ? n : most;
        }
    }
    CHECK(most == 8); /* signatures on both, the revision, the slot: one ring */
    size_t good = 0, bad = 0;
    for (size_t i = 0; i < p.n; i++) {
        struct written *x = &p.list[i];
        struct demur_verdict alone = {0};
        struct demur_diag why = {0};
        enum demur_err want = demur_channel_verify(w->c, &x->record, &alone, &why);
        if (x->err != want || (want && strcmp(x->diag.text, why.text) != 0))
            test_failed(__FILE__, __LINE__, "record %zu: together %s (%s), alone %s (%s)", i,
                        demur_err_name(x->err), x->diag.text, demur_err_name(want), why.text);
        good += !want;
        bad += want != DEMUR_OK;
        if (want)
            continue;
        CHECK(x->verdict.verified == (x->proofs.n == 0));
        CHECK(memcmp(x->verdict.record, alone.record, 32) == 0);
        CHECK(memcmp(x->verdict.tag, alone.tag, 32) == 0);
        CHECK(memcmp(x->verdict.slot_tag, alone.slot_tag, 32) == 0);
    }
    CHECK(good >= 10 && bad >= 10);
    free(p.list);
    town_free(w);
}
