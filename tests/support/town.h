/* town.h - a small channel made in memory for tests: real keys from a seed,
 * real signatures, real rings; a log of entries that the fold has taken.
 * No I/O, no clock: `now` is a field that tests move. */
#ifndef DEMUR_TEST_TOWN_H
#define DEMUR_TEST_TOWN_H

#include "../../core/channel.h"
#include "../test.h"

#define TOWN_MEMBERS 24
#define TOWN_OFFICERS 8
#define TOWN_ENTRIES 4096
#define TOWN_BLOBS 4096

struct town_key {
    uint8_t public_key[32], secret[64], x25519[32];
    char recipient[64];
    uint64_t seq;
};

struct town_member {
    struct town_key key, invitation;
    char handle[16];
    uint32_t first_epoch;
    uint8_t ring_secret[13][32], ring_key[13][32];
};

/* A case under way: who holds its phrase. */
struct town_case {
    struct town_key key;
    char id[33];
    uint8_t commitment[32];
    uint32_t revision;
    size_t ring; /* members in it */
};

struct town {
    struct demur_channel *c;
    uint64_t now, seed;
    uint8_t fingerprint[32];
    struct town_key root, next_root, log, server, keeper, officers[TOWN_OFFICERS];
    struct town_member members[TOWN_MEMBERS];
    struct {
        uint8_t *bytes;
        size_t len;
        struct span text; /* of a policy or calendar */
    } entries[TOWN_ENTRIES];
    size_t entries_len;
    struct {
        uint8_t hash[32], start[32]; /* its first bytes; the rest is zero */
        uint64_t size;
    } blobs[TOWN_BLOBS]; /* every blob that a record names */
    size_t blobs_len;
    uint8_t release[32]; /* the release key of the last `file` */
    uint64_t roster;     /* what an opening pins; 0: the log as it is */
    struct {
        bool invited, none; /* it goes to those who have the link; it names none */
        int64_t more;       /* bytes than they should have */
    } keys;                 /* of what circulates; zero: to all members, as they must be */
    bool hold;              /* town_send leaves the record in `out`, unsent */
    struct demur_diag diag; /* of the last append */
    uint8_t record[DEMUR_RECORD_MAX];
    struct buf out; /* over record: the record being written */
};

/* How the policy of a plain town begins; its stages, steps and clocks follow. */
#define TOWN_POLICY                                                                                \
    "demur policy v1\n"                                                                            \
    "policy plain\n  title Plain\n  calendar plain\n"                                              \
    "role office\n  title Office\n"                                                                \
    "role keeper\n  title Keeper\n"                                                                \
    "eligible everyone\n"                                                                          \
    "roster\n  kept-by keeper\n"                                                                   \
    "ring\n  at-least 2 members\n"                                                                 \
    "filing\n  quota 9 each month\n  identity named\n  circulation at-most 60 days\n"              \
    "attachments\n  at-most 3\n  each 1 MiB\n  together 2 MiB\n"                                   \
    "distribution\n  must office\n"

/* Found a channel at `now` with the calendars (name, text pairs) and policy;
 * fails the test and returns NULL when it cannot. Free with town_free. */
struct town *town_new(uint64_t now, uint64_t seed, const char *const (*calendars)[2],
                      size_t calendars_len, struct span policy);
/* town_new with a UTC calendar "plain", the keeper holding the role "keeper",
 * officer 0 "office", and `members` members without attributes. */
struct town *town_plain(uint64_t now, size_t members, const char *policy);
/* town_new with the shipped company policy and its calendar; skips the test and returns
 * NULL when they are not loaded. */
struct town *town_company(uint64_t now, uint64_t seed);
void town_free(struct town *w);
void town_key_make(struct town *w, struct town_key *key);

/* Write: begin a record, put lines with record.h into &w->out, then send. */
struct buf *town_begin(struct town *w, enum demur_record_type type);
/* begin, `by` and the key's next `seq`. */
struct buf *town_begin_by(struct town *w, enum demur_record_type type, struct town_key *by);
/* Append what was written as an entry at `now`: the fold's answer. Accepted
 * entries are kept. */
enum demur_err town_send(struct town *w, struct span text);
/* Make an entry of what was written, for the time `at`, whatever the fold says to it: as in
 * a log whose operator checks nothing. The fold's answer; it is kept but for MISSING texts. */
enum demur_err town_keep(struct town *w, uint64_t at, struct span text);
/* In the record that was written, the first line of this field gets another value; or, for
 * NULL, goes. */
void town_edit(struct town *w, const char *field, const char *value);
/* Put the signature, then send. */
enum demur_err town_sign_send(struct town *w, const struct town_key *key);

/* The roster's keeper invites member i with attributes ("a=b" joined by spaces),
 * and the member joins. */
enum demur_err town_invite(struct town *w, size_t i, const char *attributes);
enum demur_err town_join(struct town *w, size_t i);
/* Member i lost its device: the keeper invites it anew, and it joins with other keys, those of
 * its ring from a later month on. Or it is removed. */
enum demur_err town_rejoin(struct town *w, size_t i, uint32_t first_epoch);
enum demur_err town_rejoin_for(struct town *w, size_t i, uint32_t first_epoch, size_t months);
enum demur_err town_revoke(struct town *w, size_t i);
/* Member i, within 13 months of joining, gives another ring key for a month; or goes
 * on with another identity key. */
enum demur_err town_renew(struct town *w, size_t i, uint32_t epoch);
enum demur_err town_rekey(struct town *w, size_t i, const struct town_key *key);
/* The root puts another policy, or another version of a calendar, into force. */
enum demur_err town_policy(struct town *w, struct span text);
enum demur_err town_calendar(struct town *w, const char *name, struct span text);
/* The root grants a role to officer i, or ends it. town_begin_role leaves the rest
 * of the record (`for`, `acting`, `until`) and the sending to the caller; change is
 * "holds" or "ends". */
struct buf *town_begin_role(struct town *w, size_t i, const char *role, const char *change);
enum demur_err town_grant(struct town *w, size_t i, const char *role);
enum demur_err town_end_role(struct town *w, size_t i, const char *role);

/* Member i opens a case and files it (or circulates it until `until`). `to` is
 * roles joined by spaces, in order. slot: which filing slot. */
enum demur_err town_file(struct town *w, size_t i, unsigned slot, const char *to,
                         struct town_case *out);
enum demur_err town_circulate(struct town *w, size_t i, unsigned slot, uint64_t until,
                              struct town_case *out);
/* Write an opening's lines up to and with `subset`-less card, leaving the rest
 * to the caller: for tests that spoil it. */
enum demur_err town_cosign(struct town *w, size_t i, const struct town_case *k,
                           enum demur_record_type type);
/* Member i, the author, revises to k's revision and commitment, with one attachment; files
 * what circulated, with one attachment; member i discloses its signature on k's revision. */
enum demur_err town_revise(struct town *w, size_t i, const struct town_case *k);
enum demur_err town_file_circulated(struct town *w, const struct town_case *k, const char *to);
enum demur_err town_disclose(struct town *w, size_t i, const struct town_case *k);
/* In a case: an officer's step, open or say; the author's say, withdraw. */
enum demur_err town_step(struct town *w, const struct town_case *k, size_t officer,
                         const char *role, const char *act, bool document, uint64_t until);
enum demur_err town_open(struct town *w, const struct town_case *k, size_t officer,
                         const char *role);
enum demur_err town_say(struct town *w, const struct town_case *k, int officer, const char *role);
enum demur_err town_withdraw(struct town *w, const struct town_case *k);
/* The author appeals; hands what this blob holds to officer i. */
enum demur_err town_appeal(struct town *w, const struct town_case *k);
enum demur_err town_share(struct town *w, const struct town_case *k,
                          const uint8_t source[static 32], size_t officer);
/* `on` for a case. */
void town_put_on(struct town *w, const struct town_case *k);
/* `size` is at least 32. */
/* The keys of a circulating text for the members of its ring; nothing for one that has
 * none. */
void town_put_keys(struct town *w, const struct town_case *k);
void town_put_random_blob(struct town *w, enum demur_field field, uint64_t size);
/* Write the bytes of a blob that was put, all `size` of them; false when it was not. */
bool town_blob_bytes(const struct town *w, const uint8_t hash[static 32], struct buf *out);
/* The ring proof in `field` by member i over everything written so far. */
enum demur_err town_put_proof(struct town *w, enum demur_field field, size_t i,
                              const struct town_case *k, unsigned slot);

#endif
