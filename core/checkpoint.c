/* checkpoint.c - see checkpoint.h. */
#include "checkpoint.h"

#include "encode.h"

void demur_checkpoint_put_text(struct buf *out, const struct demur_checkpoint *head)
{
    buf_put_span(out, head->origin);
    buf_put_byte(out, '\n');
    buf_put_u64(out, head->size);
    buf_put_byte(out, '\n');
    demur_base64_encode(out, span_of(head->root, sizeof head->root));
    buf_put_byte(out, '\n');
}

static bool root_fits(const struct demur_checkpoint *head)
{
    uint8_t empty[32];
    demur_merkle_empty(empty);
    return head->size != 0 || memcmp(head->root, empty, sizeof empty) == 0;
}

enum demur_err demur_checkpoint_parse_text(struct demur_checkpoint *head, struct span text,
                                           struct demur_diag *diag)
{
    struct span lines[3], rest = text;
    for (uint32_t i = 0; i < 3; i++) {
        bool found;
        lines[i] = span_split(&rest, '\n', &found);
        if (!found)
            return demur_fail_at(diag, DEMUR_ERR_SYNTAX, i + 1, 1, NULL,
                                 "a checkpoint has three lines, each ended by LF");
    }
    if (rest.len)
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 4, 1, NULL,
                             "a checkpoint has no line after the root");
    struct demur_checkpoint parsed = {.origin = lines[0]};
    if (!demur_note_name_ok(parsed.origin))
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 1, 1, "origin",
                             "the origin \"%.*s\" is not a log's name", SPAN_ARG(lines[0]));
    if (!span_u64(lines[1], DEMUR_LOG_SIZE_MAX, &parsed.size))
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 2, 1, "size",
                             "the size of the log is a decimal number without leading zeros, not "
                             "\"%.*s\"",
                             SPAN_ARG(lines[1]));
    enum demur_err err = demur_base64_exact(parsed.root, sizeof parsed.root, lines[2]);
    if (err != DEMUR_OK)
        return demur_fail_at(diag, err, 3, 1, "root", "the root is 32 bytes in padded base64");
    if (!root_fits(&parsed))
        return demur_fail_at(diag, DEMUR_ERR_VERIFY, 3, 1, "root",
                             "the log is empty, and this is not the root of an empty log");
    *head = parsed;
    return DEMUR_OK;
}

enum demur_err demur_checkpoint_sign(struct buf *out, const struct demur_checkpoint *head,
                                     const uint8_t secret[static 64], struct demur_diag *diag)
{
    if (head->size > DEMUR_LOG_SIZE_MAX || !root_fits(head))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "no log has this size and this root");
    struct demur_note_key key;
    enum demur_err err =
        demur_note_key_init(&key, head->origin, DEMUR_NOTE_ED25519, secret + 32, diag);
    if (err != DEMUR_OK)
        return err;
    uint8_t storage[DEMUR_CHECKPOINT_TEXT_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    demur_checkpoint_put_text(&text, head);
    err = demur_note_put_text(out, buf_span(&text), diag);
    if (err != DEMUR_OK)
        return err;
    return demur_note_sign(out, buf_span(&text), &key, secret, 0, diag);
}

enum demur_err demur_checkpoint_open(struct demur_checkpoint *head, struct demur_note *note,
                                     struct span bytes, struct span origin,
                                     const uint8_t log_key[static 32], struct demur_diag *diag)
{
    struct demur_note parsed;
    struct demur_checkpoint claimed;
    struct demur_note_key key;
    struct demur_note_seen seen;
    enum demur_err err = demur_note_parse(&parsed, bytes, diag);
    if (err == DEMUR_OK)
        err = demur_checkpoint_parse_text(&claimed, parsed.text, diag);
    if (err == DEMUR_OK)
        err = demur_note_key_init(&key, origin, DEMUR_NOTE_ED25519, log_key, diag);
    if (err != DEMUR_OK)
        return err;
    if (!span_eq(claimed.origin, origin))
        return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 1, 1, "origin",
                             "the checkpoint is of the log \"%.*s\", not of the one expected",
                             SPAN_ARG(claimed.origin));
    err = demur_note_verify(&parsed, &key, &seen, 1, diag);
    if (err == DEMUR_ERR_MISSING)
        return demur_fail(diag, err, "the checkpoint is not signed with the log's key");
    if (err != DEMUR_OK)
        return err;
    *head = claimed;
    if (note)
        *note = parsed;
    return DEMUR_OK;
}
