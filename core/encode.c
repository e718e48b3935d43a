/* encode.c - see encode.h. */
#include "encode.h"

#include <sodium.h>

/* 0xFF when lo <= c <= hi, else 0, without a branch. All are below 256. */
static unsigned in_range(unsigned c, unsigned lo, unsigned hi)
{
    return ~(((c - lo) | (hi - c)) >> 8) & 0xFF;
}

/* A radix is a number of bits a digit and two maps, both free of branches and
 * of table look-ups. `value` gives NOT_A_DIGIT, above every value, for a foreign
 * character. digits_put and digits_get are compiled anew for each radix: to call the maps
 * by pointer, a character at a time, was a tenth of what the server does for an append. */
#define NOT_A_DIGIT 0x80
struct radix {
    unsigned bits;
    uint8_t (*digit)(unsigned value);
    unsigned (*value)(unsigned c);
};

/* The value whose range matched, or NOT_A_DIGIT when `matched` is 0. */
static unsigned digit_or_none(unsigned matched, unsigned value)
{
    return (value & matched) | (~matched & NOT_A_DIGIT);
}

static uint8_t hex_digit(unsigned v)
{
    return (uint8_t)('0' + v + (in_range(v, 10, 15) & (unsigned)('a' - '0' - 10)));
}

static unsigned hex_value(unsigned c)
{
    unsigned digit = in_range(c, '0', '9'), letter = in_range(c, 'a', 'f');
    return digit_or_none(digit | letter, (digit & (c - '0')) | (letter & (c - 'a' + 10)));
}

static uint8_t base32_digit(unsigned v)
{
    unsigned letter = in_range(v, 0, 25), digit = in_range(v, 26, 31);
    return (uint8_t)((letter & (v + 'a')) | (digit & (v - 26 + '2')));
}

static unsigned base32_value(unsigned c)
{
    unsigned letter = in_range(c, 'a', 'z'), digit = in_range(c, '2', '7');
    return digit_or_none(letter | digit, (letter & (c - 'a')) | (digit & (c - '2' + 26)));
}

static uint8_t base64_digit(unsigned v)
{
    /* Where v lies above the end of a range, the step to the next range is added: the
     * difference is negative then, and its upper bits are ones. */
    unsigned c = v + 'A';
    c += ((25 - v) >> 8) & (unsigned)('a' - 26 - 'A');
    c -= ((51 - v) >> 8) & (unsigned)('a' - 26 - ('0' - 52));
    c -= ((61 - v) >> 8) & (unsigned)('0' - 52 - ('+' - 62));
    c += ((62 - v) >> 8) & (unsigned)('/' - 63 - ('+' - 62));
    return (uint8_t)c;
}

static unsigned base64_value(unsigned c)
{
    unsigned upper = in_range(c, 'A', 'Z'), lower = in_range(c, 'a', 'z');
    unsigned digit = in_range(c, '0', '9'), plus = in_range(c, '+', '+');
    unsigned slash = in_range(c, '/', '/');
    return digit_or_none(upper | lower | digit | plus | slash,
                         (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
                             (plus & 62) | (slash & 63));
}

/* Every one of the 32 entries is looked at, whichever is wanted. */
static const char bech32_alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint8_t bech32_digit(unsigned v)
{
    unsigned c = 0;
    for (unsigned i = 0; i < 32; i++)
        c |= in_range(v, i, i) & (uint8_t)bech32_alphabet[i];
    return (uint8_t)c;
}

static unsigned bech32_value(unsigned c)
{
    unsigned matched = 0, value = 0;
    for (unsigned i = 0; i < 32; i++) {
        unsigned hit = in_range(c, (uint8_t)bech32_alphabet[i], (uint8_t)bech32_alphabet[i]);
        matched |= hit;
        value |= hit & i;
    }
    return digit_or_none(matched, value);
}

static const struct radix hex = {4, hex_digit, hex_value};
static const struct radix base32 = {5, base32_digit, base32_value};
static const struct radix base64 = {6, base64_digit, base64_value};

static size_t digits_len(unsigned bits, size_t n)
{
    return n / bits * 8 + (n % bits * 8 + bits - 1) / bits;
}

static inline __attribute__((always_inline)) void digits_put(struct buf *out, struct span in,
                                                             const struct radix *r)
{
    if (in.len > SIZE_MAX / 8) {
        out->overflow = true;
        return;
    }
    uint8_t *at = buf_reserve(out, digits_len(r->bits, in.len));
    if (!at)
        return;
    unsigned mask = (1u << r->bits) - 1, held = 0, held_bits = 0;
    for (size_t i = 0; i < in.len; i++) {
        held = (held << 8 | in.p[i]) & 0xFFFF;
        for (held_bits += 8; held_bits >= r->bits; held_bits -= r->bits)
            *at++ = r->digit(held >> (held_bits - r->bits) & mask);
    }
    if (held_bits)
        *at = r->digit(held << (r->bits - held_bits) & mask);
}

static inline __attribute__((always_inline)) enum demur_err
digits_get(struct buf *out, struct span text, const struct radix *r)
{
    size_t before = out->len, tail_bits = text.len % 8 * r->bits % 8;
    if (tail_bits >= r->bits)
        return DEMUR_ERR_SYNTAX;
    uint8_t *at = buf_reserve(out, text.len / 8 * r->bits + text.len % 8 * r->bits / 8);
    if (!at)
        return DEMUR_ERR_SPACE;
    unsigned held = 0, held_bits = 0, foreign = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned v = r->value(text.p[i]);
        foreign |= v & NOT_A_DIGIT;
        held = (held << r->bits | (v & 0x3F)) & 0xFFFF;
        held_bits += r->bits;
        if (held_bits >= 8) {
            held_bits -= 8;
            *at++ = (uint8_t)(held >> held_bits);
        }
    }
    unsigned stray = held & ((1u << held_bits) - 1);
    if (!foreign && !stray)
        return DEMUR_OK;
    out->len = before;
    return foreign ? DEMUR_ERR_SYNTAX : DEMUR_ERR_CANON;
}

void demur_hex_encode(struct buf *out, struct span in) { digits_put(out, in, &hex); }

enum demur_err demur_hex_decode(struct buf *out, struct span text)
{
    return digits_get(out, text, &hex);
}

void demur_base64_bare_encode(struct buf *out, struct span in) { digits_put(out, in, &base64); }

enum demur_err demur_base64_bare_decode(struct buf *out, struct span text)
{
    return digits_get(out, text, &base64);
}

void demur_base64_encode(struct buf *out, struct span in)
{
    digits_put(out, in, &base64);
    for (size_t i = in.len % 3; i == 1 || i == 2; i++)
        buf_put_byte(out, '=');
}

enum demur_err demur_base64_decode(struct buf *out, struct span text)
{
    if (text.len % 4)
        return DEMUR_ERR_SYNTAX;
    size_t pad = 0;
    while (pad < 2 && text.len > pad && text.p[text.len - 1 - pad] == '=')
        pad++;
    return digits_get(out, span_take(text, text.len - pad), &base64);
}

enum demur_err demur_base64_check(struct span text)
{
    uint8_t scratch[48];
    do {
        struct span piece = span_take(text, DEMUR_BASE64_LEN(sizeof scratch));
        text = span_skip(text, piece.len);
        if (text.len && piece.p[piece.len - 1] == '=')
            return DEMUR_ERR_SYNTAX; /* padding before the end */
        struct buf b = buf_over(scratch, sizeof scratch);
        enum demur_err err = demur_base64_decode(&b, piece);
        if (err != DEMUR_OK)
            return err;
    } while (text.len);
    return DEMUR_OK;
}

void demur_base32_encode(struct buf *out, struct span in) { digits_put(out, in, &base32); }

enum demur_err demur_base32_decode(struct buf *out, struct span text)
{
    return digits_get(out, text, &base32);
}

/* A decoder that ran into the end of the buffer had too long a text. */
static enum demur_err exactly(const struct buf *got, enum demur_err err)
{
    if (err == DEMUR_ERR_SPACE || (err == DEMUR_OK && got->len != got->cap))
        return DEMUR_ERR_SYNTAX;
    return err;
}

enum demur_err demur_hex_exact(uint8_t *out, size_t len, struct span text)
{
    struct buf b = buf_over(out, len);
    return exactly(&b, demur_hex_decode(&b, text));
}

enum demur_err demur_base64_exact(uint8_t *out, size_t len, struct span text)
{
    struct buf b = buf_over(out, len);
    return exactly(&b, demur_base64_decode(&b, text));
}

enum demur_err demur_base64_bare_exact(uint8_t *out, size_t len, struct span text)
{
    struct buf b = buf_over(out, len);
    return exactly(&b, demur_base64_bare_decode(&b, text));
}

enum demur_err demur_base32_exact(uint8_t *out, size_t len, struct span text)
{
    struct buf b = buf_over(out, len);
    return exactly(&b, demur_base32_decode(&b, text));
}

/* BIP 173: the BCH code's remainder after one more 5-bit value. */
static uint32_t bech32_step(uint32_t sum, unsigned value)
{
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
    uint32_t top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (unsigned i = 0; i < 5; i++)
        sum ^= generator[i] & (0u - (top >> i & 1));
    return sum;
}

static uint8_t to_lower(uint8_t c) { return (uint8_t)(c + (in_range(c, 'A', 'Z') & 0x20)); }

static uint8_t to_upper(uint8_t c) { return (uint8_t)(c - (in_range(c, 'a', 'z') & 0x20)); }

static uint32_t bech32_hrp_sum(struct span hrp)
{
    uint32_t sum = 1;
    for (size_t i = 0; i < hrp.len; i++)
        sum = bech32_step(sum, to_lower(hrp.p[i]) >> 5);
    sum = bech32_step(sum, 0);
    for (size_t i = 0; i < hrp.len; i++)
        sum = bech32_step(sum, to_lower(hrp.p[i]) & 31);
    return sum;
}

/* An hrp is public: 1 to 83 characters 33..126, not of both cases. */
static bool bech32_hrp_ok(struct span hrp, bool *upper)
{
    bool lower = false;
    *upper = false;
    for (size_t i = 0; i < hrp.len; i++) {
        if (hrp.p[i] < 33 || hrp.p[i] > 126)
            return false;
        *upper |= hrp.p[i] >= 'A' && hrp.p[i] <= 'Z';
        lower |= hrp.p[i] >= 'a' && hrp.p[i] <= 'z';
    }
    return hrp.len >= 1 && hrp.len <= 83 && !(lower && *upper);
}

static const struct radix bech32 = {5, bech32_digit, bech32_value};

void demur_bech32_encode(struct buf *out, const char *hrp_text, struct span in)
{
    struct span hrp = span_str(hrp_text);
    bool upper;
    if (!bech32_hrp_ok(hrp, &upper) || in.len > DEMUR_BECH32_MAX ||
        DEMUR_BECH32_LEN(hrp.len, in.len) > DEMUR_BECH32_MAX) {
        out->overflow = true;
        return;
    }
    size_t before = out->len;
    buf_put_span(out, hrp);
    buf_put_byte(out, '1');
    size_t data = out->len;
    digits_put(out, in, &bech32);
    uint8_t *check = buf_reserve(out, 6);
    if (!check) {
        out->len = before;
        return;
    }
    uint32_t sum = bech32_hrp_sum(hrp);
    for (const uint8_t *c = out->p + data; c < check; c++)
        sum = bech32_step(sum, bech32_value(*c));
    for (unsigned i = 0; i < 6; i++)
        sum = bech32_step(sum, 0);
    sum ^= 1;
    for (unsigned i = 0; i < 6; i++)
        check[i] = bech32_digit(sum >> (25 - 5 * i) & 31);
    for (size_t i = data; upper && i < out->len; i++)
        out->p[i] = to_upper(out->p[i]);
}

enum demur_err demur_bech32_decode(struct buf *out, const char *hrp_text, struct span text)
{
    struct span hrp = span_str(hrp_text);
    bool upper;
    if (text.len > DEMUR_BECH32_MAX)
        return DEMUR_ERR_LIMIT;
    if (!bech32_hrp_ok(hrp, &upper) || !span_starts(text, hrp_text) || text.len < hrp.len + 7 ||
        text.p[hrp.len] != '1')
        return DEMUR_ERR_SYNTAX;
    uint8_t lower[DEMUR_BECH32_MAX] = {0};
    size_t n = text.len - hrp.len - 1;
    unsigned foreign = 0, other_case = 0;
    uint32_t sum = bech32_hrp_sum(hrp);
    for (size_t i = 0; i < n; i++) {
        uint8_t c = text.p[hrp.len + 1 + i];
        other_case |= upper ? in_range(c, 'a', 'z') : in_range(c, 'A', 'Z');
        lower[i] = to_lower(c);
        unsigned v = bech32_value(lower[i]);
        foreign |= v & NOT_A_DIGIT;
        sum = bech32_step(sum, v & 31);
    }
    enum demur_err err = foreign      ? DEMUR_ERR_SYNTAX
                         : other_case ? DEMUR_ERR_CANON
                         : sum != 1   ? DEMUR_ERR_VERIFY
                                      : digits_get(out, span_of(lower, n - 6), &bech32);
    sodium_memzero(lower, n);
    return err;
}
