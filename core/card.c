#include "card.h"

#include <sodium.h>

#include "civil.h"
#include "encode.h"
#include "lines.h"
#include "record.h"
#include "ring.h"

#define NAME_MAX_BYTES 200
#define WORD_MAX 64

void demur_scope_cosign(struct buf *out, const uint8_t channel[static 32], struct span dissent,
                        uint64_t revision)
{
    buf_put_str(out, "cosign ");
    demur_hex_encode(out, span_of(channel, 32));
    buf_put_byte(out, ' ');
    buf_put_span(out, dissent);
    buf_put_byte(out, ' ');
    buf_put_u64(out, revision);
}

void demur_scope_file(struct buf *out, const uint8_t channel[static 32], uint32_t epoch,
                      uint64_t slot)
{
    buf_put_str(out, "file ");
    demur_hex_encode(out, span_of(channel, 32));
    buf_put_byte(out, ' ');
    demur_epoch_put(out, epoch);
    buf_put_byte(out, ' ');
    buf_put_u64(out, slot);
}

/* ---- parsing ---- */

static bool audience_ok(struct span value)
{
    struct span last = {0};
    for (bool more = true; more;) {
        struct span role = span_split(&value, ',', &more);
        if (!demur_word_ok(role) || role.len > WORD_MAX || span_cmp(last, role) >= 0)
            return false;
        last = role;
    }
    return true;
}

static const char *const names[] = {"channel",  "dissent",  "revision", "commitment",
                                    "tag",      "audience", "handle",   "name",
                                    "ring-key", "claim",    "key",      "sig"};
enum {
    CHANNEL,
    DISSENT,
    REVISION,
    COMMITMENT,
    TAG,
    AUDIENCE,
    HANDLE,
    NAME,
    RING_KEY,
    CLAIM,
    KEY,
    SIG,
    FIELDS,
};

static bool take_value(struct demur_card *card, int field, struct span value)
{
    uint64_t number = 0;
    switch (field) {
    case CHANNEL:
        return demur_hex_exact(card->channel, 32, value) == DEMUR_OK;
    case DISSENT:
        card->dissent = value;
        return demur_dissent_id_ok(value);
    case REVISION:
        if (!span_u64(value, UINT32_MAX, &number) || number == 0)
            return false;
        card->revision = (uint32_t)number;
        return true;
    case COMMITMENT:
        return demur_hex_exact(card->commitment, 32, value) == DEMUR_OK;
    case TAG:
        return demur_base64_exact(card->tag, 32, value) == DEMUR_OK;
    case AUDIENCE:
        card->audience = value;
        return audience_ok(value);
    case HANDLE:
        card->handle = value;
        return demur_word_ok(value) && value.len <= WORD_MAX;
    case NAME:
        card->name = value;
        return value.len > 0 && value.len <= NAME_MAX_BYTES && value.p[0] != ' ';
    case RING_KEY:
        return demur_base64_exact(card->ring_key, 32, value) == DEMUR_OK;
    case CLAIM:
        return demur_base64_exact(card->claim, 64, value) == DEMUR_OK;
    case KEY:
        return demur_base64_exact(card->key, 32, value) == DEMUR_OK;
    default:
        return demur_base64_exact(card->sig, 64, value) == DEMUR_OK;
    }
}

enum demur_err demur_card_parse(struct demur_card *out, struct span plain, struct demur_diag *diag)
{
    if (plain.len != DEMUR_CARD_LEN)
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "a name card has %d bytes, this one %zu",
                          DEMUR_CARD_LEN, plain.len);
    size_t len = plain.len;
    while (len && plain.p[len - 1] == 0)
        len--;
    struct demur_lines lines;
    struct demur_card card = {0};
    enum demur_err err = demur_lines_init(&lines, span_take(plain, len), DEMUR_CARD_LEN, diag);
    if (!err)
        err = demur_lines_header(&lines, "card", diag);
    struct span line;
    int field = 0;
    for (; !err && demur_lines_next(&lines, &line); field++) {
        bool parted;
        struct span value = line, name = span_split(&value, ' ', &parted);
        if (field == FIELDS || !parted || !span_eq_str(name, names[field]) ||
            !take_value(&card, field, value))
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, lines.line, 1,
                                 field < FIELDS ? names[field] : "",
                                 "line %u of the name card is not what it should be", lines.line);
        struct span before = span_of(plain.p, (size_t)(line.p - plain.p));
        if (field == CLAIM)
            card.claimed = before;
        if (field == SIG)
            card.signed_text = before;
    }
    if (!err && field < FIELDS)
        err = demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, names[field],
                            "the name card has no \"%s\"", names[field]);
    if (!err)
        *out = card;
    return err;
}

/* ---- writing ---- */

static void put_name(struct buf *out, int field)
{
    buf_put_str(out, names[field]);
    buf_put_byte(out, ' ');
}

static void put_text(struct buf *out, int field, struct span value)
{
    put_name(out, field);
    buf_put_span(out, value);
    buf_put_byte(out, '\n');
}

static void put_hash(struct buf *out, int field, const uint8_t hash[static 32])
{
    put_name(out, field);
    demur_hex_encode(out, span_of(hash, 32));
    buf_put_byte(out, '\n');
}

static void put_bytes(struct buf *out, int field, const uint8_t *bytes, size_t len)
{
    put_name(out, field);
    demur_base64_encode(out, span_of(bytes, len));
    buf_put_byte(out, '\n');
}

static void put_about(struct buf *out, const struct demur_card_about *about)
{
    buf_put_str(out, "demur card v1\n");
    put_hash(out, CHANNEL, about->channel);
    put_text(out, DISSENT, about->dissent);
    put_name(out, REVISION);
    buf_put_u64(out, about->revision);
    buf_put_byte(out, '\n');
    put_hash(out, COMMITMENT, about->commitment);
    put_bytes(out, TAG, about->tag, 32);
}

static void fill(struct buf *out)
{
    size_t left = out->cap - out->len;
    uint8_t *at = buf_reserve(out, left);
    if (at)
        memset(at, 0, left);
}

void demur_card_put(struct buf *out, const struct demur_card *card)
{
    uint8_t bytes[DEMUR_CARD_LEN];
    struct buf text = buf_over(bytes, sizeof bytes);
    struct demur_card_about about = {card->channel, card->dissent, card->revision, card->commitment,
                                     card->tag};
    put_about(&text, &about);
    put_text(&text, AUDIENCE, card->audience);
    put_text(&text, HANDLE, card->handle);
    put_text(&text, NAME, card->name);
    put_bytes(&text, RING_KEY, card->ring_key, 32);
    put_bytes(&text, CLAIM, card->claim, 64);
    put_bytes(&text, KEY, card->key, 32);
    put_bytes(&text, SIG, card->sig, 64);
    fill(&text);
    if (buf_ok(&text))
        buf_put_span(out, buf_span(&text));
    else
        out->overflow = true;
    sodium_memzero(bytes, sizeof bytes);
}

static void put_audience(struct buf *out, const struct span *audience, size_t len)
{
    put_name(out, AUDIENCE);
    for (size_t i = 0; i < len; i++) {
        if (i)
            buf_put_byte(out, ',');
        buf_put_span(out, audience[i]);
    }
    buf_put_byte(out, '\n');
}

/* Does what is given make a card? It is read with nothing secret beside it: reading takes the
 * time that the text wants. */
static enum demur_err check_given(const struct demur_card_about *about, const struct span *audience,
                                  size_t audience_len, struct span handle, struct span name,
                                  struct demur_diag *diag)
{
    static const uint8_t none[64];
    uint8_t bytes[DEMUR_CARD_LEN];
    struct buf text = buf_over(bytes, sizeof bytes);
    struct demur_card card;
    put_about(&text, about);
    put_audience(&text, audience, audience_len);
    put_text(&text, HANDLE, handle);
    put_text(&text, NAME, name);
    put_bytes(&text, RING_KEY, none, 32);
    put_bytes(&text, CLAIM, none, 64);
    put_bytes(&text, KEY, none, 32);
    put_bytes(&text, SIG, none, 64);
    fill(&text);
    enum demur_err err =
        buf_ok(&text)
            ? demur_card_parse(&card, buf_span(&text), diag)
            : demur_fail(diag, DEMUR_ERR_LIMIT,
                         "the name card is too small for that many offices and that long a name: "
                         "shorten the name");
    sodium_memzero(bytes, sizeof bytes);
    return err;
}

enum demur_err demur_card_make(uint8_t out[static DEMUR_CARD_LEN],
                               const struct demur_card_about *about, const struct span *audience,
                               size_t audience_len, struct span handle, struct span name,
                               const uint8_t ring_secret[static 32],
                               const uint8_t secret_key[static 64],
                               const uint8_t entropy[static 64], struct demur_diag *diag)
{
    struct buf text = buf_over(out, DEMUR_CARD_LEN);
    uint8_t scope_text[DEMUR_SCOPE_MAX], ring_key[32], claim[64], sig[64];
    struct buf scope = buf_over(scope_text, sizeof scope_text);
    enum demur_err err = check_given(about, audience, audience_len, handle, name, diag);
    if (err)
        return err;
    demur_scope_cosign(&scope, about->channel, about->dissent, about->revision);
    put_about(&text, about);
    put_audience(&text, audience, audience_len);
    put_text(&text, HANDLE, handle);
    put_text(&text, NAME, name);
    demur_ring_key_public(ring_key, ring_secret);
    put_bytes(&text, RING_KEY, ring_key, 32);
    demur_claim_prove(claim, ring_secret, buf_span(&scope), buf_span(&text), entropy);
    put_bytes(&text, CLAIM, claim, 64);
    put_bytes(&text, KEY, secret_key + 32, 32);
    crypto_sign_detached(sig, NULL, text.p, text.len, secret_key);
    put_bytes(&text, SIG, sig, 64);
    fill(&text);
    return DEMUR_OK;
}

/* ---- checking ---- */

enum demur_err demur_card_check(const struct demur_card *card, const struct demur_card_about *about,
                                struct demur_diag *diag)
{
    if (memcmp(card->channel, about->channel, 32) != 0 || !span_eq(card->dissent, about->dissent))
        return demur_fail(diag, DEMUR_ERR_VERIFY, "the name card is about another dissent");
    if (card->revision != about->revision || memcmp(card->commitment, about->commitment, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY, "the name card is about another text");
    if (memcmp(card->tag, about->tag, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY, "the name card is about another signature");
    uint8_t scope_text[DEMUR_SCOPE_MAX];
    struct buf scope = buf_over(scope_text, sizeof scope_text);
    demur_scope_cosign(&scope, about->channel, about->dissent, about->revision);
    if (!buf_ok(&scope) || demur_claim_verify(card->claim, card->ring_key, card->tag,
                                              buf_span(&scope), card->claimed, NULL) != DEMUR_OK)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the name card's proof of authorship does not hold: whoever made it did "
                          "not make this signature");
    if (crypto_sign_verify_detached(card->sig, card->signed_text.p, card->signed_text.len,
                                    card->key) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "the name card is not signed by the key that it names");
    return DEMUR_OK;
}
