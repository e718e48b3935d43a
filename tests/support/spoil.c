#include "spoil.h"

#include "../../core/encode.h"
#include "../../core/ring.h"
#include "town.h"

#define T0 1795186800u /* Friday 20 November 2026, 15:00 UTC */
#define DAY 86400u

/* The n-th of the values that a byte is altered to; SPOIL_ALL of them are all. */
static uint8_t other_value(uint64_t *seed, uint8_t is, size_t n, size_t values)
{
    static const char common[] = "ABCabc019+/=_-\n ";
    uint64_t r = test_random_u64(seed);
    uint8_t to = (uint8_t)(is + 1 + n);
    if (values != SPOIL_ALL)
        to = r & 1 ? (uint8_t)(is ^ (1u << (r >> 1) % 8)) : (uint8_t)common[(r >> 1) % 16];
    return to == is ? (uint8_t)(is ^ 1) : to;
}

size_t spoil_signature(uint64_t seed, size_t values)
{
    uint8_t keys[3][32], secret[32], entropy[64], bytes[64], tag[32];
    uint8_t mem[DEMUR_RING_SIGNATURE_MAX];
    struct demur_ring ring;
    struct buf out = buf_over(mem, sizeof mem);
    struct span scope = span_lit("cosign a b 1"), message = span_lit("message");
    for (size_t i = 0; i < 3; i++) {
        test_random(&seed, bytes, 64);
        demur_ring_key_from_seed(secret, keys[i], bytes);
    }
    test_random(&seed, entropy, 64);
    demur_ring_sort(keys, 3);
    CHECK_ERR(demur_ring_init(&ring, (const uint8_t(*)[32])keys, 3, NULL), DEMUR_OK);
    CHECK_ERR(demur_ring_sign(&out, &ring, secret, scope, message, entropy), DEMUR_OK);
    CHECK_ERR(demur_ring_verify(buf_span(&out), &ring, scope, message, tag, NULL), DEMUR_OK);
    for (size_t at = 0; at < out.len; at++) {
        uint8_t is = mem[at];
        for (size_t n = 0; n < values; n++) {
            mem[at] = other_value(&seed, is, n, values);
            if (demur_ring_verify(buf_span(&out), &ring, scope, message, tag, NULL) == DEMUR_OK)
                test_failed(__FILE__, __LINE__, "byte %zu may be %02x or %02x", at, is, mem[at]);
        }
        mem[at] = is;
    }
    return out.len * values;
}

/* ---- in a record ---- */

static const char policy[] =
    "demur policy v1\n"
    "policy plain\n  title Plain\n  calendar plain\n"
    "attribute team\n  values red or blue\n"
    "role office\n  title Office\nrole keeper\n  title Keeper\n"
    "eligible everyone\nroster\n  kept-by keeper\nring\n  at-least 3 members\n"
    "filing\n  quota 9 each month\n  identity named\n  circulation at-most 60 days\n"
    "attachments\n  at-most 2\n  each 1 MiB\n  together 2 MiB\n"
    "distribution\n  must office\n"
    "stage filed\n  title Filed\nstage replied\n  title Replied\n  final replied\n"
    "stage withdrawn\n  title Withdrawn\n  final withdrawn\n"
    "step reply\n  title Reply\n  by office\n  from filed\n  to replied\n"
    "step withdraw\n  title Withdraw\n  by author\n  taken-as withdraw\n  from filed\n"
    "  to withdrawn\n";

/* A town in which a good co-signature is written; NULL when it cannot be. */
static struct town *about_to_sign(void)
{
    struct town *w = town_plain(T0 - DAY, 4, policy);
    struct town_case k;
    if (!w)
        return NULL;
    w->now = T0;
    enum demur_err err = town_circulate(w, 0, 0, T0 + 7 * DAY, &k);
    w->hold = true;
    if (!err)
        err = town_cosign(w, 1, &k, DEMUR_RECORD_COSIGN);
    w->hold = false;
    if (!err)
        return w;
    test_failed(__FILE__, __LINE__, "%s", w->diag.text);
    town_free(w);
    return NULL;
}

static void refused(struct town *w, size_t at, const char *how)
{
    if (town_send(w, span_of(NULL, 0)) == DEMUR_OK)
        test_failed(__FILE__, __LINE__, "with byte %zu %s the record counts", at, how);
}

static void accepted(struct town *w, const uint8_t *good, size_t len)
{
    memcpy(w->record, good, len);
    w->out.len = len;
    CHECK_ERR(town_send(w, span_of(NULL, 0)), DEMUR_OK);
}

/* Left out, put in, and cut. */
static void spoil_length(struct town *w, size_t at, const uint8_t *good, size_t len)
{
    memcpy(w->record + at, good + at + 1, len - at - 1);
    w->out.len = len - 1;
    refused(w, at, "left out");
    memcpy(w->record + at + 1, good + at, len - at);
    w->record[at] = good[at] == 'A' ? 'B' : 'A';
    w->out.len = len + 1;
    refused(w, at, "put before");
    memcpy(w->record, good, len);
    w->out.len = at;
    refused(w, at, "the end");
    w->out.len = len;
}

size_t spoil_record(uint64_t seed, size_t values, size_t step)
{
    static uint8_t good[DEMUR_RECORD_MAX];
    struct town *w = about_to_sign();
    size_t tried = 0;
    if (!w)
        return 0;
    size_t len = w->out.len, proof = len;
    memcpy(good, w->record, len);
    while (proof > 6 && memcmp(good + proof - 6, "proof ", 6) != 0)
        proof--;
    for (size_t at = 0; at < len; at += at < proof || at + 3 >= len ? 1 : step) {
        for (size_t n = 0; n < values; n++, tried++) {
            w->record[at] = other_value(&seed, good[at], n, values);
            refused(w, at, "altered");
        }
        w->record[at] = good[at];
        spoil_length(w, at, good, len);
        tried += 3;
    }
    accepted(w, good, len);
    town_free(w);
    return tried;
}

size_t spoil_proof(uint64_t seed, size_t values, size_t step)
{
    static uint8_t good[DEMUR_RECORD_MAX];
    uint8_t proof[DEMUR_RING_SIGNATURE_MAX];
    struct town *w = about_to_sign();
    size_t tried = 0;
    if (!w)
        return 0;
    struct buf bytes = buf_over(proof, sizeof proof);
    size_t len = w->out.len, from = len;
    memcpy(good, w->record, len);
    while (from > 6 && memcmp(good + from - 6, "proof ", 6) != 0)
        from--;
    CHECK_ERR(demur_base64_decode(&bytes, span_of(good + from, len - from - 1)), DEMUR_OK);
    for (size_t at = 0; at < bytes.len; at += step) {
        uint8_t is = proof[at];
        for (size_t n = 0; n < values; n++, tried++) {
            proof[at] = other_value(&seed, is, n, values);
            w->out.len = from;
            demur_base64_encode(&w->out, buf_span(&bytes));
            buf_put_byte(&w->out, '\n');
            refused(w, at, "of its proof altered");
        }
        proof[at] = is;
    }
    accepted(w, good, len);
    town_free(w);
    return tried;
}
