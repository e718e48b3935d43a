/* The cryptography of one record, apart from its signer's right to act. It
 * rests only on facts that never change once they are in the channel, so a
 * verdict stays true while other records are applied. */
#include "channel_proof.h"
#include "channel_state.h"
#include "ed25519_many.h"
#include "hash.h"

#define SUBSETS_MAX 16

struct verifying {
    const struct demur_channel *c;
    const struct demur_record *r;
    struct demur_verdict *out;
    struct demur_diag *diag;
    struct demur_ring_proofs *apart; /* where proofs about rings go; NULL: they are verified */
    /* For many at once, two rounds: signatures are listed and nothing is checked; then
     * their verdicts are looked up. NULL: each is checked where it is met. */
    struct signatures *list, *judged;
};

#define SIGNATURES_MAX 2 /* of one record */
struct signatures {
    struct demur_ed25519_check *checks;
    size_t n;
    struct demur_possession_check *possession; /* NULL: none was listed */
    uint8_t ring_keys[13][32];
};

static void list_sig(struct verifying *v, enum demur_field field, const uint8_t key[static 32])
{
    if (v->list->n == SIGNATURES_MAX)
        return;
    struct demur_ed25519_check *c = &v->list->checks[v->list->n];
    struct buf sig = buf_over(c->sig, sizeof c->sig);
    c->message = demur_record_signed(v->r, field);
    memcpy(c->key, key, 32);
    if (c->message.p && demur_record_bytes(v->r, field, &sig) && sig.len == sizeof c->sig)
        v->list->n++;
}

/* One that was not listed is verified now. */
static bool sig_holds(const struct verifying *v, enum demur_field field,
                      const uint8_t key[static 32])
{
    struct span message = demur_record_signed(v->r, field);
    for (size_t i = 0; v->judged && i < v->judged->n; i++) {
        const struct demur_ed25519_check *c = &v->judged->checks[i];
        if (c->message.len == message.len && memcmp(c->key, key, 32) == 0)
            return c->good;
    }
    return demur_record_verify(v->r, field, key);
}

static enum demur_err check_sig(struct verifying *v, enum demur_field field, const uint8_t *key)
{
    if (v->list)
        list_sig(v, field, key);
    else if (!sig_holds(v, field, key))
        return demur_fail_at(v->diag, DEMUR_ERR_VERIFY, 0, 0, demur_field_name(field),
                             "the signature in %s does not verify", demur_field_name(field));
    return DEMUR_OK;
}

static enum demur_err check_sig_by(struct verifying *v, enum demur_field signer)
{
    uint8_t key[32] = {0};
    demur_record_key(v->r, signer, key);
    return check_sig(v, DEMUR_FIELD_SIG, key);
}

static void list_possession(struct verifying *v)
{
    struct demur_possession_check *c = v->list->possession;
    struct buf proof = buf_over(c->proof, sizeof c->proof);
    c->keys = (const uint8_t(*)[32])v->list->ring_keys;
    c->context = demur_record_signed(v->r, DEMUR_FIELD_POSSESSION);
    c->n = demur_record_bytes(v->r, DEMUR_FIELD_POSSESSION, &proof) && proof.len == sizeof c->proof
               ? channel_ring_keys(v->r, v->list->ring_keys)
               : 0;
}

static enum demur_err check_possession(struct verifying *v)
{
    uint8_t keys[13][32], proof[DEMUR_POSSESSION_LEN];
    if (v->list)
        list_possession(v);
    if (v->list || (v->judged && v->judged->possession && v->judged->possession->good))
        return DEMUR_OK;
    size_t n = channel_ring_keys(v->r, keys);
    struct buf out = buf_over(proof, sizeof proof);
    if (n == 0 || !demur_record_bytes(v->r, DEMUR_FIELD_POSSESSION, &out))
        return demur_fail_at(v->diag, DEMUR_ERR_SYNTAX, 0, 0, "ring-keys",
                             "ring-keys holds 1 to 13 keys of 32 bytes");
    return demur_possession_verify(proof, (const uint8_t(*)[32])keys, n,
                                   demur_record_signed(v->r, DEMUR_FIELD_POSSESSION), v->diag);
}

static enum demur_err verify_member(struct verifying *v)
{
    uint8_t key[32];
    enum demur_err err = check_sig_by(v, DEMUR_FIELD_BY);
    if (err)
        return err;
    if (v->r->type == DEMUR_RECORD_MEMBER) {
        demur_record_key(v->r, DEMUR_FIELD_INVITATION, key);
        if ((err = check_sig(v, DEMUR_FIELD_INVITATION_SIG, key)))
            return err;
    }
    return check_possession(v);
}

static enum demur_err verify_rekey(struct verifying *v)
{
    uint8_t key[32];
    enum demur_err err = check_sig_by(v, DEMUR_FIELD_BY);
    if (err || !demur_record_key(v->r, DEMUR_FIELD_KEY, key))
        return err;
    return check_sig(v, DEMUR_FIELD_KEY_SIG, key);
}

/* What a dissent's ring is made of. */
struct pinning {
    uint32_t policy, epoch;
    uint64_t roster;
    uint32_t pinned; /* its place among the pinned rings; rings_len: it is to be made */
};

static enum demur_err make_whole(const struct demur_channel *c, const struct pinning *at,
                                 struct ring *out, struct demur_diag *diag)
{
    return at->pinned < c->rings_len
               ? channel_ring_load(c, &c->rings[at->pinned], out, diag)
               : channel_ring_make(c, at->policy, at->epoch, at->roster, NULL, 0, out, diag);
}

/* What the record's subsets leave of it. */
static enum demur_err make_part(const struct demur_channel *c, const struct demur_record *r,
                                const struct pinning *at, struct ring *out, struct demur_diag *diag)
{
    struct span subsets[SUBSETS_MAX];
    size_t n = channel_subsets(r, subsets, SUBSETS_MAX);
    uint32_t least = c->policies[at->policy].policy->ring_min;
    enum demur_err err =
        channel_ring_make(c, at->policy, at->epoch, at->roster, subsets, n, out, diag);
    if (err || out->n >= least)
        return err;
    err = demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "subset",
                        "only %zu members are in this part of the ring; the policy wants at "
                        "least %u, so that nobody is singled out",
                        out->n, least);
    channel_ring_release(out);
    return err;
}

static void name_part(const struct verifying *v, const struct pinning *at, uint8_t name[static 32])
{
    uint8_t mem[16];
    struct buf b = buf_over(mem, sizeof mem);
    struct demur_hasher h;
    buf_put_be64(&b, at->epoch);
    buf_put_be64(&b, at->roster);
    demur_hasher_init(&h);
    demur_hasher_add(&h, span_lit("part of a ring"));
    demur_hasher_add(&h, span_of(v->c->policies[at->policy].entry, 32));
    demur_hasher_add(&h, buf_span(&b));
    for (size_t i = 0; i < demur_record_count(v->r, DEMUR_FIELD_SUBSET); i++) {
        demur_hasher_add(&h, demur_record_nth(v->r, DEMUR_FIELD_SUBSET, i));
        demur_hasher_add(&h, span_lit("\n"));
    }
    demur_hasher_final(&h, name);
}

static enum demur_err read_proof(struct verifying *v, enum demur_field field,
                                 struct demur_ring_proof *out)
{
    struct buf bytes = buf_over(out->bytes, sizeof out->bytes);
    out->field = field;
    if (!demur_record_bytes(v->r, field, &bytes))
        return demur_fail_at(v->diag, DEMUR_ERR_SYNTAX, 0, 0, demur_field_name(field),
                             "%s is no ring signature", demur_field_name(field));
    out->len = bytes.len;
    return DEMUR_OK;
}

static enum demur_err refuse_empty(enum demur_field field, struct demur_diag *diag)
{
    return channel_refuse_proof(field, "its ring is empty", diag);
}

/* Verify a proof and give its tag; or set it apart. `ring` needs its keys for the former. */
static enum demur_err check_proof(struct verifying *v, struct demur_ring_proof *p,
                                  const struct ring *ring)
{
    if (v->apart) {
        memcpy(p->ring, ring->digest, 32);
        v->apart->n++;
        return DEMUR_OK;
    }
    if (ring->n == 0)
        return refuse_empty(p->field, v->diag);
    /* The members' keys were checked when they proved possession of them. */
    struct demur_ring checked = {.keys = (const uint8_t(*)[32])ring->keys, .n = ring->n};
    memcpy(checked.digest, ring->digest, 32);
    struct demur_ring_item item = demur_ring_proof_item(v->r, p);
    struct demur_diag diag = {0};
    enum demur_err err =
        demur_ring_verify(item.signature, &checked, item.scope, item.message,
                          p->field == DEMUR_FIELD_PROOF ? v->out->tag : v->out->slot_tag, &diag);
    return err ? channel_refuse_proof(p->field, diag.text, v->diag) : DEMUR_OK;
}

static struct demur_ring_proof *next_proof(struct verifying *v, struct demur_ring_proof *own)
{
    struct demur_ring_proof *p = v->apart ? &v->apart->list[v->apart->n] : own;
    p->part = false;
    return p;
}

/* `proof` over the dissent's ring or the part that the record's subsets select. */
static enum demur_err check_cosign(struct verifying *v, const struct pinning *at,
                                   const struct ring *whole)
{
    struct demur_ring_proof own, *p = next_proof(v, &own);
    struct buf scope = buf_over(p->scope, sizeof p->scope);
    demur_scope_cosign(&scope, v->c->fingerprint, demur_record_get(v->r, DEMUR_FIELD_DISSENT),
                       demur_record_number(v->r, DEMUR_FIELD_REVISION));
    p->scope_len = scope.len;

    size_t n = demur_record_count(v->r, DEMUR_FIELD_SUBSET);
    if (n > SUBSETS_MAX)
        return demur_fail_at(v->diag, DEMUR_ERR_LIMIT, 0, 0, "subset", "at most %d subsets",
                             SUBSETS_MAX);
    p->part = n > 0;
    enum demur_err err = DEMUR_OK;
    struct ring part = {.n = 0};
    if (p->part && v->apart)
        name_part(v, at, part.digest);
    else if (p->part)
        err = make_part(v->c, v->r, at, &part, v->diag);
    if (!err)
        err = read_proof(v, DEMUR_FIELD_PROOF, p);
    if (!err)
        err = check_proof(v, p, p->part ? &part : whole);
    channel_ring_release(&part);
    return err;
}

static enum demur_err check_slot(struct verifying *v, const struct pinning *at,
                                 const struct ring *ring)
{
    struct demur_ring_proof own, *p = next_proof(v, &own);
    struct buf scope = buf_over(p->scope, sizeof p->scope);
    demur_scope_file(&scope, v->c->fingerprint, at->epoch,
                     demur_record_number(v->r, DEMUR_FIELD_SLOT));
    p->scope_len = scope.len;
    enum demur_err err = read_proof(v, DEMUR_FIELD_SLOT_PROOF, p);
    return err ? err : check_proof(v, p, ring);
}

/* All ten fields of the opening group, or none: records.md section 4. */
static enum demur_err check_group(struct verifying *v, bool *opens)
{
    static const enum demur_field group[] = {
        DEMUR_FIELD_CASE_KEY,   DEMUR_FIELD_CASE_RECIPIENT, DEMUR_FIELD_POLICY, DEMUR_FIELD_EPOCH,
        DEMUR_FIELD_ROSTER,     DEMUR_FIELD_RING,           DEMUR_FIELD_SLOT,   DEMUR_FIELD_CARD,
        DEMUR_FIELD_SLOT_PROOF, DEMUR_FIELD_PROOF,
    };
    size_t have = 0;
    for (size_t i = 0; i < DEMUR_COUNT(group); i++)
        have += demur_record_has(v->r, group[i]);
    bool on = demur_record_has(v->r, DEMUR_FIELD_ON);
    *opens = have == DEMUR_COUNT(group);
    bool none = have == 0 && !demur_record_has(v->r, DEMUR_FIELD_SUBSET);
    if ((*opens && !on) || (none && on))
        return DEMUR_OK;
    return demur_fail(v->diag, DEMUR_ERR_SYNTAX,
                      "a file record has either every field that opens a dissent, or none of them "
                      "and an on");
}

static enum demur_err pinning_of_opening(const struct demur_channel *c,
                                         const struct demur_record *r, struct pinning *out,
                                         struct demur_diag *diag)
{
    uint8_t entry[32], digest[32];
    demur_record_hash(r, DEMUR_FIELD_POLICY, entry);
    if (!channel_policy_by(c, entry, &out->policy))
        return demur_fail_at(diag, DEMUR_ERR_STALE, 0, 0, "policy",
                             "this channel has no such policy");
    if (!demur_epoch_parse(demur_record_get(r, DEMUR_FIELD_EPOCH), &out->epoch))
        return demur_fail_at(diag, DEMUR_ERR_SYNTAX, 0, 0, "epoch", "no month");
    out->roster = demur_record_number(r, DEMUR_FIELD_ROSTER);
    demur_record_hash(r, DEMUR_FIELD_RING, digest);
    out->pinned = channel_ring_pinned(c, out->policy, out->epoch, out->roster, digest);
    return DEMUR_OK;
}

static enum demur_err verify_opening(struct verifying *v)
{
    uint8_t key[32], digest[32];
    char id[33];
    struct pinning at;
    demur_record_key(v->r, DEMUR_FIELD_CASE_KEY, key);
    demur_dissent_id(id, key);
    if (!span_eq_str(demur_record_get(v->r, DEMUR_FIELD_DISSENT), id))
        return demur_fail_at(v->diag, DEMUR_ERR_VERIFY, 0, 0, "dissent",
                             "the dissent's id is not that of its case key");
    enum demur_err err = check_sig(v, DEMUR_FIELD_SIG, key);
    if (err || v->list)
        return err;
    if ((err = pinning_of_opening(v->c, v->r, &at, v->diag)))
        return err;
    struct ring ring;
    if ((err = make_whole(v->c, &at, &ring, v->diag)))
        return err;
    demur_record_hash(v->r, DEMUR_FIELD_RING, digest);
    if (memcmp(digest, ring.digest, 32) != 0)
        err = demur_fail_at(v->diag, DEMUR_ERR_STALE, 0, 0, "ring",
                            "the ring's digest is not that of the log's members");
    if (!err)
        err = check_slot(v, &at, &ring);
    if (!err)
        err = check_cosign(v, &at, &ring);
    channel_ring_release(&ring);
    return err;
}

static enum demur_err find_case(const struct demur_channel *c, const struct demur_record *r,
                                const struct dissent **out, struct demur_diag *diag)
{
    struct span id = demur_record_get(r, DEMUR_FIELD_DISSENT);
    *out = channel_dissent_by(c, id);
    if (!*out)
        return demur_fail_at(diag, DEMUR_ERR_UNKNOWN, 0, 0, "dissent", "there is no dissent %.*s",
                             SPAN_ARG(id));
    return DEMUR_OK;
}

static struct pinning pinning_of_case(const struct dissent *d)
{
    return (struct pinning){
        .policy = d->policy, .epoch = d->epoch, .roster = d->roster, .pinned = d->ring};
}

static enum demur_err verify_case(struct verifying *v, bool with_sig, bool with_proof)
{
    const struct dissent *d;
    struct ring ring = {0};
    enum demur_err err = find_case(v->c, v->r, &d, v->diag);
    if (!err && with_sig)
        err = check_sig(v, DEMUR_FIELD_SIG, d->case_key);
    if (err || !with_proof || v->list)
        return err;
    struct pinning at = pinning_of_case(d);
    if (v->apart)
        memcpy(ring.digest, v->c->rings[d->ring].digest, 32);
    else
        err = make_whole(v->c, &at, &ring, v->diag);
    if (!err)
        err = check_cosign(v, &at, &ring);
    channel_ring_release(&ring);
    return err;
}

static enum demur_err verify_by_type(struct verifying *v)
{
    bool opens = true;
    enum demur_err err;
    switch (v->r->type) {
    case DEMUR_RECORD_CHANNEL:
        return check_sig_by(v, DEMUR_FIELD_ROOT_KEY);
    case DEMUR_RECORD_MEMBER:
    case DEMUR_RECORD_RENEW:
        return verify_member(v);
    case DEMUR_RECORD_REKEY:
        return verify_rekey(v);
    case DEMUR_RECORD_CIRCULATE:
        return verify_opening(v);
    case DEMUR_RECORD_FILE:
        err = check_group(v, &opens);
        return err ? err : opens ? verify_opening(v) : verify_case(v, true, false);
    case DEMUR_RECORD_REVISE:
        return verify_case(v, true, true);
    case DEMUR_RECORD_COSIGN:
    case DEMUR_RECORD_UNSIGN:
        return verify_case(v, false, true);
    case DEMUR_RECORD_WITHDRAW:
    case DEMUR_RECORD_APPEAL:
        return verify_case(v, true, false);
    case DEMUR_RECORD_SAY:
    case DEMUR_RECORD_SHARE:
        if (!demur_record_has(v->r, DEMUR_FIELD_BY))
            return verify_case(v, true, false);
        return check_sig_by(v, DEMUR_FIELD_BY);
    default:
        return check_sig_by(v, DEMUR_FIELD_BY);
    }
}

static enum demur_err verify(const struct demur_channel *c, const struct demur_record *r,
                             struct signatures *judged, struct demur_ring_proofs *apart,
                             struct demur_verdict *out, struct demur_diag *diag)
{
    struct demur_verdict verdict = {0};
    struct verifying v = {
        .c = c, .r = r, .out = &verdict, .diag = diag, .apart = apart, .judged = judged};
    enum demur_err err = verify_by_type(&v);
    if (err)
        return err;
    demur_hash(verdict.record, r->text);
    verdict.verified = !apart || apart->n == 0;
    *out = verdict;
    return DEMUR_OK;
}

enum demur_err demur_channel_verify(const struct demur_channel *c, const struct demur_record *r,
                                    struct demur_verdict *out, struct demur_diag *diag)
{
    return verify(c, r, NULL, NULL, out, diag);
}

enum demur_err demur_channel_verify_apart(const struct demur_channel *c,
                                          const struct demur_record *r,
                                          struct demur_verdict *verdict,
                                          struct demur_ring_proofs *out, struct demur_diag *diag)
{
    out->n = 0;
    return verify(c, r, NULL, out, verdict, diag);
}

enum demur_err demur_channel_proof_ring(const struct demur_channel *c, const struct demur_record *r,
                                        const struct demur_ring_proof *p,
                                        struct demur_kept_ring **out, struct demur_diag *diag)
{
    const struct dissent *d;
    struct pinning at;
    struct ring ring;
    enum demur_err err = DEMUR_OK;
    if (demur_record_has(r, DEMUR_FIELD_CASE_KEY))
        err = pinning_of_opening(c, r, &at, diag);
    else if (!(err = find_case(c, r, &d, diag)))
        at = pinning_of_case(d);
    if (!err)
        err = p->part ? make_part(c, r, &at, &ring, diag) : make_whole(c, &at, &ring, diag);
    if (err)
        return err;
    err = ring.n ? channel_kept_ring(out, &ring, p->ring, diag) : refuse_empty(p->field, diag);
    channel_ring_release(&ring);
    return err;
}

#define AT_ONCE 32
static void verify_some(const struct demur_channel *c, struct demur_verify_item *items, size_t n)
{
    struct demur_ed25519_check checks[AT_ONCE * SIGNATURES_MAX];
    struct demur_possession_check possessions[AT_ONCE];
    struct signatures of[AT_ONCE];
    size_t len = 0, possessions_len = 0;
    for (size_t i = 0; i < n; i++) {
        struct demur_verdict none;
        struct demur_possession_check *possession = &possessions[possessions_len];
        *possession = (struct demur_possession_check){.n = 0};
        of[i].checks = checks + len;
        of[i].n = 0;
        of[i].possession = possession;
        struct verifying v = {.c = c, .r = items[i].record, .out = &none, .list = &of[i]};
        (void)!verify_by_type(&v); /* what is wrong the second round says */
        len += of[i].n;
        possessions_len += possession->n > 0;
        if (possession->n == 0)
            of[i].possession = NULL;
    }
    demur_ed25519_verify_many(checks, len);
    demur_possession_verify_many(possessions, possessions_len);
    for (size_t i = 0; i < n; i++)
        items[i].err = verify(c, items[i].record, &of[i], NULL, items[i].verdict, items[i].diag);
}

void demur_channel_verify_many(const struct demur_channel *c, struct demur_verify_item *items,
                               size_t n)
{
    for (size_t first = 0; first < n; first += AT_ONCE)
        verify_some(c, items + first, n - first < AT_ONCE ? n - first : AT_ONCE);
}

bool demur_channel_verify_alone(const struct demur_record *r)
{
    switch (r->type) {
    case DEMUR_RECORD_CIRCULATE:
    case DEMUR_RECORD_FILE:
    case DEMUR_RECORD_REVISE:
    case DEMUR_RECORD_COSIGN:
    case DEMUR_RECORD_UNSIGN:
    case DEMUR_RECORD_WITHDRAW:
    case DEMUR_RECORD_APPEAL:
        return false;
    case DEMUR_RECORD_SAY:
    case DEMUR_RECORD_SHARE:
        return demur_record_has(r, DEMUR_FIELD_BY);
    default:
        return true;
    }
}
