/* channel_proof.c - what becomes of proofs that were set apart. See channel_proof.h. */
#include "channel_proof.h"

#include "channel_state.h"

enum demur_err channel_kept_ring(struct demur_kept_ring **out, const struct ring *ring,
                                 const uint8_t name[static 32], struct demur_diag *diag)
{
    size_t storage = demur_ring_storage_len(ring->n);
    size_t size = sizeof(struct demur_kept_ring) + storage + ring->n * 32;
    struct demur_kept_ring *kept = malloc(size);
    if (!kept)
        return demur_fail(diag, DEMUR_ERR_MEMORY, "out of memory");
    uint8_t *rest = (uint8_t *)(kept + 1);
    *kept = (struct demur_kept_ring){
        .size = size, .storage = rest, .keys = (uint8_t(*)[32])(rest + storage)};
    memcpy(kept->name, name, 32);
    memcpy(kept->keys, ring->keys, ring->n * 32);
    kept->ring = (struct demur_ring){.keys = (const uint8_t(*)[32])kept->keys, .n = ring->n};
    memcpy(kept->ring.digest, ring->digest, 32);
    *out = kept;
    return DEMUR_OK;
}

enum demur_err demur_kept_ring_load(struct demur_kept_ring *kept, struct demur_diag *diag)
{
    enum demur_err err = demur_ring_load(&kept->ring, (const uint8_t(*)[32])kept->keys,
                                         kept->ring.n, kept->storage, diag);
    return err ? DEMUR_ERR_VERIFY : DEMUR_OK;
}

void demur_kept_ring_free(struct demur_kept_ring *kept) { free(kept); }

struct demur_ring_item demur_ring_proof_item(const struct demur_record *r,
                                             const struct demur_ring_proof *p)
{
    return (struct demur_ring_item){.signature = span_of(p->bytes, p->len),
                                    .scope = span_of(p->scope, p->scope_len),
                                    .message = demur_record_signed(r, p->field)};
}

enum demur_err channel_refuse_proof(enum demur_field field, const char *why,
                                    struct demur_diag *diag)
{
    return demur_fail_at(diag, DEMUR_ERR_VERIFY, 0, 0, demur_field_name(field),
                         "the ring signature in %s does not verify: %s", demur_field_name(field),
                         why);
}

enum demur_err demur_ring_proof_settle(const struct demur_ring_proof *p,
                                       const struct demur_ring *ring,
                                       const struct demur_ring_item *item,
                                       struct demur_verdict *verdict, struct demur_diag *diag)
{
    struct demur_diag why = {0};
    if (item->err) {
        demur_ring_item_explain(item, ring, &why);
        return channel_refuse_proof(p->field, why.text, diag);
    }
    memcpy(p->field == DEMUR_FIELD_PROOF ? verdict->tag : verdict->slot_tag, item->tag, 32);
    return DEMUR_OK;
}
