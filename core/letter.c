#include "letter.h"

#include "civil.h"
#include "encode.h"
#include "lines.h"
#include "record.h"

#define WORD_MAX 64
#define MARKING_MAX 64

/* ---- the header's table ---- */

/* Set one value. NULL when it is good, else what it must be. */
typedef const char *set_value(struct demur_letter *out, struct span value);

static const char *set_word(struct span *out, struct span value)
{
    *out = value;
    return demur_word_ok(value) && value.len <= WORD_MAX ? NULL : "one word in lower case";
}

static const char *set_channel(struct demur_letter *out, struct span value)
{
    return demur_hex_exact(out->channel, 32, value) == DEMUR_OK ? NULL : "64 hex digits";
}

static const char *set_dissent(struct demur_letter *out, struct span value)
{
    out->dissent = value;
    return demur_dissent_id_ok(value) ? NULL : "a dissent's id of 32 characters";
}

static const char *set_revision(struct demur_letter *out, struct span value)
{
    uint64_t number = 0;
    bool good = span_u64(value, UINT32_MAX, &number) && number > 0;
    out->revision = (uint32_t)number;
    return good ? NULL : "a number from 1 on";
}

static const char *set_salt(struct demur_letter *out, struct span value)
{
    return demur_base64_exact(out->salt, 32, value) == DEMUR_OK ? NULL : "32 bytes in base64";
}

static const char *set_act(struct demur_letter *out, struct span value)
{
    return set_word(&out->act, value);
}

static const char *set_from(struct demur_letter *out, struct span value)
{
    return set_word(&out->from, value);
}

static const char *set_title(struct demur_letter *out, struct span value)
{
    size_t characters = 0;
    for (size_t i = 0; i < value.len; i++)
        characters += (value.p[i] & 0xC0) != 0x80;
    out->title = value;
    return characters <= DEMUR_LETTER_TITLE_MAX ? NULL : "at most 200 characters";
}

static const char *set_marking(struct demur_letter *out, struct span value)
{
    out->marking = value;
    return value.len <= MARKING_MAX ? NULL : "at most 64 bytes";
}

static const char *set_date(struct demur_letter *out, struct span value)
{
    int64_t time = -1;
    uint8_t text[40];
    struct buf again = buf_over(text, sizeof text);
    bool good = demur_time_parse(&time, value, NULL) == DEMUR_OK && time >= 0;
    demur_time_put(&again, good ? time : 0, 0);
    out->date_s = (uint64_t)time;
    return good && span_eq(buf_span(&again), value) ? NULL : "a time as 2026-11-20T14:05:09Z";
}

static const char *set_to(struct demur_letter *out, struct span value)
{
    for (bool more = true; more;) {
        struct span role = span_split(&value, ',', &more);
        bool spaced = !more || (value.len > 0 && value.p[0] == ' ');
        struct span *last = out->to_len ? &out->to[out->to_len - 1] : NULL;
        if (!spaced || !demur_word_ok(role) || role.len > WORD_MAX ||
            out->to_len == DEMUR_LETTER_TO_MAX || (last && span_cmp(*last, role) >= 0))
            return "at most 32 roles in increasing order, parted by a comma and a space";
        out->to[out->to_len++] = role;
        value = more ? span_skip(value, 1) : value;
    }
    return NULL;
}

static const char *set_points(struct demur_letter *out, struct span value)
{
    uint64_t number = 0;
    out->has_points = true;
    bool good = span_u64(value, DEMUR_LETTER_POINTS_MAX, &number) && number > 0;
    out->points = (uint32_t)number;
    return good ? NULL : "a number from 1 to 9999";
}

static bool file_name_ok(struct span name)
{
    return name.len > 0 && name.len <= DEMUR_LETTER_FILE_NAME_MAX && name.p[0] != ' ' &&
           !memchr(name.p, '/', name.len) && !span_eq_str(name, ".") && !span_eq_str(name, "..");
}

static const char *set_file(struct demur_letter *out, struct span value)
{
    if (out->files_len == DEMUR_LETTER_ATTACHMENTS_MAX)
        return "given at most 32 times";
    struct demur_letter_file *file = &out->files[out->files_len++];
    bool one, two;
    struct span hash = span_split(&value, ' ', &one), size = span_split(&value, ' ', &two);
    file->name = value;
    return one && two && demur_hex_exact(file->hash, 32, hash) == DEMUR_OK &&
                   span_u64(size, INT64_MAX, &file->size) && file_name_ok(value)
               ? NULL
               : "a SHA-256 in hex, a size, and a file name without \"/\"";
}

enum { ROWS = 12 };
/* times: for a memo, a document, a message. */
static const struct row {
    const char *name;
    char times[DEMUR_LETTER_MESSAGE + 1];
    set_value *set;
} rows[ROWS] = {
    {"Channel", {'1', '1', '1'}, set_channel},   {"Dissent", {'1', '1', '1'}, set_dissent},
    {"Revision", {'1', '-', '-'}, set_revision}, {"Salt", {'1', '-', '-'}, set_salt},
    {"Act", {'-', '1', '-'}, set_act},           {"From", {'-', '?', '?'}, set_from},
    {"Title", {'1', '?', '-'}, set_title},       {"Marking", {'?', '?', '?'}, set_marking},
    {"Date", {'1', '1', '1'}, set_date},         {"To", {'1', '-', '-'}, set_to},
    {"Points", {'?', '?', '-'}, set_points},     {"Attachment", {'*', '-', '-'}, set_file},
};
static const char *const kinds[] = {"memo", "document", "message"};

/* ---- parsing ---- */

struct header {
    struct demur_letter *out;
    size_t next; /* the first row that may still come */
    struct demur_diag *diag;
};

/* Rows passed over must not be required ones. */
static enum demur_err pass_rows(struct header *h, size_t to, uint32_t line)
{
    for (; h->next < to; h->next++)
        if (rows[h->next].times[h->out->kind] == '1')
            return demur_fail_at(h->diag, DEMUR_ERR_MISSING, line, 0, rows[h->next].name,
                                 "the %s has no \"%s\" in its header", kinds[h->out->kind],
                                 rows[h->next].name);
    return DEMUR_OK;
}

static enum demur_err take_field(struct header *h, struct span text, uint32_t line)
{
    bool parted;
    struct span value = text, name = span_split(&value, ':', &parted);
    if (!parted || value.len < 2 || value.p[0] != ' ' || value.p[1] == ' ')
        return demur_fail_at(h->diag, DEMUR_ERR_SYNTAX, line, 1, "",
                             "a header line is a name, a colon, one space and a value");
    value = span_skip(value, 1);
    size_t i = 0;
    while (i < ROWS && !span_eq_str(name, rows[i].name))
        i++;
    char times = i == ROWS ? '-' : rows[i].times[h->out->kind];
    if (times == '-')
        return demur_fail_at(h->diag, DEMUR_ERR_SYNTAX, line, 1, "",
                             "a %s has no header field \"%.*s\"", kinds[h->out->kind],
                             SPAN_ARG(name));
    if (i < h->next)
        return demur_fail_at(h->diag, DEMUR_ERR_CANON, line, 1, rows[i].name,
                             "the header field \"%.*s\" stands twice or too late", SPAN_ARG(name));
    enum demur_err err = pass_rows(h, i, line);
    if (err)
        return err;
    h->next = times == '*' ? i : i + 1;
    const char *wants = rows[i].set(h->out, value);
    return wants ? demur_fail_at(h->diag, DEMUR_ERR_SYNTAX, line, (uint32_t)name.len + 3,
                                 rows[i].name, "\"%s\" must be %s", rows[i].name, wants)
                 : DEMUR_OK;
}

/* "demur memo v1" */
static enum demur_err take_kind(struct demur_letter *out, struct demur_lines *lines,
                                struct demur_diag *diag)
{
    for (int kind = 0; kind < 3; kind++) {
        struct demur_lines copy = *lines;
        enum demur_err err = demur_lines_header(&copy, kinds[kind], NULL);
        if (err == DEMUR_ERR_UPGRADE)
            return demur_fail_at(diag, err, 1, 1, "",
                                 "this %s is of a later version: upgrade to read it", kinds[kind]);
        if (err == DEMUR_OK) {
            out->kind = (enum demur_letter_kind)kind;
            *lines = copy;
            return DEMUR_OK;
        }
    }
    return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 1, 1, "",
                         "a letter begins with \"demur memo v1\", \"demur document v1\" or "
                         "\"demur message v1\"");
}

/* Strict UTF-8 and no control characters but LF and TAB. Lines are the body's. */
static enum demur_err check_body(struct span body, struct demur_diag *diag)
{
    uint32_t line = 1, column = 1;
    while (body.len) {
        uint32_t code = 0;
        size_t n = demur_utf8_one(body, &code);
        if (n == 0)
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, line, column, "body",
                                 "line %u of the text is not UTF-8: save it as UTF-8", line);
        bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
        if (control && code != '\n' && code != '\t')
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, line, column, "body",
                                 "line %u of the text has a control character: take it out", line);
        column = code == '\n' ? 1 : column + (uint32_t)n;
        line += code == '\n';
        body = span_skip(body, n);
    }
    return DEMUR_OK;
}

/* Where the header ends: past the LF before the first empty line. */
static size_t header_len(struct span text)
{
    for (size_t i = 0; i + 1 < text.len; i++)
        if (text.p[i] == '\n' && text.p[i + 1] == '\n')
            return i + 1;
    return text.len;
}

static enum demur_err check_shape(struct span text, struct demur_diag *diag)
{
    if (text.len > DEMUR_LETTER_MAX)
        return demur_fail(diag, DEMUR_ERR_LIMIT, "a text may have at most %u bytes",
                          DEMUR_LETTER_MAX);
    if (text.len == 0 || text.p[text.len - 1] != '\n')
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "a letter must end with a line end");
    if (text.len > 1 && text.p[text.len - 2] == '\n')
        return demur_fail(diag, DEMUR_ERR_CANON, "a letter must end with one line end only");
    return DEMUR_OK;
}

enum demur_err demur_letter_parse(struct demur_letter *out, struct span text,
                                  struct demur_diag *diag)
{
    enum demur_err err = check_shape(text, diag);
    if (err)
        return err;
    struct demur_letter letter = {0};
    struct header h = {&letter, 0, diag};
    size_t head = header_len(text);
    letter.body = span_skip(text, head + 1);
    struct demur_lines lines;
    err = demur_lines_init(&lines, span_take(text, head), DEMUR_LETTER_MAX, diag);
    if (!err)
        err = take_kind(&letter, &lines, diag);
    struct span line;
    while (!err && demur_lines_next(&lines, &line))
        err = take_field(&h, line, lines.line);
    if (!err)
        err = pass_rows(&h, ROWS, lines.line + 1);
    if (!err && letter.body.len == 0 && letter.kind != DEMUR_LETTER_DOCUMENT)
        err = demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "body", "the %s has no text",
                            kinds[letter.kind]);
    if (!err)
        err = check_body(letter.body, diag);
    if (!err)
        *out = letter;
    return err;
}

/* ---- writing ---- */

static void put_line(struct buf *out, const char *name, struct span value)
{
    if (value.len == 0)
        return;
    buf_put_str(out, name);
    buf_put_str(out, ": ");
    buf_put_span(out, value);
    buf_put_byte(out, '\n');
}

static void put_number(struct buf *out, const char *name, uint64_t number)
{
    buf_put_str(out, name);
    buf_put_str(out, ": ");
    buf_put_u64(out, number);
    buf_put_byte(out, '\n');
}

static void put_memo_head(struct buf *out, const struct demur_letter *letter)
{
    put_number(out, "Revision", letter->revision);
    buf_put_str(out, "Salt: ");
    demur_base64_encode(out, span_of(letter->salt, 32));
    buf_put_byte(out, '\n');
}

static void put_files(struct buf *out, const struct demur_letter *letter)
{
    for (size_t i = 0; i < letter->files_len; i++) {
        buf_put_str(out, "Attachment: ");
        demur_hex_encode(out, span_of(letter->files[i].hash, 32));
        buf_put_byte(out, ' ');
        buf_put_u64(out, letter->files[i].size);
        buf_put_byte(out, ' ');
        buf_put_span(out, letter->files[i].name);
        buf_put_byte(out, '\n');
    }
}

static void put_to(struct buf *out, const struct demur_letter *letter)
{
    for (size_t i = 0; i < letter->to_len; i++) {
        buf_put_str(out, i ? ", " : "To: ");
        buf_put_span(out, letter->to[i]);
    }
    if (letter->to_len)
        buf_put_byte(out, '\n');
}

void demur_letter_put(struct buf *out, const struct demur_letter *letter)
{
    buf_put_str(out, "demur ");
    buf_put_str(out, kinds[letter->kind]);
    buf_put_str(out, " v1\nChannel: ");
    demur_hex_encode(out, span_of(letter->channel, 32));
    buf_put_byte(out, '\n');
    put_line(out, "Dissent", letter->dissent);
    if (letter->kind == DEMUR_LETTER_MEMO)
        put_memo_head(out, letter);
    put_line(out, "Act", letter->act);
    put_line(out, "From", letter->from);
    put_line(out, "Title", letter->title);
    put_line(out, "Marking", letter->marking);
    buf_put_str(out, "Date: ");
    demur_time_put(out, (int64_t)letter->date_s, 0);
    buf_put_byte(out, '\n');
    put_to(out, letter);
    if (letter->has_points)
        put_number(out, "Points", letter->points);
    put_files(out, letter);
    if (letter->body.len) {
        buf_put_byte(out, '\n');
        buf_put_span(out, letter->body);
    }
}

size_t demur_letter_body_tidy(char *text, size_t len)
{
    size_t to = 0, kept = 0; /* kept: up to the last byte that is no white space */
    for (size_t from = 0; from < len; from++) {
        char c = text[from];
        if (kept == 0 && len - from >= 3 && memcmp(text + from, "\xEF\xBB\xBF", 3) == 0) {
            from += 2; /* the mark that some editors put before the text */
            continue;
        }
        if (c == '\r') {
            c = '\n';
            from += from + 1 < len && text[from + 1] == '\n';
        }
        if (c == '\n' && kept == 0)
            to = 0; /* blank lines before the first line with text */
        else
            text[to++] = c;
        if (c != '\n' && c != ' ' && c != '\t')
            kept = to;
    }
    if (kept)
        text[kept++] = '\n';
    return kept;
}

struct span demur_letter_unpad(struct span padded)
{
    while (padded.len > 1 && padded.p[padded.len - 1] == '\n' && padded.p[padded.len - 2] == '\n')
        padded.len--;
    return padded;
}
