#include "record.h"

#include <sodium.h>

#include "age.h"
#include "encode.h"
#include "hash.h"
#include "lines.h"

#define WORD_MAX 64
#define ORIGIN_MAX 200

static bool base64_of(struct span value, size_t len)
{
    uint8_t bytes[64];
    return value.len == DEMUR_BASE64_LEN(len) && demur_base64_exact(bytes, len, value) == DEMUR_OK;
}

static bool hex_ok(struct span value)
{
    uint8_t bytes[32];
    return demur_hex_exact(bytes, 32, value) == DEMUR_OK;
}

static bool blob_decode(struct span value, struct demur_blob_ref *out)
{
    bool found;
    struct span rest = value, hash = span_split(&rest, ' ', &found);
    return found && demur_hex_exact(out->hash, 32, hash) == DEMUR_OK &&
           span_u64(rest, DEMUR_BLOB_MAX, &out->size);
}

static bool recipient_ok(struct span value)
{
    struct demur_age_recipient recipient;
    return demur_age_recipient_parse(&recipient, value, NULL) == DEMUR_OK;
}

static bool attribute_ok(struct span value, bool many)
{
    bool found;
    struct span rest = value, name = span_split(&rest, '=', &found);
    if (!found || !demur_attribute_name_ok(name))
        return false;
    if (!many)
        return demur_attribute_value_ok(rest);
    struct span before = {0};
    do {
        struct span one = span_split(&rest, ',', &found);
        if (!demur_attribute_value_ok(one) || (before.len && span_cmp(before, one) >= 0))
            return false;
        before = one;
    } while (found);
    return true;
}

static bool origin_ok(struct span s)
{
    if (s.len == 0 || s.len > ORIGIN_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '+')
            return false;
    return true;
}

static bool choice_ok(struct span value, const char *choices)
{
    struct span rest = span_str(choices);
    bool found;
    do {
        if (span_eq(span_split(&rest, '|', &found), value))
            return true;
    } while (found);
    return false;
}

static bool epoch_ok(struct span value)
{
    uint32_t epoch;
    return demur_epoch_parse(value, &epoch) && epoch >= 2020 * 12;
}

static bool value_ok(const struct demur_record_rule *rule, struct span value)
{
    uint64_t number;
    struct demur_blob_ref blob;
    struct demur_date date;
    switch (rule->kind) {
    case DEMUR_KIND_HASH:
        return hex_ok(value);
    case DEMUR_KIND_BLOB:
        return blob_decode(value, &blob);
    case DEMUR_KIND_KEY:
    case DEMUR_KIND_POINT:
        return base64_of(value, 32);
    case DEMUR_KIND_SIGNATURE:
        return base64_of(value, 64);
    case DEMUR_KIND_BYTES:
        return demur_base64_check(value) == DEMUR_OK;
    case DEMUR_KIND_RECIPIENT:
        return recipient_ok(value);
    case DEMUR_KIND_NUMBER:
        return span_u64(value, INT64_MAX, &number);
    case DEMUR_KIND_TIME:
        return span_u64(value, DEMUR_TIME_MAX, &number);
    case DEMUR_KIND_DAY:
        return demur_date_parse(value, &date);
    case DEMUR_KIND_EPOCH:
        return epoch_ok(value);
    case DEMUR_KIND_WORD:
        return demur_word_ok(value) && value.len <= WORD_MAX;
    case DEMUR_KIND_DISSENT:
        return demur_dissent_id_ok(value);
    case DEMUR_KIND_ATTRIBUTE:
        return attribute_ok(value, false);
    case DEMUR_KIND_SUBSET:
        return attribute_ok(value, true);
    case DEMUR_KIND_ORIGIN:
        return origin_ok(value);
    case DEMUR_KIND_CHOICE:
        return choice_ok(value, rule->choices);
    }
    return false;
}

static const char *kind_wants(const struct demur_record_rule *rule)
{
    static const char *const wants[] = {
        [DEMUR_KIND_HASH] = "64 lower-case hex digits",
        [DEMUR_KIND_BLOB] = "a hash and a size in bytes",
        [DEMUR_KIND_KEY] = "32 bytes in base64",
        [DEMUR_KIND_POINT] = "32 bytes in base64",
        [DEMUR_KIND_SIGNATURE] = "64 bytes in base64",
        [DEMUR_KIND_BYTES] = "padded base64",
        [DEMUR_KIND_RECIPIENT] = "an age1… recipient that can be sealed to",
        [DEMUR_KIND_NUMBER] = "a decimal number",
        [DEMUR_KIND_TIME] = "unix seconds",
        [DEMUR_KIND_DAY] = "a date, YYYY-MM-DD",
        [DEMUR_KIND_EPOCH] = "a month, YYYY-MM",
        [DEMUR_KIND_WORD] = "a lower-case word",
        [DEMUR_KIND_DISSENT] = "a dissent's id",
        [DEMUR_KIND_ATTRIBUTE] = "name=value",
        [DEMUR_KIND_SUBSET] = "name=value,value in increasing order",
        [DEMUR_KIND_ORIGIN] = "an origin without spaces",
        [DEMUR_KIND_CHOICE] = "one of the words that this field allows",
    };
    return wants[rule->kind];
}

struct parser {
    struct demur_record *out;
    struct demur_lines lines;
    struct span line, name, value;
    bool have; /* a line is waiting in name and value */
    struct demur_diag *diag;
};

/* Read the next line as name and value. have is false at the end. */
static enum demur_err advance(struct parser *p)
{
    p->have = demur_lines_next(&p->lines, &p->line);
    if (!p->have)
        return DEMUR_OK;
    bool found;
    p->value = p->line;
    p->name = span_split(&p->value, ' ', &found);
    if (!demur_name_ok(p->name))
        return demur_fail_at(p->diag, DEMUR_ERR_SYNTAX, p->lines.line, 1, "",
                             "this line does not begin with a field's name");
    if (!found || p->value.len == 0 || p->value.p[0] == ' ')
        return demur_fail_at(p->diag, DEMUR_ERR_SYNTAX, p->lines.line, (uint32_t)p->name.len + 1,
                             "", "a field is a name, one space and a value");
    return DEMUR_OK;
}

static enum demur_err take_value(struct parser *p, const struct demur_record_rule *rule)
{
    const char *name = demur_field_name(rule->field);
    uint32_t column = (uint32_t)p->name.len + 2;
    if (!value_ok(rule, p->value))
        return demur_fail_at(p->diag, DEMUR_ERR_SYNTAX, p->lines.line, column, name,
                             "the value of %s must be %s", name, kind_wants(rule));
    struct demur_record *out = p->out;
    if (out->fields_len == DEMUR_RECORD_FIELDS_MAX)
        return demur_fail_at(p->diag, DEMUR_ERR_LIMIT, p->lines.line, 0, name,
                             "a record has at most %u fields", DEMUR_RECORD_FIELDS_MAX);
    if (out->fields_len && out->fields[out->fields_len - 1].field == rule->field &&
        rule->field != DEMUR_FIELD_ATTACHMENT &&
        span_cmp(out->fields[out->fields_len - 1].value, p->value) >= 0)
        return demur_fail_at(p->diag, DEMUR_ERR_CANON, p->lines.line, column, name,
                             "repeated values of %s must increase", name);
    out->fields[out->fields_len].field = rule->field;
    out->fields[out->fields_len].value = p->value;
    out->fields[out->fields_len].offset = (uint32_t)(p->line.p - out->text.p);
    out->fields_len++;
    return advance(p);
}

static enum demur_err take_rule(struct parser *p, const struct demur_record_rule *rule)
{
    const char *name = demur_field_name(rule->field);
    bool many = rule->times == '*' || rule->times == '+';
    bool must = rule->times == '1' || rule->times == '+';
    size_t n = 0;
    while (p->have && span_eq_str(p->name, name) && (many || n == 0)) {
        enum demur_err err = take_value(p, rule);
        if (err)
            return err;
        n++;
    }
    if (must && n == 0) {
        if (p->have)
            return demur_fail_at(p->diag, DEMUR_ERR_MISSING, p->lines.line, 1, name,
                                 "expected %s here, found %.*s", name, SPAN_ARG(p->name));
        return demur_fail_at(p->diag, DEMUR_ERR_MISSING, p->lines.line + 1, 1, name,
                             "the record ends before its %s", name);
    }
    return DEMUR_OK;
}

static enum demur_err take_header(struct parser *p)
{
    struct demur_record *out = p->out;
    struct span first;
    if (!demur_lines_next(&p->lines, &first) || !span_starts(first, "demur "))
        return demur_fail_at(p->diag, DEMUR_ERR_SYNTAX, 1, 1, "",
                             "a record begins with \"demur <type> v1\"");
    bool found;
    struct span rest = span_skip(first, 6), type = span_split(&rest, ' ', &found);
    uint64_t version;
    if (!found || !demur_name_ok(type) || rest.len < 2 || rest.p[0] != 'v' ||
        !span_u64(span_skip(rest, 1), 1000000, &version) || version == 0)
        return demur_fail_at(p->diag, DEMUR_ERR_SYNTAX, 1, 7, "",
                             "a record begins with \"demur <type> v1\"");
    if (version > 1 || !demur_record_type_find(type, &out->type))
        return demur_fail_at(p->diag, DEMUR_ERR_UPGRADE, 1, 7, "",
                             "this version of demur does not know the record \"%.*s %.*s\": "
                             "upgrade demur",
                             SPAN_ARG(type), SPAN_ARG(rest));
    return DEMUR_OK;
}

enum demur_err demur_record_parse(struct demur_record *out, struct span text,
                                  struct demur_diag *diag)
{
    struct parser p = {.out = out, .diag = diag};
    enum demur_err err = demur_lines_init(&p.lines, text, DEMUR_RECORD_MAX, diag);
    if (err)
        return err;
    out->text = text;
    out->fields_len = 0;
    if ((err = take_header(&p)) || (err = advance(&p)))
        return err;
    for (const struct demur_record_rule *r = demur_record_rules(out->type); r->field; r++)
        if ((err = take_rule(&p, r)))
            return err;
    if (p.have)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, p.lines.line, 1, "",
                             "%.*s does not belong here in a %s record", SPAN_ARG(p.name),
                             demur_record_type_name(out->type));
    return DEMUR_OK;
}

enum demur_err demur_entry_parse(uint64_t *at, struct span *record, struct span entry,
                                 struct demur_diag *diag)
{
    bool found;
    struct span rest = entry, line = span_split(&rest, '\n', &found);
    if (entry.len > DEMUR_ENTRY_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "an entry has at most %u bytes", DEMUR_ENTRY_MAX);
    if (!found || !span_starts(line, "at ") || !span_u64(span_skip(line, 3), DEMUR_TIME_MAX, at))
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 1, 1, "at",
                             "an entry begins with \"at <unix seconds>\"");
    *record = rest;
    return DEMUR_OK;
}

void demur_entry_write(struct buf *out, uint64_t at, struct span record)
{
    buf_put_str(out, "at ");
    buf_put_u64(out, at);
    buf_put_byte(out, '\n');
    buf_put_span(out, record);
}

struct span demur_record_nth(const struct demur_record *r, enum demur_field field, size_t i)
{
    for (uint32_t k = 0; k < r->fields_len; k++)
        if (r->fields[k].field == field && i-- == 0)
            return r->fields[k].value;
    return span_of(NULL, 0);
}

struct span demur_record_get(const struct demur_record *r, enum demur_field field)
{
    return demur_record_nth(r, field, 0);
}

bool demur_record_has(const struct demur_record *r, enum demur_field field)
{
    return demur_record_get(r, field).p != NULL;
}

size_t demur_record_count(const struct demur_record *r, enum demur_field field)
{
    size_t n = 0;
    for (uint32_t k = 0; k < r->fields_len; k++)
        n += r->fields[k].field == field;
    return n;
}

bool demur_record_hash(const struct demur_record *r, enum demur_field field, uint8_t out[static 32])
{
    struct span v = demur_record_get(r, field);
    return v.p && demur_hex_exact(out, 32, span_take(v, 64)) == DEMUR_OK;
}

bool demur_record_key(const struct demur_record *r, enum demur_field field, uint8_t out[static 32])
{
    struct span v = demur_record_get(r, field);
    return v.p && demur_base64_exact(out, 32, v) == DEMUR_OK;
}

uint64_t demur_record_number(const struct demur_record *r, enum demur_field field)
{
    uint64_t n = 0;
    struct span v = demur_record_get(r, field);
    return v.p && span_u64(v, INT64_MAX, &n) ? n : 0;
}

bool demur_record_blob(const struct demur_record *r, enum demur_field field, size_t i,
                       struct demur_blob_ref *out)
{
    struct span v = demur_record_nth(r, field, i);
    return v.p && blob_decode(v, out);
}

size_t demur_record_blobs(const struct demur_record *r, struct demur_blob_ref *out, size_t max)
{
    size_t n = 0;
    const struct demur_record_rule *rules = demur_record_rules(r->type);
    for (uint32_t k = 0; k < r->fields_len && n < max; k++)
        for (const struct demur_record_rule *rule = rules; rule->field; rule++)
            if (rule->field == r->fields[k].field && rule->kind == DEMUR_KIND_BLOB)
                n += blob_decode(r->fields[k].value, &out[n]);
    return n;
}

bool demur_record_bytes(const struct demur_record *r, enum demur_field field, struct buf *out)
{
    struct span v = demur_record_get(r, field);
    return v.p && demur_base64_decode(out, v) == DEMUR_OK;
}

struct span demur_record_signed(const struct demur_record *r, enum demur_field field)
{
    for (uint32_t k = 0; k < r->fields_len; k++)
        if (r->fields[k].field == field)
            return span_take(r->text, r->fields[k].offset);
    return span_of(NULL, 0);
}

bool demur_record_verify(const struct demur_record *r, enum demur_field field,
                         const uint8_t key[static 32])
{
    uint8_t sig[64];
    struct buf out = buf_over(sig, sizeof sig);
    struct span covered = demur_record_signed(r, field);
    return covered.p && demur_record_bytes(r, field, &out) && out.len == sizeof sig &&
           crypto_sign_verify_detached(sig, covered.p, covered.len, key) == 0;
}

void demur_record_begin(struct buf *out, enum demur_record_type type, const uint8_t *channel)
{
    buf_put_str(out, "demur ");
    buf_put_str(out, demur_record_type_name(type));
    buf_put_str(out, " v1\n");
    if (type != DEMUR_RECORD_CHANNEL)
        demur_put_hash(out, DEMUR_FIELD_CHANNEL, channel);
}

static void put_name(struct buf *out, enum demur_field field)
{
    buf_put_str(out, demur_field_name(field));
    buf_put_byte(out, ' ');
}

void demur_put_text(struct buf *out, enum demur_field field, struct span value)
{
    put_name(out, field);
    buf_put_span(out, value);
    buf_put_byte(out, '\n');
}

void demur_put_hash(struct buf *out, enum demur_field field, const uint8_t hash[static 32])
{
    put_name(out, field);
    demur_hex_encode(out, span_of(hash, 32));
    buf_put_byte(out, '\n');
}

void demur_put_bytes(struct buf *out, enum demur_field field, struct span bytes)
{
    put_name(out, field);
    demur_base64_encode(out, bytes);
    buf_put_byte(out, '\n');
}

void demur_put_number(struct buf *out, enum demur_field field, uint64_t number)
{
    put_name(out, field);
    buf_put_u64(out, number);
    buf_put_byte(out, '\n');
}

void demur_put_blob(struct buf *out, enum demur_field field, const struct demur_blob_ref *blob)
{
    put_name(out, field);
    demur_hex_encode(out, span_of(blob->hash, 32));
    buf_put_byte(out, ' ');
    buf_put_u64(out, blob->size);
    buf_put_byte(out, '\n');
}

void demur_put_signature(struct buf *out, enum demur_field field,
                         const uint8_t secret_key[static 64])
{
    uint8_t sig[64];
    if (!buf_ok(out))
        return;
    crypto_sign_detached(sig, NULL, out->p, out->len, secret_key);
    demur_put_bytes(out, field, span_of(sig, sizeof sig));
}

void demur_dissent_id(char out[static 33], const uint8_t case_key[static 32])
{
    uint8_t hash[32];
    struct span part = span_of(case_key, 32);
    demur_hash_spans(hash, "demur v1 dissent", &part, 1);
    struct buf text = buf_over(out, 32);
    demur_base32_encode(&text, span_of(hash, 20));
    out[32] = 0;
}

bool demur_dissent_id_ok(struct span id)
{
    uint8_t bytes[20];
    return demur_base32_exact(bytes, sizeof bytes, id) == DEMUR_OK;
}

void demur_commitment(uint8_t out[static 32], const uint8_t salt[static 32], struct span memo)
{
    struct span parts[] = {span_of(salt, 32), memo};
    demur_hash_spans(out, "demur v1 memo", parts, 2);
}

void demur_release_commitment(uint8_t out[static 32], const uint8_t release_key[static 32])
{
    struct span part = span_of(release_key, 32);
    demur_hash_spans(out, "demur v1 release", &part, 1);
}
