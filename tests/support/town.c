#include "town.h"

#include <sodium.h>

#include "../../core/encode.h"
#include "../../core/handout.h"
#include "../../core/hash.h"
#include "../../core/policy.h"
#include "../../core/ring.h"

void town_key_make(struct town *w, struct town_key *key)
{
    uint8_t seed[32];
    test_random(&w->seed, seed, sizeof seed);
    crypto_sign_seed_keypair(key->public_key, key->secret, seed);
    test_random(&w->seed, seed, sizeof seed);
    crypto_scalarmult_base(key->x25519, seed);
    struct buf b = buf_over(key->recipient, sizeof key->recipient - 1);
    demur_bech32_encode(&b, "age", span_of(key->x25519, 32));
    key->recipient[b.len] = 0;
    key->seq = 0;
}

struct buf *town_begin(struct town *w, enum demur_record_type type)
{
    w->out = buf_over(w->record, sizeof w->record);
    demur_record_begin(&w->out, type, w->fingerprint);
    return &w->out;
}

struct buf *town_begin_by(struct town *w, enum demur_record_type type, struct town_key *by)
{
    town_begin(w, type);
    demur_put_bytes(&w->out, DEMUR_FIELD_BY, span_of(by->public_key, 32));
    demur_put_number(&w->out, DEMUR_FIELD_SEQ, ++by->seq);
    return &w->out;
}

static bool keep(struct town *w, struct span entry, struct span text)
{
    uint8_t *copy = malloc(entry.len + 1);
    if (!copy)
        return false;
    memcpy(copy, entry.p, entry.len);
    w->entries[w->entries_len].bytes = copy;
    w->entries[w->entries_len].len = entry.len;
    w->entries[w->entries_len++].text = text;
    return true;
}

enum demur_err town_send(struct town *w, struct span text)
{
    static uint8_t entry[DEMUR_ENTRY_MAX];
    static struct demur_record r;
    struct buf b = buf_over(entry, sizeof entry);
    w->diag = (struct demur_diag){0};
    if (!buf_ok(&w->out) || w->entries_len == TOWN_ENTRIES)
        return demur_fail(&w->diag, DEMUR_ERR_SPACE, "the test's record is too long");
    demur_entry_write(&b, w->now, buf_span(&w->out));
    enum demur_err err = demur_record_parse(&r, buf_span(&w->out), &w->diag);
    if (!err)
        err = w->hold ? DEMUR_OK : demur_channel_apply(w->c, w->now, &r, text, NULL, &w->diag);
    if (err || w->hold)
        return err;
    return keep(w, buf_span(&b), text) ? DEMUR_OK : DEMUR_ERR_MEMORY;
}

enum demur_err town_keep(struct town *w, uint64_t at, struct span text)
{
    static uint8_t entry[DEMUR_ENTRY_MAX];
    struct buf b = buf_over(entry, sizeof entry);
    uint64_t size = demur_channel_size(w->c);
    w->diag = (struct demur_diag){0};
    demur_entry_write(&b, at, buf_span(&w->out));
    if (!buf_ok(&w->out) || !buf_ok(&b) || w->entries_len == TOWN_ENTRIES)
        return demur_fail(&w->diag, DEMUR_ERR_SPACE, "the test's record is too long");
    enum demur_err err = demur_channel_entry(w->c, buf_span(&b), text, &w->diag);
    if (demur_channel_size(w->c) > size && !keep(w, buf_span(&b), text))
        return DEMUR_ERR_MEMORY;
    return err;
}

enum demur_err town_sign_send(struct town *w, const struct town_key *key)
{
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, key->secret);
    return town_send(w, span_of(NULL, 0));
}

static void put_text_blob(struct town *w, struct span text)
{
    struct demur_blob_ref ref = {.size = text.len};
    demur_hash(ref.hash, text);
    demur_put_blob(&w->out, DEMUR_FIELD_TEXT, &ref);
}

static enum demur_err found(struct town *w)
{
    uint8_t next[32];
    demur_hash(next, span_of(w->next_root.public_key, 32));
    w->out = buf_over(w->record, sizeof w->record);
    demur_record_begin(&w->out, DEMUR_RECORD_CHANNEL, NULL);
    demur_put_text(&w->out, DEMUR_FIELD_ORIGIN, span_lit("dissent.example.org/test"));
    demur_put_bytes(&w->out, DEMUR_FIELD_LOG_KEY, span_of(w->log.public_key, 32));
    demur_put_bytes(&w->out, DEMUR_FIELD_SERVER_KEY, span_of(w->server.public_key, 32));
    demur_put_bytes(&w->out, DEMUR_FIELD_ROOT_KEY, span_of(w->root.public_key, 32));
    demur_put_hash(&w->out, DEMUR_FIELD_NEXT_ROOT, next);
    enum demur_err err = town_sign_send(w, &w->root);
    if (!err && !demur_channel_fingerprint(w->c, w->fingerprint))
        err = DEMUR_ERR_UNKNOWN;
    return err;
}

enum demur_err town_policy(struct town *w, struct span text)
{
    town_begin_by(w, DEMUR_RECORD_POLICY, &w->root);
    put_text_blob(w, text);
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->root.secret);
    return town_send(w, text);
}

enum demur_err town_calendar(struct town *w, const char *name, struct span text)
{
    town_begin_by(w, DEMUR_RECORD_CALENDAR, &w->root);
    demur_put_text(&w->out, DEMUR_FIELD_NAME, span_str(name));
    put_text_blob(w, text);
    demur_put_signature(&w->out, DEMUR_FIELD_SIG, w->root.secret);
    return town_send(w, text);
}

struct town *town_new(uint64_t now, uint64_t seed, const char *const (*calendars)[2],
                      size_t calendars_len, struct span policy)
{
    struct town *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->now = now;
    w->seed = seed;
    w->c = demur_channel_new();
    struct town_key *fixed[] = {&w->root, &w->next_root, &w->log, &w->server, &w->keeper};
    for (size_t i = 0; i < DEMUR_COUNT(fixed); i++)
        town_key_make(w, fixed[i]);
    for (size_t i = 0; i < TOWN_OFFICERS; i++)
        town_key_make(w, &w->officers[i]);
    enum demur_err err = w->c ? found(w) : DEMUR_ERR_MEMORY;
    for (size_t i = 0; !err && i < calendars_len; i++)
        err = town_calendar(w, calendars[i][0], span_str(calendars[i][1]));
    if (!err)
        err = town_policy(w, policy);
    if (err) {
        test_failed(__FILE__, __LINE__, "town: %s at %u:%u %s: %s", demur_err_name(err),
                    w->diag.line, w->diag.column, w->diag.field, w->diag.text);
        town_free(w);
        return NULL;
    }
    return w;
}

struct town *town_plain(uint64_t now, size_t members, const char *policy)
{
    static const char *const calendars[][2] = {
        {"plain", "demur calendar v1\ncalendar plain\nzone UTC\n  standard +00:00\n"
                  "weekend saturday and sunday\n"}};
    struct town *w = town_new(now, 7, calendars, 1, span_str(policy));
    if (!w)
        return NULL;
    town_begin_by(w, DEMUR_RECORD_ROLE, &w->root);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_lit("keeper"));
    demur_put_text(&w->out, DEMUR_FIELD_CHANGE, span_lit("holds"));
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->keeper.public_key, 32));
    demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(w->keeper.recipient));
    CHECK_ERR(town_sign_send(w, &w->root), DEMUR_OK);
    CHECK_ERR(town_grant(w, 0, "office"), DEMUR_OK);
    for (size_t i = 0; i < members; i++) {
        CHECK_ERR(town_invite(w, i, ""), DEMUR_OK);
        CHECK_ERR(town_join(w, i), DEMUR_OK);
    }
    return w;
}

struct town *town_company(uint64_t now, uint64_t seed)
{
    static char texts[2][65536];
    static const char *const names[] = {"eu-weekdays.calendar", "company.policy"};
    for (size_t i = 0; i < 2; i++) {
        struct span text = test_data(names[i]);
        if (!text.p) {
            test_skip("%s is not loaded", names[i]);
            return NULL;
        }
        memcpy(texts[i], text.p, text.len);
        texts[i][text.len] = 0;
    }
    const char *const calendars[][2] = {{"eu-weekdays", texts[0]}};
    return town_new(now, seed, calendars, 1, span_str(texts[1]));
}

void town_free(struct town *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->entries_len; i++)
        free(w->entries[i].bytes);
    demur_channel_free(w->c);
    free(w);
}

struct buf *town_begin_role(struct town *w, size_t i, const char *role, const char *change)
{
    town_begin_by(w, DEMUR_RECORD_ROLE, &w->root);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(role));
    demur_put_text(&w->out, DEMUR_FIELD_CHANGE, span_str(change));
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->officers[i].public_key, 32));
    if (strcmp(change, "holds") == 0)
        demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(w->officers[i].recipient));
    return &w->out;
}

enum demur_err town_grant(struct town *w, size_t i, const char *role)
{
    town_begin_role(w, i, role, "holds");
    return town_sign_send(w, &w->root);
}

enum demur_err town_end_role(struct town *w, size_t i, const char *role)
{
    town_begin_role(w, i, role, "ends");
    return town_sign_send(w, &w->root);
}

enum demur_err town_invite(struct town *w, size_t i, const char *attributes)
{
    struct town_member *m = &w->members[i];
    town_key_make(w, &m->key);
    town_key_make(w, &m->invitation);
    snprintf(m->handle, sizeof m->handle, "m%zu", i);
    town_begin_by(w, DEMUR_RECORD_INVITE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(m->handle));
    struct span rest = span_str(attributes);
    while (rest.len) {
        bool more;
        demur_put_text(&w->out, DEMUR_FIELD_ATTRIBUTE, span_split(&rest, ' ', &more));
    }
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(m->invitation.public_key, 32));
    return town_sign_send(w, &w->keeper);
}

static void put_epoch(struct buf *out, uint32_t epoch)
{
    uint8_t text[8];
    struct buf b = buf_over(text, sizeof text);
    demur_epoch_put(&b, epoch);
    demur_put_text(out, DEMUR_FIELD_EPOCH, buf_span(&b));
}

static enum demur_err join_from(struct town *w, size_t i, uint32_t first_epoch, size_t months)
{
    struct town_member *m = &w->members[i];
    uint8_t entropy[64], proof[64];
    m->first_epoch = first_epoch;
    for (size_t k = 0; k < months; k++) {
        test_random(&w->seed, entropy, 64);
        demur_ring_key_from_seed(m->ring_secret[k], m->ring_key[k], entropy);
    }
    town_begin_by(w, DEMUR_RECORD_MEMBER, &m->key);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(m->handle));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(m->invitation.public_key, 32));
    demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(m->key.recipient));
    put_epoch(&w->out, m->first_epoch);
    demur_put_bytes(&w->out, DEMUR_FIELD_RING_KEYS, span_of(m->ring_key, 32 * months));
    test_random(&w->seed, entropy, 64);
    enum demur_err err = demur_possession_prove(proof, (const uint8_t(*)[32])m->ring_secret,
                                                (const uint8_t(*)[32])m->ring_key, months,
                                                buf_span(&w->out), entropy);
    if (err)
        return err;
    demur_put_bytes(&w->out, DEMUR_FIELD_POSSESSION, span_of(proof, 64));
    demur_put_signature(&w->out, DEMUR_FIELD_INVITATION_SIG, m->invitation.secret);
    return town_sign_send(w, &m->key);
}

enum demur_err town_join(struct town *w, size_t i)
{
    return join_from(w, i, demur_time_epoch((int64_t)w->now), 13);
}

enum demur_err town_rejoin_for(struct town *w, size_t i, uint32_t first_epoch, size_t months)
{
    struct town_member *m = &w->members[i];
    town_key_make(w, &m->invitation);
    town_begin_by(w, DEMUR_RECORD_REKEY, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(m->handle));
    demur_put_bytes(&w->out, DEMUR_FIELD_INVITATION, span_of(m->invitation.public_key, 32));
    enum demur_err err = town_sign_send(w, &w->keeper);
    if (err)
        return err;
    town_key_make(w, &m->key);
    return join_from(w, i, first_epoch, months);
}

enum demur_err town_rejoin(struct town *w, size_t i, uint32_t first_epoch)
{
    return town_rejoin_for(w, i, first_epoch, 13);
}

enum demur_err town_revoke(struct town *w, size_t i)
{
    town_begin_by(w, DEMUR_RECORD_REVOKE, &w->keeper);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(w->members[i].handle));
    return town_sign_send(w, &w->keeper);
}

enum demur_err town_renew(struct town *w, size_t i, uint32_t epoch)
{
    struct town_member *m = &w->members[i];
    uint8_t entropy[64], proof[64];
    uint32_t k = epoch - m->first_epoch;
    test_random(&w->seed, entropy, 64);
    demur_ring_key_from_seed(m->ring_secret[k], m->ring_key[k], entropy);
    town_begin_by(w, DEMUR_RECORD_RENEW, &m->key);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(m->handle));
    put_epoch(&w->out, epoch);
    demur_put_bytes(&w->out, DEMUR_FIELD_RING_KEYS, span_of(m->ring_key[k], 32));
    test_random(&w->seed, entropy, 64);
    enum demur_err err =
        demur_possession_prove(proof, (const uint8_t(*)[32])m->ring_secret[k],
                               (const uint8_t(*)[32])m->ring_key[k], 1, buf_span(&w->out), entropy);
    demur_put_bytes(&w->out, DEMUR_FIELD_POSSESSION, span_of(proof, 64));
    return err ? err : town_sign_send(w, &m->key);
}

enum demur_err town_rekey(struct town *w, size_t i, const struct town_key *key)
{
    struct town_member *m = &w->members[i];
    town_begin_by(w, DEMUR_RECORD_REKEY, &m->key);
    demur_put_text(&w->out, DEMUR_FIELD_HANDLE, span_str(m->handle));
    demur_put_bytes(&w->out, DEMUR_FIELD_KEY, span_of(key->public_key, 32));
    demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(key->recipient));
    demur_put_signature(&w->out, DEMUR_FIELD_KEY_SIG, key->secret);
    enum demur_err err = town_sign_send(w, &m->key);
    if (!err)
        m->key = *key;
    return err;
}

void town_put_random_blob(struct town *w, enum demur_field field, uint64_t size)
{
    static const uint8_t zeros[4096];
    struct demur_blob_ref ref = {.size = size};
    struct demur_hasher h;
    if (w->blobs_len == TOWN_BLOBS || size < 32) {
        test_failed(__FILE__, __LINE__, "the test names too many blobs");
        return;
    }
    uint8_t *start = w->blobs[w->blobs_len].start;
    test_random(&w->seed, start, 32);
    demur_hasher_init(&h);
    demur_hasher_add(&h, span_of(start, 32));
    for (uint64_t left = size - 32; left;) {
        size_t n = left < sizeof zeros ? (size_t)left : sizeof zeros;
        demur_hasher_add(&h, span_of(zeros, n));
        left -= n;
    }
    demur_hasher_final(&h, ref.hash);
    memcpy(w->blobs[w->blobs_len].hash, ref.hash, 32);
    w->blobs[w->blobs_len++].size = size;
    demur_put_blob(&w->out, field, &ref);
}

bool town_blob_bytes(const struct town *w, const uint8_t hash[static 32], struct buf *out)
{
    for (size_t i = 0; i < w->blobs_len; i++) {
        if (memcmp(w->blobs[i].hash, hash, 32) != 0)
            continue;
        uint8_t *p = buf_reserve(out, (size_t)w->blobs[i].size);
        if (!p)
            return false;
        memset(p, 0, (size_t)w->blobs[i].size);
        memcpy(p, w->blobs[i].start, 32);
        return true;
    }
    return false;
}

static uint64_t roster_now(const struct town *w)
{
    return w->roster ? w->roster : demur_channel_size(w->c);
}

enum demur_err town_put_proof(struct town *w, enum demur_field field, size_t i,
                              const struct town_case *k, unsigned slot)
{
    static uint8_t keys[TOWN_MEMBERS][32];
    uint8_t text[200], proof[DEMUR_RING_SIGNATURE_MAX], entropy[64], entry[32];
    struct demur_dissent_info d;
    struct demur_ring ring;
    size_t n = 0;
    bool opened = demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d);
    uint32_t epoch = opened ? d.epoch : demur_time_epoch((int64_t)w->now);
    uint64_t roster = opened ? d.roster : roster_now(w);
    if (opened)
        memcpy(entry, d.policy_entry, 32);
    else if (!demur_channel_policy(w->c, entry))
        return DEMUR_ERR_UNKNOWN;
    enum demur_err err =
        demur_channel_ring(w->c, entry, epoch, roster, NULL, 0, keys, TOWN_MEMBERS, &n, &w->diag);
    if (!err)
        err = demur_ring_init(&ring, (const uint8_t(*)[32])keys, n, &w->diag);
    if (err)
        return err;
    struct buf scope = buf_over(text, sizeof text), out = buf_over(proof, sizeof proof);
    buf_put_str(&scope, field == DEMUR_FIELD_SLOT_PROOF ? "file " : "cosign ");
    demur_hex_encode(&scope, span_of(w->fingerprint, 32));
    buf_put_byte(&scope, ' ');
    if (field == DEMUR_FIELD_SLOT_PROOF) {
        demur_epoch_put(&scope, epoch);
        buf_put_byte(&scope, ' ');
        buf_put_u64(&scope, slot);
    } else {
        buf_put_str(&scope, k->id);
        buf_put_byte(&scope, ' ');
        buf_put_u64(&scope, k->revision);
    }
    test_random(&w->seed, entropy, 64);
    err = demur_ring_sign(&out, &ring, w->members[i].ring_secret[epoch - w->members[i].first_epoch],
                          buf_span(&scope), buf_span(&w->out), entropy);
    if (!err)
        demur_put_bytes(&w->out, field, buf_span(&out));
    return err;
}

void town_put_keys(struct town *w, const struct town_case *k)
{
    if (k->ring && !w->keys.none)
        town_put_random_blob(w, DEMUR_FIELD_KEYS,
                             demur_handout_len(k->ring) + (uint64_t)w->keys.more);
}

static enum demur_err put_opening(struct town *w, unsigned slot, struct town_case *k)
{
    uint8_t entry[32], digest[32];
    static uint8_t keys[TOWN_MEMBERS][32];
    size_t n;
    uint32_t epoch = demur_time_epoch((int64_t)w->now);
    town_key_make(w, &k->key);
    demur_dissent_id(k->id, k->key.public_key);
    test_random(&w->seed, k->commitment, 32);
    k->revision = 1;
    if (!demur_channel_policy(w->c, entry))
        return DEMUR_ERR_UNKNOWN;
    enum demur_err err = demur_channel_ring(w->c, entry, epoch, roster_now(w), NULL, 0, keys,
                                            TOWN_MEMBERS, &n, &w->diag);
    if (err)
        return err;
    demur_ring_digest(digest, (const uint8_t(*)[32])keys, n);
    k->ring = n;
    demur_put_text(&w->out, DEMUR_FIELD_DISSENT, span_str(k->id));
    demur_put_bytes(&w->out, DEMUR_FIELD_CASE_KEY, span_of(k->key.public_key, 32));
    demur_put_text(&w->out, DEMUR_FIELD_CASE_RECIPIENT, span_str(k->key.recipient));
    demur_put_hash(&w->out, DEMUR_FIELD_POLICY, entry);
    put_epoch(&w->out, epoch);
    demur_put_number(&w->out, DEMUR_FIELD_ROSTER, roster_now(w));
    demur_put_hash(&w->out, DEMUR_FIELD_RING, digest);
    demur_put_number(&w->out, DEMUR_FIELD_SLOT, slot);
    town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, 1);
    demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    town_put_random_blob(w, DEMUR_FIELD_MEMO, 8192);
    return DEMUR_OK;
}

static enum demur_err send_opening(struct town *w, size_t i, unsigned slot, struct town_case *k)
{
    enum demur_err err = town_put_proof(w, DEMUR_FIELD_SLOT_PROOF, i, k, slot);
    if (!err)
        err = town_put_proof(w, DEMUR_FIELD_PROOF, i, k, slot);
    return err ? err : town_sign_send(w, &k->key);
}

enum demur_err town_file(struct town *w, size_t i, unsigned slot, const char *to,
                         struct town_case *out)
{
    uint8_t release[32];
    town_begin(w, DEMUR_RECORD_FILE);
    enum demur_err err = put_opening(w, slot, out);
    if (err)
        return err;
    test_random(&w->seed, w->release, 32);
    demur_release_commitment(release, w->release);
    demur_put_hash(&w->out, DEMUR_FIELD_RELEASE, release);
    struct span rest = span_str(to);
    while (rest.len) {
        bool more;
        demur_put_text(&w->out, DEMUR_FIELD_TO, span_split(&rest, ' ', &more));
    }
    return send_opening(w, i, slot, out);
}

enum demur_err town_circulate(struct town *w, size_t i, unsigned slot, uint64_t until,
                              struct town_case *out)
{
    town_begin(w, DEMUR_RECORD_CIRCULATE);
    enum demur_err err = put_opening(w, slot, out);
    if (err)
        return err;
    town_put_keys(w, out);
    demur_put_text(&w->out, DEMUR_FIELD_AUDIENCE,
                   w->keys.invited ? span_lit("invited") : span_lit("members"));
    demur_put_number(&w->out, DEMUR_FIELD_UNTIL, until);
    return send_opening(w, i, slot, out);
}

enum demur_err town_cosign(struct town *w, size_t i, const struct town_case *k,
                           enum demur_record_type type)
{
    town_begin(w, type);
    demur_put_text(&w->out, DEMUR_FIELD_DISSENT, span_str(k->id));
    if (type == DEMUR_RECORD_COSIGN)
        town_put_random_blob(w, DEMUR_FIELD_CARD, 4096);
    demur_put_number(&w->out, DEMUR_FIELD_REVISION, k->revision);
    if (type == DEMUR_RECORD_COSIGN)
        demur_put_hash(&w->out, DEMUR_FIELD_COMMITMENT, k->commitment);
    enum demur_err err = town_put_proof(w, DEMUR_FIELD_PROOF, i, k, 0);
    return err ? err : town_send(w, span_of(NULL, 0));
}

void town_put_on(struct town *w, const struct town_case *k)
{
    struct demur_dissent_info d = {0};
    if (!demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d))
        test_failed(__FILE__, __LINE__, "no dissent %s", k->id);
    demur_put_text(&w->out, DEMUR_FIELD_DISSENT, span_str(k->id));
    demur_put_hash(&w->out, DEMUR_FIELD_ON, d.latest);
}

enum demur_err town_step(struct town *w, const struct town_case *k, size_t officer,
                         const char *role, const char *act, bool document, uint64_t until)
{
    town_begin_by(w, DEMUR_RECORD_STEP, &w->officers[officer]);
    town_put_on(w, k);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(role));
    demur_put_text(&w->out, DEMUR_FIELD_ACT, span_str(act));
    if (document)
        town_put_random_blob(w, DEMUR_FIELD_DOCUMENT, 4096);
    if (until)
        demur_put_number(&w->out, DEMUR_FIELD_UNTIL, until);
    return town_sign_send(w, &w->officers[officer]);
}

enum demur_err town_open(struct town *w, const struct town_case *k, size_t officer,
                         const char *role)
{
    struct demur_dissent_info d = {0};
    if (!demur_channel_dissent_find(w->c, span_str(k->id), w->now, &d))
        return DEMUR_ERR_UNKNOWN;
    town_begin_by(w, DEMUR_RECORD_OPEN, &w->officers[officer]);
    town_put_on(w, k);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(role));
    demur_put_hash(&w->out, DEMUR_FIELD_MEMO, d.memo.hash);
    return town_sign_send(w, &w->officers[officer]);
}

enum demur_err town_say(struct town *w, const struct town_case *k, int officer, const char *role)
{
    if (officer >= 0)
        town_begin_by(w, DEMUR_RECORD_SAY, &w->officers[officer]);
    else
        town_begin(w, DEMUR_RECORD_SAY);
    town_put_on(w, k);
    if (officer >= 0)
        demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(role));
    town_put_random_blob(w, DEMUR_FIELD_MESSAGE, 4096);
    return town_sign_send(w, officer >= 0 ? &w->officers[officer] : &k->key);
}

enum demur_err town_share(struct town *w, const struct town_case *k,
                          const uint8_t source[static 32], size_t officer)
{
    town_begin(w, DEMUR_RECORD_SHARE);
    town_put_on(w, k);
    demur_put_hash(&w->out, DEMUR_FIELD_SOURCE, source);
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->officers[officer].public_key, 32));
    town_put_random_blob(w, DEMUR_FIELD_BLOB, 4096);
    return town_sign_send(w, &k->key);
}

enum demur_err town_appeal(struct town *w, const struct town_case *k)
{
    town_begin(w, DEMUR_RECORD_APPEAL);
    town_put_on(w, k);
    return town_sign_send(w, &k->key);
}

enum demur_err town_withdraw(struct town *w, const struct town_case *k)
{
    town_begin(w, DEMUR_RECORD_WITHDRAW);
    town_put_on(w, k);
    return town_sign_send(w, &k->key);
}
