/* A dissent that goes round for signatures, as its author sees it: the link, and the
 * filing of what circulated. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/seal.h"
#include "filing.h"

bool record_tag(const struct demur_record *r, enum demur_field field, uint8_t out[static 32])
{
    uint8_t proof[DEMUR_RING_SIGNATURE_MAX];
    struct buf p = buf_over(proof, sizeof proof);
    return demur_record_bytes(r, field, &p) && demur_ring_signature_tag(out, buf_span(&p));
}

bool link_make(const struct demur_client *c, const char *dissent, uint32_t revision,
               const uint8_t key[static 32], struct demur_link *out)
{
    struct demur_link link = {.revision = revision};
    memcpy(link.channel, c->options.channel, 32);
    memcpy(link.key, key, 32);
    bool made = c->options.url && copy_text(link.url, sizeof link.url, span_str(c->options.url)) &&
                copy_text(link.dissent, sizeof link.dissent, span_str(dissent));
    if (made)
        *out = link;
    demur_link_wipe(&link);
    return made;
}

static enum demur_err own_dissent(struct demur_client *c, const struct demur_actor *author,
                                  struct demur_dissent_info *info, struct demur_diag *diag)
{
    if (author->identity || author->link_revision)
        return demur_fail(diag, DEMUR_ERR_KEY,
                          "this takes the dissent's receipt phrase, and nothing else");
    enum demur_err err = act_begin(c, 0, diag);
    if (!err)
        err = case_find(c, author->dissent, info, diag);
    if (!err && info->withdrawn)
        err = demur_fail(diag, DEMUR_ERR_STAGE, "this dissent was withdrawn");
    return err;
}

enum demur_err demur_link_of(struct demur_client *client, const struct demur_actor *author,
                             struct demur_link *out, struct demur_diag *diag)
{
    struct demur_dissent_info info;
    struct demur_age_identity key;
    enum demur_err err = own_dissent(client, author, &info, diag);
    if (!err && info.filed_at)
        err = demur_fail(diag, DEMUR_ERR_STAGE,
                         "this dissent is filed: it takes no more signatures, so there is no link");
    if (err)
        return err;
    demur_circulation_key(&key, author->phrase, client->options.channel, info.revision);
    bool made = link_make(client, info.id, info.revision, key.secret, out);
    sodium_memzero(&key, sizeof key);
    return made ? DEMUR_OK
                : demur_fail(diag, DEMUR_ERR_IO, "a signing link needs the channel's address");
}

/* ---- filing what circulated ---- */

struct refiling {
    struct demur_client *c;
    struct demur_actor *author;
    struct demur_dissent_info info;
    struct demur_reading memo;
    struct demur_age_recipient *to;
    size_t to_len;
    uint8_t release[32];
    struct demur_blob_ref memo_blob, files[DEMUR_LETTER_ATTACHMENTS_MAX];
};

static enum demur_err put_sealed(struct refiling *f, struct span padded, struct demur_blob_ref *out,
                                 struct demur_diag *diag)
{
    struct sealed sealed = {0};
    enum demur_err err = seal_twice(padded, f->to, f->to_len, f->release, &sealed, diag);
    if (!err)
        err = sealed_put(f->c, &sealed, diag);
    *out = sealed.name;
    demur_bytes_free(&sealed.bytes);
    return err;
}

static enum demur_err reseal_memo(struct refiling *f, struct demur_diag *diag)
{
    struct span text = demur_bytes_span(&f->memo.text);
    struct buf padded = heap_buf(demur_padded_len(text.len));
    if (!padded.p)
        return no_memory(diag);
    buf_put_span(&padded, text);
    demur_letter_pad(&padded);
    enum demur_err err = put_sealed(f, buf_span(&padded), &f->memo_blob, diag);
    heap_buf_free(&padded);
    return err;
}

static enum demur_err reseal_file(struct refiling *f, size_t i, struct demur_diag *diag)
{
    struct demur_bytes plain = {0};
    enum demur_err err = demur_read_attachment(f->c, f->author, &f->memo, i, &plain, diag);
    if (err)
        return err;
    struct buf padded = heap_buf(demur_padded_len(plain.len));
    if (padded.p) {
        buf_put_span(&padded, demur_bytes_span(&plain));
        demur_attachment_pad(&padded);
        err = put_sealed(f, buf_span(&padded), &f->files[i], diag);
    } else {
        err = no_memory(diag);
    }
    heap_buf_free(&padded);
    demur_bytes_free(&plain);
    client_progress(f->c, "sealing attachments", i + 1, f->memo.letter.files_len);
    return err;
}

static enum demur_err put_release_key(struct refiling *f, struct demur_diag *diag)
{
    char hex[65], path[80], key[65];
    hex_text(hex, f->memo_blob.hash);
    hex_text(key, f->release);
    snprintf(path, sizeof path, "/release/%s", hex);
    enum demur_err err = http_want(f->c->http, HTTP_PUT, path, span_of(key, 64), 4096, NULL, diag);
    sodium_memzero(key, sizeof key);
    return err;
}

static enum demur_err compose(struct refiling *f, struct buf *record, struct demur_diag *diag)
{
    uint8_t release[32];
    demur_release_commitment(release, f->release);
    const struct demur_filing_facts facts = {.channel = f->c->options.channel,
                                             .case_keys = &f->author->keys,
                                             .on = f->info.latest,
                                             .revision = f->info.revision,
                                             .commitment = f->info.commitment,
                                             .memo = f->memo_blob,
                                             .release = release,
                                             .attachments = f->files,
                                             .attachments_len = f->memo.letter.files_len,
                                             .to = f->memo.letter.to,
                                             .to_len = f->memo.letter.to_len};
    return demur_compose_file_after(record, &facts, diag);
}

static enum demur_err send_filing(struct refiling *f, struct demur_sent *sent,
                                  struct demur_diag *diag)
{
    struct buf record = heap_buf(DEMUR_RECORD_MAX);
    enum demur_err err = record.p ? compose(f, &record, diag) : no_memory(diag);
    if (!err)
        err = act_send(f->c, buf_span(&record), true, sent, diag);
    heap_buf_free(&record);
    return err;
}

static enum demur_err refile(struct refiling *f, struct demur_sent *sent, struct demur_diag *diag)
{
    enum demur_err err = demur_read_memo(f->c, f->author, f->author->dissent, NULL, &f->memo, diag);
    if (!err)
        err = case_filing_recipients(f->c, &f->info, f->author, f->memo.letter.to,
                                     f->memo.letter.to_len, &f->to, &f->to_len, diag);
    if (err)
        return err;
    demur_release_key(f->release, f->author->phrase, f->c->options.channel, f->info.revision);
    err = reseal_memo(f, diag);
    for (size_t i = 0; !err && i < f->memo.letter.files_len; i++)
        err = reseal_file(f, i, diag);
    if (!err)
        err = put_release_key(f, diag);
    return err ? err : send_filing(f, sent, diag);
}

enum demur_err demur_act_file(struct demur_client *client, struct demur_actor *author,
                              struct demur_sent *sent, struct demur_diag *diag)
{
    struct refiling f = {.c = client, .author = author};
    enum demur_err err = own_dissent(client, author, &f.info, diag);
    if (err)
        return err;
    if (f.info.filed_at)
        return act_receipt(client, f.info.filed_index, sent, diag);
    err = refile(&f, sent, diag);
    demur_reading_free(&f.memo);
    free(f.to);
    sodium_memzero(&f, sizeof f);
    return err;
}
