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
#define CARD_MAX 65536u
/* How often a member may say of a signature that it is theirs: offices change, and a card
 * may need replacing. And how often they may replace a month's ring key by themselves. */
#define DISCLOSURES_MAX 4
#define RENEWALS_MAX 4

struct policy_version {
    uint8_t entry[32]; /* leaf hash */
    uint64_t index, at;
    uint8_t *text;
    size_t text_len;
    struct demur_policy *policy;
};

struct calendar_text {
    uint8_t *text;
    size_t text_len;
    char name[65];
    struct demur_calendar *calendar;
};

struct role_grant {
    char role[65];
    uint8_t key[32], x25519[32];
    char recipient[64];
    char attribute[100];
    bool acting;
    uint64_t until;         /* 0: open-ended */
    uint64_t ended_at;      /* NONE while it runs */
    uint64_t granted_index; /* of the entry that granted it */
    uint32_t before;        /* 1 + the same key's grant before this; 0: none */
};

/* Whatever is said of one Ed25519 key: the sequence numbers that it has used, whose
 * it is or was, which roles it was granted. */
struct known_key {
    uint8_t key[32];
    uint64_t seq; /* the highest accepted */
    bool has_seq;
    uint32_t member; /* 1 + the member; 0: none */
    uint32_t grants; /* 1 + its latest grant; 0: none */
};

/* A blob that a record named, and the dissent whose record was the first. */
struct named_blob {
    uint8_t hash[32];
    uint32_t owner; /* 1 + the dissent; 0: a record that is about none */
};
/* How a dissent names one. */
struct blob_use {
    uint32_t blob; /* its place */
    uint32_t size; /* as its record says; 0: no blob */
};

struct ring_key {
    uint8_t key[32];
    uint32_t member;
};

struct epoch_key {
    uint32_t epoch, ring_key; /* its place */
    uint64_t set_index, set_at;
    uint8_t renewed; /* how often by `renew`, since the member last joined */
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
    uint32_t keys_len;
    size_t keys_cap;
};

/* A ring with its keys, sorted. */
struct ring {
    uint8_t digest[32];
    size_t n;
    uint8_t (*keys)[32];
};

/* A ring that some dissent pinned, and what it was first made for. */
struct pinned_ring {
    uint8_t digest[32];
    uint32_t policy, epoch;
    uint64_t roster;
    uint32_t n;
    uint32_t *keys; /* places of ring keys, in the ring's order */
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
    uint8_t extensions_len;
    uint8_t fired; /* bit i: actions[i] has fired in this run */
};

/* What a clock was extended by, in order; as many as its run says. */
struct clock_extensions {
    int64_t until[EXTENSIONS_MAX];
    uint8_t index[EXTENSIONS_MAX];
};

struct signer_tag {
    uint8_t tag[32];
    uint32_t dissent, revision;
    bool taken_back;
};

/* A member has said, so many times, that this signature is theirs. */
struct disclosure {
    uint32_t signature, member; /* their places */
    uint32_t times;
};

struct case_event {
    uint64_t index, at;
    uint8_t leaf[32];
    uint32_t by; /* 1 + the known key; 0: the case key, or a ring signature */
    struct blob_use blob;
    uint8_t type;
    int8_t role, step; /* -1: none */
};

struct dissent {
    char id[33];
    uint8_t case_key[32];
    char case_recipient[64];
    uint8_t slot[32]; /* SHA-256(scope, tag) of the filing slot that it spent */
    uint32_t policy, ring, epoch;
    uint64_t roster;
    uint64_t opened_index, opened_at, filed_index, filed_at;
    bool filed, withdrawn, late;
    uint64_t withdrawn_at;
    uint64_t until;                /* of the circulation; 0: never circulated */
    uint32_t revision, signatures; /* on this revision */
    uint8_t commitment[32], release[32], author_tag[32];
    struct blob_use memo;
    struct blob_use keys; /* of the text that circulates: there where `audience` is members */
    struct blob_use *attachments;
    uint32_t attachments_len;
    demur_set to, entitled;
    uint32_t latest; /* the last event that moved it */
    int16_t stage;   /* -1 until it is filed */
    demur_set taken;
    /* What the policy's numbers decide the size of, in one piece: a run for each clock,
     * a clock_extensions for each that can be extended, a count for each step. */
    struct clock_run *clocks;
    uint32_t calendars_seen; /* calendar versions that the clocks were computed with */
    struct stage_change *stages;
    uint32_t stages_len;
    size_t stages_cap;
    struct case_event *events;
    uint32_t events_len;
    size_t events_cap;
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
    uint32_t policies_len;
    size_t policies_cap;
    struct calendar_text *calendars;
    uint32_t calendars_len;
    size_t calendars_cap;
    struct demur_calendar_version *versions; /* parallel to calendars */
    size_t versions_cap;
    struct role_grant *roles;
    uint32_t roles_len;
    size_t roles_cap;
    struct known_key *keys;
    uint32_t keys_len;
    size_t keys_cap;
    struct member *members;
    uint32_t members_len;
    size_t members_cap;
    struct ring_key *ring_keys; /* all there ever were */
    uint32_t ring_keys_len;
    size_t ring_keys_cap;
    struct pinned_ring *rings;
    uint32_t rings_len;
    size_t rings_cap;
    struct dissent *dissents;
    uint32_t dissents_len;
    size_t dissents_cap;
    struct named_blob *blobs;
    uint32_t blobs_len;
    size_t blobs_cap;
    struct signer_tag *tags;
    uint32_t tags_len;
    size_t tags_cap;
    struct disclosure *disclosures; /* one at most for each member and revision of a dissent */
    uint32_t disclosures_len;
    size_t disclosures_cap;

    struct channel_indexes {
        struct demur_index keys;        /* by SHA-256 of the key */
        struct demur_index handles;     /* members, by SHA-256 of the handle */
        struct demur_index ring_keys;   /* by SHA-256 of the key */
        struct demur_index ids;         /* dissents, by SHA-256 of the id */
        struct demur_index slots;       /* dissents, by their slot */
        struct demur_index blobs;       /* by SHA-256 of the hash */
        struct demur_index tags;        /* by scope and tag */
        struct demur_index disclosures; /* by revision of a dissent, and member */
    } by;
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
/* The known key, or NULL. */
struct known_key *channel_known(const struct demur_channel *c, const uint8_t key[static 32]);
/* The same, made known if it is not: for that there must be room. One record makes
 * at most KNOWN_MORE keys known. */
enum { KNOWN_MORE = 3 };
bool channel_known_room(struct demur_channel *c, size_t n);
struct known_key *channel_known_add(struct demur_channel *c, const uint8_t key[static 32]);
/* Name a blob on behalf of the dissent that the record is about; room was reserved. */
uint32_t channel_blob_name(struct applying *a, const uint8_t hash[static 32]);
bool channel_blob_find(const struct demur_channel *c, const uint8_t hash[static 32],
                       uint32_t *place);
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
/* Are the calendars there that the policy counts by? */
enum demur_err channel_policy_calendars_check(const struct demur_policy *p,
                                              const struct demur_calendars *calendars,
                                              struct demur_diag *diag);
demur_set channel_roles_of(const struct demur_channel *c, const struct demur_policy *p,
                           const uint8_t key[static 32], uint64_t now);
bool channel_grant_runs(const struct role_grant *g, uint64_t now);
const struct policy_version *channel_policy_now(const struct demur_channel *c);
/* The policy that this entry put into force, by its number. */
bool channel_policy_by(const struct demur_channel *c, const uint8_t entry[static 32],
                       uint32_t *policy);

/* channel_member.c */
enum demur_err channel_apply_invite(struct applying *a);
enum demur_err channel_apply_member(struct applying *a);
enum demur_err channel_apply_renew(struct applying *a);
enum demur_err channel_apply_rekey(struct applying *a);
enum demur_err channel_apply_revoke(struct applying *a);
struct member *channel_member_by(const struct demur_channel *c, struct span handle);
/* Whose a ring key, or an identity key, is or was; NULL: nobody's. */
struct member *channel_ring_key_owner(const struct demur_channel *c, const uint8_t key[static 32],
                                      uint32_t *place);
struct member *channel_identity_owner(const struct demur_channel *c, const uint8_t key[static 32]);
/* The member's key of a month, or NULL. */
struct epoch_key *channel_month_key(const struct member *m, uint32_t epoch);
size_t channel_member_attributes(const struct member *m, struct demur_attribute *out, size_t max);
/* Ring keys out of a `ring-keys` field; 0 when they are not 1 to 13 of 32 bytes. */
size_t channel_ring_keys(const struct demur_record *r, uint8_t keys[static 13][32]);

/* channel_ring.c */
enum demur_err channel_ring_make(const struct demur_channel *c, size_t policy, uint32_t epoch,
                                 uint64_t roster, const struct span *subsets, size_t subsets_len,
                                 struct ring *out, struct demur_diag *diag);
/* Does a ring of this roster lack a present member who had a key for it by `before`? */
bool channel_ring_leaves_out(const struct demur_channel *c, size_t policy, uint32_t epoch,
                             uint64_t roster, uint64_t before);
void channel_ring_release(struct ring *ring);
/* A pinned ring that cannot have changed since: every member's keys are older than
 * either roster. The number of rings when there is none. */
uint32_t channel_ring_pinned(const struct demur_channel *c, size_t policy, uint32_t epoch,
                             uint64_t roster, const uint8_t digest[static 32]);
/* A pinned ring with its keys; MEMORY. */
enum demur_err channel_ring_load(const struct demur_channel *c, const struct pinned_ring *pinned,
                                 struct ring *out, struct demur_diag *diag);
/* The places of a ring's keys, on the heap; NULL when memory is out. */
uint32_t *channel_ring_places(const struct demur_channel *c, const struct ring *ring);
size_t channel_subsets(const struct demur_record *r, struct span *out, size_t max);

/* channel_proof.c */
struct demur_kept_ring;
enum demur_err channel_kept_ring(struct demur_kept_ring **out, const struct ring *ring,
                                 const uint8_t name[static 32], struct demur_diag *diag);
/* VERIFY, in the words in which every proof about a ring is refused. */
enum demur_err channel_refuse_proof(enum demur_field field, const char *why,
                                    struct demur_diag *diag);

/* channel_open.c: circulate, file, revise, cosign, unsign */
enum demur_err channel_apply_opening(struct applying *a); /* circulate, or file that opens */
enum demur_err channel_apply_file(struct applying *a);
enum demur_err channel_apply_revise(struct applying *a);
enum demur_err channel_apply_cosign(struct applying *a);
enum demur_err channel_apply_unsign(struct applying *a);
/* The signature with this tag on the revision that the record names, or NULL. */
struct signer_tag *channel_signature_by(const struct applying *a, const struct dissent *d,
                                        const uint8_t tag[static 32]);
/* What a signature's tag is found by. */
void channel_cosign_key(uint8_t out[static 32], const struct demur_channel *c, struct span id,
                        uint64_t revision, const uint8_t tag[static 32]);
struct dissent *channel_dissent_by(const struct demur_channel *c, struct span id);
uint64_t channel_dissent_index(const struct demur_channel *c, struct span id); /* or NONE */

/* channel_disclose.c */
enum demur_err channel_apply_disclose(struct applying *a);
/* What a member's disclosure of a signature is found by: by one of any other on that
 * revision as well. */
void channel_disclosure_key(uint8_t out[static 32], const struct demur_channel *c,
                            const struct disclosure *d);
/* Count a member's disclosures anew. */
void channel_disclosures_forget(struct demur_channel *c, uint32_t member);

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
/* The key that signed an event, or zeros. */
const uint8_t *channel_event_by(const struct demur_channel *c, const struct case_event *e);

/* channel_facts.c: channel.h's accessors, of a dissent that is at hand and as it stands
 * (channel_dissent_at) */
void channel_dissent_info(const struct demur_channel *c, const struct dissent *d,
                          struct demur_dissent_info *out);
bool channel_dissent_to(const struct demur_channel *c, const struct dissent *d, size_t i,
                        struct span *role);
bool channel_dissent_attachment(const struct demur_channel *c, const struct dissent *d, size_t i,
                                struct demur_blob_ref *out);
bool channel_event(const struct demur_channel *c, const struct dissent *d, size_t i,
                   struct demur_event *out);
bool channel_clock(const struct demur_channel *c, const struct dissent *d, uint64_t now, size_t i,
                   struct demur_clock_info *out);

/* channel_clock.c */
const struct demur_policy *channel_policy_of(const struct demur_channel *c,
                                             const struct dissent *d);
/* The bytes of d->clocks under a policy, and the parts of it. */
size_t channel_clocks_size(const struct demur_policy *p);
uint32_t *channel_times(const struct demur_policy *p, const struct dissent *d);
struct clock_extensions *channel_extensions(const struct demur_policy *p, const struct dissent *d,
                                            int clock); /* NULL: it cannot be extended */
/* Room for the stage change that one record makes; and for those of timers too. */
bool channel_stage_reserve(struct dissent *d);
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
