/* channel_state.h - the fold's own structures. Only channel*.c and view*.c
 * include it; everybody else sees channel.h.
 *
 * An apply has two halves: check everything and reserve memory, then change.
 * Nothing may fail once the first change is made.
 */
#ifndef DEMUR_CORE_CHANNEL_STATE_H
#define DEMUR_CORE_CHANNEL_STATE_H

#include "channel.h"
#include "policy.h"
#include "ring.h"
#include "table.h"

#define NONE UINT64_MAX
#define STAGES_MAX DEMUR_CASE_STAGES
#define EXTENSIONS_MAX DEMUR_CLOCK_EXTENSIONS

struct policy_version {
    uint8_t entry[32]; /* leaf hash */
    uint64_t index, at;
    uint8_t *text;
    struct demur_policy *policy;
};

struct calendar_text {
    uint8_t *text;
    char name[65];
    struct demur_calendar *calendar;
};

struct role_grant {
    char role[65];
    uint8_t key[32], x25519[32];
    char recipient[64];
    char attribute[100];
    bool acting;
    uint64_t until;    /* 0: open-ended */
    uint64_t ended_at; /* NONE while it runs */
    uint64_t granted_index; /* of the entry that granted it */
};

struct epoch_key {
    uint32_t epoch;
    uint64_t set_index, set_at;
    uint8_t key[32];
};

struct member {
    char handle[65];
    char *attributes; /* "name=value\n" repeated, owned */
    size_t attributes_len;
    uint8_t key[32];
    char recipient[64];
    uint8_t invitation[32];
    bool invited; /* `invitation` waits for its answer */
    uint64_t invited_index, joined_index, revoked_index;
    struct epoch_key *keys;
    size_t keys_len, keys_cap;
};

/* A ring that some dissent pinned, and what it was first made for. */
struct pinned_ring {
    uint8_t digest[32];
    size_t policy;
    uint32_t epoch;
    uint64_t roster;
    size_t n;
    uint8_t (*keys)[32];
};

struct stage_change {
    int64_t at;
    int16_t stage;
};

struct clock_run {
    bool started, met, stopped;
    bool missed;           /* the limit passed while it ran, whatever became of the limit since */
    uint32_t missed_runs;  /* of all its runs, this one with them */
    int64_t start, end;    /* end: when met or stopped */
    int64_t target, limit; /* recomputed whenever something moved them */
    struct demur_extension extensions[EXTENSIONS_MAX];
    uint8_t extensions_len;
    uint8_t fired; /* bit i: actions[i] has fired in this run */
};

struct signer_tag {
    uint8_t tag[32];
    uint32_t revision;
    bool taken_back;
};

struct case_event {
    struct demur_event e;
    int16_t role, step;
};

struct dissent {
    char id[33];
    uint8_t case_key[32];
    char case_recipient[64];
    size_t policy, ring; /* indexes */
    uint32_t epoch;
    uint64_t roster;
    uint64_t opened_index, opened_at, filed_index, filed_at;
    bool filed, withdrawn, late;
    uint64_t withdrawn_at;
    uint64_t until; /* of the circulation; 0: never circulated */
    uint32_t revision;
    uint8_t commitment[32], release[32], author_tag[32];
    struct demur_blob_ref memo;
    struct demur_blob_ref *attachments;
    size_t attachments_len;
    demur_set to, entitled;
    uint8_t latest[32];
    uint64_t latest_index;
    int16_t stage; /* -1 until it is filed */
    uint32_t times[DEMUR_POLICY_STEPS];
    demur_set taken;
    struct clock_run clocks[DEMUR_POLICY_CLOCKS];
    size_t calendars_seen; /* calendar versions that the clocks were computed with */
    struct stage_change *stages;
    size_t stages_len, stages_cap;
    struct signer_tag *tags;
    size_t tags_len, tags_cap;
    struct case_event *events;
    size_t events_len, events_cap;
};

struct demur_channel {
    uint64_t size, refused, last_at;
    uint8_t chain[32]; /* over every entry and what became of it */
    bool founded;
    uint8_t fingerprint[32], log_key[32], server_key[32], root_key[32], next_root[32];
    char origin[201];
    int32_t last_tick_day;
    uint64_t last_revoke; /* index + 1; 0: none */
    uint64_t last_member; /* index + 1 of the last entry that changed who is in some ring */

    struct policy_version *policies;
    size_t policies_len, policies_cap;
    struct calendar_text *calendars;
    size_t calendars_len, calendars_cap;
    struct demur_calendar_version *versions; /* parallel to calendars */
    size_t versions_cap;
    struct role_grant *roles;
    size_t roles_len, roles_cap;
    struct member *members;
    size_t members_len, members_cap;
    struct pinned_ring *rings;
    size_t rings_len, rings_cap;
    struct dissent *dissents;
    size_t dissents_len, dissents_cap;

    struct demur_table seqs;           /* SHA-256(key) -> seq */
    struct demur_table handles;        /* SHA-256(handle) -> member */
    struct demur_table ring_keys;      /* SHA-256(ring key), of all there ever were -> member */
    struct demur_table member_keys;    /* the same of identity keys */
    struct demur_table policy_entries; /* leaf -> policy */
    struct demur_table ids;            /* SHA-256(dissent id) -> dissent */
    struct demur_table
        blobs; /* SHA-256(hash of a blob) -> the dissent that named it first, or NONE */
    struct demur_table tags;  /* SHA-256(scope hash ‖ tag) -> place in the dissent's tags */
    struct demur_table slots; /* SHA-256(scope ‖ tag) -> index */
};

/* What is being applied. */
struct applying {
    struct demur_channel *c;
    const struct demur_record *r;
    const struct demur_verdict *v;
    struct demur_diag *diag;
    struct span text; /* of a policy or calendar */
    uint64_t at;
    uint8_t leaf[32];
    uint8_t by[32]; /* zero without has_by */
    bool has_by;
    struct dissent *base; /* the dissent that the record is about, once channel_case_begin ... */
    struct dissent now;   /* ... had to fire timers on a copy of it; NULL: it had not */
};

/* channel.c */
void channel_key_of(uint8_t out[static 32], struct span text); /* SHA-256 */
struct demur_calendars channel_calendars(const struct demur_channel *c);
struct span channel_field(const struct applying *a, enum demur_field field);
void channel_copy(char *out, size_t cap, struct span value); /* NUL-ended, cut */

/* channel_rule.c: policy, calendar, rotate, role, tick, channel */
enum demur_err channel_apply_channel(struct applying *a);
enum demur_err channel_apply_policy(struct applying *a);
enum demur_err channel_apply_calendar(struct applying *a);
enum demur_err channel_apply_rotate(struct applying *a);
enum demur_err channel_apply_role(struct applying *a);
enum demur_err channel_apply_tick(struct applying *a);
demur_set channel_roles_of(const struct demur_channel *c, const struct demur_policy *p,
                           const uint8_t key[static 32], uint64_t now);
bool channel_grant_runs(const struct role_grant *g, uint64_t now);
const struct policy_version *channel_policy_now(const struct demur_channel *c);

/* channel_member.c */
enum demur_err channel_apply_invite(struct applying *a);
enum demur_err channel_apply_member(struct applying *a);
enum demur_err channel_apply_renew(struct applying *a);
enum demur_err channel_apply_rekey(struct applying *a);
enum demur_err channel_apply_revoke(struct applying *a);
struct member *channel_member_by(const struct demur_channel *c, struct span handle);
/* Whose a ring key (c->ring_keys) or an identity key (c->member_keys) is or was. */
bool channel_owner(const struct demur_table *t, const uint8_t key[static 32], uint64_t *member);
size_t channel_member_attributes(const struct member *m, struct demur_attribute *out, size_t max);
/* Ring keys out of a `ring-keys` field; 0 when they are not 1 to 13 of 32 bytes. */
size_t channel_ring_keys(const struct demur_record *r, uint8_t keys[static 13][32]);

/* channel_ring.c */
enum demur_err channel_ring_make(const struct demur_channel *c, size_t policy, uint32_t epoch,
                                 uint64_t roster, const struct span *subsets, size_t subsets_len,
                                 struct pinned_ring *out, struct demur_diag *diag);
/* Does a ring of this roster lack a present member who had a key for it by `before`? */
bool channel_ring_leaves_out(const struct demur_channel *c, size_t policy, uint32_t epoch,
                             uint64_t roster, uint64_t before);
void channel_ring_release(struct pinned_ring *ring);
size_t channel_subsets(const struct demur_record *r, struct span *out, size_t max);

/* channel_open.c: circulate, file, revise, cosign, unsign, disclose */
enum demur_err channel_apply_opening(struct applying *a); /* circulate, or file that opens */
enum demur_err channel_apply_file(struct applying *a);
enum demur_err channel_apply_revise(struct applying *a);
enum demur_err channel_apply_cosign(struct applying *a);
enum demur_err channel_apply_unsign(struct applying *a);
enum demur_err channel_apply_disclose(struct applying *a);
struct dissent *channel_dissent_by(const struct demur_channel *c, struct span id);
uint64_t channel_dissent_index(const struct demur_channel *c, struct span id); /* or NONE */

/* channel_case.c: step, say, share, open, withdraw, appeal, expunge */
enum demur_err channel_apply_step(struct applying *a);
enum demur_err channel_apply_say(struct applying *a);
enum demur_err channel_apply_share(struct applying *a);
enum demur_err channel_apply_open(struct applying *a);
enum demur_err channel_apply_withdraw(struct applying *a);
enum demur_err channel_apply_appeal(struct applying *a);
enum demur_err channel_apply_expunge(struct applying *a);
/* The dissent as it stands at the entry's time, with `on` checked and room for one
 * more event. What timers change until then becomes the dissent's own only when the
 * record is accepted: channel_case_settle, once for every record. */
enum demur_err channel_case_begin(struct applying *a, struct dissent **out);
void channel_case_settle(struct applying *a, bool accepted);
/* Append the event (room was reserved). */
void channel_case_event(struct applying *a, struct dissent *d, int role, int step,
                        enum demur_field blob);
uint64_t channel_signatures(const struct dissent *d);

/* channel_clock.c */
const struct demur_policy *channel_policy_of(const struct demur_channel *c,
                                             const struct dissent *d);
/* Room for the stage changes that one entry and its timers can make. */
bool channel_stages_reserve(const struct demur_channel *c, struct dissent *d);
/* Fire, in order, what has run out by `now`. */
void channel_timers(const struct demur_channel *c, struct dissent *d, uint64_t now);
void channel_event_filed(const struct demur_channel *c, struct dissent *d, uint64_t at);
/* The author has withdrawn: nobody is left whom a clock could wait for. */
void channel_event_withdrawn(const struct demur_channel *c, struct dissent *d, uint64_t at);
void channel_event_opened(const struct demur_channel *c, struct dissent *d, uint64_t at);
/* A step was taken: it leads to stage `to` (-1: none) and entitles roles. `until`
 * is its date, or 0. */
void channel_event_step(const struct demur_channel *c, struct dissent *d, int step, int to,
                        demur_set entitled, uint64_t at, uint64_t until);
/* Would the step's move of the case, and its date as an extension of every clock that
 * it extends, be acceptable? */
enum demur_err channel_step_check(const struct demur_channel *c, const struct dissent *d, int step,
                                  int to, uint64_t until, struct demur_diag *diag);
bool channel_clock_passed(const struct dissent *d, int clock, uint64_t now);
/* A dissent as it stands at `now`: *copy when timers are due, else d itself.
 * Release what it returns with channel_dissent_done. NULL when memory is out. */
const struct dissent *channel_dissent_at(const struct demur_channel *c, const struct dissent *d,
                                         uint64_t now, struct dissent *copy);
void channel_dissent_done(const struct dissent *d, struct dissent *copy);

#endif
