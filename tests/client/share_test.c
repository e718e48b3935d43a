/* A shared copy is whatever its sharer sealed: honest readers believe the log. */
#include "live.h"

#include <sodium.h>

#include "../../core/encode.h"
#include "../../core/seal.h"

static const struct demur_writing thanks = {.body = {(const uint8_t *)"Thank you.\n", 11}};

static bool find(struct live *l, const char *id, struct demur_dissent_info *out)
{
    return demur_client_sync(l->c, &l->diag) == DEMUR_OK &&
           demur_channel_dissent_find(demur_client_channel(l->c), span_str(id),
                                      demur_client_view_time(l->c), out);
}

/* Store these bytes, whatever they are. */
static bool put(struct live *l, struct span bytes, struct demur_blob_ref *out)
{
    static struct fixture_answer answer;
    char path[80] = "/blob/";
    crypto_hash_sha256(out->hash, bytes.p, bytes.len);
    out->size = bytes.len;
    struct buf name = buf_over(path + 6, 64);
    demur_hex_encode(&name, span_of(out->hash, 32));
    return fixture_ask(l->f, &answer, "PUT", path, bytes) && answer.status == 201;
}

/* Store `text` sealed to the holder. */
static bool put_sealed(struct live *l, const struct demur_actor *holder, struct span text,
                       struct demur_blob_ref *out)
{
    static uint8_t sealed[32768], entropy[DEMUR_AGE_ENTROPY_LEN(1)];
    struct buf file = buf_over(sealed, sizeof sealed);
    struct demur_age_recipient to;
    memcpy(to.public, holder->keys.age.public, 32);
    randombytes_buf(entropy, sizeof entropy);
    return demur_age_seal(&file, text, &to, 1, span_of(entropy, sizeof entropy), &l->diag) ==
               DEMUR_OK &&
           put(l, buf_span(&file), out);
}

/* What a patched client does: share `text` as if it were what the source says. */
static void forge(struct live *l, const char *id, const uint8_t source[static 32],
                  const struct demur_actor *holder, struct span text)
{
    static uint8_t bytes[DEMUR_RECORD_MAX];
    struct buf record = buf_over(bytes, sizeof bytes);
    struct demur_dissent_info info;
    struct demur_blob_ref blob;
    REQUIRE(find(l, id, &info) && put_sealed(l, holder, text, &blob));
    demur_record_begin(&record, DEMUR_RECORD_SHARE, l->f->w->fingerprint);
    demur_put_bytes(&record, DEMUR_FIELD_BY, span_of(l->office.keys.public_key, 32));
    demur_put_number(&record, DEMUR_FIELD_SEQ, ++l->office_id.seq);
    demur_put_text(&record, DEMUR_FIELD_DISSENT, span_str(id));
    demur_put_hash(&record, DEMUR_FIELD_ON, info.latest);
    demur_put_text(&record, DEMUR_FIELD_ROLE, span_lit("people-office"));
    demur_put_hash(&record, DEMUR_FIELD_SOURCE, source);
    demur_put_bytes(&record, DEMUR_FIELD_HOLDER, span_of(holder->keys.public_key, 32));
    demur_put_blob(&record, DEMUR_FIELD_BLOB, &blob);
    demur_put_signature(&record, DEMUR_FIELD_SIG, l->office.keys.secret_key);
    CHECK_SAYS(demur_act_append(l->c, buf_span(&record), NULL, &l->diag), DEMUR_OK, "");
}

/* The text of what was read, with one word of it replaced. */
static struct span falsified(const struct demur_reading *r, const char *word, const char *by)
{
    static uint8_t text[16384];
    struct buf out = buf_over(text, sizeof text);
    const char *all = (const char *)r->text.p, *at = strstr(all, word);
    if (!at)
        return span_of(NULL, 0);
    buf_put(&out, all, (size_t)(at - all));
    buf_put_str(&out, by);
    buf_put_str(&out, at + strlen(word));
    return buf_span(&out);
}

static void memo_reads(struct live *l, struct demur_actor *reader, const char *id, bool shared)
{
    struct demur_reading memo;
    enum demur_err err = demur_read_memo(l->c, reader, id, NULL, &memo, &l->diag);
    CHECK_SAYS(err, DEMUR_OK, "");
    if (err)
        return;
    CHECK_SPAN(memo.letter.title, span_lit("The bridge"));
    CHECK(memo.shared == shared);
    CHECK(strcmp(memo.shared_by, shared ? "people-office" : "") == 0);
    demur_reading_free(&memo);
}

static void a_forged_memo_is_passed_over(struct live *l)
{
    struct demur_actor author = {0}, early = {0}, late = {0};
    struct demur_identity early_id, late_id;
    struct demur_dissent_info info;
    struct demur_reading memo;
    REQUIRE(live_officer(l, &early_id, &early, "people-office") == DEMUR_OK);
    REQUIRE(live_file(l, 1, true, &author));
    const char *id = author.dissent;
    REQUIRE(live_officer(l, &late_id, &late, "people-office") == DEMUR_OK && find(l, id, &info));
    REQUIRE(demur_read_memo(l->c, &l->office, id, NULL, &memo, &l->diag) == DEMUR_OK);
    struct span forged = falsified(&memo, "It will not hold", "It will hold now");

    forge(l, id, info.memo.hash, &early, forged);
    memo_reads(l, &early, id, false); /* the original is sealed to this one */

    CHECK_SAYS(demur_read_memo(l->c, &late, id, NULL, &memo, &l->diag), DEMUR_ERR_KEY,
               "ask somebody who can read it to share it");
    forge(l, id, info.memo.hash, &late, forged);
    CHECK_SAYS(demur_read_memo(l->c, &late, id, NULL, &memo, &l->diag), DEMUR_ERR_VERIFY,
               "the copy that people-office shared with you does not hold");
    CHECK_SAYS(demur_act_share(l->c, &late, id, NULL, info.memo.hash, early.keys.public_key, NULL,
                               &l->diag),
               DEMUR_ERR_VERIFY, "does not hold");
    CHECK_SAYS(demur_act_share(l->c, &l->office, id, NULL, info.memo.hash, late.keys.public_key,
                               NULL, &l->diag),
               DEMUR_OK, "");
    forge(l, id, info.memo.hash, &late, span_lit("no letter at all"));
    memo_reads(l, &late, id, true);
    demur_reading_free(&memo);
}

TEST(share_a_forged_memo_is_passed_over) { live_run(a_forged_memo_is_passed_over); }

static void message_reads(struct live *l, struct demur_actor *reader, const char *id, size_t event,
                          const char *body, bool shared)
{
    struct demur_reading read;
    enum demur_err err = demur_read_event(l->c, reader, id, event, &read, &l->diag);
    CHECK_SAYS(err, DEMUR_OK, "");
    if (err)
        return;
    CHECK_SPAN(read.letter.body, span_str(body));
    CHECK(read.shared == shared);
    demur_reading_free(&read);
}

static void a_message_is_read_from_the_original(struct live *l)
{
    struct demur_actor author = {0}, early = {0}, late = {0};
    struct demur_identity early_id, late_id;
    struct demur_reading said;
    struct demur_event e;
    size_t event = 0;
    REQUIRE(live_officer(l, &early_id, &early, "people-office") == DEMUR_OK);
    REQUIRE(live_file(l, 1, true, &author));
    const char *id = author.dissent;
    CHECK_SAYS(demur_act_say(l->c, &l->office, id, NULL, &thanks, NULL, &l->diag), DEMUR_OK, "");
    REQUIRE(live_officer(l, &late_id, &late, "people-office") == DEMUR_OK);
    REQUIRE(demur_client_sync(l->c, &l->diag) == DEMUR_OK);
    while (demur_channel_event(demur_client_channel(l->c), span_str(id), event, &e) &&
           e.type != DEMUR_RECORD_SAY)
        event++;
    REQUIRE(demur_read_event(l->c, &l->office, id, event, &said, &l->diag) == DEMUR_OK);
    forge(l, id, e.blob.hash, &early, falsified(&said, "Thank you", "Forget it"));
    message_reads(l, &early, id, event, "Thank you.\n", false);

    CHECK_SAYS(demur_read_event(l->c, &late, id, event, &(struct demur_reading){0}, &l->diag),
               DEMUR_ERR_KEY, "was not sealed to you");
    forge(l, id, e.blob.hash, &late, falsified(&said, "From: people-office", "From: board"));
    CHECK_SAYS(demur_read_event(l->c, &late, id, event, &(struct demur_reading){0}, &l->diag),
               DEMUR_ERR_VERIFY, "does not hold");
    CHECK_SAYS(demur_act_share(l->c, &l->office, id, NULL, e.blob.hash, late.keys.public_key, NULL,
                               &l->diag),
               DEMUR_OK, "");
    message_reads(l, &late, id, event, "Thank you.\n", true);
    while (demur_channel_event(demur_client_channel(l->c), span_str(id), event, &e) &&
           e.type != DEMUR_RECORD_SHARE)
        event++;
    REQUIRE(e.type == DEMUR_RECORD_SHARE && demur_client_sync(l->c, &l->diag) == DEMUR_OK);
    uint64_t size = demur_channel_size(demur_client_channel(l->c));
    CHECK_SAYS(demur_act_share(l->c, &early, id, NULL, e.blob.hash, l->office.keys.public_key, NULL,
                               &l->diag),
               DEMUR_ERR_UNKNOWN, "a name card or a shared copy cannot be shared");
    CHECK(demur_channel_size(demur_client_channel(l->c)) == size);
    demur_reading_free(&said);
}

TEST(share_a_message_is_read_from_the_original) { live_run(a_message_is_read_from_the_original); }

/* What a patched client of the author's does: put anything in the place of a message. It
 * does not hold, whatever it is, so that `read --thread` tells it and goes on. */
static void what_is_no_letter_does_not_hold(struct live *l)
{
    static uint8_t bytes[DEMUR_RECORD_MAX];
    static const char *const odd[] = {"no age file", "age-encryption.org/v7\n-> X25519 a\n",
                                      "age-encryption.org/v1\n-> X25519 a\n--- b\n"};
    struct demur_actor author = {0};
    struct demur_dissent_info info;
    struct demur_reading read;
    struct demur_event e;
    REQUIRE(live_file(l, 1, false, &author));
    for (size_t i = 0; i < DEMUR_COUNT(odd); i++) {
        struct buf record = buf_over(bytes, sizeof bytes);
        struct demur_blob_ref blob;
        size_t event = 0;
        REQUIRE(find(l, author.dissent, &info) && put(l, span_str(odd[i]), &blob));
        demur_record_begin(&record, DEMUR_RECORD_SAY, l->f->w->fingerprint);
        demur_put_text(&record, DEMUR_FIELD_DISSENT, span_str(author.dissent));
        demur_put_hash(&record, DEMUR_FIELD_ON, info.latest);
        demur_put_blob(&record, DEMUR_FIELD_MESSAGE, &blob);
        demur_put_signature(&record, DEMUR_FIELD_SIG, author.keys.secret_key);
        CHECK_SAYS(demur_act_append(l->c, buf_span(&record), NULL, &l->diag), DEMUR_OK, "");
        REQUIRE(find(l, author.dissent, &info));
        while (demur_channel_event(demur_client_channel(l->c), span_str(info.id), event, &e) &&
               memcmp(e.blob.hash, blob.hash, 32) != 0)
            event++;
        CHECK_SAYS(demur_read_event(l->c, &l->office, info.id, event, &read, &l->diag),
                   DEMUR_ERR_VERIFY, "does not open");
    }
}

TEST(share_what_is_no_letter_does_not_hold) { live_run(what_is_no_letter_does_not_hold); }
