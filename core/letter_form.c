/* A memo against the form that the policy asks for. */
#include "letter.h"
#include "policy.h"

/* ---- headings, as CommonMark 0.31 sections 4.2, 4.3 and 4.5 see them ---- */

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c; }

/* Does the heading's text begin with the title? Emphasis marks at its start are
 * no part of the text. */
static bool begins(struct span text, struct span title)
{
    while (text.len && memchr(" \t*_", text.p[0], 4))
        text = span_skip(text, 1);
    if (text.len < title.len)
        return false;
    for (size_t i = 0; i < title.len; i++)
        if (lower(text.p[i]) != lower(title.p[i]))
            return false;
    return true;
}

static struct span rtrim(struct span s)
{
    while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static size_t run_of(struct span s, uint8_t c)
{
    size_t n = 0;
    while (n < s.len && s.p[n] == c)
        n++;
    return n;
}

/* The text of an ATX heading; false when the line is none. */
static bool atx(struct span line, struct span *text)
{
    size_t level = run_of(line, '#');
    if (level == 0 || level > 6)
        return false;
    *text = span_skip(line, level);
    return text->len == 0 || text->p[0] == ' ' || text->p[0] == '\t';
}

static bool underline(struct span line)
{
    struct span bare = rtrim(line);
    return bare.len && (run_of(bare, '=') == bare.len || run_of(bare, '-') == bare.len);
}

struct fence {
    uint8_t mark; /* 0: not inside one */
    size_t len;
};

/* Enter or leave a fenced code block. True when the line is a fence. */
static bool fence_step(struct fence *fence, struct span line)
{
    uint8_t mark = line.len ? line.p[0] : 0;
    size_t len = mark == '`' || mark == '~' ? run_of(line, mark) : 0;
    struct span info = span_skip(line, len);
    if (fence->mark) {
        bool closes = mark == fence->mark && len >= fence->len && rtrim(info).len == 0;
        if (closes)
            fence->mark = 0;
        return closes;
    }
    if (len < 3 || (mark == '`' && info.len && memchr(info.p, '`', info.len)))
        return false;
    *fence = (struct fence){mark, len};
    return true;
}

bool demur_letter_has_section(struct span body, struct span title)
{
    struct fence fence = {0};
    struct span paragraph = {0}, text; /* the open paragraph's first line */
    for (bool more = true; more;) {
        struct span line = span_split(&body, '\n', &more);
        size_t indent = run_of(line, ' ');
        struct span inner = span_skip(line, indent);
        bool deep = indent > 3 || (inner.len && inner.p[0] == '\t');
        if ((!deep && fence_step(&fence, inner)) || fence.mark) {
            paragraph.len = 0;
        } else if (rtrim(inner).len == 0) {
            paragraph.len = 0;
        } else if (deep) {
            continue; /* goes on with the paragraph, or is code */
        } else if (atx(inner, &text)) {
            if (begins(text, title))
                return true;
            paragraph.len = 0;
        } else if (paragraph.len && underline(inner)) {
            if (begins(paragraph, title))
                return true;
            paragraph.len = 0;
        } else if (memchr(">-+", inner.p[0], 3)) {
            paragraph.len = 0; /* a quotation, a list or a rule: no heading of the memo's */
        } else if (paragraph.len == 0) {
            paragraph = inner;
        }
    }
    return false;
}

/* ---- the form ---- */

static bool listed(struct span list, struct span value)
{
    while (list.len) {
        size_t i = 0;
        while (i < list.len && memcmp(list.p + i, " or ", list.len - i < 4 ? list.len - i : 4) != 0)
            i++;
        if (span_eq(span_take(list, i), value))
            return true;
        list = span_skip(list, i + 4);
    }
    return false;
}

static enum demur_err check_sections(const struct demur_letter *memo,
                                     const struct demur_policy *policy, struct demur_diag *diag)
{
    for (size_t i = 0; i < policy->sections_len; i++) {
        const struct demur_policy_section *section = &policy->sections[i];
        if (section->need == DEMUR_NEED_REQUIRED &&
            !demur_letter_has_section(memo->body, section->title))
            return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "body",
                                 "the memo has no section \"%.*s\", which the policy requires: add "
                                 "a heading with that title",
                                 SPAN_ARG(section->title));
    }
    return DEMUR_OK;
}

static enum demur_err check_points(const struct demur_letter *memo,
                                   const struct demur_policy *policy, struct demur_diag *diag)
{
    if (!memo->has_points && policy->points == DEMUR_NEED_REQUIRED)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "Points",
                             "the policy requires numbered points, so that each can be answered: "
                             "number them and say how many there are");
    if (memo->has_points && policy->points == DEMUR_NEED_NONE)
        return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "Points",
                             "the policy knows no numbered points: do not count them");
    return DEMUR_OK;
}

static enum demur_err check_marking(const struct demur_letter *memo,
                                    const struct demur_policy *policy, struct demur_diag *diag)
{
    if (memo->marking.len && !listed(policy->markings, memo->marking))
        return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "Marking",
                             policy->markings.len ? "the marking \"%.*s\" is none of the policy's: "
                                                    "it knows %.*s"
                                                  : "the policy knows no markings: take \"%.*s\" "
                                                    "out%.*s",
                             SPAN_ARG(memo->marking), SPAN_ARG(policy->markings));
    if (memo->marking.len == 0 && policy->marking == DEMUR_NEED_REQUIRED)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "Marking",
                             "the memo has no marking, which the policy requires: it knows %.*s",
                             SPAN_ARG(policy->markings));
    return DEMUR_OK;
}

static enum demur_err check_files(const struct demur_letter *memo,
                                  const struct demur_policy *policy, struct demur_diag *diag)
{
    if (memo->files_len > policy->attachments_max)
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "Attachment",
                             "the memo has %zu attachments: the policy allows %u", memo->files_len,
                             policy->attachments_max);
    uint64_t sum = 0;
    for (size_t i = 0; i < memo->files_len; i++) {
        const struct demur_letter_file *file = &memo->files[i];
        if (policy->attachment_bytes && file->size > policy->attachment_bytes)
            return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "Attachment",
                                 "the attachment \"%.*s\" has %llu bytes: the policy allows %llu "
                                 "for one",
                                 SPAN_ARG(file->name), (unsigned long long)file->size,
                                 (unsigned long long)policy->attachment_bytes);
        sum += file->size;
    }
    if (policy->attachments_bytes && sum > policy->attachments_bytes)
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "Attachment",
                             "the attachments have %llu bytes together: the policy allows %llu",
                             (unsigned long long)sum,
                             (unsigned long long)policy->attachments_bytes);
    return DEMUR_OK;
}

enum demur_err demur_memo_check(const struct demur_letter *memo, const struct demur_policy *policy,
                                struct demur_diag *diag)
{
    enum demur_err err = check_sections(memo, policy, diag);
    if (!err)
        err = check_points(memo, policy, diag);
    if (!err)
        err = check_marking(memo, policy, diag);
    return err ? err : check_files(memo, policy, diag);
}
