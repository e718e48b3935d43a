/* phrase.c - see phrase.h. */
#include "phrase.h"

#include "hash.h"

#define WORD_LEN DEMUR_PROQUINT_LEN

static const char consonants[17] = "bdfghjklmnprstvz";
static const char vowels[5] = "aiou";

/* Where each letter stands in its word's 16 bits, and of which alphabet. */
static const struct {
    const char *alphabet;
    unsigned size, shift;
} places[WORD_LEN] = {
    {consonants, 16, 12}, {vowels, 4, 10}, {consonants, 16, 6}, {vowels, 4, 4}, {consonants, 16, 0},
};

/* 0xFF when a == b, else 0; both below 256. */
static unsigned equal_mask(unsigned a, unsigned b) { return ((a ^ b) - 1) >> 8 & 0xFF; }

void demur_proquint_encode(struct buf *out, uint16_t value)
{
    uint8_t *at = buf_reserve(out, WORD_LEN);
    for (size_t i = 0; at && i < WORD_LEN; i++) {
        unsigned want = value >> places[i].shift & (places[i].size - 1), letter = 0;
        for (unsigned k = 0; k < places[i].size; k++)
            letter |= equal_mask(k, want) & (uint8_t)places[i].alphabet[k];
        at[i] = (uint8_t)letter;
    }
}

unsigned demur_proquint_bits(uint16_t *value, const uint8_t word[static DEMUR_PROQUINT_LEN])
{
    unsigned all = 0xFF, v = 0;
    for (size_t i = 0; i < WORD_LEN; i++) {
        unsigned matched = 0;
        for (unsigned k = 0; k < places[i].size; k++) {
            unsigned letter = (uint8_t)places[i].alphabet[k];
            unsigned hit = equal_mask(word[i], letter) | equal_mask(word[i], letter - 0x20);
            matched |= hit;
            v |= (hit & k) << places[i].shift;
        }
        all &= matched;
    }
    *value = (uint16_t)v;
    return all;
}

enum demur_err demur_proquint_decode(uint16_t *value, struct span word)
{
    uint16_t v;
    if (word.len != WORD_LEN || !demur_proquint_bits(&v, word.p))
        return DEMUR_ERR_SYNTAX;
    *value = v;
    return DEMUR_OK;
}

static void check_word(uint8_t out[static 2], const uint8_t secret[static DEMUR_PHRASE_SECRET_LEN])
{
    uint8_t hash[DEMUR_HASH_LEN];
    struct span part = span_of(secret, DEMUR_PHRASE_SECRET_LEN);
    demur_hash_spans(hash, "demur v1 phrase", &part, 1);
    memcpy(out, hash, 2);
    sodium_memzero(hash, sizeof hash);
}

void demur_phrase_encode(struct buf *out, const uint8_t secret[static DEMUR_PHRASE_SECRET_LEN])
{
    uint8_t bytes[2 * DEMUR_PHRASE_WORDS];
    memcpy(bytes, secret, DEMUR_PHRASE_SECRET_LEN);
    check_word(bytes + DEMUR_PHRASE_SECRET_LEN, secret);
    for (size_t i = 0; i < DEMUR_PHRASE_WORDS; i++) {
        if (i)
            buf_put_byte(out, '-');
        demur_proquint_encode(out, be16_load(bytes + 2 * i));
    }
    sodium_memzero(bytes, sizeof bytes);
}

/* Bytes of the separator that `s` begins with, 0 for none. */
static size_t separator_len(struct span s)
{
    if (s.len &&
        (s.p[0] == ' ' || s.p[0] == '-' || s.p[0] == '\t' || s.p[0] == '\r' || s.p[0] == '\n'))
        return 1;
    if (span_starts(s, "\xC2\xA0")) /* U+00A0 */
        return 2;
    if (s.len >= 3 && span_starts(s, "\xE2\x80") && s.p[2] >= 0x90 && s.p[2] <= 0x95)
        return 3; /* U+2010 to U+2015 */
    return 0;
}

static struct span next_word(struct span *rest)
{
    for (size_t n; (n = separator_len(*rest)) > 0;)
        *rest = span_skip(*rest, n);
    size_t len = 0;
    while (len < rest->len && !separator_len(span_skip(*rest, len)))
        len++;
    struct span word = span_take(*rest, len);
    *rest = span_skip(*rest, len);
    return word;
}

static enum demur_err bad_word(struct span word, uint32_t number, struct demur_diag *diag)
{
    char shown[25];
    size_t n = word.len < sizeof shown - 1 ? word.len : sizeof shown - 1;
    for (size_t i = 0; i < n; i++)
        shown[i] = word.p[i] > ' ' && word.p[i] < 0x7F ? (char)word.p[i] : '?';
    shown[n] = 0;
    enum demur_err err = demur_fail_at(
        diag, DEMUR_ERR_SYNTAX, 0, number, "phrase",
        "word %u of the phrase, \"%s\"%s, is not one of its words: compare it with what was "
        "written down (five letters, such as \"lusab\")",
        (unsigned)number, shown, word.len > n ? " and so on" : "");
    sodium_memzero(shown, sizeof shown);
    return err;
}

enum demur_err demur_phrase_decode(uint8_t secret[static DEMUR_PHRASE_SECRET_LEN], struct span text,
                                   struct demur_diag *diag)
{
    uint8_t bytes[2 * DEMUR_PHRASE_WORDS] = {0}, check[2];
    uint32_t words = 0;
    enum demur_err err = DEMUR_OK;
    for (struct span word; (word = next_word(&text)).len > 0;) {
        uint16_t value = 0;
        words++;
        if (demur_proquint_decode(&value, word) != DEMUR_OK) {
            err = bad_word(word, words, diag);
            goto out;
        }
        if (words > DEMUR_PHRASE_WORDS)
            continue;
        bytes[2 * words - 2] = (uint8_t)(value >> 8);
        bytes[2 * words - 1] = (uint8_t)value;
    }
    if (words != DEMUR_PHRASE_WORDS) {
        err = demur_fail_at(diag, words < DEMUR_PHRASE_WORDS ? DEMUR_ERR_MISSING : DEMUR_ERR_SYNTAX,
                            0, 0, "phrase", "the phrase has %u words and must have %d: %s",
                            (unsigned)words, DEMUR_PHRASE_WORDS,
                            words < DEMUR_PHRASE_WORDS ? "find the missing ones"
                                                       : "leave out what does not belong to it");
        goto out;
    }
    check_word(check, bytes);
    if (sodium_memcmp(check, bytes + DEMUR_PHRASE_SECRET_LEN, sizeof check) != 0) {
        err = demur_fail_at(diag, DEMUR_ERR_KEY, 0, 0, "phrase",
                            "some word of the phrase is wrong, or two are exchanged: every word "
                            "is well formed but the ninth does not fit the other eight");
        goto out;
    }
    memcpy(secret, bytes, DEMUR_PHRASE_SECRET_LEN);
out:
    sodium_memzero(bytes, sizeof bytes);
    return err;
}
