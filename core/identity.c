/* The texts of an identity and of its recovery kit: one table of fields each. */
#include <sodium.h>

#include "civil.h"
#include "encode.h"
#include "keys.h"
#include "lines.h"

/* Months that records can name: 2020-01 to 9999-12. */
#define EPOCH_MIN (2020u * 12)
#define EPOCH_MAX (9999u * 12 + 11)

/* ---- addresses ---- */

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool host_ok(struct span host)
{
    bool v6 = host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']';
    if (v6)
        host = span_of(host.p + 1, host.len - 2);
    for (size_t i = 0; i < host.len; i++)
        if (!is_alnum(host.p[i]) && host.p[i] != '.' && host.p[i] != (v6 ? ':' : '-'))
            return false;
    return host.len > 0;
}

bool demur_url_ok(struct span url)
{
    if (url.len > DEMUR_URL_MAX)
        return false;
    size_t scheme = span_starts(url, "https://") ? 8 : span_starts(url, "http://") ? 7 : 0;
    if (scheme == 0 || url.p[url.len - 1] == '/')
        return false;
    struct span rest = span_skip(url, scheme);
    bool path;
    struct span host = span_split(&rest, '/', &path);
    size_t colon = host.len;
    for (size_t i = 0; i < host.len && host.p[host.len - 1] != ']'; i++)
        if (host.p[i] == ':')
            colon = i;
    uint64_t port = 1;
    if (colon < host.len && (!span_u64(span_skip(host, colon + 1), 65535, &port) || port == 0))
        return false;
    for (size_t i = 0; path && i < rest.len; i++)
        if (!is_alnum(rest.p[i]) && !memchr("-._~/%", rest.p[i], 6))
            return false;
    return host_ok(span_take(host, colon));
}

/* ---- fields ---- */

typedef bool set_value(struct demur_identity *out, struct span value);

static bool set_text(char *out, size_t cap, struct span value)
{
    if (value.len == 0 || value.len >= cap)
        return false;
    memcpy(out, value.p, value.len);
    out[value.len] = 0;
    return true;
}

static bool set_channel(struct demur_identity *out, struct span value)
{
    return demur_hex_exact(out->channel, 32, value) == DEMUR_OK;
}
static bool set_url(struct demur_identity *out, struct span value)
{
    return demur_url_ok(value) && set_text(out->url, sizeof out->url, value);
}
static bool set_token(struct demur_identity *out, struct span value)
{
    return demur_word_ok(value) && set_text(out->token, sizeof out->token, value);
}
static bool set_handle(struct demur_identity *out, struct span value)
{
    return demur_word_ok(value) && set_text(out->handle, sizeof out->handle, value);
}
static bool set_name(struct demur_identity *out, struct span value)
{
    return value.p[0] != ' ' && set_text(out->name, sizeof out->name, value);
}
static bool set_seed(struct demur_identity *out, struct span value)
{
    return demur_base64_exact(out->seed, 32, value) == DEMUR_OK;
}
static bool set_epoch(struct demur_identity *out, struct span value)
{
    return demur_epoch_parse(value, &out->epoch) && out->epoch >= EPOCH_MIN;
}
static bool set_chain(struct demur_identity *out, struct span value)
{
    out->has_chain = true;
    return demur_base64_exact(out->chain, 32, value) == DEMUR_OK;
}
static bool set_seq(struct demur_identity *out, struct span value)
{
    return span_u64(value, INT64_MAX, &out->seq);
}
static bool set_first_half(struct demur_identity *out, struct span value)
{
    return demur_phrase_decode(out->seed, value, NULL) == DEMUR_OK;
}
static bool set_second_half(struct demur_identity *out, struct span value)
{
    return demur_phrase_decode(out->seed + DEMUR_PHRASE_SECRET_LEN, value, NULL) == DEMUR_OK;
}

struct field {
    const char *name;
    bool required;
    set_value *set;
    const char *wants;
};

static const struct field identity_fields[] = {
    {"channel", true, set_channel, "64 hex digits"},
    {"url", true, set_url, "an http or https address"},
    {"token", false, set_token, "a word"},
    {"handle", false, set_handle, "a handle"},
    {"name", false, set_name, "at most 200 bytes"},
    {"seed", true, set_seed, "32 bytes in base64"},
    {"epoch", false, set_epoch, "a month, YYYY-MM"},
    {"chain", false, set_chain, "32 bytes in base64"},
    {"seq", true, set_seq, "a number"},
};
static const struct field recovery_fields[] = {
    {"channel", true, set_channel, "64 hex digits"},
    {"url", true, set_url, "an http or https address"},
    {"handle", false, set_handle, "a handle"},
    {"first-half", true, set_first_half, "nine words"},
    {"second-half", true, set_second_half, "nine words"},
};

struct reader {
    const struct field *fields;
    size_t len, next; /* `next` is the first field that may still come */
    struct demur_identity *out;
    struct demur_diag *diag;
};

static enum demur_err skip_to(struct reader *r, size_t to, uint32_t line)
{
    for (; r->next < to; r->next++)
        if (r->fields[r->next].required)
            return demur_fail_at(r->diag, DEMUR_ERR_MISSING, line, 0, r->fields[r->next].name,
                                 "\"%s\" is missing", r->fields[r->next].name);
    return DEMUR_OK;
}

static enum demur_err read_field(struct reader *r, struct span text, uint32_t line)
{
    bool parted;
    struct span value = text, name = span_split(&value, ' ', &parted);
    size_t i = 0;
    while (i < r->len && !span_eq_str(name, r->fields[i].name))
        i++;
    if (!parted || i == r->len)
        return demur_fail_at(r->diag, DEMUR_ERR_SYNTAX, line, 1, "", "line %u does not belong here",
                             line);
    const struct field *f = &r->fields[i];
    if (i < r->next)
        return demur_fail_at(r->diag, DEMUR_ERR_SYNTAX, line, 1, f->name,
                             "\"%s\" stands twice or too late", f->name);
    enum demur_err err = skip_to(r, i, line);
    if (err)
        return err;
    r->next = i + 1;
    if (value.len == 0 || !f->set(r->out, value))
        return demur_fail_at(r->diag, DEMUR_ERR_SYNTAX, line, (uint32_t)name.len + 2, f->name,
                             "\"%s\" must be %s", f->name, f->wants);
    return DEMUR_OK;
}

/* ---- the identity ---- */

static enum demur_err identity_read(struct demur_identity *out, struct span text,
                                    struct demur_diag *diag)
{
    struct demur_lines lines;
    enum demur_err err = demur_lines_init(&lines, text, DEMUR_IDENTITY_TEXT_MAX, diag);
    if (!err)
        err = demur_lines_header(&lines, "identity", diag);
    struct reader r = {identity_fields, DEMUR_COUNT(identity_fields), 0, out, diag};
    struct span line;
    while (!err && demur_lines_next(&lines, &line))
        err = read_field(&r, line, lines.line);
    if (!err)
        err = skip_to(&r, r.len, lines.line + 1);
    if (!err && (out->epoch != 0) != out->has_chain)
        err = demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, out->has_chain ? "epoch" : "chain",
                            "\"epoch\" and \"chain\" come together");
    return err;
}

enum demur_err demur_identity_parse(struct demur_identity *out, struct span text,
                                    struct demur_diag *diag)
{
    struct demur_identity identity = {0};
    enum demur_err err = identity_read(&identity, text, diag);
    if (!err)
        *out = identity;
    demur_identity_wipe(&identity);
    return err;
}

static void put_text(struct buf *out, const char *name, const char *value)
{
    if (!*value)
        return;
    buf_put_str(out, name);
    buf_put_byte(out, ' ');
    buf_put_str(out, value);
    buf_put_byte(out, '\n');
}

static void put_bytes(struct buf *out, const char *name, const uint8_t bytes[static 32])
{
    buf_put_str(out, name);
    buf_put_byte(out, ' ');
    demur_base64_encode(out, span_of(bytes, 32));
    buf_put_byte(out, '\n');
}

static void put_head(struct buf *out, const char *kind, const struct demur_identity *identity)
{
    buf_put_str(out, "demur ");
    buf_put_str(out, kind);
    buf_put_str(out, " v1\nchannel ");
    demur_hex_encode(out, span_of(identity->channel, 32));
    buf_put_byte(out, '\n');
    put_text(out, "url", identity->url);
}

void demur_identity_put(struct buf *out, const struct demur_identity *identity)
{
    put_head(out, "identity", identity);
    put_text(out, "token", identity->token);
    put_text(out, "handle", identity->handle);
    put_text(out, "name", identity->name);
    put_bytes(out, "seed", identity->seed);
    if (identity->has_chain) {
        buf_put_str(out, "epoch ");
        demur_epoch_put(out, identity->epoch);
        buf_put_byte(out, '\n');
        put_bytes(out, "chain", identity->chain);
    }
    buf_put_str(out, "seq ");
    buf_put_u64(out, identity->seq);
    buf_put_byte(out, '\n');
}

void demur_identity_wipe(struct demur_identity *identity)
{
    sodium_memzero(identity, sizeof *identity);
}

enum demur_err demur_identity_ring_key(const struct demur_identity *identity, uint32_t epoch,
                                       uint8_t secret[static 32], uint8_t public_key[static 32],
                                       struct demur_diag *diag)
{
    if (!identity->has_chain)
        return demur_fail(
            diag, DEMUR_ERR_UNKNOWN,
            "this identity has no ring keys, so it cannot sign as one of the "
            "members: a recovery kit does not restore them, ask for a new invitation");
    if (epoch < identity->epoch)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN,
                          "the ring key of that month was erased, as it should be: nothing can be "
                          "signed with it any more");
    if (epoch > EPOCH_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "no month lies that far ahead");
    uint8_t chain[32];
    memcpy(chain, identity->chain, sizeof chain);
    for (uint32_t at = identity->epoch; at < epoch; at++)
        demur_chain_next(chain, chain);
    demur_chain_ring_key(secret, public_key, chain);
    sodium_memzero(chain, sizeof chain);
    return DEMUR_OK;
}

bool demur_identity_erase_before(struct demur_identity *identity, uint32_t epoch)
{
    bool erased = false;
    for (; identity->has_chain && identity->epoch < epoch && epoch <= EPOCH_MAX;
         identity->epoch++) {
        demur_chain_next(identity->chain, identity->chain);
        erased = true;
    }
    return erased;
}

/* ---- the recovery kit ---- */

void demur_recovery_put(struct buf *out, const struct demur_identity *identity)
{
    put_head(out, "recovery", identity);
    put_text(out, "handle", identity->handle);
    buf_put_str(out, "first-half ");
    demur_phrase_encode(out, identity->seed);
    buf_put_str(out, "\nsecond-half ");
    demur_phrase_encode(out, identity->seed + DEMUR_PHRASE_SECRET_LEN);
    buf_put_byte(out, '\n');
}

/* Which word of a seed's half is wrong, said with its line. */
static enum demur_err half_fault(struct span line, uint32_t number, struct demur_diag *diag)
{
    bool parted;
    struct span value = line, name = span_split(&value, ' ', &parted);
    struct demur_diag word = {0};
    uint8_t secret[DEMUR_PHRASE_SECRET_LEN];
    enum demur_err err = demur_phrase_decode(secret, value, &word);
    sodium_memzero(secret, sizeof secret);
    if (err)
        demur_fail_at(diag, err, number, word.column, "", "%.*s: %.180s", SPAN_ARG(name),
                      word.text);
    return err;
}

static enum demur_err recovery_read(struct demur_identity *out, struct span text,
                                    struct demur_diag *diag)
{
    struct reader r = {recovery_fields, DEMUR_COUNT(recovery_fields), 0, out, diag};
    bool more = true, header = false;
    uint32_t number = 0;
    while (more) {
        struct span line = demur_trim(span_split(&text, '\n', &more));
        number++;
        if (line.len == 0 || line.p[0] == '#')
            continue;
        if (!header && !span_eq_str(line, "demur recovery v1"))
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, number, 1, "",
                                 "a recovery kit begins with the line \"demur recovery v1\"");
        enum demur_err err = DEMUR_OK;
        if (header && (span_starts(line, "first-half ") || span_starts(line, "second-half ")))
            err = half_fault(line, number, diag);
        if (!err && header)
            err = read_field(&r, line, number);
        if (err)
            return err;
        header = true;
    }
    if (!header)
        return demur_fail(diag, DEMUR_ERR_MISSING, "this recovery kit is empty");
    return skip_to(&r, r.len, number);
}

enum demur_err demur_recovery_parse(struct demur_identity *out, struct span text,
                                    struct demur_diag *diag)
{
    struct demur_identity identity = {0};
    enum demur_err err =
        text.len > DEMUR_IDENTITY_TEXT_MAX
            ? demur_fail(diag, DEMUR_ERR_LIMIT, "this is too long for a recovery kit")
            : recovery_read(&identity, text, diag);
    if (!err)
        *out = identity;
    demur_identity_wipe(&identity);
    return err;
}
