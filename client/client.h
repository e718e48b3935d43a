/* client.h - what every honest client of a channel does: keep a verified copy of
 * the log, hold an identity, build and send records, read what is sealed, keep
 * receipts, and audit. The command line is written against this header alone.
 *
 * Nothing here prints. What a person needs to know comes back in a demur_diag,
 * a progress callback, or a finding. Strings handed in are borrowed for the call
 * unless said otherwise; strings handed out live as long as what they came from.
 * Everything that sends begins by bringing the local copy up to date, so that it
 * judges and signs what is really in force. A client serves one thread at a time.
 * sodium_init() and demur_http_init() must have been called once by the program.
 */
#ifndef DEMUR_CLIENT_CLIENT_H
#define DEMUR_CLIENT_CLIENT_H

#include "../core/channel.h"
#include "../core/compose.h"
#include "../core/keys.h"
#include "../core/letter.h"
#include "../core/link.h"

/* Heap bytes, always followed by a NUL that len does not count. */
struct demur_bytes {
    uint8_t *p;
    size_t len;
};
static inline struct span demur_bytes_span(const struct demur_bytes *b)
{
    return span_of(b->p, b->len);
}
/* Wipes before it frees; *b is empty after. */
void demur_bytes_free(struct demur_bytes *b);

/* ---- files (file.c) ---- */

/* Read a whole file of at most `max` bytes. UNKNOWN when there is none, IO,
 * LIMIT. The caller frees *out, which is untouched on failure. */
enum demur_err demur_path_read(const char *path, size_t max, struct demur_bytes *out,
                               struct demur_diag *diag) DEMUR_CHECKED;
/* Write all the bytes, however many calls that takes; false with errno. */
bool demur_write_all(int fd, struct span bytes) DEMUR_CHECKED;
/* Write a file, mode 0600, so that after a power cut the old one is there whole,
 * or the new one: temporary file beside it, fsync, rename, fsync of the folder. */
enum demur_err demur_path_write(const char *path, struct span bytes,
                                struct demur_diag *diag) DEMUR_CHECKED;
/* Make a folder, and those above it, mode 0700; a new one outlasts a power cut. */
enum demur_err demur_path_folder(const char *path, struct demur_diag *diag) DEMUR_CHECKED;
/* Where a channel's copy is kept unless told otherwise:
 * $XDG_DATA_HOME/demur/<fingerprint>, or ~/.local/share/demur/<fingerprint>.
 * MISSING when there is no home. The caller frees *out (a NUL-ended path). */
enum demur_err demur_path_data(const uint8_t fingerprint[static 32], struct demur_bytes *out,
                               struct demur_diag *diag) DEMUR_CHECKED;
/* 64 hex digits, as people are told a channel's fingerprint. */
enum demur_err demur_fingerprint_parse(uint8_t out[static 32], struct span text,
                                       struct demur_diag *diag) DEMUR_CHECKED;

/* ---- identities (identity.c) ---- */

/* A fresh identity without handle or ring keys: root, roster keeper, officer,
 * server operator. `token` may be NULL. */
enum demur_err demur_identity_new(struct demur_identity *out, const uint8_t channel[static 32],
                                  const char *url, const char *token,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* A fresh member's identity out of an invitation; its ring keys begin with the
 * month of now_s. `name` may be NULL; it stays on this machine. Save it before
 * demur_act_join is called: what was registered and then lost cannot be replaced
 * without a new invitation. */
enum demur_err demur_identity_from_invitation(struct demur_identity *out,
                                              const struct demur_invitation *invitation,
                                              const char *name, uint64_t now_s,
                                              struct demur_diag *diag) DEMUR_CHECKED;
/* Load an identity file. KEY for a wrong passphrase, SYNTAX and VERIFY for a file
 * that is broken off or changed, UNKNOWN when there is none. *exposed (may be
 * NULL) tells that other users of this machine can read the file: warn. */
enum demur_err demur_identity_load(struct demur_identity *out, const char *path,
                                   struct span passphrase, bool *exposed,
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* Save durably, mode 0600. log2n is the scrypt work, 0 for the standard 18 (one
 * second, 256 MiB); tests choose less. Refuses an empty passphrase. */
enum demur_err demur_identity_save(const struct demur_identity *identity, const char *path,
                                   struct span passphrase, unsigned log2n,
                                   struct demur_diag *diag) DEMUR_CHECKED;
/* Erase ring keys that no dissent can need any more (docs/formats/identity.md);
 * true when there were some: save the identity then. The client must be synced. */
struct demur_client;
bool demur_identity_tidy(struct demur_identity *identity, const struct demur_client *client);

/* Who acts: an identity; or the holder of a receipt phrase as the case itself; or the
 * holder of a signing link, who can do nothing but read. */
struct demur_actor {
    struct demur_keys keys;
    struct demur_identity *identity;         /* borrowed: its seq moves on; NULL for a case */
    uint8_t phrase[DEMUR_PHRASE_SECRET_LEN]; /* a case's */
    char dissent[33];                        /* a case's or a link's, else empty */
    uint32_t link_revision;                  /* a link's, else 0 */
    /* What a member read last of what circulates, so that the next part of it opens too: the
     * blob that held the key, by its hash, and the key. Zero: nothing. */
    uint8_t handout[32];
    struct demur_age_identity circulation;
};
void demur_actor_from_identity(struct demur_actor *out, struct demur_identity *identity);
/* Errors of demur_phrase_decode: they name the word that is wrong. */
enum demur_err demur_actor_from_phrase(struct demur_actor *out, struct span phrase,
                                       const uint8_t channel[static 32],
                                       struct demur_diag *diag) DEMUR_CHECKED;
void demur_actor_from_link(struct demur_actor *out, const struct demur_link *link);
void demur_actor_wipe(struct demur_actor *actor);

/* ---- the client (client.c) ---- */

struct demur_client_options {
    uint8_t channel[32];        /* the fingerprint: the one thing that is trusted */
    const char *url;            /* NULL: work on the local copy alone */
    const char *token;          /* reading token; NULL or empty: none */
    const char *data;           /* folder of the local copy; NULL: demur_path_data */
    const char *proxy;          /* "socks5h://127.0.0.1:9050"; NULL: none */
    const char *ca_file;        /* certificates to trust instead of the system's; NULL */
    bool throwaway;             /* the copy is not for keeping: its entries are not synced */
    uint32_t timeout_s;         /* how long the server may be silent; 0: 60 */
    uint64_t (*now)(void *ctx); /* Unix time; NULL: this machine's clock */
    /* What takes long says so: "fetching entries", 300 of 70000. May be NULL. */
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *ctx;
};

/* Once, before any thread: prepares the HTTP library. */
enum demur_err demur_http_init(struct demur_diag *diag) DEMUR_CHECKED;

/* Open the local copy (made when there is none; locked against other processes)
 * and fold what it holds. The options' strings are copied. IO, MEMORY; VERIFY
 * when the copy on disk is not this channel's or was damaged: the sentence names
 * the folder, which can be removed and fetched again. */
enum demur_err demur_client_open(struct demur_client **out,
                                 const struct demur_client_options *options,
                                 struct demur_diag *diag) DEMUR_CHECKED;
void demur_client_close(struct demur_client *client);

/* Fetch and verify everything new: the log's signature and growth, every entry's
 * place in the tree, its time, every record. On a lie of the server's (VERIFY,
 * TIME) both sides are kept as evidence and nothing is believed further. Entries
 * that the fold refuses are findings, not errors. Resumes where it stopped. */
enum demur_err demur_client_sync(struct demur_client *client,
                                 struct demur_diag *diag) DEMUR_CHECKED;

/* Is there a receipt, of this run or of an earlier one, for what the copy does not hold
 * yet? The next sync holds the log to it. */
bool demur_client_promised(const struct demur_client *client);

/* The channel as it is in the verified copy. Valid until the next call that syncs. */
const struct demur_channel *demur_client_channel(const struct demur_client *client);
const uint8_t *demur_client_fingerprint(const struct demur_client *client); /* 32 bytes */
const char *demur_client_data(const struct demur_client *client);           /* the folder */
uint64_t demur_client_now(const struct demur_client *client);
/* What time to hand to the channel's views: now, or the last entry's when later. */
uint64_t demur_client_view_time(const struct demur_client *client);
/* When the server last gave its daily sign of life (a `tick`); 0: not yet. More than
 * two days ago: it stands still, or hides what is newer. */
uint64_t demur_client_last_tick(const struct demur_client *client);
/* Was this machine's clock apart from the server's at the last sync, by more than the
 * 5 minutes that are put up with? One of them is wrong: warn. `text` then says how:
 * "2 hours 5 minutes ahead of", or "3 days behind". */
#define DEMUR_SKEW_TEXT 64
bool demur_client_skewed(const struct demur_client *client, char text[static DEMUR_SKEW_TEXT]);
/* TIME then: for what would be worth nothing with the wrong date or month in it. */
enum demur_err demur_client_clock_check(const struct demur_client *client,
                                        struct demur_diag *diag) DEMUR_CHECKED;
/* An entry of the copy (index below the channel's size). The caller frees *out. */
enum demur_err demur_client_entry(struct demur_client *client, uint64_t index,
                                  struct demur_bytes *out, struct demur_diag *diag) DEMUR_CHECKED;
/* The last verified checkpoint, a signed note; empty before the first sync. */
struct span demur_client_checkpoint(const struct demur_client *client);

/* What is held against the operator, also from earlier runs. */
#define DEMUR_FINDING_TEXT 256
struct demur_finding {
    uint64_t time_s;
    uint32_t rules;                /* DEMUR_FOLD_VERSION of whoever found it; 0: not known */
    char kind[24];                 /* "refused-entry", "fork", "broken-receipt", … */
    char text[DEMUR_FINDING_TEXT]; /* one sentence without full stop */
    char path[512];                /* the evidence file; empty when it could not be written */
};
size_t demur_client_findings(const struct demur_client *client);
/* False past the end. */
bool demur_client_finding(const struct demur_client *client, size_t i, struct demur_finding *out);

/* Fetch a blob that a record names, checked by hash and size; from the copy when
 * it is there. The caller frees *out. */
enum demur_err demur_client_blob(struct demur_client *client, const struct demur_blob_ref *blob,
                                 struct demur_bytes *out, struct demur_diag *diag) DEMUR_CHECKED;

/* ---- acts (act*.c) ---- */

/* What the log answered, verified: the entry, and the receipt kept for it. */
struct demur_sent {
    uint64_t index, at;
    uint8_t leaf[32];
    char receipt[512]; /* path of the receipt, in the copy's folder */
    bool earlier;      /* nothing was sent: it was in the log already */
};

/* Common to all acts. Errors: what can be told beforehand (MISSING, FORBIDDEN, …,
 * with a sentence), then the server's own refusals, whose sentences are the fold's;
 * IO when it cannot be reached, VERIFY when its answer is false, TIME when the
 * entry's time and this machine's clock are more than 5 minutes apart (then the act
 * stands all the same, and `sent` is filled). `sent` may be NULL. */

/* Send a record that was made elsewhere (its blobs stored before). */
enum demur_err demur_act_append(struct demur_client *client, struct span record,
                                struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;

/* By the root. The text is checked before it is sent. */
enum demur_err demur_act_policy(struct demur_client *client, struct demur_actor *root,
                                struct span text, struct demur_sent *sent,
                                struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_act_calendar(struct demur_client *client, struct demur_actor *root,
                                  const char *name, struct span text, struct demur_sent *sent,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* log_key and server_key (either may be NULL), by the root. */
enum demur_err demur_act_rotate(struct demur_client *client, struct demur_actor *root,
                                const uint8_t *log_key, const uint8_t *server_key,
                                struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;
/* The next root takes over; next_root is the public key that is to follow it. */
enum demur_err demur_act_rotate_root(struct demur_client *client, struct demur_actor *next,
                                     const uint8_t next_root[static 32], struct demur_sent *sent,
                                     struct demur_diag *diag) DEMUR_CHECKED;

struct demur_grant {
    const char *role;
    struct demur_officer officer; /* whose key; the recipient is not used to end a role */
    bool ends;                    /* the role ends; else it begins */
    const char *attribute;        /* the part of the membership; NULL: all */
    bool acting;
    uint64_t until; /* 0: until it is ended */
};
enum demur_err demur_act_grant(struct demur_client *client, struct demur_actor *actor,
                               const struct demur_grant *grant, struct demur_sent *sent,
                               struct demur_diag *diag) DEMUR_CHECKED;

/* Make an invitation to this channel, one line of at most DEMUR_INVITATION_MAX
 * characters, put in *line; nothing is sent. `handle` NULL: a random one. SYNTAX for
 * what is no handle. */
enum demur_err demur_invitation_new(const struct demur_client *client, const char *handle,
                                    struct buf *line, struct demur_diag *diag) DEMUR_CHECKED;
/* Invite one person by that line, which the caller has put where nothing loses it.
 * `attributes` are "name=value" in any order. */
enum demur_err demur_act_invite(struct demur_client *client, struct demur_actor *actor,
                                struct span invitation, const struct span *attributes,
                                size_t attributes_len, struct demur_sent *sent,
                                struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_act_revoke(struct demur_client *client, struct demur_actor *actor,
                                const char *handle, struct demur_sent *sent,
                                struct demur_diag *diag) DEMUR_CHECKED;
/* Invite the member anew whose handle the invitation has: their device is lost. What
 * they join with replaces their identity key, and their ring keys from next month on. */
enum demur_err demur_act_reinvite(struct demur_client *client, struct demur_actor *actor,
                                  struct span invitation, struct demur_sent *sent,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* Join with an identity made from the invitation, and saved. Done again, it gives
 * the receipt of the first time. demur_client_clock_check goes before the identity is
 * made, for its ring keys begin with the month. */
enum demur_err demur_act_join(struct demur_client *client, struct demur_identity *identity,
                              const struct demur_invitation *invitation, struct demur_sent *sent,
                              struct demur_diag *diag) DEMUR_CHECKED;

/* Ring keys that begin with next month, for an identity that has none since it was restored
 * from a kit; true when they were made: save it, then demur_act_renew. */
bool demur_identity_begin_chain(struct demur_identity *identity, const struct demur_client *client);
/* What is to follow a member's identity that others may have seen: a new seed, and from next
 * month on new ring keys. Save it before demur_act_rekey. demur_client_clock_check goes before. */
void demur_identity_replace(struct demur_identity *out, const struct demur_identity *old,
                            const struct demur_client *client);
/* The member gives themself the identity key of `next`, which from then on is theirs; the ring
 * keys of coming months are for demur_act_renew as `next`. OK, with no receipt in `sent`, when
 * the log has that already. */
enum demur_err demur_act_rekey(struct demur_client *client, struct demur_actor *member,
                               const struct demur_identity *next, struct demur_sent *sent,
                               struct demur_diag *diag) DEMUR_CHECKED;
/* Hand in ring keys for as many months as may be: the next 13. When they are all in the log
 * already, it gives the receipt of what brought the last of them. LIMIT when a month's key
 * was replaced too often. */
enum demur_err demur_act_renew(struct demur_client *client, struct demur_actor *member,
                               struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;
/* For how many months after this one the log has the identity's ring keys, without a gap;
 * -1 when it has none for this month either. */
int demur_ring_months(const struct demur_client *client, const struct demur_identity *identity);
/* Has it the identity's ring key of next month? */
bool demur_ring_next(const struct demur_client *client, const struct demur_identity *identity);

/* ---- filing (filing.c, outbox.c) ---- */

struct demur_filing {
    struct span title, body;  /* the body is tidied: line ends, white space at the end */
    struct span marking;      /* empty: none */
    uint32_t points;          /* 0: none said */
    const char *const *files; /* paths of attachments */
    size_t files_len;
    const char *const *also_to; /* roles beyond those that must receive it */
    size_t also_to_len;
    bool named;                 /* with a name card: name and handle, sealed to the offices */
    const struct span *subsets; /* "grade=FS-01,FS-02": sign as one of these; none: as anyone */
    size_t subsets_len;
    uint64_t until;               /* it goes round for signatures until then; 0: it is filed */
    enum demur_audience audience; /* to whom it goes round; of a revision, as it was opened */
};
/* A memo that is ready to be sent, and not sent yet. */
struct demur_draft;

/* Check, seal and sign. Nothing leaves the machine but a look at the log. The
 * draft holds a fresh receipt phrase: show it, and have it written down, before
 * demur_draft_send; it is stored nowhere. Errors besides the common ones:
 * MISSING, LIMIT, … from the policy's form, LIMIT when this month's filing slots
 * are used up or the ring is smaller than the policy allows, TIME when this machine's
 * clock and the server's are apart: the memo carries the date, the ring the month. */
enum demur_err demur_draft_make(struct demur_draft **out, struct demur_client *client,
                                struct demur_actor *member, const struct demur_filing *filing,
                                struct demur_diag *diag) DEMUR_CHECKED;
/* The next revision of a dissent that circulates, by the holder of its phrase and the
 * member who opened it. Earlier signatures no longer count, and earlier links open nothing
 * of it. STAGE while another one waits to be sent. */
enum demur_err demur_draft_revise(struct demur_draft **out, struct demur_client *client,
                                  const struct demur_actor *author, struct demur_actor *member,
                                  const struct demur_filing *filing,
                                  struct demur_diag *diag) DEMUR_CHECKED;
/* The signing link of a draft that circulates; false for one that does not. */
bool demur_draft_link(const struct demur_draft *draft, struct demur_link *out);
const char *demur_draft_phrase(const struct demur_draft *draft);  /* nine words */
const char *demur_draft_dissent(const struct demur_draft *draft); /* the id */
uint64_t demur_draft_ring(const struct demur_draft *draft);       /* among how many the author is */
/* The roles that the memo is sealed to: the i-th, or NULL; how many holders; and
 * whether those are the holders for every part of the membership, since one part's
 * alone would show the author's. Both may be NULL. */
const char *demur_draft_to(const struct demur_draft *draft, size_t i, size_t *holders, bool *whole);
/* First make it durable in the outbox, then send. After an error it stays there
 * (demur_outbox_next tells): demur_outbox_send sends the same bytes, and it is filed
 * once. Only STALE, REPLAY and STAGE, which no second try can mend, take it out, and
 * that when the log does not have the dissent: it has moved on, so make the draft anew,
 * with a new phrase. When the log has it, the refusal counts for nothing. */
enum demur_err demur_draft_send(struct demur_draft *draft, struct demur_sent *sent,
                                struct demur_diag *diag) DEMUR_CHECKED;
/* Wipes and frees. A draft that was never sent is gone. */
void demur_draft_free(struct demur_draft *draft);

/* Filings that were begun and not confirmed: the i-th one's dissent; false past
 * the end. */
bool demur_outbox_next(const struct demur_client *client, size_t i, char dissent[static 33]);
enum demur_err demur_outbox_send(struct demur_client *client, const char *dissent,
                                 struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;
/* Give up a filing that is not in the log (STALE when it is). */
enum demur_err demur_outbox_drop(struct demur_client *client, const char *dissent,
                                 struct demur_diag *diag) DEMUR_CHECKED;

/* The same for new texts of what circulates: STALE, REPLAY or STAGE take one out of the outbox
 * when the log does not have it. demur_revision_drop gives up what is not in the log. */
bool demur_revision_next(const struct demur_client *client, size_t i, char dissent[static 33]);
enum demur_err demur_revision_send(struct demur_client *client, const char *dissent,
                                   struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_revision_drop(struct demur_client *client, const char *dissent,
                                   struct demur_diag *diag) DEMUR_CHECKED;

/* Move the receipt that was kept in the copy to `path`, where nothing is yet, so that
 * none is left in the copy: it tells whoever finds it which dissent was filed here.
 * sent->receipt is the new path then. REPLAY when something is there, IO. */
enum demur_err demur_receipt_move(struct demur_sent *sent, const char *path,
                                  struct demur_diag *diag) DEMUR_CHECKED;

/* ---- circulation and signatures (circulating.c, signing.c, signatures.c) ---- */

/* The signing link of a dissent that circulates, for the holder of its phrase. */
enum demur_err demur_link_of(struct demur_client *client, const struct demur_actor *author,
                             struct demur_link *out, struct demur_diag *diag) DEMUR_CHECKED;
/* File what circulated: sealed anew to the offices. Done again, it gives the receipt of
 * the first time. */
enum demur_err demur_act_file(struct demur_client *client, struct demur_actor *author,
                              struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;

struct demur_signature_made {
    char dissent[33];
    uint32_t revision;
    uint64_t ring; /* among how many it hides the member */
    char title[DEMUR_LETTER_TITLE_MAX * 4 + 1];
};
struct demur_signing {
    const char *dissent;
    const struct demur_link *link; /* NULL: the memo is sealed to the member */
    bool named;                    /* with a name card, sealed to the offices */
    const struct span *subsets;    /* as one of these: "grade=FS-01,FS-02" */
    size_t subsets_len;
    /* Is this to be signed? Asked when all was checked, before anything is kept: MISSING
     * when not. NULL: yes. */
    bool (*confirm)(void *ctx, const struct demur_signature_made *made);
    void *ctx;
};
/* Read the memo, check it and its attachments against what is signed, and put a signature
 * on it into the outbox: nothing is sent. Errors besides the common ones: STAGE when the
 * window is closed or a signature waits already, REPLAY when the member has signed,
 * LIMIT when too few would hide them, STALE when the link is to an earlier revision. */
enum demur_err demur_signature_make(struct demur_client *client, struct demur_actor *member,
                                    const struct demur_signing *signing,
                                    struct demur_signature_made *made,
                                    struct demur_diag *diag) DEMUR_CHECKED;
/* Send it. As with filings it stays in the outbox after an error, and the same bytes sign
 * once. */
enum demur_err demur_signature_send(struct demur_client *client, const char *dissent,
                                    struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;
/* The i-th dissent on which a signature waits; false past the end. */
bool demur_signature_next(const struct demur_client *client, size_t i, char dissent[static 33]);
enum demur_err demur_signature_drop(struct demur_client *client, const char *dissent,
                                    struct demur_diag *diag) DEMUR_CHECKED;
/* Take a signature back while the window is open. Done again, it gives the receipt of the
 * first time. */
enum demur_err demur_act_unsign(struct demur_client *client, struct demur_actor *member,
                                const char *dissent, struct demur_sent *sent,
                                struct demur_diag *diag) DEMUR_CHECKED;
/* Tell the offices whose signature it is: a name card for one that was unnamed. The log shows
 * everybody that this member disclosed a signature. link: as for signing; NULL once it is filed.
 * Done again, it gives the receipt of the first time, unless an office has a new holder or the
 * card is not there any more: then a new card is made. LIMIT when that was too often; the errors
 * of fetching the card when it cannot be seen whether it is there. */
enum demur_err demur_act_disclose(struct demur_client *client, struct demur_actor *member,
                                  const char *dissent, const struct demur_link *link,
                                  struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;
/* A proof of authorship, a name card in clear: the member's signature on the present
 * revision is theirs. Put in *out, of DEMUR_CARD_LEN bytes at most. */
enum demur_err demur_claim_write(struct demur_client *client, const struct demur_actor *member,
                                 const char *dissent, struct buf *out,
                                 struct demur_diag *diag) DEMUR_CHECKED;

/* ---- acts in a case (act_case.c) ---- */

/* What goes into a sealed document or message. */
struct demur_writing {
    struct span title, body, marking; /* title and marking may be empty */
    uint32_t points;                  /* 0: none said */
};
struct demur_step {
    const char *dissent;
    const char *role; /* NULL: the one role of the actor's that may take this act now */
    const char *act;
    const char *outcome;                  /* NULL: none */
    const struct demur_writing *document; /* NULL: none */
    uint64_t until;                       /* 0: none */
    const char *refer;                    /* role; NULL: none */
    const uint8_t (*assign)[32];
    size_t assign_len;
};
enum demur_err demur_act_step(struct demur_client *client, struct demur_actor *officer,
                              const struct demur_step *step, struct demur_sent *sent,
                              struct demur_diag *diag) DEMUR_CHECKED;
/* A message in the thread, by the case (dissent may be NULL) or an officer. */
enum demur_err demur_act_say(struct demur_client *client, struct demur_actor *actor,
                             const char *dissent, const char *role,
                             const struct demur_writing *message, struct demur_sent *sent,
                             struct demur_diag *diag) DEMUR_CHECKED;
/* Log that this officer opens the memo. Nothing is sent when it was logged before. */
enum demur_err demur_act_open(struct demur_client *client, struct demur_actor *officer,
                              const char *dissent, const char *role, struct demur_sent *sent,
                              struct demur_diag *diag) DEMUR_CHECKED;
/* Re-seal what `source` (the hash of a memo, attachment, document or message blob
 * of this dissent) says to one more officer. */
enum demur_err demur_act_share(struct demur_client *client, struct demur_actor *actor,
                               const char *dissent, const char *role,
                               const uint8_t source[static 32], const uint8_t holder[static 32],
                               struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;
/* The author appeals, where the policy has a step for it. document may be NULL. */
enum demur_err demur_act_appeal(struct demur_client *client, struct demur_actor *author,
                                const struct demur_writing *document, struct demur_sent *sent,
                                struct demur_diag *diag) DEMUR_CHECKED;
enum demur_err demur_act_withdraw(struct demur_client *client, struct demur_actor *author,
                                  struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;

/* Have everything that the dissent's records name destroyed, once the policy's time of
 * retention is over: by a role that the policy names (NULL: the one that the actor holds).
 * *blobs is how many. `sent` is the last entry's. */
enum demur_err demur_act_expunge(struct demur_client *client, struct demur_actor *officer,
                                 const char *dissent, const char *role, size_t *blobs,
                                 struct demur_sent *sent, struct demur_diag *diag) DEMUR_CHECKED;

/* ---- reading (reading.c) ---- */

enum demur_card_state {
    DEMUR_CARD_NONE,      /* the entry has none */
    DEMUR_CARD_CLOSED,    /* unnamed, or sealed to others: nobody can tell which */
    DEMUR_CARD_NAMED,     /* opened, and every claim in it holds */
    DEMUR_CARD_WORTHLESS, /* opened, and it does not hold for this memo or this roster */
    DEMUR_CARD_ABSENT,    /* destroyed, or withheld: the server says that it has none */
    DEMUR_CARD_OTHER,     /* the server sent something else than the log names */
    DEMUR_CARD_UNREACHED  /* not to be had now: nobody answers, or not with a card */
};
struct demur_reading {
    struct demur_bytes text;    /* the whole letter, padding off */
    struct demur_letter letter; /* borrows from text */
    uint64_t at;                /* of its entry */
    uint8_t by[32];             /* zero: the author */
    enum demur_card_state card;
    char handle[DEMUR_WORD_MAX + 1], name[DEMUR_NAME_MAX + 1]; /* of a NAMED card */
    char card_text[256]; /* why a card is WORTHLESS, or was not to be had */
    char dissent[33];
    char role[DEMUR_WORD_MAX + 1]; /* under which it was read; empty for the author */
    /* Not the original but a copy that this role (empty: the author) shared. A memo's is
     * checked against the commitment all the same; a document's or message's is what
     * the sharer says that it is. */
    bool shared;
    char shared_by[DEMUR_WORD_MAX + 1];
};
void demur_reading_free(struct demur_reading *reading);

/* Read the memo as filed: an officer (role NULL: the one of theirs that may), whose
 * `open` is logged first; or the author. Checks the commitment and the card. While it
 * circulates: whoever has the link, the members if it goes to them, the author. */
enum demur_err demur_read_memo(struct demur_client *client, struct demur_actor *actor,
                               const char *dissent, const char *role, struct demur_reading *out,
                               struct demur_diag *diag) DEMUR_CHECKED;
/* Read the document or message of the i-th event of the dissent's history
 * (demur_channel_event). KEY when it was not sealed to this actor. */
enum demur_err demur_read_event(struct demur_client *client, struct demur_actor *actor,
                                const char *dissent, size_t event, struct demur_reading *out,
                                struct demur_diag *diag) DEMUR_CHECKED;
/* The i-th attachment of a memo that was read, checked by hash and size. */
enum demur_err demur_read_attachment(struct demur_client *client, struct demur_actor *actor,
                                     const struct demur_reading *memo, size_t i,
                                     struct demur_bytes *out,
                                     struct demur_diag *diag) DEMUR_CHECKED;

/* A signature that counts, on the present revision. */
struct demur_signature {
    uint64_t index, at; /* of its entry */
    uint8_t tag[32];
    bool author;    /* the author's own */
    char as[400];   /* the subsets that it proves, apart by a space; empty: none */
    uint64_t ring;  /* among how many it hides its maker */
    bool disclosed; /* the card is one that came later */
    bool unsure;    /* one that came later was not to be had now, as UNREACHED */
    enum demur_card_state card;
    char handle[DEMUR_WORD_MAX + 1], name[DEMUR_NAME_MAX + 1]; /* of a NAMED card */
    char dissent[33]; /* what it stands behind; of a claim alone */
};
/* The signatures that count, in the order of the log; `verify`: check every proof once more.
 * `reader` (may be NULL) opens the name cards that are sealed to them; once the server could
 * not be reached for three in a row, the rest is ABSENT. VERIFY, with the entry, when a
 * signature does not hold. The caller frees *out. */
enum demur_err demur_signatures(struct demur_client *client, const struct demur_actor *reader,
                                const char *dissent, bool verify, struct demur_signature **out,
                                size_t *n, struct demur_diag *diag) DEMUR_CHECKED;
/* Does a proof of authorship hold, for a signature that counts? `text` is what
 * demur_claim_write wrote. VERIFY, SYNTAX. */
enum demur_err demur_claim_check(struct demur_client *client, struct span text,
                                 struct demur_signature *out,
                                 struct demur_diag *diag) DEMUR_CHECKED;

/* ---- receipts, offline (receipt.c) ---- */

struct demur_receipt_report {
    struct demur_bytes entry; /* the entry that the receipt is about */
    enum demur_record_type type;
    char origin[256];
    uint64_t index, at;
    uint64_t size; /* of the tree that proves it */
    uint8_t root[32], leaf[32];
    char dissent[33]; /* empty: not of a case */
    bool has_commitment;
    uint8_t commitment[32];
    uint32_t revision;
};
/* Check a receipt against nothing but the channel's fingerprint: entry 0, the
 * rotations since, the log's signature, the inclusion proof. */
enum demur_err demur_receipt_check(struct demur_receipt_report *out, struct span text,
                                   const uint8_t fingerprint[static 32],
                                   struct demur_diag *diag) DEMUR_CHECKED;
void demur_receipt_report_free(struct demur_receipt_report *report);
/* The receipts kept in the folder of a copy: the path of each, by entry, is handed to
 * `each` until it returns false. None when there is no such folder. */
enum demur_err demur_receipts_kept(const char *data, bool (*each)(void *ctx, const char *path),
                                   void *ctx, struct demur_diag *diag) DEMUR_CHECKED;

/* ---- roles (grants.c) ---- */

/* A grant in force. */
struct demur_granted {
    uint64_t index, at;
    uint8_t by[32];
    char role[DEMUR_WORD_MAX + 1], attribute[2 * DEMUR_WORD_MAX + 2]; /* attribute: or empty */
    char officer[160];                                                /* the holder's card */
    bool acting;
    enum demur_granter {
        DEMUR_GRANTED_BY_ROOT,
        DEMUR_GRANTED_BY_REPLACED_ROOT,
        DEMUR_GRANTED_BY_OFFICER,
    } granter;
    /* It rests on a root key that was replaced since: that one's word, or the word of an
     * officer of whose grants, by which this one was made, any rests on it. */
    bool replaced;
};
/* All grants in force, as the copy has them, in the order of the log; *out is freed by the
 * caller. IO, MEMORY. */
enum demur_err demur_client_grants(struct demur_client *client, struct demur_granted **out,
                                   size_t *len, struct demur_diag *diag) DEMUR_CHECKED;

/* ---- evidence, offline (evidence_check.c) ---- */

#define DEMUR_EVIDENCE_MAX (64u << 20) /* bytes in an evidence file */
struct demur_evidence_report {
    /* What the file says of itself; nobody vouches for it. */
    uint64_t time_s;
    uint32_t rules;
    char kind[24], said[DEMUR_FINDING_TEXT];
    char origin[256];
    /* One sentence without full stop: what follows from the log's own signatures. */
    char proves[DEMUR_FINDING_TEXT];
    /* A head in it is signed with a log key that was replaced later: whoever stole that
     * key could have made it as well. */
    bool replaced;
};
/* Does the file prove that the log's operator broke the rules, to somebody who trusts
 * nothing but the channel's fingerprint? VERIFY, with the reason, when it does not: it
 * is forged or damaged, or it only tells what its maker saw. SYNTAX or LIMIT when it is
 * no such file, UPGRADE when it needs a newer demur. */
enum demur_err demur_evidence_check(struct demur_evidence_report *out, struct span text,
                                    const uint8_t fingerprint[static 32],
                                    struct demur_diag *diag) DEMUR_CHECKED;

/* ---- the audit (audit.c) ---- */

/* A receipt that an audit is given: its text, and what findings call it. */
struct demur_audit_given {
    const char *name;
    struct span text;
};
/* What an audit found about one of the receipts that it was given. */
struct demur_audit_receipt {
    enum demur_audit_verdict {
        DEMUR_RECEIPT_UNCHECKED, /* the audit did not come that far */
        DEMUR_RECEIPT_IN_LOG,
        DEMUR_RECEIPT_NOT_IN_LOG, /* it proves an entry that the log does not hold */
        DEMUR_RECEIPT_WORTHLESS,  /* it proves nothing: `why` */
    } verdict;
    uint64_t index, at; /* of the entry; 0 unless the receipt proves one */
    char dissent[33];   /* empty: not of a case */
    /* It is signed with a log key that was replaced later: whoever stole that key could
     * have made it as well. */
    bool replaced;
    char why[200];
};
/* What an `expunge` in the log had destroyed: whether the bytes are gone, no log can show. */
struct demur_audit_expunged {
    char dissent[33], role[DEMUR_WORD_MAX + 1]; /* role: of who did it */
    uint64_t index, at, blobs;                  /* blobs: that no earlier one names */
};
struct demur_audit_report {
    uint64_t entries, refused, members, joined, revoked, dissents, filed, final, signatures;
    uint64_t clocks_running, clocks_overdue, clocks_met_late;
    uint64_t rings, receipts, receipts_good;
    uint64_t expunged;     /* blobs, in all of `expunges` */
    uint64_t blobs;        /* policy and calendar texts, checked by hash */
    uint64_t days_missing; /* days between the first tick and now without one */
    /* demur_client_skewed's text, or empty: then what is overdue or missing may be wrong. */
    char skewed[DEMUR_SKEW_TEXT];
    uint64_t first_at, last_at;
    uint8_t root[32];
    char origin[256];
    char state[65]; /* the state's hash, in hex: two honest auditors get the same */
    struct demur_finding *findings;
    size_t findings_len;
    struct demur_audit_receipt *verdicts; /* one for each receipt given, in their order */
    size_t verdicts_len;
    struct demur_audit_expunged *expunges;
    size_t expunges_len;
};
/* Audit the whole channel from scratch, trusting nothing but the fingerprint: a
 * copy of its own is fetched into a fresh folder below options->data, of which only
 * evidence against the operator stays.
 * The log is held to `receipts`: their entries, and the heads that were signed in them.
 * What is kept as evidence in the folder `kept` of another copy (NULL: none) counts
 * among the findings. OK when the audit could be carried out and there are none; VERIFY
 * when there are (the report is filled); other errors when it could not be finished. */
enum demur_err demur_audit(struct demur_audit_report *out,
                           const struct demur_client_options *options, const char *kept,
                           const struct demur_audit_given *receipts, size_t receipts_len,
                           struct demur_diag *diag) DEMUR_CHECKED;
void demur_audit_report_free(struct demur_audit_report *report);

#endif
