/* record.h - signed records: the table of types, parsing, writing, signatures.
 * Format: docs/formats/records.md.
 *
 * One table names every type's fields in their order (record_table.c). What
 * demur_record_parse accepts is canonical: the bytes are their own encoding.
 * A parsed record borrows from the text, which must outlive it.
 * Timing: variable; records are public. Signing is libsodium's constant time.
 */
#ifndef DEMUR_CORE_RECORD_H
#define DEMUR_CORE_RECORD_H

#include "base.h"
#include "civil.h"

#define DEMUR_RECORD_MAX 60000u
#define DEMUR_RECORD_FIELDS_MAX 512u
#define DEMUR_ENTRY_MAX (DEMUR_RECORD_MAX + 32u)
#define DEMUR_BLOB_MAX 67108864u

enum demur_record_type {
    DEMUR_RECORD_CHANNEL,
    DEMUR_RECORD_POLICY,
    DEMUR_RECORD_CALENDAR,
    DEMUR_RECORD_ROTATE,
    DEMUR_RECORD_ROLE,
    DEMUR_RECORD_INVITE,
    DEMUR_RECORD_MEMBER,
    DEMUR_RECORD_RENEW,
    DEMUR_RECORD_REKEY,
    DEMUR_RECORD_REVOKE,
    DEMUR_RECORD_CIRCULATE,
    DEMUR_RECORD_REVISE,
    DEMUR_RECORD_FILE,
    DEMUR_RECORD_COSIGN,
    DEMUR_RECORD_UNSIGN,
    DEMUR_RECORD_DISCLOSE,
    DEMUR_RECORD_STEP,
    DEMUR_RECORD_SAY,
    DEMUR_RECORD_SHARE,
    DEMUR_RECORD_OPEN,
    DEMUR_RECORD_WITHDRAW,
    DEMUR_RECORD_APPEAL,
    DEMUR_RECORD_EXPUNGE,
    DEMUR_RECORD_TICK,
    DEMUR_RECORD_TYPES,
};

enum demur_field {
    DEMUR_FIELD_NONE, /* ends a table row */
    DEMUR_FIELD_CHANNEL,
    DEMUR_FIELD_ORIGIN,
    DEMUR_FIELD_LOG_KEY,
    DEMUR_FIELD_SERVER_KEY,
    DEMUR_FIELD_ROOT_KEY,
    DEMUR_FIELD_NEXT_ROOT,
    DEMUR_FIELD_BY,
    DEMUR_FIELD_SEQ,
    DEMUR_FIELD_TEXT,
    DEMUR_FIELD_NAME,
    DEMUR_FIELD_ROLE,
    DEMUR_FIELD_CHANGE,
    DEMUR_FIELD_HOLDER,
    DEMUR_FIELD_RECIPIENT,
    DEMUR_FIELD_FOR,
    DEMUR_FIELD_ACTING,
    DEMUR_FIELD_UNTIL,
    DEMUR_FIELD_HANDLE,
    DEMUR_FIELD_ATTRIBUTE,
    DEMUR_FIELD_INVITATION,
    DEMUR_FIELD_EPOCH,
    DEMUR_FIELD_RING_KEYS,
    DEMUR_FIELD_POSSESSION,
    DEMUR_FIELD_INVITATION_SIG,
    DEMUR_FIELD_KEY,
    DEMUR_FIELD_KEY_SIG,
    DEMUR_FIELD_DISSENT,
    DEMUR_FIELD_CASE_KEY,
    DEMUR_FIELD_CASE_RECIPIENT,
    DEMUR_FIELD_POLICY,
    DEMUR_FIELD_ROSTER,
    DEMUR_FIELD_RING,
    DEMUR_FIELD_SLOT,
    DEMUR_FIELD_SUBSET,
    DEMUR_FIELD_CARD,
    DEMUR_FIELD_REVISION,
    DEMUR_FIELD_COMMITMENT,
    DEMUR_FIELD_MEMO,
    DEMUR_FIELD_RELEASE,
    DEMUR_FIELD_ATTACHMENT,
    DEMUR_FIELD_KEYS,
    DEMUR_FIELD_TO,
    DEMUR_FIELD_AUDIENCE,
    DEMUR_FIELD_SLOT_PROOF,
    DEMUR_FIELD_PROOF,
    DEMUR_FIELD_TAG,
    DEMUR_FIELD_ON,
    DEMUR_FIELD_ACT,
    DEMUR_FIELD_OUTCOME,
    DEMUR_FIELD_DOCUMENT,
    DEMUR_FIELD_REFER,
    DEMUR_FIELD_ASSIGN,
    DEMUR_FIELD_MESSAGE,
    DEMUR_FIELD_SOURCE,
    DEMUR_FIELD_BLOB,
    DEMUR_FIELD_GROUND,
    DEMUR_FIELD_DAY,
    DEMUR_FIELD_SIG,
    DEMUR_FIELDS,
};

/* The kinds of value, records.md section 2. */
enum demur_kind {
    DEMUR_KIND_HASH,
    DEMUR_KIND_BLOB,
    DEMUR_KIND_KEY,
    DEMUR_KIND_POINT,
    DEMUR_KIND_SIGNATURE,
    DEMUR_KIND_BYTES,
    DEMUR_KIND_RECIPIENT,
    DEMUR_KIND_NUMBER,
    DEMUR_KIND_TIME,
    DEMUR_KIND_DAY,
    DEMUR_KIND_EPOCH,
    DEMUR_KIND_WORD,
    DEMUR_KIND_DISSENT,
    DEMUR_KIND_ATTRIBUTE,
    DEMUR_KIND_SUBSET,
    DEMUR_KIND_ORIGIN,
    DEMUR_KIND_CHOICE,
};

/* How often a field stands in a type: '1', '?', '*' or '+'. */
struct demur_record_rule {
    enum demur_field field;
    char times;
    enum demur_kind kind;
    const char *choices; /* CHOICE only: words parted by '|' */
};

const char *demur_record_type_name(enum demur_record_type type);
bool demur_record_type_find(struct span name, enum demur_record_type *out);
const char *demur_field_name(enum demur_field field);
/* The rules of a type in order, `channel` included, ended by DEMUR_FIELD_NONE. */
const struct demur_record_rule *demur_record_rules(enum demur_record_type type);

struct demur_record {
    enum demur_record_type type;
    struct span text; /* the whole record */
    uint32_t fields_len;
    struct {
        enum demur_field field;
        struct span value;
        uint32_t offset; /* of the line's first byte in text */
    } fields[DEMUR_RECORD_FIELDS_MAX];
};

struct demur_blob_ref {
    uint8_t hash[32];
    uint64_t size;
};

/* Parse a whole record. Errors: SYNTAX, CANON, MISSING, LIMIT with line and
 * field; UPGRADE for an unknown type or version. *out is untouched on failure
 * but for a record of ~12 KB that callers best keep off small stacks. */
enum demur_err demur_record_parse(struct demur_record *out, struct span text,
                                  struct demur_diag *diag) DEMUR_CHECKED;

/* An entry: its time, and the record's text within. Does not parse the record. */
enum demur_err demur_entry_parse(uint64_t *at, struct span *record, struct span entry,
                                 struct demur_diag *diag) DEMUR_CHECKED;
void demur_entry_write(struct buf *out, uint64_t at, struct span record);

/* Values. A field's first value (p NULL when absent), how many, the i-th. */
struct span demur_record_get(const struct demur_record *r, enum demur_field field);
bool demur_record_has(const struct demur_record *r, enum demur_field field);
size_t demur_record_count(const struct demur_record *r, enum demur_field field);
struct span demur_record_nth(const struct demur_record *r, enum demur_field field, size_t i);
/* Decoded values of a present field of the fitting kind; zero or false when it
 * is absent. The kinds were checked by the parser, so these cannot fail. */
bool demur_record_hash(const struct demur_record *r, enum demur_field field,
                       uint8_t out[static 32]);
bool demur_record_key(const struct demur_record *r, enum demur_field field, uint8_t out[static 32]);
uint64_t demur_record_number(const struct demur_record *r, enum demur_field field);
bool demur_record_blob(const struct demur_record *r, enum demur_field field, size_t i,
                       struct demur_blob_ref *out);
/* Every blob that must be stored before the record is appended, in order. */
size_t demur_record_blobs(const struct demur_record *r, struct demur_blob_ref *out, size_t max);
/* Decode BYTES or SIGNATURE into out; false when absent or it does not fit. */
bool demur_record_bytes(const struct demur_record *r, enum demur_field field, struct buf *out);
/* The bytes that the signature or proof in `field` covers: all before its line. */
struct span demur_record_signed(const struct demur_record *r, enum demur_field field);
/* Ed25519: does `field` (SIG, INVITATION_SIG, KEY_SIG) verify under `key`? */
bool demur_record_verify(const struct demur_record *r, enum demur_field field,
                         const uint8_t key[static 32]);

/* Writing. Lines are put in the table's order by the caller; the result is then
 * parsed, so a mistake is caught there. All are no-ops after an overflow. */
void demur_record_begin(struct buf *out, enum demur_record_type type,
                        const uint8_t *channel); /* 32 bytes; NULL for CHANNEL */
void demur_put_text(struct buf *out, enum demur_field field, struct span value);
void demur_put_hash(struct buf *out, enum demur_field field, const uint8_t hash[static 32]);
void demur_put_bytes(struct buf *out, enum demur_field field, struct span bytes); /* base64 */
void demur_put_number(struct buf *out, enum demur_field field, uint64_t number);
void demur_put_blob(struct buf *out, enum demur_field field, const struct demur_blob_ref *blob);
/* Sign everything in out so far with an Ed25519 secret key (64 bytes) and put
 * the line. Constant time in the secret. */
void demur_put_signature(struct buf *out, enum demur_field field,
                         const uint8_t secret_key[static 64]);

/* Names made of hashes, records.md section 3. */
void demur_dissent_id(char out[static 33], const uint8_t case_key[static 32]);
bool demur_dissent_id_ok(struct span id); /* may a dissent be called that? */
void demur_commitment(uint8_t out[static 32], const uint8_t salt[static 32], struct span memo);
void demur_release_commitment(uint8_t out[static 32], const uint8_t release_key[static 32]);

#endif
