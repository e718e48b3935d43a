/* What becomes of a memo that circulates: revised, filed, and who owns to have signed it.
 * And how to spoil a record. */
#include "../../core/card.h"
#include "../../core/ring.h"
#include "town.h"

enum demur_err town_revise(struct town *w, size_t i, const struct town_case *k)
{
    town_begin(w, DEMUR_RECORD_REVISE);
    town_put_on(w, k);
    town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, k->revision);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    town_put_random_blob(w, DEMUR_FIELD_MEMO, 8192);
    town_put_random_blob(w, DEMUR_FIELD_ATTACHMENT, 4096);
    town_put_keys(w, k);
    enum demur_err err = town_put_proof(w, DEMUR_FIELD_PROOF, i, k, 0);
    return err ? err : town_sign_send(w, &k->key);
}

enum demur_err town_file_circulated(struct town *w, const struct town_case *k, const char *to)
{
    uint8_t release[32];
    test_random(&w->seed, w->release, 32);
    demur_release_commitment(release, w->release);
    town_begin(w, DEMUR_RECORD_FILE);
    town_put_on(w, k);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, k->revision);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    town_put_random_blob(w, DEMUR_FIELD_MEMO, 8192);
    demur_put_hash(&w->out, DEMUR_FIELD_RELEASE, release);
    town_put_random_blob(w, DEMUR_FIELD_ATTACHMENT, 4096);
    struct span rest = span_str(to);
    while (rest.len) {
        bool more;
        demur_put_text(&w->out, DEMUR_FIELD_TO, span_split(&rest, ' ', &more));
    }
    return town_sign_send(w, &k->key);
}

enum demur_err town_disclose(struct town *w, size_t i, const struct town_case *k)
{
    struct town_member *m = &w->members[i];
    struct demur_dissent_info d = {0};
    uint8_t text[DEMUR_SCOPE_MAX], tag[32];
    struct buf scope = buf_over(text, sizeof text);
    if (!demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d))
        return DEMUR_ERR_UNKNOWN;
    demur_scope_cosign(&scope, w->fingerprint, span_str(k->id), k->revision);
    demur_ring_tag(tag, buf_span(&scope), m->ring_secret[d.epoch - m->first_epoch]);
    town_begin_by(w, DEMUR_RECORD_DISCLOSE, &m->key);
    demur_put_text(&w->out, DEMUR_FIELD_DISSENT, span_str(k->id));
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, k->revision);
    demur_put_bytes(&w->out, DEMUR_FIELD_TAG, span_of(tag, 32));
    town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    return town_sign_send(w, &m->key);
}

void town_edit(struct town *w, const char *field, const char *value)
{
    static uint8_t mem[DEMUR_RECORD_MAX];
    struct span rest = buf_span(&w->out);
    struct buf out = buf_over(mem, sizeof mem);
    bool more = true, done = false;
    while (rest.len && more) {
        struct span line = span_split(&rest, '\n', &more), value_of = line;
        bool found;
        bool this = !done && span_eq_str(span_split(&value_of, ' ', &found), field);
        done |= this;
        if (this && !value)
            continue;
        buf_put_span(&out, this ? span_str(field) : line);
        if (this) {
            buf_put_byte(&out, ' ');
            buf_put_str(&out, value);
        }
        buf_put_byte(&out, '\n');
    }
    if (!done)
        test_failed(__FILE__, __LINE__, "the record has no %s", field);
    w->out = buf_over(w->record, sizeof w->record);
    buf_put_span(&w->out, buf_span(&out));
}
