/* policy.h - a policy text as the structure that the fold executes.
 *
 * docs/formats/policy.md is the grammar and the meaning of every statement,
 * complete for a second implementation. What the language can say and this
 * version cannot execute is checked as strictly as the rest, and listed in
 * `later`; demur_policy_executable refuses such a policy when it is to come
 * into force.
 *
 * Roles, stages, steps, clocks and the rest are numbered in the order of the
 * text; a demur_set is a set of such numbers, -1 stands for none. All spans
 * borrow from the text, which must outlive the struct. No allocation: the
 * struct is some tens of KB of the caller's storage.
 * Timing: variable; policies are public.
 */
#ifndef DEMUR_CORE_POLICY_H
#define DEMUR_CORE_POLICY_H

#include "calendar.h"

#define DEMUR_POLICY_TEXT_MAX 60000
enum {
    DEMUR_POLICY_ATTRIBUTES = 16,
    DEMUR_POLICY_ROLES = 64,
    DEMUR_POLICY_STAGES = 64,
    DEMUR_POLICY_STEPS = 64,
    DEMUR_POLICY_OUTCOMES = 8, /* of one step */
    DEMUR_POLICY_CLOCKS = 32,
    DEMUR_POLICY_SECTIONS = 32,
    DEMUR_POLICY_TEXTS = 64, /* rules, duties and matters: sentences for people */
    DEMUR_POLICY_ELIGIBLES = 8,
    DEMUR_POLICY_CONDITIONS = 8, /* in one `eligible` */
    DEMUR_POLICY_NARROWS = 8,
    DEMUR_POLICY_RECEIVERS = 64,
    DEMUR_POLICY_SHARES = 64,
    DEMUR_POLICY_STARTS = 4,     /* events that start one clock */
    DEMUR_POLICY_EXTENSIONS = 4, /* of one clock */
    DEMUR_POLICY_ACTIONS = 8,    /* of one clock */
    DEMUR_POLICY_LATER = 64,     /* listed; later_len goes on counting */
    /* What no case under a policy can come to exceed, by laws 14 and 20. */
    DEMUR_CLOCK_EXTENSIONS = 8, /* of one clock */
    DEMUR_CASE_STAGES = 400,    /* changes of stage, filing included */
};

typedef uint64_t demur_set;
static inline bool demur_set_has(demur_set set, int i)
{
    return i >= 0 && i < 64 && (set >> i & 1) != 0;
}
static inline demur_set demur_set_of(int i) { return i >= 0 && i < 64 ? (demur_set)1 << i : 0; }

enum demur_need { DEMUR_NEED_NONE, DEMUR_NEED_OPTIONAL, DEMUR_NEED_REQUIRED };

/* What a member's attribute may hold. */
struct demur_policy_attribute {
    struct span name, title;
    uint32_t line;
    bool required;       /* every invitation must give it */
    struct span values;  /* `state or usaid`; empty: any value */
    struct span pattern; /* `FS-##`; empty: any value */
};

/* `employer is state or usaid`. */
struct demur_condition {
    int16_t attribute;
    enum demur_condition_op {
        DEMUR_IS,       /* is one of values */
        DEMUR_IS_NOT,   /* is none of them; so is an attribute that is absent */
        DEMUR_GIVEN,    /* is present at all */
        DEMUR_AT_LEAST, /* a canonical decimal, at least / at most `number` */
        DEMUR_AT_MOST,
    } op;
    bool unless; /* the condition's contrary is asked for */
    struct span values;
    uint64_t number;
    uint32_t line;
};
/* All conditions must hold. A member is eligible when one group holds. */
struct demur_policy_eligible {
    struct span name;
    uint32_t line;
    struct demur_condition conditions[DEMUR_POLICY_CONDITIONS];
    uint8_t conditions_len;
};

struct demur_policy_role {
    struct span name, title;
    uint32_t line;
    bool single;          /* `holders one`: at most one key at a time (for each value) */
    bool acting;          /* may be held by somebody acting */
    int16_t for_each;     /* attribute: each holder has the role for one value of it; -1 */
    demur_set granted_by; /* roles whose holders may grant and take it, besides root */
};

enum demur_final {
    DEMUR_FINAL_NO = 0,
    DEMUR_FINAL_REPLIED,
    DEMUR_FINAL_RESOLVED,
    DEMUR_FINAL_WITHDRAWN,
    DEMUR_FINAL_UPHELD,
    DEMUR_FINAL_OVERRULED,
    DEMUR_FINAL_REMANDED,
    DEMUR_FINAL_REFERRED,
    DEMUR_FINAL_REJECTED,
};
const char *demur_final_name(enum demur_final kind); /* "" for NO */

struct demur_policy_stage {
    struct span name, title;
    uint32_t line;
    enum demur_final final;
};

/* Which record a step arrives as. */
enum demur_taken_as {
    DEMUR_AS_STEP = 0, /* `step`, by an officer */
    DEMUR_AS_OPEN,     /* the officer's `open` record */
    DEMUR_AS_SAY,      /* the case key's `say` record */
    DEMUR_AS_WITHDRAW, /* the case key's `withdraw`; only while nobody co-signed */
    DEMUR_AS_APPEAL,   /* the case key's `appeal` */
};

struct demur_policy_step {
    struct span name, title;
    uint32_t line;
    demur_set by;   /* roles */
    bool by_author; /* the case key; then `by` is empty */
    enum demur_taken_as taken_as;
    demur_set from; /* stages in which it may be taken */
    int16_t to;     /* stage; -1: the case stays where it is */
    enum demur_need document, date;
    uint32_t at_most;    /* times in one case; 0: as often as wanted */
    int16_t only_before; /* clock whose limit must not have passed; -1 */
    int16_t only_after;  /* clock whose limit must have passed; -1 */
    demur_set entitles;  /* roles that may be given the memo from then on */
    demur_set refers_to; /* not empty: the act names one of these roles, and entitles it */
    /* Not empty: the act names one of these outcomes, and `to` is -1. */
    struct {
        struct span name;
        int16_t to; /* stage; -1: the case stays where it is */
    } outcomes[DEMUR_POLICY_OUTCOMES];
    uint8_t outcomes_len;
};

struct demur_policy_event {
    enum demur_event_kind {
        DEMUR_EVENT_NONE = 0,
        DEMUR_EVENT_OPENING, /* `circulate`, or `file` without it */
        DEMUR_EVENT_FILING,  /* `file` */
        DEMUR_EVENT_STEP,    /* the step of that index is taken */
        DEMUR_EVENT_STAGE,   /* the case comes to the stage of that index */
    } kind;
    int16_t index;
};

/* What a clock does by itself when it runs out. */
struct demur_policy_action {
    bool at_target; /* or at the limit */
    enum demur_action_kind {
        DEMUR_ACTION_SHOW,     /* flag the case as late, for all to see */
        DEMUR_ACTION_ESCALATE, /* `index` is a role: entitle it, and flag */
        DEMUR_ACTION_MOVE,     /* `index` is a stage, never a final one */
    } kind;
    int16_t index;
    demur_set from; /* MOVE: only from these stages */
    uint32_t line;
};

struct demur_policy_extension {
    int16_t step; /* the step that extends the clock */
    bool to_date; /* to the day of the act's `until`, no later than `period` on */
    struct demur_period period;
};

struct demur_policy_clock {
    struct span name, title;
    uint32_t line;
    bool window;     /* a time in which something may be done: its end is not lateness */
    bool every_time; /* starts anew at every start event, not only at the first */
    struct demur_policy_event starts[DEMUR_POLICY_STARTS];
    uint8_t starts_len;
    /* Where no start event came within `fallback_after` of `fallback`, it starts then. */
    struct demur_policy_event fallback;
    struct demur_period fallback_after;
    struct demur_period target, limit; /* target.count 0: none */
    struct span calendar;              /* the policy's, unless the clock names its own */
    struct demur_counting counting;
    demur_set met_by;     /* steps that do what is due: the clock ends */
    demur_set stopped_by; /* steps after which it no longer applies */
    demur_set paused_in;  /* stages in which it stands still */
    struct demur_policy_extension extensions[DEMUR_POLICY_EXTENSIONS];
    uint8_t extensions_len;
    struct demur_policy_action actions[DEMUR_POLICY_ACTIONS];
    uint8_t actions_len;
};

/* A section of the memo: a heading whose text begins with the title. */
struct demur_policy_section {
    struct span name, title, hint;
    uint32_t line;
    enum demur_need need; /* OPTIONAL or REQUIRED */
};

enum demur_identity_kind {
    DEMUR_IDENTITY_NAMED = 1,       /* name card sealed to everyone who may read the memo */
    DEMUR_IDENTITY_OFFICE_ONLY = 2, /* ... to the offices only, not to co-signers */
    DEMUR_IDENTITY_ANONYMOUS = 4,   /* no name card: padding */
};

enum demur_receives {
    DEMUR_RECEIVES_NOT, /* not listed: only by escalation, referral or a share */
    DEMUR_RECEIVES_MAY,
    DEMUR_RECEIVES_MUST,
    DEMUR_RECEIVES_NEVER, /* not by any way */
};
struct demur_policy_receiver {
    int16_t role;
    enum demur_receives how;
    bool conditional; /* `when`: about the author's attributes */
    struct demur_condition when;
    uint32_t line;
};

struct demur_policy_share {
    int16_t from; /* role; -1: the author */
    demur_set to;
    int16_t after; /* step that must have been taken; -1 */
    uint32_t line;
};

/* A sentence for people, kept as it is. */
struct demur_policy_text {
    struct span kind; /* "rule", "duty" or "matter" */
    struct span name, title, text;
    uint32_t line;
    int16_t role; /* duty: whose it is; matter: to whom it is referred; -1 */
};

/* A statement that parses and cannot be executed yet. */
struct demur_policy_later {
    struct span statement, clause; /* clause may be empty: the whole statement */
    uint32_t line;
};

struct demur_policy {
    struct span name, title, calendar;
    uint32_t calendar_line;

    struct demur_policy_attribute attributes[DEMUR_POLICY_ATTRIBUTES];
    struct demur_policy_eligible eligibles[DEMUR_POLICY_ELIGIBLES];
    struct demur_policy_role roles[DEMUR_POLICY_ROLES];
    struct demur_policy_stage stages[DEMUR_POLICY_STAGES]; /* the first is where filing leads */
    struct demur_policy_step steps[DEMUR_POLICY_STEPS];
    struct demur_policy_clock clocks[DEMUR_POLICY_CLOCKS];
    struct demur_policy_section sections[DEMUR_POLICY_SECTIONS];
    struct demur_policy_receiver receivers[DEMUR_POLICY_RECEIVERS];
    struct demur_policy_share shares[DEMUR_POLICY_SHARES];
    struct demur_policy_text texts[DEMUR_POLICY_TEXTS];
    struct demur_policy_later later[DEMUR_POLICY_LATER];
    uint8_t attributes_len, eligibles_len, roles_len, stages_len, steps_len, clocks_len,
        sections_len, receivers_len, shares_len, texts_len;
    uint32_t later_len; /* may exceed DEMUR_POLICY_LATER */

    /* filing */
    uint32_t quota;      /* filing slots of a member in one epoch, 1..1000 */
    uint32_t identities; /* DEMUR_IDENTITY_* that may be used */
    bool circulation;    /* may be opened for co-signature before it is filed */
    struct demur_period circulation_max;

    /* ring */
    uint32_t ring_min;                     /* no signature on a smaller ring, 2..30000 */
    int16_t narrows[DEMUR_POLICY_NARROWS]; /* attributes by which a ring may be narrowed */
    uint8_t narrows_len;

    /* attachments; count 0: none allowed */
    uint32_t attachments_max, attachments_line;
    uint64_t attachment_bytes, attachments_bytes; /* one, and all together */

    /* markings */
    struct span markings; /* `U or SBU`; empty: none known */
    enum demur_need marking;
    enum demur_need points; /* numbered points, counted in the memo's header */

    demur_set roster_kept_by; /* roles that invite and revoke; one at least */
    uint32_t retention_line;
    demur_set expunge_by;          /* 0: nobody */
    struct demur_period keep_memo; /* after the end of the case; count 0: for good */
    uint32_t suppress_below;       /* statistics hide counts from 1 to this - 1; 0: none hidden */
};

/* Parse a whole text. Errors, with line and column: SYNTAX (also a name that is
 * used twice, or a law that is broken), UNKNOWN (a name that is not declared),
 * MISSING, LIMIT, CANON, UPGRADE (a later language). *out is the work area:
 * after a failure it is all zero, not what it was before. */
enum demur_err demur_policy_parse(struct demur_policy *out, struct span text,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* OK, or UPGRADE naming the first statement that this version cannot execute. */
enum demur_err demur_policy_executable(const struct demur_policy *policy,
                                       struct demur_diag *diag) DEMUR_CHECKED;

/* The number of what has this name, or -1. */
int demur_policy_role(const struct demur_policy *policy, struct span name);
int demur_policy_stage(const struct demur_policy *policy, struct span name);
int demur_policy_step(const struct demur_policy *policy, struct span name);
int demur_policy_clock(const struct demur_policy *policy, struct span name);
int demur_policy_attribute(const struct demur_policy *policy, struct span name);
/* The step that arrives as this record (not AS_STEP) in this stage, or -1. For
 * OPEN, `roles` are those of the officer; otherwise it is ignored. */
int demur_policy_step_as(const struct demur_policy *policy, enum demur_taken_as as, int stage,
                         demur_set roles);

/* One attribute of a member. */
struct demur_attribute {
    struct span name, value;
};
/* Does the policy declare this attribute (UNKNOWN) with this value (SYNTAX)? */
enum demur_err demur_policy_attribute_check(const struct demur_policy *policy,
                                            const struct demur_attribute *one,
                                            struct demur_diag *diag) DEMUR_CHECKED;
/* May a member have these attributes? UNKNOWN, SYNTAX or MISSING says which is
 * undeclared, breaks its values or pattern, comes twice, or is required. */
enum demur_err demur_policy_attributes_check(const struct demur_policy *policy,
                                             const struct demur_attribute *attributes, size_t len,
                                             struct demur_diag *diag) DEMUR_CHECKED;
bool demur_condition_holds(const struct demur_policy *policy, const struct demur_condition *c,
                           const struct demur_attribute *attributes, size_t len);
bool demur_policy_eligible(const struct demur_policy *policy,
                           const struct demur_attribute *attributes, size_t len);
/* May a ring be narrowed by this attribute? */
bool demur_policy_narrows_by(const struct demur_policy *policy, struct span attribute);

/* How a role receives a memo whose author has these attributes. Where they are
 * not known (attributes is NULL) a condition that would ask for them turns MUST
 * into MAY and never forbids: the author's own client knows, and decides. */
enum demur_receives demur_policy_receives(const struct demur_policy *policy, int role,
                                          const struct demur_attribute *attributes, size_t len);
/* May a holder of `roles` (or the author) re-seal to `to`, given the steps taken? */
bool demur_policy_may_share(const struct demur_policy *policy, demur_set roles, bool author, int to,
                            demur_set steps_taken);
/* May one role's holder grant and take another? Root's right is not asked here. */
bool demur_policy_may_grant(const struct demur_policy *policy, demur_set granter_roles, int role);

/* A step that somebody wants to take. */
struct demur_act {
    int step;
    bool author;     /* the case key; or an officer ... */
    demur_set roles; /* ... in the roles that the record names and the officer holds */
    int stage;       /* of the case */
    uint32_t times_taken;
    bool document, until;       /* whether the record has them */
    struct span outcome, refer; /* empty when absent */
};
/* May it be taken now? *to is the stage that the case is in afterwards, *entitled
 * the roles that gain the right to the memo. FORBIDDEN: none of `roles` may, or it
 * is (not) the author's; STAGE: not in this stage; LIMIT: taken at_most times
 * before; MISSING, UNKNOWN, SYNTAX: a document, date, outcome or referral is
 * wanted, unknown, or not wanted. The clocks only_before and only_after are the
 * caller's to check. */
enum demur_err demur_policy_step_check(const struct demur_policy *policy,
                                       const struct demur_act *act, int *to, demur_set *entitled,
                                       struct demur_diag *diag) DEMUR_CHECKED;

/* An extension that was granted: extensions[index] of the clock; `until` is the
 * act's date where the extension is to_date: it ends with that local day. */
struct demur_extension {
    uint8_t index;
    int64_t until;
};
/* May it be granted on a clock whose limit is now `limit`? UNKNOWN, or TIME for a
 * date that is no later than the limit, later than the policy allows, or given
 * while the clock stands still. */
enum demur_err demur_clock_extension_check(const struct demur_policy *policy, int clock,
                                           const struct demur_calendars *calendars,
                                           const struct demur_pause *pauses, size_t pauses_len,
                                           int64_t limit, const struct demur_extension *granted,
                                           struct demur_diag *diag) DEMUR_CHECKED;
/* Target and limit of a clock that started at `start`: last seconds in time,
 * DEMUR_NEVER while paused (or where there is no target). Extensions, each granted
 * after demur_clock_extension_check, move the limit only, each from where the one
 * before left it; one to a date never makes it earlier. Errors: demur_due's. */
enum demur_err demur_clock_due(const struct demur_policy *policy, int clock,
                               const struct demur_calendars *calendars, int64_t start,
                               const struct demur_pause *pauses, size_t pauses_len,
                               const struct demur_extension *extensions, size_t extensions_len,
                               int64_t *target, int64_t *limit,
                               struct demur_diag *diag) DEMUR_CHECKED;
/* The time at which the clock's fallback starts it, given its event's time. */
enum demur_err demur_clock_fallback(const struct demur_policy *policy, int clock,
                                    const struct demur_calendars *calendars, int64_t event,
                                    int64_t *start) DEMUR_CHECKED;

#endif
