/* policy_parse.h - inside the policy parser: its grammar as a table, and what
 * its files share. Only core/policy*.c include it; policy.h is the contract.
 *
 *     policy_grammar.c  every statement and clause of the language, as data
 *     policy_args.c     what may stand in a clause: names, periods, conditions, ...
 *     policy_store.c    where the executed ones go in struct demur_policy
 *     policy_laws.c     what the whole text must keep to
 *     policy_parse.c    the walk over the text that uses them all
 */
#ifndef DEMUR_CORE_POLICY_PARSE_H
#define DEMUR_CORE_POLICY_PARSE_H

#include "calendar_words.h"
#include "policy.h"

enum demur_policy_statement {
    DEMUR_ST_POLICY,
    DEMUR_ST_ATTRIBUTE,
    DEMUR_ST_ROLE,
    DEMUR_ST_ELIGIBLE,
    DEMUR_ST_ROSTER,
    DEMUR_ST_RING,
    DEMUR_ST_FILING,
    DEMUR_ST_SIGNATURES,
    DEMUR_ST_SECTION,
    DEMUR_ST_ATTACHMENTS,
    DEMUR_ST_MARKINGS,
    DEMUR_ST_POINTS,
    DEMUR_ST_SCOPE,
    DEMUR_ST_MATTER,
    DEMUR_ST_DISTRIBUTION,
    DEMUR_ST_STAGE,
    DEMUR_ST_STEP,
    DEMUR_ST_CLOCK,
    DEMUR_ST_CLASS,
    DEMUR_ST_PANEL,
    DEMUR_ST_JOINT,
    DEMUR_ST_REPLY,
    DEMUR_ST_APPEAL,
    DEMUR_ST_BINDING,
    DEMUR_ST_PUBLICATION,
    DEMUR_ST_STATISTICS,
    DEMUR_ST_RETENTION,
    DEMUR_ST_REPRISAL,
    DEMUR_ST_DUTY,
    DEMUR_ST_RULE,
    DEMUR_ST_COUNT,
};

struct demur_policy_statement_rule {
    const char *name;
    const char *head; /* what stands after the name: a spec, see below */
    bool named;       /* the first argument declares a name, and there may be several */
    bool required;    /* in every policy */
    bool later;       /* this version cannot execute it */
};

/* A spec is words: `<kind>` takes an argument of that kind (policy_args.c),
 * `a|b` one of these words, any other word itself; what follows `[` may be
 * left out as a whole. Clauses of one name are told apart by the first word. */
struct demur_policy_clause_rule {
    enum demur_policy_statement statement;
    const char *name, *spec;
    enum demur_clause_flags {
        DEMUR_CLAUSE_ONCE = 0, /* one clause of that name in a statement */
        DEMUR_CLAUSE_EACH = 1, /* one of this form, beside others of that name */
        DEMUR_CLAUSE_MANY = 2, /* as many as wanted */
        DEMUR_CLAUSE_REQUIRED = 4,
        DEMUR_CLAUSE_LATER = 8, /* this version cannot execute it */
        DEMUR_CLAUSE_TEXT = 16, /* for people: checked, and not stored */
    } flags;
};

extern const struct demur_policy_statement_rule demur_policy_statements[DEMUR_ST_COUNT];
extern const struct demur_policy_clause_rule demur_policy_clauses[];
extern const size_t demur_policy_clauses_len;

/* An argument; which members are set depends on its kind. */
struct demur_policy_arg {
    struct span text;
    uint64_t number; /* also the index of a choice */
    int index;       /* of one role, stage, ...; -1 for the author */
    demur_set set;
    struct demur_period period;
    struct demur_policy_event event;
    struct demur_condition condition;
};
enum { DEMUR_POLICY_ARGS = 4, DEMUR_POLICY_OTHERS = 64 };

struct demur_policy_parser {
    struct demur_policy *out;
    struct demur_diag *diag;
    /* Names that have no place in *out: panels, appeals, ... */
    struct {
        enum demur_policy_statement statement;
        struct span name;
        uint32_t line;
    } others[DEMUR_POLICY_OTHERS];
    size_t others_len;
    /* The statement that is being read. */
    enum demur_policy_statement in;
    bool in_any;
    struct demur_statement_line at;
    int element;   /* its number in its array of *out, or -1 */
    uint64_t seen; /* bit i: its i-th clause rule was met */
    uint32_t statements_seen;
};

/* The number of a declared name of that kind of statement, or -1. */
int demur_policy_find(const struct demur_policy_parser *p, enum demur_policy_statement kind,
                      struct span name);
/* Take what a spec says off the words. *len counts the arguments taken. */
enum demur_err demur_policy_take(struct demur_policy_parser *p, struct demur_words *w,
                                 const char *spec,
                                 struct demur_policy_arg args[static DEMUR_POLICY_ARGS],
                                 size_t *len) DEMUR_CHECKED;
/* Begin the element that the present statement is about, and store its head. */
enum demur_err demur_policy_store_head(struct demur_policy_parser *p, struct demur_words *w,
                                       const struct demur_policy_arg *args,
                                       size_t len) DEMUR_CHECKED;
/* Store a clause of the present statement. */
enum demur_err demur_policy_store(struct demur_policy_parser *p, struct demur_words *w,
                                  const struct demur_policy_clause_rule *rule,
                                  const struct demur_policy_arg *args, size_t len) DEMUR_CHECKED;
/* The laws of the whole text; *out is complete. */
enum demur_err demur_policy_laws(const struct demur_policy *policy,
                                 struct demur_diag *diag) DEMUR_CHECKED;

/* Walk a list `a or b or c`: the next value off *rest; false at the end. */
bool demur_policy_list_next(struct span *rest, struct span *value);
/* Is the value one of the list / of the pattern (`#` a digit, `@` a letter, `*`
 * any run, all else itself)? */
bool demur_policy_list_has(struct span list, struct span value);
bool demur_policy_pattern_ok(struct span pattern, struct span value);

#endif
