#include "handout.h"

#include <sodium.h>

#define LINE_LEN (DEMUR_AGE_IDENTITY_TEXT_LEN + 1)

size_t demur_handout_parts(uint64_t n)
{
    return (size_t)(n / DEMUR_HANDOUT_PART + (n % DEMUR_HANDOUT_PART != 0));
}

uint64_t demur_handout_len(uint64_t n)
{
    uint64_t rest = n % DEMUR_HANDOUT_PART;
    return n / DEMUR_HANDOUT_PART * demur_age_sealed_len(LINE_LEN, DEMUR_HANDOUT_PART) +
           (rest ? demur_age_sealed_len(LINE_LEN, (size_t)rest) : 0);
}

bool demur_handout_split(struct demur_handout_part *out, struct span handout, uint64_t n,
                         size_t part)
{
    size_t whole = demur_age_sealed_len(LINE_LEN, DEMUR_HANDOUT_PART);
    if (part >= demur_handout_parts(n) || handout.len != demur_handout_len(n))
        return false;
    out->first = (uint64_t)part * DEMUR_HANDOUT_PART;
    out->members =
        n - out->first < DEMUR_HANDOUT_PART ? (size_t)(n - out->first) : DEMUR_HANDOUT_PART;
    out->file =
        span_take(span_skip(handout, part * whole), demur_age_sealed_len(LINE_LEN, out->members));
    return true;
}

enum demur_err demur_handout_put(struct buf *out, const struct demur_age_identity *key,
                                 const struct demur_age_recipient *recipients, size_t members,
                                 struct span entropy, struct demur_diag *diag)
{
    uint8_t text[LINE_LEN];
    struct buf line = buf_over(text, sizeof text);
    if (members > DEMUR_HANDOUT_PART)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a part is for %d members at most",
                          DEMUR_HANDOUT_PART);
    demur_age_identity_encode(&line, key);
    buf_put_byte(&line, '\n');
    enum demur_err err = demur_age_seal(out, buf_span(&line), recipients, members, entropy, diag);
    sodium_memzero(text, sizeof text);
    return err;
}

static enum demur_err not_a_handout(enum demur_err err, const char *why, struct demur_diag *diag)
{
    return demur_fail(diag, err == DEMUR_ERR_KEY ? err : DEMUR_ERR_VERIFY,
                      "the keys for the members do not open: %.150s", why);
}

enum demur_err demur_handout_open(struct demur_age_identity *key, struct span handout, uint64_t n,
                                  uint64_t place, const struct demur_age_identity *member,
                                  struct demur_diag *diag)
{
    struct demur_handout_part part;
    struct demur_age_identity got = {0};
    struct demur_diag why = {0};
    uint8_t text[LINE_LEN];
    struct buf line = buf_over(text, sizeof text);
    if (place >= n || !demur_handout_split(&part, handout, n, (size_t)(place / DEMUR_HANDOUT_PART)))
        return not_a_handout(DEMUR_ERR_VERIFY, "they are not as many bytes as for this ring", diag);
    enum demur_err err = demur_age_open(&line, part.file, member, 1, &why);
    if (!err && (line.len != LINE_LEN || text[LINE_LEN - 1] != '\n'))
        err = demur_fail(&why, DEMUR_ERR_VERIFY, "there is no key in them");
    if (!err && demur_age_identity_parse(&got, span_of(text, LINE_LEN - 1), &why) != DEMUR_OK)
        err = DEMUR_ERR_VERIFY;
    sodium_memzero(text, sizeof text);
    if (!err)
        *key = got;
    sodium_memzero(&got, sizeof got);
    return err ? not_a_handout(err, why.text, diag) : DEMUR_OK;
}
