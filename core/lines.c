/* lines.c - see lines.h. */
#include "lines.h"

/* Unicode 15, table 3-7. */
size_t demur_utf8_one(struct span s, uint32_t *code)
{
    if (s.len == 0)
        return 0;
    uint8_t lead = s.p[0];
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    size_t len = lead >= 0xC2 && lead <= 0xDF ? 2 : lead >= 0xE0 && lead <= 0xEF ? 3
                 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
    if (len == 0 || s.len < len)
        return 0;
    uint32_t value = lead & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s.p[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (s.p[i] & 0x3F);
    }
    if ((len == 3 && (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF))) ||
        (len == 4 && (value < 0x10000 || value > 0x10FFFF)))
        return 0;
    *code = value;
    return len;
}

static enum demur_err bad_char(uint32_t code, uint32_t line, uint32_t column,
                               struct demur_diag *diag)
{
    if (code == '\t')
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, line, column, NULL,
                             "a tab is not allowed: use spaces");
    if (code == '\r')
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, line, column, NULL,
                             "lines must end in LF alone, without CR");
    return demur_fail_at(diag, DEMUR_ERR_SYNTAX, line, column, NULL,
                         "the control character U+%04X is not allowed", (unsigned)code);
}

enum demur_err demur_lines_init(struct demur_lines *lines, struct span text, size_t max_len,
                                struct demur_diag *diag)
{
    if (text.len == 0)
        return demur_fail(diag, DEMUR_ERR_MISSING, "the text is empty");
    if (text.len > max_len || text.len >= UINT32_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "the text has %zu bytes, more than the %zu allowed",
                          text.len, max_len);
    uint32_t line = 1, column = 1;
    for (size_t at = 0; at < text.len;) {
        uint32_t code = 0;
        size_t len = demur_utf8_one(span_skip(text, at), &code);
        if (len == 0)
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, line, column, NULL,
                                 "the byte 0x%02X does not begin valid UTF-8 here",
                                 (unsigned)text.p[at]);
        if (code == '\n') {
            if (column > 1 && text.p[at - 1] == ' ')
                return demur_fail_at(diag, DEMUR_ERR_CANON, line, column - 1, NULL,
                                     "a line must not end in a space");
            line++;
            column = 1;
        } else if (code < 0x20 || (code >= 0x7F && code <= 0x9F)) {
            return bad_char(code, line, column, diag);
        } else {
            column += (uint32_t)len;
        }
        at += len;
    }
    if (column != 1)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, line, column, NULL,
                             "the last line must end in LF");
    *lines = (struct demur_lines){text, 0};
    return DEMUR_OK;
}

bool demur_lines_next(struct demur_lines *lines, struct span *line)
{
    if (lines->rest.len == 0)
        return false;
    bool found;
    *line = span_split(&lines->rest, '\n', &found);
    lines->line++;
    return true;
}

enum demur_err demur_lines_header(struct demur_lines *lines, const char *kind,
                                  struct demur_diag *diag)
{
    struct span line;
    if (!demur_lines_next(lines, &line))
        return demur_fail(diag, DEMUR_ERR_MISSING, "expected the line \"demur %s v1\"", kind);
    size_t kind_len = strlen(kind);
    if (span_starts(line, "demur ")) {
        struct span rest = span_skip(line, 6);
        if (span_starts(rest, kind) && span_starts(span_skip(rest, kind_len), " v")) {
            uint64_t version = 0;
            bool number = span_u64(span_skip(rest, kind_len + 2), UINT32_MAX, &version);
            if (number && version == 1)
                return DEMUR_OK;
            if (number && version > 1)
                return demur_fail_at(diag, DEMUR_ERR_UPGRADE, lines->line,
                                     (uint32_t)(6 + kind_len + 2), NULL,
                                     "this is a %s of version %u and needs a newer demur", kind,
                                     (unsigned)version);
        }
    }
    return demur_fail_at(diag, DEMUR_ERR_SYNTAX, lines->line, 1, NULL,
                         "expected the line \"demur %s v1\"", kind);
}

static bool lower(uint8_t c) { return c >= 'a' && c <= 'z'; }

bool demur_name_ok(struct span s)
{
    if (s.len == 0 || !lower(s.p[0]))
        return false;
    for (size_t i = 1; i < s.len; i++)
        if (!lower(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

bool demur_word_ok(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];
        bool inner = c == '.' || c == '_' || c == '-';
        if (!lower(c) && !(c >= '0' && c <= '9') && !(inner && i > 0))
            return false;
    }
    return s.len > 0;
}

bool demur_space_ok(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct span demur_trim(struct span s)
{
    while (s.len && demur_space_ok(s.p[0]))
        s = span_skip(s, 1);
    while (s.len && demur_space_ok(s.p[s.len - 1]))
        s.len--;
    return s;
}

bool demur_attribute_name_ok(struct span s) { return s.len <= 32 && demur_name_ok(s); }

bool demur_attribute_value_ok(struct span s)
{
    if (s.len == 0 || s.len > 64)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '.' && c != '_' && c != '-')))
            return false;
    }
    return true;
}

bool demur_words_next(struct span *rest, struct span *word, uint32_t *column)
{
    if (rest->len == 0)
        return false;
    bool found;
    *word = span_split(rest, ' ', &found);
    *column += (uint32_t)word->len + (found ? 1 : 0);
    return true;
}

enum demur_err demur_statement_next(struct demur_lines *lines, struct demur_statement_line *out,
                                    bool *end, struct demur_diag *diag)
{
    struct span line;
    size_t indent;
    do {
        if (!demur_lines_next(lines, &line)) {
            *end = true;
            return DEMUR_OK;
        }
        for (indent = 0; indent < line.len && line.p[indent] == ' '; indent++)
            ;
        if (indent != 0 && indent != 2)
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, lines->line, 1, NULL,
                                 "a clause is indented by exactly two spaces, a statement by none");
    } while (line.len == 0 || line.p[indent] == '#');

    struct span body = span_skip(line, indent);
    for (size_t i = 1; i < body.len; i++)
        if (body.p[i] == ' ' && body.p[i - 1] == ' ')
            return demur_fail_at(diag, DEMUR_ERR_CANON, lines->line, (uint32_t)(indent + i + 1),
                                 NULL, "words are parted by a single space");
    uint32_t column = (uint32_t)indent + 1;
    struct span name = {0};
    if (!demur_words_next(&body, &name, &column) || !demur_name_ok(name))
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, lines->line, (uint32_t)indent + 1, NULL,
                             "\"%.*s\" is not a name: use lower-case letters and hyphens",
                             SPAN_ARG(span_take(name, 40)));
    *out = (struct demur_statement_line){.line = lines->line, .clause = indent == 2, .name = name,
                                         .rest = body, .rest_column = column};
    *end = false;
    return DEMUR_OK;
}
