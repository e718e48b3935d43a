/* A small age on demur's core, for tests/interop/age. Reads standard input,
 * writes standard output, a chunk at a time:
 *   keygen HEX              print the identity of 32 secret bytes, and its recipient
 *   seal RECIPIENT...       open IDENTITY...
 *   seal-pass TEXT LOG2N    open-pass TEXT MAX-LOG2N
 *   wrap HEX                unwrap HEX     (whole files, at most 1 MiB)
 *   handout HEX MEMBERS PLACE RECIPIENT    the key of these secret bytes, to so many members,
 *                                          one of whom has this recipient
 * Status 0, 1 refused (the reason on standard error), 2 used wrongly. */
#include <sodium.h>

#include "../../core/age.h"
#include "../../core/encode.h"
#include "../../core/handout.h"

#define KEYS_MAX 16

static int refused(const struct demur_diag *diag)
{
    fprintf(stderr, "%s: %s\n", demur_err_name(diag->code), diag->text);
    return 1;
}

static bool put(struct span s) { return fwrite(s.p, 1, s.len, stdout) == s.len; }

/* Standard input in whole blocks, the last one short. */
static size_t get(uint8_t *room, size_t len) { return fread(room, 1, len, stdin); }

static int keygen(const char *hex)
{
    uint8_t secret[DEMUR_AGE_KEY_LEN], room[256];
    struct demur_age_identity id;
    if (demur_hex_exact(secret, sizeof secret, span_str(hex)) != DEMUR_OK)
        return 2;
    demur_age_identity_init(&id, secret);
    struct demur_age_recipient r = demur_age_identity_recipient(&id);
    struct buf out = buf_over(room, sizeof room);
    demur_age_identity_encode(&out, &id);
    buf_put_byte(&out, '\n');
    demur_age_recipient_encode(&out, &r);
    buf_put_byte(&out, '\n');
    return put(buf_span(&out)) ? 0 : 1;
}

/* `head` is a finished header; the payload streams after it. */
static int write_payload(struct buf *head, const uint8_t *entropy)
{
    static uint8_t plain[2][DEMUR_AGE_CHUNK_LEN], sealed[DEMUR_AGE_SEALED_CHUNK_LEN];
    struct demur_age_stream w;
    demur_age_writer_init(&w, head, entropy, entropy + DEMUR_AGE_FILE_KEY_LEN);
    if (!put(buf_span(head)))
        return 1;
    size_t len = get(plain[0], sizeof plain[0]);
    for (int now = 0;; now = !now) {
        size_t next = len == sizeof plain[0] ? get(plain[!now], sizeof plain[0]) : 0;
        struct buf out = buf_over(sealed, sizeof sealed);
        struct span chunk = span_of(plain[now], len);
        enum demur_err err = next ? demur_age_writer_push(&w, &out, chunk)
                                  : demur_age_writer_finish(&w, &out, chunk);
        if (err != DEMUR_OK || !put(buf_span(&out)))
            return 1;
        if (!next)
            return 0;
        len = next;
    }
}

static int seal(char **texts, size_t n)
{
    static uint8_t head_room[DEMUR_AGE_HEADER_MAX + 64];
    struct demur_age_recipient recipients[KEYS_MAX];
    struct demur_diag diag;
    uint8_t entropy[DEMUR_AGE_ENTROPY_LEN(KEYS_MAX)];
    randombytes_buf(entropy, sizeof entropy);
    for (size_t i = 0; i < n; i++)
        if (demur_age_recipient_parse(&recipients[i], span_str(texts[i]), &diag) != DEMUR_OK)
            return refused(&diag);
    struct buf head = buf_over(head_room, sizeof head_room);
    struct span ephemerals = span_of(entropy + DEMUR_AGE_ENTROPY_LEN(0), n * DEMUR_AGE_KEY_LEN);
    if (demur_age_header_write(&head, entropy, recipients, n, ephemerals, NULL, 0, &diag) !=
        DEMUR_OK)
        return refused(&diag);
    return write_payload(&head, entropy);
}

static int seal_pass(const char *pass, unsigned log2n)
{
    uint8_t entropy[DEMUR_AGE_SYMMETRIC_ENTROPY_LEN], head_room[512];
    struct demur_diag diag;
    randombytes_buf(entropy, sizeof entropy);
    struct buf head = buf_over(head_room, sizeof head_room);
    if (demur_age_header_write_scrypt(&head, entropy, span_str(pass), log2n, entropy + 32, &diag) !=
        DEMUR_OK)
        return refused(&diag);
    return write_payload(&head, entropy);
}

/* With n identities, or, when there are none, the passphrase. */
static int open_stream(const struct demur_age_identity *ids, size_t n, const char *pass,
                       unsigned max_log2n)
{
    static uint8_t in[2 * DEMUR_AGE_SEALED_CHUNK_LEN], plain[DEMUR_AGE_CHUNK_LEN];
    uint8_t file_key[DEMUR_AGE_FILE_KEY_LEN];
    struct demur_age_header h;
    struct demur_age_stream r;
    struct demur_diag diag;
    size_t have = get(in, sizeof in);
    enum demur_err err = demur_age_header_parse(&h, span_of(in, have), DEMUR_AGE_HEADER_MAX, &diag);
    if (err == DEMUR_OK)
        err = pass ? demur_age_header_unwrap_scrypt(file_key, &h, span_str(pass), max_log2n, &diag)
                   : demur_age_header_unwrap(file_key, &h, ids, n, &diag);
    if (err != DEMUR_OK)
        return refused(&diag);
    demur_age_reader_init(&r, file_key, h.nonce.p);
    have -= h.payload_at;
    memmove(in, in + h.payload_at, have);
    for (bool last = false; !last;) {
        have += get(in + have, sizeof in - have);
        last = have < DEMUR_AGE_SEALED_CHUNK_LEN;
        size_t len = last ? have : DEMUR_AGE_SEALED_CHUNK_LEN;
        struct buf out = buf_over(plain, sizeof plain);
        err = last ? demur_age_reader_finish(&r, &out, span_of(in, len), &diag)
                   : demur_age_reader_push(&r, &out, span_of(in, len), &diag);
        if (!put(buf_span(&out)) || err != DEMUR_OK)
            return refused(&diag);
        have -= len;
        memmove(in, in + len, have);
    }
    return 0;
}

static int open_keys(char **texts, size_t n)
{
    struct demur_age_identity ids[KEYS_MAX];
    struct demur_diag diag;
    for (size_t i = 0; i < n; i++)
        if (demur_age_identity_parse(&ids[i], span_str(texts[i]), &diag) != DEMUR_OK)
            return refused(&diag);
    return open_stream(ids, n, NULL, 0);
}

static int wrap(const char *hex, bool open)
{
    static uint8_t in[1 << 20], room[(1 << 20) + 4096];
    uint8_t key[DEMUR_AGE_KEY_LEN], entropy[DEMUR_AGE_SYMMETRIC_ENTROPY_LEN];
    struct demur_diag diag;
    if (demur_hex_exact(key, sizeof key, span_str(hex)) != DEMUR_OK)
        return 2;
    struct span file = span_of(in, get(in, sizeof in));
    struct buf out = buf_over(room, sizeof room);
    randombytes_buf(entropy, sizeof entropy);
    enum demur_err err =
        open ? demur_age_unwrap(&out, file, key, &diag)
             : demur_age_wrap(&out, file, key, span_of(entropy, sizeof entropy), &diag);
    if (err != DEMUR_OK)
        return refused(&diag);
    return put(buf_span(&out)) ? 0 : 1;
}

/* The others are strangers. */
static int handout(const char *hex, uint64_t members, uint64_t place, const char *recipient)
{
    static uint8_t room[DEMUR_AGE_HEADER_MAX + 512];
    uint8_t secret[DEMUR_AGE_KEY_LEN], entropy[DEMUR_AGE_ENTROPY_LEN(DEMUR_HANDOUT_PART)];
    struct demur_age_recipient to[DEMUR_HANDOUT_PART];
    struct demur_age_identity key, other;
    struct demur_diag diag;
    if (demur_hex_exact(secret, sizeof secret, span_str(hex)) != DEMUR_OK)
        return 2;
    demur_age_identity_init(&key, secret);
    for (uint64_t at = 0; at < members; at += DEMUR_HANDOUT_PART) {
        size_t n = members - at < DEMUR_HANDOUT_PART ? (size_t)(members - at) : DEMUR_HANDOUT_PART;
        for (size_t i = 0; i < n; i++) {
            randombytes_buf(secret, sizeof secret);
            demur_age_identity_init(&other, secret);
            to[i] = demur_age_identity_recipient(&other);
            if (at + i == place &&
                demur_age_recipient_parse(&to[i], span_str(recipient), &diag) != DEMUR_OK)
                return refused(&diag);
        }
        struct buf out = buf_over(room, sizeof room);
        randombytes_buf(entropy, sizeof entropy);
        if (demur_handout_put(&out, &key, to, n, span_of(entropy, DEMUR_AGE_ENTROPY_LEN(n)),
                              &diag) != DEMUR_OK)
            return refused(&diag);
        if (!put(buf_span(&out)))
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0 || argc < 3 || argc - 2 > KEYS_MAX)
        return 2;
    struct span verb = span_str(argv[1]);
    size_t n = (size_t)argc - 2;
    uint64_t log2n = 0;
    if (n == 1 && span_eq_str(verb, "keygen"))
        return keygen(argv[2]);
    if (n == 1 && (span_eq_str(verb, "wrap") || span_eq_str(verb, "unwrap")))
        return wrap(argv[2], verb.p[0] == 'u');
    if (span_eq_str(verb, "seal"))
        return seal(argv + 2, n);
    if (span_eq_str(verb, "open"))
        return open_keys(argv + 2, n);
    uint64_t members, place;
    if (n == 4 && span_eq_str(verb, "handout") &&
        span_u64(span_str(argv[3]), DEMUR_HANDOUT_PART * 8, &members) &&
        span_u64(span_str(argv[4]), members, &place))
        return handout(argv[2], members, place, argv[5]);
    if (n != 2 || !span_u64(span_str(argv[3]), 30, &log2n))
        return 2;
    if (span_eq_str(verb, "seal-pass"))
        return seal_pass(argv[2], (unsigned)log2n);
    if (span_eq_str(verb, "open-pass"))
        return open_stream(NULL, 0, argv[2], (unsigned)log2n);
    return 2;
}
