/* The table of record types: docs/formats/records.md section 4, as data. */
#include "record.h"

static const char *const field_names[DEMUR_FIELDS] = {
    [DEMUR_FIELD_CHANNEL] = "channel",
    [DEMUR_FIELD_ORIGIN] = "origin",
    [DEMUR_FIELD_LOG_KEY] = "log-key",
    [DEMUR_FIELD_SERVER_KEY] = "server-key",
    [DEMUR_FIELD_ROOT_KEY] = "root-key",
    [DEMUR_FIELD_NEXT_ROOT] = "next-root",
    [DEMUR_FIELD_BY] = "by",
    [DEMUR_FIELD_SEQ] = "seq",
    [DEMUR_FIELD_TEXT] = "text",
    [DEMUR_FIELD_NAME] = "name",
    [DEMUR_FIELD_ROLE] = "role",
    [DEMUR_FIELD_CHANGE] = "change",
    [DEMUR_FIELD_HOLDER] = "holder",
    [DEMUR_FIELD_RECIPIENT] = "recipient",
    [DEMUR_FIELD_FOR] = "for",
    [DEMUR_FIELD_ACTING] = "acting",
    [DEMUR_FIELD_UNTIL] = "until",
    [DEMUR_FIELD_HANDLE] = "handle",
    [DEMUR_FIELD_ATTRIBUTE] = "attribute",
    [DEMUR_FIELD_INVITATION] = "invitation",
    [DEMUR_FIELD_EPOCH] = "epoch",
    [DEMUR_FIELD_RING_KEYS] = "ring-keys",
    [DEMUR_FIELD_POSSESSION] = "possession",
    [DEMUR_FIELD_INVITATION_SIG] = "invitation-sig",
    [DEMUR_FIELD_KEY] = "key",
    [DEMUR_FIELD_KEY_SIG] = "key-sig",
    [DEMUR_FIELD_DISSENT] = "dissent",
    [DEMUR_FIELD_CASE_KEY] = "case-key",
    [DEMUR_FIELD_CASE_RECIPIENT] = "case-recipient",
    [DEMUR_FIELD_POLICY] = "policy",
    [DEMUR_FIELD_ROSTER] = "roster",
    [DEMUR_FIELD_RING] = "ring",
    [DEMUR_FIELD_SLOT] = "slot",
    [DEMUR_FIELD_SUBSET] = "subset",
    [DEMUR_FIELD_CARD] = "card",
    [DEMUR_FIELD_REVISION] = "revision",
    [DEMUR_FIELD_COMMITMENT] = "commitment",
    [DEMUR_FIELD_MEMO] = "memo",
    [DEMUR_FIELD_RELEASE] = "release",
    [DEMUR_FIELD_ATTACHMENT] = "attachment",
    [DEMUR_FIELD_KEYS] = "keys",
    [DEMUR_FIELD_TO] = "to",
    [DEMUR_FIELD_AUDIENCE] = "audience",
    [DEMUR_FIELD_SLOT_PROOF] = "slot-proof",
    [DEMUR_FIELD_PROOF] = "proof",
    [DEMUR_FIELD_TAG] = "tag",
    [DEMUR_FIELD_ON] = "on",
    [DEMUR_FIELD_ACT] = "act",
    [DEMUR_FIELD_OUTCOME] = "outcome",
    [DEMUR_FIELD_DOCUMENT] = "document",
    [DEMUR_FIELD_REFER] = "refer",
    [DEMUR_FIELD_ASSIGN] = "assign",
    [DEMUR_FIELD_MESSAGE] = "message",
    [DEMUR_FIELD_SOURCE] = "source",
    [DEMUR_FIELD_BLOB] = "blob",
    [DEMUR_FIELD_GROUND] = "ground",
    [DEMUR_FIELD_DAY] = "day",
    [DEMUR_FIELD_SIG] = "sig",
};

/* A rule: R(field, times, kind); a choice names its words as well. */
#define R(f, n, k)                                                                                 \
    {                                                                                              \
        DEMUR_FIELD_##f, n, DEMUR_KIND_##k, NULL                                                   \
    }
#define CHOICE(f, n, words)                                                                        \
    {                                                                                              \
        DEMUR_FIELD_##f, n, DEMUR_KIND_CHOICE, words                                               \
    }
#define END                                                                                        \
    {                                                                                              \
        DEMUR_FIELD_NONE, 0, DEMUR_KIND_HASH, NULL                                                 \
    }
#define HEAD R(CHANNEL, '1', HASH)
#define BY HEAD, R(BY, '1', KEY), R(SEQ, '1', NUMBER)
#define BY_OR_CASE HEAD, R(BY, '?', KEY), R(SEQ, '?', NUMBER)
#define CASE R(DISSENT, '1', DISSENT), R(ON, '1', HASH)
#define SIG R(SIG, '1', SIGNATURE), END

#define ROW static const struct demur_record_rule
ROW channel_row[] = {R(ORIGIN, '1', ORIGIN), R(LOG_KEY, '1', KEY),    R(SERVER_KEY, '1', KEY),
                     R(ROOT_KEY, '1', KEY),  R(NEXT_ROOT, '1', HASH), SIG};
ROW policy_row[] = {BY, R(TEXT, '1', BLOB), SIG};
ROW calendar_row[] = {BY, R(NAME, '1', WORD), R(TEXT, '1', BLOB), SIG};
ROW rotate_row[] = {BY,
                    R(LOG_KEY, '?', KEY),
                    R(SERVER_KEY, '?', KEY),
                    R(ROOT_KEY, '?', KEY),
                    R(NEXT_ROOT, '?', HASH),
                    SIG};
ROW role_row[] = {BY,
                  R(ROLE, '1', WORD),
                  CHOICE(CHANGE, '1', "holds|ends"),
                  R(HOLDER, '1', KEY),
                  R(RECIPIENT, '?', RECIPIENT),
                  R(FOR, '?', ATTRIBUTE),
                  CHOICE(ACTING, '?', "yes"),
                  R(UNTIL, '?', TIME),
                  SIG};
ROW invite_row[] = {BY, R(HANDLE, '1', WORD), R(ATTRIBUTE, '*', ATTRIBUTE), R(INVITATION, '1', KEY),
                    SIG};
ROW member_row[] = {BY,
                    R(HANDLE, '1', WORD),
                    R(INVITATION, '1', KEY),
                    R(RECIPIENT, '1', RECIPIENT),
                    R(EPOCH, '1', EPOCH),
                    R(RING_KEYS, '1', BYTES),
                    R(POSSESSION, '1', SIGNATURE),
                    R(INVITATION_SIG, '1', SIGNATURE),
                    SIG};
ROW renew_row[] = {BY,
                   R(HANDLE, '1', WORD),
                   R(EPOCH, '1', EPOCH),
                   R(RING_KEYS, '1', BYTES),
                   R(POSSESSION, '1', SIGNATURE),
                   SIG};
ROW rekey_row[] = {BY,
                   R(HANDLE, '1', WORD),
                   R(INVITATION, '?', KEY),
                   R(KEY, '?', KEY),
                   R(RECIPIENT, '?', RECIPIENT),
                   R(KEY_SIG, '?', SIGNATURE),
                   SIG};
ROW revoke_row[] = {BY, R(HANDLE, '1', WORD), SIG};
ROW circulate_row[] = {HEAD,
                       R(DISSENT, '1', DISSENT),
                       R(CASE_KEY, '1', KEY),
                       R(CASE_RECIPIENT, '1', RECIPIENT),
                       R(POLICY, '1', HASH),
                       R(EPOCH, '1', EPOCH),
                       R(ROSTER, '1', NUMBER),
                       R(RING, '1', HASH),
                       R(SLOT, '1', NUMBER),
                       R(SUBSET, '*', SUBSET),
                       R(CARD, '1', BLOB),
                       R(REVISION, '1', NUMBER),
                       R(COMMITMENT, '1', HASH),
                       R(MEMO, '1', BLOB),
                       R(ATTACHMENT, '*', BLOB),
                       R(KEYS, '?', BLOB),
                       CHOICE(AUDIENCE, '1', "invited|members"),
                       R(UNTIL, '1', TIME),
                       R(SLOT_PROOF, '1', BYTES),
                       R(PROOF, '1', BYTES),
                       SIG};
ROW revise_row[] = {HEAD,
                    CASE,
                    R(SUBSET, '*', SUBSET),
                    R(CARD, '1', BLOB),
                    R(REVISION, '1', NUMBER),
                    R(COMMITMENT, '1', HASH),
                    R(MEMO, '1', BLOB),
                    R(ATTACHMENT, '*', BLOB),
                    R(KEYS, '?', BLOB),
                    R(PROOF, '1', BYTES),
                    SIG};
ROW file_row[] = {HEAD,
                  R(DISSENT, '1', DISSENT),
                  R(ON, '?', HASH),
                  R(CASE_KEY, '?', KEY),
                  R(CASE_RECIPIENT, '?', RECIPIENT),
                  R(POLICY, '?', HASH),
                  R(EPOCH, '?', EPOCH),
                  R(ROSTER, '?', NUMBER),
                  R(RING, '?', HASH),
                  R(SLOT, '?', NUMBER),
                  R(SUBSET, '*', SUBSET),
                  R(CARD, '?', BLOB),
                  R(REVISION, '1', NUMBER),
                  R(COMMITMENT, '1', HASH),
                  R(MEMO, '1', BLOB),
                  R(RELEASE, '1', HASH),
                  R(ATTACHMENT, '*', BLOB),
                  R(TO, '+', WORD),
                  R(SLOT_PROOF, '?', BYTES),
                  R(PROOF, '?', BYTES),
                  SIG};
ROW cosign_row[] = {HEAD,
                    R(DISSENT, '1', DISSENT),
                    R(SUBSET, '*', SUBSET),
                    R(CARD, '1', BLOB),
                    R(REVISION, '1', NUMBER),
                    R(COMMITMENT, '1', HASH),
                    R(PROOF, '1', BYTES),
                    END};
ROW unsign_row[] = {HEAD,
                    R(DISSENT, '1', DISSENT),
                    R(SUBSET, '*', SUBSET),
                    R(REVISION, '1', NUMBER),
                    R(PROOF, '1', BYTES),
                    END};
ROW disclose_row[] = {
    BY, R(DISSENT, '1', DISSENT), R(REVISION, '1', NUMBER), R(TAG, '1', POINT), R(CARD, '1', BLOB),
    SIG};
ROW step_row[] = {BY,
                  CASE,
                  R(ROLE, '1', WORD),
                  R(ACT, '1', WORD),
                  R(OUTCOME, '?', WORD),
                  R(DOCUMENT, '?', BLOB),
                  R(UNTIL, '?', TIME),
                  R(REFER, '?', WORD),
                  R(ASSIGN, '*', KEY),
                  SIG};
ROW say_row[] = {BY_OR_CASE, CASE, R(ROLE, '?', WORD), R(MESSAGE, '1', BLOB), SIG};
ROW share_row[] = {
    BY_OR_CASE,         CASE, R(ROLE, '?', WORD), R(SOURCE, '1', HASH), R(HOLDER, '1', KEY),
    R(BLOB, '1', BLOB), SIG};
ROW open_row[] = {BY, CASE, R(ROLE, '1', WORD), R(MEMO, '1', HASH), SIG};
ROW withdraw_row[] = {HEAD, CASE, SIG};
ROW appeal_row[] = {HEAD, CASE, R(GROUND, '?', WORD), R(DOCUMENT, '?', BLOB), SIG};
ROW expunge_row[] = {BY, CASE, R(ROLE, '1', WORD), R(BLOB, '+', HASH), SIG};
ROW tick_row[] = {BY, R(DAY, '1', DAY), SIG};

static const struct {
    const char *name;
    const struct demur_record_rule *rules;
} types[DEMUR_RECORD_TYPES] = {
    [DEMUR_RECORD_CHANNEL] = {"channel", channel_row},
    [DEMUR_RECORD_POLICY] = {"policy", policy_row},
    [DEMUR_RECORD_CALENDAR] = {"calendar", calendar_row},
    [DEMUR_RECORD_ROTATE] = {"rotate", rotate_row},
    [DEMUR_RECORD_ROLE] = {"role", role_row},
    [DEMUR_RECORD_INVITE] = {"invite", invite_row},
    [DEMUR_RECORD_MEMBER] = {"member", member_row},
    [DEMUR_RECORD_RENEW] = {"renew", renew_row},
    [DEMUR_RECORD_REKEY] = {"rekey", rekey_row},
    [DEMUR_RECORD_REVOKE] = {"revoke", revoke_row},
    [DEMUR_RECORD_CIRCULATE] = {"circulate", circulate_row},
    [DEMUR_RECORD_REVISE] = {"revise", revise_row},
    [DEMUR_RECORD_FILE] = {"file", file_row},
    [DEMUR_RECORD_COSIGN] = {"cosign", cosign_row},
    [DEMUR_RECORD_UNSIGN] = {"unsign", unsign_row},
    [DEMUR_RECORD_DISCLOSE] = {"disclose", disclose_row},
    [DEMUR_RECORD_STEP] = {"step", step_row},
    [DEMUR_RECORD_SAY] = {"say", say_row},
    [DEMUR_RECORD_SHARE] = {"share", share_row},
    [DEMUR_RECORD_OPEN] = {"open", open_row},
    [DEMUR_RECORD_WITHDRAW] = {"withdraw", withdraw_row},
    [DEMUR_RECORD_APPEAL] = {"appeal", appeal_row},
    [DEMUR_RECORD_EXPUNGE] = {"expunge", expunge_row},
    [DEMUR_RECORD_TICK] = {"tick", tick_row},
};

const char *demur_record_type_name(enum demur_record_type type)
{
    return (size_t)type < DEMUR_RECORD_TYPES ? types[type].name : "unknown";
}

bool demur_record_type_find(struct span name, enum demur_record_type *out)
{
    for (size_t i = 0; i < DEMUR_RECORD_TYPES; i++)
        if (span_eq_str(name, types[i].name)) {
            *out = (enum demur_record_type)i;
            return true;
        }
    return false;
}

const char *demur_field_name(enum demur_field field)
{
    size_t i = (size_t)field;
    return i < DEMUR_FIELDS && field_names[i] ? field_names[i] : "";
}

const struct demur_record_rule *demur_record_rules(enum demur_record_type type)
{
    return types[type].rules;
}
