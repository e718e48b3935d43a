/* Proofs about rings, verified together: nobody's verdict changes, and nobody pays for what
 * somebody else sends. A worker that is held up until all is queued makes the batches the
 * same on every machine. */
#include <semaphore.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../server/proofs.h"
#include "fixture.h"

#define T0 1795186800u /* Friday 20 November 2026, 15:00 UTC */
#define DAY 86400u
#define MEMBERS 20
#define APPENDS 64

static const char policy[] = "demur policy v1\n"
                             "policy proofs\n  title Proofs\n  calendar plain\n"
                             "attribute team\n  values red or blue\n"
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

struct sent {
    struct demur_append append;
    uint8_t bytes[12000];
    size_t when; /* which of the answers this was, from 1 */
    struct hall *hall;
};

/* One worker, behind a door, and what it will find. */
struct hall {
    struct town *w;
    struct demur_engine engine;
    struct demur_workers *workers;
    struct demur_proofs *proofs;
    struct demur_metrics metrics;
    struct demur_work hold;
    sem_t door, done;
    size_t answers;
    size_t n;
    struct sent list[APPENDS];
};

static void held(struct demur_work *work)
{
    sem_wait(&((struct hall *)(void *)((uint8_t *)work - offsetof(struct hall, hold)))->door);
}

static void proven(struct demur_append *a)
{
    struct sent *s = a->owner;
    s->when = ++s->hall->answers; /* there is one worker */
    sem_post(&s->hall->done);
}

static struct hall *hall_new(void)
{
    struct hall *h = calloc(1, sizeof *h);
    struct demur_diag diag = {0};
    if (!h || !(h->w = town_plain(T0 - DAY, MEMBERS, policy)))
        return NULL;
    h->w->now = T0;
    h->engine.channel = h->w->c;
    pthread_rwlock_init(&h->engine.fold_lock, NULL);
    sem_init(&h->door, 0, 0);
    sem_init(&h->done, 0, 0);
    CHECK_ERR(demur_workers_start(&h->workers, 1, &diag), DEMUR_OK);
    CHECK_ERR(demur_proofs_start(&h->proofs, &h->engine, h->workers, &h->metrics, 1, &diag),
              DEMUR_OK);
    h->hold.run = held;
    demur_workers_add(h->workers, &h->hold);
    return h;
}

static void hall_free(struct hall *h)
{
    demur_workers_free(h->workers);
    demur_proofs_free(h->proofs);
    pthread_rwlock_destroy(&h->engine.fold_lock);
    town_free(h->w);
    free(h);
}

/* What the town has written goes to the workers; with `spoilt`, the first digit after that
 * is another. */
static struct sent *send_in(struct hall *h, const char *spoilt, bool distrusted)
{
    struct span text = buf_span(&h->w->out);
    struct sent *s = &h->list[h->n++];
    struct demur_append *a = &s->append;
    struct demur_diag diag = {0};
    memcpy(s->bytes, text.p, text.len);
    char *at = spoilt ? strstr((char *)s->bytes, spoilt) : NULL;
    if (at) {
        at += strlen(spoilt);
        *at = *at == '1' ? '2' : '1';
    }
    s->hall = h;
    *a = (struct demur_append){.text = span_of(s->bytes, text.len), .proven = proven, .owner = s};
    CHECK_ERR(demur_record_parse(&a->record, a->text, &diag), DEMUR_OK);
    CHECK_ERR(demur_channel_verify_apart(h->w->c, &a->record, &a->verdict, &a->proofs, &diag),
              DEMUR_OK);
    demur_proofs_add(h->proofs, a, distrusted);
    return s;
}

static void open_door(struct hall *h)
{
    sem_post(&h->door);
    for (size_t i = 0; i < h->n; i++)
        sem_wait(&h->done);
}

/* As each is alone. */
static void check_verdicts(struct hall *h)
{
    for (size_t i = 0; i < h->n; i++) {
        struct demur_append *a = &h->list[i].append;
        struct demur_verdict alone = {0};
        struct demur_diag why = {0};
        enum demur_err want = demur_channel_verify(h->w->c, &a->record, &alone, &why);
        CHECK(a->state == (want ? DEMUR_APPEND_REFUSED : DEMUR_APPEND_WAITING));
        CHECK(a->verdict.verified == !want);
        CHECK_SPAN(span_str(a->diag.text), span_str(why.text));
        if (want)
            CHECK_ERR(a->diag.code, want);
        else
            CHECK(memcmp(&a->verdict, &alone, sizeof alone) == 0);
    }
}

static uint64_t batches(const struct hall *h)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= DEMUR_METRIC_BUCKETS; i++)
        n += h->metrics.proofs.buckets[i];
    return n;
}

/* A co-signature by somebody who is in no ring, made so that all holds but the sum over the
 * keys: in a ring that claims another's digest. */
static void write_outsider(struct hall *h, const struct town_case *k)
{
    struct town *w = h->w;
    static uint8_t keys[TOWN_MEMBERS][32];
    uint8_t text[DEMUR_SCOPE_MAX], proof[DEMUR_RING_SIGNATURE_MAX], entropy[64], secret[32];
    struct demur_dissent_info d = {0};
    struct buf scope = buf_over(text, sizeof text), out = buf_over(proof, sizeof proof);
    size_t n = 0;
    CHECK(demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d));
    CHECK_ERR(demur_channel_ring(w->c, d.policy_entry, d.epoch, d.roster, NULL, 0, keys,
                                 TOWN_MEMBERS, &n, &w->diag),
              DEMUR_OK);
    struct demur_ring ring = {.keys = (const uint8_t(*)[32])keys, .n = n};
    memcpy(ring.digest, d.ring, 32);
    test_random(&w->seed, entropy, sizeof entropy);
    demur_ring_key_from_seed(secret, keys[0], entropy);
    town_begin(w, DEMUR_RECORD_COSIGN);
    demur_put_text(&w->out, DEMUR_FIELD_DISSENT, span_str(k->id));
    town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, k->revision);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    demur_scope_cosign(&scope, w->fingerprint, span_str(k->id), k->revision);
    CHECK_ERR(demur_ring_sign(&out, &ring, secret, buf_span(&scope), buf_span(&w->out), entropy),
              DEMUR_OK);
    demur_put_bytes(&w->out, DEMUR_FIELD_PROOF, buf_span(&out));
}

TEST(proofs_that_wait_for_one_ring_are_one_batch)
{
    struct hall *h = hall_new();
    REQUIRE(h);
    struct town_case k, twin, other;
    CHECK_ERR(town_circulate(h->w, 0, 0, h->w->now + 7 * DAY, &k), DEMUR_OK);
    CHECK_ERR(town_circulate(h->w, 1, 0, h->w->now + 7 * DAY, &twin), DEMUR_OK);
    h->w->hold = true;
    for (size_t i = 1; i < MEMBERS; i++) {
        CHECK_ERR(town_cosign(h->w, i, i % 2 ? &k : &twin, DEMUR_RECORD_COSIGN), DEMUR_OK);
        send_in(h, i % 7 == 3 ? "\nproof " : i % 7 == 5 ? "\ncard " : NULL, false);
    }
    write_outsider(h, &k);
    send_in(h, NULL, false);
    CHECK_ERR(town_file(h->w, 2, 0, "office", &other), DEMUR_OK); /* two proofs */
    send_in(h, NULL, false);
    open_door(h);
    CHECK(batches(h) == 1 && h->metrics.proofs.sum == MEMBERS + 2);
    CHECK(h->metrics.proofs_bad == 6 + 1);
    check_verdicts(h);
    hall_free(h);
}

/* A part is a ring of its own, and so is what another part is about; what nobody can be in
 * is told to everybody who says so. */
TEST(proofs_about_other_rings_are_other_batches)
{
    struct hall *h = hall_new();
    REQUIRE(h);
    static const char *const parts[] = {"team=red", "team=blue", "team=blue,red"};
    struct town_case k;
    CHECK_ERR(town_circulate(h->w, 0, 0, h->w->now + 7 * DAY, &k), DEMUR_OK);
    h->w->hold = true;
    for (size_t i = 0; i < 9; i++) {
        town_begin(h->w, DEMUR_RECORD_COSIGN);
        demur_put_text(&h->w->out, DEMUR_FIELD_DISSENT, span_str(k.id));
        demur_put_text(&h->w->out, DEMUR_FIELD_SUBSET, span_str(parts[i % 3]));
        town_put_random_blob(h->w, DEMUR_FIELD_CARD, 4096);
        demur_put_number(&h->w->out, DEMUR_FIELD_REVISION, k.revision);
        demur_put_hash(&h->w->out, DEMUR_FIELD_COMMITMENT, k.commitment);
        CHECK_ERR(town_put_proof(h->w, DEMUR_FIELD_PROOF, i + 1, &k, 0), DEMUR_OK);
        send_in(h, NULL, false);
    }
    for (size_t i = 1; i < 4; i++) {
        CHECK_ERR(town_cosign(h->w, i, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
        send_in(h, NULL, false);
    }
    open_door(h);
    CHECK(batches(h) == 1 && h->metrics.proofs.sum == 3); /* in no part is anybody */
    check_verdicts(h);
    hall_free(h);
}

/* Forty that were made with care to cost sums over the ring wait already, sent by whoever
 * has sent such before: who comes then does not wait for them, nor is in a batch with them;
 * and they are told as well. */
TEST(proofs_of_the_distrusted_wait_apart)
{
    struct hall *h = hall_new();
    REQUIRE(h);
    struct town_case k;
    size_t flood = test_quick() ? 10 : 40;
    CHECK_ERR(town_circulate(h->w, 0, 0, h->w->now + 7 * DAY, &k), DEMUR_OK);
    h->w->hold = true;
    write_outsider(h, &k);
    for (size_t i = 0; i < flood; i++)
        send_in(h, NULL, true);
    for (size_t i = 1; i < 6; i++) {
        CHECK_ERR(town_cosign(h->w, i, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
        send_in(h, NULL, false);
    }
    open_door(h);
    CHECK(batches(h) == 2 && h->metrics.proofs_bad == flood);
    for (size_t i = flood; i < h->n; i++)
        CHECK(h->list[i].when <= 5);
    check_verdicts(h);
    hall_free(h);
}

/* ---- over sockets ------------------------------------------------------------------ */

#define CROWD 11

static bool post_begin(struct fixture *f, int *fd, struct span record)
{
    static uint8_t bytes[16384];
    struct buf b = buf_over(bytes, sizeof bytes);
    char head[300];
    int n = snprintf(head, sizeof head,
                     "POST /append HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " FIXTURE_TOKEN
                     "\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                     record.len);
    buf_put(&b, head, (size_t)n);
    buf_put_span(&b, record);
    *fd = fixture_connect(f);
    return *fd >= 0 && send(*fd, b.p, b.len, MSG_NOSIGNAL) == (ssize_t)b.len;
}

static void answer_read(int fd, char *out, size_t cap)
{
    size_t len = 0;
    ssize_t n;
    while (len < cap - 1 && (n = recv(fd, out + len, cap - 1 - len, 0)) > 0)
        len += (size_t)n;
    out[len] = 0;
    close(fd);
}

/* The members all sign at once, and some of what arrives is bad: every good one is in the
 * log, with a receipt; every bad one is told what is wrong with it. */
TEST(signatures_sent_at_once_are_each_answered)
{
    struct fixture *f = fixture_new();
    REQUIRE(f);
    struct town_case k;
    static uint8_t records[CROWD][12000];
    static char answer[1 << 16];
    size_t lens[CROWD];
    int fds[CROWD];
    REQUIRE(fixture_people(f, CROWD + 1));
    CHECK_ERR(town_circulate(f->w, 0, 0, f->w->now + 7 * DAY, &k), DEMUR_OK);
    REQUIRE(fixture_put_blobs(f) && fixture_send(f));
    for (size_t i = 0; i < CROWD; i++) {
        /* Kept by the town, so that its card's bytes are known; the log comes to another order. */
        CHECK_ERR(town_cosign(f->w, i + 1, &k, DEMUR_RECORD_COSIGN), DEMUR_OK);
        REQUIRE(fixture_put_blobs(f));
        struct span text = fixture_record(f, f->w->entries_len - 1);
        lens[i] = text.len;
        memcpy(records[i], text.p, text.len);
        if (i % 4 == 3) {
            char *at = strstr((char *)records[i], "\ncommitment ") + strlen("\ncommitment ");
            *at = *at == '1' ? '2' : '1';
        }
    }
    for (size_t i = 0; i < CROWD; i++)
        REQUIRE(post_begin(f, &fds[i], span_of(records[i], lens[i])));
    for (size_t i = 0; i < CROWD; i++) {
        answer_read(fds[i], answer, sizeof answer);
        bool bad = i % 4 == 3;
        if (strncmp(answer, bad ? "HTTP/1.1 403" : "HTTP/1.1 200", 12) != 0 ||
            !strstr(answer, bad ? "the ring signature in proof does not verify: the ring signature "
                                  "does not hold for this ring, scope and message"
                                : "c2sp.org/tlog-proof"))
            test_failed(__FILE__, __LINE__, "signature %zu: %.600s", i, answer);
    }
    static struct fixture_answer a;
    CHECK(fixture_ask(f, &a, "GET", "/metrics", span_of(NULL, 0)));
    a.body[a.len < sizeof a.body ? a.len : sizeof a.body - 1] = 0;
    CHECK(strstr((char *)a.body, "\ndemur_proofs_bad_total 2\n"));
    CHECK(strstr((char *)a.body, "\ndemur_batch_proofs_sum 13\n"));
    fixture_free(f);
}
