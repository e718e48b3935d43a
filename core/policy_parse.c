/* policy_parse.c - the walk over a policy's text: first the names that it
 * declares, so that they may be used before they are; then everything. */
#include "policy_parse.h"

#define NAME_MAX_SHOWN 40

static int statement_named(struct span name)
{
    for (int i = 0; i < DEMUR_ST_COUNT; i++)
        if (span_eq_str(name, demur_policy_statements[i].name))
            return i;
    return -1;
}

/* ---- the first walk: names ---- */

static enum demur_err too_many(const struct demur_words *w, int max)
{
    return demur_words_fail(w, DEMUR_ERR_LIMIT, 1, "a policy has at most %d of these", max);
}

#define APPEND(array, array_max)                                                                   \
    do {                                                                                           \
        if (out->array##_len == (array_max))                                                       \
            return too_many(w, (array_max));                                                       \
        out->array[out->array##_len].name = name;                                                  \
        out->array[out->array##_len++].line = w->line;                                             \
        return DEMUR_OK;                                                                           \
    } while (0)

static enum demur_err append(struct demur_policy_parser *p, struct demur_words *w,
                             enum demur_policy_statement kind, struct span name)
{
    struct demur_policy *out = p->out;
    switch (kind) {
    case DEMUR_ST_ATTRIBUTE:
        APPEND(attributes, DEMUR_POLICY_ATTRIBUTES);
    case DEMUR_ST_ROLE:
        APPEND(roles, DEMUR_POLICY_ROLES);
    case DEMUR_ST_ELIGIBLE:
        APPEND(eligibles, DEMUR_POLICY_ELIGIBLES);
    case DEMUR_ST_SECTION:
        APPEND(sections, DEMUR_POLICY_SECTIONS);
    case DEMUR_ST_STAGE:
        APPEND(stages, DEMUR_POLICY_STAGES);
    case DEMUR_ST_STEP:
        APPEND(steps, DEMUR_POLICY_STEPS);
    case DEMUR_ST_CLOCK:
        APPEND(clocks, DEMUR_POLICY_CLOCKS);
    default:
        if (p->others_len == DEMUR_POLICY_OTHERS)
            return too_many(w, DEMUR_POLICY_OTHERS);
        p->others[p->others_len].statement = kind;
        p->others[p->others_len].name = name;
        p->others[p->others_len++].line = w->line;
        return DEMUR_OK;
    }
}

static enum demur_err declare(struct demur_policy_parser *p, struct demur_words *w,
                              enum demur_policy_statement kind)
{
    struct span name;
    uint32_t column = w->column;
    DEMUR_TRY(demur_words_id(w, "a name in lower-case letters", &name));
    if (span_eq_str(name, "author") && kind == DEMUR_ST_ROLE)
        return demur_words_fail(w, DEMUR_ERR_SYNTAX, column,
                                "\"author\" means the author of the dissent and is no role");
    if (!demur_attribute_name_ok(name) && kind == DEMUR_ST_ATTRIBUTE)
        return demur_words_fail(w, DEMUR_ERR_SYNTAX, column,
                                "no invitation could give this attribute: use lower-case letters "
                                "and hyphens, 32 at most");
    if (demur_policy_find(p, kind, name) >= 0)
        return demur_words_fail(w, DEMUR_ERR_SYNTAX, column, "a %s \"%.*s\" was declared above",
                                demur_policy_statements[kind].name, SPAN_ARG(name));
    return append(p, w, kind, name);
}

/* An attribute's values and pattern are needed wherever conditions stand, so
 * they are kept as they are; the second walk checks them. */
static void keep_attribute(struct demur_policy *out, const struct demur_statement_line *s)
{
    struct demur_policy_attribute *a = &out->attributes[out->attributes_len - 1];
    if (span_eq_str(s->name, "values"))
        a->values = s->rest;
    if (span_eq_str(s->name, "pattern"))
        a->pattern = s->rest;
}

static enum demur_err walk_names(struct demur_policy_parser *p, struct demur_lines lines)
{
    int kind = -1;
    for (;;) {
        struct demur_statement_line s;
        bool end = false;
        DEMUR_TRY(demur_statement_next(&lines, &s, &end, p->diag));
        if (end)
            return DEMUR_OK;
        if (s.clause) {
            if (kind == DEMUR_ST_ATTRIBUTE)
                keep_attribute(p->out, &s);
            continue;
        }
        kind = statement_named(s.name);
        struct demur_words w = demur_words_of(&s, p->diag);
        if (kind >= 0 && demur_policy_statements[kind].named)
            DEMUR_TRY(declare(p, &w, (enum demur_policy_statement)kind));
    }
}

/* ---- the second walk ---- */

static void note_later(struct demur_policy_parser *p, struct span clause, uint32_t line)
{
    struct demur_policy *out = p->out;
    if (out->later_len < DEMUR_POLICY_LATER)
        out->later[out->later_len] = (struct demur_policy_later){p->at.name, clause, line};
    out->later_len++;
}

static bool same_clause(size_t a, size_t b)
{
    return demur_policy_clauses[a].statement == demur_policy_clauses[b].statement &&
           strcmp(demur_policy_clauses[a].name, demur_policy_clauses[b].name) == 0;
}

/* Every clause that the present statement needs must have been there. */
static enum demur_err end_statement(const struct demur_policy_parser *p)
{
    if (!p->in_any)
        return DEMUR_OK;
    size_t nth = 0;
    for (size_t i = 0; i < demur_policy_clauses_len; i++) {
        const struct demur_policy_clause_rule *rule = &demur_policy_clauses[i];
        if (rule->statement != p->in)
            continue;
        if ((rule->flags & DEMUR_CLAUSE_REQUIRED) && !(p->seen >> nth & 1)) {
            struct demur_words w = demur_words_of(&p->at, p->diag);
            return demur_words_fail(&w, DEMUR_ERR_MISSING, 1, "this %s needs a clause \"%s\"",
                                    demur_policy_statements[p->in].name, rule->name);
        }
        nth++;
    }
    return DEMUR_OK;
}

static enum demur_err statement(struct demur_policy_parser *p, const struct demur_statement_line *s)
{
    DEMUR_TRY(end_statement(p));
    struct demur_words w = demur_words_of(s, p->diag);
    int kind = statement_named(s->name);
    if (!p->in_any && kind != DEMUR_ST_POLICY)
        return demur_words_fail(&w, DEMUR_ERR_SYNTAX, 1,
                                "expected \"policy\" and its name as the first statement");
    if (kind < 0)
        return demur_words_fail(&w, DEMUR_ERR_SYNTAX, 1,
                                "\"%.*s\" is no statement of the policy language",
                                SPAN_ARG(span_take(s->name, NAME_MAX_SHOWN)));
    const struct demur_policy_statement_rule *rule = &demur_policy_statements[kind];
    if (!rule->named && (p->statements_seen >> kind & 1))
        return demur_words_fail(&w, DEMUR_ERR_SYNTAX, 1, "\"%s\" stands in a policy once",
                                rule->name);
    p->statements_seen |= 1u << kind;
    p->in = (enum demur_policy_statement)kind;
    p->in_any = true;
    p->at = *s;
    p->seen = 0;
    struct demur_policy_arg args[DEMUR_POLICY_ARGS];
    size_t len;
    DEMUR_TRY(demur_policy_take(p, &w, rule->head, args, &len));
    DEMUR_TRY(demur_words_end(&w));
    if (rule->later)
        note_later(p, (struct span){0}, s->line);
    return demur_policy_store_head(p, &w, args, len);
}

static enum demur_err no_such_clause(const struct demur_policy_parser *p,
                                     const struct demur_words *w)
{
    char list[200];
    struct buf b = buf_over(list, sizeof list - 1);
    for (size_t i = 0; i < demur_policy_clauses_len; i++) {
        if (demur_policy_clauses[i].statement != p->in || (i > 0 && same_clause(i, i - 1)))
            continue;
        buf_put_str(&b, b.len ? ", " : "");
        buf_put_str(&b, demur_policy_clauses[i].name);
    }
    list[b.len] = 0;
    return demur_words_fail(w, DEMUR_ERR_SYNTAX, 3, "\"%s\" has no clause \"%.*s\"%s%s",
                            demur_policy_statements[p->in].name,
                            SPAN_ARG(span_take(w->name, NAME_MAX_SHOWN)), b.len ? ", but " : "",
                            list);
}

/* None of the forms of a clause begins with the word that stands there. */
static enum demur_err no_such_form(size_t first, size_t last, struct demur_words *w)
{
    char list[200];
    struct buf b = buf_over(list, sizeof list - 1);
    for (size_t i = first; i <= last; i++) {
        struct span spec = span_str(demur_policy_clauses[i].spec);
        bool found;
        struct span word = span_split(&spec, ' ', &found);
        buf_put_str(&b, i == first ? "" : i == last ? " or " : ", ");
        if (word.len > 0 && word.p[0] == '<')
            word = span_str("a number");
        buf_put_span(&b, word);
    }
    list[b.len] = 0;
    struct span word;
    DEMUR_TRY(demur_words_take(w, list, &word));
    return demur_words_not(w, word, list);
}

/* The rule for a clause: the one of its name, or, where there are several, the
 * one whose spec begins with the next word (or with an argument). */
static enum demur_err find_rule(const struct demur_policy_parser *p, struct demur_words *w,
                                size_t *found)
{
    size_t first = 0;
    while (first < demur_policy_clauses_len &&
           (demur_policy_clauses[first].statement != p->in ||
            !span_eq_str(w->name, demur_policy_clauses[first].name)))
        first++;
    if (first == demur_policy_clauses_len)
        return no_such_clause(p, w);
    size_t last = first;
    while (last + 1 < demur_policy_clauses_len && same_clause(first, last + 1))
        last++;
    struct span ahead = w->rest, word = {0};
    bool more;
    word = span_split(&ahead, ' ', &more);
    for (*found = first; *found <= last; (*found)++) {
        struct span spec = span_str(demur_policy_clauses[*found].spec);
        struct span opening = span_split(&spec, ' ', &more);
        bool argument = opening.len > 0 && opening.p[0] == '<' && word.len > 0 &&
                        word.p[0] >= '0' && word.p[0] <= '9';
        if (first == last || span_eq(opening, word) || argument)
            return DEMUR_OK;
    }
    return no_such_form(first, last, w);
}

/* Which of its statement's rules a rule is, and whether it, or any other form of
 * its clause, was met in this statement before. */
static enum demur_err mark_seen(struct demur_policy_parser *p, const struct demur_words *w,
                                size_t found)
{
    const struct demur_policy_clause_rule *rule = &demur_policy_clauses[found];
    bool before = false;
    size_t nth = 0, here = 0;
    for (size_t i = 0; i < demur_policy_clauses_len; i++) {
        if (demur_policy_clauses[i].statement != p->in)
            continue;
        if (i == found)
            here = nth;
        bool same_form = i == found && !(rule->flags & DEMUR_CLAUSE_MANY);
        bool same_name =
            same_clause(i, found) && !(rule->flags & (DEMUR_CLAUSE_MANY | DEMUR_CLAUSE_EACH));
        before |= (same_form || same_name) && (p->seen >> nth & 1);
        nth++;
    }
    p->seen |= (uint64_t)1 << here;
    return before ? demur_words_fail(w, DEMUR_ERR_SYNTAX, 3, "\"%s\" was given above", rule->name)
                  : DEMUR_OK;
}

static enum demur_err clause(struct demur_policy_parser *p, const struct demur_statement_line *s)
{
    struct demur_words w = demur_words_of(s, p->diag);
    if (!p->in_any)
        return demur_words_fail(&w, DEMUR_ERR_SYNTAX, 1,
                                "expected \"policy\" and its name as the first statement");
    size_t found = 0;
    DEMUR_TRY(find_rule(p, &w, &found));
    DEMUR_TRY(mark_seen(p, &w, found));
    const struct demur_policy_clause_rule *rule = &demur_policy_clauses[found];
    struct demur_policy_arg args[DEMUR_POLICY_ARGS];
    size_t len;
    DEMUR_TRY(demur_policy_take(p, &w, rule->spec, args, &len));
    DEMUR_TRY(demur_words_end(&w));
    if (demur_policy_statements[p->in].later)
        return DEMUR_OK;
    if (rule->flags & DEMUR_CLAUSE_LATER) {
        note_later(p, s->name, s->line);
        return DEMUR_OK;
    }
    if (rule->flags & DEMUR_CLAUSE_TEXT)
        return DEMUR_OK;
    return demur_policy_store(p, &w, rule, args, len);
}

static enum demur_err walk(struct demur_policy_parser *p, struct demur_lines lines)
{
    for (;;) {
        struct demur_statement_line s;
        bool end = false;
        DEMUR_TRY(demur_statement_next(&lines, &s, &end, p->diag));
        if (end)
            break;
        DEMUR_TRY(s.clause ? clause(p, &s) : statement(p, &s));
    }
    DEMUR_TRY(end_statement(p));
    for (int i = 0; i < DEMUR_ST_COUNT; i++)
        if (demur_policy_statements[i].required && !(p->statements_seen >> i & 1))
            return demur_fail(p->diag, DEMUR_ERR_MISSING, "a policy needs a statement \"%s\"",
                              demur_policy_statements[i].name);
    return DEMUR_OK;
}

static enum demur_err parse(struct demur_policy *out, struct span text, struct demur_diag *diag)
{
    struct demur_lines lines;
    DEMUR_TRY(demur_lines_init(&lines, text, DEMUR_POLICY_TEXT_MAX, diag));
    DEMUR_TRY(demur_lines_header(&lines, "policy", diag));
    struct demur_policy_parser p = {.out = out, .diag = diag, .element = -1};
    DEMUR_TRY(walk_names(&p, lines));
    DEMUR_TRY(walk(&p, lines));
    return demur_policy_laws(out, diag);
}

enum demur_err demur_policy_parse(struct demur_policy *out, struct span text,
                                  struct demur_diag *diag)
{
    *out = (struct demur_policy){0};
    enum demur_err err = parse(out, text, diag);
    if (err != DEMUR_OK)
        *out = (struct demur_policy){0};
    return err;
}
