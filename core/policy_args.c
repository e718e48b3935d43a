/* policy_args.c - what may stand in a statement or clause, by kind. */
#include "policy_parse.h"

#include <stdio.h>

#define EXPECTED_MAX 200
#define VALUE_MAX 64 /* an attribute's value, records.md section 2 */

bool demur_policy_list_next(struct span *rest, struct span *value)
{
    uint32_t column = 0;
    if (!demur_words_next(rest, value, &column))
        return false;
    struct span or_word;
    demur_words_next(rest, &or_word, &column);
    return true;
}

bool demur_policy_list_has(struct span list, struct span value)
{
    struct span one;
    while (demur_policy_list_next(&list, &one))
        if (span_eq(one, value))
            return true;
    return false;
}

static bool fits(uint8_t pattern, uint8_t c)
{
    if (pattern == '#')
        return c >= '0' && c <= '9';
    if (pattern == '@')
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return pattern == c;
}

/* The usual two-finger match: on a misfit, let the last `*` take one byte more. */
bool demur_policy_pattern_ok(struct span pattern, struct span value)
{
    size_t p = 0, v = 0, star = SIZE_MAX, resume = 0;
    while (v < value.len) {
        if (p < pattern.len && pattern.p[p] == '*') {
            star = p++;
            resume = v;
        } else if (p < pattern.len && fits(pattern.p[p], value.p[v])) {
            p++;
            v++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            v = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.p[p] == '*')
        p++;
    return p == pattern.len;
}

/* ---- names ---- */

struct names {
    const void *first; /* a struct that begins with its name */
    size_t size, len;
};

#define NAMES_OF(member)                                                                           \
    {                                                                                              \
        out->member, sizeof out->member[0], out->member##_len                                      \
    }

static struct names names_of(const struct demur_policy *out, enum demur_policy_statement kind)
{
    switch (kind) {
    case DEMUR_ST_ATTRIBUTE:
        return (struct names)NAMES_OF(attributes);
    case DEMUR_ST_ROLE:
        return (struct names)NAMES_OF(roles);
    case DEMUR_ST_ELIGIBLE:
        return (struct names)NAMES_OF(eligibles);
    case DEMUR_ST_SECTION:
        return (struct names)NAMES_OF(sections);
    case DEMUR_ST_STAGE:
        return (struct names)NAMES_OF(stages);
    case DEMUR_ST_STEP:
        return (struct names)NAMES_OF(steps);
    case DEMUR_ST_CLOCK:
        return (struct names)NAMES_OF(clocks);
    default:
        return (struct names){0};
    }
}

int demur_policy_find(const struct demur_policy_parser *p, enum demur_policy_statement kind,
                      struct span name)
{
    struct names names = names_of(p->out, kind);
    for (size_t i = 0; i < names.len; i++) {
        struct span one;
        memcpy(&one, (const uint8_t *)names.first + i * names.size, sizeof one);
        if (span_eq(one, name))
            return (int)i;
    }
    for (size_t i = 0; i < p->others_len; i++)
        if (p->others[i].statement == kind && span_eq(p->others[i].name, name))
            return (int)i;
    return -1;
}

static enum demur_err take_name(struct demur_policy_parser *p, struct demur_words *w,
                                enum demur_policy_statement kind, int *index)
{
    const char *what = demur_policy_statements[kind].name;
    char expected[EXPECTED_MAX];
    snprintf(expected, sizeof expected, "the name of %s %s", what[0] == 'a' ? "an" : "a", what);
    uint32_t column = w->column;
    struct span name;
    DEMUR_TRY(demur_words_id(w, expected, &name));
    *index = demur_policy_find(p, kind, name);
    if (*index < 0)
        return demur_words_fail(w, DEMUR_ERR_UNKNOWN, column,
                                "there is no %s \"%.*s\": declare it, or mend the name", what,
                                SPAN_ARG(name));
    return DEMUR_OK;
}

static enum demur_err take_names(struct demur_policy_parser *p, struct demur_words *w,
                                 enum demur_policy_statement kind, demur_set *set)
{
    do {
        int index;
        uint32_t column = w->column;
        DEMUR_TRY(take_name(p, w, kind, &index));
        if (demur_set_has(*set, index))
            return demur_words_fail(w, DEMUR_ERR_SYNTAX, column, "this name stands here twice");
        *set |= demur_set_of(index);
    } while (demur_words_if(w, "or"));
    return DEMUR_OK;
}

/* ---- values and conditions ---- */

/* `a or b or c`; each a value that an attribute (or a marking) may have. */
static enum demur_err take_values(struct demur_words *w, struct span *list)
{
    static const char expected[] = "a value of letters, digits, \".\", \"_\" and \"-\"";
    const uint8_t *start = w->rest.p;
    struct span value = {0};
    do {
        uint32_t column = w->column;
        DEMUR_TRY(demur_words_take(w, expected, &value));
        if (!demur_attribute_value_ok(value) || span_eq_str(value, "or"))
            return demur_words_not(w, value, expected);
        if (value.p != start &&
            demur_policy_list_has(span_of(start, (size_t)(value.p - start - 4)), value))
            return demur_words_fail(w, DEMUR_ERR_SYNTAX, column, "this value stands here twice");
    } while (demur_words_if(w, "or"));
    *list = span_of(start, (size_t)(value.p + value.len - start));
    return DEMUR_OK;
}

static enum demur_err values_fit(struct demur_words *w, uint32_t column,
                                 const struct demur_policy_attribute *a, struct span list)
{
    struct span value;
    while (demur_policy_list_next(&list, &value)) {
        if ((a->values.len && !demur_policy_list_has(a->values, value)) ||
            (a->pattern.len && !demur_policy_pattern_ok(a->pattern, value)))
            return demur_words_fail(w, DEMUR_ERR_UNKNOWN, column,
                                    "the attribute \"%.*s\" is never \"%.*s\" by its declaration",
                                    SPAN_ARG(a->name), SPAN_ARG(value));
        column += (uint32_t)value.len + 4;
    }
    return DEMUR_OK;
}

static enum demur_err take_condition(struct demur_policy_parser *p, struct demur_words *w,
                                     struct demur_condition *c)
{
    static const char *const ops[] = {[DEMUR_IS] = "is",
                                      [DEMUR_IS_NOT] = "is-not",
                                      [DEMUR_GIVEN] = "given",
                                      [DEMUR_AT_LEAST] = "at-least",
                                      [DEMUR_AT_MOST] = "at-most"};
    int attribute;
    size_t op;
    DEMUR_TRY(take_name(p, w, DEMUR_ST_ATTRIBUTE, &attribute));
    DEMUR_TRY(demur_words_choice(w, "is, is-not, given, at-least or at-most", ops, DEMUR_COUNT(ops),
                                 &op));
    *c = (struct demur_condition){
        .attribute = (int16_t)attribute, .op = (enum demur_condition_op)op, .line = w->line};
    if (c->op == DEMUR_GIVEN)
        return DEMUR_OK;
    if (c->op == DEMUR_AT_LEAST || c->op == DEMUR_AT_MOST)
        return demur_words_number(w, "a number", 0, INT64_MAX, &c->number);
    uint32_t column = w->column;
    DEMUR_TRY(take_values(w, &c->values));
    return values_fit(w, column, &p->out->attributes[attribute], c->values);
}

static enum demur_err take_pattern(struct demur_words *w, struct span *pattern)
{
    static const char expected[] =
        "a pattern of letters, digits, \".\", \"_\", \"-\", \"#\", \"@\" and \"*\"";
    DEMUR_TRY(demur_words_take(w, expected, pattern));
    for (size_t i = 0; i < pattern->len; i++) {
        uint8_t c = pattern->p[i];
        if (!fits('@', c) && !fits('#', c) && !(c && strchr("._-#@*", c)))
            return demur_words_not(w, *pattern, expected);
    }
    return pattern->len <= VALUE_MAX ? DEMUR_OK : demur_words_not(w, *pattern, expected);
}

/* ---- events, thresholds, sizes ---- */

static enum demur_err take_event(struct demur_policy_parser *p, struct demur_words *w,
                                 struct demur_policy_event *event)
{
    static const char *const words[] = {[DEMUR_EVENT_OPENING] = "opening",
                                        [DEMUR_EVENT_FILING] = "filing",
                                        [DEMUR_EVENT_STEP] = "step",
                                        [DEMUR_EVENT_STAGE] = "stage"};
    size_t kind;
    int index = -1;
    DEMUR_TRY(
        demur_words_choice(w, "filing, opening, step or stage", words, DEMUR_COUNT(words), &kind));
    if (kind == DEMUR_EVENT_STEP)
        DEMUR_TRY(take_name(p, w, DEMUR_ST_STEP, &index));
    if (kind == DEMUR_EVENT_STAGE)
        DEMUR_TRY(take_name(p, w, DEMUR_ST_STAGE, &index));
    *event = (struct demur_policy_event){(enum demur_event_kind)kind, (int16_t)index};
    return DEMUR_OK;
}

/* `5% of eligible` or `20 signers`. */
static enum demur_err take_threshold(struct demur_words *w)
{
    static const char expected[] = "a threshold such as 20 signers or 5% of eligible";
    struct span word;
    uint64_t n;
    DEMUR_TRY(demur_words_take(w, expected, &word));
    bool percent = word.len > 1 && word.p[word.len - 1] == '%';
    if (!span_u64(span_take(word, word.len - percent), percent ? 100 : 1000000, &n) || n == 0)
        return demur_words_not(w, word, expected);
    if (!percent)
        return demur_words_literal(w, n == 1 ? "signer" : "signers");
    DEMUR_TRY(demur_words_literal(w, "of"));
    return demur_words_literal(w, "eligible");
}

static enum demur_err take_size(struct demur_words *w, uint64_t *bytes)
{
    static const char *const units[] = {"KiB", "MiB"};
    size_t unit = 0;
    DEMUR_TRY(demur_words_number(w, "a size", 1, 65536, bytes));
    DEMUR_TRY(demur_words_choice(w, "KiB or MiB", units, 2, &unit));
    *bytes <<= unit ? 20 : 10;
    return DEMUR_OK;
}

/* type/subtype, RFC 6838 section 4.2, in lower case */
static enum demur_err take_media_type(struct demur_words *w, struct span *type)
{
    static const char expected[] = "a media type such as application/pdf";
    DEMUR_TRY(demur_words_take(w, expected, type));
    size_t slashes = 0;
    for (size_t i = 0; i < type->len; i++) {
        uint8_t c = type->p[i];
        bool slash = c == '/' && i > 0 && i + 1 < type->len;
        slashes += slash;
        if (!slash && !(c >= 'a' && c <= 'z') && !fits('#', c) && !(c && strchr("!$&-^_.+", c)))
            return demur_words_not(w, *type, expected);
    }
    return slashes == 1 ? DEMUR_OK : demur_words_not(w, *type, expected);
}

/* ---- specs ---- */

enum kind {
    KIND_ID,
    KIND_TEXT,
    KIND_VALUES,
    KIND_PATTERN,
    KIND_ATTRIBUTE,
    KIND_ROLE,
    KIND_ROLES,
    KIND_HOLDER,
    KIND_ACTORS,
    KIND_STAGE,
    KIND_STAGES,
    KIND_STEP,
    KIND_STEPS,
    KIND_CLOCK,
    KIND_PANEL,
    KIND_CONDITION,
    KIND_EVENT,
    KIND_PERIOD,
    KIND_THRESHOLD,
    KIND_SIZE,
    KIND_COUNT,
    KIND_TIMES,
    KIND_RING_SIZE,
    KIND_MEDIA_TYPE,
};
static const char *const kind_names[] = {
    [KIND_ID] = "<id>",
    [KIND_TEXT] = "<text>",
    [KIND_VALUES] = "<values>",
    [KIND_PATTERN] = "<pattern>",
    [KIND_ATTRIBUTE] = "<attribute>",
    [KIND_ROLE] = "<role>",
    [KIND_ROLES] = "<roles>",
    [KIND_HOLDER] = "<holder>",
    [KIND_ACTORS] = "<actors>",
    [KIND_STAGE] = "<stage>",
    [KIND_STAGES] = "<stages>",
    [KIND_STEP] = "<step>",
    [KIND_STEPS] = "<steps>",
    [KIND_CLOCK] = "<clock>",
    [KIND_PANEL] = "<panel>",
    [KIND_CONDITION] = "<condition>",
    [KIND_EVENT] = "<event>",
    [KIND_PERIOD] = "<period>",
    [KIND_THRESHOLD] = "<threshold>",
    [KIND_SIZE] = "<size>",
    [KIND_COUNT] = "<count>",
    [KIND_TIMES] = "<times>",
    [KIND_RING_SIZE] = "<ring-size>",
    [KIND_MEDIA_TYPE] = "<media-type>",
};

/* The author, or a role (or roles). */
static enum demur_err take_holder(struct demur_policy_parser *p, struct demur_words *w,
                                  bool several, struct demur_policy_arg *arg)
{
    arg->index = -1;
    if (demur_words_if(w, "author"))
        return DEMUR_OK;
    return several ? take_names(p, w, DEMUR_ST_ROLE, &arg->set)
                   : take_name(p, w, DEMUR_ST_ROLE, &arg->index);
}

static enum demur_err take_kind(struct demur_policy_parser *p, struct demur_words *w,
                                enum kind kind, struct demur_policy_arg *arg)
{
    switch (kind) {
    case KIND_ID:
        return demur_words_id(w, "a name in lower-case letters", &arg->text);
    case KIND_TEXT:
        return demur_words_text(w, &arg->text);
    case KIND_VALUES:
        return take_values(w, &arg->text);
    case KIND_PATTERN:
        return take_pattern(w, &arg->text);
    case KIND_ATTRIBUTE:
        return take_name(p, w, DEMUR_ST_ATTRIBUTE, &arg->index);
    case KIND_ROLE:
        return take_name(p, w, DEMUR_ST_ROLE, &arg->index);
    case KIND_ROLES:
        return take_names(p, w, DEMUR_ST_ROLE, &arg->set);
    case KIND_HOLDER:
        return take_holder(p, w, false, arg);
    case KIND_ACTORS:
        return take_holder(p, w, true, arg);
    case KIND_STAGE:
        return take_name(p, w, DEMUR_ST_STAGE, &arg->index);
    case KIND_STAGES:
        return take_names(p, w, DEMUR_ST_STAGE, &arg->set);
    case KIND_STEP:
        return take_name(p, w, DEMUR_ST_STEP, &arg->index);
    case KIND_STEPS:
        return take_names(p, w, DEMUR_ST_STEP, &arg->set);
    case KIND_CLOCK:
        return take_name(p, w, DEMUR_ST_CLOCK, &arg->index);
    case KIND_PANEL:
        return take_name(p, w, DEMUR_ST_PANEL, &arg->index);
    case KIND_CONDITION:
        return take_condition(p, w, &arg->condition);
    case KIND_EVENT:
        return take_event(p, w, &arg->event);
    case KIND_PERIOD:
        return demur_words_period(w, &arg->period);
    case KIND_THRESHOLD:
        return take_threshold(w);
    case KIND_SIZE:
        return take_size(w, &arg->number);
    case KIND_COUNT:
        return demur_words_number(w, "a number", 1, 1000, &arg->number);
    case KIND_TIMES:
        return demur_words_number(w, "once, or a number", 2, 1000, &arg->number);
    case KIND_RING_SIZE:
        return demur_words_number(w, "a number", 2, 30000, &arg->number);
    case KIND_MEDIA_TYPE:
        return take_media_type(w, &arg->text);
    }
    return DEMUR_ERR_SYNTAX;
}

/* `a|b|c` as people write it: a, b or c. */
static void spell_choice(struct span choice, char out[static EXPECTED_MAX])
{
    struct buf b = buf_over(out, EXPECTED_MAX - 1);
    bool more = true;
    for (bool first = true; more; first = false) {
        struct span word = span_split(&choice, '|', &more);
        if (!first)
            buf_put_str(&b, more ? ", " : " or ");
        buf_put_span(&b, word);
    }
    out[b.len] = 0;
}

static enum demur_err take_choice(struct demur_words *w, struct span choice, uint64_t *number)
{
    char expected[EXPECTED_MAX];
    spell_choice(choice, expected);
    struct span word;
    DEMUR_TRY(demur_words_take(w, expected, &word));
    bool more = true;
    for (*number = 0; more; (*number)++)
        if (span_eq(span_split(&choice, '|', &more), word))
            return DEMUR_OK;
    return demur_words_not(w, word, expected);
}

enum demur_err demur_policy_take(struct demur_policy_parser *p, struct demur_words *w,
                                 const char *spec,
                                 struct demur_policy_arg args[static DEMUR_POLICY_ARGS],
                                 size_t *len)
{
    struct span rest = span_str(spec), token;
    uint32_t column = 0;
    *len = 0;
    while (demur_words_next(&rest, &token, &column)) {
        if (span_eq_str(token, "[")) {
            if (w->rest.len == 0)
                return DEMUR_OK;
            continue;
        }
        struct demur_policy_arg *arg = &args[*len];
        if (token.p[0] != '<' && !memchr(token.p, '|', token.len)) {
            char word[EXPECTED_MAX];
            snprintf(word, sizeof word, "%.*s", SPAN_ARG(token));
            DEMUR_TRY(demur_words_literal(w, word));
            continue;
        }
        if (*len == DEMUR_POLICY_ARGS)
            return DEMUR_ERR_LIMIT;
        *arg = (struct demur_policy_arg){.index = -1};
        (*len)++;
        if (token.p[0] != '<') {
            DEMUR_TRY(take_choice(w, token, &arg->number));
            continue;
        }
        for (size_t k = 0; k < DEMUR_COUNT(kind_names); k++)
            if (span_eq_str(token, kind_names[k]))
                DEMUR_TRY(take_kind(p, w, (enum kind)k, arg));
    }
    return DEMUR_OK;
}
