/* channel.h - the fold: what the entries of a log mean. docs/formats/fold.md.
 *
 * A channel is folded from its entries in order, and from the texts of its
 * policies and calendars. It never reads a clock: `at` and `now` are arguments.
 * Two folds of the same entries are equal, natively and in wasm.
 *
 * Memory: one heap object that grows; freed by demur_channel_free. A failed
 * allocation is DEMUR_ERR_MEMORY and leaves the channel as it was before.
 * Threads: none inside. demur_channel_verify and the views only read and may
 * run in many threads while nothing is applied.
 */
#ifndef DEMUR_CORE_CHANNEL_H
#define DEMUR_CORE_CHANNEL_H

#include "base.h"
#include "record.h"

struct demur_channel;

struct demur_channel *demur_channel_new(void); /* NULL when memory is out */
void demur_channel_free(struct demur_channel *c);

/* The cryptography of one record, checked apart from its right to act, so that
 * it can be done in parallel and once. Valid for the record whose SHA-256 it
 * carries. */
struct demur_verdict {
    uint8_t record[32];
    uint8_t tag[32];      /* of `proof`; zero when there is none */
    uint8_t slot_tag[32]; /* of `slot-proof` */
    bool verified;
};

/* Check every signature and proof in r against the channel as it stands. OK
 * fills *out. What a ring proof needs (the opening's roster, or the dissent)
 * must be in the channel already: else UNKNOWN or STALE. Errors: VERIFY. */
enum demur_err demur_channel_verify(const struct demur_channel *c, const struct demur_record *r,
                                    struct demur_verdict *out,
                                    struct demur_diag *diag) DEMUR_CHECKED;

/* demur_channel_verify of many records, whose Ed25519 signatures are verified together
 * (ed25519_many.h): the same verdicts and errors, sooner. */
struct demur_verify_item {
    const struct demur_record *record;
    struct demur_verdict *verdict; /* set when err is OK */
    struct demur_diag *diag;       /* or NULL */
    enum demur_err err;
};
void demur_channel_verify_many(const struct demur_channel *c, struct demur_verify_item *items,
                               size_t n);

/* Does the check of such a record look at nothing but the record? Then the channel may
 * be NULL, and be folded meanwhile. */
bool demur_channel_verify_alone(const struct demur_record *r);

/* Fold the next entry. `text` is the policy or calendar text when the record is
 * of that type (TEXT when its hash or size is not the record's), else empty.
 * `verdict` may be NULL: then the record is verified here.
 * A refusal has no effect on the meaning. Whether the entry is in the log all
 * the same is the caller's: a server does not append it; a client that finds it
 * in a log calls demur_channel_skip, keeps it as evidence, and goes on.
 * Errors: any of demur_err but SPACE and IO; UPGRADE for what is not understood. */
enum demur_err demur_channel_apply(struct demur_channel *c, uint64_t at,
                                   const struct demur_record *r, struct span text,
                                   const struct demur_verdict *verdict,
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* Parse an entry, apply it, and on a refusal skip it: what a reader of a log
 * does. Returns the refusal. The size grows by one in every case but MEMORY and
 * TEXT, which asks for the policy's or calendar's text. */
enum demur_err demur_channel_entry(struct demur_channel *c, struct span entry, struct span text,
                                   struct demur_diag *diag) DEMUR_CHECKED;
void demur_channel_skip(struct demur_channel *c, uint64_t at, struct span entry);

/* The state as bytes: what a server restarts from (docs/formats/snapshot.md). The same
 * state is always the same bytes, and a state that was read goes on as the one that
 * was written. Saving, failures are in w->err. Loading returns NULL then: UPGRADE when
 * another version of the fold wrote it, SYNTAX, MEMORY or IO; whatever the bytes are,
 * what it returns is safe to use, but whether it is the meaning of some log only its
 * writer can vouch for. Raise the version whenever the same log comes to mean something
 * else, or the golden logs change. */
#define DEMUR_FOLD_VERSION 5u
#define DEMUR_SNAPSHOT_VERSION 3u /* of the form in bytes */
struct demur_walk;
void demur_channel_save(const struct demur_channel *c, struct demur_walk *w);
struct demur_channel *demur_channel_load(struct demur_walk *w);

/* Facts. Indexes count entries. */
uint64_t demur_channel_size(const struct demur_channel *c);
uint64_t demur_channel_refused(const struct demur_channel *c); /* entries without effect */
uint64_t demur_channel_last_at(const struct demur_channel *c);
/* Over every entry and what became of it (fold.md section 6). */
void demur_channel_chain(const struct demur_channel *c, uint8_t out[static 32]);
/* The day, since 1970, of the last tick; 0: none. */
uint64_t demur_channel_tick_day(const struct demur_channel *c);
bool demur_channel_fingerprint(const struct demur_channel *c, uint8_t out[static 32]);
struct span demur_channel_origin(const struct demur_channel *c);
void demur_channel_log_key(const struct demur_channel *c, uint8_t out[static 32]);
void demur_channel_server_key(const struct demur_channel *c, uint8_t out[static 32]);
void demur_channel_root_key(const struct demur_channel *c, uint8_t out[static 32]);
/* The hash of the only key that can take the root's place. */
void demur_channel_next_root(const struct demur_channel *c, uint8_t out[static 32]);
/* The highest seq accepted from a key; 0 when none. */
uint64_t demur_channel_seq(const struct demur_channel *c, const uint8_t key[static 32]);

struct demur_policy;
/* The policy in force and the leaf hash of its entry; NULL before the first. */
const struct demur_policy *demur_channel_policy(const struct demur_channel *c,
                                                uint8_t entry[static 32]);
/* The policy of that entry, in force or not: a dissent keeps the one that its opening
 * names. NULL when no entry of this channel has that leaf hash and a policy. */
const struct demur_policy *demur_channel_policy_of(const struct demur_channel *c,
                                                   const uint8_t entry[static 32]);

/* The policy that was in force when entry `index` came; NULL when there was none. */
const struct demur_policy *demur_channel_policy_before(const struct demur_channel *c,
                                                       uint64_t index);

/* Until when what is opened at `at` under this policy may circulate: 0 not at all, or the
 * calendar does not reach so far; UINT64_MAX without a limit. */
uint64_t demur_channel_circulation_last(const struct demur_channel *c, const struct demur_policy *p,
                                        uint64_t at);

/* The text of the policy in force, or of the calendar of that name as last accepted; no
 * bytes where there is none. It lasts as the channel does. */
struct span demur_channel_policy_text(const struct demur_channel *c);
struct span demur_channel_calendar_text(const struct demur_channel *c, struct span name);

/* Roles: the holders of a role at `now`, in the order granted. */
struct demur_holder {
    uint8_t key[32];
    uint8_t x25519[32]; /* the age recipient's point */
    char recipient[64]; /* its text, NUL-ended */
    struct span role, attribute;
    bool acting;
    uint64_t granted_index; /* of the entry that granted it */
};
/* The i-th holder of `role` at now; false past the end. */
bool demur_channel_holder(const struct demur_channel *c, struct span role, uint64_t now, size_t i,
                          struct demur_holder *out);
bool demur_channel_holds(const struct demur_channel *c, const uint8_t key[static 32],
                         struct span role, uint64_t now);
/* Every grant that was accepted, of roles that were ended too, in the order of the log: the
 * i-th; false past the end. */
struct demur_role_grant {
    struct demur_holder holder;
    uint64_t ended_at; /* UINT64_MAX: nobody ended it */
    uint64_t until;    /* its own last second; 0: open-ended */
};
bool demur_channel_grant(const struct demur_channel *c, size_t i, struct demur_role_grant *out);

/* Members. */
struct demur_member_info {
    struct span handle;
    uint8_t key[32];
    char recipient[64];
    bool joined, revoked;
    uint64_t invited_index, joined_index;
    bool invited;           /* an invitation waits for its answer, */
    uint8_t invitation[32]; /* with this key */
};
size_t demur_channel_members(const struct demur_channel *c);
bool demur_channel_member(const struct demur_channel *c, size_t i, struct demur_member_info *out);
bool demur_channel_member_find(const struct demur_channel *c, struct span handle,
                               struct demur_member_info *out);
/* Whose it is: a ring key that a member ever gave, for whichever month; an identity
 * key that is or was a member's. No two members ever had the same. */
bool demur_channel_ring_key_owner(const struct demur_channel *c, const uint8_t ring_key[static 32],
                                  struct demur_member_info *out);
bool demur_channel_key_owner(const struct demur_channel *c, const uint8_t key[static 32],
                             struct demur_member_info *out);
/* The ring key that a member has for a month now; false when there is none. */
bool demur_channel_member_ring_key(const struct demur_channel *c, struct span handle,
                                   uint32_t epoch, uint8_t key[static 32]);
/* The entry that brought it. */
bool demur_channel_member_ring_entry(const struct demur_channel *c, struct span handle,
                                     uint32_t epoch, uint64_t *index);
struct span demur_channel_member_attribute(const struct demur_channel *c, struct span handle,
                                           size_t i);

/* Rings, for an epoch as civil.h numbers them.
 * Fill keys (32 bytes each, sorted) with the ring of `policy_entry`'s policy
 * for (epoch, roster size), narrowed by the subsets; *n is the count. Pass keys
 * NULL to count only. Errors: UNKNOWN, STALE, SPACE. */
enum demur_err demur_channel_ring(const struct demur_channel *c,
                                  const uint8_t policy_entry[static 32], uint32_t epoch,
                                  uint64_t roster, const struct span *subsets, size_t subsets_len,
                                  uint8_t (*keys)[32], size_t max, size_t *n,
                                  struct demur_diag *diag) DEMUR_CHECKED;

/* Dissents. */
struct demur_dissent_info {
    char id[33];
    uint8_t case_key[32];
    char case_recipient[64];
    uint8_t policy_entry[32];
    uint8_t latest[32];                                                    /* what `on` must be */
    uint64_t latest_index, opened_index, opened_at, filed_index, filed_at; /* filed_at 0: not yet */
    uint32_t epoch;
    uint64_t roster;
    uint32_t revision;
    uint8_t ring[32], commitment[32], release[32];
    struct demur_blob_ref memo;
    struct demur_blob_ref keys; /* for the members of its ring; size 0: it is not for them */
    struct span stage;          /* at `now` */
    const char *ending;         /* kind of the final stage, "" before it */
    bool final, withdrawn, late;
    uint64_t until;      /* of the circulation; 0: it did not circulate */
    uint64_t signatures; /* distinct tags on this revision */
};
size_t demur_channel_dissents(const struct demur_channel *c);
/* As it stands at `now`, timers fired. `now` is at least the last entry's at. */
bool demur_channel_dissent(const struct demur_channel *c, size_t i, uint64_t now,
                           struct demur_dissent_info *out);
bool demur_channel_dissent_find(const struct demur_channel *c, struct span id, uint64_t now,
                                struct demur_dissent_info *out);
/* The i-th role of the filed memo's `to`; false past the end. */
bool demur_channel_dissent_to(const struct demur_channel *c, struct span id, size_t i,
                              struct span *role);
bool demur_channel_dissent_attachment(const struct demur_channel *c, struct span id, size_t i,
                                      struct demur_blob_ref *out);
/* Where this ring key stands in the ring that the dissent pinned, and how many stand there;
 * false for one that does not. Time: the logarithm of that. */
bool demur_channel_dissent_place(const struct demur_channel *c, struct span id,
                                 const uint8_t ring_key[static 32], uint32_t *place, uint32_t *n);
/* May `key`, acting in `role`, open the memo of this dissent? And has it? */
bool demur_channel_may_open(const struct demur_channel *c, struct span id,
                            const uint8_t key[static 32], struct span role, uint64_t now);
bool demur_channel_has_opened(const struct demur_channel *c, struct span id,
                              const uint8_t key[static 32]);
/* Which officers' acts `key` may take now, document and date apart: the i-th;
 * false past the end. */
bool demur_channel_act(const struct demur_channel *c, struct span id, const uint8_t key[static 32],
                       uint64_t now, size_t i, struct span *role, struct span *act);
/* The history of a dissent: the i-th entry that concerns it; false past the end. */
struct demur_event {
    uint64_t index, at;
    enum demur_record_type type;
    uint8_t leaf[32];
    uint8_t by[32]; /* zero: the case key, or a ring signature */
    struct span role, act;
    struct demur_blob_ref blob; /* memo, document, message or card; size 0: none */
};
bool demur_channel_event(const struct demur_channel *c, struct span id, size_t i,
                         struct demur_event *out);
/* Does the blob of such an event hold what was written to be read, so that it can be shared? A
 * name card tells who somebody is, and a shared copy was sealed to one officer by one sharer. */
bool demur_channel_names_writing(enum demur_record_type type);
/* Clocks. Times are unix seconds; due is the last second in time. */
enum demur_clock_state {
    DEMUR_CLOCK_WAITING, /* not started */
    DEMUR_CLOCK_STOPPED, /* no longer applies */
    DEMUR_CLOCK_RUNNING,
    DEMUR_CLOCK_PAUSED,
    DEMUR_CLOCK_MET, /* in time */
    DEMUR_CLOCK_MET_LATE,
    DEMUR_CLOCK_OVERDUE, /* still open after its limit */
};
struct demur_clock_info {
    struct span name, calendar; /* calendar: by whose days it counts */
    enum demur_clock_state state;
    uint64_t started, target, limit, ended; /* 0: none; ended: when met or stopped */
    uint32_t extensions;
    uint32_t
        missed; /* how many of its runs went past their limit; a later extension changes nothing */
    bool target_missed;
    bool window; /* its end is not lateness */
};
const char *demur_clock_state_name(enum demur_clock_state state);
/* The policy's i-th clock for this dissent; false past the end. */
bool demur_channel_clock(const struct demur_channel *c, struct span id, uint64_t now, size_t i,
                         struct demur_clock_info *out);

/* Local time minus UTC, in seconds, at a time by the clock of that calendar: for
 * showing times to people. 0 where the channel has no such calendar. */
int32_t demur_channel_local_offset(const struct demur_channel *c, struct span calendar,
                                   uint64_t at);

/* JSON views, one object each, deterministic, ended by LF. They hold nothing
 * that the log does not. Errors: SPACE, UNKNOWN, MEMORY. */
enum demur_err demur_view_channel(const struct demur_channel *c, uint64_t now,
                                  struct buf *out) DEMUR_CHECKED;
enum demur_err demur_view_policy(const struct demur_channel *c, struct buf *out) DEMUR_CHECKED;
enum demur_err demur_view_roster(const struct demur_channel *c, uint64_t now,
                                 struct buf *out) DEMUR_CHECKED;
enum demur_err demur_view_board(const struct demur_channel *c, uint64_t now,
                                struct buf *out) DEMUR_CHECKED;
enum demur_err demur_view_dissent(const struct demur_channel *c, struct span id, uint64_t now,
                                  struct buf *out, struct demur_diag *diag) DEMUR_CHECKED;

/* SHA-256 over every entry's fate and every view at the last entry's time: what
 * golden logs pin. False when memory is out. */
bool demur_channel_state_hash(const struct demur_channel *c, uint8_t out[static 32]) DEMUR_CHECKED;

#endif
