/* crowd.c - see crowd.h. */
#include "crowd.h"

#include <sodium.h>
#include <stdlib.h>

#include "../core/civil.h"
#include "../core/compose.h"
#include "../core/handout.h"
#include "../core/hash.h"

static const uint8_t no_entropy[128];

/* The same for the same numbers. */
static void bytes_make(void *out, size_t n, const char *what, uint64_t i, uint64_t j)
{
    uint8_t seed[32];
    char text[64];
    snprintf(text, sizeof text, "%s %llu %llu", what, (unsigned long long)i, (unsigned long long)j);
    demur_hash(seed, span_str(text));
    randombytes_buf_deterministic(out, n, seed);
}

struct batch {
    struct demur_append appends[DEMUR_BATCH_MAX];
    uint8_t bytes[DEMUR_BATCH_MAX][2048];
    size_t n;
};

static void taken(struct demur_append *a)
{
    bench_need(a->state == DEMUR_APPEND_ACCEPTED, a->diag.text);
}

static void flush(struct bench_crowd *c, struct batch *b)
{
    struct demur_diag diag = {0};
    if (b->n)
        bench_need_ok(demur_engine_commit(c->engine, b->appends, &diag), &diag);
    b->n = 0;
}

static struct buf begin(struct bench_crowd *c, struct batch *b, enum demur_record_type type,
                        struct bench_key *by)
{
    if (b->n == DEMUR_BATCH_MAX)
        flush(c, b);
    struct buf out = buf_over(b->bytes[b->n], sizeof b->bytes[0]);
    demur_record_begin(&out, type, c->w->fingerprint);
    demur_put_bytes(&out, DEMUR_FIELD_BY, span_of(by->public_key, 32));
    demur_put_number(&out, DEMUR_FIELD_SEQ, ++by->seq);
    return out;
}

static void end(struct batch *b, struct buf *out, const struct bench_key *by)
{
    struct demur_append *a = &b->appends[b->n];
    struct demur_diag diag = {0};
    demur_put_signature(out, DEMUR_FIELD_SIG, by->secret);
    bench_need(buf_ok(out), "a record is too long");
    *a = (struct demur_append){.text = buf_span(out), .answer = taken};
    bench_need_ok(demur_record_parse(&a->record, a->text, &diag), &diag);
    demur_hash(a->hash, a->text);
    a->verdict.verified = true;
    memcpy(a->verdict.record, a->hash, 32);
    if (b->n)
        b->appends[b->n - 1].next = a;
    b->n++;
}

static void enrol(struct bench_crowd *c, struct batch *b, size_t i)
{
    struct bench_key *keeper = &c->w->keepers[i % BENCH_KEEPERS], invitation, member;
    uint8_t secrets[13][32], keys[13][32], seed[64], proof[DEMUR_POSSESSION_LEN];
    char handle[32], month[16];
    struct demur_keys own;
    snprintf(handle, sizeof handle, "m%llu", (unsigned long long)c->w->handles++);
    bench_key_make(&invitation);
    bench_key_make(&member);
    demur_keys_from_seed(&own, member.secret);
    struct buf out = begin(c, b, DEMUR_RECORD_INVITE, keeper),
               epoch = buf_over(month, sizeof month);
    demur_put_text(&out, DEMUR_FIELD_HANDLE, span_str(handle));
    demur_put_bytes(&out, DEMUR_FIELD_INVITATION, span_of(invitation.public_key, 32));
    end(b, &out, keeper);
    out = begin(c, b, DEMUR_RECORD_MEMBER, &member);
    demur_put_text(&out, DEMUR_FIELD_HANDLE, span_str(handle));
    demur_put_bytes(&out, DEMUR_FIELD_INVITATION, span_of(invitation.public_key, 32));
    demur_put_text(&out, DEMUR_FIELD_RECIPIENT, span_str(own.recipient));
    demur_epoch_put(&epoch, demur_time_epoch((int64_t)demur_engine_now(c->engine)));
    demur_put_text(&out, DEMUR_FIELD_EPOCH, buf_span(&epoch));
    for (size_t j = 0; j < 13; j++) {
        bytes_make(seed, sizeof seed, "ring key", i, j);
        demur_ring_key_from_seed(secrets[j], keys[j], seed);
    }
    memcpy(c->secrets[i], secrets[0], 32);
    demur_put_bytes(&out, DEMUR_FIELD_RING_KEYS, span_of(keys, sizeof keys));
    bench_need(!demur_possession_prove(proof, (const uint8_t(*)[32])secrets,
                                       (const uint8_t(*)[32])keys, 13, buf_span(&out), no_entropy),
               "no proof of possession");
    demur_put_bytes(&out, DEMUR_FIELD_POSSESSION, span_of(proof, sizeof proof));
    demur_put_signature(&out, DEMUR_FIELD_INVITATION_SIG, invitation.secret);
    end(b, &out, &member);
}

void bench_crowd_enrol(struct bench_crowd *c, struct bench_world *w, size_t n)
{
    struct demur_diag diag = {0};
    struct batch *b = calloc(1, sizeof *b);
    *c = (struct bench_crowd){.w = w,
                              .members = n,
                              .secrets = calloc(n, sizeof *c->secrets),
                              .keys = calloc(n, sizeof *c->keys)};
    bench_need(b && c->secrets && c->keys, "out of memory");
    bench_need_ok(demur_engine_open(&c->engine, w->dir, false, NULL, &diag), &diag);
    for (size_t i = 0; i < n; i++)
        enrol(c, b, i);
    flush(c, b);
    free(b);
}

static struct demur_blob_ref blob_keep(struct bench_crowd *c, const char *what, uint64_t size)
{
    uint8_t *bytes = calloc(1, size);
    struct demur_blob_ref ref = {.size = size};
    struct demur_diag diag = {0};
    bench_need(bytes != NULL, "out of memory");
    bytes_make(bytes, 32, what, 0, 0);
    demur_hash(ref.hash, span_of(bytes, size));
    bench_need_ok(demur_store_blob_put(c->engine->store, ref.hash, span_of(bytes, size),
                                       (int64_t)time(NULL), &diag),
                  &diag);
    return ref;
}

void bench_crowd_circulate(struct bench_crowd *c)
{
    static uint8_t text[DEMUR_RECORD_MAX];
    struct demur_diag diag = {0};
    struct demur_keys keys;
    uint8_t seed[32], policy[32], release[32] = {1};
    size_t n = 0;
    uint64_t now = demur_engine_now(c->engine);
    bytes_make(seed, sizeof seed, "case", 0, 0);
    bytes_make(c->commitment, 32, "commitment", 0, 0);
    demur_keys_from_seed(&keys, seed);
    demur_dissent_id(c->dissent, keys.public_key);
    struct demur_filing_facts facts = {.channel = c->w->fingerprint,
                                       .case_keys = &keys,
                                       .audience = DEMUR_AUDIENCE_MEMBERS,
                                       .until = now + 20 * 86400,
                                       .policy = policy,
                                       .epoch = demur_time_epoch((int64_t)now),
                                       .roster = demur_channel_size(c->engine->channel),
                                       .ring = &c->ring,
                                       .signers = &c->ring,
                                       .card = blob_keep(c, "card", 8192),
                                       .memo = blob_keep(c, "memo", 8192),
                                       .revision = 1,
                                       .commitment = c->commitment,
                                       .release = release};
    bench_need(demur_channel_policy(c->engine->channel, policy) != NULL, "no policy");
    bench_need_ok(demur_channel_ring(c->engine->channel, policy, facts.epoch, facts.roster, NULL, 0,
                                     c->keys, c->members, &n, &diag),
                  &diag);
    bench_need_ok(demur_ring_init(&c->ring, (const uint8_t(*)[32])c->keys, n, &diag), &diag);
    facts.keys = blob_keep(c, "keys", demur_handout_len(n));
    struct buf out = buf_over(text, sizeof text);
    bench_need_ok(demur_compose_circulate(&out, &facts, c->secrets[0], no_entropy, &diag), &diag);
    struct demur_append a = {.text = buf_span(&out), .answer = taken};
    demur_engine_prepare(c->engine, &a);
    bench_need(a.state == DEMUR_APPEND_WAITING, a.diag.text);
    bench_need_ok(demur_engine_commit(c->engine, &a, &diag), &diag);
}

void bench_crowd_close(struct bench_crowd *c)
{
    demur_engine_close(c->engine);
    c->engine = NULL;
}

void bench_crowd_free(struct bench_crowd *c)
{
    free(c->secrets);
    free(c->keys);
}

void bench_crowd_sign(const struct bench_crowd *c, size_t i, bool outside,
                      struct bench_signature *out)
{
    struct demur_diag diag = {0};
    struct demur_ring other = c->ring; /* the same digest, with another key in it */
    uint8_t secret[32], seed[64], (*keys)[32] = NULL;
    struct demur_cosign_facts facts = {.channel = c->w->fingerprint,
                                       .dissent = span_str(c->dissent),
                                       .signers = &other,
                                       .revision = 1,
                                       .card = {.size = sizeof out->card},
                                       .commitment = c->commitment};
    memcpy(secret, c->secrets[i], 32);
    if (outside) {
        keys = malloc(c->members * sizeof *keys);
        bench_need(keys != NULL, "out of memory");
        memcpy(keys, c->keys, c->members * sizeof *keys);
        bytes_make(seed, sizeof seed, "outside", i, 0);
        demur_ring_key_from_seed(secret, keys[0], seed);
        other.keys = (const uint8_t(*)[32])keys;
    }
    bytes_make(out->card, sizeof out->card, "card", i, outside);
    demur_hash(facts.card.hash, span_of(out->card, sizeof out->card));
    struct buf b = buf_over(out->record, sizeof out->record);
    bench_need_ok(demur_compose_cosign(&b, &facts, secret, no_entropy, &diag), &diag);
    out->len = b.len;
    free(keys);
}
