/* The state's hash: what golden logs pin. It covers every entry's acceptance or
 * refusal (the chain) and every view at the last entry's time. */
#include "channel_state.h"
#include "hash.h"

static enum demur_err view_of(const struct demur_channel *c, size_t which, struct buf *out)
{
    switch (which) {
    case 0:
        return demur_view_channel(c, c->last_at, out);
    case 1:
        return demur_view_policy(c, out);
    case 2:
        return demur_view_roster(c, c->last_at, out);
    case 3:
        return demur_view_board(c, c->last_at, out);
    default:
        return demur_view_dissent(c, span_str(c->dissents[which - 4].id), c->last_at, out, NULL);
    }
}

bool demur_channel_state_hash(const struct demur_channel *c, uint8_t out[static 32])
{
    struct demur_hasher h;
    size_t cap = 65536;
    uint8_t *text = malloc(cap);
    demur_hasher_init(&h);
    demur_hasher_add(&h, span_lit("demur v1 state"));
    demur_hasher_add(&h, span_of(c->chain, 32));
    for (size_t i = 0; text && i < 4 + c->dissents_len; i++) {
        struct buf b = buf_over(text, cap);
        enum demur_err err;
        while ((err = view_of(c, i, &b)) == DEMUR_ERR_SPACE && cap < SIZE_MAX / 2) {
            cap *= 2;
            uint8_t *more = realloc(text, cap);
            if (!more)
                break;
            text = more;
            b = buf_over(text, cap);
        }
        if (err == DEMUR_ERR_SPACE || err == DEMUR_ERR_MEMORY) {
            free(text);
            text = NULL;
            break;
        }
        demur_hasher_add(&h, buf_span(&b));
    }
    demur_hasher_final(&h, out);
    bool whole = text != NULL;
    free(text);
    return whole;
}
