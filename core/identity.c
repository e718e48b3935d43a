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
static bool set_later_epoch(struct demur_identity *out, struct span value)
{
    return demur_epoch_parse(value, &out->later_epoch) && out->has_chain &&
           out->later_epoch > out->epoch;
}
static bool set_later_chain(struct demur_identity *out, struct span value)
{
    return out->later_epoch && demur_base64_exact(out->later_chain, 32, value) == DEMUR_OK;
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
    {"later-epoch", false, set_later_epoch, "a month after \"epoch\""},
    {"later-chain", false, set_later_chain, "32 bytes in base64, after \"later-epoch\""},
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

/* The fields of a chain come in pairs. */
static enum demur_err check_pairs(const struct demur_identity *id, bool later,
                                  struct demur_diag *diag)
{
    if ((id->epoch != 0) != id->has_chain)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, id->has_chain ? "epoch" : "chain",
                             "\"epoch\" and \"chain\" come together");
    return (id->later_epoch != 0) == later
               ? DEMUR_OK
               : demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "later-chain",
                               "\"later-epoch\" and \"later-chain\" come together");
}

static enum demur_err identity_read(struct demur_identity *out, struct span text,
                                    struct demur_diag *diag)
{
    struct demur_lines lines;
    enum demur_err err = demur_lines_init(&lines, text, DEMUR_IDENTITY_TEXT_MAX, diag);
    if (!err)
        err = demur_lines_header(&lines, "identity", diag);
    struct reader r = {identity_fields, DEMUR_COUNT(identity_fields), 0, out, diag};
    struct span line;
    bool later = false;
    while (!err && demur_lines_next(&lines, &line)) {
        err = read_field(&r, line, lines.line);
        later = later || span_starts(line, "later-chain ");
    }
    if (!err)
        err = skip_to(&r, r.len, lines.line + 1);
    return err ? err : check_pairs(out, later, diag);
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

static void put_epoch(struct buf *out, const char *name, uint32_t epoch)
{
    buf_put_str(out, name);
    buf_put_byte(out, ' ');
    demur_epoch_put(out, epoch);
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
        put_epoch(out, "epoch", identity->epoch);
        put_bytes(out, "chain", identity->chain);
    }
    if (identity->later_epoch) {
        put_epoch(out, "later-epoch", identity->later_epoch);
        put_bytes(out, "later-chain", identity->later_chain);
    }
    buf_put_str(out, "seq ");
    buf_put_u64(out, identity->seq);
    buf_put_byte(out, '\n');
}

void demur_identity_wipe(struct demur_identity *identity)
{
    sodium_memzero(identity, sizeof *identity);
}

/* From the chain value of month `at` to that of the next. */
static void step(const struct demur_identity *identity, uint32_t at, uint8_t chain[static 32])
{
    if (identity->later_epoch == at + 1)
        memcpy(chain, identity->later_chain, 32);
    else
        demur_chain_next(chain, chain);
}

static enum demur_err no_key(const struct demur_identity *identity, struct demur_diag *diag)
{
    char month[16];
    struct buf b = buf_over(month, sizeof month);
    demur_epoch_put(&b, identity->epoch);
    return demur_fail(diag, DEMUR_ERR_UNKNOWN,
                      "this identity has no ring key of that month, so it can sign nothing that "
                      "was opened then, nor prove what it signed: its keys begin with %.*s, "
                      "earlier ones were erased, or "
                      "lost with a device",
                      (int)b.len, month);
}

enum demur_err demur_identity_ring_key(const struct demur_identity *identity, uint32_t epoch,
                                       uint8_t secret[static 32], uint8_t public_key[static 32],
                                       struct demur_diag *diag)
{
    if (!identity->has_chain)
        return demur_fail(diag, DEMUR_ERR_UNKNOWN,
                          "this identity has no ring keys, so it cannot sign as one of the "
                          "members: a recovery kit does not restore them; renew, and sign from "
                          "next month on");
    if (epoch < identity->epoch)
        return no_key(identity, diag);
    if (epoch > EPOCH_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "no month lies that far ahead");
    uint8_t chain[32];
    memcpy(chain, identity->chain, sizeof chain);
    for (uint32_t at = identity->epoch; at < epoch; at++)
        step(identity, at, chain);
    demur_chain_ring_key(secret, public_key, chain);
    sodium_memzero(chain, sizeof chain);
    return DEMUR_OK;
}

static void drop_later(struct demur_identity *identity)
{
    identity->later_epoch = 0;
    sodium_memzero(identity->later_chain, sizeof identity->later_chain);
}

bool demur_identity_erase_before(struct demur_identity *identity, uint32_t epoch)
{
    bool erased = false;
    for (; identity->has_chain && identity->epoch < epoch && epoch <= EPOCH_MAX;
         identity->epoch++) {
        step(identity, identity->epoch, identity->chain);
        if (identity->later_epoch == identity->epoch + 1)
            drop_later(identity);
        erased = true;
    }
    return erased;
}

void demur_identity_new_chain(struct demur_identity *identity, uint32_t epoch,
                              const uint8_t chain[static 32])
{
    /* There is room for one change: of what came before an earlier one nothing stays. */
    if (identity->later_epoch && identity->later_epoch < epoch)
        demur_identity_erase_before(identity, identity->later_epoch);
    drop_later(identity);
    if (identity->has_chain && identity->epoch < epoch) {
        identity->later_epoch = epoch;
        memcpy(identity->later_chain, chain, 32);
        return;
    }
    identity->has_chain = true;
    identity->epoch = epoch;
    memcpy(identity->chain, chain, 32);
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
