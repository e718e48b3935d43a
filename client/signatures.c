/* The signatures behind a dissent, as anybody can count and check them. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/table.h"
#include "filing.h"

#define UNREACHED_MAX 3

struct listing {
    struct demur_client *c;
    const struct demur_actor *reader; /* NULL: cards stay closed */
    struct demur_dissent_info info;
    bool verify;
    unsigned unreached; /* cards in a row for which the server could not be reached */
    struct proofs proofs;
    struct demur_signature *list;
    size_t len, cap;
};

static struct demur_signature *find(struct listing *l, const uint8_t tag[static 32])
{
    for (size_t i = 0; i < l->len; i++)
        if (memcmp(l->list[i].tag, tag, 32) == 0)
            return &l->list[i];
    return NULL;
}

/* Among how many a signature with these subsets hides its maker. */
static enum demur_err know_ring(struct listing *l, struct demur_signature *s,
                                struct demur_diag *diag)
{
    struct span subsets[16];
    size_t n = demur_record_count(l->c->record, DEMUR_FIELD_SUBSET), size = 0;
    struct buf as = buf_over(s->as, sizeof s->as - 1);
    for (size_t i = 0; i < n && i < DEMUR_COUNT(subsets); i++) {
        subsets[i] = demur_record_nth(l->c->record, DEMUR_FIELD_SUBSET, i);
        if (i)
            buf_put_byte(&as, ' ');
        buf_put_span(&as, subsets[i]);
    }
    s->as[as.len] = 0;
    if (n > DEMUR_COUNT(subsets) || !buf_ok(&as))
        return demur_fail(diag, DEMUR_ERR_LIMIT,
                          "a signature proves more attributes than this program can show");
    for (size_t i = 0; i < l->len; i++)
        if (strcmp(l->list[i].as, s->as) == 0) {
            s->ring = l->list[i].ring;
            return DEMUR_OK;
        }
    enum demur_err err = demur_channel_ring(l->c->channel, l->info.policy_entry, l->info.epoch,
                                            l->info.roster, subsets, n, NULL, 0, &size, diag);
    s->ring = size;
    return err;
}

/* A card that is not there says nothing of the others: a server could hide all by one. */
static enum demur_err fetch_card(struct listing *l, const struct demur_blob_ref *card,
                                 const uint8_t tag[static 32], struct demur_reading *out,
                                 struct demur_diag *diag)
{
    struct demur_diag why = {0};
    out->card = DEMUR_CARD_UNREACHED;
    if (l->unreached == UNREACHED_MAX)
        return DEMUR_OK;
    enum demur_err err = reading_card_of(l->c, l->reader, &l->info, card, tag, out, &why);
    l->unreached = out->card == DEMUR_CARD_UNREACHED ? l->unreached + 1 : 0;
    return err == DEMUR_ERR_MEMORY ? no_memory(diag) : DEMUR_OK;
}

/* The card that came with the signature. */
static enum demur_err read_card(struct listing *l, struct demur_signature *s,
                                const struct demur_blob_ref *card, struct demur_diag *diag)
{
    struct demur_reading r = {0};
    if (!l->reader)
        return DEMUR_OK;
    enum demur_err err = fetch_card(l, card, s->tag, &r, diag);
    if (err)
        return err;
    s->card = r.card;
    memcpy(s->handle, r.handle, sizeof s->handle);
    memcpy(s->name, r.name, sizeof s->name);
    return DEMUR_OK;
}

/* One that came later. Anybody can say of any signature that it is theirs: only a card that
 * holds, and names whoever disclosed it, changes what is known. */
static enum demur_err read_disclosed(struct listing *l, struct demur_signature *s,
                                     const struct demur_event *e, struct demur_diag *diag)
{
    struct demur_reading r = {0};
    struct demur_member_info by;
    if (!l->reader || s->card == DEMUR_CARD_NAMED)
        return DEMUR_OK;
    enum demur_err err = fetch_card(l, &e->blob, s->tag, &r, diag);
    if (err)
        return err;
    if (r.card == DEMUR_CARD_NAMED && demur_channel_key_owner(l->c->channel, e->by, &by) &&
        span_eq_str(by.handle, r.handle)) {
        s->card = r.card;
        s->disclosed = true;
        memcpy(s->handle, r.handle, sizeof s->handle);
        memcpy(s->name, r.name, sizeof s->name);
    }
    s->unsure = s->unsure || r.card == DEMUR_CARD_UNREACHED;
    return DEMUR_OK;
}

/* A record of the present revision that is parsed: a signature, or what takes it back. */
static enum demur_err take_record(struct listing *l, const struct demur_event *e,
                                  struct demur_bytes *entry, struct demur_diag *diag)
{
    const struct demur_record *r = l->c->record;
    struct demur_blob_ref card;
    struct demur_signature s = {.index = e->index, .at = e->at, .card = DEMUR_CARD_CLOSED};
    bool discloses = e->type == DEMUR_RECORD_DISCLOSE;
    bool tagged = discloses ? demur_record_key(r, DEMUR_FIELD_TAG, s.tag)
                            : record_tag(r, DEMUR_FIELD_PROOF, s.tag);
    if (!tagged || demur_record_number(r, DEMUR_FIELD_REVISION) != l->info.revision)
        return DEMUR_OK;
    struct demur_signature *known = find(l, s.tag);
    enum demur_err err = DEMUR_OK;
    bool has_card = demur_record_blob(r, DEMUR_FIELD_CARD, 0, &card);
    s.author = e->type != DEMUR_RECORD_COSIGN;
    if (has_card && !discloses)
        err = know_ring(l, &s, diag);
    if (!err && l->verify)
        err = proofs_add(&l->proofs, entry, e->index, diag);
    if (err)
        return err;
    if (e->type == DEMUR_RECORD_UNSIGN && known) {
        size_t at = (size_t)(known - l->list);
        memmove(known, known + 1, (--l->len - at) * sizeof *known);
        return DEMUR_OK;
    }
    if (!has_card || (discloses && !known))
        return DEMUR_OK;
    if (discloses)
        return read_disclosed(l, known, e, diag);
    err = read_card(l, &s, &card, diag);
    if (!err && !demur_grow(&l->list, &l->cap, l->len + 1, sizeof *l->list))
        err = no_memory(diag);
    if (!err)
        l->list[l->len++] = s;
    return err;
}

static enum demur_err take_event(struct listing *l, const struct demur_event *e,
                                 struct demur_diag *diag)
{
    struct demur_bytes entry = {0};
    uint64_t at;
    bool matters = e->type == DEMUR_RECORD_CIRCULATE || e->type == DEMUR_RECORD_REVISE ||
                   e->type == DEMUR_RECORD_FILE || e->type == DEMUR_RECORD_COSIGN ||
                   e->type == DEMUR_RECORD_UNSIGN || e->type == DEMUR_RECORD_DISCLOSE;
    if (!matters)
        return DEMUR_OK;
    enum demur_err err = case_record(l->c, e->index, &entry, &at, diag);
    if (err)
        return err;
    err = take_record(l, e, &entry, diag);
    demur_bytes_free(&entry);
    return err;
}

static enum demur_err list_all(struct listing *l, struct demur_diag *diag)
{
    struct demur_event e;
    enum demur_err err = DEMUR_OK;
    for (size_t i = 0; !err && demur_channel_event(l->c->channel, span_str(l->info.id), i, &e);
         i++) {
        err = take_event(l, &e, diag);
        client_progress(l->c, "reading signatures", l->len, l->info.signatures);
    }
    if (!err)
        err = proofs_settle(&l->proofs, diag);
    proofs_free(&l->proofs);
    if (!err && l->len != l->info.signatures)
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "the entries have %zu signatures and the fold counts %llu: remove the "
                         "local copy, and fetch it again",
                         l->len, (unsigned long long)l->info.signatures);
    return err;
}

enum demur_err demur_signatures(struct demur_client *client, const struct demur_actor *reader,
                                const char *dissent, bool verify, struct demur_signature **out,
                                size_t *n, struct demur_diag *diag)
{
    struct listing l = {.c = client, .reader = reader, .verify = verify, .proofs = {.c = client}};
    enum demur_err err =
        reader ? read_begin(client, reader, dissent, &l.info, diag) : act_begin(client, 0, diag);
    if (!err && !reader)
        err = case_find(client, dissent, &l.info, diag);
    if (!err)
        err = list_all(&l, diag);
    if (err) {
        free(l.list);
        return err;
    }
    *out = l.list;
    *n = l.len;
    return DEMUR_OK;
}

/* ---- proofs of authorship ---- */

/* People mix their files up; what is wrong with one is no fault of who made it. */
static enum demur_err claim_parse(struct demur_card *out, struct span text,
                                  uint8_t plain[static DEMUR_CARD_LEN], struct demur_diag *diag)
{
    struct demur_diag why = {0};
    if (!text.len)
        return demur_fail(diag, DEMUR_ERR_SYNTAX, "this file is empty, and no proof of authorship");
    if (span_starts(text, "c2sp.org/tlog-proof@"))
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "this is a receipt, and no proof of authorship: check it with `demur "
                          "receipt verify`");
    if (!span_starts(text, "demur card v1"))
        return demur_fail(
            diag, DEMUR_ERR_SYNTAX,
            "this is no proof of authorship: that is a file which `demur claim --out` "
            "wrote, and begins with the line \"demur card v1\"");
    memcpy(plain, text.p, text.len < DEMUR_CARD_LEN ? text.len : DEMUR_CARD_LEN);
    enum demur_err err = text.len > DEMUR_CARD_LEN
                             ? demur_fail(&why, DEMUR_ERR_LIMIT, "it is too long")
                             : demur_card_parse(out, span_of(plain, DEMUR_CARD_LEN), &why);
    return !err ? DEMUR_OK
                : demur_fail_at(diag, err, why.line, why.column, NULL,
                                "this proof of authorship was changed or broken off on its way: "
                                "%.120s; ask its maker for the file as it was written",
                                why.text);
}

/* Is it about the present text of a dissent of this channel? */
static enum demur_err claim_place(struct demur_client *c, const struct demur_card *card,
                                  struct demur_dissent_info *info, struct demur_diag *diag)
{
    char id[33];
    if (memcmp(card->channel, c->options.channel, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "this proof is about a signature in another channel: check it from a "
                          "home of that channel");
    if (!copy_text(id, sizeof id, card->dissent) || case_find(c, id, info, NULL) != DEMUR_OK)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "this proof is about dissent %.*s, and this channel has none of that id",
                          SPAN_ARG(span_take(card->dissent, 40)));
    if (card->revision < info->revision)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "this proof is about revision %u of the text, which has revision %u now: "
                          "earlier signatures count no more",
                          card->revision, info->revision);
    if (card->revision > info->revision || memcmp(card->commitment, info->commitment, 32) != 0)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "this proof is about a text that the dissent never had: it was changed, "
                          "or never held");
    return DEMUR_OK;
}

static enum demur_err claim_holds(struct demur_client *c, const struct demur_dissent_info *info,
                                  const struct demur_card *card, struct demur_diag *diag)
{
    struct demur_card_about about = {c->options.channel, card->dissent, info->revision,
                                     info->commitment, card->tag};
    struct demur_diag why = {0};
    if (demur_card_check(card, &about, &why) != DEMUR_OK)
        return demur_fail(diag, DEMUR_ERR_VERIFY,
                          "this proof shows nothing: it was changed, or whoever made it did not "
                          "make the signature");
    enum demur_err err = card_hold(c, info, card, card->tag, &why);
    if (err == DEMUR_ERR_MEMORY)
        return no_memory(diag);
    return !err ? DEMUR_OK : demur_fail(diag, err, "this proof shows nothing: %.150s", why.text);
}

enum demur_err demur_claim_check(struct demur_client *client, struct span text,
                                 struct demur_signature *out, struct demur_diag *diag)
{
    uint8_t plain[DEMUR_CARD_LEN] = {0};
    struct demur_card card;
    struct listing l = {.c = client, .proofs = {.c = client}};
    enum demur_err err = claim_parse(&card, text, plain, diag);
    if (!err)
        err = act_begin(client, 0, diag);
    if (!err)
        err = claim_place(client, &card, &l.info, diag);
    if (!err)
        err = list_all(&l, diag);
    struct demur_signature *s = err ? NULL : find(&l, card.tag);
    if (!err && !s)
        err = demur_fail(diag, DEMUR_ERR_VERIFY,
                         "no signature that counts on dissent %s is the one that this proof is "
                         "about: it was taken back, or the proof was changed",
                         l.info.id);
    if (!err)
        err = claim_holds(client, &l.info, &card, diag);
    if (!err && (!copy_text(s->handle, sizeof s->handle, card.handle) ||
                 !copy_text(s->name, sizeof s->name, card.name)))
        err = demur_fail(diag, DEMUR_ERR_LIMIT, "the name in this proof is too long");
    if (!err) {
        s->card = DEMUR_CARD_NAMED;
        memcpy(s->dissent, l.info.id, sizeof s->dissent);
        *out = *s;
    }
    free(l.list);
    return err;
}
